/* The seed's posixio and file methods on any node of ramfs, in terms of filex's. */
#include "attributes.h"
#include "permission.h"
#include "ramfs_private.h"

oskit_error_t ramfs_stat(oskit_file_t *self, oskit_stat_t *out)
{
    return attributes_stat(&ramfs_node_of(self)->filex.i, out);
}

oskit_error_t ramfs_setstat(oskit_file_t *self, oskit_u32_t mask, const oskit_stat_t *stats)
{
    return attributes_setstat(&ramfs_node_of(self)->filex.i, mask, stats);
}

oskit_error_t ramfs_pathconf(oskit_file_t *self, oskit_s32_t option, oskit_s32_t *out_val)
{
    (void)self;
    return attributes_pathconf(option, INT32_MAX, out_val);
}

/* The memory is the medium. */
oskit_error_t ramfs_sync(oskit_file_t *self, oskit_bool_t wait)
{
    (void)self;
    (void)wait;
    return OSKIT_SUCCESS;
}

oskit_error_t ramfs_access(oskit_file_t *self, oskit_u32_t amode)
{
    return ramfs_node_permission(ramfs_node_of(self), amode);
}

oskit_error_t ramfs_readlink(oskit_file_t *self, char *buf, oskit_u32_t len,
                             oskit_u32_t *out_actual)
{
    struct ramfs_node *node = ramfs_node_of(self);
    struct ramfs_special *link = container_of(node, struct ramfs_special, node);

    *out_actual = 0;
    if (!OSKIT_S_ISLNK(node->mode))
        return OSKIT_E_NOTIMPL;
    *out_actual = link->target_length < len ? (oskit_u32_t)link->target_length : len;
    memcpy(buf, link->target, *out_actual);
    ramfs_node_accessed(node);
    return OSKIT_SUCCESS;
}

/* No state per open: permission is all there is to it, and O_TRUNC. */
oskit_error_t ramfs_open(oskit_file_t *self, oskit_u32_t oflags, oskit_openfile_t **out)
{
    struct ramfs_node *node = ramfs_node_of(self);
    oskit_u32_t want = permission_of_oflags(oflags);

    *out = NULL;
    if (ramfs_node_is_dir(node) && (want & OSKIT_W_OK))
        return OSKIT_EISDIR;
    oskit_error_t err = ramfs_node_permission(node, want);
    if (OSKIT_FAILED(err))
        return err;
    if ((oflags & OSKIT_O_TRUNC) && OSKIT_S_ISREG(node->mode))
        return ramfs_file_truncate(container_of(node, struct ramfs_file, node), 0);
    return OSKIT_SUCCESS;
}

/* A file may outlive its file system. */
oskit_error_t ramfs_getfs(oskit_file_t *self, oskit_filesystem_t **out)
{
    struct ramfs *fs = ramfs_node_of(self)->fs;

    *out = NULL;
    if (!sluice_object_addref_unless_dead(&fs->object))
        return OSKIT_ESTALE;
    *out = &fs->filesystem.i;
    return OSKIT_SUCCESS;
}
