/*
 * Threads that wait for something to change that a spinlock guards: look, sleepers_wait, look
 * again. Waiters are on the list from under the lock on, so a wakeup between looking and sleeping
 * isn't lost, and the waker holds the lock until it is done with a waiter's frame.
 */
#ifndef IO_FS_EXT2_SLEEPERS_H
#define IO_FS_EXT2_SLEEPERS_H

#include <stdbool.h>
#include <sluice/env.h>
#include <sluice/list.h>

struct sleepers {
    struct list list; /* struct sleeper; under the owner's lock */
};

struct sleeper {
    struct env_sleep sleep;
    struct list link;
};

static inline void sleepers_init(struct sleepers *sleepers)
{
    list_init(&sleepers->list);
}

/* Releases LOCK, sleeps until sleepers_wake or DEADLINE, takes LOCK again. False: the deadline
 * passed. [thread] */
static inline bool sleepers_wait_until(struct sleepers *sleepers, struct env_spinlock *lock,
                                       uint64_t deadline)
{
    struct sleeper self;

    env_sleep_init(&self.sleep);
    list_push_back(&sleepers->list, &self.link);
    env_spin_unlock(lock);
    bool woken = env_sleep(&self.sleep, deadline);
    env_spin_lock(lock);
    list_remove(&self.link); /* after a timeout it is still there */
    return woken;
}

static inline void sleepers_wait(struct sleepers *sleepers, struct env_spinlock *lock)
{
    sleepers_wait_until(sleepers, lock, ENV_FOREVER);
}

/* Wakes all; the lock is held. [any] */
static inline void sleepers_wake(struct sleepers *sleepers)
{
    list_for_each_safe (node, &sleepers->list) {
        list_remove(node);
        env_wakeup(&container_of(node, struct sleeper, link)->sleep);
    }
}

#endif
