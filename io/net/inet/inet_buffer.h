/*
 * Datagrams to send: a buffer in one piece with room for headers in front, filled with the core
 * lock not held. Its bytes count against the socket's SO_SNDBUF until the last holder, lwIP or a
 * card, lets go of it.
 */
#ifndef IO_NET_INET_INET_BUFFER_H
#define IO_NET_INET_INET_BUFFER_H

#include "inet_sock.h"
#include "lwip/pbuf.h"

/* What a socket has under way. It outlives the socket as long as buffers do. Core lock. */
struct inet_account {
    oskit_u32_t references;
    oskit_u32_t bytes;
    struct inet_sock *sock; /* NULL: gone */
};

/* Bytes of what output.c notes of a frame. A buffer has room for one, which needs no memory then.
 */
#define INET_BUFFER_RECORD 200u

struct inet_buffer {
    struct pbuf_custom custom;
    struct inet_account *account; /* NULL: not yet sent */
    oskit_u32_t size;             /* of the allocation */
    bool record_taken;
    _Alignas(8) oskit_u8_t record[INET_BUFFER_RECORD];
    oskit_u8_t bytes[];
};

/* One of LENGTH bytes; NULL: no memory. [thread] */
struct inet_buffer *inet_buffer_new(oskit_u32_t length);
static inline void *inet_buffer_bytes(struct inet_buffer *buffer)
{
    return buffer->custom.pbuf.payload;
}
/* Makes it begin SIZE bytes earlier, for a transport's header; lwIP's come before that. */
static inline void *inet_buffer_prepend(struct pbuf *p, oskit_u16_t size)
{
    p->payload = (oskit_u8_t *)p->payload - size;
    p->len = (u16_t)(p->len + size);
    p->tot_len = (u16_t)(p->tot_len + size);
    return p->payload;
}
/* Of one that isn't lwIP's yet. [any] */
void inet_buffer_discard(struct inet_buffer *buffer);
/* From now on it counts. Core lock held. */
void inet_buffer_charge(struct inet_buffer *buffer, struct inet_account *account);

/* The record's memory, when the frame P is such a buffer alone and the room isn't taken, else NULL;
 * and back again, before the reference to P that who took it holds. Core lock held. */
void *inet_buffer_record_take(struct pbuf *p);
void inet_buffer_record_give(struct pbuf *p);

struct inet_account *inet_account_new(struct inet_sock *sock);
/* The socket goes. Core lock held. */
void inet_account_leave(struct inet_account *account);
/* May another be sent? Is it time to say so? As Linux: up to SO_SNDBUF, and half of it. */
static inline bool inet_account_room(const struct inet_account *account)
{
    return account->sock == NULL ||
           account->bytes < SOCKET_OPTION(&account->sock->base, send_buffer);
}
static inline bool inet_account_writable(const struct inet_account *account)
{
    return account->sock == NULL ||
           account->bytes < SOCKET_OPTION(&account->sock->base, send_buffer) / 2;
}

#endif
