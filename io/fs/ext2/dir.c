/*
 * Directories, read: blocks of entries, one after another. A hash tree, where there is one, hides
 * in entries that look unused, so that reading all blocks in order finds every name. With the
 * directory's mutex held, but for readdir, which takes it.
 *
 * A readdir cookie is the byte offset behind the entry. Entries don't move, though one may swallow
 * its neighbour when that is removed: so reading goes on at the first entry that begins at or after
 * the cookie.
 */
#include "ext2.h"

oskit_u8_t ext2_dir_type(oskit_u32_t mode)
{
    switch (mode & OSKIT_S_IFMT) {
    case OSKIT_S_IFREG:
        return EXT2_TYPE_REGULAR;
    case OSKIT_S_IFDIR:
        return EXT2_TYPE_DIRECTORY;
    case OSKIT_S_IFCHR:
        return EXT2_TYPE_CHAR;
    case OSKIT_S_IFBLK:
        return EXT2_TYPE_BLOCK;
    case OSKIT_S_IFIFO:
        return EXT2_TYPE_FIFO;
    case OSKIT_S_IFSOCK:
        return EXT2_TYPE_SOCKET;
    case OSKIT_S_IFLNK:
        return EXT2_TYPE_SYMLINK;
    }
    return EXT2_TYPE_UNKNOWN;
}

static oskit_u32_t ext2_dir_mode(oskit_u8_t type)
{
    static const oskit_u32_t modes[] = {
        0,
        OSKIT_S_IFREG,
        OSKIT_S_IFDIR,
        OSKIT_S_IFCHR,
        OSKIT_S_IFBLK,
        OSKIT_S_IFIFO,
        OSKIT_S_IFSOCK,
        OSKIT_S_IFLNK,
    };

    return type < SLUICE_COUNT(modes) ? modes[type] : 0;
}

struct ext2_dir_entry *ext2_dir_entry_at(struct ext2 *fs, struct buffer *block, oskit_u32_t offset)
{
    struct ext2_dir_entry *entry = (void *)((char *)block->data + offset);
    oskit_u32_t left = fs->g.block_size - offset;

    if (left < sizeof *entry || entry->length > left || entry->length % EXT2_DIR_ALIGN ||
        entry->length < sizeof *entry + entry->name_length ||
        entry->length < sizeof *entry + EXT2_DIR_ALIGN || entry->inode > fs->g.inode_count) {
        ext2_damaged(fs, "directory block", block->block);
        return NULL;
    }
    return entry;
}

oskit_error_t ext2_dir_block(struct ext2_node *dir, oskit_u64_t index, struct buffer **out,
                             oskit_u64_t *skip)
{
    oskit_u64_t block, blocks = dir->size >> dir->fs->g.block_shift;

    *out = NULL;
    *skip = 1;
    oskit_error_t err = ext2_map_get(dir, index, blocks - index, &block, skip);
    if (OSKIT_FAILED(err) || block == 0)
        return err;
    *skip = 1;
    return buffer_get(dir->fs->buffers, block, out);
}

/* ---- Finding ---- */

static bool ext2_entry_is(const struct ext2_dir_entry *entry, const char *name, size_t length)
{
    return entry->inode && entry->name_length == length && memcmp(entry->name, name, length) == 0;
}

/* In one block: OSKIT_ENOENT when it isn't there. */
static oskit_error_t ext2_block_find(struct ext2 *fs, struct buffer *block, const char *name,
                                     size_t length, struct ext2_entry *out)
{
    oskit_u32_t previous = 0;

    for (oskit_u32_t offset = 0; offset < fs->g.block_size;) {
        struct ext2_dir_entry *entry = ext2_dir_entry_at(fs, block, offset);

        if (!entry)
            return OSKIT_EUCLEAN;
        if (ext2_entry_is(entry, name, length)) {
            out->offset = offset;
            out->previous = previous;
            out->ino = entry->inode;
            return OSKIT_SUCCESS;
        }
        previous = offset;
        offset += entry->length;
    }
    return OSKIT_ENOENT;
}

/* In block INDEX of DIR; then how many blocks on to search next is *skip. */
static oskit_error_t ext2_dir_find_in(struct ext2_node *dir, const char *name, oskit_u64_t index,
                                      oskit_u64_t *skip, struct ext2_entry *out)
{
    oskit_error_t err = ext2_dir_block(dir, index, &out->buffer, skip);

    if (OSKIT_FAILED(err))
        return err;
    out->index = index;
    if (!out->buffer)
        return OSKIT_ENOENT;
    err = ext2_block_find(dir->fs, out->buffer, name, strlen(name), out);
    if (OSKIT_FAILED(err))
        ext2_entry_put(out);
    return err;
}

oskit_error_t ext2_dir_find(struct ext2_node *dir, const char *name, struct ext2_entry *out)
{
    oskit_u64_t blocks = dir->size >> dir->fs->g.block_shift, index, skip;
    oskit_error_t err = OSKIT_ENOENT;
    oskit_u32_t at = 0;

    if (ext2_index_ready(dir)) {
        while (err == OSKIT_ENOENT && ext2_index_next(dir, name, &at, &index))
            err = ext2_dir_find_in(dir, name, index, &skip, out);
        return err;
    }
    for (index = 0; index < blocks && err == OSKIT_ENOENT; index += skip)
        err = ext2_dir_find_in(dir, name, index, &skip, out);
    return err;
}

/* ---- Reading it ---- */

struct ext2_reading {
    struct ext2_node *dir;
    oskit_u64_t *cookie;
    bool (*emit)(void *arg, const struct filex_entry *entry);
    void *arg;
    bool more;
    char name[EXT2_NAME_MAX + 1];
};

static void ext2_emit(struct ext2_reading *r, const struct ext2_dir_entry *entry, oskit_u64_t end)
{
    struct filex_entry out = {
        .name = r->name,
        .length = entry->name_length,
        .ino = entry->inode,
        .cookie = end,
    };

    if (r->dir->fs->g.incompat & EXT2_INCOMPAT_FILETYPE)
        out.type = ext2_dir_mode(entry->type);
    memcpy(r->name, entry->name, entry->name_length);
    r->name[entry->name_length] = '\0';
    r->more = r->emit(r->arg, &out);
    if (r->more)
        *r->cookie = end;
}

static bool ext2_name_usable(const char *name, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (name[i] == '/' || name[i] == '\0')
            return false;
    return true;
}

/* A name that can't be one is passed over: nobody could use it. */
static bool ext2_entry_shown(const struct ext2_dir_entry *entry)
{
    return entry->inode && entry->name_length > 0 &&
           ext2_name_usable(entry->name, entry->name_length);
}

static oskit_error_t ext2_block_read(struct ext2_reading *r, struct buffer *block,
                                     oskit_u64_t start)
{
    struct ext2 *fs = r->dir->fs;

    for (oskit_u32_t offset = 0; offset < fs->g.block_size && r->more;) {
        struct ext2_dir_entry *entry = ext2_dir_entry_at(fs, block, offset);

        if (!entry)
            return OSKIT_EUCLEAN;
        if (start + offset >= *r->cookie && ext2_entry_shown(entry))
            ext2_emit(r, entry, start + offset + entry->length);
        offset += entry->length;
    }
    return OSKIT_SUCCESS;
}

static oskit_error_t ext2_dir_read(struct ext2_reading *r)
{
    oskit_u32_t shift = r->dir->fs->g.block_shift;
    oskit_u64_t blocks = r->dir->size >> shift, skip;
    oskit_error_t err = OSKIT_SUCCESS;
    struct buffer *block;

    for (oskit_u64_t index = *r->cookie >> shift; index < blocks && r->more; index += skip) {
        err = ext2_dir_block(r->dir, index, &block, &skip);
        if (OSKIT_SUCCEEDED(err) && block)
            err = ext2_block_read(r, block, index << shift);
        buffer_put(block);
        if (OSKIT_FAILED(err))
            return err;
    }
    return err;
}

oskit_error_t ext2_dir_readdir(struct ext2_node *dir, oskit_u64_t *cookie,
                               bool (*emit)(void *arg, const struct filex_entry *entry), void *arg)
{
    struct ext2_reading *r = env_alloc(sizeof *r, 0);
    oskit_error_t err = OSKIT_SUCCESS;

    if (!r)
        return OSKIT_ENOMEM;
    *r =
        (struct ext2_reading){.dir = dir, .cookie = cookie, .emit = emit, .arg = arg, .more = true};
    env_mutex_lock(&dir->mutex);
    if (!ext2_dir_gone(dir))
        err = ext2_dir_read(r);
    env_mutex_unlock(&dir->mutex);
    env_free(r, sizeof *r);
    ext2_accessed(dir);
    return err;
}

/* ---- Whether anything is in it ---- */

static bool ext2_block_has_names(struct ext2 *fs, struct buffer *block, oskit_error_t *err)
{
    for (oskit_u32_t offset = 0; offset < fs->g.block_size;) {
        struct ext2_dir_entry *entry = ext2_dir_entry_at(fs, block, offset);

        if (!entry) {
            *err = OSKIT_EUCLEAN;
            return true;
        }
        if (entry->inode && !ext2_entry_is(entry, ".", 1) && !ext2_entry_is(entry, "..", 2))
            return true;
        offset += entry->length;
    }
    return false;
}

oskit_error_t ext2_dir_empty(struct ext2_node *dir)
{
    oskit_u64_t blocks = dir->size >> dir->fs->g.block_shift, skip;
    oskit_error_t err = OSKIT_SUCCESS;
    struct buffer *block;
    bool names = false;

    for (oskit_u64_t index = 0; index < blocks && !names; index += skip) {
        err = ext2_dir_block(dir, index, &block, &skip);
        if (OSKIT_FAILED(err))
            return err;
        names = block && ext2_block_has_names(dir->fs, block, &err);
        buffer_put(block);
    }
    if (OSKIT_FAILED(err))
        return err;
    return names ? OSKIT_ENOTEMPTY : OSKIT_SUCCESS;
}
