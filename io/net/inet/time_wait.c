/*
 * TIME_WAIT. lwIP keeps such connections whole and in a list that it walks for each SYN, and
 * refuses a SYN of a peer who comes again with the same port. So they are taken from it at once: a
 * small record each, found by a hash of both ends, judged as RFC 1122 (4.2.2.13) and Linux do.
 *
 * A raw pcb shows us each segment before TCP looks. One for the connection that spoke last, the
 * front of lwIP's list, isn't looked up.
 *
 * How many there are is bounded by the machine's memory; beyond, the oldest go before their time.
 */
#include "time_wait.h"

#include <sluice/env.h>
#include "lwip/inet_chksum.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/raw.h"
#include "lwip/sys.h"
#include "lwip/timeouts.h"
#include "tcp.h"

#define LIFE           (2 * TCP_MSL) /* milliseconds */
#define LOOK_EVERY     1000u
#define ANSWER_EVERY   500u /* to bare acknowledgements, lest two of us go on for ever */
#define BUCKETS        4096u
#define COUNT_MAX      16384u
#define PAGES_FOR_EACH 4u /* of the machine's */

struct time_wait {
    struct time_wait *next; /* of the bucket */
    struct list age;
    ip_addr_t local, remote;
    oskit_u16_t local_port, remote_port;
    oskit_u32_t sent, received; /* the next sequence numbers */
    oskit_u32_t since, answered;
    bool has_answered;
    u8_t netif_idx, ttl, tos;
    struct inet_port *port;
};

static struct time_wait *buckets[BUCKETS];
static struct list by_age = LIST_INIT(by_age); /* the oldest first */
static oskit_u32_t count, count_max;
static oskit_u64_t keys[5];
static struct raw_pcb *input;

/* ---- The table ---- */

static oskit_u64_t address_hash(const ip_addr_t *address)
{
    const u32_t *words = ip_2_ip6(address)->addr;

    if (IP_IS_V4(address))
        return ip4_addr_get_u32(ip_2_ip4(address)) * keys[0];
    return words[0] * keys[0] + words[1] * keys[1] + words[2] * keys[2] + words[3] * keys[3];
}

/* The local address adds nothing that a peer could choose. */
static struct time_wait **bucket_of(oskit_u16_t local_port, const ip_addr_t *remote,
                                    oskit_u16_t remote_port)
{
    oskit_u64_t hash =
        address_hash(remote) + ((oskit_u32_t)local_port << 16 | remote_port) * keys[4];

    return &buckets[(hash >> 40) % BUCKETS];
}

/* Where it hangs; what is there is NULL: there is none. */
static struct time_wait **place(const ip_addr_t *local, oskit_u16_t local_port,
                                const ip_addr_t *remote, oskit_u16_t remote_port)
{
    struct time_wait **at = bucket_of(local_port, remote, remote_port);

    while (*at != NULL &&
           ((*at)->local_port != local_port || (*at)->remote_port != remote_port ||
            !ip_addr_cmp(&(*at)->remote, remote) || !ip_addr_cmp(&(*at)->local, local)))
        at = &(*at)->next;
    return at;
}

static void drop(struct time_wait **at)
{
    struct time_wait *w = *at;

    *at = w->next;
    list_remove(&w->age);
    inet_port_put(w->port);
    env_free(w, sizeof *w);
    count--;
}

static void drop_oldest(void)
{
    const struct time_wait *w = container_of(by_age.next, struct time_wait, age);

    drop(place(&w->local, w->local_port, &w->remote, w->remote_port));
}

void inet_time_wait_forget(const ip_addr_t *local, oskit_u16_t local_port, const ip_addr_t *remote,
                           oskit_u16_t remote_port)
{
    if (count == 0)
        return;
    struct time_wait **at = place(local, local_port, remote, remote_port);
    if (*at != NULL)
        drop(at);
}

static void renew(struct time_wait *w)
{
    w->since = sys_now();
    list_remove(&w->age);
    list_push_back(&by_age, &w->age);
}

static void look(void *arg)
{
    (void)arg;
    while (!list_empty(&by_age) &&
           sys_now() - container_of(by_age.next, struct time_wait, age)->since >= LIFE)
        drop_oldest();
    if (count != 0)
        sys_timeout(LOOK_EVERY, look, NULL);
}

static void enter(struct time_wait *w)
{
    struct time_wait **at = bucket_of(w->local_port, &w->remote, w->remote_port);

    w->next = *at;
    *at = w;
    list_push_back(&by_age, &w->age);
    if (count++ == 0)
        sys_timeout(LOOK_EVERY, look, NULL);
}

/* ---- From lwIP ---- */

/* Without memory the connection is over at once. */
static void remember(struct tcp_pcb *pcb)
{
    inet_time_wait_forget(&pcb->local_ip, pcb->local_port, &pcb->remote_ip, pcb->remote_port);
    if (input == NULL)
        return;
    if (count >= count_max)
        drop_oldest();
    struct time_wait *w = env_alloc(sizeof *w, ENV_NOSLEEP);
    if (w == NULL)
        return;
    *w = (struct time_wait){
        .local = pcb->local_ip,
        .remote = pcb->remote_ip,
        .local_port = pcb->local_port,
        .remote_port = pcb->remote_port,
        .sent = pcb->snd_nxt,
        .received = pcb->rcv_nxt,
        .since = sys_now(),
        .netif_idx = pcb->netif_idx,
        .ttl = pcb->ttl,
        .tos = pcb->tos,
        .port = tcp_port_of(pcb),
    };
    if (w->port != NULL)
        w->port->references++;
    enter(w);
}

/* One that still has its socket is about to lose it. */
void inet_time_wait_take(void)
{
    struct tcp_pcb *next;

    for (struct tcp_pcb *pcb = tcp_tw_pcbs; pcb != NULL; pcb = next) {
        next = pcb->next;
        if (pcb->callback_arg != NULL)
            continue;
        remember(pcb);
        tcp_abandon(pcb, 0);
    }
}

/* ---- Segments ---- */

static bool checksum_good(struct pbuf *p)
{
    if (!(ip_current_input_netif()->chksum_flags & NETIF_CHECKSUM_CHECK_TCP))
        return true;
    return ip_chksum_pseudo(p, IP_PROTO_TCP, p->tot_len, ip_current_src_addr(),
                            ip_current_dest_addr()) == 0;
}

/* As much of a connection as lwIP wants to see for an acknowledgement. */
static void answer(struct time_wait *w)
{
    struct tcp_pcb pcb = {
        .local_ip = w->local,
        .remote_ip = w->remote,
        .netif_idx = w->netif_idx,
        .tos = w->tos,
        .ttl = w->ttl,
        .state = TIME_WAIT,
        .local_port = w->local_port,
        .remote_port = w->remote_port,
        .rcv_nxt = w->received,
        .snd_nxt = w->sent,
    };

    w->has_answered = true;
    w->answered = sys_now();
    tcp_send_empty_ack(&pcb);
}

/* A new connection's SYN: sure not to be an old one's. */
static bool begins_anew(const struct time_wait *w, oskit_u8_t flags, oskit_u32_t sequence)
{
    return (flags & (TCP_SYN | TCP_RST | TCP_ACK)) == TCP_SYN &&
           (oskit_s32_t)(sequence - w->received) > 0;
}

/* P begins with the TCP header. false: it is for TCP after all. */
static bool segment(struct time_wait **at, struct pbuf *p)
{
    struct time_wait *w = *at;
    const struct tcp_hdr *header = p->payload;
    oskit_u32_t sequence = lwip_ntohl(header->seqno);
    oskit_u32_t header_length = TCPH_HDRLEN_BYTES(header);
    oskit_u8_t flags = TCPH_FLAGS(header);

    if (header_length < TCP_HLEN || header_length > p->tot_len || !checksum_good(p))
        return false;
    oskit_u32_t length = p->tot_len - header_length + ((flags & (TCP_SYN | TCP_FIN)) != 0);
    if ((flags & TCP_RST) && sequence == w->received) {
        drop(at);
    } else if (length == 0 && sequence == w->received) {
        renew(w);
    } else if (begins_anew(w, flags, sequence)) {
        drop(at);
        return false;
    } else if (!(flags & TCP_RST)) {
        if (flags & TCP_ACK)
            renew(w);
        if (length != 0 || !w->has_answered || sys_now() - w->answered >= ANSWER_EVERY)
            answer(w);
    }
    return true;
}

static u8_t event_segment(void *arg, struct raw_pcb *pcb, struct pbuf *p, const ip_addr_t *source)
{
    const struct tcp_pcb *last = tcp_active_pcbs;
    u16_t skip = ip_current_header_tot_len();
    const struct tcp_hdr *header = (void *)((char *)p->payload + skip);

    (void)arg;
    (void)pcb;
    if (count == 0 || p->len < skip + TCP_HLEN)
        return 0;
    u16_t from = lwip_ntohs(header->src), to = lwip_ntohs(header->dest);
    if (last != NULL && last->remote_port == from && last->local_port == to)
        return 0;
    struct time_wait **at = place(ip_current_dest_addr(), to, source, from);
    if (*at == NULL || ((*at)->netif_idx != NETIF_NO_INDEX &&
                        (*at)->netif_idx != netif_get_index(ip_current_input_netif())))
        return 0;
    pbuf_remove_header(p, skip);
    if (segment(at, p)) {
        pbuf_free(p);
        return 1;
    }
    pbuf_add_header_force(p, skip);
    return 0;
}

/* ---- Life ---- */

oskit_error_t inet_time_wait_start(void)
{
    env_random(keys, sizeof keys);
    for (oskit_u32_t i = 0; i < SLUICE_COUNT(keys); i++)
        keys[i] |= 1;
    count_max = (oskit_u32_t)(env_page_total() / PAGES_FOR_EACH);
    if (count_max > COUNT_MAX)
        count_max = COUNT_MAX;
    inet_lock();
    input = raw_new_ip_type(IPADDR_TYPE_ANY, IP_PROTO_TCP);
    if (input != NULL)
        raw_recv(input, event_segment, NULL);
    inet_unlock();
    return input != NULL ? OSKIT_SUCCESS : OSKIT_ENOBUFS;
}

void inet_time_wait_stop(void)
{
    inet_lock();
    if (tcp_tw_pcbs != NULL)
        inet_time_wait_take();
    while (count != 0)
        drop_oldest();
    sys_untimeout(look, NULL);
    if (input != NULL)
        raw_remove(input);
    input = NULL;
    inet_unlock();
}

oskit_u32_t inet_time_wait_count(void)
{
    return count;
}

bool inet_time_wait_each(oskit_s32_t family,
                         bool (*show)(void *arg, const struct inet_socket *socket), void *arg)
{
    list_for_each (at, &by_age) {
        const struct time_wait *w = container_of(at, struct time_wait, age);
        struct inet_socket socket = {
            .family = family, .type = SOCKET_STREAM, .protocol = INET_SOL_TCP, .state = 6};
        if (IP_IS_V6_VAL(w->remote) != (family == SOCKET_INET6))
            continue;
        inet_name_plain(family, &w->local, w->local_port, &socket.local);
        inet_name_plain(family, &w->remote, w->remote_port, &socket.remote);
        if (!show(arg, &socket))
            return false;
    }
    return true;
}
