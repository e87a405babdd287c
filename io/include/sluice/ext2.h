/*
 * The file system of the ext2 family: ext2 and ext3 (with its journal) read and written, ext4's
 * extents, 64-bit block numbers and checksums read. Files offer filex, file, posixio and xattr, and
 * what an open gives absvec, absio, pager; directories dir and filex. Permissions are checked as
 * ramfs does (<sluice/ramfs.h>).
 */
#ifndef SLUICE_EXT2_H
#define SLUICE_EXT2_H

#include <oskit/com.h>
#include <oskit/error.h>
#include <oskit/fs/filesystem.h>
#include <oskit/types.h>
#include <sluice/blockqueue.h>

#define EXT2_MOUNT_RDONLY  1u
#define EXT2_MOUNT_NOATIME 2u

struct ext2_options {
    oskit_u32_t flags;       /* EXT2_MOUNT_* */
    oskit_u32_t dev;         /* what stat's dev shall be: the number of the device */
    const char *name;        /* of the device, for the log; copied, cut to 31 bytes */
    oskit_iunknown_t *claim; /* held as long as the file system is: an open of the device that
                                keeps others from mounting it; may be NULL */
};

/*
 * The file system on DEVICE, which gains a reference; nothing else writes it meanwhile. A journal
 * is replayed first, unless that needs writing and the device forbids it (OSKIT_EROFS). Features
 * that may be read but not written make it read-only; filesystem->statfs's flag says so. Why a
 * mount is refused is in the log: OSKIT_E_INVALIDARG: none of ours, or with features unknown here;
 * OSKIT_EUCLEAN: damaged; OSKIT_EIO; OSKIT_E_OUTOFMEMORY.
 *
 * remount takes OSKIT_FS_RDONLY or 0: OSKIT_EROFS when it can't be written. What is still dirty at
 * the last release of the file system and its files is written then. [thread]
 */
oskit_error_t ext2_mount(sluice_blockqueue_t *device, const struct ext2_options *options,
                         oskit_filesystem_t **out);

#endif
