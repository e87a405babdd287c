/* Files: what is a little more than its system call. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <limits.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "internal.h"

int mkfifo(const char *path, mode_t mode)
{
    return mknod(path, (mode & 07777) | S_IFIFO, 0);
}

int mkfifoat(int dir, const char *path, mode_t mode)
{
    return mknodat(dir, path, (mode & 07777) | S_IFIFO, 0);
}

int fchmodat(int dir, const char *path, mode_t mode, int flags)
{
    if (flags) {
        errno = flags & ~AT_SYMLINK_NOFOLLOW ? EINVAL : EOPNOTSUPP;
        return -1;
    }
    return (int)CALL3(fchmodat, dir, path, mode);
}

/* An old kernel has no faccessat2; without flags the older call says the same. */
int faccessat(int dir, const char *path, int mode, int flags)
{
    if (!flags)
        return (int)CALL3(faccessat, dir, path, mode);
    return (int)CALL6(faccessat2, dir, path, mode, flags, 0, 0);
}

int eaccess(const char *path, int mode)
{
    return faccessat(AT_FDCWD, path, mode, AT_EACCESS);
}

int euidaccess(const char *path, int mode)
{
    return eaccess(path, mode);
}

/* The kernel takes the offset in two halves; on a 64-bit machine the low one is all of it. */
ssize_t preadv(int fd, const struct iovec *vector, int count, off_t offset)
{
    return CALL6(preadv, fd, vector, count, offset, 0, 0);
}

ssize_t pwritev(int fd, const struct iovec *vector, int count, off_t offset)
{
    return CALL6(pwritev, fd, vector, count, offset, 0, 0);
}

int posix_fallocate(int fd, off_t offset, off_t length)
{
    return (int)-SYS6(fallocate, fd, 0, offset, length, 0, 0);
}

int posix_fadvise(int fd, off_t offset, off_t length, int advice)
{
    return (int)-SYS6(fadvise64, fd, offset, length, advice, 0, 0);
}

int lockf(int fd, int command, off_t length)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_CUR, .l_len = length};

    switch (command) {
    case F_ULOCK:
        lock.l_type = F_UNLCK;
        return fcntl(fd, F_SETLK, &lock);
    case F_LOCK:
        return fcntl(fd, F_SETLKW, &lock);
    case F_TLOCK:
        return fcntl(fd, F_SETLK, &lock);
    case F_TEST:
        if (fcntl(fd, F_GETLK, &lock) < 0)
            return -1;
        if (lock.l_type == F_UNLCK || lock.l_pid == getpid())
            return 0;
        errno = EACCES;
        return -1;
    }
    errno = EINVAL;
    return -1;
}

static char *getcwd_allocated(void)
{
    char buffer[PATH_MAX];

    return CALL3(getcwd, buffer, sizeof(buffer), 0) < 0 ? NULL : strdup(buffer);
}

char *getcwd(char *buffer, size_t size)
{
    if (!buffer)
        return getcwd_allocated();
    if (!size) {
        errno = EINVAL;
        return NULL;
    }
    return CALL3(getcwd, buffer, size, 0) < 0 ? NULL : buffer;
}

char *get_current_dir_name(void)
{
    return getcwd_allocated();
}

char *getwd(char *buffer)
{
    return getcwd(buffer, PATH_MAX);
}

/* The path that the kernel knows an opened file by: it has resolved every link. */
char *realpath(const char *restrict path, char *restrict resolved)
{
    char link[32], name[PATH_MAX];
    struct stat opened, found;
    ssize_t length;
    int fd;

    if (!path) {
        errno = EINVAL;
        return NULL;
    }
    fd = open(path, O_PATH | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    length = readlink(link, name, sizeof(name) - 1);
    name[length < 0 ? 0 : length] = '\0';
    int same = length > 0 && fstat(fd, &opened) == 0 && stat(name, &found) == 0 &&
               opened.st_dev == found.st_dev && opened.st_ino == found.st_ino;
    close(fd);
    if (!same) {
        errno = length < 0 ? errno : ENOENT;
        return NULL;
    }
    return resolved ? strcpy(resolved, name) : strdup(name);
}

static void convert(const struct statfs *from, struct statvfs *to)
{
    memset(to, 0, sizeof(*to));
    to->f_bsize = from->f_bsize;
    to->f_frsize = from->f_frsize ? from->f_frsize : from->f_bsize;
    to->f_blocks = from->f_blocks;
    to->f_bfree = from->f_bfree;
    to->f_bavail = from->f_bavail;
    to->f_files = from->f_files;
    to->f_ffree = from->f_ffree;
    to->f_favail = from->f_ffree;
    to->f_fsid = (unsigned)from->f_fsid.__val[0];
    to->f_flag = from->f_flags;
    to->f_namemax = from->f_namelen;
}

int statvfs(const char *restrict path, struct statvfs *restrict result)
{
    struct statfs figures;

    if (statfs(path, &figures) < 0)
        return -1;
    convert(&figures, result);
    return 0;
}

int fstatvfs(int fd, struct statvfs *result)
{
    struct statfs figures;

    if (fstatfs(fd, &figures) < 0)
        return -1;
    convert(&figures, result);
    return 0;
}

int posix_madvise(void *address, size_t length, int advice)
{
    /* Linux's DONTNEED destroys; POSIX's is only a hint. */
    return advice == MADV_DONTNEED ? 0 : (int)-SYS3(madvise, address, length, advice);
}

int shm_open(const char *name, int flags, mode_t mode)
{
    char path[NAME_MAX + 16];

    name += strspn(name, "/");
    if (!*name || strchr(name, '/') || strlen(name) > NAME_MAX) {
        errno = EINVAL;
        return -1;
    }
    snprintf(path, sizeof(path), "/dev/shm/%s", name);
    return open(path, flags | O_NOFOLLOW | O_CLOEXEC, mode);
}

int shm_unlink(const char *name)
{
    char path[NAME_MAX + 16];

    name += strspn(name, "/");
    if (!*name || strchr(name, '/') || strlen(name) > NAME_MAX) {
        errno = EINVAL;
        return -1;
    }
    snprintf(path, sizeof(path), "/dev/shm/%s", name);
    return unlink(path);
}

int umount(const char *path)
{
    return umount2(path, 0);
}

int reboot(int command)
{
    return (int)CALL6(reboot, 0xfee1dead, 672274793, command, 0, 0, 0);
}
