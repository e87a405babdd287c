/*
 * A callback as an object.
 *
 * Who keeps a listener holds a reference, also while notify runs.
 */
#ifndef OSKIT_COM_LISTENER_H
#define OSKIT_COM_LISTENER_H

#include <oskit/com.h>
#include <oskit/error.h>
#include <oskit/types.h>

typedef struct oskit_listener {
    struct oskit_listener_ops *ops;
} oskit_listener_t;

struct oskit_listener_ops {
    OSKIT_COMDECL_IUNKNOWN(oskit_listener_t)

    /*
     * Something happened to OBJ (borrowed). Must not sleep and is called with no lock of OBJ held:
     * it may call OBJ's poll, and remove itself. The answer is ignored by most callers; see each.
     * [any]
     */
    oskit_error_t (*notify)(oskit_listener_t *self, oskit_iunknown_t *obj);
};

extern const struct oskit_guid oskit_listener_iid;
#define OSKIT_LISTENER_IID \
    OSKIT_GUID(0x4aa7dfa8, 0x7c74, 0x11cf, 0xb5, 0x00, 0x08, 0x00, 0x09, 0x53, 0xad, 0xc2)

#define oskit_listener_query(self, iid, out) \
    ((self)->ops->query((oskit_listener_t *)(self), (iid), (out)))
#define oskit_listener_addref(self)      ((self)->ops->addref((oskit_listener_t *)(self)))
#define oskit_listener_release(self)     ((self)->ops->release((oskit_listener_t *)(self)))
#define oskit_listener_notify(self, obj) ((self)->ops->notify((oskit_listener_t *)(self), (obj)))

typedef oskit_error_t (*oskit_listener_callback_t)(struct oskit_iunknown *obj, void *arg);

/*
 * A listener whose notify returns CALLBACK(obj, ARG). NULL when there is no memory. The manual's
 * synopsis calls it oskit_listener_create. Its last release may come in any context. [thread]
 */
oskit_listener_t *oskit_create_listener(oskit_listener_callback_t callback, void *arg);
#define oskit_listener_create(callback, arg) oskit_create_listener(callback, arg)

#endif
