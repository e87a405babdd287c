/*
 * Timers on either clock of the host. One on the monotonic clock is an env_timer; one on the real
 * clock keeps its time when that clock is set, which makes it due sooner or later.
 *
 * FN runs in interrupt context, once for each start, at the time or before: the real clock may have
 * been set back since, or have been set at all, or the timer been started anew while FN was on its
 * way. So FN looks at the clock, and starts the timer again if its time has not come.
 */
#ifndef SLUICE_CLOCK_TIMER_H
#define SLUICE_CLOCK_TIMER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sluice/env.h>
#include <sluice/list.h>

struct clock_timer {
    struct env_timer timer;
    void (*fn)(void *arg);
    void *arg;
    struct list link;    /* of those on the real clock */
    uint64_t setting;    /* of the clock, the last one that the timer knows of */
    atomic_bool on_real; /* may be on that list */
};

void clock_timer_init(struct clock_timer *timer, void (*fn)(void *arg), void *arg); /* [any] */
/* Starts or moves it. TIME is of env_time_real if REAL, else of env_time_monotonic; one that is
 * past is now. One start at a time. [any] */
void clock_timer_start(struct clock_timer *timer, int64_t time, bool real);
/* After it returns FN is not running and will not run, unless started again, also by FN itself.
 * Must not be called by FN nor with a lock held that FN takes. [any] */
void clock_timer_stop(struct clock_timer *timer);

/* The host's real clock has been set. Not for a clock that is merely slewed. [any, no lock held] */
void clock_timers_set(void);

#endif
