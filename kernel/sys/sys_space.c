/* Space of files: fallocate. */
#include <sluice/notify.h>
#include "kernel/abi/fcntl.h"
#include "kernel/sys/sys.h"

#define FALLOC_PUNCH (ABI_FALLOC_FL_PUNCH_HOLE | ABI_FALLOC_FL_KEEP_SIZE)
#define FALLOC_KNOWN                                                          \
    (FALLOC_PUNCH | ABI_FALLOC_FL_COLLAPSE_RANGE | ABI_FALLOC_FL_ZERO_RANGE | \
     ABI_FALLOC_FL_INSERT_RANGE)

static bool type_has_pages(oskit_mode_t type)
{
    return type == OSKIT_S_IFREG || type == OSKIT_S_IFBLK;
}

/* ---- fallocate ---- */

static long allocate_check(const struct openfile *file, long mode, int64_t offset, int64_t length)
{
    if (offset < 0 || length <= 0)
        return -ABI_EINVAL;
    if (mode & ~FALLOC_KNOWN || (mode & ABI_FALLOC_FL_PUNCH_HOLE && mode != FALLOC_PUNCH))
        return -ABI_EOPNOTSUPP;
    if (!openfile_writable(file))
        return -ABI_EBADF;
    oskit_mode_t type = openfile_type(file);
    if (!type_has_pages(type))
        return type == OSKIT_S_IFIFO   ? -ABI_ESPIPE
               : type == OSKIT_S_IFDIR ? -ABI_EISDIR
                                       : -ABI_ENODEV;
    return length > INT64_MAX - offset ? -ABI_EFBIG : 0;
}

/* A file that would grow beyond RLIMIT_FSIZE. */
static long allocate_bound(const struct openfile *file, int64_t end)
{
    oskit_off_t size;
    if ((uint64_t)end <= process_limit(ABI_RLIMIT_FSIZE) || !file->absio ||
        oskit_absio_getsize(file->absio, &size) || end <= size)
        return 0;
    struct abi_siginfo info;
    signal_info_kernel(&info, ABI_SIGXFSZ);
    signal_send_thread(current_thread(), &info);
    return -ABI_EFBIG;
}

static long file_allocate(struct openfile *file, long mode, int64_t offset, int64_t length)
{
    long error = allocate_check(file, mode, offset, length);
    if (!error && !(mode & ABI_FALLOC_FL_KEEP_SIZE))
        error = allocate_bound(file, offset + length);
    if (error)
        return error;
    sluice_filex_t *filex = file->location.name ? location_filex(&file->location) : NULL;
    oskit_error_t answer =
        filex ? filex->ops->allocate(filex, (uint32_t)mode, offset, length) : OSKIT_E_NOTIMPL;
    if (!answer)
        notify_location(&file->location, NOTIFY_MODIFY);
    return answer == OSKIT_E_NOTIMPL ? -ABI_EOPNOTSUPP : errno_from_oskit(answer);
}

long sys_fallocate(long number, long mode, long offset, long length)
{
    struct fd fd = fd_get((int)number);
    if (!fd.file)
        return -ABI_EBADF;
    long result = file_allocate(fd.file, mode, offset, length);
    fd_put(fd);
    return result;
}
