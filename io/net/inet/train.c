/*
 * Trains: segments of one TCP connection that come right after each other in a card's batch are
 * joined before lwIP sees them, so that it works once on what may be forty frames, and answers
 * once. What a card with GUEST_TSO does, for those that don't.
 *
 * Data segments join when they differ in sequence number, length, PSH and identification alone
 * (IPv6's in sequence number, length and PSH), and nothing is missing between them: their pbufs
 * become one chain behind the first one's headers. Of plain acknowledgements, each of more than the
 * one before, the last is the one that counts. It takes the others' place, and says of how many,
 * for the congestion window grows by acknowledgements (inet_train_acknowledged).
 *
 * Checksums are verified here, before segments join: afterwards nobody could.
 */
#include "checksum.h"
#include "core_private.h"
#include "lwip/ip4.h"
#include "lwip/ip6.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/prot/ethernet.h"
#include "lwip/prot/ip4.h"
#include "lwip/prot/ip6.h"
#include "lwip/prot/tcp.h"
#include "words.h"

#define LENGTH_MAX    65535u
#define SUMS_VERIFIED (NETIF_CHECKSUM_CHECK_IP | NETIF_CHECKSUM_CHECK_TCP)
#define ADDRESSES4    12u /* where they are in a header */
#define ADDRESSES6    8u

/* A segment with nothing special, in a packet of one piece. */
struct segment {
    struct packet *packet;
    uint8_t *ip;
    struct tcp_hdr *tcp;
    bool six;
    uint32_t network;   /* bytes of the IP header */
    uint32_t addresses; /* where they begin in it; they end where it does */
    uint32_t length;    /* from the IP header on */
    uint32_t options;   /* TCP's */
    uint32_t sequence;
};

static uint32_t headers(const struct segment *s)
{
    return s->network + TCP_HLEN + s->options;
}

static uint32_t acknowledgements; /* that the one now being delivered stands for, beside itself */

/* The sum over addresses, which lie in front of the TCP header, header and bytes. */
static bool sums_right(const struct segment *s)
{
    uint32_t size = s->length - s->network;
    uint16_t sum, rest = inet_sum_add(PP_HTONS(IP_PROTO_TCP), lwip_htons((uint16_t)size));
    if (!s->six && inet_sum(s->ip, IP_HLEN) != UINT16_MAX)
        return false;
    if (s->packet->offload.flags & (PACKET_SUM_GOOD | PACKET_SUM_WANTED))
        return true;
    sum = inet_sum(s->ip + s->addresses, (int)(s->length - s->addresses));
    return inet_sum_add(sum, rest) == UINT16_MAX;
}

static bool network4(struct segment *s)
{
    const struct ip_hdr *ip = (const struct ip_hdr *)s->ip;
    s->network = IP_HLEN;
    s->addresses = ADDRESSES4;
    s->length = lwip_ntohs(IPH_LEN(ip));
    return IPH_PROTO(ip) == IP_PROTO_TCP && ip->_v_hl == 0x45 &&
           !(IPH_OFFSET(ip) & PP_HTONS(IP_OFFMASK | IP_MF));
}

static bool network6(struct segment *s)
{
    const struct ip6_hdr *ip = (const struct ip6_hdr *)s->ip;
    s->six = true;
    s->network = IP6_HLEN;
    s->addresses = ADDRESSES6;
    s->length = IP6_HLEN + (uint32_t)IP6H_PLEN(ip);
    return IP6H_NEXTH(ip) == IP6_NEXTH_TCP && IP6H_V(ip) == 6;
}

static bool network_find(struct segment *s, u16_t type, uint32_t length)
{
    if (type == PP_HTONS(ETHTYPE_IP))
        return length >= IP_HLEN + TCP_HLEN && network4(s);
    return type == PP_HTONS(ETHTYPE_IPV6) && length >= IP6_HLEN + TCP_HLEN && network6(s);
}

static bool segment_find(const struct netif *netif, struct packet *packet, struct segment *s)
{
    uint8_t *frame = packet->segments->base;
    if (packet->more || packet->segment_count != 1 || packet->length <= SIZEOF_ETH_HDR)
        return false;
    struct eth_hdr *link = (struct eth_hdr *)frame;
    uint32_t length = packet->length - SIZEOF_ETH_HDR;
    *s = (struct segment){.packet = packet, .ip = frame + SIZEOF_ETH_HDR};
    if (!network_find(s, link->type, length) || s->length > length ||
        __builtin_memcmp(&link->dest, netif->hwaddr, ETH_HWADDR_LEN) != 0)
        return false;
    s->tcp = (struct tcp_hdr *)(s->ip + s->network);
    s->options = TCPH_HDRLEN_BYTES(s->tcp) - TCP_HLEN;
    s->sequence = lwip_ntohl(s->tcp->seqno);
    return (TCPH_FLAGS(s->tcp) & ~TCP_PSH) == TCP_ACK && TCPH_HDRLEN_BYTES(s->tcp) >= TCP_HLEN &&
           s->length >= headers(s) && sums_right(s);
}

/* ---- Delivering ---- */

static void length_set(struct inet_train *train)
{
    struct ip_hdr *ip = train->ip;
    if (train->six) {
        IP6H_PLEN_SET((struct ip6_hdr *)train->ip, (uint16_t)(train->length - IP6_HLEN));
        return;
    }
    IPH_LEN_SET(ip, lwip_htons((uint16_t)train->length));
    IPH_CHKSUM_SET(ip, 0);
    IPH_CHKSUM_SET(ip, (uint16_t)~inet_sum(ip, IP_HLEN));
}

void inet_train_deliver(struct inet_train *train, struct netif *netif)
{
    struct pbuf *first = train->first;
    if (!first)
        return;
    train->first = NULL;
    if (first->next) {
        length_set(train);
        uint32_t left = train->length;
        for (struct pbuf *p = first; p; left -= p->len, p = p->next)
            p->tot_len = (uint16_t)left;
    }
    first->if_idx = netif_get_index(netif);
    acknowledgements = train->acknowledgements;
    u16_t sums = netif->chksum_flags;
    netif->chksum_flags = (u16_t)(sums & ~SUMS_VERIFIED);
    if (train->six)
        ip6_input(first, netif);
    else
        ip4_input(first, netif);
    netif->chksum_flags = sums;
    acknowledgements = 0;
}

/* lwIP lets the window grow by two segments for an acknowledgement at most. */
void inet_train_acknowledged(struct tcp_pcb *pcb, uint32_t number)
{
    uint32_t acked = number - pcb->lastack, whole = 2u * pcb->mss;
    uint32_t others = acknowledgements * whole;
    acknowledgements = 0;
    if (others == 0 || pcb->cwnd >= pcb->ssthresh || pcb->flags & (TF_INFR | TF_RTO) ||
        !TCP_SEQ_BETWEEN(number, pcb->lastack + 1, pcb->snd_nxt) || acked <= whole)
        return;
    acked -= whole; /* lwIP's part */
    TCP_WND_INC(pcb->cwnd, (tcpwnd_size_t)LWIP_MIN(acked, others));
}

/* ---- Joining ---- */

/* Both addresses, and type of service; of IPv6 also the flow. */
static bool same_network(const struct inet_train *train, const struct segment *s)
{
    const uint8_t *ip = train->ip;
    uint64_t differ = 0;
    if (train->six != s->six)
        return false;
    if (!s->six)
        return load64(ip + ADDRESSES4) == load64(s->ip + ADDRESSES4) && ip[1] == s->ip[1];
    for (uint32_t at = ADDRESSES6; at < IP6_HLEN; at += sizeof differ)
        differ |= load64(ip + at) ^ load64(s->ip + at);
    return !differ && load32(ip) == load32(s->ip);
}

/* The same connection, and in the header nothing but what may differ. */
static bool same(const struct inet_train *train, const struct segment *s, bool data)
{
    /* From the acknowledgement's number to the window; of the flags PSH may differ. */
    static const uint8_t mask[8] = {0xff, 0xff, 0xff, 0xff, 0xff, (uint8_t)~TCP_PSH, 0xff, 0xff};
    const struct tcp_hdr *tcp = train->tcp;
    if (!same_network(train, s) || load32(tcp) != load32(s->tcp) ||
        lwip_ntohl(tcp->seqno) + train->bytes != s->sequence)
        return false;
    if (!data)
        return !s->options && (int32_t)(lwip_ntohl(s->tcp->ackno) - train->number) > 0;
    return !((load64(&tcp->ackno) ^ load64(&s->tcp->ackno)) & load64(mask)) &&
           (!s->options || !__builtin_memcmp(tcp + 1, s->tcp + 1, s->options));
}

static void begin(struct inet_train *train, const struct segment *s)
{
    train->ip = s->ip;
    train->tcp = s->tcp;
    train->six = s->six;
    train->length = s->length;
    train->bytes = s->length - headers(s);
    train->number = lwip_ntohl(s->tcp->ackno);
    train->plain = !s->options;
    train->first = train->last = inet_packet_wrap(s->packet, SIZEOF_ETH_HDR, s->length);
}

bool inet_train_take(struct inet_train *train, struct netif *netif, struct packet *packet)
{
    struct segment s;
    if (!segment_find(netif, packet, &s))
        return false;
    uint32_t bytes = s.length - headers(&s);
    if (train->first && bytes && train->bytes && train->length + bytes <= LENGTH_MAX &&
        same(train, &s, true)) {
        TCPH_SET_FLAG(train->tcp, TCPH_FLAGS(s.tcp) & TCP_PSH);
        train->last->next = inet_packet_wrap(packet, SIZEOF_ETH_HDR + headers(&s), bytes);
        train->last = train->last->next;
        train->length += bytes;
        train->bytes += bytes;
        return true;
    }
    if (train->first && !bytes && !train->bytes && train->plain && same(train, &s, false)) {
        pbuf_free(train->first);
        train->acknowledgements++;
    } else {
        inet_train_deliver(train, netif);
        train->acknowledgements = 0;
    }
    begin(train, &s);
    return true;
}
