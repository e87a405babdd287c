/*
 * Partition tables: MBR with extended partitions, and GPT.
 */
#ifndef SLUICE_PARTITION_H
#define SLUICE_PARTITION_H

#include <oskit/error.h>
#include <oskit/types.h>
#include <sluice/blockqueue.h>

struct partition {
    unsigned number;           /* 1.. as Linux numbers them: 5.. for logical ones */
    oskit_u64_t start, length; /* bytes; whole blocks within the device */
};

/*
 * Reads the table of QUEUE and calls FOUND for each partition in order of number. A device without
 * a table has none, and so has one whose table makes no sense; single entries that lie outside the
 * device are left out, and one that reaches past its end is cut. GPT counts when its header and its
 * entries carry the right checksums, the copy at the end of the device when the first doesn't; an
 * MBR counts when its signature is there and every active flag is 0 or 0x80 (so that a file
 * system's boot sector isn't taken for one). OSKIT_EIO, OSKIT_E_OUTOFMEMORY. [thread]
 */
oskit_error_t partition_scan(sluice_blockqueue_t *queue,
                             void (*found)(void *arg, const struct partition *partition),
                             void *arg);

#endif
