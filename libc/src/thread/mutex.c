/* Mutexes. The word is 0 or the owner's number, with FUTEX_WAITERS when somebody may sleep: what
   the kernel expects of robust ones, whose owner's end it marks with FUTEX_OWNER_DIED. That mark
   stays until pthread_mutex_consistent; a robust mutex unlocked before that is NOT_RECOVERABLE for
   good.

   Robust mutexes wait as shared ones do, for so the kernel wakes. */
#include <errno.h>
#include <string.h>

#include "futex.h"
#include "mutex.h"
#include "thread.h"

#define NOT_RECOVERABLE FUTEX_TID_MASK

static unsigned word_of(pthread_mutex_t *mutex)
{
    return (unsigned)__atomic_load_n(&mutex->__word, __ATOMIC_ACQUIRE);
}

static bool replace(pthread_mutex_t *mutex, unsigned seen, unsigned wanted)
{
    int expected = (int)seen;

    return __atomic_compare_exchange_n(&mutex->__word, &expected, (int)wanted, false,
                                       __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

static bool waits_shared(pthread_mutex_t *mutex)
{
    return mutex->__kind & (MUTEX_SHARED | MUTEX_ROBUST);
}

static struct __pthread_robust *robust_head(struct thread *self)
{
    return (struct __pthread_robust *)&self->robust;
}

/* From here on the kernel completes the list by itself, should the thread end. */
static void robust_begin(struct thread *self, pthread_mutex_t *mutex)
{
    if (!self->has_robust) {
        self->robust.first = robust_head(self);
        self->robust.word_offset = (long)__builtin_offsetof(pthread_mutex_t, __word) -
                                   (long)__builtin_offsetof(pthread_mutex_t, __robust);
        self->robust.pending = NULL;
        SYS3(set_robust_list, &self->robust, sizeof(self->robust), 0);
        self->has_robust = true;
    }
    __atomic_store_n(&self->robust.pending, &mutex->__robust, __ATOMIC_SEQ_CST);
}

static void robust_end(struct thread *self)
{
    __atomic_store_n(&self->robust.pending, NULL, __ATOMIC_SEQ_CST);
}

static void robust_link(struct thread *self, pthread_mutex_t *mutex)
{
    struct __pthread_robust *head = robust_head(self), *node = &mutex->__robust;

    node->__next = head->__next;
    node->__previous = head;
    if (head->__next != head)
        head->__next->__previous = node;
    __atomic_store_n(&head->__next, node, __ATOMIC_RELEASE);
}

static void robust_unlink(struct thread *self, pthread_mutex_t *mutex)
{
    struct __pthread_robust *node = &mutex->__robust;

    if (node->__next != robust_head(self))
        node->__next->__previous = node->__previous;
    __atomic_store_n(&node->__previous->__next, node->__next, __ATOMIC_RELEASE);
}

/* Before the thread gives back its memory, where the kernel would look for the list. */
void __thread_abandon_robust(struct thread *self)
{
    struct __pthread_robust *head = robust_head(self), *node;

    while ((node = head->__next) != head) {
        pthread_mutex_t *mutex = (pthread_mutex_t *)((char *)node + self->robust.word_offset);
        robust_begin(self, mutex);
        robust_unlink(self, mutex);
        __atomic_exchange_n(&mutex->__word, (int)FUTEX_OWNER_DIED, __ATOMIC_RELEASE);
        futex_wake(&mutex->__word, INT_MAX, true);
        robust_end(self);
    }
}

/* The mutex is the caller's already. */
static int lock_again(pthread_mutex_t *mutex)
{
    switch (mutex->__kind & MUTEX_TYPE) {
    case PTHREAD_MUTEX_RECURSIVE:
        if (mutex->__depth == UINT_MAX)
            return EAGAIN;
        mutex->__depth++;
        return 0;
    case PTHREAD_MUTEX_ERRORCHECK:
        return EDEADLK;
    default:
        return EBUSY;
    }
}

/* 0 when it was free and is the caller's, EBUSY when it is somebody's. `waiters` is FUTEX_WAITERS
   after a wait, for others may wait still. */
static int take(pthread_mutex_t *mutex, unsigned tid, unsigned waiters)
{
    unsigned seen;

    do {
        seen = word_of(mutex);
        if (seen & FUTEX_TID_MASK)
            return EBUSY;
    } while (!replace(mutex, seen, seen | tid | waiters));
    mutex->__depth = 0;
    return seen & FUTEX_OWNER_DIED ? EOWNERDEAD : 0;
}

static int try_lock(pthread_mutex_t *mutex, unsigned waiters)
{
    struct thread *self = thread_self();
    unsigned tid = (unsigned)self->tid, owner = word_of(mutex) & FUTEX_TID_MASK;
    int error;

    if (owner == tid)
        return lock_again(mutex);
    if (!(mutex->__kind & MUTEX_ROBUST))
        return take(mutex, tid, waiters);
    if (owner == NOT_RECOVERABLE)
        return ENOTRECOVERABLE;
    robust_begin(self, mutex);
    error = take(mutex, tid, waiters);
    if (error != EBUSY)
        robust_link(self, mutex);
    robust_end(self);
    return error;
}

static int lock_slowly(pthread_mutex_t *mutex, clockid_t clock, const struct timespec *deadline)
{
    unsigned waiters = 0;
    int error;

    while ((error = try_lock(mutex, waiters)) == EBUSY) {
        unsigned seen = word_of(mutex);
        if (!(seen & FUTEX_TID_MASK))
            continue;
        if (!(seen & FUTEX_WAITERS) && !replace(mutex, seen, seen | FUTEX_WAITERS))
            continue;
        error = __futex_wait(&mutex->__word, (int)(seen | FUTEX_WAITERS), waits_shared(mutex),
                             clock, deadline, false);
        if (error == ETIMEDOUT || error == EINVAL)
            return error;
        waiters = FUTEX_WAITERS;
    }
    return error;
}

/* True when it was free and of the plain kind, and is the caller's now. */
static inline bool lock_plain(pthread_mutex_t *mutex)
{
    return !(mutex->__kind & (MUTEX_TYPE | MUTEX_ROBUST)) &&
           replace(mutex, 0, (unsigned)thread_self()->tid);
}

int pthread_mutex_lock(pthread_mutex_t *mutex)
{
    return lock_plain(mutex) ? 0 : lock_slowly(mutex, CLOCK_MONOTONIC, NULL);
}

int pthread_mutex_trylock(pthread_mutex_t *mutex)
{
    int error = lock_plain(mutex) ? 0 : try_lock(mutex, 0);

    return error == EDEADLK ? EBUSY : error;
}

int pthread_mutex_timedlock(pthread_mutex_t *restrict mutex,
                            const struct timespec *restrict deadline)
{
    return lock_plain(mutex) ? 0 : lock_slowly(mutex, CLOCK_REALTIME, deadline);
}

int pthread_mutex_clocklock(pthread_mutex_t *restrict mutex, clockid_t clock,
                            const struct timespec *restrict deadline)
{
    if (!clock_waitable(clock))
        return EINVAL;
    return lock_plain(mutex) ? 0 : lock_slowly(mutex, clock, deadline);
}

static void release(pthread_mutex_t *mutex, unsigned word, bool shared)
{
    unsigned old = (unsigned)__atomic_exchange_n(&mutex->__word, (int)word, __ATOMIC_RELEASE);

    if (old & FUTEX_WAITERS)
        futex_wake(&mutex->__word, word ? INT_MAX : 1, shared);
}

int pthread_mutex_unlock(pthread_mutex_t *mutex)
{
    struct thread *self = thread_self();
    bool shared = waits_shared(mutex), robust = mutex->__kind & MUTEX_ROBUST;

    if (!(mutex->__kind & (MUTEX_TYPE | MUTEX_ROBUST))) {
        release(mutex, 0, shared);
        return 0;
    }
    unsigned seen = word_of(mutex);
    if ((seen & FUTEX_TID_MASK) != (unsigned)self->tid)
        return EPERM;
    if (mutex->__depth) {
        mutex->__depth--;
        return 0;
    }
    if (robust) {
        robust_begin(self, mutex);
        robust_unlink(self, mutex);
    }
    release(mutex, robust && seen & FUTEX_OWNER_DIED ? NOT_RECOVERABLE : 0, shared);
    if (robust)
        robust_end(self);
    return 0;
}

int pthread_mutex_consistent(pthread_mutex_t *mutex)
{
    unsigned seen = word_of(mutex);

    if (!(mutex->__kind & MUTEX_ROBUST) || !(seen & FUTEX_OWNER_DIED) ||
        (seen & FUTEX_TID_MASK) != (unsigned)thread_self()->tid)
        return EINVAL;
    __atomic_and_fetch(&mutex->__word, ~FUTEX_OWNER_DIED, __ATOMIC_RELAXED);
    return 0;
}

int pthread_mutex_init(pthread_mutex_t *restrict mutex, const pthread_mutexattr_t *restrict attr)
{
    memset(mutex, 0, sizeof(*mutex));
    if (attr)
        mutex->__kind = attr->__kind;
    return 0;
}

int pthread_mutex_destroy(pthread_mutex_t *mutex)
{
    unsigned owner = word_of(mutex) & FUTEX_TID_MASK;

    return owner && owner != NOT_RECOVERABLE ? EBUSY : 0;
}
