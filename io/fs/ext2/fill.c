/* Giving blocks to a file: the last step down the tree of indirect blocks. Lock order: ext2.h. */
#include "ext2.h"

/* Where a block number stands: in the inode, or in an indirect block. */
struct ext2_slot {
    struct buffer *buffer; /* NULL: in the inode; held */
    oskit_u32_t *entry;
};

/* The handle must be able to carry one more call; a long write asks for more as it goes. */
static oskit_error_t ext2_fill_credits(struct journal_handle *handle)
{
    if (journal_credits(handle) >= EXT2_CREDITS_FILL)
        return OSKIT_SUCCESS;
    return OSKIT_FAILED(journal_extend(handle, EXT2_CREDITS_FILL)) ? OSKIT_ENOSPC : OSKIT_SUCCESS;
}

static void ext2_count_sectors(struct ext2_node *node, oskit_u64_t blocks)
{
    env_spin_lock(&node->lock);
    node->sectors += blocks << (node->fs->g.block_shift - 9);
    env_spin_unlock(&node->lock);
}

/* COUNT slots from SLOT on get numbers from FIRST on. */
static oskit_error_t ext2_slot_set(struct journal_handle *handle, struct ext2_node *node,
                                   struct ext2_slot *slot, oskit_u64_t first, oskit_u64_t count)
{
    if (slot->buffer) {
        oskit_error_t err = journal_access(handle, slot->buffer);
        if (OSKIT_FAILED(err))
            return err;
    } else {
        env_spin_lock(&node->lock); /* whoever stores the inode reads them under it */
    }
    for (oskit_u64_t i = 0; i < count; i++)
        slot->entry[i] = (oskit_u32_t)(first + i);
    if (slot->buffer)
        journal_dirty(handle, slot->buffer);
    else
        env_spin_unlock(&node->lock);
    return OSKIT_SUCCESS;
}

static oskit_u64_t ext2_goal(const struct ext2_node *node)
{
    if (node->goal)
        return node->goal;
    return ext2_group_first(&node->fs->g, (node->ino - 1) / node->fs->g.inodes_per_group);
}

/* A run for SLOT and up to COUNT - 1 after it. */
static oskit_error_t ext2_slot_fill(struct journal_handle *handle, struct ext2_node *node,
                                    struct ext2_slot *slot, oskit_u64_t count, oskit_u64_t *first,
                                    oskit_u64_t *done)
{
    oskit_error_t err = ext2_balloc(node->fs, handle, ext2_goal(node), count, first, done);

    if (OSKIT_FAILED(err))
        return err;
    err = ext2_slot_set(handle, node, slot, *first, *done);
    if (OSKIT_FAILED(err)) {
        ext2_bfree(node->fs, handle, *first, *done);
        return err;
    }
    ext2_count_sectors(node, *done);
    node->goal = *first + *done;
    return OSKIT_SUCCESS;
}

/* SLOT moves into the indirect block it names, which is made when there is none. */
static oskit_error_t ext2_slot_enter(struct journal_handle *handle, struct ext2_node *node,
                                     struct ext2_slot *slot, oskit_u32_t within)
{
    oskit_u64_t block = *slot->entry, done;
    struct ext2 *fs = node->fs;
    struct buffer *buffer;
    bool fresh = block == 0;
    oskit_error_t err = OSKIT_SUCCESS;

    if (fresh)
        err = ext2_slot_fill(handle, node, slot, 1, &block, &done);
    else if (!ext2_blocks_valid(&fs->g, block, 1))
        err = ext2_damaged(fs, "indirect block of inode", node->ino);
    if (OSKIT_FAILED(err))
        return err;
    err = fresh ? buffer_get_new(fs->buffers, block, &buffer)
                : buffer_get(fs->buffers, block, &buffer);
    if (OSKIT_FAILED(err))
        return err;
    if (fresh && OSKIT_SUCCEEDED(err = journal_access(handle, buffer))) {
        memset(buffer->data, 0, fs->g.block_size);
        journal_dirty(handle, buffer);
    }
    buffer_put(slot->buffer);
    slot->buffer = buffer;
    slot->entry = (oskit_u32_t *)buffer->data + within;
    return err;
}

/* Block INDEX is in a hole of at least COUNT. */
static oskit_error_t ext2_fill_hole(struct journal_handle *handle, struct ext2_node *node,
                                    oskit_u64_t index, oskit_u64_t count, oskit_u64_t *done)
{
    oskit_u32_t slots[4], per_block = node->fs->g.block_size / sizeof(oskit_u32_t);
    unsigned depth = ext2_map_path(node->fs, index, slots);
    oskit_u64_t room =
        depth == 1 ? EXT2_DIRECT_BLOCKS - slots[0] : (oskit_u64_t)per_block - slots[depth - 1];
    struct ext2_slot slot = {NULL, &node->block[slots[0]]};
    oskit_error_t err = OSKIT_SUCCESS;
    oskit_u64_t first;

    for (unsigned level = 1; level < depth && OSKIT_SUCCEEDED(err); level++)
        err = ext2_slot_enter(handle, node, &slot, slots[level]);
    if (OSKIT_SUCCEEDED(err))
        err = ext2_slot_fill(handle, node, &slot, count < room ? count : room, &first, done);
    buffer_put(slot.buffer);
    return err;
}

oskit_error_t ext2_map_fill(struct journal_handle *handle, struct ext2_node *node,
                            oskit_u64_t index, oskit_u64_t count, oskit_u64_t *done, bool *fresh)
{
    oskit_u64_t block;
    oskit_error_t err = ext2_map_find(node, index, count, &block, done);

    *fresh = false;
    if (OSKIT_FAILED(err) || block)
        return err;
    err = ext2_fill_credits(handle);
    if (OSKIT_SUCCEEDED(err))
        err = ext2_fill_hole(handle, node, index, *done, done);
    *fresh = OSKIT_SUCCEEDED(err);
    return err;
}
