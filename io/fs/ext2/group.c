/* Group descriptors: all of them are held in memory, in their buffers. */
#include "checksum.h"
#include "ext2.h"

struct ext2_group_desc *ext2_desc(struct ext2 *fs, oskit_u32_t group, struct buffer **out)
{
    oskit_u32_t per_block = fs->g.block_size / fs->g.desc_size;
    struct buffer *block = fs->descs[group / per_block];

    if (out)
        *out = block;
    return (void *)((char *)block->data + (size_t)(group % per_block) * fs->g.desc_size);
}

static bool ext2_desc_wide(const struct ext2 *fs)
{
    return fs->g.desc_size >= EXT2_DESC_SIZE_64;
}

/* A number whose high half is there in wide descriptors. */
#define DESC(fs, desc, name, bits) \
    ((desc)->name##_lo |           \
     (ext2_desc_wide(fs) ? (oskit_u64_t)(desc)->name##_hi << (bits) : (oskit_u64_t)0))

oskit_u32_t ext2_desc_free_blocks(const struct ext2 *fs, const struct ext2_group_desc *desc)
{
    return (oskit_u32_t)DESC(fs, desc, free_blocks_count, 16);
}

oskit_u32_t ext2_desc_free_inodes(const struct ext2 *fs, const struct ext2_group_desc *desc)
{
    return (oskit_u32_t)DESC(fs, desc, free_inodes_count, 16);
}

oskit_u32_t ext2_desc_used_dirs(const struct ext2 *fs, const struct ext2_group_desc *desc)
{
    return (oskit_u32_t)DESC(fs, desc, used_dirs_count, 16);
}

/* ---- Checksums ---- */

static oskit_u16_t ext2_desc_crc16(struct ext2 *fs, oskit_u32_t group,
                                   const struct ext2_group_desc *desc)
{
    size_t head = offsetof(struct ext2_group_desc, checksum), after = head + 2;
    oskit_u16_t crc = ext2_crc16(0xffff, fs->super->uuid, sizeof fs->super->uuid);

    crc = ext2_crc16(crc, &group, sizeof group);
    crc = ext2_crc16(crc, desc, head);
    if (fs->g.desc_size > after)
        crc = ext2_crc16(crc, (const char *)desc + after, fs->g.desc_size - after);
    return crc;
}

static oskit_u16_t ext2_desc_crc32c(struct ext2 *fs, oskit_u32_t group,
                                    const struct ext2_group_desc *desc)
{
    static const oskit_u16_t zero;
    size_t head = offsetof(struct ext2_group_desc, checksum), after = head + sizeof zero;
    oskit_u32_t crc = ext2_crc32c(fs->g.checksum_seed, &group, sizeof group);

    crc = ext2_crc32c(crc, desc, head);
    crc = ext2_crc32c(crc, &zero, sizeof zero);
    if (fs->g.desc_size > after)
        crc = ext2_crc32c(crc, (const char *)desc + after, fs->g.desc_size - after);
    return (oskit_u16_t)crc;
}

static bool ext2_desc_checksum_right(struct ext2 *fs, oskit_u32_t group,
                                     const struct ext2_group_desc *desc)
{
    if (!fs->g.group_checksums)
        return true;
    return desc->checksum == (fs->g.metadata_checksums ? ext2_desc_crc32c(fs, group, desc)
                                                       : ext2_desc_crc16(fs, group, desc));
}

/* ---- Loading ---- */

static oskit_error_t ext2_group_check(struct ext2 *fs, oskit_u32_t group)
{
    const struct ext2_group_desc *desc = ext2_desc(fs, group, NULL);
    struct ext2_group *out = &fs->groups[group];
    oskit_u64_t table =
        ((oskit_u64_t)fs->g.inodes_per_group * fs->g.inode_size) >> fs->g.block_shift;

    out->block_bitmap = DESC(fs, desc, block_bitmap, 32);
    out->inode_bitmap = DESC(fs, desc, inode_bitmap, 32);
    out->inode_table = DESC(fs, desc, inode_table, 32);
    if (!ext2_desc_checksum_right(fs, group, desc))
        return ext2_damaged(fs, "checksum of a group", group);
    if (!ext2_blocks_valid(&fs->g, out->block_bitmap, 1) ||
        !ext2_blocks_valid(&fs->g, out->inode_bitmap, 1) ||
        !ext2_blocks_valid(&fs->g, out->inode_table, table))
        return ext2_damaged(fs, "blocks of a group", group);
    if (ext2_desc_free_blocks(fs, desc) > fs->g.blocks_per_group ||
        ext2_desc_free_inodes(fs, desc) > fs->g.inodes_per_group)
        return ext2_damaged(fs, "counts of a group", group);
    fs->free_blocks += ext2_desc_free_blocks(fs, desc);
    fs->free_inodes += ext2_desc_free_inodes(fs, desc);
    fs->overhead += 2 + table;
    if (ext2_group_has_super(&fs->g, group))
        fs->overhead += 1 + fs->desc_count;
    return OSKIT_SUCCESS;
}

static oskit_error_t ext2_groups_check(struct ext2 *fs)
{
    oskit_error_t err = OSKIT_SUCCESS;

    fs->free_blocks = fs->free_inodes = 0;
    fs->overhead = fs->g.first_block;
    for (oskit_u32_t group = 0; group < fs->g.group_count && OSKIT_SUCCEEDED(err); group++)
        err = ext2_group_check(fs, group);
    if (fs->overhead > fs->g.block_count)
        fs->overhead = fs->g.block_count;
    fs->reserved_blocks = fs->super->r_blocks_count_lo;
    if (fs->g.incompat & EXT2_INCOMPAT_64BIT)
        fs->reserved_blocks |= (oskit_u64_t)fs->super->r_blocks_count_hi << 32;
    return err;
}

oskit_error_t ext2_groups_load(struct ext2 *fs)
{
    oskit_u32_t per_block = fs->g.block_size / fs->g.desc_size;
    oskit_u32_t count = (oskit_u32_t)(((oskit_u64_t)fs->g.group_count + per_block - 1) / per_block);
    oskit_error_t err = OSKIT_SUCCESS;

    fs->desc_count = count;
    fs->loaded_groups = fs->g.group_count;
    fs->descs = env_alloc(count * sizeof *fs->descs, ENV_ZERO);
    fs->groups = env_alloc(fs->g.group_count * sizeof *fs->groups, ENV_ZERO);
    if (!fs->descs || !fs->groups)
        return OSKIT_ENOMEM;
    for (oskit_u32_t i = 0; i < count && OSKIT_SUCCEEDED(err); i++)
        err = buffer_get(fs->buffers, ext2_desc_block(&fs->g, i), &fs->descs[i]);
    return OSKIT_FAILED(err) ? err : ext2_groups_check(fs);
}

void ext2_groups_free(struct ext2 *fs)
{
    for (oskit_u32_t i = 0; fs->descs && i < fs->desc_count; i++)
        buffer_put(fs->descs[i]);
    if (fs->descs)
        env_free(fs->descs, fs->desc_count * sizeof *fs->descs);
    if (fs->groups)
        env_free(fs->groups, fs->loaded_groups * sizeof *fs->groups);
    fs->descs = NULL;
    fs->groups = NULL;
}

/* ---- Counts ---- */

oskit_error_t ext2_group_count(struct ext2 *fs, struct journal_handle *handle, oskit_u32_t group,
                               int blocks, int inodes, int dirs)
{
    struct buffer *buffer;
    struct ext2_group_desc *desc = ext2_desc(fs, group, &buffer);
    oskit_error_t err = journal_access(handle, buffer);

    if (OSKIT_FAILED(err))
        return err;
    desc->free_blocks_count_lo = (oskit_u16_t)(desc->free_blocks_count_lo + blocks);
    desc->free_inodes_count_lo = (oskit_u16_t)(desc->free_inodes_count_lo + inodes);
    desc->used_dirs_count_lo = (oskit_u16_t)(desc->used_dirs_count_lo + dirs);
    journal_dirty(handle, buffer);
    fs->free_blocks += (oskit_u64_t)(oskit_s64_t)blocks;
    fs->free_inodes += (oskit_u64_t)(oskit_s64_t)inodes;
    return OSKIT_SUCCESS;
}
