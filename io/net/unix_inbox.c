/* Inboxes of UNIX sockets: coming and going, levels, who waits for room. Locks: unix_private.h. */
#include "unix_private.h"

struct env_mutex unix_mutex;

/* ---- Coming and going ---- */

struct unix_inbox *inbox_new(struct unix_socket *owner)
{
    struct unix_inbox *inbox = env_alloc(sizeof *inbox, ENV_ZERO);

    if (inbox == NULL)
        return NULL;
    atomic_init(&inbox->references, 1);
    inbox->owner = owner;
    inbox->backlog = atomic_load(&socket_limits.unix_backlog);
    list_init(&inbox->marks);
    list_init(&inbox->messages);
    list_init(&inbox->connected);
    list_init(&inbox->watches);
    list_init(&inbox->connected_link);
    return inbox;
}

void inbox_ref(struct unix_inbox *inbox)
{
    atomic_fetch_add_explicit(&inbox->references, 1, memory_order_relaxed);
}

void inbox_put(struct unix_inbox *inbox)
{
    if (inbox == NULL ||
        atomic_fetch_sub_explicit(&inbox->references, 1, memory_order_acq_rel) != 1)
        return;
    if (inbox->bytes.slots != NULL)
        pipe_buffer_fini(&inbox->bytes);
    unix_name_put(atomic_load_explicit(&inbox->name, memory_order_relaxed));
    env_free(inbox, sizeof *inbox);
}

#define BYTES_SLOTS 64u /* pages: what the default SO_SNDBUF takes */

oskit_error_t inbox_bytes_init(struct unix_inbox *inbox)
{
    inbox->limit = SOCKET_BUFFER_DEFAULT;
    return pipe_buffer_init(&inbox->bytes, BYTES_SLOTS);
}

struct unix_inbox *inbox_peer_get(struct unix_inbox *inbox)
{
    env_mutex_lock(&inbox->mutex);
    struct unix_inbox *peer = atomic_load_explicit(&inbox->peer, memory_order_relaxed);
    if (peer != NULL)
        inbox_ref(peer);
    env_mutex_unlock(&inbox->mutex);
    return peer;
}

struct unix_socket *inbox_owner_get(struct unix_inbox *inbox)
{
    env_spin_lock(&inbox->lock);
    struct unix_socket *owner = inbox->owner;
    if (owner != NULL && !sluice_object_addref_unless_dead(&owner->socket.object))
        owner = NULL;
    env_spin_unlock(&inbox->lock);
    return owner;
}

/* By address. */
void inbox_lock_two(struct unix_inbox *one, struct unix_inbox *other)
{
    if (other == NULL || other == one) {
        env_mutex_lock(&one->mutex);
        return;
    }
    env_mutex_lock(one < other ? &one->mutex : &other->mutex);
    env_mutex_lock(one < other ? &other->mutex : &one->mutex);
}

void inbox_unlock_two(struct unix_inbox *one, struct unix_inbox *other)
{
    if (other != NULL && other != one)
        env_mutex_unlock(&other->mutex);
    env_mutex_unlock(&one->mutex);
}

/* ---- Levels ---- */

void unix_tell(struct unix_tell *tell)
{
    if (tell->socket == NULL)
        return;
    readiness_tell(&tell->socket->socket.readiness, tell->events);
    socket_release(&tell->socket->socket);
    tell->socket = NULL;
}

static bool inbox_empty(const struct unix_inbox *inbox)
{
    return pipe_buffer_used(&inbox->bytes) == 0 && list_empty(&inbox->messages);
}

/* Whether what SELF sends goes nowhere any more. */
static bool send_ended(const struct unix_socket *self)
{
    const struct unix_inbox *peer = atomic_load(&self->inbox->peer);

    if (self->socket.type == SOCKET_DGRAM || peer == NULL)
        return atomic_load(&self->no_send);
    return atomic_load(&peer->ended);
}

void unix_level_refresh(struct unix_socket *self)
{
    bool ended = atomic_load(&self->inbox->ended);
    bool lonely = self->socket.type != SOCKET_DGRAM && atomic_load(&self->state) == UNIX_CLOSED;
    uint32_t level = 0;

    if (ended || !inbox_empty(self->inbox) || !list_empty(&self->pending))
        level |= READY_READ;
    if (ended)
        level |= READY_RDHUP;
    if (lonely || (ended && send_ended(self)))
        level |= READY_HUP;
    readiness_change(&self->socket.readiness, level,
                     (READY_READ | READY_RDHUP | READY_HUP) & ~level);
}

/* ---- Room for datagrams ---- */

bool inbox_account_change(struct unix_inbox *sender, ptrdiff_t charge, int peer_full)
{
    env_spin_lock(&sender->lock);
    struct unix_socket *owner = sender->owner;
    bool came = false;
    sender->outstanding += (size_t)charge;
    if (peer_full >= 0)
        sender->peer_full = peer_full != 0;
    if (owner != NULL) {
        struct readiness *readiness = &owner->socket.readiness;
        bool room = sender->outstanding * 4 <= SOCKET_OPTION(&owner->socket, send_buffer) &&
                    !sender->peer_full && atomic_load(&owner->state) != UNIX_LISTENING;
        came = room && !(readiness_level(readiness) & READY_WRITE);
        readiness_change(readiness, room ? READY_WRITE : 0, room ? 0 : READY_WRITE);
    }
    env_spin_unlock(&sender->lock);
    return came;
}

#define ROOM_BATCH 8u

/* Those that are connected and write one way only: who is connected back is never refused. */
static unsigned room_collect(struct unix_inbox *inbox, struct unix_tell *tells, struct list **at)
{
    const struct unix_inbox *peer = atomic_load(&inbox->peer);
    unsigned count = 0;

    while (*at != &inbox->connected && count < ROOM_BATCH) {
        struct unix_inbox *sender = container_of(*at, struct unix_inbox, connected_link);
        *at = (*at)->next;
        if (sender == peer || !inbox_account_change(sender, 0, inbox->full) || inbox->full)
            continue;
        struct unix_socket *owner = inbox_owner_get(sender);
        if (owner != NULL)
            tells[count++] = (struct unix_tell){owner, READY_WRITE};
    }
    return count;
}

/*
 * In batches, for the mutex has to be given back to tell. Who comes or goes meanwhile makes the
 * walk begin anew, which is harmless: a second time nothing comes up.
 */
void inbox_unlock_and_room(struct unix_inbox *inbox)
{
    struct list watches, *at;
    struct unix_tell tells[ROOM_BATCH];
    unsigned count;

    list_init(&watches);
    inbox->full = inbox->owner != NULL && inbox->count > inbox->backlog;
    if (!inbox->full)
        watches_take(inbox, &watches);
    at = inbox->connected.next;
    do {
        count = room_collect(inbox, tells, &at);
        env_mutex_unlock(&inbox->mutex);
        for (unsigned i = 0; i < count; i++)
            unix_tell(&tells[i]);
        if (count == ROOM_BATCH) {
            env_mutex_lock(&inbox->mutex);
            at = inbox->connected.next;
        }
    } while (count == ROOM_BATCH);
    watches_tell(&watches);
}

/* ---- Watches ---- */

oskit_error_t watch_add(struct unix_inbox *inbox, struct unix_inbox *who)
{
    list_for_each (node, &inbox->watches)
        if (container_of(node, struct unix_watch, link)->who == who)
            return OSKIT_SUCCESS;
    struct unix_watch *watch = env_alloc(sizeof *watch, 0);
    if (watch == NULL)
        return OSKIT_ENOMEM;
    inbox_ref(who);
    watch->who = who;
    list_push_back(&inbox->watches, &watch->link);
    return OSKIT_SUCCESS;
}

void watches_take(struct unix_inbox *inbox, struct list *list)
{
    struct list *node;

    while ((node = list_pop_front(&inbox->watches)) != NULL)
        list_push_back(list, node);
}

void watches_tell(struct list *list)
{
    struct list *node;

    while ((node = list_pop_front(list)) != NULL) {
        struct unix_watch *watch = container_of(node, struct unix_watch, link);
        struct unix_tell tell = {inbox_owner_get(watch->who), READY_WRITE};
        unix_tell(&tell);
        inbox_put(watch->who);
        env_free(watch, sizeof *watch);
    }
}
