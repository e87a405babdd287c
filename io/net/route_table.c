/* Routes, addresses and neighbours, searched: see route_table.h. */
#include "io/net/route_table.h"

#include <sluice/env.h>
#include <sluice/string.h>

#define ROOM_SPARE 8u /* for those that come while the list is made */

static size_t routes_size(oskit_u32_t room)
{
    return sizeof(struct route_list) + room * sizeof(struct inet_route);
}

static size_t neighbours_size(oskit_u32_t room)
{
    return sizeof(struct neighbour_list) + room * sizeof(struct inet_neighbour);
}

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

struct route_list *routes_collect(void)
{
    oskit_u32_t count = ROOM_SPARE;

    inet_route_each(count_route, &count);
    struct route_list *list = env_alloc(routes_size(count), 0);
    if (list == NULL)
        return NULL;
    list->count = 0;
    list->room = count;
    inet_route_each(collect_route, list);
    return list;
}

void routes_free(struct route_list *list)
{
    env_free(list, routes_size(list->room));
}

static bool count_neighbour(void *arg, const struct inet_neighbour *neighbour)
{
    (void)neighbour;
    ++*(oskit_u32_t *)arg;
    return true;
}

static bool collect_neighbour(void *arg, const struct inet_neighbour *neighbour)
{
    struct neighbour_list *list = arg;

    if (list->count == list->room)
        return false;
    list->neighbours[list->count++] = *neighbour;
    return true;
}

struct neighbour_list *neighbours_collect(void)
{
    oskit_u32_t count = ROOM_SPARE;

    inet_neighbour_each(count_neighbour, &count);
    struct neighbour_list *list = env_alloc(neighbours_size(count), 0);
    if (list == NULL)
        return NULL;
    list->count = 0;
    list->room = count;
    inet_neighbour_each(collect_neighbour, list);
    return list;
}

void neighbours_free(struct neighbour_list *list)
{
    env_free(list, neighbours_size(list->room));
}

bool prefix_same(const struct inet_address *a, const struct inet_address *b, oskit_u32_t prefix)
{
    oskit_u32_t bytes = prefix / 8, bits = prefix % 8;

    if (a->family != b->family || memcmp(a->bytes, b->bytes, bytes) != 0)
        return false;
    return bits == 0 || (a->bytes[bytes] ^ b->bytes[bytes]) >> (8 - bits) == 0;
}

bool interface_of(oskit_u32_t index, struct inet_interface *out)
{
    return inet_interface_get(index, out) && out->index == index;
}

oskit_u32_t gateway_interface(const struct inet_address *gateway)
{
    struct inet_interface interface;

    for (oskit_u32_t index = 1; inet_interface_get(index, &interface); index = interface.index + 1)
        for (oskit_u32_t i = 0; i < interface.address_count; i++)
            if (prefix_same(&interface.addresses[i].address, gateway,
                            interface.addresses[i].address.prefix))
                return interface.index;
    return 0;
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

oskit_error_t route_remove_like(const struct inet_route *asked)
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

oskit_error_t route_add_complete(struct inet_route *route)
{
    struct inet_interface interface;

    if (route->interface == 0 && route->gateway.family != 0) {
        route->interface = gateway_interface(&route->gateway);
        if (route->interface == 0)
            return OSKIT_ENETUNREACH;
    }
    return interface_of(route->interface, &interface) ? inet_route_add(route) : OSKIT_ENODEV;
}
