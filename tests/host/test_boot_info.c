/* Multiboot information, honest and hostile. Memory is seen through a window of exact copies, so
 * that the sanitizers see every byte read beyond what was asked for. */
#include "harness.h"

#include "kernel/boot_parse.c"

/* A pretended physical memory of one page group at BASE. */
#define BASE 0x9000u
#define SIZE 0x8000u

static uint8_t memory[SIZE];
static struct boot_info info;

#define COPIES_MAX 16384
static void *copies[COPIES_MAX];
static size_t copy_count;

static const void *window_at(const struct boot_window *window, uint64_t physical, uint64_t size)
{
    (void)window;
    if (physical < BASE || physical - BASE > SIZE || size > SIZE - (physical - BASE))
        return NULL;
    assert_true(copy_count < COPIES_MAX);
    void *copy = malloc(size ? size : 1);
    memcpy(copy, memory + (physical - BASE), size);
    copies[copy_count++] = copy;
    return copy;
}

static const struct boot_window window = {window_at};

static const char *parse(uint32_t magic, uint64_t physical)
{
    memset(&info, 0xee, sizeof info);
    const char *fault = boot_parse(&info, &window, magic, physical);
    while (copy_count)
        free(copies[--copy_count]);
    assert_true(info.memory_count <= BOOT_MEMORY_MAX);
    assert_non_null(memchr(info.command, 0, sizeof info.command));
    assert_non_null(memchr(info.loader, 0, sizeof info.loader));
    return fault;
}

static void put32(uint32_t at, uint32_t value)
{
    memcpy(memory + (at - BASE), &value, 4);
}

static void put64(uint32_t at, uint64_t value)
{
    memcpy(memory + (at - BASE), &value, 8);
}

static void put_text(uint32_t at, const char *text)
{
    memcpy(memory + (at - BASE), text, strlen(text) + 1);
}

/* ---- Multiboot 1 ---- */

enum {
    MAP = BASE + 0x100,
    MODULES = BASE + 0x200,
    COMMAND = BASE + 0x300,
    LOADER = BASE + 0x400,
};

static void mb1_map_entry(uint32_t index, uint64_t start, uint64_t size, uint32_t type)
{
    uint32_t at = MAP + index * 24;
    put32(at, 20);
    put64(at + 4, start);
    put64(at + 12, size);
    put32(at + 20, type);
}

static void mb1_build(void)
{
    memset(memory, 0, sizeof memory);
    put32(BASE, 1u << 2 | 1u << 3 | 1u << 6 | 1u << 9);
    put32(BASE + 16, COMMAND);
    put32(BASE + 20, 1);
    put32(BASE + 24, MODULES);
    put32(BASE + 44, 48);
    put32(BASE + 48, MAP);
    put32(BASE + 64, LOADER);
    mb1_map_entry(0, 0, 0x9fc00, 1);
    mb1_map_entry(1, 0x100000, 0x7f00000, 1);
    put32(MODULES, 0x200000);
    put32(MODULES + 4, 0x234567);
    put_text(COMMAND, "out/kernel.elf loglevel=7 quiet");
    put_text(LOADER, "qemu");
}

static void test_multiboot1(void **state)
{
    (void)state;
    mb1_build();
    assert_null(parse(MULTIBOOT1_MAGIC, BASE));
    assert_int_equal(info.memory_count, 2);
    assert_int_equal(info.memory[1].start, 0x100000);
    assert_int_equal(info.memory[1].size, 0x7f00000);
    assert_int_equal(info.memory[1].type, BOOT_MEMORY_USABLE);
    assert_int_equal(info.initrd_start, 0x200000);
    assert_int_equal(info.initrd_size, 0x34567);
    assert_string_equal(info.command, "loglevel=7 quiet");
    assert_string_equal(info.loader, "qemu");
}

static void test_file_name_is_dropped_only_where_it_is_one(void **state)
{
    static const struct {
        const char *loader, *given, *kept;
    } cases[] = {
        {"qemu", "k.elf", ""},
        {"qemu", "/a dir/k.elf a=b.elf", "a=b.elf"},
        {"qemu", "/dir/kernel a", "a"},
        {"qemu", "k.elf   a  b", "a  b"},
        {"GRUB 2.06", "a=1 b", "a=1 b"},
        {"GRUB 2.06", "/boot/k a=1", "a=1"},
        {"GRUB 0.97", "(hd0,0)/k a=1", "a=1"},
        {"GRUB 2.06", "", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        mb1_build();
        put_text(LOADER, cases[i].loader);
        put_text(COMMAND, cases[i].given);
        assert_null(parse(MULTIBOOT1_MAGIC, BASE));
        assert_string_equal(info.command, cases[i].kept);
    }
}

static void test_multiboot1_without_map_uses_the_two_sizes(void **state)
{
    (void)state;
    mb1_build();
    put32(BASE, 1);
    put32(BASE + 4, 639);
    put32(BASE + 8, 0xffffffff);
    assert_null(parse(MULTIBOOT1_MAGIC, BASE));
    assert_int_equal(info.memory_count, 2);
    assert_int_equal(info.memory[1].size, 0xffffffffull * 1024);
    put32(BASE, 0);
    assert_non_null(parse(MULTIBOOT1_MAGIC, BASE));
}

static void test_multiboot1_hostile_map(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {0, 19, 0xffffffff, 0x1000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        mb1_build();
        put32(MAP, sizes[i]);
        assert_non_null(parse(MULTIBOOT1_MAGIC, BASE));
    }
    mb1_build();
    put32(BASE + 44, 0xffffffff); /* the map's size */
    assert_non_null(parse(MULTIBOOT1_MAGIC, BASE));
    mb1_build();
    put32(BASE + 48, BASE + SIZE - 8); /* its place */
    assert_non_null(parse(MULTIBOOT1_MAGIC, BASE));
    mb1_build();
    put32(BASE + 44, 47); /* the last entry cut off */
    assert_null(parse(MULTIBOOT1_MAGIC, BASE));
    assert_int_equal(info.memory_count, 1);
}

static void test_regions_that_wrap_are_left_out(void **state)
{
    (void)state;
    mb1_build();
    mb1_map_entry(0, UINT64_MAX - 10, 100, 1);
    assert_null(parse(MULTIBOOT1_MAGIC, BASE));
    assert_int_equal(info.memory_count, 1);
    assert_int_equal(info.memory[0].start, 0x100000);
}

static void test_too_many_regions(void **state)
{
    (void)state;
    mb1_build();
    put32(BASE + 48, BASE + 0x1000);
    put32(BASE + 44, (BOOT_MEMORY_MAX + 1) * 24);
    for (uint32_t i = 0; i <= BOOT_MEMORY_MAX; i++) {
        put32(BASE + 0x1000 + i * 24, 20);
        put64(BASE + 0x1000 + i * 24 + 12, 4096);
    }
    assert_non_null(parse(MULTIBOOT1_MAGIC, BASE));
}

static void test_module_that_ends_before_it_starts(void **state)
{
    (void)state;
    mb1_build();
    put32(MODULES + 4, 0x1ff000);
    assert_non_null(parse(MULTIBOOT1_MAGIC, BASE));
    put32(BASE + 24, 0xfffffff0);
    assert_non_null(parse(MULTIBOOT1_MAGIC, BASE));
}

static void test_unterminated_command_line(void **state)
{
    (void)state;
    mb1_build();
    memset(memory + 0x1000, 'x', SIZE - 0x1000);
    put32(BASE + 16, BASE + 0x1000);
    put_text(LOADER, "other");
    assert_null(parse(MULTIBOOT1_MAGIC, BASE));
    assert_int_equal(strlen(info.command), BOOT_COMMAND_MAX - 1);
    put32(BASE + 16, BASE + SIZE - 3);
    assert_non_null(parse(MULTIBOOT1_MAGIC, BASE));
    put32(BASE + 16, 0);
    assert_non_null(parse(MULTIBOOT1_MAGIC, BASE));
}

/* ---- Multiboot 2 ---- */

static uint32_t mb2_end_at;

static uint32_t mb2_tag_start(uint32_t type, uint32_t size)
{
    uint32_t at = mb2_end_at;
    put32(at, type);
    put32(at + 4, size);
    mb2_end_at += (size + 7) & ~7u;
    put32(BASE, mb2_end_at - BASE);
    return at;
}

static void mb2_build(void)
{
    memset(memory, 0, sizeof memory);
    mb2_end_at = BASE + 8;
    put_text(mb2_tag_start(1, 8 + 10) + 8, "a=1 b=two");
    put_text(mb2_tag_start(2, 8 + 5) + 8, "GRUB");
    uint32_t module = mb2_tag_start(3, 17);
    put32(module + 8, 0x400000);
    put32(module + 12, 0x400800);
    uint32_t map = mb2_tag_start(6, 16 + 2 * 24);
    put32(map + 8, 24);
    put64(map + 16 + 8, 0x9f000);
    put32(map + 16 + 16, 1);
    put64(map + 40, 0x100000);
    put64(map + 40 + 8, 0x1000000);
    put32(map + 40 + 16, 2);
    mb2_tag_start(14, 8 + 20);
    mb2_tag_start(15, 8 + 36);
    mb2_tag_start(0, 8);
}

static void test_multiboot2(void **state)
{
    (void)state;
    mb2_build();
    assert_null(parse(MULTIBOOT2_MAGIC, BASE));
    assert_string_equal(info.command, "a=1 b=two");
    assert_string_equal(info.loader, "GRUB");
    assert_int_equal(info.initrd_start, 0x400000);
    assert_int_equal(info.initrd_size, 0x800);
    assert_int_equal(info.memory_count, 2);
    assert_int_equal(info.memory[1].start, 0x100000);
    assert_int_equal(info.memory[1].type, BOOT_MEMORY_RESERVED);
    assert_int_equal(info.rsdp, mb2_end_at - 8 - 48 + 8); /* the newer of the two */
}

static void test_multiboot2_hostile_sizes(void **state)
{
    static const uint32_t totals[] = {0, 7, 8, 15, SIZE + 1, 0x7fffffff, 0xffffffff};
    static const uint32_t tags[] = {0, 7, 0x8000, 0xfffffff8, 0xffffffff};
    (void)state;
    for (size_t i = 0; i < sizeof totals / sizeof totals[0]; i++) {
        mb2_build();
        put32(BASE, totals[i]);
        assert_non_null(parse(MULTIBOOT2_MAGIC, BASE));
    }
    for (size_t i = 0; i < sizeof tags / sizeof tags[0]; i++) {
        mb2_build();
        put32(BASE + 8 + 4, tags[i]);
        assert_non_null(parse(MULTIBOOT2_MAGIC, BASE));
    }
}

static void test_multiboot2_hostile_map(void **state)
{
    static const uint32_t steps[] = {0, 1, 23};
    (void)state;
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        mb2_build();
        put32(BASE + 8 + 24 + 16 + 24 + 8, steps[i]);
        assert_non_null(parse(MULTIBOOT2_MAGIC, BASE));
    }
    mb2_build();
    put32(BASE + 8 + 24 + 16 + 24 + 8, 0xffffffff); /* no entry fits: no memory */
    assert_non_null(parse(MULTIBOOT2_MAGIC, BASE));
}

static void test_multiboot2_without_end(void **state)
{
    (void)state;
    mb2_build();
    put32(BASE, mb2_end_at - 8 - BASE);
    assert_null(parse(MULTIBOOT2_MAGIC, BASE));
}

/* ---- Both ---- */

static void test_other_magic(void **state)
{
    (void)state;
    mb1_build();
    assert_non_null(parse(0, BASE));
    assert_non_null(parse(MULTIBOOT1_MAGIC, 0));
    assert_non_null(parse(MULTIBOOT1_MAGIC, UINT64_MAX - 4));
    assert_non_null(parse(MULTIBOOT2_MAGIC, BASE + SIZE - 4));
}

static uint32_t random_state;

static uint32_t random_next(uint32_t below)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (uint32_t)((uint64_t)random_state * below >> 32);
}

/* Bytes changed at random, many in the fields that matter; parse() and the sanitizers judge. */
static void test_random_damage(void **state)
{
    static const uint8_t values[] = {0, 1, 7, 8, 0x7f, 0x80, 0xff};
    (void)state;
    random_state = 1;
    for (int round = 0; round < 4000; round++) {
        bool second = round & 1;
        second ? mb2_build() : mb1_build();
        for (uint32_t n = 1 + random_next(6); n; n--)
            memory[random_next(second ? 256 : 1280)] = values[random_next(sizeof values)];
        parse(second ? MULTIBOOT2_MAGIC : MULTIBOOT1_MAGIC, BASE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_multiboot1),
        HARNESS_TEST(test_file_name_is_dropped_only_where_it_is_one),
        HARNESS_TEST(test_multiboot1_without_map_uses_the_two_sizes),
        HARNESS_TEST(test_multiboot1_hostile_map),
        HARNESS_TEST(test_regions_that_wrap_are_left_out),
        HARNESS_TEST(test_too_many_regions),
        HARNESS_TEST(test_module_that_ends_before_it_starts),
        HARNESS_TEST(test_unterminated_command_line),
        HARNESS_TEST(test_multiboot2),
        HARNESS_TEST(test_multiboot2_hostile_sizes),
        HARNESS_TEST(test_multiboot2_hostile_map),
        HARNESS_TEST(test_multiboot2_without_end),
        HARNESS_TEST(test_other_magic),
        HARNESS_TEST(test_random_damage),
    };
    return cmocka_run_group_tests_name("boot_info", tests, NULL, NULL);
}
