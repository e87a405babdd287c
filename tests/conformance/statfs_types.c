/* What kind of file system statfs says things lie in. */
#include "show.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/statfs.h>
#include <sys/syscall.h>

static void by_number(const char *what, int fd)
{
    struct statfs fs = {0};
    int result = fstatfs(fd, &fs);
    printf("%s: %d type %lx, names of %ld\n", what, result, (unsigned long)fs.f_type,
           (long)fs.f_namelen);
    if (fs.f_blocks == 0)
        printf("%s: blocks of %ld and %ld, %ld free\n", what, (long)fs.f_bsize, (long)fs.f_frsize,
               (long)fs.f_bfree);
}

static void by_path(const char *path)
{
    struct statfs fs = {0};
    int result = statfs(path, &fs);
    printf("%s: %d type %lx\n", path, result, (unsigned long)fs.f_type);
}

int main(void)
{
    int pipes[2], sockets[2];

    if (pipe(pipes) < 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) < 0)
        return 1;
    by_path("/proc");
    by_path("/proc/self/status");
    by_number("pipe", pipes[0]);
    by_number("socket", sockets[0]);
    by_number("udp", socket(AF_INET, SOCK_DGRAM, 0));
    by_number("eventfd", eventfd(0, 0));
    by_number("epoll", epoll_create1(0));
    struct statfs fs = {0};
    int memory = (int)syscall(SYS_memfd_create, "m", 0);
    int result = fstatfs(memory, &fs);
    printf("memfd: %d type %lx\n", result, (unsigned long)fs.f_type);
    result = fstatfs(-1, &fs);
    printf("none: %d %s\n", result, strerror(errno));
    return 0;
}
