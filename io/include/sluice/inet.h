/*
 * The internet stack (lwIP beneath, under one lock) as its host sees it: start it, configure it,
 * list what is in it. Sockets are made by <sluice/socket.h>. Addresses are in network order.
 * [thread] throughout.
 */
#ifndef SLUICE_INET_H
#define SLUICE_INET_H

#include <stdbool.h>
#include <oskit/error.h>
#include <oskit/types.h>
#include <sluice/netqueue.h>
#include <sluice/socket.h>

/*
 * Starts the stack with the loopback and every card, and registers the families INET, INET6, PACKET
 * and NETLINK. CONFIG is the command line's ip= option, NULL: none:
 *   dhcp                     on the first card (default when there is a card)
 *   none                     addresses come from programs
 *   ADDRESS/LENGTH[,GATEWAY[,NAMESERVER]]
 * OSKIT_E_INVALIDARG with one clear line in the log for another text (started all the same, as
 * none).
 */
oskit_error_t inet_start(const char *config);
/* Takes everything down again, for tests: sockets must be gone. */
void inet_stop(void);
/* Waits till the first card has an address or DEADLINE has passed (env_time_monotonic): true. */
bool inet_wait_configured(oskit_u64_t deadline);

struct inet_address {
    oskit_s32_t family; /* SOCKET_INET or INET6 */
    oskit_u8_t bytes[16];
    oskit_u8_t prefix; /* bits */
};

struct inet_interface {
    oskit_u32_t index;
    char name[16];
    oskit_u32_t flags; /* IFF_ values */
    oskit_u16_t hardware;
    oskit_u32_t mtu;
    oskit_u8_t address[NETQUEUE_ADDRESS_MAX], broadcast[NETQUEUE_ADDRESS_MAX];
    oskit_u8_t address_length;
    struct netqueue_statistics statistics;
    oskit_u32_t address_count;
    struct {
        struct inet_address address;
        oskit_u8_t scope; /* RT_SCOPE values */
        bool tentative, permanent;
        oskit_u32_t valid, preferred; /* seconds left; UINT32_MAX: for ever */
    } addresses[8];
};
/* The interface with the least index >= INDEX; false: none. */
bool inet_interface_get(oskit_u32_t index, struct inet_interface *out);
bool inet_interface_find(const char *name, struct inet_interface *out);
/* MASK says which bits of FLAGS count (UP, PROMISC, ALLMULTI). OSKIT_ENODEV, OSKIT_EOPNOTSUPP. */
oskit_error_t inet_interface_set_flags(oskit_u32_t index, oskit_u32_t flags, oskit_u32_t mask);
oskit_error_t inet_interface_set_mtu(oskit_u32_t index, oskit_u32_t mtu);
oskit_error_t inet_interface_set_address(oskit_u32_t index, const oskit_u8_t *address);
/* OSKIT_EEXIST, OSKIT_EADDRNOTAVAIL, OSKIT_ENOBUFS (the stack keeps one IPv4 address and few IPv6
 * ones an interface): who wants another IPv4 address removes the one that is there. */
oskit_error_t inet_address_add(oskit_u32_t index, const struct inet_address *address);
oskit_error_t inet_address_remove(oskit_u32_t index, const struct inet_address *address);

struct inet_route {
    struct inet_address destination; /* prefix 0: default */
    struct inet_address gateway;     /* family 0: none, on the link */
    oskit_u32_t interface;
    oskit_u32_t metric;
};
/* Calls SHOW for each until it returns false. SHOW must not call the stack. */
void inet_route_each(bool (*show)(void *arg, const struct inet_route *route), void *arg);
oskit_error_t inet_route_add(const struct inet_route *route);
oskit_error_t inet_route_remove(const struct inet_route *route);

struct inet_neighbour {
    struct inet_address address;
    oskit_u8_t hardware[NETQUEUE_ADDRESS_MAX];
    oskit_u32_t interface;
    oskit_u16_t state; /* NUD_ values */
};
void inet_neighbour_each(bool (*show)(void *arg, const struct inet_neighbour *neighbour),
                         void *arg);
oskit_error_t inet_neighbour_set(const struct inet_neighbour *neighbour, bool remove);

/* A socket as /proc/net shows it; state has Linux's TCP_ values (7, CLOSE, for those without). */
struct inet_socket {
    oskit_s32_t family, type, protocol;
    struct socket_address local, remote;
    oskit_u8_t state;
    oskit_u32_t send_queue, receive_queue; /* bytes; of a listener: backlog, waiting */
    oskit_u32_t uid;
    oskit_u64_t ino;
    oskit_u32_t references, drops, retransmits;
};
void inet_socket_each(oskit_s32_t family, oskit_s32_t type,
                      bool (*show)(void *arg, const struct inet_socket *socket), void *arg);

/* Name servers that DHCP or ip= gave: how many of ADDRESSES were filled in, at most MAX. */
oskit_u32_t inet_name_servers(struct inet_address *addresses, oskit_u32_t max);

/* Counts for /proc/net/snmp and netstat -s: name and value, by protocol. */
void inet_counts_each(void (*show)(void *arg, const char *protocol, const char *name,
                                   oskit_u64_t value),
                      void *arg);
/* Packet buffers (pbufs) and connections that exist now: tests end with what they began with. */
oskit_u32_t inet_buffers_live(void);

#endif
