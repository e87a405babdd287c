/*
 * Messages of UNIX sockets: datagrams, and the records of SOCK_SEQPACKET. A message is copied once
 * into memory of its own, before any lock is taken, and once out of it, after it has left the
 * queue; only a peek copies with the inbox's mutex held.
 *
 * A message is charged to its sender till it is gone (SO_SNDBUF). An inbox that more than its
 * backlog waits in takes no more, but from a socket that its owner is connected to. Locks:
 * unix_private.h.
 */
#include "unix_private.h"

#include <sluice/string.h>
#include "socket_filter.h"

/* As Linux counts: a message costs its bookkeeping too, so that empty ones are bounded. */
#define MESSAGE_CHARGE 768u
/* More bytes than this lie in pages. */
#define INLINE_MAX 2048u
/* What SO_SNDBUF lets into one message is that less this. */
#define SEND_RESERVE 32u

/* ---- Messages ---- */

static size_t message_size(const struct unix_message *message)
{
    size_t rest = message->pages != 0 ? message->pages * sizeof(void *)
                                      : (size_t)message->charge - MESSAGE_CHARGE;

    return offsetof(struct unix_message, u) + (rest > sizeof message->u ? rest : sizeof message->u);
}

/* Gives back what a message holds but the charge. */
static void message_free(struct unix_message *message)
{
    for (oskit_u32_t i = 0; i < message->pages; i++)
        if (message->u.page[i] != NULL)
            env_page_unref(message->u.page[i]);
    inbox_put(message->sender);
    env_free(message, message_size(message));
}

static oskit_error_t message_copy_in(struct unix_message *message, struct sluice_uio *uio)
{
    size_t moved;

    if (message->pages == 0)
        return uio_read_from(uio, message->u.bytes, message->length, &moved);
    for (oskit_u32_t i = 0; i < message->pages; i++) {
        message->u.page[i] = env_page_alloc(0, 0);
        if (message->u.page[i] == NULL)
            return OSKIT_ENOMEM;
        oskit_error_t err = uio_read_from(uio, message->u.page[i], ENV_PAGE_SIZE, &moved);
        if (OSKIT_FAILED(err))
            return err;
    }
    return OSKIT_SUCCESS;
}

/* SIZE bytes from SKIP on. */
static oskit_error_t message_copy_out(const struct unix_message *message, size_t skip, size_t size,
                                      struct sluice_uio *uio, size_t *moved)
{
    size_t end = skip + size, here;
    oskit_error_t err = OSKIT_SUCCESS;

    *moved = 0;
    if (message->pages == 0)
        return uio_write_to(uio, message->u.bytes + skip, size, moved);
    while (skip < end && OSKIT_SUCCEEDED(err)) {
        size_t offset = skip % ENV_PAGE_SIZE, most = ENV_PAGE_SIZE - offset;
        const char *page = message->u.page[skip / ENV_PAGE_SIZE];
        err = uio_write_to(uio, page + offset, most < end - skip ? most : end - skip, &here);
        skip += most;
        *moved += here;
    }
    return err;
}

static struct unix_message *message_alloc(struct unix_socket *self, size_t length)
{
    struct unix_message shape = {.length = (oskit_u32_t)length,
                                 .charge = (oskit_u32_t)length + MESSAGE_CHARGE};

    if (length > INLINE_MAX)
        shape.pages = (oskit_u32_t)((length + ENV_PAGE_SIZE - 1) / ENV_PAGE_SIZE);
    struct unix_message *message = env_alloc(message_size(&shape), 0);
    if (message == NULL)
        return NULL;
    memcpy(message, &shape, offsetof(struct unix_message, u));
    memset(message->u.page, 0, shape.pages * sizeof(void *));
    inbox_ref(self->inbox);
    message->sender = self->inbox;
    return message;
}

static oskit_error_t message_new(struct unix_socket *self, const struct socket_message *in,
                                 struct unix_message **out)
{
    struct sluice_uio uio = *in->uio;
    struct unix_message *message = message_alloc(self, uio.left);

    *out = NULL;
    if (message == NULL)
        return OSKIT_ENOBUFS;
    message->has_credentials = in->has_credentials;
    message->credentials = in->credentials;
    oskit_error_t err = message_copy_in(message, &uio);
    if (OSKIT_SUCCEEDED(err))
        err = unix_flight_new(in->rights, &message->flight);
    if (OSKIT_FAILED(err)) {
        message_free(message);
        return err;
    }
    *out = message;
    return OSKIT_SUCCESS;
}

static void sender_tell(struct unix_inbox *sender)
{
    struct unix_tell tell = {inbox_owner_get(sender), READY_WRITE};

    unix_tell(&tell);
}

/* A message is gone: its sender has room again. No lock held. */
static void message_done(struct unix_message *message)
{
    if (inbox_account_change(message->sender, -(ptrdiff_t)message->charge, -1))
        sender_tell(message->sender);
    message_free(message);
}

void unix_messages_take(struct unix_inbox *inbox, struct list *list)
{
    struct list *node;

    while ((node = list_pop_front(&inbox->messages)) != NULL)
        list_push_back(list, node);
    /* Of a listener it counts those that wait for accept, and there are no messages. */
    if (inbox->queued != 0 || !list_empty(list))
        inbox->count = 0;
    inbox->queued = 0;
}

void unix_messages_free(struct list *list)
{
    struct list flights, *node;

    list_init(&flights);
    while ((node = list_pop_front(list)) != NULL) {
        struct unix_message *message = container_of(node, struct unix_message, link);
        if (message->flight != NULL)
            unix_flight_drop(message->flight, &flights);
        message_done(message);
    }
    unix_flights_free(&flights);
}

/* ---- Sending ---- */

/* SO_SNDBUF has room for one more, whatever its size, as long as it isn't used up. */
static oskit_error_t account_take(struct unix_socket *self, size_t charge)
{
    struct unix_inbox *inbox = self->inbox;
    oskit_error_t err = socket_error_take(&self->socket);

    if (OSKIT_SUCCEEDED(err) && atomic_load(&self->no_send))
        err = OSKIT_EPIPE;
    if (OSKIT_FAILED(err))
        return err;
    env_spin_lock(&inbox->lock);
    bool room = inbox->outstanding < SOCKET_OPTION(&self->socket, send_buffer);
    env_spin_unlock(&inbox->lock);
    /* Two senders at once may both pass; each is one message beyond the limit at most. */
    if (!room)
        return OSKIT_EWOULDBLOCK;
    inbox_account_change(inbox, (ptrdiff_t)charge, -1);
    return OSKIT_SUCCESS;
}

/* Takes back what account_take did. */
static void account_give(struct unix_socket *self, size_t charge)
{
    if (inbox_account_change(self->inbox, -(ptrdiff_t)charge, -1))
        readiness_tell(&self->socket.readiness, READY_WRITE);
}

/* Whether MESSAGE may go into INBOX now; with its mutex held. */
static oskit_error_t deliver_check(const struct unix_inbox *inbox, struct unix_socket *self)
{
    const struct unix_inbox *back = atomic_load(&inbox->peer);

    if (self->socket.type == SOCKET_DGRAM && back != NULL && back != self->inbox)
        return OSKIT_EPERM;
    if (inbox->owner == NULL)
        return self->socket.type == SOCKET_DGRAM ? OSKIT_ECONNREFUSED : OSKIT_EPIPE;
    if (atomic_load(&inbox->ended))
        return OSKIT_EPIPE;
    if (inbox != self->inbox && back != self->inbox && inbox->count > inbox->backlog)
        return OSKIT_EWOULDBLOCK;
    return OSKIT_SUCCESS;
}

/* With the mutex held, which it releases. */
static void deliver_done(struct unix_inbox *inbox)
{
    struct unix_socket *owner = inbox->owner;
    struct unix_tell tell = {NULL, READY_READ};
    bool room = inbox->full != (inbox->count > inbox->backlog);

    readiness_change(&owner->socket.readiness, READY_READ, 0);
    if (atomic_load(&owner->socket.readiness.waiting) != 0)
        tell.socket = inbox_owner_get(inbox);
    if (room)
        inbox_unlock_and_room(inbox);
    else
        env_mutex_unlock(&inbox->mutex);
    unix_tell(&tell);
}

static void message_enqueue(struct unix_inbox *inbox, struct unix_message *message,
                            const struct unix_socket *self)
{
    const struct unix_socket *owner = inbox->owner;

    if (!message->has_credentials &&
        (SOCKET_OPTION(&self->socket, pass_cred) || SOCKET_OPTION(&owner->socket, pass_cred) ||
         atomic_load(&owner->embryo))) {
        message->credentials = socket_sender();
        message->has_credentials = true;
    }
    if (SOCKET_OPTION(&owner->socket, timestamp) != 0)
        message->time = env_time_real();
    unix_flight_begin(message->flight, inbox->owner);
    list_push_back(&inbox->messages, &message->link);
    inbox->count++;
    inbox->queued += message->length;
}

static void message_look(const void *rest, oskit_u32_t offset, void *to, oskit_u32_t size)
{
    const struct unix_message *message = rest;
    oskit_u8_t *bytes = to;

    for (; size > 0; size--, offset++)
        *bytes++ =
            ((const oskit_u8_t *)message->u.page[offset / ENV_PAGE_SIZE])[offset % ENV_PAGE_SIZE];
}

/* What OWNER's filter wants of MESSAGE, cut to that; false: nothing. It looks at the bytes. */
static bool message_filter(struct unix_socket *owner, struct unix_message *message)
{
    struct bpf_view view = {.length = message->length};

    if (message->pages == 0) {
        view.bytes = message->u.bytes;
        view.piece = message->length;
    } else {
        view.read = message_look;
        view.rest = message;
    }
    return socket_filter_run(&owner->socket, &view, &message->length);
}

/* Nobody hears of a message that the receiver's filter drops: to its sender it is as received, and
 * so it is before anything stands in its way. */
static bool message_tossed(struct unix_inbox *inbox, struct unix_message *message)
{
    bool tossed = false;

    if (!socket_filters_any())
        return false;
    env_mutex_lock(&inbox->mutex);
    if (inbox->owner != NULL && socket_filtered(&inbox->owner->socket))
        tossed = !message_filter(inbox->owner, message);
    env_mutex_unlock(&inbox->mutex);
    return tossed;
}

static oskit_error_t deliver(struct unix_socket *self, struct unix_inbox *inbox,
                             struct unix_message *message, bool waits)
{
    env_mutex_lock(&inbox->mutex);
    oskit_error_t err = deliver_check(inbox, self);
    if (OSKIT_SUCCEEDED(err)) {
        message_enqueue(inbox, message, self);
        deliver_done(inbox);
        return err;
    }
    if (err == OSKIT_EWOULDBLOCK && waits && OSKIT_FAILED(watch_add(inbox, self->inbox)))
        err = OSKIT_ENOBUFS;
    env_mutex_unlock(&inbox->mutex);
    return err;
}

/* To whom: the address's owner, or the peer. With a reference. */
static oskit_error_t target_find(struct unix_socket *self, const struct socket_address *name,
                                 struct unix_inbox **out)
{
    *out = NULL;
    if (name == NULL) {
        *out = inbox_peer_get(self->inbox);
        return *out != NULL ? OSKIT_SUCCESS : OSKIT_ENOTCONN;
    }
    env_mutex_lock(&unix_mutex);
    oskit_error_t err = unix_name_find(name, SOCKET_DGRAM, out);
    env_mutex_unlock(&unix_mutex);
    return err;
}

static oskit_error_t send_check(const struct unix_socket *self, const struct socket_message *in)
{
    if (in->flags & SOCKET_MSG_OOB)
        return OSKIT_EOPNOTSUPP;
    return in->uio->left + SEND_RESERVE > SOCKET_OPTION(&self->socket, send_buffer) ? OSKIT_EMSGSIZE
                                                                                    : OSKIT_SUCCESS;
}

/* A message that is charged and copied, and not on its way yet. */
static oskit_error_t message_prepare(struct unix_socket *self, const struct socket_message *in,
                                     struct unix_message **out)
{
    size_t charge = in->uio->left + MESSAGE_CHARGE;
    oskit_error_t err = send_check(self, in);

    *out = NULL;
    if (OSKIT_SUCCEEDED(err))
        err = account_take(self, charge);
    if (OSKIT_FAILED(err))
        return err;
    err = message_new(self, in, out);
    if (OSKIT_FAILED(err))
        account_give(self, charge);
    return err;
}

/* INBOX may be NULL when ERR says why there is none: the message goes back. */
static oskit_error_t message_dispatch(struct unix_socket *self, struct unix_inbox *inbox,
                                      struct unix_message *message, struct socket_message *in,
                                      oskit_error_t err)
{
    size_t length = message->length, charge = message->charge;
    bool tossed = OSKIT_SUCCEEDED(err) && message_tossed(inbox, message);

    if (OSKIT_SUCCEEDED(err) && !tossed)
        err = deliver(self, inbox, message, !(in->flags & SOCKET_MSG_DONTWAIT));
    if (OSKIT_FAILED(err) || tossed) {
        unix_flight_cancel(message->flight);
        message_free(message);
        account_give(self, charge);
    }
    if (OSKIT_FAILED(err))
        return err;
    uio_skip(in->uio, length);
    if (!tossed)
        in->rights = NULL;
    return OSKIT_SUCCESS;
}

/* The message comes first and to whom second, as on Linux: that is how errors take turns. */
oskit_error_t unix_dgram_send(struct socket *s, struct socket_message *message, oskit_size_t *out)
{
    struct unix_socket *self = unix_of(s);
    struct unix_inbox *inbox = NULL;
    struct unix_message *prepared;
    size_t length = message->uio->left;
    oskit_error_t err = OSKIT_SUCCESS;

    *out = 0;
    if (message->name != NULL)
        err = unix_address_check(message->name);
    if (OSKIT_SUCCEEDED(err) && SOCKET_OPTION(s, pass_cred))
        err = unix_autobind(self);
    if (OSKIT_SUCCEEDED(err))
        err = message_prepare(self, message, &prepared);
    if (OSKIT_FAILED(err))
        return err;
    err = target_find(self, message->name, &inbox);
    err = message_dispatch(self, inbox, prepared, message, err);
    if (OSKIT_SUCCEEDED(err))
        *out = length;
    /* Nobody is there any more: a connection to it is over. */
    if (err == OSKIT_ECONNREFUSED && inbox != NULL)
        unix_dgram_disconnect(self, inbox);
    inbox_put(inbox);
    return err;
}

static oskit_error_t record_send(struct unix_socket *self, struct unix_inbox *inbox,
                                 struct socket_message *message, oskit_size_t *out)
{
    struct unix_message *prepared;
    size_t length = message->uio->left;

    if (atomic_load(&inbox->ended))
        return OSKIT_EPIPE;
    oskit_error_t err = message_prepare(self, message, &prepared);
    if (OSKIT_FAILED(err))
        return err;
    err = message_dispatch(self, inbox, prepared, message, OSKIT_SUCCESS);
    if (OSKIT_SUCCEEDED(err))
        *out = length;
    return err;
}

/* A connection's records; where to is not asked. */
oskit_error_t unix_seqpacket_send(struct socket *s, struct socket_message *message,
                                  oskit_size_t *out)
{
    oskit_error_t err = socket_error_take(s);

    *out = 0;
    if (OSKIT_FAILED(err))
        return err;
    struct unix_inbox *inbox = inbox_peer_get(unix_of(s)->inbox);
    if (inbox == NULL)
        return OSKIT_ENOTCONN;
    err = record_send(unix_of(s), inbox, message, out);
    inbox_put(inbox);
    return err;
}

/* ---- Receiving ---- */

/* The first message; with SO_PEEK_OFF the one that byte *SKIP lies in, *SKIP becoming its place
 * there. NULL: none. With the mutex held. */
static struct unix_message *message_find(struct unix_inbox *inbox, size_t *skip)
{
    list_for_each (node, &inbox->messages) {
        struct unix_message *message = container_of(node, struct unix_message, link);
        if (*skip == 0 || *skip < message->length)
            return message;
        *skip -= message->length;
    }
    return NULL;
}

/* What goes with MESSAGE; SKIP bytes of it were looked at before. */
static void message_describe(const struct unix_socket *self, const struct unix_message *message,
                             size_t skip, struct socket_message *in)
{
    static const struct socket_credentials nobody = {0, 65534, 65534};

    if (SOCKET_OPTION(&self->socket, timestamp) != 0)
        socket_stamp_put(&self->socket, in->control,
                         message->time != 0 ? message->time : env_time_real());
    in->whole = message->length - skip;
    in->has_credentials = SOCKET_OPTION(&self->socket, pass_cred);
    in->credentials = message->has_credentials ? message->credentials : nobody;
    const struct unix_name *name = atomic_load(&message->sender->name);
    if (in->name != NULL && name != NULL)
        *in->name = name->text;
    if (in->uio->left < in->whole)
        in->out_flags |= SOCKET_MSG_TRUNC;
}

/* With the mutex held, which it releases. */
static oskit_error_t message_peek(struct unix_socket *self, struct socket_message *in, size_t skip,
                                  oskit_size_t *out)
{
    struct unix_inbox *inbox = self->inbox;
    const struct unix_message *message = message_find(inbox, &skip);

    message_describe(self, message, skip, in);
    oskit_error_t err = message_copy_out(message, skip, in->whole, in->uio, out);
    if (OSKIT_SUCCEEDED(err)) {
        in->rights = unix_flight_copy(message->flight);
        if (self->peek_offset >= 0)
            self->peek_offset += (oskit_s32_t)*out;
    } else {
        *out = 0;
    }
    env_mutex_unlock(&inbox->mutex);
    return err;
}

/* The first message leaves the queue. With the mutex held, which it releases. */
static struct unix_message *message_pop(struct unix_socket *self)
{
    struct unix_inbox *inbox = self->inbox;
    struct unix_message *message =
        container_of(list_pop_front(&inbox->messages), struct unix_message, link);

    inbox->count--;
    inbox->queued -= message->length;
    if (self->peek_offset > 0)
        self->peek_offset -= message->length < (oskit_u32_t)self->peek_offset
                                 ? (oskit_s32_t)message->length
                                 : self->peek_offset;
    if (list_empty(&inbox->messages) && !atomic_load(&inbox->ended))
        readiness_change(&self->socket.readiness, 0, READY_READ);
    if (inbox->full != (inbox->count > inbox->backlog) || !list_empty(&inbox->watches))
        inbox_unlock_and_room(inbox);
    else
        env_mutex_unlock(&inbox->mutex);
    return message;
}

/* A program that can't take it loses it. */
static oskit_error_t message_take(struct unix_socket *self, struct socket_message *in,
                                  oskit_size_t *out)
{
    struct unix_message *message = message_pop(self);

    message_describe(self, message, 0, in);
    in->rights = unix_flight_end(message->flight);
    message->flight = NULL;
    oskit_error_t err = message_copy_out(message, 0, in->whole, in->uio, out);
    if (OSKIT_FAILED(err)) {
        socket_rights_free(in->rights);
        in->rights = NULL;
        *out = 0;
    }
    message_done(message);
    return err;
}

/* Nothing is there. Who won't wait isn't told of the end of a datagram socket, as on Linux. */
static oskit_error_t receive_empty(const struct unix_socket *self, const struct socket_message *in)
{
    bool ended = atomic_load(&self->inbox->ended);

    if (self->socket.type == SOCKET_DGRAM && (in->flags & SOCKET_MSG_DONTWAIT))
        ended = false;
    return ended ? OSKIT_SUCCESS : OSKIT_EWOULDBLOCK;
}

oskit_error_t unix_dgram_receive(struct socket *s, struct socket_message *message,
                                 oskit_size_t *out)
{
    struct unix_socket *self = unix_of(s);
    struct unix_inbox *inbox = self->inbox;
    bool peek = message->flags & SOCKET_MSG_PEEK;

    *out = 0;
    message->rights = NULL;
    if (message->flags & SOCKET_MSG_OOB)
        return OSKIT_EOPNOTSUPP;
    oskit_error_t err = socket_error_take(s);
    if (OSKIT_FAILED(err))
        return err;
    env_mutex_lock(&inbox->mutex);
    size_t skip = peek && self->peek_offset > 0 ? (size_t)self->peek_offset : 0, place = skip;
    if (message_find(inbox, &place) == NULL) {
        err = receive_empty(self, message);
        env_mutex_unlock(&inbox->mutex);
        return err;
    }
    return peek ? message_peek(self, message, skip, out) : message_take(self, message, out);
}

oskit_error_t unix_seqpacket_receive(struct socket *s, struct socket_message *message,
                                     oskit_size_t *out)
{
    *out = 0;
    message->rights = NULL;
    if (atomic_load(&unix_of(s)->state) != UNIX_CONNECTED)
        return OSKIT_ENOTCONN;
    return unix_dgram_receive(s, message, out);
}
