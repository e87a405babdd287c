/* More names for a file, and fewer. Lock order: ext2.h. */
#include "ext2.h"

#define LINK_CREDITS   (EXT2_CREDITS_INSERT + EXT2_CREDITS_INODE + EXT2_CREDITS_ORPHAN)
#define UNLINK_CREDITS (1u + 2 * EXT2_CREDITS_INODE + EXT2_CREDITS_ORPHAN)

/* ---- Linking ---- */

static oskit_error_t ext2_link_check(struct ext2_node *dir, const char *name,
                                     struct ext2_node *node)
{
    struct ext2_entry entry;

    if (ext2_is_dots(name))
        return OSKIT_EEXIST;
    oskit_error_t err = ext2_dir_find(dir, name, &entry);
    if (OSKIT_SUCCEEDED(err)) {
        ext2_entry_put(&entry);
        return OSKIT_EEXIST;
    }
    if (err != OSKIT_ENOENT || ext2_dir_gone(dir))
        return err;
    err = ext2_permission(dir, OSKIT_W_OK | OSKIT_X_OK);
    if (OSKIT_SUCCEEDED(err))
        err = ext2_is_dir(node) ? OSKIT_EPERM : ext2_may_alter(node);
    return err;
}

/* One more, unless the last has gone; a tmpfile may get its first. */
static oskit_error_t ext2_link_count(struct ext2_node *node)
{
    oskit_s64_t now = ext2_now(node->fs);
    oskit_error_t err = OSKIT_SUCCESS;

    env_spin_lock(&node->lock);
    if (node->nlink == 0 && !node->unnamed)
        err = OSKIT_ENOENT;
    else if (node->nlink >= EXT2_LINK_MAX)
        err = OSKIT_EMLINK;
    if (OSKIT_SUCCEEDED(err)) {
        node->nlink++;
        node->ctime = now;
        node->unnamed = false;
    }
    env_spin_unlock(&node->lock);
    return err;
}

static oskit_error_t ext2_link_in(struct journal_handle *handle, struct ext2_node *dir,
                                  const char *name, struct ext2_node *node)
{
    bool first = node->nlink == 0;
    oskit_error_t err = ext2_link_count(node);

    if (OSKIT_FAILED(err))
        return err;
    err = ext2_dir_insert(handle, dir, name, node);
    if (OSKIT_SUCCEEDED(err))
        err = ext2_orphan_remove(handle, node);
    if (OSKIT_FAILED(err)) {
        ext2_links(node, -1);
        node->unnamed = first;
    }
    oskit_error_t stored = ext2_inode_store(handle, node, false);
    return OSKIT_FAILED(err) ? err : stored;
}

static oskit_error_t ext2_link_locked(struct ext2_node *dir, const char *name,
                                      struct ext2_node *node)
{
    struct journal_handle handle;
    oskit_error_t err = ext2_link_check(dir, name, node);

    if (OSKIT_SUCCEEDED(err))
        err = ext2_begin(dir->fs, LINK_CREDITS, &handle);
    if (OSKIT_FAILED(err))
        return err;
    err = ext2_link_in(&handle, dir, name, node);
    ext2_end(dir->fs, &handle);
    return err;
}

oskit_error_t ext2_link(struct ext2_node *dir, const char *name, struct ext2_node *node)
{
    oskit_error_t err = ext2_writable(dir->fs);

    if (OSKIT_FAILED(err))
        return err;
    do {
        env_mutex_lock(&dir->mutex);
        err = ext2_link_locked(dir, name, node);
        env_mutex_unlock(&dir->mutex);
    } while (err == OSKIT_ENOSPC && ext2_wait_free(dir->fs));
    return err;
}

/* ---- Removing ---- */

oskit_error_t ext2_unlinked(struct journal_handle *handle, struct ext2_node *node)
{
    oskit_error_t err = OSKIT_SUCCESS;

    if (ext2_is_dir(node)) {
        env_spin_lock(&node->lock);
        node->nlink = 0; /* its own "." and its name, whatever the count said */
        env_spin_unlock(&node->lock);
        ext2_touch(node, EXT2_TOUCH_CHANGE);
    } else if (node->nlink > 0) {
        ext2_links(node, -1);
    }
    if (node->nlink == 0)
        err = ext2_orphan_add(handle, node);
    oskit_error_t stored = ext2_inode_store(handle, node, false);
    return OSKIT_FAILED(err) ? err : stored;
}

static oskit_error_t ext2_remove_in(struct ext2_node *dir, struct ext2_entry *entry,
                                    struct ext2_node *node)
{
    struct journal_handle handle;
    oskit_error_t err = ext2_begin(dir->fs, UNLINK_CREDITS, &handle);

    if (OSKIT_FAILED(err))
        return err;
    if (ext2_is_dir(node))
        ext2_links(dir, -1);
    err = ext2_dir_remove(&handle, dir, entry);
    if (OSKIT_SUCCEEDED(err))
        err = ext2_unlinked(&handle, node);
    ext2_end(dir->fs, &handle);
    return err;
}

oskit_error_t ext2_dir_get(struct ext2_node *dir, const char *name, struct ext2_entry *entry,
                           struct ext2_node **out)
{
    oskit_error_t err = ext2_dir_find(dir, name, entry);

    *out = NULL;
    if (OSKIT_FAILED(err))
        return err;
    err = ext2_node_get(dir->fs, entry->ino, out);
    if (err == OSKIT_ENOENT)
        err = ext2_damaged(dir->fs, "a name leads to unused inode", entry->ino);
    if (OSKIT_FAILED(err))
        ext2_entry_put(entry);
    return err;
}

static oskit_error_t ext2_unlink_locked(struct ext2_node *dir, const char *name,
                                        struct ext2_node **out)
{
    struct ext2_entry entry;
    oskit_error_t err = ext2_dir_get(dir, name, &entry, out);

    if (OSKIT_FAILED(err))
        return err;
    err = ext2_may_remove(dir, *out);
    if (OSKIT_SUCCEEDED(err) && ext2_is_dir(*out))
        err = OSKIT_EISDIR;
    if (OSKIT_SUCCEEDED(err))
        err = ext2_remove_in(dir, &entry, *out);
    ext2_entry_put(&entry);
    return err;
}

/* The last reference may free a whole file: after the directory is open to others again. */
oskit_error_t ext2_unlink(struct ext2_node *dir, const char *name)
{
    oskit_error_t err = ext2_writable(dir->fs);
    struct ext2_node *node = NULL;

    if (OSKIT_FAILED(err))
        return err;
    env_mutex_lock(&dir->mutex);
    err = ext2_unlink_locked(dir, name, &node);
    env_mutex_unlock(&dir->mutex);
    ext2_node_put(node);
    return err;
}

/* With the mutex of DIR held: takes that of the directory to go, so that nothing is made in it
 * meanwhile. */
static oskit_error_t ext2_rmdir_locked(struct ext2_node *dir, const char *name,
                                       struct ext2_node **out)
{
    struct ext2_entry entry;
    oskit_error_t err = ext2_dir_get(dir, name, &entry, out);

    if (OSKIT_FAILED(err))
        return err;
    err = ext2_may_remove(dir, *out);
    if (OSKIT_SUCCEEDED(err) && !ext2_is_dir(*out))
        err = OSKIT_ENOTDIR;
    if (OSKIT_SUCCEEDED(err) && (*out)->ino == dir->ino)
        err = ext2_damaged(dir->fs, "a directory in itself", dir->ino);
    if (OSKIT_SUCCEEDED(err)) {
        env_mutex_lock(&(*out)->mutex);
        err = ext2_dir_empty(*out);
        if (OSKIT_SUCCEEDED(err))
            err = ext2_remove_in(dir, &entry, *out);
        env_mutex_unlock(&(*out)->mutex);
    }
    ext2_entry_put(&entry);
    return err;
}

oskit_error_t ext2_rmdir(struct ext2_node *dir, const char *name)
{
    oskit_error_t err = ext2_writable(dir->fs);
    struct ext2_node *node = NULL;

    if (OSKIT_FAILED(err))
        return err;
    env_mutex_lock(&dir->fs->rename_mutex);
    env_mutex_lock(&dir->mutex);
    err = ext2_rmdir_locked(dir, name, &node);
    env_mutex_unlock(&dir->mutex);
    env_mutex_unlock(&dir->fs->rename_mutex);
    ext2_node_put(node);
    return err;
}
