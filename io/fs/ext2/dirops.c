/* The dir interface. Lock order: ext2.h. */
#include "../dirents.h"
#include "ext2.h"

/* ---- Finding ---- */

/* The number behind NAME in DIR. The node is looked up with the directory open to others again: its
 * last release may need it. */
static oskit_error_t ext2_find_ino(struct ext2_node *dir, const char *name, oskit_u32_t *ino)
{
    struct ext2_entry entry;

    env_mutex_lock(&dir->mutex);
    oskit_error_t err = ext2_dir_find(dir, name, &entry);
    if (OSKIT_SUCCEEDED(err)) {
        *ino = entry.ino;
        ext2_entry_put(&entry);
    }
    env_mutex_unlock(&dir->mutex);
    return err;
}

static oskit_error_t ext2_find(struct ext2_node *dir, const char *name, struct ext2_node **out)
{
    oskit_u32_t ino = dir->ino;
    oskit_error_t err = OSKIT_SUCCESS;

    if (strcmp(name, ".") != 0)
        err = ext2_find_ino(dir, name, &ino);
    if (OSKIT_SUCCEEDED(err))
        err = ext2_node_get(dir->fs, ino, out);
    return err;
}

static oskit_error_t ext2_lookup(oskit_dir_t *self, const char *name, oskit_file_t **out)
{
    struct ext2_node *dir = ext2_node_of(self), *node;

    *out = NULL;
    oskit_error_t err = ext2_name_check(name);
    if (OSKIT_SUCCEEDED(err))
        err = ext2_permission(dir, OSKIT_X_OK);
    if (OSKIT_SUCCEEDED(err))
        err = ext2_find(dir, name, &node);
    if (OSKIT_SUCCEEDED(err))
        *out = &node->file.i;
    return err;
}

/* ---- Making ---- */

static oskit_error_t ext2_create_method(oskit_dir_t *self, const char *name, oskit_bool_t excl,
                                        oskit_mode_t mode, oskit_file_t **out)
{
    struct filex_creation how = {.mode = OSKIT_S_IFREG | (mode & 07777)};
    struct ext2_node *dir = ext2_node_of(self);
    oskit_error_t err;

    *out = NULL;
    do { /* between the two the name may come or go */
        err = ext2_make(dir, name, &how, out);
        if (err != OSKIT_EEXIST || excl)
            return err;
        err = ext2_lookup(self, name, out);
    } while (err == OSKIT_ENOENT && !ext2_dir_gone(dir));
    return err;
}

static oskit_error_t ext2_mkdir(oskit_dir_t *self, const char *name, oskit_mode_t mode)
{
    struct filex_creation how = {.mode = OSKIT_S_IFDIR | (mode & 07777)};

    return ext2_make(ext2_node_of(self), name, &how, NULL);
}

static oskit_error_t ext2_mknod(oskit_dir_t *self, const char *name, oskit_mode_t mode,
                                oskit_dev_t dev)
{
    struct filex_creation how = {.mode = mode, .rdev = dev};

    if (OSKIT_S_ISDIR(mode) || OSKIT_S_ISLNK(mode))
        return OSKIT_EPERM;
    return ext2_make(ext2_node_of(self), name, &how, NULL);
}

static oskit_error_t ext2_symlink(oskit_dir_t *self, const char *link_name, const char *dest_name)
{
    struct filex_creation how = {.mode = OSKIT_S_IFLNK | 0777, .target = dest_name};

    return ext2_make(ext2_node_of(self), link_name, &how, NULL);
}

/* ---- Linking, removing ---- */

static oskit_error_t ext2_link_method(oskit_dir_t *self, const char *name, oskit_file_t *file)
{
    struct ext2_node *dir = ext2_node_of(self);
    struct ext2_node *node = ext2_node_in(dir->fs, file);
    oskit_error_t err = ext2_name_check(name);

    if (OSKIT_FAILED(err))
        return err;
    return node ? ext2_link(dir, name, node) : OSKIT_EXDEV;
}

static oskit_error_t ext2_unlink_method(oskit_dir_t *self, const char *name)
{
    oskit_error_t err = ext2_name_check(name);

    if (OSKIT_FAILED(err))
        return err;
    return ext2_is_dots(name) ? OSKIT_EISDIR : ext2_unlink(ext2_node_of(self), name);
}

static oskit_error_t ext2_rmdir_method(oskit_dir_t *self, const char *name)
{
    oskit_error_t err = ext2_name_check(name);

    if (OSKIT_FAILED(err))
        return err;
    if (ext2_is_dots(name))
        return name[1] ? OSKIT_ENOTEMPTY : OSKIT_E_INVALIDARG;
    return ext2_rmdir(ext2_node_of(self), name);
}

static oskit_error_t ext2_rename_method(oskit_dir_t *self, const char *old_name,
                                        oskit_dir_t *new_dir, const char *new_name)
{
    sluice_filex_t *filex = &ext2_node_of(self)->filex.i;

    return filex->ops->rename(filex, old_name, new_dir, new_name, 0);
}

/* ---- The rest ---- */

static oskit_error_t ext2_getdirentries(oskit_dir_t *self, oskit_u32_t *inout_ofs,
                                        oskit_u32_t nentries, oskit_dirents_t **out)
{
    return dirents_read(&ext2_node_of(self)->filex.i, inout_ofs, nentries, out);
}

/* Mounts are the namespace's business: there ".." is found by name. */
static oskit_error_t ext2_reparent_refused(oskit_dir_t *self, oskit_dir_t *parent,
                                           oskit_dir_t **out)
{
    (void)self;
    (void)parent;
    *out = NULL;
    return OSKIT_E_NOTIMPL;
}

/* The slots that dir shares with file differ in the type of self only. */
const struct oskit_dir_ops ext2_dir_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .stat = (void *)ext2_stat,
    .setstat = (void *)ext2_setstat,
    .pathconf = (void *)ext2_pathconf,
    .sync = (void *)ext2_file_sync,
    .datasync = (void *)ext2_file_datasync,
    .access = (void *)ext2_access,
    .readlink = (void *)ext2_readlink,
    .open = (void *)ext2_file_open,
    .getfs = (void *)ext2_getfs,
    .lookup = ext2_lookup,
    .create = ext2_create_method,
    .link = ext2_link_method,
    .unlink = ext2_unlink_method,
    .rename = ext2_rename_method,
    .mkdir = ext2_mkdir,
    .rmdir = ext2_rmdir_method,
    .getdirentries = ext2_getdirentries,
    .mknod = ext2_mknod,
    .symlink = ext2_symlink,
    .reparent = ext2_reparent_refused,
};
