/*
 * The split ring: a table of descriptors, a ring of their numbers for the device (avail) and one
 * back (used), each with a running index of 16 bits.
 */
#include <sluice/string.h>
#include "virtqueue.h"

#define NO_INTERRUPT 1u /* avail flags */
#define NO_NOTIFY    1u /* used flags */
#define LEGACY_ALIGN 4096u

static volatile uint16_t *used_event(const struct virtqueue *queue)
{
    return &virtqueue_avail(queue)->ring[queue->size];
}

static const volatile uint16_t *avail_event(const struct virtqueue *queue)
{
    return (const volatile uint16_t *)&virtqueue_used(queue)->ring[queue->size];
}

size_t virtqueue_split_bytes(unsigned size, size_t *driver_at, size_t *device_at)
{
    *driver_at = size * sizeof(struct virtqueue_descriptor);
    size_t driver_end = *driver_at + sizeof(struct virtqueue_avail) + (size + 1) * sizeof(uint16_t);
    *device_at = (driver_end + LEGACY_ALIGN - 1) / LEGACY_ALIGN * LEGACY_ALIGN;
    return *device_at + sizeof(struct virtqueue_used) + size * 8u + sizeof(uint16_t);
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
    split_chain_end(&slot->table[count - 1]);
    if (queue->indirect && count > 1)
        split_put_indirect(queue, slot, count);
    else
        push_chain(queue, index);
    split_give(queue, slot);
}

static bool split_publish(struct virtqueue *queue)
{
    uint16_t before = queue->published, now = queue->avail;
    queue->published = now;
    queue->pushed = 0;
    /* Release: the device that sees the index sees the entries and descriptors. */
    virtqueue_store16(&virtqueue_avail(queue)->index, now);
    /* The index before the look at what the device wants: else it could go to sleep in between,
     * having seen the old index, and we not tell it. */
    virtqueue_fence();
    if (!queue->event_idx)
        return !(virtqueue_load16(&virtqueue_used(queue)->flags) & NO_NOTIFY);
    uint16_t event = virtqueue_load16(avail_event(queue));
    return (uint16_t)(now - event - 1) < (uint16_t)(now - before);
}

/* ---- From the device ---- */

uint32_t virtqueue_split_lie(struct virtqueue *queue)
{
    virtqueue_break(queue, "it used more slots than it had");
    return VIRTQUEUE_NONE;
}

static bool split_interrupt_on(struct virtqueue *queue, unsigned after)
{
    if (!queue->event_idx) {
        virtqueue_store16(&virtqueue_avail(queue)->flags, 0);
        after = 1;
    } else {
        virtqueue_store16(used_event(queue), (uint16_t)(queue->used + after - 1));
    }
    /* The wish before the look: what the device uses after the look, it interrupts for. */
    virtqueue_fence();
    uint16_t index = virtqueue_load16(&virtqueue_used(queue)->index);
    return (uint16_t)(index - queue->used) >= after;
}

static void split_interrupt_off(struct virtqueue *queue)
{
    if (queue->event_idx)
        virtqueue_store16(used_event(queue), (uint16_t)(queue->used - 1)); /* as far as can be */
    else
        virtqueue_store16(&virtqueue_avail(queue)->flags, NO_INTERRUPT);
}

const struct virtqueue_ring virtqueue_split = {
    .clear = split_clear,
    .push = split_push,
    .publish = split_publish,
    .next = split_next,
    .interrupt_on = split_interrupt_on,
    .interrupt_off = split_interrupt_off,
};
