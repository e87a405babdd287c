/* A file of synthfs of any type: attributes, links, opening. */
#include "permission.h"
#include "synth_private.h"

#define NANOSECONDS 1000000000

/* Numbers need only differ: node and key, mixed. Kept to 32 bits for the seed's stat. */
oskit_u64_t synth_ino(const struct synth_node *node, oskit_u64_t key)
{
    oskit_u64_t mix =
        ((oskit_u64_t)(uintptr_t)node ^ key * 0x9e3779b97f4a7c15u) * 0xff51afd7ed558ccdu;
    oskit_u32_t ino = (oskit_u32_t)(mix >> 32);

    return ino < 2 ? ino + 2 : ino;
}

static void synth_owner(const struct synth_file *file, oskit_uid_t *uid, oskit_gid_t *gid)
{
    *uid = 0;
    *gid = 0;
    if (file->node->owner)
        file->node->owner(file->key, uid, gid);
}

static oskit_mode_t synth_mode(const struct synth_file *file)
{
    const struct synth_node *node = file->node;

    if (!node->permissions)
        return node->mode;
    return (node->mode & OSKIT_S_IFMT) | (node->permissions(file->key) & 07777);
}

oskit_error_t synth_permission(struct synth_file *file, oskit_u32_t want)
{
    oskit_uid_t uid;
    oskit_gid_t gid;

    synth_owner(file, &uid, &gid);
    return permission_check(synth_mode(file), uid, gid, want);
}

/* 0 when it can't be told. */
static oskit_u64_t synth_size(struct synth_file *file)
{
    struct synth_text text = {0};
    oskit_u64_t size = 0;

    if (!file->node->sized)
        return 0;
    if (OSKIT_SUCCEEDED(file->node->show(file->key, &text)) && !text.failed)
        size = text.size;
    synth_text_fini(&text);
    return size;
}

/* ---- filex ---- */

static oskit_error_t synth_filex_stat(sluice_filex_t *self, struct filex_stat *out)
{
    struct synth_file *file = synth_file_of(self);

    memset(out, 0, sizeof *out);
    out->ino = file->parent ? synth_ino(file->node, file->key) : 1;
    out->dev = file->fs->number.dev;
    out->mode = synth_mode(file);
    out->nlink = OSKIT_S_ISDIR(file->node->mode) ? 2 : 1;
    out->size = synth_size(file);
    out->blksize = ENV_PAGE_SIZE;
    out->atime = out->mtime = out->ctime = file->fs->start;
    synth_owner(file, &out->uid, &out->gid);
    return OSKIT_SUCCESS;
}

/* A shell that writes to a setting cuts it to nothing first. */
static oskit_error_t synth_filex_setattr(sluice_filex_t *self, oskit_u32_t mask,
                                         const struct filex_attributes *attributes)
{
    struct synth_file *file = synth_file_of(self);

    (void)attributes;
    if (!(mask & ~(FILEX_SIZE | FILEX_OPEN)) && file->node->store)
        return mask & FILEX_OPEN ? OSKIT_SUCCESS : synth_permission(file, OSKIT_W_OK);
    return OSKIT_EPERM;
}

static oskit_error_t synth_filex_open(sluice_filex_t *self, oskit_u32_t oflags,
                                      oskit_iunknown_t **out)
{
    struct synth_file *file = synth_file_of(self);

    (void)oflags;
    *out = NULL;
    if (OSKIT_S_ISREG(file->node->mode))
        return synth_open_create(file, out);
    if (!OSKIT_S_ISDIR(file->node->mode))
        return OSKIT_E_NOTIMPL;
    sluice_object_addref(&file->object);
    *out = (oskit_iunknown_t *)&file->file.i;
    return OSKIT_SUCCESS;
}

static oskit_error_t synth_allocate_refused(sluice_filex_t *self, oskit_u32_t mode,
                                            oskit_off_t offset, oskit_off_t length)
{
    (void)self;
    (void)mode;
    (void)offset;
    (void)length;
    return OSKIT_EOPNOTSUPP;
}

static oskit_error_t synth_seek_refused(sluice_filex_t *self, oskit_off_t offset, bool hole,
                                        oskit_off_t *out)
{
    (void)self;
    (void)offset;
    (void)hole;
    (void)out;
    return OSKIT_E_INVALIDARG;
}

static oskit_error_t synth_filex_readdir(sluice_filex_t *self, oskit_u64_t *cookie,
                                         bool (*emit)(void *arg, const struct filex_entry *entry),
                                         void *arg)
{
    struct synth_file *file = synth_file_of(self);

    return OSKIT_S_ISDIR(file->node->mode) ? synth_readdir(file, cookie, emit, arg) : OSKIT_ENOTDIR;
}

static oskit_error_t synth_refuse_change(const struct synth_file *file)
{
    return OSKIT_S_ISDIR(file->node->mode) ? OSKIT_EPERM : OSKIT_ENOTDIR;
}

static oskit_error_t synth_create_refused(sluice_filex_t *self, const char *name,
                                          const struct filex_creation *creation, oskit_file_t **out)
{
    (void)name;
    (void)creation;
    if (out)
        *out = NULL;
    return synth_refuse_change(synth_file_of(self));
}

static oskit_error_t synth_tmpfile_refused(sluice_filex_t *self, oskit_u32_t mode,
                                           oskit_file_t **out)
{
    (void)self;
    (void)mode;
    *out = NULL;
    return OSKIT_EOPNOTSUPP;
}

static oskit_error_t synth_rename_refused(sluice_filex_t *self, const char *old_name,
                                          oskit_dir_t *new_dir, const char *new_name,
                                          oskit_u32_t flags)
{
    (void)old_name;
    (void)new_dir;
    (void)new_name;
    (void)flags;
    return synth_refuse_change(synth_file_of(self));
}

const struct sluice_filex_ops synth_filex_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .stat = synth_filex_stat,
    .setattr = synth_filex_setattr,
    .open = synth_filex_open,
    .allocate = synth_allocate_refused,
    .seek = synth_seek_refused,
    .readdir = synth_filex_readdir,
    .create = synth_create_refused,
    .tmpfile = synth_tmpfile_refused,
    .rename = synth_rename_refused,
};

/* ---- dynamic ---- */

/* Static children stay; the others are asked for again. A directory that is gone has no children.
 */
static oskit_error_t synth_revalidate(sluice_dynamic_t *self)
{
    struct synth_file *file = synth_file_of(self);
    struct synth_file *parent = file->parent;
    oskit_u64_t key;

    if (!file->found)
        return OSKIT_SUCCESS;
    oskit_error_t err = parent->node->find(parent->key, file->name, &key);
    if (OSKIT_FAILED(err))
        return err;
    return key == file->key ? OSKIT_SUCCESS : OSKIT_ESTALE;
}

static oskit_error_t synth_follow(sluice_dynamic_t *self, struct location *out)
{
    struct synth_file *file = synth_file_of(self);

    return file->node->follow ? file->node->follow(file->key, out) : OSKIT_E_NOTIMPL;
}

static const struct sluice_dynamic_ops synth_dynamic_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .revalidate = synth_revalidate,
    .follow = synth_follow,
};

/* ---- The seed's methods ---- */

oskit_error_t synth_stat(oskit_file_t *self, oskit_stat_t *out)
{
    struct synth_file *file = synth_file_of(self);
    struct filex_stat stat;

    synth_filex_stat(&file->filex.i, &stat);
    memset(out, 0, sizeof *out);
    out->dev = stat.dev;
    out->ino = (oskit_ino_t)stat.ino;
    out->mode = (oskit_mode_t)stat.mode;
    out->nlink = (oskit_nlink_t)stat.nlink;
    out->uid = stat.uid;
    out->gid = stat.gid;
    out->size = (oskit_off_t)stat.size;
    out->blksize = stat.blksize;
    out->atime.tv_sec = (oskit_time_t)(stat.atime / NANOSECONDS);
    out->atime.tv_nsec = (oskit_s32_t)(stat.atime % NANOSECONDS);
    out->mtime = out->ctime = out->atime;
    return OSKIT_SUCCESS;
}

oskit_error_t synth_setstat(oskit_file_t *self, oskit_u32_t mask, const oskit_stat_t *stats)
{
    struct filex_attributes a = {.size = (oskit_u64_t)stats->size};

    if (mask & ~(oskit_u32_t)OSKIT_STAT_SETTABLE)
        return OSKIT_E_INVALIDARG;
    return synth_filex_setattr(&synth_file_of(self)->filex.i,
                               mask == OSKIT_STAT_SIZE ? FILEX_SIZE : FILEX_MODE, &a);
}

oskit_error_t synth_pathconf(oskit_file_t *self, oskit_s32_t option, oskit_s32_t *out_val)
{
    (void)self;
    switch (option) {
    case OSKIT_PC_NAME_MAX:
        *out_val = 255;
        return OSKIT_SUCCESS;
    case OSKIT_PC_PATH_MAX:
        *out_val = 4096;
        return OSKIT_SUCCESS;
    }
    return OSKIT_E_INVALIDARG;
}

oskit_error_t synth_sync(oskit_file_t *self, oskit_bool_t wait)
{
    (void)self;
    (void)wait;
    return OSKIT_SUCCESS;
}

oskit_error_t synth_access(oskit_file_t *self, oskit_amode_t amode)
{
    return synth_permission(synth_file_of(self), amode);
}

oskit_error_t synth_readlink(oskit_file_t *self, char *buf, oskit_u32_t len,
                             oskit_u32_t *out_actual)
{
    struct synth_file *file = synth_file_of(self);
    struct synth_text text = {0};

    *out_actual = 0;
    if (!OSKIT_S_ISLNK(file->node->mode) || !file->node->show)
        return OSKIT_E_NOTIMPL;
    oskit_error_t err = file->node->show(file->key, &text);
    if (OSKIT_SUCCEEDED(err) && text.failed)
        err = OSKIT_ENOMEM;
    if (OSKIT_SUCCEEDED(err)) {
        *out_actual = text.size < len ? (oskit_u32_t)text.size : len;
        if (*out_actual > 0)
            memcpy(buf, text.bytes, *out_actual);
    }
    synth_text_fini(&text);
    return err;
}

/* The state of an open is an object of its own kind (filex), not the seed's openfile. */
oskit_error_t synth_open(oskit_file_t *self, oskit_oflags_t oflags, oskit_openfile_t **out)
{
    *out = NULL;
    return synth_permission(synth_file_of(self), permission_of_oflags(oflags));
}

oskit_error_t synth_getfs(oskit_file_t *self, oskit_filesystem_t **out)
{
    struct synthfs *fs = synth_file_of(self)->fs;

    sluice_object_addref(&fs->object);
    *out = &fs->filesystem.i;
    return OSKIT_SUCCESS;
}

static const struct oskit_file_ops synth_file_ops = {
    SLUICE_IUNKNOWN_SLOTS,      .stat = synth_stat,         .setstat = synth_setstat,
    .pathconf = synth_pathconf, .sync = synth_sync,         .datasync = synth_sync,
    .access = synth_access,     .readlink = synth_readlink, .open = synth_open,
    .getfs = synth_getfs,
};

/* ---- The object ---- */

static size_t synth_file_size(size_t length)
{
    return sizeof(struct synth_file) + length + 1;
}

static void synth_file_destroy(struct sluice_object *object)
{
    struct synth_file *file = container_of(object, struct synth_file, object);
    struct synth_file *parent = file->parent;

    sluice_object_release(&file->fs->object);
    sluice_object_fini(object);
    env_free(file, synth_file_size(file->length));
    if (parent) /* as deep as the owner's tree, which is written down in source */
        sluice_object_release(&parent->object);
}

static const struct sluice_interface synth_file_interfaces[] = {
    {&oskit_iunknown_iid, offsetof(struct synth_file, file), &synth_file_ops},
    {&sluice_filex_iid, offsetof(struct synth_file, filex), &synth_filex_ops},
    {&sluice_dynamic_iid, offsetof(struct synth_file, dynamic), &synth_dynamic_ops},
    {&oskit_file_iid, offsetof(struct synth_file, file), &synth_file_ops},
    {&oskit_posixio_iid, offsetof(struct synth_file, file), &synth_file_ops},
};

static const struct sluice_interface synth_dir_interfaces[] = {
    {&oskit_iunknown_iid, offsetof(struct synth_file, file), &synth_dir_ops},
    {&sluice_filex_iid, offsetof(struct synth_file, filex), &synth_filex_ops},
    {&sluice_dynamic_iid, offsetof(struct synth_file, dynamic), &synth_dynamic_ops},
    {&oskit_dir_iid, offsetof(struct synth_file, file), &synth_dir_ops},
    {&oskit_file_iid, offsetof(struct synth_file, file), &synth_dir_ops},
    {&oskit_posixio_iid, offsetof(struct synth_file, file), &synth_dir_ops},
};

static const struct sluice_class synth_file_class = {
    "synthfs file",
    synth_file_interfaces,
    SLUICE_COUNT(synth_file_interfaces),
    synth_file_destroy,
};

static const struct sluice_class synth_dir_class = {
    "synthfs directory",
    synth_dir_interfaces,
    SLUICE_COUNT(synth_dir_interfaces),
    synth_file_destroy,
};

oskit_error_t synth_file_create(struct synthfs *fs, struct synth_file *parent,
                                const struct synth_node *node, const char *name, oskit_u64_t key,
                                bool found, struct synth_file **out)
{
    size_t length = strlen(name);
    struct synth_file *file = env_alloc(synth_file_size(length), ENV_ZERO);

    *out = NULL;
    if (!file)
        return OSKIT_ENOMEM;
    sluice_object_init(&file->object,
                       OSKIT_S_ISDIR(node->mode) ? &synth_dir_class : &synth_file_class);
    sluice_object_addref(&fs->object);
    if (parent)
        sluice_object_addref(&parent->object);
    file->fs = fs;
    file->parent = parent;
    file->node = node;
    file->key = key;
    file->found = found;
    file->length = length;
    memcpy(file->name, name, length + 1);
    *out = file;
    return OSKIT_SUCCESS;
}
