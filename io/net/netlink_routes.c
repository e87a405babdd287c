/*
 * Routes over netlink: RTM_NEWROUTE, DELROUTE, GETROUTE. See netlink.h. No locks.
 *
 * The stack has one table, which is shown as "main". To get one route is to ask which way packets
 * to an address go.
 */
#include "io/net/netlink.h"

#include <sluice/string.h>
#include "io/net/interface.h"

struct route_body { /* Linux's struct rtmsg */
    oskit_u8_t family, destination_prefix, source_prefix, service;
    oskit_u8_t table, protocol, scope, type;
    oskit_u32_t flags;
};
_Static_assert(sizeof(struct route_body) == 12, "struct rtmsg");

#define RTA_DST      1
#define RTA_OIF      4
#define RTA_GATEWAY  5
#define RTA_PRIORITY 6
#define RTA_PREFSRC  7
#define RTA_TABLE    15

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

/* ---- The table, copied ---- */

struct route_list {
    oskit_u32_t count, room;
    struct inet_route routes[];
};

static bool count_route(void *arg, const struct inet_route *route)
{
    (void)route;
    ++*(oskit_u32_t *)arg;
    return true;
}

static bool collect_route(void *arg, const struct inet_route *route)
{
    struct route_list *list = arg;

    if (list->count == list->room)
        return false;
    list->routes[list->count++] = *route;
    return true;
}

#define ROOM_SPARE 8u /* routes that come while the list is made */

static size_t list_size(oskit_u32_t room)
{
    return sizeof(struct route_list) + room * sizeof(struct inet_route);
}

static struct route_list *routes_collect(void)
{
    oskit_u32_t count = 0;

    inet_route_each(count_route, &count);
    struct route_list *list = env_alloc(list_size(count + ROOM_SPARE), 0);
    if (list == NULL)
        return NULL;
    list->count = 0;
    list->room = count + ROOM_SPARE;
    inet_route_each(collect_route, list);
    return list;
}

static void routes_free(struct route_list *list)
{
    env_free(list, list_size(list->room));
}

/* ---- Addresses ---- */

static bool prefix_same(const struct inet_address *a, const struct inet_address *b,
                        oskit_u32_t prefix)
{
    oskit_u32_t bytes = prefix / 8, bits = prefix % 8;

    if (a->family != b->family || memcmp(a->bytes, b->bytes, bytes) != 0)
        return false;
    return bits == 0 || (a->bytes[bytes] ^ b->bytes[bytes]) >> (8 - bits) == 0;
}

/* The address of INTERFACE that packets to DESTINATION come from; NULL: it has none. */
static const struct inet_address *source_of(const struct inet_interface *interface,
                                            const struct inet_address *destination)
{
    const struct inet_address *any = NULL;

    for (oskit_u32_t i = 0; i < interface->address_count; i++) {
        const struct inet_address *address = &interface->addresses[i].address;
        if (address->family != destination->family)
            continue;
        if (prefix_same(address, destination, address->prefix))
            return address;
        if (any == NULL && interface->addresses[i].scope != SCOPE_LINK)
            any = address;
    }
    return any;
}

static bool interface_of(oskit_u32_t index, struct inet_interface *out)
{
    return inet_interface_get(index, out) && out->index == index;
}

/* ---- Showing ---- */

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

/* The interface on whose link the gateway is; 0: none. */
static oskit_u32_t gateway_interface(const struct inet_address *gateway)
{
    struct inet_interface interface;

    for (oskit_u32_t index = 1; inet_interface_get(index, &interface); index = interface.index + 1)
        for (oskit_u32_t i = 0; i < interface.address_count; i++)
            if (prefix_same(&interface.addresses[i].address, gateway,
                            interface.addresses[i].address.prefix))
                return interface.index;
    return 0;
}

static oskit_error_t route_read(const struct route_body *body,
                                const struct netlink_attributes *attributes, struct inet_route *out)
{
    struct inet_interface interface;
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
    if (out->interface == 0 && out->gateway.family != 0)
        out->interface = gateway_interface(&out->gateway);
    if (out->interface == 0 && out->gateway.family != 0)
        return OSKIT_ENETUNREACH;
    return out->interface == 0 || interface_of(out->interface, &interface) ? OSKIT_SUCCESS
                                                                           : OSKIT_ENODEV;
}

static oskit_error_t route_add(const struct netlink_request *request,
                               const struct inet_route *route)
{
    if (route->interface == 0)
        return OSKIT_ENODEV;
    oskit_error_t err = inet_route_add(route);
    if (err != OSKIT_EEXIST || !(request->header->flags & NLM_F_REPLACE))
        return err;
    /* Between the two packets may find no way: nobody offers both in one. */
    err = inet_route_remove(route);
    return OSKIT_SUCCEEDED(err) ? inet_route_add(route) : err;
}

static bool route_matches(const struct inet_route *route, const struct inet_route *asked)
{
    return route->destination.prefix == asked->destination.prefix &&
           prefix_same(&route->destination, &asked->destination, asked->destination.prefix) &&
           (asked->interface == 0 || asked->interface == route->interface) &&
           (asked->metric == 0 || asked->metric == route->metric) &&
           (asked->gateway.family == 0 ||
            (route->gateway.family == asked->gateway.family &&
             memcmp(route->gateway.bytes, asked->gateway.bytes, 16) == 0));
}

/* The first that is as was asked, where less than all may have been said. */
static oskit_error_t route_remove(const struct inet_route *asked)
{
    struct route_list *list = routes_collect();
    oskit_error_t err = OSKIT_ESRCH;

    if (list == NULL)
        return OSKIT_ENOMEM;
    for (oskit_u32_t i = 0; i < list->count; i++)
        if (route_matches(&list->routes[i], asked)) {
            err = inet_route_remove(&list->routes[i]);
            break;
        }
    routes_free(list);
    return err;
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
                                                 : route_remove(&route);
}
