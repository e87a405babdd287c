/*
 * lwIP's end of an interface: its netif, frames on their way in, and what happens to it.
 *
 * A received frame is a pbuf over the packet's own memory, which goes back when lwIP or a socket
 * frees the pbuf: nothing is copied. The pbuf's struct lies in the packet's holder words. The
 * Ethernet header is taken off before, so that a joined segment of 64 KiB fits lwIP's 16-bit
 * lengths.
 */
#include <sluice/string.h>
#include "core_private.h"
#include "io/net/family.h"
#include "lwip/etharp.h"
#include "lwip/ethip6.h"
#include "lwip/ip.h"
#include "lwip/ip6.h"
#include "lwip/nd6.h"
#include "lwip/prot/ethernet.h"
#include "lwip/prot/ip4.h"
#include "lwip/prot/ip6.h"
#include "lwip/snmp.h"
#include "path.h"

#define SUMS_RECEIVED (NETIF_CHECKSUM_CHECK_UDP | NETIF_CHECKSUM_CHECK_TCP)
#define COPY_BELOW    96u /* headers lie in one piece from there on */
#define MTU_MAX       65535u

struct netif *inet_loopback_netif;

static bool flag_up(const struct interface *interface)
{
    return interface->flags & INTERFACE_UP;
}

/* ---- Receiving ---- */

struct received {
    struct pbuf_custom custom;
};
_Static_assert(sizeof(struct received) <= sizeof((struct packet *)0)->holder, "fits a holder");

static void received_free(struct pbuf *p)
{
    packet_done((struct packet *)((char *)p - offsetof(struct packet, holder)));
}

struct pbuf *inet_packet_wrap(struct packet *packet, uint32_t skip, uint32_t length)
{
    struct received *received = (struct received *)packet->holder;
    received->custom.custom_free_function = received_free;
    return pbuf_alloced_custom(PBUF_RAW, (u16_t)length, PBUF_REF, &received->custom,
                               (char *)packet->segments->base + skip, (u16_t)length);
}

static bool wrappable(const struct packet *packet)
{
    for (; packet; packet = packet->more) {
        if (packet->segment_count != 1)
            return false;
    }
    return true;
}

static struct pbuf *frame_wrap(struct packet *packet)
{
    struct pbuf *whole = NULL;
    uint32_t skip = SIZEOF_ETH_HDR;
    while (packet) {
        struct packet *more = packet->more;
        struct pbuf *p = inet_packet_wrap(packet, skip, packet->length - skip);
        if (whole)
            pbuf_cat(whole, p);
        else
            whole = p;
        skip = 0;
        packet = more;
    }
    return whole;
}

static struct pbuf *frame_copy(struct packet *packet, uint32_t length)
{
    struct pbuf *p = pbuf_alloc(PBUF_RAW, (u16_t)(length - SIZEOF_ETH_HDR), PBUF_RAM);
    if (p)
        packet_chain_read(packet, SIZEOF_ETH_HDR, p->payload, length - SIZEOF_ETH_HDR);
    packet_chain_done(packet);
    return p;
}

static bool ip_fragment(const struct pbuf *p)
{
    const struct ip_hdr *ip = p->payload;
    if (p->len < IP_HLEN)
        return true;
    if (IPH_V(ip) == 6)
        return IP6H_NEXTH((const struct ip6_hdr *)p->payload) == IP6_NEXTH_FRAGMENT;
    return IPH_OFFSET(ip) & PP_HTONS(IP_OFFMASK | IP_MF);
}

/* lwIP looks at a whole header, however little came. */
static u16_t header_least(u16_t type)
{
    if (type == PP_HTONS(ETHTYPE_IP))
        return IP_HLEN;
    return type == PP_HTONS(ETHTYPE_IPV6) ? IP6_HLEN : SIZEOF_ETHARP_HDR;
}

static void frame_input(struct netif *netif, struct pbuf *p, u16_t type, bool sums_good)
{
    u16_t sums = netif->chksum_flags;
    if (sums_good && !ip_fragment(p))
        netif->chksum_flags = (u16_t)(sums & ~SUMS_RECEIVED);
    if (p->len < header_least(type) ||
        (type == PP_HTONS(ETHTYPE_ARP) && !(netif->flags & NETIF_FLAG_ETHARP)))
        pbuf_free(p);
    else if (type == PP_HTONS(ETHTYPE_IP))
        ip4_input(p, netif);
    else if (type == PP_HTONS(ETHTYPE_IPV6))
        ip6_input(p, netif);
    else
        etharp_input(p, netif);
    netif->chksum_flags = sums;
}

/* 0: to us alone; or the flag of a pbuf that came to several. -1: to somebody else, seen because
 * the card hands all over. */
static int frame_kind(const struct netif *netif, const struct eth_hdr *header)
{
    static const uint8_t everybody[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    if (!(header->dest.addr[0] & 1)) {
        bool ours = netif == inet_loopback_netif ||
                    !__builtin_memcmp(header->dest.addr, netif->hwaddr, sizeof header->dest.addr);
        return ours ? 0 : -1;
    }
    return memcmp(header->dest.addr, everybody, sizeof everybody) ? PBUF_FLAG_LLMCAST
                                                                  : PBUF_FLAG_LLBCAST;
}

static bool type_known(u16_t type)
{
    return type == PP_HTONS(ETHTYPE_IP) || type == PP_HTONS(ETHTYPE_IPV6) ||
           type == PP_HTONS(ETHTYPE_ARP);
}

/* No memory for it. */
static void drop_count(struct netif *netif)
{
    struct interface *interface = inet_netif_of(netif)->interface;
    env_spin_lock(&interface->lock);
    interface->statistics.rx_dropped++;
    env_spin_unlock(&interface->lock);
}

/* A frame of at least a header and a byte: taken. */
static void frame_receive(struct netif *netif, struct packet *packet, uint32_t length)
{
    struct eth_hdr header;
    bool sums_good = packet->offload.flags & (PACKET_SUM_GOOD | PACKET_SUM_WANTED);
    if (packet->segments->length >= SIZEOF_ETH_HDR)
        __builtin_memcpy(&header, packet->segments->base, SIZEOF_ETH_HDR);
    else
        packet_chain_read(packet, 0, &header, SIZEOF_ETH_HDR);
    int kind = frame_kind(netif, &header);
    if (kind < 0 || !type_known(header.type)) {
        packet_chain_done(packet);
        return;
    }
    struct pbuf *p = (!packet->more || packet->length >= COPY_BELOW) && wrappable(packet)
                         ? frame_wrap(packet)
                         : frame_copy(packet, length);
    if (!p) {
        drop_count(netif);
        return;
    }
    p->flags = (u8_t)(p->flags | kind);
    p->if_idx = netif_get_index(netif);
    frame_input(netif, p, header.type, sums_good);
}

static void stack_input(struct interface *interface, struct list *packets)
{
    struct inet_netif *netif = interface->stack;
    struct inet_train train = {0};
    inet_lock();
    while (!list_empty(packets)) {
        struct packet *packet = container_of(list_pop_front(packets), struct packet, link);
        uint32_t length = packet_chain_length(packet);
        if (length <= SIZEOF_ETH_HDR || length - SIZEOF_ETH_HDR > UINT16_MAX)
            packet_chain_done(packet);
        else if (!inet_train_take(&train, &netif->netif, packet)) {
            inet_train_deliver(&train, &netif->netif);
            frame_receive(&netif->netif, packet, length);
        }
    }
    inet_train_deliver(&train, &netif->netif);
    inet_unlock();
}

/* ---- Coming, changing, going ---- */

static err_t netif_init_ethernet(struct netif *netif)
{
    const struct interface *interface = inet_netif_of(netif)->interface;
    memcpy(netif->name, interface->name, sizeof netif->name);
    memcpy(netif->hwaddr, interface->address, sizeof netif->hwaddr);
    netif->hwaddr_len = ETH_HWADDR_LEN;
    netif->mtu = (u16_t)LWIP_MIN(interface->mtu, MTU_MAX);
    netif->output = etharp_output;
    netif->output_ip6 = ethip6_output;
    netif->linkoutput = inet_output;
    netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET |
                   NETIF_FLAG_IGMP | NETIF_FLAG_MLD6;
    if (interface->features & NETQUEUE_TX_SUM)
        netif->chksum_flags &= (u16_t)~NETIF_CHECKSUM_GEN_TCP;
    return ERR_OK;
}

static err_t loopback_output4(struct netif *netif, struct pbuf *p, const ip4_addr_t *to)
{
    (void)to;
    return inet_loopback_queue(netif, p);
}

static err_t loopback_output6(struct netif *netif, struct pbuf *p, const ip6_addr_t *to)
{
    (void)to;
    return inet_loopback_queue(netif, p);
}

/* Nothing gets lost on the way; the sums that programs with raw sockets look at are right all the
 * same. */
static err_t netif_init_loopback(struct netif *netif)
{
    netif->name[0] = 'l';
    netif->name[1] = 'o';
    netif->mtu = MTU_MAX;
    netif->output = loopback_output4;
    netif->output_ip6 = loopback_output6;
    netif->flags = NETIF_FLAG_IGMP | NETIF_FLAG_MLD6;
    netif->chksum_flags = NETIF_CHECKSUM_GEN_IP | NETIF_CHECKSUM_GEN_ICMP |
                          NETIF_CHECKSUM_GEN_ICMP6 | NETIF_CHECKSUM_CHECK_ICMP;
    return ERR_OK;
}

static void netif_follow(struct inet_netif *n)
{
    const struct interface *interface = n->interface;
    if (interface->flags & INTERFACE_RUNNING)
        netif_set_link_up(&n->netif);
    else
        netif_set_link_down(&n->netif);
    if (flag_up(interface))
        netif_set_up(&n->netif);
    else
        netif_set_down(&n->netif);
}

static err_t netif_unused_input(struct pbuf *p, struct netif *netif)
{
    (void)netif;
    pbuf_free(p);
    return ERR_OK;
}

static void loopback_configure(struct netif *netif)
{
    ip4_addr_t address, mask;
    IP4_ADDR(&address, 127, 0, 0, 1);
    IP4_ADDR(&mask, 255, 0, 0, 0);
    netif_set_addr(netif, &address, &mask, IP4_ADDR_ANY4);
    IP_ADDR6_HOST(&netif->ip6_addr[0], 0, 0, 0, 1);
    netif->ip6_addr_state[0] = IP6_ADDR_PREFERRED;
}

static uint32_t card_segments(const struct interface *interface)
{
    struct netqueue_info info = {.segments_max = UINT32_MAX};
    if (interface->card)
        sluice_netqueue_get_info(interface->card, &info);
    return info.segments_max;
}

static void stack_added(struct interface *interface)
{
    struct inet_netif *n = env_alloc(sizeof *n, ENV_ZERO);
    interface->stack = n;
    if (!n) {
        env_log(ENV_LOG_WARNING, "%s: no memory for its end in the stack", interface->name);
        interface->flags &= ~INTERFACE_UP;
        return;
    }
    interface_ref(interface);
    n->interface = interface;
    n->segments_max = card_segments(interface);
    list_init(&n->out);
    list_init(&n->link);
    inet_lock();
    bool loopback = interface->flags & INTERFACE_LOOPBACK;
    netif_add(&n->netif, NULL, NULL, NULL, n, loopback ? netif_init_loopback : netif_init_ethernet,
              netif_unused_input);
    n->netif.num = (u8_t)(interface->index - 1);
    if (loopback) {
        inet_loopback_netif = &n->netif;
        loopback_configure(&n->netif);
    } else {
        inet_configure_added(n);
    }
    netif_follow(n);
    inet_paths_forget(); /* its number, and that it is the loopback, came after lwIP told of it */
    inet_unlock();
    netlink_link_changed(interface->index);
}

static void stack_removed(struct interface *interface)
{
    struct inet_netif *n = interface->stack;
    if (!n)
        return;
    inet_lock();
    inet_configure_removed(n);
    inet_route_forget(&n->netif);
    netif_remove(&n->netif);
    inet_output_drop(n);
    inet_loopback_drop(&n->netif);
    if (inet_loopback_netif == &n->netif)
        inet_loopback_netif = NULL;
    inet_paths_forget(); /* lwIP told of it before it was gone, and sent resets in between */
    interface->stack = NULL;
    inet_unlock();
    netlink_link_removed(interface->index, interface->name);
    interface_put(interface);
    env_free(n, sizeof *n);
}

static void stack_changed(struct interface *interface)
{
    inet_lock();
    struct inet_netif *n = interface->stack;
    if (n) {
        n->netif.mtu = (u16_t)LWIP_MIN(interface->mtu, MTU_MAX);
        n->netif.mtu6 = n->netif.mtu;
        if (n->netif.hwaddr_len)
            memcpy(n->netif.hwaddr, interface->address, ETH_HWADDR_LEN);
        netif_follow(n);
        inet_paths_forget(); /* lwIP told of its going down before it was */
    }
    inet_unlock();
    netlink_link_changed(interface->index);
}

const struct interface_stack inet_interface_stack = {stack_added, stack_removed, stack_changed,
                                                     stack_input};
