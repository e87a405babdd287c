/*
 * Lazy FPU switching. The registers are live while a thread uses them between its first FPU
 * instruction in a stretch on the CPU and the switch away from it; the switch saves them and sets
 * CR0.TS. When the same thread comes back to the same CPU and nobody else used the FPU there, its
 * trap only clears TS.
 *
 * Everything here concerns this CPU and its current thread, with preemption or interrupts off; no
 * locks.
 */
#include "kernel/cpu/fpu.h"
#include <sluice/string.h>
#include "kernel/abi/signal.h"
#include "kernel/cpu/descriptors.h"
#include "kernel/cpu/features.h"
#include "kernel/cpu/msr.h"
#include "kernel/log.h"
#include "kernel/task/thread.h"

#define XCR0_X87 1u
#define XCR0_SSE 2u
#define XCR0_AVX 4u

#define FXSAVE_SIZE     512u
#define FCW_INITIAL     0x37f
#define MXCSR_INITIAL   0x1f80u
#define MXCSR_MASK_SOME 0xffbfu /* what CPUs have that don't tell */

/* The parts of the save area that we look at. */
struct fpu_image {
    uint16_t fcw, fsw;
    uint8_t skipped[20];
    uint32_t mxcsr, mxcsr_mask;
    uint8_t registers[480];
    uint64_t xstate_bv, xcomp_bv, reserved[6]; /* XSAVE only */
};
_Static_assert(offsetof(struct fpu_image, mxcsr) == 24 &&
                   offsetof(struct fpu_image, xstate_bv) == FXSAVE_SIZE,
               "hardware layout");

static uint64_t xcr0;
static size_t area_size = FXSAVE_SIZE;
static uint32_t mxcsr_allowed = MXCSR_MASK_SOME;

static void ts_clear(void)
{
    __asm__ volatile("clts" ::: "memory");
}

static void ts_set(void)
{
    cr0_write(cr0_read() | CR0_TS);
}

static bool *fpu_live(void)
{
    return &((struct cpu_arch *)this_cpu()->arch)->fpu_live;
}

static void area_save(void *area)
{
    if (xcr0)
        __asm__ volatile("xsave64 (%0)" ::"r"(area), "a"((uint32_t)xcr0), "d"(0) : "memory");
    else
        __asm__ volatile("fxsave64 (%0)" ::"r"(area) : "memory");
}

static void area_load(const void *area)
{
    if (xcr0)
        __asm__ volatile("xrstor64 (%0)" ::"r"(area), "a"((uint32_t)xcr0), "d"(0) : "memory");
    else
        __asm__ volatile("fxrstor64 (%0)" ::"r"(area) : "memory");
}

/* ---- Set-up ---- */

static void fpu_find_mask(void)
{
    static struct fpu_image image __attribute__((aligned(64)));
    __asm__ volatile("fxsave64 %0" : "=m"(image));
    if (image.mxcsr_mask)
        mxcsr_allowed = image.mxcsr_mask;
}

void fpu_init_cpu(void)
{
    ts_clear();
    __asm__ volatile("fninit");
    if (cpu_features.xsave) {
        xcr0 = cpuid(13, 0).eax & (XCR0_X87 | XCR0_SSE | XCR0_AVX);
        __asm__ volatile("xsetbv" ::"a"((uint32_t)xcr0), "d"(0), "c"(0));
        area_size = cpuid(13, 0).ebx;
    }
    if (this_cpu()->id == 0)
        fpu_find_mask();
    ts_set();
}

/* The registers are no longer live: what was not saved before is lost, unless the area is used
 * again as it is. Preemption off. */
static void fpu_drop(void)
{
    if (*fpu_live()) {
        *fpu_live() = false;
        ts_set();
    }
}

size_t fpu_area_size(void)
{
    return (area_size + 63) & ~63ul;
}

uint64_t fpu_features(void)
{
    return xcr0;
}

void fpu_area_init(void *area)
{
    struct fpu_image *image = area;
    struct thread *thread = current_thread();
    if (thread && thread->fpu_area == area)
        fpu_reload_current();
    memset(area, 0, fpu_area_size());
    image->fcw = FCW_INITIAL;
    image->mxcsr = MXCSR_INITIAL;
    image->mxcsr_mask = mxcsr_allowed;
    if (xcr0)
        image->xstate_bv = XCR0_X87 | XCR0_SSE;
}

/* ---- Switching ---- */

void fpu_switch_from(struct thread *prev)
{
    if (!*fpu_live())
        return;
    area_save(prev->fpu_area);
    *fpu_live() = false;
    ts_set();
}

void fpu_trap(void)
{
    struct cpu *cpu = this_cpu();
    struct thread *thread = current_thread();
    ts_clear();
    if (cpu->fpu_owner != thread || thread->fpu_cpu != cpu->id)
        area_load(thread->fpu_area);
    cpu->fpu_owner = thread;
    thread->fpu_cpu = cpu->id;
    *fpu_live() = true;
}

/* Not live afterwards, so that a switch can't write over what the caller does to the area. The
 * registers still match it: the thread's next use reloads nothing, unless fpu_reload_current is
 * called. */
void fpu_flush_current(void)
{
    preempt_disable();
    if (*fpu_live())
        area_save(current_thread()->fpu_area);
    fpu_drop();
    preempt_enable();
}

void fpu_reload_current(void)
{
    preempt_disable();
    current_thread()->fpu_cpu = CPU_MAX;
    fpu_drop();
    preempt_enable();
}

/* ---- What user programs give and get ---- */

bool fpu_area_valid(const void *area, size_t size)
{
    const struct fpu_image *image = area;
    if (size < fpu_area_size() || image->mxcsr & ~mxcsr_allowed)
        return false;
    if (!xcr0)
        return true;
    uint64_t reserved = 0;
    for (unsigned i = 0; i < sizeof image->reserved / sizeof image->reserved[0]; i++)
        reserved |= image->reserved[i];
    return !(image->xstate_bv & ~xcr0) && !image->xcomp_bv && !reserved;
}

int fpu_error_code(bool simd)
{
    fpu_flush_current();
    const struct fpu_image *image = current_thread()->fpu_area;
    unsigned raised = simd ? image->mxcsr & ~(image->mxcsr >> 7) : image->fsw & ~image->fcw;
    if (raised & 1)
        return ABI_FPE_FLTINV;
    if (raised & 4)
        return ABI_FPE_FLTDIV;
    if (raised & 8)
        return ABI_FPE_FLTOVF;
    if (raised & (2 | 16))
        return ABI_FPE_FLTUND;
    return raised & 32 ? ABI_FPE_FLTRES : ABI_FPE_FLTINV;
}
