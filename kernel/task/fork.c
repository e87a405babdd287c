/*
 * clone: a new thread, in this process or in one of its own. Each part of the new process is
 * shared, copied or made, as the flags say; what was taken is given back in reverse when a later
 * part fails.
 */
#include <sluice/string.h>
#include "kernel/abi/errno.h"
#include "kernel/abi/sched.h"
#include "kernel/cpu/fpu.h"
#include "kernel/cpu/segments.h"
#include "kernel/log.h"
#include "kernel/mem/heap.h"
#include "kernel/mem/space.h"
#include "kernel/mem/usercopy.h"
#include "kernel/sys/fdtab.h"
#include "kernel/sys/semaphores.h"
#include "kernel/task/capability.h"
#include "kernel/task/fs_context.h"
#include "kernel/task/lifecycle.h"
#include "kernel/task/signal.h"

/* ---- vfork ---- */

static void vfork_unref(struct vfork_wait *wait)
{
    if (atomic_fetch_sub(&wait->references, 1) == 1)
        heap_free(wait);
}

void vfork_finish(void)
{
    struct vfork_wait *wait = current_thread()->vfork_done;
    if (!wait)
        return;
    current_thread()->vfork_done = NULL;
    atomic_store(&wait->done, true);
    wait_wake_all(&wait->queue);
    vfork_unref(wait);
}

static struct vfork_wait *vfork_prepare(struct thread *child)
{
    struct vfork_wait *wait = heap_alloc(sizeof *wait, HEAP_ZERO);
    if (!wait)
        return NULL;
    atomic_init(&wait->references, 2);
    wait_queue_init(&wait->queue);
    child->vfork_done = wait;
    return wait;
}

/* ---- The new thread ---- */

static void clone_child_main(void *arg)
{
    (void)arg;
    struct thread *self = current_thread();
    if (self->set_child_tid)
        store_user32((uint32_t *)self->set_child_tid, (uint32_t)self->tid);
    trap_return_user(self->frame);
}

static void clone_frame(struct thread *child, const struct clone_request *request,
                        const struct trap_frame *frame)
{
    *child->frame = *frame;
    child->frame->rax = 0;
    child->frame->error = (uint64_t)-1; /* nothing to restart in the child */
    if (request->stack)
        child->frame->rsp = request->stack;
}

/* Registers, mask and name of the caller. */
static long clone_thread(const struct clone_request *request, const struct trap_frame *frame,
                         struct thread **out)
{
    struct thread *self = current_thread();
    struct thread *child = thread_create(self->name, clone_child_main, NULL);
    if (!child)
        return -ABI_ENOMEM;
    if (!thread_allocate_fpu(child)) {
        thread_discard(child);
        return -ABI_ENOMEM;
    }
    fpu_flush_current();
    memcpy(child->fpu_area, self->fpu_area, fpu_area_size());
    segments_save(self);
    child->fs_base = request->flags & ABI_CLONE_SETTLS ? request->tls : self->fs_base;
    child->gs_base = self->gs_base;
    clone_frame(child, request, frame);
    child->signal_mask = self->signal_mask;
    child->nice = self->nice;
    bool reset = self->reset_on_fork;
    if (!reset || !self->own_priority)
        child->policy = self->policy;
    if (!reset) {
        child->priority = child->own_priority = self->own_priority;
        child->takes_turns = self->takes_turns;
    } else if (self->own_priority || child->nice < 0) {
        child->nice = 0;
    }
    child->affinity = self->affinity;
    child->virtual_time = self->virtual_time;
    child->cpu = self->cpu;
    if (!(request->flags & ABI_CLONE_VM) || request->flags & ABI_CLONE_VFORK)
        child->signal_stack = self->signal_stack;
    else
        child->signal_stack.flags = ABI_SS_DISABLE;
    if (request->flags & ABI_CLONE_CHILD_SETTID)
        child->set_child_tid = request->child_tid;
    if (request->flags & ABI_CLONE_CHILD_CLEARTID)
        child->clear_child_tid = request->child_tid;
    *out = child;
    return 0;
}

/* ---- The new process ---- */

/* What a process that never ran holds. Parts that are NULL were not reached. */
static void process_discard(struct process *process)
{
    /* Actions and credentials go with the record. */
    if (process->space)
        space_unref(process->space);
    if (process->fds)
        fdtab_unref(process->fds);
    fs_context_leave(process->fs);
    process_unref(process);
}

static struct signal_actions *clone_clear_actions(struct process *parent)
{
    struct signal_actions *actions = signal_actions_create();
    if (actions)
        signal_actions_keep_ignored(actions, parent->actions);
    return actions;
}

static bool clone_parts(struct process *child, struct process *parent, uint64_t flags)
{
    if (flags & ABI_CLONE_VM)
        space_ref(child->space = parent->space);
    else
        child->space = space_fork(parent->space);
    if (flags & ABI_CLONE_FILES)
        fdtab_ref(child->fds = parent->fds);
    else
        child->fds = fdtab_copy(parent->fds);
    if (flags & ABI_CLONE_FS)
        fs_context_share(child->fs = parent->fs);
    else
        child->fs = fs_context_copy(parent->fs);
    if (flags & ABI_CLONE_SIGHAND)
        atomic_fetch_add(&(child->actions = parent->actions)->references, 1);
    else if (flags & ABI_CLONE_CLEAR_SIGHAND)
        child->actions = clone_clear_actions(parent);
    else
        child->actions = signal_actions_copy(parent->actions);
    return child->space && child->fds && child->fs && child->actions;
}

static struct process *clone_process(const struct clone_request *request)
{
    struct process *parent = current_process();
    struct process *child = process_allocate();
    if (!child)
        return NULL;
    struct cred *cred = cred_current();
    atomic_fetch_add(&cred->references, 1);
    atomic_init(&child->cred, cred);
    memcpy(child->limits, parent->limits, sizeof child->limits);
    /* A sibling tells the parent as its maker does: nobody may choose a signal for a process that
     * is not his to send one. */
    child->exit_signal =
        request->flags & ABI_CLONE_PARENT ? parent->exit_signal : request->exit_signal;
    child->oom_adjust = parent->oom_adjust;
    child->dumpable = parent->dumpable;
    child->personality = parent->personality;
    if (clone_parts(child, parent, request->flags))
        return child;
    process_discard(child);
    return NULL;
}

/* Into the tree beside or below the current process, and into its group. Not with a signal to take
 * first: one for the whole group must not miss the child. */
static long clone_link_process(struct process *child, uint64_t flags)
{
    struct process *self = current_process();
    spin_lock(&tree_lock);
    if (signal_pending()) {
        spin_unlock(&tree_lock);
        return -ERESTARTNOINTR;
    }
    child->parent = flags & ABI_CLONE_PARENT ? self->parent : self;
    list_push_back(&child->parent->children, &child->sibling_link);
    group_join(child, self->group);
    pid_attach(child->pid, PID_PROCESS, child);
    spin_unlock(&tree_lock);
    return 0;
}

/* Into the process's threads, unless it is on its way out: then nobody would tell the newcomer. */
static bool clone_link_thread(struct thread *child)
{
    struct process *process = child->process;
    spin_lock(&process->signal_lock);
    bool welcome = !process->exiting && !process->exec_thread;
    if (welcome) {
        list_push_back(&process->threads, &child->process_link);
        process->thread_count++;
        if (process->stopped)
            atomic_fetch_or(&child->work, WORK_STOP);
    }
    spin_unlock(&process->signal_lock);
    return welcome;
}

/* ---- The call ---- */

static long clone_check(const struct clone_request *request)
{
    uint64_t flags = request->flags;
    const uint64_t namespaces = ABI_CLONE_NEWNS | ABI_CLONE_NEWCGROUP | ABI_CLONE_NEWUTS |
                                ABI_CLONE_NEWIPC | ABI_CLONE_NEWUSER | ABI_CLONE_NEWPID |
                                ABI_CLONE_NEWNET | ABI_CLONE_PIDFD | ABI_CLONE_INTO_CGROUP;
    if (flags & namespaces)
        return -ABI_EINVAL;
    if ((flags & ABI_CLONE_SIGHAND && !(flags & ABI_CLONE_VM)) ||
        (flags & ABI_CLONE_THREAD && !(flags & ABI_CLONE_SIGHAND)) ||
        (flags & ABI_CLONE_SIGHAND && flags & ABI_CLONE_CLEAR_SIGHAND))
        return -ABI_EINVAL;
    /* Init's children would outlive what reaps them. */
    if (flags & ABI_CLONE_PARENT && current_process()->pid == 1)
        return -ABI_EINVAL;
    return 0;
}

struct uid_threads {
    uint32_t uid;
    uint64_t count;
};

static bool uid_threads_add(void *arg, struct process *process)
{
    struct uid_threads *threads = arg;
    if (process_uid(process) == threads->uid)
        threads->count += process->thread_count;
    return true;
}

/* RLIMIT_NPROC: a user's threads, whom no rights excuse. Counted only when there are so many in
 * all.
 */
static bool clone_limited(void)
{
    const struct cred *cred = cred_current();
    uint64_t limit = process_limit(ABI_RLIMIT_NPROC);
    if (cred->uid == 0 || pid_count() < limit || process_capable(CAPABILITY_SYS_RESOURCE) ||
        process_capable(CAPABILITY_SYS_ADMIN))
        return false;
    struct uid_threads threads = {.uid = cred->uid};
    process_each(uid_threads_add, &threads);
    return threads.count >= limit;
}

/* Waits for the child to exec or end. A fatal signal ends the wait early; the child then goes on
 * alone. */
static void vfork_wait(struct vfork_wait *wait)
{
    wait_until(&wait->queue, SLEEP_KILLABLE, ENV_FOREVER, atomic_load(&wait->done));
    vfork_unref(wait);
}

/* A new process has its first thread before anybody can find it. */
static long clone_link(struct thread *child, const struct clone_request *request)
{
    if (!clone_link_thread(child))
        return -ABI_EAGAIN;
    long error = 0;
    if (!(request->flags & ABI_CLONE_THREAD))
        error = clone_link_process(child->process, request->flags);
    if (!error)
        pid_attach(child->tid, PID_THREAD, child);
    return error;
}

/* The child has a number and a process. */
static long clone_start(struct thread *child, const struct clone_request *request)
{
    int32_t tid = child->tid;
    struct vfork_wait *wait = NULL;
    if (request->flags & ABI_CLONE_VFORK && !(wait = vfork_prepare(child)))
        return -ABI_ENOMEM;
    long error = clone_link(child, request);
    if (error) {
        heap_free(wait);
        child->vfork_done = NULL;
        return error;
    }
    if (request->flags & ABI_CLONE_PARENT_SETTID)
        store_user32((uint32_t *)request->parent_tid, (uint32_t)tid);
    thread_start(child);
    thread_unref(child);
    if (wait)
        vfork_wait(wait);
    return tid;
}

/* Gives CHILD its process: the current one, or a new one that it leads. */
static long clone_enter_process(struct thread *child, const struct clone_request *request)
{
    if (request->flags & ABI_CLONE_THREAD) {
        process_ref(child->process = current_process());
        child->space = child->process->space;
        return 0;
    }
    struct process *process = clone_process(request);
    if (!process)
        return -ABI_ENOMEM;
    process->pid = child->tid;
    process->leader = child;
    process_ref(child->process = process);
    child->space = process->space;
    return 0;
}

long process_clone(const struct clone_request *request, const struct trap_frame *frame)
{
    struct thread *child = NULL;
    long error = clone_check(request);
    if (!error && clone_limited())
        error = -ABI_EAGAIN;
    if (!error)
        error = clone_thread(request, frame, &child);
    if (error)
        return error;
    int32_t tid = pid_allocate();
    child->tid = tid;
    error = tid < 0 ? tid : clone_enter_process(child, request);
    if (!error && request->flags & ABI_CLONE_SYSVSEM && !semaphore_undos_share(child))
        error = -ABI_ENOMEM;
    if (!error)
        error = clone_start(child, request);
    if (error >= 0)
        return error;
    if (tid > 0)
        pid_cancel(tid);
    if (child->process && child->process != current_process())
        process_discard(child->process);
    semaphore_undos_leave(child);
    thread_discard(child);
    return error;
}
