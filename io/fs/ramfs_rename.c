/*
 * Renaming in ramfs. Lock order: ramfs_private.h.
 *
 * Whoever moves or removes a directory changes who is whose ancestor, on which rest the order of
 * two directory locks and the check against moving a directory into itself. So a rename holds the
 * rename mutex from before the first look until the end, as does rmdir.
 */
#include "ramfs_private.h"

struct ramfs_renaming {
    struct ramfs_dir *from, *to;
    const char *old_name, *new_name;
    struct ramfs_entry *source, *target; /* target NULL: the new name is free */
    oskit_u32_t flags;
};

/* With the rename mutex held: whether ABOVE is DIR or one of its ancestors. */
static bool ramfs_is_within(const struct ramfs_dir *dir, const struct ramfs_dir *above)
{
    while (dir && dir != above && dir->parent != dir)
        dir = dir->parent;
    return dir == above;
}

static void ramfs_lock_pair(struct ramfs_dir *a, struct ramfs_dir *b)
{
    env_mutex_lock(&a->node.fs->rename_mutex);
    if (a == b) {
        env_mutex_lock(&a->mutex);
        return;
    }
    bool a_first = ramfs_is_within(b, a) || (!ramfs_is_within(a, b) && (uintptr_t)a < (uintptr_t)b);
    env_mutex_lock(a_first ? &a->mutex : &b->mutex);
    env_mutex_lock(a_first ? &b->mutex : &a->mutex);
}

static void ramfs_unlock_pair(struct ramfs_dir *a, struct ramfs_dir *b)
{
    env_mutex_unlock(&a->mutex);
    if (a != b)
        env_mutex_unlock(&b->mutex);
    env_mutex_unlock(&a->node.fs->rename_mutex);
}

static struct ramfs_dir *ramfs_as_dir(struct ramfs_node *node)
{
    return ramfs_node_is_dir(node) ? ramfs_dir_of_node(node) : NULL;
}

/* Whether the move would make a directory its own ancestor, or put it over one of its own. */
static oskit_error_t ramfs_rename_loops(const struct ramfs_renaming *r)
{
    struct ramfs_dir *source = ramfs_as_dir(r->source->node);
    struct ramfs_dir *target = r->target ? ramfs_as_dir(r->target->node) : NULL;

    if (r->from == r->to)
        return OSKIT_SUCCESS;
    if (source && ramfs_is_within(r->to, source))
        return OSKIT_E_INVALIDARG;
    if (target && ramfs_is_within(r->from, target))
        return r->flags & RENAME_EXCHANGE ? OSKIT_E_INVALIDARG : OSKIT_ENOTEMPTY;
    return OSKIT_SUCCESS;
}

static oskit_error_t ramfs_rename_types(const struct ramfs_renaming *r)
{
    if (!r->target || (r->flags & RENAME_EXCHANGE))
        return OSKIT_SUCCESS;
    bool from_dir = ramfs_node_is_dir(r->source->node), to_dir = ramfs_node_is_dir(r->target->node);
    if (from_dir && !to_dir)
        return OSKIT_ENOTDIR;
    return !from_dir && to_dir ? OSKIT_EISDIR : OSKIT_SUCCESS;
}

/* In the order in which Linux finds faults: the directories, the types, then what moves. */
static oskit_error_t ramfs_rename_permission(const struct ramfs_renaming *r)
{
    oskit_error_t err = ramfs_may_remove(r->from, r->source->node);

    if (OSKIT_SUCCEEDED(err) && r->target)
        err = ramfs_may_remove(r->to, r->target->node);
    else if (OSKIT_SUCCEEDED(err))
        err = ramfs_node_permission(&r->to->node, OSKIT_W_OK | OSKIT_X_OK);
    return OSKIT_FAILED(err) ? err : ramfs_rename_types(r);
}

/* A directory that changes its parent has its ".." rewritten: it must be writable by the caller. */
static oskit_error_t ramfs_rename_dotdot(const struct ramfs_renaming *r)
{
    oskit_error_t err = OSKIT_SUCCESS;

    if (r->from == r->to)
        return OSKIT_SUCCESS;
    if (ramfs_node_is_dir(r->source->node))
        err = ramfs_node_permission(r->source->node, OSKIT_W_OK);
    if (OSKIT_SUCCEEDED(err) && (r->flags & RENAME_EXCHANGE) && ramfs_node_is_dir(r->target->node))
        err = ramfs_node_permission(r->target->node, OSKIT_W_OK);
    return err;
}

static oskit_error_t ramfs_rename_find(struct ramfs_renaming *r)
{
    r->source = ramfs_dir_find(r->from, r->old_name);
    r->target = ramfs_dir_find(r->to, r->new_name);
    if (!r->source || ramfs_dir_removed(r->to))
        return OSKIT_ENOENT;
    if (r->target && (r->flags & RENAME_NOREPLACE))
        return OSKIT_EEXIST;
    if (!r->target && (r->flags & RENAME_EXCHANGE))
        return OSKIT_ENOENT;
    return OSKIT_SUCCESS;
}

/* Counts and ".." of a directory that went from one parent to another. */
static void ramfs_rename_parent(struct ramfs_node *node, struct ramfs_dir *from,
                                struct ramfs_dir *to)
{
    if (from == to || !ramfs_node_is_dir(node))
        return;
    ramfs_node_links(&from->node, -1);
    ramfs_node_links(&to->node, 1);
    ramfs_dir_set_parent(ramfs_dir_of_node(node), to);
}

static void ramfs_rename_touch(const struct ramfs_renaming *r, struct ramfs_node *node)
{
    ramfs_node_touch(&r->from->node, RAMFS_TOUCH_MODIFY);
    ramfs_node_touch(&r->to->node, RAMFS_TOUCH_MODIFY);
    ramfs_node_touch(node, RAMFS_TOUCH_CHANGE);
}

static void ramfs_exchange(const struct ramfs_renaming *r)
{
    struct ramfs_node *source = r->source->node, *target = r->target->node;

    r->source->node = target;
    r->target->node = source;
    ramfs_rename_parent(source, r->from, r->to);
    ramfs_rename_parent(target, r->to, r->from);
    ramfs_rename_touch(r, source);
    ramfs_node_touch(target, RAMFS_TOUCH_CHANGE);
}

/*
 * The target's entry is given the source's node, so a reader of the directory sees the new name
 * throughout, and nothing can fail once the target (returned with its reference) has lost its name.
 */
static oskit_error_t ramfs_replace(const struct ramfs_renaming *r, struct ramfs_node **out_replaced)
{
    struct ramfs_node *source = r->source->node, *old = r->target->node;
    struct ramfs_dir *victim = ramfs_as_dir(old);

    if (victim)
        env_mutex_lock(&victim->mutex);
    bool full = victim && victim->entry_count > 0;
    if (!full) {
        r->target->node = ramfs_dir_remove(r->from, r->source);
        ramfs_node_links(old, victim ? -2 : -1);
    }
    if (victim && !full) {
        ramfs_dir_set_parent(victim, NULL);
        ramfs_node_links(&r->to->node, -1);
    }
    if (victim)
        env_mutex_unlock(&victim->mutex);
    if (full)
        return OSKIT_ENOTEMPTY;
    ramfs_rename_parent(source, r->from, r->to);
    ramfs_rename_touch(r, source);
    *out_replaced = old;
    return OSKIT_SUCCESS;
}

static oskit_error_t ramfs_move(const struct ramfs_renaming *r)
{
    struct ramfs_node *node = r->source->node;
    oskit_error_t err = ramfs_dir_insert(r->to, r->new_name, node);

    if (OSKIT_FAILED(err))
        return err;
    ramfs_node_release(ramfs_dir_remove(r->from, r->source)); /* the new entry holds it */
    ramfs_rename_parent(node, r->from, r->to);
    ramfs_rename_touch(r, node);
    return OSKIT_SUCCESS;
}

static oskit_error_t ramfs_rename_locked(struct ramfs_renaming *r, struct ramfs_node **out_replaced)
{
    oskit_error_t err = ramfs_rename_find(r);

    if (OSKIT_SUCCEEDED(err))
        err = ramfs_rename_loops(r);
    if (OSKIT_SUCCEEDED(err) && r->target && r->target->node == r->source->node)
        return OSKIT_SUCCESS; /* two names of one file: POSIX has nothing done */
    if (OSKIT_SUCCEEDED(err))
        err = ramfs_rename_permission(r);
    if (OSKIT_SUCCEEDED(err))
        err = ramfs_rename_dotdot(r);
    if (OSKIT_FAILED(err))
        return err;
    if (!r->target)
        return ramfs_move(r);
    if (!(r->flags & RENAME_EXCHANGE))
        return ramfs_replace(r, out_replaced);
    ramfs_exchange(r);
    return OSKIT_SUCCESS;
}

static oskit_error_t ramfs_rename_names(const char *old_name, const char *new_name)
{
    oskit_error_t err = ramfs_name_check(old_name);

    if (OSKIT_SUCCEEDED(err))
        err = ramfs_name_check(new_name);
    if (OSKIT_FAILED(err))
        return err;
    bool dots = !strcmp(old_name, ".") || !strcmp(old_name, "..") || !strcmp(new_name, ".") ||
                !strcmp(new_name, "..");
    return dots ? OSKIT_EBUSY : OSKIT_SUCCESS;
}

oskit_error_t ramfs_rename(struct ramfs_dir *old_dir, const char *old_name,
                           struct ramfs_dir *new_dir, const char *new_name, oskit_u32_t flags)
{
    struct ramfs_renaming r = {
        .from = old_dir,
        .to = new_dir,
        .old_name = old_name,
        .new_name = new_name,
        .flags = flags,
    };
    struct ramfs_node *replaced = NULL;
    oskit_error_t err = ramfs_rename_names(old_name, new_name);

    if (OSKIT_FAILED(err))
        return err;
    if ((flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE)) ||
        flags == (RENAME_NOREPLACE | RENAME_EXCHANGE))
        return OSKIT_E_INVALIDARG;
    ramfs_lock_pair(old_dir, new_dir);
    err = ramfs_rename_locked(&r, &replaced);
    ramfs_unlock_pair(old_dir, new_dir);
    if (replaced)
        ramfs_node_release(replaced);
    return err;
}
