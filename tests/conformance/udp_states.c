/* UDP sockets: what poll says and what each call answers; lengths, groups, what datagrams tell of
 * themselves, refusals. Over the loopback, IPv4 and IPv6. */
#include "show.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

static struct sockaddr_in here(int port)
{
    struct sockaddr_in name;

    memset(&name, 0, sizeof(name));
    name.sin_family = AF_INET;
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    name.sin_port = htons(port);
    return name;
}

static struct sockaddr_in6 here6(int port)
{
    struct sockaddr_in6 name;

    memset(&name, 0, sizeof(name));
    name.sin6_family = AF_INET6;
    name.sin6_addr.s6_addr[15] = 1;
    name.sin6_port = htons(port);
    return name;
}

static int port_of(int fd)
{
    struct sockaddr_storage name;
    socklen_t length = sizeof(name);

    if (getsockname(fd, (struct sockaddr *)&name, &length) < 0)
        return 0;
    return ntohs(((struct sockaddr_in *)&name)->sin_port);
}

static void bits(const char *what, int fd)
{
    struct pollfd p = {fd, POLLIN | POLLOUT | POLLPRI | POLLRDHUP, 0};

    poll(&p, 1, 0);
    printf("%s: poll%s%s%s%s%s%s\n", what, p.revents & POLLIN ? " IN" : "",
           p.revents & POLLOUT ? " OUT" : "", p.revents & POLLPRI ? " PRI" : "",
           p.revents & POLLRDHUP ? " RDHUP" : "", p.revents & POLLHUP ? " HUP" : "",
           p.revents & POLLERR ? " ERR" : "");
}

static int bound(void)
{
    struct sockaddr_in name = here(0);
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    if (bind(fd, (struct sockaddr *)&name, sizeof(name)) < 0)
        perror("bind");
    return fd;
}

static void plain(void)
{
    int a = socket(AF_INET, SOCK_DGRAM, 0), b = bound(), number = -1;
    struct sockaddr_in to = here(port_of(b)), from;
    socklen_t length = sizeof(from);
    char buffer[100];

    puts("# plain");
    bits("new", a);
    SHOW(send(a, "x", 1, 0));
    SHOW(recv(a, buffer, 1, MSG_DONTWAIT));
    SHOW(getpeername(a, (struct sockaddr *)&from, &length));
    SHOW(listen(a, 1));
    SHOW(accept(a, NULL, NULL));
    SHOW(sendto(a, "hello", 5, 0, (struct sockaddr *)&to, sizeof(to)));
    bits("b", b);
    SHOW(ioctl(b, FIONREAD, &number));
    printf("readable %d\n", number);
    length = sizeof(from);
    SHOW(recvfrom(b, buffer, 3, MSG_PEEK, (struct sockaddr *)&from, &length));
    printf("length %d family %d mine %d\n", (int)length, from.sin_family,
           ntohs(from.sin_port) == port_of(a));
    SHOW(recv(b, buffer, 3, MSG_PEEK | MSG_TRUNC));
    SHOW(recv(b, buffer, 3, 0));
    SHOW(recv(b, buffer, 3, MSG_DONTWAIT));
    SHOW(sendto(a, "", 0, 0, (struct sockaddr *)&to, sizeof(to)));
    bits("b, empty datagram", b);
    SHOW(recv(b, buffer, 3, 0));
    SHOW(sendto(a, "x", 1, MSG_OOB, (struct sockaddr *)&to, sizeof(to)));
    SHOW(recv(b, buffer, 3, MSG_OOB | MSG_DONTWAIT));
    to.sin_port = 0;
    SHOW(sendto(a, "x", 1, 0, (struct sockaddr *)&to, sizeof(to)));
    SHOW(sendto(a, "x", 1, 0, (struct sockaddr *)&to, 7));
    SHOW(shutdown(a, SHUT_RD));
    bits("shut", a);
    SHOW(recv(a, buffer, 1, MSG_DONTWAIT));
    close(a);
    close(b);
}

static void connected(void)
{
    int a = socket(AF_INET, SOCK_DGRAM, 0), b = bound(), c = bound();
    struct sockaddr_in to = here(port_of(b)), none;
    socklen_t length = sizeof(none);
    char buffer[10];

    puts("# connected");
    SHOW(connect(a, (struct sockaddr *)&to, sizeof(to)));
    SHOW(getpeername(a, (struct sockaddr *)&none, &length));
    SHOW(send(a, "x", 1, 0));
    SHOW(recv(b, buffer, 10, 0));
    to = here(port_of(a));
    SHOW(sendto(c, "no", 2, 0, (struct sockaddr *)&to, sizeof(to)));
    SHOW(recv(a, buffer, 10, MSG_DONTWAIT));
    SHOW(sendto(b, "yes", 3, 0, (struct sockaddr *)&to, sizeof(to)));
    SHOW(recv(a, buffer, 10, MSG_DONTWAIT));
    memset(&none, 0, sizeof(none));
    SHOW(connect(a, (struct sockaddr *)&none, sizeof(none)));
    length = sizeof(none);
    SHOW(getpeername(a, (struct sockaddr *)&none, &length));
    printf("port kept: %d\n", port_of(a) != 0);

    puts("# refused");
    to = here(port_of(c));
    close(c);
    SHOW(connect(a, (struct sockaddr *)&to, sizeof(to)));
    SHOW(send(a, "x", 1, 0));
    bits("refused", a);
    SHOW(send(a, "x", 1, 0));
    SHOW(send(a, "x", 1, 0));
    SHOW(recv(a, buffer, 1, MSG_DONTWAIT));
    SHOW(recv(a, buffer, 1, MSG_DONTWAIT));
    SHOW(shutdown(a, SHUT_WR));
    SHOW(send(a, "x", 1, MSG_NOSIGNAL));
    bits("shut", a);
    SHOW(shutdown(a, SHUT_RDWR));
    bits("shut", a);
    SHOW(recv(a, buffer, 1, 0));
    close(a);
    close(b);
}

static void lengths(void)
{
    static char block[70000], back[70000];
    static const int sizes[] = {1, 1471, 1472, 1473, 9000, 65506, 65507, 65508, 65535, 70000};
    int a = socket(AF_INET, SOCK_DGRAM, 0), b = bound();
    struct sockaddr_in to = here(port_of(b));

    puts("# lengths");
    for (unsigned i = 0; i < sizeof(block); i++)
        block[i] = i * 7 + i / 256;
    for (unsigned i = 0; i < COUNT(sizes); i++) {
        long sent =
            show("sendto", sendto(a, block, sizes[i], 0, (struct sockaddr *)&to, sizeof(to)));
        if (sent < 0)
            continue;
        show("recv", recv(b, back, sizeof(back), MSG_DONTWAIT));
        printf("same %d\n", memcmp(block, back, sent) == 0);
    }
    close(a);
    close(b);
}

static void told(int level, int option, int fd, int to_fd, const char *what)
{
    char control[200], byte;
    struct iovec iov = {&byte, 1};
    struct msghdr message;
    int on = 1;

    memset(&message, 0, sizeof(message));
    message.msg_iov = &iov;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof(control);
    show(what, setsockopt(to_fd, level, option, &on, sizeof(on)));
    send(fd, "x", 1, 0);
    if (show("recvmsg", recvmsg(to_fd, &message, MSG_DONTWAIT)) < 0)
        message.msg_controllen = 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
        printf("  level %d type %d length %d", c->cmsg_level, c->cmsg_type, (int)c->cmsg_len);
        if (c->cmsg_len == CMSG_LEN(4))
            printf(" value %d", *(int *)(void *)CMSG_DATA(c));
        if (c->cmsg_len == CMSG_LEN(1))
            printf(" value %d", *CMSG_DATA(c));
        puts("");
    }
    on = 0;
    setsockopt(to_fd, level, option, &on, sizeof(on));
}

static void telling(void)
{
    int a = socket(AF_INET, SOCK_DGRAM, 0), b = bound(), ttl = 9, tos = 0x10;
    struct sockaddr_in to = here(port_of(b));

    puts("# control data");
    connect(a, (struct sockaddr *)&to, sizeof(to));
    setsockopt(a, IPPROTO_IP, IP_TTL, &ttl, sizeof(ttl));
    setsockopt(a, IPPROTO_IP, IP_TOS, &tos, sizeof(tos));
    told(IPPROTO_IP, IP_RECVTTL, a, b, "IP_RECVTTL");
    told(IPPROTO_IP, IP_RECVTOS, a, b, "IP_RECVTOS");
    told(IPPROTO_IP, IP_PKTINFO, a, b, "IP_PKTINFO");
    told(SOL_SOCKET, SO_TIMESTAMP, a, b, "SO_TIMESTAMP");
    told(SOL_SOCKET, 35, a, b, "SO_TIMESTAMPNS");
    close(a);
    close(b);
}

static void six(void)
{
    int a = socket(AF_INET6, SOCK_DGRAM, 0), b = socket(AF_INET6, SOCK_DGRAM, 0), on = 1;
    int four = socket(AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_in6 name = here6(0), from;
    struct sockaddr_in to;
    socklen_t length = sizeof(from);
    char buffer[10], text[60];

    puts("# IPv6");
    bits("new", a);
    memset(&name.sin6_addr, 0, sizeof(name.sin6_addr));
    SHOW(bind(b, (struct sockaddr *)&name, sizeof(name)));
    SHOW(setsockopt(b, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)));
    to = here(port_of(b));
    name = here6(port_of(b));
    SHOW(sendto(a, "six", 3, 0, (struct sockaddr *)&name, sizeof(name)));
    SHOW(recvfrom(b, buffer, 10, MSG_DONTWAIT, (struct sockaddr *)&from, &length));
    printf("%s %d\n", inet_ntop(AF_INET6, &from.sin6_addr, text, sizeof(text)), (int)length);
    SHOW(sendto(four, "four", 4, 0, (struct sockaddr *)&to, sizeof(to)));
    length = sizeof(from);
    SHOW(recvfrom(b, buffer, 10, MSG_DONTWAIT, (struct sockaddr *)&from, &length));
    printf("%s\n", inet_ntop(AF_INET6, &from.sin6_addr, text, sizeof(text)));
    SHOW(sendto(b, "back", 4, 0, (struct sockaddr *)&from, length));
    SHOW(recv(four, buffer, 10, MSG_DONTWAIT));
    SHOW(bind(four, (struct sockaddr *)&to, sizeof(to)));
    close(a);
    a = socket(AF_INET6, SOCK_DGRAM, 0);
    SHOW(setsockopt(a, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)));
    SHOW(sendto(a, "x", 1, 0, (struct sockaddr *)&from, length));
    told(IPPROTO_IPV6, IPV6_RECVHOPLIMIT, a, b, "IPV6_RECVHOPLIMIT");
    connect(a, (struct sockaddr *)&name, sizeof(name));
    told(IPPROTO_IPV6, IPV6_RECVHOPLIMIT, a, b, "IPV6_RECVHOPLIMIT");
    told(IPPROTO_IPV6, IPV6_RECVPKTINFO, a, b, "IPV6_RECVPKTINFO");
    close(a);
    close(b);
    close(four);
}

static void groups(void)
{
    int a = socket(AF_INET, SOCK_DGRAM, 0), b = socket(AF_INET, SOCK_DGRAM, 0), off = 0;
    struct sockaddr_in name = here(0), to;
    struct ip_mreq request;
    char buffer[10];

    puts("# groups");
    name.sin_addr.s_addr = htonl(INADDR_ANY);
    SHOW(bind(b, (struct sockaddr *)&name, sizeof(name)));
    to = here(port_of(b));
    to.sin_addr.s_addr = inet_addr("239.1.2.3");
    request.imr_multiaddr = to.sin_addr;
    request.imr_interface.s_addr = htonl(INADDR_LOOPBACK);
    SHOW(setsockopt(b, IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof(request)));
    SHOW(setsockopt(b, IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof(request)));
    SHOW(setsockopt(a, IPPROTO_IP, IP_MULTICAST_IF, &request.imr_interface,
                    sizeof(request.imr_interface)));
    SHOW(sendto(a, "group", 5, 0, (struct sockaddr *)&to, sizeof(to)));
    SHOW(recv(b, buffer, 10, MSG_DONTWAIT));
    SHOW(recv(b, buffer, 10, MSG_DONTWAIT));
    SHOW(setsockopt(a, IPPROTO_IP, IP_MULTICAST_LOOP, &off, sizeof(off)));
    SHOW(setsockopt(b, IPPROTO_IP, IP_DROP_MEMBERSHIP, &request, sizeof(request)));
    SHOW(setsockopt(b, IPPROTO_IP, IP_DROP_MEMBERSHIP, &request, sizeof(request)));
    request.imr_multiaddr.s_addr = htonl(INADDR_LOOPBACK);
    SHOW(setsockopt(b, IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof(request)));
    close(a);
    close(b);
}

static void full(void)
{
    int a = socket(AF_INET, SOCK_DGRAM, 0), b = bound(), size = 4096;
    struct sockaddr_in to = here(port_of(b));
    static char block[1000];
    int sent = 0, got = 0;

    puts("# full");
    setsockopt(b, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
    for (int i = 0; i < 100; i++)
        sent += sendto(a, block, sizeof(block), 0, (struct sockaddr *)&to, sizeof(to)) > 0;
    while (recv(b, block, sizeof(block), MSG_DONTWAIT) > 0)
        got++;
    printf("sent %d, some came %d, not all %d\n", sent, got > 0, got < 100);
    close(a);
    close(b);
}

/* Flags that mean something to receiving: to a send they are nothing. */
static void idle_flags(void)
{
    static const int flags[] = {MSG_WAITALL, MSG_PEEK, MSG_TRUNC, MSG_CTRUNC, MSG_OOB};
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof to;
    int listener = socket(AF_INET, SOCK_STREAM, 0), stream = socket(AF_INET, SOCK_STREAM, 0);
    int udp = socket(AF_INET, SOCK_DGRAM, 0), raw = socket(AF_INET, SOCK_RAW, 253);

    bind(listener, (struct sockaddr *)&to, sizeof to);
    listen(listener, 1);
    getsockname(listener, (struct sockaddr *)&to, &length);
    SHOW(connect(stream, (struct sockaddr *)&to, sizeof to));
    SHOW(connect(udp, (struct sockaddr *)&to, sizeof to));
    for (size_t i = 0; i < COUNT(flags); i++) {
        printf("flag %x\n", flags[i]);
        SHOW(send(stream, "ab", 2, flags[i]));
        SHOW(send(raw, "ab", 2, flags[i]));
        SHOW(sendto(raw, "ab", 2, flags[i], (struct sockaddr *)&to, sizeof to));
        close(udp);
        udp = socket(AF_INET, SOCK_DGRAM, 0);
        SHOW(sendto(udp, "ab", 2, flags[i], (struct sockaddr *)&to, sizeof to));
    }
    close(listener);
    close(stream);
    close(udp);
    close(raw);
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGPIPE, SIG_IGN);
    plain();
    connected();
    lengths();
    telling();
    six();
    groups();
    full();
    idle_flags();
    return 0;
}
