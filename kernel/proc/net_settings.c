/*
 * /proc/sys/net. What the network's code has a variable for can be set (socket_limits); the rest
 * tells what the code does and can't be written, so that who sets it learns that it had no effect.
 *
 * The directories of interfaces have an interface's index for a key; those of `all` and `default`
 * have none, and say the same.
 */
#include <sluice/inet.h>
#include <sluice/socket.h>
#include <sluice/string.h>
#include "kernel/proc/settings.h"

#define PORT_MIN 1024u /* below, ports are for root: net.ipv4.ip_unprivileged_port_start */
#define PORT_MAX 65535u

/* ---- Numbers that can be set ---- */

LIMIT(somaxconn, socket_limits.backlog)
LIMIT_WITHIN(rmem_max, socket_limits.receive_max, SOCKET_RECEIVE_MIN, INT32_MAX)
LIMIT_WITHIN(wmem_max, socket_limits.send_max, SOCKET_SEND_MIN, INT32_MAX)
LIMIT_WITHIN(rmem_default, socket_limits.receive_default, SOCKET_RECEIVE_MIN, INT32_MAX)
LIMIT_WITHIN(wmem_default, socket_limits.send_default, SOCKET_SEND_MIN, INT32_MAX)
LIMIT(dgram_qlen, socket_limits.unix_backlog)

/* The first and the last port in one word, so that nobody sees one old and one new. */
static oskit_error_t ports_show(oskit_u64_t key, struct synth_text *text)
{
    oskit_u32_t ports = atomic_load(&socket_limits.ports);
    (void)key;
    synth_printf(text, "%u\t%u\n", ports >> 16, ports & 0xffff);
    return OSKIT_SUCCESS;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n';
}

static bool port_read(const char **at, const char *end, oskit_u32_t *out)
{
    oskit_u32_t value = 0;
    while (*at < end && is_blank(**at))
        ++*at;
    const char *start = *at;
    for (; *at < end && **at >= '0' && **at <= '9' && value <= PORT_MAX; ++*at)
        value = value * 10 + (oskit_u32_t)(**at - '0');
    *out = value;
    return *at > start && value <= PORT_MAX && (*at == end || is_blank(**at));
}

static oskit_error_t ports_store(oskit_u64_t key, const char *text, size_t size)
{
    const char *at = text, *end = text + size;
    oskit_u32_t first, last;
    (void)key;
    if (!port_read(&at, end, &first) || !port_read(&at, end, &last) || first > last ||
        first < PORT_MIN)
        return OSKIT_E_INVALIDARG;
    atomic_store(&socket_limits.ports, first << 16 | last);
    return OSKIT_SUCCESS;
}

/* ---- What is so ---- */

FIXED(zero_show, "0")
FIXED(one_show, "1")
FIXED(ttl_show, "64")
FIXED(unprivileged_show, "1024")
FIXED(nothing_show, "")
FIXED(ping_show, "0\t2147483647")
FIXED(memberships_show, "20")
FIXED(reno_show, "reno")
FIXED(tcp_rmem_show, "2304\t262144\t262144")
FIXED(tcp_wmem_show, "4608\t262144\t262144")
FIXED(keepalive_time_show, "7200")
FIXED(keepalive_interval_show, "75")
FIXED(keepalive_probes_show, "9")
FIXED(fin_timeout_show, "20")
FIXED(syn_retries_show, "6")
FIXED(retries_show, "12")
FIXED(syn_backlog_show, "255")

/* ---- By interface ---- */

static bool interface_find(oskit_u64_t key, struct inet_interface *out)
{
    return inet_interface_get((oskit_u32_t)key, out) && out->index == key;
}

static oskit_error_t mtu_show(oskit_u64_t key, struct synth_text *text)
{
    struct inet_interface interface;
    if (key && !interface_find(key, &interface))
        return OSKIT_ENODEV;
    synth_printf(text, "%u\n", key ? interface.mtu : 1280);
    return OSKIT_SUCCESS;
}

static void interface_each(oskit_u64_t key,
                           void (*emit)(void *arg, const char *name, oskit_u64_t key), void *arg)
{
    struct inet_interface interface = {0};
    (void)key;
    while (inet_interface_get(interface.index + 1, &interface))
        emit(arg, interface.name, interface.index);
}

static oskit_error_t interface_named(oskit_u64_t key, const char *name, oskit_u64_t *out)
{
    struct inet_interface interface = {0};
    (void)key;
    while (inet_interface_get(interface.index + 1, &interface))
        if (!strcmp(interface.name, name)) {
            *out = interface.index;
            return OSKIT_SUCCESS;
        }
    return OSKIT_ENOENT;
}

/* ---- The tree ---- */

static const struct synth_node core_nodes[] = {
    LIMIT_NODE("rmem_default", rmem_default), LIMIT_NODE("rmem_max", rmem_max),
    LIMIT_NODE("somaxconn", somaxconn),       LIMIT_NODE("wmem_default", wmem_default),
    LIMIT_NODE("wmem_max", wmem_max),         END_NODE};

static const struct synth_node unix_nodes[] = {LIMIT_NODE("max_dgram_qlen", dgram_qlen), END_NODE};

static const struct synth_node conf4_nodes[] = {FILE_NODE("forwarding", zero_show),
                                                FILE_NODE("rp_filter", zero_show), END_NODE};

static const struct synth_node conf6_nodes[] = {FILE_NODE("accept_ra", one_show),
                                                FILE_NODE("autoconf", one_show),
                                                FILE_NODE("disable_ipv6", zero_show),
                                                FILE_NODE("forwarding", zero_show),
                                                FILE_NODE("hop_limit", ttl_show),
                                                FILE_NODE("mtu", mtu_show),
                                                END_NODE};

/* The directory of each interface, and two for none. */
#define CONF(family)                                                                  \
    static const struct synth_node family##_template = {.mode = OSKIT_S_IFDIR | 0555, \
                                                        .children = family##_nodes};  \
    static const struct synth_node family##_all_nodes[] = {                           \
        DIR_NODE("all", family##_nodes), DIR_NODE("default", family##_nodes), END_NODE};
CONF(conf4)
CONF(conf6)

#define CONF_NODE(family)                                                               \
    {                                                                                   \
        .name = "conf", .mode = OSKIT_S_IFDIR | 0555, .children = family##_all_nodes,   \
        .each = interface_each, .find = interface_named, .template = &family##_template \
    }

static const struct synth_node ipv4_nodes[] = {
    CONF_NODE(conf4),
    FILE_NODE("icmp_echo_ignore_all", zero_show),
    FILE_NODE("icmp_echo_ignore_broadcasts", one_show),
    FILE_NODE("igmp_max_memberships", memberships_show),
    FILE_NODE("ip_default_ttl", ttl_show),
    FILE_NODE("ip_forward", zero_show),
    STORE_NODE("ip_local_port_range", ports_show, ports_store),
    FILE_NODE("ip_local_reserved_ports", nothing_show),
    FILE_NODE("ip_nonlocal_bind", zero_show),
    FILE_NODE("ip_unprivileged_port_start", unprivileged_show),
    FILE_NODE("ping_group_range", ping_show),
    FILE_NODE("tcp_allowed_congestion_control", reno_show),
    FILE_NODE("tcp_available_congestion_control", reno_show),
    FILE_NODE("tcp_congestion_control", reno_show),
    FILE_NODE("tcp_ecn", zero_show),
    FILE_NODE("tcp_fastopen", zero_show),
    FILE_NODE("tcp_fin_timeout", fin_timeout_show),
    FILE_NODE("tcp_keepalive_intvl", keepalive_interval_show),
    FILE_NODE("tcp_keepalive_probes", keepalive_probes_show),
    FILE_NODE("tcp_keepalive_time", keepalive_time_show),
    FILE_NODE("tcp_max_syn_backlog", syn_backlog_show),
    FILE_NODE("tcp_moderate_rcvbuf", zero_show),
    FILE_NODE("tcp_retries2", retries_show),
    FILE_NODE("tcp_rmem", tcp_rmem_show),
    FILE_NODE("tcp_sack", one_show),
    FILE_NODE("tcp_syn_retries", syn_retries_show),
    FILE_NODE("tcp_syncookies", zero_show),
    FILE_NODE("tcp_timestamps", zero_show),
    FILE_NODE("tcp_tw_reuse", zero_show),
    FILE_NODE("tcp_window_scaling", one_show),
    FILE_NODE("tcp_wmem", tcp_wmem_show),
    END_NODE};

static const struct synth_node ipv6_nodes[] = {FILE_NODE("bindv6only", zero_show), CONF_NODE(conf6),
                                               END_NODE};

const struct synth_node proc_net_settings_nodes[] = {
    DIR_NODE("core", core_nodes), DIR_NODE("ipv4", ipv4_nodes), DIR_NODE("ipv6", ipv6_nodes),
    DIR_NODE("unix", unix_nodes), END_NODE};
