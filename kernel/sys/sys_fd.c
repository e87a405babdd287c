/* Descriptors: close, dup, fcntl, pipe. */
#include <sluice/pipe.h>
#include "kernel/abi/fcntl.h"
#include "kernel/abi/resource.h"
#include "kernel/sys/async.h"
#include "kernel/sys/locks.h"
#include "kernel/sys/sys.h"

#define SETTABLE_FLAGS (ABI_O_APPEND | ABI_O_NONBLOCK | ABI_O_ASYNC | ABI_O_DIRECT | ABI_O_NOATIME)

long sys_close(long fd)
{
    return fdtab_close(current_process()->fds, (int)fd);
}

/* The table is the whole process's: other threads may be looking into the shared one. */
static long descriptors_unshare(struct process *process)
{
    if (process->thread_count > 1)
        return -ABI_EINVAL;
    struct fdtab *own = fdtab_copy(process->fds), *shared = process->fds;
    if (!own)
        return -ABI_ENOMEM;
    spin_lock(&process->signal_lock); /* for process_fds_get */
    process->fds = own;
    spin_unlock(&process->signal_lock);
    fdtab_unref(shared);
    return 0;
}

long sys_close_range(long first, long last, long flags)
{
    if (flags & ~(ABI_CLOSE_RANGE_UNSHARE | ABI_CLOSE_RANGE_CLOEXEC))
        return -ABI_EINVAL;
    struct process *process = current_process();
    if (flags & ABI_CLOSE_RANGE_UNSHARE && fdtab_users(process->fds) > 1) {
        long error = descriptors_unshare(process);
        if (error)
            return error;
    }
    return fdtab_close_range(process->fds, (uint32_t)first, (uint32_t)last,
                             flags & ABI_CLOSE_RANGE_CLOEXEC);
}

static long descriptor_copy(long number, long least, bool cloexec)
{
    struct fdtab *table = current_process()->fds;
    struct openfile *file = fdtab_get(table, (int)number);
    if (!file)
        return -ABI_EBADF;
    int fd = fdtab_install(table, file, (int)least, cloexec);
    if (fd < 0)
        openfile_unref(file);
    return fd;
}

long sys_dup(long fd)
{
    return descriptor_copy(fd, 0, false);
}

static long descriptor_replace(long from, long to, bool cloexec)
{
    struct fdtab *table = current_process()->fds;
    struct openfile *file = fdtab_get(table, (int)from);
    if (!file)
        return -ABI_EBADF;
    int fd = fdtab_replace(table, file, (int)to, cloexec);
    if (fd < 0)
        openfile_unref(file);
    return fd;
}

long sys_dup2(long from, long to)
{
    if (from != to)
        return descriptor_replace(from, to, false);
    struct fd fd = fd_get_path((int)from);
    long result = fd.file ? from : -ABI_EBADF;
    fd_put(fd);
    return result;
}

long sys_dup3(long from, long to, long flags)
{
    if (from == to || flags & ~ABI_O_CLOEXEC)
        return -ABI_EINVAL;
    return descriptor_replace(from, to, flags & ABI_O_CLOEXEC);
}

/* ---- fcntl ---- */

/* O_ASYNC stands also on what has no events to tell. */
static long file_set_flags(struct openfile *file, long number, long flags)
{
    long error = async_set(file, number, flags & ABI_O_ASYNC);
    if (error && error != -ABI_ENOTTY)
        return error;
    uint32_t old = atomic_load(&file->flags), fresh;
    do
        fresh = (old & ~SETTABLE_FLAGS) | ((uint32_t)flags & SETTABLE_FLAGS);
    while (!atomic_compare_exchange_weak(&file->flags, &old, fresh));
    return 0;
}

static long file_pipe_size(struct openfile *file, long command, long bytes)
{
    sluice_pipe_t *pipe = sluice_query_face(file->object, &sluice_pipe_iid);
    if (!pipe)
        return -ABI_EBADF;
    oskit_size_t size = 0;
    oskit_error_t error = command == ABI_F_GETPIPE_SZ ? pipe->ops->getcapacity(pipe, &size)
                          : bytes < 0                 ? OSKIT_E_INVALIDARG
                                      : pipe->ops->setcapacity(pipe, (oskit_size_t)bytes, &size);
    oskit_iunknown_release((oskit_iunknown_t *)pipe);
    return error ? errno_from_oskit(error) : (long)size;
}

static long fcntl_duplicate(long number, long least, bool cloexec)
{
    if (least < 0 || (uint64_t)least >= process_limit(ABI_RLIMIT_NOFILE))
        return -ABI_EINVAL;
    return descriptor_copy(number, least, cloexec);
}

/* Nobody gets signals about a directory (inotify tells of it), so that there are none to stop. */
static long fcntl_notify(const struct openfile *file, long events)
{
    if (!((uint32_t)events & ~ABI_DN_MULTISHOT))
        return 0;
    return openfile_type(file) == OSKIT_S_IFDIR ? -ABI_EINVAL : -ABI_ENOTDIR;
}

static long fcntl_file(struct openfile *file, long number, long command, long argument)
{
    switch (command) {
    case ABI_F_NOTIFY:
        return fcntl_notify(file, argument);
    case ABI_F_GETLK:
    case ABI_F_SETLK:
    case ABI_F_SETLKW:
    case ABI_F_OFD_GETLK:
    case ABI_F_OFD_SETLK:
    case ABI_F_OFD_SETLKW:
        return fcntl_lock(file, command, argument);
    case ABI_F_GETFL:
        return (long)atomic_load(&file->flags);
    case ABI_F_SETFL:
        return file_set_flags(file, number, argument);
    case ABI_F_GETPIPE_SZ:
    case ABI_F_SETPIPE_SZ:
        return file_pipe_size(file, command, argument);
    case ABI_F_ADD_SEALS:
    case ABI_F_GET_SEALS:
        return fcntl_seals(file, command, argument);
    case ABI_F_GETOWN:
    case ABI_F_SETOWN:
    case ABI_F_GETOWN_EX:
    case ABI_F_SETOWN_EX:
    case ABI_F_GETSIG:
    case ABI_F_SETSIG:
        return fcntl_async(file, command, argument);
    default:
        return -ABI_EINVAL;
    }
}

long sys_fcntl(long number, long command, long argument)
{
    struct fdtab *table = current_process()->fds;
    switch (command) {
    case ABI_F_DUPFD:
        return fcntl_duplicate(number, argument, false);
    case ABI_F_DUPFD_CLOEXEC:
        return fcntl_duplicate(number, argument, true);
    case ABI_F_GETFD:
        return fdtab_get_cloexec(table, (int)number);
    case ABI_F_SETFD:
        return fdtab_set_cloexec(table, (int)number, argument & ABI_FD_CLOEXEC);
    }
    struct fd fd = command == ABI_F_GETFL ? fd_get_path((int)number) : fd_get((int)number);
    if (!fd.file)
        return -ABI_EBADF;
    long result = fcntl_file(fd.file, number, command, argument);
    fd_put(fd);
    return result;
}

/* ---- Fresh descriptors ---- */

long descriptor_install(struct openfile *file, bool cloexec)
{
    if (!file)
        return -ABI_ENOMEM;
    int fd = fdtab_install(current_process()->fds, file, 0, cloexec);
    if (fd < 0)
        openfile_unref(file);
    return fd;
}

long descriptor_open(oskit_iunknown_t *object, uint32_t flags, bool cloexec)
{
    return descriptor_install(openfile_create(object, NULL, flags), cloexec);
}

long descriptor_pair_install(struct openfile *one, struct openfile *other, bool cloexec, long user)
{
    struct fdtab *table = current_process()->fds;
    int32_t fds[2];
    long first = descriptor_install(one, cloexec);
    if (first < 0) {
        if (other)
            openfile_unref(other);
        return first;
    }
    long second = descriptor_install(other, cloexec);
    if (second < 0) {
        fdtab_close(table, (int)first);
        return second;
    }
    fds[0] = (int32_t)first;
    fds[1] = (int32_t)second;
    if (!put_user(user, fds, sizeof fds))
        return 0;
    fdtab_close(table, fds[0]);
    fdtab_close(table, fds[1]);
    return -ABI_EFAULT;
}

/* ---- pipe ---- */

static long pipe_install(oskit_iunknown_t *reader, oskit_iunknown_t *writer, long user, long flags)
{
    uint32_t status = (uint32_t)flags & (ABI_O_NONBLOCK | ABI_O_DIRECT);
    struct openfile *one = openfile_create(reader, NULL, ABI_O_RDONLY | status);
    struct openfile *other = openfile_create(writer, NULL, ABI_O_WRONLY | status);
    return descriptor_pair_install(one, other, flags & ABI_O_CLOEXEC, user);
}

long sys_pipe2(long user, long flags)
{
    oskit_iunknown_t *reader, *writer;
    if (flags & ~(ABI_O_CLOEXEC | ABI_O_NONBLOCK | ABI_O_DIRECT))
        return -ABI_EINVAL;
    oskit_error_t error = pipe_create(&reader, &writer);
    return error ? errno_from_oskit(error) : pipe_install(reader, writer, user, flags);
}

long sys_pipe(long user)
{
    return sys_pipe2(user, 0);
}
