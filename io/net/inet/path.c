/* Where packets for an IPv4 address went last. See path.h. */
#include "path.h"
#include <sluice/string.h>
#include "hooks.h"
#include "route.h"

struct inet_path inet_paths[1 << INET_PATH_BITS];

void inet_paths_forget(void)
{
    memset(inet_paths, 0, sizeof inet_paths);
}

struct netif *inet_hook_route4(const ip4_addr_t *src, const ip4_addr_t *dest)
{
    const struct inet_path *path = inet_path(dest);
    if (path)
        return path->netif;
    struct netif *netif = inet_route_search4(src, dest);
    if (netif && !ip4_addr_ismulticast(dest) && dest->addr != IPADDR_BROADCAST)
        *inet_path_place(dest) = (struct inet_path){
            .netif = netif,
            .destination = *dest,
            .broadcast = ip4_addr_isbroadcast(dest, netif),
        };
    return netif;
}
