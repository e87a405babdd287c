/*
 * O_ASYNC: an open file's readiness events become signals to its owner.
 *
 * A waiter is told with the readiness locked, and perhaps other locks above it, where no signal can
 * be sent. So it notes the events and queues a deferred handler, which runs with no lock held. The
 * handler has a reference of its own: the file may be closed before it runs.
 *
 * A socket's owner gets SIGURG when urgent data comes, with or without O_ASYNC: a waiter of its own
 * tells of that from the first F_SETOWN on.
 *
 * The owner is kept as a number. It gets signals only while whoever made it the owner could send
 * it one, as on Linux.
 *
 * Locks: async.mutex, over registering; async.lock guards the owner. The handler takes none while
 * it sends but tree_lock, for a group.
 */
#include "kernel/sys/async.h"
#include "kernel/abi/fcntl.h"
#include "kernel/abi/poll.h"
#include "kernel/cpu/spinlock.h"
#include "kernel/mem/heap.h"
#include "kernel/sys/sys.h"
#include "kernel/task/defer.h"
#include "kernel/task/mutex.h"

/* Who gets the signals; number 0: nobody. UID and EUID are those of who said so. */
struct async_owner {
    int32_t type, number; /* ABI_F_OWNER_* */
    uint32_t uid, euid;
    int signal; /* F_SETSIG; 0: SIGIO, without information */
};

struct async {
    _Atomic uint32_t references; /* the file's, and the handler's while it is queued */
    mutex_t mutex;               /* guards registered, urgent_registered */
    bool registered, urgent_registered;
    struct readiness_waiter waiter, urgent;
    struct deferred handler;
    _Atomic uint32_t events; /* that the handler has yet to send */
    spinlock_t lock;
    struct async_owner owner; /* lock */
    _Atomic int32_t number;   /* the descriptor to tell of */
};

static void async_unref(struct async *async)
{
    if (atomic_fetch_sub(&async->references, 1) == 1)
        heap_free(async);
}

/* ---- Sending ---- */

static bool owner_permitted(const struct async_owner *owner, struct process *target)
{
    struct cred *theirs = process_cred_get(target);
    bool permitted = owner->euid == 0 || owner->euid == theirs->suid ||
                     owner->euid == theirs->uid || owner->uid == theirs->suid ||
                     owner->uid == theirs->uid;
    cred_unref(theirs);
    return permitted;
}

static void send_process(const struct async_owner *owner, const struct abi_siginfo *info)
{
    struct process *process = process_find(owner->number);
    if (!process)
        return;
    if (owner_permitted(owner, process))
        signal_send_process(process, info);
    process_unref(process);
}

static void send_thread(const struct async_owner *owner, const struct abi_siginfo *info)
{
    struct thread *thread = thread_find(owner->number);
    if (!thread)
        return;
    if (thread->process && owner_permitted(owner, thread->process))
        signal_send_thread(thread, info);
    thread_unref(thread);
}

static void send_group(const struct async_owner *owner, const struct abi_siginfo *info)
{
    spin_lock(&tree_lock);
    struct process_group *group = pid_lookup(owner->number, PID_GROUP, NULL);
    if (group)
        list_for_each (link, &group->members) {
            struct process *process = container_of(link, struct process, group_link);
            if (owner_permitted(owner, process))
                signal_send_process(process, info);
        }
    spin_unlock(&tree_lock);
}

static void owner_send(const struct async_owner *owner, const struct abi_siginfo *info)
{
    if (owner->type == ABI_F_OWNER_TID)
        send_thread(owner, info);
    else if (owner->type == ABI_F_OWNER_PID)
        send_process(owner, info);
    else
        send_group(owner, info);
}

/* Signals whose codes have meanings of their own get SI_SIGIO instead of POLL_IN and the like. */
static bool signal_has_codes(int signal)
{
    const abi_sigset_t set = SIGNAL_BIT(ABI_SIGILL) | SIGNAL_BIT(ABI_SIGFPE) |
                             SIGNAL_BIT(ABI_SIGSEGV) | SIGNAL_BIT(ABI_SIGBUS) |
                             SIGNAL_BIT(ABI_SIGTRAP) | SIGNAL_BIT(ABI_SIGCHLD) |
                             SIGNAL_BIT(ABI_SIGSYS);
    return SIGNAL_BIT(signal) & set;
}

static void async_send(const struct async_owner *owner, int32_t number, int code, uint32_t band)
{
    struct abi_siginfo info;
    signal_info_kernel(&info, ABI_SIGIO);
    if (owner->signal) {
        info =
            (struct abi_siginfo){.si_signo = owner->signal,
                                 .si_code = signal_has_codes(owner->signal) ? ABI_SI_SIGIO : code};
        info.poll.si_band = band;
        info.poll.si_fd = number;
    }
    owner_send(owner, &info);
}

/* Of events: urgent data came, whatever else did. No bit of readiness. */
#define EVENT_URGENT 0x80000000u

static void async_send_urgent(const struct async_owner *owner)
{
    struct abi_siginfo info;
    signal_info_kernel(&info, ABI_SIGURG);
    owner_send(owner, &info);
}

/* The end of a pipe comes with what it makes ready; alone it is a hangup. */
static void async_handle(void *arg)
{
    struct async *async = arg;
    uint32_t events = atomic_exchange(&async->events, 0);
    int32_t number = atomic_load(&async->number);
    spin_lock(&async->lock);
    struct async_owner owner = async->owner;
    spin_unlock(&async->lock);
    if (owner.number && events & EVENT_URGENT)
        async_send_urgent(&owner);
    events &= ~EVENT_URGENT;
    if (owner.number) {
        if (events & (READY_READ | READY_RDHUP))
            async_send(&owner, number, ABI_POLL_IN, ABI_POLLIN | ABI_POLLRDNORM);
        if (events & READY_WRITE)
            async_send(&owner, number, ABI_POLL_OUT, ABI_POLLOUT | ABI_POLLWRNORM | ABI_POLLWRBAND);
        if (events & READY_PRI)
            async_send(&owner, number, ABI_POLL_PRI, ABI_POLLPRI | ABI_POLLRDBAND);
        if (events == READY_ERR)
            async_send(&owner, number, ABI_POLL_ERR, ABI_POLLERR);
        if (events & READY_HUP && !(events & (READY_READ | READY_WRITE)))
            async_send(&owner, number, ABI_POLL_HUP, ABI_POLLHUP | ABI_POLLERR);
    }
    async_unref(async);
}

/* Who adds the first event queues the handler, which takes them all. */
static void async_add(struct async *async, uint32_t events)
{
    if (!atomic_fetch_or(&async->events, events)) {
        atomic_fetch_add(&async->references, 1);
        deferred_queue(&async->handler);
    }
}

static bool async_notify(struct readiness_waiter *waiter, uint32_t events)
{
    async_add(container_of(waiter, struct async, waiter), events);
    return false;
}

static bool async_notify_urgent(struct readiness_waiter *waiter, uint32_t events)
{
    if (events & READY_PRI)
        async_add(container_of(waiter, struct async, urgent), EVENT_URGENT);
    return false;
}

/* ---- An open file's ---- */

static struct async *async_create(void)
{
    struct async *async = heap_alloc(sizeof *async, HEAP_ZERO);
    if (!async)
        return NULL;
    atomic_init(&async->references, 1);
    async->waiter.mask = READY_READ | READY_WRITE | READY_PRI | READY_RDHUP;
    async->waiter.notify = async_notify;
    list_init(&async->waiter.link);
    async->urgent.mask = READY_PRI;
    async->urgent.notify = async_notify_urgent;
    list_init(&async->urgent.link);
    deferred_init(&async->handler, async_handle, async);
    return async;
}

static struct async *async_get(struct openfile *file)
{
    struct async *async = atomic_load(&file->async), *none = NULL;
    if (async)
        return async;
    async = async_create();
    if (async && !atomic_compare_exchange_strong(&file->async, &none, async)) {
        async_unref(async);
        async = none;
    }
    return async;
}

/* Pipes, sockets, terminals and devices; other objects that can be polled tell nobody. */
static bool async_possible(const struct openfile *file)
{
    if (!file->readiness)
        return false;
    oskit_mode_t type = openfile_type(file);
    return file->terminal || type == OSKIT_S_IFIFO || type == OSKIT_S_IFSOCK ||
           type == OSKIT_S_IFCHR;
}

static void owner_set(struct async *async, int32_t type, int32_t number)
{
    const struct cred *cred = cred_current();
    spin_lock(&async->lock);
    async->owner.type = type;
    async->owner.number = number;
    async->owner.uid = cred->uid;
    async->owner.euid = cred->euid;
    spin_unlock(&async->lock);
}

static struct async_owner owner_get(struct openfile *file)
{
    struct async *async = atomic_load(&file->async);
    struct async_owner owner = {.type = ABI_F_OWNER_PID};
    if (!async)
        return owner;
    spin_lock(&async->lock);
    owner = async->owner;
    spin_unlock(&async->lock);
    return owner;
}

/* A terminal that has no owner yet gets one: its foreground group, or who asks. */
static void async_own_terminal(struct openfile *file, struct async *async)
{
    oskit_pid_t group = 0;
    if (!file->tty || owner_get(file).number)
        return;
    if (!oskit_ttystream_getpgrp(file->tty, &group) && group > 0)
        owner_set(async, ABI_F_OWNER_PGRP, group);
    else
        owner_set(async, ABI_F_OWNER_PID, current_process()->pid);
}

static long async_register(struct openfile *file, long number, bool on)
{
    struct async *async = on ? async_get(file) : atomic_load(&file->async);
    if (!async)
        return on ? -ABI_ENOMEM : 0;
    mutex_lock(&async->mutex);
    if (on) {
        atomic_store(&async->number, (int32_t)number);
        async_own_terminal(file, async);
    }
    if (on && !async->registered)
        readiness_add(file->readiness, &async->waiter);
    else if (!on && async->registered)
        readiness_remove(file->readiness, &async->waiter);
    async->registered = on;
    mutex_unlock(&async->mutex);
    return 0;
}

long async_set(struct openfile *file, long number, bool on)
{
    if (!(atomic_load(&file->flags) & ABI_O_ASYNC) == !on)
        return 0;
    if (!async_possible(file))
        return -ABI_ENOTTY;
    long error = async_register(file, number, on);
    if (error)
        return error;
    if (on)
        atomic_fetch_or(&file->flags, ABI_O_ASYNC);
    else
        atomic_fetch_and(&file->flags, ~ABI_O_ASYNC);
    return 0;
}

void async_file_gone(struct openfile *file)
{
    struct async *async = atomic_load(&file->async);
    if (!async)
        return;
    if (async->registered)
        readiness_remove(file->readiness, &async->waiter);
    if (async->urgent_registered)
        readiness_remove(file->readiness, &async->urgent);
    async_unref(async);
}

/* ---- Owners ---- */

static bool owner_exists(int32_t type, int32_t number)
{
    bool found = false;
    if (type == ABI_F_OWNER_PGRP) {
        spin_lock(&tree_lock);
        found = pid_lookup(number, PID_GROUP, NULL) != NULL;
        spin_unlock(&tree_lock);
        return found;
    }
    struct thread *thread = thread_find(number);
    if (thread) {
        thread_unref(thread);
        return true;
    }
    struct process *process = process_find(number);
    if (process)
        process_unref(process);
    return process != NULL;
}

static void async_register_urgent(struct openfile *file, struct async *async)
{
    mutex_lock(&async->mutex);
    if (!async->urgent_registered)
        readiness_add(file->readiness, &async->urgent);
    async->urgent_registered = true;
    mutex_unlock(&async->mutex);
}

static long owner_change(struct openfile *file, int32_t type, int32_t number)
{
    if (number && !owner_exists(type, number))
        return -ABI_ESRCH;
    struct async *async = number ? async_get(file) : atomic_load(&file->async);
    if (async)
        owner_set(async, type, number);
    if (async && file->socket)
        async_register_urgent(file, async);
    return async || !number ? 0 : -ABI_ENOMEM;
}

long async_set_owner(struct openfile *file, int32_t who)
{
    if (who == INT32_MIN)
        return -ABI_EINVAL;
    return who < 0 ? owner_change(file, ABI_F_OWNER_PGRP, -who)
                   : owner_change(file, ABI_F_OWNER_PID, who);
}

/* An owner that is gone isn't told. */
long async_owner(struct openfile *file)
{
    struct async_owner owner = owner_get(file);
    if (owner.number && !owner_exists(owner.type, owner.number))
        return 0;
    return owner.type == ABI_F_OWNER_PGRP ? -owner.number : owner.number;
}

static long owner_set_extended(struct openfile *file, long user)
{
    struct abi_f_owner_ex owner;
    if (get_user(&owner, user, sizeof owner))
        return -ABI_EFAULT;
    if (owner.type < ABI_F_OWNER_TID || owner.type > ABI_F_OWNER_PGRP)
        return -ABI_EINVAL;
    return owner.pid < 0 ? -ABI_ESRCH : owner_change(file, owner.type, owner.pid);
}

static long owner_get_extended(struct openfile *file, long user)
{
    struct async_owner owner = owner_get(file);
    struct abi_f_owner_ex out = {owner.type, owner.number};
    if (owner.number && !owner_exists(owner.type, owner.number))
        out.pid = 0;
    return put_user(user, &out, sizeof out);
}

static long signal_change(struct openfile *file, long signal)
{
    if (signal < 0 || signal > ABI_NSIG)
        return -ABI_EINVAL;
    struct async *async = async_get(file);
    if (!async)
        return -ABI_ENOMEM;
    spin_lock(&async->lock);
    async->owner.signal = (int)signal;
    spin_unlock(&async->lock);
    return 0;
}

long fcntl_async(struct openfile *file, long command, long argument)
{
    switch (command) {
    case ABI_F_SETOWN:
        return async_set_owner(file, (int32_t)argument);
    case ABI_F_GETOWN:
        return async_owner(file);
    case ABI_F_SETOWN_EX:
        return owner_set_extended(file, argument);
    case ABI_F_GETOWN_EX:
        return owner_get_extended(file, argument);
    case ABI_F_SETSIG:
        return signal_change(file, argument);
    default:
        return owner_get(file).signal;
    }
}
