/* Our tty on a fake port as a kind of terminal. */
#include "harness.h"
#include "fake_port.h"
#include "terminal_case.h"

static void *ours_open(void)
{
    struct fake_terminal *t = malloc(sizeof *t);

    fake_terminal_open(t);
    assert_int_equal(t->terminal->ops->attach(t->terminal, 10, 20), OSKIT_SUCCESS);
    return t;
}

/* By a hangup: output that is stopped would keep the terminal alive. */
static void ours_close(void *terminal)
{
    struct fake_terminal *t = terminal;
    struct env_test_signal signal;

    t->terminal->ops->hangup(t->terminal);
    while (env_test_take_signal(&signal))
        continue;
    fake_terminal_close(t);
    free(t);
}

static void ours_set(void *terminal, const struct terminal_settings *settings, bool flush)
{
    struct fake_terminal *t = terminal;

    assert_int_equal(
        t->terminal->ops->setsettings(t->terminal, flush ? TERMINAL_FLUSH : TERMINAL_NOW, settings),
        OSKIT_SUCCESS);
}

static void ours_type(void *terminal, const uint8_t *bytes, size_t n)
{
    struct fake_terminal *t = terminal;

    env_test_interrupt_enter();
    tty_receive(&t->fake.port, bytes, NULL, n);
    env_test_interrupt_leave();
}

static int ours_read(void *terminal, uint8_t *buffer, size_t size)
{
    size_t actual;
    oskit_error_t error = fake_terminal_read(terminal, buffer, size, false, &actual);

    if (error == OSKIT_EWOULDBLOCK)
        return -1;
    assert_int_equal(error, OSKIT_SUCCESS);
    return (int)actual;
}

static int ours_write(void *terminal, const uint8_t *bytes, size_t n)
{
    size_t actual;
    oskit_error_t error = fake_terminal_write(terminal, bytes, n, &actual);

    return error == OSKIT_SUCCESS ? (int)actual : -1;
}

static size_t ours_shown(void *terminal, uint8_t *buffer, size_t size)
{
    struct fake_terminal *t = terminal;
    size_t n;
    const uint8_t *shown = fake_port_shown(&t->fake, &n);

    n = n < size ? n : size;
    memcpy(buffer, shown, n);
    return n;
}

static uint32_t ours_signals(void *terminal)
{
    struct env_test_signal signal;
    uint32_t bits = 0;

    (void)terminal;
    while (env_test_take_signal(&signal)) {
        assert_int_equal(signal.pgrp, 20);
        bits |= 1u << signal.signal;
    }
    return bits;
}

static bool ours_readable(void *terminal)
{
    return fake_terminal_level(terminal) & READY_READ;
}

static int ours_waiting(void *terminal)
{
    struct fake_terminal *t = terminal;

    return oskit_asyncio_readable(t->asyncio);
}

static void ours_flow(void *terminal, bool on)
{
    struct fake_terminal *t = terminal;

    assert_int_equal(oskit_ttystream_flow(t->stream, on ? OSKIT_TCOON : OSKIT_TCOOFF),
                     OSKIT_SUCCESS);
}

const struct terminal_kind terminal_ours = {
    .open = ours_open,
    .close = ours_close,
    .set = ours_set,
    .type = ours_type,
    .read = ours_read,
    .write = ours_write,
    .shown = ours_shown,
    .signals = ours_signals,
    .readable = ours_readable,
    .waiting = ours_waiting,
    .flow = ours_flow,
};
