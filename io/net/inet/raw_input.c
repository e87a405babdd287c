/* What comes for raw and ping sockets. See raw.h. */
#include <sluice/env.h>
#include <sluice/string.h>
#include "inet_error.h"
#include "inet_filter.h"
#include "io/net/socket_filter.h"
#include "lwip/inet_chksum.h"
#include "lwip/ip.h"
#include "lwip/raw.h"
#include "raw.h"

#define ECHO_REPLY4 0
#define ECHO_REPLY6 129
#define ECHO_HEADER 8u
#define IDENTIFIER  4u /* offset in an echo's header */

/* lwIP's pcb for one protocol of one family, as long as sockets want it. */
struct listening {
    struct list link;
    oskit_s32_t family;
    oskit_u8_t protocol;
    struct raw_pcb *pcb;
    oskit_u32_t references;
};

static struct list sockets = LIST_INIT(sockets);
static struct list listenings = LIST_INIT(listenings);

/* ---- Whether it is for a socket ---- */

static bool address_fits(const ip_addr_t *mine, const ip_addr_t *its)
{
    return IP_IS_ANY_TYPE_VAL(*mine) || ip_addr_isany(mine) || ip_addr_cmp_zoneless(mine, its);
}

static bool filtered(const struct raw_socket *r, bool v6, oskit_u8_t type)
{
    if (v6)
        return r->filter6[type / 32] & 1u << type % 32;
    return type < 32 && (r->filter4 & 1u << type);
}

/* HEAD: the first bytes of ICMP. */
static bool echo_fits(const struct raw_socket *r, bool v6, const oskit_u8_t *head)
{
    oskit_u16_t identifier = (oskit_u16_t)(head[IDENTIFIER] << 8 | head[IDENTIFIER + 1]);

    return head[0] == (v6 ? ECHO_REPLY6 : ECHO_REPLY4) && identifier == r->inet.local_port;
}

static bool fits(const struct raw_socket *r, const struct inet_datagram *datagram, bool v6,
                 oskit_u8_t protocol, const oskit_u8_t *head)
{
    const struct inet_sock *sock = &r->inet;
    bool icmp = protocol == (v6 ? RAW_ICMPV6 : RAW_ICMP);

    if (inet_is6(sock) != v6 || sock->base.protocol != protocol || (r->shut & 1))
        return false;
    if (!address_fits(&sock->local, &datagram->destination) ||
        (r->connected && !address_fits(&sock->remote, &datagram->source)))
        return false;
    if (SOCKET_OPTION(&sock->base, interface) != 0 &&
        SOCKET_OPTION(&sock->base, interface) != datagram->interface)
        return false;
    if (ip_addr_ismulticast(&datagram->destination) &&
        !inet_membership_allows(sock, &datagram->destination, &datagram->source,
                                datagram->interface))
        return false;
    if (r->ping)
        return echo_fits(r, v6, head);
    return !icmp || !filtered(r, v6, head[0]);
}

/* ---- Delivery ---- */

/* What never was on a wire may have none. */
static bool sum_missing(oskit_u8_t protocol)
{
    u16_t checked = ip_current_input_netif()->chksum_flags;

    switch (protocol) {
    case IP_PROTO_TCP:
        return !(checked & NETIF_CHECKSUM_CHECK_TCP);
    case IP_PROTO_UDP:
        return !(checked & NETIF_CHECKSUM_CHECK_UDP);
    case RAW_ICMPV6:
        return !(checked & NETIF_CHECKSUM_CHECK_ICMP6);
    default:
        return false;
    }
}

/* Of the COPY that R gets: IPv6 has the kernel check what IPV6_CHECKSUM tells of. */
static bool sum_right(const struct raw_socket *r, const struct inet_datagram *datagram,
                      struct pbuf *copy)
{
    oskit_u8_t protocol = (oskit_u8_t)r->inet.base.protocol;

    if (r->checksum < 0 || sum_missing(protocol))
        return true;
    return ip_chksum_pseudo(copy, protocol, copy->tot_len, &datagram->source,
                            &datagram->destination) == 0;
}

/* R gets what is behind the first SKIP of P's bytes. */
static void put(struct raw_socket *r, struct inet_datagram datagram, struct pbuf *p, u16_t skip)
{
    struct pbuf *copy = pbuf_alloc(PBUF_RAW, p->tot_len, PBUF_RAM);

    if (copy == NULL) {
        r->queue.dropped++;
        return;
    }
    pbuf_copy_partial(p, copy->payload, p->tot_len, 0);
    pbuf_remove_header(copy, skip);
    if (!sum_right(r, &datagram, copy)) {
        pbuf_free(copy);
        r->queue.dropped++;
        return;
    }
    if (socket_filtered(&r->inet.base) && !inet_filter_copy(&r->inet, &datagram, copy, skip)) {
        pbuf_free(copy);
        return;
    }
    datagram.p = copy;
    if (!inet_queue_put(&r->queue, &datagram, SOCKET_OPTION(&r->inet.base, receive_buffer)))
        return;
    readiness_change(&r->inet.base.readiness, READY_READ, 0);
    inet_tell(&r->inet.pending, READY_READ);
}

/* IPv4's raw sockets see the network's header; IPv6's and ping sockets don't. */
static u8_t event_input(void *arg, struct raw_pcb *pcb, struct pbuf *p, const ip_addr_t *source)
{
    bool v6 = ip_current_is_v6();
    u16_t header = ip_current_header_tot_len();
    struct inet_datagram datagram;
    oskit_u8_t head[ECHO_HEADER] = {0};

    (void)arg;
    (void)source;
    inet_datagram_fill(&datagram, p);
    pbuf_copy_partial(p, head, sizeof head, header);
    list_for_each (at, &sockets) {
        struct raw_socket *r = container_of(at, struct raw_socket, inet.all);
        if (fits(r, &datagram, v6, pcb->protocol, head))
            put(r, datagram, p, v6 || r->ping ? header : 0);
    }
    return 0;
}

/* ---- Listening ---- */

static struct listening *listening_find(oskit_s32_t family, oskit_u8_t protocol)
{
    list_for_each (at, &listenings) {
        struct listening *listening = container_of(at, struct listening, link);
        if (listening->family == family && listening->protocol == protocol)
            return listening;
    }
    return NULL;
}

static struct listening *listening_new(oskit_s32_t family, oskit_u8_t protocol)
{
    struct listening *listening = env_alloc(sizeof *listening, ENV_NOSLEEP);

    if (listening == NULL)
        return NULL;
    *listening = (struct listening){.family = family, .protocol = protocol};
    listening->pcb =
        raw_new_ip_type(family == SOCKET_INET6 ? IPADDR_TYPE_V6 : IPADDR_TYPE_V4, protocol);
    if (listening->pcb == NULL) {
        env_free(listening, sizeof *listening);
        return NULL;
    }
    raw_recv(listening->pcb, event_input, NULL);
    list_push_back(&listenings, &listening->link);
    return listening;
}

oskit_error_t raw_listen(struct raw_socket *r)
{
    oskit_s32_t family = r->inet.base.kind->family;
    oskit_u8_t protocol = (oskit_u8_t)r->inet.base.protocol;
    struct listening *listening = listening_find(family, protocol);

    if (listening == NULL)
        listening = listening_new(family, protocol);
    if (listening == NULL)
        return OSKIT_ENOBUFS;
    listening->references++;
    list_push_back(&sockets, &r->inet.all);
    return OSKIT_SUCCESS;
}

void raw_unlisten(struct raw_socket *r)
{
    struct listening *listening =
        listening_find(r->inet.base.kind->family, (oskit_u8_t)r->inet.base.protocol);

    list_remove(&r->inet.all);
    if (--listening->references > 0)
        return;
    raw_remove(listening->pcb);
    list_remove(&listening->link);
    env_free(listening, sizeof *listening);
}

/* ---- Identifiers ---- */

static bool identifier_free(const struct raw_socket *mine, oskit_u16_t number)
{
    list_for_each (at, &sockets) {
        const struct raw_socket *r = container_of(at, struct raw_socket, inet.all);
        if (r != mine && r->ping && inet_is6(&r->inet) == inet_is6(&mine->inet) &&
            r->inet.local_port == number)
            return false;
    }
    return true;
}

bool raw_identifier_take(struct raw_socket *r, oskit_u16_t number)
{
    oskit_u16_t random;

    if (number != 0 && !identifier_free(r, number))
        return false;
    for (oskit_u32_t i = 0; number == 0 && i <= UINT16_MAX; i++) {
        env_random(&random, sizeof random);
        if (random != 0 && identifier_free(r, random))
            number = random;
    }
    r->inet.local_port = number;
    return number != 0;
}

/* ---- Reports and lists ---- */

void raw_reported(oskit_u8_t protocol, const struct inet_report *report)
{
    list_for_each (at, &sockets) {
        struct raw_socket *r = container_of(at, struct raw_socket, inet.all);
        bool wanted = report->v6 ? r->inet.ip.receive_errors6 : r->inet.ip.receive_errors;
        if (r->inet.base.protocol != protocol || inet_is6(&r->inet) != report->v6 ||
            !address_fits(&r->inet.remote, &report->destination) ||
            (r->ping && report->source_port != r->inet.local_port))
            continue;
        if (wanted)
            inet_error_put(&r->inet, report);
        if (!wanted && (!report->fatal || !r->connected))
            continue;
        socket_error_set(&r->inet.base, report->error);
        inet_tell(&r->inet.pending, READY_ERR | READY_READ | READY_WRITE);
    }
}

bool raw_each(oskit_s32_t family, bool (*show)(void *arg, const struct inet_socket *socket),
              void *arg)
{
    list_for_each (at, &sockets) {
        const struct raw_socket *r = container_of(at, struct raw_socket, inet.all);
        if (r->inet.base.kind->family != family || r->ping)
            continue;
        struct inet_socket socket = {
            .family = family,
            .type = SOCKET_RAW,
            .protocol = r->inet.base.protocol,
            .state = r->connected ? 1 : 7,
            .send_queue = r->account->bytes,
            .receive_queue = r->queue.bytes,
            .uid = r->inet.base.uid,
            .ino = r->inet.base.ino,
            .references =
                atomic_load_explicit(&r->inet.base.object.references, memory_order_relaxed),
            .drops = r->queue.dropped,
        };
        oskit_u16_t shown = (oskit_u16_t)r->inet.base.protocol; /* where others have a port */
        inet_name_plain(family, &r->inet.local, shown, &socket.local);
        inet_name_plain(family, &r->inet.remote, 0, &socket.remote);
        if (!show(arg, &socket))
            return false;
    }
    return true;
}
