/*
 * sluice_terminal: what a terminal has beyond the seed's ttystream: the full set of line settings,
 * the window size, and the tie to a session. Flag values and control-character indices are those
 * that Linux uses on x86-64, so that the system-call layer copies the structure field by field; the
 * seed's oskit_termios (BSD values) is converted inside the tty.
 */
#ifndef SLUICE_TERMINAL_H
#define SLUICE_TERMINAL_H

#include <stdbool.h>
#include <oskit/com.h>
#include <oskit/error.h>
#include <oskit/types.h>

#define TERMINAL_NCCS 19

/*
 * The speed is written twice, as in Linux's termios2: when settings are set, a code in cflag
 * counts, and ospeed only if that code is TERM_BOTHER; settings that are read back have both. Input
 * and output run at one speed.
 */
struct terminal_settings {
    oskit_u32_t iflag, oflag, cflag, lflag;
    oskit_u8_t line;
    oskit_u8_t cc[TERMINAL_NCCS];
    oskit_u32_t ispeed, ospeed; /* bits a second */
};

/*
 * Names of the flags, prefixed so that they can stand beside a libc's: TERM_ICRNL is POSIX's ICRNL.
 * What follows each is said only where POSIX leaves it open or Linux adds it.
 */

/* iflag */
#define TERM_IGNBRK 0000001u
#define TERM_BRKINT 0000002u
#define TERM_IGNPAR 0000004u
#define TERM_PARMRK 0000010u
#define TERM_INPCK  0000020u
#define TERM_ISTRIP 0000040u
#define TERM_INLCR  0000100u
#define TERM_IGNCR  0000200u
#define TERM_ICRNL  0000400u
#define TERM_IUCLC  0001000u /* upper case becomes lower (with IEXTEN) */
#define TERM_IXON   0002000u
#define TERM_IXANY  0004000u
#define TERM_IXOFF  0010000u
#define TERM_IMAXBEL \
    0020000u                /* a character that finds the line full rings the bell and is dropped */
#define TERM_IUTF8 0040000u /* erasing takes a whole UTF-8 sequence, columns count sequences */

/* oflag */
#define TERM_OPOST  0000001u
#define TERM_OLCUC  0000002u /* lower case becomes upper */
#define TERM_ONLCR  0000004u
#define TERM_OCRNL  0000010u
#define TERM_ONOCR  0000020u
#define TERM_ONLRET 0000040u
#define TERM_TABDLY 0014000u
#define TERM_TAB3 \
    0014000u /* tabs become spaces; the other delays are accepted and without effect */

/* cflag */
#define TERM_CBAUD   0010017u /* the speed's code, see terminal_speed */
#define TERM_BOTHER  0010000u /* as a code: ospeed has the speed */
#define TERM_CSIZE   0000060u
#define TERM_CS5     0000000u
#define TERM_CS6     0000020u
#define TERM_CS7     0000040u
#define TERM_CS8     0000060u
#define TERM_CSTOPB  0000100u
#define TERM_CREAD   0000200u
#define TERM_PARENB  0000400u
#define TERM_PARODD  0001000u
#define TERM_HUPCL   0002000u
#define TERM_CLOCAL  0004000u
#define TERM_CMSPAR  010000000000u /* sticky parity: mark with PARODD, space without */
#define TERM_CRTSCTS 020000000000u

/* lflag */
#define TERM_ISIG    0000001u
#define TERM_ICANON  0000002u
#define TERM_ECHO    0000010u
#define TERM_ECHOE   0000020u
#define TERM_ECHOK   0000040u
#define TERM_ECHONL  0000100u
#define TERM_NOFLSH  0000200u
#define TERM_TOSTOP  0000400u
#define TERM_ECHOCTL 0001000u /* control characters echo as ^X */
#define TERM_ECHOPRT 0002000u /* erased characters echo between \ and / */
#define TERM_ECHOKE  0004000u /* kill erases the line on the screen */
#define TERM_IEXTEN  0100000u
#define TERM_EXTPROC 0200000u /* refused: setsettings clears it */

/* cc: a character of 0 is disabled */
#define TERM_VINTR    0
#define TERM_VQUIT    1
#define TERM_VERASE   2
#define TERM_VKILL    3
#define TERM_VEOF     4
#define TERM_VTIME    5
#define TERM_VMIN     6
#define TERM_VSTART   8
#define TERM_VSTOP    9
#define TERM_VSUSP    10
#define TERM_VEOL     11
#define TERM_VREPRINT 12
#define TERM_VWERASE  14
#define TERM_VLNEXT   15
#define TERM_VEOL2    16

/*
 * Between a speed's code in cflag and bits a second. terminal_speed answers 0 for B0 (hang up) and
 * for codes without a meaning; terminal_speed_code answers TERM_BOTHER for speeds without a code.
 * [any]
 */
oskit_u32_t terminal_speed(oskit_u32_t cflag);
oskit_u32_t terminal_speed_code(oskit_u32_t speed);

struct terminal_size {
    oskit_u16_t rows, columns, xpixels, ypixels;
};

/* Modem lines. The first two are ours, the others the other side's. */
#define TERM_MODEM_DTR     0x002u
#define TERM_MODEM_RTS     0x004u
#define TERM_MODEM_CTS     0x020u
#define TERM_MODEM_CARRIER 0x040u
#define TERM_MODEM_RING    0x080u
#define TERM_MODEM_DSR     0x100u

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
    OSKIT_COMDECL(*getsettings)
    (sluice_terminal_t *self, struct terminal_settings *out); /* [any] */
    /* Never waits: with DRAIN or FLUSH answers OSKIT_EWOULDBLOCK while output is pending; the
     * caller waits for READY_DRAINED and tries again. [thread] */
    OSKIT_COMDECL(*setsettings)
    (sluice_terminal_t *self, enum terminal_when when, const struct terminal_settings *settings);
    oskit_error_t (*getsize)(sluice_terminal_t *self, struct terminal_size *out);
    /* Sends SIGWINCH to the foreground group when the size changed. */
    oskit_error_t (*setsize)(sluice_terminal_t *self, const struct terminal_size *size);
    /* Ties the terminal to session SID with foreground group PGRP. OSKIT_E_ACCESSDENIED when it has
     * another session. */
    oskit_error_t (*attach)(sluice_terminal_t *self, oskit_s32_t sid, oskit_s32_t pgrp);
    /* Unties it from SID (no effect when it belongs to another). */
    oskit_error_t (*detach)(sluice_terminal_t *self, oskit_s32_t sid);
    /* The line is gone: readers get end of file, writers OSKIT_EIO, the session's foreground group
     * SIGHUP and SIGCONT. */
    oskit_error_t (*hangup)(sluice_terminal_t *self);
    /* Bytes written by programs and not yet sent. */
    oskit_error_t (*pending_output)(sluice_terminal_t *self, oskit_u32_t *out);
    /* Device number, as in stat's rdev. */
    oskit_error_t (*device)(sluice_terminal_t *self, oskit_u32_t *out_rdev);
    /* Whoever gives programs descriptors of the terminal says when one more is open and when one is
     * closed, which references don't tell: a session has one, and no descriptor. The last close
     * ends exclusive use, and the other side of a pseudo-terminal learns of it. Each `opened` needs
     * its `closed`; true: that was the last, and the session has lost the terminal (that of a
     * pseudo-terminal keeps it as long as there is a master). [thread] */
    void (*opened)(sluice_terminal_t *self);
    bool (*closed)(sluice_terminal_t *self);
    /* While exclusive, opening answers OSKIT_EBUSY to all but root. */
    oskit_error_t (*setexclusive)(sluice_terminal_t *self, bool on);
    bool (*exclusive)(sluice_terminal_t *self);
    /* Raises and drops modem lines, then tells all, as TERM_MODEM_*. OSKIT_ENOTTY: it has none. */
    oskit_error_t (*modem)(sluice_terminal_t *self, oskit_u32_t set, oskit_u32_t clear,
                           oskit_u32_t *out);
    /* Begins or ends a break by hand; output waits meanwhile. */
    oskit_error_t (*setbreak)(sluice_terminal_t *self, bool on);
    /* Whether the line is gone for good. */
    bool (*hungup)(sluice_terminal_t *self);
};
extern const struct oskit_guid sluice_terminal_iid; /* SLUICE_GUID(0x5ac10006) */

/* Private bit of a terminal's readiness: all output has been sent. */
#define READY_DRAINED 0x10000u

#endif
