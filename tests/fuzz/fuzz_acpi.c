/*
 * ACPI tables: the input is the BIOS's memory from BASE on. A fuzzer does not find check sums, so
 * most of them are mended: that of the RSDP at BASE, and of each table as it is mapped. An odd
 * first byte behind the RSDP's signature leaves them as they are.
 */
#include "fuzz.h"
#include "kernel/cpu/acpi.c"

#define BASE      0xe0000u
#define BIOS_SIZE 0x20000u

struct boot_info boot_info;
uint32_t cpu_count = 1;

static uint8_t memory[BIOS_SIZE];
static bool honest; /* check sums are as the input has them */
static void *copies[65536];
static size_t copy_count;

static void seal(uint8_t *bytes, size_t size, size_t at)
{
    uint8_t sum = 0;

    bytes[at] = 0;
    for (size_t i = 0; i < size; i++)
        sum = (uint8_t)(sum + bytes[i]);
    bytes[at] = (uint8_t)-sum;
}

void *vmap_device(uint64_t physical, size_t size)
{
    if (physical < BASE || physical - BASE > sizeof memory ||
        size > sizeof memory - (physical - BASE))
        return NULL;
    assert_true(copy_count < sizeof copies / sizeof copies[0]);
    uint8_t *copy = fuzz_copy(memory + (physical - BASE), size);
    if (!honest && size > sizeof(struct table) && size < sizeof memory)
        seal(copy, size, 9);
    return copies[copy_count++] = copy;
}

void log_write(enum log_level level, const char *format, ...)
{
    (void)level;
    (void)format;
}

void fuzz_one(const uint8_t *bytes, size_t size)
{
    size = size < sizeof memory ? size : sizeof memory;
    memset(memory, 0, sizeof memory);
    if (size > 0)
        memcpy(memory, bytes, size);
    honest = (memory[9] & 1) != 0;
    if (!honest) {
        seal(memory, RSDP1_SIZE, 8);
        seal(memory, sizeof(struct rsdp), offsetof(struct rsdp, extended_checksum));
    }
    memset(&acpi, 0, sizeof acpi);
    acpi_init();
    while (copy_count > 0)
        free(copies[--copy_count]);
    assert_true(acpi.cpu_count <= CPU_MAX);
    assert_true(acpi.ioapic_count <= ACPI_IOAPIC_MAX);
}
