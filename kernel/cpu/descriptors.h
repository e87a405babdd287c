/* Descriptor tables: GDT, TSS with its interrupt stacks, IDT. */
#ifndef KERNEL_CPU_DESCRIPTORS_H
#define KERNEL_CPU_DESCRIPTORS_H

#include <stdbool.h>
#include <stdint.h>
#include "kernel/cpu/percpu.h"

/* Stacks for what may strike with no usable kernel stack or with the user's GS base loaded. */
enum { IST_NMI = 1, IST_DOUBLE = 2, IST_MACHINE = 3, IST_COUNT = 3 };
#define IST_STACK_SIZE 8192u

struct tss {
    uint32_t reserved0;
    uint64_t rsp[3];
    uint64_t reserved1;
    uint64_t ist[7];
    uint64_t reserved2;
    uint16_t reserved3, io_map;
} __attribute__((packed));
_Static_assert(sizeof(struct tss) == 104, "hardware layout");

/* cpu->arch */
struct cpu_arch {
    uint64_t gdt[8];
    struct tss tss;
    bool fpu_live;   /* fpu.c: the registers are those of the current thread, TS is clear */
    uint8_t *stacks; /* IST_COUNT * IST_STACK_SIZE bytes, aligned to 16 */
};

/* For the boot CPU, before there is memory to allocate. */
extern struct cpu_arch boot_cpu_arch;

#endif
