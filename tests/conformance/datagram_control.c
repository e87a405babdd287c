/* Control data of datagrams: what an error queue says, and where a datagram came in. */
#include "show.h"

#include <arpa/inet.h>
#include <linux/errqueue.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#ifndef IPV6_RECVPKTINFO
#define IPV6_RECVPKTINFO  49
#define IPV6_PKTINFO      50
#define IPV6_RECVHOPLIMIT 51
#define IPV6_HOPLIMIT     52
#define IPV6_RECVTCLASS   66
#define IPV6_TCLASS       67
#endif
#ifndef IPV6_2292HOPLIMIT
#define IPV6_2292HOPLIMIT 8
#endif

static char text[64];
static struct iovec piece;
static union {
    char bytes[512];
    struct cmsghdr header;
} control;
static struct msghdr message;

static socklen_t loopback(int family, int port, struct sockaddr_storage *out)
{
    struct sockaddr_in *four = (struct sockaddr_in *)out;
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)out;

    memset(out, 0, sizeof(*out));
    if (family == AF_INET) {
        *four = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = (in_port_t)port};
        four->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        return sizeof(*four);
    }
    *six = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = (in_port_t)port};
    six->sin6_addr.s6_addr[15] = 1;
    return sizeof(*six);
}

static int bound(int family, int *port)
{
    struct sockaddr_storage name;
    int fd = socket(family, SOCK_DGRAM, 0);
    socklen_t length = loopback(family, 0, &name);

    if (fd < 0 || bind(fd, (struct sockaddr *)&name, length) < 0 ||
        getsockname(fd, (struct sockaddr *)&name, &length) < 0)
        exit(2);
    *port = ((struct sockaddr_in *)&name)->sin_port;
    return fd;
}

static long receive(int fd, size_t room, int flags)
{
    static struct sockaddr_storage from;

    piece = (struct iovec){text, sizeof(text)};
    message = (struct msghdr){.msg_name = &from,
                              .msg_namelen = sizeof(from),
                              .msg_iov = &piece,
                              .msg_iovlen = 1,
                              .msg_control = control.bytes,
                              .msg_controllen = room};
    long got = recvmsg(fd, &message, flags | MSG_DONTWAIT);
    if (got >= 0)
        printf("flags %#x, name of %d, control of %d\n", message.msg_flags,
               (int)message.msg_namelen, (int)message.msg_controllen);
    return got;
}

/* Behind the error is who complained. */
static void show_error(const struct cmsghdr *header)
{
    struct sock_extended_err error;
    struct sockaddr_in offender;

    memcpy(&error, CMSG_DATA(header), sizeof(error));
    memcpy(&offender, CMSG_DATA(header) + sizeof(error), sizeof(offender));
    printf("from family %d, port %d", offender.sin_family, offender.sin_port);
    if (offender.sin_family == AF_INET)
        printf(", %#x", ntohl(offender.sin_addr.s_addr));
    printf(": ");
    printf("error %d, origin %d, type %d, code %d, info %d, data %d\n", (int)error.ee_errno,
           error.ee_origin, error.ee_type, error.ee_code, (int)error.ee_info, (int)error.ee_data);
}

static void show_control(void)
{
    for (struct cmsghdr *h = CMSG_FIRSTHDR(&message); h; h = CMSG_NXTHDR(&message, h)) {
        const unsigned char *data = CMSG_DATA(h);
        printf("level %d, type %d, %d bytes:", h->cmsg_level, h->cmsg_type,
               (int)(h->cmsg_len - CMSG_LEN(0)));
        if ((h->cmsg_level == IPPROTO_IP && h->cmsg_type == IP_RECVERR) ||
            (h->cmsg_level == IPPROTO_IPV6 && h->cmsg_type == IPV6_RECVERR)) {
            show_error(h);
            continue;
        }
        for (size_t i = 0; i < h->cmsg_len - CMSG_LEN(0); i++)
            printf(" %d", data[i]);
        printf("\n");
    }
}

/* Nobody is at the port. */
static void errors(int family)
{
    int level = family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6, port, on = 1;
    int option = family == AF_INET ? IP_RECVERR : IPV6_RECVERR;
    struct sockaddr_storage name;
    int fd = socket(family, SOCK_DGRAM, 0);
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

    close(bound(family, &port));
    socklen_t length = loopback(family, port, &name);
    printf("-- errors of family %d\n", family);
    SHOW(setsockopt(fd, level, option, &on, sizeof(on)));
    SHOW(sendto(fd, "abcdef", 6, 0, (struct sockaddr *)&name, length));
    poll(&poll_fd, 1, 0);
    SHOW(poll_fd.revents);
    SHOW(receive(fd, sizeof(control), 0));
    SHOW(receive(fd, sizeof(control), MSG_ERRQUEUE));
    show_control();
    SHOW(receive(fd, sizeof(control), MSG_ERRQUEUE));
    SHOW(connect(fd, (struct sockaddr *)&name, length));
    SHOW(send(fd, "abcdef", 6, 0));
    SHOW(send(fd, "abcdef", 6, 0));
    SHOW(receive(fd, 20, MSG_ERRQUEUE));
    SHOW(receive(fd, 0, MSG_ERRQUEUE));
    close(fd);
}

/* Much comes back of much, but not all. */
static void long_errors(int family)
{
    static char bytes[2000];
    int level = family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6, port, on = 1;
    int option = family == AF_INET ? IP_RECVERR : IPV6_RECVERR;
    struct sockaddr_storage name;
    int fd = socket(family, SOCK_DGRAM, 0);

    close(bound(family, &port));
    socklen_t length = loopback(family, port, &name);
    printf("-- long errors of family %d\n", family);
    SHOW(setsockopt(fd, level, option, &on, sizeof(on)));
    SHOW(sendto(fd, bytes, sizeof(bytes), 0, (struct sockaddr *)&name, length));
    SHOW(recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT | MSG_ERRQUEUE));
    close(fd);
}

static void arrivals(int family)
{
    static const int wanted4[] = {IP_PKTINFO, IP_RECVTTL, IP_RECVTOS};
    static const int wanted6[] = {IPV6_RECVPKTINFO, IPV6_RECVHOPLIMIT, IPV6_RECVTCLASS};
    int level = family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6, port, on = 1, ttl = 33, tos = 16;
    struct sockaddr_storage name;
    int fd = bound(family, &port), sender = socket(family, SOCK_DGRAM, 0);
    socklen_t length = loopback(family, port, &name);

    printf("-- arrivals of family %d\n", family);
    for (size_t i = 0; i < COUNT(wanted4); i++)
        SHOW(setsockopt(fd, level, family == AF_INET ? wanted4[i] : wanted6[i], &on, sizeof(on)));
    SHOW(setsockopt(sender, level, family == AF_INET ? IP_TTL : IPV6_UNICAST_HOPS, &ttl,
                    sizeof(ttl)));
    SHOW(setsockopt(sender, level, family == AF_INET ? IP_TOS : IPV6_TCLASS, &tos, sizeof(tos)));
    SHOW(sendto(sender, "abc", 3, 0, (struct sockaddr *)&name, length));
    SHOW(receive(fd, sizeof(control), 0));
    show_control();
    SHOW(sendto(sender, "abc", 3, 0, (struct sockaddr *)&name, length));
    SHOW(receive(fd, 30, 0));
    if (family == AF_INET6) {
        SHOW(setsockopt(fd, level, IPV6_2292HOPLIMIT, &on, sizeof(on)));
        SHOW(sendto(sender, "abc", 3, 0, (struct sockaddr *)&name, length));
        SHOW(receive(fd, sizeof(control), 0));
        show_control();
    }
    close(fd);
    close(sender);
}

int main(void)
{
    errors(AF_INET);
    errors(AF_INET6);
    long_errors(AF_INET);
    long_errors(AF_INET6);
    arrivals(AF_INET);
    arrivals(AF_INET6);
    return 0;
}
