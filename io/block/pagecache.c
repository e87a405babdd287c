/*
 * Pages of a cache, and the list of all caches.
 *
 * Locks: cache->lock, then caches_lock, which guards the list and each cache's all, holds, visit
 * and gone. A cache is on the list while it has pages. Who goes through the list holds the cache it
 * is at, and pagecache_fini waits for that.
 */
#include "pagecache_private.h"

_Atomic oskit_u64_t pagecache_pages, pagecache_dirty_pages, pagecache_writeback_pages;
_Atomic oskit_u64_t pagecache_copied_bytes;

static struct env_spinlock caches_lock;
static struct list caches = LIST_INIT(caches);
static oskit_u32_t caches_count;
static struct env_mutex visit_mutex; /* one visit at a time: outermost */
static oskit_u64_t visits;

/* ---- Pages ---- */

struct cached_page *cached_page_create(oskit_u64_t index, unsigned flags)
{
    struct cached_page *page = env_alloc(sizeof *page, ENV_ZERO);

    if (!page)
        return NULL;
    page->data = env_page_alloc(0, flags);
    if (!page->data) {
        env_free(page, sizeof *page);
        return NULL;
    }
    page->index = index;
    list_init(&page->link);
    list_init(&page->writeback);
    return page;
}

void cached_page_destroy(struct cached_page *page)
{
    env_page_unref(page->data);
    env_free(page, sizeof *page);
}

/* Lock held. */
static void pagecache_count(struct pagecache *cache, oskit_s64_t change)
{
    cache->page_count += (oskit_u64_t)change;
    atomic_fetch_add_explicit(&pagecache_pages, (oskit_u64_t)change, memory_order_relaxed);
    if (cache->page_count != 0 && (change < 0 || cache->page_count != (oskit_u64_t)change))
        return; /* on the list before and after */
    env_spin_lock(&caches_lock);
    if (cache->page_count != 0) {
        list_push_back(&caches, &cache->all);
        caches_count++;
    } else {
        list_remove(&cache->all);
        caches_count--;
    }
    env_spin_unlock(&caches_lock);
}

/* Puts in what POOL's nodes suffice for; *need: nodes that the next one takes, 0 at the end. */
static unsigned pages_put(struct pagecache *cache, struct cached_page *const *pages, unsigned count,
                          oskit_u8_t flags, struct radix_pool *pool, unsigned *need)
{
    unsigned done = 0;

    *need = 0;
    while (done < count && !cached_page_get(cache, pages[done]->index)) {
        *need = radix_need(&cache->pages, pages[done]->index);
        if (*need > pool->count)
            break;
        *need = 0;
        pages[done]->flags |= flags;
        radix_put(&cache->pages, pages[done]->index, pages[done], pool);
        done++;
    }
    if (done > 0)
        pagecache_count(cache, done);
    return done;
}

oskit_error_t cached_pages_insert(struct pagecache *cache, struct cached_page *const *pages,
                                  unsigned count, oskit_u8_t flags, unsigned *inserted)
{
    struct radix_pool pool = {0};
    oskit_error_t err = OSKIT_SUCCESS;
    unsigned need = 0;

    *inserted = 0;
    do {
        err = radix_pool_fill(&pool, need);
        if (OSKIT_FAILED(err))
            break;
        env_spin_lock(&cache->lock);
        *inserted += pages_put(cache, pages + *inserted, count - *inserted, flags, &pool, &need);
        env_spin_unlock(&cache->lock);
    } while (need > 0);
    radix_pool_drain(&pool);
    return err;
}

void cached_page_remove(struct pagecache *cache, struct cached_page *page, struct radix_pool *pool)
{
    radix_remove(&cache->pages, page->index, pool);
    cached_page_clean(cache, page);
    pagecache_count(cache, -1);
}

bool cached_page_dirty(struct pagecache *cache, struct cached_page *page, oskit_u64_t now)
{
    if (page->flags & CACHED_DIRTY)
        return false;
    page->flags |= CACHED_DIRTY;
    page->dirtied = now;
    list_push_back(&cache->dirty, &page->link);
    atomic_fetch_add_explicit(&pagecache_dirty_pages, 1, memory_order_relaxed);
    return cache->dirty_count++ == 0;
}

bool cached_page_clean(struct pagecache *cache, struct cached_page *page)
{
    if (!(page->flags & CACHED_DIRTY))
        return false;
    page->flags &= (oskit_u8_t)~CACHED_DIRTY;
    list_remove(&page->link);
    atomic_fetch_sub_explicit(&pagecache_dirty_pages, 1, memory_order_relaxed);
    return --cache->dirty_count == 0;
}

void pagecache_tell_dirtied(struct pagecache *cache)
{
    if (cache->ops->dirtied)
        cache->ops->dirtied(cache);
}

oskit_u8_t blocks_touched(const struct pagecache *cache, unsigned first, unsigned end)
{
    unsigned low = first / cache->block_size;
    unsigned high = (end + cache->block_size - 1) / cache->block_size;

    return (oskit_u8_t)(((1u << high) - 1) & ~((1u << low) - 1));
}

oskit_u8_t blocks_filled(const struct pagecache *cache, unsigned first, unsigned end)
{
    unsigned low = (first + cache->block_size - 1) / cache->block_size;
    unsigned high = end / cache->block_size;

    return low < high ? (oskit_u8_t)(((1u << high) - 1) & ~((1u << low) - 1)) : 0;
}

/* ---- Waiting for a page ---- */

void page_wait_init(struct page_wait *wait, oskit_u64_t index)
{
    *wait = (struct page_wait){.index = index};
    env_sleep_init(&wait->sleep);
}

oskit_error_t page_wait_end(struct page_wait *wait, oskit_error_t err)
{
    if (!wait->queued)
        return err;
    env_sleep(&wait->sleep, ENV_FOREVER);
    return wait->error;
}

oskit_error_t cached_page_wait(struct pagecache *cache, oskit_u64_t index, oskit_u8_t flags)
{
    struct page_wait wait;

    page_wait_init(&wait, index);
    env_spin_lock(&cache->lock);
    struct cached_page *page = cached_page_get(cache, index);
    if (page && (page->flags & flags)) {
        wait.queued = true;
        wait.next = page->waiters;
        page->waiters = &wait;
    }
    env_spin_unlock(&cache->lock);
    return page_wait_end(&wait, OSKIT_SUCCESS);
}

void cached_page_wake(struct cached_page *page, oskit_error_t error)
{
    struct page_wait *wait = page->waiters;

    page->waiters = NULL;
    while (wait) {
        struct page_wait *next = wait->next;

        wait->error = error;
        env_wakeup(&wait->sleep);
        wait = next;
    }
}

/* ---- All caches ---- */

oskit_u64_t pagecache_visit_begin(void)
{
    env_mutex_lock(&visit_mutex);
    return ++visits;
}

/* caches_lock held. */
static void unhold_locked(struct pagecache *cache)
{
    if (--cache->holds == 0 && cache->gone)
        env_wakeup(cache->gone);
}

void pagecache_unhold(struct pagecache *cache)
{
    env_spin_lock(&caches_lock);
    unhold_locked(cache);
    env_spin_unlock(&caches_lock);
}

/* Moves CACHE to the end and holds it. caches_lock held. */
static void cache_turn(struct pagecache *cache)
{
    cache->holds++;
    list_remove(&cache->all);
    list_push_back(&caches, &cache->all);
}

struct pagecache *pagecache_visit_next(oskit_u64_t visit, struct pagecache *last)
{
    struct pagecache *cache = NULL;

    env_spin_lock(&caches_lock);
    if (last)
        unhold_locked(last);
    list_for_each (node, &caches) {
        cache = container_of(node, struct pagecache, all);
        if (cache->visit < visit)
            break;
        cache = NULL;
    }
    if (cache) {
        cache->visit = visit;
        cache_turn(cache);
    }
    env_spin_unlock(&caches_lock);
    if (!cache)
        env_mutex_unlock(&visit_mutex);
    return cache;
}

struct pagecache *pagecache_next(struct pagecache *last)
{
    struct pagecache *cache = NULL;

    env_spin_lock(&caches_lock);
    if (last)
        unhold_locked(last);
    if (!list_empty(&caches)) {
        cache = container_of(caches.next, struct pagecache, all);
        cache_turn(cache);
    }
    env_spin_unlock(&caches_lock);
    return cache;
}

oskit_u32_t pagecache_count_caches(void)
{
    env_spin_lock(&caches_lock);
    oskit_u32_t count = caches_count;
    env_spin_unlock(&caches_lock);
    return count;
}

/* Takes CACHE off the list for good and waits for those who hold it. Its pages are gone. */
static void pagecache_wait_unheld(struct pagecache *cache)
{
    struct env_sleep sleep;

    env_sleep_init(&sleep);
    env_spin_lock(&caches_lock);
    bool held = cache->holds != 0;
    if (held)
        cache->gone = &sleep;
    env_spin_unlock(&caches_lock);
    if (held)
        env_sleep(&sleep, ENV_FOREVER);
}

void pagecache_totals(struct pagecache_totals *out)
{
    out->cached = atomic_load_explicit(&pagecache_pages, memory_order_relaxed);
    out->dirty = atomic_load_explicit(&pagecache_dirty_pages, memory_order_relaxed);
    out->writeback = atomic_load_explicit(&pagecache_writeback_pages, memory_order_relaxed);
}

oskit_u64_t pagecache_copied(void)
{
    return atomic_load_explicit(&pagecache_copied_bytes, memory_order_relaxed);
}

/* ---- Beginning and end ---- */

void pagecache_init(struct pagecache *cache, const struct pagecache_ops *ops,
                    sluice_blockqueue_t *device, oskit_u32_t block_size, oskit_u64_t size)
{
    *cache =
        (struct pagecache){.ops = ops, .device = device, .block_size = block_size, .size = size};
    sluice_blockqueue_addref(device);
    sluice_blockqueue_get_limits(device, &cache->limits);
    list_init(&cache->dirty);
    list_init(&cache->writeback);
    list_init(&cache->all);
    mappings_init(&cache->mappings);
}

void pagecache_fini(struct pagecache *cache)
{
    pagecache_remove_range(cache, 0, UINT64_MAX);
    pagecache_wait_unheld(cache);
    sluice_blockqueue_release(cache->device);
    cache->device = NULL;
}

oskit_error_t pagecache_error(struct pagecache *cache, oskit_u32_t *seen)
{
    oskit_error_t err = OSKIT_SUCCESS;

    env_spin_lock(&cache->lock);
    if (*seen != cache->error_count) {
        *seen = cache->error_count;
        err = cache->last_error;
    }
    env_spin_unlock(&cache->lock);
    return err;
}

/* ---- A block device's own cache ---- */

static oskit_error_t device_extent(struct pagecache *cache, oskit_u64_t offset, oskit_u64_t length,
                                   struct pagecache_extent *out)
{
    (void)cache;
    *out = (struct pagecache_extent){offset, length};
    return OSKIT_SUCCESS;
}

static oskit_error_t device_reserve(struct pagecache *cache, oskit_u64_t offset, oskit_u64_t length,
                                    oskit_u64_t *out_length, bool *out_new)
{
    if (offset >= cache->size)
        return OSKIT_ENOSPC;
    *out_length = lesser(length, cache->size - offset);
    *out_new = false;
    return OSKIT_SUCCESS;
}

const struct pagecache_ops pagecache_device_ops = {
    .extent = device_extent,
    .reserve = device_reserve,
};
