/* The insides of a virtio disk, behind a fake_virtio: sectors in memory, and what was asked. */
#ifndef TESTS_HOST_FAKE_DISK_H
#define TESTS_HOST_FAKE_DISK_H

#include "fake_virtio.h"

#define FAKE_DISK_SERIAL "fake disk"

struct fake_disk {
    struct fake_virtio virtio;
    uint8_t *bytes;
    uint64_t size;
    uint64_t bad_sector;  /* reads and writes of it fail; UINT64_MAX: none */
    uint64_t lost_sector; /* reads that begin there are never answered; UINT64_MAX: none */
    bool refuse;          /* everything is unsupported */
    uint32_t lie;         /* added to the lengths it says it wrote */
    unsigned reads, writes, flushes, discards, zeroes, ids;
    unsigned unflushed; /* writes since the last flush */
    uint32_t zeroes_flags;
};

/* A disk of SIZE bytes that offers FEATURES (blk.h's BLK_F_*), 4 queues with MQ, with a
 * configuration that a test may change before it attaches it. */
void fake_disk_init(struct fake_disk *disk, uint64_t size, uint64_t features);
void fake_disk_free(struct fake_disk *disk);

#endif
