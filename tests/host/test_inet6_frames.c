/* IPv6 as the neighbours on the wire see it: a fake card, and the test plays router and neighbours.
 * Whatever strangers may send, nothing is read beyond its end and nothing stays. */
#include "net_case.h"
#include "wire.h"

#include "io/net/inet/core_private.h"
#include "io/net/inet/inet_option.h"
#include "lwip/ip.h"
#include "lwip/stats.h"
#include "lwip/tcp.h"

#define IP     ETHERNET
#define HEADER 40u
#define TOP    (ETHERNET + HEADER) /* what comes behind the IPv6 header */
#define SECOND 1000000000ull

enum {
    HOPS = 0,
    TCP = 6,
    UDP = 17,
    ROUTING = 43,
    FRAGMENT = 44,
    ICMP = 58,
    NONE = 59,
    OPTIONS = 60
};
enum { UNREACHABLE = 1, TOO_BIG = 2, EXCEEDED = 3, PROBLEM = 4, ECHO = 128, REPLY = 129 };
enum {
    QUERY = 130,
    REPORT = 131,
    DONE = 132,
    RS = 133,
    RA = 134,
    NS = 135,
    NA = 136,
    REDIRECT = 137
};

static const uint8_t nobody[16];
static const uint8_t our_link[16] = "\xfe\x80\0\0\0\0\0\0\0\0\0\xff\xfe\0\0\x1";
static const uint8_t our_ip[16] = "\xfe\xc0\0\0\0\0\0\0\0\0\0\xff\xfe\0\0\x1";
static const uint8_t our_group[16] = "\xff\x2\0\0\0\0\0\0\0\0\0\x1\xff\0\0\x1";
static const uint8_t everybody[16] = "\xff\x2\0\0\0\0\0\0\0\0\0\0\0\0\0\x1";
static const uint8_t router[16] = "\xfe\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\x2";
static const uint8_t stranger[16] = "\xfe\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\x3";
static const uint8_t peer_ip[16] = "\xfe\xc0\0\0\0\0\0\0\0\0\0\0\0\0\0\x2";
static const uint8_t far_ip[16] = "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x9";
static const uint8_t link_option[8] = {1, 1, 2, 0, 0, 0, 0, 2};

/* ---- Frames ---- */

static uint8_t frame[70000];
static uint8_t hop_limit = 64;

/* Begins a packet with SIZE bytes behind its header, which are zeros. */
static uint8_t *ip_begin(const uint8_t *from, const uint8_t *to, uint8_t next, uint32_t size)
{
    uint8_t *ip = frame + IP;
    memcpy(frame, our_mac, 6);
    if (to[0] == 0xff) {
        memcpy(frame, "\x33\x33", 2);
        memcpy(frame + 2, to + 12, 4);
    }
    memcpy(frame + 6, peer_mac, 6);
    put16(frame + 12, 0x86dd);
    put32(ip, 0x60000000);
    put16(ip + 4, size);
    ip[6] = next;
    ip[7] = hop_limit;
    memcpy(ip + 8, from, 16);
    memcpy(ip + 24, to, 16);
    memset(ip + HEADER, 0, size);
    return ip + HEADER;
}

/* The sum over the pseudo header and SIZE bytes at AT, in a packet that begins at IP6. */
static uint16_t sum_over(const uint8_t *ip6, uint8_t protocol, const uint8_t *at, uint32_t size)
{
    uint8_t tail[8] = {0};
    put32(tail, size);
    tail[7] = protocol;
    return inet_sum_add(inet_sum_add(inet_sum(ip6 + 8, 32), inet_sum(tail, 8)),
                        inet_sum(at, (int)size));
}

static void sum_put(uint8_t *field, uint8_t protocol, uint8_t *at, uint32_t size)
{
    put16(field, 0);
    uint16_t sum = (uint16_t)~sum_over(frame + IP, protocol, at, size);
    memcpy(field, &sum, sizeof sum);
}

static void arrive(uint32_t size)
{
    fake_card_arrive(net_card, frame, TOP + size, 0, 0);
}

static void icmp_arrive(uint32_t size)
{
    sum_put(frame + TOP + 2, ICMP, frame + TOP, size);
    arrive(size);
}

/* The next packet of PROTOCOL that was sent (of ICMPv6, of TYPE, if it isn't 0), whose checksum is
 * right; others are thrown away. */
static bool next_sent(uint8_t protocol, uint8_t type, struct fake_frame *out)
{
    while (fake_card_take(net_card, out)) {
        const uint8_t *b = out->bytes;
        if (get16(b + 12) == 0x86dd && b[IP + 6] == protocol && (!type || b[TOP] == type)) {
            assert_int_equal(get16(b + IP + 4), out->length - TOP);
            if (protocol != FRAGMENT && protocol != HOPS && !out->offload.flags)
                assert_int_equal(sum_over(b + IP, protocol, b + TOP, out->length - TOP), 0xffff);
            return true;
        }
        free(out->bytes);
    }
    return false;
}

static bool is_sent(uint8_t protocol, uint8_t type)
{
    struct fake_frame sent;
    if (!next_sent(protocol, type, &sent))
        return false;
    free(sent.bytes);
    return true;
}

/* ---- Routers and neighbours ---- */

static const uint8_t *advertised_by = router;

/* What a router says: a prefix and its lifetime, a name server, a smallest MTU. */
static uint32_t advertisement_make(uint32_t lifetime, uint32_t prefix_lifetime)
{
    uint32_t size = 16 + 8 + 32 + 8 + 24;
    uint8_t *ra = ip_begin(advertised_by, everybody, ICMP, size);
    ra[0] = RA;
    put16(ra + 6, lifetime);
    memcpy(ra + 16, link_option, 8);
    uint8_t *prefix = ra + 24;
    prefix[0] = 3;
    prefix[1] = 4;
    prefix[2] = 64;
    prefix[3] = 0xc0;
    put32(prefix + 4, prefix_lifetime);
    put32(prefix + 8, prefix_lifetime);
    memcpy(prefix + 16, peer_ip, 8);
    ra[56] = 5;
    ra[57] = 1;
    put32(ra + 60, 1400);
    ra[64] = 25;
    ra[65] = 3;
    put32(ra + 68, 1000);
    memcpy(ra + 72, peer_ip, 15);
    ra[87] = 3;
    return size;
}

static void router_advertises(uint32_t lifetime, uint32_t prefix_lifetime)
{
    hop_limit = 255;
    icmp_arrive(advertisement_make(lifetime, prefix_lifetime));
    hop_limit = 64;
}

static uint8_t *solicitation_make(const uint8_t *from, const uint8_t *target)
{
    uint8_t group[16];
    memcpy(group, our_group, 13);
    memcpy(group + 13, target + 13, 3);
    hop_limit = 255;
    uint8_t *ns = ip_begin(from, group, ICMP, 32);
    hop_limit = 64;
    ns[0] = NS;
    memcpy(ns + 8, target, 16);
    memcpy(ns + 24, link_option, 8);
    return ns;
}

static uint8_t *advertised_make(const uint8_t *from, const uint8_t *to, const uint8_t *target)
{
    hop_limit = 255;
    uint8_t *na = ip_begin(from, to, ICMP, 32);
    hop_limit = 64;
    na[0] = NA;
    na[4] = to == everybody ? 0x20 : 0x60;
    memcpy(na + 8, target, 16);
    memcpy(na + 24, link_option, 8);
    na[24] = 2;
    return na;
}

static void neighbour_answers(const uint8_t *who)
{
    advertised_make(who, our_ip, who);
    icmp_arrive(32);
}

/* The peer has asked for us, and is known from then on. */
static void peer_known(void)
{
    solicitation_make(peer_ip, our_ip);
    icmp_arrive(32);
    neighbour_answers(peer_ip);
    fake_card_clear(net_card);
}

/* The state of an address of eth0: 0 none, 1 tried, 2 usable. */
static int address_state(const uint8_t *address)
{
    struct inet_interface i;
    assert_true(inet_interface_find("eth0", &i));
    for (uint32_t a = 0; a < i.address_count; a++) {
        if (i.addresses[a].address.family == SOCKET_INET6 &&
            !memcmp(i.addresses[a].address.bytes, address, 16))
            return i.addresses[a].tentative ? 1 : 2;
    }
    return 0;
}

static bool count_default(void *arg, const struct inet_route *route)
{
    if (route->destination.family == SOCKET_INET6 && !route->destination.prefix &&
        route->interface == 2 && route->gateway.family)
        ++*(int *)arg;
    return true;
}

static int default_routes(void)
{
    int count = 0;
    inet_route_each(count_default, &count);
    return count;
}

/* With both addresses, and the neighbours known. */
static void begin(uint32_t features)
{
    net_begin();
    net_card->info.features = features;
    router_advertises(1800, 86400);
    env_test_clock_advance(4 * SECOND);
    assert_int_equal(address_state(our_ip), 2);
    peer_known();
}

static void begin_with(uint32_t features)
{
    net_card = fake_card_create(features);
    env_test_clock_manual(true);
    assert_int_equal(netqueue_add(&net_card->queue.i), 0);
    assert_int_equal(inet_start("10.0.2.15/24,10.0.2.2"), 0);
    router_advertises(1800, 86400);
    env_test_clock_advance(4 * SECOND);
    fake_card_clear(net_card);
}

static void end(void)
{
    fake_card_clear(net_card);
    net_end();
    advertised_by = router;
}

/* ---- Addresses ---- */

static void test_an_address_is_tried_first(void **state)
{
    struct fake_frame sent;
    (void)state;
    net_begin();
    assert_int_equal(address_state(our_link), 1);
    env_test_clock_advance(SECOND);
    /* The group is joined before the question that others answer there. */
    assert_true(next_sent(HOPS, 0, &sent));
    assert_int_equal(sent.bytes[TOP + 8], REPORT);
    assert_int_equal(sent.bytes[IP + 7], 1);
    assert_memory_equal(sent.bytes + TOP + 16, our_group, 16);
    free(sent.bytes);
    assert_true(next_sent(ICMP, NS, &sent));
    assert_int_equal(sent.length, TOP + 24);
    assert_int_equal(sent.bytes[IP + 7], 255);
    assert_memory_equal(sent.bytes, "\x33\x33\xff\0\0\1", 6);
    assert_memory_equal(sent.bytes + IP + 8, nobody, 16);
    assert_memory_equal(sent.bytes + IP + 24, our_group, 16);
    assert_memory_equal(sent.bytes + TOP + 8, our_link, 16);
    free(sent.bytes);
    env_test_clock_advance(3 * SECOND);
    assert_int_equal(address_state(our_link), 2);
    assert_true(is_sent(ICMP, RS));
    end();
}

/* Somebody has it, or tries it as we do: it isn't used. */
static void test_a_duplicate_is_not_used(void **state)
{
    (void)state;
    for (int asks = 0; asks < 2; asks++) {
        net_begin();
        env_test_clock_advance(SECOND);
        fake_card_clear(net_card);
        if (asks) {
            solicitation_make(nobody, our_link);
            put16(frame + IP + 4, 24);
            icmp_arrive(24);
        } else {
            advertised_make(our_link, everybody, our_link);
            icmp_arrive(32);
        }
        env_test_clock_advance(5 * SECOND);
        assert_int_not_equal(address_state(our_link), 2);
        fake_card_clear(net_card);
        solicitation_make(stranger, our_link);
        icmp_arrive(32);
        assert_false(is_sent(ICMP, NA));
        end();
    }
}

/* One that we use stays ours, whatever others say. */
static void test_an_address_is_defended(void **state)
{
    struct fake_frame sent;
    (void)state;
    begin(0);
    solicitation_make(nobody, our_ip);
    put16(frame + IP + 4, 24);
    icmp_arrive(24);
    assert_true(next_sent(ICMP, NA, &sent));
    assert_memory_equal(sent.bytes + IP + 24, everybody, 16);
    assert_int_equal(sent.bytes[TOP + 4] & 0x60, 0x20);
    free(sent.bytes);
    for (int link = 0; link < 2; link++) {
        advertised_make(stranger, everybody, link ? our_link : our_ip);
        icmp_arrive(32);
    }
    assert_int_equal(address_state(our_ip), 2);
    assert_int_equal(address_state(our_link), 2);
    end();
}

static void test_a_router_gives_an_address(void **state)
{
    struct inet_interface i;
    struct inet_address server;
    (void)state;
    net_begin();
    env_test_clock_advance(3 * SECOND);
    assert_int_equal(default_routes(), 0);
    router_advertises(30, 20);
    assert_int_equal(address_state(our_ip), 1);
    assert_int_equal(default_routes(), 1);
    env_test_clock_advance(3 * SECOND);
    assert_int_equal(address_state(our_ip), 2);
    assert_int_equal(inet_name_servers(&server, 1), 1);
    assert_memory_equal(server.bytes, peer_ip, 15);
    assert_int_equal(server.bytes[15], 3);
    assert_true(inet_interface_find("eth0", &i));
    for (uint32_t a = 0; a < i.address_count; a++) {
        if (!memcmp(i.addresses[a].address.bytes, our_ip, 16)) {
            assert_in_range(i.addresses[a].valid, 10, 20);
            assert_false(i.addresses[a].permanent);
        }
    }
    /* Said again, it lasts; not said again, it ends: the address, then the route. */
    router_advertises(30, 20);
    env_test_clock_advance(18 * SECOND);
    assert_int_equal(address_state(our_ip), 2);
    env_test_clock_advance(4 * SECOND);
    assert_int_equal(address_state(our_ip), 0);
    assert_int_equal(default_routes(), 1);
    env_test_clock_advance(10 * SECOND);
    assert_int_equal(default_routes(), 0);
    assert_int_equal(address_state(our_link), 2);
    router_advertises(1800, 86400);
    assert_int_equal(default_routes(), 1);
    router_advertises(0, 86400);
    assert_int_equal(default_routes(), 0);
    router_advertises(1800, 86400);
    struct inet_route route = {.destination.family = SOCKET_INET6};
    assert_int_equal(inet_route_remove(&route), 0);
    assert_int_equal(default_routes(), 0);
    assert_int_equal(inet_route_remove(&route), OSKIT_ESRCH);
    router_advertises(1800, 86400);
    assert_int_equal(default_routes(), 1);
    end();
}

/* Nobody but a neighbour may say so, and only in words that are whole. */
static void test_wrong_advertisements(void **state)
{
    (void)state;
    net_begin();
    env_test_clock_advance(3 * SECOND);
    icmp_arrive(advertisement_make(1800, 86400)); /* its hop limit isn't 255 */
    advertised_by = peer_ip;
    router_advertises(1800, 86400); /* not from the link */
    advertised_by = router;
    hop_limit = 255;
    uint32_t size = advertisement_make(1800, 86400);
    icmp_arrive(size);
    frame[TOP + 2] ^= 1;
    end();
    net_begin();
    env_test_clock_advance(3 * SECOND);
    uint32_t errors = lwip_stats.icmp6.chkerr;
    arrive(size); /* its checksum is wrong */
    assert_int_equal(lwip_stats.icmp6.chkerr, errors + 1);
    for (uint32_t cut = 0; cut < size; cut++) {
        if (cut % 8 == 0 && cut >= 16)
            continue; /* that ends behind an option */
        advertisement_make(1800, 86400);
        put16(frame + IP + 4, cut);
        icmp_arrive(cut);
    }
    size = advertisement_make(1800, 86400);
    frame[TOP + 57] = 0; /* an option of no length */
    icmp_arrive(size);
    size = advertisement_make(1800, 86400);
    frame[TOP + 17] = 2; /* an Ethernet address of 14 bytes */
    icmp_arrive(size);
    hop_limit = 64;
    assert_int_equal(default_routes(), 0);
    assert_int_equal(address_state(our_ip), 0);
    end();
}

/* ---- Neighbours ---- */

static void test_we_are_found(void **state)
{
    struct fake_frame sent;
    (void)state;
    begin(0);
    solicitation_make(peer_ip, our_ip);
    icmp_arrive(32);
    assert_true(next_sent(ICMP, NA, &sent));
    assert_memory_equal(sent.bytes, peer_mac, 6);
    assert_memory_equal(sent.bytes + IP + 24, peer_ip, 16);
    assert_int_equal(sent.bytes[TOP + 4] & 0x60, 0x60);
    assert_memory_equal(sent.bytes + TOP + 8, our_ip, 16);
    assert_int_equal(get16(sent.bytes + TOP + 24), 0x201);
    assert_memory_equal(sent.bytes + TOP + 26, our_mac, 6);
    free(sent.bytes);
    /* Nobody is asked for; each other thing is wrong. */
    for (int what = 0; what < 8; what++) {
        uint8_t *ns = solicitation_make(peer_ip, what == 0 ? far_ip : our_ip);
        uint32_t size = what == 1 ? 23 : what == 2 ? 26 : what == 3 ? 24 : 32;
        put16(frame + IP + 4, size);
        if (what == 4)
            ns[25] = 0;
        if (what == 5)
            ns[25] = 2;
        if (what == 6)
            frame[IP + 7] = 254;
        if (what == 7)
            ns[1] = 1;
        icmp_arrive(size);
        if (what == 0) {
            ns[8] ^= 1; /* and the sum is wrong */
            arrive(size);
        }
        assert_false(is_sent(ICMP, NA));
    }
    end();
}

static struct socket_address name_of(const uint8_t *address, uint16_t port)
{
    struct socket_address name = {.length = 28};
    name.u.in6.family = SOCKET_INET6;
    name.u.in6.port = __builtin_bswap16(port);
    memcpy(name.u.in6.address, address, 16);
    return name;
}

static sluice_socket_t *open_udp(uint16_t port)
{
    struct socket_address name = name_of(nobody, port);
    sluice_socket_t *s = net_open(SOCKET_INET6, SOCKET_DGRAM, 0);
    assert_int_equal(s->ops->bind(s, &name), 0);
    return s;
}

static int neighbour_state(const uint8_t *who);

/* A packet waits for its neighbour; one that nobody answers for is dropped, and the neighbour
 * forgotten. */
static void test_a_neighbour_is_found(void **state)
{
    uint8_t third[16];
    struct fake_frame sent;
    (void)state;
    memcpy(third, peer_ip, 16);
    third[15] = 7;
    struct socket_address to = name_of(third, 9);
    begin(0);
    sluice_socket_t *s = open_udp(5000);
    for (int answered = 1; answered >= 0; answered--) {
        assert_int_equal(net_send(s, "abc", 3, &to), 0);
        assert_false(is_sent(UDP, 0));
        third[15]++;
        to = name_of(third, 9);
        assert_int_equal(net_send(s, "abc", 3, &to), 0);
        assert_true(next_sent(ICMP, NS, &sent));
        assert_memory_equal(sent.bytes + TOP + 8, third, 16);
        assert_memory_equal(sent.bytes, "\x33\x33\xff\0\0", 5);
        assert_memory_equal(sent.bytes + IP + 8, our_ip, 16);
        assert_int_equal(get16(sent.bytes + TOP + 24), 0x101);
        free(sent.bytes);
        if (answered) {
            advertised_make(third, our_ip, third);
            put16(frame + IP + 4, 26); /* with less than an address, of no length */
            frame[TOP + 25] = 0;
            icmp_arrive(26);
            assert_false(is_sent(UDP, 0));
            neighbour_answers(third);
            assert_true(next_sent(UDP, 0, &sent));
            assert_memory_equal(sent.bytes, peer_mac, 6);
            assert_memory_equal(sent.bytes + TOP + 8, "abc", 3);
            free(sent.bytes);
            assert_int_equal(neighbour_state(third), 2);
        } else {
            env_test_clock_advance(2 * SECOND);
            assert_true(is_sent(ICMP, NS) && is_sent(ICMP, NS));
            env_test_clock_advance(5 * SECOND);
            assert_false(is_sent(UDP, 0));
            assert_int_equal(neighbour_state(third), 0);
        }
        third[15]++;
        to = name_of(third, 9);
    }
    sluice_socket_release(s);
    end();
}

struct wanted {
    const uint8_t *address;
    int state;
};

static bool neighbour_note(void *arg, const struct inet_neighbour *neighbour)
{
    struct wanted *wanted = arg;
    if (neighbour->address.family == SOCKET_INET6 &&
        !memcmp(neighbour->address.bytes, wanted->address, 16))
        wanted->state = neighbour->state;
    return true;
}

static int neighbour_state(const uint8_t *who)
{
    struct wanted wanted = {who, 0};
    inet_neighbour_each(neighbour_note, &wanted);
    return wanted.state;
}

/* A neighbour that was there and is silent is asked again, by itself, and then forgotten. */
static void test_a_neighbour_goes_silent(void **state)
{
    struct fake_frame sent;
    struct socket_address to = name_of(peer_ip, 9);
    (void)state;
    begin(0);
    sluice_socket_t *s = open_udp(5000);
    assert_int_equal(net_send(s, "abc", 3, &to), 0);
    neighbour_answers(peer_ip);
    assert_int_equal(neighbour_state(peer_ip), 2);
    env_test_clock_advance(60 * SECOND);
    assert_int_equal(neighbour_state(peer_ip), 4);
    fake_card_clear(net_card);
    assert_int_equal(net_send(s, "abc", 3, &to), 0);
    assert_true(is_sent(UDP, 0));
    env_test_clock_advance(8 * SECOND);
    assert_true(next_sent(ICMP, NS, &sent));
    assert_memory_equal(sent.bytes, peer_mac, 6);
    assert_memory_equal(sent.bytes + IP + 24, peer_ip, 16);
    free(sent.bytes);
    env_test_clock_advance(10 * SECOND);
    assert_int_equal(neighbour_state(peer_ip), 0);
    sluice_socket_release(s);
    end();
}

/* A router sends by another; nobody else may. */
static void redirect_arrives(const uint8_t *from, const uint8_t *target, const uint8_t *to)
{
    hop_limit = 255;
    uint8_t *redirect = ip_begin(from, our_ip, ICMP, 48);
    hop_limit = 64;
    redirect[0] = REDIRECT;
    memcpy(redirect + 8, target, 16);
    memcpy(redirect + 24, to, 16);
    memcpy(redirect + 40, "\2\1\2\0\0\0\0\3", 8);
    icmp_arrive(48);
}

static void test_redirects(void **state)
{
    struct fake_frame sent;
    struct socket_address to = name_of(far_ip, 9);
    (void)state;
    begin(0);
    advertised_make(router, our_link, router);
    icmp_arrive(32);
    sluice_socket_t *s = open_udp(5000);
    for (int step = 0; step < 5; step++) {
        if (step == 1)
            redirect_arrives(stranger, stranger, far_ip); /* not whom we send by */
        if (step == 2)
            redirect_arrives(router, peer_ip, far_ip); /* neither a router's address nor FAR_IP */
        if (step == 3)
            redirect_arrives(peer_ip, stranger, far_ip); /* not from the link */
        if (step == 4)
            redirect_arrives(router, stranger, far_ip);
        assert_int_equal(net_send(s, "abc", 3, &to), 0);
        assert_true(next_sent(UDP, 0, &sent));
        assert_int_equal(sent.bytes[5], step == 4 ? 3 : 2);
        free(sent.bytes);
    }
    sluice_socket_release(s);
    end();
}

/* ---- Echo ---- */

static void echo_make(uint8_t *icmp, uint32_t size)
{
    icmp[0] = ECHO;
    put16(icmp + 4, 77);
    for (uint32_t i = 0; i < size; i++)
        icmp[8 + i] = (uint8_t)(i * 7);
}

static void test_echo(void **state)
{
    static const uint32_t pieces[] = {0, 700, 100, 13};
    struct fake_frame sent;
    (void)state;
    begin(0);
    for (size_t i = 0; i < SLUICE_COUNT(pieces); i++) {
        echo_make(ip_begin(peer_ip, our_ip, ICMP, 1008), 1000);
        sum_put(frame + TOP + 2, ICMP, frame + TOP, 1008);
        fake_card_arrive(net_card, frame, TOP + 1008, pieces[i], 0);
        assert_true(next_sent(ICMP, REPLY, &sent));
        assert_memory_equal(sent.bytes, peer_mac, 6);
        assert_memory_equal(sent.bytes + IP + 8, our_ip, 16);
        assert_memory_equal(sent.bytes + TOP + 4, frame + TOP + 4, 1004);
        free(sent.bytes);
    }
    uint32_t errors = lwip_stats.icmp6.chkerr;
    frame[TOP + 9] ^= 1;
    arrive(1008);
    assert_int_equal(lwip_stats.icmp6.chkerr, errors + 1);
    /* ::1 is on no wire, neither there nor here. */
    for (int end_of_it = 0; end_of_it < 2; end_of_it++) {
        uint8_t loop[16] = {0};
        loop[15] = 1;
        echo_make(ip_begin(end_of_it ? loop : peer_ip, end_of_it ? our_ip : loop, ICMP, 8), 0);
        icmp_arrive(8);
    }
    assert_false(is_sent(ICMP, REPLY));
    end();
}

/* ---- UDP ---- */

static uint8_t *udp_make(uint16_t port, uint32_t size)
{
    uint8_t *udp = ip_begin(peer_ip, our_ip, UDP, 8 + size);
    put16(udp, 7000);
    put16(udp + 2, port);
    put16(udp + 4, 8 + size);
    memset(udp + 8, 0x5a, size);
    sum_put(udp + 6, UDP, udp, 8 + size);
    return udp;
}

static void complaint_arrives(const struct fake_frame *sent, uint8_t type, uint8_t code,
                              uint32_t info, uint16_t damage)
{
    uint32_t size = sent->length - ETHERNET;
    if (size > 1200)
        size = 1200;
    uint8_t *icmp = ip_begin(router, our_ip, ICMP, 8 + size);
    icmp[0] = type;
    icmp[1] = code;
    put32(icmp + 4, info);
    memcpy(icmp + 8, sent->bytes + IP, size);
    sum_put(icmp + 2, ICMP, icmp, 8 + size);
    icmp[2] ^= (uint8_t)damage;
    arrive(8 + size);
}

static void test_udp(void **state)
{
    struct socket_address peer = name_of(peer_ip, 7000);
    struct socket_message message = {.flags = SOCKET_MSG_DONTWAIT};
    struct fake_frame sent;
    uint8_t bytes[200];
    (void)state;
    begin(0);
    udp_make(5000, 100);
    arrive(108);
    assert_true(next_sent(ICMP, UNREACHABLE, &sent));
    assert_int_equal(sent.bytes[TOP + 1], 4);
    assert_memory_equal(sent.bytes + TOP + 8, frame + IP, 148);
    free(sent.bytes);
    sluice_socket_t *s = open_udp(5000);
    uint32_t errors = lwip_stats.udp.chkerr;
    udp_make(5000, 100)[6] ^= 1;
    arrive(108);
    put16(udp_make(5000, 100) + 6, 0);
    arrive(108);
    assert_int_equal(net_receive(s, bytes, sizeof bytes, &message), OSKIT_EWOULDBLOCK);
    assert_int_equal(lwip_stats.udp.chkerr, errors + 2);
    fake_card_arrive(net_card, frame, TOP + 108, 0, PACKET_SUM_GOOD);
    udp_make(5000, 100);
    arrive(108);
    for (int i = 0; i < 2; i++)
        assert_int_equal(net_receive(s, bytes, sizeof bytes, &message), 100);
    assert_int_equal(bytes[99], 0x5a);
    /* What was sent is complained of, at first with a wrong sum. */
    assert_int_equal(s->ops->connect(s, &peer), 0);
    assert_int_equal(net_send(s, "abc", 3, NULL), 0);
    assert_true(next_sent(UDP, 0, &sent));
    complaint_arrives(&sent, UNREACHABLE, 4, 0, 1);
    assert_int_equal(net_receive(s, bytes, sizeof bytes, &message), OSKIT_EWOULDBLOCK);
    complaint_arrives(&sent, UNREACHABLE, 4, 0, 0);
    assert_int_equal(net_receive(s, bytes, sizeof bytes, &message), OSKIT_ECONNREFUSED);
    assert_int_equal(net_receive(s, bytes, sizeof bytes, &message), OSKIT_EWOULDBLOCK);
    free(sent.bytes);
    sluice_socket_release(s);
    end();
}

/* How many frames a datagram of 1300 bytes goes in. */
static int frames_of(sluice_socket_t *s)
{
    static uint8_t bytes[1300];
    struct fake_frame sent;
    int frames = 0;
    assert_int_equal(net_send(s, bytes, sizeof bytes, NULL), 0);
    while (fake_card_take(net_card, &sent)) {
        uint8_t next = sent.bytes[IP + 6];
        if (next == UDP || next == FRAGMENT)
            frames++;
        free(sent.bytes);
    }
    return frames;
}

/* A path may carry less than the link; never less than any link does, nor more than this one. */
static void test_path_mtu(void **state)
{
    struct socket_address to = name_of(far_ip, 9);
    struct fake_frame sent;
    (void)state;
    begin(0);
    advertised_make(router, our_link, router);
    icmp_arrive(32);
    sluice_socket_t *s = open_udp(5000);
    assert_int_equal(s->ops->connect(s, &to), 0);
    fake_card_clear(net_card);
    assert_int_equal(net_send(s, "abc", 3, NULL), 0);
    assert_true(next_sent(UDP, 0, &sent));
    complaint_arrives(&sent, TOO_BIG, 0, 600, 0);
    complaint_arrives(&sent, TOO_BIG, 0, 9000, 0);
    complaint_arrives(&sent, TOO_BIG, 0, 0, 0);
    complaint_arrives(&sent, TOO_BIG, 0, 1290, 1);
    sent.bytes[IP + 8] ^= 1; /* not we sent it */
    complaint_arrives(&sent, TOO_BIG, 0, 1290, 0);
    sent.bytes[IP + 8] ^= 1;
    assert_int_equal(frames_of(s), 1);
    complaint_arrives(&sent, TOO_BIG, 0, 1290, 0);
    free(sent.bytes);
    assert_int_equal(net_send(s, "abc", 3, NULL), OSKIT_EMSGSIZE); /* told once */
    assert_int_equal(frames_of(s), 2);
    sluice_socket_release(s);
    end();
}

/* ---- Fragments ---- */

static uint8_t whole[66000]; /* of the packet in fragments, from the transport header on */

/* Bytes OFFSET to OFFSET + SIZE of it, NEXT being what they are; LAST: no more come. */
static void fragment_arrives(uint8_t next, uint32_t offset, uint32_t size, bool last)
{
    uint8_t *fragment = ip_begin(peer_ip, our_ip, FRAGMENT, 8 + size);
    fragment[0] = next;
    put16(fragment + 2, offset | (last ? 0 : 1));
    put32(fragment + 4, 1234);
    memcpy(fragment + 8, whole + offset, size);
    arrive(8 + size);
}

static void whole_make(uint32_t size)
{
    echo_make(whole, size - 8);
    whole[2] = whole[3] = 0;
    ip_begin(peer_ip, our_ip, ICMP, 0);
    uint16_t sum = (uint16_t)~sum_over(frame + IP, ICMP, whole, size);
    memcpy(whole + 2, &sum, 2);
}

/* The reply to what was put together, itself in fragments: how many bytes. */
static uint32_t replied(void)
{
    struct fake_frame sent;
    uint32_t size = 0;
    while (next_sent(FRAGMENT, 0, &sent)) {
        uint32_t at = get16(sent.bytes + TOP + 2) & 0xfff8, length = sent.length - TOP - 8;
        assert_in_range(sent.length, TOP + 8, ETHERNET + 1500);
        for (uint32_t i = at < 8 ? 8 : 0; i < length; i++)
            assert_int_equal(sent.bytes[TOP + 8 + i], whole[at + i]);
        size += length;
        free(sent.bytes);
    }
    return size;
}

static void test_fragments(void **state)
{
    static const uint8_t orders[][3] = {{0, 1, 2}, {2, 1, 0}, {1, 2, 0}, {2, 0, 1}};
    (void)state;
    begin(0);
    whole_make(3008);
    for (size_t i = 0; i < SLUICE_COUNT(orders); i++) {
        for (int n = 0; n < 3; n++) {
            uint32_t at = orders[i][n] * 1200u;
            fragment_arrives(ICMP, at, at == 2400 ? 608 : 1200, at == 2400);
            fragment_arrives(ICMP, at, at == 2400 ? 608 : 1200, at == 2400); /* and again */
            if (n < 2)
                assert_int_equal(replied(), 0);
        }
        assert_int_equal(replied(), 3008);
        env_test_clock_advance(120 * SECOND); /* the last one again has begun a packet */
        assert_int_equal(net_card->received_live, 0);
        peer_known();
    }
    end();
}

static void test_hostile_fragments(void **state)
{
    struct fake_frame sent;
    (void)state;
    begin(0);
    whole_make(3008);
    /* Overlapping ones are dropped. */
    fragment_arrives(ICMP, 0, 1200, false);
    fragment_arrives(ICMP, 1192, 1208, false);
    fragment_arrives(ICMP, 2400, 608, true);
    assert_int_equal(replied(), 0);
    fragment_arrives(ICMP, 1200, 1200, false);
    assert_int_equal(replied(), 3008);
    /* Longer than any packet, up to and beyond 64 KiB. */
    for (uint32_t end_of_it = 65400; end_of_it <= 65536; end_of_it += 8) {
        for (uint32_t at = 0; at < end_of_it; at += 1400) {
            uint32_t size = end_of_it - at > 1400 ? 1400 : end_of_it - at;
            fragment_arrives(ICMP, at, size, at + size == end_of_it);
        }
        env_test_clock_advance(120 * SECOND);
        peer_known();
    }
    /* A fragment in the fragments, told by the first and by the last; nothing at all in one. */
    memset(whole, 0, sizeof whole);
    whole[0] = ICMP;
    for (int first = 0; first < 2; first++) {
        fragment_arrives(first ? FRAGMENT : ICMP, 8, 8, true);
        fragment_arrives(FRAGMENT, 0, 8, false);
        fragment_arrives(OPTIONS, 0, 8, false);
    }
    fragment_arrives(OPTIONS, 8, 8, true); /* what comes first says what the rest isn't */
    whole[0] = FRAGMENT;
    fragment_arrives(UDP, 0, 8, false);
    fragment_arrives(ICMP, 16, 0, false);
    fragment_arrives(ICMP, 0, 0, true);
    env_test_clock_advance(120 * SECOND);
    /* Neighbours aren't found in fragments. */
    fake_card_clear(net_card);
    solicitation_make(peer_ip, our_ip);
    sum_put(frame + TOP + 2, ICMP, frame + TOP, 32);
    memcpy(whole, frame + TOP, 32);
    fragment_arrives(ICMP, 0, 32, true);
    fragment_arrives(ICMP, 0, 16, false);
    fragment_arrives(ICMP, 16, 16, true);
    assert_false(is_sent(ICMP, NA));
    /* Very many, and one that never ends: said when its time is over. */
    for (uint32_t i = 0; i < 2000; i++) {
        uint8_t *fragment = ip_begin(peer_ip, our_ip, FRAGMENT, 16);
        fragment[0] = UDP;
        fragment[15] = 1;
        put16(fragment + 2, i % 2 ? 9 : 1);
        put32(fragment + 4, i);
        arrive(16);
        fake_card_clear(net_card);
    }
    assert_in_range(net_card->received_live, 1, 256);
    peer_known();
    env_test_clock_advance(20 * SECOND);
    peer_known();
    env_test_clock_advance(50 * SECOND);
    assert_true(next_sent(ICMP, EXCEEDED, &sent));
    assert_int_equal(sent.bytes[TOP + 1], 1);
    free(sent.bytes);
    assert_int_equal(net_card->received_live, 0);
    end();
}

/* ---- Extension headers ---- */

/* An echo request behind the LENGTH bytes of HEADERS, the first of which is a FIRST. */
static void extended_arrives(uint8_t first, const void *headers, uint32_t length)
{
    uint8_t *at = ip_begin(peer_ip, our_ip, first, length + 16);
    memcpy(at, headers, length);
    echo_make(at + length, 8);
    sum_put(at + length + 2, ICMP, at + length, 16);
    arrive(length + 16);
}

static const uint8_t pad[8] = {ICMP, 0, 1, 4};
static const uint8_t both[24] = {OPTIONS, 0, 5, 2, 0, 0, 1, 0, ICMP, 1, 1, 12};

static void test_extensions(void **state)
{
    static const uint8_t routed[8] = {ICMP, 0, 4, 0};
    uint8_t many[1200];
    (void)state;
    begin(0);
    extended_arrives(HOPS, pad, 8);
    assert_true(is_sent(ICMP, REPLY));
    extended_arrives(OPTIONS, pad, 8);
    assert_true(is_sent(ICMP, REPLY));
    extended_arrives(HOPS, both, 24);
    assert_true(is_sent(ICMP, REPLY));
    extended_arrives(ROUTING, routed, 8); /* no segments left */
    assert_true(is_sent(ICMP, REPLY));
    for (uint32_t i = 0; i < sizeof many; i += 8) {
        memcpy(many + i, pad, 8);
        many[i] = OPTIONS;
    }
    many[sizeof many - 8] = ICMP;
    extended_arrives(OPTIONS, many, sizeof many);
    assert_true(is_sent(ICMP, REPLY));
    end();
}

/* The answer tells where the trouble is. */
static void problem_expect(uint8_t code, uint32_t at)
{
    struct fake_frame sent;
    assert_true(next_sent(ICMP, PROBLEM, &sent));
    assert_int_equal(sent.bytes[TOP + 1], code);
    assert_int_equal(get32(sent.bytes + TOP + 4), at);
    free(sent.bytes);
}

static void test_hostile_extensions(void **state)
{
    static const uint8_t routed[8] = {ICMP, 0, 0, 1}, twice[16] = {HOPS, 0, 1, 4, 0, 0, 0, 0, ICMP};
    uint8_t wrong[8];
    (void)state;
    begin(0);
    /* Cut at each byte, with and without the length that says so. */
    for (uint32_t cut = 0; cut < 24; cut++) {
        for (int told = 0; told < 2; told++) {
            uint8_t *at = ip_begin(peer_ip, our_ip, HOPS, told ? cut : 24);
            memcpy(at, both, cut);
            arrive(cut);
        }
    }
    /* Lengths and options that reach beyond the header, and beyond the packet. */
    for (int i = 0; i < 6; i++) {
        memcpy(wrong, pad, 8);
        if (i < 2)
            wrong[1] = i ? 255 : 2;
        else if (i < 4)
            wrong[3] = i == 2 ? 5 : 255;
        else
            memcpy(wrong + 2, i == 4 ? "\1\3\0\0\0\x3e" : "\0\0\0\0\0\x1", 6);
        extended_arrives(i & 1 ? HOPS : OPTIONS, wrong, 8);
    }
    assert_false(is_sent(ICMP, 0));
    extended_arrives(ROUTING, routed, 8);
    problem_expect(0, 42);
    extended_arrives(HOPS, twice, 16);
    problem_expect(1, 40);
    extended_arrives(253, pad, 8);
    problem_expect(1, 6);
    memcpy(wrong, pad, 8);
    wrong[2] = 0x9e; /* an option that nobody knows: told, or passed by */
    extended_arrives(OPTIONS, wrong, 8);
    problem_expect(2, 42);
    wrong[2] = 0x1e;
    extended_arrives(OPTIONS, wrong, 8);
    assert_true(is_sent(ICMP, REPLY));
    extended_arrives(NONE, pad, 8);
    assert_false(is_sent(ICMP, 0));
    end();
}

/* ---- Groups ---- */

static void test_groups(void **state)
{
    static const uint8_t group[16] = "\xff\x5\0\0\0\0\0\0\0\0\0\0\0\0\x12\x34";
    struct {
        uint8_t group[16];
        uint32_t interface;
    } request = {.interface = 2};
    struct fake_frame sent;
    (void)state;
    begin(0);
    memcpy(request.group, group, 16);
    sluice_socket_t *s = open_udp(5000);
    assert_int_equal(net_set(s, INET_SOL_IPV6, INET_IPV6_JOIN_GROUP, &request, sizeof request), 0);
    assert_true(next_sent(HOPS, 0, &sent));
    assert_memory_equal(sent.bytes, "\x33\x33\0\0\x12\x34", 6);
    assert_memory_equal(sent.bytes + TOP, "\x3a\0\5\2\0\0", 6); /* to be looked at by routers */
    assert_int_equal(sent.bytes[TOP + 8], REPORT);
    assert_memory_equal(sent.bytes + TOP + 16, group, 16);
    free(sent.bytes);
    env_test_clock_advance(20 * SECOND);
    fake_card_clear(net_card);
    hop_limit = 1;
    uint8_t *query = ip_begin(router, everybody, ICMP, 24);
    hop_limit = 64;
    query[0] = QUERY;
    put16(query + 4, 1000);
    icmp_arrive(24);
    env_test_clock_advance(3 * SECOND);
    int reports = 0;
    for (; next_sent(HOPS, 0, &sent); reports++) {
        assert_int_equal(sent.bytes[TOP + 8], REPORT);
        free(sent.bytes);
    }
    assert_in_range(reports, 2, 3); /* this one and that of our addresses */
    assert_int_equal(net_set(s, INET_SOL_IPV6, INET_IPV6_LEAVE_GROUP, &request, sizeof request), 0);
    assert_true(next_sent(HOPS, 0, &sent));
    assert_int_equal(sent.bytes[TOP + 8], DONE);
    free(sent.bytes);
    sluice_socket_release(s);
    end();
}

/* ---- TCP: the test is the peer ---- */

struct peer {
    uint32_t next, seen; /* its own next sequence number; what it has of ours */
    uint16_t our_port, port;
};

static uint8_t bulk[65536], got[1 << 17];
static uint32_t got_size, arrivals;

static uint32_t tcp_make(struct peer *peer, uint8_t flags, const void *data, uint32_t size)
{
    static const uint8_t options[8] = {2, 4, 0x05, 0xa0, 1, 3, 3, 7}; /* 1440 */
    uint32_t extra = flags & 2 ? sizeof options : 0;
    uint8_t *tcp = ip_begin(peer_ip, our_ip, TCP, 20 + extra + size);
    put16(tcp, peer->port);
    put16(tcp + 2, peer->our_port);
    put32(tcp + 4, peer->next);
    put32(tcp + 8, peer->seen);
    tcp[12] = (uint8_t)((20 + extra) / 4 << 4);
    tcp[13] = flags;
    put16(tcp + 14, 0xffff);
    memcpy(tcp + 20, options, extra);
    if (size)
        memcpy(tcp + 20 + extra, data, size);
    sum_put(tcp + 16, TCP, tcp, 20 + extra + size);
    peer->next += size + (flags & 3 ? 1 : 0);
    return 20 + extra + size;
}

static void tcp_arrive(struct peer *peer, uint8_t flags, const void *data, uint32_t size)
{
    arrive(tcp_make(peer, flags, data, size));
}

static uint32_t tcp_take(struct peer *peer, struct fake_frame *out)
{
    assert_true(next_sent(TCP, 0, out));
    const uint8_t *tcp = out->bytes + TOP;
    uint32_t size = out->length - TOP - (tcp[12] >> 4) * 4;
    if (get32(tcp + 4) == peer->seen)
        peer->seen += size;
    return size;
}

static err_t stream_receive(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t error)
{
    (void)arg, (void)error;
    assert_non_null(p);
    pbuf_copy_partial(p, got + got_size, p->tot_len, 0);
    got_size += p->tot_len;
    arrivals++;
    tcp_recved(pcb, p->tot_len);
    pbuf_free(p);
    return ERR_OK;
}

static err_t connected(void *arg, struct tcp_pcb *pcb, err_t error)
{
    (void)arg, (void)error;
    tcp_recv(pcb, stream_receive);
    return ERR_OK;
}

static struct tcp_pcb *tcp_open(struct peer *peer)
{
    struct fake_frame sent;
    ip_addr_t to = {0};
    IP_SET_TYPE(&to, IPADDR_TYPE_V6);
    memcpy(ip_2_ip6(&to)->addr, peer_ip, 16);
    *peer = (struct peer){1000, 0, 0, 80};
    got_size = arrivals = 0;
    for (size_t i = 0; i < sizeof bulk; i++)
        bulk[i] = (uint8_t)(i * 7 + (i >> 8));
    neighbour_answers(peer_ip);
    inet_lock();
    struct tcp_pcb *pcb = tcp_new_ip_type(IPADDR_TYPE_V6);
    assert_int_equal(tcp_connect(pcb, &to, 80, connected), ERR_OK);
    inet_unlock();
    neighbour_answers(peer_ip);
    tcp_take(peer, &sent);
    const uint8_t *tcp = sent.bytes + TOP;
    assert_int_equal(tcp[13], 2);
    assert_int_equal(get32(tcp + 20), 0x02040000u | (1400 - 60)); /* the router's MTU */
    peer->our_port = (uint16_t)get16(tcp);
    peer->seen = get32(tcp + 4) + 1;
    free(sent.bytes);
    tcp_arrive(peer, 0x12, NULL, 0);
    tcp_take(peer, &sent);
    free(sent.bytes);
    assert_int_equal(pcb->state, ESTABLISHED);
    return pcb;
}

static void tcp_drop(struct tcp_pcb *pcb)
{
    inet_lock();
    tcp_abort(pcb);
    inet_unlock();
}

/* Both ways; large packets for the card to cut up where it does. */
static void test_tcp(void **state)
{
    (void)state;
    for (int joins = 0; joins < 2; joins++) {
        struct peer peer;
        struct fake_frame sent;
        begin_with(joins ? NETQUEUE_TX_SUM | NETQUEUE_TX_TSO6 : 0);
        struct tcp_pcb *pcb = tcp_open(&peer);
        uint32_t begun = peer.seen, frames = 0;
        inet_lock();
        pcb->cwnd = 1 << 20;
        pcb->snd_wnd = pcb->snd_wnd_max = 1 << 20;
        assert_int_equal(tcp_write(pcb, bulk, 13400, 0), ERR_OK);
        assert_int_equal(tcp_output(pcb), ERR_OK);
        inet_unlock();
        for (; peer.seen - begun < 13400; frames++) {
            uint32_t at = peer.seen - begun, size = tcp_take(&peer, &sent);
            assert_memory_equal(sent.bytes + sent.length - size, bulk + at, size);
            if (joins) {
                assert_int_equal(sent.offload.gso, PACKET_GSO_TCP6);
                assert_int_equal(sent.offload.gso_size, 1340);
                assert_int_equal(sent.offload.header_length, TOP + 20);
                assert_int_equal(sent.offload.sum_start, TOP);
            }
            free(sent.bytes);
        }
        assert_int_equal(frames, joins ? 1 : 10);
        tcp_arrive(&peer, 0x10, NULL, 0);
        assert_null(pcb->unacked);
        uint32_t errors = lwip_stats.tcp.chkerr;
        uint32_t next = peer.next, length = tcp_make(&peer, 0x18, bulk, 1000);
        frame[TOP + 50] ^= 1;
        arrive(length);
        assert_int_equal(got_size, 0);
        assert_int_equal(lwip_stats.tcp.chkerr, errors + 1);
        peer.next = next;
        tcp_arrive(&peer, 0x18, bulk, 1000);
        assert_int_equal(got_size, 1000);
        assert_memory_equal(got, bulk, 1000);
        tcp_drop(pcb);
        fake_card_clear(net_card);
        peer = (struct peer){5, 0, 4444, 81};
        tcp_arrive(&peer, 2, NULL, 0);
        tcp_take(&peer, &sent);
        assert_int_equal(sent.bytes[TOP + 13], 0x14);
        free(sent.bytes);
        end();
    }
}

/* Segments of a batch come to lwIP as one, those of the other family in between apart; a wrong sum
 * is a lost segment, and acknowledgements count as if they came one by one. */
static void test_trains(void **state)
{
    struct peer peer;
    (void)state;
    begin(0);
    struct tcp_pcb *pcb = tcp_open(&peer);
    fake_card_hold(net_card);
    for (uint32_t at = 0; at < 26800; at += 1340)
        tcp_arrive(&peer, at == 13400 ? 0x18 : 0x10, bulk + at, 1340);
    fake_card_arrive_held(net_card);
    assert_int_equal(arrivals, 1);
    assert_int_equal(got_size, 26800);
    assert_memory_equal(got, bulk, 26800);
    assert_int_equal(net_card->received_live, 0);
    fake_card_hold(net_card);
    tcp_arrive(&peer, 0x10, bulk, 1340);
    tcp_arrive(&peer, 0x10, bulk + 1340, 1340);
    memset(frame + IP, 0, 60);
    frame[IP] = 0x45; /* neither its address nor its sum is right */
    frame[IP + 9] = TCP;
    put16(frame + 12, 0x800);
    fake_card_arrive(net_card, frame, ETHERNET + 60, 0, 0);
    tcp_arrive(&peer, 0x10, bulk + 2680, 1340);
    uint32_t next = peer.next, length = tcp_make(&peer, 0x18, bulk + 4020, 1340);
    frame[TOP + 100] ^= 1;
    arrive(length);
    peer.next = next;
    tcp_arrive(&peer, 0x18, bulk + 4020, 700);
    fake_card_arrive_held(net_card);
    assert_int_equal(arrivals, 4);
    assert_int_equal(got_size, 26800 + 4720);
    assert_memory_equal(got + 26800, bulk, 4720);
    inet_lock();
    pcb->cwnd = 30000;
    pcb->snd_wnd = pcb->snd_wnd_max = 1 << 20;
    assert_int_equal(tcp_write(pcb, bulk, 13400, 0), ERR_OK);
    assert_int_equal(tcp_output(pcb), ERR_OK);
    inet_unlock();
    fake_card_clear(net_card);
    fake_card_hold(net_card);
    for (int i = 0; i < 5; i++) {
        peer.seen += 2680;
        tcp_arrive(&peer, 0x10, NULL, 0);
    }
    fake_card_arrive_held(net_card);
    assert_null(pcb->unacked);
    assert_int_equal(pcb->cwnd, 30000 + 13400);
    tcp_drop(pcb);
    end();
}

static void test_tcp_listens(void **state)
{
    struct socket_address name = name_of(nobody, 7);
    struct socket_message message = {.flags = SOCKET_MSG_DONTWAIT};
    struct peer peer = {1000, 0, 7, 4000};
    struct fake_frame sent;
    sluice_socket_t *listener, *socket;
    uint8_t bytes[100];
    (void)state;
    begin(0);
    listener = net_open(SOCKET_INET6, SOCKET_STREAM, 0);
    assert_int_equal(listener->ops->bind(listener, &name), 0);
    assert_int_equal(listener->ops->listen(listener, 1), 0);
    tcp_arrive(&peer, 2, NULL, 0);
    neighbour_answers(peer_ip);
    tcp_take(&peer, &sent);
    assert_int_equal(sent.bytes[TOP + 13], 0x12);
    peer.seen = get32(sent.bytes + TOP + 4) + 1;
    free(sent.bytes);
    tcp_arrive(&peer, 0x10, NULL, 0);
    assert_int_equal(listener->ops->accept(listener, &name, &socket), 0);
    assert_memory_equal(name.u.in6.address, peer_ip, 16);
    tcp_arrive(&peer, 0x18, "hello", 5);
    assert_int_equal(net_receive(socket, bytes, sizeof bytes, &message), 5);
    assert_memory_equal(bytes, "hello", 5);
    tcp_arrive(&peer, 4, NULL, 0);
    assert_int_equal(net_receive(socket, bytes, sizeof bytes, &message), OSKIT_ECONNRESET);
    sluice_socket_release(socket);
    sluice_socket_release(listener);
    end();
}

/* ---- Whatever may come ---- */

static uint32_t random_state = 1;

static uint32_t random_next(void)
{
    random_state = random_state * 1664525u + 1013904223u;
    return random_state >> 8;
}

/* A message or a chain of headers of each kind; its size. */
static uint32_t template_make(uint32_t kind)
{
    switch (kind) {
    case 0:
        hop_limit = 255;
        uint32_t size = advertisement_make(1800, 86400);
        hop_limit = 64;
        return size;
    case 1:
        solicitation_make(random_next() % 2 ? peer_ip : nobody, our_ip);
        return 32;
    case 2:
        advertised_make(peer_ip, random_next() % 2 ? everybody : our_ip, peer_ip);
        return 32;
    case 3:
        memcpy(ip_begin(peer_ip, our_ip, HOPS, 40), both, 24);
        echo_make(frame + TOP + 24, 8);
        return 40;
    case 4:
        memcpy(ip_begin(peer_ip, our_ip, FRAGMENT, 48), "\x3c\0\0\1\0\0\0\1\x2c\0\1\4", 12);
        return 48;
    case 5:
        memcpy(ip_begin(peer_ip, our_ip, FRAGMENT, 48), "\x2c\0\0\x28\0\0\0\1", 8);
        return 48;
    case 6:
        udp_make(5000, 32);
        return 40;
    default:
        memmove(ip_begin(router, our_ip, ICMP, 72) + 8, frame + IP, 64);
        frame[TOP] = (uint8_t)(1 + random_next() % 4);
        return 72;
    }
}

static void test_whatever(void **state)
{
    (void)state;
    begin(0);
    for (uint32_t round = 0; round < 20000; round++) {
        uint32_t size = template_make(round % 8);
        for (uint32_t damage = random_next() % 4; damage; damage--)
            frame[IP + 4 + random_next() % (36 + size)] = (uint8_t)random_next();
        if (random_next() % 2) {
            size = random_next() % (size + 1);
            put16(frame + IP + 4, size);
        }
        if (frame[IP + 6] == ICMP && size >= 8)
            sum_put(frame + TOP + 2, ICMP, frame + TOP, size);
        fake_card_arrive(net_card, frame, TOP + size, random_next() % 8 ? 0 : 100,
                         random_next() % 4 ? PACKET_SUM_GOOD : 0);
        fake_card_clear(net_card);
        if (round % 500 == 0)
            env_test_clock_advance(SECOND);
    }
    env_test_clock_advance(120 * SECOND);
    assert_int_equal(net_card->received_live, 0);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_an_address_is_tried_first),
        HARNESS_TEST(test_a_duplicate_is_not_used),
        HARNESS_TEST(test_an_address_is_defended),
        HARNESS_TEST(test_a_router_gives_an_address),
        HARNESS_TEST(test_wrong_advertisements),
        HARNESS_TEST(test_we_are_found),
        HARNESS_TEST(test_a_neighbour_is_found),
        HARNESS_TEST(test_a_neighbour_goes_silent),
        HARNESS_TEST(test_redirects),
        HARNESS_TEST(test_echo),
        HARNESS_TEST(test_udp),
        HARNESS_TEST(test_path_mtu),
        HARNESS_TEST(test_fragments),
        HARNESS_TEST(test_hostile_fragments),
        HARNESS_TEST(test_extensions),
        HARNESS_TEST(test_hostile_extensions),
        HARNESS_TEST(test_groups),
        HARNESS_TEST(test_tcp),
        HARNESS_TEST(test_trains),
        HARNESS_TEST(test_tcp_listens),
        HARNESS_TEST(test_whatever),
    };
    return cmocka_run_group_tests_name("inet6_frames", tests, NULL, NULL);
}
