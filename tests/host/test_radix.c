/* Sparse arrays against a plain one. */
#include "harness.h"
#include <sluice/radix.h>

#define COUNT 512

static oskit_u64_t place(unsigned i)
{
    static const oskit_u64_t spread[] = {0,      1,          62,         4095,
                                         262143, 1ull << 40, 1ull << 63, UINT64_MAX - 600};

    return spread[i / 64] + i % 64 * (i % 3 + 1);
}

static void put(struct radix *r, oskit_u64_t index, void *item)
{
    struct radix_pool pool = {0};

    assert_int_equal(radix_pool_fill(&pool, radix_need(r, index)), OSKIT_SUCCESS);
    radix_put(r, index, item, &pool);
    radix_pool_drain(&pool);
}

static void *take(struct radix *r, oskit_u64_t index)
{
    struct radix_pool pool = {0};
    void *item = radix_remove(r, index, &pool);

    radix_pool_drain(&pool);
    return item;
}

static void compare(const struct radix *r, const bool *in)
{
    oskit_u64_t at = 0;
    unsigned seen = 0, want = 0;

    for (unsigned i = 0; i < COUNT; i++)
        want += in[i];
    for (void *item; (item = radix_next(r, &at)); at++, seen++) {
        assert_int_equal(at, place((unsigned)(uintptr_t)item - 1));
        assert_true(in[(uintptr_t)item - 1]);
        if (at == UINT64_MAX)
            break;
    }
    assert_int_equal(seen, want);
}

static void test_random(void **state)
{
    (void)state;
    struct radix r = {0};
    bool in[COUNT] = {false};
    unsigned seed = 42;

    for (unsigned i = 0; i < COUNT; i++) /* each place once */
        for (unsigned j = 0; j < i; j++)
            in[i] = in[i] || place(i) == place(j);
    bool twice[COUNT];
    memcpy(twice, in, sizeof twice);
    memset(in, 0, sizeof in);
    for (int round = 0; round < 20000; round++) {
        seed = seed * 1103515245u + 12345u;
        unsigned i = (seed >> 10) % COUNT;

        if (twice[i])
            continue;
        void *item = (void *)(uintptr_t)(i + 1);
        assert_ptr_equal(radix_get(&r, place(i)), in[i] ? item : NULL);
        if (in[i])
            assert_ptr_equal(take(&r, place(i)), item);
        else
            put(&r, place(i), item);
        in[i] = !in[i];
        if (round % 1000 == 0)
            compare(&r, in);
    }
    for (unsigned i = 0; i < COUNT; i++)
        if (in[i])
            assert_non_null(take(&r, place(i)));
    assert_null(r.root); /* no node is left */
}

static void test_edges(void **state)
{
    (void)state;
    struct radix r = {0};
    oskit_u64_t at = 0;
    int a, b;

    assert_null(radix_get(&r, 0));
    assert_null(radix_next(&r, &at));
    assert_null(take(&r, 5));
    assert_int_equal(radix_need(&r, 0), 0);
    put(&r, 0, &a); /* one item needs no node */
    assert_ptr_equal(radix_get(&r, 0), &a);
    assert_null(radix_get(&r, 1));
    put(&r, UINT64_MAX, &b);
    assert_ptr_equal(radix_get(&r, 0), &a);
    at = 1;
    assert_ptr_equal(radix_next(&r, &at), &b);
    assert_int_equal(at, UINT64_MAX);
    assert_ptr_equal(take(&r, 0), &a);
    assert_ptr_equal(take(&r, UINT64_MAX), &b);
    assert_null(r.root);
    put(&r, 7, &a); /* tall as it was */
    assert_ptr_equal(take(&r, 7), &a);
}

static void test_failures(void **state)
{
    (void)state;
    struct radix r = {0};
    int a;

    ENV_TEST_EACH_FAILURE
    {
        struct radix_pool pool = {0};
        oskit_error_t err = radix_pool_fill(&pool, radix_need(&r, 1ull << 50));

        if (OSKIT_SUCCEEDED(err)) {
            radix_put(&r, 1ull << 50, &a, &pool);
            assert_ptr_equal(radix_remove(&r, 1ull << 50, &pool), &a);
        } else {
            assert_true(env_test_failed());
        }
        radix_pool_drain(&pool);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_random),
        HARNESS_TEST(test_edges),
        HARNESS_TEST(test_failures),
    };
    return cmocka_run_group_tests_name("radix", tests, NULL, NULL);
}
