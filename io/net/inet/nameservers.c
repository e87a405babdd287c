/*
 * Name servers that DHCP, router advertisements or the command line gave. This stands in for
 * lwIP's resolver, which calls it so; names are looked up by programs.
 */
#include "io/net/inet/nameservers.h"
#include "lwip/dns.h"

/* lwIP's two informants both count from 0: DHCP brings IPv4 addresses, routers bring IPv6 ones. */
static ip_addr_t servers4[DNS_MAX_SERVERS], servers6[DNS_MAX_SERVERS];

void dns_init(void)
{
}

void dns_tmr(void)
{
}

void dns_setserver(u8_t number, const ip_addr_t *server)
{
    if (number >= DNS_MAX_SERVERS)
        return;
    if (!server)
        ip_addr_set_zero_ip6(&servers6[number]);
    else if (IP_IS_V6(server))
        servers6[number] = *server;
    else
        servers4[number] = *server;
}

/* Router advertisements alone ask, to find one that they shall take back. */
const ip_addr_t *dns_getserver(u8_t number)
{
    return number < DNS_MAX_SERVERS ? &servers6[number] : IP_ADDR_ANY;
}

uint32_t inet_nameservers_get(ip_addr_t *out, uint32_t max)
{
    uint32_t count = 0;
    for (int i = 0; i < DNS_MAX_SERVERS && count < max; i++) {
        if (!ip_addr_isany(&servers4[i]))
            out[count++] = servers4[i];
    }
    for (int i = 0; i < DNS_MAX_SERVERS && count < max; i++) {
        if (!ip_addr_isany(&servers6[i]))
            out[count++] = servers6[i];
    }
    return count;
}
