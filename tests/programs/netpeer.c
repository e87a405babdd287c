/* netpeer: the plain other end of the network's tests. One static program, for Sluice and for
   Linux.

     netpeer serve PORT                 echo over TCP and UDP, until it is killed
     netpeer stream HOST PORT BYTES     a stream to an echo and back, compared byte by byte
     netpeer datagrams HOST PORT COUNT  datagrams of all sizes, each its own answer; some may get
   lost netpeer churn HOST PORT COUNT      connections, one after the other, a byte there and back
     netpeer hold HOST PORT COUNT       connections all at once, a byte there and back on each

   Ends with 0 if all was as it should be, after a line that says so. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define PIECE   16384
#define SECONDS 100

__attribute__((noreturn)) static void fail(const char *what)
{
    printf("netpeer: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* The byte at that place of the stream. */
static uint8_t byte_at(uint64_t place)
{
    return (uint8_t)((place * 2654435761u) >> 24) ^ (uint8_t)(place >> 13);
}

static long number(const char *text)
{
    char *end;
    long value = strtol(text, &end, 10);

    if (*end || value <= 0) {
        errno = EINVAL;
        fail(text);
    }
    return value;
}

/* Room for all descriptors that may be had. */
static void raise_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* ---- serve ---- */

struct connection {
    int fd;
    size_t held, sent; /* bytes of data that were read, and how many of them went back */
    char data[PIECE];
};

static int bound(int type, uint16_t port)
{
    struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    struct sockaddr_in any4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET6, type | SOCK_NONBLOCK, 0), on = 1, off = 0;

    if (fd >= 0) {
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
        if (setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) == 0 &&
            bind(fd, (struct sockaddr *)&any, sizeof(any)) == 0)
            return fd;
        close(fd);
    }
    fd = socket(AF_INET, type | SOCK_NONBLOCK, 0);
    if (fd < 0)
        fail("socket");
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, (struct sockaddr *)&any4, sizeof(any4)) < 0)
        fail("bind");
    return fd;
}

static void watch(int epoll, int operation, int fd, uint32_t events, void *what)
{
    struct epoll_event event = {.events = events, .data.ptr = what};

    if (epoll_ctl(epoll, operation, fd, &event) < 0)
        fail("epoll_ctl");
}

static void serve_datagrams(int fd)
{
    static char data[65536];
    struct sockaddr_storage from;
    socklen_t size = sizeof(from);
    ssize_t length;

    while ((length = recvfrom(fd, data, sizeof(data), 0, (struct sockaddr *)&from, &size)) >= 0) {
        sendto(fd, data, (size_t)length, 0, (struct sockaddr *)&from, size);
        size = sizeof(from);
    }
}

static void serve_new(int epoll, int listener)
{
    int fd;

    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        struct connection *connection = malloc(sizeof(*connection));

        if (!connection)
            fail("malloc");
        *connection = (struct connection){.fd = fd};
        watch(epoll, EPOLL_CTL_ADD, fd, EPOLLIN, connection);
    }
}

/* Gives back what is held. False: the connection is broken. */
static bool give_back(struct connection *connection)
{
    while (connection->sent < connection->held) {
        ssize_t sent = send(connection->fd, connection->data + connection->sent,
                            connection->held - connection->sent, MSG_NOSIGNAL);

        if (sent < 0)
            return errno == EAGAIN;
        connection->sent += (size_t)sent;
    }
    connection->held = connection->sent = 0;
    return true;
}

/* One turn: false when the connection is over. */
static bool serve_turn(struct connection *connection)
{
    if (connection->held == 0) {
        ssize_t got = recv(connection->fd, connection->data, sizeof(connection->data), 0);

        if (got < 0)
            return errno == EAGAIN;
        if (got == 0)
            return false;
        connection->held = (size_t)got;
    }
    return give_back(connection);
}

static void serve_connection(int epoll, struct connection *connection)
{
    if (!serve_turn(connection)) {
        close(connection->fd);
        free(connection);
        return;
    }
    watch(epoll, EPOLL_CTL_MOD, connection->fd, connection->held ? EPOLLOUT : EPOLLIN, connection);
}

static int serve(uint16_t port)
{
    static char for_listener, for_datagrams;
    int epoll = epoll_create1(0), listener = bound(SOCK_STREAM, port);
    int datagrams = bound(SOCK_DGRAM, port);
    struct epoll_event events[64];

    raise_limit();
    if (epoll < 0 || listen(listener, 1024) < 0)
        fail("listen");
    watch(epoll, EPOLL_CTL_ADD, listener, EPOLLIN, &for_listener);
    watch(epoll, EPOLL_CTL_ADD, datagrams, EPOLLIN, &for_datagrams);
    printf("serving\n");
    fflush(stdout);
    for (;;) {
        int count = epoll_wait(epoll, events, 64, -1);

        for (int n = 0; n < count; n++)
            if (events[n].data.ptr == &for_listener)
                serve_new(epoll, listener);
            else if (events[n].data.ptr == &for_datagrams)
                serve_datagrams(datagrams);
            else
                serve_connection(epoll, events[n].data.ptr);
    }
}

/* ---- the clients ---- */

/* Fills in ADDRESS and returns its size. */
static socklen_t address_of(const char *host, const char *port, struct sockaddr_storage *address)
{
    struct sockaddr_in *four = (struct sockaddr_in *)address;
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)address;

    memset(address, 0, sizeof(*address));
    four->sin_port = htons((uint16_t)number(port));
    four->sin_family = AF_INET;
    if (inet_pton(AF_INET, host, &four->sin_addr) == 1)
        return sizeof(*four);
    six->sin6_family = AF_INET6;
    if (inet_pton(AF_INET6, host, &six->sin6_addr) == 1)
        return sizeof(*six);
    errno = EINVAL;
    fail(host);
}

static int connected(const char *host, const char *port, int type)
{
    struct timeval patience = {SECONDS, 0};
    struct sockaddr_storage address;
    socklen_t size = address_of(host, port, &address);
    int fd = socket(address.ss_family, type, 0);

    if (fd < 0)
        fail("socket");
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    if (connect(fd, (struct sockaddr *)&address, size) < 0)
        fail("connect");
    return fd;
}

static uint64_t send_some(int fd, uint64_t place, uint64_t bytes)
{
    uint8_t piece[PIECE];
    size_t length = bytes - place < PIECE ? (size_t)(bytes - place) : PIECE;
    ssize_t sent;

    for (size_t n = 0; n < length; n++)
        piece[n] = byte_at(place + n);
    sent = send(fd, piece, length, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN)
        fail("send");
    place += sent > 0 ? (uint64_t)sent : 0;
    if (place == bytes && shutdown(fd, SHUT_WR) < 0)
        fail("shutdown");
    return place;
}

static uint64_t receive_some(int fd, uint64_t place, bool *ended)
{
    uint8_t piece[PIECE];
    ssize_t got = recv(fd, piece, sizeof(piece), MSG_DONTWAIT);

    if (got < 0 && errno != EAGAIN)
        fail("recv");
    *ended = got == 0;
    for (ssize_t n = 0; n < got; n++)
        if (piece[n] != byte_at(place + (uint64_t)n)) {
            printf("netpeer: byte %llu differs\n", (unsigned long long)place + (unsigned)n);
            exit(1);
        }
    return place + (got > 0 ? (uint64_t)got : 0);
}

static int stream(const char *host, const char *port, uint64_t bytes)
{
    int fd = connected(host, port, SOCK_STREAM);
    uint64_t sent = 0, received = 0;
    bool ended = false;

    while (!ended) {
        struct pollfd ready = {.fd = fd, .events = POLLIN | (sent < bytes ? POLLOUT : 0)};

        if (poll(&ready, 1, SECONDS * 1000) <= 0)
            fail("nothing moved for long");
        if (ready.revents & POLLOUT && sent < bytes)
            sent = send_some(fd, sent, bytes);
        if (ready.revents & (POLLIN | POLLHUP | POLLERR))
            received = receive_some(fd, received, &ended);
    }
    close(fd);
    printf("%llu of %llu bytes came back\n", (unsigned long long)received,
           (unsigned long long)bytes);
    return received != bytes;
}

/* Sends one and looks at what comes, for a moment. True: it came back. */
static bool datagram(int fd, unsigned turn, size_t size)
{
    static uint8_t data[65536], answer[65536];
    ssize_t got;

    for (size_t n = 0; n < size; n++)
        data[n] = byte_at(turn * 7919ull + n);
    memcpy(data, &turn, sizeof(turn));
    if (send(fd, data, size, 0) != (ssize_t)size)
        fail("send");
    while ((got = recv(fd, answer, sizeof(answer), 0)) >= 0)
        if (got >= (ssize_t)sizeof(turn) && memcmp(answer, &turn, sizeof(turn)) == 0) {
            if (got == (ssize_t)size && memcmp(data, answer, size) == 0)
                return true;
            printf("netpeer: datagram %u is damaged\n", turn);
            exit(1);
        }
    return false;
}

static int datagrams(const char *host, const char *port, unsigned count)
{
    static const size_t sizes[] = {4, 64, 512, 1400, 1472, 1473, 3000, 8000};
    struct timeval moment = {0, 300000};
    int fd = connected(host, port, SOCK_DGRAM);
    unsigned back = 0;

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &moment, sizeof(moment));
    for (unsigned n = 0; n < count; n++)
        back += datagram(fd, n, sizes[n % (sizeof(sizes) / sizeof(sizes[0]))]);
    printf("%u of %u datagrams came back\n", back, count);
    return back == 0;
}

static void one_byte(int fd)
{
    char byte = 'x';

    if (send(fd, &byte, 1, MSG_NOSIGNAL) != 1)
        fail("send");
    if (recv(fd, &byte, 1, 0) != 1 || byte != 'x')
        fail("recv");
}

static int churn(const char *host, const char *port, unsigned count)
{
    for (unsigned n = 0; n < count; n++) {
        int fd = connected(host, port, SOCK_STREAM);

        one_byte(fd);
        close(fd);
    }
    printf("%u connections one by one\n", count);
    return 0;
}

static int hold(const char *host, const char *port, unsigned count)
{
    int *fds = calloc(count, sizeof(*fds));

    raise_limit();
    for (unsigned n = 0; fds && n < count; n++)
        fds[n] = connected(host, port, SOCK_STREAM);
    for (unsigned n = 0; fds && n < count; n++)
        one_byte(fds[n]);
    for (unsigned n = 0; fds && n < count; n++)
        close(fds[n]);
    free(fds);
    printf("%u connections at once\n", count);
    return 0;
}

/* Connections that are sent all that they take and never read: what lies there for them is told,
 * and stays till it is killed. */
static int fill(const char *host, const char *port, unsigned count)
{
    static char zeros[PIECE];
    int *fds = calloc(count, sizeof(*fds));
    uint64_t all = 0;

    raise_limit();
    for (unsigned n = 0; fds && n < count; n++)
        fds[n] = connected(host, port, SOCK_STREAM);
    for (unsigned idle = 0; fds && idle < 10;) {
        uint64_t before = all;
        for (unsigned n = 0; n < count; n++) {
            ssize_t sent = send(fds[n], zeros, sizeof(zeros), MSG_DONTWAIT | MSG_NOSIGNAL);
            all += sent > 0 ? (uint64_t)sent : 0;
        }
        idle = all == before ? idle + 1 : 0;
        if (idle)
            usleep(50000);
    }
    printf("%u connections are filled, with %llu KiB\n", count, (unsigned long long)all >> 10);
    fflush(stdout);
    pause();
    free(fds);
    return 0;
}

int main(int count, char **words)
{
    if (count == 3 && strcmp(words[1], "serve") == 0)
        return serve((uint16_t)number(words[2]));
    if (count == 5 && strcmp(words[1], "stream") == 0)
        return stream(words[2], words[3], (uint64_t)number(words[4]));
    if (count == 5 && strcmp(words[1], "datagrams") == 0)
        return datagrams(words[2], words[3], (unsigned)number(words[4]));
    if (count == 5 && strcmp(words[1], "churn") == 0)
        return churn(words[2], words[3], (unsigned)number(words[4]));
    if (count == 5 && strcmp(words[1], "hold") == 0)
        return hold(words[2], words[3], (unsigned)number(words[4]));
    if (count == 5 && strcmp(words[1], "fill") == 0)
        return fill(words[2], words[3], (unsigned)number(words[4]));
    fprintf(stderr,
            "usage: netpeer serve PORT | stream|datagrams|churn|hold|fill HOST PORT NUMBER\n");
    return 2;
}
