/*
 * Which interface and which neighbour a packet goes to. lwIP knows the nets of its interfaces and
 * one gateway of each; the table here stands before that, and has what programs add. As Linux has
 * it, packets for an address of ours go through the loopback, whatever interface has the address.
 *
 * Of several routes the one with the longest prefix counts, then the one with the least metric.
 */
#include "route.h"
#include <sluice/string.h>
#include "core_private.h"
#include "hooks.h"
#include "inet_sock.h"
#include "io/net/family.h"
#include "lwip/ip6.h"
#include "lwip/nd6.h"
#include "lwip/priv/nd6_priv.h"
#include "path.h"

#define ROUTES_MAX 1024u /* bounded memory, and a walk that ends */

struct route {
    struct list link; /* by prefix, the longest first; then by metric */
    struct inet_route is;
};

static struct list routes = LIST_INIT(routes);
static uint32_t routes_count;

static struct route *route_of(struct list *link)
{
    return container_of(link, struct route, link);
}

static bool usable(const struct netif *netif)
{
    return netif && netif_is_up(netif) && netif_is_link_up(netif);
}

static bool prefix_matches(const oskit_u8_t *a, const oskit_u8_t *b, unsigned bits)
{
    unsigned whole = bits / 8, rest = bits % 8;
    if (memcmp(a, b, whole))
        return false;
    return !rest || !((a[whole] ^ b[whole]) >> (8 - rest));
}

/* ---- Addresses of ours ---- */

struct netif *inet_local4(const ip4_addr_t *address)
{
    struct netif *netif;
    if (ip4_addr_isloopback(address))
        return inet_loopback_netif;
    if (ip4_addr_isany(address))
        return NULL;
    NETIF_FOREACH(netif)
    {
        if (ip4_addr_cmp(address, netif_ip4_addr(netif)))
            return netif;
    }
    return NULL;
}

struct netif *inet_local6(const ip6_addr_t *address)
{
    struct netif *netif;
    NETIF_FOREACH(netif)
    {
        if (netif_get_ip6_addr_match(netif, address) >= 0)
            return netif;
    }
    return NULL;
}

/* ---- The table ---- */

/* The best route for ADDRESS of BYTES, through interface ONLY unless that is 0. */
static const struct inet_route *table_find(oskit_s32_t family, const oskit_u8_t *address,
                                           oskit_u32_t only)
{
    list_for_each (link, &routes) {
        const struct inet_route *is = &route_of(link)->is;
        if (is->destination.family == family && (!only || is->interface == only) &&
            prefix_matches(is->destination.bytes, address, is->destination.prefix) &&
            usable(netif_get_by_index((u8_t)is->interface)))
            return is;
    }
    return NULL;
}

/* The interface on whose own net ADDRESS is. */
static struct netif *connected4(const ip4_addr_t *address)
{
    struct netif *netif, *best = NULL;
    NETIF_FOREACH(netif)
    {
        if (!usable(netif) || ip4_addr_isany_val(*netif_ip4_addr(netif)) ||
            !ip4_addr_netcmp(address, netif_ip4_addr(netif), netif_ip4_netmask(netif)))
            continue;
        if (!best ||
            inet_mask_bits(netif_ip4_netmask(netif)) > inet_mask_bits(netif_ip4_netmask(best)))
            best = netif;
    }
    return best;
}

/* Through the gateway that an interface was given; or, for groups and broadcasts, just out. */
static struct netif *default4(bool anywhere)
{
    struct netif *netif, *some = NULL;
    NETIF_FOREACH(netif)
    {
        if (!usable(netif) || netif == inet_loopback_netif)
            continue;
        if (!ip4_addr_isany_val(*netif_ip4_gw(netif)))
            return netif;
        if (anywhere)
            some = netif;
    }
    return some;
}

struct netif *inet_route_search4(const ip4_addr_t *src, const ip4_addr_t *dest)
{
    bool many = ip4_addr_ismulticast(dest) || dest->addr == IPADDR_BROADCAST;
    struct netif *netif = many && src ? inet_local4(src) : inet_local4(dest);
    if (netif && many)
        return usable(netif) ? netif : NULL;
    if (netif)
        return inet_loopback_netif;
    const struct inet_route *route = table_find(SOCKET_INET, (const oskit_u8_t *)dest, 0);
    netif = many ? NULL : connected4(dest);
    if (route && (!netif || route->destination.prefix > inet_mask_bits(netif_ip4_netmask(netif))))
        return netif_get_by_index((u8_t)route->interface);
    return netif ? netif : default4(many);
}

const ip4_addr_t *inet_hook_gateway4(struct netif *netif, const ip4_addr_t *dest)
{
    static ip4_addr_t gateway;
    const struct inet_route *route =
        table_find(SOCKET_INET, (const oskit_u8_t *)dest, netif_get_index(netif));
    if (!route)
        return NULL;
    if (!route->gateway.family)
        return dest;
    memcpy(&gateway.addr, route->gateway.bytes, sizeof gateway.addr);
    return &gateway;
}

struct netif *inet_hook_route6(const ip6_addr_t *src, const ip6_addr_t *dest)
{
    (void)src;
    if (inet_local6(dest))
        return inet_loopback_netif;
    const struct inet_route *route = table_find(SOCKET_INET6, (const oskit_u8_t *)dest->addr, 0);
    return route ? netif_get_by_index((u8_t)route->interface) : NULL;
}

const ip6_addr_t *inet_hook_gateway6(struct netif *netif, const ip6_addr_t *dest)
{
    static ip6_addr_t gateway;
    const struct inet_route *route =
        table_find(SOCKET_INET6, (const oskit_u8_t *)dest->addr, netif_get_index(netif));
    if (!route)
        return NULL;
    if (!route->gateway.family)
        return dest;
    memcpy(gateway.addr, route->gateway.bytes, sizeof gateway.addr);
    ip6_addr_clear_zone(&gateway);
    ip6_addr_assign_zone(&gateway, IP6_UNICAST, netif);
    return &gateway;
}

static bool direct4(struct netif *netif, const ip4_addr_t *dest)
{
    if (ip4_addr_ismulticast(dest) || dest->addr == IPADDR_BROADCAST || inet_local4(dest) != NULL)
        return true;
    const ip4_addr_t *gateway = inet_hook_gateway4(netif, dest);
    struct netif *connected = connected4(dest);
    if (connected == netif)
        return true;
    return gateway == dest;
}

static bool direct6(struct netif *netif, const ip6_addr_t *dest)
{
    if (ip6_addr_ismulticast(dest) || ip6_addr_islinklocal(dest) || inet_local6(dest) != NULL)
        return true;
    for (s8_t i = 0; i < LWIP_IPV6_NUM_ADDRESSES; i++)
        if (ip6_addr_isvalid(netif_ip6_addr_state(netif, i)) &&
            ip6_addr_netcmp_zoneless(dest, netif_ip6_addr(netif, i)))
            return true;
    return inet_hook_gateway6(netif, dest) == dest;
}

bool inet_route_direct(struct netif *netif, const ip_addr_t *dest)
{
    return IP_IS_V6(dest) ? direct6(netif, ip_2_ip6(dest)) : direct4(netif, ip_2_ip4(dest));
}

/* ---- Source addresses ---- */

bool inet_source_select(const ip_addr_t *dest, struct netif *netif, ip_addr_t *out)
{
    const ip_addr_t *found = NULL;
    if (IP_IS_V6(dest)) {
        struct netif *local = netif ? NULL : inet_local6(ip_2_ip6(dest));
        if (!netif)
            netif = local ? local : ip6_route(IP6_ADDR_ANY6, ip_2_ip6(dest));
        found = netif ? ip6_select_source_address(netif, ip_2_ip6(dest)) : NULL;
    } else {
        struct netif *local = inet_local4(ip_2_ip4(dest));
        if (local)
            netif = local;
        else if (!netif)
            netif = inet_hook_route4(NULL, ip_2_ip4(dest));
        found = netif ? netif_ip_addr4(netif) : NULL;
    }
    if (!found || ip_addr_isany(found))
        return false;
    *out = *found;
    return true;
}

/* ---- What programs see and change ---- */

static bool same_address(const struct inet_address *a, const struct inet_address *b)
{
    return a->family == b->family && !memcmp(a->bytes, b->bytes, sizeof a->bytes);
}

static bool same_route(const struct inet_route *a, const struct inet_route *b)
{
    return a->destination.prefix == b->destination.prefix &&
           same_address(&a->destination, &b->destination) &&
           (!b->interface || a->interface == b->interface) &&
           (!b->gateway.family || same_address(&a->gateway, &b->gateway));
}

/* The default route that ENTRY of lwIP's routers is; false: it is empty. */
static bool router_route(const struct nd6_router_list_entry *entry, struct inet_route *out)
{
    const struct nd6_neighbor_cache_entry *neighbour = entry->neighbor_entry;
    if (!neighbour || !entry->invalidation_timer || !neighbour->netif)
        return false;
    *out = (struct inet_route){.destination.family = SOCKET_INET6,
                               .interface = netif_get_index(neighbour->netif),
                               .metric = 1024};
    inet_address_put6(&out->gateway, &neighbour->next_hop_address, 128);
    return true;
}

static void destination_cut(struct inet_address *address)
{
    for (unsigned bit = address->prefix; bit < 8 * sizeof address->bytes; bit++)
        address->bytes[bit / 8] &= (oskit_u8_t) ~(0x80u >> bit % 8);
}

/* Where the gateway is, if the program didn't say. */
static oskit_u32_t gateway_interface(const struct inet_address *gateway)
{
    struct netif *netif = NULL;
    ip4_addr_t address;
    memcpy(&address.addr, gateway->bytes, sizeof address.addr);
    if (gateway->family == SOCKET_INET)
        netif = connected4(&address);
    return netif ? netif_get_index(netif) : 0;
}

static oskit_error_t route_check(struct inet_route *route)
{
    unsigned bits = route->destination.family == SOCKET_INET ? 32 : 128;
    if (route->destination.prefix > bits ||
        (route->gateway.family && route->gateway.family != route->destination.family))
        return OSKIT_E_INVALIDARG;
    if (!route->interface && route->gateway.family)
        route->interface = gateway_interface(&route->gateway);
    if (!route->interface)
        return route->gateway.family ? OSKIT_ENETUNREACH : OSKIT_ENODEV;
    destination_cut(&route->destination);
    return inet_netif(route->interface) ? OSKIT_SUCCESS : OSKIT_ENODEV;
}

static void table_enter(struct route *route)
{
    struct list *at = routes.next;
    while (at != &routes && (route_of(at)->is.destination.prefix > route->is.destination.prefix ||
                             (route_of(at)->is.destination.prefix == route->is.destination.prefix &&
                              route_of(at)->is.metric <= route->is.metric)))
        at = at->next;
    list_insert_between(&route->link, at->prev, at);
    routes_count++;
}

static oskit_error_t table_add(struct route *route)
{
    oskit_error_t error = route_check(&route->is);
    if (error)
        return error;
    if (routes_count >= ROUTES_MAX)
        return OSKIT_ENOBUFS;
    list_for_each (link, &routes) {
        if (same_route(&route_of(link)->is, &route->is) &&
            route_of(link)->is.metric == route->is.metric)
            return OSKIT_EEXIST;
    }
    table_enter(route);
    nd6_clear_destination_cache();
    inet_paths_forget();
    return OSKIT_SUCCESS;
}

oskit_error_t inet_route_add(const struct inet_route *route)
{
    struct route *new = env_alloc(sizeof *new, 0);
    if (!new)
        return OSKIT_ENOMEM;
    new->is = *route;
    inet_lock();
    oskit_error_t error = table_add(new);
    struct inet_route added = new->is;
    inet_unlock();
    if (error)
        env_free(new, sizeof *new);
    else
        netlink_route_changed(&added, false);
    return error;
}

static struct route *table_take(const struct inet_route *wanted)
{
    list_for_each (link, &routes) {
        struct route *route = route_of(link);
        if (same_route(&route->is, wanted) &&
            (!wanted->metric || route->is.metric == wanted->metric)) {
            list_remove(&route->link);
            routes_count--;
            return route;
        }
    }
    return NULL;
}

/* A router that says it is one; it may say so again. */
static bool router_take(struct inet_route *wanted)
{
    for (int i = 0; i < LWIP_ND6_NUM_ROUTERS; i++) {
        struct inet_route is;
        if (!router_route(&default_router_list[i], &is) || !same_route(&is, wanted))
            continue;
        *wanted = is;
        default_router_list[i].neighbor_entry->isrouter = 0;
        default_router_list[i] = (struct nd6_router_list_entry){0};
        return true;
    }
    return false;
}

/* The gateway that DHCP, the command line or a router gave an interface. */
static bool default_take(struct inet_route *wanted)
{
    struct netif *netif;
    if (wanted->destination.prefix)
        return false;
    if (wanted->destination.family == SOCKET_INET6)
        return router_take(wanted);
    NETIF_FOREACH(netif)
    {
        struct inet_route is = {.destination.family = SOCKET_INET,
                                .interface = netif_get_index(netif)};
        if (ip4_addr_isany_val(*netif_ip4_gw(netif)))
            continue;
        inet_address_put4(&is.gateway, netif_ip4_gw(netif), 32);
        if (!same_route(&is, wanted))
            continue;
        *wanted = is;
        netif_set_gw(netif, IP4_ADDR_ANY4);
        return true;
    }
    return false;
}

oskit_error_t inet_route_remove(const struct inet_route *wanted)
{
    struct inet_route cut = *wanted;
    destination_cut(&cut.destination);
    inet_lock();
    struct route *route = table_take(&cut);
    bool removed = route || default_take(&cut);
    nd6_clear_destination_cache();
    inet_paths_forget();
    inet_unlock();
    if (route)
        cut = route->is;
    env_free(route, sizeof *route);
    if (!removed)
        return OSKIT_ESRCH;
    netlink_route_changed(&cut, true);
    return OSKIT_SUCCESS;
}

void inet_route_forget(struct netif *netif)
{
    list_for_each_safe (link, &routes) {
        struct route *route = route_of(link);
        if (route->is.interface != netif_get_index(netif))
            continue;
        list_remove(&route->link);
        routes_count--;
        env_free(route, sizeof *route);
    }
}

/* ---- Showing them ---- */

struct show {
    bool (*show)(void *arg, const struct inet_route *route);
    void *arg;
};

static bool show_interface4(const struct show *show, struct netif *netif)
{
    struct inet_route route = {.interface = netif_get_index(netif)};
    if (ip4_addr_isany_val(*netif_ip4_addr(netif)) || netif == inet_loopback_netif)
        return true;
    inet_address_put4(&route.destination, netif_ip4_addr(netif),
                      inet_mask_bits(netif_ip4_netmask(netif)));
    destination_cut(&route.destination);
    return show->show(show->arg, &route);
}

static bool show_gateway4(const struct show *show, struct netif *netif)
{
    struct inet_route route = {.destination.family = SOCKET_INET,
                               .interface = netif_get_index(netif)};
    if (ip4_addr_isany_val(*netif_ip4_gw(netif)))
        return true;
    inet_address_put4(&route.gateway, netif_ip4_gw(netif), 32);
    return show->show(show->arg, &route);
}

static bool show_prefixes6(const struct show *show, struct netif *netif)
{
    for (int i = 0; i < LWIP_IPV6_NUM_ADDRESSES; i++) {
        struct inet_route route = {.interface = netif_get_index(netif), .metric = 256};
        if (!ip6_addr_isvalid(netif_ip6_addr_state(netif, i)))
            continue;
        inet_address_put6(&route.destination, netif_ip6_addr(netif, i),
                          netif == inet_loopback_netif ? 128 : 64);
        destination_cut(&route.destination);
        if (!show->show(show->arg, &route))
            return false;
    }
    return true;
}

static bool show_routers6(const struct show *show)
{
    for (int i = 0; i < LWIP_ND6_NUM_ROUTERS; i++) {
        struct inet_route route;
        if (router_route(&default_router_list[i], &route) && !show->show(show->arg, &route))
            return false;
    }
    return true;
}

static bool show_nets(const struct show *show)
{
    struct netif *netif;
    NETIF_FOREACH(netif)
    {
        if (netif_is_up(netif) && (!show_gateway4(show, netif) || !show_interface4(show, netif) ||
                                   !show_prefixes6(show, netif)))
            return false;
    }
    return true;
}

void inet_route_each(bool (*show)(void *arg, const struct inet_route *route), void *arg)
{
    const struct show all = {show, arg};
    inet_lock();
    bool on = show_nets(&all) && show_routers6(&all);
    list_for_each (link, &routes)
        on = on && show(arg, &route_of(link)->is);
    inet_unlock();
}
