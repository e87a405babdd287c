/*
 * A bus: devices with places. [thread]
 */
#ifndef OSKIT_DEV_BUS_H
#define OSKIT_DEV_BUS_H

#include <oskit/com.h>
#include <oskit/error.h>
#include <oskit/types.h>
#include <oskit/dev/device.h>

#define OSKIT_BUS_POS_MAX 63

typedef struct oskit_bus {
    struct oskit_bus_ops *ops;
} oskit_bus_t;

struct oskit_bus_ops {
    OSKIT_COMDECL_IUNKNOWN(oskit_bus_t)

    /* As in oskit_device. */
    oskit_error_t (*getinfo)(oskit_bus_t *self, oskit_devinfo_t *out_info);
    oskit_error_t (*getdriver)(oskit_bus_t *self, oskit_driver_t **out_driver);

    /* And its own. */

    /* The IDXth device on the bus and its place there as text. OSKIT_E_DEV_NOMORE_CHILDREN. */
    oskit_error_t (*getchild)(oskit_bus_t *self, unsigned idx, oskit_device_t **out_device,
                              char out_pos[OSKIT_BUS_POS_MAX + 1]);

    /* Looks for devices. */
    oskit_error_t (*probe)(oskit_bus_t *self);
};

extern const struct oskit_guid oskit_bus_iid;
#define OSKIT_BUS_IID \
    OSKIT_GUID(0x4aa7df83, 0x7c74, 0x11cf, 0xb5, 0x00, 0x08, 0x00, 0x09, 0x53, 0xad, 0xc2)

#define oskit_bus_query(self, iid, out)   ((self)->ops->query((oskit_bus_t *)(self), (iid), (out)))
#define oskit_bus_addref(self)            ((self)->ops->addref((oskit_bus_t *)(self)))
#define oskit_bus_release(self)           ((self)->ops->release((oskit_bus_t *)(self)))
#define oskit_bus_getinfo(self, out_info) ((self)->ops->getinfo((oskit_bus_t *)(self), (out_info)))
#define oskit_bus_getdriver(self, out_driver) \
    ((self)->ops->getdriver((oskit_bus_t *)(self), (out_driver)))
#define oskit_bus_getchild(self, idx, out_device, out_pos) \
    ((self)->ops->getchild((oskit_bus_t *)(self), (idx), (out_device), (out_pos)))
#define oskit_bus_probe(self) ((self)->ops->probe((oskit_bus_t *)(self)))

#endif
