/* File system types by name, for mount(2) and /proc/filesystems. */
#ifndef KERNEL_FSTYPES_H
#define KERNEL_FSTYPES_H

#include <stdbool.h>
#include <stdint.h>
#include <oskit/fs/filesystem.h>
#include <sluice/namespace.h>
#include "kernel/mount_options.h"

/* A file system of TYPE over SOURCE (a device's path as WALK walks it; those without a device
 * ignore both) with OPTIONS. -ABI_ENODEV for an unknown type; -ABI_EINVAL, too, when an option
 * isn't true of what is on the device. */
long fstype_create(const char *type, const char *source, const struct walk *walk,
                   const struct mount_options *options, oskit_filesystem_t **out);
/* The I-th type's name, or NULL; *nodev: it needs no device. */
const char *fstype_name(unsigned i, bool *nodev);
/* The number by which Linux's statfs tells the type NAME, which has no device; ramfs's for one that
 * isn't in the table (the root). */
uint32_t fstype_magic(const char *name);

#endif
