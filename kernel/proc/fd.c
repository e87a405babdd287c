/* /proc/PID/fd: a link for each descriptor that leads to the open file's place; fdinfo beside it.
 */
#include <sluice/notify.h>
#include <sluice/object.h>
#include <sluice/string.h>
#include "kernel/log.h"
#include "kernel/proc/entry.h"
#include "kernel/sys/fdtab.h"
#include "kernel/sys/waitloop.h"

/* ---- The descriptors ---- */

static struct fdtab *table_get(oskit_u64_t key)
{
    struct subject subject;
    if (!subject_get(key, &subject))
        return NULL;
    struct fdtab *table = process_fds_get(subject.process);
    subject_put(&subject);
    return table;
}

void proc_fd_each(oskit_u64_t key, void (*emit)(void *arg, const char *name, oskit_u64_t key),
                  void *arg)
{
    struct fdtab *table = table_get(key);
    if (!table)
        return;
    for (int fd = 0; (fd = fdtab_next(table, fd)) >= 0; fd++) {
        char name[12];
        format_text(name, sizeof name, "%d", fd);
        emit(arg, name, key_of_fd(key, fd));
    }
    fdtab_unref(table);
}

static struct openfile *file_get(oskit_u64_t key)
{
    struct fdtab *table = table_get(key);
    struct openfile *file = table ? fdtab_get(table, key_fd(key)) : NULL;
    if (table)
        fdtab_unref(table);
    return file;
}

oskit_error_t proc_fd_find(oskit_u64_t key, const char *name, oskit_u64_t *out)
{
    int32_t fd;
    if (!number_parse(name, &fd))
        return OSKIT_ENOENT;
    *out = key_of_fd(key, fd);
    struct openfile *file = file_get(*out);
    if (!file)
        return OSKIT_ENOENT;
    openfile_unref(file);
    return OSKIT_SUCCESS;
}

/* ---- Where a link leads ---- */

/* The caller may look, or OSKIT_EACCES. */
static oskit_error_t file_permitted(oskit_u64_t key)
{
    struct subject subject;
    if (!subject_get(key, &subject))
        return OSKIT_ESRCH;
    bool permitted = subject_permitted(subject.process);
    subject_put(&subject);
    return permitted ? OSKIT_SUCCESS : OSKIT_EACCES;
}

/* What Linux calls an object that is no file. Objects of ours know their class. */
static const char *object_kind(oskit_iunknown_t *object)
{
    if ((void *)object->ops->query != (void *)sluice_query)
        return "unknown";
    const char *name = SLUICE_OBJECT(object)->class->name;
    return strcmp(name, "epoll") ? name : "eventpoll";
}

/* What has no name is called after its kind and number. */
static oskit_mode_t anonymous_text(const struct openfile *file, char *out, size_t size)
{
    oskit_stat_t stat = {.mode = 0};
    if (!file->posixio || oskit_posixio_stat(file->posixio, &stat))
        stat.mode = 0600;
    const char *kind = OSKIT_S_ISFIFO(stat.mode)                      ? "pipe"
                       : (stat.mode & OSKIT_S_IFMT) == OSKIT_S_IFSOCK ? "socket"
                                                                      : NULL;
    if (kind)
        format_text(out, size, "%s:[%lu]", kind, (unsigned long)stat.ino);
    else if (notify_is(file->object))
        format_text(out, size, "anon_inode:inotify");
    else
        format_text(out, size, "anon_inode:[%s]", object_kind(file->object));
    return stat.mode;
}

static oskit_error_t fd_show(oskit_u64_t key, struct synth_text *text)
{
    oskit_error_t error = file_permitted(key);
    struct openfile *file = error ? NULL : file_get(key);
    if (!file)
        return error ? error : OSKIT_ENOENT;
    if (file->location.name) {
        error = path_append(text, &file->location);
    } else {
        char name[64];
        anonymous_text(file, name, sizeof name);
        synth_printf(text, "%s", name);
    }
    openfile_unref(file);
    return error;
}

static oskit_error_t fd_follow(oskit_u64_t key, struct location *out)
{
    oskit_error_t error = file_permitted(key);
    struct openfile *file = error ? NULL : file_get(key);
    if (!file)
        return error ? error : OSKIT_ENOENT;
    if (file->location.name) {
        location_copy(out, &file->location);
    } else {
        char name[64];
        oskit_mode_t mode = anonymous_text(file, name, sizeof name);
        error = namespace_anonymous(root_namespace, file->object, name, mode, out);
    }
    openfile_unref(file);
    return error;
}

/* A link shows how its file is open. */
static oskit_mode_t fd_permissions(oskit_u64_t key)
{
    oskit_mode_t mode = 0;
    struct openfile *file = file_get(key);
    if (!file)
        return mode;
    if (openfile_readable(file))
        mode |= 0500;
    if (openfile_writable(file))
        mode |= 0300;
    openfile_unref(file);
    return mode;
}

/* ---- fdinfo ---- */

static void watch_show(void *arg, const struct notify_info *info)
{
    synth_printf(arg, "inotify wd:%x ino:%lx sdev:%x mask:%x ignored_mask:0\n",
                 (unsigned)info->watch, (unsigned long)info->ino, info->dev, info->mask);
}

static oskit_error_t fdinfo_show(oskit_u64_t key, struct synth_text *text)
{
    oskit_error_t error = file_permitted(key);
    struct openfile *file = error ? NULL : file_get(key);
    if (!file)
        return error ? error : OSKIT_ENOENT;
    oskit_stat_t stat = {.mode = 0};
    if (file->posixio)
        oskit_posixio_stat(file->posixio, &stat);
    synth_printf(text, "pos:\t%ld\nflags:\t0%o\nmnt_id:\t0\nino:\t%lu\n", (long)file->offset,
                 atomic_load(&file->flags), (unsigned long)stat.ino);
    notify_each(file->object, watch_show, text);
    openfile_unref(file);
    return OSKIT_SUCCESS;
}

const struct synth_node proc_fd_template = {.mode = OSKIT_S_IFLNK | 0700,
                                            .permissions = fd_permissions,
                                            .show = fd_show,
                                            .follow = fd_follow,
                                            .owner = subject_owner};
const struct synth_node proc_fdinfo_template = {
    .mode = OSKIT_S_IFREG | 0400, .show = fdinfo_show, .owner = subject_owner};
