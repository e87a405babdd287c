/* A pseudo-terminal as its two halves see it. See <sluice/pty.h>. */
#ifndef IO_TTY_PTY_H
#define IO_TTY_PTY_H

#include <stdatomic.h>
#include <oskit/com/stream.h>
#include <oskit/io/asyncio.h>
#include <oskit/io/posixio.h>
#include <sluice/vecio.h>
#include <sluice/object.h>
#include <sluice/pty.h>
#include <sluice/readiness.h>
#include <sluice/tty.h>
#include <sluice/uio.h>

#define PTY_BUFFER 16384u /* a power of two */

/*
 * What the two sides share. The terminal's side is a port like a UART's; its "hardware" is the
 * ring. Lives as long as the master or a terminal opened on the port.
 */
struct pty {
    struct tty_port port;
    _Atomic uint32_t references; /* the master, and each terminal that was opened on the port */
    unsigned number;             /* immutable */
    struct readiness readiness;  /* the master's; its level changes under port.lock */
    _Atomic uint32_t events;     /* to tell its waiters when the lock is released */

    /* Under port.lock: */
    /* Keeps the terminal while nobody has it open. May be a dead one after vhangup. */
    oskit_iunknown_t *terminal;
    bool locked;
    bool closed;     /* all who had the terminal open have closed it */
    bool holding;    /* the terminal takes no more */
    bool packet;     /* packet mode */
    bool gone;       /* the master has been closed */
    uint32_t status; /* TTY_CHANGED_* for packet mode */
    uint32_t head, tail;
    uint8_t ring[PTY_BUFFER]; /* sent by the terminal, not yet read by the master */
};

struct pty_master {
    struct sluice_object object;
    SLUICE_FACE(oskit_stream_t) stream;
    SLUICE_FACE(sluice_streamvec_t) streamvec;
    SLUICE_FACE(sluice_pollable_t) pollable;
    SLUICE_FACE(oskit_asyncio_t) asyncio;
    SLUICE_FACE(oskit_posixio_t) posixio;
    SLUICE_FACE(sluice_pty_t) pty_face;
    struct pty *pty; /* immutable; the master has a reference */
    struct listener_set listeners;
    struct env_mutex read_mutex, write_mutex;
};

static inline uint32_t pty_used(const struct pty *pty)
{
    return pty->head - pty->tail;
}

/* ---- pty.c ---- */

/* Under the lock: the level that the master's waiters see. */
void pty_set_level(struct pty *pty);
/* With the lock released: tells them of what happened under it. */
void pty_tell(struct pty *pty);
void pty_unref(struct pty *pty);
oskit_error_t pty_open_terminal(struct pty *pty, oskit_iunknown_t **out);
/* The master has been closed. */
void pty_hang_up(struct pty *pty);

/* ---- pty_master.c ---- */

/* Takes over the caller's reference to PTY. NULL: no memory, and the reference stays. */
struct pty_master *pty_master_create(struct pty *pty);

#endif
