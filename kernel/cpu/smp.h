/* Application processors. */
#ifndef KERNEL_CPU_SMP_H
#define KERNEL_CPU_SMP_H

#include <stdint.h>

/* Starts every CPU the MADT lists (bounded by CPU_MAX and the maxcpus= option); returns when all
 * that answered are online. Each goes on to sched_cpu_main() (kernel/task), with its per-CPU data,
 * traps, APIC and FPU ready, interrupts off. */
void smp_start(void);
/* Stops all other CPUs at once (panic, power-off). [any] */
void smp_stop_others(void);

#endif
