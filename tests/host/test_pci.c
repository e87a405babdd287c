#include "drivers/pci/pci.h"
#include "drivers/pci/registers.h"
#include "fake_pci.h"
#include "harness.h"

#define OURS   0x7e570001u /* a device that the driver below takes */
#define BOTHER 0x7e570002u /* one that it refuses with an error */

/* ---- A driver ---- */

static struct pci_device *taken[FAKE_PCI_FUNCTIONS];
static unsigned taken_count, detached;

static oskit_error_t test_attach(void *arg)
{
    struct pci_device *device = arg;
    if (device->vendor == (BOTHER & 0xffff))
        return OSKIT_EIO;
    taken[taken_count++] = device;
    return OSKIT_SUCCESS;
}

static void test_detach(void *arg)
{
    (void)arg;
    detached++;
}

static const struct driver_id test_ids[] = {{OURS & 0xffff, OURS >> 16, DRIVER_ANY},
                                            {BOTHER & 0xffff, BOTHER >> 16, DRIVER_ANY}};
static const struct driver test_driver = {.name = "test",
                                          .bus = "pci",
                                          .ids = test_ids,
                                          .id_count = 2,
                                          .attach = test_attach,
                                          .detach = test_detach};
DRIVER(test_driver);

static void start(void)
{
    struct pci_host host = {.last_bus = 255};
    taken_count = detached = 0;
    assert_int_equal(pci_start(&host), 0);
}

static void stop(void)
{
    pci_stop();
    assert_int_equal(detached, taken_count);
}

/* ---- Enumeration ---- */

struct listed {
    unsigned count, ours;
};

static void list_one(void *arg, const struct pci_entry *entry)
{
    struct listed *listed = arg;
    listed->count++;
    listed->ours += entry->driver && !strcmp(entry->driver, "test");
}

static struct listed list_all(void)
{
    struct listed listed = {0, 0};
    pci_each(list_one, &listed);
    return listed;
}

static void test_functions_behind_bridges(void **state)
{
    (void)state;
    struct fake_pci pci;
    fake_pci_init(&pci);
    fake_pci_add(&pci, 0, 0, 0, 0x29c08086);
    fake_pci_add(&pci, 0, 3, 0, OURS);
    fake_pci_add(&pci, 0, 3, 1, OURS); /* a brother that the first doesn't know of */
    fake_pci_set(fake_pci_add(&pci, 0, 4, 0, OURS), PCI_HEADER_TYPE, 1, HEADER_MULTIFUNCTION);
    fake_pci_add(&pci, 0, 4, 7, OURS);
    fake_pci_bridge(&pci, 0, 5, 1);
    fake_pci_add(&pci, 1, 31, 0, OURS);
    fake_pci_bridge(&pci, 1, 2, 9);
    fake_pci_add(&pci, 9, 0, 0, OURS);
    fake_pci_add(&pci, 7, 0, 0, OURS); /* on no bus that a bridge leads to */
    start();
    assert_int_equal(taken_count, 5);
    assert_string_equal(taken[0]->name, "00:03.0");
    assert_string_equal(taken[2]->name, "00:04.7");
    assert_string_equal(taken[3]->name, "09:00.0");
    assert_string_equal(taken[3]->bridge->bridge->name, "00:05.0");
    assert_string_equal(taken[4]->name, "01:1f.0");
    struct listed listed = list_all();
    assert_int_equal(listed.count, 8);
    assert_int_equal(listed.ours, 5);
    struct pci_host host = {.last_bus = 255};
    assert_int_equal(pci_start(&host), OSKIT_EBUSY);
    stop();
    assert_int_equal(list_all().count, 0);
}

static void test_bridges_that_lead_back(void **state)
{
    (void)state;
    struct fake_pci pci;
    fake_pci_init(&pci);
    fake_pci_bridge(&pci, 0, 1, 0);
    fake_pci_bridge(&pci, 0, 2, 1);
    fake_pci_bridge(&pci, 0, 3, 1);
    fake_pci_bridge(&pci, 1, 1, 1);
    fake_pci_bridge(&pci, 1, 2, 0);
    fake_pci_bridge(&pci, 1, 3, 255);
    fake_pci_add(&pci, 1, 4, 0, OURS);
    start();
    assert_int_equal(taken_count, 1);
    assert_int_equal(list_all().count, 7);
    stop();
}

static void test_no_bus_at_all(void **state)
{
    (void)state;
    struct fake_pci pci;
    struct pci_host host = {.last_bus = 255};
    fake_pci_init(&pci);
    pci.silent = true;
    assert_int_equal(pci_start(&host), OSKIT_ENODEV);
    pci_stop();
}

static void test_a_driver_that_gives_up(void **state)
{
    (void)state;
    struct fake_pci pci;
    fake_pci_init(&pci);
    fake_pci_add(&pci, 0, 1, 0, BOTHER);
    fake_pci_add(&pci, 0, 2, 0, OURS);
    start();
    assert_int_equal(taken_count, 1);
    assert_non_null(strstr(env_test_log(), "00:01.0"));
    stop();
}

static void test_without_memory(void **state)
{
    (void)state;
    struct fake_pci pci;
    struct pci_host host = {.last_bus = 255};
    fake_pci_init(&pci);
    fake_pci_add(&pci, 0, 1, 0, OURS);
    fake_pci_add(&pci, 0, 2, 0, OURS);
    ENV_TEST_EACH_FAILURE
    {
        taken_count = detached = 0;
        oskit_error_t error = pci_start(&host);
        assert_int_equal(error, env_test_failed() ? OSKIT_ENOMEM : 0);
        stop();
    }
}

/* ---- BARs ---- */

static void test_bars(void **state)
{
    (void)state;
    struct fake_pci pci;
    fake_pci_init(&pci);
    struct fake_function *f = fake_pci_add(&pci, 0, 1, 0, OURS);
    fake_pci_set(f, PCI_COMMAND, 2, COMMAND_IO | COMMAND_MEMORY);
    fake_pci_bar(f, 0, 0xc000, 32, BAR_IO);
    fake_pci_bar(f, 1, 0xfe000000, 0x1000, 0);
    fake_pci_bar(f, 2, 0x3800000000, 0x4000, BAR_64);
    fake_pci_bar(f, 4, 0, 0x1000, BAR_64); /* not assigned */
    start();
    const struct pci_bar *bars = taken[0]->bars;
    assert_true(bars[0].io);
    assert_int_equal(bars[0].address, 0xc000);
    assert_int_equal(bars[0].size, 32);
    assert_int_equal(bars[1].address, 0xfe000000);
    assert_int_equal(bars[1].size, 0x1000);
    assert_int_equal(bars[2].address, 0x3800000000);
    assert_int_equal(bars[2].size, 0x4000);
    assert_int_equal(bars[3].size, 0);
    assert_int_equal(bars[4].address, 0);
    assert_null(pci_bar_range(taken[0], 4, 0, 16));
    assert_int_equal(f->decoding_sized, 0);
    assert_int_equal(fake_pci_get(f, PCI_COMMAND, 2), COMMAND_IO | COMMAND_MEMORY);
    assert_int_equal(fake_pci_get(f, PCI_BAR0 + 4, 4), 0xfe000000);
    pci_master(taken[0], true);
    assert_true(fake_pci_get(f, PCI_COMMAND, 2) & COMMAND_MASTER);
    pci_master(taken[0], false);
    assert_false(fake_pci_get(f, PCI_COMMAND, 2) & COMMAND_MASTER);
    f->gone = true;
    assert_false(pci_device_present(taken[0]));
    pci_master(taken[0], true);
    stop();
}

/* Masks with holes, an upper half outside, an address that isn't a multiple of the size. */
static void test_absurd_bars(void **state)
{
    (void)state;
    struct fake_pci pci;
    fake_pci_init(&pci);
    struct fake_function *f = fake_pci_add(&pci, 0, 1, 0, OURS);
    fake_pci_bar(f, 0, 0x10000000, 0x1000, 0);
    f->bar_bits[0] = 0xf00ff000;
    fake_pci_bar(f, 1, 0xfffff000, 0x1000, BAR_64);
    f->bar_bits[2] = 0x0000ffff;
    fake_pci_bar(f, 3, 0x20000800, 0x1000, 0); /* bit 11 can't be written: it reads as it is */
    fake_pci_set(f, PCI_BAR0 + 12, 4, 0x20000800);
    fake_pci_bar(f, 4, 0xc000, 0, BAR_IO);
    fake_pci_bar(f, 5, 0xe0000000, 0x1000, BAR_64);
    start();
    for (unsigned i = 0; i < PCI_BARS; i++) {
        const struct pci_bar *bar = &taken[0]->bars[i];
        assert_true(bar->size == 0 ||
                    (!(bar->address & (bar->size - 1)) && bar->address + bar->size > bar->address));
    }
    assert_int_equal(taken[0]->bars[0].size, 0);
    assert_int_equal(taken[0]->bars[1].size, 0);
    assert_int_equal(taken[0]->bars[5].size, 0);
    stop();
}

static void test_ranges_of_a_bar(void **state)
{
    (void)state;
    struct fake_pci pci;
    static uint8_t memory[0x1000];
    fake_pci_init(&pci);
    struct fake_function *f = fake_pci_add(&pci, 0, 1, 0, OURS);
    fake_pci_bar(f, 0, 0xfe000000, 0x1000, 0);
    fake_pci_bar(f, 1, 0xc000, 32, BAR_IO);
    env_test_set_device_memory(0xfe000000, memory, sizeof memory);
    start();
    struct pci_device *device = taken[0];
    assert_ptr_equal(pci_bar_range(device, 0, 0, 0x1000), memory);
    assert_ptr_equal(pci_bar_range(device, 0, 0xff0, 16), memory + 0xff0);
    assert_null(pci_bar_range(device, 0, 0xff0, 17));
    assert_null(pci_bar_range(device, 0, 0x1001, 1));
    assert_null(pci_bar_range(device, 0, 1, UINT64_MAX));
    assert_null(pci_bar_range(device, 0, 0, 0));
    assert_null(pci_bar_range(device, 1, 0, 16));
    assert_null(pci_bar_range(device, 5, 0, 16));
    assert_null(pci_bar_range(device, 7, 0, 16));
    stop();
}

/* ---- Capabilities ---- */

static void test_capabilities(void **state)
{
    (void)state;
    struct fake_pci pci;
    fake_pci_init(&pci);
    struct fake_function *f = fake_pci_add(&pci, 0, 1, 0, OURS);
    fake_pci_capability(f, 0x40, CAPABILITY_VENDOR);
    fake_pci_capability(f, 0x60, 0x05);
    fake_pci_capability(f, 0x80, CAPABILITY_VENDOR);
    start();
    struct pci_device *device = taken[0];
    assert_int_equal(pci_capability_next(device, CAPABILITY_VENDOR, 0), 0x80);
    assert_int_equal(pci_capability_next(device, CAPABILITY_VENDOR, 0x80), 0x40);
    assert_int_equal(pci_capability_next(device, CAPABILITY_VENDOR, 0x40), 0);
    assert_int_equal(pci_capability_next(device, CAPABILITY_MSIX, 0), 0);
    /* A list that loops, on itself and on another; one that leads into the header. */
    fake_pci_set(f, 0x41, 1, 0x80);
    assert_int_equal(pci_capability_next(device, CAPABILITY_MSIX, 0), 0);
    fake_pci_set(f, 0x81, 1, 0x80);
    assert_int_equal(pci_capability_next(device, CAPABILITY_MSIX, 0), 0);
    fake_pci_set(f, 0x81, 1, 0x08);
    assert_int_equal(pci_capability_next(device, CAPABILITY_MSIX, 0), 0);
    fake_pci_set(f, 0x81, 1, 0xfe);
    fake_pci_set(f, 0xfc, 4, UINT32_MAX);
    assert_int_equal(pci_capability_next(device, CAPABILITY_MSIX, 0), 0);
    f->gone = true;
    assert_int_equal(pci_capability_next(device, CAPABILITY_VENDOR, 0), 0);
    stop();
}

/* ---- Interrupts ---- */

#define TABLE_AT 0xfe000000u
static uint32_t msix_table[64];
static unsigned messages;

static void message(void *arg)
{
    messages++;
    assert_ptr_equal(arg, &messages);
}

static struct fake_function *msix_function(struct fake_pci *pci, unsigned entries)
{
    fake_pci_init(pci);
    struct fake_function *f = fake_pci_add(pci, 0, 1, 0, OURS);
    fake_pci_bar(f, 2, TABLE_AT, 0x1000, 0);
    fake_pci_capability(f, 0x70, CAPABILITY_MSIX);
    fake_pci_set(f, 0x70 + MSIX_CONTROL, 2, entries - 1);
    fake_pci_set(f, 0x70 + MSIX_TABLE, 4, 2);
    memset(msix_table, 0, sizeof msix_table);
    env_test_set_device_memory(TABLE_AT, msix_table, 0x1000);
    return f;
}

static void test_msix(void **state)
{
    (void)state;
    struct fake_pci pci;
    struct fake_function *f = msix_function(&pci, 3);
    struct env_irq *irq, *none;
    unsigned entries;
    env_test_set_cpus(4, 0);
    start();
    struct pci_device *device = taken[0];
    assert_int_equal(pci_msix_attach(device, 0, 0, message, NULL, &none), OSKIT_E_INVALIDARG);
    assert_int_equal(pci_msix_enable(device, &entries), 0);
    assert_int_equal(entries, 3);
    assert_int_equal(fake_pci_get(f, 0x72, 2) & (MSIX_ENABLE | MSIX_MASKALL), MSIX_ENABLE);
    assert_true(fake_pci_get(f, PCI_COMMAND, 2) & COMMAND_INTX_DISABLE);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(msix_table[i * 4 + 3], MSIX_ENTRY_MASKED);
    assert_int_equal(pci_msix_attach(device, 1, 2, message, &messages, &irq), 0);
    assert_int_equal(msix_table[7], 0);
    messages = 0;
    assert_true(env_test_message(msix_table[4] | (uint64_t)msix_table[5] << 32, msix_table[6]));
    assert_int_equal(messages, 1);
    assert_int_equal(msix_table[4] >> 12 & 0xff, 2);
    assert_int_equal(pci_msix_attach(device, 3, 0, message, NULL, &none), OSKIT_E_INVALIDARG);
    env_test_set_messages(1);
    assert_int_equal(pci_msix_attach(device, 2, 0, message, NULL, &none), OSKIT_ENOMEM);
    assert_int_equal(msix_table[11], MSIX_ENTRY_MASKED);
    env_irq_detach(irq);
    pci_msix_mask(device, 1);
    assert_int_equal(msix_table[7], MSIX_ENTRY_MASKED);
    pci_msix_disable(device);
    assert_false(fake_pci_get(f, 0x72, 2) & MSIX_ENABLE);
    assert_false(fake_pci_get(f, PCI_COMMAND, 2) & COMMAND_INTX_DISABLE);
    stop();
}

static void test_msix_tables_outside(void **state)
{
    static const uint32_t places[] = {3, 6, 7, 2 | 0xff8, 2 | 0x1000, 0xfffffffa};
    (void)state;
    for (unsigned i = 0; i < SLUICE_COUNT(places); i++) {
        struct fake_pci pci;
        unsigned entries;
        struct fake_function *f = msix_function(&pci, 3);
        fake_pci_set(f, 0x74, 4, places[i]);
        start();
        assert_int_equal(pci_msix_enable(taken[0], &entries), OSKIT_E_NOTIMPL);
        assert_int_equal(fake_pci_get(f, 0x72, 2) & MSIX_ENABLE, 0);
        stop();
    }
}

static void test_lines_by_the_firmwares_note(void **state)
{
    (void)state;
    struct fake_pci pci;
    fake_pci_init(&pci);
    struct fake_function *f = fake_pci_add(&pci, 0, 3, 0, OURS);
    fake_pci_set(f, PCI_INTERRUPT_LINE, 1, 11);
    start();
    assert_int_equal(pci_intx_line(taken[0]), DRIVER_ANY); /* no pin */
    taken[0]->pin = 1;
    assert_int_equal(pci_intx_line(taken[0]), 11);
    fake_pci_set(f, PCI_INTERRUPT_LINE, 1, 0xff);
    assert_int_equal(pci_intx_line(taken[0]), DRIVER_ANY);
    stop();
}

static struct pci_device *taken_at(const char *name)
{
    for (unsigned i = 0; i < taken_count; i++)
        if (!strcmp(taken[i]->name, name))
            return taken[i];
    return NULL;
}

static bool line_claims(void *arg)
{
    (*(unsigned *)arg)++;
    return true;
}

static void test_lines_of_an_ich9(void **state)
{
    (void)state;
    struct fake_pci pci;
    struct env_irq *irq;
    unsigned calls = 0;
    fake_pci_init(&pci);
    fake_pci_set(fake_pci_add(&pci, 0, 1, 0, OURS), PCI_INTERRUPT_PIN, 1, 1);
    fake_pci_set(fake_pci_add(&pci, 0, 2, 0, OURS), PCI_INTERRUPT_PIN, 1, 4);
    fake_pci_bridge(&pci, 0, 3, 1);
    fake_pci_set(fake_pci_add(&pci, 1, 2, 0, OURS), PCI_INTERRUPT_PIN, 1, 2);
    fake_pci_set(fake_pci_add(&pci, 0, 26, 0, OURS), PCI_INTERRUPT_PIN, 1, 3);
    fake_pci_add(&pci, 0, 31, 0, 0x29188086);
    start();
    assert_int_equal(pci_intx_line(taken_at("00:01.0")), 21);
    assert_int_equal(pci_intx_line(taken_at("00:02.0")), 21);
    assert_int_equal(pci_intx_line(taken_at("00:1a.0")), 18);
    /* Pin 2 in slot 2 comes out as the bridge's pin 4, and that is slot 3's. */
    assert_int_equal(pci_intx_line(taken_at("01:02.0")), 22);
    struct pci_device *device = taken_at("00:01.0");
    assert_int_equal(pci_intx_attach(device, line_claims, &calls, &irq), 0);
    assert_int_equal(env_test_irq(21), 1);
    assert_int_equal(calls, 1);
    pci_intx_detach(device, irq);
    assert_int_equal(env_test_irq(21), 0);
    stop();
}

/* ---- Configuration space in memory ---- */

static void test_ecam(void **state)
{
    (void)state;
    uint8_t *space = calloc(1, 0x200000);
    struct pci_host host = {.ecam = 0xb0000000, .first_bus = 0, .last_bus = 1};
    env_test_set_device_memory(0xb0000000, space, 0x200000);
    for (unsigned slot = 0; slot < 64; slot++)
        memset(space + (slot << 15), 0xff, 4); /* both buses */
    *(uint32_t *)(void *)(space + (3 << 15)) = OURS;
    space[(3 << 15) + PCI_INTERRUPT_PIN] = 1;
    *(uint32_t *)(void *)(space + (3 << 15) + 0xffc) = 0x12345678;
    *(uint32_t *)(void *)(space + (5 << 15)) = 0x00018086;
    space[(5 << 15) + PCI_HEADER_TYPE] = HEADER_BRIDGE;
    space[(5 << 15) + PCI_SECONDARY_BUS] = 1;
    *(uint32_t *)(void *)(space + 0x100000) = OURS;
    *(uint32_t *)(void *)(space + (6 << 15)) = 0x00018086;
    space[(6 << 15) + PCI_HEADER_TYPE] = HEADER_BRIDGE;
    space[(6 << 15) + PCI_SECONDARY_BUS] = 2; /* beyond the space */
    taken_count = detached = 0;
    assert_int_equal(pci_start(&host), 0);
    assert_int_equal(taken_count, 2);
    assert_string_equal(taken[1]->name, "01:00.0");
    assert_int_equal(pci_config_read(taken[0], 0xffc, 4), 0x12345678);
    assert_int_equal(pci_config_read(taken[0], 0xffe, 2), 0x1234);
    assert_int_equal(pci_config_read(taken[0], 0xfff, 1), 0x12);
    assert_int_equal(pci_config_read(taken[0], 0x1000, 4), UINT32_MAX);
    pci_config_write(taken[0], 0xffe, 2, 0xabcd);
    pci_config_write(taken[0], 0xffd, 1, 0xee);
    assert_int_equal(pci_config_read(taken[0], 0xffc, 4), 0xabcdee78);
    stop();
    free(space);
}

/* ---- The table ---- */

static void row_count(void *arg, const struct driver *driver)
{
    unsigned *counts = arg;
    counts[0]++;
    counts[1] += driver == &test_driver;
}

static void test_the_table_shows_its_rows(void **state)
{
    (void)state;
    unsigned counts[2] = {0, 0};
    driver_each(row_count, counts);
    assert_true(counts[0] >= 3);
    assert_int_equal(counts[1], 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_functions_behind_bridges),
        HARNESS_TEST(test_bridges_that_lead_back),
        HARNESS_TEST(test_no_bus_at_all),
        HARNESS_TEST(test_a_driver_that_gives_up),
        HARNESS_TEST(test_without_memory),
        HARNESS_TEST(test_bars),
        HARNESS_TEST(test_absurd_bars),
        HARNESS_TEST(test_ranges_of_a_bar),
        HARNESS_TEST(test_capabilities),
        HARNESS_TEST(test_msix),
        HARNESS_TEST(test_msix_tables_outside),
        HARNESS_TEST(test_lines_by_the_firmwares_note),
        HARNESS_TEST(test_lines_of_an_ich9),
        HARNESS_TEST(test_ecam),
        HARNESS_TEST(test_the_table_shows_its_rows),
    };
    return cmocka_run_group_tests_name("pci", tests, NULL, NULL);
}
