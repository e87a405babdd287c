/*
 * Message queues: see <sluice/mqueue.h>.
 *
 * The messages are a binary heap. A message's key is its priority, turned round, above a number
 * that counts up: the least key is the oldest of the highest priority.
 *
 * mqueue.lock guards all and is a leaf; waiters are told without it.
 */
#include <sluice/mqueue.h>

#define SEQUENCE_BITS 48

/* ---- Messages ---- */

struct mqueue_message *mqueue_message_create(size_t size)
{
    struct mqueue_message *message;

    if (size > SIZE_MAX - sizeof *message)
        return NULL;
    message = env_alloc(sizeof *message + size, 0);
    if (message != NULL)
        message->size = size;
    return message;
}

void mqueue_message_free(struct mqueue_message *message)
{
    if (message != NULL)
        env_free(message, sizeof *message + message->size);
}

/* ---- The heap; lock held ---- */

/* MESSAGE belongs at AT or nearer to the root. */
static void heap_rise(struct mqueue *queue, size_t at, struct mqueue_message *message)
{
    for (; at != 0 && message->key < queue->all[(at - 1) / 2]->key; at = (at - 1) / 2)
        queue->all[at] = queue->all[(at - 1) / 2];
    queue->all[at] = message;
}

/* MESSAGE belongs at the root or further from it. */
static void heap_sink(struct mqueue *queue, struct mqueue_message *message)
{
    size_t at = 0;

    for (size_t child; (child = 2 * at + 1) < queue->count; at = child) {
        if (child + 1 < queue->count && queue->all[child + 1]->key < queue->all[child]->key)
            child++;
        if (message->key < queue->all[child]->key)
            break;
        queue->all[at] = queue->all[child];
    }
    queue->all[at] = message;
}

static void level_set(struct mqueue *queue)
{
    uint32_t level =
        (queue->count != 0 ? READY_READ : 0) | (queue->count < queue->limit ? READY_WRITE : 0);

    readiness_change(&queue->readiness, level, (READY_READ | READY_WRITE) & ~level);
}

static void message_put(struct mqueue *queue, struct mqueue_message *message)
{
    uint64_t rank = MQUEUE_PRIORITIES - 1 - message->priority;

    message->key = rank << SEQUENCE_BITS | queue->sequence++;
    heap_rise(queue, queue->count++, message);
    level_set(queue);
}

static struct mqueue_message *message_take(struct mqueue *queue)
{
    struct mqueue_message *message = queue->all[0];

    if (--queue->count != 0)
        heap_sink(queue, queue->all[queue->count]);
    level_set(queue);
    return message;
}

/* ---- Sending and receiving ---- */

oskit_error_t mqueue_send(struct mqueue *queue, struct mqueue_message *message, bool *unexpected)
{
    env_spin_lock(&queue->lock);
    bool fits = queue->count < queue->limit;
    *unexpected = fits && queue->count == queue->waiting;
    if (fits)
        message_put(queue, message);
    env_spin_unlock(&queue->lock);
    if (!fits)
        return OSKIT_EWOULDBLOCK;
    readiness_tell(&queue->readiness, READY_READ);
    return OSKIT_SUCCESS;
}

static void waiting_set(struct mqueue *queue, bool *waiting, bool value)
{
    if (waiting == NULL || *waiting == value)
        return;
    *waiting = value;
    queue->waiting += value ? 1 : (size_t)-1;
}

oskit_error_t mqueue_receive(struct mqueue *queue, bool *waiting, struct mqueue_message **out)
{
    env_spin_lock(&queue->lock);
    *out = queue->count != 0 ? message_take(queue) : NULL;
    waiting_set(queue, waiting, *out == NULL);
    env_spin_unlock(&queue->lock);
    if (*out == NULL)
        return OSKIT_EWOULDBLOCK;
    readiness_tell(&queue->readiness, READY_WRITE);
    return OSKIT_SUCCESS;
}

bool mqueue_give_up(struct mqueue *queue, bool *waiting)
{
    env_spin_lock(&queue->lock);
    bool left = *waiting && queue->count != 0 && queue->count == queue->waiting;
    waiting_set(queue, waiting, false);
    env_spin_unlock(&queue->lock);
    return left;
}

size_t mqueue_count(struct mqueue *queue)
{
    env_spin_lock(&queue->lock);
    size_t count = queue->count;
    env_spin_unlock(&queue->lock);
    return count;
}

/* ---- Life ---- */

oskit_error_t mqueue_init(struct mqueue *queue, size_t limit, size_t size)
{
    *queue = (struct mqueue){.limit = limit, .size = size};
    if (limit > SIZE_MAX / sizeof(void *))
        return OSKIT_ENOMEM;
    queue->all = env_alloc(limit * sizeof(void *), 0);
    if (queue->all == NULL)
        return OSKIT_ENOMEM;
    readiness_init(&queue->readiness, READY_WRITE);
    return OSKIT_SUCCESS;
}

void mqueue_fini(struct mqueue *queue)
{
    for (size_t i = 0; i < queue->count; i++)
        mqueue_message_free(queue->all[i]);
    env_free(queue->all, queue->limit * sizeof(void *));
}
