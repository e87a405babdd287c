/*
 * Absolute I/O: bytes at given offsets, no seek pointer.
 *
 * Slot for slot the same as blkio, whose getblocksize is this table's reserved slot. An object that
 * moves single bytes can therefore give one table for both (see oskit_blkio).
 *
 * Offsets are in bytes and signed; a negative one is OSKIT_E_INVALIDARG. An amount that reaches
 * past the end is cut there, however large. Short transfers are success: the seed leaves reads at
 * the end open, and we answer success with 0. Out parameters must not be NULL and are written on
 * success (and set to 0 on failure by objects of ours). [thread] throughout; reads and writes may
 * sleep for the medium, never for an event.
 */
#ifndef OSKIT_IO_ABSIO_H
#define OSKIT_IO_ABSIO_H

#include <oskit/com.h>
#include <oskit/error.h>
#include <oskit/types.h>

typedef struct oskit_absio {
    struct oskit_absio_ops *ops;
} oskit_absio_t;

struct oskit_absio_ops {
    OSKIT_COMDECL_IUNKNOWN(oskit_absio_t)

    /* The place of getblocksize in blkio; NULL when the table is not shared with one. */
    void *reserved;

    /*
     * Reads up to AMOUNT bytes at OFFSET into BUF; *out_actual says how many came. Fewer only at
     * the end of the object (or where an error begins, which the next call reports); 0 at or past
     * the end, with success.
     */
    oskit_error_t (*read)(oskit_absio_t *self, void *buf, oskit_off_t offset, oskit_size_t amount,
                          oskit_size_t *out_actual);

    /*
     * Writes up to AMOUNT bytes at OFFSET; *out_actual says how many went. An object that can grow
     * does; a gap reads as zeros. One of fixed size stops at its end: a write that could move
     * nothing there fails (OSKIT_ENOSPC here).
     */
    oskit_error_t (*write)(oskit_absio_t *self, const void *buf, oskit_off_t offset,
                           oskit_size_t amount, oskit_size_t *out_actual);

    /* The size now, in bytes. */
    oskit_error_t (*getsize)(oskit_absio_t *self, oskit_off_t *out_size);

    /*
     * Cuts or grows. What growth adds reads as zeros. Objects of fixed size answer OSKIT_E_NOTIMPL.
     */
    oskit_error_t (*setsize)(oskit_absio_t *self, oskit_off_t new_size);
};

extern const struct oskit_guid oskit_absio_iid;
#define OSKIT_ABSIO_IID \
    OSKIT_GUID(0x4aa7df9d, 0x7c74, 0x11cf, 0xb5, 0x00, 0x08, 0x00, 0x09, 0x53, 0xad, 0xc2)

#define oskit_absio_query(self, iid, out) \
    ((self)->ops->query((oskit_absio_t *)(self), (iid), (out)))
#define oskit_absio_addref(self)  ((self)->ops->addref((oskit_absio_t *)(self)))
#define oskit_absio_release(self) ((self)->ops->release((oskit_absio_t *)(self)))
#define oskit_absio_read(self, buf, offset, amount, out_actual) \
    ((self)->ops->read((oskit_absio_t *)(self), (buf), (offset), (amount), (out_actual)))
#define oskit_absio_write(self, buf, offset, amount, out_actual) \
    ((self)->ops->write((oskit_absio_t *)(self), (buf), (offset), (amount), (out_actual)))
#define oskit_absio_getsize(self, out_size) \
    ((self)->ops->getsize((oskit_absio_t *)(self), (out_size)))
#define oskit_absio_setsize(self, new_size) \
    ((self)->ops->setsize((oskit_absio_t *)(self), (new_size)))

#endif
