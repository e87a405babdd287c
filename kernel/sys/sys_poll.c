/* poll and ppoll. */
#include "kernel/abi/fcntl.h"
#include "kernel/abi/poll.h"
#include "kernel/abi/time.h"
#include "kernel/cpu/clock.h"
#include "kernel/mem/heap.h"
#include "kernel/sys/pollwait.h"
#include "kernel/sys/sys.h"

#define POLL_ERRORS (ABI_POLLERR | ABI_POLLHUP)

/* Which bits of a level matter to EVENTS. */
static uint32_t poll_mask(uint32_t events)
{
    return (events & (ABI_POLLIN | ABI_POLLRDNORM) ? READY_READ : 0) |
           (events & (ABI_POLLOUT | ABI_POLLWRNORM) ? READY_WRITE : 0) |
           (events & ABI_POLLPRI ? READY_PRI : 0) | (events & READY_RDHUP);
}

/* ---- The array ---- */

#define POLL_ON_STACK 32
#define POLL_BATCH    256 /* descriptors looked at in one go, with preemption off */

struct poll_array {
    struct abi_pollfd *fds;
    size_t count;
    struct abi_pollfd few[POLL_ON_STACK];
};

static long poll_array_get(struct poll_array *array, long user, size_t count)
{
    array->fds = array->few;
    array->count = count;
    if (count > process_limit(ABI_RLIMIT_NOFILE))
        return -ABI_EINVAL;
    if (count > POLL_ON_STACK && !(array->fds = heap_alloc(count * sizeof *array->fds, 0)))
        return -ABI_ENOMEM;
    return get_user(array->fds, user, count * sizeof *array->fds);
}

/* The answers alone: another thread may be changing the rest. */
static long poll_array_put(const struct poll_array *array, long user)
{
    uint16_t *answers = (uint16_t *)&((struct abi_pollfd *)user)->revents;
    return store_user_every8(answers, (const uint16_t *)&array->fds->revents, array->count);
}

static void poll_array_free(struct poll_array *array)
{
    if (array->fds != array->few)
        heap_free(array->fds);
}

/* ---- Looking ---- */

static inline uint32_t poll_look(struct fdtab_view *view, const struct abi_pollfd *entry)
{
    struct openfile *file;
    if (entry->fd < 0)
        return 0;
    if ((uint32_t)entry->fd >= view->capacity || !(file = view->files[entry->fd]))
        return ABI_POLLNVAL;
    if (atomic_load_explicit(&file->flags, memory_order_relaxed) & ABI_O_PATH)
        return ABI_POLLNVAL;
    return level_events(fdtab_view_level(view, file)) & ((uint16_t)entry->events | POLL_ERRORS);
}

/* How many have something to tell. */
static long poll_scan(struct poll_array *array)
{
    long ready = 0;
    struct abi_pollfd *entry = array->fds, *end = entry + array->count;
    while (entry < end) {
        struct abi_pollfd *stop = end - entry > POLL_BATCH ? entry + POLL_BATCH : end;
        struct fdtab_view view;
        fdtab_view_begin(&view);
        for (; entry < stop; entry++) {
            uint32_t events = poll_look(&view, entry);
            entry->revents = (int16_t)events;
            ready += events != 0;
        }
        fdtab_view_end(&view);
    }
    return ready;
}

/* ---- Waiting ---- */

static long poll_register_all(const struct poll_array *array, struct poll_wait *wait)
{
    long error = 0;
    for (size_t i = 0; i < array->count && !error; i++)
        if (array->fds[i].fd >= 0)
            error =
                poll_wait_add(wait, array->fds[i].fd, poll_mask((uint16_t)array->fds[i].events));
    return error;
}

static long poll_sleep(struct poll_array *array, uint64_t deadline)
{
    struct poll_wait wait;
    poll_wait_begin(&wait);
    long result = poll_register_all(array, &wait);
    while (!result) {
        int slept = poll_wait_sleep(&wait, deadline);
        result = slept && !wait.shared ? 0 : poll_scan(array);
        if (result || slept == -ABI_ETIMEDOUT)
            break;
        if (slept == -ABI_EINTR)
            result = -ERESTARTNOHAND;
    }
    poll_wait_end(&wait);
    return result;
}

/* The number of entries with something to tell, 0 at the deadline, -ERESTARTNOHAND for a signal. */
static long poll_wait_for(struct poll_array *array, uint64_t deadline)
{
    long result = poll_scan(array);
    if (!result && signal_pending())
        return -ERESTARTNOHAND;
    return result || deadline == DEADLINE_NOW ? result : poll_sleep(array, deadline);
}

static long poll_user(long user, size_t count, uint64_t deadline)
{
    struct poll_array array;
    long result = poll_array_get(&array, user, count);
    if (!result)
        result = poll_wait_for(&array, deadline);
    if (result >= 0 && poll_array_put(&array, user))
        result = -ABI_EFAULT;
    poll_array_free(&array);
    return result;
}

/* ---- The calls ---- */

static long poll_restartable(long user, size_t count, uint64_t deadline);

static long poll_again(const long data[4])
{
    return poll_restartable(data[0], (size_t)data[1], (uint64_t)data[2]);
}

/* Goes on to the same deadline when no handler ran. */
static long poll_restartable(long user, size_t count, uint64_t deadline)
{
    long result = poll_user(user, count, deadline);
    if (result != -ERESTARTNOHAND)
        return result;
    current_thread()->restart = (struct restart){poll_again, {user, (long)count, (long)deadline}};
    return -ERESTART_RESTARTBLOCK;
}

long sys_poll(long user, long count, long milliseconds)
{
    int32_t ms = (int32_t)milliseconds;
    uint64_t deadline = ENV_FOREVER;
    if (ms >= 0)
        deadline_after(ms / 1000, ms % 1000 * 1000000l, &deadline);
    return poll_restartable(user, (uint32_t)count, deadline);
}

long sys_ppoll(long user, long count, long user_time, long user_mask, long mask_size)
{
    struct abi_timespec time;
    abi_sigset_t mask;
    uint64_t deadline = ENV_FOREVER;
    if (user_time) {
        if (get_user(&time, user_time, sizeof time))
            return -ABI_EFAULT;
        if (deadline_after(time.tv_sec, time.tv_nsec, &deadline))
            return -ABI_EINVAL;
    }
    if (user_mask) {
        if (mask_size != sizeof mask)
            return -ABI_EINVAL;
        if (get_user(&mask, user_mask, sizeof mask))
            return -ABI_EFAULT;
        signal_set_temporary_mask(mask);
    }
    return poll_finish(poll_user(user, (uint32_t)count, deadline), deadline, user_time);
}
