/*
 * The packed ring: one ring of descriptors that driver and device both write. Two flag bits say
 * whose an entry is, by comparison with a wrap counter that flips each time round: the driver sets
 * AVAIL to its counter and USED to the opposite, the device makes both equal to its own.
 *
 * Beside the ring each side has a word of what it wants to be told: an entry's position in the
 * lower half, with the wrap counter in bit 15, and how to take it in the upper.
 */
#include <sluice/string.h>
#include "virtqueue.h"

#define FLAG_AVAIL 0x0080u
#define FLAG_USED  0x8000u

#define EVENTS_ALL  0u
#define EVENTS_NONE 1u
#define EVENTS_AT   2u /* when the entry named is passed */
#define WRAP_BIT    0x8000u

size_t virtqueue_packed_bytes(unsigned size, size_t *driver_at, size_t *device_at)
{
    *driver_at = size * sizeof(struct virtqueue_descriptor);
    *device_at = *driver_at + sizeof(uint32_t);
    return *device_at + sizeof(uint32_t);
}

static void wish_store(struct virtqueue *queue, uint32_t wish)
{
    __atomic_store_n((volatile uint32_t *)queue->driver_area, wish, __ATOMIC_RELEASE);
}

/* Like a split ring's, a fresh one interrupts for the first entry. */
static void packed_clear(struct virtqueue *queue)
{
    size_t driver_at, device_at;
    memset(queue->memory, 0, virtqueue_packed_bytes(queue->size, &driver_at, &device_at));
    if (queue->event_idx)
        wish_store(queue, WRAP_BIT | EVENTS_AT << 16);
}

/* ---- To the device ---- */

/* Fills entry AT but for what makes it the device's, which is returned. */
static uint32_t entry_fill(struct virtqueue *queue, unsigned at, bool wrap, uint32_t id,
                           const struct virtqueue_descriptor *from, uint32_t flags)
{
    struct virtqueue_descriptor *entry = &queue->descriptors_ring[at];
    entry->address = from->address;
    entry->length = from->length;
    return id | (flags | (wrap ? FLAG_AVAIL : FLAG_USED)) << 16;
}

/* Release: the device that sees the entry as its own sees all of it, and the table it names. */
static void entry_give(struct virtqueue *queue, unsigned at, uint32_t tail)
{
    __atomic_store_n(&queue->descriptors_ring[at].tail, tail, __ATOMIC_RELEASE);
}

static void position_advance(const struct virtqueue *queue, uint16_t *at, bool *wrap, unsigned by)
{
    unsigned to = *at + by;
    if (to >= queue->size) {
        to -= queue->size;
        *wrap = !*wrap;
    }
    *at = (uint16_t)to;
}

static void push_one(struct virtqueue *queue, uint32_t index, const struct virtqueue_descriptor *d,
                     uint32_t flags)
{
    entry_give(queue, queue->avail,
               entry_fill(queue, queue->avail, queue->avail_wrap, index, d, flags));
    queue->slots[index].entries = 1;
}

static void push_indirect(struct virtqueue *queue, uint32_t index)
{
    const struct virtqueue_slot *slot = &queue->slots[index];
    struct virtqueue_descriptor d = {
        .address = slot->table_address,
        .length = slot->count * (uint32_t)sizeof d,
    };
    push_one(queue, index, &d, DESCRIPTOR_INDIRECT);
}

/* The first entry is given last, so that the device never sees a chain in part. */
static void push_chain(struct virtqueue *queue, uint32_t index)
{
    struct virtqueue_slot *slot = &queue->slots[index];
    uint16_t at = queue->avail;
    bool wrap = queue->avail_wrap;
    uint32_t first = 0;
    for (uint32_t i = 0; i < slot->count; i++) {
        uint32_t flags = slot->table[i].tail >> 16;
        if (i + 1u < slot->count)
            flags |= DESCRIPTOR_NEXT;
        uint32_t tail = entry_fill(queue, at, wrap, index, &slot->table[i], flags);
        if (i == 0)
            first = tail;
        else
            entry_give(queue, at, tail);
        position_advance(queue, &at, &wrap, 1);
    }
    entry_give(queue, queue->avail, first);
    slot->entries = slot->count;
}

static void packed_push(struct virtqueue *queue, uint32_t index)
{
    struct virtqueue_slot *slot = &queue->slots[index];
    slot->state = SLOT_IN_FLIGHT;
    queue->in_flight++;
    if (slot->count == 1)
        push_one(queue, index, slot->table, slot->table->tail >> 16);
    else if (queue->indirect)
        push_indirect(queue, index);
    else
        push_chain(queue, index);
    position_advance(queue, &queue->avail, &queue->avail_wrap, slot->entries);
    queue->pushed = (uint16_t)(queue->pushed + slot->entries);
}

static bool packed_publish(struct virtqueue *queue)
{
    uint16_t count = queue->pushed, now = queue->avail;
    queue->pushed = 0;
    /* The entries before the look at what the device wants: else it could go to sleep in between,
     * not having seen them, and we not tell it. */
    virtqueue_fence();
    uint32_t wish = virtqueue_load32(queue->device_area);
    if (wish >> 16 != EVENTS_AT)
        return wish >> 16 != EVENTS_NONE;
    uint16_t event = wish & 0x7fff;
    if ((wish >> 15 & 1) != queue->avail_wrap)
        event = (uint16_t)(event - queue->size);
    return (uint16_t)(now - event - 1) < count;
}

/* ---- From the device ---- */

static bool entry_used(const struct virtqueue *queue, unsigned at, bool wrap, uint32_t *tail)
{
    /* Acquire: what the device wrote before it gave the entry back is visible after this. */
    *tail = __atomic_load_n(&queue->descriptors_ring[at].tail, __ATOMIC_ACQUIRE);
    bool avail = *tail >> 16 & FLAG_AVAIL, used = *tail >> 16 & FLAG_USED;
    return avail == used && used == wrap;
}

static uint32_t packed_next(struct virtqueue *queue, uint32_t *written)
{
    uint32_t tail;
    if (queue->broken || !entry_used(queue, queue->used, queue->used_wrap, &tail))
        return VIRTQUEUE_NONE;
    *written = virtqueue_load32(&queue->descriptors_ring[queue->used].length);
    uint32_t slot = virtqueue_slot_used(queue, tail & 0xffff, *written);
    if (slot != VIRTQUEUE_NONE)
        position_advance(queue, &queue->used, &queue->used_wrap, queue->slots[slot].entries);
    return slot;
}

static bool packed_interrupt_on(struct virtqueue *queue, unsigned after)
{
    uint16_t at = queue->used;
    bool wrap = queue->used_wrap;
    uint32_t tail;
    if (queue->event_idx) {
        position_advance(queue, &at, &wrap, after - 1);
        wish_store(queue, at | (wrap ? WRAP_BIT : 0) | EVENTS_AT << 16);
    } else {
        wish_store(queue, EVENTS_ALL << 16);
    }
    /* The wish before the look: what the device uses after the look, it interrupts for. */
    virtqueue_fence();
    return entry_used(queue, at, wrap, &tail);
}

static void packed_interrupt_off(struct virtqueue *queue)
{
    wish_store(queue, EVENTS_NONE << 16);
}

const struct virtqueue_ring virtqueue_packed = {
    .clear = packed_clear,
    .push = packed_push,
    .publish = packed_publish,
    .next = packed_next,
    .interrupt_on = packed_interrupt_on,
    .interrupt_off = packed_interrupt_off,
};
