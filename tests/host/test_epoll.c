/*
 * epoll sets over sources made of nothing but a readiness: each rule by itself, a random walk
 * beside a model, and threads that add, tell, collect and go at the same time.
 */
#include "harness.h"
#include "choices.h"
#include "epoll_sets.h"
#include "epoll_walk.h"

/* The only report, as level; 0: none. */
static uint32_t one(struct set *set)
{
    struct reports reports = collected(set, 10);

    assert_true(reports.count <= 1);
    return reports.count != 0 ? reports.list[0].level : 0;
}

/* ---- The rules ---- */

static void test_level(void **state)
{
    struct source source;
    struct set set;

    (void)state;
    source_init(&source, 0);
    set_open(&set);
    assert_int_equal(set_add(&set, &source, READY_READ, 0, 5), 0);
    assert_int_equal(one(&set), 0);
    assert_int_equal(readiness_level(set.readiness), 0);
    readiness_update(&source.readiness, READY_READ | READY_WRITE, 0, READY_READ);
    assert_int_equal(readiness_level(set.readiness), READY_READ);
    struct reports reports = collected(&set, 10);
    assert_int_equal(reports.count, 1);
    assert_int_equal(reports.list[0].level, READY_READ);
    assert_int_equal(reports.list[0].tag, 5);
    assert_int_equal(reports.list[0].data, 5);
    assert_int_equal(one(&set), READY_READ);
    readiness_change(&source.readiness, 0, READY_READ);
    assert_int_equal(readiness_level(set.readiness), 0);
    assert_int_equal(one(&set), 0);
    readiness_update(&source.readiness, READY_HUP | READY_ERR, 0, READY_HUP | READY_ERR);
    assert_int_equal(one(&set), READY_HUP | READY_ERR);
    epoll_owner_gone(&source.owner);
    assert_int_equal(one(&set), 0);
    set_close(&set);
}

static void test_edge(void **state)
{
    struct source source;
    struct set set;

    (void)state;
    source_init(&source, READY_READ);
    set_open(&set);
    assert_int_equal(set_add(&set, &source, READY_READ, EPOLL_EDGE, 1), 0);
    assert_int_equal(one(&set), READY_READ);
    assert_int_equal(one(&set), 0);
    readiness_tell(&source.readiness, READY_READ);
    readiness_tell(&source.readiness, READY_READ);
    assert_int_equal(one(&set), READY_READ);
    assert_int_equal(one(&set), 0);
    readiness_tell(&source.readiness, READY_WRITE);
    assert_int_equal(one(&set), 0);
    readiness_tell(&source.readiness, READY_READ);
    readiness_change(&source.readiness, 0, READY_READ);
    assert_int_equal(one(&set), 0);
    readiness_change(&source.readiness, READY_READ, 0);
    assert_int_equal(one(&set), 0);
    assert_int_equal(set_modify(&set, &source, READY_READ, EPOLL_EDGE, 1), 0);
    assert_int_equal(one(&set), READY_READ);
    set_close(&set);
}

static void test_oneshot(void **state)
{
    struct source source;
    struct set set;

    (void)state;
    source_init(&source, READY_READ);
    set_open(&set);
    assert_int_equal(set_add(&set, &source, READY_READ, EPOLL_ONESHOT, 1), 0);
    assert_int_equal(one(&set), READY_READ);
    readiness_update(&source.readiness, READY_HUP, 0, READY_READ | READY_HUP);
    assert_int_equal(one(&set), 0);
    assert_int_equal(set_modify(&set, &source, READY_READ, EPOLL_ONESHOT, 1), 0);
    assert_int_equal(one(&set), READY_READ | READY_HUP);
    assert_int_equal(one(&set), 0);
    set_close(&set);
}

static void test_errors(void **state)
{
    struct source source;
    struct set set;

    (void)state;
    source_init(&source, 0);
    set_open(&set);
    assert_int_equal(set_modify(&set, &source, READY_READ, 0, 1), OSKIT_ENOENT);
    assert_int_equal(set_remove(&set, &source), OSKIT_ENOENT);
    assert_int_equal(set_add(&set, &source, READY_READ, 0, 1), 0);
    assert_int_equal(set_add(&set, &source, READY_READ, 0, 1), OSKIT_EEXIST);
    assert_int_equal(set_modify(&set, &source, READY_READ, EPOLL_EXCLUSIVE, 1), OSKIT_E_INVALIDARG);
    assert_int_equal(set_remove(&set, &source), 0);
    assert_int_equal(set_add(&set, &source, READY_READ, EPOLL_EXCLUSIVE | EPOLL_ONESHOT, 1),
                     OSKIT_E_INVALIDARG);
    assert_int_equal(set_add(&set, &source, READY_READ, EPOLL_EXCLUSIVE, 1), 0);
    assert_int_equal(set_modify(&set, &source, READY_READ, 0, 1), OSKIT_E_INVALIDARG);
    assert_null(epoll_of_pollable(NULL));
    set_close(&set);
    assert_true(list_empty(&source.readiness.waiters));
    assert_true(list_empty(&source.owner.members));
}

/* Few at a time get to all, each once a round; more than a batch at once too. */
static void test_rotation(void **state)
{
    struct source sources[40];
    struct set set;

    (void)state;
    set_open(&set);
    for (uint32_t i = 0; i < 40; i++) {
        source_init(&sources[i], READY_READ);
        assert_int_equal(set_add(&set, &sources[i], READY_READ, 0, i), 0);
    }
    for (uint32_t i = 0; i < 120; i += 3) {
        struct reports reports = collected(&set, 3);
        assert_int_equal(reports.count, 3);
        for (uint32_t k = 0; k < 3; k++)
            assert_int_equal(reports.list[k].data, (i + k) % 40);
    }
    struct reports reports = collected(&set, 100);
    assert_int_equal(reports.count, 40);
    for (uint32_t i = 0; i < 40; i++)
        epoll_owner_gone(&sources[i].owner);
    assert_int_equal(collected(&set, 100).count, 0);
    set_close(&set);
}

/* What a faulting buffer can't take comes again, in order, edges and one-shots too. */
static void test_put_back(void **state)
{
    static const uint32_t flags[3] = {0, EPOLL_EDGE, EPOLL_ONESHOT};
    struct source sources[9];
    struct set set;

    (void)state;
    set_open(&set);
    for (uint32_t i = 0; i < 9; i++) {
        source_init(&sources[i], READY_READ);
        assert_int_equal(set_add(&set, &sources[i], READY_READ, flags[i % 3], i), 0);
    }
    struct reports none = {.room = 0}, two = {.room = 2};
    assert_int_equal(set_collect(&set, 10, &none), OSKIT_EFAULT);
    assert_int_equal(set_collect(&set, 10, &two), 0);
    assert_int_equal(two.count, 2);
    struct reports rest = collected(&set, 10);
    assert_int_equal(rest.count, 8);
    for (uint32_t i = 0; i < 7; i++)
        assert_int_equal(rest.list[i].data, i + 2);
    assert_int_equal(rest.list[7].data, 0);
    assert_int_equal(collected(&set, 10).count, 3);
    set_close(&set);
}

static void test_nesting(void **state)
{
    struct source source;
    struct set sets[7];

    (void)state;
    source_init(&source, 0);
    for (int i = 0; i < 7; i++)
        set_open(&sets[i]);
    assert_int_equal(set_nest(&sets[0], &sets[0], 0), OSKIT_ELOOP);
    for (int i = 1; i < 5; i++)
        assert_int_equal(set_nest(&sets[i - 1], &sets[i], 0), 0);
    assert_int_equal(set_nest(&sets[4], &sets[5], 0), OSKIT_ELOOP);
    assert_int_equal(set_nest(&sets[5], &sets[0], 0), OSKIT_ELOOP);
    assert_int_equal(set_nest(&sets[4], &sets[0], 0), OSKIT_ELOOP);
    assert_int_equal(set_nest(&sets[2], &sets[3], 0), OSKIT_EEXIST);
    assert_int_equal(set_nest(&sets[5], &sets[6], EPOLL_EXCLUSIVE), OSKIT_E_INVALIDARG);
    assert_int_equal(set_add(&sets[4], &source, READY_READ, 0, 3), 0);
    assert_int_equal(one(&sets[0]), 0);
    readiness_update(&source.readiness, READY_READ, 0, READY_READ);
    for (int i = 0; i < 5; i++)
        assert_int_equal(one(&sets[i]), READY_READ);
    /* Nobody told the outer ones; they find out by asking. */
    readiness_change(&source.readiness, 0, READY_READ);
    assert_int_equal(readiness_level(sets[0].readiness), 0);
    for (int i = 0; i < 5; i++)
        assert_int_equal(one(&sets[i]), 0);
    readiness_update(&source.readiness, READY_READ, 0, READY_READ);
    set_close(&sets[2]);
    assert_int_equal(one(&sets[1]), 0);
    assert_int_equal(one(&sets[3]), READY_READ);
    assert_int_equal(set_nest(&sets[4], &sets[0], 0), 0);
    for (int i = 0; i < 7; i++)
        if (i != 2)
            set_close(&sets[i]);
}

/* One event may go up at most 500 ways through one set in between. */
static void test_paths(void **state)
{
    struct set *outer = calloc(501, sizeof *outer), inner;
    struct source source;

    (void)state;
    source_init(&source, 0);
    set_open(&inner);
    for (uint32_t i = 0; i < 501; i++) {
        set_open(&outer[i]);
        assert_int_equal(set_nest(&outer[i], &inner, 0), 0);
    }
    assert_int_equal(set_add(&inner, &source, READY_READ, 0, 1), OSKIT_E_INVALIDARG);
    assert_true(list_empty(&source.readiness.waiters));
    set_close(&outer[500]);
    assert_int_equal(set_add(&inner, &source, READY_READ, 0, 1), 0);
    set_open(&outer[500]);
    assert_int_equal(set_nest(&outer[500], &inner, 0), OSKIT_E_INVALIDARG);
    readiness_update(&source.readiness, READY_READ, 0, READY_READ);
    for (uint32_t i = 0; i < 501; i++) {
        assert_int_equal(one(&outer[i]), i < 500 ? READY_READ : 0);
        set_close(&outer[i]);
    }
    set_close(&inner);
    free(outer);
}

static bool sleeper_take(struct readiness_waiter *waiter, uint32_t events)
{
    (void)events;
    waiter->mask |= 0x100; /* marks that it was told */
    return true;
}

/* Of sets with a sleeper one takes the event, in turn; sets without pass it on; one that goes with
 * an event it didn't use hands it on. */
static void test_exclusive(void **state)
{
    struct readiness_waiter sleepers[3] = {{.mask = 0}};
    struct source source;
    struct set sets[3];

    (void)state;
    source_init(&source, 0);
    for (int i = 0; i < 3; i++) {
        set_open(&sets[i]);
        assert_int_equal(set_add(&sets[i], &source, READY_READ, EPOLL_EXCLUSIVE | EPOLL_EDGE, 0),
                         0);
        sleepers[i] = (struct readiness_waiter){
            .mask = READY_READ, .flags = READINESS_EXCLUSIVE, .notify = sleeper_take};
        if (i != 0)
            readiness_add(sets[i].readiness, &sleepers[i]);
    }
    readiness_update(&source.readiness, READY_READ, 0, READY_READ);
    assert_int_equal(one(&sets[0]), READY_READ); /* queued, but nobody slept there: passed on */
    assert_true(sleepers[1].mask & 0x100);
    assert_int_equal(one(&sets[2]), 0);
    readiness_tell(&source.readiness, READY_READ);
    assert_true(sleepers[2].mask & 0x100);
    sleepers[1].mask = sleepers[2].mask = READY_READ;
    assert_int_equal(one(&sets[1]), READY_READ);
    assert_int_equal(one(&sets[1]), 0);
    /* The second set still has its event; it goes. */
    assert_int_equal(set_remove(&sets[2], &source), 0);
    assert_true(sleepers[1].mask & 0x100);
    assert_int_equal(one(&sets[1]), READY_READ);
    for (int i = 1; i < 3; i++)
        readiness_remove(sets[i].readiness, &sleepers[i]);
    for (int i = 0; i < 3; i++)
        set_close(&sets[i]);
}

static void test_no_memory(void **state)
{
    (void)state;
    ENV_TEST_EACH_FAILURE
    {
        oskit_iunknown_t *object;
        struct source source;
        oskit_error_t err = epoll_new(&object);
        if (OSKIT_SUCCEEDED(err)) {
            struct epoll_target target = target_of(&source, 3);
            struct epoll_interest interest = {READY_READ, 0, 0, 0};
            sluice_epoll_t *epoll = epoll_of_pollable((sluice_pollable_t *)object);
            source_init(&source, READY_READ);
            err = epoll->ops->add(epoll, &target, &interest);
            oskit_iunknown_release(object);
        }
        assert_int_equal(err, env_test_failed() ? OSKIT_ENOMEM : 0);
    }
}

/* A table that can't grow goes on. */
static void test_many(void **state)
{
    struct source *sources = calloc(1000, sizeof *sources);
    struct set set;

    (void)state;
    set_open(&set);
    for (uint32_t i = 0; i < 1000; i++) {
        source_init(&sources[i], 0);
        if (i == 16)
            env_test_fail_after(1); /* the bigger table */
        assert_int_equal(set_add(&set, &sources[i], READY_READ, 0, i), 0);
    }
    readiness_update(&sources[700].readiness, READY_READ, 0, READY_READ);
    struct reports reports = collected(&set, 5);
    assert_int_equal(reports.count, 1);
    assert_int_equal(reports.list[0].data, 700);
    for (uint32_t i = 0; i < 1000; i += 2)
        assert_int_equal(set_remove(&set, &sources[i]), 0);
    for (uint32_t i = 0; i < 1000; i++)
        assert_int_equal(set_modify(&set, &sources[i], READY_READ, 0, i),
                         i % 2 == 0 ? OSKIT_ENOENT : 0);
    set_close(&set);
    free(sources);
}

/* ---- Beside a model (epoll_walk.h) ---- */

#define WALK_STEPS 20000u

static void test_model(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 8; seed++) {
        struct choices choices = choices_from_seed(seed * 0x9e3779b97f4a7c15ull);
        epoll_walk(&choices, WALK_STEPS);
    }
}

/* ---- Threads ---- */

#define CROWD_SOURCES 8u
#define CROWD_ROUNDS  3000u

/* Each source counts what was put in; whoever gets its report takes all out. Whatever was put in
 * must come out, though the sets are nested and watch by edges. */
static struct crowd {
    struct set outer, inner;
    struct source sources[CROWD_SOURCES], passing[2];
    _Atomic uint64_t stock[CROWD_SOURCES], taken;
    _Atomic uint32_t busy;
} crowd;

static void crowd_put(void *arg)
{
    struct choices choices = choices_from_seed((uintptr_t)arg);

    for (uint32_t round = 0; round < CROWD_ROUNDS; round++) {
        uint32_t i = choices_next(&choices, CROWD_SOURCES);
        atomic_fetch_add(&crowd.stock[i], 1);
        readiness_update(&crowd.sources[i].readiness, READY_READ, 0, READY_READ);
    }
    atomic_fetch_sub(&crowd.busy, 1);
}

static void crowd_take(struct set *set)
{
    struct reports reports = {.room = REPORTS_MAX};

    set_collect(set, 3, &reports);
    for (uint32_t k = 0; k < reports.count; k++)
        if (reports.list[k].data < CROWD_SOURCES)
            atomic_fetch_add(&crowd.taken, atomic_exchange(&crowd.stock[reports.list[k].data], 0));
}

static void crowd_collect(void *arg)
{
    (void)arg;
    while (atomic_load(&crowd.busy) > 0) {
        struct reports outer = {.room = REPORTS_MAX};
        set_collect(&crowd.outer, 4, &outer);
        if (outer.count > 0)
            crowd_take(&crowd.inner);
    }
}

/* Comes and goes: members, a whole set, and an owner with members in both. */
static void crowd_churn(void *arg)
{
    struct source *passing = arg;

    for (uint32_t round = 0; round < CROWD_ROUNDS / 10; round++) {
        struct set guest;
        set_open(&guest);
        source_init(passing, READY_READ);
        set_add(&guest, passing, READY_READ, 0, 100);
        set_add(&crowd.inner, passing, READY_READ, EPOLL_EXCLUSIVE, 100);
        set_nest(&crowd.outer, &guest, 0);
        readiness_tell(&passing->readiness, READY_READ);
        set_add(&guest, &crowd.sources[round % CROWD_SOURCES], READY_READ, 0, 100);
        set_remove(&crowd.inner, passing);
        if (round % 3 == 0)
            epoll_owner_gone(&passing->owner);
        set_close(&guest);
        epoll_owner_gone(&passing->owner);
    }
    atomic_fetch_sub(&crowd.busy, 1);
}

static void test_crowd(void **state)
{
    uint64_t left = 0;

    (void)state;
    memset(&crowd, 0, sizeof crowd);
    set_open(&crowd.outer);
    set_open(&crowd.inner);
    assert_int_equal(set_nest(&crowd.outer, &crowd.inner, EPOLL_EDGE), 0);
    for (uint32_t i = 0; i < CROWD_SOURCES; i++) {
        source_init(&crowd.sources[i], 0);
        assert_int_equal(set_add(&crowd.inner, &crowd.sources[i], READY_READ, EPOLL_EDGE, i), 0);
    }
    atomic_store(&crowd.busy, 4);
    for (uintptr_t i = 0; i < 2; i++) {
        assert_int_equal(env_thread_start("put", crowd_put, (void *)(i + 1)), 0);
        assert_int_equal(env_thread_start("churn", crowd_churn, &crowd.passing[i]), 0);
        assert_int_equal(env_thread_start("collect", crowd_collect, NULL), 0);
    }
    env_test_join_threads();
    for (uint32_t round = 0; round < CROWD_SOURCES; round++)
        crowd_take(&crowd.inner);
    for (uint32_t i = 0; i < CROWD_SOURCES; i++)
        left += crowd.stock[i];
    assert_int_equal(left, 0);
    assert_int_equal(crowd.taken, 2 * CROWD_ROUNDS);
    set_close(&crowd.inner);
    set_close(&crowd.outer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_level),     HARNESS_TEST(test_edge),     HARNESS_TEST(test_oneshot),
        HARNESS_TEST(test_errors),    HARNESS_TEST(test_rotation), HARNESS_TEST(test_put_back),
        HARNESS_TEST(test_nesting),   HARNESS_TEST(test_paths),    HARNESS_TEST(test_exclusive),
        HARNESS_TEST(test_no_memory), HARNESS_TEST(test_many),     HARNESS_TEST(test_model),
        HARNESS_TEST(test_crowd),
    };

    return cmocka_run_group_tests_name("epoll", tests, NULL, NULL);
}
