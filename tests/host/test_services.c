/* The registries: the global one, the objects, the call context. */
#include "harness.h"

#include <oskit/com/listener.h>
#include <oskit/com/services.h>
#include <oskit/io/absio.h>
#include <oskit/io/bufio.h>

static void test_register_and_look_up(void **state)
{
    oskit_bufio_t *a = oskit_bufio_create(1), *b = oskit_bufio_create(2);
    void **all, *first;

    (void)state;
    assert_int_equal(oskit_lookup_first(&oskit_bufio_iid, &first), 0);
    assert_null(first);
    assert_int_equal(oskit_lookup(&oskit_bufio_iid, &all), 0);
    assert_null(all);
    assert_int_equal(oskit_register(&oskit_bufio_iid, a), 0);
    assert_int_equal(oskit_register(&oskit_bufio_iid, b), 0);
    assert_int_equal(oskit_register(&oskit_absio_iid, b), 0);
    assert_int_equal(oskit_lookup(&oskit_bufio_iid, &all), 2);
    assert_ptr_equal(all[0], a);
    assert_ptr_equal(all[1], b);
    assert_null(all[2]);
    oskit_bufio_release((oskit_bufio_t *)all[0]);
    oskit_bufio_release((oskit_bufio_t *)all[1]);
    oskit_lookup_free(all);
    assert_int_equal(oskit_lookup_first(&oskit_absio_iid, &first), 0);
    assert_ptr_equal(first, b);
    oskit_absio_release((oskit_absio_t *)first);
    assert_int_equal(oskit_unregister(&oskit_bufio_iid, a), 0);
    assert_int_equal(oskit_unregister(&oskit_bufio_iid, a), OSKIT_E_INVALIDARG);
    assert_int_equal(oskit_unregister(&oskit_bufio_iid, b), 0);
    assert_int_equal(oskit_unregister(&oskit_absio_iid, b), 0);
    assert_int_equal(oskit_bufio_release(a), 0);
    assert_int_equal(oskit_bufio_release(b), 0);
}

static void test_registering_twice_counts_once(void **state)
{
    oskit_bufio_t *a = oskit_bufio_create(1);

    (void)state;
    assert_int_equal(oskit_register(&oskit_bufio_iid, a), 0);
    assert_int_equal(oskit_register(&oskit_bufio_iid, a), 0);
    assert_int_equal(oskit_unregister(&oskit_bufio_iid, a), 0);
    assert_int_equal(oskit_unregister(&oskit_bufio_iid, a), OSKIT_E_INVALIDARG);
    assert_int_equal(oskit_bufio_release(a), 0);
    oskit_lookup_free(NULL);
}

static void test_services_object_holds_references(void **state)
{
    oskit_services_t *one, *two;
    oskit_bufio_t *a = oskit_bufio_create(1);
    void *first, **all;

    (void)state;
    assert_int_equal(oskit_services_create(NULL, &one), 0);
    assert_int_equal(oskit_services_addservice(one, &oskit_bufio_iid, a), 0);
    assert_int_equal(oskit_bufio_release(a), 1);
    assert_int_equal(oskit_services_clone(one, &two), 0);
    assert_int_equal(oskit_services_release(one), 0);
    assert_int_equal(oskit_services_lookup_first(two, &oskit_bufio_iid, &first), 0);
    assert_ptr_equal(first, a);
    assert_int_equal(oskit_services_remservice(two, &oskit_bufio_iid, a), 0);
    assert_int_equal(oskit_services_remservice(two, &oskit_bufio_iid, a), OSKIT_E_INVALIDARG);
    assert_int_equal(oskit_services_lookup(two, &oskit_bufio_iid, &all), 0);
    assert_int_equal(oskit_bufio_release(a), 0);
    assert_int_equal(oskit_services_release(two), 0);
}

static void test_call_context(void **state)
{
    oskit_bufio_t *a = oskit_bufio_create(1);
    void *out;

    (void)state;
    assert_int_equal(oskit_get_call_context(&oskit_absio_iid, &out), OSKIT_E_NOINTERFACE);
    assert_int_equal(oskit_set_call_context((oskit_iunknown_t *)a), 0);
    assert_int_equal(oskit_bufio_release(a), 1);
    assert_int_equal(oskit_get_call_context(&oskit_absio_iid, &out), 0);
    oskit_absio_release((oskit_absio_t *)out);
    assert_int_equal(oskit_get_call_context(&oskit_listener_iid, &out), OSKIT_E_NOINTERFACE);
    assert_int_equal(oskit_set_call_context(NULL), 0);
}

static void test_no_memory(void **state)
{
    oskit_bufio_t *a = oskit_bufio_create(1);

    (void)state;
    ENV_TEST_EACH_FAILURE
    {
        oskit_services_t *one = NULL, *two = NULL;
        void **all = NULL;
        oskit_error_t error = oskit_services_create(NULL, &one);
        if (error == 0)
            error = oskit_services_addservice(one, &oskit_bufio_iid, a);
        if (error == 0)
            error = oskit_services_clone(one, &two);
        if (error == 0)
            error = oskit_services_lookup(one, &oskit_bufio_iid, &all);
        assert_int_equal(error, env_test_failed() ? OSKIT_E_OUTOFMEMORY : 1);
        if (all != NULL)
            oskit_bufio_release((oskit_bufio_t *)all[0]);
        oskit_lookup_free(all);
        if (one != NULL)
            oskit_services_release(one);
        if (two != NULL)
            oskit_services_release(two);
    }
    assert_int_equal(oskit_bufio_release(a), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_register_and_look_up),
        HARNESS_TEST(test_registering_twice_counts_once),
        HARNESS_TEST(test_services_object_holds_references),
        HARNESS_TEST(test_call_context),
        HARNESS_TEST(test_no_memory),
    };
    return cmocka_run_group_tests_name("services", tests, NULL, NULL);
}
