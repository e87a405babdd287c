/* A snapshot of directory entries: see <oskit/fs/dirents.h>. Not locked: one reader at a time. */
#include <sluice/env.h>
#include <sluice/list.h>
#include <sluice/object.h>
#include <sluice/string.h>
#include "dirents.h"

/* The entries stand behind one another in a buffer: inode number, length, name with its NUL. */
#define DIRENTS_BUFFER 4096u
#define DIRENTS_HEADER (2 * sizeof(oskit_u32_t))

struct dirents {
    struct sluice_object object;
    SLUICE_FACE(oskit_dirents_t) dirents;
    oskit_u32_t count, wanted;
    oskit_u32_t next; /* index */
    size_t used, place;
    bool overflow;
    char buffer[DIRENTS_BUFFER];
};

static struct dirents *dirents_of(oskit_dirents_t *self)
{
    return container_of(SLUICE_OBJECT(self), struct dirents, object);
}

static oskit_error_t dirents_getcount(oskit_dirents_t *self, int *out_count)
{
    *out_count = (int)dirents_of(self)->count;
    return OSKIT_SUCCESS;
}

static oskit_error_t dirents_getnext(oskit_dirents_t *self, oskit_dirent_t *dirent)
{
    struct dirents *d = dirents_of(self);
    oskit_u32_t header[2];

    if (d->next == d->count)
        return OSKIT_EWOULDBLOCK;
    memcpy(header, d->buffer + d->place, sizeof header);
    if (dirent->namelen <= header[1])
        return OSKIT_ENAMETOOLONG;
    dirent->ino = header[0];
    dirent->namelen = header[1];
    memcpy(dirent->name, d->buffer + d->place + DIRENTS_HEADER, header[1] + 1);
    d->place += DIRENTS_HEADER + header[1] + 1;
    d->next++;
    return OSKIT_SUCCESS;
}

static oskit_error_t dirents_rewind(oskit_dirents_t *self)
{
    struct dirents *d = dirents_of(self);

    d->next = 0;
    d->place = 0;
    return OSKIT_SUCCESS;
}

static void dirents_destroy(struct sluice_object *object)
{
    struct dirents *d = container_of(object, struct dirents, object);

    sluice_object_fini(object);
    env_free(d, sizeof *d);
}

static const struct oskit_dirents_ops dirents_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .getcount = dirents_getcount,
    .getnext = dirents_getnext,
    .rewind = dirents_rewind,
};

static const struct sluice_interface dirents_interfaces[] = {
    {&oskit_iunknown_iid, offsetof(struct dirents, dirents), &dirents_ops},
    {&oskit_dirents_iid, offsetof(struct dirents, dirents), &dirents_ops},
};

static const struct sluice_class dirents_class = {
    "directory entries",
    dirents_interfaces,
    SLUICE_COUNT(dirents_interfaces),
    dirents_destroy,
};

static bool dirents_emit(void *arg, const struct filex_entry *entry)
{
    struct dirents *d = arg;
    oskit_u32_t header[2] = {(oskit_u32_t)entry->ino, (oskit_u32_t)entry->length};
    size_t size = DIRENTS_HEADER + entry->length + 1;

    d->overflow = entry->cookie > UINT32_MAX;
    if (d->overflow || d->count == d->wanted || size > sizeof d->buffer - d->used)
        return false;
    memcpy(d->buffer + d->used, header, sizeof header);
    memcpy(d->buffer + d->used + DIRENTS_HEADER, entry->name, entry->length + 1);
    d->used += size;
    d->count++;
    return true;
}

oskit_error_t dirents_read(sluice_filex_t *dir, oskit_u32_t *offset, oskit_u32_t count,
                           oskit_dirents_t **out)
{
    struct dirents *d = env_alloc(sizeof *d, ENV_ZERO);
    oskit_u64_t cookie = *offset;

    *out = NULL;
    if (!d)
        return OSKIT_ENOMEM;
    sluice_object_init(&d->object, &dirents_class);
    d->wanted = count;
    oskit_error_t err = dir->ops->readdir(dir, &cookie, dirents_emit, d);
    if (OSKIT_SUCCEEDED(err) && d->count == 0 && d->overflow)
        err = OSKIT_EOVERFLOW;
    if (OSKIT_FAILED(err) || d->count == 0) {
        sluice_object_release(&d->object);
        return err;
    }
    *offset = (oskit_u32_t)cookie;
    *out = &d->dirents.i;
    return OSKIT_SUCCESS;
}
