/*
 * Packet sockets on the loopback: binding, what is seen of a datagram sent to ourselves, filters,
 * options, the ring, sending; an interface that goes down; and the netdevice ioctls of the
 * loopback. On Linux in a network namespace of its own, so that nobody else's frames are seen.
 */
#include "show.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>

#define AF_PACKET_  17
#define SOL_PACKET_ 263
#define NEWNET      0x40000000

struct link_name {
    uint16_t family, protocol;
    int32_t interface;
    uint16_t hardware;
    uint8_t kind, length, address[8];
};

struct instruction {
    uint16_t code;
    uint8_t yes, no;
    uint32_t k;
};

struct program {
    uint16_t count;
    const struct instruction *code;
};

struct request {
    char name[16];
    union {
        int16_t flags;
        int32_t number;
        struct {
            uint16_t family;
            uint8_t bytes[14];
        } address;
        uint8_t room[24];
    } u;
};

struct ring {
    uint32_t block_size, blocks, frame_size, frames;
};

static uint8_t bytes[2048];

static int packet_socket(int type, int protocol)
{
    return socket(AF_PACKET_, type, htons((uint16_t)protocol));
}

static struct link_name name_of(int protocol, int interface)
{
    struct link_name name = {AF_PACKET_, htons((uint16_t)protocol), interface, 0, 0, 0, {0}};

    return name;
}

static int bind_to(int fd, int protocol, int interface, size_t length)
{
    struct link_name name = name_of(protocol, interface);

    return bind(fd, (struct sockaddr *)&name, (socklen_t)length);
}

static void say(const char *text)
{
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9)};

    to.sin_addr.s_addr = htonl(0x7f000001);
    sendto(fd, text, strlen(text), 0, (struct sockaddr *)&to, sizeof to);
    close(fd);
}

/* What waits: UDP only, for answers to it differ in what they quote. */
static void show_frames(int fd, int header)
{
    struct link_name from;

    for (;;) {
        socklen_t length = sizeof from;
        memset(&from, 0xee, sizeof from);
        ssize_t got = recvfrom(fd, bytes, sizeof bytes, MSG_DONTWAIT | MSG_TRUNC,
                               (struct sockaddr *)&from, &length);
        if (got < 0) {
            printf("  end: %s\n", strerror(errno));
            return;
        }
        if (bytes[header + 9] != 17)
            continue;
        printf("  %zd bytes, name %u: protocol %x interface %d hardware %u kind %u length %u\n",
               got, (unsigned)length, ntohs(from.protocol), from.interface, from.hardware,
               from.kind, from.length);
    }
}

static void bindings(void)
{
    struct link_name name;
    socklen_t length = sizeof name;
    int fd = packet_socket(SOCK_RAW, 3);

    SHOW_OK(fd);
    SHOW(bind_to(fd, 3, 1, 19));
    SHOW(bind_to(fd, 3, 77, 20));
    SHOW(bind_to(fd, 3, 1, 20));
    SHOW(getsockname(fd, (struct sockaddr *)&name, &length));
    printf("name %u: %x %d %u %u\n", (unsigned)length, ntohs(name.protocol), name.interface,
           name.hardware, name.length);
    SHOW(connect(fd, (struct sockaddr *)&name, sizeof name));
    SHOW(listen(fd, 1));
    SHOW(shutdown(fd, SHUT_RDWR));
    SHOW(getpeername(fd, (struct sockaddr *)&name, &length));
    SHOW(recv(fd, bytes, 1, MSG_OOB));
    SHOW(recv(fd, bytes, 1, MSG_DONTWAIT | MSG_WAITALL));
    close(fd);
    SHOW(packet_socket(SOCK_STREAM, 3));
    SHOW(packet_socket(SOCK_SEQPACKET, 3));
}

static void seen(int type, int protocol, const char *what)
{
    int fd = packet_socket(type, 0);

    printf("%s\n", what);
    bind_to(fd, protocol, 1, 20);
    say("hello");
    show_frames(fd, type == SOCK_RAW ? 14 : 0);
    close(fd);
}

static void filters(void)
{
    static const struct instruction udp[] = {
        {0x30, 0, 0, 9}, {0x15, 0, 1, 17}, {0x06, 0, 0, 30}, {0x06, 0, 0, 0}};
    static const struct instruction bad[] = {{0x60, 0, 0, 0}, {0x06, 0, 0, 0}};
    struct program program = {4, udp};
    int fd = packet_socket(SOCK_DGRAM, 0), on = 1, off = 0;

    SHOW(setsockopt(fd, SOL_SOCKET, 27, &on, sizeof on));
    SHOW(setsockopt(fd, SOL_SOCKET, 26, &program, sizeof program));
    bind_to(fd, 0x0800, 1, 20);
    say("filtered");
    show_frames(fd, 0);
    program = (struct program){2, bad};
    SHOW(setsockopt(fd, SOL_SOCKET, 26, &program, sizeof program));
    SHOW(setsockopt(fd, SOL_SOCKET, 26, &program, 8));
    program.count = 0;
    SHOW(setsockopt(fd, SOL_SOCKET, 26, &program, sizeof program));
    SHOW(setsockopt(fd, SOL_SOCKET, 44, &on, sizeof on));
    SHOW(setsockopt(fd, SOL_SOCKET, 27, &on, sizeof on));
    SHOW(setsockopt(fd, SOL_SOCKET, 44, &off, sizeof off));
    close(fd);
}

static int get_int(int fd, int option, int value)
{
    socklen_t length = sizeof value;

    return getsockopt(fd, SOL_PACKET_, option, &value, &length) < 0 ? -1 : value;
}

static int set_int(int fd, int option, int value)
{
    return setsockopt(fd, SOL_PACKET_, option, &value, sizeof value);
}

static int set_ring(int fd, uint32_t block_size, uint32_t blocks, uint32_t frame_size,
                    uint32_t frames)
{
    struct ring ring = {block_size, blocks, frame_size, frames};

    return setsockopt(fd, SOL_PACKET_, 5, &ring, sizeof ring);
}

static void show_ring(const uint8_t *ring)
{
    for (int i = 0; i < 2; i++) { /* what follows answers it */
        const uint32_t *words = (const uint32_t *)(ring + i * 2048);
        const uint16_t *halves = (const uint16_t *)(ring + i * 2048);
        printf("  frame %d: whose %u, %u of %u bytes at %u, network %u, family %u\n", i,
               words[0] & 1, words[2], words[1], halves[6], halves[7], halves[16]);
    }
}

static void rings(void)
{
    struct pollfd entry = {-1, POLLIN, 0};
    int fd = packet_socket(SOCK_RAW, 0);

    SHOW(get_int(fd, 11, 0));
    SHOW(get_int(fd, 11, 1));
    SHOW(get_int(fd, 11, 9));
    SHOW(set_int(fd, 10, 9));
    SHOW(set_int(fd, 10, 1));
    SHOW(get_int(fd, 10, 0));
    SHOW(set_ring(fd, 4096, 2, 2048, 3));
    SHOW(set_ring(fd, 4095, 2, 2048, 4));
    SHOW(set_ring(fd, 4096, 2, 2047, 4));
    SHOW(set_ring(fd, 4096, 2, 16, 512));
    SHOW(set_ring(fd, 4096, 0, 2048, 4));
    SHOW(set_ring(fd, 4096, 2, 2048, 4));
    SHOW(set_ring(fd, 4096, 2, 2048, 4));
    SHOW(set_int(fd, 10, 0));
    SHOW(set_int(fd, 12, 8));
    uint8_t *ring = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    SHOW(ring != MAP_FAILED);
    entry.fd = fd;
    SHOW(poll(&entry, 1, 0));
    bind_to(fd, 3, 1, 20);
    say("into the ring");
    SHOW(poll(&entry, 1, 1000));
    show_ring(ring);
    SHOW(recv(fd, bytes, sizeof bytes, MSG_DONTWAIT));
    SHOW(set_ring(fd, 0, 0, 0, 0));
    munmap(ring, 8192);
    SHOW(set_ring(fd, 0, 0, 0, 0));
    close(fd);
}

static void sends(void)
{
    struct link_name to = name_of(0x88b5, 1);
    int raw = packet_socket(SOCK_RAW, 0), cooked = packet_socket(SOCK_DGRAM, 0);
    int see = packet_socket(SOCK_DGRAM, 0);

    bind_to(see, 0x88b5, 1, 20);
    SHOW(send(raw, bytes, 60, 0));
    SHOW(sendto(raw, bytes, 10, 0, (struct sockaddr *)&to, sizeof to));
    SHOW(sendto(raw, bytes, 60, 0, (struct sockaddr *)&to, 19));
    SHOW(sendto(raw, bytes, 60, MSG_OOB, (struct sockaddr *)&to, sizeof to));
    memset(bytes, 0, 60);
    bytes[12] = 0x88, bytes[13] = 0xb5;
    SHOW(sendto(raw, bytes, 60, 0, (struct sockaddr *)&to, sizeof to));
    SHOW(recv(see, bytes, sizeof bytes, MSG_DONTWAIT));
    to.length = 6;
    SHOW(sendto(cooked, "hello", 5, 0, (struct sockaddr *)&to, sizeof to));
    SHOW(recv(see, bytes, sizeof bytes, MSG_DONTWAIT));
    to.interface = 77;
    SHOW(sendto(cooked, "hello", 5, 0, (struct sockaddr *)&to, sizeof to));
    close(raw), close(cooked), close(see);
}

static void options(void)
{
    struct {
        int32_t interface;
        uint16_t type, length;
        uint8_t address[8];
    } member = {1, 1, 0, {0}};
    int fd = packet_socket(SOCK_RAW, 0);

    SHOW(setsockopt(fd, SOL_PACKET_, 1, &member, sizeof member));
    SHOW(setsockopt(fd, SOL_PACKET_, 2, &member, sizeof member));
    SHOW(setsockopt(fd, SOL_PACKET_, 2, &member, sizeof member));
    SHOW(setsockopt(fd, SOL_PACKET_, 1, &member, 8));
    member.interface = 77;
    SHOW(setsockopt(fd, SOL_PACKET_, 1, &member, sizeof member));
    SHOW(set_int(fd, 8, 1));
    SHOW(get_int(fd, 8, 0));
    SHOW(set_int(fd, 23, 2));
    SHOW(set_int(fd, 99, 1));
    SHOW(get_int(fd, 99, 1));
    close(fd);
}

static int ask(int fd, unsigned long command, struct request *request)
{
    return ioctl(fd, command, request);
}

static void requests(void)
{
    struct request lo = {.name = "lo"}, none = {.name = "none"};
    int fd = packet_socket(SOCK_RAW, 0);

    SHOW(ask(fd, 0x8933, &lo));
    SHOW(lo.u.number);
    SHOW(ask(fd, 0x8933, &none));
    SHOW(ask(fd, 0x8927, &lo));
    SHOW(lo.u.address.family);
    SHOW(ask(fd, 0x8913, &lo));
    SHOW(lo.u.flags);
    SHOW(ask(fd, 0x8921, &lo));
    SHOW(lo.u.number);
    SHOW(ask(fd, 0x8915, &lo));
    printf("address %u.%u.%u.%u\n", lo.u.address.bytes[2], lo.u.address.bytes[3],
           lo.u.address.bytes[4], lo.u.address.bytes[5]);
    SHOW(ask(fd, 0x891b, &lo));
    printf("mask %u.%u.%u.%u\n", lo.u.address.bytes[2], lo.u.address.bytes[3],
           lo.u.address.bytes[4], lo.u.address.bytes[5]);
    lo.u.number = 1;
    SHOW(ask(fd, 0x8910, &lo));
    puts(lo.name);
    SHOW(ioctl(fd, 0x8933, NULL));
    close(fd);
}

/* ---- Down and up ---- */

static void flags_set(int flags)
{
    struct request lo = {.name = "lo"};
    int fd = packet_socket(SOCK_RAW, 0);

    ask(fd, 0x8913, &lo);
    lo.u.flags = (int16_t)((lo.u.flags & ~1) | flags);
    SHOW(ask(fd, 0x8914, &lo));
    close(fd);
}

/* What the group of links was told last: whether the loopback is up. */
static void told(int netlink)
{
    struct pollfd one = {.fd = netlink, .events = POLLIN};
    uint32_t words[512], flags = 77;

    poll(&one, 1, 2000);
    while (recv(netlink, words, sizeof words, MSG_DONTWAIT) > 24)
        if ((words[1] & 0xffff) == 16) /* RTM_NEWLINK */
            flags = words[6] & 1;
    printf("told: %u\n", flags);
}

static void show_error(int fd)
{
    struct pollfd one = {.fd = fd, .events = POLLIN};
    int error = -1;
    socklen_t length = sizeof error;

    printf("poll %d", poll(&one, 1, 0));
    printf(" %x\n", one.revents);
    SHOW(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length));
    printf("error: %s\n", strerror(error));
}

static void downs(void)
{
    struct link_name name = {.family = AF_PACKET_, .interface = 1};
    int bound = packet_socket(SOCK_RAW, 3), all = packet_socket(SOCK_RAW, 3),
        silent = packet_socket(SOCK_RAW, 0), links = socket(16, SOCK_RAW, 0);
    uint32_t group[3] = {16, 0, 1};

    SHOW(bind(links, (struct sockaddr *)group, sizeof group));
    name.protocol = htons(3);
    SHOW(bind(bound, (struct sockaddr *)&name, sizeof name));
    name.protocol = 0;
    SHOW(bind(silent, (struct sockaddr *)&name, sizeof name));
    flags_set(0);
    told(links);
    show_error(bound), show_error(all), show_error(silent);
    SHOW(recv(bound, bytes, sizeof bytes, MSG_DONTWAIT));
    flags_set(0);
    show_error(bound);
    flags_set(1);
    told(links);
    show_error(bound);
    flags_set(0);
    SHOW(recv(bound, bytes, sizeof bytes, 0));
    flags_set(1);
    int udp = socket(AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    while (recv(bound, bytes, sizeof bytes, MSG_DONTWAIT) > 0)
        ;
    SHOW(sendto(udp, "hello", 5, 0, (struct sockaddr *)&to, sizeof to));
    struct pollfd one = {.fd = bound, .events = POLLIN};
    poll(&one, 1, 2000);
    show_error(bound);
    close(bound), close(all), close(silent), close(links), close(udp);
}

int main(void)
{
    struct request lo = {.name = "lo"};

    setvbuf(stdout, NULL, _IOLBF, 0);
    unshare(NEWNET);
    int fd = packet_socket(SOCK_RAW, 0);
    lo.u.flags = 1;
    ask(fd, 0x8914, &lo);
    close(fd);
    bindings();
    seen(SOCK_RAW, 3, "raw, all");
    seen(SOCK_DGRAM, 3, "cooked, all");
    seen(SOCK_RAW, 0x0800, "raw, IPv4");
    seen(SOCK_RAW, 0x0806, "raw, ARP");
    filters();
    rings();
    sends();
    options();
    requests();
    downs();
    return 0;
}
