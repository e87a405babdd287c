/*
 * What to do with traps and interrupts. Entered with interrupts off.
 *
 * Exceptions of user programs: page faults go to kernel/mem first, the rest becomes signals.
 * Exceptions of the kernel: instructions listed in the exception table go on at their fixups;
 * everything else is a panic. Interrupts only mark and queue; what they leave runs at the end, by
 * preempt_pending, when the interrupted code's preemption count allows.
 */
#include "kernel/cpu/trap.h"
#include "kernel/abi/signal.h"
#include "kernel/cpu/apic.h"
#include "kernel/cpu/extable.h"
#include "kernel/cpu/fpu.h"
#include "kernel/cpu/irq.h"
#include "kernel/cpu/msr.h"
#include "kernel/cpu/percpu.h"
#include "kernel/cpu/smp.h"
#include "kernel/log.h"
#include "kernel/mem/layout.h"
#include "kernel/mem/vmap.h"
#include "kernel/task/thread.h"

struct extable_row {
    int32_t fault, fixup;
};
extern const struct extable_row extable_start[], extable_end[];

static uint64_t relative(const int32_t *word)
{
    return (uint64_t)word + (uint64_t)(int64_t)*word;
}

uint64_t extable_find(uint64_t rip)
{
    for (const struct extable_row *row = extable_start; row < extable_end; row++)
        if (relative(&row->fault) == rip)
            return relative(&row->fixup);
    return 0;
}

static bool trap_fixup(struct trap_frame *frame)
{
    uint64_t fixup = extable_find(frame->rip);
    if (fixup)
        frame->rip = fixup;
    return fixup;
}

static const struct trap_kind {
    const char *name;
    int signal, code; /* what a program gets */
} trap_kinds[] = {
    [TRAP_DIVIDE] = {"divide error", ABI_SIGFPE, ABI_FPE_INTDIV},
    [TRAP_DEBUG] = {"debug trap", ABI_SIGTRAP, ABI_TRAP_TRACE},
    [TRAP_NMI] = {"non-maskable interrupt", 0, 0},
    [TRAP_BREAKPOINT] = {"breakpoint", ABI_SIGTRAP, ABI_SI_KERNEL},
    [TRAP_OVERFLOW] = {"overflow", ABI_SIGSEGV, ABI_SI_KERNEL},
    [TRAP_BOUND] = {"bound range exceeded", ABI_SIGSEGV, ABI_SI_KERNEL},
    [TRAP_INVALID] = {"invalid opcode", ABI_SIGILL, ABI_ILL_ILLOPN},
    [TRAP_NO_FPU] = {"device not available", 0, 0},
    [TRAP_DOUBLE] = {"double fault", 0, 0},
    [TRAP_TSS] = {"invalid TSS", ABI_SIGSEGV, ABI_SI_KERNEL},
    [TRAP_SEGMENT] = {"segment not present", ABI_SIGBUS, ABI_SI_KERNEL},
    [TRAP_STACK] = {"stack-segment fault", ABI_SIGBUS, ABI_SI_KERNEL},
    [TRAP_PROTECTION] = {"general protection fault", ABI_SIGSEGV, ABI_SI_KERNEL},
    [TRAP_PAGE] = {"page fault", ABI_SIGSEGV, ABI_SEGV_MAPERR},
    [TRAP_FPU] = {"x87 error", ABI_SIGFPE, 0},
    [TRAP_ALIGNMENT] = {"alignment check", ABI_SIGBUS, ABI_BUS_ADRALN},
    [TRAP_MACHINE] = {"machine check", 0, 0},
    [TRAP_SIMD] = {"SIMD error", ABI_SIGFPE, 0},
};

static const struct trap_kind *trap_kind(uint64_t vector)
{
    static const struct trap_kind other = {"unexpected trap", ABI_SIGSEGV, ABI_SI_KERNEL};
    if (vector < sizeof trap_kinds / sizeof trap_kinds[0] && trap_kinds[vector].name)
        return &trap_kinds[vector];
    return &other;
}

/* Interrupts come back on for what may sleep, if the trapped code had them. */
static void trap_enable_interrupts(const struct trap_frame *frame)
{
    if (frame->rflags & RFLAGS_IF)
        __asm__ volatile("sti" ::: "memory");
}

static void interrupts_off(void)
{
    __asm__ volatile("cli" ::: "memory");
}

/* ---- Exceptions ---- */

/* Of a page fault's error code. */
#define ERROR_PRESENT 1u
#define ERROR_WRITE   2u
#define ERROR_USER    4u
#define ERROR_EXECUTE 16u

static _Noreturn void trap_kernel_fatal(const struct trap_frame *frame, uint64_t address)
{
    const struct trap_kind *kind = trap_kind(frame->vector);
    if (frame->vector != TRAP_PAGE)
        panic_frame(frame, "%s in the kernel, error %#lx", kind->name, frame->error);
    panic_frame(frame, "%s in the kernel: %s of %#lx%s", kind->name,
                frame->error & ERROR_EXECUTE ? "execution"
                : frame->error & ERROR_WRITE ? "write"
                                             : "read",
                address,
                frame->error & ERROR_PRESENT ? ", forbidden"
                : address < PAGE_SIZE        ? ", a NULL pointer"
                                             : "");
}

/* Only the lower half is kernel/mem's to resolve: nothing of the kernel's own is mapped on demand.
 */
static void trap_page_fault(struct trap_frame *frame)
{
    uint64_t address = cr2_read();
    bool user = trap_from_user(frame);
    int signal = ABI_SIGSEGV, code = ABI_SEGV_MAPERR;
    if (user && !(frame->error & ERROR_USER)) {
        /* The CPU's own access on the program's behalf, to a descriptor or (a fault of emulators)
         * to its stack in a far return. There is nothing to bring in. */
        code = ABI_SI_KERNEL;
    } else if (user || address < USER_END) {
        trap_enable_interrupts(frame);
        bool resolved = space_trap(frame, address, &signal, &code);
        interrupts_off();
        if (resolved)
            return;
    }
    if (user) {
        trap_enable_interrupts(frame);
        process_trap(frame, signal, code, address);
        interrupts_off();
    } else if (!trap_fixup(frame)) {
        trap_kernel_fatal(frame, address);
    }
}

static void trap_user_exception(struct trap_frame *frame)
{
    const struct trap_kind *kind = trap_kind(frame->vector);
    int code = kind->code;
    if (frame->vector == TRAP_FPU || frame->vector == TRAP_SIMD)
        code = fpu_error_code(frame->vector == TRAP_SIMD);
    trap_enable_interrupts(frame);
    process_trap(frame, kind->signal, code, frame->rip);
    interrupts_off();
}

static void trap_exception(struct trap_frame *frame)
{
    if (frame->vector == TRAP_PAGE)
        trap_page_fault(frame);
    else if (!trap_from_user(frame) && !trap_fixup(frame))
        trap_kernel_fatal(frame, 0);
    else if (trap_from_user(frame) && frame->vector == TRAP_NO_FPU)
        fpu_trap();
    else if (trap_from_user(frame))
        trap_user_exception(frame);
}

/* ---- Interrupts ---- */

/* What the CPU was doing when the timer fired, for times(2) and its relatives. */
static void account_sample(bool from_user)
{
    struct thread *thread = current_thread();
    struct cpu *cpu = this_cpu();
    if (!thread || thread == cpu->idle)
        return;
    from_user ? thread->user_ticks++ : thread->system_ticks++;
    from_user ? cpu->user_ticks++ : cpu->system_ticks++;
}

static void interrupt_handle(uint64_t vector, bool from_user)
{
    switch (vector) {
    case TRAP_TIMER:
        apic_eoi();
        account_sample(from_user);
        timer_interrupt();
        break;
    case TRAP_RESCHEDULE:
        apic_eoi();
        this_cpu()->need_resched = true;
        preempt_mark_pending();
        break;
    case TRAP_TLB:
        tlb_interrupt();
        apic_eoi();
        break;
    case TRAP_STOP:
        smp_stopped();
    case TRAP_SPURIOUS:
        break; /* the APIC wants no acknowledgement for these */
    default:
        irq_interrupt((unsigned)vector);
    }
}

/* Runs what interrupts left, with interrupts on. The count is raised while they are being switched
 * on, so that interrupts which come at that very moment don't pile up on the stack. */
static void trap_run_pending(void)
{
    preempt_disable();
    __asm__ volatile("sti" ::: "memory");
    preempt_enable();
    interrupts_off();
}

static void trap_interrupt(struct trap_frame *frame)
{
    struct cpu *cpu = this_cpu();
    cpu->interrupt_depth++;
    cpu->interrupts++;
    interrupt_handle(frame->vector, trap_from_user(frame));
    cpu->interrupt_depth--;
    if (!trap_from_user(frame) && preempt_raw() == 0 && frame->rflags & RFLAGS_IF)
        trap_run_pending();
}

void trap_dispatch(struct trap_frame *frame)
{
    if (frame->vector >= TRAP_DEVICE_FIRST) {
        trap_interrupt(frame);
        frame->error = (uint64_t)-1;
    } else {
        trap_exception(frame);
        if (trap_from_user(frame))
            frame->error = (uint64_t)-1;
    }
    if (trap_from_user(frame))
        trap_leave_user(frame);
}

/* An address that IRET would refuse, in the kernel's own context. */
static bool trap_canonical(uint64_t address)
{
    return (uint64_t)((int64_t)(address << 16) >> 16) == address;
}

void trap_leave_user(struct trap_frame *frame)
{
    struct thread *thread = current_thread();
    for (;;) {
        if (preempt_raw() == 0) {
            trap_run_pending();
        } else if (atomic_load_explicit(&thread->work, memory_order_relaxed)) {
            __asm__ volatile("sti" ::: "memory");
            process_user_work(frame);
            interrupts_off();
        } else if (!trap_canonical(frame->rip)) {
            __asm__ volatile("sti" ::: "memory");
            process_trap(frame, ABI_SIGSEGV, ABI_SI_KERNEL, frame->rip);
            interrupts_off();
        } else {
            return;
        }
    }
}

/* ---- The careful way: NMI (an order to stop, or somebody's wish to see where we hang), double
 * fault, machine check ---- */

void trap_paranoid_dispatch(struct trap_frame *frame)
{
    uint64_t address = cr2_read();
    if (frame->vector == TRAP_NMI && smp_stopping())
        smp_stopped();
    if (frame->vector == TRAP_DOUBLE && vmap_is_guard(address))
        panic_frame(frame, "kernel stack overflow at %#lx", address);
    panic_frame(frame, "%s", trap_kind(frame->vector)->name);
}
