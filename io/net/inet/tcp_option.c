/* Options of the level TCP, and what options of sockets in general mean to TCP. */
#include "tcp.h"

#include <sluice/string.h>
#include "io/net/socket_option.h"

enum {
    OPTION_NODELAY = 1,
    OPTION_MAXSEG = 2,
    OPTION_CORK = 3,
    OPTION_KEEPIDLE = 4,
    OPTION_KEEPINTVL = 5,
    OPTION_KEEPCNT = 6,
    OPTION_SYNCNT = 7,
    OPTION_DEFER_ACCEPT = 9,
    OPTION_WINDOW_CLAMP = 10,
    OPTION_INFO = 11,
    OPTION_QUICKACK = 12,
    OPTION_CONGESTION = 13,
    OPTION_USER_TIMEOUT = 18,
    OPTION_NOTSENT_LOWAT = 25,
};

#define SEGMENT_MIN     88
#define SEGMENT_MAX     32767
#define SEGMENT_DEFAULT 536
#define SECONDS_MAX     32767
#define COUNT_MAX       127
#define CLAMP_MIN       1152
#define RETRY_MAX       120u /* seconds between two SYN-ACKs at most */
#define RETRIES_MAX     255u

static const char congestion[16] = "reno"; /* the one that lwIP has */

void tcp_options_init(struct tcp_options *options)
{
    *options = (struct tcp_options){
        .keep_idle = 7200,
        .keep_interval = 75,
        .keep_count = 9,
        .syn_count = 6,
    };
}

/* Linux waits in whole retransmissions of the SYN-ACK, and says how long these take. */
static oskit_u32_t defer_round(oskit_s32_t seconds)
{
    oskit_u32_t period = 1, step = 1;

    if (seconds <= 0)
        return 0;
    for (unsigned tries = 1; period < (oskit_u32_t)seconds && tries < RETRIES_MAX; tries++) {
        step = step * 2 < RETRY_MAX ? step * 2 : RETRY_MAX;
        period += step;
    }
    return period;
}

static oskit_error_t number_set(oskit_u32_t *out, oskit_s32_t value, oskit_s32_t low,
                                oskit_s32_t high)
{
    if (value < low || value > high)
        return OSKIT_E_INVALIDARG;
    *out = (oskit_u32_t)value;
    return OSKIT_SUCCESS;
}

static oskit_error_t maxseg_set(struct tcp_socket *t, oskit_s32_t value)
{
    if (value != 0 && (value < SEGMENT_MIN || value > SEGMENT_MAX))
        return OSKIT_E_INVALIDARG;
    t->options.maximum_segment = (oskit_u16_t)value;
    return OSKIT_SUCCESS;
}

static oskit_error_t clamp_set(struct tcp_socket *t, oskit_s32_t value)
{
    if (value == 0 && t->pcb != NULL)
        return OSKIT_E_INVALIDARG;
    t->options.window_clamp = value == 0 ? 0 : value < CLAMP_MIN ? CLAMP_MIN : (oskit_u32_t)value;
    return OSKIT_SUCCESS;
}

static void nodelay_set(struct tcp_socket *t, bool on)
{
    t->options.nodelay = on;
    tcp_pcb_apply(t);
    if (on && t->pcb != NULL && !t->options.cork)
        tcp_uncork(t);
    if (on && t->pcb != NULL)
        tcp_output(t->pcb);
}

static void quickack_set(struct tcp_socket *t, bool on)
{
    t->options.quickack = on ? TCP_QUICKACK_ON : TCP_QUICKACK_OFF;
    if (on && t->pcb != NULL && (t->pcb->flags & TF_ACK_DELAY)) {
        tcp_ack_now(t->pcb);
        tcp_output(t->pcb);
    }
}

/* Core lock held. */
static oskit_error_t set_locked(struct tcp_socket *t, oskit_s32_t name, oskit_s32_t value)
{
    struct tcp_options *options = &t->options;

    switch (name) {
    case OPTION_NODELAY:
        nodelay_set(t, value != 0);
        return OSKIT_SUCCESS;
    case OPTION_MAXSEG:
        return maxseg_set(t, value);
    case OPTION_CORK:
        options->cork = value != 0;
        if (value == 0)
            tcp_uncork(t);
        return OSKIT_SUCCESS;
    case OPTION_KEEPIDLE:
        return number_set(&options->keep_idle, value, 1, SECONDS_MAX);
    case OPTION_KEEPINTVL:
        return number_set(&options->keep_interval, value, 1, SECONDS_MAX);
    case OPTION_KEEPCNT:
        return number_set(&options->keep_count, value, 1, COUNT_MAX);
    case OPTION_SYNCNT:
        return number_set(&options->syn_count, value, 1, COUNT_MAX);
    case OPTION_DEFER_ACCEPT:
        options->defer_accept = defer_round(value);
        return OSKIT_SUCCESS;
    case OPTION_WINDOW_CLAMP:
        return clamp_set(t, value);
    case OPTION_QUICKACK:
        quickack_set(t, value != 0);
        return OSKIT_SUCCESS;
    case OPTION_USER_TIMEOUT:
        return number_set(&options->user_timeout, value, 0, INT32_MAX);
    case OPTION_NOTSENT_LOWAT:
        options->notsent_low = (oskit_u32_t)value;
        tcp_level(t, 0);
        return OSKIT_SUCCESS;
    default:
        return OSKIT_ENOPROTOOPT;
    }
}

static oskit_error_t congestion_set(const void *value, oskit_u32_t length)
{
    oskit_u32_t end = length < sizeof congestion ? length : sizeof congestion - 1;
    char name[sizeof congestion] = {0};

    if (length < 1)
        return OSKIT_E_INVALIDARG;
    memcpy(name, value, end);
    return strcmp(name, congestion) == 0 ? OSKIT_SUCCESS : OSKIT_ENOENT;
}

/* What a connection sends from now on has it in its header. */
static oskit_error_t network_set(struct tcp_socket *t, oskit_s32_t level, oskit_s32_t name,
                                 const void *value, oskit_u32_t length)
{
    oskit_error_t err = inet_option_set(&t->inet, level, name, value, length);

    if (OSKIT_FAILED(err))
        return err;
    inet_lock();
    tcp_pcb_apply(t);
    inet_unlock();
    return OSKIT_SUCCESS;
}

oskit_error_t tcp_option_set(struct socket *s, oskit_s32_t level, oskit_s32_t name,
                             const void *value, oskit_u32_t length)
{
    struct tcp_socket *t = tcp_of(s);
    oskit_s32_t number;

    if (level != INET_SOL_TCP)
        return network_set(t, level, name, value, length);
    if (name == OPTION_CONGESTION)
        return congestion_set(value, length);
    oskit_error_t err = option_int(value, length, &number);
    if (OSKIT_FAILED(err))
        return err;
    inet_lock();
    err = set_locked(t, name, number);
    tcp_pcb_apply(t);
    inet_unlock();
    return err;
}

static oskit_s32_t maxseg_get(const struct tcp_socket *t)
{
    if (t->pcb != NULL)
        return (oskit_s32_t)t->pcb->mss;
    return t->options.maximum_segment != 0 ? t->options.maximum_segment : SEGMENT_DEFAULT;
}

static oskit_error_t get_number(const struct tcp_socket *t, oskit_s32_t name, oskit_s32_t *out)
{
    const struct tcp_options *options = &t->options;

    switch (name) {
    case OPTION_NODELAY:
        *out = options->nodelay;
        return OSKIT_SUCCESS;
    case OPTION_MAXSEG:
        *out = maxseg_get(t);
        return OSKIT_SUCCESS;
    case OPTION_CORK:
        *out = options->cork;
        return OSKIT_SUCCESS;
    case OPTION_KEEPIDLE:
        *out = (oskit_s32_t)options->keep_idle;
        return OSKIT_SUCCESS;
    case OPTION_KEEPINTVL:
        *out = (oskit_s32_t)options->keep_interval;
        return OSKIT_SUCCESS;
    case OPTION_KEEPCNT:
        *out = (oskit_s32_t)options->keep_count;
        return OSKIT_SUCCESS;
    case OPTION_SYNCNT:
        *out = (oskit_s32_t)options->syn_count;
        return OSKIT_SUCCESS;
    case OPTION_DEFER_ACCEPT:
        *out = (oskit_s32_t)options->defer_accept;
        return OSKIT_SUCCESS;
    case OPTION_WINDOW_CLAMP:
        *out = (oskit_s32_t)options->window_clamp;
        return OSKIT_SUCCESS;
    case OPTION_QUICKACK:
        *out = options->quickack != TCP_QUICKACK_OFF;
        return OSKIT_SUCCESS;
    case OPTION_USER_TIMEOUT:
        *out = (oskit_s32_t)options->user_timeout;
        return OSKIT_SUCCESS;
    case OPTION_NOTSENT_LOWAT:
        *out = (oskit_s32_t)options->notsent_low;
        return OSKIT_SUCCESS;
    default:
        return OSKIT_ENOPROTOOPT;
    }
}

oskit_error_t tcp_option_get(struct socket *s, oskit_s32_t level, oskit_s32_t name, void *value,
                             oskit_u32_t *length)
{
    struct tcp_socket *t = tcp_of(s);
    oskit_s32_t number = 0;

    if (level != INET_SOL_TCP)
        return inet_option_get(&t->inet, level, name, value, length);
    if (name == OPTION_CONGESTION)
        return option_put(value, length, congestion, sizeof congestion);
    if (name == OPTION_INFO) {
        tcp_info_get(t, value, length);
        return OSKIT_SUCCESS;
    }
    inet_lock();
    oskit_error_t err = get_number(t, name, &number);
    inet_unlock();
    return OSKIT_SUCCEEDED(err) ? option_put_int(value, length, number) : err;
}

oskit_error_t tcp_option_changed(struct socket *s, oskit_s32_t name)
{
    struct tcp_socket *t = tcp_of(s);

    (void)name;
    inet_lock();
    if (t->port != NULL) {
        t->port->reuse_address = SOCKET_OPTION(s, reuse_address);
        t->port->reuse_port = SOCKET_OPTION(s, reuse_port);
        t->port->interface = SOCKET_OPTION(s, interface);
    }
    tcp_pcb_apply(t);
    tcp_level(t, 0);
    inet_unlock();
    return OSKIT_SUCCESS;
}
