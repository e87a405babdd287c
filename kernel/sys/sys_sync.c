/*
 * Bringing data to its medium, and advice about when: sync, fsync, sync_file_range, fadvise64 and
 * their kin. An object with a medium answers sluice_sync; one in memory has nothing to do, and
 * these calls check what they are asked all the same.
 */
#include <sluice/pagecache.h>
#include "kernel/abi/fcntl.h"
#include "kernel/sys/sys.h"

#define RANGE_BEFORE 1
#define RANGE_WRITE  2
#define RANGE_AFTER  4
#define RANGE_FLAGS  (RANGE_BEFORE | RANGE_WRITE | RANGE_AFTER)

static bool type_has_pages(oskit_mode_t type)
{
    return type == OSKIT_S_IFREG || type == OSKIT_S_IFBLK;
}

/* The last byte of LENGTH from OFFSET; 0 is to the end. */
static oskit_u64_t range_last(long offset, long length)
{
    oskit_u64_t last;
    if (length == 0 || __builtin_add_overflow((oskit_u64_t)offset, (oskit_u64_t)length - 1, &last))
        return UINT64_MAX;
    return last;
}

/* ---- All of it ---- */

static void sync_filesystem(void *arg, oskit_filesystem_t *fs)
{
    oskit_filesystem_sync(fs, *(bool *)arg);
}

/* All begin before the first is waited for. Devices that are open as such come last. */
long sys_sync(void)
{
    bool wait = false;
    namespace_each_filesystem(root_namespace, sync_filesystem, &wait);
    wait = true;
    namespace_each_filesystem(root_namespace, sync_filesystem, &wait);
    pagecache_sync(NULL, true);
    return 0;
}

/* ---- One file ---- */

/* Devices of bytes and FIFOs have nothing to write back, and say so. */
static bool location_syncs(const struct location *location)
{
    struct filex_stat stat;
    sluice_filex_t *filex = location_filex(location);
    if (!filex || sluice_filex_stat(filex, &stat))
        return true;
    return (stat.mode & OSKIT_S_IFMT) != OSKIT_S_IFCHR &&
           (stat.mode & OSKIT_S_IFMT) != OSKIT_S_IFIFO;
}

/* The seed's way, for what has no errors of its own to tell. */
static oskit_error_t file_sync(struct openfile *file, bool data_only)
{
    if (!file->location.name || !location_syncs(&file->location))
        return OSKIT_E_INVALIDARG;
    oskit_file_t *object = location_file(&file->location);
    oskit_error_t error = data_only ? oskit_file_datasync(object, 1) : oskit_file_sync(object, 1);
    return error == OSKIT_E_NOTIMPL ? OSKIT_SUCCESS : error;
}

static long descriptor_sync(long number, bool data_only)
{
    struct fd fd = fd_get((int)number);
    if (!fd.file)
        return -ABI_EBADF;
    oskit_error_t error = OSKIT_EBADF;
    if (!openfile_is_path(fd.file))
        error = fd.file->sync ? sluice_sync_sync(fd.file->sync, data_only ? SYNC_DATA : 0, 0,
                                                 UINT64_MAX, &fd.file->sync_seen)
                              : file_sync(fd.file, data_only);
    fd_put(fd);
    return errno_from_oskit(error);
}

long sys_fsync(long fd)
{
    return descriptor_sync(fd, false);
}

long sys_fdatasync(long fd)
{
    return descriptor_sync(fd, true);
}

/* The errors of the file system's other files are theirs to tell. */
long sys_syncfs(long number)
{
    struct fd fd = fd_get((int)number);
    if (!fd.file)
        return -ABI_EBADF;
    oskit_error_t error = openfile_is_path(fd.file) ? OSKIT_EBADF : OSKIT_SUCCESS;
    if (!error && fd.file->location.name)
        error = oskit_filesystem_sync(location_filesystem(&fd.file->location), 1);
    fd_put(fd);
    return error == OSKIT_E_NOTIMPL ? 0 : errno_from_oskit(error);
}

static long range_sync(struct openfile *file, long offset, long length, long flags)
{
    oskit_mode_t type = openfile_type(file);
    if (openfile_is_path(file))
        return -ABI_EBADF;
    if (!type_has_pages(type) && type != OSKIT_S_IFDIR && type != OSKIT_S_IFLNK)
        return -ABI_ESPIPE;
    oskit_u32_t what = (flags & RANGE_BEFORE ? SYNC_WAIT_BEFORE : 0) |
                       (flags & RANGE_WRITE ? SYNC_WRITE : 0) |
                       (flags & RANGE_AFTER ? SYNC_WAIT_AFTER : 0);
    if (!file->sync || !what)
        return 0;
    return errno_from_oskit(sluice_sync_sync(file->sync, what, (oskit_u64_t)offset,
                                             range_last(offset, length), &file->sync_seen));
}

long sys_sync_file_range(long number, long offset, long length, long flags)
{
    int64_t end;
    struct fd fd = fd_get((int)number);
    if (!fd.file)
        return -ABI_EBADF;
    long result = -ABI_EINVAL;
    if (!(flags & ~RANGE_FLAGS) && offset >= 0 && length >= 0 &&
        !__builtin_add_overflow(offset, length, &end))
        result = range_sync(fd.file, offset, length, flags);
    fd_put(fd);
    return result;
}

/* ---- Advice ---- */

static long file_advise(struct openfile *file, long offset, long length, long advice)
{
    if (openfile_is_path(file))
        return -ABI_EBADF;
    if (openfile_type(file) == OSKIT_S_IFIFO)
        return -ABI_ESPIPE;
    if (length < 0 || advice < ABI_POSIX_FADV_NORMAL || advice > ABI_POSIX_FADV_NOREUSE)
        return -ABI_EINVAL;
    if (!file->sync || offset < 0)
        return 0;
    return errno_from_oskit(sluice_sync_advise(file->sync, (oskit_u32_t)advice, (oskit_u64_t)offset,
                                               range_last(offset, length)));
}

long sys_fadvise64(long number, long offset, long length, long advice)
{
    struct fd fd = fd_get((int)number);
    if (!fd.file)
        return -ABI_EBADF;
    long result = file_advise(fd.file, offset, length, advice);
    fd_put(fd);
    return result;
}

static long file_read_ahead(struct openfile *file, long offset, long size)
{
    if (!openfile_readable(file) || openfile_is_path(file))
        return -ABI_EBADF;
    if (!type_has_pages(openfile_type(file)))
        return -ABI_EINVAL;
    if (!file->sync || offset < 0 || size <= 0)
        return 0;
    return errno_from_oskit(sluice_sync_advise(file->sync, ADVICE_WILLNEED, (oskit_u64_t)offset,
                                               range_last(offset, size)));
}

long sys_readahead(long number, long offset, long size)
{
    struct fd fd = fd_get((int)number);
    if (!fd.file)
        return -ABI_EBADF;
    long result = file_read_ahead(fd.file, offset, size);
    fd_put(fd);
    return result;
}
