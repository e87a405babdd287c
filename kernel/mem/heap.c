/*
 * Blocks of up to half a page come from slabs, pages cut into equal blocks; the page's record names
 * the class, so freeing needs no size. Each CPU keeps a short list of free blocks of each class and
 * trades with the slabs by the batch. Larger blocks are pages.
 *
 * Locks: class->lock (spin), then page_alloc's, though pages are taken and given with it dropped.
 * A CPU's lists belong to the code that runs there with preemption off. heap_debug.c has its own.
 */
#include "kernel/mem/heap.h"

#include <stdint.h>
#include <sluice/list.h>
#include <sluice/string.h>
#include "kernel/boot_info.h"
#include "kernel/cpu/spinlock.h"
#include "kernel/log.h"
#include "kernel/mem/heap_debug.h"
#include "kernel/mem/page.h"
#include "kernel/mem/pages.h"

#define SMALL_MAX 2048u
#define GRAIN     16u

/* Each fills a page well: the largest multiple of 16 of which N go into a page. */
static const uint16_t class_sizes[] = {16,  32,  48,  64,  80,   96,   112, 128, 160,
                                       192, 224, 256, 288, 304,  336,  368, 400, 448,
                                       512, 576, 672, 816, 1024, 1360, 2048};
#define CLASS_COUNT (sizeof(class_sizes) / sizeof(class_sizes[0]))

struct block {
    struct block *next;
};

/* One CPU's free blocks of one class. */
struct magazine {
    struct block *blocks;
    uint32_t count;
    uint32_t batch; /* how many move at once; twice that many are kept at most */
};

struct heap_cache {
    struct magazine magazines[CLASS_COUNT];
    int64_t used; /* bytes handed out here less bytes freed here: the sum over CPUs counts */
};
_Static_assert(sizeof(struct heap_cache) <= PAGE_SIZE, "a cache is a page");

struct class
{
    spinlock_t lock;
    struct list partial; /* slabs with a free block */
    struct page *spare;  /* an empty slab kept, or NULL */
};

static struct class classes[CLASS_COUNT];
static uint8_t class_of[SMALL_MAX / GRAIN + 1]; /* by size in grains */
static bool debug;

static unsigned class_find(size_t size)
{
    return class_of[(size + GRAIN - 1) / GRAIN];
}

static uint32_t batch_of(unsigned class)
{
    uint32_t batch = 4096u / class_sizes[class];
    return batch > 32 ? 32 : batch;
}

void heap_init(void)
{
    unsigned class = 0;
    for (unsigned grains = 0; grains <= SMALL_MAX / GRAIN; grains++) {
        if (grains * GRAIN > class_sizes[class])
            class ++;
        class_of[grains] = class;
    }
    for (unsigned i = 0; i < CLASS_COUNT; i++)
        list_init(&classes[i].partial);
    debug = command_number("heap.debug", 0) != 0;
}

/* ---- Slabs ---- */

static struct page *slab_create(unsigned class)
{
    char *memory = page_alloc(0, debug ? PAGES_ZERO : 0); /* no stale debug headers */
    if (memory == NULL)
        return NULL;
    struct page *slab = page_of(memory);
    struct block *next = NULL;
    unsigned size = class_sizes[class];
    for (unsigned at = PAGE_SIZE / size; at-- > 0; next = (struct block *)(memory + at * size))
        ((struct block *)(memory + at * size))->next = next;
    slab->blocks = next;
    slab->used = 0;
    slab->state = PAGE_SLAB + class;
    return slab;
}

static void slab_destroy(struct page *slab)
{
    slab->state = PAGE_USED;
    page_unref(page_address(slab));
}

/* A slab with room, at the front of the class's list; NULL when there is none. Locked. */
static struct page *slab_with_room(struct class *class)
{
    if (list_empty(&class->partial)) {
        if (class->spare == NULL)
            return NULL;
        list_push_front(&class->partial, &class->spare->link);
        class->spare = NULL;
    }
    return container_of(class->partial.next, struct page, link);
}

/* Moves up to a batch from slabs to MAGAZINE. */
static __attribute__((noinline)) void magazine_fill(struct magazine *magazine, unsigned number)
{
    struct class *class = &classes[number];
    spin_lock(&class->lock);
    while (magazine->count < magazine->batch) {
        struct page *slab = slab_with_room(class);
        if (slab == NULL && magazine->count > 0)
            break;
        if (slab == NULL) {
            spin_unlock(&class->lock);
            slab = slab_create(number);
            spin_lock(&class->lock);
            if (slab == NULL)
                break;
            list_push_front(&class->partial, &slab->link);
        }
        struct block *block = slab->blocks;
        slab->blocks = block->next;
        slab->used++;
        if (slab->blocks == NULL)
            list_remove(&slab->link);
        block->next = magazine->blocks;
        magazine->blocks = block;
        magazine->count++;
    }
    spin_unlock(&class->lock);
}

/* Gives BLOCK back to its slab; the slab to be destroyed, or NULL. Locked. */
static struct page *slab_put(struct class *class, struct block *block)
{
    struct page *slab = page_of(block);
    if (slab->blocks == NULL)
        list_push_back(&class->partial, &slab->link);
    block->next = slab->blocks;
    slab->blocks = block;
    if (--slab->used > 0)
        return NULL;
    list_remove(&slab->link);
    if (class->spare == NULL) {
        class->spare = slab;
        return NULL;
    }
    return slab;
}

static __attribute__((noinline)) void magazine_drain(struct magazine *magazine, unsigned number)
{
    struct class *class = &classes[number];
    struct list empty;
    list_init(&empty);
    spin_lock(&class->lock);
    for (uint32_t i = 0; i < magazine->batch; i++) {
        struct block *block = magazine->blocks;
        magazine->blocks = block->next;
        magazine->count--;
        struct page *slab = slab_put(class, block);
        if (slab != NULL)
            list_push_back(&empty, &slab->link);
    }
    spin_unlock(&class->lock);
    struct list *link;
    while ((link = list_pop_front(&empty)) != NULL)
        slab_destroy(container_of(link, struct page, link));
}

/* ---- Blocks ---- */

/* This CPU's lists, made at the CPU's first use; NULL when there is no memory. Preemption off. */
static struct heap_cache *cache_get(void)
{
    struct cpu *cpu = this_cpu();
    if (__builtin_expect(cpu->heap_cache == NULL, 0)) {
        struct heap_cache *cache = page_alloc(0, PAGES_ZERO);
        if (cache == NULL)
            return NULL;
        for (unsigned i = 0; i < CLASS_COUNT; i++)
            cache->magazines[i].batch = batch_of(i);
        cpu->heap_cache = cache;
    }
    return cpu->heap_cache;
}

static inline bool magazine_full(const struct magazine *magazine)
{
    return magazine->count >= 2 * magazine->batch;
}

/* Takes the first block of CLASS; there is one. Preemption off. */
static inline struct block *cache_take(struct heap_cache *cache, unsigned class)
{
    struct magazine *magazine = &cache->magazines[class];
    struct block *block = magazine->blocks;
    magazine->blocks = block->next;
    magazine->count--;
    cache->used += class_sizes[class];
    return block;
}

/* Preemption off. */
static inline void cache_give(struct heap_cache *cache, unsigned class, struct block *block)
{
    struct magazine *magazine = &cache->magazines[class];
    block->next = magazine->blocks;
    magazine->blocks = block;
    magazine->count++;
    cache->used -= class_sizes[class];
}

/* When this CPU has no list, or none of the class. */
static __attribute__((noinline)) void *small_alloc_slow(unsigned class)
{
    struct block *block = NULL;
    preempt_disable();
    struct heap_cache *cache = cache_get();
    if (cache != NULL) {
        struct magazine *magazine = &cache->magazines[class];
        if (magazine->blocks == NULL)
            magazine_fill(magazine, class);
        if (magazine->blocks != NULL)
            block = cache_take(cache, class);
    }
    preempt_enable();
    return block;
}

/* Almost every allocation ends here, with nothing called. */
static inline void *small_alloc(unsigned class)
{
    preempt_disable();
    struct heap_cache *cache = this_cpu()->heap_cache;
    if (__builtin_expect(cache == NULL || cache->magazines[class].blocks == NULL, 0)) {
        preempt_enable();
        return small_alloc_slow(class);
    }
    struct block *block = cache_take(cache, class);
    preempt_enable();
    return block;
}

/* When this CPU has no lists, or enough of the class. */
static __attribute__((noinline)) void small_free_slow(struct block *block, unsigned class)
{
    preempt_disable();
    struct heap_cache *cache = cache_get();
    if (cache == NULL) {
        /* Without memory for a cache this CPU can't have allocated; it can still free. */
        struct magazine alone = {.blocks = block, .count = 1, .batch = 1};
        block->next = NULL;
        magazine_drain(&alone, class);
    } else {
        struct magazine *magazine = &cache->magazines[class];
        bool full = magazine_full(magazine);
        cache_give(cache, class, block);
        if (full)
            magazine_drain(magazine, class);
    }
    preempt_enable();
}

static inline void small_free(struct block *block, unsigned class)
{
    preempt_disable();
    struct heap_cache *cache = this_cpu()->heap_cache;
    if (__builtin_expect(cache == NULL || magazine_full(&cache->magazines[class]), 0)) {
        preempt_enable();
        small_free_slow(block, class);
        return;
    }
    cache_give(cache, class, block);
    preempt_enable();
}

static void used_add(int64_t bytes)
{
    preempt_disable();
    struct heap_cache *cache = cache_get();
    if (cache != NULL)
        cache->used += bytes;
    preempt_enable();
}

static void *large_alloc(size_t size)
{
    unsigned order = 0;
    while ((PAGE_SIZE << order) < size)
        if (++order > PAGES_MAX_ORDER)
            return NULL;
    void *block = page_alloc(order, debug ? PAGES_ZERO : 0);
    if (block == NULL)
        return NULL;
    page_of(block)->state = PAGE_LARGE;
    used_add(PAGE_SIZE << order);
    return block;
}

static void large_free(void *block)
{
    struct page *page = page_of(block);
    used_add(-(int64_t)(PAGE_SIZE << page->order));
    page->state = PAGE_USED;
    page_unref(page_address(page));
}

static inline void *raw_alloc(size_t size)
{
    return size <= SMALL_MAX ? small_alloc(class_find(size)) : large_alloc(size);
}

void *heap_raw_alloc(size_t size)
{
    return raw_alloc(size);
}

static inline void raw_free(void *block)
{
    unsigned state = page_of(block)->state;
    if (state >= PAGE_SLAB && state < PAGE_SLAB + CLASS_COUNT)
        small_free(block, state - PAGE_SLAB);
    else if (state == PAGE_LARGE)
        large_free(block);
    else
        panic("heap_free(%p): not a heap block", block);
}

void heap_raw_free(void *block)
{
    raw_free(block);
}

/* ---- The interface ---- */

void *heap_alloc_for(size_t size, unsigned flags, const void *caller)
{
    void *block = __builtin_expect(debug, 0) ? heap_debug_alloc(size, caller) : raw_alloc(size);
    if (block == NULL || !(flags & HEAP_ZERO))
        return block;
    return memset(block, 0, size);
}

void *heap_alloc(size_t size, unsigned flags)
{
    return heap_alloc_for(size, flags, __builtin_return_address(0));
}

void heap_free(void *block)
{
    if (block == NULL)
        return;
    if (__builtin_expect(debug, 0))
        heap_debug_free(block, __builtin_return_address(0));
    else
        raw_free(block);
}

size_t heap_used(void)
{
    int64_t used = 0;
    for (uint32_t i = 0; i < cpu_count; i++) {
        const struct heap_cache *cache = cpus[i] ? cpus[i]->heap_cache : NULL;
        if (cache != NULL)
            used += cache->used;
    }
    return used > 0 ? used : 0;
}

void heap_report(void)
{
    if (debug)
        heap_debug_report();
}
