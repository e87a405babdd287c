/*
 * virtio-net by the seed's way: an etherdev and netdev whose open exchanges a netio for each
 * direction. A push is a batch of one. Frames come with their checksums made and in the size of the
 * wire, since the seed has no words for anything else.
 *
 * The seed cannot tell who pushes of credit: a push that finds none is OSKIT_EWOULDBLOCK, and sent
 * frames are reaped at the next one. So sending is always as with TX_POLLING.
 */
#include "net.h"

#define FLAGS (OSKIT_NETDEV_RX_POLLING | OSKIT_NETDEV_TX_POLLING)

/* ---- Receive ---- */

/* What the stack refuses is lost, as it is on a wire. */
static void frame_push(struct net *net, struct packet *packet)
{
    oskit_u32_t length = packet_chain_length(packet);
    oskit_bufio_t *buf = packet_bufio_create(packet);
    if (!buf) {
        packet_chain_done(packet);
        return;
    }
    oskit_netio_push(net->seed_receive, buf, length);
    oskit_bufio_release(buf);
}

static void seed_received(void *arg, struct list *packets, oskit_u32_t count)
{
    (void)count;
    for (struct list *link; (link = list_pop_front(packets));)
        frame_push(arg, packet_of(link));
}

static const struct netqueue_client seed_client = {.receive = seed_received};

/* ---- Send ---- */

static oskit_error_t seed_push(void *arg, oskit_bufio_t *buf, oskit_size_t size)
{
    struct net *net = arg;
    struct list packets = LIST_INIT(packets);
    oskit_off_t most;
    if (OSKIT_FAILED(oskit_bufio_getsize(buf, &most)) || size > (oskit_u64_t)most ||
        size < ETHERNET_HEADER || size > net->info.mtu + ETHERNET_HEADER + ETHERNET_TAG)
        return OSKIT_E_INVALIDARG;
    struct packet *packet = packet_from_bufio(buf, size);
    if (!packet)
        return OSKIT_ENOBUFS;
    list_push_back(&packets, &packet->link);
    if (net_submit(net, &packets))
        return OSKIT_SUCCESS;
    packet_done(packet);
    return OSKIT_EWOULDBLOCK;
}

static void seed_closed(void *arg)
{
    struct net *net = arg;
    net_close(net);
    sluice_object_release(&net->object);
}

/* ---- The interfaces ---- */

static oskit_error_t seed_getinfo(oskit_netdev_t *self, oskit_devinfo_t *out)
{
    *out = (oskit_devinfo_t){
        .name = net_of(self)->info.name, .description = "virtio network card", .vendor = "virtio"};
    return OSKIT_SUCCESS;
}

/* Drivers are no objects here. */
static oskit_error_t seed_getdriver(oskit_netdev_t *self, oskit_driver_t **out)
{
    (void)self;
    *out = NULL;
    return OSKIT_E_NOTIMPL;
}

static oskit_error_t seed_open(oskit_netdev_t *self, unsigned flags, oskit_netio_t *receive,
                               oskit_netio_t **out)
{
    struct net *net = net_of(self);
    *out = NULL;
    if (flags & ~(unsigned)FLAGS)
        return OSKIT_E_NOTIMPL;
    oskit_error_t error =
        net_open(net, &seed_client, net, receive, flags & OSKIT_NETDEV_RX_POLLING);
    if (error)
        return error;
    oskit_netio_t *send = oskit_netio_create_cleanup(seed_push, net, seed_closed);
    if (!send) {
        net_close(net);
        return OSKIT_E_OUTOFMEMORY;
    }
    sluice_object_addref(&net->object); /* SEND's */
    *out = send;
    return OSKIT_SUCCESS;
}

static oskit_error_t seed_rxpoll(oskit_netdev_t *self, int *count, oskit_bufio_t *out_bufs[])
{
    struct net *net = net_of(self);
    struct list packets = LIST_INIT(packets);
    int max = *count;
    *count = 0;
    if (!net->polled)
        return OSKIT_ENODEV;
    if (max > 0)
        net_receive_poll(&net->receives[0], &packets, (uint32_t)max);
    for (struct list *link; (link = list_pop_front(&packets));) {
        oskit_bufio_t *buf = packet_bufio_create(packet_of(link));
        if (buf)
            out_bufs[(*count)++] = buf;
        else
            packet_chain_done(packet_of(link));
    }
    return *count ? OSKIT_SUCCESS : OSKIT_ENODATA;
}

static void seed_getaddr(oskit_etherdev_t *self, unsigned char out[OSKIT_ETHERDEV_ADDR_SIZE])
{
    net_get_address(net_of(self), out);
}

const struct oskit_netdev_ops net_netdev_ops = {
    SLUICE_IUNKNOWN_SLOTS, .getinfo = seed_getinfo, .getdriver = seed_getdriver,
    .open = seed_open,     .rxpoll = seed_rxpoll,
};
const struct oskit_etherdev_ops net_etherdev_ops = {
    SLUICE_IUNKNOWN_SLOTS,     .getinfo = (void *)seed_getinfo, .getdriver = (void *)seed_getdriver,
    .open = (void *)seed_open, .rxpoll = (void *)seed_rxpoll,   .getaddr = seed_getaddr,
};
