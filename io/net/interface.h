/*
 * Network interfaces: what programs see as lo and eth0. An interface stands between a card
 * (sluice_netqueue; the loopback has none) and who uses it: the internet stack, packet sockets,
 * captures. It owns the card's opening, the queue of packets that the card had no credit for, the
 * counts, and the taps.
 *
 *     receive:   card -> interface -> taps -> stack's input
 *     send:      stack or packet socket -> interface_send -> taps -> card, or the waiting queue
 *
 * Lock order: the stack's core lock -> interface.lock (a spinlock; guards the waiting queue) -> the
 * card's. Taps and input run with interface.lock not held. interfaces_lock guards the table and
 * may be taken under the core lock; taps_lock is a leaf.
 */
#ifndef IO_NET_INTERFACE_H
#define IO_NET_INTERFACE_H

#include <sluice/env.h>
#include <sluice/list.h>
#include <sluice/netqueue.h>
#include <sluice/packet.h>

/* Flags, Linux's IFF_ values. */
#define INTERFACE_UP        0x1u
#define INTERFACE_BROADCAST 0x2u
#define INTERFACE_LOOPBACK  0x8u
#define INTERFACE_RUNNING   0x40u
#define INTERFACE_NOARP     0x80u
#define INTERFACE_PROMISC   0x100u
#define INTERFACE_ALLMULTI  0x200u
#define INTERFACE_MULTICAST 0x1000u
#define INTERFACE_LOWER_UP  0x10000u

#define INTERFACE_QUEUE_MAX 1000u /* packets waiting for credit: Linux's txqueuelen */

enum interface_direction { INTERFACE_RECEIVED, INTERFACE_SENT };

struct interface;

/* Sees frames of one interface, or of all. see runs for each frame before the stack has it (or
 * after it was sent), must not keep nor change the packet, may copy. [any] */
struct interface_tap {
    struct list link;
    oskit_u32_t index; /* 0: all */
    void (*see)(struct interface_tap *tap, const struct interface *interface,
                const struct packet *packet, enum interface_direction direction);
    /* The interface of `index` went down, or away. NULL: no matter. [thread] */
    void (*down)(struct interface_tap *tap);
    /* interface.c's, under the lock of taps: how many see run, and who waits for their end. */
    oskit_u32_t running;
    struct env_sleep *remover;
};
/* When remove returns no see runs. [thread] */
void interface_tap_add(struct interface_tap *tap);
void interface_tap_remove(struct interface_tap *tap);
extern _Atomic oskit_u32_t interface_taps; /* how many there are: 0 costs nothing */
/* Shows PACKET to them; for the loopback, whose packets don't come by here. [any] */
void interface_tap_show(const struct interface *interface, const struct packet *packet,
                        enum interface_direction direction);
/* Tells those of INTERFACE alone that it went down. [thread] */
void interface_tap_down(const struct interface *interface);

struct interface {
    struct list link; /* in the table, by index */
    _Atomic oskit_u32_t references;
    oskit_u32_t index; /* from 1: lo */
    char name[16];
    _Atomic oskit_u32_t flags;
    oskit_u16_t hardware; /* ARPHRD: 1 Ethernet, 772 loopback */
    _Atomic oskit_u32_t mtu;
    oskit_u8_t address[NETQUEUE_ADDRESS_MAX];
    oskit_u8_t broadcast[NETQUEUE_ADDRESS_MAX];
    oskit_u8_t address_length;
    sluice_netqueue_t *card; /* NULL: loopback */
    oskit_u32_t features;    /* NETQUEUE_*; the loopback has all */
    struct env_spinlock lock;
    struct list waiting; /* packets without credit */
    oskit_u32_t waiting_count;
    struct netqueue_statistics statistics; /* loopback's; and dropped for want of room */
    oskit_u32_t promiscuous;               /* who wants all frames */
    void *stack;                           /* the internet stack's netif */
};

/* With a reference each; NULL: there is none. [any] */
struct interface *interface_by_index(oskit_u32_t index);
struct interface *interface_by_name(const char *name);
struct interface *interface_next(struct interface *after); /* NULL: the first; gives AFTER back */
void interface_ref(struct interface *interface);
void interface_put(struct interface *interface);

/*
 * Sends PACKETS (chains, by link) through INTERFACE: to taps, then to the card as far as there is
 * credit; the rest waits, up to INTERFACE_QUEUE_MAX, and beyond that is dropped and counted
 * (OSKIT_ENOBUFS). All packets are taken. OSKIT_ENETDOWN. [any]
 */
oskit_error_t interface_send(struct interface *interface, struct list *packets);
/* The sum of the card's counts and our own. [any] */
void interface_get_statistics(struct interface *interface, struct netqueue_statistics *out);
/* One more, one less, who wants all frames. [thread] */
void interface_promiscuous(struct interface *interface, bool on);

/* What the stack does with frames; set once, before interfaces start. PACKETS are its own. [any] */
struct interface_stack {
    /* An interface appeared, goes (no more calls after), or changed its link, flags or MTU.
     * [thread] */
    void (*added)(struct interface *interface);
    void (*removed)(struct interface *interface);
    void (*changed)(struct interface *interface); /* [any] */
    void (*input)(struct interface *interface, struct list *packets);
};
/* Makes the loopback, and an interface for each card that is there or comes (netqueue_watch).
 * [thread] */
oskit_error_t interfaces_start(const struct interface_stack *stack);
/* Takes all interfaces away and closes the cards: for tests, which start anew. [thread] */
void interfaces_stop(void);

/* What a program may set of INTERFACE: the flags UP, ALLMULTI and PROMISC of those in MASK; the MTU
 * (OSKIT_E_INVALIDARG); the address (OSKIT_EOPNOTSUPP). [thread] */
void interface_set_flags(struct interface *interface, oskit_u32_t flags, oskit_u32_t mask);
oskit_error_t interface_set_mtu(struct interface *interface, oskit_u32_t mtu);
oskit_error_t interface_set_address(struct interface *interface, const oskit_u8_t *address);

#endif
