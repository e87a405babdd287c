/*
 * The scheduler: a run queue a CPU, ordered by virtual time, so that each thread gets its weighted
 * share and one that slept runs before one that computed. Threads with a real-time priority have a
 * queue of their own beside it and go first: the highest, and among equals in turn. For a twentieth
 * of each second they leave the CPU to the others that wait for it, so that a machine with one that
 * never ends can still be used.
 *
 * Placement: a woken thread goes to the waker's own queue. Waker and woken usually hand work to
 * each other, and under emulation and on real machines alike a cross-CPU wake costs ten local ones.
 * When it has to wait there, the tick offers it to an idle CPU, which takes it. Idle CPUs also look
 * around before they halt.
 *
 * Switching: run_queue.lock is held across thread_switch and released by the thread switched to
 * (sched_switched). So whoever sees a thread SLEEPING under that lock knows that its registers are
 * saved, unless it is run_queue.current.
 *
 * A thread may be preempted between thread_sleep_prepare and thread_sleep: it then stays on the
 * queue with state SLEEPING (queued is set), and thread_wake only changes the state.
 *
 * Lock order: run_queue.lock is innermost. Two are taken together only by sched_steal, the second
 * by trylock.
 */
#include "kernel/task/sched.h"
#include <sluice/string.h>
#include "kernel/abi/sched.h"
#include "kernel/cpu/apic.h"
#include "kernel/cpu/clock.h"
#include "kernel/cpu/features.h"
#include "kernel/cpu/fpu.h"
#include "kernel/cpu/segments.h"
#include "kernel/log.h"
#include "kernel/mem/heap.h"
#include "kernel/mem/space.h"
#include "kernel/task/cpu_clock.h"
#include "kernel/task/defer.h"
#include "kernel/task/pheap.h"
#include "kernel/task/timer.h"

#define URGENT_PERIOD_NS 1000000000ull
#define URGENT_PART_NS   950000000ull

struct run_queue {
    spinlock_t lock;
    struct pheap ready;             /* threads waiting for this CPU; key: virtual time */
    struct pheap urgent;            /* those with a real-time priority; key: priority, then turn */
    uint32_t ready_count;           /* of both */
    uint64_t first_turn, last_turn; /* given to one that goes ahead of its equals, or behind */
    uint64_t urgent_since, urgent_used; /* ns: when the period began, what was used of it */
    uint32_t priority;                  /* of `current`; others look at it without the lock */
    struct thread *current;
    struct thread *idle;
    uint64_t least_virtual; /* never goes back; newcomers start no earlier than a slice before it */
    uint64_t oldest_wait;   /* when the queue last became non-empty */
    struct list dead;       /* threads that ended here; freed by sched_reap */
};

static _Atomic uint64_t idle_cpus; /* bit a CPU: it halts or is about to */

/* Load averages over 1, 5 and 15 minutes, 11 bits of fraction, sampled every five seconds as Linux
 * does. */
#define LOAD_INTERVAL_NS 5000000000ull
#define LOAD_ONE         2048u
static const uint32_t load_decay[3] = {1884, 2014, 2037};
static uint32_t load_average[3];
static ktimer_t load_timer;

static struct run_queue *run_queue_of(uint32_t cpu)
{
    return cpus[cpu]->run_queue;
}

static struct thread *thread_of(struct pheap_node *node)
{
    return container_of(node, struct thread, run_node);
}

/* Weights grow by a quarter a nice level, the usual ratio. */
static uint32_t sched_weight(int nice)
{
    uint32_t weight = SCHED_WEIGHT_NORMAL;
    for (; nice > 0; nice--)
        weight = weight * 4 / 5;
    for (; nice < 0; nice++)
        weight = weight * 5 / 4;
    return weight ? weight : 1;
}

/* ---- The queue; its lock is held ---- */

#define TURN_BITS 56
#define TURN_MASK ((1ull << TURN_BITS) - 1)

static struct pheap *run_queue_heap(struct run_queue *queue, const struct thread *thread)
{
    return thread->priority ? &queue->urgent : &queue->ready;
}

/* AHEAD: of those of its own priority, if it has one. */
static void run_queue_push(struct run_queue *queue, struct thread *thread, uint64_t now, bool ahead)
{
    if (queue->ready_count++ == 0)
        queue->oldest_wait = now;
    thread->queued = true;
    thread->run_node.key = thread->virtual_time;
    if (thread->priority) {
        uint64_t turn = ahead ? --queue->first_turn : queue->last_turn++;
        thread->run_node.key =
            (uint64_t)(SCHED_PRIORITY_MAX - thread->priority) << TURN_BITS | (turn & TURN_MASK);
    }
    pheap_insert(run_queue_heap(queue, thread), &thread->run_node);
}

static void run_queue_remove(struct run_queue *queue, struct thread *thread)
{
    pheap_remove(run_queue_heap(queue, thread), &thread->run_node);
    queue->ready_count--;
    thread->queued = false;
}

/* Threads with a priority have had their part of the period. */
static bool urgent_spent(struct run_queue *queue, uint64_t now)
{
    if (now - queue->urgent_since >= URGENT_PERIOD_NS) {
        queue->urgent_since = now;
        queue->urgent_used = 0;
    }
    return queue->urgent_used >= URGENT_PART_NS;
}

static struct thread *run_queue_pop(struct run_queue *queue, uint64_t now)
{
    struct pheap_node *node = pheap_least(&queue->ready);
    if (__builtin_expect(queue->urgent.root != NULL, 0) && !(node && urgent_spent(queue, now)))
        node = pheap_least(&queue->urgent);
    if (!node)
        return NULL;
    run_queue_remove(queue, thread_of(node));
    return thread_of(node);
}

/* ---- Time ---- */

static void sched_charge(struct thread *thread, uint64_t now)
{
    uint64_t used = now - thread->switched_at;
    thread->switched_at = now;
    thread->cpu_time += used;
    if (__builtin_expect(thread->priority != 0, 0))
        this_cpu()->run_queue->urgent_used += used;
    else
        thread->virtual_time +=
            thread->nice ? used * SCHED_WEIGHT_NORMAL / sched_weight(thread->nice) : used;
}

/* ---- Waking ---- */

static void sched_kick(uint32_t cpu)
{
    if (cpu == this_cpu()->id) {
        this_cpu()->need_resched = true;
        preempt_mark_pending();
    } else {
        apic_send(cpu, TRAP_RESCHEDULE);
    }
}

/* A CPU where something less urgent runs, for a thread with a priority; CPU_MAX: none. */
static uint32_t sched_place_urgent(const struct thread *thread)
{
    uint32_t self = this_cpu()->id;
    for (uint32_t i = 0; i < cpu_count; i++) {
        uint32_t cpu = (self + i) % cpu_count;
        const volatile struct run_queue *queue = run_queue_of(cpu);
        if (thread->affinity >> cpu & 1 && queue && queue->priority < thread->priority)
            return cpu;
    }
    return CPU_MAX;
}

static uint32_t sched_place(const struct thread *thread)
{
    uint32_t self = this_cpu()->id;
    uint32_t urgent = thread->priority ? sched_place_urgent(thread) : CPU_MAX;
    if (urgent != CPU_MAX)
        return urgent;
    if (thread->affinity >> self & 1)
        return self;
    for (uint32_t cpu = 0; cpu < cpu_count; cpu++)
        if (thread->affinity >> cpu & 1)
            return cpu;
    return self;
}

/*
 * THREAD, which was FROM's, becomes QUEUE's. Virtual times of two queues don't compare: it keeps
 * its lead, or of its lag a slice. Without that, leads would add up from queue to queue, and
 * whoever has a false one waits until all others have caught up. QUEUE locked; a look at FROM's
 * time suffices.
 */
static void sched_carry(struct thread *thread, const struct run_queue *from,
                        const struct run_queue *queue)
{
    uint64_t now_there = *(const volatile uint64_t *)&from->least_virtual;
    int64_t lead = (int64_t)(thread->virtual_time - now_there);
    if (lead < -(int64_t)SCHED_SLICE_NS)
        lead = -(int64_t)SCHED_SLICE_NS;
    int64_t time = (int64_t)queue->least_virtual + lead;
    thread->virtual_time = time > 0 ? (uint64_t)time : 0;
}

/* THREAD takes the CPU from RUNNING. */
static bool sched_precedes(const struct thread *thread, const struct thread *running)
{
    if (__builtin_expect(thread->priority || running->priority, 0))
        return thread->priority > running->priority;
    return thread->virtual_time + SCHED_BALANCE_NS < running->virtual_time;
}

/* Puts a thread that is nowhere onto CPU's queue and preempts what runs there if it came first. */
static void sched_enqueue(struct thread *thread, uint32_t cpu)
{
    struct run_queue *queue = run_queue_of(cpu);
    uint64_t now = clock_monotonic();
    spin_lock(&queue->lock);
    sched_carry(thread, run_queue_of(thread->cpu), queue);
    thread->cpu = cpu;
    run_queue_push(queue, thread, now, false);
    struct thread *running = queue->current;
    bool kick = running == queue->idle || sched_precedes(thread, running);
    bool local = cpu == this_cpu()->id;
    uint64_t tick = now + SCHED_BALANCE_NS;
    spin_unlock(&queue->lock);
    if (kick)
        sched_kick(cpu);
    else if (local)
        timer_arm_at(tick);
}

/*
 * Locks the queue of the CPU that the thread is on, which may change until the lock is held. An
 * idle CPU that steals changes thread->cpu under the old queue's lock.
 */
static struct run_queue *sched_lock_home(struct thread *thread)
{
    for (;;) {
        uint32_t cpu = *(volatile uint32_t *)&thread->cpu;
        struct run_queue *queue = run_queue_of(cpu);
        spin_lock(&queue->lock);
        if (cpu == *(volatile uint32_t *)&thread->cpu)
            return queue;
        spin_unlock(&queue->lock);
    }
}

bool thread_wake(struct thread *thread)
{
    /* The waker changed the condition before; the sleeper says SLEEPING before it looks at the
     * condition. One of the two must see the other. */
    atomic_thread_fence(memory_order_seq_cst);
    if (atomic_load_explicit(&thread->state, memory_order_relaxed) != THREAD_SLEEPING)
        return false;
    preempt_disable();
    struct run_queue *queue = sched_lock_home(thread);
    bool sleeping = atomic_load(&thread->state) == THREAD_SLEEPING;
    bool nowhere = sleeping && queue->current != thread && !thread->queued;
    if (sleeping)
        atomic_store(&thread->state, THREAD_RUNNING);
    if (nowhere)
        thread->urgent_from = thread->cpu_time;
    spin_unlock(&queue->lock);
    if (nowhere)
        sched_enqueue(thread, sched_place(thread));
    preempt_enable();
    return sleeping;
}

/* A stale answer is harmless: a thread that left the CPU meanwhile passes the check of its work
 * bits anyway. */
void sched_notice(struct thread *thread)
{
    preempt_disable();
    uint32_t cpu = *(volatile uint32_t *)&thread->cpu;
    if (cpu != this_cpu()->id && run_queue_of(cpu)->current == thread)
        apic_send(cpu, TRAP_RESCHEDULE);
    preempt_enable();
}

/* ---- Switching ---- */

/* Takes a waiting thread from another CPU's queue. Own queue locked; the other by trylock, for two
 * stealers may meet. */
static struct thread *sched_steal(struct run_queue *own, uint32_t self)
{
    for (uint32_t i = 1; i < cpu_count; i++) {
        struct run_queue *queue = run_queue_of((self + i) % cpu_count);
        if (!queue->ready_count || queue == own || !spin_trylock(&queue->lock))
            continue;
        struct pheap_node *node = pheap_least(&queue->urgent);
        if (!node || !(thread_of(node)->affinity >> self & 1))
            node = pheap_least(&queue->ready);
        struct thread *thread = node ? thread_of(node) : NULL;
        if (thread && thread->affinity >> self & 1) {
            run_queue_remove(queue, thread);
            thread->cpu = self;
            sched_carry(thread, queue, own);
        } else {
            thread = NULL;
        }
        spin_unlock(&queue->lock);
        if (thread)
            return thread;
    }
    return NULL;
}

static struct thread *sched_pick(struct run_queue *queue, uint32_t self, uint64_t now)
{
    struct thread *next = run_queue_pop(queue, now);
    if (!next && cpu_count > 1)
        next = sched_steal(queue, self);
    return next ? next : queue->idle;
}

/* Loads what belongs to NEXT besides its kernel registers. */
static void sched_load_context(struct thread *prev, struct thread *next)
{
    if (prev->process)
        fpu_switch_from(prev);
    if (next->process) {
        if (prev->process)
            segments_save(prev);
        space_switch(next->space);
        segments_load(next);
        trap_set_kernel_stack(next->stack_top);
    } else if (prev->process) {
        segments_save(prev);
        space_switch(NULL); /* borrowed from here on: the first flush takes it away */
    }
}

/* Ends a switch, in the new thread's context: the queue's lock is still held. */
void sched_switched(struct thread *prev)
{
    struct cpu *cpu = this_cpu();
    struct run_queue *queue = cpu->run_queue;
    if (atomic_load_explicit(&prev->state, memory_order_relaxed) == THREAD_DEAD)
        list_push_back(&queue->dead, &prev->run_link);
    /* Once unlocked, PREV may be woken, run elsewhere, end and be freed, unless it migrates. */
    bool migrates = prev->migrating;
    prev->migrating = false;
    spin_unlock(&queue->lock);
    if (migrates)
        sched_enqueue(prev, sched_place(prev));
}

static void slice_begin(struct run_queue *queue, struct thread *thread, uint64_t now)
{
    thread->slice_end = !thread->priority     ? now + SCHED_SLICE_NS
                        : thread->takes_turns ? now + SCHED_TURN_NS
                                              : UINT64_MAX;
    timer_arm_at(now + (queue->ready_count ? SCHED_BALANCE_NS : SCHED_SLICE_NS));
}

/*
 * Time without work, in one word so that others read it whole: the total in ns, doubled; while the
 * CPU halts, the total less the time when the halt began, doubled, plus one. Its own CPU alone
 * writes it, with interrupts or preemption off.
 */
static void idle_begin(struct cpu *cpu)
{
    uint64_t total = atomic_load_explicit(&cpu->idle_word, memory_order_relaxed) >> 1;
    atomic_store_explicit(&cpu->idle_word, (total - clock_monotonic()) << 1 | 1,
                          memory_order_relaxed);
}

static void idle_end(struct cpu *cpu)
{
    atomic_store_explicit(&cpu->idle_word, sched_idle_ns(cpu) << 1, memory_order_relaxed);
}

uint64_t sched_idle_ns(const struct cpu *cpu)
{
    uint64_t word = atomic_load_explicit(&cpu->idle_word, memory_order_relaxed);
    return word & 1 ? (uint64_t)((int64_t)word >> 1) + clock_monotonic() : word >> 1;
}

static void sched_switch(bool preempted)
{
    struct cpu *cpu = this_cpu();
    struct run_queue *queue = cpu->run_queue;
    struct thread *prev = cpu->current;
    uint64_t now = clock_monotonic();
    spin_lock(&queue->lock);
    cpu->need_resched = false;
    if (prev == queue->idle)
        idle_end(cpu);
    sched_charge(prev, now);
    bool stays = preempted || atomic_load(&prev->state) == THREAD_RUNNING;
    if (prev != queue->idle && stays) {
        if (prev->affinity >> cpu->id & 1)
            run_queue_push(queue, prev, now, now < prev->slice_end);
        else
            prev->migrating = true;
    }
    struct thread *next = sched_pick(queue, cpu->id, now);
    if (next == prev) {
        /* A new slice: the tick that ended the old one armed no timer. */
        if (next != queue->idle)
            slice_begin(queue, next, now);
        spin_unlock(&queue->lock);
        return;
    }
    /* Its loop would clear it only when it runs again: interrupts take the CPU away in mid-halt. */
    if (prev == queue->idle)
        atomic_fetch_and(&idle_cpus, ~(1ull << cpu->id));
    if (next != queue->idle && !next->priority && next->virtual_time > queue->least_virtual)
        queue->least_virtual = next->virtual_time;
    next->switched_at = now;
    if (next != queue->idle)
        slice_begin(queue, next, now);
    preempted ? prev->involuntary++ : prev->voluntary++;
    cpu->switches++;
    queue->current = next;
    queue->priority = next->priority;
    cpu->current = next;
    sched_load_context(prev, next);
    sched_switched(thread_switch(prev, next));
}

void schedule(void)
{
    sched_switch(false);
}

/*
 * The count reached zero with something pending. Work may come up again while this runs: interrupts
 * set the mark anew.
 */
void preempt_pending(void)
{
    if (!interrupts_enabled())
        return; /* the mark stays: whoever lets interrupts in gets here again */
    do {
        preempt_disable();
        preempt_clear_pending();
        deferred_run();
        if (this_cpu()->need_resched && !this_cpu()->in_deferred)
            sched_switch(true);
        preempt_enable_quiet();
    } while (preempt_raw() == 0);
}

void thread_yield(void)
{
    preempt_disable();
    struct thread *self = current_thread();
    struct run_queue *queue = this_cpu()->run_queue;
    /* Behind everyone who waits now. */
    spin_lock(&queue->lock);
    if (self->virtual_time < queue->least_virtual)
        self->virtual_time = queue->least_virtual;
    self->slice_end = 0;
    spin_unlock(&queue->lock);
    sched_switch(true);
    preempt_enable();
}

/* ---- The tick ---- */

void sched_tick(void)
{
    struct cpu *cpu = this_cpu();
    struct run_queue *queue = cpu->run_queue;
    uint64_t now = clock_monotonic();
    struct thread *current = queue->current;
    spin_lock(&queue->lock);
    sched_charge(current, now);
    spin_unlock(&queue->lock);
    if (current->process)
        cpu_clock_tick(current->process);
    if (!queue->ready_count) {
        /* Nobody waits, but run times are sampled while anybody runs. */
        if (current != queue->idle)
            timer_arm_at(now + SCHED_SLICE_NS);
        return;
    }
    bool over = now >= current->slice_end;
    if (__builtin_expect(current->priority != 0, 0) && queue->ready.root) {
        spin_lock(&queue->lock);
        over |= urgent_spent(queue, now);
        spin_unlock(&queue->lock);
    }
    if (current == queue->idle || over) {
        cpu->need_resched = true;
        preempt_mark_pending();
        return;
    }
    uint64_t idle = atomic_load(&idle_cpus);
    if (idle && now - queue->oldest_wait >= SCHED_BALANCE_NS)
        sched_kick((uint32_t)__builtin_ctzll(idle));
    timer_arm_at(now + SCHED_BALANCE_NS);
}

/* ---- Idle ---- */

void sched_reap(void)
{
    for (;;) {
        preempt_disable();
        struct run_queue *queue = this_cpu()->run_queue;
        spin_lock(&queue->lock);
        struct list *link = list_pop_front(&queue->dead);
        spin_unlock(&queue->lock);
        preempt_enable();
        if (!link)
            return;
        thread_unref(container_of(link, struct thread, run_link));
    }
}

static _Noreturn void sched_idle(void)
{
    struct cpu *cpu = this_cpu();
    uint64_t bit = 1ull << cpu->id;
    for (;;) {
        sched_reap();
        preempt_disable();
        sched_switch(false);
        preempt_enable();
        atomic_fetch_or(&idle_cpus, bit);
        __asm__ volatile("cli");
        if (!cpu->need_resched && list_empty(&cpu->deferred)) {
            idle_begin(cpu); /* until sched_switch, which the interrupt may call at once */
            /* sti takes effect after the next instruction: no interrupt slips in before the halt.
             */
            __asm__ volatile("sti; hlt" ::: "memory");
        } else {
            __asm__ volatile("sti");
        }
        atomic_fetch_and(&idle_cpus, ~bit);
    }
}

/* ---- Start ---- */

void sched_init_cpu(struct thread *idle)
{
    struct cpu *cpu = this_cpu();
    struct run_queue *queue = heap_alloc(sizeof *queue, HEAP_ZERO);
    kassert(queue);
    list_init(&queue->dead);
    queue->idle = queue->current = idle;
    queue->first_turn = queue->last_turn = 1ull << (TURN_BITS - 1);
    idle->cpu = cpu->id;
    idle->switched_at = clock_monotonic();
    cpu->idle = idle;
    cpu->current = idle;
    cpu->run_queue = queue;
}

static struct thread *sched_idle_thread(void)
{
    struct thread *idle = heap_alloc(sizeof *idle, HEAP_ZERO);
    kassert(idle);
    memcpy(idle->name, "idle", sizeof "idle");
    atomic_init(&idle->references, 1);
    idle->fpu_cpu = CPU_MAX;
    return idle;
}

static void sched_sample_load(void *arg)
{
    (void)arg;
    uint32_t running = sched_running() * LOAD_ONE;
    for (int i = 0; i < 3; i++)
        load_average[i] =
            (load_average[i] * load_decay[i] + running * (LOAD_ONE - load_decay[i])) / LOAD_ONE;
    timer_start(&load_timer, clock_monotonic() + LOAD_INTERVAL_NS);
}

void sched_load(uint32_t out[3])
{
    memcpy(out, load_average, sizeof load_average);
}

void sched_init(void)
{
    sched_init_cpu(sched_idle_thread());
    timer_init_cpu();
    timer_init(&load_timer, sched_sample_load, NULL);
    timer_start(&load_timer, clock_monotonic() + LOAD_INTERVAL_NS);
}

_Noreturn void sched_idle_enter(void)
{
    __asm__ volatile("sti");
    sched_idle();
}

_Noreturn void sched_cpu_main(void)
{
    sched_init_cpu(sched_idle_thread());
    timer_init_cpu();
    this_cpu()->online = true;
    sched_idle_enter();
}

/* ---- Knobs and numbers ---- */

void thread_set_affinity(struct thread *thread, uint64_t mask)
{
    preempt_disable();
    struct run_queue *queue = sched_lock_home(thread);
    thread->affinity = mask;
    bool move = !(mask >> thread->cpu & 1);
    bool queued = thread->queued;
    uint32_t cpu = thread->cpu;
    if (move && queued)
        run_queue_remove(queue, thread);
    spin_unlock(&queue->lock);
    if (move && queued)
        sched_enqueue(thread, sched_place(thread));
    else if (move)
        sched_kick(cpu);
    preempt_enable();
}

void thread_set_nice(struct thread *thread, int nice)
{
    preempt_disable();
    struct run_queue *queue = sched_lock_home(thread);
    thread->nice = nice;
    spin_unlock(&queue->lock);
    preempt_enable();
}

static uint32_t more_urgent(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

/* A new priority puts it behind those that have it already, unless it is running. Its QUEUE is
 * locked. */
static void thread_reprioritize(struct run_queue *queue, struct thread *thread)
{
    uint32_t priority = more_urgent(thread->own_priority, thread->lent_priority);
    bool queued = thread->queued;
    if (queued)
        run_queue_remove(queue, thread);
    if (!priority && thread->priority && thread->virtual_time < queue->least_virtual)
        thread->virtual_time = queue->least_virtual;
    if (!thread->priority)
        thread->urgent_from = thread->cpu_time;
    thread->priority = priority;
    if (queued)
        run_queue_push(queue, thread, clock_monotonic(), false);
    if (queue->current == thread)
        queue->priority = priority;
}

void thread_set_policy(struct thread *thread, int policy, uint32_t priority, bool reset_on_fork)
{
    preempt_disable();
    struct run_queue *queue = sched_lock_home(thread);
    thread->policy = policy;
    thread->own_priority = priority;
    thread->takes_turns = policy == ABI_SCHED_RR;
    thread->reset_on_fork = reset_on_fork;
    thread_reprioritize(queue, thread);
    uint32_t cpu = thread->cpu;
    spin_unlock(&queue->lock);
    sched_kick(cpu); /* somebody else may come first now */
    preempt_enable();
}

bool thread_lend_priority(struct thread *thread, uint32_t priority)
{
    preempt_disable();
    struct run_queue *queue = sched_lock_home(thread);
    uint32_t before = thread->priority, cpu = thread->cpu;
    thread->lent_priority = priority;
    bool changes = before != more_urgent(thread->own_priority, priority);
    if (changes)
        thread_reprioritize(queue, thread);
    spin_unlock(&queue->lock);
    if (changes)
        sched_kick(cpu);
    preempt_enable();
    return changes;
}

uint32_t sched_running(void)
{
    uint32_t count = 0;
    for (uint32_t cpu = 0; cpu < cpu_count; cpu++) {
        struct run_queue *queue = run_queue_of(cpu);
        count += queue->ready_count + (queue->current != queue->idle);
    }
    return count;
}

void thread_charge(void)
{
    preempt_disable();
    struct run_queue *queue = this_cpu()->run_queue;
    spin_lock(&queue->lock);
    sched_charge(current_thread(), clock_monotonic());
    spin_unlock(&queue->lock);
    preempt_enable();
}

/* A thread may go to another CPU before its queue is locked: then that one's. */
uint64_t thread_runtime(const struct thread *thread)
{
    for (;;) {
        uint32_t cpu = __atomic_load_n(&thread->cpu, __ATOMIC_RELAXED);
        struct run_queue *queue = run_queue_of(cpu);
        spin_lock(&queue->lock);
        bool here = thread->cpu == cpu;
        uint64_t time = thread->cpu_time;
        if (queue->current == thread)
            time += clock_monotonic() - thread->switched_at;
        spin_unlock(&queue->lock);
        if (here)
            return time;
    }
}
