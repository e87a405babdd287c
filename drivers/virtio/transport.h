/*
 * A virtio device and the transport that it is reached by: modern PCI, legacy PCI, MMIO, or the
 * tests' fake. The transport fills in the table; drivers call the functions below it, which say
 * what the specification wants in which order.
 *
 * A driver's attach goes
 *
 *     virtio_begin              reset, "I have seen you, I can drive you"
 *     virtio_negotiate          features
 *     virtio_config_read        the device's own configuration
 *     virtqueue_create ...      queues (virtqueue.h)
 *     virtio_start              interrupts, queues enabled, DRIVER_OK
 *
 * and its detach virtio_stop, virtqueue_destroy ..., virtio_end. What fails in between is undone by
 * the same.
 *
 * Contexts. Everything is [thread] unless it says otherwise; virtio_reset and virtio_restart are
 * [any], so that a device that lies or hangs can be taken down from where it is noticed. No lock
 * here: a driver starts and stops its device from one place at a time.
 */
#ifndef DRIVERS_VIRTIO_TRANSPORT_H
#define DRIVERS_VIRTIO_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <oskit/error.h>
#include <sluice/driver.h>
#include <sluice/env.h>
#include <sluice/list.h>

struct virtio_device;
struct virtqueue;

#define VIRTIO_VENDOR 0x1af4u /* in a driver_id of bus "virtio"; .device is one of these */
enum virtio_id {
    VIRTIO_ID_NET = 1,
    VIRTIO_ID_BLOCK = 2,
    VIRTIO_ID_CONSOLE = 3,
    VIRTIO_ID_RNG = 4,
};

/* Status bits. */
#define VIRTIO_ACKNOWLEDGE 1u
#define VIRTIO_DRIVER      2u
#define VIRTIO_DRIVER_OK   4u
#define VIRTIO_FEATURES_OK 8u
#define VIRTIO_NEEDS_RESET 64u
#define VIRTIO_FAILED      128u

/* Feature bits of all devices. */
#define VIRTIO_F(bit)          (1ull << (bit))
#define VIRTIO_F_ANY_LAYOUT    VIRTIO_F(27)
#define VIRTIO_F_INDIRECT      VIRTIO_F(28)
#define VIRTIO_F_EVENT_IDX     VIRTIO_F(29)
#define VIRTIO_F_VERSION_1     VIRTIO_F(32)
#define VIRTIO_F_ACCESS        VIRTIO_F(33) /* the device's addresses are the platform's */
#define VIRTIO_F_RING_PACKED   VIRTIO_F(34)
#define VIRTIO_F_RING_FEATURES (VIRTIO_F_INDIRECT | VIRTIO_F_EVENT_IDX | VIRTIO_F_RING_PACKED)

/* How a transport reaches its device. */
struct virtio_transport {
    const char *name;
    uint64_t (*get_features)(struct virtio_device *device);
    void (*set_features)(struct virtio_device *device, uint64_t features);
    /* All ones: the device has gone. [any] */
    uint8_t (*get_status)(struct virtio_device *device);
    void (*set_status)(struct virtio_device *device, uint8_t status); /* [any] */
    /* SIZE bytes of the device's configuration; accesses are of the fields' own width. [any] */
    void (*read_config)(struct virtio_device *device, unsigned offset, void *to, size_t size);
    void (*write_config)(struct virtio_device *device, unsigned offset, const void *from,
                         size_t size);
    /* Changes when the configuration did; constant where the transport has none. [any] */
    uint32_t (*config_generation)(struct virtio_device *device);
    /* Entries that queue INDEX may have, 0: there is no such queue. *FIXED: it must have these. */
    unsigned (*queue_size)(struct virtio_device *device, unsigned index, bool *fixed);
    /* Tells the device where QUEUE is and which interrupt it has, and enables it. [any] */
    oskit_error_t (*queue_start)(struct virtio_device *device, struct virtqueue *queue);
    /* Tells the device that QUEUE has something new. [any] */
    void (*notify)(struct virtqueue *queue);
    /*
     * Connects the device's interrupts: one a queue, on queue->cpu, if there are enough, and one
     * for the configuration; else shared ones. From then on virtqueue's interrupt and the device's
     * config_changed are called, in interrupt context. Detach returns when none runs any more.
     */
    oskit_error_t (*interrupts_attach)(struct virtio_device *device);
    void (*interrupts_detach)(struct virtio_device *device);
    /* The device reset itself: what of the interrupts it forgot is told to it again. [any] */
    void (*interrupts_restore)(struct virtio_device *device);
    /* The device can't reach memory any more, whatever it wants. [any] */
    void (*cut_off)(struct virtio_device *device);
    /* Whether it is still on its bus: registers of one that was pulled out may read as anything.
     * NULL: its status alone says so. [any] */
    bool (*present)(struct virtio_device *device);
};

/* Embedded in the transport's own struct. */
struct virtio_device {
    const struct virtio_transport *transport;
    uint32_t id;        /* enum virtio_id */
    char name[24];      /* for the log: "virtio-blk 00:03.0" */
    uint64_t features;  /* agreed on by virtio_negotiate */
    struct list queues; /* virtqueue.link, in the order of their creation */
    unsigned queue_count;
    /* The driver's; may be NULL. In interrupt context, possibly for no reason. */
    void (*config_changed)(struct virtio_device *device);
    void *driver_data;
    const struct driver *driver;
    bool started;
};

static inline bool virtio_has(const struct virtio_device *device, uint64_t feature)
{
    return (device->features & feature) == feature;
}

/* Whether it is of the time before VERSION_1. */
static inline bool virtio_is_legacy(const struct virtio_device *device)
{
    return !virtio_has(device, VIRTIO_F_VERSION_1);
}

/* ---- For drivers ---- */

/* OSKIT_EIO: the device doesn't come back from its reset. */
oskit_error_t virtio_begin(struct virtio_device *device);
/*
 * Agrees on those of WANTED that the device offers, plus the ring's features and VERSION_1.
 * OSKIT_EIO: the device refuses, or wants what this driver lacks.
 */
oskit_error_t virtio_negotiate(struct virtio_device *device, uint64_t wanted);
/* The field of SIZE bytes (1, 2, 4 or 8) at OFFSET in the device's configuration, of one
 * generation. [any] */
uint64_t virtio_config_read(struct virtio_device *device, unsigned offset, size_t size);
/* One byte. [any] */
void virtio_config_write8(struct virtio_device *device, unsigned offset, uint8_t value);
/* Connects the interrupts, enables all queues, and lets the device go. */
oskit_error_t virtio_start(struct virtio_device *device);
/* Resets the device and disconnects the interrupts: no handler runs any more and the device touches
 * no memory. Requests in its queues stay there for the driver to collect. */
void virtio_stop(struct virtio_device *device);
/* After virtio_begin alone, or after virtio_stop. */
void virtio_end(struct virtio_device *device);

/* Resets a device that was started: it touches no memory any more, whatever it answers. OSKIT_EIO:
 * it didn't answer, or has gone, and was cut off. [any] */
oskit_error_t virtio_reset(struct virtio_device *device);
/* After virtio_reset, and with the queues empty (virtqueue_clear): the same features, queues and
 * interrupts again. OSKIT_EIO: the device doesn't follow. [any] */
oskit_error_t virtio_restart(struct virtio_device *device);
/* Whether the device still answers. [any] */
bool virtio_present(struct virtio_device *device);

/* ---- For transports ---- */

/* Finds the device's driver and attaches it; detaches. */
oskit_error_t virtio_device_attach(struct virtio_device *device);
void virtio_device_detach(struct virtio_device *device);
/* What an interrupt means: QUEUE has something; all queues may have; the configuration changed.
 * [interrupt] */
void virtio_queue_interrupt(struct virtqueue *queue);
void virtio_queues_interrupt(struct virtio_device *device);
void virtio_config_interrupt(struct virtio_device *device);

#endif
