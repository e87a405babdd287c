/*
 * UNIX sockets where it takes two, files, or time: waiting and what ends it, limits of time,
 * credentials, rights, paths and permissions, options.
 */
#include "show.h"

#include <poll.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

static struct sockaddr_un name_of(const char *path)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};

    strcpy(name.sun_path, path);
    return name;
}

static int opened(int type)
{
    return socket(AF_UNIX, type, 0);
}

static int bound(int type, const char *path)
{
    struct sockaddr_un name = name_of(path);
    int fd = opened(type);

    SHOW(bind(fd, (struct sockaddr *)&name, sizeof name));
    return fd;
}

static int connected(int fd, const char *path)
{
    struct sockaddr_un name = name_of(path);

    SHOW(connect(fd, (struct sockaddr *)&name, sizeof name));
    return fd;
}

static int not_for_child = -1; /* what must be gone when we close it */

/* Runs CHILD beside us; its end is waited for by finish. */
static pid_t begin(void (*child)(int fd), int fd)
{
    pid_t pid = fork();

    if (pid == 0) {
        close(not_for_child);
        child(fd);
        _exit(0);
    }
    return pid;
}

static void finish(const char *what, pid_t pid)
{
    int status;

    waitpid(pid, &status, 0);
    print_status(what, status);
}

/* As good as asleep: its state says so. */
static void wait_asleep(pid_t pid)
{
    char path[40], text[200], *state;

    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    do {
        int fd = open(path, O_RDONLY);
        long length = read(fd, text, sizeof text - 1);
        close(fd);
        text[length > 0 ? length : 0] = 0;
        state = strrchr(text, ')');
        sched_yield();
    } while (!state || state[2] != 'S');
}

static char block[65536];

/* ---- Waiting ---- */

static void child_write(int fd)
{
    size_t total = 0;

    while (total < 20 * sizeof block)
        total += (size_t)write(fd, block, sizeof block);
}

static void child_read(int fd)
{
    long got = read(fd, block, sizeof block);

    _exit(got < 0 ? 100 + errno : (int)got);
}

static void child_write_all(int fd)
{
    long total = 0, moved;

    signal(SIGPIPE, SIG_IGN);
    while ((moved = write(fd, block, sizeof block)) > 0)
        total += moved;
    _exit(total > 0 ? errno : 1);
}

static void waits(int type)
{
    int pair[2];
    size_t total = 0;
    pid_t pid;

    printf("-- waits, type %d\n", type);
    socketpair(AF_UNIX, type, 0, pair);
    if (type == SOCK_STREAM) {
        pid = begin(child_write, pair[0]);
        while (total < 20 * sizeof block)
            total += (size_t)read(pair[1], block, 3000);
        finish("writer", pid);
        printf("moved %zu\n", total);
    }
    pid = begin(child_read, pair[0]);
    wait_asleep(pid);
    SHOW(write(pair[1], "news", 4));
    finish("reader", pid);
    if (type != SOCK_DGRAM) { /* a datagram socket's end concerns nobody else */
        pid = begin(child_write_all, pair[0]);
        wait_asleep(pid);
        SHOW(shutdown(pair[1], SHUT_RD));
        finish("writer till the end", pid);
        pid = begin(child_read, pair[0]);
        wait_asleep(pid);
        SHOW(shutdown(pair[1], SHUT_WR));
        finish("reader till the end", pid);
    }
    close(pair[0]);
    close(pair[1]);
}

static void limits(void)
{
    struct timeval limit = {0, 30000};
    int pair[2];

    printf("-- limits of time\n");
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    SHOW(setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit));
    SHOW(setsockopt(pair[0], SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit));
    SHOW(read(pair[0], block, 1));
    while (write(pair[0], block, sizeof block) == sizeof block)
        ;
    SHOW(write(pair[0], block, 1) < 0 && errno == EAGAIN);
    SHOW(recv(pair[0], block, 1, MSG_DONTWAIT));
    close(pair[0]);
    close(pair[1]);
}

static void child_connect(int fd)
{
    struct sockaddr_un name = name_of("busy");

    _exit(connect(fd, (struct sockaddr *)&name, sizeof name) < 0 ? errno : 0);
}

static void backlog(void)
{
    int listener = bound(SOCK_STREAM, "busy"), fd, accepted;
    pid_t pid;

    printf("-- backlog\n");
    not_for_child = listener;
    SHOW(listen(listener, 1));
    connected(opened(SOCK_STREAM), "busy");
    connected(opened(SOCK_STREAM), "busy");
    connected(opened(SOCK_STREAM | SOCK_NONBLOCK), "busy");
    pid = begin(child_connect, opened(SOCK_STREAM));
    wait_asleep(pid);
    accepted = accept(listener, NULL, NULL);
    finish("connecting", pid);
    fd = opened(SOCK_STREAM);
    pid = begin(child_connect, fd);
    wait_asleep(pid);
    SHOW(close(listener));
    not_for_child = -1;
    finish("connecting to what goes", pid);
    SHOW(unlink("busy"));
    connected(fd, "busy");
    close(accepted);
}

static void child_send(int fd)
{
    struct sockaddr_un name = name_of("sink");

    for (int i = 0; i < 100; i++)
        if (sendto(fd, "x", 1, 0, (struct sockaddr *)&name, sizeof name) != 1)
            _exit(errno);
}

static void datagrams(void)
{
    int sink = bound(SOCK_DGRAM, "sink"), count = 0;
    pid_t one, two;

    printf("-- datagrams\n");
    not_for_child = sink;
    one = begin(child_send, opened(SOCK_DGRAM));
    two = begin(child_send, opened(SOCK_DGRAM));
    while (count < 200 && recv(sink, block, sizeof block, 0) == 1)
        count++;
    finish("one", one);
    finish("two", two);
    printf("count %d\n", count);
    one = begin(child_send, opened(SOCK_DGRAM));
    wait_asleep(one);
    close(sink);
    not_for_child = -1;
    finish("to what goes", one);
    unlink("sink");
}

static void signals(void)
{
    int pair[2];
    pid_t pid;

    printf("-- SIGPIPE\n");
    for (int type = SOCK_STREAM; type <= SOCK_SEQPACKET; type++) {
        if (socketpair(AF_UNIX, type, 0, pair) < 0 || type == SOCK_RAW)
            continue;
        close(pair[1]);
        pid = fork();
        if (pid == 0) {
            SHOW(send(pair[0], "x", 1, MSG_NOSIGNAL));
            SHOW(write(pair[0], "x", 1));
            _exit(0);
        }
        finish("writer", pid);
        close(pair[0]);
    }
}

/* ---- Credentials and rights ---- */

struct parcel {
    union {
        char room[256];
        struct cmsghdr align;
    } control;
    char bytes[16];
    struct iovec piece;
    struct msghdr message;
};

static void parcel_begin(struct parcel *parcel)
{
    memset(parcel, 0, sizeof *parcel);
    strcpy(parcel->bytes, "parcel");
    parcel->piece = (struct iovec){parcel->bytes, 6};
    parcel->message = (struct msghdr){.msg_iov = &parcel->piece,
                                      .msg_iovlen = 1,
                                      .msg_control = &parcel->control,
                                      .msg_controllen = sizeof parcel->control};
}

static void parcel_put(struct parcel *parcel, int type, const void *data, size_t size)
{
    struct cmsghdr *header = CMSG_FIRSTHDR(&parcel->message);

    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = type;
    header->cmsg_len = CMSG_LEN(size);
    memcpy(CMSG_DATA(header), data, size);
    parcel->message.msg_controllen = CMSG_SPACE(size);
}

static void parcel_show(int fd, size_t room, int flags)
{
    struct parcel parcel;

    parcel_begin(&parcel);
    parcel.piece.iov_len = sizeof parcel.bytes;
    parcel.message.msg_controllen = room;
    if (SHOW(recvmsg(fd, &parcel.message, flags)) < 0)
        return;
    printf("flags %x\n", (unsigned)parcel.message.msg_flags);
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&parcel.message); header;
         header = CMSG_NXTHDR(&parcel.message, header)) {
        printf("control %d of %zu\n", header->cmsg_type, (size_t)header->cmsg_len);
        if (header->cmsg_type == SCM_CREDENTIALS && header->cmsg_len >= CMSG_LEN(12)) {
            struct ucred who;
            memcpy(&who, CMSG_DATA(header), sizeof who);
            printf("from %s, %u, %u\n",
                   who.pid == getpid()    ? "us"
                   : who.pid == getppid() ? "the parent"
                                          : "another",
                   who.uid, who.gid);
        }
        if (header->cmsg_type == SCM_RIGHTS) {
            size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
            for (size_t i = 0; i < count; i++) {
                int got;
                memcpy(&got, (char *)CMSG_DATA(header) + i * sizeof got, sizeof got);
                printf("right: flags %x\n", (unsigned)fcntl(got, F_GETFD));
                close(got);
            }
        }
    }
}

static void credentials(void)
{
    struct ucred claim = {getpid(), 0, 0}, who;
    socklen_t length = sizeof who;
    struct parcel parcel;
    int pair[2], on = 1;

    printf("-- credentials\n");
    socketpair(AF_UNIX, SOCK_DGRAM, 0, pair);
    SHOW(getsockopt(pair[0], SOL_SOCKET, SO_PEERCRED, &who, &length));
    printf("peer: %s %u %u\n", who.pid == getpid() ? "us" : "another", who.uid, who.gid);
    write(pair[0], "before", 6);
    SHOW(setsockopt(pair[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on));
    parcel_show(pair[1], sizeof parcel.control, 0);
    write(pair[0], "after", 5);
    parcel_show(pair[1], sizeof parcel.control, MSG_PEEK);
    parcel_show(pair[1], 20, 0);
    claim.uid = 12;
    parcel_begin(&parcel);
    parcel_put(&parcel, SCM_CREDENTIALS, &claim, sizeof claim);
    SHOW(sendmsg(pair[0], &parcel.message, 0));
    parcel_show(pair[1], sizeof parcel.control, 0);
    claim.pid = 1 << 22;
    parcel_begin(&parcel);
    parcel_put(&parcel, SCM_CREDENTIALS, &claim, sizeof claim);
    SHOW(sendmsg(pair[0], &parcel.message, 0));
    parcel_begin(&parcel);
    parcel_put(&parcel, SCM_CREDENTIALS, &claim, 8);
    SHOW(sendmsg(pair[0], &parcel.message, 0));
    parcel_begin(&parcel);
    parcel_put(&parcel, 77, &claim, 8);
    SHOW(sendmsg(pair[0], &parcel.message, 0));
    close(pair[0]);
    close(pair[1]);
}

static void rights(int type)
{
    int pair[2], pipes[2], three[3], bad[2];
    struct parcel parcel;

    printf("-- rights, type %d\n", type);
    socketpair(AF_UNIX, type, 0, pair);
    pipe(pipes);
    three[0] = pipes[0], three[1] = pipes[1], three[2] = pair[0];
    bad[0] = pipes[0], bad[1] = 999;
    for (int i = 0; i < 4; i++) {
        parcel_begin(&parcel);
        parcel_put(&parcel, SCM_RIGHTS, three, sizeof three);
        SHOW(sendmsg(pair[0], &parcel.message, 0));
    }
    parcel_begin(&parcel);
    parcel_put(&parcel, SCM_RIGHTS, bad, sizeof bad);
    SHOW(sendmsg(pair[0], &parcel.message, 0));
    parcel_show(pair[1], sizeof parcel.control, MSG_PEEK);
    parcel_show(pair[1], sizeof parcel.control, MSG_CMSG_CLOEXEC);
    parcel_show(pair[1], CMSG_LEN(2 * sizeof(int)), 0);
    parcel_show(pair[1], 0, 0);
    parcel_show(pair[1], CMSG_LEN(0), 0);
    close(pair[0]);
    close(pair[1]);
    close(pipes[0]);
    close(pipes[1]);
}

/* ---- Paths ---- */

static void paths(void)
{
    struct sockaddr_un long_name = name_of("x");
    struct stat st;
    int listener, fd;

    printf("-- paths\n");
    umask(027);
    listener = bound(SOCK_STREAM, "here");
    SHOW(stat("here", &st));
    printf("mode %o\n", (unsigned)st.st_mode);
    SHOW(open("here", O_RDWR));
    close(bound(SOCK_STREAM, "here"));
    connected(opened(SOCK_STREAM), "here");
    SHOW(listen(listener, 5));
    connected(opened(SOCK_STREAM), "here");
    connected(opened(SOCK_DGRAM), "here");
    SHOW(symlink("here", "link"));
    connected(opened(SOCK_STREAM), "link");
    close(bound(SOCK_STREAM, "link"));
    SHOW(link("here", "other"));
    SHOW(rename("here", "there"));
    connected(opened(SOCK_STREAM), "there");
    connected(opened(SOCK_STREAM), "other");
    connected(opened(SOCK_STREAM), "here");
    put_file("plain", "", 0666);
    connected(opened(SOCK_STREAM), "plain");
    connected(opened(SOCK_STREAM), "absent/x");
    connected(opened(SOCK_STREAM), "plain/x");
    close(bound(SOCK_STREAM, "absent/x"));
    close(bound(SOCK_STREAM, "plain"));
    SHOW(chmod("there", 0600));
    if (fork() == 0) {
        SHOW(setresuid(1000, 1000, 1000));
        connected(opened(SOCK_STREAM), "there");
        close(bound(SOCK_STREAM, "mine"));
        _exit(0);
    }
    wait(NULL);
    SHOW(close(listener));
    connected(opened(SOCK_STREAM), "there");
    memset(long_name.sun_path, 'n', sizeof long_name.sun_path);
    fd = opened(SOCK_STREAM);
    SHOW(bind(fd, (struct sockaddr *)&long_name, sizeof long_name));
    SHOW(bind(fd, (struct sockaddr *)&long_name, sizeof long_name + 1));
    SHOW(bind(fd, (struct sockaddr *)&long_name, 1));
    socklen_t length = sizeof long_name;
    SHOW(getsockname(fd, (struct sockaddr *)&long_name, &length));
    printf("length %u\n", length);
    umask(022);
}

/* ---- Options ---- */

static void options(void)
{
    static const int names[] = {
        SO_TYPE,      SO_PROTOCOL,  SO_DOMAIN,    SO_ERROR,     SO_ACCEPTCONN, SO_REUSEADDR,
        SO_KEEPALIVE, SO_BROADCAST, SO_OOBINLINE, SO_SNDLOWAT,  SO_RCVLOWAT,   SO_PRIORITY,
        SO_PASSCRED,  SO_PEEK_OFF,  SO_TIMESTAMP, SO_DONTROUTE, SO_MARK,       SO_RXQ_OVFL};
    int pair[2], value;
    socklen_t length;

    printf("-- options\n");
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    for (size_t i = 0; i < COUNT(names); i++) {
        printf("option %d\n", names[i]);
        value = 1;
        SHOW(setsockopt(pair[0], SOL_SOCKET, names[i], &value, sizeof value));
        SHOW(setsockopt(pair[0], SOL_SOCKET, names[i], &value, 1));
        length = sizeof value;
        value = -7;
        SHOW(getsockopt(pair[0], SOL_SOCKET, names[i], &value, &length));
        printf("value %d of %u\n", value, length);
    }
    length = sizeof value;
    SHOW(getsockopt(pair[0], SOL_SOCKET, SO_PEERSEC, &value, &length));
    SHOW(getsockopt(pair[0], 6, 1, &value, &length));
    SHOW(setsockopt(pair[0], 6, 1, &value, sizeof value));
    SHOW(getsockopt(pair[0], SOL_SOCKET, 4444, &value, &length));
    close(pair[0]);
    close(pair[1]);
}

/* ---- epoll ---- */

static void collect(int set)
{
    struct epoll_event events[4];
    int count = epoll_wait(set, events, 4, 0);

    printf("events:");
    for (int i = 0; i < count; i++)
        printf(" %u: %x", events[i].data.u32, events[i].events);
    printf("\n");
}

static void edges(void)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET, .data.u32 = 1};
    int pair[2], set = epoll_create1(0);

    printf("-- epoll\n");
    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair);
    SHOW(epoll_ctl(set, EPOLL_CTL_ADD, pair[0], &event));
    collect(set);
    write(pair[1], "one", 3);
    collect(set);
    collect(set);
    write(pair[1], "two", 3);
    collect(set);
    read(pair[0], block, 6);
    collect(set);
    SHOW(shutdown(pair[1], SHUT_WR));
    collect(set);
    collect(set);
    SHOW(close(pair[1]));
    collect(set);
    close(pair[0]);
    close(set);
}

int main(void)
{
    fresh_place();
    chmod(".", 0777);
    waits(SOCK_STREAM);
    waits(SOCK_DGRAM);
    waits(SOCK_SEQPACKET);
    limits();
    backlog();
    datagrams();
    signals();
    credentials();
    rights(SOCK_STREAM);
    rights(SOCK_DGRAM);
    rights(SOCK_SEQPACKET);
    paths();
    options();
    edges();
    leave_place();
    return 0;
}
