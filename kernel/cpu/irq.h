/*
 * Device interrupts. The hardware handler does the least: acknowledge (and mask a level-triggered
 * line), count, and queue the line's deferred; the drivers' handlers run from that, with interrupts
 * on and preemption off, at interrupt exit or when the interrupted code's preemption count drops to
 * zero.
 */
#ifndef KERNEL_CPU_IRQ_H
#define KERNEL_CPU_IRQ_H

#include <sluice/env.h>

struct trap_frame;

/* env_irq_attach, env_msi_attach and env_irq_detach are implemented here. */
void irq_init(void);
/* Called by trap.c for vectors TRAP_DEVICE_FIRST..LAST, interrupts off. */
void irq_interrupt(unsigned vector);
/* Calls SHOW for each line in use, for /proc/interrupts: NAME says the controller, too; counts[]
 * has cpu_count entries. */
void irq_each(void (*show)(void *arg, unsigned line, const char *name, const uint64_t *counts),
              void *arg);

#endif
