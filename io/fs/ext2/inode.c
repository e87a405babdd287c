/* Inodes between the disk and a node in memory. */
#include "checksum.h"
#include "ext2.h"

#define NANOSECONDS 1000000000

oskit_error_t ext2_inode_get(struct ext2 *fs, oskit_u32_t ino, struct buffer **out,
                             struct ext2_inode **out_inode)
{
    oskit_u32_t group = (ino - 1) / fs->g.inodes_per_group;
    oskit_u64_t byte = (oskit_u64_t)((ino - 1) % fs->g.inodes_per_group) * fs->g.inode_size;
    oskit_error_t err =
        buffer_get(fs->buffers, fs->groups[group].inode_table + (byte >> fs->g.block_shift), out);

    if (OSKIT_SUCCEEDED(err))
        *out_inode = (void *)((char *)(*out)->data + (byte & (fs->g.block_size - 1)));
    return err;
}

/* ---- Times ---- */

/* The last second that fits into 64 bits of nanoseconds, in 2262. */
#define LAST_SECOND (INT64_MAX / NANOSECONDS - 1)

/* Seconds have 34 bits and nanoseconds 30, when the inode has room for EXTRA. */
static oskit_s64_t ext2_time_load(oskit_u32_t base, oskit_u32_t extra)
{
    oskit_s64_t seconds = (oskit_s32_t)base + ((oskit_s64_t)(extra & 3) << 32);
    oskit_u32_t rest = extra >> 2;

    if (seconds > LAST_SECOND)
        seconds = LAST_SECOND;
    return seconds * NANOSECONDS + (rest < NANOSECONDS ? rest : 0);
}

static oskit_u32_t ext2_time_store(oskit_s64_t time, oskit_u32_t *extra)
{
    oskit_s64_t seconds = time / NANOSECONDS, rest = time % NANOSECONDS;

    if (rest < 0) {
        rest += NANOSECONDS;
        seconds--;
    }
    oskit_s64_t epoch = (seconds - (oskit_s32_t)seconds) >> 32;
    *extra = (oskit_u32_t)(epoch & 3) | (oskit_u32_t)rest << 2;
    return (oskit_u32_t)seconds;
}

/* Whether the inode on the disk is large enough for MEMBER, by its own word and the superblock's.
 */
#define INODE_HAS(fs, raw, member)                                     \
    ((fs)->g.inode_size > EXT2_INODE_SIZE_OLD &&                       \
     EXT2_INODE_SIZE_OLD + (raw)->extra_isize <= (fs)->g.inode_size && \
     offsetof(struct ext2_inode, member) + sizeof((raw)->member) <=    \
         EXT2_INODE_SIZE_OLD + (size_t)(raw)->extra_isize)

static void ext2_load_times(struct ext2_node *node, const struct ext2_inode *raw)
{
    const struct ext2 *fs = node->fs;

    node->atime =
        ext2_time_load(raw->atime, INODE_HAS(fs, raw, atime_extra) ? raw->atime_extra : 0);
    node->mtime =
        ext2_time_load(raw->mtime, INODE_HAS(fs, raw, mtime_extra) ? raw->mtime_extra : 0);
    node->ctime =
        ext2_time_load(raw->ctime, INODE_HAS(fs, raw, ctime_extra) ? raw->ctime_extra : 0);
    if (INODE_HAS(fs, raw, crtime_extra))
        node->btime = ext2_time_load(raw->crtime, raw->crtime_extra);
}

static void ext2_store_times(const struct ext2_node *node, struct ext2_inode *raw)
{
    const struct ext2 *fs = node->fs;
    oskit_u32_t atime_extra, mtime_extra, ctime_extra, crtime_extra;

    raw->atime = ext2_time_store(node->atime, &atime_extra);
    raw->mtime = ext2_time_store(node->mtime, &mtime_extra);
    raw->ctime = ext2_time_store(node->ctime, &ctime_extra);
    if (INODE_HAS(fs, raw, atime_extra))
        raw->atime_extra = atime_extra;
    if (INODE_HAS(fs, raw, mtime_extra))
        raw->mtime_extra = mtime_extra;
    if (INODE_HAS(fs, raw, ctime_extra))
        raw->ctime_extra = ctime_extra;
    if (INODE_HAS(fs, raw, crtime_extra))
        raw->crtime = ext2_time_store(node->btime, &crtime_extra), raw->crtime_extra = crtime_extra;
}

/* ---- Loading ---- */

/* Device numbers: 8 and 8 bits in the first slot, or 12 and 20 in the second. */
static oskit_u32_t ext2_load_rdev(const struct ext2_inode *raw)
{
    return raw->block[0] ? raw->block[0] & 0xffff : raw->block[1];
}

static oskit_error_t ext2_inode_checksum(struct ext2 *fs, oskit_u32_t ino,
                                         const struct ext2_inode *raw)
{
    static const oskit_u16_t zero;
    size_t low = offsetof(struct ext2_inode, checksum_lo), end = fs->g.inode_size;
    size_t high = offsetof(struct ext2_inode, checksum_hi);
    bool wide = INODE_HAS(fs, raw, checksum_hi);
    const char *bytes = (const char *)raw;

    if (!fs->g.metadata_checksums)
        return OSKIT_SUCCESS;
    oskit_u32_t crc = ext2_crc32c(fs->g.checksum_seed, &ino, sizeof ino);
    crc = ext2_crc32c(crc, &raw->generation, sizeof raw->generation);
    crc = ext2_crc32c(crc, bytes, low);
    crc = ext2_crc32c(crc, &zero, sizeof zero);
    crc = ext2_crc32c(crc, bytes + low + 2, EXT2_INODE_SIZE_OLD - low - 2);
    if (end > EXT2_INODE_SIZE_OLD && wide) {
        crc = ext2_crc32c(crc, bytes + EXT2_INODE_SIZE_OLD, high - EXT2_INODE_SIZE_OLD);
        crc = ext2_crc32c(crc, &zero, sizeof zero);
        crc = ext2_crc32c(crc, bytes + high + 2, end - high - 2);
    } else if (end > EXT2_INODE_SIZE_OLD) {
        crc = ext2_crc32c(crc, bytes + EXT2_INODE_SIZE_OLD, end - EXT2_INODE_SIZE_OLD);
    }
    bool right = raw->checksum_lo == (crc & 0xffff) && (!wide || raw->checksum_hi == crc >> 16);
    return right ? OSKIT_SUCCESS : ext2_damaged(fs, "checksum of an inode", ino);
}

static oskit_error_t ext2_load_size(struct ext2_node *node, const struct ext2_inode *raw)
{
    bool wide = OSKIT_S_ISREG(raw->mode) || (node->fs->g.incompat & EXT2_INCOMPAT_LARGEDIR);

    node->size = raw->size_lo | (wide ? (oskit_u64_t)raw->size_hi << 32 : 0);
    if (node->size > INT64_MAX)
        return ext2_damaged(node->fs, "size of an inode", node->ino);
    if (OSKIT_S_ISDIR(raw->mode) && node->size & (node->fs->g.block_size - 1))
        return ext2_damaged(node->fs, "size of a directory", node->ino);
    return OSKIT_SUCCESS;
}

static void ext2_load_owner(struct ext2_node *node, const struct ext2_inode *raw)
{
    node->mode = raw->mode;
    node->uid = raw->uid_lo | (oskit_u32_t)raw->uid_hi << 16;
    node->gid = raw->gid_lo | (oskit_u32_t)raw->gid_hi << 16;
    node->nlink = raw->links_count;
    node->flags = raw->flags;
    node->generation = raw->generation;
}

static void ext2_load_space(struct ext2_node *node, const struct ext2_inode *raw)
{
    oskit_u64_t blocks = raw->blocks_lo;

    node->file_acl = raw->file_acl_lo;
    if (node->fs->g.incompat & EXT2_INCOMPAT_64BIT)
        node->file_acl |= (oskit_u64_t)raw->file_acl_hi << 32;
    if (node->fs->g.ro_compat & EXT2_RO_HUGE_FILE)
        blocks |= (oskit_u64_t)raw->blocks_hi << 32;
    if (raw->flags & EXT2_FLAG_HUGE_FILE)
        blocks <<= node->fs->g.block_shift - 9;
    node->sectors = blocks;
    memcpy(node->block, raw->block, sizeof node->block);
}

/* What the flags ask of a reader that we can't do. */
static oskit_error_t ext2_check_flags(struct ext2_node *node)
{
    if (node->flags & (EXT2_FLAG_INLINE_DATA | EXT2_FLAG_ENCRYPT | EXT2_FLAG_EA_INODE))
        return ext2_damaged(node->fs, "an inode's flags ask for features not set", node->ino);
    if ((node->flags & EXT2_FLAG_EXTENTS) && !(node->fs->g.incompat & EXT2_INCOMPAT_EXTENTS))
        return ext2_damaged(node->fs, "extents without the feature", node->ino);
    return OSKIT_SUCCESS;
}

static oskit_error_t ext2_inode_decode(struct ext2_node *node, const struct ext2_inode *raw)
{
    if (raw->mode == 0 ||
        (raw->links_count == 0 && node->ino >= node->fs->g.first_inode && !node->fs->recovering))
        return OSKIT_ENOENT;
    oskit_error_t err = ext2_inode_checksum(node->fs, node->ino, raw);
    if (OSKIT_FAILED(err))
        return err;
    ext2_load_owner(node, raw);
    ext2_load_times(node, raw);
    ext2_load_space(node, raw);
    node->dtime = raw->dtime;
    if (OSKIT_S_ISCHR(raw->mode) || OSKIT_S_ISBLK(raw->mode))
        node->rdev = ext2_load_rdev(raw);
    err = ext2_load_size(node, raw);
    return OSKIT_FAILED(err) ? err : ext2_check_flags(node);
}

oskit_error_t ext2_inode_load(struct ext2_node *node)
{
    struct buffer *buffer;
    struct ext2_inode *raw;
    oskit_error_t err = ext2_inode_get(node->fs, node->ino, &buffer, &raw);

    if (OSKIT_FAILED(err))
        return err;
    err = ext2_inode_decode(node, raw);
    buffer_put(buffer);
    return err;
}

/* ---- Storing ---- */

static void ext2_store_rdev(const struct ext2_node *node, struct ext2_inode *raw)
{
    bool old = node->rdev <= 0xffff;

    raw->block[0] = old ? node->rdev : 0;
    raw->block[1] = old ? 0 : node->rdev;
}

/* With node->lock held. */
static void ext2_inode_encode(const struct ext2_node *node, struct ext2_inode *raw,
                              oskit_u64_t size)
{
    raw->mode = (oskit_u16_t)node->mode;
    raw->uid_lo = (oskit_u16_t)node->uid;
    raw->uid_hi = (oskit_u16_t)(node->uid >> 16);
    raw->gid_lo = (oskit_u16_t)node->gid;
    raw->gid_hi = (oskit_u16_t)(node->gid >> 16);
    raw->links_count = node->nlink > EXT2_LINK_MAX ? 1 : (oskit_u16_t)node->nlink;
    raw->flags = node->flags;
    raw->size_lo = (oskit_u32_t)size;
    if (OSKIT_S_ISREG(node->mode))
        raw->size_hi = (oskit_u32_t)(size >> 32);
    raw->blocks_lo = (oskit_u32_t)node->sectors;
    if (node->fs->g.ro_compat & EXT2_RO_HUGE_FILE)
        raw->blocks_hi = (oskit_u16_t)(node->sectors >> 32);
    raw->file_acl_lo = (oskit_u32_t)node->file_acl;
    if (node->fs->g.incompat & EXT2_INCOMPAT_64BIT)
        raw->file_acl_hi = (oskit_u16_t)(node->file_acl >> 32);
    memcpy(raw->block, node->block, sizeof raw->block);
    if (OSKIT_S_ISCHR(node->mode) || OSKIT_S_ISBLK(node->mode))
        ext2_store_rdev(node, raw);
    raw->dtime = node->dtime;
    ext2_store_times(node, raw);
}

static void ext2_inode_fresh(const struct ext2_node *node, struct ext2_inode *raw)
{
    memset(raw, 0, node->fs->g.inode_size);
    raw->generation = node->generation;
    if (node->fs->g.inode_size >= EXT2_INODE_SIZE_OLD + EXT2_EXTRA_ISIZE)
        raw->extra_isize = EXT2_EXTRA_ISIZE;
}

oskit_error_t ext2_inode_store(struct journal_handle *handle, struct ext2_node *node, bool fresh)
{
    struct buffer *buffer;
    struct ext2_inode *raw;
    oskit_error_t err = ext2_inode_get(node->fs, node->ino, &buffer, &raw);

    if (OSKIT_FAILED(err))
        return err;
    err = journal_access(handle, buffer);
    if (OSKIT_SUCCEEDED(err)) {
        if (fresh)
            ext2_inode_fresh(node, raw);
        env_spin_lock(&node->lock);
        /* Size and blocks of one moment: a writer may be about to store both, too. */
        ext2_inode_encode(node, raw, ext2_node_size_locked(node));
        node->tid = journal_tid(handle);
        node->changed = false;
        env_spin_unlock(&node->lock);
        journal_dirty(handle, buffer);
    }
    buffer_put(buffer);
    return err;
}
