/* Time: the TSC scaled to nanoseconds, calibrated at boot against the HPET or the PIT; the date
 * from the RTC, read once. */
#ifndef KERNEL_CPU_CLOCK_H
#define KERNEL_CPU_CLOCK_H

#include <stdint.h>

void clock_init(void);
uint64_t clock_monotonic(void);  /* ns since boot; same on all CPUs [any] */
int64_t clock_real(void);        /* ns since 1970 [any] */
void clock_set_real(int64_t ns); /* clock_settime */
uint64_t clock_tsc_hz(void);
void clock_spin(uint64_t ns); /* busy wait, for hardware delays below a tick */

#endif
