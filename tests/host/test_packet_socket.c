/* Packet sockets: what they see, how they say it, filters, rings, sending. */
#include "net_case.h"

#include "io/net/bpf.h"
#include "io/net/packet_socket.h"

static uint8_t frame[1514] = {2, 0, 0,    0,    0,   1,   2,   0,   0,  0,
                              0, 2, 0x88, 0xb5, 'h', 'e', 'l', 'l', 'o'};
#define FRAME 60u
#define TYPE  0x88b5 /* for experiments: nobody answers */

static oskit_u16_t swap(unsigned word)
{
    return (oskit_u16_t)(word << 8 | word >> 8);
}

static void arrive(uint8_t last, uint32_t piece)
{
    frame[5] = last; /* of the destination */
    fake_card_arrive(net_card, frame, FRAME, piece, 0);
    frame[5] = 1;
}

static struct socket_address name_of(unsigned protocol, int index)
{
    struct socket_address name = {.length = 20};

    name.u.packet.family = SOCKET_PACKET;
    name.u.packet.protocol = swap(protocol);
    name.u.packet.interface = index;
    return name;
}

static void bind_to(sluice_socket_t *socket, unsigned protocol, int index)
{
    struct socket_address name = name_of(protocol, index);

    assert_int_equal(socket->ops->bind(socket, &name), 0);
}

static long take(sluice_socket_t *socket, uint8_t bytes[100], struct socket_address *from)
{
    struct socket_message message = {.name = from, .flags = SOCKET_MSG_DONTWAIT};

    return net_receive(socket, bytes, 100, &message);
}

static void test_receive(void **state)
{
    struct socket_address from;
    uint8_t bytes[100];

    (void)state;
    net_begin();
    sluice_socket_t *raw = net_open(SOCKET_PACKET, SOCKET_RAW, swap(TYPE));
    sluice_socket_t *cooked = net_open(SOCKET_PACKET, SOCKET_DGRAM, swap(TYPE));
    assert_int_equal(net_level(raw), READY_WRITE);
    assert_int_equal(take(raw, bytes, &from), OSKIT_EWOULDBLOCK);
    arrive(1, 7);
    assert_int_equal(net_level(raw), READY_READ | READY_WRITE);
    assert_int_equal(take(raw, bytes, &from), FRAME);
    assert_memory_equal(bytes, frame, FRAME);
    assert_int_equal(net_level(raw), READY_WRITE);
    assert_int_equal(from.length, 20);
    assert_int_equal(from.u.packet.interface, 2);
    assert_int_equal(from.u.packet.protocol, swap(TYPE));
    assert_int_equal(from.u.packet.hardware, 1);
    assert_int_equal(from.u.packet.kind, PACKET_HOST);
    assert_memory_equal(from.u.packet.address, frame + 6, 6);
    assert_int_equal(take(cooked, bytes, &from), FRAME - 14);
    assert_memory_equal(bytes, frame + 14, FRAME - 14);
    oskit_iunknown_release((oskit_iunknown_t *)raw);
    oskit_iunknown_release((oskit_iunknown_t *)cooked);
    net_end();
}

static void test_kinds(void **state)
{
    static const uint8_t group[6] = {1, 0, 0x5e, 0, 0, 1};
    struct socket_address from;
    uint8_t bytes[100];

    (void)state;
    net_begin();
    sluice_socket_t *socket = net_open(SOCKET_PACKET, SOCKET_RAW, swap(TYPE));
    arrive(9, 0);
    assert_int_equal(take(socket, bytes, &from), FRAME);
    assert_int_equal(from.u.packet.kind, PACKET_OTHERHOST);
    memset(bytes, 0xff, 6);
    memcpy(bytes + 6, frame + 6, FRAME - 6);
    fake_card_arrive(net_card, bytes, FRAME, 0, 0);
    assert_int_equal(take(socket, bytes, &from), FRAME);
    assert_int_equal(from.u.packet.kind, PACKET_BROADCAST);
    memcpy(bytes, group, 6);
    fake_card_arrive(net_card, bytes, FRAME, 0, 0);
    assert_int_equal(take(socket, bytes, &from), FRAME);
    assert_int_equal(from.u.packet.kind, PACKET_MULTICAST);
    oskit_iunknown_release((oskit_iunknown_t *)socket);
    net_end();
}

/* Protocols, interfaces, and what was sent. */
static void test_binding(void **state)
{
    struct socket_address to = name_of(TYPE, 2), from, name;
    uint8_t bytes[100];

    (void)state;
    net_begin();
    sluice_socket_t *all = net_open(SOCKET_PACKET, SOCKET_RAW, swap(PROTOCOL_ALL));
    sluice_socket_t *other = net_open(SOCKET_PACKET, SOCKET_RAW, 0);
    sluice_socket_t *lo = net_open(SOCKET_PACKET, SOCKET_RAW, swap(PROTOCOL_ALL));
    bind_to(lo, 0, 1);
    arrive(1, 0);
    assert_int_equal(take(all, bytes, &from), FRAME);
    assert_int_equal(take(other, bytes, &from), OSKIT_EWOULDBLOCK);
    assert_int_equal(take(lo, bytes, &from), OSKIT_EWOULDBLOCK);
    bind_to(other, 0x0800, 2);
    arrive(1, 0);
    assert_int_equal(take(all, bytes, &from), FRAME);
    assert_int_equal(take(other, bytes, &from), OSKIT_EWOULDBLOCK);
    assert_int_equal(net_send(other, frame, FRAME, &to), 0);
    assert_int_equal(take(all, bytes, &from), FRAME);
    assert_int_equal(from.u.packet.kind, PACKET_OUTGOING);
    assert_int_equal(net_send(all, frame, FRAME, &to), 0);
    assert_int_equal(take(all, bytes, &from), OSKIT_EWOULDBLOCK); /* its own */
    assert_int_equal(other->ops->getsockname(other, &name), 0);
    assert_int_equal(name.length, 18);
    assert_int_equal(name.u.packet.interface, 2);
    assert_int_equal(name.u.packet.protocol, swap(0x0800));
    assert_memory_equal(name.u.packet.address, "\2\0\0\0\0\1", 6);
    name = name_of(TYPE, 9);
    assert_int_equal(other->ops->bind(other, &name), OSKIT_ENODEV);
    name.length = 19;
    assert_int_equal(other->ops->bind(other, &name), OSKIT_E_INVALIDARG);
    oskit_iunknown_release((oskit_iunknown_t *)all);
    oskit_iunknown_release((oskit_iunknown_t *)other);
    oskit_iunknown_release((oskit_iunknown_t *)lo);
    net_end();
}

static void test_send(void **state)
{
    struct socket_address to = name_of(TYPE, 2);
    struct fake_frame sent;

    (void)state;
    net_begin();
    sluice_socket_t *raw = net_open(SOCKET_PACKET, SOCKET_RAW, 0);
    sluice_socket_t *cooked = net_open(SOCKET_PACKET, SOCKET_DGRAM, 0);
    assert_int_equal(net_send(raw, frame, FRAME, NULL), OSKIT_ENXIO);
    assert_int_equal(net_send(raw, frame, 13, &to), OSKIT_E_INVALIDARG);
    assert_int_equal(net_send(raw, frame, FRAME, &to), 0);
    assert_true(fake_card_take(net_card, &sent));
    assert_int_equal(sent.length, FRAME);
    assert_memory_equal(sent.bytes, frame, FRAME);
    free(sent.bytes);
    to.u.packet.address_length = 6;
    memcpy(to.u.packet.address, "\2\0\0\0\0\7", 6);
    assert_int_equal(net_send(cooked, "hello", 5, &to), 0);
    assert_true(fake_card_take(net_card, &sent));
    assert_int_equal(sent.length, 19);
    assert_memory_equal(sent.bytes, "\2\0\0\0\0\7\2\0\0\0\0\1\x88\xb5hello", 19);
    free(sent.bytes);
    static uint8_t large[1600];
    assert_int_equal(net_send(raw, large, 1519, &to), OSKIT_EMSGSIZE);
    assert_int_equal(net_send(cooked, large, 1505, &to), OSKIT_EMSGSIZE);
    to.u.packet.address_length = 9;
    assert_int_equal(net_send(cooked, "hello", 5, &to), OSKIT_E_INVALIDARG);
    to.u.packet.address_length = 6;
    assert_int_equal(inet_interface_set_flags(2, 0, INTERFACE_UP), 0);
    assert_int_equal(net_send(raw, frame, FRAME, &to), OSKIT_ENETDOWN);
    oskit_iunknown_release((oskit_iunknown_t *)raw);
    oskit_iunknown_release((oskit_iunknown_t *)cooked);
    net_end();
}

static void attach(sluice_socket_t *socket, const struct bpf_instruction *code, uint16_t count)
{
    struct bpf_request request = {.count = count, .code = (uintptr_t)code};

    assert_int_equal(
        net_set(socket, SOCKET_SOL_SOCKET, SOCKET_SO_ATTACH_FILTER, &request, sizeof request), 0);
}

static void test_filter(void **state)
{
    static const struct bpf_instruction hello[] = {
        {0x30, 0, 0, 0}, {0x15, 0, 1, 'h'}, {0x06, 0, 0, 3}, {0x06, 0, 0, 0}};
    struct socket_address from;
    uint8_t bytes[100];

    (void)state;
    net_begin();
    sluice_socket_t *socket = net_open(SOCKET_PACKET, SOCKET_DGRAM, swap(TYPE));
    assert_int_equal(net_set_int(socket, SOCKET_SOL_SOCKET, SOCKET_SO_DETACH_FILTER, 0),
                     OSKIT_ENOENT);
    attach(socket, hello, 4);
    arrive(1, 15);
    assert_int_equal(take(socket, bytes, &from), 3);
    assert_memory_equal(bytes, "hel", 3);
    frame[14] = 'H';
    arrive(1, 0);
    frame[14] = 'h';
    assert_int_equal(take(socket, bytes, &from), OSKIT_EWOULDBLOCK);
    assert_int_equal(net_set_int(socket, SOCKET_SOL_SOCKET, SOCKET_SO_LOCK_FILTER, 1), 0);
    assert_int_equal(net_set_int(socket, SOCKET_SOL_SOCKET, SOCKET_SO_DETACH_FILTER, 0),
                     OSKIT_EPERM);
    oskit_iunknown_release((oskit_iunknown_t *)socket);
    net_end();
}

static void test_message(void **state)
{
    uint8_t bytes[100], room[200];
    struct socket_control control = {.bytes = room, .room = sizeof room};
    struct socket_message message = {.control = &control, .flags = SOCKET_MSG_PEEK};
    uint32_t counts[2];

    (void)state;
    net_begin();
    sluice_socket_t *socket = net_open(SOCKET_PACKET, SOCKET_RAW, swap(TYPE));
    assert_int_equal(net_set_int(socket, SOL_PACKET, PACKET_AUXDATA, 1), 0);
    arrive(1, 0);
    assert_int_equal(net_receive(socket, bytes, 10, &message), 10);
    assert_int_equal(message.whole, FRAME);
    assert_int_equal(message.out_flags, SOCKET_MSG_TRUNC);
    assert_int_equal(control.length, 16 + 24);
    const uint32_t *auxiliary = (const uint32_t *)(room + 16);
    assert_int_equal(auxiliary[1], FRAME);
    assert_int_equal(auxiliary[2], FRAME);
    message.flags = 0;
    assert_int_equal(net_receive(socket, bytes, 100, &message), FRAME);
    message.flags = SOCKET_MSG_OOB;
    assert_int_equal(net_receive(socket, bytes, 100, &message), OSKIT_E_INVALIDARG);
    /* What finds no room is counted. */
    assert_int_equal(net_set_int(socket, SOCKET_SOL_SOCKET, SOCKET_SO_RCVBUF, 1), 0);
    for (int i = 0; i < 20; i++)
        arrive(1, 0);
    assert_int_equal(net_get(socket, SOL_PACKET, PACKET_STATISTICS, counts, sizeof counts), 0);
    assert_int_equal(counts[0], 21);
    assert_in_range(counts[1], 1, 19);
    assert_int_equal(net_get(socket, SOL_PACKET, PACKET_STATISTICS, counts, sizeof counts), 0);
    assert_int_equal(counts[0], 0);
    oskit_iunknown_release((oskit_iunknown_t *)socket);
    net_end();
}

static void test_members(void **state)
{
    struct {
        int32_t index;
        uint16_t type, length;
        uint8_t address[8];
    } request = {2, 1, 0, {0}};

    (void)state;
    net_begin();
    sluice_socket_t *socket = net_open(SOCKET_PACKET, SOCKET_RAW, 0);
    assert_int_equal(net_card->mode & NETQUEUE_PROMISCUOUS, 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(
            net_set(socket, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &request, sizeof request), 0);
    assert_int_not_equal(net_card->mode & NETQUEUE_PROMISCUOUS, 0);
    assert_int_equal(net_set(socket, SOL_PACKET, PACKET_DROP_MEMBERSHIP, &request, sizeof request),
                     0);
    assert_int_not_equal(net_card->mode & NETQUEUE_PROMISCUOUS, 0);
    request.type = 4;
    assert_int_equal(net_set(socket, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &request, sizeof request),
                     OSKIT_E_INVALIDARG);
    assert_int_equal(net_set(socket, SOL_PACKET, PACKET_DROP_MEMBERSHIP, &request, sizeof request),
                     0);
    request.index = 7;
    assert_int_equal(net_set(socket, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &request, sizeof request),
                     OSKIT_ENODEV);
    oskit_iunknown_release((oskit_iunknown_t *)socket);
    assert_int_equal(net_card->mode & NETQUEUE_PROMISCUOUS, 0);
    net_end();
}

/* ---- The ring ---- */

static uint8_t *ring_page(sluice_socket_t *socket, uint64_t index)
{
    sluice_pager_t *pager = sluice_query_face(socket, &sluice_pager_iid);
    void *page;

    assert_non_null(pager);
    oskit_error_t err = pager->ops->getpage(pager, index, PAGER_WRITE, &page);
    oskit_iunknown_release((oskit_iunknown_t *)pager);
    return err == 0 ? page : NULL;
}

static void test_ring(void **state)
{
    struct packet_ring_request request = {4096, 2, 2048, 4}, none = {0, 0, 0, 0};
    struct socket_address from;
    uint8_t bytes[100], *pages[2];
    int version = 2;

    (void)state;
    net_begin();
    sluice_socket_t *socket = net_open(SOCKET_PACKET, SOCKET_RAW, swap(TYPE));
    assert_null(ring_page(socket, 0));
    assert_int_equal(net_set_int(socket, SOL_PACKET, PACKET_VERSION, 2), OSKIT_E_INVALIDARG);
    assert_int_equal(net_set_int(socket, SOL_PACKET, PACKET_VERSION, 1), 0);
    assert_int_equal(net_get(socket, SOL_PACKET, PACKET_HDRLEN, &version, sizeof version),
                     OSKIT_E_INVALIDARG);
    version = 1;
    assert_int_equal(net_get(socket, SOL_PACKET, PACKET_HDRLEN, &version, sizeof version), 0);
    assert_int_equal(version, 32);
    assert_int_equal(net_set(socket, SOL_PACKET, PACKET_RX_RING, &request, sizeof request), 0);
    assert_int_equal(net_set(socket, SOL_PACKET, PACKET_RX_RING, &request, sizeof request),
                     OSKIT_EBUSY);
    for (uint64_t i = 0; i < 2; i++)
        assert_non_null(pages[i] = ring_page(socket, i));
    assert_null(ring_page(socket, 2));
    assert_int_equal(net_level(socket), READY_WRITE);
    for (int i = 0; i < 5; i++)
        arrive(1, 33);
    assert_int_equal(net_level(socket), READY_READ | READY_WRITE);
    for (int i = 0; i < 4; i++) {
        const uint8_t *place = pages[i / 2] + i % 2 * 2048;
        const uint32_t *words = (const uint32_t *)place;
        const uint16_t *halves = (const uint16_t *)place;
        assert_int_equal(words[0] & 1, 1);
        assert_int_equal(words[1], FRAME);
        assert_int_equal(words[2], FRAME);
        assert_memory_equal(place + halves[6], frame, FRAME);
        assert_int_equal(halves[7], halves[6] + 14);
        assert_int_equal(*(const uint16_t *)(place + 32), SOCKET_PACKET);
    }
    assert_int_equal(take(socket, bytes, &from), OSKIT_EWOULDBLOCK);
    uint32_t counts[2];
    assert_int_equal(net_get(socket, SOL_PACKET, PACKET_STATISTICS, counts, sizeof counts), 0);
    assert_int_equal(counts[0], 5);
    assert_int_equal(counts[1], 1);
    /* Given back. */
    for (int i = 0; i < 4; i++)
        *(uint32_t *)(pages[i / 2] + i % 2 * 2048) = 0;
    assert_int_equal(net_level(socket), READY_WRITE);
    arrive(1, 0);
    assert_int_equal(net_level(socket), READY_READ | READY_WRITE);
    assert_int_equal(net_set(socket, SOL_PACKET, PACKET_RX_RING, &none, sizeof none), OSKIT_EBUSY);
    env_page_unref(pages[0]);
    env_page_unref(pages[1]);
    assert_int_equal(net_set(socket, SOL_PACKET, PACKET_RX_RING, &none, sizeof none), 0);
    arrive(1, 0);
    assert_int_equal(take(socket, bytes, &from), FRAME);
    oskit_iunknown_release((oskit_iunknown_t *)socket);
    net_end();
}

static void test_ring_refused(void **state)
{
    static const struct packet_ring_request bad[] = {
        {4096, 1, 2048, 3},
        {4097, 1, 2048, 2},
        {0, 1, 2048, 0},
        {4096, 1, 2056, 1},
        {4096, 1, 16, 256},
        {4096, 1, 8192, 0},
        {4096, 0, 2048, 2},
        {1u << 30, 8, 16384, 1u << 19},
        {0x80000000u, 1, 4096, 0x80000},
    };

    (void)state;
    net_begin();
    sluice_socket_t *socket = net_open(SOCKET_PACKET, SOCKET_RAW, swap(TYPE));
    for (size_t i = 0; i < SLUICE_COUNT(bad); i++)
        assert_int_equal(net_set(socket, SOL_PACKET, PACKET_RX_RING, &bad[i], sizeof bad[i]),
                         OSKIT_E_INVALIDARG);
    ENV_TEST_EACH_FAILURE
    {
        struct packet_ring_request request = {8192, 2, 4096, 4}, none = {0, 0, 0, 0};
        oskit_error_t err = net_set(socket, SOL_PACKET, PACKET_RX_RING, &request, sizeof request);
        assert_int_equal(err, env_test_failed() ? OSKIT_ENOMEM : 0);
        assert_int_equal(net_set(socket, SOL_PACKET, PACKET_RX_RING, &none, sizeof none), 0);
    }
    oskit_iunknown_release((oskit_iunknown_t *)socket);
    net_end();
}

static void test_making(void **state)
{
    sluice_socket_t *socket;

    (void)state;
    net_begin();
    assert_int_equal(socket_create(SOCKET_PACKET, SOCKET_STREAM, 0, &socket),
                     OSKIT_ESOCKTNOSUPPORT);
    ENV_TEST_EACH_FAILURE
    {
        oskit_error_t err = socket_create(SOCKET_PACKET, SOCKET_RAW, swap(PROTOCOL_ALL), &socket);
        assert_int_equal(err, env_test_failed() ? OSKIT_ENOMEM : 0);
        if (err == 0)
            oskit_iunknown_release((oskit_iunknown_t *)socket);
    }
    socket_caller_get = net_nobody;
    assert_int_equal(socket_create(SOCKET_PACKET, SOCKET_RAW, 0, &socket), OSKIT_EPERM);
    socket_caller_get = NULL;
    net_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_receive), HARNESS_TEST(test_kinds),  HARNESS_TEST(test_binding),
        HARNESS_TEST(test_send),    HARNESS_TEST(test_filter), HARNESS_TEST(test_message),
        HARNESS_TEST(test_members), HARNESS_TEST(test_ring),   HARNESS_TEST(test_ring_refused),
        HARNESS_TEST(test_making),
    };
    return cmocka_run_group_tests_name("packet_socket", tests, NULL, NULL);
}
