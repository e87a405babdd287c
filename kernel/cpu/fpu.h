/*
 * FPU and vector registers: saved lazily. CR0.TS is set at a switch away from a thread; its next
 * use traps (TRAP_NO_FPU) and loads the state.
 */
#ifndef KERNEL_CPU_FPU_H
#define KERNEL_CPU_FPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void fpu_init_cpu(void);
size_t fpu_area_size(
    void); /* bytes of a save area, aligned to 64 (XSAVE when the CPU has it, FXSAVE otherwise) */
uint64_t fpu_features(void);    /* XCR0, or 0 */
void fpu_area_init(void *area); /* the initial state */
/* After an x87 or SIMD exception of the current thread: the ABI_FPE_ code of its cause. [thread] */
int fpu_error_code(bool simd);
struct thread;
/* At a switch from PREV: saves its registers if this CPU holds them live, sets TS. Preemption off.
 */
void fpu_switch_from(struct thread *prev);
/* TRAP_NO_FPU from user mode: loads the current thread's state. */
void fpu_trap(void);
/* Brings the current thread's state into its save area, which may then be read or written until the
 * thread is back in user mode (fork, signal frames), or drops the live copy
 * so that the area is reloaded (sigreturn, exec). */
void fpu_flush_current(void);
void fpu_reload_current(void);
/* Signal frames: writes the standard XSAVE/FXSAVE image of the current thread to kernel buffer /
 * checks and takes one back. SIZE = fpu_area_size(). false when the image is malformed. */
bool fpu_area_valid(const void *area, size_t size);

#endif
