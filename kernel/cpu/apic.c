/*
 * The local APIC, through its registers in memory, or through MSRs where firmware has left it in
 * x2APIC mode (from which there is no way back).
 */
#include "kernel/cpu/apic.h"
#include "kernel/cpu/acpi.h"
#include "kernel/cpu/msr.h"
#include "kernel/cpu/percpu.h"
#include "kernel/cpu/port.h"
#include "kernel/cpu/trap.h"
#include "kernel/log.h"
#include "kernel/mem/vmap.h"

#define REG_ID            0x020
#define REG_TASK_PRIORITY 0x080
#define REG_EOI           0x0b0
#define REG_SPURIOUS      0x0f0
#define REG_COMMAND       0x300
#define REG_COMMAND_HIGH  0x310
#define REG_LVT_TIMER     0x320
#define REG_LVT_PERF      0x340
#define REG_LVT_LINT0     0x350
#define REG_LVT_LINT1     0x360
#define REG_LVT_ERROR     0x370
#define REG_TIMER_INITIAL 0x380
#define REG_TIMER_CURRENT 0x390
#define REG_TIMER_DIVIDE  0x3e0

#define SPURIOUS_ENABLE 0x100u
#define LVT_MASKED      0x10000u
#define LVT_NMI         0x400u
#define DIVIDE_BY_1     0xbu
#define COMMAND_NMI     0x400u
#define COMMAND_ASSERT  0x4000u
#define COMMAND_PENDING 0x1000u
#define TO_ALL_OTHERS   0xc0000u

#define APIC_BASE_X2APIC 0x400u
#define APIC_BASE_ENABLE 0x800u

static volatile uint32_t *apic_registers;
static bool x2apic;
/* Timer ticks a nanosecond, 32 bits of fraction. */
static uint64_t timer_mult;

static uint32_t apic_read(unsigned reg)
{
    return x2apic ? (uint32_t)msr_read(0x800 + (reg >> 4)) : apic_registers[reg / 4];
}

static void apic_write(unsigned reg, uint32_t value)
{
    if (x2apic)
        msr_write(0x800 + (reg >> 4), value);
    else
        apic_registers[reg / 4] = value;
}

/* ---- Set-up ---- */

/* The two 8259s: moved away from the exceptions' vectors, then every line masked. */
static void pic_disable(void)
{
    static const struct {
        uint16_t port;
        uint8_t value;
    } steps[] = {
        {0x20, 0x11}, {0xa0, 0x11}, {0x21, 0x20}, {0xa1, 0x28}, {0x21, 0x04},
        {0xa1, 0x02}, {0x21, 0x01}, {0xa1, 0x01}, {0x21, 0xff}, {0xa1, 0xff},
    };
    for (unsigned i = 0; i < sizeof steps / sizeof steps[0]; i++)
        port_out8(steps[i].port, steps[i].value);
}

void apic_init_cpu(void)
{
    msr_write(MSR_APIC_BASE, msr_read(MSR_APIC_BASE) | APIC_BASE_ENABLE);
    apic_write(REG_SPURIOUS, SPURIOUS_ENABLE | TRAP_SPURIOUS);
    apic_write(REG_TASK_PRIORITY, 0);
    apic_write(REG_LVT_TIMER, LVT_MASKED | TRAP_TIMER);
    apic_write(REG_TIMER_DIVIDE, DIVIDE_BY_1);
    apic_write(REG_LVT_LINT0, LVT_MASKED);
    apic_write(REG_LVT_LINT1, this_cpu()->id == 0 ? LVT_NMI : LVT_MASKED);
    apic_write(REG_LVT_PERF, LVT_MASKED);
    apic_write(REG_LVT_ERROR, LVT_MASKED | TRAP_SPURIOUS);
    apic_write(REG_EOI, 0);
    if (timer_mult)
        apic_write(REG_LVT_TIMER, TRAP_TIMER);
    uint32_t id = apic_read(REG_ID);
    this_cpu()->apic_id = x2apic ? id : id >> 24;
}

void apic_init(void)
{
    pic_disable();
    x2apic = msr_read(MSR_APIC_BASE) & APIC_BASE_X2APIC;
    if (!x2apic)
        apic_registers = vmap_device(acpi.local_apic, 4096);
    if (!x2apic && !apic_registers)
        panic("apic: can't map the local APIC");
    apic_init_cpu();
    ioapic_init();
}

void apic_eoi(void)
{
    apic_write(REG_EOI, 0);
}

/* ---- Timer ---- */

void apic_timer_measure(void)
{
    apic_write(REG_TIMER_INITIAL, UINT32_MAX);
}

void apic_timer_measured(uint64_t ns)
{
    uint64_t ticks = UINT32_MAX - apic_read(REG_TIMER_CURRENT);
    apic_write(REG_TIMER_INITIAL, 0);
    timer_mult = (ticks << 32) / ns;
    if (!timer_mult)
        panic("apic: the local timer doesn't count");
    apic_write(REG_LVT_TIMER, TRAP_TIMER);
    log_write(LOG_DEBUG, "apic: timer %lu kHz", ticks * 1000000 / ns);
}

void apic_timer_arm(uint64_t ns)
{
    if (!ns) {
        apic_write(REG_TIMER_INITIAL, 0);
        return;
    }
    unsigned __int128 ticks = (((unsigned __int128)ns * timer_mult) >> 32) + 1;
    apic_write(REG_TIMER_INITIAL, ticks > UINT32_MAX ? UINT32_MAX : (uint32_t)ticks);
}

/* ---- Inter-processor interrupts ---- */

/* Interrupts off meanwhile: the two halves of the register belong together. */
static void apic_command(uint32_t apic_id, uint32_t command)
{
    uint64_t flags = interrupts_save();
    if (x2apic) {
        msr_write(0x800 + (REG_COMMAND >> 4), (uint64_t)apic_id << 32 | command);
    } else {
        while (apic_read(REG_COMMAND) & COMMAND_PENDING)
            cpu_pause();
        apic_write(REG_COMMAND_HIGH, apic_id << 24);
        apic_write(REG_COMMAND, command);
    }
    interrupts_restore(flags);
}

void apic_send(uint32_t cpu, unsigned vector)
{
    apic_command(cpus[cpu]->apic_id, COMMAND_ASSERT | vector);
}

void apic_send_others(unsigned vector)
{
    apic_command(0, TO_ALL_OTHERS | COMMAND_ASSERT | vector);
}

void apic_send_others_nmi(void)
{
    apic_command(0, TO_ALL_OTHERS | COMMAND_ASSERT | COMMAND_NMI);
}

void apic_send_start(uint32_t apic_id, uint32_t command)
{
    apic_command(apic_id, COMMAND_ASSERT | command);
}
