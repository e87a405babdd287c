/* Scheduling policies and membarrier. */
#include <sched.h>
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
