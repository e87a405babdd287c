/* Rows of network cards: eth0 at QEMU's own network, eth1 at a tap of the host. Their other ends
   are scripts/bench's, at the ports that /net/ports names, a line each: a word and a number.
   Without a card, or without that file, the rows are absent. */
#define _GNU_SOURCE
#include "bench.h"
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#define USER_HOST "10.0.2.2"
#define TAP_HOST  "10.77.0.1" /* scripts/bench sets it up */
#define TAP_GUEST "10.77.0.2"

#define PIECE    65536L
#define DATAGRAM 64L

static int end_fd = -1;

/* ---- The machine's addresses: Linux has none yet, Sluice asks by DHCP on the first card. ---- */

static bool interface_set(int fd, const char *name, unsigned long request, const char *text)
{
    struct ifreq wanted = {0};
    struct sockaddr_in *address = (struct sockaddr_in *)&wanted.ifr_addr;

    strcpy(wanted.ifr_name, name);
    address->sin_family = AF_INET;
    inet_aton(text, &address->sin_addr);
    return ioctl(fd, request, &wanted) == 0;
}

static void interface_up(int fd, const char *name, const char *address, const char *mask)
{
    struct ifreq asked = {0};

    strcpy(asked.ifr_name, name);
    if (ioctl(fd, SIOCGIFINDEX, &asked) < 0 || ioctl(fd, SIOCGIFADDR, &asked) == 0)
        return;
    interface_set(fd, name, SIOCSIFADDR, address);
    interface_set(fd, name, SIOCSIFNETMASK, mask);
    if (ioctl(fd, SIOCGIFFLAGS, &asked) == 0) {
        asked.ifr_flags |= IFF_UP | IFF_RUNNING;
        ioctl(fd, SIOCSIFFLAGS, &asked);
    }
}

void net_configure(void)
{
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    if (fd < 0)
        return;
    interface_up(fd, "lo", "127.0.0.1", "255.0.0.0");
    interface_up(fd, "eth0", "10.0.2.15", "255.255.255.0");
    interface_up(fd, "eth1", TAP_GUEST, "255.255.255.0");
    close(fd);
}

/* ---- The other ends ---- */

/* The port of that name, or 0. */
static unsigned port_of(const char *name)
{
    FILE *ports = fopen("/net/ports", "r");
    unsigned port, found = 0;
    char word[32];

    while (ports && fscanf(ports, "%31s %u", word, &port) == 2)
        if (strcmp(word, name) == 0)
            found = port;
    if (ports)
        fclose(ports);
    return found;
}

/* A socket connected to the port of that name on the host; an answer that never comes is an error
   after a while. */
static bool connect_to(const char *card, const char *host, int type, const char *port_name)
{
    struct timeval patience = {5, 0};
    unsigned port = port_of(port_name);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};

    if (port == 0 || if_nametoindex(card) == 0) {
        errno = ENOSYS;
        return false;
    }
    inet_aton(host, &address.sin_addr);
    end_fd = socket(AF_INET, type, 0);
    return end_fd >= 0 &&
           setsockopt(end_fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) == 0 &&
           connect(end_fd, (struct sockaddr *)&address, sizeof(address)) == 0;
}

static bool user_udp_sink(void)
{
    return connect_to("eth0", USER_HOST, SOCK_DGRAM, "udp_sink");
}

static bool user_udp_echo(void)
{
    return connect_to("eth0", USER_HOST, SOCK_DGRAM, "udp_echo");
}

static bool user_tcp_sink(void)
{
    return connect_to("eth0", USER_HOST, SOCK_STREAM, "tcp_sink");
}

static bool user_tcp_source(void)
{
    return connect_to("eth0", USER_HOST, SOCK_STREAM, "tcp_source");
}

static bool tap_udp_echo(void)
{
    return connect_to("eth1", TAP_HOST, SOCK_DGRAM, "udp_echo");
}

static bool tap_tcp_sink(void)
{
    return connect_to("eth1", TAP_HOST, SOCK_STREAM, "tcp_sink");
}

static bool tap_tcp_source(void)
{
    return connect_to("eth1", TAP_HOST, SOCK_STREAM, "tcp_source");
}

static void end_close(void)
{
    close(end_fd);
    end_fd = -1;
}

static void datagram_once(void)
{
    call(DATAGRAM, SYS_write, end_fd, buffer, DATAGRAM);
}

static void round_trip_once(void)
{
    call(DATAGRAM, SYS_write, end_fd, buffer, DATAGRAM);
    call(DATAGRAM, SYS_read, end_fd, buffer, sizeof(buffer));
}

static void send_once(void)
{
    call(PIECE, SYS_write, end_fd, buffer, PIECE);
}

static void receive_once(void)
{
    call(PIECE, SYS_recvfrom, end_fd, buffer, PIECE, MSG_WAITALL);
}

const struct row net_rows[] = {
    {"net_udp_send", "card: UDP send, 64 B", 300, 0, user_udp_sink, datagram_once, end_close},
    {"net_udp_trip", "card: UDP round trip, 64 B", 100, 0, user_udp_echo, round_trip_once,
     end_close},
    {"net_tcp_send", "card: TCP send, 64 KiB", 30, 0, user_tcp_sink, send_once, end_close},
    {"net_tcp_receive", "card: TCP receive, 64 KiB", 30, 0, user_tcp_source, receive_once,
     end_close},
    {"tap_udp_trip", "tap: UDP round trip, 64 B", 100, 0, tap_udp_echo, round_trip_once, end_close},
    {"tap_tcp_send", "tap: TCP send, 64 KiB", 100, 0, tap_tcp_sink, send_once, end_close},
    {"tap_tcp_receive", "tap: TCP receive, 64 KiB", 100, 0, tap_tcp_source, receive_once,
     end_close},
    {0},
};
