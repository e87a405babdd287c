/* Which waiting calls a handled signal interrupts, with and without SA_RESTART, and which a stop
 * and continue does. */
#include "show.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

static int ends[2], full[2];
static volatile int word;
static pid_t child;

static void handler(int sig)
{
    (void)sig;
}

static const struct timespec second = {0, 400000000};

static long call_read(void)
{
    char c;
    return read(ends[0], &c, 1);
}

static long call_write(void)
{
    return write(full[1], "x", 1);
}

static long call_wait(void)
{
    return waitpid(child, NULL, 0);
}

static long call_waitid(void)
{
    siginfo_t info;
    return waitid(P_PID, child, &info, WEXITED);
}

static long call_nanosleep(void)
{
    return nanosleep(&second, NULL);
}

static long call_clock_nanosleep(void)
{
    int error = clock_nanosleep(CLOCK_MONOTONIC, 0, &second, NULL);
    errno = error;
    return error ? -1 : 0;
}

static long call_clock_nanosleep_absolute(void)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += second.tv_nsec;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    int error = clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
    errno = error;
    return error ? -1 : 0;
}

static long call_poll(void)
{
    return poll(NULL, 0, 400);
}

static long call_ppoll(void)
{
    return ppoll(NULL, 0, &second, NULL);
}

static long call_select(void)
{
    struct timeval timeout = {0, 400000};
    return select(0, NULL, NULL, NULL, &timeout);
}

static long call_pselect(void)
{
    return pselect(0, NULL, NULL, NULL, &second, NULL);
}

static long call_futex(void)
{
    return syscall(SYS_futex, &word, 0, 0, &second, NULL, 0);
}

static long call_sigtimedwait(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    return sigtimedwait(&set, NULL, &second);
}

static long call_open_fifo(void)
{
    return open("fifo", O_RDONLY) >= 0 ? 0 : -1;
}

static const struct {
    const char *name;
    long (*call)(void);
} calls[] = {
    {"read of a pipe", call_read},
    {"write to a full pipe", call_write},
    {"wait4", call_wait},
    {"waitid", call_waitid},
    {"nanosleep", call_nanosleep},
    {"clock_nanosleep", call_clock_nanosleep},
    {"clock_nanosleep until", call_clock_nanosleep_absolute},
    {"poll", call_poll},
    {"ppoll", call_ppoll},
    {"select", call_select},
    {"pselect", call_pselect},
    {"futex wait", call_futex},
    {"sigtimedwait", call_sigtimedwait},
    {"open of a FIFO", call_open_fifo},
};

static void pause_for(long milliseconds)
{
    struct timespec wish = {0, milliseconds * 1000000};
    while (nanosleep(&wish, &wish) < 0)
        continue;
}

/* Ends whatever the call under test waits for, if nothing else did. */
static void make_ready(void)
{
    static char bytes[65536];

    write(ends[1], "x", 1);
    read(full[0], bytes, sizeof(bytes));
    close(open("fifo", O_WRONLY | O_NONBLOCK));
}

/* A process that waits in the call; its answer is its exit status: 0 done, otherwise the error. */
static pid_t start(size_t n, int flags)
{
    pid_t pid = fork();

    if (pid)
        return pid;
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
    sigaction(SIGUSR1, &action, NULL);
    child = fork();
    if (child == 0) {
        pause_for(400);
        _exit(0);
    }
    errno = 0;
    _exit(calls[n].call() < 0 ? errno : 0);
}

static void finish(const char *what, size_t n, pid_t pid)
{
    int status;

    waitpid(pid, &status, 0);
    printf("%s, %s: %s\n", calls[n].name, what,
           WEXITSTATUS(status) ? strerror(WEXITSTATUS(status)) : "goes on");
}

static void try(size_t n, const char *what, int flags, bool stop)
{
    static char bytes[65536];

    if (pipe(ends) < 0 || pipe(full) < 0 || write(full[1], bytes, sizeof(bytes)) < 0)
        exit(2);
    pid_t pid = start(n, flags);
    pause_for(100);
    kill(pid, stop ? SIGSTOP : SIGUSR1);
    if (stop) {
        waitpid(pid, NULL, WUNTRACED);
        kill(pid, SIGCONT);
    }
    pause_for(100);
    make_ready();
    finish(what, n, pid);
    close(ends[0]);
    close(ends[1]);
    close(full[0]);
    close(full[1]);
}

int main(void)
{
    fresh_place();
    mkfifo("fifo", 0600);
    for (size_t n = 0; n < COUNT(calls); n++) {
        try(n, "a handler", 0, false);
        try(n, "a handler with SA_RESTART", SA_RESTART, false);
        try(n, "stop and continue", 0, true);
    }
    leave_place();
    return 0;
}
