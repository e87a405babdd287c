/*
 * The one wait loop: try -> register -> try again -> sleep. It alone knows O_NONBLOCK, timeouts,
 * signals and EINTR.
 */
#ifndef KERNEL_SYS_WAITLOOP_H
#define KERNEL_SYS_WAITLOOP_H

#include <stdint.h>
#include <oskit/error.h>
#include "kernel/sys/openfile.h"
#include "kernel/task/thread.h"

/* A waiter that wakes a thread. */
struct thread_waiter {
    struct readiness_waiter waiter;
    struct thread *thread;
};

/*
 * Calls TRY(ARG) until it answers something else than OSKIT_EWOULDBLOCK; in between sleeps until
 * READINESS shows a bit of MASK (or an event of it). NONBLOCK: one try only. Result: TRY's, or
 * OSKIT_EWOULDBLOCK (nonblocking), OSKIT_ETIMEDOUT (DEADLINE passed), OSKIT_EINTR (a signal; the
 * caller chooses the restart code).
 */
oskit_error_t wait_loop_until(struct readiness *readiness, uint32_t mask, bool nonblock,
                              struct deadline deadline, oskit_error_t (*try)(void *arg), void *arg);
static inline oskit_error_t wait_loop(struct readiness *readiness, uint32_t mask, bool nonblock,
                                      uint64_t deadline, oskit_error_t (*try)(void *arg), void *arg)
{
    return wait_loop_until(readiness, mask, nonblock, (struct deadline){deadline, false}, try, arg);
}

/* OSKit errors to negative ABI errnos, the one place. 0 stays 0. */
long errno_from_oskit(oskit_error_t error);
/* The other way, for kernel-side objects. */
oskit_error_t errno_to_oskit(long error);

#endif
