/*
 * What TCP, UDP and raw sockets share: names and lwIP's addresses, local ports, the options of the
 * levels IP and IPV6. Everything in struct inet_sock is guarded by the core lock (core.h) unless
 * it says otherwise.
 */
#ifndef IO_NET_INET_INET_SOCK_H
#define IO_NET_INET_INET_SOCK_H

#include <sluice/inet.h>
#include <sluice/list.h>
#include "inet_option.h"
#include "io/net/inet/core.h"
#include "lwip/ip_addr.h"
#include "lwip/netif.h"
#include "lwip/err.h"

/* Registers INET and INET6, and starts listening to what the network says of packets sent (ICMP).
 * Once, by inet_start. [thread] */
oskit_error_t inet_sockets_register(void);
/* The end of what it started, for tests; the families stay. [thread] */
void inet_sockets_stop(void);

/* ---- Local ports ---- */

struct inet_sock;

struct inet_port_table;
extern struct inet_port_table tcp_ports, udp_ports, udplite_ports;

/*
 * A local address and port that is taken: by a socket, or by a connection that outlives its socket
 * (then whoever ends the connection gives it back). Whether two may have the same is Linux's rule.
 */
struct inet_port {
    struct list link; /* by number */
    struct inet_port_table *table;
    oskit_u32_t references; /* the socket, the connection */
    ip_addr_t address;      /* type ANY: both families */
    oskit_u16_t number;
    oskit_u32_t interface; /* 0: any */
    oskit_u32_t uid;
    bool reuse_address, reuse_port;
    bool listening; /* TCP: REUSEADDR doesn't share it */
};

void inet_ports_init(void);
/*
 * Takes NUMBER at ADDRESS for SOCK, or a free number that nobody can foresee (RFC 6056) when it is
 * 0. OSKIT_EADDRINUSE, OSKIT_ENOBUFS. Core lock held.
 */
oskit_error_t inet_port_take(struct inet_port_table *table, const struct inet_sock *sock,
                             const ip_addr_t *address, oskit_u16_t number, struct inet_port **out);
/* One for a connection that came to LISTENER's port; NULL: no memory. Core lock held. */
struct inet_port *inet_port_join(struct inet_port_table *table, const struct inet_sock *sock);
/* Whether it may still be had when somebody wants to listen at it. Core lock held. */
bool inet_port_listen(struct inet_port *port);
/* Gives a reference back. NULL is ignored. Core lock held. */
void inet_port_put(struct inet_port *port);

/* ---- Sockets ---- */

struct inet_sock {
    struct socket base;
    struct inet_pending pending;
    struct list all; /* of its protocol, for inet_socket_each */
    ip_addr_t bound; /* what bind said; any: nothing */
    ip_addr_t local, remote;
    oskit_u16_t local_port, remote_port; /* host order; 0: none */
    struct inet_options ip;
    struct list errors; /* its error queue: inet_error.c */
    oskit_u32_t error_count;
};

static inline struct inet_sock *inet_of(struct socket *s)
{
    return (struct inet_sock *)s;
}
static inline bool inet_is6(const struct inet_sock *sock)
{
    return sock->base.kind->family == SOCKET_INET6;
}

void inet_sock_init(struct inet_sock *sock, const struct socket_kind *kind, oskit_s32_t type,
                    oskit_s32_t protocol, uint32_t level);
/* Leaves its groups; core lock held. */
void inet_sock_leave(struct inet_sock *sock);

/* The address that means "any" to a socket of this family: dual sockets have type ANY. */
void inet_any(const struct inet_sock *sock, ip_addr_t *out);

/*
 * From a name of a program's to lwIP's: family, length and scope are checked as Linux does. A
 * mapped address comes out as IPv4. BIND: for bind, where AF_UNSPEC with 0.0.0.0 is let through.
 * OSKIT_E_INVALIDARG, OSKIT_EAFNOSUPPORT, OSKIT_ENETUNREACH (the other family's, IPV6_V6ONLY).
 */
oskit_error_t inet_name_read(const struct inet_sock *sock, const struct socket_address *name,
                             bool bind, ip_addr_t *address, oskit_u16_t *port);
/* And back, as the socket's family has it. */
void inet_name_write(const struct inet_sock *sock, const ip_addr_t *address, oskit_u16_t port,
                     struct socket_address *out);
/* The same for /proc and the like, by the address's own family. */
void inet_name_plain(oskit_s32_t family, const ip_addr_t *address, oskit_u16_t port,
                     struct socket_address *out);

/* Whether ADDRESS is one of the machine's own, or any; core lock held. */
bool inet_is_local(const ip_addr_t *address);
/* Whether a socket may bind to it: also a group's and everybody's. Core lock held. */
oskit_error_t inet_bind_check(const struct inet_sock *sock, const ip_addr_t *address);
/* Ports below 1024 are root's. [thread] */
bool inet_port_permitted(oskit_u16_t port);

/* The interface that packets of SOCK to ADDRESS leave by; NULL: unreachable. Core lock held. */
struct netif *inet_route(const struct inet_sock *sock, const ip_addr_t *source,
                         const ip_addr_t *address);

/* The machine's address for what goes to ADDRESS by NETIF; NULL: none. Core lock held. */
const ip_addr_t *inet_source(struct netif *netif, const ip_addr_t *address);

/* By an interface's index. NULL. Core lock held. */
struct netif *inet_netif(oskit_u32_t index);
oskit_u32_t inet_netif_index(const struct netif *netif);

oskit_error_t inet_error(err_t err);

/* An error of the network's about what SOCK sent, as ICMP told. */
struct inet_report {
    oskit_error_t error;
    bool fatal; /* ends a connection attempt */
    bool v6;
    oskit_u8_t type, code;
    oskit_u32_t info; /* the MTU, of "too big" */
    ip_addr_t offender;
    ip_addr_t source, destination; /* of the packet that was sent */
    oskit_u16_t source_port, destination_port;
    const void *data; /* what came back of it after its transport header */
    oskit_u32_t length;
};
/* Core lock held. */
void tcp_reported(const struct inet_report *report);
void udp_reported(const struct inet_report *report, bool lite);
void raw_reported(oskit_u8_t protocol, const struct inet_report *report);
oskit_error_t inet_icmp_start(void);
void inet_icmp_stop(void);
/* Into SOCK's error queue (IP_RECVERR). */
void inet_error_put(struct inet_sock *sock, const struct inet_report *report);

oskit_error_t tcp_socket_create(oskit_s32_t family, oskit_s32_t protocol, sluice_socket_t **out);
oskit_error_t udp_socket_create(oskit_s32_t family, oskit_s32_t protocol, sluice_socket_t **out);
oskit_error_t raw_socket_create(oskit_s32_t family, oskit_s32_t protocol, sluice_socket_t **out);
oskit_error_t ping_socket_create(oskit_s32_t family, oskit_s32_t protocol, sluice_socket_t **out);
oskit_error_t udp_start(void);
void udp_stop(void);

/* For inet_socket_each: those of one protocol. false: SHOW has had enough. Core lock held. */
bool tcp_each(oskit_s32_t family, bool (*show)(void *arg, const struct inet_socket *socket),
              void *arg);
bool udp_each(oskit_s32_t family, bool (*show)(void *arg, const struct inet_socket *socket),
              void *arg);
bool raw_each(oskit_s32_t family, bool (*show)(void *arg, const struct inet_socket *socket),
              void *arg);

#endif
