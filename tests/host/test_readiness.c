/* Readiness: levels, events, masks, exclusive waiters, the race between adding and telling. */
#include "harness.h"

#include <sluice/readiness.h>

struct witness {
    struct readiness_waiter waiter;
    unsigned calls;
    uint32_t events; /* of the last call */
    bool refuses;    /* an exclusive waiter that does not take the event */
};

static bool witness_notify(struct readiness_waiter *waiter, uint32_t events)
{
    struct witness *witness = container_of(waiter, struct witness, waiter);

    witness->calls++;
    witness->events = events;
    return !witness->refuses;
}

static uint32_t witness_add(struct witness *witness, struct readiness *r, uint32_t mask,
                            uint32_t flags)
{
    *witness = (struct witness){.waiter = {.mask = mask, .flags = flags, .notify = witness_notify}};
    return readiness_add(r, &witness->waiter);
}

static void test_level(void **state)
{
    (void)state;
    struct readiness r;

    readiness_init(&r, READY_WRITE);
    assert_int_equal(readiness_level(&r), READY_WRITE);
    readiness_change(&r, READY_READ, READY_WRITE);
    assert_int_equal(readiness_level(&r), READY_READ);
    readiness_change(&r, READY_READ, 0);
    assert_int_equal(readiness_level(&r), READY_READ);
    readiness_update(&r, READY_HUP, READY_READ, READY_HUP);
    assert_int_equal(readiness_level(&r), READY_HUP);
}

struct told_case {
    uint32_t mask, events, hit; /* hit 0: not told */
};

static void test_masks(void **state)
{
    (void)state;
    static const struct told_case cases[] = {
        {READY_READ, READY_READ, READY_READ},
        {READY_READ, READY_WRITE, 0},
        {READY_READ | READY_WRITE, READY_WRITE | READY_PRI, READY_WRITE},
        {READY_READ, READY_READ | READY_HUP, READY_READ | READY_HUP},
        {0, READY_ERR, READY_ERR},
        {0, READY_RDHUP, 0},
        {READY_RDHUP, READY_RDHUP | READY_READ, READY_RDHUP},
        {READY_READ, 0, 0},
    };

    for (size_t i = 0; i < SLUICE_COUNT(cases); i++) {
        struct readiness r;
        struct witness w;
        readiness_init(&r, READY_PRI);
        assert_int_equal(witness_add(&w, &r, cases[i].mask, 0), READY_PRI);
        readiness_tell(&r, cases[i].events);
        assert_int_equal(w.calls, cases[i].hit != 0);
        assert_int_equal(w.events, cases[i].hit);
        readiness_remove(&r, &w.waiter);
        readiness_tell(&r, cases[i].events);
        assert_int_equal(w.calls, cases[i].hit != 0);
    }
}

/* Clearing tells nobody; an event comes again though the level did not change. */
static void test_events_are_not_levels(void **state)
{
    (void)state;
    struct readiness r;
    struct witness w;

    readiness_init(&r, 0);
    witness_add(&w, &r, READY_READ, 0);
    readiness_update(&r, READY_READ, 0, READY_READ);
    readiness_update(&r, READY_READ, 0, READY_READ);
    assert_int_equal(w.calls, 2);
    readiness_update(&r, 0, READY_READ, 0);
    assert_int_equal(w.calls, 2);
    readiness_remove(&r, &w.waiter);
}

static void test_remove_is_harmless(void **state)
{
    (void)state;
    struct readiness r;
    struct witness w = {.calls = 0};

    readiness_init(&r, 0);
    readiness_remove(&r, &w.waiter);
    witness_add(&w, &r, READY_READ, 0);
    readiness_remove(&r, &w.waiter);
    readiness_remove(&r, &w.waiter);
    assert_int_equal(atomic_load(&r.waiting), 0);
}

/* Exclusive waiters are told one at a time, in turn; the others always. */
static void test_exclusive(void **state)
{
    (void)state;
    struct readiness r;
    struct witness all, first, second, third;

    readiness_init(&r, 0);
    witness_add(&first, &r, READY_READ, READINESS_EXCLUSIVE);
    witness_add(&all, &r, READY_READ, 0);
    witness_add(&second, &r, READY_READ, READINESS_EXCLUSIVE);
    witness_add(&third, &r, READY_WRITE, READINESS_EXCLUSIVE);
    readiness_tell(&r, READY_READ);
    assert_int_equal(all.calls, 1);
    assert_int_equal(first.calls, 1);
    assert_int_equal(second.calls, 0);
    readiness_tell(&r, READY_READ);
    assert_int_equal(all.calls, 2);
    assert_int_equal(first.calls, 1);
    assert_int_equal(second.calls, 1);
    readiness_tell(&r, READY_READ);
    assert_int_equal(first.calls, 2);
    first.refuses = true;
    second.calls = 0;
    readiness_tell(&r, READY_READ); /* second's turn */
    readiness_tell(&r, READY_READ); /* first's, who refuses */
    assert_int_equal(first.calls, 3);
    assert_int_equal(second.calls, 2);
    assert_int_equal(third.calls, 0);
    readiness_tell(&r, READY_READ | READY_HUP); /* the end is everybody's */
    assert_int_equal(first.calls, 4);
    assert_int_equal(second.calls, 3);
    assert_int_equal(third.calls, 1);
    readiness_remove(&r, &first.waiter);
    readiness_remove(&r, &second.waiter);
    readiness_remove(&r, &third.waiter);
    readiness_remove(&r, &all.waiter);
}

static void test_pass_on(void **state)
{
    (void)state;
    struct readiness r;
    struct witness all, first, second;

    readiness_init(&r, 0);
    readiness_pass_on(&r, READY_READ);
    witness_add(&first, &r, READY_READ, READINESS_EXCLUSIVE);
    witness_add(&second, &r, READY_READ, READINESS_EXCLUSIVE);
    witness_add(&all, &r, READY_READ, 0);
    readiness_tell(&r, READY_READ);
    readiness_remove(&r, &first.waiter);
    readiness_pass_on(&r, READY_READ);
    assert_int_equal(all.calls, 1);
    assert_int_equal(first.calls, 1);
    assert_int_equal(second.calls, 1);
    readiness_remove(&r, &second.waiter);
    readiness_pass_on(&r, READY_READ);
    assert_int_equal(all.calls, 1);
    readiness_remove(&r, &all.waiter);
}

static void fire(void *arg)
{
    readiness_update(arg, READY_READ, 0, READY_READ);
}

static void test_from_interrupt(void **state)
{
    (void)state;
    struct readiness r;
    struct witness w;
    struct env_timer timer;

    readiness_init(&r, 0);
    witness_add(&w, &r, READY_READ, 0);
    env_test_clock_manual(true);
    env_timer_init(&timer, fire, &r);
    env_timer_start(&timer, env_time_monotonic() + 5);
    env_test_clock_advance(4);
    assert_int_equal(w.calls, 0);
    env_test_clock_advance(1);
    assert_int_equal(w.calls, 1);
    readiness_remove(&r, &w.waiter);
}

/* ---- The race ---- */

/*
 * One token goes back and forth: the teller sets the level, the waiter registers and must either
 * see the level or be told. A lost event leaves both waiting, and the deadline below reports it.
 */
#define RACE_ROUNDS 3000

struct race {
    struct readiness r;
    struct readiness_waiter waiter;
    struct env_sleep sleep;
    _Atomic unsigned taken;
    _Atomic bool lost;
};

static bool race_notify(struct readiness_waiter *waiter, uint32_t events)
{
    (void)events;
    env_wakeup(&container_of(waiter, struct race, waiter)->sleep);
    return true;
}

/* One wait: false when nothing came until the deadline. Who is told late, of the token before,
 * wakes for nothing, and waits again. */
static bool race_wait(struct race *race)
{
    bool told = true;

    do {
        race->waiter = (struct readiness_waiter){.mask = READY_READ, .notify = race_notify};
        env_sleep_init(&race->sleep);
        if (!(readiness_add(&race->r, &race->waiter) & READY_READ))
            told = env_sleep(&race->sleep, env_time_monotonic() + 20000000000ull);
        readiness_remove(&race->r, &race->waiter);
    } while (told && !(readiness_level(&race->r) & READY_READ));
    return told;
}

static void race_waiter(void *arg)
{
    struct race *race = arg;

    for (unsigned round = 0; round < RACE_ROUNDS && !race->lost; round++) {
        race->lost = !race_wait(race);
        readiness_change(&race->r, 0, READY_READ);
        atomic_store(&race->taken, round + 1);
    }
}

static void test_no_event_is_lost(void **state)
{
    (void)state;
    static struct race race;

    readiness_init(&race.r, 0);
    assert_int_equal(env_thread_start("waiter", race_waiter, &race), 0);
    for (unsigned round = 0; round < RACE_ROUNDS && !race.lost; round++) {
        while (atomic_load(&race.taken) != round)
            ;
        readiness_update(&race.r, READY_READ, 0, READY_READ);
    }
    env_test_join_threads();
    assert_false(race.lost);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_level),
        HARNESS_TEST(test_masks),
        HARNESS_TEST(test_events_are_not_levels),
        HARNESS_TEST(test_remove_is_harmless),
        HARNESS_TEST(test_exclusive),
        HARNESS_TEST(test_pass_on),
        HARNESS_TEST(test_from_interrupt),
        HARNESS_TEST(test_no_event_is_lost),
    };
    return cmocka_run_group_tests_name("readiness", tests, NULL, NULL);
}
