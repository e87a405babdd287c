/* kernel/abi/ against the C library's headers, and what can be known only by asking the host's
 * kernel. */

#define _GNU_SOURCE
#include "abi_all.h"
#include <elf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/poll.h>
#include <sys/random.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <netinet/in.h>
#include <time.h>
#include <unistd.h>
#include <limits.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <termios.h>

#include "harness.h"

#define SAME(name) _Static_assert((unsigned)(name) == (unsigned)(ABI_##name), #name);
#include "abi_libc.inc"
_Static_assert(RLIM_INFINITY == ABI_RLIM_INFINITY, "RLIM_INFINITY");

#define SIZE(abi, libc) _Static_assert(sizeof(struct abi) == sizeof(struct libc), "size of " #abi);
#define FIELD(abi, libc, field) \
    _Static_assert(offsetof(struct abi, field) == offsetof(struct libc, field), #abi "." #field);

SIZE(abi_flock, flock)
FIELD(abi_flock, flock, l_start)
FIELD(abi_flock, flock, l_pid)
SIZE(abi_f_owner_ex, f_owner_ex)
SIZE(abi_pollfd, pollfd)
SIZE(abi_epoll_event, epoll_event)
FIELD(abi_epoll_event, epoll_event, data)
SIZE(abi_inotify_event, inotify_event)
FIELD(abi_inotify_event, inotify_event, cookie)
SIZE(abi_msghdr, msghdr)
FIELD(abi_msghdr, msghdr, msg_iov)
FIELD(abi_msghdr, msghdr, msg_control)
FIELD(abi_msghdr, msghdr, msg_flags)
SIZE(abi_mmsghdr, mmsghdr)
SIZE(abi_cmsghdr, cmsghdr)
SIZE(abi_ucred, ucred)
SIZE(abi_linger, linger)
SIZE(abi_sockaddr, sockaddr)
SIZE(abi_sockaddr_storage, sockaddr_storage)
SIZE(abi_sockaddr_un, sockaddr_un)
SIZE(abi_sockaddr_in, sockaddr_in)
SIZE(abi_sockaddr_in6, sockaddr_in6)
SIZE(abi_rlimit, rlimit)
SIZE(abi_itimerspec, itimerspec)
SIZE(abi_itimerval, itimerval)
SIZE(abi_sigevent, sigevent)
FIELD(abi_sigevent, sigevent, sigev_signo)
FIELD(abi_sigevent, sigevent, sigev_notify)
_Static_assert(sizeof(struct abi_fd_set) == sizeof(fd_set), "fd_set");
_Static_assert(offsetof(struct abi_dirent64, d_name) == offsetof(struct dirent64, d_name),
               "d_name");

/* The structures as the host's kernel fills them, where its headers show them only converted. */
static void test_getdents_record(void **state)
{
    char buffer[4096];
    int fd = open("/proc/self", O_RDONLY | O_DIRECTORY);
    bool found = false;

    (void)state;
    long n = syscall(SYS_getdents64, fd, buffer, sizeof(buffer));
    assert_true(n > 0);
    for (long at = 0; at < n;) {
        const struct abi_dirent64 *entry = (void *)(buffer + at);
        assert_int_equal(entry->d_reclen, ABI_DIRENT64_RECLEN(strlen(entry->d_name)));
        if (!strcmp(entry->d_name, "fd"))
            found = entry->d_type == ABI_DT_DIR;
        at += entry->d_reclen;
    }
    assert_true(found);
    close(fd);
}

static void test_device_numbers(void **state)
{
    struct stat st;

    (void)state;
    assert_int_equal(stat("/dev/null", &st), 0);
    assert_int_equal(ABI_MAJOR(st.st_rdev), 1);
    assert_int_equal(ABI_MINOR(st.st_rdev), 3);
    assert_int_equal(ABI_MKDEV(1, 3), st.st_rdev);
    assert_int_equal(ABI_MINOR(ABI_MKDEV(259, 70000)), 70000);
    assert_int_equal(ABI_MAJOR(ABI_MKDEV(259, 70000)), 259);
}

static void test_wait_status(void **state)
{
    (void)state;
    assert_int_equal(WEXITSTATUS(ABI_W_EXITED(7)), 7);
    assert_true(WIFEXITED(ABI_W_EXITED(7)));
    assert_true(WIFSIGNALED(ABI_W_SIGNALED(SIGKILL)));
    assert_int_equal(WTERMSIG(ABI_W_SIGNALED(SIGKILL) | ABI_W_COREDUMP), SIGKILL);
    assert_true(WIFSTOPPED(ABI_W_STOPPED(SIGTSTP)));
    assert_int_equal(WSTOPSIG(ABI_W_STOPPED(SIGTSTP)), SIGTSTP);
    assert_true(WIFCONTINUED(ABI_W_CONTINUED));
}

static void test_directory_types(void **state)
{
    (void)state;
    assert_int_equal(ABI_MODE_TO_DT(ABI_S_IFREG | 0644), DT_REG);
    assert_int_equal(ABI_MODE_TO_DT(ABI_S_IFLNK | 0777), DT_LNK);
    assert_int_equal(ABI_MODE_TO_DT(ABI_S_IFSOCK), DT_SOCK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_getdents_record),
        HARNESS_TEST(test_device_numbers),
        HARNESS_TEST(test_wait_status),
        HARNESS_TEST(test_directory_types),
    };

    return cmocka_run_group_tests_name("abi", tests, NULL, NULL);
}
