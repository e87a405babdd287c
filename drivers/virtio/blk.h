/*
 * virtio-blk: a disk as a block queue (<sluice/blockqueue.h>).
 *
 *   blk.c          attach and detach, what the device says of itself, the object
 *   blk_queue.c    submit, completion, plug, cancel
 *   blk_reset.c    timeouts, resets, a device that has gone
 *   blk_counts.c   statistics
 *
 * A device has up to a queue a CPU; a request goes to that of the CPU it is submitted on, and its
 * done runs where that queue's interrupt comes: on the same CPU. A request for which the queue has
 * no slot waits on the queue's list, and goes out when one comes back.
 *
 * The device has no FUA. A write with BLOCK_FUA is a write and then a flush, in one request's life.
 *
 * Lock order: reset claims the device by an atomic state, then takes queue->lock of each queue,
 * one at a time. done is called with no lock held. [lock: any context]
 */
#ifndef DRIVERS_VIRTIO_BLK_H
#define DRIVERS_VIRTIO_BLK_H

#include <stdatomic.h>
#include <sluice/blockqueue.h>
#include <sluice/disk.h>
#include <sluice/env.h>
#include <sluice/object.h>
#include "transport.h"
#include "virtqueue.h"

/* ---- The device's own ---- */

#define BLK_F_SIZE_MAX     VIRTIO_F(1)
#define BLK_F_SEG_MAX      VIRTIO_F(2)
#define BLK_F_RO           VIRTIO_F(5)
#define BLK_F_BLK_SIZE     VIRTIO_F(6)
#define BLK_F_FLUSH        VIRTIO_F(9)
#define BLK_F_TOPOLOGY     VIRTIO_F(10)
#define BLK_F_CONFIG_WCE   VIRTIO_F(11)
#define BLK_F_MQ           VIRTIO_F(12)
#define BLK_F_DISCARD      VIRTIO_F(13)
#define BLK_F_WRITE_ZEROES VIRTIO_F(14)

/* Configuration: offsets, and widths in bytes. */
#define CONFIG_CAPACITY     0, 8 /* in sectors */
#define CONFIG_SIZE_MAX     8, 4
#define CONFIG_SEG_MAX      12, 4
#define CONFIG_BLK_SIZE     20, 4
#define CONFIG_PHYSICAL_EXP 24, 1
#define CONFIG_WRITEBACK    32, 1
#define CONFIG_NUM_QUEUES   34, 2
#define CONFIG_DISCARD_MAX  36, 4 /* in sectors */
#define CONFIG_ZEROES_MAX   48, 4 /* in sectors */

#define SECTOR_SHIFT 9

enum blk_type {
    BLK_IN = 0,
    BLK_OUT = 1,
    BLK_FLUSH = 4,
    BLK_GET_ID = 8,
    BLK_DISCARD = 11,
    BLK_WRITE_ZEROES = 13,
};

#define STATUS_OK          0
#define STATUS_IOERR       1
#define STATUS_UNSUPPORTED 2
#define STATUS_NONE        0xff /* ours, before the device has written it */

#define ZEROES_UNMAP 1u

/* What lies in a slot's block in front of its descriptors. */
struct blk_slot {
    struct {
        uint32_t type, reserved;
        uint64_t sector;
    } header;
    struct {
        uint64_t sector;
        uint32_t sectors, flags;
    } range; /* discard and write zeroes */
    uint8_t status;
};
_Static_assert(offsetof(struct blk_slot, range) == 16, "the device's layout");
_Static_assert(offsetof(struct blk_slot, status) == 32, "the device's layout");

/* Descriptors beside a request's own segments: header and status. */
#define BLK_EXTRA 2u
/* In a slot's block: with them it has 128 bytes. */
#define BLK_DESCRIPTORS 5u

/* ---- Ours ---- */

enum blk_state {
    BLK_RUNNING,
    BLK_RESETTING, /* requests wait */
    BLK_DEAD,      /* requests fail */
};

struct blk;

struct blk_queue {
    struct blk *blk;
    struct virtqueue *virtqueue;
    struct env_spinlock lock;
    /* Under it: */
    struct list waiting; /* block_request.link, without a slot */
    bool stopped;        /* nothing goes out: reset, or dead */
    bool dead;
    struct block_statistics counts;
};

struct blk {
    struct sluice_object object;
    SLUICE_FACE(sluice_blockqueue_t) face;
    struct virtio_device *device;
    struct block_limits limits; /* but for size, immutable after attach */
    uint32_t piece_max;         /* bytes of one that has one segment; immutable as well */
    _Atomic uint64_t size;
    struct disk *disk;
    _Atomic uint32_t plugged;
    _Atomic unsigned state;
    _Atomic bool watching;      /* the timer is armed */
    _Atomic uintptr_t looks;    /* of the watchdog, so far */
    _Atomic unsigned asks;      /* the watchdog's: after a late request, so far */
    _Atomic bool detaching;     /* don't arm it any more */
    _Atomic uint64_t completed; /* a device that does nothing between two resets is given up */
    uint64_t completed_at_reset;
    struct env_timer watchdog;
    unsigned queue_count;
    struct blk_queue *queues;
};

/* A request's device[] words. */
#define REQUEST_QUEUE  0 /* struct blk_queue: where it went */
#define REQUEST_STATUS 1 /* oskit_error_t, once it is over */
#define REQUEST_PHASE  2 /* enum blk_phase */
#define REQUEST_SENT   3 /* blk.looks when the device got it */
#define REQUEST_TRIES  4 /* times it was sent anew after a reset */

enum blk_phase {
    PHASE_WAITING = 1,
    PHASE_OUT,
    PHASE_FLUSHING, /* a FUA write is in, its flush is not */
    PHASE_OVER,
    PHASE_SERIAL, /* no block's data but GET_ID's */
};

static inline struct block_request *request_of(struct list *link)
{
    return container_of(link, struct block_request, link);
}

/* ---- blk_queue.c ---- */

extern const struct sluice_blockqueue_ops blk_ops_table;
void blk_get_limits(sluice_blockqueue_t *self, struct block_limits *out);
/* [interrupt] */
void blk_queue_interrupt(struct virtqueue *virtqueue);
/* Takes back what the device has used. No lock. [any] */
void blk_queue_poll(struct blk_queue *queue);
/* Sends what waits, as far as there are slots, and tells the device. Under the lock. */
void blk_queue_dispatch(struct blk_queue *queue);
/* Moves the request to OVER with STATUS. Under the lock. */
void blk_request_over(struct blk_queue *queue, struct block_request *request, oskit_error_t status,
                      struct list *over, uint64_t now);
/* Calls done for each in OVER. No lock. */
void blk_requests_done(struct list *over);
/* Reads the serial number into SERIAL (DISK_SERIAL_MAX bytes); empty if there is none. [thread] */
void blk_read_serial(struct blk *blk, char *serial);

/* ---- blk_reset.c ---- */

void blk_watch_init(struct blk *blk);
/* Requests are under way: see that they come back. [any] */
void blk_watch(struct blk *blk);
/* For good; the timer doesn't run any more. [thread] */
void blk_watch_stop(struct blk *blk);
/* Resets the device and begins anew, or gives it up. What it had is sent to it once more with
 * AGAIN, as often as is sensible; else it ends with OSKIT_EIO. [any] */
void blk_reset(struct blk *blk, const char *why, bool again);
/* Ends everything with OSKIT_EIO, now and from now on. The device is stopped. [any] */
void blk_give_up(struct blk *blk);

/* ---- blk_counts.c ---- */

/* Requests that end together and began together took as long. */
struct blk_end {
    uint64_t now;
    uint64_t started, nanoseconds; /* of the request before; at first now, and 0 */
    unsigned bucket;
};

void blk_end_time(struct blk_end *end, uint64_t started);

/* Under the queue's lock. The requests are the sum of the latencies' counts. */
static inline void blk_count(struct blk_queue *queue, const struct block_request *request,
                             oskit_error_t status, struct blk_end *end)
{
    if (request->op >= BLOCK_OP_COUNT)
        return;
    __typeof__(queue->counts.op[0]) *op = &queue->counts.op[request->op];
    if (request->started != end->started)
        blk_end_time(end, request->started);
    op->nanoseconds += end->nanoseconds;
    op->latency[end->bucket]++;
    if (status)
        op->errors++;
    else
        op->bytes += request->length;
}

void blk_get_statistics(sluice_blockqueue_t *self, struct block_statistics *out);

#endif
