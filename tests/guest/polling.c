/* Waiting for several descriptors: poll, select and their relatives; epoll where the system has it.
 */
#include "ktap.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/time.h>

static int now_on(int fd, int events)
{
    struct pollfd entry = {fd, (short)events, 0x55};

    CHECK(poll(&entry, 1, 0) >= 0);
    return entry.revents;
}

static volatile sig_atomic_t count;

static void note(int sig)
{
    (void)sig;
    count++;
}

TEST(pipe_states, "a pipe's readiness through its life")
{
    static char bytes[65536];
    int ends[2];

    CHECK(pipe(ends) == 0);
    CHECK_EQUAL(now_on(ends[0], POLLIN), 0);
    CHECK_EQUAL(now_on(ends[1], POLLOUT), POLLOUT);
    CHECK_EQUAL(write(ends[1], bytes, 1), 1);
    CHECK_EQUAL(now_on(ends[0], POLLIN | POLLOUT), POLLIN);
    CHECK_EQUAL(now_on(ends[0], POLLIN | POLLRDNORM), POLLIN | POLLRDNORM);
    CHECK_EQUAL(now_on(ends[0], 0), 0);
    CHECK_EQUAL(write(ends[1], bytes, 65535), 65535);
    CHECK_EQUAL(now_on(ends[1], POLLOUT), 0);
    CHECK_EQUAL(read(ends[0], bytes, 65536), 65536);
    CHECK_EQUAL(now_on(ends[1], POLLOUT), POLLOUT);
    CHECK_EQUAL(write(ends[1], bytes, 1), 1);
    close(ends[1]);
    CHECK_EQUAL(now_on(ends[0], POLLIN), POLLIN | POLLHUP);
    CHECK_EQUAL(read(ends[0], bytes, 2), 1);
    CHECK_EQUAL(now_on(ends[0], POLLIN), POLLHUP);
    CHECK_EQUAL(now_on(ends[0], 0), POLLHUP);
    CHECK(pipe(ends) == 0);
    close(ends[0]);
    CHECK_EQUAL(now_on(ends[1], POLLOUT), POLLOUT | POLLERR);
}

TEST(other_files,
     "files and devices are always ready, wrong descriptors are POLLNVAL, negative ones nothing")
{
    int fd = open("f", O_RDWR | O_CREAT, 0600);

    CHECK_EQUAL(now_on(fd, POLLIN | POLLOUT), POLLIN | POLLOUT);
    CHECK_EQUAL(now_on(open("/dev/null", O_RDWR), POLLIN | POLLOUT), POLLIN | POLLOUT);
    CHECK_EQUAL(now_on(999, POLLIN), POLLNVAL);
    CHECK_EQUAL(now_on(-1, POLLIN), 0);
}

TEST(counts, "poll counts the entries that have something, duplicates too")
{
    int a[2], b[2];

    CHECK(pipe(a) == 0 && pipe(b) == 0);
    CHECK_EQUAL(write(a[1], "x", 1), 1);
    struct pollfd entries[] = {
        {a[0], POLLIN, 0}, {b[0], POLLIN, 0}, {a[0], POLLIN, 0}, {-1, POLLIN, 0}, {999, 0, 0}};
    CHECK_EQUAL(poll(entries, 5, 1000), 3);
    CHECK(entries[0].revents == POLLIN && entries[1].revents == 0 && entries[2].revents == POLLIN);
    CHECK(entries[4].revents == POLLNVAL);
}

TEST(timeouts, "poll and select wait as long as they are told")
{
    struct timeval brief = {0, 60000};
    struct pollfd entry;
    int ends[2];
    fd_set set;

    CHECK(pipe(ends) == 0);
    entry = (struct pollfd){ends[0], POLLIN, 0};
    long begin = ktap_now();
    CHECK_EQUAL(poll(&entry, 1, 60), 0);
    CHECK(ktap_now() - begin >= 59 && ktap_now() - begin < 5000);
    begin = ktap_now();
    CHECK_EQUAL(poll(NULL, 0, 60), 0);
    CHECK(ktap_now() - begin >= 59);
    FD_ZERO(&set);
    FD_SET(ends[0], &set);
    begin = ktap_now();
    CHECK_EQUAL(select(ends[0] + 1, &set, NULL, NULL, &brief), 0);
    CHECK(ktap_now() - begin >= 59 && !FD_ISSET(ends[0], &set));
    CHECK(brief.tv_sec == 0 && brief.tv_usec == 0); /* Linux leaves what is left there */
    begin = ktap_now();
    CHECK_EQUAL(poll(&entry, 1, 0), 0);
    CHECK(ktap_now() - begin < 1000);
}

TEST(woken, "a waiting poll returns when a byte, an end or a broken pipe comes")
{
    struct pollfd entry;
    int ends[2];
    char c;

    CHECK(pipe(ends) == 0);
    entry = (struct pollfd){ends[0], POLLIN, 0};
    pid_t pid = CHILD(ktap_sleep(50); write(ends[1], "x", 1); ktap_sleep(50));
    close(ends[1]);
    CHECK_EQUAL(poll(&entry, 1, 10000), 1);
    CHECK_EQUAL(entry.revents & POLLIN, POLLIN);
    CHECK_EQUAL(read(ends[0], &c, 1), 1);
    CHECK_EQUAL(poll(&entry, 1, 10000), 1);
    CHECK_EQUAL(entry.revents, POLLHUP);
    CHECK_CHILD(pid);
}

TEST(woken_writer, "a full pipe becomes writable when it is read")
{
    static char bytes[65536];
    struct pollfd entry;
    int ends[2];

    CHECK(pipe(ends) == 0);
    CHECK_EQUAL(write(ends[1], bytes, sizeof(bytes)), sizeof(bytes));
    entry = (struct pollfd){ends[1], POLLOUT, 0};
    pid_t pid =
        CHILD(ktap_sleep(50); CHECK(read(ends[0], bytes, sizeof(bytes)) > 0); ktap_sleep(100));
    CHECK_EQUAL(poll(&entry, 1, 10000), 1);
    CHECK_EQUAL(entry.revents, POLLOUT);
    CHECK_CHILD(pid);
}

TEST(selecting, "select reports in its three sets, and the highest descriptors too")
{
    struct timeval none = {0, 0};
    struct rlimit limit;
    fd_set in, out;
    int ends[2];

    CHECK(pipe(ends) == 0);
    CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    int high = limit.rlim_cur >= 1024 ? 1023 : (int)limit.rlim_cur - 1;
    CHECK_EQUAL(dup2(ends[0], high), high);
    FD_ZERO(&in);
    FD_ZERO(&out);
    FD_SET(high, &in);
    FD_SET(ends[0], &in);
    FD_SET(ends[1], &out);
    CHECK_EQUAL(select(high + 1, &in, &out, NULL, &none), 1);
    CHECK(!FD_ISSET(high, &in) && FD_ISSET(ends[1], &out));
    FD_SET(high, &in);
    CHECK_EQUAL(write(ends[1], "x", 1), 1);
    CHECK_EQUAL(select(high + 1, &in, &out, NULL, NULL), 2);
    CHECK(FD_ISSET(high, &in) && FD_ISSET(ends[1], &out));
    FD_ZERO(&in);
    FD_SET(900, &in);
    CHECK_ERROR(select(901, &in, NULL, NULL, &none), EBADF);
    CHECK_ERROR(select(-1, NULL, NULL, NULL, &none), EINVAL);
    none.tv_sec = -1;
    CHECK_ERROR(select(0, NULL, NULL, NULL, &none), EINVAL);
}

TEST(interrupted, "a signal ends poll and select with EINTR, SA_RESTART or not")
{
    struct sigaction action = {.sa_handler = note, .sa_flags = SA_RESTART};

    CHECK(sigaction(SIGALRM, &action, NULL) == 0);
    pid_t pid = ktap_interrupt(SIGALRM);
    CHECK_ERROR(poll(NULL, 0, -1), EINTR);
    CHECK_CHILD(pid);
    pid = ktap_interrupt(SIGALRM);
    CHECK_ERROR(select(0, NULL, NULL, NULL, NULL), EINTR);
    CHECK_CHILD(pid);
    CHECK_EQUAL(count, 2);
}

TEST(with_a_mask, "ppoll and pselect let in what their mask lets in, just while they wait")
{
    struct timespec brief = {0, 30000000};
    struct sigaction action = {.sa_handler = note};
    sigset_t set, none, now;

    CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
    sigemptyset(&none);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    raise(SIGUSR1);
    CHECK_EQUAL(ppoll(NULL, 0, &brief, NULL), 0);
    CHECK_EQUAL(count, 0);
    CHECK_ERROR(ppoll(NULL, 0, &brief, &none), EINTR);
    CHECK_EQUAL(count, 1);
    raise(SIGUSR1);
    CHECK_ERROR(pselect(0, NULL, NULL, NULL, &brief, &none), EINTR);
    CHECK_EQUAL(count, 2);
    CHECK(sigprocmask(SIG_SETMASK, NULL, &now) == 0 && sigismember(&now, SIGUSR1));
    brief.tv_nsec = -1;
    CHECK_ERROR(ppoll(NULL, 0, &brief, NULL), EINVAL);
}

TEST(many, "poll over two hundred pipes finds the one, and none is lost")
{
    enum { COUNT = 200 };
    static struct pollfd entries[COUNT];
    static int writers[COUNT];

    for (int n = 0; n < COUNT; n++) {
        int ends[2];
        CHECK(pipe(ends) == 0);
        entries[n] = (struct pollfd){ends[0], POLLIN, 0};
        writers[n] = ends[1];
    }
    pid_t pid = CHILD({
        for (int n = 0; n < 1000; n++)
            CHECK_EQUAL(write(writers[n * 37 % COUNT], "x", 1), 1);
    });
    for (int got = 0; got < 1000;) {
        CHECK(poll(entries, COUNT, 10000) > 0);
        for (int n = 0; n < COUNT; n++) {
            char buffer[64];
            if (entries[n].revents)
                got += (int)read(entries[n].fd, buffer, sizeof(buffer));
        }
    }
    CHECK_CHILD(pid);
}

/* ---- epoll ---- */

static int epoll_or_skip(void)
{
    int fd = epoll_create1(EPOLL_CLOEXEC);

    if (fd < 0 && errno == ENOSYS)
        SKIP("no epoll yet");
    CHECK(fd >= 0);
    return fd;
}

static void change(int epoll, int operation, int fd, unsigned events)
{
    struct epoll_event event = {.events = events, .data.u64 = 0x100000000ul + (unsigned)fd};

    CHECK(epoll_ctl(epoll, operation, fd, &event) == 0);
}

static unsigned events_of(int epoll)
{
    struct epoll_event event[4];
    int n = epoll_wait(epoll, event, 4, 0);

    CHECK(n == 0 || n == 1);
    return n ? event[0].events : 0;
}

TEST(epoll_level, "level-triggered epoll tells as long as it is so")
{
    int epoll = epoll_or_skip(), ends[2];
    struct epoll_event event;
    char c;

    CHECK(pipe(ends) == 0);
    change(epoll, EPOLL_CTL_ADD, ends[0], EPOLLIN);
    CHECK_EQUAL(events_of(epoll), 0);
    CHECK_EQUAL(write(ends[1], "x", 1), 1);
    CHECK_EQUAL(epoll_wait(epoll, &event, 1, 1000), 1);
    CHECK(event.events == EPOLLIN && event.data.u64 == 0x100000000ul + (unsigned)ends[0]);
    CHECK_EQUAL(events_of(epoll), EPOLLIN);
    CHECK_EQUAL(read(ends[0], &c, 1), 1);
    CHECK_EQUAL(events_of(epoll), 0);
    close(ends[1]);
    CHECK_EQUAL(events_of(epoll), EPOLLHUP);
    close(ends[0]);
    CHECK_EQUAL(events_of(epoll), 0);
}

TEST(epoll_edge, "edge-triggered epoll tells of each arrival once, one-shot just once")
{
    int epoll = epoll_or_skip(), ends[2];

    CHECK(pipe(ends) == 0);
    change(epoll, EPOLL_CTL_ADD, ends[0], EPOLLIN | EPOLLET);
    CHECK_EQUAL(write(ends[1], "x", 1), 1);
    CHECK_EQUAL(events_of(epoll), EPOLLIN);
    CHECK_EQUAL(events_of(epoll), 0);
    CHECK_EQUAL(write(ends[1], "x", 1), 1);
    CHECK_EQUAL(events_of(epoll), EPOLLIN);
    change(epoll, EPOLL_CTL_MOD, ends[0], EPOLLIN | EPOLLONESHOT);
    CHECK_EQUAL(events_of(epoll), EPOLLIN);
    CHECK_EQUAL(events_of(epoll), 0);
    CHECK_EQUAL(write(ends[1], "x", 1), 1);
    CHECK_EQUAL(events_of(epoll), 0);
    change(epoll, EPOLL_CTL_MOD, ends[0], EPOLLIN);
    CHECK_EQUAL(events_of(epoll), EPOLLIN);
}

TEST(epoll_errors, "epoll refuses files, duplicates, itself and strangers")
{
    int epoll = epoll_or_skip(), ends[2], fd = open("f", O_RDWR | O_CREAT, 0600);
    struct epoll_event event = {.events = EPOLLIN};

    CHECK(pipe(ends) == 0);
    CHECK_ERROR(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event), EPERM);
    change(epoll, EPOLL_CTL_ADD, ends[0], EPOLLIN);
    CHECK_ERROR(epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &event), EEXIST);
    CHECK_ERROR(epoll_ctl(epoll, EPOLL_CTL_DEL, ends[1], &event), ENOENT);
    CHECK_ERROR(epoll_ctl(epoll, EPOLL_CTL_MOD, ends[1], &event), ENOENT);
    CHECK_ERROR(epoll_ctl(epoll, EPOLL_CTL_ADD, epoll, &event), EINVAL);
    CHECK_ERROR(epoll_ctl(epoll, EPOLL_CTL_ADD, 999, &event), EBADF);
    CHECK_ERROR(epoll_ctl(ends[0], EPOLL_CTL_ADD, ends[1], &event), EINVAL);
    CHECK_ERROR(epoll_ctl(epoll, 77, ends[1], &event), EINVAL);
    CHECK_ERROR(epoll_wait(epoll, &event, 0, 0), EINVAL);
    CHECK(epoll_ctl(epoll, EPOLL_CTL_DEL, ends[0], NULL) == 0);
}

TEST(event_counters, "an eventfd counts, and is readable while its count is not zero")
{
    int fd = eventfd(3, EFD_NONBLOCK);
    eventfd_t value;

    if (fd < 0 && errno == ENOSYS)
        SKIP("no eventfd yet");
    CHECK(fd >= 0);
    CHECK_EQUAL(now_on(fd, POLLIN | POLLOUT), POLLIN | POLLOUT);
    CHECK(eventfd_write(fd, 4) == 0 && eventfd_read(fd, &value) == 0);
    CHECK_EQUAL(value, 7);
    CHECK_EQUAL(now_on(fd, POLLIN | POLLOUT), POLLOUT);
    CHECK_ERROR(eventfd_read(fd, &value), EAGAIN);
    CHECK(eventfd_write(fd, UINT64_MAX - 1) == 0);
    CHECK_EQUAL(now_on(fd, POLLIN | POLLOUT), POLLIN);
    CHECK_ERROR(eventfd_write(fd, 1), EAGAIN);
    CHECK_ERROR(write(fd, &value, 4), EINVAL);
}
