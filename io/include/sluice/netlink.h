/* Netlink sockets (SOCKET_NETLINK) as their host sees them. They are made by <sluice/socket.h>. */
#ifndef SLUICE_NETLINK_H
#define SLUICE_NETLINK_H

#include <oskit/error.h>
#include <oskit/types.h>
#include <sluice/socket.h>

/* Puts SIZE bytes into the queue of SOCKET, which must be a netlink socket, as one message from the
 * kernel. OSKIT_ENOBUFS: there was no room, which is the socket's pending error then. [any] */
oskit_error_t netlink_tell(sluice_socket_t *socket, const void *bytes, oskit_u32_t size);

#endif
