/* File system types by name. */
#include "kernel/fstypes.h"
#include <sluice/device.h>
#include <sluice/ramfs.h>
#include <sluice/string.h>
#include "kernel/abi/errno.h"
#include "kernel/mem/pages.h"
#include "kernel/sys/waitloop.h"

static oskit_error_t create_tmpfs(oskit_filesystem_t **out)
{
    return ramfs_create(pages_total() / 2, 0, out);
}

struct fstype {
    const char *name;
    oskit_error_t (*create)(oskit_filesystem_t **out);
};

static const struct fstype fstypes[] = {
    {"ramfs", create_tmpfs},
    {"tmpfs", create_tmpfs},
    {"devtmpfs", devfs_create},
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
