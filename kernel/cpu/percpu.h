/*
 * Per-CPU data, reached through the GS base, and the preemption count.
 *
 * The first fields are known to assembly (offsets asserted below). `preempt` counts reasons not to
 * switch threads on this CPU: spinlocks held, interrupt handlers, deferred work running. Its top
 * bit is inverted "nothing is pending": interrupts clear it when they leave work (a deferred
 * handler or a wish to reschedule), so that preempt_enable's decrement reaches zero exactly when
 * the count is zero *and* something is pending. One instruction and a jump on the fast path; no
 * interrupt masking anywhere in locks.
 */
#ifndef KERNEL_CPU_PERCPU_H
#define KERNEL_CPU_PERCPU_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sluice/list.h>

#define CPU_MAX         64 /* bits in a cpu mask word */
#define PREEMPT_NOTHING 0x80000000u

struct thread;
struct trap_frame;
struct run_queue;
struct timer_queue;

struct cpu {
    struct cpu *self;                 /* 0 */
    struct trap_frame *syscall_frame; /* 8: at the top of the current thread's kernel stack; becomes
                                         the stack pointer at system-call entry */
    uint64_t user_stack;              /* 16: scratch of the system-call entry */
    uint32_t preempt;                 /* 24 */
    uint32_t id;                      /* 28: 0 .. cpu_count-1 */
    struct thread *current;           /* 32 */
    uint32_t interrupt_depth; /* 40: hardware interrupts being handled (not deferred work) */
    uint32_t apic_id;
    /* Deferred handlers queued on this CPU by interrupts; touched with interrupts off. */
    struct list deferred;
    bool in_deferred;  /* deferred handlers are running on this CPU */
    bool need_resched; /* the current thread should give way */
    volatile bool online;
    struct run_queue *run_queue;     /* kernel/task */
    struct timer_queue *timer_queue; /* kernel/task */
    struct thread *idle;
    void *arch;       /* kernel/cpu: GDT, TSS, stacks */
    void *space;      /* kernel/mem: the address space whose tables are loaded (struct space *) */
    void *page_cache; /* kernel/mem: private free pages */
    void *heap_cache; /* kernel/mem */
    struct thread *fpu_owner; /* whose registers the FPU holds, or NULL */
    uint64_t interrupts;      /* counts for /proc */
    uint64_t switches;
    _Atomic uint64_t idle_word;        /* sched_idle_ns */
    uint64_t user_ticks, system_ticks; /* samples of what it did when it wasn't idle */
};

_Static_assert(offsetof(struct cpu, syscall_frame) == 8, "entry.S");
_Static_assert(offsetof(struct cpu, user_stack) == 16, "entry.S");
_Static_assert(offsetof(struct cpu, preempt) == 24, "entry.S, env_inline.h");
_Static_assert(offsetof(struct cpu, id) == 28, "cpu_index");
_Static_assert(offsetof(struct cpu, current) == 32, "entry.S, env_inline.h");
_Static_assert(offsetof(struct cpu, interrupt_depth) == 40, "entry.S");

extern struct cpu *cpus[CPU_MAX]; /* by id; entries 0 .. cpu_count-1 */
extern uint32_t cpu_count;        /* CPUs that run; 1 until smp_start returns */

/* percpu.c. The boot CPU's own is ready when percpu_init_boot returns, as the first thing in C. */
void percpu_init_boot(void);
void percpu_init(struct cpu *cpu, uint32_t id, void *arch);
void percpu_load(struct cpu *cpu); /* makes CPU this CPU's */

/* Valid while preemption is off; for one field prefer the accessors below, single instructions that
 * need no such care. */
static inline struct cpu *this_cpu(void)
{
    struct cpu *cpu;
    __asm__ volatile("movq %%gs:0, %0" : "=r"(cpu));
    return cpu;
}

static inline uint32_t cpu_index(void)
{
    uint32_t id;
    __asm__ volatile("movl %%gs:28, %0" : "=r"(id));
    return id;
}

static inline struct thread *current_thread(void)
{
    struct thread *thread;
    __asm__ volatile("movq %%gs:32, %0" : "=r"(thread));
    return thread;
}

static inline uint32_t preempt_count(void)
{
    uint32_t value;
    __asm__ volatile("movl %%gs:24, %0" : "=r"(value));
    return value & ~PREEMPT_NOTHING;
}

/* Count and mark together: zero means nothing forbids a switch and something is pending. */
static inline uint32_t preempt_raw(void)
{
    uint32_t value;
    __asm__ volatile("movl %%gs:24, %0" : "=r"(value));
    return value;
}

static inline void preempt_disable(void)
{
    __asm__ volatile("incl %%gs:24" ::: "memory", "cc");
}

/* Runs deferred handlers and reschedules as needed; called with the count zero and something
 * pending. kernel/task/sched.c */
void preempt_pending(void);

static inline void preempt_enable(void)
{
    bool pending;
    __asm__ volatile("decl %%gs:24" : "=@ccz"(pending)::"memory");
    if (__builtin_expect(pending, 0))
        preempt_pending();
}

/* Drops the count without acting on what is pending: for the scheduler itself. */
static inline void preempt_enable_quiet(void)
{
    __asm__ volatile("decl %%gs:24" ::: "memory", "cc");
}

/* Marks that something waits for the count to reach zero. Called on the CPU itself, usually by an
 * interrupt. */
static inline void preempt_mark_pending(void)
{
    __asm__ volatile("andl $0x7fffffff, %%gs:24" ::: "memory", "cc");
}

static inline void preempt_clear_pending(void)
{
    __asm__ volatile("orl $0x80000000, %%gs:24" ::: "memory", "cc");
}

static inline void cpu_pause(void)
{
    __builtin_ia32_pause();
}

static inline uint64_t interrupts_save(void)
{
    uint64_t flags;
    __asm__ volatile("pushfq; popq %0; cli" : "=r"(flags)::"memory");
    return flags;
}

static inline void interrupts_restore(uint64_t flags)
{
    if (flags & 0x200)
        __asm__ volatile("sti" ::: "memory");
}

static inline bool interrupts_enabled(void)
{
    uint64_t flags;
    __asm__ volatile("pushfq; popq %0" : "=r"(flags));
    return flags & 0x200;
}

#endif
