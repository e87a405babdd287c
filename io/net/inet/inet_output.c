/* Routes and options of datagrams to send. See inet_output.h. */
#include "inet_output.h"

#include <sluice/string.h>
#include "core_private.h"
#include "lwip/ip.h"
#include "path.h"
#include "route.h"

#define CONTROL_HEADER 16u /* of a cmsg: length, level, type */

struct control_header {
    oskit_u64_t length;
    oskit_s32_t level, type;
};

struct pktinfo4 {
    oskit_s32_t interface;
    oskit_u32_t source, address;
};

static oskit_error_t control_pktinfo4(struct inet_output *output, const oskit_u8_t *data,
                                      oskit_u32_t length)
{
    struct pktinfo4 info;

    if (length != sizeof info)
        return OSKIT_E_INVALIDARG;
    memcpy(&info, data, sizeof info);
    if (info.interface != 0)
        output->interface = (oskit_u32_t)info.interface;
    if (info.source != 0)
        ip_addr_set_ip4_u32(&output->source, info.source);
    return OSKIT_SUCCESS;
}

static oskit_error_t control_pktinfo6(struct inet_output *output, const oskit_u8_t *data,
                                      oskit_u32_t length)
{
    static const oskit_u8_t any[16];
    oskit_u32_t interface;

    if (length < sizeof any + sizeof interface)
        return OSKIT_E_INVALIDARG;
    memcpy(&interface, data + sizeof any, sizeof interface);
    if (interface != 0)
        output->interface = interface;
    if (memcmp(data, any, sizeof any) != 0) {
        output->source = (ip_addr_t){0};
        IP_SET_TYPE(&output->source, IPADDR_TYPE_V6);
        memcpy(ip_2_ip6(&output->source)->addr, data, sizeof any);
    }
    return OSKIT_SUCCESS;
}

static oskit_error_t control_number(oskit_s32_t *out, const oskit_u8_t *data, oskit_u32_t length,
                                    oskit_s32_t low, oskit_s32_t high)
{
    oskit_s32_t number;

    if (length == 1)
        number = data[0]; /* IP_TOS may come as a byte */
    else if (length >= sizeof number)
        memcpy(&number, data, sizeof number);
    else
        return OSKIT_E_INVALIDARG;
    if (number < low || number > high)
        return OSKIT_E_INVALIDARG;
    *out = number;
    return OSKIT_SUCCESS;
}

static oskit_error_t control_one(const struct inet_sock *sock, oskit_s32_t level, oskit_s32_t type,
                                 const oskit_u8_t *data, oskit_u32_t length,
                                 struct inet_output *output)
{
    if (level == INET_SOL_IP) {
        switch (type) {
        case INET_IP_PKTINFO:
            return control_pktinfo4(output, data, length);
        case INET_IP_TTL:
            return control_number(&output->ttl, data, length, 1, 255);
        case INET_IP_TOS:
            return control_number(&output->tos, data, length, 0, 255);
        default:
            return OSKIT_E_INVALIDARG;
        }
    }
    if (level == INET_SOL_IPV6 && inet_is6(sock)) {
        switch (type) {
        case INET_IPV6_PKTINFO:
            return control_pktinfo6(output, data, length);
        case INET_IPV6_HOPLIMIT:
            return control_number(&output->ttl, data, length, -1, 255);
        case INET_IPV6_TCLASS:
            return control_number(&output->tos, data, length, -1, 255);
        default:
            return OSKIT_E_INVALIDARG;
        }
    }
    return level == 1 ? OSKIT_E_INVALIDARG : OSKIT_SUCCESS; /* others' levels are not ours */
}

oskit_error_t inet_output_control_read(const struct inet_sock *sock,
                                       const struct socket_control *control,
                                       struct inet_output *output)
{
    struct control_header header;

    for (oskit_u64_t at = 0; at + CONTROL_HEADER <= control->length;) {
        memcpy(&header, control->bytes + at, sizeof header);
        if (header.length < CONTROL_HEADER || header.length > control->length - at)
            return OSKIT_E_INVALIDARG;
        oskit_error_t err =
            control_one(sock, header.level, header.type, control->bytes + at + CONTROL_HEADER,
                        (oskit_u32_t)(header.length - CONTROL_HEADER), output);
        if (OSKIT_FAILED(err))
            return err;
        at += (header.length + 7) & ~UINT64_C(7);
    }
    return OSKIT_SUCCESS;
}

/* ---- Routes ---- */

static oskit_u32_t interface_of(const struct inet_sock *sock, const struct inet_output *output)
{
    const struct inet_options *ip = &sock->ip;
    bool v6 = IP_IS_V6_VAL(output->destination);

    if (output->interface != 0)
        return output->interface;
    if (SOCKET_OPTION(&sock->base, interface) != 0)
        return SOCKET_OPTION(&sock->base, interface);
    if (ip_addr_ismulticast(&output->destination))
        return v6 ? ip->multicast_interface6 : ip->multicast_interface;
    return ip->unicast_interface;
}

static const ip_addr_t *source_given(const struct inet_sock *sock, const struct inet_output *output)
{
    const ip_addr_t *source = &output->source;

    if (IP_IS_ANY_TYPE_VAL(*source))
        source = &sock->bound;
    if (IP_IS_ANY_TYPE_VAL(*source) || ip_addr_isany(source) || ip_addr_ismulticast(source))
        return NULL;
    return source;
}

/* Where nobody chose one. What is routed to another interface than the loopback is none of this
 * machine's own addresses: the search for it would be the second. */
static const ip_addr_t *source_here(const struct inet_output *output, bool routed)
{
    if (routed && IP_IS_V4_VAL(output->destination) && !ip_addr_isany(&output->destination) &&
        output->netif != inet_loopback_netif)
        return netif_ip_addr4(output->netif);
    return inet_source(output->netif, &output->destination);
}

static void lifetime(const struct inet_sock *sock, struct inet_output *output)
{
    const struct inet_options *ip = &sock->ip;
    bool v6 = IP_IS_V6_VAL(output->destination);
    bool many = ip_addr_ismulticast(&output->destination);

    if (output->ttl < 0 && many)
        output->ttl = v6 ? ip->multicast_hops : ip->multicast_ttl;
    else if (output->ttl < 0)
        output->ttl = v6 ? ip->hops : ip->ttl;
    if (output->ttl < 0)
        output->ttl = many ? 1 : IP_DEFAULT_TTL;
    if (output->tos < 0)
        output->tos = v6 ? ip->tclass : ip->tos;
}

/* The interface, and whether it is a broadcast there; false: no route. */
static bool interface_find(struct inet_output *output, oskit_u32_t interface,
                           const ip_addr_t *source)
{
    if (interface == 0 && IP_IS_V4_VAL(output->destination)) {
        const struct inet_path *path = inet_path(ip_2_ip4(&output->destination));
        if (path != NULL) {
            output->netif = path->netif;
            output->broadcast = path->broadcast;
            return true;
        }
    }
    if (interface != 0)
        output->netif = inet_netif(interface);
    else
        output->netif =
            ip_route(source != NULL ? source : IP46_ADDR_ANY(IP_GET_TYPE(&output->destination)),
                     &output->destination);
    if (output->netif == NULL)
        return false;
    output->broadcast = ip_addr_isbroadcast(&output->destination, output->netif) &&
                        !ip_addr_ismulticast(&output->destination);
    return true;
}

oskit_error_t inet_output_route(const struct inet_sock *sock, struct inet_output *output)
{
    const ip_addr_t *source = source_given(sock, output);
    oskit_u32_t interface = interface_of(sock, output);

    if (source != NULL && IP_GET_TYPE(source) != IP_GET_TYPE(&output->destination))
        return OSKIT_ENETUNREACH;
    if (!interface_find(output, interface, source))
        return OSKIT_ENETUNREACH;
    if ((output->direct || SOCKET_OPTION(&sock->base, dontroute)) &&
        !inet_route_direct(output->netif, &output->destination))
        return OSKIT_ENETUNREACH;
    if (source == NULL)
        source = source_here(output, interface == 0);
    if (source == NULL)
        return OSKIT_EADDRNOTAVAIL;
    output->source = *source;
    if (IP_IS_V6_VAL(output->destination) &&
        ip6_addr_lacks_zone(ip_2_ip6(&output->destination), IP6_UNKNOWN))
        ip6_addr_assign_zone(ip_2_ip6(&output->destination), IP6_UNKNOWN, output->netif);
    if (output->broadcast && !SOCKET_OPTION(&sock->base, broadcast))
        return OSKIT_EACCES;
    lifetime(sock, output);
    return OSKIT_SUCCESS;
}
