#include "net_walk.h"
#include <sched.h>
#include <string.h>
#include "env.h"
#include "fake_net.h"

#define PIECES    64u
#define FRAME_MAX 66000u

struct walk_packet {
    struct packet packet;
    struct sg_segment segments[3];
    bool out; /* not back yet */
};

struct walk {
    struct choices *choices;
    bool honest;
    struct fake_net device;
    struct net *net;
    sluice_netqueue_t *card;
    struct walk_packet packets[PIECES];
    unsigned put, got, submitted, refused;
    bool open, keep;
    _Atomic bool gone;
    struct list kept;
};

static struct walk walk;
static uint8_t bytes[FRAME_MAX];

static uint32_t pick(uint32_t bound)
{
    return choices_next(walk.choices, bound);
}

static void check(bool good, const char *what)
{
    if (!good)
        env_test_fault("virtio net: %s", what);
}

/* ---- The client ---- */

static void received(void *arg, struct list *packets, oskit_u32_t count)
{
    static uint8_t frame[FRAME_MAX + 4096];
    (void)arg;
    for (struct list *link; (link = list_pop_front(packets)) != NULL; count--) {
        struct packet *packet = packet_of(link);
        uint32_t length = packet_chain_length(packet);
        check(length >= ETHERNET_HEADER && length <= walk.net->frame_max, "a frame's length");
        check(packet_chain_read(packet, 0, frame, sizeof frame) == length, "a frame's segments");
        check(!walk.honest || !memcmp(frame, bytes, length), "a frame's bytes");
        check(packet->offload.gso <= PACKET_GSO_TCP6 &&
                  (packet->offload.gso == PACKET_GSO_NONE || packet->offload.gso_size),
              "a frame's offload");
        walk.got++;
        if (walk.keep)
            list_push_back(&walk.kept, &packet->link);
        else
            packet_chain_done(packet);
    }
    check(count == 0, "a list and its count");
}

static void changed(void *arg, bool up, bool gone)
{
    (void)arg;
    (void)up;
    if (gone)
        walk.gone = true;
}

static const struct netqueue_client client = {.receive = received, .changed = changed};

static void packet_back(struct packet *packet)
{
    struct walk_packet *mine = (struct walk_packet *)packet;
    check(mine->out, "a packet came back twice");
    mine->out = false;
}

/* Until the workers have done what they were asked for. */
static void settle(void)
{
    for (unsigned i = 0; walk.open && i < walk.net->pairs; i++) {
        struct net_worker *worker = &walk.net->receives[i].worker;
        for (bool idle = false; !idle; sched_yield()) {
            env_spin_lock(&worker->lock);
            idle = worker->asleep && !worker->work;
            env_spin_unlock(&worker->lock);
        }
    }
}

/* ---- Steps ---- */

static struct net_header header_pick(void)
{
    struct net_header header = {0};
    if (walk.honest || pick(2))
        return header;
    header.flags = (uint8_t)pick(4);
    header.gso = (uint8_t)(pick(2) ? pick(256) : pick(5));
    header.gso_size = (uint16_t)pick(3000);
    header.header_length = (uint16_t)pick(300);
    header.sum_start = (uint16_t)pick(65536);
    header.sum_offset = (uint16_t)pick(300);
    return header;
}

static void frame_comes(void)
{
    struct net_header header = header_pick();
    uint32_t length = pick(4) ? 14 + pick(1505) : 14 + pick(walk.net->frame_max - 13);
    if (!walk.honest && !pick(8))
        length = 1 + pick(FRAME_MAX - 1);
    walk.put += fake_net_receive(&walk.device, 0, &header, bytes, length);
}

/* Takes a buffer, scribbles, and gives it back with any length. */
static void scribble(void)
{
    struct fake_request request;
    if (walk.honest || !fake_virtio_take(&walk.device.virtio, 0, &request))
        return;
    for (unsigned i = 0; i < 14 && i < request.pieces[0].length; i++)
        request.pieces[0].base[i] = (uint8_t)pick(256);
    if (pick(2) && request.pieces[0].length > 11) {
        request.pieces[0].base[10] = (uint8_t)pick(4);
        request.pieces[0].base[11] = 0;
    }
    fake_virtio_give(&walk.device.virtio, &request, pick(5000));
}

static struct packet *packet_pick(unsigned *at)
{
    while (*at < PIECES && walk.packets[*at].out)
        ++*at;
    if (*at == PIECES)
        return NULL;
    struct walk_packet *mine = &walk.packets[(*at)++];
    *mine = (struct walk_packet){.packet = {.segments = mine->segments, .done = packet_back},
                                 .out = true};
    list_init(&mine->packet.link);
    mine->packet.segment_count = 1 + pick(3);
    for (unsigned i = 0; i < mine->packet.segment_count; i++) {
        mine->segments[i] = (struct sg_segment){bytes, 1 + pick(pick(4) ? 700 : 22000)};
        mine->packet.length += mine->segments[i].length;
    }
    return &mine->packet;
}

static void offload_pick(struct packet_offload *offload)
{
    if (pick(2))
        return;
    *offload = (struct packet_offload){.flags = (uint8_t)pick(4),
                                       .gso = (uint8_t)pick(4),
                                       .gso_size = (uint16_t)pick(1500),
                                       .header_length = (uint16_t)pick(200),
                                       .sum_start = (uint16_t)pick(100),
                                       .sum_offset = (uint16_t)pick(100)};
}

static void frames_go(void)
{
    struct list packets = LIST_INIT(packets);
    unsigned count = 1 + pick(8), at = 0;
    for (unsigned i = 0; i < count; i++) {
        struct packet *packet = packet_pick(&at);
        if (!packet)
            break;
        offload_pick(&packet->offload);
        if (!pick(4))
            packet->more = packet_pick(&at);
        list_push_back(&packets, &packet->link);
    }
    walk.submitted += sluice_netqueue_submit(walk.card, &packets);
    net_packets_done(&packets);
}

static void open_or_close(void)
{
    if (walk.open) {
        sluice_netqueue_close(walk.card);
        walk.open = false;
        for (unsigned i = 0; i < PIECES; i++)
            check(!walk.packets[i].out, "a packet that close didn't give back");
    } else {
        oskit_error_t error = sluice_netqueue_open(walk.card, &client, NULL);
        check(!error || !walk.honest, "it can't be opened");
        walk.open = !error;
    }
}

static void lie(void)
{
    struct fake_virtio *virtio = &walk.device.virtio;
    if (walk.honest)
        return;
    switch (pick(6)) {
    case 0:
        fake_virtio_used(virtio, pick(2), pick(300), pick(5000), 1 + pick(3));
        break;
    case 1:
        fake_virtio_used_jump(virtio, pick(2), (int)pick(600) - 300);
        break;
    case 2:
        virtio->status |= VIRTIO_NEEDS_RESET;
        break;
    case 3:
        virtio->stuck = !pick(8);
        break;
    default:
        virtio->gone = !pick(16);
        break;
    }
}

static void step(void)
{
    switch (pick(12)) {
    case 0:
    case 1:
        frame_comes();
        break;
    case 2:
        scribble();
        break;
    case 3:
    case 4:
        frames_go();
        break;
    case 5:
        fake_virtio_serve(&walk.device.virtio);
        break;
    case 6:
        lie();
        break;
    case 7:
        fake_net_link(&walk.device, pick(2));
        break;
    case 8:
        env_test_clock_advance(20000000);
        break;
    case 9:
        walk.keep = !walk.keep;
        if (!walk.keep)
            net_packets_done(&walk.kept);
        break;
    case 10:
        if (!pick(4))
            open_or_close();
        else
            sluice_netqueue_reclaim(walk.card);
        break;
    default:
        break;
    }
    fake_virtio_interrupt(&walk.device.virtio);
    settle();
}

static uint64_t features_pick(void)
{
    static const uint64_t each[] = {NET_F_CSUM,        NET_F_GUEST_CSUM,   NET_F_GUEST_TSO,
                                    NET_F_HOST_TSO,    NET_F_MRG_RXBUF,    NET_F_STATUS,
                                    VIRTIO_F_INDIRECT, VIRTIO_F_EVENT_IDX, VIRTIO_F_RING_PACKED};
    uint64_t features = NET_F_MAC;
    for (unsigned i = 0; i < sizeof each / sizeof *each; i++)
        features |= pick(4) ? each[i] : 0;
    return features;
}

void net_walk(struct choices *choices, unsigned steps, bool honest)
{
    struct netqueue_statistics counts;
    memset(&walk, 0, sizeof walk);
    walk.choices = choices;
    walk.honest = honest;
    list_init(&walk.kept);
    for (uint32_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 13 + (i >> 8));
    fake_net_init(&walk.device, features_pick());
    if (virtio_device_attach(&walk.device.virtio.device))
        env_test_fault("no driver");
    walk.net = walk.device.virtio.device.driver_data;
    walk.card = &walk.net->face.i;
    sluice_netqueue_addref(walk.card);
    open_or_close();
    for (unsigned i = 0; i < steps && !choices_over(choices); i++)
        step();
    sluice_netqueue_get_statistics(walk.card, &counts);
    check(counts.rx_packets >= walk.got, "more frames than it counted");
    if (honest)
        check(!walk.gone && !counts.rx_errors, "an honest device was not believed");
    if (walk.open)
        open_or_close();
    virtio_device_detach(&walk.device.virtio.device);
    net_packets_done(&walk.kept);
    for (unsigned i = 0; i < PIECES; i++)
        check(!walk.packets[i].out, "a packet that didn't come back");
    sluice_netqueue_release(walk.card);
    fake_net_free(&walk.device);
}
