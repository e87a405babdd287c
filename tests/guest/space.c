/* memfd_create, and space of files: fallocate, posix_fadvise, readahead, sync_file_range, syncfs.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include "ktap.h"

#define KEEP_SIZE  1
#define PUNCH_HOLE 2

static long do_memfd(const char *name, unsigned flags)
{
    return syscall(SYS_memfd_create, name, flags);
}

static long do_allocate(int fd, int mode, off_t offset, off_t length)
{
    return syscall(SYS_fallocate, fd, mode, offset, length);
}

static long do_advise(int fd, off_t offset, off_t length, int advice)
{
    return syscall(SYS_fadvise64, fd, offset, length, advice);
}

static long do_sync_range(int fd, off_t offset, off_t length, unsigned flags)
{
    return syscall(SYS_sync_file_range, fd, offset, length, flags);
}

static off_t size_of(int fd)
{
    struct stat st;
    CHECK(fstat(fd, &st) == 0);
    return st.st_size;
}

TEST(memfd, "memfd_create makes a file without a name that can be written, mapped and resized")
{
    struct stat st;
    char text[8], link[300], path[64];
    int fd = do_memfd("thing", 0), other = do_memfd("thing", 1);
    CHECK(fd >= 0 && other >= 0 && fd != other);
    CHECK_EQUAL(fcntl(fd, F_GETFD), 0);
    CHECK_EQUAL(fcntl(other, F_GETFD), FD_CLOEXEC);
    CHECK_EQUAL(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDWR);
    CHECK(fstat(fd, &st) == 0 && S_ISREG(st.st_mode));
    CHECK_EQUAL(st.st_mode & 07777, 0777);
    CHECK_EQUAL(st.st_size, 0);
    CHECK_EQUAL(st.st_nlink, 0);
    CHECK(ftruncate(fd, 10000) == 0);
    char *map = mmap(NULL, 10000, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(map != MAP_FAILED);
    CHECK(pwrite(fd, "written", 7, 5000) == 7);
    CHECK(!memcmp(map + 5000, "written", 7));
    memcpy(map, "mapped", 6);
    CHECK(pread(fd, text, 6, 0) == 6 && !memcmp(text, "mapped", 6));
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(path, link, sizeof link - 1);
    CHECK(length > 0);
    link[length] = 0;
    CHECK_STRING(link, "/memfd:thing (deleted)");
    int again = open(path, O_RDONLY);
    CHECK(again >= 0);
    CHECK(read(again, text, 6) == 6 && !memcmp(text, "mapped", 6));
    CHECK(munmap(map, 10000) == 0 && close(fd) == 0 && close(again) == 0);
}

TEST(memfd_errors, "memfd_create refuses unknown flags and bad names")
{
    char name[300];
    memset(name, 'n', sizeof name);
    name[250] = 0;
    CHECK_ERROR(do_memfd("x", 0x80), EINVAL);
    CHECK_ERROR(do_memfd(name, 0), EINVAL);
    name[249] = 0;
    CHECK(do_memfd(name, 0) >= 0);
    CHECK(do_memfd("", 0) >= 0);
    CHECK(do_memfd("with/a/slash", 0) >= 0);
    CHECK_ERROR(do_memfd((const char *)8, 0), EFAULT);
}

TEST(memfd_inherited, "a child shares the file and its offset")
{
    char text[5];
    int fd = do_memfd("shared", 0);
    CHECK_CHILD(CHILD({ CHECK(write(fd, "child", 5) == 5); }));
    CHECK_EQUAL(lseek(fd, 0, SEEK_CUR), 5);
    CHECK(pread(fd, text, 5, 0) == 5 && !memcmp(text, "child", 5));
}

TEST(allocate, "fallocate extends, keeps the size, and punches holes")
{
    char block[8192];
    int fd = do_memfd("space", 0);
    CHECK_EQUAL(do_allocate(fd, 0, 0, 10000), 0);
    CHECK_EQUAL(size_of(fd), 10000);
    CHECK_EQUAL(do_allocate(fd, KEEP_SIZE, 0, 100000), 0);
    CHECK_EQUAL(size_of(fd), 10000);
    memset(block, 'x', sizeof block);
    CHECK(pwrite(fd, block, sizeof block, 0) == sizeof block);
    CHECK_EQUAL(do_allocate(fd, PUNCH_HOLE | KEEP_SIZE, 100, 5000), 0);
    CHECK_EQUAL(size_of(fd), 10000);
    CHECK(pread(fd, block, sizeof block, 0) == sizeof block);
    for (int i = 0; i < 8192; i++)
        if (block[i] != (i >= 100 && i < 5100 ? 0 : 'x'))
            FAIL("byte %d is %d", i, block[i]);
}

TEST(allocate_errors, "fallocate refuses what it must")
{
    int fd = do_memfd("space", 0), p[2], directory = open(".", O_RDONLY);
    CHECK(pipe(p) == 0);
    int reader = open("file", O_RDONLY | O_CREAT, 0600), null = open("/dev/null", O_RDWR);
    CHECK_ERROR(do_allocate(-1, 0, 0, 1), EBADF);
    CHECK_ERROR(do_allocate(fd, 0, -1, 1), EINVAL);
    CHECK_ERROR(do_allocate(fd, 0, 0, 0), EINVAL);
    CHECK_ERROR(do_allocate(fd, 0, 0, -1), EINVAL);
    CHECK_ERROR(do_allocate(fd, 0x100, 0, 1), EOPNOTSUPP);
    CHECK_ERROR(do_allocate(fd, PUNCH_HOLE, 0, 1), EOPNOTSUPP);
    CHECK_ERROR(do_allocate(reader, 0, 0, 1), EBADF);
    CHECK_ERROR(do_allocate(directory, 0, 0, 1), EBADF);
    CHECK_ERROR(do_allocate(p[1], 0, 0, 1), ESPIPE);
    CHECK_ERROR(do_allocate(null, 0, 0, 1), ENODEV);
    CHECK_ERROR(do_allocate(fd, 0, 0x7fffffffffffffff, 1), EFBIG);
}

TEST(allocate_limit, "fallocate obeys RLIMIT_FSIZE")
{
    struct rlimit limit = {5000, 5000};
    int fd = do_memfd("space", 0);
    signal(SIGXFSZ, SIG_IGN);
    CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    CHECK_EQUAL(do_allocate(fd, 0, 0, 5000), 0);
    CHECK_ERROR(do_allocate(fd, 0, 0, 5001), EFBIG);
}

TEST(advice, "advice is checked and taken")
{
    int fd = do_memfd("advice", 0), p[2];
    CHECK(pipe(p) == 0);
    for (int i = 0; i <= 5; i++)
        CHECK_EQUAL(do_advise(fd, 0, 100, i), 0);
    CHECK_ERROR(do_advise(fd, 0, 100, 6), EINVAL);
    CHECK_ERROR(do_advise(fd, 0, -1, 0), EINVAL);
    CHECK_ERROR(do_advise(p[0], 0, 0, 0), ESPIPE);
    CHECK_ERROR(do_advise(-1, 0, 0, 0), EBADF);
    int file = open("file", O_RDWR | O_CREAT, 0600), writer = open("file", O_WRONLY);
    CHECK_EQUAL(syscall(SYS_readahead, file, 0l, 100l), 0);
    CHECK_ERROR(syscall(SYS_readahead, writer, 0l, 100l), EBADF);
    CHECK_ERROR(syscall(SYS_readahead, p[0], 0l, 100l), EINVAL);
    CHECK_ERROR(syscall(SYS_readahead, -1, 0l, 100l), EBADF);
}

TEST(write_back, "sync_file_range and syncfs check what they are asked")
{
    int fd = open("file", O_RDWR | O_CREAT, 0600), p[2];
    CHECK(pipe(p) == 0);
    CHECK_EQUAL(do_sync_range(fd, 0, 0, 7), 0);
    CHECK_EQUAL(do_sync_range(fd, 10, 100, 2), 0);
    CHECK_ERROR(do_sync_range(fd, 0, 0, 8), EINVAL);
    CHECK_ERROR(do_sync_range(fd, -1, 0, 2), EINVAL);
    CHECK_ERROR(do_sync_range(fd, 1, -1, 2), EINVAL);
    CHECK_ERROR(do_sync_range(p[0], 0, 0, 2), ESPIPE);
    CHECK_ERROR(do_sync_range(-1, 0, 0, 2), EBADF);
    CHECK_EQUAL(syscall(SYS_syncfs, fd), 0);
    CHECK_EQUAL(syscall(SYS_syncfs, p[0]), 0);
    CHECK_ERROR(syscall(SYS_syncfs, -1), EBADF);
}
