/* Who wants to know which devices there are: device file systems. */
#ifndef IO_FS_DEVICE_WATCH_H
#define IO_FS_DEVICE_WATCH_H

#include <sluice/device.h>
#include <sluice/list.h>

/* Both run with the registry locked: they must not register, unregister or open devices. */
struct device_watch {
    struct list link;
    /* A failure fails the registration (removed is then called for those already told). */
    oskit_error_t (*added)(struct device_watch *watch, const struct device *device);
    void (*removed)(struct device_watch *watch, const struct device *device);
};

/* Begins by calling added for every device there is; on failure nothing is watched. [thread] */
oskit_error_t device_watch_start(struct device_watch *watch);
void device_watch_stop(struct device_watch *watch); /* [thread] */

#endif
