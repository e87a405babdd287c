/*
 * Ports: opening, closing and losing a line.
 *
 * port->tty is the terminal open on the line, without a reference of its own: whoever finds it
 * under port->lock takes one unless the last has just gone, in which case it counts as closed. A
 * terminal takes itself off its port when it ends or is hung up.
 */
#include <sluice/string.h>
#include "core.h"

static const uint8_t default_cc[TERMINAL_NCCS] = {
    [TERM_VINTR] = 'C' & 0x1f,    [TERM_VQUIT] = '\\' & 0x1f,       [TERM_VERASE] = 0x7f,
    [TERM_VKILL] = 'U' & 0x1f,    [TERM_VEOF] = 'D' & 0x1f,         [TERM_VMIN] = 1,
    [TERM_VSTART] = 'Q' & 0x1f,   [TERM_VSTOP] = 'S' & 0x1f,        [TERM_VSUSP] = 'Z' & 0x1f,
    [TERM_VREPRINT] = 'R' & 0x1f, [13 /* VDISCARD */] = 'O' & 0x1f, [TERM_VWERASE] = 'W' & 0x1f,
    [TERM_VLNEXT] = 'V' & 0x1f,
};

static void default_settings(struct terminal_settings *settings, oskit_u32_t speed)
{
    *settings = (struct terminal_settings){
        .iflag = TERM_ICRNL | TERM_IXON,
        .oflag = TERM_OPOST | TERM_ONLCR,
        .cflag = TERM_CS8 | TERM_CREAD | TERM_HUPCL | TERM_CLOCAL | terminal_speed_code(speed),
        .lflag = TERM_ISIG | TERM_ICANON | TERM_ECHO | TERM_ECHOE | TERM_ECHOK | TERM_ECHOCTL |
                 TERM_ECHOKE | TERM_IEXTEN,
        .ispeed = speed,
        .ospeed = speed,
    };
    memcpy(settings->cc, default_cc, sizeof default_cc);
}

static void set_path(struct tty_port *port, const char *name)
{
    static const char folder[] = "/dev/";
    size_t length = strlen(name), most = sizeof port->path - sizeof folder;

    length = length < most ? length : most;
    memcpy(port->path, folder, sizeof folder - 1);
    memcpy(port->path + sizeof folder - 1, name, length);
    port->path[sizeof folder - 1 + length] = '\0';
    port->device.name = port->path + sizeof folder - 1;
}

void tty_port_init(struct tty_port *port, const struct tty_port_ops *ops, const char *name,
                   oskit_u32_t number, oskit_u32_t speed)
{
    memset(port, 0, sizeof *port);
    port->ops = ops;
    set_path(port, name);
    port->device.number = number;
    port->device.open = tty_device_open;
    port->device.arg = port;
    default_settings(&port->settings, speed);
    env_timer_init(&port->read_timer, tty_read_timer, port);
    env_timer_init(&port->line_timer, tty_line_timer, port);
}

oskit_error_t tty_port_register(struct tty_port *port, oskit_mode_t permissions)
{
    port->device.mode = (oskit_mode_t)(OSKIT_S_IFCHR | permissions);
    oskit_error_t error = device_register(&port->device);
    port->registered = OSKIT_SUCCEEDED(error);
    return error;
}

void tty_port_fini(struct tty_port *port)
{
    if (port->registered)
        device_unregister(&port->device);
    port->registered = false;
    env_timer_stop(&port->read_timer);
    env_timer_stop(&port->line_timer);
}

/* Runs at the last release, in any context. The timers stay with the port: this may run inside one.
 */
static void tty_destroy(struct sluice_object *object)
{
    struct tty *tty = (struct tty *)object;
    struct tty_port *port = tty->port;
    bool tell = tty->had_line && port->ops->ended;

    env_spin_lock(&port->lock);
    if (port->tty == tty) {
        port->tty = NULL;
        if (port->ops->activate)
            port->ops->activate(port, false);
    }
    env_spin_unlock(&port->lock);
    listener_set_fini(&tty->listeners);
    sluice_object_fini(object);
    env_free(tty, sizeof *tty);
    if (tell)
        port->ops->ended(port);
}

static const struct sluice_interface tty_interfaces[] = {
    {&oskit_iunknown_iid, offsetof(struct tty, stream), &tty_stream_ops},
    {&oskit_stream_iid, offsetof(struct tty, stream), &tty_stream_ops},
    {&oskit_ttystream_iid, offsetof(struct tty, stream), &tty_stream_ops},
    {&sluice_streamvec_iid, offsetof(struct tty, streamvec), &tty_streamvec_ops},
    {&sluice_pollable_iid, offsetof(struct tty, pollable), &tty_pollable_ops},
    {&oskit_asyncio_iid, offsetof(struct tty, asyncio), &tty_asyncio_ops},
    {&oskit_posixio_iid, offsetof(struct tty, posixio), &tty_posixio_ops},
    {&sluice_terminal_iid, offsetof(struct tty, terminal), &tty_terminal_ops},
};

static const struct sluice_class tty_class = {"tty", tty_interfaces, SLUICE_COUNT(tty_interfaces),
                                              tty_destroy};

static struct tty *tty_create(struct tty_port *port)
{
    struct tty *tty = env_alloc(sizeof *tty, ENV_ZERO);

    if (!tty)
        return NULL;
    sluice_object_init(&tty->object, &tty_class);
    tty->port = port;
    tty->published = READY_WRITE | READY_DRAINED;
    readiness_init(&tty->readiness, tty->published);
    listener_set_init(&tty->listeners, &tty->readiness);
    discipline_init(&tty->line, &port->settings);
    return tty;
}

/* The terminal open on PORT with a reference for the caller, or NULL. Under the lock. */
static struct tty *find_open(struct tty_port *port)
{
    struct tty *tty = port->tty;

    return tty && sluice_object_addref_unless_dead(&tty->object) ? tty : NULL;
}

static void line_up(struct tty_port *port, struct tty *tty)
{
    port->tty = tty;
    tty->had_line = true;
    if (port->ops->configure)
        port->ops->configure(port, &port->settings);
    if (port->ops->activate)
        port->ops->activate(port, true);
}

static bool may_open(const struct tty *tty)
{
    return !tty->exclusive || env_capable(CAPABILITY_SYS_ADMIN);
}

oskit_error_t tty_port_open(struct tty_port *port, oskit_iunknown_t **out)
{
    *out = NULL;
    struct tty *fresh = NULL;
    env_spin_lock(&port->lock);
    struct tty *tty = find_open(port);
    env_spin_unlock(&port->lock);
    if (tty && !may_open(tty)) {
        sluice_object_release(&tty->object);
        return OSKIT_EBUSY;
    }
    if (!tty) {
        fresh = tty_create(port);
        if (!fresh)
            return OSKIT_ENOMEM;
        env_spin_lock(&port->lock);
        tty = find_open(port); /* another opener may have been quicker */
        if (!tty) {
            line_up(port, fresh);
            tty = fresh;
            fresh = NULL;
        }
        env_spin_unlock(&port->lock);
    }
    if (fresh)
        sluice_object_release(&fresh->object);
    *out = (oskit_iunknown_t *)&tty->stream.i;
    return OSKIT_SUCCESS;
}

oskit_error_t tty_device_open(void *arg, oskit_u32_t oflags, oskit_iunknown_t **out)
{
    (void)oflags;
    return tty_port_open(arg, out);
}

/* Under the lock: the terminal stays with those who have it, the line is free for the next. */
static void line_down(struct tty_port *port, struct tty *tty)
{
    if (tty->hung_up)
        return;
    tty_hang_up(tty);
    if (port->ops->flush)
        port->ops->flush(port);
    if (port->ops->activate)
        port->ops->activate(port, false);
    port->tty = NULL;
}

void tty_port_hangup(struct tty_port *port)
{
    struct tty *tty = tty_port_lock(port);

    if (!tty)
        return;
    line_down(port, tty);
    int32_t sid = tty->sid;
    bool leader_apart = sid != 0 && sid != tty->pgrp;
    tty_unlock(tty, READY_READ | READY_WRITE | READY_ERR | READY_HUP);
    if (leader_apart) {
        env_signal_group(sid, SIGNAL_HUP);
        env_signal_group(sid, SIGNAL_CONT);
    }
    sluice_object_release(&tty->object);
}
