/* virtio-blk: requests out to the device and back. */
#include <sluice/string.h>
#include "blk.h"

static struct blk *blk_of(sluice_blockqueue_t *self)
{
    return container_of(SLUICE_OBJECT(self), struct blk, object);
}

/* The queue of this CPU. The caller may move to another one right after, which costs a little and
 * breaks nothing. */
static struct blk_queue *queue_here(struct blk *blk)
{
    unsigned cpu = env_cpu_index();
    return &blk->queues[cpu < blk->queue_count ? cpu : cpu % blk->queue_count];
}

/* ---- Ends ---- */

void blk_request_over(struct blk_queue *queue, struct block_request *request, oskit_error_t status,
                      struct list *over, uint64_t now)
{
    queue->counts.in_flight--;
    if (request->device[REQUEST_PHASE] != PHASE_SERIAL)
        blk_count(queue, request, status, now);
    request->device[REQUEST_STATUS] = status;
    request->device[REQUEST_PHASE] = PHASE_OVER;
    list_push_back(over, &request->link);
}

void blk_requests_done(struct list *over)
{
    for (struct list *link; (link = list_pop_front(over));) {
        struct block_request *request = request_of(link);
        request->done(request, (oskit_error_t)request->device[REQUEST_STATUS]);
    }
}

/* ---- What is asked for ---- */

static bool range_ok(const struct blk *blk, const struct block_request *request, uint64_t max)
{
    uint64_t size = atomic_load_explicit(&blk->size, memory_order_relaxed);
    return !((request->offset | request->length) & (blk->limits.block_size - 1u)) &&
           request->length <= max && request->offset <= size &&
           request->length <= size - request->offset;
}

static bool segments_ok(const struct blk *blk, const struct block_request *request)
{
    const struct block_limits *limits = &blk->limits;
    uint64_t sum = 0;
    if (request->segment_count > limits->segments_max)
        return false;
    for (uint32_t i = 0; i < request->segment_count; i++) {
        uint32_t length = request->segments[i].length;
        if (!length || length & (limits->block_size - 1) || length > limits->segment_size_max)
            return false;
        sum += length;
    }
    return sum == request->length;
}

/* A request that the device won't see is over with *STATUS. */
static bool request_needs_device(const struct blk *blk, const struct block_request *request,
                                 oskit_error_t *status)
{
    const struct block_limits *limits = &blk->limits;
    bool writes = request->op != BLOCK_READ && request->op != BLOCK_FLUSH;
    uint64_t max = limits->length_max;
    *status = OSKIT_SUCCESS;
    if (request->op == BLOCK_FLUSH)
        return limits->volatile_cache;
    if (request->op == BLOCK_DISCARD || request->op == BLOCK_WRITE_ZEROES) {
        max = request->op == BLOCK_DISCARD ? limits->discard_max : limits->zeroes_max;
        if (!max)
            *status = OSKIT_EOPNOTSUPP;
    }
    if (writes && limits->read_only)
        *status = OSKIT_EROFS;
    if (*status)
        return false;
    if (request->op > BLOCK_WRITE_ZEROES || !range_ok(blk, request, max) ||
        (request->op <= BLOCK_WRITE && !segments_ok(blk, request)))
        *status = OSKIT_E_INVALIDARG;
    return *status == OSKIT_SUCCESS && request->length;
}

/* ---- Out ---- */

static const uint8_t types[BLOCK_OP_COUNT] = {
    [BLOCK_READ] = BLK_IN,
    [BLOCK_WRITE] = BLK_OUT,
    [BLOCK_FLUSH] = BLK_FLUSH,
    [BLOCK_DISCARD] = BLK_DISCARD,
    [BLOCK_WRITE_ZEROES] = BLK_WRITE_ZEROES,
};

static uint32_t request_type(const struct block_request *request)
{
    uintptr_t phase = request->device[REQUEST_PHASE];
    return phase == PHASE_FLUSHING ? (uint32_t)BLK_FLUSH
           : phase == PHASE_SERIAL ? (uint32_t)BLK_GET_ID
                                   : types[request->op];
}

/* Fills in a slot's block; returns the address of its header. */
static uint64_t block_put(struct virtqueue *virtqueue, uint32_t slot, uint32_t type,
                          uint64_t offset, struct virtqueue_chain *chain)
{
    struct blk_slot *block = virtqueue_slot_memory(virtqueue, slot);
    uint64_t address = virtqueue_slot_address(virtqueue, slot);
    block->header.type = type;
    block->header.sector = offset >> SECTOR_SHIFT;
    block->status = STATUS_NONE;
    virtqueue_chain_put(chain, address, sizeof block->header, 0);
    return address;
}

static void status_put(struct virtqueue_chain *chain, uint64_t address)
{
    virtqueue_chain_put(chain, address + offsetof(struct blk_slot, status), 1, chain->write);
}

/* A request that moves the segments' bytes. */
static uint32_t data_put(struct virtqueue *virtqueue, uint32_t type, struct block_request *request)
{
    uint32_t count = request->segment_count;
    uint32_t slot = virtqueue_slot_take(virtqueue, count + BLK_EXTRA, request);
    if (slot == VIRTQUEUE_NONE)
        return slot;
    struct virtqueue_chain chain = virtqueue_chain_begin(virtqueue, slot);
    uint64_t address = block_put(virtqueue, slot, type, request->offset, &chain);
    uint32_t write = type == BLK_OUT ? 0 : chain.write;
    const struct sg_segment *segment = request->segments, *end = segment + count;
    for (; segment < end; segment++)
        virtqueue_chain_put(&chain, env_dma_address(segment->base), segment->length, write);
    status_put(&chain, address);
    virtqueue_chain_end(virtqueue, slot, count + BLK_EXTRA,
                        write ? (uint32_t)request->length + 1 : 1);
    return slot;
}

/* A flush, or a range to discard or zero. */
static uint32_t other_put(struct virtqueue *virtqueue, uint32_t type, struct block_request *request)
{
    uint32_t count = type == BLK_FLUSH ? BLK_EXTRA : BLK_EXTRA + 1;
    uint32_t slot = virtqueue_slot_take(virtqueue, count, request);
    if (slot == VIRTQUEUE_NONE)
        return slot;
    struct virtqueue_chain chain = virtqueue_chain_begin(virtqueue, slot);
    uint64_t address = block_put(virtqueue, slot, type, 0, &chain);
    if (type != BLK_FLUSH) {
        struct blk_slot *block = virtqueue_slot_memory(virtqueue, slot);
        block->range.sector = request->offset >> SECTOR_SHIFT;
        block->range.sectors = (uint32_t)(request->length >> SECTOR_SHIFT);
        block->range.flags =
            type == BLK_WRITE_ZEROES && request->flags & BLOCK_UNMAP ? ZEROES_UNMAP : 0;
        virtqueue_chain_put(&chain, address + offsetof(struct blk_slot, range), sizeof block->range,
                            0);
    }
    status_put(&chain, address);
    virtqueue_chain_end(virtqueue, slot, count, 1);
    return slot;
}

/* Puts the request into the ring; false: there is no slot now. */
static bool request_send(struct blk_queue *queue, struct block_request *request)
{
    uint32_t type = request_type(request);
    if (queue->stopped)
        return false;
    bool moves = type <= BLK_OUT || type == BLK_GET_ID;
    uint32_t slot = moves ? data_put(queue->virtqueue, type, request)
                          : other_put(queue->virtqueue, type, request);
    if (slot == VIRTQUEUE_NONE)
        return false;
    if (request->device[REQUEST_PHASE] == PHASE_WAITING)
        request->device[REQUEST_PHASE] = PHASE_OUT;
    request->device[REQUEST_SENT] = atomic_load_explicit(&queue->blk->looks, memory_order_relaxed);
    virtqueue_push(queue->virtqueue, slot);
    return true;
}

/* Under the lock still: after it, detach may take the virtqueue away. */
static void queue_tell(struct blk_queue *queue)
{
    if (!queue->stopped && virtqueue_kick(queue->virtqueue))
        queue->counts.notifications++;
}

void blk_queue_dispatch(struct blk_queue *queue)
{
    while (!list_empty(&queue->waiting)) {
        struct block_request *request = request_of(queue->waiting.next);
        if (!request_send(queue, request))
            break;
        list_remove(&request->link);
    }
    queue_tell(queue);
}

/* Takes a new request: out at once, when none is before it, or to wait. */
static void request_accept(struct blk_queue *queue, struct block_request *request)
{
    queue->counts.in_flight++;
    if (!list_empty(&queue->waiting) || !request_send(queue, request))
        list_push_back(&queue->waiting, &request->link);
}

/* In all its life a request is at one queue. PHASE is that to begin with. */
static void queue_submit(struct blk_queue *queue, struct block_request *const *requests,
                         uint32_t count, enum blk_phase phase)
{
    struct blk *blk = queue->blk;
    uint64_t now = env_time_monotonic();
    struct list over = LIST_INIT(over);
    env_spin_lock(&queue->lock);
    for (uint32_t i = 0; i < count; i++) {
        struct block_request *request = requests[i];
        oskit_error_t status = OSKIT_EIO;
        request->device[REQUEST_QUEUE] = (uintptr_t)queue;
        request->device[REQUEST_PHASE] = phase;
        request->device[REQUEST_TRIES] = 0;
        request->started = now;
        if (!queue->dead &&
            (phase == PHASE_SERIAL || request_needs_device(blk, request, &status))) {
            request_accept(queue, request);
        } else {
            queue->counts.in_flight++;
            blk_request_over(queue, request, status, &over, now);
        }
    }
    if (!atomic_load_explicit(&blk->plugged, memory_order_relaxed))
        queue_tell(queue);
    bool busy = queue->counts.in_flight != 0;
    env_spin_unlock(&queue->lock);
    if (busy)
        blk_watch(blk);
    blk_requests_done(&over);
}

static void blk_submit(sluice_blockqueue_t *self, struct block_request *const *requests,
                       oskit_u32_t count)
{
    queue_submit(queue_here(blk_of(self)), requests, count, PHASE_WAITING);
}

static void blk_plug(sluice_blockqueue_t *self)
{
    atomic_fetch_add_explicit(&blk_of(self)->plugged, 1, memory_order_relaxed);
}

/* Whoever else has it plugged: ours go out now. */
static void blk_unplug(sluice_blockqueue_t *self)
{
    struct blk *blk = blk_of(self);
    atomic_fetch_sub_explicit(&blk->plugged, 1, memory_order_relaxed);
    for (unsigned i = 0; i < blk->queue_count; i++) {
        env_spin_lock(&blk->queues[i].lock);
        queue_tell(&blk->queues[i]);
        env_spin_unlock(&blk->queues[i].lock);
    }
}

static oskit_error_t blk_cancel(sluice_blockqueue_t *self, struct block_request *request)
{
    struct blk_queue *queue = (struct blk_queue *)request->device[REQUEST_QUEUE];
    struct list over = LIST_INIT(over);
    (void)self;
    env_spin_lock(&queue->lock);
    if (request->device[REQUEST_PHASE] == PHASE_WAITING) {
        list_remove(&request->link);
        blk_request_over(queue, request, OSKIT_ECANCELED, &over, env_time_monotonic());
    }
    env_spin_unlock(&queue->lock);
    oskit_error_t error = list_empty(&over) ? OSKIT_EBUSY : OSKIT_SUCCESS;
    blk_requests_done(&over);
    return error;
}

/* ---- Back ---- */

static oskit_error_t status_meaning(uint8_t status)
{
    return status == STATUS_OK            ? OSKIT_SUCCESS
           : status == STATUS_UNSUPPORTED ? OSKIT_EOPNOTSUPP
                                          : OSKIT_EIO;
}

static bool wants_flush(const struct blk *blk, const struct block_request *request)
{
    return request->flags & BLOCK_FUA && blk->limits.volatile_cache &&
           request->device[REQUEST_PHASE] == PHASE_OUT &&
           (request->op == BLOCK_WRITE || request->op == BLOCK_WRITE_ZEROES);
}

static void slot_back(struct blk_queue *queue, uint32_t slot, struct list *over, uint64_t now)
{
    struct virtqueue *virtqueue = queue->virtqueue;
    struct block_request *request = virtqueue_slot_token(virtqueue, slot);
    const struct blk_slot *block = virtqueue_slot_memory(virtqueue, slot);
    oskit_error_t status = status_meaning(*(const volatile uint8_t *)&block->status);
    virtqueue_slot_free(virtqueue, slot);
    if (!status && wants_flush(queue->blk, request)) {
        request->device[REQUEST_PHASE] = PHASE_FLUSHING;
        list_push_front(&queue->waiting, &request->link);
    } else {
        blk_request_over(queue, request, status, over, now);
    }
}

void blk_queue_interrupt(struct virtqueue *virtqueue)
{
    struct blk_queue *queue = virtqueue->driver_data;
    uint64_t now = env_time_monotonic();
    struct list over = LIST_INIT(over);
    uint32_t slot, written;
    env_spin_lock(&queue->lock);
    queue->counts.interrupts++;
    do {
        while ((slot = virtqueue_next(virtqueue, &written)) != VIRTQUEUE_NONE)
            slot_back(queue, slot, &over, now);
    } while (!virtqueue_broken(virtqueue) && virtqueue_interrupt_on(virtqueue, 1));
    bool broken = virtqueue_broken(virtqueue);
    if (!list_empty(&queue->waiting))
        blk_queue_dispatch(queue);
    env_spin_unlock(&queue->lock);
    if (!list_empty(&over)) {
        atomic_fetch_add_explicit(&queue->blk->completed, 1, memory_order_relaxed);
        blk_requests_done(&over);
    }
    if (broken)
        blk_reset(queue->blk, virtqueue->lie, false);
}

/* ---- The serial number ---- */

struct serial_read {
    struct block_request request;
    struct sg_segment segment;
    struct env_sleep sleep;
    oskit_error_t status;
};

static void serial_done(struct block_request *request, oskit_error_t status)
{
    struct serial_read *read = container_of(request, struct serial_read, request);
    read->status = status;
    env_wakeup(&read->sleep);
}

void blk_read_serial(struct blk *blk, char *serial)
{
    char *buffer = env_alloc(DISK_SERIAL_MAX, ENV_ZERO);
    memset(serial, 0, DISK_SERIAL_MAX);
    if (!buffer)
        return;
    struct serial_read read = {.segment = {buffer, DISK_SERIAL_MAX}};
    read.request = (struct block_request){.op = BLOCK_READ,
                                          .length = DISK_SERIAL_MAX,
                                          .segments = &read.segment,
                                          .segment_count = 1,
                                          .done = serial_done};
    struct block_request *request = &read.request;
    env_sleep_init(&read.sleep);
    queue_submit(queue_here(blk), &request, 1, PHASE_SERIAL);
    env_sleep(&read.sleep, ENV_FOREVER); /* the watchdog sees to it */
    if (!read.status)
        memcpy(serial, buffer, DISK_SERIAL_MAX);
    env_free(buffer, DISK_SERIAL_MAX);
}

const struct sluice_blockqueue_ops blk_ops_table = {
    SLUICE_IUNKNOWN_SLOTS,
    .submit = blk_submit,
    .plug = blk_plug,
    .unplug = blk_unplug,
    .cancel = blk_cancel,
    .get_limits = blk_get_limits,
    .get_statistics = blk_get_statistics,
};
