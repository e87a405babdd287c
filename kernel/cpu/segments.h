/*
 * The user's FS and GS bases across thread switches. With FSGSBASE programs change them without
 * telling us, so they are read back; otherwise the thread's fields, written by arch_prctl, are the
 * truth. In the kernel the user's GS base waits in the swapped MSR.
 */
#ifndef KERNEL_CPU_SEGMENTS_H
#define KERNEL_CPU_SEGMENTS_H

#include "kernel/cpu/features.h"
#include "kernel/task/thread.h"

#define MSR_FS_BASE        0xc0000100u
#define MSR_KERNEL_GS_BASE 0xc0000102u

static inline void msr_write(uint32_t msr, uint64_t value)
{
    __asm__ volatile("wrmsr" ::"c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
                     : "memory");
}

static inline uint64_t msr_read(uint32_t msr)
{
    uint32_t low, high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
    return (uint64_t)high << 32 | low;
}

static inline void segments_save(struct thread *thread)
{
    if (!cpu_features.fsgsbase)
        return;
    __asm__ volatile("rdfsbase %0" : "=r"(thread->fs_base));
    thread->gs_base = msr_read(MSR_KERNEL_GS_BASE);
}

static inline void segments_load(const struct thread *thread)
{
    if (cpu_features.fsgsbase)
        __asm__ volatile("wrfsbase %0" ::"r"(thread->fs_base));
    else
        msr_write(MSR_FS_BASE, thread->fs_base);
    msr_write(MSR_KERNEL_GS_BASE, thread->gs_base);
}

#endif
