/*
 * Changing directories: entries come, go, and lead elsewhere. A new entry is put into the room that
 * another leaves in its block, or into a new block. A hash tree isn't kept up: the flag that says
 * there is one goes, and it reads as plain blocks. With the directory's mutex held and in a handle.
 */
#include "ext2.h"

static oskit_u32_t ext2_entry_need(size_t name_length)
{
    return (oskit_u32_t)((sizeof(struct ext2_dir_entry) + name_length + EXT2_DIR_ALIGN - 1) &
                         ~(size_t)(EXT2_DIR_ALIGN - 1));
}

static void ext2_entry_write(struct ext2 *fs, struct ext2_dir_entry *entry, oskit_u32_t length,
                             const char *name, size_t name_length, const struct ext2_node *node)
{
    entry->inode = node->ino;
    entry->length = (oskit_u16_t)length;
    entry->name_length = (oskit_u8_t)name_length;
    entry->type =
        fs->g.incompat & EXT2_INCOMPAT_FILETYPE ? ext2_dir_type(node->mode) : EXT2_TYPE_UNKNOWN;
    memcpy(entry->name, name, name_length);
}

/* In memory; the caller stores the inode. */
static void ext2_dir_changed(struct ext2_node *dir)
{
    env_spin_lock(&dir->lock);
    dir->flags &= ~EXT2_FLAG_INDEX;
    env_spin_unlock(&dir->lock);
    ext2_touch(dir, EXT2_TOUCH_MODIFY);
}

/* ---- Inserting ---- */

/* Room that ENTRY has beyond its own name. */
static oskit_u32_t ext2_entry_room(const struct ext2_dir_entry *entry)
{
    return entry->length - (entry->inode ? ext2_entry_need(entry->name_length) : 0);
}

/* The entry in BLOCK with room for NEED more bytes, or NULL; *err when the block makes no sense. */
static struct ext2_dir_entry *ext2_block_room(struct ext2 *fs, struct buffer *block,
                                              oskit_u32_t need, oskit_error_t *err)
{
    for (oskit_u32_t offset = 0; offset < fs->g.block_size;) {
        struct ext2_dir_entry *entry = ext2_dir_entry_at(fs, block, offset);

        if (!entry) {
            *err = OSKIT_EUCLEAN;
            return NULL;
        }
        if (ext2_entry_room(entry) >= need)
            return entry;
        offset += entry->length;
    }
    return NULL;
}

/* Puts the new entry behind ENTRY's own name, or in its place when that isn't in use. */
static oskit_error_t ext2_entry_split(struct journal_handle *handle, struct ext2_node *dir,
                                      struct buffer *block, struct ext2_dir_entry *entry,
                                      const char *name, const struct ext2_node *node)
{
    oskit_error_t err = journal_access(handle, block);
    oskit_u32_t length = entry->length;

    if (OSKIT_FAILED(err))
        return err;
    if (entry->inode) {
        oskit_u32_t own = ext2_entry_need(entry->name_length);

        entry->length = (oskit_u16_t)own;
        entry = (void *)((char *)entry + own);
        length -= own;
    }
    ext2_entry_write(dir->fs, entry, length, name, strlen(name), node);
    journal_dirty(handle, block);
    return OSKIT_SUCCESS;
}

/* OSKIT_ENOSPC: no block that exists has room. */
static oskit_error_t ext2_insert_old(struct journal_handle *handle, struct ext2_node *dir,
                                     const char *name, const struct ext2_node *node)
{
    oskit_u64_t blocks = dir->size >> dir->fs->g.block_shift, skip;
    oskit_u32_t need = ext2_entry_need(strlen(name));
    struct ext2_dir_entry *entry = NULL;
    oskit_error_t err = OSKIT_SUCCESS;
    struct buffer *block;

    for (oskit_u64_t index = dir->insert_hint; index < blocks && !entry; index += skip) {
        err = ext2_dir_block(dir, index, &block, &skip);
        if (OSKIT_SUCCEEDED(err) && block)
            entry = ext2_block_room(dir->fs, block, need, &err);
        if (entry) {
            dir->insert_hint = index;
            err = ext2_entry_split(handle, dir, block, entry, name, node);
            if (OSKIT_SUCCEEDED(err))
                ext2_index_add(dir, name, index);
        }
        buffer_put(block);
        if (OSKIT_FAILED(err))
            return err;
    }
    return entry ? err : OSKIT_ENOSPC;
}

/* A new last block of one entry, to be filled: *OUT is held and accessed. */
static oskit_error_t ext2_dir_append(struct journal_handle *handle, struct ext2_node *dir,
                                     struct buffer **out)
{
    oskit_u64_t index = dir->size >> dir->fs->g.block_shift, block, count;
    bool fresh;

    if (dir->size > INT32_MAX - dir->fs->g.block_size)
        return OSKIT_ENOSPC;
    env_mutex_lock(&dir->map_mutex);
    oskit_error_t err = ext2_map_fill(handle, dir, index, 1, &count, &fresh);
    if (OSKIT_SUCCEEDED(err))
        err = ext2_map_find(dir, index, 1, &block, &count);
    env_mutex_unlock(&dir->map_mutex);
    if (OSKIT_SUCCEEDED(err))
        err = buffer_get_new(dir->fs->buffers, block, out);
    if (OSKIT_FAILED(err))
        return err;
    err = journal_access(handle, *out);
    if (OSKIT_FAILED(err)) {
        buffer_put(*out);
        return err;
    }
    memset((*out)->data, 0, dir->fs->g.block_size);
    env_spin_lock(&dir->lock);
    dir->size += dir->fs->g.block_size;
    env_spin_unlock(&dir->lock);
    return OSKIT_SUCCESS;
}

oskit_error_t ext2_dir_insert(struct journal_handle *handle, struct ext2_node *dir,
                              const char *name, struct ext2_node *node)
{
    struct buffer *block;
    oskit_error_t err = ext2_insert_old(handle, dir, name, node);

    if (err == OSKIT_ENOSPC) {
        err = ext2_dir_append(handle, dir, &block);
        if (OSKIT_SUCCEEDED(err)) {
            ext2_entry_write(dir->fs, block->data, dir->fs->g.block_size, name, strlen(name), node);
            journal_dirty(handle, block);
            buffer_put(block);
            ext2_index_add(dir, name, (dir->size >> dir->fs->g.block_shift) - 1);
        }
    }
    ext2_dir_changed(dir); /* after a failure, too: the map may have grown */
    oskit_error_t stored = ext2_inode_store(handle, dir, false);
    return OSKIT_FAILED(err) ? err : stored;
}

oskit_error_t ext2_dir_format(struct journal_handle *handle, struct ext2_node *dir,
                              struct ext2_node *parent)
{
    struct buffer *block;
    oskit_error_t err = ext2_dir_append(handle, dir, &block);
    oskit_u32_t dot = ext2_entry_need(1);

    if (OSKIT_FAILED(err))
        return err;
    char *data = block->data;
    ext2_entry_write(dir->fs, (void *)data, dot, ".", 1, dir);
    ext2_entry_write(dir->fs, (void *)(data + dot), dir->fs->g.block_size - dot, "..", 2, parent);
    journal_dirty(handle, block);
    buffer_put(block);
    return OSKIT_SUCCESS;
}

/* ---- Removing, changing ---- */

oskit_error_t ext2_dir_remove(struct journal_handle *handle, struct ext2_node *dir,
                              struct ext2_entry *entry)
{
    char *data = entry->buffer->data;
    struct ext2_dir_entry *raw = (void *)(data + entry->offset);
    oskit_error_t err = journal_access(handle, entry->buffer);

    if (OSKIT_FAILED(err))
        return err;
    if (entry->previous == entry->offset)
        raw->inode = 0;
    else
        ((struct ext2_dir_entry *)(data + entry->previous))->length += raw->length;
    journal_dirty(handle, entry->buffer);
    if (entry->index < dir->insert_hint)
        dir->insert_hint = entry->index;
    ext2_dir_changed(dir);
    return ext2_inode_store(handle, dir, false);
}

oskit_error_t ext2_dir_set(struct journal_handle *handle, struct ext2_node *dir,
                           struct ext2_entry *entry, struct ext2_node *node)
{
    struct ext2_dir_entry *raw = (void *)((char *)entry->buffer->data + entry->offset);
    oskit_error_t err = journal_access(handle, entry->buffer);

    if (OSKIT_FAILED(err))
        return err;
    raw->inode = node->ino;
    if (dir->fs->g.incompat & EXT2_INCOMPAT_FILETYPE)
        raw->type = ext2_dir_type(node->mode);
    journal_dirty(handle, entry->buffer);
    return OSKIT_SUCCESS;
}
