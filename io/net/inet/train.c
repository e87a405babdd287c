/*
 * Trains: segments of one TCP connection that come right after each other in a card's batch are
 * joined before lwIP sees them, so that it works once on what may be forty frames, and answers
 * once. What a card with GUEST_TSO does, for those that don't.
 *
 * Data segments join when they differ in sequence number, length, PSH and identification alone,
 * and nothing is missing between them: their pbufs become one chain behind the first one's headers.
 * Of plain acknowledgements, each of more than the one before, the last is the one that counts. It
 * takes the others' place, and says of how many, for the congestion window grows by
 * acknowledgements (inet_train_acknowledged).
 *
 * Checksums are verified here, before segments join: afterwards nobody could.
 */
#include "checksum.h"
#include "core_private.h"
#include "lwip/ip4.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/prot/ethernet.h"
#include "lwip/prot/ip4.h"
#include "lwip/prot/tcp.h"
#include "words.h"

#define HEADERS       (IP_HLEN + TCP_HLEN)
#define LENGTH_MAX    65535u
#define SUMS_VERIFIED (NETIF_CHECKSUM_CHECK_IP | NETIF_CHECKSUM_CHECK_TCP)

/* A segment with nothing special, in a packet of one piece. */
struct segment {
    struct packet *packet;
    struct ip_hdr *ip;
    struct tcp_hdr *tcp;
    uint32_t length; /* from the IP header on */
    uint32_t headers;
    uint32_t sequence;
};

static uint32_t acknowledgements; /* that the one now being delivered stands for, beside itself */

/* The sum over addresses, which lie in front of the TCP header, header and bytes. */
static bool sums_right(const struct segment *s)
{
    uint32_t size = s->length - IP_HLEN;
    uint16_t sum, rest = inet_sum_add(PP_HTONS(IP_PROTO_TCP), lwip_htons((uint16_t)size));
    if (inet_sum(s->ip, IP_HLEN) != UINT16_MAX)
        return false;
    if (s->packet->offload.flags & (PACKET_SUM_GOOD | PACKET_SUM_WANTED))
        return true;
    sum = inet_sum(&s->ip->src, (int)(size + 8));
    return inet_sum_add(sum, rest) == UINT16_MAX;
}

static bool segment_find(const struct netif *netif, struct packet *packet, struct segment *s)
{
    uint8_t *frame = packet->segments->base;
    if (packet->more || packet->segment_count != 1 || packet->length < SIZEOF_ETH_HDR + HEADERS)
        return false;
    struct eth_hdr *link = (struct eth_hdr *)frame;
    struct ip_hdr *ip = (struct ip_hdr *)(frame + SIZEOF_ETH_HDR);
    if (link->type != PP_HTONS(ETHTYPE_IP) || IPH_PROTO(ip) != IP_PROTO_TCP || ip->_v_hl != 0x45 ||
        (IPH_OFFSET(ip) & PP_HTONS(IP_OFFMASK | IP_MF)) ||
        __builtin_memcmp(&link->dest, netif->hwaddr, ETH_HWADDR_LEN) != 0)
        return false;
    struct tcp_hdr *tcp = (struct tcp_hdr *)(ip + 1);
    *s = (struct segment){.packet = packet,
                          .ip = ip,
                          .tcp = tcp,
                          .length = lwip_ntohs(IPH_LEN(ip)),
                          .headers = (uint32_t)(IP_HLEN + TCPH_HDRLEN_BYTES(tcp)),
                          .sequence = lwip_ntohl(tcp->seqno)};
    return (TCPH_FLAGS(tcp) & ~TCP_PSH) == TCP_ACK && s->headers >= HEADERS &&
           s->length >= s->headers && s->length <= packet->length - SIZEOF_ETH_HDR && sums_right(s);
}

/* ---- Delivering ---- */

void inet_train_deliver(struct inet_train *train, struct netif *netif)
{
    struct pbuf *first = train->first;
    if (!first)
        return;
    train->first = NULL;
    if (first->next) {
        IPH_LEN_SET(train->ip, lwip_htons((uint16_t)train->length));
        IPH_CHKSUM_SET(train->ip, 0);
        IPH_CHKSUM_SET(train->ip, (uint16_t)~inet_sum(train->ip, IP_HLEN));
        uint32_t left = train->length;
        for (struct pbuf *p = first; p; left -= p->len, p = p->next)
            p->tot_len = (uint16_t)left;
    }
    first->if_idx = netif_get_index(netif);
    acknowledgements = train->acknowledgements;
    u16_t sums = netif->chksum_flags;
    netif->chksum_flags = (u16_t)(sums & ~SUMS_VERIFIED);
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

/* The same connection, and in the header nothing but what may differ. */
static bool same(const struct inet_train *train, const struct segment *s, bool data)
{
    /* From the acknowledgement's number to the window; of the flags PSH may differ. */
    static const uint8_t mask[8] = {0xff, 0xff, 0xff, 0xff, 0xff, (uint8_t)~TCP_PSH, 0xff, 0xff};
    const struct tcp_hdr *tcp = train->tcp;
    if (load64(&train->ip->src) != load64(&s->ip->src) || load32(tcp) != load32(s->tcp) ||
        IPH_TOS(train->ip) != IPH_TOS(s->ip) ||
        lwip_ntohl(tcp->seqno) + train->bytes != s->sequence)
        return false;
    if (!data)
        return s->headers == HEADERS && (int32_t)(lwip_ntohl(s->tcp->ackno) - train->number) > 0;
    return !((load64(&tcp->ackno) ^ load64(&s->tcp->ackno)) & load64(mask)) &&
           (s->headers == HEADERS || !__builtin_memcmp(tcp + 1, s->tcp + 1, s->headers - HEADERS));
}

static void begin(struct inet_train *train, const struct segment *s)
{
    train->ip = s->ip;
    train->tcp = s->tcp;
    train->length = s->length;
    train->bytes = s->length - s->headers;
    train->number = lwip_ntohl(s->tcp->ackno);
    train->plain = s->headers == HEADERS;
    train->first = train->last = inet_packet_wrap(s->packet, SIZEOF_ETH_HDR, s->length);
}

bool inet_train_take(struct inet_train *train, struct netif *netif, struct packet *packet)
{
    struct segment s;
    if (!segment_find(netif, packet, &s))
        return false;
    uint32_t bytes = s.length - s.headers;
    if (train->first && bytes && train->bytes && train->length + bytes <= LENGTH_MAX &&
        same(train, &s, true)) {
        TCPH_SET_FLAG(train->tcp, TCPH_FLAGS(s.tcp) & TCP_PSH);
        train->last->next = inet_packet_wrap(packet, SIZEOF_ETH_HDR + s.headers, bytes);
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
