/*
 * Which block of the disk a block of a file is, by direct and indirect blocks: twelve in the inode,
 * then trees of one, two and three levels. Reading only; see fill.c and truncate.c. Lock order:
 * ext2.h.
 */
#include "ext2.h"

static oskit_u32_t ext2_per_block(const struct ext2 *fs)
{
    return fs->g.block_size / sizeof(oskit_u32_t);
}

oskit_u64_t ext2_map_limit(const struct ext2 *fs)
{
    oskit_u64_t n = ext2_per_block(fs);

    if (fs->g.incompat & EXT2_INCOMPAT_EXTENTS)
        return UINT32_MAX;
    return EXT2_DIRECT_BLOCKS + n + n * n + n * n * n;
}

unsigned ext2_map_path(const struct ext2 *fs, oskit_u64_t index, oskit_u32_t slots[4])
{
    oskit_u64_t n = ext2_per_block(fs), span = n;

    if (index < EXT2_DIRECT_BLOCKS) {
        slots[0] = (oskit_u32_t)index;
        return 1;
    }
    index -= EXT2_DIRECT_BLOCKS;
    for (unsigned levels = 1; levels <= 3; levels++, span *= n) {
        if (index < span) {
            slots[0] = EXT2_DIRECT_BLOCKS - 1 + levels;
            for (unsigned i = levels; i > 0; i--, index /= n)
                slots[i] = (oskit_u32_t)(index % n);
            return levels + 1;
        }
        index -= span;
    }
    return 0;
}

/* How many of COUNT entries from ENTRIES on make one run with the first: neighbours, or all 0. */
static oskit_u64_t ext2_run(const oskit_u32_t *entries, oskit_u64_t count)
{
    oskit_u32_t step = entries[0] ? 1 : 0;
    oskit_u64_t i = 1;

    while (i < count && entries[i] == entries[0] + step * (oskit_u32_t)i)
        i++;
    return i;
}

/* A hole for which there isn't even an indirect block at LEVEL of DEPTH: how far it goes. */
static oskit_u64_t ext2_hole(const struct ext2 *fs, const oskit_u32_t *slots, unsigned level,
                             unsigned depth)
{
    oskit_u64_t n = ext2_per_block(fs), span = 1, within = 0;

    for (unsigned i = depth; i-- > level + 1;) {
        within += slots[i] * span;
        span *= n;
    }
    return span - within;
}

static oskit_error_t ext2_map_answer(struct ext2_node *node, const oskit_u32_t *entries,
                                     oskit_u64_t max, oskit_u64_t *block, oskit_u64_t *count)
{
    *block = entries[0];
    *count = ext2_run(entries, max);
    if (*block && !ext2_blocks_valid(&node->fs->g, *block, *count))
        return ext2_damaged(node->fs, "block number in inode", node->ino);
    return OSKIT_SUCCESS;
}

static oskit_u64_t ext2_min(oskit_u64_t a, oskit_u64_t b)
{
    return a < b ? a : b;
}

/* Down the tree from indirect block BLOCK. */
static oskit_error_t ext2_map_descend(struct ext2_node *node, const oskit_u32_t *slots,
                                      unsigned depth, oskit_u64_t max, oskit_u64_t *block,
                                      oskit_u64_t *count)
{
    struct ext2 *fs = node->fs;
    oskit_error_t err = OSKIT_SUCCESS;
    struct buffer *buffer;

    for (unsigned level = 1; level < depth && OSKIT_SUCCEEDED(err); level++) {
        if (*block == 0) {
            *count = ext2_min(max, ext2_hole(fs, slots, level - 1, depth));
            return OSKIT_SUCCESS;
        }
        if (!ext2_blocks_valid(&fs->g, *block, 1))
            return ext2_damaged(fs, "indirect block of inode", node->ino);
        err = buffer_get(fs->buffers, *block, &buffer);
        if (OSKIT_FAILED(err))
            return err;
        const oskit_u32_t *entries = (const oskit_u32_t *)buffer->data + slots[level];
        *block = *entries;
        if (level == depth - 1)
            err = ext2_map_answer(node, entries, ext2_min(max, ext2_per_block(fs) - slots[level]),
                                  block, count);
        buffer_put(buffer);
    }
    return err;
}

oskit_error_t ext2_map_find(struct ext2_node *node, oskit_u64_t index, oskit_u64_t max,
                            oskit_u64_t *block, oskit_u64_t *count)
{
    oskit_u32_t slots[4];

    if (node->flags & EXT2_FLAG_EXTENTS)
        return ext2_extent_find(node, index, max, block, count);
    unsigned depth = ext2_map_path(node->fs, index, slots);
    if (depth == 0)
        return ext2_damaged(node->fs, "inode larger than can be", node->ino);
    if (depth == 1)
        return ext2_map_answer(node, &node->block[slots[0]],
                               ext2_min(max, EXT2_DIRECT_BLOCKS - slots[0]), block, count);
    *block = node->block[slots[0]];
    return ext2_map_descend(node, slots, depth, max, block, count);
}

oskit_error_t ext2_map_get(struct ext2_node *node, oskit_u64_t index, oskit_u64_t max,
                           oskit_u64_t *block, oskit_u64_t *count)
{
    env_mutex_lock(&node->map_mutex);
    oskit_error_t err = ext2_map_find(node, index, max, block, count);
    env_mutex_unlock(&node->map_mutex);
    return err;
}
