/* The kernel heap: size classes over pages with per-CPU caches; larger blocks are pages. 16-byte
 * aligned. Interrupt-safe in our sense (deferred context), not from hardware handlers.
 * heap.debug=1: poison, red zones, double-free checks, leak report by caller (heap_report). */
#ifndef KERNEL_MEM_HEAP_H
#define KERNEL_MEM_HEAP_H

#include <stddef.h>

#define HEAP_ZERO 1u

void heap_init(void);
void *heap_alloc(size_t size, unsigned flags); /* NULL when out of memory [any] */
void heap_free(void *block);                   /* NULL ignored [any] */
/* The same, for wrappers: CALLER is who the leak report names. */
void *heap_alloc_for(size_t size, unsigned flags, const void *caller);
size_t heap_used(void); /* bytes in use, for /proc/meminfo and leak tests */
void heap_report(void); /* debug mode: logs live blocks by caller */

#endif
