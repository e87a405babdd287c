/*
 * memfd_create: files without a name, in a file system of their own that is mounted nowhere; and
 * seals, which they are for.
 *
 * Lock: memfd_mutex, while that is made.
 */
#include <sluice/object.h>
#include <sluice/ramfs.h>
#include <sluice/sealing.h>
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
static long memfd_make(const char *text, oskit_mode_t mode, oskit_iunknown_t **object,
                       struct location *out)
{
    struct namespace *space;
    struct location root;
    oskit_file_t *file;
    long error = memfd_space_get(&space);
    if (error)
        return error;
    namespace_root(space, &root);
    sluice_filex_t *directory = location_filex(&root);
    oskit_error_t made = directory->ops->tmpfile(directory, OSKIT_S_IFREG | mode, &file);
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

/* The seals it begins with: none can be added unless that was asked for. */
static void memfd_seal(oskit_iunknown_t *object, long flags)
{
    oskit_u32_t seals = flags & ABI_MFD_NOEXEC_SEAL ? SEAL_EXEC : 0;
    if (!(flags & (ABI_MFD_ALLOW_SEALING | ABI_MFD_NOEXEC_SEAL)))
        seals |= SEAL_SEAL;
    sluice_sealing_t *sealing = sluice_query_face(object, &sluice_sealing_iid);
    if (sealing) {
        sealing->ops->begin(sealing, seals);
        sealing->ops->release(sealing);
    }
}

static long memfd_install(const char *text, long flags)
{
    oskit_iunknown_t *object;
    struct location location;
    oskit_mode_t mode = flags & ABI_MFD_NOEXEC_SEAL ? 0666 : 0777;
    long error = memfd_make(text, mode, &object, &location);
    if (error)
        return error;
    memfd_seal(object, flags);
    struct openfile *file = openfile_create(object, &location, ABI_O_RDWR | ABI_O_LARGEFILE);
    location_release(&location);
    return descriptor_install(file, flags & ABI_MFD_CLOEXEC);
}

#define MEMFD_FLAGS (ABI_MFD_CLOEXEC | ABI_MFD_ALLOW_SEALING | ABI_MFD_NOEXEC_SEAL | ABI_MFD_EXEC)

long sys_memfd_create(long user_name, long flags)
{
    struct path name;
    char text[sizeof MEMFD_PREFIX + MEMFD_NAME_MAX];
    if (flags & ~(long)MEMFD_FLAGS || (flags & ABI_MFD_EXEC && flags & ABI_MFD_NOEXEC_SEAL))
        return -ABI_EINVAL;
    long error = path_get(&name, user_name);
    if (error == -ABI_ENAMETOOLONG || (!error && strlen(name.text) > MEMFD_NAME_MAX))
        error = -ABI_EINVAL;
    if (!error) {
        memcpy(text, MEMFD_PREFIX, sizeof MEMFD_PREFIX - 1);
        memcpy(text + sizeof MEMFD_PREFIX - 1, name.text, strlen(name.text) + 1);
        error = memfd_install(text, flags);
    }
    path_free(&name);
    return error;
}

/* ---- Seals ---- */

static long seals_add(struct openfile *file, sluice_sealing_t *sealing, long seals)
{
    if (!openfile_writable(file))
        return -ABI_EPERM;
    if (seals & ~(long)SEAL_ALL)
        return -ABI_EINVAL;
    return sealing ? errno_from_oskit(sealing->ops->add(sealing, (oskit_u32_t)seals)) : -ABI_EINVAL;
}

long fcntl_seals(struct openfile *file, long command, long argument)
{
    sluice_sealing_t *sealing = sluice_query_face(file->object, &sluice_sealing_iid);
    long result = command == ABI_F_ADD_SEALS ? seals_add(file, sealing, argument)
                  : sealing                  ? (long)sealing->ops->get(sealing)
                                             : -ABI_EINVAL;
    if (sealing)
        sealing->ops->release(sealing);
    return result;
}
