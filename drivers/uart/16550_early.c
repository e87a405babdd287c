/* The 16550 without a driver: finding it, and polled output for logs and panics. No memory, locks
 * or interrupts. */
#include <sluice/env.h>
#include <sluice/uart.h>
#include "registers.h"

#define PATIENCE \
    100000u /* looks at a line status that doesn't change; a byte takes some 90 microseconds */

static uint8_t get(uint16_t base, unsigned reg)
{
    return env_in8((uint16_t)(base + reg));
}

static void set(uint16_t base, unsigned reg, uint8_t value)
{
    env_out8((uint16_t)(base + reg), value);
}

static bool remembers(uint16_t base, uint8_t value)
{
    set(base, UART_SCRATCH, value);
    return get(base, UART_SCRATCH) == value;
}

/* Four bits of the interrupt enable register can be set, the upper four can't: few other devices
 * look like that. */
bool uart16550_probe(uint16_t base)
{
    uint8_t ier = get(base, UART_IER);

    if (ier & 0xf0)
        return false;
    set(base, UART_IER, 0);
    bool found = get(base, UART_IER) == 0 && remembers(base, 0x5a) && remembers(base, 0xa5);
    set(base, UART_IER, ier);
    return found && get(base, UART_IER) == ier;
}

void uart16550_early_init(uint16_t base)
{
    set(base, UART_IER, 0);
    set(base, UART_LCR, LCR_DIVISOR);
    set(base, UART_DATA, 1);
    set(base, UART_IER, 0);
    set(base, UART_LCR, 0x03);
    set(base, UART_FCR, FCR_ENABLE | FCR_CLEAR_RECEIVE | FCR_CLEAR_TRANSMIT | FCR_TRIGGER_8);
    set(base, UART_MCR, MCR_DTR | MCR_RTS);
}

static bool wait_for_room(uint16_t base)
{
    for (unsigned looks = 0; looks < PATIENCE; looks++) {
        if (get(base, UART_LSR) & LSR_ROOM)
            return true;
    }
    return false;
}

size_t uart16550_early_write(uint16_t base, const void *bytes, size_t size)
{
    const uint8_t *byte = bytes;
    size_t done = 0;

    while (done < size && wait_for_room(base)) {
        for (unsigned i = 0; i < UART_FIFO && done < size; i++)
            set(base, UART_DATA, byte[done++]);
    }
    return done;
}

int uart16550_early_read(uint16_t base)
{
    return get(base, UART_LSR) & LSR_DATA ? get(base, UART_DATA) : -1;
}
