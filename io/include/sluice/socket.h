/*
 * sluice_socket: what a socket offers beyond the seed's oskit_socket: addresses and options as
 * programs have them (Linux's numbers and layouts; the seed's are BSD's), messages by uio with
 * control data, and memory that is sent without being copied. A socket also answers streamvec
 * (read, write), pollable, asyncio, stream, posixio (S_IFSOCK), control (ioctl) and oskit_socket.
 *
 * Nothing here waits for the network: OSKIT_EWOULDBLOCK, and readiness says when to try again. The
 * system-call layer waits, and alone knows O_NONBLOCK, MSG_DONTWAIT, MSG_WAITALL and signals; of
 * the time limits it asks (get_timeouts). [thread] throughout unless said otherwise.
 */
#ifndef SLUICE_SOCKET_H
#define SLUICE_SOCKET_H

#include <stdbool.h>
#include <stdint.h>
#include <oskit/com.h>
#include <oskit/error.h>
#include <oskit/fs/file.h>
#include <oskit/types.h>
#include <sluice/blockqueue.h>
#include <sluice/capability.h>
#include <sluice/uio.h>

/* Families, types, levels, options and flags have Linux's values everywhere below. */
#define SOCKET_UNIX    1
#define SOCKET_INET    2
#define SOCKET_INET6   10
#define SOCKET_NETLINK 16
#define SOCKET_PACKET  17

#define SOCKET_STREAM    1
#define SOCKET_DGRAM     2
#define SOCKET_RAW       3
#define SOCKET_SEQPACKET 5

/* An address as programs have it: a family in host order, then what the family says. */
#define SOCKET_ADDRESS_MAX 128
struct socket_address {
    oskit_u32_t length; /* bytes; 0: none */
    union {
        oskit_u16_t family;
        oskit_u8_t bytes[SOCKET_ADDRESS_MAX];
        struct {
            oskit_u16_t family, port; /* port and address in network order */
            oskit_u8_t address[4], zero[8];
        } in;
        struct {
            oskit_u16_t family, port;
            oskit_u32_t flow;
            oskit_u8_t address[16];
            oskit_u32_t scope;
        } in6;
        struct {
            oskit_u16_t family;
            char path[108]; /* length says how much of it counts; path[0] 0: abstract */
        } un;
        struct {
            oskit_u16_t family, pad;
            oskit_u32_t port, groups;
        } netlink;
        struct {
            oskit_u16_t family, protocol; /* protocol in network order */
            oskit_s32_t interface;
            oskit_u16_t hardware;
            oskit_u8_t kind, address_length, address[8];
        } packet;
    } u;
    /*
     * Of a UNIX path, in a call from the system-call layer: the file that the path leads to
     * (connect, send; permission to write was checked) or was just made (bind). Borrowed. NULL for
     * abstract names and other families.
     */
    oskit_file_t *file;
};

/*
 * Things handed over with a message (SCM_RIGHTS). The system-call layer makes them of descriptors
 * and back; sockets carry, count and release them.
 */
struct socket_right {
    void *file; /* the host's open file, with a reference */
    /* The UNIX socket behind FILE, or NULL: rights to sockets may lie in each other's queues, and
     * the sockets find such circles. Borrowed through FILE. */
    struct sluice_object *socket;
};
struct socket_rights {
    oskit_u32_t count;
    struct socket_right right[]; /* SOCKET_RIGHTS_MAX at most */
};
#define SOCKET_RIGHTS_MAX 253u
/* What the host brings: all below may be called in [thread] context only. */
struct socket_rights_host {
    void (*release)(void *file);           /* gives one reference back */
    oskit_u32_t (*references)(void *file); /* how many there are, to find circles */
    /* One more reference, for a look at rights that stay (MSG_PEEK). NULL: those give none. */
    void (*addref)(void *file);
};
extern const struct socket_rights_host *socket_rights_host; /* set once by the host */
/* Releases all and the memory. NULL is ignored. */
void socket_rights_free(struct socket_rights *rights);
struct socket_rights *socket_rights_alloc(oskit_u32_t count); /* NULL: no memory */

struct socket_credentials {
    oskit_s32_t pid;
    oskit_u32_t uid, gid;
};

/* Control data on the way in: one struct after the other in kernel memory, each a cmsg as programs
 * have it (64-bit length, level, type, data, padded to 8). */
struct socket_control {
    oskit_u8_t *bytes;
    oskit_u32_t length, room;
    bool truncated; /* something didn't fit: MSG_CTRUNC */
};
/* Appends one; sets truncated, with as much of it as fits, when there is no room. [any] */
void socket_control_put(struct socket_control *control, oskit_s32_t level, oskit_s32_t type,
                        const void *data, oskit_u32_t length);

struct socket_message {
    struct sluice_uio *uio; /* advances by what moved */
    /* Send: destination, NULL: the peer. Receive: filled in with the sender, NULL: not wanted. */
    struct socket_address *name;
    oskit_u32_t flags; /* SOCKET_MSG_*; also DONTWAIT: the caller will not wait */
    /* Receive: MSG_TRUNC, CTRUNC, EOR, OOB, ERRQUEUE as they came out. */
    oskit_u32_t out_flags;
    /* Receive, datagrams: the whole length, which may be more than moved. */
    oskit_size_t whole;
    /* Send: what the program gave besides rights and credentials; receive: where to put it, NULL:
     * the program gave no room, and then rights are dropped (MSG_CTRUNC). */
    struct socket_control *control;
    /* Send: the socket takes them over (and sets NULL) when any byte was sent. Receive: the
     * caller's from then on. */
    struct socket_rights *rights;
    /* Send: what the program claims to be, checked; else the caller's own. Receive: valid when
     * has_credentials (SO_PASSCRED). */
    struct socket_credentials credentials;
    bool has_credentials;
    /* send_segments with MSG_ZEROCOPY, the socket's: one notice tells of all pieces of MESSAGE.
     * NULL at first. */
    void *notice;
};

/* Flags with Linux's values. */
#define SOCKET_MSG_OOB          0x1u
#define SOCKET_MSG_PEEK         0x2u
#define SOCKET_MSG_DONTROUTE    0x4u
#define SOCKET_MSG_CTRUNC       0x8u
#define SOCKET_MSG_TRUNC        0x20u
#define SOCKET_MSG_DONTWAIT     0x40u
#define SOCKET_MSG_EOR          0x80u
#define SOCKET_MSG_WAITALL      0x100u
#define SOCKET_MSG_CONFIRM      0x800u
#define SOCKET_MSG_ERRQUEUE     0x2000u
#define SOCKET_MSG_NOSIGNAL     0x4000u
#define SOCKET_MSG_MORE         0x8000u
#define SOCKET_MSG_ZEROCOPY     0x4000000u
#define SOCKET_MSG_FASTOPEN     0x20000000u
#define SOCKET_MSG_CMSG_CLOEXEC 0x40000000u

/*
 * Memory that is sent where it lies. Counted: the sender's socket holds a reference for each
 * piece of it that is still needed; the last calls release, in any context.
 */
struct socket_hold {
    _Atomic oskit_u32_t references;
    void (*release)(struct socket_hold *hold);
};

#define SOCKET_SHUT_READ  0u
#define SOCKET_SHUT_WRITE 1u
#define SOCKET_SHUT_BOTH  2u

typedef struct sluice_socket {
    struct sluice_socket_ops *ops;
} sluice_socket_t;

struct sluice_socket_ops {
    OSKIT_COMDECL_IUNKNOWN(sluice_socket_t)
    oskit_error_t (*bind)(sluice_socket_t *self, const struct socket_address *name);
    /*
     * OSKIT_EINPROGRESS: begun; writable when it has ended, SO_ERROR says how; once more meanwhile
     * is OSKIT_EALREADY. Family 0 dissolves a datagram socket's connection. OSKIT_EWOULDBLOCK (UNIX
     * streams): the listener's queue is full, try again when `connect_readiness` tells of WRITE.
     */
    oskit_error_t (*connect)(sluice_socket_t *self, const struct socket_address *name);
    /* BACKLOG as the program gave it; clipped to socket_limits.backlog. */
    oskit_error_t (*listen)(sluice_socket_t *self, oskit_s32_t backlog);
    /* The next connection, with a reference. OSKIT_EWOULDBLOCK. */
    oskit_error_t (*accept)(sluice_socket_t *self, struct socket_address *peer,
                            sluice_socket_t **out);
    oskit_error_t (*shutdown)(sluice_socket_t *self, oskit_u32_t how);
    oskit_error_t (*getsockname)(sluice_socket_t *self, struct socket_address *out);
    oskit_error_t (*getpeername)(sluice_socket_t *self, struct socket_address *out);
    /*
     * Options: VALUE of LENGTH bytes in kernel memory (at most SOCKET_OPTION_MAX). get: *LENGTH is
     * the room, then what the value takes; a longer value is cut as Linux does, or only told in
     * *LENGTH (SO_GET_FILTER without room, NETLINK_LIST_MEMBERSHIPS). OSKIT_ENOPROTOOPT:
     * there is no such option here; none is taken and ignored. The value of SO_ERROR is an error
     * code of <oskit/error.h>, which the host turns into its own number.
     */
    oskit_error_t (*setsockopt)(sluice_socket_t *self, oskit_s32_t level, oskit_s32_t name,
                                const void *value, oskit_u32_t length);
    oskit_error_t (*getsockopt)(sluice_socket_t *self, oskit_s32_t level, oskit_s32_t name,
                                void *value, oskit_u32_t *length);
    /*
     * Sends MESSAGE; *OUT bytes. A stream takes part of it; OSKIT_EWOULDBLOCK when none,
     * OSKIT_EPIPE when it can't send any more (the caller sends SIGPIPE unless MSG_NOSIGNAL). A
     * datagram goes whole or not: OSKIT_EMSGSIZE.
     */
    oskit_error_t (*send)(sluice_socket_t *self, struct socket_message *message, oskit_size_t *out);
    /* Receives; *OUT bytes into the uio. 0 of a stream: the end. */
    oskit_error_t (*receive)(sluice_socket_t *self, struct socket_message *message,
                             oskit_size_t *out);
    /*
     * Sends the bytes of SEGMENTS without a copy, as one datagram or as a stream takes them; *OUT
     * bytes. HOLD gets a reference for each piece that the socket still needs when it returns, and
     * the memory must not change till those are back. MESSAGE gives name, flags and control; its
     * uio is not looked at. OSKIT_E_NOTIMPL: this socket copies, use send.
     *
     * A stream may take a part, and the rest with another call and the same MESSAGE. Who gives up
     * with message->notice not NULL says so with a COUNT of 0.
     */
    oskit_error_t (*send_segments)(sluice_socket_t *self, struct socket_message *message,
                                   const struct sg_segment *segments, oskit_u32_t count,
                                   struct socket_hold *hold, oskit_size_t *out);
    /* SO_RCVTIMEO and SO_SNDTIMEO in nanoseconds, 0: none; and SO_RCVLOWAT. [any] */
    void (*get_timeouts)(sluice_socket_t *self, oskit_u64_t *receive, oskit_u64_t *send);
    /* The last descriptor is being closed: OSKIT_EWOULDBLOCK while SO_LINGER has the caller wait
     * (not beyond *DEADLINE of env_time_monotonic), for WRITE or HUP; else OSKIT_SUCCESS. */
    oskit_error_t (*close)(sluice_socket_t *self, oskit_u64_t *deadline);
    /* The readiness to wait on for a connect or a send to NAME that would block, with a reference
     * to its owner in *OWNER; NULL: the socket's own, where WRITE is told of when it is worth
     * another try, whether the level has it or not. */
    struct readiness *(*connect_readiness)(sluice_socket_t *self, const struct socket_address *name,
                                           oskit_iunknown_t **owner);
};
extern const struct oskit_guid sluice_socket_iid; /* SLUICE_GUID(0x5ac10071) */

#define SOCKET_OPTION_MAX 32768u /* bytes of an option's value: the longest SO_GET_FILTER's */

#define sluice_socket_release(s) ((s)->ops->release(s))
#define sluice_socket_addref(s)  ((s)->ops->addref(s))

/*
 * Making sockets. A family registers how; socket_create finds it. TYPE is one of SOCKET_STREAM ...
 * without flags. OSKIT_EAFNOSUPPORT, OSKIT_ESOCKTNOSUPPORT, OSKIT_EPROTONOSUPPORT, OSKIT_EPERM
 * (raw and packet sockets of who isn't root), OSKIT_ENOMEM, OSKIT_ENFILE.
 */
struct socket_family {
    oskit_s32_t family;
    oskit_error_t (*create)(oskit_s32_t type, oskit_s32_t protocol, sluice_socket_t **out);
    /* NULL: OSKIT_EOPNOTSUPP. */
    oskit_error_t (*create_pair)(oskit_s32_t type, oskit_s32_t protocol, sluice_socket_t **one,
                                 sluice_socket_t **other);
    struct socket_family *next; /* the table's */
};
void socket_family_register(struct socket_family *family); /* once, for good */
oskit_error_t socket_create(oskit_s32_t family, oskit_s32_t type, oskit_s32_t protocol,
                            sluice_socket_t **out);
oskit_error_t socket_create_pair(oskit_s32_t family, oskit_s32_t type, oskit_s32_t protocol,
                                 sluice_socket_t **one, sluice_socket_t **other);
/* The seed's way in to the same sockets: domain, type and addresses with BSD's numbers. With a
 * reference. [thread] */
struct oskit_socket_factory *socket_factory(void);

/* What may be set of all sockets (/proc/sys/net); who uses one reads it then. */
struct socket_limits {
    _Atomic oskit_u32_t backlog;               /* the most that listen takes */
    _Atomic oskit_u32_t receive_max, send_max; /* of what a program asks for; twice is told */
    _Atomic oskit_u32_t receive_default, send_default; /* of new sockets, but TCP's */
    _Atomic oskit_u32_t unix_backlog; /* datagrams that wait in a new UNIX socket */
    _Atomic oskit_u32_t ports;        /* the first << 16 | the last that is chosen for a program */
};
extern struct socket_limits socket_limits;
#define SOCKET_RECEIVE_MIN 2304u /* the least of a buffer */
#define SOCKET_SEND_MIN    4608u

/* What the calling program is, for credentials; the host's. [thread] */
struct socket_caller {
    struct socket_credentials credentials; /* effective ids: SO_PEERCRED */
    oskit_u32_t real_uid, real_gid;        /* what goes with messages (SO_PASSCRED) */
    oskit_u64_t capabilities;              /* raw sockets, ports below 1024 ...: capability.h */
};
extern void (*socket_caller_get)(struct socket_caller *out); /* set once by the host */
bool socket_caller_may(enum capability capability);          /* without a host, all [thread] */

#endif
