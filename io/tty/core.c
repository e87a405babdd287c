/*
 * The terminal's state, and telling others of it.
 *
 * Lock order: read_mutex or write_mutex -> port->lock -> the driver's lock. tty_unlock publishes
 * readiness and sends signals with no lock held.
 *
 * Two contexts may decide on levels one after the other and publish them in the opposite order; so
 * each level is numbered under the lock, and who has published looks whether a newer one exists,
 * and then publishes that.
 */
#include "core.h"

#define TTY_LEVELS (READY_READ | READY_WRITE | READY_ERR | READY_HUP | READY_DRAINED)
/* Room that makes a terminal writable again: not each byte that leaves shall wake the writer. */
#define TTY_WRITABLE (OUTPUT_LIMIT / 2)

void tty_lock(struct tty *tty)
{
    env_spin_lock(&tty->port->lock);
}

size_t tty_output_room(const struct tty *tty)
{
    const struct tty_port_ops *ops = tty->port->ops;
    size_t room = output_room(&tty->line.output);

    if (!ops->room)
        return room;
    size_t taken = discipline_may_send(&tty->line) ? ops->room(tty->port) : 0;
    return taken < room ? taken : room;
}

/* What waits in the terminal of a port that keeps what it was sent is echo held back by ^S, which
 * nobody waits for. */
size_t tty_pending(const struct tty *tty)
{
    return tty->port->ops->room ? 0 : output_used(&tty->line.output);
}

bool tty_drained(const struct tty *tty)
{
    return tty_pending(tty) == 0 && !tty->waiting_for_hardware && !tty->breaking &&
           !tty->reply_pending;
}

static uint32_t ready_level(const struct tty *tty)
{
    if (tty->hung_up)
        return TTY_LEVELS;
    uint32_t level = 0;
    if (tty_readable(tty))
        level |= READY_READ;
    if (tty_output_room(tty) >= TTY_WRITABLE)
        level |= READY_WRITE;
    if (tty_drained(tty))
        level |= READY_DRAINED;
    return level;
}

static void tell(struct tty *tty, uint32_t level, uint32_t events, uint32_t number)
{
    for (;;) {
        readiness_update(&tty->readiness, level, TTY_LEVELS & ~level, events);
        if (atomic_load(&tty->publications) == number)
            return;
        tty_lock(tty);
        level = events = tty->published;
        number = atomic_load(&tty->publications);
        env_spin_unlock(&tty->port->lock);
    }
}

static void send_signals(uint32_t signals, int32_t pgrp)
{
    if (pgrp == 0)
        return;
    for (int signal = 1; signals >> signal; signal++) {
        if (signals >> signal & 1)
            env_signal_group(pgrp, signal);
    }
}

/*
 * Output that the hardware has not taken yet keeps the terminal alive though all have closed it:
 * what was written gets sent. Under the lock; returns true when the terminal's own reference has to
 * be released after it.
 */
static bool linger(struct tty *tty)
{
    bool was = tty->lingering;

    tty->lingering = tty_pending(tty) > 0;
    if (tty->lingering && !was)
        sluice_object_addref(&tty->object);
    return was && !tty->lingering;
}

/* Under the lock. */
static void tell_port(struct tty *tty)
{
    bool stopped = !discipline_may_send(&tty->line);
    uint32_t what = tty->changes;

    if (tty->line.input_flushed)
        what |= TTY_CHANGED_INPUT_FLUSHED;
    if (stopped != tty->told_stopped)
        what |= stopped ? TTY_CHANGED_STOPPED : TTY_CHANGED_STARTED;
    tty->changes = 0;
    tty->line.input_flushed = false;
    tty->told_stopped = stopped;
    if (what != 0 && !tty->hung_up && tty->port->ops->changed)
        tty->port->ops->changed(tty->port, what);
}

void tty_unlock(struct tty *tty, uint32_t events)
{
    tell_port(tty);
    uint32_t signals = tty->line.signals;
    int32_t pgrp = tty->pgrp;
    uint32_t level = ready_level(tty), number = 0;
    bool done = linger(tty);

    events |= level & ~tty->published;
    bool news = events != 0 || level != tty->published;
    if (news) {
        tty->published = level;
        number = atomic_fetch_add(&tty->publications, 1) + 1;
    }
    tty->line.signals = 0;
    if (tty->hung_up)
        tty->sid = tty->pgrp = 0; /* those signals were the last it had to do with its session */
    env_spin_unlock(&tty->port->lock);
    if (signals)
        send_signals(signals, pgrp);
    if (news)
        tell(tty, level, events, number);
    if (tty->port->ops->unlocked)
        tty->port->ops->unlocked(tty->port);
    if (done)
        sluice_object_release(&tty->object);
}

void tty_unlock_quietly(struct tty *tty)
{
    env_spin_unlock(&tty->port->lock);
}

void tty_start(struct tty *tty)
{
    bool some =
        tty->reply_pending || (output_used(&tty->line.output) && discipline_may_send(&tty->line));

    if (some && !tty->hung_up && !tty->breaking)
        tty->port->ops->start(tty->port);
}

void tty_settle(struct tty *tty)
{
    if (tty->line.flushed) {
        tty->changes |= TTY_CHANGED_OUTPUT_FLUSHED;
        if (tty->port->ops->flush && !tty->hung_up)
            tty->port->ops->flush(tty->port);
    }
    tty->line.flushed = false;
    tty_start(tty);
}

/* How often to ask hardware that tells nobody when it is done. */
#define HARDWARE_POLL_NS 1000000u

bool tty_drain(struct tty *tty)
{
    struct tty_port *port = tty->port;

    if (!tty_drained(tty))
        return false;
    if (tty->hung_up || !port->ops->drained || port->ops->drained(port))
        return true;
    tty->waiting_for_hardware = true;
    env_timer_start(&port->line_timer, env_time_monotonic() + HARDWARE_POLL_NS);
    return false;
}

oskit_error_t tty_check_job(struct tty *tty, int signal)
{
    tty_lock(tty);
    int32_t sid = tty->sid, pgrp = tty->pgrp;
    tty_unlock_quietly(tty);
    return sid != 0 ? env_job_check(sid, pgrp, signal) : OSKIT_SUCCESS;
}

void tty_hang_up(struct tty *tty)
{
    tty->hung_up = true;
    input_flush(&tty->line.input);
    output_flush(&tty->line.output);
    tty->held_tail = tty->held_head;
    tty->reply_pending = tty->breaking = tty->waiting_for_hardware = false;
    tty->line.signals |= 1u << SIGNAL_HUP | 1u << SIGNAL_CONT;
}
