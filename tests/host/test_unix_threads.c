/* UNIX sockets used by several threads at once: nothing is lost, nobody waits for ever, no race. */
#include "socket_threads.h"

/* ---- A stream ---- */

#define STREAM_BYTES (1u << 21)

static char pattern(size_t at)
{
    return (char)(at * 31 + at / 997);
}

static void stream_writer(void *arg)
{
    sluice_socket_t *s = arg;
    static char bytes[9000];
    size_t sent = 0;

    while (sent < STREAM_BYTES) {
        size_t size = 1 + sent % sizeof bytes;
        if (size > STREAM_BYTES - sent)
            size = STREAM_BYTES - sent;
        for (size_t i = 0; i < size; i++)
            bytes[i] = pattern(sent + i);
        long moved = send_waiting(s, bytes, size, NULL);
        assert_true(moved > 0);
        sent += (size_t)moved;
    }
    sluice_socket_release(s);
}

static void test_stream(void **state)
{
    static char bytes[5000];
    sluice_socket_t *pair[2];
    size_t got = 0;
    long moved;

    (void)state;
    open_unix_pair(SOCKET_STREAM, pair);
    assert_int_equal(env_thread_start("writer", stream_writer, pair[0]), 0);
    while ((moved = receive_waiting(pair[1], bytes, 1 + got % sizeof bytes)) > 0)
        for (long i = 0; i < moved; i++)
            assert_int_equal(bytes[i], pattern(got++));
    assert_int_equal(moved, 0);
    assert_int_equal(got, STREAM_BYTES);
    sluice_socket_release(pair[1]);
    env_test_join_threads();
}

/* ---- Connections ---- */

#define CLIENTS     3
#define CONNECTIONS 200

static void client(void *arg)
{
    struct socket_address name = unix_abstract("threads");
    char byte = 'q', answer;

    (void)arg;
    for (int i = 0; i < CONNECTIONS; i++) {
        sluice_socket_t *s = open_unix(SOCKET_STREAM);
        struct call call = {.s = s, .name = &name};
        assert_int_equal(wait_for(&call, READY_WRITE, connect_try), 0);
        assert_int_equal(send_waiting(s, &byte, 1, NULL), 1);
        assert_int_equal(receive_waiting(s, &answer, 1), 1);
        assert_int_equal(answer, 'a');
        sluice_socket_release(s);
    }
}

static void test_connections(void **state)
{
    struct socket_address name = unix_abstract("threads");
    sluice_socket_t *listener = open_listener(SOCKET_STREAM, &name, 0);
    char byte, answer = 'a';

    (void)state;
    for (int i = 0; i < CLIENTS; i++)
        assert_int_equal(env_thread_start("client", client, NULL), 0);
    for (int i = 0; i < CLIENTS * CONNECTIONS; i++) {
        struct call call = {.s = listener};
        assert_int_equal(wait_for(&call, READY_READ, accept_try), 0);
        sluice_socket_t *server = call.accepted;
        assert_int_equal(receive_waiting(server, &byte, 1), 1);
        assert_int_equal(send_waiting(server, &answer, 1, NULL), 1);
        sluice_socket_release(server);
    }
    env_test_join_threads();
    sluice_socket_release(listener);
}

/* ---- Datagrams ---- */

#define SENDERS  4
#define MESSAGES 1000

/* The odd ones name the receiver each time. */
static void datagram_sender(void *arg)
{
    struct socket_address name = unix_abstract("sink");
    sluice_socket_t *s = open_unix(SOCKET_DGRAM);
    uintptr_t number = (uintptr_t)arg;

    if (number % 2 == 0)
        assert_int_equal(s->ops->connect(s, &name), 0);
    for (int i = 0; i < MESSAGES; i++) {
        char byte = (char)number;
        assert_int_equal(send_waiting(s, &byte, 1, number % 2 ? &name : NULL), 1);
    }
    sluice_socket_release(s);
}

static void test_datagrams(void **state)
{
    struct socket_address name = unix_abstract("sink");
    sluice_socket_t *sink = open_unix(SOCKET_DGRAM);
    int counts[SENDERS] = {0};
    char byte;

    (void)state;
    assert_int_equal(sink->ops->bind(sink, &name), 0);
    for (uintptr_t i = 0; i < SENDERS; i++)
        assert_int_equal(env_thread_start("sender", datagram_sender, (void *)i), 0);
    for (int i = 0; i < SENDERS * MESSAGES; i++) {
        assert_int_equal(receive_waiting(sink, &byte, 1), 1);
        counts[(int)byte]++;
    }
    for (int i = 0; i < SENDERS; i++)
        assert_int_equal(counts[i], MESSAGES);
    env_test_join_threads();
    sluice_socket_release(sink);
}

/* ---- Everything at once ---- */

#define WALKERS 3
#define STEPS   3000

static void walk_make(unsigned choice, unsigned slot)
{
    static const int types[] = {SOCKET_STREAM, SOCKET_DGRAM, SOCKET_SEQPACKET};
    sluice_socket_t *pair[2];

    if (choice % 2) {
        open_unix_pair(types[choice / 2 % 3], pair);
        slot_put(slot, pair[0]);
        slot_put((slot + 1) % SLOTS, pair[1]);
    } else {
        slot_put(slot, open_unix(types[choice / 2 % 3]));
    }
}

static void walk_call(sluice_socket_t *s, unsigned choice, unsigned slot)
{
    static const char *const texts[] = {"a", "b"};
    struct socket_address name = unix_abstract(texts[choice & 1]), got;
    sluice_socket_t *accepted;
    char bytes[600] = {0};

    switch (choice / 2 % 10) {
    case 0:
        s->ops->bind(s, &name);
        break;
    case 1:
        s->ops->connect(s, &name);
        break;
    case 2:
        s->ops->listen(s, 1);
        break;
    case 3:
        if (OSKIT_SUCCEEDED(s->ops->accept(s, &got, &accepted)))
            slot_put(slot, accepted);
        break;
    case 4:
        s->ops->shutdown(s, choice / 20 % 3);
        break;
    case 5:
        s->ops->getpeername(s, &got);
        s->ops->getsockname(s, &got);
        break;
    case 6:
        option_of(s, 4);
        option_to(s, 7, (int)(choice / 20 % 3) * 4000);
        option_to(s, 16, (int)(choice / 20 % 2));
        break;
    case 7:
        send_to(s, bytes, choice / 20 % sizeof bytes, choice & 1 ? &name : NULL);
        break;
    case 8:
        send_bytes(s, bytes, choice / 20 % sizeof bytes);
        break;
    default:
        receive_bytes(s, bytes, choice / 20 % sizeof bytes);
    }
}

static void walker(void *arg)
{
    uint64_t seed = (uintptr_t)arg;

    for (int i = 0; i < STEPS; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        unsigned choice = (unsigned)(seed >> 40), slot = (unsigned)(seed >> 33) % SLOTS;
        sluice_socket_t *s = slot_get(slot);
        if (s == NULL || choice % 16 == 0)
            walk_make(choice / 16, slot);
        else if (choice % 16 == 1)
            slot_put(slot, NULL);
        else
            walk_call(s, choice / 16, slot);
        if (s != NULL)
            sluice_socket_release(s);
    }
}

static void test_walk(void **state)
{
    (void)state;
    for (uintptr_t i = 1; i <= WALKERS; i++)
        assert_int_equal(env_thread_start("walker", walker, (void *)i), 0);
    env_test_join_threads();
    for (unsigned i = 0; i < SLOTS; i++)
        slot_put(i, NULL);
}

/* ---- Circles, made while others look for them ---- */

struct file {
    _Atomic uint32_t references;
    sluice_socket_t *socket;
};
static _Atomic int files;

static void file_release(void *arg)
{
    struct file *file = arg;

    if (atomic_fetch_sub(&file->references, 1) != 1)
        return;
    sluice_socket_release(file->socket);
    atomic_fetch_sub(&files, 1);
    free(file);
}

static oskit_u32_t file_references(void *arg)
{
    return atomic_load(&((struct file *)arg)->references);
}

static const struct socket_rights_host host = {.release = file_release,
                                               .references = file_references};

static struct file *file_new(sluice_socket_t *s)
{
    struct file *file = malloc(sizeof *file);

    atomic_init(&file->references, 1);
    file->socket = s;
    atomic_fetch_add(&files, 1);
    return file;
}

static void send_right(sluice_socket_t *s, struct file *file)
{
    struct socket_rights *rights = socket_rights_alloc(1);
    struct socket_message message = {.rights = rights, .flags = SOCKET_MSG_DONTWAIT};

    atomic_fetch_add(&file->references, 1);
    rights->right[0] = (struct socket_right){file, ((struct sluice_face *)file->socket)->object};
    send_full(s, "x", 1, &message);
    socket_rights_free(message.rights);
}

static void circle_maker(void *arg)
{
    (void)arg;
    for (int i = 0; i < 150; i++) {
        sluice_socket_t *pair[2];
        open_unix_pair(i % 2 ? SOCKET_STREAM : SOCKET_DGRAM, pair);
        struct file *ends[2] = {file_new(pair[0]), file_new(pair[1])};
        send_right(pair[0], ends[0]);
        send_right(pair[1], ends[1]);
        send_right(pair[1], ends[0]);
        if (i % 3 == 0) {
            struct socket_message message = {.flags = SOCKET_MSG_DONTWAIT};
            char byte;
            assert_int_equal(receive_full(pair[1], &byte, 1, &message), 1);
            assert_non_null(message.rights);
            socket_rights_free(message.rights);
        }
        file_release(ends[0]);
        file_release(ends[1]);
    }
}

static void test_circles(void **state)
{
    (void)state;
    socket_rights_host = &host;
    for (int i = 0; i < WALKERS; i++)
        assert_int_equal(env_thread_start("maker", circle_maker, NULL), 0);
    env_test_join_threads();
    sluice_socket_t *s = open_unix(SOCKET_STREAM);
    sluice_socket_release(s); /* the last look */
    assert_int_equal(files, 0);
    assert_int_equal(unix_rights_live(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_stream), HARNESS_TEST(test_connections), HARNESS_TEST(test_datagrams),
        HARNESS_TEST(test_walk),   HARNESS_TEST(test_circles),
    };
    return cmocka_run_group_tests_name("unix_threads", tests, NULL, NULL);
}
