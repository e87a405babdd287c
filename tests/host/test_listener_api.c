/* Listeners, their manager and their fanout: order, references, removal while notified, failure to
 * allocate. */
#include "harness.h"

#include <pthread.h>
#include <oskit/com/listener.h>
#include <oskit/com/listener_fanout.h>
#include <oskit/com/listener_mgr.h>

static oskit_iunknown_t subject; /* only its address counts */

/* What one listener does when notified. */
struct script {
    struct listener_mgr *mgr;
    oskit_listener_t *self;
    oskit_listener_t *remove, *add; /* or NULL */
    bool drop_self;                 /* also give up the creator's reference */
    int calls;
    int order;
    oskit_error_t answer;
};

static int turns;

static oskit_error_t play(oskit_iunknown_t *obj, void *arg)
{
    struct script *script = arg;

    assert_ptr_equal(obj, &subject);
    script->calls++;
    script->order = ++turns;
    if (script->remove != NULL)
        assert_int_equal(oskit_listener_mgr_remove(script->mgr, script->remove), 0);
    if (script->drop_self)
        oskit_listener_release(script->self);
    if (script->add != NULL)
        assert_int_equal(oskit_listener_mgr_add(script->mgr, script->add), 0);
    return script->answer;
}

static oskit_listener_t *script_listener(struct script *script, struct listener_mgr *mgr)
{
    *script = (struct script){.mgr = mgr};
    script->self = oskit_create_listener(play, script);
    assert_non_null(script->self);
    return script->self;
}

static void test_listener_calls_back(void **state)
{
    struct script script;
    oskit_listener_t *l = script_listener(&script, NULL);
    void *out;

    (void)state;
    script.answer = OSKIT_ESRCH;
    assert_int_equal(oskit_listener_notify(l, &subject), OSKIT_ESRCH);
    assert_int_equal(script.calls, 1);
    assert_int_equal(oskit_listener_query(l, &oskit_listener_iid, &out), 0);
    assert_ptr_equal(out, l);
    oskit_listener_release(l);
    oskit_listener_release(l);
}

static void test_mgr_notifies_in_order_and_holds_references(void **state)
{
    struct listener_mgr *mgr = oskit_create_listener_mgr(&subject);
    struct script a, b;

    (void)state;
    oskit_listener_t *la = script_listener(&a, mgr), *lb = script_listener(&b, mgr);
    assert_int_equal(oskit_listener_mgr_add(mgr, la), 0);
    assert_int_equal(oskit_listener_mgr_add(mgr, lb), 0);
    oskit_listener_release(la);
    oskit_listener_release(lb);
    assert_int_equal(oskit_listener_mgr_count(mgr), 2);
    oskit_listener_mgr_notify(mgr);
    oskit_listener_mgr_notify(mgr);
    assert_int_equal(a.calls, 2);
    assert_int_equal(b.calls, 2);
    assert_true(a.order < b.order);
    oskit_destroy_listener_mgr(mgr);
    oskit_destroy_listener_mgr(NULL);
}

static void test_mgr_remove(void **state)
{
    struct listener_mgr *mgr = oskit_create_listener_mgr(&subject);
    struct script a;
    oskit_listener_t *l = script_listener(&a, mgr);

    (void)state;
    assert_int_equal(oskit_listener_mgr_remove(mgr, l), OSKIT_E_INVALIDARG);
    oskit_listener_mgr_add(mgr, l);
    oskit_listener_mgr_add(mgr, l);
    oskit_listener_mgr_notify(mgr);
    assert_int_equal(a.calls, 2);
    assert_int_equal(oskit_listener_mgr_remove(mgr, l), 0);
    assert_int_equal(oskit_listener_mgr_count(mgr), 1);
    oskit_listener_mgr_notify(mgr);
    assert_int_equal(a.calls, 3);
    assert_int_equal(oskit_listener_mgr_remove(mgr, l), 0);
    assert_int_equal(oskit_listener_mgr_remove(mgr, l), OSKIT_E_INVALIDARG);
    assert_int_equal(oskit_listener_release(l), 0);
    oskit_destroy_listener_mgr(mgr);
}

static void test_listener_removes_itself_and_goes_with_its_last_reference(void **state)
{
    struct listener_mgr *mgr = oskit_create_listener_mgr(&subject);
    struct script a, b;

    (void)state;
    oskit_listener_mgr_add(mgr, script_listener(&a, mgr));
    oskit_listener_mgr_add(mgr, script_listener(&b, mgr));
    a.remove = a.self;
    a.drop_self = true; /* only the walk holds it now */
    oskit_listener_mgr_notify(mgr);
    oskit_listener_mgr_notify(mgr);
    assert_int_equal(a.calls, 1);
    assert_int_equal(b.calls, 2);
    oskit_listener_release(b.self);
    oskit_destroy_listener_mgr(mgr);
}

static void test_listener_removes_the_next_one(void **state)
{
    struct listener_mgr *mgr = oskit_create_listener_mgr(&subject);
    struct script a, b, c;

    (void)state;
    oskit_listener_mgr_add(mgr, script_listener(&a, mgr));
    oskit_listener_mgr_add(mgr, script_listener(&b, mgr));
    oskit_listener_mgr_add(mgr, script_listener(&c, mgr));
    oskit_listener_release(b.self);
    a.remove = b.self;
    oskit_listener_mgr_notify(mgr);
    assert_int_equal(b.calls, 0);
    assert_int_equal(c.calls, 1);
    assert_int_equal(oskit_listener_mgr_count(mgr), 2);
    oskit_listener_release(a.self);
    oskit_listener_release(c.self);
    oskit_destroy_listener_mgr(mgr);
}

static void test_listener_added_meanwhile_waits_for_the_next_round(void **state)
{
    struct listener_mgr *mgr = oskit_create_listener_mgr(&subject);
    struct script a, b;

    (void)state;
    oskit_listener_mgr_add(mgr, script_listener(&a, mgr));
    a.add = script_listener(&b, mgr);
    oskit_listener_mgr_notify(mgr);
    assert_int_equal(b.calls, 0);
    a.add = NULL;
    oskit_listener_mgr_notify(mgr);
    assert_int_equal(b.calls, 1);
    oskit_listener_release(a.self);
    oskit_listener_release(b.self);
    oskit_destroy_listener_mgr(mgr);
}

struct nested {
    struct listener_mgr *mgr;
    int depth, calls;
};

static oskit_error_t nest(oskit_iunknown_t *obj, void *arg)
{
    struct nested *nested = arg;

    (void)obj;
    nested->calls++;
    if (nested->depth-- > 0)
        oskit_listener_mgr_notify(nested->mgr);
    return 0;
}

static void test_notify_may_nest(void **state)
{
    struct listener_mgr *mgr = oskit_create_listener_mgr(&subject);
    struct nested nested = {mgr, 3, 0};
    oskit_listener_t *l = oskit_create_listener(nest, &nested);

    (void)state;
    oskit_listener_mgr_add(mgr, l);
    oskit_listener_mgr_notify(mgr);
    assert_int_equal(nested.calls, 4);
    oskit_listener_release(l);
    oskit_destroy_listener_mgr(mgr);
}

static void test_notify_from_interrupt_context(void **state)
{
    struct listener_mgr *mgr = oskit_create_listener_mgr(&subject);
    struct script a;

    (void)state;
    oskit_listener_mgr_add(mgr, script_listener(&a, mgr));
    a.remove = a.self;
    a.drop_self = true;
    env_test_interrupt_enter();
    oskit_listener_mgr_notify(mgr);
    env_test_interrupt_leave();
    assert_int_equal(oskit_listener_mgr_count(mgr), 0);
    oskit_destroy_listener_mgr(mgr);
}

#define ROUNDS 3000

static oskit_error_t nothing(oskit_iunknown_t *obj, void *arg)
{
    (void)obj;
    (void)arg;
    return 0;
}

static void *come_and_go(void *arg)
{
    for (int i = 0; i < ROUNDS; i++) {
        oskit_listener_t *l = oskit_create_listener(nothing, NULL);
        oskit_listener_mgr_add(arg, l);
        oskit_listener_mgr_remove(arg, l);
        oskit_listener_release(l);
    }
    return NULL;
}

static void *notify_on(void *arg)
{
    for (int i = 0; i < ROUNDS; i++)
        oskit_listener_mgr_notify(arg);
    return NULL;
}

static void test_mgr_under_threads(void **state)
{
    struct listener_mgr *mgr = oskit_create_listener_mgr(&subject);
    pthread_t threads[4];

    (void)state;
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, i % 2 ? come_and_go : notify_on, mgr);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(oskit_listener_mgr_count(mgr), 0);
    oskit_destroy_listener_mgr(mgr);
}

static void test_fanout(void **state)
{
    oskit_listener_fanout_t *fanout = oskit_create_listener_fanout();
    struct script a, b;
    oskit_listener_t *as_listener;

    (void)state;
    assert_int_equal(oskit_listener_fanout_add(fanout, script_listener(&a, NULL)), 0);
    assert_int_equal(oskit_listener_fanout_add(fanout, script_listener(&b, NULL)), 0);
    assert_int_equal(oskit_listener_fanout_count(fanout), 2);
    assert_int_equal(
        oskit_listener_fanout_query(fanout, &oskit_listener_iid, (void **)&as_listener), 0);
    a.answer = OSKIT_E_FAIL;
    assert_int_equal(oskit_listener_notify(as_listener, &subject), 0);
    oskit_listener_release(as_listener);
    assert_int_equal(a.calls + b.calls, 2);
    assert_int_equal(oskit_listener_fanout_remove(fanout, a.self), 0);
    assert_int_equal(oskit_listener_fanout_remove(fanout, a.self), OSKIT_E_INVALIDARG);
    oskit_listener_fanout_notify(fanout, &subject);
    assert_int_equal(a.calls, 1);
    assert_int_equal(b.calls, 2);
    oskit_listener_release(a.self);
    oskit_listener_release(b.self);
    assert_int_equal(oskit_listener_fanout_release(fanout), 0);
}

static void test_no_memory(void **state)
{
    (void)state;
    ENV_TEST_EACH_FAILURE
    {
        oskit_listener_t *l = oskit_create_listener(nothing, NULL);
        struct listener_mgr *mgr = oskit_create_listener_mgr(&subject);
        oskit_listener_fanout_t *fanout = oskit_create_listener_fanout();
        assert_true(env_test_failed() == (l == NULL || mgr == NULL || fanout == NULL));
        if (l != NULL && mgr != NULL) {
            oskit_error_t error = oskit_listener_mgr_add(mgr, l);
            assert_true(error == 0 || (error == OSKIT_ENOMEM && env_test_failed()));
        }
        if (l != NULL && fanout != NULL) {
            oskit_error_t error = oskit_listener_fanout_add(fanout, l);
            assert_true(error == 0 || (error == OSKIT_ENOMEM && env_test_failed()));
        }
        if (l != NULL)
            oskit_listener_release(l);
        oskit_destroy_listener_mgr(mgr);
        if (fanout != NULL)
            oskit_listener_fanout_release(fanout);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_listener_calls_back),
        HARNESS_TEST(test_mgr_notifies_in_order_and_holds_references),
        HARNESS_TEST(test_mgr_remove),
        HARNESS_TEST(test_listener_removes_itself_and_goes_with_its_last_reference),
        HARNESS_TEST(test_listener_removes_the_next_one),
        HARNESS_TEST(test_listener_added_meanwhile_waits_for_the_next_round),
        HARNESS_TEST(test_notify_may_nest),
        HARNESS_TEST(test_notify_from_interrupt_context),
        HARNESS_TEST(test_mgr_under_threads),
        HARNESS_TEST(test_fanout),
        HARNESS_TEST(test_no_memory),
    };
    return cmocka_run_group_tests_name("listener api", tests, NULL, NULL);
}
