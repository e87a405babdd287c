/* Which error comes where several could: reads, writes, seeks and opens of what doesn't suit. */
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include "ktap.h"

TEST(directories, "directories refuse bytes, and seek as tmpfs has it")
{
    char byte;
    int fd = open(".", O_RDONLY);
    CHECK_ERROR(read(fd, &byte, 1), EISDIR);
    CHECK_ERROR(pread(fd, &byte, 1, 0), EISDIR);
    CHECK_ERROR(write(fd, "x", 1), EBADF);
    CHECK_ERROR(pwrite(fd, "x", 1, 0), EBADF);
    CHECK_EQUAL(lseek(fd, 0, SEEK_SET), 0);
    CHECK_ERROR(lseek(fd, 0, 99), EINVAL);
    CHECK_ERROR(open(".", O_WRONLY), EISDIR);
    /* Linux refuses this since 6.4. */
    CHECK_ERROR(open("new", O_RDWR | O_CREAT | O_DIRECTORY, 0600), EINVAL);
}

TEST(tmpfs_directories, "a directory of tmpfs has places, and no end")
{
    /* Where there is none, all directories are like that. */
    char shared[] = "/dev/shm/ktap.XXXXXX", here[] = "ktap.XXXXXX";
    char *name = access("/dev/shm", W_OK) == 0 ? shared : here;
    CHECK(mkdtemp(name));
    int fd = open(name, O_RDONLY);
    CHECK(rmdir(name) == 0);
    CHECK_EQUAL(lseek(fd, 3, SEEK_SET), 3);
    CHECK_EQUAL(lseek(fd, 3, SEEK_CUR), 6);
    CHECK_ERROR(lseek(fd, 0, SEEK_END), EINVAL);
    CHECK_ERROR(lseek(fd, 0, SEEK_DATA), EINVAL);
    CHECK_ERROR(lseek(fd, -7, SEEK_CUR), EINVAL);
}

TEST(paths_only, "O_PATH descriptors don't move")
{
    int fd = open("file", O_RDWR | O_CREAT, 0600);
    CHECK(fd >= 0);
    int path = open("file", 010000000);
    char byte;
    CHECK(path >= 0);
    CHECK_ERROR(lseek(path, 0, SEEK_SET), EBADF);
    CHECK_ERROR(read(path, &byte, 1), EBADF);
    CHECK_ERROR(ftruncate(path, 0), EBADF);
    CHECK_ERROR(fsync(path), EBADF);
}

TEST(pipes, "pipes have no offsets, whichever end")
{
    int p[2];
    char byte;
    CHECK(pipe(p) == 0);
    CHECK_ERROR(pread(p[0], &byte, 1, 0), ESPIPE);
    CHECK_ERROR(pwrite(p[0], "x", 1, 0), ESPIPE);
    CHECK_ERROR(pread(p[1], &byte, 1, 0), ESPIPE);
    CHECK_ERROR(pwrite(p[1], "x", 1, 0), ESPIPE);
    CHECK_ERROR(pwrite(p[1], "x", 1, -1), EINVAL);
    CHECK_ERROR(lseek(p[0], 0, SEEK_SET), ESPIPE);
    CHECK_ERROR(lseek(p[0], 0, SEEK_END), ESPIPE);
    CHECK_ERROR(lseek(p[0], 0, 99), EINVAL);
    CHECK_ERROR(read(p[1], &byte, 1), EBADF);
    CHECK_ERROR(write(p[0], "x", 1), EBADF);
}

TEST(fifos, "a FIFO open for reading refuses to be written")
{
    CHECK(mkfifo("fifo", 0600) == 0);
    int fd = open("fifo", O_RDONLY | O_NONBLOCK);
    CHECK(fd >= 0);
    CHECK_ERROR(pwrite(fd, "x", 1, 0), ESPIPE);
    CHECK_ERROR(write(fd, "x", 1), EBADF);
}

TEST(links, "readlink wants a name and a buffer")
{
    char text[10];
    CHECK(symlink("there", "link") == 0);
    CHECK_ERROR(readlink("", text, sizeof text), ENOENT);
    CHECK_ERROR(readlink(".", text, sizeof text), EINVAL);
    CHECK_ERROR(syscall(SYS_readlink, "link", text, 0), EINVAL);
    CHECK_ERROR(syscall(SYS_readlinkat, AT_FDCWD, "", text, sizeof text), ENOENT);
    CHECK_EQUAL(readlink("link", text, sizeof text), 5);
    int fd = open("link", 010000000 | O_NOFOLLOW);
    CHECK(fd >= 0);
    CHECK_EQUAL(syscall(SYS_readlinkat, fd, "", text, sizeof text), 5);
}

TEST(seeking, "lseek stays within what offsets can be")
{
    int fd = open("file", O_RDWR | O_CREAT, 0600);
    CHECK_ERROR(lseek(fd, -1, SEEK_SET), EINVAL);
    CHECK_ERROR(lseek(fd, 0, 99), EINVAL);
    CHECK_ERROR(lseek(fd, 0, SEEK_DATA), ENXIO);
    CHECK_ERROR(lseek(-1, 0, 99), EBADF);
    CHECK_EQUAL(lseek(fd, 0x7fffffff, SEEK_SET), 0x7fffffff);
}
