/* Control data of messages: every room for receiving it, every length for sending it. */
#include "show.h"

#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

enum { ROOM_MAX = 104, LENGTH_MAX = 48 };

static const struct {
    const char *name;
    int type;
} types[] = {{"stream", SOCK_STREAM}, {"dgram", SOCK_DGRAM}, {"seqpacket", SOCK_SEQPACKET}};

static const struct {
    const char *name;
    int rights;
    bool credentials;
} contents[] = {
    {"nothing", 0, false},
    {"3 rights", 3, false},
    {"credentials", 0, true},
    {"credentials and 3 rights", 3, true},
};

static char text[8];
static struct iovec piece = {text, sizeof(text)};
static union {
    char bytes[256];
    struct cmsghdr header;
} control;

static int open_count(void)
{
    int count = 0;

    for (int fd = 0; fd < 64; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

static void close_from(int first)
{
    for (int fd = first; fd < 64; fd++)
        close(fd);
}

static void send_rights(int fd, int count)
{
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
    int fds[3] = {0, 1, 2};

    if (count) {
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)count);
        control.header = (struct cmsghdr){
            .cmsg_len = CMSG_LEN(sizeof(int) * (size_t)count),
            .cmsg_level = SOL_SOCKET,
            .cmsg_type = SCM_RIGHTS,
        };
        memcpy(CMSG_DATA(&control.header), fds, sizeof(fds));
    }
    if (sendmsg(fd, &message, 0) < 0)
        perror("sendmsg");
}

/* What lies in the control data, by its lengths alone. */
static void print_control(const struct msghdr *message, size_t room)
{
    size_t at = 0, length = message->msg_controllen;

    printf(" flags %#x length %zu", message->msg_flags, length);
    while (room >= sizeof(struct cmsghdr) && at + sizeof(struct cmsghdr) <= length) {
        struct cmsghdr header;
        memcpy(&header, control.bytes + at, sizeof(header));
        printf(" [%zu %d %d]", header.cmsg_len, header.cmsg_level, header.cmsg_type);
        if (header.cmsg_len < sizeof(header))
            break;
        at += CMSG_ALIGN(header.cmsg_len);
    }
}

static void receive(int fd, size_t room, int flags)
{
    struct msghdr message = {.msg_iov = &piece,
                             .msg_iovlen = 1,
                             .msg_control = room ? control.bytes : NULL,
                             .msg_controllen = room};
    int before = open_count();

    memset(&control, 0x55, sizeof(control));
    long got = recvmsg(fd, &message, flags);
    printf(" %ld", got);
    if (got >= 0)
        print_control(&message, room);
    printf(" opened %d", open_count() - before);
    for (size_t n = room; n < sizeof(control); n++)
        if (control.bytes[n] != 0x55)
            printf(" OVERRUN at %zu", n);
}

static void try_room(size_t type, size_t content, size_t room, int flags)
{
    int pair[2], on = 1;

    if (socketpair(AF_UNIX, types[type].type, 0, pair) < 0)
        return;
    if (contents[content].credentials)
        setsockopt(pair[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on));
    send_rights(pair[0], contents[content].rights);
    printf("%s, %s, flags %#x, room %zu:", types[type].name, contents[content].name, flags, room);
    receive(pair[1], room, flags);
    if (flags & MSG_PEEK) {
        printf(", again:");
        receive(pair[1], room, 0);
    }
    printf("\n");
    close_from(3);
}

/* A message whose first piece of control data says LENGTH, in SIZE bytes. */
static void try_length(int level, int kind, size_t size, size_t length)
{
    struct msghdr message = {
        .msg_iov = &piece, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = size};
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
        return;
    memset(&control, 0, sizeof(control));
    control.header = (struct cmsghdr){length, level, kind};
    printf("level %d kind %d, %zu in %zu: ", level, kind, length, size);
    errno = 0;
    show("sendmsg", sendmsg(pair[0], &message, MSG_DONTWAIT));
    close_from(3);
}

int main(void)
{
    static const int flags[] = {0, MSG_PEEK, MSG_CMSG_CLOEXEC};
    static const int kinds[][2] = {{SOL_SOCKET, SCM_RIGHTS}, {SOL_SOCKET, 9}, {0, 1}, {41, 50}};

    close_from(3);
    for (size_t type = 0; type < COUNT(types); type++)
        for (size_t content = 0; content < COUNT(contents); content++)
            for (size_t flag = 0; flag < COUNT(flags); flag++)
                for (size_t room = 0; room <= ROOM_MAX; room += flag ? 8 : room % 8 == 4 ? 4 : 1)
                    try_room(type, content, room, flags[flag]);
    for (size_t kind = 0; kind < COUNT(kinds); kind++)
        for (size_t size = 0; size <= LENGTH_MAX; size += 4)
            for (size_t length = 0; length <= LENGTH_MAX; length += 4)
                try_length(kinds[kind][0], kinds[kind][1], size, length);
    return 0;
}
