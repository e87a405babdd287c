/* Open files: the interfaces of an object gathered once, and transfers over them. */
#include "kernel/sys/openfile.h"
#include <sluice/object.h>
#include <sluice/string.h>
#include "kernel/abi/errno.h"
#include "kernel/abi/fcntl.h"
#include "kernel/mem/heap.h"
#include "kernel/sys/asyncready.h"
#include "kernel/sys/waitloop.h"
#include "kernel/task/mutex.h"
#include "kernel/task/process.h"
#include "kernel/task/signal.h"

static void openfile_query_all(struct openfile *file)
{
    void *object = file->object;
    file->streamvec = sluice_query_face(object, &sluice_streamvec_iid);
    file->absvec = sluice_query_face(object, &sluice_absvec_iid);
    file->pollable = sluice_query_face(object, &sluice_pollable_iid);
    file->posixio = sluice_query_face(object, &oskit_posixio_iid);
    file->pager = sluice_query_face(object, &sluice_pager_iid);
    file->terminal = sluice_query_face(object, &sluice_terminal_iid);
    file->tty = sluice_query_face(object, &oskit_ttystream_iid);
    file->control = sluice_query_face(object, &sluice_control_iid);
    file->asyncio = sluice_query_face(object, &oskit_asyncio_iid);
    if (!file->streamvec && !file->absvec) {
        file->stream = sluice_query_face(object, &oskit_stream_iid);
        file->absio = sluice_query_face(object, &oskit_absio_iid);
    }
    if (file->pollable)
        file->readiness = file->pollable->ops->readiness(file->pollable);
    else if (file->asyncio)
        file->readiness = asyncready_create(file->asyncio);
}

struct openfile *openfile_create(oskit_iunknown_t *object, const struct location *location,
                                 uint32_t flags)
{
    struct openfile *file = heap_alloc(sizeof *file, HEAP_ZERO);
    if (!file) {
        oskit_iunknown_release(object);
        return NULL;
    }
    atomic_init(&file->references, 1);
    atomic_init(&file->flags, flags);
    epoll_owner_init(&file->watchers);
    file->object = object;
    if (location)
        location_copy(&file->location, location);
    openfile_query_all(file);
    return file;
}

void openfile_ref(struct openfile *file)
{
    atomic_fetch_add_explicit(&file->references, 1, memory_order_relaxed);
}

static void openfile_release_face(void *face)
{
    if (face)
        oskit_iunknown_release((oskit_iunknown_t *)face);
}

void openfile_unref(struct openfile *file)
{
    if (atomic_fetch_sub_explicit(&file->references, 1, memory_order_acq_rel) != 1)
        return;
    epoll_owner_gone(&file->watchers);
    if (file->readiness && !file->pollable)
        asyncready_destroy(file->readiness);
    void *const faces[] = {file->streamvec, file->stream,  file->absvec,   file->absio,
                           file->asyncio,   file->posixio, file->terminal, file->tty,
                           file->pager,     file->control, file->pollable, file->object};
    for (size_t i = 0; i < SLUICE_COUNT(faces); i++)
        openfile_release_face(faces[i]);
    if (file->location.name)
        location_release(&file->location);
    heap_free(file);
}

/* ---- One attempt to transfer ---- */

struct transfer {
    struct openfile *file;
    struct sluice_uio *uio;
    int64_t offset; /* absolute transfers */
    uint32_t flags; /* VECIO_* */
    bool write;
    size_t moved;    /* in all */
    oskit_off_t end; /* offset after an absolute write */
};

/* Seed-only objects take kernel buffers: a page at a time through one. */
#define BOUNCE_SIZE 4096u

static oskit_error_t bounce_move(struct transfer *t, void *buffer, size_t want, size_t *moved)
{
    struct openfile *file = t->file;
    oskit_u32_t part = 0;
    oskit_error_t error;
    if (file->absio) {
        error = t->write ? oskit_absio_write(file->absio, buffer, t->offset, want, moved)
                         : oskit_absio_read(file->absio, buffer, t->offset, want, moved);
        return error;
    }
    error = t->write ? oskit_stream_write(file->stream, buffer, (oskit_u32_t)want, &part)
                     : oskit_stream_read(file->stream, buffer, (oskit_u32_t)want, &part);
    *moved = part;
    return error;
}

static oskit_error_t bounce_once(struct transfer *t, void *buffer, size_t *moved)
{
    size_t want = t->uio->left < BOUNCE_SIZE ? t->uio->left : BOUNCE_SIZE;
    size_t copied = want;
    if (t->write) {
        /* Copied from a clone of the position: a short write must leave the rest in place. */
        struct sluice_uio ahead = *t->uio;
        oskit_error_t error = uio_read_from(&ahead, buffer, want, &copied);
        if (error && !copied)
            return error;
    }
    oskit_error_t error = bounce_move(t, buffer, copied, moved);
    if (error)
        return error;
    if (t->write) {
        uio_skip(t->uio, *moved);
        return 0;
    }
    return uio_write_to(t->uio, buffer, *moved, &copied);
}

static oskit_error_t transfer_bounce(struct transfer *t, size_t *moved)
{
    if (!t->file->absio && !t->file->stream)
        return OSKIT_E_INVALIDARG;
    void *buffer = heap_alloc(BOUNCE_SIZE, 0);
    if (!buffer)
        return OSKIT_ENOMEM;
    oskit_error_t error = bounce_once(t, buffer, moved);
    heap_free(buffer);
    t->end = t->offset + (int64_t)*moved;
    return error;
}

static oskit_error_t transfer_absolute(struct transfer *t, size_t *moved)
{
    sluice_absvec_t *absvec = t->file->absvec;
    if (!absvec)
        return transfer_bounce(t, moved);
    if (t->write)
        return absvec->ops->pwritev(absvec, t->uio, t->offset, t->flags, moved, &t->end);
    return absvec->ops->preadv(absvec, t->uio, t->offset, t->flags, moved);
}

static oskit_error_t transfer_stream(struct transfer *t, size_t *moved)
{
    sluice_streamvec_t *streamvec = t->file->streamvec;
    if (!streamvec)
        return transfer_bounce(t, moved);
    return t->write ? streamvec->ops->writev(streamvec, t->uio, t->flags, moved)
                    : streamvec->ops->readv(streamvec, t->uio, t->flags, moved);
}

/* The try of the wait loop. A write goes on until all is written: what one try moved is kept, and
 * the next continues behind it. */
static oskit_error_t transfer_try(void *arg)
{
    struct transfer *t = arg;
    for (;;) {
        size_t moved = 0;
        oskit_error_t error = transfer_stream(t, &moved);
        t->moved += moved;
        if (error || !t->write || !t->uio->left || !moved)
            return error;
    }
}

static long transfer_finish(struct transfer *t, oskit_error_t error)
{
    if (error == OSKIT_EPIPE) {
        struct abi_siginfo info;
        signal_info_kernel(&info, ABI_SIGPIPE);
        signal_send_thread(current_thread(), &info);
    }
    if (t->moved || !error)
        return (long)t->moved;
    return error == OSKIT_EINTR ? -ERESTARTSYS : errno_from_oskit(error);
}

static bool openfile_is_absolute(const struct openfile *file)
{
    return file->absvec || file->absio;
}

/* Without an offset a stream takes it, if the object is one: a device such as /dev/zero is both. */
static bool openfile_is_stream(const struct openfile *file)
{
    return file->streamvec || !openfile_is_absolute(file);
}

static long openfile_stream_transfer(struct transfer *t)
{
    struct openfile *file = t->file;
    bool nonblock = (atomic_load_explicit(&file->flags, memory_order_relaxed) & ABI_O_NONBLOCK) ||
                    (t->flags & VECIO_NONBLOCK);
    if (nonblock)
        t->flags |=
            VECIO_NONBLOCK; /* a terminal's VMIN and VTIME depend on whether the reader waits */
    return transfer_finish(t, wait_loop(file->readiness, t->write ? READY_WRITE : READY_READ,
                                        nonblock, ENV_FOREVER, transfer_try, t));
}

/* RLIMIT_FSIZE: a write that begins below it is cut there; one that begins at or beyond it is
 * EFBIG, and SIGXFSZ. */
static long write_bound(struct transfer *t)
{
    uint64_t limit = process_limit(ABI_RLIMIT_FSIZE);
    oskit_off_t at = t->offset;
    if (__builtin_expect(limit == ABI_RLIM_INFINITY, 1) || !t->file->pager || !t->uio->left)
        return 0;
    if (t->flags & VECIO_APPEND && t->file->absio)
        oskit_absio_getsize(t->file->absio, &at);
    if ((uint64_t)at < limit) {
        if (t->uio->left > limit - (uint64_t)at)
            t->uio->left = limit - (uint64_t)at;
        return 0;
    }
    struct abi_siginfo info;
    signal_info_kernel(&info, ABI_SIGXFSZ);
    signal_send_thread(current_thread(), &info);
    return -ABI_EFBIG;
}

/* Absolute transfers may be short where the object's inner limits lie; loop until all is moved, the
 * end of file or an error. */
static long openfile_absolute_transfer(struct transfer *t)
{
    oskit_error_t error = 0;
    size_t moved = 0;
    long refused = t->write ? write_bound(t) : 0;
    if (refused)
        return refused;
    do {
        moved = 0;
        error = transfer_absolute(t, &moved);
        t->moved += moved;
        t->offset = t->write ? t->end : t->offset + (int64_t)moved;
    } while (!error && moved && t->uio->left);
    return transfer_finish(t, error);
}

/* The shared offset moves under its mutex, so that two readers of one description don't get the
 * same bytes. A description nobody shares skips the lock's contention, not the lock. */
static long openfile_offset_transfer(struct transfer *t)
{
    struct openfile *file = t->file;
    mutex_lock(&file->offset_mutex);
    t->offset = file->offset;
    long result = openfile_absolute_transfer(t);
    if (result > 0)
        file->offset = t->offset;
    mutex_unlock(&file->offset_mutex);
    return result;
}

static long openfile_transfer(struct transfer *t, const int64_t *offset)
{
    if (!offset)
        return openfile_is_stream(t->file) ? openfile_stream_transfer(t)
                                           : openfile_offset_transfer(t);
    if (!openfile_is_absolute(t->file))
        return -ABI_ESPIPE;
    if (*offset < 0 || t->uio->left > (uint64_t)(INT64_MAX - *offset))
        return -ABI_EINVAL;
    t->offset = *offset;
    return openfile_absolute_transfer(t);
}

long openfile_read(struct openfile *file, struct sluice_uio *uio, const int64_t *offset,
                   uint32_t vecio_flags)
{
    if (!openfile_readable(file))
        return -ABI_EBADF;
    struct transfer t = {.file = file, .uio = uio, .flags = vecio_flags};
    long result = openfile_transfer(&t, offset);
    bool refused = result == -ABI_EINVAL || result == -ABI_ESPIPE;
    if (refused && file->location.name && location_dir(&file->location))
        return -ABI_EISDIR; /* a directory refuses to be read as bytes */
    return result;
}

long openfile_write(struct openfile *file, struct sluice_uio *uio, const int64_t *offset,
                    uint32_t vecio_flags)
{
    if (!openfile_writable(file))
        return -ABI_EBADF;
    uint32_t flags = atomic_load_explicit(&file->flags, memory_order_relaxed);
    struct transfer t = {.file = file, .uio = uio, .flags = vecio_flags, .write = true};
    if (flags & ABI_O_APPEND)
        t.flags |= VECIO_APPEND;
    if (flags & ABI_O_DSYNC)
        t.flags |= VECIO_SYNC;
    return openfile_transfer(&t, offset);
}

void openfile_unread(struct openfile *file, int64_t bytes)
{
    mutex_lock(&file->offset_mutex);
    file->offset -= bytes < file->offset ? bytes : file->offset;
    mutex_unlock(&file->offset_mutex);
}
