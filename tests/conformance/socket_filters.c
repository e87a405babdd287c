/*
 * Programs that sockets' programs attach (SO_ATTACH_FILTER): which are taken, locked, told; what
 * they see of what comes, and what becomes of that. UNIX streams are left out: Linux takes a
 * program there and never runs it, and Sluice refuses it.
 */
#include "loopback.h"
#include "show.h"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <poll.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define NEWNET 0x40000000

static const struct kind {
    const char *name;
    int family, type, protocol;
    unsigned header; /* bytes in front of the payload that a program sees */
} kinds[] = {
    {"udp", AF_INET, SOCK_DGRAM, 0, 8},           {"udp6", AF_INET6, SOCK_DGRAM, 0, 8},
    {"unix datagram", AF_UNIX, SOCK_DGRAM, 0, 0}, {"unix seqpacket", AF_UNIX, SOCK_SEQPACKET, 0, 0},
    {"tcp", AF_INET, SOCK_STREAM, 0, 0},          {"tcp6", AF_INET6, SOCK_STREAM, 0, 0},
    {"netlink", AF_NETLINK, SOCK_RAW, 0, 0},
};

static int attach(int fd, const struct sock_filter *code, unsigned count)
{
    struct sock_fprog program = {(unsigned short)count, (struct sock_filter *)code};

    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
}

static int set_int(int fd, int option, int value)
{
    return setsockopt(fd, SOL_SOCKET, option, &value, sizeof value);
}

/* ---- The options ---- */

static void show_get(int fd, int option, unsigned room)
{
    struct sock_filter code[8];
    socklen_t length = room;

    memset(code, 0, sizeof code);
    int result = getsockopt(fd, SOL_SOCKET, option, code, &length);
    printf("  get %d, room %u: ", option, room);
    if (result < 0)
        printf("%s\n", strerror(errno));
    else
        printf("%u, %x %x, %x %x\n", length, code[0].code, code[0].k, code[1].code, code[1].k);
}

static void show_gets(int fd)
{
    for (unsigned room = 0; room < 5; room++)
        show_get(fd, SO_GET_FILTER, room);
    show_get(fd, SO_LOCK_FILTER, 4);
    show_get(fd, SO_LOCK_FILTER, 1);
    show_get(fd, SO_DETACH_FILTER, 4);
}

static void options(const struct kind *kind)
{
    static const struct sock_filter all[] = {{0x00, 0, 0, 7}, {0x06, 0, 0, 0xffffffff}};
    static const struct sock_filter loose[] = {{0x30, 0, 0, 0}, {0x15, 0, 1, 1}, {0x06, 0, 0, 1}};
    struct sock_fprog program = {2, (struct sock_filter *)all};
    int fd = socket(kind->family, kind->type, kind->protocol);

    printf("-- %s: options\n", kind->name);
    SHOW(set_int(fd, SO_DETACH_FILTER, 0));
    show_gets(fd);
    SHOW(attach(fd, loose, 3)); /* it jumps out */
    SHOW(attach(fd, all, 0));
    SHOW(attach(fd, NULL, 2));
    SHOW(attach(fd, all, 5000));
    for (unsigned length = 0; length <= 24; length += 4)
        SHOW(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, length));
    SHOW(setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &program, 3));
    SHOW(setsockopt(fd, SOL_SOCKET, SO_LOCK_FILTER, &program, 3));
    SHOW(attach(fd, all, 2));
    show_gets(fd);
    SHOW(set_int(fd, SO_DETACH_FILTER, 0));
    SHOW(set_int(fd, SO_DETACH_FILTER, 0));
    SHOW(set_int(fd, SO_LOCK_FILTER, 0));
    SHOW(set_int(fd, SO_LOCK_FILTER, 5));
    SHOW(set_int(fd, SO_LOCK_FILTER, 5));
    SHOW(set_int(fd, SO_LOCK_FILTER, 0));
    SHOW(attach(fd, all, 2));
    SHOW(attach(fd, loose, 3));
    SHOW(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, 4));
    SHOW(set_int(fd, SO_DETACH_FILTER, 0));
    show_gets(fd);
    close(fd);
}

/* ---- Pairs ---- */

static void loopback_name(int family, struct sockaddr_storage *name, socklen_t *length)
{
    memset(name, 0, sizeof *name);
    name->ss_family = (sa_family_t)family;
    if (family == AF_INET6)
        ((struct sockaddr_in6 *)name)->sin6_addr = in6addr_loopback;
    else
        ((struct sockaddr_in *)name)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    *length = family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
}

static int bound(const struct kind *kind, struct sockaddr_storage *name, socklen_t *length)
{
    int fd = socket(kind->family, kind->type, 0);

    loopback_name(kind->family, name, length);
    bind(fd, (struct sockaddr *)name, *length);
    getsockname(fd, (struct sockaddr *)name, length);
    return fd;
}

/* pair[0] sends to pair[1]. */
static void pair_open(const struct kind *kind, int pair[2])
{
    struct sockaddr_storage name;
    socklen_t length;

    if (kind->family == AF_UNIX) {
        socketpair(AF_UNIX, kind->type, 0, pair);
        return;
    }
    pair[1] = bound(kind, &name, &length);
    pair[0] = socket(kind->family, kind->type, 0);
    if (kind->type == SOCK_STREAM)
        listen(pair[1], 1);
    connect(pair[0], (struct sockaddr *)&name, length);
    if (kind->type == SOCK_STREAM) {
        int listener = pair[1];
        pair[1] = accept(listener, NULL, NULL);
        close(listener);
    }
}

/* What comes comes at once, but the machine may be busy. */
#define SOON  20
#define LATER 20000

static bool comes(int fd, int wait)
{
    struct pollfd one = {.fd = fd, .events = POLLIN};

    return poll(&one, 1, wait) > 0;
}

/* ROOM bytes at most of what comes within WAIT milliseconds. */
static void show_receive(int fd, int wait, size_t room)
{
    char bytes[100] = "";

    if (!comes(fd, wait)) {
        printf("  nothing\n");
        return;
    }
    long got = recv(fd, bytes, room, MSG_DONTWAIT);
    printf("  %ld: %.90s\n", got, got < 0 ? strerror(errno) : bytes);
}

/* ---- Datagrams ---- */

static void send_and_show(int pair[2], const char *text, int wait)
{
    printf("  %s: %zd\n", text, send(pair[0], text, strlen(text), 0));
    show_receive(pair[1], wait, 99);
}

static void messages(const struct kind *kind)
{
    const unsigned at = kind->header;
    /* What begins with k is wanted, with c its first three bytes, with e nothing of its payload. */
    const struct sock_filter code[] = {
        {0x30, 0, 0, at},     {0x15, 0, 1, 'k'}, {0x06, 0, 0, 0xffffffff}, {0x15, 0, 1, 'c'},
        {0x06, 0, 0, at + 3}, {0x15, 0, 1, 'e'}, {0x06, 0, 0, 1},          {0x06, 0, 0, 0},
    };
    const struct sock_filter length[] = {
        {0x80, 0, 0, 0}, {0x15, 0, 1, at + 4}, {0x06, 0, 0, 99}, {0x06, 0, 0, 0}};
    int pair[2], none = 0;

    printf("-- %s: messages\n", kind->name);
    pair_open(kind, pair);
    SHOW(attach(pair[1], code, 8));
    send_and_show(pair, "keep", LATER);
    send_and_show(pair, "cut off", LATER);
    send_and_show(pair, "empty", LATER);
    send_and_show(pair, "drop", SOON);
    send_and_show(pair, "", SOON);
    SHOW(attach(pair[1], length, 4));
    send_and_show(pair, "four", LATER);
    send_and_show(pair, "three", SOON);
    /* What is dropped takes no room. */
    for (int i = 0; i < 5000; i++)
        none += send(pair[0], "three", 5, 0) == 5;
    printf("  %d\n", none);
    SHOW(set_int(pair[1], SO_DETACH_FILTER, 0));
    send_and_show(pair, "three", LATER);
    close(pair[0]);
    close(pair[1]);
}

/* A long one, whose end a program looks at. */
static void long_message(const struct kind *kind)
{
    static char bytes[30000];
    const struct sock_filter code[] = {{0x30, 0, 0, kind->header + sizeof bytes - 1},
                                       {0x15, 0, 1, 'z'},
                                       {0x06, 0, 0, kind->header + 20000},
                                       {0x06, 0, 0, 0}};
    int pair[2];

    printf("-- %s: a long one\n", kind->name);
    bytes[sizeof bytes - 1] = 0;
    pair_open(kind, pair);
    SHOW(attach(pair[1], code, 4));
    SHOW(send(pair[0], bytes, sizeof bytes, 0));
    SHOW(comes(pair[1], SOON));
    bytes[sizeof bytes - 1] = 'z';
    SHOW(send(pair[0], bytes, sizeof bytes, 0));
    SHOW(comes(pair[1], LATER));
    SHOW(recv(pair[1], bytes, sizeof bytes, MSG_DONTWAIT));
    close(pair[0]);
    close(pair[1]);
}

/* What programs see of the headers, and beside the packet. */
static void headers(const struct kind *kind)
{
    static const struct {
        const char *what;
        unsigned offset4, offset6, code;
    } places[] = {
        {"source's end", 0xfff00000 + 15, 0xfff00000 + 23, 0x30},
        {"destination's end", 0xfff00000 + 19, 0xfff00000 + 39, 0x30},
        {"version", 0xfff00000, 0xfff00000, 0x30},
        {"protocol", 0xfff00000 + 9, 0xfff00000 + 6, 0x30},
        {"length", 4, 4, 0x28},
        {"ethertype", 0xfffff000, 0xfffff000, 0x20},
        {"kind", 0xfffff004, 0xfffff004, 0x20},
        {"interface", 0xfffff008, 0xfffff008, 0x20},
        {"hardware", 0xfffff01c, 0xfffff01c, 0x20},
    };
    int pair[2];

    printf("-- %s: headers\n", kind->name);
    pair_open(kind, pair);
    for (size_t i = 0; i < COUNT(places); i++) {
        struct sock_filter code[] = {
            {(unsigned short)places[i].code, 0, 0,
             kind->family == AF_INET6 ? places[i].offset6 : places[i].offset4},
            {0x54, 0, 0, 0xffff}, /* and */
            {0x04, 0, 0, 8},      /* add: as many bytes of payload are kept */
            {0x16, 0, 0, 0},
        };
        static char bytes[50000];
        attach(pair[1], code, 4);
        send(pair[0], bytes, sizeof bytes, 0);
        comes(pair[1], LATER);
        printf("  %s %zd\n", places[i].what, recv(pair[1], bytes, sizeof bytes, MSG_DONTWAIT));
    }
    close(pair[0]);
    close(pair[1]);
}

/* ---- Streams ---- */

/* What is dropped comes again, once it is wanted. */
static void stream(const struct kind *kind)
{
    /* X becomes the length of the header; the payload's first byte. */
    static const struct sock_filter code[] = {
        {0x30, 0, 0, 12}, {0x74, 0, 0, 2},   {0x54, 0, 0, 0x3c}, {0x07, 0, 0, 0},
        {0x80, 0, 0, 0},  {0x1d, 3, 0, 0}, /* bare */
        {0x50, 0, 0, 0},  {0x15, 2, 0, 'x'}, {0x15, 2, 0, 'c'},  {0x06, 0, 0, 0xffffffff},
        {0x06, 0, 0, 0},  {0x87, 0, 0, 0},   {0x04, 0, 0, 3},    {0x16, 0, 0, 0},
    };
    int pair[2];

    printf("-- %s: segments\n", kind->name);
    pair_open(kind, pair);
    SHOW(attach(pair[1], code, COUNT(code)));
    send(pair[0], "keep", 4, 0);
    show_receive(pair[1], LATER, 99);
    send(pair[0], "xdrop", 5, 0);
    show_receive(pair[1], SOON, 99);
    SHOW(set_int(pair[1], SO_DETACH_FILTER, 0));
    show_receive(pair[1], LATER, 99);
    SHOW(attach(pair[1], code, COUNT(code)));
    send(pair[0], "cut off", 7, 0);
    show_receive(pair[1], LATER, 3); /* the rest may be there again already */
    SHOW(set_int(pair[1], SO_DETACH_FILTER, 0));
    show_receive(pair[1], LATER, 99);
    close(pair[0]);
    close(pair[1]);
}

/* A listener's is that of what it accepts; and what connects must pass it. */
static void listener(const struct kind *kind)
{
    static const struct sock_filter all[] = {{0x00, 0, 0, 7}, {0x06, 0, 0, 0xffffffff}};
    static const struct sock_filter nothing[] = {{0x06, 0, 0, 0}};
    struct sockaddr_storage name;
    socklen_t length;
    int fd = bound(kind, &name, &length),
        client = socket(kind->family, kind->type | SOCK_NONBLOCK, 0);
    struct pollfd one = {.fd = client, .events = POLLOUT};

    printf("-- %s: a listener\n", kind->name);
    SHOW(listen(fd, 1));
    SHOW(attach(fd, nothing, 1));
    SHOW(connect(client, (struct sockaddr *)&name, length));
    SHOW(poll(&one, 1, SOON));
    SHOW(attach(fd, all, 2));
    SHOW(poll(&one, 1, LATER));
    SHOW(set_int(fd, SO_LOCK_FILTER, 1));
    int accepted = accept(fd, NULL, NULL);
    show_get(accepted, SO_GET_FILTER, 2);
    show_get(accepted, SO_LOCK_FILTER, 4);
    close(fd);
    close(client);
    close(accepted);
}

/* ---- Netlink ---- */

/* A request that nobody knows, and what programs leave of the answer. */
static void netlink(void)
{
    static const struct sock_filter answers[][4] = {
        {{0x28, 0, 0, 4}, {0x15, 0, 1, 0x0200}, {0x06, 0, 0, 20}, {0x06, 0, 0, 0}},
        {{0x28, 0, 0, 4}, {0x15, 0, 1, 0x0200}, {0x06, 0, 0, 0}, {0x06, 0, 0, 20}},
    };
    struct {
        unsigned length;
        unsigned short type, flags;
        unsigned sequence, port;
        char family[16];
    } request = {sizeof request, 999, 5, 1, 0, ""};
    char answer[16384];
    int fd = socket(AF_NETLINK, SOCK_RAW, 0);

    printf("-- netlink: answers\n");
    for (size_t i = 0; i < COUNT(answers); i++) {
        SHOW(attach(fd, answers[i], 4));
        SHOW(send(fd, &request, sizeof request, 0));
        SHOW(recv(fd, answer, sizeof answer, MSG_DONTWAIT));
    }
    SHOW(set_int(fd, SO_DETACH_FILTER, 0));
    SHOW(send(fd, &request, sizeof request, 0));
    SHOW(recv(fd, answer, sizeof answer, MSG_DONTWAIT) > 20);
    close(fd);
}

int main(void)
{
    setvbuf(stdout, NULL, _IOFBF, 1 << 16);
    unshare(NEWNET);
    loopback_up();
    for (size_t i = 0; i < COUNT(kinds); i++) {
        options(&kinds[i]);
        if (kinds[i].family == AF_NETLINK) {
            netlink();
        } else if (kinds[i].type == SOCK_STREAM) {
            stream(&kinds[i]);
            listener(&kinds[i]);
        } else {
            messages(&kinds[i]);
            long_message(&kinds[i]);
            if (kinds[i].family != AF_UNIX)
                headers(&kinds[i]);
        }
    }
    return 0;
}
