/* The window that a connection begins with, on the wire: no more than the socket has room for; and
 * what else the two say before they are connected. */
#include "net_case.h"
#include "wire_ipv4.h"

#include "io/net/socket_option.h"

#define OUR_PORT  6000
#define PEER_PORT 7000
#define SYN       2u

static uint8_t frame[ETHERNET + 40];

static void syn_arrives(uint16_t from)
{
    uint8_t *tcp = ip_begin(frame, our_ip, 6, 20);

    memset(tcp, 0, 20);
    put16(tcp, from);
    put16(tcp + 2, OUR_PORT);
    tcp[12] = 0x50;
    tcp[13] = SYN;
    put16(tcp + 14, 0xffff);
    fake_card_arrive(net_card, frame, sizeof frame, 0, PACKET_SUM_GOOD);
}

/* The window that the next SYN sent announces. */
static uint32_t window_sent(void)
{
    struct fake_frame sent;
    uint32_t window;

    for (;;) {
        assert_true(fake_card_take(net_card, &sent));
        const uint8_t *tcp = sent.bytes + ETHERNET + 20;
        bool syn = sent.bytes[ETHERNET + 9] == 6 && (tcp[13] & SYN);
        window = (uint32_t)tcp[14] << 8 | tcp[15];
        free(sent.bytes);
        if (syn)
            return window;
    }
}

static struct socket_address name_of(const uint8_t *address, uint16_t port)
{
    struct socket_address name = {.length = 16};

    name.u.in.family = SOCKET_INET;
    name.u.in.port = __builtin_bswap16(port);
    memcpy(name.u.in.address, address, 4);
    return name;
}

/* What the socket says of its buffer, as far as a SYN can say it. */
static uint32_t window_wanted(sluice_socket_t *s)
{
    int size;

    assert_int_equal(net_get(s, SOCKET_SOL_SOCKET, SOCKET_SO_RCVBUF, &size, sizeof size), 0);
    return size < 65535 ? (uint32_t)size : 65535;
}

static const int buffers[] = {0, 1, 1500, 8192, 30000, 32767, 32768, 200000};

static sluice_socket_t *open_of(int buffer)
{
    sluice_socket_t *s = net_open(SOCKET_INET, SOCKET_STREAM, 0);

    if (buffer != 0)
        assert_int_equal(net_set(s, SOCKET_SOL_SOCKET, SOCKET_SO_RCVBUF, &buffer, sizeof buffer),
                         0);
    return s;
}

static void test_who_connects(void **state)
{
    struct socket_address peer = name_of(peer_ip, PEER_PORT);

    (void)state;
    net_begin();
    fake_card_arrive(net_card, frame, arp_make(frame, 2), 0, 0);
    fake_card_clear(net_card);
    for (size_t i = 0; i < SLUICE_COUNT(buffers); i++) {
        sluice_socket_t *s = open_of(buffers[i]);
        assert_int_equal(s->ops->connect(s, &peer), OSKIT_EINPROGRESS);
        assert_int_equal(window_sent(), window_wanted(s));
        sluice_socket_release(s);
    }
    net_end();
}

static void test_who_listens(void **state)
{
    struct socket_address name = name_of(our_ip, OUR_PORT);
    uint16_t from = PEER_PORT;

    (void)state;
    net_begin();
    fake_card_arrive(net_card, frame, arp_make(frame, 2), 0, 0);
    fake_card_clear(net_card);
    for (size_t i = 0; i < SLUICE_COUNT(buffers); i++) {
        sluice_socket_t *s = open_of(buffers[i]);
        assert_int_equal(s->ops->bind(s, &name), 0);
        assert_int_equal(s->ops->listen(s, 5), 0);
        syn_arrives(++from);
        assert_int_equal(window_sent(), window_wanted(s));
        sluice_socket_release(s);
    }
    net_end();
}

/* A SYN with the SIZE bytes of OPTIONS, in pieces of at most PIECE bytes; true: it is answered. */
static bool syn_answered(uint16_t from, const char *options, uint32_t size, uint32_t piece)
{
    uint8_t bytes[ETHERNET + 80], *tcp = ip_begin(bytes, our_ip, 6, 20 + size);
    struct fake_frame sent;
    bool answered = false;

    memset(tcp, 0, 20);
    put16(tcp, from);
    put16(tcp + 2, OUR_PORT);
    tcp[12] = (uint8_t)((20 + size) / 4 << 4);
    tcp[13] = SYN;
    put16(tcp + 14, 0xffff);
    memcpy(tcp + 20, options, size);
    fake_card_arrive(net_card, bytes, ETHERNET + 40 + size, piece, PACKET_SUM_GOOD);
    while (fake_card_take(net_card, &sent)) {
        answered |= sent.bytes[ETHERNET + 9] == 6 && (sent.bytes[ETHERNET + 20 + 13] & SYN);
        free(sent.bytes);
    }
    return answered;
}

/* What follows an option's kind isn't looked for behind the packet's end; the sanitizer sees it. */
static void test_options_cut_off(void **state)
{
    static const char *const options[] = {"\1\1\1\2",   "\1\1\1\3", "\1\1\1\10", "\1\1\1\4",
                                          "\1\1\1\377", "\1\3\2\2", "\7\3\2\5",  "\2\4\5\264"};
    static const uint32_t pieces[] = {0, ETHERNET + 42, ETHERNET + 43, ETHERNET + 40};
    struct socket_address name = name_of(our_ip, OUR_PORT);
    uint16_t from = PEER_PORT;

    (void)state;
    net_begin();
    fake_card_arrive(net_card, frame, arp_make(frame, 2), 0, 0);
    sluice_socket_t *s = open_of(0);
    assert_int_equal(s->ops->bind(s, &name), 0);
    assert_int_equal(s->ops->listen(s, 5), 0);
    fake_card_clear(net_card);
    for (size_t i = 0; i < SLUICE_COUNT(options); i++)
        for (size_t k = 0; k < SLUICE_COUNT(pieces); k++)
            assert_true(syn_answered(++from, options[i], 4, pieces[k]));
    sluice_socket_release(s);
    net_end();
}

/* How many of the frames sent ask who has the peer's address. */
static unsigned neighbour_asked(void)
{
    struct fake_frame sent;
    unsigned asked = 0;

    while (fake_card_take(net_card, &sent)) {
        asked += sent.bytes[12] == 8 && sent.bytes[13] == 6 && sent.bytes[ETHERNET + 7] == 1;
        free(sent.bytes);
    }
    return asked;
}

/* A damaged ARP frame gave a wrong address, and whatever is sent there gets lost. */
static void test_no_answer_asks_for_the_neighbour(void **state)
{
    struct socket_address peer = name_of(peer_ip, PEER_PORT);
    unsigned seconds = 0;

    (void)state;
    net_begin();
    fake_card_arrive(net_card, frame, arp_make(frame, 2), 0, 0);
    fake_card_clear(net_card);
    sluice_socket_t *s = open_of(0);
    assert_int_equal(s->ops->connect(s, &peer), OSKIT_EINPROGRESS);
    assert_int_equal(neighbour_asked(), 0);
    for (; seconds < 30 && neighbour_asked() == 0; seconds++)
        env_test_clock_advance(1000000000);
    assert_in_range(seconds, 2, 20);
    /* Not all the while: the segment is sent some three times more by then. */
    env_test_clock_advance(60000000000ull);
    assert_in_range(neighbour_asked(), 1, 5);
    sluice_socket_release(s);
    net_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_who_connects),
        HARNESS_TEST(test_who_listens),
        HARNESS_TEST(test_options_cut_off),
        HARNESS_TEST(test_no_answer_asks_for_the_neighbour),
    };
    return cmocka_run_group_tests_name("tcp window", tests, NULL, NULL);
}
