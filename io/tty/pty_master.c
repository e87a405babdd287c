/*
 * The master of a pseudo-terminal.
 *
 * Lock order: read_mutex or write_mutex -> port.lock (through the terminal's entries for ports,
 * too). Readers and writers don't wait for each other.
 */
#include <sluice/env.h>
#include <sluice/device.h>
#include <sluice/refuse.h>
#include <sluice/string.h>
#include <sluice/vecio.h>
#include "core.h"
#include "pty.h"

#define BOUNCE 1024u

static struct pty_master *master_of(void *face)
{
    return (struct pty_master *)SLUICE_OBJECT(face);
}

static struct pty *pty_behind(void *face)
{
    return master_of(face)->pty;
}

static void lock(struct pty *pty)
{
    env_spin_lock(&pty->port.lock);
}

static void unlock(struct pty *pty)
{
    env_spin_unlock(&pty->port.lock);
}

/* ---- Reading ---- */

/* Copies what is there, at most SIZE bytes, to BYTES and leaves it there; a flush meanwhile drops
 * nothing that was copied, since it keeps more than SIZE. Under the lock. */
static size_t peek(const struct pty *pty, uint8_t *bytes, size_t size)
{
    uint32_t at = pty->tail % PTY_BUFFER;
    size_t n = pty_used(pty) < size ? pty_used(pty) : size;
    size_t first = n < PTY_BUFFER - at ? n : PTY_BUFFER - at;

    memcpy(bytes, pty->ring + at, first);
    memcpy(bytes + first, pty->ring, n - first);
    return n;
}

static oskit_error_t read_part(struct pty *pty, struct sluice_uio *uio, size_t *out_moved)
{
    uint8_t bounce[BOUNCE];

    *out_moved = 0;
    lock(pty);
    size_t n = peek(pty, bounce, uio->left < BOUNCE ? uio->left : BOUNCE);
    bool closed = pty->closed;
    unlock(pty);
    if (n == 0)
        return closed ? OSKIT_EIO : OSKIT_EWOULDBLOCK;
    oskit_error_t error = uio_write_to(uio, bounce, n, out_moved);
    lock(pty);
    pty->tail += (uint32_t)*out_moved;
    pty_set_level(pty);
    unlock(pty);
    return error;
}

/* Packet mode's byte, when there is something to say. With a status other than 0 that is all of the
 * read. */
static oskit_error_t read_header(struct pty *pty, struct sluice_uio *uio, uint8_t *out_status,
                                 size_t *out_moved)
{
    *out_moved = 0;
    lock(pty);
    uint8_t status = (uint8_t)pty->status;
    bool data = pty_used(pty) > 0, closed = pty->closed;
    pty->status = 0;
    pty_set_level(pty);
    unlock(pty);
    *out_status = status;
    if (status == 0 && !data)
        return closed ? OSKIT_EIO : OSKIT_EWOULDBLOCK;
    return uio_write_to(uio, &status, 1, out_moved);
}

static oskit_error_t read_data(struct pty *pty, struct sluice_uio *uio, size_t *out_actual)
{
    oskit_error_t error = OSKIT_SUCCESS;
    size_t moved = 0;

    do {
        error = uio->left > 0 ? read_part(pty, uio, &moved) : OSKIT_SUCCESS;
        *out_actual += moved;
    } while (error == OSKIT_SUCCESS && uio->left > 0);
    return error;
}

static oskit_error_t master_read(struct pty_master *master, struct sluice_uio *uio,
                                 size_t *out_actual)
{
    struct pty *pty = master->pty;
    oskit_error_t error = OSKIT_SUCCESS;
    uint8_t status = 0;

    *out_actual = 0;
    if (uio->left == 0)
        return OSKIT_SUCCESS;
    env_mutex_lock(&master->read_mutex);
    lock(pty);
    bool packet = pty->packet;
    unlock(pty);
    if (packet)
        error = read_header(pty, uio, &status, out_actual);
    if (error == OSKIT_SUCCESS && status == 0)
        error = read_data(pty, uio, out_actual);
    env_mutex_unlock(&master->read_mutex);
    tty_transmit_ready(&pty->port);
    return *out_actual > 0 ? OSKIT_SUCCESS : error;
}

/* ---- Writing ---- */

/* What is handed over at a time fits into what the terminal keeps aside once it is full, so nothing
 * of it is lost; from then on it says hold. */
static oskit_error_t write_part(struct pty *pty, struct sluice_uio *uio, size_t *out_moved)
{
    uint8_t bounce[TTY_HELD];

    *out_moved = 0;
    lock(pty);
    bool holding = pty->holding;
    unlock(pty);
    if (holding)
        return OSKIT_EWOULDBLOCK;
    oskit_error_t error =
        uio_read_from(uio, bounce, uio->left < TTY_HELD ? uio->left : TTY_HELD, out_moved);
    if (*out_moved > 0)
        tty_receive(&pty->port, bounce, NULL, *out_moved);
    return error;
}

static oskit_error_t master_write(struct pty_master *master, struct sluice_uio *uio,
                                  size_t *out_actual)
{
    oskit_error_t error = OSKIT_SUCCESS;
    size_t moved;

    *out_actual = 0;
    env_mutex_lock(&master->write_mutex);
    while (uio->left > 0 && error == OSKIT_SUCCESS) {
        error = write_part(master->pty, uio, &moved);
        *out_actual += moved;
    }
    env_mutex_unlock(&master->write_mutex);
    return *out_actual > 0 ? OSKIT_SUCCESS : error;
}

/* ---- stream, streamvec, pollable ---- */

static oskit_error_t stream_read(oskit_stream_t *self, void *buf, oskit_u32_t len,
                                 oskit_u32_t *out_actual)
{
    struct sluice_iovec segment;
    struct sluice_uio uio;
    size_t actual;

    uio_init_kernel(&uio, &segment, buf, len);
    oskit_error_t error = master_read(master_of(self), &uio, &actual);
    *out_actual = (oskit_u32_t)actual;
    return error;
}

static oskit_error_t stream_write(oskit_stream_t *self, const void *buf, oskit_u32_t len,
                                  oskit_u32_t *out_actual)
{
    struct sluice_iovec segment;
    struct sluice_uio uio;
    size_t actual;

    uio_init_kernel(&uio, &segment, (void *)(uintptr_t)buf, len);
    oskit_error_t error = master_write(master_of(self), &uio, &actual);
    *out_actual = (oskit_u32_t)actual;
    return error;
}

static struct oskit_stream_ops master_stream_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .read = stream_read,
    .write = stream_write,
    STREAM_REFUSALS,
};

static oskit_error_t vec_readv(sluice_streamvec_t *self, struct sluice_uio *uio, oskit_u32_t flags,
                               oskit_size_t *out_actual)
{
    *out_actual = 0;
    return flags & VECIO_PEEK ? OSKIT_E_INVALIDARG : master_read(master_of(self), uio, out_actual);
}

static oskit_error_t vec_writev(sluice_streamvec_t *self, struct sluice_uio *uio, oskit_u32_t flags,
                                oskit_size_t *out_actual)
{
    (void)flags;
    return master_write(master_of(self), uio, out_actual);
}

static struct sluice_streamvec_ops master_streamvec_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .readv = vec_readv,
    .writev = vec_writev,
};

static struct readiness *pollable_readiness(sluice_pollable_t *self)
{
    return &pty_behind(self)->readiness;
}

static struct sluice_pollable_ops master_pollable_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .readiness = pollable_readiness,
};

/* ---- asyncio, posixio ---- */

static oskit_error_t asyncio_poll(oskit_asyncio_t *self)
{
    return listener_set_poll(&master_of(self)->listeners);
}

static oskit_error_t asyncio_add(oskit_asyncio_t *self, struct oskit_listener *listener,
                                 oskit_s32_t mask)
{
    struct pty_master *master = master_of(self);

    return listener_set_add(&master->listeners, (oskit_iunknown_t *)&master->stream.i, listener,
                            mask);
}

static oskit_error_t asyncio_remove(oskit_asyncio_t *self, struct oskit_listener *listener)
{
    return listener_set_remove(&master_of(self)->listeners, listener);
}

static oskit_error_t asyncio_readable(oskit_asyncio_t *self)
{
    struct pty *pty = pty_behind(self);

    lock(pty);
    uint32_t n = pty_used(pty);
    unlock(pty);
    return (oskit_error_t)n;
}

static struct oskit_asyncio_ops master_asyncio_ops = {
    SLUICE_IUNKNOWN_SLOTS,        .poll = asyncio_poll,
    .add_listener = asyncio_add,  .remove_listener = asyncio_remove,
    .readable = asyncio_readable,
};

/* Names, owners and permissions are those of /dev/ptmx's node in a file system. */
static oskit_error_t posixio_stat(oskit_posixio_t *self, oskit_stat_t *out)
{
    (void)self;
    *out = (oskit_stat_t){
        .mode = OSKIT_S_IFCHR | 0666, .nlink = 1, .rdev = PTMX_DEVICE, .blksize = 1024};
    return OSKIT_SUCCESS;
}

static oskit_error_t posixio_setstat(oskit_posixio_t *self, oskit_u32_t mask,
                                     const oskit_stat_t *stats)
{
    (void)self, (void)mask, (void)stats;
    return OSKIT_E_NOTIMPL;
}

static oskit_error_t posixio_pathconf(oskit_posixio_t *self, oskit_s32_t option, oskit_s32_t *out)
{
    (void)self, (void)option, (void)out;
    return OSKIT_E_INVALIDARG;
}

static struct oskit_posixio_ops master_posixio_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .stat = posixio_stat,
    .setstat = posixio_setstat,
    .pathconf = posixio_pathconf,
};

/* ---- pty ---- */

static oskit_u32_t face_number(sluice_pty_t *self)
{
    return pty_behind(self)->number;
}

static void face_setlock(sluice_pty_t *self, bool on)
{
    struct pty *pty = pty_behind(self);

    lock(pty);
    pty->locked = on;
    unlock(pty);
}

static bool get_flag(struct pty *pty, const bool *flag)
{
    lock(pty);
    bool value = *flag;
    unlock(pty);
    return value;
}

static bool face_locked(sluice_pty_t *self)
{
    return get_flag(pty_behind(self), &pty_behind(self)->locked);
}

static void face_setpacket(sluice_pty_t *self, bool on)
{
    struct pty *pty = pty_behind(self);

    lock(pty);
    if (on && !pty->packet)
        pty->status = 0;
    pty->packet = on;
    pty_set_level(pty);
    unlock(pty);
}

static bool face_packet(sluice_pty_t *self)
{
    return get_flag(pty_behind(self), &pty_behind(self)->packet);
}

static oskit_error_t face_terminal(sluice_pty_t *self, oskit_iunknown_t **out)
{
    struct pty *pty = pty_behind(self);

    lock(pty);
    *out = pty->port.tty ? pty->terminal : NULL;
    if (*out)
        oskit_iunknown_addref(*out);
    unlock(pty);
    return *out ? OSKIT_SUCCESS : OSKIT_EIO;
}

static oskit_error_t face_open(sluice_pty_t *self, oskit_iunknown_t **out)
{
    return pty_open_terminal(pty_behind(self), out);
}

static void face_discard(sluice_pty_t *self)
{
    struct pty_master *master = master_of(self);
    struct pty *pty = master->pty;

    env_mutex_lock(&master->read_mutex);
    lock(pty);
    pty->tail = pty->head;
    pty_set_level(pty);
    unlock(pty);
    env_mutex_unlock(&master->read_mutex);
    tty_transmit_ready(&pty->port);
}

static struct sluice_pty_ops master_pty_ops = {
    SLUICE_IUNKNOWN_SLOTS,     .number = face_number,       .setlock = face_setlock,
    .locked = face_locked,     .setpacket = face_setpacket, .packet = face_packet,
    .terminal = face_terminal, .open = face_open,           .discard = face_discard,
};

/* ---- The object ---- */

static const struct sluice_interface master_interfaces[] = {
    {&oskit_iunknown_iid, offsetof(struct pty_master, stream), &master_stream_ops},
    {&oskit_stream_iid, offsetof(struct pty_master, stream), &master_stream_ops},
    {&sluice_streamvec_iid, offsetof(struct pty_master, streamvec), &master_streamvec_ops},
    {&sluice_pollable_iid, offsetof(struct pty_master, pollable), &master_pollable_ops},
    {&oskit_asyncio_iid, offsetof(struct pty_master, asyncio), &master_asyncio_ops},
    {&oskit_posixio_iid, offsetof(struct pty_master, posixio), &master_posixio_ops},
    {&sluice_pty_iid, offsetof(struct pty_master, pty_face), &master_pty_ops},
};

/* [thread]: the node's disappearance waits for opens under way. */
static void master_destroy(struct sluice_object *object)
{
    struct pty_master *master = (struct pty_master *)object;
    struct pty *pty = master->pty;

    listener_set_fini(&master->listeners);
    pty_hang_up(pty);
    sluice_object_fini(object);
    env_free(master, sizeof *master);
    pty_unref(pty);
}

static const struct sluice_class master_class = {"pty master", master_interfaces,
                                                 SLUICE_COUNT(master_interfaces), master_destroy};

struct pty_master *pty_master_create(struct pty *pty)
{
    struct pty_master *master = env_alloc(sizeof *master, ENV_ZERO);

    if (!master)
        return NULL;
    sluice_object_init(&master->object, &master_class);
    master->pty = pty;
    listener_set_init(&master->listeners, &pty->readiness);
    return master;
}
