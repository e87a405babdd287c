/*
 * timerfd: see <sluice/timerfd.h>.
 *
 * Locks:
 *   setting           one settime at a time: it stops the timer, which can't be done with `lock`
 *     real_lock       the list of timers on the real clock
 *       lock          all else of a timer; the callback takes it, and starting the clock's timer is
 *                     allowed under it
 * Waiters are told without any.
 */
#include <sluice/timerfd.h>

#include <oskit/com/stream.h>
#include <oskit/io/asyncio.h>
#include <sluice/clock_timer.h>
#include <sluice/env.h>
#include <sluice/object.h>
#include <sluice/readiness.h>
#include <sluice/refuse.h>
#include <sluice/vecio.h>

struct timerfd {
    struct sluice_object object;
    SLUICE_FACE(oskit_stream_t) stream;
    SLUICE_FACE(sluice_streamvec_t) streamvec;
    SLUICE_FACE(sluice_pollable_t) pollable;
    SLUICE_FACE(oskit_asyncio_t) asyncio;
    SLUICE_FACE(sluice_timerfd_t) timerfd;
    enum timerfd_clock clock;
    struct env_mutex setting;
    struct clock_timer timer;
    struct readiness readiness;
    struct listener_set listeners;

    struct env_spinlock lock;
    bool running;  /* an expiry is to come */
    bool on_real;  /* deadline is a time of the real clock */
    bool expired;  /* since the last read; one with an interval stands still meanwhile */
    bool cancels;  /* TIMERFD_CANCEL_ON_SET applies */
    bool canceled; /* and happened since the last read */
    int64_t deadline, interval;
    uint64_t expiries; /* not yet read, without those that stand still */

    struct list real_link; /* real_lock */
    uint64_t visit;        /* the setting of the clock that has come by */
};

static struct env_spinlock real_lock;
static struct list real_timers = LIST_INIT(real_timers);
static uint64_t real_visit;

static struct timerfd *timerfd_of(const void *self)
{
    return container_of(SLUICE_OBJECT(self), struct timerfd, object);
}

/* ---- Running; lock held ---- */

static int64_t timer_now(const struct timerfd *timer)
{
    return timer->on_real ? env_time_real() : (int64_t)env_time_monotonic();
}

/* The deadline may be past. */
static void timer_start(struct timerfd *timer)
{
    timer->running = true;
    clock_timer_start(&timer->timer, timer->deadline, timer->on_real);
}

/* Counts the periods that have passed since the expiry and goes on with the next. */
static void timer_go_on(struct timerfd *timer)
{
    if (!timer->expired || timer->interval == 0)
        return;
    int64_t behind = timer_now(timer) - timer->deadline;
    int64_t periods = behind > 0 ? behind / timer->interval : 0;

    timer->expired = false;
    timer->expiries += (uint64_t)periods;
    if (__builtin_mul_overflow(periods + 1, timer->interval, &periods) ||
        __builtin_add_overflow(timer->deadline, periods, &timer->deadline))
        timer->deadline = INT64_MAX;
    timer_start(timer);
}

/* An early call comes from a setting that is no more, or of the clock. */
static void timer_fire(void *arg)
{
    struct timerfd *timer = arg;

    env_spin_lock(&timer->lock);
    bool due = timer->running && timer_now(timer) >= timer->deadline;
    if (due) {
        timer->running = false;
        timer->expired = true;
        timer->expiries++;
        readiness_change(&timer->readiness, READY_READ, 0);
    } else if (timer->running) {
        timer_start(timer);
    }
    env_spin_unlock(&timer->lock);
    if (due)
        readiness_tell(&timer->readiness, READY_READ);
}

/* ---- Setting and asking ---- */

static void timer_describe(struct timerfd *timer, struct timerfd_time *out)
{
    timer_go_on(timer);
    int64_t left = timer->running ? timer->deadline - timer_now(timer) : 0;
    *out = (struct timerfd_time){left > 0 ? left : 0, timer->interval};
}

static void timer_set(struct timerfd *timer, oskit_u32_t flags, const struct timerfd_time *time)
{
    bool absolute = flags & TIMERFD_ABSOLUTE;

    timer->on_real = absolute && timer->clock == TIMERFD_REAL;
    timer->cancels = timer->on_real && (flags & TIMERFD_CANCEL_ON_SET);
    timer->expired = timer->running = false;
    timer->expiries = 0;
    timer->interval = time->interval;
    readiness_change(&timer->readiness, 0, READY_READ);
    if (time->value == 0)
        return;
    timer->deadline = time->value;
    if (!absolute && __builtin_add_overflow(timer_now(timer), time->value, &timer->deadline))
        timer->deadline = INT64_MAX;
    timer_start(timer);
}

static oskit_error_t timerfd_settime(sluice_timerfd_t *self, oskit_u32_t flags,
                                     const struct timerfd_time *time, struct timerfd_time *old)
{
    struct timerfd *timer = timerfd_of(self);

    if (time->value < 0 || time->interval < 0)
        return OSKIT_E_INVALIDARG;
    env_mutex_lock(&timer->setting);
    env_spin_lock(&timer->lock);
    timer_describe(timer, old);
    timer_set(timer, flags, time);
    bool canceled = timer->canceled && timer->cancels && timer->running;
    timer->canceled = false;
    env_spin_unlock(&timer->lock);
    /* One that expires at once may have done so by now. */
    if (time->value == 0)
        clock_timer_stop(&timer->timer);
    env_mutex_unlock(&timer->setting);
    return canceled ? OSKIT_ECANCELED : OSKIT_SUCCESS;
}

static oskit_error_t timerfd_gettime(sluice_timerfd_t *self, struct timerfd_time *out)
{
    struct timerfd *timer = timerfd_of(self);

    env_spin_lock(&timer->lock);
    timer_describe(timer, out);
    env_spin_unlock(&timer->lock);
    return OSKIT_SUCCESS;
}

static struct sluice_timerfd_ops timerfd_timerfd_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .settime = timerfd_settime,
    .gettime = timerfd_gettime,
};

/* ---- Canceling: at once, whenever the timer itself comes to know ---- */

static bool timer_clock_set(struct timerfd *timer)
{
    env_spin_lock(&timer->lock);
    bool canceled = timer->cancels;
    if (canceled) {
        timer->canceled = true;
        readiness_change(&timer->readiness, READY_READ, 0);
    }
    env_spin_unlock(&timer->lock);
    return canceled;
}

/* A timer that VISIT hasn't come by, with a reference. */
static struct timerfd *real_timer_next(uint64_t visit)
{
    struct timerfd *found = NULL;

    env_spin_lock(&real_lock);
    list_for_each (link, &real_timers) {
        struct timerfd *timer = container_of(link, struct timerfd, real_link);
        if (timer->visit < visit && sluice_object_addref_unless_dead(&timer->object)) {
            timer->visit = visit;
            found = timer;
            break;
        }
    }
    env_spin_unlock(&real_lock);
    return found;
}

void timerfd_clock_set(void)
{
    struct timerfd *timer;

    env_spin_lock(&real_lock);
    uint64_t visit = ++real_visit;
    env_spin_unlock(&real_lock);
    while ((timer = real_timer_next(visit)) != NULL) {
        if (timer_clock_set(timer))
            readiness_tell(&timer->readiness, READY_READ);
        sluice_object_release(&timer->object);
    }
}

/* ---- Transfers ---- */

static oskit_error_t expiries_take(struct timerfd *timer, uint64_t *out)
{
    oskit_error_t err = OSKIT_SUCCESS;

    env_spin_lock(&timer->lock);
    if (timer->canceled)
        err = OSKIT_ECANCELED;
    else if (timer->expiries == 0)
        err = OSKIT_EWOULDBLOCK;
    else
        timer_go_on(timer);
    *out = timer->expiries;
    timer->expiries = 0;
    timer->expired = timer->canceled = false;
    readiness_change(&timer->readiness, 0, READY_READ);
    env_spin_unlock(&timer->lock);
    return err;
}

static oskit_error_t timerfd_move_out(struct timerfd *timer, struct sluice_uio *uio, size_t *moved)
{
    uint64_t expiries;

    *moved = 0;
    if (uio->left < sizeof expiries)
        return OSKIT_E_INVALIDARG;
    oskit_error_t err = expiries_take(timer, &expiries);
    return OSKIT_SUCCEEDED(err) ? uio_write_to(uio, &expiries, sizeof expiries, moved) : err;
}

static oskit_error_t timerfd_readv(sluice_streamvec_t *self, struct sluice_uio *uio,
                                   oskit_u32_t flags, oskit_size_t *out_actual)
{
    (void)flags;
    return timerfd_move_out(timerfd_of(self), uio, out_actual);
}

static oskit_error_t timerfd_writev(sluice_streamvec_t *self, struct sluice_uio *uio,
                                    oskit_u32_t flags, oskit_size_t *out_actual)
{
    (void)self, (void)uio, (void)flags;
    *out_actual = 0;
    return OSKIT_E_INVALIDARG;
}

static struct sluice_streamvec_ops timerfd_streamvec_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .readv = timerfd_readv,
    .writev = timerfd_writev,
};

static oskit_error_t timerfd_read(oskit_stream_t *self, void *buf, oskit_u32_t len,
                                  oskit_u32_t *out_actual)
{
    struct sluice_iovec segment;
    struct sluice_uio uio;
    size_t moved;

    uio_init_kernel(&uio, &segment, buf, len);
    oskit_error_t err = timerfd_move_out(timerfd_of(self), &uio, &moved);
    *out_actual = (oskit_u32_t)moved;
    return err;
}

static oskit_error_t timerfd_write(oskit_stream_t *self, const void *buf, oskit_u32_t len,
                                   oskit_u32_t *out_actual)
{
    (void)self, (void)buf, (void)len;
    *out_actual = 0;
    return OSKIT_E_INVALIDARG;
}

static struct oskit_stream_ops timerfd_stream_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .read = timerfd_read,
    .write = timerfd_write,
    STREAM_REFUSALS,
};

/* ---- Readiness ---- */

static struct readiness *timerfd_readiness(sluice_pollable_t *self)
{
    return &timerfd_of(self)->readiness;
}

static struct sluice_pollable_ops timerfd_pollable_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .readiness = timerfd_readiness,
};

static oskit_error_t timerfd_poll(oskit_asyncio_t *self)
{
    return listener_set_poll(&timerfd_of(self)->listeners);
}

static oskit_error_t timerfd_add_listener(oskit_asyncio_t *self, struct oskit_listener *l,
                                          oskit_s32_t mask)
{
    struct timerfd *timer = timerfd_of(self);

    return listener_set_add(&timer->listeners, (oskit_iunknown_t *)&timer->stream.i, l, mask);
}

static oskit_error_t timerfd_remove_listener(oskit_asyncio_t *self, struct oskit_listener *l)
{
    return listener_set_remove(&timerfd_of(self)->listeners, l);
}

static oskit_error_t timerfd_readable(oskit_asyncio_t *self)
{
    return readiness_level(&timerfd_of(self)->readiness) & READY_READ ? sizeof(uint64_t) : 0;
}

static struct oskit_asyncio_ops timerfd_asyncio_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .poll = timerfd_poll,
    .add_listener = timerfd_add_listener,
    .remove_listener = timerfd_remove_listener,
    .readable = timerfd_readable,
};

/* ---- The class ---- */

static void timerfd_destroy(struct sluice_object *object)
{
    struct timerfd *timer = container_of(object, struct timerfd, object);

    env_spin_lock(&real_lock);
    list_remove(&timer->real_link);
    env_spin_unlock(&real_lock);
    env_spin_lock(&timer->lock);
    timer->running = false;
    env_spin_unlock(&timer->lock);
    clock_timer_stop(&timer->timer);
    listener_set_fini(&timer->listeners);
    sluice_object_fini(object);
    env_free(timer, sizeof *timer);
}

static const struct sluice_interface timerfd_interfaces[] = {
    {&oskit_iunknown_iid, offsetof(struct timerfd, stream), &timerfd_stream_ops},
    {&oskit_stream_iid, offsetof(struct timerfd, stream), &timerfd_stream_ops},
    {&sluice_streamvec_iid, offsetof(struct timerfd, streamvec), &timerfd_streamvec_ops},
    {&sluice_pollable_iid, offsetof(struct timerfd, pollable), &timerfd_pollable_ops},
    {&oskit_asyncio_iid, offsetof(struct timerfd, asyncio), &timerfd_asyncio_ops},
    {&sluice_timerfd_iid, offsetof(struct timerfd, timerfd), &timerfd_timerfd_ops},
};

static const struct sluice_class timerfd_class = {
    "timerfd", timerfd_interfaces, SLUICE_COUNT(timerfd_interfaces), timerfd_destroy};

oskit_error_t timerfd_new(enum timerfd_clock clock, oskit_iunknown_t **out)
{
    *out = NULL;
    struct timerfd *timer = env_alloc(sizeof *timer, ENV_ZERO);
    if (timer == NULL)
        return OSKIT_ENOMEM;
    timer->clock = clock;
    readiness_init(&timer->readiness, 0);
    listener_set_init(&timer->listeners, &timer->readiness);
    clock_timer_init(&timer->timer, timer_fire, timer);
    sluice_object_init(&timer->object, &timerfd_class);
    list_init(&timer->real_link);
    env_spin_lock(&real_lock);
    if (clock == TIMERFD_REAL)
        list_push_back(&real_timers, &timer->real_link);
    env_spin_unlock(&real_lock);
    *out = (oskit_iunknown_t *)&timer->stream.i;
    return OSKIT_SUCCESS;
}
