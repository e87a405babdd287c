/*
 * virtio-net: frames in.
 *
 * A buffer is a packet of the queue's pool. The device writes its header into the headroom and the
 * frame behind it, and that packet goes to the client: nothing is copied. With MRG_RXBUF a frame
 * may fill several buffers, which are chained.
 *
 * The device is not trusted: a length is checked by the virtqueue against the buffer's room, and
 * here what the header says against the frame. What is nonsense about one frame drops the frame;
 * what shows that driver and device don't agree on the ring breaks the queue.
 */
#include <sluice/string.h>
#include "net.h"

#define FILL_BATCH 32u /* buffers given at once, unless the ring is short */

/* ---- A frame ---- */

static const char no_header[] = "a frame without its header";
static const char no_buffers[] = "a frame in no buffers";
static const char few_buffers[] = "a frame in fewer buffers than it says";

/* The next buffer that the device has used, with what it says it wrote. NULL: none. */
static struct packet *buffer_next(struct net_receive *receive, uint32_t *written)
{
    struct virtqueue *virtqueue = receive->virtqueue;
    uint32_t slot = virtqueue_next(virtqueue, written);
    if (slot == VIRTQUEUE_NONE)
        return NULL;
    struct packet *packet = virtqueue_slot_token(virtqueue, slot);
    virtqueue_slot_free(virtqueue, slot);
    return packet;
}

/* The rest of the buffers of FIRST's frame; false: there aren't any, or one is empty. */
static bool frame_join(struct net_receive *receive, struct packet *first, unsigned buffers,
                       uint32_t *length)
{
    bool good = true;
    struct packet *last = first;
    while (--buffers) {
        uint32_t written;
        struct packet *packet = buffer_next(receive, &written);
        if (!packet) {
            virtqueue_break(receive->virtqueue, few_buffers);
            return false;
        }
        /* It has no header: the frame goes on where that would be. */
        good &= written && packet_prepend(packet, receive->net->header_size) &&
                packet_resize(packet, written);
        *length += written; /* no more than the ring's buffers hold */
        last = last->more = packet;
    }
    return good;
}

/* Whether what the header says of checksums and segments fits the frame; it is noted then. */
static bool offload_take(const struct net *net, const struct net_header *header,
                         struct packet *packet, uint32_t length)
{
    uint64_t wanted = header->gso == GSO_TCP4   ? NET_F_GUEST_TSO4
                      : header->gso == GSO_TCP6 ? NET_F_GUEST_TSO6
                      : header->gso == GSO_NONE ? NET_F_GUEST_CSUM
                                                : 0;
    if (!wanted || (net->agreed & wanted) != wanted)
        return false;
    if (header->flags & HEADER_NEEDS_SUM &&
        (uint32_t)header->sum_start + header->sum_offset + 2 > length)
        return false;
    if (header->flags & (HEADER_NEEDS_SUM | HEADER_SUM_GOOD))
        packet->offload.flags = PACKET_SUM_GOOD;
    if (header->gso == GSO_NONE)
        return true;
    packet->offload.gso = header->gso == GSO_TCP4 ? PACKET_GSO_TCP4 : PACKET_GSO_TCP6;
    packet->offload.gso_size = header->gso_size;
    packet->offload.header_length = header->header_length;
    return header->gso_size && header->header_length <= length;
}

static bool is_multicast(const uint8_t *address)
{
    static const uint8_t broadcast[ETHERNET_ADDRESS] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    return address[0] & 1 && memcmp(address, broadcast, sizeof broadcast);
}

/* A frame of LENGTH bytes that begins with PACKET: whether it is one for the client. */
static bool frame_check(struct net_receive *receive, const struct net_header *header,
                        struct packet *packet, uint32_t length)
{
    const struct net *net = receive->net;
    if (packet->length < ETHERNET_HEADER || length > net->frame_max)
        return false;
    if (header->flags | header->gso && !offload_take(net, header, packet, length))
        return false;
    receive->packets++;
    receive->bytes += length;
    if (*(const uint8_t *)packet->segments->base & 1)
        receive->multicast += is_multicast(packet->segments->base);
    return true;
}

/* PACKET was used with WRITTEN bytes: the frame that begins with it, or NULL: it is dropped. */
static struct packet *frame_take(struct net_receive *receive, struct packet *packet,
                                 uint32_t written)
{
    const struct net *net = receive->net;
    struct net_header header;
    uint32_t length = written - net->header_size;
    bool good = false;
    if (written < net->header_size) {
        virtqueue_break(receive->virtqueue, no_header);
    } else {
        /* Read once: the device may go on writing. */
        memcpy(&header, (const uint8_t *)packet->segments->base - net->header_size,
               net->header_size);
        good = packet_resize(packet, length);
        if (!(net->agreed & NET_F_MRG_RXBUF))
            header.buffers = 1;
        if (!header.buffers)
            virtqueue_break(receive->virtqueue, no_buffers);
        else if (header.buffers > 1)
            good &= frame_join(receive, packet, header.buffers, &length);
    }
    if (good && !virtqueue_broken(receive->virtqueue) &&
        frame_check(receive, &header, packet, length))
        return packet;
    receive->errors++;
    packet_chain_done(packet);
    return NULL;
}

/* Up to MAX frames onto PACKETS, *COUNT of them; how many were taken out, with those dropped. */
static uint32_t frames_take(struct net_receive *receive, struct list *packets, uint32_t max,
                            uint32_t *count)
{
    uint32_t taken = 0, written;
    struct packet *packet;
    *count = 0;
    for (; taken < max && (packet = buffer_next(receive, &written)); taken++) {
        packet = frame_take(receive, packet, written);
        if (packet) {
            list_push_back(packets, &packet->link);
            ++*count;
        }
    }
    return taken;
}

/* ---- Buffers ---- */

static bool buffer_put(struct net_receive *receive)
{
    struct net *net = receive->net;
    struct virtqueue *virtqueue = receive->virtqueue;
    struct packet *packet = packet_take(receive->pool);
    if (!packet)
        return false;
    uint32_t slot = virtqueue_slot_take(virtqueue, net->header_apart ? 2 : 1, packet);
    if (slot == VIRTQUEUE_NONE) {
        packet_done(packet);
        return false;
    }
    uint32_t room = net->room;
    uint64_t address = env_dma_address(packet->segments->base) - net->header_size;
    struct virtqueue_chain chain = virtqueue_chain_begin(virtqueue, slot);
    if (net->header_apart) {
        virtqueue_chain_put(&chain, address, net->header_size, chain.write);
        virtqueue_chain_put(&chain, address + net->header_size, room, chain.write);
    } else {
        virtqueue_chain_put(&chain, address, net->header_size + room, chain.write);
    }
    virtqueue_chain_end(virtqueue, slot, net->header_apart ? 2 : 1, net->header_size + room);
    virtqueue_push(virtqueue, slot);
    return true;
}

/* Under the lock. False: short of packets. */
static bool buffers_fill(struct net_receive *receive)
{
    struct virtqueue *virtqueue = receive->virtqueue;
    while (virtqueue->free_count && buffer_put(receive))
        ;
    if (virtqueue_kick(virtqueue))
        receive->notifications++;
    return virtqueue->free_count <= virtqueue->size / 2;
}

/* Under the lock, now and then: when a batch is missing. */
static bool buffers_due(const struct net_receive *receive)
{
    const struct virtqueue *virtqueue = receive->virtqueue;
    uint32_t batch = virtqueue->size / 4 < FILL_BATCH ? virtqueue->size / 4 : FILL_BATCH;
    return virtqueue->free_count > batch;
}

bool net_receive_fill(struct net_receive *receive)
{
    env_spin_lock(&receive->lock);
    bool filled = receive->stopped || buffers_fill(receive);
    env_spin_unlock(&receive->lock);
    return filled;
}

/* ---- Turns ---- */

struct turn {
    struct list packets;
    uint32_t count, taken;
    bool over;     /* nothing is there, and the device interrupts for what comes */
    bool short_of; /* of buffers */
    bool broken;
};

static void turn_take(struct net_receive *receive, uint32_t max, struct turn *turn)
{
    struct virtqueue *virtqueue = receive->virtqueue;
    *turn = (struct turn){.over = true};
    list_init(&turn->packets);
    env_spin_lock(&receive->lock);
    if (!receive->stopped) {
        turn->taken = frames_take(receive, &turn->packets, max, &turn->count);
        turn->broken = virtqueue_broken(virtqueue);
        if (!turn->broken && buffers_due(receive))
            turn->short_of = !buffers_fill(receive);
        turn->over = !turn->taken && (turn->broken || !virtqueue_interrupt_on(virtqueue, 1));
    }
    if (turn->over)
        receive->active = false;
    env_spin_unlock(&receive->lock);
}

bool net_receive_run(struct net_receive *receive)
{
    struct net *net = receive->net;
    struct turn turn;
    for (uint32_t left = NETQUEUE_BUDGET; left; left -= turn.taken) {
        turn_take(receive, left, &turn);
        if (turn.broken)
            net_reset_request(net);
        if (turn.short_of)
            net_worker_wake(&receive->worker, WORK_FILL);
        if (turn.over)
            return true;
        if (turn.count)
            net->client->receive(net->client_arg, &turn.packets, turn.count);
    }
    return false;
}

void net_receive_interrupt(struct virtqueue *virtqueue)
{
    struct net_receive *receive = virtqueue->driver_data;
    env_spin_lock(&receive->lock);
    receive->interrupts++;
    bool mine = !receive->active && !receive->stopped && !receive->net->polled;
    if (mine) {
        receive->active = true;
        virtqueue_interrupt_off(virtqueue);
    }
    env_spin_unlock(&receive->lock);
    if (mine && !net_receive_run(receive))
        net_worker_wake(&receive->worker, WORK_POLL);
}

uint32_t net_receive_poll(struct net_receive *receive, struct list *packets, uint32_t max)
{
    uint32_t count = 0;
    bool broken = false;
    env_spin_lock(&receive->lock);
    if (!receive->stopped) {
        frames_take(receive, packets, max, &count);
        broken = virtqueue_broken(receive->virtqueue);
        if (!broken)
            buffers_fill(receive);
        receive->polls++;
    }
    env_spin_unlock(&receive->lock);
    if (broken)
        net_reset_request(receive->net);
    return count;
}

/* ---- Starting and stopping ---- */

void net_receive_start(struct net_receive *receive)
{
    env_spin_lock(&receive->lock);
    receive->stopped = false;
    if (receive->net->polled)
        virtqueue_interrupt_off(receive->virtqueue);
    bool filled = buffers_fill(receive);
    env_spin_unlock(&receive->lock);
    if (!filled)
        net_worker_wake(&receive->worker, WORK_FILL);
}

void net_receive_stop(struct net_receive *receive)
{
    env_spin_lock(&receive->lock);
    receive->stopped = true;
    env_spin_unlock(&receive->lock);
}

void net_receive_collect(struct net_receive *receive)
{
    struct virtqueue *virtqueue = receive->virtqueue;
    env_spin_lock(&receive->lock);
    for (uint32_t slot; (slot = virtqueue_collect(virtqueue)) != VIRTQUEUE_NONE;) {
        packet_done(virtqueue_slot_token(virtqueue, slot));
        virtqueue_slot_free(virtqueue, slot);
    }
    virtqueue_clear(virtqueue);
    env_spin_unlock(&receive->lock);
}
