/* UDP sockets as the wire sees them: the test is the neighbour, 10.0.2.2. */
#include "net_case.h"
#include "wire_ipv4.h"

#include "io/net/bpf.h"
#include "io/net/inet/inet_option.h"
#include "io/net/socket_option.h"

#define PEER_PORT 7000

static uint8_t frame[2000];

/* ---- Frames ---- */

/* With a class and a hop limit to be told from others. */
static uint8_t *packet_begin(const uint8_t *to, uint8_t protocol, uint32_t size)
{
    uint8_t *behind = ip_begin(frame, to, protocol, size);

    frame[ETHERNET + 1] = 0x20;
    frame[ETHERNET + 8] = 9;
    ip_seal(frame);
    return behind;
}

/* Without a checksum, which UDP over IPv4 may do. */
static void datagram_arrives(const uint8_t *to, uint16_t port, const char *text)
{
    uint32_t size = (uint32_t)strlen(text);
    uint8_t *udp = packet_begin(to, 17, 8 + size);

    memset(udp, 0, 8);
    put16(udp, PEER_PORT);
    put16(udp + 2, port);
    put16(udp + 4, 8 + size);
    memcpy(udp + 8, text, size);
    fake_card_arrive(net_card, frame, ETHERNET + 28 + size, 0, 0);
}

/* The last UDP datagram that was sent, as a whole frame; false: none. */
static bool datagram_sent(struct fake_frame *out)
{
    struct fake_frame sent;
    bool found = false;

    while (fake_card_take(net_card, &sent)) {
        if (sent.bytes[12] == 8 && sent.bytes[13] == 0 && sent.bytes[ETHERNET + 9] == 17) {
            if (found)
                free(out->bytes);
            *out = sent;
            found = true;
        } else {
            free(sent.bytes);
        }
    }
    return found;
}

/* Somebody complains of SENT. */
static void complaint_arrives(const struct fake_frame *sent, uint8_t type, uint8_t code)
{
    uint32_t size = sent->length - ETHERNET;
    uint8_t *icmp = packet_begin(our_ip, 1, 8 + size);

    memset(icmp, 0, 8);
    icmp[0] = type;
    icmp[1] = code;
    put16(icmp + 6, 1400);
    memcpy(icmp + 8, sent->bytes + ETHERNET, size);
    put_sum(icmp + 2, inet_sum(icmp, (int)(8 + size)));
    fake_card_arrive(net_card, frame, ETHERNET + 28 + size, 0, 0);
}

/* ---- Sockets ---- */

static struct socket_address name_of(const uint8_t *address, uint16_t port)
{
    struct socket_address name = {.length = 16};

    name.u.in.family = SOCKET_INET;
    name.u.in.port = __builtin_bswap16(port);
    memcpy(name.u.in.address, address, 4);
    return name;
}

static sluice_socket_t *open_bound(uint16_t port)
{
    static const uint8_t any[4];
    struct socket_address name = name_of(any, port);
    sluice_socket_t *s = net_open(SOCKET_INET, SOCKET_DGRAM, 0);

    assert_int_equal(s->ops->bind(s, &name), 0);
    return s;
}

static void begin(void)
{
    net_begin();
    fake_card_arrive(net_card, frame, arp_make(frame, 2), 0, 0);
    fake_card_clear(net_card);
}

static oskit_error_t error_of(sluice_socket_t *s)
{
    return socket_error_take(socket_of(s));
}

/* ---- Tests ---- */

static const struct {
    uint8_t type, code;
    oskit_error_t error;
    bool fatal;
} complaints[] = {
    {3, 0, OSKIT_ENETUNREACH, false},   {3, 1, OSKIT_EHOSTUNREACH, false},
    {3, 2, OSKIT_ENOPROTOOPT, true},    {3, 3, OSKIT_ECONNREFUSED, true},
    {3, 4, OSKIT_EMSGSIZE, true},       {3, 5, OSKIT_EOPNOTSUPP, false},
    {3, 6, OSKIT_ENETUNREACH, true},    {3, 9, OSKIT_ENETUNREACH, true},
    {3, 10, OSKIT_EHOSTUNREACH, true},  {3, 11, OSKIT_ENETUNREACH, false},
    {3, 12, OSKIT_EHOSTUNREACH, false}, {3, 13, OSKIT_EHOSTUNREACH, true},
    {11, 0, OSKIT_EHOSTUNREACH, false}, {12, 0, OSKIT_EPROTO, true},
};

/* What a connected socket is told, with IP_RECVERR of everything. */
static void test_complaints(void **state)
{
    struct socket_address peer = name_of(peer_ip, PEER_PORT), none = {.length = 2};
    struct fake_frame sent;
    char bytes[100];
    uint8_t room[100];

    (void)state;
    begin();
    sluice_socket_t *s = open_bound(5000);
    for (size_t i = 0; i < SLUICE_COUNT(complaints); i++) {
        struct socket_control control = {.bytes = room, .room = sizeof room};
        struct socket_message message = {.flags = SOCKET_MSG_ERRQUEUE, .control = &control};
        uint8_t type = complaints[i].type, code = complaints[i].code;
        assert_int_equal(net_send(s, "hello", 5, &peer), 0);
        assert_true(datagram_sent(&sent));
        complaint_arrives(&sent, type, code);
        assert_int_equal(error_of(s), 0); /* not connected */
        assert_int_equal(s->ops->connect(s, &peer), 0);
        complaint_arrives(&sent, type, code);
        assert_int_equal(error_of(s), complaints[i].fatal ? complaints[i].error : 0);
        assert_int_equal(net_set_int(s, INET_SOL_IP, INET_IP_RECVERR, 1), 0);
        complaint_arrives(&sent, type, code);
        assert_true(net_level(s) & READY_ERR);
        assert_int_equal(error_of(s), complaints[i].error);
        assert_int_equal(net_receive(s, bytes, sizeof bytes, &message), 5);
        assert_memory_equal(bytes, "hello", 5);
        assert_true(message.out_flags & SOCKET_MSG_ERRQUEUE);
        assert_int_equal(control.length, 16 + 32);
        assert_memory_equal(room + 16, &complaints[i].error, sizeof complaints[i].error);
        assert_int_equal(room[20], 2);
        assert_int_equal(room[21], type);
        assert_int_equal(room[22], code);
        assert_int_equal(*(uint32_t *)(void *)(room + 24), type == 3 && code == 4 ? 1400 : 0);
        assert_int_equal(room[32], SOCKET_INET); /* and who complained */
        assert_memory_equal(room + 36, peer_ip, 4);
        assert_int_equal(net_receive(s, bytes, sizeof bytes, &message), OSKIT_EWOULDBLOCK);
        assert_int_equal(net_set_int(s, INET_SOL_IP, INET_IP_RECVERR, 0), 0);
        assert_int_equal(s->ops->connect(s, &none), 0);
        free(sent.bytes);
    }
    sluice_socket_release(s);
    net_end();
}

/* Of a long datagram all comes back that is in the complaint. Who doesn't look for the path's MTU
 * isn't told of it. */
static void test_long_complaints(void **state)
{
    static char text[1000], bytes[1000];
    struct socket_message message = {.flags = SOCKET_MSG_ERRQUEUE};
    struct socket_address peer = name_of(peer_ip, PEER_PORT);
    struct fake_frame sent;

    (void)state;
    begin();
    sluice_socket_t *s = open_bound(5000);
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)(i * 7 + (i >> 8));
    assert_int_equal(net_set_int(s, INET_SOL_IP, INET_IP_RECVERR, 1), 0);
    assert_int_equal(net_send(s, text, sizeof text, &peer), 0);
    assert_true(datagram_sent(&sent));
    complaint_arrives(&sent, 3, 4);
    assert_int_equal(net_receive(s, bytes, sizeof bytes, &message), sizeof text);
    assert_memory_equal(bytes, text, sizeof text);
    sent.length = ETHERNET + 28 + 8;
    complaint_arrives(&sent, 3, 1);
    assert_int_equal(net_receive(s, bytes, sizeof bytes, &message), 8);
    assert_int_equal(error_of(s), OSKIT_EHOSTUNREACH);
    assert_int_equal(net_set_int(s, INET_SOL_IP, INET_IP_MTU_DISCOVER, 0), 0);
    complaint_arrives(&sent, 3, 4);
    assert_int_equal(net_receive(s, bytes, sizeof bytes, &message), OSKIT_EWOULDBLOCK);
    assert_int_equal(error_of(s), 0);
    free(sent.bytes);
    sluice_socket_release(s);
    net_end();
}

/* A datagram for a port where nobody is: the answer brings of it what 576 bytes hold. */
static void test_our_complaints(void **state)
{
    static const struct {
        uint32_t size, back;
    } sizes[] = {{5, 33}, {520, 548}, {521, 548}, {1400, 548}};
    static char text[1401];
    struct fake_frame sent;

    (void)state;
    begin();
    for (size_t i = 0; i < SLUICE_COUNT(sizes); i++) {
        memset(text, 'a' + (int)i, sizes[i].size);
        text[sizes[i].size] = 0;
        datagram_arrives(our_ip, 5001, text);
        assert_true(fake_card_take(net_card, &sent));
        assert_int_equal(sent.length, ETHERNET + 28 + sizes[i].back);
        assert_int_equal(sent.bytes[ETHERNET + 20], 3);
        assert_int_equal(sent.bytes[ETHERNET + 21], 3);
        assert_memory_equal(sent.bytes + ETHERNET + 28, frame + ETHERNET, sizes[i].back);
        assert_int_equal(inet_sum(sent.bytes + ETHERNET + 20, (int)(8 + sizes[i].back)), 0xffff);
        free(sent.bytes);
    }
    net_end();
}

/* A connected socket hears its peer alone; what doesn't fit is cut off. */
static void test_arrivals(void **state)
{
    struct socket_address peer = name_of(peer_ip, PEER_PORT), stranger = name_of(peer_ip, 1);
    struct socket_message message = {.flags = 0};
    char bytes[100];

    (void)state;
    begin();
    sluice_socket_t *s = open_bound(5000);
    datagram_arrives(our_ip, 5000, "abcdef");
    assert_int_equal(net_receive(s, bytes, 4, &message), 4);
    assert_int_equal(message.whole, 6);
    assert_true(message.out_flags & SOCKET_MSG_TRUNC);
    assert_int_equal(net_receive(s, bytes, 4, &message), OSKIT_EWOULDBLOCK);
    assert_int_equal(s->ops->connect(s, &stranger), 0);
    datagram_arrives(our_ip, 5000, "abc");
    assert_int_equal(net_receive(s, bytes, 4, &message), OSKIT_EWOULDBLOCK);
    assert_int_equal(s->ops->connect(s, &peer), 0);
    datagram_arrives(our_ip, 5000, "");
    assert_int_equal(net_level(s) & READY_READ, READY_READ);
    assert_int_equal(net_receive(s, bytes, 4, &message), 0);
    assert_int_equal(net_level(s) & READY_READ, 0);
    sluice_socket_release(s);
    net_end();
}

/* One socket's filter cuts what others have whole. */
static void test_filter(void **state)
{
    static const uint8_t all[4] = {10, 0, 2, 255};
    static const struct bpf_instruction code[] = {
        {0x30, 0, 0, 8}, {0x15, 0, 1, 'a'}, {0x06, 0, 0, 10}, {0x06, 0, 0, 0}};
    struct bpf_request request = {.count = 4, .code = (uintptr_t)code};
    struct socket_message message = {.flags = 0};
    sluice_socket_t *s[3];
    char bytes[100];

    (void)state;
    begin();
    for (int i = 0; i < 3; i++) {
        struct socket_address name = name_of((const uint8_t *)"\0\0\0\0", 5000);
        s[i] = net_open(SOCKET_INET, SOCKET_DGRAM, 0);
        assert_int_equal(net_set_int(s[i], SOCKET_SOL_SOCKET, SOCKET_SO_REUSEADDR, 1), 0);
        assert_int_equal(s[i]->ops->bind(s[i], &name), 0);
    }
    assert_int_equal(net_set(s[1], SOCKET_SOL_SOCKET, SOCKET_SO_ATTACH_FILTER, &request, 16), 0);
    datagram_arrives(all, 5000, "abcdef");
    datagram_arrives(all, 5000, "bcdef");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(net_receive(s[i], bytes, sizeof bytes, &message), i == 1 ? 2 : 6);
        assert_memory_equal(bytes, "abcdef", i == 1 ? 2 : 6);
        assert_int_equal(net_receive(s[i], bytes, sizeof bytes, &message),
                         i == 1 ? OSKIT_EWOULDBLOCK : 5);
    }
    for (int i = 0; i < 3; i++)
        sluice_socket_release(s[i]);
    net_end();
}

static void test_control(void **state)
{
    static const int options[] = {INET_IP_PKTINFO, INET_IP_RECVTTL, INET_IP_RECVTOS};
    uint8_t room[200];
    struct socket_control control = {.bytes = room, .room = sizeof room};
    struct socket_message message = {.control = &control};
    char bytes[100];

    (void)state;
    begin();
    sluice_socket_t *s = open_bound(5000);
    for (size_t i = 0; i < SLUICE_COUNT(options); i++)
        assert_int_equal(net_set_int(s, INET_SOL_IP, options[i], 1), 0);
    datagram_arrives(our_ip, 5000, "abc");
    assert_int_equal(net_receive(s, bytes, sizeof bytes, &message), 3);
    assert_int_equal(control.length, 32 + 24 + 24);
    assert_int_equal(room[12], INET_IP_PKTINFO);
    assert_int_equal(room[16], 2);
    assert_memory_equal(room + 20, our_ip, 4);
    assert_memory_equal(room + 24, our_ip, 4);
    assert_int_equal(room[32 + 12], INET_IP_TTL);
    assert_int_equal(room[32 + 16], 9);
    assert_int_equal(room[56 + 12], INET_IP_TOS);
    assert_int_equal(room[56 + 16], 0x20);
    sluice_socket_release(s);
    net_end();
}

static void test_broadcast(void **state)
{
    static const uint8_t all[4] = {10, 0, 2, 255};
    struct socket_address name = name_of(all, PEER_PORT);
    struct socket_message message = {.flags = 0};
    struct fake_frame sent;
    char bytes[100];

    (void)state;
    begin();
    sluice_socket_t *s = open_bound(5000), *other;
    assert_int_equal(net_send(s, "abc", 3, &name), OSKIT_EACCES);
    assert_int_equal(s->ops->connect(s, &name), OSKIT_EACCES);
    assert_int_equal(net_set_int(s, SOCKET_SOL_SOCKET, SOCKET_SO_BROADCAST, 1), 0);
    assert_int_equal(net_send(s, "abc", 3, &name), 0);
    assert_true(datagram_sent(&sent));
    assert_memory_equal(sent.bytes, "\xff\xff\xff\xff\xff\xff", 6);
    free(sent.bytes);
    /* One that comes is for everybody at the port. */
    assert_int_equal(net_set_int(s, SOCKET_SOL_SOCKET, SOCKET_SO_REUSEADDR, 1), 0);
    other = net_open(SOCKET_INET, SOCKET_DGRAM, 0);
    assert_int_equal(net_set_int(other, SOCKET_SOL_SOCKET, SOCKET_SO_REUSEADDR, 1), 0);
    name = name_of((const uint8_t *)"\0\0\0\0", 5000);
    assert_int_equal(other->ops->bind(other, &name), 0);
    datagram_arrives(all, 5000, "abc");
    assert_int_equal(net_receive(s, bytes, sizeof bytes, &message), 3);
    assert_int_equal(net_receive(other, bytes, sizeof bytes, &message), 3);
    sluice_socket_release(other);
    sluice_socket_release(s);
    net_end();
}

static void test_multicast(void **state)
{
    static const uint8_t group[4] = {239, 1, 2, 3};
    struct socket_address name = name_of(group, PEER_PORT);
    struct socket_message message = {.flags = 0};
    struct fake_frame sent;
    uint8_t request[8];
    char bytes[100];

    (void)state;
    begin();
    sluice_socket_t *s = open_bound(5000);
    memcpy(request, group, 4);
    memcpy(request + 4, our_ip, 4);
    datagram_arrives(group, 5000, "abc");
    assert_int_equal(net_receive(s, bytes, sizeof bytes, &message), OSKIT_EWOULDBLOCK);
    assert_int_equal(net_set(s, INET_SOL_IP, INET_IP_ADD_MEMBERSHIP, request, sizeof request), 0);
    datagram_arrives(group, 5000, "abc");
    assert_int_equal(net_receive(s, bytes, sizeof bytes, &message), 3);
    assert_int_equal(net_send(s, "abc", 3, &name), 0);
    assert_true(datagram_sent(&sent));
    assert_memory_equal(sent.bytes, "\1\0\x5e\1\2\3", 6);
    assert_int_equal(sent.bytes[ETHERNET + 8], 1);
    free(sent.bytes);
    assert_int_equal(net_set(s, INET_SOL_IP, INET_IP_DROP_MEMBERSHIP, request, sizeof request), 0);
    datagram_arrives(group, 5000, "abc");
    assert_int_equal(net_receive(s, bytes, sizeof bytes, &message), OSKIT_EWOULDBLOCK);
    sluice_socket_release(s);
    net_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_complaints),     HARNESS_TEST(test_long_complaints),
        HARNESS_TEST(test_our_complaints), HARNESS_TEST(test_arrivals),
        HARNESS_TEST(test_filter),         HARNESS_TEST(test_control),
        HARNESS_TEST(test_broadcast),      HARNESS_TEST(test_multicast),
    };
    return cmocka_run_group_tests_name("udp", tests, NULL, NULL);
}
