/*
 * What poll and select share: the levels of many open files, and a sleep until one of them has
 * news.
 *
 * A call first looks at the levels. Only when it finds nothing and may wait does it register with
 * the files, each by a waiter that holds the open file, so that another thread's close can't take
 * the readiness away from under it.
 */
#ifndef KERNEL_SYS_POLLWAIT_H
#define KERNEL_SYS_POLLWAIT_H

#include <stdatomic.h>
#include <stdint.h>
#include "kernel/sys/fdtab.h"

/* Of what never makes its readers and writers wait: files, directories, plain devices. */
#define LEVEL_ALWAYS (READY_READ | READY_WRITE)
/* Told whether asked for or not. */
#define LEVEL_ERRORS (READY_ERR | READY_HUP)

/* The level of FILE now. [thread] */
uint32_t openfile_level(const struct openfile *file);
/* The same inside a view, which may end and begin anew meanwhile: for what is not quickly told. */
uint32_t fdtab_view_ask(struct fdtab_view *view, struct openfile *file);

static inline uint32_t fdtab_view_level(struct fdtab_view *view, struct openfile *file)
{
    return __builtin_expect(file->pollable != NULL, 1) ? readiness_level(file->readiness)
                                                       : fdtab_view_ask(view, file);
}

/* The three lowest bits of a level in poll's and epoll's terms. */
extern const uint16_t level_events_of[8];

static inline uint32_t level_events(uint32_t level)
{
    return level_events_of[level & 7] | (level & (READY_ERR | READY_HUP | READY_RDHUP));
}

/* ---- Waiting ---- */

struct poll_node {
    struct readiness_waiter waiter;
    struct poll_wait *wait;
    struct fd fd; /* held until poll_wait_end */
};

#define POLL_FEW 8 /* waiters that need no allocation */

struct poll_chunk {
    struct poll_chunk *next;
    size_t count;
    struct poll_node nodes[];
};

struct poll_wait {
    struct thread *thread;
    _Atomic bool told; /* of news that the caller hasn't looked at */
    bool shared;       /* others may close the descriptors, without news of it */
    struct poll_chunk *chunks;
    size_t few_count;
    struct poll_node few[POLL_FEW];
};

void poll_wait_begin(struct poll_wait *wait);
/* Waits for bits of MASK, and errors, on descriptor FD of the current process. What is there
 * already counts as news, a closed descriptor too. 0 or -ABI_ENOMEM. [thread] */
long poll_wait_add(struct poll_wait *wait, int fd, uint32_t mask);
/* Sleeps until there is news (0), -ABI_ETIMEDOUT (DEADLINE passed) or -ABI_EINTR. Unless `shared`,
 * these two mean that the levels are as they were. [thread] */
int poll_wait_sleep(struct poll_wait *wait, uint64_t deadline);
void poll_wait_end(struct poll_wait *wait);

/* ---- Deadlines ---- */

#define DEADLINE_NOW 0 /* don't wait */

/* From a time of SECONDS and NANOSECONDS from now. -ABI_EINVAL. */
long deadline_after(int64_t seconds, int64_t nanoseconds, uint64_t *out);
/* What of it is left, 0 when it passed. */
uint64_t deadline_left(uint64_t deadline);
/*
 * The end of ppoll and pselect6: brings the signal mask back (not yet when a handler is to run
 * under the temporary one), and writes the time left to USER_TIMESPEC. The result of the call.
 */
long poll_finish(long result, uint64_t deadline, long user_timespec);

#endif
