/* Changing attributes: mode, owner, times, size; and access(2). */
#include <sluice/filex.h>
#include <sluice/notify.h>
#include <sluice/permission.h>
#include "kernel/abi/fcntl.h"
#include "kernel/abi/stat.h"
#include "kernel/abi/timens.h"
#include "kernel/cpu/clock.h"
#include "kernel/mem/heap.h"
#include "kernel/sys/sys.h"
#include "kernel/task/capability.h"

/* ---- One change, by path or descriptor ---- */

/* In place of a mask of times that are none: the file is looked for first. */
#define TIMES_NONE UINT32_MAX

static long setattr_location(const struct location *location, uint32_t mask,
                             const struct filex_attributes *attributes)
{
    sluice_filex_t *filex = location_filex(location);
    if (mask == TIMES_NONE)
        return -ABI_EINVAL;
    if (location_mount_flags(location) & MOUNT_RDONLY)
        return -ABI_EROFS;
    long error =
        filex ? errno_from_oskit(sluice_filex_setattr(filex, mask, attributes)) : -ABI_EPERM;
    if (!error)
        notify_location(location, notify_of_attributes(mask));
    return error;
}

static oskit_timespec_t seed_time(bool now, int64_t given)
{
    struct abi_timespec spec = timespec_from_ns(now ? clock_real() : given);
    int64_t seconds = spec.tv_sec < INT32_MIN   ? INT32_MIN
                      : spec.tv_sec > INT32_MAX ? INT32_MAX
                                                : spec.tv_sec;
    return (oskit_timespec_t){(oskit_time_t)seconds, (oskit_s32_t)spec.tv_nsec};
}

/* A pipe's end: the seed's setstat. */
static long setattr_object(struct openfile *file, uint32_t mask,
                           const struct filex_attributes *attributes)
{
    oskit_stat_t stat = {.mode = (oskit_mode_t)attributes->mode,
                         .uid = attributes->uid,
                         .gid = attributes->gid,
                         .atime = seed_time(mask & FILEX_ATIME_NOW, attributes->atime),
                         .mtime = seed_time(mask & FILEX_MTIME_NOW, attributes->mtime)};
    oskit_u32_t seed = (mask & FILEX_MODE ? OSKIT_STAT_MODE : 0) |
                       (mask & FILEX_UID ? OSKIT_STAT_UID : 0) |
                       (mask & FILEX_GID ? OSKIT_STAT_GID : 0) |
                       (mask & (FILEX_ATIME | FILEX_ATIME_NOW) ? OSKIT_STAT_ATIME : 0) |
                       (mask & (FILEX_MTIME | FILEX_MTIME_NOW) ? OSKIT_STAT_MTIME : 0);
    if (mask & FILEX_SIZE) /* or TIMES_NONE */
        return -ABI_EINVAL;
    return file->posixio ? errno_from_oskit(oskit_posixio_setstat(file->posixio, seed, &stat))
                         : -ABI_EOPNOTSUPP;
}

static long setattr_file(struct openfile *file, uint32_t mask,
                         const struct filex_attributes *attributes)
{
    return file->location.name ? setattr_location(&file->location, mask, attributes)
                               : setattr_object(file, mask, attributes);
}

/* Consumes FD. */
static long setattr_fd(struct fd fd, uint32_t mask, const struct filex_attributes *attributes)
{
    if (!fd.file)
        return -ABI_EBADF;
    long error = setattr_file(fd.file, mask, attributes);
    fd_put(fd);
    return error;
}

static long setattr_path(long dirfd, long path, long flags, uint32_t mask,
                         const struct filex_attributes *attributes)
{
    struct location location;
    uint32_t how = flags & ABI_AT_SYMLINK_NOFOLLOW ? NAMESPACE_NOFOLLOW : 0;
    long own = path_is_empty(dirfd, path, flags);
    if (own)
        return own < 0 ? own : setattr_fd(fd_get_path((int)dirfd), mask, attributes);
    long error = path_lookup(dirfd, path, how, flags & ABI_AT_EMPTY_PATH, &location);
    if (error)
        return error;
    error = setattr_location(&location, mask, attributes);
    location_release(&location);
    return error;
}

/* ---- Mode and owner ---- */

long sys_fchmodat(long dirfd, long path, long mode)
{
    struct filex_attributes attributes = {.mode = (uint32_t)mode & 07777};
    return setattr_path(dirfd, path, 0, FILEX_MODE, &attributes);
}

long sys_chmod(long path, long mode)
{
    return sys_fchmodat(ABI_AT_FDCWD, path, mode);
}

long sys_fchmod(long fd, long mode)
{
    struct filex_attributes attributes = {.mode = (uint32_t)mode & 07777};
    return setattr_fd(fd_get((int)fd), FILEX_MODE, &attributes);
}

/* -1 leaves as is. */
static uint32_t owner_attributes(long uid, long gid, struct filex_attributes *out)
{
    *out = (struct filex_attributes){.uid = (uint32_t)uid, .gid = (uint32_t)gid};
    return ((uint32_t)uid == UINT32_MAX ? 0 : FILEX_UID) |
           ((uint32_t)gid == UINT32_MAX ? 0 : FILEX_GID);
}

long sys_fchownat(long dirfd, long path, long uid, long gid, long flags)
{
    struct filex_attributes attributes;
    if (flags & ~(ABI_AT_SYMLINK_NOFOLLOW | ABI_AT_EMPTY_PATH))
        return -ABI_EINVAL;
    uint32_t mask = owner_attributes(uid, gid, &attributes);
    return setattr_path(dirfd, path, flags, mask, &attributes);
}

long sys_chown(long path, long uid, long gid)
{
    return sys_fchownat(ABI_AT_FDCWD, path, uid, gid, 0);
}

long sys_lchown(long path, long uid, long gid)
{
    return sys_fchownat(ABI_AT_FDCWD, path, uid, gid, ABI_AT_SYMLINK_NOFOLLOW);
}

long sys_fchown(long fd, long uid, long gid)
{
    struct filex_attributes attributes;
    uint32_t mask = owner_attributes(uid, gid, &attributes);
    return setattr_fd(fd_get((int)fd), mask, &attributes);
}

/* ---- Times ---- */

static bool time_part(const struct abi_timespec *spec, uint32_t set, uint32_t now, uint32_t *mask,
                      oskit_s64_t *ns)
{
    if (spec->tv_nsec == ABI_UTIME_OMIT)
        return true;
    if (spec->tv_nsec == ABI_UTIME_NOW) {
        *mask |= now;
        return true;
    }
    *mask |= set;
    return spec->tv_nsec >= 0 && spec->tv_nsec < NS_PER_S &&
           !__builtin_mul_overflow(spec->tv_sec, NS_PER_S, ns) &&
           !__builtin_add_overflow(*ns, spec->tv_nsec, ns);
}

/* Which file it is comes first, then whether the times are any. */
static long set_times(long dirfd, long path, long flags, const struct abi_timespec times[2])
{
    struct filex_attributes attributes = {0};
    uint32_t mask = 0;
    bool own = !path && (int)dirfd != ABI_AT_FDCWD;
    if (flags & ~(own ? 0l : ABI_AT_SYMLINK_NOFOLLOW | ABI_AT_EMPTY_PATH))
        return -ABI_EINVAL;
    if (!time_part(&times[0], FILEX_ATIME, FILEX_ATIME_NOW, &mask, &attributes.atime) ||
        !time_part(&times[1], FILEX_MTIME, FILEX_MTIME_NOW, &mask, &attributes.mtime))
        mask = TIMES_NONE;
    if (own)
        return setattr_fd(fd_get((int)dirfd), mask, &attributes);
    return setattr_path(dirfd, path, flags, mask, &attributes);
}

static const struct abi_timespec times_now[2] = {{0, ABI_UTIME_NOW}, {0, ABI_UTIME_NOW}};

long sys_utimensat(long dirfd, long path, long user, long flags)
{
    struct abi_timespec times[2] = {times_now[0], times_now[1]};
    if (user && get_user(times, user, sizeof times))
        return -ABI_EFAULT;
    /* Nothing to do: then nothing is looked at either. */
    if (times[0].tv_nsec == ABI_UTIME_OMIT && times[1].tv_nsec == ABI_UTIME_OMIT)
        return 0;
    return set_times(dirfd, path, flags, times);
}

static long set_timevals(long dirfd, long path, long user)
{
    struct abi_timeval in[2];
    struct abi_timespec times[2] = {times_now[0], times_now[1]};
    if (user && get_user(in, user, sizeof in))
        return -ABI_EFAULT;
    for (int i = 0; user && i < 2; i++) {
        if (in[i].tv_usec < 0 || in[i].tv_usec >= 1000000)
            return -ABI_EINVAL;
        times[i] = (struct abi_timespec){in[i].tv_sec, in[i].tv_usec * 1000};
    }
    return set_times(dirfd, path, 0, times);
}

long sys_futimesat(long dirfd, long path, long user)
{
    return set_timevals(dirfd, path, user);
}

long sys_utimes(long path, long user)
{
    return set_timevals(ABI_AT_FDCWD, path, user);
}

long sys_utime(long path, long user)
{
    int64_t in[2];
    struct abi_timespec times[2] = {times_now[0], times_now[1]};
    if (!path || (user && get_user(in, user, sizeof in)))
        return -ABI_EFAULT;
    for (int i = 0; user && i < 2; i++)
        times[i] = (struct abi_timespec){in[i], 0};
    return set_times(ABI_AT_FDCWD, path, 0, times);
}

/* ---- Size ---- */

static long size_check(long length)
{
    if (length < 0)
        return -ABI_EINVAL;
    if ((uint64_t)length <= process_limit(ABI_RLIMIT_FSIZE))
        return 0;
    struct abi_siginfo info;
    signal_info_kernel(&info, ABI_SIGXFSZ);
    signal_send_thread(current_thread(), &info);
    return -ABI_EFBIG;
}

long file_write_begin(oskit_file_t *file, struct mappings **out)
{
    sluice_pager_t *pager = sluice_query_face(file, &sluice_pager_iid);
    *out = NULL;
    if (!pager)
        return 0;
    *out = pager->ops->mappings(pager); /* as long-lived as FILE */
    pager->ops->release(pager);
    if (mappings_write_begin(*out))
        return 0;
    oskit_error_t refused = oskit_file_access(file, OSKIT_W_OK);
    return refused ? errno_from_oskit(refused) : -ABI_ETXTBSY;
}

static long truncate_location(const struct location *location, long length)
{
    struct filex_attributes attributes = {.size = (uint64_t)length};
    struct mappings *mappings;
    long error = file_write_begin(location_file(location), &mappings);
    if (error)
        return error;
    error = setattr_location(location, FILEX_SIZE, &attributes);
    mappings_write_end(mappings);
    return error;
}

long sys_truncate(long path, long length)
{
    struct location location;
    long error = size_check(length);
    if (!error)
        error = path_lookup(ABI_AT_FDCWD, path, 0, false, &location);
    if (error)
        return error;
    error = truncate_location(&location, length);
    location_release(&location);
    return error;
}

long sys_ftruncate(long number, long length)
{
    struct filex_attributes attributes = {.size = (uint64_t)length};
    long error = size_check(length);
    if (error)
        return error;
    struct fd fd = fd_get((int)number);
    if (!fd.file)
        return -ABI_EBADF;
    error = openfile_writable(fd.file) ? setattr_file(fd.file, FILEX_SIZE | FILEX_OPEN, &attributes)
                                       : -ABI_EINVAL;
    fd_put(fd);
    return error;
}

/* ---- access ---- */

/* access(2) asks for the real ids; a copy of the credentials with them in force stands in while the
 * walk lasts. */
static long access_credentials(struct cred **out)
{
    const struct cred *own = cred_current();
    *out = NULL;
    uint64_t wanted = own->uid == 0 ? own->permitted : 0;
    if (own->uid == own->fsuid && own->gid == own->fsgid && own->effective == wanted)
        return 0;
    struct cred *cred = *out = cred_copy(own, own->group_count);
    if (!cred)
        return -ABI_ENOMEM;
    cred->fsuid = cred->euid = cred->uid;
    cred->fsgid = cred->egid = cred->gid;
    cred_fix_access_capabilities(cred);
    return 0;
}

static long access_location(const struct location *location, long mode)
{
    oskit_file_t *file = location_file(location);
    oskit_stat_t stat;
    if (mode & OSKIT_W_OK && location_mount_flags(location) & MOUNT_RDONLY &&
        !oskit_file_stat(file, &stat) && ABI_S_ISREG(stat.mode))
        return -ABI_EROFS;
    return errno_from_oskit(oskit_file_access(file, (oskit_u32_t)mode));
}

static long access_descriptor(long number, long mode)
{
    struct fd fd = fd_get_path((int)number);
    struct filex_stat stat;
    if (!fd.file)
        return -ABI_EBADF;
    long error;
    if (fd.file->location.name)
        error = access_location(&fd.file->location, mode);
    else if (!(error = descriptor_stat(number, &stat)))
        error =
            errno_from_oskit(permission_check(stat.mode, stat.uid, stat.gid, (oskit_u32_t)mode));
    fd_put(fd);
    return error;
}

static long access_path(long dirfd, long path, long mode, long flags)
{
    struct location location;
    uint32_t how = flags & ABI_AT_SYMLINK_NOFOLLOW ? NAMESPACE_NOFOLLOW : 0;
    long own = path_is_empty(dirfd, path, flags);
    if (own)
        return own < 0 ? own : access_descriptor(dirfd, mode);
    long error = path_lookup(dirfd, path, how, flags & ABI_AT_EMPTY_PATH, &location);
    if (error)
        return error;
    error = access_location(&location, mode);
    location_release(&location);
    return error;
}

long sys_faccessat2(long dirfd, long path, long mode, long flags)
{
    if (mode & ~7 || flags & ~(ABI_AT_EACCESS | ABI_AT_SYMLINK_NOFOLLOW | ABI_AT_EMPTY_PATH))
        return -ABI_EINVAL;
    struct thread *self = current_thread();
    struct cred *real = NULL;
    long error = flags & ABI_AT_EACCESS ? 0 : access_credentials(&real);
    self->cred_override = real;
    if (!error)
        error = access_path(dirfd, path, mode, flags);
    self->cred_override = NULL;
    cred_unref(real);
    return error;
}

long sys_faccessat(long dirfd, long path, long mode)
{
    return sys_faccessat2(dirfd, path, mode, 0);
}

long sys_access(long path, long mode)
{
    return sys_faccessat2(ABI_AT_FDCWD, path, mode, 0);
}

long sys_umask(long mask)
{
    struct fs_context *fs = current_process()->fs;
    spin_lock(&fs->lock);
    uint32_t old = fs->umask;
    fs->umask = (uint32_t)mask & 0777;
    spin_unlock(&fs->lock);
    return old;
}
