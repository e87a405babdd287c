/*
 * The families beside the internet's, as inet_start brings them in, and what the internet stack
 * tells them of its changes.
 */
#ifndef IO_NET_FAMILY_H
#define IO_NET_FAMILY_H

#include <stdbool.h>
#include <oskit/error.h>
#include <oskit/types.h>
#include <sluice/inet.h>

/* inet_start calls each, after interfaces_start; after an inet_stop again. The last two: the ioctls
 * of netdevice(7) (sets net_ioctl), and /dev/capture. OSKIT_ENOMEM, OSKIT_EEXIST. [thread] */
oskit_error_t packet_sockets_register(void);
oskit_error_t netlink_sockets_register(void);
void net_ioctl_register(void);
oskit_error_t capture_register(void);
void capture_unregister(void); /* by inet_stop [thread] */

/*
 * Something has changed: programs that listen to a multicast group of NETLINK_ROUTE are told soon,
 * by a timer, so any lock may be held. Whoever changes it calls: the stack, wherever the change
 * came from (a program, DHCP, the card). A load when nobody listens. REMOVED: it is gone; a link
 * that is gone is described by NAME. [any]
 */
void netlink_link_changed(oskit_u32_t index);
void netlink_link_removed(oskit_u32_t index, const char *name);
void netlink_address_changed(oskit_u32_t index, const struct inet_address *address, bool removed);
void netlink_route_changed(const struct inet_route *route, bool removed);
void netlink_neighbour_changed(const struct inet_neighbour *neighbour, bool removed);

#endif
