/* epoll, eventfd, timerfd and signalfd: what the calls refuse, how long they wait, what ends a
 * wait. */
#include "show.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>

static int set, ends[2];
static struct epoll_event out[8];

static long milliseconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static long control(int op, int fd, uint32_t events, uint64_t data)
{
    struct epoll_event event = {.events = events, .data.u64 = data};

    return epoll_ctl(set, op, fd, &event);
}

/* What is ready, in order. */
static void show_ready(const char *what)
{
    int count = epoll_wait(set, out, 8, 0);

    printf("%s: %d", what, count);
    for (int i = 0; i < count; i++)
        printf(" [%x %lu]", (unsigned)out[i].events, (unsigned long)out[i].data.u64);
    printf("\n");
}

static void fresh(void)
{
    set = epoll_create1(0);
    if (set < 0 || pipe(ends) < 0)
        perror("fresh");
}

static void finish(void)
{
    close(set);
    close(ends[0]);
    close(ends[1]);
}

/* ---- What is refused ---- */

static void refusals(void)
{
    struct epoll_event event = {EPOLLIN, {0}};
    int file, null, directory, path;

    fresh();
    put_file("file", "text", 0644);
    file = open("file", O_RDWR);
    null = open("/dev/null", O_RDWR);
    directory = open(".", O_RDONLY);
    path = open("file", O_PATH);
    SHOW_OK(epoll_create(1));
    SHOW(epoll_create(0));
    SHOW(epoll_create(-1));
    SHOW(epoll_create1(1));
    SHOW(control(EPOLL_CTL_ADD, file, EPOLLIN, 1));
    SHOW(control(EPOLL_CTL_ADD, null, EPOLLIN, 1));
    SHOW(control(EPOLL_CTL_ADD, directory, EPOLLIN, 1));
    SHOW(control(EPOLL_CTL_ADD, path, EPOLLIN, 1));
    SHOW(control(EPOLL_CTL_ADD, -1, EPOLLIN, 1));
    SHOW(control(EPOLL_CTL_ADD, 300, EPOLLIN, 1));
    SHOW(control(EPOLL_CTL_ADD, set, EPOLLIN, 1));
    SHOW(control(99, ends[0], EPOLLIN, 1));
    SHOW(control(EPOLL_CTL_MOD, ends[0], EPOLLIN, 1));
    SHOW(control(EPOLL_CTL_DEL, ends[0], EPOLLIN, 1));
    SHOW(control(EPOLL_CTL_ADD, ends[0], EPOLLIN, 1));
    SHOW(control(EPOLL_CTL_ADD, ends[0], EPOLLIN, 1));
    SHOW(epoll_ctl(300, EPOLL_CTL_ADD, ends[0], &event));
    SHOW(epoll_ctl(ends[1], EPOLL_CTL_ADD, ends[0], &event));
    SHOW(epoll_ctl(file, EPOLL_CTL_ADD, ends[0], &event));
    SHOW(epoll_ctl(set, EPOLL_CTL_ADD, ends[1], NULL));
    SHOW(epoll_ctl(300, EPOLL_CTL_ADD, ends[1], NULL));
    SHOW(epoll_ctl(set, EPOLL_CTL_DEL, ends[0], NULL));
    SHOW(epoll_wait(set, out, 0, 0));
    SHOW(epoll_wait(set, out, -1, 0));
    SHOW(epoll_wait(set, out, INT_MAX, 0));
    SHOW(epoll_wait(300, out, 1, 0));
    SHOW(epoll_wait(file, out, 1, 0));
    SHOW(epoll_wait(set, (void *)-4096l, 8, 0));
    SHOW(syscall(SYS_epoll_pwait, set, out, 8, 0, out, 7l));
    SHOW(read(set, out, 8));
    SHOW(write(set, out, 8));
    finish();
    close(file), close(null), close(directory), close(path);
}

static void exclusive(void)
{
    int inner = epoll_create1(0);

    fresh();
    SHOW(control(EPOLL_CTL_ADD, ends[0], EPOLLIN | EPOLLEXCLUSIVE | EPOLLONESHOT, 1));
    SHOW(control(EPOLL_CTL_ADD, ends[0], EPOLLIN | EPOLLEXCLUSIVE | EPOLLRDHUP, 1));
    SHOW(control(EPOLL_CTL_ADD, ends[0], EPOLLPRI | EPOLLEXCLUSIVE, 1));
    SHOW(control(EPOLL_CTL_ADD, inner, EPOLLIN | EPOLLEXCLUSIVE, 1));
    SHOW(control(EPOLL_CTL_ADD, ends[0], EPOLLIN | EPOLLEXCLUSIVE | EPOLLET | EPOLLWAKEUP, 1));
    SHOW(control(EPOLL_CTL_MOD, ends[0], EPOLLIN, 1));
    SHOW(control(EPOLL_CTL_MOD, ends[0], EPOLLIN | EPOLLEXCLUSIVE, 1));
    SHOW(control(EPOLL_CTL_DEL, ends[0], EPOLLEXCLUSIVE, 1));
    finish();
    close(inner);
}

/* ---- Members and descriptors ---- */

static void lifetimes(void)
{
    fresh();
    control(EPOLL_CTL_ADD, ends[0], EPOLLIN, 1);
    int copy = dup(ends[0]), number = ends[0];
    write(ends[1], "x", 1);
    close(ends[0]);
    show_ready("closed, a copy is open");
    SHOW(control(EPOLL_CTL_DEL, number, 0, 0));
    SHOW(control(EPOLL_CTL_ADD, copy, EPOLLIN, 2));
    show_ready("and the copy");
    SHOW(dup2(copy, number) == number);
    SHOW(control(EPOLL_CTL_ADD, number, EPOLLIN, 3));
    SHOW(control(EPOLL_CTL_DEL, number, 0, 0));
    show_ready("the first is gone");
    close(number);
    close(copy);
    show_ready("all are gone");
    ends[0] = -1;
    finish();

    fresh();
    control(EPOLL_CTL_ADD, ends[0], EPOLLIN, 1);
    pid_t pid = fork();
    if (pid == 0) {
        char c;
        _exit(read(ends[0], &c, 1) == 1 ? 0 : 1);
    }
    close(ends[0]);
    write(ends[1], "xy", 2);
    waitpid(pid, NULL, 0);
    show_ready("the child had it open");
    ends[0] = -1;
    finish();
}

static void nested(void)
{
    int outer = epoll_create1(0);
    struct epoll_event event = {EPOLLIN | EPOLLET, {.u64 = 9}};
    struct pollfd entry = {outer, POLLIN | POLLOUT | POLLRDNORM, 0};
    struct timeval none = {0, 0};
    fd_set readable;
    char c;

    fresh();
    control(EPOLL_CTL_ADD, ends[0], EPOLLIN, 1);
    SHOW(epoll_ctl(outer, EPOLL_CTL_ADD, set, &event));
    SHOW(control(EPOLL_CTL_ADD, outer, EPOLLIN, 1));
    SHOW(poll(&entry, 1, 0));
    write(ends[1], "x", 1);
    SHOW(poll(&entry, 1, 0));
    SHOW(entry.revents);
    FD_ZERO(&readable);
    FD_SET(set, &readable);
    SHOW(select(set + 1, &readable, NULL, NULL, &none));
    SHOW(epoll_wait(outer, out, 8, 0));
    SHOW(epoll_wait(outer, out, 8, 0));
    write(ends[1], "y", 1);
    SHOW(epoll_wait(outer, out, 8, 0));
    write(ends[1], "z", 1);
    read(ends[0], &c, 1);
    SHOW(epoll_wait(outer, out, 8, 0));
    write(ends[1], "z", 1);
    for (int i = 0; i < 3; i++)
        read(ends[0], &c, 1);
    SHOW(epoll_wait(outer, out, 8, 0));
    SHOW(poll(&entry, 1, 0));
    finish();
    close(outer);
}

/* ---- Waiting ---- */

static void on_signal(int signal)
{
    (void)signal;
}

static void alarm_in(long milliseconds)
{
    struct itimerval value = {{0, 0}, {0, milliseconds * 1000}};

    setitimer(ITIMER_REAL, &value, NULL);
}

/* Again and again, 0: no more. The first may come before the wait that it is to end. */
static void alarm_every(long milliseconds)
{
    struct itimerval value = {{0, milliseconds * 1000}, {0, milliseconds * 1000}};

    setitimer(ITIMER_REAL, &value, NULL);
}

static long timed_wait(int timeout)
{
    long start = milliseconds(), result = epoll_wait(set, out, 8, timeout), error = errno;
    long took = milliseconds() - start;

    printf("%s\n", took < timeout - 1      ? "too early"
                   : took > timeout + 2000 ? "too late"
                                           : "in time");
    errno = (int)error;
    return result;
}

static void waits(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    struct timespec time = {0, 30000000}, bad = {0, 1000000000};
    sigset_t all, none;

    fresh();
    sigfillset(&all);
    sigemptyset(&none);
    sigaction(SIGALRM, &action, NULL);
    control(EPOLL_CTL_ADD, ends[0], EPOLLIN, 1);
    SHOW(timed_wait(50));
    SHOW(timed_wait(0));
    SHOW(epoll_pwait2(set, out, 8, &time, NULL));
    SHOW(epoll_pwait2(set, out, 8, &bad, NULL));
    SHOW(syscall(SYS_epoll_pwait2, set, out, 8, 8l, NULL, 8l));
    alarm_every(30);
    SHOW(epoll_wait(set, out, 8, -1));
    alarm_every(0);
    alarm_in(30);
    SHOW(epoll_pwait(set, out, 8, 100, &all));
    SHOW(epoll_wait(set, out, 8, 0));
    sigprocmask(SIG_SETMASK, &all, NULL);
    alarm_in(30);
    SHOW(epoll_wait(set, out, 8, 60));
    SHOW(epoll_pwait(set, out, 8, -1, &none));
    sigprocmask(SIG_SETMASK, &none, NULL);
    pid_t pid = fork();
    if (pid == 0) {
        usleep(30000);
        write(ends[1], "x", 1);
        _exit(0);
    }
    SHOW(epoll_wait(set, out, 8, -1));
    waitpid(pid, NULL, 0);
    SHOW(epoll_pwait2(set, out, 8, NULL, &all));
    finish();
}

/* ---- eventfd ---- */

static void counters(void)
{
    uint64_t n = 5, most = UINT64_MAX - 1, all = UINT64_MAX, pair[2] = {1, 1};
    int plain = eventfd(3, EFD_NONBLOCK), semaphore = eventfd(2, EFD_NONBLOCK | EFD_SEMAPHORE);

    SHOW(eventfd(0, 64));
    SHOW(read(plain, &n, 7));
    SHOW(write(plain, &n, 7));
    SHOW(write(plain, pair, 16));
    SHOW(read(plain, pair, 16));
    SHOW(pair[0]);
    SHOW(read(plain, &n, 8));
    SHOW(write(plain, &all, 8));
    SHOW(write(plain, &most, 8));
    SHOW(write(plain, &n, 8));
    SHOW(read(plain, &n, 8));
    SHOW(n == most);
    SHOW(read(semaphore, &n, 8) + (long)n);
    SHOW(read(semaphore, &n, 8) + (long)n);
    SHOW(read(semaphore, &n, 8));
    SHOW(write(semaphore, NULL, 8));
    SHOW(pread(plain, &n, 8, 0));
    fcntl(plain, F_SETFL, 0);
    pid_t pid = fork();
    if (pid == 0) {
        usleep(30000);
        n = 7;
        write(plain, &n, 8);
        _exit(0);
    }
    SHOW(read(plain, &n, 8) + (long)n);
    waitpid(pid, NULL, 0);
    write(plain, &most, 8);
    pid = fork();
    if (pid == 0) {
        usleep(30000);
        read(plain, &n, 8);
        _exit(0);
    }
    n = 4;
    SHOW(write(plain, &n, 8));
    SHOW(read(plain, &n, 8) + (long)n);
    waitpid(pid, NULL, 0);
    close(plain), close(semaphore);
}

/* ---- timerfd ---- */

static void timers(void)
{
    struct itimerspec spec = {{0, 20000000}, {0, 20000000}}, old, bad = {{0, 0}, {0, -1}};
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK), other = eventfd(0, 0);
    struct pollfd entry = {timer, POLLIN | POLLOUT, 0};
    uint64_t n = 0;

    SHOW(timerfd_create(CLOCK_PROCESS_CPUTIME_ID, 0));
    SHOW(timerfd_create(99, 0));
    SHOW(timerfd_create(CLOCK_REALTIME, 1));
    SHOW(timerfd_settime(timer, 0, &bad, NULL));
    SHOW(timerfd_settime(timer, 8, &spec, NULL));
    SHOW(timerfd_settime(timer, 0, NULL, NULL));
    SHOW(timerfd_settime(other, 0, &spec, NULL));
    SHOW(timerfd_settime(300, 0, &spec, NULL));
    SHOW(timerfd_gettime(other, &old));
    SHOW(timerfd_gettime(timer, NULL));
    SHOW(read(timer, &n, 8));
    SHOW(write(timer, &n, 8));
    SHOW(timerfd_settime(timer, 0, &spec, NULL));
    SHOW(poll(&entry, 1, 1000));
    SHOW(entry.revents);
    SHOW(read(timer, &n, 7));
    SHOW(read(timer, &n, 8));
    SHOW(n >= 1);
    usleep(70000);
    SHOW(read(timer, &n, 8));
    SHOW(n >= 3 && n < 100);
    SHOW(timerfd_settime(timer, 0, &(struct itimerspec){{0, 0}, {0, 0}}, &old));
    SHOW(old.it_interval.tv_nsec);
    SHOW(timerfd_gettime(timer, &old));
    SHOW(old.it_value.tv_nsec);
    clock_gettime(CLOCK_MONOTONIC, &spec.it_value);
    spec.it_interval.tv_nsec = 0;
    SHOW(timerfd_settime(timer, TFD_TIMER_ABSTIME, &spec, NULL));
    fcntl(timer, F_SETFL, 0);
    SHOW(read(timer, &n, 8));
    SHOW(n);
    close(timer), close(other);
}

/* ---- signalfd ---- */

static void show_record(int fd)
{
    struct signalfd_siginfo info[2];
    long size = read(fd, info, sizeof(info));

    if (size < 0) {
        perror("read");
        return;
    }
    for (long i = 0; i < size / (long)sizeof(info[0]); i++)
        printf("signal %d code %d from here %d value %d status %d\n", (int)info[i].ssi_signo,
               (int)info[i].ssi_code, info[i].ssi_pid == (uint32_t)getpid(), (int)info[i].ssi_int,
               (int)info[i].ssi_status);
}

static void signals(void)
{
    sigset_t mask, empty;
    struct signalfd_siginfo info;

    sigemptyset(&empty);
    sigemptyset(&mask);
    sigaddset(&mask, SIGUSR1);
    sigaddset(&mask, SIGCHLD);
    sigaddset(&mask, SIGRTMIN + 3);
    sigprocmask(SIG_BLOCK, &mask, NULL);
    int fd = signalfd(-1, &mask, SFD_NONBLOCK), other = eventfd(0, 0);
    struct pollfd entry = {fd, POLLIN | POLLOUT, 0};
    SHOW(signalfd(-1, &mask, 1));
    SHOW(signalfd(other, &mask, 0));
    SHOW(signalfd(300, &mask, 0));
    SHOW(read(fd, &info, sizeof(info) - 1));
    SHOW(read(fd, &info, sizeof(info)));
    SHOW(poll(&entry, 1, 0));
    kill(getpid(), SIGUSR1);
    kill(getpid(), SIGUSR1);
    sigqueue(getpid(), SIGRTMIN + 3, (union sigval){.sival_int = 41});
    sigqueue(getpid(), SIGRTMIN + 3, (union sigval){.sival_int = 42});
    SHOW(poll(&entry, 1, 0));
    SHOW(entry.revents);
    show_record(fd);
    show_record(fd);
    SHOW(poll(&entry, 1, 0));
    pid_t pid = fork();
    if (pid == 0) {
        usleep(30000);
        _exit(5);
    }
    SHOW(poll(&entry, 1, -1));
    show_record(fd);
    waitpid(pid, NULL, 0);
    SHOW(signalfd(fd, &empty, 0) == fd);
    kill(getpid(), SIGUSR1);
    SHOW(poll(&entry, 1, 0));
    SHOW(signalfd(fd, &mask, 0) == fd);
    SHOW(poll(&entry, 1, 0));
    /* An heir sees its own signals. */
    pid = fork();
    if (pid == 0) {
        SHOW(poll(&entry, 1, 0));
        kill(getpid(), SIGUSR1);
        SHOW(poll(&entry, 1, 0));
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    show_record(fd);
    fresh();
    control(EPOLL_CTL_ADD, fd, EPOLLIN, 6);
    pid = fork();
    if (pid == 0) {
        usleep(30000);
        kill(getppid(), SIGUSR1);
        _exit(0);
    }
    SHOW(epoll_wait(set, out, 8, -1));
    waitpid(pid, NULL, 0);
    finish();
    close(fd), close(other);
}

int main(void)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } parts[] = {{"refusals", refusals}, {"exclusive", exclusive}, {"lifetimes", lifetimes},
                 {"nested", nested},     {"waits", waits},         {"counters", counters},
                 {"timers", timers},     {"signals", signals}};

    fresh_place();
    for (size_t i = 0; i < COUNT(parts); i++) {
        printf("-- %s\n", parts[i].name);
        parts[i].run();
    }
    leave_place();
    return 0;
}
