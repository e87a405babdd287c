/* What the parts of the stack share. Everything under the core lock unless said otherwise. */
#ifndef IO_NET_INET_CORE_PRIVATE_H
#define IO_NET_INET_CORE_PRIVATE_H

#include <sluice/inet.h>
#include <sluice/packet.h>
#include "core.h"
#include "io/net/interface.h"
#include "lwip/netif.h"
#include "lwip/pbuf.h"

struct tcp_hdr;

/* ---- core.c ---- */

/* lwIP has started a timer: inet_unlock has ours follow. */
extern bool inet_timers_changed;

/* Starts lwIP and the timers, once. [thread, lock not held] */
void inet_core_start(void);
/* Has the lock taken and given back soon, so that what came back is freed. [any] */
void inet_core_kick(void);
/* The lock's bare end, for who takes it again at once. */
void inet_core_release(void);
/* Stops the timer. [thread, lock not held] */
void inet_core_stop(void);

/* ---- netif.c: lwIP's end of an interface ---- */

struct inet_netif {
    struct netif netif;
    struct interface *interface; /* with a reference */
    struct list out;             /* packets to send, of output.c */
    struct list link;            /* on the list of those that have some */
    uint32_t segments_max;       /* in a packet for its card */
    bool dhcp;                   /* under way or bound */
};

static inline struct inet_netif *inet_netif_of(struct netif *netif)
{
    return netif->state;
}

extern struct netif *inet_loopback_netif; /* NULL before the start */
extern const struct interface_stack inet_interface_stack;

/* A pbuf over LENGTH bytes of PACKET, which has one segment, behind the first SKIP; the packet is
 * the pbuf's then. */
struct pbuf *inet_packet_wrap(struct packet *packet, uint32_t skip, uint32_t length);

/* ---- train.c ---- */

/* TCP segments of a batch that were joined, not yet delivered. Begins as zeros. */
struct inet_train {
    struct pbuf *first, *last; /* NULL: none. From the IP header on */
    void *ip;                  /* its header: IPv4's, or IPv6's if SIX */
    struct tcp_hdr *tcp;
    bool six;
    uint32_t length, bytes; /* with headers; without */
    uint32_t number;        /* acknowledged by the last */
    bool plain;             /* no TCP options */
    uint32_t acknowledgements;
};
/* PACKET joins the train, after the one before has been delivered if it can't join that; false: it
 * is no segment that could, and still the caller's. */
bool inet_train_take(struct inet_train *train, struct netif *netif, struct packet *packet);
void inet_train_deliver(struct inet_train *train, struct netif *netif);
/* NUMBER is acknowledged, which PCB doesn't know yet. */
struct tcp_pcb;
void inet_train_acknowledged(struct tcp_pcb *pcb, uint32_t number);

/* ---- output.c ---- */

/* lwIP's linkoutput: queues the frame P on its interface. */
err_t inet_output(struct netif *netif, struct pbuf *p);
/* Interfaces with queued frames. */
extern struct list inet_outputs;
/* Moves what NETIF has queued to BATCH, TCP segments that follow each other joined if the card cuts
 * them up again. */
void inet_output_take(struct inet_netif *netif, struct list *batch);
void inet_output_drop(struct inet_netif *netif);
/* Sent frames whose memory comes back; drained with the lock held, filled without it. */
struct inet_out;
extern struct inet_out *_Atomic inet_returned;
void inet_returned_drain(void);

/* ---- loopback.c ---- */

/* Has NETIF receive a copy of P, an IP packet, before the lock is given back. */
err_t inet_loopback_queue(struct netif *netif, struct pbuf *p);
extern struct pbuf *inet_loopback_first;
void inet_loopback_run(void);
void inet_loopback_drop(struct netif *netif);

/* ---- configure.c ---- */

/* NETIF is new, or its link or flags changed: starts or stops what configures it. */
void inet_configure_added(struct inet_netif *netif);
void inet_configure_removed(struct inet_netif *netif);

/* ---- discovery.c ---- */

/* Whether lwIP and sockets may have P, an ICMPv6 message behind HEADER bytes, being received. */
bool inet_discovery_believes(struct pbuf *p, u16_t header);

/* ---- neighbour.c ---- */

/* PCB's segments get no answer: asks who has the address that they go to. Core lock. */
void inet_neighbour_ask(const struct tcp_pcb *pcb);

/* ---- route.c ---- */

/* An address of ours, on any interface; NULL: none. */
struct netif *inet_local4(const ip4_addr_t *address);
struct netif *inet_local6(const ip6_addr_t *address);
/* Forgets the routes through NETIF, which goes; the caller forgets the paths. */
void inet_route_forget(struct netif *netif);

/* Bits of a netmask, which is ones and then zeros. */
static inline oskit_u8_t inet_mask_bits(const ip4_addr_t *mask)
{
    uint32_t zeros = ~lwip_ntohl(mask->addr);
    return (oskit_u8_t)(zeros ? __builtin_clz(zeros) : 32);
}

static inline void inet_address_put4(struct inet_address *to, const ip4_addr_t *from,
                                     oskit_u8_t prefix)
{
    *to = (struct inet_address){.family = SOCKET_INET, .prefix = prefix};
    __builtin_memcpy(to->bytes, &from->addr, 4);
}

static inline void inet_address_put6(struct inet_address *to, const ip6_addr_t *from,
                                     oskit_u8_t prefix)
{
    *to = (struct inet_address){.family = SOCKET_INET6, .prefix = prefix};
    __builtin_memcpy(to->bytes, from->addr, 16);
}

#endif
