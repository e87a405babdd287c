/*
 * Which interface packets for an IPv4 address go to, remembered: a search asks every interface and
 * route. Core lock held.
 *
 * Whatever a search looks at makes all forgotten when it changes: routes (route.c), and interfaces'
 * addresses, gateways, states, coming and going (configure.c, netif.c). Groups and the broadcast to
 * everybody, which depend on the source, and addresses without a route aren't remembered.
 */
#ifndef IO_NET_INET_PATH_H
#define IO_NET_INET_PATH_H

#include <stdbool.h>
#include <stddef.h>
#include "lwip/ip4_addr.h"
#include "lwip/netif.h"

struct inet_path {
    struct netif *netif; /* NULL: empty */
    ip4_addr_t destination;
    bool broadcast; /* it is that of the interface's net */
};

#define INET_PATH_BITS 6
extern struct inet_path inet_paths[1 << INET_PATH_BITS];

/* The only place where DESTINATION's may be. */
static inline struct inet_path *inet_path_place(const ip4_addr_t *destination)
{
    return &inet_paths[destination->addr * 0x9e3779b1u >> (32 - INET_PATH_BITS)];
}

/* NULL: nothing is remembered; the search is inet_hook_route4. */
static inline const struct inet_path *inet_path(const ip4_addr_t *destination)
{
    const struct inet_path *path = inet_path_place(destination);
    return path->netif && path->destination.addr == destination->addr ? path : NULL;
}

void inet_paths_forget(void);

#endif
