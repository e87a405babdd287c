/*
 * Walking a path. Lock order: name.h.
 *
 * A walk over names that the table knows takes one spinlock a component and allocates nothing. The
 * place it starts from is borrowed from the caller until the walk leaves it.
 */
#include <oskit/io/posixio.h>
#include <sluice/string.h>
#include "namespace_private.h"

/* ---- Components ---- */

bool component_is_dots(const struct component *c)
{
    return c->length == 0 ||
           (c->text[0] == '.' && (c->length == 1 || (c->length == 2 && c->text[1] == '.')));
}

/* false at the end of the path. */
static inline bool walker_component(struct walker *w, struct component *c)
{
    const char *p = w->rest;
    oskit_u32_t hash = NAMEHASH_START;

    while (*p == '/')
        p++;
    c->text = p;
    /* Few characters of names come before the slash, and the end does: one question for most. */
    for (unsigned char byte; (byte = (unsigned char)*p) > '/' || (byte != '/' && byte != '\0'); p++)
        hash = namehash_step(hash, (char)byte);
    c->length = (size_t)(p - c->text);
    c->hash = namehash_end(hash);
    c->slash = *p == '/';
    while (*p == '/')
        p++;
    c->last = *p == '\0';
    w->rest = p;
    return c->length > 0;
}

/* ---- Where the walk is ---- */

/* Consumes the reference to NAME. */
static inline void walker_set_name(struct walker *w, struct name *name)
{
    if (w->own_name)
        name_put(w->at.name);
    w->at.name = name;
    w->own_name = true;
}

/* Consumes both references. */
static void walker_set(struct walker *w, struct mount *mount, struct name *name)
{
    walker_set_name(w, name);
    if (w->own_mount)
        mount_put(w->at.mount);
    w->at.mount = mount;
    w->own_mount = true;
}

static void walker_to_root(struct walker *w)
{
    walker_set(w, mount_get(w->root->mount), name_get(w->root->name));
}

/* Over what is mounted here, and on that. */
static inline void walker_descend(struct walker *w)
{
    while (atomic_load_explicit(&w->at.name->mounts, memory_order_acquire) != 0) {
        struct mount *mount = mount_on(w->at.mount, w->at.name);

        if (!mount)
            return;
        walker_set(w, mount, name_get(mount->root));
    }
}

/* "..": not above the walk's root; from the root of a mount first to the name under it. */
static void walker_up(struct walker *w)
{
    struct location above;
    struct name *parent;

    while (!location_same(&w->at, w->root) && w->at.name == w->at.mount->root &&
           mount_above(w->at.mount, &above))
        walker_set(w, above.mount, above.name);
    if (location_same(&w->at, w->root) || w->at.name == w->at.mount->root)
        return;
    parent = name_parent(w->at.name);
    if (parent)
        walker_set_name(w, parent);
    walker_descend(w);
}

/* The present place must be a directory that the caller may search. */
static inline oskit_error_t walker_searchable(const struct walker *w)
{
    oskit_file_t *file = w->at.name->file;

    if (!w->at.name->dir)
        return OSKIT_ENOTDIR;
    return file->ops->access(file, OSKIT_X_OK);
}

/* ---- One name ---- */

static inline bool name_stale(const struct name *name)
{
    return name->dynamic && OSKIT_FAILED(name->dynamic->ops->revalidate(name->dynamic));
}

static oskit_error_t name_look_up(struct name *parent, const struct component *c, struct name **out)
{
    char text[NAME_MAX_LENGTH + 1];
    oskit_file_t *file = NULL;

    memcpy(text, c->text, c->length);
    text[c->length] = '\0';
    oskit_error_t err = oskit_dir_lookup(parent->dir, text, &file);
    if (OSKIT_FAILED(err) && err != OSKIT_ENOENT)
        return err;
    err = name_create(parent->table, parent, c->text, c->length, c->hash, file, out);
    if (file)
        oskit_file_release(file);
    /* Where names come by themselves, that one is missing isn't remembered. */
    if (OSKIT_SUCCEEDED(err) && (file || !parent->dynamic) && !parent->deleted)
        name_enter(*out);
    return err;
}

oskit_error_t name_resolve_locked(struct name *parent, const struct component *c, struct name **out)
{
    *out = name_find(parent, c->text, c->length, c->hash);
    if (*out && name_stale(*out)) {
        name_delete(*out);
        name_put(*out);
        *out = NULL;
    }
    return *out ? OSKIT_SUCCESS : name_look_up(parent, c, out);
}

/* The name of C in PARENT, from its directory if need be. */
static oskit_error_t name_resolve_slowly(struct name *parent, const struct component *c,
                                         struct name **out)
{
    env_mutex_lock(&parent->mutex);
    oskit_error_t err = name_resolve_locked(parent, c, out);
    env_mutex_unlock(&parent->mutex);
    return err;
}

/* The name of C in PARENT with a reference; OSKIT_ENOENT when there is no such file. */
static inline oskit_error_t name_resolve(struct name *parent, const struct component *c,
                                         struct name **out)
{
    struct name *name = name_find(parent, c->text, c->length, c->hash);

    if (!name || name_stale(name)) {
        name_put(name);
        oskit_error_t err = name_resolve_slowly(parent, c, &name);
        if (OSKIT_FAILED(err))
            return err;
    }
    if (name->file) {
        *out = name;
        return OSKIT_SUCCESS;
    }
    name_put(name);
    return OSKIT_ENOENT;
}

/* ---- Links ---- */

/* A link that leads straight to a place. */
static oskit_error_t walker_jump(struct walker *w, struct name *link)
{
    struct location there;

    if (!link->dynamic)
        return OSKIT_E_NOTIMPL;
    oskit_error_t err = link->dynamic->ops->follow(link->dynamic, &there);
    if (OSKIT_SUCCEEDED(err))
        walker_set(w, there.mount, there.name);
    return err;
}

/* The text of LINK, a slash, and the rest of the path are what is left to walk. */
static oskit_error_t walker_read_link(struct walker *w, struct name *link)
{
    size_t rest = strlen(w->rest);
    size_t size = PATH_MAX_LENGTH + 2 + rest;
    oskit_u32_t length = 0;
    char *text = env_alloc(size, 0);

    if (!text)
        return OSKIT_ENOMEM;
    oskit_error_t err = oskit_file_readlink(link->file, text, PATH_MAX_LENGTH, &length);
    if (OSKIT_SUCCEEDED(err) && length == 0)
        err = OSKIT_ENOENT;
    if (OSKIT_FAILED(err)) {
        env_free(text, size);
        return err;
    }
    if (rest > 0)
        text[length++] = '/';
    memcpy(text + length, w->rest, rest + 1);
    if (w->storage)
        env_free(w->storage, w->storage_size);
    w->storage = text;
    w->storage_size = size;
    w->rest = text;
    if (text[0] == '/')
        walker_to_root(w);
    return OSKIT_SUCCESS;
}

static oskit_error_t walker_follow(struct walker *w, struct name *link)
{
    if (++w->links > NAMESPACE_MAX_LINKS)
        return OSKIT_ELOOP;
    oskit_error_t err = walker_jump(w, link);
    return err == OSKIT_E_NOTIMPL ? walker_read_link(w, link) : err;
}

/* ---- The walk ---- */

oskit_error_t walker_start(struct walker *w, const struct walk *walk, const char *path, bool follow)
{
    /* One by one: an initialiser as a whole would clear the memory first. */
    w->ns = walk->ns;
    w->root = walk->root;
    w->at = path[0] == '/' ? *walk->root : *walk->base;
    w->own_mount = w->own_name = w->directory = false;
    w->path = w->rest = path;
    w->storage = NULL;
    w->storage_size = 0;
    w->links = 0;
    w->follow = follow;
    return path[0] == '\0' ? OSKIT_ENOENT : OSKIT_SUCCESS;
}

void walker_finish(struct walker *w)
{
    if (w->own_name)
        name_put(w->at.name);
    if (w->own_mount)
        mount_put(w->at.mount);
    if (w->storage)
        env_free(w->storage, w->storage_size);
}

static inline oskit_error_t walker_step_inline(struct walker *w, const struct component *c,
                                               struct name *name)
{
    if (c->last && c->slash) /* through every link that is to come: it must be a directory */
        w->follow = true;
    if (name->type == OSKIT_S_IFLNK && (!c->last || w->follow)) {
        oskit_error_t err = walker_follow(w, name);

        name_put(name);
        return err;
    }
    walker_set_name(w, name);
    walker_descend(w);
    return OSKIT_SUCCESS;
}

oskit_error_t walker_step(struct walker *w, const struct component *c, struct name *name)
{
    return walker_step_inline(w, c, name);
}

void walker_dots(struct walker *w, const struct component *c)
{
    if (c->length == 2)
        walker_up(w);
}

static inline oskit_error_t walker_component_step(struct walker *w, const struct component *c)
{
    struct name *name;

    if (c->text[0] == '.' && component_is_dots(c)) {
        walker_dots(w, c);
        return OSKIT_SUCCESS;
    }
    oskit_error_t err = name_resolve(w->at.name, c, &name);
    return OSKIT_FAILED(err) ? err : walker_step_inline(w, c, name);
}

/* What holds for each component before it is looked at. */
static inline oskit_error_t walker_check(struct walker *w, const struct component *c)
{
    if (c->last && c->slash)
        w->directory = true;
    if (c->length > NAME_MAX_LENGTH)
        return OSKIT_ENAMETOOLONG;
    if (!w->storage && (size_t)(w->rest - w->path) > PATH_MAX_LENGTH)
        return OSKIT_ENAMETOOLONG;
    return walker_searchable(w);
}

oskit_error_t walker_run(struct walker *w)
{
    struct component c;
    oskit_error_t err = OSKIT_SUCCESS;

    while (OSKIT_SUCCEEDED(err) && walker_component(w, &c)) {
        err = walker_check(w, &c);
        if (OSKIT_SUCCEEDED(err))
            err = walker_component_step(w, &c);
    }
    if (OSKIT_SUCCEEDED(err) && w->directory && !w->at.name->dir)
        err = OSKIT_ENOTDIR;
    return err;
}

oskit_error_t walker_run_parent(struct walker *w, struct component *c)
{
    oskit_error_t err = OSKIT_SUCCESS;

    while (OSKIT_SUCCEEDED(err) && walker_component(w, c)) {
        err = walker_check(w, c);
        if (OSKIT_FAILED(err) || c->last)
            return err;
        err = walker_component_step(w, c);
    }
    return err;
}

void walker_answer(struct walker *w, struct location *out)
{
    location_copy(out, &w->at);
}

oskit_error_t namespace_lookup(const struct walk *walk, const char *path, oskit_u32_t flags,
                               struct location *out)
{
    struct walker w;

    *out = (struct location){NULL, NULL};
    oskit_error_t err = walker_start(&w, walk, path, !(flags & NAMESPACE_NOFOLLOW));
    if (OSKIT_FAILED(err))
        return err;
    w.directory = (flags & NAMESPACE_DIRECTORY) != 0;
    err = walker_run(&w);
    if (OSKIT_SUCCEEDED(err)) {
        /* What the walk owns becomes the caller's, rather than being counted up and down again. */
        out->mount = w.own_mount ? w.at.mount : mount_get(w.at.mount);
        out->name = w.own_name ? w.at.name : name_get(w.at.name);
        w.own_mount = w.own_name = false;
    }
    walker_finish(&w);
    return err;
}
