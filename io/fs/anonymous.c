/*
 * Files without a name: a file object around any object, and a place for it. Immutable once made.
 */
#include <oskit/fs/openfile.h>
#include <oskit/io/posixio.h>
#include <sluice/object.h>
#include <sluice/string.h>
#include "namespace_private.h"
#include "permission.h"

struct anonymous {
    struct sluice_object object;
    SLUICE_FACE(oskit_file_t) file;
    SLUICE_FACE(sluice_filex_t) filex;
    oskit_iunknown_t *behind; /* with a reference */
    oskit_posixio_t *posixio; /* of it, with a reference; or NULL */
    oskit_u32_t mode, uid, gid;
    oskit_s64_t made;
};

static struct anonymous *anonymous_of(const void *face)
{
    return container_of(SLUICE_OBJECT(face), struct anonymous, object);
}

/* ---- filex ---- */

static oskit_error_t anonymous_filex_stat(sluice_filex_t *self, struct filex_stat *out)
{
    struct anonymous *a = anonymous_of(self);
    oskit_stat_t stat;

    memset(out, 0, sizeof *out);
    out->mode = a->mode;
    out->uid = a->uid;
    out->gid = a->gid;
    out->nlink = 1;
    out->blksize = ENV_PAGE_SIZE;
    out->atime = out->mtime = out->ctime = a->made;
    if (!a->posixio || OSKIT_FAILED(oskit_posixio_stat(a->posixio, &stat)))
        return OSKIT_SUCCESS;
    out->mode = stat.mode;
    out->uid = stat.uid;
    out->gid = stat.gid;
    out->ino = stat.ino;
    out->dev = stat.dev;
    out->rdev = stat.rdev;
    out->size = (oskit_u64_t)stat.size;
    return OSKIT_SUCCESS;
}

static oskit_error_t anonymous_setattr_refused(sluice_filex_t *self, oskit_u32_t mask,
                                               const struct filex_attributes *attributes)
{
    (void)self;
    (void)mask;
    (void)attributes;
    return OSKIT_EPERM;
}

static oskit_error_t anonymous_filex_open(sluice_filex_t *self, oskit_u32_t oflags,
                                          oskit_iunknown_t **out)
{
    (void)oflags;
    *out = anonymous_of(self)->behind;
    oskit_iunknown_addref(*out);
    return OSKIT_SUCCESS;
}

static oskit_error_t anonymous_allocate_refused(sluice_filex_t *self, oskit_u32_t mode,
                                                oskit_off_t offset, oskit_off_t length)
{
    (void)self;
    (void)mode;
    (void)offset;
    (void)length;
    return OSKIT_ESPIPE;
}

static oskit_error_t anonymous_seek_refused(sluice_filex_t *self, oskit_off_t offset, bool hole,
                                            oskit_off_t *out)
{
    (void)self;
    (void)offset;
    (void)hole;
    (void)out;
    return OSKIT_ESPIPE;
}

static oskit_error_t
anonymous_readdir_refused(sluice_filex_t *self, oskit_u64_t *cookie,
                          bool (*emit)(void *arg, const struct filex_entry *entry), void *arg)
{
    (void)self;
    (void)cookie;
    (void)emit;
    (void)arg;
    return OSKIT_ENOTDIR;
}

static oskit_error_t anonymous_create_refused(sluice_filex_t *self, const char *name,
                                              const struct filex_creation *creation,
                                              oskit_file_t **out)
{
    (void)self;
    (void)name;
    (void)creation;
    if (out)
        *out = NULL;
    return OSKIT_ENOTDIR;
}

static oskit_error_t anonymous_tmpfile_refused(sluice_filex_t *self, oskit_u32_t mode,
                                               oskit_file_t **out)
{
    (void)self;
    (void)mode;
    *out = NULL;
    return OSKIT_ENOTDIR;
}

static oskit_error_t anonymous_rename_refused(sluice_filex_t *self, const char *old_name,
                                              oskit_dir_t *new_dir, const char *new_name,
                                              oskit_u32_t flags)
{
    (void)self;
    (void)old_name;
    (void)new_dir;
    (void)new_name;
    (void)flags;
    return OSKIT_ENOTDIR;
}

static const struct sluice_filex_ops anonymous_filex_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .stat = anonymous_filex_stat,
    .setattr = anonymous_setattr_refused,
    .open = anonymous_filex_open,
    .allocate = anonymous_allocate_refused,
    .seek = anonymous_seek_refused,
    .readdir = anonymous_readdir_refused,
    .create = anonymous_create_refused,
    .tmpfile = anonymous_tmpfile_refused,
    .rename = anonymous_rename_refused,
};

/* ---- The seed's file ---- */

static oskit_error_t anonymous_stat(oskit_file_t *self, oskit_stat_t *out)
{
    struct anonymous *a = anonymous_of(self);

    if (a->posixio)
        return oskit_posixio_stat(a->posixio, out);
    memset(out, 0, sizeof *out);
    out->mode = (oskit_mode_t)a->mode;
    out->uid = a->uid;
    out->gid = a->gid;
    out->nlink = 1;
    out->blksize = ENV_PAGE_SIZE;
    return OSKIT_SUCCESS;
}

static oskit_error_t anonymous_setstat_refused(oskit_file_t *self, oskit_u32_t mask,
                                               const oskit_stat_t *stats)
{
    (void)self;
    (void)mask;
    (void)stats;
    return OSKIT_EPERM;
}

static oskit_error_t anonymous_pathconf(oskit_file_t *self, oskit_s32_t option,
                                        oskit_s32_t *out_val)
{
    struct anonymous *a = anonymous_of(self);

    return a->posixio ? oskit_posixio_pathconf(a->posixio, option, out_val) : OSKIT_E_INVALIDARG;
}

static oskit_error_t anonymous_sync_refused(oskit_file_t *self, oskit_bool_t wait)
{
    (void)self;
    (void)wait;
    return OSKIT_E_INVALIDARG;
}

static oskit_error_t anonymous_access(oskit_file_t *self, oskit_amode_t amode)
{
    struct anonymous *a = anonymous_of(self);

    return permission_check(a->mode, a->uid, a->gid, amode);
}

static oskit_error_t anonymous_readlink_refused(oskit_file_t *self, char *buf, oskit_u32_t len,
                                                oskit_u32_t *out_actual)
{
    (void)self;
    (void)buf;
    (void)len;
    *out_actual = 0;
    return OSKIT_E_NOTIMPL;
}

static oskit_error_t anonymous_open(oskit_file_t *self, oskit_oflags_t oflags,
                                    oskit_openfile_t **out)
{
    *out = NULL;
    return anonymous_access(self, permission_of_oflags(oflags));
}

static oskit_error_t anonymous_getfs_refused(oskit_file_t *self, oskit_filesystem_t **out)
{
    (void)self;
    *out = NULL;
    return OSKIT_E_NOTIMPL;
}

static const struct oskit_file_ops anonymous_file_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .stat = anonymous_stat,
    .setstat = anonymous_setstat_refused,
    .pathconf = anonymous_pathconf,
    .sync = anonymous_sync_refused,
    .datasync = anonymous_sync_refused,
    .access = anonymous_access,
    .readlink = anonymous_readlink_refused,
    .open = anonymous_open,
    .getfs = anonymous_getfs_refused,
};

/* ---- The object ---- */

static void anonymous_destroy(struct sluice_object *object)
{
    struct anonymous *a = container_of(object, struct anonymous, object);

    if (a->posixio)
        oskit_posixio_release(a->posixio);
    oskit_iunknown_release(a->behind);
    sluice_object_fini(object);
    env_free(a, sizeof *a);
}

static const struct sluice_interface anonymous_interfaces[] = {
    {&oskit_iunknown_iid, offsetof(struct anonymous, file), &anonymous_file_ops},
    {&sluice_filex_iid, offsetof(struct anonymous, filex), &anonymous_filex_ops},
    {&oskit_file_iid, offsetof(struct anonymous, file), &anonymous_file_ops},
    {&oskit_posixio_iid, offsetof(struct anonymous, file), &anonymous_file_ops},
};

static const struct sluice_class anonymous_class = {
    "file without a name",
    anonymous_interfaces,
    SLUICE_COUNT(anonymous_interfaces),
    anonymous_destroy,
};

oskit_error_t namespace_anonymous(struct namespace *ns, oskit_iunknown_t *object, const char *text,
                                  oskit_mode_t mode, struct location *out)
{
    struct anonymous *a = env_alloc(sizeof *a, ENV_ZERO);
    struct env_identity who;

    *out = (struct location){NULL, NULL};
    if (!a)
        return OSKIT_ENOMEM;
    env_identity(&who);
    sluice_object_init(&a->object, &anonymous_class);
    oskit_iunknown_addref(object);
    a->behind = object;
    a->posixio = sluice_query_face(object, &oskit_posixio_iid);
    a->mode = mode;
    a->uid = who.uid;
    a->gid = who.gid;
    a->made = env_time_real();
    oskit_error_t err =
        name_create(&ns->names, NULL, text, strlen(text), 0, &a->file.i, &out->name);
    sluice_object_release(&a->object);
    if (OSKIT_FAILED(err))
        return err;
    out->name->anonymous = true;
    out->mount = mount_get(ns->root);
    return OSKIT_SUCCESS;
}

oskit_error_t namespace_unnamed(struct namespace *ns, oskit_file_t *file, const char *text,
                                struct location *out)
{
    *out = (struct location){NULL, NULL};
    oskit_error_t err = name_create(&ns->names, NULL, text, strlen(text), 0, file, &out->name);
    if (OSKIT_FAILED(err))
        return err;
    out->name->anonymous = true;
    atomic_store(&out->name->deleted, true);
    out->mount = mount_get(ns->root);
    return OSKIT_SUCCESS;
}
