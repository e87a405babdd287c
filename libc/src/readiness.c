/* The calls that wait for descriptors with a signal mask, and eventfd's and signalfd's helpers. */
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "internal.h"

/* The kernel writes what is left into its timeout; POSIX wants the caller's untouched. */
int pselect(int count, fd_set *restrict in, fd_set *restrict out, fd_set *restrict except,
            const struct timespec *restrict timeout, const sigset_t *restrict mask)
{
    struct {
        const sigset_t *set;
        size_t size;
    } pack = {mask, KERNEL_SIGSET_SIZE};
    struct timespec copy;

    if (timeout)
        copy = *timeout;
    return (int)CANCEL6(pselect6, count, in, out, except, timeout ? &copy : NULL, &pack);
}

int ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout, const sigset_t *mask)
{
    struct timespec copy;

    if (timeout)
        copy = *timeout;
    return (int)CANCEL6(ppoll, fds, count, timeout ? &copy : NULL, mask, KERNEL_SIGSET_SIZE, 0);
}

int epoll_pwait(int fd, struct epoll_event *events, int count, int timeout, const sigset_t *mask)
{
    return (int)CANCEL6(epoll_pwait, fd, events, count, timeout, mask, KERNEL_SIGSET_SIZE);
}

int epoll_pwait2(int fd, struct epoll_event *events, int count, const struct timespec *timeout,
                 const sigset_t *mask)
{
    return (int)CANCEL6(epoll_pwait2, fd, events, count, timeout, mask, KERNEL_SIGSET_SIZE);
}

int signalfd(int fd, const sigset_t *set, int flags)
{
    return (int)CALL6(signalfd4, fd, set, KERNEL_SIGSET_SIZE, flags, 0, 0);
}

int eventfd_read(int fd, eventfd_t *value)
{
    return read(fd, value, sizeof(*value)) == sizeof(*value) ? 0 : -1;
}

int eventfd_write(int fd, eventfd_t value)
{
    return write(fd, &value, sizeof(value)) == sizeof(value) ? 0 : -1;
}
