/*
 * /proc/sys/net: which files there are, what can be written into those that can be set, and what
 * that changes. On Linux in a network namespace of its own. Values that belong to a system, such as
 * the sizes of buffers, aren't compared.
 */
#include "show.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

#define NEWNET 0x40000000
#define TOP    "/proc/sys/net/"

static const char *const names[] = {
    "core/rmem_default",
    "core/rmem_max",
    "core/somaxconn",
    "core/wmem_default",
    "core/wmem_max",
    "unix/max_dgram_qlen",
    "ipv4/icmp_echo_ignore_all",
    "ipv4/igmp_max_memberships",
    "ipv4/ip_default_ttl",
    "ipv4/ip_forward",
    "ipv4/ip_local_port_range",
    "ipv4/ip_local_reserved_ports",
    "ipv4/ip_nonlocal_bind",
    "ipv4/ip_unprivileged_port_start",
    "ipv4/ping_group_range",
    "ipv4/tcp_available_congestion_control",
    "ipv4/tcp_congestion_control",
    "ipv4/tcp_fin_timeout",
    "ipv4/tcp_keepalive_intvl",
    "ipv4/tcp_keepalive_probes",
    "ipv4/tcp_keepalive_time",
    "ipv4/tcp_max_syn_backlog",
    "ipv4/tcp_rmem",
    "ipv4/tcp_sack",
    "ipv4/tcp_syn_retries",
    "ipv4/tcp_syncookies",
    "ipv4/tcp_timestamps",
    "ipv4/tcp_window_scaling",
    "ipv4/tcp_wmem",
    "ipv4/conf/all/forwarding",
    "ipv4/conf/default/rp_filter",
    "ipv4/conf/lo/forwarding",
    "ipv6/bindv6only",
    "ipv6/conf/all/disable_ipv6",
    "ipv6/conf/default/disable_ipv6",
    "ipv6/conf/lo/disable_ipv6",
    "ipv6/conf/lo/hop_limit",
    "ipv6/conf/default/mtu",
    "ipv6/conf/none/disable_ipv6",
};

static char text[256];

static long setting_read(const char *name)
{
    char path[128];

    snprintf(path, sizeof path, TOP "%s", name);
    int fd = open(path, O_RDONLY);
    if (fd < 0)
        return -1;
    long length = read(fd, text, sizeof text - 1);
    int error = errno;
    close(fd);
    errno = error;
    text[length > 0 ? length : 0] = 0;
    return length;
}

static long setting_write(const char *name, const char *value)
{
    char path[128];

    snprintf(path, sizeof path, TOP "%s", name);
    int fd = open(path, O_WRONLY);
    if (fd < 0)
        return -1;
    long written = write(fd, value, strlen(value));
    int error = errno;
    close(fd);
    errno = error;
    return written;
}

static void there(void)
{
    static const char *const same[] = {"ipv4/ip_default_ttl",
                                       "ipv4/ip_forward",
                                       "ipv4/ip_local_port_range",
                                       "ipv4/tcp_keepalive_intvl",
                                       "ipv4/tcp_keepalive_probes",
                                       "ipv4/tcp_keepalive_time",
                                       "ipv4/tcp_syn_retries",
                                       "ipv6/bindv6only",
                                       "core/somaxconn",
                                       "ipv4/ip_unprivileged_port_start"};
    struct stat st;
    char path[128];

    for (size_t i = 0; i < COUNT(names); i++) {
        snprintf(path, sizeof path, TOP "%s", names[i]);
        printf("%s: ", names[i]);
        if (SHOW(stat(path, &st)) == 0)
            printf("type %o, %s\n", st.st_mode >> 12,
                   setting_read(names[i]) > 0 && strchr(text, '\n') ? "a line" : "no line");
    }
    for (size_t i = 0; i < COUNT(same); i++) {
        setting_read(same[i]);
        printf("%s: %s", same[i], text);
    }
    SHOW_OK(setting_write("ipv4/tcp_available_congestion_control", "reno\n"));
}

static void store(const char *name, const char *value)
{
    printf("%s := %s: ", name, value);
    SHOW(setting_write(name, value));
    setting_read(name);
    printf("%s", text);
}

static void ports(void)
{
    static const char *const values[] = {"5",           "x y",     "40003 40000", "100 200",
                                         "70000 70001", "0 65535", "1024 65535",  "40000\t40003\n"};
    int fds[5], range[4] = {0};

    for (size_t i = 1; i < COUNT(values); i++)
        store("ipv4/ip_local_port_range", values[i]);
    for (size_t i = 0; i < COUNT(fds); i++) {
        struct sockaddr_in name = {.sin_family = AF_INET};
        socklen_t length = sizeof name;
        fds[i] = socket(AF_INET, SOCK_DGRAM, 0);
        SHOW(bind(fds[i], (struct sockaddr *)&name, sizeof name));
        getsockname(fds[i], (struct sockaddr *)&name, &length);
        if (ntohs(name.sin_port) >= 40000 && ntohs(name.sin_port) <= 40003)
            range[ntohs(name.sin_port) - 40000]++;
    }
    printf("taken %d %d %d %d\n", range[0], range[1], range[2], range[3]);
    for (size_t i = 0; i < COUNT(fds); i++)
        close(fds[i]);
    store("ipv4/ip_local_port_range", "32768 60999");
}

static socklen_t unix_name(struct sockaddr_un *name)
{
    *name = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(name->sun_path + 1, "settings", 8);
    return offsetof(struct sockaddr_un, sun_path) + 9;
}

static void queues(void)
{
    struct sockaddr_un name;
    socklen_t length = unix_name(&name);
    int listener, count = 0, clients[8];

    store("unix/max_dgram_qlen", "2\n");
    listener = socket(AF_UNIX, SOCK_DGRAM, 0);
    bind(listener, (struct sockaddr *)&name, length);
    clients[0] = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    while (sendto(clients[0], "x", 1, 0, (struct sockaddr *)&name, length) == 1)
        count++;
    printf("%d datagrams, then %s\n", count, strerror(errno));
    close(listener), close(clients[0]);
    store("core/somaxconn", "-1");
    store("core/somaxconn", "two");
    store("core/somaxconn", "1\n");
    listener = socket(AF_UNIX, SOCK_STREAM, 0);
    bind(listener, (struct sockaddr *)&name, length);
    listen(listener, 100);
    for (count = 0; count < 8; count++) {
        clients[count] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
        if (connect(clients[count], (struct sockaddr *)&name, length) < 0)
            break;
    }
    printf("%d connections, then %s\n", count, strerror(errno));
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    unshare(NEWNET);
    there();
    ports();
    queues();
    return 0;
}
