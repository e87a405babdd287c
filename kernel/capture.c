/*
 * The thread that carries a capture to its device: see capture.h. It alone touches the two objects;
 * capture_finish watches `idle` and asks the terminal how much is on its way.
 */
#include "kernel/capture.h"
#include <stdatomic.h>
#include <oskit/com/stream.h>
#include <oskit/fs/file.h>
#include <oskit/io/posixio.h>
#include <sluice/device.h>
#include <sluice/env.h>
#include <sluice/object.h>
#include <sluice/readiness.h>
#include <sluice/string.h>
#include <sluice/terminal.h>
#include "kernel/boot_info.h"
#include "kernel/lib/string.h"
#include "kernel/log.h"

#define PIECE        65536u
#define MILLISECOND  1000000ull
#define FIND_WITHIN  10000u /* milliseconds for the device to appear */
#define FLUSH_WITHIN 3000u  /* milliseconds for the rest at the end */

struct carrier {
    oskit_stream_t *from, *to;
    struct readiness *readable, *writable;
    sluice_terminal_t *terminal;
    char *piece;
    _Atomic bool idle; /* nothing to read, all read was written */
};
static struct carrier carrier;
static _Atomic bool carrier_runs;

/* ---- Waiting ---- */

struct sleeper {
    struct readiness_waiter waiter;
    struct env_sleep sleep;
    bool told;
};

/* Under the readiness lock, so once. */
static bool sleeper_notify(struct readiness_waiter *waiter, uint32_t events)
{
    struct sleeper *sleeper = container_of(waiter, struct sleeper, waiter);
    (void)events;
    if (!sleeper->told)
        env_wakeup(&sleeper->sleep);
    sleeper->told = true;
    return true;
}

static void await(struct readiness *readiness, uint32_t mask)
{
    struct sleeper sleeper = {.waiter = {.mask = mask, .notify = sleeper_notify}};
    list_init(&sleeper.waiter.link);
    env_sleep_init(&sleeper.sleep);
    if (!(readiness_add(readiness, &sleeper.waiter) & (mask | READY_ERR | READY_HUP)))
        env_sleep(&sleeper.sleep, ENV_FOREVER);
    readiness_remove(readiness, &sleeper.waiter);
}

static void nap(void)
{
    struct env_sleep sleep;
    env_sleep_init(&sleep);
    env_sleep(&sleep, env_time_monotonic() + MILLISECOND);
}

/* ---- The device ---- */

struct search {
    const char *name;
    oskit_u32_t number;
    bool found;
};

static bool device_look(void *arg, const struct device *device)
{
    struct search *search = arg;
    search->found =
        (device->mode & OSKIT_S_IFMT) == OSKIT_S_IFCHR && !strcmp(device->name, search->name);
    search->number = device->number;
    return !search->found;
}

static oskit_error_t device_find(const char *name, oskit_iunknown_t **out)
{
    struct search search = {.name = name};
    for (uint32_t waited = 0; waited < FIND_WITHIN; waited++) {
        device_each(device_look, &search);
        if (search.found)
            return device_open(false, search.number, OSKIT_O_RDWR, out);
        nap();
    }
    return OSKIT_ENODEV;
}

/* A terminal must not touch the bytes. */
static void terminal_raw(sluice_terminal_t *terminal)
{
    struct terminal_settings settings;
    if (terminal->ops->getsettings(terminal, &settings))
        return;
    settings.iflag = settings.oflag = settings.lflag = 0;
    terminal->ops->setsettings(terminal, TERMINAL_NOW, &settings);
}

static struct readiness *readiness_of(oskit_stream_t *stream)
{
    sluice_pollable_t *pollable = sluice_query_face(stream, &sluice_pollable_iid);
    if (!pollable)
        return NULL;
    struct readiness *readiness = pollable->ops->readiness(pollable);
    pollable->ops->release(pollable);
    return readiness;
}

static oskit_error_t carrier_open(struct carrier *c, const char *name)
{
    oskit_iunknown_t *object;
    oskit_error_t error = device_find(name, &object);
    if (error)
        return error;
    c->to = sluice_query_face(object, &oskit_stream_iid);
    c->terminal = sluice_query_face(object, &sluice_terminal_iid);
    object->ops->release(object);
    c->writable = c->to ? readiness_of(c->to) : NULL;
    if (!c->writable)
        return OSKIT_ENODEV;
    if (c->terminal)
        terminal_raw(c->terminal);
    return 0;
}

/* ---- Carrying ---- */

static oskit_error_t write_all(struct carrier *c, oskit_u32_t size)
{
    for (oskit_u32_t at = 0, actual; at < size;) {
        oskit_error_t error = oskit_stream_write(c->to, c->piece + at, size - at, &actual);
        if (error == OSKIT_EWOULDBLOCK)
            await(c->writable, READY_WRITE);
        else if (error)
            return error;
        else
            at += actual;
    }
    return 0;
}

static oskit_error_t carry(struct carrier *c)
{
    oskit_u32_t actual;
    oskit_error_t error = oskit_stream_read(c->from, c->piece, PIECE, &actual);
    if (error == OSKIT_EWOULDBLOCK) {
        c->idle = true;
        await(c->readable, READY_READ);
        return 0;
    }
    c->idle = false;
    return error ? error : write_all(c, actual);
}

static void carrier_main(void *arg)
{
    const char *name = arg;
    oskit_error_t error = carrier_open(&carrier, name);
    while (!error)
        error = carry(&carrier);
    log_write(LOG_WARNING, "capture=%s: ended, error %#x", name, error);
    carrier_runs = false;
    carrier.from->ops->release(carrier.from);
}

/* It begins at once, so that nothing is missed while the device is looked for. */
void capture_start(void)
{
    const char *name = command_option("capture");
    oskit_iunknown_t *capture;
    if (!name)
        return;
    carrier.piece = env_alloc(PIECE, 0);
    oskit_error_t error = carrier.piece ? device_find("capture", &capture) : OSKIT_ENOMEM;
    if (!error) {
        carrier.from = sluice_query_face(capture, &oskit_stream_iid);
        carrier.readable = readiness_of(carrier.from);
        capture->ops->release(capture);
        error = env_thread_start("capture", carrier_main, (void *)name);
    }
    carrier_runs = !error;
    if (error)
        log_write(LOG_WARNING, "capture=%s: error %#x", name, error);
}

static bool all_out(void)
{
    oskit_u32_t pending = 0;
    if (!carrier.idle || readiness_level(carrier.readable) & READY_READ)
        return false;
    return !carrier.terminal || carrier.terminal->ops->pending_output(carrier.terminal, &pending) ||
           !pending;
}

void capture_finish(void)
{
    for (uint32_t waited = 0; carrier_runs && !all_out() && waited < FLUSH_WITHIN; waited++)
        nap();
}
