/* epoll between processes: who is woken, and that nothing is lost when many put in and take out. */
#include "ktap.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/resource.h>

static int watch(int set, int fd, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.fd = fd};

    return epoll_ctl(set, EPOLL_CTL_ADD, fd, &event);
}

/* Bytes that have come into FD, when WANTED are there and others had time to send, too. */
static int count_bytes(int fd, int wanted)
{
    char bytes[64];

    for (int there = 0; there < wanted; ktap_sleep(1))
        CHECK(ioctl(fd, FIONREAD, &there) == 0);
    ktap_sleep(100);
    CHECK(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
    ssize_t count = read(fd, bytes, sizeof(bytes));
    return count < 0 ? 0 : (int)count;
}

TEST(shared_set, "of processes that wait for one set, an edge wakes one")
{
    int ends[2], woken[2], set = epoll_create1(0);
    struct epoll_event event;
    pid_t children[4];

    CHECK(pipe(ends) == 0 && pipe(woken) == 0);
    CHECK(watch(set, ends[0], EPOLLIN | EPOLLET) == 0);
    for (int i = 0; i < 4; i++)
        children[i] = CHILD({
            CHECK(epoll_wait(set, &event, 1, -1) == 1);
            CHECK(write(woken[1], "x", 1) == 1);
        });
    for (int i = 0; i < 4; i++)
        ktap_await_asleep(children[i]);
    for (int i = 1; i <= 4; i++) {
        CHECK(write(ends[1], "x", 1) == 1);
        CHECK_EQUAL(count_bytes(woken[0], 1), 1);
    }
    for (int i = 0; i < 4; i++)
        CHECK_CHILD(children[i]);
}

TEST(exclusive_sets, "of sets that watch exclusively, an event wakes one; of others all")
{
    int ends[2], woken[2];
    struct epoll_event event;
    pid_t children[8];
    char byte;

    CHECK(pipe(ends) == 0 && pipe(woken) == 0);
    for (int i = 0; i < 8; i++)
        children[i] = CHILD({
            int set = epoll_create1(0);
            CHECK(watch(set, ends[0], EPOLLIN | (i < 4 ? EPOLLEXCLUSIVE : 0)) == 0);
            CHECK(epoll_wait(set, &event, 1, -1) == 1);
            CHECK(write(woken[1], "x", 1) == 1);
            pause();
        });
    for (int i = 0; i < 8; i++)
        ktap_await_asleep(children[i]);
    CHECK(write(ends[1], "x", 1) == 1);
    CHECK_EQUAL(count_bytes(woken[0], 5), 5);
    CHECK(read(ends[0], &byte, 1) == 1);
    for (int i = 0; i < 3; i++) {
        CHECK(write(ends[1], "x", 1) == 1);
        CHECK(count_bytes(woken[0], 1) >= 1);
        CHECK(read(ends[0], &byte, 1) == 1);
    }
    for (int i = 0; i < 8; i++) {
        CHECK(kill(children[i], SIGKILL) == 0);
        waitpid(children[i], NULL, 0);
    }
}

/* The last wait finds nothing for a while: the writers are done and all is taken. */
static long take_all(int set)
{
    struct epoll_event events[3];
    char bytes[16];
    long total = 0;
    int count;

    while ((count = epoll_wait(set, events, 3, 1000)) > 0)
        for (int i = 0; i < count; i++)
            for (ssize_t got; (got = read(events[i].data.fd, bytes, sizeof(bytes))) > 0;)
                total += got;
    return total;
}

TEST(nothing_lost, "edges from several writers to several takers")
{
    enum { PIPES = 6, WRITERS = 3, TAKERS = 3, ROUNDS = 400 };
    int ends[PIPES][2], results[2], set = epoll_create1(0);
    pid_t children[WRITERS + TAKERS];
    long total = 0, part;

    CHECK(pipe(results) == 0);
    for (int i = 0; i < PIPES; i++) {
        CHECK(pipe(ends[i]) == 0 && fcntl(ends[i][0], F_SETFL, O_NONBLOCK) == 0);
        CHECK(watch(set, ends[i][0], EPOLLIN | EPOLLET) == 0);
    }
    for (int i = 0; i < WRITERS; i++)
        children[i] = CHILD({
            for (int round = 0; round < ROUNDS; round++)
                CHECK(write(ends[(round * 7 + i) % PIPES][1], "abc", 1 + round % 3) > 0);
        });
    for (int i = 0; i < TAKERS; i++)
        children[WRITERS + i] = CHILD({
            part = take_all(set);
            CHECK(write(results[1], &part, sizeof(part)) == sizeof(part));
        });
    for (int i = 0; i < WRITERS + TAKERS; i++)
        CHECK_CHILD(children[i]);
    for (int i = 0; i < TAKERS; i++) {
        CHECK(read(results[0], &part, sizeof(part)) == sizeof(part));
        total += part;
    }
    long wanted = 0;
    for (int round = 0; round < ROUNDS; round++)
        wanted += WRITERS * (1 + round % 3);
    CHECK_EQUAL(total, wanted);
}

TEST(many, "one ready of a thousand; all of them; none after they are closed")
{
    enum { MANY = 1000 };
    struct rlimit limit = {MANY + 64, MANY + 64};
    static struct epoll_event events[MANY];
    static int fds[MANY];
    int set = epoll_create1(0);
    uint64_t one = 1;

    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        SKIP("no right to so many descriptors");
    for (int i = 0; i < MANY; i++) {
        CHECK((fds[i] = eventfd(0, EFD_NONBLOCK)) >= 0);
        CHECK(watch(set, fds[i], EPOLLIN) == 0);
    }
    CHECK(write(fds[617], &one, sizeof(one)) == sizeof(one));
    CHECK_EQUAL(epoll_wait(set, events, MANY, 0), 1);
    CHECK_EQUAL(events[0].data.fd, fds[617]);
    for (int i = 0; i < MANY; i++)
        CHECK(write(fds[i], &one, sizeof(one)) == sizeof(one));
    CHECK_EQUAL(epoll_wait(set, events, MANY, 0), MANY);
    for (int i = 0; i < MANY; i++)
        CHECK(close(fds[i]) == 0);
    CHECK_EQUAL(epoll_wait(set, events, MANY, 0), 0);
}

TEST(set_in_poll, "poll sleeps on a set until a member of a member is ready")
{
    int ends[2], inner = epoll_create1(0), outer = epoll_create1(0);
    struct pollfd entry = {outer, POLLIN, 0};

    CHECK(pipe(ends) == 0);
    CHECK(watch(inner, ends[0], EPOLLIN) == 0);
    CHECK(watch(outer, inner, EPOLLIN) == 0);
    CHECK_EQUAL(poll(&entry, 1, 30), 0);
    pid_t child = CHILD({
        ktap_sleep(50);
        CHECK(write(ends[1], "x", 1) == 1);
    });
    CHECK_EQUAL(poll(&entry, 1, -1), 1);
    CHECK_EQUAL(entry.revents, POLLIN);
    CHECK_CHILD(child);
}

TEST(set_ends, "a set closed under a waiter, and members closed with events queued")
{
    int ends[2], set = epoll_create1(0);
    struct epoll_event event;

    CHECK(pipe(ends) == 0);
    CHECK(watch(set, ends[0], EPOLLIN) == 0);
    CHECK(write(ends[1], "x", 1) == 1);
    CHECK(close(ends[0]) == 0);
    CHECK_EQUAL(epoll_wait(set, &event, 1, 0), 0);
    for (int i = 0; i < 200; i++) {
        int outer = epoll_create1(0), counter = eventfd(1, 0);
        CHECK(watch(outer, set, EPOLLIN) == 0 && watch(set, counter, EPOLLIN) == 0);
        CHECK_EQUAL(epoll_wait(outer, &event, 1, 0), 1);
        CHECK(close(i % 2 ? outer : counter) == 0);
        CHECK_EQUAL(epoll_wait(set, &event, 1, 0), i % 2);
        CHECK(close(i % 2 ? counter : outer) == 0);
    }
}
