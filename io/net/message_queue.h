/*
 * A queue of whole messages that wait for their reader: what packet and netlink sockets receive
 * into. It keeps READY_READ of a readiness true to whether there is one; who pushes tells.
 *
 * queue.lock, a spinlock and a leaf, guards the list and that bit.
 */
#ifndef IO_NET_MESSAGE_QUEUE_H
#define IO_NET_MESSAGE_QUEUE_H

#include <stdbool.h>
#include <oskit/types.h>
#include <sluice/env.h>
#include <sluice/list.h>
#include <sluice/readiness.h>
#include <sluice/socket.h>

#define MESSAGE_INFO     64u  /* bytes of a message that are its family's */
#define MESSAGE_OVERHEAD 256u /* what a message counts for besides its bytes */

/* Counted: one reference in the queue, one for each who reads it. Constant once it is queued. */
struct message {
    struct list link;
    _Atomic oskit_u32_t references;
    oskit_u32_t length; /* of bytes */
    _Alignas(8) oskit_u8_t info[MESSAGE_INFO];
    oskit_u8_t bytes[];
};

/* With a reference; NULL: no memory. FLAGS as env_alloc's. */
struct message *message_alloc(oskit_u32_t length, unsigned flags);
void message_put(struct message *message); /* [any] */

struct message_queue {
    struct env_spinlock lock;
    struct list messages;
    oskit_u64_t charge; /* of all of them */
    struct readiness *readiness;
};

void message_queue_init(struct message_queue *queue, struct readiness *readiness);
void message_queue_fini(struct message_queue *queue);
/* Takes over MESSAGE's reference when it returns true; false: the messages that wait count for
 * LIMIT bytes already. [any] */
bool message_queue_push(struct message_queue *queue, struct message *message, oskit_u64_t limit);
/* The oldest, with a reference; it leaves the queue if TAKE. NULL: there is none. [any] */
struct message *message_queue_front(struct message_queue *queue, bool take);
/* Copies FROM's bytes to the reader's MESSAGE, as many as it has room for; says when that isn't
 * all. [thread] */
oskit_error_t message_read(const struct message *from, struct socket_message *message,
                           oskit_size_t *out);
/* The oldest one's length, 0: none. [any] */
oskit_u32_t message_queue_next_length(struct message_queue *queue);

#endif
