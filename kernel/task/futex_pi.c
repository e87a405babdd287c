/*
 * Futexes that are locks and inherit priorities. The word is the owner's thread number, with bits
 * for "somebody waits" and "the owner has died"; user programs take and leave a lock that nobody
 * waits for by themselves. From the first waiter on there is a futex_lock, which knows the owner
 * also when the program doesn't run; it goes with the last waiter.
 *
 * UNLOCK_PI gives the lock to the next waiter, in word and record. Where an owner has ended, nobody
 * can write its words: its locks have no owner then, the next waiter is told, and the first who
 * comes takes the lock and writes the word itself.
 *
 * Lock order: futex.c's bucket locks -> pi_lock.c's. What a futex_lock is, and who waits for it,
 * changes with its bucket locked.
 */
#include "kernel/abi/errno.h"
#include "kernel/abi/futex.h"
#include "kernel/cpu/clock.h"
#include "kernel/mem/heap.h"
#include "kernel/mem/usercopy.h"
#include "kernel/task/futex_private.h"
#include "kernel/task/process.h"
#include "kernel/task/signal.h"

/* Answers of a step that is made with the bucket locked: do it again, for the word has changed, or
 * for its page isn't there. */
#define STEP_AGAIN 1
#define STEP_FAULT 2
/* The lock is taken. */
#define STEP_TAKEN 3

/* ---- The word; its bucket locked ---- */

/* 0, STEP_AGAIN (it isn't *SEEN any more) or STEP_FAULT. */
static long word_change(uint64_t address, uint32_t expected, uint32_t desired)
{
    uint32_t seen;
    if (cmpxchg_user32((uint32_t *)address, expected, desired, &seen))
        return STEP_FAULT;
    return seen == expected ? 0 : STEP_AGAIN;
}

static uint32_t word_owner(uint32_t word)
{
    return word & ABI_FUTEX_TID_MASK;
}

/* ---- Locks with waiters; bucket locked ---- */

struct futex_lock *futex_lock_find(struct futex_bucket *bucket, const struct space_key *key)
{
    list_for_each (link, &bucket->locks) {
        struct futex_lock *lock = container_of(link, struct futex_lock, link);
        if (key_same(&lock->key, key))
            return lock;
    }
    return NULL;
}

/* Somebody waits at KEY for a plain wake: it's no lock. */
static bool key_is_plain(const struct futex_bucket *bucket, const struct space_key *key)
{
    list_for_each (link, &bucket->waiters)
        if (key_same(&container_of(link, struct futex_waiter, link)->key, key))
            return true;
    return false;
}

/* LOCK if nobody waits for it any more, taken off; else NULL. */
static struct futex_lock *lock_unused(struct futex_lock *lock)
{
    if (pi_lock_first(&lock->pi))
        return NULL;
    list_remove(&lock->link);
    return lock;
}

static struct futex_lock *waiter_lock(const struct futex_waiter *waiter)
{
    return container_of(waiter->pi.lock, struct futex_lock, pi);
}

struct futex_lock *futex_lock_leave(struct futex_waiter *waiter)
{
    struct futex_lock *lock = waiter_lock(waiter);
    pi_lock_leave(&waiter->pi);
    return lock_unused(lock);
}

void futex_lock_free(struct futex_lock *lock)
{
    if (!lock)
        return;
    pi_lock_fini(&lock->pi);
    heap_free(lock);
}

/* ---- An attempt to take a lock ---- */

/* What has to be at hand before the bucket is locked. */
struct attempt {
    uint64_t address;
    bool private_;
    struct space_key key;
    struct futex_lock *fresh; /* for the first waiter; NULL: used */
    uint32_t tid;             /* the word's owner when it was last looked at, */
    struct thread *owner;     /* with a reference, or NULL: there is none of that number */
};

static long attempt_init(struct attempt *attempt, uint64_t address, bool private_)
{
    *attempt = (struct attempt){.address = address, .private_ = private_};
    return futex_key(address, private_, &attempt->key);
}

static void attempt_forget_owner(struct attempt *attempt)
{
    if (attempt->owner)
        thread_unref(attempt->owner);
    attempt->owner = NULL;
}

static void attempt_fini(struct attempt *attempt)
{
    attempt_forget_owner(attempt);
    heap_free(attempt->fresh);
}

static long attempt_prepare(struct attempt *attempt)
{
    uint32_t word;
    if (load_user32(&word, (const uint32_t *)attempt->address))
        return -ABI_EFAULT;
    if (!attempt->fresh)
        attempt->fresh = heap_alloc(sizeof *attempt->fresh, HEAP_ZERO);
    if (!attempt->fresh)
        return -ABI_ENOMEM;
    attempt_forget_owner(attempt);
    attempt->tid = word_owner(word);
    if (attempt->tid)
        attempt->owner = thread_find((int32_t)attempt->tid);
    return 0;
}

/* A thread of a program, and for private locks one of this memory. */
static bool owner_possible(const struct attempt *attempt)
{
    const struct process *process = attempt->owner->process;
    return process && (!attempt->private_ || process->space == current_process()->space);
}

/* The first waiter is to come: the owner may no longer leave the lock without the kernel, and is
 * looked for. WORD is what the word is. Bucket locked. */
static long attempt_owner(const struct attempt *attempt, uint32_t word)
{
    long step = word & ABI_FUTEX_WAITERS
                    ? 0
                    : word_change(attempt->address, word, word | ABI_FUTEX_WAITERS);
    if (step)
        return step;
    if (!attempt->owner)
        return -ABI_ESRCH;
    return owner_possible(attempt) ? 0 : -ABI_EPERM;
}

/* An owner that has just ended may have said so in the word meanwhile. */
static long attempt_open_lock(struct attempt *attempt, struct futex_bucket *bucket, uint32_t word,
                              struct futex_lock **out)
{
    uint32_t now;
    struct futex_lock *lock = attempt->fresh;
    long error = attempt_owner(attempt, word);
    if (error)
        return error;
    error = pi_lock_init(&lock->pi, attempt->owner);
    if (error && load_user32(&now, (const uint32_t *)attempt->address))
        return STEP_FAULT;
    if (error)
        return word_owner(now) != word_owner(word) ? STEP_AGAIN : error;
    lock->key = attempt->key;
    list_push_back(&bucket->locks, &lock->link);
    attempt->fresh = NULL;
    *out = lock;
    return 0;
}

/* Whether WORD is the lock's: its owner as recorded, or none where that dies. */
static bool lock_has_word(struct futex_lock *lock, uint32_t word)
{
    int32_t owner = pi_lock_owner(&lock->pi);
    return !owner || !word_owner(word) || (uint32_t)owner == word_owner(word);
}

/* WAITER waits at LOCK. Where that would never end, *unused is the lock if it is one for nobody. */
static long attempt_wait(const struct attempt *attempt, struct futex_bucket *bucket,
                         struct futex_lock *lock, struct futex_waiter *waiter,
                         struct futex_lock **unused)
{
    long error = pi_lock_wait(&lock->pi, &waiter->pi);
    if (error) {
        *unused = lock_unused(lock);
        return error;
    }
    waiter->key = attempt->key;
    atomic_store(&waiter->bucket, bucket);
    return 0;
}

/*
 * WAITER's thread takes the lock (STEP_TAKEN), marking it with BITS, or waits for it (0), unless
 * TRY is set. WAITER, on no list, belongs to the caller or to a thread that waits elsewhere.
 */
static long attempt_step(struct attempt *attempt, struct futex_bucket *bucket,
                         struct futex_waiter *waiter, bool try, uint32_t bits,
                         struct futex_lock **unused)
{
    uint32_t word, tid = (uint32_t)waiter->thread->tid;
    if (load_user32(&word, (const uint32_t *)attempt->address))
        return STEP_FAULT;
    if (word_owner(word) == tid)
        return -ABI_EDEADLK;
    struct futex_lock *lock = futex_lock_find(bucket, &attempt->key);
    long error = 0;
    if (lock ? !lock_has_word(lock, word) : key_is_plain(bucket, &attempt->key))
        return -ABI_EINVAL;
    if (!lock && attempt->tid != word_owner(word))
        return STEP_AGAIN;
    if (!lock && !word_owner(word)) {
        error = word_change(attempt->address, word, (word & ABI_FUTEX_OWNER_DIED) | tid | bits);
        return error ? error : STEP_TAKEN;
    }
    if (try)
        error = lock ? -ABI_EAGAIN : attempt_owner(attempt, word);
    else if (!lock)
        error = attempt_open_lock(attempt, bucket, word, &lock);
    if (error || try)
        return error ? error : -ABI_EAGAIN;
    return attempt_wait(attempt, bucket, lock, waiter, unused);
}

/* 0: WAITER waits; STEP_TAKEN; or an error. */
static long attempt_make(struct attempt *attempt, struct futex_waiter *waiter, bool try)
{
    struct futex_bucket *bucket = futex_bucket(&attempt->key);
    struct futex_lock *unused = NULL;
    for (;;) {
        long step = attempt_prepare(attempt);
        if (step)
            return step;
        bucket_lock(bucket);
        step = attempt_step(attempt, bucket, waiter, try, 0, &unused);
        spin_unlock(&bucket->lock);
        futex_lock_free(unused);
        if (step == STEP_FAULT && futex_touch(attempt->address))
            return -ABI_EFAULT;
        if (step != STEP_FAULT && step != STEP_AGAIN)
            return step;
    }
}

/* ---- Waiting ---- */

/* The owner has died: the lock is WAITER's if its word can be written. Bucket locked. */
static long lock_inherit(struct futex_waiter *waiter, uint64_t address, struct futex_lock **unused)
{
    uint32_t word, owned = (uint32_t)waiter->thread->tid | ABI_FUTEX_WAITERS | ABI_FUTEX_OWNER_DIED;
    struct futex_lock *lock = waiter_lock(waiter);
    long step;
    do
        step = load_user32(&word, (const uint32_t *)address) ? STEP_FAULT
                                                             : word_change(address, word, owned);
    while (step == STEP_AGAIN);
    if (step)
        return step;
    pi_lock_give(&waiter->pi);
    atomic_store(&waiter->bucket, NULL);
    *unused = lock_unused(lock);
    return 0;
}

/* 0: the lock is the waiter's. -EAGAIN: it isn't yet. */
static long lock_claim(struct futex_waiter *waiter, uint64_t address)
{
    struct futex_bucket *bucket;
    while ((bucket = atomic_load(&waiter->bucket))) {
        struct futex_lock *unused = NULL;
        long step = STEP_AGAIN;
        spin_lock(&bucket->lock);
        if (atomic_load(&waiter->bucket) == bucket)
            step = waiter->pi.lock && !pi_lock_owner(waiter->pi.lock)
                       ? lock_inherit(waiter, address, &unused)
                       : -ABI_EAGAIN;
        spin_unlock(&bucket->lock);
        futex_lock_free(unused);
        if (step == STEP_FAULT && futex_touch(address))
            return -ABI_EFAULT;
        if (step <= 0)
            return step;
    }
    return 0;
}

/* Until the lock at ADDRESS is the waiter's, 0; also where it isn't a waiter for that yet. */
static long lock_await(struct futex_waiter *waiter, uint64_t address, struct deadline deadline)
{
    long slept = 0;
    for (;;) {
        atomic_store(&waiter->pi.told, false);
        long error = lock_claim(waiter, address);
        if (error != -ABI_EAGAIN)
            return error;
        if (slept)
            return slept;
        thread_sleep_prepare(SLEEP_INTERRUPTIBLE);
        if (atomic_load(&waiter->bucket) && !atomic_load(&waiter->pi.told))
            slept = thread_sleep_until(deadline);
        thread_sleep_finish();
    }
}

/* STEP_TAKEN; 0: WAITER is queued; or an error. */
static long lock_try(struct futex_waiter *waiter, uint64_t address, bool private_, bool only_try)
{
    struct attempt attempt;
    futex_waiter_init(waiter, ~0u);
    long step = attempt_init(&attempt, address, private_);
    if (!step)
        step = attempt_make(&attempt, waiter, only_try);
    attempt_fini(&attempt);
    return step;
}

long futex_lock_pi(uint64_t address, bool private_, struct deadline deadline)
{
    struct futex_waiter waiter;
    long step = lock_try(&waiter, address, private_, false);
    if (step)
        return step == STEP_TAKEN ? 0 : step;
    long error = lock_await(&waiter, address, deadline);
    if (!error || futex_unqueue(&waiter))
        return 0;
    return error == -ABI_EINTR ? -ERESTARTNOINTR : error;
}

long futex_trylock_pi(uint64_t address, bool private_)
{
    struct futex_waiter waiter;
    long step = lock_try(&waiter, address, private_, true);
    return step == STEP_TAKEN ? 0 : step;
}

/* ---- Unlocking ---- */

/* The next waiter gets the lock, in the word first. */
static long lock_pass(struct futex_lock *lock, uint64_t address, uint32_t word,
                      struct futex_lock **unused)
{
    struct pi_waiter *first = pi_lock_first(&lock->pi);
    struct futex_waiter *next = container_of(first, struct futex_waiter, pi);
    long step = word_change(address, word, (uint32_t)first->thread->tid | ABI_FUTEX_WAITERS);
    if (step)
        return step;
    pi_lock_give(first);
    *unused = lock_unused(lock);
    futex_waiter_wake(next);
    return 0;
}

static long unlock_step(struct futex_bucket *bucket, const struct space_key *key, uint64_t address,
                        struct futex_lock **unused)
{
    uint32_t word, tid = (uint32_t)current_thread()->tid;
    if (load_user32(&word, (const uint32_t *)address))
        return STEP_FAULT;
    if (word_owner(word) != tid)
        return -ABI_EPERM;
    struct futex_lock *lock = futex_lock_find(bucket, key);
    if (lock ? (uint32_t)pi_lock_owner(&lock->pi) != tid : key_is_plain(bucket, key))
        return -ABI_EINVAL;
    return lock ? lock_pass(lock, address, word, unused) : word_change(address, word, 0);
}

long futex_unlock_pi(uint64_t address, bool private_)
{
    uint32_t word;
    struct space_key key;
    if (load_user32(&word, (const uint32_t *)address))
        return -ABI_EFAULT;
    if (word_owner(word) != (uint32_t)current_thread()->tid)
        return -ABI_EPERM;
    long error = futex_key(address, private_, &key);
    if (error)
        return error;
    struct futex_bucket *bucket = futex_bucket(&key);
    for (;;) {
        struct futex_lock *unused = NULL;
        bucket_lock(bucket);
        long step = unlock_step(bucket, &key, address, &unused);
        spin_unlock(&bucket->lock);
        futex_lock_free(unused);
        if (step == STEP_FAULT && futex_touch(address))
            return -ABI_EFAULT;
        if (step <= 0)
            return step;
    }
}

/* ---- Conditions: from a plain futex to a lock ---- */

long futex_wait_requeue_pi(uint64_t address, uint64_t address2, bool private_, uint32_t value,
                           struct deadline deadline)
{
    struct futex_waiter waiter;
    struct space_key target;
    if (address == address2)
        return -ABI_EINVAL;
    futex_waiter_init(&waiter, ~0u);
    waiter.target = &target;
    long error = futex_key(address2, private_, &target);
    if (!error)
        error = futex_key(address, private_, &waiter.key);
    if (!error && key_same(&waiter.key, &target))
        error = -ABI_EINVAL;
    if (!error)
        error = futex_queue(&waiter, address, value);
    if (error)
        return error;
    error = lock_await(&waiter, address2, deadline);
    if (!error)
        return 0;
    /* Looked at after it has left: nobody moves it any more. */
    bool given = futex_unqueue(&waiter);
    bool moved = key_same(&waiter.key, &target);
    if (given)
        return 0;
    return error != -ABI_EINTR ? error : moved ? -ABI_EAGAIN : -ERESTARTNOINTR;
}

/* A waiter, off its list, takes the lock, which wakes it, or waits there. */
static long requeue_one(struct attempt *attempt, struct futex_bucket *to,
                        struct futex_waiter *waiter, uint32_t bits, struct futex_lock **unused)
{
    long step = attempt_step(attempt, to, waiter, false, bits, unused);
    if (step != STEP_TAKEN)
        return step;
    attempt->owner = waiter->thread; /* there was none */
    attempt->tid = (uint32_t)waiter->thread->tid;
    thread_ref(attempt->owner);
    waiter->key = attempt->key;
    list_remove(&waiter->link);
    futex_waiter_wake(waiter);
    return STEP_TAKEN;
}

/* The next of KEY's waiters. -EINVAL: it doesn't wait for such a lock, or for another. */
static long requeue_next(struct futex_bucket *from, const struct space_key *key,
                         const struct space_key *target, struct futex_waiter **out)
{
    *out = NULL;
    list_for_each (link, &from->waiters) {
        struct futex_waiter *waiter = container_of(link, struct futex_waiter, link);
        if (!key_same(&waiter->key, key))
            continue;
        *out = waiter;
        return waiter->target && key_same(waiter->target, target) ? 0 : -ABI_EINVAL;
    }
    return 0;
}

/* Moves as many as MOST of KEY's waiters, counting in *count. The word of a lock that one of them
 * takes shows waiters where more are to be moved. Both buckets locked. */
static long requeue_step(struct attempt *attempt, struct futex_bucket *from,
                         const struct space_key *key, struct futex_bucket *to, uint64_t most,
                         uint64_t *count, struct futex_lock **unused)
{
    while (*count < most) {
        struct futex_waiter *waiter;
        long step = requeue_next(from, key, &attempt->key, &waiter);
        if (step || !waiter)
            return step;
        step = requeue_one(attempt, to, waiter, most > 1 ? ABI_FUTEX_WAITERS : 0, unused);
        if (step == 0)
            list_remove(&waiter->link);
        else if (step != STEP_TAKEN)
            return step;
        ++*count;
    }
    return 0;
}

long futex_requeue_pi(uint64_t address, uint64_t address2, bool private_, uint32_t wake,
                      uint32_t move, uint32_t expected)
{
    struct space_key key;
    struct attempt attempt;
    if (address == address2 || wake != 1 || (int32_t)move < 0)
        return -ABI_EINVAL;
    long step = attempt_init(&attempt, address2, private_);
    if (!step)
        step = futex_key(address, private_, &key);
    if (!step && key_same(&key, &attempt.key))
        step = -ABI_EINVAL;
    if (step)
        return step;
    struct futex_bucket *from = futex_bucket(&key), *to = futex_bucket(&attempt.key);
    uint64_t count = 0;
    do {
        struct futex_lock *unused = NULL;
        uint32_t word;
        step = attempt_prepare(&attempt);
        if (step)
            break;
        buckets_lock(from, to);
        if (load_user32(&word, (const uint32_t *)address))
            step = STEP_FAULT;
        else if (word != expected)
            step = -ABI_EAGAIN;
        else
            step = requeue_step(&attempt, from, &key, to, 1 + (uint64_t)move, &count, &unused);
        buckets_unlock(from, to);
        futex_lock_free(unused);
        if (step == STEP_FAULT &&
            (load_user32(&word, (const uint32_t *)address) || futex_touch(address2)))
            step = -ABI_EFAULT;
    } while (step == STEP_FAULT || step == STEP_AGAIN);
    attempt_fini(&attempt);
    return step ? step : (long)count;
}
