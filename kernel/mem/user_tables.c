/* Locks: spare_lock (spin) guards the spare top tables; nothing is taken inside it. */
#include "kernel/mem/user_tables.h"

#include <sluice/string.h>
#include "kernel/abi/mman.h"
#include "kernel/cpu/spinlock.h"
#include "kernel/log.h"
#include "kernel/mem/page.h"

#define LEAF_SPAN (PAGE_SIZE * TABLE_COUNT) /* what one lowest table maps */
#define USER_TOP  (TABLE_COUNT / 2)         /* top entries that are the user's */

static uint64_t zero_page;

/* Top tables whose user half is empty: the kernel's half, the same in all, needn't be copied anew.
 */
#define SPARE_TOPS 16u
static spinlock_t spare_lock;
static uint64_t *spare_tops[SPARE_TOPS];
static unsigned spare_count;

void user_tables_boot(void)
{
    void *page = page_alloc(0, PAGES_ZERO);
    kassert(page != NULL);
    zero_page = page_physical(page);
}

uint64_t user_zero_page(void)
{
    return zero_page;
}

bool user_entry_is_zero_page(uint64_t entry)
{
    return (entry & PTE_FRAME) == zero_page;
}

uint64_t user_entry_bits(int prot)
{
    if ((prot & (ABI_PROT_READ | ABI_PROT_WRITE | ABI_PROT_EXEC)) == 0)
        return PTE_HIDDEN | PTE_NX;
    return PTE_PRESENT | PTE_USER | PTE_ACCESSED | (prot & ABI_PROT_EXEC ? 0 : PTE_NX);
}

static struct page *table_record(const uint64_t *entry)
{
    return page_of((const void *)page_floor((uint64_t)entry));
}

static uint64_t *top_create(void)
{
    uint64_t *top = NULL;
    spin_lock(&spare_lock);
    if (spare_count > 0)
        top = spare_tops[--spare_count];
    spin_unlock(&spare_lock);
    if (top != NULL || (top = page_alloc(0, PAGES_ZERO)) == NULL)
        return top;
    const uint64_t *kernel = table_of(tables_root());
    memcpy(top + USER_TOP, kernel + USER_TOP, USER_TOP * sizeof(uint64_t));
    return top;
}

static void top_destroy(uint64_t *top)
{
    kassert(page_of(top)->used == 0);
    spin_lock(&spare_lock);
    bool room = spare_count < SPARE_TOPS;
    if (room)
        spare_tops[spare_count++] = top;
    spin_unlock(&spare_lock);
    if (!room)
        page_unref(top);
}

bool user_tables_init(struct user_tables *tables)
{
    tables->top = top_create();
    if (tables->top == NULL)
        return false;
    tables->hardware.root = page_physical(tables->top);
    atomic_store(&tables->hardware.cpus, 0);
    tables->resident = tables->copies = tables->below = 0;
    return true;
}

uint64_t *user_entry(struct user_tables *tables, uint64_t address, bool create)
{
    uint64_t *table = tables->top;
    for (unsigned level = 3; level > 0; level--) {
        uint64_t *entry = &table[table_index(address, level)];
        if (*entry == 0) {
            void *below = create ? page_alloc(0, PAGES_ZERO | PAGES_USER) : NULL;
            if (below == NULL)
                return NULL;
            entry_set(entry,
                      page_physical(below) | PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_ACCESSED);
            table_record(entry)->used++;
            tables->below++;
        }
        table = table_of(*entry);
    }
    return &table[table_index(address, 0)];
}

/* ENTRY's page is counted in or out. */
static void count(struct user_tables *tables, uint64_t entry, int change)
{
    if (user_entry_is_zero_page(entry))
        return;
    tables->resident += change;
    if (entry & PTE_PRIVATE)
        tables->copies += change;
}

void user_entry_fill(struct user_tables *tables, uint64_t *entry, uint64_t value)
{
    table_record(entry)->used++;
    count(tables, value, 1);
    entry_set(entry, value);
}

void user_entry_replace(struct user_tables *tables, uint64_t *entry, uint64_t address,
                        uint64_t value)
{
    uint64_t old = *entry;
    entry_set(entry, value);
    struct tlb_flush flush = {0};
    tlb_add(&flush, address);
    tlb_flush(&tables->hardware, &flush);
    count(tables, old, -1);
    count(tables, value, 1);
    if (!user_entry_is_zero_page(old))
        page_unref(entry_page(old));
}

/* ---- Walking ---- */

/* The first lowest table that exists at or after *AT and before END: *AT is set to the first
 * address of interest in it, *STOP to where it or the range ends. NULL when there is none. */
static uint64_t *leaf_next(const struct user_tables *tables, uint64_t *at, uint64_t end,
                           uint64_t *stop)
{
    while (*at < end) {
        uint64_t *table = tables->top;
        unsigned level = 3;
        uint64_t entry;
        while ((entry = table[table_index(*at, level)]) != 0 && level > 1) {
            table = table_of(entry);
            level--;
        }
        uint64_t span = PAGE_SIZE << (9 * level);
        uint64_t next = (*at & ~(span - 1)) + span;
        if (entry != 0) {
            *stop = next < end ? next : end;
            return table_of(entry);
        }
        *at = next;
    }
    return NULL;
}

/* ---- Taking away ---- */

/* Pages and tables that were unlinked, to be freed once no CPU can reach them. */
struct gathering {
    bool dead;        /* no CPU can: free at once */
    bool pagers_only; /* private copies stay */
    unsigned count;
    struct tlb_flush flush;
    void *pages[96]; /* bit 0: a table, so a page of zeros again */
};

static void gathered_free(void *page)
{
    if ((uint64_t)page & 1)
        page_unref_zeroed((char *)page - 1);
    else
        page_unref(page);
}

static void gathering_finish(struct user_tables *tables, struct gathering *gathering)
{
    tlb_flush(&tables->hardware, &gathering->flush);
    for (unsigned i = 0; i < gathering->count; i++)
        gathered_free(gathering->pages[i]);
    gathering->count = 0;
    gathering->flush.count = 0;
}

/* PAGE was reached by ADDRESS. */
static void gathering_add(struct user_tables *tables, struct gathering *gathering, void *page,
                          uint64_t address)
{
    if (gathering->dead) {
        gathered_free(page);
        return;
    }
    tlb_add(&gathering->flush, address);
    gathering->pages[gathering->count++] = page;
    if (gathering->count == sizeof(gathering->pages) / sizeof(gathering->pages[0]))
        gathering_finish(tables, gathering);
}

/* Takes the pages of [START, STOP) out of LEAF, the table that holds their entries. */
static void unmap_leaf(struct user_tables *tables, uint64_t *leaf, uint64_t start, uint64_t stop,
                       struct gathering *gathering)
{
    uint64_t *first = &leaf[table_index(start, 0)], *last = first + (stop - start) / PAGE_SIZE;
    unsigned left = page_of(leaf)->used, present = left, pages = 0, copies = 0;
    for (uint64_t *entry = first; entry < last && present > 0; entry++) {
        uint64_t old = *entry;
        if (old == 0)
            continue;
        present--;
        if (gathering->pagers_only && (old & PTE_PRIVATE))
            continue;
        uint64_t address = start + (uint64_t)(entry - first) * PAGE_SIZE;
        entry_set(entry, 0);
        left--;
        if (user_entry_is_zero_page(old)) {
            tlb_add(&gathering->flush, address);
            continue;
        }
        pages++;
        copies += (old & PTE_PRIVATE) != 0;
        gathering_add(tables, gathering, entry_page(old), address);
    }
    page_of(leaf)->used = left;
    tables->resident -= pages;
    tables->copies -= copies;
}

/* Unlinks the tables on the way to ADDRESS that have become empty. What CPUs have cached of the way
 * through a table goes with any of its addresses. */
static void prune(struct user_tables *tables, uint64_t address, struct gathering *gathering)
{
    uint64_t *path[3], *table = tables->top;
    for (unsigned level = 3; level > 0; level--) {
        path[level - 1] = &table[table_index(address, level)];
        table = table_of(*path[level - 1]);
    }
    for (unsigned level = 0; level < 3; level++) {
        char *below = (char *)table_of(*path[level]);
        if (page_of(below)->used > 0)
            return;
        entry_set(path[level], 0);
        table_record(path[level])->used--;
        tables->below--;
        gathering_add(tables, gathering, below + 1, address);
    }
}

static void unmap(struct user_tables *tables, uint64_t start, uint64_t end,
                  struct gathering *gathering)
{
    uint64_t at = start, stop;
    uint64_t *leaf;
    while ((leaf = leaf_next(tables, &at, end, &stop)) != NULL) {
        unmap_leaf(tables, leaf, at, stop, gathering);
        if (page_of(leaf)->used == 0)
            prune(tables, at, gathering);
        at = stop;
    }
}

static void unmap_alive(struct user_tables *tables, uint64_t start, uint64_t end, bool pagers_only)
{
    struct gathering gathering;
    gathering.dead = false;
    gathering.pagers_only = pagers_only;
    gathering.count = 0;
    gathering.flush.count = 0;
    unmap(tables, start, end, &gathering);
    gathering_finish(tables, &gathering);
}

void user_tables_unmap(struct user_tables *tables, uint64_t start, uint64_t end)
{
    unmap_alive(tables, start, end, false);
}

void user_tables_unmap_pagers(struct user_tables *tables, uint64_t start, uint64_t end)
{
    unmap_alive(tables, start, end, true);
}

void user_tables_forget(struct user_tables *tables)
{
    tlb_forget(&tables->hardware);
}

void user_tables_discard(struct user_tables *tables, uint64_t start, uint64_t end)
{
    struct gathering gathering;
    gathering.dead = true;
    gathering.pagers_only = false;
    gathering.flush.count = 0;
    unmap(tables, start, end, &gathering);
}

void user_tables_destroy(struct user_tables *tables)
{
    top_destroy(tables->top);
}

/* ---- Changing ---- */

void user_tables_protect(struct user_tables *tables, uint64_t start, uint64_t end, int prot)
{
    const uint64_t rights = PTE_PRESENT | PTE_USER | PTE_ACCESSED | PTE_NX | PTE_HIDDEN;
    uint64_t bits = user_entry_bits(prot);
    struct tlb_flush flush = {0};
    uint64_t at = start, stop;
    uint64_t *leaf;
    while ((leaf = leaf_next(tables, &at, end, &stop)) != NULL) {
        for (; at < stop; at += PAGE_SIZE) {
            uint64_t *entry = &leaf[table_index(at, 0)];
            uint64_t old = *entry;
            if (old == 0)
                continue;
            uint64_t keep = prot & ABI_PROT_WRITE ? ~rights : ~(rights | PTE_WRITE);
            uint64_t value = (old & keep) | bits;
            if (bits & PTE_HIDDEN)
                value &= ~PTE_WRITE;
            if (value == old)
                continue;
            entry_set(entry, value);
            if (old & PTE_PRESENT)
                tlb_add(&flush, at);
        }
    }
    tlb_flush(&tables->hardware, &flush);
}

size_t user_tables_clean(struct user_tables *tables, uint64_t start, uint64_t end)
{
    struct tlb_flush flush = {0};
    uint64_t at = start, stop;
    uint64_t *leaf;
    while ((leaf = leaf_next(tables, &at, end, &stop)) != NULL) {
        for (; at < stop; at += PAGE_SIZE) {
            uint64_t *entry = &leaf[table_index(at, 0)];
            if (!(*entry & PTE_WRITE) || (*entry & PTE_PRIVATE))
                continue;
            entry_set(entry, *entry & ~(PTE_WRITE | PTE_DIRTY));
            tlb_add(&flush, at);
        }
    }
    tlb_flush(&tables->hardware, &flush);
    return flush.count;
}

bool user_tables_move(struct user_tables *tables, uint64_t from, uint64_t to, uint64_t size)
{
    struct tlb_flush flush = {0};
    bool done = true;
    uint64_t at = from, stop;
    uint64_t *leaf;
    while (done && (leaf = leaf_next(tables, &at, from + size, &stop)) != NULL) {
        for (; at < stop; at += PAGE_SIZE) {
            uint64_t *entry = &leaf[table_index(at, 0)];
            if (*entry == 0)
                continue;
            uint64_t *target = user_entry(tables, at - from + to, true);
            done = target != NULL;
            if (!done)
                break;
            entry_set(target, *entry);
            table_record(target)->used++;
            entry_set(entry, 0);
            table_record(entry)->used--;
            tlb_add(&flush, at);
        }
    }
    tlb_flush(&tables->hardware, &flush);
    return done;
}

/* ---- Fork ---- */

/* What the child can get again by a fault it gets by a fault. */
static bool worth_sharing(uint64_t entry, bool copies_only)
{
    return entry != 0 && !user_entry_is_zero_page(entry) && (!copies_only || (entry & PTE_PRIVATE));
}

/* One table's part; TARGET is the child's table, NULL as long as there was nothing for it. */
static bool share_leaf(uint64_t *entry, struct user_tables *child, uint64_t at, uint64_t stop,
                       bool copies_only, struct tlb_flush *flush)
{
    uint64_t *target = NULL;
    unsigned pages = 0, copies = 0;
    for (; at < stop; at += PAGE_SIZE, entry++) {
        uint64_t value = *entry;
        if (!worth_sharing(value, copies_only))
            continue;
        if (target == NULL) {
            target = user_entry(child, at, true);
            if (target == NULL)
                return false;
            target -= table_index(at, 0);
        }
        if (value & PTE_WRITE) {
            value &= ~PTE_WRITE;
            entry_set(entry, value);
            tlb_add(flush, at);
        }
        page_ref(entry_page(value));
        target[table_index(at, 0)] = value;
        pages++;
        copies += (value & PTE_PRIVATE) != 0;
    }
    if (target != NULL)
        page_of(target)->used += pages;
    child->resident += pages;
    child->copies += copies;
    return true;
}

bool user_tables_share(struct user_tables *parent, struct user_tables *child, uint64_t start,
                       uint64_t end, bool copies_only, struct tlb_flush *flush)
{
    uint64_t at = start, stop;
    uint64_t *leaf;
    while ((leaf = leaf_next(parent, &at, end, &stop)) != NULL) {
        if (!share_leaf(&leaf[table_index(at, 0)], child, at, stop, copies_only, flush))
            return false;
        at = stop;
    }
    return true;
}
