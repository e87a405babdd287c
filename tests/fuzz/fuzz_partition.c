/* Partition tables: the input is the first and the last blocks of a disk. What is found must lie on
 * the disk, and the search must end. */
#include "fuzz.h"
#include <sluice/block.h>
#include <sluice/partition.h>

#define DISK (1u << 20)
#define HEAD 2048u /* of the input, at the disk's start; the rest lies at its end */

static void found(void *arg, const struct partition *partition)
{
    unsigned *count = arg;

    assert_true(partition->number > 0);
    assert_true(partition->length > 0 && partition->length <= DISK);
    assert_true(partition->start <= DISK - partition->length);
    (*count)++;
}

static void put(oskit_blkio_t *disk, const uint8_t *bytes, size_t size, oskit_off_t offset)
{
    oskit_size_t actual;
    size_t whole = (size + 511) / 512 * 512;
    uint8_t *blocks = calloc(1, whole + 1);

    memcpy(blocks, bytes, size);
    assert_int_equal(oskit_blkio_write(disk, blocks, offset, whole, &actual), 0);
    free(blocks);
}

void fuzz_one(const uint8_t *bytes, size_t size)
{
    size_t head = size < HEAD ? size : HEAD, tail = size - head;
    sluice_blockqueue_t *queue;
    oskit_blkio_t *disk;
    unsigned count = 0;

    assert_int_equal(ramdisk_create(DISK, 512, &disk), 0);
    put(disk, bytes, head, 0);
    if (tail != 0)
        put(disk, bytes + head, tail, DISK - (tail + 511) / 512 * 512);
    queue = sluice_query_face(disk, &sluice_blockqueue_iid);
    oskit_blkio_release(disk);
    assert_int_equal(partition_scan(queue, found, &count), 0);
    sluice_blockqueue_release(queue);
}
