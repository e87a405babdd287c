/* Scheduling policies and membarrier. */
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include "ktap.h"

#define BARRIER_QUERY            0
#define BARRIER_GLOBAL           0x01
#define BARRIER_PRIVATE          0x08
#define BARRIER_REGISTER_PRIVATE 0x10

static long barrier(int command, unsigned flags)
{
    return syscall(SYS_membarrier, command, flags, 0);
}

TEST(policies, "time-sharing is the policy, with no priorities")
{
    struct sched_param param = {77};
    CHECK_EQUAL(syscall(SYS_sched_getscheduler, 0), 0);
    CHECK_EQUAL(syscall(SYS_sched_getparam, 0, &param), 0);
    CHECK_EQUAL(param.sched_priority, 0);
    CHECK_EQUAL(syscall(SYS_sched_setscheduler, 0, 0, &param), 0);
    CHECK_EQUAL(syscall(SYS_sched_setparam, getpid(), &param), 0);
    CHECK_EQUAL(syscall(SYS_sched_get_priority_min, 0), 0);
    CHECK_EQUAL(syscall(SYS_sched_get_priority_max, 0), 0);
    CHECK_EQUAL(syscall(SYS_sched_get_priority_min, 1), 1);
    CHECK_EQUAL(syscall(SYS_sched_get_priority_max, 2), 99);
    struct timespec slice = {-1, -1};
    CHECK_EQUAL(syscall(SYS_sched_rr_get_interval, 0, &slice), 0);
    CHECK(slice.tv_sec >= 0 && slice.tv_nsec >= 0);
}

static int policy_of(void)
{
    return (int)syscall(SYS_sched_getscheduler, 0);
}

static int priority_of(void)
{
    struct sched_param param = {-1};
    syscall(SYS_sched_getparam, 0, &param);
    return param.sched_priority;
}

/* Real-time policies need a right that root lacks in some places. */
#define NEED_REAL_TIME()                                 \
    do {                                                 \
        struct sched_param low = {1};                    \
        if (syscall(SYS_sched_setscheduler, 0, 1, &low)) \
            SKIP("no real-time policies here");          \
    } while (0)

TEST(real_time, "policies with priorities are kept, inherited, and given back")
{
    struct sched_param param = {7}, none = {0};
    NEED_REAL_TIME();
    CHECK_EQUAL(syscall(SYS_sched_setscheduler, 0, 2, &param), 0);
    CHECK_EQUAL(policy_of(), 2);
    CHECK_EQUAL(priority_of(), 7);
    param.sched_priority = 99;
    CHECK_EQUAL(syscall(SYS_sched_setparam, 0, &param), 0);
    CHECK_EQUAL(policy_of(), 2);
    CHECK_EQUAL(priority_of(), 99);
    param.sched_priority = 100;
    CHECK_ERROR(syscall(SYS_sched_setparam, 0, &param), EINVAL);
    CHECK_ERROR(syscall(SYS_sched_setparam, 0, &none), EINVAL);
    CHECK_CHILD(CHILD({
        CHECK_EQUAL(policy_of(), 2);
        CHECK_EQUAL(priority_of(), 99);
    }));
    param.sched_priority = 5;
    CHECK_EQUAL(syscall(SYS_sched_setscheduler, 0, 1 | 0x40000000, &param), 0);
    CHECK_EQUAL(policy_of(), 1 | 0x40000000);
    CHECK_CHILD(CHILD({
        CHECK_EQUAL(policy_of(), 0);
        CHECK_EQUAL(priority_of(), 0);
    }));
    CHECK_EQUAL(syscall(SYS_sched_setscheduler, 0, 0, &none), 0);
    CHECK_EQUAL(policy_of(), 0);
    CHECK_EQUAL(syscall(SYS_sched_setscheduler, 0, 3, &none), 0);
    CHECK_EQUAL(policy_of(), 3);
    CHECK_EQUAL(syscall(SYS_sched_setscheduler, 0, 3 | 0x40000000, &none), 0);
    CHECK_CHILD(CHILD({ CHECK_EQUAL(policy_of(), 3); }));
}

/* On one CPU: the higher runs as soon as it can, equals in order, the rest when these sleep. */
TEST(real_time_order, "the highest priority runs first")
{
    unsigned long one = 1;
    struct sched_param param = {50};
    int ends[2], go[2];
    char order[4] = {0};
    NEED_REAL_TIME();
    CHECK_EQUAL(syscall(SYS_sched_setaffinity, 0, sizeof one, &one), 0);
    CHECK_EQUAL(syscall(SYS_sched_setscheduler, 0, 1, &param), 0);
    CHECK_EQUAL(pipe(ends), 0);
    CHECK_EQUAL(pipe(go), 0);
    for (int i = 0; i < 3; i++) {
        if (fork() == 0) {
            char c, name = (char)('0' + i);
            close(go[1]);
            param.sched_priority = 10 + i;
            syscall(SYS_sched_setscheduler, 0, 1, &param);
            if (read(go[0], &c, 1) == 0)
                write(ends[1], &name, 1);
            _exit(0);
        }
    }
    usleep(100000); /* they wait now */
    close(go[1]);   /* wakes all three */
    for (int i = 0; i < 3; i++)
        CHECK(wait(NULL) > 0);
    CHECK_EQUAL(read(ends[0], order, 4), 3);
    CHECK(!strcmp(order, "210"));
}

/* A thread with a priority that never ends leaves others a part of the CPU. */
TEST(real_time_hog, "one that never sleeps doesn't stop the others for good")
{
    unsigned long one = 1;
    struct sched_param param = {1};
    NEED_REAL_TIME();
    struct sched_param none = {0};
    CHECK_EQUAL(syscall(SYS_sched_setscheduler, 0, 0, &none), 0);
    CHECK_EQUAL(syscall(SYS_sched_setaffinity, 0, sizeof one, &one), 0);
    pid_t hog = fork();
    if (hog == 0) {
        syscall(SYS_sched_setscheduler, 0, 1, &param);
        for (;;)
            ;
    }
    usleep(10000);
    kill(hog, SIGKILL);
    CHECK_EQUAL(waitpid(hog, NULL, 0), hog);
}

static int told[2];

static void tell(int sig)
{
    char c = (char)sig;
    write(told[1], &c, 1);
}

/* Runs until the clock of its own CPU time has gone on by so much. */
static void burn(long milliseconds)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    long end = now.tv_sec * 1000 + now.tv_nsec / 1000000 + milliseconds;
    do
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    while (now.tv_sec * 1000 + now.tv_nsec / 1000000 < end);
}

static void limit_real_time(rlim_t soft, rlim_t hard)
{
    struct rlimit limit = {soft, hard};
    struct sched_param param = {1};
    signal(SIGXCPU, tell);
    CHECK_EQUAL(setrlimit(RLIMIT_RTTIME, &limit), 0);
    CHECK_EQUAL(syscall(SYS_sched_setscheduler, 0, 1, &param), 0);
}

TEST(real_time_limit, "RLIMIT_RTTIME ends who runs with a priority and never sleeps")
{
    char c;
    int status;
    NEED_REAL_TIME();
    struct sched_param none = {0};
    CHECK_EQUAL(syscall(SYS_sched_setscheduler, 0, 0, &none), 0);
    CHECK_EQUAL(pipe(told), 0);
    pid_t child = fork();
    if (child == 0) {
        limit_real_time(100000, 1900000);
        for (;;)
            ;
    }
    CHECK_EQUAL(waitpid(child, &status, 0), child);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    close(told[1]);
    CHECK_EQUAL(read(told[0], &c, 1), 1);
    CHECK_EQUAL(c, SIGXCPU);
    /* Who sleeps begins anew; and who has no priority isn't counted. */
    CHECK_CHILD(CHILD({
        struct timespec moment = {0, 5000000};
        limit_real_time(3000000, 3000000);
        for (int i = 0; i < 40; i++) {
            burn(80);
            nanosleep(&moment, NULL);
        }
        CHECK_EQUAL(syscall(SYS_sched_setscheduler, 0, 0, &none), 0);
        burn(3100);
    }));
}

TEST(policy_errors, "policies and priorities that aren't there are refused")
{
    struct sched_param one = {1}, none = {0};
    CHECK_ERROR(syscall(SYS_sched_get_priority_min, 77), EINVAL);
    CHECK_ERROR(syscall(SYS_sched_get_priority_max, -1), EINVAL);
    CHECK_ERROR(syscall(SYS_sched_setscheduler, 0, 0, &one), EINVAL);
    CHECK_ERROR(syscall(SYS_sched_setscheduler, 0, 1, &none), EINVAL);
    CHECK_ERROR(syscall(SYS_sched_setscheduler, 0, 77, &none), EINVAL);
    CHECK_ERROR(syscall(SYS_sched_setscheduler, 0, -1, &none), EINVAL);
    CHECK_ERROR(syscall(SYS_sched_setscheduler, 0, 0, NULL), EINVAL);
    CHECK_ERROR(syscall(SYS_sched_setscheduler, 0, 0, 8), EFAULT);
    CHECK_ERROR(syscall(SYS_sched_setparam, 0, &one), EINVAL);
    CHECK_ERROR(syscall(SYS_sched_getparam, 0, NULL), EINVAL);
    CHECK_ERROR(syscall(SYS_sched_getparam, -1, &one), EINVAL);
    CHECK_ERROR(syscall(SYS_sched_getscheduler, -1), EINVAL);
    CHECK_ERROR(syscall(SYS_sched_getscheduler, 0x3fffffff), ESRCH);
    CHECK_ERROR(syscall(SYS_sched_rr_get_interval, 0, 8), EFAULT);
}

TEST(barriers, "membarrier tells what it can, and wants to be registered with")
{
    long can = barrier(BARRIER_QUERY, 0);
    CHECK(can > 0);
    CHECK(can & BARRIER_PRIVATE && can & BARRIER_REGISTER_PRIVATE);
    CHECK_ERROR(barrier(BARRIER_QUERY, 1), EINVAL);
    CHECK_ERROR(barrier(0x40000000, 0), EINVAL);
    CHECK_ERROR(barrier(BARRIER_PRIVATE, 0), EPERM);
    CHECK_EQUAL(barrier(BARRIER_REGISTER_PRIVATE, 0), 0);
    for (int i = 0; i < 100; i++)
        CHECK_EQUAL(barrier(BARRIER_PRIVATE, 0), 0);
    if (can & BARRIER_GLOBAL)
        CHECK_EQUAL(barrier(BARRIER_GLOBAL, 0), 0);
    CHECK_CHILD(CHILD({ CHECK_EQUAL(barrier(BARRIER_PRIVATE, 0), 0); }));
}
