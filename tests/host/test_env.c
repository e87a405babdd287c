/* The porting layer itself: time, sleepers, failures, and that it catches what it claims to catch.
 */
#include "harness.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- What ends the process ---- */

static void sleeps_with_spinlock(void)
{
    struct env_spinlock lock = {0};
    struct env_sleep sleep;

    env_spin_lock(&lock);
    env_sleep_init(&sleep);
    env_sleep(&sleep, 0);
}

static void allocates_in_interrupt(void)
{
    env_test_interrupt_enter();
    env_alloc(1, 0);
}

static void copies_with_spinlock(void)
{
    struct env_spinlock lock = {0};
    char to, from = 0;

    env_spin_lock(&lock);
    env_copy_from_user(&to, &from, 1);
}

static void takes_spinlock_twice(void)
{
    struct env_spinlock lock = {0};

    env_spin_lock(&lock);
    env_spin_lock(&lock);
}

static void takes_mutex_twice(void)
{
    struct env_mutex mutex = {{0}};

    env_mutex_lock(&mutex);
    env_mutex_lock(&mutex);
}

static void unlocks_a_free_mutex(void)
{
    struct env_mutex mutex = {{0}};

    env_mutex_unlock(&mutex);
}

static void frees_with_wrong_size(void)
{
    env_free(env_alloc(16, 0), 17);
}

static void drops_a_page_twice(void)
{
    void *page = env_page_alloc(0, 0);

    env_page_unref(page);
    env_page_unref(page);
}

static void counts_inside_pages(void)
{
    env_page_ref((char *)env_page_alloc(1, 0) + ENV_PAGE_SIZE);
}

static void stop_myself(void *timer)
{
    env_timer_stop(timer);
}

static void stops_timer_from_itself(void)
{
    struct env_timer timer;

    env_test_clock_manual(true);
    env_timer_init(&timer, stop_myself, &timer);
    env_timer_start(&timer, 0);
    env_test_clock_advance(1);
}

static void panics(void)
{
    env_panic("because");
}

/* Runs FN in a process of its own; true when it was aborted. */
static bool aborts(void (*fn)(void))
{
    int status;

    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        fclose(stderr);
        signal(SIGABRT, SIG_DFL);
        fn();
        _exit(0);
    }
    waitpid(pid, &status, 0);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void test_catches(void **state)
{
    (void)state;
    assert_true(aborts(sleeps_with_spinlock));
    assert_true(aborts(allocates_in_interrupt));
    assert_true(aborts(copies_with_spinlock));
    assert_true(aborts(takes_spinlock_twice));
    assert_true(aborts(takes_mutex_twice));
    assert_true(aborts(unlocks_a_free_mutex));
    assert_true(aborts(frees_with_wrong_size));
    assert_true(aborts(drops_a_page_twice));
    assert_true(aborts(counts_inside_pages));
    assert_true(aborts(stops_timer_from_itself));
    assert_true(aborts(panics));
}

/* ---- Memory ---- */

static void test_pages(void **state)
{
    (void)state;
    for (unsigned order = 0; order < 5; order++) {
        size_t size = (size_t)ENV_PAGE_SIZE << order;
        unsigned char *page = env_page_alloc(order, ENV_ZERO);
        assert_int_equal((uintptr_t)page % size, 0);
        assert_int_equal(page[0] | page[size - 1], 0);
        assert_int_equal(env_test_page_count(page), 1);
        env_page_ref(page);
        env_page_unref(page);
        assert_int_equal(env_test_memory().pages, (size_t)1 << order);
        env_page_unref(page);
        assert_int_equal(env_test_page_count(page), 0);
        unsigned char *next = env_page_alloc(order, 0);
        assert_ptr_not_equal(next, page);
        assert_int_equal(next[0], 0xa5);
        env_page_unref(next);
    }
}

static void test_each_failure(void **state)
{
    (void)state;
    unsigned rounds = 0, failures = 0;

    ENV_TEST_EACH_FAILURE
    {
        void *a = env_alloc(8, 0), *b = env_page_alloc(0, 0), *c = env_alloc(8, ENV_ZERO);
        rounds++;
        failures += env_test_failed();
        assert_int_equal(env_test_failed(), a == NULL || b == NULL || c == NULL);
        env_free(a, 8);
        if (b != NULL)
            env_page_unref(b);
        env_free(c, 8);
    }
    assert_int_equal(rounds, 4);
    assert_int_equal(failures, 3);
}

/* ---- Time ---- */

struct tick {
    struct env_timer timer;
    uint64_t period, at[4];
    unsigned count;
};

static void tick_fire(void *arg)
{
    struct tick *tick = arg;

    assert_true(env_test_in_interrupt());
    tick->at[tick->count++] = env_time_monotonic();
    if (tick->count < 4)
        env_timer_start(&tick->timer, env_time_monotonic() + tick->period);
}

static void test_manual_clock(void **state)
{
    (void)state;
    struct tick fast = {.period = 10}, slow = {.period = 25};

    env_test_clock_manual(true);
    uint64_t start = env_time_monotonic();
    int64_t real = env_time_real();
    env_timer_init(&fast.timer, tick_fire, &fast);
    env_timer_init(&slow.timer, tick_fire, &slow);
    env_timer_start(&slow.timer, start + 25);
    env_timer_start(&fast.timer, start + 10);
    env_test_clock_advance(60);
    assert_int_equal(fast.count, 4);
    assert_int_equal(fast.at[3], start + 40);
    assert_int_equal(slow.count, 2);
    assert_int_equal(slow.at[1], start + 50);
    assert_int_equal(env_time_monotonic(), start + 60);
    assert_int_equal(env_time_real(), real + 60);
    assert_true(env_timer_stop(&slow.timer));
    assert_false(env_timer_stop(&slow.timer));
    assert_false(env_timer_stop(&fast.timer));
}

static void wake(void *arg)
{
    env_wakeup(arg);
}

static void test_real_clock(void **state)
{
    (void)state;
    struct env_timer timer;
    struct env_sleep sleep;

    env_sleep_init(&sleep);
    env_timer_init(&timer, wake, &sleep);
    env_timer_start(&timer, env_time_monotonic() + 1000000);
    assert_true(env_sleep(&sleep, ENV_FOREVER));
    assert_false(env_timer_stop(&timer));
    env_sleep_init(&sleep);
    assert_false(env_sleep(&sleep, env_time_monotonic() + 1000000));
    env_sleep_init(&sleep);
    env_wakeup(&sleep); /* before the sleep: not lost */
    assert_true(env_sleep(&sleep, ENV_FOREVER));
}

/* After env_timer_stop the callback neither runs nor will. */
static void count_up(void *arg)
{
    atomic_fetch_add((_Atomic unsigned *)arg, 1);
}

static void test_timer_stop(void **state)
{
    (void)state;
    _Atomic unsigned count = 0;
    struct env_timer timer;

    env_timer_init(&timer, count_up, &count);
    for (int i = 0; i < 300; i++) {
        env_timer_start(&timer, env_time_monotonic() + (uint64_t)i * 100);
        if (i % 3 == 0)
            sched_yield();
        env_timer_stop(&timer);
        unsigned now = atomic_load(&count);
        sched_yield();
        assert_int_equal(atomic_load(&count), now);
    }
}

/* ---- Words ---- */

static void panic_with(void *arg)
{
    env_panic("no %s", (char *)arg);
}

static void test_words(void **state)
{
    (void)state;
    struct env_test_signal signal;

    env_log(ENV_LOG_INFO, "%d bottles", 3);
    assert_string_equal(env_test_log(), "3 bottles\n");
    assert_true(env_test_panics(panic_with, "way"));
    assert_string_equal(env_test_panic_text(), "no way");
    env_signal_group(7, 2);
    env_signal_group(8, 15);
    assert_int_equal(env_test_signal_count(), 2);
    assert_int_equal(env_test_last_signal().signal, 15);
    assert_true(env_test_take_signal(&signal));
    assert_int_equal(signal.pgrp, 7);
    assert_true(env_test_take_signal(&signal));
    assert_false(env_test_take_signal(&signal));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_catches),      HARNESS_TEST(test_pages),
        HARNESS_TEST(test_each_failure), HARNESS_TEST(test_manual_clock),
        HARNESS_TEST(test_real_clock),   HARNESS_TEST(test_timer_stop),
        HARNESS_TEST(test_words),
    };
    return cmocka_run_group_tests_name("env", tests, NULL, NULL);
}
