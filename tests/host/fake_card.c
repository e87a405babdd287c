#include "fake_card.h"

#include <stdlib.h>
#include <string.h>
#include <sluice/env.h>
#include "env.h"

static struct fake_card *card_of(sluice_netqueue_t *self)
{
    return (struct fake_card *)SLUICE_OBJECT(self);
}

static oskit_error_t card_open(sluice_netqueue_t *self, const struct netqueue_client *client,
                               void *arg)
{
    struct fake_card *card = card_of(self);
    if (card->client)
        return OSKIT_EBUSY;
    card->client = client;
    card->arg = arg;
    return 0;
}

static void card_close(sluice_netqueue_t *self)
{
    card_of(self)->client = NULL;
}

static void card_keep(struct fake_card *card, const struct packet *packet)
{
    if (card->count == FAKE_CARD_FRAMES)
        env_test_fault("more frames than the fake card keeps");
    struct fake_frame *frame = &card->sent[(card->first + card->count++) % FAKE_CARD_FRAMES];
    frame->length = packet_chain_length(packet);
    frame->segments = packet_chain_segments(packet);
    frame->offload = packet->offload;
    frame->bytes = malloc(frame->length);
    uint64_t copied = packet_copied_bytes;
    packet_chain_read(packet, 0, frame->bytes, frame->length);
    packet_copied_bytes = copied;
}

static oskit_u32_t card_submit(sluice_netqueue_t *self, struct list *packets)
{
    struct fake_card *card = card_of(self);
    oskit_u32_t taken = 0;
    card->submits++;
    while (!list_empty(packets) && card->credit) {
        struct packet *packet = container_of(list_pop_front(packets), struct packet, link);
        if (card->client)
            card_keep(card, packet);
        env_spin_lock(&card->lock);
        card->statistics.tx_packets++;
        card->statistics.tx_bytes += packet_chain_length(packet);
        env_spin_unlock(&card->lock);
        packet_chain_done(packet);
        card->credit--;
        taken++;
    }
    return taken;
}

static void card_reclaim(sluice_netqueue_t *self)
{
    (void)self;
}

static void card_get_info(sluice_netqueue_t *self, struct netqueue_info *out)
{
    *out = card_of(self)->info;
}

static void card_get_statistics(sluice_netqueue_t *self, struct netqueue_statistics *out)
{
    struct fake_card *card = card_of(self);

    env_spin_lock(&card->lock);
    *out = card->statistics;
    env_spin_unlock(&card->lock);
}

static bool card_link(sluice_netqueue_t *self)
{
    return card_of(self)->up;
}

static oskit_error_t card_set_receive(sluice_netqueue_t *self, oskit_u32_t mode,
                                      const oskit_u8_t (*multicast)[6], oskit_u32_t count)
{
    (void)multicast, (void)count;
    card_of(self)->mode = mode;
    return 0;
}

static oskit_error_t card_set_address(sluice_netqueue_t *self, const oskit_u8_t *address)
{
    memcpy(card_of(self)->info.address, address, 6);
    return 0;
}

static struct sluice_netqueue_ops card_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .open = card_open,
    .close = card_close,
    .submit = card_submit,
    .reclaim = card_reclaim,
    .get_info = card_get_info,
    .get_statistics = card_get_statistics,
    .link = card_link,
    .set_receive = card_set_receive,
    .set_address = card_set_address,
};

static void card_destroy(struct sluice_object *object)
{
    struct fake_card *card = (struct fake_card *)object;
    fake_card_clear(card);
    if (card->received_live)
        env_test_fault("%u received packets are not given back", card->received_live);
    sluice_object_fini(object);
    free(card);
}

static const struct sluice_interface card_interfaces[] = {
    {&oskit_iunknown_iid, offsetof(struct fake_card, queue), &card_ops},
    {&sluice_netqueue_iid, offsetof(struct fake_card, queue), &card_ops},
};

static const struct sluice_class card_class = {"fake card", card_interfaces,
                                               SLUICE_COUNT(card_interfaces), card_destroy};

struct fake_card *fake_card_create(uint32_t features)
{
    struct fake_card *card = calloc(1, sizeof *card);
    strcpy(card->info.name, "eth0");
    strcpy(card->info.driver, "fake");
    memcpy(card->info.address, "\x02\0\0\0\0\x01", 6);
    card->info.address_length = 6;
    card->info.mtu = 1500;
    card->info.features = features;
    card->info.segments_max = 64;
    card->info.depth = 256;
    card->info.queues = 1;
    card->up = true;
    card->credit = UINT32_MAX;
    sluice_object_init(&card->object, &card_class);
    return card;
}

bool fake_card_take(struct fake_card *card, struct fake_frame *out)
{
    if (!card->count)
        return false;
    *out = card->sent[card->first];
    card->first = (card->first + 1) % FAKE_CARD_FRAMES;
    card->count--;
    return true;
}

void fake_card_clear(struct fake_card *card)
{
    struct fake_frame frame;
    while (fake_card_take(card, &frame))
        free(frame.bytes);
}

/* ---- Arriving ---- */

struct arrived {
    struct packet packet;
    struct sg_segment segment;
    struct fake_card *card;
    uint8_t bytes[];
};

static void arrived_done(struct packet *packet)
{
    struct arrived *arrived = (struct arrived *)packet;
    arrived->card->received_live--;
    free(arrived);
}

static struct packet *arrived_make(struct fake_card *card, const uint8_t *bytes, uint32_t length)
{
    struct arrived *arrived = malloc(sizeof *arrived + length);
    memset(arrived, 0, sizeof *arrived);
    memcpy(arrived->bytes, bytes, length);
    arrived->segment = (struct sg_segment){arrived->bytes, length};
    arrived->packet.segments = &arrived->segment;
    arrived->packet.segment_count = 1;
    arrived->packet.length = length;
    arrived->packet.done = arrived_done;
    arrived->card = card;
    card->received_live++;
    return &arrived->packet;
}

void fake_card_arrive(struct fake_card *card, const void *bytes, uint32_t length, uint32_t piece,
                      uint32_t flags)
{
    struct list packets = LIST_INIT(packets);
    struct packet *first = NULL, **next = &first;
    for (uint32_t at = 0; at < length;) {
        uint32_t size = piece && piece < length - at ? piece : length - at;
        *next = arrived_make(card, (const uint8_t *)bytes + at, size);
        next = &(*next)->more;
        at += size;
    }
    first->offload.flags = (oskit_u8_t)flags;
    if (card->hold) {
        list_push_back(&card->held, &first->link);
        return;
    }
    list_push_back(&packets, &first->link);
    env_test_interrupt_enter();
    card->client->receive(card->arg, &packets, 1);
    env_test_interrupt_leave();
}

void fake_card_hold(struct fake_card *card)
{
    list_init(&card->held);
    card->hold = true;
}

void fake_card_arrive_held(struct fake_card *card)
{
    struct list packets = LIST_INIT(packets);
    uint32_t count = 0;
    card->hold = false;
    for (; !list_empty(&card->held); count++)
        list_push_back(&packets, list_pop_front(&card->held));
    env_test_interrupt_enter();
    card->client->receive(card->arg, &packets, count);
    env_test_interrupt_leave();
}

void fake_card_link(struct fake_card *card, bool up)
{
    card->up = up;
    env_test_interrupt_enter();
    card->client->changed(card->arg, up, false);
    env_test_interrupt_leave();
}

void fake_card_writable(struct fake_card *card, uint32_t count)
{
    card->credit += count;
    env_test_interrupt_enter();
    card->client->writable(card->arg);
    env_test_interrupt_leave();
}
