/*
 * What the network's header says of packets that we send to ourselves, as a packet socket on the
 * loopback sees them: what socket options put there, before a connection and on it. On Linux in a
 * network namespace of its own, so that nobody else's frames are seen.
 */
#include "show.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define AF_PACKET_ 17
#define OUTGOING   4
#define NEWNET     0x40000000

struct link_name {
    uint16_t family, protocol;
    int32_t interface;
    uint16_t hardware;
    uint8_t kind, length, address[8];
};

struct request {
    char name[16];
    uint16_t flags;
    uint8_t room[22];
};

static uint8_t bytes[4096];
static int watcher;

static int set(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof value);
}

/* ---- What is seen ---- */

static bool sum_good(unsigned header)
{
    uint32_t sum = 0;

    for (unsigned i = 0; i < header; i += 2)
        sum += (uint32_t)(bytes[i] << 8 | bytes[i + 1]);
    sum = (sum >> 16) + (sum & 0xffff);
    return (uint16_t)(sum + (sum >> 16)) == 0xffff;
}

static void show_network(bool v6, unsigned header)
{
    if (v6)
        printf("class %02x hops %u", (bytes[0] << 4 | bytes[1] >> 4) & 0xff, bytes[7]);
    else
        printf("service %02x ttl %u sum %s", bytes[1], bytes[8], sum_good(header) ? "good" : "BAD");
}

/* Of TCP those with a SYN or with bytes: when the others come is anybody's choice. */
static void show_packet(unsigned length)
{
    bool v6 = bytes[0] >> 4 == 6;
    unsigned header = v6 ? 40 : (bytes[0] & 15u) * 4, protocol = bytes[v6 ? 6 : 9];
    unsigned whole =
        v6 ? 40u + (unsigned)(bytes[4] << 8 | bytes[5]) : (unsigned)(bytes[2] << 8 | bytes[3]);

    if (protocol != IPPROTO_TCP || whole > length)
        return;
    const uint8_t *tcp = bytes + header;
    unsigned payload = whole - header - (tcp[12] >> 4) * 4u;
    if (!(tcp[13] & 2) && payload == 0)
        return;
    printf("    %s%s, %u bytes: ", tcp[13] & 2 ? "SYN" : "data",
           (tcp[13] & 0x12) == 0x12 ? " back" : "", payload);
    show_network(v6, header);
    printf("\n");
}

static void show_seen(const char *what)
{
    struct link_name from;
    socklen_t length = sizeof from;
    ssize_t got;

    printf("  %s\n", what);
    while ((got = recvfrom(watcher, bytes, sizeof bytes, MSG_DONTWAIT, (struct sockaddr *)&from,
                           &length)) >= 0)
        if (from.kind == OUTGOING && got >= 40)
            show_packet((unsigned)got);
}

/* ---- TCP ---- */

struct ends {
    bool v6;
    int listener, client, server;
    struct sockaddr_storage name;
    socklen_t length;
};

static void listen_start(struct ends *ends, int family, bool mapped)
{
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)&ends->name;
    struct sockaddr_in *four = (struct sockaddr_in *)&ends->name;

    *ends = (struct ends){.v6 = family == AF_INET6, .length = sizeof ends->name};
    ends->listener = socket(family, SOCK_STREAM, 0);
    if (ends->v6) {
        six->sin6_family = AF_INET6;
        if (!mapped)
            six->sin6_addr = in6addr_loopback;
    } else {
        four->sin_family = AF_INET;
        four->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    }
    if (bind(ends->listener, (struct sockaddr *)&ends->name, sizeof *six) < 0)
        perror("bind");
    getsockname(ends->listener, (struct sockaddr *)&ends->name, &ends->length);
    if (mapped)
        inet_pton(AF_INET6, "::ffff:127.0.0.1", &six->sin6_addr);
}

static void options_set(const struct ends *ends, int fd, int service, int ttl)
{
    SHOW(set(fd, IPPROTO_IP, IP_TOS, service));
    SHOW(set(fd, IPPROTO_IP, IP_TTL, ttl));
    if (!ends->v6)
        return;
    SHOW(set(fd, IPPROTO_IPV6, IPV6_TCLASS, service + 4));
    SHOW(set(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, ttl + 1));
}

static int number(int fd, int level, int name)
{
    int value = -1;
    socklen_t length = sizeof value;

    getsockopt(fd, level, name, &value, &length);
    return value;
}

static void options_show(const struct ends *ends, int fd)
{
    printf("  has %x, %d", number(fd, IPPROTO_IP, IP_TOS), number(fd, IPPROTO_IP, IP_TTL));
    if (ends->v6)
        printf(", %x, %d", number(fd, IPPROTO_IPV6, IPV6_TCLASS),
               number(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS));
    printf("\n");
}

static void exchange(const struct ends *ends, const char *what)
{
    char byte;

    send(ends->client, "a", 1, 0);
    recv(ends->server, &byte, 1, 0);
    send(ends->server, "bc", 2, 0);
    recv(ends->client, &byte, 1, 0);
    recv(ends->client, &byte, 1, 0);
    show_seen(what);
}

static void connection(const char *what, int family, bool mapped)
{
    struct ends ends;

    printf("%s\n", what);
    listen_start(&ends, family, mapped);
    options_set(&ends, ends.listener, 0x60, 33);
    listen(ends.listener, 4);
    ends.client = socket(family, SOCK_STREAM, 0);
    SHOW(connect(ends.client, (struct sockaddr *)&ends.name, ends.length));
    ends.server = accept(ends.listener, NULL, NULL);
    set(ends.client, IPPROTO_TCP, TCP_NODELAY, 1);
    set(ends.server, IPPROTO_TCP, TCP_NODELAY, 1);
    options_show(&ends, ends.client);
    options_show(&ends, ends.server);
    exchange(&ends, "connected");
    options_set(&ends, ends.client, 0x10, 7);
    exchange(&ends, "the client's set");
    options_set(&ends, ends.server, 0xb8, 200);
    exchange(&ends, "the server's set");
    options_set(&ends, ends.client, 0, 64);
    exchange(&ends, "the client's unset");
    close(ends.client);
    ends.client = socket(family, SOCK_STREAM, 0);
    options_set(&ends, ends.client, 0x28, 99);
    SHOW(connect(ends.client, (struct sockaddr *)&ends.name, ends.length));
    show_seen("set before it connects");
    close(ends.client);
    close(ends.server);
    close(ends.listener);
}

/* ---- The start ---- */

static void watch(void)
{
    struct link_name name = {AF_PACKET_, htons(3), 1, 0, 0, 0, {0}};
    struct request lo = {.name = "lo", .flags = 1};

    unshare(NEWNET);
    watcher = socket(AF_PACKET_, SOCK_DGRAM, 0);
    ioctl(watcher, 0x8914, &lo);
    SHOW(bind(watcher, (struct sockaddr *)&name, 20));
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    watch();
    connection("TCP", AF_INET, false);
    connection("TCP over IPv6", AF_INET6, false);
    connection("TCP of an IPv6 socket over IPv4", AF_INET6, true);
    return 0;
}
