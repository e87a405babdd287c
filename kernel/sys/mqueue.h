/*
 * POSIX message queues: names, owners, and who is told of a message that nobody waits for. What a
 * queue holds is a struct mqueue (sluice/mqueue.h). The names lie in a directory of their own,
 * which is mounted nowhere; as on Linux everybody may make one there, and who made it, or root,
 * remove it.
 */
#ifndef KERNEL_SYS_MQUEUE_H
#define KERNEL_SYS_MQUEUE_H

#include <sluice/mqueue.h>
#include <sluice/object.h>
#include "kernel/abi/limits.h"
#include "kernel/abi/mqueue.h"
#include "kernel/sys/sys.h"

/* Who is told, once. A process registers itself, through one of its descriptors; closing one, or
 * ending, takes it back. */
struct notification {
    struct process *process; /* with a reference; NULL: nobody */
    const struct fdtab *fds; /* where the descriptor was; only compared */
    struct openfile *socket; /* SIGEV_THREAD: gets the cookie; with a reference, or NULL */
    struct abi_sigevent event;
    uint8_t cookie[ABI_NOTIFY_COOKIE_LEN];
};

struct queue {
    struct sluice_object object;
    SLUICE_FACE(sluice_pollable_t) pollable;
    struct mqueue messages;
    struct list link; /* all queues; queues_lock */
    bool named;       /* queues_mutex */
    uint32_t uid, gid;
    oskit_mode_t mode;
    uint64_t bytes;  /* that count against RLIMIT_MSGQUEUE of UID */
    spinlock_t lock; /* guards who is told */
    struct notification told;
    char name[ABI_NAME_MAX + 1];
};

/* What /proc/sys/fs/mqueue sets. */
struct queue_limits {
    _Atomic uint32_t queues, messages, size; /* the most, for all but root */
    _Atomic uint32_t default_messages, default_size;
};
extern struct queue_limits queue_limits;

/* The queue called NAME, with a reference. ATTRIBUTES of a new one, or NULL: the defaults. FLAGS
 * and MODE are open's. Negative errno. */
long queue_open(const char *name, long flags, long mode, const struct abi_mq_attr *attributes,
                struct queue **out);
long queue_unlink(const char *name);
/* The queue behind FILE, or NULL. */
struct queue *queue_of(const struct openfile *file);

/* NOTIFICATION, whose references are taken over also on failure, replaces nobody: -ABI_EBUSY. */
long queue_tell_set(struct queue *queue, struct notification *notification);
/* The calling process isn't to be told any more. */
void queue_tell_remove(struct queue *queue);
void notification_drop(struct notification *notification);
/* A message came that nobody waits for. */
void queue_tell(struct queue *queue);
/* A descriptor of FILE in TABLE was closed. */
void queue_descriptor_closed(const struct fdtab *table, const struct openfile *file);

#endif
