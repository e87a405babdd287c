/* UNIX datagram and record sockets: queues, room, peers, ends. */
#include "socket_case.h"

#define RW (READY_READ | READY_WRITE)

static sluice_socket_t *bound(int type, const char *text)
{
    struct socket_address name = unix_abstract(text);
    sluice_socket_t *s = open_unix(type);

    assert_int_equal(s->ops->bind(s, &name), 0);
    return s;
}

static void connect_to(sluice_socket_t *s, const char *text)
{
    struct socket_address name = unix_abstract(text);

    assert_int_equal(s->ops->connect(s, &name), 0);
}

static long receive_flags(sluice_socket_t *s, void *bytes, size_t length, uint32_t flags,
                          struct socket_message *message)
{
    *message = (struct socket_message){.flags = flags | SOCKET_MSG_DONTWAIT};
    return receive_full(s, bytes, length, message);
}

/* ---- Messages ---- */

static void test_boundaries(void **state)
{
    static const int types[] = {SOCKET_DGRAM, SOCKET_SEQPACKET};
    struct socket_message message;
    sluice_socket_t *pair[2];
    char buffer[16];

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        open_unix_pair(types[i], pair);
        assert_int_equal(level_of(pair[0]), READY_WRITE);
        assert_int_equal(send_bytes(pair[0], "first", 5), 5);
        assert_int_equal(send_bytes(pair[0], "", 0), 0);
        assert_int_equal(send_bytes(pair[0], "third one", 9), 9);
        assert_int_equal(level_of(pair[1]), RW);
        assert_int_equal(receive_flags(pair[1], buffer, 16, SOCKET_MSG_PEEK, &message), 5);
        assert_int_equal(receive_flags(pair[1], buffer, 16, 0, &message), 5);
        assert_int_equal(message.out_flags, 0);
        assert_int_equal(message.whole, 5);
        assert_int_equal(receive_flags(pair[1], buffer, 16, 0, &message), 0);
        assert_int_equal(level_of(pair[1]), RW);
        assert_int_equal(receive_flags(pair[1], buffer, 5, 0, &message), 5);
        assert_int_equal(message.out_flags, SOCKET_MSG_TRUNC);
        assert_int_equal(message.whole, 9);
        assert_int_equal(level_of(pair[1]), READY_WRITE);
        assert_int_equal(receive_bytes(pair[1], buffer, 16), OSKIT_EWOULDBLOCK);
        close_pair(pair);
    }
}

static void test_large(void **state)
{
    static char bytes[212992], got[212992];
    sluice_socket_t *pair[2];

    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(i * 7 + i / 251);
    open_unix_pair(SOCKET_DGRAM, pair);
    static const size_t sizes[] = {1, 2048, 2049, 4096, 4097, 100000, 212992 - 32};
    for (size_t i = 0; i < SLUICE_COUNT(sizes); i++) {
        assert_int_equal(send_bytes(pair[0], bytes, sizes[i]), sizes[i]);
        assert_int_equal(receive_bytes(pair[1], got, sizeof got), sizes[i]);
        assert_memory_equal(bytes, got, sizes[i]);
    }
    assert_int_equal(send_bytes(pair[0], bytes, 212992 - 31), OSKIT_EMSGSIZE);
    close_pair(pair);
}

static void test_peek_offset(void **state)
{
    sluice_socket_t *pair[2];
    struct socket_message message;
    char buffer[16];

    (void)state;
    open_unix_pair(SOCKET_DGRAM, pair);
    assert_int_equal(send_bytes(pair[0], "abcd", 4), 4);
    assert_int_equal(send_bytes(pair[0], "efgh", 4), 4);
    assert_int_equal(option_to(pair[1], 42, 1), 0);
    assert_int_equal(receive_flags(pair[1], buffer, 2, SOCKET_MSG_PEEK, &message), 2);
    assert_memory_equal(buffer, "bc", 2);
    assert_int_equal(receive_flags(pair[1], buffer, 16, SOCKET_MSG_PEEK, &message), 1);
    assert_int_equal(receive_flags(pair[1], buffer, 16, SOCKET_MSG_PEEK, &message), 4);
    assert_memory_equal(buffer, "efgh", 4);
    assert_int_equal(option_of(pair[1], 42), 8);
    assert_int_equal(receive_bytes(pair[1], buffer, 16), 4);
    assert_int_equal(option_of(pair[1], 42), 4);
    close_pair(pair);
}

/* ---- Names and peers ---- */

static void test_send_to(void **state)
{
    sluice_socket_t *server = bound(SOCKET_DGRAM, "server"), *client = open_unix(SOCKET_DGRAM);
    struct socket_address name = unix_abstract("server"), nobody = unix_abstract("nobody"), from;
    struct socket_message message = {.name = &from};
    char buffer[16];

    (void)state;
    assert_int_equal(level_of(client), READY_WRITE);
    assert_int_equal(send_bytes(client, "x", 1), OSKIT_ENOTCONN);
    assert_int_equal(send_to(client, "x", 1, &nobody), OSKIT_ECONNREFUSED);
    assert_int_equal(send_to(client, "one", 3, &name), 3);
    from.length = 99;
    assert_int_equal(receive_full(server, buffer, 16, &message), 3);
    assert_int_equal(from.length, 0); /* no name */
    struct socket_address mine = unix_abstract("client");
    assert_int_equal(client->ops->bind(client, &mine), 0);
    assert_int_equal(send_to(client, "two", 3, &name), 3);
    assert_int_equal(receive_full(server, buffer, 16, &message), 3);
    assert_int_equal(from.length, mine.length);
    assert_memory_equal(from.u.bytes, mine.u.bytes, mine.length);
    assert_int_equal(send_to(server, "answer", 6, &from), 6);
    assert_int_equal(receive_bytes(client, buffer, 16), 6);
    assert_int_equal(send_to(client, "self", 4, &mine), 4);
    assert_int_equal(receive_bytes(client, buffer, 16), 4);
    sluice_socket_release(server);
    sluice_socket_release(client);
}

static void test_not_for_strangers(void **state)
{
    sluice_socket_t *server = bound(SOCKET_DGRAM, "server"), *friend = bound(SOCKET_DGRAM, "f");
    sluice_socket_t *stranger = open_unix(SOCKET_DGRAM);
    struct socket_address name = unix_abstract("server");

    (void)state;
    connect_to(server, "f");
    assert_int_equal(send_to(stranger, "x", 1, &name), OSKIT_EPERM);
    assert_int_equal(stranger->ops->connect(stranger, &name), OSKIT_EPERM);
    assert_int_equal(send_to(friend, "x", 1, &name), 1);
    sluice_socket_release(server);
    sluice_socket_release(friend);
    sluice_socket_release(stranger);
}

static void test_dead_peer(void **state)
{
    sluice_socket_t *server = bound(SOCKET_DGRAM, "server"), *client = open_unix(SOCKET_DGRAM);
    struct socket_address got;

    (void)state;
    connect_to(client, "server");
    assert_int_equal(client->ops->getpeername(client, &got), 0);
    sluice_socket_release(server);
    assert_int_equal(level_of(client), READY_WRITE);
    assert_int_equal(client->ops->getpeername(client, &got), 0);
    assert_int_equal(send_bytes(client, "x", 1), OSKIT_ECONNREFUSED);
    assert_int_equal(send_bytes(client, "x", 1), OSKIT_ENOTCONN);
    assert_int_equal(client->ops->getpeername(client, &got), OSKIT_ENOTCONN);
    sluice_socket_release(client);
}

/* Messages of the old peer are lost with it, and it is told. */
static void test_disconnect(void **state)
{
    sluice_socket_t *pair[2];
    struct socket_address none = {.length = 2};
    char buffer[16];

    (void)state;
    open_unix_pair(SOCKET_DGRAM, pair);
    assert_int_equal(send_bytes(pair[0], "lost", 4), 4);
    assert_int_equal(pair[1]->ops->connect(pair[1], &none), 0);
    assert_int_equal(receive_bytes(pair[1], buffer, 16), OSKIT_EWOULDBLOCK);
    assert_int_equal(level_of(pair[0]), READY_WRITE | READY_ERR);
    assert_int_equal(option_of(pair[0], 4), OSKIT_ECONNRESET);
    assert_int_equal(level_of(pair[0]), READY_WRITE);
    assert_int_equal(send_bytes(pair[0], "again", 5), 5);
    assert_int_equal(send_bytes(pair[1], "x", 1), OSKIT_ENOTCONN);
    assert_int_equal(receive_bytes(pair[1], buffer, 16), 5);
    close_pair(pair);
}

static void test_self(void **state)
{
    sluice_socket_t *self = bound(SOCKET_DGRAM, "self");
    char buffer[4];

    (void)state;
    connect_to(self, "self");
    for (int i = 0; i < 20; i++)
        assert_int_equal(send_bytes(self, "me", 2), 2);
    for (int i = 0; i < 19; i++)
        assert_int_equal(receive_bytes(self, buffer, 4), 2);
    sluice_socket_release(self);
}

/* ---- Room ---- */

struct counter {
    struct readiness_waiter waiter;
    _Atomic int told;
};

static bool counter_notify(struct readiness_waiter *waiter, uint32_t events)
{
    (void)events;
    atomic_fetch_add(&container_of(waiter, struct counter, waiter)->told, 1);
    return true;
}

static void counter_start(struct counter *counter, sluice_socket_t *s, uint32_t mask)
{
    *counter = (struct counter){.waiter = {.mask = mask, .notify = counter_notify}};
    list_init(&counter->waiter.link);
    readiness_add(readiness_of(s), &counter->waiter);
}

static int fill(sluice_socket_t *s, struct socket_address *name)
{
    int count = 0;

    while (send_to(s, "x", 1, name) == 1)
        count++;
    return count;
}

/* One way: the queue's length counts. */
static void test_backlog(void **state)
{
    sluice_socket_t *server = bound(SOCKET_DGRAM, "server"), *one = open_unix(SOCKET_DGRAM);
    sluice_socket_t *two = open_unix(SOCKET_DGRAM), *three = open_unix(SOCKET_DGRAM);
    struct socket_address name = unix_abstract("server");
    struct counter counters[3];
    char buffer[4];

    (void)state;
    connect_to(one, "server");
    connect_to(two, "server");
    counter_start(&counters[0], one, READY_WRITE);
    counter_start(&counters[1], two, READY_WRITE);
    counter_start(&counters[2], three, READY_WRITE);
    assert_int_equal(fill(one, NULL), UNIX_DGRAM_BACKLOG + 1);
    assert_int_equal(level_of(one), 0);
    assert_int_equal(level_of(two), 0);
    assert_int_equal(level_of(three), READY_WRITE);
    assert_int_equal(send_bytes(two, "x", 1), OSKIT_EWOULDBLOCK);
    /* Who isn't connected is told when it said that it would wait. */
    struct socket_message message = {.name = &name};
    assert_int_equal(send_full(three, "x", 1, &message), OSKIT_EWOULDBLOCK);
    assert_int_equal(receive_bytes(server, buffer, 4), 1);
    for (int i = 0; i < 3; i++)
        assert_int_equal(counters[i].told, 1);
    assert_int_equal(level_of(one), READY_WRITE);
    assert_int_equal(level_of(two), READY_WRITE);
    assert_int_equal(fill(two, NULL), 1);
    sluice_socket_release(server);
    assert_int_equal(level_of(one), READY_WRITE);
    assert_int_equal(send_bytes(one, "x", 1), OSKIT_ECONNREFUSED);
    readiness_remove(readiness_of(one), &counters[0].waiter);
    readiness_remove(readiness_of(two), &counters[1].waiter);
    readiness_remove(readiness_of(three), &counters[2].waiter);
    sluice_socket_release(one);
    sluice_socket_release(two);
    sluice_socket_release(three);
}

/* Connected back: only SO_SNDBUF counts. */
static void test_mutual(void **state)
{
    sluice_socket_t *one = bound(SOCKET_DGRAM, "one"), *two = bound(SOCKET_DGRAM, "two");
    struct counter counter;
    char buffer[4];

    (void)state;
    connect_to(one, "two");
    assert_int_equal(fill(one, NULL), UNIX_DGRAM_BACKLOG + 1);
    assert_int_equal(level_of(one), 0);
    counter_start(&counter, one, READY_WRITE);
    connect_to(two, "one");
    assert_int_equal(level_of(one), READY_WRITE);
    assert_int_equal(counter.told, 1);
    int count = fill(one, NULL);
    assert_true(count > 200);
    assert_int_equal(level_of(one), 0);
    while (level_of(one) == 0)
        assert_int_equal(receive_bytes(two, buffer, 4), 1);
    assert_int_equal(counter.told, 2);
    int left = 0;
    while (receive_bytes(two, buffer, 4) == 1)
        left++;
    assert_in_range(left, 60, 70); /* a quarter of SO_SNDBUF */
    readiness_remove(readiness_of(one), &counter.waiter);
    sluice_socket_release(one);
    sluice_socket_release(two);
}

/* ---- Ends ---- */

static void test_datagram_shutdown(void **state)
{
    sluice_socket_t *pair[2];
    struct socket_message message = {.flags = 0};
    char buffer[4];

    (void)state;
    open_unix_pair(SOCKET_DGRAM, pair);
    assert_int_equal(pair[0]->ops->shutdown(pair[0], SOCKET_SHUT_WRITE), 0);
    assert_int_equal(send_bytes(pair[0], "x", 1), OSKIT_EPIPE);
    assert_int_equal(level_of(pair[0]), READY_WRITE);
    assert_int_equal(level_of(pair[1]), READY_WRITE); /* the other isn't concerned */
    assert_int_equal(pair[1]->ops->shutdown(pair[1], SOCKET_SHUT_READ), 0);
    assert_int_equal(level_of(pair[1]), RW | READY_RDHUP);
    assert_int_equal(receive_bytes(pair[1], buffer, 4), OSKIT_EWOULDBLOCK);
    assert_int_equal(receive_full(pair[1], buffer, 4, &message), 0);
    assert_int_equal(send_bytes(pair[1], "x", 1), 1);
    assert_int_equal(pair[0]->ops->shutdown(pair[0], SOCKET_SHUT_READ), 0);
    assert_int_equal(send_bytes(pair[1], "x", 1), OSKIT_EPIPE);
    assert_int_equal(level_of(pair[0]), RW | READY_RDHUP | READY_HUP);
    close_pair(pair);
}

static void test_record_connection(void **state)
{
    struct socket_address name = unix_abstract("records");
    sluice_socket_t *listener = open_listener(SOCKET_SEQPACKET, &name, 1), *server;
    sluice_socket_t *client = open_unix(SOCKET_SEQPACKET);
    char buffer[8];

    (void)state;
    assert_int_equal(level_of(client), READY_WRITE | READY_HUP);
    assert_int_equal(receive_bytes(client, buffer, 8), OSKIT_ENOTCONN);
    assert_int_equal(send_to(client, "x", 1, &name), OSKIT_ENOTCONN);
    assert_int_equal(client->ops->connect(client, &name), 0);
    assert_int_equal(send_to(client, "one", 3, &name), 3); /* the name isn't looked at */
    assert_int_equal(send_bytes(client, "two", 3), 3);
    assert_int_equal(listener->ops->accept(listener, NULL, &server), 0);
    assert_int_equal(receive_bytes(server, buffer, 8), 3);
    assert_memory_equal(buffer, "one", 3);
    sluice_socket_release(server); /* with "two" unread */
    assert_int_equal(level_of(client), RW | READY_RDHUP | READY_HUP | READY_ERR);
    assert_int_equal(send_bytes(client, "x", 1), OSKIT_ECONNRESET);
    assert_int_equal(send_bytes(client, "x", 1), OSKIT_EPIPE);
    assert_int_equal(receive_bytes(client, buffer, 8), 0);
    sluice_socket_release(client);
    sluice_socket_release(listener);
}

static void test_record_room(void **state)
{
    sluice_socket_t *pair[2];
    char buffer[4];

    (void)state;
    open_unix_pair(SOCKET_SEQPACKET, pair);
    int count = fill(pair[0], NULL);
    assert_true(count > 200);
    assert_int_equal(level_of(pair[0]), 0);
    while (receive_bytes(pair[1], buffer, 4) == 1)
        count--;
    assert_int_equal(count, 0);
    assert_int_equal(level_of(pair[0]), READY_WRITE);
    fill(pair[0], NULL);
    assert_int_equal(pair[1]->ops->shutdown(pair[1], SOCKET_SHUT_READ), 0);
    assert_int_equal(send_bytes(pair[0], "x", 1), OSKIT_EPIPE);
    close_pair(pair);
}

static void test_credentials(void **state)
{
    sluice_socket_t *pair[2];
    struct socket_message message = {.credentials = {7, 8, 9}, .has_credentials = true};
    char buffer[4];

    (void)state;
    open_unix_pair(SOCKET_DGRAM, pair);
    assert_int_equal(send_full(pair[0], "x", 1, &message), 1);
    assert_int_equal(send_bytes(pair[0], "y", 1), 1);
    assert_int_equal(option_to(pair[1], 16, 1), 0);
    assert_int_equal(receive_flags(pair[1], buffer, 4, 0, &message), 1);
    assert_true(message.has_credentials);
    assert_int_equal(message.credentials.pid, 7);
    assert_int_equal(message.credentials.gid, 9);
    assert_int_equal(receive_flags(pair[1], buffer, 4, 0, &message), 1);
    assert_int_equal(message.credentials.uid, 65534); /* sent before anybody asked */
    /* Who passes credentials gets a name to be answered at. */
    struct socket_address got;
    assert_int_equal(send_bytes(pair[1], "x", 1), 1);
    assert_int_equal(pair[1]->ops->getsockname(pair[1], &got), 0);
    assert_int_equal(got.length, 8);
    close_pair(pair);
}

static void test_failures(void **state)
{
    static char bytes[10000];

    (void)state;
    ENV_TEST_EACH_FAILURE
    {
        sluice_socket_t *one, *other;
        if (OSKIT_SUCCEEDED(socket_create_pair(SOCKET_UNIX, SOCKET_DGRAM, 0, &one, &other))) {
            long sent = send_bytes(one, bytes, sizeof bytes);
            assert_true(sent == sizeof bytes || sent == OSKIT_ENOBUFS || sent == OSKIT_ENOMEM);
            sluice_socket_release(one);
            sluice_socket_release(other);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_boundaries),        HARNESS_TEST(test_large),
        HARNESS_TEST(test_peek_offset),       HARNESS_TEST(test_send_to),
        HARNESS_TEST(test_not_for_strangers), HARNESS_TEST(test_dead_peer),
        HARNESS_TEST(test_disconnect),        HARNESS_TEST(test_self),
        HARNESS_TEST(test_backlog),           HARNESS_TEST(test_mutual),
        HARNESS_TEST(test_datagram_shutdown), HARNESS_TEST(test_record_connection),
        HARNESS_TEST(test_record_room),       HARNESS_TEST(test_credentials),
        HARNESS_TEST(test_failures),
    };
    return cmocka_run_group_tests_name("unix_message", tests, NULL, NULL);
}
