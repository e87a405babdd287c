/* What raw and ping sockets send. */
#include <sluice/env.h>
#include <sluice/packet.h>
#include <sluice/string.h>
#include <sluice/uio.h>
#include "inet_output.h"
#include "lwip/inet_chksum.h"
#include "lwip/ip.h"
#include "raw.h"

#define FLAGS_KNOWN                                                                     \
    (SOCKET_MSG_DONTROUTE | SOCKET_MSG_DONTWAIT | SOCKET_MSG_EOR | SOCKET_MSG_CONFIRM | \
     SOCKET_MSG_NOSIGNAL | SOCKET_MSG_CMSG_CLOEXEC | INET_SEND_IDLE)
#define PACKET_MAX    65535u
#define ECHO_REQUEST4 8
#define ECHO_REQUEST6 128
#define ECHO_HEADER   8u

static oskit_error_t destination(const struct raw_socket *r, struct inet_output *output, bool named)
{
    if (!named) {
        if (!r->connected)
            return OSKIT_EDESTADDRREQ;
        output->destination = r->inet.remote;
    }
    if (ip_addr_isany(&output->destination))
        ip_addr_set_loopback(IP_IS_V6_VAL(output->destination), &output->destination);
    return OSKIT_SUCCESS;
}

/* An echo request under the socket's own identifier, its checksum ours. */
static oskit_error_t echo_prepare(const struct raw_socket *r, const struct inet_output *output,
                                  struct pbuf *p)
{
    bool v6 = IP_IS_V6_VAL(output->destination);
    oskit_u8_t *bytes = p->payload;
    u16_t sum;

    if (p->len < ECHO_HEADER || bytes[0] != (v6 ? ECHO_REQUEST6 : ECHO_REQUEST4) || bytes[1] != 0)
        return OSKIT_E_INVALIDARG;
    bytes[4] = (oskit_u8_t)(r->inet.local_port >> 8);
    bytes[5] = (oskit_u8_t)r->inet.local_port;
    bytes[2] = bytes[3] = 0;
    sum = v6 ? ip_chksum_pseudo(p, RAW_ICMPV6, p->tot_len, &output->source, &output->destination)
             : inet_chksum(p->payload, p->len);
    memcpy(bytes + 2, &sum, sizeof sum);
    return OSKIT_SUCCESS;
}

/* The kernel fills in ICMPv6's checksum, and others' where IPV6_CHECKSUM says. */
static oskit_error_t checksum6(const struct raw_socket *r, const struct inet_output *output,
                               struct pbuf *p)
{
    oskit_s32_t at = r->checksum;

    if (at < 0 || IP_IS_V4_VAL(output->destination))
        return OSKIT_SUCCESS;
    if ((oskit_u32_t)at + 2 > p->len)
        return OSKIT_E_INVALIDARG;
    u16_t sum = 0;
    memcpy((char *)p->payload + at, &sum, sizeof sum);
    sum = ip_chksum_pseudo(p, (u8_t)r->inet.base.protocol, p->tot_len, &output->source,
                           &output->destination);
    memcpy((char *)p->payload + at, &sum, sizeof sum);
    return OSKIT_SUCCESS;
}

/* The program brings the header; what it left 0 is filled in: length, source, identification. */
static oskit_error_t header_complete(const struct inet_output *output, struct pbuf *p)
{
    struct ip_hdr *header = p->payload;
    static u16_t identification;

    if (p->len < IP_HLEN || IPH_V(header) != 4 || IPH_HL_BYTES(header) < IP_HLEN ||
        IPH_HL_BYTES(header) > p->len)
        return OSKIT_E_INVALIDARG;
    IPH_LEN_SET(header, lwip_htons(p->tot_len));
    if (header->src.addr == 0)
        header->src.addr = ip4_addr_get_u32(ip_2_ip4(&output->source));
    if (IPH_ID(header) == 0)
        IPH_ID_SET(header, lwip_htons(++identification));
    IPH_CHKSUM_SET(header, 0);
    IPH_CHKSUM_SET(header, inet_chksum(header, IPH_HL_BYTES(header)));
    return OSKIT_SUCCESS;
}

static err_t hand_over(const struct raw_socket *r, const struct inet_output *output, struct pbuf *p)
{
    if (!r->inet.ip.header_included)
        return ip_output_if(p, &output->source, &output->destination, (u8_t)output->ttl,
                            (u8_t)output->tos, (u8_t)r->inet.base.protocol, output->netif);
    if (output->netif->mtu != 0 && p->tot_len > output->netif->mtu)
        return ERR_VAL;
    if (IP_IS_V6_VAL(output->destination))
        return output->netif->output_ip6(output->netif, p, ip_2_ip6(&output->destination));
    return output->netif->output(output->netif, p, ip_2_ip4(&output->destination));
}

static oskit_error_t prepare(const struct raw_socket *r, const struct inet_output *output,
                             struct pbuf *p)
{
    if (r->ping)
        return echo_prepare(r, output, p);
    if (!r->inet.ip.header_included)
        return inet_is6(&r->inet) ? checksum6(r, output, p) : OSKIT_SUCCESS;
    if (IP_IS_V4_VAL(output->destination))
        return header_complete(output, p);
    return p->len < IP6_HLEN ? OSKIT_E_INVALIDARG : OSKIT_SUCCESS; /* IPv6's is sent as it is */
}

static oskit_error_t send_locked(struct raw_socket *r, struct inet_buffer *buffer,
                                 struct inet_output *output, bool named)
{
    struct pbuf *p = &buffer->custom.pbuf;
    oskit_error_t err = socket_error_take(&r->inet.base);

    if (OSKIT_SUCCEEDED(err) && (r->shut & 2))
        err = OSKIT_EPIPE;
    if (OSKIT_SUCCEEDED(err) && !inet_account_room(r->account))
        err = OSKIT_EWOULDBLOCK;
    if (OSKIT_SUCCEEDED(err))
        err = destination(r, output, named);
    if (OSKIT_SUCCEEDED(err))
        err = inet_output_route(&r->inet, output);
    if (OSKIT_SUCCEEDED(err))
        err = prepare(r, output, p);
    if (OSKIT_FAILED(err)) {
        inet_buffer_discard(buffer);
        return err;
    }
    inet_buffer_charge(buffer, r->account);
    err_t result = hand_over(r, output, p);
    pbuf_free(p);
    if (result == ERR_VAL)
        return OSKIT_EMSGSIZE;
    return result == ERR_MEM || result == ERR_BUF ? OSKIT_ENOBUFS : inet_error(result);
}

oskit_error_t raw_transmit(struct socket *s, struct socket_message *message, oskit_size_t *out)
{
    struct raw_socket *r = raw_of(s);
    struct inet_output output = {.ttl = -1, .tos = -1};
    size_t size = message->uio->left, moved;
    bool named = message->name != NULL && message->name->length != 0;
    oskit_error_t err = OSKIT_SUCCESS;

    *out = 0;
    IP_SET_TYPE(&output.source, IPADDR_TYPE_ANY);
    if (message->flags & ~FLAGS_KNOWN)
        return OSKIT_EOPNOTSUPP;
    if (size > PACKET_MAX - (r->inet.ip.header_included ? 0 : inet_is6(&r->inet) ? 40u : 20u))
        return OSKIT_EMSGSIZE;
    if (named)
        err = inet_name_read(&r->inet, message->name, false, &output.destination, &output.port);
    if (OSKIT_SUCCEEDED(err))
        err = inet_output_control(&r->inet, message, &output);
    if (OSKIT_FAILED(err))
        return err;
    struct inet_buffer *buffer = inet_buffer_new((oskit_u32_t)size);
    if (buffer == NULL)
        return OSKIT_ENOBUFS;
    struct sluice_uio begin = *message->uio;
    err = uio_read_from(message->uio, inet_buffer_bytes(buffer), size, &moved);
    if (moved < size) {
        inet_buffer_discard(buffer);
        return OSKIT_FAILED(err) ? err : OSKIT_EFAULT;
    }
    atomic_fetch_add_explicit(&packet_copied_bytes, size, memory_order_relaxed);
    inet_lock();
    err = send_locked(r, buffer, &output, named);
    inet_unlock();
    if (err == OSKIT_EWOULDBLOCK)
        *message->uio = begin;
    if (OSKIT_SUCCEEDED(err))
        *out = size;
    return err;
}
