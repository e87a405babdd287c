/*
 * A terminal as its parts in this folder see it. See <sluice/tty.h> for the two tiers and the lock
 * order.
 */
#ifndef IO_TTY_CORE_H
#define IO_TTY_CORE_H

#include <stdatomic.h>
#include <oskit/io/asyncio.h>
#include <oskit/io/posixio.h>
#include <oskit/io/ttystream.h>
#include <sluice/env.h>
#include <sluice/object.h>
#include <sluice/readiness.h>
#include <sluice/terminal.h>
#include <sluice/tty.h>
#include <sluice/uio.h>
#include <sluice/vecio.h>
#include "discipline.h"

#define TTY_HELD 256u /* bytes kept aside for a port that has been told to hold; a power of two */

/* The timer that a waiting read started (VTIME). */
enum read_timer {
    READ_TIMER_IDLE,
    READ_TIMER_RUNNING,
    READ_TIMER_OVER, /* the read that waits has to end */
};

struct tty {
    struct sluice_object object;
    SLUICE_FACE(oskit_ttystream_t) stream;
    SLUICE_FACE(sluice_streamvec_t) streamvec;
    SLUICE_FACE(sluice_pollable_t) pollable;
    SLUICE_FACE(oskit_asyncio_t) asyncio;
    SLUICE_FACE(oskit_posixio_t) posixio;
    SLUICE_FACE(sluice_terminal_t) terminal;

    struct tty_port *port; /* immutable */
    struct readiness readiness;
    struct listener_set listeners;
    struct env_mutex read_mutex;  /* a line goes to one reader */
    struct env_mutex write_mutex; /* writes don't mix as long as they fit */

    /* Under port->lock: */
    struct discipline line;
    int32_t sid, pgrp;      /* 0: none */
    uint32_t users;         /* opened and not closed */
    uint32_t changes;       /* TTY_CHANGED_*, to be told to the port */
    bool told_stopped;      /* the port knows that output is stopped */
    _Atomic bool exclusive; /* TIOCEXCL; read without the lock */
    bool had_line;          /* was open on the port, which wants to hear of its end */
    bool hung_up;
    bool lingering;            /* holds a reference to itself: output is waiting */
    bool paused;               /* the other side was asked to pause */
    bool holding;              /* the port was asked to hold */
    bool breaking;             /* a break is being sent */
    bool waiting_for_hardware; /* a drain found the hardware busy */
    bool reply_pending;        /* flow_reply is to be sent before all else */
    uint8_t flow_reply;        /* VSTART or VSTOP for the other side */
    enum read_timer read_timer;
    uint64_t read_deadline;
    size_t wanted; /* a waiting read would take that many bytes though the level says nothing; 0:
                      none */
    uint16_t held[TTY_HELD]; /* condition << 8 | byte */
    uint32_t held_head, held_tail;
    uint32_t published;            /* the readiness level last decided */
    _Atomic uint32_t publications; /* how often; read without the lock to notice a newer one */
};

static inline struct tty *tty_of(void *face)
{
    return (struct tty *)SLUICE_OBJECT(face);
}

/* ---- core.c: state, and telling of it ---- */

void tty_lock(struct tty *tty);
/* Releases the lock, then sends the signals that the discipline raised and tells waiters of EVENTS
 * and of what else has changed. The caller holds a reference. */
void tty_unlock(struct tty *tty, uint32_t events);
/* The same for a caller that has changed nothing. */
void tty_unlock_quietly(struct tty *tty);
/* Under the lock: has the port send what there is to send. */
void tty_start(struct tty *tty);
/* Under the lock: acts on d->flushed, and starts output. */
void tty_settle(struct tty *tty);
/* Under the lock: bytes that programs may write now. */
size_t tty_output_room(const struct tty *tty);
/* Under the lock: bytes that the terminal still has to send. */
size_t tty_pending(const struct tty *tty);
/* Under the lock: all output has left, as far as is known without asking the hardware. */
bool tty_drained(const struct tty *tty);
/* Under the lock: asks the hardware too, and if it is busy has READY_DRAINED come up later. */
bool tty_drain(struct tty *tty);
/* Job control: whether the caller may read (SIGNAL_TTIN) or change or write (SIGNAL_TTOU). [thread,
 * no lock held] */
oskit_error_t tty_check_job(struct tty *tty, int signal);
/* Under the lock. */
void tty_hang_up(struct tty *tty);

/* ---- receive.c ---- */

/* The terminal open on PORT, locked and with a reference for the caller; or NULL, and nothing is
 * locked. [any] */
struct tty *tty_port_lock(struct tty_port *port);

/* Under the lock: flow control towards the sender, and bytes kept aside, after a reader or flush
 * made room. Returns events. */
uint32_t tty_made_room(struct tty *tty);
/* Under the lock: notes the size, and SIGWINCH for it when it is another. */
void tty_set_size(struct tty *tty, const struct terminal_size *size);

/* ---- read.c, write.c, control.c ---- */

oskit_error_t tty_read(struct tty *tty, struct sluice_uio *uio, uint32_t flags, size_t *out_actual);
/* Under the lock: a read that doesn't wait would give something. */
bool tty_readable(const struct tty *tty);
/* Under the lock: events for waiting readers after input. */
uint32_t tty_input_events(struct tty *tty);
void tty_read_timer(void *port);
void tty_line_timer(void *port);
oskit_error_t tty_write(struct tty *tty, struct sluice_uio *uio, size_t *out_actual);

oskit_error_t tty_set_settings(struct tty *tty, enum terminal_when when,
                               const struct terminal_settings *settings);
oskit_error_t tty_send_break(struct tty *tty, uint32_t milliseconds);
oskit_error_t tty_flush(struct tty *tty, bool input, bool output);
/* Begins or ends a break without a time. */
oskit_error_t tty_set_break(struct tty *tty, bool on);
oskit_error_t tty_suspend_output(struct tty *tty, bool on);
/* Sends VSTOP (ON) or VSTART to the other side. */
oskit_error_t tty_suspend_input(struct tty *tty, bool on);

/* ---- bsd_termios.c ---- */

void bsd_termios_from(struct oskit_termios *to, const struct terminal_settings *from);
/* Flags that the seed has no name for stay as they are in TO. */
void bsd_termios_to(struct terminal_settings *to, const struct oskit_termios *from);

/* ---- faces: the method tables ---- */

extern struct oskit_ttystream_ops tty_stream_ops;
extern struct sluice_streamvec_ops tty_streamvec_ops;
extern struct sluice_pollable_ops tty_pollable_ops;
extern struct oskit_asyncio_ops tty_asyncio_ops;
extern struct oskit_posixio_ops tty_posixio_ops;
extern struct sluice_terminal_ops tty_terminal_ops;

#endif
