/* Queues of messages: see message_queue.h. */
#include "io/net/message_queue.h"

#include <stdatomic.h>

struct message *message_alloc(oskit_u32_t length, unsigned flags)
{
    struct message *message = env_alloc(sizeof *message + length, flags);

    if (message != NULL) {
        list_init(&message->link);
        atomic_init(&message->references, 1);
        message->length = length;
    }
    return message;
}

void message_put(struct message *message)
{
    if (atomic_fetch_sub_explicit(&message->references, 1, memory_order_acq_rel) == 1)
        env_free(message, sizeof *message + message->length);
}

void message_queue_init(struct message_queue *queue, struct readiness *readiness)
{
    queue->lock = (struct env_spinlock){0};
    list_init(&queue->messages);
    queue->charge = 0;
    queue->readiness = readiness;
}

void message_queue_fini(struct message_queue *queue)
{
    struct message *message;

    while ((message = message_queue_front(queue, true)) != NULL)
        message_put(message);
}

static oskit_u64_t message_charge(const struct message *message)
{
    return (oskit_u64_t)message->length + MESSAGE_OVERHEAD;
}

bool message_queue_push(struct message_queue *queue, struct message *message, oskit_u64_t limit)
{
    env_spin_lock(&queue->lock);
    bool room = queue->charge < limit;
    if (room) {
        list_push_back(&queue->messages, &message->link);
        queue->charge += message_charge(message);
        readiness_change(queue->readiness, READY_READ, 0);
    }
    env_spin_unlock(&queue->lock);
    return room;
}

struct message *message_queue_front(struct message_queue *queue, bool take)
{
    struct message *message = NULL;

    env_spin_lock(&queue->lock);
    if (!list_empty(&queue->messages)) {
        message = container_of(queue->messages.next, struct message, link);
        if (take) {
            list_remove(&message->link);
            queue->charge -= message_charge(message);
        } else {
            atomic_fetch_add_explicit(&message->references, 1, memory_order_relaxed);
        }
        if (list_empty(&queue->messages))
            readiness_change(queue->readiness, 0, READY_READ);
    }
    env_spin_unlock(&queue->lock);
    return message;
}

oskit_u32_t message_queue_next_length(struct message_queue *queue)
{
    env_spin_lock(&queue->lock);
    oskit_u32_t length = list_empty(&queue->messages)
                             ? 0
                             : container_of(queue->messages.next, struct message, link)->length;
    env_spin_unlock(&queue->lock);
    return length;
}

oskit_error_t message_read(const struct message *from, struct socket_message *message,
                           oskit_size_t *out)
{
    bool cut = message->uio->left < from->length;
    oskit_error_t err = uio_write_to(message->uio, from->bytes, from->length, out);

    if (OSKIT_FAILED(err))
        return err;
    message->whole = from->length;
    message->out_flags |= cut ? SOCKET_MSG_TRUNC : 0;
    return OSKIT_SUCCESS;
}
