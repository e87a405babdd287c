/* The insides of a virtio network card, behind a fake_virtio: the last frame sent, the commands it
 * was given, and frames to receive when the test says. */
#ifndef TESTS_HOST_FAKE_NET_H
#define TESTS_HOST_FAKE_NET_H

#include "drivers/virtio/net.h"
#include "fake_virtio.h"

#define FAKE_NET_PAIRS   3u
#define FAKE_NET_CONTROL 6u /* the queue's number with MQ; 2 without */

struct fake_net {
    struct fake_virtio virtio;
    /* What was sent; under virtio.lock. */
    unsigned sent;
    uint64_t sent_bytes;
    struct net_header header; /* of the last */
    uint32_t length;
    uint8_t frame[70000];
    unsigned sent_by[FAKE_NET_PAIRS];
    /* What it was told. */
    unsigned commands;
    bool refuse; /* every command fails */
    uint8_t promiscuous, all_multicast;
    uint32_t multicast_count;
    uint8_t multicast[8][6];
    uint8_t address[6];
    uint16_t pairs;
};

/* Offers FEATURES beside VERSION_1; its address is 52:54:00:12:34:56, its link is up. A test may
 * change the configuration before it attaches it. */
void fake_net_init(struct fake_net *net, uint64_t features);
void fake_net_free(struct fake_net *net);
uint32_t fake_net_header_size(const struct fake_net *net);
/*
 * Puts a frame of LENGTH bytes into the receive buffers of PAIR, with HEADER (NULL: zeros) in front
 * whose number of buffers it fills in, and without an interrupt yet. False: no buffers, the frame
 * is lost.
 */
bool fake_net_receive(struct fake_net *net, unsigned pair, const struct net_header *header,
                      const void *frame, uint32_t length);
/* Changes the link's state, and interrupts. */
void fake_net_link(struct fake_net *net, bool up);

#endif
