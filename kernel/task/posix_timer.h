/* POSIX timers: timer_create and its relatives. */
#ifndef KERNEL_TASK_POSIX_TIMER_H
#define KERNEL_TASK_POSIX_TIMER_H

#include "kernel/abi/signal.h"
#include "kernel/abi/time.h"
#include "kernel/task/process.h"

/* All of the current process. EVENT NULL: SIGALRM with the timer's number. -ABI_EINVAL,
 * -ABI_EOPNOTSUPP (a clock that has no timers), -ABI_EAGAIN. */
long posix_timer_create(int32_t clock, const struct abi_sigevent *event, int32_t *out);
long posix_timer_set(int32_t number, bool absolute, const struct abi_itimerspec *value,
                     struct abi_itimerspec *old);
long posix_timer_get(int32_t number, struct abi_itimerspec *out);
/* Expirations beyond the first that its last delivered signal stood for. */
long posix_timer_overrun(int32_t number);
long posix_timer_delete(int32_t number);

/* The end of PROCESS, or exec: its timers go. By its only thread. */
void posix_timers_release(struct process *process);
/* A timer's signal was taken by the current process: what INFO says of overruns is remembered. */
void posix_timer_taken(const struct abi_siginfo *info);

#endif
