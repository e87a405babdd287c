/* Clocks, sleeping, and what a process is told of the time it used. */
#include "ktap.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/times.h>

static long nanoseconds(clockid_t clock)
{
    struct timespec now;

    CHECK(clock_gettime(clock, &now) == 0);
    CHECK(now.tv_nsec >= 0 && now.tv_nsec < 1000000000);
    return now.tv_sec * 1000000000 + now.tv_nsec;
}

static void burn(long milliseconds)
{
    for (long end = nanoseconds(CLOCK_PROCESS_CPUTIME_ID) + milliseconds * 1000000;
         nanoseconds(CLOCK_PROCESS_CPUTIME_ID) < end;)
        continue;
}

TEST(monotonic, "the monotonic clock never goes back")
{
    long last = nanoseconds(CLOCK_MONOTONIC), now;

    for (int n = 0; n < 20000; n++, last = now)
        CHECK((now = nanoseconds(CLOCK_MONOTONIC)) >= last);
    pid_t children[4];
    for (int c = 0; c < 4; c++)
        children[c] = CHILD(for (int n = 0; n < 5000; n++, last = now)
                                CHECK((now = nanoseconds(CLOCK_MONOTONIC)) >= last));
    for (int c = 0; c < 4; c++)
        CHECK_CHILD(children[c]);
}

TEST(fine, "the clocks are finer than a tick")
{
    struct timespec resolution;
    long a = nanoseconds(CLOCK_MONOTONIC), b;

    do
        b = nanoseconds(CLOCK_MONOTONIC);
    while (b == a);
    CHECK(b - a < 1000000);
    CHECK(clock_getres(CLOCK_MONOTONIC, &resolution) == 0);
    CHECK(resolution.tv_sec == 0 && resolution.tv_nsec >= 1 && resolution.tv_nsec <= 1000000);
}

TEST(all_clocks, "the clocks that Linux has, and none else")
{
    static const int have[] = {CLOCK_REALTIME,           CLOCK_MONOTONIC,
                               CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID,
                               CLOCK_MONOTONIC_RAW,      CLOCK_REALTIME_COARSE,
                               CLOCK_MONOTONIC_COARSE,   CLOCK_BOOTTIME};
    struct timespec now;

    for (size_t n = 0; n < sizeof(have) / sizeof(*have); n++)
        CHECK(clock_gettime(have[n], &now) == 0);
    CHECK_ERROR(clock_gettime(77, &now), EINVAL);
    CHECK_ERROR(clock_gettime(10, &now), EINVAL);
}

TEST(calendar, "time, gettimeofday and the real-time clock agree, and it is later than 2020")
{
    struct timeval day;
    struct timespec clock;
    time_t seconds = time(NULL);

    CHECK(gettimeofday(&day, NULL) == 0 && clock_gettime(CLOCK_REALTIME, &clock) == 0);
    CHECK(seconds > 1577836800);
    CHECK(day.tv_sec - seconds <= 1 && clock.tv_sec - day.tv_sec <= 1);
    struct tm *utc = gmtime(&seconds);
    CHECK(utc->tm_year >= 120);
}

TEST(sleeping, "a sleep lasts at least as long as wished, and not much longer")
{
    static const long wishes[] = {1, 5, 20, 100};

    for (int n = 0; n < 4; n++) {
        struct timespec wish = {0, wishes[n] * 1000000};
        long begin = nanoseconds(CLOCK_MONOTONIC);
        CHECK(nanosleep(&wish, NULL) == 0);
        long slept = nanoseconds(CLOCK_MONOTONIC) - begin;
        CHECK(slept >= wishes[n] * 1000000);
        CHECK(slept < wishes[n] * 1000000 + 2000000000);
    }
    struct timespec wrong = {0, 1000000000}, negative = {-1, 0};
    CHECK_ERROR(nanosleep(&wrong, NULL), EINVAL);
    CHECK_ERROR(nanosleep(&negative, NULL), EINVAL);
}

TEST(absolute, "clock_nanosleep until a time, also one that is past")
{
    struct timespec until;

    CHECK(clock_gettime(CLOCK_MONOTONIC, &until) == 0);
    long begin = nanoseconds(CLOCK_MONOTONIC);
    CHECK_EQUAL(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL), 0);
    until.tv_nsec += 50000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    CHECK_EQUAL(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL), 0);
    CHECK(nanoseconds(CLOCK_MONOTONIC) - begin >= 50000000);
    CHECK(clock_gettime(CLOCK_REALTIME, &until) == 0);
    CHECK_EQUAL(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &until, NULL), 0);
    CHECK_EQUAL(clock_nanosleep(77, 0, &until, NULL), EINVAL);
}

TEST(many_sleepers, "fifty sleepers wake in the order of their times")
{
    enum { COUNT = 50 };
    int ends[2];

    CHECK(pipe(ends) == 0);
    long begin = ktap_now() + 300;
    for (int n = 0; n < COUNT; n++)
        CHILD({
            unsigned char me = (unsigned char)n;
            long wait = begin + n * 10 - ktap_now();
            ktap_sleep(wait > 0 ? wait : 0);
            CHECK(ktap_now() >= begin + n * 10 - 1);
            write(ends[1], &me, 1);
        });
    unsigned char seen[COUNT];
    for (int n = 0; n < COUNT; n++)
        CHECK_EQUAL(read(ends[0], &seen[n], 1), 1);
    for (int status; wait(&status) > 0;)
        CHECK_EQUAL(status, 0);
}

TEST(used_time, "CPU time grows while a process works, not while it sleeps")
{
    struct rusage before, after;
    struct tms ticks;

    long begin = nanoseconds(CLOCK_PROCESS_CPUTIME_ID);
    ktap_sleep(100);
    CHECK(nanoseconds(CLOCK_PROCESS_CPUTIME_ID) - begin < 80000000);
    CHECK(getrusage(RUSAGE_SELF, &before) == 0);
    burn(100);
    CHECK(getrusage(RUSAGE_SELF, &after) == 0);
    long used = (after.ru_utime.tv_sec - before.ru_utime.tv_sec + after.ru_stime.tv_sec -
                 before.ru_stime.tv_sec) *
                    1000000 +
                after.ru_utime.tv_usec - before.ru_utime.tv_usec + after.ru_stime.tv_usec -
                before.ru_stime.tv_usec;
    CHECK(used >= 70000 && used < 5000000);
    CHECK(times(&ticks) != (clock_t)-1);
    CHECK(ticks.tms_utime + ticks.tms_stime >= 7);
    CHECK(after.ru_maxrss > 0 && after.ru_minflt > 0);
}

TEST(time_of_children, "the time of waited-for children is their parent's to know")
{
    struct rusage usage, own;
    struct tms ticks;

    pid_t pid = CHILD(burn(80));
    CHECK(getrusage(RUSAGE_CHILDREN, &usage) == 0);
    CHECK(usage.ru_utime.tv_sec == 0 && usage.ru_utime.tv_usec == 0);
    int status;
    CHECK_EQUAL(wait4(pid, &status, 0, &own), pid);
    CHECK(own.ru_utime.tv_usec + own.ru_stime.tv_usec >= 50000);
    CHECK(getrusage(RUSAGE_CHILDREN, &usage) == 0);
    CHECK(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec >= 50000);
    CHECK(times(&ticks) != (clock_t)-1);
    CHECK(ticks.tms_cutime + ticks.tms_cstime >= 5);
}

TEST(processors_are_shared, "two busy processes on one processor both get on")
{
    int ends[2];
    char c;

    CHECK(pipe(ends) == 0);
    pid_t pid = CHILD(for (;;) continue);
    pid_t other = CHILD(burn(50); write(ends[1], "x", 1));
    CHECK_EQUAL(read(ends[0], &c, 1), 1);
    CHECK_CHILD(other);
    kill(pid, SIGKILL);
    CHECK_EQUAL(waitpid(pid, NULL, 0), pid);
}

TEST(up_time, "sysinfo's uptime is the boot clock's")
{
    struct sysinfo info;
    struct timespec boot;

    CHECK(sysinfo(&info) == 0 && clock_gettime(CLOCK_BOOTTIME, &boot) == 0);
    CHECK(labs(info.uptime - boot.tv_sec) <= 1);
    CHECK(info.totalram > 0 && info.freeram <= info.totalram && info.mem_unit >= 1 &&
          info.procs >= 1);
}

TEST(setting, "root may set the calendar; nobody else")
{
    struct timespec now = {1, 0};

    if (geteuid())
        SKIP("needs root");
    CHECK_CHILD(
        CHILD(CHECK(setuid(1000) == 0); CHECK_ERROR(clock_settime(CLOCK_REALTIME, &now), EPERM)));
    CHECK_ERROR(clock_settime(CLOCK_MONOTONIC, &now), EINVAL);
}
