/* The 16550's registers, relative to its I/O base, and their bits. */
#ifndef DRIVERS_UART_REGISTERS_H
#define DRIVERS_UART_REGISTERS_H

enum {
    UART_DATA = 0, /* receive buffer, transmit holding register; divisor low with LCR_DIVISOR */
    UART_IER = 1,  /* interrupt enable; divisor high with LCR_DIVISOR */
    UART_IIR = 2,  /* interrupt identification (read) */
    UART_FCR = 2,  /* FIFO control (write) */
    UART_LCR = 3,  /* line control */
    UART_MCR = 4,  /* modem control */
    UART_LSR = 5,  /* line status; reading clears its error bits */
    UART_MSR = 6,  /* modem status; reading clears its change bits */
    UART_SCRATCH = 7,
    UART_REGISTERS = 8,

    IER_RECEIVE = 0x01,
    IER_TRANSMIT = 0x02,
    IER_ERRORS = 0x04,
    IER_MODEM = 0x08,

    IIR_NONE = 0x01, /* no interrupt is pending */
    IIR_CAUSE = 0x0e,
    IIR_CAUSE_MODEM = 0x00,
    IIR_CAUSE_TRANSMIT = 0x02,
    IIR_FIFO = 0xc0, /* both bits: a working FIFO (16550A) */

    FCR_ENABLE = 0x01,
    FCR_CLEAR_RECEIVE = 0x02,
    FCR_CLEAR_TRANSMIT = 0x04,
    FCR_TRIGGER_8 = 0x80,

    LCR_TWO_STOP = 0x04, /* size in bits 0 and 1: 5 to 8 */
    LCR_PARITY = 0x08,
    LCR_EVEN = 0x10,
    LCR_STICK = 0x20,
    LCR_BREAK = 0x40,
    LCR_DIVISOR = 0x80,

    MCR_DTR = 0x01,
    MCR_RTS = 0x02,
    MCR_OUT2 = 0x08, /* on a PC: lets the interrupt through */

    LSR_DATA = 0x01,
    LSR_OVERRUN = 0x02,
    LSR_PARITY = 0x04,
    LSR_FRAMING = 0x08,
    LSR_BREAK = 0x10,
    LSR_ERRORS = 0x1e,
    LSR_ROOM = 0x20, /* the transmit FIFO is empty (THRE) */
    LSR_IDLE = 0x40, /* and the last bit has left (TEMT) */

    MSR_CARRIER_CHANGED = 0x08,
    MSR_CTS = 0x10,
    MSR_DSR = 0x20,
    MSR_RING = 0x40,
    MSR_CARRIER = 0x80,

    UART_FIFO = 16,
    UART_CLOCK = 115200, /* bit/s with divisor 1 */
};

#endif
