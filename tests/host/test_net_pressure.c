/* The network without memory: allocations fail at each point in turn and at random. What is asked
 * for answers that there is none, what arrives is dropped, nothing leaks; and when there is memory
 * again the same connection goes on where it was. */
#include "net_case.h"
#include "wire_ipv4.h"

#include "io/net/inet/inet_option.h"
#include "io/net/netlink.h"
#include "io/net/socket_option.h"

#define MILLISECOND UINT64_C(1000000)

static const size_t rates[] = {2, 5, 20, 100};

static bool for_want_of_memory(oskit_error_t err)
{
    return err == OSKIT_ENOMEM || err == OSKIT_ENOBUFS || err == OSKIT_E_OUTOFMEMORY;
}

/* The errors of a try while memory is short: there is none, or one is to wait. */
static void tried(oskit_error_t err)
{
    if (err != 0 && err != OSKIT_EWOULDBLOCK && !for_want_of_memory(err))
        fail_msg("error %#x for want of memory", err);
}

static void begin(void)
{
    env_test_clock_manual(true);
    assert_int_equal(inet_start("none"), 0);
}

static void end(void)
{
    inet_stop();
    env_test_clock_manual(false);
}

/* How many of SIZE bytes went; none when there is no memory or no room. */
static size_t send_some(sluice_socket_t *s, const void *bytes, size_t size)
{
    struct sluice_iovec segment;
    struct sluice_uio uio;
    struct socket_message message = {.uio = &uio};
    oskit_size_t sent = 0;

    uio_init_kernel(&uio, &segment, (void *)(uintptr_t)bytes, size);
    oskit_error_t err = s->ops->send(s, &message, &sent);
    tried(err);
    return err == 0 ? sent : 0;
}

static size_t receive_some(sluice_socket_t *s, void *bytes, size_t size)
{
    struct socket_message message = {.flags = SOCKET_MSG_DONTWAIT};
    long got = net_receive(s, bytes, size, &message);

    if (got > 0 && (size_t)got <= size)
        return (size_t)got;
    assert_int_not_equal(got, 0); /* the end? */
    tried((oskit_error_t)got);
    return 0;
}

/* ---- Streams ---- */

#define STREAM 200000u

static uint8_t byte_at(size_t place)
{
    return (uint8_t)(place * 31 + (place >> 7));
}

static size_t stream_send(sluice_socket_t *s, size_t sent)
{
    uint8_t bytes[7000];
    size_t size = STREAM - sent < sizeof bytes ? STREAM - sent : sizeof bytes;

    for (size_t i = 0; i < size; i++)
        bytes[i] = byte_at(sent + i);
    return size != 0 ? send_some(s, bytes, size) : 0;
}

static size_t stream_receive(sluice_socket_t *s, size_t received)
{
    uint8_t bytes[5000];
    size_t size = receive_some(s, bytes, sizeof bytes);

    for (size_t i = 0; i < size; i++)
        assert_int_equal(bytes[i], byte_at(received + i));
    return size;
}

/* All arrives, late. */
static void stream_through(sluice_socket_t *pair[2])
{
    size_t sent = 0, received = 0;

    for (unsigned idle = 0; received < STREAM;) {
        size_t out = stream_send(pair[0], sent), in = stream_receive(pair[1], received);
        sent += out;
        received += in;
        idle = out + in != 0 ? 0 : idle + 1;
        assert_true(idle < 3000); /* five minutes */
        if (out + in == 0)
            env_test_clock_advance(100 * MILLISECOND);
    }
    assert_int_equal(received, STREAM);
}

static void open_pair(sluice_socket_t *pair[2])
{
    struct socket_address name = {.length = 16};
    sluice_socket_t *listener = net_open(SOCKET_INET, SOCKET_STREAM, 0);

    name.u.in.family = SOCKET_INET;
    memcpy(name.u.in.address, "\177\0\0\1", 4);
    assert_int_equal(listener->ops->bind(listener, &name), 0);
    assert_int_equal(listener->ops->listen(listener, 1), 0);
    assert_int_equal(listener->ops->getsockname(listener, &name), 0);
    pair[0] = net_open(SOCKET_INET, SOCKET_STREAM, 0);
    assert_int_equal(pair[0]->ops->connect(pair[0], &name), OSKIT_EINPROGRESS);
    assert_int_equal(pair[0]->ops->connect(pair[0], &name), 0);
    assert_int_equal(listener->ops->accept(listener, NULL, &pair[1]), 0);
    sluice_socket_release(listener);
}

/* A segment of many pieces wants some forty allocations at once. */
static void test_streams(void **state)
{
    static const size_t some[] = {20, 50, 200};

    (void)state;
    for (size_t i = 0; i < SLUICE_COUNT(some); i++) {
        sluice_socket_t *pair[2];
        char byte = 0;
        begin();
        open_pair(pair);
        env_test_fail_some(some[i]);
        stream_through(pair);
        env_test_fail_some(0);
        assert_int_equal(send_some(pair[1], "a", 1), 1);
        assert_int_equal(receive_some(pair[0], &byte, 1), 1);
        assert_int_equal(byte, 'a');
        sluice_socket_release(pair[0]);
        sluice_socket_release(pair[1]);
        end();
    }
}

/* UNIX sockets of both kinds that keep bytes together, and the one that doesn't. */
static void test_unix(void **state)
{
    static const int kinds[] = {SOCKET_STREAM, SOCKET_DGRAM, SOCKET_SEQPACKET};

    (void)state;
    for (size_t i = 0; i < SLUICE_COUNT(kinds) * SLUICE_COUNT(rates); i++) {
        sluice_socket_t *pair[2];
        begin();
        assert_int_equal(
            socket_create_pair(SOCKET_UNIX, kinds[i % SLUICE_COUNT(kinds)], 0, &pair[0], &pair[1]),
            0);
        env_test_fail_some(rates[i / SLUICE_COUNT(kinds)]);
        for (unsigned turn = 0; turn < 300; turn++) {
            char bytes[200];
            size_t out = send_some(pair[0], "0123456789abcdef", 16);
            assert_true(out == 0 || out == 16);
            assert_int_equal(receive_some(pair[1], bytes, sizeof bytes), out);
            assert_memory_equal(bytes, "0123456789abcdef", out);
        }
        env_test_fail_some(0);
        sluice_socket_release(pair[0]);
        sluice_socket_release(pair[1]);
        end();
    }
}

/* ---- Connections ---- */

/* Whether a connection came about. A handshake whose memory fails in the middle may end in a reset
 * or never. */
static bool visit(sluice_socket_t *listener, struct socket_address *name)
{
    sluice_socket_t *client = NULL, *server = NULL;
    oskit_error_t err = socket_create(SOCKET_INET, SOCKET_STREAM, 0, &client);
    bool met = false;

    if (err != 0) {
        tried(err);
        return false;
    }
    err = client->ops->connect(client, name);
    for (unsigned turn = 0; turn < 20 && (err == OSKIT_EINPROGRESS || err == OSKIT_EALREADY);
         turn++) {
        env_test_clock_advance(500 * MILLISECOND);
        err = client->ops->connect(client, name);
    }
    if (err != OSKIT_ECONNREFUSED && err != OSKIT_ECONNRESET && err != OSKIT_EALREADY)
        tried(err);
    while (listener->ops->accept(listener, NULL, &server) == 0) {
        met = err == 0;
        sluice_socket_release(server);
    }
    sluice_socket_release(client);
    return met;
}

static void test_connections(void **state)
{
    (void)state;
    for (size_t i = 0; i < SLUICE_COUNT(rates); i++) {
        struct socket_address name = {.length = 16};
        unsigned met = 0;
        begin();
        sluice_socket_t *listener = net_open(SOCKET_INET, SOCKET_STREAM, 0);
        name.u.in.family = SOCKET_INET;
        memcpy(name.u.in.address, "\177\0\0\1", 4);
        assert_int_equal(listener->ops->bind(listener, &name), 0);
        assert_int_equal(listener->ops->listen(listener, 5), 0);
        assert_int_equal(listener->ops->getsockname(listener, &name), 0);
        env_test_fail_some(rates[i]);
        for (unsigned turn = 0; turn < 100; turn++)
            met += visit(listener, &name);
        env_test_fail_some(0);
        if (rates[i] >= 20)
            assert_true(met > 50);
        env_test_clock_advance(120000 * MILLISECOND); /* what was left half open goes */
        for (unsigned turn = 0; turn < 10; turn++)
            assert_true(visit(listener, &name));
        sluice_socket_release(listener);
        end();
    }
}

/* ---- Sockets ---- */

static void test_sockets(void **state)
{
    static const int kinds[][3] = {
        {SOCKET_INET, SOCKET_STREAM, 0},    {SOCKET_INET, SOCKET_DGRAM, 0},
        {SOCKET_INET, SOCKET_RAW, 1},       {SOCKET_INET, SOCKET_DGRAM, 1},
        {SOCKET_INET6, SOCKET_STREAM, 0},   {SOCKET_INET6, SOCKET_DGRAM, 0},
        {SOCKET_INET6, SOCKET_RAW, 58},     {SOCKET_UNIX, SOCKET_STREAM, 0},
        {SOCKET_UNIX, SOCKET_DGRAM, 0},     {SOCKET_UNIX, SOCKET_SEQPACKET, 0},
        {SOCKET_PACKET, SOCKET_RAW, 0x300}, {SOCKET_NETLINK, SOCKET_RAW, 0},
    };

    (void)state;
    begin();
    for (size_t i = 0; i < SLUICE_COUNT(kinds); i++) {
        unsigned refused = 0;
        ENV_TEST_EACH_FAILURE
        {
            sluice_socket_t *s = NULL;
            oskit_error_t err = socket_create(kinds[i][0], kinds[i][1], kinds[i][2], &s);
            if (env_test_failed() && err != 0) {
                assert_true(for_want_of_memory(err));
                assert_null(s);
                refused++;
                continue;
            }
            assert_int_equal(err, 0);
            sluice_socket_release(s);
        }
        assert_true(refused > 0);
    }
    end();
}

/* ---- Frames ---- */

static uint8_t frame[2000];

static uint8_t *piece_begin(uint8_t protocol, uint16_t number, uint16_t fragment, uint32_t size)
{
    memset(frame, 0, sizeof frame);
    uint8_t *behind = ip_begin(frame, our_ip, protocol, size);
    put16(frame + ETHERNET + 4, number);
    put16(frame + ETHERNET + 6, fragment);
    ip_seal(frame);
    return behind;
}

/* A datagram of 1600 bytes to port 5000, in two pieces; without a checksum. */
static void datagram_arrives(uint16_t number)
{
    uint8_t *udp = piece_begin(17, number, 0x2000, 800);

    put16(udp, 7000);
    put16(udp + 2, 5000);
    put16(udp + 4, 1600);
    fake_card_arrive(net_card, frame, ETHERNET + 20 + 800, 300, 0);
    piece_begin(17, number, 100, 800);
    fake_card_arrive(net_card, frame, ETHERNET + 20 + 800, 0, 0);
}

static void echo_arrives(uint16_t number)
{
    uint8_t *icmp = piece_begin(1, number, 0, 108);

    icmp[0] = 8;
    put_sum(icmp + 2, inet_sum(icmp, 108));
    fake_card_arrive(net_card, frame, ETHERNET + 20 + 108, 0, 0);
}

static void everything_arrives(uint16_t number)
{
    fake_card_arrive(net_card, frame, arp_make(frame, 1), 0, 0);
    datagram_arrives(number);
    echo_arrives(number);
    piece_begin(17, number, 0, 100); /* for nobody: it is complained of */
    put16(frame + ETHERNET + 20 + 2, 5001);
    put16(frame + ETHERNET + 20 + 4, 100);
    fake_card_arrive(net_card, frame, ETHERNET + 120, 0, 0);
    piece_begin(99, number, 0, 100); /* no such protocol */
    fake_card_arrive(net_card, frame, ETHERNET + 120, 0, 0);
}

static sluice_socket_t *open_bound(void)
{
    struct socket_address name = {.length = 16};
    sluice_socket_t *s = net_open(SOCKET_INET, SOCKET_DGRAM, 0);

    name.u.in.family = SOCKET_INET;
    name.u.in.port = __builtin_bswap16(5000);
    assert_int_equal(s->ops->bind(s, &name), 0);
    return s;
}

static void test_frames(void **state)
{
    struct socket_address peer = {.length = 16};
    char bytes[2000];
    uint16_t number = 1;
    size_t nth = 1;

    (void)state;
    net_begin();
    fake_card_arrive(net_card, frame, arp_make(frame, 2), 0, 0);
    sluice_socket_t *s = open_bound();
    peer.u.in.family = SOCKET_INET;
    peer.u.in.port = __builtin_bswap16(7000);
    memcpy(peer.u.in.address, peer_ip, 4);
    for (bool failed = true; failed; nth++) {
        struct socket_message message = {.flags = SOCKET_MSG_DONTWAIT};
        env_test_fail_after(nth);
        everything_arrives(++number);
        tried(net_send(s, "x", 1, &peer));
        long got = net_receive(s, bytes, sizeof bytes, &message);
        assert_true(got == 1592 || got == OSKIT_EWOULDBLOCK);
        failed = env_test_failed();
        env_test_fail_after(0);
        fake_card_clear(net_card);
        /* And with memory as ever. */
        everything_arrives(++number);
        assert_int_equal(net_receive(s, bytes, sizeof bytes, &message), 1592);
        assert_int_equal(net_card->count, 4); /* ARP, echo, two complaints */
        fake_card_clear(net_card);
    }
    assert_in_range(nth, 12, 100);
    sluice_socket_release(s);
    net_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_streams), HARNESS_TEST(test_unix),   HARNESS_TEST(test_connections),
        HARNESS_TEST(test_sockets), HARNESS_TEST(test_frames),
    };
    return cmocka_run_group_tests_name("net pressure", tests, NULL, NULL);
}
