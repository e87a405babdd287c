/* Deferred handlers. The list of a CPU is touched only by that CPU, with interrupts off. */
#include "kernel/task/defer.h"
#include "kernel/cpu/percpu.h"

void deferred_init(struct deferred *d, void (*fn)(void *arg), void *arg)
{
    list_init(&d->link);
    atomic_init(&d->queued, 0);
    d->fn = fn;
    d->arg = arg;
}

void deferred_queue(struct deferred *d)
{
    if (atomic_exchange(&d->queued, 1))
        return;
    uint64_t flags = interrupts_save();
    list_push_back(&this_cpu()->deferred, &d->link);
    preempt_mark_pending();
    interrupts_restore(flags);
}

void deferred_run(void)
{
    struct cpu *cpu = this_cpu();
    if (cpu->in_deferred)
        return;
    cpu->in_deferred = true;
    for (;;) {
        uint64_t flags = interrupts_save();
        struct list *link = list_pop_front(&cpu->deferred);
        interrupts_restore(flags);
        if (!link)
            break;
        struct deferred *d = container_of(link, struct deferred, link);
        /* Cleared before it runs: an interrupt from here on queues it again and no event is lost.
         */
        atomic_store(&d->queued, 0);
        d->fn(d->arg);
    }
    cpu->in_deferred = false;
}
