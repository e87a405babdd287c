/*
 * Routes over netlink: RTM_NEWROUTE, DELROUTE, GETROUTE. See netlink.h. No locks.
 *
 * The stack has one table, which is shown as "main". To get one route is to ask which way packets
 * to an address go.
 */
#include "io/net/netlink.h"

#include <sluice/string.h>
#include "io/net/route_table.h"

struct route_body { /* Linux's struct rtmsg */
    oskit_u8_t family, destination_prefix, source_prefix, service;
    oskit_u8_t table, protocol, scope, type;
    oskit_u32_t flags;
};
_Static_assert(sizeof(struct route_body) == 12, "struct rtmsg");

#define RTA_DST       1
#define RTA_OIF       4
#define RTA_GATEWAY   5
#define RTA_PRIORITY  6
#define RTA_PREFSRC   7
#define RTA_CACHEINFO 12
#define RTA_TABLE     15

#define TABLE_UNSPEC    0u
#define TABLE_MAIN      254u
#define TABLE_LOCAL     255u
#define PROTOCOL_KERNEL 2u
#define PROTOCOL_BOOT   3u
#define SCOPE_UNIVERSE  0u
#define SCOPE_LINK      253u
#define SCOPE_HOST      254u
#define TYPE_UNSPEC     0u
#define TYPE_UNICAST    1u
#define TYPE_LOCAL      2u
#define FLAG_CLONED     0x200u
#define LOOPBACK        1u

/* ---- Addresses ---- */

/* The address of INTERFACE that packets to DESTINATION come from; NULL: it has none. */
static const struct inet_address *source_of(const struct inet_interface *interface,
                                            const struct inet_address *destination)
{
    const struct inet_address *any = NULL;

    for (oskit_u32_t i = 0; i < interface->address_count; i++) {
        const struct inet_address *address = &interface->addresses[i].address;
        if (address->family != destination->family || interface->addresses[i].tentative)
            continue;
        if (prefix_same(address, destination, address->prefix))
            return address;
        if (any == NULL && interface->addresses[i].scope != SCOPE_LINK)
            any = address;
    }
    return any;
}

/* ---- Showing ---- */

/* Linux's struct rta_cacheinfo: what has no end and no use count. Programs look there, unasked. */
static void put_cache(struct netlink_builder *b)
{
    static const oskit_u32_t info[8];

    netlink_put(b, RTA_CACHEINFO, info, sizeof info);
}

static void put_source(struct netlink_builder *b, const struct inet_route *route)
{
    struct inet_interface interface;

    if (!interface_of(route->interface, &interface))
        return;
    const struct inet_address *source = source_of(&interface, &route->destination);
    if (source != NULL)
        netlink_put(b, RTA_PREFSRC, source->bytes, netlink_address_size(source->family));
}

void netlink_show_route(struct netlink_builder *b, oskit_u16_t type, const struct inet_route *route)
{
    oskit_u32_t size = netlink_address_size(route->destination.family);
    bool direct = route->gateway.family == 0;
    struct route_body body = {
        .family = (oskit_u8_t)route->destination.family,
        .destination_prefix = route->destination.prefix,
        .table = TABLE_MAIN,
        .protocol = direct ? PROTOCOL_KERNEL : PROTOCOL_BOOT,
        .scope = direct && size == 4 ? SCOPE_LINK : SCOPE_UNIVERSE,
        .type = TYPE_UNICAST,
    };

    netlink_begin(b, type, &body, sizeof body);
    netlink_put_u32(b, RTA_TABLE, TABLE_MAIN);
    if (route->destination.prefix != 0)
        netlink_put(b, RTA_DST, route->destination.bytes, size);
    if (route->metric != 0)
        netlink_put_u32(b, RTA_PRIORITY, route->metric);
    if (direct && size == 4)
        put_source(b, route);
    if (!direct)
        netlink_put(b, RTA_GATEWAY, route->gateway.bytes, size);
    netlink_put_u32(b, RTA_OIF, route->interface);
    if (size != 4)
        put_cache(b);
    netlink_end(b);
}

static oskit_error_t dump_routes(const struct netlink_request *request, struct netlink_builder *b)
{
    oskit_s32_t family = request->body[0];
    struct route_list *list = routes_collect();

    if (list == NULL)
        return OSKIT_ENOMEM;
    for (oskit_u32_t i = 0; i < list->count; i++)
        if (family == 0 || family == list->routes[i].destination.family)
            netlink_show_route(b, RTM_NEWROUTE, &list->routes[i]);
    routes_free(list);
    return OSKIT_SUCCESS;
}

/* ---- One way ---- */

static const struct inet_route *way_find(const struct route_list *list,
                                         const struct inet_address *to, oskit_u32_t interface)
{
    const struct inet_route *best = NULL;

    for (oskit_u32_t i = 0; i < list->count; i++) {
        const struct inet_route *route = &list->routes[i];
        if ((interface != 0 && interface != route->interface) ||
            !prefix_same(&route->destination, to, route->destination.prefix))
            continue;
        if (best == NULL || route->destination.prefix > best->destination.prefix ||
            (route->destination.prefix == best->destination.prefix && route->metric < best->metric))
            best = route;
    }
    return best;
}

static bool is_ours(const struct inet_address *to)
{
    struct inet_interface interface;

    for (oskit_u32_t index = 1; inet_interface_get(index, &interface); index = interface.index + 1)
        for (oskit_u32_t i = 0; i < interface.address_count; i++)
            if (interface.addresses[i].address.family == to->family &&
                memcmp(interface.addresses[i].address.bytes, to->bytes,
                       netlink_address_size(to->family)) == 0)
                return true;
    return false;
}

/* ROUTE NULL: to ourselves. */
static void show_way(struct netlink_builder *b, const struct inet_address *to,
                     const struct inet_route *route)
{
    oskit_u32_t size = netlink_address_size(to->family);
    oskit_u32_t table = route == NULL ? TABLE_LOCAL : TABLE_MAIN;
    struct inet_route here = {.destination = *to,
                              .interface = route != NULL ? route->interface : LOOPBACK};
    struct route_body body = {
        .family = (oskit_u8_t)to->family,
        .destination_prefix = (oskit_u8_t)(8 * size),
        .table = (oskit_u8_t)table,
        .type = route == NULL ? TYPE_LOCAL : TYPE_UNICAST,
        .flags = FLAG_CLONED,
    };

    netlink_begin(b, RTM_NEWROUTE, &body, sizeof body);
    netlink_put_u32(b, RTA_TABLE, table);
    netlink_put(b, RTA_DST, to->bytes, size);
    netlink_put_u32(b, RTA_OIF, here.interface);
    if (route != NULL && route->gateway.family != 0)
        netlink_put(b, RTA_GATEWAY, route->gateway.bytes, size);
    if (route != NULL)
        put_source(b, &here);
    else
        netlink_put(b, RTA_PREFSRC, to->bytes, size);
    put_cache(b);
    netlink_end(b);
}

static oskit_error_t route_get(const struct route_body *body,
                               const struct netlink_attributes *attributes,
                               struct netlink_builder *b)
{
    struct inet_address to;
    oskit_u32_t interface;

    if (attributes->of[RTA_DST] == NULL)
        return OSKIT_E_INVALIDARG;
    oskit_error_t err = netlink_read_address(attributes->of[RTA_DST], body->family, &to);
    if (OSKIT_SUCCEEDED(err))
        err = netlink_read_u32(attributes->of[RTA_OIF], 0, &interface);
    if (OSKIT_FAILED(err))
        return err;
    if (is_ours(&to)) {
        show_way(b, &to, NULL);
        return OSKIT_SUCCESS;
    }
    struct route_list *list = routes_collect();
    if (list == NULL)
        return OSKIT_ENOMEM;
    const struct inet_route *route = way_find(list, &to, interface);
    if (route != NULL)
        show_way(b, &to, route);
    routes_free(list);
    return route != NULL ? OSKIT_SUCCESS : OSKIT_ENETUNREACH;
}

/* ---- Changing ---- */

static oskit_error_t route_addresses(const struct route_body *body,
                                     const struct netlink_attributes *attributes,
                                     struct inet_route *out)
{
    oskit_u32_t size = netlink_address_size(body->family);
    oskit_error_t err = OSKIT_SUCCESS;

    out->destination.family = body->family;
    if (attributes->of[RTA_DST] != NULL)
        err = netlink_read_address(attributes->of[RTA_DST], body->family, &out->destination);
    else if (body->destination_prefix != 0)
        err = OSKIT_E_INVALIDARG;
    if (OSKIT_SUCCEEDED(err) && attributes->of[RTA_GATEWAY] != NULL)
        err = netlink_read_address(attributes->of[RTA_GATEWAY], body->family, &out->gateway);
    if (OSKIT_FAILED(err))
        return err;
    out->destination.prefix = body->destination_prefix;
    return body->destination_prefix <= 8 * size ? OSKIT_SUCCESS : OSKIT_E_INVALIDARG;
}

static oskit_error_t route_read(const struct route_body *body,
                                const struct netlink_attributes *attributes, struct inet_route *out)
{
    oskit_u32_t table;

    *out = (struct inet_route){.interface = 0};
    if (netlink_address_size(body->family) == 0)
        return OSKIT_EAFNOSUPPORT;
    oskit_error_t err = route_addresses(body, attributes, out);
    if (OSKIT_SUCCEEDED(err))
        err = netlink_read_u32(attributes->of[RTA_TABLE], body->table, &table);
    if (OSKIT_SUCCEEDED(err))
        err = netlink_read_u32(attributes->of[RTA_OIF], 0, &out->interface);
    if (OSKIT_SUCCEEDED(err))
        err = netlink_read_u32(attributes->of[RTA_PRIORITY], 0, &out->metric);
    if (OSKIT_FAILED(err))
        return err;
    if (table != TABLE_UNSPEC && table != TABLE_MAIN)
        return OSKIT_EOPNOTSUPP;
    return OSKIT_SUCCESS;
}

static oskit_error_t route_add(const struct netlink_request *request, struct inet_route *route)
{
    oskit_error_t err = route_add_complete(route);

    if (err != OSKIT_EEXIST || !(request->header->flags & NLM_F_REPLACE))
        return err;
    /* Between the two packets may find no way: nobody offers both in one. */
    err = inet_route_remove(route);
    return OSKIT_SUCCEEDED(err) ? inet_route_add(route) : err;
}

oskit_error_t netlink_route_request(const struct netlink_request *request,
                                    struct netlink_builder *b)
{
    struct netlink_attributes attributes;
    struct route_body body = {0};
    struct inet_route route;

    if (request->dump)
        return dump_routes(request, b);
    oskit_error_t err = netlink_parse(request, sizeof body, &attributes);
    if (OSKIT_FAILED(err))
        return err;
    memcpy(&body, request->body, sizeof body);
    if (request->header->type == RTM_GETROUTE)
        return route_get(&body, &attributes, b);
    if (body.type != TYPE_UNICAST && body.type != TYPE_UNSPEC)
        return OSKIT_EOPNOTSUPP;
    err = route_read(&body, &attributes, &route);
    if (OSKIT_FAILED(err))
        return err;
    return request->header->type == RTM_NEWROUTE ? route_add(request, &route)
                                                 : route_remove_like(&route);
}
