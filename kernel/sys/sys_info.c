/* About the system, usage and limits; the log; the end. */
#include <sluice/string.h>
#include "kernel/diskfs.h"
#include "kernel/abi/random.h"
#include "kernel/abi/reboot.h"
#include "kernel/abi/resource.h"
#include "kernel/abi/sched.h"
#include "kernel/abi/sysinfo.h"
#include "kernel/abi/timens.h"
#include "kernel/abi/syslog.h"
#include "kernel/abi/utsname.h"
#include "kernel/cpu/clock.h"
#include "kernel/log.h"
#include "kernel/mem/heap.h"
#include "kernel/mem/pages.h"
#include "kernel/mem/space.h"
#include "kernel/power.h"
#include "kernel/random.h"
#include "kernel/sys/sys.h"
#include "kernel/sys/uts.h"
#include "kernel/task/capability.h"

/* ---- uname ---- */

static spinlock_t uts_lock;
static struct abi_utsname uts = {
    .sysname = "Linux", /* the ABI's name: programs ask what they may expect */
    .nodename = "sluice",
    .release = SLUICE_ABI_RELEASE,
    .version = "#1 Sluice",
    .machine = "x86_64",
    .domainname = "(none)",
};

void uts_read(struct abi_utsname *out)
{
    spin_lock(&uts_lock);
    *out = uts;
    spin_unlock(&uts_lock);
}

long sys_uname(long user)
{
    struct abi_utsname copy;
    uts_read(&copy);
    return put_user(user, &copy, sizeof copy);
}

void uts_hostname(char out[ABI_UTS_LEN])
{
    spin_lock(&uts_lock);
    memcpy(out, uts.nodename, ABI_UTS_LEN);
    spin_unlock(&uts_lock);
}

static void uts_assign(char *field, const char *text, size_t length)
{
    spin_lock(&uts_lock);
    memset(field, 0, ABI_UTS_LEN);
    memcpy(field, text, length);
    spin_unlock(&uts_lock);
}

void uts_set_hostname(const char *name, size_t length)
{
    uts_assign(uts.nodename, name, length);
}

void uts_set_domainname(const char *name, size_t length)
{
    uts_assign(uts.domainname, name, length);
}

static long uts_set(char *field, long user, long size)
{
    char text[ABI_UTS_LEN];
    if (!process_capable(CAPABILITY_SYS_ADMIN))
        return -ABI_EPERM;
    if (size < 0 || size >= ABI_UTS_LEN)
        return -ABI_EINVAL;
    if (get_user(text, user, (size_t)size))
        return -ABI_EFAULT;
    uts_assign(field, text, (size_t)size);
    return 0;
}

long sys_sethostname(long user, long size)
{
    return uts_set(uts.nodename, user, size);
}

long sys_setdomainname(long user, long size)
{
    return uts_set(uts.domainname, user, size);
}

/* ---- sysinfo ---- */

static bool count_process(void *arg, struct process *process)
{
    (void)process;
    ++*(uint16_t *)arg;
    return true;
}

long sys_sysinfo(long user)
{
    struct abi_sysinfo info = {.uptime = (int64_t)(clock_monotonic() / 1000000000),
                               .totalram = pages_total() * PAGE_SIZE,
                               .freeram = pages_free() * PAGE_SIZE,
                               .mem_unit = 1};
    uint32_t load[3];
    sched_load(load);
    for (int i = 0; i < 3; i++)
        info.loads[i] = (uint64_t)load[i] << (ABI_SI_LOAD_SHIFT - 11);
    process_each(count_process, &info.procs);
    return put_user(user, &info, sizeof info);
}

/* ---- Usage and limits ---- */

long sys_getrusage(long who, long user)
{
    struct abi_rusage usage;
    if (who != ABI_RUSAGE_SELF && who != ABI_RUSAGE_CHILDREN && who != ABI_RUSAGE_THREAD)
        return -ABI_EINVAL;
    process_usage(current_process(), who == ABI_RUSAGE_CHILDREN, &usage);
    if (who == ABI_RUSAGE_THREAD) {
        uint64_t in_user, in_system;
        thread_times(current_thread(), &in_user, &in_system);
        usage.ru_utime = timeval_from_ns(in_user);
        usage.ru_stime = timeval_from_ns(in_system);
    }
    return put_user(user, &usage, sizeof usage);
}

long sys_times(long user)
{
    struct process *process = current_process();
    const uint64_t tick = 1000000000 / ABI_USER_HZ;
    uint64_t ns_user, ns_system;
    thread_charge();
    process_times(process, &ns_user, &ns_system);
    struct abi_tms out = {(int64_t)(ns_user / tick), (int64_t)(ns_system / tick),
                          (int64_t)(process->children_user / tick),
                          (int64_t)(process->children_system / tick)};
    if (user && put_user(user, &out, sizeof out))
        return -ABI_EFAULT;
    return (long)(clock_monotonic() / tick);
}

static long limit_check(const struct abi_rlimit *fresh, const struct abi_rlimit *old)
{
    if (fresh->rlim_cur > fresh->rlim_max)
        return -ABI_EINVAL;
    return fresh->rlim_max > old->rlim_max && !process_capable(CAPABILITY_SYS_RESOURCE) ? -ABI_EPERM
                                                                                        : 0;
}

static void limits_apply(struct process *process)
{
    struct space *space = process_space_get(process);
    if (!space)
        return;
    space_set_limits(space, process->limits[ABI_RLIMIT_AS].rlim_cur,
                     process->limits[ABI_RLIMIT_DATA].rlim_cur,
                     process->limits[ABI_RLIMIT_STACK].rlim_cur);
    space_unref(space);
}

/* Others' limits are one's own affair only if all of their identities are one's real one: a set-id
 * program's are not. */
static bool limits_mine(struct process *process)
{
    const struct cred *mine = cred_current();
    struct cred *theirs = process_cred_get(process);
    bool allowed =
        process == current_process() || process_capable(CAPABILITY_SYS_RESOURCE) ||
        (mine->uid == theirs->uid && mine->uid == theirs->euid && mine->uid == theirs->suid &&
         mine->gid == theirs->gid && mine->gid == theirs->egid && mine->gid == theirs->sgid);
    cred_unref(theirs);
    return allowed;
}

static long limit_change(struct process *process, uint32_t resource, const struct abi_rlimit *fresh,
                         struct abi_rlimit *old)
{
    long error = 0;
    spin_lock(&process->signal_lock);
    *old = process->limits[resource];
    if (fresh)
        error = limit_check(fresh, old);
    if (fresh && !error)
        process->limits[resource] = *fresh;
    spin_unlock(&process->signal_lock);
    if (fresh && !error)
        limits_apply(process);
    return error;
}

long sys_prlimit64(long pid, long resource, long user_new, long user_old)
{
    struct abi_rlimit fresh, old;
    if (user_new && get_user(&fresh, user_new, sizeof fresh))
        return -ABI_EFAULT;
    struct process *process = process_find(pid ? (int32_t)pid : current_process()->pid);
    if (!process)
        return -ABI_ESRCH;
    long error = 0;
    if (!limits_mine(process))
        error = -ABI_EPERM;
    else if ((uint32_t)resource >= ABI_RLIM_NLIMITS)
        error = -ABI_EINVAL;
    else
        error = limit_change(process, (uint32_t)resource, user_new ? &fresh : NULL, &old);
    process_unref(process);
    return error || !user_old ? error : put_user(user_old, &old, sizeof old);
}

long sys_getrlimit(long resource, long user)
{
    if ((uint32_t)resource >= ABI_RLIM_NLIMITS)
        return -ABI_EINVAL;
    return user ? sys_prlimit64(0, resource, 0, user) : -ABI_EFAULT;
}

long sys_setrlimit(long resource, long user)
{
    return user ? sys_prlimit64(0, resource, user, 0) : -ABI_EFAULT;
}

long sys_getcpu(long cpu, long node, long unused)
{
    uint32_t id = *(volatile uint32_t *)&current_thread()->cpu, zero = 0;
    (void)unused;
    if (cpu && put_user(cpu, &id, sizeof id))
        return -ABI_EFAULT;
    return node ? put_user(node, &zero, sizeof zero) : 0;
}

/* ---- getrandom ---- */

long sys_getrandom(long user, long size, long flags)
{
    uint8_t bytes[256];
    size_t done = 0, want = (size_t)size < TRANSFER_MAX ? (size_t)size : TRANSFER_MAX;
    if (flags & ~(ABI_GRND_NONBLOCK | ABI_GRND_RANDOM | ABI_GRND_INSECURE))
        return -ABI_EINVAL;
    while (done < want && !(done && signal_pending())) {
        size_t n = want - done < sizeof bytes ? want - done : sizeof bytes;
        random_fill(bytes, n);
        if (put_user(user + (long)done, bytes, n))
            return done ? (long)done : -ABI_EFAULT;
        done += n;
    }
    return (long)done;
}

/* ---- The kernel log ---- */

#define SYSLOG_BUFFER 65536u
static uint64_t syslog_read_position; /* of SYSLOG_ACTION_READ */
static uint64_t syslog_cleared;       /* READ_ALL begins here */

static long syslog_copy(uint64_t *position, long user, long size)
{
    if (size < 0 || !user)
        return -ABI_EINVAL;
    size_t room = (size_t)size < SYSLOG_BUFFER ? (size_t)size : SYSLOG_BUFFER;
    char *text = heap_alloc(room ? room : 1, 0);
    if (!text)
        return -ABI_ENOMEM;
    size_t got = log_read(position, text, room);
    long error = put_user(user, text, got);
    heap_free(text);
    return error ? error : (long)got;
}

/* The newest SIZE bytes, in whole lines. */
static long syslog_read_all(long user, long size, bool clear)
{
    uint64_t start = log_start() > syslog_cleared ? log_start() : syslog_cleared, end = log_end();
    long result = syslog_copy(&start, user, size);
    if (clear)
        syslog_cleared = end;
    return result;
}

long sys_syslog(long action, long user, long size)
{
    if (!process_capable(CAPABILITY_SYSLOG) && action != ABI_SYSLOG_ACTION_READ_ALL &&
        action != ABI_SYSLOG_ACTION_SIZE_BUFFER)
        return -ABI_EPERM;
    switch (action) {
    case ABI_SYSLOG_ACTION_CLOSE:
    case ABI_SYSLOG_ACTION_OPEN:
        return 0;
    case ABI_SYSLOG_ACTION_READ:
        return syslog_copy(&syslog_read_position, user, size);
    case ABI_SYSLOG_ACTION_READ_ALL:
        return syslog_read_all(user, size, false);
    case ABI_SYSLOG_ACTION_READ_CLEAR:
        return syslog_read_all(user, size, true);
    case ABI_SYSLOG_ACTION_CLEAR:
        syslog_cleared = log_end();
        return 0;
    case ABI_SYSLOG_ACTION_CONSOLE_OFF:
        log_set_console_level(1);
        return 0;
    case ABI_SYSLOG_ACTION_CONSOLE_ON:
        log_set_console_level(LOG_INFO);
        return 0;
    case ABI_SYSLOG_ACTION_CONSOLE_LEVEL:
        if (size < 1 || size > 8)
            return -ABI_EINVAL;
        log_set_console_level((int)size);
        return 0;
    case ABI_SYSLOG_ACTION_SIZE_UNREAD:
        return (long)(log_end() - syslog_read_position);
    case ABI_SYSLOG_ACTION_SIZE_BUFFER:
        return SYSLOG_BUFFER;
    default:
        return -ABI_EINVAL;
    }
}

/* ---- reboot ---- */

long sys_reboot(long magic, long magic2, long command, long argument)
{
    (void)argument;
    if (!process_capable(CAPABILITY_SYS_BOOT))
        return -ABI_EPERM;
    if ((uint32_t)magic != ABI_LINUX_REBOOT_MAGIC1 ||
        ((uint32_t)magic2 != ABI_LINUX_REBOOT_MAGIC2 &&
         (uint32_t)magic2 != ABI_LINUX_REBOOT_MAGIC2A &&
         (uint32_t)magic2 != ABI_LINUX_REBOOT_MAGIC2B &&
         (uint32_t)magic2 != ABI_LINUX_REBOOT_MAGIC2C))
        return -ABI_EINVAL;
    switch ((uint32_t)command) {
    case ABI_LINUX_REBOOT_CMD_RESTART:
        diskfs_shutdown();
        power_reset();
    case ABI_LINUX_REBOOT_CMD_HALT:
        diskfs_shutdown();
        power_halt();
    case ABI_LINUX_REBOOT_CMD_POWER_OFF:
        diskfs_shutdown();
        power_off(0);
    case ABI_LINUX_REBOOT_CMD_CAD_ON:
    case ABI_LINUX_REBOOT_CMD_CAD_OFF:
        return 0; /* there is no Ctrl-Alt-Del on a serial line */
    default:
        return -ABI_EINVAL;
    }
}
