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
