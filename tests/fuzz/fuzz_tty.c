/*
 * A terminal: settings of all kinds, bytes and line errors typed, reads, writes, flow, time. While
 * the line is set raw, what is read must be what was typed; always, what readiness promises must
 * hold.
 */
#include "fuzz.h"
#include "fake_port.h"
#include <oskit/io/ttystream.h>

#define TYPED_MAX 65536u

static struct fake_terminal t;
static bool raw; /* since a flush only plain settings were in force */
static uint8_t typed[TYPED_MAX];
static size_t typed_head, typed_tail;

static void set(struct choices *choices, bool plain)
{
    struct terminal_settings settings = fake_terminal_settings(&t);
    enum terminal_when when = (enum terminal_when)choices_next(choices, 3);

    if (plain) {
        settings.iflag = settings.lflag = 0;
        settings.cflag = TERM_CS8 | TERM_CREAD | TERM_CLOCAL | (settings.cflag & TERM_CBAUD);
        settings.cc[TERM_VMIN] = 1;
        settings.cc[TERM_VTIME] = 0;
    } else {
        settings.iflag = choices_next(choices, 1u << 16);
        settings.oflag = choices_next(choices, 1u << 16);
        settings.lflag = choices_next(choices, 1u << 17);
        settings.cflag = choices_next(choices, UINT32_MAX);
        settings.ospeed = choices_next(choices, UINT32_MAX);
        size_t which = choices_next(choices, TERMINAL_NCCS);
        settings.cc[which] = (uint8_t)choices_next(choices, 256);
    }
    oskit_error_t err = t.terminal->ops->setsettings(t.terminal, when, &settings);
    if (err != OSKIT_EWOULDBLOCK) {
        assert_true(err == 0 || err == OSKIT_EIO);
        raw = plain && when == TERMINAL_FLUSH && err == 0;
        typed_head = typed_tail = 0;
    }
}

static void type(struct choices *choices, bool errors)
{
    size_t n = choices_next(choices, 256);
    uint8_t conditions[256], bytes[256] = {0};

    /* A line full of the same finds the buffers' ends. */
    if (choices_next(choices, 8) == 0)
        memset(bytes, (int)choices_next(choices, 256), n);
    else
        memcpy(bytes, fuzz_take(choices, &n), n);
    for (size_t i = 0; i < n; i++)
        conditions[i] = errors ? (uint8_t)choices_next(choices, 4) : TTY_NORMAL;
    if (raw && (t.fake.holding || errors || typed_tail + n > TYPED_MAX))
        raw = false;
    env_test_interrupt_enter();
    tty_receive(&t.fake.port, bytes, errors ? conditions : NULL, n);
    env_test_interrupt_leave();
    if (raw) {
        memcpy(typed + typed_tail, bytes, n);
        typed_tail += n;
    }
}

static void check_raw(const uint8_t *bytes, size_t size, oskit_error_t err, size_t actual)
{
    size_t there = typed_tail - typed_head;

    if (err == OSKIT_EWOULDBLOCK)
        assert_true(there == 0 || size == 0);
    assert_true(actual <= there);
    assert_memory_equal(bytes, typed + typed_head, actual);
    typed_head += actual;
}

static void get(struct choices *choices)
{
    size_t size = choices_next(choices, 5000), actual = 0;
    bool wait = choices_next(choices, 2) != 0;
    uint32_t level = fake_terminal_level(&t);
    uint8_t *bytes = malloc(size + 1);

    env_test_bad_user(bytes + size, 1);
    oskit_error_t err = fake_terminal_read(&t, bytes, size, wait, &actual);
    env_test_bad_user(NULL, 0);
    assert_true(actual <= size);
    assert_true(err == 0 || err == OSKIT_EWOULDBLOCK || err == OSKIT_EIO);
    if (level & READY_READ)
        assert_true(err != OSKIT_EWOULDBLOCK || wait);
    if (raw)
        check_raw(bytes, size, err, actual);
    free(bytes);
}

static void put(struct choices *choices)
{
    size_t size = choices_next(choices, 5000), actual = 0, n = 64;
    uint32_t level = fake_terminal_level(&t);
    uint8_t *bytes = malloc(size + 1);
    const uint8_t *text = fuzz_take(choices, &n);

    for (size_t i = 0; i < size; i++)
        bytes[i] = n != 0 ? text[i % n] : (uint8_t)i;
    oskit_error_t err = fake_terminal_write(&t, bytes, size, &actual);
    assert_true(actual <= size && (err == 0 || actual == 0));
    assert_true(err == 0 || err == OSKIT_EWOULDBLOCK || err == OSKIT_EIO);
    if (level & READY_WRITE)
        assert_true(err != OSKIT_EWOULDBLOCK);
    free(bytes);
}

static void control(struct choices *choices)
{
    static const size_t rooms[] = {0, 1, 7, SIZE_MAX};
    struct terminal_size size = {(uint16_t)choices_next(choices, 256), 80, 0, 0};
    uint32_t pending, number = choices_next(choices, 4);

    switch (choices_next(choices, 8)) {
    case 0:
        fake_port_allow(&t.fake, rooms[number]);
        break;
    case 1:
        env_test_clock_advance((uint64_t)number * number * 150000000);
        break;
    case 2:
        oskit_ttystream_flow(t.stream, (int)number + 1);
        break;
    case 3:
        oskit_ttystream_flush(t.stream, (int)number);
        raw = false;
        break;
    case 4:
        assert_int_equal(t.terminal->ops->setsize(t.terminal, &size), 0);
        break;
    case 5:
        oskit_ttystream_sendbreak(t.stream, (uint32_t)number);
        break;
    case 6:
        assert_int_equal(t.terminal->ops->pending_output(t.terminal, &pending), 0);
        t.fake.busy = number == 3;
        break;
    default:
        /* Rarely: little happens afterwards. */
        if (choices_next(choices, 256) == 255) {
            tty_port_hangup(&t.fake.port);
            raw = false;
        }
    }
}

static void step(struct choices *choices)
{
    uint32_t what = choices_next(choices, 16);

    if (what < 2)
        set(choices, what == 1);
    else if (what < 8)
        type(choices, what == 2);
    else if (what < 11)
        get(choices);
    else if (what < 13)
        put(choices);
    else
        control(choices);
    assert_true(oskit_asyncio_readable(t.asyncio) >= 0);
    /* The screen scrolls. */
    t.fake.sent_count = t.fake.shown_count = 0;
}

void fuzz_one(const uint8_t *bytes, size_t size)
{
    struct choices choices = choices_from_bytes(bytes, size);

    fake_terminal_open(&t);
    raw = false;
    typed_head = typed_tail = 0;
    assert_int_equal(t.terminal->ops->attach(t.terminal, 10, 20), 0);
    while (!choices_over(&choices))
        step(&choices);
    t.terminal->ops->hangup(t.terminal);
    fake_terminal_close(&t);
}
