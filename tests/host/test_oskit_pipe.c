/* The OSKit's pipe: both directions, the end of one side, listeners with the right object, no
 * memory. */
#include "harness.h"

#include <oskit/com/listener.h>
#include <oskit/com/pipe.h>
#include <oskit/io/asyncio.h>
#include "oskit_source.h"

static oskit_asyncio_t *async_of(oskit_pipe_t *pipe)
{
    oskit_asyncio_t *async = sluice_query_face(pipe, &oskit_asyncio_iid);
    assert_non_null(async);
    return async;
}

static void test_both_directions(void **state)
{
    oskit_pipe_t *one, *other;
    oskit_u32_t actual = 9;
    oskit_u64_t position;
    char buf[10];

    (void)state;
    assert_int_equal(oskit_create_pipe(&one, &other), 0);
    assert_int_equal(oskit_pipe_read(one, buf, 10, &actual), OSKIT_EWOULDBLOCK);
    assert_int_equal(oskit_pipe_write(one, "ping", 4, &actual), 0);
    assert_int_equal(oskit_pipe_write(other, "pong!", 5, &actual), 0);
    assert_int_equal(oskit_pipe_read(other, buf, 10, &actual), 0);
    assert_int_equal(actual, 4);
    assert_memory_equal(buf, "ping", 4);
    assert_int_equal(oskit_pipe_read(one, buf, 10, &actual), 0);
    assert_memory_equal(buf, "pong!", 5);
    assert_int_equal(oskit_pipe_seek(one, 0, OSKIT_SEEK_SET, &position), OSKIT_ESPIPE);
    assert_int_equal(oskit_pipe_commit(one, 0), OSKIT_E_NOTIMPL);
    assert_int_equal(oskit_pipe_release(one), 0);
    assert_int_equal(oskit_pipe_release(other), 0);
}

static void test_poll_and_readable(void **state)
{
    oskit_pipe_t *one, *other;
    oskit_u32_t actual;

    (void)state;
    oskit_create_pipe(&one, &other);
    oskit_asyncio_t *a = async_of(one), *b = async_of(other);
    assert_int_equal(oskit_asyncio_poll(a), OSKIT_ASYNCIO_WRITABLE);
    assert_int_equal(wait_for_input((oskit_iunknown_t *)other), OSKIT_ASYNCIO_WRITABLE);
    oskit_pipe_write(one, "abc", 3, &actual);
    assert_int_equal(oskit_asyncio_poll(b), OSKIT_ASYNCIO_READABLE | OSKIT_ASYNCIO_WRITABLE);
    assert_int_equal(oskit_asyncio_readable(b), 3);
    assert_int_equal(oskit_asyncio_readable(a), 0);
    assert_true(wait_for_input((oskit_iunknown_t *)other) & OSKIT_ASYNCIO_READABLE);
    oskit_asyncio_release(a);
    oskit_asyncio_release(b);
    oskit_pipe_release(one);
    oskit_pipe_release(other);
}

static void test_the_other_end_goes(void **state)
{
    oskit_pipe_t *one, *other;
    oskit_u32_t actual;
    char buf[10];

    (void)state;
    oskit_create_pipe(&one, &other);
    oskit_pipe_write(other, "last", 4, &actual);
    oskit_pipe_release(other);
    oskit_asyncio_t *async = async_of(one);
    assert_int_equal(oskit_asyncio_poll(async), OSKIT_ASYNCIO_READABLE | OSKIT_ASYNCIO_WRITABLE);
    oskit_asyncio_release(async);
    assert_int_equal(oskit_pipe_read(one, buf, 10, &actual), 0);
    assert_int_equal(actual, 4);
    assert_int_equal(oskit_pipe_read(one, buf, 10, &actual), 0);
    assert_int_equal(actual, 0);
    assert_int_equal(oskit_pipe_write(one, "x", 1, &actual), OSKIT_EPIPE);
    oskit_pipe_release(one);
}

struct notes {
    int calls;
    void *obj;
    oskit_asyncio_t *leave; /* remove SELF from it */
    oskit_listener_t *self;
};

static oskit_error_t note(oskit_iunknown_t *obj, void *arg)
{
    struct notes *notes = arg;

    notes->calls++;
    notes->obj = obj;
    if (notes->leave != NULL)
        assert_int_equal(oskit_asyncio_remove_listener(notes->leave, notes->self), 0);
    return 0;
}

static void test_listeners_hear_of_the_end_itself(void **state)
{
    oskit_pipe_t *one, *other;
    struct notes notes = {0};
    oskit_u32_t actual;

    (void)state;
    oskit_create_pipe(&one, &other);
    oskit_asyncio_t *async = async_of(one);
    notes.self = oskit_create_listener(note, &notes);
    assert_int_equal(oskit_asyncio_add_listener(async, notes.self, OSKIT_ASYNCIO_READABLE), 0);
    assert_int_equal(notes.calls, 0);
    oskit_pipe_write(other, "x", 1, &actual);
    assert_int_equal(notes.calls, 1);
    assert_ptr_equal(notes.obj, one);
    assert_int_equal(oskit_asyncio_remove_listener(async, notes.self), 0);
    assert_int_equal(oskit_asyncio_remove_listener(async, notes.self), OSKIT_E_INVALIDARG);
    oskit_pipe_write(other, "x", 1, &actual);
    assert_int_equal(notes.calls, 1);
    assert_int_equal(oskit_asyncio_add_listener(async, notes.self, 8), OSKIT_E_INVALIDARG);
    /* One that leaves inside its notify, told by the other's end. */
    notes.leave = async;
    assert_true(oskit_asyncio_add_listener(async, notes.self, OSKIT_ASYNCIO_ALL) > 0);
    oskit_pipe_release(other);
    assert_int_equal(notes.calls, 2);
    /* One that is still there goes with the pipe. */
    notes.leave = NULL;
    assert_true(oskit_asyncio_add_listener(async, notes.self, OSKIT_ASYNCIO_ALL) > 0);
    oskit_asyncio_release(async);
    oskit_pipe_release(one);
    assert_int_equal(oskit_listener_release(notes.self), 0);
}

static void test_no_memory(void **state)
{
    (void)state;
    ENV_TEST_EACH_FAILURE
    {
        oskit_pipe_t *one, *other;
        oskit_error_t error = oskit_create_pipe(&one, &other);
        if (error != 0) {
            assert_true(error == OSKIT_E_OUTOFMEMORY && env_test_failed());
            assert_true(one == NULL && other == NULL);
            continue;
        }
        oskit_asyncio_t *async = async_of(one);
        struct notes notes = {0};
        notes.self = oskit_create_listener(note, &notes);
        if (notes.self != NULL) {
            error = oskit_asyncio_add_listener(async, notes.self, OSKIT_ASYNCIO_ALL);
            assert_int_equal(error,
                             env_test_failed() ? OSKIT_E_OUTOFMEMORY : OSKIT_ASYNCIO_WRITABLE);
            oskit_listener_release(notes.self);
        }
        oskit_asyncio_release(async);
        oskit_pipe_release(one);
        oskit_pipe_release(other);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_both_directions),    HARNESS_TEST(test_poll_and_readable),
        HARNESS_TEST(test_the_other_end_goes), HARNESS_TEST(test_listeners_hear_of_the_end_itself),
        HARNESS_TEST(test_no_memory),
    };
    return cmocka_run_group_tests_name("oskit pipe", tests, NULL, NULL);
}
