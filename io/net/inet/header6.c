/*
 * IPv6 packets before lwIP sees them: those whose chain of headers can't be followed to its end are
 * dropped here. lwIP reads a header's length before it knows that there is one, follows headers
 * from one fragment into the next, and stops the machine where a packet put together is longer than
 * 16 bits tell.
 *
 * So every header lies in the packet's first piece, and where the packet is a fragment, in the
 * first fragment (RFC 7112); options end where their header does; and there is one fragment header.
 */
#include "core_private.h"
#include "hooks.h"
#include "lwip/ip6.h"
#include "lwip/prot/icmp6.h"
#include "lwip/prot/ip.h"
#include "lwip/prot/ip6.h"
#include "lwip/prot/udp.h"
#include "lwip/stats.h"

#define UNIT 8u /* what lengths are counted in */
/* Headers in front of a fragment's own; and bytes of all fragments, so that lwIP's count of a
 * packet's bytes, with both, holds them. */
#define BEFORE_MAX    24u
#define FRAGMENTS_MAX (UINT16_MAX - IP6_HLEN - BEFORE_MAX - UNIT)

#define ND_FIRST ICMP6_TYPE_RS
#define ND_LAST  ICMP6_TYPE_RD

struct walk {
    const uint8_t *bytes; /* from the IPv6 header on */
    uint32_t at, end;     /* the header looked at; what is in the first piece */
    uint32_t whole;       /* of the packet */
    uint8_t next;         /* what the header is */
    bool fragment;        /* there was a fragment header */
};

static bool options_sound(const uint8_t *bytes, uint32_t at, uint32_t end)
{
    while (at < end) {
        if (bytes[at] == IP6_PAD1_OPTION)
            at++;
        else if (end - at < 2)
            return false;
        else
            at += 2u + bytes[at + 1];
    }
    return at == end;
}

/* Goes to the next header, if this one is whole. */
static bool extension_pass(struct walk *walk, bool options)
{
    const uint8_t *header = walk->bytes + walk->at;
    if (walk->end - walk->at < UNIT)
        return false;
    uint32_t length = UNIT * (1u + header[1]);
    if (walk->end - walk->at < length || (options && !options_sound(header, 2, length)))
        return false;
    walk->next = header[0];
    walk->at += length;
    return true;
}

/* *MORE: the chain goes on behind it. */
static bool fragment_pass(struct walk *walk, bool *more)
{
    const uint8_t *header = walk->bytes + walk->at;
    if (walk->fragment || walk->end - walk->at < UNIT || walk->at - IP6_HLEN > BEFORE_MAX)
        return false;
    uint32_t offset = ((uint32_t)header[2] << 8 | header[3]) & IP6_FRAG_OFFSET_MASK;
    uint32_t length = walk->whole - walk->at - UNIT;
    *more = offset == 0;
    walk->fragment = true;
    walk->next = header[0];
    walk->at += UNIT;
    return length > 0 && offset + length <= FRAGMENTS_MAX;
}

/* IPv6 has no UDP without a checksum (RFC 8200), and nobody discovers neighbours in fragments (RFC
 * 6980). */
static bool transport_sound(const struct walk *walk, const struct netif *netif)
{
    const uint8_t *header = walk->bytes + walk->at;
    uint32_t left = walk->end - walk->at;
    if (walk->next == IP6_NEXTH_UDP && left >= UDP_HLEN && !header[6] && !header[7] &&
        netif->chksum_flags & NETIF_CHECKSUM_CHECK_UDP) {
        UDP_STATS_INC(udp.chkerr);
        return false;
    }
    return !(walk->fragment && walk->next == IP6_NEXTH_ICMP6 &&
             (left == 0 || (header[0] >= ND_FIRST && header[0] <= ND_LAST)));
}

static bool chain_sound(struct walk *walk, const struct netif *netif)
{
    bool sound = true, more = true;
    while (sound && more) {
        switch (walk->next) {
        case IP6_NEXTH_HOPBYHOP:
            if (walk->at > IP6_HLEN)
                return true; /* lwIP goes no further, and says so to the sender */
            sound = extension_pass(walk, true);
            break;
        case IP6_NEXTH_DESTOPTS:
            sound = extension_pass(walk, true);
            break;
        case IP6_NEXTH_ROUTING:
            sound = extension_pass(walk, false);
            break;
        case IP6_NEXTH_FRAGMENT:
            sound = fragment_pass(walk, &more);
            break;
        default:
            return transport_sound(walk, netif);
        }
    }
    return sound;
}

/* ::1 is not on any wire. */
static bool addresses_sound(const struct ip6_hdr *ip, const struct netif *netif)
{
    ip6_addr_t source, destination;
    if (netif == inet_loopback_netif)
        return true;
    ip6_addr_copy_from_packed(source, ip->src);
    ip6_addr_copy_from_packed(destination, ip->dest);
    return !ip6_addr_isloopback(&source) && !ip6_addr_isloopback(&destination);
}

static bool packet_sound(const struct pbuf *p, const struct netif *netif)
{
    const struct ip6_hdr *ip = p->payload;
    if (p->len < IP6_HLEN)
        return false;
    uint32_t whole = IP6_HLEN + (uint32_t)IP6H_PLEN(ip);
    struct walk walk = {.bytes = p->payload,
                        .at = IP6_HLEN,
                        .end = LWIP_MIN(whole, p->len),
                        .whole = whole,
                        .next = IP6H_NEXTH(ip)};
    return whole <= p->tot_len && addresses_sound(ip, netif) && chain_sound(&walk, netif);
}

int inet_hook_input6(struct pbuf *p, struct netif *netif)
{
    if (packet_sound(p, netif))
        return 0;
    IP6_STATS_INC(ip6.recv);
    IP6_STATS_INC(ip6.drop);
    pbuf_free(p);
    return 1;
}
