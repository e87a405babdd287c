/*
 * sluice_filesystemx: what a file system says of itself beyond the seed's statfs: counts of 64 bits
 * and what kind it is. sluice_fsname: by which name, and with which options. sluice_xattr: the
 * extended attributes of a file; sluice_xattrset: changing them. sluice_fileflags: what chattr(1)
 * sets. A client queries for them and does without when the answer is OSKIT_E_NOINTERFACE. [thread]
 * throughout.
 */
#ifndef SLUICE_FILESYSTEMX_H
#define SLUICE_FILESYSTEMX_H

#include <stdbool.h>
#include <oskit/com.h>
#include <oskit/error.h>
#include <oskit/types.h>

struct filesystemx_stat {
    oskit_u64_t blocks, bfree, bavail; /* of bsize bytes; free; free to users */
    oskit_u64_t files, ffree;
    oskit_u64_t fsid;
    oskit_u32_t bsize;
    oskit_u32_t namemax;
    oskit_u32_t type; /* the number by which Linux's statfs tells it: 0xEF53 of ext2 to ext4 */
};

typedef struct sluice_filesystemx {
    struct sluice_filesystemx_ops *ops;
} sluice_filesystemx_t;
struct sluice_filesystemx_ops {
    OSKIT_COMDECL_IUNKNOWN(sluice_filesystemx_t)
    oskit_error_t (*stat)(sluice_filesystemx_t *self, struct filesystemx_stat *out);
};
extern const struct oskit_guid sluice_filesystemx_iid; /* SLUICE_GUID(0x5ac10058) */

/* On the filesystem object, for /proc/mounts. */
struct fsname_options {
    bool read_only;     /* now, for whatever reason */
    bool noatime;       /* reads leave no time behind; otherwise once a day is enough */
    const char *errors; /* what an inconsistency brings about, as mount(8) says it, where that
                           isn't what most do; or NULL */
};
typedef struct sluice_fsname {
    struct sluice_fsname_ops *ops;
} sluice_fsname_t;
struct sluice_fsname_ops {
    OSKIT_COMDECL_IUNKNOWN(sluice_fsname_t)
    /* The type by what is on the medium ("ext3"), whatever it was mounted as. It doesn't change. */
    const char *(*type)(sluice_fsname_t *self);
    void (*options)(sluice_fsname_t *self, struct fsname_options *out);
};
extern const struct oskit_guid sluice_fsname_iid; /* SLUICE_GUID(0x5ac1005c) */

/* Names are whole ones, as programs give them: "user.colour", "security.capability". */
#define XATTR_CAPABILITY "security.capability" /* what the program may; see exec */
typedef struct sluice_xattr {
    struct sluice_xattr_ops *ops;
} sluice_xattr_t;
struct sluice_xattr_ops {
    OSKIT_COMDECL_IUNKNOWN(sluice_xattr_t)
    /* The value of NAME: its length in *out_length, and its bytes in VALUE unless SIZE is 0.
     * OSKIT_ENODATA; OSKIT_ERANGE: longer than SIZE. */
    oskit_error_t (*get)(sluice_xattr_t *self, const char *name, void *value, oskit_size_t size,
                         oskit_size_t *out_length);
    /* All names, each with its NUL, likewise. */
    oskit_error_t (*list)(sluice_xattr_t *self, char *names, oskit_size_t size,
                          oskit_size_t *out_length);
};
extern const struct oskit_guid sluice_xattr_iid; /* SLUICE_GUID(0x5ac10059) */

/* Linux's values. */
#define XATTRSET_CREATE  1u /* OSKIT_EEXIST when there is one */
#define XATTRSET_REPLACE 2u /* OSKIT_ENODATA when there is none */

typedef struct sluice_xattrset {
    struct sluice_xattrset_ops *ops;
} sluice_xattrset_t;
struct sluice_xattrset_ops {
    OSKIT_COMDECL_IUNKNOWN(sluice_xattrset_t)
    /*
     * NAME gets the SIZE bytes of VALUE, all of them or, after a failure, the value it had.
     * OSKIT_ENOSPC: more than an inode and a block hold, or a full disk; OSKIT_EPERM, OSKIT_EACCES:
     * not the caller's to change; OSKIT_EOPNOTSUPP, OSKIT_E_INVALIDARG: not such a name.
     */
    oskit_error_t (*set)(sluice_xattrset_t *self, const char *name, const void *value,
                         oskit_size_t size, oskit_u32_t flags);
    /* OSKIT_ENODATA. */
    oskit_error_t (*remove)(sluice_xattrset_t *self, const char *name);
};
extern const struct oskit_guid sluice_xattrset_iid; /* SLUICE_GUID(0x5ac1005a) */

/* Some of Linux's FS_*_FL, which are the disk's. */
#define FILEFLAG_SYNC      0x00000008u /* each write is on the medium when it returns */
#define FILEFLAG_IMMUTABLE 0x00000010u /* nothing of the file changes, nor do its names */
#define FILEFLAG_APPEND    0x00000020u /* the same, but it may grow; a directory may get names */
#define FILEFLAG_NODUMP    0x00000040u /* for backups */
#define FILEFLAG_NOATIME   0x00000080u

typedef struct sluice_fileflags {
    struct sluice_fileflags_ops *ops;
} sluice_fileflags_t;
struct sluice_fileflags_ops {
    OSKIT_COMDECL_IUNKNOWN(sluice_fileflags_t)
    oskit_error_t (*get)(sluice_fileflags_t *self, oskit_u32_t *out);
    /* All of them at once. Those that nobody sets are passed over; OSKIT_EOPNOTSUPP: one that isn't
     * known. OSKIT_EPERM: not the owner; IMMUTABLE and APPEND are for CAPABILITY_LINUX_IMMUTABLE
     * to change. */
    oskit_error_t (*set)(sluice_fileflags_t *self, oskit_u32_t flags);
};
extern const struct oskit_guid sluice_fileflags_iid; /* SLUICE_GUID(0x5ac1005b) */

#endif
