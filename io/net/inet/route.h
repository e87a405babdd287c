/* Where packets go, and which address of ours they carry. Core lock held. */
#ifndef IO_NET_INET_ROUTE_H
#define IO_NET_INET_ROUTE_H

#include <stdbool.h>
#include "lwip/ip_addr.h"
#include "lwip/netif.h"

/* The interface towards DEST; SRC, which may be NULL, counts for groups and broadcasts. NULL: no
 * route. Who asks for each packet asks inet_hook_route4, which remembers. */
struct netif *inet_route_search4(const ip4_addr_t *src, const ip4_addr_t *dest);

/* Whether what goes to DEST by NETIF, where the routes lead, needs no gateway. */
bool inet_route_direct(struct netif *netif, const ip_addr_t *dest);

/* The address that a packet to DEST carries when the program chose none, through NETIF (NULL:
 * wherever the route leads). false: there is no route, or no address on it. */
bool inet_source_select(const ip_addr_t *dest, struct netif *netif, ip_addr_t *out);

#endif
