/* Filters of internet sockets: see inet_filter.h. */
#include "inet_filter.h"

#include <sluice/string.h>
#include "core_private.h"
#include "hooks.h"
#include "io/net/packet_socket.h"
#include "io/net/socket_filter.h"
#include "lwip/ip.h"
#include "lwip/prot/ip4.h"
#include "lwip/prot/ip6.h"
#include "lwip/prot/tcp.h"
#include "udp.h"

#define ETHERTYPE_IPV4 0x0800u
#define ETHERTYPE_IPV6 0x86ddu
#define NETWORK_MAX    256u /* of an IP header: longer ones are shown without their extensions */
#define TRANSPORT_MAX  60u

/* A frame's beginning, put together: IP's header, then the transport's. */
struct head {
    oskit_u8_t bytes[NETWORK_MAX + TRANSPORT_MAX];
    oskit_u32_t network, length;
};

static void pbuf_read(const void *rest, oskit_u32_t offset, void *to, oskit_u32_t size)
{
    pbuf_copy_partial(rest, to, (u16_t)size, (u16_t)offset);
}

static oskit_u8_t kind_of(const ip_addr_t *destination, struct netif *netif)
{
    if (ip_addr_ismulticast(destination))
        return PACKET_MULTICAST;
    return netif != NULL && ip_addr_isbroadcast(destination, netif) ? PACKET_BROADCAST
                                                                    : PACKET_HOST;
}

/* How much of HEAD and REST behind it SOCK wants, from the transport's header on; false: nothing.
 */
static bool run(struct inet_sock *sock, const struct head *head, const struct pbuf *rest,
                const ip_addr_t *destination, struct netif *netif, oskit_u32_t *keep)
{
    struct bpf_view view = {
        .bytes = head->bytes,
        .piece = head->length,
        .read = pbuf_read,
        .rest = rest,
        .length = head->length + rest->tot_len,
        .start = head->network,
        .protocol = IP_IS_V6(destination) ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4,
        .kind = kind_of(destination, netif),
    };

    if (netif != NULL) {
        view.interface = inet_netif_index(netif);
        view.hardware = inet_netif_of(netif)->interface->hardware;
    }
    return socket_filter_run(&sock->base, &view, keep);
}

/* ---- Datagrams ---- */

static void head4(struct head *head, const struct inet_datagram *datagram, oskit_u8_t protocol)
{
    struct ip_hdr ip = {
        ._v_hl = 0x45,
        ._tos = datagram->tos,
        ._len = lwip_htons((u16_t)(IP_HLEN + UDP_HEADER + datagram->p->tot_len)),
        ._ttl = datagram->ttl,
        ._proto = protocol,
        .src.addr = ip_2_ip4(&datagram->source)->addr,
        .dest.addr = ip_2_ip4(&datagram->destination)->addr,
    };

    memcpy(head->bytes, &ip, IP_HLEN);
    head->network = IP_HLEN;
}

static void head6(struct head *head, const struct inet_datagram *datagram, oskit_u8_t protocol)
{
    struct ip6_hdr ip = {
        ._v_tc_fl = lwip_htonl(6u << 28 | (u32_t)datagram->tos << 20),
        ._plen = lwip_htons((u16_t)(UDP_HEADER + datagram->p->tot_len)),
        ._nexth = protocol,
        ._hoplim = datagram->ttl,
    };

    memcpy(&ip.src, ip_2_ip6(&datagram->source)->addr, sizeof ip.src);
    memcpy(&ip.dest, ip_2_ip6(&datagram->destination)->addr, sizeof ip.dest);
    memcpy(head->bytes, &ip, IP6_HLEN);
    head->network = IP6_HLEN;
}

/* The headers are made anew: of what came back from a group they were never there. The checksum's
 * place is 0. */
static void head_of_datagram(struct head *head, const struct inet_datagram *datagram,
                             oskit_u8_t protocol)
{
    u16_t udp[4] = {lwip_htons(datagram->source_port), lwip_htons(datagram->destination_port),
                    lwip_htons((u16_t)(UDP_HEADER + datagram->p->tot_len)), 0};

    if (IP_IS_V6_VAL(datagram->destination))
        head6(head, datagram, protocol);
    else
        head4(head, datagram, protocol);
    memcpy(head->bytes + head->network, udp, sizeof udp);
    head->length = head->network + UDP_HEADER;
}

/* Other sockets may have P, too: who wants less of it gets a copy. */
static struct pbuf *cut(struct pbuf *p, oskit_u32_t length)
{
    struct pbuf *own = p;

    if (length >= p->tot_len)
        return p;
    if (p->ref > 1) {
        own = pbuf_clone(PBUF_RAW, PBUF_RAM, p);
        pbuf_free(p);
    }
    if (own != NULL)
        pbuf_realloc(own, (u16_t)length);
    return own;
}

struct pbuf *inet_filter_datagram(struct inet_sock *sock, const struct inet_datagram *datagram)
{
    struct head head;
    oskit_u32_t keep;

    head_of_datagram(&head, datagram, (oskit_u8_t)sock->base.protocol);
    if (!run(sock, &head, datagram->p, &datagram->destination, inet_netif(datagram->interface),
             &keep)) {
        pbuf_free(datagram->p);
        return NULL;
    }
    return cut(datagram->p, keep > UDP_HEADER ? keep - UDP_HEADER : 0);
}

bool inet_filter_copy(struct inet_sock *sock, const struct inet_datagram *datagram,
                      struct pbuf *copy, oskit_u16_t header)
{
    struct netif *netif = ip_current_input_netif();
    struct bpf_view view = {
        .bytes = (const oskit_u8_t *)copy->payload - header,
        .piece = (oskit_u32_t)copy->len + header,
        .length = (oskit_u32_t)copy->tot_len + header,
        .start = header,
        .protocol = inet_is6(sock) ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4,
        .kind = kind_of(&datagram->destination, netif),
        .interface = datagram->interface,
        .hardware = inet_netif_of(netif)->interface->hardware,
    };
    oskit_u32_t keep;

    if (!socket_filter_run(&sock->base, &view, &keep))
        return false;
    if (keep < copy->tot_len)
        pbuf_realloc(copy, (u16_t)keep);
    return true;
}

/* ---- Segments ---- */

/* lwIP has turned the header's numbers to the host's order. */
static void head_of_segment(struct head *head, const struct tcp_hdr *header,
                            const struct segment_options *options)
{
    struct tcp_hdr tcp = *header;

    head->network = ip_current_header_tot_len();
    if (head->network > NETWORK_MAX)
        head->network = IP6_HLEN;
    memcpy(head->bytes,
           ip_current_is_v6() ? (const void *)ip6_current_header()
                              : (const void *)ip4_current_header(),
           head->network);
    tcp.src = lwip_htons(header->src);
    tcp.dest = lwip_htons(header->dest);
    tcp.seqno = lwip_htonl(header->seqno);
    tcp.ackno = lwip_htonl(header->ackno);
    tcp.wnd = lwip_htons(header->wnd);
    oskit_u8_t *to = head->bytes + head->network;
    memcpy(to, &tcp, TCP_HLEN);
    memcpy(to + TCP_HLEN, header + 1, options->first);
    if (options->first < options->size)
        memcpy(to + TCP_HLEN + options->first, options->second, options->size - options->first);
    head->length = head->network + TCP_HLEN + options->size;
}

bool inet_filter_segment(struct inet_sock *sock, const struct tcp_hdr *header,
                         const struct segment_options *options, struct pbuf *p)
{
    oskit_u32_t transport = TCP_HLEN + options->size, keep;
    struct head head;

    head_of_segment(&head, header, options);
    if (!run(sock, &head, p, ip_current_dest_addr(), ip_current_input_netif(), &keep))
        return false;
    keep = keep > transport ? keep - transport : 0;
    if (keep < p->tot_len)
        pbuf_realloc(p, (u16_t)keep);
    return true;
}
