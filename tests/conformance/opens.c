/* open with many combinations of flags on each kind of file: the result, the flags that are kept,
 * what can be done. */
#include "show.h"

static void plant(void)
{
    remove_tree(".");
    put_file("file", "content", 0644);
    mkdir("dir", 0755);
    symlink("file", "link");
    mkfifo("fifo", 0644);
    mknod("null", S_IFCHR | 0666, 0x103);
}

int main(void)
{
    static const char *const names[] = {"file", "dir", "link", "fifo", "null", "missing"};
    static const struct {
        const char *name;
        int flag;
    } extras[] = {
        {"", 0},
        {"|O_CREAT", O_CREAT},
        {"|O_CREAT|O_EXCL", O_CREAT | O_EXCL},
        {"|O_EXCL", O_EXCL},
        {"|O_TRUNC", O_TRUNC},
        {"|O_APPEND", O_APPEND},
        {"|O_APPEND|O_TRUNC", O_APPEND | O_TRUNC},
        {"|O_DIRECTORY", O_DIRECTORY},
        {"|O_DIRECTORY|O_TRUNC", O_DIRECTORY | O_TRUNC},
        {"|O_NOFOLLOW", O_NOFOLLOW},
        {"|O_CLOEXEC", O_CLOEXEC},
        {"|O_SYNC", O_SYNC},
        {"|O_DSYNC", O_DSYNC},
        {"|O_NOATIME", O_NOATIME},
        {"|O_PATH", O_PATH},
        {"|O_PATH|O_CREAT", O_PATH | O_CREAT},
        {"|O_PATH|O_DIRECTORY", O_PATH | O_DIRECTORY},
        {"|O_PATH|O_NOFOLLOW", O_PATH | O_NOFOLLOW},
        {"|O_NOCTTY", O_NOCTTY},
        {"|O_CREAT|O_TRUNC", O_CREAT | O_TRUNC},
        {"|O_CREAT|O_NOFOLLOW", O_CREAT | O_NOFOLLOW},
    };
    static const char *const modes[] = {"O_RDONLY", "O_WRONLY", "O_RDWR", "3"};
    struct stat st;
    char byte = 'x';

    fresh_place();
    umask(022);
    for (size_t n = 0; n < COUNT(names); n++)
        for (int mode = 0; mode < 4; mode++)
            for (size_t e = 0; e < COUNT(extras); e++) {
                plant();
                errno = 0;
                int fd = open(names[n], mode | O_NONBLOCK | extras[e].flag, 0666);
                printf("%s %s%s: ", names[n], modes[mode], extras[e].name);
                if (fd < 0) {
                    printf("%s\n", strerror(errno));
                    continue;
                }
                int flags =
                    fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK | O_SYNC | O_DSYNC |
                                          O_DIRECTORY | O_NOFOLLOW | O_NOATIME | O_PATH);
                long got = read(fd, &byte, 1);
                int read_error = got < 0 ? errno : 0;
                long put = write(fd, &byte, 1);
                int write_error = put < 0 ? errno : 0;
                fstat(fd, &st);
                printf("flags %o, cloexec %d, mode %o, size %ld, read %ld %s, write %ld %s\n",
                       flags, fcntl(fd, F_GETFD),
                       S_ISREG(st.st_mode) ? st.st_mode : st.st_mode & S_IFMT,
                       S_ISREG(st.st_mode) ? (long)st.st_size : 0, got,
                       read_error ? strerror(read_error) : "", put,
                       write_error ? strerror(write_error) : "");
                close(fd);
            }
    leave_place();
    return 0;
}
