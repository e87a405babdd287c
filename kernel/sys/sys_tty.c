/* ioctl: what any descriptor knows is here; the rest goes to terminals, pseudo-terminals' masters,
 * and objects with requests of their own. */
#include <sluice/filesystemx.h>
#include <sluice/object.h>
#include "kernel/abi/fcntl.h"
#include "kernel/abi/socket.h"
#include "kernel/abi/termios.h"
#include "kernel/sys/async.h"
#include "kernel/sys/sys.h"
#include "kernel/sys/terminal_requests.h"
#include "kernel/task/capability.h"

static long file_readable_bytes(struct openfile *file, long user)
{
    if (file->terminal && file->terminal->ops->hungup(file->terminal))
        return -ABI_EIO;
    int32_t count = oskit_asyncio_readable(file->asyncio);
    return count < 0 ? errno_from_oskit(count) : put_user(user, &count, sizeof count);
}

static long regular_readable_bytes(struct openfile *file, long user)
{
    oskit_stat_t stat;
    if (!file->posixio || oskit_posixio_stat(file->posixio, &stat) ||
        (stat.mode & OSKIT_S_IFMT) != OSKIT_S_IFREG)
        return -ABI_ENOTTY;
    int64_t left = stat.size - file->offset;
    int32_t count = left < 0 ? 0 : left > INT32_MAX ? INT32_MAX : (int32_t)left;
    return put_user(user, &count, sizeof count);
}

static long file_set_flag(struct openfile *file, uint32_t flag, long user)
{
    int32_t on;
    if (get_user(&on, user, sizeof on))
        return -ABI_EFAULT;
    if (on)
        atomic_fetch_or(&file->flags, flag);
    else
        atomic_fetch_and(&file->flags, ~flag);
    return 0;
}

static long file_set_async(struct openfile *file, long number, long user)
{
    int32_t on;
    return get_user(&on, user, sizeof on) ? -ABI_EFAULT : async_set(file, number, on);
}

static long socket_owner(struct openfile *file, uint32_t command, long user)
{
    int32_t who;
    if (openfile_type(file) != OSKIT_S_IFSOCK)
        return -ABI_ENOTTY;
    if (command == ABI_FIOSETOWN || command == ABI_SIOCSPGRP)
        return get_user(&who, user, sizeof who) ? -ABI_EFAULT : async_set_owner(file, who);
    who = (int32_t)async_owner(file);
    return put_user(user, &who, sizeof who);
}

/* What chattr(1) and lsattr(1) ask of regular files and directories; a long by its number, in truth
 * an int. */
static long file_flags(struct openfile *file, uint32_t command, long user)
{
    oskit_u32_t type = openfile_type(file), flags;
    bool set = command == ABI_FS_IOC_SETFLAGS;
    if (!file->location.name || (type != OSKIT_S_IFREG && type != OSKIT_S_IFDIR))
        return -ABI_ENOTTY;
    sluice_fileflags_t *face =
        sluice_query_face(location_file(&file->location), &sluice_fileflags_iid);
    if (!face)
        return -ABI_ENOTTY;
    long error = 0;
    if (!set)
        error = errno_from_oskit(face->ops->get(face, &flags));
    else if (get_user(&flags, user, sizeof flags))
        error = -ABI_EFAULT;
    else if (location_mount_flags(&file->location) & MOUNT_RDONLY)
        error = -ABI_EROFS;
    else
        error = errno_from_oskit(face->ops->set(face, flags));
    face->ops->release(face);
    if (!error && !set)
        error = put_user(user, &flags, sizeof flags);
    return error;
}

static long file_ioctl(struct openfile *file, long number, uint32_t command, long argument)
{
    oskit_s32_t result = 0;
    switch (command) {
    case ABI_FIOASYNC:
        return file_set_async(file, number, argument);
    case ABI_FIOSETOWN:
    case ABI_SIOCSPGRP:
    case ABI_FIOGETOWN:
    case ABI_SIOCGPGRP:
        return socket_owner(file, command, argument);
    case ABI_FS_IOC_GETFLAGS:
    case ABI_FS_IOC_SETFLAGS:
        return file_flags(file, command, argument);
    case ABI_FIONBIO:
        return file_set_flag(file, ABI_O_NONBLOCK, argument);
    case ABI_FIONREAD:
        if (file->socket)
            break; /* it tells datagrams from streams, and refuses while it listens */
        return file->asyncio ? file_readable_bytes(file, argument)
                             : regular_readable_bytes(file, argument);
    }
    if (file->terminal && file->tty) {
        const struct terminal_line line = {file->object, file->terminal, file->tty, file->readiness,
                                           false};
        return terminal_ioctl(&line, command, argument);
    }
    if (!file->control)
        return pty_ioctl(file, command, argument);
    oskit_error_t error =
        file->control->ops->ioctl(file->control, command, (oskit_u64_t)argument, &result);
    return error ? errno_from_oskit(error) : result;
}

/* The caller's terminal is hung up; without one there is nothing to do. */
long sys_vhangup(void)
{
    if (!process_capable(CAPABILITY_SYS_TTY_CONFIG))
        return -ABI_EPERM;
    oskit_iunknown_t *object = session_terminal();
    sluice_terminal_t *terminal = object ? sluice_query_face(object, &sluice_terminal_iid) : NULL;
    if (terminal) {
        terminal->ops->hangup(terminal);
        oskit_iunknown_release((oskit_iunknown_t *)terminal);
    }
    if (object)
        oskit_iunknown_release(object);
    return 0;
}

long sys_ioctl(long number, long command, long argument)
{
    struct fd fd = fd_get((int)number);
    if (!fd.file)
        return -ABI_EBADF;
    long result =
        command == ABI_FIOCLEX || command == ABI_FIONCLEX
            ? fdtab_set_cloexec(current_process()->fds, (int)number, command == ABI_FIOCLEX)
            : file_ioctl(fd.file, number, (uint32_t)command, argument);
    fd_put(fd);
    return result;
}
