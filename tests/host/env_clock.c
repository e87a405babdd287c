/*
 * The porting layer of the host tests: time, timers and sleeping.
 *
 * In real time one thread runs the timers. With the manual clock nothing moves until
 * env_test_clock_advance, which runs them itself.
 *
 * Locks: interrupt exclusion -> clock_lock; interrupt exclusion -> a sleep bucket's lock.
 * clock_lock and bucket locks are never held together, nor across a callback.
 */
#include "env.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <sluice/list.h>

#define SECOND         1000000000ull
#define MANUAL_EPOCH   1000000000ll /* the manual clock's zero, in seconds since 1970 */
#define BUCKETS        64
#define BUCKET_OF(ptr) ((((uintptr_t)(ptr)) >> 4) % BUCKETS)

struct timer {
    struct list link; /* empty when not pending */
    void (*fn)(void *arg);
    void *arg;
    uint64_t deadline;
};
_Static_assert(sizeof(struct timer) <= sizeof(struct env_timer), "a timer fits its opaque words");

struct sleep {
    uintptr_t woken; /* guarded by the bucket's lock */
};

/* Sleepers share conditions by address: wakeups may be spurious, the flag says. */
static struct bucket {
    pthread_mutex_t lock;
    pthread_cond_t cond;
} buckets[BUCKETS];

static pthread_mutex_t clock_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t clock_changed; /* timers were added, or one has finished */
static struct list pending = LIST_INIT(pending);
static struct timer *running;
static bool timer_thread_started;
static atomic_bool manual;
static atomic_ullong manual_now;
static atomic_llong manual_moved; /* the real clock, by the test */
static atomic_size_t sleepers;

__attribute__((constructor)) static void clock_open(void)
{
    pthread_condattr_t attr;

    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&clock_changed, &attr);
    for (size_t i = 0; i < BUCKETS; i++) {
        pthread_mutex_init(&buckets[i].lock, NULL);
        pthread_cond_init(&buckets[i].cond, &attr);
    }
    pthread_condattr_destroy(&attr);
}

static uint64_t host_time(clockid_t id)
{
    struct timespec now;

    clock_gettime(id, &now);
    return (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec;
}

uint64_t env_time_monotonic(void)
{
    return atomic_load(&manual) ? atomic_load(&manual_now) : host_time(CLOCK_MONOTONIC);
}

int64_t env_time_real(void)
{
    if (atomic_load(&manual))
        return MANUAL_EPOCH * (int64_t)SECOND + (int64_t)atomic_load(&manual_now) +
               atomic_load(&manual_moved);
    return (int64_t)host_time(CLOCK_REALTIME);
}

/* Waits on COND until DEADLINE at most; may return early. */
static void cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *lock, uint64_t deadline)
{
    if (deadline == ENV_FOREVER || atomic_load(&manual)) {
        pthread_cond_wait(cond, lock);
        return;
    }
    struct timespec until = {.tv_sec = (time_t)(deadline / SECOND),
                             .tv_nsec = (long)(deadline % SECOND)};
    pthread_cond_timedwait(cond, lock, &until);
}

/* ---- Timers ---- */

static struct timer *timer_of(struct env_timer *timer)
{
    return (struct timer *)timer;
}

void env_timer_init(struct env_timer *public, void (*fn)(void *arg), void *arg)
{
    struct timer *timer = timer_of(public);

    list_init(&timer->link);
    timer->fn = fn;
    timer->arg = arg;
    timer->deadline = 0;
}

/* Takes the first timer due at NOW off the list and marks it running. Called with clock_lock held.
 */
static struct timer *timer_take_due(uint64_t now)
{
    struct timer *timer = container_of(pending.next, struct timer, link);

    if (list_empty(&pending) || timer->deadline > now)
        return NULL;
    list_remove(&timer->link);
    running = timer;
    return timer;
}

/*
 * Runs one timer due at NOW; false when there is none. Interrupt exclusion is taken before the
 * timer is marked running, so that an interrupt handler can stop any timer without waiting for one
 * that waits for the handler.
 */
static bool timer_run_one(uint64_t now)
{
    env_test_interrupt_enter();
    pthread_mutex_lock(&clock_lock);
    struct timer *timer = timer_take_due(now);
    void (*fn)(void *) = timer != NULL ? timer->fn : NULL;
    void *arg = timer != NULL ? timer->arg : NULL;
    pthread_mutex_unlock(&clock_lock);
    if (fn != NULL) {
        fn(arg);
        pthread_mutex_lock(&clock_lock);
        running = NULL;
        pthread_cond_broadcast(&clock_changed);
        pthread_mutex_unlock(&clock_lock);
    }
    env_test_interrupt_leave();
    return fn != NULL;
}

/* Waits until the first timer comes due, or the list changes. */
static void timer_wait(void)
{
    pthread_mutex_lock(&clock_lock);
    uint64_t first = list_empty(&pending)
                         ? ENV_FOREVER
                         : container_of(pending.next, struct timer, link)->deadline;
    if (atomic_load(&manual) || first > env_time_monotonic())
        cond_wait_until(&clock_changed, &clock_lock, first);
    pthread_mutex_unlock(&clock_lock);
}

static void *timer_thread(void *arg)
{
    (void)arg;
    for (;;) {
        if (atomic_load(&manual) || !timer_run_one(env_time_monotonic()))
            timer_wait();
    }
    return NULL;
}

/* Called with clock_lock held. */
static void timer_thread_start(void)
{
    pthread_t thread;

    if (timer_thread_started || atomic_load(&manual))
        return;
    if (pthread_create(&thread, NULL, timer_thread, NULL) != 0)
        env_test_fault("no timer thread");
    pthread_detach(thread);
    timer_thread_started = true;
}

void env_timer_start(struct env_timer *public, uint64_t deadline)
{
    struct timer *timer = timer_of(public);

    pthread_mutex_lock(&clock_lock);
    list_remove(&timer->link);
    timer->deadline = deadline;
    struct list *after = pending.prev;
    while (after != &pending && container_of(after, struct timer, link)->deadline > deadline)
        after = after->prev;
    list_push_front(after, &timer->link);
    timer_thread_start();
    pthread_cond_broadcast(&clock_changed);
    pthread_mutex_unlock(&clock_lock);
}

bool env_timer_stop(struct env_timer *public)
{
    struct timer *timer = timer_of(public);

    pthread_mutex_lock(&clock_lock);
    bool was_pending = !list_empty(&timer->link);
    list_remove(&timer->link);
    while (running == timer) {
        if (env_test_in_interrupt())
            env_test_fault("a timer is stopped by its own callback");
        pthread_cond_wait(&clock_changed, &clock_lock);
    }
    /* The callback may have started it again while we waited. */
    was_pending |= !list_empty(&timer->link);
    list_remove(&timer->link);
    pthread_mutex_unlock(&clock_lock);
    return was_pending;
}

size_t env_test_timers(void)
{
    size_t count = 0;

    pthread_mutex_lock(&clock_lock);
    list_for_each (node, &pending)
        count++;
    pthread_mutex_unlock(&clock_lock);
    return count;
}

/* ---- The manual clock ---- */

static void wake_all_buckets(void)
{
    for (size_t i = 0; i < BUCKETS; i++) {
        pthread_mutex_lock(&buckets[i].lock);
        pthread_cond_broadcast(&buckets[i].cond);
        pthread_mutex_unlock(&buckets[i].lock);
    }
}

void env_test_clock_manual(bool on)
{
    pthread_mutex_lock(&clock_lock);
    if (on && !atomic_load(&manual))
        atomic_store(&manual_now, SECOND);
    atomic_store(&manual_moved, 0);
    atomic_store(&manual, on);
    pthread_cond_broadcast(&clock_changed);
    pthread_mutex_unlock(&clock_lock);
    wake_all_buckets();
}

void env_test_clock_move_real(int64_t nanoseconds)
{
    atomic_fetch_add(&manual_moved, nanoseconds);
}

/* The deadline of the first timer, at most LIMIT. */
static uint64_t next_deadline(uint64_t limit)
{
    pthread_mutex_lock(&clock_lock);
    uint64_t first =
        list_empty(&pending) ? limit : container_of(pending.next, struct timer, link)->deadline;
    pthread_mutex_unlock(&clock_lock);
    return first < limit ? first : limit;
}

void env_test_clock_advance(uint64_t nanoseconds)
{
    if (!atomic_load(&manual))
        env_test_fault("env_test_clock_advance without env_test_clock_manual");
    uint64_t target = atomic_load(&manual_now) + nanoseconds;
    uint64_t now;

    do {
        now = next_deadline(target);
        /* A timer may have been set in the past: time never steps back. */
        if (now > atomic_load(&manual_now))
            atomic_store(&manual_now, now);
        while (timer_run_one(atomic_load(&manual_now)))
            ;
    } while (now < target);
    wake_all_buckets();
}

/* ---- Sleeping ---- */

void env_sleep_init(struct env_sleep *sleep)
{
    struct bucket *bucket = &buckets[BUCKET_OF(sleep)];

    pthread_mutex_lock(&bucket->lock);
    memset(sleep, 0, sizeof *sleep);
    pthread_mutex_unlock(&bucket->lock);
}

bool env_sleep(struct env_sleep *public, uint64_t deadline)
{
    struct sleep *sleep = (struct sleep *)public;
    struct bucket *bucket = &buckets[BUCKET_OF(public)];

    env_test_assert_may_sleep("env_sleep");
    pthread_mutex_lock(&bucket->lock);
    atomic_fetch_add(&sleepers, 1);
    while (!sleep->woken && (deadline == ENV_FOREVER || env_time_monotonic() < deadline))
        cond_wait_until(&bucket->cond, &bucket->lock, deadline);
    atomic_fetch_sub(&sleepers, 1);
    bool woken = sleep->woken;
    pthread_mutex_unlock(&bucket->lock);
    return woken;
}

void env_wakeup(struct env_sleep *public)
{
    struct bucket *bucket = &buckets[BUCKET_OF(public)];

    pthread_mutex_lock(&bucket->lock);
    ((struct sleep *)public)->woken = 1;
    pthread_cond_broadcast(&bucket->cond);
    pthread_mutex_unlock(&bucket->lock);
}

size_t env_test_sleepers(void)
{
    return atomic_load(&sleepers);
}
