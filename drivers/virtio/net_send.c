/*
 * virtio-net: frames out. The header lies in the slot's block, the rest where the packet has it.
 *
 * Nobody is interrupted for a frame that was sent: the next one who submits takes back what the
 * device is done with, and a timer does when nobody submits. Only when there was no credit the
 * device is asked to interrupt, after three quarters of what it has.
 */
#include <sluice/string.h>
#include "net.h"

#define MILLISECOND     1000000ull
#define WATCH_DELAY     (10 * MILLISECOND)
#define WATCH_DELAY_MAX (640 * MILLISECOND)

void net_packets_done(struct list *over)
{
    for (struct list *link; (link = list_pop_front(over));)
        packet_chain_done(packet_of(link));
}

/* The device has something of SEND: see that it comes back. Under the lock, so that none is started
 * when the queue is stopped. */
static void send_watch(struct net_send *send)
{
    struct net *net = send->net;
    if (!send->virtqueue->in_flight || atomic_load_explicit(&net->watching, memory_order_relaxed) ||
        atomic_exchange(&net->watching, true))
        return;
    env_timer_start(&net->watcher, env_time_monotonic() + atomic_load(&net->watch_delay));
}

/* ---- Back ---- */

/* Under the lock: what the device is done with, onto OVER. */
static void sent_take(struct net_send *send, struct list *over)
{
    struct virtqueue *virtqueue = send->virtqueue;
    uint32_t slot, written;
    while ((slot = virtqueue_next(virtqueue, &written)) != VIRTQUEUE_NONE) {
        struct packet *packet = virtqueue_slot_token(virtqueue, slot);
        virtqueue_slot_free(virtqueue, slot);
        list_push_back(over, &packet->link);
        send->returned++;
    }
}

/* Asks to be interrupted when there is plenty of room; true: there is some already. */
static bool credit_wanted(struct net_send *send)
{
    struct virtqueue *virtqueue = send->virtqueue;
    uint32_t after = virtqueue->in_flight - virtqueue->in_flight / 4;
    send->waiting = true;
    return after && virtqueue_interrupt_on(virtqueue, after);
}

/* ---- Out ---- */

enum verdict { SENT, REFUSED, NO_CREDIT };

static bool offload_good(const struct net *net, const struct packet *packet, uint32_t length)
{
    const struct packet_offload *offload = &packet->offload;
    uint64_t wanted = offload->flags & PACKET_SUM_WANTED ? NET_F_CSUM : 0;
    if (offload->gso > PACKET_GSO_TCP6)
        return false;
    if (offload->gso != PACKET_GSO_NONE)
        wanted |=
            NET_F_CSUM | (offload->gso == PACKET_GSO_TCP4 ? NET_F_HOST_TSO4 : NET_F_HOST_TSO6);
    if ((net->agreed & wanted) != wanted)
        return false;
    if (wanted && (uint32_t)offload->sum_start + offload->sum_offset + 2 > length)
        return false;
    return offload->gso == PACKET_GSO_NONE ||
           (offload->flags & PACKET_SUM_WANTED && offload->gso_size &&
            offload->header_length < length);
}

/* Whether the device can send a frame of LENGTH bytes in COUNT segments. */
static bool frame_good(const struct net_send *send, const struct packet *packet, uint32_t length,
                       uint32_t count)
{
    const struct net *net = send->net;
    uint32_t most =
        packet->offload.gso ? FRAME_LARGE : net->info.mtu + ETHERNET_HEADER + ETHERNET_TAG;
    if (length < ETHERNET_HEADER || length > most || !count ||
        count >= send->virtqueue->descriptors_max)
        return false;
    return !(packet->offload.flags | packet->offload.gso) || offload_good(net, packet, length);
}

static void header_put(struct net_header *header, const struct packet_offload *offload)
{
    static const uint8_t kinds[] = {
        [PACKET_GSO_NONE] = GSO_NONE, [PACKET_GSO_TCP4] = GSO_TCP4, [PACKET_GSO_TCP6] = GSO_TCP6};
    *header = (struct net_header){0};
    if (!(offload->flags & PACKET_SUM_WANTED))
        return;
    header->flags = HEADER_NEEDS_SUM;
    header->sum_start = offload->sum_start;
    header->sum_offset = offload->sum_offset;
    header->gso = kinds[offload->gso];
    if (offload->gso != PACKET_GSO_NONE) {
        header->gso_size = offload->gso_size;
        header->header_length = offload->header_length;
    }
}

static enum verdict frame_send(struct net_send *send, struct packet *packet)
{
    struct virtqueue *virtqueue = send->virtqueue;
    uint32_t length = 0, count = 0;
    for (const struct packet *p = packet; p; p = p->more) {
        length += p->length;
        count += p->segment_count;
    }
    if (!frame_good(send, packet, length, count))
        return REFUSED;
    struct virtqueue_slot *slot = virtqueue_slot_get(virtqueue, count + 1, packet);
    if (!slot)
        return NO_CREDIT;
    header_put(slot->memory, &packet->offload);
    struct virtqueue_chain chain = virtqueue_slot_chain(virtqueue, slot);
    virtqueue_chain_put(&chain, slot->address, send->net->header_size, 0);
    for (const struct packet *p = packet; p; p = p->more) {
        const struct sg_segment *end = p->segments + p->segment_count;
        for (const struct sg_segment *at = p->segments; at < end; at++)
            virtqueue_chain_put(&chain, env_dma_address(at->base), at->length, 0);
    }
    virtqueue_chain_push(virtqueue, slot, &chain, count + 1, 0);
    send->packets++;
    send->bytes += length;
    return SENT;
}

/* Under the lock: what there is credit for, off the front of PACKETS; how many. */
static uint32_t frames_send(struct net_send *send, struct list *packets, struct list *over)
{
    uint32_t taken = 0;
    while (!list_empty(packets)) {
        struct packet *packet = packet_of(packets->next);
        enum verdict verdict = frame_send(send, packet);
        if (verdict == NO_CREDIT) {
            if (virtqueue_broken(send->virtqueue) || send->net->seed_receive ||
                !credit_wanted(send))
                break;
            sent_take(send, over);
            continue;
        }
        list_remove(&packet->link);
        taken++;
        if (verdict == REFUSED) {
            send->errors++;
            list_push_back(over, &packet->link);
        }
    }
    if (virtqueue_kick(send->virtqueue))
        send->notifications++;
    return taken;
}

static uint32_t frames_drop(struct net_send *send, struct list *packets, struct list *over)
{
    uint32_t taken = 0;
    for (struct list *link; (link = list_pop_front(packets)); taken++)
        list_push_back(over, link);
    send->dropped += taken;
    return taken;
}

/* The queue of this CPU. The caller may move to another one right after, which costs a little and
 * breaks nothing. */
static struct net_send *send_here(struct net *net)
{
    unsigned pairs = atomic_load_explicit(&net->pairs_active, memory_order_relaxed);
    return &net->sends[pairs > 1 ? env_cpu_index() % pairs : 0];
}

oskit_u32_t net_submit(struct net *net, struct list *packets)
{
    struct net_send *send = send_here(net);
    struct list over = LIST_INIT(over);
    uint32_t taken = 0;
    bool broken = false;
    env_spin_lock(&send->lock);
    if (send->dead) {
        taken = frames_drop(send, packets, &over);
    } else if (send->stopped) {
        send->waiting = true;
    } else {
        sent_take(send, &over);
        taken = frames_send(send, packets, &over);
        send_watch(send);
        broken = virtqueue_broken(send->virtqueue);
    }
    env_spin_unlock(&send->lock);
    net_packets_done(&over);
    if (broken)
        net_reset_request(net);
    return taken;
}

/* Takes back what is sent. True: the device has more. */
static bool send_reclaim(struct net_send *send, bool *some)
{
    struct list over = LIST_INIT(over);
    bool busy = false;
    env_spin_lock(&send->lock);
    if (!send->stopped) {
        sent_take(send, &over);
        busy = send->virtqueue->in_flight;
    }
    env_spin_unlock(&send->lock);
    *some |= !list_empty(&over);
    net_packets_done(&over);
    return busy;
}

void net_reclaim(struct net *net)
{
    bool some = false;
    for (unsigned i = 0; i < net->pairs; i++)
        send_reclaim(&net->sends[i], &some);
}

void net_send_interrupt(struct virtqueue *virtqueue)
{
    struct net_send *send = virtqueue->driver_data;
    struct net *net = send->net;
    struct list over = LIST_INIT(over);
    bool tell = false;
    env_spin_lock(&send->lock);
    send->interrupts++;
    if (!send->stopped) {
        /* The slots may have come back by another way before this interrupt did. */
        do
            sent_take(send, &over);
        while (send->waiting && !virtqueue->free_count && credit_wanted(send));
        tell = send->waiting && virtqueue->free_count;
        if (tell) {
            send->waiting = false;
            virtqueue_interrupt_off(virtqueue);
        }
    }
    bool broken = virtqueue_broken(virtqueue);
    env_spin_unlock(&send->lock);
    net_packets_done(&over);
    if (tell && net->client->writable)
        net->client->writable(net->client_arg);
    if (broken)
        net_reset_request(net);
}

/* ---- Starting and stopping ---- */

void net_send_start(struct net_send *send)
{
    env_spin_lock(&send->lock);
    send->stopped = send->dead = false;
    virtqueue_interrupt_off(send->virtqueue);
    bool tell = send->waiting;
    send->waiting = false;
    env_spin_unlock(&send->lock);
    if (tell && send->net->client->writable)
        send->net->client->writable(send->net->client_arg);
}

void net_send_stop(struct net_send *send, bool dead)
{
    env_spin_lock(&send->lock);
    send->stopped = true;
    send->dead = dead;
    if (dead)
        send->waiting = false;
    env_spin_unlock(&send->lock);
}

void net_send_collect(struct net_send *send)
{
    struct virtqueue *virtqueue = send->virtqueue;
    struct list over = LIST_INIT(over);
    env_spin_lock(&send->lock);
    for (uint32_t slot; (slot = virtqueue_collect(virtqueue)) != VIRTQUEUE_NONE;) {
        struct packet *packet = virtqueue_slot_token(virtqueue, slot);
        list_push_back(&over, &packet->link);
        virtqueue_slot_free(virtqueue, slot);
    }
    virtqueue_clear(virtqueue);
    env_spin_unlock(&send->lock);
    net_packets_done(&over);
}

/* ---- The timer ---- */

static void watcher(void *arg)
{
    struct net *net = arg;
    bool some = false, busy = false;
    for (unsigned i = 0; i < net->pairs; i++)
        busy |= send_reclaim(&net->sends[i], &some);
    uint64_t delay = some || !busy ? WATCH_DELAY : atomic_load(&net->watch_delay) * 2;
    if (delay >= WATCH_DELAY_MAX) {
        delay = WATCH_DELAY_MAX;
        if (!virtio_present(net->device))
            net_reset_request(net);
    }
    atomic_store(&net->watch_delay, delay);
    /* First "nobody watches", then a look: a packet that came in between finds either. */
    atomic_store(&net->watching, false);
    for (unsigned i = 0; i < net->pairs; i++) {
        struct net_send *send = &net->sends[i];
        env_spin_lock(&send->lock);
        if (!send->stopped)
            send_watch(send);
        env_spin_unlock(&send->lock);
    }
}

void net_watch_init(struct net *net)
{
    net->watch_delay = WATCH_DELAY;
    env_timer_init(&net->watcher, watcher, net);
}

/* The queues are stopped. */
void net_watch_stop(struct net *net)
{
    env_timer_stop(&net->watcher);
    atomic_store(&net->watching, false);
}
