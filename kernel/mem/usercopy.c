/* No locks. The loops are usercopy.S's; a fault in them comes to space_trap (fault.c), which brings
 * the page in or lets them go on at their fixup. */
#include "kernel/mem/usercopy.h"

#include <stdbool.h>
#include "kernel/abi/errno.h"
#include "kernel/cpu/extable.h"
#include "kernel/cpu/features.h"
#include "kernel/mem/layout.h"

size_t user_move(void *to, const void *from, size_t size);
size_t user_clear(void *to, size_t size);
long user_string(char *to, const char *from, size_t size);

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

size_t copy_from_user(void *to, const void *user, size_t size)
{
    if (!range_good(user, size))
        return size;
    window_open();
    size_t left = user_move(to, user, size);
    window_close();
    return left;
}

size_t copy_to_user(void *user, const void *from, size_t size)
{
    if (!range_good(user, size))
        return size;
    window_open();
    size_t left = user_move(user, from, size);
    window_close();
    return left;
}

size_t zero_user(void *user, size_t size)
{
    if (!range_good(user, size))
        return size;
    window_open();
    size_t left = user_clear(user, size);
    window_close();
    return left;
}

long string_from_user(char *to, const char *user, size_t size)
{
    if (!range_good(user, 0))
        return -ABI_EFAULT;
    size_t room = USER_END - (uint64_t)user;
    window_open();
    long length = user_string(to, user, size < room ? size : room);
    window_close();
    if (length >= 0)
        return length;
    return length == -1 && size <= room ? -ABI_ENAMETOOLONG : -ABI_EFAULT;
}

/* The single words: RESULT stays -ABI_EFAULT when the access goes to the fixup. */

int load_user32(uint32_t *value, const uint32_t *user)
{
    int result = -ABI_EFAULT;
    uint32_t word = 0;
    if (!range_good(user, sizeof(*user)))
        return result;
    window_open();
    __asm__ volatile("1: movl (%[user]), %[word]\n\t"
                     "xorl %[result], %[result]\n"
                     "2:\n\t" EXTABLE("1b", "2b")
                     : [result] "+r"(result), [word] "+r"(word)
                     : [user] "r"(user)
                     : "memory", "cc");
    window_close();
    *value = word;
    return result;
}

int store_user32(uint32_t *user, uint32_t value)
{
    int result = -ABI_EFAULT;
    if (!range_good(user, sizeof(*user)))
        return result;
    window_open();
    __asm__ volatile("1: movl %[value], (%[user])\n\t"
                     "xorl %[result], %[result]\n"
                     "2:\n\t" EXTABLE("1b", "2b")
                     : [result] "+r"(result)
                     : [user] "r"(user), [value] "r"(value)
                     : "memory", "cc");
    window_close();
    return result;
}

int store_user64(uint64_t *user, uint64_t value)
{
    int result = -ABI_EFAULT;
    if (!range_good(user, sizeof(*user)))
        return result;
    window_open();
    __asm__ volatile("1: movq %[value], (%[user])\n\t"
                     "xorl %[result], %[result]\n"
                     "2:\n\t" EXTABLE("1b", "2b")
                     : [result] "+r"(result)
                     : [user] "r"(user), [value] "r"(value)
                     : "memory", "cc");
    window_close();
    return result;
}

int cmpxchg_user32(uint32_t *user, uint32_t expected, uint32_t desired, uint32_t *seen)
{
    int result = -ABI_EFAULT;
    if (!range_good(user, sizeof(*user)))
        return result;
    window_open();
    __asm__ volatile("1: lock cmpxchgl %[desired], (%[user])\n\t"
                     "xorl %[result], %[result]\n"
                     "2:\n\t" EXTABLE("1b", "2b")
                     : [result] "+r"(result), "+a"(expected)
                     : [user] "r"(user), [desired] "r"(desired)
                     : "memory", "cc");
    window_close();
    *seen = expected;
    return result;
}
