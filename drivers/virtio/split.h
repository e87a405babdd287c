/*
 * The split ring's part of every request, inline: virtqueue.h includes this at its end, nobody else
 * does. The rest of the format is in split.c.
 */
#ifndef DRIVERS_VIRTIO_SPLIT_H
#define DRIVERS_VIRTIO_SPLIT_H

struct virtqueue_avail {
    uint16_t flags, index;
    uint16_t ring[]; /* and behind it used_event */
};

struct virtqueue_used {
    uint16_t flags, index;
    struct {
        uint32_t id, length;
    } ring[]; /* and behind it a uint16_t, avail_event */
};

static inline volatile struct virtqueue_avail *virtqueue_avail(const struct virtqueue *queue)
{
    return queue->driver_area;
}

static inline const volatile struct virtqueue_used *virtqueue_used(const struct virtqueue *queue)
{
    return queue->device_area;
}

/* ---- To the device ---- */

/* Each descriptor was written as if another followed. */
static inline void split_chain_end(struct virtqueue_descriptor *last)
{
    last->tail &= 0xffffu & ~DESCRIPTOR_NEXT;
}

static inline void split_put_indirect(struct virtqueue *queue, const struct virtqueue_slot *slot,
                                      uint32_t count)
{
    struct virtqueue_descriptor *entry = &queue->descriptors_ring[slot->index];
    entry->address = slot->table_address;
    entry->length = count * (uint32_t)sizeof *entry;
    entry->tail = DESCRIPTOR_INDIRECT;
}

/* The device may see it from the next publish on. */
static inline void split_give(struct virtqueue *queue, struct virtqueue_slot *slot)
{
    slot->state = SLOT_IN_FLIGHT;
    queue->in_flight++;
    virtqueue_avail(queue)->ring[queue->avail & queue->mask] = slot->index;
    queue->avail++;
    queue->pushed++;
}

/* ---- From the device ---- */

/* It says it used more than it has: breaks the queue. */
uint32_t virtqueue_split_lie(struct virtqueue *queue);

static inline uint32_t split_next(struct virtqueue *queue, uint32_t *written)
{
    /* Acquire: what the device wrote before it moved the index is visible after this. */
    uint16_t index = virtqueue_load16(&virtqueue_used(queue)->index);
    if (index == queue->used || queue->broken)
        return VIRTQUEUE_NONE;
    if ((uint16_t)(index - queue->used) > queue->in_flight)
        return virtqueue_split_lie(queue);
    unsigned at = queue->used & queue->mask;
    uint32_t id = virtqueue_load32(&virtqueue_used(queue)->ring[at].id);
    uint32_t length = virtqueue_load32(&virtqueue_used(queue)->ring[at].length);
    *written = length;
    queue->used++;
    return virtqueue_slot_used(queue, id, length);
}

#endif
