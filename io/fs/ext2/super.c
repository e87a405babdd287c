/* The filesystem object: counts, sync, remount, the end. Ownership and lock order: ext2.h. */
#include "ext2.h"

static struct ext2 *ext2_of(const void *face)
{
    return container_of(SLUICE_OBJECT(face), struct ext2, object);
}

void ext2_hold(struct ext2 *fs)
{
    atomic_fetch_add_explicit(&fs->holders, 1, memory_order_relaxed);
}

void ext2_drop(struct ext2 *fs)
{
    if (atomic_fetch_sub_explicit(&fs->holders, 1, memory_order_acq_rel) == 1)
        ext2_finish(fs);
}

oskit_error_t ext2_damaged(struct ext2 *fs, const char *what, oskit_u64_t number)
{
    bool first = !atomic_exchange(&fs->damaged, true);

    if (first) /* one damage brings many in its wake */
        env_log(ENV_LOG_ERROR, "ext2: %s: damaged: %s (%llu); run e2fsck", fs->name, what,
                (unsigned long long)number);
    if (first && fs->super->errors > EXT2_ERRORS_CONTINUE)
        atomic_store(&fs->read_only, true);
    return OSKIT_EUCLEAN;
}

/* ---- statfs ---- */

static oskit_error_t ext2_statx(sluice_filesystemx_t *self, struct filesystemx_stat *out)
{
    struct ext2 *fs = ext2_of(self);

    memset(out, 0, sizeof *out);
    out->bsize = fs->g.block_size;
    out->namemax = EXT2_NAME_MAX;
    out->type = EXT2_MAGIC;
    out->fsid = fs->dev;
    out->files = fs->g.inode_count;
    env_mutex_lock(&fs->alloc_mutex);
    out->blocks = fs->g.block_count - fs->overhead;
    out->bfree = fs->free_blocks;
    out->bavail = fs->free_blocks > fs->reserved_blocks ? fs->free_blocks - fs->reserved_blocks : 0;
    out->ffree = fs->free_inodes;
    env_mutex_unlock(&fs->alloc_mutex);
    return OSKIT_SUCCESS;
}

static oskit_u32_t ext2_clamp(oskit_u64_t count)
{
    return count > UINT32_MAX ? UINT32_MAX : (oskit_u32_t)count;
}

static oskit_error_t ext2_statfs(oskit_filesystem_t *self, oskit_statfs_t *out)
{
    struct ext2 *fs = ext2_of(self);
    struct filesystemx_stat stat;

    ext2_statx(&fs->filesystemx.i, &stat);
    memset(out, 0, sizeof *out);
    out->bsize = out->frsize = stat.bsize;
    out->blocks = ext2_clamp(stat.blocks);
    out->bfree = ext2_clamp(stat.bfree);
    out->bavail = ext2_clamp(stat.bavail);
    out->files = ext2_clamp(stat.files);
    out->ffree = out->favail = ext2_clamp(stat.ffree);
    out->fsid = (oskit_u32_t)stat.fsid;
    out->namemax = stat.namemax;
    out->flag = atomic_load(&fs->read_only) ? OSKIT_FS_RDONLY : 0;
    return OSKIT_SUCCESS;
}

/* ---- What it is ---- */

/* ext3 is ext2 with a journal; ext4 has what Linux's ext3 refused. */
static const char *ext2_type_name(sluice_fsname_t *self)
{
    const struct ext2_geometry *g = &ext2_of(self)->g;
    const oskit_u32_t incompat =
        EXT2_INCOMPAT_FILETYPE | EXT2_INCOMPAT_RECOVER | EXT2_INCOMPAT_META_BG;
    const oskit_u32_t ro = EXT2_RO_SPARSE_SUPER | EXT2_RO_LARGE_FILE | 0x4; /* BTREE_DIR */

    if ((g->incompat & ~incompat) || (g->ro_compat & ~ro))
        return "ext4";
    return g->compat & EXT2_COMPAT_HAS_JOURNAL ? "ext3" : "ext2";
}

static void ext2_get_options(sluice_fsname_t *self, struct fsname_options *out)
{
    struct ext2 *fs = ext2_of(self);
    oskit_u16_t errors = fs->super->errors;

    out->read_only = atomic_load(&fs->read_only);
    out->noatime = fs->noatime;
    out->errors = errors == EXT2_ERRORS_READONLY ? "remount-ro"
                  : errors == EXT2_ERRORS_PANIC  ? "panic"
                                                 : NULL;
}

const struct sluice_fsname_ops ext2_fsname_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .type = ext2_type_name,
    .options = ext2_get_options,
};

/* ---- The rest ---- */

static oskit_error_t ext2_sync_method(oskit_filesystem_t *self, oskit_bool_t wait)
{
    return ext2_sync(ext2_of(self), wait);
}

static oskit_error_t ext2_getroot(oskit_filesystem_t *self, oskit_dir_t **out)
{
    struct ext2_node *root = ext2_of(self)->root;

    sluice_object_addref(&root->object);
    *out = (oskit_dir_t *)&root->file.i;
    return OSKIT_SUCCESS;
}

static oskit_error_t ext2_remount(oskit_filesystem_t *self, oskit_u32_t flags)
{
    struct ext2 *fs = ext2_of(self);
    bool read_only = flags & OSKIT_FS_RDONLY;

    if (read_only == atomic_load(&fs->read_only))
        return OSKIT_SUCCESS;
    if (read_only && atomic_load(&fs->writers) > 0)
        return OSKIT_EBUSY;
    return read_only ? ext2_stop_writing(fs) : ext2_start_writing(fs);
}

/* Held files can be read from then on, as far as that goes without changing anything. */
static oskit_error_t ext2_unmount(oskit_filesystem_t *self)
{
    struct ext2 *fs = ext2_of(self);

    return atomic_load(&fs->read_only) ? OSKIT_SUCCESS : ext2_stop_writing(fs);
}

static oskit_error_t ext2_lookupi(oskit_filesystem_t *self, oskit_ino_t ino, oskit_file_t **out)
{
    struct ext2_node *node;

    *out = NULL;
    oskit_error_t err = ext2_node_get(ext2_of(self), ino, &node);
    if (OSKIT_SUCCEEDED(err))
        *out = &node->file.i;
    return err;
}

const struct oskit_filesystem_ops ext2_filesystem_ops = {
    SLUICE_IUNKNOWN_SLOTS,   .statfs = ext2_statfs,   .sync = ext2_sync_method,
    .getroot = ext2_getroot, .remount = ext2_remount, .unmount = ext2_unmount,
    .lookupi = ext2_lookupi,
};

const struct sluice_filesystemx_ops ext2_filesystemx_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .stat = ext2_statx,
};
