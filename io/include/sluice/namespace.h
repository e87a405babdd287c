/*
 * The namespace: names, mounts and path walk over the seed's dir and file objects.
 *
 * A name is one component in one directory (what others call a dentry): parent, text, and the file
 * object it stands for. Names are shared and counted, so that an open file, a working directory or
 * a mapping can say its path, and so that a second walk over the same path costs a hash lookup
 * instead of a dir->lookup. All changes to directories go through the namespace_* calls below,
 * which keep names true.
 *
 * A location is a name within a mount; it holds a reference to each. Permission to search is
 * checked at each directory through file->access(OSKIT_X_OK) (the identity comes from
 * env_identity).
 *
 * Errors: OSKIT_ENOENT, OSKIT_ENOTDIR, OSKIT_EACCES, OSKIT_ELOOP (more than 40 links),
 * OSKIT_ENAMETOOLONG (component > 255, path >= 4096), OSKIT_EROFS, OSKIT_EXDEV, OSKIT_EBUSY as
 * POSIX says for each call. [thread] throughout.
 */
#ifndef SLUICE_NAMESPACE_H
#define SLUICE_NAMESPACE_H

#include <stdbool.h>
#include <stddef.h>
#include <oskit/com.h>
#include <oskit/fs/dir.h>
#include <oskit/fs/file.h>
#include <oskit/fs/filesystem.h>
#include <sluice/device.h>
#include <sluice/filesystemx.h>
#include <sluice/filex.h>

struct namespace;
struct mount;
struct name;

struct location {
    struct mount *mount;
    struct name *name;
};

#define NAMESPACE_NOFOLLOW  1u /* a symbolic link as last component is the answer, not followed */
#define NAMESPACE_DIRECTORY 2u /* the answer must be a directory */

/* A namespace whose root is the root of FS (its own reference is taken). */
oskit_error_t namespace_create(oskit_filesystem_t *fs, const char *type, const char *source,
                               struct namespace **out);
void namespace_destroy(struct namespace *ns);
void namespace_root(struct namespace *ns, struct location *out);

void location_copy(struct location *to, const struct location *from); /* takes references */
void location_release(struct location *loc); /* drops them and clears LOC */
/* The file object, borrowed: valid while LOC is held. NULL for a negative name (never handed out by
 * a successful lookup). */
oskit_file_t *location_file(const struct location *loc);
/* The directory interface of a directory (borrowed), or NULL when it isn't one. */
oskit_dir_t *location_dir(const struct location *loc);
/* Its filex (borrowed), or NULL when the file system has none: stat without a query. */
sluice_filex_t *location_filex(const struct location *loc);
/* What kind of file: OSKIT_S_IFMT bits. It never changes. */
oskit_u32_t location_type(const struct location *loc);
/* The file system of the mount (borrowed). */
oskit_filesystem_t *location_filesystem(const struct location *loc);
/* The type that the mount was given (borrowed). */
const char *location_mount_type(const struct location *loc);
bool location_same(const struct location *a, const struct location *b);
/* Mount flags (MOUNT_*) that hold at LOC. */
oskit_u32_t location_mount_flags(const struct location *loc);

/* A walk starts at ROOT for absolute paths and at BASE for others; ".." stops at ROOT. */
struct walk {
    struct namespace *ns;
    const struct location *root;
    const struct location *base;
};

/* An empty path is OSKIT_ENOENT. */
oskit_error_t namespace_lookup(const struct walk *walk, const char *path, oskit_u32_t flags,
                               struct location *out);

/*
 * A place for OBJECT, which has no name in any directory (a pipe, a socket): opening the file there
 * gives OBJECT again, and TEXT ("pipe:[17]") is its path. What the links of /proc/PID/fd lead to.
 * MODE (type and permissions) counts where OBJECT has no posixio to ask.
 */
oskit_error_t namespace_anonymous(struct namespace *ns, oskit_iunknown_t *object, const char *text,
                                  oskit_mode_t mode, struct location *out);

/* A place for FILE, of the file system at NS's root and in no directory: its path is TEXT, and
 * " (deleted)". What memfd_create makes. */
oskit_error_t namespace_unnamed(struct namespace *ns, oskit_file_t *file, const char *text,
                                struct location *out);

/* Create and remove; PATH's last component is the thing. A trailing slash is allowed only for
 * directories. MODE has the umask applied by the caller; the owner is env_identity's (group from a
 * set-group-id directory). */
/* Opens or creates a regular file: like lookup, and when absent creates it. OSKIT_EEXIST when EXCL
 * and present (also a dangling link). *created says which. */
oskit_error_t namespace_create_file(const struct walk *walk, const char *path, oskit_mode_t mode,
                                    bool excl, oskit_u32_t flags, struct location *out,
                                    bool *created);
/* A regular file without a name in the directory PATH (O_TMPFILE); namespace_link may give it one
 * unless EXCL. OSKIT_EOPNOTSUPP where the file system has none. */
oskit_error_t namespace_tmpfile(const struct walk *walk, const char *path, oskit_mode_t mode,
                                bool excl, oskit_u32_t flags, struct location *out);
oskit_error_t namespace_mkdir(const struct walk *walk, const char *path, oskit_mode_t mode);
oskit_error_t namespace_mknod(const struct walk *walk, const char *path, oskit_mode_t mode,
                              oskit_dev_t rdev);
oskit_error_t namespace_symlink(const struct walk *walk, const char *path, const char *target);
oskit_error_t namespace_link(const struct location *file, const struct walk *walk,
                             const char *path);
oskit_error_t namespace_unlink(const struct walk *walk, const char *path);
oskit_error_t namespace_rmdir(const struct walk *walk, const char *path);
/* FLAGS: RENAME_* of filex.h. */
oskit_error_t namespace_rename(const struct walk *from_walk, const char *from,
                               const struct walk *to_walk, const char *to, oskit_u32_t flags);

/* The absolute path of LOC as seen from ROOT, NUL-terminated, into BUFFER. A removed file gets "
 * (deleted)" appended, one not reachable from ROOT gets "(unreachable)" in front, as Linux has it.
 * OSKIT_ERANGE when too small. *out_length counts the NUL. */
oskit_error_t namespace_path(const struct location *root, const struct location *loc, char *buffer,
                             size_t size, size_t *out_length);
/* true when the name was unlinked (getcwd's ENOENT). */
bool location_deleted(const struct location *loc);

#define MOUNT_RDONLY 1u /* Linux's MS_ values */
#define MOUNT_NOSUID 2u
#define MOUNT_NODEV  4u
#define MOUNT_NOEXEC 8u
oskit_error_t namespace_mount(struct namespace *ns, const struct location *at,
                              oskit_filesystem_t *fs, const char *type, const char *source,
                              oskit_u32_t flags);
oskit_error_t namespace_remount(const struct location *at, oskit_u32_t flags);
/* OSKIT_EBUSY while something inside is in use, unless LAZY; OSKIT_E_INVALIDARG when AT isn't a
 * mount's root. */
oskit_error_t namespace_unmount(struct namespace *ns, const struct location *at, bool lazy);
/* Calls SHOW for each mount in order, with its path as seen from ROOT; for /proc/mounts. What is
 * not reachable from there is left out; NULL: the name space's own root. Stops early when SHOW
 * returns false. */
struct mount_info {
    const char *source, *path;
    const char *type;              /* as the file system has it, or what it was mounted as */
    oskit_u32_t flags;             /* RDONLY also where only the file system is */
    struct fsname_options options; /* none where it doesn't say */
};
void namespace_each_mount(struct namespace *ns, const struct location *root,
                          bool (*show)(void *arg, const struct mount_info *info), void *arg);

/* Calls FN for the file system of each mount in order, one mounted twice twice; what is mounted
 * meanwhile may be left out. */
void namespace_each_filesystem(struct namespace *ns, void (*fn)(void *arg, oskit_filesystem_t *fs),
                               void *arg);

/*
 * Opens the object behind a file: what reads and writes go to.
 *   regular file   an object with absvec/absio (usually the file itself), pager
 *   directory      the file itself
 *   FIFO           an end of its pipe: streamv, pollable (OSKIT_ENXIO for write-only non-blocking
 * without a reader; OSKIT_EWOULDBLOCK when the caller must wait for the other side, see fifo.h)
 *   device         what its driver's open gives (device.h)
 *   socket         OSKIT_ENXIO
 * OFLAGS are OSKIT_O_*. Permission was checked by the caller. *out carries a reference.
 */
oskit_error_t file_open_object(oskit_file_t *file, oskit_u32_t oflags, oskit_iunknown_t **out);
/* The same of the file at LOC, without asking it for its interfaces anew. */
oskit_error_t location_open_object(const struct location *loc, oskit_u32_t oflags,
                                   oskit_iunknown_t **out);

#endif
