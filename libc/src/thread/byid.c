/* What one thread asks or does about another by the kernel's number for it, which holds only until
   the thread is gone: so all of it happens under that thread's lock, with no signal handler in
   between. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "thread.h"

#define NAME_SIZE 16

/* The kernel's result of `call` with the thread's number, or -error when it is gone. */
#define WITH_NUMBER(id, number, error, call)                               \
    ({                                                                     \
        struct thread *of = thread_of(id);                                 \
        unsigned long mask = signals_block();                              \
        __libc_lock_acquire(&of->lock);                                    \
        int number = of->tid;                                              \
        long answer = of->gone || !number ? -(long)(error) : (long)(call); \
        __libc_lock_release(&of->lock);                                    \
        signals_restore(mask);                                             \
        answer;                                                            \
    })

static bool is_valid(int sig)
{
    return sig == 0 || (sig > 0 && sig < NSIG && !(1ul << (sig - 1) & SIGNALS_INTERNAL));
}

/* To a thread that has ended but was not joined, a signal is sent in vain and with success, says
 * POSIX. */
int pthread_kill(pthread_t id, int sig)
{
    if (!is_valid(sig))
        return EINVAL;
    return (int)-WITH_NUMBER(id, tid, 0, SYS3(tgkill, getpid(), tid, sig));
}

int pthread_sigqueue(pthread_t id, int sig, const union sigval value)
{
    siginfo_t info;

    if (!is_valid(sig))
        return EINVAL;
    memset(&info, 0, sizeof(info));
    info.si_signo = sig;
    info.si_code = SI_QUEUE;
    info.si_pid = getpid();
    info.si_uid = getuid();
    info.si_value = value;
    return (int)-WITH_NUMBER(id, tid, ESRCH,
                             SYS6(rt_tgsigqueueinfo, getpid(), tid, sig, &info, 0, 0));
}

int pthread_getschedparam(pthread_t id, int *restrict policy, struct sched_param *restrict param)
{
    long answer = WITH_NUMBER(id, tid, ESRCH, SYS3(sched_getscheduler, tid, 0, 0));

    if (answer < 0)
        return (int)-answer;
    *policy = (int)answer;
    return (int)-WITH_NUMBER(id, tid, ESRCH, SYS3(sched_getparam, tid, param, 0));
}

int pthread_setschedparam(pthread_t id, int policy, const struct sched_param *param)
{
    return (int)-WITH_NUMBER(id, tid, ESRCH, SYS3(sched_setscheduler, tid, policy, param));
}

int pthread_setschedprio(pthread_t id, int priority)
{
    struct sched_param param = {.sched_priority = priority};

    return (int)-WITH_NUMBER(id, tid, ESRCH, SYS3(sched_setparam, tid, &param, 0));
}

/* The kernel answers with the bytes that it wrote; the rest of a set is clear. */
int pthread_getaffinity_np(pthread_t id, size_t size, cpu_set_t *set)
{
    long answer = WITH_NUMBER(id, tid, ESRCH, SYS3(sched_getaffinity, tid, size, set));

    if (answer < 0)
        return (int)-answer;
    memset((char *)set + answer, 0, size - (size_t)answer);
    return 0;
}

int pthread_setaffinity_np(pthread_t id, size_t size, const cpu_set_t *set)
{
    return (int)-WITH_NUMBER(id, tid, ESRCH, SYS3(sched_setaffinity, tid, size, set));
}

int pthread_getcpuclockid(pthread_t id, clockid_t *clock)
{
    long tid = WITH_NUMBER(id, number, ESRCH, number);

    if (tid < 0)
        return (int)-tid;
    *clock = (clockid_t)(~(unsigned)tid << 3 | 6);
    return 0;
}

static int open_name(pthread_t id, int flags)
{
    char path[48];

    snprintf(path, sizeof(path), "/proc/self/task/%d/comm", thread_of(id)->tid);
    return (int)SYS3(open, path, flags | O_CLOEXEC, 0);
}

int pthread_setname_np(pthread_t id, const char *name)
{
    size_t length = strlen(name);

    if (length >= NAME_SIZE)
        return ERANGE;
    if (thread_of(id) == thread_self())
        return (int)-SYS3(prctl, PR_SET_NAME, name, 0);
    int fd = open_name(id, O_WRONLY);
    if (fd < 0)
        return -fd;
    long written = SYS3(write, fd, name, length);
    SYS3(close, fd, 0, 0);
    return written < 0 ? (int)-written : 0;
}

int pthread_getname_np(pthread_t id, char *name, size_t size)
{
    if (size < NAME_SIZE)
        return ERANGE;
    if (thread_of(id) == thread_self())
        return (int)-SYS3(prctl, PR_GET_NAME, name, 0);
    int fd = open_name(id, O_RDONLY);
    if (fd < 0)
        return -fd;
    long length = SYS3(read, fd, name, size - 1);
    SYS3(close, fd, 0, 0);
    if (length < 0)
        return (int)-length;
    name[length] = '\0';
    name[strcspn(name, "\n")] = '\0';
    return 0;
}
