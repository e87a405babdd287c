/* Points and lengths of time. The manual puts these in types.h, which includes this file. */
#ifndef OSKIT_TIME_H
#define OSKIT_TIME_H

#include <oskit/machine/types.h>

/* Seconds since 1970-01-01 00:00 UTC. 32 bits as in the OSKit, because the offsets in oskit_stat
 * depend on it: ends in 2038. */
typedef oskit_s32_t oskit_time_t;

struct oskit_timespec {
    oskit_time_t tv_sec;
    oskit_s32_t tv_nsec; /* 0 to 999999999 */
};
typedef struct oskit_timespec oskit_timespec_t;

struct oskit_itimerspec {
    struct oskit_timespec it_interval; /* zero: the timer fires once */
    struct oskit_timespec it_value;    /* zero: the timer is off */
};
typedef struct oskit_itimerspec oskit_itimerspec_t;

#endif
