/* Rows of what costs little but the way in and out: small calls, the two simplest devices, pipes,
 * the terminal. */
#define _GNU_SOURCE
#include "bench.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static int zero_fd, null_fd, event_fd;
static int pipe_fds[2];

static void getppid_once(void)
{
    call(ANY, SYS_getppid, 0);
}

static void bad_number_once(void)
{
    call(-ENOSYS, 5000, 0);
}

static void clock_once(void)
{
    struct timespec now;

    call(0, SYS_clock_gettime, CLOCK_MONOTONIC, &now);
}

static void yield_once(void)
{
    call(0, SYS_sched_yield, 0);
}

static void futex_once(void)
{
    static int word;

    call(0, SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1);
}

static bool zero_prepare(void)
{
    zero_fd = open("/dev/zero", O_RDONLY);
    return zero_fd >= 0;
}

static void zero_1_once(void)
{
    call(1, SYS_read, zero_fd, buffer, 1);
}

static void zero_4096_once(void)
{
    call(4096, SYS_read, zero_fd, buffer, 4096);
}

static void zero_finish(void)
{
    close(zero_fd);
}

static bool null_prepare(void)
{
    null_fd = open("/dev/null", O_WRONLY);
    return null_fd >= 0;
}

static void null_once(void)
{
    call(1, SYS_write, null_fd, buffer, 1);
}

static void null_finish(void)
{
    close(null_fd);
}

static bool pipe_prepare(void)
{
    return pipe(pipe_fds) == 0;
}

static void pipe_1_once(void)
{
    call(1, SYS_write, pipe_fds[1], buffer, 1);
    call(1, SYS_read, pipe_fds[0], buffer, 1);
}

static void pipe_4096_once(void)
{
    call(4096, SYS_write, pipe_fds[1], buffer, 4096);
    call(4096, SYS_read, pipe_fds[0], buffer, 4096);
}

static void pipe_finish(void)
{
    close(pipe_fds[0]);
    close(pipe_fds[1]);
}

static bool event_prepare(void)
{
    event_fd = eventfd(0, 0);
    return event_fd >= 0;
}

static void event_once(void)
{
    uint64_t value = 1;

    call(8, SYS_write, event_fd, &value, 8);
    call(8, SYS_read, event_fd, &value, 8);
}

static void event_finish(void)
{
    close(event_fd);
}

/* One long line, which the reader of the results passes over. */
static bool terminal_prepare(void)
{
    memset(buffer, '.', sizeof(buffer));
    return true;
}

static void terminal_finish(void)
{
    if (write(terminal, "\n", 1) != 1)
        _exit(1);
}

/* Until the driver has handed on every byte. Asked rather than awaited by tcdrain, which on Linux
   sleeps by the clock's ticks. */
static void terminal_once(void)
{
    int left = 0;

    call(4096, SYS_write, terminal, buffer, 4096);
    do {
        call(0, SYS_ioctl, terminal, TIOCOUTQ, &left);
    } while (left > 0);
}

const struct row call_rows[] = {
    {"getppid", "getppid", 2000, .once = getppid_once},
    {"bad_number", "a number that is no call", 2000, .once = bad_number_once},
    {"clock_gettime", "clock_gettime, as a system call", 2000, .once = clock_once},
    {"sched_yield", "sched_yield", 2000, .once = yield_once},
    {"futex_wake", "futex: wake nobody", 2000, .once = futex_once},
    {"zero_1", "read /dev/zero, 1 B", 2000, 0, zero_prepare, zero_1_once, zero_finish},
    {"zero_4096", "read /dev/zero, 4096 B", 1000, 0, zero_prepare, zero_4096_once, zero_finish},
    {"null_1", "write /dev/null, 1 B", 2000, 0, null_prepare, null_once, null_finish},
    {"pipe_1", "pipe: write and read, 1 B", 1000, 0, pipe_prepare, pipe_1_once, pipe_finish},
    {"pipe_4096", "pipe: write and read, 4096 B", 500, 0, pipe_prepare, pipe_4096_once,
     pipe_finish},
    {"eventfd", "eventfd: write and read", 1000, 0, event_prepare, event_once, event_finish},
    {"uart_4096", "4096 B to the UART", 4, 0, terminal_prepare, terminal_once, terminal_finish},
    {0},
};
