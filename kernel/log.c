/*
 * The log. A ring of text whose lines are "<level>[seconds] text\n"; positions count bytes since
 * boot, so a reader that was overtaken knows. The second serial port gets each line without its
 * level, by polling.
 *
 * One lock, taken with interrupts masked because interrupt handlers and traps log too. Nothing is
 * called with it held. After log_break_lock (a panic) the lock is ignored: its holder may be
 * stopped for good.
 */
#include "kernel/log.h"
#include <stdatomic.h>
#include <stdbool.h>
#include <sluice/string.h>
#include "kernel/cpu/clock.h"
#include "kernel/cpu/percpu.h"
#include "kernel/cpu/port.h"
#include "kernel/log_ring.h"

#define RING_SIZE 65536u
#define LINE_MAX  1024u

/* A 16550 at COM2. */
#define PORT       0x2f8
#define PORT_DATA  (PORT + 0)
#define PORT_IER   (PORT + 1)
#define PORT_FCR   (PORT + 2)
#define PORT_LCR   (PORT + 3)
#define PORT_MCR   (PORT + 4)
#define PORT_LSR   (PORT + 5)
#define COM1_LSR   0x3fd
#define LSR_EMPTY  0x20
#define LSR_IDLE   0x40
#define FIFO_DEPTH 16
#define POLL_LIMIT 200000 /* reads of LSR before the port is given up: nobody takes the bytes */

static char ring_text[RING_SIZE];
static struct log_ring ring = {.text = ring_text, .size = RING_SIZE}; /* guarded by the lock */
static int console_level = LOG_INFO;
static bool serial_works;
static _Atomic uint32_t lock_word;
static _Atomic bool lock_broken;

static uint64_t log_lock(void)
{
    uint64_t flags = interrupts_save();
    while (!atomic_load_explicit(&lock_broken, memory_order_relaxed) &&
           atomic_exchange_explicit(&lock_word, 1, memory_order_acquire))
        cpu_pause();
    return flags;
}

static void log_unlock(uint64_t flags)
{
    atomic_store_explicit(&lock_word, 0, memory_order_release);
    interrupts_restore(flags);
}

void log_break_lock(void)
{
    atomic_store(&lock_broken, true);
}

/* ---- Serial port ---- */

void log_init(void)
{
    port_out8(PORT_IER, 0);
    port_out8(PORT_LCR, 0x80); /* divisor latch: 115200 baud */
    port_out8(PORT_DATA, 1);
    port_out8(PORT_IER, 0);
    port_out8(PORT_LCR, 0x03); /* 8 data bits, no parity, 1 stop bit */
    port_out8(PORT_FCR, 0x07); /* FIFO on and emptied */
    port_out8(PORT_MCR, 0x03);
    serial_works = port_in8(PORT_LSR) != 0xff; /* what an absent port reads as */
}

static bool serial_wait(void)
{
    for (int i = 0; i < POLL_LIMIT; i++)
        if (port_in8(PORT_LSR) & LSR_EMPTY)
            return true;
    return false;
}

static void serial_write(const char *text, size_t length)
{
    for (size_t i = 0; i < length && serial_works; i++) {
        if (i % FIFO_DEPTH == 0 && !serial_wait())
            serial_works = false;
        port_out8(PORT_DATA, (uint8_t)text[i]);
    }
}

static void port_drain(uint16_t status)
{
    for (int i = 0; i < POLL_LIMIT && !(port_in8(status) & LSR_IDLE); i++)
        ;
}

/* The console's port, COM1, is its driver's; a look at its status disturbs nobody. */
void log_drain(void)
{
    port_drain(PORT_LSR);
    port_drain(COM1_LSR);
}

/* ---- Writing ---- */

static void log_line(enum log_level level, uint64_t now, const char *text, size_t length)
{
    char prefix[32];
    int prefix_length =
        format_text(prefix, sizeof prefix, "<%d>[%5lu.%06lu] ", level,
                    (unsigned long)(now / 1000000000), (unsigned long)(now / 1000 % 1000000));
    uint64_t flags = log_lock();
    log_ring_write(&ring, prefix, (size_t)prefix_length, text, length);
    if ((int)level <= console_level) {
        serial_write(prefix + 3, (size_t)prefix_length - 3);
        serial_write(text, length);
        serial_write("\n", 1);
    }
    log_unlock(flags);
}

void log_vwrite(enum log_level level, const char *format, va_list args)
{
    char text[LINE_MAX];
    uint64_t now = clock_monotonic();
    format_vtext(text, sizeof text, format, args);
    char *line = text, *end;
    while ((end = strchr(line, '\n')) != NULL) {
        log_line(level, now, line, (size_t)(end - line));
        line = end + 1;
    }
    if (*line || line == text)
        log_line(level, now, line, strlen(line));
}

void log_write(enum log_level level, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    log_vwrite(level, format, args);
    va_end(args);
}

void log_set_console_level(int level)
{
    console_level = level;
}

int log_console_level(void)
{
    return console_level;
}

/* ---- Reading ---- */

size_t log_read(uint64_t *position, char *buffer, size_t size)
{
    uint64_t flags = log_lock();
    size_t copied = log_ring_read(&ring, position, buffer, size);
    log_unlock(flags);
    return copied;
}

uint64_t log_end(void)
{
    uint64_t flags = log_lock();
    uint64_t end = ring.end;
    log_unlock(flags);
    return end;
}

uint64_t log_start(void)
{
    uint64_t flags = log_lock();
    uint64_t start = ring.start;
    log_unlock(flags);
    return start;
}
