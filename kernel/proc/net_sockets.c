/* /proc/net/{tcp,udp,udplite,raw}[6] and sockstat: the internet's sockets, a line each. */
#include <sluice/inet.h>
#include <sluice/string.h>
#include "kernel/proc/net.h"

#define TCP_TIME_WAIT 6

enum { ANY_PROTOCOL = -1, UDP = 17, UDPLITE = 136 };

struct list_text {
    struct synth_text *text;
    oskit_s32_t family, protocol;
    unsigned line;
};

static void put_end(struct synth_text *text, const struct socket_address *end, oskit_s32_t family)
{
    oskit_u32_t words[4] = {0};
    oskit_u16_t port = 0;
    unsigned count = family == SOCKET_INET6 ? 4 : 1;
    if (end->length && family == SOCKET_INET6)
        memcpy(words, end->u.in6.address, sizeof end->u.in6.address);
    else if (end->length)
        memcpy(words, end->u.in.address, sizeof end->u.in.address);
    if (end->length)
        port = __builtin_bswap16(end->u.in.port);
    for (unsigned i = 0; i < count; i++)
        synth_printf(text, "%08X", words[i]);
    synth_printf(text, ":%04X", port);
}

/* Under the stack's lock; a text grows without sleeping. */
static bool put_socket(void *arg, const struct inet_socket *socket)
{
    struct list_text *list = arg;
    bool datagrams = socket->type != SOCKET_STREAM;
    if (list->protocol != ANY_PROTOCOL && list->protocol != socket->protocol)
        return true;
    synth_printf(list->text, datagrams ? "%5u: " : "%4u: ", list->line++);
    put_end(list->text, &socket->local, list->family);
    synth_printf(list->text, " ");
    put_end(list->text, &socket->remote, list->family);
    synth_printf(list->text, " %02X %08X:%08X 00:%08X %08X %5u %8d %llu %u %p", socket->state,
                 socket->send_queue, socket->receive_queue, 0, socket->retransmits, socket->uid, 0,
                 (unsigned long long)socket->ino, socket->references, (void *)0);
    if (datagrams)
        synth_printf(list->text, " %u", socket->drops);
    synth_printf(list->text, "\n");
    return true;
}

static oskit_error_t show_sockets(struct synth_text *text, oskit_s32_t family, oskit_s32_t type,
                                  oskit_s32_t protocol)
{
    struct list_text list = {text, family, protocol, 0};
    bool six = family == SOCKET_INET6;
    synth_printf(text,
                 "  sl  local_address %s %s   st tx_queue rx_queue tr tm->when retrnsmt   "
                 "uid  timeout inode%s\n",
                 six ? "                       " : "", six ? "remote_address" : "rem_address  ",
                 type == SOCKET_STREAM ? "" : " ref pointer drops");
    inet_socket_each(family, type, put_socket, &list);
    return OSKIT_SUCCESS;
}

/* What shows the sockets of a file. */
#define SHOW(file, family, type, protocol)                                       \
    oskit_error_t proc_show_net_##file(oskit_u64_t key, struct synth_text *text) \
    {                                                                            \
        (void)key;                                                               \
        return show_sockets(text, family, type, protocol);                       \
    }

SHOW(tcp, SOCKET_INET, SOCKET_STREAM, ANY_PROTOCOL)
SHOW(tcp6, SOCKET_INET6, SOCKET_STREAM, ANY_PROTOCOL)
SHOW(udp, SOCKET_INET, SOCKET_DGRAM, UDP)
SHOW(udp6, SOCKET_INET6, SOCKET_DGRAM, UDP)
SHOW(udplite, SOCKET_INET, SOCKET_DGRAM, UDPLITE)
SHOW(udplite6, SOCKET_INET6, SOCKET_DGRAM, UDPLITE)
SHOW(raw, SOCKET_INET, SOCKET_RAW, ANY_PROTOCOL)
SHOW(raw6, SOCKET_INET6, SOCKET_RAW, ANY_PROTOCOL)

struct totals {
    unsigned all, waiting, lite;
};

static bool count_socket(void *arg, const struct inet_socket *socket)
{
    struct totals *totals = arg;
    totals->all++;
    totals->lite += socket->protocol == UDPLITE;
    totals->waiting += socket->type == SOCKET_STREAM && socket->state == TCP_TIME_WAIT;
    return true;
}

static struct totals count_sockets(oskit_s32_t family, oskit_s32_t type)
{
    struct totals totals = {0};
    inet_socket_each(family, type, count_socket, &totals);
    return totals;
}

oskit_error_t proc_show_net_sockstat(oskit_u64_t key, struct synth_text *text)
{
    struct totals tcp = count_sockets(SOCKET_INET, SOCKET_STREAM);
    struct totals udp = count_sockets(SOCKET_INET, SOCKET_DGRAM);
    struct totals raw = count_sockets(SOCKET_INET, SOCKET_RAW);
    (void)key;
    synth_printf(text, "sockets: used %u\n", tcp.all - tcp.waiting + udp.all + raw.all);
    synth_printf(text, "TCP: inuse %u orphan 0 tw %u alloc %u mem %u\n", tcp.all - tcp.waiting,
                 tcp.waiting, tcp.all - tcp.waiting, inet_buffers_live());
    synth_printf(text,
                 "UDP: inuse %u mem 0\nUDPLITE: inuse %u\nRAW: inuse %u\nFRAG: inuse 0 memory 0\n",
                 udp.all - udp.lite, udp.lite, raw.all);
    return OSKIT_SUCCESS;
}
