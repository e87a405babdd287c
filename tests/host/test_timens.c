/* Conversions between nanoseconds and the ABI's structures of time, at the ends of their ranges. */
#include "harness.h"

#include "kernel/abi/timens.h"

static void test_from_ns(void **state)
{
    static const struct {
        int64_t ns, seconds, rest;
    } cases[] = {{0, 0, 0},
                 {1, 0, 1},
                 {999999999, 0, 999999999},
                 {1000000000, 1, 0},
                 {-1, -1, 999999999},
                 {-1000000000, -1, 0},
                 {-1000000001, -2, 999999999},
                 {INT64_MAX, 9223372036, 854775807},
                 {INT64_MIN, -9223372037, 145224192}};

    (void)state;
    for (size_t n = 0; n < sizeof cases / sizeof *cases; n++) {
        struct abi_timespec spec = timespec_from_ns(cases[n].ns);
        struct abi_timeval value = timeval_from_ns(cases[n].ns);
        assert_true(spec.tv_sec == cases[n].seconds && spec.tv_nsec == cases[n].rest);
        assert_true(value.tv_sec == spec.tv_sec && value.tv_usec == spec.tv_nsec / 1000);
        if (cases[n].ns >= 0)
            assert_true(timespec_valid(&spec) && timespec_ns(&spec) == cases[n].ns);
    }
}

static void test_valid(void **state)
{
    (void)state;
    assert_true(timespec_valid(&(struct abi_timespec){INT64_MAX, 999999999}));
    assert_false(timespec_valid(&(struct abi_timespec){0, 1000000000}));
    assert_false(timespec_valid(&(struct abi_timespec){0, -1}));
    assert_false(timespec_valid(&(struct abi_timespec){-1, 0}));
    assert_true(timeval_valid(&(struct abi_timeval){0, 999999}));
    assert_false(timeval_valid(&(struct abi_timeval){0, 1000000}));
    assert_false(timeval_valid(&(struct abi_timeval){-1, 0}));
    assert_false(timeval_valid(&(struct abi_timeval){0, INT64_MIN}));
}

static void test_ends(void **state)
{
    (void)state;
    assert_true(timespec_ns(&(struct abi_timespec){9223372036, 854775807}) == INT64_MAX);
    assert_true(timespec_ns(&(struct abi_timespec){9223372036, 854775808}) == INT64_MAX);
    assert_true(timespec_ns(&(struct abi_timespec){INT64_MAX, 0}) == INT64_MAX);
    assert_true(timespec_delay(&(struct abi_timespec){3, 4}) == 3000000004);
    assert_true(timespec_delay(&(struct abi_timespec){INT64_MAX, 0}) == TIME_FAR);
    assert_true(timeval_delay(&(struct abi_timeval){3, 4}) == 3000004000);
    assert_true(timeval_delay(&(struct abi_timeval){INT64_MAX, 999999}) == TIME_FAR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_from_ns),
        HARNESS_TEST(test_valid),
        HARNESS_TEST(test_ends),
    };

    return cmocka_run_group_tests_name("timens", tests, NULL, NULL);
}
