/* Received datagrams. See inet_queue.h. */
#include "inet_queue.h"

#include <sluice/env.h>
#include <sluice/packet.h>
#include <sluice/string.h>
#include <sluice/uio.h>
#include "io/net/socket_option.h"
#include "lwip/ip.h"

#define OVERHEAD 512u /* what a datagram counts besides its bytes */
#define RING_MIN 8u
#define SECOND   1000000000

_Atomic oskit_u32_t inet_stamps;

/* ---- The ring ---- */

static bool queue_grow(struct inet_queue *queue)
{
    oskit_u32_t size = queue->size != 0 ? queue->size * 2 : RING_MIN;
    struct inet_datagram *ring = env_alloc(size * sizeof *ring, ENV_NOSLEEP);

    if (ring == NULL)
        return false;
    for (oskit_u32_t i = 0; i < queue->count; i++)
        ring[i] = queue->ring[(queue->first + i) & (queue->size - 1)];
    env_free(queue->ring, queue->size * sizeof *ring);
    queue->ring = ring;
    queue->size = size;
    queue->first = 0;
    return true;
}

static oskit_u32_t weight(const struct pbuf *p)
{
    return p->tot_len + OVERHEAD;
}

bool inet_queue_put(struct inet_queue *queue, const struct inet_datagram *datagram,
                    oskit_u32_t limit)
{
    /* As Linux: one more is taken as long as the buffer isn't full. */
    if (queue->bytes >= limit || (queue->count == queue->size && !queue_grow(queue))) {
        queue->dropped++;
        pbuf_free(datagram->p);
        return false;
    }
    struct inet_datagram *slot = &queue->ring[(queue->first + queue->count) & (queue->size - 1)];
    *slot = *datagram;
    slot->dropped = queue->dropped;
    queue->count++;
    queue->bytes += weight(datagram->p);
    return true;
}

bool inet_queue_take(struct inet_queue *queue, struct inet_datagram *out)
{
    if (queue->count == 0)
        return false;
    *out = queue->ring[queue->first];
    queue->first = (queue->first + 1) & (queue->size - 1);
    queue->count--;
    queue->bytes -= weight(out->p);
    return true;
}

bool inet_queue_peek(struct inet_queue *queue, struct inet_datagram *out)
{
    if (queue->count == 0)
        return false;
    *out = queue->ring[queue->first];
    pbuf_ref(out->p);
    return true;
}

void inet_queue_drop(struct inet_queue *queue)
{
    struct inet_datagram datagram;

    while (inet_queue_take(queue, &datagram))
        pbuf_free(datagram.p);
    env_free(queue->ring, queue->size * sizeof *queue->ring);
    queue->ring = NULL;
    queue->size = 0;
}

void inet_datagram_fill(struct inet_datagram *datagram, struct pbuf *p)
{
    datagram->p = p;
    ip_addr_copy(datagram->source, *ip_current_src_addr());
    ip_addr_copy(datagram->destination, *ip_current_dest_addr());
    datagram->source_port = datagram->destination_port = datagram->coverage = 0;
    datagram->interface = inet_netif_index(ip_current_input_netif());
    if (ip_current_is_v6()) {
        datagram->ttl = IP6H_HOPLIM(ip6_current_header());
        datagram->tos = (oskit_u8_t)IP6H_TC(ip6_current_header());
    } else {
        datagram->ttl = IPH_TTL(ip4_current_header());
        datagram->tos = IPH_TOS(ip4_current_header());
    }
    datagram->time =
        atomic_load_explicit(&inet_stamps, memory_order_relaxed) != 0 ? env_time_real() : 0;
}

/* ---- Control data ---- */

struct pktinfo4 {
    oskit_s32_t interface;
    oskit_u32_t local, destination;
};

struct pktinfo6 {
    oskit_u8_t address[16];
    oskit_u32_t interface;
};

static void put_int(struct socket_message *message, oskit_s32_t level, oskit_s32_t type,
                    oskit_s32_t value)
{
    socket_control_put(message->control, level, type, &value, sizeof value);
}

/* The address that the packet came to is also ours, unless it came to many. */
static oskit_u32_t local_address(const struct inet_datagram *datagram)
{
    const ip_addr_t *destination = &datagram->destination;
    oskit_u32_t address = ip4_addr_get_u32(ip_2_ip4(destination));

    inet_lock();
    struct netif *netif = inet_netif(datagram->interface);
    if (netif != NULL &&
        (ip_addr_ismulticast(destination) || ip_addr_isbroadcast(destination, netif)))
        address = ip4_addr_get_u32(netif_ip4_addr(netif));
    inet_unlock();
    return address;
}

static void tell4(const struct inet_sock *sock, const struct inet_datagram *datagram,
                  struct socket_message *message)
{
    oskit_u8_t wanted = sock->ip.receive;

    if (wanted & INET_RECEIVE_PKTINFO) {
        struct pktinfo4 info = {(oskit_s32_t)datagram->interface, local_address(datagram),
                                ip4_addr_get_u32(ip_2_ip4(&datagram->destination))};
        socket_control_put(message->control, INET_SOL_IP, INET_IP_PKTINFO, &info, sizeof info);
    }
    if (wanted & INET_RECEIVE_TTL)
        put_int(message, INET_SOL_IP, INET_IP_TTL, datagram->ttl);
    if (wanted & INET_RECEIVE_TOS)
        socket_control_put(message->control, INET_SOL_IP, INET_IP_TOS, &datagram->tos, 1);
    if (wanted & INET_RECEIVE_ORIGDST) {
        struct socket_address name;
        inet_name_plain(SOCKET_INET, &datagram->destination, datagram->destination_port, &name);
        socket_control_put(message->control, INET_SOL_IP, INET_IP_RECVORIGDSTADDR, name.u.bytes,
                           name.length);
    }
}

static void tell6(const struct inet_sock *sock, const struct inet_datagram *datagram,
                  struct socket_message *message)
{
    oskit_u8_t wanted = sock->ip.receive;

    if (wanted & INET_RECEIVE_PKTINFO6) {
        struct pktinfo6 info = {.interface = datagram->interface};
        struct socket_address name;
        inet_name_plain(SOCKET_INET6, &datagram->destination, 0, &name);
        memcpy(info.address, name.u.in6.address, sizeof info.address);
        socket_control_put(message->control, INET_SOL_IPV6, INET_IPV6_PKTINFO, &info, sizeof info);
    }
    if (IP_IS_V4_VAL(datagram->destination))
        return;
    if (wanted & INET_RECEIVE_HOPLIMIT)
        put_int(message, INET_SOL_IPV6, INET_IPV6_HOPLIMIT, datagram->ttl);
    if (wanted & INET_RECEIVE_TCLASS)
        put_int(message, INET_SOL_IPV6, INET_IPV6_TCLASS, datagram->tos);
    if (wanted & INET_RECEIVE_HOPLIMIT_2292)
        put_int(message, INET_SOL_IPV6, INET_IPV6_2292HOPLIMIT, datagram->ttl);
}

void inet_datagram_tell(const struct inet_sock *sock, const struct inet_datagram *datagram,
                        struct socket_message *message)
{
    if (message->control == NULL)
        return;
    if (SOCKET_OPTION(&sock->base, timestamp) != 0)
        socket_stamp_put(&sock->base, message->control,
                         datagram->time != 0 ? datagram->time : env_time_real());
    if (SOCKET_OPTION(&sock->base, rxq_overflow) && datagram->dropped != 0)
        put_int(message, SOCKET_SOL_SOCKET, SOCKET_SO_RXQ_OVFL, (oskit_s32_t)datagram->dropped);
    if (sock->ip.receive == 0)
        return;
    if (IP_IS_V4_VAL(datagram->destination))
        tell4(sock, datagram, message);
    if (inet_is6(sock))
        tell6(sock, datagram, message);
}

/* ---- Receiving ---- */

oskit_error_t inet_pbuf_copy(const struct pbuf *p, oskit_u32_t offset, oskit_u32_t length,
                             struct sluice_uio *uio, oskit_size_t *moved)
{
    oskit_error_t err = OSKIT_SUCCESS;

    *moved = 0;
    for (; p != NULL && *moved < length && OSKIT_SUCCEEDED(err); p = p->next) {
        if (offset >= p->len) {
            offset -= p->len;
            continue;
        }
        size_t now = p->len - offset;
        if (now > length - *moved)
            now = length - *moved;
        err = uio_write_to(uio, (const char *)p->payload + offset, now, &now);
        *moved += now;
        offset = 0;
    }
    atomic_fetch_add_explicit(&packet_copied_bytes, *moved, memory_order_relaxed);
    return err;
}

/* Takes the first; why not, else. READ of the level follows. */
static oskit_error_t take(struct inet_sock *sock, struct inet_queue *queue, oskit_u32_t flags,
                          struct inet_datagram *got)
{
    bool peek = flags & SOCKET_MSG_PEEK;
    oskit_error_t error = socket_error_take(&sock->base);

    if (OSKIT_FAILED(error))
        return error;
    if (!(peek ? inet_queue_peek(queue, got) : inet_queue_take(queue, got)))
        return OSKIT_EWOULDBLOCK;
    if (queue->count == 0 && !(readiness_level(&sock->base.readiness) & READY_RDHUP))
        readiness_change(&sock->base.readiness, 0, READY_READ);
    return OSKIT_SUCCESS;
}

oskit_error_t inet_datagram_receive(struct inet_sock *sock, struct inet_queue *queue,
                                    struct socket_message *message, struct inet_datagram *got,
                                    oskit_size_t *out)
{
    oskit_u32_t size;
    oskit_size_t moved;

    *out = 0;
    inet_lock();
    oskit_error_t err = take(sock, queue, message->flags, got);
    inet_unlock();
    if (OSKIT_FAILED(err))
        return err;
    size = got->p->tot_len;
    message->whole = size;
    if (size > message->uio->left) {
        message->out_flags |= SOCKET_MSG_TRUNC;
        size = (oskit_u32_t)message->uio->left;
    }
    err = inet_pbuf_copy(got->p, 0, size, message->uio, &moved);
    inet_lock();
    pbuf_free(got->p);
    inet_unlock();
    got->p = NULL;
    if (OSKIT_FAILED(err))
        return err;
    inet_datagram_tell(sock, got, message);
    *out = moved;
    return OSKIT_SUCCESS;
}

/* ---- Options of all sockets ---- */

oskit_error_t inet_datagram_changed(struct inet_sock *sock, struct inet_port *const *place,
                                    bool *stamping, oskit_s32_t name)
{
    const struct socket_options *options = &sock->base.options;

    (void)name;
    inet_lock();
    struct inet_port *port = place != NULL ? *place : NULL;
    if (port != NULL) {
        port->reuse_address = options->reuse_address;
        port->reuse_port = options->reuse_port;
        port->interface = options->interface;
    }
    if (*stamping != (options->timestamp != 0)) {
        *stamping = options->timestamp != 0;
        atomic_fetch_add(&inet_stamps, *stamping ? 1u : UINT32_MAX);
    }
    inet_unlock();
    return OSKIT_SUCCESS;
}
