/* The filesystem object of synthfs. */
#include "synth_private.h"

static struct synthfs *synthfs_of(oskit_filesystem_t *self)
{
    return container_of(SLUICE_OBJECT(self), struct synthfs, object);
}

static oskit_error_t synthfs_statfs(oskit_filesystem_t *self, oskit_statfs_t *out)
{
    memset(out, 0, sizeof *out);
    out->bsize = out->frsize = ENV_PAGE_SIZE;
    out->fsid = synthfs_of(self)->number.dev;
    out->namemax = 255;
    return OSKIT_SUCCESS;
}

static oskit_error_t synthfs_sync(oskit_filesystem_t *self, oskit_bool_t wait)
{
    (void)self;
    (void)wait;
    return OSKIT_SUCCESS;
}

static oskit_error_t synthfs_getroot(oskit_filesystem_t *self, oskit_dir_t **out)
{
    struct synthfs *fs = synthfs_of(self);
    struct synth_file *root;

    *out = NULL;
    oskit_error_t err = synth_file_create(fs, NULL, fs->root, "", 0, false, &root);
    if (OSKIT_SUCCEEDED(err))
        *out = (oskit_dir_t *)&root->file.i;
    return err;
}

static oskit_error_t synthfs_remount(oskit_filesystem_t *self, oskit_u32_t flags)
{
    (void)self;
    return flags == 0 ? OSKIT_SUCCESS : OSKIT_E_NOTIMPL;
}

static oskit_error_t synthfs_unmount(oskit_filesystem_t *self)
{
    (void)self;
    return OSKIT_SUCCESS;
}

static oskit_error_t synthfs_lookupi_refused(oskit_filesystem_t *self, oskit_ino_t ino,
                                             oskit_file_t **out)
{
    (void)self;
    (void)ino;
    *out = NULL;
    return OSKIT_E_NOTIMPL;
}

static void synthfs_destroy(struct sluice_object *object)
{
    struct synthfs *fs = container_of(object, struct synthfs, object);

    sluice_object_fini(object);
    fs_number_give(&fs->number);
    env_free(fs, sizeof *fs);
}

static const struct oskit_filesystem_ops synthfs_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .statfs = synthfs_statfs,
    .sync = synthfs_sync,
    .getroot = synthfs_getroot,
    .remount = synthfs_remount,
    .unmount = synthfs_unmount,
    .lookupi = synthfs_lookupi_refused,
};

static const struct sluice_interface synthfs_interfaces[] = {
    {&oskit_iunknown_iid, offsetof(struct synthfs, filesystem), &synthfs_ops},
    {&oskit_filesystem_iid, offsetof(struct synthfs, filesystem), &synthfs_ops},
};

static const struct sluice_class synthfs_class = {
    "synthfs",
    synthfs_interfaces,
    SLUICE_COUNT(synthfs_interfaces),
    synthfs_destroy,
};

oskit_error_t synthfs_create(const struct synth_node *root, oskit_filesystem_t **out)
{
    struct synthfs *fs = env_alloc(sizeof *fs, ENV_ZERO);

    *out = NULL;
    if (!fs)
        return OSKIT_ENOMEM;
    sluice_object_init(&fs->object, &synthfs_class);
    fs->root = root;
    fs_number_take(&fs->number);
    fs->start = env_time_real();
    *out = &fs->filesystem.i;
    return OSKIT_SUCCESS;
}
