/* POSIX timers: timer_create and its relatives. */
#include <signal.h>
#include <sys/syscall.h>
#define KTAP_HAS_AGAIN
#include "ktap.h"

struct timer_time {
    struct timespec interval, value;
};

#define NOTIFY_SIGNAL 0
#define NOTIFY_NONE   1
#define NOTIFY_THREAD 4

static long create(int clock, struct sigevent *event, int *number)
{
    return syscall(SYS_timer_create, clock, event, number);
}

static long set_to(int number, int flags, const struct timer_time *time, struct timer_time *old)
{
    return syscall(SYS_timer_settime, number, flags, time, old);
}

static long get(int number, struct timer_time *time)
{
    return syscall(SYS_timer_gettime, number, time);
}

/* First after MILLISECONDS, then again each EACH of them. */
static struct timer_time after(long milliseconds, long each)
{
    return (struct timer_time){{each / 1000, each % 1000 * 1000000},
                               {milliseconds / 1000, milliseconds % 1000 * 1000000}};
}

static void arm(int number, long milliseconds, long each)
{
    struct timer_time time = after(milliseconds, each);
    CHECK_EQUAL(set_to(number, 0, &time, NULL), 0);
}

static sigset_t blocked(int signal)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, signal);
    CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
    return set;
}

static int make(int signal)
{
    int number = -1;
    struct sigevent event = {.sigev_notify = NOTIFY_SIGNAL, .sigev_signo = signal};
    event.sigev_value.sival_int = 4711;
    CHECK_EQUAL(create(CLOCK_MONOTONIC, &event, &number), 0);
    CHECK(number >= 0);
    return number;
}

TEST(once, "a timer sends its signal once, with its value")
{
    siginfo_t info;
    struct timespec limit = {10, 0}, soon = {0, 50000000};
    sigset_t set = blocked(SIGUSR1);
    int number = make(SIGUSR1);
    long start = ktap_now();
    arm(number, 30, 0);
    CHECK_EQUAL(sigtimedwait(&set, &info, &limit), SIGUSR1);
    CHECK(ktap_now() - start >= 30);
    CHECK_EQUAL(info.si_code, SI_TIMER);
    CHECK_EQUAL(info.si_value.sival_int, 4711);
    CHECK_EQUAL(info.si_timerid, number);
    CHECK_EQUAL(info.si_overrun, 0);
    CHECK_ERROR(sigtimedwait(&set, &info, &soon), EAGAIN);
    struct timer_time left;
    CHECK_EQUAL(get(number, &left), 0);
    CHECK(!left.value.tv_sec && !left.value.tv_nsec);
    CHECK_EQUAL(syscall(SYS_timer_delete, number), 0);
    CHECK_ERROR(get(number, &left), EINVAL);
}

TEST(periodic, "a periodic timer sends until it is disarmed; real-time signals queue once a timer")
{
    siginfo_t info;
    struct timespec limit = {10, 0}, soon = {0, 50000000};
    sigset_t set = blocked(SIGRTMIN);
    int number = make(SIGRTMIN);
    arm(number, 10, 10);
    for (int i = 0; i < 5; i++)
        CHECK_EQUAL(sigtimedwait(&set, &info, &limit), SIGRTMIN);
    arm(number, 0, 10);
    while (sigtimedwait(&set, &info, &soon) == SIGRTMIN)
        continue;
    CHECK_ERROR(sigtimedwait(&set, &info, &soon), EAGAIN);
    struct timer_time left;
    CHECK_EQUAL(get(number, &left), 0);
    CHECK(!left.interval.tv_nsec);
}

TEST(overrun, "what expires while the signal is pending is the overrun")
{
    siginfo_t info;
    struct timespec limit = {10, 0}, soon = {0, 10000000};
    sigset_t set = blocked(SIGRTMIN);
    int number = make(SIGRTMIN);
    arm(number, 5, 5);
    usleep(200000);
    CHECK_EQUAL(sigtimedwait(&set, &info, &limit), SIGRTMIN);
    CHECK(info.si_overrun >= 10);
    CHECK_EQUAL(syscall(SYS_timer_getoverrun, number), info.si_overrun);
    arm(number, 0, 0);
    CHECK_EQUAL(syscall(SYS_timer_getoverrun, number), 0);
    while (sigtimedwait(&set, &info, &soon) == SIGRTMIN)
        continue;
}

TEST(absolute, "absolute times are the clock's own, and past ones are at once")
{
    siginfo_t info;
    struct timespec limit = {10, 0}, now;
    sigset_t set = blocked(SIGALRM);
    static const int clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC};
    for (int i = 0; i < 2; i++) {
        int number;
        CHECK_EQUAL(create(clocks[i], NULL, &number), 0);
        CHECK(clock_gettime(clocks[i], &now) == 0);
        struct timer_time time = {.value = now};
        time.value.tv_sec += 100;
        CHECK_EQUAL(set_to(number, 1, &time, NULL), 0);
        struct timer_time left;
        CHECK_EQUAL(get(number, &left), 0);
        CHECK(left.value.tv_sec >= 98 && left.value.tv_sec <= 100);
        time.value = (struct timespec){0, 1};
        CHECK_EQUAL(set_to(number, 1, &time, &left), 0);
        CHECK(left.value.tv_sec >= 98 && left.value.tv_sec <= 100);
        CHECK_EQUAL(sigtimedwait(&set, &info, &limit), SIGALRM);
        CHECK_EQUAL(info.si_value.sival_int, number);
        CHECK_EQUAL(syscall(SYS_timer_delete, number), 0);
    }
}

TEST(silent, "SIGEV_NONE counts without a word; SIGEV_THREAD_ID signals a thread")
{
    siginfo_t info;
    struct timespec limit = {10, 0};
    struct sigevent event = {.sigev_notify = NOTIFY_NONE};
    int number;
    CHECK_EQUAL(create(CLOCK_MONOTONIC, &event, &number), 0);
    arm(number, 50, 0);
    struct timer_time left;
    CHECK_EQUAL(get(number, &left), 0);
    CHECK(left.value.tv_nsec > 0);
    usleep(80000);
    CHECK_EQUAL(get(number, &left), 0);
    CHECK(!left.value.tv_nsec);
    sigset_t set = blocked(SIGUSR2);
    event = (struct sigevent){.sigev_notify = NOTIFY_THREAD, .sigev_signo = SIGUSR2};
    event.sigev_notify_thread_id = getpid();
    CHECK_EQUAL(create(CLOCK_MONOTONIC, &event, &number), 0);
    arm(number, 10, 0);
    CHECK_EQUAL(sigtimedwait(&set, &info, &limit), SIGUSR2);
    event.sigev_notify_thread_id = getppid();
    CHECK_ERROR(create(CLOCK_MONOTONIC, &event, &number), EINVAL);
}

TEST(timer_errors, "timers refuse what isn't there")
{
    struct sigevent event = {.sigev_notify = NOTIFY_SIGNAL, .sigev_signo = 65};
    struct timer_time time = after(10, 0);
    int number;
    CHECK_ERROR(create(77, NULL, &number), EINVAL);
    CHECK_ERROR(create(CLOCK_MONOTONIC, &event, &number), EINVAL);
    event.sigev_signo = 0;
    CHECK_ERROR(create(CLOCK_MONOTONIC, &event, &number), EINVAL);
    event = (struct sigevent){.sigev_notify = 77, .sigev_signo = 1};
    CHECK_ERROR(create(CLOCK_MONOTONIC, &event, &number), EINVAL);
    CHECK_ERROR(create(CLOCK_MONOTONIC, (struct sigevent *)8, &number), EFAULT);
    CHECK_ERROR(create(CLOCK_MONOTONIC, NULL, (int *)8), EFAULT);
    CHECK_ERROR(set_to(999, 0, &time, NULL), EINVAL);
    CHECK_ERROR(get(999, &time), EINVAL);
    CHECK_ERROR(syscall(SYS_timer_getoverrun, 999), EINVAL);
    CHECK_ERROR(syscall(SYS_timer_delete, 999), EINVAL);
    number = make(SIGUSR1);
    CHECK_ERROR(set_to(number, 0, NULL, NULL), EINVAL);
    CHECK_ERROR(set_to(number, 0, (struct timer_time *)8, NULL), EFAULT);
    time.value.tv_nsec = 1000000000;
    CHECK_ERROR(set_to(number, 0, &time, NULL), EINVAL);
    time.value.tv_nsec = -1;
    CHECK_ERROR(set_to(number, 0, &time, NULL), EINVAL);
}

AGAIN
{
    struct timer_time time;
    (void)argc;
    if (get(atoi(argv[0]), &time) == 0)
        return 1;
    usleep(700000);
    return 0;
}

TEST(inheritance, "a child has none of them, nor a program executed anew")
{
    char number_text[20];
    int number = make(SIGUSR1);
    struct timer_time time;
    CHECK_CHILD(CHILD({ CHECK_ERROR(get(number, &time), EINVAL); }));
    CHECK_CHILD(CHILD({
        int mine = make(SIGKILL);
        arm(mine, 500, 0);
        snprintf(number_text, sizeof number_text, "%d", mine);
        execl(ktap_self, ktap_self, "--again", number_text, (char *)NULL);
        FAIL("execl");
    }));
}

TEST(churn, "timers are deleted while they fire, and end with their process")
{
    signal(SIGUSR1, SIG_IGN);
    for (int i = 0; i < 300; i++) {
        int number = make(SIGUSR1);
        struct timer_time time = {{0, 20000}, {0, 20000}};
        CHECK_EQUAL(set_to(number, 0, &time, NULL), 0);
        if (i % 3 == 0)
            usleep(100);
        CHECK_EQUAL(syscall(SYS_timer_delete, number), 0);
    }
    for (int i = 0; i < 20; i++)
        CHECK_CHILD(CHILD({
            for (int j = 0; j < 10; j++)
                arm(make(SIGUSR1), 1, 1);
        }));
}
