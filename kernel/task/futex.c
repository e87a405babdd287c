/*
 * Futexes. Waiters hang in buckets hashed by their key; the bucket's lock makes the comparison of
 * the word and the queueing one step against wakers.
 *
 * The word is read under the bucket's spinlock, so the page must be there: the read is tried with
 * faults off, and when it fails the page is faulted in without the lock and the whole tried again.
 *
 * Lock order: bucket locks by address -> run_queue.lock.
 */
#include "kernel/task/futex.h"
#include <stdbool.h>
#include "kernel/abi/errno.h"
#include "kernel/abi/futex.h"
#include "kernel/abi/timens.h"
#include "kernel/cpu/clock.h"
#include "kernel/mem/space.h"
#include "kernel/mem/usercopy.h"
#include "kernel/task/process.h"
#include "kernel/task/signal.h"

#define FUTEX_BUCKETS 256u
#define ROBUST_LIMIT  2048u /* entries walked, as Linux: a hostile list may be a ring */

struct futex_bucket {
    spinlock_t lock;
    struct list waiters; /* next NULL: not initialised, empty */
};

struct futex_waiter {
    struct list link;
    struct futex_bucket *_Atomic bucket; /* NULL: woken */
    struct space_key key;
    uint32_t bitset;
    struct thread *thread;
};

static struct futex_bucket futex_buckets[FUTEX_BUCKETS];

static struct futex_bucket *futex_bucket(const struct space_key *key)
{
    uint64_t hash = ((uint64_t)key->object >> 4) + key->offset * 0x9e3779b97f4a7c15ull;
    return &futex_buckets[(hash >> 32 ^ hash) % FUTEX_BUCKETS];
}

static void bucket_lock(struct futex_bucket *bucket)
{
    spin_lock(&bucket->lock);
    if (!bucket->waiters.next)
        list_init(&bucket->waiters);
}

static bool key_same(const struct space_key *a, const struct space_key *b)
{
    return a->object == b->object && a->offset == b->offset;
}

static long futex_key(uint64_t address, bool private_, struct space_key *out)
{
    if (address % sizeof(uint32_t))
        return -ABI_EINVAL;
    if (address >= USER_END)
        return -ABI_EFAULT;
    return space_futex_key(current_process()->space, address, private_, out);
}

/* ---- Waking ---- */

/* The waiter may leave its frame as soon as its bucket reads NULL, so the thread is taken out
 * first. Bucket locked. */
static void waiter_wake(struct futex_waiter *waiter)
{
    struct thread *thread = waiter->thread;
    thread_ref(thread);
    list_remove(&waiter->link);
    atomic_store(&waiter->bucket, NULL);
    thread_wake(thread);
    thread_unref(thread);
}

static long bucket_wake(struct futex_bucket *bucket, const struct space_key *key, uint32_t count,
                        uint32_t bitset)
{
    long woken = 0;
    list_for_each_safe (link, &bucket->waiters) {
        struct futex_waiter *waiter = container_of(link, struct futex_waiter, link);
        if (woken >= (long)count)
            break;
        if (key_same(&waiter->key, key) && waiter->bitset & bitset) {
            waiter_wake(waiter);
            woken++;
        }
    }
    return woken;
}

long futex_wake(uint64_t address, uint32_t count, uint32_t bitset, int shared)
{
    struct space_key key;
    long error = futex_key(address, !shared, &key);
    if (error)
        return error;
    struct futex_bucket *bucket = futex_bucket(&key);
    bucket_lock(bucket);
    long woken = bucket_wake(bucket, &key, count, bitset);
    spin_unlock(&bucket->lock);
    return woken;
}

/* ---- Waiting ---- */

/* By priority, and among equals in turn. BUCKET locked. */
static void bucket_add(struct futex_bucket *bucket, struct futex_waiter *waiter)
{
    struct list *before = bucket->waiters.prev;
    while (before != &bucket->waiters &&
           container_of(before, struct futex_waiter, link)->thread->priority <
               waiter->thread->priority)
        before = before->prev;
    list_insert_between(&waiter->link, before, before->next);
}

/* Queues WAITER if the word at ADDRESS is VALUE. 0, -EAGAIN (it isn't) or -EFAULT. */
static long futex_queue(struct futex_waiter *waiter, uint64_t address, uint32_t value)
{
    struct futex_bucket *bucket = futex_bucket(&waiter->key);
    for (;;) {
        uint32_t seen;
        bucket_lock(bucket);
        int error = load_user32(&seen, (const uint32_t *)address);
        if (!error && seen == value) {
            atomic_store(&waiter->bucket, bucket);
            bucket_add(bucket, waiter);
        }
        spin_unlock(&bucket->lock);
        if (!error)
            return seen == value ? 0 : -ABI_EAGAIN;
        if (load_user32(&seen, (const uint32_t *)address))
            return -ABI_EFAULT;
    }
}

/* Takes the waiter out, wherever requeueing has put it; true when it had been woken already. */
static bool futex_unqueue(struct futex_waiter *waiter)
{
    struct futex_bucket *bucket;
    while ((bucket = atomic_load(&waiter->bucket))) {
        spin_lock(&bucket->lock);
        if (atomic_load(&waiter->bucket) == bucket) {
            list_remove(&waiter->link);
            spin_unlock(&bucket->lock);
            return false;
        }
        spin_unlock(&bucket->lock);
    }
    return true;
}

static int futex_sleep(struct futex_waiter *waiter, struct deadline deadline)
{
    int error = 0;
    while (atomic_load(&waiter->bucket) && !error) {
        thread_sleep_prepare(SLEEP_INTERRUPTIBLE);
        if (atomic_load(&waiter->bucket))
            error = thread_sleep_until(deadline);
        thread_sleep_finish();
    }
    return error;
}

static long futex_wait(uint64_t address, bool private_, uint32_t value, uint32_t bitset,
                       struct deadline deadline)
{
    struct futex_waiter waiter = {.bitset = bitset, .thread = current_thread()};
    if (!bitset)
        return -ABI_EINVAL;
    long error = futex_key(address, private_, &waiter.key);
    if (!error)
        error = futex_queue(&waiter, address, value);
    if (error)
        return error;
    int slept = futex_sleep(&waiter, deadline);
    if (futex_unqueue(&waiter))
        return 0;
    return slept == -ABI_ETIMEDOUT        ? -ABI_ETIMEDOUT
           : deadline.time == ENV_FOREVER ? -ERESTARTSYS
                                          : -ERESTARTNOHAND;
}

/* ---- Requeueing ---- */

static void buckets_lock(struct futex_bucket *a, struct futex_bucket *b)
{
    bucket_lock(a < b ? a : b);
    if (a != b)
        bucket_lock(a < b ? b : a);
}

static void buckets_unlock(struct futex_bucket *a, struct futex_bucket *b)
{
    if (a != b)
        spin_unlock(&b->lock);
    spin_unlock(&a->lock);
}

static long bucket_move(struct futex_bucket *from, const struct space_key *key,
                        struct futex_bucket *to, const struct space_key *to_key, uint32_t count)
{
    long moved = 0;
    list_for_each_safe (link, &from->waiters) {
        struct futex_waiter *waiter = container_of(link, struct futex_waiter, link);
        if (moved >= (long)count)
            break;
        if (!key_same(&waiter->key, key))
            continue;
        waiter->key = *to_key;
        moved++;
        /* To the end of the list walked, it would be met again, for ever if the keys are equal. */
        if (to == from)
            continue;
        list_remove(&waiter->link);
        list_push_back(&to->waiters, &waiter->link);
        atomic_store(&waiter->bucket, to);
    }
    return moved;
}

static long futex_requeue(uint64_t address, uint64_t address2, bool private_, uint32_t wake,
                          uint32_t move, const uint32_t *expected)
{
    struct space_key key, key2;
    if ((int32_t)wake < 0 || (int32_t)move < 0)
        return -ABI_EINVAL;
    long error = futex_key(address, private_, &key);
    if (!error)
        error = futex_key(address2, private_, &key2);
    if (error)
        return error;
    struct futex_bucket *from = futex_bucket(&key), *to = futex_bucket(&key2);
    for (;;) {
        uint32_t seen = 0;
        long result = 0;
        buckets_lock(from, to);
        int fault = expected ? load_user32(&seen, (const uint32_t *)address) : 0;
        if (!fault && expected && seen != *expected)
            result = -ABI_EAGAIN;
        else if (!fault) {
            long woken = bucket_wake(from, &key, wake, ~0u);
            long moved = bucket_move(from, &key, to, &key2, move);
            result = expected ? woken + moved : woken;
        }
        buckets_unlock(from, to);
        if (!fault)
            return result;
        if (load_user32(&seen, (const uint32_t *)address))
            return -ABI_EFAULT;
    }
}

/* ---- FUTEX_WAKE_OP ---- */

static uint32_t wake_op_value(uint32_t code, uint32_t old)
{
    uint32_t operation = code >> 28 & 7, argument = (uint32_t)((int32_t)(code << 8) >> 20);
    if (code >> 28 & 8)
        argument = 1u << (argument & 31);
    switch (operation) {
    case 0:
        return argument;
    case 1:
        return old + argument;
    case 2:
        return old | argument;
    case 3:
        return old & ~argument;
    default:
        return old ^ argument;
    }
}

static bool wake_op_holds(uint32_t code, uint32_t old)
{
    int32_t value = (int32_t)old, argument = (int32_t)(code << 20) >> 20;
    switch (code >> 24 & 15) {
    case 0:
        return value == argument;
    case 1:
        return value != argument;
    case 2:
        return value < argument;
    case 3:
        return value <= argument;
    case 4:
        return value > argument;
    default:
        return value >= argument;
    }
}

/* Changes the word at ADDRESS atomically; *old is what was there. */
static int wake_op_apply(uint64_t address, uint32_t code, uint32_t *old)
{
    uint32_t seen;
    int error = load_user32(&seen, (const uint32_t *)address);
    while (!error) {
        uint32_t expected = seen;
        error = cmpxchg_user32((uint32_t *)address, expected, wake_op_value(code, expected), &seen);
        if (!error && seen == expected)
            break;
    }
    *old = seen;
    return error;
}

static long futex_wake_op(uint64_t address, uint64_t address2, bool private_, uint32_t wake,
                          uint32_t wake2, uint32_t code)
{
    struct space_key key, key2;
    if ((code >> 28 & 7) > 4 || (code >> 24 & 15) > 5)
        return -ABI_ENOSYS;
    long error = futex_key(address, private_, &key);
    if (!error)
        error = futex_key(address2, private_, &key2);
    if (error)
        return error;
    struct futex_bucket *first = futex_bucket(&key), *second = futex_bucket(&key2);
    for (;;) {
        uint32_t old, touch;
        long woken = 0;
        buckets_lock(first, second);
        int fault = wake_op_apply(address2, code, &old);
        if (!fault) {
            woken = bucket_wake(first, &key, wake, ~0u);
            if (wake_op_holds(code, old))
                woken += bucket_wake(second, &key2, wake2, ~0u);
        }
        buckets_unlock(first, second);
        if (!fault)
            return woken;
        /* Brings the page in writable. */
        if (load_user32(&touch, (const uint32_t *)address2) ||
            cmpxchg_user32((uint32_t *)address2, touch, touch, &touch))
            return -ABI_EFAULT;
    }
}

/* ---- The call ---- */

/* TIMEOUT is from now on where RELATIVE, else a time on the real or the monotonic clock. */
static long futex_deadline(uint64_t timeout, bool relative, bool real, struct deadline *out)
{
    struct abi_timespec spec;
    *out = (struct deadline){ENV_FOREVER, false};
    if (!timeout)
        return 0;
    if (copy_from_user(&spec, (const void *)timeout, sizeof spec))
        return -ABI_EFAULT;
    if (!timespec_valid(&spec))
        return -ABI_EINVAL;
    if (relative)
        *out = (struct deadline){clock_monotonic() + timespec_delay(&spec), false};
    else
        *out = (struct deadline){(uint64_t)timespec_ns(&spec), real};
    return 0;
}

long futex_call(uint64_t address, int operation, uint32_t value, uint64_t timeout,
                uint64_t address2, uint32_t value3)
{
    bool private_ = operation & ABI_FUTEX_PRIVATE_FLAG;
    uint32_t value2 = (uint32_t)timeout;
    bool real = operation & ABI_FUTEX_CLOCK_REALTIME;
    struct deadline deadline;
    long error;
    switch (operation & ABI_FUTEX_CMD_MASK) {
    case ABI_FUTEX_WAIT:
        error = futex_deadline(timeout, true, false, &deadline);
        return error ? error : futex_wait(address, private_, value, ~0u, deadline);
    case ABI_FUTEX_WAIT_BITSET:
        error = futex_deadline(timeout, false, real, &deadline);
        return error ? error : futex_wait(address, private_, value, value3, deadline);
    case ABI_FUTEX_WAKE:
        return futex_wake(address, value, ~0u, !private_);
    case ABI_FUTEX_WAKE_BITSET:
        return value3 ? futex_wake(address, value, value3, !private_) : -ABI_EINVAL;
    case ABI_FUTEX_REQUEUE:
        return futex_requeue(address, address2, private_, value, value2, NULL);
    case ABI_FUTEX_CMP_REQUEUE:
        return futex_requeue(address, address2, private_, value, value2, &value3);
    case ABI_FUTEX_WAKE_OP:
        return futex_wake_op(address, address2, private_, value, value2, value3);
    default:
        return -ABI_ENOSYS;
    }
}

/* ---- Robust lists ---- */

struct robust_head {
    uint64_t next;
    int64_t futex_offset;
    uint64_t pending;
};

/* The owner died: says so in the word, and wakes one waiter. */
static bool robust_release(uint64_t address)
{
    uint32_t seen, tid = (uint32_t)current_thread()->tid;
    if (address % sizeof(uint32_t) || load_user32(&seen, (const uint32_t *)address))
        return false;
    while ((seen & ABI_FUTEX_TID_MASK) == tid) {
        uint32_t expected = seen, dead = (seen & ABI_FUTEX_WAITERS) | ABI_FUTEX_OWNER_DIED;
        if (cmpxchg_user32((uint32_t *)address, expected, dead, &seen))
            return false;
        if (seen != expected)
            continue;
        if (expected & ABI_FUTEX_WAITERS)
            futex_wake(address, 1, ~0u, true);
        break;
    }
    return true;
}

void futex_exit_robust(void)
{
    struct thread *self = current_thread();
    uint64_t head_address = self->robust_list;
    struct robust_head head;
    self->robust_list = 0;
    if (!head_address || copy_from_user(&head, (const void *)head_address, sizeof head))
        return;
    uint64_t entry = head.next & ~1ull;
    for (unsigned i = 0; i < ROBUST_LIMIT && entry != head_address; i++) {
        uint64_t next;
        if (copy_from_user(&next, (const void *)entry, sizeof next))
            return;
        if (entry != (head.pending & ~1ull) && !robust_release(entry + (uint64_t)head.futex_offset))
            return;
        entry = next & ~1ull;
    }
    if (head.pending)
        robust_release((head.pending & ~1ull) + (uint64_t)head.futex_offset);
}
