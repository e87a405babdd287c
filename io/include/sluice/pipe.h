/*
 * Pipes and FIFOs. An end offers stream, streamvec, pollable, asyncio and posixio.
 *
 * Readiness as Linux has it: reader READY_READ when bytes are there or no writer is left, READY_HUP
 * when no writer is left; writer READY_WRITE when PIPE_BUF (4096) bytes fit, READY_ERR when no
 * reader is left. Writes of at most PIPE_BUF bytes are atomic. Capacity 65536.
 */
#ifndef SLUICE_PIPE_H
#define SLUICE_PIPE_H

#include <oskit/com.h>
#include <oskit/error.h>
#include <oskit/types.h>

#define PIPE_BUF_SIZE 4096u

/* A new pipe; each end carries one reference. OSKIT_ENOMEM. [thread] */
oskit_error_t pipe_create(oskit_iunknown_t **out_reader, oskit_iunknown_t **out_writer);

/*
 * A FIFO's pipe, kept by the file-system object: opens share it, and it exists while any end is
 * open.
 */
struct fifo;
oskit_error_t fifo_create(struct fifo **out);
void fifo_release(struct fifo *fifo); /* the file's own reference */
/*
 * Opens an end (OFLAGS: OSKIT_O_RDONLY, WRONLY, RDWR, NONBLOCK). Without NONBLOCK, POSIX has the
 * opener wait for a peer: the end is returned at once, and a blocking caller waits for READY_OPENED
 * on the end's pollable. OSKIT_ENXIO for WRONLY|NONBLOCK without a reader.
 */
oskit_error_t fifo_open(struct fifo *fifo, oskit_u32_t oflags, oskit_iunknown_t **out);

/* Private readiness bit of a FIFO end: a peer has opened the other side since this end was opened
 * (stays set). Always set for pipe ends. */
#define READY_OPENED 0x20000u

#endif
