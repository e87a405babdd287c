/* Condition variables. The word counts signals, in steps of two; its lowest bit says that somebody
   may wait. A waiter reads it before it unlocks the mutex and sleeps only while it is the same, so
   no signal after the unlock is lost: either the waiter sleeps already and the kernel's queue has
   it, before all that come later, or it finds another word. The kernel alone decides whether a
   sleeper was woken or its time, a signal or a cancellation ended the wait, so none of those takes
   a wakeup with it. Nobody touches the variable after it was woken: it may be destroyed.

   A waiter may be woken for nothing, as POSIX allows. */
#include <errno.h>

#include "futex.h"
#include "thread.h"

#define WAITED 1u
#define STEP   2u

/* A cancelled wait has the mutex when the cleanup handlers run. */
static void relock(void *mutex)
{
    pthread_mutex_lock(mutex);
}

static int wait(pthread_cond_t *cond, pthread_mutex_t *mutex, clockid_t clock,
                const struct timespec *deadline)
{
    if (deadline && !deadline_valid(deadline))
        return EINVAL;
    unsigned seen = __atomic_or_fetch(&cond->__sequence, WAITED, __ATOMIC_SEQ_CST);
    int error = pthread_mutex_unlock(mutex);
    if (error)
        return error;
    pthread_cleanup_push(relock, mutex);
    error = __futex_wait(&cond->__sequence, (int)seen, cond->__shared, clock, deadline, true);
    pthread_cleanup_pop(0);
    int owner_died = pthread_mutex_lock(mutex);
    if (owner_died)
        return owner_died;
    return error == ETIMEDOUT ? ETIMEDOUT : 0;
}

int pthread_cond_wait(pthread_cond_t *restrict cond, pthread_mutex_t *restrict mutex)
{
    return wait(cond, mutex, CLOCK_MONOTONIC, NULL);
}

int pthread_cond_timedwait(pthread_cond_t *restrict cond, pthread_mutex_t *restrict mutex,
                           const struct timespec *restrict deadline)
{
    return wait(cond, mutex, cond->__clock, deadline);
}

int pthread_cond_clockwait(pthread_cond_t *restrict cond, pthread_mutex_t *restrict mutex,
                           clockid_t clock, const struct timespec *restrict deadline)
{
    return clock_waitable(clock) ? wait(cond, mutex, clock, deadline) : EINVAL;
}

static int wake(pthread_cond_t *cond, int count)
{
    bool shared = cond->__shared;

    if (__atomic_load_n(&cond->__sequence, __ATOMIC_SEQ_CST) & WAITED) {
        __atomic_add_fetch(&cond->__sequence, STEP, __ATOMIC_SEQ_CST);
        futex_wake(&cond->__sequence, count, shared);
    }
    return 0;
}

int pthread_cond_signal(pthread_cond_t *cond)
{
    return wake(cond, 1);
}

int pthread_cond_broadcast(pthread_cond_t *cond)
{
    return wake(cond, INT_MAX);
}

int pthread_cond_init(pthread_cond_t *restrict cond, const pthread_condattr_t *restrict attr)
{
    *cond = (pthread_cond_t){0, attr ? attr->__shared : 0, attr ? attr->__clock : CLOCK_REALTIME};
    return 0;
}

int pthread_cond_destroy(pthread_cond_t *cond)
{
    (void)cond;
    return 0;
}

int pthread_condattr_init(pthread_condattr_t *attr)
{
    *attr = (pthread_condattr_t){PTHREAD_PROCESS_PRIVATE, CLOCK_REALTIME};
    return 0;
}

int pthread_condattr_destroy(pthread_condattr_t *attr)
{
    (void)attr;
    return 0;
}

int pthread_condattr_getclock(const pthread_condattr_t *restrict attr, clockid_t *restrict clock)
{
    *clock = attr->__clock;
    return 0;
}

int pthread_condattr_setclock(pthread_condattr_t *attr, clockid_t clock)
{
    if (!clock_waitable(clock))
        return EINVAL;
    attr->__clock = clock;
    return 0;
}

int pthread_condattr_getpshared(const pthread_condattr_t *restrict attr, int *restrict shared)
{
    *shared = attr->__shared;
    return 0;
}

int pthread_condattr_setpshared(pthread_condattr_t *attr, int shared)
{
    if (shared != PTHREAD_PROCESS_PRIVATE && shared != PTHREAD_PROCESS_SHARED)
        return EINVAL;
    attr->__shared = shared;
    return 0;
}
