/* Interval timers of a process: alarm, setitimer. */
#ifndef KERNEL_TASK_ITIMER_H
#define KERNEL_TASK_ITIMER_H

#include "kernel/abi/time.h"
#include "kernel/task/process.h"

long itimer_get(int which, struct abi_itimerval *out);
long itimer_set(int which, const struct abi_itimerval *value, struct abi_itimerval *old);
void itimers_release(struct process *process); /* stops them; the memory goes with the record, for a
                                                  tick may be looking */

/* At a scheduler's tick of one of PROCESS's threads: the timers that count CPU time. */
void itimers_tick(struct process *process);

#endif
