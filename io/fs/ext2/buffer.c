/*
 * The metadata blocks of a file system that are in memory.
 *
 * A buffer is in the hash from its making to its end. `age` links it into one list: `unused` while
 * nobody refers to it and it is clean, oldest first; `dirty` while it waits to be written; or none.
 * One thread reads or writes a buffer at a time (BUFFER_READING, BUFFER_WRITING); others sleep on
 * the cache's sleepers until the bit is gone.
 *
 * Lock order: sync_mutex (one writer-back at a time) -> journal.lock -> caches_lock -> cache.lock.
 * cache.lock is a leaf, taken by done functions in any context. Reclaim takes the last two only.
 */
#include "buffer.h"

#include <sluice/block.h>
#include <sluice/env.h>
#include <sluice/string.h>
#include "batch.h"
#include "buffer_private.h"
#include "periodic.h"
#include "sleepers.h"

#define BUFFER_VALID   1u /* data are the block's */
#define BUFFER_READING 2u
#define BUFFER_WRITING 4u
#define BUFFER_DIRTY   8u

#define BUCKETS_FIRST   256u
#define WRITEBACK_AFTER 5000000000ull /* nanoseconds */
#define FLUSHER_PERIOD  1000000000ull

struct buffer_cache {
    sluice_blockqueue_t *device;
    struct block_limits limits;
    oskit_u32_t block_size;
    oskit_u64_t blocks;
    struct env_mutex sync_mutex; /* guards batch */
    struct batch *batch;
    struct periodic flusher;
    struct list all; /* in the list of caches; caches_lock */

    struct env_spinlock lock; /* guards what follows and every buffer */
    struct list *buckets;
    oskit_u32_t bucket_count; /* a power of two */
    struct list unused, dirty;
    struct sleepers sleepers;
    struct buffer_totals totals;
    oskit_u32_t error_count;
    oskit_error_t last_error;
    oskit_u64_t flushed; /* writes of the device that a flush has made stable */
};

static struct env_spinlock caches_lock; /* guards caches */
static struct list caches = LIST_INIT(caches);

/* ---- Memory ---- */

void *buffer_memory_alloc(oskit_u32_t block_size, unsigned flags)
{
    return block_size == ENV_PAGE_SIZE ? env_page_alloc(0, flags) : env_alloc(block_size, flags);
}

void buffer_memory_free(void *data, oskit_u32_t block_size)
{
    if (data == NULL)
        return;
    if (block_size == ENV_PAGE_SIZE)
        env_page_unref(data);
    else
        env_free(data, block_size);
}

static void buffer_free(struct buffer *buffer)
{
    buffer_memory_free(buffer->data, buffer->cache->block_size);
    env_free(buffer, sizeof *buffer);
}

static struct buffer *buffer_alloc(struct buffer_cache *cache, oskit_u64_t block)
{
    struct buffer *buffer = env_alloc(sizeof *buffer, ENV_ZERO);

    if (buffer == NULL)
        return NULL;
    buffer->data = buffer_memory_alloc(cache->block_size, ENV_ZERO);
    if (buffer->data == NULL) {
        env_free(buffer, sizeof *buffer);
        return NULL;
    }
    buffer->block = block;
    buffer->cache = cache;
    list_init(&buffer->age);
    return buffer;
}

static void free_list(struct list *list)
{
    for (struct list *node; (node = list_pop_front(list)) != NULL;)
        buffer_free(container_of(node, struct buffer, age));
}

/* Moves up to MOST unused buffers to OUT, for free_list; the lock is held. */
static oskit_size_t take_unused(struct buffer_cache *cache, oskit_size_t most, struct list *out)
{
    oskit_size_t taken = 0;

    while (taken < most && !list_empty(&cache->unused)) {
        struct buffer *buffer = container_of(list_pop_front(&cache->unused), struct buffer, age);
        list_remove(&buffer->hash);
        list_push_back(out, &buffer->age);
        cache->totals.buffers--;
        taken++;
    }
    return taken;
}

oskit_size_t buffer_drop(struct buffer_cache *cache)
{
    struct list gone = LIST_INIT(gone);

    env_spin_lock(&cache->lock);
    oskit_size_t count = take_unused(cache, SIZE_MAX, &gone);
    env_spin_unlock(&cache->lock);
    free_list(&gone);
    return count * cache->block_size;
}

/* The host is short of memory: gives about PAGES pages of unused buffers back, a share from each
 * cache at most so large that no cache loses all for another's sake. */
static size_t buffers_reclaim(void *arg, size_t pages)
{
    struct list gone = LIST_INIT(gone);
    size_t bytes = 0;

    (void)arg;
    env_spin_lock(&caches_lock);
    list_for_each (node, &caches) {
        struct buffer_cache *cache = container_of(node, struct buffer_cache, all);
        size_t want = (pages * ENV_PAGE_SIZE - bytes) / cache->block_size;
        env_spin_lock(&cache->lock);
        bytes += take_unused(cache, want, &gone) * cache->block_size;
        env_spin_unlock(&cache->lock);
    }
    env_spin_unlock(&caches_lock);
    free_list(&gone);
    return bytes / ENV_PAGE_SIZE;
}

static void reclaim_register(void)
{
    static struct env_reclaim reclaim = {buffers_reclaim, NULL, NULL};
    static bool registered;

    env_spin_lock(&caches_lock);
    bool first = !registered;
    registered = true;
    env_spin_unlock(&caches_lock);
    if (first)
        env_reclaim_register(&reclaim);
}

/* ---- Finding ---- */

static struct list *bucket_of(const struct buffer_cache *cache, oskit_u64_t block)
{
    return &cache->buckets[(block * 0x9e3779b97f4a7c15ull >> 32) & (cache->bucket_count - 1)];
}

static struct buffer *lookup(struct buffer_cache *cache, oskit_u64_t block)
{
    list_for_each (node, bucket_of(cache, block)) {
        struct buffer *buffer = container_of(node, struct buffer, hash);
        if (buffer->block == block)
            return buffer;
    }
    return NULL;
}

static void ref_locked(struct buffer *buffer)
{
    if (buffer->refs++ == 0 && !(buffer->state & BUFFER_DIRTY))
        list_remove(&buffer->age); /* it was unused */
}

static void put_locked(struct buffer *buffer)
{
    if (--buffer->refs == 0 && !(buffer->state & BUFFER_DIRTY))
        list_push_back(&buffer->cache->unused, &buffer->age);
}

static struct list *buckets_alloc(oskit_u32_t count)
{
    struct list *buckets = env_alloc(count * sizeof *buckets, 0);

    for (oskit_u32_t i = 0; buckets != NULL && i < count; i++)
        list_init(&buckets[i]);
    return buckets;
}

/* Doubles the hash when there are twice as many buffers as buckets; without memory it stays. */
static void hash_grow(struct buffer_cache *cache)
{
    oskit_u32_t old_count = cache->bucket_count;
    struct list *fresh = buckets_alloc(2 * old_count);

    if (fresh == NULL)
        return;
    env_spin_lock(&cache->lock);
    if (cache->bucket_count == old_count) { /* nobody else did it */
        struct list *old = cache->buckets;
        cache->buckets = fresh;
        cache->bucket_count = 2 * old_count;
        for (oskit_u32_t i = 0; i < old_count; i++) {
            for (struct list *node; (node = list_pop_front(&old[i])) != NULL;)
                list_push_back(bucket_of(cache, container_of(node, struct buffer, hash)->block),
                               node);
        }
        fresh = old;
    } else {
        old_count *= 2;
    }
    env_spin_unlock(&cache->lock);
    env_free(fresh, old_count * sizeof *fresh);
}

/* BLOCK's buffer, made when there is none, with a reference; the lock is not held. */
static oskit_error_t find_or_make(struct buffer_cache *cache, oskit_u64_t block,
                                  struct buffer **out)
{
    *out = NULL;
    if (block >= cache->blocks)
        return OSKIT_EUCLEAN;
    struct buffer *found = buffer_find(cache, block);
    if (found == NULL) {
        struct buffer *fresh = buffer_alloc(cache, block);
        if (fresh == NULL)
            return OSKIT_E_OUTOFMEMORY;
        env_spin_lock(&cache->lock);
        found = lookup(cache, block);
        if (found != NULL) {
            ref_locked(found);
        } else {
            found = fresh;
            found->refs = 1;
            list_push_front(bucket_of(cache, block), &found->hash);
            cache->totals.buffers++;
        }
        bool crowded = cache->totals.buffers > 2 * (oskit_u64_t)cache->bucket_count;
        env_spin_unlock(&cache->lock);
        if (found != fresh)
            buffer_free(fresh); /* somebody else was first */
        if (crowded)
            hash_grow(cache);
    }
    *out = found;
    return OSKIT_SUCCESS;
}

struct buffer *buffer_find(struct buffer_cache *cache, oskit_u64_t block)
{
    env_spin_lock(&cache->lock);
    struct buffer *found = lookup(cache, block);
    if (found != NULL)
        ref_locked(found);
    env_spin_unlock(&cache->lock);
    return found;
}

void buffer_ref(struct buffer *buffer)
{
    env_spin_lock(&buffer->cache->lock);
    ref_locked(buffer);
    env_spin_unlock(&buffer->cache->lock);
}

void buffer_put(struct buffer *buffer)
{
    if (buffer == NULL)
        return;
    struct buffer_cache *cache = buffer->cache;
    env_spin_lock(&cache->lock);
    put_locked(buffer);
    env_spin_unlock(&cache->lock);
}

/* ---- Reading ---- */

/* The device is done with reading BUFFER; PUT: a reference goes with that, in one step, for the
 * cache may be destroyed as soon as nothing of it is being read. [any] */
static void read_end(struct buffer *buffer, oskit_error_t status, bool put)
{
    struct buffer_cache *cache = buffer->cache;

    env_spin_lock(&cache->lock);
    buffer->state &= ~BUFFER_READING;
    if (!OSKIT_FAILED(status))
        buffer->state |= BUFFER_VALID;
    cache->totals.reads++;
    if (put)
        put_locked(buffer);
    sleepers_wake(&cache->sleepers);
    env_spin_unlock(&cache->lock);
}

static oskit_error_t block_move(struct buffer *buffer, enum block_op op)
{
    struct buffer_cache *cache = buffer->cache;
    const struct sg_segment segment = {buffer->data, cache->block_size};
    const struct block_request request = {
        .op = op,
        .offset = buffer->block * cache->block_size,
        .length = cache->block_size,
        .segments = &segment,
        .segment_count = 1,
    };
    return block_transfer(cache->device, &request);
}

/* Claims BUFFER for reading: true; or finds it valid, perhaps after waiting: false. */
static bool read_claim(struct buffer *buffer)
{
    struct buffer_cache *cache = buffer->cache;

    env_spin_lock(&cache->lock);
    cache->totals.hits += (buffer->state & BUFFER_VALID) != 0;
    while (buffer->state & BUFFER_READING)
        sleepers_wait(&cache->sleepers, &cache->lock);
    bool claimed = !(buffer->state & BUFFER_VALID);
    if (claimed)
        buffer->state |= BUFFER_READING;
    env_spin_unlock(&cache->lock);
    return claimed;
}

oskit_error_t buffer_get(struct buffer_cache *cache, oskit_u64_t block, struct buffer **out)
{
    oskit_error_t error = find_or_make(cache, block, out);

    if (OSKIT_FAILED(error) || !read_claim(*out))
        return error;
    error = block_move(*out, BLOCK_READ);
    read_end(*out, error, false);
    if (OSKIT_FAILED(error)) {
        buffer_put(*out);
        *out = NULL;
        return error == OSKIT_E_OUTOFMEMORY ? error : OSKIT_EIO;
    }
    return OSKIT_SUCCESS;
}

oskit_error_t buffer_get_new(struct buffer_cache *cache, oskit_u64_t block, struct buffer **out)
{
    oskit_error_t error = find_or_make(cache, block, out);

    if (OSKIT_FAILED(error))
        return error;
    env_spin_lock(&cache->lock);
    while ((*out)->state & BUFFER_READING)
        sleepers_wait(&cache->sleepers, &cache->lock);
    (*out)->state |= BUFFER_VALID;
    env_spin_unlock(&cache->lock);
    return OSKIT_SUCCESS;
}

struct prefetch {
    struct block_request request;
    struct sg_segment segment;
    struct buffer *buffer; /* a reference */
};

static void prefetch_done(struct block_request *request, oskit_error_t status)
{
    struct prefetch *p = request->arg;

    struct buffer *buffer = p->buffer;
    env_free(p, sizeof *p);
    read_end(buffer, status, true);
}

/* A request for BLOCK, or NULL when it is in memory, being read, or can't be had. */
static struct prefetch *prefetch_make(struct buffer_cache *cache, oskit_u64_t block)
{
    struct buffer *buffer;

    if (OSKIT_FAILED(find_or_make(cache, block, &buffer)))
        return NULL;
    struct prefetch *p = env_alloc(sizeof *p, ENV_ZERO);
    env_spin_lock(&cache->lock);
    bool wanted = p != NULL && !(buffer->state & (BUFFER_VALID | BUFFER_READING));
    if (wanted)
        buffer->state |= BUFFER_READING;
    env_spin_unlock(&cache->lock);
    if (!wanted) {
        buffer_put(buffer);
        env_free(p, sizeof *p);
        return NULL;
    }
    p->buffer = buffer;
    p->segment = (struct sg_segment){buffer->data, cache->block_size};
    p->request = (struct block_request){
        .op = BLOCK_READ,
        .offset = block * cache->block_size,
        .length = cache->block_size,
        .segments = &p->segment,
        .segment_count = 1,
        .done = prefetch_done,
        .arg = p,
    };
    return p;
}

void buffer_prefetch(struct buffer_cache *cache, const oskit_u64_t *blocks, oskit_u32_t count)
{
    struct block_request *requests[32];
    oskit_u32_t ready = 0;

    for (oskit_u32_t i = 0; i < count; i++) {
        struct prefetch *p = prefetch_make(cache, blocks[i]);
        if (p != NULL)
            requests[ready++] = &p->request;
        if (ready != 0 && (ready == 32 || i + 1 == count)) {
            sluice_blockqueue_submit(cache->device, requests, ready);
            ready = 0;
        }
    }
    if (ready != 0)
        sluice_blockqueue_submit(cache->device, requests, ready);
}

/* ---- Writing back, for file systems without a journal ---- */

static void dirty_locked(struct buffer *buffer)
{
    struct buffer_cache *cache = buffer->cache;

    if (buffer->state & BUFFER_DIRTY)
        return;
    buffer->state |= BUFFER_DIRTY;
    list_remove(&buffer->age);
    list_push_back(&cache->dirty, &buffer->age);
    cache->totals.dirty++;
}

static void clean_locked(struct buffer *buffer)
{
    if (!(buffer->state & BUFFER_DIRTY))
        return;
    buffer->state &= ~BUFFER_DIRTY;
    list_remove(&buffer->age);
    buffer->cache->totals.dirty--;
    if (buffer->refs == 0)
        list_push_back(&buffer->cache->unused, &buffer->age);
}

void buffer_dirty(struct buffer *buffer)
{
    struct buffer_cache *cache = buffer->cache;

    env_spin_lock(&cache->lock);
    if (!(buffer->state & BUFFER_DIRTY))
        buffer->since = env_time_monotonic();
    dirty_locked(buffer);
    env_spin_unlock(&cache->lock);
}

void buffer_forget(struct buffer_cache *cache, oskit_u64_t block)
{
    struct buffer *buffer = buffer_find(cache, block);

    if (buffer == NULL)
        return;
    env_spin_lock(&cache->lock);
    clean_locked(buffer);
    while (buffer->state & BUFFER_WRITING)
        sleepers_wait(&cache->sleepers, &cache->lock);
    clean_locked(buffer); /* the write may have failed and made it dirty again */
    put_locked(buffer);
    env_spin_unlock(&cache->lock);
}

void buffer_note_error(struct buffer_cache *cache, oskit_error_t error)
{
    env_spin_lock(&cache->lock);
    cache->error_count++;
    cache->last_error = error;
    env_spin_unlock(&cache->lock);
}

void buffer_count_written(struct buffer_cache *cache, oskit_u64_t count)
{
    env_spin_lock(&cache->lock);
    cache->totals.writes += count;
    env_spin_unlock(&cache->lock);
}

/* Takes dirty buffers off FROM into the batch, as many as fit, with a reference each. */
static void batch_take(struct buffer_cache *cache, struct list *from)
{
    batch_clear(cache->batch);
    env_spin_lock(&cache->lock);
    while (!list_empty(from) && !batch_full(cache->batch)) {
        struct buffer *buffer = container_of(from->next, struct buffer, age);
        ref_locked(buffer);
        clean_locked(buffer);
        buffer->state |= BUFFER_WRITING;
        batch_add(cache->batch, buffer->block, buffer->data, buffer);
    }
    env_spin_unlock(&cache->lock);
}

/* The batch was written. What failed is dirty again. */
static void batch_return(struct buffer_cache *cache)
{
    env_spin_lock(&cache->lock);
    for (oskit_u32_t i = 0; i < cache->batch->count; i++) {
        struct buffer *buffer = cache->batch->blocks[i].owner;
        buffer->state &= ~BUFFER_WRITING;
        if (cache->batch->blocks[i].failed) {
            buffer->since = env_time_monotonic();
            dirty_locked(buffer);
        }
        put_locked(buffer);
    }
    cache->totals.writes += cache->batch->count;
    sleepers_wake(&cache->sleepers);
    env_spin_unlock(&cache->lock);
}

/* Writes all of LIST, dirty buffers taken off the cache's list; sync_mutex is held. */
static oskit_error_t write_list(struct buffer_cache *cache, struct list *list)
{
    oskit_error_t first = OSKIT_SUCCESS;

    for (batch_take(cache, list); cache->batch->count != 0; batch_take(cache, list)) {
        batch_sort(cache->batch);
        oskit_error_t error = batch_run(cache->batch, BLOCK_WRITE, 0);
        batch_return(cache);
        if (OSKIT_FAILED(error)) {
            buffer_note_error(cache, error);
            first = OSKIT_FAILED(first) ? first : error;
        }
    }
    return first;
}

/* Dirty buffers whose time is before LIMIT move to OUT: each is written once by a sync, also when
 * it fails or is changed again meanwhile. */
static void dirty_before(struct buffer_cache *cache, oskit_u64_t limit, struct list *out)
{
    env_spin_lock(&cache->lock);
    list_for_each_safe (node, &cache->dirty) {
        if (container_of(node, struct buffer, age)->since > limit)
            break;
        list_remove(node);
        list_push_back(out, node);
    }
    env_spin_unlock(&cache->lock);
}

static oskit_error_t sync_before(struct buffer_cache *cache, oskit_u64_t limit)
{
    struct list list = LIST_INIT(list);

    env_mutex_lock(&cache->sync_mutex);
    dirty_before(cache, limit, &list);
    oskit_error_t error = write_list(cache, &list);
    env_mutex_unlock(&cache->sync_mutex);
    return error;
}

oskit_error_t buffer_sync(struct buffer_cache *cache)
{
    return sync_before(cache, UINT64_MAX);
}

oskit_error_t buffer_write(struct buffer *buffer)
{
    struct buffer_cache *cache = buffer->cache;

    env_mutex_lock(&cache->sync_mutex);
    env_spin_lock(&cache->lock);
    clean_locked(buffer);
    buffer->state |= BUFFER_WRITING;
    batch_clear(cache->batch);
    batch_add(cache->batch, buffer->block, buffer->data, buffer);
    ref_locked(buffer);
    env_spin_unlock(&cache->lock);
    oskit_error_t error = batch_run(cache->batch, BLOCK_WRITE, 0);
    batch_return(cache);
    env_mutex_unlock(&cache->sync_mutex);
    if (OSKIT_FAILED(error))
        buffer_note_error(cache, error);
    return error;
}

static void flusher_turn(void *arg)
{
    struct buffer_cache *cache = arg;
    oskit_u64_t now = env_time_monotonic();

    if (now > WRITEBACK_AFTER)
        sync_before(cache, now - WRITEBACK_AFTER); /* an error is noted, and it stays dirty */
}

/* ---- Flushing the device ---- */

/* Writes done on the device so far. A write counts before its done is called, so whoever waited for
 * his is counted. */
static oskit_u64_t writes_done(struct buffer_cache *cache)
{
    struct block_statistics s;

    sluice_blockqueue_get_statistics(cache->device, &s);
    return s.op[BLOCK_WRITE].requests + s.op[BLOCK_WRITE_ZEROES].requests;
}

static void note_flushed(struct buffer_cache *cache, oskit_u64_t writes)
{
    env_spin_lock(&cache->lock);
    if (cache->flushed < writes)
        cache->flushed = writes;
    env_spin_unlock(&cache->lock);
}

oskit_error_t buffer_flush_now(struct buffer_cache *cache, oskit_u64_t *writes)
{
    const struct block_request request = {.op = BLOCK_FLUSH};

    *writes = writes_done(cache); /* before the flush begins: later ones may miss it */
    if (!cache->limits.volatile_cache)
        return OSKIT_SUCCESS;
    oskit_error_t error = block_transfer(cache->device, &request);
    if (!OSKIT_FAILED(error))
        note_flushed(cache, *writes);
    return error;
}

void buffer_note_stable(struct buffer_cache *cache, oskit_u64_t writes, oskit_u64_t count)
{
    if (cache->limits.volatile_cache && writes_done(cache) == writes + count)
        note_flushed(cache, writes + count);
}

oskit_error_t buffer_flush(struct buffer_cache *cache)
{
    oskit_u64_t writes;

    if (!cache->limits.volatile_cache)
        return OSKIT_SUCCESS;
    env_spin_lock(&cache->lock);
    oskit_u64_t flushed = cache->flushed;
    env_spin_unlock(&cache->lock);
    return writes_done(cache) == flushed ? OSKIT_SUCCESS : buffer_flush_now(cache, &writes);
}

/* ---- The cache ---- */

oskit_error_t buffer_error(struct buffer_cache *cache, oskit_u32_t *seen)
{
    env_spin_lock(&cache->lock);
    oskit_error_t error = *seen == cache->error_count ? OSKIT_SUCCESS : cache->last_error;
    *seen = cache->error_count;
    env_spin_unlock(&cache->lock);
    return error;
}

void buffer_totals(struct buffer_cache *cache, struct buffer_totals *out)
{
    env_spin_lock(&cache->lock);
    *out = cache->totals;
    env_spin_unlock(&cache->lock);
}

oskit_u32_t buffer_cache_block_size(const struct buffer_cache *cache)
{
    return cache->block_size;
}

sluice_blockqueue_t *buffer_cache_device(const struct buffer_cache *cache)
{
    return cache->device;
}

/* Frees a cache whose flusher doesn't run and which is in no list. */
static void cache_free(struct buffer_cache *cache)
{
    for (oskit_u32_t i = 0; cache->buckets != NULL && i < cache->bucket_count; i++) {
        for (struct list *node; (node = list_pop_front(&cache->buckets[i])) != NULL;)
            buffer_free(container_of(node, struct buffer, hash));
    }
    if (cache->buckets != NULL)
        env_free(cache->buckets, cache->bucket_count * sizeof *cache->buckets);
    batch_destroy(cache->batch);
    sluice_blockqueue_release(cache->device);
    env_free(cache, sizeof *cache);
}

static bool block_size_fits(oskit_u32_t block_size, const struct block_limits *limits)
{
    return (block_size == 1024 || block_size == 2048 || block_size == 4096) &&
           block_size >= limits->block_size && block_size <= limits->length_max &&
           block_size <= limits->segment_size_max;
}

static oskit_error_t cache_prepare(struct buffer_cache *cache)
{
    cache->buckets = buckets_alloc(BUCKETS_FIRST);
    cache->bucket_count = BUCKETS_FIRST;
    if (cache->buckets == NULL)
        return OSKIT_E_OUTOFMEMORY;
    oskit_error_t error = batch_create(cache->device, cache->block_size, &cache->batch);
    if (OSKIT_FAILED(error))
        return error;
    return periodic_start(&cache->flusher, "buffers", FLUSHER_PERIOD, flusher_turn, cache);
}

oskit_error_t buffer_cache_create(sluice_blockqueue_t *device, oskit_u32_t block_size,
                                  oskit_u64_t blocks, struct buffer_cache **out)
{
    struct block_limits limits;

    *out = NULL;
    sluice_blockqueue_get_limits(device, &limits);
    if (!block_size_fits(block_size, &limits) || blocks > limits.size / block_size)
        return OSKIT_E_INVALIDARG;
    struct buffer_cache *cache = env_alloc(sizeof *cache, ENV_ZERO);
    if (cache == NULL)
        return OSKIT_E_OUTOFMEMORY;
    cache->device = device;
    sluice_blockqueue_addref(device);
    cache->limits = limits;
    cache->block_size = block_size;
    cache->blocks = blocks;
    list_init(&cache->unused);
    list_init(&cache->dirty);
    sleepers_init(&cache->sleepers);
    oskit_error_t error = cache_prepare(cache);
    if (OSKIT_FAILED(error)) {
        cache_free(cache);
        return error;
    }
    reclaim_register();
    env_spin_lock(&caches_lock);
    list_push_back(&caches, &cache->all);
    env_spin_unlock(&caches_lock);
    *out = cache;
    return OSKIT_SUCCESS;
}

/* Prefetches hold references until they are done. */
static void wait_reads(struct buffer_cache *cache)
{
    env_spin_lock(&cache->lock);
    for (oskit_u32_t i = 0; i < cache->bucket_count; i++) {
        list_for_each (node, &cache->buckets[i]) {
            struct buffer *buffer = container_of(node, struct buffer, hash);
            while (buffer->state & BUFFER_READING)
                sleepers_wait(&cache->sleepers, &cache->lock);
        }
    }
    env_spin_unlock(&cache->lock);
}

void buffer_cache_destroy(struct buffer_cache *cache)
{
    if (cache == NULL)
        return;
    periodic_stop(&cache->flusher);
    env_spin_lock(&caches_lock); /* from here on reclaim doesn't come */
    list_remove(&cache->all);
    env_spin_unlock(&caches_lock);
    wait_reads(cache);
    cache_free(cache);
}
