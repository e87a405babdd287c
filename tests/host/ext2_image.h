/*
 * Images of ext2 file systems for host tests: made by mke2fs in a file, loaded into a RAM disk,
 * mounted, saved again and judged by e2fsck.
 */
#ifndef TESTS_HOST_EXT2_IMAGE_H
#define TESTS_HOST_EXT2_IMAGE_H

#include <stdbool.h>
#include <oskit/fs/dir.h>
#include <oskit/fs/filesystem.h>
#include <oskit/io/absio.h>
#include <oskit/io/blkio.h>
#include <sluice/blockqueue.h>
#include <sluice/ext2.h>
#include <sluice/filex.h>

struct ext2_image {
    char folder[64]; /* temporary; gone with the image */
    char path[96];   /* the file */
    oskit_blkio_t *disk;
    sluice_blockqueue_t *queue;
    oskit_filesystem_t *fs; /* mounted, or NULL */
    oskit_dir_t *root;
};

/* Whether mke2fs, e2fsck and debugfs are there; otherwise tests skip. */
bool ext2_image_tools(void);
/* An image of KILOBYTES made by mke2fs with OPTIONS ("-t ext3 -b 1024"), filled from SOURCE when it
 * is not NULL, in a RAM disk. Ends the process when mke2fs fails. */
void ext2_image_make(struct ext2_image *image, const char *options, unsigned kilobytes,
                     const char *source);
/* Reads the file into the RAM disk; writes it back. */
void ext2_image_load(struct ext2_image *image);
void ext2_image_save(struct ext2_image *image);
void ext2_image_free(struct ext2_image *image);
/* A RAM disk with the file's contents, and its end; what make and free do besides the folder. */
void ext2_image_attach(struct ext2_image *image);
void ext2_image_detach(struct ext2_image *image);

oskit_error_t ext2_image_mount(struct ext2_image *image, unsigned flags);
void ext2_image_unmount(struct ext2_image *image);
/* Saves and asks e2fsck -fn: true when it finds nothing. Prints what it finds. */
bool ext2_image_clean(struct ext2_image *image);
/* Runs a shell command made by printf; its exit status. */
int ext2_shell(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The tree of DIR copied to the host's folder PATH by our own reading: files, directories, links.
 */
void ext2_dump(oskit_dir_t *dir, const char *path);
/* The file at PATH (components by '/') below DIR, with a reference. */
oskit_error_t ext2_walk_to(oskit_dir_t *dir, const char *path, oskit_file_t **out);
/* A file opened for reading and writing at offsets; NULL where it can't be. */
oskit_absio_t *ext2_open_io(oskit_file_t *file);
/* Makes NAME in DIR with COUNT bytes that tell which file and place they are; the error that
 * stopped it, and how many were WRITTEN. */
oskit_error_t ext2_fill_file(oskit_dir_t *dir, const char *name, size_t count, size_t *written);

#endif
