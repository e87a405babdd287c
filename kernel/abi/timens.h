/* Between the ABI's structures of time and nanoseconds, in which the kernel reckons. */
#ifndef ABI_TIMENS_H
#define ABI_TIMENS_H

#include <stdbool.h>
#include "kernel/abi/time.h"

#define NS_PER_S  INT64_C(1000000000)
#define NS_PER_US INT64_C(1000)

/* A delay beyond this (73 years) never ends; a clock's time and two of them have a sum. */
#define TIME_FAR (INT64_MAX / 4)

/* A clock that clock_settime moves, among those that can be waited for. */
static inline bool clock_is_real(int32_t clock)
{
    return clock == ABI_CLOCK_REALTIME || clock == ABI_CLOCK_TAI;
}

/* Times before 1970 have negative seconds, and a fraction that is not negative. */
static inline struct abi_timespec timespec_from_ns(int64_t ns)
{
    int64_t seconds = ns / NS_PER_S, rest = ns % NS_PER_S;
    return rest < 0 ? (struct abi_timespec){seconds - 1, rest + NS_PER_S}
                    : (struct abi_timespec){seconds, rest};
}

static inline struct abi_timeval timeval_from_ns(int64_t ns)
{
    struct abi_timespec spec = timespec_from_ns(ns);
    return (struct abi_timeval){spec.tv_sec, spec.tv_nsec / NS_PER_US};
}

/* What a delay or a clock's time may be. */
static inline bool timespec_valid(const struct abi_timespec *spec)
{
    return spec->tv_sec >= 0 && (uint64_t)spec->tv_nsec < (uint64_t)NS_PER_S;
}

static inline bool timeval_valid(const struct abi_timeval *value)
{
    return value->tv_sec >= 0 && (uint64_t)value->tv_usec < (uint64_t)(NS_PER_S / NS_PER_US);
}

/* SPEC is valid. What is beyond the range is its end. */
static inline int64_t timespec_ns(const struct abi_timespec *spec)
{
    int64_t ns;
    if (__builtin_mul_overflow(spec->tv_sec, NS_PER_S, &ns) ||
        __builtin_add_overflow(ns, spec->tv_nsec, &ns))
        return INT64_MAX;
    return ns;
}

/* As a delay: TIME_FAR at most. */
static inline uint64_t timespec_delay(const struct abi_timespec *spec)
{
    int64_t ns = timespec_ns(spec);
    return (uint64_t)(ns < TIME_FAR ? ns : TIME_FAR);
}

static inline uint64_t timeval_delay(const struct abi_timeval *value)
{
    return timespec_delay(&(struct abi_timespec){value->tv_sec, value->tv_usec * NS_PER_US});
}

#endif
