/* mq_open and its family: POSIX message queues by descriptor. */
#include "kernel/abi/socket.h"
#include "kernel/abi/timens.h"
#include "kernel/sys/mqueue.h"

long sys_mq_open(long user_name, long flags, long mode, long user_attributes)
{
    struct abi_mq_attr attributes;
    struct queue *queue;
    struct path name;
    flags = (int32_t)flags;
    if (user_attributes && get_user(&attributes, user_attributes, sizeof attributes))
        return -ABI_EFAULT;
    long error = path_get(&name, user_name);
    /* Nothing is made for who couldn't have it; only that a name is none is told before. */
    if (!error && name.text[0] && !fdtab_has_room(current_process()->fds))
        error = -ABI_EMFILE;
    if (!error)
        error = queue_open(name.text, flags, mode, user_attributes ? &attributes : NULL, &queue);
    path_free(&name);
    if (error)
        return error;
    return descriptor_open((oskit_iunknown_t *)&queue->pollable.i,
                           (uint32_t)flags & (ABI_O_ACCMODE | ABI_O_NONBLOCK), true);
}

long sys_mq_unlink(long user_name)
{
    struct path name;
    long error = path_get(&name, user_name);
    if (!error)
        error = queue_unlink(name.text);
    path_free(&name);
    return error;
}

/* ---- Transfers ---- */

/* What a transfer waits for, and with. */
struct transfer {
    struct mqueue *messages;
    struct mqueue_message *message;
    bool unexpected, waiting, nonblock;
};

/* An absolute time on the real clock, or NULL: for ever. */
static long deadline_absolute(long user, struct deadline *out)
{
    struct abi_timespec spec;
    *out = (struct deadline){ENV_FOREVER, false};
    if (!user)
        return 0;
    if (get_user(&spec, user, sizeof spec))
        return -ABI_EFAULT;
    if (!timespec_valid(&spec))
        return -ABI_EINVAL;
    *out = (struct deadline){(uint64_t)timespec_ns(&spec), true};
    return 0;
}

/* The queue that descriptor NUMBER is open for, one way or the other. */
static long queue_get(long number, bool (*allowed)(const struct openfile *file), struct fd *fd,
                      struct queue **out)
{
    *fd = fd_get((int)number);
    if (!fd->file)
        return -ABI_EBADF;
    *out = queue_of(fd->file);
    if (*out && (!allowed || allowed(fd->file)))
        return 0;
    fd_put(*fd);
    return -ABI_EBADF;
}

static bool file_nonblock(const struct openfile *file)
{
    return atomic_load(&file->flags) & ABI_O_NONBLOCK;
}

/* An interrupted call goes on to the same time, for that is absolute. */
static long transfer_error(oskit_error_t error)
{
    return error == OSKIT_EINTR ? -ERESTARTSYS : errno_from_oskit(error);
}

static oskit_error_t send_try(void *arg)
{
    struct transfer *transfer = arg;
    return mqueue_send(transfer->messages, transfer->message, &transfer->unexpected);
}

static long queue_send(struct queue *queue, bool nonblock, struct mqueue_message *message,
                       struct deadline deadline)
{
    struct transfer transfer = {.messages = &queue->messages, .message = message};
    oskit_error_t error = wait_loop_until(&queue->messages.readiness, READY_WRITE, nonblock,
                                          deadline, send_try, &transfer);
    if (error)
        mqueue_message_free(message);
    else if (transfer.unexpected)
        queue_tell(queue);
    return transfer_error(error);
}

static long message_from_user(long user, size_t size, uint32_t priority,
                              struct mqueue_message **out)
{
    *out = mqueue_message_create(size);
    if (!*out)
        return -ABI_ENOMEM;
    (*out)->priority = priority;
    if (!get_user((*out)->bytes, user, size))
        return 0;
    mqueue_message_free(*out);
    return -ABI_EFAULT;
}

long sys_mq_timedsend(long number, long user, long size, long priority, long user_timeout)
{
    struct mqueue_message *message;
    struct queue *queue;
    struct fd fd;
    struct deadline deadline;
    long error = deadline_absolute(user_timeout, &deadline);
    if (!error && (uint32_t)priority >= MQUEUE_PRIORITIES)
        error = -ABI_EINVAL;
    if (!error)
        error = queue_get(number, openfile_writable, &fd, &queue);
    if (error)
        return error;
    error = (size_t)size > queue->messages.size ? -ABI_EMSGSIZE : 0;
    if (!error)
        error = message_from_user(user, (size_t)size, (uint32_t)priority, &message);
    if (!error)
        error = queue_send(queue, file_nonblock(fd.file), message, deadline);
    fd_put(fd);
    return error;
}

static oskit_error_t receive_try(void *arg)
{
    struct transfer *transfer = arg;
    return mqueue_receive(transfer->messages, transfer->nonblock ? NULL : &transfer->waiting,
                          &transfer->message);
}

static long queue_receive(struct queue *queue, bool nonblock, struct deadline deadline,
                          struct mqueue_message **out)
{
    struct transfer transfer = {.messages = &queue->messages, .nonblock = nonblock};
    oskit_error_t error = wait_loop_until(&queue->messages.readiness, READY_READ, nonblock,
                                          deadline, receive_try, &transfer);
    if (error && mqueue_give_up(&queue->messages, &transfer.waiting))
        queue_tell(queue);
    *out = transfer.message;
    return transfer_error(error);
}

/* One that can't be copied is lost, as on Linux. */
static long message_to_user(struct mqueue_message *message, long user, long user_priority)
{
    long result = (long)message->size;
    if ((user_priority && put_user(user_priority, &message->priority, sizeof message->priority)) ||
        put_user(user, message->bytes, message->size))
        result = -ABI_EFAULT;
    mqueue_message_free(message);
    return result;
}

long sys_mq_timedreceive(long number, long user, long size, long user_priority, long user_timeout)
{
    struct mqueue_message *message;
    struct queue *queue;
    struct fd fd;
    struct deadline deadline;
    long error = deadline_absolute(user_timeout, &deadline);
    if (!error)
        error = queue_get(number, openfile_readable, &fd, &queue);
    if (error)
        return error;
    error = (size_t)size < queue->messages.size ? -ABI_EMSGSIZE : 0;
    if (!error)
        error = queue_receive(queue, file_nonblock(fd.file), deadline, &message);
    fd_put(fd);
    return error ? error : message_to_user(message, user, user_priority);
}

/* ---- Being told ---- */

/* SIGEV_THREAD: a message to a netlink socket, of which the C library makes a thread. */
static long notification_open_socket(struct notification *notification)
{
    if (get_user(notification->cookie, (long)notification->event.sigev_value.sival_ptr,
                 sizeof notification->cookie))
        return -ABI_EFAULT;
    struct openfile *file = fdtab_get(current_process()->fds, notification->event.sigev_signo);
    if (!file)
        return -ABI_EBADF;
    long error = !file->socket                           ? -ABI_ENOTSOCK
                 : file->socket_family != ABI_AF_NETLINK ? -ABI_EINVAL
                                                         : 0;
    if (error)
        openfile_unref(file);
    else
        notification->socket = file;
    return error;
}

static long notification_make(long user, struct notification *out)
{
    *out = (struct notification){.process = NULL};
    if (get_user(&out->event, user, sizeof out->event))
        return -ABI_EFAULT;
    switch (out->event.sigev_notify) {
    case ABI_SIGEV_NONE:
        return 0;
    case ABI_SIGEV_SIGNAL:
        return (uint32_t)out->event.sigev_signo > ABI_NSIG ? -ABI_EINVAL : 0;
    case ABI_SIGEV_THREAD:
        return notification_open_socket(out);
    default:
        return -ABI_EINVAL;
    }
}

static long queue_notify(struct queue *queue, struct notification *notification)
{
    struct process *process = current_process();
    notification->process = process;
    notification->fds = process->fds;
    process_ref(process);
    fdtab_note_claims(process->fds);
    return queue_tell_set(queue, notification);
}

long sys_mq_notify(long number, long user)
{
    struct notification notification;
    struct queue *queue;
    struct fd fd;
    long error = user ? notification_make(user, &notification) : 0;
    if (error)
        return error;
    error = queue_get(number, NULL, &fd, &queue);
    if (error) {
        if (user)
            notification_drop(&notification);
        return error;
    }
    if (user)
        error = queue_notify(queue, &notification);
    else
        queue_tell_remove(queue);
    fd_put(fd);
    return error;
}

/* ---- Attributes ---- */

static struct abi_mq_attr queue_attributes(struct openfile *file, struct queue *queue)
{
    return (struct abi_mq_attr){.mq_flags = atomic_load(&file->flags) & ABI_O_NONBLOCK,
                                .mq_maxmsg = (int64_t)queue->messages.limit,
                                .mq_msgsize = (int64_t)queue->messages.size,
                                .mq_curmsgs = (int64_t)mqueue_count(&queue->messages)};
}

long sys_mq_getsetattr(long number, long user_new, long user_old)
{
    struct abi_mq_attr fresh = {0}, old;
    struct queue *queue;
    struct fd fd;
    if (user_new && get_user(&fresh, user_new, sizeof fresh))
        return -ABI_EFAULT;
    if (fresh.mq_flags & ~(int64_t)ABI_O_NONBLOCK)
        return -ABI_EINVAL;
    long error = queue_get(number, NULL, &fd, &queue);
    if (error)
        return error;
    old = queue_attributes(fd.file, queue);
    if (user_new && fresh.mq_flags)
        atomic_fetch_or(&fd.file->flags, ABI_O_NONBLOCK);
    else if (user_new)
        atomic_fetch_and(&fd.file->flags, ~(uint32_t)ABI_O_NONBLOCK);
    fd_put(fd);
    return user_old ? put_user(user_old, &old, sizeof old) : 0;
}
