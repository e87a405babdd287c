/* The kernel's half of the address space. */
#ifndef KERNEL_MEM_LAYOUT_H
#define KERNEL_MEM_LAYOUT_H

#define KERNEL_BASE                                                                                \
    0xffffffff80000000ul /* image: virtual = physical + KERNEL_BASE; linked at KERNEL_BASE + 1 MiB \
                          */
#define DIRECT_BASE   0xffff800000000000ul /* all RAM, read-write, no-execute */
#define DIRECT_END    0xffffc00000000000ul
#define VMAP_BASE     0xffffc00000000000ul /* kernel stacks with guard pages, device memory */
#define VMAP_END      0xffffe00000000000ul
#define PAGE_MAP_BASE 0xffffe00000000000ul /* the record of each physical page (page.h) */
#define USER_END \
    0x00007ffffffff000ul /* first address programs can't have (the last page stays unmapped) */

#define PAGE_SIZE  4096ul
#define PAGE_SHIFT 12
#define PAGE_MASK  (PAGE_SIZE - 1)

#define page_floor(x) ((x) & ~PAGE_MASK)
#define page_ceil(x)  (((x) + PAGE_MASK) & ~PAGE_MASK)

#endif
