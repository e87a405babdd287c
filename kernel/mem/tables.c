/* Locks: tables_lock, then those of page_alloc. */
#include "kernel/mem/tables.h"

#include "kernel/cpu/msr.h"
#include "kernel/cpu/spinlock.h"
#include "kernel/log.h"
#include "kernel/mem/pages.h"

static spinlock_t tables_lock;
/* In the image, so below 4 GiB: application processors load it from 32-bit code's reach. */
static uint64_t top[TABLE_COUNT] __attribute__((aligned(4096)));

uint64_t tables_root(void)
{
    return (uint64_t)top - KERNEL_BASE;
}

void tables_load(void)
{
    cr3_write(tables_root());
    cr4_write(cr4_read() | CR4_PGE);
}

/* The table below ENTRY, made when absent. */
static uint64_t *table_below(uint64_t *entry, bool create)
{
    if (!(*entry & PTE_PRESENT)) {
        void *table = create ? page_alloc(0, PAGES_ZERO) : NULL;
        if (table == NULL)
            return NULL;
        *entry = page_physical(table) | PTE_PRESENT | PTE_WRITE | PTE_ACCESSED;
    }
    kassert(!(*entry & PTE_LARGE));
    return table_of(*entry);
}

/* The entry for ADDRESS in its table of LEVEL. */
static uint64_t *entry_at(uint64_t address, unsigned level, bool create)
{
    uint64_t *table = top;
    for (unsigned at = 3; at > level; at--) {
        table = table_below(&table[table_index(address, at)], create);
        if (table == NULL)
            return NULL;
    }
    return &table[table_index(address, level)];
}

/* Tables of the kernel's half are never taken away, so looking needs no lock. */
uint64_t *tables_entry(uint64_t address, bool create)
{
    if (!create)
        return entry_at(address, 0, false);
    spin_lock(&tables_lock);
    uint64_t *entry = entry_at(address, 0, true);
    spin_unlock(&tables_lock);
    return entry;
}

bool tables_map(uint64_t address, uint64_t physical, size_t size, uint64_t flags)
{
    bool done = true;
    spin_lock(&tables_lock);
    while (size > 0 && done) {
        bool large = (flags & PTE_LARGE) && size >= LARGE_SIZE &&
                     ((address | physical) & (LARGE_SIZE - 1)) == 0;
        size_t step = large ? LARGE_SIZE : PAGE_SIZE;
        uint64_t *entry = entry_at(address, large ? 1 : 0, true);
        done = entry != NULL;
        if (done)
            *entry = physical | (large ? flags : flags & ~PTE_LARGE);
        address += step;
        physical += step;
        size -= step;
    }
    spin_unlock(&tables_lock);
    return done;
}

void tables_reserve(uint64_t address)
{
    if (entry_at(address, 2, true) == NULL)
        panic("no memory for the kernel's page tables");
}

bool tables_identity(bool on)
{
    if (on)
        return tables_map(0, 0, LARGE_SIZE, PTE_PRESENT | PTE_LARGE);
    uint64_t *pointers = table_of(top[0]);
    void *directory = table_of(pointers[0]);
    top[0] = 0;
    cr3_write(cr3_read());
    page_unref(directory);
    page_unref(pointers);
    return true;
}

/* RIGHTS are those of the tables above: writable only when all levels are, executable only when
 * none has NX. */
static void check_table(const uint64_t *table, unsigned level, uint64_t base, uint64_t rights)
{
    for (unsigned i = 0; i < TABLE_COUNT; i++) {
        uint64_t entry = table[i];
        if (!(entry & PTE_PRESENT))
            continue;
        uint64_t here = base + ((uint64_t)i << (PAGE_SHIFT + 9 * level));
        if (level == 3 && i >= TABLE_COUNT / 2)
            here |= 0xffff000000000000ul;
        uint64_t mine = ((rights & entry) & PTE_WRITE) | ((rights | entry) & PTE_NX);
        if (level == 0 || (entry & PTE_LARGE)) {
            if ((mine & PTE_WRITE) && !(mine & PTE_NX))
                panic("kernel page %lx is writable and executable", (unsigned long)here);
        } else {
            check_table(table_of(entry), level - 1, here, mine);
        }
    }
}

void tables_check(void)
{
    check_table(top, 3, 0, PTE_WRITE);
}
