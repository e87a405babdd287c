/* Extended attributes, found and read. With the node's mutex held. */
#include "xattr.h"
#include "../xattr_access.h"
#include "ext2.h"

/* ---- Names ---- */

/* By number. Those that stand for access control lists aren't kept up here, so they aren't shown.
 */
static const char *const ext2_xattr_prefixes[] = {
    [1] = "user.",
    [4] = "trusted.",
    [6] = "security.",
};

static const char *ext2_xattr_prefix(oskit_u32_t index)
{
    return index < SLUICE_COUNT(ext2_xattr_prefixes) ? ext2_xattr_prefixes[index] : NULL;
}

oskit_error_t ext2_xattr_name(const char *name, struct ext2_xattr_name *out)
{
    for (oskit_u32_t i = 0; i < SLUICE_COUNT(ext2_xattr_prefixes); i++) {
        const char *prefix = ext2_xattr_prefixes[i];
        size_t length = prefix ? strlen(prefix) : 0;

        if (length == 0 || strncmp(name, prefix, length) != 0)
            continue;
        size_t rest = strlen(name + length);
        *out = (struct ext2_xattr_name){(oskit_u8_t)i, (oskit_u8_t)rest, name + length};
        if (rest > EXT2_XATTR_NAME_MAX)
            return OSKIT_ERANGE;
        return rest > 0 ? OSKIT_SUCCESS : OSKIT_E_INVALIDARG;
    }
    return OSKIT_EOPNOTSUPP;
}

/* ---- The two places ---- */

oskit_error_t ext2_xattr_in_inode(struct ext2_node *node, struct ext2_xattr_place *out)
{
    oskit_u32_t size = node->fs->g.inode_size, magic;
    struct ext2_inode *raw;

    *out = (struct ext2_xattr_place){.header = sizeof magic};
    if (size <= EXT2_INODE_SIZE_OLD)
        return OSKIT_SUCCESS;
    oskit_error_t err = ext2_inode_get(node->fs, node->ino, &out->buffer, &raw);
    if (OSKIT_FAILED(err))
        return err;
    oskit_u32_t start = EXT2_INODE_SIZE_OLD + raw->extra_isize;
    if (raw->extra_isize == 0 || start % EXT2_XATTR_ALIGN || start + sizeof magic > size) {
        buffer_put(out->buffer);
        out->buffer = NULL;
        return OSKIT_SUCCESS;
    }
    out->start = (char *)raw + start;
    out->end = (char *)raw + size;
    out->base = out->start + out->header;
    memcpy(&magic, out->start, sizeof magic);
    out->used = magic == EXT2_XATTR_MAGIC;
    return OSKIT_SUCCESS;
}

oskit_error_t ext2_xattr_in_block(struct ext2_node *node, struct ext2_xattr_place *out)
{
    struct ext2 *fs = node->fs;

    *out = (struct ext2_xattr_place){.header = sizeof(struct ext2_xattr_block_header)};
    if (node->file_acl == 0)
        return OSKIT_SUCCESS;
    if (!ext2_blocks_valid(&fs->g, node->file_acl, 1))
        return ext2_damaged(fs, "attribute block of inode", node->ino);
    oskit_error_t err = buffer_get(fs->buffers, node->file_acl, &out->buffer);
    if (OSKIT_FAILED(err))
        return err;
    const struct ext2_xattr_block_header *header = out->buffer->data;
    out->start = out->base = out->buffer->data;
    out->end = out->start + fs->g.block_size;
    out->used = header->magic == EXT2_XATTR_MAGIC;
    return out->used ? OSKIT_SUCCESS : ext2_damaged(fs, "attribute block of inode", node->ino);
}

const struct ext2_xattr_entry *ext2_xattr_next(struct ext2 *fs,
                                               const struct ext2_xattr_place *place,
                                               const struct ext2_xattr_entry *entry,
                                               oskit_error_t *err)
{
    static const oskit_u32_t zero;

    if (!place->used)
        return NULL;
    const char *at = entry ? (const char *)entry + ext2_xattr_entry_size(entry->name_length)
                           : place->start + place->header;
    if (at >= place->end)
        return NULL;
    size_t left = (size_t)(place->end - at), values = (size_t)(place->end - place->base);
    if (left < sizeof zero || memcmp(at, &zero, sizeof zero) == 0)
        return NULL;
    entry = (const void *)at;
    if (left < sizeof *entry || left - sizeof *entry < entry->name_length || entry->value_inode ||
        entry->value_offset > values || entry->value_size > values - entry->value_offset) {
        *err = ext2_damaged(fs, "extended attributes", 0);
        return NULL;
    }
    return entry;
}

/* ---- Reading ---- */

struct ext2_xattr_query {
    struct ext2 *fs;
    const struct ext2_xattr_name *name; /* NULL: all names are listed */
    char *out;
    oskit_size_t size, length;
    bool found;
};

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
    const char *prefix = ext2_xattr_prefix(entry->name_index);

    if (!prefix || !xattr_is_listed(prefix))
        return OSKIT_SUCCESS;
    oskit_error_t err = ext2_xattr_append(q, prefix, strlen(prefix));
    if (OSKIT_SUCCEEDED(err))
        err = ext2_xattr_append(q, entry->name, entry->name_length);
    return OSKIT_FAILED(err) ? err : ext2_xattr_append(q, "", 1);
}

static oskit_error_t ext2_xattr_scan(struct ext2_xattr_query *q,
                                     const struct ext2_xattr_place *place)
{
    const struct ext2_xattr_entry *entry = NULL;
    oskit_error_t err = OSKIT_SUCCESS;

    while (!q->found && OSKIT_SUCCEEDED(err) &&
           (entry = ext2_xattr_next(q->fs, place, entry, &err))) {
        if (!q->name) {
            err = ext2_xattr_list_one(q, entry);
        } else if (ext2_xattr_is(entry, q->name)) {
            q->found = true;
            err = ext2_xattr_append(q, place->base + entry->value_offset, entry->value_size);
        }
    }
    return err;
}

static oskit_error_t ext2_xattr_query_locked(struct ext2_node *node, struct ext2_xattr_query *q)
{
    struct ext2_xattr_place place;
    oskit_error_t err = ext2_xattr_in_inode(node, &place);

    if (OSKIT_SUCCEEDED(err))
        err = ext2_xattr_scan(q, &place);
    buffer_put(place.buffer);
    if (OSKIT_FAILED(err) || q->found)
        return err;
    err = ext2_xattr_in_block(node, &place);
    if (OSKIT_SUCCEEDED(err))
        err = ext2_xattr_scan(q, &place);
    buffer_put(place.buffer);
    return err;
}

oskit_error_t ext2_xattr_find(struct ext2_node *node, const struct ext2_xattr_name *name,
                              bool *out_found)
{
    struct ext2_xattr_query q = {.fs = node->fs, .name = name};
    oskit_error_t err = ext2_xattr_query_locked(node, &q);

    *out_found = q.found;
    return err;
}

static oskit_error_t ext2_xattr_query(struct ext2_node *node, struct ext2_xattr_query *q)
{
    q->fs = node->fs;
    env_mutex_lock(&node->mutex);
    oskit_error_t err = ext2_xattr_query_locked(node, q);
    env_mutex_unlock(&node->mutex);
    return err;
}

static oskit_error_t ext2_xattr_get(sluice_xattr_t *self, const char *name, void *value,
                                    oskit_size_t size, oskit_size_t *out_length)
{
    struct ext2_node *node = ext2_node_of(self);
    struct ext2_xattr_name split;
    struct ext2_xattr_query q = {.name = &split, .out = value, .size = size};
    struct file_owner owner = ext2_node_owner(node);
    oskit_error_t err = xattr_access(&owner, name, false);

    *out_length = 0;
    if (OSKIT_SUCCEEDED(err))
        err = ext2_xattr_name(name, &split);
    if (OSKIT_SUCCEEDED(err))
        err = ext2_xattr_query(node, &q);
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
