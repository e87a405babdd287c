/* Where lwIP asks us: sequence numbers (secret.c) and routes (route.c). Under the core lock. */
#ifndef IO_NET_INET_PORT_HOOKS_H
#define IO_NET_INET_PORT_HOOKS_H

#include "lwip/err.h"
#include "lwip/ip_addr.h"

struct netif;
struct pbuf;
struct tcp_pcb;
struct tcp_hdr;

/* RFC 6528. */
u32_t inet_hook_isn(const ip_addr_t *local, u16_t local_port, const ip_addr_t *remote,
                    u16_t remote_port);
/* SIZE bytes of a segment's options: FIRST of them lie behind its header, the rest at SECOND. */
struct segment_options {
    u8_t *second;
    u16_t size, first;
};

/* A segment, its header in host order and P what it carries, is about to go to PCB (also a
 * listening one); other than ERR_OK: it is not. tcp_listen.c. */
err_t inet_hook_tcp_packet(struct tcp_pcb *pcb, struct tcp_hdr *header,
                           struct segment_options options, struct pbuf *p);
/* P, an IPv6 packet, has come by NETIF: nonzero if lwIP is not to see it, and it is freed then.
 * header6.c. */
int inet_hook_input6(struct pbuf *p, struct netif *netif);
/* PCB, whose handshake isn't over, is about to send a segment with HEADER. tcp_listen.c. */
void inet_hook_tcp_syn(struct tcp_pcb *pcb, struct tcp_hdr *header);
/* The interface towards DEST; SRC may be NULL. NULL: no route. */
struct netif *inet_hook_route4(const ip4_addr_t *src, const ip4_addr_t *dest);
struct netif *inet_hook_route6(const ip6_addr_t *src, const ip6_addr_t *dest);
/* The neighbour that frames for DEST, which is not on NETIF's own net, go to; NULL: none known. */
const ip4_addr_t *inet_hook_gateway4(struct netif *netif, const ip4_addr_t *dest);
const ip6_addr_t *inet_hook_gateway6(struct netif *netif, const ip6_addr_t *dest);

#endif
