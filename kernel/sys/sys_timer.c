/* timer_create, timer_settime, timer_gettime, timer_getoverrun, timer_delete. */
#include "kernel/sys/sys.h"
#include "kernel/task/posix_timer.h"

long sys_timer_create(long clock, long user_event, long user_number)
{
    struct abi_sigevent event;
    int32_t number;
    if (user_event && get_user(&event, user_event, sizeof event))
        return -ABI_EFAULT;
    long error = posix_timer_create((int32_t)clock, user_event ? &event : NULL, &number);
    if (error)
        return error;
    if (!put_user(user_number, &number, sizeof number))
        return 0;
    posix_timer_delete(number);
    return -ABI_EFAULT;
}

long sys_timer_settime(long number, long flags, long user_new, long user_old)
{
    struct abi_itimerspec value, old;
    if (!user_new)
        return -ABI_EINVAL;
    if (get_user(&value, user_new, sizeof value))
        return -ABI_EFAULT;
    long error = posix_timer_set((int32_t)number, flags & ABI_TIMER_ABSTIME, &value, &old);
    return error || !user_old ? error : put_user(user_old, &old, sizeof old);
}

long sys_timer_gettime(long number, long user)
{
    struct abi_itimerspec value;
    long error = posix_timer_get((int32_t)number, &value);
    return error ? error : put_user(user, &value, sizeof value);
}

long sys_timer_getoverrun(long number)
{
    return posix_timer_overrun((int32_t)number);
}

long sys_timer_delete(long number)
{
    return posix_timer_delete((int32_t)number);
}
