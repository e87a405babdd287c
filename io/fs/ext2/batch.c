/* Many blocks in one submission. The lock is taken by done, in any context, and is a leaf. */
#include "batch.h"

oskit_error_t batch_create(sluice_blockqueue_t *device, oskit_u32_t block_size, struct batch **out)
{
    struct batch *batch = env_alloc(sizeof *batch, ENV_ZERO);

    *out = batch;
    if (batch == NULL)
        return OSKIT_E_OUTOFMEMORY;
    batch->device = device;
    batch->block_size = block_size;
    sluice_blockqueue_get_limits(device, &batch->limits);
    return OSKIT_SUCCESS;
}

void batch_destroy(struct batch *batch)
{
    env_free(batch, sizeof *batch);
}

void batch_add(struct batch *batch, oskit_u64_t block, void *data, void *owner)
{
    batch->blocks[batch->count++] = (struct batch_block){block, data, owner, false};
}

/* Shell's sort: short, in place, and quick enough for a few hundred. */
void batch_sort(struct batch *batch)
{
    struct batch_block *b = batch->blocks;

    for (oskit_u32_t gap = batch->count / 2; gap != 0; gap /= 2) {
        for (oskit_u32_t i = gap; i < batch->count; i++) {
            struct batch_block moved = b[i];
            oskit_u32_t j = i;
            for (; j >= gap && b[j - gap].block > moved.block; j -= gap)
                b[j] = b[j - gap];
            b[j] = moved;
        }
    }
}

static void batch_done(struct block_request *request, oskit_error_t status)
{
    struct batch *batch = request->arg;
    oskit_u32_t first = (oskit_u32_t)(request->segments - batch->segments);

    for (oskit_u32_t i = 0; i < request->segment_count; i++)
        batch->blocks[first + i].failed = OSKIT_FAILED(status);
    env_spin_lock(&batch->lock);
    if (OSKIT_FAILED(status) && !OSKIT_FAILED(batch->error))
        batch->error = status;
    if (--batch->pending == 0)
        env_wakeup(&batch->sleep);
    env_spin_unlock(&batch->lock);
}

/* Whether block I can go into REQUEST, whose last block is I - 1. */
static bool continues(const struct batch *batch, const struct block_request *request, oskit_u32_t i)
{
    return batch->blocks[i].block == batch->blocks[i - 1].block + 1 &&
           request->segment_count < batch->limits.segments_max &&
           request->length + batch->block_size <= batch->limits.length_max;
}

static void batch_build(struct batch *batch, enum block_op op, oskit_u32_t flags)
{
    struct block_request *request = NULL;

    batch->request_count = 0;
    for (oskit_u32_t i = 0; i < batch->count; i++) {
        batch->segments[i] = (struct sg_segment){batch->blocks[i].data, batch->block_size};
        batch->blocks[i].failed = false;
        if (request == NULL || !continues(batch, request, i)) {
            request = &batch->requests[batch->request_count];
            *request = (struct block_request){
                .op = op,
                .flags = flags,
                .offset = batch->blocks[i].block * batch->block_size,
                .segments = &batch->segments[i],
                .done = batch_done,
                .arg = batch,
            };
            batch->submitted[batch->request_count++] = request;
        }
        request->segment_count++;
        request->length += batch->block_size;
    }
}

void batch_start(struct batch *batch, enum block_op op, oskit_u32_t flags)
{
    batch_build(batch, op, flags);
    batch->error = OSKIT_SUCCESS;
    batch->pending = batch->request_count;
    env_sleep_init(&batch->sleep);
    if (batch->request_count != 0)
        sluice_blockqueue_submit(batch->device, batch->submitted, batch->request_count);
}

oskit_error_t batch_wait(struct batch *batch)
{
    if (batch->request_count == 0)
        return OSKIT_SUCCESS;
    env_sleep(&batch->sleep, ENV_FOREVER);
    env_spin_lock(&batch->lock); /* the last done is out of the struct */
    env_spin_unlock(&batch->lock);
    return batch->error;
}

oskit_error_t batch_run(struct batch *batch, enum block_op op, oskit_u32_t flags)
{
    batch_start(batch, op, flags);
    return batch_wait(batch);
}
