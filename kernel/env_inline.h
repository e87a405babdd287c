/*
 * The fast halves of the porting header's locks, and what is an instruction or two, for io/ and
 * drivers/ in this kernel:
 * <sluice/env.h> includes this where SLUICE_ENV_INLINE names it. What they can't finish they leave
 * to the functions of kernel/host.c. The locks are the kernel's own: kernel/cpu/spinlock.h,
 * kernel/task/mutex.c.
 */
#ifndef KERNEL_ENV_INLINE_H
#define KERNEL_ENV_INLINE_H

/* Of struct cpu, asserted in percpu.h. */
#define ENV_INLINE_PREEMPT "%%gs:24"
#define ENV_INLINE_CURRENT "%%gs:32"
#define ENV_INLINE_CPU     "%%gs:28"
/* Where memory begins: asserted in kernel/host.c. */
#define ENV_INLINE_DIRECT 0xffff800000000000ul

/* The count of the contended try goes down without a look at what is pending: the lock's own end
 * looks. */
static __attribute__((noinline, cold, unused)) void env_inline_contended(struct env_spinlock *lock)
{
    __asm__ volatile("decl " ENV_INLINE_PREEMPT ::: "memory", "cc");
    (env_spin_lock)(lock);
}

/* The count has come to zero with something pending. Going from one to zero once more, with a lock
 * that is nobody else's, makes it run. */
static __attribute__((noinline, cold, unused)) void env_inline_pending(void)
{
    struct env_spinlock none = {0};
    (env_spin_lock)(&none);
    (env_spin_unlock)(&none);
}

static inline void env_inline_spin_lock(struct env_spinlock *lock)
{
    __asm__ volatile("incl " ENV_INLINE_PREEMPT ::: "memory", "cc");
    if (__builtin_expect(__atomic_exchange_n((uint32_t *)&lock->word, 1, __ATOMIC_ACQUIRE), 0))
        env_inline_contended(lock);
}

static inline void env_inline_spin_unlock(struct env_spinlock *lock)
{
    bool pending;
    __atomic_store_n((uint32_t *)&lock->word, 0, __ATOMIC_RELEASE);
    __asm__ volatile("decl " ENV_INLINE_PREEMPT : "=@ccz"(pending)::"memory");
    if (__builtin_expect(pending, 0))
        env_inline_pending();
}

static inline uintptr_t env_inline_self(void)
{
    uintptr_t self;
    __asm__ volatile("movq " ENV_INLINE_CURRENT ", %0" : "=r"(self));
    return self;
}

static inline void env_inline_mutex_lock(struct env_mutex *mutex)
{
    uintptr_t none = 0;
    if (__builtin_expect(!__atomic_compare_exchange_n(&mutex->opaque[0], &none, env_inline_self(),
                                                      false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED),
                         0))
        (env_mutex_lock)(mutex);
}

static inline void env_inline_mutex_unlock(struct env_mutex *mutex)
{
    uintptr_t self = env_inline_self();
    if (__builtin_expect(!__atomic_compare_exchange_n(&mutex->opaque[0], &self, 0, false,
                                                      __ATOMIC_RELEASE, __ATOMIC_RELAXED),
                         0))
        (env_mutex_unlock)(mutex);
}

static inline uint64_t env_inline_dma_address(const void *p)
{
    return (uint64_t)p - ENV_INLINE_DIRECT;
}

static inline unsigned env_inline_cpu_index(void)
{
    unsigned id;
    __asm__ volatile("movl " ENV_INLINE_CPU ", %0" : "=r"(id));
    return id;
}

#define env_dma_address(p)      env_inline_dma_address(p)
#define env_cpu_index()         env_inline_cpu_index()
#define env_spin_lock(lock)     env_inline_spin_lock(lock)
#define env_spin_unlock(lock)   env_inline_spin_unlock(lock)
#define env_mutex_lock(mutex)   env_inline_mutex_lock(mutex)
#define env_mutex_unlock(mutex) env_inline_mutex_unlock(mutex)

#endif
