/*
 * What a regular file tells its page cache: where bytes are, how they come to have blocks, and what
 * belongs into one transaction. Lock order: ext2.h.
 */
#include "ext2.h"

static struct ext2_node *ext2_cache_node(struct pagecache *cache)
{
    return container_of(cache, struct ext2_node, cache);
}

static oskit_error_t ext2_cache_extent(struct pagecache *cache, oskit_u64_t offset,
                                       oskit_u64_t length, struct pagecache_extent *out)
{
    struct ext2_node *node = ext2_cache_node(cache);
    oskit_u32_t shift = node->fs->g.block_shift;
    oskit_u64_t within = offset & (node->fs->g.block_size - 1), block, count;
    oskit_u64_t blocks = ((within + length - 1) >> shift) + 1;
    oskit_error_t err = ext2_map_get(node, offset >> shift, blocks, &block, &count);

    if (OSKIT_FAILED(err))
        return err;
    out->device = block ? (block << shift) + within : PAGECACHE_HOLE;
    out->length = (count << shift) - within;
    return OSKIT_SUCCESS;
}

/* ---- Transactions ---- */

/* Runs of blocks, the indirect blocks above them, and the inode; what is missing is asked for as
 * it turns out. */
static oskit_u32_t ext2_write_credits(struct ext2 *fs, oskit_u64_t length)
{
    oskit_u64_t blocks = (length >> fs->g.block_shift) + 2;
    oskit_u64_t leaves = blocks / (fs->g.block_size / sizeof(oskit_u32_t));
    oskit_u64_t groups = blocks / fs->g.blocks_per_group;
    oskit_u64_t credits = EXT2_CREDITS_INODE + EXT2_CREDITS_FILL + leaves + groups * 2;

    return credits < UINT32_MAX ? (oskit_u32_t)credits : UINT32_MAX;
}

/* One at a time is in the node, more are allocated. */
static struct ext2_write *ext2_write_take(struct ext2_node *node)
{
    env_spin_lock(&node->lock);
    bool first = !node->write_taken;
    node->write_taken = true;
    env_spin_unlock(&node->lock);
    return first ? &node->write : env_alloc(sizeof(struct ext2_write), 0);
}

static void ext2_write_give(struct ext2_node *node, struct ext2_write *write)
{
    if (write != &node->write) {
        env_free(write, sizeof *write);
        return;
    }
    env_spin_lock(&node->lock);
    node->write_taken = false;
    env_spin_unlock(&node->lock);
}

static struct ext2_write *ext2_write_of(struct ext2_node *node)
{
    uintptr_t me = env_context();

    env_spin_lock(&node->lock);
    struct ext2_write *write = node->writes;
    while (write && write->thread != me)
        write = write->next;
    env_spin_unlock(&node->lock);
    return write;
}

static oskit_error_t ext2_cache_begin(struct pagecache *cache, oskit_u64_t length)
{
    struct ext2_node *node = ext2_cache_node(cache);
    oskit_error_t err = ext2_writable(node->fs);
    struct ext2_write *write = OSKIT_SUCCEEDED(err) ? ext2_write_take(node) : NULL;

    if (!write)
        return OSKIT_FAILED(err) ? err : OSKIT_ENOMEM;
    err = ext2_begin(node->fs, ext2_write_credits(node->fs, length), &write->handle);
    if (OSKIT_FAILED(err)) {
        ext2_write_give(node, write);
        return err;
    }
    write->thread = env_context();
    write->store = false;
    env_spin_lock(&node->lock);
    write->next = node->writes;
    node->writes = write;
    env_spin_unlock(&node->lock);
    return OSKIT_SUCCESS;
}

static void ext2_cache_end(struct pagecache *cache)
{
    struct ext2_node *node = ext2_cache_node(cache);
    struct ext2_write *write = ext2_write_of(node);

    if (write->store) {
        /* Also for a size that grew inside a block: else zeros would show behind the old one. */
        journal_add_ordered(&write->handle, &node->ordered);
        if (OSKIT_FAILED(ext2_inode_store(&write->handle, node, false)))
            ext2_damaged(node->fs, "inode not stored", node->ino);
    }
    ext2_end(node->fs, &write->handle);
    env_spin_lock(&node->lock);
    struct ext2_write **link = &node->writes;
    while (*link != write)
        link = &(*link)->next;
    *link = write->next;
    env_spin_unlock(&node->lock);
    ext2_write_give(node, write);
}

/* ---- Space ---- */

/* With map_mutex held. As much as can be had; an error only when it is nothing. */
static oskit_error_t ext2_fill_range(struct journal_handle *handle, struct ext2_node *node,
                                     oskit_u64_t index, oskit_u64_t count, oskit_u64_t *filled,
                                     bool *fresh)
{
    oskit_error_t err = OSKIT_SUCCESS;
    oskit_u64_t done;
    bool hole;

    *filled = 0;
    while (*filled < count && OSKIT_SUCCEEDED(err)) {
        err = ext2_map_fill(handle, node, index + *filled, count - *filled, &done, &hole);
        if (OSKIT_SUCCEEDED(err)) {
            *filled += done;
            *fresh |= hole;
        }
    }
    return *filled > 0 ? OSKIT_SUCCESS : err;
}

static oskit_error_t ext2_cache_reserve(struct pagecache *cache, oskit_u64_t offset,
                                        oskit_u64_t length, oskit_u64_t *out_length, bool *out_new)
{
    struct ext2_node *node = ext2_cache_node(cache);
    struct ext2_write *write = ext2_write_of(node);
    oskit_u32_t shift = node->fs->g.block_shift;
    oskit_u64_t index = offset >> shift, limit = ext2_size_limit(node->fs), filled;

    *out_new = false;
    if (offset >= limit)
        return OSKIT_EFBIG;
    if (length > limit - offset)
        length = limit - offset;
    oskit_u64_t count = ((offset + length - 1) >> shift) - index + 1;
    env_mutex_lock(&node->map_mutex);
    oskit_error_t err = ext2_fill_range(&write->handle, node, index, count, &filled, out_new);
    env_mutex_unlock(&node->map_mutex);
    if (*out_new || OSKIT_FAILED(err))
        write->store = true; /* indirect blocks may be new though no block is */
    if (OSKIT_FAILED(err))
        return err;
    oskit_u64_t end = (index + filled) << shift;
    *out_length = end - offset < length ? end - offset : length;
    return OSKIT_SUCCESS;
}

static void ext2_cache_grown(struct pagecache *cache, oskit_u64_t size)
{
    (void)size; /* the inode is stored with it */
    ext2_write_of(ext2_cache_node(cache))->store = true;
}

const struct pagecache_ops ext2_cache_ops = {
    .extent = ext2_cache_extent,
    .reserve = ext2_cache_reserve,
    .grown = ext2_cache_grown,
    .begin = ext2_cache_begin,
    .end = ext2_cache_end,
};
