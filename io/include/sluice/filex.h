/*
 * sluice_filex: what files and directories offer beyond the seed's posixio, file and dir: 64-bit
 * inode numbers, sizes and times in nanoseconds, creation with all attributes at once, rename with
 * flags, a directory read that resumes where it stopped, and the object that reads and writes go
 * to.
 *
 * A client queries for it once, keeps the pointer, and falls back to the seed's methods when the
 * query answers OSKIT_E_NOINTERFACE (or a method OSKIT_E_NOTIMPL). Files and directories both
 * answer it; the methods marked (directory) are OSKIT_ENOTDIR elsewhere. Names are single
 * components, NUL-terminated, never "." nor "..". [thread] throughout.
 */
#ifndef SLUICE_FILEX_H
#define SLUICE_FILEX_H

#include <stdbool.h>
#include <oskit/com.h>
#include <oskit/error.h>
#include <oskit/fs/dir.h>
#include <oskit/fs/file.h>
#include <oskit/types.h>

/* Times are nanoseconds since 1970-01-01 00:00 UTC. */
struct filex_stat {
    oskit_u64_t ino;
    oskit_u64_t size;   /* bytes; of a symbolic link the length of its text */
    oskit_u64_t blocks; /* of 512 bytes, really allocated */
    oskit_s64_t atime, mtime, ctime;
    oskit_s64_t btime; /* creation; 0 when not known */
    oskit_u32_t mode;  /* type and permissions */
    oskit_u32_t uid, gid;
    oskit_u32_t nlink;
    oskit_u32_t rdev;    /* device nodes: DEVICE_NUMBER */
    oskit_u32_t dev;     /* one per file system instance */
    oskit_u32_t blksize; /* preferred transfer size */
};

/* Bits of setattr's mask: which members count. */
#define FILEX_MODE  0x01u /* permission bits only */
#define FILEX_UID   0x02u
#define FILEX_GID   0x04u
#define FILEX_SIZE  0x08u /* regular files; growth reads as zeros */
#define FILEX_ATIME 0x10u
#define FILEX_MTIME 0x20u
/* The present time; both together are permitted to whoever may write the file, one alone to its
 * owner. */
#define FILEX_ATIME_NOW 0x40u
#define FILEX_MTIME_NOW 0x80u
/* The caller has a descriptor open for writing: SIZE needs no write permission (ftruncate). */
#define FILEX_OPEN 0x100u

struct filex_attributes {
    oskit_u32_t mode, uid, gid;
    oskit_u64_t size;
    oskit_s64_t atime, mtime;
};

/* What to create. The owner is the caller's (env_identity); the group the directory's when it is
 * set-group-id. */
struct filex_creation {
    oskit_u32_t mode;   /* type and permissions, umask already applied */
    oskit_u32_t rdev;   /* device nodes */
    const char *target; /* symbolic links */
};

struct filex_entry {
    const char *name; /* NUL-terminated, valid during the call */
    oskit_size_t length;
    oskit_u64_t ino;
    oskit_u64_t cookie; /* readdir resumes after this entry when given it */
    oskit_u32_t type;   /* OSKIT_S_IFMT bits */
};

/* Flags of rename (Linux's values). */
#define RENAME_NOREPLACE 1u /* OSKIT_EEXIST when the new name exists */
#define RENAME_EXCHANGE  2u /* both must exist and trade places */

/* Modes of allocate (Linux's values). */
#define ALLOCATE_KEEP_SIZE 1u
#define ALLOCATE_PUNCH_HOLE \
    2u /* only together with KEEP_SIZE: frees the range, which then reads as zeros */
#define ALLOCATE_ZERO_RANGE 16u /* the range reads as zeros, and has space */

typedef struct sluice_filex {
    struct sluice_filex_ops *ops;
} sluice_filex_t;

struct sluice_filex_ops {
    OSKIT_COMDECL_IUNKNOWN(sluice_filex_t)
    oskit_error_t (*stat)(sluice_filex_t *self, struct filex_stat *out);
    /*
     * Changes what MASK names, after checking that the caller may: OSKIT_EPERM for what only the
     * owner may, OSKIT_EACCES for what needs write permission, OSKIT_EISDIR, OSKIT_E_INVALIDARG
     * (size of what has none), OSKIT_EFBIG, OSKIT_ENOSPC. All of it or nothing.
     */
    oskit_error_t (*setattr)(sluice_filex_t *self, oskit_u32_t mask,
                             const struct filex_attributes *attributes);
    /*
     * The object that reads and writes go to, with a reference: the file itself where there is no
     * state per open. OFLAGS are OSKIT_O_*. Permission was checked by the caller. OSKIT_E_NOTIMPL:
     * the file has no say, open it by its type (see file_open_object).
     */
    oskit_error_t (*open)(sluice_filex_t *self, oskit_u32_t oflags, oskit_iunknown_t **out);
    /* Space for LENGTH bytes from OFFSET (fallocate). OSKIT_EOPNOTSUPP for a MODE not known. */
    oskit_error_t (*allocate)(sluice_filex_t *self, oskit_u32_t mode, oskit_off_t offset,
                              oskit_off_t length);
    /* The first offset >= OFFSET that is in a hole (HOLE) or in data; the end of file counts as a
     * hole. OSKIT_ENXIO at or past the end, or when no data follow. */
    oskit_error_t (*seek)(sluice_filex_t *self, oskit_off_t offset, bool hole,
                          oskit_off_t *out_offset);
    /*
     * (directory) Calls EMIT for each entry after *COOKIE (0: from the start), "." and ".."
     * included, and moves *COOKIE behind each entry that EMIT accepted by answering true; false
     * ends the call. An entry present throughout is shown exactly once, whatever else comes and
     * goes. EMIT runs with the directory locked: it must not call any file system.
     */
    oskit_error_t (*readdir)(sluice_filex_t *self, oskit_u64_t *cookie,
                             bool (*emit)(void *arg, const struct filex_entry *entry), void *arg);
    /* (directory) Makes NAME, of any type. OSKIT_EEXIST when it is there. *out carries a reference;
     * OUT may be NULL. */
    oskit_error_t (*create)(sluice_filex_t *self, const char *name,
                            const struct filex_creation *creation, oskit_file_t **out);
    /* (directory) A regular file without a name, which link may give one. */
    oskit_error_t (*tmpfile)(sluice_filex_t *self, oskit_u32_t mode, oskit_file_t **out);
    /* (directory) As dir->rename, with RENAME_* flags. NEW_DIR must be of the same file system
     * (OSKIT_EXDEV). */
    oskit_error_t (*rename)(sluice_filex_t *self, const char *old_name, oskit_dir_t *new_dir,
                            const char *new_name, oskit_u32_t flags);
};
extern const struct oskit_guid sluice_filex_iid; /* SLUICE_GUID(0x5ac10020) */

#define sluice_filex_stat(f, out)              ((f)->ops->stat((f), (out)))
#define sluice_filex_setattr(f, mask, attrs)   ((f)->ops->setattr((f), (mask), (attrs)))
#define sluice_filex_open(f, oflags, out)      ((f)->ops->open((f), (oflags), (out)))
#define sluice_filex_readdir(f, cookie, e, a)  ((f)->ops->readdir((f), (cookie), (e), (a)))
#define sluice_filex_create(f, name, how, out) ((f)->ops->create((f), (name), (how), (out)))
#define sluice_filex_release(f)                ((f)->ops->release(f))

#endif
