/* eventfd: counting, limits, readiness, listeners, threads. */
#include "harness.h"

#include <oskit/com/stream.h>
#include <oskit/io/asyncio.h>
#include <sluice/eventfd.h>
#include <sluice/readiness.h>
#include <sluice/uio.h>
#include <sluice/vecio.h>

static oskit_stream_t *open_counter(uint64_t count, bool semaphore)
{
    oskit_iunknown_t *object;

    assert_int_equal(eventfd_new(count, semaphore, &object), 0);
    return (oskit_stream_t *)object;
}

static struct readiness *readiness_of(oskit_stream_t *stream)
{
    sluice_pollable_t *pollable = sluice_query_face(stream, &sluice_pollable_iid);
    struct readiness *readiness = pollable->ops->readiness(pollable);

    oskit_iunknown_release((oskit_iunknown_t *)pollable);
    return readiness;
}

static oskit_error_t give(oskit_stream_t *stream, uint64_t n)
{
    oskit_u32_t actual;
    oskit_error_t err = oskit_stream_write(stream, &n, sizeof n, &actual);

    assert_int_equal(actual, OSKIT_SUCCEEDED(err) ? sizeof n : 0);
    return err;
}

/* The number, or the error. */
static uint64_t take(oskit_stream_t *stream)
{
    oskit_u32_t actual;
    uint64_t n = 0;
    oskit_error_t err = oskit_stream_read(stream, &n, sizeof n, &actual);

    assert_int_equal(actual, OSKIT_SUCCEEDED(err) ? sizeof n : 0);
    return OSKIT_SUCCEEDED(err) ? n : (uint32_t)err;
}

static void test_count(void **state)
{
    oskit_stream_t *counter = open_counter(3, false);

    (void)state;
    assert_int_equal(take(counter), 3);
    assert_int_equal(take(counter), (uint32_t)OSKIT_EWOULDBLOCK);
    assert_int_equal(give(counter, 5), 0);
    assert_int_equal(give(counter, 0), 0);
    assert_int_equal(give(counter, 6), 0);
    assert_int_equal(take(counter), 11);
    oskit_stream_release(counter);
}

static void test_semaphore(void **state)
{
    oskit_stream_t *counter = open_counter(2, true);

    (void)state;
    assert_int_equal(take(counter), 1);
    assert_int_equal(give(counter, 1), 0);
    assert_int_equal(take(counter), 1);
    assert_int_equal(take(counter), 1);
    assert_int_equal(take(counter), (uint32_t)OSKIT_EWOULDBLOCK);
    oskit_stream_release(counter);
}

static void test_sizes(void **state)
{
    oskit_stream_t *counter = open_counter(1, false);
    unsigned char buffer[16] = {0};
    oskit_u32_t actual;

    (void)state;
    assert_int_equal(oskit_stream_read(counter, buffer, 7, &actual), OSKIT_E_INVALIDARG);
    assert_int_equal(oskit_stream_write(counter, buffer, 7, &actual), OSKIT_E_INVALIDARG);
    assert_int_equal(oskit_stream_write(counter, buffer, 16, &actual), OSKIT_E_INVALIDARG);
    assert_int_equal(oskit_stream_read(counter, buffer, 16, &actual), 0);
    assert_int_equal(actual, 8);
    assert_int_equal(oskit_stream_seek(counter, 0, OSKIT_SEEK_SET, NULL), OSKIT_ESPIPE);
    oskit_stream_release(counter);
}

static void test_limits(void **state)
{
    oskit_stream_t *counter = open_counter(0, false);
    struct readiness *readiness = readiness_of(counter);

    (void)state;
    assert_int_equal(readiness_level(readiness), READY_WRITE);
    assert_int_equal(give(counter, UINT64_MAX), OSKIT_E_INVALIDARG);
    assert_int_equal(give(counter, EVENTFD_MAX - 1), 0);
    assert_int_equal(readiness_level(readiness), READY_READ | READY_WRITE);
    assert_int_equal(give(counter, 2), OSKIT_EWOULDBLOCK);
    assert_int_equal(give(counter, 1), 0);
    assert_int_equal(readiness_level(readiness), READY_READ);
    assert_int_equal(give(counter, 1), OSKIT_EWOULDBLOCK);
    assert_true(eventfd_add((oskit_iunknown_t *)counter, 100));
    assert_int_equal(readiness_level(readiness), READY_READ | READY_ERR);
    assert_int_equal(give(counter, 0), OSKIT_EWOULDBLOCK);
    assert_true(take(counter) == UINT64_MAX);
    assert_int_equal(readiness_level(readiness), READY_WRITE);
    oskit_stream_release(counter);
}

static bool count_event(struct readiness_waiter *waiter, uint32_t events)
{
    waiter->flags += events << 8;
    return true;
}

/* Each read and write is an event, also when the level stays. */
static void test_events(void **state)
{
    oskit_stream_t *counter = open_counter(0, true);
    struct readiness *readiness = readiness_of(counter);
    struct readiness_waiter waiter = {.mask = READY_READ | READY_WRITE, .notify = count_event};

    (void)state;
    readiness_add(readiness, &waiter);
    assert_int_equal(give(counter, 2), 0);
    assert_int_equal(give(counter, 2), 0);
    assert_int_equal(waiter.flags >> 8, 2 * READY_READ);
    assert_int_equal(take(counter), 1);
    assert_int_equal(take(counter), 1);
    assert_int_equal(waiter.flags >> 8, 2 * READY_READ + 2 * READY_WRITE);
    readiness_remove(readiness, &waiter);
    oskit_stream_release(counter);
}

static void test_asyncio(void **state)
{
    oskit_stream_t *counter = open_counter(0, false);
    oskit_asyncio_t *asyncio = sluice_query_face(counter, &oskit_asyncio_iid);

    (void)state;
    assert_int_equal(oskit_asyncio_poll(asyncio), OSKIT_ASYNCIO_WRITABLE);
    assert_int_equal(oskit_asyncio_readable(asyncio), 0);
    assert_int_equal(give(counter, 9), 0);
    assert_int_equal(oskit_asyncio_poll(asyncio), OSKIT_ASYNCIO_READABLE | OSKIT_ASYNCIO_WRITABLE);
    assert_int_equal(oskit_asyncio_readable(asyncio), 8);
    oskit_asyncio_release(asyncio);
    oskit_stream_release(counter);
}

/* A fault takes nothing in; what was taken out is gone, as on Linux. */
static void test_fault(void **state)
{
    oskit_stream_t *counter = open_counter(0, false);
    sluice_streamvec_t *vec = sluice_query_face(counter, &sluice_streamvec_iid);
    uint64_t n = 7;
    struct sluice_iovec segment = {&n, sizeof n};
    struct sluice_uio uio;
    oskit_size_t moved;

    (void)state;
    env_test_bad_user(&n, sizeof n);
    uio_init(&uio, &segment, 1, true);
    assert_int_equal(vec->ops->writev(vec, &uio, 0, &moved), OSKIT_EFAULT);
    assert_int_equal(take(counter), (uint32_t)OSKIT_EWOULDBLOCK);
    assert_int_equal(give(counter, 1), 0);
    uio_init(&uio, &segment, 1, true);
    assert_int_equal(vec->ops->readv(vec, &uio, 0, &moved), OSKIT_EFAULT);
    assert_int_equal(take(counter), (uint32_t)OSKIT_EWOULDBLOCK);
    env_test_bad_user(NULL, 0);
    /* A write that would block leaves the position alone. */
    assert_int_equal(give(counter, EVENTFD_MAX), 0);
    uio_init(&uio, &segment, 1, true);
    assert_int_equal(vec->ops->writev(vec, &uio, 0, &moved), OSKIT_EWOULDBLOCK);
    assert_int_equal(uio.left, 8);
    oskit_iunknown_release((oskit_iunknown_t *)vec);
    oskit_stream_release(counter);
}

static void test_no_memory(void **state)
{
    (void)state;
    ENV_TEST_EACH_FAILURE
    {
        oskit_iunknown_t *object;
        oskit_error_t err = eventfd_new(0, false, &object);
        assert_int_equal(err, env_test_failed() ? OSKIT_ENOMEM : 0);
        if (object != NULL)
            oskit_iunknown_release(object);
    }
}

/* ---- Threads ---- */

#define ROUNDS 20000u

static oskit_stream_t *shared;
static _Atomic uint64_t taken;

static void thread_give(void *arg)
{
    uint64_t n = (uintptr_t)arg;
    oskit_u32_t actual;

    for (uint32_t i = 0; i < ROUNDS; i++)
        oskit_stream_write(shared, &n, sizeof n, &actual);
}

static void thread_take(void *arg)
{
    oskit_u32_t actual;
    uint64_t n;

    (void)arg;
    while (atomic_load(&taken) < 3 * ROUNDS)
        if (OSKIT_SUCCEEDED(oskit_stream_read(shared, &n, sizeof n, &actual)))
            atomic_fetch_add(&taken, n);
}

static void test_threads(void **state)
{
    (void)state;
    shared = open_counter(0, false);
    atomic_store(&taken, 0);
    for (uintptr_t i = 1; i <= 2; i++) {
        assert_int_equal(env_thread_start("give", thread_give, (void *)i), 0);
        assert_int_equal(env_thread_start("take", thread_take, NULL), 0);
    }
    env_test_join_threads();
    assert_int_equal(taken, 3 * ROUNDS);
    assert_int_equal(take(shared), (uint32_t)OSKIT_EWOULDBLOCK);
    oskit_stream_release(shared);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_count),  HARNESS_TEST(test_semaphore), HARNESS_TEST(test_sizes),
        HARNESS_TEST(test_limits), HARNESS_TEST(test_events),    HARNESS_TEST(test_asyncio),
        HARNESS_TEST(test_fault),  HARNESS_TEST(test_no_memory), HARNESS_TEST(test_threads),
    };

    return cmocka_run_group_tests_name("eventfd", tests, NULL, NULL);
}
