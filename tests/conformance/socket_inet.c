/* The socket calls against TCP and UDP sockets in each state, over the loopback interface: what
 * each says, and what poll says then. */
#include "show.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

static const struct {
    const char *name;
    int family, type;
} kinds[] = {{"tcp", AF_INET, SOCK_STREAM},
             {"udp", AF_INET, SOCK_DGRAM},
             {"tcp6", AF_INET6, SOCK_STREAM},
             {"udp6", AF_INET6, SOCK_DGRAM}};

enum state {
    FRESH,
    BOUND,
    LISTENING,
    CONNECTED,
    PEER_SENT,
    PEER_SHUT,
    PEER_GONE,
    PEER_RESET,
    SHUT_READ,
    SHUT_WRITE,
    SHUT_BOTH,
    REFUSED,
    STATES
};
static const char *const states[STATES] = {
    "fresh",         "bound",         "listening",      "connected",        "its peer sent",
    "its peer shut", "its peer gone", "its peer reset", "shut for reading", "shut for writing",
    "shut for both", "refused"};

union name {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
};

static socklen_t name_make(union name *name, int family, int port)
{
    memset(name, 0, sizeof(*name));
    name->any.sa_family = (sa_family_t)family;
    name->in.sin_port = htons((uint16_t)port);
    if (family == AF_INET) {
        name->in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        return sizeof(name->in);
    }
    name->in6.sin6_addr = in6addr_loopback;
    return sizeof(name->in6);
}

/* What can't be told apart by the clock is waited for: one of EVENTS, but no longer than a second.
 */
static int await(int fd, short events)
{
    struct pollfd one = {fd, events, 0};
    int type;
    socklen_t length = sizeof(type);

    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length);
    if (events == POLLRDHUP && type == SOCK_DGRAM)
        return 0; /* never comes */
    poll(&one, 1, 1000);
    return one.revents;
}

/* A port of the loopback interface where nobody listens. */
static int port_closed(int family, int type)
{
    union name name;
    socklen_t length = name_make(&name, family, 0);
    int fd = socket(family, type, 0);

    bind(fd, &name.any, length);
    getsockname(fd, &name.any, &length);
    close(fd);
    return ntohs(name.in.sin_port);
}

static union name server;
static socklen_t server_length;
static int peer;

static int server_make(int family, int type)
{
    int fd = socket(family, type | SOCK_NONBLOCK, 0);

    server_length = name_make(&server, family, 0);
    bind(fd, &server.any, server_length);
    if (type == SOCK_STREAM)
        listen(fd, 4);
    getsockname(fd, &server.any, &server_length);
    return fd;
}

static void peer_change(int fd, enum state state)
{
    struct linger linger = {1, 0};

    switch (state) {
    case PEER_SENT:
        send(peer, "hello", 5, 0);
        await(fd, POLLIN);
        break;
    case PEER_SHUT:
        send(peer, "hello", 5, 0);
        shutdown(peer, SHUT_WR);
        await(fd, POLLRDHUP);
        break;
    case PEER_RESET:
        setsockopt(peer, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
        /* fall through */
    case PEER_GONE:
        close(peer);
        peer = -1;
        await(fd, POLLRDHUP);
        break;
    case SHUT_READ:
        shutdown(fd, SHUT_RD);
        break;
    case SHUT_WRITE:
        shutdown(fd, SHUT_WR);
        await(peer, POLLRDHUP);
        break;
    case SHUT_BOTH:
        shutdown(fd, SHUT_RDWR);
        await(peer, POLLRDHUP);
        break;
    default:
        break;
    }
}

/* A datagram's peer is the server itself. */
static int make_connected(int listening, size_t kind, enum state state)
{
    int fd = socket(kinds[kind].family, kinds[kind].type, 0);
    union name name;
    socklen_t length = sizeof(name);

    if (connect(fd, &server.any, server_length) < 0)
        perror("connect");
    if (kinds[kind].type == SOCK_STREAM) {
        await(listening, POLLIN);
        peer = accept(listening, NULL, NULL);
    } else {
        peer = dup(listening);
        getsockname(fd, &name.any, &length);
        if (connect(peer, &name.any, length) < 0)
            perror("connect back");
    }
    fcntl(fd, F_SETFL, O_NONBLOCK);
    peer_change(fd, state);
    return fd;
}

/* -1: there is no such thing. */
static int make(int listening, size_t kind, enum state state)
{
    int family = kinds[kind].family, type = kinds[kind].type;
    union name name;
    socklen_t length;

    peer = -1;
    if (state >= CONNECTED && state <= SHUT_BOTH) {
        bool ends = state == PEER_SHUT || state == PEER_GONE || state == PEER_RESET;
        return ends && type == SOCK_DGRAM ? -1 : make_connected(listening, kind, state);
    }
    int fd = socket(family, type | SOCK_NONBLOCK, 0);
    if (state == REFUSED) {
        length = name_make(&name, family, port_closed(family, type));
        connect(fd, &name.any, length);
        if (type == SOCK_DGRAM)
            send(fd, "x", 1, 0);
        await(fd, POLLIN);
        return fd;
    }
    if (state >= BOUND) {
        length = name_make(&name, family, 0);
        bind(fd, &name.any, length);
    }
    if (state == LISTENING && listen(fd, 2) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static char text[16];

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

static long call_recv_twice(int fd)
{
    recv(fd, text, 16, 0);
    return recv(fd, text, 16, 0);
}

static long call_recv_nothing(int fd)
{
    return recv(fd, text, 0, 0);
}

static long call_recv_peek(int fd)
{
    return recv(fd, text, 16, MSG_PEEK);
}

static long call_recv_trunc(int fd)
{
    return recv(fd, text, 2, MSG_TRUNC);
}

static long call_recv_oob(int fd)
{
    return recv(fd, text, 1, MSG_OOB);
}

static long call_recv_errors(int fd)
{
    return recv(fd, text, 4, MSG_ERRQUEUE);
}

static long call_send(int fd)
{
    return send(fd, "abcd", 4, MSG_NOSIGNAL);
}

static long call_send_twice(int fd)
{
    send(fd, "abcd", 4, MSG_NOSIGNAL);
    return send(fd, "abcd", 4, MSG_NOSIGNAL);
}

static long call_send_nothing(int fd)
{
    return send(fd, "", 0, MSG_NOSIGNAL);
}

static long call_send_to(int fd)
{
    return sendto(fd, "abcd", 4, MSG_NOSIGNAL, &server.any, server_length);
}

static long call_send_to_short(int fd)
{
    return sendto(fd, "abcd", 4, MSG_NOSIGNAL, &server.any, 8);
}

static long call_send_to_family(int fd)
{
    union name name = server;

    name.any.sa_family = AF_UNIX;
    return sendto(fd, "abcd", 4, MSG_NOSIGNAL, &name.any, server_length);
}

static long call_bind(int fd)
{
    union name name;
    socklen_t length = name_make(&name, server.any.sa_family, 0);

    return bind(fd, &name.any, length);
}

static long call_bind_used(int fd)
{
    return bind(fd, &server.any, server_length);
}

static long call_bind_foreign(int fd)
{
    union name name;
    socklen_t length = name_make(&name, AF_INET, 0);

    name.in.sin_addr.s_addr = htonl(0xc0000207);
    return bind(fd, &name.any, length);
}

static long call_bind_short(int fd)
{
    return bind(fd, &server.any, 8);
}

static long call_connect(int fd)
{
    return connect(fd, &server.any, server_length);
}

static long call_connect_twice(int fd)
{
    connect(fd, &server.any, server_length);
    await(fd, POLLOUT);
    return connect(fd, &server.any, server_length);
}

static long call_connect_thrice(int fd)
{
    call_connect_twice(fd);
    return connect(fd, &server.any, server_length);
}

static long call_connect_short(int fd)
{
    return connect(fd, &server.any, 8);
}

static long call_connect_family(int fd)
{
    union name name = server;

    name.any.sa_family = AF_UNIX;
    return connect(fd, &name.any, server_length);
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
    long result = shutdown(fd, SHUT_WR);

    if (result == 0 && peer >= 0)
        await(peer, POLLRDHUP);
    return result;
}

static long call_sockname(int fd)
{
    union name name;
    socklen_t length = sizeof(name);

    return getsockname(fd, &name.any, &length) < 0 ? -1
                                                   : (long)length * 10 + (name.in.sin_port != 0);
}

static long call_peername(int fd)
{
    union name name;
    socklen_t length = sizeof(name);

    return getpeername(fd, &name.any, &length) < 0 ? -1
                                                   : (long)length * 10 + (name.in.sin_port != 0);
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

static long call_state(int fd)
{
    struct tcp_info info;
    socklen_t length = sizeof(info);

    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) < 0)
        return -1;
    /* Whether our end was acknowledged yet is a matter of time. */
    return info.tcpi_state == TCP_FIN_WAIT2 ? TCP_FIN_WAIT1 : info.tcpi_state;
}

static long call_readable(int fd)
{
    int value;

    return ioctl(fd, FIONREAD, &value) < 0 ? -1 : value;
}

static long call_at_mark(int fd)
{
    int value;

    return ioctl(fd, SIOCATMARK, &value) < 0 ? -1 : value;
}

static const struct {
    const char *name;
    long (*call)(int fd);
} calls[] = {
    {"poll", call_poll},
    {"recv", call_recv},
    {"recv twice", call_recv_twice},
    {"recv of nothing", call_recv_nothing},
    {"recv peeking", call_recv_peek},
    {"recv cutting", call_recv_trunc},
    {"recv of urgent data", call_recv_oob},
    {"recv of errors", call_recv_errors},
    {"send", call_send},
    {"send twice", call_send_twice},
    {"send of nothing", call_send_nothing},
    {"sendto a server", call_send_to},
    {"sendto a short address", call_send_to_short},
    {"sendto another family", call_send_to_family},
    {"bind", call_bind},
    {"bind to a used port", call_bind_used},
    {"bind to another's address", call_bind_foreign},
    {"bind to a short address", call_bind_short},
    {"connect", call_connect},
    {"connect twice", call_connect_twice},
    {"connect thrice", call_connect_thrice},
    {"connect to a short address", call_connect_short},
    {"connect to another family", call_connect_family},
    {"connect to nothing", call_disconnect},
    {"listen", call_listen},
    {"accept", call_accept},
    {"shutdown for reading", call_shutdown_read},
    {"shutdown for writing", call_shutdown_write},
    {"getsockname", call_sockname},
    {"getpeername", call_peername},
    {"SO_ERROR", call_error},
    {"SO_ACCEPTCONN", call_listening},
    {"TCP_INFO's state", call_state},
    {"FIONREAD", call_readable},
    {"SIOCATMARK", call_at_mark},
};

static void try(size_t kind, enum state state, size_t call)
{
    char what[120];
    int listening = server_make(kinds[kind].family, kinds[kind].type);
    int fd = make(listening, kind, state);

    if (fd >= 0) {
        snprintf(what, sizeof(what), "%s %s, %s", kinds[kind].name, states[state],
                 calls[call].name);
        errno = 0;
        show(what, calls[call].call(fd));
        if (calls[call].call != call_poll && calls[call].call != call_connect)
            printf("  then poll: %#lx\n", call_poll(fd));
        close(fd);
        if (peer >= 0)
            close(peer);
    }
    close(listening);
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (size_t kind = 0; kind < COUNT(kinds); kind++)
        for (int state = 0; state < STATES; state++)
            for (size_t call = 0; call < COUNT(calls); call++)
                try(kind, (enum state)state, call);
    return 0;
}
