/*
 * Pseudo-terminals: a terminal at whose other end is a program. Opening /dev/ptmx makes a pair: the
 * object that comes back is the master; the terminal appears as /dev/pts/N, owned by whoever opened
 * the master, with mode 0620 and group 5. What programs write to the terminal, the master reads,
 * after output processing; what is written to the master, the terminal receives as if typed.
 *
 * The master answers oskit_stream, sluice_streamvec, sluice_pollable, oskit_asyncio, oskit_posixio
 * and sluice_pty. It is no terminal itself: what programs ask of it as one (settings, size,
 * foreground group) is asked of the object that sluice_pty's `terminal` gives.
 *
 * Ends. When the last descriptor of the terminal is closed (sluice_terminal's closed), the master's
 * level gets READY_HUP, and reads answer OSKIT_EIO once everything written has been read; the
 * next open ends that. What was typed and not read stays. When the master's last reference goes,
 * the terminal is hung up and its node disappears. Its number is free again when the terminal's
 * last holder has gone, too.
 *
 * Flow. Either side answers OSKIT_EWOULDBLOCK when the other doesn't read; nothing is lost, but for
 * what the terminal's own rules drop (signals, tcflush, lines that are too long).
 */
#ifndef SLUICE_PTY_H
#define SLUICE_PTY_H

#include <stdbool.h>
#include <oskit/com.h>
#include <oskit/error.h>
#include <oskit/types.h>

#define PTMX_DEVICE 0x502u /* DEVICE_NUMBER(5, 2) */
#define PTY_MAX     4096u  /* pairs at a time, as Linux begins with */

typedef struct sluice_pty {
    struct sluice_pty_ops *ops;
} sluice_pty_t;

struct sluice_pty_ops {
    OSKIT_COMDECL_IUNKNOWN(sluice_pty_t)
    oskit_u32_t (*number)(sluice_pty_t *self);
    /* While locked, as it begins, the terminal can't be opened: OSKIT_EIO. */
    void (*setlock)(sluice_pty_t *self, bool on);
    bool (*locked)(sluice_pty_t *self);
    /*
     * Packet mode: each read of the master begins with a byte. 0: output follows. Otherwise nothing
     * does, and its bits, Linux's TIOCPKT_*, say what has happened to the terminal since the last
     * such byte: queues flushed, output stopped or started, ^S and ^Q taken as flow control or no
     * longer. News of that kind are READY_PRI. Events from before packet mode are not told.
     */
    void (*setpacket)(sluice_pty_t *self, bool on);
    bool (*packet)(sluice_pty_t *self);
    /* The terminal, with a reference for the caller, for asking and telling it; not an opening.
     * OSKIT_EIO after it was hung up. [thread] */
    oskit_error_t (*terminal)(sluice_pty_t *self, oskit_iunknown_t **out);
    /* What opening /dev/pts/N gives. [thread] */
    oskit_error_t (*open)(sluice_pty_t *self, oskit_iunknown_t **out);
    /* Drops what the terminal has sent and the master has not read. [thread] */
    void (*discard)(sluice_pty_t *self);
};
extern const struct oskit_guid sluice_pty_iid; /* SLUICE_GUID(0x5ac10040) */

/* A new pair; *out is the master's first reference. OSKIT_ENOMEM, OSKIT_ENOSPC: PTY_MAX there are
 * already. [thread] */
oskit_error_t pty_create(oskit_iunknown_t **out);
/* /dev/ptmx. OSKIT_ENOMEM, OSKIT_EEXIST. [thread] */
oskit_error_t pty_register(void);

#endif
