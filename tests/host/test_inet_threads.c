/* The internet stack used by several threads at once over the loopback, while interfaces come, go
 * and change: nothing is lost, nobody waits for ever, no race. */
#include "socket_threads.h"

#include <time.h>

#include <sluice/inet.h>
#include "fake_card.h"
#include "io/net/interface.h"
#include "io/net/socket_option.h"

#define CLIENTS     3
#define CONNECTIONS 60
#define IFF_UP      1u

#ifdef __SANITIZE_THREAD__
/* An option is read where it is wanted, without a lock, while another thread may set it: each is
 * one word or less, and either value will do. The fake card's counts are for the test. */
const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
    return "race:options_swap\nrace:card_get_statistics\n";
}
#endif

static struct socket_address any_port(int family)
{
    struct socket_address name = {.length = family == SOCKET_INET6 ? 28 : 16};

    name.u.family = (oskit_u16_t)family;
    if (family == SOCKET_INET6) {
        name.u.in6.address[15] = 1;
    } else {
        name.u.in.address[0] = 127;
        name.u.in.address[3] = 1;
    }
    return name;
}

static sluice_socket_t *open_inet(int family, int type)
{
    sluice_socket_t *s;

    assert_int_equal(socket_create(family, type, 0, &s), 0);
    return s;
}

static void send_all(sluice_socket_t *s, char *bytes, size_t length)
{
    while (length > 0) {
        long moved = send_waiting(s, bytes, length, NULL);
        assert_true(moved > 0);
        bytes += moved;
        length -= (size_t)moved;
    }
}

static size_t receive_all(sluice_socket_t *s, char *bytes, size_t length)
{
    size_t got = 0;

    while (got < length) {
        long moved = receive_waiting(s, bytes + got, length - got);
        assert_true(moved >= 0);
        if (moved == 0)
            break;
        got += (size_t)moved;
    }
    return got;
}

/* ---- Connections ---- */

static struct socket_address server_name;

/* Who closes first changes from one to the next. */
static void client(void *arg)
{
    static _Thread_local char out[30000], in[30000];
    size_t number = (uintptr_t)arg;

    for (size_t i = 0; i < CONNECTIONS; i++) {
        struct call call = {.s = open_inet(server_name.u.family, SOCKET_STREAM),
                            .name = &server_name};
        size_t length = 1 + (i * 977 + number * 131) % sizeof out;
        assert_int_equal(wait_for(&call, READY_WRITE, connect_try), 0);
        memset(out, (int)(i + number), length);
        memcpy(out, &length, length < sizeof length ? length : sizeof length);
        send_all(call.s, out, length);
        assert_int_equal(call.s->ops->shutdown(call.s, 1), 0);
        assert_int_equal(receive_all(call.s, in, sizeof in), length);
        assert_memory_equal(in, out, length);
        sluice_socket_release(call.s);
    }
}

static void server(void *arg)
{
    static _Thread_local char bytes[30000];

    for (int i = 0; i < CONNECTIONS; i++) {
        struct call call = {.s = arg};
        assert_int_equal(wait_for(&call, READY_READ, accept_try), 0);
        size_t length = receive_all(call.accepted, bytes, sizeof bytes);
        send_all(call.accepted, bytes, length);
        sluice_socket_release(call.accepted);
    }
}

static void connections(int family)
{
    sluice_socket_t *listener = open_inet(family, SOCKET_STREAM);

    server_name = any_port(family);
    assert_int_equal(listener->ops->bind(listener, &server_name), 0);
    assert_int_equal(listener->ops->listen(listener, 8), 0);
    assert_int_equal(listener->ops->getsockname(listener, &server_name), 0);
    for (uintptr_t i = 0; i < CLIENTS; i++) {
        assert_int_equal(env_thread_start("server", server, listener), 0);
        assert_int_equal(env_thread_start("client", client, (void *)i), 0);
    }
    env_test_join_threads();
    sluice_socket_release(listener);
}

static void test_connections(void **state)
{
    (void)state;
    connections(SOCKET_INET);
    connections(SOCKET_INET6);
}

/* ---- A socket in many hands ---- */

#define DATAGRAMS 400

static sluice_socket_t *shared;
static _Atomic unsigned received_count, senders_left;

static void datagram_sender(void *arg)
{
    struct socket_address name;
    sluice_socket_t *s = open_inet(SOCKET_INET, SOCKET_DGRAM);
    char bytes[700] = {0};

    (void)arg;
    assert_int_equal(shared->ops->getsockname(shared, &name), 0);
    for (size_t i = 0; i < DATAGRAMS; i++) {
        struct socket_address none = {.length = 2};
        if (i % 50 == 0)
            assert_int_equal(s->ops->connect(s, &name), 0);
        else if (i % 50 == 25)
            assert_int_equal(s->ops->connect(s, &none), 0);
        assert_int_equal(send_to(s, bytes, i + 1, &name), i + 1);
    }
    sluice_socket_release(s);
    atomic_fetch_sub(&senders_left, 1);
}

static void datagram_receiver(void *arg)
{
    char bytes[800];

    (void)arg;
    for (;;) {
        bool last = atomic_load(&senders_left) == 0;
        long got = receive_bytes(shared, bytes, sizeof bytes);
        if (got >= 0)
            atomic_fetch_add(&received_count, 1);
        else if (last)
            break;
        assert_true(got > 0 || got == OSKIT_EWOULDBLOCK);
    }
}

static void test_datagrams(void **state)
{
    struct socket_address name = any_port(SOCKET_INET);

    (void)state;
    shared = open_inet(SOCKET_INET, SOCKET_DGRAM);
    assert_int_equal(option_to(shared, SOCKET_SO_RCVBUF, 4000000), 0);
    assert_int_equal(shared->ops->bind(shared, &name), 0);
    atomic_store(&received_count, 0);
    atomic_store(&senders_left, CLIENTS);
    for (int i = 0; i < CLIENTS; i++) {
        assert_int_equal(env_thread_start("sender", datagram_sender, NULL), 0);
        assert_int_equal(env_thread_start("receiver", datagram_receiver, NULL), 0);
    }
    env_test_join_threads();
    assert_in_range(received_count, 1, CLIENTS * DATAGRAMS);
    sluice_socket_release(shared);
}

/* ---- Everything at once ---- */

#define WALKERS 3
#define STEPS   500

static void walk_make(unsigned choice, unsigned slot)
{
    static const struct {
        int family, type, protocol;
    } kinds[] = {{SOCKET_INET, SOCKET_STREAM, 0},      {SOCKET_INET6, SOCKET_STREAM, 0},
                 {SOCKET_INET, SOCKET_DGRAM, 0},       {SOCKET_INET6, SOCKET_DGRAM, 0},
                 {SOCKET_INET, SOCKET_RAW, 17},        {SOCKET_INET, SOCKET_DGRAM, 1},
                 {SOCKET_PACKET, SOCKET_DGRAM, 0x300}, {SOCKET_NETLINK, SOCKET_RAW, 0}};
    sluice_socket_t *s;

    choice %= SLUICE_COUNT(kinds);
    if (OSKIT_SUCCEEDED(
            socket_create(kinds[choice].family, kinds[choice].type, kinds[choice].protocol, &s)))
        slot_put(slot, s);
}

/* What failed may have taken bytes along. */
static void walk_send(sluice_socket_t *s, void *bytes, size_t length, struct socket_address *name)
{
    struct socket_message message = {.name = name, .flags = SOCKET_MSG_DONTWAIT};
    struct sluice_iovec segment;
    struct sluice_uio uio;
    oskit_size_t moved;

    uio_init_kernel(&uio, &segment, bytes, length);
    message.uio = &uio;
    s->ops->send(s, &message, &moved);
}

static void walk_receive(sluice_socket_t *s, void *bytes, size_t length)
{
    struct socket_message message = {.flags = SOCKET_MSG_DONTWAIT};
    struct sluice_iovec segment;
    struct sluice_uio uio;
    oskit_size_t moved;

    uio_init_kernel(&uio, &segment, bytes, length);
    message.uio = &uio;
    s->ops->receive(s, &message, &moved);
}

/* A request for all links, addresses or routes, or for what groups hear. */
static void walk_netlink(sluice_socket_t *s, unsigned choice)
{
    static const oskit_u16_t types[] = {18, 22, 26, 30};
    struct {
        oskit_u32_t length;
        oskit_u16_t type, flags;
        oskit_u32_t sequence, port;
        oskit_u8_t rest[16];
    } request = {32, types[choice % 4], 0x301, choice, 0, {0}};
    struct socket_address name = {.length = 12};

    name.u.bytes[0] = SOCKET_NETLINK;
    name.u.bytes[8] = 0x51;
    if (choice & 4)
        s->ops->bind(s, &name);
    walk_send(s, &request, sizeof request, NULL);
}

static void walk_call(sluice_socket_t *s, unsigned choice, unsigned slot)
{
    struct socket_address name, got;
    sluice_socket_t *accepted;
    char bytes[900] = {0};

    name = any_port(choice & 1 ? SOCKET_INET6 : SOCKET_INET);
    name.u.in.port = (oskit_u16_t)(0x9000 + (choice >> 1) % 3);
    switch (choice / 2 % 12) {
    case 0:
        s->ops->bind(s, &name);
        break;
    case 1:
        s->ops->connect(s, &name);
        break;
    case 2:
        s->ops->listen(s, 2);
        break;
    case 3:
        if (OSKIT_SUCCEEDED(s->ops->accept(s, &got, &accepted)))
            slot_put(slot, accepted);
        break;
    case 4:
        s->ops->shutdown(s, choice / 24 % 3);
        break;
    case 5:
        s->ops->getpeername(s, &got);
        s->ops->getsockname(s, &got);
        level_of(s);
        break;
    case 6:
        option_of(s, SOCKET_SO_ERROR);
        option_to(s, SOCKET_SO_SNDBUF, (int)(choice / 24 % 3) * 4000);
        option_to(s, SOCKET_SO_REUSEADDR, (int)(choice / 24 % 2));
        break;
    case 7:
        walk_send(s, bytes, choice / 24 % sizeof bytes, &name);
        break;
    case 8:
        walk_send(s, bytes, choice / 24 % sizeof bytes, NULL);
        break;
    case 9:
        walk_netlink(s, choice / 24);
        break;
    default:
        walk_receive(s, bytes, choice / 24 % sizeof bytes);
    }
}

static _Atomic unsigned walkers_left;

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
    atomic_fetch_sub(&walkers_left, 1);
}

static bool show_nothing(void *arg, const struct inet_socket *socket)
{
    (void)arg;
    (void)socket;
    return true;
}

/* What an administrator does meanwhile: links up and down, addresses, /proc/net. */
static void administrator(void *arg)
{
    struct inet_address address = {.family = SOCKET_INET, .bytes = {10, 0, 2, 15}, .prefix = 24};

    (void)arg;
    for (unsigned i = 0; atomic_load(&walkers_left) != 0; i++) {
        inet_interface_set_flags(1 + i / 2 % 2, i % 2 ? IFF_UP : 0, IFF_UP);
        inet_address_add(2, &address);
        inet_socket_each(SOCKET_INET, SOCKET_STREAM, show_nothing, NULL);
        inet_socket_each(SOCKET_INET, SOCKET_DGRAM, show_nothing, NULL);
        inet_interface_set_mtu(2, 1200 + i % 200);
        inet_address_remove(2, &address);
    }
    inet_interface_set_flags(1, IFF_UP, IFF_UP);
}

/* The card does what it likes, too. */
static void wire(void *arg)
{
    struct fake_card *card = arg;

    for (unsigned i = 0; atomic_load(&walkers_left) != 0; i++) {
        uint8_t frame[60] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 2, 8, 6};
        fake_card_arrive(card, frame, sizeof frame, 0, 0);
        if (i % 8 == 0)
            fake_card_link(card, i & 8);
        /* Mutexes aren't fair: without a pause the others may wait for minutes. */
        nanosleep(&(struct timespec){.tv_nsec = 20000}, NULL);
    }
}

static void test_walk(void **state)
{
    struct fake_card *card = *state;

    atomic_store(&walkers_left, WALKERS);
    for (uintptr_t i = 1; i <= WALKERS; i++)
        assert_int_equal(env_thread_start("walker", walker, (void *)i), 0);
    assert_int_equal(env_thread_start("administrator", administrator, NULL), 0);
    assert_int_equal(env_thread_start("wire", wire, card), 0);
    env_test_join_threads();
    for (unsigned i = 0; i < SLOTS; i++)
        slot_put(i, NULL);
}

static int start(void **state)
{
    struct fake_card *card = fake_card_create(0);

    *state = card;
    card->credit = FAKE_CARD_FRAMES - 100; /* then it takes no more */
    if (netqueue_add(&card->queue.i) != 0)
        return -1;
    return inet_start("none") == 0 ? 0 : -1;
}

/* Nothing is left of any of it. */
static int stop(void **state)
{
    struct fake_card *card = *state;

    inet_stop();
    netqueue_remove(&card->queue.i);
    fake_card_clear(card);
    sluice_netqueue_release(&card->queue.i);
    if (inet_buffers_live() != 0 || sluice_object_count() != 0) {
        print_error("left: %u buffers, %u objects\n", (unsigned)inet_buffers_live(),
                    (unsigned)sluice_object_count());
        return -1;
    }
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_connections),
        cmocka_unit_test(test_datagrams),
        cmocka_unit_test(test_walk),
    };
    return cmocka_run_group_tests_name("inet_threads", tests, start, stop);
}
