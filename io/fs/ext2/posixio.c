/* The seed's posixio and file methods on any node, in terms of filex's. */
#include "../attributes.h"
#include "../permission.h"
#include "ext2.h"

oskit_error_t ext2_stat(oskit_file_t *self, oskit_stat_t *out)
{
    return attributes_stat(&ext2_node_of(self)->filex.i, out);
}

oskit_error_t ext2_setstat(oskit_file_t *self, oskit_u32_t mask, const oskit_stat_t *stats)
{
    return attributes_setstat(&ext2_node_of(self)->filex.i, mask, stats);
}

oskit_error_t ext2_pathconf(oskit_file_t *self, oskit_s32_t option, oskit_s32_t *out_val)
{
    return attributes_pathconf(option, ext2_link_max(ext2_node_of(self)), out_val);
}

oskit_error_t ext2_file_sync(oskit_file_t *self, oskit_bool_t wait)
{
    struct ext2_node *node = ext2_node_of(self);

    return wait ? ext2_fsync(node, false) : ext2_node_flush(node);
}

oskit_error_t ext2_file_datasync(oskit_file_t *self, oskit_bool_t wait)
{
    struct ext2_node *node = ext2_node_of(self);

    return wait ? ext2_fsync(node, true) : ext2_node_flush(node);
}

oskit_error_t ext2_access(oskit_file_t *self, oskit_u32_t amode)
{
    struct ext2_node *node = ext2_node_of(self);
    bool disk = ext2_is_file(node) || ext2_is_dir(node) || OSKIT_S_ISLNK(node->mode);
    oskit_error_t err = ext2_permission(node, amode);

    if (OSKIT_SUCCEEDED(err) && (amode & OSKIT_W_OK) && disk)
        err = ext2_writable(node->fs);
    return err;
}

/* No state that the seed's openfile would keep: permission is all there is to it, and O_TRUNC. */
oskit_error_t ext2_file_open(oskit_file_t *self, oskit_u32_t oflags, struct oskit_openfile **out)
{
    struct ext2_node *node = ext2_node_of(self);
    struct filex_attributes empty = {.size = 0};
    oskit_u32_t want = permission_of_oflags(oflags);

    *out = NULL;
    if (ext2_is_dir(node) && (want & OSKIT_W_OK))
        return OSKIT_EISDIR;
    oskit_error_t err = ext2_access(self, want);
    if (OSKIT_FAILED(err))
        return err;
    if ((oflags & OSKIT_O_TRUNC) && ext2_is_file(node))
        return node->filex.i.ops->setattr(&node->filex.i, FILEX_SIZE, &empty);
    return OSKIT_SUCCESS;
}

/* A file may outlive its file system. */
oskit_error_t ext2_getfs(oskit_file_t *self, oskit_filesystem_t **out)
{
    struct ext2 *fs = ext2_node_of(self)->fs;

    *out = NULL;
    if (!sluice_object_addref_unless_dead(&fs->object))
        return OSKIT_ESTALE;
    *out = &fs->filesystem.i;
    return OSKIT_SUCCESS;
}
