/*
 * A listener that passes each notification on to any number of others. Answers queries for listener
 * with the same pointer.
 */
#ifndef OSKIT_COM_LISTENER_FANOUT_H
#define OSKIT_COM_LISTENER_FANOUT_H

#include <oskit/com.h>
#include <oskit/error.h>
#include <oskit/types.h>
#include <oskit/com/listener.h>

typedef struct oskit_listener_fanout {
    struct oskit_listener_fanout_ops *ops;
} oskit_listener_fanout_t;

struct oskit_listener_fanout_ops {
    OSKIT_COMDECL_IUNKNOWN(oskit_listener_fanout_t)

    /* Notifies every listener with OBJ. Always 0. [any] */
    oskit_error_t (*notify)(oskit_listener_fanout_t *self, oskit_iunknown_t *obj);

    /* Adds one, with a reference; it may be there more than once. OSKIT_E_OUTOFMEMORY. [any] */
    oskit_error_t (*add)(oskit_listener_fanout_t *self, struct oskit_listener *listener);

    /*
     * Takes one off. OSKIT_E_INVALIDARG when it is not there. May be called inside its notify.
     * [any]
     */
    oskit_error_t (*remove)(oskit_listener_fanout_t *self, struct oskit_listener *listener);

    /* How many there are. [any] */
    oskit_u32_t (*count)(oskit_listener_fanout_t *self);
};

extern const struct oskit_guid oskit_listener_fanout_iid;
#define OSKIT_LISTENER_FANOUT_IID \
    OSKIT_GUID(0x4aa7dfae, 0x7c74, 0x11cf, 0xb5, 0x00, 0x08, 0x00, 0x09, 0x53, 0xad, 0xc2)

#define oskit_listener_fanout_query(self, iid, out) \
    ((self)->ops->query((oskit_listener_fanout_t *)(self), (iid), (out)))
#define oskit_listener_fanout_addref(self) ((self)->ops->addref((oskit_listener_fanout_t *)(self)))
#define oskit_listener_fanout_release(self) \
    ((self)->ops->release((oskit_listener_fanout_t *)(self)))
#define oskit_listener_fanout_notify(self, obj) \
    ((self)->ops->notify((oskit_listener_fanout_t *)(self), (obj)))
#define oskit_listener_fanout_add(self, listener) \
    ((self)->ops->add((oskit_listener_fanout_t *)(self), (listener)))
#define oskit_listener_fanout_remove(self, listener) \
    ((self)->ops->remove((oskit_listener_fanout_t *)(self), (listener)))
#define oskit_listener_fanout_count(self) ((self)->ops->count((oskit_listener_fanout_t *)(self)))

/* NULL when there is no memory. [thread] */
oskit_listener_fanout_t *oskit_create_listener_fanout(void);

#endif
