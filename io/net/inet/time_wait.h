/* Connections that are over and wait, so that nothing of theirs is taken for a later one's.
 * Everything under the core lock, and not in a callback of lwIP's unless it says so. */
#ifndef IO_NET_INET_TIME_WAIT_H
#define IO_NET_INET_TIME_WAIT_H

#include <stdbool.h>
#include <oskit/error.h>
#include "inet_sock.h"

/* From now on segments for those that wait are read before lwIP has them. [takes the lock] */
oskit_error_t inet_time_wait_start(void);
/* Forgets all of them. [takes the lock] */
void inet_time_wait_stop(void);
/* Takes over what lwIP has in TIME_WAIT: call when tcp_tw_pcbs isn't empty. */
void inet_time_wait_take(void);
/* A connection between these begins anew. */
void inet_time_wait_forget(const ip_addr_t *local, oskit_u16_t local_port, const ip_addr_t *remote,
                           oskit_u16_t remote_port);
oskit_u32_t inet_time_wait_count(void);
/* For /proc. */
bool inet_time_wait_each(oskit_s32_t family,
                         bool (*show)(void *arg, const struct inet_socket *socket), void *arg);

#endif
