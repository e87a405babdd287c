/*
 * A device. Interfaces for its kind (blkdev, netdev, ttydev, clock, bus) extend this one.
 */
#ifndef OSKIT_DEV_DEVICE_H
#define OSKIT_DEV_DEVICE_H

#include <oskit/com.h>
#include <oskit/error.h>
#include <oskit/types.h>
#include <oskit/dev/driver.h>
#include <oskit/dev/error.h>

typedef struct oskit_device {
    struct oskit_device_ops *ops;
} oskit_device_t;

struct oskit_device_ops {
    OSKIT_COMDECL_IUNKNOWN(oskit_device_t)

    /* Who it is. The strings belong to the object and live as long as it does. [any] */
    oskit_error_t (*getinfo)(oskit_device_t *self, oskit_devinfo_t *out_info);

    /* The driver that drives it. */
    oskit_error_t (*getdriver)(oskit_device_t *self, oskit_driver_t **out_driver);
};

extern const struct oskit_guid oskit_device_iid;
#define OSKIT_DEVICE_IID \
    OSKIT_GUID(0x4aa7df80, 0x7c74, 0x11cf, 0xb5, 0x00, 0x08, 0x00, 0x09, 0x53, 0xad, 0xc2)

#define oskit_device_query(self, iid, out) \
    ((self)->ops->query((oskit_device_t *)(self), (iid), (out)))
#define oskit_device_addref(self)  ((self)->ops->addref((oskit_device_t *)(self)))
#define oskit_device_release(self) ((self)->ops->release((oskit_device_t *)(self)))
#define oskit_device_getinfo(self, out_info) \
    ((self)->ops->getinfo((oskit_device_t *)(self), (out_info)))
#define oskit_device_getdriver(self, out_driver) \
    ((self)->ops->getdriver((oskit_device_t *)(self), (out_driver)))

#endif
