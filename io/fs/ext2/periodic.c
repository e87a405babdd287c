/* A thread that calls a function every so often. The lock guards the flags; see periodic.h. */
#include "periodic.h"

/* Waits for the next turn; false: to stop. */
static bool wait_turn(struct periodic *p)
{
    uint64_t due = env_time_monotonic() + p->interval;
    bool expired = false;

    env_spin_lock(&p->lock);
    while (!p->stop && !p->kicked && !expired)
        expired = !sleepers_wait_until(&p->sleepers, &p->lock, due);
    p->kicked = false;
    bool go = !p->stop;
    env_spin_unlock(&p->lock);
    return go;
}

static void periodic_thread(void *arg)
{
    struct periodic *p = arg;

    while (wait_turn(p))
        p->fn(p->arg);
    env_spin_lock(&p->lock);
    p->ended = true;
    sleepers_wake(&p->sleepers);
    env_spin_unlock(&p->lock);
}

oskit_error_t periodic_start(struct periodic *p, const char *name, uint64_t interval,
                             void (*fn)(void *arg), void *arg)
{
    *p = (struct periodic){.fn = fn, .arg = arg, .interval = interval};
    sleepers_init(&p->sleepers);
    return env_thread_start(name, periodic_thread, p);
}

void periodic_kick(struct periodic *p)
{
    env_spin_lock(&p->lock);
    p->kicked = true;
    sleepers_wake(&p->sleepers);
    env_spin_unlock(&p->lock);
}

void periodic_stop(struct periodic *p)
{
    env_spin_lock(&p->lock);
    p->stop = true;
    sleepers_wake(&p->sleepers);
    while (!p->ended)
        sleepers_wait(&p->sleepers, &p->lock);
    env_spin_unlock(&p->lock);
}
