/*
 * Requests between pages and the device: adjacent parts of pages that lie adjacent on the device
 * become one request, as long as the device takes it.
 *
 * When there is no memory for a request, a part is transferred by one on the stack, waited for:
 * write-back makes progress without memory, for it may be what memory waits for.
 *
 * Locks: cache->lock in the completion.
 */
#include "pagecache_private.h"

/* One request under way, with the page of each segment. */
struct cache_io {
    struct block_request request;
    struct pagecache *cache;
    struct env_sleep *sleep; /* on somebody's stack: woken, not freed */
    size_t size;             /* of this memory */
    oskit_u32_t capacity;
    struct sg_segment *segments; /* these two lie behind it, CAPACITY of each */
    struct cached_page **pages;
};

static void cache_io_done(struct block_request *request, oskit_error_t status)
{
    struct cache_io *io = container_of(request, struct cache_io, request);
    struct env_sleep *sleep = io->sleep;

    cached_pages_done(io->cache, io->pages, request->segment_count, request->op == BLOCK_WRITE,
                      status);
    if (sleep)
        env_wakeup(sleep);
    else
        env_free(io, io->size);
}

static void cache_io_init(struct cache_io *io, struct pagecache *cache, bool write,
                          oskit_u64_t device)
{
    io->cache = cache;
    io->request = (struct block_request){.op = write ? BLOCK_WRITE : BLOCK_READ,
                                         .offset = device,
                                         .segments = io->segments,
                                         .done = cache_io_done};
}

static struct cache_io *cache_io_create(const struct cache_batch *batch, oskit_u64_t device)
{
    oskit_u32_t capacity = batch->cache->limits.segments_max;

    if (capacity > batch->expected)
        capacity = batch->expected;
    size_t size = sizeof(struct cache_io) +
                  capacity * (sizeof(struct cached_page *) + sizeof(struct sg_segment));
    struct cache_io *io = env_alloc(size, 0);
    if (!io)
        return NULL;
    io->sleep = NULL;
    io->size = size;
    io->capacity = capacity;
    io->segments = (struct sg_segment *)(io + 1);
    io->pages = (struct cached_page **)(io->segments + capacity);
    cache_io_init(io, batch->cache, batch->write, device);
    return io;
}

static void cache_io_append(struct cache_io *io, struct cached_page *page, oskit_u32_t within,
                            oskit_u32_t length)
{
    oskit_u32_t at = io->request.segment_count++;

    io->segments[at] = (struct sg_segment){page->data + within, length};
    io->pages[at] = page;
    io->request.length += length;
}

/* One part, through a request on the stack. */
static void cache_io_now(const struct cache_batch *batch, struct cached_page *page,
                         oskit_u32_t within, oskit_u32_t length, oskit_u64_t device)
{
    struct cached_page *pages[1];
    struct sg_segment segment;
    struct env_sleep sleep;
    struct cache_io io = {.sleep = &sleep, .capacity = 1, .segments = &segment, .pages = pages};
    struct block_request *request = &io.request;

    env_sleep_init(&sleep);
    cache_io_init(&io, batch->cache, batch->write, device);
    cache_io_append(&io, page, within, length);
    sluice_blockqueue_submit(batch->cache->device, &request, 1);
    env_sleep(&sleep, ENV_FOREVER);
}

/* Requests are gathered here and the device isn't plugged: asking where the next part is may read a
 * block and wait. */
void cache_batch_begin(struct cache_batch *batch, struct pagecache *cache, bool write,
                       oskit_u32_t expected)
{
    batch->cache = cache;
    batch->write = write;
    batch->expected = expected;
    batch->open = NULL;
    batch->bytes = 0;
    batch->count = 0;
}

/* The pages are busy till then, so the cache is there. */
static void cache_batch_send(struct cache_batch *batch)
{
    oskit_u32_t count = batch->count;

    batch->count = 0;
    batch->bytes = 0;
    if (count > 0)
        sluice_blockqueue_submit(batch->cache->device, batch->made, count);
}

/* Nothing is appended to the open request any more. */
static void cache_batch_close(struct cache_batch *batch)
{
    if (!batch->open)
        return;
    batch->made[batch->count++] = &batch->open->request;
    batch->bytes += batch->open->request.length;
    batch->open = NULL;
    if (batch->count == CACHE_GATHER || batch->bytes >= CACHE_GATHER_BYTES)
        cache_batch_send(batch);
}

void cache_batch_submit(struct cache_batch *batch)
{
    cache_batch_close(batch);
    cache_batch_send(batch);
}

static bool cache_batch_continues(const struct cache_batch *batch, oskit_u32_t length,
                                  oskit_u64_t device)
{
    const struct cache_io *io = batch->open;

    return io && io->request.segment_count < io->capacity &&
           io->request.offset + io->request.length == device &&
           io->request.length + length <= batch->cache->limits.length_max;
}

static void cache_batch_part(struct cache_batch *batch, struct cached_page *page,
                             oskit_u32_t within, oskit_u32_t length, oskit_u64_t device)
{
    env_spin_lock(&batch->cache->lock);
    page->parts++;
    env_spin_unlock(&batch->cache->lock);
    if (!cache_batch_continues(batch, length, device)) {
        cache_batch_close(batch);
        batch->open = cache_io_create(batch, device);
    }
    if (batch->open) {
        cache_io_append(batch->open, page, within, length);
        return;
    }
    cache_batch_submit(batch);
    cache_io_now(batch, page, within, length, device);
}

/* A device may want its segments smaller than a page. */
void cache_batch_add(struct cache_batch *batch, struct cached_page *page, oskit_u32_t within,
                     oskit_u32_t length, oskit_u64_t device)
{
    const struct block_limits *limits = &batch->cache->limits;
    oskit_u32_t most = (oskit_u32_t)lesser(limits->segment_size_max, limits->length_max);

    while (length > 0) {
        oskit_u32_t part = (oskit_u32_t)lesser(length, most);

        cache_batch_part(batch, page, within, part, device);
        within += part;
        device += part;
        length -= part;
    }
}

void cache_batch_end(struct cache_batch *batch)
{
    cache_batch_submit(batch);
}

/* ---- The end of a transfer: cache->lock held ---- */

/* The bytes behind the end of the file are zeros, whatever the device had there. */
static void page_zero_end(const struct pagecache *cache, struct cached_page *page)
{
    oskit_u64_t start = page_offset(page->index);

    if (cache->size < start)
        memset(page->data, 0, ENV_PAGE_SIZE);
    else if (cache->size - start < ENV_PAGE_SIZE)
        memset(page->data + (cache->size - start), 0, ENV_PAGE_SIZE - (cache->size - start));
}

/* true: the page was taken out, for it could not be read; it is the caller's. */
static bool page_read_done(struct pagecache *cache, struct cached_page *page,
                           struct radix_pool *pool)
{
    oskit_error_t err = page->error;

    page->flags &= (oskit_u8_t)~CACHED_READING;
    if (OSKIT_FAILED(err)) {
        cached_page_remove(cache, page, pool);
    } else {
        page_zero_end(cache, page);
        page->flags |= CACHED_UPTODATE;
    }
    cached_page_wake(page, err);
    return OSKIT_FAILED(err);
}

static void page_write_done(struct pagecache *cache, struct cached_page *page)
{
    oskit_error_t err = page->error;

    page->error = OSKIT_SUCCESS;
    page->flags &= (oskit_u8_t)~CACHED_WRITEBACK;
    list_remove(&page->writeback);
    cache->writeback_count--;
    atomic_fetch_sub_explicit(&pagecache_writeback_pages, 1, memory_order_relaxed);
    if (OSKIT_FAILED(err)) {
        cache->error_count++;
        cache->last_error = err;
    }
    cached_page_wake(page, err);
}

void cached_pages_done(struct pagecache *cache, struct cached_page *const *pages, unsigned count,
                       bool write, oskit_error_t error)
{
    struct radix_pool pool = {0};
    struct cached_page *gone = NULL;

    env_spin_lock(&cache->lock);
    for (unsigned i = 0; i < count; i++) {
        struct cached_page *page = pages[i];

        if (OSKIT_FAILED(error))
            page->error = error;
        if (--page->parts > 0)
            continue;
        if (write) {
            page_write_done(cache, page);
        } else if (page_read_done(cache, page, &pool)) {
            page->link.next = (struct list *)gone;
            gone = page;
        }
    }
    env_spin_unlock(&cache->lock);
    /* From here on the cache may be gone: its last busy page was one of these. */
    while (gone) {
        struct cached_page *next = (struct cached_page *)gone->link.next;

        cached_page_destroy(gone);
        gone = next;
    }
    radix_pool_drain(&pool);
    if (write)
        pagecache_limit_relieve();
}
