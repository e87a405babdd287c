/* Packet consumers: the one made of a function, and the one that stands for many. */
#include "harness.h"

#include <oskit/io/bufio.h>
#include <oskit/io/netio.h>
#include <oskit/io/netio_fanout.h>

struct consumer {
    int pushes, ended;
    oskit_size_t size;
    oskit_bufio_t *kept;
    bool keep;
    oskit_error_t answer;
    oskit_netio_fanout_t *leave; /* remove SELF from it */
    oskit_netio_t *self;
};

static oskit_error_t consume(void *data, oskit_bufio_t *buf, oskit_size_t size)
{
    struct consumer *c = data;

    c->pushes++;
    c->size = size;
    if (c->keep) {
        oskit_bufio_addref(buf);
        c->kept = buf;
    }
    if (c->leave != NULL)
        assert_int_equal(oskit_netio_fanout_remove_listener(c->leave, c->self), 0);
    return c->answer;
}

static void end(void *data)
{
    ((struct consumer *)data)->ended++;
}

static oskit_netio_t *consumer_netio(struct consumer *c)
{
    *c = (struct consumer){0};
    c->self = oskit_netio_create_cleanup(consume, c, end);
    assert_non_null(c->self);
    return c->self;
}

static void test_push_reaches_the_function(void **state)
{
    struct consumer c;
    oskit_netio_t *io = consumer_netio(&c);
    oskit_bufio_t *packet = oskit_bufio_create(1514), *buf = packet;

    (void)state;
    c.keep = true;
    assert_int_equal(oskit_netio_push(io, packet, 60), 0);
    assert_int_equal(c.size, 60);
    assert_int_equal(oskit_bufio_release(packet), 1);
    assert_int_equal(oskit_bufio_release(c.kept), 0);
    assert_int_equal(oskit_netio_alloc_bufio(io, 100, &buf), OSKIT_E_NOTIMPL);
    assert_null(buf);
    assert_int_equal(c.ended, 0);
    assert_int_equal(oskit_netio_release(io), 0);
    assert_int_equal(c.ended, 1);
    io = oskit_netio_create(consume, &c);
    assert_int_equal(oskit_netio_release(io), 0);
    assert_int_equal(c.ended, 1);
}

static void test_fanout_pushes_to_all_and_tells_the_last_failure(void **state)
{
    oskit_netio_fanout_t *fanout = oskit_netio_fanout_create();
    oskit_bufio_t *packet = oskit_bufio_create(100);
    struct consumer a, b, c;

    (void)state;
    oskit_netio_fanout_add_listener(fanout, consumer_netio(&a));
    oskit_netio_fanout_add_listener(fanout, consumer_netio(&b));
    oskit_netio_fanout_add_listener(fanout, consumer_netio(&c));
    assert_int_equal(oskit_netio_fanout_push(fanout, packet, 100), 0);
    a.answer = OSKIT_ENOBUFS;
    b.answer = OSKIT_EWOULDBLOCK;
    assert_int_equal(oskit_netio_fanout_push(fanout, packet, 100), OSKIT_EWOULDBLOCK);
    assert_int_equal(a.pushes, 2);
    assert_int_equal(c.pushes, 2);
    oskit_netio_release(a.self);
    oskit_netio_release(b.self);
    oskit_netio_release(c.self);
    assert_int_equal(a.ended + b.ended + c.ended, 0);
    oskit_netio_fanout_release(fanout);
    assert_int_equal(a.ended + b.ended + c.ended, 3);
    oskit_bufio_release(packet);
}

static void test_fanout_is_a_netio(void **state)
{
    oskit_netio_fanout_t *fanout = oskit_netio_fanout_create();
    oskit_bufio_t *packet = oskit_bufio_create(100), *buf = packet;
    oskit_netio_t *io;
    struct consumer a;

    (void)state;
    oskit_netio_fanout_add_listener(fanout, consumer_netio(&a));
    assert_int_equal(oskit_netio_fanout_query(fanout, &oskit_netio_iid, (void **)&io), 0);
    assert_int_equal(oskit_netio_push(io, packet, 9), 0);
    assert_int_equal(a.size, 9);
    assert_int_equal(oskit_netio_alloc_bufio(io, 9, &buf), OSKIT_E_NOTIMPL);
    oskit_netio_release(io);
    oskit_netio_release(a.self);
    oskit_netio_fanout_release(fanout);
    oskit_bufio_release(packet);
}

static void test_consumer_leaves_inside_its_push(void **state)
{
    oskit_netio_fanout_t *fanout = oskit_netio_fanout_create();
    oskit_bufio_t *packet = oskit_bufio_create(100);
    struct consumer a, b;

    (void)state;
    oskit_netio_fanout_add_listener(fanout, consumer_netio(&a));
    oskit_netio_fanout_add_listener(fanout, consumer_netio(&b));
    a.leave = fanout;
    oskit_netio_release(a.self);
    oskit_netio_fanout_push(fanout, packet, 1);
    assert_int_equal(a.ended, 1);
    oskit_netio_fanout_push(fanout, packet, 1);
    assert_int_equal(a.pushes, 1);
    assert_int_equal(b.pushes, 2);
    assert_int_equal(oskit_netio_fanout_remove_listener(fanout, b.self), 0);
    assert_int_equal(oskit_netio_fanout_remove_listener(fanout, b.self), OSKIT_E_INVALIDARG);
    oskit_netio_release(b.self);
    oskit_netio_fanout_release(fanout);
    oskit_bufio_release(packet);
}

static void test_no_memory(void **state)
{
    (void)state;
    ENV_TEST_EACH_FAILURE
    {
        struct consumer c = {0};
        oskit_netio_fanout_t *fanout = oskit_netio_fanout_create();
        oskit_netio_t *io = oskit_netio_create_cleanup(consume, &c, end);
        if (fanout != NULL && io != NULL) {
            oskit_error_t error = oskit_netio_fanout_add_listener(fanout, io);
            assert_int_equal(error, env_test_failed() ? OSKIT_E_OUTOFMEMORY : 0);
        }
        assert_int_equal(c.ended, 0);
        if (io != NULL)
            oskit_netio_release(io);
        if (fanout != NULL)
            oskit_netio_fanout_release(fanout);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_push_reaches_the_function),
        HARNESS_TEST(test_fanout_pushes_to_all_and_tells_the_last_failure),
        HARNESS_TEST(test_fanout_is_a_netio),
        HARNESS_TEST(test_consumer_leaves_inside_its_push),
        HARNESS_TEST(test_no_memory),
    };
    return cmocka_run_group_tests_name("netio", tests, NULL, NULL);
}
