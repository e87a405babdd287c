#include "kernel/cpu/percpu.h"
#include "kernel/cpu/descriptors.h"
#include "kernel/cpu/msr.h"

/* Apart from everything else: written at every lock and interrupt. */
static struct cpu boot_cpu __attribute__((aligned(128)));

struct cpu *cpus[CPU_MAX] = {&boot_cpu};
uint32_t cpu_count = 1;

void percpu_init(struct cpu *cpu, uint32_t id, void *arch)
{
    cpu->self = cpu;
    cpu->id = id;
    cpu->preempt = PREEMPT_NOTHING;
    cpu->arch = arch;
    list_init(&cpu->deferred);
}

void percpu_load(struct cpu *cpu)
{
    msr_write(MSR_GS_BASE, (uint64_t)cpu);
    msr_write(MSR_KERNEL_GS_BASE, 0);
}

void percpu_init_boot(void)
{
    percpu_init(&boot_cpu, 0, &boot_cpu_arch);
    percpu_load(&boot_cpu);
    boot_cpu.online = true;
}
