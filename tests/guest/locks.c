/* File locks: fcntl's, open file descriptions', flock's. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>
#include "ktap.h"

static int open_file(void)
{
    int fd = open("locked", O_RDWR | O_CREAT, 0600);
    CHECK(fd >= 0);
    return fd;
}

static int lock(int fd, int command, short type, long start, long length)
{
    struct flock l = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length};
    return fcntl(fd, command, &l);
}

/* What stands in the way of a lock: the type, or F_UNLCK; *START and *LENGTH describe it. */
static int blocker(int fd, short type, long start, long length, long *at, long *size)
{
    struct flock l = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length};
    CHECK(fcntl(fd, F_GETLK, &l) == 0);
    *at = l.l_start;
    *size = l.l_len;
    return l.l_type;
}

TEST(other_processes, "record locks keep other processes off, not oneself")
{
    int fd = open_file();
    CHECK(lock(fd, F_SETLK, F_WRLCK, 10, 10) == 0);
    CHECK(lock(fd, F_SETLK, F_WRLCK, 15, 1) == 0);
    pid_t pid = CHILD({
        long at, size;
        CHECK(lock(fd, F_SETLK, F_RDLCK, 19, 5) == -1 && (errno == EAGAIN || errno == EACCES));
        CHECK(lock(fd, F_SETLK, F_RDLCK, 20, 5) == 0);
        CHECK_EQUAL(blocker(fd, F_WRLCK, 0, 0, &at, &size), F_WRLCK);
        CHECK(at == 10 && size == 10);
        CHECK_EQUAL(blocker(fd, F_WRLCK, 0, 10, &at, &size), F_UNLCK);
    });
    CHECK_CHILD(pid);
    close(fd);
}

TEST(ranges, "ranges are cut, joined and converted")
{
    int fd = open_file();
    CHECK(lock(fd, F_SETLK, F_WRLCK, 0, 100) == 0);
    CHECK(lock(fd, F_SETLK, F_UNLCK, 40, 20) == 0);
    CHECK(lock(fd, F_SETLK, F_RDLCK, 60, 40) == 0);
    pid_t pid = CHILD({
        long at, size;
        CHECK_EQUAL(blocker(fd, F_WRLCK, 0, 0, &at, &size), F_WRLCK);
        CHECK(at == 0 && size == 40);
        CHECK_EQUAL(blocker(fd, F_WRLCK, 40, 0, &at, &size), F_RDLCK);
        CHECK(at == 60 && size == 40);
        CHECK(lock(fd, F_SETLK, F_RDLCK, 60, 10) == 0);
        CHECK(lock(fd, F_SETLK, F_WRLCK, 40, 20) == 0);
    });
    CHECK_CHILD(pid);
    CHECK(lock(fd, F_SETLK, F_WRLCK, 40, 20) == 0);
    CHECK(lock(fd, F_SETLK, F_WRLCK, 60, 40) == 0);
    pid = CHILD({
        long at, size;
        CHECK_EQUAL(blocker(fd, F_RDLCK, 0, 0, &at, &size), F_WRLCK);
        CHECK(at == 0 && size == 100);
    });
    CHECK_CHILD(pid);
    close(fd);
}

TEST(closing, "closing any descriptor of the file gives the process's locks up")
{
    int fd = open_file(), second = open_file();
    CHECK(lock(fd, F_SETLK, F_WRLCK, 0, 0) == 0);
    close(second);
    pid_t pid = CHILD(CHECK(lock(fd, F_SETLK, F_WRLCK, 0, 0) == 0));
    CHECK_CHILD(pid);
    CHECK(lock(fd, F_SETLK, F_WRLCK, 0, 0) == 0);
    close(fd);
}

TEST(waiting, "a waiting lock gets its turn, and a signal ends the wait")
{
    int fd = open_file(), pipes[2];
    char c;
    CHECK(pipe(pipes) == 0);
    CHECK(lock(fd, F_SETLK, F_WRLCK, 0, 0) == 0);
    pid_t pid = CHILD({
        CHECK(write(pipes[1], "w", 1) == 1);
        CHECK(lock(fd, F_SETLKW, F_WRLCK, 0, 0) == 0);
    });
    CHECK(read(pipes[0], &c, 1) == 1);
    ktap_await_asleep(pid);
    CHECK(lock(fd, F_SETLK, F_UNLCK, 0, 0) == 0);
    CHECK_CHILD(pid);
    close(fd);
    close(pipes[0]);
    close(pipes[1]);
}

TEST(deadlock, "two who would wait for each other: EDEADLK for the second")
{
    int fd = open_file(), to_child[2], to_parent[2];
    char c;
    CHECK(pipe(to_child) == 0 && pipe(to_parent) == 0);
    CHECK(lock(fd, F_SETLK, F_WRLCK, 0, 1) == 0);
    pid_t pid = CHILD({
        CHECK(lock(fd, F_SETLK, F_WRLCK, 1, 1) == 0);
        CHECK(write(to_parent[1], "l", 1) == 1);
        CHECK(lock(fd, F_SETLKW, F_WRLCK, 0, 1) == 0);
    });
    CHECK(read(to_parent[0], &c, 1) == 1);
    ktap_await_asleep(pid);
    CHECK(lock(fd, F_SETLKW, F_WRLCK, 1, 1) == -1 && errno == EDEADLK);
    CHECK(lock(fd, F_SETLK, F_UNLCK, 0, 1) == 0);
    CHECK_CHILD(pid);
    close(fd);
}

TEST(descriptions,
     "locks of open file descriptions keep off other descriptions, of the same process too")
{
    int fd = open_file(), other = open_file(), same = dup(fd);
    CHECK(lock(fd, F_OFD_SETLK, F_WRLCK, 0, 10) == 0);
    CHECK(lock(same, F_OFD_SETLK, F_WRLCK, 0, 10) == 0);
    CHECK(lock(other, F_OFD_SETLK, F_RDLCK, 5, 1) == -1 && errno == EAGAIN);
    CHECK(lock(other, F_SETLK, F_RDLCK, 5, 1) == -1);
    close(fd);
    CHECK(lock(other, F_OFD_SETLK, F_RDLCK, 5, 1) == -1 && errno == EAGAIN);
    close(same);
    CHECK(lock(other, F_OFD_SETLK, F_RDLCK, 5, 1) == 0);
    close(other);
}

TEST(whole_files, "flock: shared and exclusive, by description, apart from record locks")
{
    int fd = open_file(), other = open_file();
    CHECK(flock(fd, LOCK_SH) == 0 && flock(other, LOCK_SH) == 0);
    CHECK(flock(fd, LOCK_EX | LOCK_NB) == -1 && errno == EWOULDBLOCK);
    CHECK(flock(other, LOCK_UN) == 0 && flock(fd, LOCK_EX | LOCK_NB) == 0);
    CHECK(flock(other, LOCK_SH | LOCK_NB) == -1 && errno == EWOULDBLOCK);
    CHECK(lock(other, F_SETLK, F_WRLCK, 0, 0) == 0);
    close(fd);
    CHECK(flock(other, LOCK_EX | LOCK_NB) == 0);
    CHECK(flock(other, LOCK_SH | LOCK_EX) == -1 && errno == EINVAL);
    close(other);
}

TEST(wrong_requests, "locks ask for the right access and sensible ranges")
{
    int fd = open_file(), reader = open("locked", O_RDONLY);
    CHECK(lock(reader, F_SETLK, F_WRLCK, 0, 0) == -1 && errno == EBADF);
    CHECK(lock(fd, F_SETLK, F_WRLCK, -1, 0) == -1 && errno == EINVAL);
    CHECK(lock(fd, F_SETLK, 17, 0, 0) == -1 && errno == EINVAL);
    CHECK(lock(fd, F_SETLK, F_WRLCK, 10, -5) == 0);
    pid_t pid = CHILD({
        long at, size;
        CHECK_EQUAL(blocker(fd, F_WRLCK, 0, 0, &at, &size), F_WRLCK);
        CHECK(at == 5 && size == 5);
    });
    CHECK_CHILD(pid);
    close(reader);
    close(fd);
}
