/*
 * sluice_blockqueue: asynchronous block I/O. A request names a range of the device and the memory
 * it goes to or comes from; submit returns at once, and the request's done is called when the
 * device is finished. The seed's blkio is submit and wait over it (<sluice/block.h>).
 *
 * A client queries a disk for this interface when it opens it and falls back to blkio, whose calls
 * wait, when the answer is OSKIT_E_NOINTERFACE.
 *
 * Order. Requests may be carried out in any order, also when they overlap; whoever needs an order
 * waits for the first before it submits the second. A write that is done may sit in the device's
 * volatile cache: it survives a loss of power when it carried BLOCK_FUA, or when a flush that was
 * submitted after the write was done is itself done.
 *
 * Ownership. From submit to done the request, its segments and the memory they name belong to the
 * device. done runs exactly once for each request submitted, possibly before submit returns, with
 * no lock of the device held; it may free the request or submit it anew.
 */
#ifndef SLUICE_BLOCKQUEUE_H
#define SLUICE_BLOCKQUEUE_H

#include <stdbool.h>
#include <stdint.h>
#include <oskit/com.h>
#include <oskit/error.h>
#include <oskit/types.h>
#include <sluice/list.h>

/*
 * A piece of memory that is one run of addresses for the processor and for a device
 * (env_dma_address(base) is its start): from env_page_alloc, or a block of env_alloc, or a pinned
 * page of a program. It does not cross from one allocation into another.
 */
struct sg_segment {
    void *base;
    oskit_u32_t length; /* bytes, > 0 */
};

enum block_op {
    BLOCK_READ,
    BLOCK_WRITE,
    BLOCK_FLUSH,        /* all writes done before now are on stable storage; no range, no memory */
    BLOCK_DISCARD,      /* the range's contents are no longer needed: a hint; no memory */
    BLOCK_WRITE_ZEROES, /* the range reads as zeros afterwards; no memory */
};
#define BLOCK_OP_COUNT 5u

/* Flags of a request. */
#define BLOCK_FUA   1u /* write, write zeroes: stable before done */
#define BLOCK_UNMAP 2u /* write zeroes: may give the space back */

struct block_request {
    /* The submitter's. */
    enum block_op op;
    oskit_u32_t flags;
    oskit_u64_t offset; /* bytes; a multiple of the block size */
    oskit_u64_t length; /* bytes; a multiple of the block size; the sum of the segments' lengths */
    const struct sg_segment *segments; /* each length a multiple of the block size */
    oskit_u32_t segment_count;
    /*
     * Called once. STATUS: OSKIT_SUCCESS: all of it was done; OSKIT_EIO: the device failed, what of
     * the range was transferred is not known; OSKIT_E_INVALIDARG: outside the device, not aligned,
     * beyond the limits; OSKIT_EROFS; OSKIT_EOPNOTSUPP (discard, write zeroes); OSKIT_ECANCELED;
     * OSKIT_ENOSPC. [any: expect interrupt context]
     */
    void (*done)(struct block_request *request, oskit_error_t status);
    void *arg; /* for done */

    /* The slice's that the request came through, which puts its own done in between; nobody else's.
     */
    void (*outer)(struct block_request *request, oskit_error_t status);
    void *outer_arg;

    /* The device's, from submit to done; what is in them before doesn't matter. */
    struct list link;
    oskit_u64_t started; /* env_time_monotonic at submit, for the histogram */
    uintptr_t device[6];
};

/* What a device takes in one request. Nothing here is 0 but where it says so. */
struct block_limits {
    oskit_u64_t size;             /* of the device in bytes */
    oskit_u32_t block_size;       /* smallest unit: 512 .. 4096, a power of two */
    oskit_u32_t physical_block;   /* a write of less makes the device read first; >= block_size */
    oskit_u32_t segments_max;     /* in a request */
    oskit_u32_t segment_size_max; /* bytes */
    oskit_u32_t length_max;       /* bytes of a read or write */
    oskit_u64_t discard_max;      /* bytes; 0: discard is OSKIT_EOPNOTSUPP */
    oskit_u64_t zeroes_max;       /* bytes; 0: write zeroes is OSKIT_EOPNOTSUPP */
    oskit_u32_t depth;            /* requests under way at once; more are queued, not refused */
    bool read_only;
    bool volatile_cache; /* flush and FUA do something */
};

/* Counts since the device appeared. Latency bucket I counts requests that took less than 2^I
 * microseconds and no less than half of that; the last one takes all longer ones. */
#define BLOCK_LATENCY_BUCKETS 24u
struct block_statistics {
    struct {
        oskit_u64_t requests, bytes, errors;
        oskit_u64_t nanoseconds; /* of all requests, from submit to done */
        oskit_u64_t latency[BLOCK_LATENCY_BUCKETS];
    } op[BLOCK_OP_COUNT];
    oskit_u64_t notifications; /* times the device was told of new requests */
    oskit_u64_t interrupts;
    oskit_u32_t in_flight;
};

/*
 * What every device does with a request, in one place. The caller brings the lock that guards
 * STATISTICS (its queue's own). [any]
 *
 * block_request_check: OSKIT_SUCCESS, or what the request's done must be told: a range outside the
 * device or not aligned, segments that don't add up to the length, more than LIMITS allow.
 */
oskit_error_t block_request_check(const struct block_request *request,
                                  const struct block_limits *limits);
void block_statistics_start(struct block_statistics *statistics, struct block_request *request);
void block_statistics_end(struct block_statistics *statistics, const struct block_request *request,
                          oskit_error_t status);

typedef struct sluice_blockqueue {
    struct sluice_blockqueue_ops *ops;
} sluice_blockqueue_t;

struct sluice_blockqueue_ops {
    OSKIT_COMDECL_IUNKNOWN(sluice_blockqueue_t)
    /*
     * Takes COUNT requests, told to the device with one notification. Never fails as such: every
     * request gets its done. With more than the device's depth the rest waits its turn inside.
     * [any]
     */
    void (*submit)(sluice_blockqueue_t *self, struct block_request *const *requests,
                   oskit_u32_t count);
    /*
     * Between plug and unplug, submitted requests may be held back, so that several submits make
     * one notification. Pairs nest and count per device, not per thread: someone else's unplug may
     * send yours earlier, never later than your own. [any]
     */
    void (*plug)(sluice_blockqueue_t *self);
    void (*unplug)(sluice_blockqueue_t *self);
    /*
     * Asks for REQUEST, which was submitted, to be given up. OSKIT_SUCCESS: it had not started; its
     * done has been called with OSKIT_ECANCELED. OSKIT_EBUSY: the device has it or had it, done
     * comes or came by itself. The caller must know that the request's memory is still there. [any]
     */
    oskit_error_t (*cancel)(sluice_blockqueue_t *self, struct block_request *request);
    /* Fills *OUT. The size changes when the medium does; the rest is fixed. [any] */
    void (*get_limits)(sluice_blockqueue_t *self, struct block_limits *out);
    void (*get_statistics)(sluice_blockqueue_t *self, struct block_statistics *out); /* [any] */
};
extern const struct oskit_guid sluice_blockqueue_iid; /* SLUICE_GUID(0x5ac10050) */

#define sluice_blockqueue_submit(q, requests, count) ((q)->ops->submit((q), (requests), (count)))
#define sluice_blockqueue_plug(q)                    ((q)->ops->plug(q))
#define sluice_blockqueue_unplug(q)                  ((q)->ops->unplug(q))
#define sluice_blockqueue_cancel(q, request)         ((q)->ops->cancel((q), (request)))
#define sluice_blockqueue_get_limits(q, out)         ((q)->ops->get_limits((q), (out)))
#define sluice_blockqueue_get_statistics(q, out)     ((q)->ops->get_statistics((q), (out)))
#define sluice_blockqueue_addref(q)                  ((q)->ops->addref(q))
#define sluice_blockqueue_release(q)                 ((q)->ops->release(q))

#endif
