/* Objects that have no name: what lseek, access, attributes and copies say of each kind. */
#include "show.h"

#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>

#define EMPTY_PATH 0x1000 /* AT_EMPTY_PATH */

static const char *const kinds[] = {"pipe to read", "pipe to write", "eventfd", "epoll", "timerfd",
                                    "signalfd",     "inotify",       "memfd",   "pty",   "null",
                                    "zero",         "fifo",          "folder",  "file",  "path"};

static int other = -1; /* the pipe's other end */

static int open_kind(const char *kind)
{
    int fds[2];
    sigset_t none;

    sigemptyset(&none);
    if (!strncmp(kind, "pipe", 4)) {
        if (pipe(fds) < 0)
            return -1;
        bool reader = !strcmp(kind, "pipe to read");
        other = fds[reader];
        return fds[!reader];
    }
    if (!strcmp(kind, "eventfd"))
        return eventfd(0, EFD_NONBLOCK);
    if (!strcmp(kind, "epoll"))
        return epoll_create1(0);
    if (!strcmp(kind, "timerfd"))
        return timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    if (!strcmp(kind, "signalfd"))
        return signalfd(-1, &none, SFD_NONBLOCK);
    if (!strcmp(kind, "inotify"))
        return inotify_init1(IN_NONBLOCK);
    if (!strcmp(kind, "memfd"))
        return syscall(SYS_memfd_create, "m", 0);
    if (!strcmp(kind, "pty"))
        return open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK);
    if (!strcmp(kind, "null"))
        return open("/dev/null", O_RDWR);
    if (!strcmp(kind, "zero"))
        return open("/dev/zero", O_RDWR);
    if (!strcmp(kind, "fifo"))
        return open("fifo", O_RDWR | O_NONBLOCK);
    if (!strcmp(kind, "folder"))
        return open("folder", O_RDONLY);
    return open("file", !strcmp(kind, "path") ? O_PATH : O_RDWR);
}

static void seeks(int fd)
{
    SHOW(lseek(fd, 0, SEEK_SET));
    SHOW(lseek(fd, 5, SEEK_SET));
    SHOW(lseek(fd, 0, SEEK_CUR));
    SHOW(lseek(fd, 2, SEEK_CUR));
    SHOW(lseek(fd, 0, SEEK_END));
    SHOW(lseek(fd, -1, SEEK_SET));
    SHOW(lseek(fd, 0, SEEK_DATA));
    SHOW(lseek(fd, 0, SEEK_HOLE));
    SHOW(lseek(fd, 0, 9));
}

static void positions(int fd)
{
    char text[64];

    SHOW(pread(fd, text, 0, 0));
    SHOW(pread(fd, text, 1, -1));
    SHOW(pwrite(fd, text, 0, 0));
    SHOW(ftruncate(fd, 0));
}

static void attributes(int fd)
{
    struct stat st;
    struct timespec times[2] = {{1000, 5}, {2000, 6}};

    SHOW(syscall(SYS_faccessat2, fd, "", R_OK | W_OK, EMPTY_PATH));
    SHOW(syscall(SYS_faccessat2, fd, "", X_OK, EMPTY_PATH));
    SHOW(syscall(SYS_faccessat2, fd, "", F_OK, EMPTY_PATH));
    SHOW(futimens(fd, NULL));
    SHOW(futimens(fd, times));
    if (fstat(fd, &st) == 0)
        printf("times %ld.%ld %ld.%ld\n", (long)(st.st_atime < 5000 ? st.st_atime : -1),
               st.st_atim.tv_nsec % 10 * (st.st_atime < 5000),
               (long)(st.st_mtime < 5000 ? st.st_mtime : -1),
               st.st_mtim.tv_nsec % 10 * (st.st_mtime < 5000));
    SHOW(syscall(SYS_utimensat, fd, "", times, EMPTY_PATH));
    SHOW(fchown(fd, -1, -1));
    SHOW(fchown(fd, 3, 4));
    SHOW(fchownat(fd, "", 5, 6, EMPTY_PATH));
    SHOW(fchmod(fd, 0640));
    if (fstat(fd, &st) == 0)
        printf("mode %o, owner %d, group %d, links %d\n", st.st_mode, st.st_uid, st.st_gid,
               (int)st.st_nlink);
    SHOW(fchown(fd, 0, 0));
    SHOW(fsync(fd));
}

static void copies(int fd)
{
    int file = open("file", O_RDWR);
    off_t at = 0;

    SHOW(syscall(SYS_copy_file_range, fd, NULL, file, NULL, 0ul, 0));
    SHOW(syscall(SYS_copy_file_range, file, NULL, fd, NULL, 0ul, 0));
    SHOW(syscall(SYS_copy_file_range, fd, NULL, file, NULL, 3ul, 0));
    SHOW(syscall(SYS_copy_file_range, file, NULL, fd, NULL, 3ul, 0));
    SHOW(syscall(SYS_copy_file_range, file, &at, fd, &at, 3ul, 0));
    SHOW(syscall(SYS_copy_file_range, file, NULL, fd, NULL, 3ul, 1));
    close(file);
}

static off_t off(off_t value)
{
    return value;
}

static long copy(int from, off_t in, int to, off_t out, size_t length)
{
    return syscall(SYS_copy_file_range, from, in < -9 ? NULL : &in, to, out < -9 ? NULL : &out,
                   length, 0);
}

/* Between files. */
static void copy_files(void)
{
    int from = open("from", O_RDWR | O_CREAT | O_TRUNC, 0600);
    int to = open("to", O_RDWR | O_CREAT | O_TRUNC, 0600);
    int append = open("to", O_WRONLY | O_APPEND), read_only = open("to", O_RDONLY);
    int write_only = open("from", O_WRONLY);
    char text[64] = "";

    SHOW(write(from, "0123456789", 10));
    SHOW(copy(from, 0, to, 0, 4));
    SHOW(copy(from, 8, to, 20, 100));
    SHOW(copy(from, 10, to, 0, 5));
    SHOW(copy(from, 100, to, 0, 5));
    SHOW(copy(from, -1, to, 0, 5));
    SHOW(copy(from, 0, to, -1, 5));
    SHOW(copy(from, 0, append, 0, 5));
    SHOW(copy(from, 0, read_only, 0, 5));
    SHOW(copy(write_only, 0, to, 0, 5));
    SHOW(copy(from, 0, from, 5, 5));
    SHOW(copy(from, 0, from, 3, 5));
    SHOW(copy(from, 3, from, 0, 5));
    SHOW(copy(from, 0, from, 0, 1));
    SHOW(copy(from, 0, from, 0, 0));
    SHOW(copy(from, off(LONG_MAX), to, 0, 5));
    SHOW(copy(from, 0, to, off(LONG_MAX), 5));
    SHOW(copy(from, off(LONG_MAX) - 2, to, 0, 5));
    SHOW(copy(from, 0, to, off(LONG_MAX) - 2, 5));
    SHOW(copy(from, 0, -1, 0, 5));
    SHOW(lseek(from, 2, SEEK_SET));
    SHOW(lseek(to, 3, SEEK_SET));
    SHOW(copy(from, -10, to, -10, 3));
    SHOW(lseek(from, 0, SEEK_CUR));
    SHOW(lseek(to, 0, SEEK_CUR));
    SHOW(pread(to, text, 60, 0));
    for (int n = 0; n < 24; n++)
        putchar(text[n] ? text[n] : '.');
    putchar('\n');
    off_t at = 4;
    SHOW(syscall(SYS_copy_file_range, from, &at, to, NULL, 2ul, 0));
    SHOW(at);
    SHOW(syscall(SYS_copy_file_range, from, (off_t *)1, to, NULL, 2ul, 0));
}

int main(void)
{
    fresh_place();
    put_file("file", "some content", 0600);
    SHOW(mkfifo("fifo", 0600));
    SHOW(mkdir("folder", 0700));
    for (size_t n = 0; n < COUNT(kinds); n++) {
        int fd = open_kind(kinds[n]);
        printf("== %s: %s\n", kinds[n], fd < 0 ? strerror(errno) : "open");
        if (fd < 0)
            continue;
        if (strcmp(kinds[n], "path")) {
            seeks(fd);
            positions(fd);
            copies(fd);
        }
        /* Devices and what stands on them are everybody's. */
        if (strcmp(kinds[n], "pty") && strcmp(kinds[n], "null") && strcmp(kinds[n], "zero"))
            attributes(fd);
        close(fd);
    }
    copy_files();
    leave_place();
    return 0;
}
