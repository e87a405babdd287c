/*
 * How much may be dirty and for how long: the write-back thread, and writers who are ahead of it.
 *
 * The thread wakes now and then and writes what has been dirty too long; when more than a share of
 * memory is dirty it writes the oldest until it is less. A writer who finds twice that share dirty
 * or on its way waits for the device.
 *
 * Locks: limit.lock guards the sleepers; inside cache->lock.
 */
#include "pagecache_private.h"

#define NANOSECONDS 1000000000ull
#define CENTISECOND (NANOSECONDS / 100)

struct pagecache_limits pagecache_limits = {
    .background_ratio = 10,
    .ratio = 20,
    .writeback_centiseconds = 500,
    .expire_centiseconds = 3000,
};

/* Somebody who waits for less to be dirty. */
struct limit_wait {
    struct env_sleep sleep;
    struct limit_wait *next;
};

static struct {
    struct env_spinlock lock;
    struct limit_wait *writers;
    struct env_sleep *thread; /* the write-back thread, while it sleeps */
    bool pressed;             /* it should look before its time */
    bool running;
    _Atomic bool stopping;
    struct env_sleep *stopped; /* who waits for the thread's end */
    _Atomic bool waiting;      /* writers is not empty: read without the lock */
} limit;

/* ---- How much ---- */

/* Pages that could be dirty: free ones and those of caches. */
static oskit_u64_t limit_pages(oskit_u32_t percent)
{
    oskit_u64_t pages =
        env_page_free() + atomic_load_explicit(&pagecache_pages, memory_order_relaxed);

    return pages / 100 * lesser(percent, 100) + 1;
}

static oskit_u64_t pages_dirty(void)
{
    return atomic_load_explicit(&pagecache_dirty_pages, memory_order_relaxed);
}

static oskit_u64_t pages_unwritten(void)
{
    return pages_dirty() + atomic_load_explicit(&pagecache_writeback_pages, memory_order_relaxed);
}

static bool limit_background(void)
{
    return pages_dirty() > limit_pages(pagecache_limits.background_ratio);
}

static bool limit_exceeded(void)
{
    return pages_unwritten() > limit_pages(pagecache_limits.ratio);
}

/* ---- Waking ---- */

void pagecache_limit_press(void)
{
    if (pages_dirty() == 0 && !limit.stopping)
        return;
    env_spin_lock(&limit.lock);
    limit.pressed = true;
    if (limit.thread)
        env_wakeup(limit.thread);
    limit.thread = NULL;
    env_spin_unlock(&limit.lock);
}

void pagecache_limit_relieve(void)
{
    if (!atomic_load_explicit(&limit.waiting, memory_order_relaxed))
        return;
    env_spin_lock(&limit.lock);
    struct limit_wait *wait = limit.writers;
    limit.writers = NULL;
    atomic_store_explicit(&limit.waiting, false, memory_order_relaxed);
    while (wait) {
        struct limit_wait *next = wait->next;

        env_wakeup(&wait->sleep);
        wait = next;
    }
    env_spin_unlock(&limit.lock);
}

/* ---- Writers ---- */

#define THROTTLE_PATIENCE (NANOSECONDS / 10)

static void limit_forget(struct limit_wait *wait)
{
    env_spin_lock(&limit.lock);
    for (struct limit_wait **at = &limit.writers; *at; at = &(*at)->next) {
        if (*at == wait) {
            *at = wait->next;
            break;
        }
    }
    env_spin_unlock(&limit.lock);
}

/* Till some write-back is done, or patience ends: the last of it may have been done before we
 * came. */
static void limit_wait(void)
{
    struct limit_wait wait;

    env_sleep_init(&wait.sleep);
    env_spin_lock(&limit.lock);
    wait.next = limit.writers;
    limit.writers = &wait;
    atomic_store_explicit(&limit.waiting, true, memory_order_relaxed);
    env_spin_unlock(&limit.lock);
    if (!env_sleep(&wait.sleep, env_time_monotonic() + THROTTLE_PATIENCE))
        limit_forget(&wait);
}

static bool cache_is_writing(struct pagecache *cache)
{
    env_spin_lock(&cache->lock);
    bool writing = cache->writeback_count > 0;
    env_spin_unlock(&cache->lock);
    return writing;
}

/* The writer starts write-back of its own file, so that it gets on even when the thread is at
 * another, slower device. */
static void limit_throttle(struct pagecache *cache)
{
    struct writeback_wish wish = {.last = UINT64_MAX, .limit = 4 * CACHE_RUN, .before = UINT64_MAX};
    bool skipped;

    while (limit_exceeded()) {
        if (pagecache_write_some(cache, &wish, &skipped) == 0 && !cache_is_writing(cache))
            return; /* others have dirtied it all, and they are at it */
        if (limit_exceeded())
            limit_wait();
    }
}

void pagecache_balance(struct pagecache *cache)
{
    if (!limit_background())
        return;
    pagecache_limit_press();
    if (limit_exceeded())
        limit_throttle(cache);
}

/* ---- The thread ---- */

/* What has been dirty too long and, when there is too much, the oldest. */
static void writeback_round(void)
{
    oskit_u64_t visit = pagecache_visit_begin();
    oskit_u64_t expire = pagecache_limits.expire_centiseconds * CENTISECOND;
    oskit_u64_t now = env_time_monotonic();
    struct writeback_wish wish = {.last = UINT64_MAX, .limit = UINT64_MAX};
    struct pagecache *cache = NULL;
    bool skipped;

    while ((cache = pagecache_visit_next(visit, cache))) {
        wish.before = now > expire ? now - expire : 0;
        (void)pagecache_write_some(cache, &wish, &skipped);
        wish.before = now;
        wish.limit = 4 * CACHE_RUN;
        while (limit_background() && pagecache_write_some(cache, &wish, &skipped) > 0)
            ;
        wish.limit = UINT64_MAX;
    }
}

/* true: the thread is to end. */
static bool writeback_sleep(void)
{
    oskit_u64_t interval = pagecache_limits.writeback_centiseconds * CENTISECOND;
    struct env_sleep sleep;

    env_sleep_init(&sleep);
    env_spin_lock(&limit.lock);
    bool pressed = limit.pressed;
    limit.thread = pressed ? NULL : &sleep;
    env_spin_unlock(&limit.lock);
    if (!pressed)
        env_sleep(&sleep, interval ? env_time_monotonic() + interval : ENV_FOREVER);
    env_spin_lock(&limit.lock);
    limit.thread = NULL;
    limit.pressed = false;
    bool stopping = limit.stopping;
    env_spin_unlock(&limit.lock);
    return stopping;
}

static void writeback_thread(void *arg)
{
    (void)arg;
    while (!writeback_sleep())
        writeback_round();
    env_spin_lock(&limit.lock);
    limit.running = false;
    limit.stopping = false;
    env_wakeup(limit.stopped);
    env_spin_unlock(&limit.lock);
}

oskit_error_t pagecache_start(void)
{
    oskit_error_t err = env_thread_start("writeback", writeback_thread, NULL);

    if (OSKIT_FAILED(err))
        return err;
    limit.running = true;
    pagecache_reclaim_start();
    return OSKIT_SUCCESS;
}

void pagecache_stop(void)
{
    struct env_sleep sleep;

    env_sleep_init(&sleep);
    env_spin_lock(&limit.lock);
    bool running = limit.running;
    limit.stopping = true;
    limit.stopped = &sleep;
    env_spin_unlock(&limit.lock);
    pagecache_limit_press();
    if (running)
        env_sleep(&sleep, ENV_FOREVER);
}
