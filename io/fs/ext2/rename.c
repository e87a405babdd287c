/*
 * Renaming. Lock order: ext2.h.
 *
 * Whoever moves or removes a directory changes who is whose ancestor, on which rest the order of
 * two directory locks and the check against moving a directory into itself. So a rename holds the
 * rename mutex from before the first look until the end, as does rmdir.
 */
#include "ext2.h"

struct ext2_renaming {
    struct ext2_node *from, *to;
    const char *old_name, *new_name;
    struct ext2_entry source_entry, target_entry;
    struct ext2_node *source, *target; /* held; target NULL: the new name is free */
    bool source_above, target_above;   /* of the directory that the other is in */
    oskit_u32_t flags;
};

/* Entries and inodes of two directories and two files, a block more in one, two "..". */
#define RENAME_CREDITS \
    (EXT2_CREDITS_INSERT + 2u + 2u + 4 * EXT2_CREDITS_INODE + EXT2_CREDITS_ORPHAN)
#define RENAME_DEPTH_MAX 65536u /* of a tree that isn't a circle */

/* ---- Who is within whom ---- */

/* The directory above DIR, with a reference; DIR's is given back. */
static oskit_error_t ext2_step_up(struct ext2_node **dir)
{
    struct ext2_entry entry;
    struct ext2_node *above;

    env_mutex_lock(&(*dir)->mutex);
    oskit_error_t err = ext2_dir_get(*dir, "..", &entry, &above);
    if (OSKIT_SUCCEEDED(err))
        ext2_entry_put(&entry);
    env_mutex_unlock(&(*dir)->mutex);
    ext2_node_put(*dir);
    *dir = above;
    return err;
}

/* With the rename mutex held and no directory's: whether ABOVE is DIR or one of its ancestors. */
static oskit_error_t ext2_is_within(struct ext2_node *dir, const struct ext2_node *above,
                                    bool *within)
{
    oskit_error_t err = OSKIT_SUCCESS;
    oskit_u32_t depth = 0;

    sluice_object_addref(&dir->object);
    while (dir && dir != above && dir->ino != EXT2_ROOT_INO && OSKIT_SUCCEEDED(err)) {
        err = ext2_dir_gone(dir) ? OSKIT_ENOENT : ext2_step_up(&dir);
        if (++depth > RENAME_DEPTH_MAX)
            err = ext2_damaged(above->fs, "a circle of directories at", above->ino);
    }
    *within = dir == above;
    ext2_node_put(dir);
    return err;
}

/*
 * With the rename mutex held and no directory's: whether what NAME of DIR is lies above OTHER. What
 * comes to be there until DIR is locked is new, and above nothing.
 */
static oskit_error_t ext2_is_above(struct ext2_node *dir, const char *name, struct ext2_node *other,
                                   bool *above)
{
    struct ext2_entry entry;
    struct ext2_node *node;

    *above = false;
    env_mutex_lock(&dir->mutex);
    oskit_error_t err = ext2_dir_get(dir, name, &entry, &node);
    if (OSKIT_SUCCEEDED(err))
        ext2_entry_put(&entry);
    env_mutex_unlock(&dir->mutex);
    if (err == OSKIT_ENOENT)
        return OSKIT_SUCCESS;
    if (OSKIT_SUCCEEDED(err) && ext2_is_dir(node))
        err = ext2_is_within(other, node, above);
    ext2_node_put(node);
    return err;
}

/* ---- Locking ---- */

/* With the rename mutex held. */
static oskit_error_t ext2_lock_pair(struct ext2_node *a, struct ext2_node *b)
{
    bool b_in_a = false, a_in_b = false;
    oskit_error_t err = OSKIT_SUCCESS;

    if (a == b) {
        env_mutex_lock(&a->mutex);
        return OSKIT_SUCCESS;
    }
    err = ext2_is_within(b, a, &b_in_a);
    if (OSKIT_SUCCEEDED(err) && !b_in_a)
        err = ext2_is_within(a, b, &a_in_b);
    if (OSKIT_FAILED(err))
        return err;
    bool a_first = b_in_a || (!a_in_b && (uintptr_t)a < (uintptr_t)b);
    env_mutex_lock(a_first ? &a->mutex : &b->mutex);
    env_mutex_lock(a_first ? &b->mutex : &a->mutex);
    return OSKIT_SUCCESS;
}

static void ext2_unlock_pair(struct ext2_node *a, struct ext2_node *b)
{
    env_mutex_unlock(&a->mutex);
    if (a != b)
        env_mutex_unlock(&b->mutex);
}

/* ---- Checks, in the order in which Linux finds faults ---- */

static oskit_error_t ext2_rename_find(struct ext2_renaming *r)
{
    oskit_error_t err = ext2_dir_get(r->from, r->old_name, &r->source_entry, &r->source);

    if (OSKIT_FAILED(err))
        return err;
    if (ext2_dir_gone(r->to))
        return OSKIT_ENOENT;
    err = ext2_dir_get(r->to, r->new_name, &r->target_entry, &r->target);
    if (OSKIT_FAILED(err) && err != OSKIT_ENOENT)
        return err;
    if (r->target && (r->flags & RENAME_NOREPLACE))
        return OSKIT_EEXIST;
    return !r->target && (r->flags & RENAME_EXCHANGE) ? OSKIT_ENOENT : OSKIT_SUCCESS;
}

/* Whether the move would make a directory its own ancestor, or put it over one of its own. */
static oskit_error_t ext2_rename_loops(const struct ext2_renaming *r)
{
    if (r->source_above)
        return OSKIT_E_INVALIDARG;
    if (r->target && r->target_above)
        return r->flags & RENAME_EXCHANGE ? OSKIT_E_INVALIDARG : OSKIT_ENOTEMPTY;
    return OSKIT_SUCCESS;
}

static oskit_error_t ext2_rename_types(const struct ext2_renaming *r)
{
    if (!r->target || (r->flags & RENAME_EXCHANGE))
        return OSKIT_SUCCESS;
    bool from_dir = ext2_is_dir(r->source), to_dir = ext2_is_dir(r->target);
    if (from_dir && !to_dir)
        return OSKIT_ENOTDIR;
    return !from_dir && to_dir ? OSKIT_EISDIR : OSKIT_SUCCESS;
}

static oskit_error_t ext2_rename_permission(const struct ext2_renaming *r)
{
    oskit_error_t err = ext2_may_remove(r->from, r->source);

    if (OSKIT_SUCCEEDED(err) && r->target)
        err = ext2_may_remove(r->to, r->target);
    else if (OSKIT_SUCCEEDED(err))
        err = ext2_permission(r->to, OSKIT_W_OK | OSKIT_X_OK);
    return OSKIT_FAILED(err) ? err : ext2_rename_types(r);
}

/* A directory that changes its parent has its ".." rewritten: it must be writable by the caller. */
static oskit_error_t ext2_rename_dotdot(const struct ext2_renaming *r)
{
    oskit_error_t err = OSKIT_SUCCESS;

    if (r->from == r->to)
        return OSKIT_SUCCESS;
    if (ext2_is_dir(r->source))
        err = ext2_permission(r->source, OSKIT_W_OK);
    if (OSKIT_SUCCEEDED(err) && (r->flags & RENAME_EXCHANGE) && ext2_is_dir(r->target))
        err = ext2_permission(r->target, OSKIT_W_OK);
    bool more = ext2_is_dir(r->source) && !(r->target && ext2_is_dir(r->target));
    if (OSKIT_SUCCEEDED(err) && more && r->to->nlink >= ext2_link_max(r->to))
        err = OSKIT_EMLINK;
    return err;
}

/* ---- Changes, in one handle ---- */

/* NODE went from one parent to another: ".." and the parents' counts. */
static oskit_error_t ext2_rename_parent(struct journal_handle *handle, struct ext2_node *node,
                                        struct ext2_node *from, struct ext2_node *to)
{
    struct ext2_entry entry;

    if (from == to || !ext2_is_dir(node))
        return OSKIT_SUCCESS;
    env_mutex_lock(&node->mutex);
    oskit_error_t err = ext2_dir_find(node, "..", &entry);
    if (OSKIT_SUCCEEDED(err)) {
        err = ext2_dir_set(handle, node, &entry, to);
        ext2_entry_put(&entry);
    }
    env_mutex_unlock(&node->mutex);
    ext2_links(from, -1);
    ext2_links(to, 1);
    return err;
}

/* Times and counts of all that took part. */
static oskit_error_t ext2_rename_store(struct journal_handle *handle, const struct ext2_renaming *r)
{
    ext2_touch(r->from, EXT2_TOUCH_MODIFY);
    ext2_touch(r->to, EXT2_TOUCH_MODIFY);
    ext2_touch(r->source, EXT2_TOUCH_CHANGE);
    oskit_error_t err = ext2_inode_store(handle, r->from, false);
    if (OSKIT_SUCCEEDED(err))
        err = ext2_inode_store(handle, r->to, false);
    if (OSKIT_SUCCEEDED(err))
        err = ext2_inode_store(handle, r->source, false);
    return err;
}

static oskit_error_t ext2_exchange(struct journal_handle *handle, struct ext2_renaming *r)
{
    oskit_error_t err = ext2_dir_set(handle, r->from, &r->source_entry, r->target);

    if (OSKIT_SUCCEEDED(err))
        err = ext2_dir_set(handle, r->to, &r->target_entry, r->source);
    if (OSKIT_SUCCEEDED(err))
        err = ext2_rename_parent(handle, r->source, r->from, r->to);
    if (OSKIT_SUCCEEDED(err))
        err = ext2_rename_parent(handle, r->target, r->to, r->from);
    if (OSKIT_FAILED(err))
        return err;
    ext2_touch(r->target, EXT2_TOUCH_CHANGE);
    err = ext2_inode_store(handle, r->target, false);
    return OSKIT_FAILED(err) ? err : ext2_rename_store(handle, r);
}

/* The target's entry is given the source's inode, so that a reader of the directory sees the new
 * name throughout. */
static oskit_error_t ext2_replace(struct journal_handle *handle, struct ext2_renaming *r)
{
    oskit_error_t err = ext2_dir_set(handle, r->to, &r->target_entry, r->source);

    if (OSKIT_SUCCEEDED(err))
        err = ext2_dir_remove(handle, r->from, &r->source_entry);
    if (OSKIT_SUCCEEDED(err) && ext2_is_dir(r->target))
        ext2_links(r->to, -1);
    if (OSKIT_SUCCEEDED(err))
        err = ext2_unlinked(handle, r->target);
    if (OSKIT_SUCCEEDED(err))
        err = ext2_rename_parent(handle, r->source, r->from, r->to);
    return OSKIT_FAILED(err) ? err : ext2_rename_store(handle, r);
}

/* The new entry may have been put before the old one in its block: that is looked up anew. */
static oskit_error_t ext2_move(struct journal_handle *handle, struct ext2_renaming *r)
{
    oskit_error_t err = ext2_dir_insert(handle, r->to, r->new_name, r->source);

    if (OSKIT_FAILED(err))
        return err;
    ext2_entry_put(&r->source_entry);
    err = ext2_dir_find(r->from, r->old_name, &r->source_entry);
    if (OSKIT_SUCCEEDED(err))
        err = ext2_dir_remove(handle, r->from, &r->source_entry);
    if (OSKIT_SUCCEEDED(err))
        err = ext2_rename_parent(handle, r->source, r->from, r->to);
    return OSKIT_FAILED(err) ? err : ext2_rename_store(handle, r);
}

static oskit_error_t ext2_rename_change(struct ext2_renaming *r)
{
    struct journal_handle handle;
    oskit_error_t err = ext2_begin(r->from->fs, RENAME_CREDITS, &handle);

    if (OSKIT_FAILED(err))
        return err;
    if (!r->target)
        err = ext2_move(&handle, r);
    else if (r->flags & RENAME_EXCHANGE)
        err = ext2_exchange(&handle, r);
    else
        err = ext2_replace(&handle, r);
    ext2_end(r->from->fs, &handle);
    return err;
}

/* A directory to be replaced stays empty while it goes. */
static oskit_error_t ext2_rename_over(struct ext2_renaming *r)
{
    struct ext2_node *victim = r->target && ext2_is_dir(r->target) ? r->target : NULL;
    oskit_error_t err = OSKIT_SUCCESS;

    if (!victim || (r->flags & RENAME_EXCHANGE))
        return ext2_rename_change(r);
    env_mutex_lock(&victim->mutex);
    err = ext2_dir_empty(victim);
    if (OSKIT_SUCCEEDED(err))
        err = ext2_rename_change(r);
    env_mutex_unlock(&victim->mutex);
    return err;
}

static oskit_error_t ext2_rename_locked(struct ext2_renaming *r)
{
    oskit_error_t err = ext2_rename_find(r);

    if (OSKIT_SUCCEEDED(err))
        err = ext2_rename_loops(r);
    if (OSKIT_SUCCEEDED(err) && r->target == r->source)
        return OSKIT_SUCCESS; /* two names of one file: POSIX has nothing done */
    if (OSKIT_SUCCEEDED(err))
        err = ext2_rename_permission(r);
    if (OSKIT_SUCCEEDED(err))
        err = ext2_rename_dotdot(r);
    return OSKIT_FAILED(err) ? err : ext2_rename_over(r);
}

/* ---- The call ---- */

static oskit_error_t ext2_rename_names(const char *old_name, const char *new_name)
{
    oskit_error_t err = ext2_name_check(old_name);

    if (OSKIT_SUCCEEDED(err))
        err = ext2_name_check(new_name);
    if (OSKIT_FAILED(err))
        return err;
    return ext2_is_dots(old_name) || ext2_is_dots(new_name) ? OSKIT_EBUSY : OSKIT_SUCCESS;
}

/* With the rename mutex held. */
static oskit_error_t ext2_rename_ordered(struct ext2_renaming *r)
{
    oskit_error_t err = OSKIT_SUCCESS;

    if (r->from != r->to)
        err = ext2_is_above(r->from, r->old_name, r->to, &r->source_above);
    if (OSKIT_SUCCEEDED(err) && r->from != r->to)
        err = ext2_is_above(r->to, r->new_name, r->from, &r->target_above);
    if (OSKIT_SUCCEEDED(err))
        err = ext2_lock_pair(r->from, r->to);
    if (OSKIT_FAILED(err))
        return err;
    err = ext2_rename_locked(r);
    ext2_entry_put(&r->source_entry);
    ext2_entry_put(&r->target_entry);
    ext2_unlock_pair(r->from, r->to);
    return err;
}

static oskit_error_t ext2_rename_once(struct ext2_renaming *r)
{
    env_mutex_lock(&r->from->fs->rename_mutex);
    oskit_error_t err = ext2_rename_ordered(r);
    env_mutex_unlock(&r->from->fs->rename_mutex);
    /* Without a journal nothing else orders a file's data and the name that replaces another. */
    if (OSKIT_SUCCEEDED(err) && r->target && !r->from->fs->journal && r->source->cached)
        pagecache_writeback(&r->source->cache, 0, UINT64_MAX, false);
    ext2_node_put(r->source);
    ext2_node_put(r->target);
    r->source = r->target = NULL;
    return err;
}

oskit_error_t ext2_rename(struct ext2_node *old_dir, const char *old_name,
                          struct ext2_node *new_dir, const char *new_name, oskit_u32_t flags)
{
    struct ext2_renaming r = {
        .from = old_dir,
        .to = new_dir,
        .old_name = old_name,
        .new_name = new_name,
        .flags = flags,
    };
    oskit_error_t err = ext2_rename_names(old_name, new_name);

    if (OSKIT_FAILED(err))
        return err;
    if ((flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE)) ||
        flags == (RENAME_NOREPLACE | RENAME_EXCHANGE))
        return OSKIT_E_INVALIDARG;
    err = ext2_writable(old_dir->fs);
    while (OSKIT_SUCCEEDED(err)) {
        err = ext2_rename_once(&r);
        if (err != OSKIT_ENOSPC || !ext2_wait_free(old_dir->fs))
            break;
        err = OSKIT_SUCCESS;
    }
    return err;
}
