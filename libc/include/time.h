/* newlib's time.h with Linux's clock numbers. */
#include_next <time.h>

#ifndef _SLUICE_TIME_H
#define _SLUICE_TIME_H

#undef TIMER_ABSTIME
#undef CLOCK_REALTIME
#undef CLOCK_MONOTONIC
#undef CLOCK_PROCESS_CPUTIME_ID
#undef CLOCK_THREAD_CPUTIME_ID
#undef CLOCK_MONOTONIC_RAW
#undef CLOCK_REALTIME_COARSE
#undef CLOCK_MONOTONIC_COARSE
#undef CLOCK_BOOTTIME
#undef CLOCK_REALTIME_ALARM
#undef CLOCK_BOOTTIME_ALARM
#define CLOCK_REALTIME           0
#define CLOCK_MONOTONIC          1
#define CLOCK_PROCESS_CPUTIME_ID 2
#define CLOCK_THREAD_CPUTIME_ID  3
#define CLOCK_MONOTONIC_RAW      4
#define CLOCK_REALTIME_COARSE    5
#define CLOCK_MONOTONIC_COARSE   6
#define CLOCK_BOOTTIME           7
#define CLOCK_REALTIME_ALARM     8
#define CLOCK_BOOTTIME_ALARM     9
#define CLOCK_TAI                11

#define TIMER_ABSTIME 1

#ifdef __cplusplus
extern "C" {
#endif
/* newlib's variables under POSIX's names; macros would hide struct timezone. */
extern long timezone __asm__("_timezone");
extern int daylight __asm__("_daylight");
time_t timegm(struct tm *);
int stime(const time_t *);
#ifdef __cplusplus
}
#endif

#endif
