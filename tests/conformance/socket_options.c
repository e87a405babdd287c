/*
 * Every option of socket(7), ip(7), ipv6(7), tcp(7), udp(7), unix(7) and of the headers behind
 * them, on every kind of socket: what it is at first, what setting it answers, what it is then.
 * On Linux in a network namespace of its own, where nobody has changed the defaults.
 *
 * Where Sluice lacks an option, or its value is another one for a reason that docs/sockets.md
 * gives, the row names the kinds of socket, and of these only what is true of both is told: that it
 * is refused, or that what is set is read then. So no option may be taken and ignored.
 */
#include "show.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

#define NEWNET 0x40000000

enum { SOCKET = 1, IP = 0, TCP = 6, UDP = 17, IPV6 = 41, RAW = 255 };

static const struct kind {
    const char *name;
    int family, type, protocol;
    bool pair;
} kinds[] = {
    {"tcp", AF_INET, SOCK_STREAM, 0, false},
    {"tcp6", AF_INET6, SOCK_STREAM, 0, false},
    {"udp", AF_INET, SOCK_DGRAM, 0, false},
    {"udp6", AF_INET6, SOCK_DGRAM, 0, false},
    {"raw", AF_INET, SOCK_RAW, 253, false},
    {"raw6", AF_INET6, SOCK_RAW, 253, false},
    {"unix stream", AF_UNIX, SOCK_STREAM, 0, true},
    {"unix datagram", AF_UNIX, SOCK_DGRAM, 0, true},
    {"unix seqpacket", AF_UNIX, SOCK_SEQPACKET, 0, true},
};

enum { TCP4 = 1, TCP6 = 2, UDP4 = 4, UDP6 = 8, RAW4 = 16, RAW6 = 32, STREAM = 64, DGRAM = 128 };
enum { SEQ = 256, TCPS = 3, UDPS = 12, RAWS = 48, IPV6S = 42, INET = 63, UNIX = 448, ALL = 511 };

static const struct option {
    const char *name;
    int level, number;
    int differing; /* kinds of socket on which Sluice lacks it, or has another value */
} options[] = {
    /* socket(7) */
    {"SO_DEBUG", SOCKET, 1, 0},
    {"SO_REUSEADDR", SOCKET, 2, 0},
    {"SO_TYPE", SOCKET, 3, 0},
    {"SO_ERROR", SOCKET, 4, 0},
    {"SO_DONTROUTE", SOCKET, 5, 0},
    {"SO_BROADCAST", SOCKET, 6, 0},
    {"SO_SNDBUF", SOCKET, 7, TCPS},
    {"SO_RCVBUF", SOCKET, 8, TCPS},
    {"SO_KEEPALIVE", SOCKET, 9, 0},
    {"SO_OOBINLINE", SOCKET, 10, 0},
    {"SO_NO_CHECK", SOCKET, 11, 0},
    {"SO_PRIORITY", SOCKET, 12, 0},
    {"SO_LINGER", SOCKET, 13, 0},
    {"SO_BSDCOMPAT", SOCKET, 14, ALL},
    {"SO_REUSEPORT", SOCKET, 15, UNIX}, /* refused since Linux 6.13 */
    {"SO_PASSCRED", SOCKET, 16, INET},  /* refused since Linux 6.16 */
    {"SO_PEERCRED", SOCKET, 17, UNIX},
    {"SO_RCVLOWAT", SOCKET, 18, TCPS},
    {"SO_SNDLOWAT", SOCKET, 19, 0},
    {"SO_RCVTIMEO", SOCKET, 20, 0},
    {"SO_SNDTIMEO", SOCKET, 21, 0},
    {"SO_SECURITY_AUTHENTICATION", SOCKET, 22, 0},
    {"SO_BINDTODEVICE", SOCKET, 25, 0},
    {"SO_ATTACH_FILTER", SOCKET, 26, STREAM},
    {"SO_DETACH_FILTER", SOCKET, 27, STREAM},
    {"SO_PEERNAME", SOCKET, 28, 0},
    {"SO_TIMESTAMP", SOCKET, 29, 0},
    {"SO_ACCEPTCONN", SOCKET, 30, 0},
    {"SO_PEERSEC", SOCKET, 31, 0},
    {"SO_SNDBUFFORCE", SOCKET, 32, 0},
    {"SO_RCVBUFFORCE", SOCKET, 33, 0},
    {"SO_PASSSEC", SOCKET, 34, ALL},
    {"SO_TIMESTAMPNS", SOCKET, 35, 0},
    {"SO_MARK", SOCKET, 36, 0},
    {"SO_TIMESTAMPING", SOCKET, 37, ALL},
    {"SO_PROTOCOL", SOCKET, 38, 0},
    {"SO_DOMAIN", SOCKET, 39, 0},
    {"SO_RXQ_OVFL", SOCKET, 40, 0},
    {"SO_WIFI_STATUS", SOCKET, 41, ALL},
    {"SO_PEEK_OFF", SOCKET, 42, INET},
    {"SO_NOFCS", SOCKET, 43, ALL},
    {"SO_LOCK_FILTER", SOCKET, 44, STREAM},
    {"SO_SELECT_ERR_QUEUE", SOCKET, 45, ALL},
    {"SO_BUSY_POLL", SOCKET, 46, ALL},
    {"SO_MAX_PACING_RATE", SOCKET, 47, ALL},
    {"SO_BPF_EXTENSIONS", SOCKET, 48, ALL},
    {"SO_INCOMING_CPU", SOCKET, 49, ALL},
    {"SO_ATTACH_BPF", SOCKET, 50, ALL},
    {"SO_ATTACH_REUSEPORT_CBPF", SOCKET, 51, ALL},
    {"SO_ATTACH_REUSEPORT_EBPF", SOCKET, 52, ALL},
    {"SO_CNX_ADVICE", SOCKET, 53, ALL},
    {"SO_MEMINFO", SOCKET, 55, ALL},
    {"SO_INCOMING_NAPI_ID", SOCKET, 56, ALL},
    {"SO_COOKIE", SOCKET, 57, 0},
    {"SO_PEERGROUPS", SOCKET, 59, ALL},
    {"SO_ZEROCOPY", SOCKET, 60, 0},
    {"SO_TXTIME", SOCKET, 61, ALL},
    {"SO_BINDTOIFINDEX", SOCKET, 62, ALL},
    {"SO_TIMESTAMP_NEW", SOCKET, 63, 0},
    {"SO_TIMESTAMPNS_NEW", SOCKET, 64, 0},
    {"SO_TIMESTAMPING_NEW", SOCKET, 65, ALL},
    {"SO_RCVTIMEO_NEW", SOCKET, 66, 0},
    {"SO_SNDTIMEO_NEW", SOCKET, 67, 0},
    {"SO_DETACH_REUSEPORT_BPF", SOCKET, 68, ALL},
    {"SO_PREFER_BUSY_POLL", SOCKET, 69, ALL},
    {"SO_BUSY_POLL_BUDGET", SOCKET, 70, ALL},
    {"SO_NETNS_COOKIE", SOCKET, 71, ALL},
    {"SO_BUF_LOCK", SOCKET, 72, ALL},
    {"SO_RESERVE_MEM", SOCKET, 73, ALL},
    {"SO_TXREHASH", SOCKET, 74, ALL},
    {"SO_RCVMARK", SOCKET, 75, ALL},
    {"SO_PASSPIDFD", SOCKET, 76, ALL},
    {"SO_PEERPIDFD", SOCKET, 77, ALL},
    {"nothing's", SOCKET, 4444, 0},
    /* ip(7) */
    {"IP_TOS", IP, 1, 0},
    {"IP_TTL", IP, 2, 0},
    {"IP_HDRINCL", IP, 3, TCPS | UDPS},
    {"IP_OPTIONS", IP, 4, TCPS | UDPS | RAW4},
    {"IP_ROUTER_ALERT", IP, 5, TCPS | UDPS | RAW4},
    {"IP_RECVOPTS", IP, 6, TCPS | UDPS | RAW4},
    {"IP_RETOPTS", IP, 7, TCPS | UDPS | RAW4},
    {"IP_PKTINFO", IP, 8, TCPS},
    {"IP_PKTOPTIONS", IP, 9, TCPS},
    {"IP_MTU_DISCOVER", IP, 10, TCPS},
    {"IP_RECVERR", IP, 11, TCPS | RAW4},
    {"IP_RECVTTL", IP, 12, TCPS},
    {"IP_RECVTOS", IP, 13, TCPS},
    {"IP_MTU", IP, 14, 0},
    {"IP_FREEBIND", IP, 15, 0},
    {"IP_IPSEC_POLICY", IP, 16, TCPS | UDPS | RAW4},
    {"IP_XFRM_POLICY", IP, 17, TCPS | UDPS | RAW4},
    {"IP_PASSSEC", IP, 18, TCPS | UDPS | RAW4},
    {"IP_TRANSPARENT", IP, 19, TCPS | UDPS | RAW4},
    {"IP_RECVORIGDSTADDR", IP, 20, TCPS | RAW4},
    {"IP_MINTTL", IP, 21, TCPS | UDPS | RAW4},
    {"IP_NODEFRAG", IP, 22, TCPS | UDPS | RAW4},
    {"IP_CHECKSUM", IP, 23, TCPS | UDPS | RAW4},
    {"IP_BIND_ADDRESS_NO_PORT", IP, 24, UDPS | RAW4},
    {"IP_RECVFRAGSIZE", IP, 25, TCPS | UDPS | RAW4},
    {"IP_RECVERR_RFC4884", IP, 26, TCPS | UDPS | RAW4},
    {"IP_MULTICAST_IF", IP, 32, 0},
    {"IP_MULTICAST_TTL", IP, 33, 0},
    {"IP_MULTICAST_LOOP", IP, 34, TCPS},
    {"IP_ADD_MEMBERSHIP", IP, 35, 0},
    {"IP_DROP_MEMBERSHIP", IP, 36, UDPS | RAW4},
    {"IP_UNBLOCK_SOURCE", IP, 37, TCPS | UDPS | RAW4},
    {"IP_BLOCK_SOURCE", IP, 38, TCPS | UDPS | RAW4},
    {"IP_ADD_SOURCE_MEMBERSHIP", IP, 39, TCPS | UDPS | RAW4},
    {"IP_DROP_SOURCE_MEMBERSHIP", IP, 40, TCPS | UDPS | RAW4},
    {"IP_MSFILTER", IP, 41, TCPS | UDPS | RAW4},
    {"MCAST_JOIN_GROUP", IP, 42, TCPS | UDPS | RAW4},
    {"MCAST_BLOCK_SOURCE", IP, 43, TCPS | UDPS | RAW4},
    {"MCAST_UNBLOCK_SOURCE", IP, 44, TCPS | UDPS | RAW4},
    {"MCAST_LEAVE_GROUP", IP, 45, TCPS | UDPS | RAW4},
    {"MCAST_JOIN_SOURCE_GROUP", IP, 46, TCPS | UDPS | RAW4},
    {"MCAST_LEAVE_SOURCE_GROUP", IP, 47, TCPS | UDPS | RAW4},
    {"MCAST_MSFILTER", IP, 48, TCPS | UDPS | RAW4},
    {"IP_MULTICAST_ALL", IP, 49, TCPS},
    {"IP_UNICAST_IF", IP, 50, TCPS},
    {"IP_LOCAL_PORT_RANGE", IP, 51, TCPS | UDPS | RAW4},
    {"IP_PROTOCOL", IP, 52, TCPS | UDPS | RAW4},
    {"IP's nothing", IP, 444, 0},
    /* ipv6(7) */
    {"IPV6_ADDRFORM", IPV6, 1, IPV6S},
    {"IPV6_2292PKTINFO", IPV6, 2, IPV6S},
    {"IPV6_2292HOPOPTS", IPV6, 3, IPV6S},
    {"IPV6_2292DSTOPTS", IPV6, 4, IPV6S},
    {"IPV6_2292RTHDR", IPV6, 5, IPV6S},
    {"IPV6_2292PKTOPTIONS", IPV6, 6, IPV6S},
    {"IPV6_CHECKSUM", IPV6, 7, 0},
    {"IPV6_2292HOPLIMIT", IPV6, 8, IPV6S},
    {"IPV6_NEXTHOP", IPV6, 9, 0},
    {"IPV6_AUTHHDR", IPV6, 10, 0},
    {"IPV6_FLOWINFO", IPV6, 11, IPV6S},
    {"IPV6_UNICAST_HOPS", IPV6, 16, 0},
    {"IPV6_MULTICAST_IF", IPV6, 17, 0},
    {"IPV6_MULTICAST_HOPS", IPV6, 18, TCP6},
    {"IPV6_MULTICAST_LOOP", IPV6, 19, TCP6},
    {"IPV6_ADD_MEMBERSHIP", IPV6, 20, TCP6},
    {"IPV6_DROP_MEMBERSHIP", IPV6, 21, TCP6},
    {"IPV6_ROUTER_ALERT", IPV6, 22, IPV6S},
    {"IPV6_MTU_DISCOVER", IPV6, 23, TCP6},
    {"IPV6_MTU", IPV6, 24, IPV6S},
    {"IPV6_RECVERR", IPV6, 25, TCP6 | RAW6},
    {"IPV6_V6ONLY", IPV6, 26, 0},
    {"IPV6_JOIN_ANYCAST", IPV6, 27, IPV6S},
    {"IPV6_LEAVE_ANYCAST", IPV6, 28, IPV6S},
    {"IPV6_MULTICAST_ALL", IPV6, 29, TCP6},
    {"IPV6_ROUTER_ALERT_ISOLATE", IPV6, 30, IPV6S},
    {"IPV6_RECVERR_RFC4884", IPV6, 31, IPV6S},
    {"IPV6_FLOWLABEL_MGR", IPV6, 32, IPV6S},
    {"IPV6_FLOWINFO_SEND", IPV6, 33, IPV6S},
    {"IPV6_IPSEC_POLICY", IPV6, 34, IPV6S},
    {"IPV6_XFRM_POLICY", IPV6, 35, IPV6S},
    {"IPV6_HDRINCL", IPV6, 36, RAW6},
    {"IPV6_RECVPKTINFO", IPV6, 49, TCP6},
    {"IPV6_PKTINFO", IPV6, 50, IPV6S},
    {"IPV6_RECVHOPLIMIT", IPV6, 51, TCP6},
    {"IPV6_HOPLIMIT", IPV6, 52, 0},
    {"IPV6_RECVHOPOPTS", IPV6, 53, IPV6S},
    {"IPV6_HOPOPTS", IPV6, 54, IPV6S},
    {"IPV6_RTHDRDSTOPTS", IPV6, 55, IPV6S},
    {"IPV6_RECVRTHDR", IPV6, 56, IPV6S},
    {"IPV6_RTHDR", IPV6, 57, IPV6S},
    {"IPV6_RECVDSTOPTS", IPV6, 58, IPV6S},
    {"IPV6_DSTOPTS", IPV6, 59, IPV6S},
    {"IPV6_RECVPATHMTU", IPV6, 60, IPV6S},
    {"IPV6_PATHMTU", IPV6, 61, IPV6S},
    {"IPV6_DONTFRAG", IPV6, 62, IPV6S},
    {"IPV6_RECVTCLASS", IPV6, 66, TCP6},
    {"IPV6_TCLASS", IPV6, 67, 0},
    {"IPV6_AUTOFLOWLABEL", IPV6, 70, IPV6S},
    {"IPV6_ADDR_PREFERENCES", IPV6, 72, IPV6S},
    {"IPV6_MINHOPCOUNT", IPV6, 73, IPV6S},
    {"IPV6_RECVORIGDSTADDR", IPV6, 74, IPV6S},
    {"IPV6_TRANSPARENT", IPV6, 75, IPV6S},
    {"IPV6_UNICAST_IF", IPV6, 76, IPV6S},
    {"IPV6_RECVFRAGSIZE", IPV6, 77, IPV6S},
    {"IPV6_FREEBIND", IPV6, 78, 0},
    {"IPv6's nothing", IPV6, 444, 0},
    /* tcp(7) */
    {"TCP_NODELAY", TCP, 1, 0},
    {"TCP_MAXSEG", TCP, 2, 0},
    {"TCP_CORK", TCP, 3, 0},
    {"TCP_KEEPIDLE", TCP, 4, 0},
    {"TCP_KEEPINTVL", TCP, 5, 0},
    {"TCP_KEEPCNT", TCP, 6, 0},
    {"TCP_SYNCNT", TCP, 7, 0},
    {"TCP_LINGER2", TCP, 8, TCPS},
    {"TCP_DEFER_ACCEPT", TCP, 9, 0},
    {"TCP_WINDOW_CLAMP", TCP, 10, 0},
    {"TCP_INFO", TCP, 11, 0},
    {"TCP_QUICKACK", TCP, 12, 0},
    {"TCP_CONGESTION", TCP, 13, TCPS},
    {"TCP_MD5SIG", TCP, 14, TCPS},
    {"TCP_THIN_LINEAR_TIMEOUTS", TCP, 16, TCPS},
    {"TCP_THIN_DUPACK", TCP, 17, TCPS},
    {"TCP_USER_TIMEOUT", TCP, 18, 0},
    {"TCP_REPAIR", TCP, 19, TCPS},
    {"TCP_REPAIR_QUEUE", TCP, 20, TCPS},
    {"TCP_QUEUE_SEQ", TCP, 21, TCPS},
    {"TCP_REPAIR_OPTIONS", TCP, 22, TCPS},
    {"TCP_FASTOPEN", TCP, 23, TCPS},
    {"TCP_TIMESTAMP", TCP, 24, TCPS},
    {"TCP_NOTSENT_LOWAT", TCP, 25, 0},
    {"TCP_CC_INFO", TCP, 26, TCPS},
    {"TCP_SAVE_SYN", TCP, 27, TCPS},
    {"TCP_SAVED_SYN", TCP, 28, TCPS},
    {"TCP_REPAIR_WINDOW", TCP, 29, TCPS},
    {"TCP_FASTOPEN_CONNECT", TCP, 30, TCPS},
    {"TCP_ULP", TCP, 31, TCPS},
    {"TCP_MD5SIG_EXT", TCP, 32, TCPS},
    {"TCP_FASTOPEN_KEY", TCP, 33, TCPS},
    {"TCP_FASTOPEN_NO_COOKIE", TCP, 34, TCPS},
    {"TCP_ZEROCOPY_RECEIVE", TCP, 35, TCPS},
    {"TCP_INQ", TCP, 36, TCPS},
    {"TCP_TX_DELAY", TCP, 37, TCPS},
    {"TCP's nothing", TCP, 444, 0},
    /* udp(7) */
    {"UDP_CORK", UDP, 1, 0},
    {"UDP_ENCAP", UDP, 100, UDPS},
    {"UDP_NO_CHECK6_TX", UDP, 101, UDPS},
    {"UDP_NO_CHECK6_RX", UDP, 102, UDPS},
    {"UDP_SEGMENT", UDP, 103, UDPS},
    {"UDP_GRO", UDP, 104, UDPS},
    {"UDP's nothing", UDP, 444, 0},
    /* raw(7), and a level that nobody has */
    {"ICMP_FILTER", RAW, 1, RAW6},
    {"nobody's", 77, 1, 0},
};

static int pair[2]; /* of the last one opened; the other end, or -1 */

static int open_kind(const struct kind *kind)
{
    pair[1] = -1;
    if (!kind->pair)
        return socket(kind->family, kind->type, kind->protocol);
    return socketpair(kind->family, kind->type, kind->protocol, pair) < 0 ? -1 : pair[0];
}

static void close_kind(int fd)
{
    close(fd);
    if (pair[1] >= 0)
        close(pair[1]);
}

/* The first words of it, and its length where that isn't the room's. */
static void show_value(int fd, const struct option *option, int room)
{
    unsigned char value[256];
    socklen_t length = (socklen_t)room;

    memset(value, 0xa5, sizeof value);
    if (getsockopt(fd, option->level, option->number, value, &length) < 0) {
        printf(" %s", strerror(errno));
        return;
    }
    for (socklen_t at = 0; at < length && at < 16; at += 4) {
        int word = 0;
        memcpy(&word, value + at, length - at < 4 ? length - at : 4);
        printf(" %d", word);
    }
    if (length != (socklen_t)room)
        printf(" (%u bytes)", length);
}

static void show_set(int fd, const struct option *option, const void *value, int length)
{
    if (setsockopt(fd, option->level, option->number, value, (socklen_t)length) < 0)
        printf(" %s;", strerror(errno));
    else
        printf(" ok;");
}

static void show_numbers(const struct kind *kind, const struct option *option)
{
    static const int numbers[] = {1, 0, -1, 2, 7, 300, 70000};
    int fd = open_kind(kind);

    printf("%s %s:", kind->name, option->name);
    for (int room = 4; room >= 0; room -= 2)
        show_value(fd, option, room);
    printf("\n");
    for (size_t i = 0; i < COUNT(numbers); i++) {
        printf(i == 0 ? "    " : ",");
        printf(" %d", numbers[i]);
        show_set(fd, option, &numbers[i], sizeof *numbers);
        show_value(fd, option, 4);
    }
    printf("\n");
    close_kind(fd);
}

/* Lengths that are none of an int's. */
static void show_lengths(const struct kind *kind, const struct option *option)
{
    static const int lengths[] = {0, 1, 3, 8, 16, 20, 136};
    long long value[32] = {1};
    int fd = open_kind(kind);

    printf("     lengths:");
    for (size_t i = 0; i < COUNT(lengths); i++)
        show_set(fd, option, value, lengths[i]);
    printf("\n");
    close_kind(fd);
}

/* Refused, or what is set is read then. (Of two, Linux itself keeps nothing.) */
static void show_honest(const struct kind *kind, const struct option *option)
{
    int fd = open_kind(kind), value = 1, got = -7;
    socklen_t length = sizeof got;
    bool set = setsockopt(fd, option->level, option->number, &value, sizeof value) == 0;
    bool nothing_kept =
        !strcmp(option->name, "SO_BSDCOMPAT") || !strcmp(option->name, "TCP_THIN_DUPACK");
    bool read = getsockopt(fd, option->level, option->number, &got, &length) == 0;

    printf("%s %s: %s\n", kind->name, option->name,
           set && read && got == 0 && !nothing_kept ? "taken and ignored"
                                                    : "refused, or taken and told");
    close_kind(fd);
}

int main(void)
{
    setvbuf(stdout, NULL, _IOFBF, 1 << 16);
    unshare(NEWNET);
    for (size_t k = 0; k < COUNT(kinds); k++)
        for (size_t i = 0; i < COUNT(options); i++) {
            if (options[i].differing & 1 << k) {
                show_honest(&kinds[k], &options[i]);
                continue;
            }
            show_numbers(&kinds[k], &options[i]);
            show_lengths(&kinds[k], &options[i]);
        }
    return 0;
}
