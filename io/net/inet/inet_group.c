/* Multicast groups that sockets have joined, IPv4's and IPv6's. */
#include <sluice/env.h>
#include "inet_group.h"
#include "lwip/igmp.h"
#include "lwip/mld6.h"

struct inet_membership {
    struct list link;
    ip_addr_t group;
    oskit_u32_t interface;
};

static struct inet_membership *find(const struct inet_sock *sock, const ip_addr_t *group,
                                    oskit_u32_t interface)
{
    list_for_each (at, &sock->ip.memberships) {
        struct inet_membership *membership = container_of(at, struct inet_membership, link);
        if (membership->interface == interface && ip_addr_cmp_zoneless(&membership->group, group))
            return membership;
    }
    return NULL;
}

/* lwIP counts who has joined. An interface that speaks neither protocol (the loopback) needs no
 * telling. */
static oskit_error_t tell_join(struct netif *netif, const ip_addr_t *group)
{
    err_t err = ERR_OK;

    if (IP_IS_V6(group) && (netif->flags & NETIF_FLAG_MLD6))
        err = mld6_joingroup_netif(netif, ip_2_ip6(group));
    else if (IP_IS_V4(group) && (netif->flags & NETIF_FLAG_IGMP))
        err = igmp_joingroup_netif(netif, ip_2_ip4(group));
    return err == ERR_OK ? OSKIT_SUCCESS : OSKIT_ENOBUFS;
}

static void tell_leave(struct netif *netif, const ip_addr_t *group)
{
    if (IP_IS_V6(group) && (netif->flags & NETIF_FLAG_MLD6))
        mld6_leavegroup_netif(netif, ip_2_ip6(group));
    else if (IP_IS_V4(group) && (netif->flags & NETIF_FLAG_IGMP))
        igmp_leavegroup_netif(netif, ip_2_ip4(group));
}

/* By index, or where packets to the group would go. */
static struct netif *interface_for(const struct inet_sock *sock, const ip_addr_t *group,
                                   oskit_u32_t interface)
{
    return interface != 0 ? inet_netif(interface) : inet_route(sock, NULL, group);
}

oskit_error_t inet_group_join(struct inet_sock *sock, const ip_addr_t *group, oskit_u32_t interface)
{
    struct netif *netif;

    if (!ip_addr_ismulticast(group))
        return OSKIT_E_INVALIDARG;
    netif = interface_for(sock, group, interface);
    if (netif == NULL)
        return OSKIT_ENODEV;
    interface = inet_netif_index(netif);
    if (find(sock, group, interface) != NULL)
        return OSKIT_EADDRINUSE;
    if (sock->ip.membership_count >= INET_MEMBERSHIPS_MAX)
        return OSKIT_ENOBUFS;
    struct inet_membership *membership = env_alloc(sizeof *membership, ENV_NOSLEEP);
    if (membership == NULL)
        return OSKIT_ENOBUFS;
    oskit_error_t err = tell_join(netif, group);
    if (OSKIT_FAILED(err)) {
        env_free(membership, sizeof *membership);
        return err;
    }
    membership->group = *group;
    membership->interface = interface;
    list_push_back(&sock->ip.memberships, &membership->link);
    sock->ip.membership_count++;
    return OSKIT_SUCCESS;
}

static void leave(struct inet_sock *sock, struct inet_membership *membership)
{
    struct netif *netif = inet_netif(membership->interface);

    if (netif != NULL)
        tell_leave(netif, &membership->group);
    list_remove(&membership->link);
    sock->ip.membership_count--;
    env_free(membership, sizeof *membership);
}

oskit_error_t inet_group_leave(struct inet_sock *sock, const ip_addr_t *group,
                               oskit_u32_t interface)
{
    struct netif *netif = interface_for(sock, group, interface);

    if (!ip_addr_ismulticast(group))
        return OSKIT_E_INVALIDARG;
    struct inet_membership *membership =
        netif != NULL ? find(sock, group, inet_netif_index(netif)) : NULL;
    if (membership == NULL)
        return OSKIT_EADDRNOTAVAIL;
    leave(sock, membership);
    return OSKIT_SUCCESS;
}

void inet_sock_leave(struct inet_sock *sock)
{
    list_for_each_safe (at, &sock->ip.memberships)
        leave(sock, container_of(at, struct inet_membership, link));
}

bool inet_membership_allows(const struct inet_sock *sock, const ip_addr_t *group,
                            const ip_addr_t *source, oskit_u32_t interface)
{
    (void)source; /* no filters by source: lwIP speaks IGMPv2 and MLDv1 */
    if (find(sock, group, interface) != NULL)
        return true;
    return IP_IS_V6(group) ? sock->ip.multicast_all6 : sock->ip.multicast_all;
}
