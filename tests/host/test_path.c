/* What is remembered of routes, against the search itself, while all that a search looks at
 * changes: two cards that come and go, links, interfaces, addresses, gateways, routes. */
#include "net_case.h"

#include "hooks.h"
#include "io/net/family.h"
#include "io/net/inet/core_private.h"
#include "io/net/inet/path.h"
#include "io/net/inet/route.h"

#define CARDS  2u
#define STEPS  4000u
#define IFF_UP 1u

static struct fake_card *cards[CARDS]; /* NULL: not there */
static uint32_t seed;
static uint32_t remembered, changed; /* how often something was, and that it was another then */

static uint32_t chance(uint32_t many)
{
    seed = seed * 1664525u + 1013904223u;
    return (uint32_t)((uint64_t)seed * many >> 32);
}

/* ---- Where to ---- */

/* Near each other, so that several routes, nets and broadcasts have them. */
static const uint8_t destinations[][4] = {
    {10, 0, 2, 2},   {10, 0, 2, 7},     {10, 0, 2, 15},    {10, 0, 2, 255},      {10, 0, 2, 127},
    {10, 0, 3, 1},   {10, 0, 3, 255},   {10, 0, 255, 255}, {192, 168, 7, 1},     {192, 168, 7, 255},
    {8, 8, 8, 8},    {127, 0, 0, 1},    {127, 9, 9, 9},    {255, 255, 255, 255}, {239, 1, 2, 3},
    {10, 0, 2, 200}, {10, 0, 255, 254}, {0, 0, 0, 0},
};
static const struct {
    uint8_t bytes[4], prefix;
} nets[] = {
    {{0, 0, 0, 0}, 0},      {{10, 0, 2, 0}, 25}, {{10, 0, 2, 0}, 24},
    {{10, 0, 0, 0}, 16},    {{10, 0, 2, 7}, 32}, {{10, 0, 3, 0}, 24},
    {{192, 168, 7, 0}, 24}, {{8, 8, 8, 8}, 32},  {{10, 0, 2, 255}, 32},
};
static const struct {
    uint8_t bytes[4], prefix;
} addresses[] = {
    {{10, 0, 2, 15}, 24}, {{10, 0, 2, 15}, 16},   {{10, 0, 2, 200}, 25},
    {{10, 0, 3, 1}, 24},  {{192, 168, 7, 1}, 24}, {{10, 0, 255, 254}, 16},
};

static ip4_addr_t address_of(const uint8_t *bytes)
{
    ip4_addr_t address;

    memcpy(&address.addr, bytes, 4);
    return address;
}

static struct inet_address inet_address_of(const uint8_t *bytes, uint8_t prefix)
{
    struct inet_address address = {.family = SOCKET_INET, .prefix = prefix};

    memcpy(address.bytes, bytes, 4);
    return address;
}

/* ---- The rule ---- */

/* Whatever is remembered is what a search says now. */
static void check(void)
{
    for (size_t i = 0; i < SLUICE_COUNT(inet_paths); i++) {
        const struct inet_path *path = &inet_paths[i];
        if (path->netif == NULL)
            continue;
        remembered++;
        const struct netif *netif = inet_route_search4(NULL, &path->destination);
        assert_ptr_equal(path->netif, netif);
        assert_int_equal(path->broadcast, ip4_addr_isbroadcast(&path->destination, netif));
        assert_ptr_equal(inet_path(&path->destination), path);
    }
}

/* Asks for all, twice, so that it is remembered if it can be. */
static void look(void)
{
    static const struct netif *before[SLUICE_COUNT(destinations)];

    for (size_t i = 0; i < SLUICE_COUNT(destinations); i++) {
        ip4_addr_t to = address_of(destinations[i]);
        bool many = ip4_addr_ismulticast(&to) || to.addr == IPADDR_BROADCAST;
        const struct netif *netif = inet_hook_route4(NULL, &to);
        assert_ptr_equal(netif, inet_route_search4(NULL, &to));
        assert_ptr_equal(netif, inet_hook_route4(NULL, &to));
        if (many || netif == NULL)
            assert_null(inet_path(&to));
        else
            assert_non_null(inet_path(&to));
        changed += netif != before[i];
        before[i] = netif;
    }
}

/* ---- Changes ---- */

static void card_come(uint32_t which)
{
    struct fake_card *card = fake_card_create(0);

    card->info.name[3] = (char)('0' + which);
    card->info.address[5] = (oskit_u8_t)(1 + which);
    assert_int_equal(netqueue_add(&card->queue.i), 0);
    cards[which] = card;
}

static void card_go(uint32_t which)
{
    netqueue_remove(&cards[which]->queue.i);
    sluice_netqueue_release(&cards[which]->queue.i);
    cards[which] = NULL;
}

/* 0: it isn't there. */
static uint32_t index_of(uint32_t which)
{
    char name[] = "eth0";
    struct inet_interface interface;

    name[3] = (char)(name[3] + which);
    return inet_interface_find(name, &interface) ? interface.index : 0;
}

static struct inet_route route_any(uint32_t index)
{
    uint32_t net = chance(SLUICE_COUNT(nets));
    struct inet_route route = {
        .destination = inet_address_of(nets[net].bytes, nets[net].prefix),
        .interface = index,
        .metric = chance(2),
    };

    if (chance(2))
        route.gateway = inet_address_of((const uint8_t[]){10, 0, 2, 2}, 32);
    return route;
}

static void address_away(uint32_t index)
{
    struct inet_interface interface;

    if (inet_interface_get(index, &interface) && interface.index == index)
        for (uint32_t i = 0; i < interface.address_count; i++)
            if (interface.addresses[i].address.family == SOCKET_INET)
                inet_address_remove(index, &interface.addresses[i].address);
}

static void address_come(uint32_t index)
{
    uint32_t which = chance(SLUICE_COUNT(addresses));
    struct inet_address address = inet_address_of(addresses[which].bytes, addresses[which].prefix);

    if (chance(2))
        address_away(index);
    inet_address_add(index, &address);
}

static void change(void)
{
    uint32_t which = chance(CARDS), index = index_of(which);
    struct inet_route route = route_any(index);

    switch (chance(8)) {
    case 0:
    case 1:
        inet_route_add(&route);
        break;
    case 2:
        if (chance(2))
            route.interface = route.metric = 0;
        inet_route_remove(&route);
        break;
    case 3:
        if (cards[which])
            fake_card_link(cards[which], !cards[which]->up);
        break;
    case 4:
        if (chance(8) == 0)
            index = 1;
        inet_interface_set_flags(index, chance(3) ? IFF_UP : 0, IFF_UP);
        break;
    case 5:
        address_come(index);
        break;
    case 6:
        address_away(index);
        break;
    case 7:
        if (chance(4))
            break;
        if (cards[which])
            card_go(which);
        else
            card_come(which);
        break;
    }
}

/* ---- Tests ---- */

static void test_walk(void **state)
{
    (void)state;
    seed = 20250701;
    remembered = changed = 0;
    env_test_clock_manual(true);
    card_come(0);
    assert_int_equal(inet_start("10.0.2.15/24,10.0.2.2"), 0);
    card_come(1);
    for (uint32_t step = 0; step < STEPS; step++) {
        change();
        inet_lock();
        check();
        look();
        inet_unlock();
        for (uint32_t i = 0; i < CARDS; i++)
            if (cards[i])
                fake_card_clear(cards[i]);
    }
    assert_true(remembered > STEPS / 4); /* not everything makes all forgotten */
    assert_true(changed > STEPS / 4);
    inet_stop();
    for (uint32_t i = 0; i < CARDS; i++)
        if (cards[i])
            card_go(i);
    for (size_t i = 0; i < SLUICE_COUNT(inet_paths); i++)
        assert_null(inet_paths[i].netif);
    env_test_clock_manual(false);
}

/* A connection to ourselves is reset while its address goes with the card: where the reset went
 * isn't kept. */
static void test_card_goes(void **state)
{
    struct socket_address name = {.length = 16};
    ip4_addr_t to = address_of((const uint8_t[]){10, 0, 2, 15});

    (void)state;
    net_begin();
    sluice_socket_t *listener = net_open(SOCKET_INET, SOCKET_STREAM, 0);
    sluice_socket_t *s = net_open(SOCKET_INET, SOCKET_STREAM, 0);
    name.u.in.family = SOCKET_INET;
    name.u.in.port = __builtin_bswap16(80);
    memcpy(name.u.in.address, &to.addr, 4);
    assert_int_equal(listener->ops->bind(listener, &name), 0);
    assert_int_equal(listener->ops->listen(listener, 1), 0);
    assert_int_equal(s->ops->connect(s, &name), OSKIT_EINPROGRESS);
    inet_interface_set_flags(2, 0, IFF_UP);
    inet_lock();
    assert_ptr_equal(inet_hook_route4(NULL, &to), inet_loopback_netif);
    assert_non_null(inet_path(&to));
    inet_unlock();
    netqueue_remove(&net_card->queue.i);
    inet_lock();
    assert_null(inet_path(&to));
    check();
    inet_unlock();
    assert_int_equal(netqueue_add(&net_card->queue.i), 0);
    sluice_socket_release(s);
    sluice_socket_release(listener);
    net_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_walk),
        HARNESS_TEST(test_card_goes),
    };

    return cmocka_run_group_tests_name("path", tests, NULL, NULL);
}
