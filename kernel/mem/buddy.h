/*
 * The buddy system: free blocks of 2^order pages, aligned to their size. It knows page numbers and
 * page records only, and takes no lock: pages.c holds its own around each call, tests none.
 */
#ifndef KERNEL_MEM_BUDDY_H
#define KERNEL_MEM_BUDDY_H

#include <stddef.h>
#include <stdint.h>
#include "kernel/mem/page.h"

#define BUDDY_ORDERS 11
#define BUDDY_NONE   SIZE_MAX

struct buddy {
    struct page *map; /* records exist for every block of the highest order that holds RAM */
    struct list lists[BUDDY_ORDERS];
    uint32_t filled; /* bit N: lists[N] is not empty */
    size_t total;    /* pages given by buddy_add */
    size_t free;
};

void buddy_init(struct buddy *buddy, struct page *map);
/* Adds COUNT reserved pages from page number FIRST on. */
void buddy_add(struct buddy *buddy, size_t first, size_t count);
/* A block of 2^ORDER pages: its first page number, or BUDDY_NONE. The record is left PAGE_RESERVED
 * with its order set. */
size_t buddy_take(struct buddy *buddy, unsigned order);
/* Gives a block back and joins it with its free neighbours. */
void buddy_give(struct buddy *buddy, size_t number, unsigned order);

#endif
