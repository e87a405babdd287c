/* TCP sockets in each state of their lives: what poll says, and what each call answers. Over the
 * loopback. */
#include "show.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static struct sockaddr_in here(int port)
{
    struct sockaddr_in name;

    memset(&name, 0, sizeof(name));
    name.sin_family = AF_INET;
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    name.sin_port = htons(port);
    return name;
}

static int port_of(int fd)
{
    struct sockaddr_in name;
    socklen_t length = sizeof(name);

    if (getsockname(fd, (struct sockaddr *)&name, &length) < 0)
        return 0;
    return ntohs(name.sin_port);
}

static void settle(void)
{
    usleep(20000);
}

static void bits(const char *what, int fd)
{
    struct pollfd p = {fd, POLLIN | POLLOUT | POLLPRI | POLLRDHUP, 0};

    poll(&p, 1, 0);
    printf("%s: poll%s%s%s%s%s%s%s\n", what, p.revents & POLLIN ? " IN" : "",
           p.revents & POLLOUT ? " OUT" : "", p.revents & POLLPRI ? " PRI" : "",
           p.revents & POLLRDHUP ? " RDHUP" : "", p.revents & POLLHUP ? " HUP" : "",
           p.revents & POLLERR ? " ERR" : "", p.revents & POLLNVAL ? " NVAL" : "");
}

static int so_error(int fd)
{
    int error = -1;
    socklen_t length = sizeof(error);

    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length);
    return error;
}

static void error_of(const char *what, int fd)
{
    int error = so_error(fd);

    printf("%s: SO_ERROR %s\n", what, error ? strerror(error) : "0");
}

/* All that can be asked without changing anything. */
static void look(const char *what, int fd)
{
    struct sockaddr_in name;
    socklen_t length = sizeof(name);
    char byte;
    int number;

    bits(what, fd);
    printf("  ");
    show("getpeername", getpeername(fd, (struct sockaddr *)&name, &length));
    printf("  ");
    show("peek", recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT));
    number = -1;
    printf("  ");
    show("FIONREAD", ioctl(fd, FIONREAD, &number) < 0 ? -1 : number);
    length = sizeof(number);
    getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &number, &length);
    printf("  listening %d\n", number);
}

static void write_some(const char *what, int fd)
{
    printf("  %s ", what);
    show("send", send(fd, "x", 1, MSG_NOSIGNAL | MSG_DONTWAIT));
}

static void read_some(const char *what, int fd)
{
    char buffer[100];

    printf("  %s ", what);
    show("recv", recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT));
}

static int listener(int backlog)
{
    struct sockaddr_in name = here(0);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (bind(fd, (struct sockaddr *)&name, sizeof(name)) < 0 || listen(fd, backlog) < 0)
        perror("listener");
    return fd;
}

static void pair(int *client, int *server)
{
    int at = listener(5);
    struct sockaddr_in name = here(port_of(at));

    *client = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(*client, (struct sockaddr *)&name, sizeof(name)) < 0)
        perror("connect");
    *server = accept(at, NULL, NULL);
    if (*server < 0)
        perror("accept");
    close(at);
}

static void unconnected(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in name = here(0);

    puts("# unconnected");
    look("new", fd);
    write_some("new", fd);
    SHOW(shutdown(fd, SHUT_RD));
    look("after shutdown", fd);
    SHOW(accept(fd, NULL, NULL));
    close(fd);
    fd = socket(AF_INET, SOCK_STREAM, 0);
    SHOW(bind(fd, (struct sockaddr *)&name, sizeof(name)));
    SHOW(bind(fd, (struct sockaddr *)&name, sizeof(name)));
    look("bound", fd);
    SHOW(listen(fd, 1));
    look("listening", fd);
    write_some("listening", fd);
    read_some("listening", fd);
    name = here(port_of(fd));
    SHOW(connect(fd, (struct sockaddr *)&name, sizeof(name)));
    SHOW(shutdown(fd, SHUT_WR));
    bits("listening", fd);
    SHOW(shutdown(fd, SHUT_RD));
    look("no longer listening", fd);
    SHOW(listen(fd, 1));
    bits("again", fd);
    close(fd);
}

static void refused(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0), at = listener(1);
    struct sockaddr_in name = here(port_of(at));

    puts("# refused");
    close(at);
    SHOW(connect(fd, (struct sockaddr *)&name, sizeof(name)));
    look("refused", fd);
    SHOW(connect(fd, (struct sockaddr *)&name, sizeof(name)));
    close(fd);
    fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    SHOW(connect(fd, (struct sockaddr *)&name, sizeof(name)));
    settle();
    bits("refused later", fd);
    error_of("refused later", fd);
    bits("error taken", fd);
    read_some("error taken", fd);
    write_some("error taken", fd);
    SHOW(connect(fd, (struct sockaddr *)&name, sizeof(name)));
    bits("after that", fd);
    SHOW(connect(fd, (struct sockaddr *)&name, sizeof(name)));
    settle();
    read_some("not taken", fd);
    read_some("taken", fd);
    close(fd);
    fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    SHOW(connect(fd, (struct sockaddr *)&name, sizeof(name)));
    settle();
    write_some("refused, written", fd);
    write_some("refused, written again", fd);
    SHOW(connect(fd, (struct sockaddr *)&name, sizeof(name)));
    close(fd);
}

static void connecting(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), at = listener(1), other;
    struct sockaddr_in name = here(port_of(at));

    puts("# connecting");
    SHOW(connect(fd, (struct sockaddr *)&name, sizeof(name)));
    settle();
    bits("connected", fd);
    error_of("connected", fd);
    SHOW(connect(fd, (struct sockaddr *)&name, sizeof(name)));
    SHOW(connect(fd, (struct sockaddr *)&name, sizeof(name)));
    SHOW(listen(fd, 1));
    bits("listener", at);
    other = accept(at, NULL, NULL);
    bits("accepted", other);
    bits("listener", at);
    close(fd);
    close(other);
    close(at);
}

/* Connected without the program's asking for the result: all goes on as if it had. */
static void connect_unasked(bool (*then)(int client, int server))
{
    int client = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), at = listener(1);
    struct sockaddr_in name = here(port_of(at));

    SHOW(connect(client, (struct sockaddr *)&name, sizeof(name)));
    int server = accept(at, NULL, NULL);
    settle();
    if (then(client, server))
        close(server);
    settle();
    bits("client", client);
    read_some("client", client);
    write_some("client", client);
    error_of("client", client);
    SHOW(connect(client, (struct sockaddr *)&name, sizeof(name)));
    SHOW(connect(client, (struct sockaddr *)&name, sizeof(name)));
    settle();
    bits("connected anew", client);
    read_some("connected anew", client);
    close(client);
    close(at);
}

static bool then_reset(int client, int server)
{
    struct linger linger = {1, 0};

    (void)client;
    setsockopt(server, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    return true;
}

static bool then_unread(int client, int server)
{
    (void)server;
    write_some("client", client);
    settle();
    return true;
}

/* More than is read of it before the connection ends. */
static bool then_leftovers(int client, int server)
{
    char bytes[250] = "";

    (void)client;
    SHOW(send(server, bytes, sizeof(bytes), 0));
    return true;
}

static bool then_urgent(int client, int server)
{
    char byte;

    SHOW(recv(client, &byte, 1, MSG_OOB));
    send(server, "x", 1, MSG_OOB);
    settle();
    bits("urgent", client);
    SHOW(recv(client, &byte, 1, MSG_OOB));
    return true;
}

static void unasked(void)
{
    puts("# connected, not asked about: reset");
    connect_unasked(then_reset);
    puts("# closed with bytes unread");
    connect_unasked(then_unread);
    puts("# closed, not all of it read");
    connect_unasked(then_leftovers);
    puts("# urgent");
    connect_unasked(then_urgent);
}

static void ends(void)
{
    int a, b;

    puts("# half closed");
    pair(&a, &b);
    look("connected", a);
    write_some("a", a);
    settle();
    look("one byte", b);
    SHOW(shutdown(a, SHUT_WR));
    settle();
    look("a, after its shutdown", a);
    look("b, after a's shutdown", b);
    read_some("b", b);
    bits("b, read", b);
    read_some("b", b);
    write_some("a", a);
    write_some("b", b);
    settle();
    bits("a", a);
    read_some("a", a);
    SHOW(shutdown(b, SHUT_WR));
    settle();
    bits("a, both", a);
    bits("b, both", b);
    look("a", a);
    SHOW(shutdown(a, SHUT_RDWR));
    write_some("b", b);
    close(a);
    close(b);

    puts("# reading side shut");
    pair(&a, &b);
    SHOW(shutdown(a, SHUT_RD));
    bits("a", a);
    read_some("a", a);
    write_some("b", b);
    settle();
    bits("a, something came", a);
    read_some("a", a);
    read_some("a", a);
    SHOW(shutdown(a, SHUT_RDWR));
    settle();
    bits("a", a);
    bits("b", b);
    close(a);
    close(b);
}

static void closes(void)
{
    struct linger linger = {1, 0};
    int a, b;

    puts("# closed by the peer");
    pair(&a, &b);
    write_some("b", b);
    close(b);
    settle();
    look("a", a);
    read_some("a", a);
    read_some("a", a);
    write_some("a", a);
    settle();
    bits("a, answered with a reset", a);
    error_of("a", a);
    bits("a", a);
    write_some("a", a);
    read_some("a", a);
    close(a);

    puts("# closed with bytes unread");
    pair(&a, &b);
    write_some("a", a);
    settle();
    close(b);
    settle();
    look("a", a);
    read_some("a", a);
    read_some("a", a);
    bits("a", a);
    write_some("a", a);
    close(a);

    puts("# reset");
    pair(&a, &b);
    write_some("b", b);
    settle();
    setsockopt(b, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    close(b);
    settle();
    bits("a", a);
    read_some("a", a);
    bits("a", a);
    read_some("a", a);
    read_some("a", a);
    write_some("a", a);
    bits("a", a);
    close(a);

    puts("# reset, then written");
    pair(&a, &b);
    setsockopt(b, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    close(b);
    settle();
    write_some("a", a);
    write_some("a", a);
    read_some("a", a);
    close(a);

    puts("# reset before accept");
    int at = listener(5), fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in name = here(port_of(at));
    SHOW(connect(fd, (struct sockaddr *)&name, sizeof(name)));
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    close(fd);
    settle();
    bits("listener", at);
    fd = accept(at, NULL, NULL);
    printf("accepted: %d\n", fd >= 0);
    bits("accepted", fd);
    read_some("accepted", fd);
    read_some("accepted", fd);
    close(fd);

    puts("# listener closed");
    fd = socket(AF_INET, SOCK_STREAM, 0);
    SHOW(connect(fd, (struct sockaddr *)&name, sizeof(name)));
    close(at);
    settle();
    bits("never accepted", fd);
    read_some("never accepted", fd);
    close(fd);
}

static void full(void)
{
    static char block[65536];
    int a, b;
    long all = 0, got;

    puts("# full");
    pair(&a, &b);
    while ((got = send(a, block, sizeof(block), MSG_DONTWAIT)) > 0)
        all += got;
    printf("full: %s, more than a block %d\n", strerror(errno), all > (long)sizeof(block));
    bits("full", a);
    while (all > 0 && (got = recv(b, block, sizeof(block), 0)) > 0)
        all -= got;
    printf("left over: %ld\n", all);
    settle();
    bits("emptied", a);
    bits("emptied", b);
    close(a);
    close(b);
}

static void urgent(void)
{
    char buffer[10];
    int a, b, number = -1, on = 1;

    puts("# urgent");
    pair(&a, &b);
    send(a, "abc", 3, MSG_OOB);
    send(a, "de", 2, 0);
    settle();
    bits("b", b);
    SHOW(ioctl(b, FIONREAD, &number));
    printf("readable %d\n", number);
    SHOW(ioctl(b, SIOCATMARK, &number));
    printf("mark %d\n", number);
    SHOW(recv(b, buffer, 10, MSG_OOB | MSG_PEEK));
    SHOW(recv(b, buffer, 10, MSG_OOB));
    printf("%c\n", buffer[0]);
    SHOW(recv(b, buffer, 10, MSG_OOB));
    bits("b", b);
    SHOW(recv(b, buffer, 10, 0));
    printf("%.2s\n", buffer);
    SHOW(ioctl(b, SIOCATMARK, &number));
    printf("mark %d\n", number);
    SHOW(recv(b, buffer, 10, 0));
    printf("%.2s\n", buffer);
    setsockopt(b, SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on));
    send(a, "fgh", 3, MSG_OOB);
    send(a, "ij", 2, 0);
    settle();
    bits("b, in line", b);
    SHOW(recv(b, buffer, 10, MSG_OOB));
    SHOW(recv(b, buffer, 10, 0));
    SHOW(ioctl(b, SIOCATMARK, &number));
    printf("mark %d\n", number);
    SHOW(recv(b, buffer, 10, 0));
    close(a);
    close(b);
}

static void arguments(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0), other = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    struct sockaddr_in name = here(0), wrong;

    puts("# arguments");
    SHOW(bind(fd, (struct sockaddr *)&name, 4));
    wrong = name;
    wrong.sin_family = AF_INET6;
    SHOW(bind(fd, (struct sockaddr *)&wrong, sizeof(wrong)));
    SHOW(connect(fd, (struct sockaddr *)&wrong, sizeof(wrong)));
    SHOW(connect(fd, (struct sockaddr *)&name, 1));
    wrong = name;
    wrong.sin_addr.s_addr = htonl(0x01020304);
    SHOW(bind(fd, (struct sockaddr *)&wrong, sizeof(wrong)));
    wrong.sin_addr.s_addr = htonl(0xe0000001);
    SHOW(bind(fd, (struct sockaddr *)&wrong, sizeof(wrong)));
    close(fd);
    fd = socket(AF_INET, SOCK_STREAM, 0);
    SHOW(bind(fd, (struct sockaddr *)&name, sizeof(name)));
    name = here(port_of(fd));
    SHOW(bind(other, (struct sockaddr *)&name, sizeof(name)));
    setsockopt(other, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    SHOW(bind(other, (struct sockaddr *)&name, sizeof(name)));
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    SHOW(bind(other, (struct sockaddr *)&name, sizeof(name)));
    SHOW(listen(fd, 1));
    SHOW(listen(other, 1));
    close(other);
    other = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(other, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    SHOW(bind(other, (struct sockaddr *)&name, sizeof(name)));
    wrong = name;
    wrong.sin_addr.s_addr = htonl(INADDR_ANY);
    SHOW(bind(other, (struct sockaddr *)&wrong, sizeof(wrong)));
    wrong.sin_addr.s_addr = htonl(0x7f000002);
    SHOW(bind(other, (struct sockaddr *)&wrong, sizeof(wrong)));
    SHOW(listen(other, 1));
    close(other);
    close(fd);
    fd = socket(AF_INET, SOCK_STREAM, 0);
    other = socket(AF_INET, SOCK_STREAM, 0);
    name = here(0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
    setsockopt(other, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
    SHOW(bind(fd, (struct sockaddr *)&name, sizeof(name)));
    name = here(port_of(fd));
    SHOW(bind(other, (struct sockaddr *)&name, sizeof(name)));
    SHOW(listen(fd, 1));
    SHOW(listen(other, 1));
    close(fd);
    close(other);
}

/* A reset that comes when both have ended: what was held back goes to who has gone. */
static void reset_at_last(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof to;
    int listener = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);
    int error = -1, on = 1;
    struct pollfd ready = {.events = POLLIN};

    bind(listener, (struct sockaddr *)&to, sizeof to);
    listen(listener, 1);
    getsockname(listener, (struct sockaddr *)&to, &length);
    SHOW(connect(client, (struct sockaddr *)&to, sizeof to));
    ready.fd = accept(listener, NULL, NULL);
    SHOW(setsockopt(ready.fd, IPPROTO_TCP, TCP_CORK, &on, sizeof on));
    SHOW(send(ready.fd, "a", 1, 0));
    SHOW(shutdown(client, SHUT_WR));
    SHOW(close(client));
    SHOW(poll(&ready, 1, 1000));
    SHOW(shutdown(ready.fd, SHUT_WR));
    usleep(20000);
    length = sizeof error;
    SHOW(getsockopt(ready.fd, SOL_SOCKET, SO_ERROR, &error, &length));
    printf("%s\n", strerror(error));
    close(ready.fd);
    close(listener);
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGPIPE, SIG_IGN);
    unconnected();
    refused();
    connecting();
    unasked();
    ends();
    closes();
    full();
    urgent();
    arguments();
    reset_at_last();
    return 0;
}
