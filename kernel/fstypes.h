/* File system types by name, for mount(2) and /proc/filesystems. */
#ifndef KERNEL_FSTYPES_H
#define KERNEL_FSTYPES_H

#include <stdbool.h>
#include <oskit/fs/filesystem.h>

/* A file system of TYPE over SOURCE (a device path; ignored by those without). -ABI_ENODEV for an
 * unknown type. */
long fstype_create(const char *type, const char *source, oskit_filesystem_t **out);
/* The I-th type's name, or NULL; *nodev: it needs no device. */
const char *fstype_name(unsigned i, bool *nodev);

#endif
