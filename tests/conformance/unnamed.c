/* O_TMPFILE, what becomes of the file when it gets a name; and what O_PATH's descriptors refuse. */
#include "show.h"

#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

static void show_file(int fd)
{
    struct stat st;

    if (fstat(fd, &st) == 0)
        printf("links %d, mode %o, size %ld\n", (int)st.st_nlink, (unsigned)st.st_mode,
               (long)st.st_size);
}

static const char *by_number(int fd)
{
    static char path[64];

    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    return path;
}

static void opens(void)
{
    puts("== O_TMPFILE");
    SHOW_OK(open(".", O_TMPFILE | O_RDONLY, 0600));
    SHOW_OK(open(".", O_TMPFILE | O_WRONLY, 0600));
    SHOW_OK(open(".", O_TMPFILE | O_RDWR | O_APPEND, 0600));
    SHOW_OK(open(".", O_TMPFILE | O_RDWR | O_CLOEXEC | O_SYNC, 0600));
    SHOW_OK(open(".", O_TMPFILE | O_RDWR | O_CREAT, 0600));
    SHOW_OK(open("file", O_TMPFILE | O_RDWR, 0600));
    SHOW_OK(open("link", O_TMPFILE | O_RDWR, 0600));
    SHOW_OK(open("nowhere", O_TMPFILE | O_RDWR, 0600));
    SHOW_OK(open("", O_TMPFILE | O_RDWR, 0600));
    SHOW_OK(open("/proc", O_TMPFILE | O_RDWR, 0600));
}

static void nameless(void)
{
    char text[8] = "";
    int fd = open(".", O_TMPFILE | O_RDWR, 0666);

    puts("== without a name");
    show_file(fd);
    SHOW(fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND));
    SHOW(write(fd, "hello", 5));
    SHOW(pread(fd, text, sizeof(text), 0));
    SHOW(fchmod(fd, 0751));
    SHOW(ftruncate(fd, 3));
    show_file(fd);
    SHOW_OK(open(by_number(fd), O_RDONLY));
    SHOW(unlink("named"));
    close(fd);
}

static void named(void)
{
    int fd = open(".", O_TMPFILE | O_RDWR, 0640);

    puts("== getting names");
    SHOW(write(fd, "hello", 5));
    SHOW(linkat(AT_FDCWD, by_number(fd), AT_FDCWD, "file", AT_SYMLINK_FOLLOW));
    SHOW(linkat(AT_FDCWD, by_number(fd), AT_FDCWD, "nowhere/x", AT_SYMLINK_FOLLOW));
    show_file(fd);
    SHOW(linkat(AT_FDCWD, by_number(fd), AT_FDCWD, "named", AT_SYMLINK_FOLLOW));
    show_file(fd);
    SHOW(linkat(fd, "", AT_FDCWD, "again", AT_EMPTY_PATH));
    SHOW(linkat(fd, "", AT_FDCWD, "again", AT_EMPTY_PATH));
    SHOW(linkat(-1, "", AT_FDCWD, "third", AT_EMPTY_PATH));
    show_file(fd);
    SHOW(unlink("named"));
    SHOW(unlink("again"));
    show_file(fd);
    SHOW(linkat(AT_FDCWD, by_number(fd), AT_FDCWD, "named", AT_SYMLINK_FOLLOW));
    close(fd);
    fd = open(".", O_TMPFILE | O_WRONLY, 0200);
    SHOW(linkat(fd, "", AT_FDCWD, "straight", AT_EMPTY_PATH));
    show_file(fd);
    close(fd);
}

static void never_named(void)
{
    int fd = open(".", O_TMPFILE | O_RDWR | O_EXCL, 0600);

    puts("== never a name");
    SHOW(linkat(AT_FDCWD, by_number(fd), AT_FDCWD, "file", AT_SYMLINK_FOLLOW));
    SHOW(linkat(AT_FDCWD, by_number(fd), AT_FDCWD, "never", AT_SYMLINK_FOLLOW));
    SHOW(linkat(AT_FDCWD, by_number(fd), AT_FDCWD, "nowhere/x", AT_SYMLINK_FOLLOW));
    SHOW(linkat(fd, "", AT_FDCWD, "never", AT_EMPTY_PATH));
    show_file(fd);
    SHOW(access("never", F_OK));
    close(fd);
}

static void path_opens(void)
{
    puts("== O_PATH");
    SHOW_OK(open("file", O_PATH | O_WRONLY | O_TRUNC));
    SHOW_OK(open("new", O_PATH | O_CREAT, 0600));
    SHOW_OK(open("file", O_PATH | O_DIRECTORY));
    SHOW_OK(open("folder", O_PATH | O_DIRECTORY));
    SHOW_OK(open("link", O_PATH | O_NOFOLLOW));
    SHOW_OK(open("link", O_PATH | O_NOFOLLOW | O_DIRECTORY));
    SHOW_OK(open("fifo", O_PATH));
}

static void path_refusals(int fd)
{
    char text[64];
    struct stat st;
    int number;

    show_file(fd);
    SHOW(read(fd, text, 1));
    SHOW(write(fd, text, 1));
    SHOW(pread(fd, text, 1, 0));
    SHOW(lseek(fd, 0, SEEK_SET));
    SHOW(fchmod(fd, 0600));
    SHOW(fchown(fd, 0, 0));
    SHOW(ftruncate(fd, 0));
    SHOW(fsync(fd));
    SHOW(fallocate(fd, 0, 0, 1));
    SHOW(flock(fd, LOCK_SH));
    SHOW(ioctl(fd, FIONREAD, &number));
    SHOW(syscall(SYS_getdents64, fd, text, sizeof(text)));
    SHOW(syscall(SYS_fgetxattr, fd, "user.a", text, sizeof(text)));
    SHOW(mmap(NULL, 1, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED ? -1 : 0);
    SHOW(fcntl(fd, F_SETFL, O_APPEND));
    SHOW(fcntl(fd, F_SETOWN, 0));
    SHOW(fcntl(fd, F_GETFL) & (O_ACCMODE | O_PATH | O_APPEND));
    SHOW(fcntl(fd, F_SETFD, FD_CLOEXEC));
    SHOW(fcntl(fd, F_GETFD));
    SHOW_OK(dup(fd));
    SHOW(fstatat(fd, "", &st, AT_EMPTY_PATH));
    SHOW_OK(openat(fd, "file", O_RDONLY));
    SHOW(fchdir(fd));
    SHOW(chdir(show_place));
    SHOW_OK(open(by_number(fd), O_RDONLY | O_NONBLOCK));
}

static void path_kinds(void)
{
    static const char *const names[] = {"file", "folder", "fifo", "link"};
    char text[64];

    for (size_t n = 0; n < COUNT(names); n++) {
        printf("== O_PATH of %s\n", names[n]);
        int fd = open(names[n], O_PATH | O_NOFOLLOW);
        path_refusals(fd);
        SHOW(readlinkat(fd, "", text, sizeof(text)));
        SHOW(linkat(fd, "", AT_FDCWD, "more", AT_EMPTY_PATH));
        SHOW(unlink("more"));
        close(fd);
    }
}

int main(void)
{
    umask(022);
    fresh_place();
    put_file("file", "some content", 0600);
    SHOW(mkfifo("fifo", 0600));
    SHOW(mkdir("folder", 0700));
    SHOW(symlink("file", "link"));
    opens();
    nameless();
    named();
    never_named();
    path_opens();
    path_kinds();
    leave_place();
    return 0;
}
