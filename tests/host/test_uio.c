/* uio: segments, positions, faults. */
#include "harness.h"

#include <sluice/uio.h>

static char text[] = "abcdefghijklmnopqrstuvwxyz";

struct shape {
    const char *name;
    size_t lengths[5]; /* ended by SIZE_MAX */
    size_t pieces[5];  /* moved one call after another; ended by 0 */
};

static const struct shape shapes[] = {
    {"one segment", {26, SIZE_MAX}, {26}},
    {"piecewise", {26, SIZE_MAX}, {1, 5, 20}},
    {"two, at the seam", {13, 13, SIZE_MAX}, {13, 13}},
    {"two, across the seam", {10, 16, SIZE_MAX}, {9, 2, 15}},
    {"empty ones between", {0, 5, 0, 21, SIZE_MAX}, {5, 21}},
    {"empty at the end", {26, 0, SIZE_MAX}, {25, 1}},
    {"asks for more than is left", {3, 4, SIZE_MAX}, {5, 100}},
};

static size_t shape_build(const struct shape *shape, struct sluice_iovec *iov, char *memory)
{
    size_t count = 0;

    for (; shape->lengths[count] != SIZE_MAX; count++) {
        iov[count] = (struct sluice_iovec){memory, shape->lengths[count]};
        memory += shape->lengths[count];
    }
    return count;
}

static void move_shape(const struct shape *shape, bool user, bool out)
{
    struct sluice_iovec iov[5];
    struct sluice_uio uio;
    char memory[32] = {0}, buffer[32] = {0};
    size_t at = 0;

    if (out)
        memcpy(memory, text, sizeof text);
    uio_init(&uio, iov, shape_build(shape, iov, memory), user);
    size_t total = uio.left;
    for (size_t i = 0; i < 5 && shape->pieces[i] != 0; i++) {
        size_t moved, expected = shape->pieces[i] < uio.left ? shape->pieces[i] : uio.left;
        oskit_error_t err = out ? uio_read_from(&uio, buffer + at, shape->pieces[i], &moved)
                                : uio_write_to(&uio, text + at, shape->pieces[i], &moved);
        assert_int_equal(err, 0);
        assert_int_equal(moved, expected);
        at += moved;
    }
    assert_int_equal(at, total);
    assert_int_equal(uio.left, 0);
    assert_memory_equal(out ? buffer : memory, text, total);
}

static void test_shapes(void **state)
{
    (void)state;
    for (size_t i = 0; i < SLUICE_COUNT(shapes); i++) {
        for (int how = 0; how < 4; how++)
            move_shape(&shapes[i], how & 1, how & 2);
    }
}

static void test_zero(void **state)
{
    (void)state;
    char memory[16];
    struct sluice_iovec iov[2] = {{memory, 6}, {memory + 6, 4}};
    struct sluice_uio uio;
    size_t moved;

    for (int user = 0; user < 2; user++) {
        memset(memory, 'x', sizeof memory);
        uio_init(&uio, iov, 2, user);
        assert_int_equal(uio_zero(&uio, 8, &moved), 0);
        assert_int_equal(moved, 8);
        assert_int_equal(uio.left, 2);
        assert_memory_equal(memory, "\0\0\0\0\0\0\0\0xxxx", 12);
    }
}

static void test_skip(void **state)
{
    (void)state;
    struct sluice_iovec iov[3] = {{text, 4}, {text + 4, 0}, {text + 4, 6}};
    char got[8];
    size_t moved;

    for (size_t skip = 0; skip <= 10; skip++) {
        struct sluice_uio uio;
        uio_init(&uio, iov, 3, false);
        uio_skip(&uio, skip);
        assert_int_equal(uio.left, 10 - skip);
        assert_int_equal(uio_read_from(&uio, got, 1, &moved), 0);
        assert_int_equal(moved, skip < 10);
        if (moved)
            assert_int_equal(got[0], text[skip]);
    }
}

/* A look takes nothing, in one segment and beyond it, also where a segment is just used up. */
static void test_peek(void **state)
{
    (void)state;
    struct sluice_iovec iov[3] = {{text, 4}, {text + 4, 0}, {text + 4, 6}};
    char got[16];
    size_t moved;

    for (size_t at = 0; at <= 10; at++)
        for (size_t size = 0; size <= 12; size++) {
            size_t wanted = size < 10 - at ? size : 10 - at;
            struct sluice_uio uio;
            uio_init(&uio, iov, 3, false);
            uio_skip(&uio, at);
            assert_int_equal(uio_peek(&uio, got, size, &moved), 0);
            assert_int_equal(moved, wanted);
            assert_int_equal(uio.left, 10 - at);
            assert_memory_equal(got, text + at, wanted);
            assert_int_equal(uio_read_from(&uio, got, 12, &moved), 0);
            assert_int_equal(moved, 10 - at);
            assert_memory_equal(got, text + at, moved);
        }
}

/* A caller may show less than there is, and the rest afterwards. */
static void test_narrowed(void **state)
{
    (void)state;
    struct sluice_iovec iov[3] = {{text, 4}, {text + 4, 0}, {text + 4, 6}};
    char got[16];
    size_t moved;

    for (size_t shown = 0; shown <= 10; shown++)
        for (int skip = 0; skip < 2; skip++) {
            struct sluice_uio uio;
            uio_init(&uio, iov, 3, false);
            uio.left = shown;
            if (skip)
                uio_skip(&uio, shown);
            else
                assert_int_equal(uio_read_from(&uio, got, sizeof got, &moved), 0);
            assert_int_equal(uio.left, 0);
            uio.left = 10 - shown;
            assert_int_equal(uio_read_from(&uio, got, sizeof got, &moved), 0);
            assert_int_equal(moved, 10 - shown);
            assert_memory_equal(got, text + shown, moved);
        }
}

/* A fault counts what moved before it, leaves the position there, and comes again. */
static void test_fault(void **state)
{
    (void)state;
    char memory[20] = {0};
    struct sluice_iovec iov[2] = {{memory, 8}, {memory + 8, 12}};
    struct sluice_uio uio;
    size_t moved;

    for (size_t bad = 0; bad < 20; bad++) {
        env_test_bad_user(memory + bad, 1);
        uio_init(&uio, iov, 2, true);
        assert_int_equal(uio_write_to(&uio, text, 20, &moved), OSKIT_EFAULT);
        assert_int_equal(moved, bad);
        assert_int_equal(uio.left, 20 - bad);
        assert_memory_equal(memory, text, bad);
        assert_int_equal(uio_zero(&uio, 20, &moved), OSKIT_EFAULT);
        assert_int_equal(moved, 0);
        env_test_bad_user(NULL, 0);
        assert_int_equal(uio_write_to(&uio, text + bad, 20, &moved), 0);
        assert_int_equal(moved, 20 - bad);
        assert_memory_equal(memory, text, 20);
    }
    /* Kernel memory is never checked. */
    env_test_bad_user(memory, 20);
    uio_init(&uio, iov, 2, false);
    assert_int_equal(uio_zero(&uio, 20, &moved), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_shapes), HARNESS_TEST(test_zero),     HARNESS_TEST(test_skip),
        HARNESS_TEST(test_peek),   HARNESS_TEST(test_narrowed), HARNESS_TEST(test_fault),
    };
    return cmocka_run_group_tests_name("uio", tests, NULL, NULL);
}
