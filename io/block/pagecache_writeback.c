/*
 * Writing dirty pages back, in runs of neighbours.
 *
 * A page stops being dirty when its write-back starts: what is written into it from then on makes
 * it dirty again, whether or not the device has fetched it yet. Stores through mappings must ask
 * again first (pagecache_unstore), before the request is made. A page is under one write-back at a
 * time.
 *
 * Locks: cache->lock for moments. OPS are called with pages under write-back, which nobody who
 * holds a lock of OPS waits for but a truncation, and that holds the inode's mutex and a handle.
 */
#include "pagecache_private.h"

static bool page_writable(const struct cached_page *page, const struct writeback_wish *wish)
{
    return page && (page->flags & (CACHED_DIRTY | CACHED_WRITEBACK)) == CACHED_DIRTY &&
           page->dirtied <= wish->before;
}

/* ---- Which pages: lock held ---- */

/* The oldest dirty page that may be written. All pages are wished for. */
static struct cached_page *find_oldest(struct pagecache *cache, const struct writeback_wish *wish,
                                       bool *skipped)
{
    list_for_each (node, &cache->dirty) {
        struct cached_page *page = container_of(node, struct cached_page, link);

        if (page->dirtied > wish->before)
            return NULL;
        if (!(page->flags & CACHED_WRITEBACK))
            return page;
        *skipped = true;
    }
    return NULL;
}

/* The first dirty one from *CURSOR on. */
static struct cached_page *find_next(struct pagecache *cache, const struct writeback_wish *wish,
                                     oskit_u64_t *cursor, bool *skipped)
{
    struct cached_page *page;

    while (cache->dirty_count > 0 && *cursor <= wish->last &&
           (page = radix_next(&cache->pages, cursor)) && page->index <= wish->last) {
        if (page_writable(page, wish))
            return page;
        if (page->flags & CACHED_DIRTY && page->dirtied <= wish->before)
            *skipped = true;
        ++*cursor;
    }
    return NULL;
}

/* The run of dirty neighbours that PAGE is in. */
static unsigned run_collect(struct pagecache *cache, const struct writeback_wish *wish,
                            struct cached_page *page, struct cached_page **run)
{
    oskit_u64_t first = page->index;
    unsigned count = 0;

    while (first > wish->first && page->index - first < CACHE_RUN / 2 &&
           page_writable(cached_page_get(cache, first - 1), wish))
        first--;
    while (count < CACHE_RUN && first + count <= wish->last) {
        struct cached_page *next = cached_page_get(cache, first + count);

        if (!page_writable(next, wish))
            break;
        run[count++] = next;
    }
    return count;
}

/* From dirty to under write-back. true: nothing is dirty any more. */
static bool run_take(struct pagecache *cache, struct cached_page *const *run, unsigned count)
{
    bool last = false;

    for (unsigned i = 0; i < count; i++) {
        last |= cached_page_clean(cache, run[i]);
        run[i]->flags |= CACHED_WRITEBACK;
        run[i]->parts = 1; /* run_write's */
        run[i]->started = ++cache->writeback_started;
        list_push_back(&cache->writeback, &run[i]->writeback);
    }
    cache->writeback_count += count;
    atomic_fetch_add_explicit(&pagecache_writeback_pages, count, memory_order_relaxed);
    return last;
}

/* ---- Writing a run ---- */

/* Stores must ask again; with KEEP, pages that can be stored to are dirty still. */
static void run_settle_mappings(struct cache_batch *batch, struct cached_page *const *run,
                                unsigned count, bool keep)
{
    struct pagecache *cache = batch->cache;
    oskit_u64_t now = env_time_monotonic();
    bool stored = false, first = false;

    env_spin_lock(&cache->lock);
    for (unsigned i = 0; i < count; i++) {
        if (!(run[i]->flags & CACHED_STORED))
            continue;
        stored = true;
        if (keep)
            first |= cached_page_dirty(cache, run[i], now);
        else
            run[i]->flags &= (oskit_u8_t)~CACHED_STORED;
    }
    env_spin_unlock(&cache->lock);
    if (first)
        pagecache_tell_dirtied(cache);
    if (!stored || keep)
        return;
    /* A space's holder may wait for the disk, but not for requests that wait for it. */
    cache_batch_submit(batch);
    pagecache_unstore(cache, run[0]->index, run[count - 1]->index);
}

/* What lies behind the end of the file is written as zeros, unless it is on its way to be the
 * file's; returns where the blocks end. */
static oskit_u64_t run_cut(struct pagecache *cache, struct cached_page *const *run, unsigned count)
{
    oskit_u64_t end = page_offset(run[count - 1]->index + 1), block = cache->block_size;

    env_spin_lock(&cache->lock);
    oskit_u64_t size = cache->size;
    if (size < end && size > page_offset(run[count - 1]->index) && !cache->extending)
        memset(run[count - 1]->data + size % ENV_PAGE_SIZE, 0, end - size);
    env_spin_unlock(&cache->lock);
    return lesser(end, (size + block - 1) & ~(block - 1));
}

static void run_add(struct cache_batch *batch, struct cached_page *const *run, oskit_u64_t offset,
                    oskit_u64_t end, oskit_u64_t device)
{
    oskit_u64_t base = run[0]->index;

    while (offset < end) {
        struct cached_page *page = run[page_index(offset) - base];
        oskit_u64_t stop = lesser(end, page_offset(page->index + 1));

        cache_batch_add(batch, page, offset % ENV_PAGE_SIZE, (oskit_u32_t)(stop - offset), device);
        device += stop - offset;
        offset = stop;
    }
}

/* Blocks of a page that were never written are holes still, and stay so. */
static oskit_error_t run_write(struct cache_batch *batch, struct cached_page *const *run,
                               unsigned count)
{
    struct pagecache *cache = batch->cache;
    oskit_u64_t offset = page_offset(run[0]->index);
    oskit_u64_t end = run_cut(cache, run, count);
    oskit_error_t err = OSKIT_SUCCESS;

    batch->expected = count;
    while (offset < end && OSKIT_SUCCEEDED(err)) {
        struct pagecache_extent extent = {0};

        err = cache->ops->extent(cache, offset, end - offset, &extent);
        oskit_u64_t length = lesser(extent.length, end - offset);
        if (OSKIT_SUCCEEDED(err) && length == 0)
            err = OSKIT_EIO;
        if (OSKIT_SUCCEEDED(err) && extent.device != PAGECACHE_HOLE)
            run_add(batch, run, offset, offset + length, extent.device);
        offset += length;
    }
    cached_pages_done(cache, run, count, true, err);
    return err;
}

static unsigned write_run(struct cache_batch *batch, const struct writeback_wish *wish,
                          oskit_u64_t *cursor, bool *skipped)
{
    struct pagecache *cache = batch->cache;
    struct cached_page *run[CACHE_RUN];
    unsigned count = 0;
    bool last = false;

    env_spin_lock(&cache->lock);
    bool all = wish->first == 0 && wish->last >= CACHE_INDEX_MAX;
    struct cached_page *page =
        all ? find_oldest(cache, wish, skipped) : find_next(cache, wish, cursor, skipped);
    if (page) {
        count = run_collect(cache, wish, page, run);
        last = run_take(cache, run, count);
        *cursor = run[count - 1]->index + 1;
    }
    env_spin_unlock(&cache->lock);
    if (last)
        pagecache_tell_dirtied(cache);
    if (count > 0) {
        run_settle_mappings(batch, run, count, wish->keep_mappings);
        (void)run_write(batch, run, count); /* counted in error_count */
    }
    return count;
}

oskit_u64_t pagecache_write_some(struct pagecache *cache, const struct writeback_wish *wish,
                                 bool *skipped)
{
    oskit_u64_t cursor = wish->first, total = 0;
    struct cache_batch batch;
    unsigned count;

    *skipped = false;
    cache_batch_begin(&batch, cache, true, CACHE_RUN);
    do {
        count = write_run(&batch, wish, &cursor, skipped);
        total += count;
    } while (count > 0 && total < wish->limit);
    cache_batch_end(&batch);
    return total;
}

/* ---- Waiting ---- */

/* A page of the range whose write-back started no later than UNTIL; its index, or UINT64_MAX. */
static oskit_u64_t writeback_find(struct pagecache *cache, oskit_u64_t first, oskit_u64_t last,
                                  oskit_u64_t until)
{
    oskit_u64_t found = UINT64_MAX;

    env_spin_lock(&cache->lock);
    list_for_each (node, &cache->writeback) {
        struct cached_page *page = container_of(node, struct cached_page, writeback);

        if (page->started > until)
            break;
        if (page->index >= first && page->index <= last) {
            found = page->index;
            break;
        }
    }
    env_spin_unlock(&cache->lock);
    return found;
}

/* Waits for what was started before now. */
static void writeback_wait(struct pagecache *cache, oskit_u64_t first, oskit_u64_t last)
{
    oskit_u64_t index;

    env_spin_lock(&cache->lock);
    oskit_u64_t until = cache->writeback_started;
    env_spin_unlock(&cache->lock);
    while ((index = writeback_find(cache, first, last, until)) != UINT64_MAX)
        (void)cached_page_wait(cache, index, CACHED_WRITEBACK);
}

void pagecache_wait(struct pagecache *cache, oskit_u64_t first, oskit_u64_t last)
{
    if (first <= last)
        writeback_wait(cache, page_index(first), page_index(last));
}

static bool pagecache_at_rest(struct pagecache *cache, oskit_u32_t *errors)
{
    env_spin_lock(&cache->lock);
    bool rest = cache->dirty_count == 0 && cache->writeback_count == 0;
    *errors = cache->error_count;
    env_spin_unlock(&cache->lock);
    return rest;
}

static oskit_error_t writeback_range(struct pagecache *cache, oskit_u64_t first, oskit_u64_t last,
                                     bool wait, bool keep_mappings)
{
    struct writeback_wish wish = {page_index(first), page_index(last), UINT64_MAX, 0,
                                  keep_mappings};
    oskit_u32_t errors;
    bool skipped;

    if (pagecache_at_rest(cache, &errors))
        return OSKIT_SUCCESS;
    wish.before = env_time_monotonic();
    (void)pagecache_write_some(cache, &wish, &skipped);
    if (!wait)
        return OSKIT_SUCCESS;
    writeback_wait(cache, wish.first, wish.last);
    if (skipped) { /* they can be written now */
        (void)pagecache_write_some(cache, &wish, &skipped);
        writeback_wait(cache, wish.first, wish.last);
    }
    return pagecache_error(cache, &errors);
}

oskit_error_t pagecache_writeback(struct pagecache *cache, oskit_u64_t first, oskit_u64_t last,
                                  bool wait)
{
    return first <= last ? writeback_range(cache, first, last, wait, false) : OSKIT_SUCCESS;
}

oskit_error_t pagecache_order(struct pagecache *cache)
{
    return writeback_range(cache, 0, UINT64_MAX, true, true);
}

void pagecache_sync(sluice_blockqueue_t *device, bool wait)
{
    oskit_u64_t visit = pagecache_visit_begin();
    struct pagecache *cache = NULL;

    while ((cache = pagecache_visit_next(visit, cache)))
        if (!device || cache->device == device)
            (void)pagecache_writeback(cache, 0, UINT64_MAX, false);
    if (!wait)
        return;
    visit = pagecache_visit_begin();
    while ((cache = pagecache_visit_next(visit, cache)))
        if (!device || cache->device == device)
            (void)pagecache_writeback(cache, 0, UINT64_MAX, true);
}
