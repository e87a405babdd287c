/*
 * Scheduling policies, of which there is one, and membarrier. Time-sharing with nice values is
 * SCHED_OTHER; the real-time policies are refused like one without the right to them.
 */
#include "kernel/abi/membarrier.h"
#include "kernel/abi/sched.h"
#include "kernel/abi/time.h"
#include "kernel/mem/space.h"
#include "kernel/mem/tlb.h"
#include "kernel/sys/sys.h"
#include "kernel/task/sched.h"

/* ---- Policies ---- */

static bool policy_real_time(long policy)
{
    return policy == ABI_SCHED_FIFO || policy == ABI_SCHED_RR;
}

static bool policy_known(long policy)
{
    return policy_real_time(policy) || policy == ABI_SCHED_OTHER || policy == ABI_SCHED_BATCH ||
           policy == ABI_SCHED_IDLE || policy == ABI_SCHED_DEADLINE;
}

long sys_sched_get_priority_max(long policy)
{
    return !policy_known(policy) ? -ABI_EINVAL : policy_real_time(policy) ? 99 : 0;
}

long sys_sched_get_priority_min(long policy)
{
    return !policy_known(policy) ? -ABI_EINVAL : policy_real_time(policy) ? 1 : 0;
}

/* Whether thread TID is there, 0 being the caller. */
static long thread_check(long tid)
{
    if (tid < 0)
        return -ABI_EINVAL;
    if (tid == 0)
        return 0;
    struct thread *thread = thread_find((int32_t)tid);
    if (!thread)
        return -ABI_ESRCH;
    thread_unref(thread);
    return 0;
}

long sys_sched_getscheduler(long tid)
{
    long error = thread_check(tid);
    return error ? error : ABI_SCHED_OTHER;
}

long sys_sched_getparam(long tid, long user)
{
    struct abi_sched_param param = {0};
    long error = user ? thread_check(tid) : -ABI_EINVAL;
    return error ? error : put_user(user, &param, sizeof param);
}

static long policy_set(long tid, long policy, long user)
{
    struct abi_sched_param param;
    if (!user || tid < 0)
        return -ABI_EINVAL;
    if (get_user(&param, user, sizeof param))
        return -ABI_EFAULT;
    long error = thread_check(tid);
    if (error)
        return error;
    if (policy_real_time(policy))
        return param.sched_priority < 1 || param.sched_priority > 99 ? -ABI_EINVAL : -ABI_EPERM;
    return policy != ABI_SCHED_OTHER || param.sched_priority ? -ABI_EINVAL : 0;
}

long sys_sched_setscheduler(long tid, long policy, long user)
{
    return policy < 0 ? -ABI_EINVAL : policy_set(tid, policy & ~ABI_SCHED_RESET_ON_FORK, user);
}

long sys_sched_setparam(long tid, long user)
{
    return policy_set(tid, ABI_SCHED_OTHER, user);
}

long sys_sched_rr_get_interval(long tid, long user)
{
    struct abi_timespec slice = {0, SCHED_SLICE_NS};
    long error = thread_check(tid);
    return error ? error : put_user(user, &slice, sizeof slice);
}

/* ---- membarrier ---- */

#define BARRIER_COMMANDS                                                            \
    (ABI_MEMBARRIER_GLOBAL | ABI_MEMBARRIER_GLOBAL_EXPEDITED |                      \
     ABI_MEMBARRIER_REGISTER_GLOBAL_EXPEDITED | ABI_MEMBARRIER_PRIVATE_EXPEDITED |  \
     ABI_MEMBARRIER_REGISTER_PRIVATE_EXPEDITED | ABI_MEMBARRIER_PRIVATE_SYNC_CORE | \
     ABI_MEMBARRIER_REGISTER_PRIVATE_SYNC_CORE)

/* Interrupts every other CPU and waits for the answers: an interrupt and the return from it order
 * memory and instructions alike. The flush that comes with it is of nothing. */
static long barrier_everywhere(void)
{
    const struct tlb_flush nothing = {.count = 0};
    atomic_thread_fence(memory_order_seq_cst);
    tlb_flush_kernel(&nothing);
    atomic_thread_fence(memory_order_seq_cst);
    return 0;
}

/* A program says beforehand which it will use. */
static long barrier_registered(uint32_t registration)
{
    return atomic_load(space_barriers(current_process()->space)) & registration
               ? barrier_everywhere()
               : -ABI_EPERM;
}

long sys_membarrier(long command, long flags, long cpu)
{
    (void)cpu;
    if (flags)
        return -ABI_EINVAL;
    switch (command) {
    case ABI_MEMBARRIER_QUERY:
        return BARRIER_COMMANDS;
    case ABI_MEMBARRIER_GLOBAL:
    case ABI_MEMBARRIER_GLOBAL_EXPEDITED:
        return barrier_everywhere();
    case ABI_MEMBARRIER_PRIVATE_EXPEDITED:
        return barrier_registered(ABI_MEMBARRIER_REGISTER_PRIVATE_EXPEDITED);
    case ABI_MEMBARRIER_PRIVATE_SYNC_CORE:
        return barrier_registered(ABI_MEMBARRIER_REGISTER_PRIVATE_SYNC_CORE);
    case ABI_MEMBARRIER_REGISTER_GLOBAL_EXPEDITED:
    case ABI_MEMBARRIER_REGISTER_PRIVATE_EXPEDITED:
    case ABI_MEMBARRIER_REGISTER_PRIVATE_SYNC_CORE:
        atomic_fetch_or(space_barriers(current_process()->space), (uint32_t)command);
        return 0;
    default:
        return -ABI_EINVAL;
    }
}
