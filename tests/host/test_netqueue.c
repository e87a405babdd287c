/* Network cards: the list of them, and a card that has only the seed's interfaces. */
#include "harness.h"

#include <oskit/dev/ethernet.h>
#include <oskit/dev/net.h>
#include <sluice/netqueue.h>

/* ---- A card with the seed's interfaces only ---- */

struct seed_card {
    struct sluice_object object;
    SLUICE_FACE(oskit_etherdev_t) ether;
    SLUICE_FACE(oskit_netdev_t) net;
    oskit_netio_t *receive; /* while open */
    oskit_error_t open_answer, push_answer;
    unsigned opened, closed, pushed;
    oskit_size_t last_size;
    unsigned char last[2000];
    oskit_bufio_t *kept;
    bool keep;
};

static struct seed_card *card_of(void *self)
{
    return (struct seed_card *)SLUICE_OBJECT(self);
}

static oskit_error_t card_getinfo(oskit_netdev_t *self, oskit_devinfo_t *out)
{
    (void)self;
    *out = (oskit_devinfo_t){.name = "seed0", .description = "a card of old"};
    return OSKIT_SUCCESS;
}

static oskit_error_t card_getdriver(oskit_netdev_t *self, oskit_driver_t **out)
{
    (void)self;
    *out = NULL;
    return OSKIT_E_NOTIMPL;
}

static oskit_error_t card_push(void *arg, oskit_bufio_t *buf, oskit_size_t size)
{
    struct seed_card *card = arg;
    oskit_size_t actual;
    card->pushed++;
    card->last_size = size;
    assert_int_equal(oskit_bufio_read(buf, card->last, 0, sizeof card->last, &actual), 0);
    assert_int_equal(actual, size);
    if (card->keep) {
        oskit_bufio_addref(buf);
        card->kept = buf;
    }
    return card->push_answer;
}

static void card_closed(void *arg)
{
    struct seed_card *card = arg;
    card->closed++;
    oskit_netio_release(card->receive);
    card->receive = NULL;
}

static oskit_error_t card_open(oskit_netdev_t *self, unsigned flags, oskit_netio_t *receive,
                               oskit_netio_t **out)
{
    struct seed_card *card = card_of(self);
    assert_int_equal(flags, 0);
    *out = NULL;
    if (card->open_answer)
        return card->open_answer;
    card->opened++;
    card->receive = receive;
    oskit_netio_addref(receive);
    *out = oskit_netio_create_cleanup(card_push, card, card_closed);
    return OSKIT_SUCCESS;
}

static oskit_error_t card_rxpoll(oskit_netdev_t *self, int *count, oskit_bufio_t *bufs[])
{
    (void)self, (void)count, (void)bufs;
    return OSKIT_ENODEV;
}

static void card_getaddr(oskit_etherdev_t *self, unsigned char out[OSKIT_ETHERDEV_ADDR_SIZE])
{
    (void)self;
    memcpy(out, "\x52\x54\0\1\2\3", 6);
}

static const struct oskit_netdev_ops card_net_ops = {
    SLUICE_IUNKNOWN_SLOTS, .getinfo = card_getinfo, .getdriver = card_getdriver,
    .open = card_open,     .rxpoll = card_rxpoll,
};
static const struct oskit_etherdev_ops card_ether_ops = {
    SLUICE_IUNKNOWN_SLOTS,     .getinfo = (void *)card_getinfo, .getdriver = (void *)card_getdriver,
    .open = (void *)card_open, .rxpoll = (void *)card_rxpoll,   .getaddr = card_getaddr,
};
static const struct sluice_interface card_interfaces[] = {
    {&oskit_netdev_iid, offsetof(struct seed_card, net), &card_net_ops},
    {&oskit_etherdev_iid, offsetof(struct seed_card, ether), &card_ether_ops},
};
static void card_destroy(struct sluice_object *object)
{
    sluice_object_fini(object);
}
static const struct sluice_class card_class = {"seed card", card_interfaces,
                                               SLUICE_COUNT(card_interfaces), card_destroy};

static sluice_netqueue_t *card_make(struct seed_card *card)
{
    sluice_netqueue_t *queue;
    *card = (struct seed_card){0};
    sluice_object_init(&card->object, &card_class);
    assert_int_equal(netqueue_of_netdev(&card->net.i, &queue), 0);
    assert_int_equal(sluice_object_release(&card->object), 1);
    return queue;
}

/* ---- A client ---- */

struct client {
    sluice_netqueue_t *queue;
    unsigned calls, packets, inside;
    unsigned char first[64];
    oskit_u32_t length;
    struct seed_card *push_again; /* from within receive */
};

static void seed_receive(struct seed_card *card, const void *bytes, unsigned size)
{
    oskit_bufio_t *buf = oskit_bufio_create(size);
    oskit_size_t actual;
    assert_int_equal(oskit_bufio_write(buf, bytes, 0, size, &actual), 0);
    assert_int_equal(oskit_netio_push(card->receive, buf, size), 0);
    oskit_bufio_release(buf);
}

static void client_receive(void *arg, struct list *packets, oskit_u32_t count)
{
    struct client *client = arg;
    assert_int_equal(client->inside, 0);
    client->inside++;
    client->calls++;
    client->packets += count;
    for (struct list *link; (link = list_pop_front(packets)) != NULL; count--) {
        struct packet *packet = container_of(link, struct packet, link);
        client->length = packet_chain_length(packet);
        packet_chain_read(packet, 0, client->first, sizeof client->first);
        packet_chain_done(packet);
    }
    assert_int_equal(count, 0);
    if (client->push_again != NULL) {
        struct seed_card *card = client->push_again;
        client->push_again = NULL;
        seed_receive(card, "again", 5);
    }
    client->inside--;
}

static const struct netqueue_client client_calls = {.receive = client_receive};

static struct netqueue_statistics statistics(sluice_netqueue_t *queue)
{
    struct netqueue_statistics result;
    sluice_netqueue_get_statistics(queue, &result);
    return result;
}

/* ---- Over the seed's interfaces ---- */

static void test_what_a_seed_card_is(void **state)
{
    (void)state;
    struct seed_card card;
    struct netqueue_info info;
    sluice_netqueue_t *queue = card_make(&card), *same;
    sluice_netqueue_get_info(queue, &info);
    assert_string_equal(info.name, "eth0");
    assert_string_equal(info.driver, "seed0");
    assert_int_equal(info.address_length, 6);
    assert_memory_equal(info.address, "\x52\x54\0\1\2\3", 6);
    assert_int_equal(info.mtu, 1500);
    assert_int_equal(info.features, 0);
    assert_true(sluice_netqueue_link(queue));
    assert_int_equal(sluice_netqueue_set_receive(queue, NETQUEUE_PROMISCUOUS, NULL, 0), 0);
    assert_int_equal(sluice_netqueue_set_address(queue, info.address), OSKIT_EOPNOTSUPP);
    sluice_netqueue_reclaim(queue);
    /* One that has a netqueue gives that. */
    assert_int_equal(netqueue_of_netdev((oskit_netdev_t *)queue, &same), 0);
    assert_ptr_equal(same, queue);
    sluice_netqueue_release(same);
    sluice_netqueue_release(queue);
}

static void test_opening_a_seed_card(void **state)
{
    (void)state;
    struct seed_card card;
    struct client client = {0};
    sluice_netqueue_t *queue = card_make(&card);
    sluice_netqueue_close(queue); /* it isn't open: nothing */
    card.open_answer = OSKIT_EIO;
    assert_int_equal(sluice_netqueue_open(queue, &client_calls, &client), OSKIT_EIO);
    card.open_answer = 0;
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(sluice_netqueue_open(queue, &client_calls, &client), 0);
        assert_int_equal(sluice_netqueue_open(queue, &client_calls, &client), OSKIT_EBUSY);
        sluice_netqueue_close(queue);
        assert_int_equal(card.closed, i + 1);
        assert_null(card.receive);
    }
    env_test_fail_after(1);
    assert_int_equal(sluice_netqueue_open(queue, &client_calls, &client), OSKIT_E_OUTOFMEMORY);
    sluice_netqueue_release(queue);
}

static void test_receiving_from_a_seed_card(void **state)
{
    (void)state;
    struct seed_card card;
    struct client client = {0};
    sluice_netqueue_t *queue = card_make(&card);
    assert_int_equal(sluice_netqueue_open(queue, &client_calls, &client), 0);
    client.push_again = &card;
    seed_receive(&card, "hello", 5);
    assert_int_equal(client.calls, 2);
    assert_int_equal(client.packets, 2);
    assert_memory_equal(client.first, "again", 5);
    assert_int_equal(statistics(queue).rx_packets, 2);
    assert_int_equal(statistics(queue).rx_bytes, 10);
    /* Nonsense, and no memory. */
    oskit_bufio_t *buf = oskit_bufio_create(10);
    assert_int_equal(oskit_netio_push(card.receive, buf, 11), OSKIT_E_INVALIDARG);
    assert_int_equal(oskit_netio_push(card.receive, buf, 0), OSKIT_E_INVALIDARG);
    env_test_fail_after(1);
    assert_int_equal(oskit_netio_push(card.receive, buf, 10), OSKIT_ENOBUFS);
    assert_int_equal(statistics(queue).rx_dropped, 1);
    /* A device that goes on after it was told to stop. */
    oskit_netio_t *late = card.receive;
    oskit_netio_addref(late);
    sluice_netqueue_close(queue);
    assert_int_equal(oskit_netio_push(late, buf, 10), OSKIT_ENETDOWN);
    sluice_netqueue_release(queue);
    assert_int_equal(oskit_netio_push(late, buf, 10), OSKIT_ENETDOWN);
    oskit_netio_release(late);
    oskit_bufio_release(buf);
    assert_int_equal(client.packets, 2);
}

static void list_fill(struct list *packets, struct packet_pool *pool, const char *bytes,
                      unsigned count)
{
    list_init(packets);
    for (unsigned i = 0; i < count; i++) {
        struct packet *packet = packet_take(pool);
        assert_true(packet_resize(packet, (oskit_u32_t)strlen(bytes)));
        memcpy(packet->segments[0].base, bytes, strlen(bytes));
        list_push_back(packets, &packet->link);
    }
}

static void test_sending_by_a_seed_card(void **state)
{
    (void)state;
    struct seed_card card;
    struct client client = {0};
    struct packet_pool *pool;
    struct list packets;
    sluice_netqueue_t *queue = card_make(&card);
    assert_int_equal(packet_pool_create(16, 100, 0, 20, &pool), 0);
    assert_int_equal(sluice_netqueue_open(queue, &client_calls, &client), 0);
    list_fill(&packets, pool, "a frame", 3);
    assert_int_equal(sluice_netqueue_submit(queue, &packets), 3);
    assert_true(list_empty(&packets));
    assert_int_equal(card.pushed, 3);
    assert_int_equal(card.last_size, 7);
    assert_memory_equal(card.last, "a frame", 7);
    /* It keeps one till later. */
    card.keep = true;
    list_fill(&packets, pool, "kept", 1);
    assert_int_equal(sluice_netqueue_submit(queue, &packets), 1);
    oskit_bufio_release(card.kept);
    card.keep = false;
    /* What it can't do, what it refuses, and no memory. */
    list_fill(&packets, pool, "offload", 3);
    container_of(packets.next, struct packet, link)->offload.flags = PACKET_SUM_WANTED;
    container_of(packets.prev, struct packet, link)->offload.gso = PACKET_GSO_TCP4;
    assert_int_equal(sluice_netqueue_submit(queue, &packets), 3);
    assert_int_equal(card.pushed, 5);
    card.push_answer = OSKIT_EWOULDBLOCK;
    list_fill(&packets, pool, "refused", 1);
    assert_int_equal(sluice_netqueue_submit(queue, &packets), 1);
    list_fill(&packets, pool, "memory", 1);
    env_test_fail_after(1);
    assert_int_equal(sluice_netqueue_submit(queue, &packets), 1);
    assert_int_equal(statistics(queue).tx_packets, 5);
    assert_int_equal(statistics(queue).tx_bytes, 3 * 7 + 4 + 7);
    assert_int_equal(statistics(queue).tx_dropped, 4);
    sluice_netqueue_close(queue);
    list_fill(&packets, pool, "closed", 1);
    assert_int_equal(sluice_netqueue_submit(queue, &packets), 1);
    assert_int_equal(statistics(queue).tx_dropped, 5);
    sluice_netqueue_release(queue);
    packet_pool_release(pool);
}

/* ---- The list of cards ---- */

struct watched {
    unsigned added, removed;
    sluice_netqueue_t *last;
};

static void watch(void *arg, sluice_netqueue_t *queue, bool added)
{
    struct watched *watched = arg;
    watched->added += added;
    watched->removed += !added;
    watched->last = queue;
}

static void test_cards_come_and_go(void **state)
{
    (void)state;
    struct seed_card cards[3];
    sluice_netqueue_t *queues[3];
    struct netqueue_info info;
    struct watched watched = {0};
    char name[16];
    for (unsigned i = 0; i < 2; i++) {
        queues[i] = card_make(&cards[i]);
        assert_int_equal(netqueue_add(queues[i]), 0);
    }
    netqueue_watch(watch, &watched);
    assert_int_equal(watched.added, 2);
    assert_ptr_equal(watched.last, queues[1]);
    netqueue_name(name);
    assert_string_equal(name, "eth2");
    netqueue_remove(queues[0]);
    assert_int_equal(watched.removed, 1);
    assert_ptr_equal(watched.last, queues[0]);
    netqueue_remove(queues[0]);
    assert_int_equal(watched.removed, 1);
    queues[2] = card_make(&cards[2]);
    sluice_netqueue_get_info(queues[2], &info);
    assert_string_equal(info.name, "eth0");
    env_test_fail_after(1);
    assert_int_equal(netqueue_add(queues[2]), OSKIT_E_OUTOFMEMORY);
    assert_int_equal(netqueue_add(queues[2]), 0);
    assert_int_equal(watched.added, 3);
    netqueue_watch(NULL, NULL);
    for (unsigned i = 1; i < 3; i++)
        netqueue_remove(queues[i]);
    assert_int_equal(watched.removed, 1);
    for (unsigned i = 0; i < 3; i++)
        sluice_netqueue_release(queues[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_what_a_seed_card_is),        HARNESS_TEST(test_opening_a_seed_card),
        HARNESS_TEST(test_receiving_from_a_seed_card), HARNESS_TEST(test_sending_by_a_seed_card),
        HARNESS_TEST(test_cards_come_and_go),
    };
    return cmocka_run_group_tests_name("netqueue", tests, NULL, NULL);
}
