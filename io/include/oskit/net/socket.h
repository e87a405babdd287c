/*
 * A socket, and what makes sockets. The numbers are BSD's, as in the OSKit; a kernel with another
 * ABI translates.
 *
 * Methods never wait for the network: OSKIT_EWOULDBLOCK or OSKIT_EINPROGRESS, and asyncio tells
 * when to try again. A socket also answers stream and asyncio. [thread]
 */
#ifndef OSKIT_NET_SOCKET_H
#define OSKIT_NET_SOCKET_H

#include <oskit/com.h>
#include <oskit/error.h>
#include <oskit/types.h>
#include <oskit/io/posixio.h>

struct oskit_iovec;

struct oskit_sockaddr {
    oskit_u8_t sa_len; /* bytes in all */
    oskit_u8_t sa_family;
    char sa_data[14]; /* and more, as sa_len says */
};
typedef struct oskit_sockaddr oskit_sockaddr_t;

struct oskit_msghdr {
    oskit_addr_t msg_name; /* of a sockaddr, or 0 */
    oskit_u32_t msg_namelen;
    struct oskit_iovec *msg_iov;
    oskit_u32_t msg_iovlen; /* pieces */
    oskit_addr_t msg_control;
    oskit_u32_t msg_controllen;
    oskit_u32_t msg_flags;
};
typedef struct oskit_msghdr oskit_msghdr_t;

struct oskit_linger {
    oskit_s32_t l_onoff;
    oskit_s32_t l_linger; /* seconds */
};

#define OSKIT_SOCK_STREAM    1
#define OSKIT_SOCK_DGRAM     2
#define OSKIT_SOCK_RAW       3
#define OSKIT_SOCK_RDM       4
#define OSKIT_SOCK_SEQPACKET 5

#define OSKIT_AF_UNSPEC 0
#define OSKIT_AF_LOCAL  1
#define OSKIT_AF_UNIX   OSKIT_AF_LOCAL
#define OSKIT_AF_INET   2
#define OSKIT_AF_INET6  28

#define OSKIT_PF_UNSPEC OSKIT_AF_UNSPEC
#define OSKIT_PF_LOCAL  OSKIT_AF_LOCAL
#define OSKIT_PF_UNIX   OSKIT_AF_UNIX
#define OSKIT_PF_INET   OSKIT_AF_INET
#define OSKIT_PF_INET6  OSKIT_AF_INET6

#define OSKIT_SOL_SOCKET 0xffff

/* Options of OSKIT_SOL_SOCKET. */
#define OSKIT_SO_DEBUG       0x0001
#define OSKIT_SO_ACCEPTCONN  0x0002
#define OSKIT_SO_REUSEADDR   0x0004
#define OSKIT_SO_KEEPALIVE   0x0008
#define OSKIT_SO_DONTROUTE   0x0010
#define OSKIT_SO_BROADCAST   0x0020
#define OSKIT_SO_USELOOPBACK 0x0040
#define OSKIT_SO_LINGER      0x0080
#define OSKIT_SO_OOBINLINE   0x0100
#define OSKIT_SO_REUSEPORT   0x0200
#define OSKIT_SO_SNDBUF      0x1001
#define OSKIT_SO_RCVBUF      0x1002
#define OSKIT_SO_SNDLOWAT    0x1003
#define OSKIT_SO_RCVLOWAT    0x1004
#define OSKIT_SO_SNDTIMEO    0x1005
#define OSKIT_SO_RCVTIMEO    0x1006
#define OSKIT_SO_ERROR       0x1007
#define OSKIT_SO_TYPE        0x1008
#define OSKIT_SO_NETIO       0x1009

#define OSKIT_MSG_OOB       0x0001
#define OSKIT_MSG_PEEK      0x0002
#define OSKIT_MSG_DONTROUTE 0x0004
#define OSKIT_MSG_EOR       0x0008
#define OSKIT_MSG_TRUNC     0x0010
#define OSKIT_MSG_CTRUNC    0x0020
#define OSKIT_MSG_WAITALL   0x0040
#define OSKIT_MSG_DONTWAIT  0x0080
#define OSKIT_MSG_EOF       0x0100

struct oskit_socket;

typedef struct oskit_socket {
    struct oskit_socket_ops *ops;
} oskit_socket_t;

struct oskit_socket_ops {
    OSKIT_COMDECL_IUNKNOWN(oskit_socket_t)

    /* As in oskit_posixio. */
    oskit_error_t (*stat)(oskit_socket_t *self, oskit_stat_t *out_stats);
    oskit_error_t (*setstat)(oskit_socket_t *self, oskit_u32_t mask, const oskit_stat_t *stats);
    oskit_error_t (*pathconf)(oskit_socket_t *self, oskit_s32_t option, oskit_s32_t *out_val);

    /* And its own. */

    /* The next connection, and its peer's address. OSKIT_EWOULDBLOCK. */
    oskit_error_t (*accept)(oskit_socket_t *self, struct oskit_sockaddr *name,
                            oskit_size_t *anamelen, struct oskit_socket **newopenso);

    /* Gives the socket its own address. OSKIT_EADDRINUSE, OSKIT_EADDRNOTAVAIL. */
    oskit_error_t (*bind)(oskit_socket_t *self, const struct oskit_sockaddr *name,
                          oskit_size_t namelen);

    /*
     * Begins to connect; OSKIT_EINPROGRESS while it goes on, writable when it is done, SO_ERROR
     * says how.
     */
    oskit_error_t (*connect)(oskit_socket_t *self, const struct oskit_sockaddr *name,
                             oskit_size_t namelen);

    /* Ends receiving (0), sending (1) or both (2). */
    oskit_error_t (*shutdown)(oskit_socket_t *self, oskit_u32_t how);

    /* Takes connections; at most about N wait for accept. */
    oskit_error_t (*listen)(oskit_socket_t *self, oskit_u32_t n);

    /* Its own address. *anamelen: room on entry, length on return. */
    oskit_error_t (*getsockname)(oskit_socket_t *self, struct oskit_sockaddr *asa,
                                 oskit_size_t *anamelen);

    /* The peer's. OSKIT_ENOTCONN. */
    oskit_error_t (*getpeername)(oskit_socket_t *self, struct oskit_sockaddr *asa,
                                 oskit_size_t *anamelen);

    /* An option's value. OSKIT_ENOPROTOOPT. */
    oskit_error_t (*getsockopt)(oskit_socket_t *self, oskit_u32_t level, oskit_u32_t name,
                                void *val, oskit_size_t *valsize);

    /* Sets one. */
    oskit_error_t (*setsockopt)(oskit_socket_t *self, oskit_u32_t level, oskit_u32_t name,
                                const void *val, oskit_size_t valsize);

    /*
     * Sends; TO may be NULL when connected. *retval bytes went. OSKIT_EWOULDBLOCK, OSKIT_EMSGSIZE.
     */
    oskit_error_t (*sendto)(oskit_socket_t *self, const void *msg, oskit_size_t len,
                            oskit_u32_t flags, const struct oskit_sockaddr *to, oskit_size_t tolen,
                            oskit_size_t *retval);

    /* Receives; FROM may be NULL. 0 bytes of a stream: end. OSKIT_EWOULDBLOCK. */
    oskit_error_t (*recvfrom)(oskit_socket_t *self, void *buf, oskit_size_t len, oskit_u32_t flags,
                              struct oskit_sockaddr *from, oskit_size_t *fromlen,
                              oskit_size_t *retval);

    /* sendto with pieces and control data. */
    oskit_error_t (*sendmsg)(oskit_socket_t *self, const struct oskit_msghdr *msg,
                             oskit_u32_t flags, oskit_size_t *retval);

    /* recvfrom with pieces and control data. */
    oskit_error_t (*recvmsg)(oskit_socket_t *self, struct oskit_msghdr *msg, oskit_u32_t flags,
                             oskit_size_t *retval);
};

extern const struct oskit_guid oskit_socket_iid;
#define OSKIT_SOCKET_IID \
    OSKIT_GUID(0x4aa7dfad, 0x7c74, 0x11cf, 0xb5, 0x00, 0x08, 0x00, 0x09, 0x53, 0xad, 0xc2)

#define oskit_socket_query(self, iid, out) \
    ((self)->ops->query((oskit_socket_t *)(self), (iid), (out)))
#define oskit_socket_addref(self)  ((self)->ops->addref((oskit_socket_t *)(self)))
#define oskit_socket_release(self) ((self)->ops->release((oskit_socket_t *)(self)))
#define oskit_socket_stat(self, out_stats) \
    ((self)->ops->stat((oskit_socket_t *)(self), (out_stats)))
#define oskit_socket_setstat(self, mask, stats) \
    ((self)->ops->setstat((oskit_socket_t *)(self), (mask), (stats)))
#define oskit_socket_pathconf(self, option, out_val) \
    ((self)->ops->pathconf((oskit_socket_t *)(self), (option), (out_val)))
#define oskit_socket_accept(self, name, anamelen, newopenso) \
    ((self)->ops->accept((oskit_socket_t *)(self), (name), (anamelen), (newopenso)))
#define oskit_socket_bind(self, name, namelen) \
    ((self)->ops->bind((oskit_socket_t *)(self), (name), (namelen)))
#define oskit_socket_connect(self, name, namelen) \
    ((self)->ops->connect((oskit_socket_t *)(self), (name), (namelen)))
#define oskit_socket_shutdown(self, how) ((self)->ops->shutdown((oskit_socket_t *)(self), (how)))
#define oskit_socket_listen(self, n)     ((self)->ops->listen((oskit_socket_t *)(self), (n)))
#define oskit_socket_getsockname(self, asa, anamelen) \
    ((self)->ops->getsockname((oskit_socket_t *)(self), (asa), (anamelen)))
#define oskit_socket_getpeername(self, asa, anamelen) \
    ((self)->ops->getpeername((oskit_socket_t *)(self), (asa), (anamelen)))
#define oskit_socket_getsockopt(self, level, name, val, valsize) \
    ((self)->ops->getsockopt((oskit_socket_t *)(self), (level), (name), (val), (valsize)))
#define oskit_socket_setsockopt(self, level, name, val, valsize) \
    ((self)->ops->setsockopt((oskit_socket_t *)(self), (level), (name), (val), (valsize)))
#define oskit_socket_sendto(self, msg, len, flags, to, tolen, retval) \
    ((self)->ops->sendto((oskit_socket_t *)(self), (msg), (len), (flags), (to), (tolen), (retval)))
#define oskit_socket_recvfrom(self, buf, len, flags, from, fromlen, retval)                    \
    ((self)->ops->recvfrom((oskit_socket_t *)(self), (buf), (len), (flags), (from), (fromlen), \
                           (retval)))
#define oskit_socket_sendmsg(self, msg, flags, retval) \
    ((self)->ops->sendmsg((oskit_socket_t *)(self), (msg), (flags), (retval)))
#define oskit_socket_recvmsg(self, msg, flags, retval) \
    ((self)->ops->recvmsg((oskit_socket_t *)(self), (msg), (flags), (retval)))

/* What makes sockets: a protocol family registers one with the services. */
typedef struct oskit_socket_factory {
    struct oskit_socket_factory_ops *ops;
} oskit_socket_factory_t;

struct oskit_socket_factory_ops {
    OSKIT_COMDECL_IUNKNOWN(oskit_socket_factory_t)

    /* A socket. OSKIT_EAFNOSUPPORT, OSKIT_EPROTOTYPE, OSKIT_EPROTONOSUPPORT. */
    oskit_error_t (*create)(oskit_socket_factory_t *self, oskit_u32_t domain, oskit_u32_t type,
                            oskit_u32_t protocol, oskit_socket_t **out_socket);

    /* Two connected sockets. OSKIT_EOPNOTSUPP. */
    oskit_error_t (*create_pair)(oskit_socket_factory_t *self, oskit_u32_t domain, oskit_u32_t type,
                                 oskit_u32_t protocol, oskit_socket_t **out_one,
                                 oskit_socket_t **out_other);
};

extern const struct oskit_guid oskit_socket_factory_iid;
#define OSKIT_SOCKET_FACTORY_IID \
    OSKIT_GUID(0x4aa7dfb4, 0x7c74, 0x11cf, 0xb5, 0x00, 0x08, 0x00, 0x09, 0x53, 0xad, 0xc2)

#define oskit_socket_factory_query(self, iid, out) \
    ((self)->ops->query((oskit_socket_factory_t *)(self), (iid), (out)))
#define oskit_socket_factory_addref(self)  ((self)->ops->addref((oskit_socket_factory_t *)(self)))
#define oskit_socket_factory_release(self) ((self)->ops->release((oskit_socket_factory_t *)(self)))
#define oskit_socket_factory_create(self, domain, type, protocol, out_socket)            \
    ((self)->ops->create((oskit_socket_factory_t *)(self), (domain), (type), (protocol), \
                         (out_socket)))
#define oskit_socket_factory_create_pair(self, domain, type, protocol, out_one, out_other)    \
    ((self)->ops->create_pair((oskit_socket_factory_t *)(self), (domain), (type), (protocol), \
                              (out_one), (out_other)))

#endif
