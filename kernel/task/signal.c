/*
 * Signals: sending, queueing, masks, stop and continue. Delivery to user mode is in deliver.c.
 *
 * Pending sets are kept twice: a bit mask to test, and a list of information records in order. An
 * ordinary signal that is pending already isn't queued again; a real-time signal is, up to
 * RLIMIT_SIGPENDING records a queue. Without a record the bit alone is set, or, for real-time
 * signals that carry information, the sender is told EAGAIN.
 *
 * Locks: tree_lock -> process->signal_lock -> actions->lock -> run_queue.lock. signal_lock guards
 * both kinds of pending sets and thread->signal_mask against readers of other threads.
 */
#include "kernel/task/signal.h"
#include <sluice/string.h>
#include "kernel/abi/errno.h"
#include "kernel/abi/wait.h"
#include "kernel/log.h"
#include "kernel/mem/heap.h"
#include "kernel/task/capability.h"
#include "kernel/task/lifecycle.h"
#include "kernel/task/posix_timer.h"
#include "kernel/task/signal_private.h"
#include "kernel/task/signalfd.h"

struct signal_record {
    struct list link;
    struct abi_siginfo info;
};

/* ---- Actions ---- */

struct signal_actions *signal_actions_create(void)
{
    struct signal_actions *actions = heap_alloc(sizeof *actions, HEAP_ZERO);
    if (actions)
        atomic_init(&actions->references, 1);
    return actions;
}

struct signal_actions *signal_actions_copy(struct signal_actions *from)
{
    struct signal_actions *actions = signal_actions_create();
    if (!actions)
        return NULL;
    spin_lock(&from->lock);
    memcpy(actions->action, from->action, sizeof actions->action);
    spin_unlock(&from->lock);
    return actions;
}

void signal_actions_keep_ignored(struct signal_actions *fresh, struct signal_actions *from)
{
    spin_lock(&from->lock);
    for (int i = 0; i < ABI_NSIG; i++)
        if (from->action[i].handler == ABI_SIG_IGN)
            fresh->action[i].handler = ABI_SIG_IGN;
    spin_unlock(&from->lock);
}

void signal_actions_unref(struct signal_actions *actions)
{
    if (actions && atomic_fetch_sub(&actions->references, 1) == 1)
        heap_free(actions);
}

enum signal_default signal_default_of(int signal)
{
    switch (signal) {
    case ABI_SIGCHLD:
    case ABI_SIGURG:
    case ABI_SIGWINCH:
        return SIGNAL_IGNORE;
    case ABI_SIGCONT:
        return SIGNAL_CONTINUE;
    case ABI_SIGSTOP:
    case ABI_SIGTSTP:
    case ABI_SIGTTIN:
    case ABI_SIGTTOU:
        return SIGNAL_STOP;
    case ABI_SIGQUIT:
    case ABI_SIGILL:
    case ABI_SIGTRAP:
    case ABI_SIGABRT:
    case ABI_SIGBUS:
    case ABI_SIGFPE:
    case ABI_SIGSEGV:
    case ABI_SIGXCPU:
    case ABI_SIGXFSZ:
    case ABI_SIGSYS:
        return SIGNAL_CORE;
    default:
        return SIGNAL_TERMINATE;
    }
}

static struct abi_sigaction signal_action(struct process *process, int signal)
{
    spin_lock(&process->actions->lock);
    struct abi_sigaction action = process->actions->action[signal - 1];
    spin_unlock(&process->actions->lock);
    return action;
}

bool signal_ignored(struct process *process, int signal)
{
    uint64_t handler = signal_action(process, signal).handler;
    if (handler == ABI_SIG_DFL) {
        /* Init takes only what it has handlers for: a stray signal must not power the machine off.
         */
        if (process->pid == 1 && signal_default_of(signal) != SIGNAL_IGNORE)
            return true;
        return signal_default_of(signal) == SIGNAL_IGNORE;
    }
    return handler == ABI_SIG_IGN;
}

/* ---- Queues; signal_lock held ---- */

static bool signal_needs_record(const struct abi_siginfo *info)
{
    return info->si_signo >= ABI_SIGRTMIN && info->si_code != ABI_SI_USER &&
           info->si_code != ABI_SI_KERNEL;
}

/* A timer's signal that is pending stands for all its expirations. */
static bool signal_timer_merge(struct signal_queue *queue, const struct abi_siginfo *info)
{
    list_for_each (link, &queue->infos) {
        struct abi_siginfo *old = &container_of(link, struct signal_record, link)->info;
        if (old->si_signo != info->si_signo || old->si_code != ABI_SI_TIMER ||
            old->timer.si_timerid != info->timer.si_timerid)
            continue;
        if (__builtin_add_overflow(old->timer.si_overrun, info->timer.si_overrun + 1l,
                                   &old->timer.si_overrun))
            old->timer.si_overrun = INT32_MAX;
        return true;
    }
    return false;
}

static long signal_enqueue(struct process *process, struct signal_queue *queue,
                           const struct abi_siginfo *info)
{
    int signal = info->si_signo;
    if (info->si_code == ABI_SI_TIMER && signal_timer_merge(queue, info))
        return 0;
    if (signal < ABI_SIGRTMIN && queue->pending & SIGNAL_BIT(signal))
        return 0;
    /* Ordinary ones are few, and always wanted with their information. */
    bool room =
        signal < ABI_SIGRTMIN || queue->count < process->limits[ABI_RLIMIT_SIGPENDING].rlim_cur;
    struct signal_record *record = room ? heap_alloc(sizeof *record, 0) : NULL;
    if (!record && signal_needs_record(info))
        return -ABI_EAGAIN;
    if (record) {
        record->info = *info;
        list_push_back(&queue->infos, &record->link);
        queue->count++;
    }
    queue->pending |= SIGNAL_BIT(signal);
    return 0;
}

static void signal_record_drop(struct signal_queue *queue, struct signal_record *record)
{
    list_remove(&record->link);
    queue->count--;
    heap_free(record);
}

static struct signal_record *signal_record_of(struct signal_queue *queue, int signal)
{
    list_for_each (link, &queue->infos) {
        struct signal_record *record = container_of(link, struct signal_record, link);
        if (record->info.si_signo == signal)
            return record;
    }
    return NULL;
}

/* Takes SIGNAL, which is pending. Without a record (there was no memory) the information is the
 * least there is. */
static void signal_dequeue(struct signal_queue *queue, int signal, struct abi_siginfo *out)
{
    struct signal_record *record = signal_record_of(queue, signal);
    if (record) {
        *out = record->info;
        signal_record_drop(queue, record);
    } else {
        signal_info_kernel(out, signal);
        out->si_code = ABI_SI_USER;
    }
    if (!signal_record_of(queue, signal))
        queue->pending &= ~SIGNAL_BIT(signal);
}

static void signal_discard(struct signal_queue *queue, abi_sigset_t set)
{
    list_for_each_safe (link, &queue->infos) {
        struct signal_record *record = container_of(link, struct signal_record, link);
        if (SIGNAL_BIT(record->info.si_signo) & set)
            signal_record_drop(queue, record);
    }
    queue->pending &= ~set;
}

void signal_queue_clear(struct signal_queue *queue)
{
    signal_discard(queue, ~0ull);
}

static void process_discard_signals(struct process *process, abi_sigset_t set)
{
    signal_discard(&process->signals, set);
    list_for_each (link, &process->threads)
        signal_discard(&container_of(link, struct thread, process_link)->signals, set);
}

/* Faults and kills first, then by number, as POSIX asks of real-time signals and Linux does of all.
 */
static int signal_first(abi_sigset_t set)
{
    const abi_sigset_t first = SIGNAL_BIT(ABI_SIGSEGV) | SIGNAL_BIT(ABI_SIGBUS) |
                               SIGNAL_BIT(ABI_SIGILL) | SIGNAL_BIT(ABI_SIGTRAP) |
                               SIGNAL_BIT(ABI_SIGFPE) | SIGNAL_BIT(ABI_SIGSYS) |
                               SIGNAL_BIT(ABI_SIGKILL);
    if (set & first)
        set &= first;
    return set ? __builtin_ctzll(set) + 1 : 0;
}

int signal_take(abi_sigset_t set, struct abi_siginfo *out)
{
    struct thread *self = current_thread();
    struct process *process = self->process;
    spin_lock(&process->signal_lock);
    int signal = signal_first(self->signals.pending & set);
    if (signal) {
        signal_dequeue(&self->signals, signal, out);
    } else if ((signal = signal_first(process->signals.pending & set))) {
        signal_dequeue(&process->signals, signal, out);
    }
    if (signal && signal_default_of(signal) == SIGNAL_STOP)
        process->stop_taken = true;
    spin_unlock(&process->signal_lock);
    if (signal && out->si_code == ABI_SI_TIMER)
        posix_timer_taken(out);
    return signal;
}

abi_sigset_t signal_pending_set(void)
{
    struct thread *self = current_thread();
    return (self->signals.pending | self->process->signals.pending);
}

/* ---- Masks ---- */

/* Whether a signal that isn't blocked is pending; signal_lock held. */
static bool thread_has_signal(const struct thread *thread)
{
    return (thread->signals.pending | thread->process->signals.pending) & ~thread->signal_mask;
}

void signal_recalculate(void)
{
    struct thread *self = current_thread();
    spin_lock(&self->process->signal_lock);
    if (thread_has_signal(self))
        atomic_fetch_or(&self->work, WORK_SIGNAL);
    else
        atomic_fetch_and(&self->work, ~WORK_SIGNAL);
    spin_unlock(&self->process->signal_lock);
}

/* A signal for the whole process that the current thread blocks from now on, or is ending without
 * taking, must find another taker. signal_lock held. */
void signal_retarget(struct process *process)
{
    list_for_each (link, &process->threads) {
        struct thread *thread = container_of(link, struct thread, process_link);
        if (thread_has_signal(thread)) {
            atomic_fetch_or(&thread->work, WORK_SIGNAL);
            thread_interrupt(thread, false);
        }
    }
}

void signal_set_mask(abi_sigset_t mask)
{
    struct thread *self = current_thread();
    struct process *process = self->process;
    spin_lock(&process->signal_lock);
    abi_sigset_t newly_blocked = mask & ~self->signal_mask;
    self->signal_mask = mask & ~SIGNALS_UNBLOCKABLE;
    if (newly_blocked & process->signals.pending && process->thread_count > 1)
        signal_retarget(process);
    spin_unlock(&process->signal_lock);
    signal_recalculate();
}

void signal_await(abi_sigset_t set)
{
    struct thread *self = current_thread();
    spin_lock(&self->process->signal_lock);
    self->signals_awaited = set;
    spin_unlock(&self->process->signal_lock);
}

void signal_set_temporary_mask(abi_sigset_t mask)
{
    struct thread *self = current_thread();
    self->saved_mask = self->signal_mask;
    atomic_fetch_or(&self->work, WORK_RESTORE_MASK);
    signal_set_mask(mask);
}

void signal_end_temporary_mask(void)
{
    struct thread *self = current_thread();
    if (atomic_fetch_and(&self->work, ~WORK_RESTORE_MASK) & WORK_RESTORE_MASK)
        signal_set_mask(self->saved_mask);
}

bool signal_pending(void)
{
    return atomic_load(&current_thread()->work) & (WORK_SIGNAL | WORK_STOP | WORK_EXIT);
}

/* ---- Stop and continue; signal_lock held ---- */

static void process_continue(struct process *process)
{
    const abi_sigset_t stops = SIGNAL_BIT(ABI_SIGSTOP) | SIGNAL_BIT(ABI_SIGTSTP) |
                               SIGNAL_BIT(ABI_SIGTTIN) | SIGNAL_BIT(ABI_SIGTTOU);
    process_discard_signals(process, stops);
    process->stop_taken = false;
    if (!process->stopped)
        return;
    process->stopped = false;
    process->continued = true;
    process_tell_parent_later(process);
    list_for_each (link, &process->threads) {
        struct thread *thread = container_of(link, struct thread, process_link);
        atomic_fetch_and(&thread->work, ~WORK_STOP);
        thread_wake(thread);
    }
}

/* A SIGCONT that comes after the stop signal was taken and before this cancels the stop. */
void process_stop(struct process *process, int signal)
{
    spin_lock(&process->signal_lock);
    bool stops = process->stop_taken && !process->stopped && !process->exiting;
    if (stops) {
        process->stopped = true;
        process->stop_reported = false;
        process->continued = false;
        process->stop_signal = signal;
        list_for_each (link, &process->threads) {
            struct thread *thread = container_of(link, struct thread, process_link);
            atomic_fetch_or(&thread->work, WORK_STOP);
            if (thread != current_thread())
                thread_interrupt(thread, false);
        }
    }
    spin_unlock(&process->signal_lock);
    if (!stops)
        return;
    spin_lock(&tree_lock);
    process_tell_parent(process, ABI_CLD_STOPPED, signal);
    spin_unlock(&tree_lock);
}

/* ---- Sending ---- */

/* Picks a thread for a signal of the whole process: the current one, else the first that doesn't
 * block it. signal_lock held. */
static struct thread *signal_taker(struct process *process, int signal)
{
    struct thread *self = current_thread();
    if (self->process == process && !(self->signal_mask & SIGNAL_BIT(signal)))
        return self;
    list_for_each (link, &process->threads) {
        struct thread *thread = container_of(link, struct thread, process_link);
        if (!(thread->signal_mask & SIGNAL_BIT(signal)))
            return thread;
    }
    return NULL;
}

static void thread_notify_signal(struct thread *thread, int signal)
{
    atomic_fetch_or(&thread->work, WORK_SIGNAL);
    thread_interrupt(thread, signal == ABI_SIGKILL);
}

/* What sending does besides queueing: SIGCONT continues, stops cancel a pending SIGCONT. */
static void signal_send_effects(struct process *process, int signal)
{
    if (signal == ABI_SIGCONT)
        process_continue(process);
    else if (signal == ABI_SIGKILL && process->stopped)
        process_continue(process);
    else if (signal_default_of(signal) == SIGNAL_STOP)
        process_discard_signals(process, SIGNAL_BIT(ABI_SIGCONT));
}

/* Whether the signal that nobody blocks may be dropped at once: nobody wants to know of it. */
static bool signal_unwanted(struct process *process, const struct thread *target, int signal)
{
    if (!signal_ignored(process, signal))
        return false;
    list_for_each (link, &process->threads) {
        const struct thread *thread = container_of(link, struct thread, process_link);
        if ((!target || thread == target) && thread->signals_awaited & SIGNAL_BIT(signal))
            return false;
    }
    return true;
}

/* SIGKILL needs no taker: the process begins to end at once, also a stopped one. */
static long signal_send_locked(struct process *process, struct thread *target,
                               const struct abi_siginfo *info)
{
    int signal = info->si_signo;
    signal_send_effects(process, signal);
    if (signal == ABI_SIGKILL && process->pid != 1) {
        process_begin_exit(process, ABI_W_SIGNALED(ABI_SIGKILL));
        return 0;
    }
    bool blocked =
        target ? target->signal_mask & SIGNAL_BIT(signal) : !signal_taker(process, signal);
    if (!blocked && signal_unwanted(process, target, signal))
        return 0;
    long error = signal_enqueue(process, target ? &target->signals : &process->signals, info);
    struct thread *taker = target ? (blocked ? NULL : target) : signal_taker(process, signal);
    if (taker)
        thread_notify_signal(taker, signal);
    wait_wake_all(&process->signal_wait);
    return error;
}

static long signal_send(struct process *process, struct thread *target,
                        const struct abi_siginfo *info)
{
    long error = 0;
    spin_lock(&process->signal_lock);
    /* A thread that has left its process is on no list; what it had pending was thrown away. */
    bool gone = target && list_empty(&target->process_link);
    if (process->thread_count && !process->exiting && !gone)
        error = signal_send_locked(process, target, info);
    spin_unlock(&process->signal_lock);
    signalfd_tell(info->si_signo);
    return error;
}

long signal_send_process(struct process *process, const struct abi_siginfo *info)
{
    return signal_send(process, NULL, info);
}

long signal_send_thread(struct thread *thread, const struct abi_siginfo *info)
{
    return thread->process ? signal_send(thread->process, thread, info) : 0;
}

void signal_force(int signal, int code, uint64_t address)
{
    struct thread *self = current_thread();
    struct process *process = self->process;
    struct abi_siginfo info = {.si_signo = signal, .si_code = code};
    info.fault.si_addr = address;
    spin_lock(&process->signal_lock);
    spin_lock(&process->actions->lock);
    struct abi_sigaction *action = &process->actions->action[signal - 1];
    /* A fault can't be put off: the program would run into it again at once. */
    if (self->signal_mask & SIGNAL_BIT(signal) || action->handler == ABI_SIG_IGN)
        action->handler = ABI_SIG_DFL;
    self->signal_mask &= ~SIGNAL_BIT(signal);
    spin_unlock(&process->actions->lock);
    signal_enqueue(process, &self->signals, &info);
    atomic_fetch_or(&self->work, WORK_SIGNAL);
    spin_unlock(&process->signal_lock);
}

void signal_info_kernel(struct abi_siginfo *info, int signal)
{
    *info = (struct abi_siginfo){.si_signo = signal, .si_code = ABI_SI_KERNEL};
}

void signal_info_user(struct abi_siginfo *info, int signal)
{
    *info = (struct abi_siginfo){.si_signo = signal, .si_code = ABI_SI_USER};
    info->rt.si_pid = current_process()->pid;
    info->rt.si_uid = cred_current()->uid;
}

/* ---- kill ---- */

/* By whom it is and whom it is for. */
static bool signal_related(struct process *target)
{
    const struct cred *mine = cred_current();
    struct cred *theirs = process_cred_get(target);
    bool permitted = process_capable(CAPABILITY_KILL) || mine->euid == theirs->suid ||
                     mine->euid == theirs->uid || mine->uid == theirs->suid ||
                     mine->uid == theirs->uid;
    cred_unref(theirs);
    return permitted;
}

bool signal_permitted(struct process *target, int signal)
{
    return signal_related(target) ||
           (signal == ABI_SIGCONT && session_of(target->pid) == session_of(0));
}

/* Signal 0 only asks. */
static long signal_send_checked(struct process *target, const struct abi_siginfo *info,
                                bool permission)
{
    if (permission && !signal_permitted(target, info->si_signo))
        return -ABI_EPERM;
    return info->si_signo ? signal_send_process(target, info) : 0;
}

struct kill_sweep {
    const struct abi_siginfo *info;
    long result;
};

/* Everybody but init and the caller. Among them there are always some that refuse: that counts for
 * nothing, as on Linux. */
static bool kill_sweep_one(void *arg, struct process *process)
{
    struct kill_sweep *sweep = arg;
    if (atomic_load(&process->state) != PROCESS_DEAD && process->pid != 1 &&
        process != current_process()) {
        signal_send_checked(process, sweep->info, true);
        sweep->result = 0;
    }
    return true;
}

/* With tree_lock held, under which MEMBER stays in the group. */
static long signal_send_member(struct process *member, const struct abi_siginfo *info,
                               bool permission)
{
    if (permission && !signal_related(member) &&
        !(info->si_signo == ABI_SIGCONT &&
          member->group->session == current_process()->group->session))
        return -ABI_EPERM;
    return info->si_signo ? signal_send_process(member, info) : 0;
}

/*
 * To all members under tree_lock; from interrupts (the keyboard), too. A fork joins the group under
 * that lock and not with a signal to take, so no child slips through. One success is success;
 * otherwise the last refusal.
 */
long signal_send_group(int32_t pgid, const struct abi_siginfo *info, bool permission)
{
    long result = -ABI_ESRCH;
    spin_lock(&tree_lock);
    struct process_group *group = pid_lookup(pgid, PID_GROUP, NULL);
    if (group)
        list_for_each (link, &group->members) {
            long error = signal_send_member(container_of(link, struct process, group_link), info,
                                            permission);
            if (!error || result)
                result = error;
        }
    spin_unlock(&tree_lock);
    return result;
}

long signal_kill(int32_t pid, const struct abi_siginfo *info)
{
    if (pid == 0)
        return signal_send_group(group_of(0), info, true);
    if (pid < -1)
        return pid == INT32_MIN ? -ABI_ESRCH : signal_send_group(-pid, info, true);
    if (pid == -1) {
        struct kill_sweep sweep = {.info = info, .result = -ABI_ESRCH};
        process_each(kill_sweep_one, &sweep);
        return sweep.result;
    }
    struct process *target = process_find(pid);
    if (!target)
        return -ABI_ESRCH;
    long error = signal_send_checked(target, info, true);
    process_unref(target);
    return error;
}

void signal_discard_pending(int signal)
{
    struct process *process = current_process();
    spin_lock(&process->signal_lock);
    process_discard_signals(process, SIGNAL_BIT(signal));
    spin_unlock(&process->signal_lock);
    signal_recalculate();
}
