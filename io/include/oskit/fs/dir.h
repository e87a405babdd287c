/*
 * A directory: a file with names in it.
 *
 * Names are single components, NUL-terminated, neither empty nor with a slash (OSKIT_E_INVALIDARG),
 * at most 255 bytes for file systems of ours (OSKIT_ENAMETOOLONG). Permission to search and to
 * change is the object's to check, with the identity of the calling thread; OSKIT_EACCES,
 * OSKIT_EROFS, OSKIT_ENOSPC as POSIX has it for each. [thread]
 */
#ifndef OSKIT_FS_DIR_H
#define OSKIT_FS_DIR_H

#include <oskit/com.h>
#include <oskit/error.h>
#include <oskit/types.h>
#include <oskit/fs/dirents.h>
#include <oskit/fs/file.h>

struct oskit_dir;

typedef struct oskit_dir {
    struct oskit_dir_ops *ops;
} oskit_dir_t;

struct oskit_dir_ops {
    OSKIT_COMDECL_IUNKNOWN(oskit_dir_t)

    /* As in oskit_file. */
    oskit_error_t (*stat)(oskit_dir_t *self, oskit_stat_t *out_stats);
    oskit_error_t (*setstat)(oskit_dir_t *self, oskit_u32_t mask, const oskit_stat_t *stats);
    oskit_error_t (*pathconf)(oskit_dir_t *self, oskit_s32_t option, oskit_s32_t *out_val);
    oskit_error_t (*sync)(oskit_dir_t *self, oskit_bool_t wait);
    oskit_error_t (*datasync)(oskit_dir_t *self, oskit_bool_t wait);
    oskit_error_t (*access)(oskit_dir_t *self, oskit_amode_t mode);
    oskit_error_t (*readlink)(oskit_dir_t *self, char *buf, oskit_u32_t len,
                              oskit_u32_t *out_actual);
    oskit_error_t (*open)(oskit_dir_t *self, oskit_oflags_t flags,
                          struct oskit_openfile **out_openfile);
    oskit_error_t (*getfs)(oskit_dir_t *self, struct oskit_filesystem **out_fs);

    /* And its own. */

    /*
     * The file of that name; symbolic links are not followed. "." is this directory and ".." its
     * parent (the root's is itself). OSKIT_ENOENT.
     */
    oskit_error_t (*lookup)(oskit_dir_t *self, const char *name, struct oskit_file **out_file);

    /*
     * The regular file of that name, made with MODE when absent. OSKIT_EEXIST when EXCL and
     * present.
     */
    oskit_error_t (*create)(oskit_dir_t *self, const char *name, oskit_bool_t excl,
                            oskit_mode_t mode, struct oskit_file **out_file);

    /*
     * One more name for FILE, which must be of this file system (OSKIT_EXDEV) and no directory
     * (OSKIT_EPERM).
     */
    oskit_error_t (*link)(oskit_dir_t *self, const char *name, struct oskit_file *file);

    /*
     * Removes a name that isn't a directory's (OSKIT_EISDIR). The file goes with its last name and
     * last reference.
     */
    oskit_error_t (*unlink)(oskit_dir_t *self, const char *name);

    /*
     * Moves a name to another directory of this file system, over what is there when that is of the
     * same kind (an empty directory).
     */
    oskit_error_t (*rename)(oskit_dir_t *self, const char *old_name, struct oskit_dir *new_dir,
                            const char *new_name);

    /* Makes a directory. */
    oskit_error_t (*mkdir)(oskit_dir_t *self, const char *name, oskit_mode_t mode);

    /* Removes an empty directory. OSKIT_ENOTEMPTY, OSKIT_ENOTDIR. */
    oskit_error_t (*rmdir)(oskit_dir_t *self, const char *name);

    /*
     * Up to NENTRIES entries from position *inout_ofs on (0 is the beginning, other values only
     * from an earlier call), which moves behind them. "." and ".." are among them. At the end:
     * success, *out_dirents NULL.
     */
    oskit_error_t (*getdirentries)(oskit_dir_t *self, oskit_u32_t *inout_ofs, oskit_u32_t nentries,
                                   struct oskit_dirents **out_dirents);

    /* Makes a device node, FIFO or socket name, by the type in MODE. */
    oskit_error_t (*mknod)(oskit_dir_t *self, const char *name, oskit_mode_t mode, oskit_dev_t dev);

    /* Makes a symbolic link LINK_NAME with the text DEST_NAME. */
    oskit_error_t (*symlink)(oskit_dir_t *self, const char *link_name, const char *dest_name);

    /*
     * A new object for the same directory whose ".." is PARENT (NULL: it has none, lookups of ".."
     * stay). For mounts. OSKIT_E_NOTIMPL.
     */
    oskit_error_t (*reparent)(oskit_dir_t *self, struct oskit_dir *parent,
                              struct oskit_dir **out_dir);
};

extern const struct oskit_guid oskit_dir_iid;
#define OSKIT_DIR_IID \
    OSKIT_GUID(0x4aa7df95, 0x7c74, 0x11cf, 0xb5, 0x00, 0x08, 0x00, 0x09, 0x53, 0xad, 0xc2)

#define oskit_dir_query(self, iid, out) ((self)->ops->query((oskit_dir_t *)(self), (iid), (out)))
#define oskit_dir_addref(self)          ((self)->ops->addref((oskit_dir_t *)(self)))
#define oskit_dir_release(self)         ((self)->ops->release((oskit_dir_t *)(self)))
#define oskit_dir_stat(self, out_stats) ((self)->ops->stat((oskit_dir_t *)(self), (out_stats)))
#define oskit_dir_setstat(self, mask, stats) \
    ((self)->ops->setstat((oskit_dir_t *)(self), (mask), (stats)))
#define oskit_dir_pathconf(self, option, out_val) \
    ((self)->ops->pathconf((oskit_dir_t *)(self), (option), (out_val)))
#define oskit_dir_sync(self, wait)     ((self)->ops->sync((oskit_dir_t *)(self), (wait)))
#define oskit_dir_datasync(self, wait) ((self)->ops->datasync((oskit_dir_t *)(self), (wait)))
#define oskit_dir_access(self, mode)   ((self)->ops->access((oskit_dir_t *)(self), (mode)))
#define oskit_dir_readlink(self, buf, len, out_actual) \
    ((self)->ops->readlink((oskit_dir_t *)(self), (buf), (len), (out_actual)))
#define oskit_dir_open(self, flags, out_openfile) \
    ((self)->ops->open((oskit_dir_t *)(self), (flags), (out_openfile)))
#define oskit_dir_getfs(self, out_fs) ((self)->ops->getfs((oskit_dir_t *)(self), (out_fs)))
#define oskit_dir_lookup(self, name, out_file) \
    ((self)->ops->lookup((oskit_dir_t *)(self), (name), (out_file)))
#define oskit_dir_create(self, name, excl, mode, out_file) \
    ((self)->ops->create((oskit_dir_t *)(self), (name), (excl), (mode), (out_file)))
#define oskit_dir_link(self, name, file) ((self)->ops->link((oskit_dir_t *)(self), (name), (file)))
#define oskit_dir_unlink(self, name)     ((self)->ops->unlink((oskit_dir_t *)(self), (name)))
#define oskit_dir_rename(self, old_name, new_dir, new_name) \
    ((self)->ops->rename((oskit_dir_t *)(self), (old_name), (new_dir), (new_name)))
#define oskit_dir_mkdir(self, name, mode) \
    ((self)->ops->mkdir((oskit_dir_t *)(self), (name), (mode)))
#define oskit_dir_rmdir(self, name) ((self)->ops->rmdir((oskit_dir_t *)(self), (name)))
#define oskit_dir_getdirentries(self, inout_ofs, nentries, out_dirents) \
    ((self)->ops->getdirentries((oskit_dir_t *)(self), (inout_ofs), (nentries), (out_dirents)))
#define oskit_dir_mknod(self, name, mode, dev) \
    ((self)->ops->mknod((oskit_dir_t *)(self), (name), (mode), (dev)))
#define oskit_dir_symlink(self, link_name, dest_name) \
    ((self)->ops->symlink((oskit_dir_t *)(self), (link_name), (dest_name)))
#define oskit_dir_reparent(self, parent, out_dir) \
    ((self)->ops->reparent((oskit_dir_t *)(self), (parent), (out_dir)))

#endif
