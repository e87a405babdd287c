/* UNIX sockets: the three kinds, their options and commands, the family. */
#include "unix_private.h"

/* ---- Names ---- */

static oskit_error_t unix_getsockname(struct socket *s, struct socket_address *out)
{
    unix_name_tell(atomic_load(&unix_of(s)->inbox->name), out);
    return OSKIT_SUCCESS;
}

/* Also of one that is dead. */
static oskit_error_t unix_getpeername(struct socket *s, struct socket_address *out)
{
    struct unix_inbox *peer = inbox_peer_get(unix_of(s)->inbox);

    if (peer == NULL)
        return OSKIT_ENOTCONN;
    unix_name_tell(atomic_load(&peer->name), out);
    inbox_put(peer);
    return OSKIT_SUCCESS;
}

/* ---- Options ---- */

static oskit_error_t peercred_get(struct unix_socket *self, void *value, oskit_u32_t *length)
{
    env_mutex_lock(&unix_mutex);
    struct socket_credentials credentials = self->peer_credentials;
    env_mutex_unlock(&unix_mutex);
    return option_put(value, length, &credentials, sizeof credentials);
}

static oskit_error_t unix_getsockopt(struct socket *s, oskit_s32_t level, oskit_s32_t name,
                                     void *value, oskit_u32_t *length)
{
    struct unix_socket *self = unix_of(s);

    if (level != SOCKET_SOL_SOCKET)
        return OSKIT_EOPNOTSUPP;
    if (name == SOCKET_SO_PEERCRED)
        return peercred_get(self, value, length);
    if (name != SOCKET_SO_PEEK_OFF)
        return OSKIT_ENOPROTOOPT;
    env_mutex_lock(&self->inbox->mutex);
    oskit_s32_t offset = self->peek_offset;
    env_mutex_unlock(&self->inbox->mutex);
    return option_put_int(value, length, offset);
}

static oskit_error_t unix_setsockopt(struct socket *s, oskit_s32_t level, oskit_s32_t name,
                                     const void *value, oskit_u32_t length)
{
    struct unix_socket *self = unix_of(s);
    oskit_s32_t offset;

    if (level != SOCKET_SOL_SOCKET)
        return OSKIT_EOPNOTSUPP;
    if (name != SOCKET_SO_PEEK_OFF)
        return OSKIT_ENOPROTOOPT;
    oskit_error_t err = option_int(value, length, &offset);
    if (OSKIT_FAILED(err))
        return err;
    env_mutex_lock(&self->inbox->mutex);
    self->peek_offset = offset;
    env_mutex_unlock(&self->inbox->mutex);
    return OSKIT_SUCCESS;
}

static oskit_error_t unix_changed(struct socket *s, oskit_s32_t name)
{
    struct unix_socket *self = unix_of(s);

    if (name != SOCKET_SO_SNDBUF)
        return OSKIT_SUCCESS;
    if (unix_is_stream(self))
        unix_stream_limit(self);
    else if (inbox_account_change(self->inbox, 0, -1))
        readiness_tell(&s->readiness, READY_WRITE);
    return OSKIT_SUCCESS;
}

/* ---- Commands ---- */

#define SIOCINQ    0x541bu
#define SIOCOUTQ   0x5411u
#define SIOCATMARK 0x8905u

static oskit_size_t inbox_readable(struct unix_inbox *inbox, bool datagrams)
{
    env_mutex_lock(&inbox->mutex);
    size_t bytes = pipe_buffer_used(&inbox->bytes) + inbox->queued;
    if (datagrams && !list_empty(&inbox->messages))
        bytes = container_of(inbox->messages.next, struct unix_message, link)->length;
    env_mutex_unlock(&inbox->mutex);
    return bytes;
}

/* Of a datagram socket the next one's length. */
static oskit_size_t unix_readable(struct socket *s)
{
    return inbox_readable(unix_of(s)->inbox, s->type == SOCKET_DGRAM);
}

/* What was sent and nobody has received. */
static oskit_size_t unix_unread(struct unix_socket *self)
{
    size_t bytes = 0;

    if (!unix_is_stream(self)) {
        env_spin_lock(&self->inbox->lock);
        bytes = self->inbox->outstanding;
        env_spin_unlock(&self->inbox->lock);
        return bytes;
    }
    struct unix_inbox *peer = inbox_peer_get(self->inbox);
    if (peer != NULL)
        bytes = inbox_readable(peer, false);
    inbox_put(peer);
    return bytes;
}

static oskit_error_t unix_ioctl(struct socket *s, oskit_u32_t command, oskit_u64_t argument,
                                oskit_s32_t *out_result)
{
    struct unix_socket *self = unix_of(s);

    *out_result = 0;
    if (command == SIOCINQ && atomic_load(&self->state) == UNIX_LISTENING)
        return OSKIT_E_INVALIDARG;
    if (command == SIOCATMARK && !unix_is_stream(self))
        return OSKIT_EOPNOTSUPP;
    if (command != SIOCOUTQ && command != SIOCATMARK)
        return OSKIT_ENOTTY; /* SIOCINQ, too: the base has it of readable */
    /* No urgent data comes, so nobody stands at its mark. */
    oskit_s32_t bytes = command == SIOCOUTQ ? (oskit_s32_t)unix_unread(self) : 0;
    return env_copy_to_user((void *)(uintptr_t)argument, &bytes, sizeof bytes) == 0 ? OSKIT_SUCCESS
                                                                                    : OSKIT_EFAULT;
}

/* ---- The kinds ---- */

static void unix_destroy(struct socket *s)
{
    unix_close(unix_of(s));
}

const struct socket_kind unix_stream_kind = {
    .name = "unix stream",
    .family = SOCKET_UNIX,
    .type = SOCKET_STREAM,
    .bind = unix_bind,
    .connect = unix_stream_connect,
    .listen = unix_listen,
    .accept = unix_accept,
    .shutdown = unix_shutdown,
    .getsockname = unix_getsockname,
    .getpeername = unix_getpeername,
    .setsockopt = unix_setsockopt,
    .getsockopt = unix_getsockopt,
    .changed = unix_changed,
    .send = unix_stream_send,
    .receive = unix_stream_receive,
    .readv = unix_stream_readv,
    .writev = unix_stream_writev,
    .readable = unix_readable,
    .ioctl = unix_ioctl,
    .destroy = unix_destroy,
};

const struct socket_kind unix_dgram_kind = {
    .name = "unix datagram",
    .family = SOCKET_UNIX,
    .type = SOCKET_DGRAM,
    .filters = true,
    .bind = unix_bind,
    .connect = unix_dgram_connect,
    .shutdown = unix_shutdown,
    .getsockname = unix_getsockname,
    .getpeername = unix_getpeername,
    .setsockopt = unix_setsockopt,
    .getsockopt = unix_getsockopt,
    .changed = unix_changed,
    .send = unix_dgram_send,
    .receive = unix_dgram_receive,
    .readable = unix_readable,
    .ioctl = unix_ioctl,
    .destroy = unix_destroy,
};

const struct socket_kind unix_seqpacket_kind = {
    .name = "unix seqpacket",
    .family = SOCKET_UNIX,
    .type = SOCKET_SEQPACKET,
    .filters = true,
    .bind = unix_bind,
    .connect = unix_stream_connect,
    .listen = unix_listen,
    .accept = unix_accept,
    .shutdown = unix_shutdown,
    .getsockname = unix_getsockname,
    .getpeername = unix_getpeername,
    .setsockopt = unix_setsockopt,
    .getsockopt = unix_getsockopt,
    .changed = unix_changed,
    .send = unix_seqpacket_send,
    .receive = unix_seqpacket_receive,
    .readable = unix_readable,
    .ioctl = unix_ioctl,
    .destroy = unix_destroy,
};

/* ---- The family ---- */

/* SOCK_RAW is BSD's other word for datagrams here. */
static oskit_error_t type_check(oskit_s32_t *type, oskit_s32_t protocol)
{
    if (protocol != 0 && protocol != SOCKET_UNIX)
        return OSKIT_EPROTONOSUPPORT;
    if (*type == SOCKET_RAW)
        *type = SOCKET_DGRAM;
    if (*type != SOCKET_STREAM && *type != SOCKET_DGRAM && *type != SOCKET_SEQPACKET)
        return OSKIT_ESOCKTNOSUPPORT;
    return OSKIT_SUCCESS;
}

static oskit_error_t family_create(oskit_s32_t type, oskit_s32_t protocol, sluice_socket_t **out)
{
    struct unix_socket *self;
    oskit_error_t err = type_check(&type, protocol);

    *out = NULL;
    if (OSKIT_SUCCEEDED(err))
        err = unix_socket_new(type, &self);
    if (OSKIT_SUCCEEDED(err))
        *out = socket_face(&self->socket);
    return err;
}

static oskit_error_t family_create_pair(oskit_s32_t type, oskit_s32_t protocol,
                                        sluice_socket_t **one, sluice_socket_t **other)
{
    oskit_error_t err = family_create(type, protocol, one);

    *other = NULL;
    if (OSKIT_SUCCEEDED(err))
        err = family_create(type, protocol, other);
    if (OSKIT_SUCCEEDED(err))
        err = unix_pair(unix_of(socket_of(*one)), unix_of(socket_of(*other)));
    if (OSKIT_SUCCEEDED(err))
        return OSKIT_SUCCESS;
    if (*one != NULL)
        sluice_socket_release(*one);
    if (*other != NULL)
        sluice_socket_release(*other);
    *one = *other = NULL;
    return err;
}

struct socket_family unix_family = {
    .family = SOCKET_UNIX,
    .create = family_create,
    .create_pair = family_create_pair,
};
