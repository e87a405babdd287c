/*
 * The control queues of a virtio console with several ports (virtio 1.2, section 5.3.6.2): the
 * device says which ports there are, what is at their other end, and what size it has; the driver
 * answers that it is ready.
 *
 * Messages come by interrupt and are read by a thread, because a new port means a new name in /dev,
 * which may sleep.
 *
 * Locks: control->lock guards both queues and the thread's sleep. It is not held while a message is
 * carried out.
 */
#include <sluice/string.h>
#include "drivers/virtio/console.h"

enum control_event {
    DEVICE_READY = 0,
    PORT_ADD = 1,
    PORT_REMOVE = 2,
    PORT_READY = 3,
    CONSOLE_PORT = 4,
    PORT_RESIZE = 5,
    PORT_OPEN = 6,
    PORT_NAME = 7,
};

struct control_message {
    uint32_t id;
    uint16_t event, value;
};

struct control_resize {
    uint16_t columns, rows;
};

/* ---- To the device ---- */

/* The message lies in the slot's own memory. With no slot free the device has stopped listening. */
static void control_send(struct console *console, uint32_t id, enum control_event event,
                         uint16_t value)
{
    struct console_control *control = &console->control;
    struct control_message message = {id, (uint16_t)event, value};
    uint32_t written, slot;

    env_spin_lock(&control->lock);
    while ((slot = virtqueue_next(control->send, &written)) != VIRTQUEUE_NONE)
        virtqueue_slot_free(control->send, slot);
    slot = virtqueue_slot_take(control->send, 1, NULL);
    if (slot != VIRTQUEUE_NONE) {
        memcpy(virtqueue_slot_memory(control->send, slot), &message, sizeof message);
        virtqueue_out(control->send, slot, virtqueue_slot_address(control->send, slot),
                      sizeof message);
        virtqueue_push(control->send, slot);
        if (virtqueue_publish(control->send))
            virtqueue_notify(control->send);
    }
    env_spin_unlock(&control->lock);
}

/* ---- From the device ---- */

/* A port is open from this side as long as it is there: who reads it decides what is heard. */
static void port_add(struct console *console, uint32_t id)
{
    struct console_port *port = console->ports[id];
    bool good = port->shown || !OSKIT_FAILED(console_port_show(port));

    control_send(console, id, PORT_READY, good);
    if (good)
        control_send(console, id, PORT_OPEN, 1);
    else
        env_log(ENV_LOG_WARNING, "%s: port %u can't be used", console->device->name, id);
}

static void message_handle(struct console *console, const uint8_t *bytes, uint32_t length)
{
    struct control_message message;
    struct control_resize size;

    if (length < sizeof message)
        return;
    memcpy(&message, bytes, sizeof message);
    if (message.id >= console->port_count)
        return; /* more than we asked for queues for */
    struct console_port *port = console->ports[message.id];
    switch (message.event) {
    case PORT_ADD:
        port_add(console, message.id);
        break;
    case PORT_REMOVE:
        if (port->shown)
            console_port_carrier(port, false);
        break;
    case PORT_OPEN:
        if (port->shown)
            console_port_carrier(port, message.value != 0);
        break;
    case PORT_RESIZE:
        if (!port->shown || length < sizeof message + sizeof size)
            break;
        memcpy(&size, bytes + sizeof message, sizeof size);
        console_port_resize(port, size.columns, size.rows);
        break;
    default:
        break; /* names, and whether it is a console: all ports are terminals here */
    }
}

static void control_push(struct console_control *control, uint8_t *buffer)
{
    uint32_t slot = virtqueue_slot_take(control->receive, 1, buffer);

    if (slot == VIRTQUEUE_NONE)
        return; /* can't be: there are as many slots as buffers */
    virtqueue_in(control->receive, slot, env_dma_address(buffer), CONTROL_BYTES);
    virtqueue_push(control->receive, slot);
}

/* Takes the next message to BYTES and gives its buffer back to the device. Lock held. */
static bool control_take(struct console *console, uint8_t *bytes, uint32_t *length)
{
    struct console_control *control = &console->control;
    uint32_t slot = virtqueue_next(control->receive, length);

    if (virtqueue_broken(control->receive))
        console_fail(console, control->receive->lie);
    if (slot == VIRTQUEUE_NONE)
        return false;
    uint8_t *buffer = virtqueue_slot_token(control->receive, slot);
    memcpy(bytes, buffer, *length);
    virtqueue_slot_free(control->receive, slot);
    control_push(control, buffer);
    if (virtqueue_publish(control->receive))
        virtqueue_notify(control->receive);
    return true;
}

/* Waits for the next message; false: the thread shall end. */
static bool control_wait(struct console *console, uint8_t *bytes, uint32_t *length)
{
    struct console_control *control = &console->control;
    struct env_sleep sleep;
    bool got = false;

    env_spin_lock(&control->lock);
    while (!control->ending && !(got = control_take(console, bytes, length))) {
        if (!atomic_load(&console->failed) && virtqueue_interrupt_on(control->receive, 1))
            continue;
        env_sleep_init(&sleep);
        control->sleeper = &sleep;
        env_spin_unlock(&control->lock);
        env_sleep(&sleep, ENV_FOREVER);
        env_spin_lock(&control->lock);
        control->sleeper = NULL;
    }
    env_spin_unlock(&control->lock);
    return got;
}

static void control_thread(void *arg)
{
    struct console *console = arg;
    struct console_control *control = &console->control;
    uint8_t bytes[CONTROL_BYTES];
    uint32_t length;

    control_send(console, 0, DEVICE_READY, 1);
    while (control_wait(console, bytes, &length))
        message_handle(console, bytes, length);
    env_spin_lock(&control->lock);
    env_wakeup(control->ender); /* under the lock, which the ender takes once more */
    env_spin_unlock(&control->lock);
}

/* The sleep stays the thread's until it takes the lock again. */
static void control_interrupt(struct virtqueue *queue)
{
    struct console_control *control = queue->driver_data;

    env_spin_lock(&control->lock);
    if (control->sleeper != NULL) {
        env_wakeup(control->sleeper);
        control->sleeper = NULL;
    }
    env_spin_unlock(&control->lock);
}

/* ---- Making and ending ---- */

oskit_error_t console_control_create(struct console *console)
{
    struct console_control *control = &console->control;
    struct virtqueue_options options = {.index = 2,
                                        .size_max = CONTROL_SLOTS,
                                        .descriptors = 1,
                                        .descriptors_max = 1,
                                        .interrupt = control_interrupt,
                                        .driver_data = control};

    control->memory = env_alloc(CONTROL_SLOTS * CONTROL_BYTES, 0);
    if (control->memory == NULL)
        return OSKIT_ENOMEM;
    oskit_error_t error = virtqueue_create(console->device, &options, &control->receive);
    if (OSKIT_FAILED(error))
        return error;
    options.index = 3;
    options.driver_bytes = sizeof(struct control_message);
    options.interrupt = NULL;
    return virtqueue_create(console->device, &options, &control->send);
}

oskit_error_t console_control_start(struct console *console)
{
    struct console_control *control = &console->control;
    unsigned count =
        control->receive->size < CONTROL_SLOTS ? control->receive->size : CONTROL_SLOTS;

    env_spin_lock(&control->lock);
    for (unsigned i = 0; i < count; i++)
        control_push(control, control->memory + (size_t)i * CONTROL_BYTES);
    virtqueue_interrupt_off(control->send);
    if (virtqueue_publish(control->receive))
        virtqueue_notify(control->receive);
    env_spin_unlock(&control->lock);
    return env_thread_start("virtio-console", control_thread, console);
}

void console_control_stop(struct console *console)
{
    struct console_control *control = &console->control;
    struct env_sleep ended;

    env_sleep_init(&ended);
    env_spin_lock(&control->lock);
    control->ending = true;
    control->ender = &ended;
    if (control->sleeper != NULL)
        env_wakeup(control->sleeper);
    control->sleeper = NULL;
    env_spin_unlock(&control->lock);
    env_sleep(&ended, ENV_FOREVER);
    env_spin_lock(&control->lock); /* the thread has let go of it */
    env_spin_unlock(&control->lock);
}

void console_control_destroy(struct console *console)
{
    struct console_control *control = &console->control;

    virtqueue_destroy(control->receive);
    virtqueue_destroy(control->send);
    if (control->memory != NULL)
        env_free(control->memory, CONTROL_SLOTS * CONTROL_BYTES);
}
