/* Processes: the records, finding them, their numbers and times. */
#include "kernel/task/process.h"
#include <sluice/string.h>
#include "kernel/abi/errno.h"
#include "kernel/abi/timens.h"
#include "kernel/cpu/clock.h"
#include "kernel/log.h"
#include "kernel/mem/heap.h"
#include "kernel/mem/space.h"
#include "kernel/sys/fdtab.h"
#include "kernel/task/capability.h"
#include "kernel/task/fs_context.h"
#include "kernel/task/lifecycle.h"

spinlock_t tree_lock;

struct process *process_allocate(void)
{
    struct process *process = heap_alloc(sizeof *process, HEAP_ZERO);
    if (!process)
        return NULL;
    atomic_init(&process->references, 1);
    list_init(&process->children);
    list_init(&process->sibling_link);
    list_init(&process->group_link);
    list_init(&process->threads);
    list_init(&process->signals.infos);
    list_init(&process->cpu_alarms);
    wait_queue_init(&process->child_wait);
    wait_queue_init(&process->signal_wait);
    process->start_time = clock_monotonic();
    process->dumpable = true;
    return process;
}

void process_ref(struct process *process)
{
    atomic_fetch_add_explicit(&process->references, 1, memory_order_relaxed);
}

void process_unref(struct process *process)
{
    if (atomic_fetch_sub_explicit(&process->references, 1, memory_order_acq_rel) != 1)
        return;
    heap_free(process->timers);
    heap_free(process->posix_timers);
    signal_actions_unref(process->actions);
    cred_unref(atomic_load(&process->cred));
    heap_free(process);
}

static void process_ref_object(void *object)
{
    process_ref(object);
}

static void thread_ref_object(void *object)
{
    thread_ref(object);
}

struct process *process_find(int32_t pid)
{
    return pid_lookup(pid, PID_PROCESS, process_ref_object);
}

struct thread *thread_find(int32_t tid)
{
    return pid_lookup(tid, PID_THREAD, thread_ref_object);
}

void process_each(bool (*show)(void *arg, struct process *process), void *arg)
{
    struct process *process;
    bool go_on = true;
    for (int32_t pid = 0; go_on && (process = pid_next_process(pid));) {
        pid = process->pid;
        go_on = show(arg, process);
        process_unref(process);
    }
}

uint64_t process_limit(unsigned resource)
{
    return current_process()->limits[resource].rlim_cur;
}

bool process_is_ending(void)
{
    return atomic_load_explicit(&current_thread()->work, memory_order_relaxed) & WORK_EXIT;
}

uint64_t process_lock_limit(void)
{
    return process_capable(CAPABILITY_IPC_LOCK) ? ABI_RLIM_INFINITY
                                                : process_limit(ABI_RLIMIT_MEMLOCK);
}

/* ---- Parts of other processes ---- */

/* While a process has a thread it keeps its parts, and exec changes them with signal_lock held. */
struct space *process_space_get(struct process *process)
{
    spin_lock(&process->signal_lock);
    struct space *space = process->thread_count ? process->space : NULL;
    if (space)
        space_ref(space);
    spin_unlock(&process->signal_lock);
    return space;
}

struct fdtab *process_fds_get(struct process *process)
{
    spin_lock(&process->signal_lock);
    struct fdtab *fds = process->thread_count ? process->fds : NULL;
    if (fds)
        fdtab_ref(fds);
    spin_unlock(&process->signal_lock);
    return fds;
}

struct fs_context *process_fs_get(struct process *process)
{
    spin_lock(&process->signal_lock);
    struct fs_context *fs = process->thread_count ? process->fs : NULL;
    if (fs)
        fs_context_ref(fs);
    spin_unlock(&process->signal_lock);
    return fs;
}

struct cred *process_cred_get(struct process *process)
{
    spin_lock(&process->signal_lock);
    struct cred *cred = atomic_load(&process->cred);
    atomic_fetch_add(&cred->references, 1);
    spin_unlock(&process->signal_lock);
    return cred;
}

uint32_t process_uid(struct process *process)
{
    spin_lock(&process->signal_lock);
    uint32_t uid = atomic_load(&process->cred)->uid;
    spin_unlock(&process->signal_lock);
    return uid;
}

void process_name(struct process *process, char out[THREAD_NAME_SIZE])
{
    spin_lock(&process->signal_lock);
    memcpy(out, process->leader ? process->leader->name : process->name, THREAD_NAME_SIZE);
    spin_unlock(&process->signal_lock);
    out[THREAD_NAME_SIZE - 1] = '\0';
}

/* ---- Times ---- */

void process_times(struct process *process, uint64_t *user, uint64_t *system)
{
    uint64_t u = process->dead_user, s = process->dead_system;
    spin_lock(&process->signal_lock);
    list_for_each (link, &process->threads) {
        struct thread *thread = container_of(link, struct thread, process_link);
        uint64_t part_user, part_system;
        thread_times(thread, &part_user, &part_system);
        u += part_user;
        s += part_system;
    }
    spin_unlock(&process->signal_lock);
    *user = u;
    *system = s;
}

void process_usage(struct process *process, bool children, struct abi_rusage *out)
{
    uint64_t user = process->children_user, system = process->children_system;
    *out = (struct abi_rusage){0};
    if (process == current_process())
        thread_charge();
    if (!children) {
        process_times(process, &user, &system);
        out->ru_minflt = (int64_t)process->minor_faults;
        out->ru_majflt = (int64_t)process->major_faults;
        if (process == current_process() && process->space) {
            struct space_usage usage;
            space_usage(process->space, &usage);
            out->ru_maxrss = (int64_t)(usage.resident * (PAGE_SIZE / 1024));
            out->ru_minflt += (int64_t)usage.minor_faults;
            out->ru_majflt += (int64_t)usage.major_faults;
        }
        out->ru_nvcsw = (int64_t)current_thread()->voluntary;
        out->ru_nivcsw = (int64_t)current_thread()->involuntary;
    }
    out->ru_utime = timeval_from_ns(user);
    out->ru_stime = timeval_from_ns(system);
}
