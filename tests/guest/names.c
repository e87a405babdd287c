/* Names of hosts, services and interfaces: the C library's own work, over what the system has of
 * sockets. The name server is one of the test's own. */
#include "ktap.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/ether.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>

/* ---- Text ---- */

TEST(addresses_as_text, "inet_pton and inet_ntop, and their elders")
{
    static const char *const good[] = {"::",          "::1",           "fe80::1",
                                       "1:2:3::8",    "2001:db8::1:0", "1:2:3:4:5:6:7:8",
                                       "::fffe:0:1f", "ff02::1:ff00:0"};
    static const char *const bad[] = {"",
                                      ":",
                                      ":::",
                                      "1::2::3",
                                      "1:2:3:4:5:6:7",
                                      "12345::",
                                      "::g",
                                      "1:2:3:4:5:6:7:8:9",
                                      "::1.2.3",
                                      "::1%lo"};
    uint8_t bytes[16];
    char text[INET6_ADDRSTRLEN];
    struct in_addr address;

    for (size_t n = 0; n < sizeof(good) / sizeof(*good); n++) {
        CHECK_EQUAL(inet_pton(AF_INET6, good[n], bytes), 1);
        CHECK_STRING(inet_ntop(AF_INET6, bytes, text, sizeof(text)), good[n]);
    }
    for (size_t n = 0; n < sizeof(bad) / sizeof(*bad); n++)
        CHECK_EQUAL(inet_pton(AF_INET6, bad[n], bytes), 0);
    CHECK_EQUAL(inet_pton(AF_INET6, "::ffff:1.2.3.4", bytes), 1);
    CHECK(bytes[10] == 0xff && bytes[12] == 1 && bytes[15] == 4);
    CHECK_EQUAL(inet_pton(AF_INET, "1.2.3", bytes), 0);
    CHECK_EQUAL(inet_pton(AF_INET, "256.2.3.4", bytes), 0);
    CHECK(inet_aton("127.1", &address) && address.s_addr == htonl(0x7f000001));
    CHECK(inet_aton("0x7f.0.0.010", &address) && address.s_addr == htonl(0x7f000008));
    CHECK(!inet_aton("1.2.3.4.5", &address) && !inet_aton("1.2.3.256", &address));
    CHECK_EQUAL(inet_addr("1.2.3.x"), INADDR_NONE);
    CHECK_EQUAL(inet_network("127.0"), 0x7f00);
    CHECK_EQUAL(inet_netof(inet_makeaddr(10, 5)), 10);
    CHECK_EQUAL(inet_lnaof(inet_makeaddr(10, 5)), 5);
    struct ether_addr *ether = ether_aton("2:0:1a:b:C:ff");
    CHECK(ether);
    CHECK_STRING(ether_ntoa(ether), "2:0:1a:b:c:ff");
    CHECK(!ether_aton("2:0:1a:b:c") && !ether_aton("2:0:1a:b:c:100"));
}

/* ---- Services and protocols ---- */

TEST(services, "ports and protocols have names")
{
    if (access("/etc/services", R_OK) || access("/etc/protocols", R_OK))
        SKIP("no /etc/services");
    struct servent *service = getservbyname("http", "tcp");
    CHECK(service && ntohs((uint16_t)service->s_port) == 80);
    CHECK_STRING(service->s_proto, "tcp");
    service = getservbyname("www", NULL);
    CHECK(service && ntohs((uint16_t)service->s_port) == 80);
    service = getservbyport(htons(53), "udp");
    CHECK(service);
    CHECK_STRING(service->s_name, "domain");
    CHECK(!getservbyname("http", "nothing") && !getservbyname("nosuchservice", NULL));
    CHECK(!getservbyport(htons(1), "udp"));
    char few[16], many[1024];
    struct servent entry, *found;
    CHECK_EQUAL(getservbyname_r("http", "tcp", &entry, few, sizeof(few), &found), ERANGE);
    CHECK(getservbyname_r("http", "tcp", &entry, many, sizeof(many), &found) == 0 && found);
    struct protoent *protocol = getprotobyname("udp");
    CHECK(protocol && protocol->p_proto == 17);
    protocol = getprotobynumber(6);
    CHECK(protocol);
    CHECK_STRING(protocol->p_name, "tcp");
    CHECK(!getprotobyname("nosuchprotocol"));
    setservent(0);
    CHECK(getservent());
    endservent();
}

/* ---- getaddrinfo without asking anybody ---- */

static void check_address(const struct addrinfo *info, const char *host, const char *service)
{
    char a[NI_MAXHOST], b[NI_MAXSERV];

    CHECK_EQUAL(getnameinfo(info->ai_addr, info->ai_addrlen, a, sizeof(a), b, sizeof(b),
                            NI_NUMERICHOST | NI_NUMERICSERV),
                0);
    CHECK_STRING(a, host);
    CHECK_STRING(b, service);
}

TEST(numeric, "getaddrinfo of numbers, and of nobody in particular")
{
    struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM}, *list;

    CHECK_EQUAL(getaddrinfo("127.0.0.1", "80", &hints, &list), 0);
    CHECK(list->ai_protocol == IPPROTO_TCP && !list->ai_next);
    CHECK_EQUAL(list->ai_addrlen, sizeof(struct sockaddr_in));
    check_address(list, "127.0.0.1", "80");
    freeaddrinfo(list);
    hints.ai_socktype = 0;
    CHECK_EQUAL(getaddrinfo("10.1.2.3", NULL, &hints, &list), 0);
    CHECK(list->ai_socktype == SOCK_STREAM && list->ai_next->ai_socktype == SOCK_DGRAM);
    CHECK(list->ai_next->ai_next->ai_socktype == SOCK_RAW && !list->ai_next->ai_next->ai_next);
    check_address(list, "10.1.2.3", "0");
    freeaddrinfo(list);
    hints = (struct addrinfo){.ai_family = AF_INET6, .ai_socktype = SOCK_DGRAM};
    CHECK_EQUAL(getaddrinfo("::1", "53", &hints, &list), 0);
    check_address(list, "::1", "53");
    freeaddrinfo(list);
    hints.ai_flags = AI_V4MAPPED;
    CHECK_EQUAL(getaddrinfo("1.2.3.4", "53", &hints, &list), 0);
    check_address(list, "::ffff:1.2.3.4", "53");
    freeaddrinfo(list);
    hints =
        (struct addrinfo){.ai_family = AF_INET, .ai_flags = AI_PASSIVE, .ai_socktype = SOCK_STREAM};
    CHECK_EQUAL(getaddrinfo(NULL, "8080", &hints, &list), 0);
    check_address(list, "0.0.0.0", "8080");
    freeaddrinfo(list);
    hints.ai_flags = 0;
    CHECK_EQUAL(getaddrinfo(NULL, "8080", &hints, &list), 0);
    check_address(list, "127.0.0.1", "8080");
    freeaddrinfo(list);
}

TEST(refusals, "what getaddrinfo and getnameinfo refuse")
{
    struct addrinfo hints = {.ai_family = AF_INET}, *list;
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(1)};
    char text[4];

    CHECK_EQUAL(getaddrinfo(NULL, NULL, &hints, &list), EAI_NONAME);
    hints.ai_flags = 1 << 20;
    CHECK_EQUAL(getaddrinfo("127.0.0.1", NULL, &hints, &list), EAI_BADFLAGS);
    hints.ai_flags = AI_NUMERICHOST;
    CHECK_EQUAL(getaddrinfo("localhost", NULL, &hints, &list), EAI_NONAME);
    CHECK_EQUAL(getaddrinfo("::1", NULL, &hints, &list), EAI_ADDRFAMILY);
    hints.ai_flags = AI_NUMERICSERV;
    CHECK_EQUAL(getaddrinfo("127.0.0.1", "http", &hints, &list), EAI_NONAME);
    hints = (struct addrinfo){.ai_family = AF_PACKET};
    CHECK_EQUAL(getaddrinfo("127.0.0.1", NULL, &hints, &list), EAI_FAMILY);
    hints = (struct addrinfo){.ai_socktype = SOCK_STREAM, .ai_protocol = IPPROTO_UDP};
    CHECK_EQUAL(getaddrinfo("127.0.0.1", NULL, &hints, &list), EAI_SOCKTYPE);
    CHECK(strlen(gai_strerror(EAI_NONAME)) > 5);
    CHECK_EQUAL(getnameinfo((struct sockaddr *)&name, 4, text, sizeof(text), NULL, 0, 0),
                EAI_FAMILY);
    CHECK_EQUAL(getnameinfo((struct sockaddr *)&name, sizeof(name), text, sizeof(text), NULL, 0,
                            NI_NUMERICHOST),
                EAI_OVERFLOW);
    CHECK_EQUAL(getnameinfo((struct sockaddr *)&name, sizeof(name), NULL, 0, NULL, 0, 0),
                EAI_NONAME);
}

/* ---- Interfaces ---- */

TEST(interfaces, "the loopback interface has a number, a name and an address")
{
    unsigned index = if_nametoindex("lo");
    char name[IF_NAMESIZE];
    struct ifaddrs *list;
    bool found = false, link = false;

    CHECK(index > 0);
    CHECK_STRING(if_indextoname(index, name), "lo");
    errno = 0;
    CHECK(!if_indextoname(9999, name) && errno == ENXIO);
    errno = 0;
    CHECK(!if_nametoindex("nosuch") && errno == ENODEV);
    struct if_nameindex *all = if_nameindex();
    CHECK(all && all[0].if_index == index && !strcmp(all[0].if_name, "lo"));
    if_freenameindex(all);
    CHECK(getifaddrs(&list) == 0);
    for (struct ifaddrs *at = list; at; at = at->ifa_next) {
        struct sockaddr_in *in = (struct sockaddr_in *)at->ifa_addr;
        if (!in || strcmp(at->ifa_name, "lo"))
            continue;
        CHECK(at->ifa_flags & IFF_LOOPBACK);
        link |= in->sin_family == AF_PACKET;
        if (in->sin_family == AF_INET && in->sin_addr.s_addr == htonl(INADDR_LOOPBACK)) {
            found = true;
            CHECK(((struct sockaddr_in *)at->ifa_netmask)->sin_addr.s_addr == htonl(0xff000000));
        }
    }
    freeifaddrs(list);
    CHECK(found && link);
}

/* ---- The name server ---- */

/* A system of one's own where that can be had: files of /etc and port 53. In Sluice the machine is
 * the test's. */
static void put_etc(const char *path, const char *text)
{
    ktap_file("etc", text, strlen(text));
    if (mount("etc", path, NULL, MS_BIND, NULL) < 0) {
        unlink(path); /* it may be a link to what the kernel knows */
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
        CHECK(fd >= 0);
        CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
        close(fd);
    }
    unlink("etc");
}

static void own_system(void)
{
    struct ifreq request = {.ifr_name = "lo"};

    if (geteuid() != 0)
        SKIP("needs root");
    bool alone = unshare(CLONE_NEWNS | CLONE_NEWNET) == 0;
    if (alone) {
        CHECK(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
        int fd = socket(AF_INET, SOCK_DGRAM, 0);
        request.ifr_flags = IFF_UP | IFF_RUNNING | IFF_LOOPBACK;
        CHECK(ioctl(fd, SIOCSIFFLAGS, &request) == 0);
        close(fd);
    } else if (access("/etc/motd", R_OK) || !access("/etc/debian_version", R_OK)) {
        SKIP("needs name spaces of its own");
    }
    put_etc("/etc/resolv.conf", "# ours\nnameserver 127.0.0.1\nsearch one.test two.test\n"
                                "options timeout:2 attempts:1\n");
    put_etc("/etc/hosts", "127.0.0.1 localhost\n192.168.7.7 filed.test filed # here\n");
}

struct question {
    char name[256];
    int type, length; /* of the question with the header */
};

static void question_read(const uint8_t *query, struct question *question)
{
    int at = 12;

    question->name[0] = '\0';
    while (query[at]) {
        sprintf(question->name + strlen(question->name), "%.*s.", query[at], query + at + 1);
        at += 1 + query[at];
    }
    question->type = query[at + 2];
    question->length = at + 5;
}

static int answer_add(uint8_t *at, int type, const void *data, int length)
{
    const uint8_t head[12] = {0xc0, 12, 0, (uint8_t)type, 0, 1, 0, 0, 0, 60, 0, (uint8_t)length};

    memcpy(at, head, sizeof(head));
    memcpy(at + sizeof(head), data, (size_t)length);
    return (int)sizeof(head) + length;
}

/* The answer in place of the query; its length. LONG: as many addresses as a name may have. */
static int answer_make(uint8_t *message, bool whole)
{
    struct question question;
    int count = 0, code = 0;

    question_read(message, &question);
    uint8_t *end = message + question.length;
    message[2] = 0x81;
    if (!strcmp(question.name, "host.two.test.") || !strcmp(question.name, "plain.name.")) {
        if (question.type == 1)
            end += answer_add(end, 1, "\12\0\0\5", 4), count++;
    } else if (!strcmp(question.name, "both.test.")) {
        static const uint8_t six[16] = {0x20, 1, 0xd, 0xb8, [15] = 9};
        if (question.type == 1)
            end += answer_add(end, 1, "\12\0\0\6", 4), count++;
        else
            end += answer_add(end, 28, six, 16), count++;
    } else if (!strcmp(question.name, "alias.test.")) {
        end += answer_add(end, 5, "\4both\4test", 11), count++;
        if (question.type == 1)
            end += answer_add(end, 1, "\12\0\0\6", 4), count++;
    } else if (!strcmp(question.name, "many.test.")) {
        if (!whole)
            message[2] |= 2; /* cut: ask by TCP */
        for (int n = 0; question.type == 1 && n < (whole ? 40 : 1); n++, count++)
            end += answer_add(end, 1, (uint8_t[]){10, 0, 1, (uint8_t)n}, 4);
    } else if (!strcmp(question.name, "empty.test.")) {
    } else if (!strcmp(question.name, "broken.test.")) {
        code = 2;
    } else if (!strcmp(question.name, "5.0.0.10.in-addr.arpa.")) {
        end += answer_add(end, 12, "\4host\3two\4test", 15), count++;
    } else {
        code = 3;
    }
    message[3] = (uint8_t)(0x80 | code);
    message[7] = (uint8_t)count;
    return (int)(end - message);
}

static void serve_udp(int fd)
{
    uint8_t message[2048];
    struct sockaddr_in from;
    socklen_t length = sizeof(from);
    ssize_t got = recvfrom(fd, message, 512, 0, (struct sockaddr *)&from, &length);

    if (got < 12)
        return;
    int size = answer_make(message, false);
    /* A liar first: another number. */
    message[0] ^= 1;
    sendto(fd, message, (size_t)size, 0, (struct sockaddr *)&from, length);
    message[0] ^= 1;
    sendto(fd, message, (size_t)size, 0, (struct sockaddr *)&from, length);
}

static void serve_tcp(int listening)
{
    uint8_t message[4096];
    int fd = accept(listening, NULL, NULL);
    ssize_t got = recv(fd, message, 2, MSG_WAITALL);

    if (got == 2 &&
        recv(fd, message + 2, (size_t)(message[0] << 8 | message[1]), MSG_WAITALL) > 0) {
        int size = answer_make(message + 2, true);
        message[0] = (uint8_t)(size >> 8);
        message[1] = (uint8_t)size;
        send(fd, message, (size_t)size + 2, MSG_NOSIGNAL);
    }
    close(fd);
}

static pid_t server_start(void)
{
    struct sockaddr_in name = {
        .sin_family = AF_INET, .sin_port = htons(53), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int udp = socket(AF_INET, SOCK_DGRAM, 0), tcp = socket(AF_INET, SOCK_STREAM, 0), one = 1;

    setsockopt(tcp, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    CHECK(bind(udp, (struct sockaddr *)&name, sizeof(name)) == 0);
    CHECK(bind(tcp, (struct sockaddr *)&name, sizeof(name)) == 0);
    CHECK(listen(tcp, 4) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        alarm(30);
        for (;;) {
            fd_set set;
            FD_ZERO(&set);
            FD_SET(udp, &set);
            FD_SET(tcp, &set);
            select((udp > tcp ? udp : tcp) + 1, &set, NULL, NULL, NULL);
            if (FD_ISSET(udp, &set))
                serve_udp(udp);
            if (FD_ISSET(tcp, &set))
                serve_tcp(tcp);
        }
    }
    close(udp);
    close(tcp);
    return pid;
}

/* Until it has gone, its port is taken: the next one could not bind. */
static void server_stop(pid_t server)
{
    kill(server, SIGKILL);
    CHECK_EQUAL(waitpid(server, NULL, 0), server);
}

TEST(name_server, "names are asked of the name server, as /etc/resolv.conf says, and of /etc/hosts")
{
    struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM}, *list;
    char host[NI_MAXHOST];

    own_system();
    pid_t server = server_start();
    CHECK_EQUAL(getaddrinfo("filed", "1", &hints, &list), 0);
    check_address(list, "192.168.7.7", "1");
    freeaddrinfo(list);
    CHECK_EQUAL(getaddrinfo("plain.name", "1", &hints, &list), 0);
    check_address(list, "10.0.0.5", "1");
    freeaddrinfo(list);
    hints.ai_flags = AI_CANONNAME;
    CHECK_EQUAL(getaddrinfo("host", "1", &hints, &list), 0); /* below two.test */
    check_address(list, "10.0.0.5", "1");
    CHECK_STRING(list->ai_canonname, "host.two.test");
    freeaddrinfo(list);
    CHECK_EQUAL(getaddrinfo("alias.test", "1", &hints, &list), 0);
    check_address(list, "10.0.0.6", "1");
    CHECK_STRING(list->ai_canonname, "both.test");
    freeaddrinfo(list);
    hints.ai_flags = 0;
    CHECK_EQUAL(getaddrinfo("host.", "1", &hints, &list), EAI_NONAME);
    CHECK_EQUAL(getaddrinfo("nowhere.test", "1", &hints, &list), EAI_NONAME);
    CHECK_EQUAL(getaddrinfo("empty.test", "1", &hints, &list), EAI_NODATA);
    CHECK_EQUAL(getaddrinfo("broken.test", "1", &hints, &list), EAI_AGAIN);
    hints.ai_family = AF_INET6;
    CHECK_EQUAL(getaddrinfo("both.test", "1", &hints, &list), 0);
    check_address(list, "2001:db8::9", "1");
    freeaddrinfo(list);
    hints.ai_family = AF_UNSPEC;
    CHECK_EQUAL(getaddrinfo("both.test", "1", &hints, &list), 0);
    CHECK(list->ai_next && !list->ai_next->ai_next);
    freeaddrinfo(list);

    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x0a000005)};
    CHECK_EQUAL(getnameinfo((struct sockaddr *)&name, sizeof(name), host, sizeof(host), NULL, 0, 0),
                0);
    CHECK_STRING(host, "host.two.test");
    name.sin_addr.s_addr = htonl(0xc0a80707);
    CHECK_EQUAL(getnameinfo((struct sockaddr *)&name, sizeof(name), host, sizeof(host), NULL, 0, 0),
                0);
    CHECK_STRING(host, "filed.test");
    name.sin_addr.s_addr = htonl(0x0a000063);
    CHECK_EQUAL(getnameinfo((struct sockaddr *)&name, sizeof(name), host, sizeof(host), NULL, 0,
                            NI_NAMEREQD),
                EAI_NONAME);
    CHECK_EQUAL(getnameinfo((struct sockaddr *)&name, sizeof(name), host, sizeof(host), NULL, 0, 0),
                0);
    CHECK_STRING(host, "10.0.0.99");
    server_stop(server);
}

TEST(host_entries, "gethostbyname and its like; an answer that was cut is asked for by TCP")
{
    own_system();
    pid_t server = server_start();
    struct hostent *entry = gethostbyname("both.test");

    CHECK(entry && entry->h_addrtype == AF_INET && entry->h_length == 4 && !entry->h_addr_list[1]);
    CHECK(!memcmp(entry->h_addr, "\12\0\0\6", 4));
    entry = gethostbyname("many.test");
    int count = 0;
    while (entry && entry->h_addr_list[count])
        count++;
    CHECK_EQUAL(count, 40);
    entry = gethostbyname2("both.test", AF_INET6);
    CHECK(entry && entry->h_length == 16);
    CHECK(!gethostbyname("nowhere.test"));
    CHECK_EQUAL(h_errno, HOST_NOT_FOUND);
    CHECK(!gethostbyname("empty.test"));
    CHECK_EQUAL(h_errno, NO_DATA);
    struct in_addr address = {htonl(0x0a000005)};
    entry = gethostbyaddr(&address, 4, AF_INET);
    CHECK(entry);
    CHECK_STRING(entry->h_name, "host.two.test");
    server_stop(server);
}
