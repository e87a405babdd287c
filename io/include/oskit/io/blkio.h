/*
 * Block I/O: like absio, in units of a fixed block size.
 *
 * A block size of one makes this absio: such an object uses one table for both interfaces, with the
 * same function in getblocksize and in absio's reserved slot. Clients that need bytes ask for absio
 * first and put blkio_absio (<sluice/block.h>) over what has only blocks.
 *
 * [thread] except where said. Synchronous: returns when the transfer is done.
 */
#ifndef OSKIT_IO_BLKIO_H
#define OSKIT_IO_BLKIO_H

#include <oskit/com.h>
#include <oskit/error.h>
#include <oskit/types.h>

typedef struct oskit_blkio {
    struct oskit_blkio_ops *ops;
} oskit_blkio_t;

struct oskit_blkio_ops {
    OSKIT_COMDECL_IUNKNOWN(oskit_blkio_t)

    /*
     * The smallest unit of transfer in bytes, a power of two; constant during the life of the
     * object. [any]
     */
    oskit_u32_t (*getblocksize)(oskit_blkio_t *self);

    /*
     * As absio's. OFFSET and AMOUNT must be multiples of the block size (OSKIT_E_INVALIDARG); so is
     * *out_actual.
     */
    oskit_error_t (*read)(oskit_blkio_t *self, void *buf, oskit_off_t offset, oskit_size_t amount,
                          oskit_size_t *out_actual);

    /* As absio's, likewise in whole blocks. OSKIT_EROFS when the medium is protected. */
    oskit_error_t (*write)(oskit_blkio_t *self, const void *buf, oskit_off_t offset,
                           oskit_size_t amount, oskit_size_t *out_actual);

    /* The size in bytes, a multiple of the block size. */
    oskit_error_t (*getsize)(oskit_blkio_t *self, oskit_off_t *out_size);

    /* OSKIT_E_NOTIMPL for disks, partitions and all else of fixed size. */
    oskit_error_t (*setsize)(oskit_blkio_t *self, oskit_off_t new_size);
};

extern const struct oskit_guid oskit_blkio_iid;
#define OSKIT_BLKIO_IID \
    OSKIT_GUID(0x4aa7df81, 0x7c74, 0x11cf, 0xb5, 0x00, 0x08, 0x00, 0x09, 0x53, 0xad, 0xc2)

#define oskit_blkio_query(self, iid, out) \
    ((self)->ops->query((oskit_blkio_t *)(self), (iid), (out)))
#define oskit_blkio_addref(self)       ((self)->ops->addref((oskit_blkio_t *)(self)))
#define oskit_blkio_release(self)      ((self)->ops->release((oskit_blkio_t *)(self)))
#define oskit_blkio_getblocksize(self) ((self)->ops->getblocksize((oskit_blkio_t *)(self)))
#define oskit_blkio_read(self, buf, offset, amount, out_actual) \
    ((self)->ops->read((oskit_blkio_t *)(self), (buf), (offset), (amount), (out_actual)))
#define oskit_blkio_write(self, buf, offset, amount, out_actual) \
    ((self)->ops->write((oskit_blkio_t *)(self), (buf), (offset), (amount), (out_actual)))
#define oskit_blkio_getsize(self, out_size) \
    ((self)->ops->getsize((oskit_blkio_t *)(self), (out_size)))
#define oskit_blkio_setsize(self, new_size) \
    ((self)->ops->setsize((oskit_blkio_t *)(self), (new_size)))

struct oskit_absio;

/*
 * The SIZE bytes of IO from OFFSET on, as an object of their own: a partition, a slice. OFFSET and
 * SIZE must be multiples of the block size and not negative (OSKIT_E_INVALIDARG). A SIZE that
 * reaches past the end of IO is clipped to it; an OFFSET past the end gives an empty slice. The
 * slice holds a reference to IO, has its block size, and answers setsize with OSKIT_E_NOTIMPL. When
 * the block size is one it offers absio too. OSKIT_E_OUTOFMEMORY. [thread]
 */
oskit_error_t oskit_blkio_subset(oskit_blkio_t *io, oskit_off_t offset, oskit_off_t size,
                                 oskit_blkio_t **out);

#endif
