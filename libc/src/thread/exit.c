/* The end of a thread, and waiting for it. Who gives back its memory is decided by one change of
   `state`: the thread that leaves makes JOINABLE to EXITED, pthread_detach makes it DETACHED; the
   one that comes second frees. */
#include <errno.h>
#include <stdlib.h>

#include "futex.h"
#include "thread.h"

static bool change_state(struct thread *thread, int wanted)
{
    int state = THREAD_JOINABLE;

    return __atomic_compare_exchange_n(&thread->state, &state, wanted, false, __ATOMIC_ACQ_REL,
                                       __ATOMIC_ACQUIRE);
}

/* newlib would close what the thread made its own stdout; streams are the process's. */
static void free_newlib_state(struct thread *self)
{
    if (self->reent == _impure_ptr)
        return;
    self->reent->__sdidinit = 0;
    _reclaim_reent(self->reent);
}

void __thread_leave(struct thread *self)
{
    if (__atomic_sub_fetch(&__threads_alive, 1, __ATOMIC_ACQ_REL) == 0)
        exit(0);
    signals_block();
    free_newlib_state(self);
    if (self->has_robust)
        __thread_abandon_robust(self);
    __libc_lock_acquire(&self->lock);
    self->gone = true;
    __libc_lock_release(&self->lock);
    if (!change_state(self, THREAD_EXITED) && self->mapping) {
        /* The kernel must not clear a word there that is someone else's by then. */
        SYS3(set_tid_address, NULL, 0, 0);
        __thread_unmap_and_exit(self->mapping, self->mapping_size);
    }
    for (;;)
        SYS3(exit, 0, 0, 0);
}

void pthread_exit(void *result)
{
    struct thread *self = thread_self();

    self->result = result;
    self->cancel.disabled = 1;
    self->cancel.leaving = 1;
    for (struct __pthread_cleanup *entry; (entry = self->cleanup);) {
        self->cleanup = entry->__outer;
        entry->__routine(entry->__argument);
    }
    if (self->has_values)
        __thread_run_destructors(self);
    __thread_leave(self);
}

/* The kernel's wake at a thread's end is for futexes that processes share. */
static int wait_for(struct thread *thread, clockid_t clock, const struct timespec *deadline,
                    bool cancellable)
{
    int tid, error;

    while ((tid = __atomic_load_n(&thread->tid, __ATOMIC_ACQUIRE))) {
        error = __futex_wait(&thread->tid, tid, true, clock, deadline, cancellable);
        if (error == ETIMEDOUT || error == EINVAL)
            return error;
    }
    return 0;
}

static int join(pthread_t id, void **result, clockid_t clock, const struct timespec *deadline)
{
    struct thread *thread = thread_of(id);
    int error;

    if (thread == thread_self())
        return EDEADLK;
    if (__atomic_load_n(&thread->state, __ATOMIC_ACQUIRE) == THREAD_DETACHED)
        return EINVAL;
    pthread_testcancel();
    error = wait_for(thread, clock, deadline, true);
    if (error)
        return error;
    if (result)
        *result = thread->result;
    __thread_free(thread);
    return 0;
}

int pthread_join(pthread_t id, void **result)
{
    return join(id, result, CLOCK_MONOTONIC, NULL);
}

int pthread_timedjoin_np(pthread_t id, void **result, const struct timespec *deadline)
{
    return join(id, result, CLOCK_REALTIME, deadline);
}

int pthread_clockjoin_np(pthread_t id, void **result, clockid_t clock,
                         const struct timespec *deadline)
{
    return clock_waitable(clock) ? join(id, result, clock, deadline) : EINVAL;
}

int pthread_tryjoin_np(pthread_t id, void **result)
{
    if (__atomic_load_n(&thread_of(id)->tid, __ATOMIC_ACQUIRE))
        return EBUSY;
    return pthread_join(id, result);
}

int pthread_detach(pthread_t id)
{
    struct thread *thread = thread_of(id);

    if (change_state(thread, THREAD_DETACHED))
        return 0;
    if (__atomic_load_n(&thread->state, __ATOMIC_ACQUIRE) == THREAD_DETACHED)
        return EINVAL;
    wait_for(thread, CLOCK_MONOTONIC, NULL, false);
    __thread_free(thread);
    return 0;
}
