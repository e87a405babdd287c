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

struct inet_buffer {
    struct pbuf_custom custom;
    struct inet_account *account; /* NULL: not yet sent */
    oskit_u32_t size;             /* of the allocation */
    oskit_u8_t bytes[];
};

/* One of LENGTH bytes; NULL: no memory. [thread] */
struct inet_buffer *inet_buffer_new(oskit_u32_t length);
static inline void *inet_buffer_bytes(struct inet_buffer *buffer)
{
    return buffer->custom.pbuf.payload;
}
/* Of one that isn't lwIP's yet. [any] */
void inet_buffer_discard(struct inet_buffer *buffer);
/* From now on it counts. Core lock held. */
void inet_buffer_charge(struct inet_buffer *buffer, struct inet_account *account);

struct inet_account *inet_account_new(struct inet_sock *sock);
/* The socket goes. Core lock held. */
void inet_account_leave(struct inet_account *account);
/* May another be sent? Is it time to say so? As Linux: up to SO_SNDBUF, and half of it. */
bool inet_account_room(const struct inet_account *account);
bool inet_account_writable(const struct inet_account *account);

#endif
