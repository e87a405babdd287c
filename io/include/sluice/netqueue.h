/*
 * sluice_netqueue: a network card as two queues of packets with offloads. The seed's etherdev and
 * netdev (open with a netio for each direction) stand beside it: a netio push is a batch of one. A
 * stack queries a card for this interface first, and falls back to netdev's open when the answer is
 * OSKIT_E_NOINTERFACE; netqueue_of_netdev does that for it.
 *
 * One client at a time opens a card. It gives callbacks, and submits batches:
 *
 *     taken = sluice_netqueue_submit(card, &list)    those not taken stay on the list: no credit
 *     ... client->writable()                         credit is back after a refusal
 *
 * Receiving is interrupt, then poll with a budget: the card's handler turns its interrupt off and
 * hands over batches of packets until there are no more or the budget is spent; then a thread of
 * the card's goes on, so that programs get their turn.
 */
#ifndef SLUICE_NETQUEUE_H
#define SLUICE_NETQUEUE_H

#include <stdbool.h>
#include <oskit/com.h>
#include <oskit/dev/ethernet.h>
#include <oskit/dev/net.h>
#include <oskit/error.h>
#include <oskit/types.h>
#include <sluice/list.h>
#include <sluice/packet.h>

#define NETQUEUE_ADDRESS_MAX 8
#define NETQUEUE_BUDGET      64u /* packets in one turn in interrupt context */

/* What a card can do. */
#define NETQUEUE_TX_SUM   1u  /* PACKET_SUM_WANTED */
#define NETQUEUE_TX_TSO4  2u  /* PACKET_GSO_TCP4 */
#define NETQUEUE_TX_TSO6  4u  /* PACKET_GSO_TCP6 */
#define NETQUEUE_RX_SUM   8u  /* may say PACKET_SUM_GOOD */
#define NETQUEUE_RX_LARGE 16u /* may join received TCP segments up to 64 KiB */

struct netqueue_info {
    char name[16];     /* "eth0"; the driver's order of arrival */
    char driver[16];   /* "virtio_net" */
    char location[24]; /* "00:03.0" */
    oskit_u8_t address[NETQUEUE_ADDRESS_MAX];
    oskit_u8_t address_length; /* 6 for Ethernet */
    oskit_u32_t mtu;           /* largest payload of a frame, without the link header */
    oskit_u32_t features;      /* NETQUEUE_* */
    oskit_u32_t segments_max;  /* in a packet to send */
    oskit_u32_t depth;         /* packets that can be on their way out */
    oskit_u32_t queues;        /* pairs in use */
};

struct netqueue_statistics {
    oskit_u64_t rx_packets, rx_bytes, rx_errors, rx_dropped;
    oskit_u64_t tx_packets, tx_bytes, tx_errors, tx_dropped;
    oskit_u64_t rx_multicast;
    oskit_u64_t notifications; /* times the device was told of new packets or buffers */
    oskit_u64_t interrupts;
    oskit_u64_t polls; /* turns that went on in the thread */
};

struct netqueue_client {
    /* PACKETS: packet.link of the first of each chain, COUNT of them, now the client's. Never two
     * calls at once of one queue; of different queues, yes. [any; no lock of the card held] */
    void (*receive)(void *arg, struct list *packets, oskit_u32_t count);
    /* After a submit that left packets over: try again. [any; no lock of the card held] */
    void (*writable)(void *arg);
    /* The link went up or down, or the card has gone for good (GONE: no more calls, submit takes
     * and drops). [any; no lock of the card held] */
    void (*changed)(void *arg, bool up, bool gone);
};

/* Frames that the card hands over besides those for its own address and broadcasts. */
#define NETQUEUE_ALL_MULTICAST 1u
#define NETQUEUE_PROMISCUOUS   2u

typedef struct sluice_netqueue {
    struct sluice_netqueue_ops *ops;
} sluice_netqueue_t;

struct sluice_netqueue_ops {
    OSKIT_COMDECL_IUNKNOWN(sluice_netqueue_t)
    /* Starts it: CLIENT, with ARG, is called from now on. OSKIT_EBUSY: it is open, by this way or
     * the seed's. [thread] */
    oskit_error_t (*open)(sluice_netqueue_t *self, const struct netqueue_client *client, void *arg);
    /* Stops it. When it returns no callback runs, and packets submitted are done. [thread] */
    void (*close)(sluice_netqueue_t *self);
    /*
     * Takes packets off the front of PACKETS as long as there is credit, with one notification for
     * all; how many. What a card can't send (too long, too many segments, an offload that it hasn't
     * announced) it takes, drops and counts. Sent packets are given back (packet_done) here, or
     * when an interrupt or timer gets round to it: a stack that needs its memory soon may call
     * reclaim. [any]
     */
    oskit_u32_t (*submit)(sluice_netqueue_t *self, struct list *packets);
    void (*reclaim)(sluice_netqueue_t *self);                                         /* [any] */
    void (*get_info)(sluice_netqueue_t *self, struct netqueue_info *out);             /* [any] */
    void (*get_statistics)(sluice_netqueue_t *self, struct netqueue_statistics *out); /* [any] */
    bool (*link)(sluice_netqueue_t *self);                                            /* [any] */
    /* MODE is NETQUEUE_* above. A card that can't filter hands all over. [thread] */
    oskit_error_t (*set_receive)(sluice_netqueue_t *self, oskit_u32_t mode,
                                 const oskit_u8_t (*multicast)[6], oskit_u32_t multicast_count);
    /* OSKIT_EOPNOTSUPP when the card doesn't let it be changed. [thread] */
    oskit_error_t (*set_address)(sluice_netqueue_t *self, const oskit_u8_t *address);
};
extern const struct oskit_guid sluice_netqueue_iid; /* SLUICE_GUID(0x5ac10070) */

#define sluice_netqueue_open(q, client, arg)    ((q)->ops->open((q), (client), (arg)))
#define sluice_netqueue_close(q)                ((q)->ops->close(q))
#define sluice_netqueue_submit(q, packets)      ((q)->ops->submit((q), (packets)))
#define sluice_netqueue_reclaim(q)              ((q)->ops->reclaim(q))
#define sluice_netqueue_get_info(q, out)        ((q)->ops->get_info((q), (out)))
#define sluice_netqueue_get_statistics(q, out)  ((q)->ops->get_statistics((q), (out)))
#define sluice_netqueue_link(q)                 ((q)->ops->link(q))
#define sluice_netqueue_set_receive(q, m, l, n) ((q)->ops->set_receive((q), (m), (l), (n)))
#define sluice_netqueue_set_address(q, address) ((q)->ops->set_address((q), (address)))
#define sluice_netqueue_addref(q)               ((q)->ops->addref(q))
#define sluice_netqueue_release(q)              ((q)->ops->release(q))

/*
 * NETDEV's own netqueue if it has one, else one over a seed-only netdev or etherdev: no offloads,
 * pushes one by one; what the card refuses is dropped and counted, since it has no way to tell when
 * it would take more. Takes a reference. [thread]
 */
oskit_error_t netqueue_of_netdev(oskit_netdev_t *netdev, sluice_netqueue_t **out);

/*
 * The cards. A driver adds each card it finds and removes one that has gone; WATCH is told of both,
 * and at once of those that are there; it must not call these functions. One watcher: the stack;
 * NULL: no more. [thread]
 */
oskit_error_t netqueue_add(sluice_netqueue_t *card);
void netqueue_remove(sluice_netqueue_t *card);
void netqueue_watch(void (*watch)(void *arg, sluice_netqueue_t *card, bool added), void *arg);
/* "eth0", "eth1" ...: the first that no card has which was added. Buses attach one device at a
 * time, so that it is free still when the card is added. [thread] */
void netqueue_name(char name[16]);

#endif
