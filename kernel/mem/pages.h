/* Physical pages: a buddy allocator with per-CPU lists in front, and a reference count a block.
 * Addresses are those of the direct map. */
#ifndef KERNEL_MEM_PAGES_H
#define KERNEL_MEM_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "kernel/mem/layout.h"

#define PAGES_ZERO      1u
#define PAGES_USER      2u /* for a program: fails while a reserve is left for the kernel */
#define PAGES_MAX_ORDER 10

/* Builds the kernel's final page tables (tables.h), the page map and the free lists from boot_info;
 * reserves the image, the initial RAM disk and low memory. Needs per-CPU data and descriptor tables
 * in the higher half; the one-to-one map is gone afterwards. */
void pages_init(void);
/* 2^ORDER pages with one reference, or NULL. [any] */
void *page_alloc(unsigned order, unsigned flags);
void page_ref(void *page);   /* [any] */
void page_unref(void *page); /* the last frees [any] */
/* The same for a single page that holds zeros and has no other reference: saves making them anew.
 */
void page_unref_zeroed(void *page); /* [any] */
uint32_t page_references(const void *page);
/* Zeroes one page. */
void page_zero(void *page);
size_t pages_total(void); /* pages given to the allocator */
size_t pages_free(void);  /* of these not handed out now */
/* Memory that others give up when it is short: asked from page_alloc, where the caller may sleep.
 * RECLAIM stays registered for good. [thread] */
struct env_reclaim;
void pages_reclaim_register(struct env_reclaim *reclaim);
/* true when PHYSICAL is RAM with a record in the page map. */
bool pages_is_ram(uint64_t physical);
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
