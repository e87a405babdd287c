/*
 * Network packet I/O: a consumer of packets.
 *
 * Each party implements one and gives it to the other: a driver pushes what it received into the
 * protocol's netio, the protocol pushes what it sends into the driver's.
 */
#ifndef OSKIT_IO_NETIO_H
#define OSKIT_IO_NETIO_H

#include <oskit/com.h>
#include <oskit/error.h>
#include <oskit/types.h>
#include <oskit/io/bufio.h>

typedef struct oskit_netio {
    struct oskit_netio_ops *ops;
} oskit_netio_t;

struct oskit_netio_ops {
    OSKIT_COMDECL_IUNKNOWN(oskit_netio_t)

    /*
     * Hands over the packet in the first SIZE bytes of BUF (SIZE is at most the buffer's size, else
     * OSKIT_E_INVALIDARG). BUF is borrowed and read-only: who keeps it after returning adds a
     * reference, and then the caller must not reuse it before that is released. Never sleeps.
     * OSKIT_EWOULDBLOCK or OSKIT_ENOBUFS: not taken, no room now; any other failure: not taken.
     * [any]
     */
    oskit_error_t (*push)(oskit_netio_t *self, oskit_bufio_t *buf, oskit_size_t size);

    /*
     * A buffer of at least SIZE bytes that this consumer can take without copying. OSKIT_E_NOTIMPL:
     * use any. NOT PART OF THE SEED: tables written against the manual end before this slot, so
     * call it only on a netio whose maker you know. [any]
     */
    oskit_error_t (*alloc_bufio)(oskit_netio_t *self, oskit_size_t size, oskit_bufio_t **out_buf);
};

extern const struct oskit_guid oskit_netio_iid;
#define OSKIT_NETIO_IID \
    OSKIT_GUID(0x4aa7df8b, 0x7c74, 0x11cf, 0xb5, 0x00, 0x08, 0x00, 0x09, 0x53, 0xad, 0xc2)

#define oskit_netio_query(self, iid, out) \
    ((self)->ops->query((oskit_netio_t *)(self), (iid), (out)))
#define oskit_netio_addref(self)  ((self)->ops->addref((oskit_netio_t *)(self)))
#define oskit_netio_release(self) ((self)->ops->release((oskit_netio_t *)(self)))
#define oskit_netio_push(self, buf, size) \
    ((self)->ops->push((oskit_netio_t *)(self), (buf), (size)))
#define oskit_netio_alloc_bufio(self, size, out_buf) \
    ((self)->ops->alloc_bufio((oskit_netio_t *)(self), (size), (out_buf)))

/*
 * A netio whose push calls FUNC(DATA, buf, size), which must check SIZE itself. With a DESTRUCTOR,
 * its last release calls DESTRUCTOR(DATA). alloc_bufio answers OSKIT_E_NOTIMPL. NULL when there is
 * no memory (the destructor is not called). [thread]
 */
oskit_netio_t *oskit_netio_create(oskit_error_t (*func)(void *data, oskit_bufio_t *buf,
                                                        oskit_size_t size),
                                  void *data);
oskit_netio_t *oskit_netio_create_cleanup(oskit_error_t (*func)(void *data, oskit_bufio_t *buf,
                                                                oskit_size_t size),
                                          void *data, void (*destructor)(void *data));

#endif
