/* What the stack's sockets share: names, addresses, interfaces, the families' registration. */
#include "inet_sock.h"

#include <sluice/env.h>
#include <sluice/string.h>
#include "lwip/ip.h"
#include "time_wait.h"

#define PORT_PRIVILEGED 1024u
#define NAME_LENGTH4    16u
#define NAME_LENGTH6    28u
#define NAME_LENGTH6MIN 24u /* before there was a scope */

void inet_sock_init(struct inet_sock *sock, const struct socket_kind *kind, oskit_s32_t type,
                    oskit_s32_t protocol, uint32_t level)
{
    socket_init(&sock->base, kind, type, protocol, level);
    sock->pending = (struct inet_pending){.socket = &sock->base};
    list_init(&sock->pending.link);
    list_init(&sock->all);
    list_init(&sock->errors);
    sock->error_count = 0;
    inet_options_init(&sock->ip);
    sock->ip.multicast_all = !inet_is6(sock);              /* as on Linux ... */
    sock->base.options.reuse_address = type == SOCKET_RAW; /* ... both */
    inet_any(sock, &sock->bound);
    sock->local = sock->bound;
    sock->remote = sock->bound;
    sock->local_port = sock->remote_port = 0;
}

void inet_any(const struct inet_sock *sock, ip_addr_t *out)
{
    *out = (ip_addr_t){0};
    if (!inet_is6(sock))
        IP_SET_TYPE(out, IPADDR_TYPE_V4);
    else
        IP_SET_TYPE(out, sock->ip.v6only ? IPADDR_TYPE_V6 : IPADDR_TYPE_ANY);
}

/* ---- Names ---- */

static oskit_error_t name_read4(const struct inet_sock *sock, const struct socket_address *name,
                                bool bind, ip_addr_t *address)
{
    oskit_u32_t number;

    if (name->length < NAME_LENGTH4)
        return OSKIT_E_INVALIDARG;
    memcpy(&number, name->u.in.address, sizeof number);
    if (name->u.family != SOCKET_INET && !(bind && name->u.family == 0 && number == 0))
        return OSKIT_EAFNOSUPPORT;
    ip_addr_set_ip4_u32(address, number);
    (void)sock;
    return OSKIT_SUCCESS;
}

static oskit_error_t scope_read(const struct inet_sock *sock, const struct socket_address *name,
                                ip_addr_t *address)
{
    ip6_addr_t *ip6 = ip_2_ip6(address);
    oskit_u32_t scope = name->length >= NAME_LENGTH6 ? name->u.in6.scope : 0;

    if (!ip6_addr_has_scope(ip6, IP6_UNKNOWN))
        return OSKIT_SUCCESS;
    if (scope == 0)
        scope = SOCKET_OPTION(&sock->base, interface);
    if (scope == 0 && ip6_addr_ismulticast(ip6))
        scope = sock->ip.multicast_interface6;
    if (scope == 0)
        return ip6_addr_islinklocal(ip6) ? OSKIT_E_INVALIDARG : OSKIT_SUCCESS;
    if (SOCKET_OPTION(&sock->base, interface) != 0 &&
        scope != SOCKET_OPTION(&sock->base, interface))
        return OSKIT_E_INVALIDARG;
    inet_lock();
    struct netif *netif = inet_netif(scope);
    if (netif != NULL)
        ip6_addr_assign_zone(ip6, IP6_UNKNOWN, netif);
    inet_unlock();
    return netif != NULL ? OSKIT_SUCCESS : OSKIT_ENODEV;
}

static oskit_error_t name_read6(const struct inet_sock *sock, const struct socket_address *name,
                                ip_addr_t *address)
{
    if (name->length < NAME_LENGTH6MIN)
        return OSKIT_E_INVALIDARG;
    if (name->u.family != SOCKET_INET6)
        return OSKIT_EAFNOSUPPORT;
    *address = (ip_addr_t){0};
    IP_SET_TYPE(address, IPADDR_TYPE_V6);
    memcpy(ip_2_ip6(address)->addr, name->u.in6.address, sizeof name->u.in6.address);
    if (ip6_addr_isipv4mappedipv6(ip_2_ip6(address))) {
        oskit_u32_t number = ip_2_ip6(address)->addr[3];
        if (sock->ip.v6only)
            return OSKIT_ENETUNREACH;
        *address = (ip_addr_t){0};
        ip_addr_set_ip4_u32(address, number);
        return OSKIT_SUCCESS;
    }
    return scope_read(sock, name, address);
}

oskit_error_t inet_name_read(const struct inet_sock *sock, const struct socket_address *name,
                             bool bind, ip_addr_t *address, oskit_u16_t *port)
{
    oskit_error_t err;

    if (name->length < sizeof name->u.family)
        return OSKIT_E_INVALIDARG;
    err = inet_is6(sock) ? name_read6(sock, name, address) : name_read4(sock, name, bind, address);
    if (OSKIT_FAILED(err))
        return err;
    *port = lwip_ntohs(name->u.in.port); /* both families have it in the same place */
    if (bind && inet_is6(sock) && IP_IS_V6(address) && ip_addr_isany(address))
        inet_any(sock, address);
    return OSKIT_SUCCESS;
}

static void name_write4(const ip_addr_t *address, oskit_u16_t port, struct socket_address *out)
{
    oskit_u32_t number = IP_IS_V4(address) ? ip4_addr_get_u32(ip_2_ip4(address)) : 0;

    memset(&out->u.in, 0, sizeof out->u.in);
    out->u.in.family = SOCKET_INET;
    out->u.in.port = lwip_htons(port);
    memcpy(out->u.in.address, &number, sizeof number);
    out->length = NAME_LENGTH4;
}

static void name_write6(const ip_addr_t *address, oskit_u16_t port, struct socket_address *out)
{
    memset(&out->u.in6, 0, sizeof out->u.in6);
    out->u.in6.family = SOCKET_INET6;
    out->u.in6.port = lwip_htons(port);
    if (IP_IS_V4_VAL(*address)) {
        oskit_u32_t number = ip4_addr_get_u32(ip_2_ip4(address));
        out->u.in6.address[10] = out->u.in6.address[11] = 0xff;
        memcpy(out->u.in6.address + 12, &number, sizeof number);
    } else if (IP_IS_V6_VAL(*address)) {
        memcpy(out->u.in6.address, ip_2_ip6(address)->addr, sizeof out->u.in6.address);
        if (ip6_addr_islinklocal(ip_2_ip6(address)))
            out->u.in6.scope = ip6_addr_zone(ip_2_ip6(address));
    }
    out->length = NAME_LENGTH6;
}

void inet_name_plain(oskit_s32_t family, const ip_addr_t *address, oskit_u16_t port,
                     struct socket_address *out)
{
    if (family == SOCKET_INET6)
        name_write6(address, port, out);
    else
        name_write4(address, port, out);
}

void inet_name_write(const struct inet_sock *sock, const ip_addr_t *address, oskit_u16_t port,
                     struct socket_address *out)
{
    inet_name_plain(sock->base.kind->family, address, port, out);
}

/* ---- Addresses and interfaces ---- */

struct netif *inet_netif(oskit_u32_t index)
{
    return index != 0 && index <= UINT8_MAX ? netif_get_by_index((u8_t)index) : NULL;
}

oskit_u32_t inet_netif_index(const struct netif *netif)
{
    return netif != NULL ? netif_get_index(netif) : 0;
}

static bool netif_has(struct netif *netif, const ip_addr_t *address)
{
    if (IP_IS_V6(address))
        return netif_get_ip6_addr_match(netif, ip_2_ip6(address)) >= 0;
    return ip4_addr_cmp(netif_ip4_addr(netif), ip_2_ip4(address));
}

bool inet_is_local(const ip_addr_t *address)
{
    struct netif *netif;

    if (ip_addr_isany(address) || IP_IS_ANY_TYPE_VAL(*address) || ip_addr_isloopback(address))
        return true;
    NETIF_FOREACH(netif)
    if (netif_has(netif, address))
        return true;
    return false;
}

static bool is_broadcast(const ip_addr_t *address)
{
    struct netif *netif;

    NETIF_FOREACH(netif)
    if (ip_addr_isbroadcast(address, netif))
        return true;
    return false;
}

oskit_error_t inet_bind_check(const struct inet_sock *sock, const ip_addr_t *address)
{
    if (inet_is_local(address) || ip_addr_ismulticast(address) || is_broadcast(address))
        return OSKIT_SUCCESS;
    return sock->ip.freebind || sock->ip.freebind6 ? OSKIT_SUCCESS : OSKIT_EADDRNOTAVAIL;
}

bool inet_port_permitted(oskit_u16_t port)
{
    return port == 0 || port >= PORT_PRIVILEGED || socket_caller_may(CAPABILITY_NET_BIND_SERVICE);
}

struct netif *inet_route(const struct inet_sock *sock, const ip_addr_t *source,
                         const ip_addr_t *address)
{
    ip_addr_t any = {0};

    if (SOCKET_OPTION(&sock->base, interface) != 0)
        return inet_netif(SOCKET_OPTION(&sock->base, interface));
    if (source == NULL || IP_GET_TYPE(source) != IP_GET_TYPE(address)) {
        IP_SET_TYPE(&any, IP_GET_TYPE(address));
        source = &any;
    }
    return ip_route(source, address);
}

/* To oneself as the one that was meant, as Linux does; else the interface's. */
const ip_addr_t *inet_source(struct netif *netif, const ip_addr_t *address)
{
    if (!ip_addr_isloopback(address) && !ip_addr_ismulticast(address) && inet_is_local(address))
        return address;
    return ip_netif_get_local_ip(netif, address);
}

oskit_error_t inet_error(err_t err)
{
    switch (err) {
    case ERR_OK:
        return OSKIT_SUCCESS;
    case ERR_MEM:
    case ERR_BUF:
        return OSKIT_ENOBUFS;
    case ERR_RTE:
        return OSKIT_ENETUNREACH;
    case ERR_USE:
        return OSKIT_EADDRINUSE;
    case ERR_IF:
        return OSKIT_ENETDOWN;
    case ERR_TIMEOUT:
        return OSKIT_ETIMEDOUT;
    case ERR_RST:
        return OSKIT_ECONNRESET;
    case ERR_ABRT:
        return OSKIT_ECONNABORTED;
    case ERR_ISCONN:
        return OSKIT_EISCONN;
    case ERR_CONN:
    case ERR_CLSD:
        return OSKIT_ENOTCONN;
    default:
        return OSKIT_E_INVALIDARG;
    }
}

/* ---- The families ---- */

#define PROTOCOL_ICMP    1
#define PROTOCOL_TCP     6
#define PROTOCOL_UDP     17
#define PROTOCOL_UDPLITE 136
#define PROTOCOL_ICMPV6  58
#define PROTOCOL_MAX     255

static oskit_error_t create_stream(oskit_s32_t family, oskit_s32_t protocol, sluice_socket_t **out)
{
    if (protocol != 0 && protocol != PROTOCOL_TCP)
        return OSKIT_EPROTONOSUPPORT;
    return tcp_socket_create(family, PROTOCOL_TCP, out);
}

static oskit_error_t create_datagram(oskit_s32_t family, oskit_s32_t protocol,
                                     sluice_socket_t **out)
{
    if (protocol == (family == SOCKET_INET6 ? PROTOCOL_ICMPV6 : PROTOCOL_ICMP))
        return ping_socket_create(family, protocol, out);
    if (protocol != 0 && protocol != PROTOCOL_UDP && protocol != PROTOCOL_UDPLITE)
        return OSKIT_EPROTONOSUPPORT;
    return udp_socket_create(family, protocol != 0 ? protocol : PROTOCOL_UDP, out);
}

static oskit_error_t create_raw(oskit_s32_t family, oskit_s32_t protocol, sluice_socket_t **out)
{
    if (protocol <= 0)
        return OSKIT_EPROTONOSUPPORT;
    return socket_caller_may(CAPABILITY_NET_RAW) ? raw_socket_create(family, protocol, out)
                                                 : OSKIT_EPERM;
}

static oskit_error_t create(oskit_s32_t family, oskit_s32_t type, oskit_s32_t protocol,
                            sluice_socket_t **out)
{
    *out = NULL;
    if (protocol < 0 || protocol > PROTOCOL_MAX)
        return OSKIT_E_INVALIDARG;
    switch (type) {
    case SOCKET_STREAM:
        return create_stream(family, protocol, out);
    case SOCKET_DGRAM:
        return create_datagram(family, protocol, out);
    case SOCKET_RAW:
        return create_raw(family, protocol, out);
    default:
        return OSKIT_ESOCKTNOSUPPORT;
    }
}

static oskit_error_t create4(oskit_s32_t type, oskit_s32_t protocol, sluice_socket_t **out)
{
    return create(SOCKET_INET, type, protocol, out);
}

static oskit_error_t create6(oskit_s32_t type, oskit_s32_t protocol, sluice_socket_t **out)
{
    return create(SOCKET_INET6, type, protocol, out);
}

oskit_error_t inet_sockets_register(void)
{
    static struct socket_family family4 = {.family = SOCKET_INET, .create = create4};
    static struct socket_family family6 = {.family = SOCKET_INET6, .create = create6};

    static bool registered;

    inet_ports_init();
    oskit_error_t err = udp_start();
    if (OSKIT_SUCCEEDED(err))
        err = inet_icmp_start();
    if (OSKIT_SUCCEEDED(err))
        err = inet_time_wait_start();
    if (OSKIT_FAILED(err))
        return err;
    if (!registered) {
        socket_family_register(&family4);
        socket_family_register(&family6);
        registered = true;
    }
    return OSKIT_SUCCESS;
}

void inet_sockets_stop(void)
{
    inet_time_wait_stop();
    inet_icmp_stop();
    udp_stop();
}

void inet_socket_each(oskit_s32_t family, oskit_s32_t type,
                      bool (*show)(void *arg, const struct inet_socket *socket), void *arg)
{
    inet_lock();
    if (type == SOCKET_STREAM)
        tcp_each(family, show, arg);
    else if (type == SOCKET_DGRAM)
        udp_each(family, show, arg);
    else if (type == SOCKET_RAW)
        raw_each(family, show, arg);
    inet_unlock();
}
