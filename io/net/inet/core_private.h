/* What the parts of the stack share, under the core lock unless said otherwise. */
#ifndef IO_NET_INET_CORE_PRIVATE_H
#define IO_NET_INET_CORE_PRIVATE_H

#include "io/net/inet/core.h"

/* lwIP has started a timer: inet_unlock has ours follow. */
extern bool inet_timers_changed;

/* Starts lwIP and the timers, once. [thread] */
void inet_core_start(void);

#endif
