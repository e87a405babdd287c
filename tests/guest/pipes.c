/* Pipes and FIFOs. */
#include <sys/epoll.h>
#include "ktap.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

static void make(int ends[2], int flags)
{
    CHECK(pipe2(ends, flags) == 0);
}

static void ignore(int sig)
{
    (void)sig;
}

TEST(order, "bytes come out in the order they went in, across messages")
{
    int ends[2];
    char text[16] = "";

    make(ends, 0);
    CHECK_EQUAL(write(ends[1], "abc", 3), 3);
    CHECK_EQUAL(write(ends[1], "def", 3), 3);
    CHECK_EQUAL(read(ends[0], text, 4), 4);
    CHECK(!memcmp(text, "abcd", 4));
    CHECK_EQUAL(read(ends[0], text, 16), 2);
    CHECK_EQUAL(write(ends[1], "", 0), 0);
}

TEST(directions, "one end reads, the other writes")
{
    int ends[2];
    char c;

    make(ends, 0);
    CHECK_ERROR(write(ends[0], "x", 1), EBADF);
    CHECK_ERROR(read(ends[1], &c, 1), EBADF);
    CHECK_EQUAL(fcntl(ends[0], F_GETFL) & O_ACCMODE, O_RDONLY);
    CHECK_EQUAL(fcntl(ends[1], F_GETFL) & O_ACCMODE, O_WRONLY);
    CHECK_ERROR(pipe2(ends, O_CREAT), EINVAL);
    make(ends, O_CLOEXEC | O_NONBLOCK);
    CHECK_EQUAL(fcntl(ends[0], F_GETFD), FD_CLOEXEC);
    CHECK(fcntl(ends[1], F_GETFL) & O_NONBLOCK);
}

TEST(end_of_file, "a pipe without writers ends, also for a reader that waits")
{
    int ends[2];
    char c;

    make(ends, 0);
    CHECK_EQUAL(write(ends[1], "x", 1), 1);
    pid_t pid = CHILD(ktap_sleep(50));
    close(ends[1]);
    CHECK_EQUAL(read(ends[0], &c, 1), 1);
    CHECK_EQUAL(read(ends[0], &c, 1), 0); /* waits until the child's copy is closed */
    CHECK_EQUAL(read(ends[0], &c, 1), 0);
    CHECK_CHILD(pid);
}

TEST(broken, "writing without readers is SIGPIPE, or EPIPE when that is ignored")
{
    int ends[2], status;

    make(ends, 0);
    close(ends[0]);
    pid_t pid = CHILD(write(ends[1], "x", 1));
    CHECK_EQUAL(waitpid(pid, &status, 0), pid);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE);
    signal(SIGPIPE, SIG_IGN);
    CHECK_ERROR(write(ends[1], "x", 1), EPIPE);
}

TEST(broken_while_waiting, "a writer that waits is woken when the last reader goes")
{
    static char bytes[100000];
    int ends[2];

    signal(SIGPIPE, SIG_IGN);
    make(ends, 0);
    pid_t pid = CHILD(close(ends[1]); ktap_sleep(50));
    close(ends[0]);
    long n = write(ends[1], bytes, sizeof(bytes));
    CHECK(n == 65536 || n == -1);
    CHECK_CHILD(pid);
}

TEST(nonblocking, "O_NONBLOCK says EAGAIN instead of waiting, and takes what has room")
{
    static char bytes[200000];
    int ends[2];
    char c;

    make(ends, O_NONBLOCK);
    CHECK_ERROR(read(ends[0], &c, 1), EAGAIN);
    CHECK_EQUAL(write(ends[1], bytes, sizeof(bytes)), 65536);
    CHECK_ERROR(write(ends[1], "x", 1), EAGAIN);
    CHECK_EQUAL(read(ends[0], bytes, 100), 100);
    CHECK_ERROR(write(ends[1], bytes, 4096), EAGAIN); /* all of at most PIPE_BUF, or nothing */
    CHECK_EQUAL(read(ends[0], bytes, 4096), 4096);
    CHECK_EQUAL(write(ends[1], bytes, 4096), 4096);
    close(ends[1]);
    while (read(ends[0], bytes, sizeof(bytes)) > 0)
        continue;
    CHECK_EQUAL(read(ends[0], &c, 1), 0);
}

TEST(capacity, "a pipe holds 64 KiB, and F_SETPIPE_SZ changes that")
{
    int ends[2];

    make(ends, O_NONBLOCK);
    CHECK_EQUAL(fcntl(ends[1], F_GETPIPE_SZ), 65536);
    CHECK_EQUAL(fcntl(ends[1], F_SETPIPE_SZ, 5000), 8192);
    CHECK_EQUAL(fcntl(ends[0], F_GETPIPE_SZ), 8192);
    static char bytes[20000];
    CHECK_EQUAL(write(ends[1], bytes, sizeof(bytes)), 8192);
    CHECK_ERROR(fcntl(ends[1], F_SETPIPE_SZ, 4096), EBUSY);
}

TEST(bytes_waiting, "FIONREAD counts them")
{
    int ends[2], n = -1;

    make(ends, 0);
    CHECK(ioctl(ends[0], FIONREAD, &n) == 0 && n == 0);
    CHECK_EQUAL(write(ends[1], "hello", 5), 5);
    CHECK(ioctl(ends[0], FIONREAD, &n) == 0 && n == 5);
    CHECK_ERROR(ioctl(ends[0], TCGETS, &n), ENOTTY);
}

TEST(much_data, "two megabytes pass through a pipe unharmed")
{
    enum { SIZE = 2 << 20 };
    int ends[2];

    make(ends, 0);
    pid_t pid = CHILD({
        unsigned char *bytes = malloc(SIZE);
        for (int n = 0; n < SIZE; n++)
            bytes[n] = (unsigned char)(n ^ n >> 8 ^ n >> 16);
        for (long at = 0, step = 1; at < SIZE; step = step * 5 % 70001) {
            long n = write(ends[1], bytes + at, at + step > SIZE ? SIZE - at : step);
            CHECK(n > 0);
            at += n;
        }
    });
    close(ends[1]);
    static unsigned char in[30000];
    long at = 0;
    for (long n, step = 1; (n = read(ends[0], in, step % 30000 + 1)) > 0; step = step * 7 % 29989) {
        for (long i = 0; i < n; i++, at++)
            if (in[i] != (unsigned char)(at ^ at >> 8 ^ at >> 16))
                FAIL("byte %ld is wrong", at);
    }
    CHECK_EQUAL(at, SIZE);
    CHECK_CHILD(pid);
}

TEST(atomic_writes, "messages of up to PIPE_BUF bytes from several writers stay whole")
{
    enum { WRITERS = 4, MESSAGES = 100, SIZE = 4096 };
    int ends[2], seen[WRITERS] = {0};

    make(ends, 0);
    for (int w = 0; w < WRITERS; w++)
        CHILD({
            char message[SIZE];
            memset(message, 'a' + w, SIZE);
            for (int n = 0; n < MESSAGES; n++)
                CHECK_EQUAL(write(ends[1], message, SIZE), SIZE);
        });
    close(ends[1]);
    char message[SIZE];
    for (;;) {
        long got = 0, n = 0;
        while (got < SIZE && (n = read(ends[0], message + got, SIZE - got)) > 0)
            got += n;
        if (!got)
            break;
        CHECK_EQUAL(got, SIZE);
        for (int i = 1; i < SIZE; i++)
            CHECK(message[i] == message[0]);
        seen[message[0] - 'a']++;
    }
    for (int w = 0; w < WRITERS; w++)
        CHECK_EQUAL(seen[w], MESSAGES);
}

TEST(to_and_fro, "two processes pass a byte to and fro a few thousand times")
{
    int there[2], back[2];
    char c = 0;

    make(there, 0);
    make(back, 0);
    pid_t pid = CHILD({
        close(there[1]);
        while (read(there[0], &c, 1) == 1) {
            c++;
            CHECK_EQUAL(write(back[1], &c, 1), 1);
        }
    });
    for (int n = 0; n < 3000; n++) {
        CHECK_EQUAL(write(there[1], &c, 1), 1);
        CHECK_EQUAL(read(back[0], &c, 1), 1);
    }
    close(there[1]);
    CHECK_EQUAL(c, (char)3000);
    CHECK_CHILD(pid);
}

TEST(pipeline, "forty processes in a row pass everything on")
{
    int in, out[2], ends[2];

    make(ends, 0);
    in = ends[0];
    int first = ends[1];
    for (int n = 0; n < 40; n++) {
        make(out, 0);
        CHILD({
            char buffer[512];
            long got;
            close(first);
            close(out[0]);
            while ((got = read(in, buffer, sizeof(buffer))) > 0)
                CHECK_EQUAL(write(out[1], buffer, got), got);
        });
        close(in);
        close(out[1]);
        in = out[0];
    }
    for (int n = 0; n < 100; n++)
        CHECK_EQUAL(write(first, "0123456789", 10), 10);
    close(first);
    char text[2000];
    long total = 0, got;
    while ((got = read(in, text, sizeof(text))) > 0)
        total += got;
    CHECK_EQUAL(total, 1000);
}

TEST(fifos, "a FIFO's open waits for the other side")
{
    char c;

    CHECK(mkfifo("p", 0600) == 0);
    CHECK_ERROR(open("p", O_WRONLY | O_NONBLOCK), ENXIO);
    int early = open("p", O_RDONLY | O_NONBLOCK);
    CHECK(early >= 0);
    CHECK_EQUAL(read(early, &c, 1), 0);
    close(early);
    pid_t pid = CHILD({
        ktap_await_asleep(getppid());
        int fd = open("p", O_WRONLY);
        CHECK(fd >= 0);
        CHECK_EQUAL(write(fd, "x", 1), 1);
    });
    int fd = open("p", O_RDONLY);
    CHECK(fd >= 0);
    CHECK_EQUAL(read(fd, &c, 1), 1);
    CHECK_EQUAL(read(fd, &c, 1), 0);
    CHECK_CHILD(pid);
    CHECK((fd = open("p", O_RDWR)) >= 0); /* both sides at once: never waits */
    CHECK_EQUAL(write(fd, "y", 1), 1);
    CHECK_EQUAL(read(fd, &c, 1), 1);
    CHECK_ERROR(lseek(fd, 0, SEEK_CUR), ESPIPE);
}

TEST(interrupted_open, "a signal ends the wait in a FIFO's open")
{
    CHECK(mkfifo("p", 0600) == 0);
    struct sigaction action = {.sa_handler = ignore};
    sigaction(SIGALRM, &action, NULL);
    pid_t pid = ktap_interrupt(SIGALRM);
    CHECK_ERROR(open("p", O_RDONLY), EINTR);
    CHECK_CHILD(pid);
}

TEST(vector, "writev to a pipe is one message")
{
    struct iovec out[] = {{"ab", 2}, {"cd", 2}};
    char text[8];
    int ends[2];

    make(ends, 0);
    CHECK_EQUAL(writev(ends[1], out, 2), 4);
    CHECK_EQUAL(read(ends[0], text, 8), 4);
    CHECK(!memcmp(text, "abcd", 4));
}

TEST(through_proc, "a pipe opened through /proc/self/fd is the same pipe")
{
    char name[32], c;
    int ends[2];

    make(ends, 0);
    sprintf(name, "/proc/self/fd/%d", ends[1]);
    int again = open(name, O_WRONLY);
    CHECK(again >= 0);
    close(ends[1]);
    CHECK_EQUAL(write(again, "z", 1), 1);
    CHECK_EQUAL(read(ends[0], &c, 1), 1);
    close(again);
    CHECK_EQUAL(read(ends[0], &c, 1), 0);
}

/* What goes into a pipe by writes of SIZE bytes until one finds no room at all. */
static long filled(size_t size)
{
    static char bytes[20000];
    int fds[2];
    long total = 0, put;
    CHECK(pipe(fds) == 0);
    CHECK(fcntl(fds[1], F_SETFL, O_NONBLOCK) == 0);
    while ((put = write(fds[1], bytes, size)) > 0)
        total += put;
    struct pollfd ask = {.fd = fds[1], .events = POLLOUT};
    CHECK_EQUAL(poll(&ask, 1, 0), 0);
    close(fds[0]);
    close(fds[1]);
    return total;
}

TEST(odd_sizes, "how much fits depends on how it is cut into pages")
{
    CHECK_EQUAL(filled(1), 65536);
    CHECK_EQUAL(filled(1000), 64000);
    CHECK_EQUAL(filled(1366), 2 * 16 * 1366);
    CHECK_EQUAL(filled(3000), 16 * 3000);
    CHECK_EQUAL(filled(4095), 16 * 4095);
    CHECK_EQUAL(filled(4096), 65536);
    CHECK_EQUAL(filled(4097), 45066);
    CHECK_EQUAL(filled(5000), 54096);
    CHECK_EQUAL(filled(10000), 64096);
}

TEST(odd_room, "small writes go into the last page while that has room, also when no page is free")
{
    char bytes[4096] = {0};
    int fds[2];
    CHECK(pipe(fds) == 0);
    CHECK(fcntl(fds[1], F_SETFL, O_NONBLOCK) == 0);
    for (int i = 0; i < 16; i++)
        CHECK_EQUAL(write(fds[1], bytes, 4000), 4000);
    struct pollfd ask = {.fd = fds[1], .events = POLLOUT};
    CHECK_EQUAL(poll(&ask, 1, 0), 0);
    CHECK_ERROR(write(fds[1], bytes, 97), EAGAIN);
    CHECK_EQUAL(write(fds[1], bytes, 96), 96);
    CHECK_ERROR(write(fds[1], bytes, 1), EAGAIN);
    CHECK_EQUAL(read(fds[0], bytes, 3999), 3999);
    CHECK_EQUAL(poll(&ask, 1, 0), 0);
    CHECK_ERROR(write(fds[1], bytes, 1), EAGAIN);
    CHECK_EQUAL(read(fds[0], bytes, 1), 1);
    CHECK_EQUAL(poll(&ask, 1, 0), 1);
    CHECK_EQUAL(write(fds[1], bytes, 4096), 4096);
}

TEST(refused, "a write refused for lack of room is an event for an edge-triggered reader")
{
    static char bytes[65536];
    struct epoll_event event = {.events = EPOLLIN | EPOLLET};
    int fds[2], set = epoll_create1(0);
    CHECK(pipe(fds) == 0 && set >= 0);
    CHECK(fcntl(fds[1], F_SETFL, O_NONBLOCK) == 0);
    CHECK(epoll_ctl(set, EPOLL_CTL_ADD, fds[0], &event) == 0);
    CHECK_EQUAL(write(fds[1], bytes, sizeof(bytes)), sizeof(bytes));
    CHECK_EQUAL(epoll_wait(set, &event, 1, 0), 1);
    CHECK_EQUAL(epoll_wait(set, &event, 1, 0), 0);
    CHECK_ERROR(write(fds[1], bytes, 1), EAGAIN);
    CHECK_EQUAL(epoll_wait(set, &event, 1, 0), 1);
    CHECK_EQUAL(epoll_wait(set, &event, 1, 0), 0);
}
