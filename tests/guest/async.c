/* O_ASYNC, F_SETOWN and their relatives: SIGIO and what it tells. */
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <termios.h>
#include "ktap.h"

struct owner {
    int type, pid;
};

#define OWN_THREAD  0
#define OWN_PROCESS 1
#define OWN_GROUP   2

static void block(int signal)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, signal);
    CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
}

/* Waits a while for SIGNAL; its number, or -1. */
static int await(int signal, siginfo_t *info, int milliseconds)
{
    struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000l};
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, signal);
    return sigtimedwait(&set, info, &time);
}

TEST(pipe_readable, "SIGIO comes when a pipe gets bytes, to the owner alone")
{
    int p[2];
    siginfo_t info;
    block(SIGIO);
    CHECK(pipe(p) == 0);
    CHECK(fcntl(p[0], F_SETFL, O_ASYNC) == 0);
    CHECK(fcntl(p[0], F_GETFL) & O_ASYNC);
    CHECK(write(p[1], "x", 1) == 1);
    CHECK_ERROR(await(SIGIO, &info, 50), EAGAIN);
    CHECK(fcntl(p[0], F_SETOWN, getpid()) == 0);
    CHECK_EQUAL(fcntl(p[0], F_GETOWN), getpid());
    CHECK(write(p[1], "x", 1) == 1);
    CHECK_EQUAL(await(SIGIO, &info, 5000), SIGIO);
    CHECK_EQUAL(info.si_code, 0x80);
    CHECK(fcntl(p[0], F_SETFL, 0) == 0);
    CHECK(write(p[1], "x", 1) == 1);
    CHECK_ERROR(await(SIGIO, &info, 50), EAGAIN);
}

TEST(chosen_signal, "F_SETSIG chooses the signal, which tells the descriptor and the event")
{
    int p[2];
    siginfo_t info;
    block(SIGRTMIN + 1);
    CHECK(pipe(p) == 0);
    CHECK_EQUAL(fcntl(p[0], F_GETSIG), 0);
    CHECK(fcntl(p[0], F_SETSIG, SIGRTMIN + 1) == 0);
    CHECK_EQUAL(fcntl(p[0], F_GETSIG), SIGRTMIN + 1);
    CHECK(fcntl(p[0], F_SETOWN, getpid()) == 0);
    CHECK(fcntl(p[0], F_SETFL, O_ASYNC) == 0);
    CHECK(write(p[1], "x", 1) == 1);
    CHECK_EQUAL(await(SIGRTMIN + 1, &info, 5000), SIGRTMIN + 1);
    CHECK_EQUAL(info.si_code, POLL_IN);
    CHECK_EQUAL(info.si_fd, p[0]);
    CHECK_EQUAL(info.si_band, 0x41);
    CHECK(close(p[1]) == 0);
    CHECK_EQUAL(await(SIGRTMIN + 1, &info, 5000), SIGRTMIN + 1);
    CHECK_EQUAL(info.si_code, POLL_IN);
    CHECK_ERROR(fcntl(p[0], F_SETSIG, 65), EINVAL);
    CHECK_ERROR(fcntl(p[0], F_SETSIG, -1), EINVAL);
}

TEST(pipe_writable, "the writer of a full pipe hears of room")
{
    int p[2];
    char block_of[4096] = {0};
    siginfo_t info;
    block(SIGRTMIN);
    CHECK(pipe(p) == 0);
    CHECK(fcntl(p[1], F_SETFL, O_NONBLOCK) == 0);
    while (write(p[1], block_of, sizeof block_of) > 0)
        continue;
    CHECK(fcntl(p[1], F_SETSIG, SIGRTMIN) == 0);
    CHECK(fcntl(p[1], F_SETOWN, getpid()) == 0);
    CHECK(fcntl(p[1], F_SETFL, O_NONBLOCK | O_ASYNC) == 0);
    CHECK(read(p[0], block_of, sizeof block_of) == sizeof block_of);
    CHECK_EQUAL(await(SIGRTMIN, &info, 5000), SIGRTMIN);
    CHECK_EQUAL(info.si_code, POLL_OUT);
    CHECK_EQUAL(info.si_fd, p[1]);
    CHECK_EQUAL(info.si_band, 0x304);
}

TEST(request, "FIOASYNC does what F_SETFL does, and refuses what has no events")
{
    int p[2], on = 1, off = 0;
    siginfo_t info;
    int file = open("file", O_RDWR | O_CREAT, 0600);
    block(SIGIO);
    CHECK(pipe(p) == 0);
    CHECK(fcntl(p[0], F_SETOWN, getpid()) == 0);
    CHECK(ioctl(p[0], FIOASYNC, &on) == 0);
    CHECK(fcntl(p[0], F_GETFL) & O_ASYNC);
    CHECK(write(p[1], "x", 1) == 1);
    CHECK_EQUAL(await(SIGIO, &info, 5000), SIGIO);
    CHECK(ioctl(p[0], FIOASYNC, &off) == 0);
    CHECK(!(fcntl(p[0], F_GETFL) & O_ASYNC));
    CHECK(write(p[1], "x", 1) == 1);
    CHECK_ERROR(await(SIGIO, &info, 50), EAGAIN);
    CHECK_ERROR(ioctl(file, FIOASYNC, &on), ENOTTY);
    CHECK(ioctl(file, FIOASYNC, &off) == 0);
    CHECK_ERROR(ioctl(p[0], FIOASYNC, (int *)8), EFAULT);
    CHECK_ERROR(ioctl(p[0], FIOSETOWN, &on), ENOTTY);
    CHECK_ERROR(ioctl(p[0], FIOGETOWN, &on), ENOTTY);
}

TEST(owners, "owners are processes, threads or groups, and must exist")
{
    int p[2];
    struct owner owner = {OWN_THREAD, getpid()};
    CHECK(pipe(p) == 0);
    CHECK_EQUAL(fcntl(p[0], F_GETOWN), 0);
    CHECK(fcntl(p[0], F_SETOWN_EX, &owner) == 0);
    CHECK_EQUAL(fcntl(p[0], F_GETOWN), getpid());
    CHECK(setpgid(0, 0) == 0);
    owner = (struct owner){OWN_GROUP, getpid()};
    CHECK(fcntl(p[0], F_SETOWN_EX, &owner) == 0);
    owner = (struct owner){0, 0};
    CHECK(fcntl(p[0], F_GETOWN_EX, &owner) == 0);
    CHECK_EQUAL(owner.type, OWN_GROUP);
    CHECK_EQUAL(owner.pid, getpid());
    CHECK(fcntl(p[0], F_SETOWN, 0) == 0);
    CHECK_EQUAL(fcntl(p[0], F_GETOWN), 0);
    owner = (struct owner){3, getpid()};
    CHECK_ERROR(fcntl(p[0], F_SETOWN_EX, &owner), EINVAL);
    CHECK_ERROR(fcntl(p[0], F_SETOWN_EX, (struct owner *)8), EFAULT);
    CHECK_ERROR(fcntl(p[0], F_GETOWN_EX, (struct owner *)8), EFAULT);
    CHECK_ERROR(fcntl(p[0], F_SETOWN, INT_MIN), EINVAL);
    pid_t pid = CHILD({});
    CHECK_CHILD(pid);
    CHECK_ERROR(fcntl(p[0], F_SETOWN, pid), ESRCH);
    CHECK_ERROR(fcntl(p[0], F_SETOWN, -pid), ESRCH);
}

TEST(group, "every process of the group that owns a file gets the signal")
{
    int p[2], ready[2];
    char byte;
    CHECK(pipe(p) == 0 && pipe(ready) == 0);
    CHECK(setpgid(0, 0) == 0);
    block(SIGIO);
    CHECK(fcntl(p[0], F_SETOWN, -getpid()) == 0);
    CHECK(fcntl(p[0], F_SETFL, O_ASYNC) == 0);
    pid_t pid = CHILD({
        siginfo_t info;
        CHECK(write(ready[1], "r", 1) == 1);
        CHECK_EQUAL(await(SIGIO, &info, 5000), SIGIO);
    });
    CHECK(read(ready[0], &byte, 1) == 1);
    CHECK(write(p[1], "x", 1) == 1);
    siginfo_t info;
    CHECK_EQUAL(await(SIGIO, &info, 5000), SIGIO);
    CHECK_CHILD(pid);
}

TEST(permission, "an owner that the setter may not signal gets none")
{
    int p[2], ready[2];
    char byte;
    if (getuid() != 0)
        SKIP("needs root");
    CHECK(pipe(p) == 0 && pipe(ready) == 0);
    block(SIGIO);
    pid_t pid = CHILD({
        siginfo_t info;
        CHECK(read(ready[0], &byte, 1) == 1);
        CHECK_ERROR(await(SIGIO, &info, 100), EAGAIN);
    });
    CHECK_CHILD(CHILD({
        CHECK(setuid(1234) == 0);
        CHECK(fcntl(p[0], F_SETOWN, pid) == 0);
        CHECK(fcntl(p[0], F_SETFL, O_ASYNC) == 0);
    }));
    CHECK(write(p[1], "x", 1) == 1);
    CHECK(write(ready[1], "r", 1) == 1);
    CHECK_CHILD(pid);
}

TEST(closed_and_flooded, "files are closed while their signals are on the way")
{
    int p[2];
    signal(SIGIO, SIG_IGN);
    for (int i = 0; i < 2000; i++) {
        CHECK(pipe(p) == 0);
        CHECK(fcntl(p[0], F_SETOWN, getpid()) == 0);
        CHECK(fcntl(p[0], F_SETFL, O_ASYNC) == 0);
        CHECK(fcntl(p[1], F_SETOWN, getpid()) == 0);
        CHECK(fcntl(p[1], F_SETFL, O_ASYNC) == 0);
        CHECK(write(p[1], "x", 1) == 1);
        CHECK(close(p[i & 1]) == 0);
        CHECK(close(p[!(i & 1)]) == 0);
    }
}
