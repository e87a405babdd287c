/*
 * The porting layer of the host tests: blocks and pages, counted, with failures on request.
 *
 * Blocks come from malloc with a header in front, so the address sanitizer sees overruns and the
 * header sees underruns. Pages come from one arena with a table of counts; free pages are poisoned
 * for the address sanitizer and are reused as late as possible, so that a stale pointer is caught.
 *
 * Locks: blocks_lock and arena_lock are leaves.
 */
#include "env.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sluice/list.h>

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED_ADDRESS 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED_ADDRESS 1
#endif
#endif
#ifdef SANITIZED_ADDRESS
#include <sanitizer/asan_interface.h>
#define PAGE_POISON(p, n)   ASAN_POISON_MEMORY_REGION(p, n)
#define PAGE_UNPOISON(p, n) ASAN_UNPOISON_MEMORY_REGION(p, n)
#else
#define PAGE_POISON(p, n)   ((void)0)
#define PAGE_UNPOISON(p, n) ((void)0)
#endif

#define BLOCK_LIVE  0x51c0ffee51c0ffeeull
#define BLOCK_FREED 0xdeadf4eedeadf4eeull
#define ARENA_PAGES 65536u /* 256 MiB of address space, touched on use */
#define FRESH_BYTE  0xa5   /* what memory that was not asked to be zero holds */

struct block {
    uint64_t magic;
    size_t size;
    uint64_t serial;
    void *caller;
    struct list link;
} __attribute__((aligned(16)));

static pthread_mutex_t blocks_lock = PTHREAD_MUTEX_INITIALIZER;
static struct list blocks = LIST_INIT(blocks);
static uint64_t next_serial;
static size_t live_blocks, live_bytes;

static pthread_mutex_t arena_lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned char *arena;
static uint32_t page_count[ARENA_PAGES]; /* references of a run's first page */
static uint8_t page_order[ARENA_PAGES];
static uint8_t page_used[ARENA_PAGES];
static size_t arena_hand, live_pages;

static atomic_size_t fail_countdown;
static atomic_bool fail_happened;
static atomic_size_t fail_one_in;
static atomic_uint_least64_t fail_chance;

/* Pages of "programs": memory outside the arena that env_user_pin gave away. */
#define PINS_MAX 4096
static struct {
    const void *page;
    uint32_t count;
} pins[PINS_MAX]; /* guarded by arena_lock */
static size_t pins_used, live_pins;

static struct env_reclaim *reclaims; /* guarded by arena_lock; never shrinks */
static atomic_size_t page_limit;     /* live pages from which on there are none; 0: no such limit */

static uint64_t device_phys;
static unsigned char *device_base;
static size_t device_size;

/* ---- Failure injection ---- */

void env_test_fail_after(size_t nth)
{
    atomic_store(&fail_happened, false);
    atomic_store(&fail_countdown, nth);
}

void env_test_fail_some(size_t one_in)
{
    atomic_store(&fail_happened, false);
    atomic_store(&fail_chance, one_in);
    atomic_store(&fail_one_in, one_in);
}

bool env_test_failed(void)
{
    return atomic_load(&fail_happened);
}

bool env_test_fail_round(size_t nth)
{
    bool again = nth == 1 || env_test_failed();

    env_test_fail_after(again ? nth : 0);
    return again;
}

static bool by_chance(size_t one_in)
{
    uint64_t next, last = atomic_load(&fail_chance);

    do
        next = last * 6364136223846793005u + 1442695040888963407u;
    while (!atomic_compare_exchange_weak(&fail_chance, &last, next));
    return (next >> 33) % one_in == 0;
}

static bool must_fail(void)
{
    size_t left = atomic_load(&fail_countdown), one_in = atomic_load(&fail_one_in);

    if (one_in != 0 && by_chance(one_in)) {
        atomic_store(&fail_happened, true);
        return true;
    }
    while (left != 0 && !atomic_compare_exchange_weak(&fail_countdown, &left, left - 1))
        ;
    if (left == 1)
        atomic_store(&fail_happened, true);
    return left == 1;
}

/* ---- Blocks ---- */

static void block_enlist(struct block *block, size_t size, void *caller)
{
    block->magic = BLOCK_LIVE;
    block->size = size;
    block->caller = caller;
    pthread_mutex_lock(&blocks_lock);
    block->serial = next_serial++;
    list_push_back(&blocks, &block->link);
    live_blocks++;
    live_bytes += size;
    pthread_mutex_unlock(&blocks_lock);
}

void *env_alloc(size_t size, unsigned flags)
{
    if (size == 0)
        env_test_fault("env_alloc of nothing");
    if (!(flags & ENV_NOSLEEP))
        env_test_assert_may_sleep("env_alloc without ENV_NOSLEEP");
    if (must_fail() || size > SIZE_MAX / 2)
        return NULL;

    struct block *block = malloc(sizeof *block + size);
    if (block == NULL)
        return NULL;
    block_enlist(block, size, __builtin_return_address(0));
    memset(block + 1, flags & ENV_ZERO ? 0 : FRESH_BYTE, size);
    return block + 1;
}

void env_free(void *memory, size_t size)
{
    if (memory == NULL)
        return;
    struct block *block = (struct block *)memory - 1;
    if (block->magic != BLOCK_LIVE)
        env_test_fault("env_free(%p): not a live block", memory);
    if (block->size != size)
        env_test_fault("env_free(%p, %zu): its size is %zu", memory, size, block->size);

    pthread_mutex_lock(&blocks_lock);
    list_remove(&block->link);
    live_blocks--;
    live_bytes -= size;
    pthread_mutex_unlock(&blocks_lock);
    block->magic = BLOCK_FREED;
    free(block);
}

struct env_test_memory env_test_memory(void)
{
    struct env_test_memory now;

    pthread_mutex_lock(&blocks_lock);
    now.blocks = live_blocks;
    now.bytes = live_bytes;
    pthread_mutex_unlock(&blocks_lock);
    pthread_mutex_lock(&arena_lock);
    now.pages = live_pages;
    now.pins = live_pins;
    pthread_mutex_unlock(&arena_lock);
    return now;
}

uint64_t env_test_memory_mark(void)
{
    pthread_mutex_lock(&blocks_lock);
    uint64_t mark = next_serial;
    pthread_mutex_unlock(&blocks_lock);
    return mark;
}

void env_test_memory_report(uint64_t mark)
{
    pthread_mutex_lock(&blocks_lock);
    list_for_each (node, &blocks) {
        struct block *block = container_of(node, struct block, link);
        if (block->serial >= mark)
            fprintf(stderr, "  %zu bytes at %p, allocated by code at %p\n", block->size,
                    (void *)(block + 1), block->caller);
    }
    pthread_mutex_unlock(&blocks_lock);
}

/* ---- Pages ---- */

static void arena_open(void)
{
    size_t bytes = (size_t)ARENA_PAGES * ENV_PAGE_SIZE;
    /* Room to align: runs are aligned to their size, within an arena that is aligned to the
     * largest. */
    unsigned char *raw = mmap(NULL, 2 * bytes, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (raw == MAP_FAILED)
        env_test_fault("no address space for pages");
    arena = (unsigned char *)(((uintptr_t)raw + bytes - 1) & ~(uintptr_t)(bytes - 1));
    PAGE_POISON(arena, bytes);
}

static bool run_is_free(size_t first, size_t pages)
{
    for (size_t i = 0; i < pages; i++) {
        if (page_used[first + i])
            return false;
    }
    return true;
}

/* First free aligned run from the hand on, once around; ARENA_PAGES when there is none. */
static size_t run_find(size_t pages)
{
    size_t start = (arena_hand + pages - 1) & ~(pages - 1);

    for (size_t tried = 0; tried < ARENA_PAGES; tried += pages) {
        size_t first = (start + tried) % ARENA_PAGES;
        if (run_is_free(first, pages))
            return first;
    }
    return ARENA_PAGES;
}

static void *run_take(unsigned order)
{
    size_t pages = (size_t)1 << order;

    if (arena == NULL)
        arena_open();
    size_t first = pages <= ARENA_PAGES ? run_find(pages) : ARENA_PAGES;
    if (first == ARENA_PAGES)
        return NULL;
    memset(page_used + first, 1, pages);
    page_count[first] = 1;
    page_order[first] = (uint8_t)order;
    live_pages += pages;
    arena_hand = (first + pages) % ARENA_PAGES;
    return arena + first * ENV_PAGE_SIZE;
}

/* ---- Memory that can be given up ---- */

void env_reclaim_register(struct env_reclaim *reclaim)
{
    pthread_mutex_lock(&arena_lock);
    bool known = false;
    for (struct env_reclaim *at = reclaims; at != NULL && !known; at = at->next)
        known = at == reclaim;
    if (!known) {
        reclaim->next = reclaims;
        reclaims = reclaim;
    }
    pthread_mutex_unlock(&arena_lock);
}

size_t env_test_reclaim(size_t pages)
{
    size_t freed = 0;

    env_test_assert_may_sleep("reclaim");
    pthread_mutex_lock(&arena_lock);
    struct env_reclaim *at = reclaims;
    pthread_mutex_unlock(&arena_lock);
    for (; at != NULL; at = at->next)
        freed += at->reclaim(at->arg, pages);
    return freed;
}

void env_test_page_limit(size_t pages)
{
    atomic_store(&page_limit, pages);
}

static bool over_limit(unsigned order)
{
    size_t most = atomic_load(&page_limit);

    if (most == 0)
        return false;
    pthread_mutex_lock(&arena_lock);
    bool over = live_pages + ((size_t)1 << order) > most;
    pthread_mutex_unlock(&arena_lock);
    return over;
}

void *env_page_alloc(unsigned order, unsigned flags)
{
    if (!(flags & ENV_NOSLEEP))
        env_test_assert_may_sleep("env_page_alloc without ENV_NOSLEEP");
    if (order > 16 || must_fail())
        return NULL;
    if (over_limit(order) && !(flags & ENV_NOSLEEP))
        env_test_reclaim((size_t)32 << order);
    if (over_limit(order))
        return NULL;
    pthread_mutex_lock(&arena_lock);
    void *page = run_take(order);
    pthread_mutex_unlock(&arena_lock);
    if (page == NULL)
        return NULL;
    PAGE_UNPOISON(page, (size_t)ENV_PAGE_SIZE << order);
    memset(page, flags & ENV_ZERO ? 0 : FRESH_BYTE, (size_t)ENV_PAGE_SIZE << order);
    return page;
}

/* ---- Pages of programs ---- */

/* The pin of PAGE, or NULL. Called with arena_lock held. */
static uint32_t *pin_find(const void *page)
{
    for (size_t i = 0; i < pins_used; i++)
        if (pins[i].page == page && pins[i].count != 0)
            return &pins[i].count;
    return NULL;
}

static void pin_add(const void *page)
{
    uint32_t *count = pin_find(page);
    size_t i = 0;

    live_pins++;
    if (count != NULL) {
        ++*count;
        return;
    }
    while (i < pins_used && pins[i].count != 0)
        i++;
    if (i == PINS_MAX)
        env_test_fault("more than %d pages are pinned", PINS_MAX);
    if (i == pins_used)
        pins_used++;
    pins[i].page = page;
    pins[i].count = 1;
}

oskit_error_t env_user_pin(const void *user, size_t count, bool write, void **pages)
{
    const char *at = user;

    (void)write;
    if ((uintptr_t)user % ENV_PAGE_SIZE != 0)
        env_test_fault("env_user_pin(%p): not the start of a page", user);
    if (!env_test_user_good(user, count * ENV_PAGE_SIZE))
        return OSKIT_EFAULT;
    pthread_mutex_lock(&arena_lock);
    for (size_t i = 0; i < count; i++) {
        pages[i] = (void *)(uintptr_t)(at + i * ENV_PAGE_SIZE);
        pin_add(pages[i]);
    }
    pthread_mutex_unlock(&arena_lock);
    return OSKIT_SUCCESS;
}

/* A reference to a pinned page is given back; false: it is none. Called with arena_lock held. */
static bool pin_unref(const void *page)
{
    uint32_t *count = pin_find(page);

    if (count == NULL)
        return false;
    --*count;
    live_pins--;
    return true;
}

/* The index of an allocated run's first page. Called with arena_lock held. */
static size_t run_index(const void *page, const char *what)
{
    size_t offset = (size_t)((const unsigned char *)page - arena);
    size_t index = offset / ENV_PAGE_SIZE;

    if (arena == NULL || (const unsigned char *)page < arena || index >= ARENA_PAGES ||
        offset % ENV_PAGE_SIZE != 0 || page_count[index] == 0)
        env_test_fault("%s(%p): not the start of allocated pages", what, page);
    return index;
}

void env_page_ref(void *page)
{
    pthread_mutex_lock(&arena_lock);
    page_count[run_index(page, "env_page_ref")]++;
    pthread_mutex_unlock(&arena_lock);
}

void env_page_unref(void *page)
{
    pthread_mutex_lock(&arena_lock);
    if (pin_unref(page)) {
        pthread_mutex_unlock(&arena_lock);
        return;
    }
    size_t index = run_index(page, "env_page_unref");
    if (--page_count[index] == 0) {
        size_t pages = (size_t)1 << page_order[index];
        memset(page_used + index, 0, pages);
        live_pages -= pages;
        PAGE_POISON(page, pages * ENV_PAGE_SIZE);
    }
    pthread_mutex_unlock(&arena_lock);
}

uint32_t env_test_page_count(const void *page)
{
    pthread_mutex_lock(&arena_lock);
    size_t index = (size_t)((const unsigned char *)page - arena) / ENV_PAGE_SIZE;
    uint32_t count = arena != NULL && index < ARENA_PAGES ? page_count[index] : 0;
    pthread_mutex_unlock(&arena_lock);
    return count;
}

bool env_page_shared(const void *page)
{
    return env_test_page_count(page) > 1;
}

size_t env_page_total(void)
{
    size_t limit = atomic_load(&page_limit);

    return limit != 0 ? limit : ARENA_PAGES;
}

size_t env_page_free(void)
{
    size_t limit = atomic_load(&page_limit);
    size_t most = limit != 0 ? limit : ARENA_PAGES;

    pthread_mutex_lock(&arena_lock);
    size_t free_pages = most > live_pages ? most - live_pages : 0;
    pthread_mutex_unlock(&arena_lock);
    return free_pages;
}

/* ---- Device addresses ---- */

uint64_t env_dma_address(const void *p)
{
    return (uint64_t)(uintptr_t)p;
}

void env_test_set_device_memory(uint64_t phys, void *base, size_t size)
{
    device_phys = phys;
    device_base = base;
    device_size = base != NULL ? size : 0;
}

void *env_map_device(uint64_t phys, size_t size)
{
    env_test_assert_may_sleep("env_map_device");
    if (phys < device_phys || phys - device_phys > device_size ||
        size > device_size - (phys - device_phys))
        return NULL;
    return device_base + (phys - device_phys);
}
