/* read, write and their relatives. */
#include "kernel/abi/fcntl.h"
#include "kernel/sys/sys.h"

#define RWF_HIPRI  0x1
#define RWF_DSYNC  0x2
#define RWF_SYNC   0x4
#define RWF_NOWAIT 0x8
#define RWF_APPEND 0x10

typedef long (*transfer_fn)(struct openfile *file, struct sluice_uio *uio, const int64_t *offset,
                            uint32_t flags);

/* One buffer of any length. */
static long transfer_long(struct openfile *file, long buffer, long size, const int64_t *offset,
                          transfer_fn transfer)
{
    struct sluice_uio uio;
    struct sluice_iovec segment;
    long result = uio_from_user(&uio, &segment, buffer, size);
    return result ? result : transfer(file, &uio, offset, 0);
}

static long transfer_at(long number, long buffer, long size, long offset, transfer_fn transfer)
{
    if (offset < 0)
        return -ABI_EINVAL;
    struct fd fd = fd_get_inline((int)number);
    if (!fd.file)
        return -ABI_EBADF;
    long result = transfer_long(fd.file, buffer, size, &offset, transfer);
    fd_put(fd);
    return result;
}

/* What the file is open for is told before a flag that nobody knows. */
static long rwf_flags(const struct openfile *file, long flags, transfer_fn transfer, uint32_t *out)
{
    if (flags & ~(RWF_HIPRI | RWF_DSYNC | RWF_SYNC | RWF_NOWAIT | RWF_APPEND)) {
        bool open = transfer == openfile_write ? openfile_writable(file) : openfile_readable(file);
        return open ? -ABI_EOPNOTSUPP : -ABI_EBADF;
    }
    *out = (flags & (RWF_DSYNC | RWF_SYNC) ? VECIO_SYNC : 0) |
           (flags & RWF_NOWAIT ? VECIO_NONBLOCK : 0) | (flags & RWF_APPEND ? VECIO_APPEND : 0);
    return 0;
}

/* RWF: RWF_*; nothing to move is no place to complain of them. */
static long transfer_iov(long number, long vector, long count, const int64_t *offset, long rwf,
                         transfer_fn transfer)
{
    uint32_t flags = 0;
    struct sluice_uio uio;
    struct user_iov iov;
    struct fd fd = fd_get((int)number);
    if (!fd.file)
        return -ABI_EBADF;
    long result = iov_from_user(&iov, &uio, vector, count);
    if (!result && uio.left && rwf)
        result = rwf_flags(fd.file, rwf, transfer, &flags);
    if (!result && (uio.left || !fd.file->socket)) /* a vector of nothing is no datagram */
        result = transfer(fd.file, &uio, offset, flags);
    iov_release(&iov);
    fd_put(fd);
    return result;
}

long sys_read(long number, long buffer, long size)
{
    struct sluice_uio uio;
    struct sluice_iovec segment;
    long result;
    struct fd fd = fd_get_inline((int)number);
    if (!fd.file)
        return -ABI_EBADF;
    /* Nothing isn't simple: sockets have it leave a datagram where it is. */
    if (__builtin_expect((unsigned long)size - 1 < TRANSFER_PIECE, 1)) {
        uio_init_user(&uio, &segment, (void *)buffer, (size_t)size);
        result = openfile_read_piece(fd.file, &uio);
    } else {
        result = transfer_long(fd.file, buffer, size, NULL, openfile_read);
    }
    fd_put(fd);
    return result;
}

long sys_write(long number, long buffer, long size)
{
    struct sluice_uio uio;
    struct sluice_iovec segment;
    long result;
    struct fd fd = fd_get_inline((int)number);
    if (!fd.file)
        return -ABI_EBADF;
    if (__builtin_expect((unsigned long)size <= TRANSFER_PIECE, 1)) {
        uio_init_user(&uio, &segment, (void *)buffer, (size_t)size);
        result = openfile_write_piece(fd.file, &uio);
    } else {
        result = transfer_long(fd.file, buffer, size, NULL, openfile_write);
    }
    fd_put(fd);
    return result;
}

long sys_pread64(long fd, long buffer, long size, long offset)
{
    return transfer_at(fd, buffer, size, offset, openfile_read);
}

long sys_pwrite64(long fd, long buffer, long size, long offset)
{
    return transfer_at(fd, buffer, size, offset, openfile_write);
}

long sys_readv(long fd, long vector, long count)
{
    return transfer_iov(fd, vector, count, NULL, 0, openfile_read);
}

long sys_writev(long fd, long vector, long count)
{
    return transfer_iov(fd, vector, count, NULL, 0, openfile_write);
}

/* The offset comes in two halves for 32-bit programs' sake; on 64 bit the low one is all. */
long sys_preadv(long fd, long vector, long count, long low, long high)
{
    (void)high;
    return low < 0 ? -ABI_EINVAL : transfer_iov(fd, vector, count, &low, 0, openfile_read);
}

long sys_pwritev(long fd, long vector, long count, long low, long high)
{
    (void)high;
    return low < 0 ? -ABI_EINVAL : transfer_iov(fd, vector, count, &low, 0, openfile_write);
}

/* Offset -1 means the file's own. */
static long transfer_iov2(long fd, long vector, long count, long offset, long flags,
                          transfer_fn transfer)
{
    if (offset < -1)
        return -ABI_EINVAL;
    return transfer_iov(fd, vector, count, offset == -1 ? NULL : &offset, flags, transfer);
}

long sys_preadv2(long fd, long vector, long count, long low, long high, long flags)
{
    (void)high;
    return transfer_iov2(fd, vector, count, low, flags, openfile_read);
}

long sys_pwritev2(long fd, long vector, long count, long low, long high, long flags)
{
    (void)high;
    return transfer_iov2(fd, vector, count, low, flags, openfile_write);
}

/* ---- lseek ---- */

static long file_size(struct openfile *file, int64_t *out)
{
    oskit_stat_t stat;
    if (file->absio) {
        oskit_off_t size;
        long error = errno_from_oskit(oskit_absio_getsize(file->absio, &size));
        *out = size;
        return error;
    }
    if (!file->posixio)
        return -ABI_EINVAL;
    long error = errno_from_oskit(oskit_posixio_stat(file->posixio, &stat));
    *out = stat.size;
    return error;
}

static long seek_base(struct openfile *file, long whence, int64_t *base)
{
    switch (whence) {
    case ABI_SEEK_SET:
        *base = 0;
        return 0;
    case ABI_SEEK_CUR:
        *base = file->offset;
        return 0;
    case ABI_SEEK_END:
        return file_size(file, base);
    default:
        return -ABI_EINVAL;
    }
}

/* The file system knows; where it doesn't all is data, and the only hole is at the end, which POSIX
 * allows. */
static long seek_hole(struct openfile *file, int64_t offset, bool data)
{
    sluice_filex_t *filex = file->location.name ? location_filex(&file->location) : NULL;
    oskit_off_t found;
    int64_t size;
    oskit_error_t answer = filex ? filex->ops->seek(filex, offset, !data, &found) : OSKIT_E_NOTIMPL;
    if (answer != OSKIT_E_NOTIMPL)
        return answer ? errno_from_oskit(answer) : found;
    long error = file_size(file, &size);
    if (error)
        return error;
    if (offset < 0 || offset >= size)
        return -ABI_ENXIO;
    return data ? offset : size;
}

static long openfile_seek(struct openfile *file, int64_t offset, long whence)
{
    int64_t base, target;
    bool directory = file->location.name && location_dir(&file->location);
    if (directory && whence != ABI_SEEK_SET && whence != ABI_SEEK_CUR)
        return -ABI_EINVAL; /* its entries are no bytes */
    if (whence == ABI_SEEK_DATA || whence == ABI_SEEK_HOLE) {
        target = seek_hole(file, offset, whence == ABI_SEEK_DATA);
        if (target < 0)
            return target;
    } else {
        long error = seek_base(file, whence, &base);
        if (error)
            return error;
        if (__builtin_add_overflow(base, offset, &target))
            return -ABI_EINVAL;
        if (target < 0)
            return -ABI_EINVAL;
    }
    file->offset = target;
    return target;
}

static bool openfile_seekable(const struct openfile *file)
{
    return file->absvec || file->absio || (file->location.name && location_dir(&file->location));
}

long sys_lseek(long number, long offset, long whence)
{
    struct fd fd = fd_get((int)number);
    if (!fd.file)
        return -ABI_EBADF;
    long result = -ABI_ESPIPE;
    if (whence < ABI_SEEK_SET || whence > ABI_SEEK_HOLE) {
        result = -ABI_EINVAL;
    } else if ((fd.file->streamvec && fd.file->absvec) || openfile_is_anonymous(fd.file)) {
        result = 0; /* null, zero and anonymous objects go anywhere and stay where they are */
    } else if (openfile_seekable(fd.file)) {
        env_mutex_lock(&fd.file->offset_mutex);
        result = openfile_seek(fd.file, offset, whence);
        env_mutex_unlock(&fd.file->offset_mutex);
    }
    fd_put(fd);
    return result;
}
