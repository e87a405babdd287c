/*
 * What every socket shares: the object with its faces, readiness, the options of SOL_SOCKET that
 * mean the same everywhere, the pending error. A family embeds struct socket as its first member
 * and brings a struct socket_kind; socket.c turns the faces' methods into calls of the kind.
 *
 * Locks: options and state that one word holds are atomic or guarded by socket.lock (a spinlock, a
 * leaf). A kind has its own locks and may take socket.lock under them. Kinds change the readiness
 * under their own lock (readiness_change) and tell with no lock held, as readiness.h has it.
 */
#ifndef IO_NET_SOCKET_BASE_H
#define IO_NET_SOCKET_BASE_H

#include <oskit/com/stream.h>
#include <oskit/io/asyncio.h>
#include <oskit/io/posixio.h>
#include <oskit/net/socket.h>
#include <sluice/object.h>
#include <sluice/readiness.h>
#include <sluice/socket.h>
#include <sluice/vecio.h>
#include "socket_option.h"

struct bpf_program;
struct socket;

/*
 * A kind of socket. NULL where it says so, and then the base answers. Everything is [thread]; MSG
 * flags that a kind doesn't know it refuses (OSKIT_EOPNOTSUPP).
 */
struct socket_kind {
    const char *name;
    oskit_s32_t family, type;
    bool filters; /* takes SO_ATTACH_FILTER: socket_filter.h */
    oskit_error_t (*bind)(struct socket *s, const struct socket_address *name);
    oskit_error_t (*connect)(struct socket *s, const struct socket_address *name);
    oskit_error_t (*listen)(struct socket *s, oskit_s32_t backlog); /* NULL: EOPNOTSUPP */
    oskit_error_t (*accept)(struct socket *s, struct socket_address *peer,
                            struct socket **out);                 /* NULL: EOPNOTSUPP */
    oskit_error_t (*shutdown)(struct socket *s, oskit_u32_t how); /* HOW is one of the three */
    oskit_error_t (*getsockname)(struct socket *s, struct socket_address *out);
    oskit_error_t (*getpeername)(struct socket *s, struct socket_address *out);
    /*
     * Levels other than SOL_SOCKET, and of SOL_SOCKET what the base doesn't know (it answers
     * OSKIT_ENOPROTOOPT for what both don't). NULL: no option of its own.
     */
    oskit_error_t (*setsockopt)(struct socket *s, oskit_s32_t level, oskit_s32_t name,
                                const void *value, oskit_u32_t length);
    oskit_error_t (*getsockopt)(struct socket *s, oskit_s32_t level, oskit_s32_t name, void *value,
                                oskit_u32_t *length);
    /* A common option has changed (its SOCKET_SO_ number, of two numbers for one thing the older):
     * take note of it. May refuse (ENOPROTOOPT ...), and then the base takes it back. NULL: nothing
     * to note. */
    oskit_error_t (*changed)(struct socket *s, oskit_s32_t name);
    oskit_error_t (*send)(struct socket *s, struct socket_message *message, oskit_size_t *out);
    oskit_error_t (*receive)(struct socket *s, struct socket_message *message, oskit_size_t *out);
    /* NULL: OSKIT_E_NOTIMPL. */
    oskit_error_t (*send_segments)(struct socket *s, struct socket_message *message,
                                   const struct sg_segment *segments, oskit_u32_t count,
                                   struct socket_hold *hold, oskit_size_t *out);
    /* read(2) and write(2) without a message around it; NULL: by receive and send. */
    oskit_error_t (*readv)(struct socket *s, struct sluice_uio *uio, oskit_size_t *out);
    oskit_error_t (*writev)(struct socket *s, struct sluice_uio *uio, oskit_size_t *out);
    /* Bytes that a read would give now; FIONREAD and asyncio's readable are made of it. NULL: they
     * are refused. [any] */
    oskit_size_t (*readable)(struct socket *s);
    /* Commands of its own (SIOCOUTQ, SIOCATMARK ...); OSKIT_ENOTTY for others, which then go to
     * net_ioctl. NULL: none. */
    oskit_error_t (*ioctl)(struct socket *s, oskit_u32_t command, oskit_u64_t argument,
                           oskit_s32_t *out_result);
    /* As sluice_socket's close. NULL: never waits. */
    oskit_error_t (*close)(struct socket *s, oskit_u64_t *deadline);
    /* As sluice_socket's connect_readiness. NULL: the socket's own. */
    struct readiness *(*connect_readiness)(struct socket *s, const struct socket_address *name,
                                           oskit_iunknown_t **owner);
    /* The last reference is gone: ends the connection, calls socket_fini, frees the memory. [any:
     * rights in flight and network callbacks may drop the last one] */
    void (*destroy)(struct socket *s);
};

/* Options that the base keeps; `lock` guards them, single words are read without it. */
struct socket_options {
    bool debug, reuse_address, reuse_port, keepalive, dontroute, broadcast, oobinline, pass_cred;
    bool zerocopy, no_check, rxq_overflow;
    bool linger;
    oskit_u32_t linger_seconds;
    oskit_u32_t receive_buffer, send_buffer;   /* bytes as getsockopt tells: twice what was set */
    oskit_u32_t receive_low;                   /* SO_RCVLOWAT, >= 1 */
    oskit_u64_t receive_timeout, send_timeout; /* nanoseconds, 0: none */
    oskit_u32_t priority, mark;
    oskit_u8_t timestamp;  /* 0, or SOCKET_SO_TIMESTAMP[NS][_NEW] as the program chose */
    oskit_u32_t interface; /* SO_BINDTODEVICE: index, 0: none */
};

/* One of them, read while somebody may set it. */
#define SOCKET_OPTION(s, name) __atomic_load_n(&(s)->options.name, __ATOMIC_RELAXED)

#define SOCKET_BUFFER_DEFAULT 212992u /* Linux's rmem_default */
#define SOCKET_BUFFER_MAX     (4u << 20)

struct socket {
    struct sluice_object object;
    SLUICE_FACE(sluice_socket_t) socket;
    SLUICE_FACE(sluice_streamvec_t) streamvec;
    SLUICE_FACE(sluice_pollable_t) pollable;
    SLUICE_FACE(oskit_asyncio_t) asyncio;
    SLUICE_FACE(oskit_stream_t) stream;
    SLUICE_FACE(oskit_posixio_t) posixio;
    SLUICE_FACE(sluice_control_t) control;
    SLUICE_FACE(oskit_socket_t) seed;
    const struct socket_kind *kind;
    oskit_s32_t type, protocol;
    struct readiness readiness;
    struct listener_set listeners;
    struct env_spinlock lock;
    struct socket_options options;
    _Atomic oskit_error_t error; /* pending: SO_ERROR reads and clears it; changed under lock */
    bool errors_queued;          /* the kind has an error queue with something in it: ERR stays */
    bool listening;              /* SO_ACCEPTCONN: the base sets it after the kind's listen */
    bool filter_locked;          /* SO_LOCK_FILTER */
    struct bpf_program *filter;  /* SO_ATTACH_FILTER; NULL: none; socket_filter.h */
    oskit_u64_t ino;
    oskit_s64_t born;
    oskit_u32_t mode, uid, gid; /* of who made or accepted it; the file's, what fstat shows */
};

/* LEVEL is the readiness at first. The memory is the family's. Its owner is filled in by who hands
 * it to a program: socket_create, the base's accept. [any] */
void socket_init(struct socket *s, const struct socket_kind *kind, oskit_s32_t type,
                 oskit_s32_t protocol, uint32_t level);
/* For destroy. */
void socket_fini(struct socket *s);

static inline sluice_socket_t *socket_face(struct socket *s)
{
    return &s->socket.i;
}
/* The socket behind a face. */
static inline struct socket *socket_of(void *face)
{
    return (struct socket *)SLUICE_OBJECT(face);
}
static inline void socket_addref(struct socket *s)
{
    sluice_object_addref(&s->object);
}
static inline void socket_release(struct socket *s)
{
    sluice_object_release(&s->object);
}

/*
 * The pending error and READY_ERR of the level, which the base keeps: it is set while an error is
 * pending or errors are queued. Who sets one tells waiters (of READY_ERR) when its locks are given
 * back. [any]
 */
oskit_error_t socket_error_take(struct socket *s); /* OSKIT_SUCCESS: there is none */
/* Makes ERROR the pending one; an older one is forgotten. */
void socket_error_set(struct socket *s, oskit_error_t error);
void socket_errors_queued(struct socket *s, bool queued);

/* SO_TIMESTAMP and its kin: puts TIME, nanoseconds of the real clock, in the form that was asked
 * for; nothing when none was, or CONTROL is NULL. [any] */
void socket_stamp_put(const struct socket *s, struct socket_control *control, oskit_s64_t time);

/* An option's value as programs have it: int-sized ones. OSKIT_E_INVALIDARG when it is too short.
 * option_put cuts to *LENGTH. */
oskit_error_t option_int(const void *value, oskit_u32_t length, oskit_s32_t *out);
oskit_error_t option_put(void *value, oskit_u32_t *length, const void *from, oskit_u32_t size);
oskit_error_t option_put_int(void *value, oskit_u32_t *length, oskit_s32_t number);

/* ioctls of netdevice(7), arp(7) and routing, the same on every socket: set by who keeps the
 * interfaces. OSKIT_ENOTTY before. */
extern oskit_error_t (*net_ioctl)(oskit_u32_t command, oskit_u64_t argument,
                                  oskit_s32_t *out_result);

#endif
