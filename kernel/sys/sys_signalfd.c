/* signalfd and signalfd4. */
#include "kernel/task/signalfd.h"
#include "kernel/abi/fcntl.h"
#include "kernel/sys/sys.h"

static long signalfd_replace(long number, abi_sigset_t set)
{
    struct fd fd = fd_get((int)number);
    if (!fd.file)
        return -ABI_EBADF;
    long result = signalfd_set(fd.file->object, set) ? number : -ABI_EINVAL;
    fd_put(fd);
    return result;
}

static long signalfd_install(abi_sigset_t set, long flags)
{
    oskit_iunknown_t *object;
    int error = signalfd_create(set, &object);
    return error ? error
                 : descriptor_open(object, ABI_O_RDWR | ((uint32_t)flags & ABI_SFD_NONBLOCK),
                                   flags & ABI_SFD_CLOEXEC);
}

long sys_signalfd4(long number, long user_set, long size, long flags)
{
    abi_sigset_t set;
    if (size != sizeof set)
        return -ABI_EINVAL;
    if (get_user(&set, user_set, sizeof set))
        return -ABI_EFAULT;
    if (flags & ~(long)(ABI_SFD_NONBLOCK | ABI_SFD_CLOEXEC))
        return -ABI_EINVAL;
    return (int32_t)number == -1 ? signalfd_install(set, flags)
                                 : signalfd_replace((int32_t)number, set);
}

long sys_signalfd(long number, long user_set, long size)
{
    return sys_signalfd4(number, user_set, size, 0);
}
