/*
 * Open files: what a descriptor refers to. Holds the object behind the file with the interfaces it
 * answered when it was opened, the status flags and the offset. Shared by dup and fork through its
 * count; the last close releases the object.
 *
 * Locks: offset_mutex is held over a read, write or seek that uses the shared offset (POSIX makes
 * those atomic). flags are atomic bits.
 */
#ifndef KERNEL_SYS_OPENFILE_H
#define KERNEL_SYS_OPENFILE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <oskit/io/absio.h>
#include <oskit/io/asyncio.h>
#include <oskit/io/posixio.h>
#include <oskit/io/ttystream.h>
#include <oskit/com/stream.h>
#include <oskit/fs/file.h>
#include <sluice/env.h>
#include <sluice/epoll.h>
#include <sluice/namespace.h>
#include <sluice/notify.h>
#include <sluice/readiness.h>
#include <sluice/socket.h>
#include <sluice/sync.h>
#include <sluice/terminal.h>
#include <sluice/vecio.h>
#include "kernel/abi/fcntl.h"

struct async;

struct openfile {
    _Atomic uint32_t references;
    _Atomic uint32_t flags; /* ABI_O_*: access mode and status flags */
    oskit_iunknown_t *object;
    struct location location; /* its name; cleared for pipes and the like */

    bool foreign;
    _Atomic bool locked;                /* it has owned file locks (locks.h) */
    bool writes;                        /* it counts as a writer of what PAGER shows */
    uint8_t socket_family, socket_type; /* of its socket: ABI_AF_*, ABI_SOCK_* */
    /* What the object answered, or NULL. Each with a reference when the object is not of a class of
     * ours (foreign); else parts of the object. In the order of openfile.c's table. */
    sluice_streamvec_t *streamvec;
    sluice_absvec_t *absvec;
    sluice_pollable_t *pollable;
    oskit_posixio_t *posixio;
    sluice_pager_t *pager;
    sluice_terminal_t *terminal;
    oskit_ttystream_t *tty;
    sluice_control_t *control;
    oskit_asyncio_t *asyncio;
    oskit_stream_t *stream;
    oskit_absio_t *absio;
    sluice_epoll_t *epoll;
    sluice_sync_t *sync;
    sluice_socket_t *socket;
    struct readiness *readiness; /* of its pollable; NULL: always ready */

    struct env_mutex offset_mutex;
    oskit_u32_t sync_seen;       /* errors of write-back it was told of (sluice/sync.h) */
    int64_t offset;              /* bytes; for directories the cookie of the next entry */
    struct async *_Atomic async; /* O_ASYNC and its owner; NULL: neither was ever set */
    struct epoll_owner watchers; /* its members in epoll sets; has its own lock */
};

/* A new open file over OBJECT (its reference is taken over) with one reference; LOCATION may be
 * NULL. NULL: no memory (OBJECT released). */
struct openfile *openfile_create(oskit_iunknown_t *object, const struct location *location,
                                 uint32_t flags);
void openfile_ref(struct openfile *file);
void openfile_unref(struct openfile *file);

/* FILE, just made, is to be written: nobody may execute it until it is closed. false: somebody
 * does. [thread] */
bool openfile_count_writer(struct openfile *file);

/* OSKIT_S_IF*, 0 where nobody knows. [thread] */
oskit_mode_t openfile_type(const struct openfile *file);

/* It has neither name nor attributes: an eventfd, epoll and the like. */
static inline bool openfile_is_anonymous(const struct openfile *file)
{
    return !file->location.name && !file->posixio;
}

static inline bool openfile_readable(const struct openfile *file)
{
    uint32_t mode = atomic_load_explicit(&file->flags, memory_order_relaxed) & 3;
    return mode == 0 || mode == 2;
}

static inline bool openfile_writable(const struct openfile *file)
{
    uint32_t mode = atomic_load_explicit(&file->flags, memory_order_relaxed) & 3;
    return mode == 1 || mode == 2;
}

/* It only names something: O_PATH. */
static inline bool openfile_is_path(const struct openfile *file)
{
    return atomic_load_explicit(&file->flags, memory_order_relaxed) & ABI_O_PATH;
}

/* An object is asked for at most so much at once, and signals are looked at in between: neither
 * /dev/zero nor /dev/random would ever make its reader wait. Bytes. */
#define TRANSFER_PIECE (256ul * 1024)

/* Transfers through the wait loop, offset handling, O_APPEND, O_NONBLOCK, SIGPIPE: bytes moved or a
 * negative errno (or restart code). UIO->left was bounded by the caller. OFFSET NULL: the file's
 * own. */
long openfile_read(struct openfile *file, struct sluice_uio *uio, const int64_t *offset,
                   uint32_t vecio_flags);
long openfile_write(struct openfile *file, struct sluice_uio *uio, const int64_t *offset,
                    uint32_t vecio_flags);

/* A stream's first try gave MOVED bytes and ERROR, and that isn't all: what comes of it. */
long openfile_read_on(struct openfile *file, struct sluice_uio *uio, uint32_t vecio_flags,
                      size_t moved, oskit_error_t error);
long openfile_write_on(struct openfile *file, struct sluice_uio *uio, uint32_t vecio_flags,
                       size_t moved, oskit_error_t error);

/* A first try is allowed, and what came of it need not be told to anybody. */
static inline bool openfile_is_simple(const struct openfile *file, bool allowed)
{
    return __builtin_expect(file->streamvec && allowed && (!notify_watched() || file->socket), 1);
}

/* A terminal's VMIN and VTIME depend on whether the reader waits. */
static inline uint32_t openfile_vecio(const struct openfile *file)
{
    uint32_t flags = atomic_load_explicit(&file->flags, memory_order_relaxed);
    return flags & ABI_O_NONBLOCK ? VECIO_NONBLOCK : 0;
}

/*
 * The same without an offset for at most TRANSFER_PIECE bytes. Most of these, of streams, are done
 * with the first try, before anything is set up for waiting.
 */
static inline long openfile_read_piece(struct openfile *file, struct sluice_uio *uio)
{
    size_t moved = 0;
    if (!openfile_is_simple(file, openfile_readable(file)))
        return openfile_read(file, uio, NULL, 0);
    uint32_t flags = openfile_vecio(file);
    oskit_error_t error = file->streamvec->ops->readv(file->streamvec, uio, flags, &moved);
    if (__builtin_expect(!error, 1))
        return (long)moved;
    return openfile_read_on(file, uio, flags, moved, error);
}

static inline long openfile_write_piece(struct openfile *file, struct sluice_uio *uio)
{
    size_t moved = 0;
    if (!openfile_is_simple(file, openfile_writable(file)))
        return openfile_write(file, uio, NULL, 0);
    oskit_error_t error = file->streamvec->ops->writev(file->streamvec, uio, 0, &moved);
    if (__builtin_expect(!error && !uio->left, 1))
        return (long)moved;
    return openfile_write_on(file, uio, 0, moved, error);
}

#endif
