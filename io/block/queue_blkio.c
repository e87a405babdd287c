/*
 * The seed's blkio over a queue: submit and wait, through pages that the device can reach, since
 * nothing is known of a caller's buffer. No locks: nothing changes after creation.
 */
#include <sluice/block.h>

#include <sluice/env.h>
#include <sluice/object.h>
#include <sluice/range.h>
#include <sluice/string.h>

/* Pages that one transfer goes through at a time. */
#define BOUNCE_PAGES 32u

struct queue_blkio {
    struct sluice_object object;
    SLUICE_FACE(oskit_blkio_t) blkio;
    SLUICE_FACE(sluice_blockqueue_t) forward; /* hands on to queue */
    sluice_blockqueue_t *queue;               /* with a reference */
    oskit_u32_t block_size;
};

static struct queue_blkio *blkio_of(const void *self)
{
    return (struct queue_blkio *)SLUICE_OBJECT(self);
}

/* ---- The pages in between ---- */

struct bounce {
    struct sg_segment segments[BOUNCE_PAGES];
    oskit_u32_t count;
};

/* Pages for up to SIZE bytes, fewer when memory is short. false: not even one. */
static bool bounce_take(struct bounce *b, oskit_size_t size)
{
    b->count = 0;
    while (b->count < BOUNCE_PAGES && size != 0) {
        void *page = env_page_alloc(0, 0);
        if (page == NULL)
            break;
        oskit_size_t length = size < ENV_PAGE_SIZE ? size : ENV_PAGE_SIZE;
        b->segments[b->count++] = (struct sg_segment){page, (oskit_u32_t)length};
        size -= length;
    }
    return b->count != 0;
}

static void bounce_give(struct bounce *b)
{
    for (oskit_u32_t i = 0; i < b->count; i++)
        env_page_unref(b->segments[i].base);
}

/* Makes the request cover at most LEFT bytes; returns how many. */
static oskit_size_t bounce_request(struct bounce *b, struct block_request *request,
                                   oskit_size_t left)
{
    oskit_size_t total = 0;

    request->segments = b->segments;
    request->segment_count = 0;
    while (request->segment_count < b->count && total < left) {
        struct sg_segment *segment = &b->segments[request->segment_count++];
        oskit_size_t size = left - total < ENV_PAGE_SIZE ? left - total : ENV_PAGE_SIZE;
        segment->length = (oskit_u32_t)size;
        total += size;
    }
    request->length = total;
    return total;
}

static void bounce_copy(struct bounce *b, char *buffer, oskit_size_t size, bool in)
{
    for (oskit_u32_t i = 0; size != 0; i++) {
        oskit_size_t part = b->segments[i].length;
        if (in)
            memcpy(buffer, b->segments[i].base, part);
        else
            memcpy(b->segments[i].base, buffer, part);
        buffer += part;
        size -= part;
    }
}

/* Moves SIZE bytes (whole blocks that lie on the device) and counts them in *moved. */
static oskit_error_t bounce_move(struct queue_blkio *q, enum block_op op, char *buffer,
                                 oskit_u64_t offset, oskit_size_t size, oskit_size_t *moved)
{
    struct bounce bounce;
    oskit_error_t error = OSKIT_SUCCESS;

    if (!bounce_take(&bounce, size))
        return OSKIT_E_OUTOFMEMORY;
    while (size != 0 && !OSKIT_FAILED(error)) {
        struct block_request request = {.op = op, .offset = offset};
        oskit_size_t part = bounce_request(&bounce, &request, size);
        if (op == BLOCK_WRITE)
            bounce_copy(&bounce, buffer, part, false);
        error = block_transfer(q->queue, &request);
        if (OSKIT_FAILED(error))
            break;
        if (op == BLOCK_READ)
            bounce_copy(&bounce, buffer, part, true);
        buffer += part;
        offset += part;
        size -= part;
        *moved += part;
    }
    bounce_give(&bounce);
    return *moved != 0 ? OSKIT_SUCCESS : error;
}

/* ---- blkio ---- */

static oskit_u32_t queue_getblocksize(oskit_blkio_t *self)
{
    return blkio_of(self)->block_size;
}

static oskit_error_t queue_getsize(oskit_blkio_t *self, oskit_off_t *out_size)
{
    struct block_limits limits;

    sluice_blockqueue_get_limits(blkio_of(self)->queue, &limits);
    *out_size = (oskit_off_t)limits.size;
    return OSKIT_SUCCESS;
}

static oskit_error_t queue_setsize_refused(oskit_blkio_t *self, oskit_off_t new_size)
{
    (void)self;
    (void)new_size;
    return OSKIT_E_NOTIMPL;
}

static oskit_error_t queue_transfer(oskit_blkio_t *self, enum block_op op, char *buffer,
                                    oskit_off_t offset, oskit_size_t amount,
                                    oskit_size_t *out_actual)
{
    struct queue_blkio *q = blkio_of(self);
    oskit_off_t size;

    *out_actual = 0;
    if (offset < 0 || !range_aligned(offset, amount, q->block_size))
        return OSKIT_E_INVALIDARG;
    queue_getsize(self, &size);
    oskit_size_t fits = range_clip(offset, amount, size);
    if (fits == 0)
        return amount != 0 && op == BLOCK_WRITE ? OSKIT_ENOSPC : OSKIT_SUCCESS;
    return bounce_move(q, op, buffer, (oskit_u64_t)offset, fits, out_actual);
}

static oskit_error_t queue_read(oskit_blkio_t *self, void *buf, oskit_off_t offset,
                                oskit_size_t amount, oskit_size_t *out_actual)
{
    return queue_transfer(self, BLOCK_READ, buf, offset, amount, out_actual);
}

static oskit_error_t queue_write(oskit_blkio_t *self, const void *buf, oskit_off_t offset,
                                 oskit_size_t amount, oskit_size_t *out_actual)
{
    return queue_transfer(self, BLOCK_WRITE, (char *)buf, offset, amount, out_actual);
}

/* ---- blockqueue, handed on ---- */

static void forward_submit(sluice_blockqueue_t *self, struct block_request *const *requests,
                           oskit_u32_t count)
{
    sluice_blockqueue_submit(blkio_of(self)->queue, requests, count);
}

static void forward_plug(sluice_blockqueue_t *self)
{
    sluice_blockqueue_plug(blkio_of(self)->queue);
}

static void forward_unplug(sluice_blockqueue_t *self)
{
    sluice_blockqueue_unplug(blkio_of(self)->queue);
}

static oskit_error_t forward_cancel(sluice_blockqueue_t *self, struct block_request *request)
{
    return sluice_blockqueue_cancel(blkio_of(self)->queue, request);
}

static void forward_get_limits(sluice_blockqueue_t *self, struct block_limits *out)
{
    sluice_blockqueue_get_limits(blkio_of(self)->queue, out);
}

static void forward_get_statistics(sluice_blockqueue_t *self, struct block_statistics *out)
{
    sluice_blockqueue_get_statistics(blkio_of(self)->queue, out);
}

static void queue_blkio_destroy(struct sluice_object *object)
{
    struct queue_blkio *q = (struct queue_blkio *)object;

    sluice_blockqueue_release(q->queue);
    sluice_object_fini(object);
    env_free(q, sizeof *q);
}

static const struct oskit_blkio_ops queue_blkio_ops = {
    SLUICE_IUNKNOWN_SLOTS, .getblocksize = queue_getblocksize, .read = queue_read,
    .write = queue_write,  .getsize = queue_getsize,           .setsize = queue_setsize_refused,
};
static const struct sluice_blockqueue_ops forward_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .submit = forward_submit,
    .plug = forward_plug,
    .unplug = forward_unplug,
    .cancel = forward_cancel,
    .get_limits = forward_get_limits,
    .get_statistics = forward_get_statistics,
};
static const struct sluice_interface queue_blkio_interfaces[] = {
    {&oskit_blkio_iid, offsetof(struct queue_blkio, blkio), &queue_blkio_ops},
    {&sluice_blockqueue_iid, offsetof(struct queue_blkio, forward), &forward_ops},
};
static const struct sluice_class queue_blkio_class = {"blocks of a queue", queue_blkio_interfaces,
                                                      SLUICE_COUNT(queue_blkio_interfaces),
                                                      queue_blkio_destroy};

oskit_error_t blockqueue_blkio(sluice_blockqueue_t *queue, oskit_blkio_t **out)
{
    struct block_limits limits;
    struct queue_blkio *q = env_alloc(sizeof *q, ENV_ZERO);

    *out = NULL;
    if (q == NULL)
        return OSKIT_E_OUTOFMEMORY;
    sluice_object_init(&q->object, &queue_blkio_class);
    sluice_blockqueue_addref(queue);
    q->queue = queue;
    sluice_blockqueue_get_limits(queue, &limits);
    q->block_size = limits.block_size;
    *out = &q->blkio.i;
    return OSKIT_SUCCESS;
}
