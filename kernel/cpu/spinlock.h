/*
 * Spinlocks: preemption off, then a test-and-set word. They are never taken by hardware interrupt
 * handlers (those only queue deferred work), so nothing is masked. struct env_spinlock is the same
 * lock, by its porting-layer name.
 */
#ifndef KERNEL_CPU_SPINLOCK_H
#define KERNEL_CPU_SPINLOCK_H

#include <stdatomic.h>
#include <sluice/env.h>
#include "kernel/cpu/percpu.h"

typedef struct env_spinlock spinlock_t;

static inline void spin_lock(spinlock_t *lock)
{
    preempt_disable();
    while (__builtin_expect(atomic_exchange_explicit(&lock->word, 1, memory_order_acquire), 0))
        while (atomic_load_explicit(&lock->word, memory_order_relaxed))
            cpu_pause();
}

static inline bool spin_trylock(spinlock_t *lock)
{
    preempt_disable();
    if (!atomic_exchange_explicit(&lock->word, 1, memory_order_acquire))
        return true;
    preempt_enable();
    return false;
}

static inline void spin_unlock(spinlock_t *lock)
{
    atomic_store_explicit(&lock->word, 0, memory_order_release);
    preempt_enable();
}

/* For the few words that hardware interrupt handlers touch too (the log ring, deferred lists of
 * other CPUs). */
static inline uint64_t spin_lock_irqsave(spinlock_t *lock)
{
    uint64_t flags = interrupts_save();
    spin_lock(lock);
    return flags;
}

static inline void spin_unlock_irqrestore(spinlock_t *lock, uint64_t flags)
{
    atomic_store_explicit(&lock->word, 0, memory_order_release);
    /* Still masked, so an interrupt can't slip in before the count drops; pending work runs after
     * the mask is gone. */
    preempt_enable_quiet();
    interrupts_restore(flags);
    if (preempt_count() == 0 && (flags & 0x200)) {
        preempt_disable();
        preempt_enable();
    }
}

#endif
