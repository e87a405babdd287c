/* fsync, sizes, holes and space of regular files. Lock order: ext2.h. */
#include "ext2.h"

oskit_u64_t ext2_size_limit(const struct ext2 *fs)
{
    oskit_u64_t limit = ext2_map_limit(fs) << fs->g.block_shift;
    oskit_u64_t counted = (oskit_u64_t)UINT32_MAX * 512 - fs->g.block_size * 2048ull;

    if (!(fs->g.ro_compat & EXT2_RO_LARGE_FILE))
        return INT32_MAX;
    if (!(fs->g.ro_compat & EXT2_RO_HUGE_FILE) && limit > counted)
        limit = counted; /* i_blocks has 32 bits */
    return limit;
}

/* Contents are sent off; what is to be waited for is that ERRORS is the count of before. */
static void ext2_fsync_begin(struct ext2_node *node, oskit_u32_t *errors)
{
    env_spin_lock(&node->cache.lock);
    *errors = node->cache.error_count;
    env_spin_unlock(&node->cache.lock);
    pagecache_writeback(&node->cache, 0, UINT64_MAX, false);
}

static oskit_error_t ext2_fsync_end(struct ext2_node *node, oskit_u32_t *errors)
{
    oskit_error_t err = pagecache_writeback(&node->cache, 0, UINT64_MAX, true);
    oskit_error_t noted = pagecache_error(&node->cache, errors);

    return OSKIT_FAILED(err) ? err : noted;
}

/* The transaction of the node's last change, without a journal every change. */
static oskit_error_t ext2_fsync_metadata(struct ext2_node *node, bool data_only)
{
    oskit_error_t err = data_only ? OSKIT_SUCCESS : ext2_node_flush_ordered(node);

    if (OSKIT_FAILED(err))
        return err;
    if (!node->fs->journal)
        return buffer_sync(node->fs->buffers);
    env_spin_lock(&node->lock);
    journal_tid_t tid = node->tid;
    env_spin_unlock(&node->lock);
    return journal_commit_wait(node->fs->journal, tid);
}

/*
 * Contents and log go to the device at the same time: the transaction waits for the contents, if it
 * isn't committing already, before it flushes the device, and then the last flush here has nothing
 * to do. Sizes and block maps are in buffers as soon as they change, times may not be: they alone
 * don't matter for reading the data back.
 */
static oskit_error_t ext2_fsync_inside(struct ext2_node *node, bool data_only)
{
    oskit_error_t written = OSKIT_SUCCESS;
    oskit_u32_t errors;

    if (node->cached)
        ext2_fsync_begin(node, &errors);
    oskit_error_t err = ext2_fsync_metadata(node, data_only);
    if (node->cached)
        written = ext2_fsync_end(node, &errors);
    if (OSKIT_SUCCEEDED(err))
        err = buffer_flush(node->fs->buffers);
    return OSKIT_FAILED(written) ? written : err;
}

oskit_error_t ext2_fsync(struct ext2_node *node, bool data_only)
{
    oskit_error_t err = OSKIT_SUCCESS;

    ext2_enter(node->fs);
    if (!atomic_load(&node->fs->read_only))
        err = ext2_fsync_inside(node, data_only);
    ext2_leave(node->fs);
    return err;
}

/* ---- Holes ---- */

/* Whether block INDEX is a hole, and how many of the same kind follow. */
static oskit_error_t ext2_kind(struct ext2_node *node, oskit_u64_t index, oskit_u64_t end,
                               bool *hole, oskit_u64_t *count)
{
    oskit_u64_t block;
    oskit_error_t err = ext2_map_get(node, index, end - index, &block, count);

    *hole = block == 0;
    return err;
}

oskit_error_t ext2_seek(struct ext2_node *node, oskit_off_t offset, bool hole, oskit_off_t *out)
{
    oskit_u64_t size = ext2_node_size(node), place = (oskit_u64_t)offset, count;
    oskit_u32_t shift = node->fs->g.block_shift;
    bool is_hole = !hole;

    if (offset < 0 || place >= size)
        return OSKIT_ENXIO;
    oskit_u64_t first = place >> shift, index = first, end = ((size - 1) >> shift) + 1;
    while (index < end) {
        oskit_error_t err = ext2_kind(node, index, end, &is_hole, &count);
        if (OSKIT_FAILED(err))
            return err;
        if (is_hole == hole)
            break;
        index += count;
    }
    if (index >= end && !hole)
        return OSKIT_ENXIO;
    if (index > first)
        place = index << shift;
    *out = (oskit_off_t)(place < size ? place : size);
    return OSKIT_SUCCESS;
}

/* ---- Space ahead ---- */

/* Zeros into the holes of bytes FROM..TO, or into ALL: there is no mark for blocks that are yet to
 * be written. */
static oskit_error_t ext2_fill_zeros(struct ext2_node *node, oskit_u64_t from, oskit_u64_t to,
                                     bool all)
{
    struct ext2 *fs = node->fs;
    oskit_error_t err = OSKIT_SUCCESS;
    void *zeros = env_page_alloc(0, ENV_ZERO);

    if (!zeros)
        return OSKIT_ENOMEM;
    while (from < to && OSKIT_SUCCEEDED(err)) {
        oskit_u64_t index = from >> fs->g.block_shift, count, end;
        bool hole;

        err = ext2_kind(node, index, ((to - 1) >> fs->g.block_shift) + 1, &hole, &count);
        hole |= all;
        end = (index + count) << fs->g.block_shift;
        if (end > to)
            end = to;
        while (OSKIT_SUCCEEDED(err) && hole && from < end) {
            struct sluice_iovec segment;
            struct sluice_uio uio;
            oskit_size_t moved = 0;
            oskit_u64_t part = end - from < ENV_PAGE_SIZE ? end - from : ENV_PAGE_SIZE;

            uio_init_kernel(&uio, &segment, zeros, part);
            err = pagecache_write(&node->cache, &uio, from, &moved);
            from += moved;
        }
        if (!hole)
            from = end;
    }
    env_page_unref(zeros);
    return err;
}

/* Blocks behind the end of a file would have to be marked as such. */
static oskit_error_t ext2_preallocate(struct ext2_node *node, oskit_u32_t mode, oskit_u64_t from,
                                      oskit_u64_t to)
{
    oskit_u64_t old = ext2_node_size(node);
    bool all = mode & ALLOCATE_ZERO_RANGE;

    if (mode & ALLOCATE_KEEP_SIZE && to > old)
        return OSKIT_EOPNOTSUPP;
    ext2_written(node);
    oskit_error_t err = ext2_fill_zeros(node, from, to < old ? to : old, all);
    if (OSKIT_SUCCEEDED(err) && to > old)
        err = ext2_fill_zeros(node, from > old ? from : old, to, all);
    return err;
}

static bool ext2_mode_known(const struct ext2 *fs, oskit_u32_t mode)
{
    if (mode & ALLOCATE_PUNCH_HOLE)
        return mode == (ALLOCATE_PUNCH_HOLE | ALLOCATE_KEEP_SIZE) && fs->journal;
    return !(mode & ~(ALLOCATE_KEEP_SIZE | ALLOCATE_ZERO_RANGE));
}

oskit_error_t ext2_allocate(struct ext2_node *node, oskit_u32_t mode, oskit_off_t offset,
                            oskit_off_t length)
{
    oskit_error_t err = ext2_writable(node->fs);

    if (OSKIT_FAILED(err))
        return err;
    if (offset < 0 || length <= 0)
        return OSKIT_E_INVALIDARG;
    if (!ext2_mode_known(node->fs, mode))
        return OSKIT_EOPNOTSUPP;
    if ((oskit_u64_t)length > ext2_size_limit(node->fs) ||
        (oskit_u64_t)offset > ext2_size_limit(node->fs) - (oskit_u64_t)length)
        return OSKIT_EFBIG;
    oskit_u64_t from = (oskit_u64_t)offset, to = from + (oskit_u64_t)length;
    err = ext2_lock_incapable(node);
    if (OSKIT_SUCCEEDED(err) && mode & ALLOCATE_PUNCH_HOLE) {
        ext2_written(node);
        err = ext2_punch(node, from, to);
    } else if (OSKIT_SUCCEEDED(err)) {
        err = ext2_preallocate(node, mode, from, to);
    }
    env_mutex_unlock(&node->mutex);
    return err;
}
