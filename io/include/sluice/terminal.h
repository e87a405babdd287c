/*
 * sluice_terminal: what a terminal has beyond the seed's ttystream: the full set of line settings,
 * the window size, and the tie to a session. Flag values and control-character indices are those
 * that Linux uses on x86-64, so that the system-call layer copies the structure field by field; the
 * seed's oskit_termios (BSD values) is converted inside the tty.
 */
#ifndef SLUICE_TERMINAL_H
#define SLUICE_TERMINAL_H

#include <oskit/com.h>
#include <oskit/error.h>
#include <oskit/types.h>

#define TERMINAL_NCCS 19

struct terminal_settings {
    oskit_u32_t iflag, oflag, cflag, lflag;
    oskit_u8_t line;
    oskit_u8_t cc[TERMINAL_NCCS];
    oskit_u32_t ispeed, ospeed; /* bits a second */
};

struct terminal_size {
    oskit_u16_t rows, columns, xpixels, ypixels;
};

/* When new settings take effect. */
enum terminal_when {
    TERMINAL_NOW,
    TERMINAL_DRAIN, /* after pending output */
    TERMINAL_FLUSH, /* and drop pending input */
};

typedef struct sluice_terminal {
    struct sluice_terminal_ops *ops;
} sluice_terminal_t;

struct sluice_terminal_ops {
    OSKIT_COMDECL_IUNKNOWN(sluice_terminal_t)
    OSKIT_COMDECL (*getsettings)
    (sluice_terminal_t *self, struct terminal_settings *out); /* [any] */
    /* Never waits: with DRAIN or FLUSH answers OSKIT_EWOULDBLOCK while output is pending; the
     * caller waits for READY_DRAINED and tries again. [thread] */
    OSKIT_COMDECL (*setsettings)
    (sluice_terminal_t *self, enum terminal_when when, const struct terminal_settings *settings);
    OSKIT_COMDECL (*getsize)(sluice_terminal_t *self, struct terminal_size *out);
    /* Sends SIGWINCH to the foreground group when the size changed. */
    OSKIT_COMDECL (*setsize)(sluice_terminal_t *self, const struct terminal_size *size);
    /* Ties the terminal to session SID with foreground group PGRP. OSKIT_E_ACCESSDENIED when it has
     * another session. */
    OSKIT_COMDECL (*attach)(sluice_terminal_t *self, oskit_s32_t sid, oskit_s32_t pgrp);
    /* Unties it from SID (no effect when it belongs to another). */
    OSKIT_COMDECL (*detach)(sluice_terminal_t *self, oskit_s32_t sid);
    /* The line is gone: readers get end of file, writers OSKIT_EIO, the session's foreground group
     * SIGHUP and SIGCONT. */
    OSKIT_COMDECL (*hangup)(sluice_terminal_t *self);
    /* Bytes written by programs and not yet sent. */
    OSKIT_COMDECL (*pending_output)(sluice_terminal_t *self, oskit_u32_t *out);
    /* Device number, as in stat's rdev. */
    OSKIT_COMDECL (*device)(sluice_terminal_t *self, oskit_u32_t *out_rdev);
};
extern const struct oskit_guid sluice_terminal_iid; /* SLUICE_GUID(0x5ac10006) */

/* Private bit of a terminal's readiness: all output has been sent. */
#define READY_DRAINED 0x10000u

#endif
