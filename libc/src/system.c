/* What a program can ask about the system, and memory from it. */
#include <fcntl.h>
#include <limits.h>
#include <malloc.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "internal.h"

#define PAGE_SIZE 4096
#define TICKS     100

static char *current_break;

/* The kernel answers brk() with the break as it is, also when it refused. */
int brk(void *address)
{
    current_break = (char *)SYS3(brk, address, 0, 0);
    if (current_break >= (char *)address)
        return 0;
    errno = ENOMEM;
    return -1;
}

void *sbrk(ptrdiff_t increment)
{
    char *old;

    if (!current_break)
        current_break = (char *)SYS3(brk, 0, 0, 0);
    old = current_break;
    if (increment && (char *)SYS3(brk, old + increment, 0, 0) != old + increment) {
        errno = ENOMEM;
        return (void *)-1;
    }
    current_break = old + increment;
    return old;
}

int getpagesize(void)
{
    return PAGE_SIZE;
}

int getdtablesize(void)
{
    struct rlimit limit;

    return getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur > INT_MAX ? INT_MAX
                                                                            : (int)limit.rlim_cur;
}

/* The kernel answers with the bytes that it wrote; the rest of a set is clear. */
int sched_getaffinity(pid_t pid, size_t size, cpu_set_t *set)
{
    long written = SYS3(sched_getaffinity, pid, size, set);

    if (written < 0)
        return (int)with_errno(written);
    memset((char *)set + written, 0, size - written);
    return 0;
}

int sched_getcpu(void)
{
    unsigned cpu;

    return CALL3(getcpu, &cpu, NULL, NULL) < 0 ? -1 : (int)cpu;
}

int get_nprocs(void)
{
    cpu_set_t set;
    int count = 0;

    if (sched_getaffinity(0, sizeof(set), &set) < 0)
        return 1;
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
        count += CPU_ISSET(cpu, &set);
    return count;
}

int get_nprocs_conf(void)
{
    return get_nprocs();
}

static long limit_value(int which)
{
    struct rlimit limit;

    if (getrlimit(which, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY)
        return -1;
    return (long)limit.rlim_cur;
}

static long memory_pages(int available)
{
    struct sysinfo info;

    if (sysinfo(&info) < 0)
        return -1;
    return (long)((available ? info.freeram : info.totalram) * info.mem_unit / PAGE_SIZE);
}

long sysconf(int name)
{
    switch (name) {
    case _SC_ARG_MAX:
        return ARG_MAX;
    case _SC_CHILD_MAX:
        return limit_value(RLIMIT_NPROC);
    case _SC_CLK_TCK:
        return TICKS;
    case _SC_NGROUPS_MAX:
        return NGROUPS_MAX;
    case _SC_OPEN_MAX:
        return limit_value(RLIMIT_NOFILE);
    case _SC_PAGESIZE:
        return PAGE_SIZE;
    case _SC_NPROCESSORS_CONF:
    case _SC_NPROCESSORS_ONLN:
        return get_nprocs();
    case _SC_PHYS_PAGES:
        return memory_pages(0);
    case _SC_AVPHYS_PAGES:
        return memory_pages(1);
    case _SC_VERSION:
        return _POSIX_VERSION;
    case _SC_2_VERSION:
        return _POSIX2_VERSION;
    case _SC_XOPEN_VERSION:
        return _XOPEN_VERSION;
    case _SC_JOB_CONTROL:
    case _SC_SAVED_IDS:
    case _SC_REGEXP:
    case _SC_SHELL:
        return 1;
    case _SC_MAPPED_FILES:
    case _SC_MEMORY_PROTECTION:
    case _SC_REALTIME_SIGNALS:
    case _SC_TIMERS:
    case _SC_MONOTONIC_CLOCK:
    case _SC_FSYNC:
        return _POSIX_VERSION;
    case _SC_RTSIG_MAX:
        return RTSIG_MAX;
    case _SC_IOV_MAX:
        return IOV_MAX;
    case _SC_LINE_MAX:
        return LINE_MAX;
    case _SC_HOST_NAME_MAX:
        return HOST_NAME_MAX;
    case _SC_LOGIN_NAME_MAX:
        return LOGIN_NAME_MAX;
    case _SC_TTY_NAME_MAX:
        return TTY_NAME_MAX;
    case _SC_SYMLOOP_MAX:
        return SYMLOOP_MAX;
    case _SC_RE_DUP_MAX:
        return RE_DUP_MAX;
    case _SC_STREAM_MAX:
        return limit_value(RLIMIT_NOFILE);
    case _SC_TZNAME_MAX:
        return TZNAME_MAX;
    case _SC_GETPW_R_SIZE_MAX:
    case _SC_GETGR_R_SIZE_MAX:
        return 1024;
    case _SC_THREADS:
    case _SC_THREAD_SAFE_FUNCTIONS:
    case _SC_THREAD_ATTR_STACKADDR:
    case _SC_THREAD_ATTR_STACKSIZE:
    case _SC_THREAD_PROCESS_SHARED:
    case _SC_THREAD_PRIORITY_SCHEDULING:
    case _SC_THREAD_CPUTIME:
    case _SC_SEMAPHORES:
    case _SC_BARRIERS:
    case _SC_SPIN_LOCKS:
    case _SC_READER_WRITER_LOCKS:
    case _SC_TIMEOUTS:
    case _SC_CLOCK_SELECTION:
        return _POSIX_VERSION;
    case _SC_THREAD_KEYS_MAX:
        return PTHREAD_KEYS_MAX;
    case _SC_THREAD_DESTRUCTOR_ITERATIONS:
        return PTHREAD_DESTRUCTOR_ITERATIONS;
    case _SC_THREAD_STACK_MIN:
        return PTHREAD_STACK_MIN;
    case _SC_THREAD_THREADS_MAX:
        return limit_value(RLIMIT_NPROC);
    case _SC_SEM_VALUE_MAX:
        return SEM_VALUE_MAX;
    case _SC_SEM_NSEMS_MAX: /* no limit but memory */
    case _SC_THREAD_PRIO_INHERIT:
    case _SC_THREAD_PRIO_PROTECT:
    case _SC_ASYNCHRONOUS_IO:
    case _SC_MESSAGE_PASSING:
        return -1;
    }
    errno = EINVAL;
    return -1;
}

static long path_limit(int name)
{
    switch (name) {
    case _PC_LINK_MAX:
        return LINK_MAX;
    case _PC_MAX_CANON:
        return MAX_CANON;
    case _PC_MAX_INPUT:
        return MAX_INPUT;
    case _PC_NAME_MAX:
        return NAME_MAX;
    case _PC_PATH_MAX:
        return PATH_MAX;
    case _PC_PIPE_BUF:
        return PIPE_BUF;
    case _PC_CHOWN_RESTRICTED:
    case _PC_NO_TRUNC:
        return 1;
    case _PC_VDISABLE:
        return _POSIX_VDISABLE;
    case _PC_FILESIZEBITS:
        return 64;
    case _PC_2_SYMLINKS:
        return 1;
    }
    errno = EINVAL;
    return -1;
}

long pathconf(const char *path, int name)
{
    return access(path, F_OK) < 0 ? -1 : path_limit(name);
}

long fpathconf(int fd, int name)
{
    return fcntl(fd, F_GETFD) < 0 ? -1 : path_limit(name);
}

size_t confstr(int name, char *buffer, size_t size)
{
    static const char path[] = "/bin:/usr/bin";

    if (name != _CS_PATH) {
        errno = EINVAL;
        return 0;
    }
    if (size)
        snprintf(buffer, size, "%s", path);
    return sizeof(path);
}

int gethostname(char *name, size_t size)
{
    struct utsname names;

    if (uname(&names) < 0)
        return -1;
    if (strlen(names.nodename) >= size) {
        errno = ENAMETOOLONG;
        return -1;
    }
    strcpy(name, names.nodename);
    return 0;
}

int getdomainname(char *name, size_t size)
{
    struct utsname names;

    if (uname(&names) < 0)
        return -1;
    if (strlen(names.domainname) >= size) {
        errno = EINVAL;
        return -1;
    }
    strcpy(name, names.domainname);
    return 0;
}

long gethostid(void)
{
    return 0;
}

int getentropy(void *buffer, size_t size)
{
    if (size > 256) {
        errno = EIO;
        return -1;
    }
    for (size_t done = 0; done < size;) {
        ssize_t n = getrandom((char *)buffer + done, size - done, 0);
        if (n < 0 && errno != EINTR)
            return -1;
        done += n > 0 ? n : 0;
    }
    return 0;
}

/* The kernel's answer is 20 - nice, so that it is never negative. */
int getpriority(int which, id_t who)
{
    long result = CALL3(getpriority, which, who, 0);

    return result < 0 ? -1 : 20 - (int)result;
}

int nice(int increment)
{
    int value;

    errno = 0;
    value = getpriority(PRIO_PROCESS, 0);
    if (value == -1 && errno)
        return -1;
    value += increment;
    value = value > PRIO_MAX - 1 ? PRIO_MAX - 1 : value < PRIO_MIN ? PRIO_MIN : value;
    if (setpriority(PRIO_PROCESS, 0, value) == 0)
        return value;
    if (errno == EACCES)
        errno = EPERM;
    return -1;
}

int seteuid(uid_t uid)
{
    return setresuid((uid_t)-1, uid, (uid_t)-1);
}

int setegid(gid_t gid)
{
    return setresgid((gid_t)-1, gid, (gid_t)-1);
}

int setpgrp(void)
{
    return setpgid(0, 0);
}

int issetugid(void)
{
    return getauxval(AT_SECURE) != 0;
}

int posix_memalign(void **result, size_t alignment, size_t size)
{
    if (alignment < sizeof(void *) || alignment & (alignment - 1))
        return EINVAL;
    void *memory = memalign(alignment, size);
    if (!memory)
        return ENOMEM;
    *result = memory;
    return 0;
}
