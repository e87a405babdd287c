/*
 * Direct transfers: the program's own pages are what the device reads or fills.
 *
 * A round takes as much of the program's memory as there is room to note, pins it, and cuts it into
 * requests where the bytes on the device part or the device's limits lie; all requests of a round
 * are submitted together. What has no blocks yet is written through the cache instead, and written
 * back: so that nobody sees in new blocks what they held before.
 *
 * Locks: the caller's of the inode, for writes. Nothing here while the device works.
 */
#include "pagecache_private.h"

#define DIRECT_REQUESTS 8u   /* submitted at once */
#define DIRECT_SMALL    4u   /* pages of a transfer that needs no memory of its own */
#define DIRECT_LARGE    256u /* pages of one round */

struct direct {
    struct pagecache *cache;
    bool write;
    oskit_u64_t offset; /* in the file */
    oskit_u32_t capacity;
    oskit_u32_t pinned, pieces;
    oskit_u64_t length;          /* bytes of all pieces */
    void **pages;                /* pinned */
    struct sg_segment *memory;   /* the pieces, in order */
    struct sg_segment *segments; /* cut for requests; as many, and one more for each request */
    oskit_u32_t requests, cut;   /* made, segments used */
    struct block_request request[DIRECT_REQUESTS];
    _Atomic oskit_u32_t left; /* requests not done; one more while they are made */
    _Atomic oskit_error_t status;
    struct env_sleep sleep;
};

/* ---- Memory ---- */

/* Notes LENGTH bytes at BASE, which lie in one page or are the kernel's. */
static void direct_piece(struct direct *d, void *base, oskit_u32_t length)
{
    d->memory[d->pieces++] = (struct sg_segment){base, length};
    d->length += length;
}

/* Pins what is left of the current segment of UIO, as far as there is room. */
static oskit_error_t direct_pin(struct direct *d, const struct sluice_uio *uio, size_t length)
{
    const char *at = (const char *)uio->iov->base + uio->iov_offset;
    size_t within = (uintptr_t)at % ENV_PAGE_SIZE;
    size_t room = (d->capacity - d->pieces) * (size_t)ENV_PAGE_SIZE - within;
    size_t want = (size_t)lesser(length, room);
    size_t count = (within + want + ENV_PAGE_SIZE - 1) / ENV_PAGE_SIZE;
    oskit_error_t err = env_user_pin(at - within, count, !d->write, d->pages + d->pinned);

    if (OSKIT_FAILED(err))
        return err;
    for (size_t i = 0; i < count; i++) {
        size_t part = (size_t)lesser(ENV_PAGE_SIZE - within, want);

        direct_piece(d, (char *)d->pages[d->pinned++] + within, (oskit_u32_t)part);
        want -= part;
        within = 0;
    }
    return OSKIT_SUCCESS;
}

/* Memory for a round. UIO stays where it is. */
static oskit_error_t direct_collect(struct direct *d, const struct sluice_uio *uio,
                                    oskit_u64_t most)
{
    struct sluice_uio ahead = *uio;
    oskit_error_t err = OSKIT_SUCCESS;

    d->pinned = d->pieces = 0;
    d->length = 0;
    while (d->pieces < d->capacity && d->length < most) {
        size_t length = (size_t)lesser(ahead.iov->length - ahead.iov_offset, most - d->length);
        oskit_u64_t before = d->length;

        if (length > 0 && ahead.user)
            err = direct_pin(d, &ahead, length);
        else if (length > 0)
            direct_piece(d, (char *)ahead.iov->base + ahead.iov_offset,
                         (oskit_u32_t)lesser(length, 1u << 30));
        if (OSKIT_FAILED(err))
            break;
        if (length == 0) {
            ahead.iov++;
            ahead.iov_offset = 0;
        } else {
            uio_skip(&ahead, (size_t)(d->length - before));
        }
    }
    return d->length > 0 ? OSKIT_SUCCESS : err;
}

static void direct_unpin(struct direct *d)
{
    for (oskit_u32_t i = 0; i < d->pinned; i++)
        env_page_unref(d->pages[i]);
}

/* ---- Requests ---- */

static void direct_done(struct block_request *request, oskit_error_t status)
{
    struct direct *d = request->arg;

    if (OSKIT_FAILED(status))
        atomic_store_explicit(&d->status, status, memory_order_relaxed);
    if (atomic_fetch_sub_explicit(&d->left, 1, memory_order_acq_rel) == 1)
        env_wakeup(&d->sleep);
}

/* Where the next byte of memory is taken from. */
struct direct_cursor {
    oskit_u32_t piece, within;
    oskit_u64_t done;
};

static oskit_u32_t cursor_step(const struct direct *d, struct direct_cursor *at, oskit_u64_t most,
                               struct sg_segment *out)
{
    const struct sg_segment *piece = &d->memory[at->piece];
    oskit_u32_t length = (oskit_u32_t)lesser(piece->length - at->within, most);

    *out = (struct sg_segment){(char *)piece->base + at->within, length};
    at->within += length;
    at->done += length;
    if (at->within == piece->length) {
        at->piece++;
        at->within = 0;
    }
    return length;
}

static void direct_zero(const struct direct *d, struct direct_cursor *at, oskit_u64_t length)
{
    struct sg_segment part;

    while (length > 0) {
        length -= cursor_step(d, at, length, &part);
        memset(part.base, 0, part.length);
    }
}

/* One request for up to LENGTH bytes at DEVICE. */
static void direct_request(struct direct *d, struct direct_cursor *at, oskit_u64_t device,
                           oskit_u64_t length)
{
    const struct block_limits *limits = &d->cache->limits;
    struct block_request *request = &d->request[d->requests++];

    *request = (struct block_request){.op = d->write ? BLOCK_WRITE : BLOCK_READ,
                                      .offset = device,
                                      .segments = d->segments + d->cut,
                                      .done = direct_done,
                                      .arg = d};
    length = lesser(length, limits->length_max);
    while (request->length < length && request->segment_count < limits->segments_max &&
           d->cut < d->capacity + DIRECT_REQUESTS) {
        oskit_u64_t most = lesser(length - request->length, limits->segment_size_max);

        request->length += cursor_step(d, at, most, &d->segments[d->cut++]);
        request->segment_count++;
    }
    atomic_fetch_add_explicit(&d->left, 1, memory_order_relaxed);
}

/* ops->extent for an offset that may lie within a block. */
static oskit_error_t direct_extent(struct pagecache *cache, oskit_u64_t offset, oskit_u64_t length,
                                   struct pagecache_extent *out)
{
    oskit_u64_t within = offset & (cache->block_size - 1u);
    oskit_error_t err = cache->ops->extent(cache, offset - within, length + within, out);

    if (OSKIT_FAILED(err))
        return err;
    if (out->length <= within)
        return OSKIT_EIO;
    out->length = lesser(out->length - within, length);
    if (out->device != PAGECACHE_HOLE)
        out->device += within;
    return OSKIT_SUCCESS;
}

/* Requests for what follows the cursor, as many as there is room for. */
static oskit_error_t direct_cut(struct direct *d, struct direct_cursor *at)
{
    oskit_error_t err = OSKIT_SUCCESS;

    d->requests = d->cut = 0;
    while (at->done < d->length && d->requests < DIRECT_REQUESTS &&
           d->cut < d->capacity + DIRECT_REQUESTS && OSKIT_SUCCEEDED(err)) {
        struct pagecache_extent extent = {0};

        err = direct_extent(d->cache, d->offset + at->done, d->length - at->done, &extent);
        if (OSKIT_FAILED(err))
            break;
        if (extent.device == PAGECACHE_HOLE)
            direct_zero(d, at, extent.length);
        else
            direct_request(d, at, extent.device, extent.length);
    }
    return err;
}

static void direct_submit(struct direct *d)
{
    struct block_request *list[DIRECT_REQUESTS];

    for (oskit_u32_t i = 0; i < d->requests; i++)
        list[i] = &d->request[i];
    if (d->requests > 0)
        sluice_blockqueue_submit(d->cache->device, list, d->requests);
    if (atomic_fetch_sub_explicit(&d->left, 1, memory_order_acq_rel) != 1)
        env_sleep(&d->sleep, ENV_FOREVER);
}

/* Transfers what was collected. *moved: bytes of the requests that all succeeded. */
static oskit_error_t direct_transfer(struct direct *d, oskit_u64_t *moved)
{
    struct direct_cursor at = {0};
    oskit_error_t err = OSKIT_SUCCESS;

    *moved = 0;
    while (at.done < d->length && OSKIT_SUCCEEDED(err)) {
        atomic_store_explicit(&d->left, 1, memory_order_relaxed);
        atomic_store_explicit(&d->status, OSKIT_SUCCESS, memory_order_relaxed);
        env_sleep_init(&d->sleep);
        err = direct_cut(d, &at);
        direct_submit(d);
        oskit_error_t status = atomic_load_explicit(&d->status, memory_order_relaxed);
        if (OSKIT_FAILED(status))
            return status;
        *moved = at.done;
    }
    return err;
}

/* ---- The cache beside it ---- */

/* Whether bytes OFFSET to END lie in the file and all have blocks. */
static bool range_mapped(struct pagecache *cache, oskit_u64_t offset, oskit_u64_t end,
                         oskit_u64_t size)
{
    struct pagecache_extent extent;

    if (end > size)
        return false;
    while (offset < end) {
        if (OSKIT_FAILED(direct_extent(cache, offset, end - offset, &extent)) ||
            extent.device == PAGECACHE_HOLE)
            return false;
        offset += extent.length;
    }
    return true;
}

/* Nobody finds old bytes of the range in the cache. */
static void range_forget(struct pagecache *cache, oskit_u64_t offset, oskit_u64_t end)
{
    env_spin_lock(&cache->lock);
    bool any = cache->page_count > 0;
    env_spin_unlock(&cache->lock);
    if (!any)
        return;
    pagecache_unmap(cache, page_index(offset), page_index(end - 1), false);
    pagecache_remove_range(cache, page_index(offset), page_index(end - 1));
}

static oskit_error_t direct_by_cache(struct direct *d, const struct sluice_uio *uio,
                                     oskit_u64_t *moved)
{
    struct sluice_uio part = *uio;
    oskit_u64_t end = d->offset + d->length;
    size_t written = 0;

    part.left = (size_t)d->length;
    oskit_error_t err = pagecache_write(d->cache, &part, d->offset, &written);
    *moved = written;
    if (written > 0) {
        oskit_error_t back = pagecache_writeback(d->cache, d->offset, end - 1, true);
        pagecache_drop(d->cache, d->offset, end - 1);
        if (OSKIT_SUCCEEDED(err))
            err = back;
    }
    return err;
}

static oskit_error_t direct_write(struct direct *d, const struct sluice_uio *uio,
                                  oskit_u64_t *moved)
{
    oskit_u64_t end = d->offset + d->length;

    env_spin_lock(&d->cache->lock);
    oskit_u64_t size = d->cache->size;
    env_spin_unlock(&d->cache->lock);
    if (!range_mapped(d->cache, d->offset, end, size)) {
        direct_unpin(d);
        d->pinned = 0;
        return direct_by_cache(d, uio, moved);
    }
    oskit_error_t err = pagecache_writeback(d->cache, d->offset, end - 1, true);
    if (OSKIT_FAILED(err))
        return err;
    range_forget(d->cache, d->offset, end);
    err = direct_transfer(d, moved);
    /* Somebody may have read old bytes while they were being replaced. */
    range_forget(d->cache, d->offset, end);
    return err;
}

static oskit_error_t direct_read(struct direct *d, oskit_u64_t size, oskit_u64_t *moved)
{
    oskit_u64_t end = d->offset + d->length;
    oskit_error_t err = pagecache_writeback(d->cache, d->offset, end - 1, true);

    if (OSKIT_SUCCEEDED(err))
        err = direct_transfer(d, moved);
    if (d->offset + *moved > size)
        *moved = size > d->offset ? size - d->offset : 0;
    return err;
}

/* One round; *moved 0 without an error is the end of the file. */
static oskit_error_t direct_round(struct direct *d, struct sluice_uio *uio, oskit_u64_t *moved)
{
    oskit_u64_t block = d->cache->limits.block_size, most = uio->left;

    *moved = 0;
    env_spin_lock(&d->cache->lock);
    oskit_u64_t size = d->cache->size;
    env_spin_unlock(&d->cache->lock);
    if (!d->write && d->offset >= size)
        return OSKIT_SUCCESS;
    if (!d->write)
        most = lesser(most, ((size + block - 1) & ~(block - 1)) - d->offset);
    oskit_error_t err = direct_collect(d, uio, most);
    if (OSKIT_SUCCEEDED(err))
        err = d->write ? direct_write(d, uio, moved) : direct_read(d, size, moved);
    direct_unpin(d);
    uio_skip(uio, (size_t)*moved);
    d->offset += *moved;
    return err;
}

/* ---- From outside ---- */

static bool direct_aligned(const struct pagecache *cache, const struct sluice_uio *uio,
                           oskit_u64_t offset)
{
    oskit_u64_t bits = offset | uio->left | uio->iov_offset;
    size_t left = uio->left + uio->iov_offset;

    for (const struct sluice_iovec *iov = uio->iov; left > 0; iov++) {
        size_t length = (size_t)lesser(iov->length, left);

        bits |= length ? (uintptr_t)iov->base | length : 0;
        left -= length;
    }
    return (bits & (cache->limits.block_size - 1)) == 0;
}

static oskit_error_t direct_rounds(struct direct *d, struct sluice_uio *uio, oskit_size_t *moved)
{
    oskit_error_t err = OSKIT_SUCCESS;
    oskit_u64_t part = 1;

    while (uio->left > 0 && part > 0 && OSKIT_SUCCEEDED(err)) {
        err = direct_round(d, uio, &part);
        *moved += part;
        if (part % d->cache->limits.block_size)
            break; /* the end of the file */
    }
    return err;
}

static oskit_error_t direct_large(struct direct *d, struct sluice_uio *uio, oskit_u32_t pages,
                                  oskit_size_t *moved)
{
    oskit_u32_t capacity = pages < DIRECT_LARGE ? pages : DIRECT_LARGE;
    size_t size = capacity * (sizeof(void *) + 2 * sizeof(struct sg_segment)) +
                  DIRECT_REQUESTS * sizeof(struct sg_segment);
    struct sg_segment *storage = env_alloc(size, 0);

    if (!storage)
        return OSKIT_ENOMEM;
    d->capacity = capacity;
    d->memory = storage;
    d->segments = storage + capacity;
    d->pages = (void **)(d->segments + capacity + DIRECT_REQUESTS);
    oskit_error_t err = direct_rounds(d, uio, moved);
    env_free(storage, size);
    return err;
}

oskit_error_t pagecache_direct(struct pagecache *cache, struct sluice_uio *uio, bool write,
                               oskit_u64_t offset, oskit_size_t *moved)
{
    struct sg_segment memory[DIRECT_SMALL], segments[DIRECT_SMALL + DIRECT_REQUESTS];
    void *pages[DIRECT_SMALL];
    struct direct d = {.cache = cache,
                       .write = write,
                       .offset = offset,
                       .capacity = DIRECT_SMALL,
                       .pages = pages,
                       .memory = memory,
                       .segments = segments};

    *moved = 0;
    if (offset > INT64_MAX || !direct_aligned(cache, uio, offset))
        return OSKIT_E_INVALIDARG;
    size_t most = uio->left / ENV_PAGE_SIZE + uio->iov_count + 1;
    if (most <= DIRECT_SMALL || uio->left <= (DIRECT_SMALL - 1) * ENV_PAGE_SIZE)
        return direct_rounds(&d, uio, moved);
    return direct_large(&d, uio, (oskit_u32_t)lesser(most, DIRECT_LARGE), moved);
}
