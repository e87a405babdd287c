/* A sorted set of disjoint address ranges, for boot: what is RAM, what of it is free. */
#ifndef KERNEL_MEM_RANGES_H
#define KERNEL_MEM_RANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "kernel/boot_info.h"

/* Each region of the loader's map may add one range or cut one in two. */
#define RANGES_MAX (2 * BOOT_MEMORY_MAX + 8)

struct range {
    uint64_t start, end;
};

struct ranges {
    struct range items[RANGES_MAX];
    size_t count;
};

/* Both ignore empty ranges; false when the set is full. Touching ranges become one. */
bool ranges_add(struct ranges *set, uint64_t start, uint64_t end);
bool ranges_subtract(struct ranges *set, uint64_t start, uint64_t end);

#endif
