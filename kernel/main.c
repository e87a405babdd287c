/*
 * Boot order. Everything before thread_run runs on the boot CPU's boot stack with interrupts off;
 * what needs threads (drivers, the root file system, init) happens in kernel_start
 * (kernel/start.c).
 */
#include "kernel/boot_info.h"
#include "kernel/cpu/acpi.h"
#include "kernel/cpu/apic.h"
#include "kernel/cpu/clock.h"
#include "kernel/cpu/features.h"
#include "kernel/cpu/fpu.h"
#include "kernel/cpu/irq.h"
#include "kernel/cpu/percpu.h"
#include "kernel/cpu/smp.h"
#include "kernel/cpu/trap.h"
#include "kernel/lib/string.h"
#include "kernel/log.h"
#include "kernel/mem/heap.h"
#include "kernel/mem/pages.h"
#include "kernel/mem/space.h"
#include "kernel/mem/vmap.h"
#include "kernel/start.h"
#include "kernel/task/sched.h"
#include "kernel/task/thread.h"

_Noreturn void kernel_main(uint32_t magic, uint64_t info);

static void cpu_init(void)
{
    features_init();
    features_apply_cpu();
    trap_init_cpu();
    fpu_init_cpu();
    string_init(cpu_features.fast_strings);
}

/* The boot stack has no guard page, and the idle thread's is where interrupts find the boot CPU
 * most of the time. */
static _Noreturn void become_idle(void)
{
    void *stack = vmap_stack_alloc(THREAD_STACK_SIZE);
    if (!stack)
        panic("no memory for a stack");
    __asm__ volatile("movq %0, %%rsp\n\t"
                     "xorl %%ebp, %%ebp\n\t"
                     "call sched_idle_enter" ::"r"((char *)stack + THREAD_STACK_SIZE)
                     : "memory");
    __builtin_unreachable();
}

/* Called by boot/entry32.S with what the loader left in EAX and EBX. */
_Noreturn void kernel_main(uint32_t magic, uint64_t info)
{
    percpu_init_boot(); /* this_cpu(), spinlocks */
    log_init();         /* words */
    cpu_init();         /* from here on faults panic instead of resetting the machine */
    log_write(LOG_INFO, "Sluice on %s", cpu_features.model_name);
    boot_info_parse(magic, info); /* command line, memory map, initial RAM disk */
    log_set_console_level((int)command_number("loglevel", LOG_INFO));
    pages_init(); /* the kernel's own page tables, the page allocator */
    heap_init();
    vmap_init();  /* device memory, stacks */
    space_init(); /* user address spaces */
    acpi_init();  /* which CPUs, interrupt controllers, clocks there are */
    apic_init();
    irq_init();
    clock_init();
    sched_init(); /* this becomes the boot CPU's idle thread; its timers */
    smp_start();
    if (thread_run("start", kernel_start, NULL))
        panic("no memory for the first thread");
    become_idle();
}
