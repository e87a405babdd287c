/* Netlink sockets: ports and groups, dumps, single questions, changes, errors, what groups hear. */
#include "net_case.h"

#include "io/net/family.h"
#include "io/net/interface.h"
#include "io/net/netlink.h"

struct request {
    struct netlink_header header;
    uint8_t bytes[256];
};

static uint8_t answer[NETLINK_CHUNK];
static uint32_t sequence;

static void request_begin(struct request *request, uint16_t type, uint16_t flags, const void *body,
                          size_t size)
{
    *request = (struct request){{(uint32_t)(sizeof request->header + NETLINK_ALIGN(size)), type,
                                 (uint16_t)(NLM_F_REQUEST | flags), ++sequence, 0},
                                {0}};
    memcpy(request->bytes, body, size);
}

static void request_put(struct request *request, uint16_t type, const void *value, size_t size)
{
    struct netlink_attribute attribute = {(uint16_t)(sizeof attribute + size), type};
    uint8_t *at = (uint8_t *)request + request->header.length;

    memcpy(at, &attribute, sizeof attribute);
    memcpy(at + sizeof attribute, value, size);
    request->header.length += NETLINK_ALIGN((uint32_t)(sizeof attribute + size));
}

static long take(sluice_socket_t *socket)
{
    struct socket_message message = {.flags = SOCKET_MSG_DONTWAIT};

    return net_receive(socket, answer, sizeof answer, &message);
}

static const struct netlink_header *first(void)
{
    return (const struct netlink_header *)answer;
}

/* Sends REQUEST, takes its acknowledgement: the error in it. */
static int ask(sluice_socket_t *socket, struct request *request)
{
    int error;

    request->header.flags |= NLM_F_ACK;
    assert_int_equal(net_send(socket, request, request->header.length, NULL), 0);
    assert_in_range(take(socket), 36, sizeof answer);
    assert_int_equal(first()->type, NLMSG_ERROR);
    assert_int_equal(first()->sequence, sequence);
    memcpy(&error, answer + sizeof(struct netlink_header), sizeof error);
    return error;
}

/* The attribute TYPE of the message at HEADER, whose body takes HEAD bytes. */
static const void *attribute_of(const struct netlink_header *header, uint32_t head, uint16_t type,
                                uint32_t *size)
{
    const uint8_t *bytes = (const uint8_t *)(header + 1);
    uint32_t at = head, length = header->length - (uint32_t)sizeof *header;

    while (at + sizeof(struct netlink_attribute) <= length) {
        const struct netlink_attribute *attribute = (const void *)(bytes + at);
        assert_true(attribute->length >= 4 && attribute->length <= length - at);
        if (attribute->type == type) {
            *size = attribute->length - 4u;
            return attribute + 1;
        }
        at += NETLINK_ALIGN(attribute->length);
    }
    assert_int_equal(at, length);
    return NULL;
}

/* Calls SEEN for each message of a dump; how many there were. */
static unsigned dump(sluice_socket_t *socket, uint16_t type, uint8_t family,
                     void (*seen)(const struct netlink_header *header))
{
    struct request request;
    unsigned count = 0;

    request_begin(&request, type, NLM_F_DUMP, &family, 1);
    assert_int_equal(net_send(socket, &request, request.header.length, NULL), 0);
    for (;;) {
        long size = take(socket);
        assert_true(size > 0);
        for (uint8_t *at = answer; at < answer + size;) {
            const struct netlink_header *header = (const void *)at;
            assert_int_equal(header->sequence, sequence);
            assert_int_equal(header->flags & NLM_F_MULTI, NLM_F_MULTI);
            if (header->type == NLMSG_DONE) {
                assert_int_equal(header->length, 20);
                return count;
            }
            seen(header);
            count++;
            at += NETLINK_ALIGN(header->length);
        }
    }
}

static void link_seen(const struct netlink_header *header)
{
    const int32_t *body = (const int32_t *)(header + 1);
    uint32_t size;
    const char *name = attribute_of(header, 16, 3, &size);

    assert_int_equal(header->type, RTM_NEWLINK);
    assert_string_equal(name, body[1] == 1 ? "lo" : "eth0");
    assert_non_null(attribute_of(header, 16, 1, &size));
    assert_int_equal(size, 6);
    assert_non_null(attribute_of(header, 16, 23, &size));
    assert_int_equal(size, 192);
}

static void address_seen(const struct netlink_header *header)
{
    const uint8_t *body = (const uint8_t *)(header + 1);
    uint32_t size;
    const uint8_t *address = attribute_of(header, 8, 1, &size);

    assert_int_equal(header->type, RTM_NEWADDR);
    assert_int_equal(size, body[0] == SOCKET_INET ? 4 : 16);
    if (body[0] == SOCKET_INET && body[4] == 2) {
        assert_memory_equal(address, "\x0a\0\2\x0f", 4);
        assert_int_equal(body[1], 24);
        assert_memory_equal(attribute_of(header, 8, 4, &size), "\x0a\0\2\xff", 4);
    }
}

static unsigned defaults;
static void route_seen(const struct netlink_header *header)
{
    const uint8_t *body = (const uint8_t *)(header + 1);
    uint32_t size;

    assert_int_equal(header->type, RTM_NEWROUTE);
    assert_non_null(attribute_of(header, 12, 4, &size));
    if (body[1] == 0) {
        assert_memory_equal(attribute_of(header, 12, 5, &size), "\x0a\0\2\2", 4);
        defaults++;
    }
}

static void neighbour_seen(const struct netlink_header *header)
{
    assert_int_equal(header->type, RTM_NEWNEIGH);
}

static void test_dumps(void **state)
{
    (void)state;
    net_begin();
    sluice_socket_t *socket = net_open(SOCKET_NETLINK, SOCKET_RAW, 0);
    assert_int_equal(dump(socket, RTM_GETLINK, 0, link_seen), 2);
    assert_in_range(dump(socket, RTM_GETADDR, 0, address_seen), 3, 8);
    assert_int_equal(dump(socket, RTM_GETADDR, SOCKET_INET, address_seen), 2);
    defaults = 0;
    assert_in_range(dump(socket, RTM_GETROUTE, SOCKET_INET, route_seen), 2, 3);
    assert_int_equal(defaults, 1);
    dump(socket, RTM_GETNEIGH, 0, neighbour_seen);
    assert_int_equal(take(socket), OSKIT_EWOULDBLOCK);
    oskit_iunknown_release((oskit_iunknown_t *)socket);
    net_end();
}

struct link_body {
    uint8_t family, pad;
    uint16_t hardware;
    int32_t index;
    uint32_t flags, change;
};

static void test_links(void **state)
{
    struct inet_interface interface;
    struct link_body body = {.index = 2};
    struct request request;
    uint32_t mtu = 1400;

    (void)state;
    net_begin();
    sluice_socket_t *socket = net_open(SOCKET_NETLINK, SOCKET_RAW, 0);
    request_begin(&request, RTM_GETLINK, 0, &body, sizeof body);
    assert_int_equal(net_send(socket, &request, request.header.length, NULL), 0);
    assert_true(take(socket) > 0);
    link_seen(first());
    assert_int_equal(first()->flags, 0);
    body.index = 0;
    request_begin(&request, RTM_GETLINK, 0, &body, sizeof body);
    request_put(&request, 3, "eth7", 5);
    assert_int_equal(ask(socket, &request), -19);
    body = (struct link_body){.index = 2, .change = INTERFACE_UP};
    request_begin(&request, RTM_NEWLINK, 0, &body, sizeof body);
    request_put(&request, 4, &mtu, 4);
    assert_int_equal(ask(socket, &request), 0);
    assert_true(inet_interface_get(2, &interface));
    assert_int_equal(interface.mtu, 1400);
    assert_int_equal(interface.flags & INTERFACE_UP, 0);
    body.flags = INTERFACE_UP;
    request_begin(&request, RTM_SETLINK, 0, &body, sizeof body);
    assert_int_equal(ask(socket, &request), 0);
    assert_true(inet_interface_get(2, &interface));
    assert_int_equal(interface.flags & INTERFACE_UP, INTERFACE_UP);
    request_begin(&request, RTM_DELLINK, 0, &body, sizeof body);
    assert_int_equal(ask(socket, &request), -95);
    request_begin(&request, RTM_NEWLINK, 0, &body, 8);
    assert_int_equal(ask(socket, &request), -22);
    oskit_iunknown_release((oskit_iunknown_t *)socket);
    net_end();
}

static void address_request(struct request *request, uint16_t type, const char *address)
{
    struct {
        uint8_t family, prefix, flags, scope;
        uint32_t index;
    } body = {SOCKET_INET, 24, 0, 0, 2};

    request_begin(request, type, 0, &body, sizeof body);
    request_put(request, 2, address, 4);
}

static void test_addresses(void **state)
{
    struct socket_address name = {.length = 12, .u.netlink = {.family = SOCKET_NETLINK}};
    struct request request;

    (void)state;
    net_begin();
    sluice_socket_t *socket = net_open(SOCKET_NETLINK, SOCKET_RAW, 0);
    sluice_socket_t *listener = net_open(SOCKET_NETLINK, SOCKET_RAW, 0);
    name.u.netlink.groups = 1u << (GROUP_IPV4_ADDRESS - 1);
    assert_int_equal(listener->ops->bind(listener, &name), 0);
    /* There is room for one, which stays. */
    address_request(&request, RTM_NEWADDR, "\x0a\0\2\x0f");
    assert_int_equal(ask(socket, &request), -17);
    address_request(&request, RTM_NEWADDR, "\x0a\0\2\x4d");
    assert_int_equal(ask(socket, &request), -105);
    request.header.flags |= NLM_F_REPLACE;
    assert_int_equal(ask(socket, &request), -105);
    address_request(&request, RTM_DELADDR, "\x0a\0\2\x0f");
    assert_int_equal(ask(socket, &request), 0);
    assert_true(take(listener) > 0);
    assert_int_equal(first()->type, RTM_DELADDR);
    address_request(&request, RTM_DELADDR, "\x0a\0\2\x0f");
    assert_int_equal(ask(socket, &request), -99);
    address_request(&request, RTM_NEWADDR, "\x0a\0\2\x10");
    assert_int_equal(ask(socket, &request), 0);
    assert_true(take(listener) > 0);
    assert_int_equal(first()->type, RTM_NEWADDR);
    oskit_iunknown_release((oskit_iunknown_t *)socket);
    oskit_iunknown_release((oskit_iunknown_t *)listener);
    net_end();
}

static void test_routes(void **state)
{
    uint8_t body[12] = {SOCKET_INET, 16, 0, 0, 254, 3, 0, 1};
    uint32_t index = 2, size;
    struct request request;

    (void)state;
    net_begin();
    sluice_socket_t *socket = net_open(SOCKET_NETLINK, SOCKET_RAW, 0);
    for (int i = 0; i < 2; i++) {
        request_begin(&request, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, body, sizeof body);
        request_put(&request, 1, "\xac\x10\0\0", 4);
        request_put(&request, 5, "\x0a\0\2\7", 4);
        assert_int_equal(ask(socket, &request), i == 0 ? 0 : -17);
    }
    uint8_t question[12] = {SOCKET_INET, 32};
    request_begin(&request, RTM_GETROUTE, 0, question, sizeof question);
    request_put(&request, 1, "\xac\x10\1\2", 4);
    assert_int_equal(net_send(socket, &request, request.header.length, NULL), 0);
    assert_true(take(socket) > 0);
    assert_int_equal(first()->type, RTM_NEWROUTE);
    assert_memory_equal(attribute_of(first(), 12, 5, &size), "\x0a\0\2\7", 4);
    assert_memory_equal(attribute_of(first(), 12, 4, &size), &index, 4);
    assert_memory_equal(attribute_of(first(), 12, 7, &size), "\x0a\0\2\x0f", 4);
    for (int i = 0; i < 2; i++) {
        request_begin(&request, RTM_DELROUTE, 0, body, sizeof body);
        request_put(&request, 1, "\xac\x10\0\0", 4);
        assert_int_equal(ask(socket, &request), i == 0 ? 0 : -3);
    }
    body[1] = 33;
    request_begin(&request, RTM_NEWROUTE, 0, body, sizeof body);
    request_put(&request, 1, "\xac\x10\0\0", 4);
    request_put(&request, 4, &index, 4);
    assert_int_equal(ask(socket, &request), -22);
    body[1] = 16;
    index = 2 + 256;
    request_begin(&request, RTM_NEWROUTE, 0, body, sizeof body);
    request_put(&request, 1, "\xac\x10\0\0", 4);
    request_put(&request, 4, &index, 4);
    assert_int_equal(ask(socket, &request), -19);
    oskit_iunknown_release((oskit_iunknown_t *)socket);
    net_end();
}

static int neighbour_ask(sluice_socket_t *socket, uint16_t type, int32_t index, const char *address)
{
    struct {
        uint8_t family, pad[3];
        int32_t index;
        uint16_t state;
        uint8_t flags, type;
    } body = {.family = SOCKET_INET, .index = index};
    struct request request;

    request_begin(&request, type, NLM_F_CREATE, &body, sizeof body);
    request_put(&request, 1, address, 4);
    request_put(&request, 2, "\2\0\0\0\0\7", 6);
    return ask(socket, &request);
}

/* The loopback has none. */
static void test_neighbours(void **state)
{
    (void)state;
    net_begin();
    sluice_socket_t *socket = net_open(SOCKET_NETLINK, SOCKET_RAW, 0);
    unsigned before = dump(socket, RTM_GETNEIGH, 0, neighbour_seen);
    assert_int_equal(neighbour_ask(socket, RTM_NEWNEIGH, 2, "\x0a\0\2\7"), 0);
    assert_int_equal(dump(socket, RTM_GETNEIGH, 0, neighbour_seen), before + 1);
    assert_int_equal(neighbour_ask(socket, RTM_NEWNEIGH, 1, "\x7f\0\0\2"), -22);
    assert_int_equal(neighbour_ask(socket, RTM_NEWNEIGH, 9, "\x0a\0\2\7"), -19);
    assert_int_equal(neighbour_ask(socket, RTM_DELNEIGH, 2, "\x0a\0\2\7"), 0);
    assert_int_equal(neighbour_ask(socket, RTM_DELNEIGH, 2, "\x0a\0\2\7"), -2);
    assert_int_equal(dump(socket, RTM_GETNEIGH, 0, neighbour_seen), before);
    oskit_iunknown_release((oskit_iunknown_t *)socket);
    net_end();
}

/* Ports, and who may do what. */
static void test_ports(void **state)
{
    struct socket_address name = {.length = 12, .u.netlink = {.family = SOCKET_NETLINK}};
    struct link_body body = {.index = 2};
    struct request request;
    sluice_socket_t *none;

    (void)state;
    net_begin();
    socket_caller_get = net_nobody;
    assert_int_equal(socket_create(SOCKET_NETLINK, SOCKET_RAW, 4, &none), OSKIT_EPROTONOSUPPORT);
    assert_int_equal(socket_create(SOCKET_NETLINK, SOCKET_STREAM, 0, &none), OSKIT_ESOCKTNOSUPPORT);
    sluice_socket_t *one = net_open(SOCKET_NETLINK, SOCKET_RAW, 0);
    sluice_socket_t *two = net_open(SOCKET_NETLINK, SOCKET_DGRAM, 0);
    assert_int_equal(one->ops->bind(one, &name), 0);
    assert_int_equal(two->ops->bind(two, &name), 0);
    assert_int_equal(one->ops->getsockname(one, &name), 0);
    assert_int_equal(name.u.netlink.port, 77);
    assert_int_equal(two->ops->bind(two, &name), OSKIT_E_INVALIDARG);
    assert_int_equal(two->ops->getsockname(two, &name), 0);
    assert_true(name.u.netlink.port >= 0x80000000u);
    assert_int_equal(net_send(one, "x", 1, &name), OSKIT_EPERM);
    request_begin(&request, RTM_SETLINK, 0, &body, sizeof body);
    assert_int_equal(ask(one, &request), -1);
    socket_caller_get = net_root;
    assert_int_equal(net_send(one, "hello", 5, &name), 0);
    assert_int_equal(take(two), 5);
    name.u.netlink.port = 5;
    assert_int_equal(net_send(one, "hello", 5, &name), OSKIT_ECONNREFUSED);
    oskit_iunknown_release((oskit_iunknown_t *)one);
    oskit_iunknown_release((oskit_iunknown_t *)two);
    socket_caller_get = NULL;
    net_end();
}

static void test_groups(void **state)
{
    struct socket_message message = {.flags = 0};
    struct socket_address from;
    uint64_t groups;

    (void)state;
    net_begin();
    sluice_socket_t *socket = net_open(SOCKET_NETLINK, SOCKET_RAW, 0);
    assert_int_equal(net_set_int(socket, 270, 1, 0), OSKIT_E_INVALIDARG);
    assert_int_equal(net_set_int(socket, 270, 1, GROUP_MAX + 1), OSKIT_E_INVALIDARG);
    assert_int_equal(net_set_int(socket, 270, 1, GROUP_LINK), 0);
    assert_int_equal(net_get(socket, 270, 9, &groups, sizeof groups), 0);
    assert_int_equal(groups, 1);
    assert_int_equal(inet_interface_set_mtu(2, 1300), 0);
    env_test_clock_advance(1000000);
    assert_int_equal(net_level(socket), READY_READ | READY_WRITE);
    message.name = &from;
    assert_true(net_receive(socket, answer, sizeof answer, &message) > 0);
    assert_int_equal(first()->type, RTM_NEWLINK);
    assert_int_equal(from.u.netlink.groups, 1);
    assert_int_equal(from.u.netlink.port, 0);
    while (take(socket) > 0)
        ;
    assert_int_equal(net_set_int(socket, 270, 2, GROUP_LINK), 0);
    netlink_link_changed(2);
    env_test_clock_advance(1000000);
    assert_int_equal(take(socket), OSKIT_EWOULDBLOCK);
    /* Too much at once is told of. */
    assert_int_equal(net_set_int(socket, 270, 1, GROUP_LINK), 0);
    assert_int_equal(net_set_int(socket, SOCKET_SOL_SOCKET, SOCKET_SO_RCVBUF, 1), 0);
    for (int i = 0; i < 10; i++)
        netlink_link_changed(2);
    env_test_clock_advance(1000000);
    assert_int_equal(net_level(socket), READY_READ | READY_WRITE | READY_ERR);
    assert_int_equal(take(socket), OSKIT_ENOBUFS);
    assert_true(take(socket) > 0);
    oskit_iunknown_release((oskit_iunknown_t *)socket);
    net_end();
}

/* Sizes that lie, and memory that isn't there. */
static void test_damaged(void **state)
{
    struct link_body body = {.index = 2};
    struct request request;

    (void)state;
    net_begin();
    sluice_socket_t *socket = net_open(SOCKET_NETLINK, SOCKET_RAW, 0);
    for (uint32_t length = 0; length < 16; length++) {
        request_begin(&request, RTM_GETLINK, NLM_F_ACK, &body, sizeof body);
        request.header.length = length;
        assert_int_equal(net_send(socket, &request, 32, NULL), 0);
        assert_int_equal(take(socket), OSKIT_EWOULDBLOCK);
    }
    request_begin(&request, RTM_GETLINK, NLM_F_ACK, &body, sizeof body);
    request.header.length = 33;
    assert_int_equal(net_send(socket, &request, 32, NULL), 0);
    assert_int_equal(take(socket), OSKIT_EWOULDBLOCK);
    request_begin(&request, 200, 0, &body, sizeof body);
    assert_int_equal(ask(socket, &request), -95);
    request_begin(&request, RTM_GETLINK, NLM_F_DUMP, &body, 1);
    ENV_TEST_EACH_FAILURE
    {
        net_send(socket, &request, request.header.length, NULL);
        for (long got; (got = take(socket)) > 0 || got == OSKIT_ENOBUFS;)
            ;
    }
    oskit_iunknown_release((oskit_iunknown_t *)socket);
    net_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_dumps),  HARNESS_TEST(test_links),      HARNESS_TEST(test_addresses),
        HARNESS_TEST(test_routes), HARNESS_TEST(test_neighbours), HARNESS_TEST(test_ports),
        HARNESS_TEST(test_groups), HARNESS_TEST(test_damaged),
    };
    return cmocka_run_group_tests_name("netlink", tests, NULL, NULL);
}
