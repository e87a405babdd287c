/*
 * The only code that touches user memory. Each checks the range against USER_END (overflow
 * included), opens one SMAP window and survives faults through the exception table. May fault pages
 * in, so: thread context, no spinlock held. With a spinlock held or page faults off, the copy fails
 * at the first absent page instead.
 */
#ifndef KERNEL_MEM_USERCOPY_H
#define KERNEL_MEM_USERCOPY_H

#include <stddef.h>
#include <stdint.h>

/* Return bytes NOT copied. */
size_t copy_from_user(void *to, const void *user, size_t size);
size_t copy_to_user(void *user, const void *from, size_t size);
size_t zero_user(void *user, size_t size);
/* Length without NUL when the string fits into SIZE bytes with it; -ABI_EFAULT, -ABI_ENAMETOOLONG
 * when no NUL within SIZE. */
long string_from_user(char *to, const char *user, size_t size);
/* Single words, for futexes and small results; 0 or -ABI_EFAULT. */
int load_user32(uint32_t *value, const uint32_t *user);
int store_user32(uint32_t *user, uint32_t value);
int store_user64(uint64_t *user, uint64_t value);
/* COUNT times 16 bits, 8 bytes apart on both sides: poll's answers. 0 or -ABI_EFAULT. */
int store_user_every8(uint16_t *user, const uint16_t *from, size_t count);
/* Atomically replaces EXPECTED by DESIRED; *seen is what was there. 0 or -ABI_EFAULT. */
int cmpxchg_user32(uint32_t *user, uint32_t expected, uint32_t desired, uint32_t *seen);

#endif
