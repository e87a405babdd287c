/*
 * The user's FS and GS bases across thread switches. With FSGSBASE programs change them without
 * telling us, so they are read back; otherwise the thread's fields, written by arch_prctl, are the
 * truth. In the kernel the user's GS base waits in the swapped MSR.
 */
#ifndef KERNEL_CPU_SEGMENTS_H
#define KERNEL_CPU_SEGMENTS_H

#include "kernel/cpu/features.h"
#include "kernel/cpu/msr.h"
#include "kernel/task/thread.h"

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
