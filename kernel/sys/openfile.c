/* Open files: the interfaces of an object gathered once, and transfers over them. */
#include "kernel/sys/openfile.h"
#include <sluice/notify.h>
#include <sluice/object.h>
#include <sluice/string.h>
#include "kernel/abi/errno.h"
#include "kernel/abi/fcntl.h"
#include "kernel/mem/heap.h"
#include "kernel/sys/async.h"
#include "kernel/sys/asyncready.h"
#include "kernel/sys/locks.h"
#include "kernel/sys/socket.h"
#include "kernel/sys/waitloop.h"
#include "kernel/task/mutex.h"
#include "kernel/task/process.h"
#include "kernel/task/signal.h"

/* ---- The interfaces of an object ---- */

/* Where an open file keeps the answer to which query: its members from streamvec on. */
#define FACE_INDEX(member) \
    ((offsetof(struct openfile, member) - offsetof(struct openfile, streamvec)) / sizeof(void *))
#define FACE_SLOTS FACE_INDEX(readiness)
static const oskit_guid_t *const face_iids[FACE_SLOTS] = {
    [FACE_INDEX(streamvec)] = &sluice_streamvec_iid, [FACE_INDEX(absvec)] = &sluice_absvec_iid,
    [FACE_INDEX(pollable)] = &sluice_pollable_iid,   [FACE_INDEX(posixio)] = &oskit_posixio_iid,
    [FACE_INDEX(pager)] = &sluice_pager_iid,         [FACE_INDEX(terminal)] = &sluice_terminal_iid,
    [FACE_INDEX(tty)] = &oskit_ttystream_iid,        [FACE_INDEX(control)] = &sluice_control_iid,
    [FACE_INDEX(asyncio)] = &oskit_asyncio_iid,      [FACE_INDEX(stream)] = &oskit_stream_iid,
    [FACE_INDEX(absio)] = &oskit_absio_iid,          [FACE_INDEX(epoll)] = &sluice_epoll_iid,
    [FACE_INDEX(sync)] = &sluice_sync_iid,           [FACE_INDEX(socket)] = &sluice_socket_iid,
};

static void **openfile_slot(struct openfile *file, size_t i)
{
    return (void **)&file->streamvec + i;
}

/*
 * What a class of ours answers, found once. All faces of such an object are parts of it, so the
 * reference to the object holds them. A table lives for ever; there are as many as classes.
 */
struct class_faces {
    const struct sluice_class *class;
    ptrdiff_t offset[FACE_SLOTS]; /* from the object; 0: not answered */
};

/* Hashed by the class's address, a place that is taken passing on to the next; entries are never
 * taken out. Classes beyond so many are asked each time. */
#define FACES_CACHE 128u
static struct class_faces *_Atomic faces_cache[FACES_CACHE];

static struct class_faces *_Atomic *faces_place(const struct sluice_class *class, uint32_t step)
{
    return &faces_cache[(((uintptr_t) class >> 5) + step) % FACES_CACHE];
}

static const struct class_faces *faces_find(const struct sluice_class *class)
{
    for (uint32_t step = 0; step < FACES_CACHE; step++) {
        const struct class_faces *faces = atomic_load(faces_place(class, step));
        if (!faces || faces->class == class)
            return faces;
    }
    return NULL;
}

/* Takes FACES over, unless somebody else was here first with the same. */
static bool faces_keep(struct class_faces *faces)
{
    for (uint32_t step = 0; step < FACES_CACHE; step++) {
        struct class_faces *there = NULL;
        if (atomic_compare_exchange_strong(faces_place(faces->class, step), &there, faces))
            return true;
        if (there->class == faces->class)
            return false;
    }
    return false;
}

/* Fills FILE's slots from FACES. */
static void openfile_apply(struct openfile *file, const struct class_faces *faces)
{
    char *object = (char *)SLUICE_OBJECT(file->object);
#pragma GCC unroll 16
    for (size_t i = 0; i < FACE_SLOTS; i++)
        *openfile_slot(file, i) = faces->offset[i] ? object + faces->offset[i] : NULL;
}

static void openfile_query_all(struct openfile *file)
{
    for (size_t i = 0; i < FACE_SLOTS; i++)
        *openfile_slot(file, i) = sluice_query_face(file->object, face_iids[i]);
}

static void openfile_release_faces(struct openfile *file)
{
    for (size_t i = 0; i < FACE_SLOTS; i++)
        if (*openfile_slot(file, i))
            oskit_iunknown_release((oskit_iunknown_t *)*openfile_slot(file, i));
}

/* Remembers the class's answers. */
static void faces_learn(struct openfile *file, const struct sluice_class *class)
{
    struct class_faces *faces = heap_alloc(sizeof *faces, HEAP_ZERO);
    char *object = (char *)SLUICE_OBJECT(file->object);
    if (!faces)
        return;
    faces->class = class;
    for (size_t i = 0; i < FACE_SLOTS; i++)
        if (*openfile_slot(file, i))
            faces->offset[i] = (char *)*openfile_slot(file, i) - object;
    if (!faces_keep(faces))
        heap_free(faces);
}

/* An object of ours by its class, anybody else's by asking. */
static void openfile_gather(struct openfile *file)
{
    if (file->object->ops->query != (void *)sluice_query) {
        openfile_query_all(file);
        file->foreign = true;
        return;
    }
    const struct sluice_class *class = SLUICE_OBJECT(file->object)->class;
    const struct class_faces *faces = faces_find(class);
    if (faces) {
        openfile_apply(file, faces);
        return;
    }
    openfile_query_all(file);
    faces_learn(file, class);
    openfile_release_faces(file); /* the object itself holds them */
}

static void openfile_find_readiness(struct openfile *file)
{
    if (file->pollable)
        file->readiness = file->pollable->ops->readiness(file->pollable);
    else if (file->asyncio)
        file->readiness = asyncready_create(file->asyncio);
}

/* All but what openfile_gather is going to fill. */
static void openfile_clear(struct openfile *file)
{
    const size_t from = offsetof(struct openfile, streamvec);
    const size_t to = offsetof(struct openfile, readiness);
    __builtin_memset(file, 0, from);
    __builtin_memset((char *)file + to, 0, sizeof *file - to);
}

struct openfile *openfile_create(oskit_iunknown_t *object, const struct location *location,
                                 uint32_t flags)
{
    struct openfile *file = heap_alloc(sizeof *file, 0);
    if (!file) {
        oskit_iunknown_release(object);
        return NULL;
    }
    openfile_clear(file);
    atomic_init(&file->references, 1);
    atomic_init(&file->flags, flags);
    epoll_owner_init(&file->watchers);
    file->object = object;
    if (location)
        location_copy(&file->location, location);
    openfile_gather(file);
    openfile_find_readiness(file);
    if (file->sync)
        file->sync_seen = sluice_sync_errors(file->sync);
    if (file->terminal)
        file->terminal->ops->opened(file->terminal);
    return file;
}

bool openfile_count_writer(struct openfile *file)
{
    if (file->pager)
        file->writes = mappings_write_begin(file->pager->ops->mappings(file->pager));
    return !file->pager || file->writes;
}

void openfile_ref(struct openfile *file)
{
    atomic_fetch_add_explicit(&file->references, 1, memory_order_relaxed);
}

static inline void openfile_notify_close(struct openfile *file)
{
    if (notify_watched() && !(atomic_load(&file->flags) & ABI_O_PATH))
        notify_location(&file->location,
                        openfile_writable(file) ? NOTIFY_CLOSE_WRITE : NOTIFY_CLOSE_NOWRITE);
}

void openfile_unref(struct openfile *file)
{
    if (atomic_fetch_sub_explicit(&file->references, 1, memory_order_acq_rel) != 1)
        return;
    openfile_notify_close(file);
    epoll_owner_gone(&file->watchers);
    locks_file_gone(file);
    async_file_gone(file);
    if (file->socket)
        socket_file_closing(file);
    if (file->terminal && file->terminal->ops->closed(file->terminal))
        session_terminal_closed(file->object);
    if (file->readiness && !file->pollable)
        asyncready_destroy(file->readiness);
    if (file->writes)
        mappings_write_end(file->pager->ops->mappings(file->pager));
    if (file->foreign)
        openfile_release_faces(file);
    oskit_iunknown_release(file->object);
    if (file->location.name)
        location_release(&file->location);
    heap_free(file);
}

oskit_mode_t openfile_type(const struct openfile *file)
{
    oskit_stat_t stat;
    if (file->location.name ? oskit_file_stat(location_file(&file->location), &stat)
                            : !file->posixio || oskit_posixio_stat(file->posixio, &stat))
        return 0;
    return stat.mode & OSKIT_S_IFMT;
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

/* One piece by MOVE, with no more of the uio in its sight. */
static inline oskit_error_t transfer_piece(struct transfer *t, size_t *moved,
                                           oskit_error_t (*move)(struct transfer *, size_t *))
{
    size_t left = t->uio->left, beyond = left > TRANSFER_PIECE ? left - TRANSFER_PIECE : 0;
    *moved = 0;
    t->uio->left -= beyond;
    oskit_error_t error = move(t, moved);
    t->uio->left += beyond;
    t->moved += *moved;
    return error;
}

/* The try of the wait loop. A write goes on until all is written: what one try moved is kept, and
 * the next continues behind it. So does a read, but only for as long as it needn't wait. */
static oskit_error_t transfer_try(void *arg)
{
    struct transfer *t = arg;
    for (;;) {
        size_t moved;
        oskit_error_t error = transfer_piece(t, &moved, transfer_stream);
        if (error == OSKIT_EWOULDBLOCK && !t->write && t->moved)
            return OSKIT_SUCCESS;
        if (error || !t->uio->left || !moved)
            return error;
        if (moved < TRANSFER_PIECE ? !t->write : signal_pending())
            return OSKIT_SUCCESS;
    }
}

/* The call's value after MOVED bytes and ERROR. */
static __attribute__((noinline)) long transfer_failed(size_t moved, oskit_error_t error)
{
    if (error == OSKIT_EPIPE) {
        struct abi_siginfo info;
        signal_info_kernel(&info, ABI_SIGPIPE);
        signal_send_thread(current_thread(), &info);
    }
    if (moved)
        return (long)moved;
    return error == OSKIT_EINTR ? -ERESTARTSYS : errno_from_oskit(error);
}

static long transfer_finish(const struct transfer *t, oskit_error_t error)
{
    return error ? transfer_failed(t->moved, error) : (long)t->moved;
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
    if (file->socket)
        return t->write ? socket_write(file, t->uio, nonblock, t->moved)
                        : socket_read(file, t->uio, nonblock);
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

/* Devices stop for any signal, files for their reader's death. */
static bool transfer_interrupted(const struct transfer *t)
{
    return t->file->streamvec ? signal_pending() : atomic_load(&current_thread()->work) & WORK_EXIT;
}

/* Absolute transfers may be short where the object's inner limits lie; loop until all is moved, the
 * end of file or an error. A file's writes are in one piece: others see all of one or nothing. */
static long openfile_absolute_transfer(struct transfer *t)
{
    oskit_error_t error = 0;
    size_t moved = 0;
    long refused = t->write ? write_bound(t) : 0;
    if (refused)
        return refused;
    bool disk = t->write || t->flags & VECIO_DIRECT; /* a direct transfer ends by itself, too */
    bool whole = t->uio->left <= TRANSFER_PIECE || (disk && !t->file->streamvec);
    do {
        if (__builtin_expect(whole, 1)) {
            moved = 0;
            error = transfer_absolute(t, &moved);
            t->moved += moved;
        } else {
            error = transfer_piece(t, &moved, transfer_absolute);
        }
        t->offset = t->write ? t->end : t->offset + (int64_t)moved;
    } while (!error && moved && t->uio->left && !transfer_interrupted(t));
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

/* The error for the wrong direction; that there are no offsets is the graver one. */
static long openfile_refusal(const struct openfile *file, const int64_t *offset)
{
    bool directory = file->location.name && location_dir(&file->location);
    return offset && !directory && !openfile_is_absolute(file) ? -ABI_ESPIPE : -ABI_EBADF;
}

/* A directory refuses to be read as bytes. */
static long read_refused(struct openfile *file, long error)
{
    bool refused = error == -ABI_EINVAL || error == -ABI_ESPIPE;
    return refused && file->location.name && location_dir(&file->location) ? -ABI_EISDIR : error;
}

/* O_DIRECT, of what has a cache to go past: elsewhere it is kept and means nothing. */
static uint32_t openfile_direct(const struct openfile *file)
{
    uint32_t flags = atomic_load_explicit(&file->flags, memory_order_relaxed);
    return __builtin_expect(flags & ABI_O_DIRECT && file->sync, 0) ? VECIO_DIRECT : 0;
}

static long read_through(struct openfile *file, struct sluice_uio *uio, const int64_t *offset,
                         uint32_t vecio_flags)
{
    struct transfer t = {.file = file, .uio = uio, .flags = vecio_flags | openfile_direct(file)};
    long result = openfile_transfer(&t, offset);
    if (result > 0)
        notify_location(&file->location, NOTIFY_ACCESS);
    return result < 0 ? read_refused(file, result) : result;
}

long openfile_read(struct openfile *file, struct sluice_uio *uio, const int64_t *offset,
                   uint32_t vecio_flags)
{
    return openfile_readable(file) ? read_through(file, uio, offset, vecio_flags)
                                   : openfile_refusal(file, offset);
}

long openfile_read_on(struct openfile *file, struct sluice_uio *uio, uint32_t vecio_flags,
                      size_t moved, oskit_error_t error)
{
    if (error != OSKIT_EWOULDBLOCK || vecio_flags & VECIO_NONBLOCK)
        return transfer_failed(moved, error);
    return read_through(file, uio, NULL, vecio_flags);
}

/* MOVED bytes of it are written already. */
static long write_through(struct openfile *file, struct sluice_uio *uio, const int64_t *offset,
                          uint32_t vecio_flags, size_t moved)
{
    uint32_t flags = atomic_load_explicit(&file->flags, memory_order_relaxed);
    struct transfer t = {.file = file,
                         .uio = uio,
                         .flags = vecio_flags | openfile_direct(file),
                         .write = true,
                         .moved = moved};
    if (flags & ABI_O_APPEND)
        t.flags |= VECIO_APPEND;
    if (flags & ABI_O_DSYNC)
        t.flags |= VECIO_SYNC;
    long result = openfile_transfer(&t, offset);
    if (result > 0)
        notify_location(&file->location, NOTIFY_MODIFY);
    return result;
}

long openfile_write(struct openfile *file, struct sluice_uio *uio, const int64_t *offset,
                    uint32_t vecio_flags)
{
    return openfile_writable(file) ? write_through(file, uio, offset, vecio_flags, 0)
                                   : openfile_refusal(file, offset);
}

long openfile_write_on(struct openfile *file, struct sluice_uio *uio, uint32_t vecio_flags,
                       size_t moved, oskit_error_t error)
{
    if (error && error != OSKIT_EWOULDBLOCK)
        return file->socket ? socket_send_failed(file, moved, errno_from_oskit(error), 0)
                            : transfer_failed(moved, error);
    return write_through(file, uio, NULL, vecio_flags, moved);
}
