/* Mounts: which file system covers which name. Lock order: name.h. */
#include <sluice/object.h>
#include <sluice/string.h>
#include "namespace_private.h"
#include "notify_private.h"

/* ---- Life ---- */

static char *mount_copy(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = env_alloc(size, 0);

    if (copy)
        memcpy(copy, text, size);
    return copy;
}

/* The root of a file system that is mounted, with a reference, or NULL: a file system mounted twice
 * has one tree of names. */
static struct name *mount_shared_root(struct namespace *ns, oskit_filesystem_t *fs)
{
    struct name *root = NULL;

    env_spin_lock(&ns->mount_lock);
    list_for_each (pos, &ns->mounts) {
        struct mount *mount = container_of(pos, struct mount, link);

        if (!root && mount->fs == fs)
            root = name_get(mount->root);
    }
    env_spin_unlock(&ns->mount_lock);
    return root;
}

/* Watches end with the last mount of their file system. */
static void mount_notify(struct mount *mount)
{
    struct name *root = mount_shared_root(mount->ns, mount->fs);

    if (!root)
        notify_unmounted(mount->fs);
    name_put(root);
}

static void mount_free(struct mount *mount)
{
    struct namespace *ns = mount->ns;

    if (notify_watched() && mount->fs)
        mount_notify(mount);
    if (mount->root) {
        name_forget(&ns->names, mount->root);
        name_put(mount->root);
    }
    if (mount->fs)
        oskit_filesystem_release(mount->fs);
    if (mount->type)
        env_free(mount->type, strlen(mount->type) + 1);
    if (mount->source)
        env_free(mount->source, strlen(mount->source) + 1);
    env_free(mount, sizeof *mount);
}

struct mount *mount_get(struct mount *mount)
{
    atomic_fetch_add_explicit(&mount->references, 1, memory_order_relaxed);
    return mount;
}

void mount_put(struct mount *mount)
{
    if (mount && atomic_fetch_sub_explicit(&mount->references, 1, memory_order_acq_rel) == 1)
        mount_free(mount);
}

static oskit_error_t mount_root(struct mount *mount)
{
    struct namespace *ns = mount->ns;
    oskit_dir_t *dir;

    mount->root = mount_shared_root(ns, mount->fs);
    if (mount->root)
        return OSKIT_SUCCESS;
    oskit_error_t err = oskit_filesystem_getroot(mount->fs, &dir);
    if (OSKIT_FAILED(err))
        return err;
    err = name_create(&ns->names, NULL, "", 0, 0, (oskit_file_t *)dir, &mount->root);
    oskit_dir_release(dir);
    if (OSKIT_SUCCEEDED(err) && !mount->root->dir)
        err = OSKIT_ENOTDIR;
    return err;
}

/* Not attached yet; the one reference is the list's to be. */
static oskit_error_t mount_create(struct namespace *ns, oskit_filesystem_t *fs, const char *type,
                                  const char *source, oskit_u32_t flags, struct mount **out)
{
    struct mount *mount = env_alloc(sizeof *mount, ENV_ZERO);

    *out = NULL;
    if (!mount)
        return OSKIT_ENOMEM;
    mount->references = 1;
    mount->flags = flags;
    mount->ns = ns;
    list_init(&mount->link);
    oskit_filesystem_addref(fs);
    mount->fs = fs;
    mount->type = mount_copy(type);
    mount->source = mount_copy(source);
    oskit_error_t err = mount->type && mount->source ? mount_root(mount) : OSKIT_ENOMEM;
    if (OSKIT_FAILED(err)) {
        mount_free(mount);
        return err;
    }
    *out = mount;
    return OSKIT_SUCCESS;
}

/* ---- The tree of mounts ---- */

/* The last one mounted there wins; with mount_lock held. */
static struct mount *mount_at(struct namespace *ns, const struct mount *mount,
                              const struct name *name)
{
    for (struct list *pos = ns->mounts.prev; pos != &ns->mounts; pos = pos->prev) {
        struct mount *child = container_of(pos, struct mount, link);

        if (child->at.mount == mount && child->at.name == name)
            return child;
    }
    return NULL;
}

struct mount *mount_on(struct mount *mount, struct name *name)
{
    struct namespace *ns = mount->ns;

    env_spin_lock(&ns->mount_lock);
    struct mount *child = mount_at(ns, mount, name);
    if (child)
        mount_get(child);
    env_spin_unlock(&ns->mount_lock);
    return child;
}

bool mount_above(struct mount *mount, struct location *out)
{
    struct namespace *ns = mount->ns;

    env_spin_lock(&ns->mount_lock);
    bool attached = mount->at.mount != NULL;
    if (attached)
        location_copy(out, &mount->at);
    env_spin_unlock(&ns->mount_lock);
    return attached;
}

/* With the parent's mutex, under which the directory could be removed: it is there, or the mount
 * fails. */
static oskit_error_t mount_attach(struct namespace *ns, struct mount *mount,
                                  const struct location *at)
{
    struct name *parent = name_parent(at->name);
    oskit_error_t err = OSKIT_SUCCESS;

    if (parent)
        env_mutex_lock(&parent->mutex);
    if (location_deleted(at))
        err = OSKIT_ENOENT;
    if (OSKIT_SUCCEEDED(err)) {
        location_copy(&mount->at, at);
        env_spin_lock(&ns->mount_lock);
        list_push_back(&ns->mounts, &mount->link);
        atomic_fetch_add(&at->name->mounts, 1);
        env_spin_unlock(&ns->mount_lock);
    }
    if (parent)
        env_mutex_unlock(&parent->mutex);
    name_put(parent);
    return err;
}

oskit_error_t namespace_mount(struct namespace *ns, const struct location *at,
                              oskit_filesystem_t *fs, const char *type, const char *source,
                              oskit_u32_t flags)
{
    struct mount *mount;

    if (!at->name->dir)
        return OSKIT_ENOTDIR;
    oskit_error_t err = mount_create(ns, fs, type, source, flags, &mount);
    if (OSKIT_FAILED(err))
        return err;
    err = mount_attach(ns, mount, at);
    if (OSKIT_FAILED(err))
        mount_put(mount);
    return err;
}

oskit_error_t namespace_remount(const struct location *at, oskit_u32_t flags)
{
    if (at->name != at->mount->root)
        return OSKIT_E_INVALIDARG;
    atomic_store(&at->mount->flags, flags);
    return OSKIT_SUCCESS;
}

/* With mount_lock held: off the list. What it held is put into *AT, to be released without the
 * lock. */
static void mount_detach(struct mount *mount, struct location *at)
{
    list_remove(&mount->link);
    *at = mount->at;
    mount->at = (struct location){NULL, NULL};
    if (at->name)
        atomic_fetch_sub(&at->name->mounts, 1);
}

/* With mount_lock held: a mount that lies in MOUNT. */
static struct mount *mount_inside(struct namespace *ns, const struct mount *mount)
{
    list_for_each (pos, &ns->mounts) {
        struct mount *child = container_of(pos, struct mount, link);

        if (child->at.mount == mount)
            return child;
    }
    return NULL;
}

/* Takes MOUNT, or first a mount that lies in it at any depth, off the tree. NULL when none is left.
 */
static struct mount *mount_detach_next(struct namespace *ns, struct mount *mount,
                                       struct location *at)
{
    struct mount *inner = mount, *next;

    env_spin_lock(&ns->mount_lock);
    while ((next = mount_inside(ns, inner)))
        inner = next;
    if (list_empty(&inner->link))
        inner = NULL;
    else
        mount_detach(inner, at);
    env_spin_unlock(&ns->mount_lock);
    return inner;
}

static void mount_detach_all(struct namespace *ns, struct mount *mount)
{
    struct location at;
    struct mount *gone;

    mount_get(mount);
    while ((gone = mount_detach_next(ns, mount, &at))) {
        location_release(&at);
        mount_put(gone);
    }
    mount_put(mount);
}

/* References of a mount that is in nobody's way: the list's and the caller's location. */
#define MOUNT_IDLE 2u

oskit_error_t namespace_unmount(struct namespace *ns, const struct location *at, bool lazy)
{
    struct mount *mount = at->mount;
    struct location above;

    if (at->name != mount->root)
        return OSKIT_E_INVALIDARG;
    if (mount == ns->root)
        return OSKIT_EBUSY;
    if (lazy) {
        mount_detach_all(ns, mount);
        return OSKIT_SUCCESS;
    }
    env_spin_lock(&ns->mount_lock);
    bool attached = !list_empty(&mount->link);
    bool idle = attached && atomic_load(&mount->references) <= MOUNT_IDLE;
    if (idle)
        mount_detach(mount, &above);
    env_spin_unlock(&ns->mount_lock);
    if (!attached)
        return OSKIT_E_INVALIDARG;
    if (!idle)
        return OSKIT_EBUSY;
    oskit_filesystem_sync(mount->fs, 1);
    location_release(&above);
    mount_put(mount);
    return OSKIT_SUCCESS;
}

/* The file system of the mount at place INDEX of the list, with a reference, or NULL. */
static oskit_filesystem_t *mount_filesystem(struct namespace *ns, unsigned index)
{
    oskit_filesystem_t *fs = NULL;

    env_spin_lock(&ns->mount_lock);
    list_for_each (pos, &ns->mounts)
        if (index-- == 0)
            fs = container_of(pos, struct mount, link)->fs;
    if (fs)
        oskit_filesystem_addref(fs);
    env_spin_unlock(&ns->mount_lock);
    return fs;
}

void namespace_each_filesystem(struct namespace *ns, void (*fn)(void *arg, oskit_filesystem_t *fs),
                               void *arg)
{
    oskit_filesystem_t *fs;

    for (unsigned i = 0; (fs = mount_filesystem(ns, i)); i++) {
        fn(arg, fs);
        oskit_filesystem_release(fs);
    }
}

/* ---- The namespace ---- */

/* Names kept beyond use cost some 300 bytes each and what their file system keeps for the file. */
#define NAMESPACE_KEPT_NAMES 4096
#define NAMESPACE_BUCKETS    4096

oskit_error_t namespace_create(oskit_filesystem_t *fs, const char *type, const char *source,
                               struct namespace **out)
{
    struct namespace *ns = env_alloc(sizeof *ns, ENV_ZERO);

    *out = NULL;
    if (!ns)
        return OSKIT_ENOMEM;
    list_init(&ns->mounts);
    oskit_error_t err = name_table_init(&ns->names, NAMESPACE_BUCKETS, NAMESPACE_KEPT_NAMES);
    if (OSKIT_FAILED(err)) {
        env_free(ns, sizeof *ns);
        return err;
    }
    err = mount_create(ns, fs, type, source, 0, &ns->root);
    if (OSKIT_FAILED(err)) {
        name_table_fini(&ns->names);
        env_free(ns, sizeof *ns);
        return err;
    }
    list_push_back(&ns->mounts, &ns->root->link);
    *out = ns;
    return OSKIT_SUCCESS;
}

void namespace_destroy(struct namespace *ns)
{
    if (!ns)
        return;
    mount_detach_all(ns, ns->root);
    name_forget(&ns->names, NULL);
    if (atomic_load(&ns->names.alive) != 0) /* somebody holds a location: it needs all this */
        env_panic("namespace destroyed with %u names in use", atomic_load(&ns->names.alive));
    name_table_fini(&ns->names);
    env_free(ns, sizeof *ns);
}

void namespace_root(struct namespace *ns, struct location *out)
{
    out->mount = mount_get(ns->root);
    out->name = name_get(ns->root->root);
}

/* ---- Locations ---- */

void location_copy(struct location *to, const struct location *from)
{
    to->mount = mount_get(from->mount);
    to->name = name_get(from->name);
}

/* The name first: a mount that ends forgets its names. */
void location_release(struct location *loc)
{
    name_put(loc->name);
    mount_put(loc->mount);
    loc->name = NULL;
    loc->mount = NULL;
}

oskit_file_t *location_file(const struct location *loc)
{
    return loc->name->file;
}

oskit_dir_t *location_dir(const struct location *loc)
{
    return loc->name->dir;
}

sluice_filex_t *location_filex(const struct location *loc)
{
    return loc->name->filex;
}

oskit_u32_t location_type(const struct location *loc)
{
    return loc->name->type;
}

oskit_filesystem_t *location_filesystem(const struct location *loc)
{
    return loc->mount->fs;
}

const char *location_mount_type(const struct location *loc)
{
    return loc->mount->type;
}

bool location_same(const struct location *a, const struct location *b)
{
    return a->mount == b->mount && a->name == b->name;
}

oskit_u32_t location_mount_flags(const struct location *loc)
{
    return atomic_load_explicit(&loc->mount->flags, memory_order_relaxed);
}

bool location_deleted(const struct location *loc)
{
    return atomic_load(&loc->name->deleted);
}
