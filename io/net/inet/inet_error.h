/* Error queues: what the network told about packets sent (IP_RECVERR, IPV6_RECVERR). */
#ifndef IO_NET_INET_INET_ERROR_H
#define IO_NET_INET_INET_ERROR_H

#include "inet_sock.h"

/* recvmsg with MSG_ERRQUEUE. OSKIT_EWOULDBLOCK: it is empty. [thread] */
oskit_error_t inet_error_receive(struct inet_sock *sock, struct socket_message *message,
                                 oskit_size_t *out);
/* All of it, for destroy. Core lock held. */
void inet_error_drop(struct inet_sock *sock);

#endif
