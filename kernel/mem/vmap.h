/* Kernel virtual ranges outside the direct map: stacks with guard pages, device memory. */
#ifndef KERNEL_MEM_VMAP_H
#define KERNEL_MEM_VMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void vmap_init(void);
/* A stack of SIZE bytes with an unmapped page below; returns its lowest address or NULL. Recycled
 * stacks come from a small cache. [thread] */
void *vmap_stack_alloc(size_t size);
void vmap_stack_free(void *stack, size_t size);
/* Device memory, uncached. Never unmapped. [thread, and during boot] */
void *vmap_device(uint64_t physical, size_t size);
/* true when ADDRESS lies in a stack's guard page (the double-fault handler's message). */
bool vmap_is_guard(uint64_t address);

#endif
