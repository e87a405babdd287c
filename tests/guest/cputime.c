/* CPU time: clocks of processes and threads, timers and sleeps on them, interval timers,
 * RLIMIT_CPU.
 */
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include "ktap.h"

#define MS 1000000l

/* Clock numbers as the kernel knows them. */
enum { PROF, VIRTUAL, SCHED, THREAD = 4 };
static int clock_of(int id, int kind)
{
    return (int)(~(unsigned)id << 3) | kind;
}

static long do_get(int clock, struct timespec *out)
{
    return syscall(SYS_clock_gettime, clock, out);
}

static long now(int clock)
{
    struct timespec spec = {0, 0};
    CHECK_EQUAL(do_get(clock, &spec), 0);
    return spec.tv_sec * 1000 * MS + spec.tv_nsec;
}

static void burn(long ns)
{
    for (long end = now(CLOCK_PROCESS_CPUTIME_ID) + ns; now(CLOCK_PROCESS_CPUTIME_ID) < end;)
        continue;
}

/* A child that computes until it is told not to. */
struct burner {
    pid_t pid;
    int stop;
};

static struct burner burner(void)
{
    int ready[2], stop[2];
    char c;
    CHECK(pipe(ready) == 0 && pipe(stop) == 0);
    pid_t parent = getpid();
    struct burner b = {.stop = stop[1]};
    b.pid = CHILD(close(stop[1]); CHECK(write(ready[1], "x", 1) == 1); while (getppid() == parent) {
        for (volatile int i = 0; i < 100000; i++)
            continue;
        struct timeval none = {0, 0};
        fd_set set;
        FD_ZERO(&set);
        FD_SET(stop[0], &set);
        if (select(stop[0] + 1, &set, NULL, NULL, &none) > 0)
            break;
    });
    close(stop[0]);
    CHECK(read(ready[0], &c, 1) == 1);
    return b;
}

static void end(struct burner b)
{
    close(b.stop);
    CHECK_CHILD(b.pid);
}

/* ---- Clocks ---- */

TEST(own, "a process's and a thread's clock by number")
{
    burn(30 * MS);
    long before = now(CLOCK_PROCESS_CPUTIME_ID);
    long by_pid = now(clock_of(getpid(), SCHED)), by_zero = now(clock_of(0, SCHED));
    long after = now(CLOCK_PROCESS_CPUTIME_ID);
    CHECK(before <= by_pid && by_pid <= by_zero && by_zero <= after);
    before = now(CLOCK_THREAD_CPUTIME_ID);
    by_pid = now(clock_of((int)syscall(SYS_gettid), THREAD | SCHED));
    by_zero = now(clock_of(0, THREAD | SCHED));
    after = now(CLOCK_THREAD_CPUTIME_ID);
    CHECK(before <= by_pid && by_pid <= by_zero && by_zero <= after);
    long all = now(clock_of(0, PROF)), user = now(clock_of(0, VIRTUAL));
    CHECK(user <= all && user >= 0 && all > 0);
}

TEST(others, "another process's clock goes while that computes")
{
    struct burner b = burner();
    int clock = clock_of(b.pid, SCHED);
    long start = now(clock);
    while (now(clock) < start + 20 * MS)
        continue;
    end(b);
    struct timespec spec;
    CHECK_ERROR(do_get(clock, &spec), EINVAL);
    pid_t idle = CHILD(pause());
    ktap_await_asleep(idle);
    long still = now(clock_of(idle, SCHED));
    ktap_sleep(30);
    CHECK(now(clock_of(idle, SCHED)) - still < 20 * MS);
    CHECK_ERROR(do_get(clock_of(idle, THREAD | SCHED), &spec), EINVAL);
    CHECK_EQUAL(kill(idle, SIGKILL), 0);
    CHECK_EQUAL(waitpid(idle, NULL, 0), idle);
}

TEST(numbers, "which numbers are clocks; none of these can be set")
{
    struct timespec spec = {1, 0};
    CHECK_ERROR(do_get(clock_of(0, 3), &spec), EINVAL);
    CHECK_ERROR(do_get(clock_of(0x7ffffff, SCHED), &spec), EINVAL);
    CHECK_EQUAL(syscall(SYS_clock_getres, CLOCK_PROCESS_CPUTIME_ID, &spec), 0);
    CHECK(spec.tv_sec == 0 && spec.tv_nsec == 1);
    CHECK_EQUAL(syscall(SYS_clock_getres, clock_of(0, THREAD | SCHED), &spec), 0);
    CHECK(spec.tv_sec == 0 && spec.tv_nsec == 1);
    CHECK_EQUAL(syscall(SYS_clock_getres, clock_of(0, PROF), &spec), 0);
    CHECK(spec.tv_sec == 0 && spec.tv_nsec >= MS);
    CHECK_ERROR(syscall(SYS_clock_getres, clock_of(0, 3), &spec), EINVAL);
    CHECK_ERROR(syscall(SYS_clock_settime, CLOCK_PROCESS_CPUTIME_ID, &spec), EINVAL);
    CHECK_ERROR(syscall(SYS_clock_settime, clock_of(0, SCHED), &spec), EPERM);
    CHECK_ERROR(syscall(SYS_clock_settime, clock_of(0, 3), &spec), EINVAL);
}

/* ---- Timers ---- */

struct timer_time {
    struct timespec interval, value;
};

static sigset_t blocked(int signal)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, signal);
    CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
    return set;
}

static int timer(int clock, int signal)
{
    int number = -1;
    struct sigevent event = {.sigev_notify = 0, .sigev_signo = signal};
    CHECK_EQUAL(syscall(SYS_timer_create, clock, &event, &number), 0);
    return number;
}

static void arm(int number, int flags, long first, long each)
{
    struct timer_time time = {{each / 1000 / MS, each % (1000 * MS)},
                              {first / 1000 / MS, first % (1000 * MS)}};
    CHECK_EQUAL(syscall(SYS_timer_settime, number, flags, &time, NULL), 0);
}

static long left(int number)
{
    struct timer_time time;
    CHECK_EQUAL(syscall(SYS_timer_gettime, number, &time), 0);
    return time.value.tv_sec * 1000 * MS + time.value.tv_nsec;
}

static bool pending(int signal)
{
    sigset_t set;
    CHECK(sigpending(&set) == 0);
    return sigismember(&set, signal);
}

TEST(timers, "a timer on CPU time goes while the process computes, and not while it sleeps")
{
    static const int clocks[] = {CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID};
    struct timespec none = {0, 0};
    siginfo_t info;
    sigset_t set = blocked(SIGUSR1);
    for (int i = 0; i < 2; i++) {
        int number = timer(clocks[i], SIGUSR1);
        CHECK_EQUAL(left(number), 0);
        arm(number, 0, 50 * MS, 0);
        CHECK(left(number) > 0 && left(number) <= 50 * MS);
        ktap_sleep(120);
        CHECK(!pending(SIGUSR1) && left(number) > 20 * MS);
        long start = now(clocks[i]);
        while (!pending(SIGUSR1))
            continue;
        CHECK(now(clocks[i]) - start >= 20 * MS);
        CHECK_EQUAL(sigtimedwait(&set, &info, &none), SIGUSR1);
        CHECK_EQUAL(info.si_code, SI_TIMER);
        CHECK_EQUAL(info.si_timerid, number);
        CHECK_EQUAL(left(number), 0);
        CHECK_EQUAL(syscall(SYS_timer_delete, number), 0);
    }
}

TEST(absolute, "an absolute time is the clock's own; past ones are at once")
{
    blocked(SIGUSR1);
    int number = timer(CLOCK_PROCESS_CPUTIME_ID, SIGUSR1);
    long until = now(CLOCK_PROCESS_CPUTIME_ID) + 30 * MS;
    arm(number, 1, until, 0);
    while (!pending(SIGUSR1))
        continue;
    CHECK(now(CLOCK_PROCESS_CPUTIME_ID) >= until);
    int second = timer(clock_of(getpid(), SCHED), SIGUSR2);
    blocked(SIGUSR2);
    arm(second, 1, 1, 0);
    while (!pending(SIGUSR2))
        continue;
}

TEST(periods, "a period repeats, and misses are the overrun")
{
    struct timespec none = {0, 0};
    siginfo_t info;
    sigset_t set = blocked(SIGRTMIN);
    int number = timer(CLOCK_PROCESS_CPUTIME_ID, SIGRTMIN);
    arm(number, 0, 10 * MS, 10 * MS);
    burn(150 * MS);
    CHECK_EQUAL(sigtimedwait(&set, &info, &none), SIGRTMIN);
    CHECK(info.si_overrun >= 5);
    while (!pending(SIGRTMIN))
        continue;
    arm(number, 0, 0, 0);
    CHECK_EQUAL(left(number), 0);
}

TEST(foreign, "a timer on another process's clock")
{
    sigset_t set = blocked(SIGUSR1);
    struct timespec limit = {20, 0};
    siginfo_t info;
    struct burner b = burner();
    int number = timer(clock_of(b.pid, SCHED), SIGUSR1);
    arm(number, 0, 30 * MS, 0);
    CHECK_EQUAL(sigtimedwait(&set, &info, &limit), SIGUSR1);
    arm(number, 0, 1000000 * MS, 0);
    end(b);
    CHECK_EQUAL(syscall(SYS_timer_delete, number), 0);
    int none;
    CHECK_ERROR(syscall(SYS_timer_create, clock_of(b.pid, SCHED), NULL, &none), EINVAL);
}

/* ---- Sleeping ---- */

static void note(int signal)
{
    (void)signal;
}

TEST(sleeping, "clock_nanosleep while another process computes")
{
    struct burner b = burner();
    int clock = clock_of(b.pid, SCHED);
    long start = now(clock);
    struct timespec while_ = {0, 40 * MS}, until;
    CHECK_EQUAL(syscall(SYS_clock_nanosleep, clock, 0, &while_, NULL), 0);
    CHECK(now(clock) >= start + 40 * MS);
    long target = now(clock) + 20 * MS;
    until = (struct timespec){target / 1000 / MS, target % (1000 * MS)};
    CHECK_EQUAL(syscall(SYS_clock_nanosleep, clock, TIMER_ABSTIME, &until, NULL), 0);
    CHECK(now(clock) >= target);
    CHECK_EQUAL(syscall(SYS_clock_nanosleep, clock, TIMER_ABSTIME, &while_, NULL), 0);
    end(b);
}

TEST(nobody, "while nobody computes only a signal ends the sleep")
{
    struct sigaction action = {.sa_handler = note};
    struct itimerval soon = {.it_value = {0, 60000}};
    struct timespec while_ = {5, 0}, rest = {0, 0};
    CHECK(sigaction(SIGALRM, &action, NULL) == 0);
    CHECK(setitimer(ITIMER_REAL, &soon, NULL) == 0);
    CHECK_ERROR(syscall(SYS_clock_nanosleep, CLOCK_PROCESS_CPUTIME_ID, 0, &while_, &rest), EINTR);
    CHECK((rest.tv_sec == 4 && rest.tv_nsec > 0) || rest.tv_sec == 5);
    CHECK_ERROR(syscall(SYS_clock_nanosleep, clock_of(0, THREAD | SCHED), 0, &while_, NULL),
                EINVAL);
    CHECK_ERROR(syscall(SYS_clock_nanosleep, CLOCK_THREAD_CPUTIME_ID, 0, &while_, NULL),
                EOPNOTSUPP);
    while_.tv_nsec = 1000 * MS;
    CHECK_ERROR(syscall(SYS_clock_nanosleep, CLOCK_PROCESS_CPUTIME_ID, 0, &while_, NULL), EINVAL);
}

/* ---- Interval timers ---- */

TEST(intervals, "ITIMER_PROF and ITIMER_VIRTUAL count CPU time")
{
    static const struct {
        int which, signal;
    } kinds[] = {{ITIMER_PROF, SIGPROF}, {ITIMER_VIRTUAL, SIGVTALRM}};
    for (int i = 0; i < 2; i++) {
        struct itimerval value = {.it_value = {0, 60000}}, old;
        sigset_t set = blocked(kinds[i].signal);
        struct timespec none = {0, 0};
        siginfo_t info;
        CHECK(setitimer(kinds[i].which, &value, NULL) == 0);
        ktap_sleep(100);
        CHECK(!pending(kinds[i].signal));
        CHECK(getitimer(kinds[i].which, &old) == 0);
        CHECK(old.it_value.tv_sec == 0 && old.it_value.tv_usec > 0);
        long start = now(CLOCK_PROCESS_CPUTIME_ID);
        for (volatile long n = 0; !(n % 10000 == 0 && pending(kinds[i].signal)); n++)
            continue;
        CHECK(now(CLOCK_PROCESS_CPUTIME_ID) - start >= 30 * MS);
        CHECK_EQUAL(sigtimedwait(&set, &info, &none), kinds[i].signal);
        CHECK(getitimer(kinds[i].which, &old) == 0);
        CHECK(old.it_value.tv_sec == 0 && old.it_value.tv_usec == 0);
        value = (struct itimerval){{0, 10000}, {0, 10000}};
        CHECK(setitimer(kinds[i].which, &value, NULL) == 0);
        for (int n = 0; n < 3; n++) {
            for (volatile long k = 0; !(k % 10000 == 0 && pending(kinds[i].signal)); k++)
                continue;
            CHECK_EQUAL(sigtimedwait(&set, &info, &none), kinds[i].signal);
        }
        value = (struct itimerval){{0, 0}, {0, 0}};
        CHECK(setitimer(kinds[i].which, &value, &old) == 0);
        CHECK_EQUAL(old.it_interval.tv_usec, 10000);
    }
}

/* ---- RLIMIT_CPU ---- */

static volatile int exceeded;

static void count(int signal)
{
    (void)signal;
    exceeded++;
}

TEST(limit, "RLIMIT_CPU: SIGXCPU at the soft limit and each second on, the end at the hard one")
{
    int status, ends[2];
    char counted = 0;
    CHECK(pipe(ends) == 0);
    pid_t pid = CHILD({
        struct sigaction action = {.sa_handler = count};
        struct rlimit limit = {1, 3};
        CHECK(sigaction(SIGXCPU, &action, NULL) == 0);
        CHECK(setrlimit(RLIMIT_CPU, &limit) == 0);
        for (int seen = 0;;)
            if (exceeded != seen) {
                seen = exceeded;
                CHECK(write(ends[1], "x", 1) == 1);
            }
    });
    CHECK_EQUAL(waitpid(pid, &status, 0), pid);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    close(ends[1]);
    for (char c; read(ends[0], &c, 1) == 1;)
        counted++;
    CHECK_EQUAL(counted, 2);
    pid = CHILD({
        struct rlimit limit = {0, RLIM_INFINITY};
        CHECK(setrlimit(RLIMIT_CPU, &limit) == 0);
        for (;;)
            continue;
    });
    CHECK_EQUAL(waitpid(pid, &status, 0), pid);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU);
}
