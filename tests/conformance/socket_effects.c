/*
 * What options do once they are set: SO_RCVLOWAT, SO_DONTROUTE, SO_TIMESTAMP, SO_PASSCRED. On Linux
 * in a network namespace of its own, where nothing leads out of the machine.
 */
#include "loopback.h"
#include "show.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>

#define NEWNET 0x40000000

static char bytes[300000];

static int set_int(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof value);
}

/* A connection over the loopback, its two ends. */
static void tcp_pair(int pair[2])
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof name;
    int listener = socket(AF_INET, SOCK_STREAM, 0);

    bind(listener, (struct sockaddr *)&name, sizeof name);
    listen(listener, 1);
    getsockname(listener, (struct sockaddr *)&name, &length);
    pair[0] = socket(AF_INET, SOCK_STREAM, 0);
    connect(pair[0], (struct sockaddr *)&name, sizeof name);
    pair[1] = accept(listener, NULL, NULL);
    close(listener);
}

static int pending(int fd)
{
    int count = -1;

    ioctl(fd, 0x541b, &count);
    return count;
}

/* Till COUNT bytes have come, whatever poll says. */
static void await_bytes(int fd, int count)
{
    struct timespec pause = {0, 1000000};

    for (int i = 0; i < 2000 && pending(fd) < count; i++)
        nanosleep(&pause, NULL);
}

static void show_poll(int fd)
{
    struct pollfd one = {.fd = fd, .events = POLLIN | POLLRDHUP};

    printf("poll %d", poll(&one, 1, 0));
    printf(" %x, %d bytes\n", (unsigned)one.revents, pending(fd));
}

static void show_set(int set)
{
    struct epoll_event event;
    int count = epoll_wait(set, &event, 1, 0);

    printf("epoll %d", count);
    printf(count == 1 ? " %x\n" : "\n", event.events);
}

/* ---- SO_RCVLOWAT ---- */

static void low_readiness(const char *what, int pair[2])
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLET};
    int set = epoll_create1(0);

    printf("-- SO_RCVLOWAT, readiness, %s\n", what);
    SHOW(set_int(pair[1], SOL_SOCKET, SO_RCVLOWAT, 10));
    epoll_ctl(set, EPOLL_CTL_ADD, pair[1], &event);
    show_poll(pair[1]);
    show_set(set);
    write(pair[0], bytes, 9);
    await_bytes(pair[1], 9);
    show_poll(pair[1]);
    show_set(set);
    write(pair[0], bytes, 1);
    await_bytes(pair[1], 10);
    show_poll(pair[1]);
    show_set(set);
    SHOW(read(pair[1], bytes, 4));
    show_poll(pair[1]);
    SHOW(set_int(pair[1], SOL_SOCKET, SO_RCVLOWAT, 6));
    show_poll(pair[1]);
    SHOW(set_int(pair[1], SOL_SOCKET, SO_RCVLOWAT, 7));
    show_poll(pair[1]);
    SHOW(recv(pair[1], bytes, 20, MSG_DONTWAIT));
    SHOW(shutdown(pair[0], SHUT_WR));
    struct pollfd one = {.fd = pair[1], .events = POLLRDHUP};
    poll(&one, 1, 2000);
    show_poll(pair[1]);
    close(set);
}

/* Who waits gets so much at once, or what there is when the wait ends. */
static void low_waits(const char *what, int pair[2])
{
    struct timeval limit = {0, 50000};
    int status;

    printf("-- SO_RCVLOWAT, waiting, %s\n", what);
    SHOW(set_int(pair[1], SOL_SOCKET, SO_RCVLOWAT, 10));
    for (int way = 0; way < 3; way++) {
        write(pair[0], bytes, 4);
        await_bytes(pair[1], 4);
        pid_t pid = fork();
        if (pid == 0) {
            struct timespec pause = {0, 100000000};
            nanosleep(&pause, NULL);
            write(pair[0], bytes, 12); /* enough without the four: Linux wakes no TCP for less */
            _exit(0);
        }
        struct iovec place = {bytes, 100};
        struct msghdr message = {.msg_iov = &place, .msg_iovlen = 1};
        SHOW(way == 0   ? read(pair[1], bytes, 100)
             : way == 1 ? recv(pair[1], bytes, 100, 0)
                        : recvmsg(pair[1], &message, 0));
        waitpid(pid, &status, 0);
    }
    write(pair[0], bytes, 4);
    await_bytes(pair[1], 4);
    SHOW(read(pair[1], bytes, 3)); /* less is asked for */
    SHOW(recv(pair[1], bytes, 10, MSG_PEEK | MSG_DONTWAIT));
    setsockopt(pair[1], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    SHOW(read(pair[1], bytes, 100)); /* time is over */
    SHOW(read(pair[1], bytes, 100));
    write(pair[0], bytes, 5);
    shutdown(pair[0], SHUT_WR);
    await_bytes(pair[1], 5);
    SHOW(read(pair[1], bytes, 100));
    SHOW(read(pair[1], bytes, 100));
}

/* More than fits: nobody waits for what can't come. */
static void low_large(const char *what, int pair[2])
{
    long total = 0, got;
    int status;

    printf("-- SO_RCVLOWAT, more than the buffer, %s\n", what);
    SHOW(set_int(pair[1], SOL_SOCKET, SO_RCVBUF, 4096));
    SHOW(set_int(pair[1], SOL_SOCKET, SO_RCVLOWAT, sizeof bytes));
    pid_t pid = fork();
    if (pid == 0) {
        close(pair[1]);
        for (long sent = 0, now; sent < (long)sizeof bytes; sent += now)
            if ((now = write(pair[0], bytes + sent, sizeof bytes - (size_t)sent)) <= 0)
                _exit(1);
        _exit(0);
    }
    close(pair[0]);
    while ((got = read(pair[1], bytes, sizeof bytes)) > 0)
        total += got;
    SHOW(total);
    waitpid(pid, &status, 0);
    print_status("the writer", status);
    close(pair[1]);
}

static void low_water(void)
{
    int pair[2];

    for (int kind = 0; kind < 2; kind++) {
        const char *what = kind == 0 ? "TCP" : "UNIX";
        for (int part = 0; part < 3; part++) {
            if (kind == 0)
                tcp_pair(pair);
            else
                socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
            if (part == 2) {
                low_large(what, pair);
                continue;
            }
            (part == 0 ? low_readiness : low_waits)(what, pair);
            close(pair[0]);
            close(pair[1]);
        }
    }
}

/* ---- SO_DONTROUTE ---- */

static void routes(void)
{
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)},
                       far = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0xc6336401)};
    socklen_t length = sizeof here;
    int to = socket(AF_INET, SOCK_DGRAM, 0), from = socket(AF_INET, SOCK_DGRAM, 0), pair[2];

    printf("-- SO_DONTROUTE\n");
    bind(to, (struct sockaddr *)&here, sizeof here);
    getsockname(to, (struct sockaddr *)&here, &length);
    far.sin_port = here.sin_port;
    SHOW(sendto(from, "one", 3, MSG_DONTROUTE, (struct sockaddr *)&here, sizeof here));
    SHOW(recv(to, bytes, 10, 0));
    SHOW(sendto(from, "one", 3, MSG_DONTROUTE, (struct sockaddr *)&far, sizeof far));
    SHOW(set_int(from, SOL_SOCKET, SO_DONTROUTE, 1));
    SHOW(sendto(from, "two", 3, 0, (struct sockaddr *)&here, sizeof here));
    SHOW(recv(to, bytes, 10, 0));
    SHOW(sendto(from, "two", 3, 0, (struct sockaddr *)&far, sizeof far));
    close(from);
    from = socket(AF_INET, SOCK_STREAM, 0);
    SHOW(set_int(from, SOL_SOCKET, SO_DONTROUTE, 1));
    SHOW(connect(from, (struct sockaddr *)&far, sizeof far));
    close(from), close(to);
    tcp_pair(pair);
    SHOW(set_int(pair[0], SOL_SOCKET, SO_DONTROUTE, 1));
    SHOW(send(pair[0], "one", 3, MSG_DONTROUTE));
    SHOW(recv(pair[1], bytes, 3, 0));
    close(pair[0]), close(pair[1]);
}

/* ---- Control data: SO_TIMESTAMP, SO_PASSCRED ---- */

/* The types of what came along; of a time whether it is later than FROM and not after now. */
static void receive_told(int fd, size_t size, int flags, size_t room, int64_t from)
{
    union {
        struct cmsghdr align;
        char room[256];
    } control;
    struct iovec place = {bytes, size};
    struct msghdr message = {
        .msg_iov = &place, .msg_iovlen = 1, .msg_control = control.room, .msg_controllen = room};
    struct timespec now;
    int64_t time[2];

    SHOW(recvmsg(fd, &message, flags));
    printf("flags %x:", (unsigned)message.msg_flags);
    clock_gettime(CLOCK_REALTIME, &now);
    for (struct cmsghdr *one = CMSG_FIRSTHDR(&message); one; one = CMSG_NXTHDR(&message, one)) {
        printf(" level %d type %d of %u", one->cmsg_level, one->cmsg_type, (unsigned)one->cmsg_len);
        if (one->cmsg_type == SCM_CREDENTIALS || one->cmsg_len < CMSG_LEN(sizeof time))
            continue;
        memcpy(time, CMSG_DATA(one), sizeof time);
        bool nano = one->cmsg_type == 35 || one->cmsg_type == 64;
        int64_t then = time[0] * 1000000000 + time[1] * (nano ? 1 : 1000) + (nano ? 0 : 999);
        printf(then >= from && then <= now.tv_sec * 1000000000LL + now.tv_nsec + 1000
                   ? " in time"
                   : " out of time");
    }
    printf("\n");
}

static int64_t now_is(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static void stamps_of(const char *what, int pair[2])
{
    static const int names[] = {29, 35, 63, 64};
    struct timespec pause = {0, 2000000};

    printf("-- SO_TIMESTAMP, %s\n", what);
    for (size_t i = 0; i < COUNT(names); i++) {
        SHOW(set_int(pair[1], SOL_SOCKET, names[i], 1));
        int64_t before = now_is();
        write(pair[0], "first", 5);
        await_bytes(pair[1], 5);
        receive_told(pair[1], 3, MSG_PEEK, 256, before);
        receive_told(pair[1], 5, 0, 256, before);
        write(pair[0], "second", 6);
        await_bytes(pair[1], 6);
        nanosleep(&pause, NULL);
        receive_told(pair[1], 6, 0, 20, before);
        write(pair[0], "third", 5);
        await_bytes(pair[1], 5);
        receive_told(pair[1], 5, 0, 0, before);
    }
    SHOW(set_int(pair[1], SOL_SOCKET, 64, 0));
    write(pair[0], "after", 5);
    await_bytes(pair[1], 5);
    receive_told(pair[1], 5, 0, 256, 0);
}

/* Each byte has the time of its own arrival, however late it is read. */
static void stamps_late(void)
{
    struct timespec pause = {0, 20000000};
    int pair[2];

    printf("-- SO_TIMESTAMP of what was left\n");
    tcp_pair(pair);
    set_int(pair[1], SOL_SOCKET, 35, 1);
    int64_t first = now_is();
    write(pair[0], "one", 3);
    await_bytes(pair[1], 3);
    nanosleep(&pause, NULL);
    int64_t second = now_is();
    write(pair[0], "two", 3);
    await_bytes(pair[1], 6);
    receive_told(pair[1], 3, 0, 256, first);
    receive_told(pair[1], 3, 0, 256, second);
    write(pair[0], "one", 3);
    await_bytes(pair[1], 3);
    nanosleep(&pause, NULL);
    second = now_is();
    write(pair[0], "two", 3);
    await_bytes(pair[1], 6);
    receive_told(pair[1], 1, 0, 256, first);
    receive_told(pair[1], 4, MSG_WAITALL, 256, second);
    receive_told(pair[1], 1, 0, 256, first);
    close(pair[0]), close(pair[1]);
}

/* Linux begins with it a little after the first socket that asks. */
static void stamps_begin(int pair[2])
{
    struct timespec pause = {0, 1000000};
    struct msghdr message = {.msg_flags = 0};
    char room[64];

    set_int(pair[1], SOL_SOCKET, SO_TIMESTAMP, 1);
    for (int i = 0; i < 2000 && message.msg_controllen == 0; i++) {
        struct iovec place = {bytes, 1};
        message = (struct msghdr){
            .msg_iov = &place, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room};
        write(pair[0], "x", 1);
        recvmsg(pair[1], &message, 0);
        nanosleep(&pause, NULL);
    }
}

static void stamps(void)
{
    int pair[2];

    tcp_pair(pair);
    stamps_begin(pair);
    stamps_of("TCP", pair);
    close(pair[0]), close(pair[1]);
    stamps_late();
    socketpair(AF_UNIX, SOCK_DGRAM, 0, pair);
    write(pair[0], "early", 5);
    stamps_of("UNIX datagram", pair);
    close(pair[0]), close(pair[1]);
    socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair);
    stamps_of("UNIX seqpacket", pair);
    close(pair[0]), close(pair[1]);
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    stamps_of("UNIX stream", pair);
    close(pair[0]), close(pair[1]);
}

/* ---- Credentials ---- */

struct identity {
    int pid;
    unsigned uid, gid;
};

static void credentials_show(int fd)
{
    union {
        struct cmsghdr align;
        char room[64];
    } control;
    struct identity who = {0};
    struct iovec place = {bytes, 16};
    struct msghdr message = {
        .msg_iov = &place, .msg_iovlen = 1, .msg_control = control.room, .msg_controllen = 64};

    SHOW(recvmsg(fd, &message, MSG_DONTWAIT));
    struct cmsghdr *one = CMSG_FIRSTHDR(&message);
    if (one && one->cmsg_type == SCM_CREDENTIALS)
        memcpy(&who, CMSG_DATA(one), sizeof who);
    printf("%s, user %u, group %u\n", who.pid == getpid() ? "mine" : "not mine", who.uid, who.gid);
}

static long claim(int fd, int pid, unsigned uid, unsigned gid)
{
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(struct identity))];
    } control = {.header = {.cmsg_len = CMSG_LEN(sizeof(struct identity)),
                            .cmsg_level = SOL_SOCKET,
                            .cmsg_type = SCM_CREDENTIALS}};
    struct identity who = {pid, uid, gid};
    struct iovec place = {(char *)"x", 1};
    struct msghdr message = {.msg_iov = &place,
                             .msg_iovlen = 1,
                             .msg_control = control.room,
                             .msg_controllen = CMSG_SPACE(sizeof who)};

    memcpy(CMSG_DATA(&control.header), &who, sizeof who);
    return sendmsg(fd, &message, MSG_DONTWAIT);
}

static void claims(int pair[2])
{
    static const unsigned ids[] = {0, 10, 20, 30, 40, (unsigned)-1};

    write(pair[0], "x", 1);
    credentials_show(pair[1]);
    for (size_t i = 0; i < COUNT(ids); i++) {
        printf("claims %d\n", (int)ids[i]);
        if (SHOW(claim(pair[0], getpid(), ids[i], 100 + 10)) == 1)
            credentials_show(pair[1]);
        if (SHOW(claim(pair[0], getpid(), 10, 100 + ids[i])) == 1)
            credentials_show(pair[1]);
    }
    if (SHOW(claim(pair[0], getppid(), 10, 110)) == 1)
        credentials_show(pair[1]);
    SHOW(claim(pair[0], 4000000, 10, 110));
    SHOW(claim(pair[0], 0, 10, 110));
}

static void credentials_in_child(int type)
{
    struct identity peer;
    socklen_t length = sizeof peer;
    int pair[2], before[2];

    socketpair(AF_UNIX, type, 0, before);
    SHOW(setresgid(110, 120, 130));
    SHOW(setresuid(10, 20, 30));
    socketpair(AF_UNIX, type, 0, pair);
    getsockopt(pair[0], SOL_SOCKET, SO_PEERCRED, &peer, &length);
    printf("peer: user %u, group %u\n", peer.uid, peer.gid);
    set_int(pair[1], SOL_SOCKET, SO_PASSCRED, 1);
    claims(pair);
    getsockopt(before[0], SOL_SOCKET, SO_PEERCRED, &peer, &length);
    printf("peer before: user %u, group %u\n", peer.uid, peer.gid);
}

static void credentials(void)
{
    static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
    int status, pair[2];

    for (size_t i = 0; i < COUNT(types); i++) {
        printf("-- credentials, type %d\n", types[i]);
        fflush(stdout);
        pid_t pid = fork();
        if (pid == 0) {
            credentials_in_child(types[i]);
            fflush(stdout);
            _exit(0);
        }
        waitpid(pid, &status, 0);
        print_status("child", status);
    }
    printf("-- root\n");
    socketpair(AF_UNIX, SOCK_DGRAM, 0, pair);
    set_int(pair[1], SOL_SOCKET, SO_PASSCRED, 1);
    claims(pair);
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGPIPE, SIG_IGN);
    unshare(NEWNET);
    loopback_up();
    low_water();
    routes();
    stamps();
    credentials();
    return 0;
}
