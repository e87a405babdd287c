/*
 * virtio-net: open and close. The device runs from open to close; before and after it is reset, and
 * the pools of its buffers are not there.
 *
 * The features are agreed on anew each time: a client that came by the seed's way knows nothing of
 * checksums not yet made, and must not get large frames.
 *
 * Locks: net.mutex over everything here but the link.
 */
#include "net.h"

#define HEADROOM 64u
/* With HEADROOM and the packet's own struct a buffer is a page. */
#define ROOM_PAGE    3840u
#define MEMORY_SHARE 16u /* a part of all memory, that all of a card's buffers may take */

/* ---- The link ---- */

static bool link_read(const struct net *net)
{
    if (!(net->features & NET_F_STATUS))
        return true;
    return virtio_config_read(net->device, CONFIG_STATUS) & STATUS_LINK_UP;
}

void net_link_update(struct net *net)
{
    bool up = link_read(net);
    if (atomic_exchange(&net->link_up, up) != up && net->client->changed)
        net->client->changed(net->client_arg, up, false);
}

/* In interrupt context. */
void net_config_changed(struct virtio_device *device)
{
    struct net *net = device->driver_data;
    uint8_t status = device->transport->get_status(device);
    if (!net || !net->running || atomic_load(&net->dead))
        return;
    if (status & VIRTIO_NEEDS_RESET) /* gone: all ones */
        net_reset_request(net);
    else
        net_link_update(net);
}

/* ---- Start ---- */

/* What net.c made the queues for, less what the client can't have. */
static oskit_error_t features_agree(struct net *net, bool seed)
{
    struct virtio_device *device = net->device;
    uint64_t wanted = net_features(net->features, seed);
    oskit_error_t error = virtio_begin(device);
    if (!error)
        error = virtio_negotiate(device, wanted);
    uint64_t ours = wanted | (net->features & ~net_features(UINT64_MAX, false));
    if (!error && device->features != ours)
        error = OSKIT_EIO; /* it offers something else than before */
    net->agreed = device->features;
    return error;
}

static void frames_measure(struct net *net)
{
    uint32_t frame = net->info.mtu + ETHERNET_HEADER + ETHERNET_TAG;
    bool joins = net->agreed & NET_F_MRG_RXBUF;
    bool large = net->agreed & NET_F_GUEST_TSO;
    net->header_size = net->agreed & (NET_F_MRG_RXBUF | VIRTIO_F_VERSION_1)
                           ? (uint32_t)sizeof(struct net_header)
                           : (uint32_t)NET_HEADER_SHORT;
    net->header_apart =
        !(net->agreed & (NET_F_MRG_RXBUF | VIRTIO_F_VERSION_1 | VIRTIO_F_ANY_LAYOUT));
    net->frame_max = large ? FRAME_LARGE : frame;
    net->room = large || (joins && frame > ROOM_PAGE) ? ROOM_PAGE : frame;
}

static oskit_error_t pools_make(struct net *net)
{
    oskit_error_t error = OSKIT_SUCCESS;
    uint64_t most = (uint64_t)env_page_total() * ENV_PAGE_SIZE / MEMORY_SHARE / net->pairs /
                    (net->room + HEADROOM);
    for (unsigned i = 0; i < net->pairs && !error; i++) {
        uint32_t size = net->receives[i].virtqueue->size;
        uint32_t count = most < 2 * size     ? 2 * size
                         : most > UINT32_MAX ? UINT32_MAX
                                             : (uint32_t)most;
        error = packet_pool_create(HEADROOM, net->room, size, count, &net->receives[i].pool);
    }
    return error;
}

static oskit_error_t workers_start(struct net *net)
{
    oskit_error_t error = OSKIT_SUCCESS;
    for (unsigned i = 0; i < net->pairs && !error; i++)
        error = net_worker_start(&net->receives[i].worker, &net->receives[i]);
    return error;
}

static void workers_quit(struct net *net)
{
    for (unsigned i = 0; i < net->pairs; i++)
        net_worker_quit(&net->receives[i].worker);
}

/* After it all that open made is as before. */
static void net_halt(struct net *net)
{
    net->running = false;
    workers_quit(net); /* first: they might restart what we stop */
    net_queues_stop(net, true);
    virtio_stop(net->device);
    net_watch_stop(net);
    net_queues_collect(net);
    for (unsigned i = 0; i < net->pairs; i++) {
        struct net_receive *receive = &net->receives[i];
        receive->active = false;
        if (receive->pool)
            packet_pool_release(receive->pool);
        receive->pool = NULL;
    }
    virtio_reset(net->device);
}

static oskit_error_t net_start(struct net *net, bool seed)
{
    oskit_error_t error = features_agree(net, seed);
    net->carried_at_reset = UINT64_MAX;
    frames_measure(net);
    if (!error)
        error = pools_make(net);
    if (!error)
        error = workers_start(net);
    if (!error)
        error = virtio_start(net->device);
    if (error) {
        net_halt(net);
        return error;
    }
    atomic_store(&net->link_up, link_read(net));
    net->running = true;
    net_queues_start(net);
    net_link_update(net);
    return OSKIT_SUCCESS;
}

/* ---- Open and close ---- */

oskit_error_t net_open(struct net *net, const struct netqueue_client *client, void *arg,
                       oskit_netio_t *seed_receive, bool polled)
{
    oskit_error_t error;
    env_mutex_lock(&net->mutex);
    if (net->open) {
        error = OSKIT_EBUSY;
    } else if (!net->device || atomic_load(&net->dead)) {
        error = OSKIT_ENODEV;
    } else {
        net->client = client;
        net->client_arg = arg;
        net->seed_receive = seed_receive;
        net->polled = polled;
        error = net_start(net, seed_receive);
        net->open = !error;
        if (error)
            net->seed_receive = NULL;
        else if (seed_receive)
            oskit_netio_addref(seed_receive);
    }
    env_mutex_unlock(&net->mutex);
    return error;
}

void net_close(struct net *net)
{
    env_mutex_lock(&net->mutex);
    if (net->running)
        net_halt(net);
    oskit_netio_t *receive = net->seed_receive;
    net->seed_receive = NULL;
    net->open = false;
    net->polled = false;
    env_mutex_unlock(&net->mutex);
    if (receive)
        oskit_netio_release(receive);
}

void net_leave(struct net *net)
{
    env_mutex_lock(&net->mutex);
    if (net->running) {
        net_worker_wake(&net->receives[0].worker, WORK_LEAVE); /* it tells the client */
        net_halt(net);
    }
    net->device = NULL;
    env_mutex_unlock(&net->mutex);
}
