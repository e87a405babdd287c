/* Rows of sockets between two ends in the same machine: loopback and UNIX. Nothing of them waits:
   what is written can be read. */
#define _GNU_SOURCE
#include "bench.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PIECE 16384L

static struct sockaddr_in address;
static int listener = -1, near_end = -1, far_end = -1;

/* A socket at a free port of loopback, whose address is then in `address`. */
static int bound(int type)
{
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, type, 0);

    address =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (fd >= 0 && bind(fd, (struct sockaddr *)&address, size) == 0 &&
        getsockname(fd, (struct sockaddr *)&address, &size) == 0)
        return fd;
    close(fd);
    return -1;
}

static int connected(int type)
{
    int fd = socket(AF_INET, type, 0);

    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    close(fd);
    return -1;
}

static void ends_close(void)
{
    close(near_end);
    close(far_end);
    close(listener);
    near_end = far_end = listener = -1;
}

static bool listener_prepare(void)
{
    listener = bound(SOCK_STREAM);
    return listener >= 0 && listen(listener, 16) == 0;
}

static bool stream_prepare(void)
{
    int on = 1;

    if (!listener_prepare())
        return false;
    near_end = connected(SOCK_STREAM);
    far_end = near_end < 0 ? -1 : accept(listener, NULL, NULL);
    return far_end >= 0 && setsockopt(near_end, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == 0 &&
           setsockopt(far_end, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == 0;
}

static bool datagram_prepare(void)
{
    far_end = bound(SOCK_DGRAM);
    near_end = far_end < 0 ? -1 : connected(SOCK_DGRAM);
    return near_end >= 0;
}

static bool pair_prepare(void)
{
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0)
        return false;
    near_end = ends[0];
    far_end = ends[1];
    return true;
}

static void byte_once(void)
{
    call(1, SYS_write, near_end, buffer, 1);
    call(1, SYS_read, far_end, buffer, 1);
}

static void piece_once(void)
{
    call(PIECE, SYS_write, near_end, buffer, PIECE);
    call(PIECE, SYS_recvfrom, far_end, buffer, PIECE, MSG_WAITALL);
}

static void page_once(void)
{
    call(4096, SYS_write, near_end, buffer, 4096);
    call(4096, SYS_read, far_end, buffer, 4096);
}

static void datagram_once(void)
{
    call(64, SYS_write, near_end, buffer, 64);
    call(64, SYS_read, far_end, buffer, sizeof(buffer));
}

/* Closed by a reset, so that no end has to be kept for a minute. */
static void connection_once(void)
{
    struct linger none = {1, 0};
    long one = call(ANY, SYS_socket, AF_INET, SOCK_STREAM, 0);
    long other;

    call(0, SYS_setsockopt, one, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
    call(0, SYS_connect, one, &address, sizeof(address));
    other = call(ANY, SYS_accept, listener, 0, 0);
    call(0, SYS_close, one);
    call(0, SYS_close, other);
}

const struct row socket_rows[] = {
    {"lo_tcp_1", "TCP over loopback: write and read, 1 B", 300, 0, stream_prepare, byte_once,
     ends_close},
    {"lo_tcp_16k", "TCP over loopback: write and read, 16 KiB", 100, 0, stream_prepare, piece_once,
     ends_close},
    {"lo_connect", "TCP over loopback: connect, accept, close both", 50, 0, listener_prepare,
     connection_once, ends_close},
    {"lo_udp_64", "UDP over loopback: send and receive, 64 B", 500, 0, datagram_prepare,
     datagram_once, ends_close},
    {"unix_1", "UNIX stream: write and read, 1 B", 500, 0, pair_prepare, byte_once, ends_close},
    {"unix_4k", "UNIX stream: write and read, 4096 B", 300, 0, pair_prepare, page_once, ends_close},
    {0},
};
