/*
 * What the files of synthfs share.
 *
 * A file is made by each lookup: a node of the owner's tree, the key it is shown for, and the
 * directory it was found in. Files hold their directory and the file system, which holds none of
 * them, so there is no cycle. Nothing here changes once made but the text of an open file, under
 * that file's mutex.
 */
#ifndef IO_FS_SYNTH_PRIVATE_H
#define IO_FS_SYNTH_PRIVATE_H

#include <oskit/fs/dir.h>
#include <oskit/fs/openfile.h>
#include <sluice/dynamic.h>
#include <sluice/env.h>
#include <sluice/filex.h>
#include <sluice/fsnumber.h>
#include <sluice/list.h>
#include <sluice/object.h>
#include <sluice/string.h>
#include <sluice/synthfs.h>
#include "synth_text.h"

struct synthfs {
    struct sluice_object object;
    SLUICE_FACE(oskit_filesystem_t) filesystem;
    const struct synth_node *root;
    struct fs_number number;
    oskit_s64_t start; /* the times of all files */
};

struct synth_file {
    struct sluice_object object;
    SLUICE_FACE(oskit_file_t) file; /* of a directory: an oskit_dir_t */
    SLUICE_FACE(sluice_filex_t) filex;
    SLUICE_FACE(sluice_dynamic_t) dynamic;
    struct synthfs *fs;        /* with a reference */
    struct synth_file *parent; /* with a reference; NULL of the root */
    const struct synth_node *node;
    oskit_u64_t key;
    bool found; /* by the parent's find, rather than among its static children */
    size_t length;
    char name[]; /* NUL-terminated */
};

static inline struct synth_file *synth_file_of(const void *face)
{
    return container_of(SLUICE_OBJECT(face), struct synth_file, object);
}

/* synth_file.c */
extern const struct sluice_filex_ops synth_filex_ops;
oskit_error_t synth_file_create(struct synthfs *fs, struct synth_file *parent,
                                const struct synth_node *node, const char *name, oskit_u64_t key,
                                bool found, struct synth_file **out);
oskit_u64_t synth_ino(const struct synth_node *node, oskit_u64_t key);
oskit_error_t synth_permission(struct synth_file *file, oskit_u32_t want);
/* The seed's methods. SELF is the file (or dir) face. */
oskit_error_t synth_stat(oskit_file_t *self, oskit_stat_t *out);
oskit_error_t synth_setstat(oskit_file_t *self, oskit_u32_t mask, const oskit_stat_t *stats);
oskit_error_t synth_pathconf(oskit_file_t *self, oskit_s32_t option, oskit_s32_t *out_val);
oskit_error_t synth_sync(oskit_file_t *self, oskit_bool_t wait);
oskit_error_t synth_access(oskit_file_t *self, oskit_amode_t amode);
oskit_error_t synth_readlink(oskit_file_t *self, char *buf, oskit_u32_t len,
                             oskit_u32_t *out_actual);
oskit_error_t synth_open(oskit_file_t *self, oskit_oflags_t oflags, oskit_openfile_t **out);
oskit_error_t synth_getfs(oskit_file_t *self, oskit_filesystem_t **out);

/* synth_dir.c */
extern const struct oskit_dir_ops synth_dir_ops;
oskit_error_t synth_readdir(struct synth_file *dir, oskit_u64_t *cookie,
                            bool (*emit)(void *arg, const struct filex_entry *entry), void *arg);

/* synth_open.c */
/* The state of one open: a text made when its beginning is read. */
oskit_error_t synth_open_create(struct synth_file *file, oskit_iunknown_t **out);

#endif
