/*
 * Inside pipes: the pipe that the ends share, and how ends come and go. The ends' interfaces are in
 * pipe_end.c.
 *
 * Locks: pipe.mutex covers everything in the pipe and the membership of its ends. It is held while
 * bytes move to and from the program, which may fault and sleep: pipe.mutex -> address space.
 * Levels change under it, waiters are told after it is released (pipe_unlock), so what they do may
 * come back to the pipe.
 */
#ifndef IO_STREAM_PIPE_CORE_H
#define IO_STREAM_PIPE_CORE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <oskit/com/stream.h>
#include <oskit/fs/file.h>
#include <oskit/io/asyncio.h>
#include <oskit/io/posixio.h>
#include <sluice/env.h>
#include <sluice/list.h>
#include <sluice/object.h>
#include <sluice/pipe.h>
#include <sluice/readiness.h>
#include <sluice/vecio.h>
#include "pipe_buffer.h"

enum pipe_side { PIPE_READERS, PIPE_WRITERS, PIPE_SIDES };

struct pipe_end;

/* An end's place on one side of its pipe; an end opened for both is on both. */
struct pipe_seat {
    struct list link; /* in pipe.sides[]; guarded by pipe.mutex */
    struct pipe_end *end;
};

struct pipe {
    struct env_mutex mutex;
    _Atomic uint32_t references; /* one each: ends, the FIFO's file */
    bool fifo;                   /* immutable */
    struct pipe_buffer buffer;
    struct list sides[PIPE_SIDES];
    uint32_t count[PIPE_SIDES]; /* ends on them */
    uint64_t next_serial;
    /* Attributes of an anonymous pipe. Reads and writes only leave a mark; whoever looks at the
     * times sets them, so that a transfer needs no clock. */
    uint32_t ino, mode, uid, gid;
    int64_t atime, mtime, ctime;
    bool read_mark, write_mark;
};

struct pipe_end {
    struct sluice_object object;
    SLUICE_FACE(oskit_stream_t) stream;
    SLUICE_FACE(sluice_streamvec_t) streamvec;
    SLUICE_FACE(sluice_pollable_t) pollable;
    SLUICE_FACE(oskit_asyncio_t) asyncio;
    SLUICE_FACE(sluice_pipe_t) pipe_face;
    SLUICE_FACE(oskit_posixio_t) posixio;
    struct pipe *pipe; /* a reference; immutable */
    struct readiness readiness;
    struct listener_set listeners;
    struct pipe_seat seats[PIPE_SIDES];
    uint64_t serial;    /* order of opening; immutable */
    bool reads, writes; /* immutable */
    bool peer_seen;     /* a writer was there since this end was opened; guarded by pipe.mutex */
};

/* The object's class, pipe_end.c's. */
extern const struct sluice_class pipe_end_class, fifo_end_class;

oskit_error_t pipe_new(bool fifo, struct pipe **out); /* with one reference */
void pipe_release(struct pipe *pipe);

/* A new end with one reference. OFLAGS as in fifo_open. */
oskit_error_t pipe_end_open(struct pipe *pipe, oskit_u32_t oflags, oskit_iunknown_t **out);
/* The end's last release: leaves the pipe. */
void pipe_end_close(struct pipe_end *end);

oskit_error_t pipe_read(struct pipe_end *end, struct sluice_uio *uio, oskit_u32_t flags,
                        oskit_size_t *out_actual);
oskit_error_t pipe_write(struct pipe_end *end, struct sluice_uio *uio, oskit_u32_t flags,
                         oskit_size_t *out_actual);
oskit_error_t pipe_give(struct pipe_end *end, void *page, oskit_u32_t offset, oskit_u32_t length);
oskit_error_t pipe_take(struct pipe_end *end, size_t skip, size_t max, oskit_u32_t flags,
                        struct pipe_slot *out);
oskit_error_t pipe_putback(struct pipe_end *end, void *page, oskit_u32_t offset,
                           oskit_u32_t length);
oskit_error_t pipe_set_capacity(struct pipe *pipe, size_t bytes, size_t *out_bytes);

oskit_error_t pipe_stat(struct pipe *pipe, oskit_stat_t *out);
oskit_error_t pipe_setstat(struct pipe *pipe, oskit_u32_t mask, const oskit_stat_t *stats);

#endif
