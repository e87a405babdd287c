/* stat and its relatives: what a file says of itself, in the ABI's layouts. */
#include <sluice/filesystemx.h>
#include <sluice/filex.h>
#include <sluice/object.h>
#include "kernel/abi/fcntl.h"
#include "kernel/abi/stat.h"
#include "kernel/abi/timens.h"
#include "kernel/cpu/clock.h"
#include "kernel/fstypes.h"
#include "kernel/sys/sys.h"

#define ANONYMOUS_INODE 1 /* one for all objects without attributes, as Linux has it */

/* ---- Gathering ---- */

static int64_t seed_time(oskit_timespec_t time)
{
    return (int64_t)time.tv_sec * NS_PER_S + time.tv_nsec;
}

/* From the seed's posixio, for objects that have nothing better. */
static long stat_seed(oskit_posixio_t *posixio, struct filex_stat *out)
{
    oskit_stat_t stat;
    oskit_error_t error = oskit_posixio_stat(posixio, &stat);
    if (error)
        return errno_from_oskit(error);
    *out = (struct filex_stat){.ino = stat.ino,
                               .size = (oskit_u64_t)stat.size,
                               .blocks = stat.blocks,
                               .atime = seed_time(stat.atime),
                               .mtime = seed_time(stat.mtime),
                               .ctime = seed_time(stat.ctime),
                               .mode = stat.mode,
                               .uid = stat.uid,
                               .gid = stat.gid,
                               .nlink = stat.nlink,
                               .rdev = stat.rdev,
                               .dev = stat.dev,
                               .blksize = stat.blksize};
    return 0;
}

static long stat_location(const struct location *location, struct filex_stat *out)
{
    sluice_filex_t *filex = location_filex(location);
    if (filex)
        return errno_from_oskit(sluice_filex_stat(filex, out));
    return stat_seed((oskit_posixio_t *)location_file(location), out);
}

/* An object without attributes: what all of them share was made when the machine started. */
static void stat_anonymous(struct filex_stat *out)
{
    int64_t start = clock_real() - (int64_t)clock_monotonic();
    *out = (struct filex_stat){.mode = 0600,
                               .nlink = 1,
                               .blksize = ENV_PAGE_SIZE,
                               .ino = ANONYMOUS_INODE,
                               .atime = start,
                               .mtime = start,
                               .ctime = start};
}

long descriptor_stat(long number, struct filex_stat *out)
{
    struct fd fd = fd_get_path((int)number);
    if (!fd.file)
        return -ABI_EBADF;
    long error;
    if (fd.file->location.name) {
        error = stat_location(&fd.file->location, out);
    } else if (fd.file->posixio) {
        error = stat_seed(fd.file->posixio, out);
    } else {
        stat_anonymous(out);
        error = 0;
    }
    fd_put(fd);
    return error;
}

static long stat_path(long dirfd, long path, long flags, struct filex_stat *out)
{
    struct location location;
    uint32_t how = flags & ABI_AT_SYMLINK_NOFOLLOW ? NAMESPACE_NOFOLLOW : 0;
    /* fstat by another name, which glibc uses: no walk. */
    long own = path_is_empty(dirfd, path, flags);
    if (own)
        return own < 0 ? own : descriptor_stat(dirfd, out);
    long error = path_lookup(dirfd, path, how, flags & ABI_AT_EMPTY_PATH, &location);
    if (error)
        return error;
    error = stat_location(&location, out);
    location_release(&location);
    return error;
}

/* ---- Answering ---- */

static long stat_put(long user, const struct filex_stat *stat)
{
    struct abi_stat out = {
        .st_dev = stat->dev,
        .st_ino = stat->ino,
        .st_nlink = stat->nlink,
        .st_mode = stat->mode,
        .st_uid = stat->uid,
        .st_gid = stat->gid,
        .st_rdev = stat->rdev,
        .st_size = (int64_t)stat->size,
        .st_blksize = stat->blksize,
        .st_blocks = (int64_t)stat->blocks,
        .st_atim = timespec_from_ns(stat->atime),
        .st_mtim = timespec_from_ns(stat->mtime),
        .st_ctim = timespec_from_ns(stat->ctime),
    };
    return put_user(user, &out, sizeof out);
}

long sys_newfstatat(long dirfd, long path, long user, long flags)
{
    struct filex_stat stat;
    if (flags & ~(ABI_AT_SYMLINK_NOFOLLOW | ABI_AT_EMPTY_PATH | ABI_AT_NO_AUTOMOUNT))
        return -ABI_EINVAL;
    long error = stat_path(dirfd, path, flags, &stat);
    return error ? error : stat_put(user, &stat);
}

long sys_stat(long path, long user)
{
    return sys_newfstatat(ABI_AT_FDCWD, path, user, 0);
}

long sys_lstat(long path, long user)
{
    return sys_newfstatat(ABI_AT_FDCWD, path, user, ABI_AT_SYMLINK_NOFOLLOW);
}

long sys_fstat(long fd, long user)
{
    struct filex_stat stat;
    long error = descriptor_stat(fd, &stat);
    return error ? error : stat_put(user, &stat);
}

static struct abi_statx_timestamp statx_time(int64_t ns)
{
    struct abi_timespec spec = timespec_from_ns(ns);
    return (struct abi_statx_timestamp){spec.tv_sec, (uint32_t)spec.tv_nsec, 0};
}

long sys_statx(long dirfd, long path, long flags, long mask, long user)
{
    struct filex_stat stat;
    if (flags & ~(ABI_AT_SYMLINK_NOFOLLOW | ABI_AT_EMPTY_PATH | ABI_AT_NO_AUTOMOUNT |
                  ABI_AT_STATX_SYNC_TYPE) ||
        (flags & ABI_AT_STATX_SYNC_TYPE) == ABI_AT_STATX_SYNC_TYPE || mask & ABI_STATX__RESERVED)
        return -ABI_EINVAL;
    long error = stat_path(dirfd, path, flags, &stat);
    if (error)
        return error;
    struct abi_statx out = {
        .stx_mask = ABI_STATX_BASIC_STATS | (stat.btime ? ABI_STATX_BTIME : 0),
        .stx_blksize = stat.blksize,
        .stx_nlink = stat.nlink,
        .stx_uid = stat.uid,
        .stx_gid = stat.gid,
        .stx_mode = (uint16_t)stat.mode,
        .stx_ino = stat.ino,
        .stx_size = stat.size,
        .stx_blocks = stat.blocks,
        .stx_atime = statx_time(stat.atime),
        .stx_btime = statx_time(stat.btime),
        .stx_ctime = statx_time(stat.ctime),
        .stx_mtime = statx_time(stat.mtime),
        .stx_rdev_major = ABI_MAJOR(stat.rdev),
        .stx_rdev_minor = ABI_MINOR(stat.rdev),
        .stx_dev_major = ABI_MAJOR(stat.dev),
        .stx_dev_minor = ABI_MINOR(stat.dev),
    };
    return put_user(user, &out, sizeof out);
}

/* ---- statfs ---- */

#define PIPES_MAGIC     0x50495045
#define SOCKETS_MAGIC   0x534f434b
#define ANONYMOUS_MAGIC 0x09041934

static void statfs_seed(const oskit_statfs_t *stat, struct abi_statfs *out)
{
    out->f_bsize = stat->bsize;
    out->f_frsize = stat->frsize ? stat->frsize : stat->bsize;
    out->f_blocks = stat->blocks;
    out->f_bfree = stat->bfree;
    out->f_bavail = stat->bavail;
    out->f_files = stat->files;
    out->f_ffree = stat->ffree;
    out->f_namelen = stat->namemax;
    out->f_fsid[0] = (int32_t)stat->fsid;
}

static void statfs_wide(const struct filesystemx_stat *stat, struct abi_statfs *out)
{
    out->f_type = stat->type;
    out->f_bsize = out->f_frsize = stat->bsize;
    out->f_blocks = stat->blocks;
    out->f_bfree = stat->bfree;
    out->f_bavail = stat->bavail;
    out->f_files = stat->files;
    out->f_ffree = stat->ffree;
    out->f_namelen = stat->namemax;
    out->f_fsid[0] = (int32_t)stat->fsid;
}

static long statfs_fill(oskit_filesystem_t *fs, struct abi_statfs *out)
{
    struct filesystemx_stat wide;
    oskit_statfs_t stat;
    sluice_filesystemx_t *filesystemx = sluice_query_face(fs, &sluice_filesystemx_iid);
    oskit_error_t error = filesystemx ? filesystemx->ops->stat(filesystemx, &wide)
                                      : oskit_filesystem_statfs(fs, &stat);
    if (filesystemx)
        filesystemx->ops->release(filesystemx);
    if (error)
        return errno_from_oskit(error);
    if (filesystemx)
        statfs_wide(&wide, out);
    else
        statfs_seed(&stat, out);
    return 0;
}

static long statfs_put(const struct location *location, long user)
{
    struct abi_statfs out = {.f_flags = location_mount_flags(location) | 0x20}; /* ST_VALID */
    out.f_type = fstype_magic(location_mount_type(location));
    long error = statfs_fill(location_filesystem(location), &out);
    return error ? error : put_user(user, &out, sizeof out);
}

long sys_statfs(long path, long user)
{
    struct location location;
    long error = path_lookup(ABI_AT_FDCWD, path, 0, false, &location);
    if (error)
        return error;
    error = statfs_put(&location, user);
    location_release(&location);
    return error;
}

/* What lies nowhere: on Linux, in a file system of its kind that holds and counts nothing. */
static long statfs_nowhere(long number, long user)
{
    struct filex_stat stat;
    long error = descriptor_stat(number, &stat);
    if (error)
        return error;
    uint32_t type = stat.mode & OSKIT_S_IFMT;
    struct abi_statfs out = {
        .f_type = type == OSKIT_S_IFSOCK  ? SOCKETS_MAGIC
                  : type == OSKIT_S_IFIFO ? PIPES_MAGIC
                                          : ANONYMOUS_MAGIC,
        .f_bsize = ENV_PAGE_SIZE,
        .f_frsize = ENV_PAGE_SIZE,
        .f_namelen = 255,
        .f_flags = 0x20, /* ST_VALID */
    };
    return put_user(user, &out, sizeof out);
}

long sys_fstatfs(long number, long user)
{
    struct fd fd = fd_get_path((int)number);
    if (!fd.file)
        return -ABI_EBADF;
    long error = fd.file->location.name ? statfs_put(&fd.file->location, user)
                                        : statfs_nowhere(number, user);
    fd_put(fd);
    return error;
}
