/*
 * Deferred handlers: what hardware interrupts leave to be done. Run on the CPU that queued them,
 * interrupts on, preemption off, in FIFO order; they may take spinlocks and wake threads, not
 * sleep. Queueing one that is already queued does nothing; one that runs may be queued again.
 */
#ifndef KERNEL_TASK_DEFER_H
#define KERNEL_TASK_DEFER_H

#include <stdatomic.h>
#include <sluice/list.h>

struct deferred {
    struct list link;
    _Atomic unsigned queued;
    void (*fn)(void *arg);
    void *arg;
};

void deferred_init(struct deferred *d, void (*fn)(void *arg), void *arg);
/* On this CPU. Interrupts may be on or off. [hardware interrupt too] */
void deferred_queue(struct deferred *d);
/* Runs all of this CPU's. Called with preemption disabled once, interrupts on. sched.c */
void deferred_run(void);

#endif
