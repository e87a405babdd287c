/*
 * timerfd: a timer as a stream. A read gives how many times it has expired since the last read or
 * setting, as eight bytes in the machine's order, and would block at none; there are no writes
 * (OSKIT_E_INVALIDARG). READ is up while there is something to read.
 *
 * A periodic timer that has expired tells once: it runs on, in multiples of its interval from its
 * first deadline, when it is read or asked for its time. So one that nobody reads costs nothing.
 *
 * Times are nanoseconds. The last release is [thread]: it waits for the timer's callback.
 */
#ifndef SLUICE_TIMERFD_H
#define SLUICE_TIMERFD_H

#include <stdint.h>
#include <oskit/com.h>
#include <oskit/error.h>
#include <oskit/types.h>

enum timerfd_clock {
    TIMERFD_MONOTONIC, /* env_time_monotonic */
    TIMERFD_REAL,      /* env_time_real: an absolute time stays that time when the clock is set */
};

/* The time is on the timer's clock, not from now. */
#define TIMERFD_ABSOLUTE 1u
/* With an absolute time on the real clock: setting the clock makes the timer readable, and that
 * read OSKIT_ECANCELED. */
#define TIMERFD_CANCEL_ON_SET 2u

struct timerfd_time {
    int64_t value;    /* the first expiry; as an answer, from now on; 0: the timer is off */
    int64_t interval; /* between further ones; 0: only one */
};

typedef struct sluice_timerfd {
    struct sluice_timerfd_ops *ops;
} sluice_timerfd_t;
struct sluice_timerfd_ops {
    OSKIT_COMDECL_IUNKNOWN(sluice_timerfd_t)
    /* Sets the timer and forgets past expiries; a time in the past expires at once. *OLD is what
     * gettime would have said. OSKIT_E_INVALIDARG for negative times. OSKIT_ECANCELED: the clock
     * was set since the last read; the timer is set nevertheless. [thread] */
    oskit_error_t (*settime)(sluice_timerfd_t *self, oskit_u32_t flags,
                             const struct timerfd_time *time, struct timerfd_time *old);
    oskit_error_t (*gettime)(sluice_timerfd_t *self, struct timerfd_time *out); /* [any] */
};
extern const struct oskit_guid sluice_timerfd_iid; /* SLUICE_GUID(0x5ac10031) */

/* OSKIT_ENOMEM. [thread] */
oskit_error_t timerfd_new(enum timerfd_clock clock, oskit_iunknown_t **out);
/* The host's real clock has been set: cancels those that asked. What moves absolute timers is
 * clock_timers_set. [thread, no lock held] */
void timerfd_clock_set(void);

#endif
