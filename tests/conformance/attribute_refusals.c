/* Extended attributes by path, by the link itself and by descriptor, where every file system gives
   the same answer: no such file, name or room. */
#include "show.h"

#include <sys/syscall.h>

#define LONGEST 255

static char room[1024];

static void by_path(const char *name)
{
    printf("== %s\n", name);
    SHOW(syscall(SYS_llistxattr, name, room, sizeof(room)) >= 0 ? 0 : -1);
    SHOW(syscall(SYS_llistxattr, name, NULL, 0) >= 0 ? 0 : -1);
    SHOW(syscall(SYS_listxattr, name, room, sizeof(room)) >= 0 ? 0 : -1);
    SHOW(syscall(SYS_lremovexattr, name, ""));
    SHOW(syscall(SYS_lremovexattr, name, NULL));
    SHOW(syscall(SYS_lremovexattr, name, "unknown.name"));
    SHOW(syscall(SYS_lgetxattr, name, "unknown.name", room, sizeof(room)));
    SHOW(syscall(SYS_lsetxattr, name, "unknown.name", "v", 1, 0));
    SHOW(syscall(SYS_lsetxattr, name, "unknown.name", "v", 1, 4));
    SHOW(syscall(SYS_lsetxattr, name, "user.name", room, 65537, 0));
}

static void by_descriptor(const char *name, int flags)
{
    int fd = open(name, flags);

    printf("== %s by descriptor, flags %#o\n", name, flags);
    SHOW(syscall(SYS_flistxattr, fd, room, sizeof(room)) >= 0 ? 0 : -1);
    SHOW(syscall(SYS_flistxattr, fd, NULL, 0) >= 0 ? 0 : -1);
    SHOW(syscall(SYS_fremovexattr, fd, ""));
    SHOW(syscall(SYS_fremovexattr, fd, "unknown.name"));
    SHOW(syscall(SYS_fgetxattr, fd, "unknown.name", room, sizeof(room)));
    SHOW(syscall(SYS_fsetxattr, fd, "unknown.name", "v", 1, 0));
    if (fd >= 0)
        close(fd);
}

static void names(void)
{
    char longest[LONGEST + 2];

    puts("== names");
    memset(longest, 'x', sizeof(longest));
    longest[LONGEST] = '\0';
    SHOW(syscall(SYS_lremovexattr, "link", longest));
    SHOW(syscall(SYS_lsetxattr, "link", longest, "v", 1, 0));
    longest[LONGEST] = 'x';
    longest[LONGEST + 1] = '\0';
    SHOW(syscall(SYS_lremovexattr, "link", longest));
    SHOW(syscall(SYS_lsetxattr, "link", longest, "v", 1, 0));
}

int main(void)
{
    static const char *const all[] = {"file",     "folder",  "link", "fifo",
                                      "dangling", "nowhere", "",     "file/x"};

    fresh_place();
    put_file("file", "content", 0644);
    SHOW(mkdir("folder", 0755));
    SHOW(symlink("file", "link"));
    SHOW(symlink("nowhere", "dangling"));
    SHOW(mkfifo("fifo", 0600));
    for (size_t n = 0; n < COUNT(all); n++)
        by_path(all[n]);
    by_descriptor("file", O_RDONLY);
    by_descriptor("folder", O_RDONLY);
    by_descriptor("fifo", O_RDWR);
    by_descriptor("file", O_PATH);
    by_descriptor("nowhere", O_RDONLY);
    names();
    leave_place();
    return 0;
}
