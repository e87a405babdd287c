/*
 * Filling pages from the device.
 *
 * A run of absent pages is put in first, CACHED_READING, so that whoever else misses them waits
 * instead of reading them twice; then OPS say where their bytes are, and requests are made.
 *
 * Locks: cache->lock for moments; OPS are called with the run's pages busy.
 */
#include "pagecache_private.h"

/* Holes and what lies behind the last block read as zeros; the builder still has its part of the
 * page, so nobody else looks at it. */
static void pages_zero(struct cached_page *const *pages, oskit_u64_t offset, oskit_u64_t end)
{
    oskit_u64_t base = pages[0]->index;

    while (offset < end) {
        struct cached_page *page = pages[page_index(offset) - base];
        oskit_u64_t stop = lesser(end, page_offset(page->index + 1));

        memset(page->data + offset % ENV_PAGE_SIZE, 0, stop - offset);
        offset = stop;
    }
}

/* Bytes OFFSET to END are at DEVICE. */
static void pages_read(struct cache_batch *batch, struct cached_page *const *pages,
                       oskit_u64_t offset, oskit_u64_t end, oskit_u64_t device)
{
    oskit_u64_t base = pages[0]->index;

    while (offset < end) {
        struct cached_page *page = pages[page_index(offset) - base];
        oskit_u64_t stop = lesser(end, page_offset(page->index + 1));
        oskit_u32_t within = offset % ENV_PAGE_SIZE;
        oskit_u32_t length = (oskit_u32_t)(stop - offset);

        page->reserved |= blocks_touched(batch->cache, within, within + length);
        cache_batch_add(batch, page, within, length, device);
        device += length;
        offset = stop;
    }
}

/* The end of what is on the device: the size, rounded up to a block. */
static oskit_u64_t pagecache_device_end(struct pagecache *cache)
{
    env_spin_lock(&cache->lock);
    oskit_u64_t size = cache->size;
    env_spin_unlock(&cache->lock);
    oskit_u64_t block = cache->block_size;
    return (size + block - 1) & ~(block - 1);
}

/* Makes the requests for COUNT adjacent pages. */
static oskit_error_t run_read(struct cache_batch *batch, struct cached_page *const *pages,
                              unsigned count)
{
    struct pagecache *cache = batch->cache;
    oskit_u64_t offset = page_offset(pages[0]->index);
    oskit_u64_t end = page_offset(pages[count - 1]->index + 1);
    oskit_u64_t stop = lesser(end, pagecache_device_end(cache));
    oskit_error_t err = OSKIT_SUCCESS;

    while (offset < stop && OSKIT_SUCCEEDED(err)) {
        struct pagecache_extent extent = {0};

        err = cache->ops->extent(cache, offset, stop - offset, &extent);
        if (OSKIT_FAILED(err))
            break;
        oskit_u64_t length = lesser(extent.length, stop - offset);
        if (length == 0)
            err = OSKIT_EIO;
        else if (extent.device == PAGECACHE_HOLE)
            pages_zero(pages, offset, offset + length);
        else
            pages_read(batch, pages, offset, offset + length, extent.device);
        offset += length;
    }
    if (OSKIT_SUCCEEDED(err))
        pages_zero(pages, offset, end);
    return err;
}

/* An error of starting belongs to the page that could not be found, but it is told of the whole
 * run: those that were asked for come in by later tries, each alone. */
static oskit_error_t run_start(struct cache_batch *batch, struct cached_page *const *pages,
                               unsigned count)
{
    oskit_error_t err = run_read(batch, pages, count);

    cached_pages_done(batch->cache, pages, count, false, err);
    return err;
}

/* The first absent index in *FIRST.. and how many follow it, at most COUNT in all; 0: none. */
static unsigned run_find(struct pagecache *cache, oskit_u64_t *first, oskit_u64_t count)
{
    unsigned length = 0;

    env_spin_lock(&cache->lock);
    oskit_u64_t end = lesser(*first + count, pages_of_size(cache->size));
    while (*first < end && cached_page_get(cache, *first))
        ++*first;
    while (length < CACHE_RUN && *first + length < end && !cached_page_get(cache, *first + length))
        length++;
    env_spin_unlock(&cache->lock);
    return length;
}

/* What a fill is to do with certain pages of it. */
struct fill_wish {
    oskit_u64_t mark;
    struct page_wait *wait;
};

/* As many pages as there is memory for; the number. They are nobody's yet. */
static unsigned run_create(struct cached_page **pages, oskit_u64_t first, unsigned count,
                           const struct fill_wish *wish)
{
    unsigned made = 0;

    while (made < count && (pages[made] = cached_page_create(first + made, 0))) {
        if (wish->wait && wish->wait->index == first + made)
            pages[made]->waiters = wish->wait;
        if (wish->mark == first + made)
            pages[made]->flags = CACHED_AHEAD;
        pages[made]->parts = 1; /* run_start's */
        made++;
    }
    return made;
}

static oskit_error_t run_fill(struct cache_batch *batch, oskit_u64_t first, unsigned count,
                              unsigned *filled, const struct fill_wish *wish)
{
    struct cached_page *pages[CACHE_RUN];
    unsigned made = run_create(pages, first, count, wish);
    oskit_error_t err = OSKIT_ENOMEM;

    *filled = 0;
    if (made > 0)
        err = cached_pages_insert(batch->cache, pages, made, CACHED_READING, filled);
    for (unsigned i = *filled; i < made; i++)
        cached_page_destroy(pages[i]);
    if (*filled == 0)
        return err;
    if (wish->wait && wish->wait->index >= first && wish->wait->index < first + *filled)
        wish->wait->queued = true;
    return run_start(batch, pages, *filled);
}

oskit_error_t pagecache_fill(struct pagecache *cache, oskit_u64_t first, oskit_u64_t count,
                             oskit_u64_t mark, struct page_wait *wait)
{
    const struct fill_wish wish = {mark, wait};
    oskit_error_t err = OSKIT_SUCCESS;
    oskit_u64_t end = first + count, at = first;
    unsigned length, filled;
    struct cache_batch batch;

    cache_batch_begin(&batch, cache, false, (oskit_u32_t)lesser(count, 2 * CACHE_RUN));
    while (at < end && OSKIT_SUCCEEDED(err) && (length = run_find(cache, &at, end - at)) > 0) {
        err = run_fill(&batch, at, length, &filled, &wish);
        at += filled;
    }
    cache_batch_end(&batch);
    return err;
}

/* One look. *missing: it isn't there; *busy: it is being read. */
static char *page_look(struct pagecache *cache, oskit_u64_t index, bool *missing, bool *busy)
{
    char *data = NULL;

    env_spin_lock(&cache->lock);
    struct cached_page *page = cached_page_get(cache, index);
    bool inside = index < pages_of_size(cache->size);
    *missing = inside && !page;
    *busy = inside && page && (page->flags & CACHED_READING);
    if (inside && page && (page->flags & CACHED_UPTODATE)) {
        data = page->data;
        env_page_ref(data);
        if (page->heat < CACHED_HEAT_MAX)
            page->heat++;
    }
    env_spin_unlock(&cache->lock);
    return data;
}

/* Reads page INDEX with its neighbours; when that fails, next time the page alone. */
static oskit_error_t page_missed(struct pagecache *cache, oskit_u64_t index, unsigned *around)
{
    oskit_u64_t first = index & ~(*around - 1ull);
    struct page_wait wait;

    page_wait_init(&wait, index);
    oskit_error_t err = pagecache_fill(cache, first, *around, CACHE_NO_MARK, &wait);
    err = page_wait_end(&wait, err);
    if (*around > 1 && OSKIT_FAILED(err))
        err = OSKIT_SUCCESS;
    *around = 1;
    return err;
}

oskit_error_t pagecache_page(struct pagecache *cache, oskit_u64_t index, unsigned around,
                             char **out)
{
    oskit_error_t err = OSKIT_SUCCESS;
    bool missing, busy;

    do {
        *out = page_look(cache, index, &missing, &busy);
        if (missing)
            err = page_missed(cache, index, &around);
        else if (busy)
            err = cached_page_wait(cache, index, CACHED_READING);
    } while (!*out && (missing || busy) && OSKIT_SUCCEEDED(err));
    return err;
}
