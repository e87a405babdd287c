/*
 * The tty: what a serial line needs to be a terminal, in two tiers.
 *
 *     tty       policy: line discipline, settings, job control, readiness, the object faces
 *     tty_port  hardware: a small table that a driver fills in (16550, virtio-console,
 * pseudo-terminal)
 *
 * A driver embeds a struct tty_port and calls tty_port_init. Every open of the device asks
 * tty_port_open, which gives one object shared by all who have the line open; it answers
 * oskit_ttystream and oskit_stream, sluice_streamvec, sluice_pollable, oskit_asyncio, oskit_posixio
 * and sluice_terminal. When the last one lets go and what was written has been sent, the line
 * is closed; its settings stay with the port.
 *
 * Reading. A stream never waits, so VMIN and VTIME work like this. A read that has to wait answers
 * OSKIT_EWOULDBLOCK, having started the timer that VTIME asks for; the caller waits for a
 * READY_READ *event* (not for the level: poll's idea of readable differs from that of a waiting
 * read when VMIN > 1, as it does in Linux) and reads again, until the read gives bytes or, when the
 * time is over, what there is. With VECIO_NONBLOCK, and through the seed's stream.read, a read
 * takes what is there. Level READY_READ is what Linux's poll reports: a whole line; without ICANON
 * one byte, or VMIN bytes when VTIME is 0.
 *
 * Locks: port->lock, a spinlock, covers the port and the terminal open on it. The methods of
 * tty_port_ops run under it. Order: the terminal's reader or writer mutex -> port->lock -> the
 * driver's own lock. Readiness and signals go out with none of them held.
 */
#ifndef SLUICE_TTY_H
#define SLUICE_TTY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <oskit/com.h>
#include <oskit/dev/tty.h>
#include <sluice/device.h>
#include <sluice/env.h>
#include <sluice/terminal.h>

struct tty;
struct tty_port;

/*
 * What the tty asks of the hardware. Each runs with port->lock held, in any context: it may not
 * sleep, and of the functions below it may call only tty_transmit_peek and tty_transmit_advance. A
 * NULL entry does nothing (and `drained` then is always true).
 */
struct tty_port_ops {
    /* The first open, and the close of the last. On: be ready to receive, raise the modem lines. */
    void (*activate)(struct tty_port *port, bool on);
    /* There is something to send: take it with tty_transmit_peek and _advance as far as the
     * hardware does now, and see to it that tty_transmit_ready is called when it can take more. */
    void (*start)(struct tty_port *port);
    /* Drop what the hardware holds unsent. */
    void (*flush)(struct tty_port *port);
    /* All that was taken has left. Asked only when the tty itself has nothing left to send. */
    bool (*drained)(struct tty_port *port);
    /* port->settings changed: speed, size, parity, stop bits, hardware flow control, speed 0 for
     * "hang up". May correct settings->ospeed to the speed that the hardware comes to. */
    void (*configure)(struct tty_port *port, struct terminal_settings *settings);
    void (*set_break)(struct tty_port *port, bool on);
    /* On: the other side should pause (drop RTS); there is still room for what is under way. */
    void (*pause)(struct tty_port *port, bool on);
    /* On: there is no room, hand over no more bytes; off: go on. */
    void (*hold)(struct tty_port *port, bool on);
    /* The modem lines, as TERM_MODEM_*, after raising SET and dropping CLEAR of those that are
     * ours. NULL: the line has none. */
    uint32_t (*modem)(struct tty_port *port, uint32_t set, uint32_t clear);

    /* The rest is for ports whose other side is a program. */

    /* How many bytes `start` would take now. A port that has it keeps what was sent: programs
     * write no more than that, nothing when output is stopped, and need not wait for it to drain.
     */
    size_t (*room)(struct tty_port *port);
    /* The first program has the line open, or the last one has closed it (see sluice_terminal's
     * opened and closed). */
    void (*used)(struct tty_port *port, bool on);
    /* TTY_CHANGED_* bits of what has happened to the terminal. */
    void (*changed)(struct tty_port *port, uint32_t what);
    /* After the lock was released: time to tell others of what happened under it. [any] */
    void (*unlocked)(struct tty_port *port);
    /* A terminal that was open on PORT has ended; it is not touched again. No lock held. [any] */
    void (*ended)(struct tty_port *port);
};

/* Linux's TIOCPKT_* bits say the same. */
#define TTY_CHANGED_INPUT_FLUSHED  1u
#define TTY_CHANGED_OUTPUT_FLUSHED 2u
#define TTY_CHANGED_STOPPED        4u
#define TTY_CHANGED_STARTED        8u
#define TTY_CHANGED_NO_FLOW        16u /* ^S and ^Q are no longer flow control */
#define TTY_CHANGED_FLOW           32u /* they are now */

/* Condition of a received byte. */
enum tty_condition {
    TTY_NORMAL,
    TTY_BREAK,  /* no byte: the line was held low for longer than one */
    TTY_PARITY, /* wrong parity */
    TTY_FRAME,  /* wrong stop bit */
};

/* A line. The driver fills in nothing itself: tty_port_init does. Its memory must outlast every
 * terminal opened on it (`ended` tells of the end of each). */
struct tty_port {
    const struct tty_port_ops *ops;
    char path[24];        /* "/dev/ttyS0" */
    struct device device; /* as registered; its name points into path */
    bool registered;
    struct env_spinlock lock;
    /* Under the lock: */
    struct tty *tty;                   /* the terminal open on it, no reference, or NULL */
    struct terminal_settings settings; /* stay from one open to the next */
    struct terminal_size size;
    uint64_t overruns; /* received bytes lost for want of room */
    /* Belong to the tty, but live here because they may fire after it is gone. */
    struct env_timer read_timer; /* VTIME */
    struct env_timer line_timer; /* end of a break, hardware drained */
};

/*
 * Makes PORT ready; NAME ("ttyS0", at most 16 characters) and NUMBER are those of its device node.
 * Settings begin as those of a serial line at SPEED bits a second: canonical input with echo,
 * signals and XON/XOFF, NL written as CR NL, 8 bits, no parity, one stop bit, HUPCL and CLOCAL.
 * [thread]
 */
void tty_port_init(struct tty_port *port, const struct tty_port_ops *ops, const char *name,
                   oskit_u32_t number, oskit_u32_t speed);
/* Shows PORT below /dev. OSKIT_EEXIST when its name or number is taken. [thread] */
oskit_error_t tty_port_register(struct tty_port *port, oskit_mode_t permissions);
/* Takes it from there and stops its timers. No terminal may be open on it any more. [thread] */
void tty_port_fini(struct tty_port *port);

/* The terminal on PORT, with a reference for the caller. Opened anew after a hangup. OSKIT_ENOMEM.
 * [thread] */
oskit_error_t tty_port_open(struct tty_port *port, oskit_iunknown_t **out);
/* The same in the form of struct device's open; ARG is the port. For a second name of a line, such
 * as /dev/console. */
oskit_error_t tty_device_open(void *arg, oskit_u32_t oflags, oskit_iunknown_t **out);
/* The line as the seed's device object. The port must outlast it. OSKIT_ENOMEM. [thread] */
oskit_error_t tty_port_ttydev(struct tty_port *port, const char *description, oskit_ttydev_t **out);

/*
 * Hands N received bytes to the terminal; CONDITIONS has an enum tty_condition for each, NULL for
 * all normal. Takes them all: what does not fit is kept aside after asking the port to `hold`, and
 * lost (counted) when it goes on regardless. Dropped when the line is not open. Echo goes out
 * before it returns. Not with the driver's lock held. [any]
 */
void tty_receive(struct tty_port *port, const uint8_t *bytes, const uint8_t *conditions, size_t n);
/* How many bytes tty_receive would take now without asking to hold: for ports whose sender can be
 * made to wait. [any] */
size_t tty_receive_room(struct tty_port *port);
/* The hardware lost bytes. [any] */
void tty_receive_overrun(struct tty_port *port, unsigned count);
/* The hardware can take more: calls ops->start. Not with the
 * driver's lock held. [any] */
void tty_transmit_ready(struct tty_port *port);
/* The other side's window has another size: as sluice_terminal's setsize. [any] */
void tty_port_resize(struct tty_port *port, const struct terminal_size *size);
/* The other side is gone (carrier lost, master closed): as sluice_terminal's hangup. [any] */
void tty_port_hangup(struct tty_port *port);

/* Inside ops->start: the next bytes to send, contiguous, *out_length of them, NULL and 0 when there
 * are none or output is stopped. */
const uint8_t *tty_transmit_peek(struct tty_port *port, size_t *out_length);
/* Inside ops->start: N of those (0 is good) are taken. */
void tty_transmit_advance(struct tty_port *port, size_t n);

#endif
