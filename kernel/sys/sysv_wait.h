/*
 * Waiting for a semaphore or a message: a thread queues a waiter and sleeps, and whoever makes true
 * what it waits for does its work for it, under the object's lock, and tells the result. So what
 * comes goes to who has waited longest, and nobody who comes later gets it first.
 */
#ifndef KERNEL_SYS_SYSV_WAIT_H
#define KERNEL_SYS_SYSV_WAIT_H

#include <sluice/list.h>
#include "kernel/task/thread.h"

struct sysv_waiter {
    struct list link; /* the object's lock, as the result */
    struct thread *thread;
    _Atomic bool done;
    long result;
};

/* All with the object's LOCK held. The waiter's memory may go once the lock is let go. */
void sysv_queue(struct list *queue, struct sysv_waiter *waiter);
/* Off its queue, with RESULT. [any] */
void sysv_wake(struct sysv_waiter *waiter, long result);
/* Lets LOCK go, sleeps, and takes it again: the waiter's result, or -ABI_EINTR or -ABI_ETIMEDOUT:
 * it is off its queue. */
long sysv_wait(struct sysv_waiter *waiter, spinlock_t *lock, uint64_t deadline);

#endif
