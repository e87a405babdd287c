#include "kernel/power.h"
#include "kernel/capture.h"
#include "kernel/cpu/acpi.h"
#include "kernel/cpu/percpu.h"
#include "kernel/cpu/port.h"
#include "kernel/cpu/smp.h"
#include "kernel/log.h"
#include "kernel/mem/heap.h"

#define PORT_DEBUG_CONSOLE 0xe9
#define PORT_DEBUG_EXIT    0xf4 /* QEMU's isa-debug-exit: ends with status 2 * value + 1 */
#define EXIT_OFF           0x10
#define EXIT_PANIC         0x11

#define PM1_SLEEP_ENABLE (1u << 13)

static void debug_console(const char *text)
{
    for (; *text; text++)
        port_out8(PORT_DEBUG_CONSOLE, (uint8_t)*text);
}

static void power_acpi_off(void)
{
    if (!acpi.has_s5)
        return;
    port_out16(acpi.pm1a_control, (uint16_t)(acpi.s5_type_a << 10 | PM1_SLEEP_ENABLE));
    if (acpi.pm1b_control)
        port_out16(acpi.pm1b_control, (uint16_t)(acpi.s5_type_b << 10 | PM1_SLEEP_ENABLE));
}

void power_off(int status)
{
    char text[16];
    format_text(text, sizeof text, "%d\n", status);
    capture_finish();
    heap_report();
    interrupts_save();
    smp_stop_others();
    log_drain();
    debug_console(text);
    port_out8(PORT_DEBUG_EXIT, EXIT_OFF);
    power_acpi_off();
    log_write(LOG_NOTICE, "power: this machine can't switch itself off; you may do it now");
    power_halt();
}

/* Told before, so that it is not taken for a triple fault. By the chipset's reset register, then
 * the keyboard controller, then a fault without handlers. */
void power_reset(void)
{
    capture_finish();
    interrupts_save();
    smp_stop_others();
    log_drain();
    debug_console("reset\n");
    port_out8(0xcf9, 0x02);
    port_out8(0xcf9, 0x06);
    for (int i = 0; i < 10000 && port_in8(0x64) & 2; i++)
        cpu_pause();
    port_out8(0x64, 0xfe);
    static const struct {
        uint16_t limit;
        uint64_t base;
    } __attribute__((packed)) nothing;
    __asm__ volatile("lidt %0; int3" ::"m"(nothing));
    power_halt();
}

void power_halt(void)
{
    interrupts_save();
    smp_stop_others();
    for (;;)
        __asm__ volatile("hlt");
}

void power_panic(void)
{
    log_drain();
    port_out8(PORT_DEBUG_EXIT, EXIT_PANIC);
    for (;;)
        __asm__ volatile("cli; hlt");
}
