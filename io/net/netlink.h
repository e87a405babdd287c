/*
 * Netlink sockets, of which there is one kind: NETLINK_ROUTE, by which programs look at and change
 * links, addresses, routes and neighbours. Between the files of io/net/netlink*.c.
 *
 * A request is worked on within its send; what it answers waits in the sender's queue. Messages,
 * attributes and their numbers are Linux's; so are errors, as negative errno values.
 *
 * Lock order: netlink_lock (ports, groups, the list of sockets) -> queue.lock. Spinlocks.
 */
#ifndef IO_NET_NETLINK_H
#define IO_NET_NETLINK_H

#include <sluice/inet.h>
#include "io/net/message_queue.h"
#include "io/net/socket_base.h"

/* ---- Messages ---- */

struct netlink_header {
    oskit_u32_t length; /* with this header */
    oskit_u16_t type, flags;
    oskit_u32_t sequence, port;
};

struct netlink_attribute {
    oskit_u16_t length, type; /* length: with this, without padding */
};

#define NETLINK_ALIGN(n) (((n) + 3u) & ~3u)

#define NLMSG_ERROR 2u
#define NLMSG_DONE  3u
#define NLMSG_LEAST 16u /* smaller types are for control */

#define NLM_F_REQUEST 1u
#define NLM_F_MULTI   2u
#define NLM_F_ACK     4u
#define NLM_F_CAPPED  0x100u
#define NLM_F_DUMP    0x300u /* of requests to get */
#define NLM_F_REPLACE 0x100u /* of requests to make */
#define NLM_F_EXCL    0x200u
#define NLM_F_CREATE  0x400u

#define RTM_NEWLINK  16u
#define RTM_DELLINK  17u
#define RTM_GETLINK  18u
#define RTM_SETLINK  19u
#define RTM_NEWADDR  20u
#define RTM_DELADDR  21u
#define RTM_GETADDR  22u
#define RTM_NEWROUTE 24u
#define RTM_DELROUTE 25u
#define RTM_GETROUTE 26u
#define RTM_NEWNEIGH 28u
#define RTM_DELNEIGH 29u
#define RTM_GETNEIGH 30u

/* Groups that are told of changes. */
#define GROUP_LINK         1u
#define GROUP_NEIGHBOUR    3u
#define GROUP_IPV4_ADDRESS 5u
#define GROUP_IPV4_ROUTE   7u
#define GROUP_IPV6_ADDRESS 9u
#define GROUP_IPV6_ROUTE   11u
#define GROUP_MAX          36u

/* ---- Sockets ---- */

struct netlink_socket {
    struct socket socket;
    struct message_queue queue;
    /* Guarded by netlink_lock: */
    struct list link;
    oskit_u32_t port;                   /* 0: not bound */
    oskit_u64_t groups;                 /* bit 0: group 1 */
    oskit_u32_t peer_port, peer_groups; /* of connect */
    bool packet_info, no_enobufs, cap_ack, ext_ack, strict, broadcast_error, listen_all;
};

static inline struct netlink_socket *netlink_socket_of(struct socket *s)
{
    return container_of(s, struct netlink_socket, socket);
}

/* Of a message in a queue: struct message's info. */
struct netlink_info {
    oskit_u32_t port;  /* of who sent it; 0: the kernel */
    oskit_u32_t group; /* 0: to this socket alone */
};

/* Puts SIZE bytes as one message into the queue of NS, and tells; what finds no room makes ENOBUFS
 * the pending error. [any] */
oskit_error_t netlink_deliver(struct netlink_socket *ns, const void *bytes, oskit_u32_t size,
                              const struct netlink_info *info, oskit_u64_t limit);
/* To all members of GROUP but NOT_TO. [any] */
void netlink_broadcast(oskit_u32_t group, const void *bytes, oskit_u32_t size, oskit_u32_t from,
                       const struct netlink_socket *not_to);
/* Somebody is a member of GROUP. A load. [any] */
bool netlink_listened(oskit_u32_t group);

/* ---- Building messages ---- */

#define NETLINK_CHUNK 3776u /* bytes of one datagram at most: as much as Linux puts into one */

/* Where finished messages go: to one socket, or to a group. */
struct netlink_builder {
    struct netlink_socket *to;
    oskit_u32_t group;
    oskit_u64_t limit;
    oskit_u32_t sequence, port; /* for the headers */
    oskit_u16_t flags;
    oskit_u32_t start, used; /* the message being built; all */
    oskit_error_t error;     /* the first one; what follows does nothing */
    _Alignas(8) oskit_u8_t bytes[NETLINK_CHUNK];
};
/* NULL: no memory. For TO (NULL: the group). FLAGS as env_alloc's. [any with ENV_NOSLEEP] */
struct netlink_builder *netlink_builder_create(struct netlink_socket *to, unsigned flags);
/* Sends what is left, gives the memory back; the first error. */
oskit_error_t netlink_builder_finish(struct netlink_builder *b);
/* A message of TYPE with SIZE bytes of body, then attributes, then its end. [any] */
void netlink_begin(struct netlink_builder *b, oskit_u16_t type, const void *body, oskit_u32_t size);
void netlink_put(struct netlink_builder *b, oskit_u16_t type, const void *value, oskit_u32_t size);
void netlink_put_u8(struct netlink_builder *b, oskit_u16_t type, oskit_u8_t value);
void netlink_put_u32(struct netlink_builder *b, oskit_u16_t type, oskit_u32_t value);
void netlink_put_text(struct netlink_builder *b, oskit_u16_t type, const char *text);
void netlink_end(struct netlink_builder *b);

/* ---- Requests ---- */

struct netlink_request {
    struct netlink_socket *from;
    const struct netlink_header *header;
    const oskit_u8_t *body;
    oskit_u32_t length; /* of the body */
    bool dump, admin;
};

#define NETLINK_ATTRIBUTES 64u
/* The attributes behind HEAD bytes of the body, by type; later ones win. OSKIT_E_INVALIDARG when
 * the body is too short. Types from NETLINK_ATTRIBUTES on are skipped. */
struct netlink_attributes {
    const struct netlink_attribute *of[NETLINK_ATTRIBUTES];
};
oskit_error_t netlink_parse(const struct netlink_request *request, oskit_u32_t head,
                            struct netlink_attributes *out);
oskit_u32_t netlink_value_length(const struct netlink_attribute *attribute);
const void *netlink_value(const struct netlink_attribute *attribute);
/* OSKIT_E_INVALIDARG unless it has exactly that length. NULL reads as OTHERWISE. */
oskit_error_t netlink_read_u32(const struct netlink_attribute *attribute, oskit_u32_t otherwise,
                               oskit_u32_t *out);
/* An address of FAMILY, SOCKET_INET or INET6. */
oskit_error_t netlink_read_address(const struct netlink_attribute *attribute, oskit_s32_t family,
                                   struct inet_address *out);
/* Text of at most SIZE - 1 characters, ended or not. */
oskit_error_t netlink_read_text(const struct netlink_attribute *attribute, char *out,
                                oskit_u32_t size);
/* Bytes of an address of FAMILY; 0: no family of the internet. */
oskit_u32_t netlink_address_size(oskit_s32_t family);

/* Works on all messages in BYTES, which is aligned to 4, and queues the answers. [thread] */
void netlink_serve(struct netlink_socket *from, const void *bytes, oskit_u32_t size, bool admin);

/* What each kind does: answers a request to get by messages in B, or makes the change. */
oskit_error_t netlink_link_request(const struct netlink_request *request,
                                   struct netlink_builder *b);
oskit_error_t netlink_address_request(const struct netlink_request *request,
                                      struct netlink_builder *b);
oskit_error_t netlink_route_request(const struct netlink_request *request,
                                    struct netlink_builder *b);
oskit_error_t netlink_neighbour_request(const struct netlink_request *request,
                                        struct netlink_builder *b);

/* One message that describes it. [any] */
void netlink_show_link(struct netlink_builder *b, oskit_u16_t type,
                       const struct inet_interface *interface);
void netlink_show_gone(struct netlink_builder *b, oskit_u32_t index, const char *name);
void netlink_show_address(struct netlink_builder *b, oskit_u16_t type,
                          const struct inet_interface *interface, oskit_u32_t which);
void netlink_show_lost_address(struct netlink_builder *b, oskit_u32_t index,
                               const struct inet_address *address);
void netlink_show_route(struct netlink_builder *b, oskit_u16_t type,
                        const struct inet_route *route);
void netlink_show_neighbour(struct netlink_builder *b, oskit_u16_t type,
                            const struct inet_neighbour *neighbour);

/* Changes noted so far are told now rather than by the timer, so that who made one hears of it
 * before the answer. [thread] */
void netlink_notes_run(void);

#endif
