/* Frames into the internet stack from a card: mostly well-formed ones of each protocol, with bytes
 * changed, to sockets that listen; pieces in any size; time passes. */
#include "fuzz.h"
#include <sluice/inet.h>
#include <sluice/socket.h>
#include "fake_card.h"
#include "wire_ipv4.h"

#define ROOM  2048u
#define STEPS 24u

/* Made of our_mac. */
static const uint8_t our_ip6[16] = {0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xfe, 0, 0, 1};

struct subject {
    struct choices *choices;
    struct fake_card *card;
    sluice_socket_t *listener, *datagrams, *accepted;
    uint32_t acknowledged, sequence; /* what the next segment says */
    uint8_t frame[ROOM];
    uint32_t length;
};

static uint32_t choose(struct subject *s, uint32_t limit)
{
    return choices_next(s->choices, limit);
}

/* ---- Making a frame ---- */

static uint8_t *append(struct subject *s, const void *bytes, uint32_t size)
{
    uint8_t *at = s->frame + s->length;
    if (bytes)
        memcpy(at, bytes, size);
    else
        memset(at, 0, size);
    s->length += size;
    return at;
}

static void append_any(struct subject *s, uint32_t most)
{
    uint32_t size = choose(s, most + 1);
    for (uint32_t i = 0; i < size; i++)
        s->frame[s->length++] = i < 64 ? (uint8_t)choose(s, 256) : (uint8_t)i;
}

static void append_ethernet(struct subject *s, uint32_t type)
{
    static const uint8_t everybody[6] = {255, 255, 255, 255, 255, 255};
    uint8_t end[2];
    append(s, choose(s, 4) ? our_mac : everybody, 6);
    append(s, peer_mac, 6);
    put16(end, type);
    append(s, end, 2);
}

static void append_arp(struct subject *s)
{
    append_ethernet(s, 0x806);
    append(s, "\0\1\x8\0\6\4\0", 7);
    append(s, choose(s, 2) ? "\1" : "\2", 1);
    append(s, peer_mac, 6);
    append(s, peer_ip, 4);
    append(s, our_mac, 6);
    append(s, our_ip, 4);
}

static void append_tcp(struct subject *s)
{
    static const uint8_t flags[] = {2, 0x10, 0x18, 0x11, 0x14, 4, 0x12, 0x30, 0};
    uint8_t *tcp = append(s, NULL, 20);
    uint32_t options = choose(s, 4) ? 0 : choose(s, 11) * 4;
    put16(tcp, 1000 + choose(s, 3));
    put16(tcp + 2, 80);
    put32(tcp + 4, s->sequence + (choose(s, 3) ? 0 : choose(s, 5000) - 2500));
    put32(tcp + 8, s->acknowledged + (choose(s, 3) ? 0 : choose(s, 5000) - 2500));
    tcp[12] = (uint8_t)((20 + options) / 4 << 4);
    tcp[13] = flags[choose(s, sizeof flags)];
    put16(tcp + 14, choose(s, 65536));
    for (uint32_t i = 0; i < options; i++)
        s->frame[s->length++] = (uint8_t)choose(s, 256);
    uint32_t before = s->length;
    if (!(tcp[13] & 2))
        append_any(s, choose(s, 4) ? 40 : 1000);
    s->sequence += s->length - before + ((tcp[13] & 3) != 0);
}

static void append_udp(struct subject *s)
{
    uint8_t *udp = append(s, NULL, 8);
    static const uint16_t ports[] = {4000, 68, 4001, 546};
    put16(udp, choose(s, 2) ? 67 : 5000);
    put16(udp + 2, ports[choose(s, 4)]);
    append_any(s, 400);
    put16(udp + 4, (uint32_t)(s->frame + s->length - udp));
}

static void append_icmp(struct subject *s, bool six)
{
    static const uint8_t types4[] = {0, 3, 5, 8, 11, 12, 13};
    static const uint8_t types6[] = {1, 2, 3, 128, 129, 130, 131, 134, 135, 136, 137};
    uint8_t *icmp = append(s, NULL, 8);
    icmp[0] = six ? types6[choose(s, sizeof types6)] : types4[choose(s, sizeof types4)];
    icmp[1] = (uint8_t)choose(s, 5);
    append_any(s, 120);
}

static void append_transport(struct subject *s, uint8_t protocol, bool six)
{
    switch (protocol) {
    case 6:
        append_tcp(s);
        break;
    case 17:
        append_udp(s);
        break;
    case 1:
    case 58:
        append_icmp(s, six);
        break;
    default:
        append_any(s, 100);
    }
}

static void append_ip4(struct subject *s)
{
    static const uint8_t protocols[] = {6, 6, 6, 17, 1, 2, 99};
    append_ethernet(s, 0x800);
    uint8_t *ip = append(s, NULL, 20);
    uint32_t at = s->length;
    ip[0] = 0x45;
    put16(ip + 4, choose(s, 3));
    put16(ip + 6, choose(s, 4) ? 0 : choose(s, 65536) & 0x203f);
    ip[8] = 64;
    ip[9] = protocols[choose(s, sizeof protocols)];
    memcpy(ip + 12, peer_ip, 4);
    memcpy(ip + 16, our_ip, 4);
    append_transport(s, ip[9], false);
    put16(ip + 2, s->length - at + 20);
}

static void append_ip6(struct subject *s)
{
    static const uint8_t protocols[] = {6, 17, 58, 58, 0, 44, 43, 60, 59};
    append_ethernet(s, 0x86dd);
    uint8_t *ip = append(s, NULL, 40);
    uint32_t at = s->length;
    ip[0] = 0x60;
    ip[6] = protocols[choose(s, sizeof protocols)];
    ip[7] = 255;
    memcpy(ip + 8, our_ip6, 16);
    ip[23] = 2;
    memcpy(ip + 24, our_ip6, 16);
    if (ip[6] == 0 || ip[6] == 44 || ip[6] == 43 || ip[6] == 60) {
        uint8_t *more = append(s, NULL, 8);
        more[0] = protocols[choose(s, sizeof protocols)];
        more[1] = (uint8_t)(ip[6] == 44 ? 0 : choose(s, 3));
        put16(more + 2, choose(s, 65536) & 0x00f9);
        append_transport(s, more[0], true);
    } else {
        append_transport(s, ip[6], true);
    }
    put16(ip + 4, s->length - at);
}

static void damage(struct subject *s)
{
    for (uint32_t count = choose(s, 3) ? 0 : choose(s, 4); count; count--)
        s->frame[choose(s, s->length)] = (uint8_t)choose(s, 256);
    if (!choose(s, 16))
        s->length = 1 + choose(s, s->length);
}

/* IP's and ICMP's checksums are looked at whatever the card says. */
static void sums_mend(struct subject *s)
{
    uint8_t *ip = s->frame + ETHERNET;
    uint16_t sum;
    if (s->length < ETHERNET + 28 || s->frame[12] != 8 || s->frame[13] || ip[0] != 0x45 ||
        !choose(s, 16))
        return;
    put16(ip + 10, 0);
    sum = (uint16_t)~inet_sum(ip, 20);
    memcpy(ip + 10, &sum, 2);
    if (ip[9] != 1 && ip[9] != 2)
        return;
    put16(ip + 22, 0);
    sum = (uint16_t)~inet_sum(ip + 20, (int)(s->length - ETHERNET - 20));
    memcpy(ip + 22, &sum, 2);
}

/* ---- What the stack answers ---- */

static void answers_read(struct subject *s)
{
    struct fake_frame sent;
    while (fake_card_take(s->card, &sent)) {
        const uint8_t *ip = sent.bytes + ETHERNET;
        assert_true(sent.length > ETHERNET && sent.length <= ETHERNET + 1500);
        if (sent.bytes[12] == 8 && sent.bytes[13] == 0 && ip[9] == 6) {
            bool begins = ip[33] & 3;
            s->acknowledged =
                get32(ip + 24) + begins + (sent.length - ETHERNET - 20 - (ip[32] >> 4) * 4);
            s->sequence = get32(ip + 28);
        }
        free(sent.bytes);
    }
}

static void socket_read(sluice_socket_t *socket)
{
    static uint8_t bytes[4096];
    struct sluice_iovec iov = {bytes, sizeof bytes};
    struct sluice_uio uio;
    oskit_size_t got;
    uio_init(&uio, &iov, 1, false);
    struct socket_message message = {.uio = &uio, .flags = SOCKET_MSG_DONTWAIT};
    (void)socket->ops->receive(socket, &message, &got);
}

static void sockets_read(struct subject *s)
{
    socket_read(s->datagrams);
    if (!s->accepted)
        (void)s->listener->ops->accept(s->listener, NULL, &s->accepted);
    if (s->accepted)
        socket_read(s->accepted);
    if (s->accepted && !choose(s, 4)) {
        sluice_socket_release(s->accepted);
        s->accepted = NULL;
    }
}

static void step(struct subject *s)
{
    s->length = 0;
    switch (choose(s, 8)) {
    case 0:
        append_arp(s);
        break;
    case 1:
        append_ethernet(s, choose(s, 65536));
        append_any(s, 200);
        break;
    case 2:
    case 3:
        append_ip6(s);
        break;
    default:
        append_ip4(s);
    }
    damage(s);
    sums_mend(s);
    fake_card_arrive(s->card, s->frame, s->length, choose(s, 4) ? 0 : 1 + choose(s, 200),
                     choose(s, 8) ? PACKET_SUM_GOOD : 0);
    answers_read(s);
    if (!choose(s, 4))
        sockets_read(s);
    if (!choose(s, 8))
        env_test_clock_advance(choose(s, 3000) * 1000000ull);
    answers_read(s);
}

static sluice_socket_t *socket_on(oskit_s32_t type, uint16_t port)
{
    sluice_socket_t *socket;
    struct socket_address name = {.length = 16, .u.in = {.family = SOCKET_INET}};
    put16((uint8_t *)&name.u.in.port, port);
    assert_int_equal(socket_create(SOCKET_INET, type, 0, &socket), 0);
    assert_int_equal(socket->ops->bind(socket, &name), 0);
    return socket;
}

void fuzz_one(const uint8_t *bytes, size_t size)
{
    static struct subject s;
    struct choices choices = choices_from_bytes(bytes, size);
    env_test_clock_manual(true);
    s = (struct subject){.choices = &choices, .card = fake_card_create(0)};
    assert_int_equal(netqueue_add(&s.card->queue.i), 0);
    assert_int_equal(inet_start("10.0.2.15/24,10.0.2.2"), 0);
    s.listener = socket_on(SOCKET_STREAM, 80);
    s.datagrams = socket_on(SOCKET_DGRAM, 4000);
    assert_int_equal(s.listener->ops->listen(s.listener, 4), 0);
    env_test_clock_advance(2000000000);
    answers_read(&s);
    for (uint32_t steps = 1 + choose(&s, STEPS); steps; steps--)
        step(&s);
    if (s.accepted)
        sluice_socket_release(s.accepted);
    sluice_socket_release(s.listener);
    sluice_socket_release(s.datagrams);
    answers_read(&s);
    inet_stop();
    netqueue_remove(&s.card->queue.i);
    sluice_netqueue_release(&s.card->queue.i);
    env_test_clock_manual(false);
}
