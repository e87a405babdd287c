/* Barriers. Whoever completes a round may destroy the barrier at once, while others still wake up
   in it; so each counts itself in and, as its last access, out, and destroying waits for those. */
#include <errno.h>

#include "futex.h"
#include "thread.h"

#define DESTROYED 0x80000000u

int pthread_barrier_init(pthread_barrier_t *restrict barrier,
                         const pthread_barrierattr_t *restrict attr, unsigned count)
{
    if (count == 0 || count > INT_MAX)
        return EINVAL;
    *barrier = (pthread_barrier_t){.__count = count, .__shared = attr ? attr->__shared : 0};
    return 0;
}

int pthread_barrier_destroy(pthread_barrier_t *barrier)
{
    unsigned seen = __atomic_or_fetch(&barrier->__inside, DESTROYED, __ATOMIC_ACQ_REL);

    while (seen != DESTROYED) {
        __futex_wait(&barrier->__inside, (int)seen, barrier->__shared, CLOCK_MONOTONIC, NULL,
                     false);
        seen = __atomic_load_n(&barrier->__inside, __ATOMIC_ACQUIRE);
    }
    return 0;
}

static void leave(pthread_barrier_t *barrier, bool shared)
{
    if (__atomic_sub_fetch(&barrier->__inside, 1, __ATOMIC_ACQ_REL) == DESTROYED)
        futex_wake(&barrier->__inside, 1, shared);
}

int pthread_barrier_wait(pthread_barrier_t *barrier)
{
    bool shared = barrier->__shared;

    __atomic_add_fetch(&barrier->__inside, 1, __ATOMIC_ACQ_REL);
    unsigned round = __atomic_load_n(&barrier->__round, __ATOMIC_ACQUIRE);
    if (__atomic_add_fetch(&barrier->__arrived, 1, __ATOMIC_ACQ_REL) == barrier->__count) {
        __atomic_store_n(&barrier->__arrived, 0, __ATOMIC_RELAXED);
        __atomic_add_fetch(&barrier->__round, 1, __ATOMIC_RELEASE);
        futex_wake(&barrier->__round, INT_MAX, shared);
        leave(barrier, shared);
        return PTHREAD_BARRIER_SERIAL_THREAD;
    }
    while (__atomic_load_n(&barrier->__round, __ATOMIC_ACQUIRE) == round)
        __futex_wait(&barrier->__round, (int)round, shared, CLOCK_MONOTONIC, NULL, false);
    leave(barrier, shared);
    return 0;
}

int pthread_barrierattr_init(pthread_barrierattr_t *attr)
{
    attr->__shared = PTHREAD_PROCESS_PRIVATE;
    return 0;
}

int pthread_barrierattr_destroy(pthread_barrierattr_t *attr)
{
    (void)attr;
    return 0;
}

int pthread_barrierattr_getpshared(const pthread_barrierattr_t *restrict attr, int *restrict shared)
{
    *shared = attr->__shared;
    return 0;
}

int pthread_barrierattr_setpshared(pthread_barrierattr_t *attr, int shared)
{
    if (shared != PTHREAD_PROCESS_PRIVATE && shared != PTHREAD_PROCESS_SHARED)
        return EINVAL;
    attr->__shared = shared;
    return 0;
}
