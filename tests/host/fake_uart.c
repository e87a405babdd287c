#include "fake_uart.h"

#include <string.h>
#include "env.h"

enum { DATA, IER, IIR, LCR, MCR, LSR, MSR, SCRATCH };
#define FCR IIR

static bool fifo_on(const struct fake_uart *uart)
{
    return uart->fcr & 1;
}

static bool transmit_empty(const struct fake_uart *uart)
{
    return uart->transmit_count == 0;
}

/* By priority: line errors, received data, transmitter empty, modem. */
static uint8_t cause(const struct fake_uart *uart)
{
    uint8_t fifo = fifo_on(uart) ? 0xc0 : 0;

    if (uart->stuck)
        return fifo | 0x06;
    if ((uart->ier & 4) && uart->receive_count && uart->receive_errors[0])
        return fifo | 0x06;
    if ((uart->ier & 1) && uart->receive_count)
        return fifo | 0x04;
    if ((uart->ier & 2) && uart->transmit_pending)
        return fifo | 0x02;
    if ((uart->ier & 8) && uart->modem_pending)
        return fifo | 0x00;
    return fifo | 0x01;
}

bool fake_uart_interrupting(const struct fake_uart *uart)
{
    return (uart->mcr & 8) && !(cause(uart) & 1);
}

static uint8_t read_data(struct fake_uart *uart)
{
    if (uart->lcr & 0x80)
        return (uint8_t)uart->divisor;
    if (uart->receive_count == 0)
        return 0;
    uint8_t c = uart->receive[0];
    uart->receive_count--;
    memmove(uart->receive, uart->receive + 1, uart->receive_count);
    memmove(uart->receive_errors, uart->receive_errors + 1, uart->receive_count);
    return c;
}

/* Error bits are those of the byte at the front, and go when read. */
static uint8_t read_status(struct fake_uart *uart)
{
    uint8_t status = uart->errors;

    uart->status_reads++;
    uart->errors = 0;
    if (uart->receive_count) {
        status |= 1 | uart->receive_errors[0];
        uart->receive_errors[0] = 0;
    }
    if (transmit_empty(uart))
        status |= uart->shifting ? 0x20 : 0x60;
    return status;
}

static uint8_t read_cause(struct fake_uart *uart)
{
    uint8_t iir = cause(uart);

    if ((iir & 0x0f) == 0x02)
        uart->transmit_pending = false;
    return iir;
}

static uint32_t in(void *arg, uint16_t port, unsigned width)
{
    struct fake_uart *uart = arg;

    (void)width;
    uart->accesses++;
    switch (port - FAKE_UART_BASE) {
    case DATA:
        return read_data(uart);
    case IER:
        return uart->lcr & 0x80 ? uart->divisor >> 8 : uart->ier;
    case IIR:
        return read_cause(uart);
    case LCR:
        return uart->lcr;
    case MCR:
        return uart->mcr;
    case LSR:
        return read_status(uart);
    case MSR:
        uart->modem_pending = false;
        return uart->msr;
    case SCRATCH:
        return uart->scratch;
    default:
        return 0xff;
    }
}

static void leave(struct fake_uart *uart, const uint8_t *bytes, unsigned n)
{
    memcpy(uart->sent + uart->sent_count, bytes, n);
    uart->sent_count += n;
}

static void write_data(struct fake_uart *uart, uint8_t value)
{
    if (uart->lcr & 0x80) {
        uart->divisor = (uint16_t)((uart->divisor & 0xff00) | value);
        return;
    }
    uart->data_writes++;
    uart->transmit_pending = uart->quick;
    if (uart->quick)
        leave(uart, &value, 1);
    else if (uart->transmit_count < (fifo_on(uart) ? 16 : 1))
        uart->transmit[uart->transmit_count++] = value;
    else
        env_test_fault("byte %#x written to a full UART", value);
}

static void write_enable(struct fake_uart *uart, uint8_t value)
{
    if (uart->lcr & 0x80) {
        uart->divisor = (uint16_t)((uart->divisor & 0xff) | value << 8);
        return;
    }
    uart->interrupt_enables++;
    if ((value & 2) && !(uart->ier & 2) && transmit_empty(uart))
        uart->transmit_pending = true;
    uart->ier = value & 0x0f;
}

static void write_fifo(struct fake_uart *uart, uint8_t value)
{
    if (uart->old)
        return;
    bool changed = (value ^ uart->fcr) & 1;

    if (changed || value & 2)
        uart->receive_count = 0;
    if (changed || value & 4)
        uart->transmit_count = 0;
    uart->fcr = value & 0xf9;
}

static void out(void *arg, uint16_t port, unsigned width, uint32_t value)
{
    struct fake_uart *uart = arg;

    (void)width;
    uart->accesses++;
    switch (port - FAKE_UART_BASE) {
    case DATA:
        write_data(uart, (uint8_t)value);
        break;
    case IER:
        write_enable(uart, (uint8_t)value);
        break;
    case FCR:
        write_fifo(uart, (uint8_t)value);
        break;
    case LCR:
        uart->lcr = (uint8_t)value;
        break;
    case MCR:
        uart->mcr = (uint8_t)value;
        break;
    case SCRATCH:
        uart->scratch = (uint8_t)value;
        break;
    }
}

void fake_uart_init(struct fake_uart *uart, bool quick)
{
    memset(uart, 0, sizeof *uart);
    uart->quick = quick;
    env_test_set_ports(in, out, uart);
}

bool fake_uart_receive(struct fake_uart *uart, uint8_t c, uint8_t errors)
{
    if (uart->receive_count == (fifo_on(uart) ? 16 : 1)) {
        uart->errors |= 2;
        return false;
    }
    uart->receive_errors[uart->receive_count] = errors;
    uart->receive[uart->receive_count++] = c;
    return true;
}

unsigned fake_uart_run(struct fake_uart *uart)
{
    unsigned count = 0;

    while (fake_uart_interrupting(uart) && count < 1000) {
        env_test_irq(FAKE_UART_LINE);
        count++;
        if (uart->stuck)
            break;
    }
    return count;
}

size_t fake_uart_type(struct fake_uart *uart, const char *text, size_t n)
{
    size_t done = 0;

    while (done < n) {
        if (uart->receive_count == 16)
            fake_uart_run(uart);
        if (uart->receive_count == 16)
            break;
        fake_uart_receive(uart, (uint8_t)text[done++], 0);
    }
    fake_uart_run(uart);
    return done;
}

void fake_uart_transmit(struct fake_uart *uart, unsigned n)
{
    n = n < uart->transmit_count ? n : uart->transmit_count;
    leave(uart, uart->transmit, n);
    uart->transmit_count -= n;
    memmove(uart->transmit, uart->transmit + n, uart->transmit_count);
    if (n > 0 && transmit_empty(uart))
        uart->transmit_pending = true;
}

void fake_uart_modem(struct fake_uart *uart, uint8_t msr)
{
    uart->modem_pending |= uart->msr != msr;
    uart->msr = msr;
}
