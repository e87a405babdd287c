/* Semaphores. Value and number of waiters are one word of 64 bits, so that sem_post learns whom to
   wake without looking again: by then the semaphore may be destroyed. */
#include <errno.h>
#include <semaphore.h>

#include "futex.h"
#include "thread.h"

#define WAITER (1ul << 32)

static unsigned long state_of(sem_t *sem)
{
    return __atomic_load_n(&sem->__state, __ATOMIC_ACQUIRE);
}

static bool replace(sem_t *sem, unsigned long seen, unsigned long wanted)
{
    return __atomic_compare_exchange_n(&sem->__state, &seen, wanted, false, __ATOMIC_ACQ_REL,
                                       __ATOMIC_RELAXED);
}

static int fail(int error)
{
    errno = error;
    return -1;
}

int sem_init(sem_t *sem, int shared, unsigned value)
{
    if (value > SEM_VALUE_MAX)
        return fail(EINVAL);
    *sem = (sem_t){value, shared != 0};
    return 0;
}

int sem_destroy(sem_t *sem)
{
    (void)sem;
    return 0;
}

int sem_post(sem_t *sem)
{
    bool shared = sem->__shared;
    unsigned long seen;

    do {
        seen = state_of(sem);
        if ((unsigned)seen == SEM_VALUE_MAX)
            return fail(EOVERFLOW);
    } while (!replace(sem, seen, seen + 1));
    if (seen >= WAITER)
        futex_wake(&sem->__state, 1, shared);
    return 0;
}

/* Takes one of the value, and with it `waiter` off the waiters. */
static bool take(sem_t *sem, unsigned long waiter)
{
    unsigned long seen;

    do {
        seen = state_of(sem);
        if (!(unsigned)seen)
            return false;
    } while (!replace(sem, seen, seen - 1 - waiter));
    return true;
}

int sem_trywait(sem_t *sem)
{
    return take(sem, 0) ? 0 : fail(EAGAIN);
}

static void stop_waiting(void *pointer)
{
    sem_t *sem = pointer;

    __atomic_sub_fetch(&sem->__state, WAITER, __ATOMIC_ACQ_REL);
}

static int wait(sem_t *sem, clockid_t clock, const struct timespec *deadline)
{
    int error = 0;

    pthread_testcancel();
    if (take(sem, 0))
        return 0;
    __atomic_add_fetch(&sem->__state, WAITER, __ATOMIC_ACQ_REL);
    pthread_cleanup_push(stop_waiting, sem);
    while (!error && !take(sem, WAITER)) {
        error = __futex_wait(&sem->__state, 0, sem->__shared, clock, deadline, true);
        if (error == EAGAIN)
            error = 0;
    }
    pthread_cleanup_pop(error);
    return error ? fail(error) : 0;
}

int sem_wait(sem_t *sem)
{
    return wait(sem, CLOCK_MONOTONIC, NULL);
}

int sem_timedwait(sem_t *restrict sem, const struct timespec *restrict deadline)
{
    return wait(sem, CLOCK_REALTIME, deadline);
}

int sem_clockwait(sem_t *restrict sem, clockid_t clock, const struct timespec *restrict deadline)
{
    return clock_waitable(clock) ? wait(sem, clock, deadline) : fail(EINVAL);
}

int sem_getvalue(sem_t *restrict sem, int *restrict value)
{
    *value = (int)state_of(sem);
    return 0;
}
