/*
 * Datagrams that have come for a socket: a ring that grows, bounded by SO_RCVBUF, in lwIP's pbufs
 * as they came. And the control data that tell of them. Core lock unless said otherwise.
 */
#ifndef IO_NET_INET_INET_QUEUE_H
#define IO_NET_INET_INET_QUEUE_H

#include "inet_sock.h"
#include "lwip/pbuf.h"

struct inet_datagram {
    struct pbuf *p; /* payload: what the program sees */
    ip_addr_t source, destination;
    oskit_u16_t source_port, destination_port;
    oskit_u32_t interface;
    oskit_u8_t ttl, tos;
    oskit_u16_t coverage; /* UDP-Lite: bytes that the checksum covers; 0: all */
    oskit_s64_t time;     /* env_time_real, when anybody wants it; else 0 */
    oskit_u32_t dropped;  /* how many of the socket's had been, before this one */
};

struct inet_queue {
    struct inet_datagram *ring;
    oskit_u32_t size, first, count; /* size: a power of two, or 0 */
    oskit_u32_t bytes;              /* with what they take besides */
    oskit_u32_t dropped;
};

/* For the kinds' `changed`: the port, which may be NULL, and whether it counts in inet_stamps. */
oskit_error_t inet_datagram_changed(struct inet_sock *sock, struct inet_port *const *place,
                                    bool *stamping, oskit_s32_t name);

/* How many sockets want to know the time that something came. */
extern _Atomic oskit_u32_t inet_stamps;

/* What lwIP knows of the packet that it is handing over. */
void inet_datagram_fill(struct inet_datagram *datagram, struct pbuf *p);
/* Takes over a reference to DATAGRAM->p. false: no room, no memory; it is dropped and counted. */
bool inet_queue_put(struct inet_queue *queue, const struct inet_datagram *datagram,
                    oskit_u32_t limit);
bool inet_queue_take(struct inet_queue *queue, struct inet_datagram *out);
/* The first, which stays; *OUT has a reference to its pbufs. */
bool inet_queue_peek(struct inet_queue *queue, struct inet_datagram *out);
void inet_queue_drop(struct inet_queue *queue);

/* What SOCK's program wants to know of DATAGRAM, into MESSAGE's control data. [thread] */
void inet_datagram_tell(const struct inet_sock *sock, const struct inet_datagram *datagram,
                        struct socket_message *message);
/* LENGTH bytes at OFFSET of P to UIO. [thread, no lock] */
oskit_error_t inet_pbuf_copy(const struct pbuf *p, oskit_u32_t offset, oskit_u32_t length,
                             struct sluice_uio *uio, oskit_size_t *moved);

/*
 * The whole receive call, but for the kinds' names: takes or peeks, copies, fills in control data,
 * flags, length. OSKIT_EWOULDBLOCK, or the pending error. *GOT tells what it was. [thread]
 */
oskit_error_t inet_datagram_receive(struct inet_sock *sock, struct inet_queue *queue,
                                    struct socket_message *message, struct inet_datagram *got,
                                    oskit_size_t *out);

#endif
