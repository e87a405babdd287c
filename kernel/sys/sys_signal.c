/* Signals: actions, masks, sending, waiting. */
#include "kernel/sys/sys.h"
#include "kernel/task/signal_private.h"

static bool signal_valid(long signal)
{
    return signal >= 1 && signal <= ABI_NSIG;
}

/* A new action that ignores the signal throws away what is pending (POSIX 2.4.3). */
static void action_install(int signal, const struct abi_sigaction *fresh, struct abi_sigaction *old)
{
    struct signal_actions *actions = current_process()->actions;
    spin_lock(&actions->lock);
    *old = actions->action[signal - 1];
    if (fresh) {
        actions->action[signal - 1] = *fresh;
        actions->action[signal - 1].mask &= ~SIGNALS_UNBLOCKABLE;
    }
    spin_unlock(&actions->lock);
    if (fresh && signal_ignored(current_process(), signal))
        signal_discard_pending(signal);
}

long sys_rt_sigaction(long signal, long user_new, long user_old, long size)
{
    struct abi_sigaction fresh, old;
    if (size != sizeof(abi_sigset_t) || !signal_valid(signal))
        return -ABI_EINVAL;
    if (user_new) {
        if (signal == ABI_SIGKILL || signal == ABI_SIGSTOP)
            return -ABI_EINVAL;
        if (get_user(&fresh, user_new, sizeof fresh))
            return -ABI_EFAULT;
    }
    action_install((int)signal, user_new ? &fresh : NULL, &old);
    return user_old ? put_user(user_old, &old, sizeof old) : 0;
}

long sys_rt_sigprocmask(long how, long user_new, long user_old, long size)
{
    abi_sigset_t old = current_thread()->signal_mask, set, mask = old;
    if (size != sizeof old)
        return -ABI_EINVAL;
    if (user_new) {
        if (get_user(&set, user_new, sizeof set))
            return -ABI_EFAULT;
        if (how != ABI_SIG_BLOCK && how != ABI_SIG_UNBLOCK && how != ABI_SIG_SETMASK)
            return -ABI_EINVAL;
        mask = how == ABI_SIG_BLOCK ? old | set : how == ABI_SIG_UNBLOCK ? old & ~set : set;
        signal_set_mask(mask);
    }
    return user_old ? put_user(user_old, &old, sizeof old) : 0;
}

long sys_rt_sigpending(long user, long size)
{
    abi_sigset_t set = signal_pending_set() & current_thread()->signal_mask;
    if ((size_t)size > sizeof set)
        return -ABI_EINVAL;
    return put_user(user, &set, (size_t)size);
}

long sys_rt_sigreturn(void)
{
    return signal_return(current_thread()->frame);
}

static long signal_pause(void)
{
    while (!signal_pending()) {
        thread_sleep_prepare(SLEEP_INTERRUPTIBLE);
        thread_sleep(ENV_FOREVER);
        thread_sleep_finish();
    }
    return -ERESTARTNOHAND;
}

long sys_rt_sigsuspend(long user, long size)
{
    abi_sigset_t mask;
    if (size != sizeof mask)
        return -ABI_EINVAL;
    if (get_user(&mask, user, sizeof mask))
        return -ABI_EFAULT;
    signal_set_temporary_mask(mask);
    return signal_pause();
}

long sys_pause(void)
{
    return signal_pause();
}

long sys_sigaltstack(long user_new, long user_old)
{
    struct thread *self = current_thread();
    uint64_t sp = self->frame->rsp;
    bool on_it = sp - self->signal_stack.base < self->signal_stack.size && self->signal_stack.size;
    struct abi_stack fresh,
        old = {.ss_sp = self->signal_stack.base, .ss_size = self->signal_stack.size};
    old.ss_flags = self->signal_stack.size ? self->signal_stack.flags | (on_it ? ABI_SS_ONSTACK : 0)
                                           : ABI_SS_DISABLE;
    if (user_new) {
        if (get_user(&fresh, user_new, sizeof fresh))
            return -ABI_EFAULT;
        if (on_it)
            return -ABI_EPERM;
        int mode = fresh.ss_flags & ~(int)ABI_SS_AUTODISARM;
        if (mode != 0 && mode != ABI_SS_DISABLE && mode != ABI_SS_ONSTACK)
            return -ABI_EINVAL;
        if (mode == ABI_SS_DISABLE)
            fresh.ss_sp = fresh.ss_size = 0;
        else if (fresh.ss_size < ABI_MINSIGSTKSZ)
            return -ABI_ENOMEM;
        self->signal_stack.base = fresh.ss_sp;
        self->signal_stack.size = fresh.ss_size;
        self->signal_stack.flags = fresh.ss_flags & ~ABI_SS_ONSTACK;
    }
    return user_old ? put_user(user_old, &old, sizeof old) : 0;
}

/* ---- Sending ---- */

long sys_kill(long pid, long signal)
{
    struct abi_siginfo info;
    if (signal < 0 || signal > ABI_NSIG)
        return -ABI_EINVAL;
    signal_info_user(&info, (int)signal);
    return signal_kill((int32_t)pid, &info);
}

/* A process that waits to be waited for has no thread any more, and takes signals that do nothing.
 */
static long dead_kill(long tgid, long tid, int signal)
{
    struct process *process = process_find((int32_t)tid);
    if (!process)
        return -ABI_ESRCH;
    long error = 0;
    if (tgid > 0 && tgid != tid)
        error = -ABI_ESRCH;
    else if (!signal_permitted(process, signal))
        error = -ABI_EPERM;
    process_unref(process);
    return error;
}

static long thread_kill(long tgid, long tid, const struct abi_siginfo *info)
{
    struct thread *thread = thread_find((int32_t)tid);
    if (!thread)
        return dead_kill(tgid, tid, info->si_signo);
    long error = 0;
    if (tgid > 0 && thread->process->pid != (int32_t)tgid)
        error = -ABI_ESRCH;
    else if (!signal_permitted(thread->process, info->si_signo))
        error = -ABI_EPERM;
    else if (info->si_signo)
        error = signal_send_thread(thread, info);
    thread_unref(thread);
    return error;
}

long sys_tgkill(long tgid, long tid, long signal)
{
    struct abi_siginfo info;
    if (signal < 0 || signal > ABI_NSIG || (int32_t)tgid <= 0 || (int32_t)tid <= 0)
        return -ABI_EINVAL;
    signal_info_user(&info, (int)signal);
    info.si_code = ABI_SI_TKILL;
    return thread_kill((int32_t)tgid, tid, &info);
}

long sys_tkill(long tid, long signal)
{
    struct abi_siginfo info;
    if (signal < 0 || signal > ABI_NSIG || (int32_t)tid <= 0)
        return -ABI_EINVAL;
    signal_info_user(&info, (int)signal);
    info.si_code = ABI_SI_TKILL;
    return thread_kill(0, tid, &info);
}

/* Only the kernel and kill(2) may use the codes >= 0 and SI_TKILL, except to oneself. */
static long queue_info(struct abi_siginfo *info, long signal, long user, int32_t target)
{
    if (signal < 0 || signal > ABI_NSIG)
        return -ABI_EINVAL;
    if (get_user(info, user, sizeof *info))
        return -ABI_EFAULT;
    if ((info->si_code >= 0 || info->si_code == ABI_SI_TKILL) && target != current_process()->pid)
        return -ABI_EPERM;
    info->si_signo = (int32_t)signal;
    return 0;
}

long sys_rt_sigqueueinfo(long pid, long signal, long user)
{
    struct abi_siginfo info;
    long error = queue_info(&info, signal, user, (int32_t)pid);
    if (error)
        return error;
    return (int32_t)pid > 0 ? signal_kill((int32_t)pid, &info) : -ABI_ESRCH;
}

long sys_rt_tgsigqueueinfo(long tgid, long tid, long signal, long user)
{
    struct abi_siginfo info;
    if ((int32_t)tgid <= 0 || (int32_t)tid <= 0)
        return -ABI_EINVAL;
    long error = queue_info(&info, signal, user, (int32_t)tgid);
    return error ? error : thread_kill(tgid, tid, &info);
}

/* ---- Waiting ---- */

/* The signals waited for are unblocked while waiting, so that their arrival ends the sleep;
 * whichever comes is taken without its handler. */
static int signal_wait(abi_sigset_t set, uint64_t deadline, struct abi_siginfo *info, int *slept)
{
    struct thread *self = current_thread();
    abi_sigset_t mask = self->signal_mask;
    int signal = signal_take(set, info);
    *slept = 0;
    signal_await(set);
    while (!signal && !*slept) {
        signal_set_mask(mask & ~set);
        thread_sleep_prepare(SLEEP_INTERRUPTIBLE);
        *slept = thread_sleep(deadline);
        thread_sleep_finish();
        signal_set_mask(mask);
        signal = signal_take(set, info);
    }
    signal_await(0);
    return signal;
}

long sys_rt_sigtimedwait(long user_set, long user_info, long timeout, long size)
{
    abi_sigset_t set;
    struct abi_siginfo info;
    uint64_t deadline;
    int slept;
    if (size != sizeof set)
        return -ABI_EINVAL;
    if (get_user(&set, user_set, sizeof set))
        return -ABI_EFAULT;
    long error = deadline_from_timespec(timeout, &deadline);
    if (error)
        return error;
    int signal = signal_wait(set & ~SIGNALS_UNBLOCKABLE, deadline, &info, &slept);
    signal_recalculate();
    if (!signal)
        return slept == -ABI_ETIMEDOUT ? -ABI_EAGAIN : -ABI_EINTR;
    if (user_info && put_user(user_info, &info, sizeof info))
        return -ABI_EFAULT;
    return signal;
}
