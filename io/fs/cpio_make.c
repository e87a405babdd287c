/* Making what a cpio archive holds, through the dir interface. The way to it: cpio_way.c. */
#include <oskit/fs/file.h>
#include <oskit/io/absio.h>
#include <oskit/io/posixio.h>
#include <sluice/env.h>
#include <sluice/filex.h>
#include <sluice/object.h>
#include <sluice/string.h>
#include "cpio_private.h"
#include "namehash.h"

/* A file with several names, of which at least one has been made. */
struct cpio_link {
    struct list link;
    oskit_u32_t ino, dev_major, dev_minor;
    oskit_file_t *file;
};

struct cpio_directory {
    struct list link;
    oskit_file_t *file;
    oskit_u32_t mtime;
};

void cpio_maker_start(struct cpio_maker *maker, oskit_dir_t *root)
{
    maker->root = root;
    list_init(&maker->links);
    list_init(&maker->directories);
}

void cpio_maker_end_archive(struct cpio_maker *maker)
{
    struct list *pos;

    while ((pos = list_pop_front(&maker->links))) {
        struct cpio_link *link = container_of(pos, struct cpio_link, link);

        oskit_file_release(link->file);
        env_free(link, sizeof *link);
    }
}

/* ---- Attributes ---- */

#define CPIO_OWNER (OSKIT_STAT_MODE | OSKIT_STAT_UID | OSKIT_STAT_GID)
#define CPIO_TIMES (OSKIT_STAT_ATIME | OSKIT_STAT_MTIME)

static oskit_error_t cpio_set(oskit_file_t *file, const struct cpio_entry *entry, oskit_u32_t what)
{
    oskit_timespec_t time = {(oskit_time_t)entry->mtime, 0};
    oskit_stat_t stat = {
        .mode = (oskit_mode_t)entry->mode,
        .uid = entry->uid,
        .gid = entry->gid,
        .atime = time,
        .mtime = time,
    };

    if (OSKIT_S_ISLNK(entry->mode))
        what &= ~(oskit_u32_t)OSKIT_STAT_MODE;
    return oskit_file_setstat(file, what, &stat);
}

void cpio_maker_finish(struct cpio_maker *maker)
{
    struct list *pos;

    cpio_maker_end_archive(maker);
    while ((pos = list_pop_front(&maker->directories))) {
        struct cpio_directory *dir = container_of(pos, struct cpio_directory, link);
        struct cpio_entry entry = {.mtime = dir->mtime};

        cpio_set(dir->file, &entry, CPIO_TIMES); /* best effort: only a date */
        oskit_file_release(dir->file);
        env_free(dir, sizeof *dir);
    }
}

/* What is made in a directory changes its times, so they are set when all is made. */
static oskit_error_t cpio_date_later(struct cpio_maker *maker, oskit_file_t *file,
                                     oskit_u32_t mtime)
{
    struct cpio_directory *dir = env_alloc(sizeof *dir, 0);

    if (!dir)
        return OSKIT_ENOMEM;
    oskit_file_addref(file);
    dir->file = file;
    dir->mtime = mtime;
    list_push_back(&maker->directories, &dir->link);
    return OSKIT_SUCCESS;
}

/* ---- Entries ---- */

static oskit_error_t cpio_write(oskit_file_t *file, const unsigned char *data, size_t size)
{
    oskit_absio_t *absio = sluice_query_face(file, &oskit_absio_iid);
    oskit_error_t err = OSKIT_SUCCESS;
    size_t done = 0, moved;

    if (!absio)
        return OSKIT_E_INVALIDARG;
    while (done < size && OSKIT_SUCCEEDED(err)) {
        err = oskit_absio_write(absio, data + done, (oskit_off_t)done, size - done, &moved);
        if (OSKIT_SUCCEEDED(err) && moved == 0)
            err = OSKIT_EIO;
        if (OSKIT_SUCCEEDED(err))
            done += moved;
    }
    oskit_absio_release(absio);
    return err;
}

static struct cpio_link *cpio_find_link(struct cpio_maker *maker, const struct cpio_entry *entry)
{
    list_for_each (pos, &maker->links) {
        struct cpio_link *link = container_of(pos, struct cpio_link, link);

        if (link->ino == entry->ino && link->dev_major == entry->dev_major &&
            link->dev_minor == entry->dev_minor)
            return link;
    }
    return NULL;
}

static oskit_error_t cpio_remember(struct cpio_maker *maker, const struct cpio_entry *entry,
                                   oskit_file_t *file)
{
    struct cpio_link *link = env_alloc(sizeof *link, 0);

    if (!link)
        return OSKIT_ENOMEM;
    link->ino = entry->ino;
    link->dev_major = entry->dev_major;
    link->dev_minor = entry->dev_minor;
    oskit_file_addref(file);
    link->file = file;
    list_push_front(&maker->links, &link->link);
    return OSKIT_SUCCESS;
}

/* Of several names of a file, any one may bring the contents. */
static oskit_error_t cpio_make_regular(struct cpio_maker *maker, oskit_dir_t *dir, const char *name,
                                       const struct cpio_entry *entry)
{
    struct cpio_link *link = entry->nlink > 1 ? cpio_find_link(maker, entry) : NULL;
    oskit_file_t *file = NULL;
    oskit_error_t err;

    if (link) {
        file = link->file;
        oskit_file_addref(file);
        err = oskit_dir_link(dir, name, file);
    } else {
        err = oskit_dir_create(dir, name, 1, (oskit_mode_t)(entry->mode & 07777), &file);
        if (OSKIT_SUCCEEDED(err) && entry->nlink > 1)
            err = cpio_remember(maker, entry, file);
    }
    if (OSKIT_SUCCEEDED(err) && entry->size > 0)
        err = cpio_write(file, entry->data, entry->size);
    if (OSKIT_SUCCEEDED(err) && (!link || entry->size > 0))
        err = cpio_set(file, entry, CPIO_OWNER | CPIO_TIMES);
    if (file)
        oskit_file_release(file);
    return err;
}

static oskit_error_t cpio_make_link(oskit_dir_t *dir, const char *name,
                                    const struct cpio_entry *entry)
{
    size_t size = entry->size;
    char *text;

    if (size == 0 || size > PATH_MAX_LENGTH || memchr(entry->data, 0, size))
        return OSKIT_E_INVALIDARG;
    text = env_alloc(size + 1, 0);
    if (!text)
        return OSKIT_ENOMEM;
    memcpy(text, entry->data, size);
    text[size] = '\0';
    oskit_error_t err = oskit_dir_symlink(dir, name, text);
    env_free(text, size + 1);
    return err;
}

/* Makes what isn't a regular file and sets its attributes. */
static oskit_error_t cpio_make_other(struct cpio_maker *maker, oskit_dir_t *dir, const char *name,
                                     const struct cpio_entry *entry)
{
    oskit_mode_t mode = (oskit_mode_t)entry->mode;
    oskit_file_t *file;
    oskit_error_t err;

    if (OSKIT_S_ISDIR(mode))
        err = oskit_dir_mkdir(dir, name, mode & 07777);
    else if (OSKIT_S_ISLNK(mode))
        err = cpio_make_link(dir, name, entry);
    else
        err = oskit_dir_mknod(dir, name, mode, entry->rdev);
    if (OSKIT_SUCCEEDED(err))
        err = oskit_dir_lookup(dir, name, &file);
    if (OSKIT_FAILED(err))
        return err;
    err = cpio_set(file, entry, CPIO_OWNER | CPIO_TIMES);
    if (OSKIT_SUCCEEDED(err) && OSKIT_S_ISDIR(mode))
        err = cpio_date_later(maker, file, entry->mtime);
    oskit_file_release(file);
    return err;
}

/*
 * Makes room for ENTRY. *KEEP: a directory is there and ENTRY is one, too; it has got the entry's
 * attributes.
 */
static oskit_error_t cpio_replace(struct cpio_maker *maker, oskit_dir_t *dir, const char *name,
                                  const struct cpio_entry *entry, bool *keep)
{
    oskit_file_t *file;
    oskit_u32_t type;

    *keep = false;
    oskit_error_t err = oskit_dir_lookup(dir, name, &file);
    if (OSKIT_FAILED(err))
        return err == OSKIT_ENOENT ? OSKIT_SUCCESS : err;
    err = cpio_type(file, &type);
    if (OSKIT_SUCCEEDED(err) && type == OSKIT_S_IFDIR && OSKIT_S_ISDIR(entry->mode)) {
        *keep = true;
        err = cpio_set(file, entry, CPIO_OWNER);
        if (OSKIT_SUCCEEDED(err))
            err = cpio_date_later(maker, file, entry->mtime);
    } else if (OSKIT_SUCCEEDED(err)) {
        err = type == OSKIT_S_IFDIR ? oskit_dir_rmdir(dir, name) : oskit_dir_unlink(dir, name);
    }
    oskit_file_release(file);
    return err;
}

static oskit_error_t cpio_make_in(struct cpio_maker *maker, oskit_dir_t *dir, const char *name,
                                  const struct cpio_entry *entry, const char **reason)
{
    bool keep;

    *reason = "something stands in the entry's place";
    oskit_error_t err = cpio_replace(maker, dir, name, entry, &keep);
    if (OSKIT_FAILED(err) || keep)
        return err;
    *reason = "the entry can't be made";
    if (OSKIT_S_ISREG(entry->mode))
        return cpio_make_regular(maker, dir, name, entry);
    return cpio_make_other(maker, dir, name, entry);
}

static bool cpio_known_type(oskit_u32_t mode)
{
    switch (mode & OSKIT_S_IFMT) {
    case OSKIT_S_IFREG:
    case OSKIT_S_IFDIR:
    case OSKIT_S_IFLNK:
    case OSKIT_S_IFCHR:
    case OSKIT_S_IFBLK:
    case OSKIT_S_IFIFO:
    case OSKIT_S_IFSOCK:
        return mode <= 0177777;
    }
    return false;
}

oskit_error_t cpio_make(struct cpio_maker *maker, const struct cpio_entry *entry,
                        const char **reason)
{
    char name[NAME_MAX_LENGTH + 1];
    oskit_dir_t *dir;
    size_t length;
    const char *last = cpio_last(entry->name, &length);

    *reason = "a type of file that is unknown";
    if (!cpio_known_type(entry->mode))
        return OSKIT_E_INVALIDARG;
    *reason = "a name that leads outside";
    if (cpio_name_climbs(entry->name))
        return OSKIT_E_INVALIDARG;
    *reason = "the root is a directory";
    if (length == 0 && !OSKIT_S_ISDIR(entry->mode))
        return OSKIT_E_INVALIDARG;
    if (length == 0) {
        oskit_error_t err = cpio_set((oskit_file_t *)maker->root, entry, CPIO_OWNER);
        return OSKIT_FAILED(err)
                   ? err
                   : cpio_date_later(maker, (oskit_file_t *)maker->root, entry->mtime);
    }
    *reason = "a component that is too long";
    if (length > NAME_MAX_LENGTH)
        return OSKIT_ENAMETOOLONG;
    memcpy(name, last, length);
    name[length] = '\0';
    *reason = "the directory can't be reached";
    oskit_error_t err =
        cpio_walk(maker, maker->root, entry->name, (size_t)(last - entry->name), 0, &dir);
    if (OSKIT_FAILED(err))
        return err;
    err = cpio_make_in(maker, dir, name, entry, reason);
    oskit_dir_release(dir);
    return err;
}
