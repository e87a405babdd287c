/*
 * Submit and wait: one transfer of any length, cut to what the device takes in a request. No locks;
 * the state is on the caller's stack.
 */
#include <sluice/block.h>

#include <sluice/env.h>

/* Segments a piece is built of; a device that takes more gets several requests. */
#define PIECE_SEGMENTS 64u

struct waited {
    struct block_request request;
    struct env_sleep sleep;
    oskit_error_t status;
};

static void waited_done(struct block_request *request, oskit_error_t status)
{
    struct waited *w = request->arg;

    w->status = status;
    env_wakeup(&w->sleep);
}

/* W->request is filled in but for its done. */
static oskit_error_t submit_and_wait(sluice_blockqueue_t *queue, struct waited *w)
{
    struct block_request *request = &w->request;

    env_sleep_init(&w->sleep);
    request->done = waited_done;
    request->arg = w;
    sluice_blockqueue_submit(queue, &request, 1);
    env_sleep(&w->sleep, ENV_FOREVER);
    return w->status;
}

/* Where a transfer is in its segments. */
struct cursor {
    const struct sg_segment *segments;
    oskit_u32_t left, inside; /* segments left; bytes of the first already done */
};

static oskit_u64_t least(oskit_u64_t a, oskit_u64_t b)
{
    return a < b ? a : b;
}

/* Fills PIECE with as much as one request takes; returns its bytes. */
static oskit_u64_t piece_fill(struct cursor *at, const struct block_limits *limits,
                              struct sg_segment *piece, oskit_u32_t *out_count)
{
    oskit_u64_t total = 0;
    oskit_u32_t count = 0;
    oskit_u32_t most = (oskit_u32_t)least(limits->segments_max, PIECE_SEGMENTS);

    while (at->left != 0 && count < most && total < limits->length_max) {
        const struct sg_segment *from = at->segments;
        oskit_u64_t size = least(from->length - at->inside, limits->segment_size_max);
        size = least(size, limits->length_max - total);
        piece[count++] = (struct sg_segment){(char *)from->base + at->inside, (oskit_u32_t)size};
        total += size;
        at->inside += (oskit_u32_t)size;
        if (at->inside == from->length) {
            at->segments++;
            at->left--;
            at->inside = 0;
        }
    }
    *out_count = count;
    return total;
}

static oskit_error_t transfer_memory(sluice_blockqueue_t *queue, const struct block_limits *limits,
                                     const struct block_request *whole)
{
    struct cursor at = {whole->segments, whole->segment_count, 0};
    struct sg_segment piece[PIECE_SEGMENTS];
    oskit_u64_t done = 0;
    oskit_error_t error = OSKIT_SUCCESS;

    while (done < whole->length && !OSKIT_FAILED(error)) {
        struct waited w = {.request = {.op = whole->op, .flags = whole->flags}};
        w.request.offset = whole->offset + done;
        w.request.length = piece_fill(&at, limits, piece, &w.request.segment_count);
        w.request.segments = piece;
        if (w.request.length == 0)
            return OSKIT_E_INVALIDARG; /* the segments are fewer than the length says */
        error = submit_and_wait(queue, &w);
        done += w.request.length;
    }
    return error;
}

static oskit_error_t transfer_range(sluice_blockqueue_t *queue, oskit_u64_t most,
                                    const struct block_request *whole)
{
    oskit_u64_t done = 0;
    oskit_error_t error = most == 0 ? OSKIT_EOPNOTSUPP : OSKIT_SUCCESS;

    while (done < whole->length && !OSKIT_FAILED(error)) {
        struct waited w = {.request = {.op = whole->op, .flags = whole->flags}};
        w.request.offset = whole->offset + done;
        w.request.length = least(whole->length - done, most);
        error = submit_and_wait(queue, &w);
        done += w.request.length;
    }
    return error;
}

oskit_error_t block_transfer(sluice_blockqueue_t *queue, const struct block_request *request)
{
    struct block_limits limits;

    sluice_blockqueue_get_limits(queue, &limits);
    switch (request->op) {
    case BLOCK_READ:
    case BLOCK_WRITE:
        return transfer_memory(queue, &limits, request);
    case BLOCK_DISCARD:
        return transfer_range(queue, limits.discard_max, request);
    case BLOCK_WRITE_ZEROES:
        return transfer_range(queue, limits.zeroes_max, request);
    case BLOCK_FLUSH: {
        struct waited w = {.request = {.op = BLOCK_FLUSH}};
        return submit_and_wait(queue, &w);
    }
    }
    return OSKIT_E_INVALIDARG;
}
