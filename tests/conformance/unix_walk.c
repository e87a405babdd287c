/*
 * UNIX sockets: a long random walk through the calls on a handful of sockets of all three types,
 * never waiting, with what each answers and what poll says of all of them after it. Little is sent
 * at once, so that no buffer gets full (that is unix_room's).
 */
#include "show.h"

#include <poll.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#define SLOTS 6
#define NAMES 4
#define STEPS 1500

static int slots[SLOTS];
static uint64_t seed;

static unsigned pick(unsigned n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(seed >> 33) % n;
}

/* Abstract names that nobody else has; half of them are paths in the fresh place. */
static socklen_t name_fill(struct sockaddr_un *name, unsigned n)
{
    memset(name, 0, sizeof *name);
    name->sun_family = AF_UNIX;
    if (n % 2 == 0)
        return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
                           (size_t)sprintf(name->sun_path + 1, "unix_walk.%d.%u", getpid(), n));
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
                       (size_t)sprintf(name->sun_path, "name%u", n));
}

/* Which of the names ADDRESS is: none, one of them, or some other. */
static const char *name_word(const struct sockaddr_un *address, socklen_t length)
{
    static const char *const words[NAMES] = {"abstract 0", "path 1", "abstract 2", "path 3"};
    struct sockaddr_un name;

    if (length == 0)
        return "nothing";
    if (length == offsetof(struct sockaddr_un, sun_path))
        return "no name";
    for (unsigned n = 0; n < NAMES; n++)
        if (length == name_fill(&name, n) && memcmp(&name, address, length) == 0)
            return words[n];
    return "another name";
}

static void result(const char *what, unsigned slot, long value)
{
    if (value < 0)
        printf("%s %u: %s\n", what, slot, strerror(errno));
    else
        printf("%s %u: %ld\n", what, slot, value);
}

static void slot_put(unsigned slot, int fd)
{
    if (slots[slot] >= 0)
        close(slots[slot]);
    slots[slot] = fd;
}

static int slot_type(unsigned slot)
{
    int type = 0;
    socklen_t length = sizeof type;

    getsockopt(slots[slot], SOL_SOCKET, SO_TYPE, &type, &length);
    return type;
}

/* ---- The calls ---- */

static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};

static void call_socket(unsigned slot)
{
    int type = types[pick(3)];

    slot_put(slot, socket(AF_UNIX, type | SOCK_NONBLOCK, 0));
    printf("socket %u: type %d\n", slot, type);
}

static void call_pair(unsigned slot)
{
    int type = types[pick(3)], pair[2];

    socketpair(AF_UNIX, type | SOCK_NONBLOCK, 0, pair);
    slot_put(slot, pair[0]);
    slot_put((slot + 1) % SLOTS, pair[1]);
    printf("socketpair %u: type %d\n", slot, type);
}

static void call_close(unsigned slot)
{
    slot_put(slot, -1);
    printf("close %u\n", slot);
}

static void call_bind(unsigned slot)
{
    struct sockaddr_un name;
    unsigned n = pick(NAMES);
    socklen_t length = name_fill(&name, n);

    if (pick(3) == 0)
        unlink(name.sun_path);
    result("bind", slot, bind(slots[slot], (struct sockaddr *)&name, length));
}

static void call_connect(unsigned slot)
{
    struct sockaddr_un name;
    socklen_t length = name_fill(&name, pick(NAMES));

    if (pick(8) == 0) {
        name.sun_family = AF_UNSPEC;
        length = 2 + pick(3);
    }
    result("connect", slot, connect(slots[slot], (struct sockaddr *)&name, length));
}

static void call_listen(unsigned slot)
{
    result("listen", slot, listen(slots[slot], (int)pick(3)));
}

/* What a listener whose end was shut answers depends on whether it would wait; it isn't asked. */
static void call_accept(unsigned slot)
{
    struct pollfd entry = {slots[slot], POLLRDHUP, 0};
    struct sockaddr_un name;
    socklen_t length = sizeof name;

    if (poll(&entry, 1, 0) > 0 && entry.revents & POLLRDHUP)
        return;
    int fd = accept4(slots[slot], (struct sockaddr *)&name, &length, SOCK_NONBLOCK);

    result("accept", slot, fd < 0 ? -1 : 0);
    if (fd < 0)
        return;
    printf("  from %s\n", name_word(&name, length));
    slot_put(pick(SLOTS), fd);
}

static void call_shutdown(unsigned slot)
{
    result("shutdown", slot, shutdown(slots[slot], (int)pick(3)));
}

static void call_names(unsigned slot)
{
    struct sockaddr_un name;
    socklen_t length = sizeof name;
    int own = getsockname(slots[slot], (struct sockaddr *)&name, &length);

    printf("getsockname %u: %s\n", slot, own < 0 ? strerror(errno) : name_word(&name, length));
    length = sizeof name;
    int peer = getpeername(slots[slot], (struct sockaddr *)&name, &length);
    printf("getpeername %u: %s\n", slot, peer < 0 ? strerror(errno) : name_word(&name, length));
}

static void call_options(unsigned slot)
{
    static const int names[] = {SO_ERROR, SO_ACCEPTCONN, SO_TYPE, SO_DOMAIN, SO_PASSCRED};
    int number = names[pick(COUNT(names))], value = 0;
    socklen_t length = sizeof value;

    int failed = getsockopt(slots[slot], SOL_SOCKET, number, &value, &length);
    printf("option %d of ", number);
    result("socket", slot, failed ? -1 : value);
    if (slots[slot] >= 0 && slot_type(slot) == SOCK_STREAM) {
        failed = ioctl(slots[slot], FIONREAD, &value);
        result("FIONREAD", slot, failed ? -1 : value);
    }
}

static char bytes[64];

/* By abstract names only: whether a path leads somewhere Linux asks last. */
static void call_send(unsigned slot)
{
    static unsigned char next;
    struct sockaddr_un name;
    socklen_t length = name_fill(&name, pick(NAMES / 2) * 2);
    size_t size = pick(20);
    bool named = pick(4) == 0;

    for (size_t i = 0; i < size; i++)
        bytes[i] = (char)('a' + next++ % 26);
    result(named ? "sendto" : "send", slot,
           sendto(slots[slot], bytes, size, MSG_NOSIGNAL, named ? (struct sockaddr *)&name : NULL,
                  named ? length : 0));
}

static void call_send_right(unsigned slot)
{
    union {
        char room[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {{0}};
    struct iovec piece = {bytes, 1 + pick(5)};
    struct msghdr message = {.msg_iov = &piece,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);

    memset(bytes, 'R', sizeof bytes);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    /* A pipe's end, not a socket: when circles of those are freed is nobody's business. */
    int ends[2];
    pipe(ends);
    memcpy(CMSG_DATA(header), &ends[0], sizeof(int));
    result("send right", slot, sendmsg(slots[slot], &message, MSG_NOSIGNAL));
    close(ends[0]);
    close(ends[1]);
}

static void rights_take(const struct msghdr *message)
{
    for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header;
         header = CMSG_NXTHDR((struct msghdr *)message, header)) {
        int fd;
        memcpy(&fd, CMSG_DATA(header), sizeof fd);
        printf("  control %d, %zu bytes\n", header->cmsg_type, (size_t)header->cmsg_len);
        slot_put(pick(SLOTS), fd);
    }
}

static void call_receive(unsigned slot)
{
    union {
        char room[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control;
    struct sockaddr_un name;
    struct iovec piece = {bytes, pick(24)};
    struct msghdr message = {.msg_name = &name,
                             .msg_namelen = sizeof name,
                             .msg_iov = &piece,
                             .msg_iovlen = 1,
                             .msg_control = pick(4) ? &control : NULL,
                             .msg_controllen = sizeof control};
    int flags = (pick(4) == 0 ? MSG_PEEK : 0) | (pick(4) == 0 ? MSG_TRUNC : 0);

    /* A peek into a stream has rights on Linux that lie behind its bytes, too. */
    bool rights = !(flags & MSG_PEEK) || slots[slot] < 0 || slot_type(slot) != SOCK_STREAM;
    if (!rights)
        message.msg_control = NULL;
    if (!message.msg_control)
        message.msg_controllen = 0;
    /* What is left over when the length is more than there was room for isn't asked. */
    long got = recvmsg(slots[slot], &message, flags);
    result(flags & MSG_PEEK ? "peek" : "receive", slot, got);
    if (got < 0)
        return;
    printf("  %.*s flags %x from %s\n",
           (int)(got < (long)piece.iov_len ? got : (long)piece.iov_len), bytes,
           (unsigned)message.msg_flags & ~(rights ? 0u : (unsigned)MSG_CTRUNC),
           name_word(&name, message.msg_namelen));
    rights_take(&message);
}

static void call_read(unsigned slot)
{
    result("read", slot, read(slots[slot], bytes, 1 + pick(24)));
}

static void poll_all(void)
{
    struct pollfd entries[SLOTS];

    for (unsigned i = 0; i < SLOTS; i++)
        entries[i] = (struct pollfd){slots[i], POLLIN | POLLOUT | POLLPRI | POLLRDHUP, 0};
    poll(entries, SLOTS, 0);
    printf("  ");
    for (unsigned i = 0; i < SLOTS; i++)
        printf(" %4x", (unsigned)entries[i].revents);
    printf("\n");
}

/* ---- The walk ---- */

static void (*const calls[])(unsigned slot) = {
    call_socket,  call_pair,    call_close,   call_bind,    call_bind,   call_connect,
    call_connect, call_connect, call_listen,  call_accept,  call_accept, call_shutdown,
    call_names,   call_options, call_send,    call_send,    call_send,   call_send_right,
    call_receive, call_receive, call_receive, call_receive, call_read,
};

static void walk(uint64_t first)
{
    printf("seed %llu\n", (unsigned long long)first);
    seed = first;
    for (unsigned i = 0; i < SLOTS; i++)
        slots[i] = -1;
    for (unsigned step = 0; step < STEPS; step++) {
        calls[pick(COUNT(calls))](pick(SLOTS));
        poll_all();
    }
    for (unsigned i = 0; i < SLOTS; i++)
        slot_put(i, -1);
}

int main(void)
{
    fresh_place();
    for (uint64_t first = 1; first <= 6; first++)
        walk(first);
    leave_place();
    return 0;
}
