/* /proc/net: interfaces, routes, neighbours, counts. Sockets are in net_sockets.c. */
#include "kernel/proc/net.h"
#include "kernel/log.h"
#include <sluice/inet.h>
#include <sluice/string.h>

/* ---- Interfaces ---- */

static oskit_error_t show_dev(oskit_u64_t key, struct synth_text *text)
{
    struct inet_interface i = {0};
    (void)key;
    synth_printf(text,
                 "Inter-|   Receive                                                |  Transmit\n"
                 " face |bytes    packets errs drop fifo frame compressed multicast|bytes    "
                 "packets errs drop fifo colls carrier compressed\n");
    while (inet_interface_get(i.index + 1, &i)) {
        const struct netqueue_statistics *s = &i.statistics;
        synth_printf(text,
                     "%6s: %7llu %7llu %4llu %4llu    0     0          0 %9llu "
                     "%8llu %7llu %4llu %4llu    0     0       0          0\n",
                     i.name, (unsigned long long)s->rx_bytes, (unsigned long long)s->rx_packets,
                     (unsigned long long)s->rx_errors, (unsigned long long)s->rx_dropped,
                     (unsigned long long)s->rx_multicast, (unsigned long long)s->tx_bytes,
                     (unsigned long long)s->tx_packets, (unsigned long long)s->tx_errors,
                     (unsigned long long)s->tx_dropped);
    }
    return OSKIT_SUCCESS;
}

static void put_hex(struct synth_text *text, const oskit_u8_t *bytes, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        synth_printf(text, "%02x", bytes[i]);
}

#define IFA_F_PERMANENT 0x80u
#define IFA_F_TENTATIVE 0x40u

static oskit_error_t show_if_inet6(oskit_u64_t key, struct synth_text *text)
{
    struct inet_interface i = {0};
    /* RT_SCOPE values, as this file has them: by the kind of address. */
    (void)key;
    while (inet_interface_get(i.index + 1, &i)) {
        for (oskit_u32_t a = 0; a < i.address_count; a++) {
            const struct inet_address *address = &i.addresses[a].address;
            unsigned scope = i.addresses[a].scope == 254   ? 0x10
                             : i.addresses[a].scope == 253 ? 0x20
                             : i.addresses[a].scope == 200 ? 0x40
                                                           : 0;
            unsigned flags = (i.addresses[a].permanent ? IFA_F_PERMANENT : 0) |
                             (i.addresses[a].tentative ? IFA_F_TENTATIVE : 0);
            if (address->family != SOCKET_INET6)
                continue;
            put_hex(text, address->bytes, 16);
            synth_printf(text, " %02x %02x %02x %02x %8s\n", i.index, address->prefix, scope, flags,
                         i.name);
        }
    }
    return OSKIT_SUCCESS;
}

/* ---- Routes and neighbours: noted under the stack's lock, described after ---- */

#define NOTED_MAX 512u

struct noted_routes {
    oskit_u32_t count;
    struct inet_route route[NOTED_MAX];
};

static bool note_route(void *arg, const struct inet_route *route)
{
    struct noted_routes *noted = arg;
    noted->route[noted->count++] = *route;
    return noted->count < NOTED_MAX;
}

static void interface_name(oskit_u32_t index, char name[16])
{
    struct inet_interface i;
    if (inet_interface_get(index, &i) && i.index == index)
        memcpy(name, i.name, sizeof i.name);
    else
        memcpy(name, "*", 2);
}

#define RTF_UP      0x1u
#define RTF_GATEWAY 0x2u
#define RTF_HOST    0x4u

static unsigned route_flags(const struct inet_route *route)
{
    unsigned host = route->destination.family == SOCKET_INET ? 32 : 128;
    return RTF_UP | (route->gateway.family ? RTF_GATEWAY : 0) |
           (route->destination.prefix == host ? RTF_HOST : 0);
}

static oskit_u32_t word4(const oskit_u8_t *bytes)
{
    oskit_u32_t word;
    memcpy(&word, bytes, sizeof word);
    return word;
}

static void show_route4(struct synth_text *text, const struct inet_route *route)
{
    char name[16];
    oskit_u32_t mask = route->destination.prefix
                           ? __builtin_bswap32(UINT32_MAX << (32 - route->destination.prefix))
                           : 0;
    interface_name(route->interface, name);
    synth_printf(text, "%s\t%08X\t%08X\t%04X\t0\t0\t%u\t%08X\t0\t0\t0\n", name,
                 word4(route->destination.bytes),
                 route->gateway.family ? word4(route->gateway.bytes) : 0, route_flags(route),
                 route->metric, mask);
}

static void show_route6(struct synth_text *text, const struct inet_route *route)
{
    char name[16];
    interface_name(route->interface, name);
    put_hex(text, route->destination.bytes, 16);
    synth_printf(text, " %02x %032x %02x ", route->destination.prefix, 0, 0);
    put_hex(text, route->gateway.bytes, 16);
    synth_printf(text, " %08x %08x %08x %08x %8s\n", route->metric, 0, 0, route_flags(route), name);
}

static oskit_error_t show_routes(struct synth_text *text, oskit_s32_t family)
{
    struct noted_routes *noted = env_alloc(sizeof *noted, 0);
    if (!noted)
        return OSKIT_ENOMEM;
    noted->count = 0;
    inet_route_each(note_route, noted);
    for (oskit_u32_t i = 0; i < noted->count; i++) {
        const struct inet_route *route = &noted->route[i];
        if (route->destination.family == family && family == SOCKET_INET)
            show_route4(text, route);
        else if (route->destination.family == family)
            show_route6(text, route);
    }
    env_free(noted, sizeof *noted);
    return OSKIT_SUCCESS;
}

static oskit_error_t show_route(oskit_u64_t key, struct synth_text *text)
{
    (void)key;
    synth_printf(text, "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\t"
                       "Window\tIRTT\n");
    return show_routes(text, SOCKET_INET);
}

static oskit_error_t show_ipv6_route(oskit_u64_t key, struct synth_text *text)
{
    (void)key;
    return show_routes(text, SOCKET_INET6);
}

struct noted_neighbours {
    oskit_u32_t count;
    struct inet_neighbour neighbour[NOTED_MAX];
};

static bool note_neighbour(void *arg, const struct inet_neighbour *neighbour)
{
    struct noted_neighbours *noted = arg;
    if (neighbour->address.family == SOCKET_INET)
        noted->neighbour[noted->count++] = *neighbour;
    return noted->count < NOTED_MAX;
}

#define ATF_COMPLETE   0x2u
#define NUD_INCOMPLETE 0x1u

static void show_neighbour(struct synth_text *text, const struct inet_neighbour *n)
{
    const oskit_u8_t *a = n->address.bytes, *h = n->hardware;
    char address[16], name[16];
    interface_name(n->interface, name);
    format_text(address, sizeof address, "%u.%u.%u.%u", a[0], a[1], a[2], a[3]);
    synth_printf(text,
                 "%-16s 0x1         0x%x         %02x:%02x:%02x:%02x:%02x:%02x     *        %s\n",
                 address, n->state & NUD_INCOMPLETE ? 0 : ATF_COMPLETE, h[0], h[1], h[2], h[3],
                 h[4], h[5], name);
}

static oskit_error_t show_arp(oskit_u64_t key, struct synth_text *text)
{
    struct noted_neighbours *noted = env_alloc(sizeof *noted, 0);
    (void)key;
    if (!noted)
        return OSKIT_ENOMEM;
    noted->count = 0;
    inet_neighbour_each(note_neighbour, noted);
    synth_printf(text, "IP address       HW type     Flags       HW address            Mask     "
                       "Device\n");
    for (oskit_u32_t i = 0; i < noted->count; i++)
        show_neighbour(text, &noted->neighbour[i]);
    env_free(noted, sizeof *noted);
    return OSKIT_SUCCESS;
}

/* ---- Counts ---- */

struct counts {
    struct synth_text *text;
    const char *protocol; /* whose line it is */
    bool values;          /* the second line */
    const char *last;     /* the protocol before */
};

static void show_count(void *arg, const char *protocol, const char *name, oskit_u64_t value)
{
    struct counts *c = arg;
    if (strcmp(protocol, c->protocol))
        return;
    if (c->values)
        synth_printf(c->text, " %lld", (long long)(oskit_s32_t)value);
    else
        synth_printf(c->text, " %s", name);
}

static oskit_error_t show_snmp(oskit_u64_t key, struct synth_text *text)
{
    static const char *const protocols[] = {"Ip", "Icmp", "Tcp", "Udp"};
    (void)key;
    for (size_t i = 0; i < sizeof protocols / sizeof protocols[0]; i++) {
        struct counts c = {.text = text, .protocol = protocols[i]};
        for (int line = 0; line < 2; line++) {
            c.values = line == 1;
            synth_printf(text, "%s:", protocols[i]);
            inet_counts_each(show_count, &c);
            synth_printf(text, "\n");
        }
    }
    return OSKIT_SUCCESS;
}

/* ---- Name servers, in the form that /etc/resolv.conf has: init makes a link to it ---- */

static void show_server(struct synth_text *text, const struct inet_address *server)
{
    const oskit_u8_t *b = server->bytes;
    synth_printf(text, "nameserver ");
    if (server->family == SOCKET_INET) {
        synth_printf(text, "%u.%u.%u.%u\n", b[0], b[1], b[2], b[3]);
        return;
    }
    for (int i = 0; i < 16; i += 2)
        synth_printf(text, i ? ":%x" : "%x", b[i] << 8 | b[i + 1]);
    synth_printf(text, "\n");
}

#define SERVERS_MAX 8u

static oskit_error_t show_pnp(oskit_u64_t key, struct synth_text *text)
{
    struct inet_address servers[SERVERS_MAX];
    (void)key;
    oskit_u32_t count = inet_name_servers(servers, SERVERS_MAX);
    synth_printf(text, "#PROTO: %s\n", count ? "DHCP" : "NONE");
    for (oskit_u32_t i = 0; i < count; i++)
        show_server(text, &servers[i]);
    return OSKIT_SUCCESS;
}

#define FILE_NODE(node_name, node_show)                                        \
    {                                                                          \
        .name = (node_name), .mode = OSKIT_S_IFREG | 0444, .show = (node_show) \
    }

const struct synth_node proc_net_nodes[] = {
    FILE_NODE("arp", show_arp),
    FILE_NODE("dev", show_dev),
    FILE_NODE("if_inet6", show_if_inet6),
    FILE_NODE("ipv6_route", show_ipv6_route),
    {.name = "pnp", /* some read their name servers by the size */
     .mode = OSKIT_S_IFREG | 0444,
     .show = show_pnp,
     .sized = true},
    FILE_NODE("raw", proc_show_net_raw),
    FILE_NODE("raw6", proc_show_net_raw6),
    FILE_NODE("route", show_route),
    FILE_NODE("snmp", show_snmp),
    FILE_NODE("sockstat", proc_show_net_sockstat),
    FILE_NODE("tcp", proc_show_net_tcp),
    FILE_NODE("tcp6", proc_show_net_tcp6),
    FILE_NODE("udp", proc_show_net_udp),
    FILE_NODE("udp6", proc_show_net_udp6),
    FILE_NODE("udplite", proc_show_net_udplite),
    FILE_NODE("udplite6", proc_show_net_udplite6),
    FILE_NODE("unix", proc_show_net_unix),
    {.name = NULL}};
