/*
 * The frame around every host test: each case starts from a fresh porting layer and must end with
 * as many objects, blocks and pages alive as it began with, no pending timer and no thread left.
 *
 *     static void test_something(void **state) { (void)state; ... }
 *     int main(void)
 *     {
 *         const struct CMUnitTest tests[] = {HARNESS_TEST(test_something)};
 *         return cmocka_run_group_tests_name("noun", tests, NULL, NULL);
 *     }
 */
#ifndef TESTS_HOST_HARNESS_H
#define TESTS_HOST_HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <sluice/env.h>
#include <sluice/object.h>
#include "env.h"

struct harness_baseline {
    struct env_test_memory memory;
    uint64_t mark;
    oskit_u32_t objects;
};

/* An assertion has jumped out with a lock held, out of an interrupt, or with timers going: whatever
 * comes next might wait for ever, so no test does. */
static bool harness_stuck;

static inline int harness_setup(void **state)
{
    *state = NULL;
    if (harness_stuck)
        return -1;
    struct harness_baseline *baseline = malloc(sizeof *baseline);

    env_test_reset();
    baseline->memory = env_test_memory();
    baseline->mark = env_test_memory_mark();
    baseline->objects = sluice_object_count();
    *state = baseline;
    return 0;
}

static inline int harness_teardown(void **state)
{
    if (*state == NULL)
        return -1;
    struct harness_baseline baseline = *(struct harness_baseline *)*state;

    free(*state);
    if (env_test_stuck()) {
        print_error("ended inside a lock or an interrupt: the tests that follow can't run\n");
        harness_stuck = true;
        return -1;
    }
    env_test_join_threads();
    struct env_test_memory now = env_test_memory();
    bool leaked = now.blocks != baseline.memory.blocks || now.bytes != baseline.memory.bytes ||
                  now.pages != baseline.memory.pages || now.pins != baseline.memory.pins;
    if (leaked) {
        print_error("leak: %zu blocks (%zu bytes), %zu pages, %zu pins\n",
                    now.blocks - baseline.memory.blocks, now.bytes - baseline.memory.bytes,
                    now.pages - baseline.memory.pages, now.pins - baseline.memory.pins);
        env_test_memory_report(baseline.mark);
    }
    oskit_u32_t objects = sluice_object_count();
    if (objects != baseline.objects)
        print_error("live objects: %u, were %u\n", objects, baseline.objects);
    harness_stuck = env_test_timers() != 0;
    if (harness_stuck)
        print_error("%zu timers are pending: the tests that follow can't run\n", env_test_timers());
    bool bad = leaked || objects != baseline.objects || harness_stuck;
    env_test_reset();
    return bad ? -1 : 0;
}

#define HARNESS_TEST(function) \
    cmocka_unit_test_setup_teardown(function, harness_setup, harness_teardown)

#endif
