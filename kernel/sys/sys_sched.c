/*
 * Scheduling policies, and membarrier. Time-sharing with nice values, of which SCHED_BATCH and
 * SCHED_IDLE are only other names; SCHED_FIFO and SCHED_RR with priorities. SCHED_DEADLINE is not
 * there.
 */
#include "kernel/abi/membarrier.h"
#include "kernel/abi/resource.h"
#include "kernel/abi/sched.h"
#include "kernel/abi/time.h"
#include "kernel/mem/space.h"
#include "kernel/mem/tlb.h"
#include "kernel/sys/sys.h"
#include "kernel/task/capability.h"
#include "kernel/task/pi_lock.h"
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

/* Thread TID, 0 being the caller, with a reference. */
static long thread_get(long tid, struct thread **out)
{
    if (tid < 0)
        return -ABI_EINVAL;
    if (tid == 0) {
        *out = current_thread();
        thread_ref(*out);
        return 0;
    }
    *out = thread_find((int32_t)tid);
    return *out ? 0 : -ABI_ESRCH;
}

long sys_sched_getscheduler(long tid)
{
    struct thread *thread;
    long error = thread_get(tid, &thread);
    if (error)
        return error;
    long policy = thread->policy | (thread->reset_on_fork ? ABI_SCHED_RESET_ON_FORK : 0);
    thread_unref(thread);
    return policy;
}

long sys_sched_getparam(long tid, long user)
{
    struct thread *thread;
    long error = user ? thread_get(tid, &thread) : -ABI_EINVAL;
    if (error)
        return error;
    struct abi_sched_param param = {(int32_t)thread->own_priority};
    thread_unref(thread);
    return put_user(user, &param, sizeof param);
}

/* Who lacks the right to all may set those of their own, and priorities as RLIMIT_RTPRIO allows. */
static bool policy_permitted(const struct thread *thread, long policy, uint32_t priority)
{
    uint64_t limit = process_limit(ABI_RLIMIT_RTPRIO);
    if (process_capable(CAPABILITY_SYS_NICE))
        return true;
    if (policy_real_time(policy) && ((policy != thread->policy && !limit) ||
                                     (priority > thread->own_priority && priority > limit)))
        return false;
    struct cred *theirs = process_cred_get(thread->process);
    uint32_t mine = cred_current()->euid;
    bool own = mine == theirs->euid || mine == theirs->uid;
    cred_unref(theirs);
    return own;
}

/* POLICY -1: the one it has. */
static long thread_change_policy(struct thread *thread, long policy, bool reset, int32_t priority)
{
    if (policy == -1) {
        policy = thread->policy;
        reset = thread->reset_on_fork;
    }
    if (!policy_known(policy) || policy == ABI_SCHED_DEADLINE || priority < 0 ||
        priority > (int32_t)SCHED_PRIORITY_MAX || policy_real_time(policy) != (priority != 0))
        return -ABI_EINVAL;
    if (!thread->process || !policy_permitted(thread, policy, (uint32_t)priority) ||
        (thread->reset_on_fork && !reset && !process_capable(CAPABILITY_SYS_NICE)))
        return -ABI_EPERM;
    thread_set_policy(thread, (int)policy, (uint32_t)priority, reset);
    pi_priority_changed(thread);
    return 0;
}

static long policy_set(long tid, long policy, bool reset, long user)
{
    struct abi_sched_param param;
    struct thread *thread;
    if (!user || tid < 0)
        return -ABI_EINVAL;
    if (get_user(&param, user, sizeof param))
        return -ABI_EFAULT;
    long error = thread_get(tid, &thread);
    if (error)
        return error;
    error = thread_change_policy(thread, policy, reset, param.sched_priority);
    thread_unref(thread);
    return error;
}

long sys_sched_setscheduler(long tid, long policy, long user)
{
    if (policy < 0)
        return -ABI_EINVAL;
    return policy_set(tid, policy & ~(long)ABI_SCHED_RESET_ON_FORK,
                      policy & ABI_SCHED_RESET_ON_FORK, user);
}

long sys_sched_setparam(long tid, long user)
{
    return policy_set(tid, -1, false, user);
}

long sys_sched_rr_get_interval(long tid, long user)
{
    struct thread *thread;
    long error = thread_get(tid, &thread);
    if (error)
        return error;
    struct abi_timespec slice = {0, thread->takes_turns    ? SCHED_TURN_NS
                                    : thread->own_priority ? 0
                                                           : SCHED_SLICE_NS};
    thread_unref(thread);
    return put_user(user, &slice, sizeof slice);
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
