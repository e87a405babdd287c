/*
 * Names and owners of POSIX message queues: see mqueue.h.
 *
 * Lock order: queues_mutex (names, over making a queue) -> queues_lock (the list; the last
 * reference may go anywhere). queue.lock is a leaf.
 */
#include "kernel/sys/mqueue.h"
#include <sluice/netlink.h>
#include <sluice/permission.h>
#include <sluice/string.h>
#include "kernel/abi/resource.h"
#include "kernel/mem/heap.h"
#include "kernel/task/capability.h"
#include "kernel/task/mutex.h"

/* Linux's bounds for root, and what it reckons for each message and each priority. */
#define MESSAGES_MOST  65536
#define SIZE_MOST      16777216
#define MESSAGE_RECORD 48u

struct queue_limits queue_limits = {256, 10, 8192, 10, 8192};

static mutex_t queues_mutex;
static spinlock_t queues_lock;
static struct list queues = LIST_INIT(queues);

/* ---- Registrations ---- */

static void cookie_send(struct notification *notification, uint8_t why)
{
    notification->cookie[ABI_NOTIFY_COOKIE_LEN - 1] = why;
    netlink_tell(notification->socket->socket, notification->cookie, ABI_NOTIFY_COOKIE_LEN);
}

/* Not from a spinlock's inside: last references may go. */
void notification_drop(struct notification *notification)
{
    if (notification->socket)
        openfile_unref(notification->socket);
    if (notification->process)
        process_unref(notification->process);
    memset(notification, 0, sizeof *notification);
}

/* One that was registered. The C library frees what belongs to it when the cookie comes: so none
 * comes of one that was refused, which it freed already. */
static void notification_remove(struct notification *notification)
{
    if (notification->socket)
        cookie_send(notification, ABI_NOTIFY_REMOVED);
    notification_drop(notification);
}

/* ---- The object ---- */

static struct readiness *queue_readiness(sluice_pollable_t *self)
{
    return &container_of(SLUICE_OBJECT(self), struct queue, object)->messages.readiness;
}

static struct sluice_pollable_ops queue_pollable_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .readiness = queue_readiness,
};

static void queue_destroy(struct sluice_object *object)
{
    struct queue *queue = container_of(object, struct queue, object);
    spin_lock(&queues_lock);
    list_remove(&queue->link);
    spin_unlock(&queues_lock);
    notification_remove(&queue->told);
    mqueue_fini(&queue->messages);
    sluice_object_fini(object);
    heap_free(queue);
}

static const struct sluice_interface queue_interfaces[] = {
    {&oskit_iunknown_iid, offsetof(struct queue, pollable), &queue_pollable_ops},
    {&sluice_pollable_iid, offsetof(struct queue, pollable), &queue_pollable_ops},
};

static const struct sluice_class queue_class = {"mqueue", queue_interfaces,
                                                SLUICE_COUNT(queue_interfaces), queue_destroy};

struct queue *queue_of(const struct openfile *file)
{
    if ((const void *)file->object->ops != &queue_pollable_ops)
        return NULL;
    return container_of(SLUICE_OBJECT(file->object), struct queue, object);
}

/* ---- Making ---- */

static int64_t lesser(_Atomic uint32_t *one, _Atomic uint32_t *other)
{
    uint32_t a = atomic_load(one), b = atomic_load(other);
    return a < b ? a : b;
}

static struct abi_mq_attr attributes_default(void)
{
    return (struct abi_mq_attr){
        .mq_maxmsg = lesser(&queue_limits.messages, &queue_limits.default_messages),
        .mq_msgsize = lesser(&queue_limits.size, &queue_limits.default_size)};
}

static long attributes_check(const struct abi_mq_attr *attributes)
{
    bool free = process_capable(CAPABILITY_SYS_RESOURCE);
    int64_t messages = free ? MESSAGES_MOST : atomic_load(&queue_limits.messages);
    int64_t size = free ? SIZE_MOST : atomic_load(&queue_limits.size);
    return attributes->mq_maxmsg <= 0 || attributes->mq_maxmsg > messages ||
                   attributes->mq_msgsize <= 0 || attributes->mq_msgsize > size
               ? -ABI_EINVAL
               : 0;
}

static uint64_t attributes_bytes(const struct abi_mq_attr *attributes)
{
    uint64_t messages = (uint64_t)attributes->mq_maxmsg;
    uint64_t priorities = messages < MQUEUE_PRIORITIES ? messages : MQUEUE_PRIORITIES;
    return messages * (uint64_t)attributes->mq_msgsize + (messages + priorities) * MESSAGE_RECORD;
}

/* Whether user UID may have one more, of BYTES. queues_mutex held. */
static long queues_check(uint32_t uid, uint64_t bytes)
{
    uint32_t count = 0;
    spin_lock(&queues_lock);
    list_for_each (link, &queues) {
        const struct queue *queue = container_of(link, struct queue, link);
        count++;
        if (queue->uid == uid)
            bytes += queue->bytes;
    }
    spin_unlock(&queues_lock);
    if (count >= atomic_load(&queue_limits.queues) && !process_capable(CAPABILITY_SYS_RESOURCE))
        return -ABI_ENOSPC;
    return bytes > process_limit(ABI_RLIMIT_MSGQUEUE) ? -ABI_EMFILE : 0;
}

/* queues_mutex held. */
static long queue_create(const char *name, long mode, const struct abi_mq_attr *attributes,
                         struct queue **out)
{
    const struct cred *cred = cred_current();
    uint64_t bytes = attributes_bytes(attributes);
    long error = attributes_check(attributes);
    if (!error)
        error = queues_check(cred->fsuid, bytes);
    if (error)
        return error;
    struct queue *queue = heap_alloc(sizeof *queue, HEAP_ZERO);
    if (!queue || mqueue_init(&queue->messages, (size_t)attributes->mq_maxmsg,
                              (size_t)attributes->mq_msgsize)) {
        heap_free(queue);
        return -ABI_ENOMEM;
    }
    queue->uid = cred->fsuid;
    queue->gid = cred->fsgid;
    queue->mode = (oskit_mode_t)mode & 0777 & ~current_process()->fs->umask;
    queue->bytes = bytes;
    queue->named = true;
    memcpy(queue->name, name, strlen(name) + 1);
    sluice_object_init(&queue->object, &queue_class);
    sluice_object_addref(&queue->object); /* its name's */
    spin_lock(&queues_lock);
    list_push_back(&queues, &queue->link);
    spin_unlock(&queues_lock);
    *out = queue;
    return 0;
}

/* ---- Names; queues_mutex held ---- */

/* Borrowed: its name has a reference. */
static struct queue *queue_find(const char *name)
{
    struct queue *found = NULL;
    spin_lock(&queues_lock);
    list_for_each (link, &queues) {
        struct queue *queue = container_of(link, struct queue, link);
        if (queue->named && !strcmp(queue->name, name))
            found = queue;
    }
    spin_unlock(&queues_lock);
    return found;
}

/* It has no directories. */
static long name_check(const char *name)
{
    if (!*name)
        return -ABI_ENOENT;
    if (!strcmp(name, ".") || !strcmp(name, ".."))
        return -ABI_EACCES;
    for (const char *at = name; *at; at++)
        if (*at == '/')
            return -ABI_EACCES;
    return strlen(name) > ABI_NAME_MAX ? -ABI_ENAMETOOLONG : 0;
}

static long queue_check_access(const struct queue *queue, long flags)
{
    static const unsigned wanted[3] = {OSKIT_R_OK, OSKIT_W_OK, OSKIT_R_OK | OSKIT_W_OK};
    if ((flags & ABI_O_ACCMODE) == ABI_O_ACCMODE)
        return -ABI_EINVAL;
    return errno_from_oskit(
        permission_check(queue->mode, queue->uid, queue->gid, wanted[flags & ABI_O_ACCMODE]));
}

static long queue_open_existing(struct queue *queue, long flags, struct queue **out)
{
    if (flags & ABI_O_CREAT && flags & ABI_O_EXCL)
        return -ABI_EEXIST;
    long error = queue_check_access(queue, flags);
    if (error)
        return error;
    sluice_object_addref(&queue->object);
    *out = queue;
    return 0;
}

long queue_open(const char *name, long flags, long mode, const struct abi_mq_attr *attributes,
                struct queue **out)
{
    struct abi_mq_attr defaults = attributes_default();
    long error = name_check(name);
    if (error)
        return error;
    mutex_lock(&queues_mutex);
    struct queue *queue = queue_find(name);
    if (queue)
        error = queue_open_existing(queue, flags, out);
    else if (!(flags & ABI_O_CREAT))
        error = -ABI_ENOENT;
    else
        error = queue_create(name, mode, attributes ? attributes : &defaults, out);
    mutex_unlock(&queues_mutex);
    return error;
}

long queue_unlink(const char *name)
{
    struct env_identity who;
    long error = name_check(name);
    if (error)
        return error;
    env_identity(&who);
    mutex_lock(&queues_mutex);
    struct queue *queue = queue_find(name);
    if (!queue)
        error = -ABI_ENOENT;
    else if (who.uid != queue->uid && !env_identity_may(&who, CAPABILITY_FOWNER))
        error = -ABI_EPERM;
    else
        queue->named = false;
    mutex_unlock(&queues_mutex);
    if (!error)
        sluice_object_release(&queue->object);
    return error;
}

/* ---- Telling ---- */

/* The registration, which is nobody's any more. */
static struct notification notification_take(struct queue *queue)
{
    struct notification taken = queue->told;
    memset(&queue->told, 0, sizeof queue->told);
    return taken;
}

long queue_tell_set(struct queue *queue, struct notification *notification)
{
    spin_lock(&queue->lock);
    bool free = !queue->told.process;
    if (free)
        queue->told = *notification;
    spin_unlock(&queue->lock);
    if (free)
        return 0;
    notification_drop(notification);
    return -ABI_EBUSY;
}

void queue_tell_remove(struct queue *queue)
{
    struct notification taken = {.process = NULL};
    spin_lock(&queue->lock);
    if (queue->told.process == current_process())
        taken = notification_take(queue);
    spin_unlock(&queue->lock);
    notification_remove(&taken);
}

void queue_descriptor_closed(const struct fdtab *table, const struct openfile *file)
{
    struct queue *queue = queue_of(file);
    struct notification taken = {.process = NULL};
    if (!queue)
        return;
    spin_lock(&queue->lock);
    if (queue->told.fds == table)
        taken = notification_take(queue);
    spin_unlock(&queue->lock);
    notification_remove(&taken);
}

static void notification_signal(const struct notification *notification)
{
    struct abi_siginfo info = {.si_signo = notification->event.sigev_signo,
                               .si_code = ABI_SI_MESGQ};
    info.rt.si_pid = current_process()->pid;
    info.rt.si_uid = cred_current()->uid;
    info.rt.si_value = notification->event.sigev_value;
    signal_send_process(notification->process, &info);
}

void queue_tell(struct queue *queue)
{
    spin_lock(&queue->lock);
    struct notification taken = notification_take(queue);
    spin_unlock(&queue->lock);
    if (!taken.process)
        return;
    if (taken.event.sigev_notify == ABI_SIGEV_SIGNAL && taken.event.sigev_signo)
        notification_signal(&taken);
    if (taken.socket)
        cookie_send(&taken, ABI_NOTIFY_WOKENUP);
    notification_drop(&taken);
}
