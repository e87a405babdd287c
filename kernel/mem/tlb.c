/*
 * No locks. A CPU has one request under way at most: it waits, with preemption off, until all CPUs
 * asked have answered. state[].from tells a CPU whose requests to look at. cpu->space and
 * state[].lazy are changed by their own CPU only, by tlb_switch with interrupts masked (or in an
 * order that bears an interrupt between) and by the interrupt.
 */
#include "kernel/mem/tlb.h"

#include <stdbool.h>
#include <stddef.h>
#include "kernel/cpu/apic.h"
#include "kernel/cpu/msr.h"
#include "kernel/cpu/percpu.h"
#include "kernel/cpu/trap.h"
#include "kernel/log.h"
#include "kernel/mem/tables.h"

enum request_kind { REQUEST_SPACE, REQUEST_KERNEL, REQUEST_FORGET };

struct request {
    enum request_kind kind;
    struct tlb_space *space;
    const struct tlb_flush *flush;
    _Atomic uint64_t waiting; /* CPUs that haven't answered */
};

static struct tlb_cpu {
    _Atomic uint64_t from; /* CPUs that have a request for this one */
    volatile bool lazy;    /* a kernel thread runs here on a borrowed space */
    struct request request;
} __attribute__((aligned(128))) state[CPU_MAX];

static uint64_t bit(const struct cpu *cpu)
{
    return 1ul << cpu->id;
}

/* ---- This CPU ---- */

static void flush_here(const struct tlb_flush *flush)
{
    if (flush->count > TLB_PAGES) {
        cr3_write(cr3_read());
        return;
    }
    for (uint32_t i = 0; i < flush->count; i++)
        __asm__ volatile("invlpg (%0)" ::"r"(flush->addresses[i]) : "memory");
}

/* Global pages outlive a reload of CR3; switching them off and on drops them too. */
static void flush_kernel_here(const struct tlb_flush *flush)
{
    if (flush->count <= TLB_PAGES) {
        flush_here(flush);
        return;
    }
    uint64_t cr4 = cr4_read();
    cr4_write(cr4 & ~CR4_PGE);
    cr4_write(cr4);
}

/* Interrupts masked. */
static void load_here(struct cpu *cpu, struct tlb_space *space)
{
    struct tlb_space *old = cpu->space;
    if (space != NULL)
        atomic_fetch_or(&space->cpus, bit(cpu));
    cr3_write(space ? space->root : tables_root());
    cpu->space = space;
    if (old != NULL)
        atomic_fetch_and(&old->cpus, ~bit(cpu));
}

void tlb_switch(struct tlb_space *space)
{
    struct cpu *cpu = this_cpu();
    struct tlb_cpu *mine = &state[cpu->id];
    if (space == NULL) {
        mine->lazy = true;
        return;
    }
    /* In this order: an interrupt that finds lazy set takes the space away and we load it anew. */
    mine->lazy = false;
    atomic_signal_fence(memory_order_seq_cst);
    if (cpu->space == space)
        return;
    uint64_t flags = interrupts_save();
    load_here(cpu, space);
    interrupts_restore(flags);
}

/* ---- Other CPUs ---- */

static void request_answer(const struct request *request, struct cpu *cpu)
{
    if (request->kind == REQUEST_KERNEL)
        flush_kernel_here(request->flush);
    else if (cpu->space != request->space)
        return;
    else if (request->kind == REQUEST_FORGET || state[cpu->id].lazy)
        load_here(cpu, NULL);
    else
        flush_here(request->flush);
}

void tlb_interrupt(void)
{
    struct cpu *cpu = this_cpu();
    uint64_t from = atomic_exchange(&state[cpu->id].from, 0);
    for (; from != 0; from &= from - 1) {
        struct request *request = &state[__builtin_ctzl(from)].request;
        request_answer(request, cpu);
        atomic_fetch_and(&request->waiting, ~bit(cpu));
    }
}

/* Preemption off. Returns when all of TARGETS have answered. */
static void request_send(struct cpu *cpu, enum request_kind kind, struct tlb_space *space,
                         const struct tlb_flush *flush, uint64_t targets)
{
    if (targets == 0)
        return;
    kassert(interrupts_enabled());
    struct request *request = &state[cpu->id].request;
    request->kind = kind;
    request->space = space;
    request->flush = flush;
    atomic_store(&request->waiting, targets);
    for (; targets != 0; targets &= targets - 1) {
        unsigned target = __builtin_ctzl(targets);
        atomic_fetch_or(&state[target].from, bit(cpu));
        apic_send(target, TRAP_TLB);
    }
    while (atomic_load(&request->waiting) != 0)
        cpu_pause();
}

/* CPUs other than this one that may hold translations of SPACE. */
static uint64_t others(struct tlb_space *space, const struct cpu *cpu)
{
    /* The caller's changes to the tables come before the look at the mask; a CPU that isn't in it
     * yet loads the tables after having put itself there, so it sees them. */
    atomic_thread_fence(memory_order_seq_cst);
    return atomic_load(&space->cpus) & ~bit(cpu);
}

void tlb_flush(struct tlb_space *space, const struct tlb_flush *flush)
{
    if (flush->count == 0)
        return;
    preempt_disable();
    struct cpu *cpu = this_cpu();
    if (cpu->space == space)
        flush_here(flush);
    request_send(cpu, REQUEST_SPACE, space, flush, others(space, cpu));
    preempt_enable();
}

void tlb_flush_kernel(const struct tlb_flush *flush)
{
    preempt_disable();
    struct cpu *cpu = this_cpu();
    uint64_t targets = 0;
    for (uint32_t i = 0; i < cpu_count; i++)
        if (cpus[i] != cpu && cpus[i]->online)
            targets |= bit(cpus[i]);
    flush_kernel_here(flush);
    atomic_thread_fence(memory_order_seq_cst);
    request_send(cpu, REQUEST_KERNEL, NULL, flush, targets);
    preempt_enable();
}

void tlb_forget(struct tlb_space *space)
{
    preempt_disable();
    struct cpu *cpu = this_cpu();
    if (cpu->space == space) {
        uint64_t flags = interrupts_save();
        load_here(cpu, NULL);
        interrupts_restore(flags);
    }
    request_send(cpu, REQUEST_FORGET, space, NULL, others(space, cpu));
    preempt_enable();
}
