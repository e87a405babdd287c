/*
 * Extended attributes, set and removed. What changes is put together anew, beside the old: the list
 * in the inode, or that in the block, or both when a value moves from one to the other. It goes to
 * its place in one handle. Lock order: ext2.h; the node's mutex is held.
 *
 * A block that other inodes share isn't changed but left to them, for one of our own. Linux looks
 * for blocks that are alike and shares them; here that is only undone.
 */
#include "../xattr_access.h"
#include "ext2.h"
#include "xattr.h"

/* Inode; old block, or the one to go with its group; new block with its group; superblock. */
#define XATTR_CREDITS (EXT2_CREDITS_INODE + 1u + 2 * EXT2_CREDITS_BITMAP + 1u + 1u)

struct ext2_xattr_change {
    struct ext2_node *node;
    struct ext2_xattr_name name;
    const void *value; /* NULL: it goes */
    oskit_size_t size;
    oskit_u32_t flags;
    struct ext2_xattr_place inode, block;
    char *new_inode, *new_block; /* NULL: stays as it is */
};

/* ---- A list put together ---- */

/* Entries grow from the front, values from the end; four zero bytes stay between. */
struct ext2_xattr_image {
    char *base, *next, *values;
    bool hashed, failed;
};

/* What a block's users compare blocks by. */
static oskit_u32_t ext2_xattr_hash(const struct ext2_xattr_entry *entry, const char *value)
{
    oskit_u32_t hash = 0, word;

    for (oskit_u32_t i = 0; i < entry->name_length; i++)
        hash = (hash << 5) ^ (hash >> 27) ^ (oskit_u8_t)entry->name[i];
    for (oskit_u32_t i = 0; i < ext2_xattr_padded(entry->value_size); i += sizeof word) {
        memcpy(&word, value + i, sizeof word);
        hash = (hash << 16) ^ (hash >> 16) ^ word;
    }
    return hash;
}

/* IMAGE was zeros: so is what pads. */
static void ext2_xattr_add(struct ext2_xattr_image *image, const struct ext2_xattr_name *name,
                           const void *value, oskit_size_t size)
{
    oskit_u32_t length = ext2_xattr_entry_size(name->length);
    struct ext2_xattr_entry *entry = (void *)image->next;
    size_t left = (size_t)(image->values - image->next) - EXT2_XATTR_ALIGN;

    if (image->failed || size > left || left - size < length ||
        left - length < ext2_xattr_padded((oskit_u32_t)size)) {
        image->failed = true;
        return;
    }
    image->values -= ext2_xattr_padded((oskit_u32_t)size);
    memcpy(image->values, value, size);
    memcpy(entry->name, name->suffix, name->length);
    entry->name_length = name->length;
    entry->name_index = name->index;
    entry->value_offset = size > 0 ? (oskit_u16_t)(image->values - image->base) : 0;
    entry->value_size = (oskit_u32_t)size;
    entry->hash = image->hashed ? ext2_xattr_hash(entry, image->values) : 0;
    image->next += length;
}

/* Linux searches a block's list as far as a name could be. */
static bool ext2_xattr_before(const struct ext2_xattr_name *name,
                              const struct ext2_xattr_entry *entry)
{
    if (name->index != entry->name_index)
        return name->index < entry->name_index;
    if (name->length != entry->name_length)
        return name->length < entry->name_length;
    return memcmp(name->suffix, entry->name, name->length) < 0;
}

/* The list of PLACE without the name; with its new value when WITH. OSKIT_ENOSPC: no room. */
static oskit_error_t ext2_xattr_compose(const struct ext2_xattr_change *c,
                                        const struct ext2_xattr_place *place, bool with,
                                        struct ext2_xattr_image *image)
{
    const struct ext2_xattr_entry *entry = NULL;
    oskit_error_t err = OSKIT_SUCCESS;

    while ((entry = ext2_xattr_next(c->node->fs, place, entry, &err))) {
        struct ext2_xattr_name name = {entry->name_index, entry->name_length, entry->name};

        if (ext2_xattr_is(entry, &c->name))
            continue;
        if (with && ext2_xattr_before(&c->name, entry)) {
            ext2_xattr_add(image, &c->name, c->value, c->size);
            with = false;
        }
        ext2_xattr_add(image, &name, place->base + entry->value_offset, entry->value_size);
    }
    if (with)
        ext2_xattr_add(image, &c->name, c->value, c->size);
    if (OSKIT_FAILED(err))
        return err;
    return image->failed ? OSKIT_ENOSPC : OSKIT_SUCCESS;
}

static oskit_error_t ext2_xattr_compose_inode(struct ext2_xattr_change *c, char *bytes, bool with)
{
    static const oskit_u32_t magic = EXT2_XATTR_MAGIC;
    size_t length = (size_t)(c->inode.end - c->inode.start);
    char *first = bytes + sizeof magic;
    struct ext2_xattr_image image = {.base = first, .next = first, .values = bytes + length};

    if (length < sizeof magic + EXT2_XATTR_ALIGN)
        return OSKIT_ENOSPC;
    memset(bytes, 0, length);
    oskit_error_t err = ext2_xattr_compose(c, &c->inode, with, &image);
    if (image.next != first)
        memcpy(bytes, &magic, sizeof magic);
    if (OSKIT_SUCCEEDED(err))
        c->new_inode = bytes;
    return err;
}

static oskit_error_t ext2_xattr_compose_block(struct ext2_xattr_change *c, char *bytes, bool with)
{
    size_t length = c->node->fs->g.block_size;
    struct ext2_xattr_block_header *header = (void *)bytes;
    char *first = bytes + sizeof *header;
    struct ext2_xattr_image image = {
        .base = bytes, .next = first, .values = bytes + length, .hashed = true};

    memset(bytes, 0, length);
    oskit_error_t err = ext2_xattr_compose(c, &c->block, with, &image);
    for (char *at = first; at < image.next;) {
        const struct ext2_xattr_entry *entry = (void *)at;
        header->hash = (header->hash << 16) ^ (header->hash >> 16) ^ entry->hash;
        at += ext2_xattr_entry_size(entry->name_length);
    }
    if (image.next != first) /* otherwise the block goes */
        header->magic = EXT2_XATTR_MAGIC;
    header->refcount = header->blocks = 1;
    if (OSKIT_SUCCEEDED(err))
        c->new_block = bytes;
    return err;
}

/* ---- What becomes of it ---- */

static bool ext2_xattr_has(const struct ext2_xattr_change *c, const struct ext2_xattr_place *place,
                           oskit_error_t *err)
{
    const struct ext2_xattr_entry *entry = NULL;

    while ((entry = ext2_xattr_next(c->node->fs, place, entry, err)))
        if (ext2_xattr_is(entry, &c->name))
            return true;
    return false;
}

/* Into the inode if it fits there, for that costs no block; else into the block. SPACE has room for
 * two blocks. */
static oskit_error_t ext2_xattr_plan(struct ext2_xattr_change *c, char *space)
{
    oskit_error_t err = OSKIT_SUCCESS;
    bool in_inode = ext2_xattr_has(c, &c->inode, &err);
    bool in_block = ext2_xattr_has(c, &c->block, &err);
    bool with = c->value != NULL, placed = !with;

    if (OSKIT_FAILED(err))
        return err;
    if ((in_inode || in_block) && (c->flags & XATTRSET_CREATE))
        return OSKIT_EEXIST;
    if (!in_inode && !in_block && (c->flags & XATTRSET_REPLACE))
        return OSKIT_ENODATA;
    if (with && c->inode.buffer) {
        err = ext2_xattr_compose_inode(c, space, true);
        placed = OSKIT_SUCCEEDED(err);
        if (OSKIT_FAILED(err) && err != OSKIT_ENOSPC)
            return err;
    }
    if (in_inode && !c->new_inode) {
        err = ext2_xattr_compose_inode(c, space, false);
        if (OSKIT_FAILED(err))
            return err;
    }
    if (in_block || !placed)
        return ext2_xattr_compose_block(c, space + c->node->fs->g.block_size, !placed);
    return OSKIT_SUCCESS;
}

/* ---- To its place, in a handle ---- */

static void ext2_xattr_point(struct ext2_node *node, oskit_u64_t block)
{
    oskit_u64_t sectors = node->fs->g.block_size / 512;

    env_spin_lock(&node->lock);
    if (node->file_acl && !block)
        node->sectors -= sectors < node->sectors ? sectors : node->sectors;
    if (!node->file_acl && block)
        node->sectors += sectors;
    node->file_acl = block;
    env_spin_unlock(&node->lock);
}

/* One inode less has BLOCK, of which a reference is taken over. With attribute_mutex held. */
static oskit_error_t ext2_xattr_leave(struct journal_handle *handle, struct ext2_node *node,
                                      struct buffer *block)
{
    struct ext2_xattr_block_header *header = block->data;
    oskit_u64_t number = block->block;
    oskit_error_t err;

    if (header->magic != EXT2_XATTR_MAGIC || header->refcount <= 1) {
        err = journal_forget(handle, block);
        return OSKIT_FAILED(err) ? err : ext2_bfree(node->fs, handle, number, 1);
    }
    err = journal_access(handle, block);
    if (OSKIT_SUCCEEDED(err)) {
        header->refcount--;
        journal_dirty(handle, block);
    }
    buffer_put(block);
    return err;
}

/* The superblock says that there are such blocks. */
static oskit_error_t ext2_xattr_feature(struct ext2 *fs, struct journal_handle *handle)
{
    if (fs->super->feature_compat & EXT2_COMPAT_EXT_ATTR)
        return OSKIT_SUCCESS;
    if (fs->super->rev_level == 0)
        return OSKIT_EOPNOTSUPP; /* it has no room to say so */
    oskit_error_t err = journal_access(handle, fs->super_block);
    if (OSKIT_FAILED(err))
        return err;
    fs->super->feature_compat |= EXT2_COMPAT_EXT_ATTR;
    journal_dirty(handle, fs->super_block);
    return OSKIT_SUCCESS;
}

static oskit_error_t ext2_xattr_fill(struct journal_handle *handle, struct ext2 *fs,
                                     struct buffer *block, const char *image)
{
    oskit_error_t err = journal_access(handle, block);

    if (OSKIT_SUCCEEDED(err)) {
        memcpy(block->data, image, fs->g.block_size);
        journal_dirty(handle, block);
    }
    return err;
}

/* IMAGE goes into a new block. */
static oskit_error_t ext2_xattr_block_new(struct journal_handle *handle, struct ext2_node *node,
                                          const char *image, oskit_u64_t *out)
{
    struct ext2 *fs = node->fs;
    oskit_u64_t goal = ext2_group_first(&fs->g, (node->ino - 1) / fs->g.inodes_per_group), count;
    struct buffer *block;
    oskit_error_t err = ext2_xattr_feature(fs, handle);

    if (OSKIT_SUCCEEDED(err))
        err = ext2_balloc(fs, handle, goal, 1, out, &count);
    if (OSKIT_FAILED(err))
        return err;
    err = buffer_get_new(fs->buffers, *out, &block);
    if (OSKIT_SUCCEEDED(err)) {
        err = ext2_xattr_fill(handle, fs, block, image);
        buffer_put(block);
    }
    if (OSKIT_FAILED(err))
        ext2_bfree(fs, handle, *out, 1);
    return err;
}

/* With attribute_mutex held. */
static oskit_error_t ext2_xattr_block_store(struct journal_handle *handle,
                                            struct ext2_xattr_change *c)
{
    const struct ext2_xattr_block_header *next = (const void *)c->new_block;
    const struct ext2_xattr_block_header *old = c->block.buffer ? c->block.buffer->data : NULL;
    bool empty = next->magic != EXT2_XATTR_MAGIC;
    oskit_error_t err = OSKIT_SUCCESS;
    oskit_u64_t number = 0;

    if (!old && empty)
        return OSKIT_SUCCESS;
    if (!empty && old && old->refcount <= 1)
        return ext2_xattr_fill(handle, c->node->fs, c->block.buffer, c->new_block);
    if (!empty)
        err = ext2_xattr_block_new(handle, c->node, c->new_block, &number);
    if (OSKIT_SUCCEEDED(err) && old) {
        buffer_ref(c->block.buffer);
        err = ext2_xattr_leave(handle, c->node, c->block.buffer);
        if (OSKIT_FAILED(err) && number)
            ext2_bfree(c->node->fs, handle, number, 1);
    }
    if (OSKIT_SUCCEEDED(err))
        ext2_xattr_point(c->node, number);
    return err;
}

/* First what may fail. */
static oskit_error_t ext2_xattr_store(struct journal_handle *handle, struct ext2_xattr_change *c)
{
    struct ext2 *fs = c->node->fs;
    oskit_error_t err = OSKIT_SUCCESS;

    if (c->new_inode)
        err = journal_access(handle, c->inode.buffer);
    if (OSKIT_SUCCEEDED(err) && c->new_block) {
        env_mutex_lock(&fs->attribute_mutex);
        err = ext2_xattr_block_store(handle, c);
        env_mutex_unlock(&fs->attribute_mutex);
    }
    if (OSKIT_FAILED(err))
        return err;
    if (c->new_inode) {
        memcpy(c->inode.start, c->new_inode, (size_t)(c->inode.end - c->inode.start));
        journal_dirty(handle, c->inode.buffer);
    }
    ext2_touch(c->node, EXT2_TOUCH_CHANGE);
    return ext2_inode_store(handle, c->node, false);
}

/* ---- The call ---- */

static oskit_error_t ext2_xattr_change_places(struct ext2_xattr_change *c, char *space)
{
    struct journal_handle handle;
    oskit_error_t err = ext2_xattr_in_inode(c->node, &c->inode);

    if (OSKIT_SUCCEEDED(err))
        err = ext2_xattr_in_block(c->node, &c->block);
    if (OSKIT_SUCCEEDED(err))
        err = ext2_xattr_plan(c, space);
    if (OSKIT_SUCCEEDED(err))
        err = ext2_begin(c->node->fs, XATTR_CREDITS, &handle);
    if (OSKIT_FAILED(err))
        return err;
    err = ext2_xattr_store(&handle, c);
    ext2_end(c->node->fs, &handle);
    return err;
}

static oskit_error_t ext2_xattr_change_once(struct ext2_xattr_change *c, char *space)
{
    c->new_inode = c->new_block = NULL;
    c->inode.buffer = c->block.buffer = NULL;
    env_mutex_lock(&c->node->mutex);
    if (c->value)
        c->node->incapable = false; /* perhaps that is what is set */
    oskit_error_t err = ext2_xattr_change_places(c, space);
    env_mutex_unlock(&c->node->mutex);
    buffer_put(c->inode.buffer);
    buffer_put(c->block.buffer);
    return err;
}

static oskit_error_t ext2_xattr_may_change(struct ext2_node *node, const char *name)
{
    struct file_owner owner = ext2_node_owner(node);
    oskit_error_t err = ext2_writable(node->fs);

    if (OSKIT_SUCCEEDED(err))
        err = ext2_may_alter(node);
    return OSKIT_FAILED(err) ? err : xattr_access(&owner, name, true);
}

static oskit_error_t ext2_xattr_change_patiently(struct ext2_xattr_change *c)
{
    size_t room = 2 * (size_t)c->node->fs->g.block_size;
    char *space = env_alloc(room, 0);
    oskit_error_t err;

    if (!space)
        return OSKIT_ENOMEM;
    do /* what was freed lately can be had after a commit */
        err = ext2_xattr_change_once(c, space);
    while (err == OSKIT_ENOSPC && c->new_block && ext2_wait_free(c->node->fs));
    env_free(space, room);
    return err;
}

static oskit_error_t ext2_xattr_change(struct ext2_xattr_change *c, const char *name)
{
    oskit_error_t err = ext2_xattr_may_change(c->node, name);

    if (OSKIT_SUCCEEDED(err))
        err = ext2_xattr_name(name, &c->name);
    return OSKIT_FAILED(err) ? err : ext2_xattr_change_patiently(c);
}

static oskit_error_t ext2_xattr_set(sluice_xattrset_t *self, const char *name, const void *value,
                                    oskit_size_t size, oskit_u32_t flags)
{
    struct ext2_xattr_change c = {
        .node = ext2_node_of(self), .value = value ? value : "", .size = size, .flags = flags};

    if (flags & ~(XATTRSET_CREATE | XATTRSET_REPLACE))
        return OSKIT_E_INVALIDARG;
    return ext2_xattr_change(&c, name);
}

static oskit_error_t ext2_xattr_remove(sluice_xattrset_t *self, const char *name)
{
    struct ext2_xattr_change c = {.node = ext2_node_of(self), .flags = XATTRSET_REPLACE};

    return ext2_xattr_change(&c, name);
}

const struct sluice_xattrset_ops ext2_xattrset_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .set = ext2_xattr_set,
    .remove = ext2_xattr_remove,
};

/* ---- Trust ---- */

/* Attributes that can't be read don't make a program capable either. */
oskit_error_t ext2_capability_drop(struct ext2_node *node)
{
    struct ext2_xattr_change c = {.node = node, .flags = XATTRSET_REPLACE};
    bool found;

    if (node->incapable || !ext2_is_file(node))
        return OSKIT_SUCCESS;
    oskit_error_t err = ext2_xattr_name(XATTR_CAPABILITY, &c.name);
    if (OSKIT_FAILED(err))
        return err;
    env_mutex_lock(&node->mutex);
    node->incapable = OSKIT_FAILED(ext2_xattr_find(node, &c.name, &found)) || !found;
    env_mutex_unlock(&node->mutex);
    if (node->incapable)
        return OSKIT_SUCCESS;
    err = ext2_xattr_change_patiently(&c);
    return err == OSKIT_ENODATA ? OSKIT_SUCCESS : err;
}

oskit_error_t ext2_lock_incapable(struct ext2_node *node)
{
    oskit_error_t err = OSKIT_SUCCESS;

    env_mutex_lock(&node->mutex);
    while (OSKIT_SUCCEEDED(err) && !node->incapable && ext2_is_file(node)) {
        env_mutex_unlock(&node->mutex);
        err = ext2_capability_drop(node);
        env_mutex_lock(&node->mutex);
    }
    return err;
}

/* ---- The end of a file ---- */

oskit_error_t ext2_xattr_free(struct journal_handle *handle, struct ext2_node *node)
{
    struct ext2 *fs = node->fs;
    struct buffer *block;

    if (node->file_acl == 0)
        return OSKIT_SUCCESS;
    if (!ext2_blocks_valid(&fs->g, node->file_acl, 1))
        return ext2_damaged(fs, "attribute block of inode", node->ino);
    oskit_error_t err = buffer_get(fs->buffers, node->file_acl, &block);
    if (OSKIT_FAILED(err))
        return err;
    env_mutex_lock(&fs->attribute_mutex);
    err = ext2_xattr_leave(handle, node, block);
    env_mutex_unlock(&fs->attribute_mutex);
    ext2_xattr_point(node, 0);
    return err;
}
