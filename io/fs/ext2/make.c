/* Making nodes and giving them their first name; what may be a name. Lock order: ext2.h. */
#include "ext2.h"

bool ext2_is_dots(const char *name)
{
    return name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}

oskit_error_t ext2_name_check(const char *name)
{
    size_t length = 0;

    while (name[length] && name[length] != '/')
        length++;
    if (length == 0 || name[length] == '/')
        return OSKIT_E_INVALIDARG;
    return length > EXT2_NAME_MAX ? OSKIT_ENAMETOOLONG : OSKIT_SUCCESS;
}

oskit_u32_t ext2_link_max(const struct ext2_node *node)
{
    bool many = ext2_is_dir(node) && (node->fs->g.ro_compat & EXT2_RO_DIR_NLINK);

    return many ? UINT32_MAX : EXT2_LINK_MAX;
}

oskit_error_t ext2_may_remove(struct ext2_node *dir, struct ext2_node *node)
{
    oskit_error_t err = ext2_permission(dir, OSKIT_W_OK | OSKIT_X_OK);
    struct env_identity who;

    if (OSKIT_SUCCEEDED(err))
        err = ext2_may_alter(dir);
    if (OSKIT_SUCCEEDED(err))
        err = ext2_may_alter(node);
    if (OSKIT_FAILED(err) || !(dir->mode & OSKIT_S_ISVTX))
        return err;
    env_identity(&who);
    if (who.uid == dir->uid || who.uid == node->uid || env_identity_may(&who, CAPABILITY_FOWNER))
        return OSKIT_SUCCESS;
    return OSKIT_EPERM;
}

/* ---- A new node ---- */

/* Its owner is the caller; its group the caller's, or that of a set-group-id directory. */
static void ext2_own(struct ext2_node *node, const struct ext2_node *dir)
{
    struct env_identity who;

    env_identity(&who);
    node->incapable = true;
    node->uid = who.uid;
    node->gid = who.gid;
    if (dir->mode & OSKIT_S_ISGID) {
        node->gid = dir->gid;
        if (ext2_is_dir(node))
            node->mode |= OSKIT_S_ISGID;
    }
    bool foreign = !env_identity_may(&who, CAPABILITY_FSETID) && !env_in_group(node->gid);
    if (!ext2_is_dir(node) && (node->mode & OSKIT_S_IXGRP) && foreign)
        node->mode &= ~OSKIT_S_ISGID;
    node->flags = dir->flags & EXT2_FLAGS_INHERITED & ext2_flags_of(node);
}

/* The text goes into the inode, or into a block of its own. */
static oskit_error_t ext2_link_text(struct journal_handle *handle, struct ext2_node *node,
                                    const char *target)
{
    size_t length = strlen(target);
    oskit_u64_t block, count;
    struct buffer *buffer;
    bool fresh;

    node->size = length;
    if (length <= EXT2_FAST_SYMLINK_MAX) {
        memcpy(node->block, target, length);
        return OSKIT_SUCCESS;
    }
    env_mutex_lock(&node->map_mutex);
    oskit_error_t err = ext2_map_fill(handle, node, 0, 1, &count, &fresh);
    if (OSKIT_SUCCEEDED(err))
        err = ext2_map_find(node, 0, 1, &block, &count);
    env_mutex_unlock(&node->map_mutex);
    if (OSKIT_SUCCEEDED(err))
        err = buffer_get_new(node->fs->buffers, block, &buffer);
    if (OSKIT_FAILED(err))
        return err;
    err = journal_access(handle, buffer);
    if (OSKIT_SUCCEEDED(err)) {
        memset(buffer->data, 0, node->fs->g.block_size);
        memcpy(buffer->data, target, length);
        journal_dirty(handle, buffer);
    }
    buffer_put(buffer);
    return err;
}

static oskit_error_t ext2_contents(struct journal_handle *handle, struct ext2_node *node,
                                   struct ext2_node *dir, const struct filex_creation *how)
{
    if (ext2_is_dir(node))
        return ext2_dir_format(handle, node, dir);
    if (OSKIT_S_ISLNK(node->mode))
        return ext2_link_text(handle, node, how->target);
    return OSKIT_SUCCESS;
}

/* An inode with contents and without a name. After a failure *OUT may be there nevertheless, for
 * the caller to put: its end takes back what it got. */
static oskit_error_t ext2_new(struct journal_handle *handle, struct ext2_node *dir,
                              const struct filex_creation *how, struct ext2_node **out)
{
    struct ext2 *fs = dir->fs;
    bool is_dir = OSKIT_S_ISDIR(how->mode);
    bool device = OSKIT_S_ISCHR(how->mode) || OSKIT_S_ISBLK(how->mode);
    oskit_u32_t ino;
    oskit_error_t err = ext2_ialloc(fs, handle, dir, is_dir, &ino);

    *out = NULL;
    if (OSKIT_FAILED(err))
        return err;
    err = ext2_node_new(fs, ino, how->mode, device ? how->rdev : 0, out);
    if (OSKIT_FAILED(err)) {
        ext2_ifree(fs, handle, ino, is_dir);
        return err;
    }
    ext2_own(*out, dir);
    err = ext2_inode_store(handle, *out, true);
    if (OSKIT_SUCCEEDED(err))
        err = ext2_contents(handle, *out, dir, how);
    return err;
}

#define NEW_CREDITS \
    (EXT2_CREDITS_BITMAP + EXT2_CREDITS_INODE + EXT2_CREDITS_FILL + 1u + EXT2_CREDITS_ORPHAN)
#define MAKE_CREDITS (NEW_CREDITS + EXT2_CREDITS_INSERT + EXT2_CREDITS_INODE)

/* ---- With a name ---- */

/* Without a type it is a regular file; a link's permissions mean nothing. */
static oskit_u32_t ext2_type_of(const struct filex_creation *how)
{
    if (OSKIT_S_ISLNK(how->mode))
        return OSKIT_S_IFLNK | 0777;
    return how->mode & OSKIT_S_IFMT ? how->mode : how->mode | OSKIT_S_IFREG;
}

static oskit_error_t ext2_check_type(const struct filex_creation *how)
{
    switch (how->mode & OSKIT_S_IFMT) {
    case OSKIT_S_IFREG:
    case OSKIT_S_IFDIR:
    case OSKIT_S_IFCHR:
    case OSKIT_S_IFBLK:
    case OSKIT_S_IFIFO:
    case OSKIT_S_IFSOCK:
    case OSKIT_S_IFLNK:
        return OSKIT_SUCCESS;
    }
    return OSKIT_E_INVALIDARG;
}

static oskit_error_t ext2_check_target(const struct ext2 *fs, const struct filex_creation *how)
{
    size_t length = OSKIT_S_ISLNK(how->mode) ? strlen(how->target) : 1;

    if (length == 0)
        return OSKIT_ENOENT;
    return length >= fs->g.block_size || length > 4095 ? OSKIT_ENAMETOOLONG : OSKIT_SUCCESS;
}

/* Device nodes give access to anything. */
static oskit_error_t ext2_may_make(struct ext2_node *dir, oskit_u32_t mode)
{
    oskit_error_t err = ext2_permission(dir, OSKIT_W_OK | OSKIT_X_OK);

    if (OSKIT_SUCCEEDED(err) && OSKIT_S_ISDIR(mode) && dir->nlink >= ext2_link_max(dir))
        return OSKIT_EMLINK;
    if (OSKIT_FAILED(err) || (!OSKIT_S_ISCHR(mode) && !OSKIT_S_ISBLK(mode)))
        return err;
    return env_capable(CAPABILITY_MKNOD) ? OSKIT_SUCCESS : OSKIT_EPERM;
}

/* With DIR's mutex held. */
static oskit_error_t ext2_make_check(struct ext2_node *dir, const char *name,
                                     const struct filex_creation *how)
{
    struct ext2_entry entry;

    if (ext2_is_dots(name))
        return OSKIT_EEXIST;
    if (ext2_dir_gone(dir))
        return OSKIT_ENOENT;
    oskit_error_t err = ext2_dir_find(dir, name, &entry);
    if (OSKIT_SUCCEEDED(err)) {
        ext2_entry_put(&entry);
        return OSKIT_EEXIST;
    }
    if (err != OSKIT_ENOENT)
        return err;
    return ext2_may_make(dir, how->mode);
}

/* The name is in: what else counts it. */
static oskit_error_t ext2_named(struct journal_handle *handle, struct ext2_node *dir,
                                struct ext2_node *node)
{
    ext2_links(node, ext2_is_dir(node) ? 2 : 1);
    if (ext2_is_dir(node)) {
        ext2_links(dir, 1);
        oskit_error_t err = ext2_inode_store(handle, dir, false);
        if (OSKIT_FAILED(err))
            return err;
    }
    return ext2_inode_store(handle, node, false);
}

static oskit_error_t ext2_make_in(struct journal_handle *handle, struct ext2_node *dir,
                                  const char *name, const struct filex_creation *how,
                                  struct ext2_node **out)
{
    oskit_error_t err = ext2_new(handle, dir, how, out);

    if (OSKIT_SUCCEEDED(err))
        err = ext2_dir_insert(handle, dir, name, *out);
    if (OSKIT_SUCCEEDED(err))
        err = ext2_named(handle, dir, *out);
    if (OSKIT_SUCCEEDED(err)) {
        ext2_node_publish(*out);
    } else if (*out) { /* should there be a crash before it is put */
        ext2_orphan_add(handle, *out);
        ext2_inode_store(handle, *out, false);
    }
    return err;
}

static oskit_error_t ext2_make_locked(struct ext2_node *dir, const char *name,
                                      const struct filex_creation *how, struct ext2_node **out)
{
    struct journal_handle handle;
    oskit_error_t err = ext2_make_check(dir, name, how);

    *out = NULL;
    if (OSKIT_SUCCEEDED(err))
        err = ext2_begin(dir->fs, MAKE_CREDITS, &handle);
    if (OSKIT_FAILED(err))
        return err;
    err = ext2_make_in(&handle, dir, name, how, out);
    ext2_end(dir->fs, &handle);
    return err;
}

static oskit_error_t ext2_make_once(struct ext2_node *dir, const char *name,
                                    const struct filex_creation *how, struct ext2_node **out)
{
    env_mutex_lock(&dir->mutex);
    oskit_error_t err = ext2_make_locked(dir, name, how, out);
    env_mutex_unlock(&dir->mutex);
    if (OSKIT_FAILED(err))
        ext2_node_put(*out);
    return err;
}

oskit_error_t ext2_make(struct ext2_node *dir, const char *name,
                        const struct filex_creation *creation, oskit_file_t **out)
{
    struct filex_creation how = *creation;
    oskit_error_t err = ext2_name_check(name);
    struct ext2_node *node;

    how.mode = ext2_type_of(creation);
    if (OSKIT_SUCCEEDED(err))
        err = ext2_check_type(&how);
    if (OSKIT_SUCCEEDED(err))
        err = ext2_check_target(dir->fs, &how);
    if (OSKIT_SUCCEEDED(err))
        err = ext2_writable(dir->fs);
    if (OSKIT_FAILED(err))
        return err;
    do /* what was freed lately can be had after a commit */
        err = ext2_make_once(dir, name, &how, &node);
    while (err == OSKIT_ENOSPC && ext2_wait_free(dir->fs));
    if (OSKIT_FAILED(err))
        return err;
    if (out)
        *out = &node->file.i;
    else
        ext2_node_put(node);
    return OSKIT_SUCCESS;
}

/* ---- Without a name ---- */

oskit_error_t ext2_tmpfile(struct ext2_node *dir, oskit_u32_t mode, oskit_file_t **out)
{
    struct filex_creation how = {.mode = OSKIT_S_IFREG | (mode & 07777)};
    oskit_error_t err = ext2_permission(dir, OSKIT_W_OK | OSKIT_X_OK);
    struct journal_handle handle;
    struct ext2_node *node;

    if (OSKIT_SUCCEEDED(err))
        err = ext2_writable(dir->fs);
    if (OSKIT_SUCCEEDED(err))
        err = ext2_begin(dir->fs, NEW_CREDITS, &handle);
    if (OSKIT_FAILED(err))
        return err;
    err = ext2_new(&handle, dir, &how, &node);
    if (node) {
        node->unnamed = true; /* nobody else has it yet */
        oskit_error_t added = ext2_orphan_add(&handle, node);
        if (OSKIT_SUCCEEDED(added))
            added = ext2_inode_store(&handle, node, false);
        err = OSKIT_FAILED(err) ? err : added;
    }
    if (OSKIT_SUCCEEDED(err))
        ext2_node_publish(node);
    ext2_end(dir->fs, &handle);
    if (OSKIT_FAILED(err)) {
        ext2_node_put(node);
        return err;
    }
    *out = &node->file.i;
    return OSKIT_SUCCESS;
}
