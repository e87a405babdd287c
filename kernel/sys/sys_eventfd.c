/* eventfd and eventfd2. */
#include <sluice/eventfd.h>
#include "kernel/abi/epoll.h"
#include "kernel/abi/fcntl.h"
#include "kernel/sys/sys.h"

long sys_eventfd2(long count, long flags)
{
    oskit_iunknown_t *object;
    if (flags & ~(long)(ABI_EFD_SEMAPHORE | ABI_EFD_NONBLOCK | ABI_EFD_CLOEXEC))
        return -ABI_EINVAL;
    oskit_error_t error = eventfd_new((uint32_t)count, flags & ABI_EFD_SEMAPHORE, &object);
    if (error)
        return errno_from_oskit(error);
    return descriptor_open(object, ABI_O_RDWR | ((uint32_t)flags & ABI_EFD_NONBLOCK),
                           flags & ABI_EFD_CLOEXEC);
}

long sys_eventfd(long count)
{
    return sys_eventfd2(count, 0);
}
