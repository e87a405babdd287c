/* The battery-backed clock. */
#ifndef KERNEL_CPU_RTC_H
#define KERNEL_CPU_RTC_H

#include <stdint.h>

/* Seconds since 1970, taking the clock to keep UTC; 0 when it shows no date. Boot only. */
int64_t rtc_read(void);

#endif
