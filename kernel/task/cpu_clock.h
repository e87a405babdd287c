/*
 * Clocks of CPU time: of a process or a thread, everything it has run, its user part, or what its
 * ticks say; and alarms on them, which the scheduler's ticks of the running threads set off.
 */
#ifndef KERNEL_TASK_CPU_CLOCK_H
#define KERNEL_TASK_CPU_CLOCK_H

#include <sluice/list.h>
#include "kernel/task/process.h"

struct cpu_clock {
    struct process *process; /* with a reference */
    struct thread *thread;   /* of the process, with a reference; NULL: all of them */
    bool user;               /* time in user mode only */
};

/* Whether NUMBER is a clock id of this kind: CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID, or
 * one that names a process or thread. */
bool cpu_clock_is(int32_t number);
/* One of them that goes by ticks. */
bool cpu_clock_ticks(int32_t number);
/* -ABI_EINVAL: no such clock, process or thread; threads of other processes count as none. READING:
 * the caller's own thread number stands for its process, too. */
long cpu_clock_open(int32_t number, bool reading, struct cpu_clock *out);
void cpu_clock_close(struct cpu_clock *clock);
/* Nanoseconds. No lock above process->signal_lock may be held. [any] */
uint64_t cpu_clock_read(const struct cpu_clock *clock);

/* FIRE is called, in interrupt context and with no lock held, at the first tick of the clock's
 * process at or after DEADLINE. Zero it before the first start. */
struct cpu_alarm {
    struct list link; /* on process->cpu_alarms; its lock */
    struct cpu_clock clock;
    uint64_t deadline; /* on the clock */
    bool firing;
    void (*fire)(struct cpu_alarm *alarm);
};
void cpu_alarm_init(struct cpu_alarm *alarm, void (*fire)(struct cpu_alarm *alarm));
void cpu_alarm_start(struct cpu_alarm *alarm, uint64_t deadline); /* starts or moves it [any] */
/* After it FIRE isn't running and won't. Not from FIRE, nor with a lock that FIRE takes. */
void cpu_alarm_stop(struct cpu_alarm *alarm);

/* At a scheduler's tick of the current thread, one of PROCESS: all that waits for CPU time to pass,
 * RLIMIT_CPU and RLIMIT_RTTIME. */
void cpu_clock_tick(struct process *process);

#endif
