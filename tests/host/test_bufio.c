/* Buffers: bytes, mapping, pins and who ends them, copies, the interfaces they answer. */
#include "harness.h"

#include <oskit/io/absio.h>
#include <oskit/io/blkio.h>
#include <oskit/io/bufio.h>
#include <sluice/uio.h>
#include <sluice/vecio.h>

static void test_new_buffer_is_zeroed_and_of_its_size(void **state)
{
    static const oskit_size_t sizes[] = {0, 1, 4095, 4096, 4097, 70000};
    (void)state;
    for (size_t i = 0; i < SLUICE_COUNT(sizes); i++) {
        oskit_bufio_t *io = oskit_bufio_create(sizes[i]);
        oskit_off_t size;
        unsigned char *p;
        assert_non_null(io);
        assert_int_equal(oskit_bufio_getsize(io, &size), 0);
        assert_int_equal(size, sizes[i]);
        assert_int_equal(oskit_bufio_map(io, (void **)&p, 0, sizes[i]), 0);
        for (size_t j = 0; j < sizes[i]; j++)
            assert_int_equal(p[j], 0);
        assert_int_equal(oskit_bufio_unmap(io, p, 0, sizes[i]), 0);
        assert_int_equal(oskit_bufio_release(io), 0);
    }
    assert_null(oskit_bufio_create(SIZE_MAX));
    assert_null(oskit_create_extern_bufio(state, SIZE_MAX, NULL, NULL));
}

static void test_read_and_write_stop_at_the_end(void **state)
{
    oskit_bufio_t *io = oskit_bufio_create(10);
    oskit_size_t actual = 99;
    char back[16] = {0};

    (void)state;
    assert_int_equal(oskit_bufio_write(io, "0123456789abcdef", 4, 16, &actual), 0);
    assert_int_equal(actual, 6);
    assert_int_equal(oskit_bufio_read(io, back, 2, 16, &actual), 0);
    assert_int_equal(actual, 8);
    assert_memory_equal(back,
                        "\0\0"
                        "012345",
                        8);
    assert_int_equal(oskit_bufio_read(io, back, 10, 1, &actual), 0);
    assert_int_equal(actual, 0);
    assert_int_equal(oskit_bufio_read(io, back, INT64_MAX, SIZE_MAX, &actual), 0);
    assert_int_equal(actual, 0);
    assert_int_equal(oskit_bufio_write(io, "x", 10, 1, &actual), OSKIT_ENOSPC);
    assert_int_equal(oskit_bufio_write(io, "x", 10, 0, &actual), 0);
    assert_int_equal(oskit_bufio_write(io, "x", -1, 1, &actual), OSKIT_E_INVALIDARG);
    assert_int_equal(oskit_bufio_read(io, back, INT64_MIN, 1, &actual), OSKIT_E_INVALIDARG);
    assert_int_equal(actual, 0);
    assert_int_equal(oskit_bufio_setsize(io, 20), OSKIT_E_NOTIMPL);
    oskit_bufio_release(io);
}

static void test_ranges_of_map_and_wire_are_checked(void **state)
{
    static const struct {
        oskit_off_t offset;
        oskit_size_t count;
        oskit_error_t answer;
    } cases[] = {
        {0, 100, 0},
        {40, 60, 0},
        {100, 0, 0},
        {0, 101, OSKIT_E_INVALIDARG},
        {100, 1, OSKIT_E_INVALIDARG},
        {101, 0, OSKIT_E_INVALIDARG},
        {-1, 1, OSKIT_E_INVALIDARG},
        {1, SIZE_MAX, OSKIT_E_INVALIDARG},
        {INT64_MAX, SIZE_MAX, OSKIT_E_INVALIDARG},
        {INT64_MIN, 1, OSKIT_E_INVALIDARG},
    };
    oskit_bufio_t *io = oskit_bufio_create(100), *copy;
    oskit_addr_t address;
    void *p;

    (void)state;
    for (size_t i = 0; i < SLUICE_COUNT(cases); i++) {
        oskit_off_t offset = cases[i].offset;
        oskit_size_t count = cases[i].count;
        p = &p;
        assert_int_equal(oskit_bufio_map(io, &p, offset, count), cases[i].answer);
        assert_true((p != NULL) == (cases[i].answer == 0));
        address = 1;
        assert_int_equal(oskit_bufio_wire(io, &address, offset, count), cases[i].answer);
        assert_true((address != 0) == (cases[i].answer == 0));
        if (address != 0)
            assert_int_equal(oskit_bufio_unwire(io, address, offset, count), 0);
        assert_int_equal(oskit_bufio_copy(io, offset, count, &copy), cases[i].answer);
        if (copy != NULL)
            oskit_bufio_release(copy);
    }
    assert_int_equal(oskit_bufio_release(io), 0);
}

static void test_wire_gives_the_address_of_the_bytes(void **state)
{
    oskit_bufio_t *io = oskit_bufio_create(8192);
    oskit_addr_t address;
    char *p;

    (void)state;
    assert_int_equal(oskit_bufio_map(io, (void **)&p, 0, 8192), 0);
    assert_int_equal(oskit_bufio_wire(io, &address, 5000, 10), 0);
    assert_true(address == env_dma_address(p) + 5000);
    assert_int_equal(oskit_bufio_unwire(io, address + 1, 5000, 10), OSKIT_E_INVALIDARG);
    assert_int_equal(oskit_bufio_unwire(io, address, 5000, 10), 0);
    assert_int_equal(oskit_bufio_unwire(io, address, 5000, 10), OSKIT_E_INVALIDARG);
    assert_int_equal(oskit_bufio_unmap(io, p + 1, 0, 8192), OSKIT_E_INVALIDARG);
    oskit_bufio_release(io);
}

struct freed {
    int times;
    void *buf;
};

static void note_free(void *cookie, void *buf)
{
    struct freed *freed = cookie;
    freed->times++;
    freed->buf = buf;
}

static void test_last_release_waits_for_the_last_unwire(void **state)
{
    char *bytes = env_page_alloc(0, 0);
    struct freed freed = {0, NULL};
    oskit_bufio_t *io = oskit_create_wirable_bufio(bytes, 4096, note_free, &freed);
    oskit_addr_t one, two;

    (void)state;
    assert_int_equal(oskit_bufio_wire(io, &one, 0, 100), 0);
    assert_int_equal(oskit_bufio_wire(io, &two, 100, 100), 0);
    assert_true(oskit_bufio_release(io) > 0);
    assert_int_equal(freed.times, 0);
    assert_int_equal(oskit_bufio_unwire(io, one, 0, 100), 0);
    assert_int_equal(freed.times, 0);
    env_test_interrupt_enter(); /* as a driver would, when its device is done */
    assert_int_equal(oskit_bufio_unwire(io, two, 100, 100), 0);
    env_test_interrupt_leave();
    assert_int_equal(freed.times, 1);
    assert_ptr_equal(freed.buf, bytes);
    env_page_unref(bytes);
}

static void test_extern_buffer(void **state)
{
    char bytes[32] = "somebody else's";
    struct freed freed = {0, NULL};
    oskit_bufio_t *io = oskit_create_extern_bufio(bytes, sizeof bytes, note_free, &freed);
    oskit_addr_t address = 1;
    void *p;

    (void)state;
    assert_int_equal(oskit_bufio_map(io, &p, 9, 4), 0);
    assert_ptr_equal(p, bytes + 9);
    assert_int_equal(oskit_bufio_wire(io, &address, 0, 4), OSKIT_E_NOTIMPL);
    assert_int_equal(address, 0);
    assert_int_equal(oskit_bufio_unwire(io, 0, 0, 4), OSKIT_E_INVALIDARG);
    assert_int_equal(oskit_bufio_release(io), 0);
    assert_int_equal(freed.times, 1);
    io = oskit_create_extern_bufio(bytes, sizeof bytes, NULL, NULL);
    assert_int_equal(oskit_bufio_release(io), 0);
}

static void test_copy_is_independent(void **state)
{
    oskit_bufio_t *io = oskit_bufio_create(100), *copy;
    oskit_size_t actual;
    oskit_off_t size;
    char back[5];

    (void)state;
    oskit_bufio_write(io, "hello", 20, 5, &actual);
    assert_int_equal(oskit_bufio_copy(io, 20, 5, &copy), 0);
    oskit_bufio_write(io, "xxxxx", 20, 5, &actual);
    oskit_bufio_release(io);
    assert_int_equal(oskit_bufio_getsize(copy, &size), 0);
    assert_int_equal(size, 5);
    oskit_bufio_read(copy, back, 0, 5, &actual);
    assert_memory_equal(back, "hello", 5);
    oskit_bufio_release(copy);
}

static void test_answers_absio_and_blkio_by_one_table(void **state)
{
    oskit_bufio_t *io = oskit_bufio_create(100);
    oskit_absio_t *absio;
    oskit_blkio_t *blkio;
    oskit_size_t actual;

    (void)state;
    assert_int_equal(oskit_bufio_query(io, &oskit_absio_iid, (void **)&absio), 0);
    assert_int_equal(oskit_bufio_query(io, &oskit_blkio_iid, (void **)&blkio), 0);
    assert_ptr_equal(absio->ops, blkio->ops);
    assert_int_equal(oskit_blkio_getblocksize(blkio), 1);
    assert_int_equal(oskit_absio_write(absio, "x", 7, 1, &actual), 0);
    char x = 0;
    assert_int_equal(oskit_blkio_read(blkio, &x, 7, 1, &actual), 0);
    assert_int_equal(x, 'x');
    oskit_absio_release(absio);
    oskit_blkio_release(blkio);
    oskit_bufio_release(io);
}

static void test_absvec(void **state)
{
    oskit_bufio_t *io = oskit_bufio_create(10);
    sluice_absvec_t *vec = sluice_query_face(io, &sluice_absvec_iid);
    char a[3] = "abc", b[20] = "defghijklmnopqrstuv";
    struct sluice_iovec iov[2] = {{a, 3}, {b, 20}};
    struct sluice_uio uio;
    oskit_size_t actual;
    oskit_off_t end;

    (void)state;
    uio_init(&uio, iov, 2, false);
    assert_int_equal(vec->ops->pwritev(vec, &uio, 2, 0, &actual, &end), 0);
    assert_int_equal(actual, 8);
    assert_int_equal(end, 10);
    assert_int_equal(uio.left, 15);
    assert_int_equal(vec->ops->pwritev(vec, &uio, 10, 0, &actual, &end), OSKIT_ENOSPC);
    assert_int_equal(vec->ops->pwritev(vec, &uio, 0, VECIO_APPEND, &actual, NULL), OSKIT_ENOSPC);
    assert_int_equal(vec->ops->pwritev(vec, &uio, -1, 0, &actual, NULL), OSKIT_E_INVALIDARG);
    memset(a, 0, sizeof a);
    memset(b, 0, sizeof b);
    uio_init(&uio, iov, 2, false);
    assert_int_equal(vec->ops->preadv(vec, &uio, 2, 0, &actual), 0);
    assert_int_equal(actual, 8);
    assert_memory_equal(a, "abc", 3);
    assert_memory_equal(b, "defgh\0", 6);
    assert_int_equal(vec->ops->preadv(vec, &uio, 10, 0, &actual), 0);
    assert_int_equal(actual, 0);
    assert_int_equal(vec->ops->preadv(vec, &uio, -1, 0, &actual), OSKIT_E_INVALIDARG);
    vec->ops->release(vec);
    oskit_bufio_release(io);
}

static void test_absvec_stops_at_bad_user_memory(void **state)
{
    oskit_bufio_t *io = oskit_bufio_create(100);
    sluice_absvec_t *vec = sluice_query_face(io, &sluice_absvec_iid);
    char user[100] = {0};
    struct sluice_iovec iov = {user, sizeof user};
    struct sluice_uio uio;
    oskit_size_t actual;

    (void)state;
    env_test_bad_user(user + 40, 1);
    uio_init(&uio, &iov, 1, true);
    assert_int_equal(vec->ops->preadv(vec, &uio, 0, 0, &actual), 0);
    assert_int_equal(actual, 40);
    assert_int_equal(vec->ops->preadv(vec, &uio, 40, 0, &actual), OSKIT_EFAULT);
    assert_int_equal(actual, 0);
    uio_init(&uio, &iov, 1, true);
    assert_int_equal(vec->ops->pwritev(vec, &uio, 0, 0, &actual, NULL), 0);
    assert_int_equal(actual, 40);
    assert_int_equal(vec->ops->pwritev(vec, &uio, 40, 0, &actual, NULL), OSKIT_EFAULT);
    vec->ops->release(vec);
    oskit_bufio_release(io);
}

static void test_no_memory(void **state)
{
    (void)state;
    ENV_TEST_EACH_FAILURE
    {
        oskit_bufio_t *io = oskit_bufio_create(5000), *copy = NULL;
        if (io == NULL) {
            assert_true(env_test_failed());
            continue;
        }
        oskit_error_t error = oskit_bufio_copy(io, 0, 10, &copy);
        assert_int_equal(error, env_test_failed() ? OSKIT_E_OUTOFMEMORY : 0);
        if (copy != NULL)
            oskit_bufio_release(copy);
        oskit_bufio_release(io);
    }
    ENV_TEST_EACH_FAILURE
    {
        struct freed freed = {0, NULL};
        oskit_bufio_t *io = oskit_create_extern_bufio(&freed, 1, note_free, &freed);
        assert_true((io == NULL) == env_test_failed());
        assert_int_equal(freed.times, 0);
        if (io != NULL)
            oskit_bufio_release(io);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_new_buffer_is_zeroed_and_of_its_size),
        HARNESS_TEST(test_read_and_write_stop_at_the_end),
        HARNESS_TEST(test_ranges_of_map_and_wire_are_checked),
        HARNESS_TEST(test_wire_gives_the_address_of_the_bytes),
        HARNESS_TEST(test_last_release_waits_for_the_last_unwire),
        HARNESS_TEST(test_extern_buffer),
        HARNESS_TEST(test_copy_is_independent),
        HARNESS_TEST(test_answers_absio_and_blkio_by_one_table),
        HARNESS_TEST(test_absvec),
        HARNESS_TEST(test_absvec_stops_at_bad_user_memory),
        HARNESS_TEST(test_no_memory),
    };
    return cmocka_run_group_tests_name("bufio", tests, NULL, NULL);
}
