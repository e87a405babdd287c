/*
 * The record of a physical page. One a page, in an array at PAGE_MAP_BASE indexed by page number;
 * only the parts that stand for RAM are mapped. All-zero means reserved, so that a fresh map needs
 * no further preparation.
 */
#ifndef KERNEL_MEM_PAGE_H
#define KERNEL_MEM_PAGE_H

#include <stdatomic.h>
#include <stdint.h>
#include <sluice/list.h>
#include "kernel/mem/layout.h"

enum page_state {
    PAGE_RESERVED, /* not the allocator's; also every page of a block but the first */
    PAGE_FREE,     /* first page of a free block, on the buddy's list of its order */
    PAGE_CACHED,   /* in a CPU's private list */
    PAGE_USED,     /* first page of an allocated block */
    PAGE_LARGE,    /* the same, a heap block of its own */
    PAGE_SLAB,     /* PAGE_SLAB + n: cut into heap blocks of class n; the last state */
};

struct page {
    _Atomic uint32_t references; /* of the block that begins here */
    uint8_t order;               /* its size */
    uint8_t state;
    uint16_t used;    /* heap: blocks handed out; page tables: entries in use */
    struct list link; /* free list of the buddy, or the heap's list of slabs with room */
    void *blocks;     /* heap: free blocks of this slab */
};
_Static_assert(sizeof(struct page) == 32, "the page map's size is reckoned by this");

#define page_map ((struct page *)PAGE_MAP_BASE)

/* ADDRESS lies in the direct map. */
static inline struct page *page_of(const void *address)
{
    return page_map + (((uint64_t)address - DIRECT_BASE) >> PAGE_SHIFT);
}

static inline void *page_address(const struct page *page)
{
    return (void *)(DIRECT_BASE + ((uint64_t)(page - page_map) << PAGE_SHIFT));
}

#endif
