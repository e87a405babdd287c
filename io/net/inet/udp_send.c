/* Sending UDP: a program's bytes into one buffer, headers in front, out. */
#include <sluice/env.h>
#include <sluice/packet.h>
#include <sluice/string.h>
#include <sluice/uio.h>
#include "checksum.h"
#include "core_private.h"
#include "inet_output.h"
#include "lwip/inet_chksum.h"
#include "lwip/ip.h"
#include "lwip/ip4_frag.h"
#include "lwip/prot/udp.h"
#include "lwip/stats.h"
#include "udp.h"
#include "words.h"

#define FLAGS_KNOWN                                                                     \
    (SOCKET_MSG_DONTROUTE | SOCKET_MSG_DONTWAIT | SOCKET_MSG_EOR | SOCKET_MSG_CONFIRM | \
     SOCKET_MSG_NOSIGNAL | SOCKET_MSG_MORE | SOCKET_MSG_CMSG_CLOEXEC | INET_SEND_IDLE | \
     SOCKET_MSG_ZEROCOPY)
/* lwIP counts a packet's bytes, headers and all, in sixteen bits. */
#define PAYLOAD_MAX4 UDP_MAX4
#define PAYLOAD_MAX6 (65535u - 40u - UDP_HEADER)
#define DISCOVER_DO  2 /* IP_PMTUDISC_DO and above: never in fragments */

oskit_error_t udp_autobind(struct udp_socket *u)
{
    if (u->port != NULL)
        return OSKIT_SUCCESS;
    oskit_error_t err = inet_port_take(udp_port_table(u), &u->inet, &u->inet.bound, 0, &u->port);
    if (err == OSKIT_EADDRINUSE)
        return OSKIT_EAGAIN;
    if (OSKIT_FAILED(err))
        return err;
    u->inet.local_port = u->port->number;
    udp_hash_add(u);
    return OSKIT_SUCCESS;
}

/* Why nothing can be sent. */
static oskit_error_t send_state(struct udp_socket *u)
{
    oskit_error_t error = socket_error_take(&u->inet.base);

    if (OSKIT_FAILED(error))
        return error;
    if (__atomic_load_n(&u->shut, __ATOMIC_RELAXED) & 2)
        return OSKIT_EPIPE;
    return inet_account_room(u->account) ? OSKIT_SUCCESS : OSKIT_EWOULDBLOCK;
}

static oskit_error_t destination(const struct udp_socket *u, struct inet_output *output, bool named)
{
    if (!named) {
        if (!u->connected)
            return OSKIT_EDESTADDRREQ;
        output->destination = u->inet.remote;
        output->port = u->inet.remote_port;
    }
    if (output->port == 0)
        return OSKIT_E_INVALIDARG;
    if (ip_addr_isany(&output->destination))
        ip_addr_set_loopback(IP_IS_V6_VAL(output->destination), &output->destination);
    return OSKIT_SUCCESS;
}

static bool too_long(const struct udp_socket *u, const struct inet_output *output,
                     oskit_u32_t length)
{
    bool v6 = IP_IS_V6_VAL(output->destination);
    oskit_u8_t discover = v6 ? u->inet.ip.discover6 : u->inet.ip.discover;

    if (length > (v6 ? PAYLOAD_MAX6 : PAYLOAD_MAX4))
        return true;
    return discover >= DISCOVER_DO && output->netif->mtu != 0 &&
           length + UDP_HEADER + (v6 ? 40u : 20u) > output->netif->mtu;
}

/* SUM, of words of up to 32 bits, in 16. */
static u16_t sum_fold(oskit_u64_t sum)
{
    sum = (sum >> 32) + (sum & UINT32_MAX);
    sum = (sum >> 16) + (sum & UINT16_MAX);
    return (u16_t)((sum >> 16) + (sum & UINT16_MAX));
}

/* The checksum of a datagram in one piece, pseudo header included. */
static u16_t datagram_sum(const struct inet_output *output, struct pbuf *p)
{
    if (IP_IS_V6_VAL(output->destination))
        return ip_chksum_pseudo(p, IP_PROTO_UDP, p->tot_len, &output->source, &output->destination);
    oskit_u64_t sum = (oskit_u64_t)ip_2_ip4(&output->source)->addr +
                      ip_2_ip4(&output->destination)->addr + PP_HTONS(IP_PROTO_UDP) +
                      lwip_htons(p->tot_len) + inet_sum(p->payload, p->len);
    return (u16_t)~sum_fold(sum);
}

/* UDP-Lite: of the beginning of it, and never left out. No card knows how. */
static void header_fill_lite(const struct udp_socket *u, const struct inet_output *output,
                             struct pbuf *p)
{
    struct udp_hdr *header = p->payload;
    u16_t covered = p->tot_len;

    if (u->send_coverage.set && u->send_coverage.bytes < p->tot_len) {
        header->len = lwip_htons(u->send_coverage.bytes);
        if (u->send_coverage.bytes != 0)
            covered = u->send_coverage.bytes;
    }
    u16_t sum = ip_chksum_pseudo_partial(p, IP_PROTO_UDPLITE, p->tot_len, covered, &output->source,
                                         &output->destination);
    header->chksum = sum != 0 ? sum : 0xffff;
}

static void header_fill(const struct udp_socket *u, const struct inet_output *output,
                        struct pbuf *p)
{
    struct udp_hdr *header = inet_buffer_prepend(p, UDP_HEADER);
    header->src = lwip_htons(u->inet.local_port);
    header->dest = lwip_htons(output->port);
    header->len = lwip_htons(p->tot_len);
    header->chksum = 0;
    if (udp_is_lite(u)) {
        header_fill_lite(u, output, p);
        return;
    }
    if (SOCKET_OPTION(&u->inet.base, no_check) && IP_IS_V4_VAL(output->destination))
        return;
    if (!(output->netif->chksum_flags & NETIF_CHECKSUM_GEN_UDP))
        return;
    u16_t sum = datagram_sum(output, p);
    header->chksum = sum != 0 ? sum : 0xffff;
}

/* What goes to a group or to everybody comes to this machine's sockets as well. */
static void loop_back(const struct udp_socket *u, const struct inet_output *output,
                      const struct pbuf *p)
{
    bool v6 = IP_IS_V6_VAL(output->destination);
    bool group = ip_addr_ismulticast(&output->destination);

    if (output->netif == inet_loopback_netif)
        return; /* it comes back by itself */
    if (group && !(v6 ? u->inet.ip.multicast_loop6 : u->inet.ip.multicast_loop))
        return;
    if (!group && !output->broadcast)
        return;
    struct pbuf *copy = pbuf_alloc(PBUF_RAW, p->tot_len, PBUF_RAM);
    if (copy == NULL)
        return;
    pbuf_copy(copy, p);
    struct inet_datagram datagram = {
        .p = copy,
        .source = output->source,
        .destination = output->destination,
        .source_port = u->inet.local_port,
        .destination_port = output->port,
        .interface = inet_netif_index(output->netif),
        .ttl = (oskit_u8_t)output->ttl,
        .tos = (oskit_u8_t)output->tos,
        .time = atomic_load(&inet_stamps) != 0 ? env_time_real() : 0,
        .coverage = u->send_coverage.bytes < p->tot_len + UDP_HEADER ? u->send_coverage.bytes : 0,
    };
    if (!udp_deliver(&datagram, udp_is_lite(u), true))
        pbuf_free(copy);
}

static oskit_error_t output_result(const struct udp_socket *u, err_t err)
{
    if (err == ERR_OK || ((err == ERR_MEM || err == ERR_BUF) && !u->inet.ip.receive_errors))
        return OSKIT_SUCCESS; /* as lost on the way: Linux says nothing either */
    return err == ERR_RTE ? OSKIT_EHOSTUNREACH : inet_error(err);
}

/* In front of the datagram. Identifications are each protocol's own (RFC 6864), so UDP counts its
 * datagrams itself. */
static void header_fill4(const struct inet_output *output, struct pbuf *p, u8_t protocol)
{
    static u16_t identification;
    struct ip_hdr *ip = inet_buffer_prepend(p, IP_HLEN);

    IPH_VHL_SET(ip, 4, IP_HLEN / 4);
    IPH_TOS_SET(ip, (u8_t)output->tos);
    IPH_LEN_SET(ip, lwip_htons(p->tot_len));
    IPH_ID_SET(ip, lwip_htons(identification));
    identification++;
    IPH_OFFSET_SET(ip, 0);
    IPH_TTL_SET(ip, (u8_t)output->ttl);
    IPH_PROTO_SET(ip, protocol);
    IPH_CHKSUM_SET(ip, 0);
    ip4_addr_copy(ip->src, *ip_2_ip4(&output->source));
    ip4_addr_copy(ip->dest, *ip_2_ip4(&output->destination));
    IPH_CHKSUM_SET(ip, (u16_t)~sum_fold((oskit_u64_t)load32(ip) + load32((const char *)ip + 4) +
                                        load32((const char *)ip + 8) + (oskit_u64_t)ip->src.addr +
                                        ip->dest.addr));
}

/* What lwIP's own output would do, which asks whether there are options and a header already. */
static err_t hand_over4(const struct inet_output *output, struct pbuf *p, u8_t protocol)
{
    struct netif *netif = output->netif;

    MIB2_STATS_INC(mib2.ipoutrequests);
    header_fill4(output, p, protocol);
    IP_STATS_INC(ip.xmit);
    if (netif->mtu != 0 && p->tot_len > netif->mtu)
        return ip4_frag(p, netif, ip_2_ip4(&output->destination));
    return netif->output(netif, p, ip_2_ip4(&output->destination));
}

static err_t hand_over(const struct udp_socket *u, const struct inet_output *output, struct pbuf *p)
{
    u8_t protocol = (u8_t)u->inet.base.protocol;

    if (IP_IS_V4_VAL(output->destination))
        return hand_over4(output, p, protocol);
    return ip6_output_if(p, ip_2_ip6(&output->source), ip_2_ip6(&output->destination),
                         (u8_t)output->ttl, (u8_t)output->tos, protocol, output->netif);
}

/* BUFFER goes to OUTPUT; it is taken over. Core lock held. */
static oskit_error_t send_locked(struct udp_socket *u, struct inet_buffer *buffer,
                                 struct inet_output *output)
{
    struct pbuf *p = &buffer->custom.pbuf;
    oskit_error_t err = inet_output_route(&u->inet, output);

    if (OSKIT_SUCCEEDED(err) && u->port == NULL)
        err = udp_autobind(u);
    if (OSKIT_SUCCEEDED(err) && too_long(u, output, p->tot_len))
        err = OSKIT_EMSGSIZE;
    if (OSKIT_FAILED(err)) {
        inet_buffer_discard(buffer);
        return err;
    }
    inet_buffer_charge(buffer, u->account);
    loop_back(u, output, p);
    header_fill(u, output, p);
    UDP_STATS_INC(udp.xmit);
    MIB2_STATS_INC(mib2.udpoutdatagrams);
    err_t result = hand_over(u, output, p);
    pbuf_free(p);
    return output_result(u, result);
}

/* ---- In parts: UDP_CORK, MSG_MORE ---- */

/* All of it together can't be longer than a datagram, so a buffer of that length will do. */
static oskit_error_t cork_add(struct udp_socket *u, struct socket_message *message, size_t size)
{
    struct inet_buffer *buffer = u->corked;
    size_t moved;

    if (buffer == NULL) {
        buffer = inet_buffer_new(PAYLOAD_MAX4);
        if (buffer == NULL)
            return OSKIT_ENOBUFS;
        buffer->custom.pbuf.len = buffer->custom.pbuf.tot_len = 0;
        u->corked = buffer;
    }
    struct pbuf *p = &buffer->custom.pbuf;
    if (size > PAYLOAD_MAX4 - p->len)
        return OSKIT_EMSGSIZE;
    oskit_error_t err = uio_read_from(message->uio, (char *)p->payload + p->len, size, &moved);
    if (moved < size)
        return OSKIT_FAILED(err) ? err : OSKIT_EFAULT;
    p->len = p->tot_len = (u16_t)(p->len + size);
    return OSKIT_SUCCESS;
}

static oskit_error_t cork_send(struct udp_socket *u, struct socket_message *message,
                               struct inet_output *output, bool named)
{
    size_t size = message->uio->left;
    bool more = u->cork || (message->flags & SOCKET_MSG_MORE), first = u->corked == NULL;

    if (first) {
        inet_lock();
        oskit_error_t wrong = destination(u, output, named);
        inet_unlock();
        if (OSKIT_FAILED(wrong))
            return wrong;
    }
    oskit_error_t err = cork_add(u, message, size);
    if (OSKIT_FAILED(err))
        return err;
    if (first) { /* where the first part said */
        u->corked_address = output->destination;
        u->corked_port = output->port;
    }
    return more ? OSKIT_SUCCESS : udp_uncork(u, output);
}

oskit_error_t udp_uncork(struct udp_socket *u, struct inet_output *output)
{
    struct inet_buffer *buffer = u->corked;
    oskit_error_t err;

    if (buffer == NULL)
        return OSKIT_SUCCESS;
    output->destination = u->corked_address;
    output->port = u->corked_port;
    u->corked = NULL;
    inet_lock();
    err = send_state(u);
    if (OSKIT_SUCCEEDED(err))
        err = send_locked(u, buffer, output);
    else
        inet_buffer_discard(buffer);
    inet_unlock();
    return err;
}

/* ---- At once ---- */

static oskit_error_t send_whole(struct udp_socket *u, struct socket_message *message,
                                struct inet_output *output, bool named)
{
    size_t size = message->uio->left, moved;
    struct inet_buffer *buffer = inet_buffer_new((oskit_u32_t)size);

    if (buffer == NULL)
        return OSKIT_ENOBUFS;
    struct sluice_uio begin = *message->uio;
    oskit_error_t err = uio_read_from(message->uio, inet_buffer_bytes(buffer), size, &moved);
    if (moved < size) {
        inet_buffer_discard(buffer);
        return OSKIT_FAILED(err) ? err : OSKIT_EFAULT;
    }
    atomic_fetch_add_explicit(&packet_copied_bytes, size, memory_order_relaxed);
    inet_lock();
    err = send_state(u);
    if (OSKIT_SUCCEEDED(err))
        err = destination(u, output, named);
    if (OSKIT_SUCCEEDED(err))
        err = send_locked(u, buffer, output);
    else
        inet_buffer_discard(buffer);
    inet_unlock();
    if (err == OSKIT_EWOULDBLOCK)
        *message->uio = begin;
    return err;
}

oskit_error_t udp_transmit(struct socket *s, struct socket_message *message, oskit_size_t *out)
{
    struct udp_socket *u = udp_of(s);
    struct inet_output output = {.ttl = -1, .tos = -1};
    size_t size = message->uio->left;
    bool named = message->name != NULL && message->name->length != 0;
    oskit_error_t err = OSKIT_SUCCESS;

    *out = 0;
    IP_SET_TYPE(&output.source, IPADDR_TYPE_ANY);
    if (size > PAYLOAD_MAX4)
        return OSKIT_EMSGSIZE;
    if (message->flags & ~FLAGS_KNOWN)
        return OSKIT_EOPNOTSUPP; /* SOCKET_MSG_OOB */
    if (named) {
        err = inet_name_read(&u->inet, message->name, false, &output.destination, &output.port);
        if (err == OSKIT_EAFNOSUPPORT && inet_is6(&u->inet))
            err = OSKIT_E_INVALIDARG; /* IPv6 says it so, on Linux */
    }
    if (OSKIT_SUCCEEDED(err))
        err = inet_output_control(&u->inet, message, &output);
    if (OSKIT_FAILED(err))
        return err;
    if (!u->cork && u->corked == NULL && !(message->flags & SOCKET_MSG_MORE)) {
        err = send_whole(u, message, &output, named);
    } else {
        env_mutex_lock(&u->cork_mutex);
        err = cork_send(u, message, &output, named);
        env_mutex_unlock(&u->cork_mutex);
    }
    if (OSKIT_SUCCEEDED(err))
        *out = size;
    return err;
}
