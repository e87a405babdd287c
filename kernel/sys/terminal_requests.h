/* ioctl requests of terminals. */
#ifndef KERNEL_SYS_TERMINAL_REQUESTS_H
#define KERNEL_SYS_TERMINAL_REQUESTS_H

#include "kernel/sys/openfile.h"

/* The terminal that a request is about: that of the descriptor, or the one behind a
 * pseudo-terminal's master, which may be asked about the session without being in it. */
struct terminal_line {
    oskit_iunknown_t *object;
    sluice_terminal_t *terminal;
    oskit_ttystream_t *tty;
    struct readiness *readiness;
    bool through_master;
};

long terminal_ioctl(const struct terminal_line *line, uint32_t command, long argument);
/* FILE is not a terminal: it may be a master. -ABI_ENOTTY when it isn't. */
long pty_ioctl(struct openfile *file, uint32_t command, long argument);

#endif
