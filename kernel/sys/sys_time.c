/* Clocks, sleeping, interval timers. */
#include <sluice/clock_timer.h>
#include <sluice/timerfd.h>
#include "kernel/abi/timens.h"
#include "kernel/cpu/clock.h"
#include "kernel/sys/sys.h"
#include "kernel/task/capability.h"
#include "kernel/task/cpu_clock.h"
#include "kernel/task/itimer.h"

#define TICK_NS 4000000 /* how finely CPU time is told where ticks count it */

static long cpu_clock_time(int32_t number, int64_t *ns)
{
    struct cpu_clock clock;
    long error = cpu_clock_open(number, true, &clock);
    if (error)
        return error;
    *ns = (int64_t)cpu_clock_read(&clock);
    cpu_clock_close(&clock);
    return 0;
}

static long clock_read(long clock, int64_t *ns)
{
    switch (clock) {
    case ABI_CLOCK_REALTIME:
    case ABI_CLOCK_REALTIME_COARSE:
    case ABI_CLOCK_TAI:
        *ns = clock_real();
        return 0;
    case ABI_CLOCK_MONOTONIC:
    case ABI_CLOCK_MONOTONIC_RAW:
    case ABI_CLOCK_MONOTONIC_COARSE:
    case ABI_CLOCK_BOOTTIME:
        *ns = (int64_t)clock_monotonic();
        return 0;
    default:
        return cpu_clock_is((int32_t)clock) ? cpu_clock_time((int32_t)clock, ns) : -ABI_EINVAL;
    }
}

static long put_timespec(long user, int64_t ns)
{
    struct abi_timespec spec = timespec_from_ns(ns);
    return put_user(user, &spec, sizeof spec);
}

long sys_clock_gettime(long clock, long user)
{
    int64_t ns;
    long error = clock_read((int32_t)clock, &ns);
    return error ? error : put_timespec(user, ns);
}

long sys_clock_getres(long clock, long user)
{
    int64_t ns;
    long error = clock_read((int32_t)clock, &ns);
    if (error || !user)
        return error;
    bool coarse = clock == ABI_CLOCK_REALTIME_COARSE || clock == ABI_CLOCK_MONOTONIC_COARSE;
    return put_timespec(user, coarse || cpu_clock_ticks((int32_t)clock) ? TICK_NS : 1);
}

static long set_real(int64_t seconds, int64_t ns)
{
    if (seconds < 0 || seconds > INT64_MAX / NS_PER_S - 1 || ns < 0 || ns >= NS_PER_S)
        return -ABI_EINVAL;
    if (!process_capable(CAPABILITY_SYS_TIME))
        return -ABI_EPERM;
    clock_set_real(seconds * NS_PER_S + ns);
    clock_timers_set();
    timerfd_clock_set();
    return 0;
}

long sys_clock_settime(long clock, long user)
{
    struct abi_timespec spec;
    int64_t ns;
    if ((int32_t)clock < 0)
        return clock_read((int32_t)clock, &ns) ? -ABI_EINVAL : -ABI_EPERM;
    if (clock != ABI_CLOCK_REALTIME)
        return -ABI_EINVAL;
    return get_user(&spec, user, sizeof spec) ? -ABI_EFAULT : set_real(spec.tv_sec, spec.tv_nsec);
}

long sys_gettimeofday(long user, long zone)
{
    struct abi_timeval value = timeval_from_ns(clock_real());
    struct abi_timezone none = {0, 0};
    if (user && put_user(user, &value, sizeof value))
        return -ABI_EFAULT;
    return zone ? put_user(zone, &none, sizeof none) : 0;
}

/* The zone is checked and else without a meaning here, as gettimeofday's is. */
#define ZONE_MOST (15 * 60)

long sys_settimeofday(long user, long zone)
{
    struct abi_timeval value = {0};
    struct abi_timezone west = {0};
    if (user && get_user(&value, user, sizeof value))
        return -ABI_EFAULT;
    if (user && (value.tv_usec < 0 || value.tv_usec > 1000000))
        return -ABI_EINVAL;
    if (zone && get_user(&west, zone, sizeof west))
        return -ABI_EFAULT;
    bool odd_zone = west.tz_minuteswest > ZONE_MOST || west.tz_minuteswest < -ZONE_MOST;
    if (user && !odd_zone)
        return set_real(value.tv_sec, value.tv_usec * 1000);
    if (!process_capable(CAPABILITY_SYS_TIME))
        return -ABI_EPERM;
    return odd_zone ? -ABI_EINVAL : 0;
}

long sys_time(long user)
{
    int64_t seconds = clock_real() / NS_PER_S;
    if (user && put_user(user, &seconds, sizeof seconds))
        return -ABI_EFAULT;
    return seconds;
}

/* ---- Sleeping ---- */

static long sleep_until(struct deadline deadline)
{
    int slept = 0;
    while (!slept) {
        thread_sleep_prepare(SLEEP_INTERRUPTIBLE);
        slept = thread_sleep_until(deadline);
        thread_sleep_finish();
    }
    return slept == -ABI_ETIMEDOUT ? 0 : -ABI_EINTR;
}

static long sleep_relative(uint64_t deadline, long user_left);

/* DATA: the deadline on the monotonic scale, where the rest is written. */
static long sleep_again(const long data[4])
{
    return sleep_relative((uint64_t)data[0], data[1]);
}

/* The time left goes to the program when a handler runs; without one the call goes on to the same
 * deadline. */
static long sleep_relative(uint64_t deadline, long user_left)
{
    if (!sleep_until((struct deadline){deadline, false}))
        return 0;
    uint64_t now = clock_monotonic();
    if (user_left && put_timespec(user_left, deadline > now ? (int64_t)(deadline - now) : 0))
        return -ABI_EFAULT;
    current_thread()->restart = (struct restart){sleep_again, {(long)deadline, user_left}};
    return -ERESTART_RESTARTBLOCK;
}

long sys_restart_syscall(void)
{
    struct thread *self = current_thread();
    struct restart restart = self->restart;
    if (!restart.function)
        return -ABI_EINTR;
    self->restart.function = NULL;
    return restart.function(restart.data);
}

long sys_nanosleep(long user, long user_left)
{
    uint64_t deadline;
    if (!user)
        return -ABI_EFAULT;
    long error = deadline_from_timespec(user, &deadline);
    return error ? error : sleep_relative(deadline, user_left);
}

static long sleep_absolute(long clock, long user)
{
    struct abi_timespec spec;
    int64_t now;
    if (get_user(&spec, user, sizeof spec))
        return -ABI_EFAULT;
    if (!timespec_valid(&spec))
        return -ABI_EINVAL;
    long error = clock_read(clock, &now);
    if (error)
        return error;
    struct deadline deadline = {(uint64_t)timespec_ns(&spec), clock_is_real((int32_t)clock)};
    if ((int64_t)deadline.time <= now)
        return 0;
    return sleep_until(deadline) ? -ERESTARTNOHAND : 0;
}

/* ---- Sleeping while a process computes ---- */

struct cpu_sleep {
    struct cpu_alarm alarm;
    struct thread *sleeper;
};

static void cpu_sleep_fire(struct cpu_alarm *alarm)
{
    thread_wake(container_of(alarm, struct cpu_sleep, alarm)->sleeper);
}

/* Until CLOCK, which is taken over, says DEADLINE: 0 or -ABI_EINTR. */
static long cpu_sleep_until(const struct cpu_clock *clock, uint64_t deadline)
{
    struct cpu_sleep sleep = {.sleeper = current_thread()};
    long slept = 0;
    cpu_alarm_init(&sleep.alarm, cpu_sleep_fire);
    sleep.alarm.clock = *clock;
    while (!slept && cpu_clock_read(&sleep.alarm.clock) < deadline) {
        thread_sleep_prepare(SLEEP_INTERRUPTIBLE);
        cpu_alarm_start(&sleep.alarm, deadline);
        slept = thread_sleep(ENV_FOREVER);
        thread_sleep_finish();
    }
    cpu_alarm_stop(&sleep.alarm);
    cpu_clock_close(&sleep.alarm.clock);
    return slept;
}

static long cpu_sleep_relative(int32_t number, uint64_t deadline, long user_left);

/* DATA: the deadline, where the rest is written, the clock. */
static long cpu_sleep_again(const long data[4])
{
    return cpu_sleep_relative((int32_t)data[2], (uint64_t)data[0], data[1]);
}

static long cpu_sleep_relative(int32_t number, uint64_t deadline, long user_left)
{
    struct cpu_clock clock;
    int64_t now;
    long error = cpu_clock_open(number, false, &clock);
    if (error)
        return error;
    if (!cpu_sleep_until(&clock, deadline))
        return 0;
    if (user_left && !cpu_clock_time(number, &now) &&
        put_timespec(user_left, deadline > (uint64_t)now ? (int64_t)deadline - now : 0))
        return -ABI_EFAULT;
    current_thread()->restart =
        (struct restart){cpu_sleep_again, {(long)deadline, user_left, number}};
    return -ERESTART_RESTARTBLOCK;
}

static long cpu_sleep(int32_t number, bool absolute, long user, long user_left)
{
    struct abi_timespec spec;
    struct cpu_clock clock;
    if (get_user(&spec, user, sizeof spec))
        return -ABI_EFAULT;
    if (!timespec_valid(&spec))
        return -ABI_EINVAL;
    long error = cpu_clock_open(number, false, &clock);
    if (error)
        return error;
    /* One's own thread doesn't compute while it sleeps. */
    if (clock.thread == current_thread()) {
        cpu_clock_close(&clock);
        return -ABI_EINVAL;
    }
    uint64_t now = cpu_clock_read(&clock);
    uint64_t until = (uint64_t)timespec_ns(&spec);
    if (absolute)
        return cpu_sleep_until(&clock, until) ? -ERESTARTNOHAND : 0;
    cpu_clock_close(&clock);
    return cpu_sleep_relative(number, until > INT64_MAX - now ? INT64_MAX : now + until, user_left);
}

long sys_clock_nanosleep(long clock, long flags, long user, long user_left)
{
    if (clock == ABI_CLOCK_THREAD_CPUTIME_ID || clock == ABI_CLOCK_MONOTONIC_RAW ||
        clock == ABI_CLOCK_MONOTONIC_COARSE || clock == ABI_CLOCK_REALTIME_COARSE)
        return -ABI_EOPNOTSUPP;
    if (cpu_clock_is((int32_t)clock))
        return cpu_sleep((int32_t)clock, flags & ABI_TIMER_ABSTIME, user, user_left);
    if (clock != ABI_CLOCK_REALTIME && clock != ABI_CLOCK_MONOTONIC &&
        clock != ABI_CLOCK_BOOTTIME && clock != ABI_CLOCK_TAI)
        return -ABI_EINVAL;
    return flags & ABI_TIMER_ABSTIME ? sleep_absolute(clock, user) : sys_nanosleep(user, user_left);
}

/* ---- Interval timers ---- */

long sys_getitimer(long which, long user)
{
    struct abi_itimerval value;
    long error = itimer_get((int)which, &value);
    return error ? error : put_user(user, &value, sizeof value);
}

long sys_setitimer(long which, long user_new, long user_old)
{
    struct abi_itimerval fresh = {0}, old;
    if (user_new && get_user(&fresh, user_new, sizeof fresh))
        return -ABI_EFAULT;
    long error = itimer_set((int)which, &fresh, &old);
    return error || !user_old ? error : put_user(user_old, &old, sizeof old);
}

long sys_alarm(long seconds)
{
    struct abi_itimerval value = {.it_value = {(int64_t)(uint32_t)seconds, 0}}, old;
    long error = itimer_set(ABI_ITIMER_REAL, &value, &old);
    if (error)
        return error;
    /* Rounded, but never to "none" while one was pending. */
    long left = old.it_value.tv_sec + (old.it_value.tv_usec >= 500000);
    return !left && old.it_value.tv_usec ? 1 : left;
}
