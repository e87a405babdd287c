/* The linked image's parts (linker.ld), as virtual addresses. */
#ifndef KERNEL_MEM_IMAGE_H
#define KERNEL_MEM_IMAGE_H

extern char image_start[], image_end[]; /* the boot part included */
extern char text_start[], text_end[];
extern char rodata_start[], rodata_end[];
extern char data_start[], data_end[]; /* .bss included */

#endif
