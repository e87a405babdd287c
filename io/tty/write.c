/* Writing: programs' bytes through output processing into the ring, and on to the hardware at once
 * as far as it takes them. */
#include "core.h"

#define BOUNCE 512u

static oskit_error_t check_writer(struct tty *tty)
{
    tty_lock(tty);
    bool hung_up = tty->hung_up;
    bool stop = (tty->port->settings.lflag & TERM_TOSTOP) != 0;
    tty_unlock_quietly(tty);
    if (hung_up)
        return OSKIT_EIO;
    return stop ? tty_check_job(tty, SIGNAL_TTOU) : OSKIT_SUCCESS;
}

static oskit_error_t put(struct tty *tty, const uint8_t *bytes, size_t n, size_t *out_used)
{
    *out_used = 0;
    tty_lock(tty);
    if (tty->hung_up) {
        tty_unlock_quietly(tty);
        return OSKIT_EIO;
    }
    *out_used =
        output_write(&tty->line.output, &tty->port->settings, bytes, n, tty_output_room(tty));
    tty_start(tty);
    tty_unlock(tty, 0);
    return *out_used == n ? OSKIT_SUCCESS : OSKIT_EWOULDBLOCK;
}

/* What was copied from the program and then found no room is given back: the uio stands behind what
 * was taken. */
static oskit_error_t write_some(struct tty *tty, struct sluice_uio *uio, size_t *out_actual)
{
    uint8_t bounce[BOUNCE];
    struct sluice_uio before = *uio;
    size_t copied, used;

    oskit_error_t fault =
        uio_read_from(uio, bounce, uio->left < BOUNCE ? uio->left : BOUNCE, &copied);
    oskit_error_t error = put(tty, bounce, copied, &used);
    if (used < copied) {
        *uio = before;
        uio_skip(uio, used);
    }
    *out_actual += used;
    return error != OSKIT_SUCCESS ? error : fault;
}

oskit_error_t tty_write(struct tty *tty, struct sluice_uio *uio, size_t *out_actual)
{
    *out_actual = 0;
    oskit_error_t error = check_writer(tty);
    if (error != OSKIT_SUCCESS)
        return error;
    env_mutex_lock(&tty->write_mutex);
    while (uio->left > 0 && error == OSKIT_SUCCESS)
        error = write_some(tty, uio, out_actual);
    env_mutex_unlock(&tty->write_mutex);
    return *out_actual > 0 ? OSKIT_SUCCESS : error;
}
