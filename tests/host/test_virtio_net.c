#include "drivers/virtio/net.h"
#include "fake_net.h"
#include "harness.h"
#include "net_walk.h"

#define ALL                                                                                     \
    (NET_F_CSUM | NET_F_GUEST_CSUM | NET_F_MTU | NET_F_MAC | NET_F_GUEST_TSO | NET_F_HOST_TSO | \
     NET_F_MRG_RXBUF | NET_F_STATUS | NET_F_CTRL_VQ | NET_F_CTRL_RX | NET_F_CTRL_MAC_ADDR |     \
     VIRTIO_F_INDIRECT | VIRTIO_F_EVENT_IDX)
#define MILLISECOND 1000000ull

/* ---- A client ---- */

struct client {
    _Atomic unsigned calls, packets, writable, changes, inside;
    _Atomic bool up, gone;
    uint32_t length;
    struct packet_offload offload;
    uint8_t frame[70000];
    bool keep; /* received packets stay on the list */
    struct list kept;
    struct packet_pool *pool;
    _Atomic unsigned done;
};

static void client_receive(void *arg, struct list *packets, oskit_u32_t count)
{
    struct client *client = arg;
    if (atomic_fetch_add(&client->inside, 1))
        env_test_fault("two calls at once");
    client->calls++;
    client->packets += count;
    for (struct list *link; (link = list_pop_front(packets)) != NULL;) {
        struct packet *packet = packet_of(link);
        client->length = packet_chain_read(packet, 0, client->frame, sizeof client->frame);
        client->offload = packet->offload;
        if (client->length != packet_chain_length(packet))
            env_test_fault("a frame whose length isn't its segments'");
        if (client->keep)
            list_push_back(&client->kept, &packet->link);
        else
            packet_chain_done(packet);
    }
    atomic_fetch_sub(&client->inside, 1);
}

static void client_writable(void *arg)
{
    ((struct client *)arg)->writable++;
}

static void client_changed(void *arg, bool up, bool gone)
{
    struct client *client = arg;
    client->up = up;
    client->gone = gone;
    client->changes++;
}

static const struct netqueue_client calls = {client_receive, client_writable, client_changed};

/* ---- A card that is attached, and open ---- */

static struct fake_net device;
static struct client client;

static sluice_netqueue_t *card_attach(void)
{
    if (device.virtio.features & NET_F_CTRL_VQ)
        fake_virtio_start(&device.virtio);
    assert_int_equal(virtio_device_attach(&device.virtio.device), 0);
    sluice_netqueue_t *card = &((struct net *)device.virtio.device.driver_data)->face.i;
    sluice_netqueue_addref(card);
    return card;
}

static void client_init(void)
{
    memset(&client, 0, sizeof client);
    list_init(&client.kept);
    assert_int_equal(packet_pool_create(64, 2000, 0, 400, &client.pool), 0);
}

static sluice_netqueue_t *card_open(uint64_t features)
{
    client_init();
    fake_net_init(&device, features);
    sluice_netqueue_t *card = card_attach();
    assert_int_equal(sluice_netqueue_open(card, &calls, &client), 0);
    /* With a thread the device would send while the test looks. */
    fake_virtio_stop(&device.virtio);
    return card;
}

static void kept_done(void)
{
    net_packets_done(&client.kept);
}

static void card_end(sluice_netqueue_t *card)
{
    if (device.virtio.features & NET_F_CTRL_VQ && !device.virtio.running)
        fake_virtio_start(&device.virtio);
    sluice_netqueue_close(card);
    virtio_device_detach(&device.virtio.device);
    sluice_netqueue_release(card);
    fake_net_free(&device);
    kept_done();
    packet_pool_release(client.pool);
}

static struct netqueue_statistics statistics(sluice_netqueue_t *card)
{
    struct netqueue_statistics result;
    sluice_netqueue_get_statistics(card, &result);
    return result;
}

/* Ends when CONDITION does; the harness's time limit catches what never ends. */
#define WAIT_FOR(condition)                                     \
    do {                                                        \
        struct env_sleep sleep_;                                \
        env_sleep_init(&sleep_);                                \
        env_sleep(&sleep_, env_time_monotonic() + MILLISECOND); \
    } while (!(condition))

static void bytes_fill(uint8_t *bytes, uint32_t size, unsigned seed)
{
    for (uint32_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(i * 5 + (i >> 8) + seed);
    bytes[0] &= 0xfe;
}

/* ---- What it is ---- */

static void test_what_the_card_says(void **state)
{
    (void)state;
    struct netqueue_info info;
    sluice_netqueue_t *card = card_open(ALL);
    sluice_netqueue_get_info(card, &info);
    assert_string_equal(info.name, "eth0");
    assert_string_equal(info.driver, "virtio_net");
    assert_string_equal(info.location, "00:03.0");
    assert_int_equal(info.address_length, 6);
    assert_memory_equal(info.address, "\x52\x54\0\x12\x34\x56", 6);
    assert_int_equal(info.mtu, 1500);
    assert_int_equal(info.features, NETQUEUE_TX_SUM | NETQUEUE_TX_TSO4 | NETQUEUE_TX_TSO6 |
                                        NETQUEUE_RX_SUM | NETQUEUE_RX_LARGE);
    assert_int_equal(info.segments_max, 31);
    assert_int_equal(info.depth, 32);
    assert_int_equal(info.queues, 1);
    assert_true(sluice_netqueue_link(card));
    assert_int_equal(sluice_netqueue_open(card, &calls, &client), OSKIT_EBUSY);
    card_end(card);
}

static uint32_t features_with(uint64_t features, uint64_t *accepted)
{
    struct netqueue_info info;
    sluice_netqueue_t *card = card_open(features);
    sluice_netqueue_get_info(card, &info);
    *accepted = device.virtio.accepted;
    card_end(card);
    return info.features;
}

static void test_features_that_need_others(void **state)
{
    (void)state;
    uint64_t accepted;
    assert_int_equal(features_with(0, &accepted), 0);
    assert_int_equal(features_with(NET_F_HOST_TSO | NET_F_GUEST_TSO | NET_F_MRG_RXBUF, &accepted),
                     0);
    assert_false(accepted & (NET_F_HOST_TSO | NET_F_GUEST_TSO));
    assert_int_equal(features_with(NET_F_GUEST_CSUM | NET_F_GUEST_TSO, &accepted), NETQUEUE_RX_SUM);
    assert_int_equal(features_with(NET_F_CSUM | NET_F_HOST_TSO4, &accepted),
                     NETQUEUE_TX_SUM | NETQUEUE_TX_TSO4);
    features_with(NET_F_CTRL_RX | NET_F_CTRL_MAC_ADDR, &accepted);
    assert_false(accepted & (NET_F_CTRL_RX | NET_F_CTRL_MAC_ADDR));
    features_with(UINT64_MAX & ~(NET_F_CTRL_VQ | NET_F_MQ | VIRTIO_F_RING_PACKED), &accepted);
    assert_false(accepted & VIRTIO_F(10)); /* UFO and what else we don't know */
}

static void test_odd_configurations(void **state)
{
    (void)state;
    struct netqueue_info info;
    client_init();
    fake_net_init(&device, ALL & ~NET_F_CTRL_VQ);
    memset(device.virtio.config, 0xff, 6); /* not an address of one station */
    device.virtio.config[10] = 20;         /* not an MTU */
    device.virtio.config[11] = 0;
    sluice_netqueue_t *card = card_attach();
    sluice_netqueue_get_info(card, &info);
    assert_int_equal(info.address[0] & 3, 2);
    assert_int_equal(info.mtu, 1500);
    card_end(card);
    client_init();
    fake_net_init(&device, NET_F_MTU);
    device.virtio.config[10] = 9000 & 0xff;
    device.virtio.config[11] = 9000 >> 8;
    card = card_attach();
    sluice_netqueue_get_info(card, &info);
    assert_int_equal(info.mtu, 9000);
    assert_int_equal(info.address[0] & 3, 2);
    assert_int_equal(sluice_netqueue_open(card, &calls, &client), 0);
    static uint8_t frame[9014];
    bytes_fill(frame, sizeof frame, 1);
    assert_true(fake_net_receive(&device, 0, NULL, frame, sizeof frame));
    fake_virtio_interrupt(&device.virtio);
    assert_int_equal(client.length, sizeof frame);
    assert_memory_equal(client.frame, frame, sizeof frame);
    card_end(card);
}

static void test_without_memory(void **state)
{
    (void)state;
    ENV_TEST_EACH_FAILURE
    {
        fake_net_init(&device, ALL & ~NET_F_CTRL_VQ);
        oskit_error_t error = virtio_device_attach(&device.virtio.device);
        if (!error) {
            struct net *net = device.virtio.device.driver_data;
            error = sluice_netqueue_open(&net->face.i, &calls, &client);
            if (!error)
                sluice_netqueue_close(&net->face.i);
            virtio_device_detach(&device.virtio.device);
        }
        /* The pools of buffers take what they get. */
        if (error)
            assert_int_equal(error, OSKIT_E_OUTOFMEMORY);
        assert_true(!error || env_test_failed());
        assert_int_equal(device.virtio.status, 0);
        fake_net_free(&device);
        env_test_join_threads();
    }
}

static void test_opened_again_and_again(void **state)
{
    (void)state;
    sluice_netqueue_t *card = card_open(ALL & ~NET_F_CTRL_VQ);
    uint8_t frame[60];
    bytes_fill(frame, sizeof frame, 3);
    for (unsigned i = 0; i < 5; i++) {
        assert_true(fake_net_receive(&device, 0, NULL, frame, sizeof frame));
        fake_virtio_interrupt(&device.virtio);
        assert_int_equal(client.packets, i + 1);
        assert_true(fake_net_receive(&device, 0, NULL, frame, sizeof frame)); /* nobody hears */
        sluice_netqueue_close(card);
        sluice_netqueue_close(card);
        assert_int_equal(device.virtio.status & VIRTIO_DRIVER_OK, 0);
        fake_virtio_interrupt(&device.virtio);
        assert_false(fake_net_receive(&device, 0, NULL, frame, sizeof frame));
        assert_int_equal(sluice_netqueue_open(card, &calls, &client), 0);
    }
    assert_int_equal(client.packets, 5);
    /* A device that has changed its mind. */
    sluice_netqueue_close(card);
    device.virtio.features &= ~NET_F_CSUM;
    assert_int_equal(sluice_netqueue_open(card, &calls, &client), OSKIT_EIO);
    card_end(card);
}

/* ---- Out ---- */

static struct packet *frame_make(const uint8_t *bytes, uint32_t length)
{
    struct packet *packet = packet_take(client.pool);
    assert_non_null(packet);
    assert_true(packet_resize(packet, length));
    memcpy(packet->segments->base, bytes, length);
    return packet;
}

static uint32_t send_one(sluice_netqueue_t *card, struct packet *packet)
{
    struct list packets = LIST_INIT(packets);
    list_push_back(&packets, &packet->link);
    uint32_t taken = sluice_netqueue_submit(card, &packets);
    if (!taken)
        packet_chain_done(packet);
    return taken;
}

static void packets_fill(struct list *packets, unsigned count)
{
    uint8_t bytes[100];
    list_init(packets);
    for (unsigned i = 0; i < count; i++) {
        bytes_fill(bytes, sizeof bytes, i);
        list_push_back(packets, &frame_make(bytes, sizeof bytes)->link);
    }
}

static void test_frames_go_out(void **state)
{
    (void)state;
    static const uint64_t kinds[] = {0, VIRTIO_F_INDIRECT, VIRTIO_F_INDIRECT | VIRTIO_F_EVENT_IDX,
                                     VIRTIO_F_RING_PACKED, ALL | VIRTIO_F_RING_PACKED};
    uint8_t bytes[1514];
    for (unsigned kind = 0; kind < SLUICE_COUNT(kinds); kind++) {
        sluice_netqueue_t *card = card_open(kinds[kind]);
        for (unsigned i = 0; i < 100; i++) {
            bytes_fill(bytes, sizeof bytes, i);
            uint32_t length = 14 + i * 15;
            struct packet *packet = frame_make(bytes, length);
            packet->more = i & 1 ? frame_make(bytes, 7) : NULL;
            assert_int_equal(send_one(card, packet), 1);
            fake_virtio_serve(&device.virtio);
            assert_int_equal(device.sent, i + 1);
            assert_int_equal(device.length, length + (i & 1 ? 7 : 0));
            assert_memory_equal(device.frame, bytes, length);
            assert_memory_equal(&device.header, &(struct net_header){0}, sizeof(struct net_header));
        }
        assert_int_equal(statistics(card).tx_packets, 100);
        assert_int_equal(statistics(card).tx_bytes, device.sent_bytes);
        card_end(card);
    }
}

static void test_a_batch_is_one_notification(void **state)
{
    (void)state;
    sluice_netqueue_t *card = card_open(ALL);
    unsigned before = device.virtio.queues[1].notifications;
    uint64_t counted = statistics(card).notifications;
    for (unsigned round = 0; round < 20; round++) {
        struct list packets;
        packets_fill(&packets, 8);
        assert_int_equal(sluice_netqueue_submit(card, &packets), 8);
        fake_virtio_serve(&device.virtio);
    }
    assert_int_equal(device.sent, 160);
    assert_int_equal(device.virtio.queues[1].notifications - before, 20);
    assert_int_equal(statistics(card).notifications - counted, 20);
    assert_int_equal(statistics(card).interrupts, 0);
    card_end(card);
}

static void test_offloads_out(void **state)
{
    (void)state;
    sluice_netqueue_t *card = card_open(ALL);
    uint8_t bytes[1900];
    bytes_fill(bytes, sizeof bytes, 1);
    struct packet *packet = frame_make(bytes, 100);
    packet->offload =
        (struct packet_offload){.flags = PACKET_SUM_WANTED, .sum_start = 34, .sum_offset = 16};
    assert_int_equal(send_one(card, packet), 1);
    packet = frame_make(bytes, 1900);
    packet->more = frame_make(bytes, 1900);
    packet->offload = (struct packet_offload){.flags = PACKET_SUM_WANTED,
                                              .gso = PACKET_GSO_TCP6,
                                              .gso_size = 1400,
                                              .header_length = 74,
                                              .sum_start = 54,
                                              .sum_offset = 16};
    fake_virtio_serve(&device.virtio);
    assert_int_equal(device.header.flags, HEADER_NEEDS_SUM);
    assert_int_equal(device.header.gso, GSO_NONE);
    assert_int_equal(device.header.sum_start, 34);
    assert_int_equal(device.header.sum_offset, 16);
    assert_int_equal(send_one(card, packet), 1);
    fake_virtio_serve(&device.virtio);
    assert_int_equal(device.length, 3800);
    assert_int_equal(device.header.gso, GSO_TCP6);
    assert_int_equal(device.header.gso_size, 1400);
    assert_int_equal(device.header.header_length, 74);
    card_end(card);
}

static void refused(sluice_netqueue_t *card, uint32_t length, struct packet_offload offload)
{
    uint8_t bytes[1900];
    unsigned before = device.sent;
    uint64_t errors = statistics(card).tx_errors;
    bytes_fill(bytes, sizeof bytes, 1);
    struct packet *packet = frame_make(bytes, length);
    packet->offload = offload;
    assert_int_equal(send_one(card, packet), 1);
    fake_virtio_serve(&device.virtio);
    assert_int_equal(device.sent, before);
    assert_int_equal(statistics(card).tx_errors, errors + 1);
}

static void test_what_cannot_be_sent(void **state)
{
    (void)state;
    struct packet_offload sum = {.flags = PACKET_SUM_WANTED, .sum_start = 34, .sum_offset = 16};
    struct packet_offload large = {.flags = PACKET_SUM_WANTED,
                                   .gso = PACKET_GSO_TCP4,
                                   .gso_size = 1000,
                                   .header_length = 54,
                                   .sum_start = 34,
                                   .sum_offset = 16};
    sluice_netqueue_t *card = card_open((ALL | VIRTIO_F_INDIRECT) & ~NET_F_HOST_TSO4);
    refused(card, 13, (struct packet_offload){0});
    refused(card, 1519, (struct packet_offload){0});
    refused(card, 51, sum);
    refused(card, 1900, large); /* not agreed on */
    large.gso = PACKET_GSO_TCP6;
    large.gso_size = 0;
    refused(card, 1900, large);
    large.gso_size = 1000;
    large.header_length = 1900;
    refused(card, 1900, large);
    large.header_length = 54;
    large.flags = 0;
    refused(card, 1900, large);
    large.flags = PACKET_SUM_WANTED;
    large.gso = 3;
    refused(card, 1900, large);
    uint8_t bytes[40] = {0};
    struct packet *packet = NULL;
    for (unsigned i = 0; i < 32; i++) { /* one segment more than the ring takes */
        struct packet *piece = frame_make(bytes, 40);
        piece->more = packet;
        packet = piece;
    }
    assert_int_equal(send_one(card, packet), 1);
    assert_int_equal(statistics(card).tx_errors, 9);
    card_end(card);
    card = card_open(0);
    refused(card, 100, sum);
    card_end(card);
}

static void test_out_of_credit(void **state)
{
    (void)state;
    static const uint64_t kinds[] = {VIRTIO_F_INDIRECT, ALL, ALL | VIRTIO_F_RING_PACKED};
    for (unsigned kind = 0; kind < SLUICE_COUNT(kinds); kind++) {
        struct list packets;
        sluice_netqueue_t *card = card_open(kinds[kind]);
        packets_fill(&packets, 50);
        assert_int_equal(sluice_netqueue_submit(card, &packets), 32);
        assert_int_equal(sluice_netqueue_submit(card, &packets), 0);
        assert_int_equal(client.writable, 0);
        assert_int_equal(fake_virtio_serve(&device.virtio), 32);
        assert_int_equal(client.writable, 1);
        assert_int_equal(statistics(card).interrupts, 1);
        assert_int_equal(sluice_netqueue_submit(card, &packets), 18);
        fake_virtio_serve(&device.virtio);
        assert_int_equal(client.writable, 1);
        assert_int_equal(statistics(card).interrupts, 1);
        assert_int_equal(device.sent, 50);
        card_end(card);
    }
}

/* What the interrupt is asked for may have been taken back before it comes. */
static void test_credit_that_is_taken_back_first(void **state)
{
    (void)state;
    static const uint64_t kinds[] = {0, VIRTIO_F_INDIRECT, ALL & ~NET_F_CTRL_VQ};
    for (unsigned kind = 0; kind < SLUICE_COUNT(kinds); kind++) {
        struct list packets;
        struct fake_request request;
        sluice_netqueue_t *card = card_open(kinds[kind]);
        packets_fill(&packets, 40);
        unsigned taken = sluice_netqueue_submit(card, &packets);
        assert_int_equal(sluice_netqueue_submit(card, &packets), 0);
        while (fake_virtio_take(&device.virtio, 1, &request))
            fake_virtio_give(&device.virtio, &request, 0);
        sluice_netqueue_reclaim(card);
        fake_virtio_interrupt(&device.virtio);
        assert_int_equal(client.writable, 1);
        taken += sluice_netqueue_submit(card, &packets);
        assert_true(taken > 16);
        net_packets_done(&packets);
        card_end(card);
    }
}

static void sent_done(struct packet *packet)
{
    (void)packet;
    client.done++;
}

static void test_sent_packets_come_back(void **state)
{
    (void)state;
    static uint8_t bytes[60];
    static struct sg_segment segment = {bytes, 60};
    struct packet packets[3];
    for (unsigned i = 0; i < 3; i++)
        packets[i] = (struct packet){
            .segments = &segment, .segment_count = 1, .length = 60, .done = sent_done};
    env_test_clock_manual(true);
    sluice_netqueue_t *card = card_open(ALL & ~NET_F_CTRL_VQ);
    assert_int_equal(send_one(card, &packets[0]), 1);
    fake_virtio_serve(&device.virtio);
    assert_int_equal(client.done, 0);
    assert_int_equal(send_one(card, &packets[1]), 1); /* the next one takes it back */
    assert_int_equal(client.done, 1);
    fake_virtio_serve(&device.virtio);
    sluice_netqueue_reclaim(card);
    assert_int_equal(client.done, 2);
    assert_int_equal(send_one(card, &packets[2]), 1);
    fake_virtio_serve(&device.virtio);
    env_test_clock_advance(50 * MILLISECOND); /* or a timer */
    assert_int_equal(client.done, 3);
    assert_int_equal(env_test_timers(), 0);
    /* A device that takes its time is looked after rarely, and close takes all back. */
    assert_int_equal(send_one(card, &packets[0]), 1);
    env_test_clock_advance(10000 * MILLISECOND);
    assert_int_equal(client.done, 3);
    assert_int_equal(env_test_timers(), 1);
    sluice_netqueue_close(card);
    assert_int_equal(client.done, 4);
    assert_int_equal(env_test_timers(), 0);
    assert_int_equal(send_one(card, &packets[0]), 1); /* taken and dropped */
    assert_int_equal(client.done, 5);
    assert_int_equal(statistics(card).tx_dropped, 1);
    card_end(card);
    env_test_clock_manual(false);
}

/* ---- In ---- */

static void test_frames_come_in(void **state)
{
    (void)state;
    static const uint64_t kinds[] = {0,   VIRTIO_F_INDIRECT,          NET_F_MRG_RXBUF,
                                     ALL, ALL | VIRTIO_F_RING_PACKED, ALL & ~NET_F_GUEST_TSO};
    uint8_t bytes[1514];
    for (unsigned kind = 0; kind < SLUICE_COUNT(kinds); kind++) {
        sluice_netqueue_t *card = card_open(kinds[kind]);
        for (unsigned i = 0; i < 100; i++) {
            uint32_t length = 14 + i * 15;
            bytes_fill(bytes, sizeof bytes, i);
            assert_true(fake_net_receive(&device, 0, NULL, bytes, length));
            assert_int_equal(fake_virtio_interrupt(&device.virtio), 1);
            assert_int_equal(client.packets, i + 1);
            assert_int_equal(client.length, length);
            assert_memory_equal(client.frame, bytes, length);
            assert_int_equal(client.offload.flags, 0);
        }
        assert_int_equal(statistics(card).rx_packets, 100);
        assert_int_equal(statistics(card).rx_errors, 0);
        assert_int_equal(statistics(card).interrupts, 100);
        card_end(card);
    }
}

static void test_devices_of_old(void **state)
{
    (void)state;
    static const uint64_t kinds[] = {0, VIRTIO_F_ANY_LAYOUT, VIRTIO_F_INDIRECT, NET_F_MRG_RXBUF};
    uint8_t bytes[1514];
    for (unsigned kind = 0; kind < SLUICE_COUNT(kinds); kind++) {
        client_init();
        fake_net_init(&device, kinds[kind] | NET_F_MAC);
        device.virtio.features &= ~VIRTIO_F_VERSION_1;
        device.virtio.size_fixed = true;
        sluice_netqueue_t *card = card_attach();
        assert_int_equal(sluice_netqueue_open(card, &calls, &client), 0);
        for (unsigned i = 0; i < 100; i++) {
            bytes_fill(bytes, sizeof bytes, i);
            assert_true(fake_net_receive(&device, 0, NULL, bytes, 14 + i));
            fake_virtio_interrupt(&device.virtio);
            assert_int_equal(client.length, 14 + i);
            assert_memory_equal(client.frame, bytes, 14 + i);
            assert_int_equal(send_one(card, frame_make(bytes, 60 + i)), 1);
            fake_virtio_serve(&device.virtio);
            assert_memory_equal(device.frame, bytes, 60 + i);
        }
        assert_int_equal(sluice_netqueue_set_address(card, (const uint8_t *)"\2\3\4\5\6\7"), 0);
        assert_memory_equal(device.virtio.config, "\2\3\4\5\6\7", 6);
        card_end(card);
    }
}

static void test_a_batch_is_one_interrupt(void **state)
{
    (void)state;
    sluice_netqueue_t *card = card_open(ALL);
    uint8_t bytes[60];
    bytes_fill(bytes, sizeof bytes, 1);
    uint64_t notifications = statistics(card).notifications;
    for (unsigned round = 0; round < 10; round++) {
        for (unsigned i = 0; i < 16; i++)
            assert_true(fake_net_receive(&device, 0, NULL, bytes, sizeof bytes));
        assert_int_equal(fake_virtio_interrupt(&device.virtio), 1);
        assert_int_equal(client.calls, round + 1);
    }
    assert_int_equal(client.packets, 160);
    assert_int_equal(statistics(card).interrupts, 10);
    assert_int_equal(statistics(card).polls, 0);
    assert_true(statistics(card).notifications - notifications <= 10);
    card_end(card);
}

static void test_large_frames_come_in(void **state)
{
    (void)state;
    static uint8_t bytes[65549];
    struct net_header header = {.flags = HEADER_NEEDS_SUM,
                                .gso = GSO_TCP4,
                                .header_length = 54,
                                .gso_size = 1448,
                                .sum_start = 34,
                                .sum_offset = 16};
    bytes_fill(bytes, sizeof bytes, 9);
    sluice_netqueue_t *card = card_open(ALL);
    for (uint32_t length = 2000; length <= sizeof bytes; length += 3177) {
        uint64_t copied = packet_copied_bytes;
        assert_true(fake_net_receive(&device, 0, &header, bytes, length));
        fake_virtio_interrupt(&device.virtio);
        assert_int_equal(client.length, length);
        assert_memory_equal(client.frame, bytes, length);
        assert_int_equal(packet_copied_bytes - copied, length); /* the test's own */
        assert_int_equal(client.offload.flags, PACKET_SUM_GOOD);
        assert_int_equal(client.offload.gso, PACKET_GSO_TCP4);
        assert_int_equal(client.offload.gso_size, 1448);
        assert_int_equal(client.offload.header_length, 54);
    }
    assert_int_equal(statistics(card).rx_errors, 0);
    header.flags = HEADER_SUM_GOOD;
    header.gso = GSO_NONE;
    assert_true(fake_net_receive(&device, 0, &header, bytes, 100));
    fake_virtio_interrupt(&device.virtio);
    assert_int_equal(client.offload.flags, PACKET_SUM_GOOD);
    assert_int_equal(client.offload.gso, PACKET_GSO_NONE);
    card_end(card);
}

static void test_beyond_the_budget_a_thread_goes_on(void **state)
{
    (void)state;
    enum { COUNT = 200 };
    client_init();
    fake_net_init(&device, ALL & ~NET_F_CTRL_VQ);
    device.virtio.queue_size = 256;
    sluice_netqueue_t *card = card_attach();
    assert_int_equal(sluice_netqueue_open(card, &calls, &client), 0);
    uint8_t bytes[60];
    bytes_fill(bytes, sizeof bytes, 1);
    bytes[0] |= 1;
    for (unsigned i = 0; i < COUNT; i++)
        assert_true(fake_net_receive(&device, 0, NULL, bytes, sizeof bytes));
    fake_virtio_interrupt(&device.virtio);
    WAIT_FOR(client.packets == COUNT);
    assert_int_equal(statistics(card).interrupts, 1);
    assert_in_range(statistics(card).polls, 3, 4);
    assert_int_equal(statistics(card).rx_multicast, COUNT);
    /* And interrupts are on again. */
    WAIT_FOR(!((struct net *)device.virtio.device.driver_data)->receives[0].active);
    memset(bytes, 0xff, 6);
    assert_true(fake_net_receive(&device, 0, NULL, bytes, sizeof bytes));
    assert_int_equal(fake_virtio_interrupt(&device.virtio), 1);
    assert_int_equal(client.packets, COUNT + 1);
    assert_int_equal(statistics(card).rx_multicast, COUNT);
    card_end(card);
}

static void test_packets_that_are_kept(void **state)
{
    (void)state;
    uint8_t bytes[60];
    bytes_fill(bytes, sizeof bytes, 1);
    sluice_netqueue_t *card = card_open(ALL & ~NET_F_CTRL_VQ);
    struct net *net = device.virtio.device.driver_data;
    client.keep = true;
    /* As if memory were short: its limit is reached. */
    unsigned kept = 0;
    env_test_page_limit(env_test_memory().pages + 64);
    while (fake_net_receive(&device, 0, NULL, bytes, sizeof bytes) && kept < 100000) {
        kept++;
        fake_virtio_interrupt(&device.virtio);
    }
    assert_true(kept >= 64);
    assert_int_equal(client.packets, kept);
    kept_done();
    /* Nobody says that they are back; the worker looks. */
    WAIT_FOR(fake_net_receive(&device, 0, NULL, bytes, sizeof bytes));
    fake_virtio_interrupt(&device.virtio);
    WAIT_FOR(client.packets == kept + 1);
    WAIT_FOR(!net->receives[0].active);
    env_test_page_limit(0);
    /* What the client has outlives the card. */
    sluice_netqueue_close(card);
    virtio_device_detach(&device.virtio.device);
    memset(packet_of(client.kept.next)->segments->base, 1, 60);
    kept_done();
    sluice_netqueue_release(card);
    fake_net_free(&device);
    packet_pool_release(client.pool);
}

/* ---- Nonsense ---- */

static void dropped(sluice_netqueue_t *card, const struct net_header *header, uint32_t length)
{
    static uint8_t bytes[70000];
    uint64_t errors = statistics(card).rx_errors;
    unsigned packets = client.packets;
    assert_true(fake_net_receive(&device, 0, header, bytes, length));
    fake_virtio_interrupt(&device.virtio);
    assert_int_equal(statistics(card).rx_errors, errors + 1);
    assert_int_equal(client.packets, packets);
}

static void test_absurd_frames_are_dropped(void **state)
{
    (void)state;
    sluice_netqueue_t *card = card_open(ALL);
    struct net_header bad[] = {
        {.flags = HEADER_NEEDS_SUM, .sum_start = 90, .sum_offset = 9},
        {.flags = HEADER_NEEDS_SUM, .sum_start = 0xffff, .sum_offset = 0xffff},
        {.gso = GSO_TCP4},
        {.gso = GSO_TCP4, .gso_size = 100, .header_length = 101},
        {.gso = 3, .gso_size = 100},
        {.gso = GSO_TCP4 | GSO_ECN, .gso_size = 100},
        {.gso = 0xff, .gso_size = 100, .flags = 0xff},
    };
    unsigned resets = device.virtio.resets;
    for (unsigned i = 0; i < SLUICE_COUNT(bad); i++)
        dropped(card, &bad[i], 100);
    dropped(card, NULL, 13);
    dropped(card, NULL, 1);
    dropped(card, NULL, 65554);
    assert_int_equal(device.virtio.resets, resets);
    card_end(card);
    /* What wasn't agreed on. */
    card = card_open(NET_F_MRG_RXBUF | NET_F_GUEST_CSUM);
    dropped(card, &(struct net_header){.gso = GSO_TCP4, .gso_size = 100}, 100);
    dropped(card, NULL, 1519);
    card_end(card);
    card = card_open(0);
    dropped(card, &(struct net_header){.flags = HEADER_NEEDS_SUM}, 100);
    card_end(card);
}

/* Each breaks the ring's word. */
static void lie(unsigned which)
{
    struct fake_virtio *virtio = &device.virtio;
    struct fake_request request;
    switch (which) {
    case 0: /* no header */
        assert_true(fake_virtio_take(virtio, 0, &request));
        fake_virtio_give(virtio, &request, 11);
        break;
    case 1: /* in no buffer */
    case 2: /* in three, of which there is one */
        assert_true(fake_virtio_take(virtio, 0, &request));
        memset(request.pieces[0].base, 0, 12);
        request.pieces[0].base[10] = which == 1 ? 0 : 3;
        fake_virtio_give(virtio, &request, 100);
        break;
    case 3: /* more than there was room */
        assert_true(fake_virtio_take(virtio, 0, &request));
        fake_virtio_give(virtio, &request, 10000);
        break;
    case 4:
        fake_virtio_used(virtio, 0, 1000, 50, 1);
        break;
    default:
        fake_virtio_used_jump(virtio, 0, 100);
        break;
    }
    fake_virtio_interrupt(virtio);
}

static void test_lies_reset_the_device(void **state)
{
    (void)state;
    uint8_t bytes[60];
    bytes_fill(bytes, sizeof bytes, 1);
    sluice_netqueue_t *card = card_open(ALL & ~NET_F_CTRL_VQ);
    for (unsigned which = 0; which < 6; which++) {
        unsigned resets = device.virtio.resets, packets = client.packets;
        struct list waiting;
        packets_fill(&waiting, 3);
        assert_int_equal(sluice_netqueue_submit(card, &waiting), 3); /* lost, but given back */
        lie(which);
        WAIT_FOR(device.virtio.resets == resets + 1 && device.virtio.status & VIRTIO_DRIVER_OK);
        WAIT_FOR(fake_net_receive(&device, 0, NULL, bytes, sizeof bytes));
        fake_virtio_interrupt(&device.virtio);
        WAIT_FOR(client.packets == packets + 1);
        /* When it sends again the worker is through. */
        WAIT_FOR(send_one(card, frame_make(bytes, sizeof bytes)));
        unsigned sent = device.sent;
        fake_virtio_serve(&device.virtio);
        assert_int_equal(device.sent, sent + 1);
    }
    assert_false(client.gone);
    /* Twice in a row without a frame is enough. */
    lie(0);
    WAIT_FOR(device.virtio.status & VIRTIO_DRIVER_OK && device.virtio.queues[0].driver);
    WAIT_FOR(!((struct net *)device.virtio.device.driver_data)->receives[0].stopped);
    struct fake_request request;
    WAIT_FOR(fake_virtio_take(&device.virtio, 0, &request));
    fake_virtio_give(&device.virtio, &request, 3);
    fake_virtio_interrupt(&device.virtio);
    WAIT_FOR(client.gone);
    assert_false(client.up);
    assert_false(sluice_netqueue_link(card));
    assert_int_equal(send_one(card, frame_make(bytes, sizeof bytes)), 1);
    assert_int_equal(statistics(card).tx_dropped, 1);
    sluice_netqueue_close(card);
    assert_int_equal(sluice_netqueue_open(card, &calls, &client), OSKIT_ENODEV);
    card_end(card);
}

static void test_a_device_that_asks_for_a_reset(void **state)
{
    (void)state;
    sluice_netqueue_t *card = card_open(ALL);
    fake_virtio_start(&device.virtio);
    assert_int_equal(sluice_netqueue_set_receive(card, NETQUEUE_PROMISCUOUS, NULL, 0), 0);
    device.promiscuous = 0;
    unsigned resets = device.virtio.resets;
    device.virtio.status |= VIRTIO_NEEDS_RESET;
    fake_net_link(&device, true);
    WAIT_FOR(device.virtio.resets == resets + 1);
    WAIT_FOR(device.promiscuous); /* and it is told everything again */
    card_end(card);
}

static void test_a_device_that_goes(void **state)
{
    (void)state;
    uint8_t bytes[60] = {0};
    sluice_netqueue_t *card = card_open(ALL & ~NET_F_CTRL_VQ);
    assert_int_equal(send_one(card, frame_make(bytes, sizeof bytes)), 1);
    device.virtio.gone = true;
    fake_net_link(&device, true);
    WAIT_FOR(client.gone);
    assert_int_equal(send_one(card, frame_make(bytes, sizeof bytes)), 1);
    card_end(card);
    /* Nobody says so, but a frame doesn't come back. */
    env_test_clock_manual(true);
    card = card_open(ALL & ~NET_F_CTRL_VQ);
    assert_int_equal(send_one(card, frame_make(bytes, sizeof bytes)), 1);
    device.virtio.gone = true;
    env_test_clock_advance(2000 * MILLISECOND);
    while (!client.gone)
        ;
    card_end(card);
    env_test_clock_manual(false);
}

static void test_detached_while_open(void **state)
{
    (void)state;
    uint8_t bytes[60] = {0};
    sluice_netqueue_t *card = card_open(ALL & ~NET_F_CTRL_VQ);
    client.keep = true;
    assert_true(fake_net_receive(&device, 0, NULL, bytes, sizeof bytes));
    fake_virtio_interrupt(&device.virtio);
    assert_int_equal(send_one(card, frame_make(bytes, sizeof bytes)), 1);
    virtio_device_detach(&device.virtio.device);
    assert_true(client.gone);
    assert_int_equal(client.changes, 1);
    assert_int_equal(device.virtio.status, 0);
    assert_int_equal(send_one(card, frame_make(bytes, sizeof bytes)), 1);
    sluice_netqueue_reclaim(card);
    assert_int_equal(sluice_netqueue_set_receive(card, 0, NULL, 0), 0);
    sluice_netqueue_close(card);
    assert_int_equal(sluice_netqueue_open(card, &calls, &client), OSKIT_ENODEV);
    sluice_netqueue_release(card);
    fake_net_free(&device);
    kept_done();
    packet_pool_release(client.pool);
}

/* ---- Commands ---- */

/* Moves the clock when two sleep: the worker, and who gave a command. */
static void *clock_moves(void *arg)
{
    while (env_test_sleepers() < 2)
        ;
    env_test_clock_advance(6000 * MILLISECOND);
    return arg;
}

static void test_what_it_is_to_receive(void **state)
{
    (void)state;
    static const uint8_t groups[2][6] = {{1, 0, 0x5e, 0, 0, 1}, {0x33, 0x33, 0, 0, 0, 1}};
    client_init();
    fake_net_init(&device, ALL);
    sluice_netqueue_t *card = card_attach();
    /* Before it is open, it is remembered. */
    assert_int_equal(sluice_netqueue_set_receive(card, 0, groups, 2), 0);
    assert_int_equal(device.commands, 0);
    assert_int_equal(sluice_netqueue_open(card, &calls, &client), 0);
    assert_int_equal(device.promiscuous, 0);
    assert_int_equal(device.all_multicast, 0);
    assert_int_equal(device.multicast_count, 2);
    assert_memory_equal(device.multicast, groups, 12);
    assert_int_equal(
        sluice_netqueue_set_receive(card, NETQUEUE_PROMISCUOUS | NETQUEUE_ALL_MULTICAST, NULL, 0),
        0);
    assert_int_equal(device.promiscuous, 1);
    assert_int_equal(device.all_multicast, 1);
    assert_int_equal(device.multicast_count, 0);
    static uint8_t many[2000][6];
    assert_int_equal(sluice_netqueue_set_receive(card, 0, (void *)many, 600), 0);
    assert_int_equal(device.multicast_count, 600);
    assert_int_equal(device.all_multicast, 0);
    assert_int_equal(sluice_netqueue_set_receive(card, 0, (void *)many, 2000), 0);
    assert_int_equal(device.multicast_count, 0);
    assert_int_equal(device.all_multicast, 1);
    assert_int_equal(sluice_netqueue_set_receive(card, 4, NULL, 0), OSKIT_E_INVALIDARG);
    env_test_fail_after(1);
    assert_int_equal(sluice_netqueue_set_receive(card, 0, groups, 2), OSKIT_E_OUTOFMEMORY);
    device.refuse = true;
    assert_int_equal(sluice_netqueue_set_receive(card, 0, NULL, 0), OSKIT_EIO);
    device.refuse = false;
    card_end(card);
    /* One that can't filter hands all over. */
    card = card_open(ALL & ~NET_F_CTRL_VQ);
    assert_int_equal(sluice_netqueue_set_receive(card, 0, groups, 2), 0);
    card_end(card);
}

static void test_its_address(void **state)
{
    (void)state;
    static const uint8_t mine[6] = {2, 0, 0, 0, 0, 9}, group[6] = {1};
    struct netqueue_info info;
    sluice_netqueue_t *card = card_open(ALL);
    fake_virtio_start(&device.virtio);
    assert_int_equal(sluice_netqueue_set_address(card, group), OSKIT_E_INVALIDARG);
    assert_int_equal(sluice_netqueue_set_address(card, mine), 0);
    assert_memory_equal(device.address, mine, 6);
    sluice_netqueue_get_info(card, &info);
    assert_memory_equal(info.address, mine, 6);
    device.refuse = true;
    assert_int_equal(sluice_netqueue_set_address(card, (const uint8_t *)"\4\4\4\4\4\4"), OSKIT_EIO);
    sluice_netqueue_get_info(card, &info);
    assert_memory_equal(info.address, mine, 6);
    device.refuse = false;
    sluice_netqueue_close(card);
    memset(device.address, 0, 6);
    assert_int_equal(sluice_netqueue_open(card, &calls, &client), 0);
    assert_memory_equal(device.address, mine, 6);
    card_end(card);
    card = card_open(ALL & ~NET_F_CTRL_MAC_ADDR);
    assert_int_equal(sluice_netqueue_set_address(card, mine), OSKIT_EOPNOTSUPP);
    card_end(card);
}

static void test_a_device_that_answers_no_command(void **state)
{
    (void)state;
    sluice_netqueue_t *card = card_open(ALL);
    env_test_clock_manual(true); /* nobody sleeps */
    pthread_t waker;
    assert_int_equal(pthread_create(&waker, NULL, clock_moves, NULL), 0);
    assert_int_equal(sluice_netqueue_set_receive(card, 0, NULL, 0), OSKIT_EIO); /* it waits */
    assert_int_equal(sluice_netqueue_set_receive(card, 0, NULL, 0), OSKIT_EIO); /* at once */
    pthread_join(waker, NULL);
    env_test_clock_manual(false);
    card_end(card);
}

static void test_a_queue_a_processor(void **state)
{
    (void)state;
    uint8_t bytes[60];
    bytes_fill(bytes, sizeof bytes, 1);
    env_test_set_cpus(3, 0);
    sluice_netqueue_t *card = card_open(ALL | NET_F_MQ);
    struct netqueue_info info;
    sluice_netqueue_get_info(card, &info);
    assert_int_equal(info.queues, 3);
    assert_int_equal(device.pairs, 3);
    for (unsigned cpu = 0; cpu < 3; cpu++) {
        env_test_set_cpus(3, cpu);
        assert_int_equal(send_one(card, frame_make(bytes, sizeof bytes)), 1);
        fake_virtio_serve(&device.virtio);
        assert_int_equal(device.sent_by[cpu], 1);
        assert_true(fake_net_receive(&device, cpu, NULL, bytes, sizeof bytes));
        fake_virtio_interrupt(&device.virtio);
        assert_int_equal(client.packets, cpu + 1);
    }
    card_end(card);
    /* Refused: one pair does it all. */
    client_init();
    fake_net_init(&device, ALL | NET_F_MQ);
    device.refuse = true;
    card = card_attach();
    assert_int_equal(sluice_netqueue_open(card, &calls, &client), 0);
    fake_virtio_stop(&device.virtio);
    env_test_set_cpus(3, 2);
    assert_int_equal(send_one(card, frame_make(bytes, sizeof bytes)), 1);
    fake_virtio_serve(&device.virtio);
    assert_int_equal(device.sent_by[0], 1);
    device.refuse = false;
    card_end(card);
    env_test_set_cpus(1, 0);
}

static void test_the_link(void **state)
{
    (void)state;
    sluice_netqueue_t *card = card_open(ALL);
    assert_int_equal(client.changes, 0);
    fake_net_link(&device, true);
    assert_int_equal(client.changes, 0);
    fake_net_link(&device, false);
    assert_int_equal(client.changes, 1);
    assert_false(client.up);
    assert_false(sluice_netqueue_link(card));
    fake_net_link(&device, true);
    assert_int_equal(client.changes, 2);
    assert_true(client.up);
    assert_true(sluice_netqueue_link(card));
    card_end(card);
    card = card_open(ALL & ~NET_F_STATUS);
    device.virtio.config[6] = 0;
    fake_net_link(&device, false);
    assert_int_equal(client.changes, 0);
    card_end(card);
}

/* ---- By the seed's way ---- */

static oskit_error_t seed_received(void *data, oskit_bufio_t *buf, oskit_size_t size)
{
    struct client *mine = data;
    oskit_size_t actual;
    assert_int_equal(oskit_bufio_read(buf, mine->frame, 0, size, &actual), 0);
    mine->length = (uint32_t)actual;
    mine->packets++;
    return OSKIT_SUCCESS;
}

static oskit_netio_t *seed_open(oskit_etherdev_t *ether, unsigned flags, oskit_error_t wanted)
{
    oskit_netio_t *send = NULL, *receive = oskit_netio_create(seed_received, &client);
    assert_int_equal(oskit_etherdev_open(ether, flags, receive, &send), wanted);
    oskit_netio_release(receive);
    return send;
}

static oskit_bufio_t *seed_frame(const uint8_t *bytes, uint32_t length)
{
    oskit_bufio_t *buf = oskit_bufio_create(length);
    oskit_size_t actual;
    assert_int_equal(oskit_bufio_write(buf, bytes, 0, length, &actual), 0);
    return buf;
}

static void test_by_the_seeds_way(void **state)
{
    (void)state;
    uint8_t bytes[100];
    unsigned char address[6];
    oskit_devinfo_t said;
    oskit_driver_t *driver;
    bytes_fill(bytes, sizeof bytes, 4);
    client_init();
    fake_net_init(&device, ALL);
    sluice_netqueue_t *card = card_attach();
    oskit_etherdev_t *ether = sluice_query_face(card, &oskit_etherdev_iid);
    oskit_netdev_t *net = sluice_query_face(card, &oskit_netdev_iid);
    oskit_etherdev_getaddr(ether, address);
    assert_memory_equal(address, "\x52\x54\0\x12\x34\x56", 6);
    assert_int_equal(oskit_netdev_getinfo(net, &said), 0);
    assert_string_equal(said.name, "eth0");
    assert_int_equal(oskit_netdev_getdriver(net, &driver), OSKIT_E_NOTIMPL);
    assert_null(seed_open(ether, 8, OSKIT_E_NOTIMPL));
    oskit_netio_t *send = seed_open(ether, 0, 0);
    assert_false(device.virtio.accepted & (NET_F_CSUM | NET_F_GUEST_CSUM | NET_F_GUEST_TSO));
    assert_null(seed_open(ether, 0, OSKIT_EBUSY));
    assert_int_equal(sluice_netqueue_open(card, &calls, &client), OSKIT_EBUSY);
    fake_virtio_stop(&device.virtio);
    uint64_t copied = packet_copied_bytes;
    oskit_bufio_t *buf = seed_frame(bytes, 100);
    assert_int_equal(oskit_netio_push(send, buf, 101), OSKIT_E_INVALIDARG);
    assert_int_equal(oskit_netio_push(send, buf, 10), OSKIT_E_INVALIDARG);
    assert_int_equal(oskit_netio_push(send, buf, 90), 0);
    fake_virtio_serve(&device.virtio);
    assert_int_equal(device.length, 90);
    assert_memory_equal(device.frame, bytes, 90);
    assert_int_equal(packet_copied_bytes, copied);
    for (unsigned i = 0; i < 32; i++)
        assert_int_equal(oskit_netio_push(send, buf, 100), 0);
    assert_int_equal(oskit_netio_push(send, buf, 100), OSKIT_EWOULDBLOCK);
    fake_virtio_serve(&device.virtio);
    assert_int_equal(oskit_netio_push(send, buf, 100), 0);
    oskit_bufio_release(buf);
    assert_true(fake_net_receive(&device, 0, NULL, bytes, 77));
    fake_virtio_interrupt(&device.virtio);
    assert_int_equal(client.packets, 1);
    assert_int_equal(client.length, 77);
    assert_memory_equal(client.frame, bytes, 77);
    oskit_bufio_t *polled[4];
    int count = 4;
    assert_int_equal(oskit_etherdev_rxpoll(ether, &count, polled), OSKIT_ENODEV);
    fake_virtio_start(&device.virtio);
    oskit_netio_release(send);
    assert_false(device.virtio.status & VIRTIO_DRIVER_OK);
    oskit_netdev_release(net);
    oskit_etherdev_release(ether);
    card_end(card);
}

static void test_polled_by_the_seeds_way(void **state)
{
    (void)state;
    uint8_t bytes[100];
    oskit_bufio_t *polled[4];
    int count = 4;
    bytes_fill(bytes, sizeof bytes, 4);
    client_init();
    fake_net_init(&device, ALL & ~NET_F_CTRL_VQ);
    sluice_netqueue_t *card = card_attach();
    oskit_etherdev_t *ether = sluice_query_face(card, &oskit_etherdev_iid);
    oskit_netio_t *send = seed_open(ether, OSKIT_NETDEV_RX_POLLING | OSKIT_NETDEV_TX_POLLING, 0);
    assert_int_equal(oskit_etherdev_rxpoll(ether, &count, polled), OSKIT_ENODATA);
    assert_int_equal(count, 0);
    for (unsigned i = 0; i < 200; i++) {
        for (unsigned j = 0; j < 6; j++)
            assert_true(fake_net_receive(&device, 0, NULL, bytes, 60 + j));
        assert_int_equal(fake_virtio_interrupt(&device.virtio), 0);
        for (unsigned j = 0; j < 6; j += (unsigned)count) {
            oskit_off_t size;
            count = 4;
            assert_int_equal(oskit_etherdev_rxpoll(ether, &count, polled), 0);
            assert_int_equal(count, j == 0 ? 4 : 2);
            assert_int_equal(oskit_bufio_getsize(polled[0], &size), 0);
            assert_int_equal(size, 60 + j);
            for (int k = 0; k < count; k++)
                oskit_bufio_release(polled[k]);
        }
    }
    assert_int_equal(client.packets, 0);
    oskit_netio_release(send);
    oskit_etherdev_release(ether);
    card_end(card);
}

/* ---- All at once ---- */

static void *sender(void *arg)
{
    sluice_netqueue_t *card = arg;
    for (unsigned i = 0; i < 400; i++) {
        struct packet *packet = packet_take(client.pool);
        struct list packets = LIST_INIT(packets);
        if (!packet)
            continue;
        packet_resize(packet, 60 + i);
        memset(packet->segments->base, 0, 60 + i);
        list_push_back(&packets, &packet->link);
        if (!sluice_netqueue_submit(card, &packets))
            packet_done(packet);
    }
    return NULL;
}

static void test_all_at_once(void **state)
{
    (void)state;
    pthread_t threads[3];
    static uint8_t bytes[5000];
    client_init();
    fake_net_init(&device, ALL);
    sluice_netqueue_t *card = card_attach();
    for (unsigned round = 0; round < 3; round++) {
        assert_int_equal(sluice_netqueue_open(card, &calls, &client), 0);
        for (unsigned i = 0; i < 3; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, sender, card), 0);
        for (unsigned i = 0; i < 300; i++) {
            fake_net_receive(&device, 0, NULL, bytes, 60 + (i & 7) * 180);
            if (i % 5 == 0)
                fake_virtio_interrupt(&device.virtio);
            if (i % 100 == 50)
                fake_net_link(&device, i & 1);
            if (i % 100 == 99) /* a lie amid it all */
                fake_virtio_used(&device.virtio, 0, 12345, 1, 1);
        }
        fake_virtio_interrupt(&device.virtio);
        sluice_netqueue_close(card); /* while they send */
        for (unsigned i = 0; i < 3; i++)
            pthread_join(threads[i], NULL);
        if (client.gone)
            break;
    }
    card_end(card);
}

static void test_walks(void **state)
{
    (void)state;
    env_test_clock_manual(true);
    for (unsigned seed = 1; seed <= 60; seed++) {
        struct choices choices = choices_from_seed(seed);
        net_walk(&choices, 200, seed % 3 == 0);
    }
    env_test_clock_manual(false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_what_the_card_says),
        HARNESS_TEST(test_features_that_need_others),
        HARNESS_TEST(test_odd_configurations),
        HARNESS_TEST(test_without_memory),
        HARNESS_TEST(test_opened_again_and_again),
        HARNESS_TEST(test_frames_go_out),
        HARNESS_TEST(test_a_batch_is_one_notification),
        HARNESS_TEST(test_offloads_out),
        HARNESS_TEST(test_what_cannot_be_sent),
        HARNESS_TEST(test_out_of_credit),
        HARNESS_TEST(test_credit_that_is_taken_back_first),
        HARNESS_TEST(test_sent_packets_come_back),
        HARNESS_TEST(test_frames_come_in),
        HARNESS_TEST(test_devices_of_old),
        HARNESS_TEST(test_a_batch_is_one_interrupt),
        HARNESS_TEST(test_large_frames_come_in),
        HARNESS_TEST(test_beyond_the_budget_a_thread_goes_on),
        HARNESS_TEST(test_packets_that_are_kept),
        HARNESS_TEST(test_absurd_frames_are_dropped),
        HARNESS_TEST(test_lies_reset_the_device),
        HARNESS_TEST(test_a_device_that_asks_for_a_reset),
        HARNESS_TEST(test_a_device_that_goes),
        HARNESS_TEST(test_detached_while_open),
        HARNESS_TEST(test_what_it_is_to_receive),
        HARNESS_TEST(test_its_address),
        HARNESS_TEST(test_a_device_that_answers_no_command),
        HARNESS_TEST(test_a_queue_a_processor),
        HARNESS_TEST(test_the_link),
        HARNESS_TEST(test_by_the_seeds_way),
        HARNESS_TEST(test_polled_by_the_seeds_way),
        HARNESS_TEST(test_all_at_once),
        HARNESS_TEST(test_walks),
    };
    return cmocka_run_group_tests_name("virtio-net", tests, NULL, NULL);
}
