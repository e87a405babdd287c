/*
 * Asynchronous I/O in the seed's sense: learning when an object becomes ready.
 *
 * Conditions are levels. READABLE: a read would not answer OSKIT_EWOULDBLOCK; so an end of file or
 * a pending error is readable. WRITABLE: likewise. EXCEPTION: out-of-band data. The manual spells
 * the second WRITEABLE, the headers WRITABLE; both are here.
 *
 * notify is called with the object that changed, in the context where the change came up, which may
 * be interrupt context, with no lock of the object held.
 */
#ifndef OSKIT_IO_ASYNCIO_H
#define OSKIT_IO_ASYNCIO_H

#include <oskit/com.h>
#include <oskit/error.h>
#include <oskit/types.h>

struct oskit_listener;

#define OSKIT_ASYNCIO_READABLE  0x1
#define OSKIT_ASYNCIO_WRITABLE  0x2
#define OSKIT_ASYNCIO_WRITEABLE OSKIT_ASYNCIO_WRITABLE
#define OSKIT_ASYNCIO_EXCEPTION 0x4
#define OSKIT_ASYNCIO_ALL       0x7

typedef struct oskit_asyncio {
    struct oskit_asyncio_ops *ops;
} oskit_asyncio_t;

struct oskit_asyncio_ops {
    OSKIT_COMDECL_IUNKNOWN(oskit_asyncio_t)

    /* The conditions that hold now, as a mask, or an error code (negative). [any] */
    oskit_error_t (*poll)(oskit_asyncio_t *self);

    /*
     * Has LISTENER notified each time one of MASK's conditions comes up, until removed; takes a
     * reference to it. Returns the conditions that hold already, or an error code; never calls back
     * before it returns, so check the answer. The same listener added again is a second
     * registration. Notifications may be spurious: poll tells the truth. [thread]
     */
    oskit_error_t (*add_listener)(oskit_asyncio_t *self, struct oskit_listener *listener,
                                  oskit_s32_t mask);

    /*
     * Undoes one registration. When it returns, no notify for it runs and none will, except when
     * called from within that notify, which is allowed. OSKIT_E_INVALIDARG when it is not
     * registered. [thread]
     */
    oskit_error_t (*remove_listener)(oskit_asyncio_t *self, struct oskit_listener *listener);

    /* Bytes that a read would give now, at most 2147483647, or an error code. [any] */
    oskit_error_t (*readable)(oskit_asyncio_t *self);
};

extern const struct oskit_guid oskit_asyncio_iid;
#define OSKIT_ASYNCIO_IID \
    OSKIT_GUID(0x4aa7dfa7, 0x7c74, 0x11cf, 0xb5, 0x00, 0x08, 0x00, 0x09, 0x53, 0xad, 0xc2)

#define oskit_asyncio_query(self, iid, out) \
    ((self)->ops->query((oskit_asyncio_t *)(self), (iid), (out)))
#define oskit_asyncio_addref(self)  ((self)->ops->addref((oskit_asyncio_t *)(self)))
#define oskit_asyncio_release(self) ((self)->ops->release((oskit_asyncio_t *)(self)))
#define oskit_asyncio_poll(self)    ((self)->ops->poll((oskit_asyncio_t *)(self)))
#define oskit_asyncio_add_listener(self, listener, mask) \
    ((self)->ops->add_listener((oskit_asyncio_t *)(self), (listener), (mask)))
#define oskit_asyncio_remove_listener(self, listener) \
    ((self)->ops->remove_listener((oskit_asyncio_t *)(self), (listener)))
#define oskit_asyncio_readable(self) ((self)->ops->readable((oskit_asyncio_t *)(self)))

#endif
