/*
 * A 16550 made of software behind the I/O port hooks: registers, FIFOs, interrupt causes in their
 * order, and a count of accesses. With `quick` the transmitter is done as soon as a byte is
 * written, as QEMU's is; else bytes leave when the test says so.
 */
#ifndef TESTS_HOST_FAKE_UART_H
#define TESTS_HOST_FAKE_UART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FAKE_UART_BASE 0x3f8
#define FAKE_UART_LINE 4

struct fake_uart {
    bool quick;
    bool stuck; /* the interrupt never goes away */
    bool old;   /* a 16450: FIFOs can't be turned on */
    uint8_t ier, fcr, lcr, mcr, msr, scratch, errors;
    uint16_t divisor;
    uint8_t receive[16], receive_errors[16];
    unsigned receive_count;
    uint8_t transmit[16];
    unsigned transmit_count;
    bool shifting;         /* the last byte is still leaving */
    bool transmit_pending; /* the interrupt cause that reading it clears */
    bool modem_pending;
    uint8_t sent[65536];
    size_t sent_count;
    unsigned data_writes, status_reads, interrupt_enables, accesses;
};

/* Answers at FAKE_UART_BASE from now on; until the harness resets the hooks. */
void fake_uart_init(struct fake_uart *uart, bool quick);
/* Whether the interrupt line is up. */
bool fake_uart_interrupting(const struct fake_uart *uart);
/* A byte comes in, with LSR error bits. False when the FIFO was full: an overrun. */
bool fake_uart_receive(struct fake_uart *uart, uint8_t c, uint8_t errors);
/* Receives TEXT, delivering interrupts as they come up. Returns how many bytes found room (a sender
 * that waits when there is none). */
size_t fake_uart_type(struct fake_uart *uart, const char *text, size_t n);
/* Up to N bytes leave the transmit FIFO. */
void fake_uart_transmit(struct fake_uart *uart, unsigned n);
/* The other side's modem lines. */
void fake_uart_modem(struct fake_uart *uart, uint8_t msr);
/* Delivers interrupts until the line is down (or the driver gives up). Returns how many. */
unsigned fake_uart_run(struct fake_uart *uart);

#endif
