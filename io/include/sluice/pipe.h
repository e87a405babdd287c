/*
 * Pipes and FIFOs. An end offers stream, streamvec, pollable, asyncio, posixio (anonymous pipes
 * only: a FIFO's attributes are its file's) and sluice_pipe.
 *
 * Semantics are Linux's. Writes of at most PIPE_BUF_SIZE bytes are atomic: all or
 * OSKIT_EWOULDBLOCK. Reading with no writer left: what is there, then end of file. Writing with no
 * reader left: OSKIT_EPIPE. A transfer of no bytes succeeds.
 *
 * Readiness. Reader: READY_READ when bytes are there; READY_HUP when no writer is left (and, for a
 * FIFO, there had been one since this end was opened). Writer: READY_WRITE when PIPE_BUF_SIZE bytes
 * fit; READY_ERR when no reader is left. Each write is an event for readers; writers get one when
 * the pipe stops being full.
 *
 * The bytes lie in pages, up to as many as the capacity has (65536 bytes: 16 pages), allocated as
 * needed. Pages can be given and taken whole, which is how splice moves data without a copy.
 *
 * Ends may be called from several threads at once. The last release of an end closes it. [thread]
 * throughout, release included, but for pollable and asyncio's poll and readable [any].
 */
#ifndef SLUICE_PIPE_H
#define SLUICE_PIPE_H

#include <oskit/com.h>
#include <oskit/error.h>
#include <oskit/types.h>
#include <sluice/object.h>

#define PIPE_BUF_SIZE     4096u
#define PIPE_CAPACITY     65536u
#define PIPE_CAPACITY_MAX 1048576u /* beyond it one needs CAPABILITY_SYS_RESOURCE */

/* A new pipe; each end carries one reference. OSKIT_ENOMEM. [thread] */
oskit_error_t pipe_create(oskit_iunknown_t **out_reader, oskit_iunknown_t **out_writer);

/*
 * A FIFO's pipe, kept by the file-system object: opens share it. Bytes are kept while any end is
 * open.
 */
struct fifo;
oskit_error_t fifo_create(struct fifo **out);
void fifo_release(struct fifo *fifo); /* the file's own reference; open ends live on */
/*
 * Opens an end (OFLAGS: OSKIT_O_RDONLY, WRONLY, RDWR, NONBLOCK). Without NONBLOCK, POSIX has the
 * opener wait for a peer: the end is returned at once, and a blocking caller waits for READY_OPENED
 * on the end's pollable. OSKIT_ENXIO for WRONLY|NONBLOCK without a reader; OSKIT_E_INVALIDARG for
 * flags without access.
 */
oskit_error_t fifo_open(struct fifo *fifo, oskit_u32_t oflags, oskit_iunknown_t **out);

/* Private readiness bit of a FIFO end: a peer has opened the other side since this end was opened,
 * or was there (stays set). Always set for pipe ends and for NONBLOCK. */
#define READY_OPENED 0x20000u

/* sluice_pipe: what an end has beyond a stream. */
typedef struct sluice_pipe {
    struct sluice_pipe_ops *ops;
} sluice_pipe_t;

struct sluice_pipe_ops {
    OSKIT_COMDECL_IUNKNOWN(sluice_pipe_t)
    /* Capacity in bytes. */
    oskit_error_t (*getcapacity)(sluice_pipe_t *self, oskit_size_t *out_bytes);
    /* Sets it to the next power-of-two number of pages that holds BYTES; *out_bytes is what it
     * became. OSKIT_EBUSY when more pages are in use, OSKIT_EPERM beyond PIPE_CAPACITY_MAX,
     * OSKIT_E_INVALIDARG beyond 2^31, OSKIT_ENOMEM. */
    oskit_error_t (*setcapacity)(sluice_pipe_t *self, oskit_size_t bytes, oskit_size_t *out_bytes);
    /* Another end of the same pipe (what opening /proc/PID/fd/N gives). OFLAGS as in fifo_open. */
    oskit_error_t (*open)(sluice_pipe_t *self, oskit_u32_t oflags, oskit_iunknown_t **out);
    /*
     * Writer: appends LENGTH bytes (1 to ENV_PAGE_SIZE) that lie OFFSET bytes into the pages at
     * PAGE, and takes over the caller's reference to them; on failure the caller keeps it. Nobody
     * may change those bytes from now on who minds what the reader sees. OSKIT_EWOULDBLOCK,
     * OSKIT_EPIPE.
     */
    OSKIT_COMDECL(*give)
    (sluice_pipe_t *self, void *page, oskit_u32_t offset, oskit_u32_t length);
    /*
     * Reader: the first piece after SKIP bytes, at most MAX bytes of it, with a reference to its
     * pages (env_page_unref). It leaves the pipe, unless FLAGS has VECIO_PEEK; SKIP needs that.
     * Success with *out_length 0 is end of file (or, with SKIP, the end of what is there).
     * OSKIT_EWOULDBLOCK.
     */
    OSKIT_COMDECL(*take)
    (sluice_pipe_t *self, oskit_size_t skip, oskit_size_t max, oskit_u32_t flags, void **out_page,
     oskit_u32_t *out_offset, oskit_u32_t *out_length);
    /*
     * Reader: puts back in front what take gave and nobody wanted, with the reference; where room
     * is short the capacity grows. Until then other readers saw the pipe without it.
     * OSKIT_ENOMEM: it is lost, and the reference dropped.
     */
    OSKIT_COMDECL(*putback)
    (sluice_pipe_t *self, void *page, oskit_u32_t offset, oskit_u32_t length);
    /* The same address for all ends of one pipe, to be compared only. [any] */
    const void *(*identity)(sluice_pipe_t *self);
};
extern const struct oskit_guid sluice_pipe_iid; /* SLUICE_GUID(0x5ac10010) */

#endif
