/* Clocks, timers and the structures of time. */
#ifndef ABI_TIME_H
#define ABI_TIME_H

#include "kernel/abi/types.h"

struct abi_timespec {
    int64_t tv_sec;
    int64_t tv_nsec;
};

struct abi_timeval {
    int64_t tv_sec;
    int64_t tv_usec;
};

struct abi_timezone {
    int32_t tz_minuteswest;
    int32_t tz_dsttime;
};

struct abi_itimerspec {
    struct abi_timespec it_interval;
    struct abi_timespec it_value;
};

struct abi_itimerval {
    struct abi_timeval it_interval;
    struct abi_timeval it_value;
};

struct abi_tms {
    int64_t tms_utime; /* ABI_USER_HZ ticks */
    int64_t tms_stime;
    int64_t tms_cutime;
    int64_t tms_cstime;
};

struct abi_utimbuf {
    int64_t actime;
    int64_t modtime;
};

#define ABI_CLOCK_REALTIME           0
#define ABI_CLOCK_MONOTONIC          1
#define ABI_CLOCK_PROCESS_CPUTIME_ID 2
#define ABI_CLOCK_THREAD_CPUTIME_ID  3
#define ABI_CLOCK_MONOTONIC_RAW      4
#define ABI_CLOCK_REALTIME_COARSE    5
#define ABI_CLOCK_MONOTONIC_COARSE   6
#define ABI_CLOCK_BOOTTIME           7
#define ABI_CLOCK_REALTIME_ALARM     8
#define ABI_CLOCK_BOOTTIME_ALARM     9
#define ABI_CLOCK_TAI                11

#define ABI_TIMER_ABSTIME 1

#define ABI_ITIMER_REAL    0
#define ABI_ITIMER_VIRTUAL 1
#define ABI_ITIMER_PROF    2

#define ABI_TFD_TIMER_ABSTIME       1
#define ABI_TFD_TIMER_CANCEL_ON_SET 2
#define ABI_TFD_NONBLOCK            04000
#define ABI_TFD_CLOEXEC             02000000

#endif
