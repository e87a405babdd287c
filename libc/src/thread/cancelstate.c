/* A thread's own side of cancellation: whether and when, and its cleanup handlers. newlib's streams
   call this with each operation, so it must not bring pthread_exit into every program: __cancel_now
   is weak. */
#include <errno.h>

#include "thread.h"

void pthread_testcancel(void)
{
    if (thread_cancel_wanted(thread_self()))
        __cancel_now();
}

static void act_if_asynchronous(struct thread *self)
{
    if (self->cancel.pending && self->cancel_type == PTHREAD_CANCEL_ASYNCHRONOUS &&
        !self->cancel.disabled)
        __cancel_now();
}

int pthread_setcancelstate(int state, int *old)
{
    struct thread *self = thread_self();

    if (state != PTHREAD_CANCEL_ENABLE && state != PTHREAD_CANCEL_DISABLE)
        return EINVAL;
    if (old)
        *old = self->cancel.disabled;
    if (!self->cancel.leaving)
        self->cancel.disabled = (unsigned char)state;
    act_if_asynchronous(self);
    return 0;
}

int pthread_setcanceltype(int type, int *old)
{
    struct thread *self = thread_self();

    if (type != PTHREAD_CANCEL_DEFERRED && type != PTHREAD_CANCEL_ASYNCHRONOUS)
        return EINVAL;
    if (old)
        *old = self->cancel_type;
    self->cancel_type = type;
    act_if_asynchronous(self);
    return 0;
}

void __pthread_cleanup_push(struct __pthread_cleanup *entry)
{
    struct thread *self = thread_self();

    entry->__outer = self->cleanup;
    self->cleanup = entry;
}

void __pthread_cleanup_pop(struct __pthread_cleanup *entry, int execute)
{
    thread_self()->cleanup = entry->__outer;
    if (execute)
        entry->__routine(entry->__argument);
}
