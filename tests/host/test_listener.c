/* The seed's listeners over a readiness: masks, removal in every place, references, failing memory.
 */
#include "harness.h"

#include <sluice/readiness.h>

/* An object that does nothing but show its readiness. */
struct lamp {
    struct sluice_object object;
    SLUICE_FACE(oskit_iunknown_t) unknown;
    struct readiness r;
    struct listener_set set;
};

static struct oskit_iunknown_ops lamp_ops = {SLUICE_IUNKNOWN_SLOTS};
static const struct sluice_interface lamp_interfaces[] = {
    {&oskit_iunknown_iid, offsetof(struct lamp, unknown), &lamp_ops},
};

static void lamp_destroy(struct sluice_object *object)
{
    struct lamp *lamp = container_of(object, struct lamp, object);

    listener_set_fini(&lamp->set);
    sluice_object_fini(object);
    env_free(lamp, sizeof *lamp);
}

static const struct sluice_class lamp_class = {"lamp", lamp_interfaces, 1, lamp_destroy};

static struct lamp *lamp_new(void)
{
    struct lamp *lamp = env_alloc(sizeof *lamp, ENV_ZERO);

    sluice_object_init(&lamp->object, &lamp_class);
    readiness_init(&lamp->r, 0);
    listener_set_init(&lamp->set, &lamp->r);
    return lamp;
}

static oskit_error_t lamp_listen(struct lamp *lamp, oskit_listener_t *l, oskit_s32_t mask)
{
    return listener_set_add(&lamp->set, &lamp->unknown.i, l, mask);
}

static void lamp_release(struct lamp *lamp)
{
    sluice_object_release(&lamp->object);
}

/* ---- One listener ---- */

struct ear {
    struct lamp *lamp;
    oskit_listener_t *listener;
    unsigned calls;
    bool removes, readds, fires;
    struct ear *other; /* removed in the call */
};

static oskit_error_t ear_notify(oskit_iunknown_t *obj, void *arg)
{
    struct ear *ear = arg;

    assert_ptr_equal(obj, &ear->lamp->unknown.i);
    ear->calls++;
    /* No lock is held: the object can be asked. */
    listener_set_poll(&ear->lamp->set);
    if (ear->removes)
        assert_int_equal(listener_set_remove(&ear->lamp->set, ear->listener), 0);
    if (ear->readds)
        assert_int_equal(lamp_listen(ear->lamp, ear->listener, OSKIT_ASYNCIO_ALL), 1);
    if (ear->other != NULL)
        assert_int_equal(listener_set_remove(&ear->lamp->set, ear->other->listener), 0);
    if (ear->fires) {
        ear->fires = false;
        readiness_tell(&ear->lamp->r, READY_READ);
        assert_int_equal(ear->calls, 1); /* not from within: calls don't overlap */
    }
    return 0;
}

static void ear_open(struct ear *ear, struct lamp *lamp)
{
    *ear = (struct ear){.lamp = lamp, .listener = oskit_create_listener(ear_notify, ear)};
    assert_non_null(ear->listener);
}

static void ear_close(struct ear *ear)
{
    assert_int_equal(oskit_listener_release(ear->listener), 0);
}

static void lamp_flash(struct lamp *lamp, uint32_t events)
{
    readiness_update(&lamp->r, events, 0, events);
}

static void test_mask(void **state)
{
    (void)state;
    static const struct {
        oskit_s32_t mask;
        uint32_t events;
        bool told;
    } cases[] = {
        {OSKIT_ASYNCIO_READABLE, READY_READ, true},
        {OSKIT_ASYNCIO_READABLE, READY_WRITE, false},
        {OSKIT_ASYNCIO_WRITABLE, READY_WRITE, true},
        {OSKIT_ASYNCIO_WRITEABLE, READY_READ | READY_PRI, false},
        {OSKIT_ASYNCIO_EXCEPTION, READY_PRI, true},
        {OSKIT_ASYNCIO_READABLE, READY_HUP, true},
        {OSKIT_ASYNCIO_WRITABLE, READY_HUP, false},
        {OSKIT_ASYNCIO_WRITABLE, READY_ERR, true},
        {OSKIT_ASYNCIO_EXCEPTION, READY_ERR | READY_HUP, false},
        {OSKIT_ASYNCIO_ALL, READY_RDHUP, false},
        {0, READY_READ | READY_HUP, false},
    };

    for (size_t i = 0; i < SLUICE_COUNT(cases); i++) {
        struct lamp *lamp = lamp_new();
        struct ear ear;
        ear_open(&ear, lamp);
        assert_int_equal(lamp_listen(lamp, ear.listener, cases[i].mask), 0);
        lamp_flash(lamp, cases[i].events);
        assert_int_equal(ear.calls, cases[i].told);
        lamp_release(lamp);
        ear_close(&ear);
    }
}

static void test_add(void **state)
{
    (void)state;
    struct lamp *lamp = lamp_new();
    struct ear ear;

    ear_open(&ear, lamp);
    lamp_flash(lamp, READY_READ | READY_PRI);
    assert_int_equal(listener_set_poll(&lamp->set),
                     OSKIT_ASYNCIO_READABLE | OSKIT_ASYNCIO_EXCEPTION);
    assert_int_equal(
        lamp_listen(lamp, ear.listener, OSKIT_ASYNCIO_READABLE | OSKIT_ASYNCIO_WRITABLE),
        OSKIT_ASYNCIO_READABLE);
    assert_int_equal(ear.calls, 0);
    assert_int_equal(lamp_listen(lamp, ear.listener, 8), OSKIT_E_INVALIDARG);
    assert_int_equal(lamp_listen(lamp, NULL, 1), OSKIT_E_INVALIDARG);
    env_test_fail_after(1);
    assert_int_equal(lamp_listen(lamp, ear.listener, 1), OSKIT_ENOMEM);
    /* Twice is two registrations. */
    assert_int_equal(lamp_listen(lamp, ear.listener, OSKIT_ASYNCIO_READABLE),
                     OSKIT_ASYNCIO_READABLE);
    lamp_flash(lamp, READY_READ);
    assert_int_equal(ear.calls, 2);
    assert_int_equal(listener_set_remove(&lamp->set, ear.listener), 0);
    assert_int_equal(listener_set_remove(&lamp->set, ear.listener), 0);
    assert_int_equal(listener_set_remove(&lamp->set, ear.listener), OSKIT_E_INVALIDARG);
    assert_int_equal(listener_set_remove(&lamp->set, NULL), OSKIT_E_INVALIDARG);
    ear_close(&ear);
    lamp_release(lamp);
}

static void test_removes_itself(void **state)
{
    (void)state;
    struct lamp *lamp = lamp_new();
    struct ear ear;

    ear_open(&ear, lamp);
    lamp_listen(lamp, ear.listener, OSKIT_ASYNCIO_ALL);
    ear.removes = true;
    lamp_flash(lamp, READY_READ);
    lamp_flash(lamp, READY_READ);
    assert_int_equal(ear.calls, 1);
    /* And comes back within the same call. */
    lamp_listen(lamp, ear.listener, OSKIT_ASYNCIO_ALL);
    ear.readds = true;
    lamp_flash(lamp, READY_READ);
    lamp_flash(lamp, READY_READ);
    assert_int_equal(ear.calls, 3);
    lamp_release(lamp);
    ear_close(&ear);
}

/* Each removes the other: only the first is called, though both were due. */
static void test_removes_another_that_is_due(void **state)
{
    (void)state;
    struct lamp *lamp = lamp_new();
    struct ear a, b;

    ear_open(&a, lamp);
    ear_open(&b, lamp);
    lamp_listen(lamp, a.listener, OSKIT_ASYNCIO_ALL);
    lamp_listen(lamp, b.listener, OSKIT_ASYNCIO_ALL);
    a.other = &b;
    b.other = &a;
    lamp_flash(lamp, READY_READ);
    assert_int_equal(a.calls + b.calls, 1);
    lamp_release(lamp);
    ear_close(&a);
    ear_close(&b);
}

static void test_event_in_call(void **state)
{
    (void)state;
    struct lamp *lamp = lamp_new();
    struct ear ear;

    ear_open(&ear, lamp);
    lamp_listen(lamp, ear.listener, OSKIT_ASYNCIO_ALL);
    ear.fires = true;
    lamp_flash(lamp, READY_READ);
    assert_int_equal(ear.calls, 2);
    lamp_release(lamp);
    ear_close(&ear);
}

/* The set keeps a listener that its owner has let go. */
static void test_reference(void **state)
{
    (void)state;
    struct lamp *lamp = lamp_new();
    struct ear ear;

    ear_open(&ear, lamp);
    lamp_listen(lamp, ear.listener, OSKIT_ASYNCIO_ALL);
    assert_int_equal(oskit_listener_release(ear.listener), 1);
    lamp_flash(lamp, READY_READ);
    ear.removes = true; /* the last reference goes after its own call */
    lamp_flash(lamp, READY_READ);
    assert_int_equal(ear.calls, 2);
    lamp_release(lamp);
}

/* ---- Two threads ---- */

struct slow {
    struct lamp *lamp;
    struct env_sleep entered, leave;
    _Atomic bool inside;
};

static oskit_error_t slow_notify(oskit_iunknown_t *obj, void *arg)
{
    struct slow *slow = arg;

    (void)obj;
    atomic_store(&slow->inside, true);
    env_wakeup(&slow->entered);
    env_sleep(&slow->leave, ENV_FOREVER); /* only a test may: it holds the call open */
    atomic_store(&slow->inside, false);
    return 0;
}

static void slow_flash(void *arg)
{
    lamp_flash(((struct slow *)arg)->lamp, READY_READ);
}

static void slow_leave(void *arg)
{
    struct slow *slow = arg;

    while (env_test_sleepers() < 2) /* the call, and the remover */
        ;
    assert_true(atomic_load(&slow->inside));
    env_wakeup(&slow->leave);
}

static void test_remove_waits_for_the_call(void **state)
{
    (void)state;
    struct slow slow = {.lamp = lamp_new()};
    oskit_listener_t *listener = oskit_create_listener(slow_notify, &slow);

    env_sleep_init(&slow.entered);
    env_sleep_init(&slow.leave);
    lamp_listen(slow.lamp, listener, OSKIT_ASYNCIO_READABLE);
    assert_int_equal(env_thread_start("flash", slow_flash, &slow), 0);
    assert_true(env_sleep(&slow.entered, ENV_FOREVER));
    assert_int_equal(env_thread_start("leave", slow_leave, &slow), 0);
    assert_int_equal(listener_set_remove(&slow.lamp->set, listener), 0);
    assert_false(atomic_load(&slow.inside));
    assert_int_equal(oskit_listener_release(listener), 0);
    env_test_join_threads();
    lamp_release(slow.lamp);
}

#define CROWD_ROUNDS 2000

struct crowd {
    struct lamp *lamp;
    _Atomic unsigned inside, calls;
    _Atomic bool done;
    _Atomic bool overlapped;
};

static oskit_error_t crowd_notify(oskit_iunknown_t *obj, void *arg)
{
    struct crowd *crowd = arg;

    (void)obj;
    crowd->overlapped |= atomic_fetch_add(&crowd->inside, 1) != 0;
    atomic_fetch_add(&crowd->calls, 1);
    atomic_fetch_sub(&crowd->inside, 1);
    return 0;
}

static void crowd_flash(void *arg)
{
    struct crowd *crowd = arg;

    while (!atomic_load(&crowd->done))
        readiness_tell(&crowd->lamp->r, READY_READ);
}

/* Two threads flash while the listener comes and goes; after each removal it is silent. */
static void test_come_and_go(void **state)
{
    (void)state;
    struct crowd crowd = {.lamp = lamp_new()};
    oskit_listener_t *listener = oskit_create_listener(crowd_notify, &crowd);

    for (int i = 0; i < 2; i++)
        assert_int_equal(env_thread_start("flash", crowd_flash, &crowd), 0);
    for (unsigned round = 0; round < CROWD_ROUNDS; round++) {
        unsigned before = atomic_load(&crowd.calls);
        assert_int_equal(lamp_listen(crowd.lamp, listener, OSKIT_ASYNCIO_ALL), 0);
        while (round % 64 == 0 && atomic_load(&crowd.calls) == before)
            ;
        assert_int_equal(listener_set_remove(&crowd.lamp->set, listener), 0);
        before = atomic_load(&crowd.calls);
        assert_int_equal(atomic_load(&crowd.inside), 0);
        assert_int_equal(atomic_load(&crowd.calls), before);
    }
    atomic_store(&crowd.done, true);
    env_test_join_threads();
    assert_false(crowd.overlapped);
    assert_int_equal(oskit_listener_release(listener), 0);
    lamp_release(crowd.lamp);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_mask),
        HARNESS_TEST(test_add),
        HARNESS_TEST(test_removes_itself),
        HARNESS_TEST(test_removes_another_that_is_due),
        HARNESS_TEST(test_event_in_call),
        HARNESS_TEST(test_reference),
        HARNESS_TEST(test_remove_waits_for_the_call),
        HARNESS_TEST(test_come_and_go),
    };
    return cmocka_run_group_tests_name("listener", tests, NULL, NULL);
}
