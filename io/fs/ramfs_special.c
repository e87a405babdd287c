/* Symbolic links, FIFOs, device nodes and sockets of ramfs, and the face of a file system that
 * changes by itself. */
#include "ramfs_private.h"

/* What device_unregister has taken out has no name left. */
static oskit_error_t ramfs_revalidate(sluice_dynamic_t *self)
{
    struct ramfs_node *node = ramfs_node_of(self);

    env_spin_lock(&node->lock);
    bool gone = node->nlink == 0;
    env_spin_unlock(&node->lock);
    return gone ? OSKIT_ESTALE : OSKIT_SUCCESS;
}

static oskit_error_t ramfs_follow_refused(sluice_dynamic_t *self, struct location *out)
{
    (void)self;
    (void)out;
    return OSKIT_E_NOTIMPL;
}

const struct sluice_dynamic_ops ramfs_dynamic_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .revalidate = ramfs_revalidate,
    .follow = ramfs_follow_refused,
};

static const struct oskit_file_ops ramfs_special_ops = {
    SLUICE_IUNKNOWN_SLOTS,      .stat = ramfs_stat,         .setstat = ramfs_setstat,
    .pathconf = ramfs_pathconf, .sync = ramfs_sync,         .datasync = ramfs_sync,
    .access = ramfs_access,     .readlink = ramfs_readlink, .open = ramfs_open,
    .getfs = ramfs_getfs,
};

static void ramfs_special_destroy(struct sluice_object *object)
{
    struct ramfs_node *node = container_of(object, struct ramfs_node, object);
    struct ramfs_special *special = container_of(node, struct ramfs_special, node);

    if (special->fifo)
        fifo_release(special->fifo);
    if (special->target)
        env_free(special->target, special->target_length + 1);
    ramfs_node_fini(node);
    env_free(special, sizeof *special);
}

/* The last row is for RAMFS_DYNAMIC only. */
static const struct sluice_interface ramfs_special_interfaces[] = {
    {&oskit_iunknown_iid, offsetof(struct ramfs_special, node.file), &ramfs_special_ops},
    {&sluice_filex_iid, offsetof(struct ramfs_special, node.filex), &ramfs_filex_ops},
    {&oskit_file_iid, offsetof(struct ramfs_special, node.file), &ramfs_special_ops},
    {&oskit_posixio_iid, offsetof(struct ramfs_special, node.file), &ramfs_special_ops},
    {&sluice_dynamic_iid, offsetof(struct ramfs_special, node.dynamic), &ramfs_dynamic_ops},
};

static const struct sluice_class ramfs_special_class[2] = {
    {"ramfs node", ramfs_special_interfaces, SLUICE_COUNT(ramfs_special_interfaces) - 1,
     ramfs_special_destroy},
    {"ramfs node", ramfs_special_interfaces, SLUICE_COUNT(ramfs_special_interfaces),
     ramfs_special_destroy},
};

static oskit_error_t ramfs_special_fill(struct ramfs_special *special, const char *target)
{
    if (OSKIT_S_ISFIFO(special->node.mode))
        return fifo_create(&special->fifo);
    if (!OSKIT_S_ISLNK(special->node.mode))
        return OSKIT_SUCCESS;
    size_t length = strlen(target);
    if (length == 0)
        return OSKIT_ENOENT;
    if (length > 4095)
        return OSKIT_ENAMETOOLONG;
    special->target = env_alloc(length + 1, 0);
    if (!special->target)
        return OSKIT_ENOMEM;
    memcpy(special->target, target, length + 1);
    special->target_length = length;
    return OSKIT_SUCCESS;
}

oskit_error_t ramfs_special_create(struct ramfs *fs, struct ramfs_dir *owner,
                                   const struct filex_creation *creation, struct ramfs_node **out)
{
    struct ramfs_special *special = env_alloc(sizeof *special, ENV_ZERO);
    bool link = OSKIT_S_ISLNK(creation->mode);

    if (!special)
        return OSKIT_ENOMEM;
    ramfs_node_init(&special->node, &ramfs_special_class[fs->flags & RAMFS_DYNAMIC], fs, owner,
                    link ? OSKIT_S_IFLNK | 0777 : creation->mode, creation->rdev);
    oskit_error_t err = ramfs_special_fill(special, creation->target);
    if (OSKIT_FAILED(err)) {
        ramfs_node_release(&special->node);
        return err;
    }
    *out = &special->node;
    return OSKIT_SUCCESS;
}
