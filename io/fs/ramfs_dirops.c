/* The dir interface of ramfs. Lock order: ramfs_private.h. */
#include "dirents.h"
#include "namehash.h"
#include "ramfs_private.h"

static struct ramfs_dir *ramfs_dir_of(oskit_dir_t *self)
{
    return ramfs_dir_of_node(ramfs_node_of(self));
}

/* ---- Finding ---- */

static oskit_error_t ramfs_parent(struct ramfs_dir *dir, struct ramfs_node **out)
{
    env_spin_lock(&dir->node.lock);
    *out = dir->parent ? &dir->parent->node : NULL;
    if (*out)
        sluice_object_addref(&(*out)->object);
    env_spin_unlock(&dir->node.lock);
    return *out ? OSKIT_SUCCESS : OSKIT_ENOENT;
}

static oskit_error_t ramfs_find(struct ramfs_dir *dir, const char *name, struct ramfs_node **out)
{
    if (ramfs_is_dots(name) && name[1])
        return ramfs_parent(dir, out);
    if (ramfs_is_dots(name)) {
        sluice_object_addref(&dir->node.object);
        *out = &dir->node;
        return OSKIT_SUCCESS;
    }
    env_mutex_lock(&dir->mutex);
    struct ramfs_entry *entry = ramfs_dir_find(dir, name);
    if (entry) {
        *out = entry->node;
        sluice_object_addref(&entry->node->object);
    }
    env_mutex_unlock(&dir->mutex);
    return entry ? OSKIT_SUCCESS : OSKIT_ENOENT;
}

static oskit_error_t ramfs_lookup(oskit_dir_t *self, const char *name, oskit_file_t **out)
{
    struct ramfs_dir *dir = ramfs_dir_of(self);
    struct ramfs_node *node;

    *out = NULL;
    oskit_error_t err = ramfs_name_check(name);
    if (OSKIT_SUCCEEDED(err))
        err = ramfs_node_permission(&dir->node, OSKIT_X_OK);
    if (OSKIT_SUCCEEDED(err))
        err = ramfs_find(dir, name, &node);
    if (OSKIT_SUCCEEDED(err))
        *out = &node->file.i;
    return err;
}

/* ---- Making ---- */

static oskit_error_t ramfs_create_method(oskit_dir_t *self, const char *name, oskit_bool_t excl,
                                         oskit_mode_t mode, oskit_file_t **out)
{
    struct filex_creation how = {.mode = OSKIT_S_IFREG | (mode & 07777)};
    struct ramfs_dir *dir = ramfs_dir_of(self);
    oskit_error_t err;

    *out = NULL;
    do { /* between the two the name may come or go */
        err = ramfs_make(dir, name, &how, out);
        if (err != OSKIT_EEXIST || excl)
            return err;
        err = ramfs_lookup(self, name, out);
    } while (err == OSKIT_ENOENT && !ramfs_dir_removed(dir));
    return err;
}

static oskit_error_t ramfs_mkdir(oskit_dir_t *self, const char *name, oskit_mode_t mode)
{
    struct filex_creation how = {.mode = OSKIT_S_IFDIR | (mode & 07777)};

    return ramfs_make(ramfs_dir_of(self), name, &how, NULL);
}

static oskit_error_t ramfs_mknod(oskit_dir_t *self, const char *name, oskit_mode_t mode,
                                 oskit_dev_t dev)
{
    struct filex_creation how = {.mode = mode, .rdev = dev};

    if (OSKIT_S_ISDIR(mode) || OSKIT_S_ISLNK(mode))
        return OSKIT_EPERM;
    return ramfs_make(ramfs_dir_of(self), name, &how, NULL);
}

static oskit_error_t ramfs_symlink(oskit_dir_t *self, const char *link_name, const char *dest_name)
{
    struct filex_creation how = {.mode = OSKIT_S_IFLNK | 0777, .target = dest_name};

    return ramfs_make(ramfs_dir_of(self), link_name, &how, NULL);
}

/* ---- Linking ---- */

/* One more link, unless the last has gone; a tmpfile may get its first. */
static oskit_error_t ramfs_link_count(struct ramfs_node *node)
{
    oskit_s64_t now = env_time_real();
    oskit_error_t err = OSKIT_SUCCESS;

    env_spin_lock(&node->lock);
    if (node->nlink == 0 && !node->unnamed)
        err = OSKIT_ENOENT;
    else if (node->nlink == UINT32_MAX)
        err = OSKIT_EMLINK;
    if (OSKIT_SUCCEEDED(err)) {
        node->nlink++;
        node->ctime = now;
        node->unnamed = false;
    }
    env_spin_unlock(&node->lock);
    return err;
}

static oskit_error_t ramfs_link_locked(struct ramfs_dir *dir, const char *name,
                                       struct ramfs_node *node)
{
    if (ramfs_is_dots(name) || ramfs_dir_find(dir, name))
        return OSKIT_EEXIST;
    if (ramfs_dir_removed(dir))
        return OSKIT_ENOENT;
    oskit_error_t err = ramfs_node_permission(&dir->node, OSKIT_W_OK | OSKIT_X_OK);
    if (OSKIT_SUCCEEDED(err) && ramfs_node_is_dir(node))
        err = OSKIT_EPERM;
    if (OSKIT_SUCCEEDED(err))
        err = ramfs_dir_insert(dir, name, node);
    if (OSKIT_FAILED(err))
        return err;
    err = ramfs_link_count(node);
    if (OSKIT_FAILED(err)) {
        ramfs_dir_remove(dir, ramfs_dir_find(dir, name));
        ramfs_node_release(node);
        return err;
    }
    ramfs_node_touch(&dir->node, RAMFS_TOUCH_MODIFY);
    return OSKIT_SUCCESS;
}

static oskit_error_t ramfs_link(oskit_dir_t *self, const char *name, oskit_file_t *file)
{
    struct ramfs_dir *dir = ramfs_dir_of(self);
    struct ramfs_node *node = ramfs_node_in(dir->node.fs, file);
    oskit_error_t err = ramfs_name_check(name);

    if (OSKIT_FAILED(err))
        return err;
    if (!node)
        return OSKIT_EXDEV;
    env_mutex_lock(&dir->mutex);
    err = ramfs_link_locked(dir, name, node);
    env_mutex_unlock(&dir->mutex);
    return err;
}

/* ---- Removing ---- */

static oskit_error_t ramfs_unlink_locked(struct ramfs_dir *dir, const char *name,
                                         struct ramfs_node **out)
{
    struct ramfs_entry *entry = ramfs_dir_find(dir, name);

    if (!entry)
        return OSKIT_ENOENT;
    oskit_error_t err = ramfs_may_remove(dir, entry->node);
    if (OSKIT_FAILED(err))
        return err;
    if (ramfs_node_is_dir(entry->node))
        return OSKIT_EISDIR;
    *out = ramfs_dir_remove(dir, entry);
    ramfs_node_links(*out, -1);
    ramfs_node_touch(&dir->node, RAMFS_TOUCH_MODIFY);
    return OSKIT_SUCCESS;
}

/* The release may free a whole file: after the directory is open to others again. */
static oskit_error_t ramfs_unlink(oskit_dir_t *self, const char *name)
{
    struct ramfs_dir *dir = ramfs_dir_of(self);
    oskit_error_t err = ramfs_name_check(name);
    struct ramfs_node *node;

    if (OSKIT_FAILED(err))
        return err;
    if (ramfs_is_dots(name))
        return OSKIT_EISDIR;
    env_mutex_lock(&dir->mutex);
    err = ramfs_unlink_locked(dir, name, &node);
    env_mutex_unlock(&dir->mutex);
    if (OSKIT_SUCCEEDED(err))
        ramfs_node_release(node);
    return err;
}

/* With the mutex of DIR held: takes that of the directory to go, so that nothing is made in it
 * meanwhile. */
static oskit_error_t ramfs_rmdir_locked(struct ramfs_dir *dir, const char *name,
                                        struct ramfs_node **out)
{
    struct ramfs_entry *entry = ramfs_dir_find(dir, name);

    if (!entry)
        return OSKIT_ENOENT;
    oskit_error_t err = ramfs_may_remove(dir, entry->node);
    if (OSKIT_FAILED(err))
        return err;
    if (!ramfs_node_is_dir(entry->node))
        return OSKIT_ENOTDIR;
    struct ramfs_dir *victim = ramfs_dir_of_node(entry->node);
    env_mutex_lock(&victim->mutex);
    if (victim->entry_count > 0)
        err = OSKIT_ENOTEMPTY;
    if (OSKIT_SUCCEEDED(err)) {
        *out = ramfs_dir_remove(dir, entry);
        ramfs_node_links(*out, -2);
        ramfs_dir_set_parent(victim, NULL);
        ramfs_node_links(&dir->node, -1);
        ramfs_node_touch(&dir->node, RAMFS_TOUCH_MODIFY);
    }
    env_mutex_unlock(&victim->mutex);
    return err;
}

static oskit_error_t ramfs_rmdir(oskit_dir_t *self, const char *name)
{
    struct ramfs_dir *dir = ramfs_dir_of(self);
    oskit_error_t err = ramfs_name_check(name);
    struct ramfs_node *node = NULL;

    if (OSKIT_FAILED(err))
        return err;
    if (ramfs_is_dots(name))
        return name[1] ? OSKIT_ENOTEMPTY : OSKIT_E_INVALIDARG;
    env_mutex_lock(&dir->node.fs->rename_mutex);
    env_mutex_lock(&dir->mutex);
    err = ramfs_rmdir_locked(dir, name, &node);
    env_mutex_unlock(&dir->mutex);
    env_mutex_unlock(&dir->node.fs->rename_mutex);
    if (OSKIT_SUCCEEDED(err))
        ramfs_node_release(node);
    return err;
}

static oskit_error_t ramfs_rename_method(oskit_dir_t *self, const char *old_name,
                                         oskit_dir_t *new_dir, const char *new_name)
{
    sluice_filex_t *filex = &ramfs_node_of(self)->filex.i;

    return filex->ops->rename(filex, old_name, new_dir, new_name, 0);
}

/* ---- The rest ---- */

static oskit_error_t ramfs_getdirentries(oskit_dir_t *self, oskit_u32_t *inout_ofs,
                                         oskit_u32_t nentries, oskit_dirents_t **out)
{
    return dirents_read(&ramfs_node_of(self)->filex.i, inout_ofs, nentries, out);
}

/* Mounts are the namespace's business: there ".." is found by name. */
static oskit_error_t ramfs_reparent_refused(oskit_dir_t *self, oskit_dir_t *parent,
                                            oskit_dir_t **out)
{
    (void)self;
    (void)parent;
    *out = NULL;
    return OSKIT_E_NOTIMPL;
}

/* The slots that dir shares with file differ in the type of self only. */
const struct oskit_dir_ops ramfs_dir_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .stat = (void *)ramfs_stat,
    .setstat = (void *)ramfs_setstat,
    .pathconf = (void *)ramfs_pathconf,
    .sync = (void *)ramfs_sync,
    .datasync = (void *)ramfs_sync,
    .access = (void *)ramfs_access,
    .readlink = (void *)ramfs_readlink,
    .open = (void *)ramfs_open,
    .getfs = (void *)ramfs_getfs,
    .lookup = ramfs_lookup,
    .create = ramfs_create_method,
    .link = ramfs_link,
    .unlink = ramfs_unlink,
    .rename = ramfs_rename_method,
    .mkdir = ramfs_mkdir,
    .rmdir = ramfs_rmdir,
    .getdirentries = ramfs_getdirentries,
    .mknod = ramfs_mknod,
    .symlink = ramfs_symlink,
    .reparent = ramfs_reparent_refused,
};
