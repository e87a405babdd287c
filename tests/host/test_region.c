/* The set of regions: against a plain array of addresses, and its own invariants after each change.
 */

#include "kernel/mem/region.c"

#include "harness.h"

void *heap_alloc(size_t size, unsigned flags)
{
    /* The size is remembered in front: env_free wants it. */
    size_t *block = env_alloc(size + 16, (flags & HEAP_ZERO ? ENV_ZERO : 0) | ENV_NOSLEEP);
    if (block == NULL)
        return NULL;
    *block = size + 16;
    return block + 2;
}

void heap_free(void *block)
{
    if (block != NULL)
        env_free((size_t *)block - 2, ((size_t *)block)[-2]);
}

/* ---- A pager that counts ---- */

static unsigned pager_references;

static oskit_u32_t pager_addref(sluice_pager_t *self)
{
    (void)self;
    return ++pager_references;
}

static oskit_u32_t pager_release(sluice_pager_t *self)
{
    (void)self;
    return --pager_references;
}

static struct sluice_pager_ops pager_ops = {
    .addref = pager_addref, .release = pager_release, .mappings = mappings_none};
static sluice_pager_t pager = {&pager_ops};

/* ---- Invariants ---- */

static uint64_t check_subtree(struct region_set *set, const struct region *region, unsigned depth)
{
    if (region == NULL)
        return 0;
    assert_true(depth < 80);
    uint64_t best = region->room;
    const struct region *children[] = {region->left, region->right};
    for (int i = 0; i < 2; i++) {
        const struct region *child = children[i];
        if (child == NULL)
            continue;
        assert_ptr_equal(child->parent, region);
        assert_true(child->priority <= region->priority);
        assert_true(i == 0 ? child->start < region->start : child->start > region->start);
        uint64_t below = check_subtree(set, child, depth + 1);
        if (below > best)
            best = below;
    }
    assert_int_equal(region->best_room, best);
    return best;
}

static void check_set(struct region_set *set)
{
    uint64_t last = 0, bytes = 0;
    size_t count = 0;
    list_for_each (link, &set->order) {
        const struct region *region = container_of(link, struct region, link);
        uint64_t room = region->start - last;
        uint64_t guard = region->flags & REGION_GROWSDOWN ? REGION_GUARD : 0;
        assert_true(region->start >= last && region->end > region->start);
        assert_int_equal(region->room, room > guard ? room - guard : 0);
        last = region->end;
        bytes += region->end - region->start;
        count++;
    }
    assert_int_equal(count, set->count);
    assert_int_equal(bytes, set->bytes);
    check_subtree(set, set->root, 0);
}

static struct region *put(struct region_set *set, uint64_t start, uint64_t end)
{
    struct region *region = region_create(start, end);
    assert_non_null(region);
    regions_insert(set, region);
    return region;
}

static void clear(struct region_set *set)
{
    while (set->root != NULL) {
        struct region *region = set->root;
        regions_remove(set, region);
        region_destroy(region);
    }
    check_set(set);
}

/* ---- Tests ---- */

static void test_find(void **state)
{
    (void)state;
    struct region_set set;
    regions_init(&set, 0x9e3779b9);
    assert_null(regions_find(&set, 0x5000));
    assert_null(regions_from(&set, 0));
    struct region *b = put(&set, 0x5000, 0x7000), *a = put(&set, 0x1000, 0x2000);
    assert_ptr_equal(regions_find(&set, 0x5000), b);
    assert_ptr_equal(regions_find(&set, 0x6fff), b);
    assert_null(regions_find(&set, 0x7000));
    assert_null(regions_find(&set, 0x4fff));
    assert_ptr_equal(regions_find(&set, 0x1fff), a);
    assert_ptr_equal(regions_from(&set, 0x2000), b);
    assert_ptr_equal(regions_from(&set, 0), a);
    assert_null(regions_from(&set, 0x7000));
    assert_ptr_equal(regions_after(&set, a), b);
    assert_null(regions_after(&set, b));
    assert_null(regions_before(&set, a));
    assert_true(regions_free(&set, 0x2000, 0x5000));
    assert_false(regions_free(&set, 0x2000, 0x5001));
    assert_false(regions_free(&set, 0x1fff, 0x2000));
    clear(&set);
}

static void test_room_keeps_guard(void **state)
{
    (void)state;
    struct region_set set;
    regions_init(&set, 0x9e3779b9);
    struct region *stack = region_create(0x10000000, 0x10010000);
    stack->flags = REGION_GROWSDOWN;
    regions_insert(&set, stack);
    check_set(&set);
    assert_int_equal(regions_room(&set, 0x1000, 0x10000, 0x10010000),
                     0x10000000 - REGION_GUARD - 0x1000);
    assert_int_equal(regions_room(&set, 0x1000, 0x10000000 - REGION_GUARD, 0x10010000), 0);
    assert_int_equal(regions_room(&set, 0x1000, 0x10000, 0x20000000), 0x1ffff000);
    clear(&set);
}

static void test_split_and_join(void **state)
{
    (void)state;
    struct region_set set;
    regions_init(&set, 0x9e3779b9);
    struct region *region = region_create(0x10000, 0x20000);
    region->pager = &pager;
    region->offset = 0x3000;
    region->prot = 3;
    pager_references = 1;
    regions_insert(&set, region);
    struct region *rest = region_split(&set, region, 0x14000);
    check_set(&set);
    assert_int_equal(region->end, 0x14000);
    assert_int_equal(rest->offset, 0x7000);
    assert_int_equal(rest->prot, 3);
    assert_int_equal(pager_references, 2);
    rest->prot = 1;
    assert_ptr_equal(region_join(&set, rest), rest);
    rest->prot = 3;
    rest->flags |= REGION_COPIES;
    assert_ptr_equal(region_join(&set, rest), region);
    assert_int_equal(set.count, 1);
    assert_int_equal(region->end, 0x20000);
    assert_true(region->flags & REGION_COPIES);
    assert_int_equal(pager_references, 1);
    rest = region_split(&set, region, 0x14000);
    rest->offset += 0x1000; /* another part of the file: not the same thing continued */
    region_join(&set, region);
    assert_int_equal(set.count, 2);
    clear(&set);
    assert_int_equal(pager_references, 0);
}

static void test_split_without_memory(void **state)
{
    (void)state;
    struct region_set set;
    regions_init(&set, 0x9e3779b9);
    struct region *region = put(&set, 0x10000, 0x20000);
    env_test_fail_after(1);
    assert_null(region_split(&set, region, 0x14000));
    assert_true(env_test_failed());
    assert_int_equal(region->end, 0x20000);
    check_set(&set);
    clear(&set);
}

static void test_stack_keeps_its_front(void **state)
{
    (void)state;
    struct region_set set;
    regions_init(&set, 0x9e3779b9);
    struct region *stack = put(&set, 0x10000000, 0x10010000);
    stack->flags = REGION_GROWSDOWN | REGION_STACK;
    regions_resize(&set, stack, stack->start, stack->end);
    struct region *rest = region_split(&set, stack, 0x10004000);
    assert_false(rest->flags & REGION_GROWSDOWN);
    check_set(&set);
    assert_ptr_equal(region_join(&set, stack), stack);
    assert_int_equal(set.count, 1);
    regions_resize(&set, stack, 0xfff0000, stack->end);
    check_set(&set);
    clear(&set);
}

static void test_depth(void **state)
{
    (void)state;
    struct region_set set;
    regions_init(&set, 0x9e3779b9);
    for (uint64_t i = 1; i <= 20000; i++)
        put(&set, i * 0x3000, i * 0x3000 + 0x1000);
    check_set(&set); /* the depth too */
    for (uint64_t i = 1; i <= 20000; i += 97)
        assert_int_equal(regions_find(&set, i * 0x3000 + 5)->start, i * 0x3000);
    clear(&set);
}

/* ---- Against an array ---- */

#define CELLS 512u
#define CELL  0x1000ul
#define BASE  16u /* cells below are out of bounds for placing: address 0 means none */

static uint8_t used[CELLS];

static uint64_t model_room(unsigned size, unsigned low, unsigned high)
{
    for (unsigned at = high - size; high >= size && at + 1 > low; at--) {
        unsigned i = 0;
        while (i < size && !used[at + i])
            i++;
        if (i == size)
            return at * CELL;
        if (at == 0)
            break;
    }
    return 0;
}

static void model_mark(uint64_t start, uint64_t end, uint8_t value)
{
    memset(&used[start / CELL], value, (end - start) / CELL);
}

static void random_place(struct region_set *set)
{
    unsigned size = 1 + (unsigned)rand() % 12;
    unsigned low = BASE + (unsigned)rand() % (CELLS / 2);
    unsigned high = low + size + (unsigned)rand() % (CELLS - low - size);
    uint64_t found = regions_room(set, size * CELL, low * CELL, high * CELL);
    assert_int_equal(found, model_room(size, low, high));
    if (found == 0)
        return;
    put(set, found, found + size * CELL);
    model_mark(found, found + size * CELL, 1);
}

static void random_cut(struct region_set *set, struct region *region)
{
    uint64_t cells = (region->end - region->start) / CELL;
    if (cells < 2)
        return;
    uint64_t at = region->start + (1 + (uint64_t)rand() % (cells - 1)) * CELL;
    switch (rand() % 3) {
    case 0:
        region_split(set, region, at);
        break;
    case 1:
        model_mark(at, region->end, 0);
        regions_resize(set, region, region->start, at);
        break;
    default:
        model_mark(region->start, at, 0);
        regions_resize(set, region, at, region->end);
    }
}

static void random_step(struct region_set *set)
{
    uint64_t address = (BASE + (uint64_t)rand() % (CELLS - BASE)) * CELL;
    struct region *region = regions_find(set, address + (uint64_t)rand() % CELL);
    assert_int_equal(region != NULL, used[address / CELL]);
    if (region == NULL)
        random_place(set);
    else if (rand() % 3 == 0)
        random_cut(set, region);
    else if (rand() % 2)
        region_join(set, region);
    else {
        model_mark(region->start, region->end, 0);
        regions_remove(set, region);
        region_destroy(region);
    }
}

static void test_random(void **state)
{
    (void)state;
    struct region_set set;
    regions_init(&set, 0x9e3779b9);
    memset(used, 0, sizeof used);
    srand(2);
    for (int step = 0; step < 30000; step++) {
        random_step(&set);
        if (step % 16 == 0)
            check_set(&set);
    }
    clear(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_find),
        HARNESS_TEST(test_room_keeps_guard),
        HARNESS_TEST(test_split_and_join),
        HARNESS_TEST(test_split_without_memory),
        HARNESS_TEST(test_stack_keeps_its_front),
        HARNESS_TEST(test_depth),
        HARNESS_TEST(test_random),
    };
    return cmocka_run_group_tests_name("region", tests, NULL, NULL);
}
