/* Attributes of a node: permissions, times, stat, setattr. Lock order: ext2.h. */
#include "../attributes.h"
#include "../permission.h"
#include "ext2.h"

#define NANOSECONDS 1000000000
#define EXT2_DAY    (86400ll * NANOSECONDS)
#define EXT2_TICK   4000000

/* The mode alone mostly decides, and alone it may be read without the lock. */
oskit_error_t ext2_permission(struct ext2_node *node, oskit_u32_t want)
{
    if ((want & OSKIT_W_OK) && OSKIT_FAILED(ext2_may_touch(node)))
        return OSKIT_EPERM;
    if (permission_all(atomic_load_explicit(&node->mode, memory_order_relaxed), want))
        return OSKIT_SUCCESS;
    env_spin_lock(&node->lock);
    oskit_u32_t mode = node->mode, uid = node->uid, gid = node->gid;
    env_spin_unlock(&node->lock);
    return permission_check(mode, uid, gid, want);
}

/* A disk remembers whole ticks, as on Linux, or seconds: so most writes of a busy file leave its
 * inode as it is, and an fsync has nothing but the bytes to write. */
oskit_s64_t ext2_time(const struct ext2 *fs, oskit_s64_t time, oskit_s64_t unit)
{
    if (fs->g.inode_size <= EXT2_INODE_SIZE_OLD)
        unit = NANOSECONDS;
    oskit_s64_t beyond = time % unit;
    return time - (beyond < 0 ? beyond + unit : beyond);
}

oskit_s64_t ext2_now(const struct ext2 *fs)
{
    return ext2_time(fs, env_time_real(), EXT2_TICK);
}

/* A directory with more subdirectories than the count can say has 1, and keeps it. */
void ext2_links(struct ext2_node *node, int change)
{
    oskit_s64_t now = ext2_now(node->fs);

    env_spin_lock(&node->lock);
    if (ext2_is_dir(node) && change > 0 && node->nlink + (oskit_u32_t)change >= EXT2_LINK_MAX)
        node->nlink = 1;
    else if (!ext2_is_dir(node) || node->nlink != 1)
        node->nlink += (oskit_u32_t)change;
    node->ctime = now;
    env_spin_unlock(&node->lock);
}

bool ext2_touch(struct ext2_node *node, oskit_u32_t what)
{
    oskit_s64_t now = ext2_now(node->fs);

    env_spin_lock(&node->lock);
    bool moved = node->ctime != now || (what & EXT2_TOUCH_MODIFY && node->mtime != now);
    if (what & EXT2_TOUCH_MODIFY)
        node->mtime = now;
    node->ctime = now;
    env_spin_unlock(&node->lock);
    return moved;
}

void ext2_accessed(struct ext2_node *node)
{
    if (node->fs->noatime || atomic_load_explicit(&node->fs->read_only, memory_order_relaxed))
        return;
    oskit_s64_t now = ext2_now(node->fs);
    env_spin_lock(&node->lock);
    bool due =
        !(node->flags & EXT2_FLAG_NOATIME) && node->atime != now &&
        (node->atime <= node->mtime || node->atime <= node->ctime || now - node->atime > EXT2_DAY);
    if (due)
        node->atime = now;
    env_spin_unlock(&node->lock);
    if (due)
        ext2_node_changed(node);
}

void ext2_written(struct ext2_node *node)
{
    bool changed = ext2_touch(node, EXT2_TOUCH_MODIFY);

    /* Rare: unlocked peek, settled below. */
    if (attributes_set_id_bits(node->mode) && !env_capable(CAPABILITY_FSETID)) {
        env_spin_lock(&node->lock);
        node->mode &= ~attributes_set_id_bits(node->mode);
        env_spin_unlock(&node->lock);
        changed = true;
    }
    if (changed)
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

struct file_owner ext2_node_owner(struct ext2_node *node)
{
    env_spin_lock(&node->lock);
    struct file_owner owner = {node->mode, node->uid, node->gid};
    env_spin_unlock(&node->lock);
    return owner;
}

/* Applies all but the size, provided that the node is still as OWNER says. KEEP_SGID: who may set
 * it does. */
static bool ext2_setattr_apply(struct ext2_node *node, const struct file_owner *owner,
                               oskit_u32_t mask, const struct filex_attributes *a, bool keep_sgid)
{
    oskit_s64_t now = ext2_now(node->fs);

    env_spin_lock(&node->lock);
    bool same = node->mode == owner->mode && node->uid == owner->uid && node->gid == owner->gid;
    if (same) {
        struct file_owner to = *owner;
        struct file_times times = {node->atime, node->mtime, node->ctime};
        attributes_change(&to, &times, mask, a, keep_sgid, now);
        node->mode = to.mode;
        node->uid = to.uid;
        node->gid = to.gid;
        node->atime = ext2_time(node->fs, times.atime, 1);
        node->mtime = ext2_time(node->fs, times.mtime, 1);
        node->ctime = times.ctime;
    }
    env_spin_unlock(&node->lock);
    return same;
}

/* The present time may be given to what only grows. */
static oskit_error_t ext2_setattr_flags(const struct ext2_node *node, oskit_u32_t mask)
{
    oskit_u32_t now = FILEX_ATIME_NOW | FILEX_MTIME_NOW;

    return mask == now ? ext2_may_touch(node) : ext2_may_alter(node);
}

/*
 * Checks sleep (identity) and can't run under the spinlock; between check and change another may
 * give the file away. So the change is made only if mode and owner are still those checked.
 */
oskit_error_t ext2_node_setattr(struct ext2_node *node, oskit_u32_t mask,
                                const struct filex_attributes *a)
{
    struct env_identity who;
    struct file_owner owner;
    bool keep_sgid;

    oskit_error_t err = ext2_writable(node->fs);
    if (OSKIT_FAILED(err))
        return err;
    err = ext2_setattr_flags(node, mask);
    if (OSKIT_FAILED(err))
        return err;
    env_identity(&who);
    owner = ext2_node_owner(node);
    err = attributes_check(&owner, mask, a, &who);
    if (OSKIT_SUCCEEDED(err) && (mask & FILEX_SIZE))
        err = ext2_truncate(node, a->size);
    else if (OSKIT_SUCCEEDED(err) && (mask & (FILEX_UID | FILEX_GID)))
        err = ext2_capability_drop(node);
    while (OSKIT_SUCCEEDED(err)) {
        keep_sgid = attributes_keep_sgid(&owner, mask, a, &who);
        if (ext2_setattr_apply(node, &owner, mask, a, keep_sgid))
            break;
        owner = ext2_node_owner(node);
        err = attributes_check(&owner, mask, a, &who);
    }
    if (OSKIT_FAILED(err))
        return err;
    ext2_node_changed(node);
    return ext2_node_flush(node);
}
