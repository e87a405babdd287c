/*
 * The device file system: a ramfs into which every registered device is entered, and from which it
 * is taken when it goes. What programs add (links, directories, nodes of their own) stays.
 *
 * The object here is the filesystem; its files are ramfs's. Order of locks: the registry's mutex is
 * held while nodes are entered and taken out, then ramfs's.
 */
#include <sluice/pty.h>
#include "device_watch.h"
#include "ramfs_private.h"

struct devfs {
    struct sluice_object object;
    SLUICE_FACE(oskit_filesystem_t) filesystem;
    oskit_filesystem_t *ramfs;
    oskit_dir_t *root;
    const char *shown; /* devices whose names begin so, without that: "" or "pts/" */
    struct device_watch watch;
};

static struct devfs *devfs_of(oskit_filesystem_t *self)
{
    return container_of(SLUICE_OBJECT(self), struct devfs, object);
}

static struct devfs *devfs_watching(struct device_watch *watch)
{
    return container_of(watch, struct devfs, watch);
}

static struct ramfs_dir *devfs_root(const struct devfs *fs)
{
    return ramfs_dir_of_node(ramfs_node_of(fs->root));
}

/*
 * The directory that PATH's last component goes to, with a reference, and that component. Missing
 * ones are made when MAKE. OSKIT_ENOENT, OSKIT_ENAMETOOLONG, OSKIT_ENOTDIR.
 */
static oskit_error_t devfs_parent(const struct devfs *fs, const char *path, bool make,
                                  struct ramfs_dir **out, const char **last)
{
    struct ramfs_dir *dir = devfs_root(fs);
    struct filex_creation how = {.mode = OSKIT_S_IFDIR | 0755};
    const char *slash;
    char name[256];
    oskit_error_t err = OSKIT_SUCCESS;

    sluice_object_addref(&dir->node.object);
    while (OSKIT_SUCCEEDED(err) && (slash = strchr(path, '/'))) {
        struct ramfs_node *child;
        size_t length = (size_t)(slash - path);

        if (length >= sizeof name)
            err = OSKIT_ENAMETOOLONG;
        if (OSKIT_SUCCEEDED(err)) {
            memcpy(name, path, length);
            name[length] = '\0';
            err = ramfs_install(dir, name, &how, 0, 0, make, &child);
        }
        ramfs_node_release(&dir->node);
        if (OSKIT_SUCCEEDED(err) && !ramfs_node_is_dir(child)) {
            ramfs_node_release(child);
            err = OSKIT_ENOTDIR;
        }
        if (OSKIT_SUCCEEDED(err))
            dir = ramfs_dir_of_node(child);
        path = slash + 1;
    }
    *out = dir;
    *last = path;
    return err;
}

/* The name of DEVICE here, or NULL when it isn't shown. */
static const char *devfs_name(const struct devfs *fs, const struct device *device)
{
    size_t length = strlen(fs->shown);

    return strncmp(device->name, fs->shown, length) ? NULL : device->name + length;
}

static oskit_error_t devfs_added(struct device_watch *watch, const struct device *device)
{
    struct filex_creation how = {.mode = device->mode, .rdev = device->number};
    const struct devfs *fs = devfs_watching(watch);
    const char *path = devfs_name(fs, device);
    struct ramfs_dir *dir;
    struct ramfs_node *node;
    const char *name;

    if (!path)
        return OSKIT_SUCCESS;
    oskit_error_t err = devfs_parent(fs, path, true, &dir, &name);
    if (OSKIT_FAILED(err))
        return err;
    err = ramfs_install(dir, name, &how, device->uid, device->gid, true, &node);
    if (OSKIT_SUCCEEDED(err))
        ramfs_node_release(node);
    ramfs_node_release(&dir->node);
    return err;
}

/* A program may have put something of its own in the node's place: that stays. */
static void devfs_removed(struct device_watch *watch, const struct device *device)
{
    const struct devfs *fs = devfs_watching(watch);
    const char *path = devfs_name(fs, device), *name;
    struct ramfs_dir *dir;

    if (!path || OSKIT_FAILED(devfs_parent(fs, path, false, &dir, &name)))
        return;
    ramfs_uninstall(dir, name, device->mode, device->number);
    ramfs_node_release(&dir->node);
}

static oskit_error_t devfs_statfs(oskit_filesystem_t *self, oskit_statfs_t *out)
{
    return oskit_filesystem_statfs(devfs_of(self)->ramfs, out);
}

static oskit_error_t devfs_sync(oskit_filesystem_t *self, oskit_bool_t wait)
{
    return oskit_filesystem_sync(devfs_of(self)->ramfs, wait);
}

static oskit_error_t devfs_getroot(oskit_filesystem_t *self, oskit_dir_t **out)
{
    *out = devfs_of(self)->root;
    oskit_dir_addref(*out);
    return OSKIT_SUCCESS;
}

static oskit_error_t devfs_remount(oskit_filesystem_t *self, oskit_u32_t flags)
{
    return oskit_filesystem_remount(devfs_of(self)->ramfs, flags);
}

static oskit_error_t devfs_unmount(oskit_filesystem_t *self)
{
    return oskit_filesystem_unmount(devfs_of(self)->ramfs);
}

static oskit_error_t devfs_lookupi(oskit_filesystem_t *self, oskit_ino_t ino, oskit_file_t **out)
{
    return oskit_filesystem_lookupi(devfs_of(self)->ramfs, ino, out);
}

static void devfs_destroy(struct sluice_object *object)
{
    struct devfs *fs = container_of(object, struct devfs, object);

    device_watch_stop(&fs->watch);
    oskit_dir_release(fs->root);
    oskit_filesystem_release(fs->ramfs);
    sluice_object_fini(object);
    env_free(fs, sizeof *fs);
}

static const struct oskit_filesystem_ops devfs_ops = {
    SLUICE_IUNKNOWN_SLOTS,    .statfs = devfs_statfs,   .sync = devfs_sync,
    .getroot = devfs_getroot, .remount = devfs_remount, .unmount = devfs_unmount,
    .lookupi = devfs_lookupi,
};

static const struct sluice_interface devfs_interfaces[] = {
    {&oskit_iunknown_iid, offsetof(struct devfs, filesystem), &devfs_ops},
    {&oskit_filesystem_iid, offsetof(struct devfs, filesystem), &devfs_ops},
};

static const struct sluice_class devfs_class = {
    "devfs",
    devfs_interfaces,
    SLUICE_COUNT(devfs_interfaces),
    devfs_destroy,
};

/* The directory of pseudo-terminals, there even when it is empty, with the multiplexer's second
 * name in it, which like Linux's is closed to all but root until somebody opens it up. */
static oskit_error_t devfs_multiplexer(const struct devfs *fs, const char *path)
{
    struct filex_creation how = {.mode = OSKIT_S_IFCHR | 0, .rdev = PTMX_DEVICE};
    struct ramfs_dir *dir;
    struct ramfs_node *node;
    const char *name;

    oskit_error_t err = devfs_parent(fs, path, true, &dir, &name);
    if (OSKIT_FAILED(err))
        return err;
    err = ramfs_install(dir, name, &how, 0, 0, true, &node);
    if (OSKIT_SUCCEEDED(err))
        ramfs_node_release(node);
    ramfs_node_release(&dir->node);
    return err;
}

/* What every program expects beside the devices. */
static oskit_error_t devfs_links(const struct devfs *fs)
{
    static const char *const links[][2] = {
        {"fd", "/proc/self/fd"},
        {"stdin", "/proc/self/fd/0"},
        {"stdout", "/proc/self/fd/1"},
        {"stderr", "/proc/self/fd/2"},
    };

    for (size_t i = 0; i < SLUICE_COUNT(links); i++) {
        struct filex_creation how = {.mode = OSKIT_S_IFLNK | 0777, .target = links[i][1]};
        struct ramfs_node *node;
        oskit_error_t err = ramfs_install(devfs_root(fs), links[i][0], &how, 0, 0, true, &node);

        if (OSKIT_FAILED(err))
            return err;
        ramfs_node_release(node);
    }
    return OSKIT_SUCCESS;
}

static oskit_error_t devfs_make(const char *shown, oskit_filesystem_t **out)
{
    struct devfs *fs = env_alloc(sizeof *fs, ENV_ZERO);

    *out = NULL;
    if (!fs)
        return OSKIT_ENOMEM;
    oskit_error_t err = ramfs_create(RAMFS_UNLIMITED, RAMFS_DYNAMIC, &fs->ramfs);
    if (OSKIT_FAILED(err)) {
        env_free(fs, sizeof *fs);
        return err;
    }
    sluice_object_init(&fs->object, &devfs_class);
    oskit_filesystem_getroot(fs->ramfs, &fs->root);
    list_init(&fs->watch.link);
    fs->shown = shown;
    fs->watch.added = devfs_added;
    fs->watch.removed = devfs_removed;
    err = devfs_multiplexer(fs, *shown ? "ptmx" : "pts/ptmx");
    if (OSKIT_SUCCEEDED(err) && !*shown)
        err = devfs_links(fs);
    if (OSKIT_SUCCEEDED(err))
        err = device_watch_start(&fs->watch);
    if (OSKIT_FAILED(err)) {
        sluice_object_release(&fs->object);
        return err;
    }
    *out = &fs->filesystem.i;
    return OSKIT_SUCCESS;
}

oskit_error_t devfs_create(oskit_filesystem_t **out)
{
    return devfs_make("", out);
}

oskit_error_t devpts_create(oskit_filesystem_t **out)
{
    return devfs_make("pts/", out);
}
