/*
 * Extended attributes and the flags that chattr(1) sets, in the present directory: where its file
 * system has neither, only what is refused can be tested.
 */
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <stdlib.h>
#include <sys/wait.h>
#include "ktap.h"

enum { CREATE = 1, REPLACE = 2, IMMUTABLE = 0x10, APPEND = 0x20, NODUMP = 0x40 };

#define GETFLAGS 0x80086601
#define SETFLAGS 0x40086602

static char path[64];

static int set(const char *name, const void *value, size_t size, int flags)
{
    return (int)syscall(SYS_setxattr, path, name, value, size, flags);
}

static long get(const char *name, void *value, size_t size)
{
    return syscall(SYS_getxattr, path, name, value, size);
}

static int take(const char *name)
{
    return (int)syscall(SYS_removexattr, path, name);
}

/* A new file; whether the file system has attributes of users. */
static bool begin(const char *name)
{
    snprintf(path, sizeof(path), "%s.%d", name, (int)getpid());
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644);
    CHECK(fd >= 0);
    close(fd);
    if (!set("user.probe", "", 0, 0))
        return !take("user.probe");
    CHECK_ERROR(set("user.probe", "", 0, 0), EOPNOTSUPP);
    return false;
}

TEST(refused, "what no file system takes is refused before it is asked")
{
    char name[300];

    begin("refused");
    memset(name, 'n', sizeof(name));
    name[sizeof(name) - 1] = '\0';
    CHECK_ERROR(set("user.a", "v", 1, 4), EINVAL);
    CHECK_ERROR(set("", "v", 1, 0), ERANGE);
    CHECK_ERROR(set(name, "v", 1, 0), ERANGE);
    CHECK_ERROR(set("user.a", "v", 65537, 0), E2BIG);
    CHECK_ERROR(set("user.a", (void *)8, 10, 0), EFAULT);
    CHECK_ERROR(set((char *)8, "v", 1, 0), EFAULT);
    CHECK_ERROR(set("nothing", "v", 1, 0), EOPNOTSUPP);
    CHECK_ERROR(take(""), ERANGE);
    CHECK_ERROR((int)syscall(SYS_fsetxattr, -1, "user.a", "v", 1, 0), EBADF);
    CHECK_ERROR((int)syscall(SYS_fremovexattr, -1, "user.a"), EBADF);
    CHECK_ERROR((int)syscall(SYS_setxattr, "/none/at/all", "user.a", "v", 1, 0), ENOENT);
    unlink(path);
}

TEST(values, "values are set, read, replaced and removed")
{
    char bytes[256], large[3000];

    if (!begin("values")) {
        unlink(path);
        SKIP("no attributes here");
    }
    CHECK_EQUAL(set("user.a", "one", 3, CREATE), 0);
    CHECK_ERROR(set("user.a", "two", 3, CREATE), EEXIST);
    CHECK_ERROR(set("user.b", "two", 3, REPLACE), ENODATA);
    CHECK_ERROR(set("user.", "v", 1, 0), EINVAL);
    CHECK_EQUAL(set("user.a", "three", 5, REPLACE), 0);
    CHECK_EQUAL(set("user.empty", NULL, 0, 0), 0);
    CHECK_EQUAL(get("user.a", bytes, sizeof(bytes)), 5);
    CHECK(!memcmp(bytes, "three", 5));
    CHECK_EQUAL(get("user.a", NULL, 0), 5);
    CHECK_EQUAL(get("user.empty", bytes, sizeof(bytes)), 0);
    CHECK_ERROR((int)get("user.a", bytes, 4), ERANGE);
    CHECK_ERROR((int)get("user.none", bytes, 4), ENODATA);
    memset(large, 'l', sizeof(large));
    CHECK_EQUAL(set("user.large", large, 800, 0), 0); /* a block has room for it */
    long length = syscall(SYS_listxattr, path, bytes, sizeof(bytes));
    CHECK_EQUAL(length, (long)sizeof("user.a\0user.empty\0user.large"));
    CHECK_EQUAL(syscall(SYS_listxattr, path, NULL, 0), length);
    CHECK_ERROR((int)syscall(SYS_listxattr, path, bytes, 3), ERANGE);
    CHECK_EQUAL(take("user.large"), 0);
    CHECK_ERROR(take("user.large"), ENODATA);
    CHECK_EQUAL(take("user.empty"), 0);
    CHECK_EQUAL(take("user.a"), 0);
    CHECK_EQUAL(syscall(SYS_listxattr, path, bytes, sizeof(bytes)), 0);
    unlink(path);
}

TEST(places, "attributes are the file's, whichever way it is named")
{
    char link[80], bytes[16];

    if (!begin("places")) {
        unlink(path);
        SKIP("no attributes here");
    }
    snprintf(link, sizeof(link), "%s.link", path);
    CHECK_EQUAL(symlink(path, link), 0);
    CHECK_EQUAL((int)syscall(SYS_setxattr, link, "user.a", "v", 1, 0), 0);
    CHECK_EQUAL(get("user.a", bytes, sizeof(bytes)), 1);
    CHECK_ERROR((int)syscall(SYS_lsetxattr, link, "user.a", "v", 1, 0), EPERM);
    CHECK_ERROR((int)syscall(SYS_lgetxattr, link, "user.a", bytes, 1), ENODATA);
    int fd = open(path, O_RDONLY);
    CHECK_EQUAL((int)syscall(SYS_fsetxattr, fd, "user.b", "v", 1, 0), 0);
    CHECK_EQUAL((int)syscall(SYS_fremovexattr, fd, "user.a"), 0);
    CHECK_EQUAL((int)syscall(SYS_fgetxattr, fd, "user.b", bytes, sizeof(bytes)), 1);
    close(fd);
    CHECK_EQUAL(chmod(".", 0755), 0);
    if (!geteuid()) {
        CHECK_CHILD(CHILD(CHECK_EQUAL(setuid(1000), 0);
                          CHECK_ERROR(set("user.c", "v", 1, 0), EACCES);
                          CHECK_ERROR(set("trusted.c", "v", 1, 0), EPERM);
                          CHECK_ERROR((int)get("trusted.c", bytes, 1), ENODATA);));
    }
    unlink(link);
    unlink(path);
}

static int flags_set(int flags)
{
    int fd = open(path, O_RDONLY);
    long word = flags;
    int result = ioctl(fd, SETFLAGS, &word);
    close(fd);
    return result;
}

TEST(flags, "immutable files stay as they are, append-only ones grow")
{
    char other[80];
    int now = 0, fd;

    begin("flags");
    snprintf(other, sizeof(other), "%s.other", path);
    fd = open(path, O_RDONLY);
    int error = ioctl(fd, GETFLAGS, &now);
    close(fd);
    if (error || geteuid() || flags_set(now | IMMUTABLE)) {
        unlink(path);
        SKIP("no flags here");
    }
    CHECK_ERROR(open(path, O_WRONLY), EPERM);
    CHECK_ERROR(truncate(path, 0), EPERM);
    CHECK_ERROR(unlink(path), EPERM);
    CHECK_ERROR(rename(path, other), EPERM);
    CHECK_ERROR(link(path, other), EPERM);
    CHECK_ERROR(chmod(path, 0600), EPERM);
    CHECK_ERROR(chown(path, 1, 1), EPERM);
    CHECK_ERROR(utimensat(AT_FDCWD, path, NULL, 0), EPERM);
    CHECK_EQUAL(flags_set(now | APPEND | NODUMP), 0);
    CHECK_ERROR(open(path, O_WRONLY), EPERM);
    CHECK_ERROR(open(path, O_WRONLY | O_APPEND | O_TRUNC), EPERM);
    fd = open(path, O_RDWR | O_APPEND);
    CHECK(fd >= 0 && write(fd, "grown", 5) == 5);
    CHECK_ERROR(ftruncate(fd, 0), EPERM);
    CHECK_EQUAL(ioctl(fd, GETFLAGS, &now), 0);
    CHECK_EQUAL(now & (APPEND | NODUMP), APPEND | NODUMP);
    close(fd);
    CHECK_ERROR(unlink(path), EPERM);
    CHECK_EQUAL(utimensat(AT_FDCWD, path, NULL, 0), 0);
    CHECK_EQUAL(flags_set(now & ~APPEND), 0);
    CHECK_EQUAL(unlink(path), 0);
}

/* ---- security.capability ---- */

enum { NET_RAW = 1 << 13, VERSION_3 = 0x20080522 };

/* This program's other life: tells whether it has CAP_NET_RAW, and nothing else. */
__attribute__((constructor)) static void tell_capabilities(void)
{
    unsigned header[2] = {VERSION_3, 0}, data[6];

    if (!getenv("TELL_CAPABILITIES"))
        return;
    syscall(SYS_capget, header, data);
    _exit(data[0] == NET_RAW && data[1] == NET_RAW && !data[3] && !data[4] ? 7 : data[0] ? 8 : 9);
}

static int give(unsigned flags)
{
    unsigned value[5] = {0x02000000 | flags, NET_RAW};

    return set("security.capability", value, sizeof(value), 0);
}

static bool capable(void)
{
    char bytes[24];

    return get("security.capability", bytes, sizeof(bytes)) == 20;
}

static void write_byte(void)
{
    int fd = open(path, O_WRONLY);

    CHECK_EQUAL(write(fd, "x", 1), 1);
    close(fd);
}

TEST(trust, "what a program may goes when its file is written or given away")
{
    if (!begin("trust") || geteuid() || give(1)) {
        unlink(path);
        SKIP("no capabilities of files here");
    }
    CHECK(capable());
    CHECK_EQUAL(set("user.kept", "kept", 4, 0), 0);
    CHECK_EQUAL(chmod(path, 0755), 0);
    CHECK(capable());
    write_byte();
    CHECK(!capable());
    CHECK_EQUAL(give(1), 0);
    CHECK_EQUAL(truncate(path, 100), 0);
    CHECK(!capable());
    CHECK_EQUAL(give(1), 0);
    CHECK_EQUAL(chown(path, 1, 1), 0);
    CHECK(!capable());
    CHECK_EQUAL(give(1), 0);
    close(open(path, O_WRONLY | O_TRUNC));
    CHECK(!capable());
    CHECK_EQUAL(give(1), 0);
    write_byte();
    CHECK(!capable());
    CHECK_EQUAL(get("user.kept", NULL, 0), 4);
    unlink(path);
}

static void copy_program(void)
{
    static char bytes[65536];
    int from = open("/proc/self/exe", O_RDONLY), to = open(path, O_WRONLY | O_TRUNC);
    ssize_t length;

    CHECK(from >= 0 && to >= 0);
    while ((length = read(from, bytes, sizeof(bytes))) > 0)
        CHECK_EQUAL(write(to, bytes, (size_t)length), length);
    close(from);
    close(to);
    CHECK_EQUAL(chmod(path, 0755), 0);
}

/* The status of the copy run by a user; 100 when it is refused. */
static int run_as_user(void)
{
    char *arguments[] = {path, NULL}, *environment[] = {"TELL_CAPABILITIES=1", NULL};
    int status = -1;
    int fd = open(path, O_RDONLY);
    pid_t pid = fork();

    if (pid == 0) {
        if (setgid(1000) || setuid(1000))
            _exit(101);
        syscall(SYS_execveat, fd, "", arguments, environment, 0x1000);
        _exit(errno == EPERM ? 100 : 102);
    }
    close(fd);
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(programs, "a program gets the capabilities of its file")
{
    unsigned more[5] = {0x02000001, NET_RAW | 1u << 16 /* sys_module */, 0, 0, 0};

    if (!begin("programs") || geteuid() || give(1)) {
        unlink(path);
        SKIP("no capabilities of files here");
    }
    copy_program();
    CHECK_EQUAL(run_as_user(), 9); /* writing took them away */
    CHECK_EQUAL(give(1), 0);
    CHECK_EQUAL(run_as_user(), 7);
    CHECK_EQUAL(give(0), 0); /* permitted only: it has to ask */
    CHECK_EQUAL(run_as_user(), 9);
    CHECK_EQUAL(take("security.capability"), 0);
    CHECK_EQUAL(run_as_user(), 9);
    CHECK_EQUAL(prctl(24 /* PR_CAPBSET_DROP */, 16, 0, 0, 0), 0);
    CHECK_EQUAL(set("security.capability", more, sizeof(more), 0), 0);
    CHECK_EQUAL(run_as_user(), 100); /* not even a part of them */
    unlink(path);
}
