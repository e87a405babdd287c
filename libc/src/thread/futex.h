/* Futexes. All results are 0 or an errno value. */
#ifndef LIBC_FUTEX_H
#define LIBC_FUTEX_H

#include <stdbool.h>
#include <time.h>

#include "../internal.h"

#define FUTEX_WAIT           0
#define FUTEX_WAKE           1
#define FUTEX_WAIT_BITSET    9
#define FUTEX_PRIVATE        128
#define FUTEX_CLOCK_REALTIME 256
#define FUTEX_WAITERS        0x80000000
#define FUTEX_OWNER_DIED     0x40000000
#define FUTEX_TID_MASK       0x3fffffff

/* Sleeps while *word is value, until `deadline` of `clock`; NULL is never. EAGAIN: it was not;
   EINTR; ETIMEDOUT. `cancellable`: a cancellation point, that does not come back when the thread is
   cancelled. */
int __futex_wait(const void *word, int value, bool shared, clockid_t clock,
                 const struct timespec *deadline, bool cancellable);

static inline void futex_wake(const void *word, int count, bool shared)
{
    SYS3(futex, word, shared ? FUTEX_WAKE : FUTEX_WAKE | FUTEX_PRIVATE, count);
}

static inline bool deadline_valid(const struct timespec *deadline)
{
    return deadline->tv_nsec >= 0 && deadline->tv_nsec < 1000000000;
}

static inline bool clock_waitable(clockid_t clock)
{
    return clock == CLOCK_REALTIME || clock == CLOCK_MONOTONIC;
}

#endif
