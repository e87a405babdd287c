/* splice, tee, vmsplice, sendfile, copy_file_range. */
#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include "ktap.h"

#define SPLICE_NOWAIT 2u /* SPLICE_F_NONBLOCK */

static long do_splice(int in, off_t *in_at, int out, off_t *out_at, size_t size, unsigned flags)
{
    return syscall(SYS_splice, in, in_at, out, out_at, size, flags);
}

static long do_tee(int in, int out, size_t size, unsigned flags)
{
    return syscall(SYS_tee, in, out, size, flags);
}

static long do_vmsplice(int fd, const struct iovec *vector, size_t count, unsigned flags)
{
    return syscall(SYS_vmsplice, fd, vector, count, flags);
}

static long do_copy(int in, off_t *in_at, int out, off_t *out_at, size_t size, unsigned flags)
{
    return syscall(SYS_copy_file_range, in, in_at, out, out_at, size, flags);
}

static char pattern_at(size_t i)
{
    return (char)(i * 7 + i / 251);
}

static int pattern_file(const char *name, size_t size)
{
    char block[1000];
    int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
    CHECK(fd >= 0);
    for (size_t at = 0; at < size;) {
        size_t part = size - at < sizeof block ? size - at : sizeof block;
        for (size_t i = 0; i < part; i++)
            block[i] = pattern_at(at + i);
        CHECK(write(fd, block, part) == (ssize_t)part);
        at += part;
    }
    CHECK(lseek(fd, 0, SEEK_SET) == 0);
    return fd;
}

static void check_pattern(int fd, size_t from, size_t size)
{
    char block[777];
    for (size_t at = 0; at < size;) {
        size_t want = size - at < sizeof block ? size - at : sizeof block;
        ssize_t got = read(fd, block, want);
        CHECK(got > 0);
        for (ssize_t i = 0; i < got; i++)
            if (block[i] != pattern_at(from + at + i))
                FAIL("byte %zu differs", at + i);
        at += got;
    }
}

TEST(file_to_pipe, "a file's bytes go into a pipe, by its offset and by a given one")
{
    int fd = pattern_file("a", 10000), p[2];
    CHECK(pipe(p) == 0);
    CHECK_EQUAL(do_splice(fd, NULL, p[1], NULL, 6000, 0), 6000);
    CHECK_EQUAL(lseek(fd, 0, SEEK_CUR), 6000);
    check_pattern(p[0], 0, 6000);
    off_t at = 123;
    CHECK_EQUAL(do_splice(fd, &at, p[1], NULL, 5000, 0), 5000);
    CHECK_EQUAL(at, 5123);
    CHECK_EQUAL(lseek(fd, 0, SEEK_CUR), 6000);
    check_pattern(p[0], 123, 5000);
    CHECK_EQUAL(do_splice(fd, NULL, p[1], NULL, 1 << 20, 0), 4000);
    CHECK_EQUAL(do_splice(fd, NULL, p[1], NULL, 1 << 20, 0), 0);
    check_pattern(p[0], 6000, 4000);
}

TEST(file_fills_pipe, "a file longer than the pipe moves as far as there is room")
{
    int fd = pattern_file("a", 200000), p[2];
    CHECK(pipe(p) == 0);
    long moved = do_splice(fd, NULL, p[1], NULL, 200000, 0);
    CHECK_EQUAL(moved, 65536);
    CHECK_ERROR(do_splice(fd, NULL, p[1], NULL, 1, SPLICE_NOWAIT), EAGAIN);
    check_pattern(p[0], 0, moved);
}

TEST(pipe_to_file, "a pipe's bytes go into a file, at its offset or a given one")
{
    int source = pattern_file("a", 9000), p[2];
    int fd = open("b", O_RDWR | O_CREAT, 0600);
    CHECK(pipe(p) == 0);
    CHECK_EQUAL(do_splice(source, NULL, p[1], NULL, 9000, 0), 9000);
    CHECK_EQUAL(do_splice(p[0], NULL, fd, NULL, 5000, 0), 5000);
    CHECK_EQUAL(lseek(fd, 0, SEEK_CUR), 5000);
    off_t at = 5000;
    CHECK_EQUAL(do_splice(p[0], NULL, fd, &at, 100000, 0), 4000);
    CHECK_EQUAL(at, 9000);
    CHECK_EQUAL(lseek(fd, 0, SEEK_CUR), 5000);
    lseek(fd, 0, SEEK_SET);
    check_pattern(fd, 0, 9000);
    CHECK_ERROR(do_splice(p[0], NULL, fd, NULL, 10, SPLICE_NOWAIT), EAGAIN);
    close(p[1]);
    CHECK_EQUAL(do_splice(p[0], NULL, fd, NULL, 10, 0), 0);
}

TEST(pipe_to_pipe, "bytes go from pipe to pipe, and what finds no room stays")
{
    int fd = pattern_file("a", 65536), p[2], q[2];
    CHECK(pipe(p) == 0 && pipe(q) == 0);
    CHECK_EQUAL(do_splice(fd, NULL, p[1], NULL, 65536, 0), 65536);
    CHECK(write(q[1], "0123456789", 10) == 10);
    long moved = do_splice(p[0], NULL, q[1], NULL, 65536, 0);
    CHECK(moved > 0 && moved < 65536);
    CHECK_ERROR(do_splice(p[0], NULL, q[1], NULL, 1, SPLICE_NOWAIT), EAGAIN);
    char text[10];
    CHECK(read(q[0], text, 10) == 10 && !memcmp(text, "0123456789", 10));
    check_pattern(q[0], 0, moved);
    check_pattern(p[0], moved, 65536 - moved);
}

TEST(waits, "splice waits for the first byte")
{
    int p[2], q[2];
    CHECK(pipe(p) == 0 && pipe(q) == 0);
    pid_t pid = CHILD({
        usleep(50000);
        CHECK(write(p[1], "late", 4) == 4);
    });
    CHECK_EQUAL(do_splice(p[0], NULL, q[1], NULL, 100, 0), 4);
    CHECK_CHILD(pid);
    char text[4];
    CHECK(read(q[0], text, 4) == 4 && !memcmp(text, "late", 4));
}

TEST(no_reader, "a pipe without readers answers EPIPE and sends SIGPIPE")
{
    int fd = pattern_file("a", 100), p[2];
    CHECK(pipe(p) == 0);
    close(p[0]);
    signal(SIGPIPE, SIG_IGN);
    CHECK_ERROR(do_splice(fd, NULL, p[1], NULL, 10, 0), EPIPE);
    CHECK_EQUAL(lseek(fd, 0, SEEK_CUR), 0);
    signal(SIGPIPE, SIG_DFL);
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        do_splice(fd, NULL, p[1], NULL, 10, 0);
        _exit(0);
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE);
}

TEST(splice_errors, "splice refuses what it must")
{
    int fd = pattern_file("a", 100), p[2], q[2];
    int append = open("b", O_WRONLY | O_CREAT | O_APPEND, 0600), directory = open(".", O_RDONLY);
    off_t at = 0;
    CHECK(pipe(p) == 0 && pipe(q) == 0);
    CHECK_EQUAL(do_splice(-1, NULL, -1, NULL, 0, 0), 0);
    CHECK_ERROR(do_splice(fd, NULL, p[1], NULL, 1, 0x100), EINVAL);
    CHECK_ERROR(do_splice(-1, NULL, p[1], NULL, 1, 0), EBADF);
    CHECK_ERROR(do_splice(fd, NULL, p[0], NULL, 1, 0), EBADF);
    CHECK_ERROR(do_splice(p[1], NULL, fd, NULL, 1, 0), EBADF);
    CHECK_ERROR(do_splice(fd, NULL, append, NULL, 1, 0), EINVAL);
    CHECK_ERROR(do_splice(p[0], NULL, p[1], NULL, 1, 0), EINVAL);
    CHECK_ERROR(do_splice(p[0], &at, fd, NULL, 1, 0), ESPIPE);
    CHECK_ERROR(do_splice(fd, NULL, p[1], &at, 1, 0), ESPIPE);
    CHECK_ERROR(do_splice(p[0], NULL, append, NULL, 1, 0), EINVAL);
    CHECK_ERROR(do_splice(directory, NULL, p[1], NULL, 1, 0), EINVAL);
    at = -5;
    CHECK_ERROR(do_splice(fd, &at, p[1], NULL, 1, 0), EINVAL);
    CHECK_ERROR(do_splice(fd, (off_t *)8, p[1], NULL, 1, 0), EFAULT);
    CHECK_ERROR(do_splice(p[0], NULL, q[1], NULL, 1, SPLICE_NOWAIT), EAGAIN);
    CHECK(fcntl(p[0], F_SETFL, O_NONBLOCK) == 0);
    CHECK_ERROR(do_splice(p[0], NULL, q[1], NULL, 1, 0), EAGAIN);
}

TEST(duplicate, "tee shows the same bytes in two pipes")
{
    int fd = pattern_file("a", 20000), p[2], q[2];
    CHECK(pipe(p) == 0 && pipe(q) == 0);
    CHECK_EQUAL(do_splice(fd, NULL, p[1], NULL, 20000, 0), 20000);
    CHECK_EQUAL(do_tee(p[0], q[1], 15000, 0), 15000);
    check_pattern(q[0], 0, 15000);
    check_pattern(p[0], 0, 20000);
    CHECK_ERROR(do_tee(p[0], q[1], 10, SPLICE_NOWAIT), EAGAIN);
    CHECK_ERROR(do_tee(fd, q[1], 10, 0), EINVAL);
    CHECK_ERROR(do_tee(p[0], p[1], 10, 0), EINVAL);
    CHECK_ERROR(do_tee(p[1], q[1], 10, 0), EBADF);
    CHECK_ERROR(do_tee(p[0], q[1], 10, 0x100), EINVAL);
    close(p[1]);
    CHECK_EQUAL(do_tee(p[0], q[1], 10, 0), 0);
}

TEST(memory, "vmsplice moves memory into and out of pipes")
{
    int p[2];
    char text[20];
    struct iovec out[2] = {{"spl", 3}, {"iced", 4}}, in[1] = {{text, sizeof text}};
    CHECK(pipe(p) == 0);
    CHECK_EQUAL(do_vmsplice(p[1], out, 2, 0), 7);
    CHECK_EQUAL(do_vmsplice(p[0], in, 1, 0), 7);
    CHECK(!memcmp(text, "spliced", 7));
    CHECK_ERROR(do_vmsplice(p[0], in, 1, SPLICE_NOWAIT), EAGAIN);
    CHECK_ERROR(do_vmsplice(p[1], out, 2, 0x100), EINVAL);
    int fd = pattern_file("a", 10);
    CHECK_ERROR(do_vmsplice(fd, out, 2, 0), EBADF);
    CHECK_ERROR(do_vmsplice(-1, out, 2, 0), EBADF);
}

TEST(send_file, "sendfile copies between files, and into a pipe as far as there is room")
{
    int in = pattern_file("a", 100000), out = open("b", O_RDWR | O_CREAT, 0600), p[2];
    off_t at = 10;
    CHECK_EQUAL(sendfile(out, in, NULL, 200000), 100000);
    CHECK_EQUAL(lseek(in, 0, SEEK_CUR), 100000);
    CHECK_EQUAL(lseek(out, 0, SEEK_CUR), 100000);
    lseek(out, 0, SEEK_SET);
    check_pattern(out, 0, 100000);
    CHECK(pipe(p) == 0);
    CHECK_EQUAL(sendfile(p[1], in, &at, 5000), 5000);
    CHECK_EQUAL(at, 5010);
    CHECK_EQUAL(lseek(in, 0, SEEK_CUR), 100000);
    check_pattern(p[0], 10, 5000);
    CHECK_ERROR(sendfile(out, p[0], NULL, 10), EINVAL);
    CHECK_ERROR(sendfile(out, p[0], &at, 10), ESPIPE);
    CHECK_ERROR(sendfile(-1, in, NULL, 10), EBADF);
    CHECK_ERROR(sendfile(p[0], in, NULL, 10), EBADF);
    int append = open("c", O_WRONLY | O_CREAT | O_APPEND, 0600);
    CHECK_ERROR(sendfile(append, in, NULL, 10), EINVAL);
}

TEST(send_itself, "sendfile may copy a file into itself")
{
    int in = pattern_file("a", 3000), out = open("a", O_WRONLY);
    CHECK(lseek(out, 0, SEEK_END) == 3000);
    CHECK_EQUAL(sendfile(out, in, NULL, 3000), 3000);
    lseek(in, 0, SEEK_SET);
    check_pattern(in, 0, 3000);
    check_pattern(in, 0, 3000);
}

TEST(copy_range, "copy_file_range copies, by both offsets, up to the end")
{
    int in = pattern_file("a", 50000), out = open("b", O_RDWR | O_CREAT, 0600);
    off_t from = 100, to = 7;
    CHECK_EQUAL(do_copy(in, &from, out, &to, 40000, 0), 40000);
    CHECK_EQUAL(from, 40100);
    CHECK_EQUAL(to, 40007);
    CHECK_EQUAL(lseek(in, 0, SEEK_CUR), 0);
    CHECK(lseek(out, 7, SEEK_SET) == 7);
    check_pattern(out, 100, 40000);
    CHECK(lseek(in, 49000, SEEK_SET) == 49000);
    CHECK_EQUAL(do_copy(in, NULL, out, NULL, 5000, 0), 1000);
    CHECK_EQUAL(do_copy(in, NULL, out, NULL, 5000, 0), 0);
    CHECK_EQUAL(lseek(out, 0, SEEK_CUR), 41007);
}

TEST(copy_errors, "copy_file_range refuses what it must")
{
    int fd = pattern_file("a", 5000), p[2], directory = open(".", O_RDONLY);
    int reader = open("a", O_RDONLY), append = open("a", O_WRONLY | O_APPEND);
    off_t from = 0, to = 100;
    CHECK(pipe(p) == 0);
    CHECK_ERROR(do_copy(fd, &from, fd, &to, 200, 0), EINVAL);
    CHECK_EQUAL(do_copy(fd, &from, fd, &to, 100, 0), 100);
    CHECK_ERROR(do_copy(fd, NULL, fd, NULL, 10, 1), EINVAL);
    CHECK_ERROR(do_copy(-1, NULL, fd, NULL, 10, 0), EBADF);
    CHECK_ERROR(do_copy(fd, NULL, reader, NULL, 10, 0), EBADF);
    CHECK_ERROR(do_copy(fd, NULL, append, NULL, 10, 0), EBADF);
    CHECK_ERROR(do_copy(p[0], NULL, fd, NULL, 10, 0), EINVAL);
    CHECK_ERROR(do_copy(directory, NULL, fd, NULL, 10, 0), EISDIR);
}
