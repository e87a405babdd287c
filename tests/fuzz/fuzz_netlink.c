/*
 * Netlink: any messages, most of them nearly right, to a machine with a loopback and a card, by who
 * may change the network and who may not, while groups listen, time passes and memory runs out.
 * What is answered is whole messages; who asks for an acknowledgement gets one; levels keep their
 * word.
 */
#include "fuzz.h"
#include "io/net/netlink.h"
#include "net_case.h"

#define SOCKETS    3u
#define ROOM       2048u
#define SECOND     1000000000ull
#define SO_RCVBUF  8
#define SOL_SOCKET 1

struct subject {
    struct choices *choices;
    sluice_socket_t *sockets[SOCKETS];
    sluice_socket_t *old, *new; /* datagrams go by what was changed */
    bool failing;               /* an allocation may have been refused */
    uint8_t bytes[ROOM];
    uint32_t length;
};

static uint32_t choose(struct subject *s, uint32_t limit)
{
    return choices_next(s->choices, limit);
}

/* ---- Making messages ---- */

static void append(struct subject *s, const void *bytes, uint32_t size)
{
    assert_true(size <= ROOM - s->length);
    memcpy(s->bytes + s->length, bytes, size);
    s->length += size;
}

static void append_any(struct subject *s, uint32_t size)
{
    for (uint32_t i = 0; i < size; i++) {
        uint8_t byte = (uint8_t)choose(s, 256);
        append(s, &byte, 1);
    }
}

static void align(struct subject *s)
{
    append(s, "\0\0\0", NETLINK_ALIGN(s->length) - s->length);
}

static void append_number(struct subject *s)
{
    static const uint32_t numbers[] = {0, 1, 2, 3, 68, 100, 254, 1280, 1500, 65536, 0x80000000u};
    uint32_t which = choose(s, SLUICE_COUNT(numbers) + 1);
    uint32_t number = which < SLUICE_COUNT(numbers) ? numbers[which] : choose(s, UINT32_MAX);

    append(s, &number, sizeof number);
}

static const uint8_t addresses[][16] = {
    {10, 0, 2, 15}, {10, 0, 2, 2},        {10, 0, 2, 0},   {127, 0, 0, 1},
    {192, 168, 7},  {224, 0, 0, 1},       {255, 255, 255}, {0},
    {0xfe, 0x80},   {0x20, 1, 0xd, 0xb8}, {0xff, 2, 0, 1},
};

static const uint8_t *choose_address(struct subject *s)
{
    return addresses[choose(s, SLUICE_COUNT(addresses))];
}

static void append_address(struct subject *s, uint8_t family)
{
    if (choose(s, 8))
        append(s, choose_address(s), netlink_address_size(family));
    else
        append_any(s, netlink_address_size(family));
}

enum value { ADDRESS, NUMBER, NAME, HARDWARE, BYTES, VALUES };

static void append_value(struct subject *s, uint8_t family, enum value value)
{
    switch (value) {
    case NUMBER:
        append_number(s);
        break;
    case NAME:
        append(s, choose(s, 2) ? "eth0" : "lo\0\0", choose(s, 6));
        break;
    case HARDWARE:
        append(s, "\2\0\0\0\0\7", 6);
        break;
    case BYTES:
        append_any(s, choose(s, 24));
        break;
    default:
        append_address(s, family);
    }
}

static void append_attribute(struct subject *s, uint8_t family, uint16_t type, enum value value)
{
    uint32_t at = s->length;
    struct netlink_attribute attribute = {0, type};

    append(s, &attribute, sizeof attribute);
    append_value(s, family, value);
    attribute.length = (uint16_t)(s->length - at);
    if (choose(s, 16) == 15)
        attribute.length = (uint16_t)choose(s, 65536);
    if (choose(s, 16) == 15)
        attribute.type |= (uint16_t)(choose(s, 256) << 8);
    memcpy(s->bytes + at, &attribute, sizeof attribute);
    align(s);
}

/* Those that each kind understands; most of the time a few of them, and others besides. */
static const struct {
    uint8_t type, value;
} understood[][4] = {
    {{4, NUMBER}, {3, NAME}, {1, HARDWARE}, {13, NUMBER}},
    {{2, ADDRESS}, {1, ADDRESS}, {3, NAME}, {4, ADDRESS}},
    {{1, ADDRESS}, {5, ADDRESS}, {4, NUMBER}, {6, NUMBER}},
    {{1, ADDRESS}, {2, HARDWARE}, {8, NUMBER}, {1, ADDRESS}},
};

static void append_attributes(struct subject *s, uint32_t kind, uint8_t family)
{
    uint32_t set = choose(s, 16);

    for (uint32_t i = 0; i < 4; i++)
        if (set >> i & 1)
            append_attribute(s, family, understood[kind][i].type,
                             (enum value)understood[kind][i].value);
    for (uint32_t count = choose(s, 4) ? 0 : choose(s, 4); count > 0; count--)
        append_attribute(s, family, (uint16_t)choose(s, 20), (enum value)choose(s, VALUES));
}

static uint16_t choose_flags(struct subject *s)
{
    static const uint16_t flags[] = {NLM_F_DUMP, NLM_F_ACK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL,
                                     NLM_F_CREATE | NLM_F_REPLACE, 0};
    uint32_t which = choose(s, 6);

    return which < 5 ? NLM_F_REQUEST | flags[which] : (uint16_t)choose(s, 65536);
}

static uint16_t choose_type(struct subject *s)
{
    return (uint16_t)(choose(s, 16) ? RTM_NEWLINK + choose(s, 16) : choose(s, 300));
}

/* Of a link, an address, a route or a neighbour. */
static const uint8_t sizes[] = {16, 8, 12, 12};

static uint32_t kind_of(uint16_t type)
{
    return (uint32_t)(type - RTM_NEWLINK) / 4 % SLUICE_COUNT(sizes);
}

/* The family, and words that are small mostly. */
static void append_body(struct subject *s, uint16_t type, uint8_t family)
{
    uint32_t kind = kind_of(type);
    uint8_t body[16] = {family};

    for (uint32_t i = 1; i < sizes[kind]; i++)
        body[i] = choose(s, 4) ? 0 : (uint8_t)choose(s, choose(s, 2) ? 4 : 256);
    if (kind == 0 || kind == 3)
        body[4] = (uint8_t)choose(s, 4); /* the interface */
    if (kind == 1) {
        body[1] = (uint8_t)choose(s, 34);
        body[4] = (uint8_t)choose(s, 4);
    }
    if (kind == 2 && choose(s, 4)) {
        body[1] = (uint8_t)(8 * choose(s, 5));
        memcpy(body + 4, "\xfe\3\0\1", 4);
    }
    append(s, body, choose(s, 16) ? sizes[kind] : choose(s, sizes[kind] + 1u));
    align(s);
}

static void append_message(struct subject *s)
{
    static const uint8_t families[] = {SOCKET_INET, SOCKET_INET6, 0, 7, 200};
    uint8_t family = families[choose(s, sizeof families)];
    uint32_t at = s->length;
    struct netlink_header header = {0, choose_type(s), choose_flags(s), at, 0};

    append(s, &header, sizeof header);
    append_body(s, header.type, family);
    append_attributes(s, kind_of(header.type), family);
    header.length = s->length - at;
    if (choose(s, 16) == 15)
        header.length = choose(s, 2) ? choose(s, 64) : choose(s, UINT32_MAX);
    memcpy(s->bytes + at, &header, sizeof header);
}

/* ---- What comes back ---- */

/* Attributes that fill the rest of the message. */
static void check_attributes(const struct netlink_header *header)
{
    const uint8_t *bytes = (const uint8_t *)header;
    uint32_t at = (uint32_t)sizeof *header + sizes[kind_of(header->type)];
    struct netlink_attribute attribute;

    assert_true(header->length >= at);
    while (at < header->length) {
        assert_true(header->length - at >= sizeof attribute);
        memcpy(&attribute, bytes + at, sizeof attribute);
        assert_true(attribute.length >= sizeof attribute &&
                    attribute.length <= header->length - at);
        at += NETLINK_ALIGN(attribute.length);
    }
    assert_int_equal(at, header->length);
}

static uint32_t check_answer(const uint8_t *bytes, uint32_t size)
{
    uint32_t acknowledged = 0, at = 0;

    while (at < size) {
        struct netlink_header header;
        assert_true(size - at >= sizeof header);
        memcpy(&header, bytes + at, sizeof header);
        assert_true(header.length >= sizeof header + 4 && header.length <= size - at);
        if (header.type == NLMSG_ERROR)
            acknowledged++;
        else if (header.type != NLMSG_DONE)
            check_attributes((const struct netlink_header *)(bytes + at));
        at += NETLINK_ALIGN(header.length);
    }
    return acknowledged;
}

/* How many acknowledgements there were; false in *WHOLE: something is missing or isn't ours. */
static uint32_t take_all(struct subject *s, sluice_socket_t *socket, bool *whole)
{
    static _Alignas(4) uint8_t answer[1 << 16];
    struct socket_address from;
    uint32_t acknowledged = 0;

    *whole = !s->failing;
    for (;;) {
        struct socket_message message = {.name = &from, .flags = SOCKET_MSG_DONTWAIT};
        uint32_t level = net_level(socket);
        long got = net_receive(socket, answer, sizeof answer, &message);
        assert_int_equal((level & (READY_READ | READY_ERR)) != 0, got != OSKIT_EWOULDBLOCK);
        if (got == OSKIT_EWOULDBLOCK)
            return acknowledged;
        if (got < 0) {
            assert_int_equal(got, OSKIT_ENOBUFS);
            *whole = false;
        } else if (from.u.netlink.port == 0) {
            acknowledged += check_answer(answer, (uint32_t)got);
        }
    }
}

/* ---- Steps ---- */

/* How many of the messages that are sent want to hear how they ended, all the same. */
static uint32_t count_wanted(const struct subject *s)
{
    struct netlink_header header;
    uint32_t wanted = 0;

    for (uint32_t at = 0; s->length - at >= sizeof header; at += NETLINK_ALIGN(header.length)) {
        memcpy(&header, s->bytes + at, sizeof header);
        if (header.length < sizeof header || header.length > s->length - at)
            break;
        bool dumps = (header.type & 3) == 2 && (header.flags & NLM_F_DUMP);
        wanted += header.flags & NLM_F_ACK && !dumps;
        if (NETLINK_ALIGN(header.length) > s->length - at)
            break;
    }
    return wanted;
}

static void step_send(struct subject *s, sluice_socket_t *socket)
{
    bool whole, again;

    s->length = 0;
    for (uint32_t count = 1 + choose(s, 3); count > 0; count--)
        append_message(s);
    if (choose(s, 32) == 31)
        s->length = 1 + choose(s, s->length);
    take_all(s, socket, &whole);
    uint8_t *copy = fuzz_copy(s->bytes, s->length);
    socket_caller_get = choose(s, 8) == 7 ? net_nobody : net_root;
    oskit_error_t err = net_send(socket, copy, s->length, NULL);
    free(copy);
    if (choose(s, 4) == 3) /* later */
        return;
    uint32_t acknowledged = take_all(s, socket, &again);
    if (err == 0 && whole && again)
        assert_true(acknowledged >= count_wanted(s));
}

static void step_name(struct subject *s, sluice_socket_t *socket)
{
    struct socket_address name = {.length = choose(s, 8) ? 12 : choose(s, 13),
                                  .u.netlink = {.family = SOCKET_NETLINK}};

    socket_caller_get = choose(s, 2) ? net_root : net_nobody;
    name.u.netlink.groups = choose(s, 2) ? UINT32_MAX : choose(s, 256);
    switch (choose(s, 4)) {
    case 0:
        socket->ops->bind(socket, &name);
        break;
    case 1:
        assert_int_equal(socket->ops->getsockname(socket, &name), 0);
        break;
    case 2: /* to another */
        s->sockets[0]->ops->getsockname(s->sockets[0], &name);
        net_send(socket, "\x14\0\0\0\3\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20, &name);
        break;
    default: /* to the kernel, whatever the socket */
        name.u.netlink.groups = 0;
        socket->ops->connect(socket, &name);
    }
}

static void step_option(struct subject *s, sluice_socket_t *socket)
{
    uint8_t value[8];
    oskit_u32_t length = choose(s, sizeof value + 1u);
    int name = (int)choose(s, 14);

    if (choose(s, 4) == 3) {
        net_set_int(socket, SOL_SOCKET, SO_RCVBUF, choose(s, 2) ? 0 : 100000);
    } else if (choose(s, 2)) {
        socket->ops->getsockopt(socket, 270, name, value, &length);
    } else {
        net_set_int(socket, 270, name, (int)choose(s, 40));
    }
}

static void step_traffic(struct subject *s)
{
    struct socket_address old = {.length = 16, .u.in = {.family = SOCKET_INET, .port = 7}};
    struct socket_address new = {
        .length = 28, .u.in6 = {.family = SOCKET_INET6, .port = 7, .scope = choose(s, 4)}};

    if (choose(s, 2)) {
        memcpy(old.u.in.address, choose_address(s), sizeof old.u.in.address);
        net_send(s->old, "hello", 5, &old);
    } else {
        memcpy(new.u.in6.address, choose_address(s), sizeof new.u.in6.address);
        net_send(s->new, "hello", 5, &new);
    }
}

static void step(struct subject *s)
{
    sluice_socket_t *socket = s->sockets[choose(s, SOCKETS)];

    switch (choose(s, 12)) {
    case 0:
        step_name(s, socket);
        break;
    case 1:
        step_option(s, socket);
        break;
    case 2:
        env_test_clock_advance(choose(s, 4000) * (SECOND / 1000));
        break;
    case 3:
        s->failing = true; /* from now on, since it may strike at any time */
        env_test_fail_after(1 + choose(s, 12));
        break;
    case 4:
        fake_card_link(net_card, choose(s, 2));
        break;
    case 5:
        step_traffic(s);
        break;
    default:
        step_send(s, socket);
    }
    fake_card_clear(net_card);
}

void fuzz_one(const uint8_t *bytes, size_t size)
{
    static struct subject s;
    struct choices choices = choices_from_bytes(bytes, size);
    bool whole;

    s = (struct subject){.choices = &choices};
    net_begin();
    for (uint32_t i = 0; i < SOCKETS; i++)
        s.sockets[i] = net_open(SOCKET_NETLINK, SOCKET_RAW, 0);
    s.old = net_open(SOCKET_INET, SOCKET_DGRAM, 0);
    s.new = net_open(SOCKET_INET6, SOCKET_DGRAM, 0);
    while (!choices_over(&choices))
        step(&s);
    env_test_fail_after(0);
    for (uint32_t i = 0; i < SOCKETS; i++) {
        take_all(&s, s.sockets[i], &whole);
        sluice_socket_release(s.sockets[i]);
    }
    sluice_socket_release(s.old);
    sluice_socket_release(s.new);
    socket_caller_get = NULL;
    env_test_clock_advance(1); /* what there is to tell is told, though nobody is left to hear it */
    net_end();
}
