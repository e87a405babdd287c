/*
 * A message queue: messages of bounded size, each with a priority; the highest goes out first, and
 * those of one priority in the order in which they came in. A part of the object that embeds it,
 * like a ring, not an object itself.
 *
 * Nothing blocks: a full queue answers a send, an empty one a receive, with OSKIT_EWOULDBLOCK.
 * Readiness: READ while there is a message, WRITE while there is room for one; each send and
 * receive is an event.
 *
 * Who waits for a message says so when it asks, and the queue counts: a message that comes while
 * all before it are spoken for by waiters, and no waiter is left for it, is one that nobody expects
 * (mq_notify tells of those).
 */
#ifndef SLUICE_MQUEUE_H
#define SLUICE_MQUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <oskit/error.h>
#include <sluice/env.h>
#include <sluice/readiness.h>

#define MQUEUE_PRIORITIES 32768u /* 0 is the lowest */

struct mqueue_message {
    uint64_t key; /* the queue's: the least goes out first */
    uint32_t priority;
    size_t size;
    unsigned char bytes[];
};

struct mqueue {
    struct env_spinlock lock;    /* guards the rest; a leaf */
    struct mqueue_message **all; /* a heap by key, room for `limit` */
    size_t count, limit;         /* messages */
    size_t size;                 /* bytes of a message at most */
    size_t waiting;              /* who asked for one and got none yet */
    uint64_t sequence;
    struct readiness readiness;
};

/* LIMIT > 0. OSKIT_ENOMEM. [thread] */
oskit_error_t mqueue_init(struct mqueue *queue, size_t limit, size_t size);
/* Frees the messages that are left. Nobody uses it any more. [any] */
void mqueue_fini(struct mqueue *queue);

/* Room for SIZE bytes, which the caller fills in, as it does the priority (< MQUEUE_PRIORITIES).
 * NULL: no memory. [thread] */
struct mqueue_message *mqueue_message_create(size_t size);
void mqueue_message_free(struct mqueue_message *message); /* [any] */

/* Takes MESSAGE over. *UNEXPECTED: nobody waits for it, nor was there one before that nobody waits
 * for. OSKIT_EWOULDBLOCK: the queue is full, MESSAGE is still the caller's. [any] */
oskit_error_t mqueue_send(struct mqueue *queue, struct mqueue_message *message, bool *unexpected);
/*
 * *OUT is the caller's from now on. OSKIT_EWOULDBLOCK: there is none. WAITING, which may be NULL,
 * is false at the first try of who is going to wait, and then the queue's; mqueue_give_up ends it
 * unless a message did. true: a message that came for who gives up is one that nobody expects now.
 * [any]
 */
oskit_error_t mqueue_receive(struct mqueue *queue, bool *waiting, struct mqueue_message **out);
bool mqueue_give_up(struct mqueue *queue, bool *waiting);

size_t mqueue_count(struct mqueue *queue); /* [any] */

#endif
