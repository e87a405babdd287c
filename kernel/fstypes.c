/* File system types by name. */
#include "kernel/fstypes.h"
#include <sluice/device.h>
#include <sluice/ramfs.h>
#include <sluice/string.h>
#include "kernel/abi/errno.h"
#include "kernel/diskfs.h"
#include "kernel/mem/pages.h"
#include "kernel/proc/proc.h"
#include "kernel/task/mutex.h"
#include "kernel/sys/waitloop.h"

static oskit_error_t create_ramfs(oskit_filesystem_t **out)
{
    return ramfs_create(RAMFS_UNLIMITED, 0, out);
}

static oskit_error_t create_tmpfs(oskit_filesystem_t **out)
{
    return ramfs_create(pages_total() / 2, 0, out);
}

static mutex_t devtmpfs_mutex;
static oskit_filesystem_t *devtmpfs; /* guarded by it; held for ever once made */

/* There is one: what a program adds to it is there wherever it is mounted. */
static oskit_error_t create_devtmpfs(oskit_filesystem_t **out)
{
    oskit_error_t error = 0;
    mutex_lock(&devtmpfs_mutex);
    if (!devtmpfs)
        error = devfs_create(&devtmpfs);
    if (!error)
        oskit_filesystem_addref(devtmpfs);
    *out = devtmpfs;
    mutex_unlock(&devtmpfs_mutex);
    return error;
}

struct fstype {
    const char *name;
    oskit_error_t (*create)(oskit_filesystem_t **out); /* NULL: on a device */
};

static const struct fstype fstypes[] = {
    {"proc", proc_create},
    {"ramfs", create_ramfs},
    {"tmpfs", create_tmpfs},
    {"devtmpfs", create_devtmpfs},
    {"devpts", devpts_create},
    {"sysfs", sysfs_create},
    {"ext3", NULL}, /* one for all three: what is on the device says which */
    {"ext2", NULL},
    {"ext4", NULL},
};

#define FSTYPES (sizeof fstypes / sizeof fstypes[0])

const char *fstype_name(unsigned i, bool *nodev)
{
    *nodev = i >= FSTYPES || fstypes[i].create;
    return i < FSTYPES ? fstypes[i].name : NULL;
}

long fstype_create(const char *type, const char *source, const struct walk *walk, uint32_t flags,
                   oskit_filesystem_t **out)
{
    for (size_t i = 0; i < FSTYPES; i++)
        if (!strcmp(fstypes[i].name, type))
            return fstypes[i].create ? errno_from_oskit(fstypes[i].create(out))
                                     : diskfs_mount(walk, source, flags, out);
    return -ABI_ENODEV;
}
