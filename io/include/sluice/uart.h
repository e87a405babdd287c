/*
 * The 16550 UART: PC serial ports as terminals, and as a place for the kernel's log before anything
 * else works.
 */
#ifndef SLUICE_UART_H
#define SLUICE_UART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <oskit/error.h>
#include <sluice/tty.h>

/* The ports of a PC: I/O base and interrupt line of COM1 to COM4. */
#define UART_COM1 0x3f8
#define UART_COM2 0x2f8
#define UART_COM3 0x3e8
#define UART_COM4 0x2e8

/*
 * Makes the UART at I/O port BASE with interrupt LINE the terminal /dev/ttyS<INDEX> (device
 * 4:64+INDEX). *OUT is its port (for tty_device_open, tty_port_open), owned by the driver until
 * uart16550_detach. OSKIT_ENODEV when no UART answers at BASE, OSKIT_ENOMEM, OSKIT_EEXIST,
 * OSKIT_E_INVALIDARG for an INDEX above 31, or what attaching the interrupt answered. [thread]
 */
oskit_error_t uart16550_attach(uint16_t base, unsigned line, unsigned index, struct tty_port **out);
/* Undoes it. Nobody may have the terminal open. [thread] */
void uart16550_detach(struct tty_port *port);

/* What happened on the line so far. */
struct uart16550_counts {
    uint64_t received, sent;
    uint64_t overruns, parity, framing, breaks;
    uint64_t interrupts;
};
void uart16550_counts(struct tty_port *port, struct uart16550_counts *out); /* [any] */

/*
 * Polled output for a log or a panic: no memory, no interrupts, no locks, usable from the first
 * instruction that has a stack. Give each UART to one use only: these or a terminal.
 */
/* True when a UART answers at BASE. Leaves its scratch register changed. [any] */
bool uart16550_probe(uint16_t base);
/* 115200 bit/s, 8 bits, no parity, FIFOs on, interrupts off. [any] */
void uart16550_early_init(uint16_t base);
/* Sends SIZE bytes as they are, waiting for each FIFO-full to leave; a UART that doesn't move for
 * about 100,000 status reads is given up, and the rest dropped. Returns how many went out. The
 * caller serialises. [any] */
size_t uart16550_early_write(uint16_t base, const void *bytes, size_t size);
/* A received byte, or -1 when there is none. [any] */
int uart16550_early_read(uint16_t base);

#endif
