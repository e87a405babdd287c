/*
 * Taking pages away with what is in them: truncation, holes, the end of a cache.
 *
 * Locks: the caller holds the inode's mutex; cache->lock for moments. The size changes first, so
 * that who comes later finds no page there; who came before has its page busy, and is waited for.
 */
#include "pagecache_private.h"

/* The next page of the range: taken out (*gone), or busy (*busy), or neither: there is none. */
static void remove_next(struct pagecache *cache, oskit_u64_t *index, oskit_u64_t last,
                        struct cached_page **gone, bool *busy, bool *clean)
{
    struct radix_pool pool = {0};

    *gone = NULL;
    *busy = *clean = false;
    env_spin_lock(&cache->lock);
    struct cached_page *page = *index <= last ? radix_next(&cache->pages, index) : NULL;
    if (page && page->index <= last) {
        *busy = page->flags & CACHED_BUSY;
        if (!*busy) {
            bool dirty = page->flags & CACHED_DIRTY;
            cached_page_remove(cache, page, &pool);
            *clean = dirty && cache->dirty_count == 0;
            *gone = page;
        }
    }
    env_spin_unlock(&cache->lock);
    radix_pool_drain(&pool);
}

void pagecache_remove_range(struct pagecache *cache, oskit_u64_t first, oskit_u64_t last)
{
    struct cached_page *gone;
    bool busy, clean;

    do {
        remove_next(cache, &first, last, &gone, &busy, &clean);
        if (busy)
            (void)cached_page_wait(cache, first, CACHED_BUSY);
        if (clean)
            pagecache_tell_dirtied(cache);
        if (gone)
            cached_page_destroy(gone);
    } while (gone || busy);
}

/* Whether the device has anything in the first or the last block of bytes OFFSET to END - 1. */
static oskit_error_t ends_mapped(struct pagecache *cache, oskit_u64_t offset, oskit_u64_t end,
                                 bool *mapped)
{
    oskit_u64_t mask = ~((oskit_u64_t)cache->block_size - 1);
    struct pagecache_extent first = {0}, last = {0};
    oskit_error_t err = cache->ops->extent(cache, offset & mask, cache->block_size, &first);

    if (OSKIT_SUCCEEDED(err))
        err = cache->ops->extent(cache, (end - 1) & mask, cache->block_size, &last);
    *mapped =
        OSKIT_SUCCEEDED(err) && (first.device != PAGECACHE_HOLE || last.device != PAGECACHE_HOLE);
    return err;
}

static bool page_is_cached(struct pagecache *cache, oskit_u64_t index)
{
    env_spin_lock(&cache->lock);
    bool cached = cached_page_get(cache, index) != NULL;
    env_spin_unlock(&cache->lock);
    return cached;
}

/*
 * Bytes OFFSET to END - 1 of one page become zeros, in the cache and, later, on the device. Whole
 * blocks among them are about to be the file's no more. The page must lie in the file still.
 */
static oskit_error_t page_zero_part(struct pagecache *cache, oskit_u64_t offset, oskit_u64_t end)
{
    oskit_u64_t index = page_index(offset), now = env_time_monotonic();
    unsigned from = offset % ENV_PAGE_SIZE, to = from + (unsigned)(end - offset);
    bool needed = page_is_cached(cache, index);
    oskit_error_t err = needed ? OSKIT_SUCCESS : ends_mapped(cache, offset, end, &needed);
    char *data;

    if (!needed)
        return err;
    err = pagecache_page(cache, index, 1, &data);
    if (OSKIT_FAILED(err) || !data)
        return err;
    memset(data + from, 0, to - from);
    env_spin_lock(&cache->lock);
    struct cached_page *page = cached_page_get(cache, index);
    page->reserved &= (oskit_u8_t)~blocks_filled(cache, from, to);
    bool first = cached_page_dirty(cache, page, now);
    env_spin_unlock(&cache->lock);
    if (first)
        pagecache_tell_dirtied(cache);
    env_page_unref(data);
    return OSKIT_SUCCESS;
}

/* The part of the last page that stays must be zeros behind SIZE: done while it lies in the file.
 */
static oskit_error_t truncate_tail(struct pagecache *cache, oskit_u64_t size)
{
    oskit_u64_t end = page_offset(page_index(size) + 1);

    if (size % ENV_PAGE_SIZE == 0)
        return OSKIT_SUCCESS;
    return page_zero_part(cache, size, end);
}

/* Waits till nothing is under way for a page. */
static void page_settle(struct pagecache *cache, oskit_u64_t index)
{
    bool busy;

    do {
        env_spin_lock(&cache->lock);
        const struct cached_page *page = cached_page_get(cache, index);
        busy = page && (page->flags & CACHED_BUSY);
        env_spin_unlock(&cache->lock);
        if (busy)
            (void)cached_page_wait(cache, index, CACHED_BUSY);
    } while (busy);
}

static void pagecache_set_size(struct pagecache *cache, oskit_u64_t size)
{
    env_spin_lock(&cache->lock);
    cache->size = size;
    env_spin_unlock(&cache->lock);
}

oskit_error_t pagecache_truncate(struct pagecache *cache, oskit_u64_t size)
{
    env_spin_lock(&cache->lock);
    oskit_u64_t old = cache->size;
    env_spin_unlock(&cache->lock);
    if (size >= old) {
        pagecache_zero_gap(cache, old, size);
        pagecache_set_size(cache, size);
        return OSKIT_SUCCESS;
    }
    oskit_error_t err = truncate_tail(cache, size);
    if (OSKIT_FAILED(err))
        return err;
    pagecache_set_size(cache, size);
    pagecache_remove_range(cache, pages_of_size(size), UINT64_MAX);
    pagecache_unmap(cache, pages_of_size(size), CACHE_INDEX_MAX, true);
    if (size % ENV_PAGE_SIZE && cache->block_size < ENV_PAGE_SIZE)
        page_settle(cache, page_index(size));
    return OSKIT_SUCCESS;
}

/* The part of one page that a hole covers. Write-back that began before OPS knew of the hole is
 * waited for. */
static oskit_error_t punch_part(struct pagecache *cache, oskit_u64_t first, oskit_u64_t end)
{
    oskit_error_t err = first < end ? page_zero_part(cache, first, end) : OSKIT_SUCCESS;

    page_settle(cache, page_index(first));
    return err;
}

oskit_error_t pagecache_punch(struct pagecache *cache, oskit_u64_t first, oskit_u64_t last)
{
    env_spin_lock(&cache->lock);
    oskit_u64_t size = cache->size;
    env_spin_unlock(&cache->lock);
    if (first > last || first >= size)
        return OSKIT_SUCCESS;
    /* Behind the end of the file there are zeros up to the end of its page. */
    oskit_u64_t end = lesser(last, page_offset(pages_of_size(size)) - 1) + 1;
    oskit_u64_t whole = pages_of_size(first), stop = page_index(end);

    if (whole > stop)
        return punch_part(cache, first, end);
    oskit_error_t err = punch_part(cache, first, page_offset(whole));
    if (OSKIT_SUCCEEDED(err))
        err = punch_part(cache, page_offset(stop), end);
    if (OSKIT_SUCCEEDED(err) && whole < stop) {
        pagecache_remove_range(cache, whole, stop - 1);
        pagecache_unmap(cache, whole, stop - 1, false);
    }
    return err;
}
