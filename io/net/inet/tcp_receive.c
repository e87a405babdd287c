/*
 * Receiving. What has come lies in pbufs as the card or the sender wrote it. A reader, who holds
 * receive_mutex, moves them to a list of its own and speaks for as many bytes as it wants under the
 * core lock, copies them to the program without it, and gives the emptied pbufs back.
 *
 * The window opens by what a reader speaks for before it is copied: one visit under the lock less.
 * Should the program's memory turn out bad, the bytes stay and the window is owed.
 */
#include <sluice/env.h>
#include <sluice/packet.h>
#include <sluice/string.h>
#include <sluice/uio.h>
#include "tcp.h"

#define FLAGS_KNOWN                                                                          \
    (SOCKET_MSG_OOB | SOCKET_MSG_PEEK | SOCKET_MSG_TRUNC | SOCKET_MSG_DONTWAIT |             \
     SOCKET_MSG_WAITALL | SOCKET_MSG_ERRQUEUE | SOCKET_MSG_NOSIGNAL | SOCKET_MSG_DONTROUTE | \
     SOCKET_MSG_CMSG_CLOEXEC | SOCKET_MSG_CONFIRM | SOCKET_MSG_CTRUNC | SOCKET_MSG_EOR)

/* ---- The queue ---- */

void tcp_receive_put(struct tcp_socket *t, struct pbuf *p)
{
    oskit_u32_t size = p->tot_len, distance = t->urgent_sequence - t->arrived_sequence;

    if (t->urgent == TCP_URGENT_ANNOUNCED && distance < size) {
        t->urgent_byte = pbuf_get_at(p, (u16_t)distance);
        t->urgent = TCP_URGENT_HERE;
    }
    if (t->arrived == NULL)
        t->arrived = p;
    else
        t->arrived_last->next = p;
    while (p->next != NULL)
        p = p->next;
    t->arrived_last = p;
    t->readable += size;
    t->arrived_sequence += size;
    if (SOCKET_OPTION(&t->inet.base, timestamp) != 0)
        tcp_stamp_put(t);
}

static void arrived_take(struct tcp_socket *t)
{
    if (t->arrived == NULL)
        return;
    if (t->reading == NULL) {
        t->reading = t->arrived;
        t->reading_offset = 0;
    } else {
        t->reading_last->next = t->arrived;
    }
    t->reading_last = t->arrived_last;
    t->arrived = t->arrived_last = NULL;
}

static void list_free(struct pbuf *p)
{
    while (p != NULL) {
        struct pbuf *next = p->next;
        p->next = NULL;
        pbuf_free(p);
        p = next;
    }
}

void tcp_receive_drop(struct tcp_socket *t)
{
    list_free(t->reading);
    list_free(t->arrived);
    tcp_stamps_free(t);
    t->reading = t->reading_last = t->arrived = t->arrived_last = NULL;
    t->reading_offset = 0;
    t->read_sequence += t->readable;
    t->readable = 0;
}

/* ---- The window ---- */

oskit_u32_t tcp_window(const struct tcp_socket *t)
{
    oskit_u32_t window = SOCKET_OPTION(&t->inet.base, receive_buffer);

    if (t->options.window_clamp != 0 && t->options.window_clamp < window)
        window = t->options.window_clamp;
    return window < TCP_WND ? window : TCP_WND;
}

/* lwIP says that the window has opened when it opened by a segment, and a loopback's segment may be
 * more than all of it. */
static void window_tell(struct tcp_socket *t)
{
    struct tcp_pcb *pcb = t->pcb;
    oskit_u32_t announced = pcb->rcv_ann_right_edge - pcb->rcv_nxt;

    if ((oskit_s32_t)announced < 0)
        announced = 0;
    if (pcb->rcv_wnd <= announced || pcb->rcv_wnd - announced < tcp_window(t) / 4)
        return;
    pcb->rcv_ann_wnd = pcb->rcv_wnd;
    tcp_ack_now(pcb);
    tcp_output(pcb);
}

static void window_open(struct tcp_socket *t, oskit_u32_t size)
{
    oskit_u32_t owed = t->credit_owed < size ? t->credit_owed : size;

    t->credit_owed -= owed;
    size -= owed;
    if (t->pcb == NULL || size == 0)
        return;
    /* A buffer that was made smaller: let the window shrink by what is read. */
    oskit_u32_t limit = tcp_window(t);
    if (t->pcb->rcv_wnd >= limit)
        return;
    if (size > limit - t->pcb->rcv_wnd)
        size = limit - t->pcb->rcv_wnd;
    for (oskit_u32_t piece; size > 0; size -= piece) {
        piece = size < 0xffff ? size : 0xffff;
        tcp_recved(t->pcb, (u16_t)piece);
    }
    window_tell(t);
}

/* As Linux does: whoever has read all, and isn't about to answer, lets the peer know at once. The
 * peer's Nagle may be waiting for just that. */
static void acknowledge(struct tcp_socket *t)
{
    struct tcp_pcb *pcb = t->pcb;

    if (pcb == NULL || t->readable != 0 || t->answers || !(pcb->flags & TF_ACK_DELAY) ||
        t->options.quickack == TCP_QUICKACK_OFF)
        return;
    tcp_ack_now(pcb);
    tcp_output(pcb);
}

/* ---- Urgent data ---- */

static oskit_u32_t urgent_distance(const struct tcp_socket *t)
{
    return t->urgent == TCP_URGENT_NONE ? UINT32_MAX : t->urgent_sequence - t->read_sequence;
}

static bool urgent_inline(const struct tcp_socket *t)
{
    return SOCKET_OPTION(&t->inet.base, oobinline);
}

oskit_u32_t tcp_readable(const struct tcp_socket *t)
{
    oskit_u32_t distance = urgent_distance(t);

    if (distance >= t->readable || urgent_inline(t))
        return t->readable;
    return distance != 0 ? distance : t->readable - 1;
}

oskit_error_t tcp_urgent_receive(struct tcp_socket *t, struct socket_message *message,
                                 oskit_size_t *out)
{
    oskit_u8_t byte;
    size_t moved;

    *out = 0;
    if (urgent_inline(t) || t->urgent == TCP_URGENT_NONE || t->urgent == TCP_URGENT_READ)
        return OSKIT_E_INVALIDARG;
    if (t->phase == TCP_UNCONNECTED)
        return OSKIT_ENOTCONN;
    if (t->urgent == TCP_URGENT_ANNOUNCED)
        return t->shut & TCP_SHUT_READ ? OSKIT_SUCCESS : OSKIT_EWOULDBLOCK;
    inet_lock();
    byte = t->urgent_byte;
    if (!(message->flags & SOCKET_MSG_PEEK) && t->urgent == TCP_URGENT_HERE)
        t->urgent = TCP_URGENT_READ;
    tcp_level(t, 0);
    inet_unlock();
    message->out_flags |= SOCKET_MSG_OOB;
    if (message->uio->left == 0) {
        message->out_flags |= SOCKET_MSG_TRUNC;
        return OSKIT_SUCCESS;
    }
    oskit_error_t err = uio_write_to(message->uio, &byte, 1, &moved);
    *out = moved;
    return err;
}

/* ---- Reading ---- */

/* Bytes of the reader's list copied out, or passed over when UIO is NULL; what is emptied goes to
 * *DONE. */
static oskit_error_t take(struct tcp_socket *t, struct sluice_uio *uio, oskit_u32_t size,
                          struct pbuf **done, oskit_u32_t *moved)
{
    oskit_error_t err = OSKIT_SUCCESS;

    *moved = 0;
    while (t->reading != NULL && OSKIT_SUCCEEDED(err)) {
        struct pbuf *p = t->reading;
        oskit_u32_t here = p->len - t->reading_offset;
        size_t now = size - *moved < here ? size - *moved : here;
        if (uio != NULL && now != 0)
            err = uio_write_to(uio, (char *)p->payload + t->reading_offset, now, &now);
        *moved += (oskit_u32_t)now;
        if (now == here) {
            t->reading = p->next;
            t->reading_offset = 0;
            p->next = *done;
            *done = p;
        } else {
            t->reading_offset += (oskit_u32_t)now;
            break;
        }
    }
    return err;
}

static oskit_error_t look(const struct tcp_socket *t, struct sluice_uio *uio, oskit_u32_t size,
                          oskit_u32_t *moved)
{
    oskit_u32_t offset = t->reading_offset;
    oskit_error_t err = OSKIT_SUCCESS;

    *moved = 0;
    for (struct pbuf *p = t->reading; p != NULL && *moved < size && OSKIT_SUCCEEDED(err);
         p = p->next) {
        size_t now = p->len - offset;
        if (now > size - *moved)
            now = size - *moved;
        if (now != 0)
            err = uio_write_to(uio, (char *)p->payload + offset, now, &now);
        *moved += (oskit_u32_t)now;
        offset = 0;
    }
    return err;
}

/* Passes over the urgent byte when it is next. */
static void urgent_pass(struct tcp_socket *t, struct pbuf **done)
{
    oskit_u32_t moved;

    if (urgent_distance(t) != 0 || t->readable == 0)
        return;
    if (!urgent_inline(t)) {
        take(t, NULL, 1, done, &moved);
        t->readable -= 1;
        t->read_sequence += 1;
        t->urgent = TCP_URGENT_NONE;
        window_open(t, 1);
    }
}

/* Why there is nothing; success: the end. As Linux orders it. */
static oskit_error_t nothing(struct tcp_socket *t)
{
    if (t->phase == TCP_LISTENING)
        return OSKIT_ENOTCONN;
    if (t->got_fin)
        return OSKIT_SUCCESS;
    oskit_error_t error = socket_error_take(&t->inet.base);
    if (OSKIT_FAILED(error))
        return error;
    if (t->shut & TCP_SHUT_READ)
        return OSKIT_SUCCESS;
    return t->phase == TCP_UNCONNECTED ? OSKIT_ENOTCONN : OSKIT_EWOULDBLOCK;
}

/* How many of SIZE bytes the reader may have now. */
static oskit_error_t begin(struct tcp_socket *t, size_t size, oskit_u32_t flags, struct pbuf **done,
                           oskit_u32_t *got)
{
    oskit_u32_t low = SOCKET_OPTION(&t->inet.base, receive_low);

    *got = 0;
    arrived_take(t);
    if (!(flags & SOCKET_MSG_PEEK))
        urgent_pass(t, done);
    oskit_u32_t here = t->readable, mark = urgent_distance(t);
    if (mark != 0 && mark < here)
        here = mark;
    else if (mark == 0 && here == 1 && !urgent_inline(t))
        here = 0; /* peeking at the urgent byte alone */
    if (here == 0)
        return nothing(t);
    /* A caller who waits wants SO_RCVLOWAT's worth, if it can still come. */
    if (here < low && here < size && !(flags & SOCKET_MSG_DONTWAIT) && !(t->shut & TCP_SHUT_READ) &&
        mark > here && !tcp_window_full(t) && atomic_load(&t->inet.base.error) == OSKIT_SUCCESS)
        return OSKIT_EWOULDBLOCK;
    *got = size < here ? (oskit_u32_t)size : here;
    if (flags & SOCKET_MSG_PEEK)
        return OSKIT_SUCCESS;
    t->readable -= *got;
    t->read_sequence += *got;
    if (t->urgent != TCP_URGENT_NONE && urgent_distance(t) > UINT32_MAX / 2)
        t->urgent = TCP_URGENT_NONE; /* it was read with the rest */
    window_open(t, *got);
    acknowledge(t);
    tcp_level(t, 0);
    return OSKIT_SUCCESS;
}

/* MISSED bytes stay after all. */
static void end(struct tcp_socket *t, struct pbuf *done, oskit_u32_t missed)
{
    list_free(done);
    if (missed == 0)
        return;
    t->readable += missed;
    t->read_sequence -= missed;
    t->credit_owed += missed;
    tcp_level(t, 0);
}

/* The time of the last byte, once in CONTROL, however many pieces the program's buffer takes. */
static void stamp_tell(struct tcp_socket *t, struct socket_control *control, oskit_s64_t stamp)
{
    if (control == NULL || stamp == 0)
        return;
    control->length = 0;
    control->truncated = false;
    socket_stamp_put(&t->inet.base, control, stamp);
}

static oskit_error_t receive(struct tcp_socket *t, struct sluice_uio *uio, oskit_u32_t flags,
                             struct socket_control *control, oskit_size_t *out)
{
    struct pbuf *done = NULL;
    oskit_u32_t got, moved = 0;

    env_mutex_lock(&t->receive_mutex);
    inet_lock();
    oskit_u32_t sequence = t->read_sequence;
    oskit_error_t err = begin(t, uio->left, flags, &done, &got);
    sequence += t->read_sequence - sequence > got ? 1 : 0; /* the urgent byte was passed over */
    if (got == 0) {
        list_free(done);
        inet_unlock();
        env_mutex_unlock(&t->receive_mutex);
        return err;
    }
    oskit_s64_t stamp = tcp_stamp_get(t, sequence, got, flags & SOCKET_MSG_PEEK);
    inet_unlock();
    if (flags & SOCKET_MSG_PEEK)
        err = look(t, uio, got, &moved);
    else
        err = take(t, flags & SOCKET_MSG_TRUNC ? NULL : uio, got, &done, &moved);
    if (done != NULL || moved != got) {
        inet_lock();
        end(t, done, flags & SOCKET_MSG_PEEK ? 0 : got - moved);
        inet_unlock();
    }
    env_mutex_unlock(&t->receive_mutex);
    *out = moved;
    stamp_tell(t, control, stamp);
    if (!(flags & SOCKET_MSG_TRUNC))
        atomic_fetch_add_explicit(&packet_copied_bytes, moved, memory_order_relaxed);
    return moved > 0 ? OSKIT_SUCCESS : err;
}

/* Nothing was asked for: what would be said if nothing were there. */
static oskit_error_t receive_none(struct tcp_socket *t)
{
    inet_lock();
    oskit_error_t err = t->readable != 0 ? OSKIT_SUCCESS : nothing(t);
    inet_unlock();
    return err;
}

oskit_error_t tcp_readv(struct socket *s, struct sluice_uio *uio, oskit_size_t *out)
{
    *out = 0;
    if (uio->left == 0)
        return receive_none(tcp_of(s));
    return receive(tcp_of(s), uio, SOCKET_MSG_DONTWAIT, NULL, out);
}

oskit_error_t tcp_receive_message(struct socket *s, struct socket_message *message,
                                  oskit_size_t *out)
{
    struct tcp_socket *t = tcp_of(s);

    *out = 0;
    if (message->flags & ~FLAGS_KNOWN)
        return OSKIT_EOPNOTSUPP;
    if (message->flags & SOCKET_MSG_ERRQUEUE)
        return tcp_notice_receive(t, message, out);
    if (message->flags & SOCKET_MSG_OOB)
        return t->phase == TCP_LISTENING ? OSKIT_ENOTCONN : tcp_urgent_receive(t, message, out);
    if (message->uio->left == 0)
        return receive_none(t);
    return receive(t, message->uio, message->flags, message->control, out);
}
