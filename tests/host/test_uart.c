/* The 16550 driver against a 16550 made of software. */
#include "harness.h"
#include "fake_uart.h"

#include <oskit/fs/file.h>
#include <oskit/io/ttystream.h>
#include <sluice/device.h>
#include <sluice/readiness.h>
#include <sluice/terminal.h>
#include <sluice/uart.h>
#include <sluice/vecio.h>

struct line {
    struct fake_uart uart;
    struct tty_port *port;
    oskit_ttystream_t *tty;
    sluice_terminal_t *terminal;
};

static void open_line(struct line *line)
{
    oskit_iunknown_t *object;

    assert_int_equal(device_open(false, DEVICE_NUMBER(4, 64), OSKIT_O_RDWR, &object), 0);
    line->tty = sluice_query_face(object, &oskit_ttystream_iid);
    line->terminal = sluice_query_face(object, &sluice_terminal_iid);
    oskit_iunknown_release(object);
    fake_uart_run(&line->uart);
}

static void close_line(struct line *line)
{
    oskit_ttystream_release(line->tty);
    oskit_iunknown_release(line->terminal);
}

static void line_up(struct line *line, bool quick)
{
    fake_uart_init(&line->uart, quick);
    assert_int_equal(uart16550_attach(FAKE_UART_BASE, FAKE_UART_LINE, 0, &line->port), 0);
    open_line(line);
    line->uart.accesses = line->uart.status_reads = 0;
}

static void line_down(struct line *line)
{
    close_line(line);
    uart16550_detach(line->port);
}

static void set(struct line *line, void (*change)(struct terminal_settings *))
{
    struct terminal_settings settings;

    line->terminal->ops->getsettings(line->terminal, &settings);
    change(&settings);
    assert_int_equal(line->terminal->ops->setsettings(line->terminal, TERMINAL_NOW, &settings), 0);
}

static void raw(struct terminal_settings *s)
{
    s->iflag = s->oflag = s->lflag = 0;
}

static size_t write_line(struct line *line, const void *bytes, size_t n)
{
    oskit_u32_t actual;
    oskit_error_t error = oskit_ttystream_write(line->tty, bytes, (oskit_u32_t)n, &actual);

    assert_true(error == 0 || error == OSKIT_EWOULDBLOCK);
    return actual;
}

static size_t read_line(struct line *line, void *buffer, size_t n)
{
    oskit_u32_t actual;
    oskit_error_t error = oskit_ttystream_read(line->tty, buffer, (oskit_u32_t)n, &actual);

    assert_true(error == 0 || error == OSKIT_EWOULDBLOCK);
    return actual;
}

/* ---- Finding it ---- */

static void test_probe(void **state)
{
    (void)state;
    struct fake_uart uart;
    struct tty_port *port;

    assert_false(uart16550_probe(FAKE_UART_BASE)); /* no hooks: reads give ones */
    assert_int_equal(uart16550_attach(FAKE_UART_BASE, 4, 0, &port), OSKIT_ENODEV);
    assert_null(port);
    fake_uart_init(&uart, true);
    uart.ier = 5;
    assert_true(uart16550_probe(FAKE_UART_BASE));
    assert_int_equal(uart.ier, 5);
    assert_int_equal(uart16550_attach(FAKE_UART_BASE, 4, 32, &port), OSKIT_E_INVALIDARG);
}

static void test_attach(void **state)
{
    (void)state;
    struct fake_uart uart;
    struct tty_port *port, *second;
    oskit_iunknown_t *object;

    fake_uart_init(&uart, true);
    ENV_TEST_EACH_FAILURE
    {
        oskit_error_t error = uart16550_attach(FAKE_UART_BASE, FAKE_UART_LINE, 12, &port);
        assert_int_equal(error, env_test_failed() ? OSKIT_ENOMEM : 0);
        if (error == 0) {
            assert_string_equal(port->path, "/dev/ttyS12");
            assert_int_equal(port->device.number, DEVICE_NUMBER(4, 76));
            uart16550_detach(port);
        }
    }
    assert_int_equal(uart16550_attach(FAKE_UART_BASE, FAKE_UART_LINE, 0, &port), 0);
    assert_int_equal(uart16550_attach(FAKE_UART_BASE, FAKE_UART_LINE, 0, &second), OSKIT_EEXIST);
    assert_null(second);
    assert_int_equal(uart.ier, 0);
    ENV_TEST_EACH_FAILURE
    {
        oskit_error_t error = device_open(false, DEVICE_NUMBER(4, 64), 0, &object);
        assert_int_equal(error, env_test_failed() ? OSKIT_ENOMEM : 0);
        if (error == 0)
            oskit_iunknown_release(object);
    }
    uart16550_detach(port);
    assert_int_equal(device_open(false, DEVICE_NUMBER(4, 64), 0, &object), OSKIT_ENXIO);
}

/* Opening raises the modem lines and lets interrupts through; closing undoes it. */
static void test_open_close(void **state)
{
    (void)state;
    struct line line;

    line_up(&line, true);
    assert_int_equal(line.uart.mcr, 0x0b);
    assert_int_equal(line.uart.ier, 0x05);
    assert_int_equal(line.uart.lcr, 0x03);
    assert_int_equal(line.uart.divisor, 1);
    assert_int_equal(line.uart.fcr & 1, 1);
    close_line(&line);
    assert_int_equal(line.uart.mcr, 0);
    assert_int_equal(line.uart.ier, 0);
    fake_uart_receive(&line.uart, 'x', 0);
    open_line(&line);
    assert_int_equal(line.uart.receive_count, 0);
    line_down(&line);
}

/* What comes in before the driver, and between it and the first open, is not lost. */
static void test_early_input(void **state)
{
    (void)state;
    struct line line;
    char buffer[16];

    fake_uart_init(&line.uart, true);
    fake_uart_receive(&line.uart, 'l', 0);
    assert_int_equal(uart16550_attach(FAKE_UART_BASE, FAKE_UART_LINE, 0, &line.port), 0);
    fake_uart_receive(&line.uart, 's', 0);
    fake_uart_receive(&line.uart, '\n', 0);
    open_line(&line);
    assert_int_equal(read_line(&line, buffer, sizeof buffer), 3);
    assert_memory_equal(buffer, "ls\n", 3);
    line_down(&line);
}

/* ---- Sending ---- */

/* One status read for 16 bytes, no interrupt: 1.06 accesses a byte. */
static void test_send_quick(void **state)
{
    (void)state;
    struct line line;
    static char text[4096];

    line_up(&line, true);
    memset(text, 'x', sizeof text);
    unsigned enables = line.uart.interrupt_enables;
    assert_int_equal(write_line(&line, text, sizeof text), sizeof text);
    assert_int_equal(line.uart.sent_count, sizeof text);
    assert_memory_equal(line.uart.sent, text, sizeof text);
    assert_int_equal(line.uart.status_reads, sizeof text / 16);
    assert_int_equal(line.uart.accesses, sizeof text + sizeof text / 16);
    assert_int_equal(line.uart.interrupt_enables, enables);
    assert_false(fake_uart_interrupting(&line.uart));
    line_down(&line);
}

static void test_send_slow(void **state)
{
    (void)state;
    struct line line;
    struct uart16550_counts before, after;
    static char text[100];

    line_up(&line, false);
    uart16550_counts(line.port, &before);
    memset(text, 'y', sizeof text);
    assert_int_equal(write_line(&line, text, sizeof text), sizeof text);
    assert_int_equal(line.uart.transmit_count, 16);
    assert_int_equal(line.uart.ier & 2, 2);
    unsigned interrupts = 0;
    while (line.uart.transmit_count > 0) {
        fake_uart_transmit(&line.uart, 5); /* the FIFO's becoming empty is what counts */
        interrupts += fake_uart_run(&line.uart);
    }
    assert_int_equal(line.uart.sent_count, sizeof text);
    assert_int_equal(line.uart.ier & 2, 0);
    assert_int_equal(interrupts, 7 - 1);
    uart16550_counts(line.port, &after);
    assert_int_equal(after.sent - before.sent, sizeof text);
    assert_int_equal(after.interrupts - before.interrupts, interrupts);
    line_down(&line);
}

/* A 16450: no FIFO, one byte at a time. */
static void test_send_without_fifo(void **state)
{
    (void)state;
    struct line line;

    fake_uart_init(&line.uart, false);
    line.uart.old = true;
    assert_int_equal(uart16550_attach(FAKE_UART_BASE, FAKE_UART_LINE, 0, &line.port), 0);
    open_line(&line);
    assert_int_equal(write_line(&line, "abc", 3), 3);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(line.uart.transmit_count, 1);
        fake_uart_transmit(&line.uart, 1);
        fake_uart_run(&line.uart);
    }
    assert_memory_equal(line.uart.sent, "abc", 3);
    assert_int_equal(line.uart.ier & 2, 0);
    line_down(&line);
}

/* drain asks the hardware, which tells nobody when its last byte has left: the terminal asks again.
 */
static void test_drain(void **state)
{
    (void)state;
    struct line line;
    sluice_pollable_t *pollable;

    env_test_clock_manual(true);
    line_up(&line, false);
    pollable = sluice_query_face(line.tty, &sluice_pollable_iid);
    struct readiness *readiness = pollable->ops->readiness(pollable);
    assert_int_equal(oskit_ttystream_drain(line.tty), 0);
    write_line(&line, "abc", 3);
    assert_int_equal(oskit_ttystream_drain(line.tty), OSKIT_EWOULDBLOCK);
    assert_false(readiness_level(readiness) & READY_DRAINED);
    env_test_clock_advance(5000000);
    assert_false(readiness_level(readiness) & READY_DRAINED);
    fake_uart_transmit(&line.uart, 3);
    line.uart.shifting = true;
    env_test_clock_advance(1000000);
    assert_false(readiness_level(readiness) & READY_DRAINED);
    line.uart.shifting = false;
    env_test_clock_advance(1000000);
    assert_true(readiness_level(readiness) & READY_DRAINED);
    assert_int_equal(oskit_ttystream_drain(line.tty), 0);
    oskit_iunknown_release(pollable);
    line_down(&line);
    env_test_clock_manual(false);
}

static void with_cts(struct terminal_settings *s)
{
    s->cflag |= TERM_CRTSCTS;
}

static void test_cts(void **state)
{
    (void)state;
    struct line line;

    line_up(&line, true);
    set(&line, with_cts);
    write_line(&line, "ab", 2);
    assert_int_equal(line.uart.sent_count, 0);
    assert_int_equal(fake_uart_run(&line.uart), 0);
    assert_int_equal(line.uart.ier, 0x0d);
    fake_uart_modem(&line.uart, 0x10);
    assert_int_equal(fake_uart_run(&line.uart), 1);
    assert_int_equal(line.uart.sent_count, 2);
    fake_uart_modem(&line.uart, 0);
    fake_uart_run(&line.uart);
    write_line(&line, "c", 1);
    assert_int_equal(line.uart.sent_count, 2);
    fake_uart_modem(&line.uart, 0x10);
    fake_uart_run(&line.uart);
    assert_int_equal(line.uart.sent_count, 3);
    line_down(&line);
}

static void with_carrier(struct terminal_settings *s)
{
    s->cflag &= ~TERM_CLOCAL;
}

static void test_carrier(void **state)
{
    (void)state;
    struct line line;
    oskit_u32_t actual;

    line_up(&line, true);
    fake_uart_modem(&line.uart, 0x80 | 0x08);
    fake_uart_run(&line.uart);
    fake_uart_modem(&line.uart, 0x08); /* the carrier goes: CLOCAL doesn't mind */
    assert_int_equal(fake_uart_run(&line.uart), 0);
    assert_int_equal(write_line(&line, "x", 1), 1);
    set(&line, with_carrier);
    fake_uart_modem(&line.uart, 0x80 | 0x08);
    fake_uart_run(&line.uart);
    assert_int_equal(write_line(&line, "x", 1), 1);
    fake_uart_modem(&line.uart, 0x08);
    fake_uart_run(&line.uart);
    assert_int_equal(oskit_ttystream_write(line.tty, "x", 1, &actual), OSKIT_EIO);
    line_down(&line);
}

/* ---- Receiving ---- */

static void test_receive(void **state)
{
    (void)state;
    struct line line;
    struct uart16550_counts counts;
    char buffer[64];

    line_up(&line, true);
    assert_int_equal(fake_uart_type(&line.uart, "hello\r", 6), 6);
    assert_int_equal(read_line(&line, buffer, sizeof buffer), 6);
    assert_memory_equal(buffer, "hello\n", 6);
    assert_memory_equal(line.uart.sent, "hello\r\n", 7);
    uart16550_counts(line.port, &counts);
    assert_int_equal(counts.received, 6);
    assert_int_equal(counts.overruns, 0);
    line_down(&line);
}

static void marking(struct terminal_settings *s)
{
    raw(s);
    s->iflag = TERM_PARMRK | TERM_INPCK;
}

static void test_line_errors(void **state)
{
    (void)state;
    struct line line;
    struct uart16550_counts counts;
    uint8_t buffer[64];

    line_up(&line, true);
    set(&line, marking);
    fake_uart_receive(&line.uart, 'a', 0);
    fake_uart_receive(&line.uart, 'b', 0x04); /* parity */
    fake_uart_receive(&line.uart, 'c', 0x08); /* framing */
    fake_uart_receive(&line.uart, 0, 0x18);   /* break */
    fake_uart_receive(&line.uart, 'd', 0);
    line.uart.errors |= 2;
    write_line(&line, "x", 1); /* a look at the status for sending must not lose the errors */
    fake_uart_run(&line.uart);
    static const uint8_t expected[] = "a\377\0b\377\0c\377\0\0d";
    assert_int_equal(read_line(&line, buffer, sizeof buffer), sizeof expected - 1);
    assert_memory_equal(buffer, expected, sizeof expected - 1);
    uart16550_counts(line.port, &counts);
    assert_int_equal(counts.parity, 1);
    assert_int_equal(counts.framing, 1);
    assert_int_equal(counts.breaks, 1);
    assert_int_equal(counts.overruns, 1);
    assert_int_equal(line.port->overruns, 1);
    line_down(&line);
}

/* A reader who doesn't read holds the sender up; nothing is lost and the order stays. */
static void test_hold(void **state)
{
    (void)state;
    struct line line;
    static char text[8000], buffer[8000];
    size_t typed = 0, got = 0;

    line_up(&line, true);
    set(&line, raw);
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)('a' + i % 23 + i / 1000);
    typed = fake_uart_type(&line.uart, text, sizeof text);
    assert_in_range(typed, 4095, 4095 + 64 + 16);
    assert_int_equal(line.uart.ier & 1, 0);
    assert_false(fake_uart_interrupting(&line.uart));
    while (typed < sizeof text || got < typed) {
        got += read_line(&line, buffer + got, 1000);
        fake_uart_run(&line.uart);
        typed += fake_uart_type(&line.uart, text + typed, sizeof text - typed);
    }
    assert_int_equal(got, sizeof text);
    assert_memory_equal(buffer, text, sizeof text);
    assert_int_equal(line.port->overruns, 0);
    line_down(&line);
}

/* Edge-triggered: when a handler leaves, nothing may be left that asks; but a broken chip does not
 * keep the machine. */
static void test_stuck(void **state)
{
    (void)state;
    struct line line;

    line_up(&line, true);
    line.uart.stuck = true;
    fake_uart_run(&line.uart);
    fake_uart_run(&line.uart);
    const char *said = strstr(env_test_log(), "ttyS0: interrupt does not go away");
    assert_non_null(said);
    assert_null(strstr(said + 1, "ttyS0:"));
    line.uart.stuck = false;
    assert_int_equal(env_test_irq(FAKE_UART_LINE), 0);
    line_down(&line);
}

/* ---- The line ---- */

static void odd_7(struct terminal_settings *s)
{
    s->cflag = (s->cflag & ~(TERM_CSIZE | TERM_CBAUD)) | TERM_CS7 | TERM_PARENB | TERM_PARODD |
               TERM_CSTOPB | terminal_speed_code(9600);
}

static void even_stick_5(struct terminal_settings *s)
{
    s->cflag = (s->cflag & ~(TERM_CSIZE | TERM_PARODD | TERM_CSTOPB)) | TERM_CS5 | TERM_CMSPAR;
}

static void other_speed(struct terminal_settings *s)
{
    s->cflag = (s->cflag & ~TERM_CBAUD) | TERM_BOTHER;
    s->ospeed = 1;
}

static void too_fast(struct terminal_settings *s)
{
    s->cflag = (s->cflag & ~TERM_CBAUD) | terminal_speed_code(4000000);
}

static void hang_up(struct terminal_settings *s)
{
    s->cflag &= ~TERM_CBAUD;
}

static void test_settings(void **state)
{
    (void)state;
    struct line line;
    struct terminal_settings settings;

    line_up(&line, true);
    set(&line, odd_7);
    assert_int_equal(line.uart.lcr, 0x02 | 0x04 | 0x08);
    assert_int_equal(line.uart.divisor, 12);
    set(&line, even_stick_5);
    assert_int_equal(line.uart.lcr, 0x00 | 0x08 | 0x10 | 0x20);
    set(&line, other_speed);
    assert_int_equal(line.uart.divisor, 0xffff);
    set(&line, too_fast);
    assert_int_equal(line.uart.divisor, 1);
    line.terminal->ops->getsettings(line.terminal, &settings);
    assert_int_equal(settings.ospeed, 115200);
    assert_int_equal(terminal_speed(settings.cflag), 115200);
    set(&line, hang_up);
    assert_int_equal(line.uart.mcr & 3, 0);
    line_down(&line);
}

static uint32_t modem(struct line *line, uint32_t raise, uint32_t drop)
{
    oskit_u32_t lines;

    assert_int_equal(line->terminal->ops->modem(line->terminal, raise, drop, &lines), 0);
    return lines;
}

static void test_modem_lines(void **state)
{
    (void)state;
    struct line line;

    line_up(&line, true);
    assert_int_equal(modem(&line, 0, 0) & (TERM_MODEM_DTR | TERM_MODEM_RTS),
                     TERM_MODEM_DTR | TERM_MODEM_RTS);
    assert_int_equal(modem(&line, 0, TERM_MODEM_RTS) & TERM_MODEM_RTS, 0);
    assert_int_equal(line.uart.mcr & 3, 1);
    modem(&line, TERM_MODEM_RTS, TERM_MODEM_DTR);
    assert_int_equal(line.uart.mcr & 3, 2);
    fake_uart_modem(&line.uart, 0xb0);
    assert_int_equal(modem(&line, 0, 0),
                     TERM_MODEM_RTS | TERM_MODEM_CTS | TERM_MODEM_DSR | TERM_MODEM_CARRIER);
    fake_uart_modem(&line.uart, 0x40);
    assert_int_equal(modem(&line, 0, 0), TERM_MODEM_RTS | TERM_MODEM_RING);
    line_down(&line);
}

static void test_break(void **state)
{
    (void)state;
    struct line line;

    env_test_clock_manual(true);
    line_up(&line, true);
    assert_int_equal(oskit_ttystream_sendbreak(line.tty, 0), 0);
    assert_int_equal(line.uart.lcr & 0x40, 0x40);
    write_line(&line, "x", 1);
    assert_int_equal(line.uart.sent_count, 0);
    assert_int_equal(oskit_ttystream_drain(line.tty), OSKIT_EWOULDBLOCK);
    env_test_clock_advance(250000000);
    assert_int_equal(line.uart.lcr & 0x40, 0x40);
    env_test_clock_advance(250000000);
    assert_int_equal(line.uart.lcr & 0x40, 0);
    assert_int_equal(line.uart.sent_count, 1);
    assert_int_equal(oskit_ttystream_sendbreak(line.tty, 100), 0);
    close_line(&line); /* it ends all the same */
    env_test_clock_advance(100000000);
    assert_int_equal(line.uart.lcr & 0x40, 0);
    uart16550_detach(line.port);
    env_test_clock_manual(false);
}

/* ---- Without a driver ---- */

static void test_early(void **state)
{
    (void)state;
    struct fake_uart uart;

    fake_uart_init(&uart, true);
    uart16550_early_init(FAKE_UART_BASE);
    assert_int_equal(uart.divisor, 1);
    assert_int_equal(uart.lcr, 3);
    assert_int_equal(uart.ier, 0);
    uart.accesses = 0;
    assert_int_equal(
        uart16550_early_write(FAKE_UART_BASE, "panic: forty bytes of a message, or so.\n", 40), 40);
    assert_int_equal(uart.accesses, 40 + 3);
    assert_memory_equal(uart.sent, "panic: forty bytes of a message, or so.\n", 40);
    assert_int_equal(uart16550_early_read(FAKE_UART_BASE), -1);
    fake_uart_receive(&uart, 'k', 0);
    assert_int_equal(uart16550_early_read(FAKE_UART_BASE), 'k');
    fake_uart_init(&uart, false); /* nobody takes the bytes: given up after a while */
    uart16550_early_init(FAKE_UART_BASE);
    assert_int_equal(uart16550_early_write(FAKE_UART_BASE, "0123456789abcdefX", 17), 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_probe),
        HARNESS_TEST(test_attach),
        HARNESS_TEST(test_open_close),
        HARNESS_TEST(test_early_input),
        HARNESS_TEST(test_send_quick),
        HARNESS_TEST(test_send_slow),
        HARNESS_TEST(test_send_without_fifo),
        HARNESS_TEST(test_drain),
        HARNESS_TEST(test_cts),
        HARNESS_TEST(test_carrier),
        HARNESS_TEST(test_receive),
        HARNESS_TEST(test_line_errors),
        HARNESS_TEST(test_hold),
        HARNESS_TEST(test_stuck),
        HARNESS_TEST(test_settings),
        HARNESS_TEST(test_break),
        HARNESS_TEST(test_modem_lines),
        HARNESS_TEST(test_early),
    };

    return cmocka_run_group_tests_name("uart", tests, NULL, NULL);
}
