/*
 * Device interrupts: a vector a line, shared by the line's handlers; and messages (MSI), a vector
 * each, sent straight to one CPU's local APIC. A message is a line with one handler that is never
 * masked; detached, it keeps its vector for the next one.
 *
 * Locks: irq_mutex (sleeping) over attach and detach, so that lines are made and routed once;
 * line->lock (spin) over the handler list, held while handlers run. Order: irq_mutex -> line->lock
 * -> the handlers' own locks. The hardware side takes none: lines are published by a single store
 * and never freed.
 */
#include "kernel/cpu/irq.h"
#include <stdatomic.h>
#include "kernel/cpu/apic.h"
#include "kernel/cpu/percpu.h"
#include "kernel/cpu/spinlock.h"
#include "kernel/cpu/trap.h"
#include "kernel/log.h"
#include "kernel/mem/heap.h"
#include "kernel/task/defer.h"
#include "kernel/task/mutex.h"

/* A level-triggered line that nobody claims so often in a row stays masked: its device has no
 * driver or a broken one, and would stop the machine. */
#define UNCLAIMED_MAX 10000u

struct irq_line {
    unsigned number, vector;
    bool level, message;
    uint32_t unclaimed; /* touched by the deferred handler only */
    char name[24];
    spinlock_t lock;
    struct list handlers; /* guarded by lock */
    struct deferred deferred;
    uint64_t counts[CPU_MAX]; /* each written by its own CPU */
};

struct env_irq {
    struct list link;
    struct irq_line *line;
    bool (*handler)(void *arg);
    void (*message)(void *arg); /* instead, if the line is one */
    void *arg;
};

/* Messages are shown with numbers from here on, above all lines. */
#define MESSAGE_FIRST   256u
#define MESSAGE_ADDRESS 0xfee00000u /* the local APICs', with the CPU's number in bits 12 to 19 */
#define MESSAGE_ID_MAX  0xffu

#define VECTOR_COUNT (TRAP_DEVICE_LAST - TRAP_DEVICE_FIRST + 1)
static struct irq_line *_Atomic lines[VECTOR_COUNT];
static uint64_t stray_interrupts;
static mutex_t irq_mutex;

void irq_init(void)
{
    stray_interrupts = 0;
}

void irq_interrupt(unsigned vector)
{
    struct irq_line *line =
        atomic_load_explicit(&lines[vector - TRAP_DEVICE_FIRST], memory_order_acquire);
    if (line) {
        line->counts[this_cpu()->id]++;
        /* Before the acknowledgement: a level-triggered line is still asserted. */
        if (line->level)
            ioapic_mask(line->number, true);
        deferred_queue(&line->deferred);
    } else {
        stray_interrupts++;
    }
    apic_eoi();
}

/* The line's lock is held. */
static bool irq_ask_all(struct irq_line *line)
{
    bool claimed = false;
    list_for_each (link, &line->handlers) {
        struct env_irq *irq = container_of(link, struct env_irq, link);
        claimed |= irq->handler(irq->arg);
    }
    return claimed;
}

static bool irq_shared(const struct irq_line *line)
{
    return line->handlers.next != line->handlers.prev;
}

/* While one device keeps an edge-triggered line up, another's edge doesn't show. So those that
 * share one are asked until none has anything: then the line was down, and the next edge will come.
 * The bound is for a device that never ends. */
#define SHARED_ROUNDS 64

static bool irq_serve(struct irq_line *line)
{
    bool claimed = irq_ask_all(line), more = claimed;
    for (int round = 0; more && !line->level && irq_shared(line) && round < SHARED_ROUNDS; round++)
        more = irq_ask_all(line);
    return claimed;
}

/* Deferred context. Masking and unmasking bracket the handlers of a level-triggered line; an edge
 * that comes meanwhile queues this again. */
static void irq_run(void *arg)
{
    struct irq_line *line = arg;
    spin_lock(&line->lock);
    bool claimed = irq_serve(line);
    bool wanted = !list_empty(&line->handlers);
    spin_unlock(&line->lock);
    if (!line->level)
        return;
    line->unclaimed = claimed ? 0 : line->unclaimed + 1;
    if (line->unclaimed >= UNCLAIMED_MAX)
        log_write(LOG_ERROR, "irq %u: nobody claims it; switched off", line->number);
    else if (wanted)
        ioapic_mask(line->number, false);
}

/* Deferred context. */
static void message_run(void *arg)
{
    struct irq_line *line = arg;
    spin_lock(&line->lock);
    list_for_each (link, &line->handlers) {
        struct env_irq *irq = container_of(link, struct env_irq, link);
        irq->message(irq->arg);
    }
    spin_unlock(&line->lock);
}

static struct irq_line *irq_find(unsigned number, unsigned *free)
{
    *free = VECTOR_COUNT;
    for (unsigned i = 0; i < VECTOR_COUNT; i++) {
        struct irq_line *line = atomic_load(&lines[i]);
        if (line && !line->message && line->number == number)
            return line;
        if (!line && *free == VECTOR_COUNT)
            *free = i;
    }
    return NULL;
}

/* irq_mutex held. */
static oskit_error_t irq_line_get(unsigned number, struct irq_line **out)
{
    unsigned slot;
    *out = irq_find(number, &slot);
    if (*out)
        return OSKIT_SUCCESS;
    if (slot == VECTOR_COUNT)
        return OSKIT_EBUSY;
    struct irq_line *line = heap_alloc(sizeof *line, HEAP_ZERO);
    if (!line)
        return OSKIT_E_OUTOFMEMORY;
    line->number = number;
    line->vector = TRAP_DEVICE_FIRST + slot;
    line->level = ioapic_is_level(number);
    format_text(line->name, sizeof line->name, "IO-APIC  %s-%u", line->level ? "level" : "edge",
                number);
    list_init(&line->handlers);
    deferred_init(&line->deferred, irq_run, line);
    if (!ioapic_route(number, line->vector)) {
        heap_free(line);
        return OSKIT_EINVAL;
    }
    atomic_store_explicit(&lines[slot], line, memory_order_release);
    *out = line;
    return OSKIT_SUCCESS;
}

oskit_error_t env_irq_attach(unsigned number, bool (*handler)(void *arg), void *arg,
                             struct env_irq **out)
{
    struct env_irq *irq = heap_alloc(sizeof *irq, 0);
    if (!irq)
        return OSKIT_E_OUTOFMEMORY;
    mutex_lock(&irq_mutex);
    oskit_error_t error = irq_line_get(number, &irq->line);
    if (!error) {
        irq->handler = handler;
        irq->arg = arg;
        spin_lock(&irq->line->lock);
        list_push_back(&irq->line->handlers, &irq->link);
        spin_unlock(&irq->line->lock);
        ioapic_mask(number, false);
    }
    mutex_unlock(&irq_mutex);
    if (error)
        heap_free(irq);
    else
        *out = irq;
    return error;
}

/* A vector whose message was detached, or a new one. irq_mutex held. */
static struct irq_line *message_line_get(void)
{
    unsigned slot = VECTOR_COUNT;
    for (unsigned i = 0; i < VECTOR_COUNT; i++) {
        struct irq_line *line = atomic_load(&lines[i]);
        if (line && line->message && list_empty(&line->handlers))
            return line;
        if (!line && slot == VECTOR_COUNT)
            slot = i;
    }
    struct irq_line *line = slot < VECTOR_COUNT ? heap_alloc(sizeof *line, HEAP_ZERO) : NULL;
    if (!line)
        return NULL;
    line->number = MESSAGE_FIRST + slot;
    line->vector = TRAP_DEVICE_FIRST + slot;
    line->message = true;
    format_text(line->name, sizeof line->name, "PCI-MSI  %u", slot);
    list_init(&line->handlers);
    deferred_init(&line->deferred, message_run, line);
    atomic_store_explicit(&lines[slot], line, memory_order_release);
    return line;
}

oskit_error_t env_msi_attach(unsigned cpu, void (*handler)(void *arg), void *arg,
                             struct env_irq **out, uint64_t *address, uint32_t *data)
{
    struct env_irq *irq = heap_alloc(sizeof *irq, HEAP_ZERO);
    if (cpu >= cpu_count || cpus[cpu]->apic_id > MESSAGE_ID_MAX)
        cpu = 0;
    mutex_lock(&irq_mutex);
    struct irq_line *line = irq ? message_line_get() : NULL;
    if (line) {
        *irq = (struct env_irq){.line = line, .message = handler, .arg = arg};
        spin_lock(&line->lock);
        list_push_back(&line->handlers, &irq->link);
        spin_unlock(&line->lock);
        *out = irq;
        *address = MESSAGE_ADDRESS | (uint64_t)cpus[cpu]->apic_id << 12;
        *data = line->vector;
    } else {
        heap_free(irq);
    }
    mutex_unlock(&irq_mutex);
    return line ? OSKIT_SUCCESS : OSKIT_E_OUTOFMEMORY;
}

void env_irq_detach(struct env_irq *irq)
{
    struct irq_line *line = irq->line;
    mutex_lock(&irq_mutex);
    spin_lock(&line->lock);
    list_remove(&irq->link);
    if (list_empty(&line->handlers) && !line->message)
        ioapic_mask(line->number, true);
    spin_unlock(&line->lock);
    mutex_unlock(&irq_mutex);
    heap_free(irq);
}

void irq_each(void (*show)(void *arg, unsigned line, const char *name, const uint64_t *counts),
              void *arg)
{
    for (unsigned i = 0; i < VECTOR_COUNT; i++) {
        struct irq_line *line = atomic_load_explicit(&lines[i], memory_order_acquire);
        if (line)
            show(arg, line->number, line->name, line->counts);
    }
}
