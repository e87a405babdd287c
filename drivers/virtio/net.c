/* virtio-net: finding out what the card is, its queues, the object. See net.h. */
#include "net.h"
#include <sluice/string.h>

#define RING_MAX     256u /* entries of a queue */
#define CONTROL_RING 16u
#define SEGMENTS_MAX 128u
#define MTU_DEFAULT  1500u
#define MTU_MIN      68u /* IPv4's smallest */

/* ---- Features ---- */

#define FEATURES                                                                                \
    (NET_F_CSUM | NET_F_GUEST_CSUM | NET_F_MTU | NET_F_MAC | NET_F_GUEST_TSO | NET_F_HOST_TSO | \
     NET_F_MRG_RXBUF | NET_F_STATUS | NET_F_CTRL_VQ | NET_F_CTRL_RX | NET_F_MQ |                \
     NET_F_CTRL_MAC_ADDR)

/* What can't be without another (5.1.3.1), and large frames without joined buffers: those that hold
 * any frame would take 17 pages each. */
uint64_t net_features(uint64_t offered, bool seed)
{
    uint64_t features = offered & FEATURES;
    if (seed)
        features &= ~(NET_F_CSUM | NET_F_GUEST_CSUM);
    if (!(features & NET_F_CSUM))
        features &= ~NET_F_HOST_TSO;
    if (!(features & NET_F_GUEST_CSUM) || !(features & NET_F_MRG_RXBUF))
        features &= ~NET_F_GUEST_TSO;
    if (!(features & NET_F_CTRL_VQ))
        features &= ~(NET_F_CTRL_RX | NET_F_MQ | NET_F_CTRL_MAC_ADDR);
    return features;
}

/* ---- The object ---- */

static oskit_error_t queue_open(sluice_netqueue_t *self, const struct netqueue_client *client,
                                void *arg)
{
    return net_open(net_of(self), client, arg, NULL, false);
}

static void queue_close(sluice_netqueue_t *self)
{
    net_close(net_of(self));
}

static oskit_u32_t queue_submit(sluice_netqueue_t *self, struct list *packets)
{
    return net_submit(net_of(self), packets);
}

static void queue_reclaim(sluice_netqueue_t *self)
{
    net_reclaim(net_of(self));
}

void net_get_address(struct net *net, uint8_t *out)
{
    env_spin_lock(&net->control.lock);
    memcpy(out, net->info.address, ETHERNET_ADDRESS);
    env_spin_unlock(&net->control.lock);
}

static void queue_get_info(sluice_netqueue_t *self, struct netqueue_info *out)
{
    struct net *net = net_of(self);
    env_spin_lock(&net->control.lock);
    *out = net->info;
    env_spin_unlock(&net->control.lock);
}

static void receive_count(struct net_receive *receive, struct netqueue_statistics *out)
{
    env_spin_lock(&receive->lock);
    out->rx_packets += receive->packets;
    out->rx_bytes += receive->bytes;
    out->rx_errors += receive->errors;
    out->rx_multicast += receive->multicast;
    out->notifications += receive->notifications;
    out->interrupts += receive->interrupts;
    out->polls += receive->polls;
    env_spin_unlock(&receive->lock);
}

static void send_count(struct net_send *send, struct netqueue_statistics *out)
{
    env_spin_lock(&send->lock);
    out->tx_packets += send->packets;
    out->tx_bytes += send->bytes;
    out->tx_errors += send->errors;
    out->tx_dropped += send->dropped;
    out->notifications += send->notifications;
    out->interrupts += send->interrupts;
    env_spin_unlock(&send->lock);
}

static void queue_get_statistics(sluice_netqueue_t *self, struct netqueue_statistics *out)
{
    struct net *net = net_of(self);
    *out = (struct netqueue_statistics){0};
    for (unsigned i = 0; i < net->pairs; i++) {
        receive_count(&net->receives[i], out);
        send_count(&net->sends[i], out);
    }
}

static bool queue_link(sluice_netqueue_t *self)
{
    return atomic_load(&net_of(self)->link_up);
}

static oskit_error_t queue_set_receive(sluice_netqueue_t *self, oskit_u32_t mode,
                                       const oskit_u8_t (*multicast)[6], oskit_u32_t count)
{
    return net_set_receive(net_of(self), mode, multicast, count);
}

static oskit_error_t queue_set_address(sluice_netqueue_t *self, const oskit_u8_t *address)
{
    return net_set_address(net_of(self), address);
}

static const struct sluice_netqueue_ops queue_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .open = queue_open,
    .close = queue_close,
    .submit = queue_submit,
    .reclaim = queue_reclaim,
    .get_info = queue_get_info,
    .get_statistics = queue_get_statistics,
    .link = queue_link,
    .set_receive = queue_set_receive,
    .set_address = queue_set_address,
};

static void net_destroy(struct sluice_object *object)
{
    struct net *net = container_of(object, struct net, object);
    struct net_control *control = &net->control;
    sluice_object_fini(object);
    env_free(control->multicast, control->multicast_count * sizeof *control->multicast);
    if (control->page)
        env_page_unref(control->page);
    env_free(net->receives, net->pairs * sizeof *net->receives);
    env_free(net->sends, net->pairs * sizeof *net->sends);
    env_free(net, sizeof *net);
}

static const struct sluice_interface net_interfaces[] = {
    {&oskit_iunknown_iid, offsetof(struct net, face), &queue_ops},
    {&sluice_netqueue_iid, offsetof(struct net, face), &queue_ops},
    {&oskit_etherdev_iid, offsetof(struct net, etherdev), &net_etherdev_ops},
    {&oskit_netdev_iid, offsetof(struct net, netdev), &net_netdev_ops},
    {&oskit_device_iid, offsetof(struct net, netdev), &net_netdev_ops},
};
static const struct sluice_class net_class = {"virtio network card", net_interfaces,
                                              SLUICE_COUNT(net_interfaces), net_destroy};

/* ---- What the device says of itself ---- */

/* The device's own, or one that nobody else has: locally administered, of a single station. */
static void address_read(struct net *net)
{
    uint8_t *address = net->info.address;
    net->info.address_length = ETHERNET_ADDRESS;
    if (net->features & NET_F_MAC)
        for (unsigned i = 0; i < ETHERNET_ADDRESS; i++)
            address[i] = (uint8_t)virtio_config_read(net->device, CONFIG_MAC + i, 1);
    if (!(net->features & NET_F_MAC) || address[0] & 1) {
        env_random(address, ETHERNET_ADDRESS);
        address[0] = (uint8_t)((address[0] & ~1u) | 2u);
    }
}

static uint32_t mtu_read(struct net *net)
{
    uint64_t mtu =
        net->features & NET_F_MTU ? virtio_config_read(net->device, CONFIG_MTU) : MTU_DEFAULT;
    return mtu >= MTU_MIN ? (uint32_t)mtu : MTU_DEFAULT;
}

static uint32_t info_features(uint64_t features)
{
    return (features & NET_F_CSUM ? NETQUEUE_TX_SUM : 0) |
           (features & NET_F_HOST_TSO4 ? NETQUEUE_TX_TSO4 : 0) |
           (features & NET_F_HOST_TSO6 ? NETQUEUE_TX_TSO6 : 0) |
           (features & NET_F_GUEST_CSUM ? NETQUEUE_RX_SUM : 0) |
           (features & NET_F_GUEST_TSO ? NETQUEUE_RX_LARGE : 0);
}

/* "virtio 00:03.0": the kind of bus is known. */
static void location_put(struct netqueue_info *info, const char *name)
{
    const char *place = strchr(name, ' ');
    place = place ? place + 1 : name;
    size_t length = strlen(place);
    if (length >= sizeof info->location)
        length = sizeof info->location - 1;
    memcpy(info->location, place, length);
}

static void info_read(struct net *net)
{
    static const char driver[] = "virtio_net";
    struct netqueue_info *info = &net->info;
    netqueue_name(info->name);
    memcpy(info->driver, driver, sizeof driver);
    location_put(info, net->device->name);
    address_read(net);
    info->mtu = mtu_read(net);
    info->features = info_features(net->features);
    info->segments_max = net->sends[0].virtqueue->descriptors_max - 1;
    info->depth = net->sends[0].virtqueue->size;
    info->queues = net->pairs;
}

/* ---- Queues ---- */

static oskit_error_t receive_make(struct net *net, unsigned index)
{
    struct net_receive *receive = &net->receives[index];
    receive->net = net;
    receive->stopped = true;
    struct virtqueue_options options = {
        .index = 2 * index,
        .size_max = RING_MAX,
        .descriptors = 2,
        .cpu = index,
        .interrupt = net_receive_interrupt,
        .driver_data = receive,
    };
    return virtqueue_create(net->device, &options, &receive->virtqueue);
}

static oskit_error_t send_make(struct net *net, unsigned index)
{
    struct net_send *send = &net->sends[index];
    send->net = net;
    send->stopped = send->dead = true;
    struct virtqueue_options options = {
        .index = 2 * index + 1,
        .size_max = RING_MAX,
        .driver_bytes = sizeof(struct net_header),
        .descriptors = SEND_DESCRIPTORS,
        .descriptors_max = SEGMENTS_MAX + 1,
        .cpu = index,
        .interrupt = net_send_interrupt,
        .driver_data = send,
    };
    oskit_error_t error = virtqueue_create(net->device, &options, &send->virtqueue);
    /* Too short for a header and a frame: no card that can be used. */
    return error ? error : send->virtqueue->descriptors_max < 2 ? OSKIT_E_NOTIMPL : OSKIT_SUCCESS;
}

/* It comes behind all pairs that the device has. */
static oskit_error_t control_make(struct net *net, unsigned pairs_offered)
{
    struct net_control *control = &net->control;
    control->stopped = true;
    if (!(net->features & NET_F_CTRL_VQ))
        return OSKIT_SUCCESS;
    control->page = env_page_alloc(0, ENV_ZERO);
    if (!control->page)
        return OSKIT_E_OUTOFMEMORY;
    struct virtqueue_options options = {
        .index = 2 * pairs_offered,
        .size_max = CONTROL_RING,
        .descriptors = 3,
        .interrupt = net_control_interrupt,
        .driver_data = control,
    };
    return virtqueue_create(net->device, &options, &control->virtqueue);
}

static oskit_error_t queues_make(struct net *net)
{
    unsigned offered = 1;
    if (net->features & NET_F_MQ)
        offered = (unsigned)virtio_config_read(net->device, CONFIG_MAX_PAIRS);
    if (!offered)
        offered = 1;
    net->pairs = offered < env_cpu_count() ? offered : env_cpu_count();
    net->receives = env_alloc(net->pairs * sizeof *net->receives, ENV_ZERO);
    net->sends = env_alloc(net->pairs * sizeof *net->sends, ENV_ZERO);
    if (!net->receives || !net->sends)
        return OSKIT_E_OUTOFMEMORY;
    oskit_error_t error = OSKIT_SUCCESS;
    for (unsigned i = 0; i < net->pairs && !error; i++) {
        error = receive_make(net, i);
        if (!error)
            error = send_make(net, i);
    }
    return error ? error : control_make(net, offered);
}

static void queues_free(struct net *net)
{
    for (unsigned i = 0; net->receives && net->sends && i < net->pairs; i++) {
        virtqueue_destroy(net->receives[i].virtqueue);
        virtqueue_destroy(net->sends[i].virtqueue);
        net->receives[i].virtqueue = net->sends[i].virtqueue = NULL;
    }
    virtqueue_destroy(net->control.virtqueue);
    net->control.virtqueue = NULL;
}

/* ---- Attach and detach ---- */

static void net_drop(struct net *net, struct virtio_device *device)
{
    queues_free(net);
    virtio_end(device);
    device->driver_data = NULL;
    device->config_changed = NULL;
    sluice_object_release(&net->object);
}

static oskit_error_t net_begin(struct net *net)
{
    struct virtio_device *device = net->device;
    oskit_error_t error = virtio_begin(device);
    if (!error)
        error =
            virtio_negotiate(device, net_features(device->transport->get_features(device), false));
    if (error)
        return error;
    net->features = device->features;
    error = queues_make(net);
    if (error)
        return error;
    info_read(net);
    atomic_store(&net->pairs_active, 1);
    atomic_store(&net->link_up, !(net->features & NET_F_STATUS) ||
                                    virtio_config_read(device, CONFIG_STATUS) & STATUS_LINK_UP);
    return netqueue_add(&net->face.i);
}

static oskit_error_t net_attach(void *arg)
{
    struct virtio_device *device = arg;
    struct net *net = env_alloc(sizeof *net, ENV_ZERO);
    if (!net)
        return OSKIT_E_OUTOFMEMORY;
    sluice_object_init(&net->object, &net_class);
    net->device = device;
    device->driver_data = net;
    device->config_changed = net_config_changed;
    net_watch_init(net);
    oskit_error_t error = net_begin(net);
    if (error)
        net_drop(net, device);
    return error;
}

/* Those who have the card open keep the object, which takes packets and drops them. */
static void net_detach(void *arg)
{
    struct virtio_device *device = arg;
    struct net *net = device->driver_data;
    net_leave(net);
    netqueue_remove(&net->face.i);
    net_drop(net, device);
}

static const struct driver_id net_ids[] = {{VIRTIO_VENDOR, VIRTIO_ID_NET, DRIVER_ANY}};

static const struct driver net_driver = {
    .name = "virtio-net",
    .bus = "virtio",
    .ids = net_ids,
    .id_count = SLUICE_COUNT(net_ids),
    .attach = net_attach,
    .detach = net_detach,
};
DRIVER(net_driver);
