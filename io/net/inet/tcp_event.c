/* What lwIP calls, with the core lock held: arrivals, acknowledgements, ends. And the readiness,
 * bit by bit what Linux's poll would say. */
#include <sluice/env.h>
#include "core_private.h"
#include "tcp.h"

#define POLL_TICKS   3u /* of lwIP's slow timer: a quarter of a second */
#define SYN_RETRIES  6u
#define LINUX_CLOSE  7
#define LINUX_LISTEN 10

oskit_u8_t tcp_state(const struct tcp_socket *t)
{
    static const oskit_u8_t states[] = {
        [CLOSED] = LINUX_CLOSE, [LISTEN] = LINUX_LISTEN, [SYN_SENT] = 2,   [SYN_RCVD] = 3,
        [ESTABLISHED] = 1,      [FIN_WAIT_1] = 4,        [FIN_WAIT_2] = 5, [CLOSE_WAIT] = 8,
        [CLOSING] = 11,         [LAST_ACK] = 9,          [TIME_WAIT] = 6,
    };

    if (t->phase == TCP_LISTENING)
        return LINUX_LISTEN;
    return t->pcb != NULL ? states[t->pcb->state] : LINUX_CLOSE;
}

/* ---- Readiness ---- */

static uint32_t level_listening(const struct tcp_socket *t)
{
    for (struct list *at = t->accepted.next; at != &t->accepted; at = at->next)
        if (!container_of(at, struct tcp_socket, waiting)->deferred)
            return READY_READ;
    return 0;
}

/* What SO_RCVLOWAT waits for would never come. */
bool tcp_window_full(const struct tcp_socket *t)
{
    return t->pcb == NULL || t->pcb->rcv_wnd <= t->pcb->mss;
}

static uint32_t level_data(const struct tcp_socket *t)
{
    uint32_t level = 0;
    oskit_u32_t readable = tcp_readable(t);

    if (readable != 0 &&
        (readable >= SOCKET_OPTION(&t->inet.base, receive_low) || tcp_window_full(t)))
        level |= READY_READ;
    if ((t->shut & TCP_SHUT_WRITE) || tcp_writable(t))
        level |= READY_WRITE;
    if (t->urgent == TCP_URGENT_HERE)
        level |= READY_PRI;
    return level;
}

static uint32_t level_of(const struct tcp_socket *t)
{
    uint32_t level = 0;

    if (t->phase == TCP_LISTENING)
        return level_listening(t);
    if (t->lingering) /* close waits, for nothing else */
        return tcp_all_arrived(t) ? READY_WRITE | READY_HUP : 0;
    if (t->shut == TCP_SHUT_BOTH || t->pcb == NULL)
        level |= READY_HUP;
    if (t->shut & TCP_SHUT_READ)
        level |= READY_READ | READY_RDHUP;
    if (t->pcb == NULL || t->pcb->state != SYN_SENT)
        level |= level_data(t);
    return level;
}

void tcp_level(struct tcp_socket *t, uint32_t events)
{
    const uint32_t mine = READY_READ | READY_WRITE | READY_PRI | READY_HUP | READY_RDHUP;
    uint32_t level = level_of(t);
    uint32_t old = readiness_level(&t->inet.base.readiness);

    readiness_change(&t->inet.base.readiness, level, mine & ~level);
    events |= level & ~old & mine;
    if (events != 0)
        inet_tell(&t->inet.pending, events);
}

/* ---- Ends ---- */

/* The socket's part of its port; what bind chose it keeps. */
static void port_drop(struct tcp_socket *t)
{
    if (t->port_chosen)
        return;
    inet_port_put(t->port);
    t->port = NULL;
}

void tcp_detach(struct tcp_socket *t)
{
    struct tcp_pcb *pcb = t->pcb;

    if (pcb == NULL)
        return;
    tcp_arg(pcb, NULL);
    tcp_recv(pcb, NULL);
    tcp_sent(pcb, NULL);
    tcp_err(pcb, NULL);
    tcp_poll(pcb, NULL, 0);
    pcb->connected = NULL;
    t->pcb = NULL;
}

void tcp_over(struct tcp_socket *t, oskit_error_t error)
{
    t->pcb = NULL;
    port_drop(t);
    t->shut = TCP_SHUT_BOTH;
    t->used = 0;
    if (t->corked != NULL)
        tcp_block_free(t->corked);
    t->corked = NULL;
    if (OSKIT_FAILED(error))
        socket_error_set(&t->inet.base, error);
    tcp_level(t, READY_READ | READY_WRITE | READY_HUP | READY_RDHUP |
                     (OSKIT_FAILED(error) ? READY_ERR : 0));
    tcp_listen_told(t);
}

/* Both directions are over and lwIP goes on alone, to say nothing more about it. */
static void finished(struct tcp_socket *t)
{
    tcp_detach(t);
    tcp_over(t, OSKIT_SUCCESS);
}

static oskit_error_t error_of(struct tcp_socket *t, err_t err)
{
    switch (err) {
    case ERR_RST:
        if (t->phase == TCP_CONNECTING && !t->answered)
            return OSKIT_ECONNREFUSED;
        return t->got_fin && !t->fin_sent ? OSKIT_EPIPE : OSKIT_ECONNRESET;
    case ERR_CLSD:
        return OSKIT_SUCCESS;
    default: /* lwIP gave up: retransmissions, keepalive */
        return t->soft_error != OSKIT_SUCCESS ? t->soft_error : OSKIT_ETIMEDOUT;
    }
}

/* The pcb is gone already. */
static void event_error(void *arg, err_t err)
{
    struct tcp_socket *t = arg;

    if (t != NULL)
        tcp_over(t, error_of(t, err));
}

/* ---- Arrivals ---- */

static err_t event_fin(struct tcp_socket *t)
{
    enum tcp_state state = t->pcb->state;

    t->got_fin = true;
    t->shut |= TCP_SHUT_READ;
    if (state == TIME_WAIT || state == CLOSING) {
        finished(t);
        return ERR_OK;
    }
    tcp_level(t, READY_READ | READY_RDHUP);
    tcp_listen_told(t);
    return ERR_OK;
}

static err_t event_receive(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
    struct tcp_socket *t = arg;

    (void)err;
    if (t == NULL)
        return tcp_recv_null(NULL, pcb, p, ERR_OK);
    if (p == NULL)
        return event_fin(t);
    bool several = p->tot_len > pcb->mss; /* segments that were joined */
    tcp_receive_put(t, p);
    t->unanswered += several ? 2 : 1;
    if (t->unanswered >= 2)
        t->answers = false;
    if (several && t->options.quickack != TCP_QUICKACK_OFF)
        tcp_ack_now(pcb);
    if (t->options.quickack == TCP_QUICKACK_ON || (t->quick > 0 && !t->answers)) {
        t->quick -= t->quick > 0;
        tcp_ack_now(pcb);
    }
    if (t->waits_at != NULL)
        tcp_listen_told(t);
    tcp_level(t, READY_READ);
    return ERR_OK;
}

static err_t event_sent(void *arg, struct tcp_pcb *pcb, u16_t size)
{
    struct tcp_socket *t = arg;

    (void)pcb;
    (void)size;
    if (t == NULL)
        return ERR_OK;
    t->progress = tcp_ticks;
    tcp_send_counted(t);
    tcp_level(t, t->lingering ? READY_WRITE : 0);
    return ERR_OK;
}

static err_t event_connected(void *arg, struct tcp_pcb *pcb, err_t err)
{
    struct tcp_socket *t = arg;

    (void)err;
    if (t == NULL)
        return ERR_OK;
    t->answered = true;
    t->read_sequence = t->arrived_sequence = pcb->rcv_nxt;
    t->quick = TCP_QUICK;
    t->progress = tcp_ticks;
    t->soft_error = OSKIT_SUCCESS;
    if (pcb->rcv_wnd > tcp_window(t))
        pcb->rcv_wnd = pcb->rcv_ann_wnd = tcp_window(t);
    tcp_pcb_apply(t);
    tcp_send_counted(t);
    tcp_level(t, READY_WRITE);
    return ERR_OK;
}

/* ---- Time ---- */

#define UNANSWERED 2 /* times a segment was sent again: its neighbour's address may be wrong */

static bool timed_out(const struct tcp_socket *t)
{
    const struct tcp_pcb *pcb = t->pcb;
    oskit_u32_t waited = (tcp_ticks - t->progress) * TCP_SLOW_INTERVAL;

    if (pcb->state == SYN_SENT)
        return pcb->nrtx > t->options.syn_count;
    if (pcb->unacked == NULL && pcb->unsent == NULL)
        return false;
    return t->options.user_timeout != 0 && waited > t->options.user_timeout;
}

/* Once for each time that it is sent: a neighbour who is gone isn't asked for all the while. */
static void ask_neighbour(struct tcp_socket *t, const struct tcp_pcb *pcb)
{
    if (pcb->nrtx >= UNANSWERED && pcb->nrtx != t->asked)
        inet_neighbour_ask(pcb);
    t->asked = pcb->nrtx;
}

static err_t event_poll(void *arg, struct tcp_pcb *pcb)
{
    struct tcp_socket *t = arg;

    if (t == NULL)
        return ERR_OK;
    if (pcb->unacked == NULL && pcb->unsent == NULL)
        t->progress = tcp_ticks;
    if (timed_out(t)) {
        oskit_error_t error = t->soft_error != OSKIT_SUCCESS ? t->soft_error : OSKIT_ETIMEDOUT;
        tcp_detach(t);
        tcp_abort(pcb);
        tcp_over(t, error);
        return ERR_ABRT;
    }
    ask_neighbour(t, pcb);
    if (t->deferred &&
        (tcp_ticks - t->deferred_since) * TCP_SLOW_INTERVAL >= t->options.defer_accept * 1000u) {
        t->deferred = false;
        tcp_listen_told(t);
    }
    tcp_uncork(t);
    /* Nobody says that the memory of others has come back. */
    if (!(readiness_level(&t->inet.base.readiness) & READY_WRITE))
        tcp_level(t, 0);
    return ERR_OK;
}

struct tcp_socket *tcp_socket_of(const struct tcp_pcb *pcb)
{
    return pcb->recv == event_receive ? pcb->callback_arg : NULL;
}

void tcp_callbacks_set(struct tcp_socket *t)
{
    tcp_arg(t->pcb, t);
    tcp_recv(t->pcb, event_receive);
    tcp_sent(t->pcb, event_sent);
    tcp_err(t->pcb, event_error);
    tcp_poll(t->pcb, event_poll, POLL_TICKS);
    t->pcb->connected = event_connected;
}
