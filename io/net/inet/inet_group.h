/* Multicast groups of sockets; the core lock is held throughout. */
#ifndef IO_NET_INET_INET_GROUP_H
#define IO_NET_INET_INET_GROUP_H

#include "inet_sock.h"

/* INTERFACE 0: where the route to the group leads. OSKIT_ENODEV, OSKIT_EADDRINUSE,
 * OSKIT_EADDRNOTAVAIL, OSKIT_ENOBUFS, OSKIT_E_INVALIDARG. */
oskit_error_t inet_group_join(struct inet_sock *sock, const ip_addr_t *group,
                              oskit_u32_t interface);
oskit_error_t inet_group_leave(struct inet_sock *sock, const ip_addr_t *group,
                               oskit_u32_t interface);

#endif
