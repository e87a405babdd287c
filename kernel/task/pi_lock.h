/*
 * Priority inheritance. A lock with an owner, for which threads wait: as long as they do, the owner
 * has the highest of their priorities, if that is above its own, and lends it in turn to the owner
 * of what it waits for itself. What the lock guards, and how its waiters sleep, is its user's
 * business (futex_pi.c), who sees to it that nobody else changes the same lock's waiters.
 *
 * All of it is under one spinlock, for a chain may lead anywhere.
 */
#ifndef KERNEL_TASK_PI_LOCK_H
#define KERNEL_TASK_PI_LOCK_H

#include <sluice/list.h>
#include "kernel/task/thread.h"

struct pi_lock {
    struct thread *owner;   /* with a reference; NULL: it has died */
    struct list owned_link; /* owner->pi_owned */
    struct list waiters;    /* by priority, and among equals in turn */
};

struct pi_waiter {
    struct list link;
    struct thread *thread;
    struct pi_lock *lock; /* NULL: it waits for none */
    uint32_t priority;    /* by which it has its place */
    _Atomic bool told;    /* it may be its turn: it was woken */
};

/* A lock of OWNER's, which nobody waits for. -ABI_ESRCH: OWNER has ended. */
long pi_lock_init(struct pi_lock *lock, struct thread *owner);
/* WAITER waits from now on. -ABI_EDEADLK: it would for itself. Then it doesn't. */
long pi_lock_wait(struct pi_lock *lock, struct pi_waiter *waiter);
/* WAITER doesn't any more; of a lock without an owner the next is told. */
void pi_lock_leave(struct pi_waiter *waiter);
/* WAITER becomes the owner instead of who has been, which is the current thread or has died. */
void pi_lock_give(struct pi_waiter *waiter);
/* The one whose turn is next, or NULL. It stays while nobody changes the lock's waiters. */
struct pi_waiter *pi_lock_first(struct pi_lock *lock);
/* The owner's number, 0 when it has died. */
int32_t pi_lock_owner(struct pi_lock *lock);
/* Nobody waits for the lock, which is forgotten. With no spinlock held. */
void pi_lock_fini(struct pi_lock *lock);

/* The current thread leaves its user memory: its locks have no owner, and who waits for them is
 * told. ENDS: it will own none any more. */
void pi_owner_leave(bool ends);
/* THREAD's own priority has changed: so may its place among waiters, and what it lends. */
void pi_priority_changed(struct thread *thread);

#endif
