/*
 * The end of threads and processes, and waiting for it.
 *
 * The last thread of a process takes the process down: memory, descriptors and the rest go at once;
 * the record stays as a zombie until the parent has waited, or goes too when the parent doesn't
 * want to know.
 */
#include <sluice/string.h>
#include "kernel/abi/errno.h"
#include "kernel/abi/timens.h"
#include "kernel/abi/wait.h"
#include "kernel/log.h"
#include "kernel/mem/space.h"
#include "kernel/mem/usercopy.h"
#include "kernel/diskfs.h"
#include "kernel/power.h"
#include "kernel/sys/fdtab.h"
#include "kernel/sys/semaphores.h"
#include "kernel/task/fs_context.h"
#include "kernel/task/futex.h"
#include "kernel/task/itimer.h"
#include "kernel/task/lifecycle.h"
#include "kernel/task/posix_timer.h"
#include "kernel/task/signal_private.h"
#include "kernel/task/timer.h"

/* ---- Telling the parent ---- */

/* SIGCHLD's information about CHILD; signal codes as waitid has them. */
static void child_info(struct abi_siginfo *info, int signal, struct process *child, int code,
                       int status)
{
    uint64_t user = 0, system = 0;
    process_times(child, &user, &system);
    *info = (struct abi_siginfo){.si_signo = signal, .si_code = code};
    info->chld.si_pid = child->pid;
    info->chld.si_uid = process_uid(child);
    info->chld.si_status = status;
    info->chld.si_utime = (int64_t)(user / 10000000);
    info->chld.si_stime = (int64_t)(system / 10000000);
}

static void wait_status_decode(uint32_t wait_status, int *code, int *status)
{
    if (ABI_WIFEXITED(wait_status)) {
        *code = ABI_CLD_EXITED;
        *status = ABI_WEXITSTATUS(wait_status);
    } else {
        *code = wait_status & ABI_W_COREDUMP ? ABI_CLD_DUMPED : ABI_CLD_KILLED;
        *status = ABI_WTERMSIG(wait_status);
    }
}

/* A stop or continue, for signal.c; tree_lock held. */
void process_tell_parent(struct process *child, int code, int status)
{
    struct process *parent = child->parent;
    struct abi_siginfo info;
    if (!parent)
        return;
    spin_lock(&parent->actions->lock);
    const struct abi_sigaction *action = &parent->actions->action[ABI_SIGCHLD - 1];
    bool wanted = !(action->flags & ABI_SA_NOCLDSTOP);
    spin_unlock(&parent->actions->lock);
    child_info(&info, ABI_SIGCHLD, child, code, status);
    if (wanted)
        signal_send_process(parent, &info);
    wait_wake_all(&parent->child_wait);
}

static void tell_parent_timer(void *arg)
{
    struct process *child = arg;
    atomic_store(&child->tell_pending, false);
    spin_lock(&tree_lock);
    process_tell_parent(child, ABI_CLD_CONTINUED, ABI_SIGCONT);
    spin_unlock(&tree_lock);
    process_unref(child);
}

/* A timer that is due at once: its callback runs without the locks that the sender may hold. */
void process_tell_parent_later(struct process *child)
{
    if (atomic_exchange(&child->tell_pending, true))
        return;
    process_ref(child);
    timer_init(&child->tell_timer, tell_parent_timer, child);
    timer_start(&child->tell_timer, 0);
}

/* true when PARENT reaps by itself: SIGCHLD ignored or SA_NOCLDWAIT. */
static bool parent_ignores(struct process *parent)
{
    if (atomic_load(&parent->state) != PROCESS_LIVE || !parent->actions)
        return false;
    spin_lock(&parent->actions->lock);
    const struct abi_sigaction *action = &parent->actions->action[ABI_SIGCHLD - 1];
    bool ignores = action->handler == ABI_SIG_IGN || action->flags & ABI_SA_NOCLDWAIT;
    spin_unlock(&parent->actions->lock);
    return ignores;
}

/* ---- Taking a process down ---- */

/* A zombie leaves for good: out of tree, group and table. tree_lock held. The caller drops the
 * tree's reference after the lock. */
static void process_bury(struct process *zombie)
{
    atomic_store(&zombie->state, PROCESS_DEAD);
    list_remove(&zombie->sibling_link);
    group_leave(zombie);
    pid_detach(zombie->pid, PID_PROCESS);
    zombie->parent = NULL;
}

/* Tells the parent of the end of ZOMBIE; true when nobody will wait for it: it was buried.
 * tree_lock held. */
static bool process_announce(struct process *zombie)
{
    struct process *parent = zombie->parent;
    int code, status;
    bool ignored = zombie->exit_signal == ABI_SIGCHLD && parent_ignores(parent);
    wait_status_decode(zombie->wait_status, &code, &status);
    /* clone takes numbers that are no signal's, too: then nothing is sent. */
    bool tells = zombie->exit_signal > 0 && zombie->exit_signal <= ABI_NSIG;
    if (tells && atomic_load(&parent->state) == PROCESS_LIVE) {
        struct abi_siginfo info;
        child_info(&info, zombie->exit_signal, zombie, code, status);
        signal_send_process(parent, &info);
    }
    if (ignored)
        process_bury(zombie);
    wait_wake_all(&parent->child_wait);
    return ignored;
}

/* A group whose last outside parent leaves is orphaned: if a member is stopped, nobody could
 * continue it, so POSIX has it hung up and continued. */
static void group_check_orphaned(struct process_group *group, struct process *leaving,
                                 bool was_orphaned)
{
    if (was_orphaned || !group_orphaned(group, leaving))
        return;
    bool stopped = false;
    list_for_each (link, &group->members)
        stopped |= container_of(link, struct process, group_link)->stopped;
    if (!stopped)
        return;
    list_for_each (link, &group->members) {
        struct process *member = container_of(link, struct process, group_link);
        struct abi_siginfo info;
        signal_info_kernel(&info, ABI_SIGHUP);
        signal_send_process(member, &info);
        signal_info_kernel(&info, ABI_SIGCONT);
        signal_send_process(member, &info);
    }
}

/* Gives the children of SELF to init. Zombies among them are announced anew. Those buried on the
 * spot are collected on *BURIED. tree_lock held. */
static void process_orphan_children(struct process *self, struct process *init, struct list *buried)
{
    list_for_each_safe (link, &self->children) {
        struct process *child = container_of(link, struct process, sibling_link);
        list_remove(&child->sibling_link);
        list_push_back(&init->children, &child->sibling_link);
        child->parent = init;
        /* Init waits for nothing else, and nobody may choose what it is sent. */
        child->exit_signal = ABI_SIGCHLD;
        if (child->parent_death_signal)
            signal_send_process(child, &(struct abi_siginfo){.si_signo = child->parent_death_signal,
                                                             .si_code = ABI_SI_USER,
                                                             .rt.si_pid = self->pid});
        if (child->group && child->group != self->group)
            group_check_orphaned(child->group, self, false);
        if (atomic_load(&child->state) == PROCESS_ZOMBIE && process_announce(child))
            list_push_back(buried, &child->sibling_link);
    }
}

static void process_free_buried(struct list *buried)
{
    struct list *link;
    while ((link = list_pop_front(buried)))
        process_unref(container_of(link, struct process, sibling_link));
}

static void process_become_zombie(struct process *self)
{
    struct process *init = process_find(1);
    struct list buried = LIST_INIT(buried);
    spin_lock(&tree_lock);
    process_orphan_children(self, init, &buried);
    group_check_orphaned(self->group, self, group_orphaned(self->group, NULL));
    atomic_store(&self->state, PROCESS_ZOMBIE);
    if (process_announce(self))
        list_push_back(&buried, &self->sibling_link);
    spin_unlock(&tree_lock);
    process_free_buried(&buried);
    process_unref(init);
}

/* The dying thread runs on without user memory. */
static void process_release_space(struct process *self)
{
    struct space *space = self->space;
    struct space_usage usage;
    space_usage(space, &usage);
    self->minor_faults = usage.minor_faults;
    self->major_faults = usage.major_faults;
    self->space = NULL;
    space_unref(space);
}

static void process_release_parts(struct process *self)
{
    itimers_release(self);
    posix_timers_release(self);
    process_release_space(self);
    struct fdtab *fds = self->fds;
    struct fs_context *fs = self->fs;
    self->fds = NULL;
    self->fs = NULL;
    fdtab_unref(fds);
    fs_context_leave(fs);
}

/* The last thread is gone from the list; this is its own last work. */
static void process_end(struct process *self)
{
    if (self->pid == 1) {
        int status = ABI_WIFEXITED(self->wait_status) ? ABI_WEXITSTATUS(self->wait_status)
                                                      : 128 + ABI_WTERMSIG(self->wait_status);
        diskfs_shutdown();
        power_off(status);
    }
    /* Before its descriptors go: the last close of a terminal unties the session without a word. */
    if (session_of(0) == self->pid)
        session_leader_exit();
    process_release_parts(self);
    signal_queue_clear(&self->signals);
    process_become_zombie(self);
}

/* ---- The end of a thread ---- */

/* The last that a thread does to its memory. After the futex says that it's gone nobody may touch
 * its stack; after vfork's end a parent that shares the memory goes on. */
void thread_leave_user(bool ends)
{
    struct thread *self = current_thread();
    futex_leave(ends);
    if (self->clear_child_tid) {
        store_user32((uint32_t *)self->clear_child_tid, 0);
        futex_wake(self->clear_child_tid, 1, ~0u, true);
        self->clear_child_tid = 0;
    }
    vfork_finish();
}

/* Out of the process's list; true for the last one. */
static bool thread_leave_process(struct thread *self, struct process *process, int status)
{
    uint64_t user, system;
    thread_charge();
    thread_times(self, &user, &system);
    /* Before the others may think it gone: whoever sees the last other thread leave may free the
     * space, and a switch back to this one would load it again. */
    self->space = NULL;
    spin_lock(&process->signal_lock);
    list_remove(&self->process_link);
    signal_queue_clear(&self->signals);
    if (process->signals.pending)
        signal_retarget(process);
    process->dead_user += user;
    process->dead_system += system;
    if (process->leader == self) {
        memcpy(process->name, self->name, sizeof process->name);
        process->leader = NULL;
    }
    bool last = --process->thread_count == 0;
    if (last && !process->exiting)
        process->wait_status = ABI_W_EXITED(status);
    if (process->exec_thread && process->thread_count == 1)
        thread_wake(process->exec_thread);
    spin_unlock(&process->signal_lock);
    return last;
}

void process_exit_thread(int status)
{
    struct thread *self = current_thread();
    struct process *process = self->process;
    thread_leave_user(true);
    semaphore_undos_leave(self);
    /* Not before: a wait by number for a thread that still runs user code would find nobody. */
    pid_detach(self->tid, PID_THREAD);
    bool last = thread_leave_process(self, process, status);
    if (last)
        process_end(process);
    thread_exit();
}

/* Tells the other threads to end. signal_lock held. */
static void threads_tell_exit(struct process *process)
{
    list_for_each (link, &process->threads) {
        struct thread *thread = container_of(link, struct thread, process_link);
        if (thread == current_thread())
            continue;
        atomic_fetch_or(&thread->work, WORK_EXIT);
        thread_interrupt(thread, true);
    }
}

void process_exit_group(int wait_status)
{
    struct process *process = current_process();
    spin_lock(&process->signal_lock);
    if (!process->exiting) {
        process->exiting = true;
        process->wait_status = (uint32_t)wait_status;
        threads_tell_exit(process);
    }
    spin_unlock(&process->signal_lock);
    process_exit_thread(0);
}

/* A fatal signal for a process that the caller needn't belong to: signal.c. signal_lock held. */
void process_begin_exit(struct process *process, int wait_status)
{
    if (process->exiting)
        return;
    process->exiting = true;
    process->wait_status = (uint32_t)wait_status;
    threads_tell_exit(process);
    struct thread *self = current_thread();
    if (self->process == process)
        atomic_fetch_or(&self->work, WORK_EXIT);
}

long process_end_other_threads(void)
{
    struct thread *self = current_thread();
    struct process *process = self->process;
    spin_lock(&process->signal_lock);
    bool busy = process->exiting || process->exec_thread;
    if (!busy && process->thread_count > 1) {
        process->exec_thread = self;
        threads_tell_exit(process);
    }
    spin_unlock(&process->signal_lock);
    if (busy)
        return -ABI_EAGAIN;
    while (*(volatile uint32_t *)&process->thread_count > 1) {
        thread_sleep_prepare(SLEEP_UNINTERRUPTIBLE);
        if (*(volatile uint32_t *)&process->thread_count > 1)
            thread_sleep(ENV_FOREVER);
        thread_sleep_finish();
    }
    process->exec_thread = NULL;
    if (self->tid != process->pid) {
        /* The process goes on under its own number, whichever of its threads called exec. */
        pid_detach(self->tid, PID_THREAD);
        self->tid = process->pid;
        pid_attach(self->tid, PID_THREAD, self);
    }
    process->leader = self;
    return 0;
}

/* ---- Waiting ---- */

struct wait_request {
    int idtype;
    int32_t id;
    int options;
    struct wait_result *out;
    struct process *buried; /* its reference goes to the caller */
    bool any;               /* a child matches, now or later */
};

static bool wait_matches(const struct wait_request *request, const struct process *child)
{
    if (request->idtype == ABI_P_PID && child->pid != request->id)
        return false;
    if (request->idtype == ABI_P_PGID && (!child->group || child->group->pgid != request->id))
        return false;
    bool clone_child = child->exit_signal != ABI_SIGCHLD;
    return request->options & (int)ABI_WALL ||
           clone_child == !!(request->options & (int)ABI_WCLONE);
}

static void wait_fill(struct wait_result *out, struct process *child, int code, int status,
                      uint32_t word)
{
    *out = (struct wait_result){.pid = child->pid,
                                .uid = process_uid(child),
                                .code = code,
                                .status = status,
                                .wait_status = word};
    process_usage(child, false, &out->usage);
    uint64_t user, system;
    process_times(child, &user, &system);
    out->usage.ru_utime = timeval_from_ns(user + child->children_user);
    out->usage.ru_stime = timeval_from_ns(system + child->children_system);
}

static bool wait_try_zombie(struct wait_request *request, struct process *child)
{
    if (atomic_load(&child->state) != PROCESS_ZOMBIE || !(request->options & ABI_WEXITED))
        return false;
    int code, status;
    wait_status_decode(child->wait_status, &code, &status);
    wait_fill(request->out, child, code, status, child->wait_status);
    if (request->options & ABI_WNOWAIT)
        return true;
    struct process *self = current_process();
    uint64_t user, system;
    process_times(child, &user, &system);
    self->children_user += user + child->children_user;
    self->children_system += system + child->children_system;
    process_bury(child);
    request->buried = child;
    return true;
}

static bool wait_try_job(struct wait_request *request, struct process *child)
{
    bool consume = !(request->options & ABI_WNOWAIT);
    bool found = false;
    spin_lock(&child->signal_lock);
    int stop_signal = child->stop_signal;
    bool stop = child->stopped && !child->stop_reported && request->options & ABI_WSTOPPED;
    bool cont = !stop && child->continued && request->options & ABI_WCONTINUED;
    if (stop && consume)
        child->stop_reported = true;
    if (cont && consume)
        child->continued = false;
    spin_unlock(&child->signal_lock);
    if (stop) {
        wait_fill(request->out, child, ABI_CLD_STOPPED, stop_signal,
                  (uint32_t)ABI_W_STOPPED(stop_signal));
        found = true;
    } else if (cont) {
        wait_fill(request->out, child, ABI_CLD_CONTINUED, ABI_SIGCONT, ABI_W_CONTINUED);
        found = true;
    }
    return found;
}

static bool wait_scan(struct wait_request *request)
{
    bool found = false;
    request->any = false;
    spin_lock(&tree_lock);
    list_for_each (link, &current_process()->children) {
        struct process *child = container_of(link, struct process, sibling_link);
        if (!wait_matches(request, child))
            continue;
        /* One that is over can't stop or go on any more: only WEXITED waits for it. */
        if (request->options & ABI_WEXITED || atomic_load(&child->state) != PROCESS_ZOMBIE)
            request->any = true;
        found = wait_try_zombie(request, child) || wait_try_job(request, child);
        if (found)
            break;
    }
    spin_unlock(&tree_lock);
    return found;
}

long process_wait(int idtype, int32_t id, int options, struct wait_result *out)
{
    struct wait_request request = {.idtype = idtype, .id = id, .options = options, .out = out};
    struct process *self = current_process();
    bool found = wait_scan(&request);
    while (!found && request.any && !(options & ABI_WNOHANG)) {
        struct wait_entry entry;
        int error = 0;
        wait_prepare(&self->child_wait, &entry, SLEEP_INTERRUPTIBLE);
        found = wait_scan(&request);
        if (!found && request.any)
            error = thread_sleep(ENV_FOREVER);
        wait_finish(&self->child_wait, &entry);
        /* The signal may be the child's own: what it did comes first. */
        found = found || wait_scan(&request);
        if (!found && request.any && error)
            return -ERESTARTSYS;
    }
    if (request.buried)
        process_unref(request.buried);
    if (found)
        return out->pid;
    return request.any ? 0 : -ABI_ECHILD;
}
