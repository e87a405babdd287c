/* TCP over the loopback interface as the socket calls see it: connects that wait, closes that
 * linger, urgent data, what is sent without a copy. */
#include "ktap.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/errqueue.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>

static struct sockaddr_in server;

static int listener(int backlog)
{
    socklen_t length = sizeof(server);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    server = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    CHECK(bind(fd, (struct sockaddr *)&server, length) == 0);
    CHECK(listen(fd, backlog) == 0);
    CHECK(getsockname(fd, (struct sockaddr *)&server, &length) == 0);
    return fd;
}

static int connect_server(int fd)
{
    return connect(fd, (struct sockaddr *)&server, sizeof(server));
}

/* A connection: pair[0] is who connected. */
static void connection(int pair[2])
{
    int fd = listener(1);

    pair[0] = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(connect_server(pair[0]) == 0);
    pair[1] = accept(fd, NULL, NULL);
    CHECK(pair[1] >= 0);
    close(fd);
}

static void set_timeout(int fd, int option, long milliseconds)
{
    struct timeval time = {milliseconds / 1000, milliseconds % 1000 * 1000};

    CHECK(setsockopt(fd, SOL_SOCKET, option, &time, sizeof(time)) == 0);
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

/* ---- Connecting ---- */

TEST(refused, "a connect that waits, and one that doesn't, learn that nobody listens")
{
    int value;
    socklen_t length = sizeof(value);

    close(listener(1));
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK_ERROR(connect_server(fd), ECONNREFUSED);
    CHECK_ERROR(connect_server(fd), ECONNREFUSED);
    fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (connect_server(fd) < 0 && errno == EINPROGRESS) {
        struct pollfd one = {fd, POLLOUT, 0};
        CHECK(poll(&one, 1, 5000) == 1);
        CHECK(getsockopt(fd, SOL_SOCKET, SO_ERROR, &value, &length) == 0);
        CHECK_EQUAL(value, ECONNREFUSED);
    } else {
        CHECK_EQUAL(errno, ECONNREFUSED);
    }
}

/* Connects till the listener takes no more: the last one hangs. */
static int connect_hangs(void)
{
    for (int n = 0; n < 20; n++) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        set_timeout(fd, SO_SNDTIMEO, 200);
        if (connect_server(fd) == 0)
            continue;
        CHECK_EQUAL(errno, EINPROGRESS);
        return fd;
    }
    return -1;
}

TEST(connect_limits, "a connect that has begun goes on when its time is over or a signal comes")
{
    int listening = listener(0), fd = connect_hangs();

    CHECK(fd >= 0);
    CHECK_ERROR(connect_server(fd), EALREADY); /* waits once more, in vain */
    handle(SIGALRM, SA_RESTART);
    set_timeout(fd, SO_SNDTIMEO, 20000);
    pid_t pid = ktap_interrupt(SIGALRM);
    CHECK_ERROR(connect_server(fd), EINTR);
    CHECK_CHILD(pid);
    CHECK(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
    CHECK_ERROR(connect_server(fd), EALREADY);
    CHECK(fcntl(fd, F_SETFL, 0) == 0);
    set_timeout(fd, SO_SNDTIMEO, 0);
    handle(SIGALRM, 0);
    pid = ktap_interrupt(SIGALRM);
    CHECK_ERROR(connect_server(fd), EINTR);
    CHECK_CHILD(pid);
    close(listening);
}

TEST(accept_limits, "accept ends with its time, with a signal, and with a connection")
{
    int fd = listener(1);

    set_timeout(fd, SO_RCVTIMEO, 50);
    CHECK_ERROR(accept(fd, NULL, NULL), EAGAIN);
    set_timeout(fd, SO_RCVTIMEO, 0);
    handle(SIGALRM, 0);
    pid_t pid = ktap_interrupt(SIGALRM);
    CHECK_ERROR(accept(fd, NULL, NULL), EINTR);
    CHECK_CHILD(pid);
    handle(SIGALRM, SA_RESTART);
    pid = CHILD({
        ktap_await_asleep(getppid());
        CHECK(kill(getppid(), SIGALRM) == 0);
        ktap_sleep(50);
        int client = socket(AF_INET, SOCK_STREAM, 0);
        CHECK(connect_server(client) == 0);
        ktap_sleep(100);
    });
    struct sockaddr_in peer;
    socklen_t length = sizeof(peer);
    int client = accept(fd, (struct sockaddr *)&peer, &length);
    CHECK(client >= 0);
    CHECK_EQUAL(length, sizeof(peer));
    CHECK_EQUAL(peer.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
    CHECK_CHILD(pid);
}

/* ---- Ends ---- */

TEST(ends, "half-close, reset, and what the signals say of them")
{
    int pair[2], status;
    char text[8];
    struct linger now = {1, 0};

    connection(pair);
    CHECK(send(pair[0], "bye", 3, 0) == 3);
    CHECK(shutdown(pair[0], SHUT_WR) == 0);
    CHECK_EQUAL(recv(pair[1], text, 8, MSG_WAITALL), 3);
    CHECK_EQUAL(recv(pair[1], text, 8, 0), 0);
    CHECK(send(pair[1], "too", 3, 0) == 3);
    CHECK_EQUAL(recv(pair[0], text, 8, 0), 3);
    CHECK_ERROR(send(pair[0], "x", 1, MSG_NOSIGNAL), EPIPE);
    connection(pair);
    CHECK(setsockopt(pair[0], SOL_SOCKET, SO_LINGER, &now, sizeof(now)) == 0);
    CHECK(close(pair[0]) == 0);
    CHECK_ERROR(recv(pair[1], text, 8, 0), ECONNRESET);
    CHECK_EQUAL(recv(pair[1], text, 8, 0), 0);
    pid_t pid = fork();
    if (pid == 0) {
        write(pair[1], "x", 1);
        _exit(1);
    }
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE);
}

TEST(lingering, "close waits for what is unsent as long as SO_LINGER says")
{
    static char bytes[1 << 20];
    int pair[2];
    struct linger brief = {1, 1};

    connection(pair);
    CHECK(setsockopt(pair[0], SOL_SOCKET, SO_LINGER, &brief, sizeof(brief)) == 0);
    CHECK(fcntl(pair[0], F_SETFL, O_NONBLOCK) == 0);
    while (send(pair[0], bytes, sizeof(bytes), 0) > 0)
        continue;
    CHECK(fcntl(pair[0], F_SETFL, 0) == 0);
    long begin = ktap_now();
    CHECK(close(pair[0]) == 0);
    long took = ktap_now() - begin;
    CHECK(took >= 900 && took < 10000);
    close(pair[1]);
    connection(pair);
    brief.l_linger = 20;
    CHECK(setsockopt(pair[0], SOL_SOCKET, SO_LINGER, &brief, sizeof(brief)) == 0);
    CHECK(send(pair[0], "x", 1, 0) == 1);
    begin = ktap_now();
    CHECK(close(pair[0]) == 0); /* acknowledged at once */
    CHECK(ktap_now() - begin < 5000);
}

/* ---- Waiting for all ---- */

TEST(peek_all, "MSG_PEEK with MSG_WAITALL waits, and leaves the bytes")
{
    int pair[2];
    char text[8];

    connection(pair);
    pid_t pid = CHILD({
        CHECK(send(pair[0], "ab", 2, 0) == 2);
        ktap_sleep(50);
        CHECK(send(pair[0], "cd", 2, 0) == 2);
    });
    CHECK_EQUAL(recv(pair[1], text, 4, MSG_PEEK | MSG_WAITALL), 4);
    CHECK(!memcmp(text, "abcd", 4));
    CHECK_CHILD(pid);
    CHECK_EQUAL(recv(pair[1], text, 8, 0), 4);
    set_timeout(pair[1], SO_RCVTIMEO, 50);
    CHECK(send(pair[0], "ef", 2, 0) == 2);
    CHECK_EQUAL(recv(pair[1], text, 4, MSG_PEEK | MSG_WAITALL), 2);
    CHECK_EQUAL(recv(pair[1], text, 8, 0), 2);
}

/* ---- Urgent data ---- */

static volatile sig_atomic_t urgent;

static void on_urgent(int signal)
{
    (void)signal;
    urgent++;
}

TEST(urgent_data, "urgent data sends SIGURG to the owner, and lies beside the stream")
{
    struct sigaction action = {.sa_handler = on_urgent, .sa_flags = SA_RESTART};
    int pair[2], mark = -1;
    char text[8];

    CHECK(sigaction(SIGURG, &action, NULL) == 0);
    connection(pair);
    CHECK(fcntl(pair[1], F_SETOWN, getpid()) == 0);
    CHECK(send(pair[0], "ab", 2, 0) == 2);
    CHECK(send(pair[0], "c!", 2, MSG_OOB) == 2);
    struct pollfd one = {pair[1], POLLPRI, 0};
    CHECK(poll(&one, 1, 5000) == 1 && one.revents == POLLPRI);
    for (int n = 0; n < 1000 && !urgent; n++)
        ktap_sleep(1);
    CHECK_EQUAL(urgent, 1);
    CHECK_EQUAL(recv(pair[1], text, 8, MSG_OOB), 1);
    CHECK_EQUAL(text[0], '!');
    CHECK_EQUAL(recv(pair[1], text, 8, 0), 3);
    CHECK(ioctl(pair[1], SIOCATMARK, &mark) == 0 && mark == 1);
    CHECK_ERROR(recv(pair[1], text, 1, MSG_OOB), EINVAL);
}

/* ---- Without a copy ---- */

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
    static char bytes[20000];

    while (count) {
        ssize_t part = read(fd, bytes, count < sizeof(bytes) ? count : sizeof(bytes));
        CHECK(part > 0);
        for (ssize_t n = 0; n < part; n++, from++)
            if (bytes[n] != (char)(from * 13 + from / 4096))
                FAIL("byte %zu differs", from);
        count -= (size_t)part;
    }
}

TEST(file_to_socket, "sendfile sends a file's bytes, megabytes of them, from any offset")
{
    enum { SIZE = 3000000, FROM = 5003 };
    int pair[2];
    char c;

    fill_file("f", SIZE);
    int file = open("f", O_RDONLY);
    connection(pair);
    pid_t pid = CHILD({
        close(pair[0]);
        check_stream(pair[1], FROM, SIZE - FROM);
        CHECK(read(pair[1], &c, 1) == 0);
    });
    close(pair[1]);
    off_t offset = FROM;
    CHECK_EQUAL(sendfile(pair[0], file, &offset, SIZE * 2), SIZE - FROM);
    CHECK_EQUAL(offset, SIZE);
    close(pair[0]);
    CHECK_CHILD(pid);
}

TEST(file_to_full_socket, "sendfile to a socket that may not wait sends what fits")
{
    enum { SIZE = 20 << 20 };
    int pair[2];

    fill_file("f", SIZE);
    int file = open("f", O_RDONLY);
    connection(pair);
    CHECK(fcntl(pair[0], F_SETFL, O_NONBLOCK) == 0);
    size_t sent = 0;
    for (;;) {
        ssize_t part = sendfile(pair[0], file, NULL, SIZE - sent);
        if (part < 0)
            break;
        sent += (size_t)part;
    }
    CHECK_EQUAL(errno, EAGAIN);
    CHECK(sent > 0 && sent < SIZE);
    CHECK_EQUAL(lseek(file, 0, SEEK_CUR), sent);
    check_stream(pair[1], 0, sent);
}

TEST(pipe_to_socket, "splice moves bytes from a pipe to a socket and back into a pipe")
{
    enum { SIZE = 50000 };
    static char bytes[SIZE];
    int pair[2], ends[2];

    for (int n = 0; n < SIZE; n++)
        bytes[n] = (char)(n * 13 + n / 4096);
    connection(pair);
    CHECK(pipe(ends) == 0);
    CHECK_EQUAL(write(ends[1], bytes, SIZE), SIZE);
    for (size_t moved = 0; moved < SIZE;) {
        ssize_t part = splice(ends[0], NULL, pair[0], NULL, SIZE - moved, 0);
        CHECK(part > 0);
        moved += (size_t)part;
    }
    CHECK(shutdown(pair[0], SHUT_WR) == 0);
    for (size_t moved = 0; moved < SIZE;) {
        ssize_t part = splice(pair[1], NULL, ends[1], NULL, SIZE - moved, 0);
        CHECK(part > 0);
        check_stream(ends[0], moved, (size_t)part);
        moved += (size_t)part;
    }
    CHECK_EQUAL(splice(pair[1], NULL, ends[1], NULL, 10, 0), 0);
}

/* The first and the last send that is done with. */
static bool completion(int fd, uint32_t *first, uint32_t *last)
{
    char control[128];
    struct msghdr message = {.msg_control = control, .msg_controllen = sizeof(control)};

    if (recvmsg(fd, &message, MSG_ERRQUEUE) < 0)
        return false;
    CHECK(message.msg_flags & MSG_ERRQUEUE);
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    CHECK(header && header->cmsg_level == SOL_IP && header->cmsg_type == IP_RECVERR);
    struct sock_extended_err *error = (struct sock_extended_err *)CMSG_DATA(header);
    CHECK_EQUAL(error->ee_errno, 0);
    CHECK_EQUAL(error->ee_origin, SO_EE_ORIGIN_ZEROCOPY);
    *first = error->ee_info;
    *last = error->ee_data;
    return true;
}

TEST(zero_copy, "MSG_ZEROCOPY sends the program's own pages, and says when it is done with them")
{
    enum { SIZE = 100000, SENDS = 5 };
    static char bytes[SIZE];
    int pair[2], one = 1;

    for (int n = 0; n < SIZE; n++)
        bytes[n] = (char)(n * 13 + n / 4096);
    connection(pair);
    CHECK(setsockopt(pair[0], SOL_SOCKET, SO_ZEROCOPY, &one, sizeof(one)) == 0);
    pid_t pid = CHILD({
        for (int n = 0; n < SENDS; n++)
            check_stream(pair[1], 0, SIZE);
    });
    close(pair[1]);
    for (int n = 0; n < SENDS; n++)
        CHECK_EQUAL(send(pair[0], bytes, SIZE, MSG_ZEROCOPY), SIZE);
    uint32_t next = 0;
    while (next < SENDS) {
        uint32_t first, last;
        struct pollfd wait = {pair[0], 0, 0};
        CHECK(poll(&wait, 1, 10000) == 1 && wait.revents & POLLERR);
        if (!completion(pair[0], &first, &last))
            continue;
        CHECK_EQUAL(first, next);
        CHECK(last >= first && last < SENDS);
        next = last + 1;
    }
    CHECK_CHILD(pid);
}

TEST(zero_copy_plain, "without SO_ZEROCOPY the flag means nothing")
{
    int pair[2];
    char text[8];

    connection(pair);
    CHECK_EQUAL(send(pair[0], "hello", 5, MSG_ZEROCOPY), 5);
    CHECK_EQUAL(recv(pair[1], text, 8, 0), 5);
    struct msghdr message = {0};
    CHECK_ERROR(recvmsg(pair[0], &message, MSG_ERRQUEUE), EAGAIN);
}
