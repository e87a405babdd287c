/*
 * What strangers may tell us of neighbours, routers and paths (RFC 4861, 8201): lwIP believes
 * nearly all of it, and reads an option's address without asking how long the option is. This
 * stands before lwIP and the sockets, and lets nothing pass that
 *
 *   has a wrong checksum, an option of length 0, or half of one;
 *   says that an address that we use is another's (one that we try may be);
 *   redirects us, unless it is the router that we send by who says it;
 *   makes a path's MTU larger, or smaller than any link's, or speaks of a packet that isn't ours.
 */
#include "core_private.h"
#include "lwip/inet_chksum.h"
#include "lwip/ip.h"
#include "lwip/ip6.h"
#include "lwip/nd6.h"
#include "lwip/priv/nd6_priv.h"
#include "lwip/prot/icmp6.h"
#include "lwip/prot/nd6.h"
#include "lwip/stats.h"

#define ADDRESS         16u
#define AT_TARGET       8u  /* in a solicitation, an advertisement and a redirect */
#define AT_REDIRECTED   24u /* the destination, in a redirect */
#define AT_COMPLAINED   8u  /* the packet that was too big */
#define AT_SOURCE       8u  /* in an IPv6 header */
#define AT_DESTINATION  24u
#define MULTICAST_FLAGS 0x40u /* Solicited, which no advertisement to all has */

/* A message that is being received, P from its own header on. */
struct message {
    struct pbuf *p;
    struct netif *netif;
    uint8_t type;
};

static ip6_addr_t address_at(const struct message *m, uint32_t at)
{
    ip6_addr_t address = {0};
    pbuf_copy_partial(m->p, address.addr, ADDRESS, (u16_t)at);
    ip6_addr_assign_zone(&address, IP6_UNKNOWN, m->netif);
    return address;
}

static bool sum_right(const struct message *m)
{
    if (!(m->netif->chksum_flags & NETIF_CHECKSUM_CHECK_ICMP6) ||
        !ip6_chksum_pseudo(m->p, IP6_NEXTH_ICMP6, m->p->tot_len, ip6_current_src_addr(),
                           ip6_current_dest_addr()))
        return true;
    ICMP6_STATS_INC(icmp6.chkerr);
    return false;
}

/* From AT to the end; the first of type FIRST, unless that is 0 or there is none. */
static bool options_sound(const struct message *m, uint32_t at, uint8_t first)
{
    if (first && m->p->tot_len > at && pbuf_get_at(m->p, (u16_t)at) != first)
        return false;
    while (at < m->p->tot_len) {
        uint8_t type = pbuf_get_at(m->p, (u16_t)at);
        int units = pbuf_try_get_at(m->p, (u16_t)(at + 1));
        bool link = type == ND6_OPTION_TYPE_SOURCE_LLADDR || type == ND6_OPTION_TYPE_TARGET_LLADDR;
        if (units <= 0 || (link && units != 1))
            return false;
        at += 8u * (uint32_t)units;
    }
    return at == m->p->tot_len;
}

static bool solicitation_sound(const struct message *m)
{
    bool trying = ip6_addr_isany(ip6_current_src_addr());
    return options_sound(m, sizeof(struct ns_header), trying ? 0 : ND6_OPTION_TYPE_SOURCE_LLADDR);
}

static bool advertisement_sound(const struct message *m)
{
    ip6_addr_t target = address_at(m, AT_TARGET);
    int index = netif_get_ip6_addr_match(m->netif, &target);
    bool to_all = ip6_addr_ismulticast(ip6_current_dest_addr());
    if (!options_sound(m, sizeof(struct na_header), ND6_OPTION_TYPE_TARGET_LLADDR) ||
        (to_all && pbuf_get_at(m->p, 4) & MULTICAST_FLAGS))
        return false;
    return index < 0 || !ip6_addr_isvalid(netif_ip6_addr_state(m->netif, index));
}

static struct nd6_destination_cache_entry *path_find(const ip6_addr_t *destination)
{
    for (size_t i = 0; i < LWIP_ND6_NUM_DESTINATIONS; i++) {
        if (ip6_addr_cmp(&destination_cache[i].destination_addr, destination))
            return &destination_cache[i];
    }
    return NULL;
}

static bool redirect_sound(const struct message *m)
{
    if (!options_sound(m, sizeof(struct redirect_header), 0))
        return false;
    ip6_addr_t target = address_at(m, AT_TARGET), to = address_at(m, AT_REDIRECTED);
    const struct nd6_destination_cache_entry *path = path_find(&to);
    return path && ip6_addr_cmp(&path->next_hop_addr, ip6_current_src_addr()) &&
           (ip6_addr_islinklocal(&target) || ip6_addr_cmp(&target, &to));
}

static bool path_sound(const struct message *m)
{
    uint32_t mtu;
    ip6_addr_t source = address_at(m, AT_COMPLAINED + AT_SOURCE);
    ip6_addr_t to = address_at(m, AT_COMPLAINED + AT_DESTINATION);
    const struct nd6_destination_cache_entry *path = path_find(&to);
    pbuf_copy_partial(m->p, &mtu, sizeof mtu, 4);
    mtu = lwip_ntohl(mtu);
    return path && inet_local6(&source) && mtu >= IP6_MIN_MTU_LENGTH && mtu < path->pmtu;
}

static bool sound(const struct message *m)
{
    static const uint32_t least[] = {
        [ICMP6_TYPE_DUR] = sizeof(struct icmp6_hdr),
        [ICMP6_TYPE_PTB] = sizeof(struct icmp6_hdr) + IP6_HLEN,
        [ICMP6_TYPE_TE] = sizeof(struct icmp6_hdr),
        [ICMP6_TYPE_PP] = sizeof(struct icmp6_hdr),
        [ICMP6_TYPE_RA] = sizeof(struct ra_header),
        [ICMP6_TYPE_NS] = sizeof(struct ns_header),
        [ICMP6_TYPE_NA] = sizeof(struct na_header),
        [ICMP6_TYPE_RD] = sizeof(struct redirect_header),
    };
    if (m->type >= sizeof least / sizeof least[0] || !least[m->type])
        return true;
    if (m->p->tot_len < least[m->type] || !sum_right(m))
        return false;
    switch (m->type) {
    case ICMP6_TYPE_RA:
        return options_sound(m, sizeof(struct ra_header), 0);
    case ICMP6_TYPE_NS:
        return solicitation_sound(m);
    case ICMP6_TYPE_NA:
        return advertisement_sound(m);
    case ICMP6_TYPE_RD:
        return redirect_sound(m);
    case ICMP6_TYPE_PTB:
        return path_sound(m);
    default:
        return true;
    }
}

bool inet_discovery_believes(struct pbuf *p, u16_t header)
{
    struct message m = {.p = p, .netif = ip_current_input_netif()};
    if (p->tot_len <= header || p->len < header)
        return true;
    m.type = pbuf_get_at(p, header);
    pbuf_remove_header(p, header);
    bool believed = sound(&m);
    pbuf_add_header_force(p, header);
    if (!believed)
        ICMP6_STATS_INC(icmp6.drop);
    return believed;
}
