/* Reading a superblock that somebody else wrote. */
#include "geometry.h"
#include <stdint.h>
#include <sluice/range.h>
#include "checksum.h"

#define KNOWN_INCOMPAT                                                        \
    (EXT2_INCOMPAT_FILETYPE | EXT2_INCOMPAT_RECOVER | EXT2_INCOMPAT_META_BG | \
     EXT2_INCOMPAT_EXTENTS | EXT2_INCOMPAT_64BIT | EXT2_INCOMPAT_FLEX_BG |    \
     EXT2_INCOMPAT_CSUM_SEED | EXT2_INCOMPAT_LARGEDIR)
#define WRITABLE_INCOMPAT                                                     \
    (EXT2_INCOMPAT_FILETYPE | EXT2_INCOMPAT_RECOVER | EXT2_INCOMPAT_META_BG | \
     EXT2_INCOMPAT_64BIT | EXT2_INCOMPAT_FLEX_BG)
#define WRITABLE_RO                                                                      \
    (EXT2_RO_SPARSE_SUPER | EXT2_RO_LARGE_FILE | EXT2_RO_HUGE_FILE | EXT2_RO_DIR_NLINK | \
     EXT2_RO_EXTRA_ISIZE)

static oskit_u64_t wide(oskit_u32_t low, oskit_u32_t high)
{
    return (oskit_u64_t)high << 32 | low;
}

static oskit_error_t refuse(const char **why, const char *reason)
{
    *why = reason;
    return OSKIT_EUCLEAN;
}

static oskit_error_t check_features(const struct ext2_super_block *super, struct ext2_geometry *g,
                                    const char **why, oskit_u32_t *features)
{
    bool dynamic = super->rev_level > 0;

    g->compat = dynamic ? super->feature_compat : 0;
    g->incompat = dynamic ? super->feature_incompat : 0;
    g->ro_compat = dynamic ? super->feature_ro_compat : 0;
    *features = g->incompat & ~KNOWN_INCOMPAT;
    if (*features || super->rev_level > 1) {
        *why = super->rev_level > 1 ? "revision" : "incompatible features";
        return OSKIT_E_INVALIDARG;
    }
    g->metadata_checksums = g->ro_compat & EXT2_RO_METADATA_CSUM;
    g->group_checksums = g->metadata_checksums || (g->ro_compat & EXT2_RO_GDT_CSUM);
    g->unsupported_write = (g->incompat & ~WRITABLE_INCOMPAT) || (g->ro_compat & ~WRITABLE_RO) ||
                           (g->compat & EXT2_COMPAT_ORPHAN_FILE);
    return OSKIT_SUCCESS;
}

static oskit_error_t check_sizes(const struct ext2_super_block *super, struct ext2_geometry *g,
                                 const char **why)
{
    if (super->log_block_size > 2) {
        *why = "blocks larger than a page";
        return OSKIT_E_INVALIDARG;
    }
    g->block_shift = 10 + super->log_block_size;
    g->block_size = 1u << g->block_shift;
    g->first_block = super->first_data_block;
    if (g->first_block != (g->block_size == 1024 ? 1 : 0))
        return refuse(why, "first data block");
    g->inode_size = super->rev_level ? super->inode_size : EXT2_INODE_SIZE_OLD;
    g->first_inode = super->rev_level ? super->first_ino : EXT2_FIRST_INO;
    if (!range_is_power(g->inode_size) || g->inode_size < EXT2_INODE_SIZE_OLD ||
        g->inode_size > g->block_size)
        return refuse(why, "inode size");
    g->desc_size = g->incompat & EXT2_INCOMPAT_64BIT ? super->desc_size : EXT2_DESC_SIZE_MIN;
    if (g->incompat & EXT2_INCOMPAT_64BIT && g->desc_size < EXT2_DESC_SIZE_64)
        return refuse(why, "descriptor size");
    if (!range_is_power(g->desc_size) || g->desc_size > g->block_size)
        return refuse(why, "descriptor size");
    return OSKIT_SUCCESS;
}

static oskit_error_t check_groups(const struct ext2_super_block *super, struct ext2_geometry *g,
                                  const char **why)
{
    g->blocks_per_group = super->blocks_per_group;
    g->inodes_per_group = super->inodes_per_group;
    if (g->blocks_per_group < 8 || g->blocks_per_group > g->block_size * 8)
        return refuse(why, "blocks in a group");
    if (g->inodes_per_group == 0 || g->inodes_per_group > g->block_size * 8 ||
        g->inodes_per_group % (g->block_size / g->inode_size))
        return refuse(why, "inodes in a group");
    oskit_u64_t groups =
        (g->block_count - g->first_block + g->blocks_per_group - 1) / g->blocks_per_group;
    if (groups > UINT32_MAX / g->inodes_per_group)
        return refuse(why, "number of groups");
    g->group_count = (oskit_u32_t)groups;
    g->inode_count = super->inodes_count;
    if (g->inode_count != g->group_count * g->inodes_per_group)
        return refuse(why, "number of inodes");
    if (g->first_inode < EXT2_FIRST_INO || g->first_inode > g->inode_count)
        return refuse(why, "first inode");
    g->first_meta_group = g->incompat & EXT2_INCOMPAT_META_BG ? super->first_meta_bg : UINT32_MAX;
    return OSKIT_SUCCESS;
}

static oskit_error_t check_count(const struct ext2_super_block *super, oskit_u64_t device_size,
                                 struct ext2_geometry *g, const char **why)
{
    bool wide_counts = g->incompat & EXT2_INCOMPAT_64BIT;

    g->block_count = wide(super->blocks_count_lo, wide_counts ? super->blocks_count_hi : 0);
    if (g->block_count <= g->first_block || g->block_count >> 48)
        return refuse(why, "number of blocks");
    if (g->block_count > device_size >> g->block_shift)
        return refuse(why, "larger than the device");
    oskit_u64_t reserved =
        wide(super->r_blocks_count_lo, wide_counts ? super->r_blocks_count_hi : 0);
    if (reserved > g->block_count)
        return refuse(why, "reserved blocks");
    return OSKIT_SUCCESS;
}

static oskit_error_t check_checksum(const struct ext2_super_block *super, struct ext2_geometry *g,
                                    const char **why)
{
    if (!g->metadata_checksums)
        return OSKIT_SUCCESS;
    if (super->checksum_type != 1)
        return refuse(why, "kind of checksum");
    if (ext2_crc32c(~0u, super, offsetof(struct ext2_super_block, checksum)) != super->checksum)
        return refuse(why, "checksum of the superblock");
    g->checksum_seed = g->incompat & EXT2_INCOMPAT_CSUM_SEED
                           ? super->checksum_seed
                           : ext2_crc32c(~0u, super->uuid, sizeof super->uuid);
    return OSKIT_SUCCESS;
}

oskit_error_t ext2_geometry_check(const struct ext2_super_block *super, oskit_u64_t device_size,
                                  struct ext2_geometry *g, const char **why, oskit_u32_t *features)
{
    *g = (struct ext2_geometry){0};
    *features = 0;
    if (super->magic != EXT2_MAGIC) {
        *why = "no ext2, ext3 or ext4 file system";
        return OSKIT_E_INVALIDARG;
    }
    oskit_error_t err = check_features(super, g, why, features);
    if (OSKIT_SUCCEEDED(err))
        err = check_checksum(super, g, why);
    if (OSKIT_SUCCEEDED(err))
        err = check_sizes(super, g, why);
    if (OSKIT_SUCCEEDED(err))
        err = check_count(super, device_size, g, why);
    if (OSKIT_SUCCEEDED(err))
        err = check_groups(super, g, why);
    return err;
}

oskit_u32_t ext2_group_blocks(const struct ext2_geometry *g, oskit_u32_t group)
{
    oskit_u64_t left = g->block_count - ext2_group_first(g, group);

    return left < g->blocks_per_group ? (oskit_u32_t)left : g->blocks_per_group;
}

static bool is_power_of(oskit_u32_t value, oskit_u32_t base)
{
    while (value % base == 0)
        value /= base;
    return value == 1;
}

bool ext2_group_has_super(const struct ext2_geometry *g, oskit_u32_t group)
{
    if (!(g->ro_compat & EXT2_RO_SPARSE_SUPER) || group <= 1)
        return true;
    return is_power_of(group, 3) || is_power_of(group, 5) || is_power_of(group, 7);
}

oskit_u64_t ext2_desc_block(const struct ext2_geometry *g, oskit_u32_t index)
{
    oskit_u32_t per_block = g->block_size / g->desc_size;

    if (index < g->first_meta_group)
        return (oskit_u64_t)g->first_block + 1 + index;
    oskit_u32_t group = index * per_block; /* holds the descriptors of itself and its neighbours */
    return ext2_group_first(g, group) + (ext2_group_has_super(g, group) ? 1 : 0);
}
