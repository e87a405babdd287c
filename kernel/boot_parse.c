#include "kernel/boot_parse.h"
#include <stdbool.h>
#include <sluice/string.h>

/* Nothing a loader passes is larger; bounds the work on nonsense. */
#define INFO_MAX 0x100000u

/* ---- What both versions share ---- */

static bool memory_add(struct boot_info *out, uint64_t start, uint64_t size, uint32_t type)
{
    if (!size || start + size < start)
        return true; /* empty or wrapped: firmware nonsense, left out */
    if (out->memory_count == BOOT_MEMORY_MAX)
        return false;
    out->memory[out->memory_count++] = (struct boot_memory){start, size, type};
    return true;
}

/* Copies TEXT, which may lack its NUL, as far as it fits. */
static void text_copy(char *to, size_t to_size, const char *text, size_t size)
{
    size_t length = 0;
    while (length < size && length + 1 < to_size && text[length])
        length++;
    memcpy(to, text, length);
    to[length] = '\0';
}

/* Length of the kernel's own file name at the front. QEMU gives the path as it was told, spaces and
 * all, so the name's ending decides when there is one. */
static size_t command_name_length(const char *command)
{
    static const char ending[] = ".elf";
    size_t word = 0;
    for (size_t i = 0; command[i]; i++) {
        const char *end = command + i + sizeof ending - 1;
        if (!strncmp(command + i, ending, sizeof ending - 1) && (!*end || *end == ' '))
            return (size_t)(end - command);
    }
    while (command[word] && command[word] != ' ')
        word++;
    return word;
}

/* QEMU always puts the file name there, other loaders may. */
static void command_drop_name(struct boot_info *out)
{
    char *command = out->command;
    if (strncmp(out->loader, "qemu", 4) && command[0] != '/' && command[0] != '(')
        return;
    size_t name = command_name_length(command);
    while (command[name] == ' ')
        name++;
    memmove(command, command + name, strlen(command + name) + 1);
}

static const char *initrd_set(struct boot_info *out, uint64_t start, uint64_t end)
{
    if (out->initrd_size)
        return NULL; /* the first module is the one; others are nobody's */
    if (end < start)
        return "boot: the initial RAM disk ends before it starts";
    out->initrd_start = start;
    out->initrd_size = end - start;
    return NULL;
}

static uint32_t read32(const uint8_t *p)
{
    uint32_t value;
    memcpy(&value, p, sizeof value);
    return value;
}

static uint64_t read64(const uint8_t *p)
{
    uint64_t value;
    memcpy(&value, p, sizeof value);
    return value;
}

/* ---- Multiboot 1 ---- */

#define MB1_HAS_MEMORY  (1u << 0)
#define MB1_HAS_COMMAND (1u << 2)
#define MB1_HAS_MODULES (1u << 3)
#define MB1_HAS_MAP     (1u << 6)
#define MB1_HAS_LOADER  (1u << 9)

struct mb1_info {
    uint32_t flags, lower, upper, boot_device, command, module_count, modules;
    uint32_t symbols[4];
    uint32_t map_size, map, drive_size, drives, config, loader;
};
struct mb1_module {
    uint32_t start, end, command, reserved;
};

/* A NUL-terminated string of unknown length, at most SIZE - 1 bytes of it. */
static bool mb1_text(const struct boot_window *window, uint32_t physical, char *to, size_t size)
{
    size_t length = 0;
    for (; length + 1 < size; length++) {
        const char *c = window->at(window, (uint64_t)physical + length, 1);
        if (!c)
            return false;
        if (!*c)
            break;
        to[length] = *c;
    }
    to[length] = '\0';
    return true;
}

static const char *mb1_map(struct boot_info *out, const struct boot_window *window,
                           const struct mb1_info *info)
{
    const uint8_t *map =
        info->map_size <= INFO_MAX ? window->at(window, info->map, info->map_size) : NULL;
    if (!map)
        return "boot: the loader's memory map lies outside memory";
    /* An entry begins with its size, which doesn't count itself. */
    for (uint32_t at = 0; info->map_size - at >= 24;) {
        const uint8_t *entry = map + at;
        uint32_t size = read32(entry);
        if (size < 20 || size > info->map_size - at - 4)
            return "boot: the loader's memory map is malformed";
        if (!memory_add(out, read64(entry + 4), read64(entry + 12), read32(entry + 20)))
            return "boot: the loader's memory map has too many entries";
        at += size + 4;
    }
    return NULL;
}

static const char *mb1_memory(struct boot_info *out, const struct boot_window *window,
                              const struct mb1_info *info)
{
    if (info->flags & MB1_HAS_MAP)
        return mb1_map(out, window, info);
    if (!(info->flags & MB1_HAS_MEMORY))
        return "boot: the loader gave no memory map";
    memory_add(out, 0, (uint64_t)info->lower * 1024, BOOT_MEMORY_USABLE);
    memory_add(out, 0x100000, (uint64_t)info->upper * 1024, BOOT_MEMORY_USABLE);
    return NULL;
}

static const char *mb1_module(struct boot_info *out, const struct boot_window *window,
                              const struct mb1_info *info)
{
    if (!(info->flags & MB1_HAS_MODULES) || !info->module_count)
        return NULL;
    struct mb1_module module;
    const void *at = window->at(window, info->modules, sizeof module);
    if (!at)
        return "boot: the loader's list of modules lies outside memory";
    memcpy(&module, at, sizeof module);
    return initrd_set(out, module.start, module.end);
}

static const char *mb1_parse(struct boot_info *out, const struct boot_window *window,
                             uint64_t physical)
{
    const void *at = window->at(window, physical, sizeof(struct mb1_info));
    struct mb1_info info;
    if (!at)
        return "boot: the loader's information lies outside memory";
    memcpy(&info, at, sizeof info);
    const char *fault = mb1_memory(out, window, &info);
    if (!fault)
        fault = mb1_module(out, window, &info);
    if (fault)
        return fault;
    if (info.flags & MB1_HAS_COMMAND &&
        !mb1_text(window, info.command, out->command, sizeof out->command))
        return "boot: the command line lies outside memory";
    if (info.flags & MB1_HAS_LOADER &&
        !mb1_text(window, info.loader, out->loader, sizeof out->loader))
        out->loader[0] = '\0';
    return NULL;
}

/* ---- Multiboot 2: a list of tags ---- */

enum mb2_tag_type {
    MB2_END = 0,
    MB2_COMMAND = 1,
    MB2_LOADER = 2,
    MB2_MODULE = 3,
    MB2_MAP = 6,
    MB2_RSDP1 = 14,
    MB2_RSDP2 = 15,
};

static const char *mb2_map(struct boot_info *out, const uint8_t *tag, uint32_t size)
{
    if (size < 16)
        return "boot: the loader's memory map is malformed";
    uint32_t step = read32(tag + 8);
    if (step < 24)
        return "boot: the loader's memory map is malformed";
    for (uint32_t at = 16; size - at >= step; at += step)
        if (!memory_add(out, read64(tag + at), read64(tag + at + 8), read32(tag + at + 16)))
            return "boot: the loader's memory map has too many entries";
    return NULL;
}

/* TAG of SIZE bytes, header of 8 included, lies at PHYSICAL. */
static const char *mb2_tag(struct boot_info *out, const uint8_t *tag, uint32_t size,
                           uint64_t physical)
{
    const char *text = (const char *)tag + 8;
    switch (read32(tag)) {
    case MB2_COMMAND:
        text_copy(out->command, sizeof out->command, text, size - 8);
        return NULL;
    case MB2_LOADER:
        text_copy(out->loader, sizeof out->loader, text, size - 8);
        return NULL;
    case MB2_MODULE:
        if (size < 16)
            return "boot: the loader's list of modules is malformed";
        return initrd_set(out, read32(tag + 8), read32(tag + 12));
    case MB2_MAP:
        return mb2_map(out, tag, size);
    case MB2_RSDP1:
        if (!out->rsdp)
            out->rsdp = physical + 8;
        return NULL;
    case MB2_RSDP2:
        out->rsdp = physical + 8;
        return NULL;
    default:
        return NULL;
    }
}

static const char *mb2_parse(struct boot_info *out, const struct boot_window *window,
                             uint64_t physical)
{
    const uint8_t *head = window->at(window, physical, 8);
    uint32_t total = head ? read32(head) : 0;
    const uint8_t *info =
        total >= 16 && total <= INFO_MAX ? window->at(window, physical, total) : NULL;
    if (!info)
        return "boot: the loader's information lies outside memory";
    uint32_t at = 8;
    while (total - at >= 8 && read32(info + at) != MB2_END) {
        uint32_t size = read32(info + at + 4);
        if (size < 8 || size > total - at)
            return "boot: the loader's information is malformed";
        const char *fault = mb2_tag(out, info + at, size, physical + at);
        if (fault)
            return fault;
        uint32_t step = (size + 7) & ~7u;
        if (step > total - at)
            break;
        at += step;
    }
    return out->memory_count ? NULL : "boot: the loader gave no memory map";
}

const char *boot_parse(struct boot_info *out, const struct boot_window *window, uint32_t magic,
                       uint64_t info)
{
    const char *fault = "boot: not started by a multiboot loader";
    memset(out, 0, sizeof *out);
    if (magic == MULTIBOOT1_MAGIC)
        fault = mb1_parse(out, window, info);
    else if (magic == MULTIBOOT2_MAGIC)
        fault = mb2_parse(out, window, info);
    if (!fault)
        command_drop_name(out);
    return fault;
}
