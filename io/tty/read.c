/*
 * Reading. With ICANON a read gets a line or the part of it that fits. Without, VMIN and VTIME say
 * when a read has enough:
 *
 *     VMIN  VTIME
 *      >0     0    when VMIN bytes are there (or as many as were asked for)
 *      >0    >0    the same, or VTIME after the last byte came, once one has
 *       0    >0    when a byte is there, or VTIME after the read began
 *       0     0    at once
 *
 * A read that must wait leaves a note: the timer it started, and the number of bytes it wants when
 * that is not what the readiness level tells of. The timer belongs to the terminal, not to a read:
 * when it is over, the next try ends. With nobody registered it just stops, so that a reader who
 * gave up leaves nothing behind.
 */
#include "core.h"

#define TENTH_NS 100000000u
#define BOUNCE   256u

enum verdict {
    READ_NOW,
    READ_NOTHING, /* success with 0 bytes */
    READ_LATER,
};

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static uint8_t setting(const struct tty *tty, int index)
{
    return tty->port->settings.cc[index];
}

bool tty_readable(const struct tty *tty)
{
    if (discipline_canonical(&tty->line))
        return input_has_line(&tty->line.input);
    if (tty->read_timer == READ_TIMER_OVER)
        return true;
    size_t least = setting(tty, TERM_VTIME) == 0 ? setting(tty, TERM_VMIN) : 0;
    return input_used(&tty->line.input) >= (least > 0 ? least : 1);
}

static void restart_timer(struct tty *tty)
{
    tty->read_deadline = env_time_monotonic() + (uint64_t)setting(tty, TERM_VTIME) * TENTH_NS;
}

static void start_timer(struct tty *tty)
{
    if (tty->read_timer == READ_TIMER_RUNNING)
        return;
    tty->read_timer = READ_TIMER_RUNNING;
    restart_timer(tty);
    env_timer_start(&tty->port->read_timer, tty->read_deadline);
}

/* The timer is over for the read that waits: that is so once. */
static bool timer_is_over(struct tty *tty)
{
    if (tty->read_timer != READ_TIMER_OVER)
        return false;
    tty->read_timer = READ_TIMER_IDLE;
    return true;
}

uint32_t tty_input_events(struct tty *tty)
{
    size_t used = input_used(&tty->line.input);
    bool arrived = tty->line.arrived, enough = tty->wanted != 0 && used >= tty->wanted;

    tty->line.arrived = false;
    if (!arrived)
        return 0;
    if (tty->read_timer == READ_TIMER_RUNNING && setting(tty, TERM_VMIN) > 0)
        restart_timer(tty); /* the callback sees the new deadline and goes on */
    if (enough)
        tty->wanted = 0;
    return enough || tty_readable(tty) ? READY_READ : 0;
}

static bool somebody_waits(struct tty *tty)
{
    env_spin_lock(&tty->readiness.lock);
    bool some = !list_empty(&tty->readiness.waiters);
    env_spin_unlock(&tty->readiness.lock);
    return some;
}

void tty_read_timer(void *port)
{
    struct tty *tty = tty_port_lock(port);
    uint32_t events = 0;

    if (!tty)
        return;
    if (tty->read_timer == READ_TIMER_RUNNING) {
        if (env_time_monotonic() < tty->read_deadline) {
            env_timer_start(&tty->port->read_timer, tty->read_deadline);
        } else if (somebody_waits(tty)) {
            tty->read_timer = READ_TIMER_OVER;
            events = READY_READ;
        } else {
            tty->read_timer = READ_TIMER_IDLE;
        }
    }
    tty_unlock(tty, events);
    sluice_object_release(&tty->object);
}

/* No byte is there. */
static enum verdict judge_empty(struct tty *tty, bool wait)
{
    bool timed = setting(tty, TERM_VTIME) > 0;

    if (setting(tty, TERM_VMIN) > 0) {
        tty->read_timer = READ_TIMER_IDLE; /* runs from the first byte on */
        return READ_LATER;
    }
    if (!timed || timer_is_over(tty))
        return READ_NOTHING;
    if (wait)
        start_timer(tty);
    return READ_LATER;
}

/* Some bytes are there, but fewer than ENOUGH. */
static enum verdict judge_some(struct tty *tty, size_t enough)
{
    if (setting(tty, TERM_VTIME) == 0) {
        tty->wanted = enough;
        return READ_LATER;
    }
    if (timer_is_over(tty))
        return READ_NOW;
    start_timer(tty);
    return READ_LATER;
}

/* Whether a read of WANT bytes can be served. Under the lock. */
static enum verdict judge(struct tty *tty, size_t want, bool wait)
{
    size_t used = input_used(&tty->line.input);

    if (tty->hung_up)
        return READ_NOTHING;
    if (discipline_canonical(&tty->line))
        return input_has_line(&tty->line.input) ? READ_NOW : READ_LATER;
    size_t enough = smaller(setting(tty, TERM_VMIN), want);
    enum verdict verdict = used == 0               ? judge_empty(tty, wait)
                           : wait && used < enough ? judge_some(tty, enough)
                                                   : READ_NOW;
    if (verdict == READ_LATER && wait && used == 0 && enough < setting(tty, TERM_VMIN))
        tty->wanted = enough;
    if (verdict == READ_NOW)
        tty->read_timer = READ_TIMER_IDLE;
    return verdict;
}

/* Takes what fits into BOUNCE; *more says that the read may go on for the rest. Under the lock. */
static size_t take(struct tty *tty, uint8_t *bounce, size_t max, bool *more)
{
    struct input *in = &tty->line.input;
    bool ended = false;
    size_t n;

    if (discipline_canonical(&tty->line))
        n = input_take_line(in, bounce, max, &ended);
    else
        n = input_take(in, bounce, max);
    *more = !ended && n == max;
    return n;
}

static oskit_error_t copy_out(struct tty *tty, struct sluice_uio *uio, size_t *out_actual)
{
    uint8_t bounce[BOUNCE];
    oskit_error_t error = OSKIT_SUCCESS;
    size_t moved;
    bool more = true;

    while (more && uio->left > 0 && error == OSKIT_SUCCESS) {
        tty_lock(tty);
        size_t n = take(tty, bounce, smaller(uio->left, BOUNCE), &more);
        if (n == uio->left && more && discipline_canonical(&tty->line))
            input_skip_eof(&tty->line.input);
        tty_unlock_quietly(tty);
        error = uio_write_to(uio, bounce, n, &moved);
        *out_actual += moved;
    }
    return *out_actual > 0 ? OSKIT_SUCCESS : error;
}

static oskit_error_t read_line(struct tty *tty, struct sluice_uio *uio, uint32_t flags,
                               size_t *out_actual)
{
    tty_lock(tty);
    enum verdict verdict = judge(tty, uio->left, !(flags & VECIO_NONBLOCK));
    tty_unlock(tty, 0); /* the timer may have stopped being over */
    if (verdict != READ_NOW)
        return verdict == READ_NOTHING ? OSKIT_SUCCESS : OSKIT_EWOULDBLOCK;
    oskit_error_t error = copy_out(tty, uio, out_actual);
    tty_lock(tty);
    tty_unlock(tty, tty_made_room(tty));
    return error;
}

oskit_error_t tty_read(struct tty *tty, struct sluice_uio *uio, uint32_t flags, size_t *out_actual)
{
    *out_actual = 0;
    oskit_error_t error = tty_check_job(tty, SIGNAL_TTIN);
    if (error != OSKIT_SUCCESS || uio->left == 0)
        return error;
    env_mutex_lock(&tty->read_mutex);
    error = read_line(tty, uio, flags, out_actual);
    env_mutex_unlock(&tty->read_mutex);
    return error;
}
