/*
 * UNIX sockets come and go, and find each other: connect, listen, accept, pairs, shutdown, the last
 * release. All of it under unix_mutex; locks: unix_private.h.
 */
#include "unix_private.h"

static struct list all_sockets = LIST_INIT(all_sockets);

/* ---- New sockets ---- */

static const struct socket_kind *kind_of(oskit_s32_t type)
{
    return type == SOCKET_STREAM  ? &unix_stream_kind
           : type == SOCKET_DGRAM ? &unix_dgram_kind
                                  : &unix_seqpacket_kind;
}

oskit_error_t unix_socket_new(oskit_s32_t type, struct unix_socket **out)
{
    struct unix_socket *self = env_alloc(sizeof *self, ENV_ZERO);
    struct unix_inbox *inbox = self != NULL ? inbox_new(self) : NULL;

    *out = NULL;
    if (inbox == NULL) {
        env_free(self, sizeof *self);
        return OSKIT_ENOMEM;
    }
    self->inbox = inbox;
    self->peek_offset = -1;
    self->peer_credentials = (struct socket_credentials){0, UINT32_MAX, UINT32_MAX};
    list_init(&self->pending);
    list_init(&self->pending_link);
    unix_hold_init(&self->hold);
    socket_init(&self->socket, kind_of(type), type, 0,
                READY_WRITE | (type == SOCKET_DGRAM ? 0 : READY_HUP));
    env_mutex_lock(&unix_mutex);
    list_push_back(&all_sockets, &self->all_link);
    env_mutex_unlock(&unix_mutex);
    *out = self;
    return OSKIT_SUCCESS;
}

/* ---- Connections ---- */

/* Both ends know each other from now on. unix_mutex held. */
static void ends_join(struct unix_socket *one, struct unix_socket *other)
{
    inbox_lock_two(one->inbox, other->inbox);
    inbox_ref(one->inbox);
    inbox_ref(other->inbox);
    atomic_store(&one->inbox->peer, other->inbox);
    atomic_store(&other->inbox->peer, one->inbox);
    atomic_store(&one->state, UNIX_CONNECTED);
    atomic_store(&other->state, UNIX_CONNECTED);
    one->inbox->limit = SOCKET_OPTION(&other->socket, send_buffer);
    other->inbox->limit = SOCKET_OPTION(&one->socket, send_buffer);
    if (atomic_load(&one->no_send))
        atomic_store(&other->inbox->ended, true);
    if (atomic_load(&other->no_send))
        atomic_store(&one->inbox->ended, true);
    unix_level_refresh(one);
    unix_level_refresh(other);
    inbox_unlock_two(one->inbox, other->inbox);
}

/* EMBRYO waits in LISTENER. unix_mutex held. */
static void pending_add(struct unix_socket *listener, struct unix_socket *embryo)
{
    list_push_back(&listener->pending, &embryo->pending_link);
    listener->inbox->count++;
    unix_hold_ward(embryo, listener);
    env_mutex_lock(&listener->inbox->mutex);
    unix_level_refresh(listener);
    env_mutex_unlock(&listener->inbox->mutex);
}

static oskit_error_t connect_check(struct unix_socket *self, struct unix_socket *listener)
{
    int state = atomic_load(&self->state);

    if (atomic_load(&listener->state) != UNIX_LISTENING || atomic_load(&listener->inbox->ended))
        return OSKIT_ECONNREFUSED;
    if (listener->inbox->count > listener->inbox->backlog) {
        env_mutex_lock(&listener->inbox->mutex);
        oskit_error_t err = watch_add(listener->inbox, self->inbox);
        env_mutex_unlock(&listener->inbox->mutex);
        return OSKIT_FAILED(err) ? err : OSKIT_EWOULDBLOCK;
    }
    if (state != UNIX_CLOSED)
        return state == UNIX_CONNECTED ? OSKIT_EISCONN : OSKIT_E_INVALIDARG;
    return OSKIT_SUCCESS;
}

/* Takes EMBRYO's reference when it succeeds. unix_mutex held. */
static oskit_error_t connect_locked(struct unix_socket *self, const struct socket_address *name,
                                    struct unix_socket *embryo, struct unix_tell *tell)
{
    struct unix_inbox *inbox;
    oskit_error_t err = unix_name_find(name, self->socket.type, &inbox);

    if (OSKIT_FAILED(err))
        return err;
    struct unix_socket *listener = inbox->owner;
    err = connect_check(self, listener);
    if (OSKIT_SUCCEEDED(err)) {
        atomic_store(&embryo->inbox->name, unix_name_ref(atomic_load(&inbox->name)));
        embryo->socket.options.pass_cred = SOCKET_OPTION(&listener->socket, pass_cred);
        embryo->peer_credentials = socket_caller().credentials;
        self->peer_credentials = listener->peer_credentials;
        atomic_store(&embryo->embryo, true);
        ends_join(self, embryo);
        pending_add(listener, embryo);
        *tell = (struct unix_tell){inbox_owner_get(inbox), READY_READ};
    }
    inbox_put(inbox);
    return err;
}

/* The listener's end, with what both ends of a stream need. */
static oskit_error_t embryo_new(struct unix_socket *self, struct unix_socket **out)
{
    oskit_error_t err = unix_socket_new(self->socket.type, out);

    if (OSKIT_FAILED(err) || !unix_is_stream(self))
        return err;
    err = inbox_bytes_init((*out)->inbox);
    if (OSKIT_FAILED(err))
        socket_release(&(*out)->socket);
    return err;
}

static oskit_error_t own_bytes_init(struct unix_socket *self)
{
    oskit_error_t err = OSKIT_SUCCESS;

    env_mutex_lock(&self->inbox->mutex);
    if (unix_is_stream(self) && self->inbox->bytes.slots == NULL)
        err = inbox_bytes_init(self->inbox);
    env_mutex_unlock(&self->inbox->mutex);
    return err;
}

static oskit_error_t autobind_for_credentials(struct unix_socket *self)
{
    return SOCKET_OPTION(&self->socket, pass_cred) ? unix_autobind(self) : OSKIT_SUCCESS;
}

oskit_error_t unix_stream_connect(struct socket *s, const struct socket_address *name)
{
    struct unix_socket *self = unix_of(s), *embryo;
    struct unix_tell tell = {NULL, 0};
    oskit_error_t err = unix_address_check(name);

    if (OSKIT_SUCCEEDED(err))
        err = autobind_for_credentials(self);
    if (OSKIT_SUCCEEDED(err))
        err = own_bytes_init(self);
    if (OSKIT_SUCCEEDED(err))
        err = embryo_new(self, &embryo);
    if (OSKIT_FAILED(err))
        return err;
    env_mutex_lock(&unix_mutex);
    err = connect_locked(self, name, embryo, &tell);
    env_mutex_unlock(&unix_mutex);
    if (OSKIT_FAILED(err))
        socket_release(&embryo->socket);
    unix_tell(&tell);
    return err;
}

oskit_error_t unix_pair(struct unix_socket *one, struct unix_socket *other)
{
    oskit_error_t err = own_bytes_init(one);

    if (OSKIT_SUCCEEDED(err))
        err = own_bytes_init(other);
    if (OSKIT_FAILED(err))
        return err;
    one->peer_credentials = other->peer_credentials = socket_caller().credentials;
    env_mutex_lock(&unix_mutex);
    ends_join(one, other);
    if (one->socket.type == SOCKET_DGRAM) {
        list_push_back(&other->inbox->connected, &one->inbox->connected_link);
        list_push_back(&one->inbox->connected, &other->inbox->connected_link);
    }
    env_mutex_unlock(&unix_mutex);
    return OSKIT_SUCCESS;
}

/* ---- Datagram sockets ---- */

/* The peer is another one now, or none. unix_mutex held. Answers the old one's reference. */
static struct unix_inbox *peer_change(struct unix_inbox *inbox, struct unix_inbox *now)
{
    struct unix_inbox *old = atomic_load(&inbox->peer);

    if (old != NULL) {
        env_mutex_lock(&old->mutex);
        list_remove(&inbox->connected_link);
        env_mutex_unlock(&old->mutex);
    }
    env_mutex_lock(&inbox->mutex);
    if (now != NULL)
        inbox_ref(now);
    atomic_store(&inbox->peer, now);
    env_mutex_unlock(&inbox->mutex);
    if (now != NULL) {
        env_mutex_lock(&now->mutex);
        list_push_back(&now->connected, &inbox->connected_link);
        env_mutex_unlock(&now->mutex);
    }
    return old;
}

/* Whether the owner of INBOX waits for room in its peer's, now that either's peer has changed. */
static bool peer_full_refresh(struct unix_inbox *inbox)
{
    struct unix_inbox *peer = atomic_load(&inbox->peer);
    bool full = false;

    if (peer != NULL && atomic_load(&peer->peer) != inbox) {
        env_mutex_lock(&peer->mutex);
        full = peer->full;
        env_mutex_unlock(&peer->mutex);
    }
    return inbox_account_change(inbox, 0, full);
}

/* What lies in INBOX came from those that are not its peer now: it is lost, and the old peer, if it
 * is connected still, is told by an error. */
static void messages_lose(struct unix_inbox *inbox, struct unix_inbox *old, struct list *messages,
                          struct unix_tell *tell)
{
    env_mutex_lock(&inbox->mutex);
    bool lost = !list_empty(&inbox->messages);
    unix_messages_take(inbox, messages);
    if (inbox->owner != NULL)
        unix_level_refresh(inbox->owner);
    env_mutex_unlock(&inbox->mutex);
    if (!lost || atomic_load(&old->peer) != inbox)
        return;
    struct unix_socket *owner = inbox_owner_get(old);
    if (owner != NULL)
        socket_error_set(&owner->socket, OSKIT_ECONNRESET);
    *tell = (struct unix_tell){owner, READY_ERR};
}

/* A change of peers; unix_mutex held, which it releases. */
static void peer_set_and_unlock(struct unix_socket *self, struct unix_inbox *now)
{
    struct unix_inbox *inbox = self->inbox, *old = peer_change(inbox, now);
    struct unix_tell tells[3] = {{NULL, 0}};
    struct list messages;

    list_init(&messages);
    atomic_store(&self->state, now != NULL ? UNIX_CONNECTED : UNIX_CLOSED);
    if (old != NULL && old != now)
        messages_lose(inbox, old, &messages, &tells[0]);
    if (peer_full_refresh(inbox))
        tells[1] = (struct unix_tell){inbox_owner_get(inbox), READY_WRITE};
    if (now != NULL && now != inbox && atomic_load(&now->peer) == inbox && peer_full_refresh(now))
        tells[2] = (struct unix_tell){inbox_owner_get(now), READY_WRITE};
    env_mutex_unlock(&unix_mutex);

    env_mutex_lock(&inbox->mutex);
    inbox_unlock_and_room(inbox);
    unix_messages_free(&messages);
    for (size_t i = 0; i < SLUICE_COUNT(tells); i++)
        unix_tell(&tells[i]);
    inbox_put(old);
}

void unix_dgram_disconnect(struct unix_socket *self, struct unix_inbox *dead)
{
    env_mutex_lock(&unix_mutex);
    if (atomic_load(&self->inbox->peer) == dead)
        peer_set_and_unlock(self, NULL);
    else
        env_mutex_unlock(&unix_mutex);
}

oskit_error_t unix_dgram_connect(struct socket *s, const struct socket_address *name)
{
    struct unix_socket *self = unix_of(s);
    struct unix_inbox *inbox = NULL;
    bool dissolve = name->length >= sizeof name->u.family && name->u.family == 0;
    oskit_error_t err = dissolve ? OSKIT_SUCCESS : unix_address_check(name);

    if (OSKIT_SUCCEEDED(err) && !dissolve)
        err = autobind_for_credentials(self);
    if (OSKIT_FAILED(err))
        return err;
    env_mutex_lock(&unix_mutex);
    if (!dissolve)
        err = unix_name_find(name, SOCKET_DGRAM, &inbox);
    if (inbox != NULL && atomic_load(&inbox->peer) != NULL &&
        atomic_load(&inbox->peer) != self->inbox)
        err = OSKIT_EPERM;
    if (OSKIT_SUCCEEDED(err))
        peer_set_and_unlock(self, inbox);
    else
        env_mutex_unlock(&unix_mutex);
    inbox_put(inbox);
    return err;
}

/* ---- Listeners ---- */

oskit_error_t unix_listen(struct socket *s, oskit_s32_t backlog)
{
    struct unix_socket *self = unix_of(s);
    oskit_error_t err = OSKIT_SUCCESS;
    struct list watches;

    list_init(&watches);
    env_mutex_lock(&unix_mutex);
    if (atomic_load(&self->inbox->name) == NULL || atomic_load(&self->state) == UNIX_CONNECTED) {
        err = OSKIT_E_INVALIDARG;
    } else {
        atomic_store(&self->state, UNIX_LISTENING);
        self->inbox->backlog = (uint32_t)backlog;
        self->peer_credentials = socket_caller().credentials;
        env_mutex_lock(&self->inbox->mutex);
        readiness_change(&s->readiness, 0, READY_WRITE);
        unix_level_refresh(self);
        if (self->inbox->count <= self->inbox->backlog)
            watches_take(self->inbox, &watches);
        env_mutex_unlock(&self->inbox->mutex);
    }
    env_mutex_unlock(&unix_mutex);
    watches_tell(&watches);
    return err;
}

/* unix_mutex held. */
static struct unix_socket *pending_take(struct unix_socket *listener, struct list *watches)
{
    struct list *node = list_pop_front(&listener->pending);

    if (node == NULL)
        return NULL;
    struct unix_socket *embryo = container_of(node, struct unix_socket, pending_link);
    atomic_store(&embryo->embryo, false);
    listener->inbox->count--;
    unix_hold_ward(embryo, NULL);
    env_mutex_lock(&listener->inbox->mutex);
    unix_level_refresh(listener);
    watches_take(listener->inbox, watches);
    env_mutex_unlock(&listener->inbox->mutex);
    return embryo;
}

oskit_error_t unix_accept(struct socket *s, struct socket_address *peer, struct socket **out)
{
    struct unix_socket *self = unix_of(s), *embryo = NULL;
    oskit_error_t err = OSKIT_EWOULDBLOCK;
    struct list watches;

    list_init(&watches);
    env_mutex_lock(&unix_mutex);
    if (atomic_load(&self->state) != UNIX_LISTENING)
        err = OSKIT_E_INVALIDARG;
    else
        embryo = pending_take(self, &watches);
    if (embryo == NULL && atomic_load(&self->inbox->ended))
        err = OSKIT_E_INVALIDARG;
    if (embryo != NULL && peer != NULL)
        unix_name_tell(atomic_load(&atomic_load(&embryo->inbox->peer)->name), peer);
    env_mutex_unlock(&unix_mutex);
    watches_tell(&watches);
    if (embryo == NULL)
        return err;
    *out = &embryo->socket;
    return OSKIT_SUCCESS;
}

/* ---- Shutdown ---- */

/* unix_mutex held. */
static void ends_set(struct unix_socket *self, oskit_u32_t how, struct unix_inbox *peer)
{
    inbox_lock_two(self->inbox, peer);
    if (how != SOCKET_SHUT_WRITE)
        atomic_store(&self->inbox->ended, true);
    if (how != SOCKET_SHUT_READ) {
        atomic_store(&self->no_send, true);
        if (peer != NULL)
            atomic_store(&peer->ended, true);
    }
    unix_level_refresh(self);
    if (peer != NULL && peer->owner != NULL)
        unix_level_refresh(peer->owner);
    inbox_unlock_two(self->inbox, peer);
}

/* Who waits for anything looks again; the end of both ways is told when it is there. */
static uint32_t ends_events(const struct unix_socket *self)
{
    return READY_READ | READY_WRITE | READY_RDHUP |
           (readiness_level(&self->socket.readiness) & (READY_HUP | READY_ERR));
}

oskit_error_t unix_shutdown(struct socket *s, oskit_u32_t how)
{
    struct unix_socket *self = unix_of(s);
    struct unix_tell tell = {NULL, 0};
    struct list watches;

    list_init(&watches);
    env_mutex_lock(&unix_mutex);
    struct unix_inbox *peer = atomic_load(&self->inbox->peer);
    if (s->type == SOCKET_DGRAM)
        peer = NULL;
    ends_set(self, how, peer);
    env_mutex_lock(&self->inbox->mutex);
    watches_take(self->inbox, &watches);
    env_mutex_unlock(&self->inbox->mutex);
    if (peer != NULL && (tell.socket = inbox_owner_get(peer)) != NULL)
        tell.events = ends_events(tell.socket);
    env_mutex_unlock(&unix_mutex);
    readiness_tell(&s->readiness, ends_events(self));
    unix_tell(&tell);
    watches_tell(&watches);
    return OSKIT_SUCCESS;
}

/* ---- The end ---- */

/* What a socket leaves behind, to be given back with no lock held. */
struct remains {
    struct list messages, flights, pending;
    struct unix_tell tell; /* the peer */
    struct unix_inbox *peer;
};

/* The peer of a connection that is over. Both mutexes held. UNREAD: bytes are lost that it sent. */
static void peer_bereave(struct unix_inbox *peer, bool unread)
{
    struct unix_socket *owner = peer->owner;

    atomic_store(&peer->ended, true);
    if (owner == NULL)
        return;
    if (unread)
        socket_error_set(&owner->socket, OSKIT_ECONNRESET);
    if (unix_is_stream(owner))
        readiness_change(&owner->socket.readiness, READY_WRITE, 0);
    unix_level_refresh(owner);
}

/* Whether something is lost with INBOX. One empty record in front is nothing, as on Linux. */
static bool inbox_unread(const struct unix_inbox *inbox)
{
    const struct list *first = inbox->messages.next;

    if (list_empty(&inbox->messages))
        return pipe_buffer_used(&inbox->bytes) != 0;
    return container_of(first, struct unix_message, link)->length != 0 ||
           first->next != &inbox->messages;
}

/* unix_mutex held. */
static void inbox_orphan(struct unix_socket *self, struct remains *remains)
{
    struct unix_inbox *inbox = self->inbox;
    struct unix_inbox *peer = self->socket.type != SOCKET_DGRAM ? remains->peer : NULL;

    inbox_lock_two(inbox, peer);
    bool unread = inbox_unread(inbox);
    env_spin_lock(&inbox->lock);
    inbox->owner = NULL;
    env_spin_unlock(&inbox->lock);
    atomic_store(&inbox->ended, true);
    atomic_store(&inbox->peer, NULL);
    unix_messages_take(inbox, &remains->messages);
    unix_stream_purge(inbox, &remains->flights);
    if (peer != NULL) {
        peer_bereave(peer, unread || atomic_load(&self->embryo));
        remains->tell.socket = inbox_owner_get(peer);
    }
    inbox_unlock_two(inbox, peer);
    if (remains->tell.socket != NULL)
        remains->tell.events = ends_events(remains->tell.socket);
}

/* unix_mutex held. */
static void socket_leave(struct unix_socket *self, struct remains *remains)
{
    struct list *node;

    unix_unbind(self);
    list_remove(&self->all_link);
    remains->peer = atomic_load(&self->inbox->peer);
    if (self->socket.type == SOCKET_DGRAM && remains->peer != NULL) {
        env_mutex_lock(&remains->peer->mutex);
        list_remove(&self->inbox->connected_link);
        env_mutex_unlock(&remains->peer->mutex);
    }
    inbox_orphan(self, remains);
    while ((node = list_pop_front(&self->pending)) != NULL) {
        unix_hold_ward(container_of(node, struct unix_socket, pending_link), NULL);
        list_push_back(&remains->pending, node);
    }
}

static void remains_free(struct remains *remains)
{
    struct list *node;

    unix_messages_free(&remains->messages);
    unix_flights_free(&remains->flights);
    unix_tell(&remains->tell);
    while ((node = list_pop_front(&remains->pending)) != NULL)
        socket_release(&container_of(node, struct unix_socket, pending_link)->socket);
    inbox_put(remains->peer);
}

void unix_close(struct unix_socket *self)
{
    struct unix_inbox *inbox = self->inbox;
    struct remains remains = {.peer = NULL};

    list_init(&remains.messages);
    list_init(&remains.flights);
    list_init(&remains.pending);
    env_mutex_lock(&unix_mutex);
    socket_leave(self, &remains);
    env_mutex_unlock(&unix_mutex);
    env_mutex_lock(&inbox->mutex);
    inbox_unlock_and_room(inbox);
    remains_free(&remains);
    inbox_put(inbox);
    socket_fini(&self->socket);
    env_free(self, sizeof *self);
    unix_circles_free();
}

/* ---- Listing ---- */

static void entry_fill(const struct unix_socket *self, struct unix_socket_entry *entry)
{
    const struct unix_name *name = atomic_load(&self->inbox->name);
    int state = atomic_load(&self->state);

    *entry = (struct unix_socket_entry){
        .type = self->socket.type,
        .state = atomic_load(&self->embryo) ? 2
                 : state == UNIX_CONNECTED  ? 3
                                            : 1,
        .listening = state == UNIX_LISTENING,
        .references = atomic_load(&self->socket.object.references),
        .ino = self->socket.ino,
    };
    if (name != NULL)
        entry->name = name->text;
}

void unix_socket_each(bool (*show)(void *arg, const struct unix_socket_entry *socket), void *arg)
{
    struct unix_socket_entry entry;

    env_mutex_lock(&unix_mutex);
    list_for_each (node, &all_sockets) {
        entry_fill(container_of(node, struct unix_socket, all_link), &entry);
        if (!show(arg, &entry))
            break;
    }
    env_mutex_unlock(&unix_mutex);
}
