/* What /proc and /sys say of disks. */
#ifndef KERNEL_PROC_DISKS_H
#define KERNEL_PROC_DISKS_H

#include <sluice/disk.h>
#include "kernel/proc/entry.h"

proc_show proc_show_partitions, proc_show_diskstats;

/* The columns after a disk's name in diskstats, which its stat file in /sys has too. */
void disk_statistics_show(struct synth_text *text, const struct block_statistics *statistics);

#endif
