/*
 * The heap's debug mode (heap.debug=1): each block lies between red zones, behind a header that
 * says who asked for it. New memory reads as 0xa5 bytes, freed memory as 0x5a, and that is checked
 * when the block is handed out again. A finding is a panic that names the block's owner.
 */
#ifndef KERNEL_MEM_HEAP_DEBUG_H
#define KERNEL_MEM_HEAP_DEBUG_H

#include <stddef.h>

void *heap_debug_alloc(size_t size, const void *caller);
void heap_debug_free(void *block, const void *caller);
/* Logs live blocks, summed by caller, most bytes first. */
void heap_debug_report(void);

/* The heap proper (heap.c). */
void *heap_raw_alloc(size_t size);
void heap_raw_free(void *block);

#endif
