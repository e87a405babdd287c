/*
 * Queues of System V's messages. (POSIX's are mqueue.h.)
 *
 * A message that comes goes to the first of those that wait for its like, and into the queue when
 * nobody does. When one is taken, those that wait to send put in theirs, in the order in which they
 * came, as far as they fit.
 *
 * Lock order: message_ids.lock -> queue->lock.
 */
#ifndef KERNEL_SYS_MSGQUEUE_H
#define KERNEL_SYS_MSGQUEUE_H

#include <stddef.h>
#include "kernel/abi/msg.h"
#include "kernel/sys/sysv_ids.h"
#include "kernel/sys/sysv_wait.h"

struct message {
    struct list link;
    int64_t type; /* above 0 */
    size_t size;
    char bytes[];
};

struct message_queue {
    struct sysv_id entry;
    spinlock_t lock; /* guards what follows */
    bool removed;
    struct abi_msqid_ds about; /* but for the permissions */
    struct list messages;      /* the oldest first */
    struct list senders, receivers;
};

/* What a receiver wants. */
enum message_match {
    MESSAGE_ANY,
    MESSAGE_TYPE,   /* of that type */
    MESSAGE_OTHER,  /* of any but that type */
    MESSAGE_UP_TO,  /* of the lowest type, up to that one */
    MESSAGE_NUMBER, /* the one that many messages are in front of */
};

struct message_receiver {
    struct sysv_waiter waiter;
    enum message_match match;
    int64_t type;
    size_t most; /* bytes it takes; the rest is cut off, */
    bool cut;    /* or else the message isn't taken: -ABI_E2BIG */
    int32_t pid;
    struct message *got; /* its own; with MESSAGE_NUMBER there before, and filled */
};

extern struct sysv_ids message_ids;

/* What /proc/sys/kernel sets. */
struct message_limits {
    _Atomic uint32_t size, in_queue, queues;
};
extern struct message_limits message_limits;
extern _Atomic uint32_t messages_count; /* in all queues */
extern _Atomic uint64_t messages_bytes;

static inline struct message_queue *message_queue_of(struct sysv_id *id)
{
    return (struct message_queue *)id;
}

/* A message that can hold SIZE bytes. NULL: no memory. [any] */
struct message *message_create(size_t size);
void message_free(struct message *message); /* NULL ignored */

/* Both wait, unless NOWAIT: then -ABI_EAGAIN and -ABI_ENOMSG. 0; MESSAGE_AGAIN: the queue's
 * settings changed, look at the permissions and try again; -ABI_EIDRM, -ABI_EINTR. A message that
 * was sent is the queue's. [thread] */
#define MESSAGE_AGAIN 1
long message_send(struct message_queue *queue, struct message *message, bool nowait);
/* Also -ABI_E2BIG, -ABI_EINVAL. */
long message_receive(struct message_queue *queue, struct message_receiver *receiver, bool nowait);

/* Settings of QUEUE changed: who waits looks at it anew. queue->lock held. */
void message_queue_changed(struct message_queue *queue);
/* QUEUE is out of the table: ends all waits, and drops the table's reference. No lock held.
 * [thread] */
void message_queue_end(struct message_queue *queue);
/* What IPC_STAT tells of QUEUE; message_ids.lock held. Of that of INDEX or behind, with its number;
 * false: none. [any] */
void message_queue_about(struct message_queue *queue, struct abi_msqid_ds *out);
bool message_queue_tell(int index, struct abi_msqid_ds *out, int *id);

#endif
