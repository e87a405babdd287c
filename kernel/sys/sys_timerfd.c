/* timerfd_create, timerfd_settime, timerfd_gettime. */
#include <sluice/object.h>
#include <sluice/timerfd.h>
#include "kernel/abi/fcntl.h"
#include "kernel/abi/timens.h"
#include "kernel/sys/sys.h"
#include "kernel/task/capability.h"

/* The machine never sleeps, so the clocks that count sleep, and the alarms that would end it, are
 * the plain ones. */
static bool clock_of(long clock, enum timerfd_clock *out)
{
    switch ((int32_t)clock) {
    case ABI_CLOCK_MONOTONIC:
    case ABI_CLOCK_BOOTTIME:
    case ABI_CLOCK_BOOTTIME_ALARM:
        *out = TIMERFD_MONOTONIC;
        return true;
    case ABI_CLOCK_REALTIME:
    case ABI_CLOCK_REALTIME_ALARM:
        *out = TIMERFD_REAL;
        return true;
    default:
        return false;
    }
}

static bool clock_is_alarm(long clock)
{
    return clock == ABI_CLOCK_BOOTTIME_ALARM || clock == ABI_CLOCK_REALTIME_ALARM;
}

long sys_timerfd_create(long clock, long flags)
{
    enum timerfd_clock which;
    oskit_iunknown_t *object;
    if (flags & ~(long)(ABI_TFD_NONBLOCK | ABI_TFD_CLOEXEC) || !clock_of(clock, &which))
        return -ABI_EINVAL;
    if (clock_is_alarm((int32_t)clock) && !process_capable(CAPABILITY_WAKE_ALARM))
        return -ABI_EPERM;
    oskit_error_t error = timerfd_new(which, &object);
    if (error)
        return errno_from_oskit(error);
    return descriptor_open(object, ABI_O_RDWR | ((uint32_t)flags & ABI_TFD_NONBLOCK),
                           flags & ABI_TFD_CLOEXEC);
}

static struct abi_itimerspec itimerspec_of(const struct timerfd_time *time)
{
    return (struct abi_itimerspec){.it_value = timespec_from_ns(time->value),
                                   .it_interval = timespec_from_ns(time->interval)};
}

/* The timer behind descriptor NUMBER, with a reference. */
static long timerfd_get(long number, sluice_timerfd_t **out)
{
    struct fd fd = fd_get((int)number);
    if (!fd.file)
        return -ABI_EBADF;
    *out = sluice_query_face(fd.file->object, &sluice_timerfd_iid);
    fd_put(fd);
    return *out ? 0 : -ABI_EINVAL;
}

static uint32_t settime_flags(long flags)
{
    return (flags & ABI_TFD_TIMER_ABSTIME ? TIMERFD_ABSOLUTE : 0) |
           (flags & ABI_TFD_TIMER_CANCEL_ON_SET ? TIMERFD_CANCEL_ON_SET : 0);
}

long sys_timerfd_settime(long number, long flags, long user_new, long user_old)
{
    struct abi_itimerspec spec;
    struct timerfd_time old;
    sluice_timerfd_t *timer;
    if (get_user(&spec, user_new, sizeof spec))
        return -ABI_EFAULT;
    if (flags & ~(long)(ABI_TFD_TIMER_ABSTIME | ABI_TFD_TIMER_CANCEL_ON_SET) ||
        !timespec_valid(&spec.it_value) || !timespec_valid(&spec.it_interval))
        return -ABI_EINVAL;
    struct timerfd_time time = {.value = timespec_ns(&spec.it_value),
                                .interval = timespec_ns(&spec.it_interval)};
    long error = timerfd_get(number, &timer);
    if (error)
        return error;
    error = errno_from_oskit(timer->ops->settime(timer, settime_flags(flags), &time, &old));
    oskit_iunknown_release((oskit_iunknown_t *)timer);
    spec = itimerspec_of(&old);
    if (user_old && put_user(user_old, &spec, sizeof spec))
        return -ABI_EFAULT;
    return error;
}

long sys_timerfd_gettime(long number, long user)
{
    struct timerfd_time time;
    sluice_timerfd_t *timer;
    long error = timerfd_get(number, &timer);
    if (error)
        return error;
    error = errno_from_oskit(timer->ops->gettime(timer, &time));
    oskit_iunknown_release((oskit_iunknown_t *)timer);
    struct abi_itimerspec spec = itimerspec_of(&time);
    return error ? error : put_user(user, &spec, sizeof spec);
}
