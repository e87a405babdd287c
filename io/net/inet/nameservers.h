/* Name servers that were announced to us. */
#ifndef IO_NET_INET_NAMESERVERS_H
#define IO_NET_INET_NAMESERVERS_H

#include <stdint.h>
#include "lwip/ip_addr.h"

/* How many of OUT were filled in, IPv4's first. Core lock held. */
uint32_t inet_nameservers_get(ip_addr_t *out, uint32_t max);

#endif
