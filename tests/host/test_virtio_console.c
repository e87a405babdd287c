/* The virtio console against a device made of software: one port or several, sizes, back pressure,
 * lies, and a device that goes. */
#include "harness.h"
#include "fake_virtio.h"

#include <sched.h>
#include <oskit/fs/file.h>
#include <oskit/io/ttystream.h>
#include <sluice/device.h>
#include <sluice/terminal.h>
#include "drivers/virtio/console.h"

#define RING (VIRTIO_F_INDIRECT | VIRTIO_F_EVENT_IDX)

enum { RECEIVE = 0, SEND = 1, CONTROL_RECEIVE = 2, CONTROL_SEND = 3, SECOND_RECEIVE = 4 };

struct line {
    oskit_ttystream_t *tty;
    sluice_terminal_t *terminal;
};

static struct fake_virtio fake;

static void device_init(uint64_t features)
{
    fake_virtio_init(&fake, VIRTIO_ID_CONSOLE, features | RING);
    fake.queue_count = 6;
    fake.queue_size = 128;
    fake.config[CONFIG_COLS] = 100;
    fake.config[CONFIG_ROWS] = 30;
    fake.config[CONFIG_PORTS] = 2;
}

static void line_open(struct line *line, unsigned index)
{
    oskit_iunknown_t *object;

    assert_int_equal(device_open(false, DEVICE_NUMBER(229, index), OSKIT_O_RDWR, &object), 0);
    line->tty = sluice_query_face(object, &oskit_ttystream_iid);
    line->terminal = sluice_query_face(object, &sluice_terminal_iid);
    oskit_iunknown_release(object);
}

static void line_close(struct line *line)
{
    oskit_ttystream_release(line->tty);
    oskit_iunknown_release(line->terminal);
}

static void raw(struct line *line)
{
    struct terminal_settings settings;

    line->terminal->ops->getsettings(line->terminal, &settings);
    settings.iflag = settings.oflag = settings.lflag = 0;
    assert_int_equal(line->terminal->ops->setsettings(line->terminal, TERMINAL_NOW, &settings), 0);
}

static size_t line_write(struct line *line, const void *bytes, size_t n)
{
    oskit_u32_t actual = 0;
    oskit_error_t error = oskit_ttystream_write(line->tty, bytes, (oskit_u32_t)n, &actual);

    assert_true(error == 0 || error == OSKIT_EWOULDBLOCK);
    return actual;
}

static size_t line_read(struct line *line, void *buffer, size_t n)
{
    oskit_u32_t actual = 0;
    oskit_error_t error = oskit_ttystream_read(line->tty, buffer, (oskit_u32_t)n, &actual);

    assert_true(error == 0 || error == OSKIT_EWOULDBLOCK);
    return actual;
}

/* Takes the next request of QUEUE to TO, up to SIZE bytes, and gives it back; 0: there is none. */
static size_t device_take(unsigned queue, char *to, size_t size)
{
    struct fake_request request;
    size_t n = 0;

    if (!fake_virtio_take(&fake, queue, &request))
        return 0;
    for (unsigned i = 0; i < request.count; i++) {
        assert_false(request.pieces[i].write);
        assert_true(n + request.pieces[i].length <= size);
        memcpy(to + n, request.pieces[i].base, request.pieces[i].length);
        n += request.pieces[i].length;
    }
    fake_virtio_give(&fake, &request, 0);
    return n;
}

/* The same with all that is there. */
static size_t device_collect(unsigned queue, char *to, size_t size)
{
    size_t n = 0, more;

    while ((more = device_take(queue, to + n, size - n)) != 0)
        n += more;
    fake_virtio_interrupt(&fake);
    return n;
}

/* Sends N bytes on QUEUE in one buffer; false when the driver has given none. */
static bool device_send(unsigned queue, const void *bytes, uint32_t n)
{
    struct fake_request request;

    if (!fake_virtio_take(&fake, queue, &request))
        return false;
    assert_true(request.pieces[0].write && request.pieces[0].length >= n);
    memcpy(request.pieces[0].base, bytes, n);
    fake_virtio_give(&fake, &request, n);
    fake_virtio_interrupt(&fake);
    return true;
}

static struct terminal_size size_of(struct line *line)
{
    struct terminal_size size;

    line->terminal->ops->getsize(line->terminal, &size);
    return size;
}

static void test_bytes_and_size_of_one_port(void **state)
{
    struct line line;
    char bytes[64];

    (void)state;
    device_init(CONSOLE_F_SIZE);
    assert_int_equal(virtio_device_attach(&fake.device), 0);
    line_open(&line, 0);
    assert_int_equal(size_of(&line).columns, 100);
    assert_int_equal(size_of(&line).rows, 30);
    assert_int_equal(line_write(&line, "hello\n", 6), 6);
    assert_int_equal(device_collect(SEND, bytes, sizeof bytes), 7);
    assert_memory_equal(bytes, "hello\r\n", 7);
    assert_true(device_send(RECEIVE, "li", 2));
    assert_int_equal(line_read(&line, bytes, sizeof bytes), 0); /* no line yet */
    assert_true(device_send(RECEIVE, "ne\r", 3));
    assert_int_equal(line_read(&line, bytes, sizeof bytes), 5);
    assert_memory_equal(bytes, "line\n", 5);
    fake.config[CONFIG_COLS] = 80;
    virtio_config_interrupt(&fake.device);
    assert_int_equal(size_of(&line).columns, 80);
    line_close(&line);
    virtio_device_detach(&fake.device);
    fake_virtio_free(&fake);
}

/* Writes more than ring and pages hold, to a device that is slow to give them back. */
static void test_nothing_is_lost_to_a_slow_device(void **state)
{
    enum { TOTAL = 200000 };
    static char sent[TOTAL], got[TOTAL];
    struct line line;
    size_t out = 0, in = 0;
    bool stalled = false;

    (void)state;
    device_init(0);
    assert_int_equal(virtio_device_attach(&fake.device), 0);
    line_open(&line, 0);
    raw(&line);
    for (size_t i = 0; i < TOTAL; i++)
        sent[i] = (char)(i * 7 + i / 1000);
    while (out < TOTAL) {
        size_t n = line_write(&line, sent + out, TOTAL - out);
        out += n;
        stalled |= n == 0;
        if (n == 0)
            in += device_collect(SEND, got + in, TOTAL - in);
    }
    while (in < TOTAL)
        in += device_collect(SEND, got + in, TOTAL - in);
    assert_true(stalled);
    assert_memory_equal(sent, got, TOTAL);
    line_close(&line);
    virtio_device_detach(&fake.device);
    fake_virtio_free(&fake);
}

/* A reader that doesn't read holds the sender up, and then gets all of it. */
static void test_nothing_is_lost_to_a_slow_reader(void **state)
{
    enum { TOTAL = 100000 };
    static char got[TOTAL];
    struct line line;
    uint8_t piece[RECEIVE_BYTES];
    size_t out = 0, in = 0;
    bool held = false;

    (void)state;
    device_init(0);
    assert_int_equal(virtio_device_attach(&fake.device), 0);
    line_open(&line, 0);
    raw(&line);
    while (in < TOTAL) {
        size_t n = TOTAL - out < sizeof piece ? TOTAL - out : sizeof piece;
        for (size_t i = 0; i < n; i++)
            piece[i] = (uint8_t)((out + i) * 13 + (out + i) / 500);
        if (n != 0 && device_send(RECEIVE, piece, (uint32_t)n)) {
            out += n;
            continue;
        }
        held |= n != 0;
        in += line_read(&line, got + in, TOTAL - in);
        sched_yield(); /* the resume timer runs by the real clock */
    }
    assert_true(held);
    for (size_t i = 0; i < TOTAL; i++)
        assert_int_equal((uint8_t)got[i], (uint8_t)(i * 13 + i / 500));
    line_close(&line);
    virtio_device_detach(&fake.device);
    fake_virtio_free(&fake);
}

/* ---- Several ports ---- */

struct message {
    uint32_t id;
    uint16_t event, value;
};

/* Waits for the control thread's next word. */
static struct message control_word(void)
{
    struct message message;

    while (device_take(CONTROL_SEND, (char *)&message, sizeof message) == 0)
        sched_yield();
    return message;
}

static void control_say(uint32_t id, uint16_t event, uint16_t value)
{
    struct message message = {id, event, value};

    while (!device_send(CONTROL_RECEIVE, &message, sizeof message))
        sched_yield();
}

static void expect(uint32_t id, uint16_t event, uint16_t value)
{
    struct message message = control_word();

    assert_int_equal(message.id, id);
    assert_int_equal(message.event, event);
    assert_int_equal(message.value, value);
}

static void ports_up(void)
{
    device_init(CONSOLE_F_MULTIPORT);
    assert_int_equal(virtio_device_attach(&fake.device), 0);
    expect(0, 0, 1); /* device ready */
    control_say(1, 1, 1);
    expect(1, 3, 1); /* port ready */
    expect(1, 6, 1); /* port open */
}

static void test_ports_come_by_control(void **state)
{
    struct {
        struct message message;
        uint16_t columns, rows;
    } resize = {{1, 5, 0}, 132, 43};
    struct line line;
    char bytes[16];

    (void)state;
    ports_up();
    control_say(7, 1, 1);  /* more than there are queues for: no answer */
    control_say(1, 99, 1); /* an event of a later specification */
    line_open(&line, 0);   /* port 1 is the first line */
    raw(&line);
    assert_int_equal(line_write(&line, "out", 3), 3);
    assert_int_equal(device_collect(SECOND_RECEIVE + 1, bytes, sizeof bytes), 3);
    assert_true(device_send(SECOND_RECEIVE, "in", 2));
    assert_int_equal(line_read(&line, bytes, sizeof bytes), 2);
    while (!device_send(CONTROL_RECEIVE, &resize, sizeof resize))
        sched_yield();
    while (size_of(&line).columns != 132)
        sched_yield();
    control_say(0, 1, 1);
    expect(0, 3, 1);
    expect(0, 6, 1);
    line_close(&line);
    line_open(&line, 1);
    line_close(&line);
    virtio_device_detach(&fake.device);
    fake_virtio_free(&fake);
}

/* ---- Lies ---- */

static void test_a_lying_device_takes_its_lines_down(void **state)
{
    struct line line;
    char bytes[16];

    (void)state;
    device_init(0);
    assert_int_equal(virtio_device_attach(&fake.device), 0);
    line_open(&line, 0);
    fake_virtio_used(&fake, RECEIVE, 5, 100000, 1);
    fake_virtio_interrupt(&fake);
    virtio_queues_interrupt(&fake.device);
    assert_true(fake.resets >= 2); /* the first one was attach's */
    line_write(&line, "nobody hears", 12);
    assert_int_equal(line_read(&line, bytes, sizeof bytes), 0);
    line_close(&line);
    virtio_device_detach(&fake.device);
    fake_virtio_free(&fake);
}

static void test_a_control_queue_that_lies(void **state)
{
    (void)state;
    ports_up();
    fake_virtio_used(&fake, CONTROL_RECEIVE, 1000, 8, 1);
    unsigned resets = fake.resets;
    virtio_queues_interrupt(&fake.device);
    while (fake.resets == resets)
        sched_yield();
    virtio_device_detach(&fake.device);
    fake_virtio_free(&fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_bytes_and_size_of_one_port),
        HARNESS_TEST(test_nothing_is_lost_to_a_slow_device),
        HARNESS_TEST(test_nothing_is_lost_to_a_slow_reader),
        HARNESS_TEST(test_ports_come_by_control),
        HARNESS_TEST(test_a_lying_device_takes_its_lines_down),
        HARNESS_TEST(test_a_control_queue_that_lies),
    };
    return cmocka_run_group_tests_name("virtio console", tests, NULL, NULL);
}
