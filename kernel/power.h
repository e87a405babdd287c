/* The end of the machine. */
#ifndef KERNEL_POWER_H
#define KERNEL_POWER_H

/*
 * Orderly power-off with init's exit status: writes the decimal status and a newline to the debug
 * console (port 0xe9), 0x10 to isa-debug-exit (port 0xf4); when the machine is still there, ACPI S5
 * (FADT PM1a), then halts.
 */
_Noreturn void power_off(int status);
/* Orderly, too: writes "reset" and a newline to the debug console, then resets the machine. */
_Noreturn void power_reset(void);
_Noreturn void power_halt(void);
/* The panic's end: 0x11 to isa-debug-exit, else halt. Other CPUs were stopped. */
_Noreturn void power_panic(void);

#endif
