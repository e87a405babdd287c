/* What the loader told us, copied out of multiboot 1 or 2 structures (checked against their sizes)
 * before memory is handed out. */
#ifndef KERNEL_BOOT_INFO_H
#define KERNEL_BOOT_INFO_H

#include <stddef.h>
#include <stdint.h>

enum boot_memory_type {
    BOOT_MEMORY_USABLE = 1,
    BOOT_MEMORY_RESERVED = 2,
    BOOT_MEMORY_ACPI = 3,
    BOOT_MEMORY_NVS = 4
};
struct boot_memory {
    uint64_t start, size; /* bytes */
    uint32_t type;
};

#define BOOT_MEMORY_MAX  64
#define BOOT_COMMAND_MAX 4096
struct boot_info {
    struct boot_memory memory[BOOT_MEMORY_MAX];
    size_t memory_count;
    char command[BOOT_COMMAND_MAX];     /* command line without the kernel's file name */
    uint64_t initrd_start, initrd_size; /* physical; size 0: none */
    char loader[64];
    uint64_t rsdp; /* physical address of a copy given by the loader (multiboot 2), or 0 */
};
extern struct boot_info boot_info;

/* MAGIC and INFO are what the loader left in EAX and EBX. Panics in one line when they are
 * unusable. */
void boot_info_parse(uint32_t magic, uint64_t info);

/* kernel/command.c: "key=value key ..." options; see docs/command-line.md. NULL when absent, "" for
 * a bare key. */
const char *command_option(const char *key);
uint64_t command_number(const char *key, uint64_t otherwise);
/* Logs options that nobody asked for, after boot. */
void command_report_unknown(void);

#endif
