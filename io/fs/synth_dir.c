/*
 * Directories of synthfs: static children, and those that come and go.
 *
 * Cookies: 1 and 2 are "." and "..", then the static children by number; those that come and go are
 * shown in the order of their keys from SYNTH_COOKIE_FOUND on, so that a reader resumes rightly
 * when some have gone.
 */
#include "dirents.h"
#include "synth_private.h"

#define SYNTH_COOKIE_STATIC 3u
#define SYNTH_COOKIE_FOUND  0x10000u

/* ---- Looking up ---- */

static oskit_error_t synth_find(struct synth_file *dir, const char *name, struct synth_file **out)
{
    const struct synth_node *node = dir->node;
    oskit_u64_t key;

    for (const struct synth_node *child = node->children; child && child->name; child++)
        if (strcmp(child->name, name) == 0)
            return synth_file_create(dir->fs, dir, child, name, dir->key, false, out);
    if (!node->find || !node->template)
        return OSKIT_ENOENT;
    oskit_error_t err = node->find(dir->key, name, &key);
    return OSKIT_FAILED(err)
               ? err
               : synth_file_create(dir->fs, dir, node->template, name, key, true, out);
}

static oskit_error_t synth_lookup(oskit_dir_t *self, const char *name, oskit_file_t **out)
{
    struct synth_file *dir = synth_file_of(self), *found = dir;

    *out = NULL;
    oskit_error_t err = synth_permission(dir, OSKIT_X_OK);
    if (OSKIT_FAILED(err))
        return err;
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
        found = name[1] && dir->parent ? dir->parent : dir;
        sluice_object_addref(&found->object);
    } else {
        err = synth_find(dir, name, &found);
    }
    if (OSKIT_SUCCEEDED(err))
        *out = &found->file.i;
    return err;
}

/* ---- Reading ---- */

struct synth_child {
    oskit_u64_t key;
    size_t name; /* offset in the text */
};

/* What each() told, to be put in order. Called with locks of the owner's: memory without sleeping.
 */
struct synth_collection {
    struct synth_text names;    /* NUL-terminated, one behind the other */
    struct synth_text children; /* an array of struct synth_child */
};

static void synth_collect(void *arg, const char *name, oskit_u64_t key)
{
    struct synth_collection *c = arg;
    struct synth_child child = {key, c->names.size};

    synth_append(&c->names, name, strlen(name) + 1);
    synth_append(&c->children, &child, sizeof child);
}

/* By key. They mostly come in order, which insertion likes. */
static void synth_sort(struct synth_child *children, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        struct synth_child moving = children[i];
        size_t at = i;

        for (; at > 0 && children[at - 1].key > moving.key; at--)
            children[at] = children[at - 1];
        children[at] = moving;
    }
}

struct synth_reader {
    struct synth_file *dir;
    oskit_u64_t *cookie;
    bool (*emit)(void *arg, const struct filex_entry *entry);
    void *arg;
};

/* false when the reader wants no more. Entries up to the cookie have been seen. */
static bool synth_show(const struct synth_reader *r, oskit_u64_t cookie, const char *name,
                       const struct synth_node *node, oskit_u64_t ino)
{
    struct filex_entry entry = {
        .name = name,
        .length = strlen(name),
        .ino = ino,
        .cookie = cookie,
        .type = node->mode & OSKIT_S_IFMT,
    };

    if (cookie <= *r->cookie)
        return true;
    if (!r->emit(r->arg, &entry))
        return false;
    *r->cookie = cookie;
    return true;
}

static oskit_u64_t synth_file_ino(const struct synth_file *file)
{
    return file->parent ? synth_ino(file->node, file->key) : 1;
}

static bool synth_show_static(const struct synth_reader *r)
{
    struct synth_file *dir = r->dir, *parent = dir->parent ? dir->parent : dir;
    oskit_u64_t cookie = SYNTH_COOKIE_STATIC;
    bool more = synth_show(r, 1, ".", dir->node, synth_file_ino(dir)) &&
                synth_show(r, 2, "..", parent->node, synth_file_ino(parent));

    for (const struct synth_node *child = dir->node->children; more && child && child->name;
         child++)
        more = synth_show(r, cookie++, child->name, child, synth_ino(child, dir->key));
    return more;
}

static oskit_error_t synth_show_found(const struct synth_reader *r)
{
    const struct synth_node *node = r->dir->node;
    struct synth_collection c = {{0}, {0}};
    oskit_error_t err = OSKIT_SUCCESS;

    node->each(r->dir->key, synth_collect, &c);
    if (c.names.failed || c.children.failed)
        err = OSKIT_ENOMEM;
    struct synth_child *children = (struct synth_child *)(void *)c.children.bytes;
    size_t count = OSKIT_SUCCEEDED(err) ? c.children.size / sizeof *children : 0;
    synth_sort(children, count);
    bool more = true;
    for (size_t i = 0; more && i < count; i++)
        more = synth_show(r, SYNTH_COOKIE_FOUND + children[i].key, c.names.bytes + children[i].name,
                          node->template, synth_ino(node->template, children[i].key));
    synth_text_fini(&c.names);
    synth_text_fini(&c.children);
    return err;
}

oskit_error_t synth_readdir(struct synth_file *dir, oskit_u64_t *cookie,
                            bool (*emit)(void *arg, const struct filex_entry *entry), void *arg)
{
    struct synth_reader r = {dir, cookie, emit, arg};

    if (!synth_show_static(&r) || !dir->node->each || !dir->node->template)
        return OSKIT_SUCCESS;
    return synth_show_found(&r);
}

/* ---- The seed's interface: nothing can be changed ---- */

static oskit_error_t synth_dir_create_refused(oskit_dir_t *self, const char *name,
                                              oskit_bool_t excl, oskit_mode_t mode,
                                              oskit_file_t **out)
{
    (void)mode;
    *out = NULL;
    return excl ? OSKIT_EPERM : synth_lookup(self, name, out);
}

static oskit_error_t synth_link_refused(oskit_dir_t *self, const char *name, oskit_file_t *file)
{
    (void)self;
    (void)name;
    (void)file;
    return OSKIT_EPERM;
}

static oskit_error_t synth_remove_refused(oskit_dir_t *self, const char *name)
{
    (void)self;
    (void)name;
    return OSKIT_EPERM;
}

static oskit_error_t synth_dir_rename_refused(oskit_dir_t *self, const char *old_name,
                                              oskit_dir_t *new_dir, const char *new_name)
{
    (void)self;
    (void)old_name;
    (void)new_dir;
    (void)new_name;
    return OSKIT_EPERM;
}

static oskit_error_t synth_mkdir_refused(oskit_dir_t *self, const char *name, oskit_mode_t mode)
{
    (void)self;
    (void)name;
    (void)mode;
    return OSKIT_EPERM;
}

static oskit_error_t synth_getdirentries(oskit_dir_t *self, oskit_u32_t *inout_ofs,
                                         oskit_u32_t nentries, oskit_dirents_t **out)
{
    return dirents_read(&synth_file_of(self)->filex.i, inout_ofs, nentries, out);
}

static oskit_error_t synth_mknod_refused(oskit_dir_t *self, const char *name, oskit_mode_t mode,
                                         oskit_dev_t dev)
{
    (void)self;
    (void)name;
    (void)mode;
    (void)dev;
    return OSKIT_EPERM;
}

static oskit_error_t synth_symlink_refused(oskit_dir_t *self, const char *link_name,
                                           const char *dest_name)
{
    (void)self;
    (void)link_name;
    (void)dest_name;
    return OSKIT_EPERM;
}

static oskit_error_t synth_reparent_refused(oskit_dir_t *self, oskit_dir_t *parent,
                                            oskit_dir_t **out)
{
    (void)self;
    (void)parent;
    *out = NULL;
    return OSKIT_E_NOTIMPL;
}

/* The slots that dir shares with file differ in the type of self only. */
const struct oskit_dir_ops synth_dir_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .stat = (void *)synth_stat,
    .setstat = (void *)synth_setstat,
    .pathconf = (void *)synth_pathconf,
    .sync = (void *)synth_sync,
    .datasync = (void *)synth_sync,
    .access = (void *)synth_access,
    .readlink = (void *)synth_readlink,
    .open = (void *)synth_open,
    .getfs = (void *)synth_getfs,
    .lookup = synth_lookup,
    .create = synth_dir_create_refused,
    .link = synth_link_refused,
    .unlink = synth_remove_refused,
    .rename = synth_dir_rename_refused,
    .mkdir = synth_mkdir_refused,
    .rmdir = synth_remove_refused,
    .getdirentries = synth_getdirentries,
    .mknod = synth_mknod_refused,
    .symlink = synth_symlink_refused,
    .reparent = synth_reparent_refused,
};
