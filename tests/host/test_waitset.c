/* Wait sets: who is ready, deadlines on the manual clock, wakes from other threads. */
#include "harness.h"

#include <sluice/waitset.h>

static void test_levels(void **state)
{
    (void)state;
    struct readiness r[3];
    struct waitset_node nodes[3];
    struct waitset set;

    for (int i = 0; i < 3; i++)
        readiness_init(&r[i], 0);
    readiness_change(&r[1], READY_READ | READY_WRITE, 0);
    readiness_change(&r[2], READY_HUP, 0);
    waitset_init(&set, nodes, 3, NULL, NULL);
    assert_int_equal(waitset_add(&set, &r[0], READY_READ, 0), 0);
    assert_int_equal(waitset_add(&set, &r[1], READY_READ, 0), READY_READ);
    assert_int_equal(waitset_add(&set, &r[2], READY_READ, 0), READY_HUP);
    assert_false(waitset_take(&set));
    readiness_update(&r[0], READY_READ, 0, READY_READ);
    assert_int_equal(waitset_level(&set, 0), READY_READ);
    assert_int_equal(waitset_told(&set, 0), READY_READ);
    assert_int_equal(waitset_told(&set, 0), 0);
    assert_int_equal(waitset_told(&set, 1), 0);
    assert_true(waitset_wait(&set, ENV_FOREVER)); /* at once: the event is there */
    assert_false(waitset_take(&set));
    waitset_clear(&set);
    readiness_update(&r[0], READY_READ, 0, READY_READ);
    assert_false(waitset_take(&set));
}

/* One readiness may be in a set more than once, with different masks (poll with one descriptor
 * twice). */
static void test_same_twice(void **state)
{
    (void)state;
    struct readiness r;
    struct waitset_node nodes[2];
    struct waitset set;

    readiness_init(&r, 0);
    waitset_init(&set, nodes, 2, NULL, NULL);
    waitset_add(&set, &r, READY_READ, 0);
    waitset_add(&set, &r, READY_WRITE, 0);
    readiness_update(&r, READY_WRITE, 0, READY_WRITE);
    assert_int_equal(waitset_told(&set, 0), 0);
    assert_int_equal(waitset_told(&set, 1), READY_WRITE);
    waitset_clear(&set);
}

static void overfill(void *arg)
{
    struct readiness *r = arg;
    struct waitset_node node;
    struct waitset set;

    waitset_init(&set, &node, 0, NULL, NULL);
    waitset_add(&set, r, READY_READ, 0);
}

static void test_overfull(void **state)
{
    (void)state;
    struct readiness r;

    readiness_init(&r, 0);
    assert_true(env_test_panics(overfill, &r));
}

static void count_wake(void *arg)
{
    ++*(unsigned *)arg;
}

/* The wake function is called once for each time that the events were taken. */
static void test_wake_function(void **state)
{
    (void)state;
    struct readiness r;
    struct waitset_node nodes[1];
    struct waitset set;
    unsigned wakes = 0;

    readiness_init(&r, 0);
    waitset_init(&set, nodes, 1, count_wake, &wakes);
    waitset_add(&set, &r, READY_READ, 0);
    readiness_tell(&r, READY_READ);
    readiness_tell(&r, READY_READ);
    assert_int_equal(wakes, 1);
    assert_true(waitset_take(&set));
    readiness_tell(&r, READY_WRITE);
    assert_int_equal(wakes, 1);
    readiness_tell(&r, READY_HUP);
    assert_int_equal(wakes, 2);
    waitset_clear(&set);
}

/* ---- Sleeping ---- */

struct sleeper {
    struct readiness r;
    uint64_t deadline;
    bool woken;
};

static void sleeper_run(void *arg)
{
    struct sleeper *sleeper = arg;
    struct waitset_node nodes[1];
    struct waitset set;

    waitset_init(&set, nodes, 1, NULL, NULL);
    waitset_add(&set, &sleeper->r, READY_READ, 0);
    sleeper->woken = waitset_wait(&set, sleeper->deadline);
    waitset_clear(&set);
}

static void sleeper_start(struct sleeper *sleeper, uint64_t delay)
{
    readiness_init(&sleeper->r, 0);
    sleeper->deadline = delay == ENV_FOREVER ? delay : env_time_monotonic() + delay;
    assert_int_equal(env_thread_start("sleeper", sleeper_run, sleeper), 0);
    while (env_test_sleepers() == 0)
        ;
}

static void test_deadline(void **state)
{
    (void)state;
    struct sleeper sleeper;

    env_test_clock_manual(true);
    sleeper_start(&sleeper, 1000000);
    env_test_clock_advance(999999);
    readiness_tell(&sleeper.r, READY_WRITE); /* not of interest */
    assert_int_equal(env_test_sleepers(), 1);
    env_test_clock_advance(1);
    env_test_join_threads();
    assert_false(sleeper.woken);
}

static void test_woken(void **state)
{
    (void)state;
    struct sleeper sleeper;

    sleeper_start(&sleeper, ENV_FOREVER);
    readiness_update(&sleeper.r, READY_READ, 0, READY_READ);
    env_test_join_threads();
    assert_true(sleeper.woken);
}

/* ---- Many ---- */

#define SOURCES 4
#define TOKENS  4000

struct traffic {
    struct readiness r[SOURCES];
    struct env_mutex lock;
    unsigned pending[SOURCES]; /* guarded by lock, as an object's state is */
};

static void traffic_produce(void *arg)
{
    struct traffic *traffic = arg;

    for (unsigned i = 0; i < TOKENS; i++) {
        unsigned source = i * 7 % SOURCES;
        env_mutex_lock(&traffic->lock);
        traffic->pending[source]++;
        readiness_change(&traffic->r[source], READY_READ, 0);
        env_mutex_unlock(&traffic->lock);
        readiness_tell(&traffic->r[source], READY_READ);
    }
}

static unsigned traffic_drain(struct traffic *traffic, unsigned source)
{
    env_mutex_lock(&traffic->lock);
    unsigned got = traffic->pending[source];
    traffic->pending[source] = 0;
    readiness_change(&traffic->r[source], 0, READY_READ);
    env_mutex_unlock(&traffic->lock);
    return got;
}

/* Two producers, one poll loop: all tokens arrive, and none is slept over. */
static void test_poll_loop(void **state)
{
    (void)state;
    struct traffic traffic = {.lock = {{0}}};
    struct waitset_node nodes[SOURCES];
    struct waitset set;
    unsigned got = 0;

    for (int i = 0; i < SOURCES; i++)
        readiness_init(&traffic.r[i], 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(env_thread_start("producer", traffic_produce, &traffic), 0);
    while (got < 2 * TOKENS) {
        uint32_t level = 0;
        waitset_init(&set, nodes, SOURCES, NULL, NULL);
        for (int i = 0; i < SOURCES; i++)
            level |= waitset_add(&set, &traffic.r[i], READY_READ, 0);
        if (level == 0)
            assert_true(waitset_wait(&set, env_time_monotonic() + 20000000000ull));
        waitset_clear(&set);
        for (unsigned i = 0; i < SOURCES; i++)
            got += traffic_drain(&traffic, i);
    }
    env_test_join_threads();
    assert_int_equal(got, 2 * TOKENS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_levels),    HARNESS_TEST(test_same_twice),
        HARNESS_TEST(test_overfull),  HARNESS_TEST(test_wake_function),
        HARNESS_TEST(test_deadline),  HARNESS_TEST(test_woken),
        HARNESS_TEST(test_poll_loop),
    };
    return cmocka_run_group_tests_name("waitset", tests, NULL, NULL);
}
