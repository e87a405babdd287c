/* Shared by the libc's own sources; no program sees it. */
#ifndef LIBC_INTERNAL_H
#define LIBC_INTERNAL_H

#include <errno.h>
#include <sys/syscall.h>
#include <sys/types.h>

/* The kernel's result: -errno for failure. */
static inline long raw_syscall(long number, long a0, long a1, long a2, long a3, long a4, long a5)
{
    register long r10 __asm__("r10") = a3;
    register long r8 __asm__("r8") = a4;
    register long r9 __asm__("r9") = a5;
    long result;

    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a0), "S"(a1), "d"(a2), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

#define SYS3(name, a, b, c) raw_syscall(SYS_##name, (long)(a), (long)(b), (long)(c), 0, 0, 0)
#define SYS6(name, a, b, c, d, e, f) \
    raw_syscall(SYS_##name, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

/* The C convention: -1 and errno. */
static inline long with_errno(long result)
{
    if ((unsigned long)result < -4095ul)
        return result;
    errno = (int)-result;
    return -1;
}

#define CALL3(name, a, b, c)          with_errno(SYS3(name, a, b, c))
#define CALL6(name, a, b, c, d, e, f) with_errno(SYS6(name, a, b, c, d, e, f))

/* The same for a call that is a cancellation point (src/syscall.S). */
long __cancel_call(long number, long a0, long a1, long a2, long a3, long a4, long a5);
#define CANCEL6(name, a, b, c, d, e, f)                                                         \
    with_errno(__cancel_call(SYS_##name, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), \
                             (long)(f)))
#define CANCEL3(name, a, b, c) CANCEL6(name, a, b, c, 0, 0, 0)

/* The kernel's sigset_t is 8 bytes, newlib's too. */
#define KERNEL_SIGSET_SIZE 8

void __tls_start(unsigned long *auxv);
extern void *__first_stack_end;

#endif
