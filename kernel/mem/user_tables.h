/*
 * The user half of a space's page tables. Every page that an entry holds carries one reference for
 * it, but for the one page of zeros. A table's page record counts its entries in use (page->used),
 * so that tables go when they are empty.
 *
 * No locks: the owner's (space->mutex) for everything but user_tables_init and _destroy. Other CPUs
 * may be using the tables meanwhile: whatever is taken away is freed only after their caches were
 * flushed.
 */
#ifndef KERNEL_MEM_USER_TABLES_H
#define KERNEL_MEM_USER_TABLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "kernel/mem/pages.h"
#include "kernel/mem/tables.h"
#include "kernel/mem/tlb.h"

struct user_tables {
    struct tlb_space hardware; /* first: cpu->space points here */
    uint64_t *top;
    size_t resident; /* pages held */
    size_t copies;   /* of these, private ones: the others are pagers' */
    size_t below;    /* tables, the top one not counted */
};

/* Entries that hold a page but lack PTE_PRESENT are those of PROT_NONE. */
static inline void *entry_page(uint64_t entry)
{
    return physical_page(entry & PTE_FRAME);
}

/* The CPU may read ENTRY at any time; what the page contains was written before. */
static inline void entry_set(uint64_t *entry, uint64_t value)
{
    __atomic_store_n(entry, value, __ATOMIC_RELEASE);
}

void user_tables_boot(void); /* makes the page of zeros */
bool user_entry_is_zero_page(uint64_t entry);
uint64_t user_zero_page(void); /* physical */

bool user_tables_init(struct user_tables *tables); /* false: no memory */
/* The end, in three steps: no CPU uses the tables any more; the pages of each range that may have
 * some; the rest. No thread of the space runs any more. */
void user_tables_forget(struct user_tables *tables);
void user_tables_discard(struct user_tables *tables, uint64_t start, uint64_t end);
void user_tables_destroy(struct user_tables *tables);

/* The entry of ADDRESS, its tables made when CREATE; NULL when there are none (no memory). Good
 * until something is unmapped. */
uint64_t *user_entry(struct user_tables *tables, uint64_t address, bool create);
/* Puts VALUE, with the page's reference, where nothing was. */
void user_entry_fill(struct user_tables *tables, uint64_t *entry, uint64_t value);
/* Puts VALUE where OLD page was, tells all CPUs, then drops the old page's reference. */
void user_entry_replace(struct user_tables *tables, uint64_t *entry, uint64_t address,
                        uint64_t value);

/* Takes all pages in [START, END) away; but for private copies: user_tables_unmap_pagers. */
void user_tables_unmap(struct user_tables *tables, uint64_t start, uint64_t end);
void user_tables_unmap_pagers(struct user_tables *tables, uint64_t start, uint64_t end);
/* Takes the right to write pagers' pages in [START, END) away, until a fault gives it anew. How
 * many had it. */
size_t user_tables_clean(struct user_tables *tables, uint64_t start, uint64_t end);
/* Gives the pages in [START, END) the rights of PROT; writing stays for a fault to allow. */
void user_tables_protect(struct user_tables *tables, uint64_t start, uint64_t end, int prot);
/* Moves the entries of [FROM, FROM + SIZE) to TO, which is empty and apart. false: no memory, some
 * are moved; moving them back needs none. Leaves empty tables for user_tables_unmap of the old
 * range.
 */
bool user_tables_move(struct user_tables *tables, uint64_t from, uint64_t to, uint64_t size);
/* Shares the pages of [START, END) with CHILD, neither may write any more; only private copies when
 * COPIES_ONLY. FLUSH collects the addresses at which PARENT lost the right to write: the caller
 * flushes. false: no memory, CHILD is to be destroyed. */
bool user_tables_share(struct user_tables *parent, struct user_tables *child, uint64_t start,
                       uint64_t end, bool copies_only, struct tlb_flush *flush);

/* Bits for a page that PROT allows to be seen; PTE_WRITE is the fault's to add. */
uint64_t user_entry_bits(int prot);

#endif
