/* What the CPU can do, found once on the boot CPU; the others are taken to be alike. */
#ifndef KERNEL_CPU_FEATURES_H
#define KERNEL_CPU_FEATURES_H

#include <stdbool.h>
#include <stdint.h>

struct cpu_features {
    char vendor[13];
    char model_name[49];
    unsigned family, model, stepping;
    unsigned physical_bits, linear_bits;
    unsigned cache_line; /* bytes flushed by clflush */
    bool fxsr, xsave, xsaveopt;
    bool pge, pages_1g;
    bool smep, smap, umip, fsgsbase;
    bool erms, fsrm; /* fast rep movsb, also for short copies */
    bool rdrand, rdseed;
    bool invariant_tsc;
    bool hypervisor;   /* some virtual machine */
    bool emulated;     /* QEMU's TCG: instructions cost what performance notes for it say, whatever
                          the flags promise */
    bool fast_strings; /* rep movsb moves large blocks faster than words do */
    uint32_t tsc_khz;  /* told by the hypervisor, or 0 */
};
extern struct cpu_features cpu_features;

void features_init(void);
/* Sets the control registers of this CPU accordingly. */
void features_apply_cpu(void);
/* The words of the "flags" line in /proc/cpuinfo, separated by spaces. */
void features_flags(char *buffer, unsigned long size);

struct cpuid {
    uint32_t eax, ebx, ecx, edx;
};
static inline struct cpuid cpuid(uint32_t leaf, uint32_t subleaf)
{
    struct cpuid out;
    __asm__ volatile("cpuid"
                     : "=a"(out.eax), "=b"(out.ebx), "=c"(out.ecx), "=d"(out.edx)
                     : "a"(leaf), "c"(subleaf));
    return out;
}

#endif
