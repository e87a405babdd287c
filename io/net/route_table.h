/* The stack's routes and addresses, searched: for those who change them by request (netlink,
 * ioctl). No locks of its own; all [thread]. */
#ifndef IO_NET_ROUTE_TABLE_H
#define IO_NET_ROUTE_TABLE_H

#include <sluice/inet.h>

/* A copy of the table; NULL: no memory. */
struct route_list {
    oskit_u32_t count, room;
    struct inet_route routes[];
};
struct route_list *routes_collect(void);
void routes_free(struct route_list *list);

/* A copy of the neighbours. */
struct neighbour_list {
    oskit_u32_t count, room;
    struct inet_neighbour neighbours[];
};
struct neighbour_list *neighbours_collect(void);
void neighbours_free(struct neighbour_list *list);

/* The first PREFIX bits are the same. */
bool prefix_same(const struct inet_address *a, const struct inet_address *b, oskit_u32_t prefix);
/* The interface with just that number. */
bool interface_of(oskit_u32_t index, struct inet_interface *out);
/* The interface on whose link GATEWAY is; 0: none. */
oskit_u32_t gateway_interface(const struct inet_address *gateway);
/* Removes the first route that is as ASKED, of which interface, metric and gateway may be 0: any.
 * OSKIT_ESRCH, OSKIT_ENOMEM. */
oskit_error_t route_remove_like(const struct inet_route *asked);
/* Adds ROUTE, whose interface 0 means the one on whose link the gateway is. OSKIT_ENODEV,
 * OSKIT_ENETUNREACH, and inet_route_add's. */
oskit_error_t route_add_complete(struct inet_route *route);

#endif
