/*
 * Where extended attributes are: behind the inode's own fields, and in a block that inodes may
 * share. Both are lists of entries that end with four zero bytes; a value lies at an offset from
 * where its list begins (in the inode) or from the start of the block.
 */
#ifndef IO_FS_EXT2_XATTR_H
#define IO_FS_EXT2_XATTR_H

#include "ext2.h"

struct ext2_xattr_place {
    struct buffer *buffer; /* held; NULL: there is no such place */
    char *start, *end;     /* with the header */
    oskit_u32_t header;    /* its length */
    char *base;            /* of the values' offsets */
    bool used;             /* the header is there, and a list behind it */
};

/* A name as the disk has it: a number for what is before the point. */
struct ext2_xattr_name {
    oskit_u8_t index, length;
    const char *suffix; /* not ended */
};

/* Both put nothing into PLACE but what is so; the caller puts the buffer, also after a failure. */
oskit_error_t ext2_xattr_in_inode(struct ext2_node *node, struct ext2_xattr_place *out);
oskit_error_t ext2_xattr_in_block(struct ext2_node *node, struct ext2_xattr_place *out);

/* Whether NODE has attribute NAME. */
oskit_error_t ext2_xattr_find(struct ext2_node *node, const struct ext2_xattr_name *name,
                              bool *out_found);

/* The entry after ENTRY (NULL: the first), or NULL at the end of the list; *err when what is there
 * makes no sense. */
const struct ext2_xattr_entry *ext2_xattr_next(struct ext2 *fs,
                                               const struct ext2_xattr_place *place,
                                               const struct ext2_xattr_entry *entry,
                                               oskit_error_t *err);
/* Bytes of an entry with a name of LENGTH; of a value. */
#define EXT2_XATTR_ALIGN 4u
static inline oskit_u32_t ext2_xattr_padded(oskit_u32_t size)
{
    return (size + EXT2_XATTR_ALIGN - 1) & ~(EXT2_XATTR_ALIGN - 1);
}
static inline oskit_u32_t ext2_xattr_entry_size(oskit_u32_t length)
{
    return ext2_xattr_padded((oskit_u32_t)sizeof(struct ext2_xattr_entry) + length);
}

/* OSKIT_EOPNOTSUPP: none of the namespaces that are kept here; OSKIT_E_INVALIDARG: nothing behind
 * the point. */
oskit_error_t ext2_xattr_name(const char *name, struct ext2_xattr_name *out);
static inline bool ext2_xattr_is(const struct ext2_xattr_entry *entry,
                                 const struct ext2_xattr_name *name)
{
    return entry->name_index == name->index && entry->name_length == name->length &&
           memcmp(entry->name, name->suffix, name->length) == 0;
}

#endif
