/*
 * Page tables: the entry format, and the kernel's own tables, whose upper half every address space
 * shares (the top-level entries are made at boot and never change afterwards).
 *
 * Locks: tables_lock (spin, tables.c) guards the kernel's tables; page_alloc's locks inside it.
 */
#ifndef KERNEL_MEM_TABLES_H
#define KERNEL_MEM_TABLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "kernel/mem/layout.h"

#define PTE_PRESENT  (1ul << 0)
#define PTE_WRITE    (1ul << 1)
#define PTE_USER     (1ul << 2)
#define PTE_UNCACHED (1ul << 3 | 1ul << 4) /* PWT and PCD: strongly uncached by the reset PAT */
#define PTE_ACCESSED (1ul << 5)
#define PTE_DIRTY    (1ul << 6)
#define PTE_LARGE    (1ul << 7) /* in a page directory: a 2 MiB page */
#define PTE_GLOBAL   (1ul << 8)
#define PTE_NX       (1ul << 63)
/* Ours: the CPU ignores these bits, and all but bit 0 of an entry that isn't present. */
#define PTE_PRIVATE (1ul << 9)  /* the page is this region's private copy, not the pager's */
#define PTE_HIDDEN  (1ul << 10) /* holds a page but PROT_NONE: not present */
#define PTE_GUARD   (1ul << 11) /* no page and never will be: the guard below a kernel stack */

#define PTE_FRAME   0x000ffffffffff000ul
#define LARGE_SIZE  (2ul << 20)
#define TABLE_COUNT 512u

/* Kernel memory: for every address space, read-only unless PTE_WRITE is added. */
#define PTE_KERNEL (PTE_PRESENT | PTE_GLOBAL | PTE_ACCESSED | PTE_DIRTY)

/* Index of ADDRESS in a table of LEVEL (3: the top, 0: the one whose entries are pages). */
static inline unsigned table_index(uint64_t address, unsigned level)
{
    return (address >> (PAGE_SHIFT + 9 * level)) & (TABLE_COUNT - 1);
}

static inline uint64_t *table_of(uint64_t entry)
{
    return (uint64_t *)((entry & PTE_FRAME) + DIRECT_BASE);
}

/* Physical address of the kernel's own top table: what CPUs load that have no address space. Below
 * 4 GiB. */
uint64_t tables_root(void);
/* Loads them on the boot CPU and turns global pages on. Other CPUs start on them (smp.c). */
void tables_load(void);

/* Maps SIZE bytes in the kernel's half; all arguments page-aligned. 2 MiB pages where PTE_LARGE is
 * given and alignment allows. false when there is no memory for a table; what was mapped by then
 * stays. [any] */
bool tables_map(uint64_t address, uint64_t physical, size_t size, uint64_t flags);
/* The entry of ADDRESS in the kernel's half, made when CREATE; NULL when absent or no memory. For
 * 4 KiB mappings. [any; without CREATE hardware interrupts too] */
uint64_t *tables_entry(uint64_t address, bool create);
/* A present top-level entry for ADDRESS, so that all spaces have it. Boot. */
void tables_reserve(uint64_t address);
/* Maps the first 2 MiB one to one, read and execute, or takes that away again: for code that starts
 * CPUs on these tables. Boot CPU. */
bool tables_identity(bool on);
/* Panics when a kernel mapping is both writable and executable. */
void tables_check(void);

#endif
