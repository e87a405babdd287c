/*
 * Sleeping mutexes: one compare-and-swap when nobody contends. Contenders queue in FIFO order. A
 * release wakes the first, which competes again with newcomers (a running thread may take the lock
 * meanwhile: that avoids a switch per hand-over); a waiter that lost once is handed the lock
 * directly, so nobody starves.
 *
 * Lock order: mutex->lock (spin) -> run_queue.lock.
 */
#include "kernel/task/mutex.h"
#include "kernel/log.h"

struct mutex_waiter {
    struct list link;
    struct thread *thread;
    bool lost; /* woken once and beaten to it: the next release hands over */
};

struct mutex_state {
    _Atomic uintptr_t owner; /* struct thread *, bit 0: there are waiters */
    spinlock_t lock;
    struct list *first; /* a ring of waiters' links, or NULL; so that all-zero is unlocked */
};

_Static_assert(sizeof(struct mutex_state) <= sizeof(struct env_mutex), "env_mutex is too small");
_Static_assert(offsetof(struct mutex_state, owner) == 0, "env_inline.h");

#define MUTEX_WAITERS 1ul

static struct mutex_state *mutex_state(mutex_t *mutex)
{
    return (struct mutex_state *)mutex;
}

static struct thread *mutex_owner(uintptr_t word)
{
    return (struct thread *)(word & ~MUTEX_WAITERS);
}

bool mutex_held(mutex_t *mutex)
{
    return mutex_owner(atomic_load_explicit(&mutex_state(mutex)->owner, memory_order_relaxed)) ==
           current_thread();
}

/* Takes the lock when it is free, keeping the waiters bit. */
static bool mutex_take(struct mutex_state *state)
{
    uintptr_t word = atomic_load_explicit(&state->owner, memory_order_relaxed);
    while (!mutex_owner(word))
        if (atomic_compare_exchange_weak_explicit(&state->owner, &word,
                                                  word | (uintptr_t)current_thread(),
                                                  memory_order_acquire, memory_order_relaxed))
            return true;
    return false;
}

bool mutex_trylock(mutex_t *mutex)
{
    return mutex_take(mutex_state(mutex));
}

static void mutex_enqueue(struct mutex_state *state, struct mutex_waiter *waiter)
{
    if (state->first) {
        list_push_back(state->first, &waiter->link);
    } else {
        list_init(&waiter->link);
        state->first = &waiter->link;
    }
}

static void mutex_dequeue(struct mutex_state *state, struct mutex_waiter *waiter)
{
    if (state->first == &waiter->link)
        state->first = list_empty(&waiter->link) ? NULL : waiter->link.next;
    list_remove(&waiter->link);
    if (!state->first)
        atomic_fetch_and(&state->owner, ~MUTEX_WAITERS);
}

/* Sets the waiters bit and takes the lock if it came free; state->lock held, so a release sees
 * either. */
static bool mutex_take_or_mark(struct mutex_state *state)
{
    atomic_fetch_or(&state->owner, MUTEX_WAITERS);
    return mutex_take(state);
}

static void mutex_lock_slow(struct mutex_state *state)
{
    struct thread *self = current_thread();
    struct mutex_waiter waiter = {.thread = self};
    kassert(mutex_owner(atomic_load(&state->owner)) != self);
    spin_lock(&state->lock);
    mutex_enqueue(state, &waiter);
    while (!mutex_take_or_mark(state) && mutex_owner(atomic_load(&state->owner)) != self) {
        thread_sleep_prepare(SLEEP_UNINTERRUPTIBLE);
        spin_unlock(&state->lock);
        thread_sleep(ENV_FOREVER);
        thread_sleep_finish();
        spin_lock(&state->lock);
        /* From the second time on a release hands over instead of letting others compete. */
        if (mutex_owner(atomic_load(&state->owner)) != self && state->first == &waiter.link)
            waiter.lost = true;
    }
    mutex_dequeue(state, &waiter);
    spin_unlock(&state->lock);
}

void mutex_lock(mutex_t *mutex)
{
    uintptr_t free = 0;
    if (!atomic_compare_exchange_strong_explicit(&mutex_state(mutex)->owner, &free,
                                                 (uintptr_t)current_thread(), memory_order_acquire,
                                                 memory_order_relaxed))
        mutex_lock_slow(mutex_state(mutex));
}

static void mutex_unlock_slow(struct mutex_state *state)
{
    spin_lock(&state->lock);
    struct mutex_waiter *waiter =
        state->first ? container_of(state->first, struct mutex_waiter, link) : NULL;
    uintptr_t successor = waiter && waiter->lost ? (uintptr_t)waiter->thread : 0;
    atomic_store_explicit(&state->owner, successor | (waiter ? MUTEX_WAITERS : 0),
                          memory_order_release);
    if (waiter)
        thread_wake(waiter->thread);
    spin_unlock(&state->lock);
}

void mutex_unlock(mutex_t *mutex)
{
    uintptr_t self = (uintptr_t)current_thread();
    if (!atomic_compare_exchange_strong_explicit(&mutex_state(mutex)->owner, &self, 0,
                                                 memory_order_release, memory_order_relaxed))
        mutex_unlock_slow(mutex_state(mutex));
}
