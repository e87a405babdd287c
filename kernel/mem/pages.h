/* Physical pages: a buddy allocator with per-CPU lists in front, and a reference count a block.
 * Addresses are those of the direct map. */
#ifndef KERNEL_MEM_PAGES_H
#define KERNEL_MEM_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "kernel/mem/layout.h"

#define PAGES_ZERO      1u
#define PAGES_MAX_ORDER 10

/* Builds the direct map and the free lists from boot_info; reserves the image, the initial RAM disk
 * and low memory. */
void pages_init(void);
/* 2^ORDER pages with one reference, or NULL. [any] */
void *page_alloc(unsigned order, unsigned flags);
void page_ref(void *page);   /* [any] */
void page_unref(void *page); /* the last frees [any] */
uint32_t page_references(const void *page);
size_t pages_total(void); /* managed, free now */
size_t pages_free(void);
/* Gives a range of RAM that was reserved (the initial RAM disk) to the allocator. */
void pages_release_reserved(uint64_t physical, size_t size);

static inline uint64_t page_physical(const void *page)
{
    return (uint64_t)page - DIRECT_BASE;
}
static inline void *physical_page(uint64_t physical)
{
    return (void *)(physical + DIRECT_BASE);
}

#endif
