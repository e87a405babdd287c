/* From a block device's node to the file system on it. */
#include "kernel/diskfs.h"
#include <sluice/block.h>
#include <sluice/device.h>
#include <sluice/ext2.h>
#include <sluice/filex.h>
#include <sluice/object.h>
#include <sluice/string.h>
#include "kernel/abi/errno.h"
#include "kernel/log.h"
#include "kernel/sys/waitloop.h"
#include "kernel/task/process.h"

/* A device without a queue of requests is asked by threads that wait for it. */
#define BLKIO_WORKERS 2

static oskit_error_t device_queue(oskit_iunknown_t *device, sluice_blockqueue_t **out)
{
    *out = sluice_query_face(device, &sluice_blockqueue_iid);
    if (*out)
        return OSKIT_SUCCESS;
    oskit_blkio_t *io = sluice_query_face(device, &oskit_blkio_iid);
    if (!io)
        return OSKIT_E_INVALIDARG;
    oskit_error_t error = blkio_blockqueue(io, BLKIO_WORKERS, out);
    oskit_blkio_release(io);
    return error;
}

static oskit_error_t open_claimed(uint32_t number, uint32_t *flags, oskit_iunknown_t **out)
{
    oskit_u32_t mode = *flags & DISKFS_RDONLY ? OSKIT_O_RDONLY : OSKIT_O_RDWR;
    oskit_error_t error = device_open(true, number, mode | OSKIT_O_EXCL, out);
    if (error != OSKIT_EROFS || *flags & DISKFS_RDONLY)
        return error;
    *flags |= DISKFS_RDONLY;
    return device_open(true, number, OSKIT_O_RDONLY | OSKIT_O_EXCL, out);
}

oskit_error_t diskfs_mount_number(uint32_t number, const char *name, uint32_t flags,
                                  oskit_filesystem_t **out)
{
    oskit_iunknown_t *device;
    sluice_blockqueue_t *queue;
    oskit_error_t error = open_claimed(number, &flags, &device);
    if (error)
        return error;
    struct ext2_options options = {
        .flags = (flags & DISKFS_RDONLY ? EXT2_MOUNT_RDONLY : 0) |
                 (flags & DISKFS_NOATIME ? EXT2_MOUNT_NOATIME : 0),
        .dev = number,
        .name = name,
        .claim = device,
    };
    error = device_queue(device, &queue);
    if (!error) {
        error = ext2_mount(queue, &options, out);
        sluice_blockqueue_release(queue);
    }
    oskit_iunknown_release(device);
    return error;
}

static long node_number(const struct location *location, uint32_t *number)
{
    struct filex_stat stat;
    sluice_filex_t *filex = location_filex(location);
    if (!filex || sluice_filex_stat(filex, &stat) || !OSKIT_S_ISBLK(stat.mode))
        return -ABI_ENOTBLK;
    *number = stat.rdev;
    return location_mount_flags(location) & MOUNT_NODEV ? -ABI_EACCES : 0;
}

static const char *last_component(const char *path)
{
    const char *last = path;
    for (; *path; path++)
        if (*path == '/' && path[1])
            last = path + 1;
    return last;
}

long diskfs_mount(const struct walk *walk, const char *path, uint32_t flags,
                  oskit_filesystem_t **out)
{
    struct location location;
    uint32_t number;
    long error = errno_from_oskit(namespace_lookup(walk, path, 0, &location));
    if (error)
        return error;
    error = node_number(&location, &number);
    location_release(&location);
    if (error)
        return error;
    return errno_from_oskit(diskfs_mount_number(number, last_component(path), flags, out));
}

struct name_search {
    const char *name;
    uint32_t number;
    bool found;
};

static bool name_matches(void *arg, const struct device *device)
{
    struct name_search *search = arg;
    if (OSKIT_S_ISBLK(device->mode) && !strcmp(device->name, search->name)) {
        search->number = device->number;
        search->found = true;
    }
    return !search->found;
}

long diskfs_mount_named(const char *name, uint32_t flags, oskit_filesystem_t **out)
{
    struct name_search search = {.name = strncmp(name, "/dev/", 5) ? name : name + 5};
    device_each(name_matches, &search);
    if (!search.found)
        return -ABI_ENODEV;
    return errno_from_oskit(diskfs_mount_number(search.number, search.name, flags, out));
}

static void end_filesystem(void *arg, oskit_filesystem_t *fs)
{
    (void)arg;
    oskit_error_t error = oskit_filesystem_sync(fs, true);
    if (error)
        log_write(LOG_ERROR, "a file system could not write everything: error %ld",
                  -errno_from_oskit(error));
    oskit_filesystem_unmount(fs);
}

void diskfs_shutdown(void)
{
    if (root_namespace)
        namespace_each_filesystem(root_namespace, end_filesystem, NULL);
}
