/*
 * How interfaces get their addresses: the first card by what the command line says (ip=), IPv6 by
 * what routers announce, and anything else by programs.
 */
#include "configure.h"
#include <sluice/string.h>
#include "core_private.h"
#include "io/net/family.h"
#include "lwip/dhcp.h"
#include "lwip/dns.h"
#include "lwip/ip4_addr.h"
#include "lwip/nd6.h"
#include "path.h"

enum method { METHOD_NONE, METHOD_STATIC, METHOD_DHCP };

static struct {
    enum method method;
    ip4_addr_t address, mask, gateway;
    struct inet_netif *first; /* whose configuration this is; NULL: no card yet */
    struct env_sleep *waiter;
} configuration;

static netif_ext_callback_t change_callback;

/* ---- The command line's word ---- */

/* An address up to one of the characters in END; moves *AT behind the address. */
static bool address_take(const char **at, ip4_addr_t *out)
{
    char text[16];
    size_t length = 0, dots = 0;
    while ((**at >= '0' && **at <= '9') || **at == '.') {
        if (length + 1 == sizeof text)
            return false;
        dots += **at == '.';
        text[length++] = *(*at)++;
    }
    text[length] = 0;
    return dots == 3 && ip4addr_aton(text, out);
}

static bool prefix_take(const char **at, ip4_addr_t *mask)
{
    unsigned bits = 0;
    if (*(*at)++ != '/' || **at < '0' || **at > '9')
        return false;
    while (**at >= '0' && **at <= '9' && bits <= 32)
        bits = bits * 10 + (unsigned)(*(*at)++ - '0');
    if (!bits || bits > 32)
        return false;
    mask->addr = lwip_htonl(UINT32_MAX << (32 - bits));
    return true;
}

static bool static_parse(const char *text)
{
    ip4_addr_t server;
    ip_addr_t announced;
    if (!address_take(&text, &configuration.address) || !prefix_take(&text, &configuration.mask))
        return false;
    if (*text == ',' && (text++, !address_take(&text, &configuration.gateway)))
        return false;
    if (*text == ',') {
        text++;
        if (!address_take(&text, &server))
            return false;
        ip_addr_copy_from_ip4(announced, server);
        dns_setserver(0, &announced);
    }
    return !*text;
}

oskit_error_t inet_configure_parse(const char *text)
{
    ip4_addr_set_zero(&configuration.gateway);
    if (!text || !strcmp(text, "dhcp")) {
        configuration.method = METHOD_DHCP;
        return OSKIT_SUCCESS;
    }
    configuration.method = METHOD_NONE;
    if (!strcmp(text, "none"))
        return OSKIT_SUCCESS;
    if (!static_parse(text))
        return OSKIT_E_INVALIDARG;
    configuration.method = METHOD_STATIC;
    return OSKIT_SUCCESS;
}

/* ---- Carrying it out: core lock held ---- */

static void configure_first(struct inet_netif *n)
{
    if (configuration.method == METHOD_NONE)
        return;
    n->interface->flags |= INTERFACE_UP;
    if (configuration.method == METHOD_STATIC) {
        netif_set_addr(&n->netif, &configuration.address, &configuration.mask,
                       &configuration.gateway);
        return;
    }
    netif_set_up(&n->netif);
    n->dhcp = dhcp_start(&n->netif) == ERR_OK;
    if (!n->dhcp)
        env_log(ENV_LOG_WARNING, "%s: no memory for DHCP", n->interface->name);
}

void inet_configure_added(struct inet_netif *n)
{
    netif_create_ip6_linklocal_address(&n->netif, 1);
    netif_set_ip6_autoconfig_enabled(&n->netif, 1);
    if (configuration.first)
        return;
    configuration.first = n;
    configure_first(n);
}

void inet_configure_removed(struct inet_netif *n)
{
    inet_configure_dhcp_stop(n);
    dhcp_cleanup(&n->netif);
    if (configuration.first == n)
        configuration.first = NULL;
}

void inet_configure_dhcp_stop(struct inet_netif *n)
{
    if (n->dhcp)
        dhcp_stop(&n->netif);
    n->dhcp = false;
}

/* ---- Telling of it ---- */

static bool configured(void)
{
    return configuration.method == METHOD_NONE ||
           (configuration.first &&
            !ip4_addr_isany_val(*netif_ip4_addr(&configuration.first->netif)));
}

static void log_address(struct netif *netif)
{
    const uint8_t *a = (const uint8_t *)netif_ip4_addr(netif);
    const uint8_t *g = (const uint8_t *)netif_ip4_gw(netif);
    env_log(ENV_LOG_INFO, "%s: address %u.%u.%u.%u/%d, gateway %u.%u.%u.%u",
            inet_netif_of(netif)->interface->name, a[0], a[1], a[2], a[3],
            inet_mask_bits(netif_ip4_netmask(netif)), g[0], g[1], g[2], g[3]);
}

static void changed4(struct netif *netif, const ip_addr_t *old)
{
    struct inet_address address;
    oskit_u8_t prefix = inet_mask_bits(netif_ip4_netmask(netif));
    if (old && !ip_addr_isany(old) && !ip4_addr_cmp(ip_2_ip4(old), netif_ip4_addr(netif))) {
        inet_address_put4(&address, ip_2_ip4(old), prefix);
        netlink_address_changed(netif_get_index(netif), &address, true);
    }
    if (ip4_addr_isany_val(*netif_ip4_addr(netif)))
        return;
    inet_address_put4(&address, netif_ip4_addr(netif), prefix);
    netlink_address_changed(netif_get_index(netif), &address, false);
    if (netif != inet_loopback_netif)
        log_address(netif);
    if (configuration.waiter && configured()) {
        env_wakeup(configuration.waiter);
        configuration.waiter = NULL;
    }
}

static void changed6(struct netif *netif, const ip_addr_t *which, u8_t old_state, u8_t state)
{
    struct inet_address address;
    bool was = ip6_addr_isvalid(old_state) || ip6_addr_istentative(old_state);
    bool is = ip6_addr_isvalid(state) || ip6_addr_istentative(state);
    if (was == is && !(ip6_addr_istentative(old_state) && ip6_addr_isvalid(state)))
        return;
    inet_address_put6(&address, ip_2_ip6(which), 64);
    netlink_address_changed(netif_get_index(netif), &address, !is);
}

static void changed(struct netif *netif, netif_nsc_reason_t reason,
                    const netif_ext_callback_args_t *args)
{
    inet_paths_forget();
    if (reason & LWIP_NSC_IPV4_SETTINGS_CHANGED)
        changed4(netif, args->ipv4_changed.old_address);
    if (reason & LWIP_NSC_IPV6_ADDR_STATE_CHANGED) {
        s8_t index = args->ipv6_addr_state_changed.addr_index;
        changed6(netif, args->ipv6_addr_state_changed.address,
                 args->ipv6_addr_state_changed.old_state, netif->ip6_addr_state[index]);
    }
}

void inet_configure_start(void)
{
    netif_add_ext_callback(&change_callback, changed);
}

void inet_configure_stop(void)
{
    netif_remove_ext_callback(&change_callback);
}

bool inet_wait_configured(oskit_u64_t deadline)
{
    struct env_sleep sleep;
    env_sleep_init(&sleep);
    inet_lock();
    bool done = configured() || !configuration.first;
    if (!done)
        configuration.waiter = &sleep;
    inet_unlock();
    if (!done)
        env_sleep(&sleep, deadline);
    inet_lock();
    configuration.waiter = NULL;
    done = configured();
    inet_unlock();
    return done;
}
