/* The filex interface of every node. */
#include "ext2.h"

static oskit_error_t ext2_filex_stat(sluice_filex_t *self, struct filex_stat *out)
{
    ext2_node_stat(ext2_node_of(self), out);
    return OSKIT_SUCCESS;
}

static oskit_error_t ext2_filex_setattr(sluice_filex_t *self, oskit_u32_t mask,
                                        const struct filex_attributes *attributes)
{
    return ext2_node_setattr(ext2_node_of(self), mask, attributes);
}

static oskit_error_t ext2_filex_open(sluice_filex_t *self, oskit_u32_t oflags,
                                     oskit_iunknown_t **out)
{
    struct ext2_node *node = ext2_node_of(self);

    *out = NULL;
    if (OSKIT_S_ISFIFO(node->mode))
        return fifo_open(node->fifo, oflags, out);
    if (ext2_is_file(node)) {
        bool anywhere = (oflags & OSKIT_O_WRONLY) && !(oflags & OSKIT_O_APPEND);
        oskit_error_t err = anywhere ? ext2_may_alter(node) : OSKIT_SUCCESS;
        return OSKIT_FAILED(err) ? err : ext2_open_create(node, oflags, out);
    }
    if (!ext2_is_dir(node))
        return OSKIT_E_NOTIMPL;
    sluice_object_addref(&node->object);
    *out = (oskit_iunknown_t *)&node->file.i;
    return OSKIT_SUCCESS;
}

static oskit_error_t ext2_filex_allocate(sluice_filex_t *self, oskit_u32_t mode, oskit_off_t offset,
                                         oskit_off_t length)
{
    struct ext2_node *node = ext2_node_of(self);
    oskit_error_t err = mode & ~ALLOCATE_KEEP_SIZE ? ext2_may_alter(node) : ext2_may_touch(node);

    if (OSKIT_FAILED(err))
        return err;
    if (!OSKIT_S_ISREG(node->mode))
        return OSKIT_S_ISDIR(node->mode) ? OSKIT_EISDIR : OSKIT_ENODEV;
    return ext2_allocate(node, mode, offset, length);
}

static oskit_error_t ext2_filex_seek(sluice_filex_t *self, oskit_off_t offset, bool hole,
                                     oskit_off_t *out)
{
    struct ext2_node *node = ext2_node_of(self);

    if (!OSKIT_S_ISREG(node->mode))
        return OSKIT_E_INVALIDARG;
    return ext2_seek(node, offset, hole, out);
}

static oskit_error_t ext2_filex_readdir(sluice_filex_t *self, oskit_u64_t *cookie,
                                        bool (*emit)(void *arg, const struct filex_entry *entry),
                                        void *arg)
{
    struct ext2_node *node = ext2_node_of(self);

    if (!ext2_is_dir(node))
        return OSKIT_ENOTDIR;
    return ext2_dir_readdir(node, cookie, emit, arg);
}

static oskit_error_t ext2_filex_create(sluice_filex_t *self, const char *name,
                                       const struct filex_creation *creation, oskit_file_t **out)
{
    struct ext2_node *node = ext2_node_of(self);

    if (out)
        *out = NULL;
    if (!ext2_is_dir(node))
        return OSKIT_ENOTDIR;
    return ext2_make(node, name, creation, out);
}

static oskit_error_t ext2_filex_tmpfile(sluice_filex_t *self, oskit_u32_t mode, oskit_file_t **out)
{
    struct ext2_node *node = ext2_node_of(self);

    *out = NULL;
    if (!ext2_is_dir(node))
        return OSKIT_ENOTDIR;
    return ext2_tmpfile(node, mode, out);
}

static oskit_error_t ext2_filex_rename(sluice_filex_t *self, const char *old_name,
                                       oskit_dir_t *new_dir, const char *new_name,
                                       oskit_u32_t flags)
{
    struct ext2_node *node = ext2_node_of(self);
    struct ext2_node *to = ext2_node_in(node->fs, (oskit_file_t *)new_dir);

    if (!ext2_is_dir(node))
        return OSKIT_ENOTDIR;
    if (!to)
        return OSKIT_EXDEV;
    if (!ext2_is_dir(to))
        return OSKIT_ENOTDIR;
    return ext2_rename(node, old_name, to, new_name, flags);
}

const struct sluice_filex_ops ext2_filex_ops = {
    SLUICE_IUNKNOWN_SLOTS,         .stat = ext2_filex_stat,         .setattr = ext2_filex_setattr,
    .open = ext2_filex_open,       .allocate = ext2_filex_allocate, .seek = ext2_filex_seek,
    .readdir = ext2_filex_readdir, .create = ext2_filex_create,     .tmpfile = ext2_filex_tmpfile,
    .rename = ext2_filex_rename,
};
