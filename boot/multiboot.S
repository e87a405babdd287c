/* What loaders look for in the first 8 KiB (multiboot 1) and 32 KiB (multiboot 2) of the file. */

        .section .multiboot, "a"

/* Multiboot 1: modules on page boundaries, memory map wanted. Addresses come from the ELF headers. */
        .set MB1_MAGIC, 0x1badb002
        .set MB1_FLAGS, 0x00000003

        .balign 4
        .long MB1_MAGIC
        .long MB1_FLAGS
        .long -(MB1_MAGIC + MB1_FLAGS)

/* Multiboot 2. */
        .set MB2_MAGIC, 0xe85250d6
        .set MB2_I386, 0

        .balign 8
mb2_header:
        .long MB2_MAGIC
        .long MB2_I386
        .long mb2_end - mb2_header
        .long -(MB2_MAGIC + MB2_I386 + (mb2_end - mb2_header))

        .balign 8               /* modules on page boundaries */
        .word 6, 0
        .long 8

        .balign 8               /* end */
        .word 0, 0
        .long 8
mb2_end:

        .section .note.GNU-stack, "", @progbits
