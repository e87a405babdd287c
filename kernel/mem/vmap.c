/*
 * Ranges are handed out upwards from VMAP_BASE, each with an unmapped page in front; freed ones are
 * kept by size and used again. Freed stacks stay mapped for a while in a small cache, so that
 * making and ending threads doesn't interrupt every CPU each time.
 *
 * Locks: vmap_lock (spin) guards the cache, the holes and the next address; nothing is taken inside
 * it.
 */
#include "kernel/mem/vmap.h"

#include "kernel/cpu/spinlock.h"
#include "kernel/log.h"
#include "kernel/mem/heap.h"
#include "kernel/mem/layout.h"
#include "kernel/mem/pages.h"
#include "kernel/mem/tables.h"
#include "kernel/mem/tlb.h"

/* What bootmem made a top-level entry for: 512 GiB. */
#define REACH_END  (VMAP_BASE + (1ul << 39))
#define CACHE_SIZE 32u

struct hole {
    struct hole *next;
    uint64_t start;
    size_t pages;
};

/* At the low end of a cached stack. */
struct idle_stack {
    struct idle_stack *next;
    size_t size;
};

static spinlock_t vmap_lock;
static uint64_t next_address = VMAP_BASE;
static struct hole *holes;
static struct idle_stack *cache;
static unsigned cached;

void vmap_init(void)
{
    kassert(tables_entry(VMAP_BASE, true) != NULL);
}

/* ---- Addresses ---- */

static struct hole *hole_take(size_t pages)
{
    struct hole **link = &holes;
    while (*link != NULL && (*link)->pages != pages)
        link = &(*link)->next;
    struct hole *hole = *link;
    if (hole != NULL)
        *link = hole->next;
    return hole;
}

/* PAGES pages of address space, or 0. */
static uint64_t range_take(size_t pages)
{
    spin_lock(&vmap_lock);
    struct hole *hole = hole_take(pages);
    uint64_t start = hole ? hole->start : 0;
    if (hole == NULL && pages <= (REACH_END - next_address) / PAGE_SIZE) {
        start = next_address;
        next_address += pages * PAGE_SIZE;
    }
    spin_unlock(&vmap_lock);
    heap_free(hole);
    return start;
}

/* Without memory to remember it by the range is lost: of 512 GiB, a few pages. */
static void range_give(uint64_t start, size_t pages)
{
    struct hole *hole = heap_alloc(sizeof(*hole), 0);
    if (hole == NULL)
        return;
    spin_lock(&vmap_lock);
    *hole = (struct hole){holes, start, pages};
    holes = hole;
    spin_unlock(&vmap_lock);
}

/* ---- Stacks ---- */

static void *cache_take(size_t size)
{
    spin_lock(&vmap_lock);
    struct idle_stack **link = &cache;
    while (*link != NULL && (*link)->size != size)
        link = &(*link)->next;
    struct idle_stack *stack = *link;
    if (stack != NULL) {
        *link = stack->next;
        cached--;
    }
    spin_unlock(&vmap_lock);
    return stack;
}

static bool cache_give(struct idle_stack *stack, size_t size)
{
    spin_lock(&vmap_lock);
    bool room = cached < CACHE_SIZE;
    if (room) {
        *stack = (struct idle_stack){cache, size};
        cache = stack;
        cached++;
    }
    spin_unlock(&vmap_lock);
    return room;
}

static bool page_map_new(uint64_t address)
{
    uint64_t *entry = tables_entry(address, true);
    void *page = entry ? page_alloc(0, 0) : NULL;
    if (page == NULL)
        return false;
    *entry = page_physical(page) | PTE_KERNEL | PTE_WRITE | PTE_NX;
    return true;
}

/* Takes COUNT pages at START away; those that were never mapped are passed over. */
static void pages_unmap(uint64_t start, size_t count)
{
    struct tlb_flush flush = {0};
    void *list = NULL; /* each page's first word links to the next, through the direct map */
    for (size_t i = 0; i < count; i++) {
        uint64_t address = start + i * PAGE_SIZE;
        uint64_t *entry = tables_entry(address, false);
        if (entry == NULL || !(*entry & PTE_PRESENT))
            continue;
        void *page = physical_page(*entry & PTE_FRAME);
        *entry = 0;
        *(void **)page = list;
        list = page;
        tlb_add(&flush, address);
    }
    tlb_flush_kernel(&flush);
    while (list != NULL) {
        void *page = list;
        list = *(void **)page;
        page_unref(page);
    }
}

static void stack_destroy(uint64_t base, size_t pages)
{
    pages_unmap(base + PAGE_SIZE, pages);
    range_give(base, pages + 1);
}

static void *stack_create(size_t pages)
{
    uint64_t base = range_take(pages + 1);
    if (base == 0)
        return NULL;
    uint64_t *guard = tables_entry(base, true);
    bool done = guard != NULL;
    if (done)
        *guard = PTE_GUARD;
    for (size_t i = 1; i <= pages && done; i++)
        done = page_map_new(base + i * PAGE_SIZE);
    if (!done) {
        stack_destroy(base, pages);
        return NULL;
    }
    return (void *)(base + PAGE_SIZE);
}

void *vmap_stack_alloc(size_t size)
{
    size = page_ceil(size);
    void *stack = cache_take(size);
    return stack ? stack : stack_create(size / PAGE_SIZE);
}

void vmap_stack_free(void *stack, size_t size)
{
    size = page_ceil(size);
    if (!cache_give(stack, size))
        stack_destroy((uint64_t)stack - PAGE_SIZE, size / PAGE_SIZE);
}

bool vmap_is_guard(uint64_t address)
{
    if (address < VMAP_BASE || address >= REACH_END)
        return false;
    const uint64_t *entry = tables_entry(address, false);
    return entry != NULL && *entry == PTE_GUARD;
}

/* ---- Devices ---- */

void *vmap_device(uint64_t physical, size_t size)
{
    uint64_t first = page_floor(physical), end;
    if (size == 0 || __builtin_add_overflow(physical, size, &end) || end > PTE_FRAME)
        return NULL;
    size_t pages = (page_ceil(end) - first) / PAGE_SIZE;
    uint64_t base = range_take(pages + 1);
    if (base == 0)
        return NULL;
    uint64_t flags = PTE_KERNEL | PTE_WRITE | PTE_NX | PTE_UNCACHED;
    if (!tables_map(base + PAGE_SIZE, first, pages * PAGE_SIZE, flags))
        return NULL;
    return (void *)(base + PAGE_SIZE + (physical - first));
}
