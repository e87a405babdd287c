/*
 * Taking blocks away from a file, from the end of a range. As much as one transaction carries, then
 * the next: after each the file is whole up to where the cut has come. When it becomes shorter, the
 * list of orphans has the rest done after a crash. Lock order: ext2.h.
 */
#include "ext2.h"

/* What one step may need before it can stop: a group's two, an indirect block, the inode and an
 * indirect block that goes, with its group. */
#define CUT_STEP  10u
#define CUT_BEGIN 32u
/* Of blocks that were logged so many at once: each costs a credit. */
#define CUT_REVOKES 4u

struct ext2_cut {
    struct ext2_node *node;
    struct journal_handle *handle;
    oskit_u64_t first, end; /* blocks of the file: these go */
};

/* OSKIT_EAGAIN: the transaction is full. */
static oskit_error_t ext2_cut_credits(struct ext2_cut *cut)
{
    if (journal_credits(cut->handle) >= CUT_STEP)
        return OSKIT_SUCCESS;
    return OSKIT_FAILED(journal_extend(cut->handle, CUT_BEGIN)) ? OSKIT_EAGAIN : OSKIT_SUCCESS;
}

static oskit_error_t ext2_cut_run(struct ext2_cut *cut, oskit_u64_t first, oskit_u64_t count)
{
    struct ext2_node *node = cut->node;
    oskit_error_t err = OSKIT_SUCCESS;

    for (oskit_u64_t i = 0; !node->cached && i < count && OSKIT_SUCCEEDED(err); i++)
        err = journal_revoke(cut->handle, first + i); /* a directory's: it was logged */
    if (OSKIT_SUCCEEDED(err))
        err = ext2_bfree(node->fs, cut->handle, first, count);
    if (OSKIT_FAILED(err))
        return err;
    oskit_u64_t sectors = count << (node->fs->g.block_shift - 9);
    env_spin_lock(&node->lock);
    node->sectors -= sectors < node->sectors ? sectors : node->sectors;
    env_spin_unlock(&node->lock);
    return OSKIT_SUCCESS;
}

/* The run of neighbours that ends with ENTRIES[last], not beyond FROM and at most MOST; its length.
 */
static oskit_u32_t ext2_cut_length(const oskit_u32_t *entries, oskit_u32_t from, oskit_u32_t last,
                                   oskit_u32_t most)
{
    oskit_u32_t count = 1;

    while (count < most && last - count + 1 > from && entries[last - count] &&
           entries[last - count] + count == entries[last])
        count++;
    return count;
}

/* Blocks named by ENTRIES[from] to ENTRIES[end - 1]; the entries are zeroed. The buffer was
 * accessed, or they are the inode's. */
static oskit_error_t ext2_cut_entries(struct ext2_cut *cut, struct buffer *buffer,
                                      oskit_u32_t *entries, oskit_u32_t from, oskit_u32_t end)
{
    oskit_error_t err = OSKIT_SUCCESS;

    while (end > from && OSKIT_SUCCEEDED(err)) {
        oskit_u32_t count = 1;

        if (entries[end - 1]) {
            count = ext2_cut_length(entries, from, end - 1,
                                    cut->node->cached ? UINT32_MAX : CUT_REVOKES);
            err = ext2_cut_credits(cut);
            if (OSKIT_SUCCEEDED(err))
                err = ext2_cut_run(cut, entries[end - count], count);
            if (OSKIT_FAILED(err))
                break;
            env_spin_lock(&cut->node->lock);
            memset(&entries[end - count], 0, count * sizeof *entries);
            env_spin_unlock(&cut->node->lock);
        }
        end -= count;
    }
    if (buffer)
        journal_dirty(cut->handle, buffer);
    return err;
}

static bool ext2_all_zero(const oskit_u32_t *entries, oskit_u32_t count)
{
    oskit_u32_t any = 0;

    for (oskit_u32_t i = 0; i < count; i++)
        any |= entries[i];
    return any == 0;
}

/* The indirect block of BUFFER, which this takes over, names nothing any more: it goes, and
 * *ENTRY in PARENT (NULL: the inode) with it. */
static oskit_error_t ext2_cut_indirect(struct ext2_cut *cut, struct buffer *parent,
                                       oskit_u32_t *entry, struct buffer *buffer)
{
    oskit_u64_t block = buffer->block;
    oskit_error_t err = ext2_cut_credits(cut);

    if (OSKIT_SUCCEEDED(err) && parent)
        err = journal_access(cut->handle, parent);
    if (OSKIT_FAILED(err)) {
        buffer_put(buffer);
        return err;
    }
    err = journal_forget(cut->handle, buffer);
    if (OSKIT_SUCCEEDED(err))
        err = ext2_cut_run(cut, block, 1);
    if (OSKIT_FAILED(err))
        return err;
    env_spin_lock(&cut->node->lock);
    *entry = 0;
    env_spin_unlock(&cut->node->lock);
    if (parent)
        journal_dirty(cut->handle, parent);
    return OSKIT_SUCCESS;
}

/* COUNT entries, of UNIT blocks each from BASE on: those that the cut touches are FROM to *TO - 1.
 */
static oskit_u32_t ext2_cut_touched(const struct ext2_cut *cut, oskit_u64_t base, oskit_u64_t unit,
                                    oskit_u32_t count, oskit_u32_t *to)
{
    oskit_u64_t span = unit * count;

    *to = 0;
    if (cut->first >= base + span || cut->end <= base)
        return 0;
    *to = cut->end - base >= span ? count : (oskit_u32_t)((cut->end - base + unit - 1) / unit);
    return cut->first <= base ? 0 : (oskit_u32_t)((cut->first - base) / unit);
}

/* What the cut touches of the tree of LEVELS levels under *ENTRY of PARENT, which begins with the
 * file's block BASE. Bounded by three levels. */
static oskit_error_t ext2_cut_tree(struct ext2_cut *cut, struct buffer *parent, oskit_u32_t *entry,
                                   unsigned levels, oskit_u64_t base)
{
    struct ext2 *fs = cut->node->fs;
    oskit_u32_t per_block = fs->g.block_size / sizeof(oskit_u32_t), to;
    oskit_u64_t unit = levels == 1   ? 1
                       : levels == 2 ? per_block
                                     : (oskit_u64_t)per_block * per_block;
    oskit_u32_t from = ext2_cut_touched(cut, base, unit, per_block, &to);
    struct buffer *buffer;

    if (*entry == 0 || from >= to)
        return OSKIT_SUCCESS;
    if (!ext2_blocks_valid(&fs->g, *entry, 1))
        return ext2_damaged(fs, "indirect block of inode", cut->node->ino);
    oskit_error_t err = buffer_get(fs->buffers, *entry, &buffer);
    if (OSKIT_FAILED(err))
        return err;
    oskit_u32_t *entries = buffer->data;
    if (levels == 1) {
        err = ext2_cut_credits(cut);
        if (OSKIT_SUCCEEDED(err))
            err = journal_access(cut->handle, buffer);
        if (OSKIT_SUCCEEDED(err))
            err = ext2_cut_entries(cut, buffer, entries, from, to);
    }
    for (oskit_u32_t i = to; levels > 1 && i-- > from && OSKIT_SUCCEEDED(err);)
        err = ext2_cut_tree(cut, buffer, &entries[i], levels - 1, base + i * unit);
    if (OSKIT_SUCCEEDED(err) && ext2_all_zero(entries, per_block))
        return ext2_cut_indirect(cut, parent, entry, buffer);
    buffer_put(buffer);
    return err;
}

/* With map_mutex held. */
static oskit_error_t ext2_cut_map(struct ext2_cut *cut)
{
    oskit_u64_t per_block = cut->node->fs->g.block_size / sizeof(oskit_u32_t);
    const oskit_u64_t bases[] = {EXT2_DIRECT_BLOCKS, EXT2_DIRECT_BLOCKS + per_block,
                                 EXT2_DIRECT_BLOCKS + per_block + per_block * per_block};
    oskit_u32_t *block = cut->node->block, to;
    oskit_error_t err = OSKIT_SUCCESS;

    for (unsigned level = SLUICE_COUNT(bases); level > 0 && OSKIT_SUCCEEDED(err); level--)
        err = ext2_cut_tree(cut, NULL, &block[EXT2_INDIRECT + level - 1], level, bases[level - 1]);
    oskit_u32_t from = ext2_cut_touched(cut, 0, 1, EXT2_DIRECT_BLOCKS, &to);
    if (OSKIT_SUCCEEDED(err) && from < to)
        err = ext2_cut_entries(cut, NULL, block, from, to);
    return err;
}

/* In HANDLE, an outermost one, which may be restarted; closed when *closed. */
static oskit_error_t ext2_cut_all(struct journal_handle *handle, struct ext2_node *node,
                                  oskit_u64_t index, bool *closed)
{
    struct ext2_cut cut = {node, handle, index, UINT64_MAX};
    oskit_error_t err, stored;

    *closed = false;
    for (;;) {
        env_mutex_lock(&node->map_mutex);
        err = ext2_cut_map(&cut);
        stored = ext2_inode_store(handle, node, false);
        env_mutex_unlock(&node->map_mutex);
        if (err != OSKIT_EAGAIN || OSKIT_FAILED(stored))
            return OSKIT_FAILED(stored) ? stored : err;
        err = ext2_restart(node->fs, handle, CUT_BEGIN);
        *closed = OSKIT_FAILED(err);
        if (*closed)
            return err;
    }
}

/* And then off the list of orphans. */
oskit_error_t ext2_truncate_blocks(struct ext2_node *node, oskit_u64_t index)
{
    struct journal_handle handle;
    bool closed;
    oskit_error_t err = ext2_begin(node->fs, CUT_BEGIN, &handle);

    if (OSKIT_FAILED(err))
        return err;
    err = ext2_cut_all(&handle, node, index, &closed);
    if (closed)
        return err;
    if (journal_credits(&handle) < EXT2_CREDITS_ORPHAN + EXT2_CREDITS_INODE) {
        oskit_error_t more = ext2_restart(node->fs, &handle, CUT_BEGIN);
        if (OSKIT_FAILED(more))
            return more;
    }
    if (OSKIT_SUCCEEDED(err) && node->nlink > 0)
        err = ext2_orphan_remove(&handle, node);
    if (OSKIT_SUCCEEDED(err))
        err = ext2_inode_store(&handle, node, false);
    ext2_end(node->fs, &handle);
    return err;
}

/* ---- Holes ---- */

/* The cache has let go of bytes FIRST to LAST before the transaction ends that frees their blocks,
 * so that nothing of it is on its way to them when they are another's. */
static oskit_error_t ext2_punch_step(struct ext2_cut *cut, oskit_u64_t first, oskit_u64_t last)
{
    struct ext2_node *node = cut->node;

    env_mutex_lock(&node->map_mutex);
    oskit_error_t err = cut->first < cut->end ? ext2_cut_map(cut) : OSKIT_SUCCESS;
    oskit_error_t stored = ext2_inode_store(cut->handle, node, false);
    env_mutex_unlock(&node->map_mutex);
    oskit_error_t dropped = pagecache_punch(&node->cache, first, last);
    if (OSKIT_FAILED(stored))
        return stored;
    return OSKIT_FAILED(err) ? err : dropped;
}

oskit_error_t ext2_punch(struct ext2_node *node, oskit_u64_t from, oskit_u64_t to)
{
    struct ext2 *fs = node->fs;
    oskit_u64_t size = ext2_node_size(node), mask = fs->g.block_size - 1;
    struct journal_handle handle;
    struct ext2_cut cut = {node, &handle, (from + mask) >> fs->g.block_shift, 0};

    if (from >= size)
        return OSKIT_SUCCESS;
    if (to > size)
        to = (size + mask) & ~mask;
    cut.end = to >> fs->g.block_shift;
    /* A hole may take several transactions, while its pages go in the first: what the rest of its
     * blocks hold must not be what was on the disk. */
    (void)pagecache_writeback(&node->cache, from, to - 1, true);
    oskit_error_t err = ext2_begin(fs, CUT_BEGIN, &handle);
    if (OSKIT_FAILED(err))
        return err;
    journal_settle_ordered(&handle, &node->ordered);
    while ((err = ext2_punch_step(&cut, from, to - 1)) == OSKIT_EAGAIN) {
        err = ext2_restart(fs, &handle, CUT_BEGIN);
        if (OSKIT_FAILED(err))
            return err;
    }
    ext2_end(fs, &handle);
    return err;
}

/* ---- Sizes ---- */

/*
 * The new size shows within the transaction that puts the node on the list of orphans: anybody may
 * store the inode at any time (ext2_nodes_flush), and must not do so before with blocks past the
 * size that nothing would ever free.
 */
static oskit_error_t ext2_shrink_size(struct journal_handle *handle, struct ext2_node *node,
                                      oskit_u64_t size)
{
    oskit_error_t err = ext2_orphan_add(handle, node);

    if (OSKIT_FAILED(err))
        return err;
    journal_settle_ordered(handle, &node->ordered);
    err = pagecache_truncate(&node->cache, size);
    if (OSKIT_FAILED(err) && node->nlink > 0)
        (void)ext2_orphan_remove(handle, node); /* the first error counts */
    oskit_error_t stored = ext2_inode_store(handle, node, false);
    return OSKIT_FAILED(err) ? err : stored;
}

static oskit_error_t ext2_shrink(struct ext2_node *node, oskit_u64_t size)
{
    struct journal_handle handle;
    oskit_u32_t block = node->fs->g.block_size;
    oskit_error_t err = ext2_begin(node->fs, EXT2_CREDITS_INODE + 2 * EXT2_CREDITS_ORPHAN, &handle);

    if (OSKIT_FAILED(err))
        return err;
    err = ext2_shrink_size(&handle, node, size);
    ext2_end(node->fs, &handle);
    if (OSKIT_FAILED(err))
        return err;
    return ext2_truncate_blocks(node, (size + block - 1) >> node->fs->g.block_shift);
}

static oskit_error_t ext2_grow(struct ext2_node *node, oskit_u64_t size)
{
    struct journal_handle handle;
    oskit_error_t err = ext2_begin(node->fs, EXT2_CREDITS_INODE, &handle);

    if (OSKIT_FAILED(err))
        return err;
    err = pagecache_truncate(&node->cache, size);
    if (OSKIT_SUCCEEDED(err))
        err = ext2_inode_store(&handle, node, false);
    ext2_end(node->fs, &handle);
    return err;
}

oskit_error_t ext2_truncate(struct ext2_node *node, oskit_u64_t size)
{
    oskit_error_t err = ext2_writable(node->fs);

    if (OSKIT_FAILED(err))
        return err;
    if (size > ext2_size_limit(node->fs))
        return OSKIT_EFBIG;
    err = ext2_lock_incapable(node);
    oskit_u64_t old = ext2_node_size(node);
    if (OSKIT_SUCCEEDED(err))
        ext2_written(node);
    if (OSKIT_SUCCEEDED(err) && size < old)
        err = ext2_shrink(node, size);
    else if (OSKIT_SUCCEEDED(err) && size > old)
        err = ext2_grow(node, size);
    env_mutex_unlock(&node->mutex);
    return err;
}

/* ---- The end of a file ---- */

#define DELETE_CREDITS (EXT2_CREDITS_INODE + EXT2_CREDITS_ORPHAN + 2 * EXT2_CREDITS_BITMAP + 2)

static oskit_error_t ext2_delete_inode(struct journal_handle *handle, struct ext2_node *node)
{
    oskit_error_t err = ext2_xattr_free(handle, node);

    if (OSKIT_SUCCEEDED(err))
        err = ext2_orphan_remove(handle, node);
    if (OSKIT_FAILED(err))
        return err;
    env_spin_lock(&node->lock);
    node->dtime = (oskit_u32_t)(env_time_real() / 1000000000);
    node->sectors = 0;
    env_spin_unlock(&node->lock);
    err = ext2_inode_store(handle, node, false);
    if (OSKIT_FAILED(err))
        return err;
    ext2_node_unpublish(node); /* the number may be another's from now on */
    return ext2_ifree(node->fs, handle, node->ino, ext2_is_dir(node));
}

static bool ext2_has_blocks(struct ext2_node *node)
{
    return ext2_is_file(node) || ext2_is_dir(node) ||
           (OSKIT_S_ISLNK(node->mode) && !ext2_link_is_fast(node));
}

oskit_error_t ext2_delete(struct ext2_node *node)
{
    struct journal_handle handle;
    bool closed = false;
    oskit_error_t err = ext2_begin(node->fs, CUT_BEGIN, &handle);

    if (OSKIT_FAILED(err))
        return err;
    if (node->cached) {
        journal_settle_ordered(&handle, &node->ordered);
        err = pagecache_truncate(&node->cache, 0);
    }
    if (OSKIT_SUCCEEDED(err) && ext2_has_blocks(node))
        err = ext2_cut_all(&handle, node, 0, &closed);
    if (!closed && journal_credits(&handle) < DELETE_CREDITS) {
        oskit_error_t more = ext2_restart(node->fs, &handle, DELETE_CREDITS);
        closed = OSKIT_FAILED(more);
        if (closed)
            return more;
    }
    if (OSKIT_SUCCEEDED(err))
        err = ext2_delete_inode(&handle, node);
    if (!closed)
        ext2_end(node->fs, &handle);
    return err;
}
