/* Timers: a queue a CPU, ordered by deadline, run from the deferred context after the local APIC
 * timer fired. struct env_timer is the same thing. */
#ifndef KERNEL_TASK_TIMER_H
#define KERNEL_TASK_TIMER_H

#include <sluice/env.h>

typedef struct env_timer ktimer_t;

void timer_init_cpu(void);
void timer_init(ktimer_t *timer, void (*fn)(void *arg), void *arg);
void timer_start(ktimer_t *timer, uint64_t deadline);
bool timer_stop(ktimer_t *timer);

/* Makes the hardware interrupt this CPU no later than about DEADLINE; for the scheduler. Preemption
 * off. */
void timer_arm_at(uint64_t deadline);

#endif
