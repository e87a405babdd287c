/* Rows of readiness: a thousand pipes, of which one holds a byte. */
#define _GNU_SOURCE
#include "bench.h"
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#define MANY 1000

/* select sees only numbers below FD_SETSIZE: the read ends are moved, the write ends put above it.
 */
#define WRITE_END(n) (FD_SETSIZE + 16 + (n))

static int read_ends[MANY];
static struct pollfd polled[MANY];
static fd_set wanted_set;
static int highest;
static int epoll_fd;

static bool make_pipe(unsigned n)
{
    int ends[2];

    if (pipe(ends) < 0 || dup2(ends[1], WRITE_END((int)n)) < 0)
        return false;
    close(ends[1]);
    read_ends[n] = ends[0];
    polled[n] = (struct pollfd){.fd = ends[0], .events = POLLIN};
    FD_SET(ends[0], &wanted_set);
    if (ends[0] > highest)
        highest = ends[0];
    return true;
}

static bool pipes_prepare(void)
{
    FD_ZERO(&wanted_set);
    highest = 0;
    for (unsigned n = 0; n < MANY; n++)
        if (!make_pipe(n))
            return false;
    return write(WRITE_END(MANY / 2), buffer, 1) == 1;
}

static void pipes_finish(void)
{
    for (unsigned n = 0; n < MANY; n++) {
        close(read_ends[n]);
        close(WRITE_END((int)n));
    }
}

/* An epoll over the pipes [first, end). */
static bool epoll_prepare(unsigned first, unsigned end)
{
    if (!pipes_prepare())
        return false;
    epoll_fd = epoll_create1(0);
    for (unsigned n = first; n < end && epoll_fd >= 0; n++) {
        struct epoll_event event = {.events = EPOLLIN, .data.fd = read_ends[n]};

        if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, read_ends[n], &event) < 0)
            return false;
    }
    return epoll_fd >= 0;
}

static bool epoll_1_prepare(void)
{
    return epoll_prepare(MANY / 2, MANY / 2 + 1);
}

static bool epoll_many_prepare(void)
{
    return epoll_prepare(0, MANY);
}

static void epoll_once(void)
{
    struct epoll_event events[8];

    call(1, SYS_epoll_wait, epoll_fd, events, 8, 0);
}

static void epoll_finish(void)
{
    close(epoll_fd);
    pipes_finish();
}

static void poll_once(void)
{
    call(1, SYS_poll, polled, MANY, 0);
}

static void select_once(void)
{
    struct timeval now = {0, 0};
    fd_set set;

    memcpy(&set, &wanted_set, sizeof(set));
    call(1, SYS_select, highest + 1, &set, 0, 0, &now);
}

const struct row ready_rows[] = {
    {"epoll_1", "epoll_wait: 1 ready of 1", 1000, 0, epoll_1_prepare, epoll_once, epoll_finish},
    {"epoll_1000", "epoll_wait: 1 ready of 1000", 1000, 0, epoll_many_prepare, epoll_once,
     epoll_finish},
    {"poll_1000", "poll: 1 ready of 1000, per descriptor", 10, MANY, pipes_prepare, poll_once,
     pipes_finish},
    {"select_1000", "select: 1 ready of 1000, per descriptor", 10, MANY, pipes_prepare, select_once,
     pipes_finish},
    {0},
};
