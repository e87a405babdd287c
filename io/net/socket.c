/*
 * A socket's faces, thin over its kind: see socket_base.h. The options are in socket_option.c, the
 * seed's face in socket_seed.c, the families in socket_family.c.
 *
 * socket.lock: the pending error with READY_ERR, and the options. A leaf.
 */
#include "socket_private.h"
#include "capture.h"
#include "socket_filter.h"

#include <limits.h>
#include <sluice/refuse.h>

/* ---- Birth and death ---- */

void socket_init(struct socket *s, const struct socket_kind *kind, oskit_s32_t type,
                 oskit_s32_t protocol, uint32_t level)
{
    static _Atomic oskit_u64_t last_ino;

    sluice_object_init(&s->object, &socket_class);
    s->kind = kind;
    s->type = type;
    s->protocol = protocol;
    readiness_init(&s->readiness, level);
    listener_set_init(&s->listeners, &s->readiness);
    s->lock = (struct env_spinlock){0};
    s->options = (struct socket_options){
        .receive_buffer = atomic_load(&socket_limits.receive_default),
        .send_buffer = atomic_load(&socket_limits.send_default),
        .receive_low = 1,
    };
    atomic_init(&s->error, OSKIT_SUCCESS);
    s->errors_queued = s->listening = s->filter_locked = false;
    s->filter = NULL;
    s->ino = atomic_fetch_add_explicit(&last_ino, 1, memory_order_relaxed) + 1;
    s->born = env_time_real();
    s->mode = OSKIT_S_IFSOCK | 0777;
    s->uid = s->gid = 0;
}

void socket_fini(struct socket *s)
{
    socket_filter_fini(s);
    listener_set_fini(&s->listeners);
    sluice_object_fini(&s->object);
}

static void socket_destroy(struct sluice_object *object)
{
    struct socket *s = container_of(object, struct socket, object);

    s->kind->destroy(s);
}

void socket_own(struct socket *s)
{
    struct socket_caller caller = socket_caller();

    s->uid = caller.credentials.uid;
    s->gid = caller.credentials.gid;
}

/* ---- The pending error ---- */

/* Called with the lock held. */
static void error_level(struct socket *s)
{
    bool pending = atomic_load_explicit(&s->error, memory_order_relaxed) != OSKIT_SUCCESS;
    uint32_t level = pending || s->errors_queued ? READY_ERR : 0;

    readiness_change(&s->readiness, level, READY_ERR & ~level);
}

oskit_error_t socket_error_take(struct socket *s)
{
    if (atomic_load(&s->error) == OSKIT_SUCCESS)
        return OSKIT_SUCCESS;
    env_spin_lock(&s->lock);
    oskit_error_t error = atomic_load(&s->error);
    atomic_store(&s->error, OSKIT_SUCCESS);
    error_level(s);
    env_spin_unlock(&s->lock);
    return error;
}

void socket_error_set(struct socket *s, oskit_error_t error)
{
    env_spin_lock(&s->lock);
    atomic_store(&s->error, error);
    error_level(s);
    env_spin_unlock(&s->lock);
}

void socket_errors_queued(struct socket *s, bool queued)
{
    env_spin_lock(&s->lock);
    s->errors_queued = queued;
    error_level(s);
    env_spin_unlock(&s->lock);
}

/* ---- Transfers ---- */

/* A capture wants to see what UNIX sockets send. */
static bool socket_captured(const struct socket *s)
{
    return __builtin_expect(atomic_load_explicit(&captures, memory_order_relaxed) != 0, 0) &&
           s->kind->family == SOCKET_UNIX;
}

static oskit_error_t kind_send(struct socket *s, struct socket_message *message, oskit_size_t *out)
{
    return socket_captured(s) ? unix_capture_send(s, message, out) : s->kind->send(s, message, out);
}

oskit_error_t socket_readv(struct socket *s, struct sluice_uio *uio, oskit_u32_t flags,
                           oskit_size_t *out)
{
    *out = 0;
    bool plain = (flags & VECIO_NONBLOCK) || SOCKET_OPTION(s, receive_low) <= 1;
    if (s->kind->readv != NULL && !(flags & VECIO_PEEK) && __builtin_expect(plain, 1))
        return s->kind->readv(s, uio, out);
    struct socket_message message = {
        .uio = uio,
        .flags = (flags & VECIO_PEEK ? SOCKET_MSG_PEEK : 0) |
                 (flags & VECIO_NONBLOCK ? SOCKET_MSG_DONTWAIT : 0),
    };
    oskit_error_t err = s->kind->receive(s, &message, out);
    socket_rights_free(message.rights); /* read has no place for them */
    return err;
}

oskit_error_t socket_writev(struct socket *s, struct sluice_uio *uio, oskit_u32_t flags,
                            oskit_size_t *out)
{
    *out = 0;
    if (s->kind->writev != NULL && !socket_captured(s))
        return s->kind->writev(s, uio, out);
    struct socket_message message = {
        .uio = uio,
        .flags = flags & VECIO_NONBLOCK ? SOCKET_MSG_DONTWAIT : 0,
    };
    return kind_send(s, &message, out);
}

static oskit_error_t streamvec_readv(sluice_streamvec_t *self, struct sluice_uio *uio,
                                     oskit_u32_t flags, oskit_size_t *out_actual)
{
    return socket_readv(socket_of(self), uio, flags, out_actual);
}

static oskit_error_t streamvec_writev(sluice_streamvec_t *self, struct sluice_uio *uio,
                                      oskit_u32_t flags, oskit_size_t *out_actual)
{
    return socket_writev(socket_of(self), uio, flags, out_actual);
}

static struct sluice_streamvec_ops socket_streamvec_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .readv = streamvec_readv,
    .writev = streamvec_writev,
};

static oskit_error_t stream_read(oskit_stream_t *self, void *buf, oskit_u32_t len,
                                 oskit_u32_t *out_actual)
{
    struct sluice_iovec segment;
    struct sluice_uio uio;
    oskit_size_t actual;

    uio_init_kernel(&uio, &segment, buf, len);
    oskit_error_t err = socket_readv(socket_of(self), &uio, 0, &actual);
    *out_actual = (oskit_u32_t)actual;
    return err;
}

static oskit_error_t stream_write(oskit_stream_t *self, const void *buf, oskit_u32_t len,
                                  oskit_u32_t *out_actual)
{
    struct sluice_iovec segment;
    struct sluice_uio uio;
    oskit_size_t actual;

    uio_init_kernel(&uio, &segment, (void *)buf, len);
    oskit_error_t err = socket_writev(socket_of(self), &uio, 0, &actual);
    *out_actual = (oskit_u32_t)actual;
    return err;
}

static struct oskit_stream_ops socket_stream_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .read = stream_read,
    .write = stream_write,
    STREAM_REFUSALS,
};

/* ---- The socket's own table ---- */

static oskit_error_t face_bind(sluice_socket_t *self, const struct socket_address *name)
{
    struct socket *s = socket_of(self);

    return s->kind->bind(s, name);
}

static oskit_error_t face_connect(sluice_socket_t *self, const struct socket_address *name)
{
    struct socket *s = socket_of(self);

    return s->kind->connect(s, name);
}

static oskit_error_t face_listen(sluice_socket_t *self, oskit_s32_t backlog)
{
    struct socket *s = socket_of(self);

    if (s->kind->listen == NULL)
        return OSKIT_EOPNOTSUPP;
    /* As an unsigned number, as Linux has it: -1 is as many as can be. */
    oskit_u32_t most = atomic_load(&socket_limits.backlog);
    oskit_error_t err =
        s->kind->listen(s, (oskit_u32_t)backlog > most ? (oskit_s32_t)most : backlog);
    if (OSKIT_SUCCEEDED(err))
        __atomic_store_n(&s->listening, true, __ATOMIC_RELAXED);
    return err;
}

static oskit_error_t face_accept(sluice_socket_t *self, struct socket_address *peer,
                                 sluice_socket_t **out)
{
    struct socket *s = socket_of(self), *accepted = NULL;

    *out = NULL;
    if (peer != NULL)
        peer->length = 0;
    if (s->kind->accept == NULL)
        return OSKIT_EOPNOTSUPP;
    oskit_error_t err = s->kind->accept(s, peer, &accepted);
    if (OSKIT_FAILED(err))
        return err;
    socket_own(accepted);
    *out = socket_face(accepted);
    return OSKIT_SUCCESS;
}

static oskit_error_t face_shutdown(sluice_socket_t *self, oskit_u32_t how)
{
    struct socket *s = socket_of(self);

    return how > SOCKET_SHUT_BOTH ? OSKIT_E_INVALIDARG : s->kind->shutdown(s, how);
}

static oskit_error_t face_getsockname(sluice_socket_t *self, struct socket_address *out)
{
    struct socket *s = socket_of(self);

    out->length = 0;
    return s->kind->getsockname(s, out);
}

static oskit_error_t face_getpeername(sluice_socket_t *self, struct socket_address *out)
{
    struct socket *s = socket_of(self);

    out->length = 0;
    return s->kind->getpeername(s, out);
}

static oskit_error_t face_setsockopt(sluice_socket_t *self, oskit_s32_t level, oskit_s32_t name,
                                     const void *value, oskit_u32_t length)
{
    return socket_option_set(socket_of(self), level, name, value, length);
}

static oskit_error_t face_getsockopt(sluice_socket_t *self, oskit_s32_t level, oskit_s32_t name,
                                     void *value, oskit_u32_t *length)
{
    return socket_option_get(socket_of(self), level, name, value, length);
}

static oskit_error_t face_send(sluice_socket_t *self, struct socket_message *message,
                               oskit_size_t *out)
{
    struct socket *s = socket_of(self);

    *out = 0;
    return kind_send(s, message, out);
}

static oskit_error_t face_receive(sluice_socket_t *self, struct socket_message *message,
                                  oskit_size_t *out)
{
    struct socket *s = socket_of(self);

    *out = 0;
    message->out_flags = 0;
    message->whole = 0;
    message->rights = NULL;
    message->has_credentials = false;
    if (message->name != NULL)
        message->name->length = 0;
    return s->kind->receive(s, message, out);
}

static oskit_error_t face_send_segments(sluice_socket_t *self, struct socket_message *message,
                                        const struct sg_segment *segments, oskit_u32_t count,
                                        struct socket_hold *hold, oskit_size_t *out)
{
    struct socket *s = socket_of(self);

    *out = 0;
    if (s->kind->send_segments == NULL)
        return OSKIT_E_NOTIMPL;
    return s->kind->send_segments(s, message, segments, count, hold, out);
}

static void face_get_timeouts(sluice_socket_t *self, oskit_u64_t *receive, oskit_u64_t *send)
{
    const struct socket *s = socket_of(self);

    *receive = SOCKET_OPTION(s, receive_timeout);
    *send = SOCKET_OPTION(s, send_timeout);
}

static oskit_error_t face_close(sluice_socket_t *self, oskit_u64_t *deadline)
{
    struct socket *s = socket_of(self);

    return s->kind->close != NULL ? s->kind->close(s, deadline) : OSKIT_SUCCESS;
}

static struct readiness *face_connect_readiness(sluice_socket_t *self,
                                                const struct socket_address *name,
                                                oskit_iunknown_t **owner)
{
    struct socket *s = socket_of(self);

    *owner = NULL;
    return s->kind->connect_readiness != NULL ? s->kind->connect_readiness(s, name, owner) : NULL;
}

static struct sluice_socket_ops socket_socket_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .bind = face_bind,
    .connect = face_connect,
    .listen = face_listen,
    .accept = face_accept,
    .shutdown = face_shutdown,
    .getsockname = face_getsockname,
    .getpeername = face_getpeername,
    .setsockopt = face_setsockopt,
    .getsockopt = face_getsockopt,
    .send = face_send,
    .receive = face_receive,
    .send_segments = face_send_segments,
    .get_timeouts = face_get_timeouts,
    .close = face_close,
    .connect_readiness = face_connect_readiness,
};

/* ---- pollable and asyncio ---- */

static struct readiness *socket_readiness(sluice_pollable_t *self)
{
    return &socket_of(self)->readiness;
}

static struct sluice_pollable_ops socket_pollable_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .readiness = socket_readiness,
};

static oskit_error_t asyncio_poll(oskit_asyncio_t *self)
{
    return listener_set_poll(&socket_of(self)->listeners);
}

static oskit_error_t asyncio_add_listener(oskit_asyncio_t *self, struct oskit_listener *l,
                                          oskit_s32_t mask)
{
    struct socket *s = socket_of(self);

    return listener_set_add(&s->listeners, (oskit_iunknown_t *)&s->socket.i, l, mask);
}

static oskit_error_t asyncio_remove_listener(oskit_asyncio_t *self, struct oskit_listener *l)
{
    return listener_set_remove(&socket_of(self)->listeners, l);
}

static oskit_error_t asyncio_readable(oskit_asyncio_t *self)
{
    struct socket *s = socket_of(self);
    oskit_size_t bytes = s->kind->readable != NULL ? s->kind->readable(s) : 0;

    return bytes < INT_MAX ? (oskit_error_t)bytes : INT_MAX;
}

static struct oskit_asyncio_ops socket_asyncio_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .poll = asyncio_poll,
    .add_listener = asyncio_add_listener,
    .remove_listener = asyncio_remove_listener,
    .readable = asyncio_readable,
};

/* ---- control ---- */

oskit_error_t (*net_ioctl)(oskit_u32_t command, oskit_u64_t argument, oskit_s32_t *out_result);

#define FIONREAD 0x541bu

static oskit_error_t readable_copy(struct socket *s, oskit_u64_t argument)
{
    oskit_size_t bytes = s->kind->readable(s);
    oskit_s32_t number = bytes < INT_MAX ? (oskit_s32_t)bytes : INT_MAX;

    return env_copy_to_user((void *)(uintptr_t)argument, &number, sizeof number) == 0
               ? OSKIT_SUCCESS
               : OSKIT_EFAULT;
}

static oskit_error_t control_ioctl(sluice_control_t *self, oskit_u32_t command,
                                   oskit_u64_t argument, oskit_s32_t *out_result)
{
    struct socket *s = socket_of(self);
    oskit_error_t err = OSKIT_ENOTTY;

    *out_result = 0;
    if (s->kind->ioctl != NULL)
        err = s->kind->ioctl(s, command, argument, out_result);
    if (err == OSKIT_ENOTTY && command == FIONREAD && s->kind->readable != NULL)
        err = readable_copy(s, argument);
    if (err == OSKIT_ENOTTY && net_ioctl != NULL)
        err = net_ioctl(command, argument, out_result);
    return err;
}

static struct sluice_control_ops socket_control_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .ioctl = control_ioctl,
};

/* ---- Attributes ---- */

#define NANOSECONDS 1000000000

oskit_error_t socket_stat(struct socket *s, oskit_stat_t *out)
{
    oskit_timespec_t born = {.tv_sec = (oskit_time_t)(s->born / NANOSECONDS),
                             .tv_nsec = (oskit_s32_t)(s->born % NANOSECONDS)};

    env_spin_lock(&s->lock);
    *out = (oskit_stat_t){
        .ino = (oskit_ino_t)s->ino,
        .mode = (oskit_mode_t)s->mode,
        .nlink = 1,
        .uid = s->uid,
        .gid = s->gid,
        .atime = born,
        .mtime = born,
        .ctime = born,
        .blksize = ENV_PAGE_SIZE,
    };
    env_spin_unlock(&s->lock);
    return OSKIT_SUCCESS;
}

/* As fchmod and fchown have it; GID is whether the caller may give the file to stats' group. */
static bool setstat_permitted(const struct socket *s, oskit_u32_t mask, const oskit_stat_t *stats,
                              const struct env_identity *identity, bool gid)
{
    bool mine = identity->uid == s->uid, giver = env_identity_may(identity, CAPABILITY_CHOWN);

    if ((mask & OSKIT_STAT_MODE) && !mine && !env_identity_may(identity, CAPABILITY_FOWNER))
        return false;
    if ((mask & OSKIT_STAT_UID) && !giver && (!mine || stats->uid != s->uid))
        return false;
    return !(mask & OSKIT_STAT_GID) || giver || (mine && (stats->gid == s->gid || gid));
}

oskit_error_t socket_setstat(struct socket *s, oskit_u32_t mask, const oskit_stat_t *stats)
{
    struct env_identity identity;

    if (mask & ~(oskit_u32_t)(OSKIT_STAT_MODE | OSKIT_STAT_UID | OSKIT_STAT_GID))
        return OSKIT_E_INVALIDARG;
    env_identity(&identity);
    bool gid = (mask & OSKIT_STAT_GID) && env_in_group(stats->gid);
    env_spin_lock(&s->lock);
    bool permitted = setstat_permitted(s, mask, stats, &identity, gid);
    if (permitted && (mask & OSKIT_STAT_MODE))
        s->mode = OSKIT_S_IFSOCK | (stats->mode & 07777);
    if (permitted && (mask & OSKIT_STAT_UID))
        s->uid = stats->uid;
    if (permitted && (mask & OSKIT_STAT_GID))
        s->gid = stats->gid;
    env_spin_unlock(&s->lock);
    return permitted ? OSKIT_SUCCESS : OSKIT_EPERM;
}

static oskit_error_t posixio_stat(oskit_posixio_t *self, oskit_stat_t *out)
{
    return socket_stat(socket_of(self), out);
}

static oskit_error_t posixio_setstat(oskit_posixio_t *self, oskit_u32_t mask,
                                     const oskit_stat_t *stats)
{
    return socket_setstat(socket_of(self), mask, stats);
}

static oskit_error_t posixio_pathconf(oskit_posixio_t *self, oskit_s32_t option,
                                      oskit_s32_t *out_val)
{
    (void)self;
    (void)option;
    *out_val = 0;
    return OSKIT_E_INVALIDARG;
}

static struct oskit_posixio_ops socket_posixio_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .stat = posixio_stat,
    .setstat = posixio_setstat,
    .pathconf = posixio_pathconf,
};

/* ---- The class ---- */

static const struct sluice_interface socket_interfaces[] = {
    {&sluice_socket_iid, offsetof(struct socket, socket), &socket_socket_ops},
    {&sluice_streamvec_iid, offsetof(struct socket, streamvec), &socket_streamvec_ops},
    {&sluice_pollable_iid, offsetof(struct socket, pollable), &socket_pollable_ops},
    {&oskit_asyncio_iid, offsetof(struct socket, asyncio), &socket_asyncio_ops},
    {&oskit_stream_iid, offsetof(struct socket, stream), &socket_stream_ops},
    {&oskit_posixio_iid, offsetof(struct socket, posixio), &socket_posixio_ops},
    {&sluice_control_iid, offsetof(struct socket, control), &socket_control_ops},
    {&oskit_socket_iid, offsetof(struct socket, seed), &socket_seed_ops},
};

const struct sluice_class socket_class = {"socket", socket_interfaces,
                                          SLUICE_COUNT(socket_interfaces), socket_destroy};
