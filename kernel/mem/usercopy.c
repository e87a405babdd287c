/* No locks. The loops, and copies as a whole, are usercopy.S's; a fault in them comes to space_trap
 * (fault.c), which brings the page in or lets them go on at their fixup. */
#include "kernel/mem/usercopy.h"

#include <stdbool.h>
#include <stddef.h>
#include "kernel/abi/errno.h"
#include "kernel/cpu/features.h"
#include "kernel/mem/layout.h"

int user_load32(uint32_t *value, const uint32_t *user);
int user_store32(uint32_t *user, uint32_t value);
int user_store64(uint64_t *user, uint64_t value);
int user_cmpxchg32(uint32_t *user, uint32_t expected, uint32_t desired, uint32_t *seen);
int user_store_every8(uint16_t *user, const uint16_t *from, size_t count);

_Static_assert(USER_END == 0x00007ffffffff000 && offsetof(struct cpu_features, smap) == 0x5e &&
                   offsetof(struct cpu_features, fast_strings) == 0x68 && ABI_EFAULT == 14 &&
                   ABI_ENAMETOOLONG == 36,
               "usercopy.S");

static inline bool range_good(const void *user, size_t size)
{
    return (uint64_t)user <= USER_END && size <= USER_END - (uint64_t)user;
}

/* Between these two the kernel may touch user pages. Dear where they are emulated: once a call. */
static inline void window_open(void)
{
    if (cpu_features.smap)
        __asm__ volatile("stac" ::: "memory", "cc");
}

static inline void window_close(void)
{
    if (cpu_features.smap)
        __asm__ volatile("clac" ::: "memory", "cc");
}

int load_user32(uint32_t *value, const uint32_t *user)
{
    *value = 0;
    if (!range_good(user, sizeof(*user)))
        return -ABI_EFAULT;
    window_open();
    int failed = user_load32(value, user);
    window_close();
    return failed ? -ABI_EFAULT : 0;
}

int store_user32(uint32_t *user, uint32_t value)
{
    if (!range_good(user, sizeof(*user)))
        return -ABI_EFAULT;
    window_open();
    int failed = user_store32(user, value);
    window_close();
    return failed ? -ABI_EFAULT : 0;
}

int store_user64(uint64_t *user, uint64_t value)
{
    if (!range_good(user, sizeof(*user)))
        return -ABI_EFAULT;
    window_open();
    int failed = user_store64(user, value);
    window_close();
    return failed ? -ABI_EFAULT : 0;
}

int store_user_every8(uint16_t *user, const uint16_t *from, size_t count)
{
    if (!count)
        return 0;
    if (count > USER_END / 8 || !range_good(user, (count - 1) * 8 + sizeof(*user)))
        return -ABI_EFAULT;
    window_open();
    int failed = user_store_every8(user, from, count);
    window_close();
    return failed ? -ABI_EFAULT : 0;
}

int cmpxchg_user32(uint32_t *user, uint32_t expected, uint32_t desired, uint32_t *seen)
{
    if (!range_good(user, sizeof(*user)))
        return -ABI_EFAULT;
    window_open();
    int failed = user_cmpxchg32(user, expected, desired, seen);
    window_close();
    return failed ? -ABI_EFAULT : 0;
}
