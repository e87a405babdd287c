/* What futex.c and futex_pi.c share: buckets, keys, waiters. */
#ifndef KERNEL_TASK_FUTEX_PRIVATE_H
#define KERNEL_TASK_FUTEX_PRIVATE_H

#include "kernel/cpu/spinlock.h"
#include "kernel/mem/space.h"
#include "kernel/task/pi_lock.h"

struct futex_bucket {
    spinlock_t lock;
    struct list waiters; /* next NULL: neither list is initialised, both are empty */
    struct list locks;   /* words whose waiters lend their priorities: futex_pi.c */
};

/* On its bucket's list, or waiting for one of its locks: then pi.lock is set. */
struct futex_waiter {
    struct list link;
    struct futex_bucket *_Atomic bucket; /* NULL: woken */
    struct space_key key;
    uint32_t bitset;
    struct thread *thread;
    struct pi_waiter pi;
    const struct space_key
        *target; /* FUTEX_WAIT_REQUEUE_PI: the lock it may be moved to, or NULL */
};

static inline bool key_same(const struct space_key *a, const struct space_key *b)
{
    return a->object == b->object && a->offset == b->offset;
}

long futex_key(uint64_t address, bool private_, struct space_key *out);
struct futex_bucket *futex_bucket(const struct space_key *key);
void bucket_lock(struct futex_bucket *bucket);
/* Both, which may be the same. */
void buckets_lock(struct futex_bucket *a, struct futex_bucket *b);
void buckets_unlock(struct futex_bucket *a, struct futex_bucket *b);

void futex_waiter_init(struct futex_waiter *waiter, uint32_t bitset);
/* Queues WAITER if the word at ADDRESS is VALUE. 0, -EAGAIN (it isn't) or -EFAULT. */
long futex_queue(struct futex_waiter *waiter, uint64_t address, uint32_t value);
/* Tells WAITER, who is on no list, that it was woken. Its bucket is locked. */
void futex_waiter_wake(struct futex_waiter *waiter);
/* Takes the waiter out, wherever requeueing has put it; true when it had been woken already. */
bool futex_unqueue(struct futex_waiter *waiter);
/* TIMEOUT is a timespec in user memory: from now on where RELATIVE, else a time on the real or the
 * monotonic clock. */
long futex_deadline(uint64_t timeout, bool relative, bool real, struct deadline *out);
/* Brings the word's page in, writable. 0 or -ABI_EFAULT. */
long futex_touch(uint64_t address);

/* ---- futex_pi.c ---- */

struct futex_lock {
    struct list link; /* bucket->locks */
    struct space_key key;
    struct pi_lock pi;
};

/* The lock KEY, if anybody waits for it. BUCKET locked. */
struct futex_lock *futex_lock_find(struct futex_bucket *bucket, const struct space_key *key);
static inline bool futex_is_lock(struct futex_bucket *bucket, const struct space_key *key)
{
    return __builtin_expect(!list_empty(&bucket->locks), 0) && futex_lock_find(bucket, key);
}
/* WAITER waits for its lock no more. The lock is given back where nobody else does: to be passed to
 * futex_lock_free when BUCKET, now locked, isn't any more. */
struct futex_lock *futex_lock_leave(struct futex_waiter *waiter);
void futex_lock_free(struct futex_lock *lock);

long futex_lock_pi(uint64_t address, bool private_, struct deadline deadline);
long futex_trylock_pi(uint64_t address, bool private_);
long futex_unlock_pi(uint64_t address, bool private_);
long futex_wait_requeue_pi(uint64_t address, uint64_t address2, bool private_, uint32_t value,
                           struct deadline deadline);
long futex_requeue_pi(uint64_t address, uint64_t address2, bool private_, uint32_t wake,
                      uint32_t move, uint32_t expected);

#endif
