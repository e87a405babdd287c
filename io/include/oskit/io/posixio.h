/*
 * Attributes of an object, the least that any POSIX object (file, device, pipe, socket) has.
 *
 * The structure's offsets are part of the interface: they are the same on 32 and 64 bits. [thread]
 * throughout.
 */
#ifndef OSKIT_IO_POSIXIO_H
#define OSKIT_IO_POSIXIO_H

#include <oskit/com.h>
#include <oskit/error.h>
#include <oskit/types.h>

struct oskit_stat {
    oskit_dev_t dev;     /* device that holds the file */
    oskit_ino_t ino;     /* number of the file on it */
    oskit_mode_t mode;   /* type and permissions */
    oskit_nlink_t nlink; /* names it has */
    oskit_uid_t uid;
    oskit_gid_t gid;
    oskit_dev_t rdev;       /* for a device node: which device */
    oskit_timespec_t atime; /* last read */
    oskit_timespec_t mtime; /* last change of the contents */
    oskit_timespec_t ctime; /* last change of the attributes */
    oskit_off_t size;       /* bytes */
    oskit_u64_t blocks;     /* units of 512 bytes that it occupies */
    oskit_u32_t blksize;    /* good size of a transfer in bytes */
};
typedef struct oskit_stat oskit_stat_t;

/* Names of the members, for setstat. */
#define OSKIT_STAT_DEV         0x0001
#define OSKIT_STAT_INO         0x0002
#define OSKIT_STAT_MODE        0x0004
#define OSKIT_STAT_NLINK       0x0008
#define OSKIT_STAT_UID         0x0010
#define OSKIT_STAT_GID         0x0020
#define OSKIT_STAT_RDEV        0x0040
#define OSKIT_STAT_ATIME       0x0080
#define OSKIT_STAT_MTIME       0x0100
#define OSKIT_STAT_UTIMES_NULL 0x0200
#define OSKIT_STAT_CTIME       0x0400
#define OSKIT_STAT_SIZE        0x0800
#define OSKIT_STAT_BLOCKS      0x1000
#define OSKIT_STAT_BLKSIZE     0x2000
/* Those that can be set. */
#define OSKIT_STAT_SETTABLE                                                                    \
    (OSKIT_STAT_MODE | OSKIT_STAT_UID | OSKIT_STAT_GID | OSKIT_STAT_ATIME | OSKIT_STAT_MTIME | \
     OSKIT_STAT_UTIMES_NULL | OSKIT_STAT_SIZE)

/* Bits of mode. */
#define OSKIT_S_IFMT   0170000
#define OSKIT_S_IFIFO  0010000
#define OSKIT_S_IFCHR  0020000
#define OSKIT_S_IFDIR  0040000
#define OSKIT_S_IFBLK  0060000
#define OSKIT_S_IFREG  0100000
#define OSKIT_S_IFLNK  0120000
#define OSKIT_S_IFSOCK 0140000
#define OSKIT_S_ISUID  0004000
#define OSKIT_S_ISGID  0002000
#define OSKIT_S_ISVTX  0001000
#define OSKIT_S_IRWXU  0000700
#define OSKIT_S_IRUSR  0000400
#define OSKIT_S_IWUSR  0000200
#define OSKIT_S_IXUSR  0000100
#define OSKIT_S_IRWXG  0000070
#define OSKIT_S_IRGRP  0000040
#define OSKIT_S_IWGRP  0000020
#define OSKIT_S_IXGRP  0000010
#define OSKIT_S_IRWXO  0000007
#define OSKIT_S_IROTH  0000004
#define OSKIT_S_IWOTH  0000002
#define OSKIT_S_IXOTH  0000001

#define OSKIT_S_ISFIFO(mode) (((mode)&OSKIT_S_IFMT) == OSKIT_S_IFIFO)
#define OSKIT_S_ISCHR(mode)  (((mode)&OSKIT_S_IFMT) == OSKIT_S_IFCHR)
#define OSKIT_S_ISDIR(mode)  (((mode)&OSKIT_S_IFMT) == OSKIT_S_IFDIR)
#define OSKIT_S_ISBLK(mode)  (((mode)&OSKIT_S_IFMT) == OSKIT_S_IFBLK)
#define OSKIT_S_ISREG(mode)  (((mode)&OSKIT_S_IFMT) == OSKIT_S_IFREG)
#define OSKIT_S_ISLNK(mode)  (((mode)&OSKIT_S_IFMT) == OSKIT_S_IFLNK)
#define OSKIT_S_ISSOCK(mode) (((mode)&OSKIT_S_IFMT) == OSKIT_S_IFSOCK)

/* Variables of pathconf. */
#define OSKIT_PC_LINK_MAX         1
#define OSKIT_PC_MAX_CANON        2
#define OSKIT_PC_MAX_INPUT        3
#define OSKIT_PC_NAME_MAX         4
#define OSKIT_PC_PATH_MAX         5
#define OSKIT_PC_PIPE_BUF         6
#define OSKIT_PC_CHOWN_RESTRICTED 7
#define OSKIT_PC_NO_TRUNC         8
#define OSKIT_PC_VDISABLE         9
#define OSKIT_PC_ASYNC_IO         10
#define OSKIT_PC_PRIO_IO          11
#define OSKIT_PC_SYNC_IO          12

typedef struct oskit_posixio {
    struct oskit_posixio_ops *ops;
} oskit_posixio_t;

struct oskit_posixio_ops {
    OSKIT_COMDECL_IUNKNOWN(oskit_posixio_t)

    /* Fills in the attributes; those without meaning for the object are zero. */
    oskit_error_t (*stat)(oskit_posixio_t *self, oskit_stat_t *out_stats);

    /*
     * Sets the attributes that MASK (OSKIT_STAT_*) names: MODE as chmod does (the type bits are
     * ignored), UID and GID as chown, SIZE as truncate, ATIME and MTIME as utimes with times,
     * UTIMES_NULL both to now. A mask with other bits is OSKIT_E_INVALIDARG. OSKIT_EPERM,
     * OSKIT_EACCES, OSKIT_EROFS as POSIX has it.
     */
    oskit_error_t (*setstat)(oskit_posixio_t *self, oskit_u32_t mask, const oskit_stat_t *stats);

    /*
     * The value of a configuration variable (OSKIT_PC_*); -1 for "no limit". OSKIT_E_INVALIDARG
     * when it has no meaning for the object.
     */
    oskit_error_t (*pathconf)(oskit_posixio_t *self, oskit_s32_t option, oskit_s32_t *out_val);
};

extern const struct oskit_guid oskit_posixio_iid;
#define OSKIT_POSIXIO_IID \
    OSKIT_GUID(0x4aa7df8f, 0x7c74, 0x11cf, 0xb5, 0x00, 0x08, 0x00, 0x09, 0x53, 0xad, 0xc2)

#define oskit_posixio_query(self, iid, out) \
    ((self)->ops->query((oskit_posixio_t *)(self), (iid), (out)))
#define oskit_posixio_addref(self)  ((self)->ops->addref((oskit_posixio_t *)(self)))
#define oskit_posixio_release(self) ((self)->ops->release((oskit_posixio_t *)(self)))
#define oskit_posixio_stat(self, out_stats) \
    ((self)->ops->stat((oskit_posixio_t *)(self), (out_stats)))
#define oskit_posixio_setstat(self, mask, stats) \
    ((self)->ops->setstat((oskit_posixio_t *)(self), (mask), (stats)))
#define oskit_posixio_pathconf(self, option, out_val) \
    ((self)->ops->pathconf((oskit_posixio_t *)(self), (option), (out_val)))

#endif
