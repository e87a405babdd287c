/*
 * Stands in for io/block/disk.c in a program that leaves it out: the disk is there, without a name.
 */
#include <sluice/disk.h>

__attribute__((weak)) const struct disk_family disk_virtio = {"vd", true, 254, 16};

__attribute__((weak)) oskit_error_t disk_register(const struct disk_family *family,
                                                  sluice_blockqueue_t *queue, const char *serial,
                                                  struct disk **out)
{
    (void)family, (void)queue, (void)serial;
    *out = NULL;
    return OSKIT_SUCCESS;
}

__attribute__((weak)) void disk_unregister(struct disk *disk)
{
    (void)disk;
}
