/* Raw sockets as the wire sees them: the test is the neighbour, 10.0.2.2 and fe80::2. */
#include "net_case.h"
#include "wire_ipv4.h"

#include "io/net/bpf.h"
#include "io/net/inet/inet_option.h"
#include "io/net/socket_option.h"

#define ICMP         1
#define UDP          17
#define ICMPV6       58
#define OTHER        99 /* a protocol that nobody speaks */
#define WHOLE        255
#define ICMP_FILTER  1
#define ICMP6_FILTER 1
#define ECHO         8
#define ECHO_ANSWER  0
#define ECHO6        128

/* Made of our_mac. */
static const uint8_t our_ip6[16] = {0xfe, 0x80, [11] = 0xff, 0xfe, 0, 0, 1};
static const uint8_t peer_ip6[16] = {0xfe, 0x80, [15] = 2};
static const uint8_t all_nodes[16] = {0xff, 2, [15] = 1};
static uint8_t frame[2000], got[70000];

/* ---- Frames ---- */

static void arrives(const uint8_t *to, uint8_t protocol, const void *bytes, uint32_t size)
{
    memcpy(ip_begin(frame, to, protocol, size), bytes, size);
    frame[ETHERNET + 1] = 0x20;
    frame[ETHERNET + 8] = 9;
    ip_seal(frame);
    fake_card_arrive(net_card, frame, ETHERNET + 20 + size, 0, 0);
}

static void message_arrives(uint8_t type, const char *text)
{
    uint8_t icmp[64] = {type};
    uint32_t size = 8 + (uint32_t)strlen(text);

    memcpy(icmp + 8, text, strlen(text));
    put_sum(icmp + 2, inet_sum(icmp, (int)size));
    arrives(our_ip, ICMP, icmp, size);
}

/* Of IPv6's pseudo header and SIZE bytes: 0xffff when the sum among them is right. */
static uint16_t sum6(const uint8_t *from, const uint8_t *to, uint8_t protocol, const uint8_t *bytes,
                     uint32_t size)
{
    uint8_t all[1600] = {0};

    memcpy(all, from, 16);
    memcpy(all + 16, to, 16);
    put16(all + 34, size);
    all[39] = protocol;
    memcpy(all + 40, bytes, size);
    return (uint16_t)inet_sum(all, (int)(40 + size));
}

static void arrives6(uint8_t protocol, const void *bytes, uint32_t size)
{
    uint8_t *ip = ethernet_begin(frame, our_mac, 0x86dd);

    memset(ip, 0, 40);
    ip[0] = 0x60;
    put16(ip + 4, size);
    ip[6] = protocol;
    ip[7] = 255;
    memcpy(ip + 8, peer_ip6, 16);
    memcpy(ip + 24, our_ip6, 16);
    memcpy(ip + 40, bytes, size);
    fake_card_arrive(net_card, frame, ETHERNET + 40 + size, 0, 0);
}

static void message_arrives6(uint8_t type, const char *text, uint32_t wrong)
{
    uint8_t icmp[64] = {type};
    uint32_t size = 8 + (uint32_t)strlen(text);

    memcpy(icmp + 8, text, strlen(text));
    put_sum(icmp + 2, sum6(peer_ip6, our_ip6, ICMPV6, icmp, size));
    icmp[3] ^= (uint8_t)wrong;
    arrives6(ICMPV6, icmp, size);
}

/* The oldest packet that was sent with PROTOCOL; what came before it is thrown away. NULL: none.
 * Valid till the next call. */
static const uint8_t *sent(uint8_t protocol, uint32_t *size)
{
    static struct fake_frame found;

    free(found.bytes);
    found.bytes = NULL;
    while (fake_card_take(net_card, &found)) {
        const uint8_t *ip = found.bytes + ETHERNET;
        if (ip[(ip[0] >> 4) == 6 ? 6 : 9] == protocol && found.bytes[12] != 0x06 &&
            get16(found.bytes + 12) != 0x806) {
            *size = found.length - ETHERNET;
            return ip;
        }
        free(found.bytes);
        found.bytes = NULL;
    }
    return NULL;
}

static void begin(void)
{
    net_begin();
    fake_card_arrive(net_card, frame, arp_make(frame, 2), 0, 0);
    env_test_clock_advance(3000000000); /* IPv6's address is no longer tentative */
    fake_card_clear(net_card);
}

static void end(void)
{
    uint32_t size;

    while (sent(0, &size) != NULL)
        ;
    net_end();
}

/* ---- Sockets ---- */

static struct socket_address name4(const uint8_t *address)
{
    struct socket_address name = {.length = 16};

    name.u.in.family = SOCKET_INET;
    memcpy(name.u.in.address, address, 4);
    return name;
}

static struct socket_address name6(const uint8_t *address)
{
    struct socket_address name = {.length = 28};

    name.u.in6.family = SOCKET_INET6;
    name.u.in6.scope = 2;
    memcpy(name.u.in6.address, address, 16);
    return name;
}

static sluice_socket_t *open4(int protocol)
{
    return net_open(SOCKET_INET, SOCKET_RAW, protocol);
}

static sluice_socket_t *open6(int protocol)
{
    return net_open(SOCKET_INET6, SOCKET_RAW, protocol);
}

static long take(sluice_socket_t *s)
{
    struct socket_message message = {.flags = SOCKET_MSG_DONTWAIT};
    bool readable = net_level(s) & READY_READ;
    long size = net_receive(s, got, sizeof got, &message);

    assert_int_equal(readable, size >= 0);
    return size;
}

static void assert_nothing(sluice_socket_t *s)
{
    assert_int_equal(take(s), OSKIT_EWOULDBLOCK);
}

/* ---- Tests ---- */

/* Each gets a copy of its own, with the network's header; and the stack has it, too. */
static void test_receivers(void **state)
{
    struct socket_address from;
    struct socket_message message = {.name = &from, .flags = SOCKET_MSG_PEEK};
    uint32_t size;

    (void)state;
    begin();
    sluice_socket_t *one = open4(ICMP), *two = open4(ICMP), *other = open4(OTHER);
    message_arrives(ECHO, "hello");
    assert_int_equal(net_receive(one, got, sizeof got, &message), 33);
    assert_int_equal(from.length, 16);
    assert_memory_equal(from.u.in.address, peer_ip, 4);
    assert_int_equal(from.u.in.port, 0);
    assert_int_equal(take(one), 33);
    assert_int_equal(got[0], 0x45);
    assert_int_equal(get16(got + 2), 33);
    assert_memory_equal(got + 12, peer_ip, 4);
    assert_int_equal(got[20], ECHO);
    assert_memory_equal(got + 28, "hello", 5);
    assert_nothing(one);
    message.flags = 0;
    assert_int_equal(net_receive(two, got, 10, &message), 10);
    assert_int_equal(message.whole, 33);
    assert_int_equal(message.out_flags, SOCKET_MSG_TRUNC);
    assert_nothing(two);
    assert_nothing(other);
    const uint8_t *answer = sent(ICMP, &size);
    assert_non_null(answer);
    assert_int_equal(answer[20], ECHO_ANSWER);
    arrives(our_ip, OTHER, "abc", 3);
    assert_int_equal(take(other), 23);
    assert_nothing(one);
    sluice_socket_release(one);
    sluice_socket_release(two);
    arrives(our_ip, OTHER, "", 0);
    assert_int_equal(take(other), 20);
    sluice_socket_release(other);
    end();
}

/* What it is bound and connected to; and its names. */
static void test_ends(void **state)
{
    static const uint8_t group[4] = {224, 0, 0, 1}, stranger[4] = {10, 0, 2, 3};
    struct socket_address ours = name4(our_ip), peer = name4(peer_ip), name = name4(group),
                          none = {.length = 2};

    (void)state;
    begin();
    sluice_socket_t *s = open4(OTHER);
    assert_int_equal(s->ops->getsockname(s, &name), 0);
    assert_int_equal(name.u.in.port, __builtin_bswap16(OTHER));
    arrives(group, OTHER, "all", 3);
    assert_int_equal(take(s), 23);
    assert_int_equal(net_set_int(s, INET_SOL_IP, INET_IP_MULTICAST_ALL, 0), 0);
    arrives(group, OTHER, "all", 3);
    assert_nothing(s);
    assert_int_equal(s->ops->bind(s, &ours), 0);
    arrives(our_ip, OTHER, "abc", 3);
    assert_int_equal(take(s), 23);
    assert_int_equal(net_set_int(s, INET_SOL_IP, INET_IP_MULTICAST_ALL, 1), 0);
    arrives(group, OTHER, "all", 3);
    assert_nothing(s);
    name = name4(stranger);
    assert_int_equal(s->ops->bind(s, &name), OSKIT_EADDRNOTAVAIL);
    assert_int_equal(s->ops->connect(s, &name), 0);
    assert_int_equal(s->ops->getpeername(s, &name), OSKIT_ENOTCONN); /* it was given no port */
    arrives(our_ip, OTHER, "abc", 3);
    assert_nothing(s);
    peer.u.in.port = 7;
    assert_int_equal(s->ops->connect(s, &peer), 0);
    assert_int_equal(s->ops->getpeername(s, &name), 0);
    assert_memory_equal(&name.u.in, &peer.u.in, sizeof peer.u.in);
    arrives(our_ip, OTHER, "abc", 3);
    assert_int_equal(take(s), 23);
    assert_int_equal(s->ops->connect(s, &none), 0);
    assert_int_equal(s->ops->getpeername(s, &name), OSKIT_ENOTCONN);
    assert_int_equal(net_set(s, SOCKET_SOL_SOCKET, SOCKET_SO_BINDTODEVICE, "lo", 3), 0);
    arrives(our_ip, OTHER, "abc", 3);
    assert_nothing(s);
    sluice_socket_release(s);
    end();
}

static void test_shut(void **state)
{
    struct socket_address peer = name4(peer_ip);

    (void)state;
    begin();
    sluice_socket_t *s = open4(OTHER);
    assert_int_equal(s->ops->shutdown(s, SOCKET_SHUT_WRITE), OSKIT_ENOTCONN);
    sluice_socket_release(s);
    s = open4(OTHER);
    assert_int_equal(s->ops->connect(s, &peer), 0);
    assert_int_equal(net_send(s, "abc", 3, NULL), 0);
    assert_int_equal(s->ops->shutdown(s, SOCKET_SHUT_WRITE), 0);
    assert_int_equal(net_send(s, "abc", 3, NULL), OSKIT_EPIPE);
    arrives(our_ip, OTHER, "abc", 3);
    assert_int_equal(take(s), 23);
    assert_int_equal(s->ops->shutdown(s, SOCKET_SHUT_READ), 0);
    assert_int_equal(net_level(s) & (READY_RDHUP | READY_HUP), READY_RDHUP | READY_HUP);
    arrives(our_ip, OTHER, "abc", 3);
    struct socket_message message = {.flags = 0};
    assert_int_equal(net_receive(s, got, sizeof got, &message), 0);
    sluice_socket_release(s);
    end();
}

/* ICMP_FILTER: a set bit is a type that isn't wanted. */
static void test_filter(void **state)
{
    uint32_t filter = 1u << ECHO, read = 0;

    (void)state;
    begin();
    sluice_socket_t *s = open4(ICMP), *all = open4(ICMP), *other = open4(OTHER);
    assert_int_equal(net_set(s, INET_SOL_RAW, ICMP_FILTER, &filter, sizeof filter), 0);
    assert_int_equal(net_get(s, INET_SOL_RAW, ICMP_FILTER, &read, sizeof read), 0);
    assert_int_equal(read, filter);
    message_arrives(ECHO, "x");
    message_arrives(13, "y");
    message_arrives(40, "z"); /* beyond what there are bits for */
    assert_int_equal(take(s), 29);
    assert_int_equal(got[20], 13);
    assert_int_equal(take(s), 29);
    assert_int_equal(got[20], 40);
    assert_nothing(s);
    for (int i = 0; i < 3; i++)
        assert_int_equal(take(all), 29);
    /* As many of its bytes as were given. */
    filter = 0x01020304;
    assert_int_equal(net_set(s, INET_SOL_RAW, ICMP_FILTER, &filter, 2), 0);
    assert_int_equal(net_get(s, INET_SOL_RAW, ICMP_FILTER, &read, sizeof read), 0);
    assert_int_equal(read, 0x0304);
    assert_int_equal(net_get(s, INET_SOL_RAW, ICMP_FILTER, &read, 2), 0);
    assert_int_not_equal(net_set(other, INET_SOL_RAW, ICMP_FILTER, &filter, 4), 0);
    sluice_socket_release(s);
    sluice_socket_release(all);
    sluice_socket_release(other);
    end();
}

static oskit_error_t attach(sluice_socket_t *s, const struct bpf_instruction *code, uint16_t count)
{
    struct bpf_request request = {.count = count, .code = (uintptr_t)code};

    return net_set(s, SOCKET_SOL_SOCKET, SOCKET_SO_ATTACH_FILTER, &request, sizeof request);
}

/* SO_ATTACH_FILTER: what the program looks at is what the socket would get. */
static void test_program(void **state)
{
    static const struct bpf_instruction requests[] = {{0x30, 0, 0, 20}, /* the message's type */
                                                      {0x15, 0, 1, 13},
                                                      {0x06, 0, 0, 24},
                                                      {0x06, 0, 0, 0}};
    static const struct bpf_instruction six[] = {
        {0x30, 0, 0, 0xfff00000u + 6},                  /* IP's next header */
        {0x15, 0, 3, ICMPV6},          {0x30, 0, 0, 0}, /* the message's type */
        {0x15, 0, 1, ECHO6},           {0x06, 0, 0, UINT32_MAX}, {0x06, 0, 0, 0}};
    static const struct bpf_instruction nothing[] = {{0x06, 0, 0, 0}};

    (void)state;
    begin();
    sluice_socket_t *s = open4(ICMP), *new = open6(ICMPV6);
    assert_int_equal(net_set_int(s, SOCKET_SOL_SOCKET, SOCKET_SO_DETACH_FILTER, 0), OSKIT_ENOENT);
    assert_int_equal(attach(s, requests, 3), OSKIT_E_INVALIDARG); /* it jumps out */
    assert_int_equal(attach(s, requests, 4), 0);
    message_arrives(ECHO, "hello");
    assert_nothing(s);
    message_arrives(13, "hello");
    assert_int_equal(take(s), 24); /* cut off */
    assert_int_equal(attach(s, nothing, 1), 0);
    message_arrives(13, "hello");
    assert_nothing(s);
    assert_int_equal(net_set_int(s, SOCKET_SOL_SOCKET, SOCKET_SO_DETACH_FILTER, 0), 0);
    message_arrives(13, "hello");
    assert_int_equal(take(s), 33);
    assert_int_equal(net_set_int(s, SOCKET_SOL_SOCKET, SOCKET_SO_LOCK_FILTER, 1), 0);
    assert_int_equal(attach(s, nothing, 1), OSKIT_EPERM);
    assert_int_equal(net_set_int(s, SOCKET_SOL_SOCKET, SOCKET_SO_LOCK_FILTER, 0), OSKIT_EPERM);
    assert_int_equal(attach(new, six, 6), 0);
    message_arrives6(ECHO6 + 1, "hello", 0);
    assert_nothing(new);
    message_arrives6(ECHO6, "hello", 0);
    assert_int_equal(take(new), 13);
    sluice_socket_release(s);
    sluice_socket_release(new);
    end();
}

/* What goes out has a header that the stack makes, and pieces when it is long. */
static void test_send(void **state)
{
    static uint8_t bytes[65536];
    struct socket_address peer = name4(peer_ip);
    uint32_t size;

    (void)state;
    begin();
    sluice_socket_t *s = open4(OTHER);
    assert_int_equal(net_send(s, "abc", 3, NULL), OSKIT_EDESTADDRREQ);
    assert_int_equal(net_set_int(s, INET_SOL_IP, INET_IP_TTL, 7), 0);
    assert_int_equal(net_set_int(s, INET_SOL_IP, INET_IP_TOS, 0x10), 0);
    assert_int_equal(net_send(s, "abc", 3, &peer), 0);
    const uint8_t *ip = sent(OTHER, &size);
    assert_non_null(ip);
    assert_int_equal(size, 23);
    assert_int_equal(ip[1], 0x10);
    assert_int_equal(get16(ip + 2), 23);
    assert_int_equal(ip[8], 7);
    assert_memory_equal(ip + 12, our_ip, 4);
    assert_memory_equal(ip + 16, peer_ip, 4);
    assert_memory_equal(ip + 20, "abc", 3);
    assert_int_equal((uint16_t)inet_sum(ip, 20), 0xffff);
    assert_int_equal(s->ops->connect(s, &peer), 0);
    assert_int_equal(net_send(s, bytes, 3000, NULL), 0);
    for (uint32_t i = 0, left = 3000; i < 3; i++, left -= 1480) {
        ip = sent(OTHER, &size);
        assert_non_null(ip);
        assert_int_equal(size, 20 + (left < 1480 ? left : 1480));
        assert_int_equal(get16(ip + 6), i * 185 | (i < 2 ? 0x2000 : 0));
    }
    assert_int_equal(net_send(s, bytes, 65516, NULL), OSKIT_EMSGSIZE);
    assert_int_equal(net_send(s, bytes, 65515, NULL), 0);
    sluice_socket_release(s);
    fake_card_clear(net_card);
    end();
}

/* The program's own header: what it left 0 is filled in. */
static void test_header_included(void **state)
{
    static uint8_t packet[1501] = {0x45, 0, 9, 9, 0, 0, 0, 0, 3, OTHER, 1, 1};
    static const uint8_t stranger[4] = {10, 0, 2, 77};
    struct socket_address peer = name4(peer_ip);
    uint32_t size;

    (void)state;
    begin();
    sluice_socket_t *s = open4(WHOLE);
    memcpy(packet + 16, stranger, 4);
    assert_int_equal(net_send(s, packet, 24, &peer), 0);
    const uint8_t *ip = sent(OTHER, &size);
    assert_non_null(ip);
    assert_int_equal(size, 24);
    assert_int_equal(get16(ip + 2), 24);
    assert_int_not_equal(get16(ip + 4), 0);
    assert_int_equal(ip[8], 3);
    assert_memory_equal(ip + 12, our_ip, 4);
    assert_memory_equal(ip + 16, stranger, 4); /* to whom the packet says, by way of the name */
    assert_int_equal((uint16_t)inet_sum(ip, 20), 0xffff);
    memcpy(packet + 12, stranger, 4);
    put16(packet + 4, 1234);
    assert_int_equal(net_send(s, packet, 1500, &peer), 0);
    ip = sent(OTHER, &size);
    assert_int_equal(size, 1500);
    assert_int_equal(get16(ip + 4), 1234);
    assert_memory_equal(ip + 12, stranger, 4);
    assert_int_equal(net_send(s, packet, 1501, &peer), OSKIT_EMSGSIZE);
    assert_int_equal(net_send(s, packet, 19, &peer), OSKIT_E_INVALIDARG);
    packet[0] = 0x4f;
    assert_int_equal(net_send(s, packet, 59, &peer), OSKIT_E_INVALIDARG);
    assert_int_equal(net_send(s, packet, 60, &peer), 0);
    packet[0] = 0x44;
    assert_int_equal(net_send(s, packet, 60, &peer), OSKIT_E_INVALIDARG);
    arrives(our_ip, WHOLE, "abc", 3);
    assert_int_equal(net_set_int(s, INET_SOL_IP, INET_IP_HDRINCL, 0), 0);
    assert_int_equal(net_send(s, "abc", 3, &peer), 0);
    assert_non_null(sent(WHOLE, &size));
    assert_int_equal(size, 23);
    sluice_socket_release(s);
    end();
}

/* A full buffer drops what comes, and says how much. */
static void test_full(void **state)
{
    uint8_t room[64];
    struct socket_control control = {.bytes = room, .room = sizeof room};
    struct socket_message message = {.control = &control};
    uint32_t count = 0, dropped;

    (void)state;
    begin();
    sluice_socket_t *s = open4(OTHER), *wide = open4(OTHER);
    assert_int_equal(net_set_int(s, SOCKET_SOL_SOCKET, SOCKET_SO_RCVBUF, 1), 0);
    assert_int_equal(net_set_int(s, SOCKET_SOL_SOCKET, SOCKET_SO_RXQ_OVFL, 1), 0);
    for (int i = 0; i < 40; i++)
        arrives(our_ip, OTHER, "abc", 3);
    while (take(s) >= 0)
        count++;
    assert_in_range(count, 1, 39);
    for (int i = 0; i < 40; i++)
        assert_int_equal(take(wide), 23);
    assert_nothing(wide);
    arrives(our_ip, OTHER, "abc", 3);
    assert_int_equal(net_receive(s, got, sizeof got, &message), 23);
    assert_int_equal(control.length, 24);
    assert_int_equal(room[12], SOCKET_SO_RXQ_OVFL);
    memcpy(&dropped, room + 16, sizeof dropped);
    assert_int_equal(count + dropped, 40);
    sluice_socket_release(s);
    sluice_socket_release(wide);
    end();
}

static void test_control(void **state)
{
    static const int options[] = {INET_IP_PKTINFO, INET_IP_RECVTTL, INET_IP_RECVTOS};
    uint8_t room[200];
    struct socket_control control = {.bytes = room, .room = sizeof room};
    struct socket_message message = {.control = &control};

    (void)state;
    begin();
    sluice_socket_t *s = open4(OTHER);
    for (size_t i = 0; i < SLUICE_COUNT(options); i++)
        assert_int_equal(net_set_int(s, INET_SOL_IP, options[i], 1), 0);
    arrives(our_ip, OTHER, "abc", 3);
    assert_int_equal(net_receive(s, got, sizeof got, &message), 23);
    assert_int_equal(control.length, 32 + 24 + 24);
    assert_int_equal(room[16], 2);
    assert_memory_equal(room + 20, our_ip, 4);
    assert_int_equal(room[32 + 16], 9);
    assert_int_equal(room[56 + 16], 0x20);
    sluice_socket_release(s);
    end();
}

/* IPv6's don't see the network's header; what has a wrong sum isn't for them. */
static void test_receivers6(void **state)
{
    uint32_t filter[8] = {0};
    struct socket_address from;
    struct socket_message message = {.name = &from};

    (void)state;
    begin();
    sluice_socket_t *one = open6(ICMPV6), *two = open6(ICMPV6), *old = open4(ICMPV6);
    filter[ECHO6 / 32] = 1u << ECHO6 % 32;
    assert_int_equal(net_set(two, INET_SOL_ICMPV6, ICMP6_FILTER, filter, sizeof filter), 0);
    memset(filter, 0xff, sizeof filter);
    assert_int_equal(net_get(two, INET_SOL_ICMPV6, ICMP6_FILTER, filter, sizeof filter), 0);
    assert_int_equal(filter[ECHO6 / 32], 1u << ECHO6 % 32);
    assert_int_equal(filter[0], 0);
    message_arrives6(ECHO6, "hello", 0);
    assert_int_equal(net_receive(one, got, sizeof got, &message), 13);
    assert_int_equal(from.length, 28);
    assert_memory_equal(from.u.in6.address, peer_ip6, 16);
    assert_int_equal(from.u.in6.scope, 2);
    assert_int_equal(got[0], ECHO6);
    assert_memory_equal(got + 8, "hello", 5);
    assert_nothing(two);
    message_arrives6(ECHO6 + 1, "hello", 1);
    assert_nothing(one);
    message_arrives6(ECHO6 + 1, "hello", 0);
    assert_int_equal(take(one), 13);
    assert_int_equal(take(two), 13);
    assert_nothing(old);
    sluice_socket_release(one);
    sluice_socket_release(two);
    sluice_socket_release(old);
    end();
}

/* IPV6_CHECKSUM: where the sum is, which is filled in, and looked at. */
static void test_checksum6(void **state)
{
    struct socket_address all = name6(all_nodes);
    uint8_t bytes[8] = "abcdefgh";
    uint32_t size;
    int at;

    (void)state;
    begin();
    sluice_socket_t *icmp = open6(ICMPV6), *s = open6(OTHER), *plain = open6(OTHER);
    assert_int_equal(net_get(icmp, INET_SOL_IPV6, INET_IPV6_CHECKSUM, &at, sizeof at), 0);
    assert_int_equal(at, 2);
    assert_int_equal(net_set_int(icmp, INET_SOL_IPV6, INET_IPV6_CHECKSUM, 2), OSKIT_E_INVALIDARG);
    assert_int_equal(net_send(icmp, "\x80\0\0\0\0\1\0\1", 8, &all), 0);
    const uint8_t *ip = sent(ICMPV6, &size);
    assert_non_null(ip);
    assert_int_equal(size, 48);
    assert_int_equal(sum6(our_ip6, all_nodes, ICMPV6, ip + 40, 8), 0xffff);
    assert_int_equal(net_get(s, INET_SOL_IPV6, INET_IPV6_CHECKSUM, &at, sizeof at), 0);
    assert_int_equal(at, -1);
    assert_int_equal(net_set_int(s, INET_SOL_IPV6, INET_IPV6_CHECKSUM, 3), OSKIT_E_INVALIDARG);
    assert_int_equal(net_set_int(s, INET_SOL_IPV6, INET_IPV6_CHECKSUM, 4), 0);
    assert_int_equal(net_send(s, bytes, 5, &all), OSKIT_E_INVALIDARG);
    assert_int_equal(net_send(s, bytes, 8, &all), 0);
    ip = sent(OTHER, &size);
    assert_non_null(ip);
    assert_int_equal(sum6(our_ip6, all_nodes, OTHER, ip + 40, 8), 0xffff);
    assert_memory_equal(ip + 40, "abcd", 4);
    assert_memory_equal(ip + 46, "gh", 2);
    arrives6(OTHER, bytes, 8);
    assert_nothing(s);
    assert_int_equal(take(plain), 8);
    memset(bytes + 4, 0, 2);
    put_sum(bytes + 4, sum6(peer_ip6, our_ip6, OTHER, bytes, 8));
    arrives6(OTHER, bytes, 8);
    assert_int_equal(take(s), 8);
    assert_int_equal(take(plain), 8);
    assert_int_equal(net_set_int(s, INET_SOL_IPV6, INET_IPV6_CHECKSUM, -5), 0);
    bytes[0] = 'x';
    arrives6(OTHER, bytes, 8);
    assert_int_equal(take(s), 8);
    sluice_socket_release(icmp);
    sluice_socket_release(s);
    sluice_socket_release(plain);
    end();
}

/* IPPROTO_RAW of IPv6: the program's packet as it is. */
static void test_header_included6(void **state)
{
    static uint8_t packet[1501] = {0x60, [6] = OTHER, 3, [8] = 0xfe, 0x80};
    struct socket_address all = name6(all_nodes);
    uint32_t size;

    (void)state;
    begin();
    sluice_socket_t *s = open6(WHOLE);
    packet[5] = 4;
    memcpy(packet + 24, all_nodes, 16);
    assert_int_equal(net_send(s, packet, 39, &all), OSKIT_E_INVALIDARG);
    assert_int_equal(net_send(s, packet, 44, &all), 0);
    const uint8_t *ip = sent(OTHER, &size);
    assert_non_null(ip);
    assert_int_equal(size, 44);
    assert_memory_equal(ip, packet, 44);
    assert_int_equal(net_send(s, packet, 1501, &all), OSKIT_EMSGSIZE);
    sluice_socket_release(s);
    end();
}

/* Echoes under an identifier of one's own, whose answers come to nobody else. */
static void test_ping(void **state)
{
    struct socket_address peer = name4(peer_ip), name;
    uint8_t echo[12] = {ECHO, 0, 0, 0, 9, 9, 0, 1, 'p', 'i', 'n', 'g'};
    uint32_t size;

    (void)state;
    begin();
    socket_caller_get = net_nobody;
    sluice_socket_t *one = net_open(SOCKET_INET, SOCKET_DGRAM, ICMP), *none;
    sluice_socket_t *two = net_open(SOCKET_INET, SOCKET_DGRAM, ICMP);
    assert_int_equal(socket_create(SOCKET_INET, SOCKET_RAW, ICMP, &none), OSKIT_EPERM);
    assert_int_equal(net_send(two, echo, sizeof echo, &peer), 0);
    assert_int_equal(net_send(one, echo, sizeof echo, &peer), 0);
    assert_int_equal(one->ops->getsockname(one, &name), 0);
    sent(ICMP, &size);
    const uint8_t *ip = sent(ICMP, &size);
    assert_non_null(ip);
    assert_memory_equal(ip + 24, &name.u.in.port, 2);
    assert_int_equal((uint16_t)inet_sum(ip + 20, 12), 0xffff);
    memcpy(echo + 4, &name.u.in.port, 2);
    echo[0] = ECHO_ANSWER;
    put_sum(echo + 2, inet_sum(echo, sizeof echo));
    arrives(our_ip, ICMP, echo, sizeof echo);
    assert_int_equal(take(one), 12);
    assert_memory_equal(got, echo, sizeof echo);
    assert_nothing(two);
    echo[0] = 13;
    assert_int_equal(net_send(one, echo, sizeof echo, &peer), OSKIT_E_INVALIDARG);
    assert_int_equal(net_send(one, echo, 7, &peer), OSKIT_E_INVALIDARG);
    sluice_socket_release(one);
    sluice_socket_release(two);
    socket_caller_get = NULL;
    end();
}

/* Nothing is lost but packets. */
static void test_memory(void **state)
{
    struct socket_address peer = name4(peer_ip);
    sluice_socket_t *s;

    (void)state;
    begin();
    ENV_TEST_EACH_FAILURE
    {
        oskit_error_t err = socket_create(SOCKET_INET, SOCKET_RAW, OTHER, &s);
        if (err == 0) {
            arrives(our_ip, OTHER, "abc", 3);
            if (!env_test_failed())
                assert_int_equal(take(s), 23);
            err = net_send(s, "abc", 3, &peer);
            sluice_socket_release(s);
        }
        if (!env_test_failed())
            assert_int_equal(err, 0);
        fake_card_clear(net_card);
    }
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_receivers),
        HARNESS_TEST(test_ends),
        HARNESS_TEST(test_shut),
        HARNESS_TEST(test_filter),
        HARNESS_TEST(test_program),
        HARNESS_TEST(test_send),
        HARNESS_TEST(test_header_included),
        HARNESS_TEST(test_full),
        HARNESS_TEST(test_control),
        HARNESS_TEST(test_receivers6),
        HARNESS_TEST(test_checksum6),
        HARNESS_TEST(test_header_included6),
        HARNESS_TEST(test_ping),
        HARNESS_TEST(test_memory),
    };
    return cmocka_run_group_tests_name("raw", tests, NULL, NULL);
}
