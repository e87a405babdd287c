/* TCP sockets over the loopback: connections, streams that arrive whole, memory that is sent where
 * it lies, ends; and that nothing is left of them. */
#include "socket_case.h"

#include <sluice/inet.h>
#include <sluice/packet.h>
#include "io/net/inet/core_private.h"
#include "io/net/inet/tcp.h"
#include "io/net/inet/time_wait.h"

static struct socket_address here(int port)
{
    struct socket_address name = {.length = 16};

    name.u.in.family = SOCKET_INET;
    name.u.in.port = __builtin_bswap16((uint16_t)port);
    name.u.in.address[0] = 127;
    name.u.in.address[3] = 1;
    return name;
}

static sluice_socket_t *open_tcp(void)
{
    sluice_socket_t *s;

    assert_int_equal(socket_create(SOCKET_INET, SOCKET_STREAM, 0, &s), 0);
    return s;
}

static sluice_socket_t *listen_tcp(struct socket_address *name, int backlog)
{
    sluice_socket_t *s = open_tcp();

    *name = here(0);
    assert_int_equal(s->ops->bind(s, name), 0);
    assert_int_equal(s->ops->listen(s, backlog), 0);
    assert_int_equal(s->ops->getsockname(s, name), 0);
    return s;
}

static void test_echo(void **state)
{
    struct socket_address name;
    sluice_socket_t *listener = listen_tcp(&name, 1), *pair[2];
    char byte;

    (void)state;
    pair[0] = open_tcp();
    assert_int_equal(pair[0]->ops->connect(pair[0], &name), OSKIT_EINPROGRESS);
    assert_int_equal(pair[0]->ops->connect(pair[0], &name), 0);
    assert_int_equal(listener->ops->accept(listener, NULL, &pair[1]), 0);
    sluice_socket_release(listener);
    for (int i = 0; i < 100; i++) {
        uint64_t copied = packet_copied_bytes;
        assert_int_equal(send_bytes(pair[0], "a", 1), 1);
        assert_int_equal(receive_bytes(pair[1], &byte, 1), 1);
        assert_int_equal(packet_copied_bytes - copied, 2); /* in, and out */
        assert_int_equal(receive_bytes(pair[1], &byte, 1), OSKIT_EWOULDBLOCK);
    }
    sluice_socket_release(pair[0]);
    assert_int_equal(level_of(pair[1]), READY_READ | READY_WRITE | READY_RDHUP);
    assert_int_equal(receive_bytes(pair[1], &byte, 1), 0);
    sluice_socket_release(pair[1]);
}

/* What a byte at a place of the stream is. */
static uint8_t byte_at(uint64_t place)
{
    return (uint8_t)(place * 31 + place / 251);
}

/* Random sizes both ways until SIZE bytes have gone each way. */
static void stream(sluice_socket_t *pair[2], uint64_t size)
{
    static uint8_t out[200000], in[200000];
    uint64_t sent[2] = {0}, got[2] = {0};
    unsigned random = 1;

    while (got[0] < size || got[1] < size) {
        for (int side = 0; side < 2; side++) {
            random = random * 1103515245 + 12345;
            uint64_t n = (random >> 8) % (random & 0x80 ? 200000 : 2000);
            if (n > size - sent[side])
                n = size - sent[side];
            for (uint64_t i = 0; i < n; i++)
                out[i] = byte_at(sent[side] + i);
            long moved = n != 0 ? send_bytes(pair[side], out, n) : 0;
            assert_true(moved >= 0 || moved == OSKIT_EWOULDBLOCK);
            sent[side] += moved > 0 ? (uint64_t)moved : 0;
            random = random * 1103515245 + 12345;
            n = 1 + (random >> 8) % (random & 0x80 ? 199999 : 1000);
            moved = receive_bytes(pair[!side], in, n);
            assert_true(moved > 0 || moved == OSKIT_EWOULDBLOCK);
            for (long i = 0; i < moved; i++)
                assert_int_equal(in[i], byte_at(got[side] + (uint64_t)i));
            got[side] += moved > 0 ? (uint64_t)moved : 0;
        }
    }
}

static void open_pair(sluice_socket_t *pair[2])
{
    struct socket_address name;
    sluice_socket_t *listener = listen_tcp(&name, 1);

    pair[0] = open_tcp();
    assert_int_equal(pair[0]->ops->connect(pair[0], &name), OSKIT_EINPROGRESS);
    assert_int_equal(pair[0]->ops->connect(pair[0], &name), 0);
    assert_int_equal(listener->ops->accept(listener, NULL, &pair[1]), 0);
    sluice_socket_release(listener);
}

/* SO_TIMESTAMP's control data with the next LENGTH bytes, as microseconds; 0: none came. */
static int64_t time_received(sluice_socket_t *s, long length, int flags)
{
    uint8_t bytes[100];
    char room[100];
    struct socket_control control = {.bytes = bytes, .room = sizeof bytes};
    struct socket_message message = {.flags = SOCKET_MSG_DONTWAIT | flags, .control = &control};
    uint32_t head[4];
    int64_t time[2];

    assert_int_equal(receive_full(s, room, (size_t)length, &message), length);
    if (control.length == 0)
        return 0;
    assert_int_equal(control.length, sizeof head + sizeof time);
    memcpy(head, bytes, sizeof head);
    memcpy(time, bytes + sizeof head, sizeof time);
    assert_int_equal(head[0], sizeof head + sizeof time);
    assert_int_equal(head[2], 1);
    assert_int_equal(head[3], SOCKET_SO_TIMESTAMP);
    return time[0] * 1000000 + time[1];
}

/* The memory for the times comes with the first arrival, under the core lock, where nobody may
 * wait for it. */
static void test_times(void **state)
{
    sluice_socket_t *pair[2];
    int64_t first, second, now = env_time_real() / 1000;

    (void)state;
    open_pair(pair);
    assert_int_equal(option_to(pair[1], SOCKET_SO_TIMESTAMP, 1), 0);
    assert_int_equal(send_bytes(pair[0], "abc", 3), 3);
    assert_int_equal(send_bytes(pair[0], "def", 3), 3);
    first = time_received(pair[1], 2, SOCKET_MSG_PEEK);
    assert_in_range(first, now, env_time_real() / 1000);
    assert_int_equal(time_received(pair[1], 2, 0), first);
    second = time_received(pair[1], 4, 0); /* the last byte's */
    assert_in_range(second, first, env_time_real() / 1000);
    for (int i = 0; i < 200; i++) /* more arrivals than are kept apart */
        assert_int_equal(send_bytes(pair[0], "g", 1), 1);
    for (int i = 0; i < 200; i++)
        assert_in_range(time_received(pair[1], 1, 0), second, env_time_real() / 1000);
    close_pair(pair);
}

static void test_stream(void **state)
{
    sluice_socket_t *pair[2];

    (void)state;
    open_pair(pair);
    stream(pair, 5000000);
    close_pair(pair);
}

/* As on a card: small segments, Nagle, a window smaller than a write. */
static void test_small_segments(void **state)
{
    sluice_socket_t *pair[2];

    (void)state;
    open_pair(pair);
    for (int i = 0; i < 2; i++) {
        struct tcp_socket *t = tcp_of(socket_of(pair[i]));
        inet_lock();
        t->pcb->mss = 1460;
        t->segment = 1460;
        inet_unlock();
        assert_int_equal(option_to(pair[i], SOCKET_SO_RCVBUF, 20000), 0);
    }
    stream(pair, 2000000);
    close_pair(pair);
}

static void test_nothing_read(void **state)
{
    static char block[100000];
    sluice_socket_t *pair[2];
    long moved;

    (void)state;
    open_pair(pair);
    do
        moved = send_bytes(pair[0], block, sizeof block);
    while (moved > 0);
    assert_int_equal(moved, OSKIT_EWOULDBLOCK);
    assert_false(level_of(pair[0]) & READY_WRITE);
    sluice_socket_release(pair[1]); /* with bytes unread: a reset */
    assert_int_equal(level_of(pair[0]),
                     READY_READ | READY_WRITE | READY_RDHUP | READY_HUP | READY_ERR);
    assert_int_equal(receive_bytes(pair[0], block, 1), OSKIT_ECONNRESET);
    assert_int_equal(receive_bytes(pair[0], block, 1), 0);
    assert_int_equal(send_bytes(pair[0], block, 1), OSKIT_EPIPE);
    sluice_socket_release(pair[0]);
}

static int released;

static void hold_release(struct socket_hold *hold)
{
    (void)hold;
    released++;
}

static void test_segments(void **state)
{
    static uint8_t memory[3][30000], back[90000];
    struct sg_segment segments[3];
    struct socket_hold hold = {.references = 1, .release = hold_release};
    struct socket_message message = {.flags = SOCKET_MSG_DONTWAIT | SOCKET_MSG_ZEROCOPY};
    sluice_socket_t *pair[2];
    oskit_size_t sent;
    uint8_t control_bytes[200];
    struct socket_control control = {.bytes = control_bytes, .room = sizeof control_bytes};
    struct socket_message notice = {.flags = SOCKET_MSG_ERRQUEUE, .control = &control};

    (void)state;
    released = 0;
    open_pair(pair);
    for (size_t i = 0; i < sizeof back; i++)
        memory[i / 30000][i % 30000] = byte_at(i);
    for (int i = 0; i < 3; i++)
        segments[i] = (struct sg_segment){memory[i], 30000};
    uint64_t copied = packet_copied_bytes;
    assert_int_equal(pair[0]->ops->send_segments(pair[0], &message, segments, 3, &hold, &sent), 0);
    assert_int_equal(sent, sizeof back);
    assert_int_equal(packet_copied_bytes, copied);
    if (atomic_fetch_sub(&hold.references, 1) == 1)
        hold_release(&hold);
    size_t got = 0;
    while (got < sizeof back) {
        long moved = receive_bytes(pair[1], back + got, sizeof back - got);
        assert_true(moved > 0);
        got += (size_t)moved;
    }
    for (size_t i = 0; i < sizeof back; i++)
        assert_int_equal(back[i], byte_at(i));
    /* An answer carries the acknowledgement. */
    assert_int_equal(send_bytes(pair[1], "x", 1), 1);
    assert_int_equal(released, 1);
    assert_true(level_of(pair[0]) & READY_ERR);
    assert_int_equal(receive_full(pair[0], back, 10, &notice), 0);
    assert_int_equal(control.length, 16 + 32);
    assert_false(level_of(pair[0]) & READY_ERR);
    assert_int_equal(receive_full(pair[0], back, 10, &notice), OSKIT_EWOULDBLOCK);
    close_pair(pair);
}

/* Pieces of nothing, which would be segments that nobody acknowledges. */
static void test_empty_segments(void **state)
{
    static uint8_t memory[5] = "hello", back[10];
    struct sg_segment segments[] = {{memory, 0}, {memory, 5}, {memory, 0}};
    struct socket_hold hold = {.references = 1, .release = hold_release};
    struct socket_message message = {.flags = SOCKET_MSG_DONTWAIT};
    sluice_socket_t *pair[2];
    oskit_size_t sent;

    (void)state;
    open_pair(pair);
    assert_int_equal(pair[0]->ops->send_segments(pair[0], &message, segments, 1, &hold, &sent), 0);
    assert_int_equal(sent, 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(pair[0]->ops->send_segments(pair[0], &message, segments, 3, &hold, &sent),
                         0);
        assert_int_equal(sent, 5);
        assert_int_equal(receive_bytes(pair[1], back, sizeof back), 5);
        assert_memory_equal(back, memory, 5);
        assert_int_equal(send_bytes(pair[1], "x", 1), 1);
        assert_int_equal(receive_bytes(pair[0], back, sizeof back), 1);
    }
    close_pair(pair);
    assert_int_equal(hold.references, 1);
}

/* A message that goes in several pieces, as a blocking send does it, is told of once, at its end.
 */
static void test_segments_in_pieces(void **state)
{
    enum { SIZE = 900000 };
    static uint8_t memory[SIZE], back[SIZE];
    struct sg_segment left = {memory, SIZE};
    struct socket_hold hold = {.references = 1, .release = hold_release};
    struct socket_message message = {.flags = SOCKET_MSG_DONTWAIT | SOCKET_MSG_ZEROCOPY};
    uint8_t control_bytes[200];
    uint32_t range[2];
    struct socket_control control = {.bytes = control_bytes, .room = sizeof control_bytes};
    struct socket_message notice = {.flags = SOCKET_MSG_ERRQUEUE, .control = &control};
    sluice_socket_t *pair[2];
    oskit_size_t sent;
    unsigned pieces = 0;

    (void)state;
    open_pair(pair);
    for (size_t got = 0; got < SIZE;) {
        if (left.length > 0 &&
            pair[0]->ops->send_segments(pair[0], &message, &left, 1, &hold, &sent) == 0) {
            left = (struct sg_segment){(char *)left.base + sent, left.length - (oskit_u32_t)sent};
            pieces++;
        }
        long moved = receive_bytes(pair[1], back + got, sizeof back - got);
        assert_true(moved > 0);
        got += (size_t)moved;
    }
    assert_true(pieces > 1);
    assert_null(message.notice);
    assert_int_equal(send_bytes(pair[1], "x", 1), 1);
    assert_int_equal(hold.references, 1);
    assert_int_equal(receive_full(pair[0], back, 10, &notice), 0);
    memcpy(range, control_bytes + 16 + 8, sizeof range);
    assert_int_equal(range[0], 0);
    assert_int_equal(range[1], 0);
    assert_int_equal(receive_full(pair[0], back, 10, &notice), OSKIT_EWOULDBLOCK);
    close_pair(pair);
}

static void test_cork(void **state)
{
    sluice_socket_t *pair[2];
    char back[100];
    int on = 1, off = 0;

    (void)state;
    open_pair(pair);
    assert_int_equal(pair[0]->ops->setsockopt(pair[0], 6, 3, &on, sizeof on), 0);
    assert_int_equal(send_bytes(pair[0], "abc", 3), 3);
    assert_int_equal(send_bytes(pair[0], "def", 3), 3);
    assert_int_equal(receive_bytes(pair[1], back, sizeof back), OSKIT_EWOULDBLOCK);
    assert_int_equal(pair[0]->ops->setsockopt(pair[0], 6, 3, &off, sizeof off), 0);
    assert_int_equal(receive_bytes(pair[1], back, sizeof back), 6);
    assert_memory_equal(back, "abcdef", 6);
    assert_int_equal(pair[0]->ops->setsockopt(pair[0], 6, 3, &on, sizeof on), 0);
    assert_int_equal(send_bytes(pair[0], "gh", 2), 2);
    sluice_socket_release(pair[0]);
    assert_int_equal(receive_bytes(pair[1], back, sizeof back), 2);
    assert_int_equal(receive_bytes(pair[1], back, sizeof back), 0);
    sluice_socket_release(pair[1]);
}

static void test_backlog(void **state)
{
    struct socket_address name;
    sluice_socket_t *listener = listen_tcp(&name, 2), *clients[6], *one;
    int up = 0;

    (void)state;
    for (int i = 0; i < 6; i++) {
        clients[i] = open_tcp();
        assert_int_equal(clients[i]->ops->connect(clients[i], &name), OSKIT_EINPROGRESS);
        up += clients[i]->ops->connect(clients[i], &name) == 0;
    }
    assert_int_equal(up, 3); /* one more than was asked for, as Linux has it */
    assert_int_equal(listener->ops->accept(listener, NULL, &one), 0);
    sluice_socket_release(one);
    sluice_socket_release(listener);
    for (int i = 0; i < 6; i++)
        sluice_socket_release(clients[i]);
}

/* Both windows are shut to the last byte: an acknowledgement isn't answered by another. */
static void test_shut_windows(void **state)
{
    sluice_socket_t *pair[2];
    struct tcp_pcb *pcb[2];
    oskit_u32_t windows[2];

    (void)state;
    open_pair(pair);
    inet_lock();
    for (int i = 0; i < 2; i++) {
        pcb[i] = tcp_of(socket_of(pair[i]))->pcb;
        windows[i] = pcb[i]->rcv_wnd;
        pcb[i]->rcv_wnd = 0;
    }
    tcp_ack_now(pcb[0]);
    tcp_output(pcb[0]);
    inet_unlock();
    inet_lock();
    for (int i = 0; i < 2; i++)
        pcb[i]->rcv_wnd += windows[i];
    inet_unlock();
    stream(pair, 1000000);
    close_pair(pair);
}

/* Many connections after each other: what is left of them is bounded. */
static void test_many(void **state)
{
    struct socket_address name;
    sluice_socket_t *listener = listen_tcp(&name, 1), *client, *server;
    unsigned waiting;

    (void)state;
    inet_lock();
    waiting = inet_time_wait_count();
    inet_unlock();
    for (int i = 0; i < 2000; i++) {
        client = open_tcp();
        assert_int_equal(client->ops->connect(client, &name), OSKIT_EINPROGRESS);
        assert_int_equal(listener->ops->accept(listener, NULL, &server), 0);
        sluice_socket_release(client);
        sluice_socket_release(server);
    }
    sluice_socket_release(listener);
    inet_lock();
    assert_null(tcp_tw_pcbs);
    assert_int_equal(inet_time_wait_count() - waiting, 2000);
    inet_unlock();
}

/* The server closes first, so that its side waits; a client comes again from the same port, with a
 * sequence number behind what the old connection had, or before. */
static void test_same_port_again(void **state)
{
    static char block[200000];
    struct socket_address name, mine = here(0);
    sluice_socket_t *listener = listen_tcp(&name, 1), *client, *server;

    (void)state;
    for (int i = 0; i < 6; i++) {
        client = open_tcp();
        assert_int_equal(option_to(client, SOCKET_SO_REUSEADDR, 1), 0);
        assert_int_equal(client->ops->bind(client, &mine), 0);
        assert_int_equal(client->ops->getsockname(client, &mine), 0);
        assert_int_equal(client->ops->connect(client, &name), OSKIT_EINPROGRESS);
        assert_int_equal(client->ops->connect(client, &name), 0);
        assert_int_equal(listener->ops->accept(listener, NULL, &server), 0);
        if (i % 2 == 0) {
            assert_true(send_bytes(client, block, sizeof block) > 0);
            while (receive_bytes(server, block, sizeof block) > 0)
                continue;
        }
        sluice_socket_release(server);
        assert_int_equal(receive_bytes(client, block, 1), 0);
        sluice_socket_release(client);
    }
    sluice_socket_release(listener);
}

/* A connection from nothing to its end while any one allocation fails. */
static void test_no_memory(void **state)
{
    (void)state;
    ENV_TEST_EACH_FAILURE
    {
        struct socket_address name = here(0);
        sluice_socket_t *listener = NULL, *client = NULL, *server = NULL;
        char bytes[3000] = {0};

        if (socket_create(SOCKET_INET, SOCKET_STREAM, 0, &listener) == 0 &&
            listener->ops->bind(listener, &name) == 0 && listener->ops->listen(listener, 1) == 0 &&
            listener->ops->getsockname(listener, &name) == 0 &&
            socket_create(SOCKET_INET, SOCKET_STREAM, 0, &client) == 0) {
            client->ops->connect(client, &name);
            if (client->ops->connect(client, &name) == 0 &&
                listener->ops->accept(listener, NULL, &server) == 0) {
                option_to(server, SOCKET_SO_TIMESTAMP, 1); /* else there are no times */
                send_bytes(client, bytes, sizeof bytes);
                send_bytes(client, bytes, 1);
                receive_bytes(server, bytes, sizeof bytes);
            }
        }
        if (server != NULL)
            sluice_socket_release(server);
        if (client != NULL)
            sluice_socket_release(client);
        if (listener != NULL)
            sluice_socket_release(listener);
    }
}

static int start(void **state)
{
    (void)state;
    return inet_start("none") == 0 ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_echo),
        cmocka_unit_test(test_stream),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_small_segments),
        cmocka_unit_test(test_nothing_read),
        cmocka_unit_test(test_segments),
        cmocka_unit_test(test_empty_segments),
        cmocka_unit_test(test_segments_in_pieces),
        cmocka_unit_test(test_cork),
        cmocka_unit_test(test_backlog),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_same_port_again),
        cmocka_unit_test(test_shut_windows),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
