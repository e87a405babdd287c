/*
 * Options of the levels SOL_IP and SOL_IPV6, for all kinds of the stack's sockets. docs/sockets.md
 * lists them. Numbers and layouts are Linux's.
 */
#ifndef IO_NET_INET_INET_OPTION_H
#define IO_NET_INET_INET_OPTION_H

#include <stdbool.h>
#include <oskit/error.h>
#include <oskit/types.h>
#include <sluice/list.h>
#include "lwip/ip_addr.h"

#define INET_SOL_IP      0
#define INET_SOL_TCP     6
#define INET_SOL_UDP     17
#define INET_SOL_IPV6    41
#define INET_SOL_ICMPV6  58
#define INET_SOL_UDPLITE 136
#define INET_SOL_RAW     255

#define INET_IP_TOS                    1
#define INET_IP_TTL                    2
#define INET_IP_HDRINCL                3
#define INET_IP_OPTIONS                4
#define INET_IP_RECVOPTS               6
#define INET_IP_RETOPTS                7
#define INET_IP_PKTINFO                8
#define INET_IP_MTU_DISCOVER           10
#define INET_IP_RECVERR                11
#define INET_IP_RECVTTL                12
#define INET_IP_RECVTOS                13
#define INET_IP_MTU                    14
#define INET_IP_FREEBIND               15
#define INET_IP_RECVORIGDSTADDR        20
#define INET_IP_MINTTL                 21
#define INET_IP_BIND_ADDRESS_NO_PORT   24
#define INET_IP_MULTICAST_IF           32
#define INET_IP_MULTICAST_TTL          33
#define INET_IP_MULTICAST_LOOP         34
#define INET_IP_ADD_MEMBERSHIP         35
#define INET_IP_DROP_MEMBERSHIP        36
#define INET_IP_UNBLOCK_SOURCE         37
#define INET_IP_BLOCK_SOURCE           38
#define INET_IP_ADD_SOURCE_MEMBERSHIP  39
#define INET_IP_DROP_SOURCE_MEMBERSHIP 40
#define INET_MCAST_JOIN_GROUP          42
#define INET_MCAST_LEAVE_GROUP         45
#define INET_IP_MULTICAST_ALL          49
#define INET_IP_UNICAST_IF             50

#define INET_IPV6_ADDRFORM       1
#define INET_IPV6_CHECKSUM       7
#define INET_IPV6_2292HOPLIMIT   8 /* as RFC 2292 had it: busybox asks so */
#define INET_IPV6_UNICAST_HOPS   16
#define INET_IPV6_MULTICAST_IF   17
#define INET_IPV6_MULTICAST_HOPS 18
#define INET_IPV6_MULTICAST_LOOP 19
#define INET_IPV6_JOIN_GROUP     20
#define INET_IPV6_LEAVE_GROUP    21
#define INET_IPV6_MTU_DISCOVER   23
#define INET_IPV6_MTU            24
#define INET_IPV6_RECVERR        25
#define INET_IPV6_V6ONLY         26
#define INET_IPV6_MULTICAST_ALL  29
#define INET_IPV6_RECVPKTINFO    49
#define INET_IPV6_PKTINFO        50
#define INET_IPV6_RECVHOPLIMIT   51
#define INET_IPV6_HOPLIMIT       52
#define INET_IPV6_RECVTCLASS     66
#define INET_IPV6_TCLASS         67
#define INET_IPV6_FREEBIND       78

/* Bits of `receive`: what a received datagram's control data tells. */
#define INET_RECEIVE_PKTINFO       1u
#define INET_RECEIVE_TTL           2u
#define INET_RECEIVE_TOS           4u
#define INET_RECEIVE_ORIGDST       8u
#define INET_RECEIVE_PKTINFO6      16u
#define INET_RECEIVE_HOPLIMIT      32u
#define INET_RECEIVE_TCLASS        64u
#define INET_RECEIVE_HOPLIMIT_2292 128u

#define INET_MEMBERSHIPS_MAX 20u /* groups of a socket: Linux's igmp_max_memberships */

struct inet_membership;

struct inet_options {
    oskit_s16_t ttl;  /* -1: the stack's */
    oskit_s16_t hops; /* the same of IPv6 */
    oskit_u8_t tos, tclass;
    oskit_u8_t minimum_ttl;
    oskit_u8_t receive; /* INET_RECEIVE_* */
    bool receive_errors, receive_errors6;
    bool v6only;
    bool freebind, freebind6, no_port;
    bool header_included;
    oskit_u8_t discover, discover6; /* IP_PMTUDISC_ */
    oskit_u8_t multicast_ttl;
    oskit_s16_t multicast_hops;
    bool multicast_loop, multicast_loop6, multicast_all, multicast_all6;
    oskit_u32_t multicast_interface, multicast_interface6, unicast_interface;
    oskit_u32_t multicast_source; /* IP_MULTICAST_IF's address, network order */
    struct list memberships;      /* struct inet_membership */
    oskit_u32_t membership_count;
};

struct inet_sock;
/* Whether SOCK wants what came to GROUP by INTERFACE from SOURCE. Core lock held. */
bool inet_membership_allows(const struct inet_sock *sock, const ip_addr_t *group,
                            const ip_addr_t *source, oskit_u32_t interface);
void inet_options_init(struct inet_options *options);
/* Both for a kind's setsockopt and getsockopt: levels IP and IPV6; OSKIT_ENOPROTOOPT for others.
 * [thread] */
oskit_error_t inet_option_set(struct inet_sock *sock, oskit_s32_t level, oskit_s32_t name,
                              const void *value, oskit_u32_t length);
oskit_error_t inet_option_get(struct inet_sock *sock, oskit_s32_t level, oskit_s32_t name,
                              void *value, oskit_u32_t *length);

#endif
