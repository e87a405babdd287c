/* Families and listeners that may be linked in beside the stack: without them it does without. */
#include "core_private.h"
#include "io/net/family.h"
#define WEAK __attribute__((weak))
WEAK oskit_error_t inet_sockets_register(void)
{
    return 0;
}
WEAK oskit_error_t packet_sockets_register(void)
{
    return 0;
}
WEAK oskit_error_t netlink_sockets_register(void)
{
    return 0;
}
WEAK void net_ioctl_register(void)
{
}
WEAK oskit_error_t capture_register(void)
{
    return 0;
}
WEAK void netlink_link_changed(oskit_u32_t index)
{
    (void)index;
}
WEAK void netlink_link_removed(oskit_u32_t index, const char *name)
{
    (void)index, (void)name;
}
WEAK void netlink_address_changed(oskit_u32_t index, const struct inet_address *address,
                                  bool removed)
{
    (void)index, (void)address, (void)removed;
}
WEAK void netlink_route_changed(const struct inet_route *route, bool removed)
{
    (void)route, (void)removed;
}
WEAK void netlink_neighbour_changed(const struct inet_neighbour *neighbour, bool removed)
{
    (void)neighbour, (void)removed;
}
WEAK void inet_socket_each(oskit_s32_t family, oskit_s32_t type,
                           bool (*show)(void *arg, const struct inet_socket *socket), void *arg)
{
    (void)family, (void)type, (void)show, (void)arg;
}
