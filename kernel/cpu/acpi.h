/*
 * The few ACPI tables that the kernel needs, read once at boot: which CPUs and I/O APICs there are
 * (MADT), how to power off (FADT and the DSDT's _S5_ package), where the HPET is. Every table is
 * checked for its length and checksum before it is believed.
 */
#ifndef KERNEL_CPU_ACPI_H
#define KERNEL_CPU_ACPI_H

#include <stdbool.h>
#include <stdint.h>
#include "kernel/cpu/percpu.h"

#define ACPI_IOAPIC_MAX 8
#define ACPI_ISA_LINES  16

struct acpi_ioapic {
    uint64_t physical;
    uint32_t first_gsi;
};

/* How an ISA line reaches the I/O APICs. */
struct acpi_isa_line {
    uint32_t gsi;
    bool low, level; /* active low, level-triggered */
};

struct acpi {
    bool found;
    uint64_t local_apic; /* physical */
    uint32_t apic_ids[CPU_MAX];
    uint32_t cpu_count; /* usable entries of apic_ids */
    struct acpi_ioapic ioapics[ACPI_IOAPIC_MAX];
    uint32_t ioapic_count;
    struct acpi_isa_line isa[ACPI_ISA_LINES];
    uint64_t hpet;                 /* physical, or 0 */
    uint64_t ecam;                 /* physical: PCI configuration space of bus ecam_first; or 0 */
    uint8_t ecam_first, ecam_last; /* buses */
    bool has_s5;
    uint16_t pm1a_control, pm1b_control; /* ports */
    uint8_t s5_type_a, s5_type_b;
    uint8_t century; /* CMOS register of the century, or 0 */
};
extern struct acpi acpi;

/* Needs the direct map and vmap. Without tables, or with broken ones: one CPU and the usual places.
 */
void acpi_init(void);

#endif
