/*
 * A port of a virtio console as a terminal: /dev/hvc0, hvc1 ...
 *
 * Sending copies from the terminal's ring into the slot's page, for the ring's bytes may not stay
 * where they are until the device has read them. Receiving hands the terminal one buffer at a
 * time; a buffer is no larger than what the terminal keeps aside when it is full, so nothing is
 * lost: with no room the buffers stay on this side of the ring, and the other end waits.
 *
 * Locks: the tty_port's lock -> port->lock, which guards both queues. tty_receive and
 * tty_transmit_ready are called with neither held.
 */
#include "drivers/virtio/console.h"
#include <stdatomic.h>
#include <sluice/device.h>
#include <sluice/string.h>

#define HVC_MAJOR 229
#define HVC_SPEED 38400 /* what Linux begins with; nothing goes by it */
#define INDEX_MAX 99

static struct console_port *port_of(struct tty_port *tty)
{
    return container_of(tty, struct console_port, tty);
}

/* A lie ends the device: no one can say what it still does to the buffers. */
static void port_check(struct console_port *p)
{
    if (atomic_load_explicit(&p->console->failed, memory_order_relaxed))
        p->dead = true;
    if (p->dead || !(virtqueue_broken(p->receive) || virtqueue_broken(p->send)))
        return;
    p->dead = true;
    console_fail(p->console, virtqueue_broken(p->receive) ? p->receive->lie : p->send->lie);
}

/* ---- Sending ---- */

/* Copies what the tty has into PAGE, up to its size. */
static uint32_t send_fill(struct tty_port *port, uint8_t *page)
{
    uint32_t filled = 0;
    size_t n;

    while (filled < SEND_BYTES) {
        const uint8_t *bytes = tty_transmit_peek(port, &n);
        if (n == 0)
            break;
        n = n < SEND_BYTES - filled ? n : SEND_BYTES - filled;
        memcpy(page + filled, bytes, n);
        tty_transmit_advance(port, n);
        filled += (uint32_t)n;
    }
    return filled;
}

/* Pushes one page of the tty's bytes; false when it has none, or no page is free. */
static bool send_page(struct console_port *p)
{
    size_t n;

    tty_transmit_peek(&p->tty, &n);
    if (n == 0 || p->free_count == 0)
        return false;
    uint8_t *page = p->free_pages[p->free_count - 1];
    uint32_t slot = virtqueue_slot_take(p->send, 1, page);
    if (slot == VIRTQUEUE_NONE)
        return false;
    p->free_count--;
    virtqueue_out(p->send, slot, env_dma_address(page), send_fill(&p->tty, page));
    virtqueue_push(p->send, slot);
    p->sending++;
    return true;
}

/* Takes back what has been sent. */
static void send_reap(struct console_port *p)
{
    uint32_t slot, written;

    while ((slot = virtqueue_next(p->send, &written)) != VIRTQUEUE_NONE) {
        p->free_pages[p->free_count++] = virtqueue_slot_token(p->send, slot);
        virtqueue_slot_free(p->send, slot);
        p->sending--;
    }
    port_check(p);
}

static bool tty_has_more(struct console_port *p)
{
    size_t n;

    tty_transmit_peek(&p->tty, &n);
    return n != 0;
}

/* An interrupt is wanted only when bytes are left that found no page; otherwise the next start
 * takes the pages back, or whoever waits for the line to drain. */
static void port_start(struct tty_port *port)
{
    struct console_port *p = port_of(port);
    bool again = true;

    env_spin_lock(&p->lock);
    while (again && !p->dead) {
        send_reap(p);
        while (send_page(p))
            ;
        if (virtqueue_publish(p->send))
            virtqueue_notify(p->send);
        again = tty_has_more(p) && virtqueue_interrupt_on(p->send, 1);
    }
    env_spin_unlock(&p->lock);
}

/* Asked by a timer of the tty's until it is so. */
static bool port_drained(struct tty_port *port)
{
    struct console_port *p = port_of(port);

    env_spin_lock(&p->lock);
    if (!p->dead)
        send_reap(p);
    bool drained = p->dead || p->sending == 0;
    env_spin_unlock(&p->lock);
    return drained;
}

static void send_interrupt(struct virtqueue *queue)
{
    struct console_port *p = queue->driver_data;

    env_spin_lock(&p->lock);
    virtqueue_interrupt_off(queue);
    env_spin_unlock(&p->lock);
    tty_transmit_ready(&p->tty);
}

/* ---- Receiving ---- */

static void receive_push(struct console_port *p, uint8_t *buffer)
{
    uint32_t slot = virtqueue_slot_take(p->receive, 1, buffer);

    if (slot == VIRTQUEUE_NONE)
        return; /* can't be: there are as many slots as buffers */
    virtqueue_in(p->receive, slot, env_dma_address(buffer), RECEIVE_BYTES);
    virtqueue_push(p->receive, slot);
}

/* The next buffer with bytes, taken from the ring, or NULL: none, or nobody wants any now. */
static uint8_t *receive_next(struct console_port *p, uint32_t *length)
{
    if (p->holding || p->dead)
        return NULL;
    uint32_t slot = virtqueue_next(p->receive, length);
    port_check(p);
    if (slot == VIRTQUEUE_NONE)
        return NULL;
    uint8_t *buffer = virtqueue_slot_token(p->receive, slot);
    virtqueue_slot_free(p->receive, slot);
    return buffer;
}

/* Hands over all that has come. One at a time does it: RECEIVING is that one's, and who finds it
 * set leaves the rest to him. He looks once more after asking for an interrupt. */
static void receive_all(struct console_port *p)
{
    uint32_t length;
    uint8_t *buffer;

    env_spin_lock(&p->lock);
    if (p->receiving) {
        env_spin_unlock(&p->lock);
        return;
    }
    p->receiving = true;
    do {
        while ((buffer = receive_next(p, &length)) != NULL) {
            env_spin_unlock(&p->lock);
            tty_receive(&p->tty, buffer, NULL, length);
            env_spin_lock(&p->lock);
            receive_push(p, buffer);
        }
        if (!p->dead && virtqueue_publish(p->receive))
            virtqueue_notify(p->receive);
    } while (!p->dead && !p->holding && virtqueue_interrupt_on(p->receive, 1));
    p->receiving = false;
    env_spin_unlock(&p->lock);
}

static void receive_interrupt(struct virtqueue *queue)
{
    receive_all(queue->driver_data);
}

static void receive_resumed(void *arg)
{
    receive_all(arg);
}

/* Runs with port->lock held, so that going on must wait for a timer's turn. */
static void port_hold(struct tty_port *port, bool on)
{
    struct console_port *p = port_of(port);

    env_spin_lock(&p->lock);
    p->holding = on;
    env_spin_unlock(&p->lock);
    if (!on)
        env_timer_start(&p->resume, env_time_monotonic());
}

/* ---- What the other end says of itself ---- */

void console_port_resize(struct console_port *p, uint16_t columns, uint16_t rows)
{
    struct terminal_size size = {.columns = columns, .rows = rows};

    if (columns != 0 && rows != 0)
        tty_port_resize(&p->tty, &size);
}

void console_port_carrier(struct console_port *p, bool on)
{
    env_spin_lock(&p->tty.lock);
    bool heeded = !(p->tty.settings.cflag & TERM_CLOCAL);
    env_spin_unlock(&p->tty.lock);
    if (!on && heeded)
        tty_port_hangup(&p->tty);
}

static const struct tty_port_ops port_ops = {
    .start = port_start,
    .drained = port_drained,
    .hold = port_hold,
};

/* ---- Making, showing, ending ---- */

static oskit_error_t buffers_make(struct console_port *p)
{
    p->receive_memory = env_alloc(RECEIVE_SLOTS * RECEIVE_BYTES, 0);
    bool all = p->receive_memory != NULL;

    for (unsigned i = 0; i < SEND_SLOTS; i++) {
        p->free_pages[i] = p->send_pages[i] = env_page_alloc(0, 0);
        all &= p->send_pages[i] != NULL;
    }
    p->free_count = SEND_SLOTS;
    return all ? OSKIT_SUCCESS : OSKIT_ENOMEM;
}

/* Port 0 has the first two queues, the control the next two (section 5.3.2). */
static oskit_error_t queues_make(struct console_port *p)
{
    unsigned first = p->id == 0 ? 0 : 2 + 2 * p->id;
    struct virtqueue_options options = {.index = first,
                                        .size_max = RECEIVE_SLOTS,
                                        .descriptors = 1,
                                        .descriptors_max = 1,
                                        .interrupt = receive_interrupt,
                                        .driver_data = p};
    oskit_error_t error = virtqueue_create(p->console->device, &options, &p->receive);

    if (OSKIT_FAILED(error))
        return error;
    options.index = first + 1;
    options.size_max = SEND_SLOTS;
    options.interrupt = send_interrupt;
    return virtqueue_create(p->console->device, &options, &p->send);
}

void console_port_destroy(struct console_port *p)
{
    if (p == NULL)
        return;
    virtqueue_destroy(p->receive);
    virtqueue_destroy(p->send);
    if (p->receive_memory != NULL)
        env_free(p->receive_memory, RECEIVE_SLOTS * RECEIVE_BYTES);
    for (unsigned i = 0; i < SEND_SLOTS; i++)
        if (p->send_pages[i] != NULL)
            env_page_unref(p->send_pages[i]);
    env_free(p, sizeof *p);
}

oskit_error_t console_port_create(struct console *console, uint32_t id, struct console_port **out)
{
    struct console_port *p = env_alloc(sizeof *p, ENV_ZERO);

    *out = NULL;
    if (p == NULL)
        return OSKIT_ENOMEM;
    p->console = console;
    p->id = id;
    env_timer_init(&p->resume, receive_resumed, p);
    oskit_error_t error = queues_make(p);
    if (!OSKIT_FAILED(error))
        error = buffers_make(p);
    if (OSKIT_FAILED(error))
        console_port_destroy(p);
    else
        *out = p;
    return error;
}

/* "hvc" and INDEX, at most INDEX_MAX. */
static void name_make(char name[8], unsigned index)
{
    char *digit = name + 3;

    memcpy(name, "hvc", 3);
    if (index >= 10)
        *digit++ = (char)('0' + index / 10);
    *digit++ = (char)('0' + index % 10);
    *digit = '\0';
}

/* The receive ring is asked for interrupts by receive_all, the other one when bytes find no page.
 */
static void buffers_give(struct console_port *p)
{
    unsigned count = p->receive->size < RECEIVE_SLOTS ? p->receive->size : RECEIVE_SLOTS;

    env_spin_lock(&p->lock);
    for (unsigned i = 0; i < count; i++)
        receive_push(p, p->receive_memory + (size_t)i * RECEIVE_BYTES);
    virtqueue_interrupt_off(p->send);
    p->shown = true;
    env_spin_unlock(&p->lock);
    receive_all(p);
}

/* OSKIT_EEXIST: INDEX is another one's. */
static oskit_error_t name_take(struct console_port *p, unsigned index)
{
    char name[8];

    name_make(name, index);
    tty_port_init(&p->tty, &port_ops, name, DEVICE_NUMBER(HVC_MAJOR, index), HVC_SPEED);
    oskit_error_t error = tty_port_register(&p->tty, 0660);
    if (OSKIT_FAILED(error))
        tty_port_fini(&p->tty);
    return error;
}

oskit_error_t console_port_show(struct console_port *p)
{
    oskit_error_t error = OSKIT_EEXIST;

    for (unsigned index = 0; index <= INDEX_MAX && error == OSKIT_EEXIST; index++)
        error = name_take(p, index);
    if (!OSKIT_FAILED(error))
        buffers_give(p);
    return error;
}

bool console_port_quiet(struct console_port *p)
{
    env_spin_lock(&p->lock);
    bool shown = p->shown;
    p->dead = true;
    env_spin_unlock(&p->lock);
    env_timer_stop(&p->resume);
    if (!shown)
        return true;
    tty_port_hangup(&p->tty);
    env_spin_lock(&p->tty.lock);
    bool open = p->tty.tty != NULL;
    env_spin_unlock(&p->tty.lock);
    if (open)
        env_log(ENV_LOG_WARNING, "%s: the device has gone while the line was open",
                p->tty.device.name);
    else
        tty_port_fini(&p->tty);
    return !open;
}
