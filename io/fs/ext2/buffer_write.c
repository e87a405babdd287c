/* Buffers that wait to be written, without a journal, and what of the device's writes is stable.
 * Locks: buffer.c. */
#include "buffer.h"

#include <sluice/block.h>
#include <sluice/env.h>
#include <sluice/string.h>
#include "batch.h"
#include "buffer_private.h"
#include "periodic.h"
#include "sleepers.h"

#define WRITEBACK_AFTER 5000000000ull /* nanoseconds */

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
    buffer_put_locked(buffer);
    env_spin_unlock(&cache->lock);
}

void buffer_note_error(struct buffer_cache *cache, oskit_error_t error)
{
    env_spin_lock(&cache->lock);
    bool first = !cache->failed;
    cache->failed = true;
    env_spin_unlock(&cache->lock);
    if (first)
        env_log(ENV_LOG_ERROR, "ext2: metadata could not be written (%#x)", (unsigned)error);
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
        buffer_ref_locked(buffer);
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
        buffer_put_locked(buffer);
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
    buffer_ref_locked(buffer);
    env_spin_unlock(&cache->lock);
    oskit_error_t error = batch_run(cache->batch, BLOCK_WRITE, 0);
    batch_return(cache);
    env_mutex_unlock(&cache->sync_mutex);
    if (OSKIT_FAILED(error))
        buffer_note_error(cache, error);
    return error;
}

void buffer_flusher_turn(void *arg)
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
