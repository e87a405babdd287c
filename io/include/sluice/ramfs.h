/*
 * ramfs: a file system in memory. Files are pages from env_page_alloc, so that they can be mapped
 * and sent without a copy; directories, links, FIFOs, device nodes and sockets are there as POSIX
 * has them.
 *
 * Files offer file, posixio, absio, sluice_absvec, sluice_pager, sluice_filex; directories dir and
 * sluice_filex; symbolic links, FIFOs and nodes file and sluice_filex. Permissions are checked
 * against env_identity by every method that names or changes something, and by file->open; not by
 * reads and writes of a file already in hand.
 */
#ifndef SLUICE_RAMFS_H
#define SLUICE_RAMFS_H

#include <oskit/com.h>
#include <oskit/error.h>
#include <oskit/fs/filesystem.h>
#include <oskit/types.h>

#define RAMFS_UNLIMITED UINT64_MAX

/* Directories change by calls that don't pass through the namespace: files answer sluice_dynamic.
 */
#define RAMFS_DYNAMIC 1u

/*
 * An empty file system, its root owned by user and group 0 with permissions 0755. Data may take up
 * to PAGE_LIMIT pages (then OSKIT_ENOSPC); names and inodes are not counted. Everything in it goes
 * when its last reference does, except files that are held: those keep their contents. [thread]
 */
oskit_error_t ramfs_create(oskit_u64_t page_limit, oskit_u32_t flags, oskit_filesystem_t **out);

#endif
