/* Making nodes and giving them their first name; what may be a name. Lock order: ramfs_private.h.
 */
#include "namehash.h"
#include "ramfs_private.h"

bool ramfs_is_dots(const char *name)
{
    return name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}

oskit_error_t ramfs_name_check(const char *name)
{
    if (name[0] == '\0' || strchr(name, '/'))
        return OSKIT_E_INVALIDARG;
    return strlen(name) > NAME_MAX_LENGTH ? OSKIT_ENAMETOOLONG : OSKIT_SUCCESS;
}

oskit_error_t ramfs_may_remove(struct ramfs_dir *dir, struct ramfs_node *node)
{
    oskit_error_t err = ramfs_node_permission(&dir->node, OSKIT_W_OK | OSKIT_X_OK);
    struct env_identity who;

    if (OSKIT_FAILED(err) || !(dir->node.mode & OSKIT_S_ISVTX))
        return err;
    env_identity(&who);
    if (who.uid == dir->node.uid || who.uid == node->uid ||
        env_identity_may(&who, CAPABILITY_FOWNER))
        return OSKIT_SUCCESS;
    return OSKIT_EPERM;
}

static oskit_error_t ramfs_new_node(struct ramfs_dir *dir, const struct filex_creation *how,
                                    struct ramfs_node **out)
{
    struct ramfs *fs = dir->node.fs;

    switch (how->mode & OSKIT_S_IFMT) {
    case 0:
    case OSKIT_S_IFREG:
        return ramfs_file_create(fs, dir, how->mode & 07777, out);
    case OSKIT_S_IFDIR:
        return ramfs_dir_create(fs, dir, how->mode & 07777, out);
    case OSKIT_S_IFCHR:
    case OSKIT_S_IFBLK:
    case OSKIT_S_IFIFO:
    case OSKIT_S_IFSOCK:
    case OSKIT_S_IFLNK:
        return ramfs_special_create(fs, dir, how, out);
    }
    return OSKIT_E_INVALIDARG;
}

/* Of what has just been made, whose times say when that was. */
static void ramfs_first_links(struct ramfs_node *node, oskit_u32_t count)
{
    env_spin_lock(&node->lock);
    node->nlink = count;
    env_spin_unlock(&node->lock);
}

/* With DIR's mutex held and the name free: gives NODE its first name, which counts. */
static oskit_error_t ramfs_enter(struct ramfs_dir *dir, const char *name, struct ramfs_node *node)
{
    bool is_dir = ramfs_node_is_dir(node);

    if (ramfs_dir_removed(dir))
        return OSKIT_ENOENT;
    oskit_error_t err = ramfs_dir_insert(dir, name, node);
    if (OSKIT_FAILED(err))
        return err;
    ramfs_first_links(node, is_dir ? 2 : 1);
    if (is_dir) {
        ramfs_dir_set_parent(ramfs_dir_of_node(node), dir);
        ramfs_node_links(&dir->node, 1);
    }
    ramfs_node_touch(&dir->node, RAMFS_TOUCH_MODIFY);
    return OSKIT_SUCCESS;
}

/* Device nodes give access to anything. */
static oskit_error_t ramfs_may_make(struct ramfs_dir *dir, oskit_u32_t mode)
{
    oskit_error_t err = ramfs_node_permission(&dir->node, OSKIT_W_OK | OSKIT_X_OK);

    if (OSKIT_FAILED(err) || (!OSKIT_S_ISCHR(mode) && !OSKIT_S_ISBLK(mode)))
        return err;
    return env_capable(CAPABILITY_MKNOD) ? OSKIT_SUCCESS : OSKIT_EPERM;
}

/* With DIR's mutex held. */
static oskit_error_t ramfs_make_locked(struct ramfs_dir *dir, const char *name,
                                       const struct filex_creation *how, struct ramfs_node **out)
{
    if (ramfs_is_dots(name) || ramfs_dir_find(dir, name))
        return OSKIT_EEXIST;
    if (ramfs_dir_removed(dir))
        return OSKIT_ENOENT;
    oskit_error_t err = ramfs_may_make(dir, how->mode);
    if (OSKIT_SUCCEEDED(err))
        err = ramfs_new_node(dir, how, out);
    if (OSKIT_FAILED(err))
        return err;
    err = ramfs_enter(dir, name, *out);
    if (OSKIT_FAILED(err))
        ramfs_node_release(*out);
    return err;
}

oskit_error_t ramfs_make(struct ramfs_dir *dir, const char *name, const struct filex_creation *how,
                         oskit_file_t **out)
{
    oskit_error_t err = ramfs_name_check(name);
    struct ramfs_node *node;

    if (OSKIT_FAILED(err))
        return err;
    env_mutex_lock(&dir->mutex);
    err = ramfs_make_locked(dir, name, how, &node);
    env_mutex_unlock(&dir->mutex);
    if (OSKIT_FAILED(err))
        return err;
    if (out)
        *out = &node->file.i;
    else
        ramfs_node_release(node);
    return OSKIT_SUCCESS;
}

/* With DIR's mutex held. */
static oskit_error_t ramfs_install_locked(struct ramfs_dir *dir, const char *name,
                                          const struct filex_creation *how, oskit_u32_t uid,
                                          oskit_u32_t gid, bool make, struct ramfs_node **out)
{
    struct ramfs_entry *entry = ramfs_dir_find(dir, name);

    if (entry) {
        *out = entry->node;
        if (((*out)->mode ^ how->mode) & OSKIT_S_IFMT || (*out)->rdev != how->rdev)
            return OSKIT_EEXIST;
        sluice_object_addref(&entry->node->object);
        return OSKIT_SUCCESS;
    }
    if (!make)
        return OSKIT_ENOENT;
    oskit_error_t err = ramfs_new_node(dir, how, out);
    if (OSKIT_FAILED(err))
        return err;
    (*out)->uid = uid; /* nobody else has it yet */
    (*out)->gid = gid;
    err = ramfs_enter(dir, name, *out);
    if (OSKIT_FAILED(err))
        ramfs_node_release(*out);
    return err;
}

oskit_error_t ramfs_install(struct ramfs_dir *dir, const char *name,
                            const struct filex_creation *how, oskit_u32_t uid, oskit_u32_t gid,
                            bool make, struct ramfs_node **out)
{
    env_mutex_lock(&dir->mutex);
    oskit_error_t err = ramfs_install_locked(dir, name, how, uid, gid, make, out);
    env_mutex_unlock(&dir->mutex);
    return err;
}

void ramfs_uninstall(struct ramfs_dir *dir, const char *name, oskit_u32_t mode, oskit_u32_t rdev)
{
    struct ramfs_node *node = NULL;

    env_mutex_lock(&dir->mutex);
    struct ramfs_entry *entry = ramfs_dir_find(dir, name);
    if (entry && !((entry->node->mode ^ mode) & OSKIT_S_IFMT) && entry->node->rdev == rdev) {
        node = ramfs_dir_remove(dir, entry);
        ramfs_node_links(node, -1);
        ramfs_node_touch(&dir->node, RAMFS_TOUCH_MODIFY);
    }
    env_mutex_unlock(&dir->mutex);
    if (node)
        ramfs_node_release(node);
}

oskit_error_t ramfs_tmpfile(struct ramfs_dir *dir, oskit_u32_t mode, oskit_file_t **out)
{
    oskit_error_t err = ramfs_node_permission(&dir->node, OSKIT_W_OK | OSKIT_X_OK);
    struct ramfs_node *node;

    if (OSKIT_SUCCEEDED(err))
        err = ramfs_file_create(dir->node.fs, dir, mode & 07777, &node);
    if (OSKIT_FAILED(err))
        return err;
    node->unnamed = true; /* nobody else has it yet */
    *out = &node->file.i;
    return OSKIT_SUCCESS;
}
