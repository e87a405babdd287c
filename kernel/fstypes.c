/* File system types by name. */
#include "kernel/fstypes.h"
#include <sluice/device.h>
#include <sluice/ramfs.h>
#include <sluice/string.h>
#include "kernel/abi/errno.h"
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
    oskit_error_t (*create)(oskit_filesystem_t **out);
};

static const struct fstype fstypes[] = {
    {"proc", proc_create},         {"ramfs", create_ramfs},   {"tmpfs", create_tmpfs},
    {"devtmpfs", create_devtmpfs}, {"devpts", devpts_create},
};

const char *fstype_name(unsigned i, bool *nodev)
{
    *nodev = true;
    return i < sizeof fstypes / sizeof fstypes[0] ? fstypes[i].name : NULL;
}

long fstype_create(const char *type, const char *source, oskit_filesystem_t **out)
{
    (void)source;
    for (size_t i = 0; i < sizeof fstypes / sizeof fstypes[0]; i++)
        if (!strcmp(fstypes[i].name, type))
            return errno_from_oskit(fstypes[i].create(out));
    return -ABI_ENODEV;
}
