/*
 * UDP sockets. UDP itself is here, not lwIP's: finding the socket in a table and by Linux's rules,
 * the header, the checksum. lwIP brings datagrams by a raw pcb and takes what no socket wants on
 * to its own (the DHCP client's, or an ICMP "port unreachable").
 *
 * UDP-Lite (RFC 3828) is the same with ports of its own, and a checksum that covers as much of a
 * datagram's beginning as its header says where UDP has the length.
 *
 *   udp.c           the kind: binding, connecting, names, options, ioctl
 *   udp_input.c     from the network to sockets
 *   udp_transmit.c      from programs to the network; what control data ask
 */
#ifndef IO_NET_INET_UDP_H
#define IO_NET_INET_UDP_H

#include "inet_buffer.h"
#include "inet_queue.h"
#include "inet_sock.h"

/* How much of a datagram the checksum covers, header included; 0: all of it. */
struct udp_coverage {
    bool set;
    oskit_u16_t bytes;
};

struct udp_socket {
    struct inet_sock inet;
    struct inet_port *port;
    bool port_chosen; /* by bind: stays when a connection is dissolved */
    bool connected, stamping;
    struct udp_coverage send_coverage, receive_coverage;
    oskit_u32_t shut;   /* bits: 1 reading, 2 writing */
    struct list hashed; /* by local port; empty: none */
    struct inet_queue queue;
    struct inet_account *account;
    struct env_mutex cork_mutex;
    struct inet_buffer *corked; /* UDP_CORK, MSG_MORE: what has come together; cork_mutex */
    bool cork;
    ip_addr_t corked_address;
    oskit_u16_t corked_port;
};

static inline struct udp_socket *udp_of(struct socket *s)
{
    return (struct udp_socket *)s;
}

/* Its table of ports, and the protocol of what it sends. */
static inline bool udp_is_lite(const struct udp_socket *u)
{
    return u->inet.base.protocol == INET_SOL_UDPLITE;
}
static inline struct inet_port_table *udp_port_table(const struct udp_socket *u)
{
    return udp_is_lite(u) ? &udplite_ports : &udp_ports;
}

#define UDP_HEADER 8u
#define UDP_MAX4   (65535u - 20u - UDP_HEADER)
#define UDP_MAX6   (65535u - UDP_HEADER)

/* ---- udp_input.c ---- */
void udp_hash_init(void);
/* For the first socket of UDP-Lite, since whatever arrives passes by all of lwIP's raw pcbs; till
 * udp_stop. OSKIT_ENOBUFS. */
oskit_error_t udp_lite_start(void);
void udp_hash_add(struct udp_socket *u); /* by its local port */
void udp_hash_remove(struct udp_socket *u);
/* DATAGRAM, whose p has the payload alone, to every socket that it is for. false: there is none,
 * and the pbufs are still the caller's. MANY: a group's or everybody's. Core lock held. */
bool udp_deliver(const struct inet_datagram *datagram, bool lite, bool many);
/* The socket that a report is about: NULL. */
struct udp_socket *udp_find_sender(const struct inet_report *report, bool lite);

/* ---- udp_transmit.c ---- */
oskit_error_t udp_transmit(struct socket *s, struct socket_message *message, oskit_size_t *out);
/* Takes a port if there is none. Core lock held. */
oskit_error_t udp_autobind(struct udp_socket *u);
struct inet_output;
/* Sends what has come together, by OUTPUT's ttl and the like. cork_mutex held. */
oskit_error_t udp_uncork(struct udp_socket *u, struct inet_output *output);

#endif
