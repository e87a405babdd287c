/* Program files: finding, checking and reading them before they become images. */
#include <sluice/notify.h>
#include <sluice/object.h>
#include <sluice/string.h>
#include "kernel/abi/errno.h"
#include "kernel/abi/fcntl.h"
#include "kernel/abi/stat.h"
#include "kernel/sys/fdtab.h"
#include "kernel/sys/waitloop.h"
#include "kernel/task/exec.h"
#include "kernel/task/fs_context.h"

static long executable_lookup(int dirfd, const char *path, int flags, struct location *out)
{
    if (!*path && flags & ABI_AT_EMPTY_PATH) {
        if (dirfd == ABI_AT_FDCWD)
            return -ABI_EACCES; /* a directory */
        struct fd fd = fd_get_path(dirfd);
        if (!fd.file)
            return -ABI_EBADF;
        bool named = fd.file->location.name;
        if (named)
            location_copy(out, &fd.file->location);
        fd_put(fd);
        return named ? 0 : -ABI_EACCES;
    }
    struct walk_context context;
    long error = walk_begin(&context, dirfd, path);
    if (error)
        return error;
    uint32_t how = flags & ABI_AT_SYMLINK_NOFOLLOW ? NAMESPACE_NOFOLLOW : 0;
    error = errno_from_oskit(namespace_lookup(&context.walk, path, how, out));
    walk_end(&context);
    return error;
}

/* A regular file, executable for the caller (root needs at least one x bit), not on a noexec mount.
 */
static long executable_check(struct executable *file)
{
    oskit_file_t *object = location_file(&file->location);
    oskit_stat_t stat;
    oskit_error_t error = oskit_file_stat(object, &stat);
    if (error)
        return errno_from_oskit(error);
    if ((stat.mode & OSKIT_S_IFMT) == OSKIT_S_IFLNK)
        return -ABI_ELOOP;
    if ((stat.mode & OSKIT_S_IFMT) != OSKIT_S_IFREG ||
        location_mount_flags(&file->location) & MOUNT_NOEXEC || !(stat.mode & 0111))
        return -ABI_EACCES;
    file->size = stat.size < 0 ? 0 : (uint64_t)stat.size;
    return errno_from_oskit(oskit_file_access(object, OSKIT_X_OK));
}

static long executable_object(struct executable *file)
{
    oskit_iunknown_t *object;
    oskit_error_t error = location_open_object(&file->location, OSKIT_O_RDONLY, &object);
    if (error)
        return errno_from_oskit(error);
    file->absvec = sluice_query_face(object, &sluice_absvec_iid);
    file->absio = sluice_query_face(object, &oskit_absio_iid);
    file->pager = sluice_query_face(object, &sluice_pager_iid);
    oskit_iunknown_release(object);
    if (!file->pager || !(file->absvec || file->absio))
        return -ABI_EACCES;
    struct mappings *mappings = file->pager->ops->mappings(file->pager);
    if (!mappings_execute_begin(mappings))
        return -ABI_ETXTBSY;
    file->executed = mappings;
    return 0;
}

/* As many bytes as there are. */
static long executable_read_some(struct executable *file, uint64_t offset, void *to, size_t size,
                                 size_t *got)
{
    oskit_error_t error = 0;
    size_t moved = 1;
    for (*got = 0; *got < size && moved && !error; *got += moved) {
        struct sluice_iovec segment;
        struct sluice_uio uio;
        moved = 0;
        uio_init_kernel(&uio, &segment, (char *)to + *got, size - *got);
        oskit_off_t at = (oskit_off_t)(offset + *got);
        error = file->absvec
                    ? file->absvec->ops->preadv(file->absvec, &uio, at, 0, &moved)
                    : oskit_absio_read(file->absio, (char *)to + *got, at, size - *got, &moved);
    }
    return errno_from_oskit(error);
}

long executable_read(struct executable *file, uint64_t offset, void *to, size_t size)
{
    size_t got = 0;
    if (offset > file->size || size > file->size - offset)
        return -ABI_ENOEXEC;
    long error = executable_read_some(file, offset, to, size, &got);
    return error ? error : got == size ? 0 : -ABI_ENOEXEC;
}

long executable_open(int dirfd, const char *path, int flags, struct executable *file)
{
    size_t got;
    *file = (struct executable){0};
    long error = executable_lookup(dirfd, path, flags, &file->location);
    if (!error)
        error = executable_check(file);
    if (!error)
        error = executable_object(file);
    if (!error) {
        file->opened = true;
        notify_location(&file->location, NOTIFY_OPEN);
        error = executable_read_some(file, 0, file->head, sizeof file->head, &got);
        notify_location(&file->location, NOTIFY_ACCESS);
    }
    if (error)
        executable_close(file);
    return error;
}

static void executable_release(void *face)
{
    if (face)
        oskit_iunknown_release((oskit_iunknown_t *)face);
}

void executable_close(struct executable *file)
{
    mappings_execute_end(file->executed);
    executable_release(file->absvec);
    executable_release(file->absio);
    executable_release(file->pager);
    if (file->opened)
        notify_location(&file->location, NOTIFY_CLOSE_NOWRITE);
    if (file->location.name)
        location_release(&file->location);
    *file = (struct executable){0};
}
