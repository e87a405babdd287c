/* The file systems at /proc and /sys. */
#ifndef KERNEL_PROC_PROC_H
#define KERNEL_PROC_PROC_H

#include <oskit/fs/filesystem.h>

/* All instances show the same. [thread] */
oskit_error_t proc_create(oskit_filesystem_t **out);

/* The file system at /sys: what tools for disks look at. [thread] */
oskit_error_t sysfs_create(oskit_filesystem_t **out);

#endif
