/* The socket calls against kinds of sockets in each state: what each says, in which order. */
#include "show.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

static const struct {
    const char *name;
    int type;
} types[] = {{"stream", SOCK_STREAM}, {"dgram", SOCK_DGRAM}, {"seqpacket", SOCK_SEQPACKET}};

enum state { FRESH, BOUND, LISTENING, CONNECTED, PEER_GONE, SHUT_READ, SHUT_WRITE, STATES };
static const char *const states[STATES] = {"fresh",           "bound",         "listening",
                                           "connected",       "its peer gone", "shut for reading",
                                           "shut for writing"};

static struct sockaddr_un server_name, own_name;
static socklen_t server_length, own_length;

static socklen_t name_make(struct sockaddr_un *name, const char *path)
{
    memset(name, 0, sizeof(*name));
    name->sun_family = AF_UNIX;
    strcpy(name->sun_path, path);
    return (socklen_t)(sizeof(sa_family_t) + strlen(path) + 1);
}

static int peer;

/* -1: there is no such thing. */
static int make(int type, enum state state)
{
    int fd = -1, pair[2];

    peer = -1;
    if (state <= LISTENING) {
        fd = socket(AF_UNIX, type | SOCK_NONBLOCK, 0);
        if (state >= BOUND)
            bind(fd, (struct sockaddr *)&own_name, own_length);
        if (state == LISTENING && listen(fd, 1) < 0) {
            close(fd);
            return -1;
        }
        return fd;
    }
    if (socketpair(AF_UNIX, type | SOCK_NONBLOCK, 0, pair) < 0)
        return -1;
    fd = pair[0];
    peer = pair[1];
    if (state == PEER_GONE) {
        close(peer);
        peer = -1;
    } else if (state == SHUT_READ) {
        shutdown(fd, SHUT_RD);
    } else if (state == SHUT_WRITE) {
        shutdown(fd, SHUT_WR);
    }
    return fd;
}

static char text[16];
static struct iovec piece = {text, sizeof(text)};

static long call_poll(int fd)
{
    struct pollfd one = {fd, POLLIN | POLLOUT | POLLPRI | POLLRDHUP, 0};

    poll(&one, 1, 0);
    return one.revents;
}

static long call_recv(int fd)
{
    return recv(fd, text, 4, 0);
}

static long call_read(int fd)
{
    return read(fd, text, 4);
}

static long call_recv_nothing(int fd)
{
    return recv(fd, text, 0, 0);
}

static long call_recv_peek(int fd)
{
    return recv(fd, text, 4, MSG_PEEK);
}

static long call_recv_errors(int fd)
{
    return recv(fd, text, 4, MSG_ERRQUEUE);
}

static long call_recvmsg(int fd)
{
    struct sockaddr_un name;
    struct msghdr message = {
        .msg_name = &name, .msg_namelen = sizeof(name), .msg_iov = &piece, .msg_iovlen = 1};
    long result = recvmsg(fd, &message, 0);

    return result < 0 ? result : result | (long)message.msg_namelen << 16;
}

static long call_send(int fd)
{
    return send(fd, "abcd", 4, MSG_NOSIGNAL);
}

static long call_send_nothing(int fd)
{
    return send(fd, "", 0, MSG_NOSIGNAL);
}

static long call_send_to(int fd)
{
    return sendto(fd, "abcd", 4, MSG_NOSIGNAL, (struct sockaddr *)&server_name, server_length);
}

static long call_send_to_family(int fd)
{
    struct sockaddr_un name = server_name;

    name.sun_family = AF_INET;
    return sendto(fd, "abcd", 4, MSG_NOSIGNAL, (struct sockaddr *)&name, server_length);
}

static long call_send_to_none(int fd)
{
    struct sockaddr_un name;
    socklen_t length = name_make(&name, "none");

    return sendto(fd, "abcd", 4, MSG_NOSIGNAL, (struct sockaddr *)&name, length);
}

static long call_bind(int fd)
{
    struct sockaddr_un name;
    socklen_t length = name_make(&name, "fresh");
    long result = bind(fd, (struct sockaddr *)&name, length);

    unlink("fresh");
    return result;
}

static long call_connect(int fd)
{
    return connect(fd, (struct sockaddr *)&server_name, server_length);
}

static long call_connect_twice(int fd)
{
    connect(fd, (struct sockaddr *)&server_name, server_length);
    return connect(fd, (struct sockaddr *)&server_name, server_length);
}

static long call_disconnect(int fd)
{
    struct sockaddr name = {.sa_family = AF_UNSPEC};

    return connect(fd, &name, sizeof(name));
}

static long call_listen(int fd)
{
    return listen(fd, 1);
}

static long call_accept(int fd)
{
    int result = accept(fd, NULL, NULL);

    return result < 0 ? -1 : close(result);
}

static long call_shutdown_read(int fd)
{
    return shutdown(fd, SHUT_RD);
}

static long call_shutdown_write(int fd)
{
    return shutdown(fd, SHUT_WR);
}

static long call_shutdown_what(int fd)
{
    return shutdown(fd, 5);
}

static long call_sockname(int fd)
{
    struct sockaddr_un name;
    socklen_t length = sizeof(name);

    return getsockname(fd, (struct sockaddr *)&name, &length) < 0 ? -1 : (long)length;
}

static long call_peername(int fd)
{
    struct sockaddr_un name;
    socklen_t length = sizeof(name);

    return getpeername(fd, (struct sockaddr *)&name, &length) < 0 ? -1 : (long)length;
}

static long call_error(int fd)
{
    int value;
    socklen_t length = sizeof(value);

    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &value, &length) < 0 ? -1 : value;
}

static long call_listening(int fd)
{
    int value;
    socklen_t length = sizeof(value);

    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &value, &length) < 0 ? -1 : value;
}

static long call_readable(int fd)
{
    int value;

    return ioctl(fd, FIONREAD, &value) < 0 ? -1 : value;
}

static long call_unsent(int fd)
{
    int value;

    return ioctl(fd, SIOCOUTQ, &value) < 0 ? -1 : value > 0;
}

static long call_at_mark(int fd)
{
    int value;

    return ioctl(fd, SIOCATMARK, &value) < 0 ? -1 : value;
}

static long call_file(int fd)
{
    struct stat status;

    return fstat(fd, &status) < 0 ? -1 : (long)status.st_mode;
}

static long call_seek(int fd)
{
    return lseek(fd, 0, SEEK_SET);
}

static long call_sync(int fd)
{
    return fsync(fd);
}

static long call_truncate(int fd)
{
    return ftruncate(fd, 0);
}

static const struct {
    const char *name;
    long (*call)(int fd);
} calls[] = {
    {"poll", call_poll},
    {"recv", call_recv},
    {"read", call_read},
    {"recv of nothing", call_recv_nothing},
    {"recv peeking", call_recv_peek},
    {"recv of errors", call_recv_errors},
    {"recvmsg", call_recvmsg},
    {"send", call_send},
    {"send of nothing", call_send_nothing},
    {"sendto a server", call_send_to},
    {"sendto another family", call_send_to_family},
    {"sendto nobody", call_send_to_none},
    {"bind", call_bind},
    {"connect", call_connect},
    {"connect twice", call_connect_twice},
    {"connect to nothing", call_disconnect},
    {"listen", call_listen},
    {"accept", call_accept},
    {"shutdown for reading", call_shutdown_read},
    {"shutdown for writing", call_shutdown_write},
    {"shutdown for 5", call_shutdown_what},
    {"getsockname", call_sockname},
    {"getpeername", call_peername},
    {"SO_ERROR", call_error},
    {"SO_ACCEPTCONN", call_listening},
    {"FIONREAD", call_readable},
    {"SIOCOUTQ", call_unsent},
    {"SIOCATMARK", call_at_mark},
    {"fstat", call_file},
    {"lseek", call_seek},
    {"fsync", call_sync},
    {"ftruncate", call_truncate},
};

/* One call on a socket made for it; then what poll says, and what has come to its peer. */
static void try(size_t type, enum state state, size_t call)
{
    char what[120];
    int server = socket(AF_UNIX, types[type].type | SOCK_NONBLOCK, 0);

    bind(server, (struct sockaddr *)&server_name, server_length);
    if (types[type].type != SOCK_DGRAM)
        listen(server, 1);
    int fd = make(types[type].type, state);
    if (fd >= 0) {
        snprintf(what, sizeof(what), "%s %s, %s", types[type].name, states[state],
                 calls[call].name);
        errno = 0;
        show(what, calls[call].call(fd));
        if (calls[call].call != call_poll)
            printf("  then poll: %#lx\n", call_poll(fd));
        if (peer >= 0) {
            printf("  its peer: %#lx", call_poll(peer));
            errno = 0;
            show(", recv", recv(peer, text, 4, 0));
        }
        close(fd);
        if (peer >= 0)
            close(peer);
    }
    close(server);
    unlink("server");
    unlink("own");
}

int main(void)
{
    fresh_place();
    server_length = name_make(&server_name, "server");
    own_length = name_make(&own_name, "own");
    for (size_t type = 0; type < COUNT(types); type++)
        for (int state = 0; state < STATES; state++)
            for (size_t call = 0; call < COUNT(calls); call++)
                try(type, (enum state)state, call);
    leave_place();
    return 0;
}
