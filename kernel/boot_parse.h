/*
 * Reading multiboot information, free of hardware: physical memory is seen through a window that
 * the caller gives, so that tests and fuzzers run the same code.
 */
#ifndef KERNEL_BOOT_PARSE_H
#define KERNEL_BOOT_PARSE_H

#include "kernel/boot_info.h"

#define MULTIBOOT1_MAGIC 0x2badb002u
#define MULTIBOOT2_MAGIC 0x36d76289u

struct boot_window {
    /* SIZE bytes at PHYSICAL, or NULL when they can't be seen. */
    const void *(*at)(const struct boot_window *window, uint64_t physical, uint64_t size);
};

/* Fills OUT. NULL, or one line that says what is wrong. */
const char *boot_parse(struct boot_info *out, const struct boot_window *window, uint32_t magic,
                       uint64_t info);

#endif
