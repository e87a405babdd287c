/* TCP_INFO, as far as lwIP keeps what it asks. */
#include "tcp.h"

#include <sluice/string.h>

/* Linux's struct tcp_info, up to where 6.1 ends it. */
struct info {
    oskit_u8_t state, ca_state, retransmits, probes, backoff, options;
    oskit_u8_t scales;  /* sending, receiving: four bits each */
    oskit_u8_t limited; /* delivery rate: by the application */
    oskit_u32_t rto, ato, send_mss, receive_mss;
    oskit_u32_t unacked, sacked, lost, retransmitted, facked;
    oskit_u32_t last_data_sent, last_ack_sent, last_data_received, last_ack_received;
    oskit_u32_t path_mtu, receive_threshold, rtt, rtt_variation, send_threshold, congestion_window;
    oskit_u32_t advertised_mss, reordering;
    oskit_u32_t receive_rtt, receive_space;
    oskit_u32_t total_retransmits;
    oskit_u64_t pacing_rate, max_pacing_rate, bytes_acked, bytes_received;
    oskit_u32_t segments_out, segments_in;
    oskit_u32_t not_sent, minimum_rtt, data_segments_in, data_segments_out;
    oskit_u64_t delivery_rate;
    oskit_u64_t busy_time, window_limited, buffer_limited;
    oskit_u32_t delivered, delivered_ce;
    oskit_u64_t bytes_sent, bytes_retransmitted;
    oskit_u32_t dsack_duplicates, reordered_seen, receive_out_of_order, send_window;
};
_Static_assert(sizeof(struct info) == 232, "as Linux has it");

#define OPTION_SACK   2u
#define OPTION_WSCALE 4u
#define MICROSECONDS  1000u

static oskit_u32_t segments(const struct tcp_seg *seg)
{
    oskit_u32_t count = 0;

    for (; seg != NULL; seg = seg->next)
        count++;
    return count;
}

static oskit_u32_t in_segments(oskit_u32_t bytes, oskit_u32_t segment)
{
    return segment != 0 ? (bytes + segment - 1) / segment : 0;
}

static void fill(const struct tcp_socket *t, const struct tcp_pcb *pcb, struct info *info)
{
    oskit_u32_t tick = TCP_SLOW_INTERVAL * MICROSECONDS;

    info->retransmits = pcb->nrtx;
    info->probes = pcb->persist_probe;
    info->backoff = pcb->persist_backoff;
    if (pcb->flags & TF_SACK)
        info->options |= OPTION_SACK;
    if (pcb->flags & TF_WND_SCALE) {
        info->options |= OPTION_WSCALE;
        info->scales = (oskit_u8_t)((pcb->snd_scale & 15) | pcb->rcv_scale << 4);
    }
    info->rto = (oskit_u32_t)pcb->rto * tick;
    info->ato = TCP_TMR_INTERVAL * MICROSECONDS;
    info->send_mss = info->receive_mss = info->advertised_mss = pcb->mss;
    info->unacked = segments(pcb->unacked);
    info->rtt = (oskit_u32_t)(pcb->sa >> 3) * tick;
    info->rtt_variation = (oskit_u32_t)(pcb->sv >> 2) * tick;
    info->congestion_window = in_segments(pcb->cwnd, pcb->mss);
    info->send_threshold = in_segments(pcb->ssthresh, pcb->mss);
    info->receive_space = tcp_window(t);
    info->reordering = 3;
    info->not_sent = pcb->snd_lbb - pcb->snd_nxt;
    info->send_window = pcb->snd_wnd;
    info->total_retransmits = t->retransmits;
    info->path_mtu = pcb->mss + TCP_HLEN + (IP_IS_V6_VAL(pcb->remote_ip) ? IP6_HLEN : IP_HLEN);
    info->last_data_received = info->last_ack_received = (tcp_ticks - pcb->tmr) * TCP_SLOW_INTERVAL;
}

void tcp_info_get(struct tcp_socket *t, void *value, oskit_u32_t *length)
{
    struct info info = {0};

    inet_lock();
    info.state = tcp_state(t);
    if (t->pcb != NULL)
        fill(t, t->pcb, &info);
    if (t->phase == TCP_LISTENING) { /* as Linux shows the queue */
        info.unacked = t->accepted_count;
        info.sacked = t->backlog;
    }
    inet_unlock();
    option_put(value, length, &info, sizeof info);
}
