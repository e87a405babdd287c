/*
 * The stack's lock, what is done when it is given back, and the timer that drives lwIP's.
 *
 * Lock order: the core lock is a spinlock, taken in any context. Under it: socket.lock,
 * interface.lock, pools, the heap. What would call out (telling waiters, handing packets to a card)
 * is noted under it and done by inet_unlock after it is released.
 *
 * core.lock guards all of lwIP and everything of io/net/inet that doesn't say otherwise.
 */
#include "io/net/inet/core_private.h"
#include "io/net/inet/secret.h"
#include "lwip/init.h"
#include "lwip/sys.h"
#include "lwip/timeouts.h"

#define MILLISECOND 1000000ull
#define TELL_BATCH  8

static struct {
    struct env_spinlock lock;
    struct list pending; /* inet_pending: whom to tell */
    struct env_timer timer;
    bool started;
} core = {.pending = LIST_INIT(core.pending)};

bool inet_timers_changed;

void inet_lock(void)
{
    env_spin_lock(&core.lock);
}

/* ---- Telling ---- */

void inet_tell(struct inet_pending *pending, uint32_t events)
{
    if (pending->events) {
        pending->events |= events;
        return;
    }
    if (!events)
        return;
    pending->events = events;
    socket_addref(pending->socket);
    list_push_back(&core.pending, &pending->link);
}

/* Begins with the lock held and ends without. A node is free for the next event once the lock is
 * released, so what it says is taken out before. */
static void tell_pending(void)
{
    struct {
        struct socket *socket;
        uint32_t events;
    } batch[TELL_BATCH];
    for (;;) {
        size_t count = 0;
        while (count < TELL_BATCH && !list_empty(&core.pending)) {
            struct inet_pending *pending =
                container_of(list_pop_front(&core.pending), struct inet_pending, link);
            batch[count].socket = pending->socket;
            batch[count++].events = pending->events;
            pending->events = 0;
        }
        env_spin_unlock(&core.lock);
        for (size_t i = 0; i < count; i++) {
            readiness_tell(&batch[i].socket->readiness, batch[i].events);
            socket_release(batch[i].socket);
        }
        if (count < TELL_BATCH)
            return;
        inet_lock();
    }
}

void inet_unlock(void)
{
    if (inet_timers_changed)
        inet_timers_restart();
    if (list_empty(&core.pending))
        env_spin_unlock(&core.lock);
    else
        tell_pending();
}

/* ---- Time ---- */

/* Milliseconds; lwIP copes with its coming round. */
u32_t sys_now(void)
{
    return (u32_t)(env_time_monotonic() / MILLISECOND);
}

static void timer_due(void *arg)
{
    (void)arg;
    inet_lock();
    inet_timers_changed = true;
    sys_check_timeouts();
    inet_unlock();
}

void inet_timers_restart(void)
{
    u32_t left = sys_timeouts_sleeptime();
    inet_timers_changed = false;
    if (left != SYS_TIMEOUTS_SLEEPTIME_INFINITE)
        env_timer_start(&core.timer, (env_time_monotonic() / MILLISECOND + left) * MILLISECOND);
}

void inet_core_start(void)
{
    inet_secret_init();
    inet_lock();
    if (!core.started) {
        env_timer_init(&core.timer, timer_due, NULL);
        lwip_init();
        core.started = true;
    }
    inet_unlock();
}
