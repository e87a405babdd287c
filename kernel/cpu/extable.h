/*
 * Instructions of the kernel that may fault: a fault at FAULT continues at FIXUP. Rows are pairs of
 * 32-bit distances from the row's own words, in section .extable; linker.ld gathers them.
 */
#ifndef KERNEL_CPU_EXTABLE_H
#define KERNEL_CPU_EXTABLE_H

#ifdef __ASSEMBLER__

/* clang-format off */
        .macro extable fault, fixup
        .pushsection .extable, "a"
        .balign 4
        .long \fault - .
        .long \fixup - .
        .popsection
        .endm
/* clang-format on */

#else

#include <stdbool.h>
#include <stdint.h>

/* For inline assembly: EXTABLE("1b", "2f"). */
#define EXTABLE(fault, fixup)          \
    ".pushsection .extable, \"a\"\n\t" \
    ".balign 4\n\t"                    \
    ".long " fault " - .\n\t"          \
    ".long " fixup " - .\n\t"          \
    ".popsection\n\t"

/* Where to go on after a fault at RIP, or 0. */
uint64_t extable_find(uint64_t rip);

/* Reads a word that may not be mapped (backtraces). */
static inline bool word_read_safe(uint64_t address, uint64_t *out)
{
    uint64_t value = 0;
    bool ok = false;
    __asm__ volatile("1: movq (%2), %1\n\t"
                     "movb $1, %0\n"
                     "2:\n\t" EXTABLE("1b", "2b")
                     : "+q"(ok), "=&r"(value)
                     : "r"(address)
                     : "memory");
    *out = value;
    return ok;
}

#endif
#endif
