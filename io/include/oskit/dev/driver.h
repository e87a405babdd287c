/*
 * A device driver, as far as one asks it who it is.
 */
#ifndef OSKIT_DEV_DRIVER_H
#define OSKIT_DEV_DRIVER_H

#include <oskit/com.h>
#include <oskit/error.h>
#include <oskit/types.h>

/* What a device or driver says of itself; never NULL except vendor, author and version. */
struct oskit_devinfo {
    const char *name;        /* at most 15 characters */
    const char *description; /* one line */
    const char *vendor;
    const char *author;
    const char *version;
};
typedef struct oskit_devinfo oskit_devinfo_t;

typedef struct oskit_driver {
    struct oskit_driver_ops *ops;
} oskit_driver_t;

struct oskit_driver_ops {
    OSKIT_COMDECL_IUNKNOWN(oskit_driver_t)

    /* Who it is. The strings belong to the object and live as long as it does. [any] */
    oskit_error_t (*getinfo)(oskit_driver_t *self, oskit_devinfo_t *out_info);
};

extern const struct oskit_guid oskit_driver_iid;
#define OSKIT_DRIVER_IID \
    OSKIT_GUID(0x4aa7df88, 0x7c74, 0x11cf, 0xb5, 0x00, 0x08, 0x00, 0x09, 0x53, 0xad, 0xc2)

#define oskit_driver_query(self, iid, out) \
    ((self)->ops->query((oskit_driver_t *)(self), (iid), (out)))
#define oskit_driver_addref(self)  ((self)->ops->addref((oskit_driver_t *)(self)))
#define oskit_driver_release(self) ((self)->ops->release((oskit_driver_t *)(self)))
#define oskit_driver_getinfo(self, out_info) \
    ((self)->ops->getinfo((oskit_driver_t *)(self), (out_info)))

#endif
