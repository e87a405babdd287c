/* The device registry. */
#include "harness.h"
#include <oskit/io/posixio.h>
#include <sluice/device.h>
#include <sluice/pipe.h>

static int opened;
static const struct device *child; /* registered while the parent is opened */

static oskit_error_t open_pipe(void *arg, oskit_u32_t oflags, oskit_iunknown_t **out)
{
    oskit_iunknown_t *writer;

    (void)arg;
    (void)oflags;
    opened++;
    oskit_error_t err = pipe_create(out, &writer);
    if (OSKIT_SUCCEEDED(err))
        oskit_iunknown_release(writer);
    return err;
}

static oskit_error_t open_multiplexer(void *arg, oskit_u32_t oflags, oskit_iunknown_t **out)
{
    oskit_error_t err = device_register(child);

    return OSKIT_FAILED(err) ? err : open_pipe(arg, oflags, out);
}

static const struct device first = {
    "first", DEVICE_NUMBER(200, 1), OSKIT_S_IFCHR | 0666, 0, 0, open_pipe, NULL};
static const struct device block = {
    "block", DEVICE_NUMBER(200, 1), OSKIT_S_IFBLK | 0660, 0, 6, open_pipe, NULL};
static const struct device same_number = {
    "other", DEVICE_NUMBER(200, 1), OSKIT_S_IFCHR | 0666, 0, 0, open_pipe, NULL};
static const struct device same_name = {
    "first", DEVICE_NUMBER(200, 9), OSKIT_S_IFCHR | 0666, 0, 0, open_pipe, NULL};
static const struct device multiplexer = {
    "mux", DEVICE_NUMBER(200, 2), OSKIT_S_IFCHR | 0666, 0, 0, open_multiplexer, NULL};
static const struct device slave = {
    "sub/0", DEVICE_NUMBER(201, 0), OSKIT_S_IFCHR | 0620, 7, 5, open_pipe, NULL};

static bool gather(void *arg, const struct device *device)
{
    strcat(arg, device->name);
    strcat(arg, " ");
    return strcmp(device->name, "block") != 0;
}

static void test_register(void **state)
{
    (void)state;
    oskit_iunknown_t *object;
    char text[64] = "";

    assert_int_equal(device_open(false, first.number, 0, &object), OSKIT_ENXIO);
    oskit_u32_t generation = device_generation();
    assert_int_equal(device_register(&first), OSKIT_SUCCESS);
    assert_int_not_equal(device_generation(), generation);
    assert_int_equal(device_register(&first), OSKIT_EEXIST);
    assert_int_equal(device_register(&same_number), OSKIT_EEXIST);
    assert_int_equal(device_register(&same_name), OSKIT_EEXIST);
    assert_int_equal(device_register(&block), OSKIT_SUCCESS);
    assert_int_equal(device_register(&slave), OSKIT_SUCCESS);
    device_each(gather, text);
    assert_string_equal(text, "first block ");
    assert_int_equal(device_open(true, block.number, 0, &object), OSKIT_SUCCESS);
    oskit_iunknown_release(object);
    device_unregister(&slave);
    device_unregister(&block);
    assert_int_equal(device_open(true, block.number, 0, &object), OSKIT_ENXIO);
    device_unregister(&same_name); /* never was */
    assert_int_equal(device_open(false, first.number, 0, &object), OSKIT_SUCCESS);
    oskit_iunknown_release(object);
    device_unregister(&first);
}

/* Opening one device may register another. */
static void test_register_in_open(void **state)
{
    (void)state;
    oskit_iunknown_t *object;

    child = &slave;
    assert_int_equal(device_register(&multiplexer), OSKIT_SUCCESS);
    assert_int_equal(device_open(false, multiplexer.number, 0, &object), OSKIT_SUCCESS);
    oskit_iunknown_release(object);
    assert_int_equal(device_open(false, slave.number, 0, &object), OSKIT_SUCCESS);
    oskit_iunknown_release(object);
    device_unregister(&slave);
    device_unregister(&multiplexer);
}

/* ---- Unregistering waits for an open under way ---- */

static struct env_sleep gate;
static _Atomic bool in_open, unregistered;

static oskit_error_t open_slowly(void *arg, oskit_u32_t oflags, oskit_iunknown_t **out)
{
    in_open = true;
    env_sleep(&gate, ENV_FOREVER);
    assert_false(unregistered);
    return open_pipe(arg, oflags, out);
}

static const struct device slow = {
    "slow", DEVICE_NUMBER(202, 0), OSKIT_S_IFCHR | 0666, 0, 0, open_slowly, NULL};

static void opener(void *arg)
{
    oskit_iunknown_t *object;

    (void)arg;
    assert_int_equal(device_open(false, slow.number, 0, &object), OSKIT_SUCCESS);
    oskit_iunknown_release(object);
}

static void unregisterer(void *arg)
{
    (void)arg;
    device_unregister(&slow);
    unregistered = true;
}

static void test_unregister_waits(void **state)
{
    (void)state;
    oskit_iunknown_t *object;

    in_open = unregistered = false;
    env_sleep_init(&gate);
    assert_int_equal(device_register(&slow), OSKIT_SUCCESS);
    assert_int_equal(env_thread_start("opener", opener, NULL), OSKIT_SUCCESS);
    while (env_test_sleepers() < 1)
        continue;
    assert_true(in_open);
    assert_int_equal(env_thread_start("unregisterer", unregisterer, NULL), OSKIT_SUCCESS);
    while (env_test_sleepers() < 2)
        continue;
    assert_int_equal(device_open(false, slow.number, 0, &object), OSKIT_ENXIO);
    assert_false(unregistered);
    env_wakeup(&gate);
    env_test_join_threads();
    assert_true(unregistered);
}

static void test_failures(void **state)
{
    (void)state;

    ENV_TEST_EACH_FAILURE
    {
        oskit_error_t err = device_register(&first);

        assert_int_equal(err, env_test_failed() ? OSKIT_ENOMEM : OSKIT_SUCCESS);
        if (OSKIT_SUCCEEDED(err))
            device_unregister(&first);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_register),
        HARNESS_TEST(test_register_in_open),
        HARNESS_TEST(test_unregister_waits),
        HARNESS_TEST(test_failures),
    };
    return cmocka_run_group_tests_name("device", tests, NULL, NULL);
}
