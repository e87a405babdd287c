/*
 * Inside UNIX sockets. A socket has an inbox, which outlives it: whoever sends to a socket holds
 * its inbox, not the socket, so that a closed one is gone for good, and finds it without an owner.
 *
 *     socket A ── inbox A ◄─ peer ─┐       A writes into inbox B: bytes with marks (streams), or
 *                  └─ peer ─► inbox B      messages (datagrams and records)
 *
 * Of a connected pair each direction is one inbox, and one flag says that it has ended, whoever
 * ended it (shutdown of either end, or death).
 *
 * Lock order:
 *   unix_mutex                names, who is whose peer, listening and accepting, shutdown, death;
 *                             changes of RDHUP and HUP. The owner of an inbox goes under it.
 *     inbox.mutex             what is in the inbox, and READY_READ of its owner; of a stream's,
 *                             READY_WRITE of its peer's owner. Held while bytes move to and from
 *                             the program (streams, peeks). Two at once only under unix_mutex.
 *       rights_mutex          unix_rights.c: descriptors under way
 *         inbox.lock          a spinlock: owner, and what its READY_WRITE follows from (datagrams)
 * Waiters are told with none of them held, with a reference to the socket.
 */
#ifndef IO_NET_UNIX_PRIVATE_H
#define IO_NET_UNIX_PRIVATE_H

#include <oskit/fs/file.h>
#include <sluice/env.h>
#include <sluice/list.h>
#include <sluice/unixsocket.h>
#include "io/stream/pipe_buffer.h"
#include "socket_base.h"
#include "socket_private.h"

/* ---- Names ---- */

/* Bound addresses. Shared by the socket that is bound and those accepted from it. */
struct unix_name {
    _Atomic uint32_t references;
    struct list link;           /* in the table while its socket lives; unix_mutex */
    struct unix_socket *socket; /* who is found by it; unix_mutex */
    oskit_iunknown_t *identity; /* of the file, with a reference; NULL: found by the text */
    oskit_s32_t type;           /* of the socket */
    struct socket_address text;
};

/* ---- Descriptors under way ---- */

/* Rights in a queue. Guarded by rights_mutex. */
struct unix_flight {
    struct list link; /* in the holder's flights; or in a list of those to be freed */
    struct socket_rights *rights;
    oskit_u32_t uid, count; /* whom they are charged to */
    oskit_u32_t references; /* its message; the list of those to be freed */
    bool stolen;            /* from its message, being part of a circle */
};

/* What rights_mutex guards in a socket. */
struct unix_hold {
    struct list flights; /* that wait in its inbox */
    struct list wards;   /* sockets that wait for accept in it */
    struct list ward_link;
    oskit_u32_t in_flight;   /* how often it is itself under way */
    void *file;              /* as what */
    struct list flying_link; /* among those that are */
    struct list work_link;   /* the search for circles */
    oskit_u32_t left;
    bool candidate, mixed;
};

/* ---- Inboxes ---- */

/* A stretch of a stream that came with credentials or rights. */
struct unix_mark {
    struct list link;
    uint64_t start, end; /* positions in the stream */
    struct socket_credentials credentials;
    bool has_credentials;
    struct unix_flight *flight; /* NULL: no rights, or taken */
};

struct unix_message {
    struct list link;
    struct unix_inbox *sender; /* a reference: charged for it till it is gone, and has the name */
    struct unix_flight *flight;
    struct socket_credentials credentials;
    bool has_credentials;
    oskit_s64_t time; /* when it was sent; 0: nobody asked */
    oskit_u32_t charge;
    oskit_u32_t length;
    oskit_u32_t pages; /* 0: the bytes lie behind */
    union {
        void *page[1];       /* and more */
        oskit_u8_t bytes[1]; /* and more */
    } u;
};

enum unix_state { UNIX_CLOSED, UNIX_LISTENING, UNIX_CONNECTED };

struct unix_inbox {
    _Atomic uint32_t references;
    struct env_mutex mutex;
    struct env_spinlock lock;
    struct unix_socket *owner;       /* changed under mutex and lock: NULL when it is closed */
    struct unix_inbox *_Atomic peer; /* a reference; changed under unix_mutex and mutex. Of a
                                        stream it stays once set, as long as the owner lives */
    struct unix_name *_Atomic name;  /* a reference; set once */
    _Atomic bool ended;              /* nothing more comes in; mutex */

    /* A stream. */
    struct pipe_buffer bytes;
    uint64_t position; /* bytes read so far */
    struct list marks;
    uint32_t mark_count;
    uint32_t limit; /* the sender's SO_SNDBUF */
    bool stuffed;   /* the sender isn't writable */

    /* Datagrams and records; sockets that wait for accept count here too. */
    struct list messages;
    uint32_t count, backlog;
    size_t queued;         /* bytes in messages */
    bool full;             /* more than backlog: what `connected` were told */
    struct list connected; /* inboxes whose owner's peer this is */
    struct list watches;   /* who waits for room without being connected */

    /* What the owner has sent, in datagrams and records; lock. */
    struct list connected_link; /* in peer's connected; its mutex */
    size_t outstanding;
    bool peer_full;
};

/* Somebody whose call was refused for want of room in an inbox, once. */
struct unix_watch {
    struct list link;
    struct unix_inbox *who; /* a reference */
};

struct unix_socket {
    struct socket socket;
    struct unix_inbox *inbox; /* a reference; immutable */
    struct list all_link;     /* all sockets; unix_mutex */
    _Atomic int state;        /* enum unix_state; changed under unix_mutex */
    _Atomic bool no_send;     /* its own shutdown, where no peer's inbox says it; unix_mutex */
    _Atomic bool embryo;      /* nobody has accepted it yet; unix_mutex */
    struct list pending;      /* sockets to be accepted, by pending_link; unix_mutex */
    struct list pending_link;
    oskit_s32_t peek_offset; /* SO_PEEK_OFF, -1: none; inbox->mutex */
    /* SO_PEERCRED, and of a listener its own; unix_mutex. */
    struct socket_credentials peer_credentials;
    struct unix_hold hold;
};

extern struct env_mutex unix_mutex;
extern const struct socket_kind unix_stream_kind, unix_dgram_kind, unix_seqpacket_kind;

static inline struct unix_socket *unix_of(struct socket *s)
{
    return container_of(s, struct unix_socket, socket);
}
static inline bool unix_is_stream(const struct unix_socket *self)
{
    return self->socket.type == SOCKET_STREAM;
}

/* unix_inbox.c */
struct unix_inbox *inbox_new(struct unix_socket *owner);
void inbox_ref(struct unix_inbox *inbox);
void inbox_put(struct unix_inbox *inbox);
/* Room for bytes, when a stream is about to be connected. */
oskit_error_t inbox_bytes_init(struct unix_inbox *inbox);
/* The peer, with a reference; NULL: none. */
struct unix_inbox *inbox_peer_get(struct unix_inbox *inbox);
/* The owner with a reference, for telling; NULL: it is closed. */
struct unix_socket *inbox_owner_get(struct unix_inbox *inbox);
/* Both inboxes' mutexes, under unix_mutex; OTHER may be NULL or the same. */
void inbox_lock_two(struct unix_inbox *one, struct unix_inbox *other);
void inbox_unlock_two(struct unix_inbox *one, struct unix_inbox *other);

/* A socket to be told once the locks are given back. */
struct unix_tell {
    struct unix_socket *socket;
    uint32_t events;
};
/* Releases. */
void unix_tell(struct unix_tell *tell);

/* RDHUP, HUP and READ of SELF's level after its state or what has ended changed; under unix_mutex
 * and the inboxes' mutexes. */
void unix_level_refresh(struct unix_socket *self);
/* READY_WRITE of who sends datagrams, from its own account and its peer's inbox. Answers whether it
 * came up. Takes inbox->lock. */
bool inbox_account_change(struct unix_inbox *sender, ptrdiff_t charge, int peer_full);
/* The inbox has room, or none any more: those that are connected to it hear of it. Called with its
 * mutex held, which it releases. */
void inbox_unlock_and_room(struct unix_inbox *inbox);
/* Tells those who wait for room, with the mutex held; the nodes go to LIST and watches_tell does it
 * after. */
void watches_take(struct unix_inbox *inbox, struct list *list);
void watches_tell(struct list *list);
oskit_error_t watch_add(struct unix_inbox *inbox, struct unix_inbox *who);

/* unix_name.c; under unix_mutex where it says so */
oskit_error_t unix_address_check(const struct socket_address *name);
void unix_name_put(struct unix_name *name);
struct unix_name *unix_name_ref(struct unix_name *name); /* NULL stays NULL */
/* Who is bound to ADDRESS, for a socket of TYPE: its inbox with a reference. unix_mutex.
 * OSKIT_ECONNREFUSED, OSKIT_EPROTOTYPE. */
oskit_error_t unix_name_find(const struct socket_address *address, oskit_s32_t type,
                             struct unix_inbox **out);
oskit_error_t unix_bind(struct socket *s, const struct socket_address *address);
oskit_error_t unix_autobind(struct unix_socket *self);
void unix_unbind(struct unix_socket *self); /* unix_mutex */
void unix_name_tell(const struct unix_name *name, struct socket_address *out);

/* unix_connect.c */
oskit_error_t unix_stream_connect(struct socket *s, const struct socket_address *name);
oskit_error_t unix_dgram_connect(struct socket *s, const struct socket_address *name);
oskit_error_t unix_listen(struct socket *s, oskit_s32_t backlog);
oskit_error_t unix_accept(struct socket *s, struct socket_address *peer, struct socket **out);
oskit_error_t unix_shutdown(struct socket *s, oskit_u32_t how);
oskit_error_t unix_pair(struct unix_socket *one, struct unix_socket *other);
/* SELF gives up its peer, a datagram socket's that is dead or another now. unix_mutex. Its own
 * inbox is emptied and the old peer told of it, as Linux has it. */
void unix_dgram_disconnect(struct unix_socket *self, struct unix_inbox *now);
/* The last release. */
void unix_close(struct unix_socket *self);
oskit_error_t unix_socket_new(oskit_s32_t type, struct unix_socket **out);

/* unix_stream.c */
oskit_error_t unix_stream_send(struct socket *s, struct socket_message *message, oskit_size_t *out);
oskit_error_t unix_stream_receive(struct socket *s, struct socket_message *message,
                                  oskit_size_t *out);
oskit_error_t unix_stream_readv(struct socket *s, struct sluice_uio *uio, oskit_size_t *out);
oskit_error_t unix_stream_writev(struct socket *s, struct sluice_uio *uio, oskit_size_t *out);
void unix_stream_limit(struct unix_socket *self); /* SO_SNDBUF has changed */
/* Drops what is in it; rights go to DOOMED. With the mutex held. */
void unix_stream_purge(struct unix_inbox *inbox, struct list *doomed);

/* unix_message.c */
oskit_error_t unix_dgram_send(struct socket *s, struct socket_message *message, oskit_size_t *out);
oskit_error_t unix_seqpacket_send(struct socket *s, struct socket_message *message,
                                  oskit_size_t *out);
oskit_error_t unix_dgram_receive(struct socket *s, struct socket_message *message,
                                 oskit_size_t *out);
oskit_error_t unix_seqpacket_receive(struct socket *s, struct socket_message *message,
                                     oskit_size_t *out);
/* Takes the messages out into LIST; with the mutex held. messages_free, with no lock held, frees
 * them and tells their senders. */
void unix_messages_take(struct unix_inbox *inbox, struct list *list);
void unix_messages_free(struct list *list);

/* unix_rights.c */
void unix_hold_init(struct unix_hold *hold);
/* Charges the caller for RIGHTS; NULL in and out: none. OSKIT_ETOOMANYREFS, OSKIT_ENOMEM. */
oskit_error_t unix_flight_new(struct socket_rights *rights, struct unix_flight **out);
/* The message wasn't sent: FLIGHT goes, its rights are still the caller's. NULL is ignored. */
void unix_flight_cancel(struct unix_flight *flight);
/* It waits in HOLDER's inbox from now on. NULL is ignored. */
void unix_flight_begin(struct unix_flight *flight, struct unix_socket *holder);
/* It has been received; FLIGHT goes. NULL gives NULL. */
struct socket_rights *unix_flight_end(struct unix_flight *flight);
/* A second set of references, for a peek. NULL: none, or no memory. */
struct socket_rights *unix_flight_copy(const struct unix_flight *flight);
/* It is dropped: put on LIST, which unix_flights_free frees, with no lock held. */
void unix_flight_drop(struct unix_flight *flight, struct list *list);
void unix_flights_free(struct list *list);
/* WARD waits for accept in PARENT (NULL: not any more). */
void unix_hold_ward(struct unix_socket *ward, struct unix_socket *parent);
/* Frees circles of sockets that nobody but each other's queues refers to. [no lock held] */
void unix_circles_free(void);

#endif
