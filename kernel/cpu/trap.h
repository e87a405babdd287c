/*
 * Traps, interrupts and the system-call entry (kernel/cpu/entry.S builds the frame;
 * kernel/cpu/trap.c dispatches).
 *
 * The same frame for all three. A system call enters with interrupts on after the stack switch;
 * `error` then holds the call's number (-1 for traps that are not system calls and interrupts,
 * where a restart must not happen; a system call that rewrites its frame, exec or sigreturn, sets
 * it to -1 too).
 *
 * While a system call runs, the registers that C preserves, RAX, RCX, R11 and the segments are
 * missing from its frame, unless kernel/abi/syscalls.tbl marks it by an asterisk.
 */
#ifndef KERNEL_CPU_TRAP_H
#define KERNEL_CPU_TRAP_H

#include <stdbool.h>
#include <stdint.h>

struct trap_frame {
    uint64_t r15, r14, r13, r12, rbp, rbx; /* preserved by C */
    uint64_t r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
    uint64_t vector; /* TRAP_SYSCALL for system calls */
    uint64_t error;  /* the CPU's error code; for a system call its number (orig_rax) */
    uint64_t rip, cs, rflags, rsp, ss;
};

#define TRAP_SYSCALL 0x100

enum trap_vector {
    TRAP_DIVIDE = 0,
    TRAP_DEBUG = 1,
    TRAP_NMI = 2,
    TRAP_BREAKPOINT = 3,
    TRAP_OVERFLOW = 4,
    TRAP_BOUND = 5,
    TRAP_INVALID = 6,
    TRAP_NO_FPU = 7,
    TRAP_DOUBLE = 8,
    TRAP_TSS = 10,
    TRAP_SEGMENT = 11,
    TRAP_STACK = 12,
    TRAP_PROTECTION = 13,
    TRAP_PAGE = 14,
    TRAP_FPU = 16,
    TRAP_ALIGNMENT = 17,
    TRAP_MACHINE = 18,
    TRAP_SIMD = 19,
    TRAP_DEVICE_FIRST = 0x30, /* device interrupts, allocated by irq.c */
    TRAP_DEVICE_LAST = 0xdf,
    TRAP_TIMER = 0xf0,
    TRAP_RESCHEDULE = 0xf1,
    TRAP_TLB = 0xf2,
    TRAP_STOP = 0xf3,
    TRAP_SPURIOUS = 0xff,
};

#define SELECTOR_KERNEL_CODE 0x08
#define SELECTOR_KERNEL_DATA 0x10
#define SELECTOR_USER_DATA   0x23 /* SYSRET wants data before code */
#define SELECTOR_USER_CODE   0x2b
#define SELECTOR_TSS         0x30

static inline bool trap_from_user(const struct trap_frame *frame)
{
    return frame->cs & 3;
}

/* The frame of the current thread's entry from user mode, at the top of its kernel stack. */
static inline struct trap_frame *trap_user_frame(uint64_t kernel_stack_top)
{
    return (struct trap_frame *)kernel_stack_top - 1;
}

/* Descriptor tables and entry points of this CPU. The boot CPU first; each application processor
 * for itself. */
void trap_init_cpu(void);
/* Sets the stack that traps from user mode and system calls start on (TSS rsp0 and
 * cpu->syscall_frame). Called at each thread switch. */
void trap_set_kernel_stack(uint64_t top);

/*
 * Called by trap.c, implemented elsewhere:
 */
/* kernel/task: an exception raised by a user program becomes a signal; page faults come here only
 * when kernel/mem refused them. ADDRESS is CR2 for page faults, else rip. SIGNAL and CODE are ABI
 * values. */
void process_trap(struct trap_frame *frame, int signal, int code, uint64_t address);
/* kernel/task: before going back to user mode with work pending (thread->work != 0): signals, stop,
 * exit. Interrupts on. */
void process_user_work(struct trap_frame *frame);
/* kernel/sys: called by entry.S. The system call in FRAME, one of those that need it whole; its
 * result goes to frame->rax. */
void syscall_dispatch(struct trap_frame *frame);
/* The result of a number beyond the table's end. */
long syscall_unknown(uint64_t number);
/* kernel/mem: a page fault at ADDRESS; error bits as the CPU gives them. Handles user faults and
 * faults of usercopy. true when resolved; otherwise *signal and *code say what the program gets. */
bool space_trap(struct trap_frame *frame, uint64_t address, int *signal, int *code);
/* kernel/task: the local timer fired; runs in hardware interrupt context: only marks (queues the
 * timer queue's deferred, sets need_resched). */
void timer_interrupt(void);

/* trap.c: the last thing before user mode: preemption and process_user_work until nothing is
 * pending. Called by entry.S and returns with interrupts off. */
void trap_leave_user(struct trap_frame *frame);
/* trap.c: traps that came by entry.S. */
void trap_dispatch(struct trap_frame *frame);
void trap_paranoid_dispatch(struct trap_frame *frame);
/* kernel/mem: another CPU asks this one to drop translations; hardware interrupt context. */
void tlb_interrupt(void);

/* Goes to user mode with FRAME's registers: for the first return of a new thread (fork's child,
 * exec). entry.S */
_Noreturn void trap_return_user(struct trap_frame *frame);

#endif
