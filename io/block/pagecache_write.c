/*
 * Writing. A write is cut in two at the size of the file:
 *
 *   inside    the page is got into the cache first (read, unless all of it is overwritten and the
 *             device has blocks for it), then OPS find blocks, then the program's bytes go into it.
 *             A page that is in the cache hides what was in blocks that are newly its own.
 *   beyond    nobody can see the bytes till the size covers them: they are collected in new pages
 *             first, then OPS find blocks, then pages, size and inode change in one step.
 *
 * Locks: the caller holds the inode's mutex, so that nobody else writes, truncates or grows; user
 * memory is copied with cache->lock not held and no page busy. Between pagecache_begin and
 * pagecache_end no user memory is touched.
 */
#include "pagecache_private.h"

/* Pages collected before OPS are asked. */
#define WRITE_BATCH CACHE_RUN

oskit_error_t pagecache_begin(struct pagecache *cache, oskit_u64_t length)
{
    return cache->ops->begin ? cache->ops->begin(cache, length) : OSKIT_SUCCESS;
}

void pagecache_end(struct pagecache *cache)
{
    if (cache->ops->end)
        cache->ops->end(cache);
}

static oskit_error_t pagecache_reserve(struct pagecache *cache, oskit_u64_t offset,
                                       oskit_u64_t length, oskit_u64_t *got)
{
    bool new_blocks = false;

    *got = 0;
    oskit_error_t err = cache->ops->reserve(cache, offset, length, got, &new_blocks);
    if (OSKIT_SUCCEEDED(err) && *got == 0)
        err = OSKIT_ENOSPC;
    if (OSKIT_SUCCEEDED(err))
        *got = lesser(*got, length);
    return err;
}

oskit_error_t pagecache_reserve_all(struct pagecache *cache, oskit_u64_t offset, oskit_u64_t length)
{
    oskit_error_t err = OSKIT_SUCCESS;
    oskit_u64_t done = 0, got;

    while (done < length && OSKIT_SUCCEEDED(err)) {
        err = pagecache_reserve(cache, offset + done, length - done, &got);
        done += got;
    }
    return err;
}

static oskit_u64_t pagecache_size(struct pagecache *cache)
{
    env_spin_lock(&cache->lock);
    oskit_u64_t size = cache->size;
    env_spin_unlock(&cache->lock);
    return size;
}

/* ---- Inside the file: one page ---- */

struct inside {
    struct pagecache *cache;
    oskit_u64_t index;
    unsigned within, length; /* the bytes to write, in the page and in the file */
    char *data;              /* the page's memory, with a reference */
};

/* Marks it dirty; the page can't have gone, for its memory is referenced and nobody truncates. */
static void inside_dirty(const struct inside *w, oskit_u8_t reserved)
{
    oskit_u64_t now = env_time_monotonic();

    env_spin_lock(&w->cache->lock);
    struct cached_page *page = cached_page_get(w->cache, w->index);
    page->reserved |= reserved;
    bool first = cached_page_dirty(w->cache, page, now);
    env_spin_unlock(&w->cache->lock);
    if (first)
        pagecache_tell_dirtied(w->cache);
}

/* Blocks for the bytes, unless the page is known to have them. What of a page is not written into
 * its new blocks is zeros already. */
static oskit_error_t inside_reserve(struct inside *w)
{
    oskit_u8_t blocks = blocks_touched(w->cache, w->within, w->within + w->length);
    oskit_u64_t got;

    env_spin_lock(&w->cache->lock);
    bool known = (cached_page_get(w->cache, w->index)->reserved & blocks) == blocks;
    env_spin_unlock(&w->cache->lock);
    if (known)
        return OSKIT_SUCCESS;
    oskit_error_t err = pagecache_begin(w->cache, w->length);
    if (OSKIT_FAILED(err))
        return err;
    err = pagecache_reserve(w->cache, page_offset(w->index) + w->within, w->length, &got);
    if (OSKIT_SUCCEEDED(err)) {
        w->length = (unsigned)got;
        inside_dirty(w, blocks_touched(w->cache, w->within, w->within + w->length));
    }
    pagecache_end(w->cache);
    return err;
}

/* Whether all of the page that lies in the file is on the device. */
static bool inside_mapped(const struct inside *w, oskit_u64_t size)
{
    oskit_u64_t offset = page_offset(w->index);
    oskit_u64_t end = lesser(size, offset + ENV_PAGE_SIZE);
    struct pagecache_extent extent;

    while (offset < end) {
        if (OSKIT_FAILED(w->cache->ops->extent(w->cache, offset, end - offset, &extent)) ||
            extent.device == PAGECACHE_HOLE || extent.length == 0)
            return false;
        offset += lesser(extent.length, end - offset);
    }
    return true;
}

static bool inside_cached(const struct inside *w)
{
    env_spin_lock(&w->cache->lock);
    bool cached = cached_page_get(w->cache, w->index) != NULL;
    env_spin_unlock(&w->cache->lock);
    return cached;
}

/*
 * The whole page is overwritten and has its blocks: the bytes are copied into new memory, which
 * then becomes the page. *moved 0 without error: it was not possible after all, or another had put
 * a page there meanwhile; nothing has happened.
 */
static oskit_error_t inside_replace(struct inside *w, struct sluice_uio *uio, size_t *moved)
{
    struct sluice_uio ahead = *uio;
    struct cached_page *page = cached_page_create(w->index, 0);
    unsigned inserted = 0;

    *moved = 0;
    if (!page)
        return OSKIT_ENOMEM;
    oskit_error_t err = uio_read_from(&ahead, page->data, w->length, moved);
    memset(page->data + *moved, 0, ENV_PAGE_SIZE - *moved);
    page->reserved = blocks_touched(w->cache, 0, w->length);
    env_page_ref(page->data);
    w->data = page->data;
    if (OSKIT_SUCCEEDED(err))
        err = cached_pages_insert(w->cache, &page, 1, CACHED_UPTODATE, &inserted);
    if (inserted == 1) {
        inside_dirty(w, 0);
        *uio = ahead;
    } else {
        cached_page_destroy(page);
        *moved = 0;
    }
    env_page_unref(w->data);
    return err;
}

static oskit_error_t inside_change(struct inside *w, struct sluice_uio *uio, size_t *moved)
{
    oskit_error_t err = pagecache_page(w->cache, w->index, 1, &w->data);

    if (OSKIT_FAILED(err))
        return err;
    err = inside_reserve(w);
    if (OSKIT_SUCCEEDED(err)) {
        err = uio_read_from(uio, w->data + w->within, w->length, moved);
        if (*moved > 0)
            inside_dirty(w, 0);
    }
    env_page_unref(w->data);
    return err;
}

/* What of the write falls into the page of OFFSET, below SIZE. */
static oskit_error_t write_inside(struct pagecache *cache, struct sluice_uio *uio,
                                  oskit_u64_t offset, oskit_u64_t size, size_t *moved)
{
    struct inside w = {.cache = cache, .index = page_index(offset)};
    oskit_u64_t left = lesser(uio->left, size - offset);

    w.within = offset % ENV_PAGE_SIZE;
    w.length = (unsigned)lesser(ENV_PAGE_SIZE - w.within, left);
    bool whole = w.within == 0 && (w.length == ENV_PAGE_SIZE || offset + w.length == size);
    *moved = 0;
    if (whole && !inside_cached(&w) && inside_mapped(&w, size)) {
        oskit_error_t err = inside_replace(&w, uio, moved);
        if (*moved > 0 || (OSKIT_FAILED(err) && err != OSKIT_EFAULT))
            return err;
    }
    return inside_change(&w, uio, moved);
}

/* ---- Beyond the end ---- */

void pagecache_zero_gap(struct pagecache *cache, oskit_u64_t size, oskit_u64_t offset)
{
    unsigned within = size % ENV_PAGE_SIZE;
    oskit_u64_t end = lesser(offset - page_offset(page_index(size)), ENV_PAGE_SIZE);

    if (within == 0)
        return;
    env_spin_lock(&cache->lock);
    struct cached_page *page = cached_page_get(cache, page_index(size));
    bool stored = page && (page->flags & CACHED_STORED);
    if (page && (page->flags & CACHED_UPTODATE) && end > within)
        memset(page->data + within, 0, end - within);
    env_spin_unlock(&cache->lock);
    if (stored && cache->block_size < ENV_PAGE_SIZE)
        pagecache_unstore(cache, page_index(size), page_index(size));
}

struct beyond {
    struct pagecache *cache;
    oskit_u64_t offset;
    oskit_u64_t length; /* bytes collected, then those that have blocks */
    unsigned count;
    struct cached_page *pages[WRITE_BATCH];
};

static void beyond_drop(struct beyond *w, unsigned from)
{
    while (w->count > from)
        cached_page_destroy(w->pages[--w->count]);
}

/* Copies a part into a new page. */
static oskit_error_t beyond_page(struct beyond *w, struct sluice_uio *uio)
{
    oskit_u64_t at = w->offset + w->length;
    size_t within = at % ENV_PAGE_SIZE, part = 0;
    size_t size = lesser(ENV_PAGE_SIZE - within, uio->left);
    struct cached_page *page =
        cached_page_create(page_index(at), size < ENV_PAGE_SIZE ? ENV_ZERO : 0);

    if (!page)
        return OSKIT_ENOMEM;
    oskit_error_t err = uio_read_from(uio, page->data + within, size, &part);
    if (part == 0) {
        cached_page_destroy(page);
        return err;
    }
    if (part < size)
        memset(page->data + within + part, 0, size - part);
    w->pages[w->count++] = page;
    w->length += part;
    return err;
}

/* UIO moves on by w->length. An error after some bytes waits for the next call. */
static oskit_error_t beyond_collect(struct beyond *w, struct sluice_uio *uio)
{
    oskit_error_t err = OSKIT_SUCCESS;

    while (uio->left > 0 && w->count < WRITE_BATCH && OSKIT_SUCCEEDED(err) &&
           (w->offset + w->length <= (oskit_u64_t)INT64_MAX - ENV_PAGE_SIZE))
        err = beyond_page(w, uio);
    return w->length > 0 ? OSKIT_SUCCESS : OSKIT_FAILED(err) ? err : OSKIT_EFBIG;
}

static void pages_note_reserved(struct beyond *w)
{
    oskit_u64_t at = w->offset, end = w->offset + w->length;

    for (unsigned i = 0; i < w->count; i++) {
        oskit_u64_t start = page_offset(w->pages[i]->index);
        oskit_u64_t stop = lesser(end, start + ENV_PAGE_SIZE);

        w->pages[i]->reserved =
            blocks_touched(w->cache, (unsigned)(at - start), (unsigned)(stop - start));
        at = stop;
    }
}

/* Marks the pages dirty, releases those that are LOCKED for it, and lets the size grow. */
static void beyond_publish(struct pagecache *cache, struct cached_page *const *pages,
                           unsigned count, oskit_u8_t locked, oskit_u64_t end)
{
    oskit_u64_t now = env_time_monotonic();
    bool first = false;

    env_spin_lock(&cache->lock);
    for (unsigned i = 0; i < count; i++) {
        first |= cached_page_dirty(cache, pages[i], now);
        pages[i]->flags &= (oskit_u8_t)~locked;
    }
    cache->size = end;
    env_spin_unlock(&cache->lock);
    if (first)
        pagecache_tell_dirtied(cache);
    if (cache->ops->grown)
        cache->ops->grown(cache, end);
}

/* Gives the collected pages blocks, as far as there are any, and puts them in. */
static oskit_error_t beyond_commit(struct beyond *w)
{
    unsigned inserted = 0;
    oskit_u64_t got;
    oskit_error_t err = pagecache_reserve(w->cache, w->offset, w->length, &got);

    if (OSKIT_FAILED(err))
        return err;
    w->length = got;
    beyond_drop(w, (unsigned)(page_index(w->offset + got - 1) - page_index(w->offset)) + 1);
    pages_note_reserved(w);
    err = cached_pages_insert(w->cache, w->pages, w->count, CACHED_UPTODATE | CACHED_LOCKED,
                              &inserted);
    if (inserted < w->count)
        w->length = inserted ? page_offset(w->pages[inserted]->index) - w->offset : 0;
    if (w->length > 0)
        beyond_publish(w->cache, w->pages, inserted, CACHED_LOCKED, w->offset + w->length);
    for (unsigned i = inserted; i < w->count; i++)
        cached_page_destroy(w->pages[i]);
    w->count = 0;
    return w->length > 0 ? OSKIT_SUCCESS : err;
}

/* Whole pages, none of which lies in the file yet. */
static oskit_error_t write_beyond(struct pagecache *cache, struct sluice_uio *uio,
                                  oskit_u64_t offset, size_t *moved)
{
    struct beyond w = {.cache = cache, .offset = offset};
    struct sluice_uio ahead = *uio;
    oskit_error_t err = beyond_collect(&w, &ahead);

    *moved = 0;
    if (OSKIT_SUCCEEDED(err))
        err = pagecache_begin(cache, w.length);
    if (OSKIT_SUCCEEDED(err)) {
        err = beyond_commit(&w);
        pagecache_end(cache);
    }
    beyond_drop(&w, 0);
    if (OSKIT_FAILED(err))
        return err;
    *moved = w.length;
    uio_skip(uio, w.length);
    return OSKIT_SUCCESS;
}

/* The page that the file ends in is extended: nobody reads the bytes before the size covers them.
 */
static oskit_error_t tail_commit(struct inside *w, size_t *moved)
{
    oskit_u64_t offset = page_offset(w->index) + w->within, got = 0;
    oskit_error_t err = pagecache_begin(w->cache, *moved);

    if (OSKIT_FAILED(err)) {
        *moved = 0;
        return err;
    }
    err = pagecache_reserve(w->cache, offset, *moved, &got);
    *moved = got;
    if (got > 0) {
        env_spin_lock(&w->cache->lock);
        struct cached_page *page = cached_page_get(w->cache, w->index);
        page->reserved |= blocks_touched(w->cache, w->within, w->within + (unsigned)got);
        env_spin_unlock(&w->cache->lock);
        beyond_publish(w->cache, &page, 1, 0, offset + got);
    }
    pagecache_end(w->cache);
    return err;
}

/* Write-back zeroes what is behind the end, but not what is being copied there. */
static void tail_extending(struct pagecache *cache, bool extending)
{
    env_spin_lock(&cache->lock);
    cache->extending = extending;
    env_spin_unlock(&cache->lock);
}

static oskit_error_t write_tail(struct pagecache *cache, struct sluice_uio *uio, oskit_u64_t offset,
                                size_t *moved)
{
    struct inside w = {.cache = cache, .index = page_index(offset)};
    struct sluice_uio ahead = *uio;
    oskit_error_t err = pagecache_page(cache, w.index, 1, &w.data);

    *moved = 0;
    if (OSKIT_FAILED(err))
        return err;
    w.within = offset % ENV_PAGE_SIZE;
    tail_extending(cache, true);
    err = uio_read_from(&ahead, w.data + w.within, ENV_PAGE_SIZE - w.within, moved);
    size_t copied = *moved;
    if (*moved > 0)
        err = tail_commit(&w, moved);
    if (copied > *moved)
        memset(w.data + w.within + *moved, 0, copied - *moved);
    tail_extending(cache, false);
    env_page_unref(w.data);
    uio_skip(uio, *moved);
    return *moved > 0 ? OSKIT_SUCCESS : err;
}

/* ---- Both ---- */

static oskit_error_t write_some(struct pagecache *cache, struct sluice_uio *uio, oskit_u64_t offset,
                                size_t *moved)
{
    oskit_u64_t size = pagecache_size(cache);

    if (offset < size)
        return write_inside(cache, uio, offset, size, moved);
    pagecache_zero_gap(cache, size, offset);
    if (page_index(offset) < pages_of_size(size))
        return write_tail(cache, uio, offset, moved);
    return write_beyond(cache, uio, offset, moved);
}

oskit_error_t pagecache_write(struct pagecache *cache, struct sluice_uio *uio, oskit_u64_t offset,
                              oskit_size_t *moved)
{
    oskit_error_t err = OSKIT_SUCCESS;
    size_t part;

    *moved = 0;
    while (uio->left > 0 && OSKIT_SUCCEEDED(err)) {
        if (offset + *moved >= (oskit_u64_t)INT64_MAX)
            return OSKIT_EFBIG;
        part = 0;
        err = write_some(cache, uio, offset + *moved, &part);
        *moved += part;
        atomic_fetch_add_explicit(&pagecache_copied_bytes, part, memory_order_relaxed);
        pagecache_balance(cache);
    }
    return err;
}
