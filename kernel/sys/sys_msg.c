/* System V's messages: msgget, msgsnd, msgrcv, msgctl. */
#include "kernel/sys/msgqueue.h"
#include "kernel/sys/sys.h"
#include "kernel/task/capability.h"

long sys_msgget(long key, long flags)
{
    return sysv_get(&message_ids, (int32_t)key, 0, flags);
}

/* ---- Sending and receiving ---- */

/* The queue of number ID, with a reference. */
static long queue_find(int id, struct message_queue **out)
{
    spin_lock(&message_ids.lock);
    *out = message_queue_of(sysv_find(&message_ids, id));
    if (*out)
        sysv_hold(&(*out)->entry);
    spin_unlock(&message_ids.lock);
    return *out ? 0 : -ABI_EINVAL;
}

static bool queue_allows(const struct message_queue *queue, uint32_t want)
{
    spin_lock(&message_ids.lock);
    bool allowed = sysv_allows(&queue->entry, want);
    spin_unlock(&message_ids.lock);
    return allowed;
}

/* An interrupted call goes on unless a handler ran. */
static long transfer_result(long result)
{
    return result == -ABI_EINTR ? -ERESTARTNOHAND : result;
}

/* The message is the queue's on success. */
static long send(int id, struct message *message, bool nowait)
{
    struct message_queue *queue;
    long result = queue_find(id, &queue);
    if (result)
        return result;
    do
        result =
            queue_allows(queue, SYSV_WRITE) ? message_send(queue, message, nowait) : -ABI_EACCES;
    while (result == MESSAGE_AGAIN);
    sysv_drop(&message_ids, &queue->entry);
    return transfer_result(result);
}

long sys_msgsnd(long id, long user, long size, long flags)
{
    int64_t type;
    if (get_user(&type, user, sizeof type))
        return -ABI_EFAULT;
    if (id < 0 || size < 0 || (uint64_t)size > atomic_load(&message_limits.size) || type < 1)
        return -ABI_EINVAL;
    struct message *message = message_create((size_t)size);
    if (!message)
        return -ABI_ENOMEM;
    message->type = type;
    long error = get_user(message->bytes, user + (long)sizeof type, (size_t)size);
    if (!error)
        error = send((int)id, message, flags & ABI_IPC_NOWAIT);
    if (error)
        message_free(message);
    return error;
}

static long receive(int id, struct message_receiver *receiver, bool nowait)
{
    struct message_queue *queue;
    long result = queue_find(id, &queue);
    if (result)
        return result;
    do
        result =
            queue_allows(queue, SYSV_READ) ? message_receive(queue, receiver, nowait) : -ABI_EACCES;
    while (result == MESSAGE_AGAIN);
    sysv_drop(&message_ids, &queue->entry);
    return transfer_result(result);
}

static void receiver_begin(struct message_receiver *receiver, long size, int64_t type, long flags)
{
    *receiver = (struct message_receiver){.type = type,
                                          .most = (size_t)size,
                                          .cut = flags & ABI_MSG_NOERROR,
                                          .pid = current_process()->pid};
    if (flags & ABI_MSG_COPY)
        receiver->match = MESSAGE_NUMBER;
    else if (type == 0)
        receiver->match = MESSAGE_ANY;
    else if (type > 0)
        receiver->match = flags & ABI_MSG_EXCEPT ? MESSAGE_OTHER : MESSAGE_TYPE;
    else {
        receiver->match = MESSAGE_UP_TO;
        receiver->type = type == INT64_MIN ? INT64_MAX : -type;
    }
}

/* Room for a copy, made before locks are taken. */
static long receiver_make_room(struct message_receiver *receiver, long flags)
{
    uint32_t most = atomic_load(&message_limits.size);
    if (flags & ABI_MSG_EXCEPT || !(flags & ABI_IPC_NOWAIT))
        return -ABI_EINVAL;
    if (receiver->most > most)
        receiver->most = most;
    receiver->got = message_create(receiver->most);
    return receiver->got ? 0 : -ABI_ENOMEM;
}

/* What doesn't fit is cut off. A bad address loses the message, as on Linux. */
static long deliver(const struct message_receiver *receiver, long user)
{
    const struct message *message = receiver->got;
    size_t size = message->size < receiver->most ? message->size : receiver->most;
    if (put_user(user, &message->type, sizeof message->type) ||
        put_user(user + (long)sizeof message->type, message->bytes, size))
        return -ABI_EFAULT;
    return (long)size;
}

long sys_msgrcv(long id, long user, long size, long type, long flags)
{
    struct message_receiver receiver;
    if (id < 0 || size < 0)
        return -ABI_EINVAL;
    receiver_begin(&receiver, size, type, flags);
    long result = flags & ABI_MSG_COPY ? receiver_make_room(&receiver, flags) : 0;
    if (!result)
        result = receive((int)id, &receiver, flags & ABI_IPC_NOWAIT);
    if (!result)
        result = deliver(&receiver, user);
    message_free(receiver.got);
    return result;
}

/* ---- msgctl ---- */

static long control_info(long command, long user)
{
    int32_t in_queue = (int32_t)atomic_load(&message_limits.in_queue);
    int32_t queues = (int32_t)atomic_load(&message_limits.queues);
    struct abi_msginfo info = {.msgpool = (int32_t)((int64_t)queues * in_queue / 1024),
                               .msgmap = in_queue,
                               .msgmax = (int32_t)atomic_load(&message_limits.size),
                               .msgmnb = in_queue,
                               .msgmni = queues,
                               .msgssz = 16, /* as Linux says, with the last one; of no effect */
                               .msgtql = in_queue,
                               .msgseg = UINT16_MAX};
    spin_lock(&message_ids.lock);
    if (command == ABI_MSG_INFO) {
        info.msgpool = (int32_t)message_ids.count;
        info.msgmap = (int32_t)atomic_load(&messages_count);
        info.msgtql = (int32_t)atomic_load(&messages_bytes);
    }
    long result = sysv_highest(&message_ids);
    spin_unlock(&message_ids.lock);
    return put_user(user, &info, sizeof info) ? -ABI_EFAULT : result;
}

/* By number, or by index with the number as the answer. */
static long control_stat(int id, long command, long user)
{
    struct abi_msqid_ds about;
    bool by_index = command != ABI_IPC_STAT;
    spin_lock(&message_ids.lock);
    struct sysv_id *there = by_index ? sysv_at(&message_ids, id) : sysv_find(&message_ids, id);
    long result = !there ? -ABI_EINVAL
                  : command == ABI_MSG_STAT_ANY || sysv_allows(there, SYSV_READ)
                      ? (by_index ? there->id : 0)
                      : -ABI_EACCES;
    if (result >= 0)
        message_queue_about(message_queue_of(there), &about);
    spin_unlock(&message_ids.lock);
    return result >= 0 && put_user(user, &about, sizeof about) ? -ABI_EFAULT : result;
}

/* Only root may have a queue hold more than usual. message_ids.lock held. */
static long about_set(struct message_queue *queue, const struct abi_msqid_ds *wanted)
{
    if (wanted->msg_qbytes > atomic_load(&message_limits.in_queue) &&
        !process_capable(CAPABILITY_SYS_RESOURCE))
        return -ABI_EPERM;
    long error = sysv_set(&queue->entry, &wanted->msg_perm);
    if (error)
        return error;
    spin_lock(&queue->lock);
    queue->about.msg_qbytes = wanted->msg_qbytes;
    queue->about.msg_ctime = sysv_now();
    message_queue_changed(queue);
    spin_unlock(&queue->lock);
    return 0;
}

/* What its owner may do to it. */
static long control_change(int id, long command, long user)
{
    struct abi_msqid_ds wanted = {0};
    if (command == ABI_IPC_SET && get_user(&wanted, user, sizeof wanted))
        return -ABI_EFAULT;
    spin_lock(&message_ids.lock);
    struct message_queue *queue = message_queue_of(sysv_find(&message_ids, id));
    long result = !queue ? -ABI_EINVAL : sysv_owned(&queue->entry) ? 0 : -ABI_EPERM;
    if (!result && command == ABI_IPC_RMID)
        sysv_remove(&message_ids, &queue->entry);
    else if (!result)
        result = about_set(queue, &wanted);
    spin_unlock(&message_ids.lock);
    if (!result && command == ABI_IPC_RMID)
        message_queue_end(queue);
    return result;
}

long sys_msgctl(long id, long command, long user)
{
    if (id < 0 || command < 0)
        return -ABI_EINVAL;
    switch (command) {
    case ABI_IPC_INFO:
    case ABI_MSG_INFO:
        return control_info(command, user);
    case ABI_IPC_STAT:
    case ABI_MSG_STAT:
    case ABI_MSG_STAT_ANY:
        return control_stat((int)id, command, user);
    case ABI_IPC_SET:
    case ABI_IPC_RMID:
        return control_change((int)id, command, user);
    default:
        return -ABI_EINVAL;
    }
}
