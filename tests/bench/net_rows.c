/* Rows of network cards: eth0 at QEMU's own network, eth1 at a tap of the host. Their other ends
   are scripts/bench's, at the ports that /net/ports names, a line each: a word and a number;
   "cards" and how many there are is one of them. Without a card, or without that file, the rows are
   absent. */
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
#define TRIES    10 /* for one datagram */

/* How long nothing may come: a datagram is lost then, and sent again; a stream is broken. */
#define DATAGRAM_SECONDS 1
#define STREAM_SECONDS   30

static int end_fd = -1;

/* The number in "NAME NUMBER" of /net/ports, or 0. */
static unsigned told_number(const char *name)
{
    FILE *ports = fopen("/net/ports", "r");
    unsigned number, found = 0;
    char word[32];

    while (ports && fscanf(ports, "%31s %u", word, &number) == 2)
        if (strcmp(word, name) == 0)
            found = number;
    if (ports)
        fclose(ports);
    return found;
}

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

static bool cards_there(void)
{
    unsigned cards = told_number("cards");

    return (cards < 1 || if_nametoindex("eth0") != 0) && (cards < 2 || if_nametoindex("eth1") != 0);
}

void net_configure(void)
{
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    if (fd < 0)
        return;
    wait_until(cards_there);
    interface_up(fd, "lo", "127.0.0.1", "255.0.0.0");
    interface_up(fd, "eth0", "10.0.2.15", "255.255.255.0");
    interface_up(fd, "eth1", TAP_GUEST, "255.255.255.0");
    close(fd);
}

/* ---- The other ends ---- */

/* Whatever waits at the socket that is connected next ends after a while, with an error. */
static bool patience_set(int type)
{
    struct timeval patience = {type == SOCK_DGRAM ? DATAGRAM_SECONDS : STREAM_SECONDS, 0};

    return setsockopt(end_fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) == 0 &&
           setsockopt(end_fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) == 0;
}

/* A socket connected to the port of that name on the host. */
static bool connect_to(const char *card, const char *host, int type, const char *port_name)
{
    unsigned port = told_number(port_name);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};

    if (port == 0 || if_nametoindex(card) == 0) {
        errno = ENOSYS;
        return false;
    }
    inet_aton(host, &address.sin_addr);
    end_fd = socket(AF_INET, type, 0);
    return end_fd >= 0 && patience_set(type) &&
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

/* Waits for the echo of what is in `buffer`; one of a datagram that was taken for lost and came
   late is passed over. False when none came in time. */
static bool echo_read(void)
{
    static char echo[2 * DATAGRAM];
    long got;

    do {
        got = call(TRIED, SYS_read, end_fd, echo, sizeof(echo));
        if (gate_shut)
            return true;
    } while (got == DATAGRAM && memcmp(echo, buffer, DATAGRAM) != 0);
    if (got != DATAGRAM && got != -EAGAIN)
        row_fail(got < 0 ? -got : EPROTO);
    return got == DATAGRAM;
}

/* UDP may lose a datagram, as the way through the host does when it has much else to do. */
static void round_trip_once(void)
{
    static uint64_t number;

    number++;
    memcpy(buffer, &number, sizeof(number));
    for (unsigned n = 0; n < TRIES; n++) {
        call(DATAGRAM, SYS_write, end_fd, buffer, DATAGRAM);
        if (echo_read())
            return;
        losses++;
    }
    row_fail(ETIMEDOUT);
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
