/* The files of /proc that tell of the system as a whole. */
#ifndef KERNEL_PROC_SYSTEM_H
#define KERNEL_PROC_SYSTEM_H

#include "kernel/proc/entry.h"

/* system.c */
proc_show proc_show_command_line, proc_show_devices, proc_show_filesystems, proc_show_loadavg,
    proc_show_nothing, proc_show_swaps, proc_show_version;
/* sysvipc.c */
proc_show proc_show_messages, proc_show_segments, proc_show_semaphores;
/* meminfo.c */
proc_show proc_show_meminfo, proc_show_vmstat;
/* cpu.c */
proc_show proc_show_cpuinfo, proc_show_cpu_times, proc_show_interrupts, proc_show_uptime;

#endif
