/*
 * The split ring: a table of descriptors, a ring of their numbers for the device (avail) and one
 * back (used), each with a running index of 16 bits.
 */
#include <sluice/string.h>
#include "virtqueue.h"

#define NO_INTERRUPT 1u /* avail flags */
#define NO_NOTIFY    1u /* used flags */
#define LEGACY_ALIGN 4096u

struct avail {
    uint16_t flags, index;
    uint16_t ring[]; /* and behind it used_event */
};

struct used {
    uint16_t flags, index;
    struct {
        uint32_t id, length;
    } ring[]; /* and behind it a uint16_t, avail_event */
};

static volatile struct avail *avail_of(const struct virtqueue *queue)
{
    return queue->driver_area;
}

static const volatile struct used *used_of(const struct virtqueue *queue)
{
    return queue->device_area;
}

static volatile uint16_t *used_event(const struct virtqueue *queue)
{
    return &avail_of(queue)->ring[queue->size];
}

static const volatile uint16_t *avail_event(const struct virtqueue *queue)
{
    return (const volatile uint16_t *)&used_of(queue)->ring[queue->size];
}

size_t virtqueue_split_bytes(unsigned size, size_t *driver_at, size_t *device_at)
{
    *driver_at = size * sizeof(struct virtqueue_descriptor);
    size_t driver_end = *driver_at + sizeof(struct avail) + (size + 1) * sizeof(uint16_t);
    *device_at = (driver_end + LEGACY_ALIGN - 1) / LEGACY_ALIGN * LEGACY_ALIGN;
    return *device_at + sizeof(struct used) + size * 8u + sizeof(uint16_t);
}

static void split_clear(struct virtqueue *queue)
{
    size_t driver_at, device_at;
    memset(queue->memory, 0, virtqueue_split_bytes(queue->size, &driver_at, &device_at));
}

/* ---- To the device ---- */

static __attribute__((noinline)) void push_chain(struct virtqueue *queue, uint32_t index)
{
    const struct virtqueue_slot *slot = &queue->slots[index];
    uint32_t at = index;
    for (uint32_t i = 0; i < slot->count; i++) {
        uint32_t next = queue->slots[at].next;
        struct virtqueue_descriptor d = slot->table[i];
        d.tail = (d.tail & 0xffff) | (d.tail & DESCRIPTOR_NEXT ? next << 16 : 0);
        queue->descriptors_ring[at] = d;
        at = next;
    }
}

static void split_push(struct virtqueue *queue, uint32_t index)
{
    struct virtqueue_slot *slot = &queue->slots[index];
    uint32_t count = slot->count;
    slot->table[count - 1].tail &= 0xffffu & ~DESCRIPTOR_NEXT;
    if (queue->indirect && count > 1)
        queue->descriptors_ring[index] = (struct virtqueue_descriptor){
            slot->table_address, count * (uint32_t)sizeof(struct virtqueue_descriptor),
            DESCRIPTOR_INDIRECT};
    else
        push_chain(queue, index);
    slot->state = SLOT_IN_FLIGHT;
    queue->in_flight++;
    avail_of(queue)->ring[queue->avail & (queue->size - 1)] = (uint16_t)index;
    queue->avail++;
    queue->pushed++;
}

static bool split_publish(struct virtqueue *queue)
{
    uint16_t before = queue->published, now = queue->avail;
    queue->published = now;
    queue->pushed = 0;
    /* Release: the device that sees the index sees the entries and descriptors. */
    virtqueue_store16(&avail_of(queue)->index, now);
    /* The index before the look at what the device wants: else it could go to sleep in between,
     * having seen the old index, and we not tell it. */
    virtqueue_fence();
    if (!queue->event_idx)
        return !(virtqueue_load16(&used_of(queue)->flags) & NO_NOTIFY);
    uint16_t event = virtqueue_load16(avail_event(queue));
    return (uint16_t)(now - event - 1) < (uint16_t)(now - before);
}

/* ---- From the device ---- */

static uint32_t split_next(struct virtqueue *queue, uint32_t *written)
{
    /* Acquire: what the device wrote before it moved the index is visible after this. */
    uint16_t index = virtqueue_load16(&used_of(queue)->index);
    if (index == queue->used || queue->broken)
        return VIRTQUEUE_NONE;
    if ((uint16_t)(index - queue->used) > queue->in_flight) {
        virtqueue_break(queue, "it used more slots than it had");
        return VIRTQUEUE_NONE;
    }
    unsigned at = queue->used & (queue->size - 1);
    uint32_t id = virtqueue_load32(&used_of(queue)->ring[at].id);
    *written = virtqueue_load32(&used_of(queue)->ring[at].length);
    queue->used++;
    return virtqueue_slot_used(queue, id, *written);
}

static bool split_interrupt_on(struct virtqueue *queue, unsigned after)
{
    if (!queue->event_idx) {
        virtqueue_store16(&avail_of(queue)->flags, 0);
        after = 1;
    } else {
        virtqueue_store16(used_event(queue), (uint16_t)(queue->used + after - 1));
    }
    /* The wish before the look: what the device uses after the look, it interrupts for. */
    virtqueue_fence();
    uint16_t index = virtqueue_load16(&used_of(queue)->index);
    return (uint16_t)(index - queue->used) >= after;
}

static void split_interrupt_off(struct virtqueue *queue)
{
    if (queue->event_idx)
        virtqueue_store16(used_event(queue), (uint16_t)(queue->used - 1)); /* as far as can be */
    else
        virtqueue_store16(&avail_of(queue)->flags, NO_INTERRUPT);
}

const struct virtqueue_ring virtqueue_split = {
    .clear = split_clear,
    .push = split_push,
    .publish = split_publish,
    .next = split_next,
    .interrupt_on = split_interrupt_on,
    .interrupt_off = split_interrupt_off,
};
