/*
 * The 16550 UART as a terminal line.
 *
 * Sending. QEMU's UART has sent a byte when the write to it returns, a real one has a FIFO of 16:
 * so a writer's bytes go out 16 for each look at the line status, in the writer's own context, for
 * as long as the FIFO is found empty. Only when it isn't is the transmit interrupt turned on.
 * Nobody waits for the hardware, and on QEMU no interrupt is taken for output.
 *
 * Receiving. The interrupt empties the FIFO into a batch and hands that to the terminal. When the
 * terminal has no room it says `hold`, and receive interrupts stay off until it has: the bytes wait
 * in the FIFO, and in QEMU's case with the sender.
 *
 * Lock order: port->lock (the methods of uart_ops run under it) -> uart->lock, which makes one
 * access of several steps: the divisor latch hides the data register, and reading the line status
 * clears error bits that belong to a received byte.
 */
#include <sluice/list.h>
#include <sluice/string.h>
#include <sluice/uart.h>
#include "registers.h"

#define BATCH      64u
#define MAX_INDEX  31u
#define MAX_PASSES 256u /* of one interrupt; more would mean that the chip is broken */

struct uart {
    struct tty_port port;
    uint16_t base; /* immutable, like fifo */
    unsigned fifo; /* depth of the transmit FIFO */
    struct env_irq *irq;
    struct env_spinlock lock;
    /* Under the lock: */
    uint8_t ier, lcr, mcr; /* as last written */
    uint8_t errors;        /* error bits that a look at the line status for sending has cleared */
    bool active;           /* the terminal is open */
    bool carrier_lost;     /* seen, and the terminal not told yet */
    bool by_carrier;       /* without CLOCAL: the line hangs up with the carrier */
    bool by_cts;           /* CRTSCTS: send only while the other side allows it */
    uint8_t early[UART_FIFO]; /* what had come before the driver */
    unsigned early_count;
    bool stuck; /* said once */
    struct uart16550_counts counts;
};

static struct uart *uart_of(struct tty_port *port)
{
    return container_of(port, struct uart, port);
}

static uint8_t get(const struct uart *uart, unsigned reg)
{
    return env_in8((uint16_t)(uart->base + reg));
}

static void set(const struct uart *uart, unsigned reg, uint8_t value)
{
    env_out8((uint16_t)(uart->base + reg), value);
}

/* The line status; its error bits stay known until the byte they belong to is read. */
static uint8_t line_status(struct uart *uart)
{
    uint8_t status = get(uart, UART_LSR);

    uart->errors |= status & LSR_ERRORS;
    return status;
}

/* The modem status; that the carrier went stays known until the interrupt handler deals with it. */
static uint8_t modem_status(struct uart *uart)
{
    uint8_t status = get(uart, UART_MSR);

    if ((status & MSR_CARRIER_CHANGED) && !(status & MSR_CARRIER))
        uart->carrier_lost = true;
    return status;
}

static void set_ier(struct uart *uart, uint8_t ier)
{
    if (uart->ier != ier)
        set(uart, UART_IER, ier);
    uart->ier = ier;
}

static void set_mcr(struct uart *uart, uint8_t on, uint8_t off)
{
    uart->mcr = (uint8_t)((uart->mcr | on) & ~off);
    set(uart, UART_MCR, uart->mcr);
}

/* ---- Sending ---- */

static bool can_send(struct uart *uart)
{
    if (uart->by_cts && !(modem_status(uart) & MSR_CTS))
        return false;
    return line_status(uart) & LSR_ROOM;
}

/* Sends from N bytes as many as the chip takes now. */
static size_t send(struct uart *uart, const uint8_t *bytes, size_t n)
{
    uint16_t data = uart->base + UART_DATA;
    size_t done = 0;

    while (done < n && can_send(uart)) {
        size_t burst = n - done < uart->fifo ? n - done : uart->fifo;
        env_out8_string(data, bytes + done, burst);
        done += burst;
    }
    uart->counts.sent += done;
    return done;
}

static void uart_start(struct tty_port *port)
{
    struct uart *uart = uart_of(port);
    size_t n, sent;

    env_spin_lock(&uart->lock);
    do {
        const uint8_t *bytes = tty_transmit_peek(port, &n);
        sent = send(uart, bytes, n);
        tty_transmit_advance(port, sent);
    } while (sent > 0);
    /* With bytes left, the FIFO's getting empty is worth an interrupt; waiting for CTS it is not,
     * and the modem interrupt comes. */
    bool wait = n > 0 && !(uart->by_cts && !(modem_status(uart) & MSR_CTS));
    set_ier(uart, (uint8_t)(wait ? uart->ier | IER_TRANSMIT : uart->ier & ~IER_TRANSMIT));
    env_spin_unlock(&uart->lock);
}

static void uart_flush(struct tty_port *port)
{
    struct uart *uart = uart_of(port);

    if (uart->fifo > 1)
        set(uart, UART_FCR, FCR_ENABLE | FCR_TRIGGER_8 | FCR_CLEAR_TRANSMIT);
}

static bool uart_drained(struct tty_port *port)
{
    struct uart *uart = uart_of(port);

    env_spin_lock(&uart->lock);
    bool idle = line_status(uart) & LSR_IDLE;
    env_spin_unlock(&uart->lock);
    return idle;
}

/* ---- Receiving ---- */

static uint8_t condition_of(struct uart *uart, uint8_t errors)
{
    uart->counts.overruns += !!(errors & LSR_OVERRUN);
    if (errors & LSR_BREAK) {
        uart->counts.breaks++;
        return TTY_BREAK;
    }
    if (errors & LSR_PARITY) {
        uart->counts.parity++;
        return TTY_PARITY;
    }
    if (errors & LSR_FRAMING) {
        uart->counts.framing++;
        return TTY_FRAME;
    }
    return TTY_NORMAL;
}

static size_t take_early(struct uart *uart, uint8_t *bytes, uint8_t *conditions)
{
    size_t n = uart->early_count;

    for (size_t i = 0; i < n; i++) {
        bytes[i] = uart->early[i];
        conditions[i] = TTY_NORMAL;
    }
    uart->early_count = 0;
    return n;
}

/* Up to BATCH bytes out of the FIFO. Under uart->lock. */
static size_t drain(struct uart *uart, uint8_t *bytes, uint8_t *conditions)
{
    if (!(uart->ier & IER_RECEIVE))
        return 0; /* on hold */
    size_t n = take_early(uart, bytes, conditions);
    while (n < BATCH && (line_status(uart) & LSR_DATA)) {
        conditions[n] = condition_of(uart, uart->errors);
        uart->errors = 0;
        bytes[n++] = get(uart, UART_DATA);
    }
    uart->counts.received += n;
    return n;
}

/* One round, the FIRST of an interrupt or a later one: what the chip asks for. False when it asks
 * for nothing. */
static bool serve(struct uart *uart, bool first)
{
    uint8_t bytes[BATCH], conditions[BATCH];

    env_spin_lock(&uart->lock);
    uint8_t iir = get(uart, UART_IIR);
    if (iir & IIR_NONE) {
        env_spin_unlock(&uart->lock);
        return false;
    }
    uart->counts.interrupts += first;
    uint64_t overruns = uart->counts.overruns;
    size_t n = drain(uart, bytes, conditions);
    overruns = uart->counts.overruns - overruns;
    uint8_t cause = iir & IIR_CAUSE;
    if (cause == IIR_CAUSE_MODEM)
        modem_status(uart);
    bool hang_up = uart->carrier_lost && uart->by_carrier;
    uart->carrier_lost = false;
    env_spin_unlock(&uart->lock);
    if (overruns)
        tty_receive_overrun(&uart->port, (unsigned)overruns);
    if (n > 0)
        tty_receive(&uart->port, bytes, conditions, n);
    if (cause == IIR_CAUSE_TRANSMIT || cause == IIR_CAUSE_MODEM)
        tty_transmit_ready(&uart->port);
    if (hang_up)
        tty_port_hangup(&uart->port);
    return true;
}

/* Reception with the receive interrupt off would leave it pending for ever; a closed line's
 * interrupts are all off. */
static void give_up(struct uart *uart)
{
    env_spin_lock(&uart->lock);
    bool first = !uart->stuck;
    uart->stuck = true;
    env_spin_unlock(&uart->lock);
    if (first)
        env_log(ENV_LOG_WARNING, "%s: interrupt does not go away", uart->port.device.name);
}

static bool uart_interrupt(void *arg)
{
    struct uart *uart = arg;
    unsigned passes = 0;

    /* The line is edge-triggered: it must have been low when we leave, or no interrupt comes again.
     */
    while (passes < MAX_PASSES && serve(uart, passes == 0))
        passes++;
    if (passes == MAX_PASSES)
        give_up(uart);
    return passes > 0;
}

static void uart_hold(struct tty_port *port, bool on)
{
    struct uart *uart = uart_of(port);
    const uint8_t receive = IER_RECEIVE | IER_ERRORS;

    env_spin_lock(&uart->lock);
    set_ier(uart, (uint8_t)(on ? uart->ier & ~receive : uart->ier | receive));
    env_spin_unlock(&uart->lock);
}

static void uart_pause(struct tty_port *port, bool on)
{
    struct uart *uart = uart_of(port);

    env_spin_lock(&uart->lock);
    if (uart->by_cts)
        set_mcr(uart, on ? 0 : MCR_RTS, on ? MCR_RTS : 0);
    env_spin_unlock(&uart->lock);
}

/* ---- The line ---- */

static uint8_t line_control(uint32_t cflag)
{
    uint8_t lcr = (uint8_t)((cflag & TERM_CSIZE) / TERM_CS6);

    if (cflag & TERM_CSTOPB)
        lcr |= LCR_TWO_STOP;
    if (cflag & TERM_PARENB) {
        lcr |= LCR_PARITY;
        if (!(cflag & TERM_PARODD))
            lcr |= LCR_EVEN;
        if (cflag & TERM_CMSPAR)
            lcr |= LCR_STICK;
    }
    return lcr;
}

static void set_divisor(struct uart *uart, uint32_t speed)
{
    uint32_t divisor = (UART_CLOCK + speed / 2) / speed;

    divisor = divisor < 0xffff ? divisor : 0xffff;
    set(uart, UART_LCR, (uint8_t)(uart->lcr | LCR_DIVISOR));
    set(uart, UART_DATA, (uint8_t)divisor);
    set(uart, UART_IER, (uint8_t)(divisor >> 8));
}

/* Modem lines that nobody goes by may float, and must not interrupt. What they did until now is
 * past. */
static void watch_modem(struct uart *uart)
{
    bool watch = uart->active && (uart->by_cts || uart->by_carrier);

    modem_status(uart);
    uart->carrier_lost = false;
    set_ier(uart, (uint8_t)(watch ? uart->ier | IER_MODEM : uart->ier & ~IER_MODEM));
}

static void uart_configure(struct tty_port *port, struct terminal_settings *settings)
{
    struct uart *uart = uart_of(port);

    if (settings->ospeed > UART_CLOCK)
        settings->ospeed = UART_CLOCK;
    env_spin_lock(&uart->lock);
    uart->lcr = line_control(settings->cflag);
    uart->by_cts = settings->cflag & TERM_CRTSCTS;
    uart->by_carrier = !(settings->cflag & TERM_CLOCAL);
    watch_modem(uart);
    if (settings->ospeed != 0)
        set_divisor(uart, settings->ospeed);
    set(uart, UART_LCR, uart->lcr);
    if (settings->ospeed == 0)
        set_mcr(uart, 0, MCR_DTR | MCR_RTS);
    else
        set_mcr(uart, MCR_DTR | MCR_RTS, 0);
    env_spin_unlock(&uart->lock);
}

static void uart_set_break(struct tty_port *port, bool on)
{
    struct uart *uart = uart_of(port);

    env_spin_lock(&uart->lock);
    uart->lcr = (uint8_t)(on ? uart->lcr | LCR_BREAK : uart->lcr & ~LCR_BREAK);
    set(uart, UART_LCR, uart->lcr);
    env_spin_unlock(&uart->lock);
}

static uint8_t modem_control(uint32_t lines)
{
    return (uint8_t)((lines & TERM_MODEM_DTR ? MCR_DTR : 0) |
                     (lines & TERM_MODEM_RTS ? MCR_RTS : 0));
}

static uint32_t uart_modem(struct tty_port *port, uint32_t raise, uint32_t drop)
{
    struct uart *uart = uart_of(port);

    env_spin_lock(&uart->lock);
    if (raise | drop)
        set_mcr(uart, modem_control(raise), modem_control(drop));
    uint8_t mcr = uart->mcr, msr = modem_status(uart);
    bool by_cts = uart->by_cts;
    env_spin_unlock(&uart->lock);
    if (by_cts)
        uart_start(port); /* this look may have taken the interrupt that output waits for */
    return (mcr & MCR_DTR ? TERM_MODEM_DTR : 0) | (mcr & MCR_RTS ? TERM_MODEM_RTS : 0) |
           (msr & MSR_CTS ? TERM_MODEM_CTS : 0) | (msr & MSR_DSR ? TERM_MODEM_DSR : 0) |
           (msr & MSR_RING ? TERM_MODEM_RING : 0) | (msr & MSR_CARRIER ? TERM_MODEM_CARRIER : 0);
}

/* Turning the transmit interrupt on causes one at once, which fetches what came early. */
static void uart_activate(struct tty_port *port, bool on)
{
    struct uart *uart = uart_of(port);
    bool hang_up = port->settings.cflag & TERM_HUPCL;

    env_spin_lock(&uart->lock);
    uart->active = on;
    if (on) {
        set_mcr(uart, MCR_OUT2, 0);
        set_ier(uart, IER_RECEIVE | IER_TRANSMIT | IER_ERRORS);
        watch_modem(uart);
    } else {
        set_ier(uart, 0);
        set_mcr(uart, 0, MCR_OUT2 | (hang_up ? MCR_DTR | MCR_RTS : 0));
    }
    env_spin_unlock(&uart->lock);
}

static const struct tty_port_ops uart_ops = {
    .activate = uart_activate,
    .start = uart_start,
    .flush = uart_flush,
    .drained = uart_drained,
    .configure = uart_configure,
    .set_break = uart_set_break,
    .pause = uart_pause,
    .hold = uart_hold,
    .modem = uart_modem,
};

/* ---- Attaching ---- */

/* What has come already would be lost by turning the FIFOs on. */
static void set_up(struct uart *uart)
{
    set(uart, UART_IER, 0);
    set(uart, UART_LCR, 0x03);
    while (uart->early_count < UART_FIFO && (get(uart, UART_LSR) & LSR_DATA))
        uart->early[uart->early_count++] = get(uart, UART_DATA);
    set(uart, UART_FCR, FCR_ENABLE | FCR_TRIGGER_8);
    uart->fifo = (get(uart, UART_IIR) & IIR_FIFO) == IIR_FIFO ? UART_FIFO : 1;
}

/* "ttyS" and INDEX, which is below 100. */
static void make_name(char name[8], unsigned index)
{
    char *digit = name + 4;

    memcpy(name, "ttyS", 4);
    if (index >= 10)
        *digit++ = (char)('0' + index / 10);
    *digit++ = (char)('0' + index % 10);
    *digit = '\0';
}

oskit_error_t uart16550_attach(uint16_t base, unsigned line, unsigned index, struct tty_port **out)
{
    *out = NULL;
    if (index > MAX_INDEX)
        return OSKIT_E_INVALIDARG;
    if (!uart16550_probe(base))
        return OSKIT_ENODEV;
    struct uart *uart = env_alloc(sizeof *uart, ENV_ZERO);
    if (!uart)
        return OSKIT_ENOMEM;
    char name[8];
    make_name(name, index);
    uart->base = base;
    tty_port_init(&uart->port, &uart_ops, name, DEVICE_NUMBER(4, 64 + index), UART_CLOCK);
    set_up(uart);
    oskit_error_t error = env_irq_attach(line, uart_interrupt, uart, &uart->irq);
    if (error == OSKIT_SUCCESS) {
        error = tty_port_register(&uart->port, 0660);
        if (error == OSKIT_SUCCESS) {
            *out = &uart->port;
            return OSKIT_SUCCESS;
        }
        env_irq_detach(uart->irq);
    }
    tty_port_fini(&uart->port);
    env_free(uart, sizeof *uart);
    return error;
}

void uart16550_detach(struct tty_port *port)
{
    struct uart *uart = uart_of(port);

    env_irq_detach(uart->irq);
    tty_port_fini(port);
    env_free(uart, sizeof *uart);
}

void uart16550_counts(struct tty_port *port, struct uart16550_counts *out)
{
    struct uart *uart = uart_of(port);

    env_spin_lock(&uart->lock);
    *out = uart->counts;
    env_spin_unlock(&uart->lock);
}
