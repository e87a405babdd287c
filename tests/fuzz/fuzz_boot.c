/* Multiboot information: the first byte chooses the version, the rest is memory from BASE on, in
 * which the information lies at its beginning. */
#include "fuzz.h"
#include "kernel/boot_parse.c"

#define BASE 0x9000u

static const uint8_t *memory;
static size_t memory_size;
static void *copies[16384];
static size_t copy_count;

static const void *window_at(const struct boot_window *window, uint64_t physical, uint64_t size)
{
    (void)window;
    if (physical < BASE || physical - BASE > memory_size || size > memory_size - (physical - BASE))
        return NULL;
    assert_true(copy_count < sizeof copies / sizeof copies[0]);
    return copies[copy_count++] = fuzz_copy(memory + (physical - BASE), size);
}

void fuzz_one(const uint8_t *bytes, size_t size)
{
    static const struct boot_window window = {window_at};
    static struct boot_info info;
    struct choices choices = choices_from_bytes(bytes, size);
    uint32_t magic = choices_next(&choices, 2) != 0 ? MULTIBOOT2_MAGIC : MULTIBOOT1_MAGIC;

    memory = choices.at;
    memory_size = choices.left;
    memset(&info, 0xee, sizeof info);
    const char *fault = boot_parse(&info, &window, magic, BASE);
    while (copy_count > 0)
        free(copies[--copy_count]);
    assert_true(info.memory_count <= BOOT_MEMORY_MAX);
    for (size_t i = 0; i < info.memory_count; i++)
        assert_true(info.memory[i].size > 0 &&
                    info.memory[i].start + info.memory[i].size > info.memory[i].start);
    assert_non_null(memchr(info.command, 0, sizeof info.command));
    assert_non_null(memchr(info.loader, 0, sizeof info.loader));
    assert_true(fault == NULL || fault[0] != '\0');
    assert_true(info.initrd_start + info.initrd_size >= info.initrd_start);
}
