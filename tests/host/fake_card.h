/* A network card in memory: what is sent through it is kept for the test, which plays the rest of
 * the network. */
#ifndef TESTS_HOST_FAKE_CARD_H
#define TESTS_HOST_FAKE_CARD_H

#include <sluice/env.h>
#include <sluice/list.h>
#include <sluice/netqueue.h>
#include <sluice/object.h>

#define FAKE_CARD_FRAMES 512u
#define FAKE_CARD_FRAME  70000u

struct fake_frame {
    uint32_t length;
    struct packet_offload offload;
    uint32_t segments;
    uint8_t *bytes;
};

struct fake_card {
    struct sluice_object object;
    SLUICE_FACE(sluice_netqueue_t) queue;
    const struct netqueue_client *client; /* NULL: closed */
    void *arg;
    struct netqueue_info info;
    struct netqueue_statistics statistics;
    struct env_spinlock lock; /* of statistics, which others ask for any time */
    bool up;
    uint32_t credit; /* packets that it takes before it wants a reclaim */
    uint32_t mode;   /* of set_receive */
    struct fake_frame sent[FAKE_CARD_FRAMES];
    uint32_t first, count; /* of sent, a ring */
    uint32_t submits, received_live;
    bool hold;        /* frames that arrive wait ... */
    struct list held; /* ... here */
};

/* A card named eth0, 02:00:00:00:00:01, MTU 1500, FEATURES. It is the test's, with a reference. */
struct fake_card *fake_card_create(uint32_t features);
/* The oldest frame that was sent; its bytes are the test's to free. false: none. */
bool fake_card_take(struct fake_card *card, struct fake_frame *out);
/* Throws away all of them. */
void fake_card_clear(struct fake_card *card);
/* A frame arrives, in pieces of at most PIECE bytes (0: one); FLAGS are PACKET_SUM_*. */
void fake_card_arrive(struct fake_card *card, const void *bytes, uint32_t length, uint32_t piece,
                      uint32_t flags);
/* From now on frames that arrive wait; all of them arrive in one batch. */
void fake_card_hold(struct fake_card *card);
void fake_card_arrive_held(struct fake_card *card);
/* The link goes up or down. */
void fake_card_link(struct fake_card *card, bool up);
/* Credit for COUNT more, and the client is told. */
void fake_card_writable(struct fake_card *card, uint32_t count);

#endif
