/*
 * Timers. Each CPU has a heap of pending timers; a timer lives on the heap of the CPU that started
 * it and its callback runs there, in the deferred context. The local APIC is armed for the earliest
 * of the heap's first deadline and the end of the running thread's slice; an interrupt that comes
 * too early only arms it again.
 *
 * Lock order: timer_queue.lock is taken with nothing held that callbacks take; callbacks run with
 * it released.
 */
#include "kernel/task/timer.h"
#include "kernel/cpu/apic.h"
#include "kernel/cpu/clock.h"
#include "kernel/cpu/spinlock.h"
#include "kernel/log.h"
#include "kernel/mem/heap.h"
#include "kernel/task/defer.h"
#include "kernel/task/pheap.h"
#include "kernel/task/sched.h"

struct timer_queue {
    spinlock_t lock;
    struct pheap pending;
    struct timer_state *running; /* whose callback runs now */
    uint64_t armed; /* the deadline the hardware is set to, ENV_FOREVER when it isn't */
    struct deferred work;
};

struct timer_state {
    struct pheap_node node; /* key: deadline */
    void (*fn)(void *arg);
    void *arg;
    struct timer_queue *_Atomic queue; /* where it is pending; NULL when not */
    struct timer_queue *last; /* where it was last pending: its callback may still run there */
};

_Static_assert(sizeof(struct timer_state) <= sizeof(struct env_timer), "env_timer is too small");

static struct timer_state *timer_state(ktimer_t *timer)
{
    return (struct timer_state *)timer;
}

void timer_init(ktimer_t *timer, void (*fn)(void *arg), void *arg)
{
    *timer_state(timer) = (struct timer_state){.fn = fn, .arg = arg};
}

/* Sets the hardware to DEADLINE unless it fires before that anyway. Own queue, preemption off. */
static void timer_arm(struct timer_queue *queue, uint64_t deadline)
{
    if (deadline >= queue->armed)
        return;
    uint64_t now = clock_monotonic();
    queue->armed = deadline;
    apic_timer_arm(deadline > now ? deadline - now : 1);
}

void timer_arm_at(uint64_t deadline)
{
    timer_arm(this_cpu()->timer_queue, deadline);
}

/* Takes the timer off whatever heap it is on; true when it was on one. */
static bool timer_detach(struct timer_state *state)
{
    struct timer_queue *queue;
    while ((queue = atomic_load(&state->queue))) {
        spin_lock(&queue->lock);
        if (atomic_load(&state->queue) == queue) {
            pheap_remove(&queue->pending, &state->node);
            atomic_store(&state->queue, NULL);
            spin_unlock(&queue->lock);
            return true;
        }
        spin_unlock(&queue->lock);
    }
    return false;
}

static bool timer_runs_on(const struct timer_queue *queue, const struct timer_state *state)
{
    return queue && *(struct timer_state *volatile const *)&queue->running == state;
}

/* QUEUE locked. */
static void timer_insert(struct timer_queue *queue, struct timer_state *state, uint64_t deadline)
{
    state->node.key = deadline;
    pheap_insert(&queue->pending, &state->node);
    state->last = queue;
    atomic_store(&state->queue, queue);
}

/* A timer whose callback runs now is left to the CPU that runs it, which looks at its heap again
 * afterwards: so timer_stop has one callback to wait for. */
static bool timer_restart(struct timer_state *state, uint64_t deadline)
{
    struct timer_queue *queue = state->last;
    if (!timer_runs_on(queue, state))
        return false;
    spin_lock(&queue->lock);
    bool runs = timer_runs_on(queue, state);
    if (runs)
        timer_insert(queue, state, deadline);
    spin_unlock(&queue->lock);
    return runs;
}

void timer_start(ktimer_t *timer, uint64_t deadline)
{
    struct timer_state *state = timer_state(timer);
    timer_detach(state);
    if (timer_restart(state, deadline))
        return;
    preempt_disable();
    struct timer_queue *queue = this_cpu()->timer_queue;
    spin_lock(&queue->lock);
    timer_insert(queue, state, deadline);
    spin_unlock(&queue->lock);
    timer_arm(queue, deadline);
    preempt_enable();
}

bool timer_stop(ktimer_t *timer)
{
    struct timer_state *state = timer_state(timer);
    bool was_pending = timer_detach(state);
    struct timer_queue *last = state->last;
    while (timer_runs_on(last, state))
        cpu_pause();
    return was_pending;
}

/* Runs what is due, then arms the hardware for the rest. */
static void timer_run(void *arg)
{
    struct timer_queue *queue = arg;
    uint64_t now = clock_monotonic();
    spin_lock(&queue->lock);
    struct pheap_node *node;
    while ((node = pheap_least(&queue->pending)) && node->key <= now) {
        struct timer_state *state = container_of(node, struct timer_state, node);
        pheap_remove(&queue->pending, node);
        queue->running = state;
        void (*fn)(void *) = state->fn;
        void *fn_arg = state->arg;
        atomic_store(&state->queue, NULL);
        spin_unlock(&queue->lock);
        fn(fn_arg);
        spin_lock(&queue->lock);
        atomic_store_explicit((struct timer_state * _Atomic *)&queue->running, NULL,
                              memory_order_release);
    }
    uint64_t next = node ? node->key : ENV_FOREVER;
    spin_unlock(&queue->lock);
    if (next != ENV_FOREVER)
        timer_arm(queue, next);
    sched_tick();
}

/* Hardware interrupt: interrupts off. */
void timer_interrupt(void)
{
    struct timer_queue *queue = this_cpu()->timer_queue;
    queue->armed = ENV_FOREVER;
    deferred_queue(&queue->work);
}

void timer_init_cpu(void)
{
    struct timer_queue *queue = heap_alloc(sizeof *queue, HEAP_ZERO);
    kassert(queue);
    queue->armed = ENV_FOREVER;
    deferred_init(&queue->work, timer_run, queue);
    this_cpu()->timer_queue = queue;
}
