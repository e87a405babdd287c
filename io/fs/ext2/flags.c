/*
 * What chattr(1) sets, and what follows from it. IMMUTABLE and APPEND are looked at without a lock:
 * whoever was let in before the flag came goes through with it, as on Linux.
 */
#include "ext2.h"

oskit_error_t ext2_may_touch(const struct ext2_node *node)
{
    return node->flags & EXT2_FLAG_IMMUTABLE ? OSKIT_EPERM : OSKIT_SUCCESS;
}

oskit_error_t ext2_may_alter(const struct ext2_node *node)
{
    return node->flags & (EXT2_FLAG_IMMUTABLE | EXT2_FLAG_APPEND) ? OSKIT_EPERM : OSKIT_SUCCESS;
}

oskit_u32_t ext2_flags_of(const struct ext2_node *node)
{
    if (ext2_is_dir(node))
        return EXT2_FLAGS_OF_DIRS;
    return ext2_is_file(node) ? EXT2_FLAGS_OF_FILES : EXT2_FLAGS_PLAIN;
}

static oskit_error_t ext2_flags_get(sluice_fileflags_t *self, oskit_u32_t *out)
{
    *out = ext2_node_of(self)->flags & EXT2_FLAGS_SHOWN;
    return OSKIT_SUCCESS;
}

/* chattr reads, changes, and sets all of them: so those that can't be changed come along. */
static oskit_error_t ext2_flags_check(struct ext2_node *node, oskit_u32_t flags)
{
    const oskit_u32_t guarded = EXT2_FLAG_IMMUTABLE | EXT2_FLAG_APPEND;
    struct file_owner owner = ext2_node_owner(node);
    struct env_identity who;

    env_identity(&who);
    if (who.uid != owner.uid && !env_identity_may(&who, CAPABILITY_FOWNER))
        return OSKIT_EPERM;
    if ((flags ^ node->flags) & guarded && !env_identity_may(&who, CAPABILITY_LINUX_IMMUTABLE))
        return OSKIT_EPERM;
    return flags & ~EXT2_FLAGS_SHOWN ? OSKIT_EOPNOTSUPP : OSKIT_SUCCESS;
}

static oskit_error_t ext2_flags_set(sluice_fileflags_t *self, oskit_u32_t flags)
{
    struct ext2_node *node = ext2_node_of(self);
    oskit_u32_t mine = ext2_flags_of(node);
    struct journal_handle handle;
    oskit_error_t err = ext2_writable(node->fs);

    if (OSKIT_SUCCEEDED(err))
        err = ext2_flags_check(node, flags);
    if (OSKIT_SUCCEEDED(err))
        err = ext2_begin(node->fs, EXT2_CREDITS_INODE, &handle);
    if (OSKIT_FAILED(err))
        return err;
    env_spin_lock(&node->lock);
    node->flags = (node->flags & ~mine) | (flags & mine);
    env_spin_unlock(&node->lock);
    ext2_touch(node, EXT2_TOUCH_CHANGE);
    err = ext2_inode_store(&handle, node, false);
    ext2_end(node->fs, &handle);
    return err;
}

const struct sluice_fileflags_ops ext2_fileflags_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .get = ext2_flags_get,
    .set = ext2_flags_set,
};
