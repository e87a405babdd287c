/* The object faces of a terminal: thin method tables over the rest of this folder. */
#include "core.h"

/* ---- streamvec, pollable ---- */

static oskit_error_t vec_readv(sluice_streamvec_t *self, struct sluice_uio *uio, oskit_u32_t flags,
                               oskit_size_t *out_actual)
{
    if (flags & VECIO_PEEK) {
        *out_actual = 0;
        return OSKIT_E_INVALIDARG;
    }
    return tty_read(tty_of(self), uio, flags, out_actual);
}

static oskit_error_t vec_writev(sluice_streamvec_t *self, struct sluice_uio *uio, oskit_u32_t flags,
                                oskit_size_t *out_actual)
{
    (void)flags;
    return tty_write(tty_of(self), uio, out_actual);
}

struct sluice_streamvec_ops tty_streamvec_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .readv = vec_readv,
    .writev = vec_writev,
};

static struct readiness *pollable_readiness(sluice_pollable_t *self)
{
    return &tty_of(self)->readiness;
}

struct sluice_pollable_ops tty_pollable_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .readiness = pollable_readiness,
};

/* ---- asyncio ---- */

static oskit_error_t asyncio_poll(oskit_asyncio_t *self)
{
    return listener_set_poll(&tty_of(self)->listeners);
}

static oskit_error_t asyncio_add(oskit_asyncio_t *self, struct oskit_listener *listener,
                                 oskit_s32_t mask)
{
    struct tty *tty = tty_of(self);

    return listener_set_add(&tty->listeners, (oskit_iunknown_t *)&tty->stream.i, listener, mask);
}

static oskit_error_t asyncio_remove(oskit_asyncio_t *self, struct oskit_listener *listener)
{
    return listener_set_remove(&tty_of(self)->listeners, listener);
}

static oskit_error_t asyncio_readable(oskit_asyncio_t *self)
{
    struct tty *tty = tty_of(self);

    tty_lock(tty);
    size_t n = input_readable(&tty->line.input, discipline_canonical(&tty->line));
    tty_unlock_quietly(tty);
    return (oskit_error_t)n;
}

struct oskit_asyncio_ops tty_asyncio_ops = {
    SLUICE_IUNKNOWN_SLOTS,        .poll = asyncio_poll,
    .add_listener = asyncio_add,  .remove_listener = asyncio_remove,
    .readable = asyncio_readable,
};

/* ---- posixio ---- */

static oskit_error_t posixio_stat(oskit_posixio_t *self, oskit_stat_t *out)
{
    const struct tty_port *port = tty_of(self)->port;

    *out = (oskit_stat_t){
        .mode = (oskit_mode_t)(OSKIT_S_IFCHR | (port->device.mode & ~OSKIT_S_IFMT)),
        .nlink = 1,
        .uid = port->device.uid,
        .gid = port->device.gid,
        .rdev = port->device.number,
        .blksize = 1024,
    };
    return OSKIT_SUCCESS;
}

/* Names, owners and permissions are those of the device's node in a file system. */
static oskit_error_t posixio_setstat(oskit_posixio_t *self, oskit_u32_t mask,
                                     const oskit_stat_t *stats)
{
    (void)self;
    (void)mask;
    (void)stats;
    return OSKIT_E_NOTIMPL;
}

static oskit_error_t posixio_pathconf(oskit_posixio_t *self, oskit_s32_t option, oskit_s32_t *out)
{
    (void)self;
    switch (option) {
    case OSKIT_PC_MAX_CANON:
    case OSKIT_PC_MAX_INPUT:
        *out = INPUT_SIZE - 1;
        return OSKIT_SUCCESS;
    case OSKIT_PC_VDISABLE:
        *out = 0;
        return OSKIT_SUCCESS;
    case OSKIT_PC_LINK_MAX:
        *out = 1;
        return OSKIT_SUCCESS;
    default:
        return OSKIT_E_INVALIDARG;
    }
}

struct oskit_posixio_ops tty_posixio_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .stat = posixio_stat,
    .setstat = posixio_setstat,
    .pathconf = posixio_pathconf,
};

/* ---- terminal ---- */

static oskit_error_t terminal_getsettings(sluice_terminal_t *self, struct terminal_settings *out)
{
    struct tty *tty = tty_of(self);

    tty_lock(tty);
    *out = tty->port->settings;
    tty_unlock_quietly(tty);
    return OSKIT_SUCCESS;
}

static oskit_error_t terminal_setsettings(sluice_terminal_t *self, enum terminal_when when,
                                          const struct terminal_settings *settings)
{
    return tty_set_settings(tty_of(self), when, settings);
}

static oskit_error_t terminal_getsize(sluice_terminal_t *self, struct terminal_size *out)
{
    struct tty *tty = tty_of(self);

    tty_lock(tty);
    *out = tty->port->size;
    tty_unlock_quietly(tty);
    return OSKIT_SUCCESS;
}

static oskit_error_t terminal_setsize(sluice_terminal_t *self, const struct terminal_size *size)
{
    struct tty *tty = tty_of(self);

    tty_lock(tty);
    tty_set_size(tty, size);
    tty_unlock(tty, 0);
    return OSKIT_SUCCESS;
}

static oskit_error_t terminal_attach(sluice_terminal_t *self, oskit_s32_t sid, oskit_s32_t pgrp)
{
    struct tty *tty = tty_of(self);
    oskit_error_t error = OSKIT_SUCCESS;

    tty_lock(tty);
    if (tty->hung_up) {
        error = OSKIT_EIO;
    } else if (tty->sid != 0 && tty->sid != sid) {
        error = OSKIT_E_ACCESSDENIED;
    } else {
        tty->sid = sid;
        tty->pgrp = pgrp;
    }
    tty_unlock_quietly(tty);
    return error;
}

static oskit_error_t terminal_detach(sluice_terminal_t *self, oskit_s32_t sid)
{
    struct tty *tty = tty_of(self);

    tty_lock(tty);
    if (tty->sid == sid)
        tty->sid = tty->pgrp = 0;
    tty_unlock_quietly(tty);
    return OSKIT_SUCCESS;
}

/* Only a terminal that still has its line can lose it; otherwise another may be open on the port by
 * now. */
static oskit_error_t terminal_hangup(sluice_terminal_t *self)
{
    struct tty *tty = tty_of(self);

    tty_lock(tty);
    bool hung_up = tty->hung_up;
    tty_unlock_quietly(tty);
    if (!hung_up)
        tty_port_hangup(tty->port);
    return OSKIT_SUCCESS;
}

static oskit_error_t terminal_pending_output(sluice_terminal_t *self, oskit_u32_t *out)
{
    struct tty *tty = tty_of(self);

    tty_lock(tty);
    *out = (oskit_u32_t)tty_pending(tty);
    tty_unlock_quietly(tty);
    return OSKIT_SUCCESS;
}

static oskit_error_t terminal_device(sluice_terminal_t *self, oskit_u32_t *out_rdev)
{
    *out_rdev = tty_of(self)->port->device.number;
    return OSKIT_SUCCESS;
}

static void terminal_opened(sluice_terminal_t *self)
{
    struct tty *tty = tty_of(self);

    tty_lock(tty);
    if (tty->users++ == 0 && !tty->hung_up && tty->port->ops->used)
        tty->port->ops->used(tty->port, true);
    tty_unlock(tty, 0);
}

static bool terminal_closed(sluice_terminal_t *self)
{
    struct tty *tty = tty_of(self);

    tty_lock(tty);
    bool last = --tty->users == 0;
    if (last)
        tty->exclusive = false;
    if (last && !tty->hung_up && tty->port->ops->used)
        tty->port->ops->used(tty->port, false);
    tty_unlock(tty, 0);
    return last && !tty->port->ops->used;
}

static oskit_error_t terminal_setexclusive(sluice_terminal_t *self, bool on)
{
    struct tty *tty = tty_of(self);

    tty_lock(tty);
    oskit_error_t error = tty->hung_up ? OSKIT_EIO : OSKIT_SUCCESS;
    tty->exclusive = on;
    tty_unlock_quietly(tty);
    return error;
}

static bool terminal_exclusive(sluice_terminal_t *self)
{
    struct tty *tty = tty_of(self);

    tty_lock(tty);
    bool exclusive = tty->exclusive;
    tty_unlock_quietly(tty);
    return exclusive;
}

static oskit_error_t terminal_modem(sluice_terminal_t *self, oskit_u32_t set, oskit_u32_t clear,
                                    oskit_u32_t *out)
{
    struct tty *tty = tty_of(self);
    oskit_error_t error = OSKIT_SUCCESS;

    tty_lock(tty);
    if (tty->hung_up)
        error = OSKIT_EIO;
    else if (!tty->port->ops->modem)
        error = OSKIT_ENOTTY;
    else
        *out = tty->port->ops->modem(tty->port, set, clear);
    tty_unlock_quietly(tty);
    return error;
}

static oskit_error_t terminal_setbreak(sluice_terminal_t *self, bool on)
{
    return tty_set_break(tty_of(self), on);
}

static bool terminal_hungup(sluice_terminal_t *self)
{
    struct tty *tty = tty_of(self);

    tty_lock(tty);
    bool hung_up = tty->hung_up;
    tty_unlock_quietly(tty);
    return hung_up;
}

struct sluice_terminal_ops tty_terminal_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .getsettings = terminal_getsettings,
    .setsettings = terminal_setsettings,
    .getsize = terminal_getsize,
    .setsize = terminal_setsize,
    .attach = terminal_attach,
    .detach = terminal_detach,
    .hangup = terminal_hangup,
    .pending_output = terminal_pending_output,
    .device = terminal_device,
    .opened = terminal_opened,
    .closed = terminal_closed,
    .setexclusive = terminal_setexclusive,
    .exclusive = terminal_exclusive,
    .modem = terminal_modem,
    .setbreak = terminal_setbreak,
    .hungup = terminal_hungup,
};
