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

#define BUCKETS_FIRST  256u
#define FLUSHER_PERIOD 1000000000ull

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

struct buffer *buffer_lookup(struct buffer_cache *cache, oskit_u64_t block)
{
    list_for_each (node, bucket_of(cache, block)) {
        struct buffer *buffer = container_of(node, struct buffer, hash);
        if (buffer->block == block)
            return buffer;
    }
    return NULL;
}

void buffer_ref_locked(struct buffer *buffer)
{
    if (buffer->refs++ == 0 && !(buffer->state & BUFFER_DIRTY))
        list_remove(&buffer->age); /* it was unused */
}

void buffer_put_locked(struct buffer *buffer)
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
oskit_error_t buffer_find_or_make(struct buffer_cache *cache, oskit_u64_t block,
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
        found = buffer_lookup(cache, block);
        if (found != NULL) {
            buffer_ref_locked(found);
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
    struct buffer *found = buffer_lookup(cache, block);
    if (found != NULL)
        buffer_ref_locked(found);
    env_spin_unlock(&cache->lock);
    return found;
}

void buffer_ref(struct buffer *buffer)
{
    env_spin_lock(&buffer->cache->lock);
    buffer_ref_locked(buffer);
    env_spin_unlock(&buffer->cache->lock);
}

void buffer_put(struct buffer *buffer)
{
    if (buffer == NULL)
        return;
    struct buffer_cache *cache = buffer->cache;
    env_spin_lock(&cache->lock);
    buffer_put_locked(buffer);
    env_spin_unlock(&cache->lock);
}

/* ---- The cache ---- */

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
    return periodic_start(&cache->flusher, "buffers", FLUSHER_PERIOD, buffer_flusher_turn, cache);
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
