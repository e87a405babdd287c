/*
 * From the port's side: bytes that come in, room for bytes that go out. Called in interrupt
 * context, mostly; each entry takes a reference for the time it needs the terminal, since the last
 * holder may close it meanwhile.
 *
 * Flow towards the sender has three steps. When little room is left it is asked to pause (IXOFF
 * sends VSTOP, CRTSCTS lowers RTS); when there is none the port is told to hold, and what still
 * comes is kept in `held`; when that is full bytes are lost and counted.
 */
#include "core.h"

#define PAUSE_ROOM  128u /* fewer: ask to pause */
#define RESUME_USED 128u /* at most: ask to go on */

struct tty *tty_port_lock(struct tty_port *port)
{
    env_spin_lock(&port->lock);
    struct tty *tty = port->tty;
    if (tty && sluice_object_addref_unless_dead(&tty->object))
        return tty;
    env_spin_unlock(&port->lock);
    return NULL;
}

static void port_unlock(struct tty *tty, uint32_t events)
{
    tty_settle(tty);
    tty_unlock(tty, events);
    sluice_object_release(&tty->object);
}

static void send_flow(struct tty *tty, int index)
{
    tty->flow_reply = tty->port->settings.cc[index];
    tty->reply_pending = tty->flow_reply != 0;
}

static void set_paused(struct tty *tty, bool on)
{
    if (tty->paused == on)
        return;
    tty->paused = on;
    if (tty->port->settings.iflag & TERM_IXOFF)
        send_flow(tty, on ? TERM_VSTOP : TERM_VSTART);
    if (tty->port->ops->pause)
        tty->port->ops->pause(tty->port, on);
}

static void set_holding(struct tty *tty, bool on)
{
    if (tty->holding != on && tty->port->ops->hold)
        tty->port->ops->hold(tty->port, on);
    tty->holding = on;
}

/* A line too long to fit must go on coming in until it ends, so that doesn't count as full. */
static void check_flow(struct tty *tty)
{
    const struct input *in = &tty->line.input;
    bool endless = discipline_canonical(&tty->line) && !input_has_line(in);

    if (!endless && discipline_room(&tty->line) < PAUSE_ROOM)
        set_paused(tty, true);
    else if (input_used(in) <= RESUME_USED)
        set_paused(tty, false);
    if (tty->held_head != tty->held_tail)
        set_holding(tty, true);
    else if (discipline_has_room(&tty->line))
        set_holding(tty, false);
}

static void keep_aside(struct tty *tty, uint8_t c, uint8_t condition)
{
    if (tty->held_head - tty->held_tail == TTY_HELD) {
        tty->port->overruns++;
        return;
    }
    tty->held[tty->held_head++ % TTY_HELD] = (uint16_t)(condition << 8 | c);
}

static void receive(struct tty *tty, const uint8_t *bytes, const uint8_t *conditions, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint8_t condition = conditions ? conditions[i] : TTY_NORMAL;
        if (tty->held_head == tty->held_tail && discipline_has_room(&tty->line))
            discipline_receive(&tty->line, bytes[i], condition);
        else
            keep_aside(tty, bytes[i], condition);
    }
}

void tty_receive(struct tty_port *port, const uint8_t *bytes, const uint8_t *conditions, size_t n)
{
    struct tty *tty = tty_port_lock(port);

    if (!tty)
        return;
    if (port->settings.cflag & TERM_CREAD)
        receive(tty, bytes, conditions, n);
    check_flow(tty);
    port_unlock(tty, tty_input_events(tty));
}

uint32_t tty_made_room(struct tty *tty)
{
    if (tty->hung_up)
        return 0;
    while (tty->held_head != tty->held_tail && discipline_has_room(&tty->line)) {
        uint16_t next = tty->held[tty->held_tail++ % TTY_HELD];
        discipline_receive(&tty->line, (uint8_t)next, (enum tty_condition)(next >> 8));
    }
    check_flow(tty);
    tty_settle(tty);
    return tty_input_events(tty);
}

size_t tty_receive_room(struct tty_port *port)
{
    env_spin_lock(&port->lock);
    struct tty *tty = port->tty;
    size_t room = 0;
    if (tty && tty->held_head == tty->held_tail) {
        room = discipline_room(&tty->line);
        if (room == 0 && discipline_has_room(&tty->line))
            room = 1;
    }
    env_spin_unlock(&port->lock);
    return room;
}

void tty_receive_overrun(struct tty_port *port, unsigned count)
{
    env_spin_lock(&port->lock);
    port->overruns += count;
    env_spin_unlock(&port->lock);
}

void tty_set_size(struct tty *tty, const struct terminal_size *size)
{
    const struct terminal_size *old = &tty->port->size;
    bool changed = old->rows != size->rows || old->columns != size->columns ||
                   old->xpixels != size->xpixels || old->ypixels != size->ypixels;

    tty->port->size = *size;
    if (changed)
        tty->line.signals |= 1u << SIGNAL_WINCH;
}

void tty_port_resize(struct tty_port *port, const struct terminal_size *size)
{
    struct tty *tty = tty_port_lock(port);

    if (tty) {
        tty_set_size(tty, size);
        port_unlock(tty, 0);
        return;
    }
    env_spin_lock(&port->lock);
    port->size = *size;
    env_spin_unlock(&port->lock);
}

void tty_transmit_ready(struct tty_port *port)
{
    struct tty *tty = tty_port_lock(port);

    if (!tty)
        return;
    port->ops->start(port); /* even with nothing to send: it will want no more interrupts */
    tty_unlock(tty, 0);
    sluice_object_release(&tty->object);
}

const uint8_t *tty_transmit_peek(struct tty_port *port, size_t *out_length)
{
    struct tty *tty = port->tty;

    *out_length = 0;
    if (!tty || tty->breaking)
        return NULL;
    if (tty->reply_pending) {
        *out_length = 1;
        return &tty->flow_reply;
    }
    return discipline_may_send(&tty->line) ? output_peek(&tty->line.output, out_length) : NULL;
}

void tty_transmit_advance(struct tty_port *port, size_t n)
{
    struct tty *tty = port->tty;

    if (!tty || n == 0)
        return;
    if (tty->reply_pending)
        tty->reply_pending = false;
    else
        output_advance(&tty->line.output, n);
}
