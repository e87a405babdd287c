/* Processes and threads: making, ending, waiting, identities. */
#include "kernel/abi/fcntl.h"
#include "kernel/abi/prctl.h"
#include "kernel/abi/sched.h"
#include "kernel/abi/wait.h"
#include "kernel/cpu/fpu.h"
#include "kernel/cpu/segments.h"
#include "kernel/mem/heap.h"
#include "kernel/mem/layout.h"
#include "kernel/sys/sys.h"
#include "kernel/task/capability.h"
#include "kernel/task/exec.h"
#include "kernel/task/futex.h"

/* ---- clone ---- */

long sys_clone(long flags, long stack, long parent_tid, long child_tid, long tls)
{
    struct clone_request request = {.flags = (uint32_t)flags & ~ABI_CSIGNAL,
                                    .exit_signal = (int)(flags & ABI_CSIGNAL),
                                    .stack = (uint64_t)stack,
                                    .parent_tid = (uint64_t)parent_tid,
                                    .child_tid = (uint64_t)child_tid,
                                    .tls = (uint64_t)tls};
    return process_clone(&request, current_thread()->frame);
}

long sys_fork(void)
{
    return sys_clone(ABI_SIGCHLD, 0, 0, 0, 0);
}

long sys_vfork(void)
{
    return sys_clone((long)(ABI_CLONE_VFORK | ABI_CLONE_VM) | ABI_SIGCHLD, 0, 0, 0, 0);
}

/* What a longer structure than ours holds must be zero: then nothing is asked for that we don't
 * know. */
static long clone_args_get(struct abi_clone_args *out, long user, long size)
{
    *out = (struct abi_clone_args){0};
    if (size < ABI_CLONE_ARGS_SIZE_VER0)
        return -ABI_EINVAL;
    if (size > (long)ENV_PAGE_SIZE)
        return -ABI_E2BIG;
    long known = size < (long)sizeof *out ? size : (long)sizeof *out;
    if (get_user(out, user, (size_t)known))
        return -ABI_EFAULT;
    for (long at = known; at < size; at++) {
        uint8_t byte;
        if (get_user(&byte, user + at, 1))
            return -ABI_EFAULT;
        if (byte)
            return -ABI_E2BIG;
    }
    return 0;
}

/* clone3 refuses what clone passes over. Numbers of the caller's choice are not to be had. */
static bool clone_args_valid(const struct abi_clone_args *args)
{
    const uint64_t known = (UINT32_MAX & ~(ABI_CSIGNAL | ABI_CLONE_DETACHED)) |
                           ABI_CLONE_CLEAR_SIGHAND | ABI_CLONE_INTO_CGROUP;
    if (args->set_tid || args->set_tid_size || args->flags & ~known || args->exit_signal > ABI_NSIG)
        return false;
    if (args->flags & (ABI_CLONE_THREAD | ABI_CLONE_PARENT) && args->exit_signal)
        return false;
    if (!args->stack || !args->stack_size)
        return !args->stack && !args->stack_size;
    return args->stack <= USER_END && args->stack_size <= USER_END - args->stack;
}

long sys_clone3(long user, long size)
{
    struct abi_clone_args args;
    long error = clone_args_get(&args, user, size);
    if (error)
        return error;
    if (!clone_args_valid(&args))
        return -ABI_EINVAL;
    struct clone_request request = {.flags = args.flags,
                                    .exit_signal = (int)args.exit_signal,
                                    .stack = args.stack ? args.stack + args.stack_size : 0,
                                    .parent_tid = args.parent_tid,
                                    .child_tid = args.child_tid,
                                    .tls = args.tls};
    return process_clone(&request, current_thread()->frame);
}

/* ---- exec ---- */

long sys_execveat(long dirfd, long user_path, long argv, long envp, long flags)
{
    struct path path;
    struct exec_arguments arguments = {0};
    if (flags & ~(ABI_AT_EMPTY_PATH | ABI_AT_SYMLINK_NOFOLLOW))
        return -ABI_EINVAL;
    long error = path_get(&path, user_path);
    if (!error)
        error = exec_arguments_from_user(&arguments, (uint64_t)argv, (uint64_t)envp);
    if (!error) {
        error =
            process_exec((int)dirfd, path.text, (int)flags, &arguments, current_thread()->frame);
        exec_arguments_free(&arguments);
    }
    path_free(&path);
    return error;
}

long sys_execve(long path, long argv, long envp)
{
    return sys_execveat(ABI_AT_FDCWD, path, argv, envp, 0);
}

/* ---- exit, wait ---- */

long sys_exit(long status)
{
    process_exit_thread((int)status & 0xff);
}

long sys_exit_group(long status)
{
    process_exit_group(ABI_W_EXITED(status));
}

static long wait_put_usage(long user, const struct abi_rusage *usage)
{
    return user ? put_user(user, usage, sizeof *usage) : 0;
}

long sys_wait4(long pid, long status, long options, long usage)
{
    struct wait_result result;
    int idtype = ABI_P_PID;
    int32_t id = (int32_t)pid;
    if (options & ~(long)(ABI_WNOHANG | ABI_WUNTRACED | ABI_WCONTINUED | ABI_WNOTHREAD | ABI_WALL |
                          ABI_WCLONE))
        return -ABI_EINVAL;
    if (id == INT32_MIN)
        return -ABI_ESRCH;
    if (id == -1) {
        idtype = ABI_P_ALL;
    } else if (id <= 0) {
        idtype = ABI_P_PGID;
        id = id ? -id : group_of(0);
    }
    long found = process_wait(idtype, id, (int)options | ABI_WEXITED, &result);
    if (found <= 0)
        return found;
    if (status && put_user(status, &result.wait_status, sizeof result.wait_status))
        return -ABI_EFAULT;
    return wait_put_usage(usage, &result.usage) ? -ABI_EFAULT : found;
}

long sys_waitid(long idtype, long id, long user_info, long options, long usage)
{
    struct wait_result result;
    struct abi_siginfo info = {0};
    const long kinds = ABI_WEXITED | ABI_WSTOPPED | ABI_WCONTINUED;
    if (options &
            ~(long)(ABI_WNOHANG | kinds | ABI_WNOWAIT | ABI_WNOTHREAD | ABI_WALL | ABI_WCLONE) ||
        !(options & kinds) || idtype < ABI_P_ALL || idtype > ABI_P_PGID)
        return -ABI_EINVAL;
    if ((idtype == ABI_P_PID && (int32_t)id <= 0) || (idtype == ABI_P_PGID && (int32_t)id < 0))
        return -ABI_EINVAL;
    if (idtype == ABI_P_PGID && !id)
        id = group_of(0);
    long found = process_wait((int)idtype, (int32_t)id, (int)options, &result);
    if (found < 0)
        return found;
    if (found) {
        info = (struct abi_siginfo){.si_signo = ABI_SIGCHLD, .si_code = result.code};
        info.chld.si_pid = result.pid;
        info.chld.si_uid = result.uid;
        info.chld.si_status = result.status;
        if (wait_put_usage(usage, &result.usage))
            return -ABI_EFAULT;
    }
    return user_info ? put_user(user_info, &info, sizeof info) : 0;
}

/* ---- Numbers ---- */

long sys_getpid(void)
{
    return current_process()->pid;
}

long sys_gettid(void)
{
    return current_thread()->tid;
}

long sys_getppid(void)
{
    spin_lock(&tree_lock);
    const struct process *parent = current_process()->parent;
    int32_t pid = parent ? parent->pid : 0;
    spin_unlock(&tree_lock);
    return pid;
}

long sys_getpgid(long pid)
{
    return group_of((int32_t)pid);
}

long sys_getpgrp(void)
{
    return group_of(0);
}

long sys_getsid(long pid)
{
    return session_of((int32_t)pid);
}

long sys_setpgid(long pid, long pgid)
{
    return group_set((int32_t)pid, (int32_t)pgid);
}

long sys_setsid(void)
{
    return session_create();
}

/* ---- Thread state ---- */

static struct thread *thread_or_self(long tid)
{
    if (tid && tid != current_thread()->tid)
        return thread_find((int32_t)tid);
    thread_ref(current_thread());
    return current_thread();
}

long sys_set_tid_address(long address)
{
    current_thread()->clear_child_tid = (uint64_t)address;
    return current_thread()->tid;
}

long sys_set_robust_list(long head, long size)
{
    if (size != 24)
        return -ABI_EINVAL;
    current_thread()->robust_list = (uint64_t)head;
    current_thread()->robust_list_size = (uint64_t)size;
    return 0;
}

long sys_get_robust_list(long pid, long head, long size)
{
    struct thread *thread = thread_or_self(pid);
    if (!thread)
        return -ABI_ESRCH;
    uint64_t length = 24, list = thread->robust_list;
    bool readable = process_inspectable(thread->process, true);
    thread_unref(thread);
    if (!readable)
        return -ABI_EPERM;
    return put_user(size, &length, sizeof length) || put_user(head, &list, sizeof list)
               ? -ABI_EFAULT
               : 0;
}

long sys_futex(long address, long operation, long value, long timeout, long address2, long value3)
{
    return futex_call((uint64_t)address, (int)operation, (uint32_t)value, (uint64_t)timeout,
                      (uint64_t)address2, (uint32_t)value3);
}

long sys_arch_prctl(long code, long address)
{
    struct thread *self = current_thread();
    segments_save(self);
    switch (code) {
    case ABI_ARCH_SET_FS:
    case ABI_ARCH_SET_GS:
        if ((uint64_t)address >= USER_END)
            return -ABI_EPERM;
        preempt_disable();
        *(code == ABI_ARCH_SET_FS ? &self->fs_base : &self->gs_base) = (uint64_t)address;
        segments_load(self);
        preempt_enable();
        return 0;
    case ABI_ARCH_GET_FS:
        return put_user(address, &self->fs_base, sizeof self->fs_base);
    case ABI_ARCH_GET_GS:
        return put_user(address, &self->gs_base, sizeof self->gs_base);
    default:
        return -ABI_EINVAL;
    }
}

static long prctl_set_name(long user)
{
    char name[THREAD_NAME_SIZE] = {0};
    long length = string_from_user(name, (const char *)user, sizeof name - 1);
    if (length == -ABI_EFAULT)
        return length;
    name[sizeof name - 1] = 0;
    for (size_t i = 0; i < sizeof name; i++)
        current_thread()->name[i] = name[i];
    return 0;
}

long sys_prctl(long option, long a, long b, long c, long d)
{
    struct process *process = current_process();
    switch (option) {
    case ABI_PR_SET_NAME:
        return prctl_set_name(a);
    case ABI_PR_GET_NAME:
        return put_user(a, current_thread()->name, THREAD_NAME_SIZE);
    case ABI_PR_SET_PDEATHSIG:
        if (a < 0 || a > ABI_NSIG)
            return -ABI_EINVAL;
        process->parent_death_signal = (int)a;
        return 0;
    case ABI_PR_GET_PDEATHSIG:
        return put_user(a, &process->parent_death_signal, sizeof process->parent_death_signal);
    case ABI_PR_GET_DUMPABLE:
        return process->dumpable;
    case ABI_PR_SET_DUMPABLE:
        if (a != 0 && a != 1)
            return -ABI_EINVAL;
        process->dumpable = a;
        return 0;
    default:
        return prctl_capabilities(option, a, b, c, d);
    }
}

long sys_personality(long persona)
{
    struct process *process = current_process();
    uint32_t old = process->personality;
    if ((uint32_t)persona != UINT32_MAX)
        process->personality = (uint32_t)persona;
    return old;
}

/* ---- Scheduling ---- */

long sys_sched_yield(void)
{
    thread_yield();
    return 0;
}

static bool thread_mine(struct thread *thread)
{
    uint32_t euid = cred_current()->euid;
    struct cred *theirs = process_cred_get(thread->process);
    bool mine = process_capable(CAPABILITY_SYS_NICE) || euid == theirs->uid || euid == theirs->euid;
    cred_unref(theirs);
    return mine;
}

long sys_sched_getaffinity(long tid, long size, long user)
{
    if (size < 8 || size & 7)
        return -ABI_EINVAL;
    struct thread *thread = thread_or_self(tid);
    if (!thread)
        return -ABI_ESRCH;
    uint64_t mask = thread->affinity & (cpu_count == 64 ? ~0ull : (1ull << cpu_count) - 1);
    thread_unref(thread);
    return put_user(user, &mask, sizeof mask) ? -ABI_EFAULT : (long)sizeof mask;
}

long sys_sched_setaffinity(long tid, long size, long user)
{
    uint64_t mask = 0;
    if (size < 0 || get_user(&mask, user, (size_t)size < sizeof mask ? (size_t)size : sizeof mask))
        return -ABI_EFAULT;
    mask &= cpu_count == 64 ? ~0ull : (1ull << cpu_count) - 1;
    struct thread *thread = thread_or_self(tid);
    if (!thread)
        return -ABI_ESRCH;
    long error = !thread_mine(thread) ? -ABI_EPERM : mask ? 0 : -ABI_EINVAL;
    if (!error)
        thread_set_affinity(thread, mask);
    thread_unref(thread);
    return error;
}

long sys_getpriority(long which, long who)
{
    if (which != ABI_PRIO_PROCESS)
        return which == ABI_PRIO_PGRP || which == ABI_PRIO_USER ? 20 - current_thread()->nice
                                                                : -ABI_EINVAL;
    struct thread *thread = thread_or_self(who);
    if (!thread)
        return -ABI_ESRCH;
    int nice = thread->nice;
    thread_unref(thread);
    return 20 - nice; /* so that no value is negative; the libc turns it round */
}

static long nice_allowed(struct thread *thread, int nice)
{
    if (!thread_mine(thread))
        return -ABI_EPERM;
    return nice < thread->nice && !process_capable(CAPABILITY_SYS_NICE) ? -ABI_EACCES : 0;
}

struct nice_change {
    int32_t pgid; /* or 0 */
    uint32_t uid;
    int nice;
    long result;
};

static bool nice_change_one(void *arg, struct process *process)
{
    struct nice_change *change = arg;
    bool wanted =
        change->pgid ? group_of(process->pid) == change->pgid : process_uid(process) == change->uid;
    struct thread *thread = wanted ? thread_find(process->pid) : NULL;
    if (!thread)
        return true;
    long error = nice_allowed(thread, change->nice);
    if (!error)
        thread_set_nice(thread, change->nice);
    if (change->result == -ABI_ESRCH || !error)
        change->result = error;
    thread_unref(thread);
    return true;
}

long sys_setpriority(long which, long who, long value)
{
    int nice = (int)(value < -20 ? -20 : value > 19 ? 19 : value);
    if (which == ABI_PRIO_PGRP || which == ABI_PRIO_USER) {
        struct nice_change change = {.nice = nice, .result = -ABI_ESRCH};
        if (which == ABI_PRIO_PGRP)
            change.pgid = who ? (int32_t)who : group_of(0);
        else
            change.uid = who ? (uint32_t)who : cred_current()->uid;
        process_each(nice_change_one, &change);
        return change.result;
    }
    if (which != ABI_PRIO_PROCESS)
        return -ABI_EINVAL;
    struct thread *thread = thread_or_self(who);
    if (!thread)
        return -ABI_ESRCH;
    long error = nice_allowed(thread, nice);
    if (!error)
        thread_set_nice(thread, nice);
    thread_unref(thread);
    return error;
}
