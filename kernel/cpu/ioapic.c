/*
 * I/O APICs. A line is an ISA line number (0..15, translated by the MADT's overrides) or a global
 * system interrupt. PCI lines, above the ISA ones, are level-triggered and active low.
 *
 * Lock: ioapic_lock, with interrupts masked, because interrupt handlers mask lines: a register is
 * reached by two accesses. Innermost.
 */
#include "kernel/cpu/acpi.h"
#include "kernel/cpu/apic.h"
#include "kernel/cpu/spinlock.h"
#include "kernel/log.h"
#include "kernel/mem/vmap.h"

#define REG_VERSION  1
#define REG_REDIRECT 0x10

#define REDIRECT_LOW    (1u << 13)
#define REDIRECT_LEVEL  (1u << 15)
#define REDIRECT_MASKED (1u << 16)

struct ioapic {
    volatile uint32_t *registers; /* select at word 0, window at word 4 */
    uint32_t first, count;        /* global interrupts */
};

static struct ioapic ioapics[ACPI_IOAPIC_MAX];
static uint32_t ioapic_count;
static spinlock_t ioapic_lock;

static uint32_t ioapic_read(const struct ioapic *ioapic, uint32_t reg)
{
    ioapic->registers[0] = reg;
    return ioapic->registers[4];
}

static void ioapic_write(const struct ioapic *ioapic, uint32_t reg, uint32_t value)
{
    ioapic->registers[0] = reg;
    ioapic->registers[4] = value;
}

static uint32_t line_gsi(unsigned line)
{
    return line < ACPI_ISA_LINES ? acpi.isa[line].gsi : line;
}

static uint32_t line_flags(unsigned line)
{
    if (line >= ACPI_ISA_LINES)
        return REDIRECT_LOW | REDIRECT_LEVEL;
    return (acpi.isa[line].low ? REDIRECT_LOW : 0) | (acpi.isa[line].level ? REDIRECT_LEVEL : 0);
}

/* The I/O APIC of LINE and its register there; NULL when there is none. */
static const struct ioapic *ioapic_find(unsigned line, uint32_t *reg)
{
    uint32_t gsi = line_gsi(line);
    for (uint32_t i = 0; i < ioapic_count; i++) {
        const struct ioapic *ioapic = &ioapics[i];
        if (gsi >= ioapic->first && gsi - ioapic->first < ioapic->count) {
            *reg = REG_REDIRECT + (gsi - ioapic->first) * 2;
            return ioapic;
        }
    }
    return NULL;
}

void ioapic_init(void)
{
    for (uint32_t i = 0; i < acpi.ioapic_count; i++) {
        struct ioapic *ioapic = &ioapics[ioapic_count];
        ioapic->registers = vmap_device(acpi.ioapics[i].physical, 32);
        if (!ioapic->registers)
            continue;
        ioapic->first = acpi.ioapics[i].first_gsi;
        ioapic->count = (ioapic_read(ioapic, REG_VERSION) >> 16 & 0xff) + 1;
        ioapic_count++;
        for (uint32_t pin = 0; pin < ioapic->count; pin++)
            ioapic_write(ioapic, REG_REDIRECT + pin * 2, REDIRECT_MASKED);
    }
    if (!ioapic_count)
        log_write(LOG_WARNING, "ioapic: none found; no device interrupts");
}

bool ioapic_is_level(unsigned line)
{
    return line_flags(line) & REDIRECT_LEVEL;
}

bool ioapic_route(unsigned line, unsigned vector)
{
    uint32_t reg;
    const struct ioapic *ioapic = ioapic_find(line, &reg);
    if (!ioapic)
        return false;
    uint64_t flags = spin_lock_irqsave(&ioapic_lock);
    ioapic_write(ioapic, reg, REDIRECT_MASKED | line_flags(line) | vector);
    ioapic_write(ioapic, reg + 1, cpus[0]->apic_id << 24);
    spin_unlock_irqrestore(&ioapic_lock, flags);
    return true;
}

void ioapic_mask(unsigned line, bool masked)
{
    uint32_t reg;
    const struct ioapic *ioapic = ioapic_find(line, &reg);
    if (!ioapic)
        return;
    uint64_t flags = spin_lock_irqsave(&ioapic_lock);
    uint32_t value = ioapic_read(ioapic, reg);
    ioapic_write(ioapic, reg, masked ? value | REDIRECT_MASKED : value & ~REDIRECT_MASKED);
    spin_unlock_irqrestore(&ioapic_lock, flags);
}
