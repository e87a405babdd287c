/* Setting the calendar: who waits for a time of it, and who waits for time to pass. */
#include "ktap.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/utsname.h>

enum { HOUR = 3600, FUTEX_WAIT_BITSET = 9, FUTEX_CLOCK_REALTIME = 256 };

struct timer_time {
    struct timespec interval, value;
};

static void require_own_clock(void)
{
    struct utsname name;

    CHECK(uname(&name) == 0);
    if (!strstr(name.version, "Sluice") || geteuid() != 0)
        SKIP("the machine's clock is not this test's");
}

static struct timespec real_after(long milliseconds)
{
    struct timespec time;

    CHECK(clock_gettime(CLOCK_REALTIME, &time) == 0);
    time.tv_nsec += milliseconds % 1000 * 1000000;
    time.tv_sec += milliseconds / 1000 + time.tv_nsec / 1000000000;
    time.tv_nsec %= 1000000000;
    return time;
}

static void move_clock(long seconds)
{
    struct timespec time = real_after(0);

    time.tv_sec += seconds;
    CHECK(clock_settime(CLOCK_REALTIME, &time) == 0);
}

/* ---- Ways to wait until a time of the calendar; each returns when it has come ---- */

static void wait_sleeping(const struct timespec *until)
{
    CHECK_EQUAL(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, until, NULL), 0);
}

static void wait_futex(const struct timespec *until)
{
    uint32_t word = 0;

    CHECK_ERROR(
        syscall(SYS_futex, &word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 0, until, NULL, ~0u),
        ETIMEDOUT);
}

/* The call itself, for want of a function in the C library. */
static int queue_open(void)
{
    long attributes[8] = {0, 1, 8};
    char name[32];

    snprintf(name, sizeof(name), "clock_set.%d", (int)getpid());
    int queue = (int)syscall(SYS_mq_open, name, O_RDWR | O_CREAT, 0600, attributes);
    CHECK(queue >= 0);
    CHECK(syscall(SYS_mq_unlink, name) == 0);
    return queue;
}

static void wait_receiving(const struct timespec *until)
{
    char message[8];

    CHECK_ERROR(syscall(SYS_mq_timedreceive, queue_open(), message, sizeof(message), NULL, until),
                ETIMEDOUT);
}

static void wait_sending(const struct timespec *until)
{
    int queue = queue_open();

    CHECK(syscall(SYS_mq_timedsend, queue, "x", 1, 0, NULL) == 0);
    CHECK_ERROR(syscall(SYS_mq_timedsend, queue, "x", 1, 0, until), ETIMEDOUT);
}

static void wait_timerfd(const struct timespec *until)
{
    struct itimerspec time = {.it_value = *until};
    uint64_t count = 0;
    int fd = timerfd_create(CLOCK_REALTIME, 0);

    CHECK(timerfd_settime(fd, TFD_TIMER_ABSTIME, &time, NULL) == 0);
    CHECK_EQUAL(read(fd, &count, sizeof(count)), sizeof(count));
    CHECK_EQUAL(count, 1);
}

/* A timer whose signal is SIGUSR1, which is blocked. */
static int timer_of_usr1(sigset_t *set)
{
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    int number;

    sigemptyset(set);
    sigaddset(set, SIGUSR1);
    CHECK(sigprocmask(SIG_BLOCK, set, NULL) == 0);
    CHECK(syscall(SYS_timer_create, CLOCK_REALTIME, &event, &number) == 0);
    return number;
}

static void wait_timer(const struct timespec *until)
{
    struct timer_time time = {.value = *until};
    sigset_t set;
    int number = timer_of_usr1(&set);

    CHECK(syscall(SYS_timer_settime, number, TIMER_ABSTIME, &time, NULL) == 0);
    CHECK_EQUAL(sigwaitinfo(&set, NULL), SIGUSR1);
}

typedef void waiting(const struct timespec *until);
static waiting *const ways[] = {wait_sleeping, wait_futex,   wait_receiving,
                                wait_sending,  wait_timerfd, wait_timer};
enum { WAYS = sizeof(ways) / sizeof(*ways) };

/* ---- Several waiters, each of which says when it is done ---- */

struct waiters {
    pid_t pids[WAYS];
    int done; /* a byte comes with each end */
};

static struct waiters begin(const struct timespec *until)
{
    struct waiters all;
    int ends[2], ready[2];
    char c;

    CHECK(pipe(ends) == 0 && pipe(ready) == 0);
    for (int n = 0; n < WAYS; n++)
        all.pids[n] = CHILD(write(ready[1], "x", 1); ways[n](until); write(ends[1], "x", 1));
    for (int n = 0; n < WAYS; n++)
        CHECK_EQUAL(read(ready[0], &c, 1), 1);
    ktap_sleep(50); /* most wait by now */
    CHECK(fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0);
    all.done = ends[0];
    return all;
}

static void check_none_done(const struct waiters *all)
{
    char c;

    CHECK_ERROR(read(all->done, &c, 1), EAGAIN);
}

static void check_all_done(const struct waiters *all)
{
    for (int n = 0; n < WAYS; n++)
        CHECK_CHILD(all->pids[n]);
}

TEST(forward, "a calendar set forward ends all waits for the time between")
{
    require_own_clock();
    struct timespec until = real_after(HOUR * 1000l);
    struct waiters all = begin(&until);

    check_none_done(&all);
    move_clock(2 * HOUR);
    check_all_done(&all);
    move_clock(-2 * HOUR);
}

/* Sets the calendar back before UNTIL; false: that came first. */
static bool set_back_in_time(const struct timespec *until)
{
    move_clock(-HOUR);
    struct timespec now = real_after(HOUR * 1000l);
    return now.tv_sec < until->tv_sec;
}

TEST(back, "a calendar set back puts off all waits for a later time")
{
    require_own_clock();
    for (long delay = 2000;; delay *= 2) {
        struct timespec until = real_after(delay);
        struct waiters all = begin(&until);
        bool in_time = set_back_in_time(&until);
        if (in_time) {
            ktap_sleep(delay);
            check_none_done(&all);
        }
        move_clock(HOUR);
        check_all_done(&all);
        if (in_time)
            break;
    }
}

TEST(little_by_little, "a calendar that is set often, and never far enough, ends no wait")
{
    require_own_clock();
    struct timespec until = real_after(HOUR * 1000l);
    struct waiters all = begin(&until);

    for (int n = 0; n < 50; n++)
        move_clock(HOUR / 60);
    check_none_done(&all);
    move_clock(HOUR / 6);
    check_all_done(&all);
    move_clock(-HOUR);
}

TEST(relative, "a delay is none of the calendar's business")
{
    struct timer_time time = {.value = {HOUR, 0}}, left;
    struct timespec hour = {HOUR, 0};
    sigset_t set;

    require_own_clock();
    int number = timer_of_usr1(&set), fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK);
    CHECK(syscall(SYS_timer_settime, number, 0, &time, NULL) == 0);
    CHECK(timerfd_settime(fd, 0, &(struct itimerspec){.it_value = hour}, NULL) == 0);
    pid_t sleeper = CHILD(clock_nanosleep(CLOCK_REALTIME, 0, &hour, NULL));
    move_clock(2 * HOUR);
    ktap_sleep(100);
    CHECK(syscall(SYS_timer_gettime, number, &left) == 0);
    CHECK(left.value.tv_sec >= HOUR - 60 && left.value.tv_sec < HOUR);
    CHECK_ERROR(read(fd, &left, sizeof(uint64_t)), EAGAIN);
    CHECK_EQUAL(waitpid(sleeper, NULL, WNOHANG), 0);
    kill(sleeper, SIGKILL);
    move_clock(-2 * HOUR);
}

TEST(periodic, "a periodic timer goes on from the calendar's time")
{
    struct timespec first = real_after(HOUR * 1000l);
    struct timer_time time = {{HOUR, 0}, first}, left;
    siginfo_t info;
    sigset_t set;

    require_own_clock();
    int number = timer_of_usr1(&set);
    CHECK(syscall(SYS_timer_settime, number, TIMER_ABSTIME, &time, NULL) == 0);
    move_clock(3 * HOUR + HOUR / 2);
    CHECK_EQUAL(sigwaitinfo(&set, &info), SIGUSR1);
    CHECK_EQUAL(syscall(SYS_timer_getoverrun, number), 2);
    CHECK(syscall(SYS_timer_gettime, number, &left) == 0);
    CHECK(left.value.tv_sec > HOUR / 2 - 60 && left.value.tv_sec <= HOUR / 2);
    move_clock(-3 * HOUR);
    CHECK(syscall(SYS_timer_gettime, number, &left) == 0);
    CHECK(left.value.tv_sec > 3 * HOUR && left.value.tv_sec < 4 * HOUR);
    move_clock(-HOUR / 2);
}

TEST(canceled, "TFD_TIMER_CANCEL_ON_SET tells at once, also after the timer has expired")
{
    require_own_clock();
    struct itimerspec time = {.it_value = real_after(HOUR * 1000l)};
    int fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK);
    uint64_t count;

    CHECK(timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &time, NULL) == 0);
    CHECK_ERROR(read(fd, &count, sizeof(count)), EAGAIN);
    move_clock(1);
    CHECK_ERROR(read(fd, &count, sizeof(count)), ECANCELED);
    CHECK_ERROR(read(fd, &count, sizeof(count)), EAGAIN);
    move_clock(-1);
    CHECK_ERROR(read(fd, &count, sizeof(count)), ECANCELED);
}

TEST(crowd, "waiters that come and are killed while the calendar is set all the time")
{
    require_own_clock();
    pid_t setter = CHILD(for (;;) {
        move_clock(1);
        move_clock(-1);
    });
    for (int round = 0; round < 10; round++) {
        pid_t pids[4 * WAYS];
        for (int n = 0; n < 4 * WAYS; n++) {
            struct timespec until = real_after(n % 4 ? 5 + n : HOUR * 1000l);
            pids[n] = CHILD(ways[n / 4](&until));
        }
        for (int n = 0; n < 4 * WAYS; n += 4)
            kill(pids[n], SIGKILL);
        for (int n = 0; n < 4 * WAYS; n++)
            if (n % 4)
                CHECK_CHILD(pids[n]);
            else
                CHECK_EQUAL(waitpid(pids[n], NULL, 0), pids[n]);
    }
    kill(setter, SIGKILL);
    CHECK_EQUAL(waitpid(setter, NULL, 0), setter);
}
