/* open: from a path to a descriptor. */
#include <oskit/fs/file.h>
#include <sluice/notify.h>
#include <sluice/pipe.h>
#include "kernel/abi/fcntl.h"
#include "kernel/abi/stat.h"
#include "kernel/sys/sys.h"
#include "kernel/task/fs_context.h"

/* Flags that are remembered in the open file (F_GETFL). */
#define KEPT_FLAGS                                                                            \
    (ABI_O_ACCMODE | ABI_O_APPEND | ABI_O_NONBLOCK | ABI_O_DSYNC | ABI_O_SYNC | ABI_O_ASYNC | \
     ABI_O_DIRECT | ABI_O_LARGEFILE | ABI_O_DIRECTORY | ABI_O_NOFOLLOW | ABI_O_NOATIME |      \
     ABI_O_PATH)

static oskit_u32_t oskit_open_flags(long flags)
{
    static const oskit_u32_t access[4] = {OSKIT_O_RDONLY, OSKIT_O_WRONLY, OSKIT_O_RDWR,
                                          OSKIT_O_RDWR};
    return access[flags & ABI_O_ACCMODE] | (flags & ABI_O_NONBLOCK ? OSKIT_O_NONBLOCK : 0) |
           (flags & ABI_O_NOCTTY ? OSKIT_O_NOCTTY : 0) |
           (flags & ABI_O_APPEND ? OSKIT_O_APPEND : 0);
}

/* ---- Finding or creating the file ---- */

static long open_locate(struct path_walk *walk, long flags, long mode, struct location *out,
                        bool *created)
{
    uint32_t how = (flags & ABI_O_NOFOLLOW ? NAMESPACE_NOFOLLOW : 0) |
                   (flags & ABI_O_DIRECTORY ? NAMESPACE_DIRECTORY : 0);
    *created = false;
    if (!(flags & ABI_O_CREAT))
        return errno_from_oskit(namespace_lookup(&walk->context.walk, walk->path.text, how, out));
    mode = mode & 07777 & ~(long)current_process()->fs->umask;
    return errno_from_oskit(namespace_create_file(&walk->context.walk, walk->path.text,
                                                  (oskit_mode_t)mode, flags & ABI_O_EXCL, how, out,
                                                  created));
}

static long open_check_access(oskit_file_t *file, long flags, oskit_u32_t type,
                              oskit_u32_t mount_flags)
{
    static const oskit_u32_t want[4] = {OSKIT_R_OK, OSKIT_W_OK, OSKIT_R_OK | OSKIT_W_OK,
                                        OSKIT_R_OK | OSKIT_W_OK};
    bool writes = (flags & ABI_O_ACCMODE) != ABI_O_RDONLY || flags & ABI_O_TRUNC;
    if (writes && type == OSKIT_S_IFREG && mount_flags & MOUNT_RDONLY)
        return -ABI_EROFS;
    return errno_from_oskit(
        oskit_file_access(file, want[flags & ABI_O_ACCMODE] | (writes ? OSKIT_W_OK : 0)));
}

/* What the type of the file has to say about the flags. */
static long open_check_type(oskit_u32_t type, long flags, oskit_u32_t mount_flags)
{
    switch (type) {
    case OSKIT_S_IFLNK:
        return flags & ABI_O_PATH ? 0 : -ABI_ELOOP;
    case OSKIT_S_IFDIR:
        return (flags & ABI_O_ACCMODE) != ABI_O_RDONLY || flags & (ABI_O_CREAT | ABI_O_TRUNC)
                   ? -ABI_EISDIR
                   : 0;
    case OSKIT_S_IFCHR:
    case OSKIT_S_IFBLK:
        return mount_flags & MOUNT_NODEV ? -ABI_EACCES : 0;
    default:
        return 0;
    }
}

static long open_check(const struct location *location, long flags, bool created, oskit_u32_t type)
{
    oskit_u32_t mount_flags = location_mount_flags(location);
    long error = open_check_type(type, flags, mount_flags);
    /* Who created the file may use it as asked, whatever its mode says from now on. */
    if (!error && !created && !(flags & ABI_O_PATH))
        error = open_check_access(location_file(location), flags, type, mount_flags);
    return error;
}

/* ---- The object ---- */

static oskit_error_t fifo_wait_try(void *arg)
{
    struct readiness *readiness = arg;
    return readiness_level(readiness) & READY_OPENED ? 0 : OSKIT_EWOULDBLOCK;
}

/* Opening a FIFO waits for the other side. */
static long open_wait_peer(struct openfile *file, long flags)
{
    if (!file->readiness || flags & ABI_O_NONBLOCK)
        return 0;
    oskit_error_t error = wait_loop(file->readiness, READY_OPENED, false, ENV_FOREVER,
                                    fifo_wait_try, file->readiness);
    return error == OSKIT_EINTR ? -ERESTARTSYS : errno_from_oskit(error);
}

/* O_TRUNC empties a file that is opened for reading, too. */
static long open_truncate(const struct location *location)
{
    oskit_stat_t stat = {.size = 0};
    oskit_file_t *file = location_file(location);
    struct mappings *mappings;
    long error = file_write_begin(file, &mappings);
    if (error)
        return error;
    error = errno_from_oskit(oskit_file_setstat(file, OSKIT_STAT_SIZE, &stat));
    mappings_write_end(mappings);
    return error;
}

/* O_EXCL without O_CREAT asks to have a disk alone; of other files it says nothing. */
static oskit_u32_t open_claim(long flags, oskit_u32_t type)
{
    return type == OSKIT_S_IFBLK && flags & ABI_O_EXCL ? OSKIT_O_EXCL : 0;
}

static long open_object(const struct location *location, long flags, oskit_u32_t type,
                        struct openfile **out)
{
    oskit_iunknown_t *object;
    oskit_file_t *file = location_file(location);
    if (flags & ABI_O_PATH) {
        object = (oskit_iunknown_t *)file;
        oskit_iunknown_addref(object);
    } else if (type == OSKIT_S_IFIFO && (flags & ABI_O_ACCMODE) == ABI_O_ACCMODE) {
        return -ABI_EINVAL; /* a file may be open for neither, a FIFO's end must be one */
    } else {
        oskit_error_t error = location_open_object(
            location, oskit_open_flags(flags) | open_claim(flags, type), &object);
        if (error)
            return errno_from_oskit(error);
    }
    *out = openfile_create(object, location, (uint32_t)flags & KEPT_FLAGS);
    if (!*out)
        return -ABI_ENOMEM;
    long error = 0;
    if (openfile_writable(*out) && !(flags & ABI_O_PATH) && !openfile_count_writer(*out))
        error = -ABI_ETXTBSY;
    if (!error && type == OSKIT_S_IFIFO && !(flags & ABI_O_PATH))
        error = open_wait_peer(*out, flags);
    if (error) {
        openfile_unref(*out);
        return error;
    }
    if ((*out)->terminal && !(flags & ABI_O_NOCTTY))
        session_terminal_opened((*out)->object);
    return 0;
}

long open_location(const struct location *location, long flags, bool created, struct openfile **out)
{
    oskit_u32_t type = location_type(location);
    long error = open_check(location, flags, created, type);
    bool truncate = !error && flags & ABI_O_TRUNC && !created && type == OSKIT_S_IFREG;
    if (truncate)
        error = open_truncate(location);
    if (!error)
        error = open_object(location, flags, type, out);
    if (!error && notify_watched() && !(flags & ABI_O_PATH)) {
        notify_location(location, NOTIFY_OPEN);
        if (truncate)
            notify_location(location, NOTIFY_MODIFY);
    }
    return error;
}

static long open_tmpfile(struct path_walk *walk, long flags, long mode, struct location *out)
{
    if ((flags & ABI_O_ACCMODE) == ABI_O_RDONLY)
        return -ABI_EINVAL;
    mode = mode & 07777 & ~(long)current_process()->fs->umask;
    uint32_t how = flags & ABI_O_NOFOLLOW ? NAMESPACE_NOFOLLOW : 0;
    return errno_from_oskit(namespace_tmpfile(&walk->context.walk, walk->path.text,
                                              (oskit_mode_t)mode, flags & ABI_O_EXCL, how, out));
}

static long open_file(long dirfd, long path, long flags, long mode, struct openfile **out)
{
    struct path_walk walk;
    struct location location;
    bool created = true;
    long error = path_walk_begin(&walk, dirfd, path);
    if (!error && (flags & ABI_O_TMPFILE) == ABI_O_TMPFILE)
        error = open_tmpfile(&walk, flags, mode, &location);
    else if (!error)
        error = open_locate(&walk, flags, mode, &location, &created);
    if (!error) {
        error = open_location(&location, flags, created, out);
        location_release(&location);
    }
    path_walk_end(&walk);
    return error;
}

long sys_openat(long dirfd, long path, long flags, long mode)
{
    struct openfile *file;
    flags = (int32_t)flags;
    if (flags & ABI_O_PATH)
        flags &= ABI_O_PATH | ABI_O_DIRECTORY | ABI_O_NOFOLLOW | ABI_O_CLOEXEC;
    if (flags & ABI_O_CREAT && flags & ABI_O_DIRECTORY)
        return -ABI_EINVAL; /* open makes no directories */
    long error = open_file(dirfd, path, flags, mode, &file);
    if (error)
        return error;
    return descriptor_install(file, flags & ABI_O_CLOEXEC);
}

long sys_open(long path, long flags, long mode)
{
    return sys_openat(ABI_AT_FDCWD, path, flags, mode);
}

long sys_creat(long path, long mode)
{
    return sys_openat(ABI_AT_FDCWD, path, ABI_O_CREAT | ABI_O_WRONLY | ABI_O_TRUNC, mode);
}
