/* Neighbours: who has which address on the wire, by ARP and by neighbour discovery. */
#include <sluice/inet.h>
#include <sluice/string.h>
#include "core_private.h"
#include "io/net/family.h"
#include "hooks.h"
#include "lwip/etharp.h"
#include "lwip/nd6.h"
#include "lwip/priv/nd6_priv.h"
#include "lwip/sys.h"
#include "lwip/tcp.h"

#define NUD_INCOMPLETE 0x01
#define NUD_REACHABLE  0x02
#define NUD_STALE      0x04
#define NUD_DELAY      0x08
#define NUD_PROBE      0x10

#define ASK_INTERVAL 1000u /* ms */

static oskit_u16_t state6(uint8_t state)
{
    static const oskit_u16_t states[] = {
        [ND6_INCOMPLETE] = NUD_INCOMPLETE, [ND6_REACHABLE] = NUD_REACHABLE, [ND6_STALE] = NUD_STALE,
        [ND6_DELAY] = NUD_DELAY,           [ND6_PROBE] = NUD_PROBE,
    };
    return states[state];
}

/* Thousands of connections may lead to one neighbour who is gone. */
static bool asked_just_now(const ip4_addr_t *to)
{
    static ip4_addr_t last;
    static u32_t since;

    if (last.addr == to->addr && sys_now() - since < ASK_INTERVAL)
        return true;
    last = *to;
    since = sys_now();
    return false;
}

/* Nobody sums ARP's frames: a damaged one leaves a wrong address, which would stay for minutes. Who
 * is asked learns ours anew by it, too. */
void inet_neighbour_ask(const struct tcp_pcb *pcb)
{
    if (!IP_IS_V4_VAL(pcb->remote_ip))
        return;
    const ip4_addr_t *to = ip_2_ip4(&pcb->remote_ip);
    struct netif *netif = ip4_route_src(ip_2_ip4(&pcb->local_ip), to);
    if (!netif || !(netif->flags & NETIF_FLAG_ETHARP))
        return;
    if (!ip4_addr_netcmp(to, netif_ip4_addr(netif), netif_ip4_netmask(netif)))
        to = inet_hook_gateway4(netif, to);
    if (to && !asked_just_now(to))
        etharp_request(netif, to);
}

typedef bool neighbour_show(void *arg, const struct inet_neighbour *neighbour);

static bool each4(neighbour_show *show, void *arg)
{
    for (size_t i = 0; i < ARP_TABLE_SIZE; i++) {
        struct inet_neighbour neighbour = {.state = NUD_REACHABLE};
        ip4_addr_t *address;
        struct netif *netif;
        struct eth_addr *hardware;
        if (!etharp_get_entry(i, &address, &netif, &hardware) || !netif)
            continue;
        inet_address_put4(&neighbour.address, address, 32);
        memcpy(neighbour.hardware, hardware, sizeof *hardware);
        neighbour.interface = netif_get_index(netif);
        if (!show(arg, &neighbour))
            return false;
    }
    return true;
}

static bool each6(neighbour_show *show, void *arg)
{
    for (size_t i = 0; i < LWIP_ND6_NUM_NEIGHBORS; i++) {
        const struct nd6_neighbor_cache_entry *entry = &neighbor_cache[i];
        struct inet_neighbour neighbour = {0};
        if (entry->state == ND6_NO_ENTRY || !entry->netif)
            continue;
        inet_address_put6(&neighbour.address, &entry->next_hop_address, 128);
        memcpy(neighbour.hardware, entry->lladdr, ETH_HWADDR_LEN);
        neighbour.interface = netif_get_index(entry->netif);
        neighbour.state = state6(entry->state);
        if (!show(arg, &neighbour))
            return false;
    }
    return true;
}

void inet_neighbour_each(bool (*show)(void *arg, const struct inet_neighbour *neighbour), void *arg)
{
    inet_lock();
    if (each4(show, arg))
        each6(show, arg);
    inet_unlock();
}

/* lwIP keeps entries that a program made for IPv4 only. */
static oskit_error_t set4(const struct inet_neighbour *neighbour, bool remove)
{
    ip4_addr_t address;
    struct eth_addr hardware;
    memcpy(&address.addr, neighbour->address.bytes, sizeof address.addr);
    memcpy(&hardware, neighbour->hardware, sizeof hardware);
    const struct netif *netif = ip4_route(&address);
    if (!remove && netif && netif->hwaddr_len != ETH_HWADDR_LEN)
        return OSKIT_E_INVALIDARG; /* the loopback's: nobody asks for them */
    err_t error = remove ? etharp_remove_static_entry(&address)
                         : etharp_add_static_entry(&address, &hardware);
    if (error == ERR_RTE)
        return OSKIT_ENETUNREACH;
    return error ? (remove ? OSKIT_ENOENT : OSKIT_ENOBUFS) : OSKIT_SUCCESS;
}

oskit_error_t inet_neighbour_set(const struct inet_neighbour *neighbour, bool remove)
{
    if (neighbour->address.family != SOCKET_INET)
        return OSKIT_EOPNOTSUPP;
    inet_lock();
    oskit_error_t error = set4(neighbour, remove);
    inet_unlock();
    if (!error)
        netlink_neighbour_changed(neighbour, remove);
    return error;
}
