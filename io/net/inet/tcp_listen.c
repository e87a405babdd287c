/*
 * Listeners. Sockets that share an address by SO_REUSEPORT share one of lwIP's listening pcbs, and
 * take turns by a hash of who connects.
 *
 * What is bounded: connections whose handshake is done and which nobody has accepted, by each
 * socket's backlog; those with half a handshake, by HALF_OPEN_MAX of a listener, where a newcomer
 * pushes out the oldest, so that a flood of them lets others through.
 *
 * As Linux does, a listener whose queue is full takes no notice of what comes: not of new SYNs, nor
 * of the acknowledgement that would complete a handshake. Both are sent again.
 */
#include <sluice/env.h>
#include "core_private.h"
#include "hooks.h"
#include "inet_filter.h"
#include "io/net/socket_filter.h"
#include "secret.h"
#include "tcp.h"
#include "lwip/priv/tcp_priv.h"

#define HALF_OPEN_MAX 255u /* what lwIP's count holds */

struct tcp_listener {
    struct tcp_pcb *pcb;
    struct list members; /* struct tcp_socket */
    oskit_u32_t count;
};

static bool queue_full(const struct tcp_socket *t)
{
    return t->accepted_count > t->backlog;
}

/* ---- Which of several ---- */

static struct tcp_socket *member_at(const struct tcp_listener *listener, oskit_u32_t index)
{
    struct list *at = listener->members.next;

    while (index-- > 0)
        at = at->next;
    return container_of(at, struct tcp_socket, member);
}

static struct tcp_socket *member_for(const struct tcp_listener *listener, const ip_addr_t *remote,
                                     oskit_u16_t port)
{
    struct {
        ip_addr_t remote;
        oskit_u16_t port;
    } key = {0};

    if (listener->count <= 1)
        return member_at(listener, 0);
    ip_addr_copy(key.remote, *remote);
    key.port = port;
    return member_at(listener, (oskit_u32_t)(inet_secret_hash(&key, sizeof key) % listener->count));
}

/* ---- lwIP asks ---- */

static struct tcp_pcb *oldest_half_open(const struct tcp_pcb_listen *listening)
{
    struct tcp_pcb *oldest = NULL;

    for (struct tcp_pcb *pcb = tcp_active_pcbs; pcb != NULL; pcb = pcb->next)
        if (pcb->state == SYN_RCVD && pcb->listener == listening &&
            (oldest == NULL || (oskit_s32_t)(pcb->tmr - oldest->tmr) <= 0))
            oldest = pcb;
    return oldest;
}

static err_t packet_for_listener(struct tcp_pcb_listen *listening, const struct tcp_hdr *header)
{
    struct tcp_listener *listener = listening->callback_arg;

    if (!(TCPH_FLAGS(header) & TCP_SYN) || (TCPH_FLAGS(header) & TCP_ACK) || listener == NULL)
        return ERR_OK;
    if (queue_full(member_for(listener, ip_current_src_addr(), header->src)))
        return ERR_MEM;
    if (listening->accepts_pending >= listening->backlog) {
        struct tcp_pcb *oldest = oldest_half_open(listening);
        if (oldest != NULL)
            tcp_abandon(oldest, 0);
    }
    return ERR_OK;
}

static err_t packet_for_half_open(const struct tcp_pcb *pcb, const struct tcp_hdr *header)
{
    struct tcp_listener *listener = pcb->listener != NULL ? pcb->listener->callback_arg : NULL;

    if (listener == NULL || (TCPH_FLAGS(header) & (TCP_RST | TCP_SYN)) ||
        !(TCPH_FLAGS(header) & TCP_ACK))
        return ERR_OK;
    return queue_full(member_for(listener, &pcb->remote_ip, pcb->remote_port)) ? ERR_MEM : ERR_OK;
}

/* The peer says where its urgent byte is: before the place that the pointer names. */
static void urgent_announced(struct tcp_socket *t, const struct tcp_hdr *header)
{
    oskit_u32_t sequence = header->seqno + lwip_ntohs(header->urgp) - 1;

    if ((oskit_s32_t)(sequence - t->read_sequence) < 0)
        return;
    if (t->urgent != TCP_URGENT_NONE && (oskit_s32_t)(sequence - t->urgent_sequence) <= 0)
        return;
    if ((oskit_s32_t)(sequence - t->arrived_sequence) < 0)
        return; /* it has come, unmarked: too late */
    t->urgent = TCP_URGENT_ANNOUNCED;
    t->urgent_sequence = sequence;
}

/* While its window is shut lwIP answers each bare acknowledgement, and two such ends would go on
 * for ever. So it counts on a byte that the peer isn't told of; what is read pays it back. */
static void window_ajar(struct tcp_pcb *pcb)
{
    struct tcp_socket *t = pcb->callback_arg;

    pcb->rcv_wnd = 1;
    t->credit_owed++;
}

static u8_t *option_byte(struct tcp_hdr *header, const struct segment_options *options, u32_t at)
{
    return at < options->first ? (u8_t *)(header + 1) + at
                               : options->second + (at - options->first);
}

/* If an option's kind is the last byte, lwIP looks for its length behind it, where the packet may
 * be over: an end is put in its place. */
static void options_end(struct tcp_hdr *header, const struct segment_options *options)
{
    u32_t at = 0;

    while (at + 1 < options->size) {
        u8_t kind = *option_byte(header, options, at);
        u8_t length = *option_byte(header, options, at + 1);
        if (kind == LWIP_TCP_OPT_EOL || (kind != LWIP_TCP_OPT_NOP && length < 2))
            return;
        at += kind == LWIP_TCP_OPT_NOP ? 1 : length;
    }
    if (at + 1 == options->size)
        *option_byte(header, options, at) = LWIP_TCP_OPT_EOL;
}

/* As nearly all segments have them: two of nothing and time stamps. */
static bool only_stamps(const struct tcp_hdr *header, const struct segment_options *options)
{
    return options->size == 12 && options->first == 12 &&
           __builtin_memcmp(header + 1, "\1\1\10\12", 4) == 0;
}

/* The socket whose filter looks at what is for PCB; NULL: none. */
static struct tcp_socket *filter_owner(const struct tcp_pcb *pcb, const struct tcp_hdr *header)
{
    const struct tcp_pcb_listen *listening =
        pcb->state == LISTEN ? (const struct tcp_pcb_listen *)pcb : pcb->listener;

    if (pcb->state == TIME_WAIT)
        return NULL;
    if (pcb->state != LISTEN && pcb->state != SYN_RCVD)
        return pcb->callback_arg;
    return listening != NULL && listening->callback_arg != NULL
               ? member_for(listening->callback_arg, ip_current_src_addr(), header->src)
               : NULL;
}

/* As lost, what a filter doesn't want. Of what is cut lwIP can take only what comes next. */
static bool filter_lets_by(const struct tcp_pcb *pcb, const struct tcp_hdr *header,
                           const struct segment_options *options, struct pbuf *p)
{
    struct tcp_socket *t = filter_owner(pcb, header);
    u16_t size = p->tot_len;

    if (t == NULL || !socket_filtered(&t->inet.base))
        return true;
    return inet_filter_segment(&t->inet, header, options, p) &&
           (p->tot_len == size || pcb->state == LISTEN || header->seqno == pcb->rcv_nxt);
}

err_t inet_hook_tcp_packet(struct tcp_pcb *pcb, struct tcp_hdr *header,
                           struct segment_options options, struct pbuf *p)
{
    if (options.size != 0 && !only_stamps(header, &options))
        options_end(header, &options);
    if (socket_filters_any() && !filter_lets_by(pcb, header, &options, p))
        return ERR_ABRT;
    switch (pcb->state) {
    case LISTEN:
        return packet_for_listener((struct tcp_pcb_listen *)pcb, header);
    case SYN_RCVD:
        return packet_for_half_open(pcb, header);
    case ESTABLISHED:
    case FIN_WAIT_1:
    case FIN_WAIT_2:
        if (pcb->rcv_wnd == 0 && pcb->callback_arg != NULL)
            window_ajar(pcb);
        inet_train_acknowledged(pcb, header->ackno);
        if ((TCPH_FLAGS(header) & TCP_URG) && header->urgp != 0 && pcb->callback_arg != NULL)
            urgent_announced(pcb->callback_arg, header);
        return ERR_OK;
    default:
        return ERR_OK;
    }
}

/* lwIP would announce all that a SYN can: the peer may send no more at first than the socket that
 * connects, or the listener, has room for. And the answer to a SYN has a header as the listener
 * wants it. */
void inet_hook_tcp_syn(struct tcp_pcb *pcb, struct tcp_hdr *header)
{
    const struct tcp_socket *t = NULL;

    if (!(TCPH_FLAGS(header) & TCP_SYN))
        return;
    if (pcb->state == SYN_SENT)
        t = tcp_socket_of(pcb);
    else if (pcb->listener != NULL && pcb->listener->callback_arg != NULL)
        t = member_for(pcb->listener->callback_arg, &pcb->remote_ip, pcb->remote_port);
    if (t == NULL)
        return;
    tcp_pcb_header(t, pcb);
    if (tcp_window(t) < lwip_ntohs(header->wnd))
        header->wnd = lwip_htons((u16_t)tcp_window(t));
}

/* ---- A connection comes ---- */

static void inherit(struct tcp_socket *child, struct tcp_socket *parent)
{
    struct list none = child->inet.ip.memberships;

    child->inet.base.options = parent->inet.base.options;
    socket_filter_inherit(&child->inet.base, &parent->inet.base);
    child->inet.base.uid = parent->inet.base.uid;
    child->inet.base.gid = parent->inet.base.gid;
    child->options = parent->options;
    child->inet.ip = parent->inet.ip;
    child->inet.ip.memberships = none;
    list_init(&child->inet.ip.memberships);
    child->inet.ip.membership_count = 0;
}

static void take_over(struct tcp_socket *child, struct tcp_pcb *pcb)
{
    child->pcb = pcb;
    child->phase = TCP_CONNECTED;
    child->inet.local = child->inet.bound = pcb->local_ip;
    child->inet.remote = pcb->remote_ip;
    child->inet.local_port = pcb->local_port;
    child->inet.remote_port = pcb->remote_port;
    /* What comes with the handshake's last packet is counted from behind the SYN. */
    child->read_sequence = child->arrived_sequence = pcb->rcv_nxt;
    child->progress = tcp_ticks;
    child->quick = TCP_QUICK;
    tcp_callbacks_set(child);
    tcp_pcb_apply(child);
    /* lwIP believes to have announced all of its window with the SYN, and never takes back any of
     * what it has announced. */
    if (pcb->rcv_wnd > tcp_window(child))
        pcb->rcv_wnd = pcb->rcv_ann_wnd = tcp_window(child);
    pcb->rcv_ann_right_edge = pcb->rcv_nxt + pcb->rcv_wnd;
}

static err_t event_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
    struct tcp_listener *listener = arg;

    if (err != ERR_OK || pcb == NULL || listener == NULL)
        return ERR_VAL;
    struct tcp_socket *t = member_for(listener, &pcb->remote_ip, pcb->remote_port);
    struct tcp_socket *child = tcp_socket_new(t->inet.base.kind->family);
    if (child == NULL)
        return ERR_MEM;
    inherit(child, t);
    child->inet.local = pcb->local_ip;
    child->inet.local_port = pcb->local_port;
    child->port = inet_port_join(&tcp_ports, &child->inet);
    if (child->port == NULL) {
        tcp_socket_discard(child);
        return ERR_MEM;
    }
    tcp_port_attach(pcb, child->port);
    take_over(child, pcb);
    tcp_socket_enlist(child);
    child->waits_at = t;
    child->deferred = t->options.defer_accept != 0;
    child->deferred_since = tcp_ticks;
    list_push_back(&t->accepted, &child->waiting);
    t->accepted_count++;
    tcp_send_counted(child);
    tcp_level(child, 0);
    if (!child->deferred)
        tcp_level(t, READY_READ);
    return ERR_OK;
}

void tcp_listen_told(struct tcp_socket *t)
{
    struct tcp_socket *at = t->waits_at;

    if (at == NULL)
        return;
    if (t->deferred && t->readable == 0 && !t->got_fin && t->pcb != NULL &&
        (tcp_ticks - t->deferred_since) * TCP_SLOW_INTERVAL < t->options.defer_accept * 1000u)
        return;
    t->deferred = false;
    tcp_level(at, READY_READ);
}

/* ---- Start and stop ---- */

static struct tcp_listener *listener_find(const struct tcp_socket *t)
{
    for (struct tcp_pcb_listen *pcb = tcp_listen_pcbs.listen_pcbs; pcb != NULL; pcb = pcb->next)
        if (pcb->local_port == t->inet.local_port && ip_addr_cmp(&pcb->local_ip, &t->inet.bound) &&
            IP_GET_TYPE(&pcb->local_ip) == IP_GET_TYPE(&t->inet.bound) &&
            pcb->netif_idx == SOCKET_OPTION(&t->inet.base, interface) && pcb->callback_arg != NULL)
            return pcb->callback_arg;
    return NULL;
}

static struct tcp_pcb *listening_pcb(struct tcp_socket *t)
{
    struct tcp_pcb *pcb = tcp_new_ip_type(IP_GET_TYPE(&t->inet.bound)), *listening;
    err_t err;

    if (pcb == NULL)
        return NULL;
    pcb->local_ip = t->inet.bound;
    pcb->local_port = t->inet.local_port;
    pcb->netif_idx = (u8_t)SOCKET_OPTION(&t->inet.base, interface);
    listening = tcp_listen_with_backlog_and_err(pcb, HALF_OPEN_MAX, &err);
    if (listening == NULL)
        tcp_abort(pcb);
    return listening;
}

static struct tcp_listener *listener_new(struct tcp_socket *t)
{
    struct tcp_listener *listener = env_alloc(sizeof *listener, ENV_ZERO | ENV_NOSLEEP);

    if (listener == NULL)
        return NULL;
    list_init(&listener->members);
    listener->pcb = listening_pcb(t);
    if (listener->pcb == NULL) {
        env_free(listener, sizeof *listener);
        return NULL;
    }
    tcp_arg(listener->pcb, listener);
    tcp_accept(listener->pcb, event_accept);
    return listener;
}

oskit_error_t tcp_listen_start(struct tcp_socket *t, oskit_s32_t backlog)
{
    t->backlog = (oskit_u32_t)backlog;
    if (t->phase == TCP_LISTENING)
        return OSKIT_SUCCESS;
    if (!inet_port_listen(t->port))
        return OSKIT_EADDRINUSE;
    struct tcp_listener *listener = listener_find(t);
    if (listener == NULL)
        listener = listener_new(t);
    if (listener == NULL) {
        t->port->listening = false;
        return OSKIT_ENOBUFS;
    }
    t->listener = listener;
    list_push_back(&listener->members, &t->member);
    listener->count++;
    t->phase = TCP_LISTENING;
    t->shut = 0;
    tcp_level(t, 0);
    return OSKIT_SUCCESS;
}

static void listener_leave(struct tcp_socket *t)
{
    struct tcp_listener *listener = t->listener;

    t->listener = NULL;
    list_remove(&t->member);
    if (--listener->count > 0)
        return;
    tcp_arg(listener->pcb, NULL);
    tcp_close(listener->pcb);
    env_free(listener, sizeof *listener);
}

void tcp_listen_stop(struct tcp_socket *t, struct list *gone)
{
    struct list *at;

    listener_leave(t);
    t->port->listening = false;
    t->phase = TCP_UNCONNECTED;
    __atomic_store_n(&t->inet.base.listening, false, __ATOMIC_RELAXED);
    while ((at = list_pop_front(&t->accepted)) != NULL) {
        struct tcp_socket *child = container_of(at, struct tcp_socket, waiting);
        child->waits_at = NULL;
        tcp_abandon_socket(child);
        list_push_back(gone, at);
    }
    t->accepted_count = 0;
}

void tcp_listen_release(struct list *gone)
{
    struct list *at;

    while ((at = list_pop_front(gone)) != NULL)
        socket_release(&container_of(at, struct tcp_socket, waiting)->inet.base);
}

/* ---- accept ---- */

static struct tcp_socket *accepted_take(struct tcp_socket *t)
{
    for (struct list *at = t->accepted.next; at != &t->accepted; at = at->next) {
        struct tcp_socket *child = container_of(at, struct tcp_socket, waiting);
        if (child->deferred)
            continue;
        list_remove(&child->waiting);
        child->waits_at = NULL;
        t->accepted_count--;
        return child;
    }
    return NULL;
}

oskit_error_t tcp_listen_accept(struct tcp_socket *t, struct socket_address *peer,
                                struct socket **out)
{
    oskit_error_t err = OSKIT_SUCCESS;
    struct tcp_socket *child = NULL;

    *out = NULL;
    inet_lock();
    if (t->phase != TCP_LISTENING)
        err = OSKIT_E_INVALIDARG;
    else
        child = accepted_take(t);
    if (child != NULL)
        tcp_level(t, 0);
    inet_unlock();
    if (OSKIT_FAILED(err))
        return err;
    if (child == NULL)
        return OSKIT_EWOULDBLOCK;
    if (peer != NULL)
        inet_name_write(&child->inet, &child->inet.remote, child->inet.remote_port, peer);
    *out = &child->inet.base;
    return OSKIT_SUCCESS;
}
