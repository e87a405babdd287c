/*
 * Memory before the page allocator: what boot_info calls usable, less what is taken, handed out
 * upwards; and the kernel's final page tables made from it. Boot CPU only, no locks.
 */
#ifndef KERNEL_MEM_BOOTMEM_H
#define KERNEL_MEM_BOOTMEM_H

#include <stdbool.h>
#include <stdint.h>

/* Builds and loads the kernel's page tables and maps the page map for all RAM. Panics when the
 * machine's memory is too small or the loader's map is useless. */
void bootmem_init(void);
/* A zeroed page that is never given back; NULL when there is none. */
void *bootmem_page(void);
/* Takes the next free range out, both ends page-aligned; false when all were taken. */
bool bootmem_take_rest(uint64_t *start, uint64_t *end);
/* Bytes of RAM, reserved parts included. */
uint64_t bootmem_ram(void);

#endif
