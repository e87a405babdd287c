#include "kernel/cpu/features.h"
#include <sluice/string.h>
#include "kernel/cpu/msr.h"
#include "kernel/log.h"

struct cpu_features cpu_features;

static void features_vendor(struct cpu_features *f)
{
    struct cpuid id = cpuid(0, 0);
    memcpy(f->vendor, &id.ebx, 4);
    memcpy(f->vendor + 4, &id.edx, 4);
    memcpy(f->vendor + 8, &id.ecx, 4);
}

static void features_model(struct cpu_features *f, uint32_t eax)
{
    f->stepping = eax & 15;
    f->model = eax >> 4 & 15;
    f->family = eax >> 8 & 15;
    if (f->family == 6 || f->family == 15)
        f->model |= eax >> 12 & 0xf0;
    if (f->family == 15)
        f->family += eax >> 20 & 0xff;
}

static void features_basic(struct cpu_features *f)
{
    struct cpuid id = cpuid(1, 0);
    features_model(f, id.eax);
    f->cache_line = (id.ebx >> 8 & 0xff) * 8;
    f->pge = id.edx >> 13 & 1;
    f->fxsr = id.edx >> 24 & 1;
    f->xsave = id.ecx >> 26 & 1;
    f->rdrand = id.ecx >> 30 & 1;
    f->hypervisor = id.ecx >> 31 & 1;
    if (f->xsave)
        f->xsaveopt = cpuid(13, 1).eax & 1;
}

static void features_structured(struct cpu_features *f)
{
    if (cpuid(0, 0).eax < 7)
        return;
    struct cpuid id = cpuid(7, 0);
    f->fsgsbase = id.ebx & 1;
    f->smep = id.ebx >> 7 & 1;
    f->erms = id.ebx >> 9 & 1;
    f->rdseed = id.ebx >> 18 & 1;
    f->smap = id.ebx >> 20 & 1;
    f->umip = id.ecx >> 2 & 1;
    f->fsrm = id.edx >> 4 & 1;
}

static void features_extended(struct cpu_features *f)
{
    uint32_t last = cpuid(0x80000000, 0).eax;
    f->physical_bits = 36;
    f->linear_bits = 48;
    f->pages_1g = cpuid(0x80000001, 0).edx >> 26 & 1;
    if (last >= 0x80000004)
        for (uint32_t i = 0; i < 3; i++) {
            struct cpuid id = cpuid(0x80000002 + i, 0);
            memcpy(f->model_name + 16 * i, &id, sizeof id);
        }
    if (last >= 0x80000007)
        f->invariant_tsc = cpuid(0x80000007, 0).edx >> 8 & 1;
    if (last >= 0x80000008) {
        uint32_t bits = cpuid(0x80000008, 0).eax;
        f->physical_bits = bits & 0xff;
        f->linear_bits = bits >> 8 & 0xff;
    }
}

static void features_hypervisor(struct cpu_features *f)
{
    if (!f->hypervisor)
        return;
    struct cpuid id = cpuid(0x40000000, 0);
    f->emulated = !memcmp(&id.ebx, "TCGT", 4) && !memcmp(&id.ecx, "CGTC", 4);
    /* KVM and VMware tell the TSC's frequency here. */
    if (!f->emulated && id.eax >= 0x40000010 && id.eax < 0x40000100)
        f->tsc_khz = cpuid(0x40000010, 0).eax;
}

void features_init(void)
{
    struct cpu_features *f = &cpu_features;
    features_vendor(f);
    features_basic(f);
    features_structured(f);
    features_extended(f);
    features_hypervisor(f);
    f->fast_strings = f->erms && !f->emulated;
}

void features_apply_cpu(void)
{
    const struct cpu_features *f = &cpu_features;
    if (!f->fxsr)
        panic("this CPU has no FXSAVE");
    cr0_write((cr0_read() & ~(CR0_EM | CR0_TS)) | CR0_WP | CR0_NE | CR0_MP);
    uint64_t cr4 = cr4_read() | CR4_OSFXSR | CR4_OSXMMEXCPT;
    if (f->pge)
        cr4 |= CR4_PGE;
    if (f->xsave)
        cr4 |= CR4_OSXSAVE;
    if (f->smep)
        cr4 |= CR4_SMEP;
    if (f->smap)
        cr4 |= CR4_SMAP;
    if (f->umip)
        cr4 |= CR4_UMIP;
    if (f->fsgsbase)
        cr4 |= CR4_FSGSBASE;
    cr4_write(cr4);
}

/* Bits of CPUID that /proc/cpuinfo names, as Linux spells them. */
static const struct feature_name {
    uint32_t leaf;
    char reg; /* b, c or d */
    uint8_t bit;
    char name[14];
} feature_names[] = {
    {1, 'd', 0, "fpu"},
    {1, 'd', 4, "tsc"},
    {1, 'd', 5, "msr"},
    {1, 'd', 6, "pae"},
    {1, 'd', 8, "cx8"},
    {1, 'd', 9, "apic"},
    {1, 'd', 13, "pge"},
    {1, 'd', 15, "cmov"},
    {1, 'd', 19, "clflush"},
    {1, 'd', 23, "mmx"},
    {1, 'd', 24, "fxsr"},
    {1, 'd', 25, "sse"},
    {1, 'd', 26, "sse2"},
    {0x80000001, 'd', 11, "syscall"},
    {0x80000001, 'd', 20, "nx"},
    {0x80000001, 'd', 26, "pdpe1gb"},
    {0x80000001, 'd', 27, "rdtscp"},
    {0x80000001, 'd', 29, "lm"},
    {1, 'c', 0, "pni"},
    {1, 'c', 1, "pclmulqdq"},
    {1, 'c', 9, "ssse3"},
    {1, 'c', 12, "fma"},
    {1, 'c', 13, "cx16"},
    {1, 'c', 19, "sse4_1"},
    {1, 'c', 20, "sse4_2"},
    {1, 'c', 22, "movbe"},
    {1, 'c', 23, "popcnt"},
    {1, 'c', 25, "aes"},
    {1, 'c', 26, "xsave"},
    {1, 'c', 28, "avx"},
    {1, 'c', 29, "f16c"},
    {1, 'c', 30, "rdrand"},
    {1, 'c', 31, "hypervisor"},
    {7, 'b', 0, "fsgsbase"},
    {7, 'b', 3, "bmi1"},
    {7, 'b', 5, "avx2"},
    {7, 'b', 7, "smep"},
    {7, 'b', 8, "bmi2"},
    {7, 'b', 9, "erms"},
    {7, 'b', 18, "rdseed"},
    {7, 'b', 19, "adx"},
    {7, 'b', 20, "smap"},
    {7, 'b', 29, "sha_ni"},
    {7, 'c', 2, "umip"},
    {7, 'd', 4, "fsrm"},
};

void features_flags(char *buffer, unsigned long size)
{
    size_t used = 0;
    buffer[0] = '\0';
    for (size_t i = 0; i < sizeof feature_names / sizeof feature_names[0]; i++) {
        const struct feature_name *name = &feature_names[i];
        if (name->leaf == 7 && cpuid(0, 0).eax < 7)
            continue;
        struct cpuid id = cpuid(name->leaf, 0);
        uint32_t word = name->reg == 'b' ? id.ebx : name->reg == 'c' ? id.ecx : id.edx;
        if (!(word >> name->bit & 1) || used + strlen(name->name) + 2 > size)
            continue;
        used +=
            (size_t)format_text(buffer + used, size - used, "%s%s", used ? " " : "", name->name);
    }
}
