/*
 * Inode numbers. Files go into the group of their directory, directories of the root are spread
 * over the groups, so that trees grow apart. Lock order: ext2.h.
 */
#include "ext2.h"

/* The group with most free blocks of those that have no fewer free inodes than the average. */
static oskit_u32_t ext2_group_for_tree(struct ext2 *fs)
{
    oskit_u64_t average = fs->free_inodes / fs->g.group_count;
    oskit_u32_t best = 0, most = 0;

    for (oskit_u32_t group = 0; group < fs->g.group_count; group++) {
        const struct ext2_group_desc *desc = ext2_desc(fs, group, NULL);
        oskit_u32_t blocks = ext2_desc_free_blocks(fs, desc);

        if (ext2_desc_free_inodes(fs, desc) >= average && blocks > most) {
            best = group;
            most = blocks;
        }
    }
    return best;
}

static oskit_u32_t ext2_first_clear(const oskit_u8_t *bits, oskit_u32_t from, oskit_u32_t count)
{
    while (from < count && bits[from / 8] >> (from % 8) & 1)
        from = from % 8 == 0 && bits[from / 8] == 0xff ? from + 8 : from + 1;
    return from < count ? from : count;
}

static oskit_error_t ext2_ino_mark(struct ext2 *fs, struct journal_handle *handle,
                                   oskit_u32_t group, struct buffer *bitmap, oskit_u32_t bit,
                                   bool used, bool is_dir)
{
    oskit_u8_t *byte = (oskit_u8_t *)bitmap->data + bit / 8;
    oskit_error_t err = journal_access(handle, bitmap);

    if (OSKIT_SUCCEEDED(err))
        err = ext2_group_count(fs, handle, group, 0, used ? -1 : 1, !is_dir ? 0 : (used ? 1 : -1));
    if (OSKIT_FAILED(err))
        return err;
    *byte = (oskit_u8_t)(used ? *byte | 1u << (bit % 8) : *byte & ~(1u << (bit % 8)));
    journal_dirty(handle, bitmap);
    return OSKIT_SUCCESS;
}

/* OSKIT_ENOSPC: none in GROUP. */
static oskit_error_t ext2_ino_take(struct ext2 *fs, struct journal_handle *handle,
                                   oskit_u32_t group, bool is_dir, oskit_u32_t *out_ino)
{
    oskit_u32_t base = group * fs->g.inodes_per_group, from = 0;
    struct buffer *bitmap;
    oskit_error_t err = buffer_get(fs->buffers, fs->groups[group].inode_bitmap, &bitmap);

    if (OSKIT_FAILED(err))
        return err;
    if (base + 1 < fs->g.first_inode) /* those below are reserved, whatever the bitmap says */
        from = fs->g.first_inode - 1 - base;
    oskit_u32_t bit = from < fs->g.inodes_per_group
                          ? ext2_first_clear(bitmap->data, from, fs->g.inodes_per_group)
                          : fs->g.inodes_per_group;
    err = bit < fs->g.inodes_per_group ? ext2_ino_mark(fs, handle, group, bitmap, bit, true, is_dir)
                                       : OSKIT_ENOSPC;
    buffer_put(bitmap);
    *out_ino = base + bit + 1;
    return err;
}

oskit_error_t ext2_ialloc(struct ext2 *fs, struct journal_handle *handle, struct ext2_node *dir,
                          bool is_dir, oskit_u32_t *out_ino)
{
    oskit_u32_t start = (dir->ino - 1) / fs->g.inodes_per_group;
    oskit_error_t err = OSKIT_ENOSPC;

    env_mutex_lock(&fs->alloc_mutex);
    if (is_dir && dir->ino == EXT2_ROOT_INO)
        start = ext2_group_for_tree(fs);
    for (oskit_u32_t i = 0; i < fs->g.group_count && err == OSKIT_ENOSPC; i++) {
        oskit_u32_t group = (oskit_u32_t)(((oskit_u64_t)start + i) % fs->g.group_count);

        if (ext2_desc_free_inodes(fs, ext2_desc(fs, group, NULL)) > 0)
            err = ext2_ino_take(fs, handle, group, is_dir, out_ino);
    }
    env_mutex_unlock(&fs->alloc_mutex);
    return err;
}

oskit_error_t ext2_ifree(struct ext2 *fs, struct journal_handle *handle, oskit_u32_t ino,
                         bool is_dir)
{
    oskit_u32_t group = (ino - 1) / fs->g.inodes_per_group;
    oskit_u32_t bit = (ino - 1) % fs->g.inodes_per_group;
    struct buffer *bitmap;

    env_mutex_lock(&fs->alloc_mutex);
    oskit_error_t err = buffer_get(fs->buffers, fs->groups[group].inode_bitmap, &bitmap);
    if (OSKIT_SUCCEEDED(err)) {
        bool used = ((oskit_u8_t *)bitmap->data)[bit / 8] >> (bit % 8) & 1;

        err = used ? ext2_ino_mark(fs, handle, group, bitmap, bit, false, is_dir)
                   : ext2_damaged(fs, "freed twice: inode", ino);
        buffer_put(bitmap);
    }
    env_mutex_unlock(&fs->alloc_mutex);
    return err;
}
