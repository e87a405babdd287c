/* Queues of System V's messages: see msgqueue.h, also for the locks. */
#include "kernel/sys/msgqueue.h"
#include <sluice/string.h>
#include "kernel/abi/errno.h"
#include "kernel/mem/heap.h"
#include "kernel/task/process.h"

struct message_limits message_limits = {8192, 16384, 32000}; /* Linux's */
_Atomic uint32_t messages_count;
_Atomic uint64_t messages_bytes;

/* ---- Messages ---- */

struct message *message_create(size_t size)
{
    if (!sysv_charge(sizeof(struct message) + size))
        return NULL;
    struct message *message = heap_alloc(sizeof *message + size, 0);
    if (!message) {
        sysv_uncharge(sizeof *message + size);
        return NULL;
    }
    list_init(&message->link);
    message->size = size;
    return message;
}

void message_free(struct message *message)
{
    if (!message)
        return;
    sysv_uncharge(sizeof *message + message->size);
    heap_free(message);
}

/* ---- The queue; its lock held ---- */

static bool queue_fits(const struct message_queue *queue, const struct message *message)
{
    return message->size + queue->about.msg_cbytes <= queue->about.msg_qbytes &&
           queue->about.msg_qnum + 1 <= queue->about.msg_qbytes;
}

static void queue_put(struct message_queue *queue, struct message *message)
{
    list_push_back(&queue->messages, &message->link);
    queue->about.msg_cbytes += message->size;
    queue->about.msg_qnum++;
    atomic_fetch_add(&messages_count, 1);
    atomic_fetch_add(&messages_bytes, message->size);
}

static void queue_take(struct message_queue *queue, struct message *message)
{
    list_remove(&message->link);
    queue->about.msg_cbytes -= message->size;
    queue->about.msg_qnum--;
    atomic_fetch_sub(&messages_count, 1);
    atomic_fetch_sub(&messages_bytes, message->size);
}

static bool receiver_wants(const struct message_receiver *receiver, int64_t type)
{
    switch (receiver->match) {
    case MESSAGE_TYPE:
        return type == receiver->type;
    case MESSAGE_OTHER:
        return type != receiver->type;
    case MESSAGE_UP_TO:
        return type <= receiver->type;
    default:
        return true;
    }
}

static struct message *queue_find(struct message_queue *queue,
                                  const struct message_receiver *receiver)
{
    struct message *found = NULL;
    int64_t before = 0;
    list_for_each (link, &queue->messages) {
        struct message *message = container_of(link, struct message, link);
        if (receiver->match == MESSAGE_NUMBER && before++ != receiver->type)
            continue;
        if (!receiver_wants(receiver, message->type) || (found && found->type <= message->type))
            continue;
        found = message;
        if (receiver->match != MESSAGE_UP_TO || message->type == 1)
            break;
    }
    return found;
}

static void queue_received(struct message_queue *queue, struct message_receiver *receiver,
                           struct message *message)
{
    receiver->got = message;
    queue->about.msg_rtime = sysv_now();
    queue->about.msg_lrpid = receiver->pid;
}

/* To the first who waits for it. One who hasn't room for it is told so. */
static bool queue_hand_over(struct message_queue *queue, struct message *message)
{
    list_for_each_safe (link, &queue->receivers) {
        struct message_receiver *receiver =
            container_of(link, struct message_receiver, waiter.link);
        if (!receiver_wants(receiver, message->type))
            continue;
        if (message->size > receiver->most && !receiver->cut) {
            sysv_wake(&receiver->waiter, -ABI_E2BIG);
            continue;
        }
        queue_received(queue, receiver, message);
        sysv_wake(&receiver->waiter, 0);
        return true;
    }
    return false;
}

static void queue_sent(struct message_queue *queue, struct message *message, int32_t pid)
{
    queue->about.msg_lspid = pid;
    queue->about.msg_stime = sysv_now();
    if (!queue_hand_over(queue, message))
        queue_put(queue, message);
}

/* ---- Sending ---- */

struct message_sender {
    struct sysv_waiter waiter;
    struct message *message;
    int32_t pid;
};

/* There is room: those that wait to send do, as far as they fit. */
static void queue_let_in(struct message_queue *queue)
{
    list_for_each_safe (link, &queue->senders) {
        struct message_sender *sender = container_of(link, struct message_sender, waiter.link);
        if (!queue_fits(queue, sender->message))
            continue;
        queue_sent(queue, sender->message, sender->pid);
        sysv_wake(&sender->waiter, 0);
    }
}

static long send_wait(struct message_queue *queue, struct message *message, int32_t pid)
{
    struct message_sender sender = {.message = message, .pid = pid};
    sysv_queue(&queue->senders, &sender.waiter);
    return sysv_wait(&sender.waiter, &queue->lock, ENV_FOREVER);
}

long message_send(struct message_queue *queue, struct message *message, bool nowait)
{
    int32_t pid = current_process()->pid;
    long result = 0;
    spin_lock(&queue->lock);
    if (queue->removed)
        result = -ABI_EIDRM;
    else if (queue_fits(queue, message))
        queue_sent(queue, message, pid);
    else
        result = nowait ? -ABI_EAGAIN : send_wait(queue, message, pid);
    spin_unlock(&queue->lock);
    return result;
}

/* ---- Receiving ---- */

/* MESSAGE stays; a copy that is cut off there is none. */
static long queue_copy(struct message_receiver *receiver, const struct message *message)
{
    if (message->size > receiver->most)
        return -ABI_EINVAL;
    receiver->got->type = message->type;
    memcpy(receiver->got->bytes, message->bytes, message->size);
    receiver->most = message->size;
    return 0;
}

static long queue_give(struct message_queue *queue, struct message_receiver *receiver,
                       struct message *message)
{
    if (message->size > receiver->most && !receiver->cut)
        return -ABI_E2BIG;
    if (receiver->match == MESSAGE_NUMBER)
        return queue_copy(receiver, message);
    queue_take(queue, message);
    queue_received(queue, receiver, message);
    queue_let_in(queue);
    return 0;
}

static long receive_wait(struct message_queue *queue, struct message_receiver *receiver)
{
    sysv_queue(&queue->receivers, &receiver->waiter);
    return sysv_wait(&receiver->waiter, &queue->lock, ENV_FOREVER);
}

long message_receive(struct message_queue *queue, struct message_receiver *receiver, bool nowait)
{
    struct message *message = NULL;
    long result;
    spin_lock(&queue->lock);
    if (queue->removed)
        result = -ABI_EIDRM;
    else if ((message = queue_find(queue, receiver)))
        result = queue_give(queue, receiver, message);
    else
        result = nowait ? -ABI_ENOMSG : receive_wait(queue, receiver);
    spin_unlock(&queue->lock);
    return result;
}

/* ---- Queues ---- */

static long queue_create(uint64_t size, long flags, struct sysv_id **out)
{
    (void)size, (void)flags;
    if (!sysv_charge(sizeof(struct message_queue)))
        return -ABI_ENOMEM;
    struct message_queue *queue = heap_alloc(sizeof *queue, HEAP_ZERO);
    if (!queue) {
        sysv_uncharge(sizeof *queue);
        return -ABI_ENOMEM;
    }
    atomic_init(&queue->entry.references, 1);
    queue->about.msg_qbytes = atomic_load(&message_limits.in_queue);
    queue->about.msg_ctime = sysv_now();
    list_init(&queue->messages);
    list_init(&queue->senders);
    list_init(&queue->receivers);
    *out = &queue->entry;
    return 0;
}

static long queue_check(const struct sysv_id *id, uint64_t size)
{
    (void)id, (void)size;
    return 0;
}

static void queue_destroy(struct sysv_id *id)
{
    sysv_uncharge(sizeof(struct message_queue));
    heap_free(message_queue_of(id));
}

static const struct sysv_ops message_ops = {
    .most = &message_limits.queues,
    .create = queue_create,
    .check = queue_check,
    .destroy = queue_destroy,
};

struct sysv_ids message_ids = {.ops = &message_ops};

static void wake_all(struct list *waits, long result)
{
    list_for_each_safe (link, waits)
        sysv_wake(container_of(link, struct sysv_waiter, link), result);
}

/* Those whose message doesn't fit keep their places. */
void message_queue_changed(struct message_queue *queue)
{
    wake_all(&queue->receivers, MESSAGE_AGAIN);
    list_for_each_safe (link, &queue->senders) {
        struct message_sender *sender = container_of(link, struct message_sender, waiter.link);
        if (queue_fits(queue, sender->message))
            sysv_wake(&sender->waiter, MESSAGE_AGAIN);
    }
}

void message_queue_end(struct message_queue *queue)
{
    struct list *link;
    spin_lock(&queue->lock);
    queue->removed = true;
    wake_all(&queue->receivers, -ABI_EIDRM);
    wake_all(&queue->senders, -ABI_EIDRM);
    spin_unlock(&queue->lock);
    /* Nobody looks at them any more. */
    while ((link = queue->messages.next) != &queue->messages) {
        struct message *message = container_of(link, struct message, link);
        queue_take(queue, message);
        message_free(message);
    }
    sysv_drop(&message_ids, &queue->entry);
}

void message_queue_about(struct message_queue *queue, struct abi_msqid_ds *out)
{
    spin_lock(&queue->lock);
    *out = queue->about;
    spin_unlock(&queue->lock);
    out->msg_perm = queue->entry.perm;
}

bool message_queue_tell(int index, struct abi_msqid_ds *out, int *id)
{
    spin_lock(&message_ids.lock);
    struct sysv_id *there = sysv_from(&message_ids, index);
    if (there) {
        message_queue_about(message_queue_of(there), out);
        *id = there->id;
    }
    spin_unlock(&message_ids.lock);
    return there;
}
