/* How interfaces get their addresses. */
#ifndef IO_NET_INET_CONFIGURE_H
#define IO_NET_INET_CONFIGURE_H

#include <oskit/error.h>

struct inet_netif;

/* Takes the text of ip= (<sluice/inet.h>, inet_start). OSKIT_E_INVALIDARG: not understood, none
 * then. Before the interfaces come; core lock held. */
oskit_error_t inet_configure_parse(const char *text);
/* From now on those who want to know are told of changes; no more. Core lock held. */
void inet_configure_start(void);
void inet_configure_stop(void);
/* A program sets the address itself. Core lock held. */
void inet_configure_dhcp_stop(struct inet_netif *netif);

#endif
