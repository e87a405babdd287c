/*
 * Starting and stopping the other CPUs. They are started one after another, so one set of variables
 * passes each its stack and its struct cpu.
 */
#include "kernel/cpu/smp.h"
#include <stdatomic.h>
#include <sluice/string.h>
#include "kernel/boot_info.h"
#include "kernel/cpu/acpi.h"
#include "kernel/cpu/apic.h"
#include "kernel/cpu/clock.h"
#include "kernel/cpu/descriptors.h"
#include "kernel/cpu/features.h"
#include "kernel/cpu/fpu.h"
#include "kernel/cpu/msr.h"
#include "kernel/cpu/trap.h"
#include "kernel/log.h"
#include "kernel/mem/pages.h"
#include "kernel/mem/vmap.h"
#include "kernel/task/thread.h"

/* Low memory is reserved by kernel/mem; this page of it is ours. STARTUP takes its number. */
#define TRAMPOLINE_PAGE 0x8u

#define INIT_WAIT_NS    10000000ull /* real CPUs of old need it between INIT and STARTUP */
#define STARTUP_WAIT_NS 200000ull
#define ONLINE_WAIT_NS  1000000000ull
#define STOP_WAIT_NS    10000000ull

/* boot/trampoline.S */
extern const uint8_t trampoline_start[], trampoline_end[];
uint64_t smp_start_tables, smp_start_stack;
struct cpu *smp_start_cpu;
_Noreturn void smp_cpu_main(struct cpu *cpu);

static _Atomic bool arrived; /* the CPU being started runs our C code */
static _Atomic bool stopping;
static _Atomic uint32_t stopped_count;

_Noreturn void smp_cpu_main(struct cpu *cpu)
{
    percpu_load(cpu);
    atomic_store(&arrived, true);
    features_apply_cpu();
    trap_init_cpu();
    apic_init_cpu();
    fpu_init_cpu();
    sched_cpu_main();
}

/* What a CPU needs: interrupt stacks, struct cpu and cpu_arch behind them, and the idle thread's
 * stack. NULL: no memory. */
static struct cpu *smp_cpu_alloc(uint32_t id)
{
    struct area {
        uint8_t stacks[IST_COUNT * IST_STACK_SIZE];
        struct cpu cpu __attribute__((aligned(128)));
        struct cpu_arch arch __attribute__((aligned(128)));
    } * area;
    _Static_assert(sizeof *area <= 8 * PAGE_SIZE, "order 3");
    area = page_alloc(3, PAGES_ZERO);
    if (!area)
        return NULL;
    void *stack = vmap_stack_alloc(THREAD_STACK_SIZE);
    if (!stack) {
        page_unref(area);
        return NULL;
    }
    area->arch.stacks = area->stacks;
    percpu_init(&area->cpu, id, &area->arch);
    smp_start_stack = (uint64_t)stack + THREAD_STACK_SIZE;
    return &area->cpu;
}

static bool smp_wait(volatile bool *online, uint64_t ns)
{
    uint64_t end = clock_monotonic() + ns;
    while (!(online ? *online : atomic_load(&arrived))) {
        if (clock_monotonic() > end)
            return false;
        cpu_pause();
    }
    return true;
}

static bool smp_start_cpu_at(uint32_t apic_id, struct cpu *cpu)
{
    smp_start_cpu = cpu;
    atomic_store(&arrived, false);
    apic_send_start(apic_id, APIC_INIT);
    if (!cpu_features.hypervisor)
        clock_spin(INIT_WAIT_NS);
    apic_send_start(apic_id, APIC_STARTUP | TRAMPOLINE_PAGE);
    if (!smp_wait(NULL, STARTUP_WAIT_NS))
        apic_send_start(apic_id, APIC_STARTUP | TRAMPOLINE_PAGE);
    return smp_wait(NULL, ONLINE_WAIT_NS) && smp_wait(&cpu->online, ONLINE_WAIT_NS);
}

/* A CPU that doesn't answer keeps what it was given: it may wake late. No further one is tried, for
 * it would share the variables. */
static bool smp_start_one(uint32_t apic_id)
{
    struct cpu *cpu = smp_cpu_alloc(cpu_count);
    if (!cpu) {
        log_write(LOG_ERROR, "smp: no memory for another CPU");
        return false;
    }
    cpus[cpu->id] = cpu;
    if (!smp_start_cpu_at(apic_id, cpu)) {
        log_write(LOG_ERROR, "smp: CPU with APIC id %u doesn't answer", apic_id);
        return false;
    }
    cpu_count++;
    return true;
}

void smp_start(void)
{
    uint64_t most = command_number("maxcpus", CPU_MAX);
    memcpy(physical_page(TRAMPOLINE_PAGE << PAGE_SHIFT), trampoline_start,
           (size_t)(trampoline_end - trampoline_start));
    smp_start_tables = cr3_read();
    for (uint32_t i = 0; i < acpi.cpu_count && cpu_count < most && cpu_count < CPU_MAX; i++)
        if (acpi.apic_ids[i] != cpus[0]->apic_id && !smp_start_one(acpi.apic_ids[i]))
            break;
    log_write(LOG_INFO, "smp: %u CPU%s", cpu_count, cpu_count == 1 ? "" : "s");
}

/* ---- Stopping ---- */

bool smp_stopping(void)
{
    return atomic_load(&stopping);
}

void smp_stopped(void)
{
    atomic_fetch_add(&stopped_count, 1);
    for (;;)
        __asm__ volatile("cli; hlt");
}

/* By NMI, for a CPU may loop with interrupts off. When two CPUs order at once, the later one is
 * stopped too. */
void smp_stop_others(void)
{
    if (cpu_count == 1)
        return;
    if (atomic_exchange(&stopping, true))
        return;
    apic_send_others_nmi();
    uint64_t end = clock_monotonic() + STOP_WAIT_NS;
    while (atomic_load(&stopped_count) < cpu_count - 1 && clock_monotonic() < end)
        cpu_pause();
}
