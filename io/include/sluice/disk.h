/*
 * Disks: what a driver registers when it has found one. A disk gets a name and nodes in /dev, for
 * itself and for each partition in its table.
 */
#ifndef SLUICE_DISK_H
#define SLUICE_DISK_H

#include <stdbool.h>
#include <oskit/com.h>
#include <oskit/error.h>
#include <oskit/types.h>
#include <sluice/blockqueue.h>

/*
 * How a kind of disk is named and numbered. Minor numbers go up by MINORS a disk: the disk itself
 * and its partitions 1 to MINORS - 1; partitions beyond have no node.
 */
struct disk_family {
    const char *prefix; /* "vd" */
    bool letters;       /* vda, vdb .. vdz, vdaa; or ram0, ram1 .. (whose partitions are ram0p1) */
    unsigned major, minors;
};
extern const struct disk_family disk_virtio; /* vda: 254, 16 */
extern const struct disk_family disk_ram;    /* ram0: 1, 1: no partitions */

#define DISK_NAME_MAX   32
#define DISK_SERIAL_MAX 20 /* virtio's GET_ID; not NUL-terminated when all are used */

struct disk;

/*
 * Registers QUEUE (which gains a reference) under the family's first free name, reads its partition
 * table, and makes the nodes. SERIAL may be NULL. OSKIT_E_OUTOFMEMORY, OSKIT_ENOSPC (no numbers
 * left). A disk whose table can't be read has no partitions. [thread]
 */
oskit_error_t disk_register(const struct disk_family *family, sluice_blockqueue_t *queue,
                            const char *serial, struct disk **out);
/* The disk is gone: its nodes disappear. Those who have it open keep their objects, whose requests
 * the driver answers with OSKIT_EIO. [thread] */
void disk_unregister(struct disk *disk);

/* One line of /proc/partitions and /proc/diskstats. */
struct disk_entry {
    const char *name;
    const char *disk;   /* name of the whole disk; NAME itself for one */
    const char *serial; /* of the disk, NUL-terminated, perhaps empty */
    oskit_u32_t number; /* device number */
    unsigned partition; /* 0: the whole */
    oskit_u64_t start;  /* of a partition, bytes from the start of the disk */
    struct block_limits limits;
    struct block_statistics statistics;
};
/* Calls SHOW for each disk, followed by its partitions, until it returns false. SHOW must not
 * register, unregister nor open. [thread] */
void disk_each(bool (*show)(void *arg, const struct disk_entry *entry), void *arg);

#endif
