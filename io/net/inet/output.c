/*
 * Frames on their way out. lwIP hands each to inet_output under the core lock; it becomes a packet
 * whose segments are the pbufs' own memory, and waits on its interface's queue till inet_unlock
 * sends what has come together. A reference keeps the pbufs until the card has sent them.
 *
 * Segmentation. lwIP makes TCP segments of the wire's size. Those of one connection that follow
 * each other in the queue are joined into one packet with one header when the card cuts packets up
 * itself: what the offload saves is the card's and the host's work for each packet, and lwIP needs
 * no change.
 *
 * The card gives packets back in any context, under locks of its own maybe: they go onto a list
 * without a lock (inet_returned), which the next inet_lock empties.
 */
#include <sluice/string.h>
#include "checksum.h"
#include "core_private.h"
#include "inet_buffer.h"
#include "lwip/mem.h"
#include "lwip/prot/ip.h"
#include "lwip/prot/ethernet.h"
#include "lwip/prot/ip4.h"
#include "lwip/prot/ip6.h"
#include "lwip/prot/tcp.h"
#include "lwip/snmp.h"
#include "words.h"

#define JOINED_MAX   65535u /* bytes of an IP packet */
#define SEGMENTS_MAX 60u    /* of a joined packet, if the card takes so many */
#define TCP_SUM_AT   16u    /* of the checksum in the header */
/* Of the bytes that may differ between segments that are joined: these flags only. */
#define TCP_PLAIN (TCP_ACK | TCP_PSH)

/* The headers, network's and transport's, of a TCP segment; offsets in the frame. */
struct tcp_frame {
    uint16_t transport, payload; /* where each begins; payload 0: no TCP segment */
    uint16_t size;               /* bytes of payload */
    uint32_t sequence;
    bool six;
};

struct inet_out {
    struct packet packet;
    struct inet_out *returned; /* next on the list of those that came back */
    struct inet_out *joined;   /* whose bytes this one sends, too */
    struct pbuf *pbuf;
    struct tcp_frame tcp;
    bool lent;   /* memory of a program's or a file's, which shall come back soon */
    bool inside; /* its memory is the pbuf's own record */
    struct sg_segment segments[];
};
_Static_assert(sizeof(struct inet_out) + sizeof(struct sg_segment) <= INET_BUFFER_RECORD,
               "INET_BUFFER_RECORD");

struct list inet_outputs = LIST_INIT(inet_outputs);
struct inet_out *_Atomic inet_returned;

static struct inet_out *out_of(struct list *link)
{
    return container_of(container_of(link, struct packet, link), struct inet_out, packet);
}

/* ---- Coming back ---- */

static void out_free(struct inet_out *out)
{
    while (out) {
        struct inet_out *joined = out->joined;
        struct pbuf *p = out->pbuf;
        if (out->inside)
            inet_buffer_record_give(p);
        else
            mem_free(out);
        pbuf_free(p);
        out = joined;
    }
}

static void out_done(struct packet *packet)
{
    struct inet_out *out = (struct inet_out *)packet;
    bool lent = out->lent; /* on the list it is anybody's to free */
    out->returned = atomic_load_explicit(&inet_returned, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&inet_returned, &out->returned, out,
                                                  memory_order_release, memory_order_relaxed))
        ;
    if (lent)
        inet_core_kick();
}

void inet_returned_drain(void)
{
    struct inet_out *out = atomic_exchange_explicit(&inet_returned, NULL, memory_order_acquire);
    while (out) {
        struct inet_out *next = out->returned;
        out_free(out);
        out = next;
    }
}

/* ---- What is in a frame ---- */

/* P begins with an Ethernet header; lwIP keeps a TCP segment's headers in its first piece. */
static void tcp_frame_find(const struct pbuf *p, struct tcp_frame *out)
{
    const uint8_t *frame = p->payload;
    const struct ip_hdr *ip = (const struct ip_hdr *)(frame + SIZEOF_ETH_HDR);
    u16_t type;
    *out = (struct tcp_frame){0};
    if (p->len < SIZEOF_ETH_HDR + IP_HLEN + TCP_HLEN)
        return;
    __builtin_memcpy(&type, frame + 12, sizeof type);
    if (type == PP_HTONS(ETHTYPE_IP)) {
        if (IPH_PROTO(ip) != IP_PROTO_TCP || IPH_OFFSET(ip) & PP_HTONS(IP_OFFMASK | IP_MF))
            return;
        out->transport = (uint16_t)(SIZEOF_ETH_HDR + IPH_HL_BYTES(ip));
    } else {
        out->six = true;
        out->transport = SIZEOF_ETH_HDR + IP6_HLEN;
        if (type != PP_HTONS(ETHTYPE_IPV6) ||
            IP6H_NEXTH((const struct ip6_hdr *)ip) != IP6_NEXTH_TCP)
            return;
    }
    if (p->len < out->transport + TCP_HLEN)
        return;
    const struct tcp_hdr *tcp = (const struct tcp_hdr *)(frame + out->transport);
    uint16_t payload = (uint16_t)(out->transport + TCPH_HDRLEN_BYTES(tcp));
    if (p->len < payload)
        return;
    out->payload = payload;
    out->size = (uint16_t)(p->tot_len - payload);
    out->sequence = lwip_ntohl(tcp->seqno);
}

/* The pseudo header's sum over SIZE bytes of transport header and payload. */
static uint16_t pseudo_sum(const uint8_t *frame, bool six, uint32_t size)
{
    uint16_t addresses =
        six ? inet_sum(frame + SIZEOF_ETH_HDR + 8, 32) : inet_sum(frame + SIZEOF_ETH_HDR + 12, 8);
    uint16_t rest = inet_sum_add(PP_HTONS(IP_PROTO_TCP), lwip_htons((uint16_t)size));
    return inet_sum_add(addresses, rest);
}

/* lwIP left the TCP checksum to the card. */
static void sum_ask(struct packet *packet, uint8_t *frame, const struct tcp_frame *tcp,
                    uint32_t size)
{
    uint16_t sum = pseudo_sum(frame, tcp->six, size);
    __builtin_memcpy(frame + tcp->transport + TCP_SUM_AT, &sum, sizeof sum);
    packet->offload.flags = PACKET_SUM_WANTED;
    packet->offload.sum_start = tcp->transport;
    packet->offload.sum_offset = TCP_SUM_AT;
}

/* ---- Queueing ---- */

/* The link and what belongs to the holder are theirs to fill in. */
static void out_begin(struct inet_out *out)
{
    out->packet.more = NULL;
    out->packet.segments = out->segments;
    out->packet.segment_count = 0;
    out->packet.offload = (struct packet_offload){0};
    out->packet.done = out_done;
    out->joined = NULL;
    out->lent = false;
    out->inside = false;
}

static struct inet_out *out_alloc(uint32_t segments)
{
    struct inet_out *out = mem_malloc(sizeof *out + segments * sizeof out->segments[0]);
    if (out)
        out_begin(out);
    return out;
}

/* A datagram, which is one buffer, brings the memory along. */
static struct inet_out *out_inside(struct pbuf *p)
{
    struct inet_out *out = inet_buffer_record_take(p);
    if (out) {
        out_begin(out);
        out->inside = true;
    }
    return out;
}

static struct inet_out *out_make(struct pbuf *p)
{
    struct inet_out *out = out_inside(p);
    if (!out)
        out = out_alloc(pbuf_clen(p));
    if (!out)
        return NULL;
    pbuf_ref(p);
    out->pbuf = p;
    out->packet.length = p->tot_len;
    for (; p; p = p->next) {
        if (p->len)
            out->segments[out->packet.segment_count++] = (struct sg_segment){p->payload, p->len};
        out->lent |= (p->flags & PBUF_FLAG_IS_CUSTOM) != 0;
    }
    return out;
}

/* A card takes so many segments at most: beyond that the frame is copied into one. */
static struct inet_out *out_make_single(struct pbuf *p)
{
    struct pbuf *whole = pbuf_clone(PBUF_RAW, PBUF_RAM, p);
    if (!whole)
        return NULL;
    packet_copied_bytes += p->tot_len;
    struct inet_out *out = out_make(whole);
    pbuf_free(whole);
    return out;
}

static void queue(struct inet_netif *n, struct inet_out *out)
{
    list_push_back(&n->out, &out->packet.link);
    if (list_empty(&n->link))
        list_push_back(&inet_outputs, &n->link);
}

/* Multicast that programs of ours listen to as well. */
static void loop_multicast(struct netif *netif, struct pbuf *p)
{
    p->flags = (u8_t)(p->flags & ~PBUF_FLAG_MCASTLOOP);
    if (pbuf_remove_header(p, SIZEOF_ETH_HDR))
        return;
    inet_loopback_queue(netif, p);
    pbuf_add_header_force(p, SIZEOF_ETH_HDR);
}

err_t inet_output(struct netif *netif, struct pbuf *p)
{
    struct inet_netif *n = inet_netif_of(netif);
    if (p->flags & PBUF_FLAG_MCASTLOOP)
        loop_multicast(netif, p);
    bool few = p->next == NULL || pbuf_clen(p) <= n->segments_max;
    struct inet_out *out = few ? out_make(p) : out_make_single(p);
    if (!out)
        return ERR_MEM;
    tcp_frame_find(out->pbuf, &out->tcp);
    /* Of TCP the acknowledgement frees it, and comes by here. */
    out->lent &= !out->tcp.payload;
    const uint8_t *frame = out->pbuf->payload;
    uint16_t sum = 1;
    /* A sum that lwIP made may be 0 as well: once in 65536 segments. */
    if (out->tcp.payload && !(netif->chksum_flags & NETIF_CHECKSUM_GEN_TCP))
        __builtin_memcpy(&sum, frame + out->tcp.transport + TCP_SUM_AT, sizeof sum);
    if (!sum)
        out->packet.offload.flags = PACKET_SUM_WANTED; /* the rest when it is known what joins */
    queue(n, out);
    return ERR_OK;
}

void inet_output_drop(struct inet_netif *n)
{
    list_remove(&n->link);
    while (!list_empty(&n->out))
        out_free(out_of(list_pop_front(&n->out)));
}

/* ---- Joining ---- */

static uint8_t *frame_of(const struct inet_out *out)
{
    return out->segments[0].base;
}

/* Links' headers, and of IP all but length, identification and checksum. The link's is compared
 * with the two bytes behind it, IP's first. */
static bool same_network(const struct inet_out *a, const struct inet_out *b)
{
    const uint8_t *x = frame_of(a), *y = frame_of(b);
    const uint8_t *i = x + SIZEOF_ETH_HDR, *j = y + SIZEOF_ETH_HDR;
    if (load64(x) != load64(y) || load64(x + 8) != load64(y + 8))
        return false;
    if (a->tcp.six)
        return load32(i) == load32(j) && !memcmp(i + 6, j + 6, IP6_HLEN - 6);
    return load32(i + 6) == load32(j + 6) && load64(i + 12) == load64(j + 12) &&
           (a->tcp.transport == SIZEOF_ETH_HDR + IP_HLEN ||
            !memcmp(i + IP_HLEN, j + IP_HLEN, a->tcp.transport - SIZEOF_ETH_HDR - IP_HLEN));
}

/* Ports, acknowledgement, window and options; no flags but the plain ones. */
static bool same_transport(const struct inet_out *a, const struct inet_out *b)
{
    const uint8_t *x = frame_of(a) + a->tcp.transport, *y = frame_of(b) + b->tcp.transport;
    const struct tcp_hdr *one = (const struct tcp_hdr *)x, *other = (const struct tcp_hdr *)y;
    size_t options = a->tcp.payload - a->tcp.transport - TCP_HLEN;
    if ((TCPH_FLAGS(one) | TCPH_FLAGS(other)) & ~TCP_PLAIN)
        return false;
    return load32(x) == load32(y) && one->ackno == other->ackno && one->wnd == other->wnd &&
           one->urgp == other->urgp && (!options || !memcmp(x + TCP_HLEN, y + TCP_HLEN, options));
}

/* B's payload goes on where A's ends, in a segment that differs in nothing else. */
static bool follows(const struct inet_out *a, const struct inet_out *b)
{
    return a->tcp.payload && a->tcp.payload == b->tcp.payload && a->tcp.six == b->tcp.six &&
           a->tcp.transport == b->tcp.transport && a->tcp.size && b->tcp.size &&
           b->tcp.sequence == a->tcp.sequence + a->tcp.size && same_network(a, b) &&
           same_transport(a, b);
}

struct run {
    uint32_t count, segments, size; /* frames; segments without headers; bytes of payload */
};

static uint32_t payload_segments(const struct inet_out *out)
{
    return out->packet.segment_count - (out->segments[0].length == out->tcp.payload);
}

/* How far from FIRST on a run of frames goes that can be one packet. */
static struct run run_find(const struct inet_netif *n, struct inet_out *first)
{
    uint32_t segments_max = LWIP_MIN(n->segments_max, SEGMENTS_MAX);
    struct run run = {1, 1 + payload_segments(first), first->tcp.size};
    struct inet_out *last = first;
    while (last->packet.link.next != &n->out) {
        struct inet_out *next = out_of(last->packet.link.next);
        if (last->tcp.size != first->tcp.size || next->tcp.size > first->tcp.size ||
            !follows(last, next) || run.segments + payload_segments(next) > segments_max ||
            run.size + next->tcp.size + next->tcp.payload - SIZEOF_ETH_HDR > JOINED_MAX)
            break;
        run.count++;
        run.segments += payload_segments(next);
        run.size += next->tcp.size;
        last = next;
    }
    return run;
}

static void segments_add(struct inet_out *to, const struct inet_out *from)
{
    for (uint32_t i = 0; i < from->packet.segment_count; i++) {
        struct sg_segment segment = from->segments[i];
        if (i == 0) {
            segment.base = (char *)segment.base + from->tcp.payload;
            segment.length -= from->tcp.payload;
        }
        if (segment.length)
            to->segments[to->packet.segment_count++] = segment;
    }
}

/* The header of a whole run: the first one's, with the length of all and a PSH if the last has it.
 */
static void header_mend(struct inet_out *whole, const struct inet_out *last, uint32_t size)
{
    uint8_t *frame = frame_of(whole);
    struct tcp_hdr *tcp = (struct tcp_hdr *)(frame + whole->tcp.transport);
    uint32_t length = whole->tcp.payload + size - SIZEOF_ETH_HDR;
    TCPH_SET_FLAG(tcp, TCPH_FLAGS((const struct tcp_hdr *)(frame_of(last) + last->tcp.transport)) &
                           TCP_PSH);
    if (whole->tcp.six) {
        IP6H_PLEN_SET((struct ip6_hdr *)(frame + SIZEOF_ETH_HDR), length - IP6_HLEN);
    } else {
        struct ip_hdr *ip = (struct ip_hdr *)(frame + SIZEOF_ETH_HDR);
        IPH_LEN_SET(ip, lwip_htons((u16_t)length));
        IPH_CHKSUM_SET(ip, 0);
        IPH_CHKSUM_SET(ip, (u16_t)~inet_sum(ip, IPH_HL_BYTES(ip)));
    }
    sum_ask(&whole->packet, frame, &whole->tcp, whole->tcp.payload - whole->tcp.transport + size);
}

/* Takes RUN off N's queue and makes one packet of it; NULL: no memory, they stay. */
static struct inet_out *run_join(struct inet_netif *n, struct run run)
{
    struct inet_out *first = out_of(n->out.next), *last = first;
    struct inet_out *whole = out_alloc(run.segments);
    struct pbuf *header = pbuf_alloc(PBUF_RAW, first->tcp.payload, PBUF_RAM);
    if (!whole || !header) {
        mem_free(whole);
        if (header)
            pbuf_free(header);
        return NULL;
    }
    memcpy(header->payload, frame_of(first), first->tcp.payload);
    whole->pbuf = header;
    whole->tcp = first->tcp;
    whole->segments[whole->packet.segment_count++] =
        (struct sg_segment){header->payload, first->tcp.payload};
    for (uint32_t i = 0; i < run.count; i++) {
        last = out_of(list_pop_front(&n->out));
        segments_add(whole, last);
        last->joined = whole->joined;
        whole->joined = last;
    }
    whole->packet.length = whole->tcp.payload + run.size;
    header_mend(whole, last, run.size);
    whole->packet.offload.gso = whole->tcp.six ? PACKET_GSO_TCP6 : PACKET_GSO_TCP4;
    whole->packet.offload.gso_size = first->tcp.size;
    whole->packet.offload.header_length = whole->tcp.payload;
    return whole;
}

static bool joinable(const struct inet_netif *n, const struct inet_out *out)
{
    uint32_t wanted = out->tcp.six ? NETQUEUE_TX_TSO6 : NETQUEUE_TX_TSO4;
    return out->tcp.size && n->interface->features & wanted &&
           out->packet.offload.flags & PACKET_SUM_WANTED;
}

/* Takes OUT, a segment and the first of N's queue, off it, with those that can be joined to it. */
static __attribute__((noinline)) struct inet_out *segment_take(struct inet_netif *n,
                                                               struct inet_out *out)
{
    struct run run = {1, 0, 0};
    if (joinable(n, out))
        run = run_find(n, out);
    struct inet_out *whole = run.count > 1 ? run_join(n, run) : NULL;
    if (whole)
        return whole;
    list_remove(&out->packet.link);
    if (out->packet.offload.flags & PACKET_SUM_WANTED)
        sum_ask(&out->packet, frame_of(out), &out->tcp, out->packet.length - out->tcp.transport);
    return out;
}

void inet_output_take(struct inet_netif *n, struct list *batch)
{
    list_remove(&n->link);
    while (!list_empty(&n->out)) {
        struct inet_out *out = out_of(n->out.next);
        if (out->tcp.payload)
            out = segment_take(n, out);
        else
            list_remove(&out->packet.link);
        list_push_back(batch, &out->packet.link);
    }
}
