/*
 * The stack's lock, what is done when it is given back, and the timer that drives lwIP's.
 *
 * Lock order: the core lock is a spinlock, taken in any context. Under it: socket.lock,
 * interface.lock, pools, the heap. What would call out (telling waiters, handing packets to a card)
 * is noted under it and done by inet_unlock after it is released.
 *
 * core.lock guards all of lwIP and everything of io/net/inet that doesn't say otherwise.
 */
#include "core_private.h"
#include "memory.h"
#include "secret.h"
#include "time_wait.h"
#include "lwip/init.h"
#include "lwip/ip4_frag.h"
#include "lwip/ip6_frag.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/sys.h"
#include "lwip/timeouts.h"

#define MILLISECOND 1000000ull
#define KICK_AFTER  (2 * MILLISECOND)
#define TELL_BATCH  8

static struct {
    struct env_spinlock lock;
    struct list pending; /* inet_pending: whom to tell */
    struct env_timer timer, kick;
    _Atomic bool kicked;
    bool sending; /* somebody hands packets to cards */
    bool started;
} core = {.pending = LIST_INIT(core.pending)};

bool inet_timers_changed;

void inet_lock(void)
{
    env_spin_lock(&core.lock);
    if (atomic_load_explicit(&inet_returned, memory_order_relaxed))
        inet_returned_drain();
}

void inet_core_release(void)
{
    env_spin_unlock(&core.lock);
}

/* ---- Sending ---- */

/* Begins and ends with the lock held, but not between: one at a time sends, and the others leave
 * their packets to it, so that the cards get them in the order in which they were made. */
static void send_outputs(void)
{
    if (core.sending)
        return;
    core.sending = true;
    while (!list_empty(&inet_outputs)) {
        struct inet_netif *n = container_of(inet_outputs.next, struct inet_netif, link);
        struct interface *interface = n->interface;
        struct list batch = LIST_INIT(batch);
        inet_output_take(n, &batch);
        interface_ref(interface);
        env_spin_unlock(&core.lock);
        interface_send(interface, &batch);
        interface_put(interface);
        inet_lock();
    }
    core.sending = false;
}

/* ---- Telling ---- */

void inet_tell(struct inet_pending *pending, uint32_t events)
{
    if (pending->events) {
        pending->events |= events;
        return;
    }
    /* With nobody waiting there is nobody to tell (readiness_tell says why that is safe); and a
     * socket whose last reference is gone waits for this lock to be destroyed. */
    if (!events || atomic_load(&pending->socket->readiness.waiting) == 0 ||
        !sluice_object_addref_unless_dead(&pending->socket->object))
        return;
    pending->events = events;
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
    if (inet_loopback_first)
        inet_loopback_run();
    if (tcp_tw_pcbs)
        inet_time_wait_take();
    if (inet_timers_changed)
        inet_timers_restart();
    if (!list_empty(&inet_outputs))
        send_outputs();
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

static void kick_due(void *arg)
{
    (void)arg;
    core.kicked = false;
    inet_lock();
    inet_unlock();
}

void inet_core_kick(void)
{
    if (!core.kicked && !atomic_exchange(&core.kicked, true))
        env_timer_start(&core.kick, env_time_monotonic() + KICK_AFTER);
}

void inet_core_start(void)
{
    inet_secret_init();
    env_timer_init(&core.timer, timer_due, NULL);
    env_timer_init(&core.kick, kick_due, NULL);
    inet_lock();
    if (!core.started) {
        lwip_init();
        core.started = true;
    } else {
        sys_restart_timeouts();
    }
    inet_timers_changed = true;
    inet_unlock();
}

/* Pieces of datagrams that nobody will complete. */
static void leftovers_drop(void)
{
    for (int i = 0; i <= IP_REASS_MAXAGE; i++)
        ip_reass_tmr();
    for (int i = 0; i <= IPV6_REASS_MAXAGE; i++)
        ip6_reass_tmr();
}

void inet_core_stop(void)
{
    inet_lock();
    leftovers_drop();
    inet_returned_drain();
    inet_memory_trim();
    inet_core_release();
    env_timer_stop(&core.timer);
    env_timer_stop(&core.kick);
    core.kicked = false;
}
