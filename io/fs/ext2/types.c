/* Which faces a node has, by its type; what a symbolic link says. */
#include "ext2.h"

/* ---- Symbolic links ---- */

/* A short text is in the inode, a longer one in the link's first block. */
static oskit_error_t ext2_link_block(struct ext2_node *node, char *buf, oskit_u32_t length)
{
    oskit_u64_t block, count;
    struct buffer *buffer;
    oskit_error_t err = ext2_map_get(node, 0, 1, &block, &count);

    if (OSKIT_FAILED(err))
        return err;
    if (block == 0 || node->size >= node->fs->g.block_size)
        return ext2_damaged(node->fs, "symbolic link in inode", node->ino);
    err = buffer_get(node->fs->buffers, block, &buffer);
    if (OSKIT_FAILED(err))
        return err;
    memcpy(buf, buffer->data, length);
    buffer_put(buffer);
    return OSKIT_SUCCESS;
}

/* It has no blocks but that of its attributes. */
bool ext2_link_is_fast(struct ext2_node *node)
{
    env_spin_lock(&node->lock);
    oskit_u64_t attributes = node->file_acl ? node->fs->g.block_size / 512 : 0;
    bool fast = node->sectors == attributes && node->size <= EXT2_FAST_SYMLINK_MAX;
    env_spin_unlock(&node->lock);
    return fast;
}

oskit_error_t ext2_readlink(oskit_file_t *self, char *buf, oskit_u32_t len, oskit_u32_t *out_actual)
{
    struct ext2_node *node = ext2_node_of(self);
    oskit_error_t err = OSKIT_SUCCESS;

    *out_actual = 0;
    if (!OSKIT_S_ISLNK(node->mode))
        return OSKIT_E_NOTIMPL;
    oskit_u32_t length = node->size < len ? (oskit_u32_t)node->size : len;
    if (ext2_link_is_fast(node))
        memcpy(buf, node->block, length);
    else
        err = ext2_link_block(node, buf, length);
    if (OSKIT_FAILED(err))
        return err;
    *out_actual = length;
    ext2_accessed(node);
    return OSKIT_SUCCESS;
}

/* ---- Classes ---- */

const struct oskit_file_ops ext2_file_ops = {
    SLUICE_IUNKNOWN_SLOTS,     .stat = ext2_stat,         .setstat = ext2_setstat,
    .pathconf = ext2_pathconf, .sync = ext2_file_sync,    .datasync = ext2_file_datasync,
    .access = ext2_access,     .readlink = ext2_readlink, .open = ext2_file_open,
    .getfs = ext2_getfs,
};

#define FACE(member) offsetof(struct ext2_node, member)

static const struct sluice_interface ext2_dir_interfaces[] = {
    {&oskit_iunknown_iid, FACE(file), &ext2_dir_ops},
    {&sluice_filex_iid, FACE(filex), &ext2_filex_ops},
    {&oskit_dir_iid, FACE(file), &ext2_dir_ops},
    {&oskit_file_iid, FACE(file), &ext2_dir_ops},
    {&oskit_posixio_iid, FACE(file), &ext2_dir_ops},
    {&sluice_xattr_iid, FACE(xattr), &ext2_xattr_ops},
    {&sluice_xattrset_iid, FACE(xattrset), &ext2_xattrset_ops},
    {&sluice_fileflags_iid, FACE(fileflags), &ext2_fileflags_ops},
};

static const struct sluice_interface ext2_file_interfaces[] = {
    {&oskit_iunknown_iid, FACE(file), &ext2_file_ops},
    {&sluice_filex_iid, FACE(filex), &ext2_filex_ops},
    {&oskit_file_iid, FACE(file), &ext2_file_ops},
    {&oskit_posixio_iid, FACE(file), &ext2_file_ops},
    {&sluice_xattr_iid, FACE(xattr), &ext2_xattr_ops},
    {&sluice_xattrset_iid, FACE(xattrset), &ext2_xattrset_ops},
    {&sluice_fileflags_iid, FACE(fileflags), &ext2_fileflags_ops},
};

const struct sluice_class *ext2_node_class(oskit_u32_t mode)
{
    static const struct sluice_class dir = {"ext2 directory", ext2_dir_interfaces,
                                            SLUICE_COUNT(ext2_dir_interfaces), ext2_node_destroy};
    static const struct sluice_class file = {"ext2 file", ext2_file_interfaces,
                                             SLUICE_COUNT(ext2_file_interfaces), ext2_node_destroy};

    return OSKIT_S_ISDIR(mode) ? &dir : &file;
}
