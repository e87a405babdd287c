/*
 * Bytes of UNIX streams: written into the peer's inbox, read from one's own, copied once each way
 * with the inbox's mutex held. Marks, which most streams never have, say which bytes came with
 * rights or credentials: a read takes the rights with the first byte of theirs and ends with the
 * last, and with SO_PASSCRED it doesn't glue bytes of different senders together.
 *
 * READY_WRITE is off while more than a quarter of what may be under way is: whoever waits for room
 * is woken when there is plenty, as on Linux. Locks: unix_private.h.
 */
#include "unix_private.h"

/* What a mark counts in SO_SNDBUF, so that marks are bounded as bytes are. */
#define MARK_CHARGE 256u

static size_t inbox_charge(const struct unix_inbox *inbox)
{
    return pipe_buffer_used(&inbox->bytes) + inbox->mark_count * (size_t)MARK_CHARGE;
}

/* Pages that an inbox may hold: enough also when half of each is empty. */
static uint32_t slots_most(const struct unix_inbox *inbox)
{
    uint32_t slots = 1;

    while (slots < inbox->limit / (ENV_PAGE_SIZE / 2))
        slots *= 2;
    return slots;
}

static bool inbox_roomy(const struct unix_inbox *inbox)
{
    uint32_t slots = inbox->bytes.head - inbox->bytes.tail;

    return inbox_charge(inbox) * 4 <= inbox->limit && slots <= slots_most(inbox) / 2;
}

/* ---- Telling, with the mutex held, which these release ---- */

/* Bytes have come: the reader hears of each time. WRITER is no more writable when it gets full. */
static inline void inbox_filled(struct unix_inbox *inbox, struct unix_socket *writer)
{
    struct unix_socket *owner = inbox->owner;
    struct readiness *readiness = &owner->socket.readiness;

    if (inbox_charge(inbox) * 4 > inbox->limit && !inbox->stuffed) {
        inbox->stuffed = true;
        readiness_change(&writer->socket.readiness, 0, READY_WRITE);
    }
    readiness_change(readiness, READY_READ, 0);
    bool told = atomic_load(&readiness->waiting) != 0 &&
                sluice_object_addref_unless_dead(&owner->socket.object);
    env_mutex_unlock(&inbox->mutex);
    if (__builtin_expect(told, 0)) {
        readiness_tell(readiness, READY_READ);
        socket_release(&owner->socket);
    }
}

static __attribute__((noinline)) void inbox_unstuff_and_unlock(struct unix_inbox *inbox)
{
    struct unix_inbox *peer = atomic_load(&inbox->peer);
    struct unix_tell tell = {peer != NULL ? inbox_owner_get(peer) : NULL, READY_WRITE};

    inbox->stuffed = false;
    if (tell.socket != NULL)
        readiness_change(&tell.socket->socket.readiness, READY_WRITE, 0);
    env_mutex_unlock(&inbox->mutex);
    unix_tell(&tell);
}

/* Bytes have left. */
static inline void inbox_drained(struct unix_inbox *inbox, struct unix_socket *reader)
{
    if (pipe_buffer_used(&inbox->bytes) == 0 &&
        !atomic_load_explicit(&inbox->ended, memory_order_relaxed))
        readiness_change(&reader->socket.readiness, 0, READY_READ);
    if (__builtin_expect(inbox->stuffed && inbox_roomy(inbox), 0))
        inbox_unstuff_and_unlock(inbox);
    else
        env_mutex_unlock(&inbox->mutex);
}

/* ---- Writing ---- */

/* As many bytes as SO_SNDBUF lets in; the last page may overshoot. With the mutex held. */
static inline oskit_error_t bytes_write(struct unix_inbox *inbox, struct sluice_uio *uio,
                                        size_t *moved)
{
    size_t charge = inbox_charge(inbox), left = uio->left;

    *moved = 0;
    if (charge >= inbox->limit)
        return OSKIT_EWOULDBLOCK;
    size_t most = inbox->limit - charge;
    if (most < ENV_PAGE_SIZE)
        most = ENV_PAGE_SIZE;
    if (left > most)
        uio->left = most;
    oskit_error_t err = pipe_buffer_write(&inbox->bytes, uio, moved);
    if (left > most)
        uio->left = left - *moved;
    return err;
}

/* Every slot is taken: twice as many, unless that is enough. */
static oskit_error_t bytes_grow(struct unix_inbox *inbox)
{
    uint32_t slots = 2 * (inbox->bytes.mask + 1);

    if (!pipe_buffer_full(&inbox->bytes) || slots > slots_most(inbox))
        return OSKIT_EWOULDBLOCK;
    return pipe_buffer_resize(&inbox->bytes, slots);
}

static oskit_error_t write_checked(struct unix_inbox *inbox, struct unix_socket *self,
                                   struct sluice_uio *uio, size_t *moved)
{
    *moved = 0;
    if (atomic_load_explicit(&inbox->ended, memory_order_relaxed))
        return OSKIT_EPIPE;
    oskit_error_t err = socket_error_take(&self->socket);
    if (OSKIT_FAILED(err))
        return err;
    err = bytes_write(inbox, uio, moved);
    while (err == OSKIT_EWOULDBLOCK && inbox_charge(inbox) < inbox->limit) {
        err = bytes_grow(inbox);
        if (OSKIT_FAILED(err))
            return err;
        err = bytes_write(inbox, uio, moved);
    }
    return err;
}

/* With the mutex held, which it releases: nothing went in. A writer that finds no room isn't
 * writable. */
static oskit_error_t write_refused(struct unix_inbox *inbox, struct unix_socket *self,
                                   oskit_error_t err)
{
    if (err == OSKIT_EWOULDBLOCK && !inbox->stuffed) {
        inbox->stuffed = true;
        readiness_change(&self->socket.readiness, 0, READY_WRITE);
    }
    env_mutex_unlock(&inbox->mutex);
    return err;
}

/* ---- Marks ---- */

static uint64_t inbox_end(const struct unix_inbox *inbox)
{
    return inbox->position + pipe_buffer_used(&inbox->bytes);
}

static bool credentials_equal(const struct socket_credentials *a,
                              const struct socket_credentials *b)
{
    return a->pid == b->pid && a->uid == b->uid && a->gid == b->gid;
}

/* The last mark covers what comes next, too. */
static bool mark_extends(const struct unix_inbox *inbox, const struct unix_mark *mark,
                         uint64_t start)
{
    if (mark->flight != NULL || list_empty(&inbox->marks))
        return false;
    const struct unix_mark *last = container_of(inbox->marks.prev, struct unix_mark, link);
    return last->flight == NULL && last->end == start && last->has_credentials &&
           mark->has_credentials && credentials_equal(&last->credentials, &mark->credentials);
}

static void mark_add(struct unix_inbox *inbox, struct unix_mark *mark, uint64_t start)
{
    if (mark_extends(inbox, mark, start)) {
        container_of(inbox->marks.prev, struct unix_mark, link)->end = inbox_end(inbox);
        env_free(mark, sizeof *mark);
        return;
    }
    mark->start = start;
    mark->end = inbox_end(inbox);
    unix_flight_begin(mark->flight, inbox->owner);
    list_push_back(&inbox->marks, &mark->link);
    inbox->mark_count++;
}

static void mark_remove(struct unix_inbox *inbox, struct unix_mark *mark)
{
    list_remove(&mark->link);
    inbox->mark_count--;
    env_free(mark, sizeof *mark);
}

/* Marks whose bytes have all been read; what rights they still have go to DOOMED. */
static void marks_trim(struct unix_inbox *inbox, struct list *doomed)
{
    list_for_each_safe (node, &inbox->marks) {
        struct unix_mark *mark = container_of(node, struct unix_mark, link);
        if (mark->end > inbox->position)
            return;
        if (mark->flight != NULL)
            unix_flight_drop(mark->flight, doomed);
        mark_remove(inbox, mark);
    }
}

void unix_stream_purge(struct unix_inbox *inbox, struct list *doomed)
{
    if (inbox->bytes.slots == NULL)
        return;
    inbox->position = inbox_end(inbox);
    marks_trim(inbox, doomed);
    pipe_buffer_clear(&inbox->bytes);
}

/* Credentials go along when either side asks for them, or nobody has accepted the other yet. With
 * the mutex held. */
static bool wants_credentials(const struct unix_socket *self, const struct unix_inbox *inbox)
{
    const struct unix_socket *owner = inbox->owner;

    return SOCKET_OPTION(&self->socket, pass_cred) ||
           (owner != NULL && (SOCKET_OPTION(&owner->socket, pass_cred) ||
                              atomic_load_explicit(&owner->embryo, memory_order_relaxed)));
}

/* A mark for MESSAGE, or NULL. */
static oskit_error_t mark_new(struct socket_message *message, struct unix_mark **out)
{
    struct unix_flight *flight;
    oskit_error_t err = unix_flight_new(message->rights, &flight);

    *out = NULL;
    if (OSKIT_FAILED(err))
        return err;
    struct unix_mark *mark = env_alloc(sizeof *mark, 0);
    if (mark == NULL) {
        unix_flight_cancel(flight);
        return OSKIT_ENOMEM;
    }
    *mark = (struct unix_mark){
        .credentials = message->has_credentials ? message->credentials : socket_sender(),
        .has_credentials = true,
        .flight = flight,
    };
    *out = mark;
    return OSKIT_SUCCESS;
}

static void mark_cancel(struct unix_mark *mark)
{
    unix_flight_cancel(mark->flight);
    env_free(mark, sizeof *mark);
}

static oskit_error_t write_marked(struct unix_socket *self, struct unix_inbox *inbox,
                                  struct socket_message *message, oskit_size_t *out)
{
    struct unix_mark *mark;
    oskit_error_t err = mark_new(message, &mark);

    if (OSKIT_FAILED(err))
        return err;
    env_mutex_lock(&inbox->mutex);
    uint64_t start = inbox_end(inbox);
    err = write_checked(inbox, self, message->uio, out);
    if (OSKIT_FAILED(err)) {
        mark_cancel(mark);
        return write_refused(inbox, self, err);
    }
    message->rights = NULL;
    mark_add(inbox, mark, start);
    inbox_filled(inbox, self);
    return OSKIT_SUCCESS;
}

/* ---- The calls that send ---- */

static oskit_error_t write_nothing(const struct unix_inbox *inbox)
{
    return atomic_load(&inbox->ended) ? OSKIT_EPIPE : OSKIT_SUCCESS;
}

oskit_error_t unix_stream_writev(struct socket *s, struct sluice_uio *uio, oskit_size_t *out)
{
    struct unix_socket *self = unix_of(s);
    struct unix_inbox *inbox = atomic_load_explicit(&self->inbox->peer, memory_order_acquire);

    *out = 0;
    if (inbox == NULL)
        return OSKIT_ENOTCONN;
    if (uio->left == 0)
        return write_nothing(inbox);
    env_mutex_lock(&inbox->mutex);
    if (__builtin_expect(wants_credentials(self, inbox), 0)) {
        struct socket_message message = {.uio = uio};
        env_mutex_unlock(&inbox->mutex);
        return write_marked(self, inbox, &message, out);
    }
    oskit_error_t err = write_checked(inbox, self, uio, out);
    if (__builtin_expect(OSKIT_FAILED(err), 0))
        return write_refused(inbox, self, err);
    inbox_filled(inbox, self);
    return OSKIT_SUCCESS;
}

oskit_error_t unix_stream_send(struct socket *s, struct socket_message *message, oskit_size_t *out)
{
    struct unix_socket *self = unix_of(s);
    struct unix_inbox *inbox = atomic_load_explicit(&self->inbox->peer, memory_order_acquire);

    *out = 0;
    if (message->flags & SOCKET_MSG_OOB)
        return OSKIT_EOPNOTSUPP;
    if (message->name != NULL)
        return inbox != NULL ? OSKIT_EISCONN : OSKIT_EOPNOTSUPP;
    if (inbox == NULL)
        return OSKIT_ENOTCONN;
    if (message->uio->left == 0)
        return write_nothing(inbox);
    if (message->rights == NULL && !message->has_credentials)
        return unix_stream_writev(s, message->uio, out);
    return write_marked(self, inbox, message, out);
}

void unix_stream_limit(struct unix_socket *self)
{
    struct unix_inbox *inbox = inbox_peer_get(self->inbox);

    if (inbox == NULL)
        return;
    env_mutex_lock(&inbox->mutex);
    inbox->limit = SOCKET_OPTION(&self->socket, send_buffer);
    bool room = inbox_roomy(inbox);
    if (room && inbox->stuffed) {
        inbox_unstuff_and_unlock(inbox);
    } else {
        if (!room && !inbox->stuffed) {
            inbox->stuffed = true;
            readiness_change(&self->socket.readiness, 0, READY_WRITE);
        }
        env_mutex_unlock(&inbox->mutex);
    }
    inbox_put(inbox);
}

/* ---- Reading ---- */

/* Nothing is there: an error that is pending, the end, or later. With the mutex held, which it
 * releases. */
static oskit_error_t read_empty(struct unix_inbox *inbox, struct unix_socket *self)
{
    oskit_error_t err = socket_error_take(&self->socket);

    if (OSKIT_SUCCEEDED(err) && !atomic_load(&inbox->ended))
        err = OSKIT_EWOULDBLOCK;
    env_mutex_unlock(&inbox->mutex);
    return err;
}

/* An inbox without bytes belongs to a socket that was never connected. */
static bool never_connected(const struct unix_socket *self)
{
    return atomic_load_explicit(&self->state, memory_order_acquire) != UNIX_CONNECTED;
}

oskit_error_t unix_stream_readv(struct socket *s, struct sluice_uio *uio, oskit_size_t *out)
{
    struct unix_socket *self = unix_of(s);
    struct unix_inbox *inbox = self->inbox;

    *out = 0;
    if (never_connected(self))
        return OSKIT_E_INVALIDARG;
    env_mutex_lock(&inbox->mutex);
    if (__builtin_expect(!list_empty(&inbox->marks) || self->peek_offset >= 0, 0)) {
        struct socket_message message = {.uio = uio, .flags = SOCKET_MSG_DONTWAIT};
        env_mutex_unlock(&inbox->mutex);
        oskit_error_t err = unix_stream_receive(s, &message, out);
        socket_rights_free(message.rights); /* read has no place for them */
        return err;
    }
    if (pipe_buffer_used(&inbox->bytes) == 0)
        return read_empty(inbox, self);
    oskit_error_t err = pipe_buffer_read(&inbox->bytes, uio, false, out);
    inbox->position += *out;
    inbox_drained(inbox, self);
    return err;
}

/* What a read from POSITION on may take at once, and what comes with it. */
struct stretch {
    uint64_t end;
    struct unix_mark *rights; /* the mark whose rights it takes, if it gets there */
    struct socket_credentials credentials;
    bool has_credentials;
};

static const struct socket_credentials nobody = {0, 65534, 65534};

/* The stretch ends with the first mark that has rights, and with CREDENTIALS where those change. */
static void stretch_find(const struct unix_inbox *inbox, uint64_t position, bool credentials,
                         struct stretch *out)
{
    uint64_t at = position;
    bool first = true;

    *out = (struct stretch){.end = inbox_end(inbox), .credentials = nobody};
    list_for_each (node, &inbox->marks) {
        struct unix_mark *mark = container_of(node, struct unix_mark, link);
        if (mark->end <= position)
            continue;
        if (mark->start > at) { /* bytes before it that nobody signed */
            if (credentials && !first && !credentials_equal(&out->credentials, &nobody)) {
                out->end = at;
                return;
            }
            first = false;
        }
        if (first)
            out->credentials = mark->credentials;
        else if (credentials && !credentials_equal(&out->credentials, &mark->credentials)) {
            out->end = mark->start;
            return;
        }
        first = false;
        at = mark->end;
        if (mark->flight != NULL) {
            out->rights = mark;
            out->end = mark->end;
            return;
        }
    }
    if (credentials && !first && at < out->end && !credentials_equal(&out->credentials, &nobody))
        out->end = at;
}

/* Bytes from SKIP on, at most SIZE, which stay. */
static oskit_error_t bytes_peek(const struct pipe_buffer *bytes, size_t skip, size_t size,
                                struct sluice_uio *uio, size_t *moved)
{
    oskit_error_t err = OSKIT_SUCCESS;

    *moved = 0;
    for (uint32_t at = bytes->tail; at != bytes->head && *moved < size && uio->left != 0; at++) {
        const struct pipe_slot *slot = pipe_buffer_slot(bytes, at);
        size_t here, most = slot->length;
        if (skip >= most) {
            skip -= most;
            continue;
        }
        most -= skip;
        if (most > size - *moved)
            most = size - *moved;
        err = uio_write_to(uio, (char *)slot->page + slot->offset + skip, most, &here);
        skip = 0;
        *moved += here;
        if (OSKIT_FAILED(err))
            break;
    }
    return *moved != 0 ? OSKIT_SUCCESS : err;
}

static oskit_error_t bytes_take(struct pipe_buffer *bytes, size_t size, struct sluice_uio *uio,
                                size_t *moved)
{
    size_t left = uio->left;

    if (left > size)
        uio->left = size;
    oskit_error_t err = pipe_buffer_read(bytes, uio, false, moved);
    if (left > size)
        uio->left = left - *moved;
    return err;
}

/* SO_PEEK_OFF follows: forward by what is looked at, back by what is taken. */
static void peek_offset_move(struct unix_socket *self, bool peek, size_t moved)
{
    if (self->peek_offset < 0)
        return;
    if (peek)
        self->peek_offset += (oskit_s32_t)moved;
    else
        self->peek_offset -=
            moved < (size_t)self->peek_offset ? (oskit_s32_t)moved : self->peek_offset;
}

/* Rights of the stretch whose first byte has moved, or would be the next: a read of nothing gets
 * them, too. */
static struct socket_rights *stretch_rights(const struct stretch *stretch, uint64_t position,
                                            uint64_t reached, bool peek)
{
    struct unix_mark *mark = stretch->rights;

    if (mark == NULL || (mark->start >= reached && mark->start > position))
        return NULL;
    if (peek)
        return unix_flight_copy(mark->flight);
    struct socket_rights *rights = unix_flight_end(mark->flight);
    mark->flight = NULL;
    return rights;
}

/* With the mutex held, and bytes there beyond SKIP. */
static oskit_error_t stretch_receive(struct unix_socket *self, struct socket_message *message,
                                     size_t skip, oskit_size_t *out)
{
    struct unix_inbox *inbox = self->inbox;
    bool peek = message->flags & SOCKET_MSG_PEEK;
    uint64_t position = inbox->position + skip;
    struct stretch stretch;

    stretch_find(inbox, position, SOCKET_OPTION(&self->socket, pass_cred), &stretch);
    size_t size = (size_t)(stretch.end - position);
    oskit_error_t err = peek ? bytes_peek(&inbox->bytes, skip, size, message->uio, out)
                             : bytes_take(&inbox->bytes, size, message->uio, out);
    if (OSKIT_SUCCEEDED(err))
        message->rights = stretch_rights(&stretch, position, position + *out, peek);
    if (!peek)
        inbox->position += *out;
    peek_offset_move(self, peek, *out);
    message->credentials = stretch.credentials;
    message->has_credentials = SOCKET_OPTION(&self->socket, pass_cred);
    return err;
}

/* Whoever waits wants SO_RCVLOWAT's worth, if it can still come and go with what is there. With the
 * mutex held, and bytes there. */
static bool wants_more(struct unix_socket *self, const struct socket_message *message)
{
    struct unix_inbox *inbox = self->inbox;
    size_t here = pipe_buffer_used(&inbox->bytes), low = SOCKET_OPTION(&self->socket, receive_low);
    struct stretch stretch;

    if (here >= low || here >= message->uio->left ||
        (message->flags & (SOCKET_MSG_DONTWAIT | SOCKET_MSG_PEEK)) ||
        inbox_charge(inbox) >= inbox->limit || atomic_load(&inbox->ended) ||
        atomic_load(&self->socket.error) != OSKIT_SUCCESS)
        return false;
    stretch_find(inbox, inbox->position, SOCKET_OPTION(&self->socket, pass_cred), &stretch);
    return stretch.end == inbox_end(inbox) && stretch.rights == NULL;
}

oskit_error_t unix_stream_receive(struct socket *s, struct socket_message *message,
                                  oskit_size_t *out)
{
    struct unix_socket *self = unix_of(s);
    struct unix_inbox *inbox = self->inbox;
    bool peek = message->flags & SOCKET_MSG_PEEK;
    struct list doomed;

    *out = 0;
    message->rights = NULL;
    if (never_connected(self))
        return OSKIT_E_INVALIDARG;
    if (message->flags & SOCKET_MSG_OOB)
        return OSKIT_EOPNOTSUPP;
    list_init(&doomed);
    env_mutex_lock(&inbox->mutex);
    size_t skip = peek && self->peek_offset > 0 ? (size_t)self->peek_offset : 0;
    if (pipe_buffer_used(&inbox->bytes) <= skip)
        return read_empty(inbox, self);
    if (__builtin_expect(wants_more(self, message), 0)) {
        env_mutex_unlock(&inbox->mutex);
        return OSKIT_EWOULDBLOCK;
    }
    oskit_error_t err = stretch_receive(self, message, skip, out);
    if (message->name != NULL) {
        const struct unix_inbox *peer = atomic_load(&inbox->peer);
        const struct unix_name *name = peer != NULL ? atomic_load(&peer->name) : NULL;
        if (name != NULL)
            *message->name = name->text;
    }
    marks_trim(inbox, &doomed);
    inbox_drained(inbox, self);
    unix_flights_free(&doomed);
    return err;
}
