/*
 * memfd_create: files without a name, in a file system of their own that is mounted nowhere.
 *
 * Lock: memfd_mutex, while that is made.
 */
#include <sluice/ramfs.h>
#include <sluice/string.h>
#include "kernel/abi/fcntl.h"
#include "kernel/mem/pages.h"
#include "kernel/sys/sys.h"
#include "kernel/task/mutex.h"

#define MEMFD_PREFIX   "/memfd:"
#define MEMFD_NAME_MAX 249u /* Linux's */

static mutex_t memfd_mutex;
static struct namespace *memfd_space; /* made with the first file, for ever */

static long memfd_space_create(void)
{
    oskit_filesystem_t *fs;
    oskit_error_t error = ramfs_create(pages_total() / 2, 0, &fs);
    if (error)
        return errno_from_oskit(error);
    error = namespace_create(fs, "tmpfs", "memfd", &memfd_space);
    oskit_filesystem_release(fs);
    return errno_from_oskit(error);
}

static long memfd_space_get(struct namespace **out)
{
    mutex_lock(&memfd_mutex);
    long error = memfd_space ? 0 : memfd_space_create();
    *out = memfd_space;
    mutex_unlock(&memfd_mutex);
    return error;
}

/* The file and the place it has, with a reference each. */
static long memfd_make(const char *text, oskit_iunknown_t **object, struct location *out)
{
    struct namespace *space;
    struct location root;
    oskit_file_t *file;
    long error = memfd_space_get(&space);
    if (error)
        return error;
    namespace_root(space, &root);
    sluice_filex_t *directory = location_filex(&root);
    oskit_error_t made = directory->ops->tmpfile(directory, OSKIT_S_IFREG | 0777, &file);
    location_release(&root);
    if (made)
        return errno_from_oskit(made);
    made = namespace_unnamed(space, file, text, out);
    if (!made) {
        made = file_open_object(file, OSKIT_O_RDWR, object);
        if (made)
            location_release(out);
    }
    oskit_file_release(file);
    return errno_from_oskit(made);
}

static long memfd_install(const char *text, bool cloexec)
{
    oskit_iunknown_t *object;
    struct location location;
    long error = memfd_make(text, &object, &location);
    if (error)
        return error;
    struct openfile *file = openfile_create(object, &location, ABI_O_RDWR | ABI_O_LARGEFILE);
    location_release(&location);
    if (!file)
        return -ABI_ENOMEM;
    int fd = fdtab_install(current_process()->fds, file, 0, cloexec);
    if (fd < 0)
        openfile_unref(file);
    return fd;
}

/* Seals aren't there, so none may be asked for. */
long sys_memfd_create(long user_name, long flags)
{
    struct path name;
    char text[sizeof MEMFD_PREFIX + MEMFD_NAME_MAX];
    if (flags & ~(long)ABI_MFD_CLOEXEC)
        return -ABI_EINVAL;
    long error = path_get(&name, user_name);
    if (error == -ABI_ENAMETOOLONG || (!error && strlen(name.text) > MEMFD_NAME_MAX))
        error = -ABI_EINVAL;
    if (!error) {
        memcpy(text, MEMFD_PREFIX, sizeof MEMFD_PREFIX - 1);
        memcpy(text + sizeof MEMFD_PREFIX - 1, name.text, strlen(name.text) + 1);
        error = memfd_install(text, flags & ABI_MFD_CLOEXEC);
    }
    path_free(&name);
    return error;
}
