/*
 * Timers on either clock: see <sluice/clock_timer.h>.
 *
 * The list of those on the real clock is ordered by the setting of the clock that they know of, for
 * a start puts a timer at its end. So whoever tells of a setting goes on until the first one knows,
 * and lets others in after each.
 *
 * Locks: real_lock guards the list and the count of settings; a host's timer is started under it,
 * FN is called without it.
 */
#include <sluice/clock_timer.h>

static struct env_spinlock real_lock;
static struct list real_timers = LIST_INIT(real_timers);
static uint64_t settings;

static void timer_unlist(struct clock_timer *timer)
{
    if (!atomic_load_explicit(&timer->on_real, memory_order_relaxed))
        return;
    env_spin_lock(&real_lock);
    list_remove(&timer->link);
    env_spin_unlock(&real_lock);
}

/* A start meanwhile may be undone by this; FN, which is called after it, makes up for that. */
static void timer_fire(void *arg)
{
    struct clock_timer *timer = arg;

    timer_unlist(timer);
    timer->fn(timer->arg);
}

void clock_timer_init(struct clock_timer *timer, void (*fn)(void *arg), void *arg)
{
    *timer = (struct clock_timer){.fn = fn, .arg = arg};
    env_timer_init(&timer->timer, timer_fire, timer);
    list_init(&timer->link);
}

/* real_lock held. */
static void timer_list(struct clock_timer *timer)
{
    list_remove(&timer->link);
    list_push_back(&real_timers, &timer->link);
    timer->setting = settings;
}

/* A setting that the look at the clock misses finds the timer on the list. */
static void timer_start_real(struct clock_timer *timer, int64_t time)
{
    int64_t left;

    atomic_store_explicit(&timer->on_real, true, memory_order_relaxed);
    env_spin_lock(&real_lock);
    timer_list(timer);
    if (__builtin_sub_overflow(time, env_time_real(), &left))
        left = time < 0 ? 0 : INT64_MAX;
    env_timer_start(&timer->timer, env_time_monotonic() + (left > 0 ? (uint64_t)left : 0));
    env_spin_unlock(&real_lock);
}

void clock_timer_start(struct clock_timer *timer, int64_t time, bool real)
{
    if (real) {
        timer_start_real(timer, time);
        return;
    }
    timer_unlist(timer);
    env_timer_start(&timer->timer, time > 0 ? (uint64_t)time : 0);
}

void clock_timer_stop(struct clock_timer *timer)
{
    timer_unlist(timer);
    env_timer_stop(&timer->timer);
}

/* The first timer that hasn't heard of SETTING is called at once; false: there is none. */
static bool real_timer_tell(uint64_t setting)
{
    env_spin_lock(&real_lock);
    struct clock_timer *first = container_of(real_timers.next, struct clock_timer, link);
    bool tells = !list_empty(&real_timers) && first->setting < setting;
    if (tells) {
        timer_list(first);
        env_timer_start(&first->timer, env_time_monotonic());
    }
    env_spin_unlock(&real_lock);
    return tells;
}

void clock_timers_set(void)
{
    env_spin_lock(&real_lock);
    uint64_t setting = ++settings;
    env_spin_unlock(&real_lock);
    while (real_timer_tell(setting))
        continue;
}
