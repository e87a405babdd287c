/* UNIX stream sockets: names, connections, bytes, ends. Messages are test_unix_message's. */
#include "socket_case.h"

#include <oskit/com/stream.h>
#include <oskit/fs/dir.h>
#include <oskit/fs/filesystem.h>
#include <sluice/filex.h>
#include <sluice/ramfs.h>

#define RW                  (READY_READ | READY_WRITE)
#define SOCKET_BUFFER_BYTES 212992u /* SO_SNDBUF at first */

/* ---- Pairs ---- */

static void test_pair(void **state)
{
    sluice_socket_t *pair[2];
    char buffer[16];

    (void)state;
    open_unix_pair(SOCKET_STREAM, pair);
    assert_int_equal(level_of(pair[0]), READY_WRITE);
    assert_int_equal(receive_bytes(pair[0], buffer, 16), OSKIT_EWOULDBLOCK);
    assert_int_equal(send_bytes(pair[0], "hello", 5), 5);
    assert_int_equal(level_of(pair[1]), RW);
    assert_int_equal(level_of(pair[0]), READY_WRITE);
    assert_int_equal(send_bytes(pair[0], " world", 6), 6);
    assert_int_equal(receive_bytes(pair[1], buffer, 8), 8);
    assert_memory_equal(buffer, "hello wo", 8);
    assert_int_equal(level_of(pair[1]), RW);
    assert_int_equal(receive_bytes(pair[1], buffer, 8), 3);
    assert_memory_equal(buffer, "rld", 3);
    assert_int_equal(level_of(pair[1]), READY_WRITE);
    close_pair(pair);
}

static void test_names_of_pair(void **state)
{
    sluice_socket_t *pair[2];
    struct socket_address name;

    (void)state;
    open_unix_pair(SOCKET_STREAM, pair);
    assert_int_equal(pair[0]->ops->getsockname(pair[0], &name), 0);
    assert_int_equal(name.length, 2);
    assert_int_equal(name.u.family, SOCKET_UNIX);
    assert_int_equal(pair[0]->ops->getpeername(pair[0], &name), 0);
    assert_int_equal(name.length, 2);
    sluice_socket_t *alone = open_unix(SOCKET_STREAM);
    assert_int_equal(alone->ops->getpeername(alone, &name), OSKIT_ENOTCONN);
    sluice_socket_release(alone);
    close_pair(pair);
}

/* Fills the way to the peer; how much fits. */
static size_t fill(sluice_socket_t *s, size_t piece)
{
    static char bytes[65536];
    size_t total = 0;

    for (;;) {
        long sent = send_bytes(s, bytes, piece);
        if (sent == OSKIT_EWOULDBLOCK)
            return total;
        assert_in_range(sent, 1, piece);
        total += (size_t)sent;
    }
}

static size_t drain(sluice_socket_t *s)
{
    static char bytes[65536];
    size_t total = 0;

    for (;;) {
        long got = receive_bytes(s, bytes, sizeof bytes);
        if (got <= 0)
            return total;
        total += (size_t)got;
    }
}

static void test_full(void **state)
{
    static const size_t pieces[] = {1, 100, 4096, 5000, 65536};
    sluice_socket_t *pair[2];
    char buffer[4096];

    (void)state;
    open_unix_pair(SOCKET_STREAM, pair);
    for (size_t i = 0; i < SLUICE_COUNT(pieces); i++) {
        size_t size = fill(pair[0], pieces[i]);
        assert_in_range(size, SOCKET_BUFFER_BYTES, SOCKET_BUFFER_BYTES + 4096);
        assert_int_equal(level_of(pair[0]), 0);
        assert_int_equal(level_of(pair[1]), RW);
        /* Writable again when a quarter is left, not before. */
        size_t left = size;
        while (!(level_of(pair[0]) & READY_WRITE)) {
            assert_true(left * 4 > SOCKET_BUFFER_BYTES);
            left -= (size_t)receive_bytes(pair[1], buffer, sizeof buffer);
        }
        assert_true(left * 4 <= SOCKET_BUFFER_BYTES);
        assert_int_equal(drain(pair[1]), left);
    }
    close_pair(pair);
}

/* Small writes between large ones leave pages half empty; all slots taken before the bytes are. */
static void test_full_of_odd_pieces(void **state)
{
    sluice_socket_t *pair[2];
    char bytes[4096] = {0};
    size_t total = 0;

    (void)state;
    open_unix_pair(SOCKET_STREAM, pair);
    for (;;) {
        long sent = send_bytes(pair[0], bytes, total % 2 ? 4095 : 2050);
        if (sent == OSKIT_EWOULDBLOCK)
            break;
        total += (size_t)sent;
    }
    assert_int_equal(level_of(pair[0]), 0);
    assert_true(total * 4 > SOCKET_BUFFER_BYTES * 3);
    assert_int_equal(drain(pair[1]), total);
    assert_int_equal(level_of(pair[0]), READY_WRITE);
    close_pair(pair);
}

static void test_send_buffer(void **state)
{
    sluice_socket_t *pair[2];

    (void)state;
    open_unix_pair(SOCKET_STREAM, pair);
    assert_int_equal(option_to(pair[0], 7, 1), 0);
    assert_int_equal(option_of(pair[0], 7), 4608);
    size_t size = fill(pair[0], 1000);
    assert_in_range(size, 4000, 4608 + 4096);
    assert_int_equal(level_of(pair[0]), 0);
    assert_int_equal(option_to(pair[0], 7, 100000), 0);
    assert_int_equal(level_of(pair[0]), READY_WRITE);
    assert_int_equal(option_to(pair[0], 7, 1000), 0);
    assert_int_equal(level_of(pair[0]), 0);
    assert_int_equal(drain(pair[1]), size);
    assert_int_equal(level_of(pair[0]), READY_WRITE);
    close_pair(pair);
}

static void test_read_and_write(void **state)
{
    sluice_socket_t *pair[2];
    oskit_stream_t *streams[2];
    char buffer[16];
    oskit_u32_t actual;

    (void)state;
    open_unix_pair(SOCKET_STREAM, pair);
    for (int i = 0; i < 2; i++)
        streams[i] = sluice_query_face(pair[i], &oskit_stream_iid);
    assert_int_equal(oskit_stream_write(streams[0], "stream", 6, &actual), 0);
    assert_int_equal(actual, 6);
    assert_int_equal(oskit_stream_read(streams[1], buffer, 16, &actual), 0);
    assert_int_equal(actual, 6);
    assert_memory_equal(buffer, "stream", 6);
    assert_int_equal(oskit_stream_read(streams[1], buffer, 16, &actual), OSKIT_EWOULDBLOCK);
    assert_int_equal(oskit_stream_write(streams[0], "", 0, &actual), 0);
    for (int i = 0; i < 2; i++)
        oskit_stream_release(streams[i]);
    close_pair(pair);
}

static long peek(sluice_socket_t *s, void *buffer, size_t size)
{
    struct socket_message message = {.flags = SOCKET_MSG_DONTWAIT | SOCKET_MSG_PEEK};

    return receive_full(s, buffer, size, &message);
}

static void test_peek(void **state)
{
    sluice_socket_t *pair[2];
    char buffer[16];

    (void)state;
    open_unix_pair(SOCKET_STREAM, pair);
    assert_int_equal(send_bytes(pair[0], "peekaboo", 8), 8);
    assert_int_equal(peek(pair[1], buffer, 4), 4);
    assert_memory_equal(buffer, "peek", 4);
    assert_int_equal(peek(pair[1], buffer, 16), 8);
    assert_int_equal(option_of(pair[1], 42), -1);
    assert_int_equal(option_to(pair[1], 42, 2), 0);
    assert_int_equal(peek(pair[1], buffer, 3), 3);
    assert_memory_equal(buffer, "eka", 3);
    assert_int_equal(option_of(pair[1], 42), 5);
    assert_int_equal(peek(pair[1], buffer, 16), 3);
    assert_memory_equal(buffer, "boo", 3);
    assert_int_equal(peek(pair[1], buffer, 16), OSKIT_EWOULDBLOCK);
    assert_int_equal(receive_bytes(pair[1], buffer, 6), 6);
    assert_int_equal(option_of(pair[1], 42), 2);
    assert_int_equal(option_to(pair[1], 42, -1), 0);
    assert_int_equal(peek(pair[1], buffer, 16), 2);
    close_pair(pair);
}

/* ---- Ends ---- */

static void test_close(void **state)
{
    sluice_socket_t *pair[2];
    char buffer[16];

    (void)state;
    open_unix_pair(SOCKET_STREAM, pair);
    assert_int_equal(send_bytes(pair[0], "last", 4), 4);
    sluice_socket_release(pair[0]);
    assert_int_equal(level_of(pair[1]), RW | READY_RDHUP | READY_HUP);
    assert_int_equal(send_bytes(pair[1], "x", 1), OSKIT_EPIPE);
    assert_int_equal(receive_bytes(pair[1], buffer, 16), 4);
    assert_int_equal(receive_bytes(pair[1], buffer, 16), 0);
    assert_int_equal(receive_bytes(pair[1], buffer, 16), 0);
    struct socket_address name;
    assert_int_equal(pair[1]->ops->getpeername(pair[1], &name), 0);
    sluice_socket_release(pair[1]);
}

/* What the other hadn't read is lost, and said to be. */
static void test_reset(void **state)
{
    sluice_socket_t *pair[2];
    char buffer[16];

    (void)state;
    for (int by_option = 0; by_option < 2; by_option++) {
        open_unix_pair(SOCKET_STREAM, pair);
        assert_int_equal(fill(pair[0], 65536) > 0, 1);
        assert_int_equal(level_of(pair[0]), 0);
        sluice_socket_release(pair[1]);
        assert_int_equal(level_of(pair[0]), RW | READY_RDHUP | READY_HUP | READY_ERR);
        assert_int_equal(send_bytes(pair[0], "x", 1), OSKIT_EPIPE);
        if (by_option)
            assert_int_equal(option_of(pair[0], 4), OSKIT_ECONNRESET);
        else
            assert_int_equal(receive_bytes(pair[0], buffer, 16), OSKIT_ECONNRESET);
        assert_int_equal(level_of(pair[0]), RW | READY_RDHUP | READY_HUP);
        assert_int_equal(receive_bytes(pair[0], buffer, 16), 0);
        assert_int_equal(option_of(pair[0], 4), 0);
        sluice_socket_release(pair[0]);
    }
}

static void test_shutdown(void **state)
{
    sluice_socket_t *pair[2];
    char buffer[16];

    (void)state;
    open_unix_pair(SOCKET_STREAM, pair);
    assert_int_equal(pair[0]->ops->shutdown(pair[0], 3), OSKIT_E_INVALIDARG);
    assert_int_equal(send_bytes(pair[0], "half", 4), 4);
    assert_int_equal(pair[0]->ops->shutdown(pair[0], SOCKET_SHUT_WRITE), 0);
    assert_int_equal(send_bytes(pair[0], "x", 1), OSKIT_EPIPE);
    assert_int_equal(level_of(pair[0]), READY_WRITE);
    assert_int_equal(level_of(pair[1]), RW | READY_RDHUP);
    assert_int_equal(receive_bytes(pair[1], buffer, 16), 4);
    assert_int_equal(receive_bytes(pair[1], buffer, 16), 0);
    assert_int_equal(send_bytes(pair[1], "back", 4), 4);
    assert_int_equal(receive_bytes(pair[0], buffer, 16), 4);
    assert_int_equal(pair[1]->ops->shutdown(pair[1], SOCKET_SHUT_WRITE), 0);
    assert_int_equal(level_of(pair[0]), RW | READY_RDHUP | READY_HUP);
    assert_int_equal(level_of(pair[1]), RW | READY_RDHUP | READY_HUP);
    close_pair(pair);

    open_unix_pair(SOCKET_STREAM, pair);
    assert_int_equal(pair[0]->ops->shutdown(pair[0], SOCKET_SHUT_READ), 0);
    assert_int_equal(send_bytes(pair[1], "x", 1), OSKIT_EPIPE);
    assert_int_equal(level_of(pair[0]), RW | READY_RDHUP);
    assert_int_equal(receive_bytes(pair[0], buffer, 16), 0);
    assert_int_equal(send_bytes(pair[0], "x", 1), 1);
    close_pair(pair);
}

static void test_unconnected(void **state)
{
    sluice_socket_t *s = open_unix(SOCKET_STREAM);
    struct socket_address name = unix_abstract("x");
    char buffer[16];

    (void)state;
    assert_int_equal(level_of(s), READY_WRITE | READY_HUP);
    assert_int_equal(send_bytes(s, "x", 1), OSKIT_ENOTCONN);
    assert_int_equal(send_to(s, "x", 1, &name), OSKIT_EOPNOTSUPP);
    assert_int_equal(receive_bytes(s, buffer, 1), OSKIT_E_INVALIDARG);
    assert_int_equal(s->ops->shutdown(s, SOCKET_SHUT_BOTH), 0);
    assert_int_equal(s->ops->listen(s, 1), OSKIT_E_INVALIDARG);
    sluice_socket_t *accepted;
    assert_int_equal(s->ops->accept(s, NULL, &accepted), OSKIT_E_INVALIDARG);
    sluice_socket_release(s);
}

/* ---- Names ---- */

static void test_abstract(void **state)
{
    struct socket_address name = unix_abstract("name"), other, got;
    sluice_socket_t *one = open_unix(SOCKET_STREAM), *two = open_unix(SOCKET_STREAM);
    sluice_socket_t *dgram = open_unix(SOCKET_DGRAM);

    (void)state;
    assert_int_equal(one->ops->bind(one, &name), 0);
    assert_int_equal(one->ops->bind(one, &name), OSKIT_E_INVALIDARG);
    assert_int_equal(two->ops->bind(two, &name), OSKIT_EADDRINUSE);
    assert_int_equal(dgram->ops->bind(dgram, &name), 0); /* of each type its own */
    other = name;
    other.length++; /* a zero byte more is another name */
    assert_int_equal(two->ops->bind(two, &other), 0);
    assert_int_equal(one->ops->getsockname(one, &got), 0);
    assert_int_equal(got.length, name.length);
    assert_memory_equal(got.u.bytes, name.u.bytes, name.length);
    sluice_socket_release(one);
    one = open_unix(SOCKET_STREAM);
    assert_int_equal(one->ops->bind(one, &name), 0);
    sluice_socket_release(one);
    sluice_socket_release(two);
    sluice_socket_release(dgram);
}

static void test_autobind(void **state)
{
    struct socket_address none = {.length = 2}, first, second;
    sluice_socket_t *one = open_unix(SOCKET_DGRAM), *two = open_unix(SOCKET_DGRAM);

    (void)state;
    none.u.family = SOCKET_UNIX;
    assert_int_equal(one->ops->bind(one, &none), 0);
    assert_int_equal(two->ops->bind(two, &none), 0);
    assert_int_equal(one->ops->getsockname(one, &first), 0);
    assert_int_equal(two->ops->getsockname(two, &second), 0);
    assert_int_equal(first.length, 8);
    assert_int_equal(first.u.un.path[0], 0);
    assert_memory_not_equal(first.u.bytes, second.u.bytes, 8);
    assert_int_equal(one->ops->bind(one, &none), 0); /* keeps what it has */
    sluice_socket_release(one);
    sluice_socket_release(two);
}

static void test_bad_names(void **state)
{
    sluice_socket_t *s = open_unix(SOCKET_STREAM);
    struct socket_address name = unix_abstract("x");

    (void)state;
    name.u.family = SOCKET_INET;
    assert_int_equal(s->ops->bind(s, &name), OSKIT_E_INVALIDARG);
    assert_int_equal(s->ops->connect(s, &name), OSKIT_E_INVALIDARG);
    name.u.family = SOCKET_UNIX;
    name.length = 2;
    assert_int_equal(s->ops->connect(s, &name), OSKIT_E_INVALIDARG);
    name.length = 111;
    assert_int_equal(s->ops->bind(s, &name), OSKIT_E_INVALIDARG);
    name.length = 110;
    assert_int_equal(s->ops->connect(s, &name), OSKIT_ECONNREFUSED);
    assert_int_equal(s->ops->bind(s, &name), 0);
    sluice_socket_release(s);

    /* A path that fills all of it has its end beyond. */
    s = open_unix(SOCKET_STREAM);
    memset(name.u.un.path, 'p', sizeof name.u.un.path);
    name.length = 110;
    assert_int_equal(s->ops->bind(s, &name), 0);
    assert_int_equal(s->ops->getsockname(s, &name), 0);
    assert_int_equal(name.length, 111);
    assert_int_equal(s->ops->connect(s, &name), OSKIT_ECONNREFUSED);
    sluice_socket_release(s);
}

/* ---- Listening ---- */

static sluice_socket_t *connected_to(struct socket_address *name)
{
    sluice_socket_t *s = open_unix(SOCKET_STREAM);

    assert_int_equal(s->ops->connect(s, name), 0);
    return s;
}

static void test_accept(void **state)
{
    struct socket_address name = unix_abstract("listener"), mine = unix_abstract("client"), got;
    sluice_socket_t *listener = open_listener(SOCKET_STREAM, &name, 5), *server;
    sluice_socket_t *client = open_unix(SOCKET_STREAM);
    char buffer[16];

    (void)state;
    assert_int_equal(level_of(listener), 0);
    assert_int_equal(option_of(listener, 30), 1);
    assert_int_equal(listener->ops->accept(listener, NULL, &server), OSKIT_EWOULDBLOCK);
    assert_int_equal(client->ops->bind(client, &mine), 0);
    assert_int_equal(client->ops->connect(client, &name), 0);
    assert_int_equal(client->ops->connect(client, &name), OSKIT_EISCONN);
    assert_int_equal(level_of(client), READY_WRITE);
    assert_int_equal(send_bytes(client, "early", 5), 5);
    assert_int_equal(level_of(listener), READY_READ);
    assert_int_equal(listener->ops->accept(listener, &got, &server), 0);
    assert_memory_equal(got.u.bytes, mine.u.bytes, mine.length);
    assert_int_equal(got.length, mine.length);
    assert_int_equal(level_of(listener), 0);
    assert_int_equal(level_of(server), RW);
    assert_int_equal(receive_bytes(server, buffer, 16), 5);
    assert_int_equal(server->ops->getsockname(server, &got), 0);
    assert_int_equal(got.length, name.length);
    assert_int_equal(client->ops->getpeername(client, &got), 0);
    assert_int_equal(got.length, name.length);
    sluice_socket_release(listener);
    assert_int_equal(client->ops->getpeername(client, &got), 0);
    assert_int_equal(send_bytes(server, "on", 2), 2);
    assert_int_equal(receive_bytes(client, buffer, 16), 2);
    sluice_socket_release(client);
    sluice_socket_release(server);
}

static void test_refused(void **state)
{
    struct socket_address name = unix_abstract("deaf"), seq = unix_abstract("seq");
    sluice_socket_t *bound = open_unix(SOCKET_STREAM), *client = open_unix(SOCKET_STREAM);
    sluice_socket_t *other = open_listener(SOCKET_SEQPACKET, &seq, 1);

    (void)state;
    assert_int_equal(client->ops->connect(client, &name), OSKIT_ECONNREFUSED);
    assert_int_equal(bound->ops->bind(bound, &name), 0);
    assert_int_equal(client->ops->connect(client, &name), OSKIT_ECONNREFUSED);
    assert_int_equal(client->ops->connect(client, &seq), OSKIT_ECONNREFUSED);
    assert_int_equal(bound->ops->listen(bound, 0), 0);
    assert_int_equal(bound->ops->connect(bound, &name), OSKIT_E_INVALIDARG);
    assert_int_equal(client->ops->connect(client, &name), 0);
    assert_int_equal(bound->ops->shutdown(bound, SOCKET_SHUT_READ), 0);
    sluice_socket_t *late = open_unix(SOCKET_STREAM);
    assert_int_equal(late->ops->connect(late, &name), OSKIT_ECONNREFUSED);
    sluice_socket_release(late);
    sluice_socket_release(bound);
    assert_int_equal(level_of(client), RW | READY_RDHUP | READY_HUP | READY_ERR);
    char byte;
    assert_int_equal(receive_bytes(client, &byte, 1), OSKIT_ECONNRESET);
    sluice_socket_release(client);
    sluice_socket_release(other);
}

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

static void test_backlog(void **state)
{
    struct socket_address name = unix_abstract("busy");
    sluice_socket_t *listener = open_listener(SOCKET_STREAM, &name, 1), *server;
    sluice_socket_t *one = connected_to(&name), *two = connected_to(&name);
    sluice_socket_t *three = open_unix(SOCKET_STREAM);
    struct counter counter;

    (void)state;
    counter_start(&counter, three, READY_WRITE);
    assert_int_equal(three->ops->connect(three, &name), OSKIT_EWOULDBLOCK);
    assert_int_equal(three->ops->connect(three, &name), OSKIT_EWOULDBLOCK);
    assert_int_equal(counter.told, 0);
    assert_int_equal(listener->ops->accept(listener, NULL, &server), 0);
    assert_int_equal(counter.told, 1);
    assert_int_equal(three->ops->connect(three, &name), 0);
    readiness_remove(readiness_of(three), &counter.waiter);
    sluice_socket_t *four = open_unix(SOCKET_STREAM);
    counter_start(&counter, four, READY_WRITE);
    assert_int_equal(four->ops->connect(four, &name), OSKIT_EWOULDBLOCK);
    assert_int_equal(listener->ops->listen(listener, 5), 0);
    assert_int_equal(counter.told, 1);
    sluice_socket_release(listener);
    assert_int_equal(four->ops->connect(four, &name), OSKIT_ECONNREFUSED);
    readiness_remove(readiness_of(four), &counter.waiter);
    sluice_socket_release(one);
    sluice_socket_release(two);
    sluice_socket_release(three);
    sluice_socket_release(four);
    sluice_socket_release(server);
}

/* ---- Files ---- */

struct place {
    oskit_filesystem_t *fs;
    oskit_dir_t *root;
};

static void place_open(struct place *place)
{
    assert_int_equal(ramfs_create(RAMFS_UNLIMITED, 0, &place->fs), 0);
    assert_int_equal(oskit_filesystem_getroot(place->fs, &place->root), 0);
}

static oskit_file_t *place_make(struct place *place, const char *name)
{
    oskit_file_t *file;

    assert_int_equal(oskit_dir_mknod(place->root, name, OSKIT_S_IFSOCK | 0777, 0), 0);
    assert_int_equal(oskit_dir_lookup(place->root, name, &file), 0);
    return file;
}

static void place_close(struct place *place)
{
    oskit_dir_release(place->root);
    oskit_filesystem_release(place->fs);
}

static void test_path(void **state)
{
    struct socket_address name = unix_path("/here"), got;
    struct place place;

    (void)state;
    place_open(&place);
    name.file = place_make(&place, "here");
    name.length += 5; /* what follows the end of the text doesn't count */
    sluice_socket_t *listener = open_listener(SOCKET_STREAM, &name, 1);
    assert_int_equal(listener->ops->getsockname(listener, &got), 0);
    assert_int_equal(got.length, 2 + 6);

    /* Found by the file, whatever the path says. */
    struct socket_address other = unix_path("/link/to/it");
    other.file = name.file;
    sluice_socket_t *client = connected_to(&other);
    assert_int_equal(client->ops->getpeername(client, &got), 0);
    assert_string_equal(got.u.un.path, "/here");
    sluice_socket_t *wrong = open_unix(SOCKET_DGRAM);
    assert_int_equal(wrong->ops->connect(wrong, &name), OSKIT_EPROTOTYPE);
    sluice_socket_release(wrong);

    other.file = place_make(&place, "lonely");
    wrong = open_unix(SOCKET_STREAM);
    assert_int_equal(wrong->ops->connect(wrong, &other), OSKIT_ECONNREFUSED);
    assert_int_equal(wrong->ops->bind(wrong, &name), OSKIT_EADDRINUSE);
    sluice_socket_release(listener);
    assert_int_equal(wrong->ops->connect(wrong, &name), OSKIT_ECONNREFUSED);
    sluice_socket_release(wrong);
    sluice_socket_release(client);
    oskit_file_release(other.file);
    oskit_file_release(name.file);
    place_close(&place);
}

/* A host without files: the text is the name. */
static void test_path_text(void **state)
{
    struct socket_address name = unix_path("/tmp/x"), other = unix_path("/tmp/y");
    sluice_socket_t *listener = open_listener(SOCKET_STREAM, &name, 1);
    sluice_socket_t *client = connected_to(&name), *stray = open_unix(SOCKET_STREAM);

    (void)state;
    assert_int_equal(stray->ops->connect(stray, &other), OSKIT_ECONNREFUSED);
    sluice_socket_release(stray);
    sluice_socket_release(client);
    sluice_socket_release(listener);
}

/* ---- Credentials ---- */

static struct socket_caller caller = {
    .credentials = {100, 1000, 1001}, .real_uid = 2000, .real_gid = 2001};

static void caller_get(struct socket_caller *out)
{
    *out = caller;
}

static void test_peer_credentials(void **state)
{
    struct socket_address name = unix_abstract("cred");
    struct socket_credentials credentials;
    oskit_u32_t length = sizeof credentials;
    sluice_socket_t *listener, *client, *server;

    (void)state;
    socket_caller_get = caller_get;
    caller.credentials.pid = 1;
    listener = open_listener(SOCKET_STREAM, &name, 1);
    caller.credentials.pid = 2;
    client = connected_to(&name);
    caller.credentials.pid = 3;
    assert_int_equal(listener->ops->accept(listener, NULL, &server), 0);
    assert_int_equal(server->ops->getsockopt(server, 1, 17, &credentials, &length), 0);
    assert_int_equal(length, sizeof credentials);
    assert_int_equal(credentials.pid, 2);
    assert_int_equal(credentials.uid, 1000);
    assert_int_equal(credentials.gid, 1001);
    assert_int_equal(client->ops->getsockopt(client, 1, 17, &credentials, &length), 0);
    assert_int_equal(credentials.pid, 1);
    sluice_socket_t *alone = open_unix(SOCKET_STREAM);
    assert_int_equal(alone->ops->getsockopt(alone, 1, 17, &credentials, &length), 0);
    assert_int_equal(credentials.pid, 0);
    assert_int_equal(credentials.uid, UINT32_MAX);
    sluice_socket_release(alone);
    sluice_socket_release(listener);
    sluice_socket_release(client);
    sluice_socket_release(server);
    socket_caller_get = NULL;
}

/* Reads don't glue together what different programs wrote. */
static void test_pass_credentials(void **state)
{
    sluice_socket_t *pair[2];
    char buffer[16];

    (void)state;
    socket_caller_get = caller_get;
    open_unix_pair(SOCKET_STREAM, pair);
    assert_int_equal(send_bytes(pair[0], "-", 1), 1); /* nobody asked yet */
    assert_int_equal(option_to(pair[1], 16, 1), 0);
    caller.credentials.pid = 5;
    assert_int_equal(send_bytes(pair[0], "ab", 2), 2);
    assert_int_equal(send_bytes(pair[0], "c", 1), 1);
    caller.credentials.pid = 6;
    assert_int_equal(send_bytes(pair[0], "de", 2), 2);
    static const struct {
        const char *bytes;
        int pid;
        uint32_t uid;
    } expected[] = {{"-", 0, 65534}, {"abc", 5, 2000}, {"de", 6, 2000}};
    for (size_t i = 0; i < SLUICE_COUNT(expected); i++) {
        struct socket_message message = {.flags = 0};
        long length = (long)strlen(expected[i].bytes);
        assert_int_equal(receive_full(pair[1], buffer, 16, &message), length);
        assert_memory_equal(buffer, expected[i].bytes, length);
        assert_true(message.has_credentials);
        assert_int_equal(message.credentials.pid, expected[i].pid);
        assert_int_equal(message.credentials.uid, expected[i].uid);
    }
    /* Without the option they are one stream again. */
    assert_int_equal(send_bytes(pair[0], "ab", 2), 2);
    caller.credentials.pid = 7;
    assert_int_equal(send_bytes(pair[0], "cd", 2), 2);
    assert_int_equal(option_to(pair[1], 16, 0), 0);
    assert_int_equal(receive_bytes(pair[1], buffer, 16), 4);
    close_pair(pair);
    socket_caller_get = NULL;
}

/* ---- Commands, lists ---- */

static oskit_error_t command(sluice_socket_t *s, oskit_u32_t number, int *out)
{
    sluice_control_t *control = sluice_query_face(s, &sluice_control_iid);
    oskit_s32_t result;
    oskit_error_t err = control->ops->ioctl(control, number, (oskit_u64_t)(uintptr_t)out, &result);

    oskit_iunknown_release((oskit_iunknown_t *)control);
    return err;
}

static void test_queue_sizes(void **state)
{
    struct socket_address name = unix_abstract("q");
    sluice_socket_t *pair[2], *listener = open_listener(SOCKET_STREAM, &name, 1);
    int bytes;

    (void)state;
    open_unix_pair(SOCKET_STREAM, pair);
    assert_int_equal(send_bytes(pair[0], "123456", 6), 6);
    assert_int_equal(command(pair[1], 0x541b, &bytes), 0);
    assert_int_equal(bytes, 6);
    assert_int_equal(command(pair[0], 0x5411, &bytes), 0);
    assert_int_equal(bytes, 6);
    assert_int_equal(command(listener, 0x541b, &bytes), OSKIT_E_INVALIDARG);
    assert_int_equal(command(pair[0], 0x1234, &bytes), OSKIT_ENOTTY);
    close_pair(pair);
    sluice_socket_release(listener);
}

struct seen {
    unsigned sockets, listening, named;
};

static bool see(void *arg, const struct unix_socket_entry *entry)
{
    struct seen *seen = arg;

    seen->sockets++;
    seen->listening += entry->listening;
    seen->named += entry->name.length != 0;
    return true;
}

static void test_each(void **state)
{
    struct socket_address name = unix_abstract("each");
    sluice_socket_t *pair[2], *listener = open_listener(SOCKET_STREAM, &name, 1);
    sluice_socket_t *client = connected_to(&name);
    struct seen seen = {0};

    (void)state;
    open_unix_pair(SOCKET_DGRAM, pair);
    unix_socket_each(see, &seen);
    assert_int_equal(seen.sockets, 5);
    assert_int_equal(seen.listening, 1);
    assert_int_equal(seen.named, 2);
    close_pair(pair);
    sluice_socket_release(client);
    sluice_socket_release(listener);
}

static void test_create(void **state)
{
    sluice_socket_t *s, *other;

    (void)state;
    assert_int_equal(socket_create(SOCKET_UNIX, 4, 0, &s), OSKIT_ESOCKTNOSUPPORT);
    assert_int_equal(socket_create(SOCKET_UNIX, 11, 0, &s), OSKIT_E_INVALIDARG);
    assert_int_equal(socket_create(SOCKET_UNIX, SOCKET_STREAM, 2, &s), OSKIT_EPROTONOSUPPORT);
    assert_int_equal(socket_create(99, SOCKET_STREAM, 0, &s), OSKIT_EAFNOSUPPORT);
    assert_int_equal(socket_create_pair(99, SOCKET_STREAM, 0, &s, &other), OSKIT_EAFNOSUPPORT);
    assert_int_equal(socket_create(SOCKET_UNIX, SOCKET_RAW, SOCKET_UNIX, &s), 0);
    assert_int_equal(option_of(s, 3), SOCKET_DGRAM);
    sluice_socket_release(s);
}

static void failing_life(void)
{
    struct socket_address name = unix_abstract("fail");
    sluice_socket_t *listener = NULL, *client = NULL, *server = NULL;
    char buffer[8];

    if (OSKIT_FAILED(socket_create(SOCKET_UNIX, SOCKET_STREAM, 0, &listener)))
        return;
    if (OSKIT_SUCCEEDED(listener->ops->bind(listener, &name)) &&
        OSKIT_SUCCEEDED(listener->ops->listen(listener, 1)) &&
        OSKIT_SUCCEEDED(socket_create(SOCKET_UNIX, SOCKET_STREAM, 0, &client)) &&
        OSKIT_SUCCEEDED(client->ops->connect(client, &name)) && send_bytes(client, "x", 1) == 1 &&
        OSKIT_SUCCEEDED(listener->ops->accept(listener, NULL, &server)))
        assert_int_equal(receive_bytes(server, buffer, 8), 1);
    sluice_socket_release(listener);
    if (client != NULL)
        sluice_socket_release(client);
    if (server != NULL)
        sluice_socket_release(server);
}

static void test_failures(void **state)
{
    (void)state;
    ENV_TEST_EACH_FAILURE
    failing_life();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_pair),
        HARNESS_TEST(test_names_of_pair),
        HARNESS_TEST(test_full),
        HARNESS_TEST(test_full_of_odd_pieces),
        HARNESS_TEST(test_send_buffer),
        HARNESS_TEST(test_read_and_write),
        HARNESS_TEST(test_peek),
        HARNESS_TEST(test_close),
        HARNESS_TEST(test_reset),
        HARNESS_TEST(test_shutdown),
        HARNESS_TEST(test_unconnected),
        HARNESS_TEST(test_abstract),
        HARNESS_TEST(test_autobind),
        HARNESS_TEST(test_bad_names),
        HARNESS_TEST(test_accept),
        HARNESS_TEST(test_refused),
        HARNESS_TEST(test_backlog),
        HARNESS_TEST(test_path),
        HARNESS_TEST(test_path_text),
        HARNESS_TEST(test_peer_credentials),
        HARNESS_TEST(test_pass_credentials),
        HARNESS_TEST(test_queue_sizes),
        HARNESS_TEST(test_each),
        HARNESS_TEST(test_create),
        HARNESS_TEST(test_failures),
    };
    return cmocka_run_group_tests_name("unix", tests, NULL, NULL);
}
