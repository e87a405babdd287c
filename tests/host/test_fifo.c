/* FIFOs: who waits for whom at open, hang-up of one end's own, bytes while any end is open. */
#include "harness.h"

#include <oskit/com/stream.h>
#include <oskit/fs/file.h>
#include <oskit/io/posixio.h>
#include <sluice/pipe.h>
#include <sluice/readiness.h>

struct end {
    oskit_stream_t *stream;
    struct readiness *r;
};

static oskit_error_t end_open(struct end *end, struct fifo *fifo, oskit_u32_t oflags)
{
    oskit_iunknown_t *unknown;
    oskit_error_t err = fifo_open(fifo, oflags, &unknown);

    if (err != 0) {
        assert_null(unknown);
        return err;
    }
    sluice_pollable_t *pollable = sluice_query_face(unknown, &sluice_pollable_iid);
    end->stream = (oskit_stream_t *)unknown;
    end->r = pollable->ops->readiness(pollable);
    oskit_iunknown_release(pollable);
    return 0;
}

static void end_close(struct end *end)
{
    assert_int_equal(oskit_stream_release(end->stream), 0);
}

static bool end_opened(const struct end *end)
{
    return readiness_level(end->r) & READY_OPENED;
}

static uint32_t end_level(const struct end *end)
{
    return readiness_level(end->r) & ~READY_OPENED;
}

static long get(struct end *end)
{
    char buffer[100];
    oskit_u32_t actual;
    oskit_error_t err = oskit_stream_read(end->stream, buffer, sizeof buffer, &actual);

    return err != 0 ? err : (long)actual;
}

static long put(struct end *end, const char *text)
{
    oskit_u32_t actual;
    oskit_error_t err = oskit_stream_write(end->stream, text, (oskit_u32_t)strlen(text), &actual);

    return err != 0 ? err : (long)actual;
}

static struct fifo *fifo_new(void)
{
    struct fifo *fifo;

    assert_int_equal(fifo_create(&fifo), 0);
    return fifo;
}

static void test_blocking_open(void **state)
{
    (void)state;
    static const oskit_u32_t order[2][2] = {{OSKIT_O_RDONLY, OSKIT_O_WRONLY},
                                            {OSKIT_O_WRONLY, OSKIT_O_RDONLY}};

    for (int i = 0; i < 2; i++) {
        struct fifo *fifo = fifo_new();
        struct end first, second;
        assert_int_equal(end_open(&first, fifo, order[i][0]), 0);
        assert_false(end_opened(&first));
        assert_int_equal(end_open(&second, fifo, order[i][1]), 0);
        assert_true(end_opened(&first));
        assert_true(end_opened(&second));
        end_close(&second);
        assert_true(end_opened(&first));
        end_close(&first);
        fifo_release(fifo);
    }
}

static void test_nonblocking_open(void **state)
{
    (void)state;
    struct fifo *fifo = fifo_new();
    struct end r, w;

    assert_int_equal(end_open(&w, fifo, OSKIT_O_WRONLY | OSKIT_O_NONBLOCK), OSKIT_ENXIO);
    assert_int_equal(end_open(&w, fifo, OSKIT_O_NONBLOCK), OSKIT_E_INVALIDARG);
    assert_int_equal(end_open(&r, fifo, OSKIT_O_RDONLY | OSKIT_O_NONBLOCK), 0);
    assert_true(end_opened(&r));
    assert_int_equal(end_open(&w, fifo, OSKIT_O_WRONLY | OSKIT_O_NONBLOCK), 0);
    assert_true(end_opened(&w));
    end_close(&r);
    end_close(&w);
    fifo_release(fifo);
}

static void test_read_write_open(void **state)
{
    (void)state;
    struct fifo *fifo = fifo_new();
    struct end both, r;

    assert_int_equal(end_open(&both, fifo, OSKIT_O_RDWR), 0);
    assert_true(end_opened(&both));
    assert_int_equal(end_level(&both), READY_WRITE);
    assert_int_equal(end_open(&r, fifo, OSKIT_O_RDONLY), 0);
    assert_true(end_opened(&r));
    assert_int_equal(put(&both, "abc"), 3);
    assert_int_equal(get(&r), 3);
    end_close(&both);
    assert_int_equal(end_level(&r), READY_HUP);
    end_close(&r);
    fifo_release(fifo);
}

/* A reader that never saw a writer reads end of file but is not hung up; each has a history of its
 * own. */
static void test_hangup_is_each_ends_own(void **state)
{
    (void)state;
    struct fifo *fifo = fifo_new();
    struct end old, young, w;

    assert_int_equal(end_open(&old, fifo, OSKIT_O_RDONLY | OSKIT_O_NONBLOCK), 0);
    assert_int_equal(end_level(&old), 0);
    assert_int_equal(get(&old), 0);
    assert_int_equal(end_open(&w, fifo, OSKIT_O_WRONLY), 0);
    assert_int_equal(get(&old), OSKIT_EWOULDBLOCK);
    end_close(&w);
    assert_int_equal(end_level(&old), READY_HUP);
    assert_int_equal(end_open(&young, fifo, OSKIT_O_RDONLY), 0);
    assert_false(end_opened(&young)); /* the writer that was is no peer */
    assert_int_equal(end_level(&young), 0);
    assert_int_equal(end_open(&w, fifo, OSKIT_O_WRONLY), 0);
    assert_true(end_opened(&young));
    assert_int_equal(end_level(&old), 0); /* a new writer takes the hang-up back */
    assert_int_equal(put(&w, "abc"), 3);
    end_close(&w);
    assert_int_equal(end_level(&old), READY_READ | READY_HUP);
    assert_int_equal(end_level(&young), READY_READ | READY_HUP);
    assert_int_equal(get(&young), 3);
    assert_int_equal(get(&old), 0);
    end_close(&old);
    end_close(&young);
    fifo_release(fifo);
}

static void test_bytes_stay_while_open(void **state)
{
    (void)state;
    struct fifo *fifo = fifo_new();
    struct end r, w;

    assert_int_equal(end_open(&r, fifo, OSKIT_O_RDONLY | OSKIT_O_NONBLOCK), 0);
    assert_int_equal(end_open(&w, fifo, OSKIT_O_WRONLY), 0);
    assert_int_equal(put(&w, "abc"), 3);
    end_close(&w);
    assert_int_equal(end_open(&w, fifo, OSKIT_O_WRONLY), 0);
    assert_int_equal(put(&w, "def"), 3);
    assert_int_equal(get(&r), 6);
    assert_int_equal(put(&w, "ghi"), 3);
    end_close(&r);
    assert_int_equal(put(&w, "x"), OSKIT_EPIPE);
    end_close(&w);
    /* All ends closed: what was left is gone. */
    assert_int_equal(end_open(&r, fifo, OSKIT_O_RDONLY | OSKIT_O_NONBLOCK), 0);
    assert_int_equal(get(&r), 0);
    fifo_release(fifo); /* the file is removed; the end lives on */
    assert_int_equal(get(&r), 0);
    end_close(&r);
}

static void test_faces(void **state)
{
    (void)state;
    struct fifo *fifo = fifo_new();
    struct end r;

    assert_int_equal(end_open(&r, fifo, OSKIT_O_RDONLY), 0);
    assert_null(sluice_query_face(r.stream, &oskit_posixio_iid));
    sluice_pipe_t *pipe = sluice_query_face(r.stream, &sluice_pipe_iid);
    assert_non_null(pipe);
    oskit_iunknown_release(pipe);
    end_close(&r);
    fifo_release(fifo);
    fifo_release(NULL);
}

static void test_without_memory(void **state)
{
    (void)state;
    ENV_TEST_EACH_FAILURE
    {
        struct fifo *fifo;
        struct end r;
        oskit_error_t err = fifo_create(&fifo);
        if (err == 0) {
            err = end_open(&r, fifo, OSKIT_O_RDWR);
            if (err == 0)
                end_close(&r);
            fifo_release(fifo);
        }
        assert_int_equal(err, env_test_failed() ? OSKIT_ENOMEM : 0);
    }
}

/* ---- Openers that wait ---- */

struct opener {
    struct readiness_waiter waiter;
    struct env_sleep sleep;
    struct fifo *fifo;
    oskit_u32_t oflags;
    _Atomic long moved;
};

static bool opener_notify(struct readiness_waiter *waiter, uint32_t events)
{
    (void)events;
    env_wakeup(&container_of(waiter, struct opener, waiter)->sleep);
    return true;
}

/* Sleeps until a bit of MASK is there. */
static void opener_await(struct opener *opener, struct end *end, uint32_t mask)
{
    for (;;) {
        opener->waiter = (struct readiness_waiter){.mask = mask, .notify = opener_notify};
        env_sleep_init(&opener->sleep);
        uint32_t level = readiness_add(end->r, &opener->waiter);
        if (!(level & (mask | READY_HUP)))
            env_sleep(&opener->sleep, ENV_FOREVER);
        readiness_remove(end->r, &opener->waiter);
        if (readiness_level(end->r) & (mask | READY_HUP))
            return;
    }
}

static void opener_run(void *arg)
{
    struct opener *opener = arg;
    struct end end;

    assert_int_equal(end_open(&end, opener->fifo, opener->oflags), 0);
    opener_await(opener, &end, READY_OPENED);
    if (opener->oflags == OSKIT_O_WRONLY) {
        opener->moved = put(&end, "hello");
    } else {
        opener_await(opener, &end, READY_READ);
        opener->moved = get(&end);
    }
    /* Not end_close: the other thread may hold this end for the moment in which it wakes it. */
    oskit_stream_release(end.stream);
}

static void test_two_openers(void **state)
{
    (void)state;
    for (int round = 0; round < 200; round++) {
        struct fifo *fifo = fifo_new();
        struct opener reader = {.fifo = fifo, .oflags = OSKIT_O_RDONLY};
        struct opener writer = {.fifo = fifo, .oflags = OSKIT_O_WRONLY};
        assert_int_equal(env_thread_start("one", opener_run, round % 2 ? &reader : &writer), 0);
        assert_int_equal(env_thread_start("other", opener_run, round % 2 ? &writer : &reader), 0);
        env_test_join_threads();
        assert_int_equal(reader.moved, 5);
        assert_int_equal(writer.moved, 5);
        fifo_release(fifo);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_blocking_open),         HARNESS_TEST(test_nonblocking_open),
        HARNESS_TEST(test_read_write_open),       HARNESS_TEST(test_hangup_is_each_ends_own),
        HARNESS_TEST(test_bytes_stay_while_open), HARNESS_TEST(test_faces),
        HARNESS_TEST(test_without_memory),        HARNESS_TEST(test_two_openers),
    };
    return cmocka_run_group_tests_name("fifo", tests, NULL, NULL);
}
