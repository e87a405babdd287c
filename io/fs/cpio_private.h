/* Between reading an archive (cpio.c) and making what it holds (cpio_make.c). */
#ifndef IO_FS_CPIO_PRIVATE_H
#define IO_FS_CPIO_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <oskit/error.h>
#include <oskit/fs/dir.h>
#include <sluice/device.h>
#include <sluice/list.h>

struct cpio_entry {
    oskit_u32_t ino, mode, uid, gid, nlink, mtime, size, dev_major, dev_minor, rdev, check;
    const char *name; /* NUL-terminated */
    const unsigned char *data;
};

struct cpio_maker {
    oskit_dir_t *root;       /* borrowed */
    struct list links;       /* files of this archive with several names */
    struct list directories; /* whose times are set in the end */
};

void cpio_maker_start(struct cpio_maker *maker, oskit_dir_t *root);
/* Inode numbers mean nothing to the next archive. */
void cpio_maker_end_archive(struct cpio_maker *maker);
void cpio_maker_finish(struct cpio_maker *maker);
/* Makes ENTRY, in place of what has its name. On failure *reason says what couldn't be done. */
oskit_error_t cpio_make(struct cpio_maker *maker, const struct cpio_entry *entry,
                        const char **reason);

/* cpio_way.c */
/* The OSKIT_S_IFMT bits of FILE. */
oskit_error_t cpio_type(oskit_file_t *file, oskit_u32_t *out);
/*
 * Walks PATH from the directory FROM, makes directories that are missing, and goes through links.
 * *OUT with a reference. DEPTH counts the links one in another.
 */
oskit_error_t cpio_walk(struct cpio_maker *maker, oskit_dir_t *from, const char *path,
                        size_t length, unsigned depth, oskit_dir_t **out);
/* Whether ".." is among the components: no packer writes that. */
bool cpio_name_climbs(const char *name);
/* The last component and its length, 0 for the root itself ("/", ".", "./"). */
const char *cpio_last(const char *name, size_t *length);

#endif
