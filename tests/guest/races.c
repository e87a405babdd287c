/* What random abuse and reading the code have found in processes and signals, each as a case of its
 * own. */
#include "ktap.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>

enum { REQUEUE = 3, NOBODY = 65534, WAIT_ALL = 0x40000000, FEW = 8 };

TEST(sibling_signal, "a sibling's end is told as its maker's, not by a signal of its choice")
{
    signal(SIGUSR1, SIG_DFL);
    pid_t maker = CHILD({
        long pid = syscall(SYS_clone, CLONE_PARENT | SIGUSR1, NULL, NULL, NULL, NULL);
        CHECK(pid >= 0);
    });
    CHECK_CHILD(maker);
    CHECK(waitpid(-1, NULL, WAIT_ALL) > 0);
}

TEST(orphan_signal, "orphans of any kind are reaped by init")
{
    int ends[2];
    char byte;

    CHECK(pipe(ends) == 0);
    pid_t parent = CHILD({
        if (syscall(SYS_clone, SIGUSR1, NULL, NULL, NULL, NULL) == 0) {
            ktap_sleep(20);
            pid_t self = getpid();
            write(ends[1], &self, sizeof(self));
            _exit(0);
        }
    });
    pid_t orphan;
    CHECK_CHILD(parent);
    CHECK(read(ends[0], &orphan, sizeof(orphan)) == sizeof(orphan));
    close(ends[1]);
    CHECK(read(ends[0], &byte, 1) == 0);
    for (int tries = 0; kill(orphan, 0) == 0 && tries < 500; tries++)
        ktap_sleep(10);
    CHECK_ERROR(kill(orphan, 0), ESRCH);
}

TEST(wait_for_ignored, "sigtimedwait takes a signal that is ignored by default")
{
    struct timespec most = {10, 0};
    sigset_t child;

    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    CHECK(sigprocmask(SIG_BLOCK, &child, NULL) == 0);
    pid_t pid = CHILD(ktap_sleep(100));
    CHECK_EQUAL(sigtimedwait(&child, NULL, &most), SIGCHLD);
    CHECK_CHILD(pid);
}

TEST(requeue_to_itself, "waiters of a futex are requeued to the same futex once")
{
    int *word = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t pids[3];

    CHECK(word != MAP_FAILED);
    for (int n = 0; n < 3; n++)
        pids[n] = CHILD(syscall(SYS_futex, word, 0, 0, NULL, NULL, 0));
    ktap_sleep(100);
    CHECK(syscall(SYS_futex, word, REQUEUE, 0, INT_MAX, word, 0) >= 0);
    *word = 1;
    while (syscall(SYS_futex, word, 1, INT_MAX, NULL, NULL, 0) > 0)
        continue;
    for (int n = 0; n < 3; n++)
        CHECK_CHILD(pids[n]);
}

TEST(queue_limit, "real-time signals are queued up to RLIMIT_SIGPENDING")
{
    struct rlimit limit = {FEW, FEW};
    sigset_t set;
    int sent = 0;

    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN);
    CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
    CHECK(setrlimit(RLIMIT_SIGPENDING, &limit) == 0);
    while (sent < 100 && sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = sent}) == 0)
        sent++;
    /* Linux counts what the user has queued elsewhere, too. */
    CHECK(sent <= FEW);
    CHECK_ERROR(sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 0}), EAGAIN);
}

TEST(foreign_affinity, "only one's own threads can be bound to a processor")
{
    unsigned long mask[16] = {1};

    if (getuid())
        SKIP("root only");
    CHECK_CHILD(CHILD({
        CHECK(setuid(NOBODY) == 0);
        CHECK_ERROR(syscall(SYS_sched_setaffinity, 1, sizeof(mask), mask), EPERM);
    }));
}
