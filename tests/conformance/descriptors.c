/* Descriptors: what each kind of file answers to each common request. */
#include "show.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <termios.h>

static char text[64];

static int open_pipe(int end)
{
    int ends[2];

    if (pipe(ends) < 0)
        return -1;
    write(ends[1], "piped", 5);
    return ends[end];
}

static void requests(int fd)
{
    struct pollfd entry = {fd, POLLIN | POLLOUT | POLLPRI | POLLRDHUP, 0};
    struct termios settings;
    struct statvfs figures;
    struct stat st;
    int waiting = -1;

    SHOW(fstat(fd, &st));
    printf("type %o\n", (unsigned)(st.st_mode & S_IFMT));
    SHOW(fcntl(fd, F_GETFL) & (O_ACCMODE | O_NONBLOCK | O_APPEND | O_PATH));
    SHOW(lseek(fd, 0, SEEK_CUR));
    SHOW(lseek(fd, 2, SEEK_SET));
    SHOW(poll(&entry, 1, 0));
    printf("revents %x\n", (unsigned)entry.revents);
    SHOW(ioctl(fd, FIONREAD, &waiting));
    SHOW(tcgetattr(fd, &settings));
    SHOW(read(fd, text, 3));
    SHOW(pread(fd, text, 3, 0));
    SHOW(write(fd, "abc", 3));
    SHOW(pwrite(fd, "abc", 3, 0));
    SHOW(ftruncate(fd, 2));
    SHOW(fsync(fd));
    SHOW(fdatasync(fd));
    if (!S_ISCHR(st.st_mode))
        SHOW(fchmod(fd, 0600));
    SHOW(fchdir(fd));
    SHOW(getdents64(fd, text, 10));
    SHOW(fstatvfs(fd, &figures));
    SHOW_OK(mmap(NULL, 1, PROT_READ, MAP_PRIVATE, fd, 0));
    SHOW_OK(mmap(NULL, 1, PROT_READ, MAP_SHARED, fd, 0));
    SHOW_OK(dup(fd));
    SHOW(fcntl(fd, F_SETFL, O_NONBLOCK));
    SHOW(fcntl(fd, F_SETFD, 1));
    SHOW(fcntl(fd, F_GETPIPE_SZ));
    SHOW(fcntl(fd, F_NOTIFY, 0x80000000u)); /* DN_MULTISHOT: of no event */
    SHOW(ioctl(fd, FIONBIO, &waiting));
    SHOW(ioctl(fd, FIOCLEX));
    SHOW(ioctl(fd, 0x12345678));
    SHOW(fcntl(fd, 12345));
    SHOW(openat(fd, "x", O_RDONLY));
    if (st.st_nlink && !S_ISFIFO(st.st_mode)) {
        SHOW(faccessat(fd, "", F_OK, AT_EMPTY_PATH));
        SHOW(futimens(fd, NULL));
        SHOW(fchown(fd, -1, -1));
    }
}

int main(void)
{
    static const char *const names[] = {"file read",  "file write", "file both",      "file append",
                                        "file path",  "directory",  "directory path", "pipe read",
                                        "pipe write", "fifo",       "null",           "zero",
                                        "closed"};

    for (size_t n = 0; n < COUNT(names); n++) {
        pid_t pid = fork();
        if (pid) {
            waitpid(pid, NULL, 0);
            continue;
        }
        fresh_place();
        signal(SIGPIPE, SIG_IGN);
        int here = open(".", O_RDONLY);
        put_file("f", "content of the file", 0600);
        mkfifo("p", 0600);
        const int fds[] = {open("f", O_RDONLY),
                           open("f", O_WRONLY),
                           open("f", O_RDWR),
                           open("f", O_RDWR | O_APPEND),
                           open("f", O_PATH),
                           open(".", O_RDONLY),
                           open(".", O_PATH),
                           open_pipe(0),
                           open_pipe(1),
                           open("p", O_RDWR | O_NONBLOCK),
                           open("/dev/null", O_RDWR),
                           open("/dev/zero", O_RDWR),
                           -1};
        printf("---- %s ----\n", names[n]);
        requests(fds[n]);
        fchdir(here);
        leave_place();
        exit(0);
    }
    return 0;
}
