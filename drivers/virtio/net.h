/*
 * virtio-net: a network card as two queues of packets (<sluice/netqueue.h>), and as the seed's
 * etherdev and netdev.
 *
 *   net.c          attach and detach, what the device says of itself, the object
 *   net_open.c     open and close: the device runs in between only
 *   net_receive.c  frames in: interrupt, then poll with a budget
 *   net_send.c     frames out, and back
 *   net_control.c  commands: which frames to receive, the address, how many queues
 *   net_worker.c   a thread a receive queue: polls on, fills the ring, resets
 *   net_seed.c     the seed's interfaces
 *
 * A device has up to a pair of queues a CPU. A packet is sent by the queue of the CPU that submits
 * it. A receive queue is one party's at a time, who has set `active`: its interrupt's handler, or
 * its worker when the handler's budget was spent.
 *
 * Who notices that the device lies or has gone asks worker 0 for a reset. The worker stops the
 * queues, gives back all that was in them, and begins anew. A device that has carried no packet
 * since the reset before, or doesn't come back, is given up: the client is told that it has gone.
 *
 * Lock order: net.mutex (open, close, detach) -> net.control.mutex (commands) -> one spinlock of:
 * receive.lock, send.lock, control.lock, worker.lock -> a pool's. The client is called, and packets
 * are given back, with none of these spinlocks held; dropped frames go back to their pool under
 * receive.lock.
 */
#ifndef DRIVERS_VIRTIO_NET_H
#define DRIVERS_VIRTIO_NET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <oskit/dev/ethernet.h>
#include <oskit/dev/net.h>
#include <sluice/env.h>
#include <sluice/netqueue.h>
#include <sluice/object.h>
#include <sluice/packet.h>
#include "transport.h"
#include "virtqueue.h"

/* ---- The device's own (virtio 1.2, section 5.1) ---- */

#define NET_F_CSUM          VIRTIO_F(0)
#define NET_F_GUEST_CSUM    VIRTIO_F(1)
#define NET_F_MTU           VIRTIO_F(3)
#define NET_F_MAC           VIRTIO_F(5)
#define NET_F_GUEST_TSO4    VIRTIO_F(7)
#define NET_F_GUEST_TSO6    VIRTIO_F(8)
#define NET_F_HOST_TSO4     VIRTIO_F(11)
#define NET_F_HOST_TSO6     VIRTIO_F(12)
#define NET_F_MRG_RXBUF     VIRTIO_F(15)
#define NET_F_STATUS        VIRTIO_F(16)
#define NET_F_CTRL_VQ       VIRTIO_F(17)
#define NET_F_CTRL_RX       VIRTIO_F(18)
#define NET_F_MQ            VIRTIO_F(22)
#define NET_F_CTRL_MAC_ADDR VIRTIO_F(23)

#define NET_F_GUEST_TSO (NET_F_GUEST_TSO4 | NET_F_GUEST_TSO6)
#define NET_F_HOST_TSO  (NET_F_HOST_TSO4 | NET_F_HOST_TSO6)

/* Configuration: offsets, and widths in bytes. */
#define CONFIG_MAC       0 /* six of one byte */
#define CONFIG_STATUS    6, 2
#define CONFIG_MAX_PAIRS 8, 2
#define CONFIG_MTU       10, 2

#define STATUS_LINK_UP 1u

/* In front of each frame. */
struct net_header {
    uint8_t flags, gso;
    uint16_t header_length, gso_size, sum_start, sum_offset;
    uint16_t buffers; /* only with MRG_RXBUF or VERSION_1 */
};
_Static_assert(sizeof(struct net_header) == 12, "the device's layout");
#define NET_HEADER_SHORT offsetof(struct net_header, buffers)

#define HEADER_NEEDS_SUM 1u
#define HEADER_SUM_GOOD  2u

enum net_gso { GSO_NONE = 0, GSO_TCP4 = 1, GSO_TCP6 = 4, GSO_ECN = 0x80 };

#define ETHERNET_ADDRESS 6u
#define ETHERNET_HEADER  14u
#define ETHERNET_TAG     4u /* of a VLAN */
#define FRAME_LARGE      (65535u + ETHERNET_HEADER + ETHERNET_TAG)

/* ---- Ours ---- */

/* What lies in a slot's block of a send queue in front of its descriptors; with them it has 128
 * bytes. */
#define SEND_DESCRIPTORS 7u

struct net;

/* A thread of the card's; see net_worker.c. */
struct net_worker {
    struct net_receive *receive;
    struct env_spinlock lock;
    /* Under it: */
    uint32_t work;            /* WORK_* */
    struct env_sleep *asleep; /* while it sleeps */
    struct env_sleep *joiner; /* who waits for its end */
    bool running;
};

#define WORK_POLL  1u
#define WORK_FILL  2u
#define WORK_RESET 4u /* worker 0 only */
#define WORK_LEAVE 8u /* the device is about to go; worker 0 only */
#define WORK_QUIT  16u

struct net_receive {
    struct net *net;
    struct virtqueue *virtqueue;
    struct packet_pool *pool; /* while the card is open */
    struct net_worker worker;
    struct env_spinlock lock;
    /* Under it: */
    bool stopped; /* nobody touches the ring: closed, in reset, or dead */
    bool active;  /* somebody is taking frames out and will look again before it ends */
    uint64_t packets, bytes, errors, dropped, multicast, notifications, interrupts, polls;
};

struct net_send {
    struct net *net;
    struct virtqueue *virtqueue;
    struct env_spinlock lock;
    /* Under it: */
    bool stopped; /* nobody touches the ring */
    bool dead;    /* what is submitted is dropped */
    bool waiting; /* packets were left over: the client wants to hear of credit */
    uint64_t packets, bytes, errors, dropped, notifications, interrupts;
    uint64_t returned; /* packets that the device was done with */
};

struct net_control {
    struct env_mutex mutex; /* one command at a time */
    /* Under the mutex: */
    uint32_t mode; /* NETQUEUE_* */
    uint32_t multicast_count;
    uint8_t (*multicast)[ETHERNET_ADDRESS];
    bool address_set;            /* the address is the client's wish, not the device's own */
    struct virtqueue *virtqueue; /* NULL: the device has none */
    uint8_t *page;               /* of the command */
    struct env_spinlock lock;
    /* Under the lock: */
    struct env_sleep *waiter;
    bool stopped;
};

struct net {
    struct sluice_object object;
    SLUICE_FACE(sluice_netqueue_t) face;
    SLUICE_FACE(oskit_etherdev_t) etherdev;
    SLUICE_FACE(oskit_netdev_t) netdev;
    struct virtio_device *device; /* NULL when it has gone; under the mutex */
    /* Immutable after attach: */
    struct netqueue_info info; /* but for the address: control.mutex and control.lock */
    uint64_t features;         /* that it may agree on */
    unsigned pairs;
    struct net_receive *receives;
    struct net_send *sends;
    struct net_control control;
    struct env_mutex mutex;
    /* Under the mutex, and steady while the device runs: */
    bool open;
    _Atomic bool running;
    const struct netqueue_client *client;
    void *client_arg;
    uint32_t header_size, frame_max, room; /* room: of a receive buffer behind the header */
    uint64_t agreed;                       /* features, while it runs */
    bool header_apart;             /* an old device: the header has a descriptor of its own */
    oskit_netio_t *seed_receive;   /* opened by the seed's way: nobody is told of credit */
    _Atomic bool polled;           /* and with RX_POLLING: no receive interrupts */
    _Atomic unsigned pairs_active; /* that the device uses */
    _Atomic bool link_up;
    _Atomic bool dead;     /* given up */
    _Atomic bool watching; /* the timer is armed */
    _Atomic uint64_t watch_delay;
    struct env_timer watcher; /* gives sent packets back when nobody sends */
    uint64_t carried_at_reset;
};

static inline struct net *net_of(const void *face)
{
    return container_of(SLUICE_OBJECT(face), struct net, object);
}

static inline struct packet *packet_of(struct list *link)
{
    return container_of(link, struct packet, link);
}

/* Gives back the chains on OVER. No lock. */
void net_packets_done(struct list *over);

/* ---- net.c ---- */

/* What of the features that the device offers fits together. SEED: for a client that knows nothing
 * of offloads. */
uint64_t net_features(uint64_t offered, bool seed);

/* ---- net_open.c ---- */

/* SEED_RECEIVE: it is opened by the seed's way, and that gets a reference; else NULL. POLLED: no
 * receive interrupts. [thread] */
oskit_error_t net_open(struct net *net, const struct netqueue_client *client, void *arg,
                       oskit_netio_t *seed_receive, bool polled);
void net_close(struct net *net);
/* The device is about to go: ends all that runs and tells the client. [thread] */
void net_leave(struct net *net);
void net_get_address(struct net *net, uint8_t *out);
/* Reads the link's state, and tells the client of a change. [any] */
void net_link_update(struct net *net);
void net_config_changed(struct virtio_device *device);

/* ---- net_receive.c ---- */

void net_receive_interrupt(struct virtqueue *virtqueue);
/* Takes frames out and hands them over until there are no more, with interrupts on again (true), or
 * the budget is spent (false). Only who has set active. [any] */
bool net_receive_run(struct net_receive *receive);
/* Gives the device buffers as far as there are packets; false: it is short of them. [any] */
bool net_receive_fill(struct net_receive *receive);
/* For the polled: up to MAX frames onto PACKETS; how many. [any] */
uint32_t net_receive_poll(struct net_receive *receive, struct list *packets, uint32_t max);
/* The ring is empty and the device runs. [thread] */
void net_receive_start(struct net_receive *receive);
void net_receive_stop(struct net_receive *receive);
/* After a reset of the device: takes all back. */
void net_receive_collect(struct net_receive *receive);

/* ---- net_send.c ---- */

oskit_u32_t net_submit(struct net *net, struct list *packets);
void net_reclaim(struct net *net);
void net_send_interrupt(struct virtqueue *virtqueue);
void net_send_start(struct net_send *send);
void net_send_stop(struct net_send *send, bool dead);
void net_send_collect(struct net_send *send);
void net_watch_init(struct net *net);
void net_watch_stop(struct net *net);

/* ---- net_control.c ---- */

void net_control_interrupt(struct virtqueue *virtqueue);
/* Tells the device all that was wished for: after open, and after a reset. [thread] */
void net_configure(struct net *net);
void net_control_start(struct net_control *control);
void net_control_stop(struct net_control *control);
void net_control_collect(struct net_control *control);
oskit_error_t net_set_receive(struct net *net, oskit_u32_t mode, const oskit_u8_t (*multicast)[6],
                              oskit_u32_t count);
oskit_error_t net_set_address(struct net *net, const oskit_u8_t *address);

/* ---- net_worker.c ---- */

oskit_error_t net_worker_start(struct net_worker *worker, struct net_receive *receive);
void net_worker_wake(struct net_worker *worker, uint32_t work); /* [any] */
/* Waits for its end. [thread] */
void net_worker_quit(struct net_worker *worker);
/* The device can't be believed, or has gone. [any] */
void net_reset_request(struct net *net);
/* All queues: nobody touches the rings; after a reset of the device, takes everything back; the
 * device runs again. [thread] */
void net_queues_stop(struct net *net, bool dead);
void net_queues_collect(struct net *net);
void net_queues_start(struct net *net);

/* ---- net_seed.c ---- */

extern const struct oskit_etherdev_ops net_etherdev_ops;
extern const struct oskit_netdev_ops net_netdev_ops; /* an oskit_device's, too */

#endif
