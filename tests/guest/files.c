/* Files and directories: what the calls do, and how they fail. */
#include "ktap.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <utime.h>

static int make(const char *name, const char *text)
{
    int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0644);

    CHECK(fd >= 0);
    CHECK_EQUAL(write(fd, text, strlen(text)), strlen(text));
    CHECK_EQUAL(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

static long size_of(const char *name)
{
    struct stat st;

    CHECK(stat(name, &st) == 0);
    return st.st_size;
}

static bool later(const struct stat *a, const struct stat *b)
{
    return a->st_mtim.tv_sec != b->st_mtim.tv_sec ? a->st_mtim.tv_sec > b->st_mtim.tv_sec
                                                  : a->st_mtim.tv_nsec > b->st_mtim.tv_nsec;
}

/* ---- open, read, write, seek ---- */

TEST(create_and_read, "what was written is read, and the end is the end")
{
    char buffer[16];
    int fd = make("f", "hello, world");

    CHECK_EQUAL(read(fd, buffer, 5), 5);
    CHECK(!memcmp(buffer, "hello", 5));
    CHECK_EQUAL(read(fd, buffer, sizeof(buffer)), 7);
    CHECK(!memcmp(buffer, ", world", 7));
    CHECK_EQUAL(read(fd, buffer, sizeof(buffer)), 0);
    CHECK_EQUAL(read(fd, buffer, 0), 0);
    CHECK(close(fd) == 0);
    CHECK_ERROR(close(fd), EBADF);
    CHECK_ERROR(read(fd, buffer, 1), EBADF);
}

TEST(open_flags, "O_CREAT, O_EXCL, O_TRUNC, O_APPEND and the access modes")
{
    char c;
    int fd;

    CHECK_ERROR(open("f", O_RDONLY), ENOENT);
    CHECK((fd = open("f", O_CREAT | O_EXCL | O_WRONLY, 0600)) >= 0);
    CHECK_ERROR(open("f", O_CREAT | O_EXCL | O_WRONLY, 0600), EEXIST);
    CHECK_EQUAL(write(fd, "12345", 5), 5);
    CHECK_ERROR(read(fd, &c, 1), EBADF);
    close(fd);
    CHECK((fd = open("f", O_RDONLY)) >= 0);
    CHECK_ERROR(write(fd, "x", 1), EBADF);
    close(fd);
    CHECK((fd = open("f", O_WRONLY | O_APPEND)) >= 0);
    CHECK_EQUAL(lseek(fd, 0, SEEK_SET), 0);
    CHECK_EQUAL(write(fd, "678", 3), 3);
    CHECK_EQUAL(lseek(fd, 0, SEEK_CUR), 8);
    close(fd);
    CHECK_EQUAL(size_of("f"), 8);
    CHECK((fd = open("f", O_WRONLY | O_TRUNC)) >= 0);
    CHECK_EQUAL(size_of("f"), 0);
}

TEST(lowest_descriptor, "open and dup give the lowest free descriptor")
{
    int a = make("a", ""), b = make("b", ""), c = make("c", "");

    CHECK(b == a + 1 && c == b + 1);
    close(a);
    close(b);
    CHECK_EQUAL(dup(c), a);
    CHECK_EQUAL(open("b", O_RDONLY), b);
    CHECK_EQUAL(fcntl(c, F_DUPFD, 100), 100);
    CHECK_EQUAL(fcntl(c, F_DUPFD_CLOEXEC, 100), 101);
    CHECK_EQUAL(fcntl(101, F_GETFD), FD_CLOEXEC);
    CHECK_EQUAL(fcntl(100, F_GETFD), 0);
    CHECK_ERROR(fcntl(c, F_DUPFD, -1), EINVAL);
}

TEST(duplicates, "dup2 and dup3 share the offset and close what was there")
{
    int fd = make("f", "abcdef"), other = make("g", "");
    char c;

    CHECK_EQUAL(dup2(fd, other), other);
    CHECK_EQUAL(read(fd, &c, 1), 1);
    CHECK_EQUAL(read(other, &c, 1), 1);
    CHECK_EQUAL(c, 'b');
    CHECK_EQUAL(dup2(fd, fd), fd);
    CHECK_ERROR(dup3(fd, fd, 0), EINVAL);
    CHECK_EQUAL(dup3(fd, other, O_CLOEXEC), other);
    CHECK_EQUAL(fcntl(other, F_GETFD), FD_CLOEXEC);
    CHECK_ERROR(dup2(-1, other), EBADF);
    CHECK_ERROR(dup2(fd, -1), EBADF);
    CHECK_ERROR(dup(999), EBADF);
}

TEST(status_flags, "F_GETFL gives the flags of the opening, F_SETFL changes some")
{
    int fd = open("f", O_RDWR | O_CREAT | O_APPEND, 0600);

    CHECK_EQUAL(fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK), O_RDWR | O_APPEND);
    CHECK(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
    CHECK_EQUAL(fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK), O_RDWR | O_NONBLOCK);
    CHECK_ERROR(fcntl(fd, 9999), EINVAL);
    CHECK_ERROR(fcntl(999, F_GETFL), EBADF);
}

TEST(seeking, "lseek in all its ways; wrong offsets are EINVAL, pipes are ESPIPE")
{
    int fd = make("f", "0123456789"), ends[2];
    char c;

    CHECK_EQUAL(lseek(fd, 3, SEEK_SET), 3);
    CHECK_EQUAL(lseek(fd, 2, SEEK_CUR), 5);
    CHECK_EQUAL(lseek(fd, -1, SEEK_END), 9);
    CHECK_EQUAL(read(fd, &c, 1), 1);
    CHECK_EQUAL(c, '9');
    CHECK_EQUAL(lseek(fd, 100, SEEK_SET), 100);
    CHECK_EQUAL(read(fd, &c, 1), 0);
    CHECK_ERROR(lseek(fd, -1, SEEK_SET), EINVAL);
    CHECK_ERROR(lseek(fd, 0, 99), EINVAL);
    CHECK(pipe(ends) == 0);
    CHECK_ERROR(lseek(ends[0], 0, SEEK_CUR), ESPIPE);
    CHECK_ERROR(pread(ends[0], &c, 1, 0), ESPIPE);
}

TEST(positional, "pread and pwrite leave the offset alone")
{
    int fd = make("f", "0123456789");
    char text[4] = "";

    CHECK_EQUAL(pread(fd, text, 3, 4), 3);
    CHECK(!memcmp(text, "456", 3));
    CHECK_EQUAL(pwrite(fd, "ab", 2, 9), 2);
    CHECK_EQUAL(lseek(fd, 0, SEEK_CUR), 0);
    CHECK_EQUAL(size_of("f"), 11);
    CHECK_ERROR(pread(fd, text, 1, -1), EINVAL);
    CHECK_EQUAL(pread(fd, text, 1, 1000), 0);
}

TEST(vectors, "readv and writev go through all their buffers")
{
    char a[3] = "", b[1], c[10] = "";
    struct iovec out[] = {{"ab", 2}, {"", 0}, {"cdef", 4}};
    struct iovec in[] = {{a, 3}, {b, 1}, {c, 10}};
    int fd = make("f", "");

    CHECK_EQUAL(writev(fd, out, 3), 6);
    lseek(fd, 0, SEEK_SET);
    CHECK_EQUAL(readv(fd, in, 3), 6);
    CHECK(!memcmp(a, "abc", 3) && b[0] == 'd' && !memcmp(c, "ef", 2));
    CHECK_EQUAL(preadv(fd, in, 1, 1), 3);
    CHECK(!memcmp(a, "bcd", 3));
    CHECK_EQUAL(pwritev(fd, out, 1, 10), 2);
    CHECK_EQUAL(size_of("f"), 12);
    CHECK_EQUAL(writev(fd, out, 0), 0);
    CHECK_ERROR(writev(fd, out, -1), EINVAL);
    CHECK_ERROR(writev(fd, out, 1025), EINVAL);
    in[0].iov_len = SIZE_MAX;
    CHECK_ERROR(readv(fd, in, 2), EINVAL);
}

TEST(holes, "what nobody wrote reads as zeros")
{
    static char zeros[8192], buffer[8192];
    int fd = make("f", "x");

    CHECK_EQUAL(pwrite(fd, "y", 1, 1000000), 1);
    CHECK_EQUAL(size_of("f"), 1000001);
    CHECK_EQUAL(pread(fd, buffer, sizeof(buffer), 500000), sizeof(buffer));
    CHECK(!memcmp(buffer, zeros, sizeof(buffer)));
    CHECK(ftruncate(fd, 10) == 0);
    CHECK(ftruncate(fd, 5000) == 0);
    CHECK_EQUAL(pread(fd, buffer, sizeof(buffer), 1), 4999);
    CHECK(!memcmp(buffer, zeros, 4999));
    CHECK(truncate("f", 0) == 0);
    CHECK_EQUAL(size_of("f"), 0);
    CHECK_ERROR(ftruncate(fd, -1), EINVAL);
    CHECK_ERROR(truncate("missing", 0), ENOENT);
    CHECK_ERROR(truncate(".", 0), EISDIR);
}

TEST(large_file, "a megabyte in odd pieces comes back as it was")
{
    enum { SIZE = 1 << 20 };
    unsigned char *out = malloc(SIZE), *in = malloc(SIZE);
    int fd = make("f", "");

    for (int n = 0; n < SIZE; n++)
        out[n] = (unsigned char)(n * 7 + n / 251);
    for (int at = 0, step = 1; at < SIZE; at += step, step = step * 3 % 10007 + 1) {
        int length = at + step > SIZE ? SIZE - at : step;
        CHECK_EQUAL(write(fd, out + at, length), length);
    }
    lseek(fd, 0, SEEK_SET);
    for (int at = 0; at < SIZE;) {
        long n = read(fd, in + at, 4093);
        CHECK(n > 0);
        at += (int)n;
    }
    CHECK(!memcmp(in, out, SIZE));
}

TEST(append_from_two, "two appenders lose nothing")
{
    pid_t pid = CHILD({
        int fd = open("log", O_WRONLY | O_CREAT | O_APPEND, 0600);
        for (int n = 0; n < 500; n++)
            CHECK_EQUAL(write(fd, "child\n", 6), 6);
    });
    int fd = open("log", O_WRONLY | O_CREAT | O_APPEND, 0600);

    for (int n = 0; n < 500; n++)
        CHECK_EQUAL(write(fd, "other\n", 6), 6);
    CHECK_CHILD(pid);
    CHECK_EQUAL(size_of("log"), 6000);
}

TEST(large_request, "a read or write of more than 2 GiB is cut, not refused")
{
    int fd = make("f", "abc");
    size_t size = 3ul << 30;
    char *area = mmap(NULL, size, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    CHECK(area != MAP_FAILED);
    CHECK_EQUAL(read(fd, area, size), 3);
    CHECK_EQUAL(write(open("/dev/null", O_WRONLY), area, size), 0x7ffff000);
}

/* ---- names ---- */

TEST(unlink_while_open, "an unlinked file lives until it is closed")
{
    struct stat st;
    char text[3];
    int fd = make("f", "abc");

    CHECK(unlink("f") == 0);
    CHECK_ERROR(open("f", O_RDONLY), ENOENT);
    CHECK(fstat(fd, &st) == 0 && st.st_nlink == 0);
    CHECK_EQUAL(read(fd, text, 3), 3);
    CHECK_ERROR(unlink("f"), ENOENT);
    CHECK_ERROR(unlink("."), EISDIR);
}

TEST(hard_links, "two names of one file")
{
    struct stat a, b;

    make("a", "abc");
    CHECK(link("a", "b") == 0);
    CHECK(stat("a", &a) == 0 && stat("b", &b) == 0);
    CHECK(a.st_ino == b.st_ino && a.st_dev == b.st_dev && a.st_nlink == 2);
    CHECK_ERROR(link("a", "b"), EEXIST);
    CHECK_ERROR(link("missing", "c"), ENOENT);
    CHECK_ERROR(link(".", "c"), EPERM);
    CHECK(unlink("a") == 0);
    CHECK(stat("b", &b) == 0 && b.st_nlink == 1);
    CHECK_EQUAL(size_of("b"), 3);
}

TEST(symbolic_links, "links are followed, read, and end in ELOOP when they go round")
{
    struct stat st;
    char text[32];

    close(make("f", "abc"));
    CHECK(symlink("f", "s") == 0);
    CHECK_EQUAL(size_of("s"), 3);
    CHECK(lstat("s", &st) == 0 && S_ISLNK(st.st_mode) && st.st_size == 1);
    CHECK_EQUAL(readlink("s", text, sizeof(text)), 1);
    CHECK_EQUAL(text[0], 'f');
    CHECK_ERROR(readlink("f", text, sizeof(text)), EINVAL);
    CHECK_ERROR(readlink("s", text, 0), EINVAL);
    CHECK_ERROR(open("s", O_RDONLY | O_NOFOLLOW), ELOOP);
    CHECK(symlink("one", "two") == 0 && symlink("two", "one") == 0);
    CHECK_ERROR(open("one", O_RDONLY), ELOOP);
    CHECK(symlink("nowhere", "dangling") == 0);
    CHECK_ERROR(open("dangling", O_RDONLY), ENOENT);
    CHECK(open("dangling", O_RDWR | O_CREAT, 0600) >= 0);
    CHECK_EQUAL(size_of("nowhere"), 0);
    CHECK_ERROR(open("dangling", O_RDWR | O_CREAT | O_EXCL, 0600), EEXIST);
    CHECK_ERROR(symlink("x", "f"), EEXIST);
    CHECK_ERROR(symlink("", "empty"), ENOENT);
    CHECK(unlink("s") == 0);
    CHECK_EQUAL(size_of("f"), 3);
}

TEST(forty_links, "forty links in a row are followed, one more is too many")
{
    char from[16], to[16];

    close(make("l0", ""));
    for (int n = 1; n <= 41; n++) {
        sprintf(from, "l%d", n - 1);
        sprintf(to, "l%d", n);
        CHECK(symlink(from, to) == 0);
    }
    CHECK(open("l40", O_RDONLY) >= 0);
    CHECK_ERROR(open("l41", O_RDONLY), ELOOP);
}

TEST(directories, "mkdir, rmdir and their errors")
{
    struct stat st;

    CHECK(mkdir("d", 0755) == 0);
    CHECK(stat("d", &st) == 0 && S_ISDIR(st.st_mode) && st.st_nlink == 2);
    CHECK_ERROR(mkdir("d", 0755), EEXIST);
    CHECK(mkdir("d/e", 0755) == 0);
    CHECK(stat("d", &st) == 0 && st.st_nlink == 3);
    CHECK_ERROR(rmdir("d"), ENOTEMPTY);
    CHECK_ERROR(mkdir("missing/e", 0755), ENOENT);
    close(make("f", ""));
    CHECK_ERROR(mkdir("f/e", 0755), ENOTDIR);
    CHECK_ERROR(rmdir("f"), ENOTDIR);
    CHECK_ERROR(unlink("d"), EISDIR);
    CHECK_ERROR(rmdir("d/."), EINVAL);
    CHECK_ERROR(rmdir("d/e/.."), ENOTEMPTY);
    CHECK(rmdir("d/e/") == 0 && rmdir("d") == 0);
    CHECK_ERROR(rmdir("d"), ENOENT);
    CHECK_ERROR(rmdir("/"), EBUSY);
}

TEST(opening_directories, "a directory opens for reading only, and isn't read")
{
    char c;
    int fd = open(".", O_RDONLY | O_DIRECTORY);

    CHECK(fd >= 0);
    CHECK_ERROR(read(fd, &c, 1), EISDIR);
    CHECK_ERROR(write(fd, &c, 1), EBADF);
    CHECK_ERROR(open(".", O_RDWR), EISDIR);
    CHECK_ERROR(open(".", O_RDONLY | O_CREAT, 0600), EISDIR);
    close(make("f", ""));
    CHECK_ERROR(open("f", O_RDONLY | O_DIRECTORY), ENOTDIR);
    CHECK_ERROR(open("f/", O_RDONLY), ENOTDIR);
    CHECK_ERROR(open("f/g", O_RDONLY), ENOTDIR);
    CHECK_ERROR(open("", O_RDONLY), ENOENT);
}

TEST(renaming, "rename replaces, moves and refuses")
{
    char text[3];

    close(make("a", "aaa"));
    close(make("b", "b"));
    CHECK(rename("a", "b") == 0);
    CHECK_EQUAL(size_of("b"), 3);
    CHECK_ERROR(open("a", O_RDONLY), ENOENT);
    CHECK_ERROR(rename("a", "c"), ENOENT);
    CHECK(mkdir("d", 0755) == 0 && mkdir("e", 0755) == 0);
    CHECK(rename("b", "d/b") == 0);
    CHECK_ERROR(rename("d/b", "e"), EISDIR);
    CHECK_ERROR(rename("e", "d/b"), ENOTDIR);
    CHECK_ERROR(rename("e", "d"), ENOTEMPTY);
    CHECK_ERROR(rename("d", "d/sub"), EINVAL);
    CHECK(rename("d", "e") == 0);
    int fd = open("e/b", O_RDONLY);
    CHECK_EQUAL(read(fd, text, 3), 3);
    CHECK(rename("e/b", "e/b") == 0);
    CHECK(link("e/b", "c") == 0);
    CHECK(rename("c", "e/b") == 0);
    CHECK_EQUAL(size_of("c"), 3); /* two names of one file: nothing happens */
}

TEST(renaming_with_flags, "renameat2 can refuse to replace, or exchange")
{
    close(make("a", "aaa"));
    close(make("b", "b"));
    CHECK_ERROR(renameat2(AT_FDCWD, "a", AT_FDCWD, "b", 1), EEXIST);
    CHECK(renameat2(AT_FDCWD, "a", AT_FDCWD, "c", 1) == 0);
    CHECK(renameat2(AT_FDCWD, "b", AT_FDCWD, "c", 2) == 0);
    CHECK_EQUAL(size_of("b"), 3);
    CHECK_EQUAL(size_of("c"), 1);
    CHECK_ERROR(renameat2(AT_FDCWD, "b", AT_FDCWD, "c", 3), EINVAL);
}

TEST(name_lengths, "names of 255 bytes are good, of 256 too long, and paths end at 4095")
{
    char name[5000];

    memset(name, 'n', sizeof(name));
    name[255] = '\0';
    CHECK(open(name, O_WRONLY | O_CREAT, 0600) >= 0);
    CHECK(unlink(name) == 0);
    name[255] = 'n';
    name[256] = '\0';
    CHECK_ERROR(open(name, O_WRONLY | O_CREAT, 0600), ENAMETOOLONG);
    for (int n = 0; n < 4999; n += 2)
        memcpy(name + n, "./", 2);
    name[4094] = '.';
    name[4095] = '\0';
    CHECK(open(name, O_RDONLY) >= 0);
    name[4095] = '/';
    name[4096] = '\0';
    CHECK_ERROR(open(name, O_RDONLY), ENAMETOOLONG);
}

TEST(odd_names, "names may hold anything but a slash; slashes and dots are folded")
{
    CHECK(open("a b\n\xff*", O_WRONLY | O_CREAT, 0600) >= 0);
    CHECK(access("a b\n\xff*", F_OK) == 0);
    CHECK(mkdir("d", 0755) == 0);
    close(make("d/f", "abc"));
    CHECK_EQUAL(size_of(".//d/./../d///f"), 3);
    CHECK_EQUAL(size_of("/../../proc/self/cwd/d/f"), 3);
}

TEST(working_directory, "chdir, fchdir and getcwd, also in a directory that is gone")
{
    char place[PATH_MAX], there[PATH_MAX], small[2];
    int fd = open(".", O_RDONLY);

    CHECK(getcwd(place, sizeof(place)) != NULL);
    CHECK(mkdir("d", 0755) == 0 && chdir("d") == 0);
    CHECK(getcwd(there, sizeof(there)) != NULL);
    CHECK(!strncmp(there, place, strlen(place)) && !strcmp(there + strlen(place), "/d"));
    CHECK(getcwd(small, sizeof(small)) == NULL && errno == ERANGE);
    CHECK(rmdir("../d") == 0);
    CHECK(getcwd(there, sizeof(there)) == NULL && errno == ENOENT);
    CHECK_ERROR(open("f", O_WRONLY | O_CREAT, 0600), ENOENT);
    CHECK(fchdir(fd) == 0);
    CHECK_STRING(getcwd(there, sizeof(there)), place);
    CHECK_ERROR(chdir("missing"), ENOENT);
    close(make("f", ""));
    CHECK_ERROR(chdir("f"), ENOTDIR);
    CHECK_ERROR(fchdir(999), EBADF);
}

TEST(at_calls, "the *at calls start at their directory")
{
    struct stat st;
    char text[8];

    CHECK(mkdir("d", 0755) == 0);
    int dir = open("d", O_RDONLY | O_DIRECTORY);
    int fd = openat(dir, "f", O_WRONLY | O_CREAT, 0600);
    CHECK(fd >= 0);
    CHECK(fstatat(dir, "f", &st, 0) == 0);
    CHECK_EQUAL(size_of("d/f"), 0);
    CHECK(mkdirat(dir, "e", 0700) == 0 && symlinkat("f", dir, "s") == 0);
    CHECK(linkat(dir, "f", AT_FDCWD, "g", 0) == 0);
    CHECK(renameat(AT_FDCWD, "g", dir, "h") == 0);
    CHECK_EQUAL(readlinkat(dir, "s", text, 8), 1);
    CHECK(fstatat(dir, "s", &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode));
    CHECK(fstatat(fd, "", &st, AT_EMPTY_PATH) == 0 && S_ISREG(st.st_mode));
    CHECK(faccessat(dir, "h", R_OK, 0) == 0 && fchmodat(dir, "h", 0400, 0) == 0);
    CHECK(unlinkat(dir, "e", AT_REMOVEDIR) == 0 && unlinkat(dir, "h", 0) == 0);
    CHECK_ERROR(unlinkat(dir, "f", AT_REMOVEDIR), ENOTDIR);
    CHECK_ERROR(openat(fd, "x", O_RDONLY), ENOTDIR);
    CHECK_ERROR(openat(999, "x", O_RDONLY), EBADF);
    CHECK(openat(999, "/", O_RDONLY) >= 0);
    CHECK_ERROR(unlinkat(dir, "f", 1), EINVAL);
}

TEST(reading_directories,
     "getdents gives each name once, in small portions too, and from anywhere again")
{
    enum { COUNT = 300 };
    bool seen[COUNT] = {0};
    struct dirent *entry;
    char name[16];
    int found = 0, dots = 0;

    for (int n = 0; n < COUNT; n++) {
        sprintf(name, "file%d", n);
        close(open(name, O_WRONLY | O_CREAT, 0600));
    }
    DIR *dir = opendir(".");
    while ((entry = readdir(dir))) {
        if (entry->d_name[0] == '.') {
            dots++;
            CHECK_EQUAL(entry->d_type, DT_DIR);
            continue;
        }
        int n = atoi(entry->d_name + 4);
        CHECK(n >= 0 && n < COUNT && !seen[n]);
        CHECK_EQUAL(entry->d_type, DT_REG);
        seen[n] = true;
        found++;
    }
    CHECK(found == COUNT && dots == 2);
    rewinddir(dir);
    CHECK(readdir(dir) != NULL && readdir(dir) != NULL);
    long place = telldir(dir);
    entry = readdir(dir);
    strcpy(name, entry->d_name);
    for (int n = 0; n < 10; n++)
        readdir(dir);
    seekdir(dir, place);
    CHECK_STRING(readdir(dir)->d_name, name);
    CHECK_ERROR(getdents64(dirfd(dir), name, 8), EINVAL);
    CHECK_ERROR(getdents64(make("f", ""), name, 16), ENOTDIR);
}

TEST(directory_while_it_changes, "files made and removed during a listing disturb no others")
{
    struct dirent *entry;
    int kept = 0;
    char name[16];

    for (int n = 0; n < 100; n++) {
        sprintf(name, "k%d", n);
        close(make(name, ""));
        sprintf(name, "x%d", n);
        close(make(name, ""));
    }
    DIR *dir = opendir(".");
    for (int n = 0; (entry = readdir(dir)); n++) {
        kept += entry->d_name[0] == 'k';
        if (n < 100) {
            sprintf(name, "x%d", n);
            unlink(name);
            sprintf(name, "n%d", n);
            close(make(name, ""));
        }
    }
    CHECK_EQUAL(kept, 100);
}

/* ---- attributes ---- */

TEST(attributes, "stat tells type, permissions, owner, links, size and blocks")
{
    struct stat st;

    umask(022);
    close(open("f", O_WRONLY | O_CREAT, 0666));
    CHECK(stat("f", &st) == 0);
    CHECK_EQUAL(st.st_mode, S_IFREG | 0644);
    CHECK(st.st_uid == geteuid() && st.st_gid == getegid() && st.st_nlink == 1 && st.st_size == 0);
    CHECK(st.st_blksize >= 512 && st.st_ino != 0);
    CHECK(stat("/dev/null", &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == 0x103);
    CHECK_ERROR(stat("missing", &st), ENOENT);
    CHECK_ERROR(fstat(999, &st), EBADF);
    int ends[2];
    CHECK(pipe(ends) == 0 && fstat(ends[0], &st) == 0 && S_ISFIFO(st.st_mode));
    int fd = make("g", "");
    static char page[8192];
    CHECK_EQUAL(write(fd, page, sizeof(page)), sizeof(page));
    CHECK(fstat(fd, &st) == 0 && st.st_size == 8192 && st.st_blocks >= 16);
}

TEST(extended_attributes_of_stat, "statx fills what stat does")
{
    struct statx x;
    struct stat st;

    close(make("f", "abc"));
    CHECK(stat("f", &st) == 0);
    CHECK(statx(AT_FDCWD, "f", 0, STATX_BASIC_STATS, &x) == 0);
    CHECK((x.stx_mask & STATX_BASIC_STATS) == STATX_BASIC_STATS);
    CHECK(x.stx_mode == st.st_mode && x.stx_ino == st.st_ino && x.stx_size == 3 &&
          x.stx_nlink == 1);
    CHECK(x.stx_mtime.tv_sec == st.st_mtim.tv_sec && x.stx_mtime.tv_nsec == st.st_mtim.tv_nsec);
    CHECK_ERROR(statx(AT_FDCWD, "missing", 0, STATX_BASIC_STATS, &x), ENOENT);
    CHECK_ERROR(statx(AT_FDCWD, "f", 0x80000000, STATX_BASIC_STATS, &x), EINVAL);
}

TEST(changing_modes, "chmod, fchmod and umask")
{
    struct stat st;
    int fd = make("f", "");

    CHECK(chmod("f", 04751) == 0 && stat("f", &st) == 0);
    CHECK_EQUAL(st.st_mode, S_IFREG | 04751);
    CHECK(fchmod(fd, 0) == 0 && fstat(fd, &st) == 0);
    CHECK_EQUAL(st.st_mode, S_IFREG);
    umask(077);
    CHECK_EQUAL(umask(022), 077);
    CHECK(mkdir("d", 0777) == 0 && stat("d", &st) == 0);
    CHECK_EQUAL(st.st_mode, S_IFDIR | 0755);
    CHECK_ERROR(chmod("missing", 0), ENOENT);
    CHECK_ERROR(fchmod(999, 0), EBADF);
}

TEST(permissions, "an ordinary user may what the bits say")
{
    if (geteuid())
        SKIP("needs root");
    chmod(".", 0755);
    umask(0);
    close(open("mine", O_WRONLY | O_CREAT, 0600));
    close(open("all", O_WRONLY | O_CREAT, 0644));
    close(open("group", O_WRONLY | O_CREAT, 0060));
    CHECK(chown("group", 0, 1234) == 0);
    CHECK(mkdir("closed", 0700) == 0 && mkdir("sticky", 01777) == 0 && mkdir("listed", 0744) == 0);
    close(open("closed/f", O_WRONLY | O_CREAT, 0666));
    close(open("sticky/f", O_WRONLY | O_CREAT, 0666));
    close(open("listed/f", O_WRONLY | O_CREAT, 0666));
    CHECK_CHILD(CHILD({
        gid_t groups[] = {1234};
        CHECK(setgroups(1, groups) == 0 && setgid(1000) == 0 && setuid(1000) == 0);
        CHECK_ERROR(open("mine", O_RDONLY), EACCES);
        CHECK(open("all", O_RDONLY) >= 0);
        CHECK_ERROR(open("all", O_WRONLY), EACCES);
        CHECK(open("group", O_RDWR) >= 0);
        CHECK_ERROR(open("new", O_WRONLY | O_CREAT, 0666), EACCES);
        CHECK_ERROR(open("closed/f", O_RDONLY), EACCES);
        CHECK_ERROR(open("listed/f", O_RDONLY), EACCES);
        CHECK(opendir("listed") != NULL && opendir("closed") == NULL);
        CHECK_ERROR(unlink("all"), EACCES);
        CHECK_ERROR(unlink("sticky/f"), EPERM);
        CHECK_ERROR(chmod("all", 0777), EPERM);
        CHECK_ERROR(chown("all", 1000, 1000), EPERM);
        CHECK_ERROR(chdir("closed"), EACCES);
        CHECK(access("all", R_OK) == 0);
        CHECK_ERROR(access("all", W_OK), EACCES);
        CHECK_ERROR(truncate("all", 0), EACCES);
        CHECK(open("sticky/mine", O_WRONLY | O_CREAT, 0600) >= 0 && unlink("sticky/mine") == 0);
    }));
}

TEST(owners, "chown changes what it is told, and takes set-id bits away")
{
    struct stat st;

    if (geteuid())
        SKIP("needs root");
    close(open("f", O_WRONLY | O_CREAT, 0600));
    CHECK(chmod("f", 06755) == 0);
    CHECK(chown("f", 7, -1) == 0 && stat("f", &st) == 0);
    CHECK(st.st_uid == 7 && st.st_gid == getegid());
    CHECK_EQUAL(st.st_mode & 07777, 0755);
    CHECK(chown("f", -1, 8) == 0 && stat("f", &st) == 0 && st.st_uid == 7 && st.st_gid == 8);
    CHECK(symlink("f", "s") == 0 && lchown("s", 9, 9) == 0);
    CHECK(stat("f", &st) == 0 && st.st_uid == 7);
    CHECK(lstat("s", &st) == 0 && st.st_uid == 9);
}

TEST(times, "reading, writing and changing set their times; utimensat sets any")
{
    struct timespec set[2] = {{1000, 5}, {2000, 7}}, now;
    struct stat st, before;
    int fd;

    fd = make("f", "abc");
    CHECK(utimensat(AT_FDCWD, "f", set, 0) == 0 && stat("f", &st) == 0);
    CHECK(st.st_atim.tv_sec == 1000 && st.st_mtim.tv_sec == 2000 && st.st_mtim.tv_nsec == 7);
    set[0].tv_nsec = UTIME_OMIT;
    set[1].tv_nsec = UTIME_NOW;
    clock_gettime(CLOCK_REALTIME, &now);
    CHECK(utimensat(AT_FDCWD, "f", set, 0) == 0 && stat("f", &st) == 0);
    CHECK(st.st_atim.tv_sec == 1000 && labs(st.st_mtim.tv_sec - now.tv_sec) <= 2);
    set[1].tv_nsec = 1000000000;
    CHECK_ERROR(utimensat(AT_FDCWD, "f", set, 0), EINVAL);
    CHECK(stat("f", &before) == 0);
    ktap_sleep(30);
    CHECK_EQUAL(write(fd, "x", 1), 1);
    CHECK(stat("f", &st) == 0);
    CHECK(later(&st, &before));
    CHECK(stat(".", &before) == 0);
    ktap_sleep(30);
    close(make("g", ""));
    CHECK(stat(".", &st) == 0);
    CHECK(later(&st, &before));
    CHECK_ERROR(utimensat(AT_FDCWD, "missing", NULL, 0), ENOENT);
}

TEST(special_files, "mknod makes FIFOs and devices")
{
    struct stat st;

    CHECK(mkfifo("p", 0600) == 0 && stat("p", &st) == 0 && S_ISFIFO(st.st_mode));
    CHECK_ERROR(mkfifo("p", 0600), EEXIST);
    CHECK(mknod("r", S_IFREG | 0600, 0) == 0 && stat("r", &st) == 0 && S_ISREG(st.st_mode));
    CHECK_ERROR(mknod("d", S_IFDIR | 0600, 0), EPERM);
    if (geteuid() == 0) {
        CHECK(mknod("n", S_IFCHR | 0600, 0x103) == 0 && stat("n", &st) == 0);
        CHECK(S_ISCHR(st.st_mode) && st.st_rdev == 0x103);
    }
}

TEST(devices, "null swallows, zero gives, full refuses, random differs")
{
    char a[16], b[16], zeros[16] = "";
    int null = open("/dev/null", O_RDWR), zero = open("/dev/zero", O_RDWR);

    CHECK(null >= 0 && zero >= 0);
    CHECK_EQUAL(write(null, a, 16), 16);
    CHECK_EQUAL(read(null, a, 16), 0);
    CHECK_EQUAL(read(zero, a, 16), 16);
    CHECK(!memcmp(a, zeros, 16));
    CHECK_EQUAL(write(zero, a, 16), 16);
    int full = open("/dev/full", O_RDWR);
    CHECK_ERROR(write(full, a, 1), ENOSPC);
    CHECK_EQUAL(read(full, a, 16), 16);
    int random = open("/dev/urandom", O_RDONLY);
    CHECK(read(random, a, 16) == 16 && read(random, b, 16) == 16 && memcmp(a, b, 16));
    CHECK_EQUAL(lseek(null, 10, SEEK_SET), 0);
}

TEST(file_system_figures, "statfs of a directory and of a descriptor agree")
{
    struct statvfs a, b;
    int fd = open(".", O_RDONLY);

    CHECK(statvfs(".", &a) == 0 && fstatvfs(fd, &b) == 0);
    CHECK(a.f_bsize == b.f_bsize && a.f_blocks == b.f_blocks && a.f_namemax == 255);
    CHECK(a.f_bfree <= a.f_blocks);
    CHECK_ERROR(statvfs("missing", &a), ENOENT);
}

TEST(descriptor_limit, "open fails with EMFILE at the limit, and works again below it")
{
    int last = -1, fd;

    for (;;) {
        fd = open("/dev/null", O_RDONLY);
        if (fd < 0)
            break;
        last = fd;
    }
    CHECK_EQUAL(errno, EMFILE);
    CHECK_EQUAL(last, getdtablesize() - 1);
    CHECK_ERROR(dup(0), EMFILE);
    CHECK(close(last) == 0);
    CHECK_EQUAL(dup(0), last);
}

TEST(stdio, "streams work over descriptors: formats, lines, seeking, append")
{
    char line[64];
    int n;
    double d;

    FILE *file = fopen("f", "w+");
    CHECK(file != NULL);
    CHECK(fprintf(file, "%d %.3f %s\n", 42, 2.5, "words") == 15);
    CHECK(fputs("second\n", file) >= 0);
    rewind(file);
    CHECK(fscanf(file, "%d %lf %63s", &n, &d, line) == 3);
    CHECK(n == 42 && d == 2.5 && !strcmp(line, "words"));
    CHECK(fgets(line, sizeof(line), file) && fgets(line, sizeof(line), file));
    CHECK_STRING(line, "second\n");
    CHECK(fgetc(file) == EOF && feof(file));
    CHECK(fseek(file, 3, SEEK_SET) == 0 && fgetc(file) == '2');
    fclose(file);
    file = fopen("f", "a");
    fputs("third", file);
    fclose(file);
    CHECK_EQUAL(size_of("f"), 27);
    CHECK(fopen("missing", "r") == NULL && errno == ENOENT);
}
