/*
 * A serial line made of nothing: what the tty sends is kept in a buffer, what it asks of the
 * hardware is noted.
 */
#ifndef TESTS_HOST_FAKE_PORT_H
#define TESTS_HOST_FAKE_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <oskit/io/asyncio.h>
#include <oskit/io/posixio.h>
#include <oskit/io/ttystream.h>
#include <sluice/readiness.h>
#include <sluice/terminal.h>
#include <sluice/tty.h>
#include <sluice/vecio.h>

struct fake_port {
    struct tty_port port;
    uint8_t sent[65536];
    size_t sent_count, shown_count; /* shown: taken by fake_port_shown */
    size_t capacity; /* bytes that the "FIFO" takes until fake_port_open_fifo; SIZE_MAX: all */
    bool busy;       /* what `drained` denies */
    bool active, breaking, paused, holding;
    unsigned configured, flushed;
};

void fake_port_init(struct fake_port *fake);
void fake_port_fini(struct fake_port *fake);
/* The bytes sent since the last call; *out_count of them. */
const uint8_t *fake_port_shown(struct fake_port *fake, size_t *out_count);
/* The hardware takes MORE bytes now. */
void fake_port_allow(struct fake_port *fake, size_t more);

/* The terminal open on a fake port, with its faces. */
struct fake_terminal {
    struct fake_port fake;
    oskit_iunknown_t *object;
    oskit_ttystream_t *stream;
    sluice_streamvec_t *streamvec;
    sluice_pollable_t *pollable;
    oskit_asyncio_t *asyncio;
    oskit_posixio_t *posixio;
    sluice_terminal_t *terminal;
};
void fake_terminal_open(struct fake_terminal *t);
void fake_terminal_close(struct fake_terminal *t);
/* A read or write by a program that waits (the loop's try) or doesn't. */
oskit_error_t fake_terminal_read(struct fake_terminal *t, void *buffer, size_t size, bool wait,
                                 size_t *out_actual);
oskit_error_t fake_terminal_write(struct fake_terminal *t, const void *bytes, size_t size,
                                  size_t *out_actual);
void fake_terminal_type(struct fake_terminal *t, const char *text);
/* The readiness level. */
uint32_t fake_terminal_level(struct fake_terminal *t);
struct terminal_settings fake_terminal_settings(struct fake_terminal *t);

#endif
