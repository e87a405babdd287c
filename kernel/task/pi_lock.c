/*
 * Priority inheritance: see pi_lock.h.
 *
 * Lock order: a futex bucket's lock -> chain_lock -> run_queue.lock. chain_lock guards everything
 * in struct pi_lock and struct pi_waiter, and each thread's pi_owned, pi_waiting and pi_ended.
 */
#include "kernel/task/pi_lock.h"
#include "kernel/abi/errno.h"
#include "kernel/cpu/spinlock.h"

/* Longer chains count as a deadlock, as on Linux. */
#define CHAIN_MOST 1024

static spinlock_t chain_lock;

static struct pi_waiter *first_of(const struct pi_lock *lock)
{
    return list_empty(&lock->waiters) ? NULL
                                      : container_of(lock->waiters.next, struct pi_waiter, link);
}

/* ---- Chains; chain_lock held ---- */

static uint32_t thread_lent(const struct thread *thread)
{
    uint32_t most = 0;
    list_for_each (link, &thread->pi_owned) {
        const struct pi_waiter *first = first_of(container_of(link, struct pi_lock, owned_link));
        if (first && first->priority > most)
            most = first->priority;
    }
    return most;
}

static void waiter_place(struct pi_waiter *waiter)
{
    struct list *waiters = &waiter->lock->waiters, *before = waiters->prev;
    waiter->priority = waiter->thread->priority;
    while (before != waiters &&
           container_of(before, struct pi_waiter, link)->priority < waiter->priority)
        before = before->prev;
    list_insert_between(&waiter->link, before, before->next);
}

/* What is lent to THREAD has changed, and so on along the chain until a link stays as it is. */
static void chain_lend(struct thread *thread)
{
    for (unsigned n = 0; n < CHAIN_MOST && thread; n++) {
        struct pi_waiter *waiter = thread->pi_waiting;
        if (!thread_lend_priority(thread, thread_lent(thread)) || !waiter)
            return;
        list_remove(&waiter->link);
        waiter_place(waiter);
        thread = waiter->lock->owner;
    }
}

static bool chain_reaches(const struct thread *from, const struct thread *to)
{
    unsigned n = 0;
    for (; n < CHAIN_MOST && from && from != to; n++)
        from = from->pi_waiting ? from->pi_waiting->lock->owner : NULL;
    return from;
}

/* ---- Owners; chain_lock held ---- */

static void lock_own(struct pi_lock *lock, struct thread *owner)
{
    thread_ref(owner);
    lock->owner = owner;
    list_push_back(&owner->pi_owned, &lock->owned_link);
    chain_lend(owner);
}

/* The owner, whose reference is the caller's now, or NULL. */
static struct thread *lock_disown(struct pi_lock *lock)
{
    struct thread *owner = lock->owner;
    lock->owner = NULL;
    list_remove(&lock->owned_link);
    if (owner)
        chain_lend(owner);
    return owner;
}

static void lock_tell(const struct pi_lock *lock)
{
    struct pi_waiter *first = first_of(lock);
    if (!first)
        return;
    atomic_store(&first->told, true);
    thread_wake(first->thread);
}

static void waiter_remove(struct pi_waiter *waiter)
{
    list_remove(&waiter->link);
    waiter->lock = NULL;
    waiter->thread->pi_waiting = NULL;
}

/* ---- What others call ---- */

long pi_lock_init(struct pi_lock *lock, struct thread *owner)
{
    list_init(&lock->waiters);
    list_init(&lock->owned_link);
    lock->owner = NULL;
    spin_lock(&chain_lock);
    bool ended = owner->pi_ended;
    if (!ended)
        lock_own(lock, owner);
    spin_unlock(&chain_lock);
    return ended ? -ABI_ESRCH : 0;
}

long pi_lock_wait(struct pi_lock *lock, struct pi_waiter *waiter)
{
    spin_lock(&chain_lock);
    bool deadlock = chain_reaches(lock->owner, waiter->thread);
    if (!deadlock) {
        waiter->lock = lock;
        waiter->thread->pi_waiting = waiter;
        waiter_place(waiter);
        chain_lend(lock->owner);
    }
    spin_unlock(&chain_lock);
    return deadlock ? -ABI_EDEADLK : 0;
}

void pi_lock_leave(struct pi_waiter *waiter)
{
    spin_lock(&chain_lock);
    struct pi_lock *lock = waiter->lock;
    waiter_remove(waiter);
    if (lock->owner)
        chain_lend(lock->owner);
    else
        lock_tell(lock);
    spin_unlock(&chain_lock);
}

void pi_lock_give(struct pi_waiter *waiter)
{
    spin_lock(&chain_lock);
    struct pi_lock *lock = waiter->lock;
    struct thread *before = lock_disown(lock);
    waiter_remove(waiter);
    lock_own(lock, waiter->thread);
    spin_unlock(&chain_lock);
    if (before)
        thread_unref(before);
}

struct pi_waiter *pi_lock_first(struct pi_lock *lock)
{
    spin_lock(&chain_lock);
    struct pi_waiter *first = first_of(lock);
    spin_unlock(&chain_lock);
    return first;
}

int32_t pi_lock_owner(struct pi_lock *lock)
{
    spin_lock(&chain_lock);
    int32_t number = lock->owner ? lock->owner->tid : 0;
    spin_unlock(&chain_lock);
    return number;
}

void pi_lock_fini(struct pi_lock *lock)
{
    spin_lock(&chain_lock);
    struct thread *owner = lock_disown(lock);
    spin_unlock(&chain_lock);
    if (owner)
        thread_unref(owner);
}

/* One lock at a time: a thread may own many. */
void pi_owner_leave(bool ends)
{
    struct thread *self = current_thread();
    for (bool more = true; more;) {
        spin_lock(&chain_lock);
        self->pi_ended = ends;
        more = !list_empty(&self->pi_owned);
        if (more) {
            struct pi_lock *lock = container_of(self->pi_owned.next, struct pi_lock, owned_link);
            lock_disown(lock);
            lock_tell(lock);
        }
        spin_unlock(&chain_lock);
        if (more)
            thread_unref(self);
    }
}

void pi_priority_changed(struct thread *thread)
{
    spin_lock(&chain_lock);
    struct pi_waiter *waiter = thread->pi_waiting;
    if (waiter) {
        list_remove(&waiter->link);
        waiter_place(waiter);
        chain_lend(waiter->lock->owner);
    }
    spin_unlock(&chain_lock);
}
