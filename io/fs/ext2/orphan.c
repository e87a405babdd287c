/*
 * The list of orphans: inodes that a crash would leave with work undone, because their last name is
 * gone while they are open, or because they are being cut. It goes through the superblock and each
 * inode's dtime, so that the next mount finds them. Without a journal there is none: e2fsck looks
 * at everything after a crash. Lock order: ext2.h.
 */
#include "ext2.h"

static oskit_error_t ext2_orphan_head(struct journal_handle *handle, struct ext2 *fs,
                                      oskit_u32_t ino)
{
    oskit_error_t err = journal_access(handle, fs->super_block);

    if (OSKIT_SUCCEEDED(err)) {
        fs->super->last_orphan = ino;
        journal_dirty(handle, fs->super_block);
    }
    return err;
}

static void ext2_orphan_next(struct ext2_node *node, oskit_u32_t ino)
{
    env_spin_lock(&node->lock);
    node->dtime = ino;
    env_spin_unlock(&node->lock);
}

/* The caller stores the inode in the same handle. */
oskit_error_t ext2_orphan_add(struct journal_handle *handle, struct ext2_node *node)
{
    struct ext2 *fs = node->fs;
    oskit_error_t err = OSKIT_SUCCESS;

    if (!fs->journal)
        return OSKIT_SUCCESS;
    env_mutex_lock(&fs->orphan_mutex);
    oskit_u32_t next = fs->super->last_orphan;
    if (!node->orphan)
        err = ext2_orphan_head(handle, fs, node->ino);
    if (!node->orphan && OSKIT_SUCCEEDED(err)) {
        ext2_orphan_next(node, next);
        list_push_front(&fs->orphans, &node->orphan_link);
        node->orphan = true;
    }
    env_mutex_unlock(&fs->orphan_mutex);
    return err;
}

/* With orphan_mutex held. */
static oskit_error_t ext2_orphan_unlink(struct journal_handle *handle, struct ext2_node *node)
{
    struct ext2 *fs = node->fs;
    struct list *previous = node->orphan_link.prev;

    if (previous == &fs->orphans)
        return ext2_orphan_head(handle, fs, node->dtime);
    struct ext2_node *before = container_of(previous, struct ext2_node, orphan_link);
    ext2_orphan_next(before, node->dtime);
    return ext2_inode_store(handle, before, false);
}

/* Likewise. */
oskit_error_t ext2_orphan_remove(struct journal_handle *handle, struct ext2_node *node)
{
    struct ext2 *fs = node->fs;
    oskit_error_t err = OSKIT_SUCCESS;

    env_mutex_lock(&fs->orphan_mutex);
    if (node->orphan) {
        err = ext2_orphan_unlink(handle, node);
        ext2_orphan_next(node, 0);
        list_remove(&node->orphan_link);
        node->orphan = false;
    }
    env_mutex_unlock(&fs->orphan_mutex);
    return err;
}

void ext2_orphan_forget(struct ext2_node *node)
{
    env_mutex_lock(&node->fs->orphan_mutex);
    list_remove(&node->orphan_link);
    node->orphan = false;
    env_mutex_unlock(&node->fs->orphan_mutex);
}

/* ---- At the mount ---- */

/* One with names was being cut: what is past its size goes. */
static oskit_error_t ext2_orphan_cut(struct ext2_node *node)
{
    oskit_u32_t size = node->fs->g.block_size;

    env_mutex_lock(&node->mutex);
    oskit_error_t err = ext2_truncate_blocks(node, (ext2_node_size(node) + size - 1) / size);
    env_mutex_unlock(&node->mutex);
    return err;
}

/* The head of the list. One without names is deleted by its release. */
static oskit_error_t ext2_orphan_recover(struct ext2 *fs, oskit_u32_t ino)
{
    struct ext2_node *node;
    oskit_error_t err = ext2_node_get(fs, ino, &node);

    if (OSKIT_FAILED(err))
        return err;
    env_mutex_lock(&fs->orphan_mutex);
    if (!node->orphan)
        list_push_front(&fs->orphans, &node->orphan_link);
    node->orphan = true;
    env_mutex_unlock(&fs->orphan_mutex);
    if (node->nlink > 0 && ext2_is_file(node))
        err = ext2_orphan_cut(node);
    else if (node->nlink > 0)
        err = OSKIT_EUCLEAN;
    ext2_node_put(node);
    return err;
}

void ext2_orphans_recover(struct ext2 *fs)
{
    oskit_error_t err = OSKIT_SUCCESS;
    oskit_u32_t done = 0;

    fs->recovering = true;
    while (fs->super->last_orphan && OSKIT_SUCCEEDED(err)) {
        oskit_u32_t ino = fs->super->last_orphan;

        err = ext2_orphan_recover(fs, ino);
        if (OSKIT_SUCCEEDED(err) && fs->super->last_orphan == ino)
            err = OSKIT_EUCLEAN; /* it stayed */
        if (++done > fs->g.inode_count)
            err = OSKIT_EUCLEAN; /* a circle */
    }
    fs->recovering = false;
    if (OSKIT_FAILED(err))
        ext2_damaged(fs, "list of orphans at inode", fs->super->last_orphan);
    if (done > 0)
        env_log(ENV_LOG_INFO, "ext2: %s: %u inodes left open by a crash ended", fs->name, done);
}
