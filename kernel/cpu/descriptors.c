#include "kernel/cpu/descriptors.h"
#include "kernel/cpu/msr.h"
#include "kernel/cpu/trap.h"

static uint8_t boot_ist_stacks[IST_COUNT * IST_STACK_SIZE] __attribute__((aligned(16)));
struct cpu_arch boot_cpu_arch = {.stacks = boot_ist_stacks};

struct gate {
    uint16_t offset_low, selector;
    uint8_t ist, type;
    uint16_t offset_middle;
    uint32_t offset_high, reserved;
};
_Static_assert(sizeof(struct gate) == 16, "hardware layout");

struct table_pointer {
    uint16_t limit;
    uint64_t base;
} __attribute__((packed));

#define GATE_INTERRUPT 0x8e /* present, ring 0: interrupts go off */
#define GATE_USER      0x60 /* ring 3 may call it with INT */

/* entry.S: TRAP_STUB_SIZE bytes a vector. */
#define TRAP_STUB_SIZE 16
extern const uint8_t trap_stubs[256][TRAP_STUB_SIZE];
extern const uint8_t syscall_entry[];

static struct gate idt[256] __attribute__((aligned(16)));

static void gate_set(unsigned vector, uint8_t ist, uint8_t type)
{
    uint64_t target = (uint64_t)trap_stubs[vector];
    idt[vector] = (struct gate){
        .offset_low = (uint16_t)target,
        .selector = SELECTOR_KERNEL_CODE,
        .ist = ist,
        .type = type,
        .offset_middle = (uint16_t)(target >> 16),
        .offset_high = (uint32_t)(target >> 32),
    };
}

static void idt_build(void)
{
    for (unsigned vector = 0; vector < 256; vector++)
        gate_set(vector, 0, GATE_INTERRUPT);
    gate_set(TRAP_NMI, IST_NMI, GATE_INTERRUPT);
    gate_set(TRAP_DOUBLE, IST_DOUBLE, GATE_INTERRUPT);
    gate_set(TRAP_MACHINE, IST_MACHINE, GATE_INTERRUPT);
    gate_set(TRAP_BREAKPOINT, 0, GATE_INTERRUPT | GATE_USER);
    gate_set(TRAP_OVERFLOW, 0, GATE_INTERRUPT | GATE_USER);
}

static void gdt_build(struct cpu_arch *arch)
{
    uint64_t tss = (uint64_t)&arch->tss;
    arch->gdt[SELECTOR_KERNEL_CODE / 8] = 0x00af9b000000ffff;
    arch->gdt[SELECTOR_KERNEL_DATA / 8] = 0x00cf93000000ffff;
    /* Slot 3 is what SYSRET would use for 32-bit programs; there are none. */
    arch->gdt[SELECTOR_USER_DATA / 8] = 0x00cff3000000ffff;
    arch->gdt[SELECTOR_USER_CODE / 8] = 0x00affb000000ffff;
    arch->gdt[SELECTOR_TSS / 8] = (sizeof(struct tss) - 1) | (tss & 0xffffff) << 16 |
                                  0x89ull << 40 | (tss >> 24 & 0xff) << 56;
    arch->gdt[SELECTOR_TSS / 8 + 1] = tss >> 32;
}

/*
 * The two words above each interrupt stack's first push hold this CPU's struct cpu: entry.S finds
 * it there when it can't trust the GS base.
 */
static void tss_build(struct cpu *cpu, struct cpu_arch *arch)
{
    for (unsigned i = 0; i < IST_COUNT; i++) {
        uint64_t top = (uint64_t)arch->stacks + (i + 1) * IST_STACK_SIZE - 16;
        *(struct cpu **)top = cpu;
        arch->tss.ist[i] = top;
    }
    arch->tss.io_map = sizeof arch->tss;
}

static void segments_reload(const struct cpu_arch *arch)
{
    struct table_pointer gdtr = {sizeof arch->gdt - 1, (uint64_t)arch->gdt};
    /* Null data segments: 64-bit mode ignores them, and the GS base must not be touched. */
    __asm__ volatile("lgdt %0\n\t"
                     "pushq %1\n\t"
                     "leaq 1f(%%rip), %%rax\n\t"
                     "pushq %%rax\n\t"
                     "lretq\n"
                     "1:\tmovl %2, %%eax\n\t"
                     "movl %%eax, %%ss\n\t"
                     "xorl %%eax, %%eax\n\t"
                     "movl %%eax, %%ds\n\t"
                     "movl %%eax, %%es\n\t"
                     "ltr %w3" ::"m"(gdtr),
                     "i"(SELECTOR_KERNEL_CODE), "i"(SELECTOR_KERNEL_DATA), "r"(SELECTOR_TSS)
                     : "rax", "memory");
}

static void syscall_setup(void)
{
    msr_write(MSR_STAR,
              (uint64_t)(SELECTOR_USER_DATA - 8) << 48 | (uint64_t)SELECTOR_KERNEL_CODE << 32);
    msr_write(MSR_LSTAR, (uint64_t)syscall_entry);
    msr_write(MSR_CSTAR, 0);
    msr_write(MSR_SFMASK, RFLAGS_TF | RFLAGS_IF | RFLAGS_DF | RFLAGS_NT | RFLAGS_RF | RFLAGS_AC);
    msr_write(MSR_EFER, msr_read(MSR_EFER) | 1);
}

void trap_init_cpu(void)
{
    struct cpu *cpu = this_cpu();
    struct cpu_arch *arch = cpu->arch;
    if (cpu->id == 0)
        idt_build();
    gdt_build(arch);
    tss_build(cpu, arch);
    segments_reload(arch);
    /* No local descriptors: at reset the LDT lies at address 0, which is the user's to fill. */
    __asm__ volatile("lldt %w0" ::"r"(0));
    struct table_pointer idtr = {sizeof idt - 1, (uint64_t)idt};
    __asm__ volatile("lidt %0" ::"m"(idtr));
    syscall_setup();
}

void trap_set_kernel_stack(uint64_t top)
{
    struct cpu *cpu = this_cpu();
    cpu->syscall_frame = trap_user_frame(top);
    ((struct cpu_arch *)cpu->arch)->tss.rsp[0] = top;
}
