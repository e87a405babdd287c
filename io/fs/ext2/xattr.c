/*
 * Extended attributes, read: behind the inode's own fields, and in a block that inodes may share.
 * Both are lists of entries that end with four zero bytes; a value lies at an offset from where its
 * list begins (in the inode) or from the start of the block.
 */
#include "ext2.h"

struct ext2_xattr_list {
    const char *first; /* entry */
    const char *base;  /* of value offsets */
    const char *end;
};

static const char *const ext2_xattr_prefixes[] = {
    "",          "user.",   "system.posix_acl_access", "system.posix_acl_default", "trusted.", "",
    "security.", "system.", "system.richacl",
};

static const char *ext2_xattr_prefix(const struct ext2_xattr_entry *entry)
{
    return entry->name_index < SLUICE_COUNT(ext2_xattr_prefixes)
               ? ext2_xattr_prefixes[entry->name_index]
               : "";
}

/* The entry at AT: NULL at the end of the list; *err when it makes no sense. */
static const struct ext2_xattr_entry *ext2_xattr_at(struct ext2 *fs,
                                                    const struct ext2_xattr_list *list,
                                                    const char *at, oskit_error_t *err)
{
    const struct ext2_xattr_entry *entry = (const void *)at;
    static const oskit_u32_t zero;
    size_t left = (size_t)(list->end - at), values = (size_t)(list->end - list->base);

    if (left < sizeof zero || memcmp(at, &zero, sizeof zero) == 0)
        return NULL;
    if (left < sizeof *entry || left - sizeof *entry < entry->name_length || entry->value_inode ||
        entry->value_offset > values || entry->value_size > values - entry->value_offset) {
        *err = ext2_damaged(fs, "extended attributes", 0);
        return NULL;
    }
    return entry;
}

static const char *ext2_xattr_next(const struct ext2_xattr_list *list,
                                   const struct ext2_xattr_entry *entry)
{
    size_t size = (sizeof *entry + entry->name_length + 3) & ~(size_t)3;
    size_t left = (size_t)(list->end - (const char *)entry);

    return size < left ? (const char *)entry + size : list->end;
}

/* ---- What is done with each entry ---- */

struct ext2_xattr_query {
    struct ext2 *fs;
    const char *name; /* NULL: all names are listed */
    char *out;
    oskit_size_t size, length;
    bool found;
};

static bool ext2_xattr_is(const struct ext2_xattr_entry *entry, const char *name)
{
    const char *prefix = ext2_xattr_prefix(entry);
    size_t length = strlen(prefix);

    return strlen(name) == length + entry->name_length && memcmp(name, prefix, length) == 0 &&
           memcmp(name + length, entry->name, entry->name_length) == 0;
}

static oskit_error_t ext2_xattr_append(struct ext2_xattr_query *q, const void *bytes, size_t size)
{
    if (q->size > 0 && size > q->size - q->length)
        return OSKIT_ERANGE;
    if (q->size > 0)
        memcpy(q->out + q->length, bytes, size);
    q->length += size;
    return OSKIT_SUCCESS;
}

static oskit_error_t ext2_xattr_list_one(struct ext2_xattr_query *q,
                                         const struct ext2_xattr_entry *entry)
{
    const char *prefix = ext2_xattr_prefix(entry);
    oskit_error_t err = ext2_xattr_append(q, prefix, strlen(prefix));

    if (OSKIT_SUCCEEDED(err))
        err = ext2_xattr_append(q, entry->name, entry->name_length);
    return OSKIT_FAILED(err) ? err : ext2_xattr_append(q, "", 1);
}

static oskit_error_t ext2_xattr_scan(struct ext2_xattr_query *q, const struct ext2_xattr_list *list)
{
    const struct ext2_xattr_entry *entry;
    oskit_error_t err = OSKIT_SUCCESS;
    const char *at = list->first;

    while (!q->found && OSKIT_SUCCEEDED(err) && (entry = ext2_xattr_at(q->fs, list, at, &err))) {
        if (!q->name) {
            err = ext2_xattr_list_one(q, entry);
        } else if (ext2_xattr_is(entry, q->name)) {
            q->found = true;
            err = ext2_xattr_append(q, list->base + entry->value_offset, entry->value_size);
        }
        at = ext2_xattr_next(list, entry);
    }
    return err;
}

/* ---- The two places ---- */

static oskit_error_t ext2_xattr_inode(struct ext2_xattr_query *q, const struct ext2_node *node)
{
    oskit_u32_t size = node->fs->g.inode_size, magic;
    struct ext2_inode *raw;
    struct buffer *buffer;

    if (size <= EXT2_INODE_SIZE_OLD)
        return OSKIT_SUCCESS;
    oskit_error_t err = ext2_inode_get(node->fs, node->ino, &buffer, &raw);
    if (OSKIT_FAILED(err))
        return err;
    size_t start = EXT2_INODE_SIZE_OLD + (size_t)raw->extra_isize;
    const char *at = (const char *)raw + start;
    if (start + sizeof magic <= size && start % 4 == 0) {
        struct ext2_xattr_list list = {at + sizeof magic, at + sizeof magic,
                                       (const char *)raw + size};
        memcpy(&magic, at, sizeof magic);
        if (magic == EXT2_XATTR_MAGIC)
            err = ext2_xattr_scan(q, &list);
    }
    buffer_put(buffer);
    return err;
}

static oskit_error_t ext2_xattr_block(struct ext2_xattr_query *q, const struct ext2_node *node)
{
    struct ext2 *fs = node->fs;
    struct buffer *buffer;

    if (node->file_acl == 0 || q->found)
        return OSKIT_SUCCESS;
    if (!ext2_blocks_valid(&fs->g, node->file_acl, 1))
        return ext2_damaged(fs, "attribute block of inode", node->ino);
    oskit_error_t err = buffer_get(fs->buffers, node->file_acl, &buffer);
    if (OSKIT_FAILED(err))
        return err;
    const struct ext2_xattr_block_header *header = buffer->data;
    const char *data = buffer->data;
    struct ext2_xattr_list list = {data + sizeof *header, data, data + fs->g.block_size};
    if (header->magic != EXT2_XATTR_MAGIC)
        err = ext2_damaged(fs, "attribute block of inode", node->ino);
    else
        err = ext2_xattr_scan(q, &list);
    buffer_put(buffer);
    return err;
}

static oskit_error_t ext2_xattr_query(struct ext2_node *node, struct ext2_xattr_query *q)
{
    q->fs = node->fs;
    oskit_error_t err = ext2_xattr_inode(q, node);
    return OSKIT_FAILED(err) ? err : ext2_xattr_block(q, node);
}

static oskit_error_t ext2_xattr_get(sluice_xattr_t *self, const char *name, void *value,
                                    oskit_size_t size, oskit_size_t *out_length)
{
    struct ext2_xattr_query q = {.name = name, .out = value, .size = size};
    oskit_error_t err = ext2_xattr_query(ext2_node_of(self), &q);

    *out_length = q.length;
    if (OSKIT_SUCCEEDED(err) && !q.found)
        err = OSKIT_ENODATA;
    return err;
}

static oskit_error_t ext2_xattr_names(sluice_xattr_t *self, char *names, oskit_size_t size,
                                      oskit_size_t *out_length)
{
    struct ext2_xattr_query q = {.out = names, .size = size};
    oskit_error_t err = ext2_xattr_query(ext2_node_of(self), &q);

    *out_length = q.length;
    return err;
}

const struct sluice_xattr_ops ext2_xattr_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .get = ext2_xattr_get,
    .list = ext2_xattr_names,
};
