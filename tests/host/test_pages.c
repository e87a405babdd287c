/* The buddy system against a map of who has which page, and the ranges it is fed from at boot. */

#include "kernel/mem/buddy.c"
#include "kernel/mem/ranges.c"

#include "harness.h"

#define PAGES 8192u

static struct page map[PAGES];
static uint8_t taken[PAGES];

static void fresh(struct buddy *buddy)
{
    memset(map, 0, sizeof map);
    memset(taken, 0, sizeof taken);
    buddy_init(buddy, map);
}

/* Takes a block and asserts that it is aligned, inside [FIRST, END) and nobody else's. */
static size_t take(struct buddy *buddy, unsigned order, size_t first, size_t end)
{
    size_t number = buddy_take(buddy, order), size = (size_t)1 << order;
    if (number == BUDDY_NONE)
        return number;
    assert_int_equal(number & (size - 1), 0);
    assert_true(number >= first && number + size <= end);
    for (size_t i = 0; i < size; i++) {
        assert_int_equal(taken[number + i], 0);
        taken[number + i] = 1;
    }
    return number;
}

static void give(struct buddy *buddy, size_t number, unsigned order)
{
    memset(&taken[number], 0, (size_t)1 << order);
    buddy_give(buddy, number, order);
}

static size_t take_all(struct buddy *buddy, unsigned order)
{
    size_t blocks = 0;
    while (take(buddy, order, 0, PAGES) != BUDDY_NONE)
        blocks++;
    return blocks;
}

static void test_empty(void **state)
{
    (void)state;
    struct buddy buddy;
    fresh(&buddy);
    for (unsigned order = 0; order < BUDDY_ORDERS + 2; order++)
        assert_true(buddy_take(&buddy, order) == BUDDY_NONE);
}

static void test_unaligned_range(void **state)
{
    (void)state;
    struct buddy buddy;
    fresh(&buddy);
    buddy_add(&buddy, 5, 3001);
    assert_int_equal(buddy.total, 3001);
    assert_int_equal(buddy.free, 3001);
    /* Aligned blocks of 1024 that lie within 5..3006: only the second. */
    assert_int_equal(take(&buddy, 10, 5, 3006), 1024);
    assert_true(buddy_take(&buddy, 10) == BUDDY_NONE);
    assert_int_equal(buddy.free, 3001 - 1024);
    size_t singles = 0;
    while (take(&buddy, 0, 5, 3006) != BUDDY_NONE)
        singles++;
    assert_int_equal(singles, 3001 - 1024);
    assert_int_equal(buddy.free, 0);
}

static void test_ranges_that_touch_join(void **state)
{
    (void)state;
    struct buddy buddy;
    fresh(&buddy);
    buddy_add(&buddy, 1024, 512);
    assert_true(buddy_take(&buddy, 10) == BUDDY_NONE);
    buddy_add(&buddy, 1536, 512);
    assert_int_equal(buddy_take(&buddy, 10), 1024);
}

static void test_random_use_joins_again(void **state)
{
    (void)state;
    enum { LIVE = 300 };
    static struct {
        size_t number;
        unsigned order;
    } live[LIVE];
    struct buddy buddy;
    size_t count = 0, pages = 0;
    fresh(&buddy);
    buddy_add(&buddy, 1024, 4096);
    srand(1);
    for (int step = 0; step < 100000; step++) {
        if (count < LIVE && rand() % 2) {
            unsigned order = (unsigned)rand() % 4 ? (unsigned)rand() % 3 : (unsigned)rand() % 9;
            size_t number = take(&buddy, order, 1024, 5120);
            if (number == BUDDY_NONE)
                continue;
            live[count].number = number;
            live[count++].order = order;
            pages += (size_t)1 << order;
        } else if (count > 0) {
            size_t i = (size_t)rand() % count;
            give(&buddy, live[i].number, live[i].order);
            pages -= (size_t)1 << live[i].order;
            live[i] = live[--count];
        }
        assert_int_equal(buddy.free, 4096 - pages);
    }
    while (count-- > 0)
        give(&buddy, live[count].number, live[count].order);
    assert_int_equal(take_all(&buddy, 10), 4);
}

/* ---- Ranges ---- */

static void expect(const struct ranges *set, size_t count, const uint64_t *ends)
{
    assert_int_equal(set->count, count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(set->items[i].start, ends[2 * i]);
        assert_int_equal(set->items[i].end, ends[2 * i + 1]);
    }
}

static void test_ranges_add(void **state)
{
    (void)state;
    static struct ranges set;
    set.count = 0;
    assert_true(ranges_add(&set, 50, 60));
    assert_true(ranges_add(&set, 10, 20));
    assert_true(ranges_add(&set, 30, 30)); /* nothing */
    assert_true(ranges_add(&set, 90, 95));
    expect(&set, 3, (uint64_t[]){10, 20, 50, 60, 90, 95});
    assert_true(ranges_add(&set, 20, 30)); /* touches */
    expect(&set, 3, (uint64_t[]){10, 30, 50, 60, 90, 95});
    assert_true(ranges_add(&set, 25, 92)); /* swallows and joins */
    expect(&set, 1, (uint64_t[]){10, 95});
}

static void test_ranges_subtract(void **state)
{
    (void)state;
    static struct ranges set;
    set.count = 0;
    assert_true(ranges_add(&set, 10, 100));
    assert_true(ranges_subtract(&set, 40, 50));
    assert_true(ranges_subtract(&set, 0, 20));
    assert_true(ranges_subtract(&set, 90, 200));
    assert_true(ranges_subtract(&set, 60, 60));
    expect(&set, 2, (uint64_t[]){20, 40, 50, 90});
    assert_true(ranges_subtract(&set, 30, 60));
    expect(&set, 2, (uint64_t[]){20, 30, 60, 90});
    assert_true(ranges_subtract(&set, 0, UINT64_MAX));
    expect(&set, 0, NULL);
}

static void test_ranges_full(void **state)
{
    (void)state;
    static struct ranges set;
    set.count = 0;
    for (uint64_t i = 0; i < RANGES_MAX; i++)
        assert_true(ranges_add(&set, 10 * i, 10 * i + 5));
    assert_false(ranges_add(&set, 10 * RANGES_MAX, 10 * RANGES_MAX + 5));
    assert_false(ranges_subtract(&set, 2, 3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_empty),
        HARNESS_TEST(test_unaligned_range),
        HARNESS_TEST(test_ranges_that_touch_join),
        HARNESS_TEST(test_random_use_joins_again),
        HARNESS_TEST(test_ranges_add),
        HARNESS_TEST(test_ranges_subtract),
        HARNESS_TEST(test_ranges_full),
    };
    return cmocka_run_group_tests_name("pages", tests, NULL, NULL);
}
