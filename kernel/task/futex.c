/*
 * Futexes. Waiters hang in buckets hashed by their key; the bucket's lock makes the comparison of
 * the word and the queueing one step against wakers.
 *
 * The word is read under the bucket's spinlock, so the page must be there: the read is tried with
 * faults off, and when it fails the page is faulted in without the lock and the whole tried again.
 *
 * Lock order: bucket locks by address -> pi_lock.c's chain_lock -> run_queue.lock.
 */
#include "kernel/task/futex.h"
#include "kernel/abi/errno.h"
#include "kernel/abi/futex.h"
#include "kernel/abi/timens.h"
#include "kernel/cpu/clock.h"
#include "kernel/mem/usercopy.h"
#include "kernel/task/futex_private.h"
#include "kernel/task/process.h"
#include "kernel/task/signal.h"

#define FUTEX_BUCKETS 256u
#define ROBUST_LIMIT  2048u /* entries walked, as Linux: a hostile list may be a ring */

static struct futex_bucket futex_buckets[FUTEX_BUCKETS];

struct futex_bucket *futex_bucket(const struct space_key *key)
{
    uint64_t hash = ((uint64_t)key->object >> 4) + key->offset * 0x9e3779b97f4a7c15ull;
    return &futex_buckets[(hash >> 32 ^ hash) % FUTEX_BUCKETS];
}

void bucket_lock(struct futex_bucket *bucket)
{
    spin_lock(&bucket->lock);
    if (!bucket->waiters.next) {
        list_init(&bucket->waiters);
        list_init(&bucket->locks);
    }
}

long futex_key(uint64_t address, bool private_, struct space_key *out)
{
    if (address % sizeof(uint32_t))
        return -ABI_EINVAL;
    if (address >= USER_END)
        return -ABI_EFAULT;
    return space_futex_key(current_process()->space, address, private_, out);
}

/* ---- Waking ---- */

/* The waiter may leave its frame as soon as its bucket reads NULL, so the thread is taken out
 * first. */
void futex_waiter_wake(struct futex_waiter *waiter)
{
    struct thread *thread = waiter->thread;
    thread_ref(thread);
    atomic_store(&waiter->bucket, NULL);
    thread_wake(thread);
    thread_unref(thread);
}

/* -EINVAL: who waits there waits for a lock, which is not to be woken so. */
static long bucket_wake(struct futex_bucket *bucket, const struct space_key *key, uint32_t count,
                        uint32_t bitset)
{
    long woken = 0;
    if (futex_is_lock(bucket, key))
        return -ABI_EINVAL;
    list_for_each_safe (link, &bucket->waiters) {
        struct futex_waiter *waiter = container_of(link, struct futex_waiter, link);
        if (woken >= (long)count)
            break;
        if (!key_same(&waiter->key, key))
            continue;
        if (waiter->target)
            return -ABI_EINVAL;
        if (waiter->bitset & bitset) {
            list_remove(&waiter->link);
            futex_waiter_wake(waiter);
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

void futex_waiter_init(struct futex_waiter *waiter, uint32_t bitset)
{
    struct thread *self = current_thread();
    *waiter = (struct futex_waiter){.bitset = bitset, .thread = self, .pi.thread = self};
}

long futex_queue(struct futex_waiter *waiter, uint64_t address, uint32_t value)
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

bool futex_unqueue(struct futex_waiter *waiter)
{
    struct futex_bucket *bucket;
    struct futex_lock *unused = NULL;
    bool woken = true;
    while (woken && (bucket = atomic_load(&waiter->bucket))) {
        spin_lock(&bucket->lock);
        woken = atomic_load(&waiter->bucket) != bucket;
        if (!woken && waiter->pi.lock)
            unused = futex_lock_leave(waiter);
        else if (!woken)
            list_remove(&waiter->link);
        spin_unlock(&bucket->lock);
    }
    futex_lock_free(unused);
    return woken;
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
    struct futex_waiter waiter;
    if (!bitset)
        return -ABI_EINVAL;
    futex_waiter_init(&waiter, bitset);
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

void buckets_lock(struct futex_bucket *a, struct futex_bucket *b)
{
    bucket_lock(a < b ? a : b);
    if (a != b)
        bucket_lock(a < b ? b : a);
}

void buckets_unlock(struct futex_bucket *a, struct futex_bucket *b)
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
        if (waiter->target)
            return -ABI_EINVAL;
        waiter->key = *to_key;
        moved++;
        /* To the end of the list walked, it would be met again, for ever if the keys are equal. */
        if (to == from)
            continue;
        list_remove(&waiter->link);
        bucket_add(to, waiter);
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
            long moved = 0;
            result = bucket_wake(from, &key, wake, ~0u);
            if (result >= 0)
                moved = futex_is_lock(to, &key2) ? -ABI_EINVAL
                                                 : bucket_move(from, &key, to, &key2, move);
            if (moved < 0)
                result = moved;
            else if (result >= 0 && expected)
                result += moved;
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

long futex_touch(uint64_t address)
{
    uint32_t seen;
    return load_user32(&seen, (const uint32_t *)address) ||
                   cmpxchg_user32((uint32_t *)address, seen, seen, &seen)
               ? -ABI_EFAULT
               : 0;
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
        uint32_t old;
        long woken = 0;
        buckets_lock(first, second);
        int fault = wake_op_apply(address2, code, &old);
        if (!fault) {
            long woken2 = 0;
            woken = bucket_wake(first, &key, wake, ~0u);
            if (woken >= 0 && wake_op_holds(code, old))
                woken2 = bucket_wake(second, &key2, wake2, ~0u);
            woken = woken2 < 0 ? woken2 : woken + woken2;
        }
        buckets_unlock(first, second);
        if (!fault)
            return woken;
        if (futex_touch(address2))
            return -ABI_EFAULT;
    }
}

/* ---- The call ---- */

long futex_deadline(uint64_t timeout, bool relative, bool real, struct deadline *out)
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

/* Whose absolute time may be one of the calendar. */
static bool command_has_clock(int command)
{
    return command == ABI_FUTEX_WAIT_BITSET || command == ABI_FUTEX_WAIT_REQUEUE_PI ||
           command == ABI_FUTEX_LOCK_PI2;
}

static bool command_waits(int command)
{
    return command == ABI_FUTEX_WAIT || command == ABI_FUTEX_LOCK_PI || command_has_clock(command);
}

long futex_call(uint64_t address, int operation, uint32_t value, uint64_t timeout,
                uint64_t address2, uint32_t value3)
{
    bool private_ = operation & ABI_FUTEX_PRIVATE_FLAG;
    bool real = operation & ABI_FUTEX_CLOCK_REALTIME;
    int command = operation & ABI_FUTEX_CMD_MASK;
    uint32_t value2 = (uint32_t)timeout;
    struct deadline deadline = {ENV_FOREVER, false};
    long error = 0;
    if (real && !command_has_clock(command))
        return -ABI_ENOSYS;
    if (command_waits(command))
        error = futex_deadline(timeout, command == ABI_FUTEX_WAIT,
                               real || command == ABI_FUTEX_LOCK_PI, &deadline);
    if (error)
        return error;
    switch (command) {
    case ABI_FUTEX_WAIT:
        return futex_wait(address, private_, value, ~0u, deadline);
    case ABI_FUTEX_WAIT_BITSET:
        return futex_wait(address, private_, value, value3, deadline);
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
    case ABI_FUTEX_LOCK_PI:
    case ABI_FUTEX_LOCK_PI2:
        return futex_lock_pi(address, private_, deadline);
    case ABI_FUTEX_TRYLOCK_PI:
        return futex_trylock_pi(address, private_);
    case ABI_FUTEX_UNLOCK_PI:
        return futex_unlock_pi(address, private_);
    case ABI_FUTEX_WAIT_REQUEUE_PI:
        return futex_wait_requeue_pi(address, address2, private_, value, deadline);
    case ABI_FUTEX_CMP_REQUEUE_PI:
        return futex_requeue_pi(address, address2, private_, value, value2, value3);
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

/* The owner died: says so in the word, and wakes one waiter, unless it waits for a lock that
 * inherits priorities (PI): those are told later. One that it was at work on (PENDING) may be free
 * already, and a waiter not yet woken. */
static bool robust_release(uint64_t address, bool pi, bool pending)
{
    uint32_t seen, tid = (uint32_t)current_thread()->tid;
    if (address % sizeof(uint32_t) || load_user32(&seen, (const uint32_t *)address))
        return false;
    if (pending && !pi && !seen)
        futex_wake(address, 1, ~0u, true);
    while ((seen & ABI_FUTEX_TID_MASK) == tid) {
        uint32_t expected = seen, dead = (seen & ABI_FUTEX_WAITERS) | ABI_FUTEX_OWNER_DIED;
        if (cmpxchg_user32((uint32_t *)address, expected, dead, &seen))
            return false;
        if (seen != expected)
            continue;
        if (expected & ABI_FUTEX_WAITERS && !pi)
            futex_wake(address, 1, ~0u, true);
        break;
    }
    return true;
}

/* Bit 0 of what points to an entry says that it inherits priorities. */
static void robust_list_walk(void)
{
    struct thread *self = current_thread();
    uint64_t head_address = self->robust_list;
    struct robust_head head;
    self->robust_list = 0;
    if (!head_address || copy_from_user(&head, (const void *)head_address, sizeof head))
        return;
    uint64_t offset = (uint64_t)head.futex_offset, pending = head.pending & ~1ull;
    uint64_t next, link = head.next;
    for (unsigned i = 0; i < ROBUST_LIMIT && (link & ~1ull) != head_address; i++, link = next) {
        uint64_t entry = link & ~1ull;
        if (copy_from_user(&next, (const void *)entry, sizeof next))
            return;
        if (entry != pending && !robust_release(entry + offset, link & 1, false))
            return;
    }
    if (pending)
        robust_release(pending + offset, head.pending & 1, true);
}

void futex_leave(bool ends)
{
    robust_list_walk();
    pi_owner_leave(ends);
}
