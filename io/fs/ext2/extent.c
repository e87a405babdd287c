/*
 * ext4's extents, read: a tree whose leaves say "so many blocks of the file from here on lie
 * there". With map_mutex held.
 */
#include "checksum.h"
#include "ext2.h"

/* A node of the tree that was checked, and where in the file it ends. */
struct ext2_extent_place {
    const struct ext2_extent_header *header;
    oskit_u64_t end;
};

static bool ext2_extent_sane(const struct ext2_extent_header *header, size_t size)
{
    size_t room = (size - sizeof *header) / sizeof(struct ext2_extent);

    return header->magic == EXT2_EXTENT_MAGIC && header->entries <= header->max &&
           header->max <= room && header->depth <= EXT2_EXTENT_DEPTH_MAX;
}

/* Behind the room for entries of a block there is its checksum. */
static bool ext2_extent_checksum_right(struct ext2_node *node,
                                       const struct ext2_extent_header *header)
{
    const struct ext2_geometry *g = &node->fs->g;
    size_t size = sizeof *header + header->max * sizeof(struct ext2_extent);
    oskit_u32_t stored;

    if (!g->metadata_checksums)
        return true;
    if (size + sizeof stored > g->block_size)
        return false;
    memcpy(&stored, (const char *)header + size, sizeof stored);
    oskit_u32_t crc = ext2_crc32c(g->checksum_seed, &node->ino, sizeof node->ino);
    crc = ext2_crc32c(crc, &node->generation, sizeof node->generation);
    return ext2_crc32c(crc, header, size) == stored;
}

/* The last entry that begins at or before INDEX; entries of both kinds begin with that number. */
static int ext2_extent_search(const struct ext2_extent_header *header, oskit_u64_t index)
{
    const struct ext2_extent *entries = (const void *)(header + 1);
    int low = 0, high = header->entries;

    while (low < high) {
        int middle = (low + high) / 2;

        if (entries[middle].block <= index)
            low = middle + 1;
        else
            high = middle;
    }
    return low - 1;
}

static void ext2_extent_bound(struct ext2_extent_place *place, int found)
{
    const struct ext2_extent *entries = (const void *)(place->header + 1);

    if (found + 1 < place->header->entries && entries[found + 1].block < place->end)
        place->end = entries[found + 1].block;
}

static oskit_error_t ext2_extent_leaf(struct ext2_node *node, struct ext2_extent_place *place,
                                      oskit_u64_t index, oskit_u64_t *block, oskit_u64_t *count)
{
    int found = ext2_extent_search(place->header, index);

    ext2_extent_bound(place, found);
    *block = 0;
    *count = place->end > index ? place->end - index : 1;
    if (found < 0)
        return OSKIT_SUCCESS;
    const struct ext2_extent *e = (const struct ext2_extent *)(place->header + 1) + found;
    bool zeros = e->length > EXT2_EXTENT_LENGTH_INIT;
    oskit_u32_t length = zeros ? e->length - EXT2_EXTENT_LENGTH_INIT : e->length;
    oskit_u64_t start = e->start_lo | (oskit_u64_t)e->start_hi << 32, skip = index - e->block;
    if (skip >= length)
        return OSKIT_SUCCESS;
    if (length - skip < *count || !zeros)
        *count = length - skip;
    if (zeros)
        return OSKIT_SUCCESS;
    *block = start + skip;
    if (!ext2_blocks_valid(&node->fs->g, *block, *count))
        return ext2_damaged(node->fs, "extent of inode", node->ino);
    return OSKIT_SUCCESS;
}

/* The child of PLACE on the way to INDEX: into *BUFFER, and PLACE moves into it. *hole: none. */
static oskit_error_t ext2_extent_child(struct ext2_node *node, struct ext2_extent_place *place,
                                       oskit_u64_t index, struct buffer **buffer, bool *hole)
{
    struct ext2 *fs = node->fs;
    unsigned depth = place->header->depth;
    int found = ext2_extent_search(place->header, index);

    ext2_extent_bound(place, found);
    *hole = found < 0;
    if (*hole)
        return OSKIT_SUCCESS;
    const struct ext2_extent_index *e =
        (const struct ext2_extent_index *)(place->header + 1) + found;
    oskit_u64_t block = e->leaf_lo | (oskit_u64_t)e->leaf_hi << 32;
    buffer_put(*buffer);
    *buffer = NULL;
    if (!ext2_blocks_valid(&fs->g, block, 1))
        return ext2_damaged(fs, "extent block of inode", node->ino);
    oskit_error_t err = buffer_get(fs->buffers, block, buffer);
    if (OSKIT_FAILED(err))
        return err;
    place->header = (*buffer)->data;
    if (!ext2_extent_sane(place->header, fs->g.block_size) || place->header->depth + 1u != depth ||
        !ext2_extent_checksum_right(node, place->header))
        return ext2_damaged(fs, "extent block of inode", node->ino);
    return OSKIT_SUCCESS;
}

oskit_error_t ext2_extent_find(struct ext2_node *node, oskit_u64_t index, oskit_u64_t max,
                               oskit_u64_t *block, oskit_u64_t *count)
{
    struct ext2_extent_place place = {(const void *)node->block, UINT32_MAX};
    oskit_error_t err = OSKIT_SUCCESS;
    struct buffer *buffer = NULL;
    bool hole = false;

    *block = 0;
    if (!ext2_extent_sane(place.header, sizeof node->block))
        return ext2_damaged(node->fs, "extents of inode", node->ino);
    while (place.header->depth > 0 && !hole && OSKIT_SUCCEEDED(err))
        err = ext2_extent_child(node, &place, index, &buffer, &hole);
    if (OSKIT_SUCCEEDED(err) && hole)
        *count = place.end > index ? place.end - index : 1;
    else if (OSKIT_SUCCEEDED(err))
        err = ext2_extent_leaf(node, &place, index, block, count);
    buffer_put(buffer);
    if (OSKIT_SUCCEEDED(err) && *count > max)
        *count = max;
    return err;
}
