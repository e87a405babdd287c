/*
 * What both ring formats share: slots, their memory, and the checks of what the device says.
 *
 * The free slots are a stack, so that a queue with little to do stays in few cache lines. A slot's
 * number is that of its entry in a split ring's descriptor table and its id in a packed ring. Where
 * the device takes no indirect descriptors, a request of N takes N slots, the first being its own.
 */
#include "virtqueue.h"
#include <sluice/string.h>
#include "transport.h"

#define BLOCK_ALIGN   64u
#define TABLE_ENTRIES (ENV_PAGE_SIZE / sizeof(struct virtqueue_descriptor))
#define STOCK_KEEP    8u /* tables kept for later */
#define SIZE_LIMIT    32768u

_Static_assert(sizeof(struct virtqueue_descriptor) == 16, "the device's layout");

/* ---- The stock of tables ---- */

static void *stock_take(struct virtqueue *queue)
{
    void *table = queue->stock;
    if (table) {
        queue->stock = *(void **)table;
        queue->stock_count--;
    } else {
        table = env_page_alloc(0, ENV_NOSLEEP);
    }
    return table;
}

static void stock_give(struct virtqueue *queue, void *table)
{
    if (queue->stock_count >= STOCK_KEEP) {
        env_page_unref(table);
        return;
    }
    *(void **)table = queue->stock;
    queue->stock = table;
    queue->stock_count++;
}

/* The first one is never given back, so a request that finds none waits for one in flight. */
static oskit_error_t stock_make(struct virtqueue *queue)
{
    if (queue->descriptors_max <= queue->descriptors)
        return OSKIT_SUCCESS;
    void *table = env_page_alloc(0, 0);
    if (!table)
        return OSKIT_E_OUTOFMEMORY;
    stock_give(queue, table);
    return OSKIT_SUCCESS;
}

static void stock_free(struct virtqueue *queue)
{
    while (queue->stock) {
        void *table = queue->stock;
        queue->stock = *(void **)table;
        env_page_unref(table);
    }
}

/* ---- Slots ---- */

static struct virtqueue_descriptor *slot_table(const struct virtqueue *queue, uint32_t slot)
{
    return (void *)((uint8_t *)virtqueue_slot_memory(queue, slot) + queue->driver_bytes);
}

static uint32_t slot_pop(struct virtqueue *queue, enum virtqueue_state state)
{
    uint32_t slot = queue->free;
    queue->free = queue->slots[slot].next;
    queue->free_count--;
    queue->slots[slot].state = state;
    return slot;
}

static void slot_push_free(struct virtqueue *queue, uint32_t slot)
{
    queue->slots[slot].state = SLOT_FREE;
    queue->slots[slot].next = (uint16_t)queue->free;
    queue->free = slot;
    queue->free_count++;
}

/* The other slots of a chain of ROOM, linked behind HEAD. */
static void slot_take_members(struct virtqueue *queue, uint32_t head, unsigned room)
{
    uint32_t last = head;
    for (unsigned i = 1; i < room; i++) {
        uint32_t member = slot_pop(queue, SLOT_MEMBER);
        queue->slots[last].next = (uint16_t)member;
        last = member;
    }
}

/* A slot's own table is the one it has unless it was taken for more. */
static void slot_table_set(struct virtqueue *queue, uint32_t index, void *table)
{
    struct virtqueue_slot *slot = &queue->slots[index];
    slot->table = table ? table : slot_table(queue, index);
    slot->table_address =
        table ? env_dma_address(table) : virtqueue_slot_address(queue, index) + queue->driver_bytes;
}

static void slot_init(struct virtqueue *queue, uint32_t index)
{
    size_t at = (size_t)index * queue->block_size;
    queue->slots[index].index = (uint16_t)index;
    queue->slots[index].memory = queue->blocks + at;
    queue->slots[index].address = queue->blocks_address + at;
    slot_table_set(queue, index, NULL);
    slot_push_free(queue, index);
}

uint32_t virtqueue_slot_take_large(struct virtqueue *queue, unsigned count, void *token)
{
    void *table = NULL;
    if (queue->free_count < (queue->indirect ? 1 : count) || queue->broken)
        return VIRTQUEUE_NONE;
    if (count > queue->descriptors && !(table = stock_take(queue)))
        return VIRTQUEUE_NONE;
    uint32_t index = slot_pop(queue, SLOT_TAKEN);
    struct virtqueue_slot *slot = &queue->slots[index];
    if (table)
        slot_table_set(queue, index, table);
    slot->token = token;
    slot->writable = 0;
    slot->count = 0;
    slot->room = (uint16_t)count;
    slot->large = true;
    if (!queue->indirect)
        slot_take_members(queue, index, count);
    return index;
}

void virtqueue_slot_free_large(struct virtqueue *queue, uint32_t index)
{
    struct virtqueue_slot *slot = &queue->slots[index];
    if (slot->room > queue->descriptors) {
        stock_give(queue, slot->table);
        slot_table_set(queue, index, NULL);
    }
    unsigned members = queue->indirect ? 0 : slot->room - 1u;
    for (uint32_t at = slot->next; members--;) {
        uint32_t next = queue->slots[at].next;
        slot_push_free(queue, at);
        at = next;
    }
    slot->large = false;
    slot_push_free(queue, index);
}

/* ---- What the device says ---- */

void virtqueue_break(struct virtqueue *queue, const char *lie)
{
    if (queue->broken)
        return;
    queue->broken = true;
    queue->quick = 0;
    queue->lie = lie;
    env_log(ENV_LOG_ERROR, "%s: queue %u: the device lies: %s", queue->device->name, queue->index,
            lie);
}

uint32_t virtqueue_slot_lie(struct virtqueue *queue, uint32_t index)
{
    if (index >= queue->size)
        virtqueue_break(queue, "it used a slot that doesn't exist");
    else if (queue->slots[index].state != SLOT_IN_FLIGHT)
        virtqueue_break(queue, "it used a slot that it didn't have");
    else
        virtqueue_break(queue, "it wrote more than there was room for");
    return VIRTQUEUE_NONE;
}

/* ---- Telling the device ---- */

void virtqueue_notify(struct virtqueue *queue)
{
    queue->device->transport->notify(queue);
}

bool virtqueue_kick(struct virtqueue *queue)
{
    bool wanted = virtqueue_publish(queue);
    if (wanted)
        virtqueue_notify(queue);
    return wanted;
}

/* ---- Taking requests back ---- */

uint32_t virtqueue_collect(struct virtqueue *queue)
{
    for (uint32_t i = 0; queue->in_flight && i < queue->size; i++) {
        if (queue->slots[i].state != SLOT_IN_FLIGHT)
            continue;
        queue->slots[i].state = SLOT_TAKEN;
        queue->in_flight--;
        return i;
    }
    return VIRTQUEUE_NONE;
}

void virtqueue_clear(struct virtqueue *queue)
{
    queue->avail = queue->used = queue->published = queue->pushed = 0;
    queue->avail_wrap = queue->used_wrap = true;
    queue->broken = false;
    queue->quick = queue->indirect ? queue->descriptors : 0;
    queue->ring->clear(queue);
}

/* ---- Making and unmaking ---- */

static unsigned order_of(size_t bytes)
{
    unsigned order = 0;
    while (((size_t)ENV_PAGE_SIZE << order) < bytes)
        order++;
    return order;
}

/* The entries to use of those that the device offers: a power of two, as split rings are. */
static oskit_error_t size_choose(struct virtqueue *queue, unsigned size_max)
{
    bool fixed = false;
    unsigned offered = queue->device->transport->queue_size(queue->device, queue->index, &fixed);
    if (!offered)
        return OSKIT_ENODEV;
    if (offered > SIZE_LIMIT || (fixed && (offered & (offered - 1))))
        return OSKIT_EIO;
    if (!fixed && size_max && offered > size_max)
        offered = size_max;
    queue->size = 1;
    while (queue->size * 2 <= offered)
        queue->size *= 2;
    queue->mask = (uint16_t)(queue->size - 1);
    return OSKIT_SUCCESS;
}

static oskit_error_t ring_make(struct virtqueue *queue)
{
    size_t driver_at, device_at;
    size_t bytes = queue->packed ? virtqueue_packed_bytes(queue->size, &driver_at, &device_at)
                                 : virtqueue_split_bytes(queue->size, &driver_at, &device_at);
    queue->memory_order = order_of(bytes);
    queue->memory = env_page_alloc(queue->memory_order, ENV_ZERO);
    if (!queue->memory)
        return OSKIT_E_OUTOFMEMORY;
    queue->descriptors_ring = queue->memory;
    queue->driver_area = (uint8_t *)queue->memory + driver_at;
    queue->device_area = (uint8_t *)queue->memory + device_at;
    queue->descriptor_address = env_dma_address(queue->memory);
    queue->driver_address = queue->descriptor_address + driver_at;
    queue->device_address = queue->descriptor_address + device_at;
    return OSKIT_SUCCESS;
}

static oskit_error_t slots_make(struct virtqueue *queue)
{
    size_t bytes = queue->driver_bytes + queue->descriptors * sizeof(struct virtqueue_descriptor);
    queue->block_size = (unsigned)((bytes + BLOCK_ALIGN - 1) / BLOCK_ALIGN * BLOCK_ALIGN);
    queue->blocks_order = order_of((size_t)queue->block_size * queue->size);
    queue->blocks = env_page_alloc(queue->blocks_order, ENV_ZERO);
    queue->slots = env_alloc(queue->size * sizeof *queue->slots, ENV_ZERO);
    if (!queue->blocks || !queue->slots)
        return OSKIT_E_OUTOFMEMORY;
    queue->blocks_address = env_dma_address(queue->blocks);
    for (uint32_t slot = queue->size; slot-- > 0;)
        slot_init(queue, slot);
    return OSKIT_SUCCESS;
}

static void limits_set(struct virtqueue *queue, const struct virtqueue_options *options)
{
    /* No chain may be longer than the queue, not even in an indirect table. */
    unsigned most = queue->size < TABLE_ENTRIES ? queue->size : (unsigned)TABLE_ENTRIES;
    queue->driver_bytes = (options->driver_bytes + 15) & ~15u;
    queue->descriptors = options->descriptors < most ? options->descriptors : most;
    queue->descriptors_max = options->descriptors_max;
    if (queue->descriptors_max < queue->descriptors)
        queue->descriptors_max = queue->descriptors;
    if (queue->descriptors_max > most)
        queue->descriptors_max = most;
}

static void queue_init(struct virtqueue *queue, struct virtio_device *device,
                       const struct virtqueue_options *options)
{
    queue->device = device;
    queue->index = options->index;
    queue->cpu = options->cpu;
    queue->interrupt = options->interrupt;
    queue->driver_data = options->driver_data;
    queue->packed = virtio_has(device, VIRTIO_F_RING_PACKED);
    queue->indirect = virtio_has(device, VIRTIO_F_INDIRECT);
    queue->event_idx = virtio_has(device, VIRTIO_F_EVENT_IDX);
    queue->chain = queue->packed ? (struct virtqueue_chain){NULL, 0, 0, DESCRIPTOR_WRITE << 16}
                                 : (struct virtqueue_chain){NULL, DESCRIPTOR_NEXT | 1u << 16,
                                                            1u << 16, DESCRIPTOR_WRITE};
    queue->ring = queue->packed ? &virtqueue_packed : &virtqueue_split;
    list_init(&queue->link);
}

oskit_error_t virtqueue_create(struct virtio_device *device,
                               const struct virtqueue_options *options, struct virtqueue **out)
{
    *out = NULL;
    struct virtqueue *queue = env_alloc(sizeof *queue, ENV_ZERO);
    if (!queue)
        return OSKIT_E_OUTOFMEMORY;
    queue_init(queue, device, options);
    oskit_error_t error = size_choose(queue, options->size_max);
    if (!error) {
        limits_set(queue, options);
        error = ring_make(queue);
    }
    if (!error)
        error = slots_make(queue);
    if (!error)
        error = stock_make(queue);
    if (error) {
        virtqueue_destroy(queue);
        return error;
    }
    virtqueue_clear(queue);
    list_push_back(&device->queues, &queue->link);
    device->queue_count++;
    *out = queue;
    return OSKIT_SUCCESS;
}

void virtqueue_destroy(struct virtqueue *queue)
{
    if (!queue)
        return;
    if (!list_empty(&queue->link)) {
        list_remove(&queue->link);
        queue->device->queue_count--;
    }
    stock_free(queue);
    if (queue->memory)
        env_page_unref(queue->memory);
    if (queue->blocks)
        env_page_unref(queue->blocks);
    env_free(queue->slots, queue->size * sizeof *queue->slots);
    env_free(queue, sizeof *queue);
}
