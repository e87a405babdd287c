/*
 * A netqueue over a netdev that has only what the seed gives it: a netio for each direction.
 *
 * The device may push from several places at once, while a client is promised one call at a time:
 * pushed packets go onto a list, and who finds nobody at it hands them over.
 *
 * Locks: netdev_queue.lock guards what follows it; nothing is called with it held. open and close
 * are the client's to keep apart.
 */
#include <sluice/netqueue.h>

#include <stdatomic.h>
#include <sluice/env.h>
#include <sluice/object.h>
#include <sluice/string.h>

#define MTU   1500u
#define DEPTH 256u /* no one knows; a guess for who wants to plan */

struct netdev_queue {
    struct sluice_object object;
    SLUICE_FACE(sluice_netqueue_t) face;
    oskit_netdev_t *netdev; /* with a reference */
    struct netqueue_info info;
    /* Set while it is open: */
    const struct netqueue_client *client;
    void *client_arg;
    oskit_netio_t *send, *receive;
    struct env_spinlock lock;
    /* Under it: */
    bool open;
    bool handing;             /* somebody hands over what is on the list */
    struct env_sleep *closer; /* waits for that to end */
    struct list received;
    oskit_u32_t received_count;
    struct netqueue_statistics statistics;
};

static struct netdev_queue *queue_of(sluice_netqueue_t *self)
{
    return container_of(SLUICE_OBJECT(self), struct netdev_queue, object);
}

/* ---- Receive ---- */

/* What there is to hand over; false: nothing, and nobody is at it any more. */
static bool received_take(struct netdev_queue *queue, struct list *packets, oskit_u32_t *count)
{
    list_init(packets);
    env_spin_lock(&queue->lock);
    *count = queue->open ? queue->received_count : 0;
    for (oskit_u32_t i = 0; i < *count; i++)
        list_push_back(packets, list_pop_front(&queue->received));
    queue->received_count -= *count;
    queue->handing = *count != 0;
    if (!queue->handing && queue->closer != NULL)
        env_wakeup(queue->closer);
    env_spin_unlock(&queue->lock);
    return *count != 0;
}

static void received_hand_over(struct netdev_queue *queue)
{
    struct list packets;
    oskit_u32_t count;

    while (received_take(queue, &packets, &count))
        queue->client->receive(queue->client_arg, &packets, count);
}

/* *MINE: the caller is to hand over. */
static bool received_put(struct netdev_queue *queue, struct packet *packet, bool *mine)
{
    env_spin_lock(&queue->lock);
    bool open = queue->open;
    *mine = open && !queue->handing;
    if (open) {
        list_push_back(&queue->received, &packet->link);
        queue->received_count++;
        queue->handing = true;
        queue->statistics.rx_packets++;
        queue->statistics.rx_bytes += packet->length;
    }
    env_spin_unlock(&queue->lock);
    return open;
}

static void received_drop(struct netdev_queue *queue)
{
    env_spin_lock(&queue->lock);
    queue->statistics.rx_dropped++;
    env_spin_unlock(&queue->lock);
}

static oskit_error_t netdev_pushed(void *arg, oskit_bufio_t *buf, oskit_size_t size)
{
    struct netdev_queue *queue = arg;
    oskit_off_t most;
    bool mine;

    if (OSKIT_FAILED(oskit_bufio_getsize(buf, &most)) || size == 0 || size > (oskit_u64_t)most)
        return OSKIT_E_INVALIDARG;
    struct packet *packet = packet_from_bufio(buf, size);
    if (packet == NULL) {
        received_drop(queue);
        return OSKIT_ENOBUFS;
    }
    if (!received_put(queue, packet, &mine)) {
        packet_done(packet);
        return OSKIT_ENETDOWN;
    }
    if (mine)
        received_hand_over(queue);
    return OSKIT_SUCCESS;
}

static void netdev_receive_end(void *arg)
{
    sluice_object_release(&((struct netdev_queue *)arg)->object);
}

/* ---- Open and close ---- */

static oskit_error_t netdev_queue_start(struct netdev_queue *queue)
{
    queue->receive = oskit_netio_create_cleanup(netdev_pushed, queue, netdev_receive_end);
    if (queue->receive == NULL)
        return OSKIT_E_OUTOFMEMORY;
    sluice_object_addref(&queue->object); /* the netio's */
    oskit_error_t error = oskit_netdev_open(queue->netdev, 0, queue->receive, &queue->send);
    if (OSKIT_FAILED(error)) {
        oskit_netio_release(queue->receive);
        queue->receive = NULL;
    }
    return error;
}

static oskit_error_t netdev_queue_open(sluice_netqueue_t *self,
                                       const struct netqueue_client *client, void *arg)
{
    struct netdev_queue *queue = queue_of(self);

    env_spin_lock(&queue->lock);
    bool busy = queue->open;
    if (!busy) {
        queue->client = client;
        queue->client_arg = arg;
        queue->open = true;
    }
    env_spin_unlock(&queue->lock);
    if (busy)
        return OSKIT_EBUSY;
    oskit_error_t error = netdev_queue_start(queue);
    if (OSKIT_FAILED(error)) {
        env_spin_lock(&queue->lock);
        queue->open = false;
        env_spin_unlock(&queue->lock);
    }
    return error;
}

/* Nothing is handed over from now on, nor any more. What was still on the list is dropped. */
static void netdev_queue_silence(struct netdev_queue *queue)
{
    struct env_sleep sleep;
    struct list left = LIST_INIT(left);

    env_sleep_init(&sleep);
    env_spin_lock(&queue->lock);
    queue->open = false;
    bool wait = queue->handing;
    if (wait)
        queue->closer = &sleep;
    env_spin_unlock(&queue->lock);
    if (wait)
        env_sleep(&sleep, ENV_FOREVER);
    env_spin_lock(&queue->lock);
    queue->closer = NULL;
    for (struct list *link; (link = list_pop_front(&queue->received)) != NULL;)
        list_push_back(&left, link);
    queue->received_count = 0;
    env_spin_unlock(&queue->lock);
    for (struct list *link; (link = list_pop_front(&left)) != NULL;)
        packet_chain_done(container_of(link, struct packet, link));
}

static void netdev_queue_close(sluice_netqueue_t *self)
{
    struct netdev_queue *queue = queue_of(self);

    if (queue->send == NULL)
        return;
    oskit_netio_release(queue->send);
    queue->send = NULL;
    netdev_queue_silence(queue);
    oskit_netio_release(queue->receive);
    queue->receive = NULL;
}

/* ---- Send ---- */

/* A checksum that is wanted, or a segmentation, can't be done here: nothing of it was announced. */
static bool netdev_queue_send(struct netdev_queue *queue, struct packet *packet)
{
    oskit_u32_t length = packet_chain_length(packet);
    bool plain = packet->offload.gso == PACKET_GSO_NONE &&
                 !(packet->offload.flags & PACKET_SUM_WANTED) && queue->send != NULL;
    oskit_bufio_t *buf = plain ? packet_bufio_create(packet) : NULL;

    if (buf == NULL) {
        packet_chain_done(packet);
        return false;
    }
    oskit_error_t error = oskit_netio_push(queue->send, buf, length);
    oskit_bufio_release(buf);
    return !OSKIT_FAILED(error);
}

static oskit_u32_t netdev_queue_submit(sluice_netqueue_t *self, struct list *packets)
{
    struct netdev_queue *queue = queue_of(self);
    oskit_u32_t count = 0, sent = 0;
    oskit_u64_t bytes = 0;

    for (struct list *link; (link = list_pop_front(packets)) != NULL; count++) {
        struct packet *packet = container_of(link, struct packet, link);
        oskit_u32_t length = packet_chain_length(packet);
        if (netdev_queue_send(queue, packet)) {
            sent++;
            bytes += length;
        }
    }
    env_spin_lock(&queue->lock);
    queue->statistics.tx_packets += sent;
    queue->statistics.tx_bytes += bytes;
    queue->statistics.tx_dropped += count - sent;
    queue->statistics.notifications += count;
    env_spin_unlock(&queue->lock);
    return count;
}

static void netdev_queue_reclaim(sluice_netqueue_t *self)
{
    (void)self;
}

/* ---- What it says of itself ---- */

static void netdev_queue_get_info(sluice_netqueue_t *self, struct netqueue_info *out)
{
    *out = queue_of(self)->info;
}

static void netdev_queue_get_statistics(sluice_netqueue_t *self, struct netqueue_statistics *out)
{
    struct netdev_queue *queue = queue_of(self);

    env_spin_lock(&queue->lock);
    *out = queue->statistics;
    env_spin_unlock(&queue->lock);
}

static bool netdev_queue_link(sluice_netqueue_t *self)
{
    (void)self;
    return true;
}

static oskit_error_t netdev_queue_set_receive(sluice_netqueue_t *self, oskit_u32_t mode,
                                              const oskit_u8_t (*multicast)[6],
                                              oskit_u32_t multicast_count)
{
    (void)self, (void)mode, (void)multicast, (void)multicast_count;
    return OSKIT_SUCCESS; /* it hands over what it hands over */
}

static oskit_error_t netdev_queue_set_address(sluice_netqueue_t *self, const oskit_u8_t *address)
{
    (void)self, (void)address;
    return OSKIT_EOPNOTSUPP;
}

/* ---- Making and ending ---- */

static void netdev_queue_destroy(struct sluice_object *object)
{
    struct netdev_queue *queue = container_of(object, struct netdev_queue, object);

    oskit_netdev_release(queue->netdev);
    sluice_object_fini(object);
    env_free(queue, sizeof *queue);
}

static const struct sluice_netqueue_ops netdev_queue_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .open = netdev_queue_open,
    .close = netdev_queue_close,
    .submit = netdev_queue_submit,
    .reclaim = netdev_queue_reclaim,
    .get_info = netdev_queue_get_info,
    .get_statistics = netdev_queue_get_statistics,
    .link = netdev_queue_link,
    .set_receive = netdev_queue_set_receive,
    .set_address = netdev_queue_set_address,
};
static const struct sluice_interface netdev_queue_interfaces[] = {
    {&oskit_iunknown_iid, offsetof(struct netdev_queue, face), &netdev_queue_ops},
    {&sluice_netqueue_iid, offsetof(struct netdev_queue, face), &netdev_queue_ops},
};
static const struct sluice_class netdev_queue_class = {
    "netqueue of a netdev", netdev_queue_interfaces, SLUICE_COUNT(netdev_queue_interfaces),
    netdev_queue_destroy};

static void text_copy(char *to, size_t size, const char *from)
{
    size_t length = from != NULL ? strlen(from) : 0;

    if (length >= size)
        length = size - 1;
    memset(to, 0, size);
    if (length != 0)
        memcpy(to, from, length);
}

static void info_ask(struct netdev_queue *queue)
{
    oskit_devinfo_t said = {0};
    oskit_etherdev_t *ether = sluice_query_face(queue->netdev, &oskit_etherdev_iid);

    queue->info =
        (struct netqueue_info){.mtu = MTU, .segments_max = UINT32_MAX, .depth = DEPTH, .queues = 1};
    if (!OSKIT_FAILED(oskit_netdev_getinfo(queue->netdev, &said)))
        text_copy(queue->info.driver, sizeof queue->info.driver, said.name);
    netqueue_name(queue->info.name);
    if (ether != NULL) {
        oskit_etherdev_getaddr(ether, queue->info.address);
        queue->info.address_length = OSKIT_ETHERDEV_ADDR_SIZE;
        oskit_etherdev_release(ether);
    }
}

oskit_error_t netqueue_of_netdev(oskit_netdev_t *netdev, sluice_netqueue_t **out)
{
    *out = sluice_query_face(netdev, &sluice_netqueue_iid);
    if (*out != NULL)
        return OSKIT_SUCCESS;
    struct netdev_queue *queue = env_alloc(sizeof *queue, ENV_ZERO);
    if (queue == NULL)
        return OSKIT_E_OUTOFMEMORY;
    sluice_object_init(&queue->object, &netdev_queue_class);
    list_init(&queue->received);
    oskit_netdev_addref(netdev);
    queue->netdev = netdev;
    info_ask(queue);
    *out = &queue->face.i;
    return OSKIT_SUCCESS;
}
