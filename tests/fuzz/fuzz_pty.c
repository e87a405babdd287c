/*
 * A pseudo-terminal: bytes both ways, packet mode, settings, flow, ends that close and open again.
 * While the line is plain, each side must read exactly what the other wrote.
 */
#include "fuzz.h"
#include <oskit/io/ttystream.h>
#include <sluice/pty.h>
#include <sluice/readiness.h>
#include <sluice/terminal.h>
#include <sluice/vecio.h>

#define ROOM 65536u

struct side {
    oskit_iunknown_t *object; /* NULL: closed */
    sluice_streamvec_t *streamvec;
    struct readiness *readiness;
    /* What was written to this side's reader and not read yet, while the line is plain. */
    uint8_t queue[ROOM];
    size_t head, tail;
};

static struct side master, slave;
static sluice_pty_t *pty;
static sluice_terminal_t *terminal;
static oskit_ttystream_t *stream;
static bool plain;
static uint8_t serial;

static void side_open(struct side *side, oskit_iunknown_t *object)
{
    sluice_pollable_t *pollable = sluice_query_face(object, &sluice_pollable_iid);

    side->object = object;
    side->streamvec = sluice_query_face(object, &sluice_streamvec_iid);
    side->readiness = pollable->ops->readiness(pollable);
    oskit_iunknown_release(pollable);
}

static void side_close(struct side *side)
{
    oskit_iunknown_release(side->streamvec);
    oskit_iunknown_release(side->object);
    side->object = NULL;
}

static void slave_open(void)
{
    oskit_iunknown_t *object;

    assert_int_equal(pty->ops->open(pty, &object), 0);
    side_open(&slave, object);
    terminal = sluice_query_face(object, &sluice_terminal_iid);
    stream = sluice_query_face(object, &oskit_ttystream_iid);
    terminal->ops->opened(terminal);
}

static void slave_close(void)
{
    terminal->ops->closed(terminal);
    oskit_iunknown_release(terminal);
    oskit_iunknown_release(stream);
    side_close(&slave);
}

static void set(struct choices *choices, bool to_plain)
{
    struct terminal_settings settings;

    assert_int_equal(terminal->ops->getsettings(terminal, &settings), 0);
    plain = false;
    if (to_plain) {
        settings.iflag = settings.oflag = settings.lflag = 0;
        settings.cflag = TERM_CS8 | TERM_CREAD | TERM_CLOCAL | (settings.cflag & TERM_CBAUD);
        settings.cc[TERM_VMIN] = 1;
        settings.cc[TERM_VTIME] = 0;
    } else {
        settings.iflag = choices_next(choices, 1u << 16);
        settings.oflag = choices_next(choices, 1u << 16);
        settings.lflag = choices_next(choices, 1u << 17);
        size_t which = choices_next(choices, TERMINAL_NCCS);
        settings.cc[which] = (uint8_t)choices_next(choices, 256);
    }
    oskit_error_t err = terminal->ops->setsettings(terminal, TERMINAL_FLUSH, &settings);
    if (!to_plain || err != 0)
        return;
    oskit_ttystream_flow(stream, OSKIT_TCOON);
    oskit_ttystream_flush(stream, OSKIT_TCIOFLUSH);
    pty->ops->discard(pty);
    master.head = master.tail = slave.head = slave.tail = 0;
    plain = true;
}

static void put(struct choices *choices, struct side *from, struct side *to)
{
    size_t size = choices_next(choices, 6000), actual = 0, n = 32;
    uint8_t bytes[6000];
    struct sluice_iovec segment = {bytes, size};
    struct sluice_uio uio;
    bool ready = (readiness_level(from->readiness) & READY_WRITE) != 0;
    const uint8_t *text = fuzz_take(choices, plain ? &(size_t){0} : &n);

    for (size_t i = 0; i < size; i++)
        bytes[i] = plain || n == 0 ? serial++ : text[i % n];
    uio_init(&uio, &segment, 1, true);
    oskit_error_t err = from->streamvec->ops->writev(from->streamvec, &uio, 0, &actual);
    assert_true(actual <= size && (err == 0 || actual == 0));
    assert_true(err == 0 || err == OSKIT_EWOULDBLOCK || err == OSKIT_EIO);
    assert_true(err != OSKIT_EWOULDBLOCK || !ready);
    if (plain && to->tail + actual > ROOM)
        plain = false;
    if (plain) {
        memcpy(to->queue + to->tail, bytes, actual);
        to->tail += actual;
    }
}

static void get(struct choices *choices, struct side *side)
{
    size_t size = 1 + choices_next(choices, 6000), actual = 0, skip = 0;
    uint8_t bytes[6001];
    struct sluice_iovec segment = {bytes, size};
    struct sluice_uio uio;
    bool ready = (readiness_level(side->readiness) & READY_READ) != 0;

    uio_init(&uio, &segment, 1, true);
    oskit_error_t err = side->streamvec->ops->readv(side->streamvec, &uio, VECIO_NONBLOCK, &actual);
    assert_true(actual <= size && (err == 0 || actual == 0));
    assert_true(err == 0 || err == OSKIT_EWOULDBLOCK || err == OSKIT_EIO);
    assert_true(err != OSKIT_EWOULDBLOCK || !ready);
    if (side == &master && actual > 0 && pty->ops->packet(pty)) {
        skip = 1;
        assert_true(bytes[0] == 0 || actual == 1);
    }
    if (!plain)
        return;
    assert_true(actual - skip <= side->tail - side->head);
    assert_memory_equal(bytes + skip, side->queue + side->head, actual - skip);
    side->head += actual - skip;
}

static void control(struct choices *choices)
{
    uint32_t number = choices_next(choices, 4);
    struct terminal_size size = {(uint16_t)number, 80, 0, 0};

    switch (choices_next(choices, 7)) {
    case 0:
        pty->ops->setpacket(pty, number & 1);
        break;
    case 1:
        oskit_ttystream_flow(stream, (int)number + 1);
        /* TCIOFF and TCION send characters. */
        plain = plain && number < 2;
        break;
    case 2:
        oskit_ttystream_flush(stream, (int)number);
        plain = false;
        break;
    case 3:
        pty->ops->discard(pty);
        plain = false;
        break;
    case 4:
        assert_int_equal(terminal->ops->setsize(terminal, &size), 0);
        break;
    case 5:
        /* What was written stays for the other side. */
        slave_close();
        while (number-- > 0)
            get(choices, &master);
        slave_open();
        break;
    default:
        env_test_clock_advance((uint64_t)number * 100000000);
    }
}

void fuzz_one(const uint8_t *bytes, size_t size)
{
    struct choices choices = choices_from_bytes(bytes, size);
    oskit_iunknown_t *object;

    plain = false;
    serial = 0;
    assert_int_equal(pty_create(&object), 0);
    side_open(&master, object);
    pty = sluice_query_face(object, &sluice_pty_iid);
    pty->ops->setlock(pty, false);
    slave_open();
    assert_int_equal(terminal->ops->attach(terminal, 10, 20), 0);
    set(&choices, true);
    while (!choices_over(&choices)) {
        uint32_t what = choices_next(&choices, 16);
        if (what == 0)
            set(&choices, choices_next(&choices, 2) != 0);
        else if (what < 4)
            control(&choices);
        else if (what < 8)
            get(&choices, what < 6 ? &master : &slave);
        else
            put(&choices, what < 12 ? &master : &slave, what < 12 ? &slave : &master);
    }
    if (serial % 2 == 0)
        slave_close();
    oskit_iunknown_release(pty);
    side_close(&master);
    if (slave.object != NULL)
        slave_close();
}
