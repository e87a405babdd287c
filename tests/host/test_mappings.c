/*
 * The way back from an object to its mappings. Spaces here are counters behind a mutex: each
 * mapping of one "shows" what its generation says, and a visit brings it up to date. Whatever was
 * shown when a visit began must have been visited when it ends, wherever it has moved meanwhile.
 */
#include "harness.h"

#include <stdatomic.h>
#include <sluice/mappings.h>

#define SPACES 4
#define SLOTS  6

struct piece {
    struct mapping mapping; /* first */
    oskit_u64_t shows;      /* the oldest change that this piece has not heard of */
    oskit_u64_t page;
};

struct space {
    struct env_mutex mutex;
    _Atomic int holds;
    struct piece slots[SLOTS];
};

static struct mappings mappings;
static struct space spaces[SPACES];
static _Atomic oskit_u64_t changes; /* made by the pager so far */
static _Atomic unsigned visited;

static void space_hold(void *owner)
{
    atomic_fetch_add(&((struct space *)owner)->holds, 1);
}

static void space_drop(void *owner)
{
    atomic_fetch_sub(&((struct space *)owner)->holds, 1);
}

static void space_visit(void *owner, struct mapping_visit *visit)
{
    struct space *space = owner;
    struct mapping *mapping;

    assert_true(atomic_load(&space->holds) > 0);
    env_mutex_lock(&space->mutex);
    while ((mapping = mapping_next(visit, space))) {
        struct piece *piece = (struct piece *)mapping;

        assert_ptr_equal(mapping->owner, space);
        piece->shows = atomic_load(&changes);
        if (piece->page >= visit->first && piece->page < visit->end)
            visit->cleaned++;
        atomic_fetch_add(&visited, 1);
        mapping_done(visit, mapping);
    }
    env_mutex_unlock(&space->mutex);
}

static const struct mapping_ops ops = {space_hold, space_visit, space_drop};

static void piece_add(struct space *space, struct piece *piece, oskit_u64_t page)
{
    *piece = (struct piece){.mapping = {.ops = &ops, .owner = space}, .page = page};
    mapping_add(&mappings, &piece->mapping);
    piece->shows = atomic_load(&changes); /* it asks the pager after it is on the list */
}

static void reset(void)
{
    mappings_init(&mappings);
    memset(spaces, 0, sizeof spaces);
    atomic_store(&changes, 0);
    atomic_store(&visited, 0);
}

static void finish(void)
{
    for (int s = 0; s < SPACES; s++) {
        for (int n = 0; n < SLOTS; n++)
            mapping_remove(&spaces[s].slots[n].mapping);
        assert_int_equal(atomic_load(&spaces[s].holds), 0);
    }
    assert_true(list_empty(&mappings.list));
}

static void test_each_once(void **state)
{
    (void)state;
    reset();
    mappings_unmap(&mappings, 0, UINT64_MAX, true);
    for (int s = 0; s < SPACES; s++)
        for (int n = 0; n < SLOTS; n++)
            piece_add(&spaces[s], &spaces[s].slots[n], (oskit_u64_t)n);
    assert_int_equal(mappings_clean(&mappings, 2, 5), 3 * SPACES);
    assert_int_equal(atomic_load(&visited), SPACES * SLOTS);
    assert_int_equal(mappings_clean(&mappings, 5, 5), 0);
    assert_int_equal(atomic_load(&visited), SPACES * SLOTS);
    mapping_remove(&spaces[1].slots[2].mapping);
    mapping_remove(&spaces[1].slots[2].mapping);
    assert_int_equal(mappings_clean(&mappings, 2, 3), SPACES - 1);
    assert_null(mappings_none(NULL));
    finish();
}

/* What a mapping does between two steps of a visit: the visit's own hooks do it. */
static void (*between)(void);
static unsigned steps;

static void stepping_visit(void *owner, struct mapping_visit *visit)
{
    struct space *space = owner;
    struct mapping *mapping;

    if (between && steps++ == 0)
        between();
    env_mutex_lock(&space->mutex);
    while ((mapping = mapping_next(visit, space))) {
        ((struct piece *)mapping)->shows = 1;
        atomic_fetch_add(&visited, 1);
        mapping_done(visit, mapping);
    }
    env_mutex_unlock(&space->mutex);
}

static const struct mapping_ops stepping = {space_hold, stepping_visit, space_drop};
static struct piece *first = &spaces[0].slots[0], *second = &spaces[1].slots[0],
                    *third = &spaces[2].slots[0], *extra = &spaces[1].slots[1];

static unsigned visit_with(void (*action)(void))
{
    reset();
    steps = 0;
    between = action;
    for (int s = 0; s < 3; s++) {
        piece_add(&spaces[s], &spaces[s].slots[0], 0);
        spaces[s].slots[0].mapping.ops = &stepping;
    }
    mappings_unmap(&mappings, 0, 1, false);
    unsigned count = atomic_load(&visited);
    return count;
}

static void remove_it(void)
{
    mapping_remove(&first->mapping);
}

static void remove_next(void)
{
    mapping_remove(&second->mapping);
}

static void add_new(void)
{
    piece_add(&spaces[1], extra, 0);
    extra->mapping.ops = &stepping;
}

static void split_next(void)
{
    mapping_split(&second->mapping, &extra->mapping, &spaces[1]);
}

static void replace_next(void)
{
    split_next();
    remove_next();
}

/* What is old moves into a new one. */
static void join_old_to_new(void)
{
    add_new();
    mapping_join(&extra->mapping, &second->mapping);
}

static void join_new_to_old(void)
{
    add_new();
    mapping_join(&second->mapping, &extra->mapping);
}

static void test_between_steps(void **state)
{
    (void)state;
    static const struct {
        void (*action)(void);
        unsigned visits;
    } cases[] = {{NULL, 3},       {remove_it, 2},    {remove_next, 2},     {add_new, 3},
                 {split_next, 4}, {replace_next, 3}, {join_old_to_new, 3}, {join_new_to_old, 3}};

    for (size_t n = 0; n < sizeof cases / sizeof *cases; n++) {
        assert_int_equal(visit_with(cases[n].action), cases[n].visits);
        assert_int_equal(third->shows, 1);
        finish();
    }
}

/* ---- At the same time ---- */

static _Atomic bool stop;

/* Under the space's mutex: pieces come, go, split, join; a piece takes over what another showed. */
static void space_stir(struct space *space, unsigned choice)
{
    struct piece *one = &space->slots[choice % SLOTS], *two = &space->slots[choice / 8 % SLOTS];
    bool here = one->mapping.mappings, there = two->mapping.mappings;

    if (!here) {
        piece_add(space, one, 0);
    } else if (!there) {
        mapping_split(&one->mapping, &two->mapping, space);
        two->shows = one->shows;
    } else if (one != two && choice / 64 % 2) {
        mapping_join(&one->mapping, &two->mapping);
        if (two->shows < one->shows)
            one->shows = two->shows;
    } else {
        mapping_remove(&one->mapping);
    }
}

static void stirrer(void *arg)
{
    struct space *space = arg;

    for (unsigned seed = (unsigned)(space - spaces); !atomic_load(&stop);) {
        env_mutex_lock(&space->mutex);
        for (int n = 0; n < 8; n++) {
            seed = seed * 1103515245 + 12345;
            space_stir(space, seed >> 8);
        }
        env_mutex_unlock(&space->mutex);
    }
}

static void check_all(oskit_u64_t change)
{
    for (int s = 0; s < SPACES; s++) {
        env_mutex_lock(&spaces[s].mutex);
        for (int n = 0; n < SLOTS; n++)
            if (spaces[s].slots[n].mapping.mappings)
                assert_true(spaces[s].slots[n].shows >= change);
        env_mutex_unlock(&spaces[s].mutex);
    }
}

static _Atomic unsigned visitors;

static void visitor(void *arg)
{
    (void)arg;
    for (int round = 0; round < 400; round++) {
        oskit_u64_t change = atomic_fetch_add(&changes, 1) + 1;

        mappings_unmap(&mappings, 0, 1, round % 2);
        check_all(change);
    }
    if (atomic_fetch_sub(&visitors, 1) == 1)
        atomic_store(&stop, true);
}

static void test_concurrent(void **state)
{
    (void)state;
    reset();
    atomic_store(&stop, false);
    atomic_store(&visitors, 2);
    for (int s = 0; s < SPACES; s++)
        assert_int_equal(env_thread_start("stirrer", stirrer, &spaces[s]), 0);
    for (int n = 0; n < 2; n++)
        assert_int_equal(env_thread_start("visitor", visitor, NULL), 0);
    env_test_join_threads();
    finish();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_each_once),
        HARNESS_TEST(test_between_steps),
        HARNESS_TEST(test_concurrent),
    };

    return cmocka_run_group_tests_name("mappings", tests, NULL, NULL);
}
