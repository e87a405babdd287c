/* Timers on either clock, while the real one is set. */
#include "harness.h"

#include <sluice/clock_timer.h>

#define MS 1000000ll
#define S  (1000 * MS)

struct alarm {
    struct clock_timer timer;
    struct env_spinlock lock; /* calls and starts, one at a time */
    int64_t time;
    bool real;
    int calls, rings;
};

/* As an owner does: an early call starts it again. */
static void alarm_call(void *arg)
{
    struct alarm *alarm = arg;

    env_spin_lock(&alarm->lock);
    int64_t now = alarm->real ? env_time_real() : (int64_t)env_time_monotonic();

    alarm->calls++;
    if (now >= alarm->time)
        alarm->rings++;
    else
        clock_timer_start(&alarm->timer, alarm->time, alarm->real);
    env_spin_unlock(&alarm->lock);
}

static void alarm_move(struct alarm *alarm, int64_t time, bool real)
{
    env_spin_lock(&alarm->lock);
    alarm->real = real;
    alarm->time = time;
    clock_timer_start(&alarm->timer, time, real);
    env_spin_unlock(&alarm->lock);
}

/* One that starts itself again does so as long as it isn't due. */
static void alarm_stop(struct alarm *alarm)
{
    env_spin_lock(&alarm->lock);
    alarm->time = INT64_MIN;
    env_spin_unlock(&alarm->lock);
    clock_timer_stop(&alarm->timer);
}

static void alarm_start(struct alarm *alarm, int64_t after, bool real)
{
    *alarm = (struct alarm){.calls = 0};
    clock_timer_init(&alarm->timer, alarm_call, alarm);
    alarm_move(alarm, after + (real ? env_time_real() : (int64_t)env_time_monotonic()), real);
}

static void move_clock(int64_t ns)
{
    env_test_clock_move_real(ns);
    clock_timers_set();
    env_test_clock_advance(0);
}

static void test_both_clocks(void **state)
{
    struct alarm plain, real;

    (void)state;
    env_test_clock_manual(true);
    alarm_start(&plain, 10 * MS, false);
    alarm_start(&real, 10 * MS, true);
    env_test_clock_advance(9 * MS);
    assert_int_equal(plain.calls + real.calls, 0);
    env_test_clock_advance(1 * MS);
    assert_int_equal(plain.rings, 1);
    assert_int_equal(real.rings, 1);
    env_test_clock_advance(1 * S);
    move_clock(1 * S);
    assert_int_equal(plain.calls, 1);
    assert_int_equal(real.calls, 1);
    assert_int_equal(env_test_timers(), 0);
}

static void test_forward(void **state)
{
    struct alarm plain, near, far;

    (void)state;
    env_test_clock_manual(true);
    alarm_start(&plain, 10 * S, false);
    alarm_start(&near, 10 * S, true);
    alarm_start(&far, 30 * S, true);
    move_clock(20 * S);
    assert_int_equal(plain.calls, 0);
    assert_int_equal(near.rings, 1);
    assert_int_equal(far.rings, 0);
    env_test_clock_advance(10 * S);
    assert_int_equal(plain.rings, 1);
    assert_int_equal(far.rings, 1);
    move_clock(-20 * S);
    assert_int_equal(near.rings + far.rings, 2);
}

static void test_back(void **state)
{
    struct alarm plain, real;

    (void)state;
    env_test_clock_manual(true);
    alarm_start(&plain, 10 * S, false);
    alarm_start(&real, 10 * S, true);
    move_clock(-20 * S);
    env_test_clock_advance(29 * S);
    assert_int_equal(plain.rings, 1);
    assert_int_equal(real.rings, 0);
    env_test_clock_advance(1 * S);
    assert_int_equal(real.rings, 1);
}

static void test_moved_and_stopped(void **state)
{
    struct alarm a, b;

    (void)state;
    env_test_clock_manual(true);
    alarm_start(&a, 10 * S, true);
    alarm_start(&b, 10 * S, true);
    alarm_stop(&a);
    /* From one clock to the other. */
    alarm_move(&b, (int64_t)env_time_monotonic() + 10 * S, false);
    move_clock(20 * S);
    assert_int_equal(a.calls + b.calls, 0);
    env_test_clock_advance(10 * S);
    assert_int_equal(a.calls, 0);
    assert_int_equal(b.rings, 1);
    alarm_stop(&b);
    move_clock(-20 * S);
}

static void test_far(void **state)
{
    struct alarm never, past;

    (void)state;
    env_test_clock_manual(true);
    alarm_start(&never, 0, true);
    alarm_start(&past, 0, true);
    alarm_move(&never, INT64_MAX, true);
    alarm_move(&past, INT64_MIN, true);
    env_test_clock_advance(100 * S);
    assert_int_equal(never.rings, 0);
    assert_int_equal(past.rings, 1);
    alarm_stop(&never);
}

/* ---- Threads, on the machine's clock ---- */

static void thread_tell(void *arg)
{
    (void)arg;
    for (int i = 0; i < 300; i++)
        clock_timers_set();
}

static void thread_start_and_stop(void *arg)
{
    (void)arg;
    for (int i = 0; i < 100; i++) {
        struct alarm soon, far;
        alarm_start(&soon, i % 3 * MS / 10, true);
        alarm_start(&far, 100 * S, true);
        alarm_move(&far, env_time_real() + 50 * S, i % 2);
        if (i % 5 == 0)
            alarm_move(&soon, env_time_real(), true);
        alarm_stop(&far);
        alarm_stop(&soon);
    }
}

static void test_threads(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(env_thread_start("tell", thread_tell, NULL), 0);
        assert_int_equal(env_thread_start("start", thread_start_and_stop, NULL), 0);
    }
    env_test_join_threads();
    assert_int_equal(env_test_timers(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_both_clocks), HARNESS_TEST(test_forward),
        HARNESS_TEST(test_back),        HARNESS_TEST(test_moved_and_stopped),
        HARNESS_TEST(test_far),         HARNESS_TEST(test_threads),
    };
    return cmocka_run_group_tests_name("clock_timer", tests, NULL, NULL);
}
