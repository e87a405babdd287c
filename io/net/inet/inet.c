/* The stack as its host sees it: <sluice/inet.h>. Starting it, its interfaces and their addresses.
 */
#include <sluice/inet.h>
#include <sluice/string.h>
#include "configure.h"
#include "core_private.h"
#include "inet_sock.h"
#include "io/net/family.h"
#include "lwip/dhcp.h"
#include "lwip/nd6.h"
#include "memory.h"
#include "nameservers.h"

#define SCOPE_UNIVERSE 0
#define SCOPE_SITE     200
#define SCOPE_LINK     253
#define SCOPE_HOST     254

static oskit_error_t families_register(void)
{
    oskit_error_t error = inet_sockets_register();
    if (!error)
        error = packet_sockets_register();
    if (!error)
        error = netlink_sockets_register();
    if (!error)
        error = capture_register();
    if (!error)
        net_ioctl_register();
    return error;
}

oskit_error_t inet_start(const char *config)
{
    inet_core_start();
    inet_lock();
    oskit_error_t understood = inet_configure_parse(config);
    inet_configure_start();
    inet_unlock();
    if (understood)
        env_log(ENV_LOG_WARNING,
                "ip=%s: not understood: dhcp, none or ADDRESS/LENGTH[,GATEWAY[,NAMESERVER]]",
                config);
    oskit_error_t error = interfaces_start(&inet_interface_stack);
    if (!error)
        error = families_register();
    return error ? error : understood;
}

void inet_stop(void)
{
    capture_unregister();
    inet_sockets_stop();
    interfaces_stop();
    inet_lock();
    inet_configure_stop();
    inet_unlock();
    inet_core_stop();
}

/* ---- Interfaces ---- */

static oskit_u8_t scope6(const ip6_addr_t *address)
{
    if (ip6_addr_isloopback(address))
        return SCOPE_HOST;
    if (ip6_addr_islinklocal(address))
        return SCOPE_LINK;
    return ip6_addr_issitelocal(address) ? SCOPE_SITE : SCOPE_UNIVERSE;
}

static void show_address4(struct netif *netif, struct inet_interface *out)
{
    bool loopback = netif == inet_loopback_netif;
    struct inet_netif *n = inet_netif_of(netif);
    const struct dhcp *dhcp = netif_dhcp_data(netif);
    if (ip4_addr_isany_val(*netif_ip4_addr(netif)))
        return;
    bool leased = n->dhcp && dhcp && dhcp->offered_t0_lease;
    uint32_t left =
        leased ? dhcp->offered_t0_lease -
                     LWIP_MIN(dhcp->offered_t0_lease, dhcp->lease_used * DHCP_COARSE_TIMER_SECS)
               : UINT32_MAX;
    inet_address_put4(&out->addresses[0].address, netif_ip4_addr(netif),
                      inet_mask_bits(netif_ip4_netmask(netif)));
    out->addresses[0].scope = loopback ? SCOPE_HOST : SCOPE_UNIVERSE;
    out->addresses[0].permanent = !leased;
    out->addresses[0].valid = out->addresses[0].preferred = left;
    out->address_count = 1;
}

static uint32_t lifetime(uint32_t left)
{
    return left == IP6_ADDR_LIFE_STATIC ? UINT32_MAX : left;
}

static void show_addresses6(struct netif *netif, struct inet_interface *out)
{
    for (int i = 0; i < LWIP_IPV6_NUM_ADDRESSES; i++) {
        uint8_t state = netif_ip6_addr_state(netif, i);
        const ip6_addr_t *address = netif_ip6_addr(netif, i);
        if (state == IP6_ADDR_INVALID ||
            out->address_count >= sizeof out->addresses / sizeof out->addresses[0])
            continue;
        uint32_t at = out->address_count++;
        inet_address_put6(&out->addresses[at].address, address,
                          ip6_addr_isloopback(address) ? 128 : 64);
        out->addresses[at].scope = scope6(address);
        out->addresses[at].tentative = !ip6_addr_isvalid(state); /* or another's: never usable */
        out->addresses[at].permanent = netif_ip6_addr_isstatic(netif, i);
        out->addresses[at].valid = lifetime(netif_ip6_addr_valid_life(netif, i));
        out->addresses[at].preferred = lifetime(netif_ip6_addr_pref_life(netif, i));
    }
}

/* Gives INTERFACE back. */
static bool interface_show(struct interface *interface, struct inet_interface *out)
{
    if (!interface)
        return false;
    *out = (struct inet_interface){.index = interface->index,
                                   .flags = interface->flags,
                                   .hardware = interface->hardware,
                                   .mtu = interface->mtu,
                                   .address_length = interface->address_length};
    memcpy(out->name, interface->name, sizeof out->name);
    memcpy(out->address, interface->address, sizeof out->address);
    memcpy(out->broadcast, interface->broadcast, sizeof out->broadcast);
    if (interface->promiscuous)
        out->flags |= INTERFACE_PROMISC;
    interface_get_statistics(interface, &out->statistics);
    inet_lock();
    struct netif *netif = netif_get_by_index((u8_t)interface->index);
    if (netif) {
        show_address4(netif, out);
        show_addresses6(netif, out);
    }
    inet_unlock();
    interface_put(interface);
    return true;
}

bool inet_interface_get(oskit_u32_t index, struct inet_interface *out)
{
    struct interface *interface = interface_next(NULL);
    while (interface && interface->index < index)
        interface = interface_next(interface);
    return interface_show(interface, out);
}

bool inet_interface_find(const char *name, struct inet_interface *out)
{
    return interface_show(interface_by_name(name), out);
}

oskit_error_t inet_interface_set_flags(oskit_u32_t index, oskit_u32_t flags, oskit_u32_t mask)
{
    struct interface *interface = interface_by_index(index);
    if (!interface)
        return OSKIT_ENODEV;
    interface_set_flags(interface, flags, mask);
    interface_put(interface);
    return OSKIT_SUCCESS;
}

oskit_error_t inet_interface_set_mtu(oskit_u32_t index, oskit_u32_t mtu)
{
    struct interface *interface = interface_by_index(index);
    if (!interface)
        return OSKIT_ENODEV;
    oskit_error_t error = interface_set_mtu(interface, mtu);
    interface_put(interface);
    return error;
}

oskit_error_t inet_interface_set_address(oskit_u32_t index, const oskit_u8_t *address)
{
    struct interface *interface = interface_by_index(index);
    if (!interface)
        return OSKIT_ENODEV;
    oskit_error_t error = interface_set_address(interface, address);
    interface_put(interface);
    return error;
}

/* ---- Addresses ---- */

static oskit_error_t add4(struct netif *netif, const struct inet_address *address)
{
    ip4_addr_t ip, mask;
    if (address->prefix > 32)
        return OSKIT_E_INVALIDARG;
    memcpy(&ip.addr, address->bytes, sizeof ip.addr);
    mask.addr = address->prefix ? lwip_htonl(UINT32_MAX << (32 - address->prefix)) : 0;
    if (ip4_addr_cmp(&ip, netif_ip4_addr(netif)) && ip4_addr_cmp(&mask, netif_ip4_netmask(netif)))
        return OSKIT_EEXIST;
    if (!ip4_addr_isany_val(*netif_ip4_addr(netif)))
        return OSKIT_ENOBUFS; /* lwIP has room for one: the first isn't lost for the second */
    inet_configure_dhcp_stop(inet_netif_of(netif));
    netif_set_addr(netif, &ip, &mask, netif_ip4_gw(netif));
    return OSKIT_SUCCESS;
}

static oskit_error_t add6(struct netif *netif, const struct inet_address *address)
{
    ip6_addr_t ip = {0};
    s8_t index;
    if (address->prefix > 128)
        return OSKIT_E_INVALIDARG;
    memcpy(ip.addr, address->bytes, sizeof ip.addr);
    ip6_addr_assign_zone(&ip, IP6_UNICAST, netif);
    if (netif_get_ip6_addr_match(netif, &ip) >= 0)
        return OSKIT_EEXIST;
    return netif_add_ip6_address(netif, &ip, &index) == ERR_OK ? OSKIT_SUCCESS : OSKIT_ENOBUFS;
}

static oskit_error_t remove4(struct netif *netif, const struct inet_address *address)
{
    if (memcmp(address->bytes, &netif_ip4_addr(netif)->addr, 4))
        return OSKIT_EADDRNOTAVAIL;
    inet_configure_dhcp_stop(inet_netif_of(netif));
    netif_set_addr(netif, IP4_ADDR_ANY4, IP4_ADDR_ANY4, IP4_ADDR_ANY4);
    return OSKIT_SUCCESS;
}

static oskit_error_t remove6(struct netif *netif, const struct inet_address *address)
{
    ip6_addr_t ip = {0};
    memcpy(ip.addr, address->bytes, sizeof ip.addr);
    ip6_addr_assign_zone(&ip, IP6_UNICAST, netif);
    s8_t index = netif_get_ip6_addr_match(netif, &ip);
    if (index < 0)
        return OSKIT_EADDRNOTAVAIL;
    netif_ip6_addr_set_state(netif, index, IP6_ADDR_INVALID);
    return OSKIT_SUCCESS;
}

static oskit_error_t
address_change(oskit_u32_t index, const struct inet_address *address,
               oskit_error_t (*four)(struct netif *netif, const struct inet_address *address),
               oskit_error_t (*six)(struct netif *netif, const struct inet_address *address))
{
    oskit_error_t error = OSKIT_ENODEV;
    inet_lock();
    struct netif *netif = index <= UINT8_MAX ? netif_get_by_index((u8_t)index) : NULL;
    if (netif)
        error = address->family == SOCKET_INET    ? four(netif, address)
                : address->family == SOCKET_INET6 ? six(netif, address)
                                                  : OSKIT_EAFNOSUPPORT;
    inet_unlock();
    return error;
}

oskit_error_t inet_address_add(oskit_u32_t index, const struct inet_address *address)
{
    return address_change(index, address, add4, add6);
}

oskit_error_t inet_address_remove(oskit_u32_t index, const struct inet_address *address)
{
    return address_change(index, address, remove4, remove6);
}

oskit_u32_t inet_name_servers(struct inet_address *addresses, oskit_u32_t max)
{
    ip_addr_t found[2 * DNS_MAX_SERVERS];
    inet_lock();
    uint32_t count = inet_nameservers_get(found, LWIP_MIN(max, 2 * DNS_MAX_SERVERS));
    inet_unlock();
    for (uint32_t i = 0; i < count; i++) {
        if (IP_IS_V6(&found[i]))
            inet_address_put6(&addresses[i], ip_2_ip6(&found[i]), 128);
        else
            inet_address_put4(&addresses[i], ip_2_ip4(&found[i]), 32);
    }
    return count;
}

oskit_u32_t inet_buffers_live(void)
{
    inet_lock();
    uint32_t live = inet_memory_live();
    inet_unlock();
    return live;
}
