/*
 * The line discipline: what a received byte means. It edits the line being typed, echoes, turns
 * some bytes into signals and flow control, and puts the rest into the input queue. No locks, no
 * hardware, no waiting: the tty around it calls it under the port's lock and acts on what it leaves
 * in `signals`, `arrived` and `flushed`.
 */
#ifndef IO_TTY_DISCIPLINE_H
#define IO_TTY_DISCIPLINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sluice/terminal.h>
#include <sluice/tty.h>
#include "input.h"
#include "output.h"

/* Linux's numbers. */
enum {
    SIGNAL_HUP = 1,
    SIGNAL_INT = 2,
    SIGNAL_QUIT = 3,
    SIGNAL_CONT = 18,
    SIGNAL_TSTP = 20,
    SIGNAL_TTIN = 21,
    SIGNAL_TTOU = 22,
    SIGNAL_WINCH = 28,
};

struct discipline {
    const struct terminal_settings *settings; /* the port's */
    struct input input;
    struct output output;
    uint64_t special[4]; /* bit for each byte that more than plain input is made of */
    bool literal_next;   /* VLNEXT came */
    bool erasing;        /* between \ and / (ECHOPRT) */
    bool stopped;        /* output, by VSTOP */
    bool suspended;      /* output, by a program (TCOOFF) */
    /* For the tty to act on and clear: */
    uint32_t signals; /* bit n: send signal n to the foreground group */
    bool arrived;     /* input has come that a read may want */
    bool flushed;     /* the output queue was dropped */
    bool input_flushed;
};

void discipline_init(struct discipline *d, const struct terminal_settings *settings);
/* Settings have changed from OLD to *d->settings. */
void discipline_configure(struct discipline *d, const struct terminal_settings *old);

/* Whether one more byte can be received now. A line that is too long can always go on: it may be
 * edited. */
bool discipline_has_room(const struct discipline *d);
/* Bytes that fit before discipline_has_room turns false. */
size_t discipline_room(const struct discipline *d);
/* Takes one byte; only while there is room. */
void discipline_receive(struct discipline *d, uint8_t c, enum tty_condition condition);

/* Drops what was typed and not yet read. */
void discipline_flush_input(struct discipline *d);

static inline bool discipline_canonical(const struct discipline *d)
{
    return d->settings->lflag & TERM_ICANON;
}
bool discipline_may_send(const struct discipline *d);

/* Echo of single bytes, shared with the line editor. */
void discipline_echo(struct discipline *d,
                     uint8_t c); /* as typed: control characters as ^X with ECHOCTL */
void discipline_echo_raw(struct discipline *d, uint8_t c); /* as it is, but for output processing */
void discipline_finish_erasing(struct discipline *d);

/* VERASE, VWERASE, VKILL, VREPRINT (edit.c). */
void discipline_erase(struct discipline *d, uint8_t c);
void discipline_reprint(struct discipline *d, uint8_t c);

static inline bool discipline_is_control(uint8_t c)
{
    return c < 0x20 || c == 0x7f;
}

/* C is the control character INDEX, which is not disabled. */
static inline bool discipline_is(const struct discipline *d, int index, uint8_t c)
{
    return c != 0 && d->settings->cc[index] == c;
}

#endif
