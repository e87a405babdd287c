/* The local APIC, inter-processor interrupts and the I/O APICs. */
#ifndef KERNEL_CPU_APIC_H
#define KERNEL_CPU_APIC_H

#include <stdbool.h>
#include <stdint.h>

/* Finds the APICs (acpi.c), masks the PICs, enables this CPU's. Boot CPU. */
void apic_init(void);
void apic_init_cpu(void); /* on each application processor */
void apic_eoi(void);
/* Calibration of the timer, once, by clock.c: counts down from the first call to the second, NS
 * nanoseconds later. */
void apic_timer_measure(void);
void apic_timer_measured(uint64_t ns);
/* Starting an application processor: APIC_INIT, then APIC_STARTUP | page number twice. */
#define APIC_INIT    0x500u
#define APIC_STARTUP 0x600u
void apic_send_start(uint32_t apic_id, uint32_t command);
/* Arms this CPU's one-shot timer to fire no earlier than NS nanoseconds from now (clamped to the
 * hardware's range); 0 disarms. Preemption off. */
void apic_timer_arm(uint64_t ns);
/* Sends VECTOR (trap.h) to CPU id, or to all others. */
void apic_send(uint32_t cpu, unsigned vector);
void apic_send_others(unsigned vector);
/* A non-maskable interrupt to all others: a panic's order to stop. */
void apic_send_others_nmi(void);
/* Called by apic_init. */
void ioapic_init(void);
/* Routes global interrupt GSI (ISA lines are translated by the MADT's overrides) to VECTOR on CPU
 * 0; masked until unmasked. false: no such line. */
bool ioapic_route(unsigned line, unsigned vector);
void ioapic_mask(unsigned line, bool masked);
bool ioapic_is_level(unsigned line);

#endif
