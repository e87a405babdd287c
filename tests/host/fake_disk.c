#include "fake_disk.h"
#include <stdlib.h>
#include <string.h>
#include "drivers/virtio/blk.h"
#include "env.h"

static void config_set(struct fake_disk *disk, unsigned offset, unsigned width, uint64_t value)
{
    memcpy(disk->virtio.config + offset, &value, width);
}

#define STATUS_LOST 0xfeu /* no status of a device: it is never told */

static uint8_t transfer(struct fake_disk *disk, const struct fake_request *request, uint64_t sector,
                        bool in, uint32_t *moved)
{
    uint64_t at = sector << SECTOR_SHIFT;

    *moved = 0;
    for (unsigned i = 1; i + 1 < request->count; i++) {
        const struct fake_piece *piece = &request->pieces[i];
        uint64_t bad = disk->bad_sector << SECTOR_SHIFT;
        if (piece->write != in)
            env_test_fault("virtio disk: a piece in the wrong direction");
        if (at > disk->size || piece->length > disk->size - at ||
            (bad >= at && bad < at + piece->length))
            return STATUS_IOERR;
        if (in)
            memcpy(piece->base, disk->bytes + at, piece->length);
        else
            memcpy(disk->bytes + at, piece->base, piece->length);
        at += piece->length;
        *moved += piece->length;
    }
    return STATUS_OK;
}

static uint8_t range(struct fake_disk *disk, const struct fake_request *request, bool zeroes)
{
    struct {
        uint64_t sector;
        uint32_t sectors, flags;
    } range;

    if (request->count != 3 || request->pieces[1].length != sizeof range)
        return STATUS_IOERR;
    memcpy(&range, request->pieces[1].base, sizeof range);
    if (range.sector << SECTOR_SHIFT > disk->size ||
        (uint64_t)range.sectors << SECTOR_SHIFT > disk->size - (range.sector << SECTOR_SHIFT))
        return STATUS_IOERR;
    if (zeroes) {
        disk->zeroes_flags = range.flags;
        memset(disk->bytes + (range.sector << SECTOR_SHIFT), 0,
               (size_t)range.sectors << SECTOR_SHIFT);
    }
    return STATUS_OK;
}

static uint8_t serial(const struct fake_request *request, uint32_t *moved)
{
    if (request->count != 3 || request->pieces[1].length != DISK_SERIAL_MAX)
        return STATUS_IOERR;
    *moved = DISK_SERIAL_MAX;
    strncpy((char *)request->pieces[1].base, FAKE_DISK_SERIAL, DISK_SERIAL_MAX);
    return STATUS_OK;
}

static uint8_t carry_out(struct fake_disk *disk, const struct fake_request *request,
                         uint32_t *moved)
{
    struct {
        uint32_t type, reserved;
        uint64_t sector;
    } header;

    if (request->pieces[0].length != sizeof header || request->pieces[0].write)
        env_test_fault("virtio disk: no header");
    memcpy(&header, request->pieces[0].base, sizeof header);
    switch (header.type) {
    case BLK_IN:
        disk->reads++;
        if (header.sector == disk->lost_sector)
            return STATUS_LOST;
        return transfer(disk, request, header.sector, true, moved);
    case BLK_OUT:
        disk->writes++;
        disk->unflushed++;
        return transfer(disk, request, header.sector, false, moved);
    case BLK_FLUSH:
        disk->flushes++;
        disk->unflushed = 0;
        return STATUS_OK;
    case BLK_DISCARD:
        disk->discards++;
        return range(disk, request, false);
    case BLK_WRITE_ZEROES:
        disk->zeroes++;
        disk->unflushed++;
        return range(disk, request, true);
    case BLK_GET_ID:
        disk->ids++;
        return serial(request, moved);
    default:
        return STATUS_UNSUPPORTED;
    }
}

static uint32_t serve(struct fake_virtio *fake, struct fake_request *request)
{
    struct fake_disk *disk = fake->arg;
    struct fake_piece *status = &request->pieces[request->count - 1];
    uint32_t moved = 0;

    if (request->count < 2 || status->length != 1 || !status->write)
        env_test_fault("virtio disk: no status");
    uint8_t outcome = disk->refuse ? STATUS_UNSUPPORTED : carry_out(disk, request, &moved);
    if (outcome == STATUS_LOST)
        return FAKE_NEVER;
    *status->base = outcome;
    if (request->count > 2 && !request->pieces[1].write)
        moved = 0; /* it read them */
    return moved + 1 + disk->lie;
}

void fake_disk_init(struct fake_disk *disk, uint64_t size, uint64_t features)
{
    memset(disk, 0, sizeof *disk);
    fake_virtio_init(&disk->virtio, VIRTIO_ID_BLOCK, features);
    disk->virtio.serve = serve;
    disk->virtio.arg = disk;
    disk->virtio.queue_count = features & BLK_F_MQ ? 4 : 1;
    disk->bytes = calloc(1, size);
    disk->size = size;
    disk->bad_sector = disk->lost_sector = UINT64_MAX;
    config_set(disk, CONFIG_CAPACITY, size >> SECTOR_SHIFT);
    config_set(disk, CONFIG_SIZE_MAX, 65536);
    config_set(disk, CONFIG_SEG_MAX, 14);
    config_set(disk, CONFIG_BLK_SIZE, 512);
    config_set(disk, CONFIG_PHYSICAL_EXP, 3);
    config_set(disk, CONFIG_WRITEBACK, 1);
    config_set(disk, CONFIG_NUM_QUEUES, disk->virtio.queue_count);
    config_set(disk, CONFIG_DISCARD_MAX, 128);
    config_set(disk, CONFIG_ZEROES_MAX, 64);
}

void fake_disk_free(struct fake_disk *disk)
{
    fake_virtio_free(&disk->virtio);
    free(disk->bytes);
}
