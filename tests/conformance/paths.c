/* Every call that takes a path, on every kind of path: which of them work, and with which error the
 * others fail. */
#include "show.h"

#include <sys/statvfs.h>
#include <utime.h>

static const char *const paths[] = {
    "missing",  "file",   "file/",       "file/x",      "file/..",  "dir",       "dir/",
    "dir/.",    "dir/..", "dir/file",    "dir/none",    "full",     "full/",     "to_file",
    "to_file/", "to_dir", "to_dir/",     "to_dir/file", "dangling", "dangling/", "loop",
    "loop/x",   "fifo",   "fifo/",       "null",        "null/x",   "",          ".",
    "..",       "./",     "/",           "//",          "missing/", "missing/x", "missing/.",
    "file/.",   "long",   "dir/../file",
};

static char long_name[300];

/* Each call meets the same tree. */
static void plant(void)
{
    remove_tree(".");
    put_file("file", "content", 0644);
    mkdir("dir", 0755);
    put_file("dir/file", "x", 0644);
    mkdir("full", 0755);
    put_file("full/x", "x", 0644);
    symlink("file", "to_file");
    symlink("dir", "to_dir");
    symlink("nowhere", "dangling");
    symlink("loop", "loop");
    mkfifo("fifo", 0644);
    mknod("null", S_IFCHR | 0666, 0x103);
}

static struct stat st;
static char text[PATH_MAX];

#define CALL(name, expression)      \
    static long name(const char *p) \
    {                               \
        return (expression);        \
    }

CALL(call_stat, stat(p, &st))
CALL(call_lstat, lstat(p, &st))
CALL(call_access, access(p, F_OK))
CALL(call_open_read, open(p, O_RDONLY | O_NONBLOCK))
CALL(call_open_write, open(p, O_RDWR | O_NONBLOCK))
CALL(call_open_create, open(p, O_RDWR | O_CREAT | O_NONBLOCK, 0600))
CALL(call_open_exclusive, open(p, O_RDWR | O_CREAT | O_EXCL | O_NONBLOCK, 0600))
CALL(call_open_directory, open(p, O_RDONLY | O_DIRECTORY))
CALL(call_open_nofollow, open(p, O_RDONLY | O_NOFOLLOW | O_NONBLOCK))
CALL(call_open_truncate, open(p, O_WRONLY | O_TRUNC | O_NONBLOCK))
CALL(call_open_path, open(p, O_PATH))
CALL(call_open_path_nofollow, open(p, O_PATH | O_NOFOLLOW))
CALL(call_mkdir, mkdir(p, 0755))
CALL(call_rmdir, rmdir(p))
CALL(call_unlink, unlink(p))
CALL(call_mkfifo, mkfifo(p, 0600))
CALL(call_mknod, mknod(p, S_IFREG | 0600, 0))
CALL(call_symlink, symlink("target", p))
CALL(call_readlink, readlink(p, text, sizeof(text)))
CALL(call_link_from, link(p, "new"))
CALL(call_link_to, link("file", p))
CALL(call_link_follow, linkat(AT_FDCWD, p, AT_FDCWD, "new", AT_SYMLINK_FOLLOW))
CALL(call_rename_from, rename(p, "new"))
CALL(call_rename_file_to, rename("file", p))
CALL(call_rename_dir_to, rename("dir", p))
CALL(call_chmod, chmod(p, 0700))
CALL(call_chown, chown(p, 0, 0))
CALL(call_lchown, lchown(p, 0, 0))
CALL(call_truncate, truncate(p, 3))
CALL(call_utimensat, utimensat(AT_FDCWD, p, NULL, 0))
CALL(call_utimensat_nofollow, utimensat(AT_FDCWD, p, NULL, AT_SYMLINK_NOFOLLOW))
CALL(call_statvfs, statvfs(p, (struct statvfs *)text))
CALL(call_execve, execve(p, (char *[]){"x", NULL}, environ))
CALL(call_unlinkat_directory, unlinkat(AT_FDCWD, p, AT_REMOVEDIR))
CALL(call_chdir, chdir(p))

static const struct {
    const char *name;
    long (*call)(const char *);
} calls[] = {
    {"stat", call_stat},
    {"lstat", call_lstat},
    {"access", call_access},
    {"open O_RDONLY", call_open_read},
    {"open O_RDWR", call_open_write},
    {"open O_CREAT", call_open_create},
    {"open O_CREAT|O_EXCL", call_open_exclusive},
    {"open O_DIRECTORY", call_open_directory},
    {"open O_NOFOLLOW", call_open_nofollow},
    {"open O_TRUNC", call_open_truncate},
    {"open O_PATH", call_open_path},
    {"open O_PATH|O_NOFOLLOW", call_open_path_nofollow},
    {"mkdir", call_mkdir},
    {"rmdir", call_rmdir},
    {"unlink", call_unlink},
    {"mkfifo", call_mkfifo},
    {"mknod", call_mknod},
    {"symlink", call_symlink},
    {"readlink", call_readlink},
    {"link from", call_link_from},
    {"link to", call_link_to},
    {"linkat follow", call_link_follow},
    {"rename from", call_rename_from},
    {"rename file to", call_rename_file_to},
    {"rename dir to", call_rename_dir_to},
    {"chmod", call_chmod},
    {"chown", call_chown},
    {"lchown", call_lchown},
    {"truncate", call_truncate},
    {"utimensat", call_utimensat},
    {"utimensat nofollow", call_utimensat_nofollow},
    {"statvfs", call_statvfs},
    {"execve", call_execve},
    {"unlinkat AT_REMOVEDIR", call_unlinkat_directory},
    {"chdir", call_chdir},
};

/* The root is not to be touched, nor the place's own directory. */
static bool dangerous(const char *call, const char *path)
{
    bool root = path[0] == '/' && path[strspn(path, "/")] == '\0';
    bool here = path[0] == '.' && strcmp(path, "./") <= 0;

    return (root || here || !strcmp(path, "..")) &&
           (strstr(call, "chmod") || strstr(call, "chown") || strstr(call, "utimensat") ||
            strstr(call, "rename") || strstr(call, "link"));
}

int main(void)
{
    fresh_place();
    int here = open(".", O_RDONLY | O_DIRECTORY);
    memset(long_name, 'n', sizeof(long_name) - 1);
    for (size_t c = 0; c < COUNT(calls); c++)
        for (size_t n = 0; n < COUNT(paths); n++) {
            const char *path = strcmp(paths[n], "long") ? paths[n] : long_name;
            if (dangerous(calls[c].name, path))
                continue;
            plant();
            errno = 0;
            long value = calls[c].call(path);
            int error = errno;
            printf("%s \"%s\": %s\n", calls[c].name, paths[n],
                   value == -1 ? strerror(error) : "works");
            if (!strncmp(calls[c].name, "open", 4) && value >= 0)
                close((int)value);
            fchdir(here);
        }
    leave_place();
    return 0;
}
