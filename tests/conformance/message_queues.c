/* POSIX message queues: what each call answers to odd arguments, order, waiting, being told. */
#include "show.h"

#include <linux/netlink.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

struct attributes {
    long flags, maxmsg, msgsize, curmsgs, reserved[4];
};

/* The calls themselves: the C library's functions know less, and take a slash off names. */
static int mq_open(const char *name, int flags, mode_t mode, const struct attributes *attributes)
{
    return (int)syscall(SYS_mq_open, name, flags, mode, attributes);
}

static long mq_unlink(const char *name)
{
    return syscall(SYS_mq_unlink, name);
}

static long mq_send(int fd, const char *bytes, size_t size, unsigned priority,
                    const struct timespec *until)
{
    return syscall(SYS_mq_timedsend, fd, bytes, size, priority, until);
}

static long mq_receive(int fd, char *bytes, size_t size, unsigned *priority,
                       const struct timespec *until)
{
    return syscall(SYS_mq_timedreceive, fd, bytes, size, priority, until);
}

static long mq_notify(int fd, const struct sigevent *event)
{
    return syscall(SYS_mq_notify, fd, event);
}

static long mq_attributes(int fd, const struct attributes *fresh, struct attributes *old)
{
    return syscall(SYS_mq_getsetattr, fd, fresh, old);
}

#define NAME "sluice-conformance"

static struct attributes small = {.maxmsg = 3, .msgsize = 16};

static void show_attributes(const char *what, int fd)
{
    struct attributes a;
    memset(&a, 0xff, sizeof a);
    if (mq_attributes(fd, NULL, &a))
        printf("%s: %s\n", what, strerror(errno));
    else
        printf("%s: flags %lo, %ld of %ld messages, size %ld, %ld\n", what, a.flags, a.curmsgs,
               a.maxmsg, a.msgsize, a.reserved[3]);
}

static void show_poll(const char *what, int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT};
    int n = poll(&p, 1, 0);
    printf("%s: poll %d %x\n", what, n, p.revents);
}

/* ---- Names ---- */

static void try_names(void)
{
    static char longest[257];
    static const char *const names[] = {"", ".", "..", "/", "/" NAME, NAME "/x", "...", longest};
    memset(longest, 'n', sizeof longest - 1);
    for (int i = 0; i < (int)COUNT(names); i++) {
        printf("name %d\n", i);
        SHOW_OK(mq_open(names[i], O_RDWR, 0, NULL));
        SHOW_OK(mq_open(names[i], O_RDWR | O_CREAT, 0600, &small));
        SHOW(mq_unlink(names[i]));
    }
    longest[255] = 0;
    SHOW_OK(mq_open(longest, O_RDWR | O_CREAT, 0600, &small));
    SHOW(mq_unlink(longest));
    SHOW_OK(mq_open((char *)1, O_RDWR, 0, NULL));
    SHOW_OK(mq_open(NAME, O_RDWR | O_CREAT, 0600, (void *)1));
    SHOW(mq_unlink((char *)1));
    SHOW_OK(mq_open(NAME, O_RDWR | O_CREAT | O_EXCL, 0600, &small));
    SHOW_OK(mq_open(NAME, O_RDWR | O_CREAT | O_EXCL, 0600, &small));
    SHOW_OK(mq_open(NAME, O_RDWR | O_CREAT, 0600, NULL));
    SHOW_OK(mq_open(NAME, O_ACCMODE, 0, NULL));
    SHOW_OK(mq_open(NAME, O_RDONLY | O_EXCL | O_TRUNC, 0, NULL));
    SHOW(mq_unlink(NAME));
    SHOW(mq_unlink(NAME));
}

/* No descriptor is to be had: then no queue is made either. */
static void try_full(void)
{
    struct rlimit limit, none;
    getrlimit(RLIMIT_NOFILE, &limit);
    none = (struct rlimit){0, limit.rlim_max};
    setrlimit(RLIMIT_NOFILE, &none);
    SHOW_OK(mq_open("", O_RDWR | O_CREAT, 0600, &small));
    SHOW_OK(mq_open(NAME "/x", O_RDWR | O_CREAT, 0600, &small));
    SHOW_OK(mq_open(NAME, O_RDWR | O_CREAT, 0600, &small));
    SHOW(mq_unlink(NAME));
    setrlimit(RLIMIT_NOFILE, &limit);
}

static void try_attributes(void)
{
    static const long messages[] = {-1, 0, 1, 10, 11, 65536, 65537};
    static const long sizes[] = {-1, 0, 1, 8192, 8193, 16777216, 16777217};
    for (int i = 0; i < (int)COUNT(messages); i++)
        for (int j = 0; j < (int)COUNT(sizes); j++) {
            struct attributes a = {.maxmsg = messages[i], .msgsize = sizes[j], .flags = -1};
            printf("%ld messages of %ld: ", a.maxmsg, a.msgsize);
            int fd = mq_open(NAME, O_RDWR | O_CREAT | O_EXCL, 0600, &a);
            printf("%s\n", fd < 0 ? strerror(errno) : "made");
            if (fd >= 0) {
                close(fd);
                mq_unlink(NAME);
            }
        }
}

/* Bytes of one's queues together are bounded. */
static void try_limit(void)
{
    struct rlimit limit = {20000, 20000};
    struct attributes a = {.maxmsg = 10, .msgsize = 800};
    SHOW(setrlimit(RLIMIT_MSGQUEUE, &limit));
    int one = mq_open(NAME "1", O_RDWR | O_CREAT, 0600, &a);
    SHOW_OK(one);
    int two = mq_open(NAME "2", O_RDWR | O_CREAT, 0600, &a);
    SHOW_OK(two);
    SHOW_OK(mq_open(NAME "3", O_RDWR | O_CREAT, 0600, &a));
    SHOW(mq_unlink(NAME "1"));
    SHOW_OK(mq_open(NAME "3", O_RDWR | O_CREAT, 0600, &a));
    close(one);
    SHOW_OK(mq_open(NAME "3", O_RDWR | O_CREAT, 0600, &a));
    SHOW(mq_unlink(NAME "2"));
    SHOW(mq_unlink(NAME "3"));
}

static void as_plain_user(void (*run)(void))
{
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        if (setgid(12345) || setuid(12345))
            _exit(2);
        run();
        fflush(stdout);
        _exit(0);
    }
    int status;
    waitpid(pid, &status, 0);
    print_status("plain user", status);
}

static void try_access(void)
{
    SHOW_OK(mq_open(NAME, O_RDONLY, 0, NULL));
    SHOW_OK(mq_open(NAME, O_WRONLY, 0, NULL));
    SHOW_OK(mq_open(NAME, O_RDWR, 0, NULL));
    SHOW(mq_unlink(NAME));
}

static void try_permissions(void)
{
    static const mode_t modes[] = {0, 0004, 0002, 0006, 0660};
    for (int i = 0; i < (int)COUNT(modes); i++) {
        printf("mode %o\n", modes[i]);
        umask(0);
        int fd = mq_open(NAME, O_RDWR | O_CREAT, modes[i], &small);
        as_plain_user(try_access);
        SHOW_OK(mq_open(NAME, O_RDWR, 0, NULL));
        close(fd);
        SHOW(mq_unlink(NAME));
    }
}

/* ---- Transfers ---- */

static void soon(struct timespec *until, long milliseconds)
{
    clock_gettime(CLOCK_REALTIME, until);
    until->tv_nsec += milliseconds * 1000000;
    until->tv_sec += until->tv_nsec / 1000000000;
    until->tv_nsec %= 1000000000;
}

static void try_order(void)
{
    static const unsigned priorities[] = {0, 5, 32767, 5, 0, 32767, 1};
    struct attributes a = {.maxmsg = 10, .msgsize = 8};
    char c[8] = {0};
    unsigned priority;
    int fd = mq_open(NAME, O_RDWR | O_CREAT | O_NONBLOCK, 0600, &a);
    show_poll("empty", fd);
    show_attributes("empty", fd);
    for (int i = 0; i < (int)COUNT(priorities); i++) {
        char letter = (char)('a' + i);
        SHOW(mq_send(fd, &letter, 1, priorities[i], NULL));
    }
    show_poll("some", fd);
    show_attributes("some", fd);
    for (int i = 0; i < (int)COUNT(priorities); i++) {
        long n = mq_receive(fd, c, 8, &priority, NULL);
        printf("%ld: %c of %u\n", n, c[0], priority);
    }
    SHOW(mq_receive(fd, c, 8, NULL, NULL));
    close(fd);
    mq_unlink(NAME);
}

static void try_arguments(void)
{
    static const struct timespec odd[] = {{0, -1}, {0, 1000000000}, {-1, 0}, {0, 0}};
    char bytes[32] = "text";
    int fd = mq_open(NAME, O_RDWR | O_CREAT | O_NONBLOCK, 0600, &small), null;
    int reader = mq_open(NAME, O_RDONLY | O_NONBLOCK, 0, NULL);
    int writer = mq_open(NAME, O_WRONLY | O_NONBLOCK, 0, NULL);
    null = open("/dev/null", O_RDWR);
    SHOW(mq_send(fd, bytes, 17, 0, NULL));
    SHOW(mq_send(fd, bytes, (size_t)-1, 0, NULL));
    SHOW(mq_send(fd, bytes, 16, 32768, NULL));
    SHOW(mq_send(fd, (char *)1, 16, 0, NULL));
    SHOW(mq_send(fd, (char *)1, 0, 0, NULL));
    SHOW(mq_send(reader, bytes, 1, 0, NULL));
    SHOW(mq_send(null, bytes, 1, 0, NULL));
    SHOW(mq_send(-1, bytes, 1, 0, NULL));
    SHOW(mq_send(-1, bytes, 1, 40000, NULL));
    SHOW(mq_send(writer, bytes, 4, 7, (void *)1));
    for (int i = 0; i < (int)COUNT(odd); i++) {
        SHOW(mq_send(writer, bytes, 4, 7, &odd[i]));
        SHOW(mq_receive(-1, bytes, 16, NULL, &odd[i]));
        SHOW(mq_receive(reader, bytes, 16, NULL, &odd[i]));
    }
    SHOW(mq_receive(writer, bytes, 16, NULL, NULL));
    SHOW(mq_receive(null, bytes, 16, NULL, NULL));
    SHOW(mq_receive(reader, bytes, 15, NULL, NULL));
    SHOW(mq_receive(reader, bytes, 16, NULL, NULL));
    SHOW(mq_send(writer, bytes, 4, 7, NULL));
    SHOW(mq_receive(reader, (char *)1, 16, NULL, NULL));
    show_attributes("after a fault", reader);
    for (int i = 0; i < 4; i++)
        SHOW(mq_send(writer, bytes, 4, 7, NULL));
    show_poll("full", fd);
    SHOW(read(fd, (char *)1, 0) < 0 ? 0 : 0);
    SHOW_OK(lseek(fd, 0, SEEK_CUR));
    SHOW(write(fd, bytes, 1));
    printf("%d\n", fcntl(fd, F_GETFD));
    close(fd), close(reader), close(writer), close(null);
    mq_unlink(NAME);
}

static void try_flags(void)
{
    struct attributes a = {.flags = O_NONBLOCK, .maxmsg = 99}, old;
    int fd = mq_open(NAME, O_RDWR | O_CREAT, 0600, &small), other;
    other = mq_open(NAME, O_RDONLY, 0, NULL);
    SHOW(mq_attributes(fd, &a, &old));
    printf("%lo\n", old.flags);
    show_attributes("set", fd);
    show_attributes("another", other);
    printf("%o\n", fcntl(fd, F_GETFL) & O_NONBLOCK);
    a.flags = O_NONBLOCK | O_APPEND;
    SHOW(mq_attributes(fd, &a, NULL));
    a.flags = 0;
    SHOW(mq_attributes(fd, &a, (void *)1));
    show_attributes("cleared", fd);
    SHOW(mq_attributes(fd, NULL, NULL));
    SHOW(mq_attributes(fd, (void *)1, NULL));
    SHOW(mq_attributes(0, NULL, NULL));
    close(fd), close(other);
    mq_unlink(NAME);
}

/* ---- Waiting ---- */

static volatile int handled;

static void handler(int sig, siginfo_t *info, void *context)
{
    (void)context;
    handled++;
    if (info->si_code == SI_MESGQ)
        printf("signal %d, from another %d, value %d\n", sig, info->si_pid != getpid(),
               info->si_value.sival_int);
}

static void handle(int sig, int flags)
{
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags};
    sigaction(sig, &action, NULL);
}

static void try_waits(void)
{
    /* Again and again: the first may come before the wait begins. */
    struct itimerval often = {{0, 50000}, {0, 50000}}, never = {0};
    struct timespec until;
    char c[16] = "wait";
    int fd = mq_open(NAME, O_RDWR | O_CREAT, 0600, &small);
    soon(&until, 50);
    SHOW(mq_receive(fd, c, 16, NULL, &until));
    handle(SIGALRM, 0);
    setitimer(ITIMER_REAL, &often, NULL);
    SHOW(mq_receive(fd, c, 16, NULL, NULL));
    handle(SIGALRM, SA_RESTART);
    soon(&until, 150);
    SHOW(mq_receive(fd, c, 16, NULL, &until));
    setitimer(ITIMER_REAL, &never, NULL);
    pid_t child = fork();
    if (child == 0) {
        usleep(50000);
        mq_send(fd, "first", 5, 0, NULL);
        _exit(0);
    }
    SHOW(mq_receive(fd, c, 16, NULL, NULL));
    waitpid(child, NULL, 0);
    for (int i = 0; i < 3; i++)
        SHOW(mq_send(fd, c, 1, 0, NULL));
    soon(&until, 50);
    SHOW(mq_send(fd, c, 1, 0, &until));
    child = fork();
    if (child == 0) {
        usleep(50000);
        mq_receive(fd, c, 16, NULL, NULL);
        _exit(0);
    }
    SHOW(mq_send(fd, c, 2, 0, NULL));
    waitpid(child, NULL, 0);
    show_attributes("full again", fd);
    close(fd);
    mq_unlink(NAME);
}

/* ---- Being told ---- */

static void try_notify_arguments(int fd)
{
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = 65};
    SHOW(mq_notify(fd, &event));
    event.sigev_signo = -1;
    SHOW(mq_notify(fd, &event));
    event.sigev_notify = 77;
    SHOW(mq_notify(fd, &event));
    SHOW(mq_notify(fd, (void *)1));
    event.sigev_notify = SIGEV_NONE;
    SHOW(mq_notify(0, &event));
    SHOW(mq_notify(-1, NULL));
    SHOW(mq_notify(fd, NULL));
    SHOW(mq_notify(fd, &event));
    SHOW(mq_notify(fd, &event));
    SHOW(mq_notify(fd, NULL));
}

static void try_notify_owner(int fd)
{
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    SHOW(mq_notify(fd, &event));
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        SHOW(mq_notify(fd, &event));
        SHOW(mq_notify(fd, NULL));
        SHOW(mq_notify(fd, &event));
        fflush(stdout);
        _exit(0);
    }
    waitpid(child, NULL, 0);
    /* The child's end and its closing took nothing of the parent's. */
    SHOW(mq_notify(fd, &event));
    int copy = dup(fd);
    close(copy);
    SHOW(mq_notify(fd, &event));
    child = fork();
    if (child == 0) {
        mq_notify(fd, &event);
        _exit(0);
    }
    waitpid(child, NULL, 0);
    SHOW(mq_notify(fd, NULL));
    child = fork();
    if (child == 0)
        _exit(mq_notify(fd, &event) < 0);
    waitpid(child, NULL, 0);
    SHOW(mq_notify(fd, &event));
    SHOW(mq_notify(fd, NULL));
}

/* Until CHILD waits for a message, which is all that it ever waits for. */
static void await_sleep(pid_t child)
{
    char path[32], line[256], state = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", child);
    while (state != 'S') {
        int fd = open(path, O_RDONLY);
        ssize_t n = read(fd, line, sizeof line - 1);
        line[n > 0 ? n : 0] = 0;
        close(fd);
        if (sscanf(line, "%*d (%*[^)]) %c", &state) != 1 || state == 'Z')
            break;
        sched_yield();
    }
}

static void try_notify(void)
{
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    char c[16];
    event.sigev_value.sival_int = 42;
    int fd = mq_open(NAME, O_RDWR | O_CREAT, 0600, &small);
    try_notify_arguments(fd);
    try_notify_owner(fd);
    handle(SIGUSR1, 0);
    handled = 0;
    SHOW(mq_notify(fd, &event));
    mq_send(fd, "a", 1, 0, NULL);
    SHOW(handled);
    mq_send(fd, "b", 1, 0, NULL);
    SHOW(mq_notify(fd, &event));
    mq_send(fd, "c", 1, 0, NULL);
    SHOW(handled);
    for (int i = 0; i < 3; i++)
        mq_receive(fd, c, 16, NULL, NULL);
    /* Who waits gets the message, and nobody is told. */
    fflush(stdout);
    pid_t child = fork();
    if (child == 0)
        _exit(mq_receive(fd, c, 16, NULL, NULL) < 0);
    await_sleep(child);
    mq_send(fd, "d", 1, 0, NULL);
    waitpid(child, NULL, 0);
    SHOW(handled);
    mq_send(fd, "e", 1, 0, NULL);
    SHOW(handled);
    close(fd);
    mq_unlink(NAME);
}

/* SIGEV_THREAD, as the C library uses it. */
static void try_cookie(void)
{
    char cookie[32] = "a cookie", c[32];
    struct sigevent event = {.sigev_notify = SIGEV_THREAD};
    int fd = mq_open(NAME, O_RDWR | O_CREAT, 0600, &small);
    int s = socket(AF_NETLINK, SOCK_RAW, 0), other = socket(AF_UNIX, SOCK_STREAM, 0);
    event.sigev_value.sival_ptr = cookie;
    event.sigev_signo = other;
    SHOW(mq_notify(fd, &event));
    event.sigev_signo = fd;
    SHOW(mq_notify(fd, &event));
    event.sigev_signo = -1;
    SHOW(mq_notify(fd, &event));
    event.sigev_signo = s;
    SHOW(mq_notify(fd, &event));
    SHOW(mq_send(fd, "a", 1, 0, NULL));
    SHOW(recv(s, c, sizeof c, MSG_DONTWAIT));
    printf("%s %d\n", c, c[31]);
    SHOW(mq_notify(fd, &event));
    SHOW(mq_notify(fd, NULL));
    SHOW(recv(s, c, sizeof c, MSG_DONTWAIT));
    printf("%s %d\n", c, c[31]);
    SHOW(mq_notify(fd, &event));
    /* Of one that is refused nothing comes: the C library would free twice what belongs to it. */
    SHOW(mq_notify(fd, &event));
    SHOW(mq_notify(-1, &event));
    SHOW(recv(s, c, sizeof c, MSG_DONTWAIT));
    close(fd);
    SHOW(recv(s, c, sizeof c, MSG_DONTWAIT));
    printf("%s %d\n", c, c[31]);
    SHOW(recv(s, c, sizeof c, MSG_DONTWAIT));
    mq_unlink(NAME);
}

/* What is left of it goes with the last descriptor. */
static void try_unlinked(void)
{
    char c[16];
    int fd = mq_open(NAME, O_RDWR | O_CREAT, 0600, &small);
    SHOW(mq_send(fd, "kept", 4, 0, NULL));
    close(fd);
    fd = mq_open(NAME, O_RDWR, 0, NULL);
    SHOW(mq_unlink(NAME));
    SHOW_OK(mq_open(NAME, O_RDWR, 0, NULL));
    int second = mq_open(NAME, O_RDWR | O_CREAT | O_EXCL, 0600, &small);
    show_attributes("old", fd);
    show_attributes("new", second);
    SHOW(mq_receive(fd, c, 16, NULL, NULL));
    close(fd), close(second);
    SHOW(mq_unlink(NAME));
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    umask(022);
    try_names();
    try_full();
    as_plain_user(try_attributes);
    as_plain_user(try_limit);
    try_permissions();
    try_order();
    try_arguments();
    try_flags();
    try_waits();
    try_notify();
    try_cookie();
    try_unlinked();
    return 0;
}
