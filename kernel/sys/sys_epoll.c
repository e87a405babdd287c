/* epoll: sets of descriptors of interest over io's epoll objects. */
#include <sluice/epoll.h>
#include <sluice/object.h>
#include "kernel/abi/epoll.h"
#include "kernel/abi/fcntl.h"
#include "kernel/abi/time.h"
#include "kernel/mem/layout.h"
#include "kernel/sys/pollwait.h"
#include "kernel/sys/sys.h"

#define EVENTS_IN     (ABI_EPOLLIN | ABI_EPOLLRDNORM)
#define EVENTS_OUT    (ABI_EPOLLOUT | ABI_EPOLLWRNORM)
#define EVENTS_ALWAYS (ABI_EPOLLERR | ABI_EPOLLHUP)
/* What may stand beside EPOLLEXCLUSIVE. */
#define EVENTS_EXCLUSIVE                                                                        \
    (ABI_EPOLLIN | ABI_EPOLLOUT | ABI_EPOLLERR | ABI_EPOLLHUP | ABI_EPOLLWAKEUP | ABI_EPOLLET | \
     ABI_EPOLLEXCLUSIVE)

#define EVENTS_MAX ((int32_t)(INT32_MAX / sizeof(struct abi_epoll_event)))

/* ---- Sets ---- */

static long epoll_install(long flags)
{
    oskit_iunknown_t *object;
    oskit_error_t error = epoll_new(&object);
    return error ? errno_from_oskit(error)
                 : descriptor_open(object, ABI_O_RDWR, flags & ABI_EPOLL_CLOEXEC);
}

long sys_epoll_create1(long flags)
{
    return flags & ~(long)ABI_EPOLL_CLOEXEC ? -ABI_EINVAL : epoll_install(flags);
}

long sys_epoll_create(long size)
{
    return (int32_t)size <= 0 ? -ABI_EINVAL : epoll_install(0);
}

/* ---- Members ---- */

static uint32_t interest_mask(uint32_t events)
{
    return (events & EVENTS_IN ? READY_READ : 0) | (events & EVENTS_OUT ? READY_WRITE : 0) |
           (events & ABI_EPOLLPRI ? READY_PRI : 0) | (events & READY_RDHUP);
}

static struct epoll_interest interest_of(const struct abi_epoll_event *event)
{
    uint32_t events = event->events;
    return (struct epoll_interest){.mask = interest_mask(events),
                                   .flags = (events & ABI_EPOLLET ? EPOLL_EDGE : 0) |
                                            (events & ABI_EPOLLONESHOT ? EPOLL_ONESHOT : 0) |
                                            (events & ABI_EPOLLEXCLUSIVE ? EPOLL_EXCLUSIVE : 0),
                                   .tag = events | EVENTS_ALWAYS,
                                   .data = event->data};
}

static bool exclusive_allowed(long op, uint32_t events, bool nested)
{
    if (!(events & ABI_EPOLLEXCLUSIVE))
        return true;
    if (op == ABI_EPOLL_CTL_ADD)
        return !nested && !(events & ~EVENTS_EXCLUSIVE);
    return op != ABI_EPOLL_CTL_MOD;
}

/* What is always ready has nobody to tell: files, directories, /dev/null. */
static bool file_can_wait(const struct openfile *file)
{
    return file->readiness && !file->absvec && !file->absio;
}

static long epoll_control(sluice_epoll_t *epoll, long op, const struct epoll_target *target,
                          const struct abi_epoll_event *event)
{
    struct epoll_interest interest = interest_of(event);
    if (!exclusive_allowed(op, event->events, target->epoll))
        return -ABI_EINVAL;
    switch (op) {
    case ABI_EPOLL_CTL_ADD:
        return errno_from_oskit(epoll->ops->add(epoll, target, &interest));
    case ABI_EPOLL_CTL_MOD:
        return errno_from_oskit(epoll->ops->modify(epoll, target, &interest));
    case ABI_EPOLL_CTL_DEL:
        return errno_from_oskit(epoll->ops->remove(epoll, target));
    default:
        return -ABI_EINVAL;
    }
}

static long epoll_control_files(struct openfile *set, struct openfile *file, long op, int number,
                                const struct abi_epoll_event *event)
{
    if (!file_can_wait(file))
        return -ABI_EPERM;
    sluice_epoll_t *epoll = set->epoll;
    if (!epoll || set == file)
        return -ABI_EINVAL;
    struct epoll_target target = {.owner = &file->watchers,
                                  .number = number,
                                  .readiness = file->readiness,
                                  .epoll = epoll_of_pollable(file->pollable)};
    return epoll_control(epoll, op, &target, event);
}

long sys_epoll_ctl(long set_number, long op, long number, long user)
{
    struct abi_epoll_event event = {0};
    op = (int32_t)op;
    if (op != ABI_EPOLL_CTL_DEL && get_user(&event, user, sizeof event))
        return -ABI_EFAULT;
    struct fd set = fd_get((int)set_number), fd = fd_get((int)number);
    long result = -ABI_EBADF;
    if (set.file && fd.file)
        result = epoll_control_files(set.file, fd.file, op, (int)number, &event);
    fd_put(fd);
    fd_put(set);
    return result;
}

/* ---- Waiting ---- */

struct epoll_call {
    sluice_epoll_t *epoll;
    uint64_t user; /* where the next event goes */
    uint32_t max, count;
};

/* As many as collect reports at once. */
#define EMIT_BATCH 16u

static inline struct abi_epoll_event event_of(const struct epoll_report *report)
{
    return (struct abi_epoll_event){level_events(report->level) & report->tag, report->data};
}

static __attribute__((noinline)) uint32_t
emit_many(struct epoll_call *call, const struct epoll_report *reports, uint32_t count)
{
    struct abi_epoll_event events[EMIT_BATCH];
    uint32_t kept = count < EMIT_BATCH ? count : EMIT_BATCH;
    for (uint32_t i = 0; i < kept; i++)
        events[i] = event_of(&reports[i]);
    size_t missed = copy_to_user((void *)call->user, events, kept * sizeof *events);
    kept -= (uint32_t)((missed + sizeof *events - 1) / sizeof *events);
    call->user += kept * sizeof *events;
    return kept;
}

static uint32_t epoll_emit(void *arg, const struct epoll_report *reports, uint32_t count)
{
    struct epoll_call *call = arg;
    if (__builtin_expect(count != 1, 0))
        return emit_many(call, reports, count);
    struct abi_epoll_event event = event_of(reports);
    if (__builtin_expect(copy_to_user((void *)call->user, &event, sizeof event) != 0, 0))
        return 0;
    call->user += sizeof event;
    return 1;
}

/* A count above 0 comes with success. */
static inline oskit_error_t epoll_collect(struct epoll_call *call)
{
    oskit_error_t error =
        call->epoll->ops->collect(call->epoll, call->max, epoll_emit, call, &call->count);
    return __builtin_expect(call->count != 0, 1) ? OSKIT_SUCCESS
           : error                               ? error
                                                 : OSKIT_EWOULDBLOCK;
}

static oskit_error_t epoll_try(void *arg)
{
    return epoll_collect(arg);
}

/* Checks what the calls have in common and fills CALL; fd_put follows a success. */
static inline long epoll_call_begin(struct epoll_call *call, struct fd *fd, long number, long user,
                                    long max)
{
    if (max <= 0 || max > EVENTS_MAX)
        return -ABI_EINVAL;
    if ((uint64_t)user > USER_END - (uint64_t)max * sizeof(struct abi_epoll_event))
        return -ABI_EFAULT;
    *fd = fd_get_inline((int)number);
    if (!fd->file)
        return -ABI_EBADF;
    call->epoll = fd->file->epoll;
    call->user = (uint64_t)user;
    call->max = (uint32_t)max;
    if (__builtin_expect(call->epoll != NULL, 1))
        return 0;
    fd_put(*fd);
    return -ABI_EINVAL;
}

static inline long epoll_result(const struct epoll_call *call, oskit_error_t error)
{
    if (__builtin_expect(!error, 1))
        return call->count;
    if (error == OSKIT_EWOULDBLOCK || error == OSKIT_ETIMEDOUT)
        return 0;
    return errno_from_oskit(error);
}

static oskit_error_t epoll_wait_file(struct openfile *file, struct epoll_call *call,
                                     uint64_t deadline)
{
    return wait_loop(file->readiness, READY_READ, deadline == DEADLINE_NOW, deadline, epoll_try,
                     call);
}

static long epoll_wait_until(long number, long user, long max, uint64_t deadline)
{
    struct epoll_call call;
    struct fd fd;
    long refused = epoll_call_begin(&call, &fd, number, user, max);
    if (refused)
        return refused;
    oskit_error_t error = epoll_wait_file(fd.file, &call, deadline);
    fd_put(fd);
    return epoll_result(&call, error);
}

static uint64_t deadline_of_ms(long milliseconds)
{
    int32_t ms = (int32_t)milliseconds;
    uint64_t deadline = ENV_FOREVER;
    if (ms == 0)
        return DEADLINE_NOW;
    if (ms > 0)
        deadline_after(ms / 1000, ms % 1000 * 1000000l, &deadline);
    return deadline;
}

/* The mask holds for the wait; when a signal ended it, until its handler has run. */
static long epoll_wait_masked(long number, long user, long max, uint64_t deadline, long user_mask,
                              long mask_size)
{
    abi_sigset_t mask;
    if (user_mask) {
        if (mask_size != sizeof mask)
            return -ABI_EINVAL;
        if (get_user(&mask, user_mask, sizeof mask))
            return -ABI_EFAULT;
        signal_set_temporary_mask(mask);
    }
    long result = epoll_wait_until(number, user, max, deadline);
    if (user_mask && result != -ABI_EINTR)
        signal_end_temporary_mask();
    return result;
}

/* What is there already is found without a look at the clock. */
long sys_epoll_wait(long number, long user, long max, long milliseconds)
{
    struct epoll_call call;
    struct fd fd;
    long refused = epoll_call_begin(&call, &fd, number, user, max);
    if (__builtin_expect(refused != 0, 0))
        return refused;
    oskit_error_t error = epoll_collect(&call);
    if (__builtin_expect(error == OSKIT_EWOULDBLOCK, 0) && milliseconds != 0)
        error = epoll_wait_file(fd.file, &call, deadline_of_ms(milliseconds));
    fd_put(fd);
    return epoll_result(&call, error);
}

long sys_epoll_pwait(long number, long user, long max, long milliseconds, long user_mask,
                     long mask_size)
{
    return epoll_wait_masked(number, user, max, deadline_of_ms(milliseconds), user_mask, mask_size);
}

long sys_epoll_pwait2(long number, long user, long max, long user_time, long user_mask,
                      long mask_size)
{
    struct abi_timespec time;
    uint64_t deadline = ENV_FOREVER;
    if (user_time) {
        if (get_user(&time, user_time, sizeof time))
            return -ABI_EFAULT;
        if (deadline_after(time.tv_sec, time.tv_nsec, &deadline))
            return -ABI_EINVAL;
    }
    return epoll_wait_masked(number, user, max, deadline, user_mask, mask_size);
}
