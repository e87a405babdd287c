/* Making and removing names. Lock order: name.h. */
#include <oskit/io/posixio.h>
#include <sluice/string.h>
#include "namespace_change.h"

/* After walker_run_parent: where and how the last component is called. */
static void change_name(struct change *change)
{
    change->parent = change->walker.at.name;
    memcpy(change->text, change->component.text, change->component.length);
    change->text[change->component.length] = '\0';
}

oskit_error_t change_start(struct change *change, const struct walk *walk, const char *path)
{
    oskit_error_t err = walker_start(&change->walker, walk, path, false);

    if (OSKIT_FAILED(err))
        return err;
    notify_told_init(&change->told);
    err = walker_run_parent(&change->walker, &change->component);
    if (OSKIT_FAILED(err)) {
        walker_finish(&change->walker);
        return err;
    }
    change_name(change);
    return OSKIT_SUCCESS;
}

void change_finish(struct change *change)
{
    if (change->told.count > 0 || change->told.dead)
        notify_tell(&change->told);
    walker_finish(&change->walker);
}

oskit_error_t change_allowed(const struct change *change)
{
    return location_mount_flags(&change->walker.at) & MOUNT_RDONLY ? OSKIT_EROFS : OSKIT_SUCCESS;
}

/* ---- Making ---- */

/* The file system's own creation; *out (with a reference) is NULL where it doesn't say what it
 * made. */
static oskit_error_t change_make_file(const struct change *change, const struct filex_creation *how,
                                      oskit_file_t **out)
{
    oskit_dir_t *dir = change->parent->dir;
    sluice_filex_t *filex = change->parent->filex;
    const char *text = change->text;
    oskit_error_t err = OSKIT_E_NOTIMPL;

    *out = NULL;
    if (filex)
        err = filex->ops->create(filex, text, how, out);
    if (err != OSKIT_E_NOTIMPL)
        return err;
    switch (how->mode & OSKIT_S_IFMT) {
    case OSKIT_S_IFREG:
        return oskit_dir_create(dir, text, 1, (oskit_mode_t)(how->mode & 07777), out);
    case OSKIT_S_IFDIR:
        return oskit_dir_mkdir(dir, text, (oskit_mode_t)(how->mode & 07777));
    case OSKIT_S_IFLNK:
        return oskit_dir_symlink(dir, text, how->target);
    }
    return oskit_dir_mknod(dir, text, (oskit_mode_t)how->mode, how->rdev);
}

static void change_made(struct change *change, const struct filex_creation *how)
{
    oskit_u32_t directory = OSKIT_S_ISDIR(how->mode) ? NOTIFY_DIRECTORY : 0;

    if (notify_watched())
        notify_entry(&change->told, change->parent, change->text, NOTIFY_CREATE | directory, 0);
}

/*
 * With the parent's mutex held: remembers the new FILE (its reference is consumed; NULL: not known)
 * by its name, with a reference in *OUT. OUT may be NULL: then that it can't be remembered is no
 * failure.
 */
static oskit_error_t change_enter(struct change *change, oskit_file_t *file, struct name **out)
{
    struct component *c = &change->component;
    struct name *name = NULL;
    oskit_error_t err = OSKIT_SUCCESS;

    if (file) {
        err = name_create(change->parent->table, change->parent, c->text, c->length, c->hash, file,
                          &name);
        oskit_file_release(file);
    }
    if (name)
        name_enter(name);
    if (out)
        *out = name;
    else
        name_put(name);
    return out ? err : OSKIT_SUCCESS;
}

/* With the parent's mutex held and OLD, which says that the name is free: makes the file. *OUT as
 * above. */
static oskit_error_t change_make_named(struct change *change, struct name *old,
                                       const struct filex_creation *how, struct name **out)
{
    oskit_file_t *file;

    oskit_error_t err = change_make_file(change, how, &file);
    if (OSKIT_FAILED(err))
        return err;
    change_made(change, how);
    name_leave(old);
    return change_enter(change, file, out);
}

/*
 * With the parent's mutex held. Of a name that isn't remembered most often there is nothing, and
 * the creation itself tells otherwise: so it is tried first. true: made, *err says whether *OUT
 * holds the name. false: nothing was done, look before.
 */
static bool change_make_new(struct change *change, const struct filex_creation *how,
                            struct name **out, oskit_error_t *err)
{
    struct component *c = &change->component;
    oskit_file_t *file;

    if (!change->parent->filex || (c->slash && !OSKIT_S_ISDIR(how->mode)) ||
        OSKIT_FAILED(change_allowed(change)))
        return false;
    struct name *known = name_find(change->parent, c->text, c->length, c->hash);
    name_put(known);
    if (known || OSKIT_FAILED(change_make_file(change, how, &file)))
        return false;
    change_made(change, how);
    *err = change_enter(change, file, out);
    return true;
}

/* What must hold for OLD, found at the new name's place, for it to be made. */
static oskit_error_t change_may_make(const struct change *change, const struct name *old,
                                     bool directory)
{
    if (old->file)
        return OSKIT_EEXIST;
    if (change->component.slash && !directory)
        return OSKIT_ENOENT;
    return change_allowed(change);
}

/* With the parent's mutex held. */
static oskit_error_t change_make(struct change *change, const struct filex_creation *how)
{
    struct name *old;

    oskit_error_t err = name_resolve_locked(change->parent, &change->component, &old);
    if (OSKIT_FAILED(err))
        return err;
    err = change_may_make(change, old, OSKIT_S_ISDIR(how->mode));
    if (OSKIT_SUCCEEDED(err))
        err = change_make_named(change, old, how, NULL);
    name_put(old);
    return err;
}

static oskit_error_t namespace_make(const struct walk *walk, const char *path,
                                    const struct filex_creation *how)
{
    struct change change;

    oskit_error_t err = change_start(&change, walk, path);
    if (OSKIT_FAILED(err))
        return err;
    if (component_is_dots(&change.component)) {
        change_finish(&change);
        return OSKIT_EEXIST;
    }
    env_mutex_lock(&change.parent->mutex);
    if (!change_make_new(&change, how, NULL, &err))
        err = change_make(&change, how);
    env_mutex_unlock(&change.parent->mutex);
    change_finish(&change);
    return err;
}

oskit_error_t namespace_mkdir(const struct walk *walk, const char *path, oskit_mode_t mode)
{
    struct filex_creation how = {.mode = OSKIT_S_IFDIR | (mode & 07777)};

    return namespace_make(walk, path, &how);
}

oskit_error_t namespace_mknod(const struct walk *walk, const char *path, oskit_mode_t mode,
                              oskit_dev_t rdev)
{
    struct filex_creation how = {.mode = mode, .rdev = rdev};

    if ((mode & OSKIT_S_IFMT) == 0)
        how.mode |= OSKIT_S_IFREG;
    if (OSKIT_S_ISDIR(how.mode))
        return OSKIT_EPERM;
    if (OSKIT_S_ISLNK(how.mode))
        return OSKIT_E_INVALIDARG;
    return namespace_make(walk, path, &how);
}

oskit_error_t namespace_symlink(const struct walk *walk, const char *path, const char *target)
{
    struct filex_creation how = {.mode = OSKIT_S_IFLNK | 0777, .target = target};

    if (target[0] == '\0')
        return OSKIT_ENOENT;
    if (strlen(target) > PATH_MAX_LENGTH)
        return OSKIT_ENAMETOOLONG;
    return namespace_make(walk, path, &how);
}

/* With the parent's mutex held. */
static oskit_error_t change_link(struct change *change, const struct location *file)
{
    struct name *old;

    oskit_error_t err = name_resolve_locked(change->parent, &change->component, &old);
    if (OSKIT_FAILED(err))
        return err;
    err = change_may_make(change, old, false);
    if (OSKIT_SUCCEEDED(err) && file->mount != change->walker.at.mount)
        err = OSKIT_EXDEV;
    if (OSKIT_SUCCEEDED(err) && file->name->unlinkable)
        err = OSKIT_ENOENT;
    if (OSKIT_SUCCEEDED(err))
        err = oskit_dir_link(change->parent->dir, change->text, file->name->file);
    if (OSKIT_SUCCEEDED(err))
        name_leave(old);
    if (OSKIT_SUCCEEDED(err) && notify_watched()) {
        notify_self(&change->told, file->name, NOTIFY_ATTRIB); /* its number of links */
        notify_entry(&change->told, change->parent, change->text, NOTIFY_CREATE, 0);
    }
    name_put(old);
    return err;
}

oskit_error_t namespace_link(const struct location *file, const struct walk *walk, const char *path)
{
    struct change change;

    oskit_error_t err = change_start(&change, walk, path);
    if (OSKIT_FAILED(err))
        return err;
    if (component_is_dots(&change.component)) {
        err = OSKIT_EEXIST;
    } else {
        env_mutex_lock(&change.parent->mutex);
        err = change_link(&change, file);
        env_mutex_unlock(&change.parent->mutex);
    }
    change_finish(&change);
    return err;
}

/* ---- Opening with creation ---- */

/*
 * With the parent's mutex held: the name of the last component with a reference, the one that is
 * there or a new one. *CREATED says which.
 */
static oskit_error_t create_last(struct change *change, const struct filex_creation *how, bool excl,
                                 struct name **out, bool *created)
{
    struct name *old;
    oskit_error_t err;

    *created = change_make_new(change, how, out, &err);
    if (*created)
        return err;
    err = name_resolve_locked(change->parent, &change->component, &old);
    if (OSKIT_FAILED(err))
        return err;
    if (old->file && !excl) {
        *out = old;
        return OSKIT_SUCCESS;
    }
    err = old->file ? OSKIT_EEXIST : change_allowed(change);
    if (OSKIT_SUCCEEDED(err))
        err = change_make_named(change, old, how, out);
    *created = OSKIT_SUCCEEDED(err);
    name_put(old);
    return err;
}

/*
 * To the last component, which is made if it isn't there. *LINK: that was a link, so what it leads
 * to is to be opened or made instead.
 */
static oskit_error_t create_round(struct change *change, const struct filex_creation *how,
                                  bool excl, bool *created, bool *link)
{
    struct walker *w = &change->walker;
    struct name *name;

    *link = false;
    oskit_error_t err = walker_run_parent(w, &change->component);
    if (OSKIT_FAILED(err))
        return err;
    if (component_is_dots(&change->component)) {
        walker_dots(w, &change->component);
        return excl ? OSKIT_EEXIST : OSKIT_SUCCESS;
    }
    if (change->component.slash) /* says that it is a directory, there or not: as Linux has it */
        return OSKIT_EISDIR;
    change_name(change);
    env_mutex_lock(&change->parent->mutex);
    err = create_last(change, how, excl, &name, created);
    env_mutex_unlock(&change->parent->mutex);
    if (OSKIT_FAILED(err))
        return err;
    unsigned links = w->links;
    err = walker_step(w, &change->component, name);
    *link = w->links != links;
    return err;
}

oskit_error_t namespace_create_file(const struct walk *walk, const char *path, oskit_mode_t mode,
                                    bool excl, oskit_u32_t flags, struct location *out,
                                    bool *created)
{
    struct filex_creation how = {.mode = OSKIT_S_IFREG | (mode & 07777)};
    bool follow = !excl && !(flags & NAMESPACE_NOFOLLOW);
    struct change change;
    bool link;

    *out = (struct location){NULL, NULL};
    *created = false;
    oskit_error_t err = walker_start(&change.walker, walk, path, follow);
    if (OSKIT_FAILED(err))
        return err;
    notify_told_init(&change.told);
    do
        err = create_round(&change, &how, excl, created, &link);
    while (OSKIT_SUCCEEDED(err) && link);
    if (OSKIT_SUCCEEDED(err) && (change.walker.directory || (flags & NAMESPACE_DIRECTORY)) &&
        !change.walker.at.name->dir)
        err = OSKIT_ENOTDIR;
    if (OSKIT_SUCCEEDED(err))
        walker_answer(&change.walker, out);
    change_finish(&change);
    return err;
}

oskit_error_t namespace_tmpfile(const struct walk *walk, const char *path, oskit_mode_t mode,
                                bool excl, oskit_u32_t flags, struct location *out)
{
    struct location dir;
    oskit_file_t *file = NULL;
    struct name *name;

    *out = (struct location){NULL, NULL};
    oskit_error_t err = namespace_lookup(walk, path, flags | NAMESPACE_DIRECTORY, &dir);
    if (OSKIT_FAILED(err))
        return err;
    if (location_mount_flags(&dir) & MOUNT_RDONLY)
        err = OSKIT_EROFS;
    else if (!dir.name->filex)
        err = OSKIT_EOPNOTSUPP;
    else
        err = dir.name->filex->ops->tmpfile(dir.name->filex, mode, &file);
    if (err == OSKIT_E_NOTIMPL)
        err = OSKIT_EOPNOTSUPP;
    if (OSKIT_SUCCEEDED(err)) {
        err = name_create(dir.name->table, dir.name, "#tmpfile", 8, 0, file, &name);
        oskit_file_release(file);
    }
    if (OSKIT_SUCCEEDED(err)) {
        atomic_store(&name->deleted, true); /* in no directory */
        name->unlinkable = excl;
        out->mount = mount_get(dir.mount);
        out->name = name;
    }
    location_release(&dir);
    return err;
}
