/* Locks for many readers or one writer. The state is the number of readers or WRITER, with WAITED
   when somebody may sleep. Readers come in while others read, also when a writer waits, so that a
   reader may lock twice. Who makes it free wakes all, for they may be readers. */
#include <errno.h>

#include "futex.h"
#include "thread.h"

#define COUNT  0x7fffffffu
#define WRITER COUNT
#define WAITED 0x80000000u

static bool replace(pthread_rwlock_t *lock, unsigned seen, unsigned wanted)
{
    int expected = (int)seen;

    return __atomic_compare_exchange_n(&lock->__state, &expected, (int)wanted, false,
                                       __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

static unsigned state_of(pthread_rwlock_t *lock)
{
    return (unsigned)__atomic_load_n(&lock->__state, __ATOMIC_ACQUIRE);
}

int pthread_rwlock_tryrdlock(pthread_rwlock_t *lock)
{
    unsigned seen;

    do {
        seen = state_of(lock);
        if ((seen & COUNT) == WRITER)
            return EBUSY;
        if ((seen & COUNT) == WRITER - 1)
            return EAGAIN;
    } while (!replace(lock, seen, seen + 1));
    return 0;
}

int pthread_rwlock_trywrlock(pthread_rwlock_t *lock)
{
    unsigned seen;

    do {
        seen = state_of(lock);
        if (seen & COUNT)
            return EBUSY;
    } while (!replace(lock, seen, seen | WRITER));
    __atomic_store_n(&lock->__writer, thread_self()->tid, __ATOMIC_RELAXED);
    return 0;
}

static int lock_by(int (*try)(pthread_rwlock_t *), pthread_rwlock_t *lock, clockid_t clock,
                   const struct timespec *deadline)
{
    int error;

    while ((error = try(lock)) == EBUSY) {
        unsigned seen = state_of(lock);
        if (__atomic_load_n(&lock->__writer, __ATOMIC_RELAXED) == thread_self()->tid)
            return EDEADLK;
        if (!(seen & COUNT) || (!(seen & WAITED) && !replace(lock, seen, seen | WAITED)))
            continue;
        error = __futex_wait(&lock->__state, (int)(seen | WAITED), lock->__shared, clock, deadline,
                             false);
        if (error == ETIMEDOUT || error == EINVAL)
            return error;
    }
    return error;
}

int pthread_rwlock_rdlock(pthread_rwlock_t *lock)
{
    return lock_by(pthread_rwlock_tryrdlock, lock, CLOCK_MONOTONIC, NULL);
}

int pthread_rwlock_timedrdlock(pthread_rwlock_t *restrict lock,
                               const struct timespec *restrict deadline)
{
    return lock_by(pthread_rwlock_tryrdlock, lock, CLOCK_REALTIME, deadline);
}

int pthread_rwlock_clockrdlock(pthread_rwlock_t *restrict lock, clockid_t clock,
                               const struct timespec *restrict deadline)
{
    return clock_waitable(clock) ? lock_by(pthread_rwlock_tryrdlock, lock, clock, deadline)
                                 : EINVAL;
}

int pthread_rwlock_wrlock(pthread_rwlock_t *lock)
{
    return lock_by(pthread_rwlock_trywrlock, lock, CLOCK_MONOTONIC, NULL);
}

int pthread_rwlock_timedwrlock(pthread_rwlock_t *restrict lock,
                               const struct timespec *restrict deadline)
{
    return lock_by(pthread_rwlock_trywrlock, lock, CLOCK_REALTIME, deadline);
}

int pthread_rwlock_clockwrlock(pthread_rwlock_t *restrict lock, clockid_t clock,
                               const struct timespec *restrict deadline)
{
    return clock_waitable(clock) ? lock_by(pthread_rwlock_trywrlock, lock, clock, deadline)
                                 : EINVAL;
}

int pthread_rwlock_unlock(pthread_rwlock_t *lock)
{
    bool shared = lock->__shared;
    unsigned seen = state_of(lock), wanted;

    if (!(seen & COUNT))
        return EPERM;
    if ((seen & COUNT) == WRITER)
        __atomic_store_n(&lock->__writer, 0, __ATOMIC_RELAXED);
    do {
        seen = state_of(lock);
        wanted = (seen & COUNT) == WRITER || (seen & COUNT) == 1 ? 0 : seen - 1;
    } while (!replace(lock, seen, wanted));
    if (!wanted && seen & WAITED)
        futex_wake(&lock->__state, INT_MAX, shared);
    return 0;
}

int pthread_rwlock_init(pthread_rwlock_t *restrict lock, const pthread_rwlockattr_t *restrict attr)
{
    *lock = (pthread_rwlock_t){0, attr ? attr->__shared : 0, 0};
    return 0;
}

int pthread_rwlock_destroy(pthread_rwlock_t *lock)
{
    return state_of(lock) & COUNT ? EBUSY : 0;
}

int pthread_rwlockattr_init(pthread_rwlockattr_t *attr)
{
    attr->__shared = PTHREAD_PROCESS_PRIVATE;
    return 0;
}

int pthread_rwlockattr_destroy(pthread_rwlockattr_t *attr)
{
    (void)attr;
    return 0;
}

int pthread_rwlockattr_getpshared(const pthread_rwlockattr_t *restrict attr, int *restrict shared)
{
    *shared = attr->__shared;
    return 0;
}

int pthread_rwlockattr_setpshared(pthread_rwlockattr_t *attr, int shared)
{
    if (shared != PTHREAD_PROCESS_PRIVATE && shared != PTHREAD_PROCESS_SHARED)
        return EINVAL;
    attr->__shared = shared;
    return 0;
}
