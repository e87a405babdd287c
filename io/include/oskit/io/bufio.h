/*
 * Buffers: absio whose bytes can also be reached directly, by the processor (map) or by a device
 * (wire).
 *
 * read and write always work; the rest may answer OSKIT_E_NOTIMPL, always or for some ranges, and
 * the client then falls back to read and write. A query for absio on a bufio succeeds (with the
 * OSKit it often did not); ours answer blkio, with a block size of one, as well. Whether a buffer
 * is for reading or for writing is agreed between those who pass it around.
 *
 * The manual's prototypes call the last argument of map and wire "amount", its parameter lists
 * "size", the headers "count"; and the manual's unwire takes a void pointer where the headers have
 * oskit_addr_t. The headers' types hold here; oskit_bufio_unwire accepts a pointer too, cast to
 * oskit_addr_t through the macro.
 *
 * [thread] except where said. map, unmap, wire and unwire of our own buffers never sleep.
 */
#ifndef OSKIT_IO_BUFIO_H
#define OSKIT_IO_BUFIO_H

#include <oskit/com.h>
#include <oskit/error.h>
#include <oskit/types.h>

typedef struct oskit_bufio {
    struct oskit_bufio_ops *ops;
} oskit_bufio_t;

struct oskit_bufio_ops {
    OSKIT_COMDECL_IUNKNOWN(oskit_bufio_t)

    /* As in oskit_absio. */
    void *reserved;
    oskit_error_t (*read)(oskit_bufio_t *self, void *buf, oskit_off_t offset, oskit_size_t amount,
                          oskit_size_t *out_actual);
    oskit_error_t (*write)(oskit_bufio_t *self, const void *buf, oskit_off_t offset,
                           oskit_size_t amount, oskit_size_t *out_actual);
    oskit_error_t (*getsize)(oskit_bufio_t *self, oskit_off_t *out_size);
    oskit_error_t (*setsize)(oskit_bufio_t *self, oskit_off_t new_size);

    /* And its own. */

    /*
     * Gives a pointer to bytes OFFSET to OFFSET + COUNT, usable for loads and stores until unmap or
     * the last release, with no particular alignment. All of the range must lie in the buffer, else
     * OSKIT_E_INVALIDARG; an empty range within it is allowed. Only the range asked for may be
     * touched. OSKIT_E_NOTIMPL: use read and write.
     */
    oskit_error_t (*map)(oskit_bufio_t *self, void **out_addr, oskit_off_t offset,
                         oskit_size_t count);

    /* Ends one map; all three arguments exactly as map had and gave them. Whole regions only. */
    oskit_error_t (*unmap)(oskit_bufio_t *self, void *addr, oskit_off_t offset, oskit_size_t count);

    /*
     * Pins the range and gives the address at which a device finds it, contiguous, valid until
     * unwire. Either fills *out_phys_addr or fails. OSKIT_E_NOTIMPL: no device can reach it or it
     * is not contiguous; copy instead. Each success is one pin.
     */
    oskit_error_t (*wire)(oskit_bufio_t *self, oskit_addr_t *out_phys_addr, oskit_off_t offset,
                          oskit_size_t count);

    /*
     * Takes one pin off; arguments exactly as wire had and gave them (OSKIT_E_INVALIDARG when
     * nothing is wired). The last release of a wired buffer takes effect with its last unwire:
     * whoever wired it may drop its reference and unwire when the device is done. May be called
     * from interrupt context.
     */
    oskit_error_t (*unwire)(oskit_bufio_t *self, oskit_addr_t phys_addr, oskit_off_t offset,
                            oskit_size_t count);

    /*
     * A new buffer with the same bytes as the range, independent from then on. OSKIT_E_NOTIMPL when
     * it would be no faster than reading.
     */
    oskit_error_t (*copy)(oskit_bufio_t *self, oskit_off_t offset, oskit_size_t count,
                          oskit_bufio_t **out_io);
};

extern const struct oskit_guid oskit_bufio_iid;
#define OSKIT_BUFIO_IID \
    OSKIT_GUID(0x4aa7df8d, 0x7c74, 0x11cf, 0xb5, 0x00, 0x08, 0x00, 0x09, 0x53, 0xad, 0xc2)

#define oskit_bufio_query(self, iid, out) \
    ((self)->ops->query((oskit_bufio_t *)(self), (iid), (out)))
#define oskit_bufio_addref(self)  ((self)->ops->addref((oskit_bufio_t *)(self)))
#define oskit_bufio_release(self) ((self)->ops->release((oskit_bufio_t *)(self)))
#define oskit_bufio_read(self, buf, offset, amount, out_actual) \
    ((self)->ops->read((oskit_bufio_t *)(self), (buf), (offset), (amount), (out_actual)))
#define oskit_bufio_write(self, buf, offset, amount, out_actual) \
    ((self)->ops->write((oskit_bufio_t *)(self), (buf), (offset), (amount), (out_actual)))
#define oskit_bufio_getsize(self, out_size) \
    ((self)->ops->getsize((oskit_bufio_t *)(self), (out_size)))
#define oskit_bufio_setsize(self, new_size) \
    ((self)->ops->setsize((oskit_bufio_t *)(self), (new_size)))
#define oskit_bufio_map(self, out_addr, offset, count) \
    ((self)->ops->map((oskit_bufio_t *)(self), (out_addr), (offset), (count)))
#define oskit_bufio_unmap(self, addr, offset, count) \
    ((self)->ops->unmap((oskit_bufio_t *)(self), (addr), (offset), (count)))
#define oskit_bufio_wire(self, out_phys_addr, offset, count) \
    ((self)->ops->wire((oskit_bufio_t *)(self), (out_phys_addr), (offset), (count)))
#define oskit_bufio_unwire(self, phys_addr, offset, count) \
    ((self)->ops->unwire((oskit_bufio_t *)(self), (oskit_addr_t)(phys_addr), (offset), (count)))
#define oskit_bufio_copy(self, offset, count, out_io) \
    ((self)->ops->copy((oskit_bufio_t *)(self), (offset), (count), (out_io)))

/*
 * A buffer of SIZE bytes, zeroed, in pages that a device can reach: everything above works on it,
 * and absio finds it too. NULL when there is no memory. Fixed size. Its last release may come in
 * interrupt context. [thread]
 */
oskit_bufio_t *oskit_bufio_create(oskit_size_t size);

/*
 * A buffer around SIZE bytes that exist at BUF. FREE(COOKIE, BUF) (may be NULL) is called once when
 * the last reference and the last pin are gone, in the context of that release or unwire. BUF must
 * stay valid till then. wire works when BUF is memory of env_alloc or env_page_alloc that is
 * contiguous for the device, which the caller states by oskit_create_wirable_bufio; a buffer of
 * unknown origin, as oskit_create_extern_bufio has it, answers OSKIT_E_NOTIMPL. NULL when there is
 * no memory (FREE is not called). [thread]
 */
oskit_bufio_t *oskit_create_extern_bufio(void *buf, oskit_size_t size,
                                         void (*free)(void *cookie, void *buf), void *cookie);
oskit_bufio_t *oskit_create_wirable_bufio(void *buf, oskit_size_t size,
                                          void (*free)(void *cookie, void *buf), void *cookie);

#endif
