/*
 * Blocks: taken from and given back to the groups' bitmaps. Lock order: ext2.h; alloc_mutex is held
 * while a group is searched.
 */
#include "ext2.h"

struct ext2_search {
    const oskit_u8_t *bits;
    struct journal_busy busy; /* freed, but by a transaction that a crash may still undo */
    oskit_u32_t count;        /* bits in the group */
};

static bool ext2_bit(const oskit_u8_t *bits, oskit_u32_t bit)
{
    return bits[bit / 8] >> (bit % 8) & 1;
}

static bool ext2_bit_free(const struct ext2_search *s, oskit_u32_t bit)
{
    return !ext2_bit(s->bits, bit) && !(s->busy.bits[0] && ext2_bit(s->busy.bits[0], bit)) &&
           !(s->busy.bits[1] && ext2_bit(s->busy.bits[1], bit));
}

/* The eight bits of byte I, those that can't be taken set. */
static oskit_u8_t ext2_byte(const struct ext2_search *s, oskit_u32_t i)
{
    oskit_u8_t used = s->bits[i];

    if (s->busy.bits[0])
        used |= s->busy.bits[0][i];
    if (s->busy.bits[1])
        used |= s->busy.bits[1][i];
    return used;
}

/* The first byte at or after I with all bits free; COUNT / 8 when there is none. */
static oskit_u32_t ext2_free_byte(const struct ext2_search *s, oskit_u32_t i)
{
    while (i < s->count / 8 && ext2_byte(s, i) != 0)
        i++;
    return i;
}

static oskit_u32_t ext2_free_bit(const struct ext2_search *s, oskit_u32_t bit)
{
    while (bit < s->count && !ext2_bit_free(s, bit))
        bit = bit % 8 == 0 && ext2_byte(s, bit / 8) == 0xff ? bit + 8 : bit + 1;
    return bit < s->count ? bit : s->count;
}

/*
 * Where to begin: at the goal; else at a free byte after it, so that files have room to grow, moved
 * down to where the free bits begin; else anywhere after it.
 */
static oskit_u32_t ext2_search_start(const struct ext2_search *s, oskit_u32_t goal)
{
    if (ext2_bit_free(s, goal))
        return goal;
    oskit_u32_t byte = ext2_free_byte(s, goal / 8 + 1);
    if (byte >= s->count / 8)
        return ext2_free_bit(s, goal);
    oskit_u32_t bit = byte * 8;
    while (bit > goal + 1 && ext2_bit_free(s, bit - 1))
        bit--;
    return bit;
}

/* Whether blocks of GROUP from bit FIRST on would be its own bitmaps or inodes. */
static bool ext2_is_metadata(const struct ext2 *fs, oskit_u32_t group, oskit_u64_t first,
                             oskit_u64_t count)
{
    const struct ext2_group *g = &fs->groups[group];
    oskit_u64_t table =
        ((oskit_u64_t)fs->g.inodes_per_group * fs->g.inode_size) >> fs->g.block_shift;

    return (g->block_bitmap >= first && g->block_bitmap - first < count) ||
           (g->inode_bitmap >= first && g->inode_bitmap - first < count) ||
           (first < g->inode_table + table && g->inode_table < first + count);
}

static void ext2_bits_set(oskit_u8_t *bits, oskit_u32_t first, oskit_u32_t count, bool value)
{
    for (oskit_u32_t bit = first; bit < first + count; bit++) {
        oskit_u8_t mask = (oskit_u8_t)(1u << (bit % 8));

        bits[bit / 8] = value ? bits[bit / 8] | mask : bits[bit / 8] & ~mask;
    }
}

/* ---- Taking ---- */

static oskit_error_t ext2_take(struct ext2 *fs, struct journal_handle *handle, oskit_u32_t group,
                               struct buffer *bitmap, oskit_u32_t bit, oskit_u32_t count)
{
    oskit_u64_t first = ext2_group_first(&fs->g, group) + bit;

    if (ext2_is_metadata(fs, group, first, count))
        return ext2_damaged(fs, "bitmap of blocks of group", group);
    oskit_error_t err = journal_access(handle, bitmap);
    if (OSKIT_SUCCEEDED(err))
        err = ext2_group_count(fs, handle, group, -(int)count, 0, 0);
    if (OSKIT_FAILED(err))
        return err;
    ext2_bits_set(bitmap->data, bit, count, true);
    journal_dirty(handle, bitmap);
    return OSKIT_SUCCESS;
}

/* A run in GROUP at or after GOAL. OSKIT_ENOSPC: none there. */
static oskit_error_t ext2_take_from(struct ext2 *fs, struct journal_handle *handle,
                                    oskit_u32_t group, oskit_u32_t goal, oskit_u64_t count,
                                    oskit_u64_t *out_first, oskit_u64_t *out_count)
{
    struct ext2_search s = {.count = ext2_group_blocks(&fs->g, group)};
    struct buffer *bitmap;
    oskit_u32_t run = 0;

    if (goal >= s.count)
        return OSKIT_ENOSPC;
    oskit_error_t err = buffer_get(fs->buffers, fs->groups[group].block_bitmap, &bitmap);
    if (OSKIT_FAILED(err))
        return err;
    s.bits = bitmap->data;
    journal_busy(fs->journal, bitmap, &s.busy);
    oskit_u32_t bit = ext2_search_start(&s, goal);
    while (run < count && bit + run < s.count && ext2_bit_free(&s, bit + run))
        run++;
    err = run > 0 ? ext2_take(fs, handle, group, bitmap, bit, run) : OSKIT_ENOSPC;
    buffer_put(bitmap);
    *out_first = ext2_group_first(&fs->g, group) + bit;
    *out_count = run;
    return err;
}

/* The last blocks are root's. */
static bool ext2_may_take(struct ext2 *fs)
{
    if (fs->free_blocks > fs->reserved_blocks)
        return true;
    return fs->free_blocks > 0 && env_capable(CAPABILITY_SYS_RESOURCE);
}

oskit_error_t ext2_balloc(struct ext2 *fs, struct journal_handle *handle, oskit_u64_t goal,
                          oskit_u64_t count, oskit_u64_t *out_first, oskit_u64_t *out_count)
{
    oskit_error_t err = OSKIT_ENOSPC;

    if (goal < fs->g.first_block || goal >= fs->g.block_count)
        goal = fs->g.first_block;
    oskit_u32_t start = (oskit_u32_t)((goal - fs->g.first_block) / fs->g.blocks_per_group);
    oskit_u32_t bit = (oskit_u32_t)((goal - fs->g.first_block) % fs->g.blocks_per_group);
    env_mutex_lock(&fs->alloc_mutex);
    oskit_u32_t tries = ext2_may_take(fs) ? fs->g.group_count + 1 : 0; /* the first one twice */
    for (oskit_u32_t i = 0; i < tries && err == OSKIT_ENOSPC; i++) {
        oskit_u32_t group = (oskit_u32_t)(((oskit_u64_t)start + i) % fs->g.group_count);

        if (ext2_desc_free_blocks(fs, ext2_desc(fs, group, NULL)) > 0)
            err = ext2_take_from(fs, handle, group, i == 0 ? bit : 0, count, out_first, out_count);
    }
    env_mutex_unlock(&fs->alloc_mutex);
    return err;
}

/* ---- Giving back ---- */

static bool ext2_bits_are_set(const oskit_u8_t *bits, oskit_u32_t first, oskit_u32_t count)
{
    for (oskit_u32_t bit = first; bit < first + count; bit++)
        if (!ext2_bit(bits, bit))
            return false;
    return true;
}

static oskit_error_t ext2_give(struct ext2 *fs, struct journal_handle *handle, oskit_u32_t group,
                               struct buffer *bitmap, oskit_u32_t bit, oskit_u32_t count)
{
    oskit_u64_t first = ext2_group_first(&fs->g, group) + bit;

    if (ext2_is_metadata(fs, group, first, count) || !ext2_bits_are_set(bitmap->data, bit, count))
        return ext2_damaged(fs, "blocks freed twice, from", first);
    oskit_error_t err = journal_access(handle, bitmap);
    if (OSKIT_SUCCEEDED(err))
        err = journal_free_bits(handle, bitmap, bit, count);
    if (OSKIT_SUCCEEDED(err))
        err = ext2_group_count(fs, handle, group, (int)count, 0, 0);
    if (OSKIT_FAILED(err))
        return err;
    ext2_bits_set(bitmap->data, bit, count, false);
    journal_dirty(handle, bitmap);
    return OSKIT_SUCCESS;
}

static oskit_error_t ext2_give_to(struct ext2 *fs, struct journal_handle *handle, oskit_u32_t group,
                                  oskit_u32_t bit, oskit_u32_t count)
{
    struct buffer *bitmap;

    env_mutex_lock(&fs->alloc_mutex);
    oskit_error_t err = buffer_get(fs->buffers, fs->groups[group].block_bitmap, &bitmap);
    if (OSKIT_SUCCEEDED(err)) {
        err = ext2_give(fs, handle, group, bitmap, bit, count);
        buffer_put(bitmap);
    }
    env_mutex_unlock(&fs->alloc_mutex);
    return err;
}

oskit_error_t ext2_bfree(struct ext2 *fs, struct journal_handle *handle, oskit_u64_t first,
                         oskit_u64_t count)
{
    oskit_error_t err = OSKIT_SUCCESS;

    if (!ext2_blocks_valid(&fs->g, first, count))
        return ext2_damaged(fs, "blocks outside, from", first);
    while (count > 0 && OSKIT_SUCCEEDED(err)) {
        oskit_u32_t group = (oskit_u32_t)((first - fs->g.first_block) / fs->g.blocks_per_group);
        oskit_u32_t bit = (oskit_u32_t)((first - fs->g.first_block) % fs->g.blocks_per_group);
        oskit_u32_t part = fs->g.blocks_per_group - bit;

        if (part > count)
            part = (oskit_u32_t)count;
        err = ext2_give_to(fs, handle, group, bit, part);
        first += part;
        count -= part;
    }
    return err;
}
