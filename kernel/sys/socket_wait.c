/* Waiting for a socket: the wait loop with the socket's own time limits. */
#include "kernel/cpu/clock.h"
#include "kernel/sys/socket.h"

/* Tells a limit that is over from an error of the same name that the socket answered. */
struct attempt {
    oskit_error_t (*try)(void *arg);
    void *arg;
    oskit_error_t answer;
};

static oskit_error_t attempt_try(void *arg)
{
    struct attempt *attempt = arg;
    return attempt->answer = attempt->try(attempt->arg);
}

/* 0: none. */
static uint64_t socket_limit(struct openfile *file, uint32_t mask)
{
    oskit_u64_t receive = 0, send = 0;
    file->socket->ops->get_timeouts(file->socket, &receive, &send);
    return mask & READY_WRITE ? send : receive;
}

static uint64_t limit_deadline(uint64_t limit)
{
    uint64_t deadline;
    if (!limit || __builtin_add_overflow(clock_monotonic(), limit, &deadline))
        return ENV_FOREVER;
    return deadline;
}

long socket_wait(struct openfile *file, struct readiness *readiness, uint32_t mask,
                 oskit_error_t (*try)(void *arg), void *arg, bool *expired)
{
    struct attempt attempt = {try, arg, OSKIT_EWOULDBLOCK};
    uint64_t limit = socket_limit(file, mask);
    oskit_error_t error =
        wait_loop(readiness, mask, false, limit_deadline(limit), attempt_try, &attempt);
    *expired = false;
    if (attempt.answer != OSKIT_EWOULDBLOCK)
        return errno_from_oskit(attempt.answer);
    if (error == OSKIT_EINTR)
        return limit ? -ABI_EINTR : -ERESTARTSYS;
    *expired = true;
    return -ABI_EAGAIN;
}
