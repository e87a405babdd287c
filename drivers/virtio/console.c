/*
 * virtio-console (virtio 1.2, section 5.3): serial lines without a wire. Bytes go out by the page
 * and come in by the piece, so they are many times faster than a UART.
 *
 * With MULTIPORT the device tells by its control queues which of its ports there are; without it
 * there is port 0, always, and the configuration space has its terminal's size.
 *
 * Nothing here takes a lock: what is made in attach stays until detach.
 */
#include "drivers/virtio/console.h"

/* Ports of one device that get queues: each takes some 30 KiB, and a device may claim billions. */
#define PORTS_MAX 32u

void console_fail(struct console *console, const char *lie)
{
    if (atomic_exchange(&console->failed, true))
        return;
    virtio_reset(console->device);
    env_log(ENV_LOG_ERROR, "%s: the device lied (%s); its lines are down", console->device->name,
            lie);
}

static void config_changed(struct virtio_device *device)
{
    struct console *console = device->driver_data;
    uint16_t columns = (uint16_t)virtio_config_read(device, CONFIG_COLS, 2);
    uint16_t rows = (uint16_t)virtio_config_read(device, CONFIG_ROWS, 2);

    if (virtio_has(device, CONSOLE_F_SIZE) && console->ports[0]->shown)
        console_port_resize(console->ports[0], columns, rows);
}

static uint32_t ports_told(struct virtio_device *device)
{
    if (!virtio_has(device, CONSOLE_F_MULTIPORT))
        return 1;
    uint32_t told = (uint32_t)virtio_config_read(device, CONFIG_PORTS, 4);
    return told == 0 ? 1 : told < PORTS_MAX ? told : PORTS_MAX;
}

static size_t bytes_of(uint32_t port_count)
{
    return sizeof(struct console) + port_count * sizeof(struct console_port *);
}

static void console_free(struct console *console)
{
    for (uint32_t i = 0; i < console->port_count; i++)
        console_port_destroy(console->ports[i]);
    console_control_destroy(console);
    env_free(console, bytes_of(console->port_count));
}

static oskit_error_t console_make(struct virtio_device *device, struct console **out)
{
    uint32_t count = ports_told(device);
    struct console *console = env_alloc(bytes_of(count), ENV_ZERO);
    oskit_error_t error = OSKIT_SUCCESS;

    if (console == NULL)
        return OSKIT_ENOMEM;
    console->device = device;
    console->multiport = virtio_has(device, CONSOLE_F_MULTIPORT);
    console->port_count = count;
    if (console->multiport)
        error = console_control_create(console);
    for (uint32_t i = 0; i < count && !OSKIT_FAILED(error); i++)
        error = console_port_create(console, i, &console->ports[i]);
    if (OSKIT_FAILED(error))
        console_free(console);
    else
        *out = console;
    return error;
}

/* A device without MULTIPORT has its one port at once; the others are told by the control queue. */
static oskit_error_t console_go(struct console *console)
{
    struct virtio_device *device = console->device;
    oskit_error_t error = virtio_start(device);

    if (OSKIT_FAILED(error))
        return error;
    if (console->multiport)
        error = console_control_start(console);
    else
        error = console_port_show(console->ports[0]);
    if (OSKIT_FAILED(error)) {
        virtio_stop(device);
        return error;
    }
    device->config_changed = console->multiport ? NULL : config_changed;
    if (!console->multiport)
        config_changed(device);
    return OSKIT_SUCCESS;
}

static oskit_error_t console_attach(void *arg)
{
    struct virtio_device *device = arg;
    struct console *console = NULL;
    oskit_error_t error = virtio_begin(device);

    if (!OSKIT_FAILED(error))
        error = virtio_negotiate(device, CONSOLE_F_SIZE | CONSOLE_F_MULTIPORT);
    if (!OSKIT_FAILED(error))
        error = console_make(device, &console);
    if (!OSKIT_FAILED(error)) {
        device->driver_data = console;
        error = console_go(console);
        if (OSKIT_FAILED(error))
            console_free(console);
    }
    if (OSKIT_FAILED(error))
        virtio_end(device);
    return error;
}

/* A program may have a line open as long as it likes. Then all of it stays, hung up and without a
 * device, for good: nothing tells in a context that may sleep when that program lets go. */
static void console_detach(void *arg)
{
    struct virtio_device *device = arg;
    struct console *console = device->driver_data;
    bool quiet = true;

    device->config_changed = NULL;
    atomic_store(&console->failed, true);
    if (console->multiport)
        console_control_stop(console); /* it may be about to reset the device for a lie */
    virtio_stop(device);
    for (uint32_t i = 0; i < console->port_count; i++)
        quiet &= console_port_quiet(console->ports[i]);
    virtio_end(device);
    if (quiet)
        console_free(console);
}

static const struct driver_id console_ids[] = {{VIRTIO_VENDOR, VIRTIO_ID_CONSOLE, DRIVER_ANY}};
static const struct driver console_driver = {.name = "virtio-console",
                                             .bus = "virtio",
                                             .ids = console_ids,
                                             .id_count = 1,
                                             .attach = console_attach,
                                             .detach = console_detach};
DRIVER(console_driver);
