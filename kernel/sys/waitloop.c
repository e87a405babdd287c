/*
 * The wait loop. The waiter is registered exclusively: of several threads that wait for one object
 * an event wakes one. A thread that was told of an event and leaves without having used it hands it
 * on; so does one that leaves something behind.
 */
#include "kernel/sys/waitloop.h"
#include "kernel/abi/errno.h"
#include "kernel/task/thread.h"

struct loop_waiter {
    struct readiness_waiter waiter;
    struct thread *thread;
    _Atomic bool told; /* of an event that came after the last try */
};

static bool loop_notify(struct readiness_waiter *waiter, uint32_t events)
{
    (void)events;
    struct loop_waiter *self = container_of(waiter, struct loop_waiter, waiter);
    /* One event a try: the next goes to somebody else. */
    if (atomic_exchange(&self->told, true))
        return false;
    thread_wake(self->thread);
    return true;
}

static oskit_error_t loop_sleep(struct loop_waiter *self, struct deadline deadline)
{
    int error = 0;
    thread_sleep_prepare(SLEEP_INTERRUPTIBLE);
    if (!atomic_load(&self->told))
        error = thread_sleep_until(deadline);
    thread_sleep_finish();
    if (atomic_load(&self->told))
        return 0;
    return error == -ABI_EINTR ? OSKIT_EINTR : error == -ABI_ETIMEDOUT ? OSKIT_ETIMEDOUT : 0;
}

static oskit_error_t wait_loop_sleeping(struct readiness *readiness, uint32_t mask,
                                        struct deadline deadline, oskit_error_t (*try)(void *arg),
                                        void *arg)
{
    struct loop_waiter self = {
        .waiter = {.mask = mask, .flags = READINESS_EXCLUSIVE, .notify = loop_notify},
        .thread = current_thread()};
    oskit_error_t error;
    readiness_add(readiness, &self.waiter);
    for (;;) {
        atomic_store(&self.told, false);
        error = try(arg);
        if (error != OSKIT_EWOULDBLOCK)
            break;
        oskit_error_t sleep_error = loop_sleep(&self, deadline);
        if (sleep_error) {
            error = sleep_error;
            break;
        }
    }
    readiness_remove(readiness, &self.waiter);
    if (readiness_level(readiness) & mask)
        readiness_pass_on(readiness, readiness_level(readiness) & mask);
    return error;
}

oskit_error_t wait_loop_until(struct readiness *readiness, uint32_t mask, bool nonblock,
                              struct deadline deadline, oskit_error_t (*try)(void *arg), void *arg)
{
    oskit_error_t error = try(arg);
    if (__builtin_expect(error != OSKIT_EWOULDBLOCK, 1) || nonblock || !readiness)
        return error;
    return wait_loop_sleeping(readiness, mask, deadline, try, arg);
}
