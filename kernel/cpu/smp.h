/* Application processors. */
#ifndef KERNEL_CPU_SMP_H
#define KERNEL_CPU_SMP_H

#include <stdbool.h>
#include <stdint.h>

/* Starts every CPU the MADT lists (bounded by CPU_MAX and the maxcpus= option); returns when all
 * that answered are online. Each goes on to sched_cpu_main() (kernel/task), with its per-CPU data,
 * traps, APIC and FPU ready, interrupts off. */
void smp_start(void);
/* Stops all other CPUs at once (panic, power-off). [any] */
void smp_stop_others(void);
/* The other side: whether a stop was ordered, and obeying it. trap.c */
bool smp_stopping(void);
_Noreturn void smp_stopped(void);

#endif
