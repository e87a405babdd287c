/* File system types by name. */
#include "kernel/fstypes.h"
#include <oskit/fs/dir.h>
#include <sluice/device.h>
#include <sluice/ramfs.h>
#include <sluice/string.h>
#include "kernel/abi/errno.h"
#include "kernel/abi/mount.h"
#include "kernel/diskfs.h"
#include "kernel/proc/proc.h"
#include "kernel/task/mutex.h"
#include "kernel/sys/waitloop.h"

static oskit_error_t own_root(oskit_filesystem_t *fs, const struct mount_options *options)
{
    oskit_dir_t *root;
    oskit_stat_t stat = {.mode = (oskit_mode_t)options->mode,
                         .uid = (oskit_uid_t)options->uid,
                         .gid = (oskit_gid_t)options->gid};
    oskit_error_t error = oskit_filesystem_getroot(fs, &root);
    if (error)
        return error;
    error = oskit_dir_setstat(root, OSKIT_STAT_UID | OSKIT_STAT_GID, &stat);
    if (!error) /* after the owner, with whom set-id bits would go */
        error = oskit_dir_setstat(root, OSKIT_STAT_MODE, &stat);
    oskit_dir_release(root);
    return error;
}

static oskit_error_t create_in_memory(const struct mount_options *options, oskit_filesystem_t **out)
{
    oskit_error_t error = ramfs_create(options->pages, 0, out);
    if (!error)
        error = own_root(*out, options);
    if (error && *out) {
        oskit_filesystem_release(*out);
        *out = NULL;
    }
    return error;
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

#define RAMFS_MAGIC 0x858458f6

struct fstype {
    const char *name;
    uint32_t magic; /* of those without a device */
    oskit_error_t (*create)(oskit_filesystem_t **out);
    oskit_error_t (*create_as)(const struct mount_options *options, oskit_filesystem_t **out);
    /* Neither: on a device. */
};

static const struct fstype fstypes[] = {
    {.name = "proc", .magic = 0x9fa0, .create = proc_create},
    {.name = "ramfs", .magic = RAMFS_MAGIC, .create_as = create_in_memory},
    {.name = "tmpfs", .magic = 0x01021994, .create_as = create_in_memory},
    {.name = "devtmpfs", .magic = 0x01021994, .create = create_devtmpfs},
    {.name = "devpts", .magic = 0x1cd1, .create = devpts_create},
    {.name = "sysfs", .magic = 0x62656572, .create = sysfs_create},
    {.name = "ext3"}, /* one for all three: what is on the device says which */
    {.name = "ext2"},
    {.name = "ext4"},
};

#define FSTYPES (sizeof fstypes / sizeof fstypes[0])

uint32_t fstype_magic(const char *name)
{
    for (size_t i = 0; i < FSTYPES; i++)
        if (!strcmp(fstypes[i].name, name) && fstypes[i].magic)
            return fstypes[i].magic;
    return RAMFS_MAGIC;
}

static bool on_device(const struct fstype *type)
{
    return !type->create && !type->create_as;
}

const char *fstype_name(unsigned i, bool *nodev)
{
    *nodev = i >= FSTYPES || !on_device(&fstypes[i]);
    return i < FSTYPES ? fstypes[i].name : NULL;
}

static long disk_create(const char *source, const struct walk *walk,
                        const struct mount_options *options, oskit_filesystem_t **out)
{
    uint32_t how = (options->flags & ABI_MS_RDONLY ? DISKFS_RDONLY : 0) |
                   (options->flags & ABI_MS_NOATIME ? DISKFS_NOATIME : 0);
    long error = diskfs_mount(walk, source, how, out);
    if (error)
        return error;
    error = mount_options_verify(*out, options);
    if (error) {
        oskit_filesystem_release(*out);
        *out = NULL;
    }
    return error;
}

long fstype_create(const char *name, const char *source, const struct walk *walk,
                   const struct mount_options *options, oskit_filesystem_t **out)
{
    const struct fstype *type = fstypes;
    while (type < fstypes + FSTYPES && strcmp(type->name, name))
        type++;
    if (type == fstypes + FSTYPES)
        return -ABI_ENODEV;
    if (on_device(type))
        return disk_create(source, walk, options, out);
    return errno_from_oskit(type->create ? type->create(out) : type->create_as(options, out));
}
