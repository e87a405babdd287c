/* File system types by name, for mount(2) and /proc/filesystems. */
#ifndef KERNEL_FSTYPES_H
#define KERNEL_FSTYPES_H

#include <stdbool.h>
#include <stdint.h>
#include <oskit/fs/filesystem.h>
#include <sluice/namespace.h>

/* A file system of TYPE over SOURCE (a device's path as WALK walks it; those without a device
 * ignore both, and FLAGS, DISKFS_*). -ABI_ENODEV for an unknown type. */
long fstype_create(const char *type, const char *source, const struct walk *walk, uint32_t flags,
                   oskit_filesystem_t **out);
/* The I-th type's name, or NULL; *nodev: it needs no device. */
const char *fstype_name(unsigned i, bool *nodev);

#endif
