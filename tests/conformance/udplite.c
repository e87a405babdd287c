/* UDP-Lite: ports of its own, how much of a datagram the checksum covers, who takes which. Over the
 * loopback, where a raw socket tells what the headers say. */
#include "show.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

enum { UDP = 17, LITE = 136, SEND_COVERAGE = 10, RECEIVE_COVERAGE = 11 };

static const char text[] = "twenty bytes of text";

static socklen_t here(int family, struct sockaddr_storage *out)
{
    struct sockaddr_in *four = (struct sockaddr_in *)out;
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)out;

    memset(out, 0, sizeof(*out));
    out->ss_family = family;
    if (family == AF_INET)
        four->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    else
        six->sin6_addr.s6_addr[15] = 1;
    return family == AF_INET ? sizeof(*four) : sizeof(*six);
}

static int bound(int family, int protocol, struct sockaddr_storage *name)
{
    socklen_t length = here(family, name);
    int fd = socket(family, SOCK_DGRAM, protocol);

    if (fd < 0 || bind(fd, (struct sockaddr *)name, length) < 0)
        perror("bound");
    getsockname(fd, (struct sockaddr *)name, &length);
    return fd;
}

static int to(int family, int protocol, const struct sockaddr_storage *name)
{
    int fd = socket(family, SOCK_DGRAM, protocol);

    if (connect(fd, (const struct sockaddr *)name,
                family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6)) < 0)
        perror("connect");
    return fd;
}

static bool arrived(int fd)
{
    struct pollfd p = {fd, POLLIN, 0};

    return poll(&p, 1, 0) == 1 && p.revents & POLLIN;
}

static void options(int protocol)
{
    static const int values[] = {0, 1, 7, 8, 20, 65535, 65536, -1};
    int fd = socket(AF_INET, SOCK_DGRAM, protocol), value = -1;
    socklen_t length = sizeof(value);

    printf("# options of %d\n", protocol);
    SHOW(getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &value, &length));
    printf("protocol %d\n", value);
    for (int level = UDP; level <= LITE; level += LITE - UDP) {
        for (int name = SEND_COVERAGE; name <= RECEIVE_COVERAGE; name++) {
            for (size_t i = 0; i < COUNT(values); i++) {
                printf("level %d name %d value %d\n", level, name, values[i]);
                SHOW(setsockopt(fd, level, name, &values[i], sizeof(int)));
                SHOW(getsockopt(fd, level, name, &value, &length));
                printf("now %d\n", value);
            }
        }
        SHOW(setsockopt(fd, level, 1, &values[1], sizeof(int))); /* UDP_CORK */
        SHOW(getsockopt(fd, level, 1, &value, &length));
        SHOW(setsockopt(fd, level, 99, &values[1], sizeof(int)));
    }
    close(fd);
}

/* The port is free in the one when the other has it, and nothing goes from one to the other. */
static void apart(int family)
{
    struct sockaddr_storage name;
    char buffer[100];
    int a = bound(family, LITE, &name), b = socket(family, SOCK_DGRAM, 0);
    int c = socket(family, SOCK_DGRAM, LITE);
    socklen_t length = family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);

    printf("# apart, family %d\n", family);
    SHOW(bind(b, (struct sockaddr *)&name, length));
    SHOW(bind(c, (struct sockaddr *)&name, length));
    SHOW(sendto(c, text, 5, 0, (struct sockaddr *)&name, length));
    printf("lite %d udp %d\n", arrived(a), arrived(b));
    SHOW(recv(a, buffer, sizeof(buffer), 0));
    close(a);
    SHOW(connect(c, (struct sockaddr *)&name, length));
    SHOW(send(c, text, 5, 0));
    SHOW(send(c, text, 5, 0));
    printf("udp %d\n", arrived(b));
    close(b);
    close(c);
}

/* What is sent with SENT covered to somebody who wants WANTED; -1: never said. */
static void covered(int family, int sent, int wanted)
{
    struct sockaddr_storage name;
    char buffer[100] = "";
    int b = bound(family, LITE, &name), a = to(family, LITE, &name);
    int raw = socket(AF_INET, SOCK_RAW, LITE);

    if (sent >= 0)
        setsockopt(a, LITE, SEND_COVERAGE, &sent, sizeof(sent));
    if (wanted >= 0)
        setsockopt(b, LITE, RECEIVE_COVERAGE, &wanted, sizeof(wanted));
    printf("sent %d wanted %d: ", sent, wanted);
    if (send(a, text, 20, 0) != 20)
        perror("send");
    printf("%s", arrived(b) ? "arrived" : "lost");
    if (arrived(b)) {
        ssize_t size = recv(b, buffer, sizeof(buffer), 0);
        printf(" %zd %s", size, memcmp(buffer, text, 20) == 0 ? "whole" : "changed");
    }
    if (family == AF_INET && recv(raw, buffer, sizeof(buffer), MSG_DONTWAIT) == 48)
        printf(" length %d", buffer[24] << 8 | buffer[25]);
    puts("");
    close(a);
    close(b);
    close(raw);
}

static void coverage(int family)
{
    static const int values[] = {-1, 0, 8, 9, 20, 27, 28, 29};

    printf("# coverage, family %d\n", family);
    for (size_t i = 0; i < COUNT(values); i++)
        for (size_t k = 0; k < COUNT(values); k++)
            covered(family, values[i], values[k]);
}

/* A datagram made by hand: COVERAGE in its header, a checksum of COVERED bytes, or of one too much
 * (CHANGE), or none. */
static uint16_t sum(const uint8_t *bytes, size_t size, uint32_t start)
{
    for (size_t i = 0; i < size; i++)
        start += i & 1 ? bytes[i] : (uint32_t)bytes[i] << 8;
    while (start >> 16)
        start = (start & 0xffff) + (start >> 16);
    return (uint16_t)start;
}

static void by_hand(int coverage, int covered, int change, bool none)
{
    struct sockaddr_storage name;
    int b = bound(AF_INET, LITE, &name), raw = socket(AF_INET, SOCK_RAW, LITE);
    struct sockaddr_in *in = (struct sockaddr_in *)&name;
    uint8_t bytes[28] = {0x12, 0x34}, pseudo[12] = {127, 0, 0, 1, 127, 0, 0, 1, 0, LITE, 0, 28};

    memcpy(bytes + 2, &in->sin_port, 2);
    bytes[5] = (uint8_t)coverage;
    memcpy(bytes + 8, text, 20);
    uint16_t whole = (uint16_t)~sum(bytes, (size_t)covered, sum(pseudo, 12, 0));
    bytes[6] = none ? 0 : (uint8_t)(whole >> 8);
    bytes[7] = none ? 0 : (uint8_t)whole;
    if (change >= 0)
        bytes[change] ^= 0x20;
    in->sin_port = 0;
    if (sendto(raw, bytes, 28, 0, (struct sockaddr *)&name, sizeof(*in)) != 28)
        perror("sendto");
    printf("coverage %d of %d, changed %d%s: %s\n", coverage, covered, change,
           none ? ", no checksum" : "", arrived(b) ? "arrived" : "lost");
    close(b);
    close(raw);
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    alarm(60);
    options(LITE);
    options(UDP);
    apart(AF_INET);
    apart(AF_INET6);
    coverage(AF_INET);
    coverage(AF_INET6);
    puts("# by hand");
    by_hand(28, 28, -1, false);
    by_hand(0, 28, -1, false);
    by_hand(28, 28, 20, false);
    by_hand(0, 28, 20, false);
    by_hand(12, 12, -1, false);
    by_hand(12, 12, 20, false);
    by_hand(12, 12, 10, false);
    by_hand(8, 8, 10, false);
    by_hand(7, 8, -1, false);
    by_hand(29, 28, -1, false);
    by_hand(28, 28, -1, true);
    return 0;
}
