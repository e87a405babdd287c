/* The internet stack as its neighbours on the wire see it: a fake card, and the test plays the rest
 * of the network. */
#include "socket_case.h"

#include <sluice/inet.h>
#include "fake_card.h"
#include "wire_ipv4.h"
#include "io/net/inet/core_private.h"
#include "lwip/ip.h"
#include "lwip/tcp.h"
#include "lwip/udp.h"

#define MILLI  1000000ull
#define SECOND (1000 * MILLI)

/* ---- Frames ---- */

static uint8_t frame[70000];

static uint16_t transport_sum(const uint8_t *ip, uint32_t size)
{
    uint8_t pseudo[12];
    memcpy(pseudo, ip + 12, 8);
    pseudo[8] = 0;
    pseudo[9] = ip[9];
    put16(pseudo + 10, size);
    return inet_sum_add(inet_sum(pseudo, 12), inet_sum(ip + 20, (int)size));
}

static void arp_arrive(struct fake_card *card, uint32_t operation)
{
    fake_card_arrive(card, frame, arp_make(frame, operation), 0, 0);
}

/* ---- The stack with a card ---- */

static struct fake_card *begin(const char *config, uint32_t features)
{
    struct fake_card *card = fake_card_create(features);
    env_test_clock_manual(true);
    assert_int_equal(netqueue_add(&card->queue.i), 0);
    assert_int_equal(inet_start(config), 0);
    return card;
}

/* Neither the interfaces' nor lwIP's memory stays. */
static void end(struct fake_card *card)
{
    inet_stop();
    netqueue_remove(&card->queue.i);
    sluice_netqueue_release(&card->queue.i);
    assert_int_equal(inet_buffers_live(), 0);
    env_test_clock_manual(false);
}

/* The next frame of TYPE that was sent; others (groups being joined) are thrown away. */
static bool next_frame(struct fake_card *card, uint32_t type, struct fake_frame *out)
{
    while (fake_card_take(card, out)) {
        bool mine = get16(out->bytes + 12) == type &&
                    (type != 0x800 || out->bytes[ETHERNET + 9] != 2 /* IGMP */);
        if (mine)
            return true;
        free(out->bytes);
    }
    return false;
}

static struct fake_card *begin_static(uint32_t features)
{
    struct fake_card *card = begin("10.0.2.15/24,10.0.2.2,10.0.2.3", features);
    arp_arrive(card, 2);
    arp_arrive(card, 1);
    fake_card_clear(card);
    return card;
}

/* ---- Tests ---- */

static void test_arp(void **state)
{
    struct fake_frame reply;
    (void)state;
    struct fake_card *card = begin("10.0.2.15/24,10.0.2.2", 0);
    fake_card_clear(card);
    arp_arrive(card, 1);
    assert_true(next_frame(card, 0x806, &reply));
    assert_memory_equal(reply.bytes, peer_mac, 6);
    assert_int_equal(get16(reply.bytes + ETHERNET + 6), 2);
    assert_memory_equal(reply.bytes + ETHERNET + 8, our_mac, 6);
    assert_memory_equal(reply.bytes + ETHERNET + 14, our_ip, 4);
    free(reply.bytes);
    end(card);
}

static void echo_arrive(struct fake_card *card, uint32_t size, uint32_t piece)
{
    uint8_t *icmp = ip_begin(frame, our_ip, 1, 8 + size);
    memset(icmp, 0, 8);
    icmp[0] = 8;
    put16(icmp + 4, 77);
    for (uint32_t i = 0; i < size; i++)
        icmp[8 + i] = (uint8_t)i;
    put_sum(icmp + 2, inet_sum(icmp, (int)(8 + size)));
    fake_card_arrive(card, frame, ETHERNET + 28 + size, piece, 0);
}

static void test_echo(void **state)
{
    static const uint32_t pieces[] = {0, 700, 100, 13};
    struct fake_frame reply;
    (void)state;
    struct fake_card *card = begin_static(0);
    for (size_t i = 0; i < SLUICE_COUNT(pieces); i++) {
        echo_arrive(card, 1000, pieces[i]);
        assert_true(next_frame(card, 0x800, &reply));
        assert_int_equal(reply.length, ETHERNET + 1028);
        assert_memory_equal(reply.bytes, peer_mac, 6);
        assert_int_equal(reply.bytes[ETHERNET + 20], 0);
        assert_int_equal(inet_sum(reply.bytes + ETHERNET, 20), 0xffff);
        assert_int_equal(inet_sum(reply.bytes + ETHERNET + 20, 1008), 0xffff);
        assert_memory_equal(reply.bytes + ETHERNET + 28, frame + ETHERNET + 28, 1000);
        free(reply.bytes);
    }
    /* A frame for somebody else that a promiscuous card hands over, and one of an unknown kind. */
    echo_arrive(card, 10, 0);
    assert_true(next_frame(card, 0x800, &reply));
    free(reply.bytes);
    frame[5] ^= 0x40;
    fake_card_arrive(card, frame, ETHERNET + 38, 0, 0);
    frame[5] ^= 0x40;
    put16(frame + 12, 0x1234);
    fake_card_arrive(card, frame, ETHERNET + 38, 0, 0);
    fake_card_arrive(card, frame, 5, 0, 0);
    assert_false(next_frame(card, 0x800, &reply));
    end(card);
}

static void received(void *arg, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *from,
                     u16_t port)
{
    struct pbuf **out = arg;
    (void)pcb, (void)from, (void)port;
    assert_null(*out);
    *out = p;
}

static void udp_arrive(struct fake_card *card, uint32_t size, uint16_t damage, uint32_t flags)
{
    uint8_t *udp = ip_begin(frame, our_ip, 17, 8 + size);
    put16(udp, 5000);
    put16(udp + 2, 4000);
    put16(udp + 4, 8 + size);
    put16(udp + 6, 0);
    memset(udp + 8, 0x5a, size);
    put_sum(udp + 6, (uint16_t)(transport_sum(frame + ETHERNET, 8 + size) ^ damage));
    fake_card_arrive(card, frame, ETHERNET + 28 + size, 0, flags);
}

/* What arrives lies where the card wrote it, till it is freed; a wrong checksum is a lost packet,
 * unless the card has looked. */
static void test_udp(void **state)
{
    struct pbuf *p = NULL;
    struct fake_frame reply;
    (void)state;
    struct fake_card *card = begin_static(0);
    udp_arrive(card, 100, 0, 0);
    assert_true(next_frame(card, 0x800, &reply)); /* port unreachable */
    assert_int_equal(reply.bytes[ETHERNET + 9], 1);
    assert_int_equal(get16(reply.bytes + ETHERNET + 20), 0x303);
    free(reply.bytes);
    inet_lock();
    struct udp_pcb *pcb = udp_new();
    assert_int_equal(udp_bind(pcb, IP_ADDR_ANY, 4000), ERR_OK);
    udp_recv(pcb, received, &p);
    inet_unlock();
    uint64_t copied = packet_copied_bytes;
    udp_arrive(card, 100, 1, 0);
    assert_null(p);
    udp_arrive(card, 100, 1, PACKET_SUM_GOOD);
    assert_non_null(p);
    inet_lock();
    pbuf_free(p);
    inet_unlock();
    p = NULL;
    udp_arrive(card, 100, 0, 0);
    assert_non_null(p);
    assert_int_equal(p->tot_len, 100);
    assert_int_equal(card->received_live, 1);
    assert_int_equal(packet_copied_bytes, copied);
    inet_lock();
    pbuf_free(p);
    udp_remove(pcb);
    inet_unlock();
    assert_int_equal(card->received_live, 0);
    end(card);
}

/* ---- TCP: the test is the peer ---- */

struct peer {
    struct fake_card *card;
    uint32_t next, seen; /* its own next sequence number; what it has of ours */
    uint16_t our_port, port;
};

static uint16_t peer_window = 0xffff; /* as the peer announces it */

static void tcp_arrive(struct peer *peer, uint8_t flags, const void *data, uint32_t size)
{
    static const uint8_t options[8] = {2, 4, 0x05, 0xb4, 1, 3, 3, 7};
    uint32_t extra = flags & 2 ? sizeof options : 0;
    uint8_t *tcp = ip_begin(frame, our_ip, 6, 20 + extra + size);
    memset(tcp, 0, 20);
    put16(tcp, peer->port);
    put16(tcp + 2, peer->our_port);
    put32(tcp + 4, peer->next);
    put32(tcp + 8, peer->seen);
    tcp[12] = (uint8_t)((20 + extra) / 4 << 4);
    tcp[13] = flags;
    put16(tcp + 14, peer_window);
    memcpy(tcp + 20, options, extra);
    if (size)
        memcpy(tcp + 20 + extra, data, size);
    put_sum(tcp + 16, transport_sum(frame + ETHERNET, 20 + extra + size));
    peer->next += size + (flags & 3 ? 1 : 0);
    fake_card_arrive(peer->card, frame, ETHERNET + 40 + extra + size, 0, 0);
}

/* The checksum is right, or the pseudo header's for the card. */
static void tcp_sum_check(const struct fake_frame *sent)
{
    const uint8_t *ip = sent->bytes + ETHERNET;
    uint32_t size = sent->length - ETHERNET - 20;
    uint16_t sum = transport_sum(ip, size);
    assert_int_equal(inet_sum(ip, 20), 0xffff);
    if (sent->offload.flags & PACKET_SUM_WANTED) {
        assert_int_equal(sent->offload.sum_start, ETHERNET + 20);
        assert_int_equal(sent->offload.sum_offset, 16);
        sum = inet_sum(ip + 20, (int)size);
        uint16_t field;
        memcpy(&field, ip + 36, sizeof field);
        uint8_t pseudo[12] = {0};
        memcpy(pseudo, ip + 12, 8);
        pseudo[9] = 6;
        put16(pseudo + 10, size);
        assert_int_equal(field, inet_sum(pseudo, 12));
        return;
    }
    assert_int_equal(sum, 0xffff);
}

static uint32_t tcp_take(struct peer *peer, struct fake_frame *out)
{
    assert_true(next_frame(peer->card, 0x800, out));
    const uint8_t *tcp = out->bytes + ETHERNET + 20;
    tcp_sum_check(out);
    uint32_t size = out->length - ETHERNET - 20 - (tcp[12] >> 4) * 4;
    assert_int_equal(get16(out->bytes + ETHERNET + 2), out->length - ETHERNET);
    if (get32(tcp + 4) == peer->seen)
        peer->seen += size;
    return size;
}

static err_t connected(void *arg, struct tcp_pcb *pcb, err_t error)
{
    (void)pcb, (void)error;
    *(bool *)arg = true;
    return ERR_OK;
}

static struct tcp_pcb *tcp_open(struct peer *peer, struct fake_card *card, bool *is_connected)
{
    struct fake_frame sent;
    ip_addr_t to;
    IP_ADDR4(&to, 10, 0, 2, 2);
    *peer = (struct peer){card, 1000, 0, 0, 80};
    *is_connected = false;
    inet_lock();
    struct tcp_pcb *pcb = tcp_new();
    tcp_arg(pcb, is_connected);
    assert_int_equal(tcp_connect(pcb, &to, 80, connected), ERR_OK);
    inet_unlock();
    tcp_take(peer, &sent);
    const uint8_t *tcp = sent.bytes + ETHERNET + 20;
    assert_int_equal(tcp[13], 2);
    peer->our_port = (uint16_t)get16(tcp);
    peer->seen = get32(tcp + 4) + 1;
    free(sent.bytes);
    tcp_arrive(peer, 0x12, NULL, 0);
    assert_true(*is_connected);
    tcp_take(peer, &sent);
    free(sent.bytes);
    return pcb;
}

static void tcp_drop(struct tcp_pcb *pcb)
{
    inet_lock();
    tcp_abort(pcb);
    inet_unlock();
}

static uint8_t bulk[65536];

static void bulk_fill(void)
{
    for (size_t i = 0; i < sizeof bulk; i++)
        bulk[i] = (uint8_t)(i * 7 + (i >> 8));
}

/* Sends 14600 bytes; how many frames that makes, after checking that they are the bytes. */
static uint32_t bulk_send(struct peer *peer, struct tcp_pcb *pcb, uint32_t *segments, bool *gso)
{
    struct fake_frame sent;
    uint32_t frames = 0, begun = peer->seen, all = 14600;
    *gso = false;
    inet_lock();
    pcb->cwnd = 1 << 20;
    pcb->snd_wnd = pcb->snd_wnd_max = 1 << 20;
    assert_int_equal(tcp_write(pcb, bulk, (u16_t)all, 0), ERR_OK);
    assert_int_equal(tcp_output(pcb), ERR_OK);
    inet_unlock();
    while (peer->seen - begun < all) {
        uint32_t at = peer->seen - begun, size = tcp_take(peer, &sent);
        assert_memory_equal(sent.bytes + sent.length - size, bulk + at, size);
        if (sent.offload.gso) {
            assert_int_equal(sent.offload.gso, PACKET_GSO_TCP4);
            assert_int_equal(sent.offload.gso_size, 1460);
            assert_int_equal(sent.offload.header_length, ETHERNET + 40);
            *gso = true;
        }
        *segments = sent.segments;
        frames++;
        free(sent.bytes);
    }
    return frames;
}

static void test_tcp_send(void **state)
{
    struct peer peer;
    bool is_connected, gso;
    uint32_t segments;
    (void)state;
    bulk_fill();
    struct fake_card *card = begin_static(0);
    struct tcp_pcb *pcb = tcp_open(&peer, card, &is_connected);
    assert_int_equal(bulk_send(&peer, pcb, &segments, &gso), 10);
    assert_false(gso);
    tcp_drop(pcb);
    end(card);
}

/* Sends the two bytes of WORD; the checksum field of the segment that they make. */
static uint16_t word_send(struct peer *peer, struct tcp_pcb *pcb, uint16_t word)
{
    struct fake_frame sent;
    inet_lock();
    assert_int_equal(tcp_write(pcb, &word, sizeof word, TCP_WRITE_FLAG_COPY), ERR_OK);
    assert_int_equal(tcp_output(pcb), ERR_OK);
    inet_unlock();
    assert_int_equal(tcp_take(peer, &sent), sizeof word);
    assert_int_equal(sent.offload.flags & PACKET_SUM_WANTED, 0);
    uint16_t field = (uint16_t)get16(sent.bytes + ETHERNET + 20 + 16);
    free(sent.bytes);
    return field;
}

/* A checksum that is 0 by right isn't one that was left to the card. The sequence numbers alone
 * change from one segment to the next, so the word that makes it 0 can be told. */
static void test_tcp_sum_of_zero(void **state)
{
    struct peer peer;
    bool is_connected;
    (void)state;
    struct fake_card *card = begin_static(0);
    struct tcp_pcb *pcb = tcp_open(&peer, card, &is_connected);
    tcp_nagle_disable(pcb);
    uint32_t first = (uint16_t)~word_send(&peer, pcb, 0);
    uint32_t next = first + sizeof(uint16_t);
    next = (next & 0xffff) + (next >> 16);
    assert_int_equal(word_send(&peer, pcb, lwip_htons((uint16_t)(0xffff - next))), 0);
    tcp_drop(pcb);
    end(card);
}

/* Joined into one packet of ten segments, which go as they lie in memory, behind one header; a
 * retransmission sends the first of them right again. */
static void test_tcp_joined(void **state)
{
    struct peer peer;
    struct fake_frame sent;
    bool is_connected, gso;
    uint32_t segments;
    (void)state;
    bulk_fill();
    struct fake_card *card = begin_static(NETQUEUE_TX_SUM | NETQUEUE_TX_TSO4);
    struct tcp_pcb *pcb = tcp_open(&peer, card, &is_connected);
    uint64_t copied = packet_copied_bytes;
    uint32_t submits = card->submits, begun = peer.seen;
    assert_int_equal(bulk_send(&peer, pcb, &segments, &gso), 1);
    assert_true(gso);
    assert_int_equal(segments, 11);
    assert_int_equal(card->submits, submits + 1);
    assert_int_equal(packet_copied_bytes, copied);
    fake_card_clear(card);
    env_test_clock_advance(2 * SECOND);
    assert_true(next_frame(card, 0x800, &sent));
    tcp_sum_check(&sent);
    assert_int_equal(get32(sent.bytes + ETHERNET + 24), begun);
    assert_memory_equal(sent.bytes + ETHERNET + 40, bulk, 1460);
    free(sent.bytes);
    tcp_drop(pcb);
    fake_card_clear(card);
    end(card);
}

/* Segments beyond the card's credit wait in order, and beyond the queue's length are dropped. */
static void test_waiting(void **state)
{
    struct peer peer;
    struct fake_frame sent;
    bool is_connected;
    (void)state;
    bulk_fill();
    struct fake_card *card = begin_static(0);
    struct tcp_pcb *pcb = tcp_open(&peer, card, &is_connected);
    card->credit = 2;
    inet_lock();
    pcb->cwnd = 1 << 20;
    pcb->snd_wnd = pcb->snd_wnd_max = 1 << 20;
    assert_int_equal(tcp_write(pcb, bulk, 14600, 0), ERR_OK);
    tcp_output(pcb);
    inet_unlock();
    assert_int_equal(card->count, 2);
    fake_card_writable(card, 3);
    assert_int_equal(card->count, 5);
    fake_card_writable(card, 100);
    for (uint32_t at = 0; at < 14600; at += 1460) {
        assert_int_equal(tcp_take(&peer, &sent), 1460);
        assert_memory_equal(sent.bytes + ETHERNET + 40, bulk + at, 1460);
        free(sent.bytes);
    }
    tcp_drop(pcb);
    end(card);
}

/* ---- Trains: segments of a batch that lwIP gets as one ---- */

struct stream {
    uint8_t bytes[1 << 17];
    uint32_t size, arrivals;
};

static struct stream stream;

static err_t stream_receive(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t error)
{
    (void)arg, (void)error;
    assert_non_null(p);
    pbuf_copy_partial(p, stream.bytes + stream.size, p->tot_len, 0);
    stream.size += p->tot_len;
    stream.arrivals++;
    tcp_recved(pcb, p->tot_len);
    pbuf_free(p);
    return ERR_OK;
}

static struct tcp_pcb *stream_open(struct peer *peer, struct fake_card *card)
{
    bool is_connected;
    struct tcp_pcb *pcb = tcp_open(peer, card, &is_connected);
    bulk_fill();
    memset(&stream, 0, sizeof stream);
    inet_lock();
    tcp_recv(pcb, stream_receive);
    inet_unlock();
    return pcb;
}

static uint32_t frames_sent(struct fake_card *card)
{
    struct fake_frame sent;
    uint32_t count = 0;
    for (; next_frame(card, 0x800, &sent); count++)
        free(sent.bytes);
    return count;
}

static void test_train_of_data(void **state)
{
    struct peer peer;
    (void)state;
    struct fake_card *card = begin_static(0);
    struct tcp_pcb *pcb = stream_open(&peer, card);
    fake_card_hold(card);
    for (uint32_t at = 0; at < 43800; at += 1460)
        tcp_arrive(&peer, at == 14600 ? 0x18 : 0x10, bulk + at, 1460);
    tcp_arrive(&peer, 0x18, bulk + 43800, 7);
    fake_card_arrive_held(card);
    assert_int_equal(stream.arrivals, 1);
    assert_int_equal(stream.size, 43807);
    assert_memory_equal(stream.bytes, bulk, 43807);
    assert_int_equal(card->received_live, 0);
    assert_in_range(frames_sent(card), 0, 1);
    /* No more than an IP packet holds; and alone it is what it was. */
    fake_card_hold(card);
    for (uint32_t i = 0; i < 46; i++)
        tcp_arrive(&peer, 0x10, bulk, 1460);
    fake_card_arrive_held(card);
    assert_int_equal(stream.arrivals, 3);
    tcp_arrive(&peer, 0x10, bulk, 1460);
    assert_int_equal(stream.arrivals, 4);
    assert_int_equal(stream.size, 43807 + 47 * 1460);
    fake_card_clear(card);
    tcp_drop(pcb);
    end(card);
}

/* Damage, a gap, another connection's segment and a flag part a train, and nothing is lost by it
 * but what was damaged. */
static void test_train_parted(void **state)
{
    struct peer peer, other;
    (void)state;
    struct fake_card *card = begin_static(0);
    struct tcp_pcb *pcb = stream_open(&peer, card);
    fake_card_hold(card);
    tcp_arrive(&peer, 0x10, bulk, 1000);
    uint32_t second = peer.next;
    peer.next += 1000; /* lost */
    tcp_arrive(&peer, 0x10, bulk + 2000, 1000);
    other = (struct peer){card, 5, 0, 4444, 81};
    tcp_arrive(&other, 0x10, bulk, 100); /* answered by a reset */
    tcp_arrive(&peer, 0x10, bulk + 3000, 1000);
    fake_card_arrive_held(card);
    assert_int_equal(stream.size, 1000);
    peer.next = second;
    fake_card_hold(card);
    tcp_arrive(&peer, 0x10, bulk + 1000, 500);
    tcp_arrive(&peer, 0x10, bulk + 1500, 500);
    peer.next += 2000;
    tcp_arrive(&peer, 0x10, bulk + 4000, 500);
    /* The sum is wrong: the copy of it that comes right after counts. */
    struct packet *last = container_of(card->held.prev, struct packet, link);
    ((uint8_t *)last->segments->base)[ETHERNET + 60] ^= 1;
    peer.next -= 500;
    tcp_arrive(&peer, 0x10, bulk + 4000, 500);
    tcp_arrive(&peer, 0x30, bulk + 4500, 500); /* URG without a pointer */
    tcp_arrive(&peer, 0x10, bulk + 5000, 500);
    fake_card_arrive_held(card);
    assert_int_equal(stream.size, 5500);
    assert_memory_equal(stream.bytes, bulk, 5500);
    assert_int_equal(card->received_live, 0);
    fake_card_clear(card);
    tcp_drop(pcb);
    end(card);
}

/* Sends much and has it acknowledged by every other segment, each for itself or in one batch; the
 * congestion window afterwards. */
static uint32_t window_after(bool batch)
{
    struct peer peer;
    struct fake_card *card = begin_static(0);
    struct tcp_pcb *pcb = stream_open(&peer, card);
    inet_lock();
    pcb->cwnd = 30000;
    pcb->snd_wnd = pcb->snd_wnd_max = 1 << 20;
    assert_int_equal(tcp_write(pcb, bulk, 14600, 0), ERR_OK);
    assert_int_equal(tcp_output(pcb), ERR_OK);
    inet_unlock();
    fake_card_clear(card);
    if (batch)
        fake_card_hold(card);
    for (int i = 0; i < 5; i++) {
        peer.seen += 2920;
        tcp_arrive(&peer, 0x10, NULL, 0);
    }
    if (batch)
        fake_card_arrive_held(card);
    assert_null(pcb->unacked);
    assert_int_equal(pcb->lastack, peer.seen);
    uint32_t window = pcb->cwnd;
    tcp_drop(pcb);
    end(card);
    return window;
}

static void test_train_of_acknowledgements(void **state)
{
    (void)state;
    assert_int_equal(window_after(true), 30000 + 14600);
    assert_int_equal(window_after(false), 30000 + 14600);
}

/* Three that say the same in a batch are as many as if they came alone. */
static void test_train_of_duplicates(void **state)
{
    struct peer peer;
    struct fake_frame sent;
    (void)state;
    struct fake_card *card = begin_static(0);
    struct tcp_pcb *pcb = stream_open(&peer, card);
    inet_lock();
    pcb->cwnd = 1 << 20;
    pcb->snd_wnd = pcb->snd_wnd_max = 0xffff << pcb->snd_scale;
    assert_int_equal(tcp_write(pcb, bulk, 14600, 0), ERR_OK);
    assert_int_equal(tcp_output(pcb), ERR_OK);
    inet_unlock();
    fake_card_clear(card);
    fake_card_hold(card);
    for (int i = 0; i < 4; i++)
        tcp_arrive(&peer, 0x10, NULL, 0);
    fake_card_arrive_held(card);
    assert_true(next_frame(card, 0x800, &sent));
    assert_int_equal(get32(sent.bytes + ETHERNET + 24), peer.seen);
    free(sent.bytes);
    tcp_drop(pcb);
    fake_card_clear(card);
    end(card);
}

/* Writes BYTES; how many go out, with those that waited. */
static uint32_t bytes_go(struct peer *peer, struct tcp_pcb *pcb, uint16_t bytes)
{
    struct fake_frame sent;
    uint32_t size = 0;
    inet_lock();
    assert_int_equal(tcp_write(pcb, bulk, bytes, TCP_WRITE_FLAG_COPY), ERR_OK);
    assert_int_equal(tcp_output(pcb), ERR_OK);
    inet_unlock();
    while (next_frame(peer->card, 0x800, &sent)) {
        size += sent.length - ETHERNET - 20 - (uint32_t)(sent.bytes[ETHERNET + 32] >> 4) * 4;
        free(sent.bytes);
    }
    return size;
}

/* What acknowledges more says how large the window is from there on, though it be a segment that
 * the peer sends again. */
static void test_tcp_peer_window(void **state)
{
    struct peer peer;
    bool is_connected;
    (void)state;
    struct fake_card *card = begin_static(0);
    struct tcp_pcb *pcb = tcp_open(&peer, card, &is_connected);
    uint32_t first = peer.next;
    tcp_arrive(&peer, 0x18, bulk, 10);
    tcp_arrive(&peer, 0x18, bulk, 10);
    fake_card_clear(card);
    peer.seen += bytes_go(&peer, pcb, 2000);
    peer_window = 1; /* 128 bytes */
    peer.next = first;
    tcp_arrive(&peer, 0x18, bulk, 10);
    fake_card_clear(card);
    assert_in_range(bytes_go(&peer, pcb, 2000), 0, 128);
    peer_window = 0xffff;
    tcp_drop(pcb);
    end(card);
}

/* A SYN for a port where nobody listens. */
static void test_reset(void **state)
{
    struct fake_frame reply;
    (void)state;
    struct fake_card *card = begin_static(0);
    struct peer peer = {card, 5, 0, 4444, 80};
    tcp_arrive(&peer, 2, NULL, 0);
    tcp_take(&peer, &reply);
    assert_int_equal(reply.bytes[ETHERNET + 33], 0x14);
    free(reply.bytes);
    end(card);
}

/* ---- TCP: what the test, as the peer, may send ---- */

#define WINDOW   262144u /* a socket's receive buffer */
#define SCALE    7
#define SENT_ONE 30000u

struct sender {
    struct peer peer;
    uint32_t edge, taken; /* how far it may send; how far it was acknowledged */
    sluice_socket_t *socket;
};

/* Looks at what was sent to the peer. */
static void edge_update(struct sender *sender, unsigned scale)
{
    struct fake_frame sent;
    while (next_frame(sender->peer.card, 0x800, &sent)) {
        const uint8_t *tcp = sent.bytes + ETHERNET + 20;
        if (tcp[13] & 2)
            sender->peer.seen = get32(tcp + 4) + 1;
        sender->taken = get32(tcp + 8);
        sender->edge = sender->taken + (get16(tcp + 14) << scale);
        free(sent.bytes);
    }
}

static void sender_begin(struct sender *sender, struct fake_card *card)
{
    struct socket_address name = {.length = 16};
    sluice_socket_t *listener;
    name.u.in.family = SOCKET_INET;
    name.u.in.port = __builtin_bswap16(7);
    assert_int_equal(socket_create(SOCKET_INET, SOCKET_STREAM, 0, &listener), 0);
    assert_int_equal(listener->ops->bind(listener, &name), 0);
    assert_int_equal(listener->ops->listen(listener, 1), 0);
    *sender = (struct sender){.peer = {card, 1000, 0, 7, 4000}};
    tcp_arrive(&sender->peer, 2, NULL, 0);
    edge_update(sender, 0);
    tcp_arrive(&sender->peer, 0x10, NULL, 0);
    assert_int_equal(listener->ops->accept(listener, NULL, &sender->socket), 0);
    sluice_socket_release(listener);
}

static void sender_end(struct sender *sender)
{
    sluice_socket_release(sender->socket);
    sender->peer.next = sender->taken;
    tcp_arrive(&sender->peer, 4, NULL, 0);
}

/* Sends up to LENGTH bytes, as the window allows; how many. */
static uint32_t sender_send(struct sender *sender, uint32_t length)
{
    uint32_t begin = sender->peer.next;
    while (sender->peer.next - begin < length && sender->peer.next != sender->edge) {
        uint32_t left = LWIP_MIN(sender->edge - sender->peer.next, SENT_ONE);
        left = LWIP_MIN(left, begin + length - sender->peer.next);
        tcp_arrive(&sender->peer, 0x10, bulk, left);
        edge_update(sender, SCALE);
    }
    return sender->peer.next - begin;
}

/* Reads all that has come; how much. */
static uint32_t sender_read(struct sender *sender)
{
    static uint8_t bytes[65536];
    uint32_t read = 0;
    for (long got; (got = receive_bytes(sender->socket, bytes, sizeof bytes)) > 0;)
        read += (uint32_t)got;
    edge_update(sender, SCALE);
    return read;
}

/* No more than the socket's buffer holds is asked for, and all that was asked for is taken: in
 * order, and with the first piece late. */
static void test_tcp_window(void **state)
{
    struct sender sender;
    (void)state;
    struct fake_card *card = begin_static(0);
    sender_begin(&sender, card);
    uint32_t sent = sender_send(&sender, 4 * WINDOW);
    assert_in_range(sent, WINDOW - (1u << SCALE), WINDOW);
    assert_int_equal(sender_read(&sender), sent);
    uint32_t late = sender.peer.next;
    sender.peer.next += 1000;
    sent = 1000 + sender_send(&sender, 4 * WINDOW);
    assert_in_range(sent, WINDOW - (1u << SCALE), WINDOW);
    assert_int_equal(sender_read(&sender), 0);
    uint32_t next = sender.peer.next;
    sender.peer.next = late;
    tcp_arrive(&sender.peer, 0x10, bulk, 1000);
    sender.peer.next = next;
    assert_int_equal(sender_read(&sender), sent);
    sender_end(&sender);
    end(card);
}

/* A peer that sends beyond the window, out of order or with an end in the middle, harms nobody. */
static void test_tcp_window_overrun(void **state)
{
    (void)state;
    struct fake_card *card = begin_static(0);
    for (int with_end = 0; with_end < 2; with_end++) {
        struct sender sender;
        sender_begin(&sender, card);
        uint32_t sent = sender_send(&sender, WINDOW - 10000);
        assert_int_equal(sent, WINDOW - 10000);
        uint32_t next = sender.peer.next;
        sender.peer.next += 1000;
        tcp_arrive(&sender.peer, with_end ? 0x11 : 0x10, bulk, with_end ? 1000 : SENT_ONE);
        sender.peer.next = next;
        tcp_arrive(&sender.peer, 0x10, bulk, with_end ? SENT_ONE : 1000);
        assert_in_range(sender_read(&sender), WINDOW, WINDOW + SENT_ONE);
        sender_end(&sender);
        fake_card_clear(card);
    }
    end(card);
}

/* ---- DHCP: the test is the server ---- */

static void dhcp_arrive(struct fake_card *card, const uint8_t *asked, uint8_t kind)
{
    static const uint8_t options[] = {54,  4, 10, 0, 2,  2, 51, 4, 0, 0, 1,  0, 1, 4, 255, 255,
                                      255, 0, 3,  4, 10, 0, 2,  2, 6, 4, 10, 0, 2, 3, 255};
    uint32_t size = 8 + 240 + 3 + sizeof options;
    uint8_t *udp = ip_begin(frame, our_ip, 17, size), *dhcp = udp + 8;
    put16(udp, 67);
    put16(udp + 2, 68);
    put16(udp + 4, size);
    memset(dhcp, 0, 240);
    dhcp[0] = 2;
    dhcp[1] = 1;
    dhcp[2] = 6;
    memcpy(dhcp + 4, asked + 4, 4);
    memcpy(dhcp + 16, our_ip, 4);
    memcpy(dhcp + 28, our_mac, 6);
    memcpy(dhcp + 236, "\x63\x82\x53\x63", 4);
    dhcp[240] = 53;
    dhcp[241] = 1;
    dhcp[242] = kind;
    memcpy(dhcp + 243, options, sizeof options);
    put16(udp + 6, 0);
    put_sum(udp + 6, transport_sum(frame + ETHERNET, size));
    fake_card_arrive(card, frame, ETHERNET + 20 + size, 0, 0);
}

static void test_dhcp(void **state)
{
    struct fake_frame asked;
    struct inet_interface i;
    struct inet_address server;
    (void)state;
    struct fake_card *card = begin("dhcp", 0);
    assert_false(inet_wait_configured(0));
    for (uint8_t kind = 2; kind <= 5; kind = (uint8_t)(kind + 3)) {
        assert_true(next_frame(card, 0x800, &asked));
        assert_int_equal(get16(asked.bytes + ETHERNET + 22), 67);
        dhcp_arrive(card, asked.bytes + ETHERNET + 28, kind);
        free(asked.bytes);
    }
    assert_true(inet_wait_configured(0));
    assert_true(inet_interface_find("eth0", &i));
    assert_int_equal(i.index, 2);
    assert_int_equal(i.addresses[0].address.prefix, 24);
    assert_memory_equal(i.addresses[0].address.bytes, our_ip, 4);
    assert_false(i.addresses[0].permanent);
    assert_int_equal(inet_name_servers(&server, 1), 1);
    assert_memory_equal(server.bytes, "\x0a\0\2\3", 4);
    fake_card_clear(card);
    end(card);
}

static void test_configurations(void **state)
{
    static const char *const wrong[] = {"",
                                        "dhcpx",
                                        "10.0.2.15",
                                        "10.0.2.15/",
                                        "10.0.2.15/33",
                                        "10.0.2/24",
                                        "10.0.2.15/24,",
                                        "10.0.2.15/24,10.0.2.2,",
                                        "10.0.2.15/24,10.0.2.2,10.0.2.3,",
                                        "10.0.2.15/24 ",
                                        "1.2.3.4.5.6.7.8.9.10/24"};
    struct inet_interface i;
    (void)state;
    for (size_t n = 0; n < SLUICE_COUNT(wrong); n++) {
        struct fake_card *card = fake_card_create(0);
        assert_int_equal(netqueue_add(&card->queue.i), 0);
        assert_int_equal(inet_start(wrong[n]), OSKIT_E_INVALIDARG);
        assert_true(inet_interface_find("eth0", &i));
        assert_int_equal(i.flags & INTERFACE_UP, 0);
        fake_card_clear(card);
        end(card);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_arp),
        HARNESS_TEST(test_echo),
        HARNESS_TEST(test_udp),
        HARNESS_TEST(test_tcp_send),
        HARNESS_TEST(test_tcp_sum_of_zero),
        HARNESS_TEST(test_tcp_joined),
        HARNESS_TEST(test_waiting),
        HARNESS_TEST(test_train_of_data),
        HARNESS_TEST(test_train_parted),
        HARNESS_TEST(test_train_of_acknowledgements),
        HARNESS_TEST(test_train_of_duplicates),
        HARNESS_TEST(test_tcp_peer_window),
        HARNESS_TEST(test_reset),
        HARNESS_TEST(test_tcp_window),
        HARNESS_TEST(test_tcp_window_overrun),
        HARNESS_TEST(test_dhcp),
        HARNESS_TEST(test_configurations),
    };
    return cmocka_run_group_tests_name("inet_frames", tests, NULL, NULL);
}
