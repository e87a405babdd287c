/*
 * Reading: pages are found under the lock and held by references to their memory while they are
 * copied.
 *
 * Locks: cache->lock for moments; none while bytes are copied.
 */
#include "pagecache_private.h"

/* Pages found under one hold of the lock. */
#define READ_BATCH 16u

struct read_step {
    struct pagecache *cache;
    struct pagecache_reader *reader;
    oskit_u64_t offset;
    size_t left; /* of the caller's wish and of the file */
    unsigned count;
    bool near; /* came to a mark */
    char *data[READ_BATCH];
};

/* Lock held. Collects pages from OFFSET on that are there, as far as bytes are wanted. */
static void read_collect(struct read_step *step)
{
    oskit_u64_t first = page_index(step->offset);
    oskit_u64_t last = page_index(step->offset + step->left - 1);
    bool sequential = step->reader && reader_is_sequential(step->reader, first);

    for (oskit_u64_t index = first; index <= last && step->count < READ_BATCH; index++) {
        struct cached_page *page = cached_page_get(step->cache, index);

        if (!page || !(page->flags & CACHED_UPTODATE))
            break;
        if (page->heat < CACHED_HEAT_MAX)
            page->heat++;
        if ((page->flags & CACHED_AHEAD) && sequential) {
            page->flags &= (oskit_u8_t)~CACHED_AHEAD;
            step->near = true;
        }
        env_page_ref(page->data);
        step->data[step->count++] = page->data;
    }
    if (step->reader && step->count > 0)
        step->reader->next = first + step->count;
}

static void read_find(struct read_step *step)
{
    struct pagecache *cache = step->cache;

    step->count = 0;
    step->near = false;
    env_spin_lock(&cache->lock);
    if (step->offset >= cache->size)
        step->left = 0;
    else if (step->left > cache->size - step->offset)
        step->left = cache->size - step->offset;
    if (step->left > 0)
        read_collect(step);
    env_spin_unlock(&cache->lock);
}

/* Copies the pages out and gives them back. */
static oskit_error_t read_copy(struct read_step *step, struct sluice_uio *uio, oskit_size_t *moved)
{
    oskit_error_t err = OSKIT_SUCCESS;
    size_t total = 0;

    for (unsigned i = 0; i < step->count; i++) {
        size_t within = (step->offset + total) % ENV_PAGE_SIZE, part = 0;
        size_t size = lesser(ENV_PAGE_SIZE - within, step->left - total);

        if (OSKIT_SUCCEEDED(err))
            err = uio_write_to(uio, step->data[i] + within, size, &part);
        total += part;
        env_page_unref(step->data[i]);
    }
    atomic_fetch_add_explicit(&pagecache_copied_bytes, total, memory_order_relaxed);
    *moved = total;
    return err;
}

oskit_error_t pagecache_read(struct pagecache *cache, struct pagecache_reader *reader,
                             struct sluice_uio *uio, oskit_u64_t offset, oskit_size_t *moved)
{
    struct read_step step; /* most of it is only written as far as it is read */
    oskit_error_t err = OSKIT_SUCCESS;

    step.cache = cache;
    step.reader = reader;
    *moved = 0;
    while (uio->left > 0 && OSKIT_SUCCEEDED(err)) {
        oskit_size_t part = 0;

        step.offset = offset + *moved;
        step.left = uio->left;
        read_find(&step);
        if (step.left == 0)
            break;
        if (step.near)
            reader_came_near(cache, reader, page_index(step.offset) + 1);
        if (step.count > 0)
            err = read_copy(&step, uio, &part);
        else
            err = reader_missed(cache, reader, page_index(step.offset),
                                page_index(step.offset + step.left - 1));
        *moved += part;
    }
    return err;
}

/* ---- Mappings ---- */

/* A fault is seldom alone: its neighbours are read with it. */
#define FAULT_AROUND 16u

/* Lock held: whether bytes of page INDEX that lie in the file all have blocks. */
static bool page_reserved(const struct pagecache *cache, const struct cached_page *page)
{
    oskit_u64_t left = cache->size - page_offset(page->index);
    oskit_u8_t needed = blocks_touched(cache, 0, (unsigned)lesser(left, ENV_PAGE_SIZE));

    return (page->reserved & needed) == needed;
}

/* Finds PAGE blocks while it is locked, so that a truncation waits. */
static oskit_error_t store_reserve(struct pagecache *cache, oskit_u64_t index, oskit_u64_t length)
{
    oskit_error_t err = pagecache_begin(cache, length);

    if (OSKIT_FAILED(err))
        return err;
    err = pagecache_reserve_all(cache, page_offset(index), length);
    if (OSKIT_SUCCEEDED(err)) {
        env_spin_lock(&cache->lock);
        struct cached_page *page = cached_page_get(cache, index);
        page->reserved |= blocks_touched(cache, 0, (unsigned)length);
        bool first = cached_page_dirty(cache, page, env_time_monotonic());
        env_spin_unlock(&cache->lock);
        if (first)
            pagecache_tell_dirtied(cache);
    }
    pagecache_end(cache);
    return err;
}

enum store_step { STORE_DONE, STORE_AGAIN, STORE_WAIT, STORE_RESERVE };

/* One look at whether the page whose memory is DATA may be stored to. */
static enum store_step store_try(struct pagecache *cache, oskit_u64_t index, const char *data,
                                 oskit_u64_t *length, bool *first)
{
    enum store_step step = STORE_DONE;
    oskit_u64_t now = env_time_monotonic();

    *first = false;
    env_spin_lock(&cache->lock);
    struct cached_page *page = cached_page_get(cache, index);
    if (!page || page->data != data || index >= pages_of_size(cache->size)) {
        step = STORE_AGAIN;
    } else if (page->flags & CACHED_LOCKED) {
        step = STORE_WAIT;
    } else if (page_reserved(cache, page)) {
        page->flags |= CACHED_STORED;
        *first = cached_page_dirty(cache, page, now);
    } else {
        step = STORE_RESERVE;
        page->flags |= CACHED_LOCKED;
        *length = lesser(cache->size - page_offset(index), ENV_PAGE_SIZE);
    }
    env_spin_unlock(&cache->lock);
    return step;
}

static void store_unlock(struct pagecache *cache, oskit_u64_t index)
{
    env_spin_lock(&cache->lock);
    struct cached_page *page = cached_page_get(cache, index);
    page->flags &= (oskit_u8_t)~CACHED_LOCKED;
    cached_page_wake(page, OSKIT_SUCCESS);
    env_spin_unlock(&cache->lock);
}

/* Gets the page whose memory is DATA ready for stores. *again: it isn't the one any more. */
static oskit_error_t page_store(struct pagecache *cache, oskit_u64_t index, const char *data,
                                bool *again)
{
    oskit_error_t err = OSKIT_SUCCESS;
    enum store_step step;
    oskit_u64_t length = 0;
    bool first;

    do {
        step = store_try(cache, index, data, &length, &first);
        if (first)
            pagecache_tell_dirtied(cache);
        if (step == STORE_WAIT)
            (void)cached_page_wait(cache, index, CACHED_LOCKED);
        if (step == STORE_RESERVE) {
            err = store_reserve(cache, index, length);
            store_unlock(cache, index);
        }
    } while ((step == STORE_WAIT || step == STORE_RESERVE) && OSKIT_SUCCEEDED(err));
    *again = step == STORE_AGAIN;
    return err;
}

oskit_error_t pagecache_getpage(struct pagecache *cache, oskit_u64_t index, oskit_u32_t flags,
                                void **out_page)
{
    bool again = false;
    char *data;

    *out_page = NULL;
    do {
        if (index > CACHE_INDEX_MAX)
            return OSKIT_E_INVALIDARG;
        oskit_error_t err = pagecache_page(cache, index, FAULT_AROUND, &data);
        if (OSKIT_FAILED(err))
            return err;
        if (!data)
            return OSKIT_E_INVALIDARG;
        if (flags & PAGER_WRITE)
            err = page_store(cache, index, data, &again);
        if (OSKIT_FAILED(err) || again)
            env_page_unref(data);
        if (OSKIT_FAILED(err))
            return err;
    } while (again);
    *out_page = data;
    return OSKIT_SUCCESS;
}
