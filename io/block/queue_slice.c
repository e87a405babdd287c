/*
 * A slice of a queue: some of a device's bytes as a device of their own.
 *
 * A request is moved to where the slice lies and handed on as it is; the slice's done stands in
 * between, moves it back and counts it. So a slice costs a call each way and no memory.
 *
 * Locks: lock guards the statistics and is held for nothing else.
 */
#include <sluice/block.h>

#include <sluice/env.h>
#include <sluice/object.h>

struct queue_slice {
    struct sluice_object object;
    SLUICE_FACE(sluice_blockqueue_t) queue;
    sluice_blockqueue_t *whole; /* with a reference */
    oskit_u64_t start;
    struct block_limits limits;
    struct env_spinlock lock;
    struct block_statistics statistics;
};

static struct queue_slice *slice_of(const void *self)
{
    return (struct queue_slice *)SLUICE_OBJECT(self);
}

static void slice_done(struct block_request *request, oskit_error_t status)
{
    struct queue_slice *s = request->arg;

    request->done = request->outer;
    request->arg = request->outer_arg;
    if (request->op != BLOCK_FLUSH)
        request->offset -= s->start;
    env_spin_lock(&s->lock);
    block_statistics_end(&s->statistics, request, status);
    env_spin_unlock(&s->lock);
    request->done(request, status);
    sluice_object_release(&s->object);
}

/* Puts the slice between REQUEST and the device. The reference keeps the slice for its done. */
static void slice_enter(struct queue_slice *s, struct block_request *request)
{
    sluice_object_addref(&s->object);
    env_spin_lock(&s->lock);
    block_statistics_start(&s->statistics, request);
    env_spin_unlock(&s->lock);
    if (request->op != BLOCK_FLUSH)
        request->offset += s->start;
    request->outer = request->done;
    request->outer_arg = request->arg;
    request->done = slice_done;
    request->arg = s;
}

/* What lies outside the slice may lie inside the device: those are answered here. */
static void slice_submit(sluice_blockqueue_t *self, struct block_request *const *requests,
                         oskit_u32_t count)
{
    struct queue_slice *s = slice_of(self);
    oskit_u32_t good = 0;

    for (oskit_u32_t i = 0; i < count; i++) {
        oskit_error_t error = block_request_check(requests[i], &s->limits);
        if (!OSKIT_FAILED(error)) {
            slice_enter(s, requests[i]);
            continue;
        }
        sluice_blockqueue_submit(s->whole, requests + good, i - good);
        good = i + 1;
        requests[i]->done(requests[i], error);
    }
    sluice_blockqueue_submit(s->whole, requests + good, count - good);
}

static void slice_plug(sluice_blockqueue_t *self)
{
    sluice_blockqueue_plug(slice_of(self)->whole);
}

static void slice_unplug(sluice_blockqueue_t *self)
{
    sluice_blockqueue_unplug(slice_of(self)->whole);
}

static oskit_error_t slice_cancel(sluice_blockqueue_t *self, struct block_request *request)
{
    return sluice_blockqueue_cancel(slice_of(self)->whole, request);
}

static void slice_get_limits(sluice_blockqueue_t *self, struct block_limits *out)
{
    *out = slice_of(self)->limits;
}

static void slice_get_statistics(sluice_blockqueue_t *self, struct block_statistics *out)
{
    struct queue_slice *s = slice_of(self);

    env_spin_lock(&s->lock);
    *out = s->statistics;
    env_spin_unlock(&s->lock);
}

static void slice_destroy(struct sluice_object *object)
{
    struct queue_slice *s = (struct queue_slice *)object;

    sluice_blockqueue_release(s->whole);
    sluice_object_fini(object);
    env_free(s, sizeof *s);
}

static const struct sluice_blockqueue_ops slice_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .submit = slice_submit,
    .plug = slice_plug,
    .unplug = slice_unplug,
    .cancel = slice_cancel,
    .get_limits = slice_get_limits,
    .get_statistics = slice_get_statistics,
};
static const struct sluice_interface slice_interfaces[] = {
    {&sluice_blockqueue_iid, offsetof(struct queue_slice, queue), &slice_ops},
};
static const struct sluice_class slice_class = {"slice of a block queue", slice_interfaces,
                                                SLUICE_COUNT(slice_interfaces), slice_destroy};

/* A request has room for one slice: a slice of a slice lies on the device itself. */
static sluice_blockqueue_t *whole_of(sluice_blockqueue_t *queue, oskit_u64_t *start)
{
    if ((const void *)queue->ops != &slice_ops)
        return queue;
    struct queue_slice *s = slice_of(queue);
    *start += s->start;
    return s->whole;
}

oskit_error_t blockqueue_slice(sluice_blockqueue_t *queue, oskit_u64_t start, oskit_u64_t size,
                               sluice_blockqueue_t **out)
{
    struct block_limits limits;

    *out = NULL;
    sluice_blockqueue_get_limits(queue, &limits);
    if (((start | size) & (limits.block_size - 1)) != 0 || start > limits.size ||
        size > limits.size - start)
        return OSKIT_E_INVALIDARG;
    struct queue_slice *s = env_alloc(sizeof *s, ENV_ZERO);
    if (s == NULL)
        return OSKIT_E_OUTOFMEMORY;
    sluice_object_init(&s->object, &slice_class);
    s->whole = whole_of(queue, &start);
    sluice_blockqueue_addref(s->whole);
    s->start = start;
    s->limits = limits;
    s->limits.size = size;
    *out = &s->queue.i;
    return OSKIT_SUCCESS;
}
