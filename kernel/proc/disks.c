/* /proc/partitions and /proc/diskstats: a line for each disk and partition. */
#include "kernel/proc/disks.h"
#include <sluice/device.h>

#define SECTOR 512u /* the unit of both files, whatever the device's block is */

static bool partition_show(void *arg, const struct disk_entry *entry)
{
    synth_printf(arg, "%4u %8u %10llu %s\n", DEVICE_MAJOR(entry->number),
                 DEVICE_MINOR(entry->number), (unsigned long long)entry->limits.size / 1024,
                 entry->name);
    return true;
}

oskit_error_t proc_show_partitions(oskit_u64_t key, struct synth_text *text)
{
    (void)key;
    synth_printf(text, "major minor  #blocks  name\n\n");
    disk_each(partition_show, text);
    return OSKIT_SUCCESS;
}

/* Requests, merged ones (the caches join pages before they ask, so none), sectors, milliseconds. */
static void counts_show(struct synth_text *text, const struct block_statistics *s, enum block_op op)
{
    synth_printf(text, " %8llu 0 %8llu %8llu", (unsigned long long)s->op[op].requests,
                 (unsigned long long)s->op[op].bytes / SECTOR,
                 (unsigned long long)s->op[op].nanoseconds / 1000000);
}

/* Linux's order (Documentation/admin-guide/iostats): reads, writes, in flight, time busy, weighted
 * time, discards, flushes. */
void disk_statistics_show(struct synth_text *text, const struct block_statistics *s)
{
    unsigned long long busy = 0;
    for (unsigned op = 0; op < BLOCK_OP_COUNT; op++)
        busy += s->op[op].nanoseconds / 1000000;
    counts_show(text, s, BLOCK_READ);
    counts_show(text, s, BLOCK_WRITE);
    synth_printf(text, " %8u %8llu %8llu", s->in_flight, busy, busy);
    counts_show(text, s, BLOCK_DISCARD);
    synth_printf(text, " %8llu %8llu\n", (unsigned long long)s->op[BLOCK_FLUSH].requests,
                 (unsigned long long)s->op[BLOCK_FLUSH].nanoseconds / 1000000);
}

static bool diskstats_show(void *arg, const struct disk_entry *entry)
{
    synth_printf(arg, "%4u %7u %s", DEVICE_MAJOR(entry->number), DEVICE_MINOR(entry->number),
                 entry->name);
    disk_statistics_show(arg, &entry->statistics);
    return true;
}

oskit_error_t proc_show_diskstats(oskit_u64_t key, struct synth_text *text)
{
    (void)key;
    disk_each(diskstats_show, text);
    return OSKIT_SUCCESS;
}
