/*
 * Locks: pages_lock (spin) guards the buddy system; innermost but the log's. A CPU's private cache
 * belongs to the code that runs there with preemption off.
 */
#include "kernel/mem/pages.h"

#include <sluice/env.h>

#include "kernel/cpu/spinlock.h"
#include "kernel/log.h"
#include "kernel/mem/bootmem.h"
#include "kernel/mem/buddy.h"
#include "kernel/mem/tables.h"
#include "kernel/task/thread.h"

/* Single pages of one CPU: taken and given without a lock. Lives in a page of its own. */
#define CACHE_SIZE   256u
#define CACHE_ZEROED 16u
#define CACHE_ORDER  4u /* pages move between cache and buddy in blocks of this order's size */
#define CACHE_BATCH  (1u << CACHE_ORDER)

struct page_cache {
    uint32_t count, zeroed_count;
    void *pages[CACHE_SIZE];
    void *zeroed[CACHE_ZEROED]; /* page tables, mostly, that were in use and became empty */
};
_Static_assert(sizeof(struct page_cache) <= PAGE_SIZE, "a cache is a page");

static spinlock_t pages_lock;
static struct buddy buddy;
static bool ready;
/* What programs leave to the kernel. */
static size_t reserve;
/* With fewer free than this, others are asked to give memory up. */
static size_t shortage;
static struct env_reclaim *_Atomic reclaims;

void page_zero(void *page)
{
    uint64_t count = PAGE_SIZE / 8;
    __asm__ volatile("rep stosq" : "+D"(page), "+c"(count) : "a"(0ul) : "memory");
}

static void *block_take(unsigned order)
{
    spin_lock(&pages_lock);
    size_t number = buddy_take(&buddy, order);
    spin_unlock(&pages_lock);
    return number == BUDDY_NONE ? NULL : page_address(&page_map[number]);
}

static void block_give(void *block, unsigned order)
{
    spin_lock(&pages_lock);
    buddy_give(&buddy, page_of(block) - page_map, order);
    spin_unlock(&pages_lock);
}

/* A record of a block that was just taken, or is cached, becomes that of an allocated one. */
static void page_begin(struct page *page, unsigned order)
{
    page->order = order;
    page->state = PAGE_USED;
    page->used = 0;
    atomic_store_explicit(&page->references, 1, memory_order_relaxed);
}

/* This CPU's cache, made at the CPU's first use; NULL when there is no memory. Preemption off. */
static struct page_cache *cache_get(void)
{
    struct cpu *cpu = this_cpu();
    if (__builtin_expect(cpu->page_cache == NULL, 0)) {
        struct page_cache *cache = block_take(0);
        if (cache == NULL)
            return NULL;
        page_begin(page_of(cache), 0);
        cache->count = cache->zeroed_count = 0;
        cpu->page_cache = cache;
    }
    return cpu->page_cache;
}

static void cache_add(struct page_cache *cache, void *address)
{
    page_of(address)->state = PAGE_CACHED;
    cache->pages[cache->count++] = address;
}

/* One block cut into pages while there are such blocks, else as many pages as there are. */
static void cache_fill(struct page_cache *cache)
{
    char *block = block_take(CACHE_ORDER);
    if (block != NULL) {
        for (unsigned i = CACHE_BATCH; i-- > 0;)
            cache_add(cache, block + i * PAGE_SIZE);
        return;
    }
    void *page;
    while (cache->count < CACHE_BATCH && (page = block_take(0)) != NULL)
        cache_add(cache, page);
}

static void cache_drain(struct page_cache *cache)
{
    spin_lock(&pages_lock);
    for (unsigned i = 0; i < CACHE_BATCH; i++)
        buddy_give(&buddy, page_of(cache->pages[--cache->count]) - page_map, 0);
    spin_unlock(&pages_lock);
}

/* *ZEROED: a page of zeros is wanted; afterwards whether it is one. */
static void *single_take(bool *zeroed)
{
    void *address = NULL;
    preempt_disable();
    struct page_cache *cache = cache_get();
    bool recycled = *zeroed && cache != NULL && cache->zeroed_count > 0;
    if (recycled) {
        address = cache->zeroed[--cache->zeroed_count];
    } else if (cache != NULL) {
        if (cache->count == 0)
            cache_fill(cache);
        if (cache->count > 0)
            address = cache->pages[--cache->count];
        else if (cache->zeroed_count > 0)
            address = cache->zeroed[--cache->zeroed_count];
    }
    preempt_enable();
    *zeroed = recycled;
    return address;
}

static void single_give(void *address)
{
    preempt_disable();
    struct page_cache *cache = cache_get();
    if (cache == NULL) {
        block_give(address, 0);
    } else {
        if (cache->count == CACHE_SIZE)
            cache_drain(cache);
        cache_add(cache, address);
    }
    preempt_enable();
}

/* ---- Shortage ---- */

#define RECLAIM_BATCH 32u

void pages_reclaim_register(struct env_reclaim *reclaim)
{
    reclaim->next = atomic_load(&reclaims);
    while (!atomic_compare_exchange_weak(&reclaims, &reclaim->next, reclaim))
        ;
}

/* Asks for memory back, if this is a place where others may be called: no spinlock is held and
 * nobody is being asked already, for what they allocate comes here as well. */
static size_t pages_reclaim(size_t wanted)
{
    size_t freed = 0;
    struct thread *self = current_thread();
    if (atomic_load_explicit(&reclaims, memory_order_relaxed) == NULL || preempt_count() != 0 ||
        self == NULL || self->reclaiming)
        return 0;
    self->reclaiming = true;
    for (struct env_reclaim *at = atomic_load(&reclaims); at && freed < wanted; at = at->next)
        freed += at->reclaim(at->arg, wanted - freed);
    self->reclaiming = false;
    return freed;
}

/* When memory is short of what nobody can give back, asking at each allocation would only cost:
 * after a vain try this many go by. */
#define RECLAIM_PAUSE 64

static void pages_replenish(void)
{
    static _Atomic int pause;
    if (atomic_load_explicit(&pause, memory_order_relaxed) > 0)
        atomic_fetch_sub_explicit(&pause, 1, memory_order_relaxed);
    else if (preempt_count() == 0 && pages_reclaim(2 * RECLAIM_BATCH) < RECLAIM_BATCH / 2)
        atomic_store_explicit(&pause, RECLAIM_PAUSE, memory_order_relaxed);
}

/* Gives up what this CPU has to itself, but for a little: other CPUs, and larger blocks, need it.
 */
static void single_share(void)
{
    preempt_disable();
    struct page_cache *cache = this_cpu()->page_cache;
    while (cache != NULL && cache->count >= 2 * CACHE_BATCH)
        cache_drain(cache);
    preempt_enable();
}

/* Keeps some pages free for those who can't ask for memory back. false: there is only the reserve
 * left, and FLAGS don't stand for the kernel. */
static __attribute__((noinline)) bool pages_suffice(unsigned flags)
{
    pages_replenish();
    single_share();
    if (!(flags & PAGES_USER) || pages_free() >= reserve)
        return true;
    return pages_reclaim(4 * RECLAIM_BATCH) > 0;
}

static void *page_take(unsigned order, bool *zeroed)
{
    return order == 0 ? single_take(zeroed) : block_take(order);
}

/* ---- Allocation ---- */

void *page_alloc(unsigned order, unsigned flags)
{
    if (__builtin_expect(!ready, 0))
        return order == 0 ? bootmem_page() : NULL;
    if (__builtin_expect(buddy.free < shortage, 0) && !pages_suffice(flags))
        return NULL;
    bool zeroed = flags & PAGES_ZERO;
    char *address = page_take(order, &zeroed);
    if (__builtin_expect(address == NULL, 0) && pages_reclaim(4 * RECLAIM_BATCH << order) > 0) {
        zeroed = flags & PAGES_ZERO;
        address = page_take(order, &zeroed);
    }
    if (address == NULL)
        return NULL;
    page_begin(page_of(address), order);
    if ((flags & PAGES_ZERO) && (order > 0 || !zeroed))
        for (unsigned i = 0; i < 1u << order; i++)
            page_zero(address + i * PAGE_SIZE);
    return address;
}

void page_ref(void *address)
{
    atomic_fetch_add_explicit(&page_of(address)->references, 1, memory_order_relaxed);
}

void page_unref(void *address)
{
    struct page *page = page_of(address);
    /* The only reference is the caller's, so nobody can be adding one. */
    if (atomic_load_explicit(&page->references, memory_order_acquire) != 1) {
        uint32_t before = atomic_fetch_sub_explicit(&page->references, 1, memory_order_acq_rel);
        kassert(before != 0);
        if (before != 1)
            return;
    }
    kassert(page->state >= PAGE_USED);
    atomic_store_explicit(&page->references, 0, memory_order_relaxed);
    unsigned order = page->order;
    if (order == 0)
        single_give(address);
    else
        block_give(address, order);
}

void page_unref_zeroed(void *address)
{
    preempt_disable();
    struct page_cache *cache = this_cpu()->page_cache;
    bool room = cache != NULL && cache->zeroed_count < CACHE_ZEROED;
    if (room) {
        page_of(address)->state = PAGE_CACHED;
        atomic_store_explicit(&page_of(address)->references, 0, memory_order_relaxed);
        cache->zeroed[cache->zeroed_count++] = address;
    }
    preempt_enable();
    if (!room)
        page_unref(address);
}

uint32_t page_references(const void *address)
{
    return atomic_load_explicit(&page_of(address)->references, memory_order_acquire);
}

size_t pages_total(void)
{
    return buddy.total;
}

size_t pages_free(void)
{
    size_t free = buddy.free;
    for (uint32_t i = 0; i < cpu_count; i++) {
        const struct page_cache *cache = cpus[i] ? cpus[i]->page_cache : NULL;
        if (cache != NULL)
            free += cache->count + cache->zeroed_count;
    }
    return free;
}

static void reserve_set(void)
{
    reserve = buddy.total / 128;
    shortage = buddy.total / 64;
}

void pages_release_reserved(uint64_t physical, size_t size)
{
    size_t first = page_ceil(physical) >> PAGE_SHIFT;
    size_t end = page_floor(physical + size) >> PAGE_SHIFT;
    if (end <= first)
        return;
    spin_lock(&pages_lock);
    buddy_add(&buddy, first, end - first);
    reserve_set();
    spin_unlock(&pages_lock);
}

void pages_init(void)
{
    bootmem_init();
    buddy_init(&buddy, page_map);
    uint64_t start, end;
    while (bootmem_take_rest(&start, &end))
        buddy_add(&buddy, start >> PAGE_SHIFT, (end - start) >> PAGE_SHIFT);
    reserve_set();
    ready = true;
    tables_check();
    log_write(LOG_INFO, "memory: %lu MiB, %lu KiB free", (unsigned long)(bootmem_ram() >> 20),
              (unsigned long)(buddy.free * PAGE_SIZE >> 10));
}
