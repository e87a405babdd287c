/* Hints about reading ahead and calls that write back, on each kind of descriptor. */
#include "show.h"

#include <sys/socket.h>
#include <sys/syscall.h>

/* Those that the C library doesn't tell of. */
#define SYNC_FILE_RANGE_WAIT_BEFORE 1
#define SYNC_FILE_RANGE_WRITE       2
#define SYNC_FILE_RANGE_WAIT_AFTER  4

static long fadvise64(int fd, off_t offset, off_t length, int advice)
{
    return syscall(SYS_fadvise64, fd, offset, length, advice);
}

static long sync_file_range(int fd, off_t offset, off_t length, unsigned int flags)
{
    return syscall(SYS_sync_file_range, fd, offset, length, flags);
}

static void advices(int fd)
{
    SHOW(fadvise64(fd, 0, 0, POSIX_FADV_NORMAL));
    SHOW(fadvise64(fd, 0, 100, POSIX_FADV_RANDOM));
    SHOW(fadvise64(fd, 0, 100, POSIX_FADV_SEQUENTIAL));
    SHOW(fadvise64(fd, 0, 100, POSIX_FADV_WILLNEED));
    SHOW(fadvise64(fd, 0, 100, POSIX_FADV_DONTNEED));
    SHOW(fadvise64(fd, 0, 100, POSIX_FADV_NOREUSE));
    SHOW(fadvise64(fd, 0, 100, 6));
    SHOW(fadvise64(fd, 0, 100, -1));
    SHOW(fadvise64(fd, 0, -1, POSIX_FADV_NORMAL));
    SHOW(fadvise64(fd, 1L << 40, 1, POSIX_FADV_NORMAL));
}

static void ahead(int fd)
{
    SHOW(readahead(fd, 0, 100));
    SHOW(readahead(fd, 0, 0));
    SHOW(readahead(fd, 1L << 40, 1));
}

static void ranges(int fd)
{
    SHOW(sync_file_range(fd, 0, 0, 0));
    SHOW(sync_file_range(fd, 0, 10, SYNC_FILE_RANGE_WRITE));
    SHOW(sync_file_range(fd, 0, 10, SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WAIT_AFTER));
    SHOW(sync_file_range(fd, 0, 10, 7));
    SHOW(sync_file_range(fd, 0, 10, 8));
    SHOW(sync_file_range(fd, -1, 10, 7));
    SHOW(sync_file_range(fd, 0, -1, 7));
    SHOW(sync_file_range(fd, LONG_MAX, LONG_MAX, 7));
}

static void whole(int fd)
{
    SHOW(fsync(fd));
    SHOW(fdatasync(fd));
    SHOW(syncfs(fd));
}

static int open_kind(const char *kind)
{
    int fds[2] = {-1, -1};

    if (!strcmp(kind, "pipe"))
        return pipe(fds) < 0 ? -1 : fds[0];
    if (!strcmp(kind, "socket"))
        return socket(AF_UNIX, SOCK_STREAM, 0);
    if (!strcmp(kind, "path"))
        return open("file", O_PATH);
    if (!strcmp(kind, "writer"))
        return open("file", O_WRONLY);
    if (!strcmp(kind, "reader"))
        return open("file", O_RDONLY);
    return open(kind, O_RDWR | O_NONBLOCK);
}

int main(void)
{
    static const char *const kinds[] = {"file", "reader", "writer",    "path",      "fifo",
                                        "pipe", "socket", "/dev/null", "/dev/zero", "nowhere"};

    fresh_place();
    put_file("file", "some content", 0600);
    SHOW(mkfifo("fifo", 0600));
    for (size_t n = 0; n < COUNT(kinds); n++) {
        int fd = open_kind(kinds[n]);
        printf("== %s\n", kinds[n]);
        advices(fd);
        ahead(fd);
        ranges(fd);
        whole(fd);
        if (fd >= 0)
            close(fd);
    }
    puts("== everything");
    sync();
    SHOW(fsync(open("file", O_RDWR)));
    leave_place();
    return 0;
}
