/* timerfd: expiries, periods, both clocks and their setting, on a clock that the test moves. */
#include "harness.h"

#include <oskit/com/stream.h>
#include <sluice/readiness.h>
#include <sluice/timerfd.h>

#define MS 1000000ll

struct timer {
    oskit_stream_t *stream;
    sluice_timerfd_t *timerfd;
    struct readiness *readiness;
};

static struct timer open_timer(enum timerfd_clock clock)
{
    oskit_iunknown_t *object;
    struct timer timer;

    assert_int_equal(timerfd_new(clock, &object), 0);
    sluice_pollable_t *pollable = sluice_query_face(object, &sluice_pollable_iid);
    timer.stream = (oskit_stream_t *)object;
    timer.timerfd = sluice_query_face(object, &sluice_timerfd_iid);
    timer.readiness = pollable->ops->readiness(pollable);
    oskit_iunknown_release((oskit_iunknown_t *)pollable);
    return timer;
}

static void close_timer(struct timer *timer)
{
    oskit_iunknown_release((oskit_iunknown_t *)timer->timerfd);
    oskit_stream_release(timer->stream);
}

static struct timerfd_time set(struct timer *timer, uint32_t flags, int64_t value, int64_t interval)
{
    struct timerfd_time time = {value, interval}, old;

    assert_int_equal(timer->timerfd->ops->settime(timer->timerfd, flags, &time, &old), 0);
    return old;
}

static struct timerfd_time get(struct timer *timer)
{
    struct timerfd_time time;

    assert_int_equal(timer->timerfd->ops->gettime(timer->timerfd, &time), 0);
    return time;
}

/* Expiries, or the error. */
static uint64_t take(struct timer *timer)
{
    oskit_u32_t actual;
    uint64_t n = 0;
    oskit_error_t err = oskit_stream_read(timer->stream, &n, sizeof n, &actual);

    assert_int_equal(actual, OSKIT_SUCCEEDED(err) ? sizeof n : 0);
    assert_int_equal(readiness_level(timer->readiness), 0);
    return OSKIT_SUCCEEDED(err) ? n : (uint32_t)err;
}

#define NOTHING ((uint32_t)OSKIT_EWOULDBLOCK)

static void test_once(void **state)
{
    (void)state;
    env_test_clock_manual(true);
    struct timer timer = open_timer(TIMERFD_MONOTONIC);
    assert_int_equal(take(&timer), NOTHING);
    assert_int_equal(set(&timer, 0, 10 * MS, 0).value, 0);
    env_test_clock_advance(9 * MS);
    assert_int_equal(take(&timer), NOTHING);
    assert_int_equal(get(&timer).value, 1 * MS);
    env_test_clock_advance(1 * MS);
    assert_int_equal(readiness_level(timer.readiness), READY_READ);
    assert_int_equal(get(&timer).value, 0);
    assert_int_equal(take(&timer), 1);
    env_test_clock_advance(100 * MS);
    assert_int_equal(take(&timer), NOTHING);
    close_timer(&timer);
}

static bool count_event(struct readiness_waiter *waiter, uint32_t events)
{
    waiter->flags += events << 8;
    return true;
}

/* Stands still until it is looked at; then counts what has passed. */
static void test_periods(void **state)
{
    struct readiness_waiter waiter = {.mask = READY_READ, .notify = count_event};

    (void)state;
    env_test_clock_manual(true);
    struct timer timer = open_timer(TIMERFD_MONOTONIC);
    readiness_add(timer.readiness, &waiter);
    set(&timer, 0, 5 * MS, 10 * MS);
    env_test_clock_advance(47 * MS);
    assert_int_equal(waiter.flags >> 8, 1);
    assert_int_equal(take(&timer), 5);
    assert_int_equal(get(&timer).value, 8 * MS);
    assert_int_equal(get(&timer).interval, 10 * MS);
    env_test_clock_advance(8 * MS);
    assert_int_equal(waiter.flags >> 8, 2);
    assert_int_equal(get(&timer).value, 10 * MS);
    env_test_clock_advance(10 * MS);
    assert_int_equal(waiter.flags >> 8, 3);
    assert_int_equal(take(&timer), 2);
    struct timerfd_time old = set(&timer, 0, 0, 0);
    assert_int_equal(old.value, 10 * MS);
    assert_int_equal(old.interval, 10 * MS);
    env_test_clock_advance(50 * MS);
    assert_int_equal(take(&timer), NOTHING);
    readiness_remove(timer.readiness, &waiter);
    close_timer(&timer);
}

static void test_absolute(void **state)
{
    (void)state;
    env_test_clock_manual(true);
    struct timer timer = open_timer(TIMERFD_MONOTONIC), real = open_timer(TIMERFD_REAL);
    int64_t now = (int64_t)env_time_monotonic(), date = env_time_real();
    set(&timer, TIMERFD_ABSOLUTE, now + 3 * MS, 0);
    set(&real, TIMERFD_ABSOLUTE, date + 4 * MS, 2 * MS);
    env_test_clock_advance(3 * MS);
    assert_int_equal(take(&timer), 1);
    assert_int_equal(take(&real), NOTHING);
    env_test_clock_advance(1 * MS);
    assert_int_equal(take(&real), 1);
    /* The past comes at once, all its periods with it. */
    set(&timer, TIMERFD_ABSOLUTE, now - 5 * MS, 0);
    set(&real, TIMERFD_ABSOLUTE, date - 5 * MS, 2 * MS);
    env_test_clock_advance(0);
    assert_int_equal(take(&timer), 1);
    assert_int_equal(take(&real), 5);
    close_timer(&timer);
    close_timer(&real);
}

static void test_resetting(void **state)
{
    (void)state;
    env_test_clock_manual(true);
    struct timer timer = open_timer(TIMERFD_MONOTONIC);
    struct timerfd_time bad = {-1, 0}, old;
    assert_int_equal(timer.timerfd->ops->settime(timer.timerfd, 0, &bad, &old), OSKIT_E_INVALIDARG);
    set(&timer, 0, 5 * MS, 0);
    env_test_clock_advance(5 * MS);
    assert_int_equal(readiness_level(timer.readiness), READY_READ);
    set(&timer, 0, 5 * MS, 0); /* forgets */
    assert_int_equal(readiness_level(timer.readiness), 0);
    set(&timer, 0, 20 * MS, 0); /* later */
    env_test_clock_advance(10 * MS);
    assert_int_equal(take(&timer), NOTHING);
    set(&timer, 0, INT64_MAX, INT64_MAX); /* the end of time */
    env_test_clock_advance(100 * MS);
    assert_int_equal(take(&timer), NOTHING);
    close_timer(&timer);
}

static void test_clock_set(void **state)
{
    (void)state;
    env_test_clock_manual(true);
    struct timer plain = open_timer(TIMERFD_REAL), canceled = open_timer(TIMERFD_REAL);
    struct timerfd_time time = {env_time_real() + 10 * MS, 0}, old;
    set(&plain, TIMERFD_ABSOLUTE, time.value, 0);
    set(&canceled, TIMERFD_ABSOLUTE | TIMERFD_CANCEL_ON_SET, time.value, 0);
    timerfd_clock_set();
    assert_int_equal(readiness_level(plain.readiness), 0);
    assert_int_equal(readiness_level(canceled.readiness), READY_READ);
    assert_int_equal(take(&canceled), (uint32_t)OSKIT_ECANCELED);
    assert_int_equal(take(&canceled), NOTHING);
    timerfd_clock_set();
    assert_int_equal(canceled.timerfd->ops->settime(
                         canceled.timerfd, TIMERFD_ABSOLUTE | TIMERFD_CANCEL_ON_SET, &time, &old),
                     OSKIT_ECANCELED);
    env_test_clock_advance(10 * MS);
    assert_int_equal(take(&plain), 1);
    assert_int_equal(take(&canceled), 1);
    close_timer(&plain);
    close_timer(&canceled);
}

static void test_transfers(void **state)
{
    unsigned char buffer[16];
    oskit_u32_t actual;

    (void)state;
    env_test_clock_manual(true);
    struct timer timer = open_timer(TIMERFD_MONOTONIC);
    set(&timer, 0, MS, 0);
    env_test_clock_advance(MS);
    assert_int_equal(oskit_stream_read(timer.stream, buffer, 7, &actual), OSKIT_E_INVALIDARG);
    assert_int_equal(oskit_stream_write(timer.stream, buffer, 8, &actual), OSKIT_E_INVALIDARG);
    assert_int_equal(oskit_stream_read(timer.stream, buffer, 16, &actual), 0);
    assert_int_equal(actual, 8);
    close_timer(&timer);
}

static void test_no_memory(void **state)
{
    (void)state;
    ENV_TEST_EACH_FAILURE
    {
        oskit_iunknown_t *object;
        oskit_error_t err = timerfd_new(TIMERFD_REAL, &object);
        assert_int_equal(err, env_test_failed() ? OSKIT_ENOMEM : 0);
        if (object != NULL)
            oskit_iunknown_release(object);
    }
}

/* ---- Threads, on the real clock ---- */

static struct timer shared;
static _Atomic uint64_t ticks;

static void thread_read(void *arg)
{
    oskit_u32_t actual;
    uint64_t n;

    (void)arg;
    while (atomic_load(&ticks) < 200)
        if (OSKIT_SUCCEEDED(oskit_stream_read(shared.stream, &n, sizeof n, &actual)))
            atomic_fetch_add(&ticks, n);
}

static void thread_set(void *arg)
{
    struct timerfd_time time = {MS / 10, MS / 10}, old;

    (void)arg;
    for (int i = 0; i < 50; i++) {
        struct timer other = open_timer(TIMERFD_REAL);
        set(&other, TIMERFD_ABSOLUTE | TIMERFD_CANCEL_ON_SET, env_time_real() + MS / 10, 0);
        timerfd_clock_set();
        close_timer(&other);
        shared.timerfd->ops->settime(shared.timerfd, 0, &time, &old);
    }
}

static void test_threads(void **state)
{
    (void)state;
    shared = open_timer(TIMERFD_REAL);
    atomic_store(&ticks, 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(env_thread_start("read", thread_read, NULL), 0);
        assert_int_equal(env_thread_start("set", thread_set, NULL), 0);
    }
    env_test_join_threads();
    assert_true(ticks >= 200);
    close_timer(&shared);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_once),      HARNESS_TEST(test_periods),   HARNESS_TEST(test_absolute),
        HARNESS_TEST(test_resetting), HARNESS_TEST(test_clock_set), HARNESS_TEST(test_transfers),
        HARNESS_TEST(test_no_memory), HARNESS_TEST(test_threads),
    };

    return cmocka_run_group_tests_name("timerfd", tests, NULL, NULL);
}
