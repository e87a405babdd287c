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

static inline void request_over(struct blk_queue *queue, struct block_request *request,
                                oskit_error_t status, struct list *over, struct blk_end *end)
{
    queue->counts.in_flight--;
    if (request->device[REQUEST_PHASE] != PHASE_SERIAL)
        blk_count(queue, request, status, end);
    request->device[REQUEST_STATUS] = status;
    request->device[REQUEST_PHASE] = PHASE_OVER;
    list_push_back(over, &request->link);
}

void blk_request_over(struct blk_queue *queue, struct block_request *request, oskit_error_t status,
                      struct list *over, uint64_t now)
{
    struct blk_end end = {.now = now, .started = now};
    request_over(queue, request, status, over, &end);
}

/* done may free the request, so the next one is looked up before. */
void blk_requests_done(struct list *over)
{
    for (struct list *link = over->next; link != over;) {
        struct block_request *request = request_of(link);
        link = link->next;
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

/* The same of a read or write in one piece, without the reason. */
static inline bool piece_ok(const struct blk *blk, const struct block_request *request)
{
    uint64_t size = atomic_load_explicit(&blk->size, memory_order_relaxed);
    uint64_t offset = request->offset, length = request->length;
    if (request->op + blk->limits.read_only > BLOCK_WRITE || request->segment_count != 1)
        return false;
    return !((offset | length) & (blk->limits.block_size - 1u)) && length && offset <= size &&
           length <= size - offset && length <= blk->piece_max &&
           length == request->segments->length;
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
static inline uint64_t block_put(struct virtqueue_slot *slot, uint32_t type, uint64_t offset,
                                 struct virtqueue_chain *chain)
{
    struct blk_slot *block = slot->memory;
    uint64_t address = slot->address;
    block->header.type = type;
    block->header.sector = offset >> SECTOR_SHIFT;
    block->status = STATUS_NONE;
    virtqueue_chain_put(chain, address, sizeof block->header, 0);
    return address;
}

static inline void status_put(struct virtqueue_chain *chain, uint64_t address)
{
    virtqueue_chain_put(chain, address + offsetof(struct blk_slot, status), 1, chain->write);
}

/* Sends a request that moves the segments' bytes; false: there is no slot now. */
static bool data_send(struct virtqueue *virtqueue, uint32_t type, struct block_request *request)
{
    uint32_t count = request->segment_count;
    struct virtqueue_slot *slot = virtqueue_slot_get(virtqueue, count + BLK_EXTRA, request);
    if (!slot)
        return false;
    struct virtqueue_chain chain = virtqueue_slot_chain(virtqueue, slot);
    uint64_t address = block_put(slot, type, request->offset, &chain);
    uint32_t write = type == BLK_OUT ? 0 : chain.write;
    const struct sg_segment *segment = request->segments, *end = segment + count;
    for (; segment < end; segment++)
        virtqueue_chain_put(&chain, env_dma_address(segment->base), segment->length, write);
    status_put(&chain, address);
    virtqueue_chain_push(virtqueue, slot, &chain, count + BLK_EXTRA,
                         write ? (uint32_t)request->length + 1 : 1);
    return true;
}

/* Reads and writes, which are nearly all there is, have one number for both. */
_Static_assert(BLOCK_READ == (int)BLK_IN && BLOCK_WRITE == (int)BLK_OUT, "request_type");

/* The same for a read or write in one piece, by a slot that is ready. Not inline: the loop around
 * it leaves few registers. */
static __attribute__((noinline)) bool piece_send(struct virtqueue *virtqueue,
                                                 struct block_request *request)
{
    struct virtqueue_slot *slot = virtqueue_slot_quick(virtqueue, 1 + BLK_EXTRA, request);
    if (!slot)
        return false;
    struct virtqueue_chain chain = virtqueue_slot_chain(virtqueue, slot);
    uint64_t address = block_put(slot, request->op, request->offset, &chain);
    uint32_t length = (uint32_t)request->length;
    bool reads = request->op == BLOCK_READ;
    virtqueue_chain_put(&chain, env_dma_address(request->segments->base), length,
                        reads ? chain.write : 0);
    status_put(&chain, address);
    virtqueue_chain_push(virtqueue, slot, &chain, 1 + BLK_EXTRA, reads ? length + 1 : 1);
    return true;
}

/* A flush, or a range to discard or zero. */
static bool other_send(struct virtqueue *virtqueue, uint32_t type, struct block_request *request)
{
    uint32_t count = type == BLK_FLUSH ? BLK_EXTRA : BLK_EXTRA + 1;
    struct virtqueue_slot *slot = virtqueue_slot_get(virtqueue, count, request);
    if (!slot)
        return false;
    struct virtqueue_chain chain = virtqueue_slot_chain(virtqueue, slot);
    uint64_t address = block_put(slot, type, 0, &chain);
    if (type != BLK_FLUSH) {
        struct blk_slot *block = slot->memory;
        block->range.sector = request->offset >> SECTOR_SHIFT;
        block->range.sectors = (uint32_t)(request->length >> SECTOR_SHIFT);
        block->range.flags =
            type == BLK_WRITE_ZEROES && request->flags & BLOCK_UNMAP ? ZEROES_UNMAP : 0;
        virtqueue_chain_put(&chain, address + offsetof(struct blk_slot, range), sizeof block->range,
                            0);
    }
    status_put(&chain, address);
    virtqueue_chain_push(virtqueue, slot, &chain, count, 1);
    return true;
}

/* Puts the request into the ring; false: there is no slot now. */
static __attribute__((noinline)) bool request_send(struct blk_queue *queue,
                                                   struct block_request *request)
{
    uint32_t type = request_type(request);
    if (queue->stopped)
        return false;
    bool moves = type <= BLK_OUT || type == BLK_GET_ID;
    if (!(moves ? data_send(queue->virtqueue, type, request)
                : other_send(queue->virtqueue, type, request)))
        return false;
    if (request->device[REQUEST_PHASE] == PHASE_WAITING)
        request->device[REQUEST_PHASE] = PHASE_OUT;
    request->device[REQUEST_SENT] = atomic_load_explicit(&queue->blk->looks, memory_order_relaxed);
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

static inline void request_begin(struct blk_queue *queue, struct block_request *request,
                                 enum blk_phase phase, uintptr_t looks, uint64_t now)
{
    request->started = now;
    request->device[REQUEST_QUEUE] = (uintptr_t)queue;
    request->device[REQUEST_PHASE] = phase;
    request->device[REQUEST_SENT] = looks;
    request->device[REQUEST_TRIES] = 0;
}

static bool queue_waits(const struct blk_queue *queue)
{
    return queue->stopped || !list_empty(&queue->waiting);
}

/* Takes a request that was begun: out at once, when none is before it, or to wait, or to OVER. */
static __attribute__((noinline)) void
request_accept(struct blk_queue *queue, struct block_request *request, struct list *over)
{
    oskit_error_t status = OSKIT_EIO;
    request->device[REQUEST_PHASE] = PHASE_WAITING;
    if (queue->dead || !request_needs_device(queue->blk, request, &status))
        blk_request_over(queue, request, status, over, request->started);
    else if (!list_empty(&queue->waiting) || !request_send(queue, request))
        list_push_back(&queue->waiting, &request->link);
}

/* In all its life a request is at one queue. */
static void queue_submit(struct blk_queue *queue, struct block_request *const *requests,
                         uint32_t count)
{
    struct blk *blk = queue->blk;
    uint64_t now = env_time_monotonic();
    struct list over = LIST_INIT(over);
    env_spin_lock(&queue->lock);
    uintptr_t looks = atomic_load_explicit(&blk->looks, memory_order_relaxed);
    bool wait = queue_waits(queue);
    queue->counts.in_flight += count;
    for (; count; count--) {
        struct block_request *request = *requests++;
        request_begin(queue, request, PHASE_OUT, looks, now);
        if (!wait && piece_ok(blk, request) && piece_send(queue->virtqueue, request))
            continue;
        request_accept(queue, request, &over);
        wait = queue_waits(queue);
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
    queue_submit(queue_here(blk_of(self)), requests, count);
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

static inline void slot_back(struct blk_queue *queue, uint32_t index, struct list *over,
                             struct blk_end *end)
{
    struct virtqueue *virtqueue = queue->virtqueue;
    const struct virtqueue_slot *slot = &virtqueue->slots[index];
    struct block_request *request = slot->token;
    const struct blk_slot *block = slot->memory;
    oskit_error_t status = status_meaning(*(const volatile uint8_t *)&block->status);
    virtqueue_slot_free(virtqueue, index);
    if (!status && wants_flush(queue->blk, request)) {
        request->device[REQUEST_PHASE] = PHASE_FLUSHING;
        atomic_fetch_add_explicit(&queue->blk->completed, 1, memory_order_relaxed);
        list_push_front(&queue->waiting, &request->link);
    } else {
        request_over(queue, request, status, over, end);
    }
}

static void queue_poll(struct blk_queue *queue, unsigned interrupts)
{
    struct virtqueue *virtqueue = queue->virtqueue;
    uint64_t now = env_time_monotonic();
    struct blk_end end = {.now = now, .started = now};
    struct list over = LIST_INIT(over);
    uint32_t slot, written;
    env_spin_lock(&queue->lock);
    queue->counts.interrupts += interrupts;
    do {
        while ((slot = virtqueue_next(virtqueue, &written)) != VIRTQUEUE_NONE)
            slot_back(queue, slot, &over, &end);
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

void blk_queue_poll(struct blk_queue *queue)
{
    queue_poll(queue, 0);
}

void blk_queue_interrupt(struct virtqueue *virtqueue)
{
    queue_poll(virtqueue->driver_data, 1);
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

/* Its length is no multiple of blocks, so it goes past the checks. */
static void serial_submit(struct blk_queue *queue, struct block_request *request)
{
    uint64_t now = env_time_monotonic();
    struct list over = LIST_INIT(over);
    env_spin_lock(&queue->lock);
    queue->counts.in_flight++;
    request_begin(queue, request, PHASE_SERIAL, 0, now);
    if (queue->dead) {
        blk_request_over(queue, request, OSKIT_EIO, &over, now);
    } else {
        list_push_back(&queue->waiting, &request->link);
        blk_queue_dispatch(queue);
    }
    env_spin_unlock(&queue->lock);
    blk_watch(queue->blk);
    blk_requests_done(&over);
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
    env_sleep_init(&read.sleep);
    serial_submit(queue_here(blk), &read.request);
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
