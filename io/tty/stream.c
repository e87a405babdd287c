/*
 * The seed's face of a terminal: oskit_ttystream, which extends oskit_stream. Its read takes what
 * is there, since it can't say whether the caller would wait.
 */
#include "core.h"

static oskit_error_t stream_read(oskit_ttystream_t *self, void *buf, oskit_u32_t len,
                                 oskit_u32_t *out_actual)
{
    struct sluice_iovec segment;
    struct sluice_uio uio;
    size_t actual;

    uio_init_kernel(&uio, &segment, buf, len);
    oskit_error_t error = tty_read(tty_of(self), &uio, VECIO_NONBLOCK, &actual);
    *out_actual = (oskit_u32_t)actual;
    return error;
}

static oskit_error_t stream_write(oskit_ttystream_t *self, const void *buf, oskit_u32_t len,
                                  oskit_u32_t *out_actual)
{
    struct sluice_iovec segment;
    struct sluice_uio uio;
    size_t actual;

    uio_init_kernel(&uio, &segment, (void *)(uintptr_t)buf, len);
    oskit_error_t error = tty_write(tty_of(self), &uio, &actual);
    *out_actual = (oskit_u32_t)actual;
    return error;
}

/* ---- What a terminal, having no position and no size, refuses ---- */

static oskit_error_t no_seek(oskit_ttystream_t *self, oskit_s64_t ofs, oskit_seek_t whence,
                             oskit_u64_t *out_newpos)
{
    (void)self;
    (void)ofs;
    (void)whence;
    (void)out_newpos;
    return OSKIT_ESPIPE;
}

static oskit_error_t no_setsize(oskit_ttystream_t *self, oskit_u64_t new_size)
{
    (void)self;
    (void)new_size;
    return OSKIT_E_NOTIMPL;
}

static oskit_error_t no_copyto(oskit_ttystream_t *self, oskit_ttystream_t *dst, oskit_u64_t size,
                               oskit_u64_t *out_read, oskit_u64_t *out_written)
{
    (void)self;
    (void)dst;
    (void)size;
    (void)out_read;
    (void)out_written;
    return OSKIT_E_NOTIMPL;
}

static oskit_error_t no_commit(oskit_ttystream_t *self, oskit_u32_t flags)
{
    (void)self;
    (void)flags;
    return OSKIT_E_NOTIMPL;
}

static oskit_error_t no_revert(oskit_ttystream_t *self)
{
    (void)self;
    return OSKIT_E_NOTIMPL;
}

static oskit_error_t no_region(oskit_ttystream_t *self, oskit_u64_t offset, oskit_u64_t size,
                               oskit_u32_t type)
{
    (void)self;
    (void)offset;
    (void)size;
    (void)type;
    return OSKIT_E_NOTIMPL;
}

static oskit_error_t no_stat(oskit_ttystream_t *self, oskit_stream_stat_t *out, oskit_u32_t flags)
{
    (void)self;
    (void)out;
    (void)flags;
    return OSKIT_E_NOTIMPL;
}

static oskit_error_t no_clone(oskit_ttystream_t *self, oskit_ttystream_t **out)
{
    (void)self;
    *out = NULL;
    return OSKIT_E_NOTIMPL;
}

/* ---- termios ---- */

static oskit_error_t stream_getattr(oskit_ttystream_t *self, struct oskit_termios *out)
{
    struct tty *tty = tty_of(self);

    tty_lock(tty);
    bsd_termios_from(out, &tty->port->settings);
    tty_unlock_quietly(tty);
    return OSKIT_SUCCESS;
}

static oskit_error_t stream_setattr(oskit_ttystream_t *self, int actions,
                                    const struct oskit_termios *attr)
{
    static const enum terminal_when when[] = {TERMINAL_NOW, TERMINAL_DRAIN, TERMINAL_FLUSH};
    struct tty *tty = tty_of(self);

    if (actions < OSKIT_TCSANOW || actions > OSKIT_TCSAFLUSH)
        return OSKIT_E_INVALIDARG;
    tty_lock(tty);
    struct terminal_settings settings = tty->port->settings;
    tty_unlock_quietly(tty);
    bsd_termios_to(&settings, attr);
    return tty_set_settings(tty, when[actions], &settings);
}

static oskit_error_t stream_sendbreak(oskit_ttystream_t *self, oskit_u32_t duration)
{
    return tty_send_break(tty_of(self), duration != 0 ? duration : 300);
}

static oskit_error_t stream_drain(oskit_ttystream_t *self)
{
    struct tty *tty = tty_of(self);
    oskit_error_t error = tty_check_job(tty, SIGNAL_TTOU);

    if (error != OSKIT_SUCCESS)
        return error;
    tty_lock(tty);
    error = tty_drain(tty) ? OSKIT_SUCCESS : OSKIT_EWOULDBLOCK;
    tty_unlock(tty, 0);
    return error;
}

static oskit_error_t stream_flush(oskit_ttystream_t *self, int queue)
{
    if (queue < OSKIT_TCIFLUSH || queue > OSKIT_TCIOFLUSH)
        return OSKIT_E_INVALIDARG;
    return tty_flush(tty_of(self), queue != OSKIT_TCOFLUSH, queue != OSKIT_TCIFLUSH);
}

static oskit_error_t stream_flow(oskit_ttystream_t *self, int action)
{
    switch (action) {
    case OSKIT_TCOOFF:
    case OSKIT_TCOON:
        return tty_suspend_output(tty_of(self), action == OSKIT_TCOOFF);
    case OSKIT_TCIOFF:
    case OSKIT_TCION:
        return tty_suspend_input(tty_of(self), action == OSKIT_TCIOFF);
    default:
        return OSKIT_E_INVALIDARG;
    }
}

/* ---- Job control ---- */

static oskit_error_t get_tie(struct tty *tty, const int32_t *field, oskit_pid_t *out)
{
    tty_lock(tty);
    bool tied = tty->sid != 0;
    *out = *field;
    tty_unlock_quietly(tty);
    return tied ? OSKIT_SUCCESS : OSKIT_ENOTTY;
}

static oskit_error_t stream_getpgrp(oskit_ttystream_t *self, oskit_pid_t *out)
{
    struct tty *tty = tty_of(self);

    return get_tie(tty, &tty->pgrp, out);
}

static oskit_error_t stream_getsid(oskit_ttystream_t *self, oskit_pid_t *out)
{
    struct tty *tty = tty_of(self);

    return get_tie(tty, &tty->sid, out);
}

static oskit_error_t stream_setpgrp(oskit_ttystream_t *self, oskit_pid_t pid)
{
    struct tty *tty = tty_of(self);

    if (pid <= 0)
        return OSKIT_E_INVALIDARG;
    oskit_error_t error = tty_check_job(tty, SIGNAL_TTOU);
    if (error != OSKIT_SUCCESS)
        return error;
    tty_lock(tty);
    if (tty->sid == 0)
        error = OSKIT_ENOTTY;
    else
        tty->pgrp = pid;
    tty_unlock_quietly(tty);
    return error;
}

static oskit_error_t stream_ttyname(oskit_ttystream_t *self, char **out)
{
    *out = tty_of(self)->port->path;
    return OSKIT_SUCCESS;
}

struct oskit_ttystream_ops tty_stream_ops = {
    SLUICE_IUNKNOWN_SLOTS,     .read = stream_read,       .write = stream_write,
    .seek = no_seek,           .setsize = no_setsize,     .copyto = no_copyto,
    .commit = no_commit,       .revert = no_revert,       .lockregion = no_region,
    .unlockregion = no_region, .stat = no_stat,           .clone = no_clone,
    .getattr = stream_getattr, .setattr = stream_setattr, .sendbreak = stream_sendbreak,
    .drain = stream_drain,     .flush = stream_flush,     .flow = stream_flow,
    .getpgrp = stream_getpgrp, .setpgrp = stream_setpgrp, .ttyname = stream_ttyname,
    .getsid = stream_getsid,
};
