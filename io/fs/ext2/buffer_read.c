/* Getting buffers with their contents. Locks: buffer.c. */
#include "buffer.h"

#include <sluice/block.h>
#include <sluice/env.h>
#include <sluice/string.h>
#include "batch.h"
#include "buffer_private.h"
#include "periodic.h"
#include "sleepers.h"

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
        buffer_put_locked(buffer);
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
    oskit_error_t error = buffer_find_or_make(cache, block, out);

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
    oskit_error_t error = buffer_find_or_make(cache, block, out);

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

    if (OSKIT_FAILED(buffer_find_or_make(cache, block, &buffer)))
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
