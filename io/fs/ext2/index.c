/*
 * In which block of a large directory a name may be: a table in memory from a name's hash to the
 * block's number, made by reading the whole directory once. With the directory's mutex held.
 *
 * It never lacks a name that is there: so what it doesn't know isn't there. It may well know names
 * that have gone: a removal leaves it alone. When it has become full it is dropped, and made anew
 * by the next search. So it is whenever there is no memory, and then the search goes through all
 * blocks, as it does in small directories, and when the tables of a file system together
 * have become too large.
 */
#include "../namehash.h"
#include "ext2.h"

#define INDEX_BLOCKS    4u         /* smaller directories are searched */
#define INDEX_SLOTS_MIN 1024u      /* a power of two */
#define INDEX_SLOTS_ALL (1u << 20) /* of one file system: 8 MiB */

struct ext2_index_slot {
    oskit_u32_t hash;
    oskit_u32_t block; /* and one; 0: free */
};

struct ext2_index {
    oskit_u32_t slots; /* a power of two; a quarter stays free */
    oskit_u32_t used;
    struct ext2_index_slot slot[];
};

static size_t ext2_index_size(oskit_u32_t slots)
{
    return sizeof(struct ext2_index) + slots * sizeof(struct ext2_index_slot);
}

static oskit_u32_t ext2_index_hash(const char *name, size_t length)
{
    return (oskit_u32_t)namehash(name, length);
}

void ext2_index_drop(struct ext2_node *dir)
{
    struct ext2_index *index = dir->index;

    if (!index)
        return;
    dir->index = NULL;
    atomic_fetch_sub(&dir->fs->index_slots, index->slots);
    env_free(index, ext2_index_size(index->slots));
}

/* False when there is no room. A name twice in one block needs one slot. */
static bool ext2_index_put(struct ext2_index *index, oskit_u32_t hash, oskit_u32_t block)
{
    oskit_u32_t mask = index->slots - 1, at = hash & mask;

    while (index->slot[at].block &&
           (index->slot[at].hash != hash || index->slot[at].block != block + 1))
        at = (at + 1) & mask;
    if (index->slot[at].block)
        return true;
    if (index->used >= index->slots - index->slots / 4)
        return false;
    index->slot[at] = (struct ext2_index_slot){hash, block + 1};
    index->used++;
    return true;
}

void ext2_index_add(struct ext2_node *dir, const char *name, oskit_u64_t block)
{
    if (dir->index &&
        (block >= UINT32_MAX ||
         !ext2_index_put(dir->index, ext2_index_hash(name, strlen(name)), (oskit_u32_t)block)))
        ext2_index_drop(dir);
}

/* ---- Making it ---- */

static bool ext2_index_block(struct ext2_node *dir, struct buffer *block, oskit_u32_t number)
{
    for (oskit_u32_t offset = 0; offset < dir->fs->g.block_size;) {
        const struct ext2_dir_entry *entry = ext2_dir_entry_at(dir->fs, block, offset);

        if (!entry)
            return false;
        if (entry->inode &&
            !ext2_index_put(dir->index, ext2_index_hash(entry->name, entry->name_length), number))
            return false;
        offset += entry->length;
    }
    return true;
}

static bool ext2_index_fill(struct ext2_node *dir, oskit_u64_t blocks)
{
    struct buffer *block;
    oskit_u64_t skip;
    bool good = true;

    for (oskit_u64_t number = 0; number < blocks && good; number += skip) {
        good = OSKIT_SUCCEEDED(ext2_dir_block(dir, number, &block, &skip));
        if (good && block)
            good = ext2_index_block(dir, block, (oskit_u32_t)number);
        buffer_put(block);
    }
    return good;
}

/* With room for as many names again as there can be in its blocks. */
static void ext2_index_make(struct ext2_node *dir, oskit_u64_t blocks)
{
    oskit_u64_t names = blocks * (dir->fs->g.block_size / 24), slots = INDEX_SLOTS_MIN;

    while (slots < 2 * names)
        slots *= 2;
    if (slots > INDEX_SLOTS_ALL)
        return;
    if (atomic_fetch_add(&dir->fs->index_slots, (oskit_u32_t)slots) + slots <= INDEX_SLOTS_ALL)
        dir->index = env_alloc(ext2_index_size((oskit_u32_t)slots), ENV_ZERO);
    if (!dir->index) {
        atomic_fetch_sub(&dir->fs->index_slots, (oskit_u32_t)slots);
        return;
    }
    dir->index->slots = (oskit_u32_t)slots;
    if (!ext2_index_fill(dir, blocks))
        ext2_index_drop(dir);
}

bool ext2_index_ready(struct ext2_node *dir)
{
    oskit_u64_t blocks = dir->size >> dir->fs->g.block_shift;

    if (!dir->index && blocks > INDEX_BLOCKS)
        ext2_index_make(dir, blocks);
    return dir->index != NULL;
}

bool ext2_index_next(const struct ext2_node *dir, const char *name, oskit_u32_t *at,
                     oskit_u64_t *block)
{
    const struct ext2_index *index = dir->index;
    oskit_u32_t mask = index->slots - 1, hash = ext2_index_hash(name, strlen(name));

    for (oskit_u32_t n = *at; index->slot[(hash + n) & mask].block; n++) {
        const struct ext2_index_slot *slot = &index->slot[(hash + n) & mask];

        if (slot->hash != hash)
            continue;
        *at = n + 1;
        *block = slot->block - 1;
        return true;
    }
    return false;
}
