/*
 * A file system: a tree of directories on some medium. [thread]
 */
#ifndef OSKIT_FS_FILESYSTEM_H
#define OSKIT_FS_FILESYSTEM_H

#include <oskit/com.h>
#include <oskit/error.h>
#include <oskit/types.h>

struct oskit_dir;
struct oskit_file;

struct oskit_statfs {
    oskit_u32_t bsize;  /* bytes a block */
    oskit_u32_t frsize; /* bytes a fragment: the unit of the block counts */
    oskit_u32_t blocks; /* blocks in all */
    oskit_u32_t bfree;
    oskit_u32_t bavail; /* free to users that aren't privileged */
    oskit_u32_t files;  /* files it can hold */
    oskit_u32_t ffree;
    oskit_u32_t favail;
    oskit_u32_t fsid;
    oskit_u32_t flag;    /* OSKIT_FS_* */
    oskit_u32_t namemax; /* longest name in bytes */
};
typedef struct oskit_statfs oskit_statfs_t;

#define OSKIT_FS_RDONLY 0x00000001
#define OSKIT_FS_NOEXEC 0x00000002
#define OSKIT_FS_NOSUID 0x00000004
#define OSKIT_FS_NODEV  0x00000008

typedef struct oskit_filesystem {
    struct oskit_filesystem_ops *ops;
} oskit_filesystem_t;

struct oskit_filesystem_ops {
    OSKIT_COMDECL_IUNKNOWN(oskit_filesystem_t)

    /* Sizes and limits. Counts above 32 bits are given as 0xffffffff. */
    oskit_error_t (*statfs)(oskit_filesystem_t *self, oskit_statfs_t *out_stats);

    /* Brings everything to the medium; with WAIT, returns when it is there. */
    oskit_error_t (*sync)(oskit_filesystem_t *self, oskit_bool_t wait);

    /* The root directory. */
    oskit_error_t (*getroot)(oskit_filesystem_t *self, struct oskit_dir **out_dir);

    /*
     * Changes the flags (OSKIT_FS_*). OSKIT_EBUSY when files are open for writing and it is to
     * become read-only.
     */
    oskit_error_t (*remount)(oskit_filesystem_t *self, oskit_u32_t flags);

    /*
     * Brings everything to the medium and gives it up; objects of it that are still held fail from
     * then on. OSKIT_EBUSY.
     */
    oskit_error_t (*unmount)(oskit_filesystem_t *self);

    /* The file with that number. OSKIT_ENOENT. */
    oskit_error_t (*lookupi)(oskit_filesystem_t *self, oskit_ino_t ino,
                             struct oskit_file **out_file);
};

extern const struct oskit_guid oskit_filesystem_iid;
#define OSKIT_FILESYSTEM_IID \
    OSKIT_GUID(0x4aa7df93, 0x7c74, 0x11cf, 0xb5, 0x00, 0x08, 0x00, 0x09, 0x53, 0xad, 0xc2)

#define oskit_filesystem_query(self, iid, out) \
    ((self)->ops->query((oskit_filesystem_t *)(self), (iid), (out)))
#define oskit_filesystem_addref(self)  ((self)->ops->addref((oskit_filesystem_t *)(self)))
#define oskit_filesystem_release(self) ((self)->ops->release((oskit_filesystem_t *)(self)))
#define oskit_filesystem_statfs(self, out_stats) \
    ((self)->ops->statfs((oskit_filesystem_t *)(self), (out_stats)))
#define oskit_filesystem_sync(self, wait) ((self)->ops->sync((oskit_filesystem_t *)(self), (wait)))
#define oskit_filesystem_getroot(self, out_dir) \
    ((self)->ops->getroot((oskit_filesystem_t *)(self), (out_dir)))
#define oskit_filesystem_remount(self, flags) \
    ((self)->ops->remount((oskit_filesystem_t *)(self), (flags)))
#define oskit_filesystem_unmount(self) ((self)->ops->unmount((oskit_filesystem_t *)(self)))
#define oskit_filesystem_lookupi(self, ino, out_file) \
    ((self)->ops->lookupi((oskit_filesystem_t *)(self), (ino), (out_file)))

#endif
