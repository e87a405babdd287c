/* The tty around the line discipline: faces, waiting, timers, job control, flow, hangup, several
 * threads. */
#include "harness.h"
#include "fake_port.h"
#include "terminal_case.h"

#include <oskit/com/listener.h>
#include <sluice/uio.h>

/* ---- Helpers ---- */

static void change(struct fake_terminal *t, const char *words)
{
    struct terminal_settings settings = fake_terminal_settings(t);

    terminal_case_parse(&settings, words);
    assert_int_equal(t->terminal->ops->setsettings(t->terminal, TERMINAL_NOW, &settings), 0);
}

static void assert_reads(struct fake_terminal *t, size_t size, bool wait, const char *text)
{
    char buffer[8192];
    size_t actual;

    assert_int_equal(fake_terminal_read(t, buffer, size, wait, &actual), 0);
    assert_int_equal(actual, strlen(text));
    assert_memory_equal(buffer, text, actual);
}

static void assert_waits(struct fake_terminal *t, size_t size)
{
    char buffer[8192];
    size_t actual = 7;

    assert_int_equal(fake_terminal_read(t, buffer, size, true, &actual), OSKIT_EWOULDBLOCK);
    assert_int_equal(actual, 0);
}

static void assert_shows(struct fake_terminal *t, const char *text)
{
    size_t n;
    const uint8_t *shown = fake_port_shown(&t->fake, &n);

    assert_int_equal(n, strlen(text));
    assert_memory_equal(shown, text, n);
}

static void assert_signal(int pgrp, int signal)
{
    struct env_test_signal got = {0, 0};

    assert_true(env_test_take_signal(&got));
    assert_int_equal(got.pgrp, pgrp);
    assert_int_equal(got.signal, signal);
}

static void assert_no_signal(void)
{
    struct env_test_signal got;

    assert_false(env_test_take_signal(&got));
}

/* A waiter that counts events, as a read that waits has one. */
struct counting_waiter {
    struct readiness_waiter waiter;
    unsigned told;
    uint32_t events;
};

static bool count_event(struct readiness_waiter *waiter, uint32_t events)
{
    struct counting_waiter *self = container_of(waiter, struct counting_waiter, waiter);

    self->told++;
    self->events |= events;
    return true;
}

static void wait_for(struct fake_terminal *t, struct counting_waiter *w, uint32_t mask)
{
    *w = (struct counting_waiter){.waiter = {.mask = mask, .notify = count_event}};
    readiness_add(t->pollable->ops->readiness(t->pollable), &w->waiter);
}

static void wait_no_more(struct fake_terminal *t, struct counting_waiter *w)
{
    readiness_remove(t->pollable->ops->readiness(t->pollable), &w->waiter);
}

static unsigned told(struct counting_waiter *w)
{
    unsigned n = w->told;

    w->told = 0;
    return n;
}

#define MS 1000000u

/* ---- The object ---- */

static void test_faces(void **state)
{
    (void)state;
    struct fake_terminal t;
    oskit_stream_t *stream;
    void *other;
    oskit_stat_t stat;
    oskit_s32_t value;
    char *name;
    oskit_u32_t rdev;

    fake_terminal_open(&t);
    assert_int_equal(oskit_ttystream_query(t.stream, &oskit_stream_iid, (void **)&stream), 0);
    assert_ptr_equal(stream, t.stream);
    assert_int_equal(oskit_stream_seek(stream, 0, OSKIT_SEEK_SET, NULL), OSKIT_ESPIPE);
    assert_int_equal(oskit_stream_setsize(stream, 0), OSKIT_E_NOTIMPL);
    assert_int_equal(oskit_stream_commit(stream, 0), OSKIT_E_NOTIMPL);
    oskit_stream_release(stream);
    assert_int_equal(oskit_ttystream_query(t.stream, &sluice_absvec_iid, &other),
                     OSKIT_E_NOINTERFACE);
    for (size_t slot = 0; slot < sizeof *t.stream->ops / sizeof(void *); slot++)
        assert_non_null(((void **)t.stream->ops)[slot]);
    assert_int_equal(oskit_posixio_stat(t.posixio, &stat), 0);
    assert_true(OSKIT_S_ISCHR(stat.mode));
    assert_int_equal(stat.rdev, DEVICE_NUMBER(4, 99));
    assert_int_equal(oskit_posixio_pathconf(t.posixio, OSKIT_PC_MAX_CANON, &value), 0);
    assert_int_equal(value, 4095);
    assert_int_equal(oskit_posixio_pathconf(t.posixio, OSKIT_PC_NAME_MAX, &value),
                     OSKIT_E_INVALIDARG);
    assert_int_equal(oskit_ttystream_ttyname(t.stream, &name), 0);
    assert_string_equal(name, "/dev/ttyF0");
    assert_int_equal(t.terminal->ops->device(t.terminal, &rdev), 0);
    assert_int_equal(rdev, DEVICE_NUMBER(4, 99));
    fake_terminal_close(&t);
}

static void test_open(void **state)
{
    (void)state;
    struct fake_terminal t;
    oskit_iunknown_t *again;

    fake_terminal_open(&t);
    assert_true(t.fake.active);
    assert_int_equal(t.fake.configured, 1);
    assert_int_equal(tty_port_open(&t.fake.port, &again), 0);
    assert_ptr_equal(again, t.object);
    oskit_iunknown_release(again);
    fake_terminal_close(&t);
    assert_false(t.fake.active);
}

/* Settings and size stay with the line from one open to the next. */
static void test_reopen(void **state)
{
    (void)state;
    struct fake_port fake;
    oskit_iunknown_t *object;
    struct terminal_settings settings;

    fake_port_init(&fake);
    ENV_TEST_EACH_FAILURE
    {
        oskit_error_t error = tty_port_open(&fake.port, &object);
        assert_int_equal(error, env_test_failed() ? OSKIT_ENOMEM : 0);
        if (error != 0) {
            assert_null(object);
            continue;
        }
        sluice_terminal_t *terminal = sluice_query_face(object, &sluice_terminal_iid);
        terminal->ops->getsettings(terminal, &settings);
        settings.lflag ^= TERM_ECHO;
        assert_int_equal(terminal->ops->setsettings(terminal, TERMINAL_NOW, &settings), 0);
        oskit_iunknown_release(terminal);
        oskit_iunknown_release(object);
        assert_int_equal(fake.port.settings.lflag, settings.lflag);
    }
    tty_receive(&fake.port, (const uint8_t *)"x", NULL, 1); /* nobody has it open: dropped */
    tty_transmit_ready(&fake.port);
    tty_port_hangup(&fake.port);
    assert_int_equal(tty_receive_room(&fake.port), 0);
    assert_int_equal(fake.sent_count, 0);
    fake_port_fini(&fake);
}

/* What was written before the close still goes out, then the line closes. */
static void test_close_with_output(void **state)
{
    (void)state;
    struct fake_port fake;
    oskit_iunknown_t *object;
    oskit_u32_t actual;

    fake_port_init(&fake);
    fake.capacity = 0;
    for (int hangup = 0; hangup < 2; hangup++) {
        assert_int_equal(tty_port_open(&fake.port, &object), 0);
        oskit_ttystream_t *stream = sluice_query_face(object, &oskit_ttystream_iid);
        assert_int_equal(oskit_ttystream_write(stream, "bye", 3, &actual), 0);
        oskit_ttystream_release(stream);
        oskit_iunknown_release(object);
        assert_true(fake.active);
        if (hangup)
            tty_port_hangup(&fake.port);
        else
            fake_port_allow(&fake, 3);
        assert_false(fake.active);
        assert_null(fake.port.tty);
    }
    assert_int_equal(fake.sent_count, 3);
    fake_port_fini(&fake);
}

static void test_ttydev(void **state)
{
    (void)state;
    struct fake_port fake;
    oskit_ttydev_t *dev;
    oskit_devinfo_t info;
    oskit_ttystream_t *tty, *other;
    oskit_driver_t *driver;

    fake_port_init(&fake);
    ENV_TEST_EACH_FAILURE
    {
        oskit_error_t error = tty_port_ttydev(&fake.port, "a line made of nothing", &dev);
        assert_int_equal(error, env_test_failed() ? OSKIT_ENOMEM : 0);
        if (error == 0 && env_test_failed())
            oskit_ttydev_release(dev);
    }
    assert_int_equal(oskit_ttydev_getinfo(dev, &info), 0);
    assert_string_equal(info.name, "ttyF0");
    assert_string_equal(info.description, "a line made of nothing");
    assert_int_equal(oskit_ttydev_getdriver(dev, &driver), OSKIT_E_NOTIMPL);
    assert_int_equal(oskit_ttydev_open(dev, 0, &tty), 0);
    assert_int_equal(oskit_ttydev_listen(dev, 0, &other), 0);
    assert_ptr_equal(tty, other);
    oskit_ttystream_release(other);
    oskit_ttystream_release(tty);
    oskit_ttydev_release(dev);
    fake_port_fini(&fake);
}

/* ---- Waiting reads: VMIN and VTIME ---- */

static void test_min_0_time_0(void **state)
{
    (void)state;
    struct fake_terminal t;

    fake_terminal_open(&t);
    change(&t, "raw min=0 time=0");
    assert_reads(&t, 10, true, "");
    fake_terminal_type(&t, "ab");
    assert_reads(&t, 10, true, "ab");
    fake_terminal_close(&t);
}

static void test_min_0_time(void **state)
{
    (void)state;
    struct fake_terminal t;
    struct counting_waiter w;

    env_test_clock_manual(true);
    fake_terminal_open(&t);
    change(&t, "raw min=0 time=5");
    wait_for(&t, &w, READY_READ);
    assert_waits(&t, 10);
    env_test_clock_advance(499 * MS);
    assert_int_equal(told(&w), 0);
    assert_waits(&t, 10);
    env_test_clock_advance(1 * MS);
    assert_int_equal(told(&w), 1);
    assert_reads(&t, 10, true, "");
    assert_waits(&t, 10); /* another read, another timer */
    env_test_clock_advance(300 * MS);
    fake_terminal_type(&t, "a");
    assert_int_equal(told(&w), 1);
    assert_reads(&t, 10, true, "a");
    env_test_clock_advance(1000 * MS);
    assert_int_equal(told(&w), 0); /* the first read's timer has gone with it */
    wait_no_more(&t, &w);
    fake_terminal_close(&t);
    env_test_clock_manual(false);
}

static void test_min_time_0(void **state)
{
    (void)state;
    struct fake_terminal t;
    struct counting_waiter w;

    fake_terminal_open(&t);
    change(&t, "raw min=3 time=0");
    wait_for(&t, &w, READY_READ);
    assert_waits(&t, 10);
    fake_terminal_type(&t, "a");
    fake_terminal_type(&t, "b");
    assert_int_equal(told(&w), 0);
    assert_waits(&t, 10);
    fake_terminal_type(&t, "c");
    assert_int_equal(told(&w), 1);
    assert_reads(&t, 10, true, "abc");
    assert_waits(&t, 2); /* a read of two is content with two, though poll is not */
    fake_terminal_type(&t, "d");
    assert_int_equal(told(&w), 0);
    fake_terminal_type(&t, "e");
    assert_int_equal(told(&w), 1);
    assert_false(fake_terminal_level(&t) & READY_READ);
    assert_reads(&t, 2, true, "de");
    wait_no_more(&t, &w);
    fake_terminal_close(&t);
}

static void test_min_time(void **state)
{
    (void)state;
    struct fake_terminal t;
    struct counting_waiter w;

    env_test_clock_manual(true);
    fake_terminal_open(&t);
    change(&t, "raw min=4 time=5");
    wait_for(&t, &w, READY_READ);
    assert_waits(&t, 10);
    env_test_clock_advance(5000 * MS);
    assert_int_equal(told(&w), 0); /* the timer runs from the first byte on */
    fake_terminal_type(&t, "a");
    assert_waits(&t, 10);
    env_test_clock_advance(400 * MS);
    fake_terminal_type(&t, "b");
    assert_waits(&t, 10);
    told(&w);
    env_test_clock_advance(400 * MS);
    assert_int_equal(told(&w), 0); /* and starts again with each */
    assert_waits(&t, 10);
    env_test_clock_advance(100 * MS);
    assert_int_equal(told(&w), 1);
    assert_reads(&t, 10, true, "ab");
    fake_terminal_type(&t, "cdef");
    assert_reads(&t, 10, true, "cdef");
    fake_terminal_type(&t, "gh");
    assert_reads(&t, 2, true, "gh");
    wait_no_more(&t, &w);
    fake_terminal_close(&t);
    env_test_clock_manual(false);
}

/* Who waited and gave up (a signal came) leaves no timeout behind for the next. */
static void test_timer_of_nobody(void **state)
{
    (void)state;
    struct fake_terminal t;

    env_test_clock_manual(true);
    fake_terminal_open(&t);
    change(&t, "raw min=0 time=5");
    assert_waits(&t, 10);
    env_test_clock_advance(600 * MS);
    assert_false(fake_terminal_level(&t) & READY_READ);
    assert_waits(&t, 10);
    change(&t, "icanon"); /* and a change ends it too */
    env_test_clock_advance(600 * MS);
    assert_waits(&t, 10);
    fake_terminal_close(&t);
    env_test_clock_manual(false);
}

/* ---- Readiness ---- */

static void test_input_events(void **state)
{
    (void)state;
    struct fake_terminal t;
    struct counting_waiter w;

    fake_terminal_open(&t);
    wait_for(&t, &w, READY_READ);
    fake_terminal_type(&t, "abc");
    assert_int_equal(told(&w), 0);
    fake_terminal_type(&t, "\n");
    assert_int_equal(told(&w), 1);
    fake_terminal_type(&t, "d");
    assert_int_equal(told(&w), 0);
    fake_terminal_type(&t, "\n"); /* readable already: still an event */
    assert_int_equal(told(&w), 1);
    assert_reads(&t, 10, false, "abc\n");
    assert_true(fake_terminal_level(&t) & READY_READ);
    assert_reads(&t, 10, false, "d\n");
    assert_false(fake_terminal_level(&t) & READY_READ);
    change(&t, "-icanon");
    told(&w);
    fake_terminal_type(&t, "e");
    fake_terminal_type(&t, "f");
    assert_int_equal(told(&w), 2);
    wait_no_more(&t, &w);
    fake_terminal_close(&t);
}

static void test_output_events(void **state)
{
    (void)state;
    struct fake_terminal t;
    struct counting_waiter w;
    static char text[8192];
    size_t actual;

    memset(text, 'x', sizeof text);
    fake_terminal_open(&t);
    t.fake.capacity = 0;
    wait_for(&t, &w, READY_WRITE | READY_DRAINED);
    assert_int_equal(fake_terminal_level(&t), READY_WRITE | READY_DRAINED);
    assert_int_equal(fake_terminal_write(&t, text, sizeof text, &actual), 0);
    assert_int_equal(actual, 4096);
    assert_int_equal(fake_terminal_level(&t), 0);
    assert_int_equal(fake_terminal_write(&t, text, 1, &actual), OSKIT_EWOULDBLOCK);
    assert_int_equal(actual, 0);
    fake_port_allow(&t.fake, 100);
    assert_int_equal(told(&w), 0); /* not for so little */
    assert_int_equal(fake_terminal_write(&t, text, 200, &actual), 0);
    assert_int_equal(actual, 100);
    fake_port_allow(&t.fake, 3000);
    assert_int_equal(told(&w), 1);
    assert_int_equal(fake_terminal_level(&t), READY_WRITE);
    fake_port_allow(&t.fake, SIZE_MAX);
    assert_int_equal(told(&w), 1);
    assert_int_equal(fake_terminal_level(&t), READY_WRITE | READY_DRAINED);
    assert_int_equal(t.fake.sent_count, 4096 + 100);
    wait_no_more(&t, &w);
    fake_terminal_close(&t);
}

static oskit_error_t count_call(oskit_iunknown_t *object, void *arg)
{
    (void)object;
    ++*(unsigned *)arg;
    return OSKIT_SUCCESS;
}

static void test_listeners(void **state)
{
    (void)state;
    struct fake_terminal t;
    unsigned calls = 0;
    oskit_listener_t *listener = oskit_create_listener(count_call, &calls);

    fake_terminal_open(&t);
    assert_int_equal(oskit_asyncio_poll(t.asyncio), OSKIT_ASYNCIO_WRITABLE);
    assert_int_equal(oskit_asyncio_add_listener(t.asyncio, listener, OSKIT_ASYNCIO_READABLE), 0);
    fake_terminal_type(&t, "ab\n");
    assert_int_equal(calls, 1);
    assert_int_equal(oskit_asyncio_readable(t.asyncio), 3);
    assert_int_equal(oskit_asyncio_poll(t.asyncio),
                     OSKIT_ASYNCIO_READABLE | OSKIT_ASYNCIO_WRITABLE);
    assert_int_equal(oskit_asyncio_remove_listener(t.asyncio, listener), 0);
    oskit_listener_release(listener);
    fake_terminal_close(&t);
}

/* ---- Moving bytes ---- */

/* The seed's read and write, which take kernel memory and whose read never waits for VMIN. */
static void test_stream(void **state)
{
    (void)state;
    struct fake_terminal t;
    char buffer[16];
    oskit_u32_t actual;

    fake_terminal_open(&t);
    assert_int_equal(oskit_ttystream_write(t.stream, "a\n", 2, &actual), 0);
    assert_int_equal(actual, 2);
    assert_shows(&t, "a\r\n");
    assert_int_equal(oskit_ttystream_read(t.stream, buffer, 16, &actual), OSKIT_EWOULDBLOCK);
    change(&t, "-icanon min=5");
    fake_terminal_type(&t, "xy");
    assert_int_equal(oskit_ttystream_read(t.stream, buffer, 16, &actual), 0);
    assert_int_equal(actual, 2);
    assert_int_equal(oskit_ttystream_read(t.stream, buffer, 0, &actual), 0);
    fake_terminal_close(&t);
}

static void test_faults(void **state)
{
    (void)state;
    struct fake_terminal t;
    static char page[8192];
    size_t actual;

    fake_terminal_open(&t);
    env_test_bad_user(page + 4096, 4096);
    fake_terminal_type(&t, "hello\n");
    assert_int_equal(fake_terminal_read(&t, page + 4096, 10, true, &actual), OSKIT_EFAULT);
    assert_int_equal(actual, 0);
    fake_terminal_type(&t, "hello\n");
    assert_int_equal(fake_terminal_read(&t, page + 4092, 10, true, &actual), 0);
    assert_int_equal(actual, 4);
    fake_port_shown(&t.fake, &actual);
    memcpy(page + 4092, "abcd", 4);
    assert_int_equal(fake_terminal_write(&t, page + 4096, 10, &actual), OSKIT_EFAULT);
    assert_int_equal(fake_terminal_write(&t, page + 4092, 10, &actual), 0);
    assert_int_equal(actual, 4);
    assert_shows(&t, "abcd");
    env_test_bad_user(NULL, 0);
    fake_terminal_close(&t);
}

/* A read over several segments, longer than what is copied at once. */
static void test_segments(void **state)
{
    (void)state;
    struct fake_terminal t;
    static char text[4001], a[1000], b[2000], c[4000];
    struct sluice_iovec segments[] = {{a, sizeof a}, {NULL, 0}, {b, sizeof b}, {c, sizeof c}};
    struct sluice_uio uio;
    size_t actual;

    for (size_t i = 0; i < 4000; i++)
        text[i] = (char)('a' + i % 26);
    fake_terminal_open(&t);
    change(&t, "-echo");
    fake_terminal_type(&t, text);
    fake_terminal_type(&t, "\n");
    uio_init(&uio, segments, 4, true);
    assert_int_equal(t.streamvec->ops->readv(t.streamvec, &uio, 0, &actual), 0);
    assert_int_equal(actual, 4001);
    assert_memory_equal(a, text, 1000);
    assert_memory_equal(b, text + 1000, 2000);
    assert_memory_equal(c, text + 3000, 1000);
    assert_int_equal(c[1000], '\n');
    fake_terminal_close(&t);
}

/* ---- Limits ---- */

static void type_many(struct fake_terminal *t, char c, size_t n)
{
    char text[2] = {c, '\0'};

    while (n-- > 0)
        fake_terminal_type(t, text);
}

/* MAX_CANON: a line of 4095 bytes and its end; the last of those beyond takes the last place, as in
 * Linux. */
static void test_long_line(void **state)
{
    (void)state;
    struct fake_terminal t;
    static char buffer[8192];
    size_t actual;

    fake_terminal_open(&t);
    type_many(&t, 'a', 4094);
    type_many(&t, 'b', 1000);
    assert_false(t.fake.holding);
    fake_terminal_type(&t, "\n");
    assert_int_equal(fake_terminal_read(&t, buffer, sizeof buffer, true, &actual), 0);
    assert_int_equal(actual, 4096);
    assert_memory_equal(buffer + 4093, "ab\n", 3);
    type_many(&t, 'c', 5000);
    fake_terminal_type(&t, "\177\177\177\177d\n"); /* it can be edited */
    assert_int_equal(fake_terminal_read(&t, buffer, sizeof buffer, true, &actual), 0);
    assert_int_equal(actual, 4095 - 4 + 2);
    assert_memory_equal(buffer + actual - 3, "cd\n", 3);
    fake_terminal_close(&t);
}

static void test_bell(void **state)
{
    (void)state;
    struct fake_terminal t;
    static char buffer[8192];
    size_t actual;

    fake_terminal_open(&t);
    change(&t, "imaxbel");
    type_many(&t, 'a', 4095);
    fake_port_shown(&t.fake, &actual);
    fake_terminal_type(&t, "bcd");
    assert_shows(&t, "\a\a\a");
    fake_terminal_type(&t, "\177e\n");
    assert_int_equal(fake_terminal_read(&t, buffer, sizeof buffer, true, &actual), 0);
    assert_int_equal(actual, 4096);
    assert_memory_equal(buffer + 4093, "ae\n", 3);
    fake_terminal_close(&t);
}

/* With PARMRK a byte may become three, so a third of the room counts. */
static void test_parmrk_room(void **state)
{
    (void)state;
    struct fake_terminal t;
    static char buffer[8192];
    size_t actual;

    fake_terminal_open(&t);
    change(&t, "raw parmrk");
    while (!t.fake.holding)
        fake_terminal_type(&t, "\377");
    assert_int_equal(fake_terminal_read(&t, buffer, sizeof buffer, true, &actual), 0);
    assert_in_range(actual, 4000, 4096);
    fake_terminal_close(&t);
}

/* No room and nobody reads: first the sender is asked to pause, then the port to hold, then bytes
 * are lost and counted. */
static void test_backlog(void **state)
{
    (void)state;
    struct fake_terminal t;
    static char buffer[8192];
    size_t actual;

    fake_terminal_open(&t);
    change(&t, "raw");
    type_many(&t, 'a', 4095 - 127);
    assert_true(t.fake.paused);
    assert_false(t.fake.holding);
    type_many(&t, 'a', 127);
    assert_false(t.fake.holding);
    assert_int_equal(tty_receive_room(&t.fake.port), 0);
    type_many(&t, 'b', 1);
    assert_true(t.fake.holding);
    type_many(&t, 'b', 255);
    assert_int_equal(t.fake.port.overruns, 0);
    type_many(&t, 'c', 10);
    assert_int_equal(t.fake.port.overruns, 10);
    assert_int_equal(fake_terminal_read(&t, buffer, sizeof buffer, true, &actual), 0);
    assert_int_equal(actual, 4095);
    assert_false(t.fake.holding);
    assert_int_equal(fake_terminal_read(&t, buffer, sizeof buffer, true, &actual), 0);
    assert_int_equal(actual, 256);
    assert_int_equal(buffer[255], 'b');
    assert_false(t.fake.paused);
    fake_terminal_close(&t);
}

static void test_ixoff(void **state)
{
    (void)state;
    struct fake_terminal t;
    static char buffer[8192];
    size_t actual;

    fake_terminal_open(&t);
    change(&t, "raw ixoff");
    t.fake.capacity = 0;
    assert_int_equal(fake_terminal_write(&t, "out", 3, &actual), 0);
    type_many(&t, 'a', 4000);
    fake_port_allow(&t.fake, 2);
    assert_shows(&t, "\023o"); /* ahead of what waits */
    fake_port_allow(&t.fake, SIZE_MAX);
    assert_shows(&t, "ut");
    assert_int_equal(fake_terminal_read(&t, buffer, sizeof buffer, true, &actual), 0);
    assert_shows(&t, "\021");
    assert_int_equal(oskit_ttystream_flow(t.stream, OSKIT_TCIOFF), 0);
    assert_int_equal(oskit_ttystream_flow(t.stream, OSKIT_TCION), 0);
    assert_shows(&t, "\023\021");
    assert_int_equal(oskit_ttystream_flow(t.stream, 9), OSKIT_E_INVALIDARG);
    fake_terminal_close(&t);
}

/* Echo has room of its own behind a program's output, and keeps its place there. */
static void test_echo_behind_output(void **state)
{
    (void)state;
    struct fake_terminal t;
    static char text[4096];
    size_t actual;

    memset(text, '.', sizeof text);
    fake_terminal_open(&t);
    t.fake.capacity = 0;
    assert_int_equal(fake_terminal_write(&t, text, sizeof text, &actual), 0);
    fake_terminal_type(&t, "ab\177c\n");
    assert_int_equal(fake_terminal_write(&t, "z", 1, &actual), OSKIT_EWOULDBLOCK);
    fake_port_allow(&t.fake, SIZE_MAX);
    assert_int_equal(fake_terminal_write(&t, "z", 1, &actual), 0);
    const uint8_t *shown = fake_port_shown(&t.fake, &actual);
    assert_int_equal(actual, 4096 + 8 + 1);
    assert_memory_equal(shown + 4096, "ab\b \bc\r\nz", 9);
    fake_terminal_close(&t);
}

/* ---- Changing ---- */

static void test_set_after_drain(void **state)
{
    (void)state;
    struct fake_terminal t;
    struct terminal_settings settings;
    size_t actual;

    fake_terminal_open(&t);
    settings = fake_terminal_settings(&t);
    t.fake.capacity = 0;
    assert_int_equal(fake_terminal_write(&t, "abc", 3, &actual), 0);
    fake_terminal_type(&t, "x\n");
    settings.lflag &= ~TERM_ECHO;
    assert_int_equal(t.terminal->ops->setsettings(t.terminal, TERMINAL_FLUSH, &settings),
                     OSKIT_EWOULDBLOCK);
    assert_true(fake_terminal_settings(&t).lflag & TERM_ECHO);
    assert_int_equal(oskit_asyncio_readable(t.asyncio), 2); /* nothing was dropped yet */
    oskit_u32_t pending;
    t.terminal->ops->pending_output(t.terminal, &pending);
    assert_int_equal(pending, 3 + 3);
    fake_port_allow(&t.fake, SIZE_MAX);
    assert_true(fake_terminal_level(&t) & READY_DRAINED);
    assert_int_equal(t.terminal->ops->setsettings(t.terminal, TERMINAL_FLUSH, &settings), 0);
    assert_int_equal(oskit_asyncio_readable(t.asyncio), 0);
    fake_terminal_close(&t);
}

static void test_flush(void **state)
{
    (void)state;
    struct fake_terminal t;
    size_t actual;

    fake_terminal_open(&t);
    t.fake.capacity = 0;
    fake_terminal_write(&t, "abc", 3, &actual);
    fake_terminal_type(&t, "x\ny");
    assert_int_equal(oskit_ttystream_flush(t.stream, OSKIT_TCIFLUSH), 0);
    assert_waits(&t, 10);
    assert_int_equal(t.fake.flushed, 0);
    assert_int_equal(oskit_ttystream_flush(t.stream, OSKIT_TCIOFLUSH), 0);
    assert_int_equal(t.fake.flushed, 1);
    fake_port_allow(&t.fake, SIZE_MAX);
    assert_shows(&t, "");
    assert_int_equal(oskit_ttystream_flush(t.stream, 4), OSKIT_E_INVALIDARG);
    fake_terminal_close(&t);
}

static void test_refused_settings(void **state)
{
    (void)state;
    struct fake_terminal t;
    struct terminal_settings settings;

    fake_terminal_open(&t);
    settings = fake_terminal_settings(&t);
    settings.lflag |= TERM_EXTPROC;
    settings.cflag = (settings.cflag & ~TERM_CBAUD) | terminal_speed_code(9600);
    settings.ospeed = 5; /* the code counts */
    assert_int_equal(t.terminal->ops->setsettings(t.terminal, TERMINAL_NOW, &settings), 0);
    settings = fake_terminal_settings(&t);
    assert_false(settings.lflag & TERM_EXTPROC);
    assert_int_equal(settings.ospeed, 9600);
    assert_int_equal(settings.ispeed, 9600);
    fake_terminal_close(&t);
}

static void test_speeds(void **state)
{
    (void)state;

    assert_int_equal(terminal_speed(0), 0);
    assert_int_equal(terminal_speed(TERM_CS8 | 015), 9600);
    assert_int_equal(terminal_speed(TERM_CS8 | 010002), 115200);
    assert_int_equal(terminal_speed_code(115200), 010002);
    assert_int_equal(terminal_speed_code(0), 0);
    assert_int_equal(terminal_speed_code(12345), TERM_BOTHER);
    assert_int_equal(terminal_speed_code(4000000), 010017);
}

/* The seed's termios has FreeBSD's values; what it can't say stays as it is. */
static void test_bsd_termios(void **state)
{
    (void)state;
    struct fake_terminal t;
    struct oskit_termios termios;

    fake_terminal_open(&t);
    change(&t, "tab3 min=7 time=3 eol=x");
    assert_int_equal(oskit_ttystream_getattr(t.stream, &termios), 0);
    assert_int_equal(termios.iflag, OSKIT_ICRNL | OSKIT_IXON);
    assert_int_equal(termios.oflag, OSKIT_OPOST | OSKIT_ONLCR | 4);
    assert_int_equal(termios.cflag, OSKIT_CS8 | OSKIT_CREAD | OSKIT_HUPCL | OSKIT_CLOCAL);
    assert_int_equal(termios.lflag & (OSKIT_ICANON | OSKIT_ECHO | OSKIT_ISIG | OSKIT_TOSTOP),
                     OSKIT_ICANON | OSKIT_ECHO | OSKIT_ISIG);
    assert_int_equal(termios.cc[OSKIT_VINTR], 3);
    assert_int_equal(termios.cc[OSKIT_VEOL], 'x');
    assert_int_equal(termios.cc[2], OSKIT_VDISABLE);
    assert_int_equal(termios.cc[OSKIT_VMIN], 7);
    assert_int_equal(termios.cc[OSKIT_VTIME], 3);
    assert_int_equal(termios.ospeed, 115200);
    struct terminal_settings before = fake_terminal_settings(&t);
    assert_int_equal(oskit_ttystream_setattr(t.stream, OSKIT_TCSANOW, &termios), 0);
    struct terminal_settings after = fake_terminal_settings(&t);
    assert_memory_equal(&before, &after, sizeof before);
    termios.lflag &= ~(OSKIT_ICANON | OSKIT_ECHO);
    termios.cflag = (termios.cflag & ~OSKIT_CSIZE) | OSKIT_CS7 | OSKIT_PARENB;
    termios.cc[OSKIT_VINTR] = OSKIT_VDISABLE;
    termios.ospeed = 9600;
    assert_int_equal(oskit_ttystream_setattr(t.stream, &termios), 0);
    after = fake_terminal_settings(&t);
    assert_int_equal(after.lflag & (TERM_ICANON | TERM_ECHO), 0);
    assert_int_equal(after.cflag & (TERM_CSIZE | TERM_PARENB), TERM_CS7 | TERM_PARENB);
    assert_int_equal(after.cc[TERM_VINTR], 0);
    assert_int_equal(after.ospeed, 9600);
    assert_int_equal(terminal_speed(after.cflag), 9600);
    assert_int_equal(oskit_ttystream_setattr(t.stream, 3, &termios), OSKIT_E_INVALIDARG);
    fake_terminal_close(&t);
}

/* ---- Job control ---- */

static oskit_error_t judgement;
static int asked_signal;

static oskit_error_t judge(int32_t sid, int32_t pgrp, int signal)
{
    assert_int_equal(sid, 100);
    assert_int_equal(pgrp, 200);
    asked_signal = signal;
    return judgement;
}

static int asked(void)
{
    int signal = asked_signal;

    asked_signal = 0;
    return signal;
}

static void test_job_control(void **state)
{
    (void)state;
    struct fake_terminal t;
    struct terminal_settings settings;
    char buffer[8];
    size_t actual;

    fake_terminal_open(&t);
    settings = fake_terminal_settings(&t);
    t.terminal->ops->attach(t.terminal, 100, 200);
    env_test_set_job_check(judge);
    judgement = OSKIT_EINTR;
    fake_terminal_type(&t, "a\n");
    assert_int_equal(fake_terminal_read(&t, buffer, 8, true, &actual), OSKIT_EINTR);
    assert_int_equal(asked(), 21);
    assert_int_equal(fake_terminal_write(&t, "x", 1, &actual), 0); /* TOSTOP is off */
    assert_int_equal(asked(), 0);
    assert_int_equal(t.terminal->ops->setsettings(t.terminal, TERMINAL_NOW, &settings),
                     OSKIT_EINTR);
    assert_int_equal(asked(), 22);
    assert_int_equal(oskit_ttystream_setpgrp(t.stream, 300), OSKIT_EINTR);
    assert_int_equal(oskit_ttystream_flush(t.stream, OSKIT_TCIFLUSH), OSKIT_EINTR);
    assert_int_equal(oskit_ttystream_flow(t.stream, OSKIT_TCOON), OSKIT_EINTR);
    assert_int_equal(oskit_ttystream_sendbreak(t.stream, 0), OSKIT_EINTR);
    assert_int_equal(oskit_ttystream_drain(t.stream), OSKIT_EINTR);
    judgement = OSKIT_EIO; /* orphaned */
    assert_int_equal(fake_terminal_read(&t, buffer, 8, true, &actual), OSKIT_EIO);
    judgement = OSKIT_SUCCESS;
    settings.lflag |= TERM_TOSTOP;
    assert_int_equal(t.terminal->ops->setsettings(t.terminal, TERMINAL_NOW, &settings), 0);
    judgement = OSKIT_EINTR;
    asked();
    assert_int_equal(fake_terminal_write(&t, "x", 1, &actual), OSKIT_EINTR);
    assert_int_equal(asked(), 22);
    judgement = OSKIT_SUCCESS;
    assert_reads(&t, 8, true, "a\n");
    fake_terminal_close(&t);
}

static void test_session(void **state)
{
    (void)state;
    struct fake_terminal t;
    oskit_pid_t pid;

    fake_terminal_open(&t);
    assert_int_equal(oskit_ttystream_getsid(t.stream, &pid), OSKIT_ENOTTY);
    assert_int_equal(oskit_ttystream_getpgrp(t.stream, &pid), OSKIT_ENOTTY);
    assert_int_equal(oskit_ttystream_setpgrp(t.stream, 5), OSKIT_ENOTTY);
    fake_terminal_type(&t, "\003");
    assert_no_signal(); /* nobody's */
    assert_int_equal(t.terminal->ops->attach(t.terminal, 10, 20), 0);
    assert_int_equal(t.terminal->ops->attach(t.terminal, 11, 20), OSKIT_E_ACCESSDENIED);
    assert_int_equal(oskit_ttystream_getsid(t.stream, &pid), 0);
    assert_int_equal(pid, 10);
    assert_int_equal(oskit_ttystream_setpgrp(t.stream, 0), OSKIT_E_INVALIDARG);
    assert_int_equal(oskit_ttystream_setpgrp(t.stream, 30), 0);
    assert_int_equal(oskit_ttystream_getpgrp(t.stream, &pid), 0);
    assert_int_equal(pid, 30);
    fake_terminal_type(&t, "\032");
    assert_signal(30, 20);
    t.terminal->ops->detach(t.terminal, 11);
    fake_terminal_type(&t, "\034");
    assert_signal(30, 3);
    t.terminal->ops->detach(t.terminal, 10);
    assert_int_equal(oskit_ttystream_getsid(t.stream, &pid), OSKIT_ENOTTY);
    fake_terminal_close(&t);
}

static void test_window_size(void **state)
{
    (void)state;
    struct fake_terminal t;
    struct terminal_size size = {0}, got;

    fake_terminal_open(&t);
    t.terminal->ops->attach(t.terminal, 10, 20);
    assert_int_equal(t.terminal->ops->setsize(t.terminal, &size), 0);
    assert_no_signal();
    size.rows = 24;
    size.columns = 80;
    assert_int_equal(t.terminal->ops->setsize(t.terminal, &size), 0);
    assert_signal(20, 28);
    t.terminal->ops->setsize(t.terminal, &size);
    assert_no_signal();
    t.terminal->ops->getsize(t.terminal, &got);
    assert_memory_equal(&size, &got, sizeof size);
    fake_terminal_close(&t);
}

static void test_break_signal(void **state)
{
    (void)state;
    struct fake_terminal t;
    const uint8_t byte = 0, condition = TTY_BREAK;

    fake_terminal_open(&t);
    t.terminal->ops->attach(t.terminal, 10, 20);
    change(&t, "brkint");
    tty_receive(&t.fake.port, &byte, &condition, 1);
    assert_signal(20, 2);
    change(&t, "raw ignbrk");
    tty_receive(&t.fake.port, &byte, &condition, 1);
    assert_waits(&t, 8);
    change(&t, "-ignbrk");
    tty_receive(&t.fake.port, &byte, &condition, 1);
    assert_int_equal(oskit_asyncio_readable(t.asyncio), 1);
    change(&t, "parmrk");
    tty_receive(&t.fake.port, &byte, &condition, 1);
    assert_int_equal(oskit_asyncio_readable(t.asyncio), 4);
    assert_no_signal();
    fake_terminal_close(&t);
}

static void test_damaged_bytes(void **state)
{
    (void)state;
    struct fake_terminal t;
    static const struct {
        const char *settings, *read;
        size_t length;
    } cases[] = {
        {"raw", "ab", 2},
        {"raw inpck", "a\0", 2},
        {"raw inpck ignpar", "a", 1},
        {"raw inpck parmrk", "a\377\0b", 4},
        {"raw parmrk", "ab", 2},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char buffer[8];
        size_t actual;
        fake_terminal_open(&t);
        change(&t, cases[i].settings);
        const uint8_t conditions[] = {TTY_NORMAL, i & 1 ? TTY_PARITY : TTY_FRAME};
        tty_receive(&t.fake.port, (const uint8_t *)"ab", conditions, 2);
        assert_int_equal(fake_terminal_read(&t, buffer, 8, true, &actual), 0);
        assert_int_equal(actual, cases[i].length);
        assert_memory_equal(buffer, cases[i].read, actual);
        fake_terminal_close(&t);
    }
}

static void test_no_receiver(void **state)
{
    (void)state;
    struct fake_terminal t;

    fake_terminal_open(&t);
    change(&t, "-cread");
    fake_terminal_type(&t, "x\n");
    assert_waits(&t, 8);
    assert_shows(&t, "");
    fake_terminal_close(&t);
}

/* ---- Hangup ---- */

static void test_hangup(void **state)
{
    (void)state;
    struct fake_terminal t;
    struct counting_waiter w;
    oskit_iunknown_t *fresh;
    oskit_pid_t pid;
    size_t actual;

    fake_terminal_open(&t);
    t.terminal->ops->attach(t.terminal, 10, 20);
    wait_for(&t, &w, READY_READ);
    fake_terminal_type(&t, "unread\n");
    told(&w);
    assert_int_equal(t.terminal->ops->hangup(t.terminal), 0);
    assert_int_equal(told(&w), 1);
    assert_signal(20, 1);
    assert_signal(20, 18);
    assert_signal(10, 1);
    assert_signal(10, 18);
    assert_no_signal();
    assert_true(fake_terminal_level(&t) & READY_HUP);
    assert_reads(&t, 8, true, "");
    assert_int_equal(fake_terminal_write(&t, "x", 1, &actual), OSKIT_EIO);
    struct terminal_settings settings = fake_terminal_settings(&t);
    assert_int_equal(t.terminal->ops->setsettings(t.terminal, TERMINAL_NOW, &settings), OSKIT_EIO);
    assert_int_equal(t.terminal->ops->attach(t.terminal, 10, 20), OSKIT_EIO);
    assert_false(t.fake.active);
    assert_int_equal(oskit_ttystream_getsid(t.stream, &pid), OSKIT_ENOTTY);
    assert_int_equal(t.terminal->ops->hangup(t.terminal), 0);
    assert_no_signal();
    /* The line can be opened anew while old holders are still about. */
    assert_int_equal(tty_port_open(&t.fake.port, &fresh), 0);
    assert_ptr_not_equal(fresh, t.object);
    t.terminal->ops->hangup(t.terminal);
    assert_true(t.fake.active);
    fake_terminal_type(&t, "new\n");
    assert_reads(&t, 8, true, "");
    wait_no_more(&t, &w);
    oskit_iunknown_release(fresh);
    fake_terminal_close(&t);
}

/* ---- Threads ---- */

#define LINES 400

struct crowd {
    struct fake_terminal t;
    struct env_sleep done;
    _Atomic unsigned running, lines, writes;
};

struct sleeping_waiter {
    struct readiness_waiter waiter;
    struct env_sleep sleep;
};

static bool wake(struct readiness_waiter *waiter, uint32_t events)
{
    (void)events;
    env_wakeup(&container_of(waiter, struct sleeping_waiter, waiter)->sleep);
    return true;
}

/* try, register, try again, sleep: once round. */
static oskit_error_t read_or_sleep(struct crowd *crowd, char *buffer, size_t size, size_t *actual)
{
    struct readiness *readiness = crowd->t.pollable->ops->readiness(crowd->t.pollable);
    struct sleeping_waiter w = {.waiter = {.mask = READY_READ, .notify = wake}};

    env_sleep_init(&w.sleep);
    readiness_add(readiness, &w.waiter);
    oskit_error_t error = fake_terminal_read(&crowd->t, buffer, size, true, actual);
    if (error == OSKIT_EWOULDBLOCK)
        env_sleep(&w.sleep, ENV_FOREVER);
    readiness_remove(readiness, &w.waiter);
    return error;
}

static void leave_crowd(struct crowd *crowd)
{
    if (atomic_fetch_sub(&crowd->running, 1) == 1)
        env_wakeup(&crowd->done);
}

/* Each line goes to one reader, whole. */
static void reader(void *arg)
{
    struct crowd *crowd = arg;
    char buffer[700];
    size_t actual;

    for (;;) {
        oskit_error_t error = read_or_sleep(crowd, buffer, sizeof buffer, &actual);
        if (error == OSKIT_EWOULDBLOCK)
            continue;
        assert_int_equal(error, 0);
        if (actual == 0)
            break; /* hung up */
        assert_int_equal(buffer[actual - 1], '\n');
        for (size_t i = 1; i < actual - 1; i++)
            assert_int_equal(buffer[i], buffer[0]);
        atomic_fetch_add(&crowd->lines, 1);
    }
    leave_crowd(crowd);
}

static void writer(void *arg)
{
    struct crowd *crowd = arg;
    static const char text[] = "0123456789\n";
    size_t actual;

    while (fake_terminal_write(&crowd->t, text, 11, &actual) != OSKIT_EIO) {
        if (actual > 0 && atomic_fetch_add(&crowd->writes, 1) == 2000)
            break;
    }
    leave_crowd(crowd);
}

static void changer(void *arg)
{
    struct crowd *crowd = arg;
    struct terminal_settings settings = fake_terminal_settings(&crowd->t);

    settings.lflag &= ~TERM_ECHO;
    for (int i = 0; i < 300; i++) {
        settings.iflag ^= TERM_IUTF8;
        settings.oflag ^= TERM_ONLCR;
        crowd->t.terminal->ops->setsettings(crowd->t.terminal, TERMINAL_NOW, &settings);
    }
    leave_crowd(crowd);
}

static void type_lines(struct crowd *crowd)
{
    char line[602];

    for (unsigned i = 0; i < LINES; i++) {
        size_t length = 1 + i * 37 % 600;
        memset(line, 'a' + (int)(i % 26), length);
        line[length] = '\n';
        line[length + 1] = '\0';
        while (tty_receive_room(&crowd->t.fake.port) < length + 1)
            env_sleep(&(struct env_sleep){0}, env_time_monotonic() + 100000);
        fake_terminal_type(&crowd->t, line);
    }
}

static void test_crowd(void **state)
{
    (void)state;
    static struct crowd crowd;
    void (*const members[])(void *) = {reader, reader, reader, writer, changer};

    memset(&crowd, 0, sizeof crowd);
    fake_terminal_open(&crowd.t);
    change(&crowd.t, "-echo");
    env_sleep_init(&crowd.done);
    atomic_store(&crowd.running, 5);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(env_thread_start("member", members[i], &crowd), 0);
    type_lines(&crowd);
    while (oskit_asyncio_readable(crowd.t.asyncio) > 0)
        env_sleep(&(struct env_sleep){0}, env_time_monotonic() + 100000);
    crowd.t.terminal->ops->hangup(crowd.t.terminal);
    env_sleep(&crowd.done, ENV_FOREVER);
    env_test_join_threads();
    assert_int_equal(crowd.lines, LINES);
    fake_terminal_close(&crowd.t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_faces),
        HARNESS_TEST(test_open),
        HARNESS_TEST(test_reopen),
        HARNESS_TEST(test_close_with_output),
        HARNESS_TEST(test_ttydev),
        HARNESS_TEST(test_min_0_time_0),
        HARNESS_TEST(test_min_0_time),
        HARNESS_TEST(test_min_time_0),
        HARNESS_TEST(test_min_time),
        HARNESS_TEST(test_timer_of_nobody),
        HARNESS_TEST(test_input_events),
        HARNESS_TEST(test_output_events),
        HARNESS_TEST(test_listeners),
        HARNESS_TEST(test_stream),
        HARNESS_TEST(test_faults),
        HARNESS_TEST(test_segments),
        HARNESS_TEST(test_long_line),
        HARNESS_TEST(test_bell),
        HARNESS_TEST(test_parmrk_room),
        HARNESS_TEST(test_backlog),
        HARNESS_TEST(test_ixoff),
        HARNESS_TEST(test_echo_behind_output),
        HARNESS_TEST(test_set_after_drain),
        HARNESS_TEST(test_flush),
        HARNESS_TEST(test_refused_settings),
        HARNESS_TEST(test_speeds),
        HARNESS_TEST(test_bsd_termios),
        HARNESS_TEST(test_job_control),
        HARNESS_TEST(test_session),
        HARNESS_TEST(test_window_size),
        HARNESS_TEST(test_break_signal),
        HARNESS_TEST(test_damaged_bytes),
        HARNESS_TEST(test_no_receiver),
        HARNESS_TEST(test_hangup),
        HARNESS_TEST(test_crowd),
    };

    return cmocka_run_group_tests_name("tty", tests, NULL, NULL);
}
