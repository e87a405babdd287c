/*
 * Many blocks read or written in one submission. Neighbours on the device that were added one after
 * the other become one request. One thread at a time uses a batch:
 *
 *     batch_add(...), batch_add(...)    as long as it isn't full
 *     batch_start(batch, op, flags)     the memory belongs to the device
 *     batch_wait(batch)                 the first error; blocks[i].failed says for each block
 *     batch_clear(batch)
 */
#ifndef IO_FS_EXT2_BATCH_H
#define IO_FS_EXT2_BATCH_H

#include <stdbool.h>
#include <oskit/error.h>
#include <oskit/types.h>
#include <sluice/blockqueue.h>
#include <sluice/env.h>

#define BATCH_BLOCKS 256u

struct batch_block {
    oskit_u64_t block; /* number on the device, in units of block_size */
    void *data;
    void *owner; /* the caller's */
    bool failed;
};

struct batch {
    sluice_blockqueue_t *device; /* not counted */
    struct block_limits limits;
    oskit_u32_t block_size;
    oskit_u32_t count;
    struct batch_block blocks[BATCH_BLOCKS];
    /* From start to wait. */
    struct env_spinlock lock; /* guards pending and error against each other's done; a leaf */
    struct env_sleep sleep;
    oskit_u32_t pending;
    oskit_error_t error;
    oskit_u32_t request_count;
    struct block_request requests[BATCH_BLOCKS];
    struct block_request *submitted[BATCH_BLOCKS];
    struct sg_segment segments[BATCH_BLOCKS]; /* segment I is block I's */
};

/* An empty batch for DEVICE; OSKIT_E_OUTOFMEMORY. [thread] */
oskit_error_t batch_create(sluice_blockqueue_t *device, oskit_u32_t block_size, struct batch **out);
void batch_destroy(struct batch *batch); /* NULL is ignored */

static inline bool batch_full(const struct batch *batch)
{
    return batch->count == BATCH_BLOCKS;
}
void batch_add(struct batch *batch, oskit_u64_t block, void *data, void *owner);
/* In order of block numbers. */
void batch_sort(struct batch *batch);
void batch_start(struct batch *batch, enum block_op op, oskit_u32_t flags);
oskit_error_t batch_wait(struct batch *batch);
static inline void batch_clear(struct batch *batch)
{
    batch->count = 0;
}
/* Start and wait. */
oskit_error_t batch_run(struct batch *batch, enum block_op op, oskit_u32_t flags);

#endif
