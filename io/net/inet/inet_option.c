/*
 * Options of the levels IP and IPV6. A table says of each option where it lies, what values it may
 * have and which sockets it means something to; the rest (groups, interfaces) have functions.
 */
#include "inet_option.h"

#include <sluice/env.h>
#include <sluice/string.h>
#include "inet_group.h"
#include "inet_sock.h"
#include "io/net/socket_option.h"
#include "lwip/ip.h"

#define DISCOVER_WANT 1 /* IP_PMTUDISC_WANT: Linux's own choice */
#define DISCOVER_MAX  5

void inet_options_init(struct inet_options *options)
{
    *options = (struct inet_options){
        .ttl = -1,
        .hops = -1,
        .discover = DISCOVER_WANT,
        .discover6 = DISCOVER_WANT,
        .multicast_ttl = 1,
        .multicast_hops = 1,
        .multicast_loop = true,
        .multicast_loop6 = true,
        .multicast_all = true,
        .multicast_all6 = true,
    };
    list_init(&options->memberships);
}

/* ---- The table ---- */

enum where { BOOLEAN, BYTE, SHORT, BIT, TOS };

enum who { ANYONE = 7, STREAMS = 1, DATAGRAMS = 2, RAW = 4, NOT_STREAMS = 6 };

struct option {
    oskit_u8_t level, name;
    oskit_u8_t where, who;
    oskit_s16_t low, high; /* of SHORT and BYTE; -1 at the low end stands for `usual` */
    oskit_s16_t usual;     /* stored for -1 */
    oskit_u16_t offset;    /* in struct inet_options; of BIT: the bit */
};

#define AT(field) ((oskit_u16_t)offsetof(struct inet_options, field))

static const struct option options[] = {
    {INET_SOL_IP, INET_IP_TOS, TOS, ANYONE, INT16_MIN, INT16_MAX, 0, AT(tos)},
    {INET_SOL_IP, INET_IP_TTL, SHORT, ANYONE, -1, 255, -1, AT(ttl)},
    {INET_SOL_IP, INET_IP_HDRINCL, BOOLEAN, RAW, 0, 0, 0, AT(header_included)},
    {INET_SOL_IP, INET_IP_PKTINFO, BIT, NOT_STREAMS, 0, 0, 0, INET_RECEIVE_PKTINFO},
    {INET_SOL_IP, INET_IP_RECVTTL, BIT, NOT_STREAMS, 0, 0, 0, INET_RECEIVE_TTL},
    {INET_SOL_IP, INET_IP_RECVTOS, BIT, NOT_STREAMS, 0, 0, 0, INET_RECEIVE_TOS},
    {INET_SOL_IP, INET_IP_RECVORIGDSTADDR, BIT, DATAGRAMS, 0, 0, 0, INET_RECEIVE_ORIGDST},
    {INET_SOL_IP, INET_IP_MTU_DISCOVER, BYTE, NOT_STREAMS, 0, DISCOVER_MAX, 0, AT(discover)},
    {INET_SOL_IP, INET_IP_RECVERR, BOOLEAN, DATAGRAMS, 0, 0, 0, AT(receive_errors)},
    {INET_SOL_IP, INET_IP_FREEBIND, BOOLEAN, ANYONE, 0, 0, 0, AT(freebind)},
    {INET_SOL_IP, INET_IP_BIND_ADDRESS_NO_PORT, BOOLEAN, STREAMS, 0, 0, 0, AT(no_port)},
    {INET_SOL_IP, INET_IP_MULTICAST_LOOP, BOOLEAN, NOT_STREAMS, 0, 0, 0, AT(multicast_loop)},
    {INET_SOL_IP, INET_IP_MULTICAST_ALL, BOOLEAN, NOT_STREAMS, 0, 1, 0, AT(multicast_all)},
    {INET_SOL_IPV6, INET_IPV6_UNICAST_HOPS, SHORT, ANYONE, -1, 255, -1, AT(hops)},
    {INET_SOL_IPV6, INET_IPV6_MULTICAST_HOPS, SHORT, NOT_STREAMS, -1, 255, 1, AT(multicast_hops)},
    {INET_SOL_IPV6, INET_IPV6_MULTICAST_LOOP, BOOLEAN, NOT_STREAMS, 0, 1, 0, AT(multicast_loop6)},
    {INET_SOL_IPV6, INET_IPV6_MULTICAST_ALL, BOOLEAN, NOT_STREAMS, 0, 0, 0, AT(multicast_all6)},
    {INET_SOL_IPV6, INET_IPV6_MTU_DISCOVER, BYTE, NOT_STREAMS, 0, DISCOVER_MAX, 0, AT(discover6)},
    {INET_SOL_IPV6, INET_IPV6_RECVERR, BOOLEAN, DATAGRAMS, 0, 0, 0, AT(receive_errors6)},
    {INET_SOL_IPV6, INET_IPV6_RECVPKTINFO, BIT, NOT_STREAMS, 0, 0, 0, INET_RECEIVE_PKTINFO6},
    {INET_SOL_IPV6, INET_IPV6_RECVHOPLIMIT, BIT, NOT_STREAMS, 0, 0, 0, INET_RECEIVE_HOPLIMIT},
    {INET_SOL_IPV6, INET_IPV6_2292HOPLIMIT, BIT, NOT_STREAMS, 0, 0, 0, INET_RECEIVE_HOPLIMIT_2292},
    {INET_SOL_IPV6, INET_IPV6_RECVTCLASS, BIT, NOT_STREAMS, 0, 0, 0, INET_RECEIVE_TCLASS},
    {INET_SOL_IPV6, INET_IPV6_TCLASS, TOS, ANYONE, -1, 255, 0, AT(tclass)},
    {INET_SOL_IPV6, INET_IPV6_FREEBIND, BOOLEAN, ANYONE, 0, 0, 0, AT(freebind6)},
};

static oskit_u8_t who_is(const struct inet_sock *sock)
{
    switch (sock->base.type) {
    case SOCKET_STREAM:
        return STREAMS;
    case SOCKET_DGRAM:
        return DATAGRAMS;
    default:
        return RAW;
    }
}

/* IPv6's streams and datagrams may be IPv4's, too; its raw sockets may not. */
static bool level_known(const struct inet_sock *sock, oskit_s32_t level)
{
    if (level == INET_SOL_IPV6)
        return inet_is6(sock);
    return level == INET_SOL_IP && !(inet_is6(sock) && sock->base.type == SOCKET_RAW);
}

static const struct option *option_find(const struct inet_sock *sock, oskit_s32_t level,
                                        oskit_s32_t name)
{
    if (!level_known(sock, level))
        return NULL;
    for (size_t i = 0; i < SLUICE_COUNT(options); i++)
        if (options[i].level == level && options[i].name == name && (options[i].who & who_is(sock)))
            return &options[i];
    return NULL;
}

/* A byte, whatever is above; of a stream the two lowest bits are the congestion notification's. */
static void tos_set(const struct inet_sock *sock, oskit_u8_t *at, oskit_s32_t value)
{
    const oskit_u8_t congestion = sock->base.type == SOCKET_STREAM ? 3 : 0;

    *at = (oskit_u8_t)((value & ~congestion) | (*at & congestion));
}

static oskit_error_t table_set(struct inet_sock *sock, const struct option *option,
                               oskit_s32_t value)
{
    struct inet_options *ip = &sock->ip;
    char *at = (char *)ip + option->offset;

    switch (option->where) {
    case BOOLEAN:
        if (option->high != 0 && (value < 0 || value > option->high))
            return OSKIT_E_INVALIDARG;
        *(bool *)at = value != 0;
        return OSKIT_SUCCESS;
    case BIT:
        ip->receive =
            (oskit_u8_t)(value != 0 ? ip->receive | option->offset : ip->receive & ~option->offset);
        return OSKIT_SUCCESS;
    }
    if (option->where == TOS && option->low == INT16_MIN) {
        tos_set(sock, (oskit_u8_t *)at, value);
        return OSKIT_SUCCESS;
    }
    if (value < option->low || value > option->high ||
        (value == 0 && option->name == INET_IP_TTL && option->level == INET_SOL_IP))
        return OSKIT_E_INVALIDARG;
    if (value == -1)
        value = option->usual;
    if (option->where == TOS)
        tos_set(sock, (oskit_u8_t *)at, value);
    else if (option->where == BYTE)
        *(oskit_u8_t *)at = (oskit_u8_t)value;
    else
        *(oskit_s16_t *)at = (oskit_s16_t)value;
    return OSKIT_SUCCESS;
}

static oskit_s32_t table_get(const struct inet_options *ip, const struct option *option)
{
    const char *at = (const char *)ip + option->offset;

    switch (option->where) {
    case BOOLEAN:
        return *(const bool *)at;
    case BIT:
        return (ip->receive & option->offset) != 0;
    case BYTE:
    case TOS:
        return *(const oskit_u8_t *)at;
    default: /* the stack's own where the program chose none */
        return *(const oskit_s16_t *)at < 0 ? IP_DEFAULT_TTL : *(const oskit_s16_t *)at;
    }
}

/* ---- Groups ---- */

struct request4 { /* ip_mreq, ip_mreqn */
    oskit_u32_t group, address;
    oskit_s32_t interface;
};
#define REQUEST4_SHORT 8u

struct request6 { /* ipv6_mreq */
    oskit_u32_t group[4];
    oskit_s32_t interface;
};

struct request_any { /* group_req */
    oskit_u32_t interface, pad;
    oskit_u8_t name[128]; /* sockaddr_storage */
};

/* The interface that has ADDRESS; 0: none. */
static oskit_u32_t index_of_address(oskit_u32_t address)
{
    struct netif *netif;

    NETIF_FOREACH(netif)
    if (ip4_addr_get_u32(netif_ip4_addr(netif)) == address)
        return inet_netif_index(netif);
    return 0;
}

static oskit_error_t request4_read(const void *value, oskit_u32_t length, struct request4 *out)
{
    *out = (struct request4){0};
    if (length < REQUEST4_SHORT)
        return OSKIT_E_INVALIDARG;
    memcpy(out, value, length < sizeof *out ? REQUEST4_SHORT : sizeof *out);
    if (out->interface == 0 && out->address != 0) {
        out->interface = (oskit_s32_t)index_of_address(out->address);
        if (out->interface == 0)
            return OSKIT_ENODEV;
    }
    return OSKIT_SUCCESS;
}

static oskit_error_t member4(struct inet_sock *sock, bool join, const void *value,
                             oskit_u32_t length)
{
    struct request4 request;
    ip_addr_t group = {0};

    if (sock->base.type == SOCKET_STREAM)
        return OSKIT_EPROTO;
    oskit_error_t err = request4_read(value, length, &request);
    if (OSKIT_FAILED(err))
        return err;
    ip_addr_set_ip4_u32_val(group, request.group);
    return join ? inet_group_join(sock, &group, (oskit_u32_t)request.interface)
                : inet_group_leave(sock, &group, (oskit_u32_t)request.interface);
}

static oskit_error_t member6(struct inet_sock *sock, bool join, const void *value,
                             oskit_u32_t length)
{
    struct request6 request;
    ip_addr_t group = {0};

    if (sock->base.type == SOCKET_STREAM)
        return OSKIT_EPROTO;
    if (length < sizeof request)
        return OSKIT_E_INVALIDARG;
    memcpy(&request, value, sizeof request);
    IP_SET_TYPE(&group, IPADDR_TYPE_V6);
    memcpy(ip_2_ip6(&group)->addr, request.group, sizeof request.group);
    return join ? inet_group_join(sock, &group, (oskit_u32_t)request.interface)
                : inet_group_leave(sock, &group, (oskit_u32_t)request.interface);
}

static oskit_error_t member_any(struct inet_sock *sock, oskit_s32_t level, bool join,
                                const void *value, oskit_u32_t length)
{
    struct request_any request;
    oskit_u16_t family;

    if (length < sizeof request)
        return OSKIT_E_INVALIDARG;
    memcpy(&request, value, sizeof request);
    memcpy(&family, request.name, sizeof family);
    if (level == INET_SOL_IP && family == SOCKET_INET) {
        struct request4 four = {.interface = (oskit_s32_t)request.interface};
        memcpy(&four.group, request.name + 4, sizeof four.group);
        return member4(sock, join, &four, sizeof four);
    }
    if (level == INET_SOL_IPV6 && family == SOCKET_INET6) {
        struct request6 six = {.interface = (oskit_s32_t)request.interface};
        memcpy(six.group, request.name + 8, sizeof six.group);
        return member6(sock, join, &six, sizeof six);
    }
    return OSKIT_EADDRNOTAVAIL;
}

/* ---- Interfaces ---- */

static oskit_error_t interface_set(const struct inet_sock *sock, oskit_u32_t *at,
                                   oskit_u32_t interface)
{
    if (interface != 0 && inet_netif(interface) == NULL)
        return OSKIT_ENODEV;
    if (interface != 0 && SOCKET_OPTION(&sock->base, interface) != 0 &&
        SOCKET_OPTION(&sock->base, interface) != interface)
        return OSKIT_E_INVALIDARG;
    *at = interface;
    return OSKIT_SUCCESS;
}

static oskit_error_t multicast_interface4(struct inet_sock *sock, const void *value,
                                          oskit_u32_t length)
{
    struct request4 request = {0};

    if (length >= REQUEST4_SHORT) {
        oskit_error_t err = request4_read(value, length, &request);
        if (err == OSKIT_ENODEV)
            return OSKIT_EADDRNOTAVAIL;
        if (OSKIT_FAILED(err))
            return err;
    } else if (length >= sizeof request.address) {
        memcpy(&request.address, value, sizeof request.address);
        request.interface = (oskit_s32_t)index_of_address(request.address);
        if (request.address != 0 && request.interface == 0)
            return OSKIT_EADDRNOTAVAIL;
    } else {
        return OSKIT_E_INVALIDARG;
    }
    oskit_error_t err =
        interface_set(sock, &sock->ip.multicast_interface, (oskit_u32_t)request.interface);
    if (OSKIT_SUCCEEDED(err))
        sock->ip.multicast_source = request.address;
    return err == OSKIT_ENODEV ? OSKIT_EADDRNOTAVAIL : err;
}

/* ---- Setting ---- */

/* Those of IP that Linux wants at least a byte of; of the others nothing at all stands for 0. */
static bool byte_needed(oskit_s32_t name)
{
    switch (name) {
    case INET_IP_TTL:
    case INET_IP_FREEBIND:
    case INET_IP_MULTICAST_TTL:
    case INET_IP_MULTICAST_LOOP:
    case INET_IP_MULTICAST_ALL:
        return true;
    default:
        return false;
    }
}

/* An int; of the level IP a byte where it is shorter. */
static oskit_error_t number_read(oskit_s32_t level, oskit_s32_t name, const void *value,
                                 oskit_u32_t length, oskit_s32_t *out)
{
    if (level != INET_SOL_IP || length >= sizeof *out)
        return option_int(value, length, out);
    if (length == 0 && byte_needed(name))
        return OSKIT_E_INVALIDARG;
    *out = length == 0 ? 0 : *(const oskit_u8_t *)value;
    return OSKIT_SUCCESS;
}

static oskit_error_t unicast_interface_set(struct inet_sock *sock, const void *value,
                                           oskit_u32_t length)
{
    oskit_u32_t interface; /* in network order */

    if (length != sizeof interface)
        return OSKIT_E_INVALIDARG;
    memcpy(&interface, value, sizeof interface);
    oskit_error_t err = interface_set(sock, &sock->ip.unicast_interface, lwip_ntohl(interface));
    return err == OSKIT_ENODEV ? OSKIT_EADDRNOTAVAIL : err;
}

static oskit_error_t v6only_set(struct inet_sock *sock, oskit_s32_t value)
{
    if (sock->local_port != 0 || sock->base.type == SOCKET_RAW)
        return OSKIT_E_INVALIDARG;
    sock->ip.v6only = value != 0;
    inet_any(sock, &sock->bound);
    sock->local = sock->bound;
    inet_any(sock, &sock->remote);
    return OSKIT_SUCCESS;
}

static oskit_error_t set4(struct inet_sock *sock, oskit_s32_t name, const void *value,
                          oskit_u32_t length)
{
    bool stream = sock->base.type == SOCKET_STREAM;
    oskit_s32_t number;

    switch (name) {
    case INET_IP_ADD_MEMBERSHIP:
    case INET_IP_DROP_MEMBERSHIP:
        return member4(sock, name == INET_IP_ADD_MEMBERSHIP, value, length);
    case INET_MCAST_JOIN_GROUP:
    case INET_MCAST_LEAVE_GROUP:
        return member_any(sock, INET_SOL_IP, name == INET_MCAST_JOIN_GROUP, value, length);
    case INET_IP_MULTICAST_IF:
        return stream ? OSKIT_E_INVALIDARG : multicast_interface4(sock, value, length);
    case INET_IP_UNICAST_IF:
        return stream ? OSKIT_ENOPROTOOPT : unicast_interface_set(sock, value, length);
    case INET_IP_MULTICAST_TTL:
        break;
    default:
        return OSKIT_ENOPROTOOPT;
    }
    oskit_error_t err = number_read(INET_SOL_IP, name, value, length, &number);
    if (OSKIT_FAILED(err))
        return err;
    if (stream || number < -1 || number > 255)
        return OSKIT_E_INVALIDARG;
    sock->ip.multicast_ttl = number == -1 ? 1 : (oskit_u8_t)number;
    return OSKIT_SUCCESS;
}

static oskit_error_t set6(struct inet_sock *sock, oskit_s32_t name, const void *value,
                          oskit_u32_t length)
{
    oskit_s32_t number;

    switch (name) {
    case INET_IPV6_JOIN_GROUP:
    case INET_IPV6_LEAVE_GROUP:
        return member6(sock, name == INET_IPV6_JOIN_GROUP, value, length);
    case INET_MCAST_JOIN_GROUP:
    case INET_MCAST_LEAVE_GROUP:
        return member_any(sock, INET_SOL_IPV6, name == INET_MCAST_JOIN_GROUP, value, length);
    }
    if (name != INET_IPV6_V6ONLY &&
        (name != INET_IPV6_MULTICAST_IF || sock->base.type == SOCKET_STREAM))
        return OSKIT_ENOPROTOOPT;
    oskit_error_t err = option_int(value, length, &number);
    if (OSKIT_FAILED(err))
        return err;
    if (name == INET_IPV6_V6ONLY)
        return v6only_set(sock, number);
    return interface_set(sock, &sock->ip.multicast_interface6, (oskit_u32_t)number);
}

oskit_error_t inet_option_set(struct inet_sock *sock, oskit_s32_t level, oskit_s32_t name,
                              const void *value, oskit_u32_t length)
{
    const struct option *option = option_find(sock, level, name);
    oskit_s32_t number;
    oskit_error_t err;

    if (option != NULL) {
        err = number_read(level, name, value, length, &number);
        if (OSKIT_FAILED(err))
            return err;
        inet_lock();
        err = table_set(sock, option, number);
        inet_unlock();
        return err;
    }
    if (level == INET_SOL_RAW && sock->base.type == SOCKET_RAW && !inet_is6(sock))
        return OSKIT_EOPNOTSUPP; /* ICMP_FILTER of other protocols */
    if (!level_known(sock, level))
        return OSKIT_ENOPROTOOPT;
    inet_lock();
    err = level == INET_SOL_IP ? set4(sock, name, value, length) : set6(sock, name, value, length);
    inet_unlock();
    return err;
}

/* ---- Getting ---- */

static oskit_error_t mtu_get(const struct inet_sock *sock, oskit_s32_t *out)
{
    if (sock->remote_port == 0 || IP_IS_ANY_TYPE_VAL(sock->remote) || ip_addr_isany(&sock->remote))
        return OSKIT_ENOTCONN;
    struct netif *netif = inet_route(sock, &sock->local, &sock->remote);
    if (netif == NULL)
        return OSKIT_ENOTCONN;
    *out = netif->mtu;
    return OSKIT_SUCCESS;
}

static oskit_error_t get4(const struct inet_sock *sock, oskit_s32_t name, oskit_s32_t *out)
{
    switch (name) {
    case INET_IP_MULTICAST_TTL:
        *out = sock->ip.multicast_ttl;
        return OSKIT_SUCCESS;
    case INET_IP_UNICAST_IF:
        *out = (oskit_s32_t)lwip_htonl(sock->ip.unicast_interface);
        return sock->base.type == SOCKET_STREAM ? OSKIT_ENOPROTOOPT : OSKIT_SUCCESS;
    case INET_IP_MULTICAST_IF:
        *out = (oskit_s32_t)sock->ip.multicast_source;
        return OSKIT_SUCCESS;
    case INET_IP_MTU:
        return mtu_get(sock, out);
    default:
        return OSKIT_ENOPROTOOPT;
    }
}

static oskit_error_t get6(const struct inet_sock *sock, oskit_s32_t name, oskit_s32_t *out)
{
    switch (name) {
    case INET_IPV6_V6ONLY:
        *out = sock->ip.v6only;
        return OSKIT_SUCCESS;
    case INET_IPV6_MULTICAST_IF:
        *out = (oskit_s32_t)sock->ip.multicast_interface6;
        return OSKIT_SUCCESS;
    case INET_IPV6_MTU:
        return mtu_get(sock, out);
    default:
        return OSKIT_ENOPROTOOPT;
    }
}

/* The level IP gives a byte to who has no room for an int, if one holds it. */
static oskit_error_t number_put(oskit_s32_t level, void *value, oskit_u32_t *length,
                                oskit_s32_t number)
{
    if (level == INET_SOL_IP && *length > 1 && *length < sizeof number && number >= 0 &&
        number <= (oskit_s32_t)UINT8_MAX)
        *length = 1;
    return option_put_int(value, length, number);
}

oskit_error_t inet_option_get(struct inet_sock *sock, oskit_s32_t level, oskit_s32_t name,
                              void *value, oskit_u32_t *length)
{
    const struct option *option = option_find(sock, level, name);
    oskit_error_t err = OSKIT_ENOPROTOOPT;
    oskit_s32_t number = 0;

    if (option != NULL)
        return number_put(level, value, length, table_get(&sock->ip, option));
    if (!inet_is6(sock) && level != INET_SOL_IP && level != SOCKET_SOL_SOCKET)
        return OSKIT_EOPNOTSUPP; /* a level that nobody knows, as IPv4 says it on Linux */
    inet_lock();
    if (level_known(sock, level))
        err = level == INET_SOL_IP ? get4(sock, name, &number) : get6(sock, name, &number);
    inet_unlock();
    if (OSKIT_FAILED(err))
        return err;
    if (level == INET_SOL_IP && name == INET_IP_MULTICAST_IF) /* an address */
        return option_put_int(value, length, number);
    return number_put(level, value, length, number);
}
