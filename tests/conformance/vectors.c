/* Reading and writing with vectors: how many parts, at which place, with which flags. */
#include "show.h"

#include <sys/syscall.h>
#include <sys/uio.h>

/* Those that the C library doesn't tell of. */
#define RWF_HIPRI  1
#define RWF_DSYNC  2
#define RWF_SYNC   4
#define RWF_APPEND 16

#define UNKNOWN_FLAG 0x40000000

static char text[2 * IOV_MAX];
static struct iovec parts[2 * IOV_MAX];

static long preadv2(int fd, const struct iovec *at, int count, off_t offset, int flags)
{
    return syscall(SYS_preadv2, fd, at, (long)count, offset, 0L, flags);
}

static long pwritev2(int fd, const struct iovec *at, int count, off_t offset, int flags)
{
    return syscall(SYS_pwritev2, fd, at, (long)count, offset, 0L, flags);
}

/* Each part is one byte. */
static void cut(void)
{
    for (size_t n = 0; n < COUNT(parts); n++) {
        text[n] = (char)('a' + n % 26);
        parts[n] = (struct iovec){text + n, 1};
    }
}

static long place(int fd)
{
    return lseek(fd, 0, SEEK_CUR);
}

static void counts(int fd)
{
    static const int numbers[] = {-1, 0, 1, IOV_MAX - 1, IOV_MAX, IOV_MAX + 1, INT_MAX, INT_MIN};

    for (size_t n = 0; n < COUNT(numbers); n++) {
        printf("== %d parts\n", numbers[n]);
        SHOW(writev(fd, parts, numbers[n]));
        SHOW(pwritev(fd, parts, numbers[n], 0));
        SHOW(pwritev2(fd, parts, numbers[n], 0, 0));
        SHOW(lseek(fd, 0, SEEK_SET));
        SHOW(readv(fd, parts, numbers[n]));
        SHOW(preadv(fd, parts, numbers[n], 0));
        SHOW(preadv2(fd, parts, numbers[n], 0, 0));
        SHOW(place(fd));
    }
}

/* Parts whose length is no length, or together too much. */
static void lengths(int fd)
{
    struct iovec odd[3] = {{text, 4}, {text, (size_t)-1}, {text, 4}};

    puts("== lengths");
    SHOW(writev(fd, odd, 3));
    SHOW(readv(fd, odd, 3));
    SHOW(pwritev2(fd, odd, 2, 0, 0));
    SHOW(preadv2(fd, odd, 2, 0, 0));
    odd[1] = (struct iovec){NULL, 0};
    SHOW(pwritev2(fd, odd, 3, 0, 0));
    SHOW(preadv2(fd, odd, 3, 0, 0));
    odd[1] = (struct iovec){(void *)1, 4};
    SHOW(pwritev2(fd, odd + 1, 2, 0, 0));
    SHOW(preadv2(fd, odd + 1, 2, 0, 0));
    SHOW(preadv2(fd, (struct iovec *)1, 1, 0, 0));
}

/* -1 stands for the file's own place in the calls with flags, and for nothing in the others. */
static void places(int fd)
{
    static const off_t offsets[] = {0, 5, 1 << 20, -1, -2, LONG_MIN, LONG_MAX, LONG_MAX - 1};

    for (size_t n = 0; n < COUNT(offsets); n++) {
        printf("== at %ld\n", (long)offsets[n]);
        SHOW(ftruncate(fd, 10));
        SHOW(lseek(fd, 2, SEEK_SET));
        SHOW(preadv(fd, parts, 3, offsets[n]));
        SHOW(preadv2(fd, parts, 3, offsets[n], 0));
        SHOW(place(fd));
        SHOW(pwritev(fd, parts, 3, offsets[n]));
        SHOW(pwritev2(fd, parts, 3, offsets[n], 0));
        SHOW(place(fd));
        SHOW(lseek(fd, 0, SEEK_END));
    }
}

static void flags(int fd)
{
    puts("== flags");
    SHOW(ftruncate(fd, 10));
    SHOW(lseek(fd, 2, SEEK_SET));
    SHOW(pwritev2(fd, parts, 3, 0, RWF_DSYNC));
    SHOW(pwritev2(fd, parts, 3, 0, RWF_SYNC));
    SHOW(pwritev2(fd, parts, 3, 0, RWF_DSYNC | RWF_SYNC | RWF_HIPRI));
    SHOW(preadv2(fd, parts, 3, 0, RWF_HIPRI));
    SHOW(preadv2(fd, parts, 3, 0, RWF_DSYNC));
    SHOW(preadv2(fd, parts, 3, 0, UNKNOWN_FLAG));
    SHOW(pwritev2(fd, parts, 3, 0, UNKNOWN_FLAG));
    SHOW(preadv2(-1, parts, 3, 0, UNKNOWN_FLAG));
    SHOW(preadv2(-1, parts, 3, -2, UNKNOWN_FLAG));
    SHOW(preadv2(fd, parts, 0, 0, UNKNOWN_FLAG));
    SHOW(pwritev2(fd, parts, -1, 0, UNKNOWN_FLAG));
    SHOW(place(fd));
}

/* Whatever the place, what is written lies at the end; only a call at the own place moves that. */
static void append(int fd)
{
    puts("== append");
    SHOW(pwritev2(fd, parts, 3, 0, RWF_APPEND));
    SHOW(place(fd));
    SHOW(pwritev2(fd, parts, 3, -1, RWF_APPEND));
    SHOW(place(fd));
    SHOW(pwritev2(fd, parts, 3, -2, RWF_APPEND));
    SHOW(lseek(fd, 0, SEEK_END));
}

static void pipes(void)
{
    int fds[2];

    puts("== a pipe");
    if (pipe(fds) < 0)
        return;
    SHOW(pwritev2(fds[1], parts, IOV_MAX, -1, 0));
    SHOW(preadv2(fds[0], parts, 2, -1, 0));
    SHOW(preadv2(fds[0], parts, 2, 0, 0));
    SHOW(preadv(fds[0], parts, 2, 0));
    SHOW(pwritev2(fds[1], parts, 2, 0, 0));
    SHOW(pwritev(fds[1], parts, 2, 0));
    SHOW(readv(fds[0], parts, IOV_MAX));
    SHOW(readv(fds[1], parts, 1));
    SHOW(writev(fds[0], parts, 1));
    close(fds[0]);
    close(fds[1]);
}

static void directions(void)
{
    int reader = open("file", O_RDONLY), writer = open("file", O_WRONLY);

    puts("== directions");
    SHOW(preadv2(writer, parts, 1, 0, 0));
    SHOW(preadv2(writer, parts, 1, 0, UNKNOWN_FLAG));
    SHOW(pwritev2(reader, parts, 1, 0, UNKNOWN_FLAG));
    SHOW(pwritev2(reader, parts, 1, 0, 0));
    SHOW(preadv2(-1, parts, 1, 0, 0));
    SHOW(pwritev2(-1, parts, 1, 0, 0));
    close(reader);
    close(writer);
}

int main(void)
{
    fresh_place();
    int fd = open("file", O_RDWR | O_CREAT, 0600);

    cut();
    counts(fd);
    lengths(fd);
    places(fd);
    flags(fd);
    append(fd);
    pipes();
    directions();
    close(fd);
    leave_place();
    return 0;
}
