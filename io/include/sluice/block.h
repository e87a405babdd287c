/*
 * Block objects that are made of others: adapters between bytes and blocks, and a disk in memory.
 * (oskit_blkio_subset, the slice, is in <oskit/io/blkio.h>.)
 */
#ifndef SLUICE_BLOCK_H
#define SLUICE_BLOCK_H

#include <oskit/com.h>
#include <oskit/error.h>
#include <oskit/io/absio.h>
#include <oskit/io/blkio.h>
#include <oskit/types.h>
#include <sluice/blockqueue.h>

/* Largest block size that the adapters take, since they keep a block of memory. */
#define BLOCK_SIZE_MAX 0x100000u

/*
 * A disk of SIZE bytes in blocks of BLOCK_SIZE (a power of two that divides SIZE, else
 * OSKIT_E_INVALIDARG), reading as zeros. Memory is taken page by page as it is written, and kept: a
 * write answers OSKIT_ENOSPC when there is none. Offers blkio, and absio by the same table when
 * BLOCK_SIZE is one; absvec, in bytes whatever the block size; and pager. Fixed size. [thread]
 */
oskit_error_t ramdisk_create(oskit_off_t size, oskit_u32_t block_size, oskit_blkio_t **out);

/*
 * The blkio of QUEUE: submit and wait. Answers for QUEUE's interfaces too, so that a client that is
 * given only the blkio finds the queue by query. The memory of a transfer may be any: it goes
 * through pages that the device can reach (one copy; who wants none submits to the queue). A
 * transfer that reaches past the end is cut there; a write at the end is OSKIT_ENOSPC. Holds a
 * reference to QUEUE. [thread]
 */
oskit_error_t blockqueue_blkio(sluice_blockqueue_t *queue, oskit_blkio_t **out);

/*
 * The other way: a queue over a blkio that has none, whose calls wait: WORKERS threads (1 to 16)
 * make them. When IO answers a query for sluice_blockqueue, that is the answer. No discard; write
 * zeroes is done by writing; flush is OSKIT_SUCCESS at once, for a blkio has no cache to speak of.
 * Holds a reference to IO; the last release waits for the workers. [thread]
 */
oskit_error_t blkio_blockqueue(oskit_blkio_t *io, unsigned workers, sluice_blockqueue_t **out);

/*
 * Bytes START..START + SIZE of QUEUE as a queue of their own, with statistics of its own; requests
 * go straight on to QUEUE. Both multiples of the block size and within the device, else
 * OSKIT_E_INVALIDARG. Slices of slices are slices of the first. Holds a reference to QUEUE.
 * [thread]
 */
oskit_error_t blockqueue_slice(sluice_blockqueue_t *queue, oskit_u64_t start, oskit_u64_t size,
                               sluice_blockqueue_t **out);

/*
 * Submits REQUEST, which may be longer than the device takes in one, and waits till all of it is
 * done. The submitter's fields need no done. The first error. [thread]
 */
oskit_error_t block_transfer(sluice_blockqueue_t *queue, const struct block_request *request);

/*
 * The bytes of IO: an absio (and a blkio of block size one) that reads, changes and writes back the
 * blocks that a transfer covers in part. When IO itself answers absio, that is the answer. Writes
 * exclude one another, so that two of them in one block don't lose either; writes to IO past the
 * view are not excluded. OSKIT_E_INVALIDARG for a block size that is no power of two or above
 * BLOCK_SIZE_MAX; OSKIT_E_OUTOFMEMORY. The view holds a reference to IO. [thread]
 */
oskit_error_t blkio_absio(oskit_blkio_t *io, oskit_absio_t **out);

/*
 * The whole blocks of IO: a blkio with blocks of BLOCK_SIZE. What is left of IO after the last
 * whole block can't be reached. Holds a reference to IO. OSKIT_E_INVALIDARG, OSKIT_E_OUTOFMEMORY.
 * [thread]
 */
oskit_error_t absio_blkio(oskit_absio_t *io, oskit_u32_t block_size, oskit_blkio_t **out);

#endif
