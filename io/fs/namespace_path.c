/* From a place to its path, and the list of mounts. Lock order: name.h. */
#include <sluice/object.h>
#include <sluice/string.h>
#include "namespace_private.h"

/* Written from the end of the buffer towards its beginning. */
struct path_builder {
    char *start, *at;
    bool full;
};

static void path_prepend(struct path_builder *path, const char *text, size_t length)
{
    if ((size_t)(path->at - path->start) < length) {
        path->full = true;
        return;
    }
    path->at -= length;
    memcpy(path->at, text, length);
}

/*
 * With tree_lock and mount_lock held: the names from LOC up to ROOT. false when the walk up ends
 * elsewhere (a detached mount, a place above ROOT).
 */
static bool path_climb(struct path_builder *path, const struct location *root,
                       const struct location *loc)
{
    const struct mount *mount = loc->mount;
    const struct name *name = loc->name;

    if (name->anonymous) {
        path_prepend(path, name->text, name->length);
        return true;
    }
    while (mount != root->mount || name != root->name) {
        if (name == mount->root) {
            if (!mount->at.mount)
                return false;
            name = mount->at.name;
            mount = mount->at.mount;
            continue;
        }
        path_prepend(path, name->text, name->length);
        path_prepend(path, "/", 1);
        if (!name->parent)
            return false;
        name = name->parent;
    }
    return true;
}

oskit_error_t namespace_path(const struct location *root, const struct location *loc, char *buffer,
                             size_t size, size_t *out_length)
{
    static const char deleted[] = " (deleted)", unreachable[] = "(unreachable)";
    struct namespace *ns = loc->mount->ns;
    struct path_builder path = {buffer, buffer + size, false};

    path_prepend(&path, "", 1);
    if (location_deleted(loc))
        path_prepend(&path, deleted, sizeof deleted - 1);
    const char *end = path.at;
    env_spin_lock(&ns->names.tree_lock);
    env_spin_lock(&ns->mount_lock);
    bool reached = path_climb(&path, root, loc);
    env_spin_unlock(&ns->mount_lock);
    env_spin_unlock(&ns->names.tree_lock);
    if (path.at == end) /* the root itself */
        path_prepend(&path, "/", 1);
    if (!reached)
        path_prepend(&path, unreachable, sizeof unreachable - 1);
    if (path.full)
        return OSKIT_ERANGE;
    *out_length = (size_t)(buffer + size - path.at);
    memmove(buffer, path.at, *out_length);
    return OSKIT_SUCCESS;
}

/* ---- Mounts ---- */

/* The mount that stands at INDEX on the list, with a reference. */
static struct mount *mount_number(struct namespace *ns, unsigned index)
{
    struct mount *found = NULL;

    env_spin_lock(&ns->mount_lock);
    list_for_each (pos, &ns->mounts) {
        if (index-- == 0) {
            found = mount_get(container_of(pos, struct mount, link));
            break;
        }
    }
    env_spin_unlock(&ns->mount_lock);
    return found;
}

/* What the file system itself says. */
static void mount_describe(const struct mount *mount, struct mount_info *info)
{
    sluice_fsname_t *fsname = sluice_query_face(mount->fs, &sluice_fsname_iid);

    if (!fsname)
        return;
    info->type = fsname->ops->type(fsname);
    fsname->ops->options(fsname, &info->options);
    if (info->options.read_only)
        info->flags |= MOUNT_RDONLY;
    fsname->ops->release(fsname);
}

static bool mount_show(struct mount *mount, const struct location *root, char *path, size_t size,
                       bool (*show)(void *arg, const struct mount_info *info), void *arg)
{
    struct location at = {mount, mount->root};
    struct mount_info info = {.source = mount->source,
                              .path = path,
                              .type = mount->type,
                              .flags = atomic_load(&mount->flags)};
    size_t length;

    if (OSKIT_FAILED(namespace_path(root, &at, path, size, &length)) || path[0] != '/')
        return true;
    mount_describe(mount, &info);
    return show(arg, &info);
}

void namespace_each_mount(struct namespace *ns, const struct location *root,
                          bool (*show)(void *arg, const struct mount_info *info), void *arg)
{
    const struct location whole = {ns->root, ns->root->root};
    size_t size = PATH_MAX_LENGTH + 1;
    char *path = env_alloc(size, 0);
    struct mount *mount;
    bool more = path != NULL;

    for (unsigned i = 0; more && (mount = mount_number(ns, i)); i++) {
        more = mount_show(mount, root ? root : &whole, path, size, show, arg);
        mount_put(mount);
    }
    if (path)
        env_free(path, size);
}
