/*
 * UDP from the network to sockets. A datagram for one goes to the socket that fits best; one for a
 * group or for everybody to each that fits, all of them sharing its pbufs.
 */
#include <sluice/env.h>
#include "lwip/inet_chksum.h"
#include "lwip/prot/udp.h"
#include "lwip/raw.h"
#include "lwip/stats.h"
#include "inet_filter.h"
#include "io/net/socket_filter.h"
#include "secret.h"
#include "udp.h"

#define BUCKETS 1024u

struct udp_table {
    struct list buckets[BUCKETS];
};

static struct udp_table tables[2]; /* UDP's and UDP-Lite's */

static struct list *bucket_of(bool lite, oskit_u16_t port)
{
    return &tables[lite].buckets[port % BUCKETS];
}

void udp_hash_init(void)
{
    for (oskit_u32_t i = 0; i < BUCKETS; i++) {
        list_init(&tables[0].buckets[i]);
        list_init(&tables[1].buckets[i]);
    }
}

void udp_hash_add(struct udp_socket *u)
{
    list_push_front(bucket_of(udp_is_lite(u), u->inet.local_port), &u->hashed);
}

void udp_hash_remove(struct udp_socket *u)
{
    list_remove(&u->hashed);
}

/* ---- Which sockets ---- */

static bool family_fits(const struct udp_socket *u, const struct inet_datagram *datagram)
{
    if (IP_IS_V4_VAL(datagram->destination))
        return !inet_is6(&u->inet) || !u->inet.ip.v6only;
    return inet_is6(&u->inet);
}

static bool is_any(const ip_addr_t *address)
{
    return IP_IS_ANY_TYPE_VAL(*address) || ip_addr_isany(address);
}

/* How well U fits; 0: not at all. */
static oskit_u32_t score(const struct udp_socket *u, const struct inet_datagram *datagram)
{
    oskit_u32_t points = 1;

    if (u->inet.local_port != datagram->destination_port || !family_fits(u, datagram))
        return 0;
    if (IP_IS_V4_VAL(datagram->destination) != inet_is6(&u->inet))
        points++;
    if (!is_any(&u->inet.local)) {
        if (!ip_addr_cmp(&u->inet.local, &datagram->destination))
            return 0;
        points += 4;
    }
    if (u->connected) {
        if (u->inet.remote_port != datagram->source_port ||
            !ip_addr_cmp_zoneless(&u->inet.remote, &datagram->source))
            return 0;
        points += 8;
    }
    if (SOCKET_OPTION(&u->inet.base, interface) != 0) {
        if (SOCKET_OPTION(&u->inet.base, interface) != datagram->interface)
            return 0;
        points += 4;
    }
    return points;
}

static bool same_group(const struct udp_socket *u, const struct udp_socket *best)
{
    return SOCKET_OPTION(&u->inet.base, reuse_port) && SOCKET_OPTION(&best->inet.base, reuse_port);
}

/* Among those of a SO_REUSEPORT group that fit equally well, one by who sends. */
static struct udp_socket *of_group(struct udp_socket *best, oskit_u32_t points, oskit_u32_t count,
                                   const struct inet_datagram *datagram)
{
    struct {
        ip_addr_t source, destination;
        oskit_u16_t source_port;
    } key = {0};

    ip_addr_copy(key.source, datagram->source);
    ip_addr_copy(key.destination, datagram->destination);
    key.source_port = datagram->source_port;
    oskit_u32_t index = (oskit_u32_t)(inet_secret_hash(&key, sizeof key) % count);
    list_for_each (at, bucket_of(udp_is_lite(best), datagram->destination_port)) {
        struct udp_socket *u = container_of(at, struct udp_socket, hashed);
        if (same_group(u, best) && score(u, datagram) == points && index-- == 0)
            return u;
    }
    return best;
}

static struct udp_socket *find(const struct inet_datagram *datagram, bool lite)
{
    struct udp_socket *best = NULL;
    oskit_u32_t most = 0, count = 0;

    list_for_each (at, bucket_of(lite, datagram->destination_port)) {
        struct udp_socket *u = container_of(at, struct udp_socket, hashed);
        oskit_u32_t points = score(u, datagram);
        if (points > most) {
            most = points;
            best = u;
            count = 1;
        } else if (points == most && best != NULL && same_group(u, best)) {
            count++;
        }
    }
    return count > 1 ? of_group(best, most, count, datagram) : best;
}

/* ---- Delivery ---- */

/* What its checksum doesn't cover may be wrong: less than U has asked for isn't enough. */
static bool covered(const struct udp_socket *u, const struct inet_datagram *datagram)
{
    const struct udp_coverage *least = &u->receive_coverage;

    return !least->set || datagram->coverage == 0 ||
           (least->bytes != 0 && datagram->coverage >= least->bytes);
}

/* DATAGRAM as U's filter wants it; false: it doesn't, and that counts as dropped. */
static bool filter(struct udp_socket *u, struct inet_datagram *datagram)
{
    datagram->p = inet_filter_datagram(&u->inet, datagram);
    u->queue.dropped += datagram->p == NULL;
    return datagram->p != NULL;
}

static void put(struct udp_socket *u, const struct inet_datagram *datagram)
{
    struct inet_datagram filtered;

    if (socket_filtered(&u->inet.base)) {
        filtered = *datagram;
        datagram = &filtered;
        if (!filter(u, &filtered))
            return;
    }
    if (!covered(u, datagram)) {
        u->queue.dropped++;
        pbuf_free(datagram->p);
        return;
    }
    if (!inet_queue_put(&u->queue, datagram, SOCKET_OPTION(&u->inet.base, receive_buffer)))
        return;
    readiness_change(&u->inet.base.readiness, READY_READ, 0);
    inet_tell(&u->inet.pending, READY_READ);
}

static bool wants_many(const struct udp_socket *u, const struct inet_datagram *datagram)
{
    return score(u, datagram) != 0 &&
           (!ip_addr_ismulticast(&datagram->destination) ||
            inet_membership_allows(&u->inet, &datagram->destination, &datagram->source,
                                   datagram->interface));
}

static bool deliver_many(const struct inet_datagram *datagram, bool lite)
{
    struct udp_socket *last = NULL;

    list_for_each (at, bucket_of(lite, datagram->destination_port)) {
        struct udp_socket *u = container_of(at, struct udp_socket, hashed);
        if (!wants_many(u, datagram))
            continue;
        if (last != NULL) {
            pbuf_ref(datagram->p);
            put(last, datagram);
        }
        last = u;
    }
    if (last != NULL)
        put(last, datagram);
    return last != NULL;
}

bool udp_deliver(const struct inet_datagram *datagram, bool lite, bool many)
{
    if (many)
        return deliver_many(datagram, lite);
    struct udp_socket *u = find(datagram, lite);
    if (u != NULL)
        put(u, datagram);
    return u != NULL;
}

/* ---- From lwIP ---- */

static bool checksum_good(struct pbuf *p, const struct udp_hdr *header, struct netif *netif)
{
    if (!(netif->chksum_flags & NETIF_CHECKSUM_CHECK_UDP))
        return true;
    if (header->chksum == 0)
        return !ip_current_is_v6();
    return ip_chksum_pseudo(p, IP_PROTO_UDP, p->tot_len, ip_current_src_addr(),
                            ip_current_dest_addr()) == 0;
}

/* UDP-Lite has always one. */
static bool checksum_good_lite(struct pbuf *p, const struct udp_hdr *header, u16_t covered)
{
    return header->chksum != 0 &&
           ip_chksum_pseudo_partial(p, IP_PROTO_UDPLITE, p->tot_len, covered, ip_current_src_addr(),
                                    ip_current_dest_addr()) == 0;
}

/* P begins with a header: what it says of the length, or the coverage, which goes to *COVERAGE. */
static bool header_good(struct pbuf *p, struct netif *netif, bool lite, oskit_u16_t *coverage)
{
    const struct udp_hdr *header = p->payload;
    u16_t length = lwip_ntohs(header->len);

    if (lite && length == 0)
        length = p->tot_len;
    if (length < UDP_HEADER || length > p->tot_len)
        return false;
    if (lite) {
        *coverage = length < p->tot_len ? length : 0;
        return checksum_good_lite(p, header, length);
    }
    if (length < p->tot_len)
        pbuf_realloc(p, length);
    return checksum_good(p, header, netif);
}

/* Makes P the payload alone; false: it isn't a datagram, and P is as before. lwIP finds that too,
 * and counts it. */
static bool strip(struct pbuf *p, struct netif *netif, bool lite, oskit_u16_t *coverage)
{
    u16_t ip_length = ip_current_header_tot_len();

    if (p->len < ip_length + UDP_HEADER)
        return false;
    pbuf_remove_header(p, ip_length);
    if (!header_good(p, netif, lite, coverage)) {
        pbuf_add_header_force(p, ip_length);
        return false;
    }
    pbuf_remove_header(p, UDP_HEADER);
    return true;
}

static u8_t event_input(void *arg, struct raw_pcb *pcb, struct pbuf *p, const ip_addr_t *source)
{
    struct netif *netif = ip_current_input_netif();
    u16_t ip_length = ip_current_header_tot_len();
    struct inet_datagram datagram;
    const struct udp_hdr *header = (void *)((char *)p->payload + ip_length);
    bool lite = arg != NULL;

    (void)pcb;
    (void)source;
    if (p->len < ip_length + UDP_HEADER || list_empty(bucket_of(lite, lwip_ntohs(header->dest))))
        return 0;
    inet_datagram_fill(&datagram, p);
    datagram.source_port = lwip_ntohs(header->src);
    datagram.destination_port = lwip_ntohs(header->dest);
    if (!strip(p, netif, lite, &datagram.coverage))
        return 0;
    bool many = ip_addr_ismulticast(&datagram.destination) ||
                ip_addr_isbroadcast(&datagram.destination, ip_current_netif());
    if (udp_deliver(&datagram, lite, many)) {
        UDP_STATS_INC(udp.recv);
        MIB2_STATS_INC(mib2.udpindatagrams);
        return 1;
    }
    pbuf_add_header_force(p, ip_length + UDP_HEADER);
    return 0;
}

static struct raw_pcb *input, *lite_input;

static struct raw_pcb *input_new(oskit_u8_t protocol, void *arg)
{
    struct raw_pcb *pcb = raw_new_ip_type(IPADDR_TYPE_ANY, protocol);

    if (pcb != NULL)
        raw_recv(pcb, event_input, arg);
    return pcb;
}

static void input_end(struct raw_pcb **pcb)
{
    if (*pcb != NULL)
        raw_remove(*pcb);
    *pcb = NULL;
}

oskit_error_t udp_start(void)
{
    udp_hash_init();
    inet_lock();
    input = input_new(IP_PROTO_UDP, NULL);
    inet_unlock();
    return input != NULL ? OSKIT_SUCCESS : OSKIT_ENOBUFS;
}

oskit_error_t udp_lite_start(void)
{
    inet_lock();
    if (lite_input == NULL)
        lite_input = input_new(IP_PROTO_UDPLITE, &tables[1]);
    bool started = lite_input != NULL;
    inet_unlock();
    return started ? OSKIT_SUCCESS : OSKIT_ENOBUFS;
}

void udp_stop(void)
{
    inet_lock();
    input_end(&input);
    input_end(&lite_input);
    inet_unlock();
}

/* ---- Reports ---- */

struct udp_socket *udp_find_sender(const struct inet_report *report, bool lite)
{
    list_for_each (at, bucket_of(lite, report->source_port)) {
        struct udp_socket *u = container_of(at, struct udp_socket, hashed);
        if (u->inet.local_port != report->source_port)
            continue;
        if (!is_any(&u->inet.local) && !ip_addr_cmp_zoneless(&u->inet.local, &report->source))
            continue;
        if (u->connected && (u->inet.remote_port != report->destination_port ||
                             !ip_addr_cmp_zoneless(&u->inet.remote, &report->destination)))
            continue;
        return u;
    }
    return NULL;
}

void udp_reported(const struct inet_report *report, bool lite)
{
    struct udp_socket *u = udp_find_sender(report, lite);

    if (u == NULL)
        return;
    bool wanted = report->v6 ? u->inet.ip.receive_errors6 : u->inet.ip.receive_errors;
    bool too_big = report->error == OSKIT_EMSGSIZE;
    if (too_big && !(report->v6 ? u->inet.ip.discover6 : u->inet.ip.discover))
        return; /* who doesn't look for the path's MTU isn't told of it */
    if (wanted)
        inet_error_put(&u->inet, report);
    if (!wanted && (!(report->fatal || too_big) || !u->connected))
        return;
    socket_error_set(&u->inet.base, report->error);
    inet_tell(&u->inet.pending, READY_ERR | READY_READ | READY_WRITE);
}
