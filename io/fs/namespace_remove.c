/* Removing and renaming names. Lock order: name.h. */
#include <oskit/io/posixio.h>
#include <sluice/string.h>
#include "namespace_change.h"

/* ---- Removing ---- */

/* Whether it is a directory, where it should or shouldn't be, is for the file system to say: after
 * it has checked permission. */
static oskit_error_t remove_check(const struct change *change, const struct name *name,
                                  bool directory)
{
    if (!name->file)
        return OSKIT_ENOENT;
    if (change->component.slash && !directory)
        return name->dir ? OSKIT_EISDIR : OSKIT_ENOTDIR;
    if (atomic_load(&name->mounts) > 0)
        return OSKIT_EBUSY;
    return change_allowed(change);
}

/* With the parent's mutex held. *OUT is the name that went, to be put without it: the file may go
 * with it. */
static oskit_error_t remove_locked(struct change *change, bool directory, struct name **out)
{
    oskit_error_t err = name_resolve_locked(change->parent, &change->component, out);

    if (OSKIT_FAILED(err))
        return err;
    err = remove_check(change, *out, directory);
    if (OSKIT_SUCCEEDED(err))
        err = directory ? oskit_dir_rmdir(change->parent->dir, change->text)
                        : oskit_dir_unlink(change->parent->dir, change->text);
    if (OSKIT_FAILED(err))
        return err;
    name_delete(*out);
    if (notify_watched())
        notify_removed(&change->told, change->parent, change->text, *out);
    return OSKIT_SUCCESS;
}

static oskit_error_t remove_dots(const struct component *c, bool directory)
{
    if (!directory)
        return OSKIT_EISDIR;
    if (c->length == 0)
        return OSKIT_EBUSY;
    return c->length == 1 ? OSKIT_E_INVALIDARG : OSKIT_ENOTEMPTY;
}

static oskit_error_t namespace_remove(const struct walk *walk, const char *path, bool directory)
{
    struct change change;
    struct name *name = NULL;

    oskit_error_t err = change_start(&change, walk, path);
    if (OSKIT_FAILED(err))
        return err;
    if (component_is_dots(&change.component)) {
        err = remove_dots(&change.component, directory);
    } else {
        env_mutex_lock(&change.parent->mutex);
        err = remove_locked(&change, directory, &name);
        env_mutex_unlock(&change.parent->mutex);
    }
    name_put(name);
    change_finish(&change);
    return err;
}

oskit_error_t namespace_unlink(const struct walk *walk, const char *path)
{
    return namespace_remove(walk, path, false);
}

oskit_error_t namespace_rmdir(const struct walk *walk, const char *path)
{
    return namespace_remove(walk, path, true);
}

/* ---- Renaming ---- */

struct renaming {
    struct change from, to;
    struct name *source, *target;
    struct name_place place; /* where the source goes */
    struct name_place back;  /* exchange: where the target goes */
    oskit_u32_t flags;
};

static void rename_lock(struct namespace *ns, struct name *a, struct name *b)
{
    if (a == b) {
        env_mutex_lock(&a->mutex);
        return;
    }
    env_mutex_lock(&ns->rename_mutex);
    bool a_first = name_is_within(b, a) || (!name_is_within(a, b) && (uintptr_t)a < (uintptr_t)b);
    env_mutex_lock(a_first ? &a->mutex : &b->mutex);
    env_mutex_lock(a_first ? &b->mutex : &a->mutex);
}

static void rename_unlock(struct namespace *ns, struct name *a, struct name *b)
{
    env_mutex_unlock(&a->mutex);
    if (a == b)
        return;
    env_mutex_unlock(&b->mutex);
    env_mutex_unlock(&ns->rename_mutex);
}

/* With both names found. Order of the answers as Linux has it. */
static oskit_error_t rename_check(const struct renaming *r)
{
    bool exchange = r->flags & RENAME_EXCHANGE;

    if (!r->source->file)
        return OSKIT_ENOENT;
    if (r->target->file && (r->flags & RENAME_NOREPLACE))
        return OSKIT_EEXIST;
    if (!r->target->file && exchange)
        return OSKIT_ENOENT;
    if (!r->source->dir && (r->from.component.slash || (r->to.component.slash && !exchange)))
        return OSKIT_ENOTDIR;
    if (exchange && r->to.component.slash && !r->target->dir)
        return OSKIT_ENOTDIR;
    if (name_is_within(r->to.parent, r->source))
        return OSKIT_E_INVALIDARG;
    if (name_is_within(r->from.parent, r->target))
        return exchange ? OSKIT_E_INVALIDARG : OSKIT_ENOTEMPTY;
    oskit_error_t err = change_allowed(&r->from);
    if (OSKIT_FAILED(err))
        return err;
    return r->source->mounts > 0 || r->target->mounts > 0 ? OSKIT_EBUSY : OSKIT_SUCCESS;
}

static oskit_error_t rename_places(struct renaming *r)
{
    const struct component *from = &r->from.component, *to = &r->to.component;
    oskit_error_t err = name_place_init(&r->place, r->to.parent, to->text, to->length, to->hash);

    if (OSKIT_SUCCEEDED(err) && (r->flags & RENAME_EXCHANGE))
        err = name_place_init(&r->back, r->from.parent, from->text, from->length, from->hash);
    return err;
}

static oskit_error_t rename_file(const struct renaming *r)
{
    oskit_dir_t *dir = r->from.parent->dir, *new_dir = r->to.parent->dir;
    sluice_filex_t *filex = r->from.parent->filex;
    oskit_error_t err;

    if (r->flags == 0)
        return oskit_dir_rename(dir, r->from.text, new_dir, r->to.text);
    if (!filex)
        return OSKIT_E_INVALIDARG;
    err = filex->ops->rename(filex, r->from.text, new_dir, r->to.text, r->flags);
    return err == OSKIT_E_NOTIMPL ? OSKIT_E_INVALIDARG : err;
}

/* SOURCE has gone from FROM to TO, over TARGET (NULL: over none). */
static void rename_told(struct notify_told *told, const struct change *from,
                        const struct change *to, const struct name *source,
                        const struct name *target)
{
    oskit_u32_t cookie = notify_new_cookie(), directory = source->dir ? NOTIFY_DIRECTORY : 0;

    notify_entry(told, from->parent, from->text, NOTIFY_MOVED_FROM | directory, cookie);
    notify_entry(told, to->parent, to->text, NOTIFY_MOVED_TO | directory, cookie);
    if (target)
        notify_self(told, target, NOTIFY_ATTRIB); /* its number of links */
    notify_self(told, source, NOTIFY_MOVE_SELF);
}

static void rename_notify(struct renaming *r)
{
    struct notify_told *told = &r->from.told;
    bool exchange = r->flags & RENAME_EXCHANGE;

    rename_told(told, &r->from, &r->to, r->source, r->target->file && !exchange ? r->target : NULL);
    if (exchange)
        rename_told(told, &r->to, &r->from, r->target, NULL);
}

static oskit_error_t rename_found(struct renaming *r)
{
    oskit_error_t err = rename_check(r);

    if (OSKIT_FAILED(err) || r->source->file == r->target->file) /* one file: nothing is done */
        return err;
    err = rename_places(r);
    if (OSKIT_SUCCEEDED(err))
        err = rename_file(r);
    if (OSKIT_SUCCEEDED(err)) {
        if (r->flags & RENAME_EXCHANGE)
            name_leave(r->target);
        else
            name_delete(r->target);
        name_move(r->source, &r->place);
        if (r->flags & RENAME_EXCHANGE)
            name_move(r->target, &r->back);
        if (notify_watched())
            rename_notify(r);
    }
    name_place_fini(&r->place);
    name_place_fini(&r->back);
    return err;
}

/* With the mutexes of both parents held. */
static oskit_error_t rename_locked(struct renaming *r)
{
    oskit_error_t err = name_resolve_locked(r->from.parent, &r->from.component, &r->source);

    if (OSKIT_SUCCEEDED(err))
        err = name_resolve_locked(r->to.parent, &r->to.component, &r->target);
    return OSKIT_FAILED(err) ? err : rename_found(r);
}

static oskit_error_t rename_started(struct namespace *ns, struct renaming *r)
{
    if (r->from.walker.at.mount != r->to.walker.at.mount)
        return OSKIT_EXDEV;
    if (component_is_dots(&r->from.component))
        return OSKIT_EBUSY;
    if (component_is_dots(&r->to.component))
        return r->flags & RENAME_NOREPLACE ? OSKIT_EEXIST : OSKIT_EBUSY;
    rename_lock(ns, r->from.parent, r->to.parent);
    oskit_error_t err = rename_locked(r);
    rename_unlock(ns, r->from.parent, r->to.parent);
    name_put(r->source);
    name_put(r->target);
    return err;
}

/* The records are too large for a kernel stack beside what lies below. */
oskit_error_t namespace_rename(const struct walk *from_walk, const char *from,
                               const struct walk *to_walk, const char *to, oskit_u32_t flags)
{
    struct renaming *r;

    if ((flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE)) ||
        flags == (RENAME_NOREPLACE | RENAME_EXCHANGE))
        return OSKIT_E_INVALIDARG;
    r = env_alloc(sizeof *r, ENV_ZERO);
    if (!r)
        return OSKIT_ENOMEM;
    r->flags = flags;
    oskit_error_t err = change_start(&r->from, from_walk, from);
    if (OSKIT_SUCCEEDED(err)) {
        err = change_start(&r->to, to_walk, to);
        if (OSKIT_SUCCEEDED(err)) {
            err = rename_started(from_walk->ns, r);
            change_finish(&r->to);
        }
        change_finish(&r->from);
    }
    env_free(r, sizeof *r);
    return err;
}
