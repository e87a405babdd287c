/* Names: creating, removing, renaming, reading directories, and where the process stands. */
#include <sluice/filex.h>
#include <sluice/notify.h>
#include <sluice/ramfs.h>
#include <sluice/string.h>
#include "kernel/abi/dirent.h"
#include "kernel/abi/fcntl.h"
#include "kernel/abi/mount.h"
#include "kernel/abi/stat.h"
#include "kernel/fstypes.h"
#include "kernel/log.h"
#include "kernel/mem/heap.h"
#include "kernel/sys/sys.h"
#include "kernel/task/capability.h"
#include "kernel/task/fs_context.h"

static oskit_mode_t masked(long mode)
{
    return (oskit_mode_t)((uint32_t)mode & 07777 & ~current_process()->fs->umask);
}

/* ---- Making ---- */

long sys_mkdirat(long dirfd, long path, long mode)
{
    struct path_walk walk;
    long error = path_walk_begin(&walk, dirfd, path);
    if (!error)
        error = errno_from_oskit(namespace_mkdir(&walk.context.walk, walk.path.text, masked(mode)));
    path_walk_end(&walk);
    return error;
}

long sys_mkdir(long path, long mode)
{
    return sys_mkdirat(ABI_AT_FDCWD, path, mode);
}

static long mknod_check(long mode)
{
    switch (mode & ABI_S_IFMT) {
    case 0:
    case ABI_S_IFREG:
    case ABI_S_IFIFO:
    case ABI_S_IFSOCK:
        return 0;
    case ABI_S_IFCHR:
    case ABI_S_IFBLK:
        return process_capable(CAPABILITY_MKNOD) ? 0 : -ABI_EPERM;
    case ABI_S_IFDIR:
        return -ABI_EPERM;
    default:
        return -ABI_EINVAL;
    }
}

long sys_mknodat(long dirfd, long path, long mode, long rdev)
{
    struct path_walk walk;
    long error = mknod_check(mode);
    if (error)
        return error;
    oskit_mode_t type =
        mode & ABI_S_IFMT ? (oskit_mode_t)(mode & ABI_S_IFMT) : (oskit_mode_t)ABI_S_IFREG;
    error = path_walk_begin(&walk, dirfd, path);
    if (!error)
        error = errno_from_oskit(namespace_mknod(&walk.context.walk, walk.path.text,
                                                 type | masked(mode), (oskit_dev_t)rdev));
    path_walk_end(&walk);
    return error;
}

long sys_mknod(long path, long mode, long rdev)
{
    return sys_mknodat(ABI_AT_FDCWD, path, mode, rdev);
}

long sys_symlinkat(long user_target, long dirfd, long path)
{
    struct path target;
    struct path_walk walk = {0};
    long error = path_get(&target, user_target);
    if (!error && !*target.text)
        error = -ABI_ENOENT;
    if (!error)
        error = path_walk_begin(&walk, dirfd, path);
    if (!error)
        error =
            errno_from_oskit(namespace_symlink(&walk.context.walk, walk.path.text, target.text));
    path_walk_end(&walk);
    path_free(&target);
    return error;
}

long sys_symlink(long target, long path)
{
    return sys_symlinkat(target, ABI_AT_FDCWD, path);
}

long sys_linkat(long old_dirfd, long old_path, long new_dirfd, long new_path, long flags)
{
    struct location from;
    struct path_walk walk;
    if (flags & ~(ABI_AT_SYMLINK_FOLLOW | ABI_AT_EMPTY_PATH))
        return -ABI_EINVAL;
    uint32_t how = flags & ABI_AT_SYMLINK_FOLLOW ? 0 : NAMESPACE_NOFOLLOW;
    long error = path_lookup(old_dirfd, old_path, how, flags & ABI_AT_EMPTY_PATH, &from);
    if (error)
        return error;
    error = path_walk_begin(&walk, new_dirfd, new_path);
    if (!error)
        error = errno_from_oskit(namespace_link(&from, &walk.context.walk, walk.path.text));
    path_walk_end(&walk);
    location_release(&from);
    return error;
}

long sys_link(long old_path, long new_path)
{
    return sys_linkat(ABI_AT_FDCWD, old_path, ABI_AT_FDCWD, new_path, 0);
}

/* ---- Removing, renaming ---- */

long sys_unlinkat(long dirfd, long path, long flags)
{
    struct path_walk walk;
    if (flags & ~ABI_AT_REMOVEDIR)
        return -ABI_EINVAL;
    long error = path_walk_begin(&walk, dirfd, path);
    if (!error)
        error = errno_from_oskit(flags & ABI_AT_REMOVEDIR
                                     ? namespace_rmdir(&walk.context.walk, walk.path.text)
                                     : namespace_unlink(&walk.context.walk, walk.path.text));
    path_walk_end(&walk);
    return error;
}

long sys_unlink(long path)
{
    return sys_unlinkat(ABI_AT_FDCWD, path, 0);
}

long sys_rmdir(long path)
{
    return sys_unlinkat(ABI_AT_FDCWD, path, ABI_AT_REMOVEDIR);
}

long sys_renameat2(long old_dirfd, long old_path, long new_dirfd, long new_path, long flags)
{
    struct path_walk from, to = {0};
    if (flags & ~(long)(RENAME_NOREPLACE | RENAME_EXCHANGE) ||
        flags == (RENAME_NOREPLACE | RENAME_EXCHANGE))
        return -ABI_EINVAL;
    long error = path_walk_begin(&from, old_dirfd, old_path);
    if (!error)
        error = path_walk_begin(&to, new_dirfd, new_path);
    if (!error)
        error =
            errno_from_oskit(namespace_rename(&from.context.walk, from.path.text, &to.context.walk,
                                              to.path.text, (oskit_u32_t)flags));
    path_walk_end(&to);
    path_walk_end(&from);
    return error;
}

long sys_renameat(long old_dirfd, long old_path, long new_dirfd, long new_path)
{
    return sys_renameat2(old_dirfd, old_path, new_dirfd, new_path, 0);
}

long sys_rename(long old_path, long new_path)
{
    return sys_renameat2(ABI_AT_FDCWD, old_path, ABI_AT_FDCWD, new_path, 0);
}

/* ---- Links' texts ---- */

long sys_readlinkat(long dirfd, long path, long buffer, long size)
{
    struct location location;
    if ((int32_t)size <= 0)
        return -ABI_EINVAL;
    long error = path_lookup(dirfd, path, NAMESPACE_NOFOLLOW, true, &location);
    if (error)
        return error;
    char *text = heap_alloc(PATH_SIZE, 0);
    oskit_u32_t length = 0;
    error = text ? errno_from_oskit(
                       oskit_file_readlink(location_file(&location), text, PATH_SIZE, &length))
                 : -ABI_ENOMEM;
    location_release(&location);
    if (error == -ABI_ENOSYS) { /* the file is no link */
        char first = 0;
        error = get_user(&first, path, 1) || first ? -ABI_EINVAL : -ABI_ENOENT;
    }
    size_t n = length < (size_t)(int32_t)size ? length : (size_t)(int32_t)size;
    if (!error)
        error = put_user(buffer, text, n);
    heap_free(text);
    return error ? error : (long)n;
}

long sys_readlink(long path, long buffer, long size)
{
    return sys_readlinkat(ABI_AT_FDCWD, path, buffer, size);
}

/* ---- Reading directories ---- */

/* Entries are gathered in kernel memory, because the directory is locked while it shows them. */
struct dirent_buffer {
    char *bytes;
    size_t size, used;
    struct abi_dirent64 *last;
    bool full;
};

static uint8_t dirent_type(uint32_t mode)
{
    return (uint8_t)((mode & ABI_S_IFMT) >> 12);
}

static bool dirent_emit(void *arg, const struct filex_entry *entry)
{
    struct dirent_buffer *buffer = arg;
    size_t size = (offsetof(struct abi_dirent64, d_name) + entry->length + 1 + 7) & ~7ul;
    if (size > buffer->size - buffer->used) {
        buffer->full = true;
        return false;
    }
    struct abi_dirent64 *out = (struct abi_dirent64 *)(buffer->bytes + buffer->used);
    memset(out, 0, size);
    out->d_ino = entry->ino;
    out->d_off = (int64_t)entry->cookie;
    out->d_reclen = (uint16_t)size;
    out->d_type = dirent_type(entry->type);
    memcpy(out->d_name, entry->name, entry->length);
    buffer->used += size;
    return true;
}

#define DIRENT_BUFFER_MAX 32768u

static long directory_read(struct openfile *file, long user, size_t size)
{
    sluice_filex_t *filex = file->location.name && location_dir(&file->location)
                                ? location_filex(&file->location)
                                : NULL;
    if (!filex)
        return -ABI_ENOTDIR;
    struct dirent_buffer buffer = {.size = size < DIRENT_BUFFER_MAX ? size : DIRENT_BUFFER_MAX};
    buffer.bytes = heap_alloc(buffer.size ? buffer.size : 1, 0);
    if (!buffer.bytes)
        return -ABI_ENOMEM;
    env_mutex_lock(&file->offset_mutex);
    oskit_u64_t cookie = (oskit_u64_t)file->offset;
    long error = errno_from_oskit(sluice_filex_readdir(filex, &cookie, dirent_emit, &buffer));
    if (!error && !buffer.used && buffer.full)
        error = -ABI_EINVAL; /* not even one entry fits */
    if (!error)
        error = put_user(user, buffer.bytes, buffer.used);
    if (!error)
        file->offset = (int64_t)cookie;
    env_mutex_unlock(&file->offset_mutex);
    heap_free(buffer.bytes);
    if (!error)
        notify_location(&file->location, NOTIFY_ACCESS);
    return error ? error : (long)buffer.used;
}

long sys_getdents64(long number, long user, long size)
{
    struct fd fd = fd_get((int)number);
    if (!fd.file)
        return -ABI_EBADF;
    long result = directory_read(fd.file, user, (uint32_t)size);
    fd_put(fd);
    return result;
}

/* ---- Where the process stands ---- */

static long change_place(struct location *where, const struct location *to)
{
    if (!location_dir(to))
        return -ABI_ENOTDIR;
    long error = errno_from_oskit(oskit_file_access(location_file(to), OSKIT_X_OK));
    if (!error)
        fs_context_set(where, to);
    return error;
}

long sys_chdir(long path)
{
    struct location location;
    long error = path_lookup(ABI_AT_FDCWD, path, NAMESPACE_DIRECTORY, false, &location);
    if (error)
        return error;
    error = change_place(&current_process()->fs->cwd, &location);
    location_release(&location);
    return error;
}

long sys_fchdir(long number)
{
    struct fd fd = fd_get_path((int)number);
    if (!fd.file)
        return -ABI_EBADF;
    long error = fd.file->location.name
                     ? change_place(&current_process()->fs->cwd, &fd.file->location)
                     : -ABI_ENOTDIR;
    fd_put(fd);
    return error;
}

long sys_chroot(long path)
{
    struct location location;
    long error = path_lookup(ABI_AT_FDCWD, path, NAMESPACE_DIRECTORY, false, &location);
    if (error)
        return error;
    error = process_capable(CAPABILITY_SYS_CHROOT)
                ? change_place(&current_process()->fs->root, &location)
                : -ABI_EPERM;
    location_release(&location);
    return error;
}

long sys_getcwd(long user, long size)
{
    struct walk_context context;
    size_t length = 0;
    long error = walk_begin(&context, ABI_AT_FDCWD, ".");
    if (error)
        return error;
    char *text = heap_alloc(PATH_SIZE, 0);
    if (!text)
        error = -ABI_ENOMEM;
    else if (location_deleted(context.walk.base))
        error = -ABI_ENOENT;
    else
        error = errno_from_oskit(
            namespace_path(context.walk.root, context.walk.base, text, PATH_SIZE, &length));
    if (error == -ABI_ERANGE) /* no larger buffer would help */
        error = -ABI_ENAMETOOLONG;
    if (!error && length > (size_t)size)
        error = -ABI_ERANGE;
    if (!error)
        error = put_user(user, text, length);
    heap_free(text);
    walk_end(&context);
    return error ? error : (long)length;
}

/* ---- Mounts ---- */

#define MOUNT_KEPT (MOUNT_RDONLY | MOUNT_NOSUID | MOUNT_NODEV | MOUNT_NOEXEC)

/* Read-only when the file system says that it can't be otherwise. */
static uint32_t mount_flags_of(oskit_filesystem_t *fs, uint32_t flags)
{
    oskit_statfs_t stat;
    if (!oskit_filesystem_statfs(fs, &stat) && stat.flag & OSKIT_FS_RDONLY)
        flags |= MOUNT_RDONLY;
    return flags;
}

/* What a mount(2) has to say, copied in. */
struct mount_request {
    struct path source, type, data; /* text NULL: not given */
    uint32_t flags;
};

static long request_text(struct path *path, long user)
{
    return user ? path_get(path, user) : 0;
}

/* Refused rather than passed over: nothing here writes on a mount's account. */
#define MOUNT_SYNC (ABI_MS_SYNCHRONOUS | ABI_MS_DIRSYNC)

static long mount_flags_check(long flags)
{
    if (flags & MOUNT_SYNC)
        log_write(LOG_WARNING, "mount: no option sync or dirsync");
    return flags & (ABI_MS_BIND | ABI_MS_MOVE | MOUNT_SYNC) ? -ABI_EINVAL : 0;
}

static void mount_request_end(struct mount_request *request)
{
    path_free(&request->source);
    path_free(&request->type);
    path_free(&request->data);
}

static long mount_request_get(struct mount_request *request, long source, long type, long data)
{
    long error = request_text(&request->data, data);
    if (error == -ABI_ENAMETOOLONG)
        error = -ABI_EINVAL;
    if (!error && !(request->flags & ABI_MS_REMOUNT)) {
        error = path_get(&request->type, type);
        if (!error)
            error = request_text(&request->source, source);
    }
    return error;
}

static long mount_make(struct mount_request *request, const char *source,
                       struct mount_options *options, oskit_filesystem_t **out)
{
    struct walk_context context;
    const char *type = request->type.text;
    mount_options_init(type, request->flags, options);
    long error = walk_begin(&context, ABI_AT_FDCWD, source);
    if (error)
        return error;
    if (request->data.text)
        error = mount_options_parse(type, request->data.text, options);
    if (!error)
        error = fstype_create(type, source, &context.walk, options, out);
    walk_end(&context);
    return error;
}

static long mount_new(const struct location *at, struct mount_request *request)
{
    oskit_filesystem_t *fs;
    struct mount_options options;
    const char *source = request->source.text ? request->source.text : "none";
    long error = mount_make(request, source, &options, &fs);
    if (error)
        return error;
    error = errno_from_oskit(namespace_mount(root_namespace, at, fs, request->type.text, source,
                                             mount_flags_of(fs, options.flags & MOUNT_KEPT)));
    oskit_filesystem_release(fs);
    return error;
}

/* What has no medium has nothing to do for it. */
static long mount_again(const struct location *at, struct mount_request *request)
{
    oskit_filesystem_t *fs = location_filesystem(at);
    struct mount_options options = {.flags = request->flags};
    if (request->data.text) {
        long refused = mount_options_parse_again(fs, request->data.text, &options);
        if (refused)
            return refused;
    }
    uint32_t flags = options.flags & MOUNT_KEPT;
    oskit_error_t error = oskit_filesystem_remount(fs, flags & MOUNT_RDONLY ? OSKIT_FS_RDONLY : 0);
    if (error && error != OSKIT_E_NOTIMPL)
        return errno_from_oskit(error);
    return errno_from_oskit(namespace_remount(at, flags));
}

long sys_mount(long source, long target, long type, long flags, long data)
{
    struct location at;
    struct mount_request request = {.flags = (uint32_t)flags};
    if (!process_capable(CAPABILITY_SYS_ADMIN))
        return -ABI_EPERM;
    long error = mount_flags_check(flags);
    if (!error)
        error = path_lookup(ABI_AT_FDCWD, target, NAMESPACE_DIRECTORY, false, &at);
    if (error)
        return error;
    error = mount_request_get(&request, source, type, data);
    if (!error)
        error = flags & ABI_MS_REMOUNT ? mount_again(&at, &request) : mount_new(&at, &request);
    mount_request_end(&request);
    location_release(&at);
    return error;
}

long sys_umount2(long target, long flags)
{
    struct location at;
    if (!process_capable(CAPABILITY_SYS_ADMIN))
        return -ABI_EPERM;
    if (flags & ~(ABI_MNT_FORCE | ABI_MNT_DETACH | ABI_UMOUNT_NOFOLLOW))
        return -ABI_EINVAL;
    uint32_t how = flags & ABI_UMOUNT_NOFOLLOW ? NAMESPACE_NOFOLLOW : 0;
    long error = path_lookup(ABI_AT_FDCWD, target, how, false, &at);
    if (error)
        return error;
    error = errno_from_oskit(namespace_unmount(root_namespace, &at, flags & ABI_MNT_DETACH));
    location_release(&at);
    return error;
}
