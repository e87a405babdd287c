/* Waiting on a futex, the one way in which threads of the libc sleep. */
#include "futex.h"

int __futex_wait(const void *word, int value, bool shared, clockid_t clock,
                 const struct timespec *deadline, bool cancellable)
{
    int operation = FUTEX_WAIT_BITSET;
    long result;

    if (deadline && !deadline_valid(deadline))
        return EINVAL;
    if (deadline && deadline->tv_sec < 0) /* the kernel calls that EINVAL */
        return ETIMEDOUT;
    if (!shared)
        operation |= FUTEX_PRIVATE;
    if (clock == CLOCK_REALTIME)
        operation |= FUTEX_CLOCK_REALTIME;
    if (cancellable)
        result = __cancel_call(SYS_futex, (long)word, operation, value, (long)deadline, 0, -1);
    else
        result = SYS6(futex, word, operation, value, deadline, 0, -1);
    return (int)-result;
}
