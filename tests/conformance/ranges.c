/* close_range: which descriptors it closes or marks, and whose table that is. */
#include "show.h"

#include <sys/syscall.h>

/* Those that the C library doesn't tell of. */
#define CLOSE_RANGE_UNSHARE 2u
#define CLOSE_RANGE_CLOEXEC 4u

enum { FIRST = 100, LAST = 107 };

static long close_range(unsigned int first, unsigned int last, unsigned int flags)
{
    return syscall(SYS_close_range, first, last, flags);
}

static void fill(void)
{
    for (int fd = FIRST; fd <= LAST; fd++)
        dup2(0, fd);
}

/* One letter each: open, marked for exec, closed. */
static void show_table(void)
{
    for (int fd = FIRST; fd <= LAST; fd++) {
        int mark = fcntl(fd, F_GETFD);
        putchar(mark < 0 ? '-' : mark & FD_CLOEXEC ? 'x' : 'o');
    }
    putchar('\n');
}

static void bounds(void)
{
    static const struct {
        unsigned int first, last;
    } ranges[] = {{FIRST, LAST},     {FIRST + 2, FIRST + 3}, {FIRST, FIRST},
                  {LAST, FIRST},     {LAST, UINT_MAX},       {FIRST + 4, INT_MAX},
                  {LAST + 1, 4000},  {UINT_MAX, UINT_MAX},   {1u << 31, UINT_MAX},
                  {FIRST + 1, 1000}, {UINT_MAX, FIRST}};

    for (size_t n = 0; n < COUNT(ranges); n++) {
        printf("== %u to %u\n", ranges[n].first, ranges[n].last);
        fill();
        SHOW(close_range(ranges[n].first, ranges[n].last, CLOSE_RANGE_CLOEXEC));
        show_table();
        SHOW(close_range(ranges[n].first, ranges[n].last, 0));
        show_table();
        SHOW(close_range(ranges[n].first, ranges[n].last, 0));
    }
}

static void refused_flags(void)
{
    static const unsigned int flags[] = {1, 8, 16, 1u << 31, UINT_MAX, CLOSE_RANGE_CLOEXEC | 1};

    fill();
    for (size_t n = 0; n < COUNT(flags); n++) {
        printf("== flags %#x\n", flags[n]);
        SHOW(close_range(FIRST, LAST, flags[n]));
        SHOW(close_range(LAST, FIRST, flags[n]));
    }
    show_table();
}

/* A process that shares its parent's table. With CLOSE_RANGE_UNSHARE it gets its own first. */
static void shared(unsigned int flags)
{
    int status;

    printf("== a shared table, flags %#x\n", flags);
    fill();
    fflush(stdout);
    pid_t child = (pid_t)syscall(SYS_clone, CLONE_FILES | SIGCHLD, NULL, NULL, NULL, NULL);
    if (child == 0) {
        long result = close_range(FIRST + 1, LAST - 2, flags);
        show_table();
        fflush(stdout);
        _exit(result == 0 ? 0 : errno);
    }
    waitpid(child, &status, 0);
    print_status("the child", status);
    show_table();
}

/* The tail is cut off when the table is copied: what lies there must be gone nevertheless. */
static void shared_tail(void)
{
    int status;

    puts("== the tail of a shared table");
    fill();
    fflush(stdout);
    pid_t child = (pid_t)syscall(SYS_clone, CLONE_FILES | SIGCHLD, NULL, NULL, NULL, NULL);
    if (child == 0) {
        SHOW(close_range(FIRST + 3, UINT_MAX, CLOSE_RANGE_UNSHARE));
        show_table();
        SHOW(dup2(0, LAST));
        show_table();
        fflush(stdout);
        _exit(0);
    }
    waitpid(child, &status, 0);
    print_status("the child", status);
    show_table();
}

int main(void)
{
    fresh_place();
    bounds();
    refused_flags();
    shared(0);
    shared(CLOSE_RANGE_UNSHARE);
    shared(CLOSE_RANGE_CLOEXEC);
    shared(CLOSE_RANGE_CLOEXEC | CLOSE_RANGE_UNSHARE);
    shared_tail();
    leave_place();
    return 0;
}
