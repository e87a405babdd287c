/*
 * A netio that gives each packet to any number of others.
 *
 * It answers queries for netio too; the table is netio's only up to push, so the two interfaces are
 * different pointers.
 */
#ifndef OSKIT_IO_NETIO_FANOUT_H
#define OSKIT_IO_NETIO_FANOUT_H

#include <oskit/com.h>
#include <oskit/error.h>
#include <oskit/types.h>
#include <oskit/io/netio.h>

typedef struct oskit_netio_fanout {
    struct oskit_netio_fanout_ops *ops;
} oskit_netio_fanout_t;

struct oskit_netio_fanout_ops {
    OSKIT_COMDECL_IUNKNOWN(oskit_netio_fanout_t)

    /*
     * Pushes the packet to every consumer, each whatever the others answered. Returns the last
     * failure, or 0. [any]
     */
    oskit_error_t (*push)(oskit_netio_fanout_t *self, oskit_bufio_t *buf, oskit_size_t size);

    /*
     * Adds a consumer, with a reference. Adding one twice makes it get each packet twice. [thread]
     */
    oskit_error_t (*add_listener)(oskit_netio_fanout_t *self, oskit_netio_t *listener);

    /*
     * Takes it off once and drops the reference. OSKIT_E_INVALIDARG when it isn't there. A push in
     * progress may still reach it. May be called from its push. [thread]
     */
    oskit_error_t (*remove_listener)(oskit_netio_fanout_t *self, oskit_netio_t *listener);
};

extern const struct oskit_guid oskit_netio_fanout_iid;
#define OSKIT_NETIO_FANOUT_IID \
    OSKIT_GUID(0x4aa7dfa2, 0x7c74, 0x11cf, 0xb5, 0x00, 0x08, 0x00, 0x09, 0x53, 0xad, 0xc2)

#define oskit_netio_fanout_query(self, iid, out) \
    ((self)->ops->query((oskit_netio_fanout_t *)(self), (iid), (out)))
#define oskit_netio_fanout_addref(self)  ((self)->ops->addref((oskit_netio_fanout_t *)(self)))
#define oskit_netio_fanout_release(self) ((self)->ops->release((oskit_netio_fanout_t *)(self)))
#define oskit_netio_fanout_push(self, buf, size) \
    ((self)->ops->push((oskit_netio_fanout_t *)(self), (buf), (size)))
#define oskit_netio_fanout_add_listener(self, listener) \
    ((self)->ops->add_listener((oskit_netio_fanout_t *)(self), (listener)))
#define oskit_netio_fanout_remove_listener(self, listener) \
    ((self)->ops->remove_listener((oskit_netio_fanout_t *)(self), (listener)))

/* NULL when there is no memory. [thread] */
oskit_netio_fanout_t *oskit_netio_fanout_create(void);

#endif
