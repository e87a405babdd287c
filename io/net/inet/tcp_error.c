/* The error queue of a TCP socket: which zero-copy sends are done. Ranges that adjoin join. */
#include "tcp.h"

#include <sluice/string.h>
#include <sluice/uio.h>

#define ORIGIN_ZEROCOPY 5
#define CODE_COPIED     1

/* Linux's sock_extended_err, and the address that follows it. */
struct notice_control {
    oskit_u32_t error;
    oskit_u8_t origin, type, code, pad;
    oskit_u32_t info, data;
    oskit_u8_t offender[28]; /* 16 of IPv4 */
};
#define CONTROL_SIZE4 32u
#define CONTROL_SIZE6 44u

void tcp_notice_put(struct tcp_socket *t, oskit_u32_t number, bool copied)
{
    struct tcp_notice *last = t->notice_count > 0 ? &t->notices[t->notice_count - 1] : NULL;

    if (last != NULL && last->last + 1 == number && last->copied == copied) {
        last->last = number;
    } else if (t->notice_count < TCP_NOTICES) {
        t->notices[t->notice_count++] = (struct tcp_notice){number, number, copied};
    } else {
        last->last = number; /* out of order, and nobody has looked for long: the nearest range */
        t->drops++;
    }
    socket_errors_queued(&t->inet.base, true);
    inet_tell(&t->inet.pending, READY_ERR);
}

static bool notice_take(struct tcp_socket *t, struct tcp_notice *out)
{
    if (t->notice_count == 0)
        return false;
    *out = t->notices[0];
    t->notice_count--;
    memmove(t->notices, t->notices + 1, t->notice_count * sizeof t->notices[0]);
    socket_errors_queued(&t->inet.base, t->notice_count > 0);
    return true;
}

oskit_error_t tcp_notice_receive(struct tcp_socket *t, struct socket_message *message,
                                 oskit_size_t *out)
{
    bool v6 = inet_is6(&t->inet);
    struct tcp_notice notice;

    *out = 0;
    inet_lock();
    bool any = notice_take(t, &notice);
    inet_unlock();
    if (!any)
        return OSKIT_EWOULDBLOCK;
    message->out_flags |= SOCKET_MSG_ERRQUEUE;
    struct notice_control control = {
        .origin = ORIGIN_ZEROCOPY,
        .code = notice.copied ? CODE_COPIED : 0,
        .info = notice.first,
        .data = notice.last,
    };
    if (message->control == NULL)
        message->out_flags |= SOCKET_MSG_CTRUNC;
    else
        socket_control_put(message->control, v6 ? INET_SOL_IPV6 : INET_SOL_IP,
                           v6 ? INET_IPV6_RECVERR : INET_IP_RECVERR, &control,
                           v6 ? CONTROL_SIZE6 : CONTROL_SIZE4);
    return OSKIT_SUCCESS;
}
