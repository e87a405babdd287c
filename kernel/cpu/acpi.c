#include "kernel/cpu/acpi.h"
#include <stddef.h>
#include <sluice/string.h>
#include "kernel/boot_info.h"
#include "kernel/log.h"
#include "kernel/mem/pages.h"
#include "kernel/mem/vmap.h"

struct acpi acpi;

struct rsdp {
    char signature[8];
    uint8_t checksum;
    char oem[6];
    uint8_t revision;
    uint32_t rsdt;
    uint32_t length; /* revision 2 on */
    uint64_t xsdt;
    uint8_t extended_checksum, reserved[3];
} __attribute__((packed));

struct table {
    char signature[4];
    uint32_t length;
    uint8_t revision, checksum;
    char oem[6], oem_table[8];
    uint32_t oem_revision, creator, creator_revision;
};
_Static_assert(sizeof(struct table) == 36, "ACPI's table header");

#define RSDP1_SIZE 20u
#define TABLE_MAX  (1u << 20) /* nothing we read is larger */

static bool checksum_ok(const void *data, size_t size)
{
    const uint8_t *p = data;
    uint8_t sum = 0;
    for (size_t i = 0; i < size; i++)
        sum = (uint8_t)(sum + p[i]);
    return sum == 0;
}

/*
 * Physical memory as firmware left it. Tables usually lie in RAM that the memory map calls reserved
 * or ACPI's, which the direct map need not hold: they are mapped as device memory.
 */
static const void *physical_map(uint64_t physical, size_t size)
{
    if (!physical || physical + size < physical)
        return NULL;
    return vmap_device(physical, size);
}

/* A checked table, or NULL. */
static const struct table *table_map(uint64_t physical)
{
    const struct table *head = physical_map(physical, sizeof *head);
    if (!head || head->length < sizeof *head || head->length > TABLE_MAX)
        return NULL;
    const struct table *table = physical_map(physical, head->length);
    if (!table || !checksum_ok(table, table->length)) {
        log_write(LOG_WARNING, "acpi: table %.4s at %#lx is damaged", head->signature, physical);
        return NULL;
    }
    return table;
}

static bool table_is(const struct table *table, const char *signature)
{
    return !memcmp(table->signature, signature, 4);
}

/* A field of WIDTH bytes at OFFSET; 0 when the table is too short for it. */
static uint64_t table_field(const struct table *table, size_t offset, size_t width)
{
    uint64_t value = 0;
    if (offset + width <= table->length)
        memcpy(&value, (const uint8_t *)table + offset, width);
    return value;
}

/* ---- MADT: CPUs and interrupt controllers ---- */

enum {
    MADT_LOCAL_APIC = 0,
    MADT_IOAPIC = 1,
    MADT_OVERRIDE = 2,
    MADT_LOCAL_ADDRESS = 5,
    MADT_X2APIC = 9
};
#define MADT_ENTRIES 44u
#define CPU_ENABLED  1u

static void madt_cpu(uint32_t apic_id, const uint8_t *flags_at)
{
    uint32_t flags;
    memcpy(&flags, flags_at, 4);
    for (uint32_t i = 0; i < acpi.cpu_count; i++)
        if (acpi.apic_ids[i] == apic_id)
            return; /* listed twice; it must not be started twice */
    if (flags & CPU_ENABLED && acpi.cpu_count < CPU_MAX)
        acpi.apic_ids[acpi.cpu_count++] = apic_id;
}

static void madt_x2apic(const uint8_t *entry)
{
    uint32_t apic_id;
    memcpy(&apic_id, entry + 4, 4);
    madt_cpu(apic_id, entry + 8);
}

static void madt_ioapic(const uint8_t *entry)
{
    uint32_t address, gsi;
    memcpy(&address, entry + 4, 4);
    memcpy(&gsi, entry + 8, 4);
    if (acpi.ioapic_count < ACPI_IOAPIC_MAX)
        acpi.ioapics[acpi.ioapic_count++] = (struct acpi_ioapic){address, gsi};
}

static void madt_override(const uint8_t *entry)
{
    uint16_t flags;
    uint8_t line = entry[3];
    if (line >= ACPI_ISA_LINES)
        return;
    memcpy(&acpi.isa[line].gsi, entry + 4, 4);
    memcpy(&flags, entry + 8, 2);
    acpi.isa[line].low = (flags & 3) == 3;
    acpi.isa[line].level = (flags >> 2 & 3) == 3;
}

static void madt_entry(const uint8_t *entry, uint8_t size)
{
    if (entry[0] == MADT_LOCAL_APIC && size >= 8)
        madt_cpu(entry[3], entry + 4);
    else if (entry[0] == MADT_X2APIC && size >= 16)
        madt_x2apic(entry);
    else if (entry[0] == MADT_IOAPIC && size >= 12)
        madt_ioapic(entry);
    else if (entry[0] == MADT_OVERRIDE && size >= 10)
        madt_override(entry);
    else if (entry[0] == MADT_LOCAL_ADDRESS && size >= 12)
        memcpy(&acpi.local_apic, entry + 4, 8);
}

static void acpi_madt(const struct table *madt)
{
    const uint8_t *start = (const uint8_t *)madt;
    acpi.local_apic = table_field(madt, 36, 4);
    for (size_t at = MADT_ENTRIES; at + 2 <= madt->length;) {
        uint8_t size = start[at + 1];
        if (size < 2 || size > madt->length - at)
            break;
        madt_entry(start + at, size);
        at += size;
    }
}

/* ---- FADT and _S5_: power-off ---- */

/* An AML integer of a package: a byte constant, zero or one. Returns bytes used, 0 when it is none.
 */
static size_t aml_byte(const uint8_t *p, size_t left, uint8_t *out)
{
    if (left >= 2 && p[0] == 0x0a) {
        *out = p[1];
        return 2;
    }
    if (left >= 1 && p[0] <= 1) {
        *out = p[0];
        return 1;
    }
    return 0;
}

/*
 * DefName "_S5_" Package { typeA, typeB, ... }. Interpreting the DSDT just for this would be
 * absurd: it is always written as a plain package.
 */
static bool aml_s5(const uint8_t *p, size_t left)
{
    if (left < 7 || memcmp(p, "_S5_", 4) || p[4] != 0x12)
        return false;
    size_t length_bytes = 1u + (p[5] >> 6);
    size_t at = 5 + length_bytes + 1; /* package length, element count */
    if (at >= left)
        return false;
    size_t used = aml_byte(p + at, left - at, &acpi.s5_type_a);
    return used && aml_byte(p + at + used, left - at - used, &acpi.s5_type_b);
}

static void acpi_fadt(const struct table *fadt)
{
    acpi.pm1a_control = (uint16_t)table_field(fadt, 64, 4);
    acpi.pm1b_control = (uint16_t)table_field(fadt, 68, 4);
    acpi.century = (uint8_t)table_field(fadt, 108, 1);
    uint64_t physical = table_field(fadt, 140, 8);
    if (!physical)
        physical = table_field(fadt, 40, 4);
    const struct table *dsdt = table_map(physical);
    if (!dsdt || !acpi.pm1a_control)
        return;
    const uint8_t *aml = (const uint8_t *)dsdt;
    for (size_t at = sizeof *dsdt; at < dsdt->length && !acpi.has_s5; at++)
        acpi.has_s5 = aml[at] == '_' && aml_s5(aml + at, dsdt->length - at);
}

static void acpi_hpet(const struct table *hpet)
{
    /* Address space 0 is memory. */
    if (table_field(hpet, 40, 1) == 0)
        acpi.hpet = table_field(hpet, 44, 8);
}

/* ---- MCFG: PCI configuration space ---- */

#define MCFG_ENTRIES    44u
#define MCFG_ENTRY_SIZE 16u

/* Of its entries, a segment's range of buses each, we use that of the segment where all PCs begin.
 */
static void acpi_mcfg(const struct table *mcfg)
{
    for (size_t at = MCFG_ENTRIES; at + MCFG_ENTRY_SIZE <= mcfg->length; at += MCFG_ENTRY_SIZE) {
        uint64_t address = table_field(mcfg, at, 8);
        if (table_field(mcfg, at + 8, 2) != 0 || !address || address & 0xfffff)
            continue;
        acpi.ecam = address;
        acpi.ecam_first = (uint8_t)table_field(mcfg, at + 10, 1);
        acpi.ecam_last = (uint8_t)table_field(mcfg, at + 11, 1);
        return;
    }
}

/* ---- The root ---- */

static bool rsdp_valid(const struct rsdp *rsdp)
{
    return rsdp && !memcmp(rsdp->signature, "RSD PTR ", 8) && checksum_ok(rsdp, RSDP1_SIZE);
}

/* The BIOS keeps it on a 16-byte boundary in the first KiB of its data area or in its ROM. */
static const struct rsdp *rsdp_search(uint64_t start, size_t size)
{
    const uint8_t *area = physical_map(start, size);
    for (size_t at = 0; area && at + sizeof(struct rsdp) <= size; at += 16)
        if (rsdp_valid((const struct rsdp *)(area + at)))
            return (const struct rsdp *)(area + at);
    return NULL;
}

static const struct rsdp *rsdp_find(void)
{
    const struct rsdp *rsdp = boot_info.rsdp ? physical_map(boot_info.rsdp, sizeof *rsdp) : NULL;
    if (rsdp_valid(rsdp))
        return rsdp;
    rsdp = rsdp_search(0xe0000, 0x20000);
    if (rsdp)
        return rsdp;
    const uint8_t *bios_data = physical_map(0x400, 0x100);
    uint16_t segment = 0;
    if (bios_data)
        memcpy(&segment, bios_data + 0x0e, 2);
    return segment ? rsdp_search((uint64_t)segment << 4, 1024) : NULL;
}

static void acpi_table(uint64_t physical)
{
    const struct table *table = table_map(physical);
    if (!table)
        return;
    if (table_is(table, "APIC"))
        acpi_madt(table);
    else if (table_is(table, "FACP"))
        acpi_fadt(table);
    else if (table_is(table, "HPET"))
        acpi_hpet(table);
    else if (table_is(table, "MCFG"))
        acpi_mcfg(table);
}

static bool acpi_root(uint64_t physical, size_t width)
{
    const struct table *root = table_map(physical);
    if (!root)
        return false;
    for (size_t at = sizeof *root; at + width <= root->length; at += width)
        acpi_table(table_field(root, at, width));
    return true;
}

static void acpi_defaults(void)
{
    acpi.local_apic = 0xfee00000;
    for (uint32_t line = 0; line < ACPI_ISA_LINES; line++)
        acpi.isa[line] = (struct acpi_isa_line){line, false, false};
}

void acpi_init(void)
{
    acpi_defaults();
    const struct rsdp *rsdp = rsdp_find();
    if (rsdp && rsdp->revision >= 2 && rsdp->length >= sizeof *rsdp &&
        checksum_ok(rsdp, sizeof *rsdp))
        acpi.found = acpi_root(rsdp->xsdt, 8);
    if (rsdp && !acpi.found)
        acpi.found = acpi_root(rsdp->rsdt, 4);
    if (!acpi.found) {
        log_write(LOG_WARNING, "acpi: no usable tables; one CPU, no power-off");
        acpi.ioapics[acpi.ioapic_count++] = (struct acpi_ioapic){0xfec00000, 0};
    }
}
