/*
 * Threads and the scheduler.
 *
 * Sleeping:  thread_sleep_prepare(kind); if (!condition) thread_sleep(deadline);
 * thread_sleep_finish(); A thread_wake between prepare and sleep makes the sleep return at once, so
 * a waker that changes the condition first and wakes second is never missed. Wakes may be spurious:
 * callers loop on their condition.
 *
 * Locks: run_queue.lock (spin, one a CPU) is the innermost lock of the kernel but the log's:
 * thread_wake may be called with any other lock held.
 */
#ifndef KERNEL_TASK_THREAD_H
#define KERNEL_TASK_THREAD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sluice/list.h>
#include "kernel/abi/types.h"
#include "kernel/cpu/spinlock.h"
#include "kernel/cpu/trap.h"
#include "kernel/task/pheap.h"

struct process;
struct semaphore_undos;
struct space;

enum thread_state { THREAD_RUNNING, THREAD_SLEEPING, THREAD_DEAD };

enum sleep_kind {
    SLEEP_UNINTERRUPTIBLE, /* only thread_wake and the deadline end it; shown as D */
    SLEEP_INTERRUPTIBLE,   /* pending signals end it */
    SLEEP_KILLABLE,        /* fatal signals end it */
};

/* Bits of thread->work: looked at before each return to user mode (nonzero: process_user_work) and
 * by interruptible sleeps. */
#define WORK_SIGNAL       1u /* a signal that is not blocked is pending */
#define WORK_STOP         2u /* the process is stopped: park */
#define WORK_EXIT         4u /* the process ends: this thread exits; makes killable sleeps end too */
#define WORK_RESTORE_MASK 8u /* sigsuspend, ppoll ...: put saved_mask back if no handler runs */

#define THREAD_STACK_SIZE 16384ul
#define THREAD_NAME_SIZE  16

struct thread {
    /* Known to switch.S and entry.S. */
    uint64_t stack_pointer; /* 0: saved while switched out */
    uint64_t stack_top;     /* 8: of the kernel stack */
    _Atomic uint32_t work;  /* 16 */
    uint32_t cpu; /* 20: where it runs or last ran; guarded by run_queue.lock of that CPU */

    void *stack;
    struct space *space;        /* what to load; NULL for kernel threads */
    struct cred *cred_override; /* access(2): in force instead of the process's; else NULL */
    struct process *process;    /* NULL for kernel threads */
    uint64_t fs_base, gs_base;  /* user segment bases, saved at switch */
    void *fpu_area;             /* aligned to 64, inside fpu_memory; NULL for kernel threads */
    void *fpu_memory;
    uint32_t fpu_cpu;            /* CPU that may hold this state live, for fpu.c */
    char name[THREAD_NAME_SIZE]; /* comm; guarded by being written only by the thread itself or
                                    before start */

    _Atomic uint32_t state;
    enum sleep_kind sleep_kind;
    /* Guarded by the lock of the run queue of `cpu`. */
    bool queued;     /* on the run queue's heap */
    bool migrating;  /* preempted where it may no longer run: goes to another queue after the switch
                      */
    bool reclaiming; /* its own: asks others for memory, kernel/mem/pages.c */
    struct pheap_node run_node;
    struct list run_link; /* on the list of the dead */
    uint64_t slice_end;   /* ns */
    uint64_t affinity;    /* CPUs it may run on */
    int nice;
    int policy;             /* ABI_SCHED_* */
    uint32_t priority;      /* the higher of the next two */
    uint32_t own_priority;  /* of the real-time policies, 1 to SCHED_PRIORITY_MAX; 0: none */
    uint32_t lent_priority; /* by those who wait for what it owns: pi_lock.c */
    bool takes_turns;       /* with those of the same priority */
    bool reset_on_fork;     /* children begin with neither */
    uint64_t virtual_time;  /* fair ordering, ns scaled by weight */
    uint64_t cpu_time;      /* ns run in all; user and system parts below */
    uint64_t urgent_from;   /* what that was when it last woke with a priority, or was given one */
    uint64_t user_ticks, system_ticks; /* samples */
    uint64_t switched_at;              /* when it last got the CPU or changed mode */
    uint64_t voluntary, involuntary;   /* switches */
    _Atomic uint32_t references;

    /* Process layer (kernel/task/process.c, signal.c, futex.c). */
    int32_t tid;
    struct list process_link; /* process->threads */
    uint64_t signal_mask, saved_mask;
    uint64_t signals_awaited; /* by sigtimedwait: taken even where ignored; process->signal_lock */
    struct signal_queue {
        abi_sigset_t pending;
        struct list infos; /* queued records, in order; signal.c */
        uint32_t count;    /* of them */
    } signals;             /* pending for this thread alone; process->signal_lock */
    struct signal_stack {
        uint64_t base, size;
        int flags;
    } signal_stack;
    uint64_t set_child_tid; /* user addresses, or 0 */
    uint64_t clear_child_tid;
    uint64_t robust_list, robust_list_size;
    struct list pi_owned;         /* locks that others wait for: pi_lock.c */
    struct pi_waiter *pi_waiting; /* or NULL */
    bool pi_ended;                /* it will own no lock any more */
    struct trap_frame *frame;     /* its entry from user mode */
    uint64_t fault_address;       /* of its last trap, for signal frames */
    struct restart {
        long (*function)(const long data[4]);
        long data[4];
    } restart;        /* how restart_syscall goes on; function NULL: it can't */
    void *vfork_done; /* process.c */
    struct semaphore_undos *semaphore_undos; /* kernel/sys/semaphores.h; NULL: none yet */
    int32_t exit_code;
    void (*kernel_entry)(void *arg);
    void *kernel_arg;
};

_Static_assert(offsetof(struct thread, stack_top) == 8 && offsetof(struct thread, work) == 16,
               "assembly");

/* ---- Life ---- */

void sched_init(void); /* boot CPU: run queue, idle thread = the boot thread becomes "main" */
_Noreturn void sched_cpu_main(void); /* an application processor's life: becomes its idle thread */

/* A new thread, not running: it will start at ENTRY(ARG) in kernel mode on its own stack, with one
 * reference for the caller and one of its own, dropped when it has ended. PROCESS may be NULL.
 * NULL: no memory. [thread] */
struct thread *thread_create(const char *name, void (*entry)(void *arg), void *arg);
void thread_start(struct thread *thread);
/* Gives THREAD a save area for FPU registers, which user mode needs. false: no memory. */
bool thread_allocate_fpu(struct thread *thread);
/* Frees a thread that was never started: both references. */
void thread_discard(struct thread *thread);
_Noreturn void thread_exit(void);
void thread_ref(struct thread *thread);
void thread_unref(struct thread *thread);
/* create + start + unref; for env_thread_start and kernel services. 0 or -ABI_ENOMEM. */
int thread_run(const char *name, void (*entry)(void *arg), void *arg);

/* ---- Sleeping and waking ---- */

void thread_sleep_prepare(enum sleep_kind kind);
/* 0: woken (or spurious); -ABI_ETIMEDOUT: DEADLINE (clock_monotonic, ENV_FOREVER for none) passed;
 * -ABI_EINTR: a signal as KIND allows. */
int thread_sleep(uint64_t deadline);
/* The same with a deadline on either clock; one on clock_real moves when that is set. */
struct deadline {
    uint64_t time;
    bool real;
};
int thread_sleep_until(struct deadline deadline);
void thread_sleep_finish(void);
/* Makes THREAD runnable if it sleeps or is about to. true when this call did it. [any] */
bool thread_wake(struct thread *thread);
/* Wakes it from interruptible (or killable, when FATAL) sleeps: a signal arrived. [any] */
void thread_interrupt(struct thread *thread, bool fatal);

void thread_yield(void);
/* The scheduler proper; called with preemption disabled once. */
void schedule(void);
void thread_set_affinity(struct thread *thread, uint64_t mask);
void thread_set_nice(struct thread *thread, int nice);
/* POLICY is one of ABI_SCHED_*, PRIORITY what it allows. */
#define SCHED_PRIORITY_MAX 99u
void thread_set_policy(struct thread *thread, int policy, uint32_t priority, bool reset_on_fork);
/* PRIORITY, or 0, is lent to THREAD; true: so it has another one now than before. [any] */
bool thread_lend_priority(struct thread *thread, uint32_t priority);

/* How long THREAD has run, ns, exact also while it runs. Takes its queue's lock. */
uint64_t thread_runtime(const struct thread *thread);
/* That time in user mode and in the kernel, split by what the ticks saw. */
void thread_times(const struct thread *thread, uint64_t *user, uint64_t *system);
/* Adds the time since it got the CPU, or since the last tick, to the current thread's times: what
 * they say then is exact. */
void thread_charge(void);

/* For /proc: run-queue lengths and load averages (fixed point, 11 bits of fraction as Linux has
 * them). */
uint32_t sched_running(void);
struct cpu;
uint64_t sched_idle_ns(const struct cpu *cpu); /* that it had nothing to run */
void sched_load(uint32_t out[3]);

#endif
