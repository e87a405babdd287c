/* Times and sleeping. */
#include <sys/select.h>
#include <sys/time.h>
#include <sys/times.h>
#include <time.h>
#include <unistd.h>
#include <utime.h>
#include <sys/stat.h>
#include <fcntl.h>

#include "internal.h"

clock_t clock(void)
{
    struct timespec used;

    if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used) < 0)
        return (clock_t)-1;
    return used.tv_sec * CLOCKS_PER_SEC + used.tv_nsec / (1000000000 / CLOCKS_PER_SEC);
}

time_t time(time_t *result)
{
    struct timespec now;

    if (clock_gettime(CLOCK_REALTIME, &now) < 0)
        return (time_t)-1;
    if (result)
        *result = now.tv_sec;
    return now.tv_sec;
}

int clock_nanosleep(clockid_t clock, int flags, const struct timespec *wanted,
                    struct timespec *left)
{
    return (int)-__cancel_call(SYS_clock_nanosleep, clock, flags, (long)wanted, (long)left, 0, 0);
}

int clock_getcpuclockid(pid_t pid, clockid_t *clock)
{
    *clock = pid ? (clockid_t)(~(unsigned)pid << 3 | 2) : CLOCK_PROCESS_CPUTIME_ID;
    return 0;
}

int settimeofday(const struct timeval *now, const struct timezone *zone)
{
    return (int)CALL3(settimeofday, now, zone, 0);
}

int stime(const time_t *now)
{
    struct timespec time = {.tv_sec = *now};

    return clock_settime(CLOCK_REALTIME, &time);
}

unsigned sleep(unsigned seconds)
{
    struct timespec wanted = {.tv_sec = seconds}, left;

    return nanosleep(&wanted, &left) < 0 ? (unsigned)left.tv_sec + (left.tv_nsec >= 500000000) : 0;
}

int usleep(useconds_t microseconds)
{
    struct timespec wanted = {.tv_sec = microseconds / 1000000,
                              .tv_nsec = (long)(microseconds % 1000000) * 1000};

    return nanosleep(&wanted, NULL);
}

unsigned alarm(unsigned seconds)
{
    return (unsigned)SYS3(alarm, seconds, 0, 0);
}

useconds_t ualarm(useconds_t first, useconds_t interval)
{
    struct itimerval timer = {{interval / 1000000, interval % 1000000},
                              {first / 1000000, first % 1000000}};
    struct itimerval old;

    if (setitimer(ITIMER_REAL, &timer, &old) < 0)
        return 0;
    return old.it_value.tv_sec * 1000000 + old.it_value.tv_usec;
}

int timer_create(clockid_t clock, struct sigevent *restrict event, timer_t *restrict timer)
{
    int id;

    if (CALL3(timer_create, clock, event, &id) < 0)
        return -1;
    *timer = (timer_t)id;
    return 0;
}

int timer_settime(timer_t timer, int flags, const struct itimerspec *restrict value,
                  struct itimerspec *restrict old)
{
    return (int)CALL6(timer_settime, timer, flags, value, old, 0, 0);
}

int timer_gettime(timer_t timer, struct itimerspec *value)
{
    return (int)CALL3(timer_gettime, timer, value, 0);
}

int timer_getoverrun(timer_t timer)
{
    return (int)CALL3(timer_getoverrun, timer, 0, 0);
}

int timer_delete(timer_t timer)
{
    return (int)CALL3(timer_delete, timer, 0, 0);
}

int utime(const char *path, const struct utimbuf *times)
{
    struct timespec both[2];

    if (times) {
        both[0] = (struct timespec){.tv_sec = times->actime};
        both[1] = (struct timespec){.tv_sec = times->modtime};
    }
    return utimensat(AT_FDCWD, path, times ? both : NULL, 0);
}

int futimens(int fd, const struct timespec *times)
{
    return (int)CALL6(utimensat, fd, NULL, times, 0, 0, 0);
}

static int set_times(int fd, const char *path, const struct timeval *times, int flags)
{
    struct timespec both[2];

    if (times)
        for (int n = 0; n < 2; n++)
            both[n] = (struct timespec){times[n].tv_sec, times[n].tv_usec * 1000};
    return (int)CALL6(utimensat, fd, path, times ? both : NULL, flags, 0, 0);
}

int futimes(int fd, const struct timeval *times)
{
    return set_times(fd, NULL, times, 0);
}

int lutimes(const char *path, const struct timeval *times)
{
    return set_times(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW);
}
