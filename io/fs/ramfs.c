/* The filesystem object of ramfs. Ownership and lock order: ramfs_private.h. */
#include "ramfs_private.h"

static struct ramfs *ramfs_of(oskit_filesystem_t *self)
{
    return container_of(SLUICE_OBJECT(self), struct ramfs, object);
}

void ramfs_hold(struct ramfs *fs)
{
    atomic_fetch_add_explicit(&fs->holders, 1, memory_order_relaxed);
}

void ramfs_drop(struct ramfs *fs)
{
    if (atomic_fetch_sub_explicit(&fs->holders, 1, memory_order_acq_rel) != 1)
        return;
    fs_number_give(&fs->number);
    env_free(fs, sizeof *fs);
}

bool ramfs_reserve_page(struct ramfs *fs)
{
    if (atomic_fetch_add_explicit(&fs->pages, 1, memory_order_relaxed) < fs->page_limit)
        return true;
    ramfs_return_pages(fs, 1);
    return false;
}

void ramfs_return_pages(struct ramfs *fs, oskit_u64_t count)
{
    atomic_fetch_sub_explicit(&fs->pages, count, memory_order_relaxed);
}

static oskit_u32_t ramfs_clamp(oskit_u64_t count)
{
    return count > UINT32_MAX ? UINT32_MAX : (oskit_u32_t)count;
}

/* Without a limit there is no honest total: all zero, as Linux's ramfs has it. */
static oskit_error_t ramfs_statfs(oskit_filesystem_t *self, oskit_statfs_t *out)
{
    struct ramfs *fs = ramfs_of(self);

    memset(out, 0, sizeof *out);
    out->bsize = out->frsize = ENV_PAGE_SIZE;
    out->fsid = fs->number.dev;
    out->namemax = 255;
    out->files = ramfs_clamp(atomic_load(&fs->nodes));
    if (fs->page_limit != RAMFS_UNLIMITED) {
        oskit_u64_t used = atomic_load(&fs->pages);
        oskit_u64_t left = used < fs->page_limit ? fs->page_limit - used : 0;

        out->blocks = ramfs_clamp(fs->page_limit);
        out->bfree = out->bavail = ramfs_clamp(left);
    }
    return OSKIT_SUCCESS;
}

static oskit_error_t ramfs_filesystem_sync(oskit_filesystem_t *self, oskit_bool_t wait)
{
    (void)self;
    (void)wait;
    return OSKIT_SUCCESS;
}

static oskit_error_t ramfs_getroot(oskit_filesystem_t *self, oskit_dir_t **out)
{
    struct ramfs *fs = ramfs_of(self);

    sluice_object_addref(&fs->root->node.object);
    *out = (oskit_dir_t *)&fs->root->node.file.i;
    return OSKIT_SUCCESS;
}

/* Read-only and the like belong to the mount (namespace.h): there is nothing for a RAM disk to do.
 */
static oskit_error_t ramfs_remount(oskit_filesystem_t *self, oskit_u32_t flags)
{
    (void)self;
    return flags == 0 ? OSKIT_SUCCESS : OSKIT_E_NOTIMPL;
}

static oskit_error_t ramfs_unmount(oskit_filesystem_t *self)
{
    (void)self;
    return OSKIT_SUCCESS;
}

/* Nodes are not found by number. */
static oskit_error_t ramfs_lookupi_refused(oskit_filesystem_t *self, oskit_ino_t ino,
                                           oskit_file_t **out)
{
    (void)self;
    (void)ino;
    *out = NULL;
    return OSKIT_E_NOTIMPL;
}

/* Held nodes stay, each with its own contents; what only directories held goes now. */
static void ramfs_destroy(struct sluice_object *object)
{
    struct ramfs *fs = container_of(object, struct ramfs, object);

    if (fs->root) {
        ramfs_dir_empty(fs->root);
        ramfs_node_release(&fs->root->node);
    }
    sluice_object_fini(&fs->object);
    ramfs_drop(fs);
}

static const struct oskit_filesystem_ops ramfs_filesystem_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .statfs = ramfs_statfs,
    .sync = ramfs_filesystem_sync,
    .getroot = ramfs_getroot,
    .remount = ramfs_remount,
    .unmount = ramfs_unmount,
    .lookupi = ramfs_lookupi_refused,
};

static const struct sluice_interface ramfs_interfaces[] = {
    {&oskit_iunknown_iid, offsetof(struct ramfs, filesystem), &ramfs_filesystem_ops},
    {&oskit_filesystem_iid, offsetof(struct ramfs, filesystem), &ramfs_filesystem_ops},
};

static const struct sluice_class ramfs_class = {
    "ramfs",
    ramfs_interfaces,
    SLUICE_COUNT(ramfs_interfaces),
    ramfs_destroy,
};

oskit_error_t ramfs_create(oskit_u64_t page_limit, oskit_u32_t flags, oskit_filesystem_t **out)
{
    struct ramfs *fs = env_alloc(sizeof *fs, ENV_ZERO);
    struct ramfs_node *root;

    *out = NULL;
    if (!fs)
        return OSKIT_ENOMEM;
    sluice_object_init(&fs->object, &ramfs_class);
    fs->holders = 1;
    fs->page_limit = page_limit;
    fs->flags = flags;
    fs_number_take(&fs->number);
    oskit_error_t err = ramfs_dir_create(fs, NULL, 0755, &root);
    if (OSKIT_FAILED(err)) {
        sluice_object_release(&fs->object);
        return err;
    }
    fs->root = ramfs_dir_of_node(root);
    *out = &fs->filesystem.i;
    return OSKIT_SUCCESS;
}
