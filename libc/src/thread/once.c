/* pthread_once. The word holds what has happened and, above, in which process: in the child of a
   fork no thread is left that runs the function, so it begins anew. */
#include "futex.h"
#include "thread.h"

enum { NEW, RUNNING, AWAITED, DONE, STATES };

static void finish(pthread_once_t *once, int state)
{
    if (__atomic_exchange_n(once, state, __ATOMIC_ACQ_REL) % STATES == AWAITED)
        futex_wake(once, INT_MAX, false);
}

/* The function was cancelled: as if it had not been called. */
static void give_up(void *pointer)
{
    finish(pointer, NEW);
}

static void run(pthread_once_t *once, void (*function)(void))
{
    pthread_cleanup_push(give_up, once);
    function();
    pthread_cleanup_pop(0);
    finish(once, DONE);
}

/* False when the word has changed. */
static bool replace(pthread_once_t *once, int seen, int state)
{
    return __atomic_compare_exchange_n(once, &seen, state, false, __ATOMIC_ACQ_REL,
                                       __ATOMIC_RELAXED);
}

int pthread_once(pthread_once_t *once, void (*function)(void))
{
    int here = __fork_generation * STATES, seen;

    while ((seen = __atomic_load_n(once, __ATOMIC_ACQUIRE)) != DONE) {
        if (seen != here + RUNNING && seen != here + AWAITED) {
            if (!replace(once, seen, here + RUNNING))
                continue;
            run(once, function);
            break;
        }
        if (seen == here + AWAITED || replace(once, seen, here + AWAITED))
            __futex_wait(once, here + AWAITED, false, CLOCK_MONOTONIC, NULL, false);
    }
    return 0;
}
