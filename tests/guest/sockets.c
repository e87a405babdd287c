/* Sockets as all families have them, tried on UNIX sockets: names, connections, waiting, what reads
 * and writes do. Messages with control data are in messages.c. */
#include "ktap.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>

enum { NOBODY = 65534 };

static socklen_t unix_name(struct sockaddr_un *name, const char *path)
{
    memset(name, 0, sizeof(*name));
    name->sun_family = AF_UNIX;
    strcpy(name->sun_path, path);
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path) + 1);
}

static int bind_to(int fd, const char *path)
{
    struct sockaddr_un name;
    socklen_t length = unix_name(&name, path);

    return bind(fd, (struct sockaddr *)&name, length);
}

static int connect_to(int fd, const char *path)
{
    struct sockaddr_un name;
    socklen_t length = unix_name(&name, path);

    return connect(fd, (struct sockaddr *)&name, length);
}

static int listener(const char *path, int backlog)
{
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    CHECK(fd >= 0);
    CHECK(bind_to(fd, path) == 0);
    CHECK(listen(fd, backlog) == 0);
    return fd;
}

static void stream_pair(int pair[2])
{
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
}

static int set_timeout(int fd, int option, long milliseconds)
{
    struct timeval time = {milliseconds / 1000, milliseconds % 1000 * 1000};

    return setsockopt(fd, SOL_SOCKET, option, &time, sizeof(time));
}

static void on_signal(int signal)
{
    (void)signal;
}

static void handle(int signal, int flags)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = flags};

    CHECK(sigaction(signal, &action, NULL) == 0);
}

/* ---- Making them ---- */

TEST(making, "socket and socketpair take the types that there are, and flags")
{
    int pair[2];

    CHECK_ERROR(socket(AF_UNIX, SOCK_STREAM | 0x100000, 0), EINVAL);
    CHECK_ERROR(socket(AF_UNIX, -1, 0), EINVAL);
    CHECK_ERROR(socket(AF_UNIX, 14, 0), EINVAL);
    CHECK_ERROR(socket(AF_UNIX, SOCK_RDM, 0), ESOCKTNOSUPPORT);
    CHECK_ERROR(socket(AF_UNIX, SOCK_STREAM, 7), EPROTONOSUPPORT);
    CHECK_ERROR(socket(-1, SOCK_STREAM, 0), EAFNOSUPPORT);
    CHECK_ERROR(socket(1000, SOCK_STREAM, 0), EAFNOSUPPORT);
    CHECK_ERROR(socketpair(AF_UNIX, SOCK_STREAM, 0, (int *)8), EFAULT);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0);
    for (int n = 0; n < 2; n++) {
        CHECK_EQUAL(fcntl(pair[n], F_GETFL), O_RDWR | O_NONBLOCK);
        CHECK_EQUAL(fcntl(pair[n], F_GETFD), FD_CLOEXEC);
    }
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    CHECK_EQUAL(fcntl(fd, F_GETFL), O_RDWR);
    CHECK_EQUAL(fcntl(fd, F_GETFD), 0);
    int value;
    socklen_t length = sizeof(value);
    CHECK(getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &length) == 0 && value == SOCK_DGRAM);
    CHECK(getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &value, &length) == 0 && value == AF_UNIX);
}

TEST(no_descriptors_left, "at RLIMIT_NOFILE nothing is made, and nothing is lost")
{
    int pair[2], listening = listener("s", 4), client = socket(AF_UNIX, SOCK_STREAM, 0);

    CHECK(connect_to(client, "s") == 0);
    struct rlimit few = {(rlim_t)client + 2, (rlim_t)client + 2};
    CHECK(setrlimit(RLIMIT_NOFILE, &few) == 0);
    CHECK_ERROR(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), EMFILE);
    int last = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK_EQUAL(last, client + 1);
    CHECK_ERROR(socket(AF_UNIX, SOCK_STREAM, 0), EMFILE);
    CHECK_ERROR(accept(listening, NULL, NULL), EMFILE);
    CHECK(close(last) == 0);
    CHECK_EQUAL(accept(listening, NULL, NULL), last);
}

TEST(no_socket, "each call on what is no socket, and on nothing")
{
    struct sockaddr_un name;
    socklen_t length = sizeof(name);
    struct msghdr message = {0};
    struct mmsghdr many = {0};
    int fds[2] = {-1, open("/dev/null", O_RDWR)}, errors[2] = {EBADF, ENOTSOCK}, value = 0;

    unix_name(&name, "x");
    for (int n = 0; n < 2; n++) {
        int fd = fds[n], error = errors[n];
        CHECK_ERROR(bind(fd, (struct sockaddr *)&name, length), error);
        CHECK_ERROR(connect(fd, (struct sockaddr *)&name, length), error);
        CHECK_ERROR(listen(fd, 1), error);
        CHECK_ERROR(accept(fd, NULL, NULL), error);
        CHECK_ERROR(shutdown(fd, SHUT_RD), error);
        CHECK_ERROR(getsockname(fd, (struct sockaddr *)&name, &length), error);
        CHECK_ERROR(getpeername(fd, (struct sockaddr *)&name, &length), error);
        CHECK_ERROR(send(fd, "x", 1, 0), error);
        CHECK_ERROR(recv(fd, &value, 1, 0), error);
        CHECK_ERROR(sendmsg(fd, &message, 0), error);
        CHECK_ERROR(recvmsg(fd, &message, 0), error);
        CHECK_ERROR(sendmmsg(fd, &many, 1, 0), error);
        CHECK_ERROR(recvmmsg(fd, &many, 1, 0, NULL), error);
        CHECK_ERROR(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &value, sizeof(value)), error);
        CHECK_ERROR(getsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &value, &length), error);
    }
    CHECK_ERROR(accept4(fds[1], NULL, NULL, 1), EINVAL);
}

/* ---- Names ---- */

TEST(bind_makes_a_node, "bind makes a node with the umask, once, and connect finds it")
{
    struct stat status;
    int fd = socket(AF_UNIX, SOCK_STREAM, 0), other = socket(AF_UNIX, SOCK_STREAM, 0);

    umask(027);
    CHECK(bind_to(fd, "node") == 0);
    CHECK(stat("node", &status) == 0);
    CHECK(S_ISSOCK(status.st_mode));
    CHECK_EQUAL(status.st_mode & 07777, 0750);
    CHECK_ERROR(bind_to(other, "node"), EADDRINUSE);
    CHECK_ERROR(bind_to(fd, "another"), EINVAL);
    CHECK_ERROR(stat("another", &status), ENOENT);
    CHECK_ERROR(connect_to(other, "node"), ECONNREFUSED);
    CHECK(listen(fd, 1) == 0);
    CHECK(connect_to(other, "node") == 0);
    CHECK_ERROR(open("node", O_RDWR), ENXIO);
    CHECK(rename("node", "moved") == 0);
    int third = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK_ERROR(connect_to(third, "node"), ENOENT);
    CHECK(connect_to(third, "moved") == 0);
    CHECK(close(fd) == 0);
    int fourth = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK_ERROR(connect_to(fourth, "moved"), ECONNREFUSED);
    CHECK(unlink("moved") == 0);
}

TEST(paths, "paths are walked as any: links, directories, permissions")
{
    int fd = listener("node", 8), client = socket(AF_UNIX, SOCK_STREAM, 0);

    ktap_file("file", "x", 1);
    CHECK_ERROR(connect_to(client, "none"), ENOENT);
    CHECK_ERROR(connect_to(client, "file/node"), ENOTDIR);
    CHECK_ERROR(connect_to(client, "file"), ECONNREFUSED);
    CHECK_ERROR(connect_to(client, "."), ECONNREFUSED);
    CHECK_ERROR(bind_to(client, "none/node"), ENOENT);
    CHECK_ERROR(bind_to(client, "file/node"), ENOTDIR);
    CHECK_ERROR(bind_to(client, "file"), EADDRINUSE);
    CHECK_ERROR(bind_to(client, "."), EADDRINUSE);
    CHECK(symlink("nowhere", "dangling") == 0);
    CHECK_ERROR(bind_to(client, "dangling"), EADDRINUSE);
    CHECK(symlink("node", "link") == 0);
    CHECK(mkdir("d", 0755) == 0);
    CHECK(chdir("d") == 0);
    CHECK(connect_to(client, "../link") == 0);
    CHECK(close(fd) == 0);
}

TEST(path_permissions, "connecting needs to write the node, binding to write its directory")
{
    if (geteuid() != 0)
        SKIP("needs root");
    int fd = listener("node", 8);

    CHECK(chmod("node", 0755) == 0);
    CHECK(chmod(".", 0755) == 0);
    CHECK_CHILD(CHILD({
        CHECK(setgid(NOBODY) == 0 && setuid(NOBODY) == 0);
        int client = socket(AF_UNIX, SOCK_STREAM, 0);
        CHECK_ERROR(connect_to(client, "node"), EACCES);
        CHECK_ERROR(bind_to(client, "other"), EACCES);
    }));
    CHECK(chmod("node", 0002) == 0);
    CHECK_CHILD(CHILD({
        CHECK(setgid(NOBODY) == 0 && setuid(NOBODY) == 0);
        int client = socket(AF_UNIX, SOCK_STREAM, 0);
        CHECK(connect_to(client, "node") == 0);
    }));
    CHECK(close(fd) == 0);
}

TEST(names_told, "getsockname and getpeername tell lengths, and cut to the room there is")
{
    struct sockaddr_un name, wanted;
    socklen_t length = unix_name(&wanted, "node"), room;
    int fd = listener("node", 8), client = socket(AF_UNIX, SOCK_STREAM, 0);

    CHECK(connect_to(client, "node") == 0);
    room = sizeof(name);
    CHECK(getsockname(fd, (struct sockaddr *)&name, &room) == 0);
    CHECK_EQUAL(room, length);
    CHECK(!memcmp(&name, &wanted, length));
    room = sizeof(name);
    CHECK(getpeername(client, (struct sockaddr *)&name, &room) == 0);
    CHECK_EQUAL(room, length);
    CHECK(!memcmp(&name, &wanted, length));
    room = sizeof(name);
    CHECK(getsockname(client, (struct sockaddr *)&name, &room) == 0);
    CHECK_EQUAL(room, sizeof(sa_family_t));
    CHECK_EQUAL(name.sun_family, AF_UNIX);
    CHECK_ERROR(getpeername(fd, (struct sockaddr *)&name, &room), ENOTCONN);
    memset(&name, 0x55, sizeof(name));
    room = 4;
    CHECK(getsockname(fd, (struct sockaddr *)&name, &room) == 0);
    CHECK_EQUAL(room, length);
    CHECK(!memcmp(&name, &wanted, 4) && ((char *)&name)[4] == 0x55);
    room = 0;
    CHECK(getsockname(fd, (struct sockaddr *)8, &room) == 0);
    CHECK_EQUAL(room, length);
    room = (socklen_t)-1;
    CHECK_ERROR(getsockname(fd, (struct sockaddr *)&name, &room), EINVAL);
    room = 16;
    CHECK_ERROR(getsockname(fd, (struct sockaddr *)8, &room), EFAULT);
    CHECK_ERROR(getsockname(fd, (struct sockaddr *)&name, (socklen_t *)8), EFAULT);
}

TEST(name_lengths, "addresses of impossible lengths are refused; a path needs no end")
{
    struct sockaddr_un name;
    char large[200] = {AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    unix_name(&name, "node");
    CHECK_ERROR(bind(fd, (struct sockaddr *)large, 129), EINVAL);
    CHECK_ERROR(bind(fd, (struct sockaddr *)large, (socklen_t)-1), EINVAL);
    CHECK_ERROR(bind(fd, (struct sockaddr *)large, 111), EINVAL);
    CHECK_ERROR(bind(fd, (struct sockaddr *)&name, 0), EINVAL);
    CHECK_ERROR(bind(fd, (struct sockaddr *)&name, 1), EINVAL);
    CHECK_ERROR(bind(fd, (struct sockaddr *)8, 20), EFAULT);
    name.sun_family = AF_UNIX + 1;
    CHECK_ERROR(bind(fd, (struct sockaddr *)&name, sizeof(name)), EINVAL);
    unix_name(&name, "");
    memset(name.sun_path, 'p', sizeof(name.sun_path));
    CHECK(bind(fd, (struct sockaddr *)&name, sizeof(name)) == 0);
    char path[109] = {0};
    memset(path, 'p', 108);
    struct stat status;
    CHECK(stat(path, &status) == 0 && S_ISSOCK(status.st_mode));
    socklen_t room = sizeof(large);
    CHECK(getsockname(fd, (struct sockaddr *)large, &room) == 0);
    CHECK_EQUAL(room, sizeof(name) + 1);
    CHECK(unlink(path) == 0);
}

TEST(abstract_names, "abstract names are found by their bytes, and made up when asked")
{
    struct sockaddr_un name;
    socklen_t length = sizeof(name);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0);

    unix_name(&name, "");
    CHECK(bind(fd, (struct sockaddr *)&name, sizeof(sa_family_t)) == 0);
    CHECK(getsockname(fd, (struct sockaddr *)&name, &length) == 0);
    CHECK_EQUAL(length, sizeof(sa_family_t) + 6);
    CHECK_EQUAL(name.sun_path[0], 0);
    CHECK(listen(fd, 1) == 0);
    CHECK(connect(client, (struct sockaddr *)&name, length) == 0);
    name.sun_path[5] ^= 1;
    int other = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK_ERROR(connect(other, (struct sockaddr *)&name, length), ECONNREFUSED);
}

/* ---- Connections ---- */

TEST(connecting, "a connection is made before it is accepted, and carries bytes both ways")
{
    struct sockaddr_un peer;
    socklen_t length = sizeof(peer);
    char text[8];
    int fd = listener("node", 4), client = socket(AF_UNIX, SOCK_STREAM, 0);

    CHECK_ERROR(accept4(fd, NULL, NULL, SOCK_NONBLOCK | 8), EINVAL);
    CHECK(connect_to(client, "node") == 0);
    CHECK_ERROR(connect_to(client, "node"), EISCONN);
    CHECK(write(client, "early", 5) == 5);
    int server = accept4(fd, (struct sockaddr *)&peer, &length, SOCK_CLOEXEC | SOCK_NONBLOCK);
    CHECK(server >= 0);
    CHECK_EQUAL(length, sizeof(sa_family_t));
    CHECK_EQUAL(fcntl(server, F_GETFD), FD_CLOEXEC);
    CHECK_EQUAL(fcntl(server, F_GETFL), O_RDWR | O_NONBLOCK);
    CHECK(read(server, text, sizeof(text)) == 5 && !memcmp(text, "early", 5));
    CHECK_ERROR(read(server, text, 1), EAGAIN);
    CHECK(send(server, "late", 4, 0) == 4);
    CHECK(recv(client, text, sizeof(text), 0) == 4 && !memcmp(text, "late", 4));
    CHECK(shutdown(client, SHUT_WR) == 0);
    CHECK(read(server, text, 1) == 0);
    CHECK(write(server, "x", 1) == 1);
    CHECK(close(server) == 0);
    CHECK(read(client, text, 8) == 1);
    CHECK(read(client, text, 8) == 0);
    CHECK_ERROR(shutdown(client, 3), EINVAL);
    CHECK_ERROR(accept(client, NULL, NULL), EINVAL);
}

TEST(accept_nowhere, "when the peer's address can't be stored the connection is gone")
{
    char c;
    int fd = listener("node", 4), client = socket(AF_UNIX, SOCK_STREAM, 0);

    CHECK(connect_to(client, "node") == 0);
    socklen_t length = 10;
    CHECK_ERROR(accept(fd, (struct sockaddr *)8, &length), EFAULT);
    CHECK(read(client, &c, 1) <= 0);
    CHECK(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
    CHECK_ERROR(accept(fd, NULL, NULL), EAGAIN);
}

TEST(connect_waits, "a full queue holds connects back, unless they may not wait")
{
    int fd = listener("node", 0), first = socket(AF_UNIX, SOCK_STREAM, 0);
    int second = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

    CHECK(connect_to(first, "node") == 0);
    CHECK_ERROR(connect_to(second, "node"), EAGAIN);
    CHECK(fcntl(second, F_SETFL, 0) == 0);
    CHECK(set_timeout(second, SO_SNDTIMEO, 50) == 0);
    CHECK_ERROR(connect_to(second, "node"), EAGAIN);
    CHECK(set_timeout(second, SO_SNDTIMEO, 0) == 0);
    pid_t pid = CHILD({
        ktap_sleep(50);
        CHECK(accept(fd, NULL, NULL) >= 0);
        CHECK(accept(fd, NULL, NULL) >= 0);
    });
    CHECK(connect_to(second, "node") == 0);
    CHECK_CHILD(pid);
    handle(SIGALRM, SA_RESTART);
    int third = socket(AF_UNIX, SOCK_STREAM, 0), fourth = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK(connect_to(third, "node") == 0);
    CHECK(set_timeout(fourth, SO_SNDTIMEO, 20000) == 0);
    pid = ktap_interrupt(SIGALRM);
    CHECK_ERROR(connect_to(fourth, "node"), EINTR);
    CHECK_CHILD(pid);
}

/* ---- Waiting ---- */

TEST(timeouts, "SO_RCVTIMEO and SO_SNDTIMEO end waits with EAGAIN, of reads and writes, too")
{
    int pair[2], fd = listener("node", 1);
    struct timeval time;
    socklen_t length = sizeof(time);
    static char bytes[1 << 20];
    char c;

    stream_pair(pair);
    CHECK(set_timeout(pair[0], SO_RCVTIMEO, 60) == 0);
    CHECK(set_timeout(pair[0], SO_SNDTIMEO, 60) == 0);
    CHECK(set_timeout(fd, SO_RCVTIMEO, 60) == 0);
    CHECK(getsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &time, &length) == 0);
    CHECK(time.tv_sec == 0 && time.tv_usec == 60000);
    long begin = ktap_now();
    CHECK_ERROR(recv(pair[0], &c, 1, 0), EAGAIN);
    CHECK_ERROR(read(pair[0], &c, 1), EAGAIN);
    CHECK_ERROR(accept(fd, NULL, NULL), EAGAIN);
    CHECK(ktap_now() - begin >= 170);
    ssize_t sent = write(pair[0], bytes, sizeof(bytes));
    CHECK(sent > 0 && sent < (ssize_t)sizeof(bytes));
    CHECK_ERROR(write(pair[0], bytes, sizeof(bytes)), EAGAIN);
    CHECK_ERROR(send(pair[0], bytes, sizeof(bytes), 0), EAGAIN);
}

/* What CALL does in a child when SIGALRM comes: errno, or 0. */
static int interrupted(int flags, int limit, long (*call)(int fd), int fd)
{
    pid_t pid = fork();

    if (pid == 0) {
        handle(SIGALRM, flags);
        if (limit)
            CHECK(set_timeout(fd, SO_RCVTIMEO, 20000) == 0);
        ktap_interrupt(SIGALRM);
        _exit(call(fd) < 0 ? errno : 0);
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
    return WEXITSTATUS(status);
}

static long call_recv(int fd)
{
    char c;
    return recv(fd, &c, 1, 0);
}

static long call_read(int fd)
{
    char c;
    return read(fd, &c, 1);
}

static long call_recvmsg(int fd)
{
    char c;
    struct iovec piece = {&c, 1};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
    return recvmsg(fd, &message, 0);
}

TEST(interrupts, "a handled signal interrupts; SA_RESTART restarts, but not with a time limit")
{
    static long (*const calls[])(int) = {call_recv, call_read, call_recvmsg};
    int pair[2];

    stream_pair(pair);
    for (int n = 0; n < 3; n++) {
        CHECK_EQUAL(interrupted(0, 0, calls[n], pair[0]), EINTR);
        CHECK_EQUAL(interrupted(SA_RESTART, 1, calls[n], pair[0]), EINTR);
        CHECK(set_timeout(pair[0], SO_RCVTIMEO, 0) == 0);
        pid_t pid = CHILD({
            ktap_sleep(200);
            CHECK(write(pair[1], "x", 1) == 1);
        });
        CHECK_EQUAL(interrupted(SA_RESTART, 0, calls[n], pair[0]), 0);
        CHECK_CHILD(pid);
    }
}

TEST(waitall, "MSG_WAITALL waits for all of it, and gives what there is at the end or a signal")
{
    int pair[2];
    char text[8];

    stream_pair(pair);
    pid_t pid = CHILD({
        for (int n = 0; n < 4; n++) {
            ktap_sleep(20);
            CHECK(write(pair[1], "ab", 2) == 2);
        }
    });
    CHECK_EQUAL(recv(pair[0], text, 8, MSG_WAITALL), 8);
    CHECK(!memcmp(text, "abababab", 8));
    CHECK_CHILD(pid);
    CHECK(write(pair[1], "xyz", 3) == 3);
    CHECK_EQUAL(recv(pair[0], text, 8, MSG_WAITALL | MSG_DONTWAIT), 3);
    CHECK(write(pair[1], "xyz", 3) == 3);
    handle(SIGALRM, SA_RESTART);
    pid = ktap_interrupt(SIGALRM);
    CHECK_EQUAL(recv(pair[0], text, 8, MSG_WAITALL), 3);
    CHECK_CHILD(pid);
    CHECK(set_timeout(pair[0], SO_RCVTIMEO, 50) == 0);
    CHECK(write(pair[1], "xyz", 3) == 3);
    CHECK_EQUAL(recv(pair[0], text, 8, MSG_WAITALL), 3);
    CHECK(write(pair[1], "end", 3) == 3);
    CHECK(close(pair[1]) == 0);
    CHECK_EQUAL(recv(pair[0], text, 8, MSG_WAITALL), 3);
    CHECK_EQUAL(recv(pair[0], text, 8, MSG_WAITALL), 0);
}

TEST(peeking, "MSG_PEEK leaves the bytes where they are")
{
    int pair[2];
    char text[8];

    stream_pair(pair);
    CHECK(write(pair[1], "abcd", 4) == 4);
    CHECK_EQUAL(recv(pair[0], text, 2, MSG_PEEK), 2);
    CHECK_EQUAL(recv(pair[0], text, 8, MSG_PEEK), 4);
    CHECK(!memcmp(text, "abcd", 4));
    CHECK_EQUAL(recv(pair[0], text, 3, 0), 3);
    CHECK_EQUAL(recv(pair[0], text, 8, MSG_PEEK | MSG_DONTWAIT), 1);
    CHECK_EQUAL(recv(pair[0], text, 8, 0), 1);
    CHECK_ERROR(recv(pair[0], text, 8, MSG_PEEK | MSG_DONTWAIT), EAGAIN);
    pid_t pid = CHILD({
        ktap_await_asleep(getppid());
        CHECK(write(pair[1], "1", 1) == 1);
    });
    CHECK_EQUAL(recv(pair[0], text, 2, MSG_PEEK | MSG_WAITALL), 1); /* of UNIX sockets */
    CHECK_CHILD(pid);
    CHECK(write(pair[1], "2", 1) == 1);
    CHECK_EQUAL(recv(pair[0], text, 8, 0), 2);
}

TEST(sigpipe, "writing to nobody is EPIPE and SIGPIPE, which MSG_NOSIGNAL keeps away")
{
    int pair[2];

    stream_pair(pair);
    CHECK(close(pair[1]) == 0);
    CHECK_ERROR(send(pair[0], "x", 1, MSG_NOSIGNAL), EPIPE);
    pid_t pid = fork();
    if (pid == 0) {
        write(pair[0], "x", 1);
        _exit(1);
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE);
    pid = fork();
    if (pid == 0) {
        send(pair[0], "x", 1, 0);
        _exit(1);
    }
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE);
    CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0);
    CHECK(shutdown(pair[0], SHUT_WR) == 0);
    CHECK_ERROR(write(pair[0], "x", 1), EPIPE); /* datagrams know no SIGPIPE */
}

/* ---- Reads and writes ---- */

TEST(datagrams, "a datagram is one read; the rest of it is gone, nothing is one, too")
{
    int pair[2];
    char text[8];

    CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0);
    CHECK(write(pair[1], "abcdef", 6) == 6);
    CHECK(write(pair[1], "gh", 2) == 2);
    CHECK_EQUAL(read(pair[0], text, 3), 3);
    CHECK_EQUAL(read(pair[0], text, 8), 2);
    CHECK(write(pair[1], "abcdef", 6) == 6);
    CHECK_EQUAL(recv(pair[0], text, 2, MSG_TRUNC), 6);
    CHECK_EQUAL(write(pair[1], "", 0), 0);
    CHECK_EQUAL(read(pair[0], text, 8), 0);
    CHECK_ERROR(recv(pair[0], text, 8, MSG_DONTWAIT), EAGAIN);
    CHECK(write(pair[1], "ij", 2) == 2);
    CHECK_EQUAL(read(pair[0], text, 0), 0); /* takes nothing */
    struct iovec none = {text, 0};
    CHECK_EQUAL(readv(pair[0], &none, 1), 0);
    CHECK_EQUAL(read(pair[0], text, 8), 2);
    CHECK_EQUAL(writev(pair[1], &none, 1), 0); /* sends nothing */
    CHECK_ERROR(recv(pair[0], text, 8, MSG_DONTWAIT), EAGAIN);
    struct iovec pieces[3] = {{"12", 2}, {"345", 3}, {"6", 1}};
    CHECK_EQUAL(writev(pair[1], pieces, 3), 6);
    struct iovec room[2] = {{text, 4}, {text + 4, 4}};
    CHECK_EQUAL(readv(pair[0], room, 2), 6);
    CHECK(!memcmp(text, "123456", 6));
    CHECK_ERROR(pread(pair[0], text, 1, 0), ESPIPE);
    CHECK_ERROR(pwrite(pair[0], text, 1, 0), ESPIPE);
    CHECK_ERROR(lseek(pair[0], 0, SEEK_CUR), ESPIPE);
}

TEST(large_datagram, "a datagram larger than a piece goes whole, or is refused whole")
{
    enum { LARGE = 150000 };
    static char out[LARGE], in[LARGE];
    int pair[2];

    CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0);
    for (int n = 0; n < LARGE; n++)
        out[n] = (char)(n * 7 + n / 256);
    CHECK_EQUAL(write(pair[1], out, LARGE), LARGE);
    CHECK_EQUAL(read(pair[0], in, LARGE), LARGE);
    CHECK(!memcmp(in, out, LARGE));
    static char huge[1 << 20];
    CHECK_ERROR(write(pair[1], huge, sizeof(huge)), EMSGSIZE);
}

TEST(long_stream, "a stream carries megabytes whole, whoever waits for whom")
{
    enum { TOTAL = 3 << 20 };
    static unsigned char bytes[70001];
    int pair[2];

    stream_pair(pair);
    pid_t pid = CHILD({
        size_t sent = 0;
        while (sent < TOTAL) {
            size_t part = TOTAL - sent < sizeof(bytes) ? TOTAL - sent : sizeof(bytes);
            for (size_t n = 0; n < part; n++)
                bytes[n] = (unsigned char)((sent + n) * 31 >> 3);
            CHECK_EQUAL(send(pair[1], bytes, part, 0), part);
            sent += part;
        }
    });
    close(pair[1]);
    size_t got = 0;
    for (;;) {
        ssize_t part = recv(pair[0], bytes, 1 + got % sizeof(bytes), 0);
        CHECK(part >= 0);
        if (part == 0)
            break;
        for (ssize_t n = 0; n < part; n++)
            if (bytes[n] != (unsigned char)((got + (size_t)n) * 31 >> 3))
                FAIL("byte %zu differs", got + (size_t)n);
        got += (size_t)part;
    }
    CHECK_EQUAL(got, TOTAL);
    CHECK_CHILD(pid);
}

TEST(bad_memory, "memory that isn't there is EFAULT, and nothing is lost")
{
    int pair[2];
    char text[8];

    stream_pair(pair);
    CHECK(write(pair[1], "abcd", 4) == 4);
    CHECK_ERROR(recv(pair[0], (void *)8, 4, 0), EFAULT);
    CHECK_EQUAL(recv(pair[0], text, 8, 0), 4);
    CHECK_ERROR(send(pair[0], (void *)8, 4, 0), EFAULT);
    CHECK_ERROR(write(pair[0], (void *)8, 4), EFAULT);
    CHECK_ERROR(recv(pair[1], text, 1, MSG_DONTWAIT), EAGAIN);
}

TEST(what_it_is, "fstat, FIONREAD, the name in /proc")
{
    struct stat status;
    int pair[2], count = -1;
    char link[64], path[64];

    stream_pair(pair);
    CHECK(fstat(pair[0], &status) == 0);
    CHECK(S_ISSOCK(status.st_mode));
    CHECK_EQUAL(status.st_mode & 07777, 0777);
    CHECK(write(pair[1], "abc", 3) == 3);
    CHECK(ioctl(pair[0], FIONREAD, &count) == 0);
    CHECK_EQUAL(count, 3);
    int fd = listener("node", 1);
    CHECK_ERROR(ioctl(fd, FIONREAD, &count), EINVAL);
    CHECK_ERROR(ioctl(fd, 0x12345678, &count), ENOTTY);
    CHECK_ERROR(ioctl(pair[0], FIONREAD, (int *)8), EFAULT);
    sprintf(path, "/proc/self/fd/%d", pair[0]);
    ssize_t length = readlink(path, link, sizeof(link) - 1);
    CHECK(length > 0);
    link[length] = '\0';
    sprintf(path, "socket:[%lu]", (unsigned long)status.st_ino);
    CHECK_STRING(link, path);
}

TEST(polling, "poll says of sockets what Linux says")
{
    int pair[2], fd = listener("node", 1), client = socket(AF_UNIX, SOCK_STREAM, 0);
    const short all = POLLIN | POLLOUT | POLLRDHUP | POLLPRI;

    stream_pair(pair);
    struct pollfd one = {pair[0], all, 0};
    CHECK(poll(&one, 1, 0) == 1 && one.revents == POLLOUT);
    CHECK(write(pair[1], "x", 1) == 1);
    CHECK(poll(&one, 1, 0) == 1 && one.revents == (POLLIN | POLLOUT));
    CHECK(shutdown(pair[1], SHUT_WR) == 0);
    CHECK(poll(&one, 1, 0) == 1 && one.revents == (POLLIN | POLLOUT | POLLRDHUP));
    CHECK(close(pair[1]) == 0);
    CHECK(poll(&one, 1, 0) == 1 && one.revents == (POLLIN | POLLOUT | POLLRDHUP | POLLHUP));
    one.fd = client;
    CHECK(poll(&one, 1, 0) == 1 && one.revents == (POLLOUT | POLLHUP));
    one.fd = fd;
    CHECK(poll(&one, 1, 0) == 0);
    CHECK(connect_to(client, "node") == 0);
    CHECK(poll(&one, 1, 0) == 1 && one.revents == POLLIN);
}

/* ---- Signals ---- */

static volatile sig_atomic_t signals;

static void count_signal(int signal)
{
    (void)signal;
    signals++;
}

TEST(asynchronous, "O_ASYNC sends SIGIO to the owner when something comes")
{
    struct sigaction action = {.sa_handler = count_signal};
    int pair[2], one = 1, who;

    CHECK(sigaction(SIGIO, &action, NULL) == 0);
    stream_pair(pair);
    CHECK(fcntl(pair[0], F_SETOWN, getpid()) == 0);
    CHECK_EQUAL(fcntl(pair[0], F_GETOWN), getpid());
    CHECK(ioctl(pair[0], SIOCGPGRP, &who) == 0 && who == getpid());
    CHECK(ioctl(pair[0], FIOASYNC, &one) == 0);
    CHECK(fcntl(pair[0], F_GETFL) & O_ASYNC);
    CHECK(write(pair[1], "x", 1) == 1);
    for (int n = 0; n < 1000 && !signals; n++)
        ktap_sleep(1);
    CHECK(signals > 0);
}

/* ---- Without a copy through the program ---- */

static void fill_file(const char *name, size_t size)
{
    char *bytes = malloc(size);

    for (size_t n = 0; n < size; n++)
        bytes[n] = (char)(n * 13 + n / 4096);
    ktap_file(name, bytes, size);
    free(bytes);
}

static void check_stream(int fd, size_t from, size_t count)
{
    char bytes[4096];

    while (count) {
        ssize_t part = read(fd, bytes, count < sizeof(bytes) ? count : sizeof(bytes));
        CHECK(part > 0);
        for (ssize_t n = 0; n < part; n++, from++)
            if (bytes[n] != (char)(from * 13 + from / 4096))
                FAIL("byte %zu differs", from);
        count -= (size_t)part;
    }
}

TEST(sendfile_to_socket, "sendfile into a socket sends the file's bytes, from any offset")
{
    enum { SIZE = 300000 };
    int pair[2], file;
    off_t offset = 5000;

    fill_file("f", SIZE);
    file = open("f", O_RDONLY);
    stream_pair(pair);
    pid_t pid = CHILD({
        close(pair[1]);
        check_stream(pair[0], 5000, SIZE - 5000);
        char c;
        CHECK(read(pair[0], &c, 1) == 0);
    });
    size_t sent = 0;
    while (sent < SIZE - 5000) {
        ssize_t part = sendfile(pair[1], file, &offset, SIZE);
        CHECK(part > 0);
        sent += (size_t)part;
    }
    CHECK_EQUAL(offset, SIZE);
    CHECK_EQUAL(sendfile(pair[1], file, &offset, SIZE), 0);
    close(pair[0]);
    close(pair[1]);
    CHECK_CHILD(pid);
}

TEST(splice_sockets, "splice moves bytes from a socket through a pipe into a socket")
{
    enum { SIZE = 40000 };
    static char bytes[SIZE];
    int in[2], out[2], ends[2];

    for (int n = 0; n < SIZE; n++)
        bytes[n] = (char)(n * 13 + n / 4096);
    stream_pair(in);
    stream_pair(out);
    CHECK(pipe(ends) == 0);
    CHECK_EQUAL(write(in[1], bytes, SIZE), SIZE);
    size_t moved = 0;
    while (moved < SIZE) {
        ssize_t part = splice(in[0], NULL, ends[1], NULL, SIZE - moved, 0);
        CHECK(part > 0);
        for (ssize_t left = part; left > 0;) {
            ssize_t put = splice(ends[0], NULL, out[1], NULL, (size_t)left, 0);
            CHECK(put > 0);
            left -= put;
        }
        moved += (size_t)part;
    }
    check_stream(out[0], 0, SIZE);
    CHECK_ERROR(splice(in[0], NULL, ends[1], NULL, 10, SPLICE_F_NONBLOCK), EAGAIN);
    CHECK_ERROR(splice(in[0], NULL, out[1], NULL, 10, 0), EINVAL);
}

/* ---- Options ---- */

TEST(options, "options' lengths and memory")
{
    int fd = socket(AF_UNIX, SOCK_STREAM, 0), value = 1;
    char large[5000] = {1};
    socklen_t length = sizeof(value);

    CHECK(setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &value, sizeof(value)) == 0);
    CHECK(setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, large, sizeof(large)) == 0);
    CHECK_ERROR(setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &value, 3), EINVAL);
    CHECK_ERROR(setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &value, (socklen_t)-1), EINVAL);
    CHECK_ERROR(setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, (int *)8, sizeof(value)), EFAULT);
    CHECK_ERROR(setsockopt(fd, SOL_SOCKET, 9999, &value, sizeof(value)), ENOPROTOOPT);
    CHECK_ERROR(getsockopt(fd, SOL_SOCKET, 9999, &value, &length), ENOPROTOOPT);
    CHECK(getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &value, &length) == 0);
    CHECK_EQUAL(length, sizeof(value));
    length = sizeof(large);
    CHECK(getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, large, &length) == 0);
    CHECK_EQUAL(length, sizeof(value));
    length = 1;
    CHECK(getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, large, &length) == 0);
    CHECK_EQUAL(length, 1);
    length = (socklen_t)-1;
    CHECK_ERROR(getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, large, &length), EINVAL);
    length = sizeof(value);
    CHECK_ERROR(getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, (int *)8, &length), EFAULT);
    CHECK_ERROR(getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &value, (socklen_t *)8), EFAULT);
}
