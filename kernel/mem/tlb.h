/*
 * Which address space each CPU has loaded, and telling CPUs that translations they may have cached
 * are no longer true.
 *
 * A space keeps a mask of the CPUs that may have its translations; only those are interrupted. A
 * CPU that runs a kernel thread keeps ("borrows") the last space's tables, which saves the reload
 * when it goes back to the same program; the first interrupt about such a space makes it let go, so
 * it is asked once and not again.
 *
 * Interrupts reach other CPUs even while they spin on locks, since locks never mask interrupts:
 * that is why these functions may wait with spinlocks held. They must not be called with interrupts
 * masked.
 */
#ifndef KERNEL_MEM_TLB_H
#define KERNEL_MEM_TLB_H

#include <stdatomic.h>
#include <stdint.h>

/* The hardware's side of a space. cpu->space points to it. */
struct tlb_space {
    uint64_t root;         /* physical address of the top table */
    _Atomic uint64_t cpus; /* CPUs that have it loaded, or are about to */
};

/* Addresses whose translations changed; beyond TLB_PAGES all are dropped, which is cheaper. */
#define TLB_PAGES 32u
struct tlb_flush {
    uint32_t count;
    uint64_t addresses[TLB_PAGES];
};

static inline void tlb_add(struct tlb_flush *flush, uint64_t address)
{
    if (flush->count < TLB_PAGES)
        flush->addresses[flush->count] = address;
    flush->count++;
}

/* Loads SPACE on this CPU; NULL: a kernel thread runs next, anything will do. Preemption off. */
void tlb_switch(struct tlb_space *space);
/* After the tables were changed: drops the cached translations everywhere; when it returns no CPU
 * uses them, nor tables that were unlinked before. [any] */
void tlb_flush(struct tlb_space *space, const struct tlb_flush *flush);
/* The same for addresses of the kernel's half. [any] */
void tlb_flush_kernel(const struct tlb_flush *flush);
/* Takes SPACE away from all CPUs that borrow it, this one included: its tables are about to go. No
 * thread of SPACE may run again. [any] */
void tlb_forget(struct tlb_space *space);
/* tlb_interrupt, for TRAP_TLB, is declared in kernel/cpu/trap.h. */

#endif
