/*
 * Raw sockets, and ping sockets (SOCK_DGRAM with ICMP's protocol number), over lwIP's raw pcbs: one
 * for each protocol and family that sockets of ours listen to.
 *
 *   raw.c        the kinds: making, binding, connecting, options, ending
 *   raw_input.c  what comes: copies, and whose echo it is
 *   raw_send.c   what goes: headers, checksums
 *
 * What comes is copied before a raw socket gets it, since lwIP changes headers in place and several
 * may want it: the one path of the stack with a second copy.
 *
 * Ping sockets: any program may have one, where Linux asks net.ipv4.ping_group_range. They send
 * echo requests only, under an identifier that is theirs (their "port"), and hear the answers to
 * it; so nothing can be forged with them.
 */
#ifndef IO_NET_INET_RAW_H
#define IO_NET_INET_RAW_H

#include "inet_buffer.h"
#include "inet_queue.h"
#include "inet_sock.h"

struct raw_socket {
    struct inet_sock inet;
    bool ping;
    bool connected, stamping;
    oskit_u32_t shut;
    struct inet_queue queue;
    struct inet_account *account;
    oskit_u32_t filter4;    /* ICMP_FILTER: bits of types that aren't wanted */
    oskit_u32_t filter6[8]; /* ICMP6_FILTER: the same */
    oskit_s32_t checksum;   /* IPV6_CHECKSUM: where it is, to fill in and to check; -1: none */
};

static inline struct raw_socket *raw_of(struct socket *s)
{
    return (struct raw_socket *)s;
}

#define RAW_ICMP       1
#define RAW_ICMPV6     58
#define RAW_ICMPV6_SUM 2   /* where its checksum is */
#define RAW_RAW        255 /* IPPROTO_RAW: sends whole packets, hears nothing */

/* Into the lists by which arrivals find it. OSKIT_ENOBUFS. Core lock held. */
oskit_error_t raw_listen(struct raw_socket *r);
void raw_unlisten(struct raw_socket *r);
/* An identifier for a ping socket, NUMBER or any: false when it is taken. Core lock held. */
bool raw_identifier_take(struct raw_socket *r, oskit_u16_t number);
oskit_error_t raw_transmit(struct socket *s, struct socket_message *message, oskit_size_t *out);

#endif
