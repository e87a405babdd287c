/* Threads: making, starting, ending them. */
#include "kernel/task/thread.h"
#include <sluice/clock_timer.h>
#include <sluice/string.h>
#include "kernel/abi/errno.h"
#include "kernel/cpu/clock.h"
#include "kernel/cpu/fpu.h"
#include "kernel/log.h"
#include "kernel/mem/heap.h"
#include "kernel/mem/vmap.h"
#include "kernel/task/process.h"
#include "kernel/task/sched.h"
#include "kernel/task/timer.h"

/* Frame that thread_switch pops for a thread that never ran. */
struct first_frame {
    uint64_t r15, r14, r13, r12, rbx, rbp;
    uint64_t rip;
    uint64_t pad[2]; /* keeps the stack aligned as a call wants it */
};

void thread_main(struct thread *prev);

void thread_main(struct thread *prev)
{
    struct thread *self = current_thread();
    sched_switched(prev);
    preempt_enable(); /* the count that schedule() was called with */
    self->kernel_entry(self->kernel_arg);
    thread_exit();
}

struct thread *thread_create(const char *name, void (*entry)(void *arg), void *arg)
{
    sched_reap();
    struct thread *thread = heap_alloc(sizeof *thread, HEAP_ZERO);
    if (!thread)
        return NULL;
    thread->stack = vmap_stack_alloc(THREAD_STACK_SIZE);
    if (!thread->stack) {
        heap_free(thread);
        return NULL;
    }
    thread->stack_top = (uint64_t)thread->stack + THREAD_STACK_SIZE;
    /* The entry frame from user mode has its place at the top, also for a thread that begins in the
     * kernel. */
    thread->frame = trap_user_frame(thread->stack_top);
    struct first_frame *frame = (struct first_frame *)thread->frame - 1;
    *frame = (struct first_frame){.rip = (uint64_t)thread_begin};
    thread->stack_pointer = (uint64_t)frame;
    thread->kernel_entry = entry;
    thread->kernel_arg = arg;
    thread->affinity = ~0ull;
    thread->fpu_cpu = CPU_MAX;
    atomic_init(&thread->references, 2);
    atomic_init(&thread->state, THREAD_SLEEPING);
    list_init(&thread->process_link);
    list_init(&thread->pi_owned);
    list_init(&thread->signals.infos);
    size_t length = strlen(name);
    memcpy(thread->name, name, length < THREAD_NAME_SIZE ? length : THREAD_NAME_SIZE - 1);
    return thread;
}

bool thread_allocate_fpu(struct thread *thread)
{
    thread->fpu_memory = heap_alloc(fpu_area_size() + 63, 0);
    if (!thread->fpu_memory)
        return false;
    thread->fpu_area = (void *)(((uintptr_t)thread->fpu_memory + 63) & ~63ul);
    fpu_area_init(thread->fpu_area);
    return true;
}

void thread_start(struct thread *thread)
{
    thread_wake(thread);
}

int thread_run(const char *name, void (*entry)(void *arg), void *arg)
{
    struct thread *thread = thread_create(name, entry, arg);
    if (!thread)
        return -ABI_ENOMEM;
    thread_start(thread);
    thread_unref(thread);
    return 0;
}

void thread_ref(struct thread *thread)
{
    atomic_fetch_add_explicit(&thread->references, 1, memory_order_relaxed);
}

void thread_unref(struct thread *thread)
{
    if (atomic_fetch_sub_explicit(&thread->references, 1, memory_order_acq_rel) != 1)
        return;
    if (thread->process)
        process_unref(thread->process);
    if (thread->stack)
        vmap_stack_free(thread->stack, THREAD_STACK_SIZE);
    heap_free(thread->fpu_memory);
    heap_free(thread);
}

void thread_discard(struct thread *thread)
{
    thread_unref(thread);
    thread_unref(thread);
}

void thread_times(const struct thread *thread, uint64_t *user, uint64_t *system)
{
    uint64_t time = thread_runtime(thread);
    uint64_t in_user = thread->user_ticks, ticks = in_user + thread->system_ticks;
    *user = ticks ? (uint64_t)((unsigned __int128)time * in_user / ticks) : 0;
    *system = time - *user;
}

void thread_exit(void)
{
    sched_reap();
    preempt_disable();
    atomic_store(&current_thread()->state, THREAD_DEAD);
    schedule();
    panic("a dead thread runs");
}

void thread_sleep_prepare(enum sleep_kind kind)
{
    struct thread *self = current_thread();
    self->sleep_kind = kind;
    /* A full barrier: the sleeper's later look at its condition can't move above it (see
     * thread_wake). */
    atomic_exchange(&self->state, THREAD_SLEEPING);
}

void thread_sleep_finish(void)
{
    atomic_store(&current_thread()->state, THREAD_RUNNING);
}

static bool thread_sleep_broken(const struct thread *self)
{
    uint32_t work = atomic_load(&self->work);
    switch (self->sleep_kind) {
    case SLEEP_INTERRUPTIBLE:
        return work & (WORK_SIGNAL | WORK_STOP | WORK_EXIT);
    case SLEEP_KILLABLE:
        return work & WORK_EXIT;
    default:
        return false;
    }
}

static void thread_sleep_timeout(void *thread)
{
    thread_wake(thread);
}

static void thread_sleep_switch(void)
{
    preempt_disable();
    schedule();
    preempt_enable();
}

int thread_sleep(uint64_t deadline)
{
    struct thread *self = current_thread();
    /* The interrupter sets the work bit first and wakes second; we said "sleeping" first and look
     * at the bit second. */
    if (thread_sleep_broken(self)) {
        thread_sleep_finish();
        return -ABI_EINTR;
    }
    if (deadline == ENV_FOREVER) {
        thread_sleep_switch();
    } else if (clock_monotonic() >= deadline) {
        thread_sleep_finish();
        return -ABI_ETIMEDOUT;
    } else {
        ktimer_t timer;
        timer_init(&timer, thread_sleep_timeout, self);
        timer_start(&timer, deadline);
        thread_sleep_switch();
        timer_stop(&timer);
        if (clock_monotonic() >= deadline)
            return thread_sleep_broken(self) ? -ABI_EINTR : -ABI_ETIMEDOUT;
    }
    return thread_sleep_broken(self) ? -ABI_EINTR : 0;
}

static int thread_sleep_real(int64_t time)
{
    struct thread *self = current_thread();
    struct clock_timer timer;
    if (thread_sleep_broken(self) || clock_real() >= time) {
        thread_sleep_finish();
    } else {
        clock_timer_init(&timer, thread_sleep_timeout, self);
        clock_timer_start(&timer, time, true);
        thread_sleep_switch();
        clock_timer_stop(&timer);
    }
    return thread_sleep_broken(self) ? -ABI_EINTR : clock_real() >= time ? -ABI_ETIMEDOUT : 0;
}

int thread_sleep_until(struct deadline deadline)
{
    return deadline.real ? thread_sleep_real((int64_t)deadline.time) : thread_sleep(deadline.time);
}

void thread_interrupt(struct thread *thread, bool fatal)
{
    enum sleep_kind kind = thread->sleep_kind;
    if (kind == SLEEP_INTERRUPTIBLE || (fatal && kind == SLEEP_KILLABLE))
        if (thread_wake(thread))
            return;
    sched_notice(thread);
}
