/*
 * Delivery: what happens to a thread between the end of its system call or interrupt and its next
 * user instruction. Signals become frames on the user's stack, stops park the thread, fatal ones
 * end the process; interrupted system calls are restarted or told EINTR.
 */
#include <sluice/string.h>
#include "kernel/abi/errno.h"
#include "kernel/abi/wait.h"
#include "kernel/cpu/fpu.h"
#include "kernel/log.h"
#include "kernel/mem/layout.h"
#include "kernel/mem/usercopy.h"
#include "kernel/task/lifecycle.h"
#include "kernel/task/signal_private.h"

#define RED_ZONE        128 /* below the stack pointer, the ABI's leaf functions keep data */
#define RESTART_SYSCALL 219
#define SYSCALL_LENGTH  2
#define RFLAGS_USER     0x50dd5ull /* CF PF AF ZF SF TF DF OF RF AC: what a program may set */
#define RFLAGS_FIXED    0x202ull
#define RFLAGS_CLEARED  0x10500ull /* TF DF RF: not in a handler's first instruction */

/* ---- Restarting ---- */

static bool frame_is_syscall(const struct trap_frame *frame)
{
    return (int64_t)frame->error >= 0 && frame->vector == TRAP_SYSCALL;
}

static void frame_restart(struct trap_frame *frame, uint64_t number)
{
    frame->rax = number;
    frame->rip -= SYSCALL_LENGTH;
}

/* Decides about an interrupted call: ACTION is the handler about to run, or NULL when none does.
 * Afterwards the frame is no system call's any more. */
static void syscall_resume(struct trap_frame *frame, const struct abi_sigaction *action)
{
    if (!frame_is_syscall(frame))
        return;
    long result = (long)frame->rax;
    bool restart;
    switch (-result) {
    case ERESTARTNOINTR:
        restart = true;
        break;
    case ERESTARTSYS:
        restart = !action || action->flags & ABI_SA_RESTART;
        break;
    case ERESTARTNOHAND:
    case ERESTART_RESTARTBLOCK:
        restart = !action;
        break;
    default:
        frame->error = (uint64_t)-1;
        return;
    }
    if (restart)
        frame_restart(frame, result == -ERESTART_RESTARTBLOCK ? RESTART_SYSCALL : frame->error);
    else
        frame->rax = (uint64_t)-ABI_EINTR;
    frame->error = (uint64_t)-1;
}

/* ---- Frames ---- */

struct frame_places {
    uint64_t fpu;   /* the register image, aligned to 64 */
    uint64_t frame; /* the abi_rt_sigframe, 8 modulo 16 */
};

static bool on_signal_stack(const struct thread *self, uint64_t sp)
{
    return sp - self->signal_stack.base < self->signal_stack.size && self->signal_stack.size;
}

static size_t fpu_image_size(void)
{
    return fpu_area_size() + (fpu_features() ? sizeof(uint32_t) : 0);
}

static struct frame_places frame_place(const struct trap_frame *frame,
                                       const struct abi_sigaction *action)
{
    struct thread *self = current_thread();
    uint64_t sp = frame->rsp - RED_ZONE;
    if (action->flags & ABI_SA_ONSTACK && !(self->signal_stack.flags & ABI_SS_DISABLE) &&
        self->signal_stack.size && !on_signal_stack(self, frame->rsp))
        sp = self->signal_stack.base + self->signal_stack.size;
    struct frame_places places;
    places.fpu = (sp - fpu_image_size()) & ~63ull;
    places.frame = ((places.fpu - sizeof(struct abi_rt_sigframe)) & ~15ull) - 8;
    return places;
}

static void context_save(struct abi_sigcontext *context, const struct trap_frame *frame)
{
    context->r8 = frame->r8, context->r9 = frame->r9, context->r10 = frame->r10,
    context->r11 = frame->r11;
    context->r12 = frame->r12, context->r13 = frame->r13, context->r14 = frame->r14,
    context->r15 = frame->r15;
    context->rdi = frame->rdi, context->rsi = frame->rsi, context->rbp = frame->rbp,
    context->rbx = frame->rbx;
    context->rdx = frame->rdx, context->rax = frame->rax, context->rcx = frame->rcx,
    context->rsp = frame->rsp;
    context->rip = frame->rip, context->eflags = frame->rflags;
    context->cs = (uint16_t)frame->cs, context->ss = (uint16_t)frame->ss;
    context->trapno = frame->vector == TRAP_SYSCALL ? 0 : frame->vector;
    context->err = frame->vector == TRAP_SYSCALL ? 0 : frame->error;
    context->cr2 = current_thread()->fault_address;
}

static void context_load(struct trap_frame *frame, const struct abi_sigcontext *context)
{
    frame->r8 = context->r8, frame->r9 = context->r9, frame->r10 = context->r10,
    frame->r11 = context->r11;
    frame->r12 = context->r12, frame->r13 = context->r13, frame->r14 = context->r14,
    frame->r15 = context->r15;
    frame->rdi = context->rdi, frame->rsi = context->rsi, frame->rbp = context->rbp,
    frame->rbx = context->rbx;
    frame->rdx = context->rdx, frame->rax = context->rax, frame->rcx = context->rcx,
    frame->rsp = context->rsp;
    frame->rip = context->rip;
    frame->rflags = (context->eflags & RFLAGS_USER) | RFLAGS_FIXED;
    frame->cs = SELECTOR_USER_CODE;
    frame->ss = SELECTOR_USER_DATA;
    frame->error = (uint64_t)-1;
}

/* The register image with the trailer that tells user code its size. */
static bool fpu_image_store(uint64_t where)
{
    struct thread *self = current_thread();
    uint32_t magic = ABI_FP_XSTATE_MAGIC2;
    fpu_flush_current();
    struct abi_fpx_sw_bytes *software =
        (struct abi_fpx_sw_bytes *)((char *)self->fpu_area + ABI_FP_SW_RESERVED_OFFSET);
    *software = (struct abi_fpx_sw_bytes){0};
    if (fpu_features()) {
        software->magic1 = ABI_FP_XSTATE_MAGIC1;
        software->extended_size = (uint32_t)fpu_image_size();
        software->xfeatures = fpu_features();
        software->xstate_size = (uint32_t)fpu_area_size();
        if (copy_to_user((void *)(where + fpu_area_size()), &magic, sizeof magic))
            return false;
    }
    return !copy_to_user((void *)where, self->fpu_area, fpu_area_size());
}

/* The restored image is checked before the CPU may load it. */
static bool fpu_image_load(uint64_t where)
{
    struct thread *self = current_thread();
    if (!where) {
        fpu_area_init(self->fpu_area);
        fpu_reload_current();
        return true;
    }
    if (where & 63)
        return false;
    fpu_flush_current();
    bool valid = !copy_from_user(self->fpu_area, (const void *)where, fpu_area_size()) &&
                 fpu_area_valid(self->fpu_area, fpu_area_size());
    if (!valid)
        fpu_area_init(self->fpu_area);
    fpu_reload_current();
    return valid;
}

static bool frame_push(struct trap_frame *frame, const struct abi_siginfo *info,
                       const struct abi_sigaction *action, struct frame_places places)
{
    struct thread *self = current_thread();
    struct abi_rt_sigframe out;
    memset(&out, 0, sizeof out);
    out.pretcode = action->restorer;
    out.uc.uc_flags =
        (fpu_features() ? ABI_UC_FP_XSTATE : 0) | ABI_UC_SIGCONTEXT_SS | ABI_UC_STRICT_RESTORE_SS;
    out.uc.uc_stack.ss_sp = self->signal_stack.base;
    out.uc.uc_stack.ss_size = self->signal_stack.size;
    out.uc.uc_stack.ss_flags =
        self->signal_stack.flags | (on_signal_stack(self, frame->rsp) ? ABI_SS_ONSTACK : 0);
    context_save(&out.uc.uc_mcontext, frame);
    out.uc.uc_mcontext.fpstate = places.fpu;
    uint64_t mask =
        atomic_load(&self->work) & WORK_RESTORE_MASK ? self->saved_mask : self->signal_mask;
    out.uc.uc_sigmask = mask;
    out.uc.uc_mcontext.oldmask = mask;
    out.info = *info;
    return fpu_image_store(places.fpu) && !copy_to_user((void *)places.frame, &out, sizeof out);
}

/* Enters the handler. false: the frame doesn't fit on the user's stack. */
static bool handler_enter(struct trap_frame *frame, const struct abi_siginfo *info,
                          const struct abi_sigaction *action)
{
    struct thread *self = current_thread();
    struct frame_places places = frame_place(frame, action);
    if (!(action->flags & ABI_SA_RESTORER) || !frame_push(frame, info, action, places))
        return false;
    atomic_fetch_and(&self->work, ~WORK_RESTORE_MASK);
    if (self->signal_stack.flags & (int)ABI_SS_AUTODISARM)
        self->signal_stack = (struct signal_stack){.flags = ABI_SS_DISABLE};
    fpu_area_init(self->fpu_area);
    fpu_reload_current();
    frame->rdi = (uint64_t)info->si_signo;
    frame->rsi = places.frame + offsetof(struct abi_rt_sigframe, info);
    frame->rdx = places.frame + offsetof(struct abi_rt_sigframe, uc);
    frame->rax = 0;
    frame->rip = action->handler;
    frame->rsp = places.frame;
    frame->rflags = (frame->rflags & ~RFLAGS_CLEARED) | RFLAGS_FIXED;
    frame->cs = SELECTOR_USER_CODE;
    frame->ss = SELECTOR_USER_DATA;
    frame->error = (uint64_t)-1;
    abi_sigset_t block = action->mask;
    if (!(action->flags & ABI_SA_NODEFER))
        block |= SIGNAL_BIT(info->si_signo);
    signal_set_mask(self->signal_mask | block);
    return true;
}

long signal_return(struct trap_frame *frame)
{
    struct thread *self = current_thread();
    struct abi_rt_sigframe in;
    uint64_t where = frame->rsp - sizeof in.pretcode;
    if (copy_from_user(&in, (const void *)where, sizeof in) ||
        !fpu_image_load(in.uc.uc_mcontext.fpstate)) {
        signal_force(ABI_SIGSEGV, ABI_SI_KERNEL, 0);
        frame->error = (uint64_t)-1;
        return 0;
    }
    context_load(frame, &in.uc.uc_mcontext);
    if (!on_signal_stack(self, where)) {
        self->signal_stack.base = in.uc.uc_stack.ss_sp;
        self->signal_stack.size = in.uc.uc_stack.ss_size;
        self->signal_stack.flags = in.uc.uc_stack.ss_flags & ~ABI_SS_ONSTACK;
    }
    signal_set_mask(in.uc.uc_sigmask);
    return (long)frame->rax;
}

/* ---- One signal ---- */

/* The action for SIGNAL; a one-shot handler is reset as it is taken. */
static struct abi_sigaction action_take(struct process *process, int signal)
{
    spin_lock(&process->actions->lock);
    struct abi_sigaction *stored = &process->actions->action[signal - 1];
    struct abi_sigaction action = *stored;
    if (action.flags & ABI_SA_RESETHAND && action.handler != ABI_SIG_IGN)
        stored->handler = ABI_SIG_DFL;
    spin_unlock(&process->actions->lock);
    return action;
}

static bool stop_refused(struct process *process, int signal)
{
    if (signal == ABI_SIGSTOP)
        return false;
    spin_lock(&tree_lock);
    bool orphaned = group_orphaned(process->group, NULL);
    spin_unlock(&tree_lock);
    return orphaned;
}

static void default_action(struct process *process, int signal)
{
    switch (signal_default_of(signal)) {
    case SIGNAL_IGNORE:
    case SIGNAL_CONTINUE:
        return;
    case SIGNAL_STOP:
        if (!stop_refused(process, signal))
            process_stop(process, signal);
        return;
    case SIGNAL_TERMINATE:
    case SIGNAL_CORE:
        if (process->pid == 1)
            log_write(LOG_CRIT, "init is killed by signal %d", signal);
        process_exit_group(ABI_W_SIGNALED(signal));
    }
}

/* Takes one signal and acts on it; true when a handler was entered. */
static bool deliver_one(struct trap_frame *frame, const struct abi_siginfo *info)
{
    struct process *process = current_process();
    struct abi_sigaction action = action_take(process, info->si_signo);
    if (action.handler == ABI_SIG_IGN)
        return false;
    if (action.handler == ABI_SIG_DFL) {
        default_action(process, info->si_signo);
        return false;
    }
    syscall_resume(frame, &action);
    if (!handler_enter(frame, info, &action)) {
        log_write(LOG_INFO, "%s[%d]: no room for the frame of signal %d", current_thread()->name,
                  process->pid, info->si_signo);
        if (info->si_signo == ABI_SIGSEGV)
            process_exit_group(ABI_W_SIGNALED(ABI_SIGSEGV));
        signal_force(ABI_SIGSEGV, ABI_SI_KERNEL, 0); /* its handler may have a stack of its own */
    }
    return true;
}

static void deliver_signals(struct trap_frame *frame)
{
    struct thread *self = current_thread();
    struct abi_siginfo info;
    bool handled = false;
    while (!(atomic_load(&self->work) & (WORK_STOP | WORK_EXIT)) &&
           signal_take(~self->signal_mask, &info))
        handled |= deliver_one(frame, &info);
    if (!handled)
        syscall_resume(frame, NULL);
    signal_recalculate();
}

/* ---- On the way out ---- */

/* A stopped thread waits here to be continued or killed. */
static void thread_park(struct thread *self)
{
    for (;;) {
        thread_sleep_prepare(SLEEP_KILLABLE);
        uint32_t work = atomic_load(&self->work);
        if (!(work & WORK_STOP) || work & WORK_EXIT)
            break;
        thread_sleep(ENV_FOREVER);
    }
    thread_sleep_finish();
}

void process_user_work(struct trap_frame *frame)
{
    struct thread *self = current_thread();
    uint32_t work = atomic_load(&self->work);
    if (work & WORK_EXIT)
        process_exit_thread(0);
    if (work & WORK_STOP) {
        thread_park(self);
        return; /* trap_leave_user looks again */
    }
    if (work & WORK_SIGNAL)
        deliver_signals(frame);
    if (atomic_load(&self->work) & WORK_RESTORE_MASK) {
        /* No handler took the mask along. */
        atomic_fetch_and(&self->work, ~WORK_RESTORE_MASK);
        signal_set_mask(self->saved_mask);
    }
}

/* Faults that a program deals with itself are its own business. */
static void trap_log(const struct trap_frame *frame, int signal, int code, uint64_t address)
{
    const struct thread *self = current_thread();
    const struct abi_sigaction *action = &self->process->actions->action[signal - 1];
    if (action->handler == ABI_SIG_DFL || self->signal_mask & SIGNAL_BIT(signal))
        log_write(LOG_INFO, "%s[%d]: signal %d (code %d) at %#lx, ip %#lx sp %#lx error %#lx",
                  self->name, self->process->pid, signal, code, (unsigned long)address,
                  (unsigned long)frame->rip, (unsigned long)frame->rsp,
                  (unsigned long)frame->error);
}

void process_trap(struct trap_frame *frame, int signal, int code, uint64_t address)
{
    trap_log(frame, signal, code, address);
    current_thread()->fault_address = address;
    signal_force(signal, code, address);
}
