/*
 * The loopback: what is sent to ourselves is received before the core lock is given back, in the
 * context of who sent it, without a thread or a recursion. Packets are queued by lwIP's output and
 * taken in by inet_unlock, until there are none; answers queue behind.
 *
 * A packet gets a buffer of its own for its headers, which the receiving side changes while the
 * sending side keeps them for a retransmission. Payload isn't copied unless it is little: a second
 * pbuf refers to it and holds the first.
 */
#include <sluice/string.h>
#include "core_private.h"
#include "lwip/ip.h"
#include "lwip/ip6.h"
#include "lwip/prot/ethernet.h"
#include "lwip/prot/ip4.h"
#include "lwip/prot/ip6.h"
#include "lwip/prot/tcp.h"

#define COPY_MAX      512u /* copying so little costs less than referring to it */
#define SEGMENTS_MAX  128u
#define HEADER_OTHERS 8u /* of UDP, ICMP; what receivers look at */

/* In front of a queued packet's bytes, where a link header would go. */
struct queued {
    struct pbuf *next;
    struct netif *netif;
};
_Static_assert(sizeof(struct queued) <= LWIP_MEM_ALIGN_SIZE(PBUF_LINK), "fits the link header");

/* Refers to the payload of another pbuf, of which it holds a reference. */
struct alias {
    struct pbuf_custom custom;
    struct pbuf *of;
};

struct pbuf *inet_loopback_first;
static struct pbuf *loopback_last;

static struct queued *queued_of(struct pbuf *p)
{
    return (struct queued *)((char *)p->payload - sizeof(struct queued));
}

/* ---- Copies ---- */

static void alias_free(struct pbuf *p)
{
    struct alias *alias = (struct alias *)p;
    pbuf_free(alias->of);
    mem_free(alias);
}

static struct pbuf *alias_make(struct pbuf *of, u16_t skip)
{
    struct alias *alias = mem_malloc(sizeof *alias);
    if (!alias)
        return NULL;
    alias->custom.custom_free_function = alias_free;
    alias->of = of;
    pbuf_ref(of);
    return pbuf_alloced_custom(PBUF_RAW, (u16_t)(of->len - skip), PBUF_REF, &alias->custom,
                               (char *)of->payload + skip, (u16_t)(of->len - skip));
}

/* Bytes of P's headers, network's and transport's, that are in its first piece. */
static u16_t headers_length(const struct pbuf *p)
{
    const struct ip_hdr *ip = p->payload;
    u16_t network = IP6_HLEN, transport = HEADER_OTHERS;
    u8_t protocol;
    if (IPH_V(ip) == 6) {
        protocol = IP6H_NEXTH((const struct ip6_hdr *)p->payload);
    } else {
        network = IPH_HL_BYTES(ip);
        protocol = IPH_PROTO(ip);
    }
    if (protocol == IP_PROTO_TCP && p->len >= network + TCP_HLEN)
        transport = TCPH_HDRLEN_BYTES((const struct tcp_hdr *)((char *)p->payload + network));
    return (u16_t)LWIP_MIN(network + transport, p->len);
}

static struct pbuf *copy_small(struct pbuf *p)
{
    struct pbuf *copy = pbuf_alloc(PBUF_LINK, p->tot_len, PBUF_RAM);
    if (copy)
        pbuf_copy_partial(p, copy->payload, p->tot_len, 0);
    return copy;
}

static struct pbuf *copy_large(struct pbuf *p)
{
    u16_t skip = headers_length(p);
    struct pbuf *copy = pbuf_alloc(PBUF_LINK, skip, PBUF_RAM);
    if (!copy)
        return NULL;
    memcpy(copy->payload, p->payload, skip);
    for (; p; p = p->next, skip = 0) {
        if (p->len == skip)
            continue;
        struct pbuf *rest = alias_make(p, skip);
        if (!rest) {
            pbuf_free(copy);
            return NULL;
        }
        pbuf_cat(copy, rest);
    }
    return copy;
}

/* ---- The queue ---- */

err_t inet_loopback_queue(struct netif *netif, struct pbuf *p)
{
    struct pbuf *copy = p->tot_len <= COPY_MAX ? copy_small(p) : copy_large(p);
    if (!copy)
        return ERR_MEM;
    *queued_of(copy) = (struct queued){NULL, netif};
    if (inet_loopback_first)
        queued_of(loopback_last)->next = copy;
    else
        inet_loopback_first = copy;
    loopback_last = copy;
    return ERR_OK;
}

static struct pbuf *loopback_pop(struct netif **netif)
{
    struct pbuf *p = inet_loopback_first;
    *netif = queued_of(p)->netif;
    inet_loopback_first = queued_of(p)->next;
    return p;
}

/* Those of NETIF, which goes. */
void inet_loopback_drop(struct netif *netif)
{
    struct pbuf *all = inet_loopback_first;
    inet_loopback_first = NULL;
    while (all) {
        struct pbuf *p = all;
        all = queued_of(p)->next;
        queued_of(p)->next = NULL;
        if (queued_of(p)->netif == netif) {
            pbuf_free(p);
            continue;
        }
        if (inet_loopback_first)
            queued_of(loopback_last)->next = p;
        else
            inet_loopback_first = p;
        loopback_last = p;
    }
}

/* ---- Taps ---- */

static void tapped_done(struct packet *packet)
{
    (void)packet;
}

/* As Linux has it, a frame of the loopback begins with an Ethernet header of zeros. Taps tell
 * waiters, so they look without the core lock. */
static void loopback_show(const struct interface *interface, const struct pbuf *p)
{
    struct eth_hdr header = {.type = IPH_V((const struct ip_hdr *)p->payload) == 6
                                         ? PP_HTONS(ETHTYPE_IPV6)
                                         : PP_HTONS(ETHTYPE_IP)};
    struct sg_segment segments[SEGMENTS_MAX];
    struct packet packet = {.segments = segments,
                            .segment_count = 1,
                            .length = SIZEOF_ETH_HDR,
                            .offload.flags = PACKET_SUM_GOOD,
                            .done = tapped_done};
    segments[0] = (struct sg_segment){&header, SIZEOF_ETH_HDR};
    for (; p && packet.segment_count < SEGMENTS_MAX; p = p->next) {
        if (!p->len)
            continue;
        segments[packet.segment_count++] = (struct sg_segment){p->payload, p->len};
        packet.length += p->len;
    }
    inet_core_release();
    interface_tap_show(interface, &packet, INTERFACE_SENT);
    interface_tap_show(interface, &packet, INTERFACE_RECEIVED);
    inet_lock();
}

/* ---- Receiving ---- */

/* All of 127/8 is ours, though lwIP knows one address of an interface: it has the one that the
 * packet is for, for as long as it looks at it. */
static void receive4(struct netif *netif, struct pbuf *p)
{
    ip4_addr_t own = *netif_ip4_addr(netif), to;
    ip4_addr_copy(to, ((const struct ip_hdr *)p->payload)->dest);
    if (ip4_addr_isloopback(&to) && netif == inet_loopback_netif) {
        ip_addr_copy_from_ip4(netif->ip_addr, to);
        ip4_input(p, netif);
        ip_addr_copy_from_ip4(netif->ip_addr, own);
    } else {
        ip4_input(p, netif);
    }
}

static void count(struct interface *interface, u16_t length)
{
    struct netqueue_statistics *counts = &interface->statistics;
    if (interface->card)
        return;
    env_spin_lock(&interface->lock);
    counts->rx_packets++;
    counts->rx_bytes += length;
    counts->tx_packets++;
    counts->tx_bytes += length;
    env_spin_unlock(&interface->lock);
}

static void receive(struct netif *netif, struct pbuf *p)
{
    struct interface *interface = inet_netif_of(netif)->interface;
    if (!netif_is_up(netif) || p->len < IP_HLEN ||
        (IPH_V((const struct ip_hdr *)p->payload) == 6 && p->len < IP6_HLEN)) {
        pbuf_free(p);
        return;
    }
    count(interface, p->tot_len);
    if (interface_taps && !interface->card)
        loopback_show(interface, p);
    p->if_idx = netif_get_index(netif);
    if (IPH_V((const struct ip_hdr *)p->payload) == 6)
        ip6_input(p, netif);
    else
        receive4(netif, p);
}

/* While a tap looks, others may come by here: they leave their packets to who is inside, so that
 * none overtakes. */
void inet_loopback_run(void)
{
    static bool inside;
    if (inside)
        return;
    inside = true;
    while (inet_loopback_first) {
        struct netif *netif;
        struct pbuf *p = loopback_pop(&netif);
        receive(netif, p);
    }
    inside = false;
}
