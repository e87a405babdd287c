/* Where a datagram is to go, and how: from the socket's options and the message's control data. */
#ifndef IO_NET_INET_INET_OUTPUT_H
#define IO_NET_INET_INET_OUTPUT_H

#include "inet_sock.h"

/* What means something to receiving only, and is taken and forgotten, as on Linux. */
#define INET_SEND_IDLE (SOCKET_MSG_PEEK | SOCKET_MSG_CTRUNC | SOCKET_MSG_TRUNC | SOCKET_MSG_WAITALL)

struct inet_output {
    ip_addr_t destination;
    oskit_u16_t port;
    ip_addr_t source;      /* type ANY: the interface's */
    oskit_u32_t interface; /* 0: the route's */
    oskit_s32_t ttl, tos;  /* -1: the socket's */
    bool whole;            /* not to be cut into fragments: EMSGSIZE */
    bool direct;           /* MSG_DONTROUTE */
    /* By inet_output_route: */
    struct netif *netif;
    bool broadcast; /* the destination, on that net */
};

/* Reads CONTROL. OSKIT_E_INVALIDARG. [thread] */
oskit_error_t inet_output_control_read(const struct inet_sock *sock,
                                       const struct socket_control *control,
                                       struct inet_output *output);
/* What MESSAGE says of it: flags, control data. OSKIT_E_INVALIDARG. [thread] */
static inline oskit_error_t inet_output_control(const struct inet_sock *sock,
                                                const struct socket_message *message,
                                                struct inet_output *output)
{
    output->direct = message->flags & SOCKET_MSG_DONTROUTE;
    if (message->control == NULL)
        return OSKIT_SUCCESS;
    return inet_output_control_read(sock, message->control, output);
}

/* Finds interface, source, ttl, tos, and whether it is a broadcast. OSKIT_ENETUNREACH, OSKIT_EACCES
 * (broadcast without SO_BROADCAST), OSKIT_EADDRNOTAVAIL. Core lock held. */
oskit_error_t inet_output_route(const struct inet_sock *sock, struct inet_output *output);

#endif
