/* Where packets go, and which address of ours they carry. Core lock held. */
#ifndef IO_NET_INET_ROUTE_H
#define IO_NET_INET_ROUTE_H

#include <stdbool.h>
#include "lwip/ip_addr.h"
#include "lwip/netif.h"

/* Whether what goes to DEST by NETIF, where the routes lead, needs no gateway. */
bool inet_route_direct(struct netif *netif, const ip_addr_t *dest);

/* The address that a packet to DEST carries when the program chose none, through NETIF (NULL:
 * wherever the route leads). false: there is no route, or no address on it. */
bool inet_source_select(const ip_addr_t *dest, struct netif *netif, ip_addr_t *out);

#endif
