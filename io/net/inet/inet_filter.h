/*
 * What programs attach to internet sockets to look at what comes (SO_ATTACH_FILTER). They see what
 * they see on Linux: TCP's and UDP's segments from their header on, of raw and ping sockets what
 * the socket would be given; and in front of that, at SKF_NET_OFF, IP's header. Core lock.
 */
#ifndef IO_NET_INET_INET_FILTER_H
#define IO_NET_INET_INET_FILTER_H

#include "inet_queue.h"

struct segment_options;
struct tcp_hdr;

/* Of a datagram, whose P is the payload alone: what SOCK, which has a filter, wants of it, P's
 * reference taken over. NULL: nothing. */
struct pbuf *inet_filter_datagram(struct inet_sock *sock, const struct inet_datagram *datagram);
/* Of what a raw or ping socket is given, COPY, one pbuf before whose payload are HEADER bytes of
 * IP's; cuts off of it what isn't wanted. false: nothing is. */
bool inet_filter_copy(struct inet_sock *sock, const struct inet_datagram *datagram,
                      struct pbuf *copy, oskit_u16_t header);
/* Of a TCP segment that lwIP is handing over, HEADER in host order, P what comes behind it and
 * OPTIONS: cuts off what isn't wanted. false: nothing is. */
bool inet_filter_segment(struct inet_sock *sock, const struct tcp_hdr *header,
                         const struct segment_options *options, struct pbuf *p);

#endif
