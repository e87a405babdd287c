/*
 * A terminal line. [thread]
 */
#ifndef OSKIT_DEV_TTY_H
#define OSKIT_DEV_TTY_H

#include <oskit/com.h>
#include <oskit/error.h>
#include <oskit/types.h>
#include <oskit/dev/device.h>
#include <oskit/io/ttystream.h>

typedef struct oskit_ttydev {
    struct oskit_ttydev_ops *ops;
} oskit_ttydev_t;

struct oskit_ttydev_ops {
    OSKIT_COMDECL_IUNKNOWN(oskit_ttydev_t)

    /* As in oskit_device. */
    oskit_error_t (*getinfo)(oskit_ttydev_t *self, oskit_devinfo_t *out_info);
    oskit_error_t (*getdriver)(oskit_ttydev_t *self, oskit_driver_t **out_driver);

    /* And its own. */

    /* The line as a terminal, whether or not a carrier is there. FLAGS are OSKIT_O_*. */
    oskit_error_t (*open)(oskit_ttydev_t *self, oskit_u32_t flags, oskit_ttystream_t **out_tty);

    /* The line for calls from outside: OSKIT_EWOULDBLOCK until a carrier is there. */
    oskit_error_t (*listen)(oskit_ttydev_t *self, oskit_u32_t flags, oskit_ttystream_t **out_tty);
};

extern const struct oskit_guid oskit_ttydev_iid;
#define OSKIT_TTYDEV_IID \
    OSKIT_GUID(0x4aa7dfa6, 0x7c74, 0x11cf, 0xb5, 0x00, 0x08, 0x00, 0x09, 0x53, 0xad, 0xc2)

#define oskit_ttydev_query(self, iid, out) \
    ((self)->ops->query((oskit_ttydev_t *)(self), (iid), (out)))
#define oskit_ttydev_addref(self)  ((self)->ops->addref((oskit_ttydev_t *)(self)))
#define oskit_ttydev_release(self) ((self)->ops->release((oskit_ttydev_t *)(self)))
#define oskit_ttydev_getinfo(self, out_info) \
    ((self)->ops->getinfo((oskit_ttydev_t *)(self), (out_info)))
#define oskit_ttydev_getdriver(self, out_driver) \
    ((self)->ops->getdriver((oskit_ttydev_t *)(self), (out_driver)))
#define oskit_ttydev_open(self, flags, out_tty) \
    ((self)->ops->open((oskit_ttydev_t *)(self), (flags), (out_tty)))
#define oskit_ttydev_listen(self, flags, out_tty) \
    ((self)->ops->listen((oskit_ttydev_t *)(self), (flags), (out_tty)))

#endif
