/* inotify: notifiers (<sluice/notify.h>) as descriptors. */
#include <sluice/notify.h>
#include "kernel/abi/fcntl.h"
#include "kernel/abi/inotify.h"
#include "kernel/sys/sys.h"

_Static_assert(NOTIFY_ALL == ABI_IN_ALL_EVENTS && NOTIFY_ONESHOT == ABI_IN_ONESHOT &&
                   NOTIFY_MASK_ADD == ABI_IN_MASK_ADD && NOTIFY_MASK_CREATE == ABI_IN_MASK_CREATE &&
                   NOTIFY_EXCL_UNLINK == ABI_IN_EXCL_UNLINK && NOTIFY_DIRECTORY == ABI_IN_ISDIR &&
                   NOTIFY_IGNORED == ABI_IN_IGNORED && NOTIFY_OVERFLOW == ABI_IN_Q_OVERFLOW &&
                   NOTIFY_UNMOUNT == ABI_IN_UNMOUNT,
               "a notifier's numbers are inotify's");
_Static_assert(sizeof(struct notify_record) == sizeof(struct abi_inotify_event),
               "a notifier's records are inotify's");

long sys_inotify_init1(long flags)
{
    oskit_iunknown_t *object;
    if (flags & ~(long)(ABI_IN_NONBLOCK | ABI_IN_CLOEXEC))
        return -ABI_EINVAL;
    oskit_error_t error = notify_new(&object);
    if (error)
        return errno_from_oskit(error);
    return descriptor_open(object, ABI_O_RDONLY | ((uint32_t)flags & ABI_IN_NONBLOCK),
                           flags & ABI_IN_CLOEXEC);
}

long sys_inotify_init(void)
{
    return sys_inotify_init1(0);
}

#define MASK_KNOWN                                                                              \
    (ABI_IN_ALL_EVENTS | ABI_IN_UNMOUNT | ABI_IN_Q_OVERFLOW | ABI_IN_IGNORED | ABI_IN_ONLYDIR | \
     ABI_IN_DONT_FOLLOW | ABI_IN_EXCL_UNLINK | ABI_IN_MASK_CREATE | ABI_IN_MASK_ADD |           \
     ABI_IN_ISDIR | ABI_IN_ONESHOT)

/* Watching takes the right to read. */
static long inotify_find(long path, uint32_t mask, struct location *out)
{
    uint32_t how = (mask & ABI_IN_DONT_FOLLOW ? NAMESPACE_NOFOLLOW : 0) |
                   (mask & ABI_IN_ONLYDIR ? NAMESPACE_DIRECTORY : 0);
    long error = path_lookup(ABI_AT_FDCWD, path, how, false, out);
    if (error)
        return error;
    error = errno_from_oskit(oskit_file_access(location_file(out), OSKIT_R_OK));
    if (error)
        location_release(out);
    return error;
}

static long inotify_add(oskit_iunknown_t *notifier, long path, uint32_t mask)
{
    struct location at;
    oskit_s32_t watch = 0;
    if ((mask & ABI_IN_MASK_ADD && mask & ABI_IN_MASK_CREATE) || !notify_is(notifier))
        return -ABI_EINVAL;
    long error = inotify_find(path, mask, &at);
    if (error)
        return error;
    error = errno_from_oskit(notify_add(notifier, &at, mask, &watch));
    location_release(&at);
    return error ? error : watch;
}

long sys_inotify_add_watch(long number, long path, long mask)
{
    if ((uint32_t)mask & ~MASK_KNOWN || !(uint32_t)mask)
        return -ABI_EINVAL;
    struct fd fd = fd_get((int)number);
    if (!fd.file)
        return -ABI_EBADF;
    long result = inotify_add(fd.file->object, path, (uint32_t)mask);
    fd_put(fd);
    return result;
}

long sys_inotify_rm_watch(long number, long watch)
{
    struct fd fd = fd_get((int)number);
    if (!fd.file)
        return -ABI_EBADF;
    long error = errno_from_oskit(notify_remove(fd.file->object, (int32_t)watch));
    fd_put(fd);
    return error;
}
