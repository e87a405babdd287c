/* The heap over a small machine of its own: pages from the buddy system in an array, two CPUs that
 * take turns, panics caught. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What kernel/mem/layout.h and the per-CPU header say of the kernel, said of this machine. */
#define KERNEL_MEM_LAYOUT_H
#define PAGE_SIZE     4096ul
#define PAGE_SHIFT    12
#define PAGE_MASK     (PAGE_SIZE - 1)
#define page_floor(x) ((x) & ~PAGE_MASK)
#define page_ceil(x)  (((x) + PAGE_MASK) & ~PAGE_MASK)
#define DIRECT_BASE   ((uint64_t)machine_memory)
#define PAGE_MAP_BASE machine_map
#define MACHINE_PAGES 4096ul
static _Alignas(4096) unsigned char machine_memory[MACHINE_PAGES * PAGE_SIZE];
extern unsigned char machine_map[];

#define KERNEL_CPU_PERCPU_H
struct cpu {
    void *heap_cache;
};
static struct cpu machine_cpus[2];
static struct cpu *cpus[2] = {&machine_cpus[0], &machine_cpus[1]};
static uint32_t cpu_count = 2;
static unsigned cpu_now;
static int preempt_depth;
static struct cpu *this_cpu(void)
{
    return cpus[cpu_now];
}
static void preempt_disable(void)
{
    preempt_depth++;
}
static void preempt_enable(void)
{
    preempt_depth--;
}

#define KERNEL_CPU_SPINLOCK_H
typedef struct {
    int held;
} spinlock_t;
static void spin_lock(spinlock_t *lock)
{
    if (lock->held++)
        __builtin_trap();
}
static void spin_unlock(spinlock_t *lock)
{
    lock->held--;
}

#include "kernel/mem/buddy.c"
#include "kernel/mem/heap.c"
#include "kernel/mem/heap_debug.c"

#include <stdio.h>
#include "harness.h"

_Alignas(32) unsigned char machine_map[MACHINE_PAGES * sizeof(struct page)];
static struct buddy buddy;
static bool out_of_pages, debug_wanted;
static jmp_buf panicked;
static char panic_text[200], log_text[2000];

void *page_alloc(unsigned order, unsigned flags)
{
    size_t number = out_of_pages ? BUDDY_NONE : buddy_take(&buddy, order);
    if (number == BUDDY_NONE)
        return NULL;
    struct page *page = &page_map[number];
    page->state = PAGE_USED;
    page->order = order;
    memset(page_address(page), flags & PAGES_ZERO ? 0 : 0xee, PAGE_SIZE << order);
    return page_address(page);
}

void page_unref(void *address)
{
    struct page *page = page_of(address);
    assert_int_equal(page->state, PAGE_USED);
    buddy_give(&buddy, page - page_map, page->order);
}

uint64_t command_number(const char *key, uint64_t otherwise)
{
    assert_string_equal(key, "heap.debug");
    return debug_wanted ? 1 : otherwise;
}

void panic(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(panic_text, sizeof panic_text, format, args);
    va_end(args);
    longjmp(panicked, 1);
}

const char *symbol_name(uint64_t address, uint64_t *offset)
{
    *offset = address - 0x1000;
    return address == 0x1234 ? "someone" : NULL;
}

void log_write(enum log_level level, const char *format, ...)
{
    (void)level;
    va_list args;
    size_t used = strlen(log_text);
    va_start(args, format);
    vsnprintf(log_text + used, sizeof log_text - used, format, args);
    va_end(args);
}

#define expect_panic(action, words)                 \
    do {                                            \
        panic_text[0] = '\0';                       \
        if (setjmp(panicked) == 0) {                \
            action;                                 \
            fail_msg("no panic");                   \
        }                                           \
        assert_non_null(strstr(panic_text, words)); \
        memset(&debug_lock, 0, sizeof debug_lock);  \
        preempt_depth = 0;                          \
    } while (0)

/* After an expected panic memory is as the panic left it: each test starts the machine anew. */
static void boot(bool with_debug)
{
    memset(machine_map, 0, sizeof machine_map);
    memset(machine_memory, 0x11, sizeof machine_memory);
    memset(machine_cpus, 0, sizeof machine_cpus);
    memset(classes, 0, sizeof classes);
    list_init(&live);
    out_of_pages = false;
    cpu_now = 0;
    log_text[0] = '\0';
    buddy_init(&buddy, page_map);
    buddy_add(&buddy, 0, MACHINE_PAGES);
    debug_wanted = with_debug;
    heap_init();
}

static void test_sizes_and_alignment(void **state)
{
    (void)state;
    boot(false);
    for (size_t size = 1; size < 3 * PAGE_SIZE; size += size < 300 ? 1 : 61) {
        unsigned char *a = heap_alloc(size, HEAP_ZERO), *b = heap_alloc(size, 0);
        assert_non_null(a);
        assert_int_equal((uintptr_t)a % 16, 0);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(a[i], 0);
        memset(a, 1, size);
        memset(b, 2, size);
        assert_int_equal(a[0] + a[size - 1], 2);
        assert_int_equal(b[0] + b[size - 1], 4);
        heap_free(a);
        heap_free(b);
    }
    assert_int_equal(heap_used(), 0);
    assert_int_equal(preempt_depth, 0);
}

static void test_too_large(void **state)
{
    (void)state;
    boot(false);
    assert_null(heap_alloc((PAGE_SIZE << PAGES_MAX_ORDER) + 1, 0));
    assert_null(heap_alloc(SIZE_MAX, 0));
    heap_free(NULL);
    boot(true);
    assert_null(heap_alloc(SIZE_MAX, 0));
    assert_null(heap_alloc(SIZE_MAX - 40, 0));
}

static void random_use(void)
{
    enum { SLOTS = 2000 };
    static struct {
        unsigned char *block;
        size_t size;
    } slots[SLOTS];
    srand(3);
    for (int step = 0; step < 200000; step++) {
        unsigned i = (unsigned)rand() % SLOTS;
        cpu_now = (unsigned)rand() % 2;
        if (slots[i].block != NULL) {
            assert_int_equal(slots[i].block[0], i & 0xff);
            assert_int_equal(slots[i].block[slots[i].size - 1], i & 0xff);
            heap_free(slots[i].block);
            slots[i].block = NULL;
            continue;
        }
        size_t size = (size_t)rand() % 50 ? 1 + (size_t)rand() % 700 : 1 + (size_t)rand() % 9000;
        slots[i].size = size;
        slots[i].block = heap_alloc(size, 0);
        assert_non_null(slots[i].block);
        memset(slots[i].block, (int)(i & 0xff), size);
    }
    for (unsigned i = 0; i < SLOTS; i++) {
        heap_free(slots[i].block);
        slots[i].block = NULL;
    }
    assert_int_equal(heap_used(), 0);
    assert_int_equal(preempt_depth, 0);
}

static void test_random_use(void **state)
{
    (void)state;
    boot(false);
    random_use();
    /* What is kept: a list a class and CPU, a spare slab a class. */
    assert_true(MACHINE_PAGES - buddy.free < 1000);
    boot(true);
    random_use();
}

static void test_slabs_are_given_back(void **state)
{
    (void)state;
    static void *blocks[20000];
    boot(false);
    for (int i = 0; i < 20000; i++)
        assert_non_null(blocks[i] = heap_alloc(512, 0));
    size_t most = MACHINE_PAGES - buddy.free;
    for (int i = 0; i < 20000; i++)
        heap_free(blocks[i]);
    assert_true(most >= 2500);
    assert_true(MACHINE_PAGES - buddy.free < 20);
}

static void test_out_of_memory(void **state)
{
    (void)state;
    static void *blocks[200];
    boot(false);
    out_of_pages = true;
    assert_null(heap_alloc(100, 0));
    assert_null(heap_alloc(10000, 0));
    out_of_pages = false;
    for (int i = 0; i < 200; i++)
        assert_non_null(blocks[i] = heap_alloc(100, 0));
    /* A CPU that has no lists yet, and no memory for them, can free. */
    cpu_now = 1;
    out_of_pages = true;
    for (int i = 0; i < 200; i++)
        heap_free(blocks[i]);
    cpu_now = 0;
    assert_non_null(heap_alloc(100, 0));
    assert_int_equal(preempt_depth, 0);
}

static void test_bad_free(void **state)
{
    (void)state;
    boot(false);
    void *page = page_alloc(0, 0);
    expect_panic(heap_free(page), "not a heap block");
}

static void test_debug_finds(void **state)
{
    (void)state;
    boot(true);
    unsigned char *volatile block = heap_alloc(100, 0);
    assert_int_equal(block[0], NEW_BYTE);
    heap_free(block);
    expect_panic(heap_free(block), "freed twice");

    boot(true);
    block = heap_alloc(100, 0);
    block[100] = 0;
    expect_panic(heap_free(block), "overwritten");

    boot(true);
    block = heap_alloc(100, 0);
    block[-1] = 0;
    expect_panic(heap_free(block), "overwritten");

    boot(true);
    block = heap_alloc(100, 0);
    heap_free(block);
    block[50] = 1;
    expect_panic(heap_alloc(100, 0), "written after");

    boot(true);
    block = heap_alloc(100, 0);
    expect_panic(heap_free(block + 16), "no block");
}

static void test_debug_report(void **state)
{
    (void)state;
    boot(true);
    void *a = heap_alloc_for(100, 0, (void *)0x1234), *b = heap_alloc_for(50, 0, (void *)0x1234);
    void *c = heap_alloc_for(7, 0, (void *)0x5678);
    heap_report();
    assert_non_null(strstr(log_text, "150 bytes in 2 blocks from someone+0x234"));
    assert_non_null(strstr(log_text, "7 bytes in 1 blocks from ?+0x5678"));
    heap_free(a);
    heap_free(b);
    heap_free(c);
    log_text[0] = '\0';
    heap_report();
    assert_string_equal(log_text, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_sizes_and_alignment), HARNESS_TEST(test_too_large),
        HARNESS_TEST(test_random_use),          HARNESS_TEST(test_slabs_are_given_back),
        HARNESS_TEST(test_out_of_memory),       HARNESS_TEST(test_bad_free),
        HARNESS_TEST(test_debug_finds),         HARNESS_TEST(test_debug_report),
    };
    return cmocka_run_group_tests_name("heap", tests, NULL, NULL);
}
