/* poll and select where other processes, signals and odd arguments come in between. */
#include "ktap.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/syscall.h>

static volatile sig_atomic_t handled;

static void handler(int sig)
{
    (void)sig;
    handled++;
}

static void make(int ends[2])
{
    CHECK(pipe(ends) == 0);
}

/* A child that shares the table of descriptors, so that it can close ours. */
static pid_t sharing(void)
{
    pid_t pid = (pid_t)syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);

    CHECK(pid >= 0);
    return pid;
}

/* Stops PID for a while; it is not to notice. */
static void disturb(pid_t pid)
{
    ktap_await_asleep(pid);
    CHECK(kill(pid, SIGSTOP) == 0);
    ktap_sleep(60);
    CHECK(kill(pid, SIGCONT) == 0);
}

/* ---- Signals ---- */

TEST(poll_stopped, "poll that was stopped goes on to its old deadline")
{
    pid_t pid =
        CHILD(int ends[2]; make(ends); struct pollfd p = {ends[0], POLLIN, 0};
              long start = ktap_now(); CHECK_EQUAL(poll(&p, 1, 300), 0);
              long took = ktap_now() - start; if (took < 299 || took > 20000) FAIL("%ld ms", took));
    disturb(pid);
    CHECK_CHILD(pid);
}

TEST(select_stopped, "select that was stopped waits for what was left, and says so")
{
    pid_t pid =
        CHILD(int ends[2]; make(ends); struct timeval left = {0, 300000}; fd_set in; FD_ZERO(&in);
              FD_SET(ends[0], &in); long start = ktap_now();
              CHECK_EQUAL(select(ends[0] + 1, &in, NULL, NULL, &left), 0);
              long took = ktap_now() - start; if (took < 299 || took > 20000) FAIL("%ld ms", took);
              CHECK(left.tv_sec == 0 && left.tv_usec == 0 && !FD_ISSET(ends[0], &in)));
    disturb(pid);
    CHECK_CHILD(pid);
}

TEST(time_left, "select, pselect and ppoll write the time that is left; the libc may hide it")
{
    int ends[2];
    struct timespec left = {5, 0};
    struct timeval value = {5, 0};
    fd_set in;

    make(ends);
    CHECK_EQUAL(write(ends[1], "x", 1), 1);
    struct pollfd p = {ends[0], POLLIN, 0};
    CHECK_EQUAL(syscall(SYS_ppoll, &p, 1, &left, NULL, 8), 1);
    CHECK(left.tv_sec == 4 && left.tv_nsec > 0);
    FD_ZERO(&in);
    FD_SET(ends[0], &in);
    CHECK_EQUAL(syscall(SYS_select, ends[0] + 1, &in, NULL, NULL, &value), 1);
    CHECK(value.tv_sec == 4 && value.tv_usec > 0);
    left = (struct timespec){0, 0};
    CHECK_EQUAL(syscall(SYS_ppoll, &p, 1, &left, NULL, 8), 1);
    CHECK(left.tv_sec == 0 && left.tv_nsec == 0);
}

TEST(ready_before_signal, "a file that is ready goes before a signal that the mask lets in")
{
    int ends[2];
    sigset_t none, usr1;
    struct timespec now = {0, 0};

    make(ends);
    sigemptyset(&none);
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    signal(SIGUSR1, handler);
    sigprocmask(SIG_BLOCK, &usr1, NULL);
    raise(SIGUSR1);
    struct pollfd p = {ends[1], POLLOUT, 0};
    CHECK_EQUAL(syscall(SYS_ppoll, &p, 1, NULL, &none, 8), 1);
    CHECK_EQUAL(handled, 0);
    p.fd = ends[0];
    p.events = POLLIN;
    CHECK_ERROR(syscall(SYS_ppoll, &p, 1, &now, &none, 8), EINTR);
    CHECK_EQUAL(handled, 1);
    sigprocmask(SIG_BLOCK, NULL, &none);
    CHECK(sigismember(&none, SIGUSR1));
}

TEST(no_files, "poll and select of nothing are a sleep")
{
    struct timeval value = {0, 30000};
    long start = ktap_now();

    CHECK_EQUAL(poll(NULL, 0, 30), 0);
    CHECK_EQUAL(select(0, NULL, NULL, NULL, &value), 0);
    CHECK(ktap_now() - start >= 59);
    signal(SIGALRM, handler);
    alarm(1);
    CHECK_ERROR(poll(NULL, 0, -1), EINTR);
}

/* ---- A shared table ---- */

TEST(closed_meanwhile, "a descriptor that somebody closes stays awaited until something wakes")
{
    int ends[2];

    make(ends);
    struct pollfd p[2] = {{ends[0], POLLIN, 0}, {ends[1], 0, 0}};
    pid_t pid = sharing();
    if (pid == 0) {
        ktap_await_asleep(getppid());
        close(ends[0]);
        _exit(0);
    }
    long start = ktap_now();
    /* The pipe still has a reader while poll holds the file, so nothing happens to it. */
    CHECK_EQUAL(poll(p, 1, 500), 1);
    CHECK_EQUAL(p[0].revents, POLLNVAL);
    CHECK(ktap_now() - start >= 499);
    CHECK_CHILD(pid);
    CHECK_EQUAL(poll(p, 2, 0), 2);
    CHECK_EQUAL(p[1].revents, POLLERR);
}

TEST(shared_scan, "a table used by two is looked at in pieces, all of it")
{
    enum { MANY = 700 };
    static struct pollfd p[MANY];
    int ends[2];
    char c;

    make(ends);
    pid_t pid = sharing();
    if (pid == 0) {
        for (;;)
            pause();
    }
    for (int i = 0; i < MANY; i++)
        p[i] = (struct pollfd){i < 600 ? dup(ends[i % 2]) : -1, i % 2 ? POLLOUT : POLLIN, 0};
    CHECK_EQUAL(poll(p, MANY, 0), 300);
    CHECK_EQUAL(write(ends[1], "x", 1), 1);
    CHECK_EQUAL(poll(p, MANY, -1), 600);
    CHECK_EQUAL(read(ends[0], &c, 1), 1);
    for (int i = 1; i < 600; i += 2)
        p[i].events = 0;
    CHECK_EQUAL(poll(p, MANY, 20), 0);
    kill(pid, SIGKILL);
    CHECK_EQUAL(waitpid(pid, NULL, 0), pid);
}

TEST(answers_only, "poll writes the answers and leaves the rest to others")
{
    int ends[2];
    struct pollfd *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    CHECK(p != MAP_FAILED);
    make(ends);
    *p = (struct pollfd){ends[0], POLLIN, 0x7777};
    pid_t pid = CHILD(ktap_await_asleep(getppid()); p->events = POLLOUT; p->fd = -3;
                      write(ends[1], "x", 1));
    CHECK_EQUAL(poll(p, 1, 20000), 1);
    CHECK_EQUAL(p->revents, POLLIN);
    CHECK_EQUAL(p->events, POLLOUT);
    CHECK_EQUAL(p->fd, -3);
    CHECK_CHILD(pid);
}

/* ---- Arguments ---- */

TEST(bounds, "as many entries as descriptors are allowed; memory that is there")
{
    struct rlimit limit = {20, 20};
    char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct pollfd *p = (struct pollfd *)(page + 4096) - 3;

    CHECK(page != MAP_FAILED && munmap(page + 4096, 4096) == 0);
    for (int i = 0; i < 3; i++)
        p[i] = (struct pollfd){-1, POLLIN, 0};
    CHECK_EQUAL(poll(p, 3, 0), 0);
    CHECK_ERROR(poll(p, 4, 0), EFAULT);
    CHECK_EQUAL(poll((struct pollfd *)8, 0, 0), 0);
    CHECK(mprotect(page, 4096, PROT_READ) == 0);
    CHECK_ERROR(poll(p, 3, 0), EFAULT);
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    static struct pollfd many[21];
    for (int i = 0; i < 21; i++)
        many[i].fd = -1;
    CHECK_EQUAL(poll(many, 20, 0), 0);
    CHECK_ERROR(poll(many, 21, 0), EINVAL);
}

TEST(select_arguments, "select refuses what it can't take and ignores what isn't there")
{
    int ends[2];
    struct timeval bad = {0, -1}, negative = {-1, 0}, seconds = {0, 2500000}, now = {0, 0};
    struct timespec odd = {0, 1000000000};
    fd_set in;

    make(ends);
    FD_ZERO(&in);
    CHECK_ERROR(syscall(SYS_select, -1, NULL, NULL, NULL, &now), EINVAL);
    CHECK_ERROR(syscall(SYS_select, 0, NULL, NULL, NULL, &bad), EINVAL);
    CHECK_ERROR(syscall(SYS_select, 0, NULL, NULL, NULL, &negative), EINVAL);
    CHECK_ERROR(syscall(SYS_pselect6, 0, NULL, NULL, NULL, &odd, NULL), EINVAL);
    CHECK_ERROR(syscall(SYS_select, 0, NULL, NULL, NULL, 8), EFAULT);
    CHECK_ERROR(syscall(SYS_select, 1, 8, NULL, NULL, &now), EFAULT);
    FD_SET(ends[1], &in);
    CHECK_EQUAL(syscall(SYS_select, ends[1] + 1, NULL, &in, NULL, &seconds), 1);
    FD_ZERO(&in);
    FD_SET(50, &in);
    CHECK_ERROR(select(51, &in, NULL, NULL, &now), EBADF);
    /* The words that hold the first N bits are written as a whole. */
    FD_SET(ends[1], &in);
    CHECK_EQUAL(select(ends[1] + 1, NULL, &in, NULL, &now), 1);
    CHECK(FD_ISSET(ends[1], &in) && !FD_ISSET(50, &in));
}

TEST(one_in_three_sets, "a descriptor counts once for each set that it is in")
{
    int ends[2];
    fd_set in, out, except;

    make(ends);
    close(ends[0]); /* the writer of a broken pipe: writable, with an error */
    FD_ZERO(&in);
    FD_SET(ends[1], &in);
    out = except = in;
    CHECK_EQUAL(select(ends[1] + 1, &in, &out, &except, NULL), 2);
    CHECK(FD_ISSET(ends[1], &in) && FD_ISSET(ends[1], &out) && !FD_ISSET(ends[1], &except));
}

TEST(thousands, "a wait on two thousand descriptors ends for the last of them")
{
    enum { MANY = 2000 };
    static struct pollfd p[MANY];
    struct rlimit limit = {MANY + 100, MANY + 100};
    int quiet[2], ends[2];

    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        SKIP("not allowed so many descriptors");
    make(quiet);
    make(ends);
    for (int i = 0; i < MANY; i++) {
        p[i] = (struct pollfd){dup(i < MANY - 1 ? quiet[0] : ends[0]), POLLIN, 0};
        CHECK(p[i].fd >= 0);
    }
    pid_t pid = CHILD(ktap_sleep(50); write(ends[1], "x", 1));
    CHECK_EQUAL(poll(p, MANY, 20000), 1);
    CHECK_EQUAL(p[MANY - 1].revents, POLLIN);
    CHECK_CHILD(pid);
}
