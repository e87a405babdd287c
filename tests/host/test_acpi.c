/* ACPI tables, honest and damaged, in a pretended BIOS area. Each mapping is an exact copy, so that
 * the sanitizers see reads beyond it. */
#include "harness.h"

#include "kernel/cpu/acpi.c"

#define BASE 0xe0000u
#define SIZE 0x20000u

static uint8_t memory[SIZE];
struct boot_info boot_info;
uint32_t cpu_count = 1;

static void *copies[4096];
static size_t copy_count;

void *vmap_device(uint64_t physical, size_t size)
{
    if (physical < BASE || physical - BASE > SIZE || size > SIZE - (physical - BASE))
        return NULL;
    assert_true(copy_count < 4096);
    void *copy = malloc(size);
    memcpy(copy, memory + (physical - BASE), size);
    copies[copy_count++] = copy;
    return copy;
}

void log_write(enum log_level level, const char *format, ...)
{
    (void)level;
    (void)format;
}

static void read_tables(void)
{
    memset(&acpi, 0, sizeof acpi);
    acpi_init();
    while (copy_count)
        free(copies[--copy_count]);
    assert_true(acpi.cpu_count <= CPU_MAX);
    assert_true(acpi.ioapic_count <= ACPI_IOAPIC_MAX);
}

static void put(uint32_t at, uint64_t value, size_t width)
{
    memcpy(memory + (at - BASE), &value, width);
}

static void seal(uint32_t at, uint32_t size, uint32_t checksum_at)
{
    uint8_t sum = 0;
    memory[at + checksum_at - BASE] = 0;
    for (uint32_t i = 0; i < size; i++)
        sum = (uint8_t)(sum + memory[at + i - BASE]);
    memory[at + checksum_at - BASE] = (uint8_t)-sum;
}

static void table(uint32_t at, const char *signature, uint32_t size)
{
    memcpy(memory + (at - BASE), signature, 4);
    put(at + 4, size, 4);
    seal(at, size, 9);
}

enum {
    RSDP = 0xf0010,
    RSDT = 0xf1000,
    MADT = 0xf2000,
    FADT = 0xf3000,
    DSDT = 0xf4000,
    HPET = 0xf5000,
    MADT_SIZE = 44 + 8 + 8 + 8 + 12 + 10 + 10,
};

static void build(void)
{
    static const uint8_t entries[] = {
        0, 8,  0, 0, 1, 0, 0,    0,                   /* CPU 0 */
        0, 8,  1, 4, 1, 0, 0,    0,                   /* CPU 4 */
        0, 8,  2, 5, 0, 0, 0,    0,                   /* a disabled one */
        1, 12, 0, 0, 0, 0, 0xc0, 0xfe, 24,   0, 0, 0, /* I/O APIC from 24 on */
        2, 10, 0, 0, 2, 0, 0,    0,    0,    0,       /* line 0 is GSI 2 */
        2, 10, 0, 9, 9, 0, 0,    0,    0x0f, 0,       /* line 9: level, active low */
    };
    static const uint8_t aml[] = {0x08, '_',  'S',  '5',  '_', 0x12, 0x06,
                                  0x04, 0x0a, 0x05, 0x01, 0,   0};
    memset(memory, 0, sizeof memory);
    memcpy(memory + (MADT + 44 - BASE), entries, sizeof entries);
    put(MADT + 36, 0xfee00000, 4);
    table(MADT, "APIC", MADT_SIZE);
    memcpy(memory + (DSDT + 36 + 20 - BASE), aml, sizeof aml);
    table(DSDT, "DSDT", 36 + 20 + sizeof aml);
    put(FADT + 40, DSDT, 4);
    put(FADT + 64, 0x604, 4);
    put(FADT + 108, 0x32, 1);
    table(FADT, "FACP", 116);
    put(HPET + 44, 0xfed00000, 8);
    table(HPET, "HPET", 56);
    put(RSDT + 36, MADT, 4);
    put(RSDT + 40, FADT, 4);
    put(RSDT + 44, HPET, 4);
    table(RSDT, "RSDT", 48);
    memcpy(memory + (RSDP - BASE), "RSD PTR ", 8);
    put(RSDP + 16, RSDT, 4);
    seal(RSDP, 20, 8);
}

static void test_honest_tables(void **state)
{
    (void)state;
    build();
    read_tables();
    assert_true(acpi.found);
    assert_int_equal(acpi.cpu_count, 2);
    assert_int_equal(acpi.apic_ids[1], 4);
    assert_int_equal(acpi.local_apic, 0xfee00000);
    assert_int_equal(acpi.ioapic_count, 1);
    assert_int_equal(acpi.ioapics[0].physical, 0xfec00000);
    assert_int_equal(acpi.ioapics[0].first_gsi, 24);
    assert_int_equal(acpi.isa[0].gsi, 2);
    assert_false(acpi.isa[0].level);
    assert_true(acpi.isa[9].level && acpi.isa[9].low);
    assert_int_equal(acpi.isa[4].gsi, 4);
    assert_int_equal(acpi.hpet, 0xfed00000);
    assert_true(acpi.has_s5);
    assert_int_equal(acpi.pm1a_control, 0x604);
    assert_int_equal(acpi.s5_type_a, 5);
    assert_int_equal(acpi.s5_type_b, 1);
    assert_int_equal(acpi.century, 0x32);
}

static void test_damaged_checksums(void **state)
{
    (void)state;
    build();
    memory[MADT + 50 - BASE] ^= 1;
    read_tables();
    assert_int_equal(acpi.cpu_count, 0);
    assert_true(acpi.has_s5);
    build();
    memory[RSDP + 9 - BASE] ^= 1;
    read_tables();
    assert_false(acpi.found);
    assert_int_equal(acpi.local_apic, 0xfee00000);
    assert_int_equal(acpi.isa[7].gsi, 7);
}

static void test_lengths(void **state)
{
    static const uint32_t lengths[] = {0, 35, 0x100001, 0xffffffff, SIZE};
    (void)state;
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        build();
        put(MADT + 4, lengths[i], 4);
        read_tables();
        assert_int_equal(acpi.cpu_count, 0);
        build();
        put(RSDT + 4, lengths[i], 4);
        read_tables();
        assert_false(acpi.found);
    }
}

/* The end of the table cuts each entry, and the package, off at every point. */
static void test_truncated_tables(void **state)
{
    (void)state;
    for (uint32_t size = 36; size < MADT_SIZE; size++) {
        build();
        table(MADT, "APIC", size);
        read_tables();
        assert_true(acpi.cpu_count <= 2);
    }
    for (uint32_t size = 36; size < 36 + 20 + 11; size++) {
        build();
        table(DSDT, "DSDT", size);
        read_tables();
        assert_false(acpi.has_s5);
    }
    for (uint32_t size = 36; size < 68; size++) {
        build();
        table(FADT, "FACP", size);
        read_tables();
        assert_false(acpi.has_s5);
    }
}

static void test_entries_without_size(void **state)
{
    (void)state;
    build();
    memory[MADT + 44 + 1 - BASE] = 0;
    table(MADT, "APIC", MADT_SIZE);
    read_tables();
    assert_int_equal(acpi.cpu_count, 0);
}

static void test_cpu_listed_twice(void **state)
{
    (void)state;
    build();
    memory[MADT + 44 + 8 + 3 - BASE] = 0;
    table(MADT, "APIC", MADT_SIZE);
    read_tables();
    assert_int_equal(acpi.cpu_count, 1);
}

static void test_more_cpus_than_fit(void **state)
{
    (void)state;
    build();
    for (uint32_t i = 0; i < 200; i++) {
        put(MADT + 44 + i * 8, 0x0800, 2);
        put(MADT + 44 + i * 8 + 3, i, 1);
        put(MADT + 44 + i * 8 + 4, 1, 4);
    }
    table(MADT, "APIC", 44 + 200 * 8);
    read_tables();
    assert_int_equal(acpi.cpu_count, CPU_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_honest_tables),
        HARNESS_TEST(test_damaged_checksums),
        HARNESS_TEST(test_lengths),
        HARNESS_TEST(test_truncated_tables),
        HARNESS_TEST(test_entries_without_size),
        HARNESS_TEST(test_cpu_listed_twice),
        HARNESS_TEST(test_more_cpus_than_fit),
    };
    return cmocka_run_group_tests_name("acpi", tests, NULL, NULL);
}
