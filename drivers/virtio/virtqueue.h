/*
 * A virtqueue: the ring by which a driver hands requests to a device and gets them back.
 *
 * A request is a slot. The driver takes one, writes its descriptors with virtqueue_out and
 * virtqueue_in, and puts it into the ring with virtqueue_push; virtqueue_kick tells the device of
 * all that were pushed since the last one. When the device is done with a slot, virtqueue_next
 * returns it, and after the driver has read what it needs, virtqueue_slot_free gives it back.
 *
 *     slot = virtqueue_slot_take(queue, 3, request);
 *     virtqueue_out(queue, slot, header_address, 16);   what the device reads comes first
 *     virtqueue_in(queue, slot, buffer_address, 4096);  then what it writes
 *     virtqueue_in(queue, slot, status_address, 1);
 *     virtqueue_push(queue, slot);
 *     virtqueue_kick(queue);
 *
 * Each slot has a block of memory of its own, made with the queue: some bytes for the driver
 * (headers, status) and after them the slot's descriptors, which the device reads as an indirect
 * table. So a usual request takes one entry of the ring whatever its segments, and touches one
 * block of 64 or 128 bytes. A request of more segments gets a page-sized table from a small stock;
 * when none is left, virtqueue_slot_take answers VIRTQUEUE_NONE as it does when the ring is full,
 * and something is sure to come back. A device without indirect descriptors gets chains.
 *
 * The device is not trusted. What it writes is read once and checked: how many entries it says it
 * used, which slots, how many bytes. A lie breaks the queue: virtqueue_broken is true from then on
 * and virtqueue_next returns nothing; the driver resets the device (virtio_reset), collects its
 * requests (virtqueue_collect) and ends them with an error.
 *
 * Locks: none. The driver has one lock a queue, and holds it in every call that is not [no lock].
 * All functions but create and destroy are [any].
 */
#ifndef DRIVERS_VIRTIO_VIRTQUEUE_H
#define DRIVERS_VIRTIO_VIRTQUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <oskit/error.h>
#include <sluice/env.h>
#include <sluice/list.h>
#include "fence.h"

struct virtio_device;
struct virtqueue;

#define VIRTQUEUE_NONE 0xffffffffu

/* A descriptor, of a ring or an indirect table; the two formats differ in the last four bytes. */
struct virtqueue_descriptor {
    uint64_t address;
    uint32_t length;
    uint32_t tail; /* split: flags | next << 16; packed: id | flags << 16 */
};

struct virtqueue_slot {
    struct virtqueue_descriptor *table; /* in the slot's block, or one of the stock's */
    uint64_t table_address;             /* for the device */
    void *memory;                       /* the driver's bytes in the slot's block */
    uint64_t address;                   /* of them, for the device */
    void *token;                        /* the driver's */
    uint32_t writable;                  /* bytes that the device may write */
    uint16_t count;                     /* descriptors in the table so far */
    uint16_t room;                      /* descriptors that it was taken for */
    uint16_t next;                      /* free: the next free slot; taken: the next of its chain */
    uint16_t entries;                   /* of the ring, while in flight */
    uint8_t state;                      /* enum virtqueue_state */
    bool large;                         /* has a table of the stock, or is a chain */
    uint16_t index;                     /* its own */
};

enum virtqueue_state { SLOT_FREE, SLOT_TAKEN, SLOT_MEMBER, SLOT_IN_FLIGHT };

/* A ring format: split (split.c) or packed (packed.c). */
struct virtqueue_ring {
    void (*clear)(struct virtqueue *queue); /* makes the ring's memory as it was at first */
    void (*push)(struct virtqueue *queue, uint32_t slot);
    bool (*publish)(struct virtqueue *queue); /* true: the device wants to be told */
    uint32_t (*next)(struct virtqueue *queue, uint32_t *written);
    bool (*interrupt_on)(struct virtqueue *queue, unsigned after);
    void (*interrupt_off)(struct virtqueue *queue);
};

struct virtqueue_options {
    unsigned index;           /* of the queue in the device */
    unsigned size_max;        /* entries at most; 0: as many as the device has */
    unsigned driver_bytes;    /* of the driver in each slot's block; may be 0 */
    unsigned descriptors;     /* in each slot's block, >= 1: for the usual request */
    unsigned descriptors_max; /* in one request; up to 256 and to what the device takes */
    unsigned cpu;             /* where its interrupt should come */
    /* Called when the device has used something, and sometimes when not. [interrupt, no lock] */
    void (*interrupt)(struct virtqueue *queue);
    void *driver_data;
};

/* Descriptors of a slot while they are written. */
struct virtqueue_chain {
    struct virtqueue_descriptor *at;
    uint32_t tail, step, write; /* as the ring's format wants them */
};

struct virtqueue {
    /* Immutable after creation. */
    struct virtio_device *device;
    const struct virtqueue_ring *ring;
    unsigned index, size, cpu;
    bool packed, indirect, event_idx;
    struct virtqueue_chain chain; /* to begin with */
    uint8_t *blocks;              /* size blocks, of block_size bytes each */
    uint64_t blocks_address;
    unsigned block_size, driver_bytes, descriptors, descriptors_max;
    uint16_t mask;                                               /* split: size - 1 */
    uint64_t descriptor_address, driver_address, device_address; /* the ring's three parts */
    void (*interrupt)(struct virtqueue *queue);
    void *driver_data;
    struct list link; /* virtio_device.queues */
    /* The transport's, from queue_start on. */
    volatile void *doorbell;
    unsigned vector;
    struct env_irq *irq;
    /* Under the driver's lock: */
    struct virtqueue_slot *slots;
    uint32_t free, free_count; /* the first free slot; how many */
    unsigned quick;            /* descriptors that any free slot has; 0: broken, or no indirect */
    uint32_t in_flight;        /* slots that the device has */
    bool broken;
    const char *lie; /* what broke it */
    void *stock;     /* tables not in use, linked by their first word */
    unsigned stock_count, stock_out;
    uint16_t avail, used;       /* split: indices; packed: positions of the next entry */
    uint16_t published, pushed; /* avail at the last publish; entries pushed since then */
    bool avail_wrap, used_wrap; /* packed: the wrap counters */
    void *memory;               /* the ring's */
    unsigned memory_order, blocks_order;
    struct virtqueue_descriptor *descriptors_ring;
    volatile void *driver_area, *device_area;
};

/* Makes queue OPTIONS->index of DEVICE; the device learns of it in virtio_start. OSKIT_ENODEV: the
 * device has no such queue. OSKIT_ENOMEM. [thread] */
oskit_error_t virtqueue_create(struct virtio_device *device,
                               const struct virtqueue_options *options, struct virtqueue **out);
/* The device is stopped, and no slot in flight. NULL is ignored. [thread] */
void virtqueue_destroy(struct virtqueue *queue);

/*
 * A slot for a request of up to COUNT descriptors, or VIRTQUEUE_NONE when there is none now. COUNT
 * is at most queue->descriptors_max.
 */
static inline uint32_t virtqueue_slot_take(struct virtqueue *queue, unsigned count, void *token);
static inline void virtqueue_slot_free(struct virtqueue *queue, uint32_t slot);

/* The driver's bytes in the slot's block, and where the device sees them. */
static inline void *virtqueue_slot_memory(const struct virtqueue *queue, uint32_t slot)
{
    return queue->slots[slot].memory;
}

static inline uint64_t virtqueue_slot_address(const struct virtqueue *queue, uint32_t slot)
{
    return queue->slots[slot].address;
}

static inline void *virtqueue_slot_token(const struct virtqueue *queue, uint32_t slot)
{
    return queue->slots[slot].token;
}

#define DESCRIPTOR_NEXT     1u
#define DESCRIPTOR_WRITE    2u
#define DESCRIPTOR_INDIRECT 4u

/* Adds LENGTH bytes (> 0) at device address ADDRESS for the device to read. All of these come
 * before those that it writes. */
static inline void virtqueue_out(struct virtqueue *queue, uint32_t index, uint64_t address,
                                 uint32_t length)
{
    struct virtqueue_slot *slot = &queue->slots[index];
    uint32_t n = slot->count++;
    uint32_t tail = queue->packed ? 0 : DESCRIPTOR_NEXT | (n + 1) << 16;
    slot->table[n] = (struct virtqueue_descriptor){address, length, tail};
}

/* The same for the device to write. */
static inline void virtqueue_in(struct virtqueue *queue, uint32_t index, uint64_t address,
                                uint32_t length)
{
    struct virtqueue_slot *slot = &queue->slots[index];
    uint32_t n = slot->count++;
    uint32_t tail =
        queue->packed ? DESCRIPTOR_WRITE << 16 : DESCRIPTOR_WRITE | DESCRIPTOR_NEXT | (n + 1) << 16;
    slot->table[n] = (struct virtqueue_descriptor){address, length, tail};
    slot->writable += length;
}

/*
 * The same for who wants it quick: begin, put each descriptor, end, push. WRITE is what begin left
 * in chain.write for those that the device writes, 0 for those that it reads; WRITABLE is the sum
 * of the former's lengths.
 */
static inline struct virtqueue_chain virtqueue_chain_begin(const struct virtqueue *queue,
                                                           uint32_t slot)
{
    struct virtqueue_chain chain = queue->chain;
    chain.at = queue->slots[slot].table;
    return chain;
}

static inline void virtqueue_chain_put(struct virtqueue_chain *chain, uint64_t address,
                                       uint32_t length, uint32_t write)
{
    struct virtqueue_descriptor *d = chain->at++;
    d->address = address;
    d->length = length;
    d->tail = chain->tail | write;
    chain->tail += chain->step;
}

static inline void virtqueue_chain_end(struct virtqueue *queue, uint32_t index, uint32_t count,
                                       uint32_t writable)
{
    queue->slots[index].count = (uint16_t)count;
    queue->slots[index].writable = writable;
}

/*
 * And for who wants it quicker: the slot itself instead of its number. virtqueue_slot_quick answers
 * NULL when there is no slot, or none with a table of COUNT; virtqueue_slot_get, when
 * virtqueue_slot_take would say VIRTQUEUE_NONE. virtqueue_chain_push is end and push in one, for
 * two descriptors and more.
 */
static inline struct virtqueue_slot *virtqueue_slot_quick(struct virtqueue *queue, unsigned count,
                                                          void *token);
static inline struct virtqueue_slot *virtqueue_slot_get(struct virtqueue *queue, unsigned count,
                                                        void *token);
static inline void virtqueue_chain_push(struct virtqueue *queue, struct virtqueue_slot *slot,
                                        const struct virtqueue_chain *chain, uint32_t count,
                                        uint32_t writable);

static inline struct virtqueue_chain virtqueue_slot_chain(const struct virtqueue *queue,
                                                          const struct virtqueue_slot *slot)
{
    struct virtqueue_chain chain = queue->chain;
    chain.at = slot->table;
    return chain;
}

/* Puts the slot into the ring, with at least one descriptor. The device may begin with it now, and
 * surely does after the kick. */
static inline void virtqueue_push(struct virtqueue *queue, uint32_t slot)
{
    queue->ring->push(queue, slot);
}

/* Makes all that was pushed visible; true when the device wants virtqueue_notify, which may follow
 * after the driver's lock is released. */
static inline bool virtqueue_publish(struct virtqueue *queue)
{
    return queue->pushed && queue->ring->publish(queue);
}

void virtqueue_notify(struct virtqueue *queue); /* [no lock] */

/* Publish and notify. True when the device was told. */
bool virtqueue_kick(struct virtqueue *queue);

/*
 * The next slot that the device is done with, and in *WRITTEN the bytes it says it wrote, no more
 * than were writable. VIRTQUEUE_NONE: no more now, or the queue is broken. The slot stays the
 * driver's until virtqueue_slot_free.
 */
static inline uint32_t virtqueue_next(struct virtqueue *queue, uint32_t *written);

/*
 * Asks for an interrupt when AFTER more slots are used (1: the next one; a device without EVENT_IDX
 * takes any number as 1). True: something is used already, there may be no interrupt for it, look
 * again. Off: the device is asked not to interrupt, which it may do nevertheless.
 */
static inline bool virtqueue_interrupt_on(struct virtqueue *queue, unsigned after)
{
    return queue->ring->interrupt_on(queue, after);
}

static inline void virtqueue_interrupt_off(struct virtqueue *queue)
{
    queue->ring->interrupt_off(queue);
}

static inline bool virtqueue_broken(const struct virtqueue *queue)
{
    return queue->broken;
}

/* For a driver that sees a lie of its own kind. */
void virtqueue_break(struct virtqueue *queue, const char *lie);

/*
 * After virtio_reset, or before the device is started: takes a slot that was in flight out of the
 * ring, for the driver to end its request and virtqueue_slot_free it; VIRTQUEUE_NONE: none is left.
 */
uint32_t virtqueue_collect(struct virtqueue *queue);
/* After that: the ring as it was at first, and not broken. */
void virtqueue_clear(struct virtqueue *queue);

/* ---- For the ring formats ---- */

extern const struct virtqueue_ring virtqueue_split, virtqueue_packed;

/* Bytes of the three parts of a split ring of SIZE entries, laid out as a legacy device wants. */
size_t virtqueue_split_bytes(unsigned size, size_t *driver_at, size_t *device_at);
size_t virtqueue_packed_bytes(unsigned size, size_t *driver_at, size_t *device_at);

/* The slot that the device says it used with WRITTEN bytes, now no longer in flight; VIRTQUEUE_NONE
 * and broken when that can't be. */
uint32_t virtqueue_slot_lie(struct virtqueue *queue, uint32_t index);

static inline uint32_t virtqueue_slot_used(struct virtqueue *queue, uint32_t index,
                                           uint32_t written)
{
    struct virtqueue_slot *slot = &queue->slots[index];
    if (index >= queue->size || slot->state != SLOT_IN_FLIGHT || written > slot->writable)
        return virtqueue_slot_lie(queue, index);
    slot->state = SLOT_TAKEN;
    queue->in_flight--;
    return index;
}

/* What takes more than the usual: chains of slots, tables of the stock. */
uint32_t virtqueue_slot_take_large(struct virtqueue *queue, unsigned count, void *token);
void virtqueue_slot_free_large(struct virtqueue *queue, uint32_t slot);

static inline struct virtqueue_slot *virtqueue_slot_quick(struct virtqueue *queue, unsigned count,
                                                          void *token)
{
    if (count > queue->quick || !queue->free_count)
        return NULL;
    struct virtqueue_slot *slot = &queue->slots[queue->free];
    queue->free = slot->next;
    queue->free_count--;
    slot->state = SLOT_TAKEN;
    slot->token = token;
    slot->writable = 0;
    slot->count = 0;
    return slot;
}

static inline struct virtqueue_slot *virtqueue_slot_get(struct virtqueue *queue, unsigned count,
                                                        void *token)
{
    struct virtqueue_slot *slot = virtqueue_slot_quick(queue, count, token);
    if (slot)
        return slot;
    uint32_t index = virtqueue_slot_take_large(queue, count, token);
    return index == VIRTQUEUE_NONE ? NULL : &queue->slots[index];
}

static inline uint32_t virtqueue_slot_take(struct virtqueue *queue, unsigned count, void *token)
{
    struct virtqueue_slot *slot = virtqueue_slot_quick(queue, count, token);
    return slot ? slot->index : virtqueue_slot_take_large(queue, count, token);
}

static inline void virtqueue_slot_free(struct virtqueue *queue, uint32_t index)
{
    struct virtqueue_slot *slot = &queue->slots[index];
    if (slot->large) {
        virtqueue_slot_free_large(queue, index);
        return;
    }
    slot->state = SLOT_FREE;
    slot->next = (uint16_t)queue->free;
    queue->free = index;
    queue->free_count++;
}

/* Memory that the device writes at any time is read and written by these, once a call. */
static inline uint16_t virtqueue_load16(const volatile void *at)
{
    return __atomic_load_n((const volatile uint16_t *)at, __ATOMIC_ACQUIRE);
}

static inline uint32_t virtqueue_load32(const volatile void *at)
{
    return __atomic_load_n((const volatile uint32_t *)at, __ATOMIC_RELAXED);
}

static inline void virtqueue_store16(volatile void *at, uint16_t value)
{
    __atomic_store_n((volatile uint16_t *)at, value, __ATOMIC_RELEASE);
}

#include "split.h"

static inline uint32_t virtqueue_next(struct virtqueue *queue, uint32_t *written)
{
    return queue->packed ? queue->ring->next(queue, written) : split_next(queue, written);
}

static inline void virtqueue_chain_push(struct virtqueue *queue, struct virtqueue_slot *slot,
                                        const struct virtqueue_chain *chain, uint32_t count,
                                        uint32_t writable)
{
    slot->count = (uint16_t)count;
    slot->writable = writable;
    if (queue->packed || slot->large) {
        queue->ring->push(queue, slot->index);
        return;
    }
    split_chain_end(&chain->at[-1]);
    split_put_indirect(queue, slot, count);
    split_give(queue, slot);
}

#endif
