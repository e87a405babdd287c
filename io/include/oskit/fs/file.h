/*
 * A file of any type, as its file system has it: no name, no state of who has opened it.
 *
 * A regular file also answers absio. Numbers of the flags are the OSKit's own, nobody's ABI.
 * [thread]
 */
#ifndef OSKIT_FS_FILE_H
#define OSKIT_FS_FILE_H

#include <oskit/com.h>
#include <oskit/error.h>
#include <oskit/types.h>
#include <oskit/io/posixio.h>

struct oskit_filesystem;
struct oskit_openfile;

typedef oskit_u32_t oskit_amode_t;
#define OSKIT_F_OK 0x00
#define OSKIT_X_OK 0x01
#define OSKIT_W_OK 0x02
#define OSKIT_R_OK 0x04

typedef oskit_u32_t oskit_oflags_t;
#define OSKIT_O_ACCMODE  0x0003
#define OSKIT_O_RDONLY   0x0001
#define OSKIT_O_WRONLY   0x0002
#define OSKIT_O_RDWR     0x0003
#define OSKIT_O_CREAT    0x0004
#define OSKIT_O_EXCL     0x0008
#define OSKIT_O_NOCTTY   0x0010
#define OSKIT_O_TRUNC    0x0020
#define OSKIT_O_APPEND   0x0040
#define OSKIT_O_NONBLOCK 0x0080
#define OSKIT_O_DSYNC    0x0100
#define OSKIT_O_RSYNC    0x0200
#define OSKIT_O_SYNC     0x0400

typedef struct oskit_file {
    struct oskit_file_ops *ops;
} oskit_file_t;

struct oskit_file_ops {
    OSKIT_COMDECL_IUNKNOWN(oskit_file_t)

    /* As in oskit_posixio. */
    oskit_error_t (*stat)(oskit_file_t *self, oskit_stat_t *out_stats);
    oskit_error_t (*setstat)(oskit_file_t *self, oskit_u32_t mask, const oskit_stat_t *stats);
    oskit_error_t (*pathconf)(oskit_file_t *self, oskit_s32_t option, oskit_s32_t *out_val);

    /* And its own. */

    /* Brings contents and attributes to the medium; with WAIT, returns when they are there. */
    oskit_error_t (*sync)(oskit_file_t *self, oskit_bool_t wait);

    /* Likewise the contents, and of the attributes what is needed to find them. */
    oskit_error_t (*datasync)(oskit_file_t *self, oskit_bool_t wait);

    /*
     * Whether the caller may do what MODE asks (OSKIT_R_OK, W_OK, X_OK together, or F_OK).
     * OSKIT_EACCES, OSKIT_EROFS.
     */
    oskit_error_t (*access)(oskit_file_t *self, oskit_amode_t mode);

    /*
     * The text of a symbolic link, cut to LEN bytes, without a NUL. OSKIT_E_NOTIMPL for anything
     * else.
     */
    oskit_error_t (*readlink)(oskit_file_t *self, char *buf, oskit_u32_t len,
                              oskit_u32_t *out_actual);

    /*
     * A stream on the contents of a regular file or directory, access checked; with OSKIT_O_TRUNC
     * the contents go. Success with *out_openfile NULL: allowed, but this file system keeps no
     * state per open, so put oskit_soa_openfile_from_file (<oskit/fs/soa.h>) over it. OSKIT_EISDIR
     * for a directory to be written.
     */
    oskit_error_t (*open)(oskit_file_t *self, oskit_oflags_t flags,
                          struct oskit_openfile **out_openfile);

    /* The file system that the file is in. */
    oskit_error_t (*getfs)(oskit_file_t *self, struct oskit_filesystem **out_fs);
};

extern const struct oskit_guid oskit_file_iid;
#define OSKIT_FILE_IID \
    OSKIT_GUID(0x4aa7df94, 0x7c74, 0x11cf, 0xb5, 0x00, 0x08, 0x00, 0x09, 0x53, 0xad, 0xc2)

#define oskit_file_query(self, iid, out) ((self)->ops->query((oskit_file_t *)(self), (iid), (out)))
#define oskit_file_addref(self)          ((self)->ops->addref((oskit_file_t *)(self)))
#define oskit_file_release(self)         ((self)->ops->release((oskit_file_t *)(self)))
#define oskit_file_stat(self, out_stats) ((self)->ops->stat((oskit_file_t *)(self), (out_stats)))
#define oskit_file_setstat(self, mask, stats) \
    ((self)->ops->setstat((oskit_file_t *)(self), (mask), (stats)))
#define oskit_file_pathconf(self, option, out_val) \
    ((self)->ops->pathconf((oskit_file_t *)(self), (option), (out_val)))
#define oskit_file_sync(self, wait)     ((self)->ops->sync((oskit_file_t *)(self), (wait)))
#define oskit_file_datasync(self, wait) ((self)->ops->datasync((oskit_file_t *)(self), (wait)))
#define oskit_file_access(self, mode)   ((self)->ops->access((oskit_file_t *)(self), (mode)))
#define oskit_file_readlink(self, buf, len, out_actual) \
    ((self)->ops->readlink((oskit_file_t *)(self), (buf), (len), (out_actual)))
#define oskit_file_open(self, flags, out_openfile) \
    ((self)->ops->open((oskit_file_t *)(self), (flags), (out_openfile)))
#define oskit_file_getfs(self, out_fs) ((self)->ops->getfs((oskit_file_t *)(self), (out_fs)))

#endif
