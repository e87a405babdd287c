/* Attributes of a node: permissions, times, stat, setattr. Lock order: ext2.h. */
#include "../permission.h"
#include "ext2.h"

#define NANOSECONDS      1000000000
#define EXT2_DAY         (86400ll * NANOSECONDS)
#define EXT2_PERMISSIONS 07777u

/* The mode alone mostly decides, and alone it may be read without the lock. */
oskit_error_t ext2_permission(struct ext2_node *node, oskit_u32_t want)
{
    if (permission_all(atomic_load_explicit(&node->mode, memory_order_relaxed), want))
        return OSKIT_SUCCESS;
    env_spin_lock(&node->lock);
    oskit_u32_t mode = node->mode, uid = node->uid, gid = node->gid;
    env_spin_unlock(&node->lock);
    return permission_check(mode, uid, gid, want);
}

/* A directory with more subdirectories than the count can say has 1, and keeps it. */
void ext2_links(struct ext2_node *node, int change)
{
    oskit_s64_t now = env_time_real();

    env_spin_lock(&node->lock);
    if (ext2_is_dir(node) && change > 0 && node->nlink + (oskit_u32_t)change >= EXT2_LINK_MAX)
        node->nlink = 1;
    else if (!ext2_is_dir(node) || node->nlink != 1)
        node->nlink += (oskit_u32_t)change;
    node->ctime = now;
    env_spin_unlock(&node->lock);
}

void ext2_touch(struct ext2_node *node, oskit_u32_t what)
{
    oskit_s64_t now = env_time_real();

    env_spin_lock(&node->lock);
    if (what & EXT2_TOUCH_MODIFY)
        node->mtime = now;
    node->ctime = now;
    env_spin_unlock(&node->lock);
}

void ext2_accessed(struct ext2_node *node)
{
    if (node->fs->noatime || atomic_load_explicit(&node->fs->read_only, memory_order_relaxed))
        return;
    oskit_s64_t now = env_time_real();
    env_spin_lock(&node->lock);
    bool due =
        !(node->flags & EXT2_FLAG_NOATIME) &&
        (node->atime <= node->mtime || node->atime <= node->ctime || now - node->atime > EXT2_DAY);
    if (due)
        node->atime = now;
    env_spin_unlock(&node->lock);
    if (due)
        ext2_node_changed(node);
}

/* The set-id bits that go when the contents or the owner change: set-group-id without group
 * execution means locking. */
static oskit_u32_t ext2_set_id_bits(oskit_u32_t mode)
{
    if (OSKIT_S_ISDIR(mode))
        return 0;
    return mode & (OSKIT_S_ISUID | (mode & OSKIT_S_IXGRP ? OSKIT_S_ISGID : 0));
}

void ext2_written(struct ext2_node *node)
{
    struct env_identity who;

    if (ext2_set_id_bits(node->mode)) { /* rare: unlocked peek, settled below */
        env_identity(&who);
        if (!who.root) {
            env_spin_lock(&node->lock);
            node->mode &= ~ext2_set_id_bits(node->mode);
            env_spin_unlock(&node->lock);
        }
    }
    ext2_touch(node, EXT2_TOUCH_MODIFY);
    ext2_node_changed(node);
}

/* ---- filex ---- */

void ext2_node_stat(struct ext2_node *node, struct filex_stat *out)
{
    memset(out, 0, sizeof *out);
    out->ino = node->ino;
    out->dev = node->fs->dev;
    out->rdev = node->rdev;
    out->blksize = node->fs->g.block_size;
    out->size = ext2_node_size(node);
    env_spin_lock(&node->lock);
    out->blocks = node->sectors;
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

/* What setattr decided by, to see whether it still holds when it comes to the change. */
struct ext2_owner {
    oskit_u32_t mode, uid, gid;
};

static struct ext2_owner ext2_node_owner(struct ext2_node *node)
{
    env_spin_lock(&node->lock);
    struct ext2_owner owner = {node->mode, node->uid, node->gid};
    env_spin_unlock(&node->lock);
    return owner;
}

static oskit_error_t ext2_chown_check(const struct ext2_owner *owner, oskit_u32_t mask,
                                      const struct filex_attributes *a,
                                      const struct env_identity *who)
{
    if (who->root)
        return OSKIT_SUCCESS;
    if ((mask & FILEX_UID) && (who->uid != owner->uid || a->uid != owner->uid))
        return OSKIT_EPERM;
    if ((mask & FILEX_GID) &&
        (who->uid != owner->uid || (a->gid != owner->gid && !env_in_group(a->gid))))
        return OSKIT_EPERM;
    return OSKIT_SUCCESS;
}

static oskit_error_t ext2_setattr_check(const struct ext2_owner *owner, oskit_u32_t mask,
                                        const struct filex_attributes *a,
                                        const struct env_identity *who)
{
    bool mine = who->root || who->uid == owner->uid;
    oskit_u32_t now = FILEX_ATIME_NOW | FILEX_MTIME_NOW;

    if ((mask & FILEX_SIZE) && !OSKIT_S_ISREG(owner->mode))
        return OSKIT_S_ISDIR(owner->mode) ? OSKIT_EISDIR : OSKIT_E_INVALIDARG;
    if ((mask & FILEX_SIZE) && a->size > INT64_MAX)
        return OSKIT_EFBIG;
    if ((mask & (FILEX_MODE | FILEX_ATIME | FILEX_MTIME)) && !mine)
        return OSKIT_EPERM;
    oskit_error_t err = ext2_chown_check(owner, mask, a, who);
    if (OSKIT_FAILED(err))
        return err;
    if (((mask & FILEX_SIZE) && !(mask & FILEX_OPEN)) || ((mask & now) && !mine))
        return permission_check(owner->mode, owner->uid, owner->gid, OSKIT_W_OK);
    return OSKIT_SUCCESS;
}

/* With node->lock held. */
static void ext2_setattr_times(struct ext2_node *node, oskit_u32_t mask,
                               const struct filex_attributes *a, oskit_s64_t now)
{
    if (mask & (FILEX_ATIME | FILEX_ATIME_NOW))
        node->atime = mask & FILEX_ATIME ? a->atime : now;
    if (mask & (FILEX_MTIME | FILEX_MTIME_NOW))
        node->mtime = mask & FILEX_MTIME ? a->mtime : now;
    node->ctime = now;
}

/* Applies all but the size, provided that the node is still as OWNER says. KEEP_SGID: who may set
 * it does. */
static bool ext2_setattr_apply(struct ext2_node *node, const struct ext2_owner *owner,
                               oskit_u32_t mask, const struct filex_attributes *a, bool keep_sgid)
{
    oskit_s64_t now = env_time_real();

    env_spin_lock(&node->lock);
    bool same = node->mode == owner->mode && node->uid == owner->uid && node->gid == owner->gid;
    if (same) {
        if (mask & (FILEX_UID | FILEX_GID))
            node->mode &= ~ext2_set_id_bits(node->mode);
        if (mask & FILEX_UID)
            node->uid = a->uid;
        if (mask & FILEX_GID)
            node->gid = a->gid;
        if (mask & FILEX_MODE)
            node->mode = (node->mode & OSKIT_S_IFMT) | (a->mode & EXT2_PERMISSIONS);
        if ((mask & FILEX_MODE) && !keep_sgid)
            node->mode &= ~OSKIT_S_ISGID;
        ext2_setattr_times(node, mask, a, now);
    }
    env_spin_unlock(&node->lock);
    return same;
}

/*
 * Checks sleep (identity) and can't run under the spinlock; between check and change another may
 * give the file away. So the change is made only if mode and owner are still those checked.
 */
oskit_error_t ext2_node_setattr(struct ext2_node *node, oskit_u32_t mask,
                                const struct filex_attributes *a)
{
    struct env_identity who;
    struct ext2_owner owner;
    bool keep_sgid;

    oskit_error_t err = ext2_writable(node->fs);
    if (OSKIT_FAILED(err))
        return err;
    env_identity(&who);
    owner = ext2_node_owner(node);
    err = ext2_setattr_check(&owner, mask, a, &who);
    if (OSKIT_SUCCEEDED(err) && (mask & FILEX_SIZE))
        err = ext2_truncate(node, a->size);
    while (OSKIT_SUCCEEDED(err)) {
        keep_sgid = who.root || env_in_group(mask & FILEX_GID ? a->gid : owner.gid);
        if (ext2_setattr_apply(node, &owner, mask, a, keep_sgid))
            break;
        owner = ext2_node_owner(node);
        err = ext2_setattr_check(&owner, mask, a, &who);
    }
    if (OSKIT_FAILED(err))
        return err;
    ext2_node_changed(node);
    return ext2_node_flush(node);
}
