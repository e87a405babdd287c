/*
 * What the superblock says about the shape of a file system, checked once at the mount: every
 * number here is believable, so that whoever computes with them need not look for overflow.
 */
#ifndef IO_FS_EXT2_GEOMETRY_H
#define IO_FS_EXT2_GEOMETRY_H

#include <stdbool.h>
#include <oskit/error.h>
#include <oskit/types.h>
#include "layout.h"

struct ext2_geometry {
    oskit_u32_t block_size; /* EXT2_BLOCK_SIZE_MIN .. _MAX */
    oskit_u32_t block_shift;
    oskit_u32_t first_block; /* 1 with blocks of 1024, else 0 */
    oskit_u64_t block_count; /* all lie on the device; below 2^48 */
    oskit_u32_t group_count; /* > 0 */
    oskit_u32_t blocks_per_group;
    oskit_u32_t inodes_per_group;
    oskit_u32_t inode_count;
    oskit_u32_t inode_size;       /* a power of two, up to a block */
    oskit_u32_t first_inode;      /* not reserved */
    oskit_u32_t desc_size;        /* 32, or more with 64BIT */
    oskit_u32_t first_meta_group; /* META_BG: group of descriptor blocks; else past all */
    oskit_u32_t compat, incompat, ro_compat;
    oskit_u32_t checksum_seed; /* METADATA_CSUM */
    bool metadata_checksums, group_checksums;
    bool unsupported_write; /* something in it we can't write: read-only */
};

/*
 * Checks SUPER, found on a device of DEVICE_SIZE bytes, and fills *OUT. When it can't be mounted,
 * OSKIT_E_INVALIDARG (no such file system, or a feature that isn't known) or OSKIT_EUCLEAN (it
 * contradicts itself), and *WHY says what it is; FEATURES are the unknown bits if it is those.
 */
oskit_error_t ext2_geometry_check(const struct ext2_super_block *super, oskit_u64_t device_size,
                                  struct ext2_geometry *out, const char **why,
                                  oskit_u32_t *features);

/* Blocks in group GROUP (the last may be short). */
oskit_u32_t ext2_group_blocks(const struct ext2_geometry *g, oskit_u32_t group);
static inline oskit_u64_t ext2_group_first(const struct ext2_geometry *g, oskit_u32_t group)
{
    return g->first_block + (oskit_u64_t)group * g->blocks_per_group;
}
/* Whether GROUP begins with a copy of the superblock. */
bool ext2_group_has_super(const struct ext2_geometry *g, oskit_u32_t group);
/* Where descriptor block INDEX (of group_count * desc_size / block_size) is. */
oskit_u64_t ext2_desc_block(const struct ext2_geometry *g, oskit_u32_t index);
/* Blocks FIRST..FIRST + COUNT - 1 lie in the file system. */
static inline bool ext2_blocks_valid(const struct ext2_geometry *g, oskit_u64_t first,
                                     oskit_u64_t count)
{
    return first >= g->first_block && first < g->block_count && count <= g->block_count - first;
}

#endif
