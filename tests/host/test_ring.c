/* The byte ring: contents at every position, uio, faults, one producer against one consumer. */
#include "harness.h"

#include <sluice/ring.h>

static void test_sizes(void **state)
{
    (void)state;
    struct ring ring;

    for (unsigned order = 0; order < 4; order++) {
        assert_int_equal(ring_init(&ring, order), 0);
        assert_int_equal(ring.size, ENV_PAGE_SIZE << order);
        assert_int_equal(ring_used(&ring), 0);
        assert_int_equal(ring_space(&ring), ring.size);
        ring_fini(&ring);
        ring_fini(&ring);
    }
    assert_int_equal(ring_init(&ring, 20), OSKIT_E_INVALIDARG);
    env_test_fail_after(1);
    assert_int_equal(ring_init(&ring, 0), OSKIT_ENOMEM);
    ring_fini(&ring);
}

/* Brings the positions to START, across the wrap of the memory and of the 32-bit counters. */
static void ring_start_at(struct ring *ring, uint32_t start)
{
    assert_int_equal(ring_init(ring, 0), 0);
    atomic_store(&ring->read, start);
    atomic_store(&ring->write, start);
}

static void test_fill_and_drain(void **state)
{
    (void)state;
    static const uint32_t starts[] = {0, 1, 4095, 4096, 5000, UINT32_MAX - 10, UINT32_MAX};
    static unsigned char in[5000], out[5000];

    for (size_t i = 0; i < sizeof in; i++)
        in[i] = (unsigned char)(i * 7 + i / 251);
    for (size_t i = 0; i < SLUICE_COUNT(starts); i++) {
        struct ring ring;
        ring_start_at(&ring, starts[i]);
        assert_int_equal(ring_write(&ring, in, sizeof in), 4096);
        assert_int_equal(ring_space(&ring), 0);
        assert_false(ring_put(&ring, 1));
        assert_int_equal(ring_peek(&ring, 4095), in[4095]);
        assert_int_equal(ring_read(&ring, out, 1000), 1000);
        assert_int_equal(ring_write(&ring, in + 4096, 904), 904);
        assert_int_equal(ring_used(&ring), 4000);
        assert_int_equal(ring_read(&ring, out + 1000, sizeof out), 4000);
        assert_memory_equal(in, out, sizeof in);
        assert_int_equal(ring_get(&ring), -1);
        ring_fini(&ring);
    }
}

static void test_single_bytes(void **state)
{
    (void)state;
    struct ring ring;

    ring_start_at(&ring, UINT32_MAX - 2);
    for (int i = 0; i < 5; i++)
        assert_true(ring_put(&ring, (unsigned char)('a' + i)));
    ring_unput(&ring, 2);
    ring_skip(&ring, 1);
    assert_int_equal(ring_get(&ring), 'b');
    assert_int_equal(ring_get(&ring), 'c');
    assert_int_equal(ring_get(&ring), -1);
    ring_fini(&ring);
}

static void test_front(void **state)
{
    (void)state;
    struct ring ring;
    const unsigned char *front;

    ring_start_at(&ring, 4094);
    assert_int_equal(ring_front(&ring, &front), 0);
    assert_int_equal(ring_write(&ring, "abcde", 5), 5);
    assert_int_equal(ring_front(&ring, &front), 2);
    assert_memory_equal(front, "ab", 2);
    ring_skip(&ring, 2);
    assert_int_equal(ring_front(&ring, &front), 3);
    assert_memory_equal(front, "cde", 3);
    ring_fini(&ring);
}

/* A fault leaves in the ring what was not copied, wherever the seam is. */
static void test_uio_fault(void **state)
{
    (void)state;
    char memory[10], text[] = "0123456789";
    struct sluice_iovec iov = {memory, 10};
    struct sluice_uio uio;
    size_t moved;

    for (uint32_t start = 4086; start <= 4096; start++) {
        for (size_t bad = 0; bad < 10; bad++) {
            struct ring ring;
            ring_start_at(&ring, start);
            memcpy(memory, text, 10);
            env_test_bad_user(memory + bad, 1);
            uio_init(&uio, &iov, 1, true);
            assert_int_equal(ring_write_from(&ring, &uio, 10, &moved), OSKIT_EFAULT);
            assert_int_equal(moved, bad);
            assert_int_equal(ring_used(&ring), bad);
            env_test_bad_user(NULL, 0);
            assert_int_equal(ring_write_from(&ring, &uio, 10, &moved), 0);
            assert_int_equal(ring_used(&ring), 10);

            memset(memory, 0, 10);
            env_test_bad_user(memory + bad, 1);
            uio_init(&uio, &iov, 1, true);
            assert_int_equal(ring_read_to(&ring, &uio, 10, &moved), OSKIT_EFAULT);
            assert_int_equal(ring_used(&ring), 10 - bad);
            env_test_bad_user(NULL, 0);
            assert_int_equal(ring_read_to(&ring, &uio, 10, &moved), 0);
            assert_memory_equal(memory, text, 10);
            ring_fini(&ring);
        }
    }
}

#define STREAM_BYTES 300000u

/* The producer runs as an interrupt handler would: single bytes and bursts. */
static void producer(void *arg)
{
    struct ring *ring = arg;
    unsigned char burst[100];
    uint32_t next = 0;

    while (next < STREAM_BYTES) {
        size_t size = next % 3 == 0 ? 1 : next % 100 + 1;
        if (size > STREAM_BYTES - next)
            size = STREAM_BYTES - next;
        for (size_t i = 0; i < size; i++)
            burst[i] = (unsigned char)((next + i) * 31 >> 3);
        next += size == 1 ? ring_put(ring, burst[0]) : (uint32_t)ring_write(ring, burst, size);
    }
}

static void test_two_threads(void **state)
{
    (void)state;
    struct ring ring;
    unsigned char out[333];
    uint32_t got = 0;

    ring_start_at(&ring, UINT32_MAX - 1000);
    assert_int_equal(env_thread_start("producer", producer, &ring), 0);
    while (got < STREAM_BYTES) {
        size_t here = ring_read(&ring, out, sizeof out);
        for (size_t i = 0; i < here; i++)
            assert_int_equal(out[i], (unsigned char)((got + i) * 31 >> 3));
        got += (uint32_t)here;
    }
    env_test_join_threads();
    assert_int_equal(ring_used(&ring), 0);
    ring_fini(&ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_sizes),        HARNESS_TEST(test_fill_and_drain),
        HARNESS_TEST(test_single_bytes), HARNESS_TEST(test_front),
        HARNESS_TEST(test_uio_fault),    HARNESS_TEST(test_two_threads),
    };
    return cmocka_run_group_tests_name("ring", tests, NULL, NULL);
}
