/*
 * A block device. [thread]
 */
#ifndef OSKIT_DEV_BLK_H
#define OSKIT_DEV_BLK_H

#include <oskit/com.h>
#include <oskit/error.h>
#include <oskit/types.h>
#include <oskit/dev/device.h>
#include <oskit/io/blkio.h>

#define OSKIT_DEV_OPEN_READ  0x01
#define OSKIT_DEV_OPEN_WRITE 0x02
#define OSKIT_DEV_OPEN_ALL   0x03

typedef struct oskit_blkdev {
    struct oskit_blkdev_ops *ops;
} oskit_blkdev_t;

struct oskit_blkdev_ops {
    OSKIT_COMDECL_IUNKNOWN(oskit_blkdev_t)

    /* As in oskit_device. */
    oskit_error_t (*getinfo)(oskit_blkdev_t *self, oskit_devinfo_t *out_info);
    oskit_error_t (*getdriver)(oskit_blkdev_t *self, oskit_driver_t **out_driver);

    /* And its own. */

    /*
     * The disk as a blkio, for OSKIT_DEV_OPEN_* access. OSKIT_EROFS when it is protected,
     * OSKIT_E_DEV_NOSUCH_DEV when there is no medium.
     */
    oskit_error_t (*open)(oskit_blkdev_t *self, unsigned mode, oskit_blkio_t **out_blkio);
};

extern const struct oskit_guid oskit_blkdev_iid;
#define OSKIT_BLKDEV_IID \
    OSKIT_GUID(0x4aa7df82, 0x7c74, 0x11cf, 0xb5, 0x00, 0x08, 0x00, 0x09, 0x53, 0xad, 0xc2)

#define oskit_blkdev_query(self, iid, out) \
    ((self)->ops->query((oskit_blkdev_t *)(self), (iid), (out)))
#define oskit_blkdev_addref(self)  ((self)->ops->addref((oskit_blkdev_t *)(self)))
#define oskit_blkdev_release(self) ((self)->ops->release((oskit_blkdev_t *)(self)))
#define oskit_blkdev_getinfo(self, out_info) \
    ((self)->ops->getinfo((oskit_blkdev_t *)(self), (out_info)))
#define oskit_blkdev_getdriver(self, out_driver) \
    ((self)->ops->getdriver((oskit_blkdev_t *)(self), (out_driver)))
#define oskit_blkdev_open(self, mode, out_blkio) \
    ((self)->ops->open((oskit_blkdev_t *)(self), (mode), (out_blkio)))

#endif
