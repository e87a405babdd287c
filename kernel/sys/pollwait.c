/*
 * Levels and waiters of poll and select.
 *
 * Lock order: readiness.lock -> scheduler. A waiter's notify writes to the poll_wait on the
 * sleeper's stack; readiness_remove, which takes the same lock, keeps the frame there until it is
 * done.
 */
#include "kernel/sys/pollwait.h"
#include "kernel/abi/epoll.h"
#include "kernel/abi/errno.h"
#include "kernel/abi/fcntl.h"
#include "kernel/abi/poll.h"
#include "kernel/abi/timens.h"
#include "kernel/cpu/clock.h"
#include "kernel/mem/heap.h"
#include "kernel/mem/layout.h"
#include "kernel/sys/sys.h"
#include "kernel/task/signal.h"

#define CHUNK_NODES ((PAGE_SIZE - sizeof(struct poll_chunk)) / sizeof(struct poll_node))

/* ---- Levels ---- */

_Static_assert(READY_ERR == ABI_POLLERR && READY_HUP == ABI_POLLHUP && READY_RDHUP == ABI_POLLRDHUP,
               "these bits of a level are poll's own");
_Static_assert(ABI_EPOLLIN == ABI_POLLIN && ABI_EPOLLRDNORM == ABI_POLLRDNORM &&
                   ABI_EPOLLOUT == ABI_POLLOUT && ABI_EPOLLWRNORM == ABI_POLLWRNORM &&
                   ABI_EPOLLPRI == ABI_POLLPRI && ABI_EPOLLERR == ABI_POLLERR &&
                   ABI_EPOLLHUP == ABI_POLLHUP && ABI_EPOLLRDHUP == ABI_POLLRDHUP,
               "epoll's events are poll's");

const uint16_t level_events_of[8] = {
#define IN  (ABI_POLLIN | ABI_POLLRDNORM)
#define OUT (ABI_POLLOUT | ABI_POLLWRNORM)
#define PRI ABI_POLLPRI
    0, IN, OUT, IN | OUT, PRI, IN | PRI, OUT | PRI, IN | OUT | PRI,
#undef IN
#undef OUT
#undef PRI
};

/* An object that offers the seed's asyncio alone tells of news only, not that the news was used: it
 * is asked. */
uint32_t openfile_level(const struct openfile *file)
{
    if (file->pollable)
        return readiness_level(file->readiness);
    if (!file->asyncio)
        return LEVEL_ALWAYS;
    oskit_error_t mask = oskit_asyncio_poll(file->asyncio);
    return OSKIT_FAILED(mask) ? READY_ERR : (uint32_t)mask & OSKIT_ASYNCIO_ALL;
}

uint32_t fdtab_view_ask(struct fdtab_view *view, struct openfile *file)
{
    if (!file->asyncio)
        return LEVEL_ALWAYS;
    openfile_ref(file);
    fdtab_view_end(view);
    uint32_t level = openfile_level(file);
    openfile_unref(file);
    fdtab_view_begin(view);
    return level;
}

/* ---- Waiters ---- */

static bool poll_notify(struct readiness_waiter *waiter, uint32_t events)
{
    struct poll_wait *wait = container_of(waiter, struct poll_node, waiter)->wait;
    (void)events;
    if (!atomic_exchange(&wait->told, true))
        thread_wake(wait->thread);
    return true;
}

void poll_wait_begin(struct poll_wait *wait)
{
    wait->thread = current_thread();
    atomic_init(&wait->told, false);
    wait->shared = false;
    wait->chunks = NULL;
    wait->few_count = 0;
}

static struct poll_node *poll_node_allocate(struct poll_wait *wait)
{
    if (wait->few_count < POLL_FEW)
        return &wait->few[wait->few_count++];
    struct poll_chunk *chunk = wait->chunks;
    if (!chunk || chunk->count == CHUNK_NODES) {
        chunk = heap_alloc(PAGE_SIZE, 0);
        if (!chunk)
            return NULL;
        chunk->next = wait->chunks;
        chunk->count = 0;
        wait->chunks = chunk;
    }
    return &chunk->nodes[chunk->count++];
}

/* Takes FD over. */
static long poll_register(struct poll_wait *wait, struct fd fd, uint32_t mask)
{
    struct poll_node *node = poll_node_allocate(wait);
    if (!node) {
        fd_put(fd);
        return -ABI_ENOMEM;
    }
    node->waiter.mask = mask;
    node->waiter.flags = 0;
    node->waiter.notify = poll_notify;
    node->wait = wait;
    node->fd = fd;
    uint32_t level = readiness_add(fd.file->readiness, &node->waiter);
    if (!fd.file->pollable)
        level = openfile_level(fd.file);
    if (level & (mask | LEVEL_ERRORS))
        atomic_store(&wait->told, true);
    return 0;
}

long poll_wait_add(struct poll_wait *wait, int fd, uint32_t mask)
{
    struct fd held = fd_get(fd);
    wait->shared |= held.put;
    if (held.file && held.file->readiness)
        return poll_register(wait, held, mask);
    if (!held.file || mask & LEVEL_ALWAYS)
        atomic_store(&wait->told, true);
    fd_put(held);
    return 0;
}

int poll_wait_sleep(struct poll_wait *wait, uint64_t deadline)
{
    int error = 0;
    thread_sleep_prepare(SLEEP_INTERRUPTIBLE);
    if (!atomic_load(&wait->told))
        error = thread_sleep(deadline);
    thread_sleep_finish();
    return atomic_exchange(&wait->told, false) ? 0 : error;
}

static void poll_nodes_release(struct poll_node *nodes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        readiness_remove(nodes[i].fd.file->readiness, &nodes[i].waiter);
        fd_put(nodes[i].fd);
    }
}

void poll_wait_end(struct poll_wait *wait)
{
    poll_nodes_release(wait->few, wait->few_count);
    for (struct poll_chunk *chunk = wait->chunks, *next; chunk; chunk = next) {
        next = chunk->next;
        poll_nodes_release(chunk->nodes, chunk->count);
        heap_free(chunk);
    }
}

/* ---- Deadlines ---- */

long deadline_after(int64_t seconds, int64_t nanoseconds, uint64_t *out)
{
    uint64_t ns;
    if (seconds < 0 || nanoseconds < 0 || nanoseconds >= NS_PER_S)
        return -ABI_EINVAL;
    *out = DEADLINE_NOW;
    if (!seconds && !nanoseconds)
        return 0;
    if (__builtin_mul_overflow((uint64_t)seconds, NS_PER_S, &ns) ||
        __builtin_add_overflow(ns, (uint64_t)nanoseconds, &ns) ||
        __builtin_add_overflow(ns, clock_monotonic(), out))
        *out = ENV_FOREVER;
    return 0;
}

uint64_t deadline_left(uint64_t deadline)
{
    uint64_t now = clock_monotonic();
    return deadline > now ? deadline - now : 0;
}

/* A call that is to be repeated with a time it could not shorten would wait for longer: it ends
 * with EINTR instead. */
long poll_finish(long result, uint64_t deadline, long user_timespec)
{
    if (result != -ERESTARTNOHAND)
        signal_end_temporary_mask();
    if (!user_timespec || deadline == DEADLINE_NOW)
        return result;
    uint64_t left = deadline_left(deadline);
    struct abi_timespec spec = timespec_from_ns((int64_t)left);
    if (put_user(user_timespec, &spec, sizeof spec) && result == -ERESTARTNOHAND)
        return -ABI_EINTR;
    return result;
}
