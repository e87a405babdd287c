/* What all nodes of ramfs share: attributes, permissions, times. Lock order: ramfs_private.h. */
#include "attributes.h"
#include "permission.h"
#include "ramfs_private.h"

#define NANOSECONDS 1000000000
#define RAMFS_DAY   (86400ll * NANOSECONDS)

/* A new node's owner is the caller; its group the caller's, or that of a set-group-id directory. */
static void ramfs_node_own(struct ramfs_node *node, struct ramfs_dir *owner)
{
    struct env_identity who;

    if (!owner) /* the root */
        return;
    env_identity(&who);
    node->uid = who.uid;
    node->gid = who.gid;
    if (owner->node.mode & OSKIT_S_ISGID) {
        node->gid = owner->node.gid;
        if (ramfs_node_is_dir(node))
            node->mode |= OSKIT_S_ISGID;
    }
    bool foreign = !env_identity_may(&who, CAPABILITY_FSETID) && !env_in_group(node->gid);
    if (!ramfs_node_is_dir(node) && (node->mode & OSKIT_S_IXGRP) && foreign)
        node->mode &= ~OSKIT_S_ISGID;
}

void ramfs_node_init(struct ramfs_node *node, const struct sluice_class *class, struct ramfs *fs,
                     struct ramfs_dir *owner, oskit_u32_t mode, oskit_u32_t rdev)
{
    sluice_object_init(&node->object, class);
    ramfs_hold(fs);
    atomic_fetch_add_explicit(&fs->nodes, 1, memory_order_relaxed);
    node->fs = fs;
    node->ino = atomic_fetch_add_explicit(&fs->next_ino, 1, memory_order_relaxed) + 1;
    node->mode = mode;
    node->rdev = rdev;
    node->atime = node->mtime = node->ctime = node->btime = env_time_real();
    ramfs_node_own(node, owner);
}

void ramfs_node_fini(struct ramfs_node *node)
{
    sluice_object_fini(&node->object);
    atomic_fetch_sub_explicit(&node->fs->nodes, 1, memory_order_relaxed);
    ramfs_drop(node->fs);
}

struct ramfs_node *ramfs_node_in(struct ramfs *fs, oskit_file_t *file)
{
    /* Every face of ours has sluice_query in its first slot; nobody else's filex is ramfs's. */
    sluice_filex_t *filex = sluice_query_face(file, &sluice_filex_iid);
    struct ramfs_node *node = NULL;

    if (!filex)
        return NULL;
    if (filex->ops == &ramfs_filex_ops && ramfs_node_of(filex)->fs == fs)
        node = ramfs_node_of(filex);
    filex->ops->release(filex);
    return node;
}

/* The mode alone mostly decides, and alone it may be read without the lock. */
oskit_error_t ramfs_node_permission(struct ramfs_node *node, oskit_u32_t want)
{
    if (permission_all(atomic_load_explicit(&node->mode, memory_order_relaxed), want))
        return OSKIT_SUCCESS;
    env_spin_lock(&node->lock);
    oskit_u32_t mode = node->mode, uid = node->uid, gid = node->gid;
    env_spin_unlock(&node->lock);
    return permission_check(mode, uid, gid, want);
}

void ramfs_node_links(struct ramfs_node *node, int change)
{
    oskit_s64_t now = env_time_real();

    env_spin_lock(&node->lock);
    node->nlink += change;
    node->ctime = now;
    env_spin_unlock(&node->lock);
}

void ramfs_node_touch(struct ramfs_node *node, oskit_u32_t what)
{
    oskit_s64_t now = env_time_real();

    env_spin_lock(&node->lock);
    if (what & RAMFS_TOUCH_MODIFY)
        node->mtime = now;
    node->ctime = now;
    env_spin_unlock(&node->lock);
}

void ramfs_node_accessed(struct ramfs_node *node)
{
    oskit_s64_t now = env_time_real();

    env_spin_lock(&node->lock);
    if (node->atime <= node->mtime || node->atime <= node->ctime || now - node->atime > RAMFS_DAY)
        node->atime = now;
    env_spin_unlock(&node->lock);
}

void ramfs_node_written(struct ramfs_node *node)
{
    /* Rare: unlocked peek, settled below. */
    if (attributes_set_id_bits(node->mode) && !env_capable(CAPABILITY_FSETID)) {
        env_spin_lock(&node->lock);
        node->mode &= ~attributes_set_id_bits(node->mode);
        env_spin_unlock(&node->lock);
    }
    ramfs_node_touch(node, RAMFS_TOUCH_MODIFY | RAMFS_TOUCH_CHANGE);
}

/* ---- filex ---- */

static oskit_u64_t ramfs_node_size(struct ramfs_node *node)
{
    if (OSKIT_S_ISREG(node->mode))
        return container_of(node, struct ramfs_file, node)->size;
    if (OSKIT_S_ISDIR(node->mode))
        return 40 + 20 * (oskit_u64_t)ramfs_dir_of_node(node)->entry_count;
    return container_of(node, struct ramfs_special, node)->target_length;
}

static void ramfs_node_stat(struct ramfs_node *node, struct filex_stat *out)
{
    out->ino = node->ino;
    out->dev = node->fs->number.dev;
    out->rdev = node->rdev;
    out->blksize = ENV_PAGE_SIZE;
    env_spin_lock(&node->lock);
    out->size = ramfs_node_size(node);
    oskit_u64_t pages =
        OSKIT_S_ISREG(node->mode) ? container_of(node, struct ramfs_file, node)->page_count : 0;
    out->blocks = pages * (ENV_PAGE_SIZE / 512);
    out->mode = node->mode;
    out->uid = node->uid;
    out->gid = node->gid;
    out->nlink = node->nlink;
    out->atime = node->atime;
    out->mtime = node->mtime;
    out->ctime = node->ctime;
    out->btime = node->btime;
    env_spin_unlock(&node->lock);
}

static struct file_owner ramfs_node_owner(struct ramfs_node *node)
{
    env_spin_lock(&node->lock);
    struct file_owner owner = {node->mode, node->uid, node->gid};
    env_spin_unlock(&node->lock);
    return owner;
}

/* Applies all but the size, provided that the node is still as OWNER says. KEEP_SGID: who may set
 * it does. */
static bool ramfs_setattr_apply(struct ramfs_node *node, const struct file_owner *owner,
                                oskit_u32_t mask, const struct filex_attributes *a, bool keep_sgid)
{
    oskit_s64_t now = env_time_real();

    env_spin_lock(&node->lock);
    bool same = node->mode == owner->mode && node->uid == owner->uid && node->gid == owner->gid;
    if (same) {
        struct file_owner to = *owner;
        struct file_times times = {node->atime, node->mtime, node->ctime};
        attributes_change(&to, &times, mask, a, keep_sgid, now);
        node->mode = to.mode;
        node->uid = to.uid;
        node->gid = to.gid;
        node->atime = times.atime;
        node->mtime = times.mtime;
        node->ctime = times.ctime;
    }
    env_spin_unlock(&node->lock);
    return same;
}

/*
 * Checks sleep (identity) and can't run under the spinlock; between check and change another may
 * give the file away. So the change is made only if mode and owner are still those checked.
 */
static oskit_error_t ramfs_node_setattr(struct ramfs_node *node, oskit_u32_t mask,
                                        const struct filex_attributes *a)
{
    struct env_identity who;
    struct file_owner owner;
    bool keep_sgid;

    env_identity(&who);
    do {
        owner = ramfs_node_owner(node);
        oskit_error_t err = attributes_check(&owner, mask, a, &who);
        if (OSKIT_SUCCEEDED(err) && (mask & FILEX_MODE))
            err = ramfs_seal_permits_mode(node, a->mode);
        if (OSKIT_FAILED(err))
            return err;
        keep_sgid = attributes_keep_sgid(&owner, mask, a, &who);
    } while (!ramfs_setattr_apply(node, &owner, mask, a, keep_sgid));
    if (mask & FILEX_SIZE)
        return ramfs_file_truncate(container_of(node, struct ramfs_file, node), a->size);
    return OSKIT_SUCCESS;
}

static oskit_error_t ramfs_filex_stat(sluice_filex_t *self, struct filex_stat *out)
{
    ramfs_node_stat(ramfs_node_of(self), out);
    return OSKIT_SUCCESS;
}

static oskit_error_t ramfs_filex_setattr(sluice_filex_t *self, oskit_u32_t mask,
                                         const struct filex_attributes *attributes)
{
    return ramfs_node_setattr(ramfs_node_of(self), mask, attributes);
}

static oskit_error_t ramfs_filex_open(sluice_filex_t *self, oskit_u32_t oflags,
                                      oskit_iunknown_t **out)
{
    struct ramfs_node *node = ramfs_node_of(self);

    *out = NULL;
    if (OSKIT_S_ISFIFO(node->mode))
        return fifo_open(container_of(node, struct ramfs_special, node)->fifo, oflags, out);
    if (!OSKIT_S_ISREG(node->mode) && !OSKIT_S_ISDIR(node->mode))
        return OSKIT_E_NOTIMPL;
    sluice_object_addref(&node->object);
    *out = (oskit_iunknown_t *)&node->file.i;
    return OSKIT_SUCCESS;
}

static oskit_error_t ramfs_filex_allocate(sluice_filex_t *self, oskit_u32_t mode,
                                          oskit_off_t offset, oskit_off_t length)
{
    struct ramfs_node *node = ramfs_node_of(self);

    if (!OSKIT_S_ISREG(node->mode))
        return OSKIT_S_ISDIR(node->mode) ? OSKIT_EISDIR : OSKIT_ENODEV;
    return ramfs_file_allocate(container_of(node, struct ramfs_file, node), mode, offset, length);
}

static oskit_error_t ramfs_filex_seek(sluice_filex_t *self, oskit_off_t offset, bool hole,
                                      oskit_off_t *out)
{
    struct ramfs_node *node = ramfs_node_of(self);

    if (!OSKIT_S_ISREG(node->mode))
        return OSKIT_E_INVALIDARG;
    return ramfs_file_seek(container_of(node, struct ramfs_file, node), offset, hole, out);
}

static oskit_error_t ramfs_filex_readdir(sluice_filex_t *self, oskit_u64_t *cookie,
                                         bool (*emit)(void *arg, const struct filex_entry *entry),
                                         void *arg)
{
    struct ramfs_node *node = ramfs_node_of(self);

    if (!ramfs_node_is_dir(node))
        return OSKIT_ENOTDIR;
    return ramfs_dir_readdir(ramfs_dir_of_node(node), cookie, emit, arg);
}

static oskit_error_t ramfs_filex_create(sluice_filex_t *self, const char *name,
                                        const struct filex_creation *creation, oskit_file_t **out)
{
    struct ramfs_node *node = ramfs_node_of(self);

    if (out)
        *out = NULL;
    if (!ramfs_node_is_dir(node))
        return OSKIT_ENOTDIR;
    return ramfs_make(ramfs_dir_of_node(node), name, creation, out);
}

static oskit_error_t ramfs_filex_tmpfile(sluice_filex_t *self, oskit_u32_t mode, oskit_file_t **out)
{
    struct ramfs_node *node = ramfs_node_of(self);

    *out = NULL;
    if (!ramfs_node_is_dir(node))
        return OSKIT_ENOTDIR;
    return ramfs_tmpfile(ramfs_dir_of_node(node), mode, out);
}

static oskit_error_t ramfs_filex_rename(sluice_filex_t *self, const char *old_name,
                                        oskit_dir_t *new_dir, const char *new_name,
                                        oskit_u32_t flags)
{
    struct ramfs_node *node = ramfs_node_of(self);
    struct ramfs_node *to = ramfs_node_in(node->fs, (oskit_file_t *)new_dir);

    if (!ramfs_node_is_dir(node))
        return OSKIT_ENOTDIR;
    if (!to)
        return OSKIT_EXDEV;
    if (!ramfs_node_is_dir(to))
        return OSKIT_ENOTDIR;
    return ramfs_rename(ramfs_dir_of_node(node), old_name, ramfs_dir_of_node(to), new_name, flags);
}

const struct sluice_filex_ops ramfs_filex_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .stat = ramfs_filex_stat,
    .setattr = ramfs_filex_setattr,
    .open = ramfs_filex_open,
    .allocate = ramfs_filex_allocate,
    .seek = ramfs_filex_seek,
    .readdir = ramfs_filex_readdir,
    .create = ramfs_filex_create,
    .tmpfile = ramfs_filex_tmpfile,
    .rename = ramfs_filex_rename,
};
