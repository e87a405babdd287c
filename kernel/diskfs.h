/* File systems that lie on a block device. */
#ifndef KERNEL_DISKFS_H
#define KERNEL_DISKFS_H

#include <stdint.h>
#include <oskit/fs/filesystem.h>
#include <sluice/namespace.h>

#define DISKFS_RDONLY  1u
#define DISKFS_NOATIME 2u

/* Mounts the file system of TYPE on the block device with that NUMBER, claiming the device; NAME is
 * for the log. A device that can't be written is mounted read-only. */
oskit_error_t diskfs_mount_number(uint32_t number, const char *name, uint32_t flags,
                                  oskit_filesystem_t **out);
/* The same by the path of its node: -ABI_ENOTBLK when it is none. */
long diskfs_mount(const struct walk *walk, const char *path, uint32_t flags,
                  oskit_filesystem_t **out);
/* And by its name below /dev ("/dev/vda" or "vda"), when there is no namespace yet. -ABI_ENODEV. */
long diskfs_mount_named(const char *name, uint32_t flags, oskit_filesystem_t **out);

/* Before the machine goes off: every file system brings what it has to its disk and takes no more
 * changes. */
void diskfs_shutdown(void);

#endif
