/*
 * What the files of virtio-console share: the device, its ports, its control queues.
 *
 *     console.c          the device: features, queues, attach and detach
 *     console_port.c     a port as a terminal: bytes out and in
 *     console_control.c  the conversation about ports: which there are, open, their size
 */
#ifndef DRIVERS_VIRTIO_CONSOLE_H
#define DRIVERS_VIRTIO_CONSOLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <oskit/error.h>
#include <sluice/env.h>
#include <sluice/tty.h>
#include "drivers/virtio/transport.h"
#include "drivers/virtio/virtqueue.h"

/* Features, and the device's configuration (virtio 1.2, section 5.3.4). */
#define CONSOLE_F_SIZE      VIRTIO_F(0)
#define CONSOLE_F_MULTIPORT VIRTIO_F(1)
#define CONFIG_COLS         0
#define CONFIG_ROWS         2
#define CONFIG_PORTS        4

#define RECEIVE_BYTES 256u /* a buffer; no more than the tty keeps aside */
#define RECEIVE_SLOTS 64u
#define SEND_BYTES    ENV_PAGE_SIZE
#define SEND_SLOTS    8u

struct console;

struct console_port {
    struct tty_port tty;
    struct console *console;
    uint32_t id;
    struct env_timer resume; /* goes on with receiving after a hold, from interrupt context */
    struct env_spinlock lock;
    /* Under the lock: */
    struct virtqueue *receive, *send;
    bool holding;     /* the tty has no room */
    bool receiving;   /* somebody is handing bytes to the tty: they must stay in order */
    bool dead;        /* the device lied or has gone */
    bool shown;       /* the terminal is registered: there is a port at the other end */
    unsigned sending; /* slots that the device has not sent yet */
    unsigned free_count;
    uint8_t *free_pages[SEND_SLOTS]; /* a stack of those not in use */
    /* Immutable: */
    uint8_t *receive_memory; /* RECEIVE_SLOTS buffers */
    uint8_t *send_pages[SEND_SLOTS];
};

#define CONTROL_SLOTS 32u
#define CONTROL_BYTES 128u /* a message with a name behind it */

struct console_control {
    struct env_spinlock lock;
    /* Under the lock: */
    struct virtqueue *receive, *send;
    struct env_sleep *sleeper; /* the thread, when it waits */
    bool ending;
    struct env_sleep *ender; /* waits for the thread's end */
    /* Immutable: */
    uint8_t *memory; /* CONTROL_SLOTS buffers */
};

struct console {
    struct virtio_device *device;
    bool multiport;
    _Atomic bool failed; /* it lied: all its ports are dead */
    struct console_control control;
    uint32_t port_count;
    struct console_port *ports[]; /* by id, all there from the beginning */
};

/* ---- console_port.c ---- */

/* Makes port ID with its queues; nobody sees it yet. [thread] */
oskit_error_t console_port_create(struct console *console, uint32_t id, struct console_port **out);
/* The device is stopped, and no terminal open on it. NULL is ignored. [thread] */
void console_port_destroy(struct console_port *port);
/* Gives the device its buffers and the port its name in /dev. [thread] */
oskit_error_t console_port_show(struct console_port *port);
/* Ends what goes on: no more bytes move; a terminal on it is hung up. false: a program has it open
 * still. [thread] */
bool console_port_quiet(struct console_port *port);
void console_port_resize(struct console_port *port, uint16_t columns, uint16_t rows); /* [any] */
/* The other end came or went, as a carrier does. [any] */
void console_port_carrier(struct console_port *port, bool on);

/* ---- console_control.c ---- */

/* The control queues. [thread] */
oskit_error_t console_control_create(struct console *console);
/* The device is started: begins the conversation. [thread] */
oskit_error_t console_control_start(struct console *console);
/* Ends the thread, and with it the conversation. [thread] */
void console_control_stop(struct console *console);
void console_control_destroy(struct console *console); /* [thread] */

/* ---- console.c ---- */

/* After a lie: the device is reset, and all its ports are dead. [any] */
void console_fail(struct console *console, const char *lie);

#endif
