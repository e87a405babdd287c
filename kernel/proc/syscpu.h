/* The processors in /sys. */
#ifndef KERNEL_PROC_SYSCPU_H
#define KERNEL_PROC_SYSCPU_H

#include <sluice/synthfs.h>

/* What is below /sys/devices, ended by a node without a name. */
extern const struct synth_node sysfs_devices[];

#endif
