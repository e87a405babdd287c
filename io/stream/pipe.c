/*
 * Pipes: ends coming and going, and bytes moving. Locks: see pipe_core.h.
 */
#include "pipe_core.h"

/* ---- Levels and events ---- */

static struct pipe_end *seat_end(struct list *node)
{
    return container_of(node, struct pipe_seat, link)->end;
}

/* Changes the level of the ends of SIDE; true when somebody waits for one. Called with the mutex
 * held. */
static inline bool side_change(struct pipe *pipe, enum pipe_side side, uint32_t set, uint32_t clear)
{
    bool waits = false;

    list_for_each (node, &pipe->sides[side]) {
        struct pipe_end *end = seat_end(node);
        readiness_change(&end->readiness, set, clear);
        waits |= atomic_load(&end->readiness.waiting) != 0;
    }
    return waits;
}

/* What END shows but for READY_OPENED, which never goes. Called with the mutex held. */
static uint32_t end_level(const struct pipe_end *end)
{
    const struct pipe *pipe = end->pipe;
    uint32_t level = 0;

    if (end->reads && pipe_buffer_used(&pipe->buffer) != 0)
        level |= READY_READ;
    if (end->reads && pipe->count[PIPE_WRITERS] == 0 && (end->peer_seen || !pipe->fifo))
        level |= READY_HUP;
    if (end->writes && !pipe_buffer_full(&pipe->buffer))
        level |= READY_WRITE;
    if (end->writes && pipe->count[PIPE_READERS] == 0)
        level |= READY_ERR;
    return level;
}

#define END_LEVELS (READY_READ | READY_HUP | READY_WRITE | READY_ERR)

/* After an end came or went, or the capacity changed. Called with the mutex held. */
static void pipe_levels_refresh(struct pipe *pipe)
{
    for (int side = 0; side < PIPE_SIDES; side++) {
        list_for_each (node, &pipe->sides[side]) {
            struct pipe_end *end = seat_end(node);
            uint32_t level = end_level(end);
            readiness_change(&end->readiness, level, END_LEVELS & ~level);
        }
    }
}

#define TELL_BATCH 8u

/* Ends to tell once the mutex is released, with a reference to each so that they stay. */
struct told {
    struct pipe_end *ends[TELL_BATCH * PIPE_SIDES];
    uint32_t events[TELL_BATCH * PIPE_SIDES];
    unsigned count;
};

/* Takes up to TELL_BATCH ends of SIDE with waiters, beginning after *SERIAL. True when there are
 * more. */
static bool told_collect(struct told *told, struct pipe *pipe, enum pipe_side side, uint32_t events,
                         uint64_t *serial)
{
    unsigned limit = told->count + TELL_BATCH;

    if (events == 0)
        return false;
    list_for_each (node, &pipe->sides[side]) {
        struct pipe_end *end = seat_end(node);
        if (end->serial < *serial || atomic_load(&end->readiness.waiting) == 0)
            continue;
        if (told->count == limit)
            return true;
        *serial = end->serial + 1;
        if (!sluice_object_addref_unless_dead(&end->object))
            continue; /* it is closing and waits for the mutex */
        told->ends[told->count] = end;
        told->events[told->count++] = events;
    }
    return false;
}

static void told_deliver(struct told *told)
{
    for (unsigned i = 0; i < told->count; i++) {
        readiness_tell(&told->ends[i]->readiness, told->events[i]);
        sluice_object_release(&told->ends[i]->object);
    }
}

/* The way with waiters. The caller keeps the pipe alive by an end of its own. */
static __attribute__((noinline)) void pipe_unlock_and_tell(struct pipe *pipe, uint32_t readers,
                                                           uint32_t writers)
{
    uint64_t reader_serial = 0, writer_serial = 0;
    bool more = true;

    while (more) {
        struct told told = {.count = 0};
        more = told_collect(&told, pipe, PIPE_READERS, readers, &reader_serial);
        more |= told_collect(&told, pipe, PIPE_WRITERS, writers, &writer_serial);
        env_mutex_unlock(&pipe->mutex);
        told_deliver(&told);
        if (more)
            env_mutex_lock(&pipe->mutex);
    }
}

/* Releases the mutex; TELL says that somebody may wait for the events. */
static inline void pipe_unlock(struct pipe *pipe, bool tell, uint32_t readers, uint32_t writers)
{
    if (__builtin_expect(tell, 0))
        pipe_unlock_and_tell(pipe, readers, writers);
    else
        env_mutex_unlock(&pipe->mutex);
}

/* ---- The pipe ---- */

oskit_error_t pipe_new(bool fifo, struct pipe **out)
{
    static _Atomic uint32_t last_ino;
    struct env_identity identity;
    struct pipe *pipe = env_alloc(sizeof *pipe, ENV_ZERO);

    *out = NULL;
    if (pipe == NULL)
        return OSKIT_ENOMEM;
    if (OSKIT_FAILED(pipe_buffer_init(&pipe->buffer, PIPE_CAPACITY / ENV_PAGE_SIZE))) {
        env_free(pipe, sizeof *pipe);
        return OSKIT_ENOMEM;
    }
    atomic_init(&pipe->references, 1);
    pipe->fifo = fifo;
    for (int side = 0; side < PIPE_SIDES; side++)
        list_init(&pipe->sides[side]);
    env_identity(&identity);
    pipe->ino = atomic_fetch_add_explicit(&last_ino, 1, memory_order_relaxed) + 1;
    pipe->mode = OSKIT_S_IFIFO | 0600;
    pipe->uid = identity.uid;
    pipe->gid = identity.gid;
    pipe->atime = pipe->mtime = pipe->ctime = env_time_real();
    *out = pipe;
    return OSKIT_SUCCESS;
}

void pipe_release(struct pipe *pipe)
{
    if (atomic_fetch_sub_explicit(&pipe->references, 1, memory_order_acq_rel) != 1)
        return;
    pipe_buffer_fini(&pipe->buffer);
    env_free(pipe, sizeof *pipe);
}

/* ---- Ends ---- */

static struct pipe_end *end_new(struct pipe *pipe, oskit_u32_t oflags)
{
    struct pipe_end *end = env_alloc(sizeof *end, ENV_ZERO);

    if (end == NULL)
        return NULL;
    sluice_object_init(&end->object, pipe->fifo ? &fifo_end_class : &pipe_end_class);
    atomic_fetch_add_explicit(&pipe->references, 1, memory_order_relaxed);
    end->pipe = pipe;
    readiness_init(&end->readiness, 0);
    listener_set_init(&end->listeners, &end->readiness);
    end->reads = oflags & OSKIT_O_RDONLY;
    end->writes = oflags & OSKIT_O_WRONLY;
    for (int side = 0; side < PIPE_SIDES; side++) {
        list_init(&end->seats[side].link);
        end->seats[side].end = end;
    }
    return end;
}

static void end_free(struct pipe_end *end)
{
    listener_set_fini(&end->listeners);
    pipe_release(end->pipe);
    sluice_object_fini(&end->object);
    env_free(end, sizeof *end);
}

static void end_sit(struct pipe_end *end, enum pipe_side side)
{
    list_push_back(&end->pipe->sides[side], &end->seats[side].link);
    end->pipe->count[side]++;
}

/*
 * The ends of SIDE have a peer: blocking opens that wait for one are over. Returns the events to
 * tell them. Called with the mutex held.
 */
static uint32_t side_opened(struct pipe *pipe, enum pipe_side side)
{
    list_for_each (node, &pipe->sides[side]) {
        struct pipe_end *end = seat_end(node);
        end->peer_seen = true;
        readiness_change(&end->readiness, READY_OPENED, 0);
    }
    return READY_OPENED;
}

/* Called with the mutex held, which it releases. */
static void end_enter(struct pipe_end *end, bool opened)
{
    struct pipe *pipe = end->pipe;
    uint32_t readers = 0, writers = 0;

    end->serial = pipe->next_serial++;
    if (end->reads)
        end_sit(end, PIPE_READERS);
    if (end->writes)
        end_sit(end, PIPE_WRITERS);
    if (pipe->count[PIPE_WRITERS] != 0 && end->writes)
        readers = side_opened(pipe, PIPE_READERS);
    if (pipe->count[PIPE_READERS] != 0 && end->reads)
        writers = side_opened(pipe, PIPE_WRITERS);
    if (end->reads ? pipe->count[PIPE_WRITERS] != 0 : pipe->count[PIPE_READERS] != 0) {
        end->peer_seen = true;
        opened = true;
    }
    if (opened)
        readiness_change(&end->readiness, READY_OPENED, 0);
    pipe_levels_refresh(pipe);
    pipe_unlock(pipe, true, readers, writers);
}

oskit_error_t pipe_end_open(struct pipe *pipe, oskit_u32_t oflags, oskit_iunknown_t **out)
{
    bool nonblock = oflags & OSKIT_O_NONBLOCK;

    *out = NULL;
    if ((oflags & OSKIT_O_ACCMODE) == 0)
        return OSKIT_E_INVALIDARG;
    struct pipe_end *end = end_new(pipe, oflags);
    if (end == NULL)
        return OSKIT_ENOMEM;

    env_mutex_lock(&pipe->mutex);
    if (pipe->fifo && nonblock && !end->reads && pipe->count[PIPE_READERS] == 0) {
        env_mutex_unlock(&pipe->mutex);
        end_free(end);
        return OSKIT_ENXIO;
    }
    end_enter(end, nonblock || !pipe->fifo);
    *out = (oskit_iunknown_t *)&end->stream.i;
    return OSKIT_SUCCESS;
}

static void end_leave(struct pipe_end *end, enum pipe_side side)
{
    list_remove(&end->seats[side].link);
    end->pipe->count[side]--;
}

void pipe_end_close(struct pipe_end *end)
{
    struct pipe *pipe = end->pipe;
    uint32_t readers = 0, writers = 0;

    env_mutex_lock(&pipe->mutex);
    if (end->reads)
        end_leave(end, PIPE_READERS);
    if (end->writes)
        end_leave(end, PIPE_WRITERS);
    /* The last one of its side: the other side learns that nothing more comes, or that nobody
     * listens. */
    if (end->writes && pipe->count[PIPE_WRITERS] == 0)
        readers = READY_READ | READY_HUP;
    if (end->reads && pipe->count[PIPE_READERS] == 0)
        writers = READY_WRITE | READY_ERR;
    if (pipe->count[PIPE_READERS] + pipe->count[PIPE_WRITERS] == 0)
        pipe_buffer_clear(&pipe->buffer);
    pipe_levels_refresh(pipe);
    pipe_unlock(pipe, true, readers, writers);
    end_free(end);
}

/* ---- Bytes ---- */

/* Bytes have left: writers hear when the pipe stops being full. WAS_FULL is from before. Called
 * with the mutex held, which it releases. */
static inline void pipe_drained(struct pipe *pipe, bool was_full)
{
    bool tell = false;

    pipe->read_mark = true;
    if (pipe_buffer_used(&pipe->buffer) == 0)
        side_change(pipe, PIPE_READERS, 0, READY_READ);
    if (was_full && !pipe_buffer_full(&pipe->buffer))
        tell = side_change(pipe, PIPE_WRITERS, READY_WRITE, 0);
    pipe_unlock(pipe, tell, 0, READY_WRITE);
}

/* Bytes have come: readers hear of each time. Called with the mutex held, which it releases. */
static inline void pipe_filled(struct pipe *pipe)
{
    pipe->write_mark = true;
    if (pipe_buffer_full(&pipe->buffer))
        side_change(pipe, PIPE_WRITERS, 0, READY_WRITE);
    bool tell = side_change(pipe, PIPE_READERS, READY_READ, 0);
    pipe_unlock(pipe, tell, READY_READ, 0);
}

/* Nothing is there: the end, or later. Called with the mutex held, which it releases. */
static oskit_error_t pipe_empty(struct pipe *pipe)
{
    oskit_error_t err = pipe->count[PIPE_WRITERS] == 0 ? OSKIT_SUCCESS : OSKIT_EWOULDBLOCK;

    env_mutex_unlock(&pipe->mutex);
    return err;
}

oskit_error_t pipe_read(struct pipe_end *end, struct sluice_uio *uio, oskit_u32_t flags,
                        oskit_size_t *out_actual)
{
    struct pipe *pipe = end->pipe;

    *out_actual = 0;
    if (!end->reads)
        return OSKIT_EBADF;
    if (uio->left == 0)
        return OSKIT_SUCCESS;
    env_mutex_lock(&pipe->mutex);
    if (pipe_buffer_used(&pipe->buffer) == 0)
        return pipe_empty(pipe);
    bool was_full = pipe_buffer_full(&pipe->buffer);
    oskit_error_t err = pipe_buffer_read(&pipe->buffer, uio, flags & VECIO_PEEK, out_actual);
    pipe_drained(pipe, was_full);
    return err;
}

/* A write that found no room and won't wait is an event for those who poll, as on Linux: a reader
 * told once of bytes that it left there learns that there is no room for more. Called with the
 * mutex held, which it releases. */
static __attribute__((noinline)) oskit_error_t pipe_refused(struct pipe *pipe, oskit_error_t err,
                                                            oskit_u32_t flags)
{
    bool tell = err == OSKIT_EWOULDBLOCK && (flags & VECIO_NONBLOCK) &&
                side_change(pipe, PIPE_READERS, READY_READ, 0);

    pipe_unlock(pipe, tell, READY_READ, 0);
    return err;
}

oskit_error_t pipe_write(struct pipe_end *end, struct sluice_uio *uio, oskit_u32_t flags,
                         oskit_size_t *out_actual)
{
    struct pipe *pipe = end->pipe;
    oskit_error_t err;

    *out_actual = 0;
    if (!end->writes)
        return OSKIT_EBADF;
    if (uio->left == 0)
        return OSKIT_SUCCESS;
    env_mutex_lock(&pipe->mutex);
    if (pipe->count[PIPE_READERS] != 0)
        err = pipe_buffer_write(&pipe->buffer, uio, out_actual);
    else
        err = OSKIT_EPIPE;
    if (OSKIT_FAILED(err))
        return pipe_refused(pipe, err, flags);
    pipe_filled(pipe);
    return err;
}

oskit_error_t pipe_give(struct pipe_end *end, void *page, oskit_u32_t offset, oskit_u32_t length)
{
    struct pipe *pipe = end->pipe;
    oskit_error_t err = OSKIT_SUCCESS;

    if (!end->writes)
        return OSKIT_EBADF;
    if (length == 0 || length > ENV_PAGE_SIZE)
        return OSKIT_E_INVALIDARG;
    env_mutex_lock(&pipe->mutex);
    if (pipe->count[PIPE_READERS] == 0)
        err = OSKIT_EPIPE;
    else if (pipe_buffer_full(&pipe->buffer))
        err = OSKIT_EWOULDBLOCK;
    if (OSKIT_FAILED(err)) {
        env_mutex_unlock(&pipe->mutex);
        return err;
    }
    pipe_buffer_give(&pipe->buffer, page, offset, length);
    pipe_filled(pipe);
    return OSKIT_SUCCESS;
}

oskit_error_t pipe_take(struct pipe_end *end, size_t skip, size_t max, oskit_u32_t flags,
                        struct pipe_slot *out)
{
    struct pipe *pipe = end->pipe;
    bool peek = flags & VECIO_PEEK;

    *out = (struct pipe_slot){0};
    if (!end->reads)
        return OSKIT_EBADF;
    if (skip != 0 && !peek)
        return OSKIT_E_INVALIDARG;
    env_mutex_lock(&pipe->mutex);
    if (pipe_buffer_used(&pipe->buffer) == 0)
        return pipe_empty(pipe);
    bool was_full = pipe_buffer_full(&pipe->buffer);
    *out = pipe_buffer_take(&pipe->buffer, skip, max, peek);
    pipe_drained(pipe, was_full);
    return OSKIT_SUCCESS;
}

oskit_error_t pipe_putback(struct pipe_end *end, void *page, oskit_u32_t offset, oskit_u32_t length)
{
    struct pipe *pipe = end->pipe;

    if (!end->reads)
        return OSKIT_EBADF;
    if (length == 0 || length > ENV_PAGE_SIZE)
        return OSKIT_E_INVALIDARG;
    env_mutex_lock(&pipe->mutex);
    oskit_error_t err = pipe_buffer_putback(&pipe->buffer, page, offset, length);
    if (OSKIT_SUCCEEDED(err)) {
        pipe_filled(pipe);
        return err;
    }
    env_mutex_unlock(&pipe->mutex);
    env_page_unref(page);
    return err;
}

/* ---- Attributes ---- */

oskit_error_t pipe_set_capacity(struct pipe *pipe, size_t bytes, size_t *out_bytes)
{
    size_t slots = 1;

    if (bytes > (size_t)1 << 31)
        return OSKIT_E_INVALIDARG;
    while (slots * ENV_PAGE_SIZE < bytes)
        slots *= 2;
    if (slots * ENV_PAGE_SIZE > PIPE_CAPACITY_MAX && !env_capable(CAPABILITY_SYS_RESOURCE))
        return OSKIT_EPERM;

    env_mutex_lock(&pipe->mutex);
    bool was_full = pipe_buffer_full(&pipe->buffer);
    oskit_error_t err = pipe_buffer_resize(&pipe->buffer, (uint32_t)slots);
    *out_bytes = ((size_t)pipe->buffer.mask + 1) * ENV_PAGE_SIZE;
    pipe_levels_refresh(pipe);
    pipe_unlock(pipe, true, 0, was_full && !pipe_buffer_full(&pipe->buffer) ? READY_WRITE : 0);
    return err;
}

/* Turns marks into times. Called with the mutex held. */
static void pipe_stamp(struct pipe *pipe)
{
    int64_t now = env_time_real();

    if (pipe->read_mark)
        pipe->atime = now;
    if (pipe->write_mark)
        pipe->mtime = pipe->ctime = now;
    pipe->read_mark = pipe->write_mark = false;
}

#define NANOSECONDS 1000000000

static oskit_timespec_t time_out(int64_t time)
{
    return (oskit_timespec_t){.tv_sec = (oskit_time_t)(time / NANOSECONDS),
                              .tv_nsec = (oskit_s32_t)(time % NANOSECONDS)};
}

static int64_t time_in(oskit_timespec_t time)
{
    return (int64_t)time.tv_sec * NANOSECONDS + time.tv_nsec;
}

oskit_error_t pipe_stat(struct pipe *pipe, oskit_stat_t *out)
{
    env_mutex_lock(&pipe->mutex);
    pipe_stamp(pipe);
    *out = (oskit_stat_t){
        .ino = pipe->ino,
        .mode = (oskit_mode_t)pipe->mode,
        .nlink = 1,
        .uid = pipe->uid,
        .gid = pipe->gid,
        .atime = time_out(pipe->atime),
        .mtime = time_out(pipe->mtime),
        .ctime = time_out(pipe->ctime),
        .blksize = ENV_PAGE_SIZE,
    };
    env_mutex_unlock(&pipe->mutex);
    return OSKIT_SUCCESS;
}

/* Whether the caller may make the changes, as POSIX has it for chmod, chown and utimes. Called with
 * the mutex held. */
static bool setstat_permitted(const struct pipe *pipe, oskit_u32_t mask, const oskit_stat_t *stats)
{
    struct env_identity identity;

    env_identity(&identity);
    bool mine = identity.uid == pipe->uid, giver = env_identity_may(&identity, CAPABILITY_CHOWN);
    if ((mask & ~(OSKIT_STAT_UID | OSKIT_STAT_GID)) && !mine &&
        !env_identity_may(&identity, CAPABILITY_FOWNER))
        return false;
    if ((mask & OSKIT_STAT_UID) && !giver && (!mine || stats->uid != pipe->uid))
        return false;
    return !(mask & OSKIT_STAT_GID) || giver ||
           (mine && (stats->gid == pipe->gid || env_in_group(stats->gid)));
}

static void setstat_apply(struct pipe *pipe, oskit_u32_t mask, const oskit_stat_t *stats)
{
    pipe_stamp(pipe);
    if (mask & OSKIT_STAT_MODE)
        pipe->mode = OSKIT_S_IFIFO | (stats->mode & 07777);
    if (mask & OSKIT_STAT_UID)
        pipe->uid = stats->uid;
    if (mask & OSKIT_STAT_GID)
        pipe->gid = stats->gid;
    if (mask & OSKIT_STAT_ATIME)
        pipe->atime = time_in(stats->atime);
    if (mask & OSKIT_STAT_MTIME)
        pipe->mtime = time_in(stats->mtime);
    pipe->ctime = env_time_real();
    if (mask & OSKIT_STAT_UTIMES_NULL)
        pipe->atime = pipe->mtime = pipe->ctime;
}

oskit_error_t pipe_setstat(struct pipe *pipe, oskit_u32_t mask, const oskit_stat_t *stats)
{
    if (mask & ~(oskit_u32_t)(OSKIT_STAT_SETTABLE & ~OSKIT_STAT_SIZE))
        return OSKIT_E_INVALIDARG;
    env_mutex_lock(&pipe->mutex);
    bool permitted = setstat_permitted(pipe, mask, stats);
    if (permitted)
        setstat_apply(pipe, mask, stats);
    env_mutex_unlock(&pipe->mutex);
    return permitted ? OSKIT_SUCCESS : OSKIT_EPERM;
}
