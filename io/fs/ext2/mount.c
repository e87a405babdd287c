/* Mounting: from a device to a root directory. */
#include "ext2.h"
#include <sluice/block.h>

/* Numbers of those who give none: minor numbers of a major that nobody has. */
static _Atomic oskit_u32_t ext2_last_dev = 0xff00;

/* ---- The superblock, before there is a buffer cache ---- */

static oskit_error_t ext2_read_super(struct ext2 *fs, void *page)
{
    struct sg_segment segment = {page, ENV_PAGE_SIZE};
    struct block_request request = {
        .op = BLOCK_READ, .length = ENV_PAGE_SIZE, .segments = &segment, .segment_count = 1};

    return block_transfer(fs->device, &request);
}

/* Says why in one line. */
static oskit_error_t ext2_check_super(struct ext2 *fs, const struct ext2_super_block *super)
{
    struct block_limits limits;
    const char *why = "";
    oskit_u32_t features;

    sluice_blockqueue_get_limits(fs->device, &limits);
    oskit_error_t err = ext2_geometry_check(super, limits.size, &fs->g, &why, &features);
    if (OSKIT_FAILED(err) && features)
        env_log(ENV_LOG_ERROR, "ext2: %s: not mounted: %s %#x are not known", fs->name, why,
                features);
    else if (OSKIT_FAILED(err))
        env_log(ENV_LOG_ERROR, "ext2: %s: not mounted: %s", fs->name, why);
    if (OSKIT_SUCCEEDED(err) && fs->g.block_size < limits.block_size)
        return OSKIT_E_INVALIDARG;
    fs->never_write = fs->g.unsupported_write || limits.read_only;
    return err;
}

static oskit_error_t ext2_probe(struct ext2 *fs)
{
    struct block_limits limits;

    sluice_blockqueue_get_limits(fs->device, &limits);
    if (limits.size < ENV_PAGE_SIZE)
        return OSKIT_E_INVALIDARG;
    char *page = env_page_alloc(0, 0);
    if (!page)
        return OSKIT_ENOMEM;
    oskit_error_t err = ext2_read_super(fs, page);
    if (OSKIT_SUCCEEDED(err))
        err = ext2_check_super(fs, (const void *)(page + EXT2_SUPER_OFFSET));
    env_page_unref(page);
    return err;
}

static oskit_error_t ext2_get_super(struct ext2 *fs)
{
    oskit_error_t err =
        buffer_get(fs->buffers, EXT2_SUPER_OFFSET >> fs->g.block_shift, &fs->super_block);

    if (OSKIT_SUCCEEDED(err))
        fs->super =
            (void *)((char *)fs->super_block->data + (EXT2_SUPER_OFFSET & (fs->g.block_size - 1)));
    return err;
}

/* ---- The journal ---- */

static oskit_error_t ext2_journal_map(void *arg, oskit_u32_t logical, oskit_u64_t *out)
{
    oskit_u64_t count;

    return ext2_map_get(arg, logical, 1, out, &count);
}

/* Each transaction has the counts that go with its bitmaps. */
static void ext2_journal_closing(void *arg)
{
    ext2_super_log(arg); /* a failure is the journal's, which tells it itself */
}

static oskit_error_t ext2_journal_config(struct ext2 *fs, struct ext2_node *node, bool read_only)
{
    struct journal_config config = {
        .cache = fs->buffers,
        .map = ext2_journal_map,
        .arg = node,
        .closing = ext2_journal_closing,
        .closing_arg = fs,
        .first_block = fs->g.first_block,
        .end_block = fs->g.block_count,
        .read_only = read_only,
        .name = fs->name,
    };
    oskit_u64_t blocks = node->size >> fs->g.block_shift;

    if (blocks == 0 || blocks > UINT32_MAX)
        return ext2_damaged(fs, "size of the journal", blocks);
    config.blocks = (oskit_u32_t)blocks;
    struct journal *journal = NULL;
    struct journal_replay replay = {0};
    oskit_error_t err = journal_open(&config, &replay, &journal);
    if (OSKIT_FAILED(err))
        return err;
    if (replay.error)
        fs->state |= EXT2_STATE_ERRORS;
    if (read_only)
        journal_close(journal);
    else
        fs->journal = journal;
    return OSKIT_SUCCESS;
}

/* Without an object: the journal's inode is nobody's file. */
static oskit_error_t ext2_journal_inode(struct ext2 *fs, bool read_only)
{
    struct ext2_node *node = env_alloc(sizeof *node, ENV_ZERO);

    if (!node)
        return OSKIT_ENOMEM;
    node->fs = fs;
    node->ino = fs->super->journal_inum;
    oskit_error_t err = ext2_inode_load(node);
    if (OSKIT_SUCCEEDED(err) && !OSKIT_S_ISREG(node->mode))
        err = ext2_damaged(fs, "type of the journal", node->ino);
    if (OSKIT_SUCCEEDED(err))
        err = ext2_journal_config(fs, node, read_only);
    env_free(node, sizeof *node);
    return err;
}

oskit_error_t ext2_journal_open(struct ext2 *fs, bool read_only)
{
    if (!(fs->g.compat & EXT2_COMPAT_HAS_JOURNAL))
        return OSKIT_SUCCESS;
    if (fs->super->journal_dev || !ext2_inode_exists(fs, fs->super->journal_inum)) {
        env_log(ENV_LOG_ERROR, "ext2: %s: journal on another device", fs->name);
        return OSKIT_EOPNOTSUPP;
    }
    return ext2_journal_inode(fs, read_only);
}

/* ---- The file system ---- */

/* What replay has changed is looked at again. */
static oskit_error_t ext2_recover(struct ext2 *fs, bool read_only)
{
    bool recover = fs->super->feature_incompat & EXT2_INCOMPAT_RECOVER;
    struct block_limits limits;

    sluice_blockqueue_get_limits(fs->device, &limits);
    if (!(fs->g.compat & EXT2_COMPAT_HAS_JOURNAL) || (read_only && !recover))
        return OSKIT_SUCCESS;
    oskit_error_t err = ext2_journal_open(fs, read_only);
    if (OSKIT_FAILED(err) || !recover)
        return err;
    env_log(ENV_LOG_INFO, "ext2: %s: the journal was replayed", fs->name);
    err = ext2_check_super(fs, fs->super);
    ext2_groups_free(fs);
    if (OSKIT_SUCCEEDED(err))
        err = ext2_groups_load(fs);
    if (OSKIT_SUCCEEDED(err) && read_only && !limits.read_only) {
        fs->super->feature_incompat &= ~EXT2_INCOMPAT_RECOVER;
        err = buffer_write(fs->super_block);
    }
    return err;
}

static oskit_error_t ext2_open_root(struct ext2 *fs)
{
    oskit_error_t err = ext2_node_get(fs, EXT2_ROOT_INO, &fs->root);

    if (OSKIT_SUCCEEDED(err) && !ext2_is_dir(fs->root)) {
        ext2_node_put(fs->root);
        fs->root = NULL;
        err = ext2_damaged(fs, "root is no directory", EXT2_ROOT_INO);
    }
    return err;
}

static oskit_error_t ext2_load(struct ext2 *fs, oskit_u32_t flags)
{
    oskit_error_t err = ext2_probe(fs);
    bool read_only = (flags & EXT2_MOUNT_RDONLY) || fs->never_write;

    if (OSKIT_SUCCEEDED(err))
        err = buffer_cache_create(fs->device, fs->g.block_size, fs->g.block_count, &fs->buffers);
    if (OSKIT_SUCCEEDED(err))
        err = ext2_get_super(fs);
    if (OSKIT_FAILED(err))
        return err;
    fs->state = fs->super->state;
    err = ext2_groups_load(fs);
    if (OSKIT_SUCCEEDED(err))
        err = ext2_recover(fs, read_only);
    if (OSKIT_SUCCEEDED(err))
        err = ext2_open_root(fs);
    if (OSKIT_SUCCEEDED(err) && !read_only)
        err = ext2_start_writing(fs);
    if (OSKIT_SUCCEEDED(err) && fs->g.unsupported_write && !(flags & EXT2_MOUNT_RDONLY))
        env_log(ENV_LOG_WARNING,
                "ext2: %s: read-only: features %#x and %#x can be read but not written", fs->name,
                fs->g.incompat, fs->g.ro_compat);
    return err;
}

static void ext2_destroy(struct sluice_object *object)
{
    struct ext2 *fs = container_of(object, struct ext2, object);

    ext2_node_put(fs->root);
    sluice_object_fini(&fs->object);
    ext2_drop(fs);
}

static const struct sluice_interface ext2_interfaces[] = {
    {&oskit_iunknown_iid, offsetof(struct ext2, filesystem), &ext2_filesystem_ops},
    {&oskit_filesystem_iid, offsetof(struct ext2, filesystem), &ext2_filesystem_ops},
    {&sluice_filesystemx_iid, offsetof(struct ext2, filesystemx), &ext2_filesystemx_ops},
    {&sluice_fsname_iid, offsetof(struct ext2, fsname), &ext2_fsname_ops},
};

static const struct sluice_class ext2_class = {"ext2", ext2_interfaces,
                                               SLUICE_COUNT(ext2_interfaces), ext2_destroy};

static void ext2_init(struct ext2 *fs, sluice_blockqueue_t *device,
                      const struct ext2_options *options)
{
    size_t length = options->name ? strlen(options->name) : 0;
    oskit_u32_t generation;

    sluice_object_init(&fs->object, &ext2_class);
    fs->holders = 1;
    sluice_blockqueue_addref(device);
    fs->device = device;
    if (options->claim)
        oskit_iunknown_addref(options->claim);
    fs->claim = options->claim;
    fs->read_only = true;
    fs->noatime = options->flags & EXT2_MOUNT_NOATIME;
    fs->dev = options->dev ? options->dev : atomic_fetch_add(&ext2_last_dev, 1) + 1;
    if (length > sizeof fs->name - 1)
        length = sizeof fs->name - 1;
    memcpy(fs->name, options->name ? options->name : "", length);
    env_random(&generation, sizeof generation);
    atomic_init(&fs->next_generation, generation);
    list_init(&fs->orphans);
    list_init(&fs->dirty_nodes);
    for (unsigned i = 0; i < EXT2_BUCKETS; i++)
        list_init(&fs->buckets[i]);
}

oskit_error_t ext2_mount(sluice_blockqueue_t *device, const struct ext2_options *options,
                         oskit_filesystem_t **out)
{
    struct ext2 *fs = env_alloc(sizeof *fs, ENV_ZERO);

    *out = NULL;
    if (!fs)
        return OSKIT_ENOMEM;
    ext2_init(fs, device, options);
    oskit_error_t err = ext2_load(fs, options->flags);
    if (OSKIT_FAILED(err)) {
        sluice_object_release(&fs->object);
        return err;
    }
    *out = &fs->filesystem.i;
    return OSKIT_SUCCESS;
}
