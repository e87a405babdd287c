/* Which interface and which neighbour a packet goes to. */
#include "hooks.h"
#include "lwip/netif.h"

struct netif *inet_hook_route4(const ip4_addr_t *src, const ip4_addr_t *dest)
{
    (void)src, (void)dest;
    return NULL;
}

struct netif *inet_hook_route6(const ip6_addr_t *src, const ip6_addr_t *dest)
{
    (void)src, (void)dest;
    return NULL;
}

const ip4_addr_t *inet_hook_gateway4(struct netif *netif, const ip4_addr_t *dest)
{
    (void)netif, (void)dest;
    return NULL;
}

const ip6_addr_t *inet_hook_gateway6(struct netif *netif, const ip6_addr_t *dest)
{
    (void)netif, (void)dest;
    return NULL;
}
