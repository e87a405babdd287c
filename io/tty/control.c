/* Changing a terminal: settings, flushing, flow, break. Each is subject to job control, as writing
 * with TOSTOP is. */
#include "core.h"

/* Locks TTY for a change: the caller may make it, and the line is still there. On success the
 * caller unlocks. [thread: job control may stop the caller] */
static oskit_error_t change_begin(struct tty *tty)
{
    tty_lock(tty);
    bool hung_up = tty->hung_up;
    tty_unlock_quietly(tty);
    oskit_error_t error = hung_up ? OSKIT_EIO : tty_check_job(tty, SIGNAL_TTOU);
    if (error != OSKIT_SUCCESS)
        return error;
    tty_lock(tty);
    if (!tty->hung_up)
        return OSKIT_SUCCESS;
    tty_unlock_quietly(tty);
    return OSKIT_EIO;
}

/* What is asked for, as this terminal has it. */
static struct terminal_settings settle(const struct terminal_settings *asked)
{
    struct terminal_settings settings = *asked;

    settings.lflag &= ~TERM_EXTPROC;
    if ((settings.cflag & TERM_CBAUD) != TERM_BOTHER)
        settings.ospeed = terminal_speed(settings.cflag);
    settings.ispeed = settings.ospeed;
    return settings;
}

/* Has the hardware follow; it may come to another speed, which then is shown. Under the lock. */
static void configure_port(struct tty *tty, const struct terminal_settings *old)
{
    struct terminal_settings *settings = &tty->port->settings;

    if (settings->cflag == old->cflag && settings->ospeed == old->ospeed)
        return;
    if (tty->port->ops->configure)
        tty->port->ops->configure(tty->port, settings);
    settings->ispeed = settings->ospeed;
    if ((settings->cflag & TERM_CBAUD) != TERM_BOTHER && settings->ospeed != 0)
        settings->cflag = (settings->cflag & ~TERM_CBAUD) | terminal_speed_code(settings->ospeed);
}

/* Whether ^S and ^Q control output: then who is at the other end may do it in their stead. */
static bool flow_by_keys(const struct terminal_settings *settings)
{
    return (settings->iflag & TERM_IXON) && settings->cc[TERM_VSTART] == ('Q' & 0x1f) &&
           settings->cc[TERM_VSTOP] == ('S' & 0x1f);
}

/* Under the lock. Returns events. */
static uint32_t apply(struct tty *tty, enum terminal_when when,
                      const struct terminal_settings *asked)
{
    struct terminal_settings old = tty->port->settings;

    tty->port->settings = settle(asked);
    if (when == TERMINAL_FLUSH)
        discipline_flush_input(&tty->line);
    discipline_configure(&tty->line, &old);
    if (flow_by_keys(&old) != flow_by_keys(&tty->port->settings))
        tty->changes |= flow_by_keys(&old) ? TTY_CHANGED_NO_FLOW : TTY_CHANGED_FLOW;
    configure_port(tty, &old);
    tty->read_timer = READ_TIMER_IDLE;
    /* Whoever waits looks again: what counts as readable may be something else now. */
    return tty_made_room(tty) | READY_READ;
}

oskit_error_t tty_set_settings(struct tty *tty, enum terminal_when when,
                               const struct terminal_settings *settings)
{
    oskit_error_t error = change_begin(tty);
    uint32_t events = 0;

    if (error != OSKIT_SUCCESS)
        return error;
    if (when != TERMINAL_NOW && !tty_drain(tty))
        error = OSKIT_EWOULDBLOCK;
    else
        events = apply(tty, when, settings);
    tty_unlock(tty, events);
    return error;
}

oskit_error_t tty_flush(struct tty *tty, bool input, bool output)
{
    oskit_error_t error = change_begin(tty);

    if (error != OSKIT_SUCCESS)
        return error;
    if (input) {
        discipline_flush_input(&tty->line);
        tty->held_tail = tty->held_head;
    }
    if (output) {
        output_flush(&tty->line.output);
        tty->line.flushed = true;
    }
    tty_unlock(tty, tty_made_room(tty));
    return OSKIT_SUCCESS;
}

oskit_error_t tty_suspend_output(struct tty *tty, bool on)
{
    oskit_error_t error = change_begin(tty);

    if (error != OSKIT_SUCCESS)
        return error;
    tty->line.suspended = on;
    tty_settle(tty);
    tty_unlock(tty, 0);
    return OSKIT_SUCCESS;
}

oskit_error_t tty_suspend_input(struct tty *tty, bool on)
{
    oskit_error_t error = change_begin(tty);

    if (error != OSKIT_SUCCESS)
        return error;
    tty->flow_reply = tty->port->settings.cc[on ? TERM_VSTOP : TERM_VSTART];
    tty->reply_pending = tty->flow_reply != 0;
    tty_settle(tty);
    tty_unlock(tty, 0);
    return OSKIT_SUCCESS;
}

/* A break holds the line low; output waits for its end, which the port's line timer brings. */
oskit_error_t tty_send_break(struct tty *tty, uint32_t milliseconds)
{
    oskit_error_t error = change_begin(tty);

    if (error != OSKIT_SUCCESS)
        return error;
    if (!tty_drain(tty)) {
        error = OSKIT_EWOULDBLOCK;
    } else if (tty->port->ops->set_break) {
        tty->breaking = true;
        tty->port->ops->set_break(tty->port, true);
        env_timer_start(&tty->port->line_timer,
                        env_time_monotonic() + (uint64_t)milliseconds * 1000000u);
    }
    tty_unlock(tty, 0);
    return error;
}

oskit_error_t tty_set_break(struct tty *tty, bool on)
{
    oskit_error_t error = change_begin(tty);

    if (error != OSKIT_SUCCESS)
        return error;
    if (tty->port->ops->set_break) {
        tty->breaking = on;
        tty->port->ops->set_break(tty->port, on);
        tty_settle(tty);
    }
    tty_unlock(tty, 0);
    return error;
}

/* The end of a break, or time to ask busy hardware again: never both, since a break begins when all
 * is drained. */
void tty_line_timer(void *arg)
{
    struct tty_port *port = arg;
    struct tty *tty = tty_port_lock(port);

    if (!tty) {
        env_spin_lock(&port->lock);
        if (port->ops->set_break)
            port->ops->set_break(port, false);
        env_spin_unlock(&port->lock);
        return;
    }
    if (tty->breaking)
        port->ops->set_break(port, false);
    tty->breaking = false;
    if (tty->waiting_for_hardware) {
        tty->waiting_for_hardware = false;
        tty_drain(tty);
    }
    tty_settle(tty);
    tty_unlock(tty, 0);
    sluice_object_release(&tty->object);
}
